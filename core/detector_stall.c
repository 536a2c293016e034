/* SPDX-License-Identifier: MIT
 *
 * detector_stall.c - our own stalls. Silence that overlaps one proves nothing: every clock of
 * silence starts again at the first pass that drained the connection after it. A drained socket
 * alone is not enough: behind a full window the next frame was still milliseconds away. The venue
 * is exonerated, never the gate: no lease is extended.
 */
#include "core/detector_calls.h"

#define STALL_STANDS_NS NS_PER_S

enum { STALL_BY_SUSPEND = 3 };

bool stall_explains(const struct detector *detector, uint64_t sent_ns)
{
    return sent_ns < detector->stall_end_ns;
}

void stall_restart(struct detector *detector, struct carrier *carrier, uint64_t drained_ns)
{
    carrier->stall_pending = false;
    debts_restart(detector, carrier, drained_ns);
    if (deadlines_get(&detector->carrier_silence, carrier_index(detector, carrier)) !=
        DEADLINE_NEVER) {
        carrier_silence_restart(detector, carrier, drained_ns);
    }
    host_restart(detector, drained_ns);
    beats_restart(detector, carrier, drained_ns);
    if (carrier->state == CARRIER_UP) {
        start_arm(detector, carrier, drained_ns);
    }
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct stream *stream = &detector->streams[detector->legs[at].stream];
        witness_forget(detector, stream);
        if (deadlines_get(&detector->silence, detector->legs[at].stream) != DEADLINE_NEVER) {
            silence_restart(detector, stream, drained_ns);
        }
    }
}

static void stall_raise(
    struct detector *detector, uint64_t start_ns, uint64_t at_ns, uint64_t gap_ns, uint64_t thread)
{
    const struct fault stall = {.kind = FLATLINE_FAULT_SELF_STALL,
                                .scope = FLATLINE_SCOPE_HOST,
                                .blame = FLATLINE_SCOPE_HOST,
                                .confidence = 100,
                                .stream = EVENT_NO_STREAM,
                                .connection = EVENT_NO_CONNECTION,
                                .onset_ns = start_ns,
                                .at_ns = at_ns,
                                .evidence = {gap_ns, detector->policy.self_stall_after_ns, thread}};
    if (detector->stall.id != 0 && detector->stall_clear_ns <= at_ns) {
        /* We slept through the end of the last one: this is another, not the same going on. */
        const uint64_t over_ns =
            start_ns < detector->stall_clear_ns ? start_ns : detector->stall_clear_ns;
        fault_clear(detector, &detector->stall, over_ns);
    }
    detector->totals.stalls++;
    detector->stall_start_ns = start_ns;
    detector->stall_end_ns = at_ns > detector->stall_end_ns ? at_ns : detector->stall_end_ns;
    detector->stall_clear_ns = detector->stall_end_ns + STALL_STANDS_NS;
    fault_raise(detector, &detector->stall, &stall);
    silences_forget(detector);
}

void stall_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    const uint64_t start_ns = event->note.value < at_ns ? event->note.value : at_ns;
    stall_raise(detector, start_ns, at_ns, at_ns - start_ns, (uint64_t)event->note.code);
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        struct carrier *carrier = &detector->carriers[i];
        carrier->stall_pending = carrier->state == CARRIER_UP;
        if (carrier->state == CARRIER_UP && carrier->watermark_epoch == carrier->epoch &&
            carrier->watermark_ns >= at_ns) {
            stall_restart(detector, carrier, carrier->watermark_ns);
        } else if (carrier->state == CARRIER_IMPLIED) {
            stall_restart(detector, carrier, at_ns); /* nobody tells when it is drained */
        }
    }
}

/* The machine slept and CLOCK_MONOTONIC with it: leases and key counted less time than passed. */
void suspend_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    stall_raise(detector, at_ns, at_ns, event->note.value, STALL_BY_SUSPEND);
    for (uint32_t i = 0; i < detector->stream_count; i++) {
        struct stream *stream = &detector->streams[i];
        lease_revoke(detector, stream, FLATLINE_FAULT_SELF_STALL, at_ns);
        lease_unhold(detector, stream, FLATLINE_FAULT_SELF_STALL);
        stream->key.extended_ns =
            0; /* until the next success nobody knows how much of its hour is left */
    }
}
