/* SPDX-License-Identifier: MIT
 *
 * detector_fault.c - raising and clearing, and what the policy makes of it. A fault is opened once
 * and repeated while it stands; its owner holds the slot.
 */
#include "core/detector_calls.h"

#include <string.h>

/* Of an event, into a text at least as long. */
void text_copy(char *to, const char from[EVENT_TEXT_BYTES])
{
    memcpy(to, from, EVENT_TEXT_BYTES - 1);
    to[EVENT_TEXT_BYTES - 1] = '\0';
}

static void fault_tell(struct detector *detector,
                       const struct fault *fault,
                       enum finding_kind kind,
                       uint64_t cleared_ns)
{
    struct finding finding = {.kind = (uint8_t)kind,
                              .fault_kind = fault->kind,
                              .scope = fault->scope,
                              .blame = fault->blame,
                              .confidence = fault->confidence,
                              .drill = fault->drill,
                              .connection = fault->connection,
                              .stream = fault->stream,
                              .fault_id = fault->id,
                              .onset_ns = fault->onset_ns,
                              .at_ns = fault->at_ns,
                              .cleared_ns = cleared_ns,
                              .count = fault->count};
    memcpy(finding.evidence, fault->evidence, sizeof(finding.evidence));
    memcpy(finding.text, fault->text, sizeof(finding.text));
    finding_emit(detector, &finding);
}

static uint64_t kinds_open(const struct fault *faults, uint32_t count)
{
    uint64_t open = 0;
    for (uint32_t i = 0; i < count; i++) {
        const bool acts = faults[i].id != 0 && !faults[i].is_summary;
        open |= acts ? KIND_BIT(faults[i].kind) : 0;
    }
    return open;
}

/* Counts again what is open on whatever the fault is of: a leg, a stream, a connection. The
 * host's is shown by itself. */
static void open_recount(struct detector *detector, const struct fault *fault)
{
    if (fault->stream != EVENT_NO_STREAM && fault->connection != EVENT_NO_CONNECTION) {
        struct leg *leg = leg_find(detector, fault->stream, fault->connection);
        if (leg != NULL) {
            leg->open = kinds_open(leg->faults, LEG_FAULTS);
        }
    } else if (fault->stream != EVENT_NO_STREAM) {
        struct stream *stream = &detector->streams[fault->stream];
        stream->open = kinds_open(stream->faults, STREAM_FAULTS);
    } else if (fault->connection != EVENT_NO_CONNECTION && fault->scope != FLATLINE_SCOPE_VENUE) {
        struct carrier *carrier = &detector->carriers[fault->connection];
        carrier->open = kinds_open(carrier->faults, CARRIER_FAULTS);
    }
}

/* Is there a live leg that this kind of fault does not stand on? Then the stream needs not be
 * revoked for it. */
static bool
has_sound_leg(const struct detector *detector, const struct stream *stream, uint64_t kind_bit)
{
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        if (carrier_is_live(carrier) &&
            ((detector->legs[at].open | carrier->open) & kind_bit) == 0) {
            return true;
        }
    }
    return false;
}

static void
stream_opened(struct detector *detector, struct stream *stream, const struct fault *fault)
{
    const bool is_of_leg = fault->connection != EVENT_NO_CONNECTION;
    const bool revokes = detector->policy.lease_on[fault->kind] == LEASE_REVOKE;
    stream_changed(detector, stream);
    if (quiet_is_ended_by(fault->kind)) {
        quiet_end(detector, stream, fault->at_ns);
    }
    if (revokes && !(is_of_leg && has_sound_leg(detector, stream, KIND_BIT(fault->kind)))) {
        lease_revoke(detector, stream, (enum flatline_fault_kind)fault->kind, fault->at_ns);
    }
}

static void
stream_cleared(struct detector *detector, struct stream *stream, const struct fault *fault)
{
    stream_changed(detector, stream);
    if (fault->kind !=
        FLATLINE_FAULT_DOWN) { /* that one waits for its inventory: see ack_apply() */
        lease_unhold(detector, stream, (enum flatline_fault_kind)fault->kind);
    }
}

