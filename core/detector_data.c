/* SPDX-License-Identifier: MIT
 *
 * detector_data.c - one data frame: it arrives, takes its place in the sequence, shows its lag,
 * and earns its stream's lease.
 */
#include "core/detector_calls.h"

#define UNDER_WAY_NS NS_PER_S /* so long behind a reset a frame may still be of before */

/* ---- its place in the sequence --------------------------------------------------------------- */

static struct fault leg_finding(const struct arrival *a, enum flatline_fault_kind kind)
{
    return (struct fault){.kind = (uint8_t)kind,
                          .scope = FLATLINE_SCOPE_STREAM,
                          .blame = FLATLINE_SCOPE_STREAM,
                          .confidence = 100,
                          .stream = a->event->stream,
                          .connection = a->event->connection,
                          .onset_ns = a->recv_ns,
                          .at_ns = a->recv_ns};
}

static void gap_found(struct detector *detector, const struct arrival *a, uint64_t expected)
{
    struct leg *leg = a->leg;
    const struct event_data *data = &a->event->data;
    const bool by_first = a->stream->traits.chain == CHAIN_FIRST;
    struct fault gap = leg_finding(a, FLATLINE_FAULT_GAP);
    leg->gaps++;
    a->stream->view.gaps++;
    gap.evidence[0] = expected;
    gap.evidence[1] = by_first ? data->first_id : (uint64_t)data->prev_id;
    gap.evidence[2] = data->id;
    gap.evidence[3] = leg->gaps;
    fault_raise(detector, &leg->faults[LEG_GAP], &gap);
}

static void regress_found(struct detector *detector, const struct arrival *a, uint64_t key)
{
    struct leg *leg = a->leg;
    struct fault regressed = leg_finding(a, FLATLINE_FAULT_REGRESSED);
    leg->regressed++;
    leg->repeats = 0;
    leg->beyond_key = leg->sequence.newest;
    a->stream->view.regressed++;
    regressed.evidence[0] = leg->sequence.newest;
    regressed.evidence[1] = key;
    regressed.evidence[2] = leg->regressed;
    fault_raise(detector, &leg->faults[LEG_REGRESSED], &regressed);
}

static void repeat_found(struct detector *detector, const struct arrival *a, uint64_t key)
{
    struct leg *leg = a->leg;
    const uint32_t limit = detector->policy.frozen_frames;
    a->stream->view.repeated++;
    if (leg->repeats++ == 0) {
        leg->repeats_since_ns = a->recv_ns;
    }
    if (limit == 0 || leg->repeats < limit) {
        return;
    }
    struct fault frozen = leg_finding(a, FLATLINE_FAULT_FROZEN);
    frozen.onset_ns = leg->repeats_since_ns;
    frozen.evidence[0] = key;
    frozen.evidence[1] = leg->repeats;
    frozen.evidence[2] = limit;
    leg->beyond_key = leg->sequence.newest;
    fault_raise(detector, &leg->faults[LEG_FROZEN], &frozen);
}

/* What a frame that moves its leg forward puts right. */
static void progress_found(struct detector *detector, const struct arrival *a, uint64_t key)
{
    struct leg *leg = a->leg;
    leg->repeats = 0;
    if (LIKELY(leg->open == 0)) {
        return;
    }
    witness_leg_speaks(detector, leg, a->recv_ns);
    const bool is_chained = a->verdict == SEQUENCE_NEXT || a->verdict == SEQUENCE_RESET;
    if (is_chained) {
        fault_clear(detector, &leg->faults[LEG_GAP], a->recv_ns);
    }
    if (key > leg->beyond_key || a->verdict == SEQUENCE_RESET) {
        fault_clear(detector, &leg->faults[LEG_REGRESSED], a->recv_ns);
        fault_clear(detector, &leg->faults[LEG_FROZEN], a->recv_ns);
    }
}

static bool has_other_live_leg(const struct detector *detector, const struct arrival *a)
{
    for (uint32_t at = a->stream->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_stream) {
        const struct leg *leg = &detector->legs[at];
        if (leg != a->leg && leg->started &&
            carrier_is_live(&detector->carriers[leg->connection])) {
            return true;
        }
    }
    return false;
}

static void ids_restart(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    stream->has_newest = false;
    stream->view.due_id = 0;
    due_id_restart(&stream->due);
    debt_ids_restart(detector, stream, at_ns);
}

/* OKX's bbo-tbt is not chained: that its ids begin anew is told by the books beside it alone, before
 * it or a moment later. */
