/* SPDX-License-Identifier: MIT
 *
 * detector_metronome.c - beats that do not come: of streams that the venue pushes by a timer, of its
 * pings, of the pongs to ours. A beat that came proves little (pings are answered on connections whose
 * data has stopped); two of three that are missing prove that something is mute, and what else the
 * connection delivered meanwhile says what. Rules: docs/DETECTOR.md, "Metronomes".
 */
#include "core/detector_calls.h"

#include <stdio.h>

enum { BY_TIMER = 4, BY_PINGS, BY_PONGS }; /* MUTE's `by`; the smaller ones are debt's */

#define PAUSE_KEPT_NS (20 * NS_PER_S) /* two of the longest period */
#define BREAK_NS                                                                                   \
    (500 * NS_PER_MS) /* silent for longer, a connection is no witness against another */

enum { CONFIDENCE_STREAM = 95, CONFIDENCE_CONNECTION = 80 };

static struct fault mute_finding(const struct carrier *carrier,
                                 const struct metronome *metronome,
                                 uint64_t onset_ns,
                                 uint64_t at_ns)
{
    struct fault mute = {.kind = FLATLINE_FAULT_MUTE,
                         .stream = EVENT_NO_STREAM,
                         .onset_ns = onset_ns,
                         .at_ns = at_ns,
                         .evidence = {BEATS_MISSED,
                                      BEATS_WINDOW,
                                      metronome_margin_ns(metronome),
                                      carrier->excess_ns,
                                      at_ns - onset_ns,
                                      BY_TIMER}};
    (void)snprintf(mute.text,
                   sizeof(mute.text),
                   "%u of %u beats missed, each %u s",
                   BEATS_MISSED,
                   BEATS_WINDOW,
                   (unsigned)(metronome->period_ns / NS_PER_S));
    return mute;
}

/* ---- timers of streams ----------------------------------------------------------------------- */

static void leg_beats_arm(struct detector *detector, const struct leg *leg)
{
    const uint64_t due_ns = metronome_due_ns(&leg->metronome);
    const uint64_t late_ns = detector->carriers[leg->connection].excess_ns;
    deadlines_set(&detector->beats,
                  (uint32_t)(leg - detector->legs),
                  due_ns < DEADLINE_NEVER - late_ns ? due_ns + late_ns : DEADLINE_NEVER);
}

/* A frame that is new to its own leg; not the first push after a subscribe, which comes by no timer. */
static bool is_beat(const struct arrival *a)
{
    return a->leg->metronome.period_ns != 0 && !a->is_first_push &&
           (a->verdict == SEQUENCE_UNKEYED || a->verdict == SEQUENCE_FIRST ||
            a->verdict == SEQUENCE_NEXT);
}

/* The connection is mute no more, and what it explained is excused, or told by itself. */
static void carrier_beats_end(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier_silences_excuse(detector, carrier, at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_BEATS], at_ns);
    blame_retell_carrier(detector, carrier, at_ns);
    blame_carrier_speaks(detector, carrier, at_ns);
}

/* Behind a silence. A longer one that no period has passed over yet is kept before it. */
static void pause_keep(struct carrier *carrier, uint64_t at_ns)
{
    const uint64_t from_ns = carrier->last_data_ns;
    const bool is_longer = at_ns - from_ns >= carrier->pause_to_ns - carrier->pause_from_ns;
    if (from_ns != 0 && (is_longer || at_ns > carrier->pause_to_ns + PAUSE_KEPT_NS)) {
        carrier->pause_from_ns = from_ns;
        carrier->pause_to_ns = at_ns;
    }
}

/* Data came. */
void beats_heard(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    struct fault *mute = &carrier->faults[CARRIER_BEATS];
    if (UNLIKELY(at_ns - carrier->last_data_ns > BREAK_NS)) {
        pause_keep(carrier, at_ns);
        carrier->speaks_since_ns = at_ns;
    }
    /* told or not, it was evidence: a cohort it made up ends with it */
    const bool was_missing = carrier->beats_missing.onset_ns != 0;
    carrier->beats_missing.onset_ns = 0;
    if (UNLIKELY(mute->id != 0 || was_missing)) {
        carrier_beats_end(detector, carrier, at_ns);
    }
}

