/* SPDX-License-Identifier: MIT
 *
 * Goal: what is learned of a stream's silences is what its gaps were, and the limit drawn from it
 * keeps to the budget. Method: gaps with known laws and seeds on a virtual clock, their quantiles
 * known by formula; invented bursty markets for the rate that is achieved.
 */
#include "core/silence.h"
#include "tests/bursty_market.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_NS (3600 * NS_PER_S)

struct rig {
    struct silence silence;
    struct silence_terms terms;
    uint64_t now_ns;
    uint64_t seed;
};

static struct rig rig_make(uint64_t every_ns)
{
    return (struct rig){
        .terms = {.every_ns = every_ns, .warm_up_ns = 2 * HOUR_NS}, .now_ns = NS_PER_S, .seed = 7};
}

static void gap(struct rig *rig, uint64_t gap_ns)
{
    rig->now_ns += gap_ns;
    silence_arrive(&rig->silence, &rig->terms, rig->now_ns, true);
}

/* Gaps of one law: at least a batch, exponential above it. */
static void learn(struct rig *rig, double mean_s, uint64_t span_ns)
{
    for (const uint64_t end_ns = rig->now_ns + span_ns; rig->now_ns < end_ns;) {
        gap(rig, SILENCE_BATCH_NS + (uint64_t)(market_wait(&rig->seed, 1.0 / mean_s) * 1e9));
    }
}

static double limit_over_mean(const struct rig *rig)
{
    return (double)rig->silence.limit_ns / (double)rig->silence.mean_ns;
}

static void nothing_is_provable_before_the_warm_up_is_over(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 0.5, 2 * HOUR_NS - 60 * NS_PER_S);
    assert_true(rig.silence.tail.total / SILENCE_WEIGHT > SILENCE_LEAST_GAPS);
    assert_int_equal(rig.silence.limit_ns, 0);
    assert_int_equal(silence_one_in(&rig.silence, &rig.terms), 0);
    learn(&rig, 0.5, 10 * 60 * NS_PER_S);
    assert_int_not_equal(rig.silence.limit_ns, 0);
}

static void nothing_is_provable_of_a_stream_with_few_gaps_however_long_it_was_heard(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    for (int i = 0; i < 1900; i++) {
        gap(&rig, 60 * NS_PER_S);
    }
    assert_true(rig.silence.tail.observed_ns > 24 * HOUR_NS);
    assert_int_equal(rig.silence.limit_ns, 0);
}

static void frames_of_one_batch_are_one_arrival(void **state)
{
    (void)state;
    struct rig plain = rig_make(24 * HOUR_NS);
    struct rig burst = rig_make(24 * HOUR_NS);
    for (int i = 0; i < 40000; i++) {
        const uint64_t gap_ns = (100 + (uint64_t)i % 700) * NS_PER_MS;
        gap(&plain, gap_ns);
        gap(&burst, gap_ns - SILENCE_BATCH_NS + 1);
        gap(&burst, NS_PER_MS);
        gap(&burst, SILENCE_BATCH_NS - NS_PER_MS - 1);
    }
    gap(&plain, 0);
    assert_int_equal(plain.silence.tail.total, burst.silence.tail.total);
    assert_true(burst.silence.mean_ns > plain.silence.mean_ns * 8 / 10);
}

static void the_limit_of_exponential_gaps_is_the_one_of_the_formula_and_a_little_more(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 2.0, 72 * HOUR_NS);
    const double gaps = (double)rig.silence.tail.total / SILENCE_WEIGHT;
    const double wanted = 2.0 * log(gaps / 3.0); /* three are allowed in three days */
    assert_true(rig.silence.limit_ns > 0);
    /* Which mean stands just now shifts it: compared as ratios to the mean. */
    const double ratio = limit_over_mean(&rig) * 2.05;
    assert_true(ratio > wanted);
    assert_true(ratio < 2.0 * wanted);
    const uint64_t one_in = silence_one_in(&rig.silence, &rig.terms);
    assert_true(one_in > 40000 && one_in < 44000); /* 86400 s / 2.05 s */
}

static void a_smaller_budget_waits_longer(void **state)
{
    (void)state;
    uint64_t before_ns = 0;
    for (uint64_t days = 1; days < 100000; days *= 10) {
        struct rig rig = rig_make(days * 24 * HOUR_NS);
        learn(&rig, 1.0, 30 * HOUR_NS);
        assert_true(rig.silence.limit_ns > before_ns);
        before_ns = rig.silence.limit_ns;
    }
}

