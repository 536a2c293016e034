/* SPDX-License-Identifier: MIT
 *
 * detector_held.c - held back: a connection delivers nothing for a while, then what was sent meanwhile
 * all at once, and is in time again. The frames themselves tell that the venue had gone on. Rules:
 * docs/DETECTOR.md, "Held back".
 *
 * What stays late is LAGGING's; so is a clock that was set back, behind which nothing is in time.
 */
#include "core/detector_calls.h"

#include <stdio.h>

#define HELD_BURST_NS    NS_PER_S       /* what was held comes within this ... */
#define HELD_DRAINED_NS  (5 * NS_PER_S) /* ... and something in time within this */
#define HELD_STANDS_NS   NS_PER_S
#define HELD_JITTER_NS   (100 * NS_PER_MS)
#define HELD_SAMPLES     2U
#define HELD_TOGETHER_NS NS_PER_S

enum { CONFIDENCE_ALONE = 75 };

void held_begin(struct carrier *carrier, uint64_t recv_ns)
{
    struct held *held = &carrier->held;
    if (carrier->last_data_ns != 0) {
        held->from_ns = carrier->last_data_ns;
        held->at_ns = recv_ns;
        held->samples = 0;
        held->worst_ns = 0;
    }
}

/* ---- whose doing ----------------------------------------------------------------------------- */

/* What other connections did meanwhile. */
struct others {
    uint32_t in_time; /* of its venue */
    uint32_t held;
    uint32_t unheard; /* they have shown nothing since, or are draining still */
    uint32_t in_time_elsewhere;
    uint32_t held_elsewhere;
    uint32_t unheard_elsewhere;
};

static bool held_together(const struct held *a, const struct held *b)
{
    const uint64_t apart_ns =
        a->found_ns > b->found_ns ? a->found_ns - b->found_ns : b->found_ns - a->found_ns;
    return b->found_ns != 0 && apart_ns <= HELD_TOGETHER_NS;
}

static struct others others_of(const struct detector *detector, const struct carrier *own)
{
    struct others others = {0};
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        if (other == own || !carrier_is_live(other) || other->lagging.last_ns == 0) {
            continue;
        }
        const bool is_held = held_together(&own->held, &other->held);
        const bool is_draining = other->held.at_ns != 0 && other->held.samples > 0;
        const bool is_in_time =
            !is_held && !is_draining && other->lagging.last_ns > own->held.resumed_ns;
        if (other->venue == own->venue) {
            others.held += is_held;
            others.in_time += is_in_time;
            others.unheard += !is_held && !is_in_time;
        } else {
            others.held_elsewhere += is_held;
            others.in_time_elsewhere += is_in_time;
            others.unheard_elsewhere += !is_held && !is_in_time;
        }
    }
    return others;
}

static void
held_blame(const struct detector *detector, const struct carrier *carrier, struct fault *fault)
{
    const struct others others = others_of(detector, carrier);
    const bool is_heard_elsewhere = others.in_time_elsewhere > 0;
    fault->confidence = CONFIDENCE_CONTRAST;
    if (others.in_time > 0) {
        fault->blame = FLATLINE_SCOPE_CONNECTION;
    } else if (others.unheard > 0 || (!is_heard_elsewhere && others.unheard_elsewhere > 0)) {
        fault->blame = FLATLINE_SCOPE_UNKNOWN;
        fault->confidence = CONFIDENCE_UNDECIDED;
    } else if (others.held_elsewhere > 0 && !is_heard_elsewhere) {
        fault->blame = FLATLINE_SCOPE_HOST;
    } else if (others.held > 0) {
        fault->blame = FLATLINE_SCOPE_VENUE;
    } else { /* the only one of its venue */
        fault->blame = FLATLINE_SCOPE_CONNECTION;
        fault->confidence = CONFIDENCE_ALONE;
    }
}

/* ---- samples of lag -------------------------------------------------------------------------- */

static void held_found(struct detector *detector, const struct arrival *a)
{
    struct carrier *carrier = a->carrier;
    struct held *held = &carrier->held;
    const struct own_wait wait = own_wait_since(detector, carrier, held->from_ns);
    if (own_wait_blames_us(detector, &wait) || carrier->faults[CARRIER_BACKLOG].id != 0) {
        return; /* it waited in our own queue, and that is told already */
    }
    fault_clear(detector, &carrier->faults[CARRIER_HELD], a->recv_ns); /* of another hold */
    struct fault fault = carrier_fault(detector, carrier, FLATLINE_FAULT_BACKLOG, a->recv_ns);
    held->resumed_ns = held->at_ns;
    held->found_ns = a->recv_ns;
    fault.onset_ns = held->onset_ns;
    fault.evidence[5] = held->worst_ns;
    (void)snprintf(fault.text, sizeof(fault.text), "nothing, then all at once");
    held_blame(detector, carrier, &fault);
    fault_raise(detector, &carrier->faults[CARRIER_HELD], &fault);
    carrier->held_due_ns = a->recv_ns + HELD_STANDS_NS;
    carriers_due_lower(detector, carrier->held_due_ns);
}

/* Others may have been heard by now. */
static void
held_decide(struct detector *detector, const struct carrier *carrier, struct fault *fault)
{
    if (fault->id != 0 && fault->blame == FLATLINE_SCOPE_UNKNOWN) {
        held_blame(detector, carrier, fault);
        if (fault->blame != FLATLINE_SCOPE_UNKNOWN) {
            fault_repeat(detector, fault);
        }
    }
}

/* It has been told for a while, and is over; or its connection is. */
void held_end(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier->held_due_ns = DEADLINE_NEVER;
    held_decide(detector, carrier, &carrier->faults[CARRIER_HELD]);
    fault_clear(detector, &carrier->faults[CARRIER_HELD], at_ns);
}

/* Behind such a silence samples come that were sent during its first half: they were held. They come in
 * order, so the first that is in time ends it. */
static void held_sample(struct detector *detector, const struct arrival *a, uint64_t late_ns)
{
    struct held *held = &a->carrier->held;
    const uint64_t silence_ns = held->at_ns - held->from_ns;
    const uint64_t since_ns = a->recv_ns - held->at_ns;
    const bool is_late = late_ns > detector->policy.lagging_excess_ns && late_ns < a->recv_ns;
    const bool is_sent_since = a->recv_ns - late_ns + HELD_JITTER_NS > held->from_ns;
    if (is_late && since_ns <= HELD_BURST_NS &&
        (held->samples > 0 || (2U * late_ns > silence_ns && is_sent_since))) {
        held->onset_ns = held->samples == 0 ? a->recv_ns - late_ns : held->onset_ns;
        held->worst_ns = late_ns > held->worst_ns ? late_ns : held->worst_ns;
        held->samples++;
        return;
    }
    if (!is_late && held->samples >= HELD_SAMPLES && since_ns <= HELD_DRAINED_NS) {
        held_found(detector, a);
    }
    held->at_ns = 0;
}

void held_apply(struct detector *detector, const struct arrival *a, uint64_t late_ns)
{
    if (a->carrier->held.at_ns != 0) {
        held_sample(detector, a, late_ns);
    } else {
        held_decide(detector, a->carrier, &a->carrier->faults[CARRIER_HELD]);
    }
}
