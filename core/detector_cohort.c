/* SPDX-License-Identifier: MIT
 *
 * detector_cohort.c - connections that fell silent: one of them, all of a route, of a venue, or all there
 * are. Rules: docs/DETECTOR.md, "Blame".
 *
 * A connection that is not proven silent speaks if it was heard in the second half of the silence of
 * the others; when it was heard last before that says nothing, as it would have been, too, had it
 * stopped with them.
 */
#include "core/detector_cohort.h"
#include "core/detector_calls.h"

#include <stdio.h>

#define TOGETHER_NS   NS_PER_S       /* silences that begin within this began together */
#define NEUTRAL_NS    (5 * NS_PER_S) /* one that is neither holds a verdict up for so long */
#define MEMBERS_LEAST 2U

bool cohort_fell_together(const struct cohort *cohort)
{
    return cohort->silent > 0 && cohort->silent + cohort->overquiet >= MEMBERS_LEAST &&
           cohort->speaking == 0 && 2U * (cohort->silent + cohort->overquiet) >= cohort->members &&
           cohort->last_ns - cohort->onset_ns <= TOGETHER_NS + cohort->slack_ns;
}

void cohort_silent(struct cohort *cohort, uint64_t onset_ns)
{
    cohort->onset_ns =
        cohort->silent == 0 || onset_ns < cohort->onset_ns ? onset_ns : cohort->onset_ns;
    cohort->last_ns = onset_ns > cohort->last_ns ? onset_ns : cohort->last_ns;
    cohort->silent++;
}

/* ---- members --------------------------------------------------------------------------------- */

bool carrier_is_member(const struct detector *detector, const struct carrier *carrier)
{
    if (!carrier_is_live(carrier) || !carrier->started) {
        return false;
    }
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        if (!stream_is_user(&detector->streams[detector->legs[at].stream])) {
            return true;
        }
    }
    return false; /* account streams alone may be silent for days */
}

/* What proves it silent; NULL: nothing does. */
static const struct fault *carrier_silence(const struct carrier *carrier)
{
    static const enum carrier_fault slots[] = {CARRIER_MUTE, CARRIER_SILENT, CARRIER_BEATS};

    for (uint32_t i = 0; i < ARRAY_COUNT(slots); i++) {
        if (carrier->faults[slots[i]].id != 0) {
            return &carrier->faults[slots[i]];
        }
    }
    return carrier->beats_missing.onset_ns != 0 ? &carrier->beats_missing : NULL;
}

/* Heard in the second half of a silence that began at since_ns. */
static bool speaks(const struct carrier *carrier, uint64_t since_ns, uint64_t at_ns)
{
    return carrier->last_data_ns > silence_half_ns(since_ns, at_ns);
}

/* Has an engine told, in the second half of the silence, of what this connection did not bring? Then
 * the venue lives, and so does the line. */
bool carrier_is_outheard(const struct detector *detector,
                         const struct carrier *carrier,
                         uint64_t since_ns,
                         uint64_t at_ns)
{
    const uint64_t half_ns = silence_half_ns(since_ns, at_ns);
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        if (detector->streams[detector->legs[at].stream].engine_heard_ns > half_ns) {
            return true;
        }
    }
    return false;
}

struct circle {
    uint32_t venue; /* DETECTOR_VENUES: all */
    uint32_t route; /* ROUTE_ANY: all */
};

#define ROUTE_ANY UINT32_MAX

static bool is_within(const struct circle *circle, const struct carrier *carrier)
{
    return (circle->venue == DETECTOR_VENUES || carrier->venue == circle->venue) &&
           (circle->route == ROUTE_ANY || carrier->route == circle->route);
}

/* Those of a circle that are proven silent, by when they were heard last. */
static struct cohort silent_of(const struct detector *detector, const struct circle *circle)
{
    struct cohort cohort = {0};
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        if (is_within(circle, carrier) && carrier_is_member(detector, carrier)) {
            cohort.members++;
            if (carrier_silence(carrier) != NULL) {
                const uint64_t slack_ns = 3U * mean_gap_ns(carrier->silence);
                cohort_silent(&cohort, carrier->last_data_ns);
                cohort.slack_ns = slack_ns > cohort.slack_ns ? slack_ns : cohort.slack_ns;
            }
        }
    }
    return cohort;
}

