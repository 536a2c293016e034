/* SPDX-License-Identifier: MIT
 *
 * detector_orders.c - orders whose report does not come. What is late is what the engine's own
 * samples say: beyond their p99.9, and there must be 1,000 of them; nothing is accused before.
 */
#include "core/detector_engine.h"

#include <string.h>

#define SAMPLES_LEAST  1000U
#define SAMPLES_RENEW  64U /* p99.9 is taken anew after so many more */
#define LATE_IN_ROW    3U
#define ALONE_LEAST_NS (2 * NS_PER_S)
#define ALONE_TIMES    10U

void orders_reset(struct engine_orders *orders)
{
    memset(orders, 0, sizeof(*orders));
    flatline_assert(hist_size_bytes(HIST_BITS_TWO_DIGITS, NS_PER_US, REPORT_MAX_NS) <=
                    sizeof(orders->hist) + sizeof(orders->counts));
    hist_init(&orders->hist, HIST_BITS_TWO_DIGITS, NS_PER_US, REPORT_MAX_NS);
}

static bool is_reported(const struct engine_orders *orders, uint32_t place)
{
    return orders->seen_ns[place] >= orders->sent_ns[place];
}

void orders_apply(struct engine_orders *orders, uint32_t place, uint64_t sent_ns, uint64_t seen_ns)
{
    if (place >= FLATLINE_ENGINE_PAIRS) {
        return;
    }
    const bool was_reported = orders->sent_ns[place] == sent_ns && is_reported(orders, place);
    orders->sent_ns[place] = sent_ns;
    orders->seen_ns[place] = seen_ns;
    if (sent_ns == 0 || was_reported || !is_reported(orders, place)) {
        return;
    }
    hist_record(&orders->hist, seen_ns - sent_ns);
    if (orders->hist.total >= SAMPLES_LEAST &&
        orders->hist.total >= orders->p999_of + SAMPLES_RENEW) {
        orders->p999_of = orders->hist.total;
        orders->p999_ns = hist_quantile(&orders->hist, 0.999);
    }
}

/* The places in the order of sending begin behind the newest. */
static uint32_t newest_place(const struct engine_orders *orders)
{
    uint32_t newest = 0;
    for (uint32_t i = 1; i < FLATLINE_ENGINE_PAIRS; i++) {
        newest = orders->sent_ns[i] > orders->sent_ns[newest] ? i : newest;
    }
    return newest;
}

struct orders_state {
    uint32_t late_in_row; /* up to the newest order that is decided */
    uint32_t waiting;
    uint64_t oldest_ns; /* sent, of those that wait; 0 = none */
};

static struct orders_state orders_walk(const struct engine_orders *orders, uint64_t at_ns)
{
    struct orders_state state = {0};
    const uint32_t newest = newest_place(orders);
    for (uint32_t i = 1; i <= FLATLINE_ENGINE_PAIRS; i++) {
        const uint32_t place = (newest + i) % FLATLINE_ENGINE_PAIRS;
        const uint64_t sent_ns = orders->sent_ns[place];
        if (sent_ns == 0 || sent_ns > at_ns) {
            continue;
        }
        const bool reported = is_reported(orders, place);
        const uint64_t took_ns = (reported ? orders->seen_ns[place] : at_ns) - sent_ns;
        if (took_ns > orders->p999_ns) {
            state.late_in_row++;
        } else if (reported) {
            state.late_in_row = 0;
        }
        if (!reported) {
            state.waiting++;
            state.oldest_ns = state.oldest_ns == 0 ? sent_ns : state.oldest_ns;
        }
    }
    return state;
}

void orders_judge(struct detector *detector,
                  struct engine *engine,
                  struct engine_slot *slot,
                  uint64_t at_ns)
{
    const struct engine_orders *orders = slot->orders;
    if (orders == NULL || orders->p999_ns == 0) {
        return;
    }
    const uint64_t alone_ns = orders->p999_ns * ALONE_TIMES > ALONE_LEAST_NS
                                  ? orders->p999_ns * ALONE_TIMES
                                  : ALONE_LEAST_NS;
    const struct orders_state state = orders_walk(orders, at_ns);
    const uint64_t waited_ns = state.oldest_ns != 0 ? at_ns - state.oldest_ns : 0;
    const bool alone = waited_ns > alone_ns;
    const bool overdue = alone || (state.late_in_row >= LATE_IN_ROW && state.waiting > 0);
    if (!overdue && slot->fault.id != 0 && (state.late_in_row == 0 || state.waiting == 0)) {
        fault_clear(detector, &slot->fault, at_ns);
    }
    if (!overdue || slot->fault.id != 0) {
        return;
    }
    struct fault fault = engine_fault(engine, slot, FLATLINE_FAULT_REPORT_OVERDUE, at_ns);
    fault.onset_ns = state.oldest_ns + orders->p999_ns;
    fault.evidence[0] = waited_ns;
    fault.evidence[1] = alone ? alone_ns : orders->p999_ns;
    fault.evidence[2] = orders->p999_ns;
    fault.evidence[3] = orders->hist.total;
    fault.evidence[4] = state.late_in_row;
    fault.evidence[5] = state.waiting;
    fault_raise(detector, &slot->fault, &fault);
}
