/* SPDX-License-Identifier: MIT */
#include "sentinel/recorder.h"

#include "core/clock.h"
#include "core/event.h"
#include "sentinel/record_file.h"
#include "sentinel/thread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_NS     (20 * NS_PER_MS)
#define FLUSH_NS    NS_PER_S
#define DRAINED_NS  NS_PER_S /* a quiet connection is said to be drained this often */
#define HEAD_BYTES  (FLATLINE_NAME_BYTES + 32U)
#define CLEAN_BYTES 256U
#define PASS_MAX    65536U /* entries a pass: the flush has its turn */

/* What the file has said of a slot. */
struct lane {
    char name[FLATLINE_NAME_BYTES];
    bool is_open;
    int32_t acks;
    uint64_t last_ns; /* of its last line, mono */
};

struct recorder {
    struct recorder_setup setup;
    struct record_file *file;
    struct lane *lanes;
    uint32_t lane_count;
    uint64_t wall_minus_mono_ns;
    uint64_t last_ns; /* of the last line, mono */
    uint64_t flush_due_ns;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void
log_say(struct recorder *recorder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_queue_push(recorder->setup.log, format, arguments);
    va_end(arguments);
}

/* ---- start and end --------------------------------------------------------------------------- */

int recorder_create(const struct recorder_setup *setup,
                    struct recorder **ret_recorder,
                    char *error_text,
                    size_t error_text_bytes)
{
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    if (recorder == NULL) {
        return -ENOMEM;
    }
    recorder->setup = *setup;
    recorder->lane_count = plan_slot_count(setup->plan);
    recorder->lanes = calloc(recorder->lane_count + 1U, sizeof(*recorder->lanes));
    const uint64_t wall_ns = clock_wall_ns();
    recorder->wall_minus_mono_ns = wall_ns - clock_mono_ns();
    int result = recorder->lanes == NULL ? -ENOMEM : 0;
    if (result == 0) {
        result = record_file_create(setup->config->record_file, wall_ns, &recorder->file);
    }
    if (result != 0) {
        if (error_text_bytes > 0) {
            (void)snprintf(error_text,
                           error_text_bytes,
                           "record: %s: %s",
                           setup->config->record_file,
                           result == -EEXIST ? "is there already; a recording overwrites nothing, "
                                               "write a name with the time in it, such as "
                                               "%F-%H%M%S.tsv.zst"
                                             : strerror(-result));
        }
        recorder_destroy(recorder);
        return result;
    }
    for (uint32_t i = 0; i < recorder->lane_count; i++) {
        plan_slot_name(setup->plan, i, recorder->lanes[i].name);
    }
    log_say(recorder, "recording to %s", record_file_path(recorder->file));
    *ret_recorder = recorder;
    return 0;
}

/* A disk that is full or gone: the recording ends here, the sentinel goes on. */
static void give_up(struct recorder *recorder, int error)
{
    if (!recorder->failed) {
        recorder->failed = true;
        log_say(recorder,
                "recording ended: %s: %s; frames are no longer recorded",
                record_file_path(recorder->file),
                strerror(-error));
    }
}

void recorder_destroy(struct recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    if (recorder->file != NULL) {
        recorder_pass(recorder, clock_mono_ns());
        const int result = record_file_destroy(recorder->file);
        recorder->file = NULL;
        if (result != 0 && !recorder->failed) {
            count_relaxed(&recorder->setup.words->record.failed, 1);
        }
    }
    free(recorder->lanes);
    free(recorder);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void put(struct recorder *recorder, const char *bytes, size_t size_bytes)
{
    const int result = record_file_write(recorder->file, bytes, size_bytes);
    if (result != 0) {
        give_up(recorder, result);
    }
}

static void put_text(struct recorder *recorder, const char *text)
{
    put(recorder, text, strlen(text));
}

static uint64_t wall_of(const struct recorder *recorder, uint64_t mono_ns)
{
    return mono_ns + recorder->wall_minus_mono_ns;
}

static void head_put(struct recorder *recorder, uint32_t slot, uint64_t mono_ns, bool is_note)
{
    struct lane *lane = &recorder->lanes[slot];
    char head[HEAD_BYTES];
    const int length = snprintf(head,
                                sizeof(head),
                                "%" PRIu64 "\t%s%s\t",
                                wall_of(recorder, mono_ns),
                                lane->name,
                                is_note ? "#meta" : "");
    put(recorder, head, (size_t)length);
    lane->last_ns = mono_ns > lane->last_ns ? mono_ns : lane->last_ns;
    recorder->last_ns = mono_ns > recorder->last_ns ? mono_ns : recorder->last_ns;
    count_relaxed(&recorder->setup.words->record.lines, 1);
}

/* A line break would end the line: inside JSON it is white space, or the frame is broken anyway. */
static void frame_put(struct recorder *recorder, const struct record *record, const char *bytes)
{
    head_put(recorder, record->slot, record->recv_mono_ns, false);
    uint32_t from = 0;
    for (uint32_t i = 0; i < record->size_bytes; i++) {
        if (UNLIKELY((unsigned char)bytes[i] < ' ') &&
            (bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\t')) {
            put(recorder, bytes + from, i - from);
            put_text(recorder, " ");
            from = i + 1;
        }
    }
    put(recorder, bytes + from, record->size_bytes - from);
    put_text(recorder, "\n");
}

/* The streams it carries: without them a replay could not miss one that never came. */
static void open_put(struct recorder *recorder, uint32_t slot, uint64_t mono_ns)
{
    const struct plan_line *line = &recorder->setup.plan->lines[plan_line_of(slot)];
    char text[64];
    head_put(recorder, slot, mono_ns, true);
    (void)snprintf(text,
                   sizeof(text),
                   "{\"type\":\"open\",\"route\":\"%s\",\"acks\":%" PRId32 ",\"streams\":[",
                   route_name(line->route),
                   recorder->lanes[slot].acks);
    put_text(recorder, text);
    for (uint32_t i = 0; i < line->stream_count; i++) {
        put_text(recorder, i > 0 ? ",\"" : "\"");
        put_text(recorder, recorder->setup.config->streams[line->streams[i]].name);
        put_text(recorder, "\"");
    }
    put_text(recorder, "]}\n");
}

static void close_put(struct recorder *recorder, const struct record *record, const char *text)
{
    char clean[CLEAN_BYTES];
    char note[CLEAN_BYTES + 96U];
    size_t used = 0;
    for (uint32_t i = 0; i < record->size_bytes && used < sizeof(clean) - 1U; i++) {
        const unsigned char c = (unsigned char)text[i];
        clean[used++] = (char)(c < ' ' || c == '"' || c == '\\' || c > '~' ? '?' : c);
    }
    clean[used] = '\0';
    (void)snprintf(note,
                   sizeof(note),
                   "{\"type\":\"close\",\"how\":\"%s\",\"code\":%" PRId32 ",\"text\":\"%s\"}\n",
                   link_end_name(record->how),
                   record->code,
                   clean);
    head_put(recorder, record->slot, record->recv_mono_ns, true);
    put_text(recorder, note);
}

static void stall_put(struct recorder *recorder, uint32_t slot, uint64_t from_ns, uint64_t mono_ns)
{
    char note[64];
    head_put(recorder, slot, mono_ns, true);
    (void)snprintf(note,
                   sizeof(note),
                   "{\"type\":\"stall\",\"from_ns\":%" PRIu64 "}\n",
                   wall_of(recorder, from_ns));
    put_text(recorder, note);
}

/* What was dropped is our own absence: silence meanwhile proves nothing, and ids begin anew. */
static void loss_put(struct recorder *recorder, const struct record *record)
{
    struct lane *lane = &recorder->lanes[record->slot];
    const uint64_t at_ns = record->recv_mono_ns;
    if (recorder->last_ns != 0 && at_ns > recorder->last_ns) {
        stall_put(recorder, record->slot, recorder->last_ns, at_ns);
    }
    if (lane->is_open) {
        const struct record end = {
            .slot = record->slot, .how = LINK_END_LOCAL, .recv_mono_ns = at_ns};
        close_put(recorder, &end, "");
    }
    if (record->kind != RECORD_OPEN && record->kind != RECORD_CLOSE) {
        lane->is_open = true;
        open_put(recorder, record->slot, at_ns);
    }
}

static void entry_put(struct recorder *recorder, const struct record *record, const char *bytes)
{
    struct lane *lane = &recorder->lanes[record->slot];
    char note[64];
    if (record->after_loss != 0) {
        loss_put(recorder, record);
    }
    switch ((enum record_kind)record->kind) {
    case RECORD_FRAME:
        frame_put(recorder, record, bytes);
        break;
    case RECORD_OPEN:
        lane->is_open = true;
        lane->acks = record->code;
        open_put(recorder, record->slot, record->recv_mono_ns);
        break;
    case RECORD_CLOSE:
        lane->is_open = false;
        close_put(recorder, record, bytes);
        break;
    case RECORD_PING:
        head_put(recorder, record->slot, record->recv_mono_ns, true);
        put_text(recorder, "{\"type\":\"ping\"}\n");
        break;
    case RECORD_PONG:
        head_put(recorder, record->slot, record->recv_mono_ns, true);
        (void)snprintf(
            note, sizeof(note), "{\"type\":\"pong\",\"rtt_ns\":%" PRIu64 "}\n", record->value);
        put_text(recorder, note);
        break;
    case RECORD_STALL:
        stall_put(recorder, record->slot, record->value, record->recv_mono_ns);
        break;
    case RECORD_PAD:
        break;
    }
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* A new file begins with what is open, so that it can be read alone. */
static void file_turn(struct recorder *recorder, uint64_t now_mono_ns)
{
    const int turned = record_file_turn(recorder->file, wall_of(recorder, now_mono_ns));
    if (turned < 0) {
        give_up(recorder, turned);
        return;
    }
    for (uint32_t i = 0; turned > 0 && i < recorder->lane_count; i++) {
        if (recorder->lanes[i].is_open) {
            open_put(recorder, i, recorder->last_ns);
        }
    }
    if (turned > 0) {
        log_say(recorder, "recording to %s", record_file_path(recorder->file));
    }
}

/* The watermarks were loaded before the ring was emptied: all that came before them is written. */
static void drained_put(struct recorder *recorder, const uint64_t *marks_ns)
{
    for (uint32_t i = 0; i < recorder->lane_count; i++) {
        const struct lane *lane = &recorder->lanes[i];
        if (lane->is_open && marks_ns[i] >= recorder->last_ns &&
            marks_ns[i] - lane->last_ns >= DRAINED_NS) {
            head_put(recorder, i, marks_ns[i], true);
            put_text(recorder, "{\"type\":\"drained\"}\n");
        }
    }
}

static bool ring_take(struct recorder *recorder)
{
    struct record_ring *ring = recorder->setup.ring;
    struct record record;
    const char *bytes;
    for (uint32_t i = 0; i < PASS_MAX; i++) {
        if (!record_peek(ring, &record, &bytes)) {
            return true;
        }
        if (recorder->failed) {
            count_relaxed(&recorder->setup.words->record.failed, 1);
        } else {
            entry_put(recorder, &record, bytes);
        }
        record_pop(ring, &record);
    }
    return false;
}

void recorder_pass(struct recorder *recorder, uint64_t now_mono_ns)
{
    struct words *words = recorder->setup.words;
    const bool is_time = now_mono_ns >= recorder->flush_due_ns;
    uint64_t *marks_ns = is_time ? calloc(recorder->lane_count + 1U, sizeof(*marks_ns)) : NULL;
    for (uint32_t i = 0; marks_ns != NULL && i < recorder->lane_count; i++) {
        uint64_t epoch;
        if (!watermark_load(&words->watermarks[i], &epoch, &marks_ns[i])) {
            marks_ns[i] = 0;
        }
    }
    const bool is_empty = ring_take(recorder);
    if (is_time && !recorder->failed) {
        recorder->flush_due_ns = now_mono_ns + FLUSH_NS;
        if (is_empty && marks_ns != NULL) {
            drained_put(recorder, marks_ns);
        }
        const int result = record_file_flush(recorder->file);
        if (result != 0) {
            give_up(recorder, result);
        } else {
            file_turn(recorder, now_mono_ns);
        }
    }
    store_relaxed(&words->record.bytes, record_file_bytes(recorder->file));
    free(marks_ns);
}

void *recorder_run(void *user)
{
    struct recorder *recorder = user;
    const struct timespec pause = {0, (long)POLL_NS};
    while (load_acquire(&recorder->setup.words->stop) == 0) { /* pairs with flatline_stop() */
        recorder_pass(recorder, clock_mono_ns());
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}
