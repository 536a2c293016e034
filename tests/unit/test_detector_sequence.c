/* SPDX-License-Identifier: MIT
 *
 * Goal: gaps, repeats and reversals are told apart on each leg, and what each does to the lease
 * is right.
 *
 * Method: frames with chosen ids on a virtual clock, a test a sentence of DESIGN sections 3 and
 * 7.
 */
#include "unit/detector_rig.h"

static struct rig rig;

static void start(enum stream_key key, enum stream_chain chain)
{
    const struct stream_traits traits = rig_traits(key, chain);
    rig_start_one(&rig, &traits);
}

static void start_okx(bool repeats, bool old_push)
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

/* ---- chains ---------------------------------------------------------------------------------- */

static void spot_is_chained_by_its_first_id(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_FIRST);
    send(&rig, with_first(with_id(bare(0, 0, ms(0)), 10), 5));
    send(&rig, with_first(with_id(bare(0, 0, ms(1)), 14), 11));
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    send(&rig, with_first(with_id(bare(0, 0, ms(2)), 20), 16));
    assert_int_equal(rig_view(&rig, 0)->gaps, 1);
    const struct finding *gap = rig_fault(&rig, FLATLINE_FAULT_GAP);
    assert_found(gap);
    assert_int_equal(gap->evidence[0], 15);
    assert_int_equal(gap->evidence[1], 16);
    assert_int_equal(gap->evidence[2], 20);
    assert_int_equal(gap->evidence[3], 1);
    assert_int_equal(gap->onset_ns, ms(2));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 1ULL << FLATLINE_FAULT_GAP);
    rig_stop(&rig);
}

static void futures_are_chained_by_their_previous_id_and_ids_may_jump(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_PREV);
    send(&rig, with_prev(with_id(bare(0, 0, ms(0)), 100), 90));
    send(&rig, with_prev(with_id(bare(0, 0, ms(1)), 250), 100));
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    send(&rig, with_prev(with_id(bare(0, 0, ms(2)), 300), 251));
    assert_int_equal(rig_view(&rig, 0)->gaps, 1);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_GAP)->evidence[0], 250);
    rig_stop(&rig);
}

static void
a_gap_keeps_the_lease_repeats_in_one_fault_and_clears_when_the_chain_runs_again(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_PREV);
    send(&rig, with_prev(with_id(bare(0, 0, ms(0)), 10), 9));
    send(&rig, with_prev(with_id(bare(0, 0, ms(100)), 20), 15));
    send(&rig, with_prev(with_id(bare(0, 0, ms(200)), 30), 25));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_int_equal(rig_count(&rig, FINDING_UPDATE), 1);
    assert_int_equal(rig_find(&rig, FINDING_UPDATE, FLATLINE_FAULT_GAP, 0)->count, 2);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3200));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_GAP));
    send(&rig, with_prev(with_id(bare(0, 0, ms(300)), 31), 30));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_GAP)->cleared_ns, ms(300));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 0);
    rig_stop(&rig);
}

static void a_gap_revokes_where_the_policy_says_so_until_the_chain_restarted(void **state)
{
    (void)state;
    struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    policy.lease_on[FLATLINE_FAULT_GAP] = LEASE_REVOKE;
    rig_start(&rig, &policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    send(&rig, with_prev(with_id(bare(0, 0, ms(0)), 10), 9));
    send(&rig, with_prev(with_id(bare(0, 0, ms(100)), 20), 15));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_GAP);
    assert_int_equal(rig_view(&rig, 0)->lost_count, 1);
    send(&rig,
         with_prev(with_id(bare(0, 0, ms(200)), 30),
                   25)); /* just any next frame does not reopen it */
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, with_prev(with_id(bare(0, 0, ms(300)), 31), 30));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3300));
    assert_int_equal(rig_view(&rig, 0)->lost_count, 1);
    assert_int_equal(rig_view(&rig, 0)->lapses, 0);
    assert_int_equal(rig_renew(&rig, 1)->onset_ns, ms(100));
    rig_stop(&rig);
}

