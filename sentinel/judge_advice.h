/* SPDX-License-Identifier: MIT
 *
 * judge_advice.h - the judge's side of advice: takes what control changed, publishes who asked for
 * it and what each gate is advised. Advice ends by time alone, so nothing here waits for a moment.
 */
#ifndef FLATLINE_SENTINEL_JUDGE_ADVICE_H
#define FLATLINE_SENTINEL_JUDGE_ADVICE_H

#include "sentinel/judge.h"

struct judge_advice {
    const struct config *config;
    struct publisher *publisher;
    struct detector *detector;
    struct advice_queue *queue; /* NULL: none */
    struct flatline_advice_slot rows[ADVICE_MAX];
};

void judge_advice_init(struct judge_advice *advice, const struct judge_setup *setup);

/** Publishes what control changed. Returns true if there was anything. Cost: one load while there
 *  is not; else bounded by the table times the members of all gates. */
bool judge_advice_take(struct judge_advice *advice, uint64_t now_mono_ns);

/** Is there something to take? Asked before sleeping. */
bool judge_advice_waits(const struct judge_advice *advice);

#endif
