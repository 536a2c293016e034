/* SPDX-License-Identifier: MIT
 *
 * detector_blame.c - whose fault it is. Of the cohorts stream, channel of a connection, connection,
 * venue, host, the largest that fell silent together is the cause; what lies below it is explained by
 * it, and not told. Rules: docs/DETECTOR.md, "Blame".
 *
 * A cause is a summary: it tells people what happened. What revokes a lease stays each stream's own
 * fault, told or not; so exonerating a stream never opens its gate.
 */
#include "core/detector_state.h"

#include <stdio.h>

#define TOGETHER_NS   NS_PER_S          /* silences that begin within this began together */
#define NARROW_NS     (500 * NS_PER_MS) /* once one of a cohort speaks, the others have so long */
#define MEMBERS_LEAST 2U

enum { CONFIDENCE_CONTRAST = 90, CONFIDENCE_UNDECIDED = 50 };

/* What the members of a cohort did since one of them fell silent. */
struct cohort {
    uint32_t members;
    uint32_t silent; /* proven */
    uint32_t speaking;
    uint64_t onset_ns; /* of the first to fall silent */
    uint64_t last_ns;  /* and of the last */
};

/* All that can speak have fallen silent, most are proven to, and at one time. */
static bool fell_together(const struct cohort *cohort)
{
    return cohort->silent >= MEMBERS_LEAST && cohort->speaking == 0 &&
           2U * cohort->silent >= cohort->members &&
           cohort->last_ns - cohort->onset_ns <= TOGETHER_NS;
}

static void cohort_silent(struct cohort *cohort, uint64_t onset_ns)
{
    cohort->onset_ns =
        cohort->silent == 0 || onset_ns < cohort->onset_ns ? onset_ns : cohort->onset_ns;
    cohort->last_ns = onset_ns > cohort->last_ns ? onset_ns : cohort->last_ns;
    cohort->silent++;
}

/* ---- explained ------------------------------------------------------------------------------- */

static bool is_silence(uint8_t kind)
{
    return kind == FLATLINE_FAULT_MUTE || kind == FLATLINE_FAULT_SILENT;
}

static bool
channel_explains(const struct detector *detector, const struct carrier *carrier, uint32_t stream)
{
    const struct fault *cause = &carrier->faults[CARRIER_CHANNEL];
    return cause->id != 0 && carrier->mute_channel == detector->streams[stream].traits.channel;
}

static bool carrier_explains(const struct carrier *carrier)
{
    return carrier->faults[CARRIER_MUTE].id != 0 || carrier->faults[CARRIER_SILENT].id != 0 ||
           carrier->faults[CARRIER_BEATS].id != 0;
}

/* Every connection that carries it is silent itself. */
static bool carriers_explain(const struct detector *detector, const struct stream *stream)
{
    uint32_t live = 0;
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct carrier *carrier = &detector->carriers[detector->legs[at].connection];
        if (!carrier_is_live(carrier)) {
            continue;
        }
        live++;
        if (!carrier_explains(carrier) &&
            !channel_explains(detector, carrier, detector->legs[at].stream)) {
            return false;
        }
    }
    return live > 0;
}

static bool venue_explains(const struct detector *detector, enum flatline_venue venue)
{
    return detector->maintenance[venue].id != 0 || detector->venue_silent[venue].id != 0 ||
           detector->host_silent.id != 0;
}

static bool summary_is_explained(const struct detector *detector, const struct fault *summary)
{
    const struct carrier *carrier = &detector->carriers[summary->connection];
    switch (summary->scope) {
    case FLATLINE_SCOPE_CHANNEL:
        return carrier_explains(carrier) || venue_explains(detector, carrier->venue);
    case FLATLINE_SCOPE_VENUE:
        return detector->maintenance[carrier->venue].id != 0 || detector->host_silent.id != 0;
    default:
        return false;
    }
}