void beats_apply(struct detector *detector, const struct arrival *a)
{
    if (LIKELY(!is_beat(a))) {
        return;
    }
    metronome_beat(&a->leg->metronome, a->recv_ns);
    fault_clear(detector, &a->leg->faults[LEG_BEATS], a->recv_ns);
    leg_beats_arm(detector, a->leg);
}

/* The first of two beats in a row that were due after alive_ns, and ret_due_ns: when both are
 * missing. */
static uint64_t silent_from(const struct metronome *metronome,
                            uint64_t alive_ns,
                            uint64_t late_ns,
                            uint64_t *ret_due_ns)
{
    const uint64_t first_ns = metronome_next_after_ns(metronome, alive_ns);
    *ret_due_ns = first_ns + metronome->period_ns + metronome_margin_ns(metronome) + late_ns;
    return first_ns;
}

/* Has another connection spoken on, without a break, over two beats that one has missed? */
static bool speaks_over(const struct metronome *metronome,
                        const struct carrier *other,
                        uint64_t alive_ns,
                        uint64_t late_ns,
                        uint64_t at_ns)
{
    const uint64_t since_ns = alive_ns > other->speaks_since_ns ? alive_ns : other->speaks_since_ns;
    uint64_t due_ns;
    (void)silent_from(metronome, since_ns, late_ns, &due_ns);
    return due_ns <= at_ns && other->last_data_ns + BREAK_NS >= at_ns;
}

/* A connection is silent as a whole since alive_ns. Another of its route speaks: it is the connection.
 * Only other routes of the venue do: it is the route. Nobody does: a venue that stands still is no fault
 * of one of its connections, so UNKNOWN, but for one that is alone. */
static enum flatline_scope silent_scope(const struct detector *detector,
                                        const struct carrier *carrier,
                                        const struct metronome *metronome,
                                        uint64_t alive_ns,
                                        uint64_t at_ns)
{
    enum flatline_scope scope = FLATLINE_SCOPE_CONNECTION;
    bool is_route = false;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        if (other == carrier || other->venue != carrier->venue || !carrier_is_live(other) ||
            other->last_data_ns == 0) {
            continue;
        }
        const bool speaks = speaks_over(metronome, other, alive_ns, carrier->excess_ns, at_ns);
        if (speaks && other->route == carrier->route) {
            return FLATLINE_SCOPE_CONNECTION;
        }
        is_route |= speaks;
        scope = FLATLINE_SCOPE_UNKNOWN;
    }
    return is_route ? FLATLINE_SCOPE_ROUTE : scope;
}

static void carrier_accuse(struct detector *detector,
                           struct carrier *carrier,
                           struct fault mute,
                           enum flatline_scope scope)
{
    mute.scope = (uint8_t)scope;
    mute.blame = (uint8_t)scope;
    mute.confidence = CONFIDENCE_CONNECTION;
    mute.connection = (uint16_t)carrier_index(detector, carrier);
    if ((carrier->open & KIND_BIT(FLATLINE_FAULT_MUTE)) != 0) {
        return; /* known, and explained */
    }
    if (scope == FLATLINE_SCOPE_CONNECTION && blame_may_be_ours(detector, carrier, mute.at_ns)) {
        mute.blame = FLATLINE_SCOPE_UNKNOWN;
        mute.confidence = CONFIDENCE_UNDECIDED;
    }
    fault_raise(detector, &carrier->faults[CARRIER_BEATS], &mute);
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        fault_clear(detector, &detector->legs[at].faults[LEG_BEATS], mute.at_ns);
    }
    blame_carrier_silent(detector, carrier, mute.at_ns);
}

