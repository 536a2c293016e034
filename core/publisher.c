/* SPDX-License-Identifier: MIT
 *
 * publisher.c - what the judge stores while it lives. No allocation, no system call, no lock;
 * shared memory is stored to and never read back, but for the writer's own sequence and counter
 * words.
 */
#include "core/publisher_internal.h"

#include "core/atomic.h"
#include "core/base.h"
#include "core/slot.h"

#include <stddef.h>
#include <string.h>

#define WORDS_BEFORE(record, field) (offsetof(struct record, field) / sizeof(uint64_t))

/* Slots end where their reserved space begins. */
#define DETAIL_WORDS WORDS_BEFORE(flatline_detail, reserved)
#define FAULT_WORDS  WORDS_BEFORE(flatline_fault_slot, reserved)
#define EVENT_WORDS  (sizeof(struct flatline_event_slot) / sizeof(uint64_t))
#define ERROR_WORDS  (sizeof(struct flatline_error_slot) / sizeof(uint64_t))

_Static_assert(sizeof(((struct finding *)0)->text) <=
                   sizeof(((struct flatline_fault_slot *)0)->text),
               "a finding's text fits a fault slot");

const struct flatline_lease *publisher_lease_line(const struct publisher *publisher,
                                                  uint32_t stream)
{
    flatline_assert(stream < publisher->stream_count);
    return &publisher->leases[stream];
}

void publisher_lease(struct publisher *publisher, uint32_t stream, const struct stream_view *view)
{
    flatline_assert(stream < publisher->stream_count);
    struct flatline_lease *line = &publisher->leases[stream];
    if (view->lease_until_ns == 0) {
        /* Before the lease and only with a zero one, so that a reader who sees zero finds its
         * reason. */
        store_release(&line->revoked_by, view->revoked_by);
    }
    store_relaxed(&line->lost_count,
                  view->lost_count); /* relaxed: for people; the lease below carries it */
    /* ORDER segment.due, release: pairs with the acquire in flatline_due_id(). Published before the
     * lease: an engine that sees the new lease is held to at least this id. */
    store_release(&line->due_id, view->due_id);
    /* ORDER segment.quiet, release: pairs with the acquire in flatline_quiet_holds(). Each word stands
     * alone: a quiet that ended is seen within the same pass, whatever the lease says. */
    store_release(&line->quiet_until_mono_ns, view->quiet_until_ns);
    /* ORDER segment.lease, release: what was published before it (details, due_id, revoked_by) is
     * seen by whoever sees the lease. Pairs with the acquire in flatline_fresh(). Weaker: a lease
     * trusted beside older evidence. */
    store_release(&line->lease_until_mono_ns, view->lease_until_ns);
}

void publisher_detail(struct publisher *publisher, uint32_t stream, const struct stream_view *view)
{
    flatline_assert(stream < publisher->stream_count);
    const struct flatline_detail detail = {
        .last_recv_mono_ns = view->last_recv_ns,
        .last_newer_mono_ns = view->last_newer_ns,
        .last_exch_wall_ns = view->last_exch_wall_ns,
        .frontier_id = view->frontier_id,
        .bid_e8 = view->bid_e8,
        .ask_e8 = view->ask_e8,
        .excess_lag_ns = view->excess_lag_ns,
        .frames = view->frames,
        .gaps = view->gaps,
        .resets = view->resets,
        .regressed = view->regressed,
        .repeated = view->repeated,
        .absurd = view->absurd,
        .lapses = view->lapses,
        .lapsed_ns = view->lapsed_ns,
        .legs = view->legs,
        .legs_up = view->legs_up,
        .open_faults = view->open_faults,
        .lapsed_since_mono_ns = view->lapsed_since_ns,
        .unproven = view->unproven ? 1U : 0U,
        .silence_provable_ns = view->silence_provable_ns,
        .rest_seen_mono_ns = view->rest_seen_ns,
        .rest_moved_mono_ns = view->rest_moved_ns,
        .book_debt = view->book_debt,
        .book_debt_waits = view->book_debt_waits,
        .book_allowance_ns = view->book_allowance_ns,
    };
    slot_write((uint64_t *)&publisher->details[stream], (const uint64_t *)&detail, DETAIL_WORDS);
}

void publisher_event(struct publisher *publisher, const struct flatline_event_slot *event)
{
    const uint64_t number = publisher->event_head;
    struct flatline_event_slot words = *event;
    words.number = number;
    slot_write((uint64_t *)&publisher->events[number & publisher->event_mask],
               (const uint64_t *)&words,
               EVENT_WORDS);
    publisher->event_head = number + 1;
    /* ORDER segment.events, release: the slot is whole before it counts. Pairs with the acquire in
     * flatline_next_event(). */
    store_release(&publisher->header->event_head, publisher->event_head);
}

