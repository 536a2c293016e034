/* SPDX-License-Identifier: MIT
 *
 * detector_witness.c - REST as a slow witness. Where a book changed between two of its answers and no
 * frame came since the first, a frame is owed: the stream is mute, or all of its connection. Where
 * nothing changed, the market is quiet, and that is proven too.
 *
 * Contents are compared, not ids alone: an id may move on without anything to say for this channel.
 */
#include "core/detector_calls.h"

#include <stdio.h>

/* From the answer that shows the change until its frame must be here: the change is older than the
 * answer, so this is for the channel's own speed and what the connection is late. */
#define WITNESS_ALLOWANCE_NS NS_PER_S

enum { CONFIDENCE_REST = 90, CONFIDENCE_ONE_BOOK = 60 };

static void witness_disarm(struct detector *detector, struct stream *stream)
{
    deadlines_set(&detector->witnesses, stream_index(detector, stream), DEADLINE_NEVER);
}

/* What was seen before proves nothing any more. */
void witness_forget(struct detector *detector, struct stream *stream)
{
    stream->rest = (struct rest_sight){0};
    witness_disarm(detector, stream);
}

void witness_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    if (event->stream >= detector->stream_count) {
        return;
    }
    struct stream *stream = &detector->streams[event->stream];
    struct rest_sight *rest = &stream->rest;
    const bool has_changed = rest->levels != 0 && rest->levels != event->rest.levels;
    const bool is_armed = deadlines_get(&detector->witnesses, event->stream) != DEADLINE_NEVER;
    if (has_changed && !is_armed) {
        rest->since_ns = rest->asked_ns; /* what the first answer lacks may have come before it */
        rest->moved_ns = at_ns;
        rest->id = event->rest.id;
        deadlines_set(&detector->witnesses, event->stream, at_ns + WITNESS_ALLOWANCE_NS);
    }
    stream->view.rest_seen_ns = at_ns;
    stream->view.rest_moved_ns = has_changed ? at_ns : stream->view.rest_moved_ns;
    rest->levels = event->rest.levels;
    rest->asked_ns = event->rest.sent_mono_ns;
    stream_changed(detector, stream);
}

static struct fault
mute_finding(const struct rest_sight *rest, const struct leg *leg, uint64_t at_ns)
{
    struct fault mute = {.kind = FLATLINE_FAULT_MUTE,
                         .scope = FLATLINE_SCOPE_STREAM,
                         .blame = FLATLINE_SCOPE_STREAM,
                         .confidence = CONFIDENCE_REST,
                         .stream = leg->stream,
                         .connection = (uint16_t)leg->connection,
                         .onset_ns = rest->moved_ns,
                         .at_ns = at_ns,
                         .evidence = {rest->id,
                                      leg->sequence.newest,
                                      WITNESS_ALLOWANCE_NS,
                                      0,
                                      at_ns - rest->moved_ns - WITNESS_ALLOWANCE_NS,
                                      BY_REST}};
    (void)snprintf(mute.text, sizeof(mute.text), "REST has shown a change");
    return mute;
}

/* One of the venue's servers may answer as of before another. What a frame has shown is not owed. */
static bool has_shown(const struct detector *detector, const struct leg *leg)
{
    const struct stream *stream = &detector->streams[leg->stream];
    return stream->mode == SEQUENCE_BY_ID && stream->rest.id != 0 &&
           leg->sequence.newest >= stream->rest.id;
}

/* Has REST been asked for another book that the connection carries, and shown that it stands still? Then its
 * silence says nothing, and one book's alone less of the connection. */
static bool
others_stand_still(const struct detector *detector, const struct carrier *carrier, uint32_t own)
{
    bool any = false;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct stream *stream = &detector->streams[detector->legs[at].stream];
        if (detector->legs[at].stream != own && stream->rest.levels != 0) {
            any = true;
            if (stream->rest.moved_ns > carrier->last_data_ns) {
                return false;
            }
        }
    }
    return any;
}

static void leg_judge(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    const struct rest_sight *rest = &detector->streams[leg->stream].rest;
    struct carrier *carrier = &detector->carriers[leg->connection];
    if (!carrier_is_live(carrier) || carrier->up_ns > rest->since_ns ||
        leg->last_recv_ns > rest->since_ns || carrier->faults[CARRIER_MUTE].id != 0 ||
        has_shown(detector, leg)) {
        return;
    }
    struct fault mute = mute_finding(rest, leg, at_ns);
    if (carrier->last_data_ns > rest->since_ns) {
        if (leg->faults[LEG_MUTE].id == 0) {
            blame_of_leg(detector, leg, &mute);
            fault_raise(detector, &leg->faults[LEG_MUTE], &mute);
            blame_leg_mute(detector, leg, at_ns);
        }
        return;
    }
    mute.scope = FLATLINE_SCOPE_CONNECTION;
    mute.stream = EVENT_NO_STREAM;
    mute.blame = FLATLINE_SCOPE_CONNECTION; /* the venue answers, and its market moves */
    if (others_stand_still(detector, carrier, leg->stream)) {
        mute.confidence = CONFIDENCE_ONE_BOOK;
    }
    if (!blame_is_alone(detector, carrier)) {
        blame_of_carrier(detector, carrier, &mute);
    }
    fault_raise(detector, &carrier->faults[CARRIER_MUTE], &mute);
    blame_carrier_silent(detector, carrier, at_ns);
}

/* What a connection that is late has yet to bring is not missing: its lag is added to what is allowed. */
static uint64_t witness_due_ns(const struct detector *detector, const struct stream *stream)
{
    const struct rest_sight *rest = &stream->rest;
    const uint64_t from_ns =
        rest->since_ns > WITNESS_ALLOWANCE_NS ? rest->since_ns - WITNESS_ALLOWANCE_NS : 0;
    uint64_t late_ns = 0;
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        const uint64_t worst_ns = lag_window_worst(&carrier->lags, from_ns);
        late_ns = worst_ns > late_ns ? worst_ns : late_ns;
    }
    return rest->moved_ns + WITNESS_ALLOWANCE_NS + late_ns;
}

static void witness_judge(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    const uint64_t due_ns = witness_due_ns(detector, stream);
    if (due_ns > at_ns) {
        deadlines_set(&detector->witnesses, stream_index(detector, stream), due_ns);
        return;
    }
    witness_disarm(detector, stream);
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        leg_judge(detector, &detector->legs[at], at_ns);
    }
}

uint32_t witnesses_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0; passed < most && deadlines_due(&detector->witnesses, now_ns, &at);) {
        struct stream *stream = &detector->streams[at - 1];
        const struct reach reach = stream_reach(detector, stream);
        const uint64_t due_ns = deadlines_get(&detector->witnesses, at - 1);
        if (due_ns <= reach.drained_ns && !reach.stall_pending) {
            witness_judge(detector, stream, due_ns);
            passed++;
        }
    }
    return passed;
}

/* A frame of a leg that REST had found mute. */
void witness_leg_speaks(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    if (!leg->debts[DEBT_BOOK].overdue && !leg->debts[DEBT_TWIN].overdue) {
        fault_clear(detector, &leg->faults[LEG_MUTE], at_ns);
    }
}
