/* SPDX-License-Identifier: MIT
 *
 * Goal: `flatline tune` suggests what it says it suggests, and claims no more than a recording of
 * its length can show. Method: sums made by hand; the bounds against the exact ones of the
 * chi-squared distribution, from a table.
 */
#include "core/base.h"
#include "tools/tune_advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_NS (3600 * NS_PER_S)
#define DAY_NS  (24 * HOUR_NS)

static struct tune_advice advice;

static struct tune_sums sums_of(enum flatline_class stream_class, uint64_t span_ns)
{
    return (struct tune_sums){.stream_class = stream_class, .span_ns = span_ns, .frames = 100};
}

static void the_smallest_candidate_within_the_closures_a_day_is_taken(void **state)
{
    struct tune_sums sums = sums_of(FLATLINE_CLASS_BOOK, DAY_NS);
    (void)state;
    sums.closures[0] = 25;
    sums.closures[1] = 24;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.value_ns, 3 * NS_PER_S);
    sums.closures[0] = 24;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.value_ns, 1 * NS_PER_S);
}

static void a_book_is_never_given_thirty_seconds_and_a_trade_stream_may_be(void **state)
{
    struct tune_sums sums = sums_of(FLATLINE_CLASS_BOOK, DAY_NS);
    (void)state;
    sums.closures[0] = sums.closures[1] = sums.closures[2] = 100;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.verdict, TUNE_NONE);
    assert_int_equal(advice.value_ns, 0);
    assert_non_null(strstr(advice.reason, "100.0 times a day even at 10 s"));
    sums.stream_class = FLATLINE_CLASS_OTHER;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.value_ns, 30 * NS_PER_S);
}

static void a_timer_is_never_given_less_than_three_periods(void **state)
{
    struct tune_sums sums = sums_of(FLATLINE_CLASS_TIMER, DAY_NS);
    (void)state;
    sums.period_ns = NS_PER_S;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.value_ns, 3 * NS_PER_S);
    sums.period_ns = 3 * NS_PER_S;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.value_ns, 10 * NS_PER_S);
    sums.period_ns = 60 * NS_PER_S;
    sums.default_ns = 180 * NS_PER_S;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.verdict, TUNE_NONE);
    assert_non_null(strstr(advice.reason, "keep 180 s"));
}

static void a_recording_under_two_minutes_is_too_short_to_tell(void **state)
{
    struct tune_sums sums = sums_of(FLATLINE_CLASS_BOOK, TUNE_SPAN_MIN_NS - 1);
    (void)state;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.verdict, TUNE_TOO_SHORT);
    assert_int_equal(advice.value_ns, 0);
    assert_non_null(strstr(advice.reason, "too short to tell"));
    sums.span_ns = TUNE_SPAN_MIN_NS;
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.verdict, TUNE_PROVISIONAL);
}

static void nothing_is_shown_until_the_span_excludes_more_closures(void **state)
{
    struct tune_sums sums = sums_of(FLATLINE_CLASS_BOOK, 2 * HOUR_NS);
    (void)state;
    tune_advise(&sums, 24, &advice); /* none in 2 h: below 36 a day, which is not below 24 */
    assert_int_equal(advice.verdict, TUNE_PROVISIONAL);
    assert_int_equal(advice.value_ns, NS_PER_S);
    sums.span_ns = 3 * HOUR_NS + 60 * NS_PER_S; /* none in 3 h: below 24 */
    tune_advise(&sums, 24, &advice);
    assert_int_equal(advice.verdict, TUNE_SHOWN);
    assert_non_null(strstr(advice.reason, "0 in 10860 s"));
}

static void the_upper_bound_is_the_chi_squared_one_within_a_percent(void **state)
{
    /* half the 95 % quantile of chi-squared with 2 (n + 1) degrees of freedom */
    static const struct {
        uint64_t closures;
        double bound;
    } exact[] = {{0, 2.996}, {1, 4.744}, {2, 6.296}, {5, 10.513}, {10, 16.962}, {20, 29.062}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(exact); i++) {
        const double bound = tune_a_day_at_most(exact[i].closures, DAY_NS);
        assert_true(bound > exact[i].bound * 0.99 && bound < exact[i].bound * 1.01);
    }
}

static void a_rate_is_closures_times_days_over_span(void **state)
{
    (void)state;
    const double a_day = tune_a_day(3, HOUR_NS);
    assert_true(a_day > 71.999 && a_day < 72.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_candidate_within_the_closures_a_day_is_taken),
        cmocka_unit_test(a_book_is_never_given_thirty_seconds_and_a_trade_stream_may_be),
        cmocka_unit_test(a_timer_is_never_given_less_than_three_periods),
        cmocka_unit_test(a_recording_under_two_minutes_is_too_short_to_tell),
        cmocka_unit_test(nothing_is_shown_until_the_span_excludes_more_closures),
        cmocka_unit_test(the_upper_bound_is_the_chi_squared_one_within_a_percent),
        cmocka_unit_test(a_rate_is_closures_times_days_over_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
