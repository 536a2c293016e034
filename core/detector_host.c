/* SPDX-License-Identifier: MIT
 *
 * detector_host.c - all connections of all venues silent at once: then it is we who are deaf. How long
 * that is was learned as of a stream (core/silence.h), from the frames of all of them together: venues
 * stand still, but never all at one time. Rules: docs/DETECTOR.md, "Blame".
 */
#include "core/detector_calls.h"
#include "core/detector_cohort.h"

#include <stdio.h>

#define TOGETHER_NS NS_PER_S /* what ends with the line ends within this, and three mean gaps */

#define LOOK_NS (250 * NS_PER_MS) /* while not enough are silent beyond doubt */

enum { CONFIDENCE_DEAF = 75 };

/* While one of these stands on any connection, what is left is not what is to be learned, ... */
#define KINDS_APART (KINDS_SUSPECT | KIND_BIT(FLATLINE_FAULT_SILENT))
/* ... and with one of these nobody is called deaf either. */
#define KINDS_GONE (KIND_BIT(FLATLINE_FAULT_DOWN) | KIND_BIT(FLATLINE_FAULT_NEVER_STARTED))

/* Our stall is over: the silence counts from here. */
void host_restart(struct detector *detector, uint64_t from_ns)
{
    const uint64_t limit_ns =
        detector->host_silence != NULL ? silence_limit_together_ns(detector->host_silence) : 0;
    detector->heard_ns = from_ns > detector->heard_ns ? from_ns : detector->heard_ns;
    if (limit_ns != 0 && detector->host_due_ns == DEADLINE_NEVER) {
        detector->host_due_ns = from_ns + limit_ns;
    }
}

static void excuse(struct detector *detector, struct fault *silent, uint64_t at_ns)
{
    if (silent->id != 0 && silent->explained && silent->kind == FLATLINE_FAULT_SILENT) {
        fault_clear(detector, silent, at_ns);
    }
}

/* What was SILENT for our own line's sake is not told as the venues' now: it is taken back, and counts
 * anew from here. */
static void silences_excuse(struct detector *detector, uint64_t at_ns)
{
    for (uint32_t venue = 0; venue < DETECTOR_VENUES; venue++) {
        excuse(detector, &detector->venue_silent[venue], at_ns);
        excuse(detector, &detector->route_silent[venue], at_ns);
    }
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        struct carrier *carrier = &detector->carriers[i];
        struct fault *silent = &carrier->faults[CARRIER_SILENT];
        carrier_silences_excuse(detector, carrier, at_ns);
        if (silent->id != 0 && silent->explained) {
            fault_clear(detector, silent, at_ns);
            carrier_silence_restart(detector, carrier, at_ns);
        }
    }
}

void host_speaks(struct detector *detector, uint64_t at_ns)
{
    if (detector->host_silent.id != 0) {
        silences_excuse(detector, at_ns);
        fault_clear(detector, &detector->host_silent, at_ns);
        if (detector->host_silence != NULL) { /* what was ours teaches nothing of the venues */
            silence_forget(detector->host_silence);
        }
        blame_retell_all(detector, at_ns);
    }
}

/* ---- who listens ------------------------------------------------------------------------------- */

/* Those that carry data. */
struct listeners {
    uint32_t connections;
    uint32_t venues; /* bits: one of its connections is silent beyond its own custom */
    uint64_t newest_ns;
    uint64_t drained_ns;
    uint64_t suspect;  /* kinds that stand on any */
    bool are_outheard; /* by an engine, so it is not the line */
    bool stall_pending;
};

/* Silent by then beyond its own custom, or a timer of its is: a venue that is merely quiet is no witness
 * of our deafness. */
static bool
is_overquiet(const struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const uint64_t mean_ns = mean_gap_ns(carrier->silence);
    bool is_so = mean_ns != 0 && carrier->last_data_ns + OVERQUIET_GAPS * mean_ns <= at_ns;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE && !is_so;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        is_so = leg->started && detector->streams[leg->stream].traits.period_ns != 0 &&
                leg_is_overquiet(detector, leg, at_ns);
    }
    return is_so;
}

