/* SPDX-License-Identifier: MIT
 *
 * Goal: the floor under a venue's delay follows a faster path at once and a slower one only by
 * 200 ppm, and no single wrong time moves it.
 *
 * Method: samples of chosen delay at chosen times.
 */
#include "core/base.h"
#include "core/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WALL_NS   1700000000000000000LL
#define MS_SIGNED 1000000LL

static struct envelope envelope;

static void start(void **state)
{
    (void)state;
    envelope_init(&envelope, true);
}

/* A frame sent delay_ms before it came at at_ms. */
static enum envelope_verdict feed(uint64_t at_ms, int64_t delay_ms, uint64_t *ret_excess_ns)
{
    const uint64_t recv_ns = NS_PER_S + at_ms * NS_PER_MS;
    return envelope_feed(
        &envelope, recv_ns, WALL_NS + (int64_t)recv_ns - delay_ms * MS_SIGNED, ret_excess_ns);
}

static void sample(uint64_t at_ms, int64_t delay_ms, uint64_t expected_excess_ns)
{
    uint64_t excess_ns = UINT64_MAX;
    assert_int_equal(feed(at_ms, delay_ms, &excess_ns), ENVELOPE_SAMPLE);
    assert_int_equal(excess_ns, expected_excess_ns);
}

static void the_first_frame_anchors_and_a_faster_one_lowers_the_floor_at_once(void **state)
{
    start(state);
    sample(0, 100, 0);
    sample(0, 130, 30 * NS_PER_MS);
    sample(0, 40, 0);
    sample(0, 130, 90 * NS_PER_MS);
}

static void a_constant_delay_never_turns_fresh_again_but_by_200_ppm(void **state)
{
    start(state);
    sample(0, 10, 0);
    for (uint64_t second = 1; second <= 1000; second++) {
        sample(second * 1000, 5010, 5000 * NS_PER_MS - second * 200 * NS_PER_US);
    }
}

static void the_floor_rises_only_as_far_as_the_frames_show(void **state)
{
    start(state);
    sample(0, 10, 0);
    sample(3600000, 12, 0); /* an hour on, 2 ms slower: within the 720 ms it might have risen */
    sample(
        3600000, 11, 0); /* and that hour is used up: not 720 ms below is the floor now, but 12 */
    sample(3600001, 511, 500 * NS_PER_MS - 200);
}

static void no_number_of_frames_loses_a_fraction_of_the_rise(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    (void)feed(0, 10, &excess_ns);
    for (uint64_t i = 1; i <= 1000000; i++) { /* one a microsecond: 0.2 ns of rise each */
        const uint64_t recv_ns = NS_PER_S + i * 1000;
        (void)envelope_feed(
            &envelope, recv_ns, WALL_NS + (int64_t)recv_ns - 110 * MS_SIGNED, &excess_ns);
    }
    assert_int_equal(excess_ns, 100 * NS_PER_MS - 200 * NS_PER_US);
}

static void a_sample_far_below_counts_only_once_eight_in_a_row_agree(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    sample(0, 1000, 0);
    for (uint64_t i = 0; i < 7; i++) {
        assert_int_equal(feed(i, 700 + (int64_t)i * 7, &excess_ns), ENVELOPE_ABSURD);
    }
    sample(7, 749, 0);
    sample(8, 800, 51 * NS_PER_MS - 200);
}

static void exactly_250_ms_below_is_a_faster_path(void **state)
{
    start(state);
    sample(0, 1000, 0);
    sample(0, 750, 0);
}

static void what_does_not_agree_within_50_ms_starts_the_count_again(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    sample(0, 1000, 0);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(feed(i, i % 2 == 0 ? 700 : 640, &excess_ns), ENVELOPE_ABSURD);
    }
    sample(100, 1000, 0);
}

static void the_eight_must_agree_all_together_not_each_with_the_last(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    sample(0, 1000, 0);
    for (uint64_t i = 0; i < 40; i++) { /* each 20 ms from its neighbour, drifting on and on */
        assert_int_equal(feed(i, 700 - (int64_t)i * 20, &excess_ns), ENVELOPE_ABSURD);
    }
    start(state);
    sample(0, 5000, 0);
    for (uint64_t i = 0; i < 40; i++) {
        assert_int_equal(feed(i, 700 + (int64_t)i * 20, &excess_ns), ENVELOPE_ABSURD);
    }
}

static void far_below_is_measured_from_where_the_floor_stood_at_the_last_frame(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    sample(0, 10, 0);
    sample(3600000, 5010, 5000 * NS_PER_MS - 720 * NS_PER_MS); /* late: the floor rose to 730 ms */
    assert_int_equal(feed(3600000, 479, &excess_ns), ENVELOPE_ABSURD);
    sample(3600000, 480, 0);
}