/* It is silent beyond doubt, but whose fault that is is undecided: evidence for larger cohorts. */
static void carrier_suspect(struct detector *detector, struct carrier *carrier, struct fault mute)
{
    mute.connection = (uint16_t)carrier_index(detector, carrier);
    if (carrier->beats_missing.onset_ns == 0) {
        carrier->beats_missing = mute;
    }
    blame_carrier_silent(detector, carrier, mute.at_ns);
}

static void leg_accuse(struct detector *detector, struct leg *leg, struct fault mute)
{
    const struct carrier *carrier = &detector->carriers[leg->connection];
    mute.scope = FLATLINE_SCOPE_STREAM;
    mute.blame = FLATLINE_SCOPE_STREAM;
    mute.confidence = CONFIDENCE_STREAM;
    mute.stream = leg->stream;
    mute.connection = (uint16_t)leg->connection;
    if (((carrier->open | leg->open) & KIND_BIT(FLATLINE_FAULT_MUTE)) == 0) {
        fault_raise(detector, &leg->faults[LEG_BEATS], &mute);
    }
}

/* The later of two missing beats, that the connection's other data is held against. Where the connection stood still
 * for longer than a period just when that was due, the venue may have; then it is the next behind that. */
static uint64_t later_beat_ns(const struct carrier *carrier, const struct metronome *metronome)
{
    const uint64_t margin_ns = metronome_margin_ns(metronome);
    const uint64_t later_ns = metronome_due_ns(metronome) - margin_ns;
    const uint64_t pause_ns = carrier->pause_to_ns - carrier->pause_from_ns;
    const bool is_covered = carrier->pause_from_ns < later_ns && later_ns < carrier->pause_to_ns &&
                            pause_ns > metronome->period_ns + margin_ns / 2;
    return is_covered ? metronome_next_after_ns(metronome, carrier->pause_to_ns) : later_ns;
}

/* Two of three are missing. If the connection has delivered since the later of them was due, the
 * stream is mute. If it has been silent over two beats, all of it is. In between, it is too early. */
void leg_beats_missed(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    const struct metronome *metronome = &leg->metronome;
    const uint64_t half_margin_ns = metronome_margin_ns(metronome) / 2;
    const uint64_t later_ns = later_beat_ns(carrier, metronome);
    const uint64_t later_due_ns = later_ns + 2 * half_margin_ns + carrier->excess_ns;
    uint64_t next_ns = DEADLINE_NEVER;
    if (later_due_ns > at_ns) {
        next_ns = later_due_ns;
    } else if (carrier->last_data_ns >= later_ns + carrier->excess_ns + half_margin_ns) {
        leg_accuse(
            detector, leg, mute_finding(carrier, metronome, metronome_onset_ns(metronome), at_ns));
    } else {
        uint64_t due_ns;
        const uint64_t first_ns =
            silent_from(metronome, carrier->last_data_ns, carrier->excess_ns, &due_ns);
        const enum flatline_scope scope =
            due_ns <= at_ns
                ? silent_scope(detector, carrier, metronome, carrier->last_data_ns, at_ns)
                : FLATLINE_SCOPE_UNKNOWN;
        if (scope != FLATLINE_SCOPE_UNKNOWN) {
            carrier_accuse(
                detector, carrier, mute_finding(carrier, metronome, first_ns, at_ns), scope);
        } else { /* too early, or undecided: asked again */
            if (due_ns <= at_ns) {
                carrier_suspect(
                    detector, carrier, mute_finding(carrier, metronome, first_ns, at_ns));
            }
            next_ns = due_ns > at_ns ? due_ns : at_ns + metronome->period_ns;
        }
    }
    deadlines_set(&detector->beats, (uint32_t)(leg - detector->legs), next_ns);
}

/* ---- pings and pongs ------------------------------------------------------------------------- */