static struct flatline_fault_slot *fault_find(struct publisher *publisher, uint64_t id)
{
    for (uint32_t i = 0; i < publisher->fault_count; i++) {
        if (publisher->mirror.faults[i].id == id) {
            return &publisher->mirror.faults[i];
        }
    }
    return NULL;
}

/* An empty slot, else the one cleared longest ago, else NULL: an open fault is never driven out. */
static struct flatline_fault_slot *fault_place(struct publisher *publisher)
{
    struct flatline_fault_slot *place = NULL;
    for (uint32_t i = 0; i < publisher->fault_count; i++) {
        struct flatline_fault_slot *fault = &publisher->mirror.faults[i];
        if (fault->id == 0) {
            return fault;
        }
        if (fault->cleared_mono_ns != 0 &&
            (place == NULL || fault->cleared_mono_ns < place->cleared_mono_ns)) {
            place = fault;
        }
    }
    return place;
}

static void fault_store(struct publisher *publisher, const struct flatline_fault_slot *fault)
{
    const size_t index = (size_t)(fault - publisher->mirror.faults);
    slot_write((uint64_t *)&publisher->faults[index], (const uint64_t *)fault, FAULT_WORDS);
}

/* What grows while a fault is open. */
static void fault_refresh(struct flatline_fault_slot *fault, const struct finding *finding)
{
    memcpy(fault->evidence, finding->evidence, sizeof(fault->evidence));
    fault->count = finding->count;
    fault->confidence = finding->confidence;
    fault->blame = finding->blame;
}

static void fault_open(struct publisher *publisher, const struct finding *finding)
{
    publisher->fault_serial++;
    store_release(&publisher->header->fault_serial, publisher->fault_serial);
    struct flatline_fault_slot *fault = fault_place(publisher);
    if (fault == NULL) {
        count_relaxed(&publisher->counters[publisher->counter_count + PUBLISHER_FAULTS_LOST].value,
                      1);
        return;
    }
    *fault = (struct flatline_fault_slot){
        .id = finding->fault_id,
        .kind = finding->fault_kind,
        .scope = finding->scope,
        .stream = finding->stream == EVENT_NO_STREAM ? FLATLINE_NO_INDEX : finding->stream,
        .connection =
            finding->connection == EVENT_NO_CONNECTION ? FLATLINE_NO_INDEX : finding->connection,
        .onset_mono_ns = finding->onset_ns,
        .noticed_mono_ns = finding->at_ns,
        .cleared_mono_ns = 0,
        .flags = finding->drill ? FLATLINE_FAULT_DRILL : 0,
    };
    fault_refresh(fault, finding);
    memcpy(fault->text, finding->text, sizeof(finding->text));
    fault_store(publisher, fault);
}

/* An update or a clear of a fault that found no place is only in the event ring. */
static void fault_change(struct publisher *publisher, const struct finding *finding)
{
    struct flatline_fault_slot *fault = fault_find(publisher, finding->fault_id);
    if (fault == NULL) {
        return;
    }
    fault_refresh(fault, finding);
    if (finding->kind == FINDING_CLEAR) {
        fault->cleared_mono_ns = finding->cleared_ns != 0 ? finding->cleared_ns : finding->at_ns;
    }
    fault_store(publisher, fault);
}

static enum flatline_event_type event_type_of(const struct finding *finding)
{
    switch ((enum finding_kind)finding->kind) {
    case FINDING_LAPSE:
    case FINDING_REVOKE:
        return FLATLINE_EVENT_LAPSE;
    case FINDING_RENEW:
        return FLATLINE_EVENT_RENEW;
    case FINDING_FAULT:
        return finding->drill ? FLATLINE_EVENT_DRILL_FAULT : FLATLINE_EVENT_FAULT;
    case FINDING_CLEAR:
        return finding->drill ? FLATLINE_EVENT_DRILL_CLEAR : FLATLINE_EVENT_CLEAR;
    case FINDING_UPDATE:
        break;
    }
    return FLATLINE_EVENT_NONE;
}

void publisher_finding(struct publisher *publisher,
                       const struct finding *finding,
                       uint64_t now_mono_ns)
{
    if (finding->kind == FINDING_FAULT) {
        fault_open(publisher, finding);
    } else if (finding->kind == FINDING_UPDATE || finding->kind == FINDING_CLEAR) {
        fault_change(publisher, finding);
    }
    const enum flatline_event_type type = event_type_of(finding);
    if (type == FLATLINE_EVENT_NONE) {
        return;
    }
    const bool names_fault = finding->kind != FINDING_LAPSE && finding->kind != FINDING_RENEW;
    const struct flatline_event_slot event = {
        .type = type,
        .stream = finding->stream == EVENT_NO_STREAM ? FLATLINE_NO_INDEX : finding->stream,
        .at_mono_ns = finding->kind == FINDING_CLEAR && finding->cleared_ns != 0
                          ? finding->cleared_ns
                          : finding->at_ns,
        .seen_mono_ns = now_mono_ns,
        .fault_id = names_fault ? finding->fault_id : 0,
        .fault_kind = names_fault ? finding->fault_kind : FLATLINE_FAULT_NONE,
    };
    publisher_event(publisher, &event);
}

