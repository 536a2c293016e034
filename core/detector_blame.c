/* SPDX-License-Identifier: MIT
 *
 * detector_blame.c - whose fault it is. Of the cohorts stream, channel of a connection, connection,
 * venue, host, the largest that fell silent together is the cause; what lies below it is explained by
 * it, and not told. Rules: docs/DETECTOR.md, "Blame".
 *
 * A cause is a summary: it tells people what happened. What revokes a lease stays each stream's own
 * fault, told or not; so exonerating a stream never opens its gate.
 */
#include "core/detector_calls.h"
#include "core/detector_cohort.h"

#include <stdio.h>
#include <string.h>

enum { CONFIDENCE_IMPROBABLE = 75 };

#define MARGIN_NS (50 * NS_PER_MS)  /* of an allowance, beyond the channel's speed */
#define NARROW_NS (500 * NS_PER_MS) /* once one of a cohort speaks, the others have so long */

#define LOOK_NS       (100 * NS_PER_MS) /* what is undecided is looked at again, ... */
#define LOOK_OFTEN_NS (3 * NS_PER_S)    /* ... for so long this often, then every ... */
#define LOOK_LATER_NS NS_PER_S

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

static bool route_explains(const struct detector *detector, const struct carrier *carrier)
{
    return venue_explains(detector, carrier->venue) ||
           (detector->route_silent[carrier->venue].id != 0 &&
            detector->silent_route[carrier->venue] == carrier->route);
}

static bool summary_is_explained(const struct detector *detector, const struct fault *summary)
{
    if (summary->scope == FLATLINE_SCOPE_HOST) {
        return false;
    }
    const struct carrier *carrier = &detector->carriers[summary->connection];
    switch (summary->scope) {
    case FLATLINE_SCOPE_CHANNEL:
        return carrier_explains(carrier) || route_explains(detector, carrier);
    case FLATLINE_SCOPE_ROUTE:
        return venue_explains(detector, carrier->venue);
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
        return route_explains(detector, &detector->carriers[what->connection]);
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
    blame_look_at(
        detector, carrier, at_ns + LOOK_NS); /* what is told by itself now may be undecided */
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

static bool leg_is_silent(const struct detector *detector, const struct leg *leg)
{
    return leg_is_overdue(leg) || leg->faults[LEG_MUTE].id != 0 ||
           detector->streams[leg->stream].faults[STREAM_SILENT].id != 0;
}

/* When what it owes was shown; where nothing shows that, when its next frame was to be expected. */
static uint64_t leg_silent_since_ns(const struct detector *detector, const struct leg *leg)
{
    const struct silence *silence = detector->streams[leg->stream].silence;
    const uint64_t mean_ns = silence != NULL ? silence->mean_ns : 0;
    return leg_is_overdue(leg) ? leg_owes_since_ns(leg) : leg->last_recv_ns + mean_ns;
}

/* Legs that have begun. One that delivers beyond the others' onset has not fallen silent with
 * them; one that was quiet before may have. */
static struct cohort channel_cohort(const struct detector *detector,
                                    const struct carrier *carrier,
                                    uint8_t channel,
                                    uint64_t at_ns)
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
        if (leg_is_silent(detector, leg)) {
            cohort_silent(&cohort, leg_silent_since_ns(detector, leg));
        } else if (leg_is_overquiet(detector, leg, at_ns)) {
            cohort.overquiet++;
        } else if (leg->last_recv_ns > newest_ns) {
            newest_ns = leg->last_recv_ns;
        }
    }
    cohort.speaking = newest_ns > cohort.last_ns;
    return cohort;
}

/* Has its connection brought anything of another channel since, in the second half of the silence? If
 * not, it may be all of the connection. */
static bool others_are_heard(const struct detector *detector,
                             const struct carrier *carrier,
                             uint8_t channel,
                             uint64_t since_ns,
                             uint64_t at_ns)
{
    const uint64_t half_ns = silence_half_ns(since_ns, at_ns);
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        if (detector->streams[leg->stream].traits.channel != channel &&
            leg->last_recv_ns > half_ns) {
            return true;
        }
    }
    return false;
}

