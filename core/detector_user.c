/* SPDX-License-Identifier: MIT
 *
 * detector_user.c - account streams: leased by their key and their socket, judged by the countdown
 * from the last extend that succeeded. Source: Binance docs, USD-M user data streams.
 */
#include "core/detector_calls.h"

static struct fault user_finding(const struct detector *detector,
                                 const struct stream *stream,
                                 enum flatline_fault_kind kind,
                                 uint64_t at_ns)
{
    return (struct fault){.kind = (uint8_t)kind,
                          .scope = FLATLINE_SCOPE_STREAM,
                          .blame = FLATLINE_SCOPE_STREAM,
                          .confidence = 100,
                          .stream = stream_index(detector, stream),
                          .connection = EVENT_NO_CONNECTION,
                          .onset_ns = at_ns,
                          .at_ns = at_ns};
}

static uint64_t since_extend_ns(const struct stream *stream, uint64_t at_ns)
{
    const uint64_t extended_ns = stream->key.extended_ns;
    return extended_ns != 0 && at_ns > extended_ns ? at_ns - extended_ns : 0;
}

/* News of the key comes by another way than frames: a lapse is found only as far as the socket
 * is known drained. */
static void user_extend_lease(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    const struct detector_policy *policy = &detector->policy;
    const uint64_t drained_ns = stream_drained_ns(detector, stream);
    lease_settle(detector, stream, at_ns < drained_ns ? at_ns : drained_ns);
    lease_grant(detector,
                stream,
                key_lease_until(&stream->key, policy->key_life_ns, policy->proof_interval_ns),
                at_ns);
}

static void user_proof(struct detector *detector,
                       struct stream *stream,
                       struct carrier *carrier,
                       bool is_event,
                       uint64_t at_ns)
{
    if (at_ns == 0 || !carrier_is_live(carrier) || carrier->up_ns != stream->key.socket_since_ns) {
        return; /* an old socket on its way out */
    }
    key_lease_proof(&stream->key, at_ns, is_event);
    stream->view.unproven = stream->key.is_unproven;
    if (!carrier->started) {
        carrier->started = true; /* an event may be days away: the proof is what ends its DOWN */
        carrier_delivers(detector, carrier, at_ns);
    }
    user_extend_lease(detector, stream, at_ns);
}

void user_event(struct detector *detector,
                struct stream *stream,
                struct carrier *carrier,
                uint64_t at_ns)
{
    user_proof(detector, stream, carrier, true, at_ns);
}

void user_pong(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct stream *stream = &detector->streams[detector->legs[at].stream];
        if (stream_is_user(stream)) {
            user_proof(detector, stream, carrier, false, at_ns);
        }
    }
}

/* The newest live connection is the socket that must prove itself; none: nothing can. */
void user_socket(struct detector *detector, struct stream *stream)
{
    uint64_t since_ns = 0;
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        if (carrier_is_live(carrier) && carrier->up_ns > since_ns) {
            since_ns = carrier->up_ns;
        }
    }
    if (stream_is_user(stream) && since_ns != stream->key.socket_since_ns) {
        key_lease_socket(&stream->key, since_ns);
        stream->view.unproven = true;
        stream_changed(detector, stream);
    }
}

/* ---- the key --------------------------------------------------------------------------------- */

static void key_due_set(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    stream->key_due_ns = at_ns;
    if (at_ns < detector->keys_due_ns) {
        detector->keys_due_ns = at_ns;
    }
}

static void key_extended(struct detector *detector,
                         struct stream *stream,
                         uint64_t fingerprint,
                         uint64_t extended_ns,
                         uint64_t at_ns)
{
    const struct detector_policy *policy = &detector->policy;
    key_lease_extended(&stream->key, fingerprint, extended_ns);
    fault_clear(detector, &stream->faults[STREAM_KEY_EXPIRING], at_ns);
    fault_clear(detector, &stream->faults[STREAM_KEY_EXPIRED], at_ns);
    fault_clear(detector, &stream->faults[STREAM_KEY_UNKNOWN], at_ns);
    const bool warns = policy->key_expiring_ns < policy->key_life_ns;
    key_due_set(detector,
                stream,
                extended_ns + policy->key_life_ns - (warns ? policy->key_expiring_ns : 0));
    user_extend_lease(detector, stream, at_ns);
}

static void key_extend_failed(struct detector *detector, struct stream *stream)
{
    struct fault *expiring = &stream->faults[STREAM_KEY_EXPIRING];
    stream->key.failures++;
    if (expiring->id != 0) {
        expiring->evidence[2] = stream->key.failures;
        fault_repeat(detector, expiring);
    }
}

static void
key_expired(struct detector *detector, struct stream *stream, bool by_event, uint64_t at_ns)
{
    struct fault expired = user_finding(detector, stream, FLATLINE_FAULT_KEY_EXPIRED, at_ns);
    expired.evidence[0] = since_extend_ns(stream, at_ns);
    expired.evidence[1] = by_event;
    stream->key_due_ns = DEADLINE_NEVER;
    if (stream->faults[STREAM_KEY_EXPIRED].id == 0) { /* the event may come twice */
        fault_raise(detector, &stream->faults[STREAM_KEY_EXPIRED], &expired);
    }
}