static void who_has_not_seen_a_day_waits_longer(void **state)
{
    (void)state;
    struct rig young = rig_make(24 * HOUR_NS);
    struct rig old = rig_make(24 * HOUR_NS);
    learn(&young, 1.0, 3 * HOUR_NS);
    learn(&old, 1.0, 48 * HOUR_NS);
    assert_true(limit_over_mean(&young) > 1.1 * limit_over_mean(&old));
}

static void the_limit_goes_with_the_mean_gap(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 0.5, 24 * HOUR_NS);
    const uint64_t before_ns = rig.silence.limit_ns;
    for (uint32_t i = 0; i < 4 * SILENCE_MEAN_ARRIVALS; i++) {
        gap(&rig, 6 * NS_PER_S); /* eleven times as slow, and no gap beyond the limit */
    }
    assert_true(rig.silence.limit_ns > 8 * before_ns);
    assert_true(rig.silence.limit_ns < 14 * before_ns);
}

static void a_gap_that_is_not_the_markets_teaches_nothing(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 0.5, 24 * HOUR_NS);
    struct silence before = rig.silence;
    rig.now_ns += 3 * HOUR_NS;
    silence_arrive(&rig.silence, &rig.terms, rig.now_ns, false);
    before.batch_ns = rig.silence.batch_ns;
    assert_memory_equal(&before, &rig.silence, sizeof(before));
    silence_forget(&rig.silence);
    gap(&rig, 3 * HOUR_NS);
    before.batch_ns = rig.silence.batch_ns;
    assert_memory_equal(&before, &rig.silence, sizeof(before));
}

static void a_gap_beyond_the_limit_teaches_twice_the_limit_at_most(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 0.5, 24 * HOUR_NS);
    const struct silence before = rig.silence;
    gap(&rig, 100 * HOUR_NS);
    assert_int_equal(rig.silence.tail.observed_ns - before.tail.observed_ns, 2 * before.limit_ns);
    assert_int_equal(rig.silence.tail.total - before.tail.total, SILENCE_WEIGHT);
    assert_true(rig.silence.mean_ns < before.mean_ns + before.limit_ns / SILENCE_MEAN_ARRIVALS + 1);
}

static void what_is_two_weeks_old_counts_half(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 20.0, SILENCE_MEMORY_NS - 24 * HOUR_NS);
    const uint64_t before = rig.silence.tail.total;
    learn(&rig, 20.0, 48 * HOUR_NS);
    assert_true(rig.silence.tail.total < before * 7 / 10);
    assert_true(rig.silence.tail.observed_ns < SILENCE_MEMORY_NS * 7 / 10);
    assert_true(rig.silence.limit_ns > 0);
}

static void a_later_life_goes_on_where_the_last_one_ended(void **state)
{
    (void)state;
    struct rig first = rig_make(24 * HOUR_NS);
    struct rig second = rig_make(24 * HOUR_NS);
    learn(&first, 1.0, 30 * HOUR_NS);
    assert_true(silence_recall(&second.silence, &first.silence.tail));
    assert_int_equal(second.silence.limit_ns, 0); /* how the market is now it does not know */
    second.seed = 99;
    learn(&second, 1.0, 2 * SILENCE_MEAN_ARRIVALS * NS_PER_S);
    const double ratio = limit_over_mean(&second) / limit_over_mean(&first);
    assert_true(ratio > 0.9 && ratio < 1.1);
}

static void what_cannot_have_been_learned_is_refused(void **state)
{
    (void)state;
    struct silence silence = {.mean_ns = 1};
    struct silence_tail tail = {
        .observed_ns = HOUR_NS, .total = 32000, .counts = {[3] = 16000, [9] = 16000}};
    struct silence_tail wrong = tail;
    wrong.counts[127] = 1; /* more in the bins than gaps */
    assert_false(silence_recall(&silence, &wrong));
    wrong = tail;
    wrong.observed_ns = 60 * NS_PER_S; /* more gaps than batches */
    assert_false(silence_recall(&silence, &wrong));
    wrong.observed_ns = SILENCE_MEMORY_NS; /* older than anything gets */
    assert_false(silence_recall(&silence, &wrong));
    assert_int_equal(silence.mean_ns, 1);
    assert_true(silence_recall(&silence, &tail));
}

