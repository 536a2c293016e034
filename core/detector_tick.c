/* SPDX-License-Identifier: MIT
 *
 * detector_tick.c - watermarks, and the verdicts that time alone passes. No verdict past the
 * watermark: a deadline at T is missed only once every leg concerned is known drained up to T.
 */
#include "core/detector_calls.h"

/* ---- up to when what we know is all there is ------------------------------------------------- */

/* Up to when the connection is known drained. */
uint64_t carrier_drained_ns(const struct carrier *carrier)
{
    if (carrier->state != CARRIER_UP) {
        return UINT64_MAX; /* no open socket */
    }
    return carrier->watermark_epoch == carrier->epoch ? carrier->watermark_ns : 0;
}

struct reach stream_reach(const struct detector *detector, const struct stream *stream)
{
    struct reach reach = {.drained_ns = UINT64_MAX};
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        const uint64_t up_to_ns = carrier_drained_ns(carrier);
        reach.drained_ns = up_to_ns < reach.drained_ns ? up_to_ns : reach.drained_ns;
        reach.stall_pending |= carrier->stall_pending;
    }
    return reach;
}

/* Up to when every leg of the stream is known drained. */
uint64_t stream_drained_ns(const struct detector *detector, const struct stream *stream)
{
    return stream_reach(detector, stream).drained_ns;
}

void watermark_set(struct detector *detector,
                   struct carrier *carrier,
                   uint16_t epoch,
                   uint64_t up_to_ns)
{
    if (carrier->watermark_epoch == epoch && up_to_ns <= carrier->watermark_ns) {
        return;
    }
    carrier->watermark_epoch = epoch;
    carrier->watermark_ns = up_to_ns;
    if (carrier->stall_pending && epoch == carrier->epoch && up_to_ns >= detector->stall_end_ns) {
        stall_restart(detector, carrier, up_to_ns);
    }
}

void detector_watermark(struct detector *detector,
                        uint32_t connection,
                        uint16_t link_epoch,
                        uint64_t drained_mono_ns)
{
    if (connection < detector->carrier_count) {
        watermark_set(detector, &detector->carriers[connection], link_epoch, drained_mono_ns);
    }
}

/* ---- the tick -------------------------------------------------------------------------------- */

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint32_t lapses_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0; passed < most && deadlines_due(&detector->lapses, now_ns, &at);) {
        struct stream *stream = &detector->streams[at - 1];
        const uint64_t limit_ns = earlier_of(now_ns, stream_reach(detector, stream).drained_ns);
        if (stream->view.lease_until_ns <= limit_ns) {
            lease_settle(detector, stream, limit_ns);
            passed++;
        }
    }
    return passed;
}

static uint32_t starts_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0; passed < most && deadlines_due(&detector->starts, now_ns, &at);) {
        struct leg *leg = &detector->legs[at - 1];
        const struct carrier *carrier = &detector->carriers[leg->connection];
        const uint64_t due_ns = deadlines_get(&detector->starts, at - 1);
        if (due_ns <= carrier_drained_ns(carrier) && !carrier->stall_pending) {
            leg_never_started(detector, leg, due_ns);
            passed++;
        }
    }
    return passed;
}

static uint32_t beats_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0; passed < most && deadlines_due(&detector->beats, now_ns, &at);) {
        struct leg *leg = &detector->legs[at - 1];
        const struct carrier *carrier = &detector->carriers[leg->connection];
        const uint64_t due_ns = deadlines_get(&detector->beats, at - 1);
        if (due_ns <= carrier_drained_ns(carrier) && !carrier->stall_pending) {
            leg_beats_missed(detector, leg, due_ns);
            passed++;
        }
    }
    return passed;
}

static uint64_t carrier_due_ns(const struct carrier *carrier)
{
    const uint64_t blame_ns =
        earlier_of(earlier_of(carrier->narrow_due_ns, carrier->look_due_ns), carrier->held_due_ns);
    return earlier_of(
        earlier_of(earlier_of(carrier->notice_due_ns, blame_ns), carrier->beats_due_ns),
        earlier_of(carrier->first_data_due_ns, carrier->acks_due_ns));
}

static void carriers_pass(struct detector *detector, uint64_t now_ns)
{
    if (detector->carriers_due_ns > now_ns) {
        return;
    }
    uint64_t next_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        struct carrier *carrier = &detector->carriers[i];
        carrier_timeouts(detector, carrier, earlier_of(now_ns, carrier_drained_ns(carrier)));
        next_ns = earlier_of(next_ns, carrier_due_ns(carrier));
    }
    detector->carriers_due_ns = next_ns;
}

/* What an engine owes by now: a pass a millisecond is soon enough. */
uint64_t detector_due_ids(struct detector *detector, uint64_t now_ns)
{
    if (now_ns < detector->due_ids_pass_ns) {
        return detector->due_ids_pass_ns;
    }
    detector->due_ids_pass_ns = now_ns + NS_PER_MS;
    for (uint32_t at = 0; deadlines_due(&detector->due_ids, now_ns, &at);) {
        struct stream *stream = &detector->streams[at - 1];
        deadlines_set(
            &detector->due_ids, at - 1, due_id_advance(&stream->due, stream->allowance_ns, now_ns));
        stream->view.due_id = stream->due.due;
        stream_changed(detector, stream);
    }
    return detector->due_ids_pass_ns > detector->due_ids.bound_ns ? detector->due_ids_pass_ns
                                                                  : detector->due_ids.bound_ns;
}

bool detector_tick(struct detector *detector, uint64_t now_mono_ns)
{
    uint32_t left = DETECTOR_TICK_MAX;
    detector->ticked_ns = now_mono_ns;
    carriers_pass(detector,
                  now_mono_ns); /* before its streams: an accused connection explains them */
    user_timeouts(detector, now_mono_ns);
    works_timeouts(detector, now_mono_ns);
    if (detector->stall_clear_ns <= now_mono_ns) {
        fault_clear(detector, &detector->stall, detector->stall_clear_ns);
        detector->stall_clear_ns = DEADLINE_NEVER;
    }
    left -= starts_pass(detector, now_mono_ns, left);
    left -= beats_pass(detector, now_mono_ns, left);
    left -= debts_pass(detector, now_mono_ns, left);
    left -= witnesses_pass(detector, now_mono_ns, left);
    left -= lapses_pass(detector, now_mono_ns, left);
    host_pass(detector, now_mono_ns);
    left -= carrier_silences_pass(detector, now_mono_ns, left); /* before its streams, too */
    left -= silences_pass(detector, now_mono_ns, left);
    (void)detector_due_ids(detector, now_mono_ns);
    quiets_pass(detector, now_mono_ns);
    return left == 0;
}

uint64_t detector_next_deadline(const struct detector *detector)
{
    uint64_t next_ns = earlier_of(detector->lapses.bound_ns, detector->silence.bound_ns);
    next_ns = earlier_of(next_ns, detector->carrier_silence.bound_ns);
    next_ns = earlier_of(next_ns, detector->starts.bound_ns);
    next_ns = earlier_of(next_ns, detector->beats.bound_ns);
    next_ns =
        earlier_of(next_ns, earlier_of(detector->debts.bound_ns, detector->witnesses.bound_ns));
    next_ns = earlier_of(next_ns, earlier_of(detector->carriers_due_ns, detector->host_due_ns));
    next_ns = earlier_of(next_ns, earlier_of(detector->keys_due_ns, detector->works_due_ns));
    return earlier_of(next_ns, detector->stall_clear_ns);
}
