/* SPDX-License-Identifier: MIT
 *
 * detector_start.c - the first data that does not come. Acknowledged is not delivered: in April
 * 2026 USD-M went on acknowledging streams on routes that no longer served them. A stream is held
 * to a deadline only where the venue pushes on subscribe or by a timer; else the connection as a
 * whole is, which must deliver something.
 */
#include "core/detector_calls.h"

enum { CONFIDENCE_STREAM = 95, CONFIDENCE_CONNECTION = 80 };

static bool must_start(const struct stream *stream)
{
    return !stream_is_user(stream) &&
           (stream->traits.pushes_on_subscribe || stream->traits.period_ns > 0);
}

/* Depth sends nothing while nothing changes; but another channel of its book on its connection may show
 * that something has. */
static bool has_witness(const struct detector *detector, const struct leg *leg)
{
    return detector->streams[leg->stream].traits.owes == OWES_ID && leg->side != SIDE_NONE &&
           detector->sides[leg->side].leg_count > 1;
}

/* Has one shown an update since since_ns, longer ago than the allowance? */
static bool was_witnessed(const struct detector *detector,
                          const struct leg *leg,
                          uint64_t since_ns,
                          uint64_t at_ns)
{
    const struct frontier *frontier = &detector->sides[leg->side].frontier;
    const uint64_t until_ns = at_ns - debt_allowance_ns(detector, leg, DEBT_BOOK);
    for (uint32_t back = 1; back < frontier->kept; back++) { /* the first of all shows no change */
        const uint64_t seen_ns = frontier->marks[(frontier->made - back) % FRONTIER_MARKS].seen_ns;
        if (seen_ns <= until_ns) {
            return seen_ns >= since_ns;
        }
    }
    return false;
}

static uint64_t leg_wait_ns(const struct detector *detector, const struct leg *leg)
{
    const uint64_t two_periods_ns = 2 * detector->streams[leg->stream].traits.period_ns;
    const uint64_t wait_ns = detector->policy.first_data_ns;
    return two_periods_ns > wait_ns ? two_periods_ns : wait_ns;
}

/* Account streams may be silent for days. A connection whose one stream has a deadline of its
 * own is judged by that. */
static bool carrier_must_deliver(const struct detector *detector, const struct carrier *carrier)
{
    uint32_t others = 0;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        others += !stream_is_user(&detector->streams[detector->legs[at].stream]);
    }
    const bool is_single =
        carrier->leg_count == 1 &&
        must_start(&detector->streams[detector->legs[carrier->first_leg].stream]);
    return carrier->leg_count == 0 || (others > 0 && !is_single);
}

/* Starts (or starts again, after our own stall) the clocks of everything on it that has not
 * begun. */
void start_arm(struct detector *detector, struct carrier *carrier, uint64_t from_ns)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        if (!leg->started &&
            (must_start(&detector->streams[leg->stream]) || has_witness(detector, leg))) {
            deadlines_set(&detector->starts, at, from_ns + leg_wait_ns(detector, leg));
        }
    }
    const uint64_t due_ns = from_ns + detector->policy.first_data_ns;
    if (!carrier->started && carrier_must_deliver(detector, carrier)) {
        carrier->first_data_due_ns = due_ns;
        carriers_due_lower(detector, due_ns);
    }
    if (carrier->acks < carrier->acks_expected) {
        carrier->acks_due_ns = due_ns;
        carriers_due_lower(detector, due_ns);
    }
}

void start_disarm(struct detector *detector, struct carrier *carrier)
{
    carrier->first_data_due_ns = DEADLINE_NEVER;
    carrier->acks_due_ns = DEADLINE_NEVER;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        deadlines_set(&detector->starts, at, DEADLINE_NEVER);
    }
}

/* ---- what did not come ----------------------------------------------------------------------- */

/* While this connection was up. */
static uint64_t other_routes_since(const struct detector *detector, const struct carrier *carrier)
{
    return other_routes_frames(detector, carrier) - carrier->other_frames_at_up;
}

static uint64_t acks_short(const struct carrier *carrier)
{
    return carrier->acks < carrier->acks_expected ? carrier->acks_expected - carrier->acks : 0;
}

/* WRONG_ROUTE where the whole connection is mute while another route of the venue delivers. */
static struct fault
missing_start(const struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    const uint64_t elsewhere = carrier->started ? 0 : other_routes_since(detector, carrier);
    struct fault missing = {.kind = elsewhere > 0 ? FLATLINE_FAULT_WRONG_ROUTE
                                                  : FLATLINE_FAULT_NEVER_STARTED,
                            .stream = EVENT_NO_STREAM,
                            .connection = (uint16_t)carrier_index(detector, carrier),
                            .onset_ns = carrier->up_ns,
                            .at_ns = at_ns};
    missing.evidence[0] = at_ns > carrier->up_ns ? at_ns - carrier->up_ns : 0;
    missing.evidence[2] = elsewhere;
    return missing;
}

