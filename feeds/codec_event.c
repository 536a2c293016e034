/* SPDX-License-Identifier: MIT */
#include "feeds/codec_event.h"

#include "core/base.h"

/* Venues write ms (13 digits today); Binance spot µs (16 digits) where asked to. A bound a
 * hundred times the present tells them apart until the year 5000. */
static bool wall_ns_of(uint64_t time, int64_t *ret_wall_ns)
{
    if (time == 0) {
        return false;
    }
    if (time < 100000000000000ULL) {
        return !__builtin_mul_overflow((int64_t)time, (int64_t)NS_PER_MS, ret_wall_ns);
    }
    if (time < 100000000000000000ULL) {
        return !__builtin_mul_overflow((int64_t)time, (int64_t)NS_PER_US, ret_wall_ns);
    }
    *ret_wall_ns = (int64_t)time;
    return time <= (uint64_t)INT64_MAX;
}

bool draft_time(struct draft *draft, const struct json_value *value)
{
    uint64_t time;
    int64_t wall_ns;
    if (!json_uint64(value, &time) || !wall_ns_of(time, &wall_ns)) {
        return false;
    }
    draft->data.exch_wall_ns = wall_ns;
    draft->flags |= EVENT_HAS_TIME;
    return true;
}

bool draft_id(struct draft *draft, const struct json_value *value)
{
    if (!json_uint64(value, &draft->data.id)) {
        return false;
    }
    draft->flags |= EVENT_HAS_ID;
    return true;
}

bool draft_first(struct draft *draft, const struct json_value *value)
{
    if (!json_uint64(value, &draft->data.first_id)) {
        return false;
    }
    draft->flags |= EVENT_HAS_FIRST;
    return true;
}

bool draft_prev(struct draft *draft, const struct json_value *value)
{
    if (!json_int64(value, &draft->data.prev_id)) {
        return false;
    }
    draft->flags |= EVENT_HAS_PREV;
    return true;
}

static int64_t first_price_e8(const struct json_value *rows)
{
    const struct json_value row = json_first_element(rows);
    const struct json_value price = json_first_element(&row);
    return json_decimal_e8(&price);
}

void draft_levels(struct draft *draft, const struct json_value *bids, const struct json_value *asks)
{
    draft->data.bid_e8 = first_price_e8(bids);
    draft->data.ask_e8 = first_price_e8(asks);
}

void draft_empty(struct draft *draft, const struct json_value *bids, const struct json_value *asks)
{
    if (json_array_is_empty(bids) && json_array_is_empty(asks)) {
        draft->flags |= EVENT_EMPTY;
    }
}

enum codec_verdict draft_write(uint32_t stream, const struct draft *draft, struct event *ret_event)
{
    ret_event->kind = EVENT_DATA;
    ret_event->stream = stream;
    ret_event->flags = draft->flags;
    ret_event->data = draft->data;
    return CODEC_DATA;
}

enum codec_verdict draft_finish(const struct codec *codec,
                                struct span symbol,
                                struct span channel,
                                const struct draft *draft,
                                struct event *ret_event)
{
    const uint32_t stream = codec->open ? names_intern(codec->names, codec->venue, symbol, channel)
                                        : names_find(codec->names, codec->venue, symbol, channel);
    return stream != NAMES_NONE ? draft_write(stream, draft, ret_event) : CODEC_IGNORED;
}

enum codec_verdict note_write(struct event *ret_event,
                              enum event_kind kind,
                              int64_t code,
                              uint64_t value,
                              const struct json_value *message)
{
    ret_event->kind = (uint8_t)kind;
    ret_event->stream = EVENT_NO_STREAM;
    ret_event->flags = 0;
    ret_event->note = (struct event_note){.code = code, .value = value};
    json_text_cut(message, ret_event->note.text, sizeof(ret_event->note.text));
    return CODEC_CONTROL;
}

int64_t number_or_zero(const struct json_value *value)
{
    int64_t number = 0;
    return json_int64(value, &number) ? number : 0;
}