static struct cohort
cohort_of(const struct detector *detector, const struct circle *circle, uint64_t at_ns)
{
    struct cohort cohort = silent_of(detector, circle);
    for (uint32_t i = 0; i < detector->carrier_count && cohort.silent > 0; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        const uint64_t mean_ns = mean_gap_ns(carrier->silence);
        if (!is_within(circle, carrier) || !carrier_is_member(detector, carrier)) {
            continue;
        }
        if (carrier_is_outheard(detector, carrier, cohort.last_ns, at_ns)) {
            cohort.speaking++;
        } else if (carrier_silence(carrier) != NULL) {
            continue;
        } else if (speaks(carrier, cohort.last_ns, at_ns)) {
            cohort.speaking++;
        } else if (mean_ns != 0 && carrier->last_data_ns + OVERQUIET_GAPS * mean_ns < at_ns) {
            cohort.overquiet++;
        } else {
            cohort.neutral++;
        }
    }
    return cohort;
}

/* Of those that are not proven silent each is either quiet beyond doubt, or has had its time. */
static bool is_ripe(const struct cohort *cohort, uint64_t at_ns)
{
    return cohort->silent >= MEMBERS_LEAST && cohort_fell_together(cohort) &&
           (cohort->neutral == 0 || at_ns >= cohort->last_ns + NEUTRAL_NS);
}

/* ---- contrast -------------------------------------------------------------------------------- */

/* Was one within a circle, but not within another, heard in the second half? */
static bool is_heard(const struct detector *detector,
                     const struct circle *within,
                     const struct circle *without,
                     uint64_t since_ns,
                     uint64_t at_ns)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        if (is_within(within, carrier) && !is_within(without, carrier) &&
            carrier_is_member(detector, carrier) && carrier_silence(carrier) == NULL &&
            speaks(carrier, since_ns, at_ns)) {
            return true;
        }
    }
    return false;
}

static const struct circle everywhere = {DETECTOR_VENUES, ROUTE_ANY};

static uint32_t members_of(const struct detector *detector, const struct circle *circle)
{
    return silent_of(detector, circle).members;
}

/* Was another connection of its venue heard since this one fell silent, or has an engine heard what it
 * did not bring? */
static bool
is_contrasted(const struct detector *detector, const struct carrier *own, uint64_t at_ns)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        if (other != own && other->venue == own->venue && carrier_is_member(detector, other) &&
            carrier_silence(other) == NULL && speaks(other, own->last_data_ns, at_ns)) {
            return true;
        }
    }
    return carrier_is_outheard(detector, own, own->last_data_ns, at_ns);
}

/* Between a connection and its venue only another connection there can decide; between a venue and
 * our own line, only another venue. */
void blame_of_carrier(const struct detector *detector,
                      const struct carrier *carrier,
                      struct fault *silence)
{
    const bool has_contrast = is_contrasted(detector, carrier, silence->at_ns);
    silence->blame = has_contrast ? FLATLINE_SCOPE_CONNECTION : FLATLINE_SCOPE_UNKNOWN;
    silence->confidence = has_contrast ? CONFIDENCE_CONTRAST : CONFIDENCE_UNDECIDED;
}

bool blame_is_alone(const struct detector *detector, const struct carrier *carrier)
{
    const struct circle venue = {carrier->venue, ROUTE_ANY};
    return members_of(detector, &venue) == 1U;
}

/* It is the only one of its venue, and no other venue was heard since: it may be us. */
bool blame_may_be_ours(const struct detector *detector,
                       const struct carrier *carrier,
                       uint64_t at_ns)
{
    const struct circle venue = {carrier->venue, ROUTE_ANY};
    return members_of(detector, &everywhere) > members_of(detector, &venue) &&
           !is_heard(detector, &everywhere, &venue, carrier->last_data_ns, at_ns);
}

/* Somebody is heard again, and by that contrast what was undecided is decided. */
static void
contrast_take(struct detector *detector, struct fault *silence, enum flatline_scope blame)
{
    if (silence->id != 0 && silence->blame == FLATLINE_SCOPE_UNKNOWN) {
        silence->blame = (uint8_t)blame;
        silence->confidence = CONFIDENCE_CONTRAST;
        fault_repeat(detector, silence);
    }
}

static void carrier_contrast(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    struct fault *beats = &carrier->faults[CARRIER_BEATS];
    if (carrier_silence(carrier) == NULL) {
        return;
    }
    if (is_contrasted(detector, carrier, at_ns)) {
        contrast_take(detector, &carrier->faults[CARRIER_SILENT], FLATLINE_SCOPE_CONNECTION);
        contrast_take(detector, &carrier->faults[CARRIER_MUTE], FLATLINE_SCOPE_CONNECTION);
    }
    if (beats->id != 0 && !blame_may_be_ours(detector, carrier, at_ns)) {
        contrast_take(detector, beats, (enum flatline_scope)beats->scope);
    }
}