void publisher_beat(struct publisher *publisher,
                    uint64_t now_mono_ns,
                    uint64_t ingest_beat_mono_ns,
                    uint64_t alive_for_ns)
{
    flatline_assert(alive_for_ns < FLATLINE_ALIVE_ABSURD_NS);
    struct flatline_header *header = publisher->header;
    const uint64_t beat = ingest_beat_mono_ns < now_mono_ns ? ingest_beat_mono_ns : now_mono_ns;
    store_relaxed(&header->judge_beat_mono_ns,
                  now_mono_ns); /* relaxed: alive_until below carries both */
    store_relaxed(&header->ingest_beat_mono_ns, ingest_beat_mono_ns);
    /* ORDER segment.alive, release: every lease stored before this beat is seen by whoever sees the
     * beat. Pairs with the acquire in flatline_fresh(). Weaker: a revoked lease trusted for one
     * more beat. */
    store_release(&header->alive_until_mono_ns, ingest_beat_mono_ns == 0 ? 0 : beat + alive_for_ns);
}

void publisher_supersede(struct publisher *publisher)
{
    if (!publisher->superseded) {
        publisher->superseded = true;
        /* ORDER segment.state, release: the last promise comes before it, and so does the
         * successor's rename, which takeover.marked brought here. Pairs with the acquire in the
         * reader's view_is_superseded(). */
        store_release(&publisher->header->state, FLATLINE_STATE_SUPERSEDED);
    }
}

/* The error's slot, or a free one, or NULL when all are taken by others. */
static struct flatline_error_slot *error_place(struct publisher *publisher, const char *text)
{
    for (uint32_t i = 0; i < PUBLISHER_ERRORS_MAX; i++) {
        struct flatline_error_slot *error = &publisher->mirror.errors[i];
        if (error->count == 0 || strcmp((const char *)error->text, text) == 0) {
            return error;
        }
    }
    return NULL;
}

void publisher_error(struct publisher *publisher, const char *text, uint64_t now_mono_ns)
{
    char cut[sizeof(((struct flatline_error_slot *)0)->text)] = {0};
    memcpy(cut, text, strnlen(text, sizeof(cut) - 1));
    struct flatline_error_slot *error = error_place(publisher, cut);
    if (error == NULL) {
        count_relaxed(&publisher->counters[publisher->counter_count + PUBLISHER_ERRORS_LOST].value,
                      1);
        return;
    }
    if (error->count == 0) {
        memcpy(error->text, cut, sizeof(cut));
        error->first_mono_ns = now_mono_ns;
    }
    error->count++;
    error->last_mono_ns = now_mono_ns;
    slot_write((uint64_t *)&publisher->errors[error - publisher->mirror.errors],
               (const uint64_t *)error,
               ERROR_WORDS);
}

static void *
record_at(struct publisher *publisher, enum flatline_section_index section, uint32_t index)
{
    const struct flatline_section *place = &publisher->plan.sections[section];
    flatline_assert(index < place->count);
    return (uint8_t *)publisher->header + place->offset_bytes +
           (uint64_t)place->stride_bytes * index;
}

struct flatline_connection *publisher_connection(struct publisher *publisher, uint32_t connection)
{
    return record_at(publisher, FLATLINE_SECTION_CONNECTIONS, connection);
}

struct flatline_histogram *
publisher_stream_histogram(struct publisher *publisher, uint32_t stream, uint32_t which)
{
    flatline_assert(which < 2);
    return publisher->histograms
               ? record_at(publisher, FLATLINE_SECTION_HISTOGRAMS, stream * 2 + which)
               : NULL;
}

struct flatline_histogram *
publisher_connection_histogram(struct publisher *publisher, uint32_t connection, uint32_t which)
{
    const uint32_t each = publisher->connection_histograms;
    return which < each ? record_at(publisher,
                                    FLATLINE_SECTION_CONNECTION_HISTOGRAMS,
                                    connection * each + which)
                        : NULL;
}

void publisher_counter(struct publisher *publisher, uint32_t counter, uint64_t value)
{
    flatline_assert(counter < publisher->counter_count);
    store_relaxed(&publisher->counters[counter].value, value); /* relaxed: a number for people */
}

void publisher_flags(struct publisher *publisher, uint64_t flags)
{
    store_relaxed(&publisher->header->sentinel_why, flags); /* relaxed: for people */
}

uint64_t publisher_epoch(const struct publisher *publisher)
{
    return publisher->header->epoch; /* fixed before the magic */
}