bool blame_explains(const struct detector *detector, const struct fault *what)
{
    if (what->is_summary) {
        return summary_is_explained(detector, what);
    }
    if (!is_silence(what->kind)) {
        return false;
    }
    if (what->stream == EVENT_NO_STREAM) {
        return venue_explains(detector, detector->carriers[what->connection].venue);
    }
    const struct stream *stream = &detector->streams[what->stream];
    if (stream->halted || venue_explains(detector, stream->traits.venue)) {
        return true;
    }
    if (what->connection == EVENT_NO_CONNECTION) {
        return carriers_explain(detector, stream);
    }
    const struct carrier *carrier = &detector->carriers[what->connection];
    return carrier_explains(carrier) || channel_explains(detector, carrier, what->stream);
}

/* A cause has come or gone: each silence below it is now explained, or has to be told. */
void blame_retell_carrier(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    fault_retell(detector, &carrier->faults[CARRIER_BEATS], at_ns);
    fault_retell(detector, &carrier->faults[CARRIER_CHANNEL], at_ns);
    fault_retell(detector, &carrier->faults[CARRIER_SILENT], at_ns);
    fault_retell(detector, &carrier->faults[CARRIER_MUTE], at_ns);
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        fault_retell(detector, &leg->faults[LEG_MUTE], at_ns);
        fault_retell(detector, &leg->faults[LEG_BEATS], at_ns);
        fault_retell(detector, &detector->streams[leg->stream].faults[STREAM_SILENT], at_ns);
    }
}

void blame_retell_stream(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    fault_retell(detector, &stream->faults[STREAM_SILENT], at_ns);
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        fault_retell(detector, &detector->legs[at].faults[LEG_MUTE], at_ns);
        fault_retell(detector, &detector->legs[at].faults[LEG_BEATS], at_ns);
    }
}

/* ---- a channel of a connection --------------------------------------------------------------- */

static bool leg_is_overdue(const struct leg *leg)
{
    return leg->debts[DEBT_BOOK].overdue || leg->debts[DEBT_TWIN].overdue;
}

static uint64_t leg_owes_since_ns(const struct leg *leg)
{
    const struct debt *debt = &leg->debts[leg->debts[DEBT_BOOK].overdue ? DEBT_BOOK : DEBT_TWIN];
    return debt->since_ns;
}

/* Legs that have begun. One that delivers beyond the others' onset has not fallen silent with
 * them; one that was quiet before may have. */
static struct cohort
channel_cohort(const struct detector *detector, const struct carrier *carrier, uint8_t channel)
{
    struct cohort cohort = {0};
    uint64_t newest_ns = 0;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        const struct stream *stream = &detector->streams[leg->stream];
        if (stream->traits.channel != channel || !leg->started || stream->halted) {
            continue;
        }
        cohort.members++;
        if (leg_is_overdue(leg)) {
            cohort_silent(&cohort, leg_owes_since_ns(leg));
        } else if (leg->last_recv_ns > newest_ns) {
            newest_ns = leg->last_recv_ns;
        }
    }
    cohort.speaking = newest_ns > cohort.last_ns;
    return cohort;
}

static void channel_mute(struct detector *detector,
                         struct carrier *carrier,
                         const struct leg *leg,
                         const struct cohort *cohort,
                         uint64_t at_ns)
{
    const struct debt *debt = &leg->debts[leg->debts[DEBT_BOOK].overdue ? DEBT_BOOK : DEBT_TWIN];
    struct fault mute = {
        .kind = FLATLINE_FAULT_MUTE,
        .scope = FLATLINE_SCOPE_CHANNEL,
        .blame = FLATLINE_SCOPE_CHANNEL,
        .confidence = CONFIDENCE_CONTRAST,
        .is_summary = true,
        .stream = EVENT_NO_STREAM,
        .connection = (uint16_t)carrier_index(detector, carrier),
        .onset_ns = cohort->onset_ns,
        .at_ns = at_ns,
        .evidence = {debt->key, leg->sequence.newest, debt_allowance_ns(detector, leg, DEBT_BOOK)}};
    (void)snprintf(
        mute.text, sizeof(mute.text), "%u of %u streams owe", cohort->silent, cohort->members);
    carrier->mute_channel = detector->streams[leg->stream].traits.channel;
    fault_raise(detector, &carrier->faults[CARRIER_CHANNEL], &mute);
    blame_retell_carrier(detector, carrier, at_ns);
}

