/* SPDX-License-Identifier: MIT
 *
 * detector_quoting.c - an engine whose quotes outlive its gate: closed by its data, by advice, or in a
 * drill. Rules: docs/DETECTOR.md.
 */
#include "core/detector_engine.h"

#define QUOTING_AFTER_NS (100 * NS_PER_MS) /* to see a gate close and have the quotes gone */

struct closing {
    uint64_t closed_ns; /* 0: the gate is open, or never was */
    uint64_t missed_ns; /* the last newer frame of the member that closed it */
    bool drill;         /* nothing else keeps it closed */
};

static uint64_t span_ns(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns != 0 && to_ns > from_ns ? to_ns - from_ns : 0;
}

/* Until when the gate trusts a member: its lease as the gate sees it, and while it is only quiet
 * quiet_hold more. */
static uint64_t held_until_ns(const struct flatline_gate_member *member,
                              const struct stream_view *view)
{
    const uint64_t until_ns = view->lease_until_ns + (uint64_t)member->stale_adjust_ns;
    const uint64_t hold_ns = member->quiet_hold_ms * NS_PER_MS;
    const uint64_t quiet_ns = span_ns(until_ns, view->quiet_until_ns);
    return until_ns + (quiet_ns < hold_ns ? quiet_ns : hold_ns);
}

static struct closing
leases_closing(const struct detector *detector, const struct engine_gate *gate, uint64_t at_ns)
{
    struct closing closing = {0};
    for (uint32_t i = 0; i < gate->count; i++) {
        const struct flatline_gate_member *member = &gate->members[i];
        if (member->stream >= detector->stream_count) {
            continue;
        }
        const struct stream *stream = &detector->streams[member->stream];
        const uint64_t until_ns = stream->view.lease_until_ns;
        uint64_t closed_ns = 0;
        if (until_ns == 0) {
            closed_ns = stream->closed_since_ns; /* revoked; 0: never leased */
        } else {
            const uint64_t held_ns = held_until_ns(member, &stream->view);
            closed_ns = held_ns <= at_ns ? held_ns : 0;
        }
        if (closed_ns != 0 && (closing.closed_ns == 0 || closed_ns < closing.closed_ns)) {
            closing =
                (struct closing){.closed_ns = closed_ns, .missed_ns = stream->view.last_newer_ns};
        }
    }
    return closing;
}

static bool is_member(const struct engine_gate *gate, uint32_t stream)
{
    for (uint32_t i = 0; i < gate->count; i++) {
        if (gate->members[i].stream == stream) {
            return true;
        }
    }
    return false;
}

/* `require: both`: the witness may be fresh, the gate is closed for an engine found to be behind. */
static struct closing own_closing(const struct engine *engine, const struct engine_gate *gate)
{
    struct closing closing = {0};
    for (uint32_t i = 0; gate->both && i < engine->slot_count; i++) {
        const struct engine_slot *echo = &engine->slots[i];
        const bool is_behind = echo->kind == FLATLINE_ENGINE_STREAM && echo->fault.id != 0;
        if (is_behind && is_member(gate, echo->stream) &&
            (closing.closed_ns == 0 || echo->fault.at_ns < closing.closed_ns)) {
            closing =
                (struct closing){.closed_ns = echo->fault.at_ns, .missed_ns = echo->fault.onset_ns};
        }
    }
    return closing;
}

/* Through the whole look: quotes that it read may have come back in time, after it began. */
static bool window_holds(const struct engine_shut *shut, const struct engine *engine)
{
    return shut->since_ns != 0 && shut->until_ns > engine->read_ns;
}

/* By the data, on either side, by advice, or by a drill alone. */
static struct closing gate_closing(const struct detector *detector,
                                   const struct engine *engine,
                                   const struct engine_gate *gate,
                                   uint64_t at_ns)
{
    struct closing closing = leases_closing(detector, gate, at_ns);
    const struct closing own = own_closing(engine, gate);
    if (own.closed_ns != 0 && (closing.closed_ns == 0 || own.closed_ns < closing.closed_ns)) {
        closing = own;
    }
    if (window_holds(&gate->meant, engine) &&
        (closing.closed_ns == 0 || gate->meant.since_ns < closing.closed_ns)) {
        closing =
            (struct closing){.closed_ns = gate->meant.since_ns, .missed_ns = gate->meant.since_ns};
    }
    if (closing.closed_ns == 0 && window_holds(&gate->drill, engine)) {
        closing = (struct closing){
            .closed_ns = gate->drill.since_ns, .missed_ns = gate->drill.since_ns, .drill = true};
    }
    return closing;
}

/* What was found in a drill ends with it, and what was meant ends where only a drill is left: neither
 * passes for the other. */
static bool is_over(const struct engine_slot *slot, const struct closing *closing)
{
    return slot->words[0] == 0 || closing->closed_ns == 0 || slot->fault.drill != closing->drill;
}

void quoting_judge(struct detector *detector,
                   const struct engine *engine,
                   struct engine_slot *slot,
                   uint64_t at_ns)
{
    if (slot->gate >= detector->engines->gate_count) {
        return;
    }
    const struct closing closing =
        gate_closing(detector, engine, &detector->engines->gates[slot->gate], at_ns);
    const bool quotes = slot->words[0] != 0;
    if (slot->fault.id != 0 && is_over(slot, &closing)) {
        const uint64_t ended_ns = !quotes && slot->words[2] != 0 ? slot->words[2] : at_ns;
        slot->fault.evidence[1] = span_ns(slot->fault.onset_ns, slot->words[1]);
        slot->fault.evidence[2] += span_ns(slot->fault.at_ns, ended_ns);
        fault_clear(detector, &slot->fault, ended_ns < at_ns ? ended_ns : at_ns);
        return;
    }
    if (!quotes || closing.closed_ns == 0 || slot->fault.id != 0 ||
        at_ns < engine_later_ns(closing.closed_ns, engine->clocks_from_ns) + QUOTING_AFTER_NS) {
        return;
    }
    struct fault fault = engine_fault(engine, slot, FLATLINE_FAULT_ENGINE_QUOTING, at_ns);
    fault.onset_ns = closing.closed_ns;
    fault.drill = closing.drill;
    fault.evidence[0] = at_ns - closing.closed_ns;
    fault.evidence[1] = span_ns(closing.closed_ns, slot->words[1]);
    fault.evidence[2] = span_ns(closing.missed_ns, at_ns);
    fault_raise(detector, &slot->fault, &fault);
}

void quoting_advice(struct detector *detector, const struct event_engine *news)
{
    if (news->code >= detector->engines->gate_count) {
        return;
    }
    struct engine_gate *gate = &detector->engines->gates[news->code];
    gate->meant = (struct engine_shut){.since_ns = news->word, .until_ns = news->more[0]};
    gate->drill = (struct engine_shut){.since_ns = news->more[1], .until_ns = news->more[2]};
}