static void siblings_reset(struct detector *detector, const struct arrival *a)
{
    for (uint32_t at = detector->sides[a->leg->side].first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_side) {
        struct leg *leg = &detector->legs[at];
        struct stream *stream = &detector->streams[leg->stream];
        if (leg == a->leg || stream->traits.chain != CHAIN_NONE || !leg->is_checked ||
            stream->mode != SEQUENCE_BY_ID || !leg->sequence.anchored) {
            continue;
        }
        leg->reset_ns = a->recv_ns;
        leg->beyond_key = 0;
        fault_clear(detector, &leg->faults[LEG_REGRESSED], a->recv_ns);
        if (leg->generation == stream->generation) {
            stream->generation++;
            ids_restart(detector, stream, a->recv_ns);
            stream_changed(detector, stream);
        }
    }
}

/* Is this frame the first of the new ids? It is, below all that its leg has shown. Others may have
 * been under way, and the latest may be told again, for as long as anybody likes; but what is newer than
 * that so long after is of the new ids, too: they have grown meanwhile. */
static bool begins_anew(const struct arrival *a, uint64_t key)
{
    struct leg *leg = a->leg;
    if (LIKELY(leg->reset_ns == 0)) {
        return false;
    }
    if (!leg->sequence.anchored) {
        leg->reset_ns = 0; /* another life of its connection */
        return false;
    }
    if (key == leg->sequence.newest ||
        (key > leg->sequence.newest && a->recv_ns < leg->reset_ns + UNDER_WAY_NS)) {
        return false;
    }
    leg->reset_ns = 0;
    leg->sequence.anchored = false;
    return true;
}

/* Places the key among those of all legs. After a legal reset the legs that have not seen it
 * yet still show ids of before: they are of an older generation, and newer than nothing. */
static bool newest_take(struct detector *detector, const struct arrival *a, uint64_t key)
{
    struct stream *stream = a->stream;
    struct leg *leg = a->leg;
    if (a->verdict == SEQUENCE_RESET && ++leg->generation > stream->generation) {
        stream->generation = leg->generation;
        ids_restart(detector, stream, a->recv_ns);
    } else if (a->verdict == SEQUENCE_FIRST) {
        leg->generation = stream->generation;
    } else if (a->verdict == SEQUENCE_SNAPSHOT) {
        leg->generation = stream->generation;
        if (stream->has_newest && key < stream->newest && !has_other_live_leg(detector, a)) {
            leg->beyond_key = leg->beyond_key < key ? leg->beyond_key : key;
            ids_restart(
                detector, stream, a->recv_ns); /* the ids began anew while nobody listened */
        }
    }
    if (leg->generation != stream->generation || (stream->has_newest && key <= stream->newest)) {
        return false;
    }
    stream->newest = key;
    stream->has_newest = true;
    return true;
}

static void absurd_count(struct detector *detector, const struct arrival *a)
{
    a->stream->view.absurd++;
    detector->totals.time_absurd++;
}

/* One frame from the future would make all that follow older than it. So where time is the key, it
 * is doubted before it takes its place; and none is taken while nobody knows the venue's clock. The
 * same doubted time again is no second witness. */
static bool time_is_no_key(struct detector *detector, const struct arrival *a)
{
    struct envelope *envelope = &detector->envelopes[a->carrier->venue];
    const int64_t wall_ns = a->event->data.exch_wall_ns;
    uint64_t ignored_ns;
    if (a->recv_ns == 0) {
        return false;
    }
    if (!envelope_is_ready(envelope)) {
        return true;
    }
    if (LIKELY(!envelope_doubts(envelope, a->recv_ns, wall_ns))) {
        return false;
    }
    const bool is_witness = !a->is_first_push && wall_ns != a->leg->doubted_wall_ns;
    a->leg->doubted_wall_ns = wall_ns;
    if (is_witness &&
        envelope_feed(envelope, a->recv_ns, wall_ns, &ignored_ns) == ENVELOPE_SAMPLE) {
        return false; /* the last of so many that agree: the venue's clock has stepped */
    }
    absurd_count(detector, a);
    return true;
}