static void the_first_frame_of_each_life_of_a_connection_anchors_its_leg(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_PREV);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_prev(with_id(bare(0, 0, ms(1)), 10), 9));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(2));
    up(&rig, 0, 2, 0, ms(3));
    send(&rig, with_prev(with_id(bare(0, 0, ms(4)), 50), 49));
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    assert_false(detector_last_sample(rig.detector).has_interarrival);
    rig_stop(&rig);
}

/* ---- repeats and reversals ------------------------------------------------------------------- */

static void twenty_repeats_in_a_row_are_frozen_and_an_id_beyond_clears_it(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 10));
    for (uint64_t i = 1; i <= 19; i++) {
        send(&rig, with_id(bare(0, 0, ms(i * 10)), 10));
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    send(&rig, with_id(bare(0, 0, ms(200)), 10));
    const struct finding *frozen = rig_fault(&rig, FLATLINE_FAULT_FROZEN);
    assert_found(frozen);
    assert_int_equal(frozen->onset_ns, ms(10)); /* the first frame that repeated */
    assert_int_equal(frozen->at_ns, ms(200));
    assert_int_equal(frozen->evidence[0], 10);
    assert_int_equal(frozen->evidence[1], 20);
    assert_int_equal(frozen->evidence[2], 20);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    send(&rig, with_id(bare(0, 0, ms(300)), 11));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_FROZEN)->cleared_ns, ms(300));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3300));
    rig_stop(&rig);
}

static void nineteen_repeats_broken_by_news_are_not_frozen(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    for (uint64_t id = 1; id <= 4; id++) {
        for (uint64_t i = 0; i < 20; i++) {
            send(&rig, with_id(bare(0, 0, ms(id * 1000 + i)), id));
        }
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    assert_int_equal(rig_view(&rig, 0)->repeated, 76);
    rig_stop(&rig);
}

static void an_id_going_backwards_is_regressed_until_beyond_the_old_maximum(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 100));
    send(&rig, with_id(bare(0, 0, ms(10)), 90));
    send(&rig, with_id(bare(0, 0, ms(20)), 95));
    send(&rig, with_id(bare(0, 0, ms(30)), 100)); /* up again, but nothing new */
    const struct finding *regressed = rig_fault(&rig, FLATLINE_FAULT_REGRESSED);
    assert_found(regressed);
    assert_int_equal(regressed->evidence[0], 100);
    assert_int_equal(regressed->evidence[1], 90);
    assert_int_equal(rig_find(&rig, FINDING_UPDATE, FLATLINE_FAULT_REGRESSED, 0)->evidence[2], 2);
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_REGRESSED));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    send(&rig, with_id(bare(0, 0, ms(40)), 101));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_REGRESSED)->cleared_ns, ms(40));
    assert_int_equal(rig_view(&rig, 0)->regressed, 2);
    assert_int_equal(rig_view(&rig, 0)->gaps, 0);
    rig_stop(&rig);
}

static void a_regression_outlives_a_reconnect_until_beyond_the_old_maximum(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(1)), 100));
    send(&rig, with_id(bare(0, 0, ms(2)), 90));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(3));
    up(&rig, 0, 2, 0, ms(4));
    send(&rig, with_id(bare(0, 0, ms(5)), 95)); /* anchors, but is older than what we have seen */
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_REGRESSED));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, with_id(bare(0, 0, ms(6)), 101));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_REGRESSED));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3006));
    rig_stop(&rig);
}

