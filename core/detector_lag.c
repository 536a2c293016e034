/* SPDX-License-Identifier: MIT
 *
 * detector_lag.c - LAGGING: is data late as a rule, since when, and whose lateness is it? Of one stream,
 * of the connection, of our own reading, or of somebody's clock. Rules: docs/DETECTOR.md.
 */
#include "core/detector_calls.h"

#define CUSUM_LIMITS   8U       /* of the limit: what 16 samples in time forget */
#define STREAM_SAMPLES 3U       /* late in a row, at least */
#define TOGETHER_NS    NS_PER_S /* steps of one clock show on all connections within */
#define ALIKE_NS       (100 * NS_PER_MS)

/* Evidence `cause`, docs/EVIDENCE.md. */
enum lag_cause {
    CAUSE_UNKNOWN, /* nobody looked at our socket */
    CAUSE_WAY,     /* the venue, or the way from it: nothing waited in our socket */
    CAUSE_OURS,
    CAUSE_STREAM,
    CAUSE_VENUE_CLOCK,
    CAUSE_ALL_VENUES,
};

static struct lagging_limits limits_of(const struct detector *detector)
{
    return (struct lagging_limits){.excess_ns = detector->policy.lagging_excess_ns,
                                   .window_ns = detector->policy.lagging_window_ns,
                                   .hold_ns = detector->policy.lagging_hold_ns};
}

static struct fault lagging_fault(const struct arrival *a, enum flatline_scope scope)
{
    return (struct fault){.kind = FLATLINE_FAULT_LAGGING,
                          .scope = (uint8_t)scope,
                          .blame = (uint8_t)scope,
                          .confidence = 100,
                          .stream =
                              scope == FLATLINE_SCOPE_STREAM ? a->event->stream : EVENT_NO_STREAM,
                          .connection = a->event->connection,
                          .at_ns = a->recv_ns};
}

/* ---- one stream ------------------------------------------------------------------------------ */

/* Its samples went back behind what the same connection had delivered, one like the other. */
static void stream_lag_judge(struct detector *detector, const struct arrival *a, uint64_t behind_ns)
{
    const struct lagging_limits limits = limits_of(detector);
    struct leg *leg = a->leg;
    struct fault *fault = &leg->faults[LEG_LAGGING];
    if (LIKELY(behind_ns <= limits.excess_ns)) {
        leg->behind_count = 0;
        if (UNLIKELY(fault->id != 0) && a->recv_ns - leg->behind_ns >= limits.hold_ns) {
            fault_clear(detector, fault, a->recv_ns);
        }
        return;
    }
    if (leg->behind_count++ == 0) {
        leg->behind_since_ns = a->recv_ns;
    }
    leg->behind_ns = a->recv_ns;
    if (fault->id != 0 || leg->behind_count < STREAM_SAMPLES ||
        a->recv_ns - leg->behind_since_ns < limits.hold_ns) {
        return;
    }
    struct fault lagging = lagging_fault(a, FLATLINE_SCOPE_STREAM);
    lagging.onset_ns = leg->behind_since_ns;
    lagging.evidence[0] = a->excess_ns;
    lagging.evidence[1] = leg->behind_count;
    lagging.evidence[2] = leg->behind_count;
    lagging.evidence[3] = limits.excess_ns;
    lagging.evidence[4] = CAUSE_STREAM;
    fault_raise(detector, fault, &lagging);
}

/* ---- whose ----------------------------------------------------------------------------------- */

static bool is_stepped_like(const struct carrier *carrier, const struct carrier *other)
{
    const struct lag_split *a = &carrier->lag_split;
    const struct lag_split *b = &other->lag_split;
    const uint64_t apart_ns = a->step_at_ns > b->step_at_ns ? a->step_at_ns - b->step_at_ns
                                                            : b->step_at_ns - a->step_at_ns;
    const uint64_t differ_ns =
        a->step_ns > b->step_ns ? a->step_ns - b->step_ns : b->step_ns - a->step_ns;
    return b->step_at_ns != 0 && apart_ns <= TOGETHER_NS && differ_ns <= ALIKE_NS;
}

struct company {
    uint32_t unheard;      /* live connections of its venue that have shown nothing since */
    uint32_t others;       /* those that have */
    uint32_t late;         /* of these, late by now */
    uint32_t stepped;      /* of these, that went back with it */
    uint32_t other_venues; /* of other venues */
    uint32_t elsewhere;    /* of these, late by now or gone back with it */
};

static struct company
company_of(const struct detector *detector, const struct carrier *carrier, uint64_t since_ns)
{
    struct company company = {0};
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        if (other == carrier || !carrier_is_live(other) || other->lagging.last_ns == 0) {
            continue;
        }
        const bool is_late = other->lag_cusum.since_ns != 0;
        if (other->lagging.last_ns <= since_ns) {
            company.unheard += other->venue == carrier->venue;
        } else if (other->venue == carrier->venue) {
            company.others++;
            company.late += is_late;
            company.stepped += is_stepped_like(carrier, other);
        } else {
            company.other_venues++;
            company.elsewhere += is_late || is_stepped_like(carrier, other);
        }
    }
    return company;
}

