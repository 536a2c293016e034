/* SPDX-License-Identifier: MIT
 *
 * Goal: what OKX may do with its ids is told apart from what it may not: keep-alives, repeated
 * snapshots, resets, old first pushes.
 *
 * Method: frames with chosen ids on a virtual clock, a test a sentence of DESIGN section 3.
 */
#include "unit/detector_rig.h"

static struct rig rig;

static void start(bool repeats, bool old_push)
{
    struct stream_traits traits = rig_traits(KEY_ID, repeats ? CHAIN_NONE : CHAIN_OKX);
    traits.repeats_when_unchanged = repeats;
    traits.first_push_is_old = old_push;
    rig_start_one(&rig, &traits);
}

static struct event okx(uint64_t at_ms, uint64_t id, int64_t prev)
{
    return with_lag(with_prev(with_id(bare(0, 0, ms(at_ms)), id), prev), 0);
}

static void an_empty_keep_alive_extends_in_full_and_is_no_repeat(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 10, 9));
    for (uint64_t i = 1; i <= 30; i++) {
        /* its time may be old: it says when the book last changed */
        struct event keep = with_lag(with_prev(with_id(bare(0, 0, ms(i * 2000)), 10), 10),
                                     (int64_t)(i * 2000 * NS_PER_MS));
        send(&rig, flagged(keep, EVENT_EMPTY));
        assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(i * 2000 + 3000));
        assert_false(detector_last_sample(rig.detector).has_lag);
    }
    assert_int_equal(rig_view(&rig, 0)->repeated, 0);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void the_same_id_with_rows_is_a_repeat(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 10, 9));
    send(&rig, okx(100, 10, 10));
    assert_int_equal(rig_view(&rig, 0)->repeated, 1);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    rig_stop(&rig);
}

static void a_legal_reset_is_counted_apart_and_goes_on_from_there(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 1000, 999));
    send(&rig, okx(100, 7, 1000));
    send(&rig, okx(200, 8, 7));
    assert_int_equal(rig_view(&rig, 0)->resets, 1);
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    assert_int_equal(rig_view(&rig, 0)->regressed, 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3200));
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 8);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void zero_is_an_id_like_any_other(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 1000, 999));
    send(&rig, okx(100, 0, 1000));
    send(&rig, okx(200, 1, 0));
    assert_int_equal(rig_view(&rig, 0)->resets, 1);
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3200));
    rig_stop(&rig);
}

static void after_a_reset_no_id_of_before_is_due(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 1000, 999));
    rig_tick(&rig, ms(150));
    assert_int_equal(rig_view(&rig, 0)->due_id, 1000);
    send(&rig, okx(200, 1001, 1000));
    send(&rig, okx(210, 7, 1001));
    assert_int_equal(rig_view(&rig, 0)->due_id, 0);
    rig_tick(&rig, ms(355)); /* 1001 would be due now */
    assert_int_equal(rig_view(&rig, 0)->due_id, 0);
    rig_tick(&rig, ms(360));
    assert_int_equal(rig_view(&rig, 0)->due_id, 7);
    rig_stop(&rig);
}

static void a_leg_that_joins_after_a_reset_counts_at_once(void **state)
{
    (void)state;
    start(false, false);
    up(&rig, 0, 1, 0, ms(0));
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, okx(10, 1000, 999));
    send(&rig, okx(20, 7, 1000));
    up(&rig, 1, 1, 0, ms(30));
    struct event twin = okx(1000, 8, 7);
    twin.connection = 1;
    send(&rig, twin);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4000));
    rig_stop(&rig);
}

static void a_lower_id_that_is_not_linked_is_a_regression_no_reset(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 1000, 999));
    send(&rig, okx(100, 7, 6));
    assert_int_equal(rig_view(&rig, 0)->resets, 0);
    assert_int_equal(rig_view(&rig, 0)->regressed, 1);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    rig_stop(&rig);
}

static void a_leg_that_has_not_seen_the_reset_yet_cannot_undo_it(void **state)
{
    (void)state;
    start(false, false);
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, okx(0, 1000, 999));
    struct event twin = okx(1, 1000, 999);
    twin.connection = 1;
    send(&rig, twin);
    send(&rig, okx(100, 7, 1000)); /* leg 0 resets */
    twin = okx(101, 1001, 1000);   /* leg 1 is a moment behind */
    twin.connection = 1;
    send(&rig, twin);
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 7);
    send(&rig, okx(102, 8, 7));
    twin = okx(103, 7, 1001); /* its own reset: the same, not another one */
    twin.connection = 1;
    send(&rig, twin);
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 8);
    send(&rig, okx(200, 9, 8));
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 9);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3200));
    assert_int_equal(rig_view(&rig, 0)->resets, 2); /* summed over the legs */
    rig_stop(&rig);
}

