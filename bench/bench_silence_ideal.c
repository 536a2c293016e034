/* SPDX-License-Identifier: MIT
 *
 * bench_silence_ideal.c - how soon can a silence be proven at all? The bound that SILENT is held
 * against.
 *
 * An ideal observer of the market of `bench_silence`: it knows the market's law and all its
 * parameters, the hour, every single event before batching and what each excites. It does not know
 * the mood, and keeps a distribution over it (a filter on a grid, exact but for the grid). So it has
 * the chance of every silence given all that came before, and nobody who hears the same stream can
 * know more. Its limit, set with hindsight to as many false alarms as the budget has, is either the
 * same chance for each gap, or one in proportion to the gap expected, which shares the alarms out
 * over the moods so that waits are shorter. Beside it one that is told the mood: what nobody can be.
 */
#include "core/base.h"
#include "tests/bursty_market.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRID       33
#define GRID_REACH 4.0 /* sigmas of the mood, to either side */
#define TRIALS     20000U
#define KEPT       131072U /* of the largest values */
#define WARM_UP_S  7200.0

/* How the false alarms are shared out, and by whom. */
enum rule {
    RULE_SAME,    /* the same chance for each gap */
    RULE_LONGER,  /* a chance in proportion to the gap expected */
    RULE_KNOWING, /* the same chance, by one who knows the mood at the last event, too */
    RULES
};

/* What is believed at a time: how likely is each mood, and that nothing came since the last event. */
struct belief {
    double weights[GRID];
    double at_s;
    double step_end_s; /* the mood moves then */
};

struct trial {
    struct belief belief; /* right after the last event */
    double last_s;
    double began_s;
    double excited;
    double base;         /* true, at the last event */
    double expected_log; /* of the gap */
};

struct largest {
    double *values;
    uint32_t count;
};

struct run {
    double events_per_s;
    double moods[GRID];
    double moves[GRID][GRID];
    struct largest surprises[RULES];
    struct largest gaps;
    struct trial *trials;
    uint32_t trial_count;
    double judged_s;
};

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x < y) - (x > y);
}

static void largest_offer(struct largest *largest, double value)
{
    largest->values[largest->count++] = value;
    if (largest->count == KEPT) {
        qsort(largest->values, KEPT, sizeof(double), descending);
        largest->count = KEPT / 2;
    }
}

static double largest_limit(struct largest *largest, uint32_t alarms)
{
    qsort(largest->values, largest->count, sizeof(double), descending);
    const uint32_t at = alarms > 0 ? alarms - 1 : 0;
    return largest->values[at < largest->count ? at : largest->count - 1];
}

/* ---- the filter ------------------------------------------------------------------------------- */

static double normal_below(double x)
{
    return 0.5 * erfc(-x / sqrt(2.0));
}

static void moods_make(struct run *run)
{
    const double width = 2.0 * GRID_REACH * MARKET_MOOD / (GRID - 1);
    const double keep = exp(-MARKET_STEP_S / MARKET_MOOD_S);
    const double sigma = MARKET_MOOD * sqrt(1.0 - keep * keep);
    for (int i = 0; i < GRID; i++) {
        run->moods[i] = -GRID_REACH * MARKET_MOOD + width * i;
        double sum = 0;
        for (int k = 0; k < GRID; k++) {
            const double to = -GRID_REACH * MARKET_MOOD + width * k;
            const double off = to - keep * run->moods[i];
            run->moves[i][k] = normal_below((off + width / 2.0) / sigma) -
                               normal_below((off - width / 2.0) / sigma);
            sum += run->moves[i][k];
        }
        for (int k = 0; k < GRID; k++) {
            run->moves[i][k] /= sum;
        }
    }
}

static double base_of(const struct run *run, int mood, double step_end_s)
{
    const double day =
        1.0 + MARKET_DAY * sin(MARKET_TURN * (step_end_s - MARKET_STEP_S) / MARKET_DAY_S);
    return run->events_per_s * (1.0 - MARKET_BRANCHING) * day *
           exp(run->moods[mood] - MARKET_MOOD * MARKET_MOOD / 2.0);
}