void carrier_never_started(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    if (detector->maintenance[carrier->venue].id != 0) { /* the venue has said why */
        carrier->first_data_due_ns = at_ns + detector->policy.first_data_ns;
        carriers_due_lower(detector, carrier->first_data_due_ns);
        return;
    }
    struct fault missing = missing_start(detector, carrier, at_ns);
    carrier->first_data_due_ns = DEADLINE_NEVER;
    missing.scope = FLATLINE_SCOPE_CONNECTION;
    missing.blame = missing.kind == FLATLINE_FAULT_WRONG_ROUTE ? FLATLINE_SCOPE_ROUTE
                                                               : FLATLINE_SCOPE_CONNECTION;
    missing.confidence = CONFIDENCE_CONNECTION;
    missing.evidence[1] = carrier->acks;
    if (missing.kind == FLATLINE_FAULT_NEVER_STARTED) {
        missing.evidence[2] = detector->policy.first_data_ns;
        missing.evidence[3] = acks_short(carrier);
    }
    if (carrier->faults[CARRIER_START].id == 0) {
        fault_raise(detector, &carrier->faults[CARRIER_START], &missing);
    }
}

static void leg_accuse(struct detector *detector, struct leg *leg, struct fault *missing)
{
    if (leg->faults[LEG_START].id != 0) {
        return;
    }
    missing->scope = FLATLINE_SCOPE_STREAM;
    missing->blame =
        missing->kind == FLATLINE_FAULT_WRONG_ROUTE ? FLATLINE_SCOPE_ROUTE : FLATLINE_SCOPE_STREAM;
    missing->confidence = CONFIDENCE_STREAM;
    missing->stream = leg->stream;
    missing->evidence[1] = leg->acked;
    fault_raise(detector, &leg->faults[LEG_START], missing);
}

void leg_never_started(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    const struct carrier *carrier = &detector->carriers[leg->connection];
    deadlines_set(&detector->starts, (uint32_t)(leg - detector->legs), DEADLINE_NEVER);
    if (leg->started || carrier->faults[CARRIER_START].id != 0) {
        return; /* the connection as a whole is accused: that explains its streams */
    }
    const struct stream *stream = &detector->streams[leg->stream];
    const uint64_t wait_ns = leg_wait_ns(detector, leg);
    if (stream->halted || detector->maintenance[stream->traits.venue].id != 0) {
        deadlines_set(&detector->starts, (uint32_t)(leg - detector->legs), at_ns + wait_ns);
        return; /* the venue has said why */
    }
    /* in its second half it is certainly subscribed */
    const uint64_t half_ns = wait_ns / 2;
    if (!must_start(stream) && !was_witnessed(detector, leg, at_ns - half_ns, at_ns)) {
        deadlines_set(&detector->starts, (uint32_t)(leg - detector->legs), at_ns + half_ns);
        return;
    }
    struct fault missing = missing_start(detector, carrier, at_ns);
    if (missing.kind == FLATLINE_FAULT_NEVER_STARTED) {
        missing.evidence[2] = wait_ns;
    }
    leg_accuse(detector, leg, &missing);
}

/* Accuses each leg that has not begun and, with by_ack, was not acknowledged either. Returns
 * how many. */
static uint32_t legs_accuse(struct detector *detector,
                            struct carrier *carrier,
                            bool by_ack,
                            uint64_t short_by,
                            uint64_t at_ns)
{
    uint32_t accused = 0;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        if (leg->started || (by_ack && leg->acked) ||
            stream_is_user(&detector->streams[leg->stream])) {
            continue;
        }
        struct fault missing = missing_start(detector, carrier, at_ns);
        missing.kind = FLATLINE_FAULT_NEVER_STARTED;
        missing.evidence[2] = by_ack ? detector->policy.first_data_ns : 0;
        missing.evidence[3] = short_by;
        leg_accuse(detector, leg, &missing);
        accused++;
    }
    return accused;
}

/* Answers were lost, but all they would have promised is here. */
static void delivery_is_inventory(struct detector *detector, const struct carrier *carrier)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        if (!detector->legs[at].started) {
            return;
        }
    }
    legs_ready(detector, carrier);
}