static struct listeners listeners_of(const struct detector *detector, uint64_t at_ns)
{
    struct listeners listeners = {.drained_ns = UINT64_MAX};
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        listeners.suspect |= carrier->open & KINDS_APART;
        if (carrier_is_member(detector, carrier)) {
            const uint64_t drained_ns = carrier_drained_ns(carrier);
            const bool is_silent = is_overquiet(detector, carrier, at_ns);
            listeners.connections++;
            listeners.venues |= is_silent ? 1U << carrier->venue : 0;
            listeners.newest_ns = carrier->last_data_ns > listeners.newest_ns
                                      ? carrier->last_data_ns
                                      : listeners.newest_ns;
            listeners.stall_pending |= carrier->stall_pending;
            listeners.are_outheard |=
                carrier_is_outheard(detector, carrier, detector->heard_ns, at_ns);
            listeners.drained_ns =
                drained_ns < listeners.drained_ns ? drained_ns : listeners.drained_ns;
        }
    }
    return listeners;
}

/* None fell silent long before newest_ns: else what is left comes more rarely than all of them did. */
static bool are_together(const struct detector *detector, uint64_t newest_ns)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        if (carrier_is_member(detector, carrier) &&
            carrier->last_data_ns + TOGETHER_NS + 3U * mean_gap_ns(carrier->silence) < newest_ns) {
            return false;
        }
    }
    return true;
}

/* ---- a frame --------------------------------------------------------------------------------- */

/* Are the gaps now those of all connections together? Looked at once a batch. */
static bool is_learnt_from(const struct detector *detector, uint64_t at_ns)
{
    const struct listeners listeners = listeners_of(detector, at_ns);
    return listeners.suspect == 0 && are_together(detector, at_ns);
}

/* A frame came, over any connection. Its deadline is moved when it falls due: here every frame passes,
 * where there are two venues. */
void host_heard(struct detector *detector, uint64_t at_ns)
{
    struct silence *silence = detector->host_silence;
    detector->heard_ns = at_ns > detector->heard_ns ? at_ns : detector->heard_ns;
    if (LIKELY(at_ns < silence->batch_ns + SILENCE_BATCH_NS)) {
        return; /* nobody is deaf within a batch */
    }
    host_speaks(detector, at_ns);
    silence_arrive(silence, &detector->silence_terms, at_ns, is_learnt_from(detector, at_ns));
    if (UNLIKELY(detector->host_due_ns == DEADLINE_NEVER)) {
        const uint64_t limit_ns = silence_limit_together_ns(silence);
        detector->host_due_ns = limit_ns != 0 ? at_ns + limit_ns : DEADLINE_NEVER;
    }
}

/* ---- silence ----------------------------------------------------------------------------------- */

static void host_found(struct detector *detector, const struct listeners *listeners, uint64_t at_ns)
{
    struct fault deaf = {.kind = FLATLINE_FAULT_SILENT,
                         .scope = FLATLINE_SCOPE_HOST,
                         .blame = FLATLINE_SCOPE_HOST,
                         .confidence = CONFIDENCE_DEAF,
                         .is_summary = true,
                         .stream = EVENT_NO_STREAM,
                         .connection = EVENT_NO_CONNECTION,
                         .onset_ns = detector->heard_ns,
                         .at_ns = at_ns};
    silence_tell(detector,
                 detector->host_silence,
                 at_ns - detector->heard_ns,
                 silence_limit_together_ns(detector->host_silence),
                 deaf.evidence);
    (void)snprintf(deaf.text, sizeof(deaf.text), "all %u connections", listeners->connections);
    fault_raise(detector, &detector->host_silent, &deaf);
    blame_retell_all(detector, at_ns);
}

void host_pass(struct detector *detector, uint64_t now_ns)
{
    if (detector->host_due_ns > now_ns) {
        return;
    }
    const uint64_t limit_ns = silence_limit_together_ns(detector->host_silence);
    const uint64_t due_ns = detector->heard_ns + limit_ns;
    const uint64_t at_ns = due_ns > detector->host_due_ns ? due_ns : detector->host_due_ns;
    if (limit_ns == 0 || at_ns > now_ns) {
        detector->host_due_ns = limit_ns == 0 ? DEADLINE_NEVER : at_ns;
        return;
    }
    const struct listeners listeners = listeners_of(detector, at_ns);
    if (listeners.drained_ns < at_ns || listeners.stall_pending) {
        return;
    }
    const bool are_many = (listeners.venues & (listeners.venues - 1U)) != 0;
    const bool is_known = detector->host_silent.id != 0 || listeners.are_outheard ||
                          (listeners.suspect & KINDS_GONE) != 0 ||
                          !are_together(detector, listeners.newest_ns);
    detector->host_due_ns =
        is_known || are_many || listeners.connections < 2 ? DEADLINE_NEVER : at_ns + LOOK_NS;
    if (are_many && !is_known) {
        host_found(detector, &listeners, at_ns);
    }
}