static double belief_sum(const struct belief *belief)
{
    double sum = 0;
    for (int i = 0; i < GRID; i++) {
        sum += belief->weights[i];
    }
    return sum;
}

static void belief_norm(struct belief *belief)
{
    const double sum = belief_sum(belief);
    for (int i = 0; i < GRID; i++) {
        belief->weights[i] /= sum;
    }
}

static void mood_move(const struct run *run, struct belief *belief)
{
    double moved[GRID] = {0};
    for (int i = 0; i < GRID; i++) {
        for (int k = 0; belief->weights[i] > 1e-12 && k < GRID; k++) {
            moved[k] += belief->weights[i] * run->moves[i][k];
        }
    }
    memcpy(belief->weights, moved, sizeof(moved));
    belief->step_end_s += MARKET_STEP_S;
}

/* Nothing that was not bred came until then. */
static void belief_wait(const struct run *run, struct belief *belief, double until_s)
{
    while (belief->at_s < until_s) {
        const double end_s = until_s < belief->step_end_s ? until_s : belief->step_end_s;
        for (int i = 0; i < GRID; i++) {
            belief->weights[i] *=
                exp(-base_of(run, i, belief->step_end_s) * (end_s - belief->at_s));
        }
        belief->at_s = end_s;
        if (end_s >= belief->step_end_s) {
            mood_move(run, belief);
        }
    }
}

/* What an event was bred to bring, until so long after it. */
static double bred_in(double excited, double span_s)
{
    return excited / MARKET_DECAY * (1.0 - exp(-MARKET_DECAY * span_s));
}

static double expected_log(const struct run *run, const struct belief *belief)
{
    double gap_s = 0;
    for (int i = 0; i < GRID; i++) {
        gap_s += belief->weights[i] / base_of(run, i, belief->step_end_s);
    }
    return log(gap_s * run->events_per_s);
}

/* ---- one stream ------------------------------------------------------------------------------- */

static void stream_run(struct run *run, double end_s, uint64_t seed, double trials_mean_s)
{
    struct bursty_market market = market_begin(run->events_per_s, seed * 1000003U);
    struct belief belief = {.step_end_s = MARKET_STEP_S};
    uint64_t dice = seed * 7919U;
    double excited = 0;
    double base = market.base;
    double next_trial_s = WARM_UP_S;
    for (int i = 0; i < GRID; i++) {
        belief.weights[i] = exp(-0.5 * pow(run->moods[i] / MARKET_MOOD, 2.0));
    }
    belief_norm(&belief);
    for (double last_s = 0;;) {
        market_event(&market);
        const double gap_s = market.now_s - last_s;
        if (market.now_s > end_s) {
            return;
        }
        const double share = expected_log(run, &belief);
        for (; next_trial_s < market.now_s; next_trial_s += market_wait(&dice, 1 / trials_mean_s)) {
            if (last_s > WARM_UP_S && run->trial_count < TRIALS) {
                run->trials[run->trial_count++] = (struct trial){.belief = belief,
                                                                 .last_s = last_s,
                                                                 .began_s = next_trial_s,
                                                                 .excited = excited,
                                                                 .base = base,
                                                                 .expected_log = share};
            }
        }
        belief_wait(run, &belief, market.now_s);
        if (last_s > WARM_UP_S) {
            const double surprise = bred_in(excited, gap_s) - log(belief_sum(&belief));
            largest_offer(&run->surprises[RULE_SAME], surprise);
            largest_offer(&run->surprises[RULE_LONGER], surprise + share);
            largest_offer(&run->surprises[RULE_KNOWING], bred_in(excited, gap_s) + base * gap_s);
            largest_offer(&run->gaps, gap_s);
            run->judged_s += gap_s;
        }
        excited *= exp(-MARKET_DECAY * gap_s);
        for (int i = 0; i < GRID; i++) {
            belief.weights[i] *= base_of(run, i, belief.step_end_s) + excited;
        }
        belief_norm(&belief);
        excited += MARKET_BRANCHING * MARKET_DECAY;
        base = market.base;
        last_s = market.now_s;
    }
}

