/* SPDX-License-Identifier: MIT
 *
 * Goal: SILENT by what was learned: who is learned and who is not, what a gap may teach, what would
 * be proof is shown, and no lease is touched. Method: the detector on a virtual clock; a stream that
 * has been taught a day of regular frames, each with a second's play.
 */
#include "core/silence.h"
#include "detector_rig.h"
#include "random.h"

static struct rig rig;
static uint64_t now_ms;
static uint64_t next_id;

static struct detector_policy learning_policy(void)
{
    struct detector_policy policy = rig_policy();
    policy.silent_every_ns = 24 * 3600 * NS_PER_S;
    return policy;
}

static void start_learning(const struct detector_policy *policy)
{
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    rig_start(&rig, policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    now_ms = 0;
    next_id = 1;
}

static void frame_after(uint64_t gap_ms, int64_t prev_id)
{
    now_ms += gap_ms;
    struct event event = with_prev(with_id(bare(0, 0, ms(now_ms)), next_id), prev_id);
    next_id++;
    detector_apply(rig.detector, &event);
    rig_drain(&rig);
}

static void chained_after(uint64_t gap_ms)
{
    frame_after(gap_ms, (int64_t)next_id - 1);
}

static void taught(uint64_t frames)
{
    uint64_t seed = 5;
    for (uint64_t i = 0; i < frames; i++) {
        chained_after(500 + random_next(&seed) % 1000);
    }
    rig.count = 0;
}

static void start_taught(void)
{
    const struct detector_policy policy = learning_policy();
    start_learning(&policy);
    taught(100000);
}

static void a_taught_stream_is_silent_at_the_limit_shown_and_says_what_that_rests_on(void **state)
{
    (void)state;
    start_taught();
    const uint64_t limit_ns = rig_view(&rig, 0)->silence_provable_ns;
    assert_true(limit_ns > 1500 * NS_PER_MS && limit_ns < 20 * NS_PER_S);
    rig_tick(&rig, ms(now_ms) + limit_ns - 1);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_tick(&rig, ms(now_ms) + limit_ns);
    const struct finding *silent = rig_fault(&rig, FLATLINE_FAULT_SILENT);
    assert_found(silent);
    assert_int_equal(silent->onset_ns, ms(now_ms));
    assert_int_equal(silent->evidence[0], limit_ns);
    assert_int_equal(silent->evidence[1], limit_ns);
    assert_true(silent->evidence[2] > 800 * NS_PER_MS && silent->evidence[2] < 1200 * NS_PER_MS);
    assert_true(silent->evidence[3] > 80000 && silent->evidence[3] < 93000); /* gaps a day */
    assert_int_equal(silent->evidence[4], 24 * 3600 * NS_PER_S);
    assert_true(silent->evidence[5] > 86400 * NS_PER_S);
    chained_after(60000);
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SILENT)->cleared_ns, ms(now_ms));
    rig_stop(&rig);
}

static void it_touches_no_lease(void **state)
{
    (void)state;
    const struct detector_policy policy = learning_policy();
    start_learning(&policy);
    taught(100000);
    rig_tick(&rig, ms(now_ms + 60000));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    assert_int_equal(rig_view(&rig, 0)->lost_count, 0);
    assert_int_equal(rig_count(&rig, FINDING_REVOKE), 0);
    rig_stop(&rig);
}

static void in_warm_up_nothing_is_provable_and_no_silence_is_silent(void **state)
{
    (void)state;
    const struct detector_policy policy = learning_policy();
    start_learning(&policy);
    taught(1000);
    assert_int_equal(rig_view(&rig, 0)->silence_provable_ns, 0);
    rig_tick(&rig, ms(now_ms) + 24 * 3600 * NS_PER_S);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_stop(&rig);
}

static void without_a_budget_nothing_is_learned(void **state)
{
    (void)state;
    const struct detector_policy policy = rig_policy();
    start_learning(&policy);
    taught(20000);
    assert_null(detector_silence(rig.detector, 0));
    assert_int_equal(rig_view(&rig, 0)->silence_provable_ns, 0);
    rig_stop(&rig);
}