static void a_good_sample_between_breaks_the_row(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    sample(0, 1000, 0);
    for (uint64_t i = 0; i < 70; i++) {
        if (i % 7 == 6) {
            assert_int_equal(feed(0, 1000, &excess_ns), ENVELOPE_SAMPLE);
        } else {
            assert_int_equal(feed(0, 100, &excess_ns), ENVELOPE_ABSURD);
        }
    }
}

static void a_time_far_in_the_past_is_lag_and_moves_nothing(void **state)
{
    start(state);
    sample(0, 10, 0);
    uint64_t excess_ns = 0;
    assert_int_equal(envelope_feed(&envelope, 2 * NS_PER_S, 1, &excess_ns), ENVELOPE_SAMPLE);
    assert_true(excess_ns > 3600ULL * 24 * 365 * NS_PER_S);
    sample(1000, 10, 0);
}

static void times_that_cannot_be_are_absurd_and_overflow_nothing(void **state)
{
    start(state);
    uint64_t excess_ns = 0;
    assert_int_equal(envelope_feed(&envelope, NS_PER_S, INT64_MAX, &excess_ns), ENVELOPE_ABSURD);
    assert_int_equal(envelope_feed(&envelope, NS_PER_S, INT64_MIN, &excess_ns), ENVELOPE_ABSURD);
    assert_int_equal(envelope_feed(&envelope, NS_PER_S, 0, &excess_ns), ENVELOPE_ABSURD);
    assert_int_equal(envelope_feed(&envelope, UINT64_MAX, WALL_NS, &excess_ns), ENVELOPE_ABSURD);
    assert_false(envelope.anchored);
}

static void live_waits_for_the_venues_clock(void **state)
{
    (void)state;
    uint64_t excess_ns = 0;
    envelope_init(&envelope, false);
    assert_false(envelope_is_ready(&envelope));
    assert_int_equal(feed(0, 10, &excess_ns), ENVELOPE_NOT_READY);
    envelope_anchor(&envelope, NS_PER_S, WALL_NS + (int64_t)NS_PER_S);
    assert_true(envelope_is_ready(&envelope));
    sample(0, 30, 30 * NS_PER_MS); /* the way from there to here is above it */
    sample(0, -20, 0); /* the answer had taken longer than half its round trip: a frame lowers it */
    sample(0, 30, 50 * NS_PER_MS);
}

static void a_later_server_time_never_raises_what_frames_have_set_but_ends_unanchored(void **state)
{
    (void)state;
    envelope_init(&envelope, false);
    envelope_anchor_on_frames(&envelope);
    assert_true(envelope.unanchored);
    sample(0, 10, 0);
    envelope_anchor(&envelope, NS_PER_S, WALL_NS + (int64_t)NS_PER_S - 500 * MS_SIGNED);
    assert_false(envelope.unanchored);
    sample(0, 60, 50 * NS_PER_MS);
    envelope_anchor(&envelope,
                    NS_PER_S,
                    WALL_NS + (int64_t)NS_PER_S + 5000 * MS_SIGNED); /* anchored once: not again */
    sample(0, 60, 50 * NS_PER_MS);
}

static void a_first_server_time_below_late_frames_puts_them_right(void **state)
{
    (void)state;
    envelope_init(&envelope, false);
    envelope_anchor_on_frames(&envelope);
    sample(0, 4000, 0); /* anchored in a backlog */
    envelope_anchor(&envelope, NS_PER_S, WALL_NS + (int64_t)NS_PER_S);
    sample(0, 4000, 4000 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_frame_anchors_and_a_faster_one_lowers_the_floor_at_once),
        cmocka_unit_test(a_constant_delay_never_turns_fresh_again_but_by_200_ppm),
        cmocka_unit_test(the_floor_rises_only_as_far_as_the_frames_show),
        cmocka_unit_test(no_number_of_frames_loses_a_fraction_of_the_rise),
        cmocka_unit_test(a_sample_far_below_counts_only_once_eight_in_a_row_agree),
        cmocka_unit_test(exactly_250_ms_below_is_a_faster_path),
        cmocka_unit_test(what_does_not_agree_within_50_ms_starts_the_count_again),
        cmocka_unit_test(a_good_sample_between_breaks_the_row),
        cmocka_unit_test(a_time_far_in_the_past_is_lag_and_moves_nothing),
        cmocka_unit_test(times_that_cannot_be_are_absurd_and_overflow_nothing),
        cmocka_unit_test(live_waits_for_the_venues_clock),
        cmocka_unit_test(a_later_server_time_never_raises_what_frames_have_set_but_ends_unanchored),
        cmocka_unit_test(a_first_server_time_below_late_frames_puts_them_right),
        cmocka_unit_test(the_eight_must_agree_all_together_not_each_with_the_last),
        cmocka_unit_test(far_below_is_measured_from_where_the_floor_stood_at_the_last_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