static void channel_silent(struct detector *detector,
                           struct carrier *carrier,
                           const struct leg *leg,
                           const struct cohort *cohort,
                           uint64_t at_ns)
{
    const struct debt *debt = &leg->debts[leg->debts[DEBT_BOOK].overdue ? DEBT_BOOK : DEBT_TWIN];
    const struct stream *stream = &detector->streams[leg->stream];
    struct fault silent = {.kind = FLATLINE_FAULT_MUTE,
                           .scope = FLATLINE_SCOPE_CHANNEL,
                           .blame = FLATLINE_SCOPE_CHANNEL,
                           .confidence = CONFIDENCE_CONTRAST,
                           .is_summary = true,
                           .stream = EVENT_NO_STREAM,
                           .connection = (uint16_t)carrier_index(detector, carrier),
                           .onset_ns = cohort->onset_ns,
                           .at_ns = at_ns};
    if (leg_is_overdue(leg)) {
        silent.evidence[0] = debt->key;
        silent.evidence[1] = leg->sequence.newest;
        silent.evidence[2] = debt_allowance_ns(detector, leg, DEBT_BOOK);
    } else if (leg->faults[LEG_MUTE].id != 0) {
        memcpy(silent.evidence, leg->faults[LEG_MUTE].evidence, sizeof(silent.evidence));
    } else {
        silent.kind = FLATLINE_FAULT_SILENT;
        memcpy(silent.evidence, stream->faults[STREAM_SILENT].evidence, sizeof(silent.evidence));
    }
    (void)snprintf(silent.text,
                   sizeof(silent.text),
                   "%u of %u streams",
                   cohort->silent + cohort->overquiet,
                   cohort->members);
    carrier->mute_channel = stream->traits.channel;
    fault_raise(detector, &carrier->faults[CARRIER_CHANNEL], &silent);
    blame_retell_carrier(detector, carrier, at_ns);
}

/* Is it all of its channel, which a silence of this leg shows? Then that is told. */
static bool channel_look(struct detector *detector,
                         struct carrier *carrier,
                         const struct leg *leg,
                         uint64_t at_ns)
{
    if (carrier->faults[CARRIER_CHANNEL].id != 0 || leg->side == SIDE_NONE) {
        return false;
    }
    const uint8_t channel = detector->streams[leg->stream].traits.channel;
    const struct cohort cohort = channel_cohort(detector, carrier, channel, at_ns);
    const bool is_channel = cohort_fell_together(&cohort) &&
                            others_are_heard(detector, carrier, channel, cohort.last_ns, at_ns);
    if (is_channel) {
        channel_silent(detector, carrier, leg, &cohort, at_ns);
    }
    return is_channel;
}

/* A stream alone, or its channel? Where another stream of the channel was heard since, or there is none,
 * it is the stream. */
static bool
leg_is_contrasted_at(const struct detector *detector, const struct leg *leg, uint64_t since_ns)
{
    const struct carrier *carrier = &detector->carriers[leg->connection];
    const uint8_t channel = detector->streams[leg->stream].traits.channel;
    uint32_t others = 0;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *other = &detector->legs[at];
        const struct stream *stream = &detector->streams[other->stream];
        if (other == leg || stream->traits.channel != channel || !other->started ||
            stream->halted) {
            continue;
        }
        others++;
        if (!leg_is_silent(detector, other) && other->last_recv_ns > since_ns) {
            return true;
        }
    }
    return others == 0;
}

/* From when on others that are heard tell a mute leg from its channel: when a frame of its own would have
 * come by the channel's speed; where its twin accuses it alone, once its connection has delivered when it
 * was overdue. */
static bool
mute_is_contrasted(const struct detector *detector, const struct leg *leg, const struct fault *mute)
{
    const uint64_t allowed_ns = mute->evidence[2];
    const uint64_t margin_ns = allowed_ns < MARGIN_NS ? allowed_ns : MARGIN_NS;
    switch ((enum debt_witness)mute->evidence[5]) {
    case BY_TWIN:
        return detector->carriers[leg->connection].last_data_ns > mute->onset_ns + allowed_ns;
    case BY_CHANNEL:
        return leg_is_contrasted_at(detector, leg, mute->onset_ns + allowed_ns - margin_ns);
    case BY_BEST:
    case BY_REST:
        break;
    }
    return leg_is_contrasted_at(detector, leg, mute->onset_ns);
}

/* Has another channel of its book been heard on this connection in the second half of its silence? Then
 * the book moves, and a frame is to be expected. */
static bool book_moves(const struct detector *detector, const struct leg *leg, uint64_t at_ns)
{
    const uint64_t half_ns = silence_half_ns(leg->last_recv_ns, at_ns);
    if (detector->streams[leg->stream].engine_heard_ns > half_ns) {
        return true; /* by an engine */
    }
    uint32_t at = leg->side != SIDE_NONE ? detector->sides[leg->side].first_leg : LEG_NONE;
    for (; at != LEG_NONE; at = detector->legs[at].next_of_side) {
        const struct leg *other = &detector->legs[at];
        if (other != leg && other->last_recv_ns > half_ns) {
            return true;
        }
    }
    return false;
}