static void open_faults_sum(const struct detector *detector, struct stream *stream)
{
    const struct fault *maintenance = &detector->maintenance[stream->traits.venue];
    uint64_t open = stream->open | (maintenance->id != 0 ? KIND_BIT(maintenance->kind) : 0);
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        open |= detector->legs[at].open | detector->carriers[detector->legs[at].connection].open;
    }
    stream->view.open_faults = open;
}

typedef void (*stream_visit)(struct detector *detector,
                             struct stream *stream,
                             const struct fault *fault);

static void streams_visit(struct detector *detector, const struct fault *fault, stream_visit visit)
{
    if (fault->stream != EVENT_NO_STREAM) {
        struct stream *stream = &detector->streams[fault->stream];
        open_faults_sum(detector, stream);
        visit(detector, stream, fault);
        return;
    }
    if (fault->scope == FLATLINE_SCOPE_VENUE) {
        const enum flatline_venue venue = detector->carriers[fault->connection].venue;
        for (uint32_t i = 0; i < detector->stream_count; i++) {
            struct stream *stream = &detector->streams[i];
            if (stream->traits.venue == venue) {
                open_faults_sum(detector, stream);
                visit(detector, stream, fault);
            }
        }
        return;
    }
    if (fault->connection != EVENT_NO_CONNECTION) {
        const struct carrier *carrier = &detector->carriers[fault->connection];
        for (uint32_t at = carrier->first_leg; at != LEG_NONE;
             at = detector->legs[at].next_of_carrier) {
            struct stream *stream = &detector->streams[detector->legs[at].stream];
            open_faults_sum(detector, stream);
            visit(detector, stream, fault);
        }
        return;
    }
    if (fault->scope == FLATLINE_SCOPE_ENGINE &&
        detector->policy.lease_on[fault->kind] == LEASE_KEEP) {
        return; /* the witness's leases are none of an engine's business */
    }
    for (uint32_t i = 0; i < detector->stream_count; i++) {
        visit(detector, &detector->streams[i], fault);
    }
}

void fault_raise(struct detector *detector, struct fault *fault, const struct fault *what)
{
    if (fault->id != 0) {
        memcpy(fault->evidence, what->evidence, sizeof(fault->evidence));
        fault_repeat(detector, fault);
        return;
    }
    *fault = *what;
    fault->id = ++detector->fault_serial;
    fault->count = 1;
    fault->explained = blame_explains(detector, fault);
    detector->totals.explained += fault->explained;
    if (!fault->explained) {
        fault_tell(detector, fault, FINDING_FAULT, 0);
    }
    if (!fault->is_summary) {
        open_recount(detector, fault);
        streams_visit(detector, fault, stream_opened);
    }
}

void fault_repeat(struct detector *detector, struct fault *fault)
{
    fault->count++;
    if (!fault->explained) {
        fault_tell(detector, fault, FINDING_UPDATE, 0);
    }
}

/* What explains it has come: people hear no more of it. Or has gone: now they do. */
void fault_retell(struct detector *detector, struct fault *fault, uint64_t at_ns)
{
    if (fault->id == 0 || fault->explained == blame_explains(detector, fault)) {
        return;
    }
    fault->explained = !fault->explained;
    detector->totals.explained += fault->explained;
    fault_tell(detector,
               fault,
               fault->explained ? FINDING_CLEAR : FINDING_FAULT,
               fault->explained ? at_ns : 0);
}

void fault_clear(struct detector *detector, struct fault *fault, uint64_t at_ns)
{
    if (fault->id == 0) {
        return;
    }
    if (!fault->explained) {
        fault_tell(detector, fault, FINDING_CLEAR, at_ns);
    }
    fault->id = 0;
    if (!fault->is_summary) {
        open_recount(detector, fault);
        streams_visit(detector, fault, stream_cleared);
    }
}