static void timers_accounts_fixed_limits_and_what_is_off_are_not_learned(void **state)
{
    (void)state;
    const struct detector_policy policy = learning_policy();
    rig_start(&rig, &policy);
    struct stream_traits timer = rig_traits(KEY_TIME, CHAIN_NONE);
    struct stream_traits account = timer;
    struct stream_traits fixed = timer;
    struct stream_traits off = timer;
    const struct stream_traits learned = timer;
    timer.period_ns = NS_PER_S;
    account.stream_class = FLATLINE_CLASS_USER;
    fixed.silent_after_ns = 9 * NS_PER_S;
    off.silent_off = true;
    assert_null(detector_silence(rig.detector, rig_stream(&rig, &timer)));
    assert_null(detector_silence(rig.detector, rig_stream(&rig, &account)));
    assert_null(detector_silence(rig.detector, rig_stream(&rig, &fixed)));
    assert_null(detector_silence(rig.detector, rig_stream(&rig, &off)));
    assert_non_null(detector_silence(rig.detector, rig_stream(&rig, &learned)));
    assert_int_equal(rig_view(&rig, 2)->silence_provable_ns, 9 * NS_PER_S);
    rig_stop(&rig);
}

static void the_budget_is_divided_over_the_streams_that_share_it(void **state)
{
    (void)state;
    const struct detector_policy policy = learning_policy();
    const struct stream_traits more = rig_traits(KEY_ID, CHAIN_NONE);
    start_learning(&policy);
    for (int i = 0; i < 9; i++) {
        (void)rig_stream(&rig, &more);
    }
    taught(100000);
    rig_tick(&rig, ms(now_ms + 600000));
    const struct finding *silent = rig_fault(&rig, FLATLINE_FAULT_SILENT);
    assert_int_equal(silent->evidence[4], 10ULL * 24 * 3600 * NS_PER_S);
    assert_true(silent->evidence[3] > 800000);
    rig_stop(&rig);
}

static uint64_t observed_ns(void)
{
    return detector_silence(rig.detector, 0)->observed_ns;
}

static void nothing_is_learned_over_our_own_stall(void **state)
{
    (void)state;
    start_taught();
    const uint64_t before_ns = observed_ns();
    stall(&rig, ms(now_ms + 100), ms(now_ms + 5000));
    chained_after(5100);
    assert_int_equal(observed_ns(), before_ns);
    chained_after(1000);
    assert_int_equal(observed_ns(), before_ns + NS_PER_S);
    rig_stop(&rig);
}

/* Two streams make a connection whose silences are learned, behind those of the streams. */
static void nothing_is_learned_of_a_connection_over_our_own_stall(void **state)
{
    (void)state;
    const struct detector_policy policy = learning_policy();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    start_learning(&policy);
    rig_leg(&rig, rig_stream(&rig, &traits), 0);
    taught(500); /* nothing is provable yet, and so no deadline runs */
    const uint64_t before_ns = detector_silence(rig.detector, 2)->observed_ns;
    assert_true(before_ns > 100 * NS_PER_S);
    stall(&rig, ms(now_ms + 100), ms(now_ms + 5000));
    chained_after(5100);
    assert_int_equal(detector_silence(rig.detector, 2)->observed_ns, before_ns);
    rig_stop(&rig);
}

static void nothing_is_learned_over_a_reconnect(void **state)
{
    (void)state;
    start_taught();
    up(&rig, 0, 1, 0, ms(now_ms));
    chained_after(1000);
    const uint64_t before_ns = observed_ns();
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(now_ms + 100));
    up(&rig, 0, 2, 0, ms(now_ms + 900));
    chained_after(1000);
    assert_int_equal(observed_ns(), before_ns);
    rig_stop(&rig);
}

static void nothing_is_learned_of_a_gap_behind_which_ids_are_missing(void **state)
{
    (void)state;
    start_taught();
    const uint64_t before_ns = observed_ns();
    next_id += 10;
    frame_after(2000, (int64_t)next_id - 3);
    assert_found(rig_fault(&rig, FLATLINE_FAULT_GAP));
    assert_int_equal(observed_ns(), before_ns);
    rig_stop(&rig);
}