static void sequence_apply(struct detector *detector, struct arrival *a)
{
    struct stream *stream = a->stream;
    struct leg *leg = a->leg;
    uint64_t key = 0;
    if (!sequence_key(&stream->traits, &stream->mode, a->event, &key)) {
        a->verdict = stream->mode == SEQUENCE_BY_NONE ? SEQUENCE_UNKEYED : SEQUENCE_KEYLESS;
        a->is_newer = a->verdict == SEQUENCE_UNKEYED;
        return;
    }
    if (stream->mode == SEQUENCE_BY_TIME && time_is_no_key(detector, a)) {
        a->verdict = SEQUENCE_KEYLESS;
        return;
    }
    const uint64_t expected = sequence_expected(&leg->sequence, stream->traits.chain);
    const bool is_anew = begins_anew(a, key);
    a->verdict =
        sequence_judge(&leg->sequence, &stream->traits, stream->mode, a->event, a->since_last_ns);
    a->verdict = is_anew ? SEQUENCE_RESET : a->verdict;
    a->is_newer = newest_take(detector, a, key);
    switch (a->verdict) {
    case SEQUENCE_REPEATED:
        repeat_found(detector, a, key);
        break;
    case SEQUENCE_REGRESSED:
        regress_found(detector, a, key);
        break;
    case SEQUENCE_KEPT_ALIVE:
        leg->repeats = 0;
        a->is_newer = false;
        break;
    case SEQUENCE_BROKEN:
        progress_found(detector, a, key);
        gap_found(detector, a, expected);
        break;
    case SEQUENCE_RESET:
        stream->view.resets++;
        if (leg->is_checked && !is_anew) {
            siblings_reset(detector, a);
        }
        progress_found(detector, a, key);
        break;
    case SEQUENCE_FIRST:
    case SEQUENCE_NEXT:
    case SEQUENCE_SNAPSHOT:
    case SEQUENCE_UNKEYED:
    case SEQUENCE_KEYLESS:
        progress_found(detector, a, key);
        break;
    }
}

/* ---- its lag --------------------------------------------------------------------------------- */

/* Only a frame that says something new, now, tells how late news is. */
static bool shows_lag(const struct arrival *a)
{
    return (a->event->flags & EVENT_HAS_TIME) != 0 && !a->is_first_push &&
           (a->verdict == SEQUENCE_UNKEYED || a->verdict == SEQUENCE_FIRST ||
            a->verdict == SEQUENCE_NEXT || a->verdict == SEQUENCE_BROKEN ||
            a->verdict == SEQUENCE_RESET);
}

static void timing_apply(struct detector *detector, struct arrival *a)
{
    struct stream *stream = a->stream;
    a->timing = ENVELOPE_NOT_READY;
    if (!shows_lag(a)) {
        return;
    }
    a->timing = envelope_feed(&detector->envelopes[a->carrier->venue],
                              a->recv_ns,
                              a->event->data.exch_wall_ns,
                              &a->excess_ns);
    if (a->timing == ENVELOPE_ABSURD) {
        absurd_count(detector, a);
    } else if (a->timing == ENVELOPE_SAMPLE) {
        stream->view.excess_lag_ns = a->excess_ns;
        detector->sample.has_lag = true;
        detector->sample.excess_lag_ns = a->excess_ns;
        a->carrier->excess_ns = lagging_apply(detector, a);
    }
}

/* ---- what it earns --------------------------------------------------------------------------- */

/* The venue's word on the book as it is: a snapshot, or that nothing changed since the newest
 * we know. */
static bool is_venues_word(const struct arrival *a)
{
    const bool is_level =
        a->leg->generation == a->stream->generation && a->leg->sequence.newest >= a->stream->newest;
    return a->verdict == SEQUENCE_SNAPSHOT || (a->verdict == SEQUENCE_KEPT_ALIVE && is_level);
}

/* Until when the frame lets its stream be trusted; 0 = it earns nothing. */
static uint64_t earned_until_ns(const struct detector *detector, const struct arrival *a)
{
    const uint64_t stale_after_ns = a->stream->traits.stale_after_ns;
    const bool has_time = (a->event->flags & EVENT_HAS_TIME) != 0;
    const bool is_word = is_venues_word(a);
    if (a->is_first_push || !(a->is_newer || is_word)) {
        return 0;
    }
    if (has_time && !envelope_is_ready(&detector->envelopes[a->carrier->venue])) {
        return 0;
    }
    if (is_word || !has_time) {
        return a->carrier->excess_ns < stale_after_ns ? a->recv_ns + stale_after_ns : 0;
    }
    if (a->timing != ENVELOPE_SAMPLE || a->excess_ns >= stale_after_ns) {
        return 0;
    }
    return a->recv_ns - a->excess_ns + stale_after_ns;
}

