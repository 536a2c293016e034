/* SPDX-License-Identifier: MIT
 *
 * detector_lease.c - the lease of one stream: it lapses by time alone, is renewed by fresh data,
 * is revoked by what the policy says, and then reopens only once nothing holds it any more.
 */
#include "core/detector_calls.h"

static void lease_finding(struct detector *detector,
                          const struct stream *stream,
                          enum finding_kind kind,
                          enum flatline_fault_kind fault_kind,
                          uint64_t onset_ns,
                          uint64_t at_ns)
{
    const struct finding finding = {.kind = (uint8_t)kind,
                                    .fault_kind = (uint8_t)fault_kind,
                                    .scope = FLATLINE_SCOPE_STREAM,
                                    .confidence = 100,
                                    .connection = EVENT_NO_CONNECTION,
                                    .stream = stream_index(detector, stream),
                                    .onset_ns = onset_ns,
                                    .at_ns = at_ns};
    finding_emit(detector, &finding);
}

static void lease_set(struct detector *detector, struct stream *stream, uint64_t until_ns)
{
    stream->view.lease_until_ns = until_ns;
    deadlines_set(&detector->lapses, stream_index(detector, stream), until_ns);
}

/* Finds a lapse at or before until_ns, which must not lie beyond what is known drained. */
void lease_settle(struct detector *detector, struct stream *stream, uint64_t until_ns)
{
    const uint64_t lease_until_ns = stream->view.lease_until_ns;
    if (LIKELY(lease_until_ns > until_ns) || lease_until_ns == 0 || stream->closed_since_ns != 0) {
        return;
    }
    stream->closed_since_ns = lease_until_ns;
    stream->view.lapsed_since_ns = lease_until_ns;
    stream->view.lapses++;
    deadlines_set(&detector->lapses, stream_index(detector, stream), DEADLINE_NEVER);
    lease_finding(
        detector, stream, FINDING_LAPSE, FLATLINE_FAULT_NONE, lease_until_ns, lease_until_ns);
    stream_changed(detector, stream);
}

static void lease_reopen(struct detector *detector, struct stream *stream, uint64_t recv_ns)
{
    struct stream_view *view = &stream->view;
    if (view->lapsed_since_ns != 0 && recv_ns > view->lapsed_since_ns) {
        view->lapsed_ns += recv_ns - view->lapsed_since_ns;
    }
    lease_finding(
        detector, stream, FINDING_RENEW, FLATLINE_FAULT_NONE, stream->closed_since_ns, recv_ns);
    view->lapsed_since_ns = 0;
    view->revoked_by = FLATLINE_FAULT_NONE;
    view->ever_leased = true;
    stream->closed_since_ns = 0;
}

/* Extends the lease to what a frame at recv_ns has earned; 0 or the past earns nothing, a
 * stream that is held stays closed. */
void lease_grant(struct detector *detector,
                 struct stream *stream,
                 uint64_t lease_until_ns,
                 uint64_t recv_ns)
{
    struct stream_view *view = &stream->view;
    if (lease_until_ns <= recv_ns || stream->held != 0) {
        return;
    }
    const bool is_open = view->lease_until_ns != 0 && stream->closed_since_ns == 0;
    if (!is_open) {
        lease_reopen(detector, stream, recv_ns);
    }
    view->last_newer_ns = recv_ns;
    if (!is_open || lease_until_ns > view->lease_until_ns) {
        lease_set(detector, stream, lease_until_ns);
    }
    if (!is_open) {
        quiet_arm(detector, stream);
    }
    stream_changed(detector, stream);
}

void lease_revoke(struct detector *detector,
                  struct stream *stream,
                  enum flatline_fault_kind kind,
                  uint64_t at_ns)
{
    struct stream_view *view = &stream->view;
    const uint64_t drained_ns = stream_drained_ns(detector, stream);
    lease_settle(detector, stream, at_ns < drained_ns ? at_ns : drained_ns);
    stream->held |= KIND_BIT(kind);
    if (view->lease_until_ns == 0) {
        return; /* never leased, or revoked before: the first reason stands */
    }
    view->lease_until_ns = 0;
    view->quiet_until_ns = 0;
    view->lost_count++;
    view->revoked_by = kind;
    deadlines_set(&detector->lapses, stream_index(detector, stream), DEADLINE_NEVER);
    if (stream->closed_since_ns == 0) {
        stream->closed_since_ns = at_ns;
    }
    lease_finding(detector, stream, FINDING_REVOKE, kind, at_ns, at_ns);
    stream_changed(detector, stream);
}

/* One reason less to stay closed. It reopens with the next frame that earns, once no reason is
 * left. */
void lease_unhold(struct detector *detector, struct stream *stream, enum flatline_fault_kind kind)
{
    if ((stream->held & KIND_BIT(kind)) == 0) {
        return;
    }
    stream->held &= ~KIND_BIT(kind);
    if (stream->held != 0 && stream->view.revoked_by == kind) {
        stream->view.revoked_by = (uint64_t)__builtin_ctzll(stream->held);
    }
    stream_changed(detector, stream);
}