void blame_retell_venue(struct detector *detector, enum flatline_venue venue, uint64_t at_ns)
{
    const struct circle own = {venue, ROUTE_ANY};
    struct fault *silent = &detector->venue_silent[venue];
    if (silent->id != 0 && is_heard(detector, &everywhere, &own, silent->onset_ns, at_ns)) {
        contrast_take(detector, silent, FLATLINE_SCOPE_VENUE);
    }
    fault_retell(detector, silent, at_ns);
    fault_retell(detector, &detector->route_silent[venue], at_ns);
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        struct carrier *carrier = &detector->carriers[i];
        if (carrier->venue == venue) {
            carrier_contrast(detector, carrier, at_ns);
            blame_retell_carrier(detector, carrier, at_ns);
        }
    }
}

void blame_retell_all(struct detector *detector, uint64_t at_ns)
{
    for (uint32_t venue = 0; venue < DETECTOR_VENUES; venue++) {
        blame_retell_venue(detector, (enum flatline_venue)venue, at_ns);
    }
}

/* ---- a connection by its streams ------------------------------------------------------------- */

bool leg_is_overquiet(const struct detector *detector, const struct leg *leg, uint64_t at_ns)
{
    const struct stream *stream = &detector->streams[leg->stream];
    const uint64_t mean_ns = mean_gap_ns(stream->silence);
    const uint64_t most_ns =
        mean_ns != 0 ? OVERQUIET_GAPS * mean_ns : 2U * stream->traits.period_ns;
    return most_ns != 0 && leg->last_recv_ns + most_ns < at_ns;
}

static uint64_t stream_mean_ns(const struct detector *detector, const struct leg *leg)
{
    const struct silence *silence = detector->streams[leg->stream].silence;
    return silence != NULL ? silence->mean_ns : 0;
}

static bool leg_is_silent(const struct detector *detector, const struct leg *leg)
{
    return detector->streams[leg->stream].faults[STREAM_SILENT].id != 0 ||
           leg->faults[LEG_MUTE].id != 0;
}

static struct cohort
streams_cohort(const struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    struct cohort cohort = {0};
    uint64_t newest_ns = 0;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        if (!leg->started || stream_is_user(&detector->streams[leg->stream])) {
            continue;
        }
        cohort.members++;
        newest_ns = leg->last_recv_ns > newest_ns ? leg->last_recv_ns : newest_ns;
        if (leg_is_silent(detector, leg)) {
            const uint64_t slack_ns = 3U * stream_mean_ns(detector, leg);
            cohort_silent(&cohort, leg->last_recv_ns);
            cohort.slack_ns = slack_ns > cohort.slack_ns ? slack_ns : cohort.slack_ns;
        } else if (leg_is_overquiet(detector, leg, at_ns)) {
            cohort.overquiet++;
        } else {
            cohort.neutral++;
        }
    }
    cohort.speaking = newest_ns > silence_half_ns(cohort.last_ns, at_ns);
    return cohort;
}

/* All its streams are silent, each beyond what it was ever: then it is. Is it undecided whether? */
static bool streams_look(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    const struct cohort cohort = streams_cohort(detector, carrier, at_ns);
    if (is_ripe(&cohort, at_ns) && at_ns >= cohort.last_ns + TOGETHER_NS / 2) {
        carrier_silence_found(detector, carrier, at_ns);
        return true;
    }
    return cohort.silent > 0 && cohort.speaking == 0;
}

void blame_stream_silent(struct detector *detector, const struct stream *stream, uint64_t at_ns)
{
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        if (carrier_is_member(detector, carrier) && carrier_silence(carrier) == NULL) {
            blame_look_at(detector, carrier, at_ns);
        }
    }
}

/* ---- route, venue, host ---------------------------------------------------------------------- */

static struct fault summary_of(const struct detector *detector,
                               const struct carrier *carrier,
                               const struct cohort *cohort,
                               enum flatline_scope scope,
                               uint64_t at_ns)
{
    const struct fault *silence = carrier_silence(carrier);
    flatline_assert(silence != NULL);
    struct fault summary = *silence;
    summary.id = 0;
    summary.is_summary = true;
    summary.scope = (uint8_t)scope;
    summary.blame = (uint8_t)scope;
    summary.confidence = CONFIDENCE_CONTRAST;
    summary.stream = EVENT_NO_STREAM;
    summary.connection = (uint16_t)carrier_index(detector, carrier);
    summary.onset_ns = cohort->onset_ns;
    summary.at_ns = at_ns;
    (void)snprintf(summary.text,
                   sizeof(summary.text),
                   "%u of %u connections",
                   cohort->silent,
                   cohort->members);
    return summary;
}

