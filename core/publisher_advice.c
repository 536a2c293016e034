/* SPDX-License-Identifier: MIT
 *
 * publisher_advice.c - what operators ask of the engine, as the judge stores it: who asked and why
 * in slots, what acts in one line a gate.
 */
#include "core/publisher_internal.h"

#include "core/atomic.h"
#include "core/base.h"
#include "core/slot.h"

#include <stddef.h>

#define ADVICE_WORDS (offsetof(struct flatline_advice_slot, reserved) / sizeof(uint64_t))

void publisher_advice(struct publisher *publisher,
                      uint32_t slot,
                      const struct flatline_advice_slot *advice)
{
    flatline_assert(slot < publisher->advice_count);
    slot_write((uint64_t *)&publisher->advice[slot], (const uint64_t *)advice, ADVICE_WORDS);
}

void publisher_gate_advice(struct publisher *publisher,
                           uint32_t gate,
                           const struct flatline_gate_advice *advice)
{
    flatline_assert(gate < publisher->gate_count);
    struct flatline_gate_advice *line = &publisher->gate_advice[gate];
    store_release(&line->breaker_serial, advice->breaker_serial);
    store_release(&line->pause_serial, advice->pause_serial);
    store_release(&line->reduce_serial, advice->reduce_serial);
    store_release(&line->fallback_serial, advice->fallback_serial);
    store_release(&line->reconnect_serial, advice->reconnect_serial);
    /* ORDER segment.advice, release: the serials come first. Pairs with the acquire in
     * flatline_advised(). Weaker: an engine that obeys a new advice and acknowledges the one before
     * it. */
    store_release(&line->breaker_until_mono_ns, advice->breaker_until_mono_ns);
    store_release(&line->pause_until_mono_ns, advice->pause_until_mono_ns);
    store_release(&line->reduce_until_mono_ns, advice->reduce_until_mono_ns);
    store_release(&line->fallback_until_mono_ns, advice->fallback_until_mono_ns);
    store_release(&line->reconnect_until_mono_ns, advice->reconnect_until_mono_ns);
}

static enum flatline_event_type event_type_of(bool drill, bool ends)
{
    if (drill) {
        return ends ? FLATLINE_EVENT_DRILL_END : FLATLINE_EVENT_DRILL;
    }
    return ends ? FLATLINE_EVENT_ADVICE_END : FLATLINE_EVENT_ADVICE;
}

void publisher_advice_event(struct publisher *publisher,
                            const struct flatline_advice_slot *advice,
                            bool ends,
                            uint64_t at_mono_ns,
                            uint64_t now_mono_ns)
{
    const bool drill = (advice->flags & FLATLINE_ADVICE_DRILL) != 0;
    const struct flatline_event_slot event = {
        .type = event_type_of(drill, ends),
        .stream = advice->target == FLATLINE_TARGET_STREAM ? advice->index : FLATLINE_NO_INDEX,
        .at_mono_ns = at_mono_ns,
        .seen_mono_ns = now_mono_ns,
        .fault_id = advice->serial,
        .fault_kind = advice->kind};
    publisher_event(publisher, &event);
}
