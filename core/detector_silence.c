/* SPDX-License-Identifier: MIT
 *
 * detector_silence.c - silence too long for its stream: SILENT. How long that is was learned from
 * the stream itself within a budget of false alarms (core/silence.h), or is fixed for it by
 * silent_after. All streams of a connection together are judged in the same way. Timers are the metronomes' and accounts may be quiet for days: neither is learned.
 *
 * Nothing is learned from a gap that a fault explains, that our own stall overlaps, or behind which
 * an id is missing.
 */
#include "core/detector_calls.h"

#include <stdlib.h>

/* ---- who is learned -------------------------------------------------------------------------- */

/* false: out of memory */
bool silence_create(struct detector *detector)
{
    if (detector->policy.silent_every_ns == 0) {
        return true;
    }
    const struct detector_limits *limits = &detector->limits;
    const size_t count = (size_t)limits->streams_max + limits->connections_max + 1U;
    detector->silences = calloc(count, sizeof(*detector->silences));
    return detector->silences != NULL;
}

static uint64_t earlier_limit(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* What would be proof now. */
static void limit_show(struct detector *detector, struct stream *stream)
{
    const struct stream_traits *traits = &stream->traits;
    uint64_t limit_ns = traits->silent_after_ns;
    if (stream->silence != NULL) {
        const uint64_t learned_ns = stream->silence->limit_ns;
        limit_ns = learned_ns != 0 && learned_ns < stream->allowance_ns ? stream->allowance_ns
                                                                        : learned_ns;
        limit_ns = earlier_limit(limit_ns, detector->policy.silent_cap_ns);
    }
    stream->view.silence_provable_ns = limit_ns;
}

/* One stream more: the budget is for all of them together. */
static void budget_divide(struct detector *detector)
{
    const uint64_t every_ns = detector->policy.silent_every_ns;
    struct silence_terms *terms = &detector->silence_terms;
    terms->warm_up_ns = detector->policy.silent_warm_up_ns;
    terms->every_ns += every_ns;
    if (terms->every_ns < every_ns) {
        terms->every_ns = UINT64_MAX;
    }
}

/* Where there are two venues, the silence of all is ours. */
static void host_silence_add(struct detector *detector, enum flatline_venue venue)
{
    const bool is_other = detector->stream_count > 0 && detector->streams[0].traits.venue != venue;
    if (is_other && detector->host_silence == NULL) {
        detector->host_silence =
            &detector->silences[detector->limits.streams_max + detector->limits.connections_max];
        budget_divide(detector);
    }
}

void silence_add(struct detector *detector, struct stream *stream)
{
    const struct stream_traits *traits = &stream->traits;
    const bool is_learned = detector->silences != NULL && traits->silent_after_ns == 0 &&
                            !traits->silent_off && traits->period_ns == 0 &&
                            !stream_is_user(stream);
    if (is_learned) {
        stream->silence = &detector->silences[stream_index(detector, stream)];
        budget_divide(detector);
        host_silence_add(detector, traits->venue);
    }
    limit_show(detector, stream);
}

uint32_t detector_silence_count(const struct detector *detector)
{
    return detector->stream_count + detector->carrier_count + 1U;
}

static struct silence *silence_at(const struct detector *detector, uint32_t index)
{
    flatline_assert(index < detector_silence_count(detector));
    const uint32_t connection = index - detector->stream_count;
    return index < detector->stream_count         ? detector->streams[index].silence
           : connection < detector->carrier_count ? detector->carriers[connection].silence
                                                  : detector->host_silence;
}

const struct silence_tail *detector_silence(const struct detector *detector, uint32_t index)
{
    const struct silence *silence = silence_at(detector, index);
    return silence != NULL ? &silence->tail : NULL;
}

bool detector_recall_silence(struct detector *detector,
                             uint32_t index,
                             const struct silence_tail *tail)
{
    struct silence *silence = silence_at(detector, index);
    return silence != NULL && silence_recall(silence, tail);
}

/* The gaps that are going on prove nothing and teach nothing, of whomever. */
void silences_forget(struct detector *detector)
{
    for (uint32_t i = 0; i < detector_silence_count(detector); i++) {
        struct silence *silence = silence_at(detector, i);
        if (silence != NULL) {
            silence_forget(silence);
        }
    }
}

/* ---- its deadline ---------------------------------------------------------------------------- */

static void silence_arm(struct detector *detector, struct stream *stream, uint64_t from_ns)
{
    const uint64_t limit_ns = stream->view.silence_provable_ns;
    deadlines_set(&detector->silence,
                  stream_index(detector, stream),
                  from_ns != 0 && limit_ns != 0 ? from_ns + limit_ns : DEADLINE_NEVER);
}

static bool is_watched(const struct stream *stream)
{
    return stream->silence != NULL || stream->traits.silent_after_ns != 0;
}

void silence_restart(struct detector *detector, struct stream *stream, uint64_t from_ns)
{
    if (stream->silence != NULL) {
        silence_forget(stream->silence);
    }
    if (is_watched(stream)) {
        silence_arm(detector, stream, from_ns);
    }
}

void silence_tell(const struct detector *detector,
                  const struct silence *silence,
                  uint64_t silence_ns,
                  uint64_t limit_ns,
                  uint64_t evidence[FLATLINE_EVIDENCE_WORDS])
{
    evidence[0] = silence_ns;
    evidence[1] = limit_ns;
    if (silence != NULL) {
        evidence[2] = silence->mean_ns;
        evidence[3] = silence_one_in(silence, &detector->silence_terms);
        evidence[4] = detector->silence_terms.every_ns;
        evidence[5] = silence->tail.observed_ns;
    }
}

static void silence_found(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    struct fault silent = {.kind = FLATLINE_FAULT_SILENT,
                           .scope = FLATLINE_SCOPE_STREAM,
                           .blame = FLATLINE_SCOPE_UNKNOWN, /* quiet markets are legal */
                           .confidence = 50,
                           .stream = stream_index(detector, stream),
                           .connection = EVENT_NO_CONNECTION,
                           .onset_ns = stream->view.last_recv_ns,
                           .at_ns = at_ns};
    silence_tell(detector,
                 stream->silence,
                 at_ns - stream->view.last_recv_ns,
                 stream->view.silence_provable_ns,
                 silent.evidence);
    silence_arm(detector, stream, 0);
    fault_raise(detector, &stream->faults[STREAM_SILENT], &silent);
    blame_stream_silent(detector, stream, at_ns);
}

void silence_settle(struct detector *detector, struct stream *stream, uint64_t until_ns)
{
    const uint64_t due_ns = deadlines_get(&detector->silence, stream_index(detector, stream));
    if (UNLIKELY(due_ns <= until_ns) && !stream_reach(detector, stream).stall_pending) {
        silence_found(detector, stream, due_ns);
    }
}

uint32_t silences_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0; passed < most && deadlines_due(&detector->silence, now_ns, &at);) {
        struct stream *stream = &detector->streams[at - 1];
        const struct reach reach = stream_reach(detector, stream);
        const uint64_t due_ns = deadlines_get(&detector->silence, at - 1);
        if (due_ns <= reach.drained_ns && !reach.stall_pending) {
            silence_found(detector, stream, due_ns);
            passed++;
        }
    }
    return passed;
}