void blame_leg_mute(struct detector *detector, const struct leg *leg, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    if (carrier->faults[CARRIER_CHANNEL].id != 0 || carrier_explains(carrier) ||
        leg->side == SIDE_NONE) {
        return;
    }
    const struct cohort cohort =
        channel_cohort(detector, carrier, detector->streams[leg->stream].traits.channel);
    if (fell_together(&cohort)) {
        channel_mute(detector, carrier, leg, &cohort, at_ns);
    }
}

static void channel_end(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier->narrow_due_ns = DEADLINE_NEVER;
    carrier_silences_excuse(detector, carrier, at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_CHANNEL], at_ns);
    blame_retell_carrier(detector, carrier, at_ns);
}

/* One of the channel delivers again: so do the others, in a moment, or they are mute by
 * themselves. */
void blame_leg_speaks(struct detector *detector, const struct leg *leg, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    if (!channel_explains(detector, carrier, leg->stream)) {
        return;
    }
    if (channel_cohort(detector, carrier, carrier->mute_channel).silent == 0) {
        channel_end(detector, carrier, at_ns);
    } else if (carrier->narrow_due_ns == DEADLINE_NEVER) {
        carrier->narrow_due_ns = at_ns + NARROW_NS;
        carriers_due_lower(detector, carrier->narrow_due_ns);
    }
}

void blame_timeout(struct detector *detector, struct carrier *carrier, uint64_t limit_ns)
{
    if (carrier->narrow_due_ns <= limit_ns) {
        channel_end(detector, carrier, carrier->narrow_due_ns);
    }
}

/* ---- connection, venue, host ----------------------------------------------------------------- */

static bool carrier_is_member(const struct detector *detector, const struct carrier *carrier)
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

static const struct fault *carrier_silence(const struct carrier *carrier)
{
    const struct fault *mute = &carrier->faults[CARRIER_MUTE];
    return mute->id != 0 ? mute : &carrier->faults[CARRIER_SILENT];
}

/* The connections of a venue; venue DETECTOR_VENUES: of all of them. A connection that is not
 * proven silent speaks if it has delivered since the others fell silent. */
static struct cohort carriers_cohort(const struct detector *detector, uint32_t venue)
{
    struct cohort cohort = {0};
    uint64_t newest_ns = 0;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        if ((venue != DETECTOR_VENUES && carrier->venue != venue) ||
            !carrier_is_member(detector, carrier)) {
            continue;
        }
        const struct fault *silence = carrier_silence(carrier);
        cohort.members++;
        if (silence->id != 0) {
            cohort_silent(&cohort, silence->onset_ns);
        } else if (carrier->last_recv_ns > newest_ns) {
            newest_ns = carrier->last_recv_ns;
        }
    }
    cohort.speaking = newest_ns > cohort.last_ns;
    return cohort;
}

/* Is another venue heard since? Then it is not we who are deaf. */
static bool
others_speak(const struct detector *detector, enum flatline_venue venue, uint64_t since_ns)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        if (carrier->venue != venue && carrier_is_member(detector, carrier) &&
            carrier_silence(carrier)->id == 0 && carrier->last_recv_ns > since_ns) {
            return true;
        }
    }
    return false;
}

static uint32_t venues_heard(const struct detector *detector)
{
    uint32_t venues = 0;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        if (carrier_is_member(detector, &detector->carriers[i])) {
            venues |= 1U << detector->carriers[i].venue;
        }
    }
    return (uint32_t)__builtin_popcount(venues);
}

/* Was another connection of its venue heard since this one fell silent? */
static bool
is_contrasted(const struct detector *detector, const struct carrier *carrier, uint64_t since_ns)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        if (other != carrier && other->venue == carrier->venue &&
            carrier_is_member(detector, other) && other->last_recv_ns > since_ns) {
            return true;
        }
    }
    return false;
}

static bool carrier_is_contrasted(const struct detector *detector, const struct carrier *carrier)
{
    const struct fault *silence = carrier_silence(carrier);
    return silence->id != 0 && is_contrasted(detector, carrier, silence->onset_ns);
}

/* Between a connection and its venue only another connection there can decide; between a venue and
 * our own line, only another venue. */