static void key_unknown(struct detector *detector,
                        struct stream *stream,
                        const struct event *event,
                        uint64_t at_ns)
{
    struct fault unknown = user_finding(detector, stream, FLATLINE_FAULT_KEY_UNKNOWN, at_ns);
    unknown.evidence[0] = (uint64_t)event->note.code;
    unknown.evidence[1] = event->note.code == 1;
    unknown.evidence[2] = since_extend_ns(stream, at_ns);
    text_copy(unknown.text, event->note.text);
    fault_raise(detector, &stream->faults[STREAM_KEY_UNKNOWN], &unknown);
}

static bool is_this_key(const struct stream *stream, uint64_t fingerprint)
{
    return fingerprint == 0 || stream->key.fingerprint == 0 ||
           fingerprint == stream->key.fingerprint;
}

/* Named by the event, else the one its connection carries, else the only one there is. */
static struct stream *user_stream_of(struct detector *detector, const struct event *event)
{
    struct stream *found = NULL;
    if (event->stream < detector->stream_count) {
        struct stream *named = &detector->streams[event->stream];
        return stream_is_user(named) ? named : NULL;
    }
    for (uint32_t i = 0; i < detector->stream_count; i++) {
        struct stream *stream = &detector->streams[i];
        if (stream_is_user(stream) &&
            (found == NULL || leg_find(detector, i, event->connection) != NULL)) {
            found = stream;
        }
    }
    return found;
}

void user_key_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    struct stream *stream = user_stream_of(detector, event);
    if (stream == NULL) {
        return;
    }
    stream_changed(detector, stream);
    if (event->kind == EVENT_KEY_EXTENDED) {
        key_extended(detector, stream, event->note.value, at_ns, at_ns);
    } else if (event->kind == EVENT_KEY_EXTEND_FAILED) {
        key_extend_failed(detector, stream);
    } else if (event->kind == EVENT_KEY_UNKNOWN) {
        key_unknown(detector, stream, event, at_ns);
    } else if (is_this_key(stream, event->note.value)) {
        key_expired(detector, stream, true, at_ns);
    }
}

/* ---- by an engine's word --------------------------------------------------------------------- */

/* Nobody who lives reports: the socket that stood for the account is gone. */
static void report_ends(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    if (stream->key.proof_ns != 0) {
        key_lease_socket(&stream->key, 0);
        lease_revoke(detector, stream, FLATLINE_FAULT_ENGINE_GONE, at_ns);
    }
}

/* The key is the account's, so anybody's extend counts; its socket is an engine's, so a proof counts
 * while the engine lives. A proof older than this key is of a socket with another one. */
void user_reported(struct detector *detector,
                   struct stream *stream,
                   const struct key_report *report,
                   uint64_t at_ns)
{
    if (!stream->view.unproven) {
        stream->view.unproven = true; /* the witness itself has seen nothing */
        stream_changed(detector, stream);
    }
    if (report->extended_ns > stream->key.extended_ns) {
        stream->key_failures_before = report->failures;
        key_extended(detector, stream, report->fingerprint, report->extended_ns, at_ns);
    }
    if (report->failures > stream->key_failures_before + stream->key.failures) {
        stream->key.failures = report->failures - stream->key_failures_before - 1U;
        key_extend_failed(detector, stream);
    }
    if (report->proven_ns == 0) {
        report_ends(detector, stream, at_ns);
        return;
    }
    if (report->proven_ns != stream->key.proof_ns) {
        key_lease_socket(&stream->key, report->proven_ns);
        key_lease_proof(&stream->key, report->proven_ns, false);
        lease_unhold(detector, stream, FLATLINE_FAULT_ENGINE_GONE);
        user_extend_lease(detector, stream, at_ns);
    }
}

static void key_timeout(struct detector *detector, struct stream *stream, uint64_t limit_ns)
{
    const struct detector_policy *policy = &detector->policy;
    const uint64_t dies_ns = stream->key.extended_ns + policy->key_life_ns;
    const uint64_t due_ns = stream->key_due_ns;
    if (due_ns < dies_ns) {
        struct fault expiring = user_finding(detector, stream, FLATLINE_FAULT_KEY_EXPIRING, due_ns);
        expiring.evidence[0] = dies_ns - due_ns;
        expiring.evidence[1] = stream->key.extended_ns;
        expiring.evidence[2] = stream->key.failures;
        stream->key_due_ns = dies_ns;
        fault_raise(detector, &stream->faults[STREAM_KEY_EXPIRING], &expiring);
    }
    if (stream->key_due_ns <= limit_ns) {
        key_expired(detector, stream, false, dies_ns);
    }
}

/* A clock of its own, not of a socket: no watermark holds it. */
void user_timeouts(struct detector *detector, uint64_t limit_ns)
{
    if (detector->keys_due_ns > limit_ns) {
        return;
    }
    detector->keys_due_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < detector->stream_count; i++) {
        struct stream *stream = &detector->streams[i];
        if (stream->key_due_ns <= limit_ns) {
            key_timeout(detector, stream, limit_ns);
        }
        if (stream->key_due_ns < detector->keys_due_ns) {
            detector->keys_due_ns = stream->key_due_ns;
        }
    }
}
