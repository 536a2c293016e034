/* SPDX-License-Identifier: MIT
 *
 * Goal: the histogram's buckets and percentiles are those of the HDR histogram, so that its
 * tools and ours agree.
 *
 * Method: values worked out by hand from that histogram's definition, then every bucket edge
 * against its definition written the long way.
 */
#include "core/base.h"
#include "core/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_NS (3600 * NS_PER_S)

static struct flatline_histogram *create(uint32_t bits, uint64_t unit_ns, uint64_t max_ns)
{
    struct flatline_histogram *hist = calloc(1, hist_size_bytes(bits, unit_ns, max_ns));
    assert_non_null(hist);
    hist_init(hist, bits, unit_ns, max_ns);
    return hist;
}

/* The largest value that HDR calls equivalent to this one: 2^bits sub-buckets of one unit, each
 * further bucket twice as wide. */
static uint64_t highest_equivalent(uint32_t bits, uint32_t unit_shift, uint64_t value)
{
    uint32_t bucket = 0;
    while (((value >> unit_shift) >> bucket) >= (1ULL << bits)) {
        bucket++;
    }
    const uint64_t width = 1ULL << (unit_shift + bucket);
    return value / width * width + width - 1;
}

static void a_stream_histogram_of_two_digits_up_to_an_hour_takes_13_5_kib(void **state)
{
    (void)state;
    assert_int_equal(hist_size_bytes(HIST_BITS_TWO_DIGITS, NS_PER_US, HOUR_NS),
                     sizeof(struct flatline_histogram) + 13824);
    /* hdr_init(1, 3600000000, 3): 23 buckets, 24 halves of 1024 counts */
    assert_int_equal(hist_size_bytes(HIST_BITS_THREE_DIGITS, 1, 3600000000ULL),
                     sizeof(struct flatline_histogram) + 4ULL * 23552);
}

static void the_unit_is_rounded_down_to_a_power_of_two(void **state)
{
    (void)state;
    struct flatline_histogram *hist = create(HIST_BITS_TWO_DIGITS, NS_PER_US, HOUR_NS);
    assert_int_equal(hist->unit_ns, 512);
    assert_int_equal(hist->bucket_count, 3456);
    free(hist);
}

static void percentiles_of_one_to_ten_thousand_are_those_of_hdr(void **state)
{
    (void)state;
    /* hdr_init(1, 3600000000, 3), values 1 ... 10000: p50 5003, p99 9903, p100 10007, which our
     * exact maximum cuts to 10000 */
    struct flatline_histogram *hist = create(HIST_BITS_THREE_DIGITS, 1, 3600000000ULL);
    for (uint64_t value = 1; value <= 10000; value++) {
        hist_record(hist, value);
    }
    assert_int_equal(hist->total, 10000);
    assert_int_equal(hist_quantile(hist, 0.5), 5003);
    assert_int_equal(hist_quantile(hist, 0.99), 9903);
    assert_int_equal(hist_quantile(hist, 0.1), 1000);
    assert_int_equal(hist_quantile(hist, 0.0), 1);
    assert_int_equal(hist_quantile(hist, 1.0), 10000);
    assert_int_equal(hist->max_ns, 10000);
    free(hist);
}

static void every_value_counts_in_the_bucket_of_its_definition(void **state)
{
    (void)state;
    static const uint32_t bits_of[] = {HIST_BITS_TWO_DIGITS, HIST_BITS_THREE_DIGITS};
    for (size_t b = 0; b < ARRAY_COUNT(bits_of); b++) {
        for (uint64_t value = 1; value < HOUR_NS; value += value / 97 + 1) {
            struct flatline_histogram *hist = create(bits_of[b], NS_PER_US, HOUR_NS);
            hist_record(hist, value);
            hist_record(hist, HOUR_NS); /* so that the maximum does not cut the edge */
            assert_int_equal(hist_quantile(hist, 0.5), highest_equivalent(bits_of[b], 9, value));
            free(hist);
        }
    }
}

static void
values_beyond_the_range_count_in_the_last_bucket_and_the_maximum_stays_exact(void **state)
{
    (void)state;
    struct flatline_histogram *hist = create(HIST_BITS_TWO_DIGITS, NS_PER_US, HOUR_NS);
    hist_record(hist, 5);
    hist_record(hist, 30 * HOUR_NS);
    hist_record(hist, UINT64_MAX);
    assert_int_equal(hist->total, 3);
    assert_int_equal(hist->max_ns, UINT64_MAX);
    assert_int_equal(hist_quantile(hist, 0.99), UINT64_MAX);
    assert_int_equal(hist_quantile(hist, 0.1), 511);
    free(hist);
}

static void an_empty_histogram_says_zero(void **state)
{
    (void)state;
    struct flatline_histogram *hist = create(HIST_BITS_TWO_DIGITS, NS_PER_US, HOUR_NS);
    assert_int_equal(hist_quantile(hist, 0.5), 0);
    hist_record(hist, 0);
    assert_int_equal(hist_quantile(hist, 0.5), 0);
    assert_int_equal(hist->total, 1);
    free(hist);
}

static void a_full_count_stays_full(void **state)
{
    (void)state;
    struct flatline_histogram *hist = create(HIST_BITS_TWO_DIGITS, NS_PER_US, HOUR_NS);
    uint32_t *counts = (uint32_t *)(void *)(hist + 1);
    counts[0] = UINT32_MAX;
    hist_record(hist, 1);
    assert_int_equal(counts[0], UINT32_MAX);
    free(hist);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_histogram_of_two_digits_up_to_an_hour_takes_13_5_kib),
        cmocka_unit_test(the_unit_is_rounded_down_to_a_power_of_two),
        cmocka_unit_test(percentiles_of_one_to_ten_thousand_are_those_of_hdr),
        cmocka_unit_test(every_value_counts_in_the_bucket_of_its_definition),
        cmocka_unit_test(
            values_beyond_the_range_count_in_the_last_bucket_and_the_maximum_stays_exact),
        cmocka_unit_test(an_empty_histogram_says_zero),
        cmocka_unit_test(a_full_count_stays_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