static void no_times_and_no_tail_lead_to_nonsense(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 300; round++) {
        struct rig rig = rig_make(1 + round * HOUR_NS);
        struct silence_tail tail = {.observed_ns = SILENCE_MEMORY_NS - 1, .total = 300000000};
        rig.terms.warm_up_ns = 0;
        rig.seed = round + 1;
        for (uint32_t i = 0; i < round % 5; i++) {
            tail.counts[(uint32_t)(market_uniform(&rig.seed) * SILENCE_BINS)] = 300000000 / 8;
        }
        assert_true(silence_recall(&rig.silence, &tail));
        for (int i = 0; i < 400; i++) {
            const double size = market_uniform(&rig.seed);
            rig.now_ns += (uint64_t)exp2(size * 45.0); /* up to ten hours */
            silence_arrive(
                &rig.silence, &rig.terms, rig.now_ns - (i % 7 == 0 ? NS_PER_S : 0), true);
            assert_true(rig.silence.limit_ns < UINT64_MAX / 2);
            assert_true(rig.silence.limit_ns == 0 ||
                        rig.silence.limit_ns >= rig.silence.mean_ns / 2);
        }
    }
}

/* One market for so many days: how many gaps were beyond the limit, in how much time with one. */
static uint64_t
market_run(struct rig *rig, double events_per_s, double days, uint64_t seed, double *judged_s)
{
    struct bursty_market market = market_begin(events_per_s, seed);
    uint64_t alarms = 0;
    double last_s = 0;
    for (double at_s = market_frame(&market); at_s < days * MARKET_DAY_S;
         at_s = market_frame(&market)) {
        const double limit_s = (double)rig->silence.limit_ns / 1e9;
        alarms += limit_s > 0 && at_s - last_s >= limit_s;
        *judged_s += limit_s > 0 ? at_s - last_s : 0;
        last_s = at_s;
        silence_arrive(&rig->silence, &rig->terms, NS_PER_S + (uint64_t)(at_s * 1e9), true);
    }
    return alarms;
}

/* The short form of `scripts/bench silence`. */
static void false_alarms_are_as_many_as_stated_within_a_factor_of_two(void **state)
{
    (void)state;
    static const double rates[] = {8, 2, 0.4};
    for (size_t k = 0; k < ARRAY_COUNT(rates); k++) {
        double judged_s = 0;
        uint64_t alarms = 0;
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct rig rig = rig_make(3 * HOUR_NS);
            alarms += market_run(&rig, rates[k], 3, seed, &judged_s);
        }
        const double expected = judged_s / (3 * 3600.0);
        assert_true(expected > 60);
        assert_true((double)alarms > expected / 2);
        assert_true((double)alarms < expected * 2);
    }
}

/* ---- markets of other laws ------------------------------------------------------------------- */

enum law { LAW_POISSON, LAW_TWO_MOODS, LAW_CLOCK, LAW_CLOCK_LATE };

static double law_gap_s(enum law law, uint64_t *seed, double at_s)
{
    const bool is_busy = fmod(at_s, 7200.0) < 3600.0;
    switch (law) {
    case LAW_POISSON:
        return 0.001 + market_wait(seed, 1.0);
    case LAW_TWO_MOODS: /* 25 times as busy for an hour, and back, at once */
        return 0.05 + market_wait(seed, is_busy ? 5.0 : 0.2);
    case LAW_CLOCK:
        return 0.95 + 0.1 * market_uniform(seed);
    case LAW_CLOCK_LATE: /* one beat in 2,500 is late by up to two more */
        break;
    }
    const double late_s = market_uniform(seed) < 4e-4 ? 2.0 * market_uniform(seed) : 0.0;
    return 0.95 + 0.1 * market_uniform(seed) + late_s;
}

/* False alarms over those that the budget allows, of 6 streams, from their third day to their sixth. */
static double law_ratio(enum law law, uint64_t every_hours)
{
    double judged_s = 0;
    double alarms = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct rig rig = rig_make(every_hours * HOUR_NS);
        rig.seed = seed * 1000;
        const uint64_t end_ns = rig.now_ns + 6 * SILENCE_DAY_NS;
        while (rig.now_ns < end_ns) {
            const double gap_s = law_gap_s(law, &rig.seed, (double)rig.now_ns / 1e9);
            const uint64_t gap_ns = (uint64_t)(gap_s * 1e9);
            const uint64_t limit_ns = rig.silence.limit_ns;
            if (rig.silence.tail.observed_ns > 2 * SILENCE_DAY_NS) {
                alarms += gap_ns >= limit_ns;
                judged_s += gap_s;
            }
            gap(&rig, gap_ns);
        }
    }
    assert_true(judged_s > 20 * MARKET_DAY_S);
    return alarms * (double)every_hours * 3600.0 / judged_s;
}