static void a_channel_without_ids_freezes_and_regresses_by_its_time(void **state)
{
    (void)state;
    start(KEY_TIME, CHAIN_NONE);
    send(&rig, with_lag(bare(0, 0, ms(1000)), 0));
    send(&rig, with_lag(bare(0, 0, ms(1100)), 150 * (int64_t)NS_PER_MS));
    assert_int_equal(rig_view(&rig, 0)->regressed, 1);
    for (uint64_t i = 0; i < 20; i++) {
        send(&rig, with_lag(bare(0, 0, ms(1200 + i)), (int64_t)((200 + i) * NS_PER_MS)));
    }
    assert_found(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    rig_stop(&rig);
}

static void frames_without_any_key_never_freeze(void **state)
{
    (void)state;
    start(KEY_NONE, CHAIN_NONE);
    for (uint64_t i = 0; i < 100; i++) {
        send(&rig, bare(0, 0, ms(i)));
    }
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    assert_int_equal(rig_view(&rig, 0)->repeated, 0);
    rig_stop(&rig);
}

/* ---- legs ------------------------------------------------------------------------------------ */

static void only_the_first_leg_to_show_an_id_earns_for_it(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, with_id(bare(0, 0, ms(0)), 10));
    send(&rig, with_id(bare(0, 1, ms(30)), 10));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    assert_int_equal(rig_view(&rig, 0)->repeated, 0); /* on its own leg it is news */
    send(&rig, with_id(bare(0, 1, ms(40)), 11));
    send(&rig, with_id(bare(0, 0, ms(45)), 11));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3040));
    assert_int_equal(rig_view(&rig, 0)->frames, 4);
    assert_int_equal(rig_view(&rig, 0)->legs, 2);
    assert_int_equal(rig_view(&rig, 0)->legs_up, 2);
    rig_stop(&rig);
}

static void interarrival_is_told_for_each_leg_by_itself(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, with_id(bare(0, 0, ms(0)), 10));
    send(&rig, with_id(bare(0, 1, ms(30)), 10));
    assert_false(detector_last_sample(rig.detector).has_interarrival);
    send(&rig, with_id(bare(0, 0, ms(100)), 11));
    assert_int_equal(detector_last_sample(rig.detector).interarrival_ns, 100 * NS_PER_MS);
    rig_stop(&rig);
}

static void a_gap_on_one_leg_is_none_on_the_other(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_PREV);
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, with_prev(with_id(bare(0, 0, ms(0)), 10), 9));
    send(&rig, with_prev(with_id(bare(0, 1, ms(1)), 10), 9));
    send(&rig, with_prev(with_id(bare(0, 1, ms(2)), 12), 11));
    send(&rig, with_prev(with_id(bare(0, 0, ms(3)), 11), 10));
    assert_int_equal(rig_view(&rig, 0)->gaps, 1);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_GAP)->connection, 1);
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_GAP));
    rig_stop(&rig);
}

static void a_snapshot_of_a_late_leg_does_not_undo_what_another_has_shown(void **state)
{
    (void)state;
    start_okx(false, false);
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, okx(0, 1000, 999));
    struct event snapshot = with_lag(with_prev(with_id(bare(0, 1, ms(1000)), 998), -1), 0);
    send(&rig, flagged(snapshot, EVENT_SNAPSHOT));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4000)); /* the venue's word on it now */
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 1000);
    struct event next = okx(2000, 999, 998);
    next.connection = 1;
    send(&rig, next); /* news to its leg, not to the stream */
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4000));
    rig_stop(&rig);
}

static void a_keep_alive_of_a_leg_that_is_behind_is_no_word_on_the_book(void **state)
{
    (void)state;
    start_okx(false, false);
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    send(&rig, okx(0, 1000, 999));
    struct event twin = okx(1, 1000, 999);
    twin.connection = 1;
    send(&rig, twin);
    send(&rig, okx(100, 1001, 1000));
    twin = flagged(okx(2000, 1000, 1000), EVENT_EMPTY);
    twin.connection = 1;
    send(&rig, twin);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3100));
    rig_stop(&rig);
}