void blame_of_carrier(const struct detector *detector,
                      const struct carrier *carrier,
                      struct fault *silence)
{
    const bool has_contrast = is_contrasted(detector, carrier, silence->onset_ns);
    silence->blame = has_contrast ? FLATLINE_SCOPE_CONNECTION : FLATLINE_SCOPE_UNKNOWN;
    silence->confidence = has_contrast ? CONFIDENCE_CONTRAST : CONFIDENCE_UNDECIDED;
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

void blame_retell_venue(struct detector *detector, enum flatline_venue venue, uint64_t at_ns)
{
    struct fault *silent = &detector->venue_silent[venue];
    if (silent->id != 0 && others_speak(detector, venue, silent->onset_ns)) {
        contrast_take(detector, silent, FLATLINE_SCOPE_VENUE);
    }
    fault_retell(detector, silent, at_ns);
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        struct carrier *carrier = &detector->carriers[i];
        if (carrier->venue != venue) {
            continue;
        }
        if (carrier_is_contrasted(detector, carrier)) {
            contrast_take(detector, &carrier->faults[CARRIER_SILENT], FLATLINE_SCOPE_CONNECTION);
            contrast_take(detector, &carrier->faults[CARRIER_MUTE], FLATLINE_SCOPE_CONNECTION);
        }
        blame_retell_carrier(detector, carrier, at_ns);
    }
}

static struct fault summary_of(const struct detector *detector,
                               const struct carrier *carrier,
                               const struct cohort *cohort,
                               uint64_t at_ns)
{
    struct fault summary = *carrier_silence(carrier);
    summary.id = 0;
    summary.is_summary = true;
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

static void host_silent(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const struct cohort cohort = carriers_cohort(detector, DETECTOR_VENUES);
    if (detector->host_silent.id != 0 || venues_heard(detector) < 2U || !fell_together(&cohort)) {
        return;
    }
    struct fault summary = summary_of(detector, carrier, &cohort, at_ns);
    summary.scope = FLATLINE_SCOPE_HOST;
    summary.blame = FLATLINE_SCOPE_HOST;
    summary.confidence = CONFIDENCE_CONTRAST;
    fault_raise(detector, &detector->host_silent, &summary);
    for (uint32_t venue = 0; venue < DETECTOR_VENUES; venue++) {
        blame_retell_venue(detector, (enum flatline_venue)venue, at_ns);
    }
}

static void venue_silent(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const struct cohort cohort = carriers_cohort(detector, carrier->venue);
    struct fault *silent = &detector->venue_silent[carrier->venue];
    if (silent->id != 0 || !fell_together(&cohort)) {
        return;
    }
    const bool has_contrast = others_speak(detector, carrier->venue, cohort.last_ns);
    struct fault summary = summary_of(detector, carrier, &cohort, at_ns);
    summary.scope = FLATLINE_SCOPE_VENUE;
    summary.blame = has_contrast ? FLATLINE_SCOPE_VENUE : FLATLINE_SCOPE_UNKNOWN;
    summary.confidence = has_contrast ? CONFIDENCE_CONTRAST : CONFIDENCE_UNDECIDED;
    fault_raise(detector, silent, &summary);
    blame_retell_venue(detector, carrier->venue, at_ns);
}

/* A connection as a whole is silent: it explains its streams; with it the venue, or we ourselves,
 * may be. */
void blame_carrier_silent(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    blame_retell_carrier(detector, carrier, at_ns);
    venue_silent(detector, carrier, at_ns);
    host_silent(detector, carrier, at_ns);
}

/* Its life begins or ends. */
void blame_carrier_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    const bool was_silent = carrier_explains(carrier);
    carrier->narrow_due_ns = DEADLINE_NEVER;
    fault_clear(detector, &carrier->faults[CARRIER_CHANNEL], at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_SILENT], at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_MUTE], at_ns);
    if (was_silent) {
        blame_carrier_speaks(detector, carrier, at_ns);
    }
}

void blame_carrier_speaks(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    fault_clear(detector, &detector->host_silent, at_ns);
    fault_clear(detector, &detector->venue_silent[carrier->venue], at_ns);
    for (uint32_t venue = 0; venue < DETECTOR_VENUES; venue++) {
        blame_retell_venue(detector, (enum flatline_venue)venue, at_ns);
    }
}