void detector_set_pings(struct detector *detector,
                        uint32_t connection,
                        uint64_t server_ping_ns,
                        uint64_t own_ping_ns)
{
    flatline_assert(connection < detector->carrier_count);
    detector->carriers[connection].pings.period_ns = server_ping_ns;
    detector->carriers[connection].pongs.period_ns = own_ping_ns;
}

static uint64_t pings_due_ns(const struct carrier *carrier)
{
    const uint64_t ping_ns = metronome_due_ns(&carrier->pings);
    const uint64_t pong_ns = metronome_due_ns(&carrier->pongs);
    return ping_ns < pong_ns ? ping_ns : pong_ns;
}

static void pings_arm(struct detector *detector, struct carrier *carrier, uint64_t due_ns)
{
    carrier->beats_due_ns = due_ns;
    carriers_due_lower(detector, due_ns);
}

/* It ends what pings and pongs have found, not what a timer has: their coming proves no data. */
static void ping_came(struct detector *detector,
                      struct carrier *carrier,
                      struct metronome *beat,
                      uint64_t at_ns)
{
    struct fault *mute = &carrier->faults[CARRIER_BEATS];
    metronome_beat(beat, at_ns);
    if (mute->id != 0 && mute->evidence[5] != BY_TIMER) {
        carrier_beats_end(detector, carrier, at_ns);
    }
    pings_arm(detector, carrier, pings_due_ns(carrier));
}

void ping_apply(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    ping_came(detector, carrier, &carrier->pings, at_ns);
}

void pong_apply(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    ping_came(detector, carrier, &carrier->pongs, at_ns);
}

/* Missing pings alone accuse nobody: any frame at all is the better proof. Only of a connection that
 * has said nothing whatever since they were due do they say that it is dead. */
void pings_missed(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    const bool is_ping = metronome_due_ns(&carrier->pings) <= at_ns;
    const struct metronome *metronome = is_ping ? &carrier->pings : &carrier->pongs;
    uint64_t due_ns;
    const uint64_t first_ns = silent_from(metronome, carrier->last_recv_ns, 0, &due_ns);
    const enum flatline_scope scope =
        due_ns <= at_ns ? silent_scope(detector, carrier, metronome, carrier->last_recv_ns, at_ns)
                        : FLATLINE_SCOPE_UNKNOWN;
    if (scope == FLATLINE_SCOPE_UNKNOWN) {
        pings_arm(detector, carrier, due_ns > at_ns ? due_ns : at_ns + metronome->period_ns);
        return;
    }
    struct fault mute = mute_finding(carrier, metronome, first_ns, at_ns);
    mute.evidence[5] = is_ping ? BY_PINGS : BY_PONGS;
    carrier->beats_due_ns = DEADLINE_NEVER;
    carrier_accuse(detector, carrier, mute, scope);
}

/* ---- forgiven -------------------------------------------------------------------------------- */

/* from_ns: our stall is over, and all beats begin anew; 0: it is another life of the connection. */
void beats_restart(struct detector *detector, struct carrier *carrier, uint64_t from_ns)
{
    metronome_restart(&carrier->pings, from_ns);
    metronome_restart(&carrier->pongs, from_ns);
    pings_arm(detector, carrier, pings_due_ns(carrier));
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        if (leg->metronome.period_ns != 0) {
            metronome_restart(&leg->metronome, from_ns);
            leg_beats_arm(detector, leg);
        }
    }
}

void beats_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    const bool was_mute =
        carrier->faults[CARRIER_BEATS].id != 0 || carrier->beats_missing.onset_ns != 0;
    carrier->beats_missing.onset_ns = 0;
    carrier->pause_from_ns = 0;
    carrier->pause_to_ns = 0;
    fault_clear(detector, &carrier->faults[CARRIER_BEATS], at_ns);
    if (was_mute) {
        blame_carrier_speaks(detector, carrier, at_ns);
    }
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        fault_clear(detector, &detector->legs[at].faults[LEG_BEATS], at_ns);
    }
    beats_restart(detector, carrier, 0);
}