/* Whom it blames, as far as others have been heard since; until one of its venue was, nobody. */
static void
blame_fill(const struct detector *detector, const struct carrier *carrier, struct fault *fault)
{
    const struct company company = company_of(detector, carrier, fault->onset_ns);
    const struct own_wait wait = own_wait_since(detector, carrier, fault->onset_ns);
    const uint64_t step_at_ns = carrier->lag_split.step_at_ns;
    const bool is_step = step_at_ns != 0 && step_at_ns + TOGETHER_NS >= fault->onset_ns;
    fault->blame = FLATLINE_SCOPE_CONNECTION;
    fault->confidence = 100;
    fault->evidence[4] = wait.was_seen ? CAUSE_WAY : CAUSE_UNKNOWN;
    fault->evidence[5] = wait.ns;
    if (own_wait_blames_us(detector, &wait)) {
        fault->evidence[4] = CAUSE_OURS;
        fault->blame = FLATLINE_SCOPE_HOST;
        fault->confidence = 80;
    } else if (company.other_venues > 0 && company.elsewhere == company.other_venues &&
               company.late == company.others) {
        fault->evidence[4] = CAUSE_ALL_VENUES;
        fault->blame = FLATLINE_SCOPE_HOST;
        fault->confidence = 60;
    } else if (is_step && company.stepped == company.others) {
        fault->evidence[4] = CAUSE_VENUE_CLOCK;
        fault->onset_ns = step_at_ns < fault->onset_ns ? step_at_ns : fault->onset_ns;
        fault->blame = FLATLINE_SCOPE_VENUE;
        fault->confidence = 80;
    } else if (company.others > 0 && company.late == company.others) {
        fault->blame = FLATLINE_SCOPE_VENUE;
        fault->confidence = 80;
    } else if (company.others == 0 && company.unheard > 0) {
        fault->blame = FLATLINE_SCOPE_UNKNOWN;
        fault->confidence = CONFIDENCE_UNDECIDED;
    }
}

/* Another of its venue may have been heard by now. */
static void
blame_again(struct detector *detector, const struct carrier *carrier, struct fault *fault)
{
    if (fault->blame == FLATLINE_SCOPE_UNKNOWN && carrier->lag_cusum.since_ns != 0) {
        blame_fill(detector, carrier, fault);
        if (fault->blame != FLATLINE_SCOPE_UNKNOWN) {
            fault_repeat(detector, fault);
        }
    }
}

/* ---- the connection -------------------------------------------------------------------------- */

/* When it began: where the sum of what was too late last left nothing; else when the rule was first
 * met. */
static uint64_t onset_of(const struct carrier *carrier)
{
    const uint64_t since_ns = carrier->lag_cusum.since_ns;
    const uint64_t late_ns = carrier->lagging.late_since_ns;
    return since_ns != 0 && since_ns < late_ns ? since_ns : late_ns;
}

static void
connection_lag_judge(struct detector *detector, const struct arrival *a, uint64_t late_ns)
{
    struct carrier *carrier = a->carrier;
    const struct lagging_limits limits = limits_of(detector);
    struct fault *fault = &carrier->faults[CARRIER_LAGGING];
    cusum_feed(&carrier->lag_cusum,
               late_ns,
               limits.excess_ns / 2,
               CUSUM_LIMITS * limits.excess_ns,
               a->recv_ns);
    const enum lagging_verdict verdict =
        lagging_feed(&carrier->lagging, &limits, a->recv_ns, late_ns);
    if (verdict == LAGGING_HEALTHY) {
        fault_clear(detector, fault, a->recv_ns);
    } else if (fault->id != 0) {
        blame_again(detector, carrier, fault);
    } else if (verdict == LAGGING_LATE) {
        const struct lagging_part window = lagging_window(&carrier->lagging, &limits);
        struct fault lagging = lagging_fault(a, FLATLINE_SCOPE_CONNECTION);
        lagging.onset_ns = onset_of(carrier);
        lagging.evidence[0] = window.worst_ns;
        lagging.evidence[1] = window.late;
        lagging.evidence[2] = window.total;
        lagging.evidence[3] = limits.excess_ns;
        blame_fill(detector, carrier, &lagging);
        fault_raise(detector, fault, &lagging);
    }
}

uint64_t lagging_apply(struct detector *detector, const struct arrival *a)
{
    if (stall_explains(detector, a->recv_ns - a->excess_ns)) {
        return a->excess_ns; /* sent while we slept: how long it lay unread is our own doing */
    }
    const uint32_t leg = (uint32_t)(a->leg - detector->legs);
    const struct lag_parts parts = lag_split_feed(
        &a->carrier->lag_split, a->recv_ns, a->excess_ns, leg, a->carrier->leg_count == 1);
    stream_lag_judge(detector, a, parts.stream_ns);
    connection_lag_judge(detector, a, parts.connection_ns);
    if (UNLIKELY(a->carrier->held.at_ns != 0 || a->carrier->held_due_ns != DEADLINE_NEVER)) {
        held_apply(detector, a, parts.connection_ns);
    }
    return parts.connection_ns;
}

void lag_restart(struct carrier *carrier)
{
    carrier->lagging = (struct lagging){0};
    carrier->lag_split = (struct lag_split){0};
    carrier->lag_cusum = (struct cusum){0};
    carrier->held = (struct held){0};
}