/* ---- a frame --------------------------------------------------------------------------------- */

void silence_end(struct detector *detector, struct stream *stream, uint64_t at_ns, bool is_whole)
{
    struct fault *silent = &stream->faults[STREAM_SILENT];
    if (!is_watched(stream)) {
        return;
    }
    if (UNLIKELY(silent->id != 0)) {
        silent->evidence[0] = at_ns - silent->onset_ns;
        fault_clear(detector, silent, at_ns);
        blame_stream_speaks(detector, stream, at_ns);
    }
    if (stream->silence != NULL) {
        const bool learns = is_whole && (stream->view.open_faults & KINDS_SUSPECT) == 0;
        silence_arrive(stream->silence, &detector->silence_terms, at_ns, learns);
        limit_show(detector, stream);
    }
    silence_arm(detector, stream, at_ns);
}

/* ---- all streams of a connection together ---------------------------------------------------- */

void carrier_silence_add(struct detector *detector, struct carrier *carrier)
{
    if (detector->silences != NULL) {
        carrier->silence =
            &detector->silences[detector->limits.streams_max + carrier_index(detector, carrier)];
        if (!carrier->is_spare) { /* which shares with the one it succeeds */
            budget_divide(detector);
        }
    }
}

static void
carrier_silence_arm(struct detector *detector, struct carrier *carrier, uint64_t from_ns)
{
    const uint64_t limit_ns = silence_limit_together_ns(carrier->silence);
    deadlines_set(&detector->carrier_silence,
                  carrier_index(detector, carrier),
                  from_ns != 0 && limit_ns != 0 ? from_ns + limit_ns : DEADLINE_NEVER);
}

