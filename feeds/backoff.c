/* SPDX-License-Identifier: MIT */
#include "feeds/backoff.h"

#include "core/base.h"

#define CONNECTS_PER_5MIN_ASSUMED                                                                  \
    300U              /* facts: clients assume Binance spot's figure where none is documented */
#define OUR_SHARE 10U /* one part in ten of the IP's budget: the engine needs the rest */

static uint64_t later(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

void backoff_budget_init(struct backoff_budget *budget, uint32_t connects_per_5min_max)
{
    const uint32_t allowed =
        (connects_per_5min_max != 0 ? connects_per_5min_max : CONNECTS_PER_5MIN_ASSUMED) /
        OUR_SHARE;
    *budget = (struct backoff_budget){
        .allowed = allowed < 1                    ? 1
                   : allowed < BACKOFF_BUDGET_MAX ? allowed
                                                  : BACKOFF_BUDGET_MAX,
    };
}

uint64_t backoff_budget_ready_mono_ns(const struct backoff_budget *budget, uint64_t now_mono_ns)
{
    flatline_assert(budget->allowed > 0); /* backoff_budget_init() sees to it */
    uint64_t ready = budget->not_before_mono_ns;
    if (budget->count > 0) {
        const uint64_t last = budget->attempt_mono_ns[(budget->count - 1) % budget->allowed];
        ready = later(ready, last + BACKOFF_SPACING_NS);
    }
    if (budget->count >= budget->allowed) {
        const uint64_t oldest = budget->attempt_mono_ns[budget->count % budget->allowed];
        ready = later(ready, oldest + BACKOFF_WINDOW_NS);
    }
    return ready > now_mono_ns ? ready : 0;
}

void backoff_budget_spend(struct backoff_budget *budget, uint64_t now_mono_ns)
{
    budget->attempt_mono_ns[budget->count % budget->allowed] = now_mono_ns;
    budget->count++;
    if (budget->count == 2 * budget->allowed) {
        budget->count = budget->allowed; /* same place in the ring, still full: never wraps */
    }
}

uint32_t backoff_budget_spent(const struct backoff_budget *budget, uint64_t now_mono_ns)
{
    const uint32_t known = budget->count < budget->allowed ? budget->count : budget->allowed;
    uint32_t spent = 0;
    for (uint32_t i = 0; i < known; i++) {
        spent += now_mono_ns - budget->attempt_mono_ns[i] < BACKOFF_WINDOW_NS ? 1U : 0U;
    }
    return spent;
}

uint64_t backoff_failed(struct backoff *backoff,
                        struct backoff_budget *budget,
                        uint64_t now_mono_ns,
                        uint64_t age_ns,
                        uint64_t retry_after_ns,
                        uint64_t random)
{
    if (age_ns >= BACKOFF_SETTLED_NS) {
        backoff->failures = 0;
    }
    uint64_t ceiling_ns = BACKOFF_FIRST_NS;
    for (uint32_t i = 0; i < backoff->failures && ceiling_ns < BACKOFF_CEILING_NS; i++) {
        ceiling_ns *= 2;
    }
    if (ceiling_ns >= BACKOFF_CEILING_NS) {
        ceiling_ns = BACKOFF_CEILING_NS;
    } else {
        backoff->failures++;
    }
    if (retry_after_ns != 0) {
        budget->not_before_mono_ns =
            later(budget->not_before_mono_ns, now_mono_ns + retry_after_ns);
    }
    backoff->not_before_mono_ns = now_mono_ns + random % (ceiling_ns + 1);
    return later(backoff->not_before_mono_ns, backoff_budget_ready_mono_ns(budget, now_mono_ns));
}

bool backoff_is_ready(const struct backoff *backoff,
                      const struct backoff_budget *budget,
                      uint64_t now_mono_ns)
{
    return now_mono_ns >= backoff->not_before_mono_ns &&
           backoff_budget_ready_mono_ns(budget, now_mono_ns) == 0;
}