/* Silent in every venue: one that is merely quiet would be taken for our own line. */
static bool is_everywhere(const struct detector *detector)
{
    uint32_t heard = 0;
    uint32_t silent = 0;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        if (carrier_is_member(detector, carrier)) {
            heard |= 1U << carrier->venue;
            silent |= carrier_silence(carrier) != NULL ? 1U << carrier->venue : 0;
        }
    }
    return heard == silent && (heard & (heard - 1U)) != 0;
}

static void host_silent(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const struct cohort cohort = cohort_of(detector, &everywhere, at_ns);
    if (detector->host_silent.id != 0 || !is_everywhere(detector) || !is_ripe(&cohort, at_ns)) {
        return;
    }
    const struct fault summary = summary_of(detector, carrier, &cohort, FLATLINE_SCOPE_HOST, at_ns);
    fault_raise(detector, &detector->host_silent, &summary);
    blame_retell_all(detector, at_ns);
}

static void venue_silent(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const struct circle own = {carrier->venue, ROUTE_ANY};
    const struct cohort cohort = cohort_of(detector, &own, at_ns);
    struct fault *silent = &detector->venue_silent[carrier->venue];
    if (silent->id != 0 || !is_ripe(&cohort, at_ns)) {
        return;
    }
    struct fault summary = summary_of(detector, carrier, &cohort, FLATLINE_SCOPE_VENUE, at_ns);
    if (!is_heard(detector, &everywhere, &own, cohort.last_ns, at_ns)) {
        summary.blame = FLATLINE_SCOPE_UNKNOWN;
        summary.confidence = CONFIDENCE_UNDECIDED;
    }
    fault_raise(detector, silent, &summary);
    blame_retell_venue(detector, carrier->venue, at_ns);
}

/* All connections of a route, and another route of the venue is heard. */
static void route_silent(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const struct circle own = {carrier->venue, carrier->route};
    const struct circle venue = {carrier->venue, ROUTE_ANY};
    const struct cohort cohort = cohort_of(detector, &own, at_ns);
    struct fault *silent = &detector->route_silent[carrier->venue];
    if (silent->id != 0 || !is_ripe(&cohort, at_ns) ||
        !is_heard(detector, &venue, &own, cohort.last_ns, at_ns)) {
        return;
    }
    const struct fault summary =
        summary_of(detector, carrier, &cohort, FLATLINE_SCOPE_ROUTE, at_ns);
    detector->silent_route[carrier->venue] = carrier->route;
    fault_raise(detector, silent, &summary);
    blame_retell_venue(detector, carrier->venue, at_ns);
}

/* A connection as a whole is silent: it explains its streams; with it its route, the venue, or we
 * ourselves may be. */
void blame_carrier_silent(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    blame_retell_carrier(detector, carrier, at_ns);
    (void)blame_carrier_look(detector, carrier, at_ns);
    blame_look_at(detector, carrier, at_ns);
}

/* Is anything left to be decided of its silence? */
bool blame_carrier_look(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    if (carrier_silence(carrier) == NULL) {
        return carrier_is_member(detector, carrier) && streams_look(detector, carrier, at_ns);
    }
    carrier_contrast(detector, carrier, at_ns);
    route_silent(detector, carrier, at_ns);
    venue_silent(detector, carrier, at_ns);
    host_silent(detector, carrier, at_ns);
    const struct fault *venue = &detector->venue_silent[carrier->venue];
    if (venue->id != 0 && venue->blame == FLATLINE_SCOPE_UNKNOWN) {
        blame_retell_venue(detector, carrier->venue, at_ns);
    }
    return detector->host_silent.id == 0;
}

/* What it brings now was sent while it was silent: the venue went on, so it was held on the way. */
void blame_held_back(struct detector *detector, struct carrier *carrier, uint64_t excess_ns)
{
    struct fault *silent = &carrier->faults[CARRIER_SILENT];
    if (silent->evidence[0] != 0 && 2U * excess_ns > silent->evidence[0]) {
        contrast_take(detector, silent, FLATLINE_SCOPE_CONNECTION);
    }
}

void blame_carrier_speaks(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        /* what REST has shown meanwhile was lost with all else, and is owed no more */
        witness_forget(detector, &detector->streams[detector->legs[at].stream]);
    }
    host_speaks(detector, at_ns);
    fault_clear(detector, &detector->venue_silent[carrier->venue], at_ns);
    if (detector->silent_route[carrier->venue] == carrier->route) {
        fault_clear(detector, &detector->route_silent[carrier->venue], at_ns);
    }
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        if (carrier_silence(&detector->carriers[i]) != NULL) {
            blame_look_at(detector, &detector->carriers[i], at_ns);
        }
    }
    blame_retell_all(detector, at_ns);
}
