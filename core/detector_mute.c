/* SPDX-License-Identifier: MIT
 *
 * detector_mute.c - what is owed is overdue: whether the leg is mute, or all of its connection, or
 * whether its connection's next frame must decide. Rules: docs/DETECTOR.md, "Debt".
 */
#include "core/detector_calls.h"
#include "core/detector_check.h"

#include <stdio.h>

#define CONFIDENCE 95

static enum debt_witness
witness_of(const struct detector *detector, const struct leg *leg, enum debt_kind kind)
{
    if (kind == DEBT_TWIN) {
        return BY_TWIN;
    }
    return detector->streams[leg->stream].traits.owes == OWES_BEST ? BY_BEST : BY_CHANNEL;
}

static struct fault mute_finding(const struct detector *detector,
                                 const struct leg *leg,
                                 enum debt_kind kind,
                                 uint64_t at_ns)
{
    const struct debt *debt = &leg->debts[kind];
    const uint64_t until_ns = debt_due_ns(detector, leg, kind);
    return (struct fault){.kind = FLATLINE_FAULT_MUTE,
                          .scope = FLATLINE_SCOPE_STREAM,
                          .blame = FLATLINE_SCOPE_STREAM,
                          .confidence = CONFIDENCE,
                          .stream = leg->stream,
                          .connection = (uint16_t)leg->connection,
                          .onset_ns = debt->since_ns,
                          .at_ns = at_ns,
                          .evidence = {debt->key,
                                       leg->sequence.newest,
                                       debt_allowance_ns(detector, leg, kind),
                                       debt_lag_ns(detector, leg, kind),
                                       at_ns > until_ns ? at_ns - until_ns : 0,
                                       (uint64_t)witness_of(detector, leg, kind)}};
}

static void
leg_mute(struct detector *detector, struct leg *leg, enum debt_kind kind, uint64_t at_ns)
{
    static const char *const words[] = {[BY_CHANNEL] = "another channel has shown it",
                                        [BY_BEST] = "the best level has changed",
                                        [BY_TWIN] = "its twin has shown it"};
    struct fault *fault = &leg->faults[LEG_MUTE];
    leg->debts[kind].overdue = true;
    if (fault->id == 0) {
        struct fault mute = mute_finding(detector, leg, kind, at_ns);
        (void)snprintf(mute.text, sizeof(mute.text), "%s", words[witness_of(detector, leg, kind)]);
        blame_of_leg(detector, leg, &mute);
        fault_raise(detector, fault, &mute);
        blame_leg_mute(detector, leg, at_ns);
    }
}

/* How the legs of a connection stand against their twins. */
struct standing {
    uint32_t judged; /* have a twin to be held against */
    uint32_t owing;
    uint32_t overdue;
    const struct leg *first; /* that owed */
};

static struct standing standing_of(const struct detector *detector, const struct carrier *carrier)
{
    struct standing standing = {0};
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        const struct debt *debt = &leg->debts[DEBT_TWIN];
        if (leg->first_ns == 0 || !leg_has_twin(detector, leg)) {
            continue;
        }
        standing.judged++;
        standing.overdue += debt->overdue;
        if (debt->since_ns != 0) {
            standing.owing++;
            const bool is_first = standing.first == NULL ||
                                  debt->since_ns < standing.first->debts[DEBT_TWIN].since_ns;
            standing.first = is_first ? leg : standing.first;
        }
    }
    return standing;
}

/* All of it is mute, and that explains its legs. */
static void carrier_mute(struct detector *detector,
                         struct carrier *carrier,
                         const struct standing *standing,
                         uint64_t at_ns)
{
    struct fault mute = mute_finding(detector, standing->first, DEBT_TWIN, at_ns);
    mute.scope = FLATLINE_SCOPE_CONNECTION;
    mute.blame = FLATLINE_SCOPE_CONNECTION;
    mute.stream = EVENT_NO_STREAM;
    (void)snprintf(mute.text,
                   sizeof(mute.text),
                   "%u of %u legs behind twins",
                   standing->owing,
                   standing->judged);
    fault_raise(detector, &carrier->faults[CARRIER_MUTE], &mute);
    blame_carrier_silent(detector, carrier, at_ns);
}

/* A leg owes what its twin has shown. Where its connection has delivered nothing at all lately, the
 * connection is mute, not the stream; where it delivers still, is told by its next frame. For one
 * stream alone to owe is little evidence against all of a connection, so the others are given two
 * allowances more. */