static void newest_show(struct detector *detector, const struct arrival *a)
{
    struct stream *stream = a->stream;
    const struct event_data *data = &a->event->data;
    if (!a->is_newer) {
        return;
    }
    if ((a->event->flags & EVENT_HAS_TIME) != 0) {
        stream->view.last_exch_wall_ns = data->exch_wall_ns;
    }
    if ((data->bid_e8 != 0 || data->ask_e8 != 0) && (a->event->flags & EVENT_SETS_LEVEL) == 0) {
        stream->view.bid_e8 = data->bid_e8;
        stream->view.ask_e8 = data->ask_e8;
    }
    if (stream->mode != SEQUENCE_BY_ID) {
        return;
    }
    stream->view.frontier_id = stream->newest;
    if (a->recv_ns != 0) {
        const uint64_t next_ns =
            due_id_seen(&stream->due, stream->allowance_ns, stream->newest, a->recv_ns);
        stream->view.due_id = stream->due.due;
        deadlines_set(&detector->due_ids, a->event->stream, next_ns);
    }
}

/* ---- beside its twin ------------------------------------------------------------------------- */

/* The same frame over two connections: the later one tells how far behind it is. */
static void twins_compare(struct detector *detector, const struct arrival *a)
{
    if (LIKELY(detector->firsts == NULL) || a->stream->mode == SEQUENCE_BY_NONE) {
        return;
    }
    struct first_seen *table = &detector->firsts[(size_t)a->event->stream * FIRST_SEEN_SIZE];
    const uint32_t connection = a->event->connection;
    if (a->is_newer) {
        first_seen_keep(table, a->stream->newest, connection, a->recv_ns);
    } else if (a->verdict == SEQUENCE_NEXT || a->verdict == SEQUENCE_FIRST) {
        detector->sample.has_behind = first_seen_behind(
            table, a->leg->sequence.newest, connection, a->recv_ns, &detector->sample.behind_ns);
    }
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* Counts it, ends what its coming ends, and passes first the verdicts that were due before it
 * came. */
static void arrive(struct detector *detector, struct arrival *a)
{
    struct stream *stream = a->stream;
    struct leg *leg = a->leg;
    if (a->recv_ns != 0) {
        carrier_imply(detector, a->carrier, a->recv_ns);
    }
    stream->view.frames++;
    a->carrier->data_frames++;
    a->is_first_push = leg->push_pending;
    leg->push_pending = false;
    if (a->recv_ns == 0) {
        return;
    }
    lease_settle(detector, stream, a->recv_ns);
    carrier_silence_settle(detector, a->carrier, a->recv_ns);
    silence_settle(detector, stream, a->recv_ns);
    start_settle(detector, leg, a->carrier, a->recv_ns);
    if (leg->last_recv_ns != 0) {
        a->since_last_ns = a->recv_ns - leg->last_recv_ns;
        detector->sample.has_interarrival = true;
        detector->sample.interarrival_ns = a->since_last_ns;
    }
    leg->last_recv_ns = a->recv_ns;
    beats_heard(detector, a->carrier, a->recv_ns);
    if (a->recv_ns > stream->view.last_recv_ns) {
        stream->view.last_recv_ns = a->recv_ns;
    }
    if (!leg->started) {
        start_seen(detector, leg, a->carrier, a->recv_ns);
    }
}

void data_apply(struct detector *detector, const struct event *event, uint64_t recv_ns)
{
    detector->sample = (struct detector_sample){0};
    struct leg *leg = leg_find(detector, event->stream, event->connection);
    if (leg == NULL) {
        detector->totals.strays++;
        return;
    }
    struct arrival a = {.event = event,
                        .stream = &detector->streams[event->stream],
                        .leg = leg,
                        .carrier = &detector->carriers[event->connection],
                        .recv_ns = recv_ns};
    arrive(detector, &a);
    stream_changed(detector, a.stream);
    if (stream_is_user(a.stream)) {
        user_event(detector, a.stream, a.carrier, recv_ns);
        if (recv_ns != 0) {
            silence_end(detector, a.stream, recv_ns, true);
            all_heard(detector, recv_ns);
        }
        return;
    }
    sequence_apply(detector, &a);
    if (recv_ns != 0) {
        silence_end(detector, a.stream, recv_ns, a.verdict != SEQUENCE_BROKEN);
        held_watch(a.carrier, recv_ns);
        timing_apply(detector, &a);
        all_heard(detector, recv_ns);
        carrier_silence_end(detector, a.carrier, &a);
        debt_apply(detector, &a);
        beats_apply(detector, &a);
        lease_grant(detector, a.stream, earned_until_ns(detector, &a), recv_ns);
        quiet_sign(&a);
        twins_compare(detector, &a);
    }
    newest_show(detector, &a);
}
