/* SPDX-License-Identifier: MIT
 *
 * reader_slots.c - consistent copies of what the judge writes: details, faults, errors, events,
 * histograms.
 */
#include "core/reader_internal.h"

#include "core/atomic.h"
#include "core/slot.h"

#include <string.h>

#define WORDS_BEFORE(record, field) (offsetof(struct record, field) / sizeof(uint64_t))
#define WORDS_OF(record)            (sizeof(struct record) / sizeof(uint64_t))

/* A torn slot: the writer is busy, or it died over it. */
static int torn(const struct flatline_header *header)
{
    return header_is_alive(header, flatline_now_mono_ns()) ? FLATLINE_E_AGAIN
                                                           : FLATLINE_E_SENTINEL_DEAD;
}

int flatline_take_snapshot(const struct flatline_stream *stream,
                           const struct flatline *reader,
                           struct flatline_snapshot *ret_snapshot)
{
    if (stream == NULL || reader == NULL || ret_snapshot == NULL) {
        return FLATLINE_E_INVALID;
    }
    const struct view *view = reader_view_of(reader, stream->header);
    const uint64_t *slot =
        view != NULL ? view_record(view, FLATLINE_SECTION_DETAILS, stream->index) : NULL;
    if (slot == NULL) {
        return FLATLINE_E_INVALID;
    }
    if (view_is_over(view)) {
        return FLATLINE_E_SUPERSEDED;
    }
    struct flatline_snapshot copy = {0};
    if (!slot_read(slot, (uint64_t *)&copy.detail, WORDS_BEFORE(flatline_detail, reserved))) {
        return torn(stream->header);
    }
    const uint64_t *lease = (const uint64_t *)stream->lease;
    uint64_t *words = (uint64_t *)&copy.lease;
    for (size_t i = 0; i < WORDS_BEFORE(flatline_lease, reserved); i++) {
        /* ORDER segment.lease, acquire: lone words, each meaningful by itself. Pairs with
         * publisher_lease(). */
        words[i] = load_acquire(&lease[i]);
    }
    *ret_snapshot = copy;
    return 0;
}

/* ---- tables of slots ------------------------------------------------------------------------- */

static void fault_of_slot(const struct flatline_fault_slot *slot, struct flatline_fault *fault)
{
    *fault = (struct flatline_fault){
        .id = slot->id,
        .kind = (enum flatline_fault_kind)slot->kind,
        .scope = (enum flatline_scope)slot->scope,
        .blame = (enum flatline_scope)slot->blame,
        .stream = (uint32_t)slot->stream,
        .connection = (uint32_t)slot->connection,
        .onset_mono_ns = slot->onset_mono_ns,
        .noticed_mono_ns = slot->noticed_mono_ns,
        .cleared_mono_ns = slot->cleared_mono_ns,
        .count = slot->count,
        .confidence_percent = (uint32_t)slot->confidence,
        .drill = (slot->flags & FLATLINE_FAULT_DRILL) != 0,
    };
    memcpy(fault->evidence, slot->evidence, sizeof(fault->evidence));
    memcpy(fault->text, slot->text, sizeof(fault->text) - 1); /* the last byte stays NUL */
}

/* Keeps the newest faults_max of count + 1, newest first. */
static void fault_insert(struct flatline_fault *faults,
                         size_t faults_max,
                         size_t count,
                         const struct flatline_fault_slot *slot)
{
    size_t place = count < faults_max ? count : faults_max;
    while (place > 0 && faults[place - 1].id < slot->id) {
        if (place < faults_max) {
            faults[place] = faults[place - 1];
        }
        place--;
    }
    if (place < faults_max) {
        fault_of_slot(slot, &faults[place]);
    }
}