static void the_budget_is_kept_by_a_market_without_memory(void **state)
{
    (void)state;
    const double ratio = law_ratio(LAW_POISSON, 3);
    assert_true(ratio > 0.5 && ratio < 2.0);
}

static void the_budget_is_kept_by_a_market_of_two_moods(void **state)
{
    (void)state;
    const double ratio = law_ratio(LAW_TWO_MOODS, 3);
    assert_true(ratio > 0.5 && ratio < 2.0);
}

/* Nearly all gaps of a clock are in two bins: the few that are not make the tail. */
static void the_budget_is_kept_by_a_clock_that_is_late_now_and_then(void **state)
{
    (void)state;
    assert_true(law_ratio(LAW_CLOCK_LATE, 12) < 2.0);
    assert_true(law_ratio(LAW_CLOCK, 12) < 2.0);
}

/* No gap in 111 hours was beyond three seconds. Where the budget asks for what an hour shows, none
 * is expected; where it asks for what a year would show, that proves little. */
static void a_tail_that_ends_is_believed_as_far_as_it_was_seen(void **state)
{
    (void)state;
    double ratios[4];
    for (uint32_t k = 0; k < ARRAY_COUNT(ratios); k++) {
        static const uint64_t every_hours[] = {1, 24, 24 * 30, 24 * 365};
        struct rig rig = rig_make(every_hours[k] * HOUR_NS);
        for (int i = 0; i < 200000; i++) {
            gap(&rig, NS_PER_S + (uint64_t)(2e9 * market_uniform(&rig.seed)));
        }
        ratios[k] = (double)rig.silence.limit_ns / 3e9;
    }
    assert_true(ratios[0] > 1.0 && ratios[0] < 1.15);
    /* an octave rarer is longer by more where nothing was seen */
    const double near = (ratios[1] - ratios[0]) / log2(24.0);
    assert_true((ratios[2] - ratios[1]) / log2(30.0) > 1.5 * near);
    assert_true((ratios[3] - ratios[2]) / log2(365.0 / 30.0) > 1.5 * near);
}

/* Between bursts alike, the long gaps are what the limit follows. */
static void the_long_gaps_weigh_more_than_the_many_short_ones(void **state)
{
    (void)state;
    struct rig rig = rig_make(24 * HOUR_NS);
    learn(&rig, 0.5, 24 * HOUR_NS);
    struct rig burst = rig;
    for (uint32_t i = 0; i < 256; i++) {
        gap(&rig, NS_PER_S);
        gap(&burst, i % 8 == 0 ? 4 * NS_PER_S : 4 * NS_PER_S / 7); /* the same mean */
    }
    assert_in_range(
        burst.silence.mean_ns, rig.silence.mean_ns * 8 / 10, rig.silence.mean_ns * 12 / 10);
    assert_true(burst.silence.limit_ns > rig.silence.limit_ns * 13 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_provable_before_the_warm_up_is_over),
        cmocka_unit_test(nothing_is_provable_of_a_stream_with_few_gaps_however_long_it_was_heard),
        cmocka_unit_test(frames_of_one_batch_are_one_arrival),
        cmocka_unit_test(the_limit_of_exponential_gaps_is_the_one_of_the_formula_and_a_little_more),
        cmocka_unit_test(a_smaller_budget_waits_longer),
        cmocka_unit_test(who_has_not_seen_a_day_waits_longer),
        cmocka_unit_test(the_limit_goes_with_the_mean_gap),
        cmocka_unit_test(a_gap_that_is_not_the_markets_teaches_nothing),
        cmocka_unit_test(a_gap_beyond_the_limit_teaches_twice_the_limit_at_most),
        cmocka_unit_test(what_is_two_weeks_old_counts_half),
        cmocka_unit_test(a_later_life_goes_on_where_the_last_one_ended),
        cmocka_unit_test(what_cannot_have_been_learned_is_refused),
        cmocka_unit_test(no_times_and_no_tail_lead_to_nonsense),
        cmocka_unit_test(the_budget_is_kept_by_a_market_without_memory),
        cmocka_unit_test(the_budget_is_kept_by_a_market_of_two_moods),
        cmocka_unit_test(the_budget_is_kept_by_a_clock_that_is_late_now_and_then),
        cmocka_unit_test(a_tail_that_ends_is_believed_as_far_as_it_was_seen),
        cmocka_unit_test(the_long_gaps_weigh_more_than_the_many_short_ones),
        cmocka_unit_test(false_alarms_are_as_many_as_stated_within_a_factor_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