static void nothing_is_learned_while_another_fault_stands(void **state)
{
    (void)state;
    start_taught();
    const uint64_t before_ns = observed_ns();
    struct event old = with_prev(with_id(bare(0, 0, ms(now_ms + 1000)), 5), 4);
    send(&rig, old);
    assert_found(rig_fault(&rig, FLATLINE_FAULT_REGRESSED));
    now_ms += 1000;
    send(&rig, with_prev(with_id(bare(0, 0, ms(now_ms + 1000)), 6), 5));
    assert_int_equal(observed_ns(), before_ns);
    rig_stop(&rig);
}

static void a_false_alarm_is_learned_so_that_it_does_not_come_again_and_again(void **state)
{
    (void)state;
    start_taught();
    const uint64_t before_ns = rig_view(&rig, 0)->silence_provable_ns;
    for (uint32_t i = 0; i < 2 * SILENCE_REFIT_ARRIVALS; i++) {
        chained_after(i % 10 == 0 ? before_ns / NS_PER_MS + 500 : 1000);
    }
    rig.count = 0;
    for (int i = 0; i < 300; i++) {
        chained_after(i % 10 == 0 ? before_ns / NS_PER_MS + 500 : 1000);
    }
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void the_cap_is_the_limit_where_none_is_learned_or_a_longer_one(void **state)
{
    (void)state;
    struct detector_policy policy = learning_policy();
    policy.silent_cap_ns = 1600 * NS_PER_MS;
    start_learning(&policy);
    chained_after(10);
    assert_int_equal(rig_view(&rig, 0)->silence_provable_ns, 1600 * NS_PER_MS);
    rig_tick(&rig, ms(now_ms + 1600));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    chained_after(3000);
    taught(100000);
    assert_int_equal(rig_view(&rig, 0)->silence_provable_ns, 1600 * NS_PER_MS);
    rig_stop(&rig);
}

static void no_limit_is_shorter_than_the_channels_cadence_and_jitter(void **state)
{
    (void)state;
    const struct detector_policy policy = learning_policy();
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    traits.allowance_ns = 60 * NS_PER_S;
    rig_start(&rig, &policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    now_ms = 0;
    next_id = 1;
    taught(100000);
    assert_int_equal(rig_view(&rig, 0)->silence_provable_ns, 60 * NS_PER_S);
    rig_stop(&rig);
}

static void what_an_earlier_life_learned_is_taken_over(void **state)
{
    (void)state;
    start_taught();
    const struct silence_tail tail = *detector_silence(rig.detector, 0);
    rig_stop(&rig);
    const struct detector_policy policy = learning_policy();
    start_learning(&policy);
    assert_true(detector_recall_silence(rig.detector, 0, &tail));
    taught(2 * SILENCE_MEAN_ARRIVALS);
    assert_true(rig_view(&rig, 0)->silence_provable_ns > NS_PER_S);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taught_stream_is_silent_at_the_limit_shown_and_says_what_that_rests_on),
        cmocka_unit_test(it_touches_no_lease),
        cmocka_unit_test(in_warm_up_nothing_is_provable_and_no_silence_is_silent),
        cmocka_unit_test(without_a_budget_nothing_is_learned),
        cmocka_unit_test(timers_accounts_fixed_limits_and_what_is_off_are_not_learned),
        cmocka_unit_test(the_budget_is_divided_over_the_streams_that_share_it),
        cmocka_unit_test(nothing_is_learned_over_our_own_stall),
        cmocka_unit_test(nothing_is_learned_of_a_connection_over_our_own_stall),
        cmocka_unit_test(nothing_is_learned_over_a_reconnect),
        cmocka_unit_test(nothing_is_learned_of_a_gap_behind_which_ids_are_missing),
        cmocka_unit_test(nothing_is_learned_while_another_fault_stands),
        cmocka_unit_test(a_false_alarm_is_learned_so_that_it_does_not_come_again_and_again),
        cmocka_unit_test(the_cap_is_the_limit_where_none_is_learned_or_a_longer_one),
        cmocka_unit_test(no_limit_is_shorter_than_the_channels_cadence_and_jitter),
        cmocka_unit_test(what_an_earlier_life_learned_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