/* ---- the table -------------------------------------------------------------------------------- */

static double
surprise_of(const struct trial *trial, const struct belief *belief, enum rule rule, double span_s)
{
    const double bred = bred_in(trial->excited, span_s);
    return rule == RULE_KNOWING  ? bred + trial->base * span_s
           : rule == RULE_LONGER ? bred - log(belief_sum(belief)) + trial->expected_log
                                 : bred - log(belief_sum(belief));
}

static double
trial_wait(const struct run *run, const struct trial *trial, enum rule rule, double limit)
{
    const double step_s = 0.2 / run->events_per_s;
    struct belief belief = trial->belief;
    double span_s = 0;
    do {
        span_s += step_s;
        if (rule != RULE_KNOWING) {
            belief_wait(run, &belief, trial->last_s + span_s);
        }
    } while (surprise_of(trial, &belief, rule, span_s) < limit && span_s < MARKET_DAY_S);
    const double already_s = trial->began_s - trial->last_s;
    return span_s > already_s ? span_s - already_s : 0.0;
}

static void run_print(struct run *run, double budget_s)
{
    static double waits[TRIALS];
    const uint32_t alarms = (uint32_t)(run->judged_s / budget_s + 0.5);
    const uint32_t count = run->trial_count;
    const double flat_s = largest_limit(&run->gaps, alarms);
    for (uint32_t i = 0; i < count; i++) {
        const double already_s = run->trials[i].began_s - run->trials[i].last_s;
        waits[i] = flat_s > already_s ? flat_s - already_s : 0.0;
    }
    qsort(waits, count, sizeof(double), descending);
    const double flat_p50_s = waits[count / 2];
    printf("%6.1f %6u %9.1f", run->events_per_s, alarms, flat_p50_s);
    for (int rule = 0; rule < RULES; rule++) {
        const double limit = largest_limit(&run->surprises[rule], alarms);
        for (uint32_t i = 0; i < count; i++) {
            waits[i] = trial_wait(run, &run->trials[i], (enum rule)rule, limit);
        }
        qsort(waits, count, sizeof(double), descending);
        printf("   %8.1f %8.1f %5.1f",
               waits[count / 2],
               waits[count / 10],
               flat_p50_s / waits[count / 2]);
    }
    puts("");
}

static void run_free(struct run *run)
{
    for (int rule = 0; rule < RULES; rule++) {
        free(run->surprises[rule].values);
    }
    free(run->gaps.values);
    free(run->trials);
    free(run);
}

static struct run *run_make(double events_per_s)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        abort();
    }
    run->events_per_s = events_per_s;
    run->trials = calloc(TRIALS, sizeof(*run->trials));
    run->gaps.values = calloc(KEPT, sizeof(double));
    for (int rule = 0; rule < RULES; rule++) {
        run->surprises[rule].values = calloc(KEPT, sizeof(double));
        if (run->surprises[rule].values == NULL) {
            abort();
        }
    }
    if (run->trials == NULL || run->gaps.values == NULL) {
        abort();
    }
    moods_make(run);
    return run;
}

int main(void)
{
    static const struct {
        double events_per_s;
        uint32_t streams;
    } rows[] = {{2.0, 2}, {0.4, 4}, {0.1, 12}};

    const double days = 14;
    const double budget_s = 20 * 3600.0; /* as of twenty streams that share one an hour */
    puts("                  flat   same chance for each gap   in proportion to the gap     who "
         "knows the mood");
    puts("evt/s  alarms    p50 s      p50 s    p90 s  flat/      p50 s    p90 s  flat/      p50 s  "
         "  p90 s  flat/");
    for (size_t k = 0; k < ARRAY_COUNT(rows); k++) {
        struct run *run = run_make(rows[k].events_per_s);
        const double end_s = days * MARKET_DAY_S;
        for (uint64_t seed = 1; seed <= rows[k].streams; seed++) {
            stream_run(run, end_s, seed, end_s * rows[k].streams / TRIALS * 1.05);
        }
        run_print(run, budget_s);
        run_free(run);
    }
    return 0;
}