static void a_snapshot_that_begins_anew_lets_old_faults_clear(void **state)
{
    (void)state;
    start_okx(false, false);
    send(&rig, okx(0, 1000, 999));
    send(&rig, okx(10, 900, 899));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_REGRESSED));
    struct event snapshot = with_lag(with_prev(with_id(bare(0, 0, ms(1000)), 5), -1), 0);
    send(&rig, flagged(snapshot, EVENT_SNAPSHOT));
    send(&rig, okx(1100, 6, 5));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_REGRESSED)->cleared_ns, ms(1100));
    rig_stop(&rig);
}

static void a_gap_beyond_the_old_maximum_ends_what_was_frozen(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_PREV);
    send(&rig, with_prev(with_id(bare(0, 0, ms(0)), 10), 9));
    for (uint64_t i = 0; i < 20; i++) {
        send(&rig, with_prev(with_id(bare(0, 0, ms(i)), 10), 9));
    }
    assert_found(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    send(&rig, with_prev(with_id(bare(0, 0, ms(100)), 50), 40));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_FROZEN));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_GAP));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_GAP));
    rig_stop(&rig);
}

static void what_was_frozen_stays_so_over_a_reconnect_that_shows_nothing_beyond(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    up(&rig, 0, 1, 0, ms(0));
    for (uint64_t i = 0; i <= 20; i++) {
        send(&rig, with_id(bare(0, 0, ms(1 + i)), 10));
    }
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(100));
    up(&rig, 0, 2, 0, ms(200));
    send(&rig, with_id(bare(0, 0, ms(201)), 10));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_FROZEN));
    send(&rig, with_id(bare(0, 0, ms(202)), 11));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_FROZEN));
    rig_stop(&rig);
}

static void a_lower_id_between_repeats_breaks_their_row(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 10));
    for (uint64_t i = 1; i <= 30; i++) {
        send(&rig, with_id(bare(0, 0, ms(i)), i % 15 == 0 ? 9 : 10));
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spot_is_chained_by_its_first_id),
        cmocka_unit_test(futures_are_chained_by_their_previous_id_and_ids_may_jump),
        cmocka_unit_test(
            a_gap_keeps_the_lease_repeats_in_one_fault_and_clears_when_the_chain_runs_again),
        cmocka_unit_test(a_gap_revokes_where_the_policy_says_so_until_the_chain_restarted),
        cmocka_unit_test(the_first_frame_of_each_life_of_a_connection_anchors_its_leg),
        cmocka_unit_test(twenty_repeats_in_a_row_are_frozen_and_an_id_beyond_clears_it),
        cmocka_unit_test(nineteen_repeats_broken_by_news_are_not_frozen),
        cmocka_unit_test(an_id_going_backwards_is_regressed_until_beyond_the_old_maximum),
        cmocka_unit_test(a_regression_outlives_a_reconnect_until_beyond_the_old_maximum),
        cmocka_unit_test(a_channel_without_ids_freezes_and_regresses_by_its_time),
        cmocka_unit_test(frames_without_any_key_never_freeze),
        cmocka_unit_test(only_the_first_leg_to_show_an_id_earns_for_it),
        cmocka_unit_test(interarrival_is_told_for_each_leg_by_itself),
        cmocka_unit_test(a_gap_on_one_leg_is_none_on_the_other),
        cmocka_unit_test(a_snapshot_of_a_late_leg_does_not_undo_what_another_has_shown),
        cmocka_unit_test(a_keep_alive_of_a_leg_that_is_behind_is_no_word_on_the_book),
        cmocka_unit_test(a_snapshot_that_begins_anew_lets_old_faults_clear),
        cmocka_unit_test(a_gap_beyond_the_old_maximum_ends_what_was_frozen),
        cmocka_unit_test(what_was_frozen_stays_so_over_a_reconnect_that_shows_nothing_beyond),
        cmocka_unit_test(a_lower_id_between_repeats_breaks_their_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
