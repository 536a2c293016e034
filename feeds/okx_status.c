/* SPDX-License-Identifier: MIT
 *
 * A push is {"arg":{"channel":"status"},"data":[{"title":"...","state":"ongoing","begin":"...",
 * "end":"...","serviceType":"0","system":"unified","env":"1", ...}]}: the row that changed, and after
 * a subscribe the last one that did, however old. Source: OKX docs "Status", "Status channel".
 */
#include "feeds/okx_status.h"

#include "core/base.h"
#include "feeds/codec_event.h"
#include "feeds/json_scan.h"

#define FNV_BASIS 0x811c9dc5U
#define FNV_PRIME 0x01000193U

#define MINUTE_MS     60000U
#define MS_DIGITS_MAX 18U

/* OKX docs: 0 is WebSocket; 5, 8 and 9 trading; the rest block trading, bots, copy trading. env 1 is
 * production, 2 demo trading. */
bool okx_work_concerns(const struct okx_work *work)
{
    const bool is_ours =
        work->service.size_bytes == 1 && memchr("0589", work->service.bytes[0], 4) != NULL;
    return is_ours && !span_equals(work->environment, "2");
}

/* scheduled, ongoing, pre_open (orders may be placed again), completed, canceled */
bool okx_work_is_under_way(const struct okx_work *work)
{
    return span_equals(work->state, "ongoing");
}

static uint32_t mark_add(uint32_t mark, struct span part)
{
    for (size_t i = 0; i < part.size_bytes; i++) {
        mark = (mark ^ (uint8_t)part.bytes[i]) * FNV_PRIME;
    }
    return (mark ^ '/') * FNV_PRIME;
}

/* A row has no id. Its end is corrected while it lasts, its title may be. */
uint32_t okx_work_mark(const struct okx_work *work)
{
    const uint32_t mark =
        mark_add(mark_add(mark_add(FNV_BASIS, work->begin), work->service), work->system);
    return mark != 0 ? mark : 1;
}

static uint64_t ms_of(struct span text)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < text.size_bytes; i++) {
        const unsigned digit = (unsigned)text.bytes[i] - '0';
        if (digit > 9 || i == MS_DIGITS_MAX) {
            return 0;
        }
        ms = ms * 10U + digit;
    }
    return ms;
}

uint32_t okx_work_minutes(const struct okx_work *work)
{
    const uint64_t begin_ms = ms_of(work->begin);
    const uint64_t end_ms = ms_of(work->end);
    if (begin_ms == 0 || end_ms <= begin_ms) {
        return 0;
    }
    const uint64_t minutes = (end_ms - begin_ms + MINUTE_MS - 1U) / MINUTE_MS;
    return minutes < STATUS_MINUTES_MAX ? (uint32_t)minutes : STATUS_MINUTES_MAX;
}

/* ---- a push ---------------------------------------------------------------------------------- */

enum row_field {
    ROW_BEGIN,
    ROW_END,
    ROW_SERVICE,
    ROW_SYSTEM,
    ROW_STATE,
    ROW_ENVIRONMENT,
    ROW_TITLE,
    ROW_FIELD_COUNT
};

_Static_assert(ROW_FIELD_COUNT <= JSON_FIELDS_MAX, "one slot a field");

static unsigned row_field_of(struct span key)
{
    static const char *const words[ROW_FIELD_COUNT] = {[ROW_BEGIN] = "begin",
                                                       [ROW_END] = "end",
                                                       [ROW_SERVICE] = "serviceType",
                                                       [ROW_SYSTEM] = "system",
                                                       [ROW_STATE] = "state",
                                                       [ROW_ENVIRONMENT] = "env",
                                                       [ROW_TITLE] = "title"};
    for (unsigned i = 0; i < ROW_FIELD_COUNT; i++) {
        if (span_equals(key, words[i])) {
            return i;
        }
    }
    return JSON_FIELDS_MAX;
}

static void row_take(const struct json_fields *row, struct event *ret_event)
{
    char buffers[ROW_TITLE][JSON_TEXT_BYTES_MAX];
    struct span texts[ROW_TITLE];
    for (unsigned i = 0; i < ROW_TITLE; i++) {
        texts[i] = json_text(json_field(row, i), buffers[i]);
    }
    const struct okx_work work = {.begin = texts[ROW_BEGIN],
                                  .end = texts[ROW_END],
                                  .service = texts[ROW_SERVICE],
                                  .system = texts[ROW_SYSTEM],
                                  .state = texts[ROW_STATE],
                                  .environment = texts[ROW_ENVIRONMENT]};
    const bool is_outdone = ret_event->kind == EVENT_VENUE_STATUS &&
                            ret_event->note.code == STATUS_UNDER_WAY &&
                            !okx_work_is_under_way(&work);
    if (okx_work_concerns(&work) && !is_outdone) {
        (void)note_write(
            ret_event,
            EVENT_VENUE_STATUS,
            okx_work_is_under_way(&work) ? STATUS_UNDER_WAY : STATUS_OVER,
            status_value(FLATLINE_VENUE_OKX, okx_work_mark(&work), okx_work_minutes(&work)),
            json_field(row, ROW_TITLE));
    }
}

static void rows_read(struct json_scan *scan, struct event *ret_event)
{
    struct json_value passed;
    struct json_fields row;

    json_enter_array(scan);
    while (json_next_element(scan)) {
        if (json_peek(scan) == '{') {
            json_fields_read(scan, row_field_of, &row);
            row_take(&row, ret_event);
        } else {
            json_read(scan, &passed);
        }
    }
}

enum codec_verdict okx_status_decode(struct span frame, struct event *ret_event)
{
    const struct json_value no_message = {.kind = JSON_KIND_ABSENT};
    struct json_scan scan = json_scan_start(frame);
    struct json_value passed;
    struct span key;

    struct event status = *ret_event;
    (void)note_write(&status, EVENT_CONTROL, 0, 0, &no_message);
    json_enter_object(&scan);
    while (json_next_key(&scan, &key)) {
        if (span_equals(key, "data") && json_peek(&scan) == '[') {
            rows_read(&scan, &status);
        } else {
            json_read(&scan, &passed);
        }
    }
    if (!json_finish(&scan)) {
        return CODEC_MALFORMED;
    }
    *ret_event = status;
    return CODEC_CONTROL;
}
