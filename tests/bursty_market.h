/* SPDX-License-Identifier: MIT
 *
 * bursty_market.h - when the frames of an invented market come: the same for the same seed.
 *
 * Trades breed trades (a Hawkes process: each event brings 0.7 more on average, within a quarter of
 * a second each), the mood drifts over half hours (log-normal, sigma 0.8), the day goes up and down
 * by 60 %, the venue sends every 100 ms what has changed, and one frame in 10,000 comes up to a
 * second late.
 */
#ifndef FLATLINE_TESTS_BURSTY_MARKET_H
#define FLATLINE_TESTS_BURSTY_MARKET_H

#include <math.h>
#include <stdint.h>

#define MARKET_BRANCHING  0.7
#define MARKET_DECAY      4.0 /* a second */
#define MARKET_MOOD       0.8
#define MARKET_MOOD_S     1800.0
#define MARKET_DAY        0.6
#define MARKET_DAY_S      86400.0
#define MARKET_STEP_S     10.0 /* mood and day stand still so long */
#define MARKET_BATCH_S    0.1
#define MARKET_LATE_SHARE 1e-4
#define MARKET_TURN       6.283185307179586

struct bursty_market {
    uint64_t seed;
    double events_per_s; /* on average, before batching */
    double now_s;
    double step_end_s;
    double mood;
    double base;    /* events a second that nothing bred */
    double excited; /* and that something did */
    double last_frame_s;
};

static inline double market_uniform(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15ULL; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static inline double market_wait(uint64_t *seed, double per_s)
{
    return -log(market_uniform(seed)) / per_s;
}

static inline double market_normal(uint64_t *seed)
{
    const double radius = sqrt(-2.0 * log(market_uniform(seed)));
    return radius * cos(MARKET_TURN * market_uniform(seed));
}

static inline void market_step(struct bursty_market *market)
{
    const double keep = exp(-MARKET_STEP_S / MARKET_MOOD_S);
    market->mood =
        market->mood * keep + MARKET_MOOD * sqrt(1.0 - keep * keep) * market_normal(&market->seed);
    const double mood = exp(market->mood - MARKET_MOOD * MARKET_MOOD / 2.0);
    const double day = 1.0 + MARKET_DAY * sin(MARKET_TURN * market->step_end_s / MARKET_DAY_S);
    market->base = market->events_per_s * (1.0 - MARKET_BRANCHING) * mood * day;
    market->step_end_s += MARKET_STEP_S;
}

static inline struct bursty_market market_begin(double events_per_s, uint64_t seed)
{
    struct bursty_market market = {.seed = seed, .events_per_s = events_per_s};
    market.mood = MARKET_MOOD * market_normal(&market.seed);
    market_step(&market);
    return market;
}

static inline void market_pass(struct bursty_market *market, double span_s)
{
    market->now_s += span_s;
    market->excited *= exp(-MARKET_DECAY * span_s);
}

/* Exact: the next event is the earlier one of those that nothing bred and those that something did. */
static inline void market_event(struct bursty_market *market)
{
    for (;;) {
        double wait_s = market_wait(&market->seed, market->base);
        if (market->excited > 1e-9) {
            const double left =
                1.0 + MARKET_DECAY * log(market_uniform(&market->seed)) / market->excited;
            const double bred_s = left > 0.0 ? -log(left) / MARKET_DECAY : wait_s;
            wait_s = bred_s < wait_s ? bred_s : wait_s;
        }
        if (market->now_s + wait_s <= market->step_end_s) {
            market_pass(market, wait_s);
            market->excited += MARKET_BRANCHING * MARKET_DECAY;
            return;
        }
        market_pass(market, market->step_end_s - market->now_s);
        market->now_s = market->step_end_s;
        market_step(market);
    }
}

/* When the next frame comes, s from the beginning; never before the last. */
static inline double market_frame(struct bursty_market *market)
{
    const double batch = floor(market->now_s / MARKET_BATCH_S);
    do {
        market_event(market);
    } while (floor(market->now_s / MARKET_BATCH_S) <= batch);
    double frame_s = (floor(market->now_s / MARKET_BATCH_S) + 1.0) * MARKET_BATCH_S;
    if (market_uniform(&market->seed) < MARKET_LATE_SHARE) {
        frame_s += 0.1 + 0.9 * market_uniform(&market->seed);
    }
    market->last_frame_s = frame_s > market->last_frame_s ? frame_s : market->last_frame_s;
    return market->last_frame_s;
}

#endif