int flatline_faults(const struct flatline *reader,
                    bool open_only,
                    struct flatline_fault *faults,
                    size_t faults_max)
{
    if (reader == NULL || (faults == NULL && faults_max > 0)) {
        return FLATLINE_E_INVALID;
    }
    if (view_is_over(reader->view)) {
        return FLATLINE_E_SUPERSEDED;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < flatline_record_count(reader, FLATLINE_SECTION_FAULTS); i++) {
        struct flatline_fault_slot slot = {0};
        const uint64_t *live = view_record(reader->view, FLATLINE_SECTION_FAULTS, i);
        if (!slot_read(live, (uint64_t *)&slot, WORDS_BEFORE(flatline_fault_slot, reserved))) {
            if (torn(flatline_header_of(reader)) == FLATLINE_E_AGAIN) {
                return FLATLINE_E_AGAIN;
            }
            continue; /* half written by a dead writer: the others still count */
        }
        if (slot.id != 0 && (!open_only || slot.cleared_mono_ns == 0)) {
            fault_insert(faults, faults_max, count, &slot);
            count++;
        }
    }
    return (int)count;
}

/* ---- advice ---------------------------------------------------------------------------------- */

/* Text that a hostile owner may have filled with anything: cut, and nothing a terminal obeys. */
static void text_copy(char *text, const uint64_t *words, size_t bytes)
{
    memcpy(text, words, bytes);
    text[bytes - 1] = '\0';
    for (char *byte = text; *byte != '\0'; byte++) {
        if ((unsigned char)*byte < ' ' || *byte == 0x7f) {
            *byte = '?';
        }
    }
}

static void advice_of_slot(const struct flatline_advice_slot *slot, struct flatline_advice *advice)
{
    *advice = (struct flatline_advice){
        .serial = slot->serial,
        .kind = (enum flatline_advice_kind)slot->kind,
        .target = (enum flatline_target)slot->target,
        .index = (uint32_t)slot->index,
        .drill = (slot->flags & FLATLINE_ADVICE_DRILL) != 0,
        .since_mono_ns = slot->since_mono_ns,
        .until_mono_ns = slot->until_mono_ns,
        .since_wall_ns = slot->since_wall_ns,
        .uid = slot->uid,
    };
    text_copy(advice->by, slot->by, sizeof(advice->by));
    text_copy(advice->name, slot->name, sizeof(advice->name));
    text_copy(advice->reason, slot->reason, sizeof(advice->reason));
}

/* Keeps the newest advice_max of count + 1, newest first. */
static void advice_insert(struct flatline_advice *advice,
                          size_t advice_max,
                          size_t count,
                          const struct flatline_advice_slot *slot)
{
    size_t place = count < advice_max ? count : advice_max;
    while (place > 0 && advice[place - 1].serial < slot->serial) {
        if (place < advice_max) {
            advice[place] = advice[place - 1];
        }
        place--;
    }
    if (place < advice_max) {
        advice_of_slot(slot, &advice[place]);
    }
}

int flatline_list_advice(const struct flatline *reader,
                         uint64_t now_mono_ns,
                         struct flatline_advice *advice,
                         size_t advice_max)
{
    if (reader == NULL || (advice == NULL && advice_max > 0)) {
        return FLATLINE_E_INVALID;
    }
    if (view_is_over(reader->view)) {
        return FLATLINE_E_SUPERSEDED;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < flatline_record_count(reader, FLATLINE_SECTION_ADVICE); i++) {
        struct flatline_advice_slot slot = {0};
        const uint64_t *live = view_record(reader->view, FLATLINE_SECTION_ADVICE, i);
        if (!slot_read(live, (uint64_t *)&slot, WORDS_BEFORE(flatline_advice_slot, reserved))) {
            if (torn(flatline_header_of(reader)) == FLATLINE_E_AGAIN) {
                return FLATLINE_E_AGAIN;
            }
            continue;
        }
        if (slot.serial != 0 && slot.until_mono_ns > now_mono_ns) {
            advice_insert(advice, advice_max, count, &slot);
            count++;
        }
    }
    return (int)count;
}