static void twin_judge(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    struct debt *debt = &leg->debts[DEBT_TWIN];
    const uint64_t silent_ns = carrier->last_data_ns + TWIN_ALLOWANCE_NS / 4 * 3;
    const bool is_silent = silent_ns <= at_ns;
    debt_wait_end(detector, leg, debt);
    if (!is_silent && carrier->last_data_ns < debt_due_ns(detector, leg, DEBT_TWIN)) {
        debt->waits = true;
        carrier->debts_waiting++;
        debt_due_set(detector, leg, DEBT_TWIN, silent_ns);
        return;
    }
    debt->overdue = true;
    if (carrier->faults[CARRIER_MUTE].id != 0) {
        return; /* explained */
    }
    const struct standing standing = standing_of(detector, carrier);
    const bool all_owe = standing.judged > 1 && standing.overdue == standing.judged;
    const bool is_alone = standing.judged == 1; /* nor need it owe, if its twin has just begun */
    if (standing.first != NULL && (all_owe || (is_silent && (standing.owing > 1 || is_alone)))) {
        carrier_mute(detector, carrier, &standing, at_ns);
    } else if (is_silent && at_ns < debt_due_ns(detector, leg, DEBT_TWIN) + 2 * TWIN_ALLOWANCE_NS) {
        debt->overdue = false;
        debt_due_set(detector, leg, DEBT_TWIN, at_ns + TWIN_ALLOWANCE_NS / 4);
    } else {
        leg_mute(detector, leg, DEBT_TWIN, at_ns);
    }
}

/* A connection that has delivered nothing lately may be late, or mute as a whole: its next frame
 * tells. Where the leg has a twin, that one accuses the connection soon enough, so that no leg needs
 * to be accused before a frame has come behind its deadline. Decision 20. */
static bool must_wait(const struct detector *detector, const struct leg *leg, uint64_t at_ns)
{
    const struct carrier *carrier = &detector->carriers[leg->connection];
    const uint64_t lately_ns =
        leg_has_twin(detector, leg) ? 0 : debt_allowance_ns(detector, leg, DEBT_BOOK) / 4;
    return !leg->debts[DEBT_BOOK].graced && carrier->last_data_ns + lately_ns < at_ns;
}

static void
debt_judge(struct detector *detector, struct leg *leg, enum debt_kind kind, uint64_t at_ns)
{
    struct carrier *carrier = &detector->carriers[leg->connection];
    const uint64_t allowed_ns = debt_allowance_ns(detector, leg, kind);
    const uint64_t until_ns = debt_due_ns(detector, leg, kind);
    if (until_ns > at_ns) {
        debt_due_set(detector, leg, kind, until_ns); /* its connection has shown lag meanwhile */
    } else if (carrier->faults[CARRIER_NOTICE].id != 0) {
        debt_due_set(
            detector, leg, kind, at_ns + allowed_ns); /* the venue has said that it will end */
    } else if (kind == DEBT_TWIN) {
        debt_due_set(detector, leg, kind, DEADLINE_NEVER);
        twin_judge(detector, leg, at_ns);
    } else if (must_wait(detector, leg, at_ns)) {
        debt_due_set(detector, leg, kind, DEADLINE_NEVER);
        leg->debts[kind].waits = true;
        carrier->debts_waiting++;
    } else {
        debt_due_set(detector, leg, kind, DEADLINE_NEVER);
        if (!leg->is_checked || check_tells(detector, leg, at_ns)) {
            leg_mute(detector, leg, kind, at_ns);
        }
    }
}

/* Passes the verdicts due by now, none beyond the watermark of the leg's own connection. */
uint32_t debts_pass(struct detector *detector, uint64_t now_ns, uint32_t most)
{
    uint32_t passed = 0;
    for (uint32_t at = 0; passed < most && deadlines_due(&detector->debts, now_ns, &at);) {
        struct leg *leg = &detector->legs[(at - 1) / DEBTS];
        const struct carrier *carrier = &detector->carriers[leg->connection];
        const uint64_t at_ns = deadlines_get(&detector->debts, at - 1);
        if (at_ns <= carrier_drained_ns(carrier) && !carrier->stall_pending) {
            debt_judge(detector, leg, (enum debt_kind)((at - 1) % DEBTS), at_ns);
            passed++;
        }
    }
    return passed;
}