/* What is undecided of a leg: its own MUTE, or SILENT of its stream where its book moves beside it. NULL:
 * nothing is. */
static struct fault *leg_undecided(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    struct fault *silent = &detector->streams[leg->stream].faults[STREAM_SILENT];
    struct fault *fault = leg->faults[LEG_MUTE].id != 0 ? &leg->faults[LEG_MUTE] : silent;
    const bool is_open =
        fault->id != 0 && fault->blame == FLATLINE_SCOPE_UNKNOWN && !fault->explained;
    return is_open && (fault != silent || book_moves(detector, leg, at_ns)) ? fault : NULL;
}

/* Is anything left to be decided? */
static bool leg_look(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    struct fault *fault = leg_undecided(detector, leg, at_ns);
    if (fault == NULL) {
        return detector->streams[leg->stream].faults[STREAM_SILENT].id != 0;
    }
    const bool is_contrasted =
        fault->kind == FLATLINE_FAULT_MUTE
            ? mute_is_contrasted(detector, leg, fault)
            : leg_is_contrasted_at(detector, leg, leg_silent_since_ns(detector, leg));
    if (is_contrasted) {
        fault->blame = FLATLINE_SCOPE_STREAM;
        fault->confidence =
            fault->kind == FLATLINE_FAULT_MUTE ? CONFIDENCE_CONTRAST : CONFIDENCE_IMPROBABLE;
        fault_repeat(detector, fault);
        return false;
    }
    return !channel_look(detector, carrier, leg, at_ns);
}

/* Before it is told: whom its silence accuses. */
void blame_of_leg(const struct detector *detector, const struct leg *leg, struct fault *mute)
{
    if (!mute_is_contrasted(detector, leg, mute)) {
        mute->blame = FLATLINE_SCOPE_UNKNOWN;
        mute->confidence = CONFIDENCE_UNDECIDED;
    }
}

void blame_leg_mute(struct detector *detector, const struct leg *leg, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    if (carrier_explains(carrier) || !channel_look(detector, carrier, leg, at_ns)) {
        blame_look_at(detector, carrier, at_ns + LOOK_NS); /* it may be undecided yet */
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
    if (channel_cohort(detector, carrier, carrier->mute_channel, at_ns).silent == 0) {
        channel_end(detector, carrier, at_ns);
    } else if (carrier->narrow_due_ns == DEADLINE_NEVER) {
        carrier->narrow_due_ns = at_ns + NARROW_NS;
        carriers_due_lower(detector, carrier->narrow_due_ns);
    }
}

void blame_stream_speaks(struct detector *detector, const struct stream *stream, uint64_t at_ns)
{
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        blame_leg_speaks(detector, &detector->legs[at], at_ns);
    }
}

/* ---- looked at again ------------------------------------------------------------------------- */

void blame_look_at(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    if (at_ns < carrier->look_due_ns) {
        carrier->look_due_ns = at_ns;
        carriers_due_lower(detector, at_ns);
    }
}

/* Others have been heard since, or have not: what was undecided may be decided now. */
static void carrier_look(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    bool is_open = blame_carrier_look(detector, carrier, at_ns);
    carrier->look_due_ns = DEADLINE_NEVER;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        is_open |= leg_look(detector, &detector->legs[at], at_ns);
    }
    if (is_open) {
        const uint64_t since_ns = carrier->last_data_ns;
        const bool is_old = at_ns > since_ns + LOOK_OFTEN_NS;
        blame_look_at(detector, carrier, at_ns + (is_old ? LOOK_LATER_NS : LOOK_NS));
    }
}

void blame_timeout(struct detector *detector, struct carrier *carrier, uint64_t limit_ns)
{
    if (carrier->narrow_due_ns <= limit_ns) {
        channel_end(detector, carrier, carrier->narrow_due_ns);
    }
    if (carrier->look_due_ns <= limit_ns) {
        carrier_look(detector, carrier, carrier->look_due_ns);
    }
}

/* Its life begins or ends. */
void blame_carrier_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    const bool was_silent = carrier_explains(carrier);
    carrier->narrow_due_ns = DEADLINE_NEVER;
    carrier->look_due_ns = DEADLINE_NEVER;
    fault_clear(detector, &carrier->faults[CARRIER_CHANNEL], at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_SILENT], at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_MUTE], at_ns);
    if (was_silent) {
        blame_carrier_speaks(detector, carrier, at_ns);
    }
}