/* A successor carries what the connection before it carried, and knows what that one learned. */
static void carrier_inherit(struct detector *detector, struct carrier *carrier)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        if (other != carrier && other->venue == carrier->venue && other->route == carrier->route &&
            other->silence != NULL && other->silence->tail.total > carrier->silence->tail.total &&
            other->first_leg != LEG_NONE && carrier->first_leg != LEG_NONE &&
            detector->legs[other->first_leg].stream == detector->legs[carrier->first_leg].stream) {
            (void)silence_recall(carrier->silence, &other->silence->tail);
        }
    }
}

void carrier_silence_restart(struct detector *detector, struct carrier *carrier, uint64_t from_ns)
{
    if (carrier->silence != NULL) {
        silence_forget(carrier->silence);
        if (from_ns == 0) {
            carrier_inherit(detector, carrier);
        }
        carrier_silence_arm(detector, carrier, from_ns);
    }
}

/* What its connections carry is another mix from here. */
void carrier_silences_anew(struct detector *detector, const struct stream *stream)
{
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        if (carrier->silence != NULL) {
            silence_anew(carrier->silence);
            carrier_silence_arm(detector, carrier, 0);
        }
    }
    if (detector->host_silence != NULL) {
        silence_anew(detector->host_silence);
    }
}

void carrier_silence_found(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    struct fault silent = {.kind = FLATLINE_FAULT_SILENT,
                           .scope = FLATLINE_SCOPE_CONNECTION,
                           .stream = EVENT_NO_STREAM,
                           .connection = (uint16_t)carrier_index(detector, carrier),
                           .onset_ns = carrier->last_data_ns,
                           .at_ns = at_ns};
    silence_tell(detector,
                 carrier->silence,
                 at_ns - carrier->last_data_ns,
                 carrier->silence != NULL ? silence_limit_together_ns(carrier->silence) : 0,
                 silent.evidence);
    deadlines_set(&detector->carrier_silence, carrier_index(detector, carrier), DEADLINE_NEVER);
    if (carrier->faults[CARRIER_MUTE].id == 0 && carrier->faults[CARRIER_SILENT].id == 0) {
        blame_of_carrier(detector, carrier, &silent);
        fault_raise(detector, &carrier->faults[CARRIER_SILENT], &silent);
        blame_carrier_silent(detector, carrier, at_ns);
    }
}

void carrier_silence_settle(struct detector *detector, struct carrier *carrier, uint64_t until_ns)
{
    const uint64_t due_ns =
        deadlines_get(&detector->carrier_silence, carrier_index(detector, carrier));
    if (UNLIKELY(due_ns <= until_ns) && !carrier->stall_pending) {
        carrier_silence_found(detector, carrier, due_ns);
    }
}

uint32_t carrier_silences_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0;
         passed < most && deadlines_due(&detector->carrier_silence, now_ns, &at);) {
        struct carrier *carrier = &detector->carriers[at - 1];
        const uint64_t due_ns = deadlines_get(&detector->carrier_silence, at - 1);
        if (due_ns <= carrier_drained_ns(carrier) && !carrier->stall_pending) {
            carrier_silence_found(detector, carrier, due_ns);
            passed++;
        }
    }
    return passed;
}

/* It has been silent for a larger cause's sake, which is over: it is held to account from now, if
 * anything carries it. */
void silence_excuse(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    struct fault *silent = &stream->faults[STREAM_SILENT];
    if (silent->id != 0 && silent->explained) {
        fault_clear(detector, silent, at_ns);
        silence_restart(detector, stream, stream->view.legs_up != 0 ? at_ns : 0);
    }
}

void carrier_silences_excuse(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        silence_excuse(detector, &detector->streams[detector->legs[at].stream], at_ns);
    }
}

static void carrier_silence_over(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier_silences_excuse(detector, carrier, at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_SILENT], at_ns);
    blame_carrier_speaks(detector, carrier, at_ns);
}

void carrier_silence_end(struct detector *detector,
                         struct carrier *carrier,
                         const struct arrival *a)
{
    struct fault *silent = &carrier->faults[CARRIER_SILENT];
    if (UNLIKELY(silent->id != 0)) {
        silent->evidence[0] = a->recv_ns - silent->onset_ns;
        if (a->timing == ENVELOPE_SAMPLE && !a->is_first_push) {
            blame_held_back(detector, carrier, a->excess_ns);
        }
        carrier_silence_over(detector, carrier, a->recv_ns);
    }
    if (carrier->silence != NULL) {
        const bool learns = (carrier->open & KINDS_SUSPECT) == 0;
        silence_arrive(carrier->silence, &detector->silence_terms, a->recv_ns, learns);
        carrier_silence_arm(detector, carrier, a->recv_ns);
    }
}