uint64_t flatline_advice_serial(const struct flatline_gate *gate, enum flatline_advice_kind kind)
{
    const uint64_t *const serials[FLATLINE_ADVICE_COUNT] = {
        [FLATLINE_ADVICE_BREAKER] = &gate->advice->breaker_serial,
        [FLATLINE_ADVICE_PAUSE] = &gate->advice->pause_serial,
        [FLATLINE_ADVICE_REDUCE] = &gate->advice->reduce_serial,
        [FLATLINE_ADVICE_FALLBACK] = &gate->advice->fallback_serial,
        [FLATLINE_ADVICE_RECONNECT] = &gate->advice->reconnect_serial,
    };
    return (uint32_t)kind < FLATLINE_ADVICE_COUNT ? load_acquire(serials[kind]) : 0;
}

/* ---- errors ---------------------------------------------------------------------------------- */

int flatline_errors(const struct flatline *reader,
                    struct flatline_error_entry *entries,
                    size_t entries_max)
{
    if (reader == NULL || (entries == NULL && entries_max > 0)) {
        return FLATLINE_E_INVALID;
    }
    if (view_is_over(reader->view)) {
        return FLATLINE_E_SUPERSEDED;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < flatline_record_count(reader, FLATLINE_SECTION_ERRORS); i++) {
        struct flatline_error_slot slot;
        const uint64_t *live = view_record(reader->view, FLATLINE_SECTION_ERRORS, i);
        if (!slot_read(live, (uint64_t *)&slot, WORDS_OF(flatline_error_slot))) {
            if (torn(flatline_header_of(reader)) == FLATLINE_E_AGAIN) {
                return FLATLINE_E_AGAIN;
            }
            continue;
        }
        if (slot.count == 0) {
            continue;
        }
        if (count < entries_max) {
            struct flatline_error_entry *entry = &entries[count];
            *entry = (struct flatline_error_entry){.count = slot.count,
                                                   .first_mono_ns = slot.first_mono_ns,
                                                   .last_mono_ns = slot.last_mono_ns};
            memcpy(entry->text, slot.text, sizeof(entry->text) - 1);
        }
        count++;
    }
    return (int)count;
}

/* ---- the event ring -------------------------------------------------------------------------- */

uint64_t flatline_event_head(const struct flatline *reader)
{
    /* ORDER segment.events, acquire: slots before head are whole or newer. Pairs with
     * publisher_event(). */
    return load_acquire(&flatline_header_of(reader)->event_head);
}

static void event_of_slot(const struct flatline_event_slot *slot, struct flatline_event *event)
{
    *event = (struct flatline_event){
        .number = slot->number,
        .type = (enum flatline_event_type)slot->type,
        .stream = (uint32_t)slot->stream,
        .at_mono_ns = slot->at_mono_ns,
        .seen_mono_ns = slot->seen_mono_ns,
        .fault_id = slot->fault_id,
        .fault_kind = (enum flatline_fault_kind)slot->fault_kind,
        .drill = slot->type == FLATLINE_EVENT_DRILL || slot->type == FLATLINE_EVENT_DRILL_END ||
                 slot->type == FLATLINE_EVENT_DRILL_FAULT ||
                 slot->type == FLATLINE_EVENT_DRILL_CLEAR,
    };
}

int flatline_next_event(const struct flatline *reader,
                        uint64_t *cursor,
                        struct flatline_event *ret_event,
                        uint64_t *ret_lost)
{
    if (reader == NULL || cursor == NULL || ret_event == NULL) {
        return FLATLINE_E_INVALID;
    }
    const uint32_t capacity = flatline_record_count(reader, FLATLINE_SECTION_EVENTS);
    const uint64_t start = *cursor;
    for (uint32_t attempt = 0; attempt < SLOT_TRIES && capacity > 0; attempt++) {
        const uint64_t head = flatline_event_head(reader);
        if (*cursor >= head) {
            break;
        }
        if (head - *cursor > capacity) {
            *cursor = head - capacity;
        }
        struct flatline_event_slot slot;
        const uint64_t *live =
            view_record(reader->view, FLATLINE_SECTION_EVENTS, (uint32_t)(*cursor % capacity));
        if (slot_read(live, (uint64_t *)&slot, WORDS_OF(flatline_event_slot)) &&
            slot.number == *cursor) {
            event_of_slot(&slot, ret_event);
            if (ret_lost != NULL) {
                *ret_lost = *cursor - start;
            }
            (*cursor)++;
            return 1;
        }
        (*cursor)++; /* torn or renumbered before head: overwritten, so this event is lost */
    }
    if (*cursor != start) {
        *cursor = start; /* nothing was read, so nothing is reported lost yet */
        return torn(flatline_header_of(reader));
    }
    return view_is_over(reader->view) ? FLATLINE_E_SUPERSEDED : 0;
}