/* A stream that delivers needs no acknowledgement any more; one that has neither is missing
 * from the inventory. */
void acks_missing(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier->acks_due_ns = DEADLINE_NEVER;
    delivery_is_inventory(detector, carrier);
    if (carrier->faults[CARRIER_START].id == 0) {
        (void)legs_accuse(detector, carrier, true, acks_short(carrier), at_ns);
    }
}

static void inventory_raise(struct detector *detector,
                            struct carrier *carrier,
                            uint64_t missing_count,
                            const char *text,
                            uint64_t at_ns)
{
    struct fault missing = missing_start(detector, carrier, at_ns);
    missing.kind = FLATLINE_FAULT_NEVER_STARTED;
    missing.scope = FLATLINE_SCOPE_CONNECTION;
    missing.blame = FLATLINE_SCOPE_CONNECTION;
    missing.confidence = 100;
    missing.evidence[1] = carrier->acks;
    missing.evidence[2] = 0;
    missing.evidence[3] = missing_count;
    if (text != NULL) {
        text_copy(missing.text, text);
    }
    fault_raise(detector, &carrier->faults[CARRIER_INVENTORY], &missing);
}

/* The venue listed what it serves on this connection: short of ours, each silent one is accused
 * if that explains it. */
void inventory_apply(struct detector *detector,
                     struct carrier *carrier,
                     uint64_t listed,
                     uint64_t at_ns)
{
    uint64_t silent = 0;
    uint64_t wanted = 0;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const struct leg *leg = &detector->legs[at];
        wanted += !stream_is_user(&detector->streams[leg->stream]);
        silent += !leg->started && !stream_is_user(&detector->streams[leg->stream]);
    }
    if (listed >= wanted) {
        legs_ready(detector, carrier); /* its own list says more than lost answers */
        fault_clear(detector, &carrier->faults[CARRIER_INVENTORY], at_ns);
    } else if (silent == wanted - listed) {
        (void)legs_accuse(detector, carrier, false, wanted - listed, at_ns);
    } else {
        inventory_raise(detector, carrier, wanted - listed, NULL, at_ns);
    }
}

/* The venue refused a subscription. */
void refusal_apply(struct detector *detector,
                   struct carrier *carrier,
                   const struct event *event,
                   uint64_t at_ns)
{
    struct leg *leg = leg_find(detector, event->stream, event->connection);
    if (leg == NULL) {
        inventory_raise(detector, carrier, 1, event->note.text, at_ns);
        return;
    }
    struct fault missing = missing_start(detector, carrier, at_ns);
    missing.kind = FLATLINE_FAULT_NEVER_STARTED;
    missing.evidence[2] = 0; /* no deadline: the venue's own word */
    missing.evidence[3] = 1;
    text_copy(missing.text, event->note.text);
    leg_accuse(detector, leg, &missing);
}

/* ---- what came ------------------------------------------------------------------------------- */

/* Passes the first-data verdicts due before a frame of this leg at until_ns. */
void start_settle(struct detector *detector,
                  struct leg *leg,
                  struct carrier *carrier,
                  uint64_t until_ns)
{
    const uint32_t at = (uint32_t)(leg - detector->legs);
    if (LIKELY(leg->started) || carrier->stall_pending) {
        return;
    }
    if (!carrier->started && carrier->first_data_due_ns <= until_ns) {
        carrier_never_started(detector, carrier, carrier->first_data_due_ns);
    }
    if (deadlines_get(&detector->starts, at) <= until_ns) {
        leg_never_started(detector, leg, deadlines_get(&detector->starts, at));
    }
}

void start_seen(struct detector *detector, struct leg *leg, struct carrier *carrier, uint64_t at_ns)
{
    leg->started = true;
    leg->first_ns = at_ns;
    deadlines_set(&detector->starts, (uint32_t)(leg - detector->legs), DEADLINE_NEVER);
    fault_clear(detector, &leg->faults[LEG_START], at_ns);
    if (leg->acked) {
        leg_ready(detector, leg); /* the other leg may have gone down since it was */
    } else if (carrier->acks_due_ns == DEADLINE_NEVER) {
        delivery_is_inventory(detector, carrier);
    }
    if (carrier->started) {
        return;
    }
    carrier->started = true;
    carrier->first_data_due_ns = DEADLINE_NEVER;
    carrier_delivers(detector, carrier, at_ns);
    if (carrier->faults[CARRIER_START].id != 0) {
        fault_clear(detector, &carrier->faults[CARRIER_START], at_ns);
        start_arm(detector,
                  carrier,
                  at_ns); /* it works after all: now each of its streams is held to account */
    }
}
