/* SPDX-License-Identifier: MIT
 *
 * backoff.h - when to connect again. Pure: time and randomness are arguments.
 *
 * Two parts. struct backoff belongs to one connection: doubling delay with full jitter, reset by a
 * success that lasted, and a Retry-After that is obeyed. struct backoff_budget belongs to one
 * venue: at most a tenth of what the venue allows our IP in five minutes, because the engine
 * shares that IP, and a least spacing between two attempts.
 */
#ifndef FLATLINE_FEEDS_BACKOFF_H
#define FLATLINE_FEEDS_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_NS   250000000ULL    /* ceiling of the first delay */
#define BACKOFF_CEILING_NS 60000000000ULL  /* ... and of the last */
#define BACKOFF_SETTLED_NS 30000000000ULL  /* a connection this old forgets earlier failures */
#define BACKOFF_SPACING_NS 400000000ULL    /* facts: OKX allows 3 attempts/s per IP */
#define BACKOFF_WINDOW_NS  300000000000ULL /* five minutes */
#define BACKOFF_BUDGET_MAX 128

struct backoff {
    uint32_t failures;
    uint64_t not_before_mono_ns;
};

/* The venue's attempts in the last five minutes, oldest overwritten. Zero-initialise, then
 * backoff_budget_init(). */
struct backoff_budget {
    uint32_t allowed;            /* attempts per window, 1 .. BACKOFF_BUDGET_MAX */
    uint32_t count;              /* attempts ever, saturating; the last `allowed` are kept */
    uint64_t not_before_mono_ns; /* a Retry-After stops the whole venue */
    uint64_t attempt_mono_ns[BACKOFF_BUDGET_MAX];
};

/** connects_per_5min_max: struct venue_facts; 0 = not documented, then 300 is assumed. A tenth of
 * it is used, at least 1. */
void backoff_budget_init(struct backoff_budget *budget, uint32_t connects_per_5min_max);

/** Earliest time the venue's budget allows an attempt; 0 = now. */
uint64_t backoff_budget_ready_mono_ns(const struct backoff_budget *budget, uint64_t now_mono_ns);

/** Notes an attempt made now. */
void backoff_budget_spend(struct backoff_budget *budget, uint64_t now_mono_ns);

/** Attempts of the last five minutes, as far as they are remembered. */
uint32_t backoff_budget_spent(const struct backoff_budget *budget, uint64_t now_mono_ns);

/** An attempt failed, or a connection ended at the age of age_ns (0 for a failed attempt).
 *
 *  random          any 64 random bits
 *  retry_after_ns  what the venue asked for with 429 or 418, else 0; holds the whole venue
 *
 *  Returns when to try again: full jitter over min(first * 2^failures, ceiling), never before a
 *  Retry-After nor the budget.
 */
uint64_t backoff_failed(struct backoff *backoff,
                        struct backoff_budget *budget,
                        uint64_t now_mono_ns,
                        uint64_t age_ns,
                        uint64_t retry_after_ns,
                        uint64_t random);

/** May this connection be dialled now? The later of its own delay and the venue's budget. */
bool backoff_is_ready(const struct backoff *backoff,
                      const struct backoff_budget *budget,
                      uint64_t now_mono_ns);

#endif