/* ---- histograms ------------------------------------------------------------------------------ */

#define BITS_MAX 16U

/* Upper edge, in units, of bucket `index`: the inverse of the rule in layout.h. */
static uint64_t bucket_upper(uint32_t index, uint32_t bits)
{
    const uint32_t half = 1U << (bits - 1);
    if (index < 2 * half) {
        return index;
    }
    const uint32_t shift = index / half - 1;
    const uint64_t lower = (uint64_t)(index % half + half) << shift;
    /* The analyzer does not follow that index >= 2 * half makes shift 0 or more; histogram_copy()
     * has bounded bits and buckets. */
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    return lower + ((1ULL << shift) - 1);
}

/* A histogram's words, copied and checked against the section we know: the live ones may say
 * anything. */
struct histogram_copy {
    const uint32_t *counts;
    uint64_t unit_ns;
    uint64_t max_ns;
    uint32_t bits;
    uint32_t buckets;
};

static bool histogram_copy(const struct view *view,
                           enum flatline_section_index section,
                           uint32_t index,
                           struct histogram_copy *copy)
{
    const struct flatline_histogram *live = view_record(view, section, index);
    if (live == NULL || (section != FLATLINE_SECTION_HISTOGRAMS &&
                         section != FLATLINE_SECTION_CONNECTION_HISTOGRAMS)) {
        return false;
    }
    const uint64_t shape = load_relaxed((const uint64_t *)(const void *)&live->sub_bucket_bits);
    copy->counts = (const uint32_t *)(live + 1);
    copy->unit_ns = load_relaxed(&live->unit_ns);
    copy->max_ns = load_relaxed(&live->max_ns);
    copy->bits = (uint32_t)shape;
    copy->buckets = (uint32_t)(shape >> 32);
    const size_t room_bytes = view->sections[section].stride_bytes - sizeof(*live);
    return copy->bits > 0 && copy->bits <= BITS_MAX &&
           copy->buckets <= room_bytes / sizeof(uint32_t) &&
           (copy->buckets >> (copy->bits - 1)) <= 64U - copy->bits;
}

static uint64_t histogram_total(const struct histogram_copy *copy)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < copy->buckets; i++) {
        total += load_relaxed_32(&copy->counts[i]);
    }
    return total;
}

uint64_t flatline_histogram_quantile(const struct flatline *reader,
                                     enum flatline_section_index section,
                                     uint32_t index,
                                     double quantile)
{
    struct histogram_copy copy;
    if (!histogram_copy(reader->view, section, index, &copy)) {
        return 0;
    }
    const double clamped = !(quantile > 0.0) ? 0.0 : quantile > 1.0 ? 1.0 : quantile; /* NaN is 0 */
    const double exact =
        clamped * (double)histogram_total(&copy); /* of the counts: `total` may be one ahead */
    uint64_t wanted = (uint64_t)exact;
    wanted += (double)wanted < exact || wanted == 0 ? 1 : 0;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < copy.buckets; i++) {
        seen += load_relaxed_32(&copy.counts[i]);
        if (seen >= wanted) {
            const uint64_t upper_ns = (bucket_upper(i, copy.bits) + 1) * copy.unit_ns - 1;
            return upper_ns < copy.max_ns ? upper_ns : copy.max_ns;
        }
    }
    return 0;
}
