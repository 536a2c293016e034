/* SPDX-License-Identifier: MIT
 *
 * detector_silence.c - silence too long for its stream: SILENT. How long that is was learned from
 * the stream itself within a budget of false alarms (core/silence.h), or is fixed for it by
 * silent_after. Timers are the metronomes' and accounts may be quiet for days: neither is learned.
 *
 * Nothing is learned from a gap that a fault explains, that our own stall overlaps, or behind which
 * an id is missing.
 */
#include "core/detector_state.h"

#include <stdlib.h>

/* While one of these stands, how frames come says nothing of the market. */
#define KINDS_SUSPECT                                                                              \
    (KIND_BIT(FLATLINE_FAULT_DOWN) | KIND_BIT(FLATLINE_FAULT_NEVER_STARTED) |                      \
     KIND_BIT(FLATLINE_FAULT_WRONG_ROUTE) | KIND_BIT(FLATLINE_FAULT_REGRESSED) |                   \
     KIND_BIT(FLATLINE_FAULT_FROZEN) | KIND_BIT(FLATLINE_FAULT_LAGGING) |                          \
     KIND_BIT(FLATLINE_FAULT_MUTE) | KIND_BIT(FLATLINE_FAULT_HALF_OPEN) |                          \
     KIND_BIT(FLATLINE_FAULT_BACKLOG))

/* ---- who is learned -------------------------------------------------------------------------- */

/* false: out of memory */
bool silence_create(struct detector *detector)
{
    if (detector->policy.silent_every_ns == 0) {
        return true;
    }
    detector->silences = calloc(detector->limits.streams_max + 1U, sizeof(*detector->silences));
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

void silence_add(struct detector *detector, struct stream *stream)
{
    const struct stream_traits *traits = &stream->traits;
    const bool is_learned = detector->silences != NULL && traits->silent_after_ns == 0 &&
                            !traits->silent_off && traits->period_ns == 0 &&
                            !stream_is_user(stream);
    if (is_learned) {
        stream->silence = &detector->silences[stream_index(detector, stream)];
        budget_divide(detector);
    }
    limit_show(detector, stream);
}

const struct silence_tail *detector_silence(const struct detector *detector, uint32_t stream)
{
    flatline_assert(stream < detector->stream_count);
    const struct silence *silence = detector->streams[stream].silence;
    return silence != NULL ? &silence->tail : NULL;
}

bool detector_recall_silence(struct detector *detector,
                             uint32_t stream,
                             const struct silence_tail *tail)
{
    flatline_assert(stream < detector->stream_count);
    struct silence *silence = detector->streams[stream].silence;
    return silence != NULL && silence_recall(silence, tail);
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

static void silence_found(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    struct fault silent = {
        .kind = FLATLINE_FAULT_SILENT,
        .scope = FLATLINE_SCOPE_STREAM,
        .blame = FLATLINE_SCOPE_STREAM,
        .confidence = 50, /* quiet markets are legal */
        .stream = stream_index(detector, stream),
        .connection = EVENT_NO_CONNECTION,
        .onset_ns = stream->view.last_recv_ns,
        .at_ns = at_ns,
        .evidence = {at_ns - stream->view.last_recv_ns, stream->view.silence_provable_ns}};
    if (stream->silence != NULL) {
        const struct silence_terms *terms = &detector->silence_terms;
        silent.evidence[2] = stream->silence->mean_ns;
        silent.evidence[3] = silence_one_in(stream->silence, terms);
        silent.evidence[4] = terms->every_ns;
        silent.evidence[5] = stream->silence->tail.observed_ns;
    }
    silence_arm(detector, stream, 0);
    fault_raise(detector, &stream->faults[STREAM_SILENT], &silent);
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
    }
    if (stream->silence != NULL) {
        const bool learns = is_whole && (stream->view.open_faults & KINDS_SUSPECT) == 0;
        silence_arrive(stream->silence, &detector->silence_terms, at_ns, learns);
        limit_show(detector, stream);
    }
    silence_arm(detector, stream, at_ns);
}