static void a_snapshot_anchors_anew_extends_in_full_and_feeds_no_lag(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 1000, 999));
    struct event snapshot =
        with_lag(with_prev(with_id(bare(0, 0, ms(1000)), 900), -1), 800 * (int64_t)NS_PER_MS);
    send(&rig, flagged(snapshot, EVENT_SNAPSHOT));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4000));
    assert_false(detector_last_sample(rig.detector).has_lag);
    assert_int_equal(rig_view(&rig, 0)->regressed, 0);
    send(&rig, okx(1100, 901, 900)); /* the ids began anew and go on */
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4100));
    rig_stop(&rig);
}

static void
the_venues_word_earns_nothing_while_the_connection_is_staler_than_it_may_be(void **state)
{
    (void)state;
    start(false, false);
    send(&rig, okx(0, 10, 9));
    send(&rig,
         with_lag(with_prev(with_id(bare(0, 0, ms(5000)), 11), 10), 4000 * (int64_t)NS_PER_MS));
    struct event keep = with_lag(with_prev(with_id(bare(0, 0, ms(5001)), 11), 11), 0);
    send(&rig, flagged(keep, EVENT_EMPTY));
    struct event snapshot = with_lag(with_prev(with_id(bare(0, 0, ms(5002)), 11), -1), 0);
    send(&rig, flagged(snapshot, EVENT_SNAPSHOT));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    rig_stop(&rig);
}

static void the_sixty_second_snapshot_extends_in_full_and_is_no_repeat(void **state)
{
    (void)state;
    start(true, false);
    send(&rig, okx(0, 10, 0));
    for (uint64_t i = 1; i <= 25; i++) {
        send(&rig,
             with_lag(with_id(bare(0, 0, ms(i * 60000)), 10), (int64_t)(i * 60000 * NS_PER_MS)));
        assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(i * 60000 + 3000));
    }
    assert_int_equal(rig_view(&rig, 0)->repeated, 0);
    send(&rig, with_lag(with_id(bare(0, 0, ms(25 * 60000 + 45000)), 10), 0));
    assert_int_equal(rig_view(&rig, 0)->repeated, 0);
    send(&rig, with_lag(with_id(bare(0, 0, ms(26 * 60000 + 29999)), 10), 0)); /* too soon */
    assert_int_equal(rig_view(&rig, 0)->repeated, 1);
    rig_stop(&rig);
}

static void
the_first_push_after_a_subscribe_feeds_neither_lag_nor_lease_but_sets_the_id(void **state)
{
    (void)state;
    start(false, true);
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 10), 20 * 3600 * (int64_t)NS_PER_S));
    assert_int_equal(rig_view(&rig, 0)->frames, 1);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_false(detector_last_sample(rig.detector).has_lag);
    send(&rig, with_lag(with_id(bare(0, 0, ms(10)), 10), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0); /* the id again is not newer */
    send(&rig, with_lag(with_id(bare(0, 0, ms(20)), 11), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3020));
    assert_int_equal(rig_view(&rig, 0)->excess_lag_ns,
                     0); /* the first push has not anchored the envelope */
    rig_stop(&rig);
}

static void each_subscribe_has_its_own_first_push(void **state)
{
    (void)state;
    start(false, true);
    struct event ack = rig_event(EVENT_ACK, 0, ms(0));
    ack.stream = 0;
    send(&rig, ack);
    send(&rig, with_lag(with_id(bare(0, 0, ms(1)), 10), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, with_lag(with_id(bare(0, 0, ms(2)), 11), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3002));
    ack.recv_mono_ns = ms(1000);
    send(&rig, ack);
    send(&rig, with_lag(with_id(bare(0, 0, ms(1001)), 12), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3002));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_keep_alive_extends_in_full_and_is_no_repeat),
        cmocka_unit_test(the_same_id_with_rows_is_a_repeat),
        cmocka_unit_test(a_legal_reset_is_counted_apart_and_goes_on_from_there),
        cmocka_unit_test(zero_is_an_id_like_any_other),
        cmocka_unit_test(after_a_reset_no_id_of_before_is_due),
        cmocka_unit_test(a_leg_that_joins_after_a_reset_counts_at_once),
        cmocka_unit_test(a_lower_id_that_is_not_linked_is_a_regression_no_reset),
        cmocka_unit_test(a_leg_that_has_not_seen_the_reset_yet_cannot_undo_it),
        cmocka_unit_test(a_snapshot_anchors_anew_extends_in_full_and_feeds_no_lag),
        cmocka_unit_test(
            the_venues_word_earns_nothing_while_the_connection_is_staler_than_it_may_be),
        cmocka_unit_test(the_sixty_second_snapshot_extends_in_full_and_is_no_repeat),
        cmocka_unit_test(
            the_first_push_after_a_subscribe_feeds_neither_lag_nor_lease_but_sets_the_id),
        cmocka_unit_test(each_subscribe_has_its_own_first_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
