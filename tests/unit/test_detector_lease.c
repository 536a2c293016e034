/* SPDX-License-Identifier: MIT
 *
 * Goal: a lease is worth exactly what the last fresh data earned it, to the nanosecond, and
 * nothing else opens or holds a gate.
 *
 * Method: one stream on a virtual clock, a test a sentence of DESIGN section 3.
 */
#include "unit/detector_rig.h"

static struct rig rig;

static void start(enum stream_key key, enum stream_chain chain)
{
    const struct stream_traits traits = rig_traits(key, chain);
    rig_start_one(&rig, &traits);
}

static void at_start_there_is_no_lease_and_no_reason(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_NONE);
    assert_false(rig_view(&rig, 0)->ever_leased);
    rig_tick(&rig, ms(100000));
    assert_int_equal(rig.count, 0); /* and none to lapse */
    rig_stop(&rig);
}

static void a_frame_without_time_leases_for_stale_after_and_lapses_exactly_then(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0) + 7), 1));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000) + 7);
    rig_tick(&rig, ms(3000) + 6);
    assert_absent(rig_lapse(&rig, 0));
    rig_tick(&rig, ms(3000) + 7);
    assert_found(rig_lapse(&rig, 0));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3000) + 7);
    assert_int_equal(rig_view(&rig, 0)->lapses, 1);
    assert_int_equal(rig_view(&rig, 0)->lapsed_since_ns, ms(3000) + 7);
    rig_tick(&rig, ms(9000));
    assert_absent(rig_lapse(&rig, 1)); /* once */
    rig_stop(&rig);
}

static void a_lapse_found_late_is_dated_at_its_deadline(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    rig_tick(&rig, ms(7777));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3000));
    rig_stop(&rig);
}

static void a_frame_at_the_deadline_comes_after_the_lapse_and_renews(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    send(&rig, with_id(bare(0, 0, ms(3000)), 2));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3000));
    assert_int_equal(rig_renew(&rig, 1)->at_ns, ms(3000));
    assert_int_equal(rig_view(&rig, 0)->lapsed_ns, 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(6000));
    rig_stop(&rig);
}

static void a_frame_one_nanosecond_before_the_deadline_prevents_the_lapse(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    send(&rig, with_id(bare(0, 0, ms(3000) - 1), 2));
    rig_tick(&rig, ms(3500));
    assert_absent(rig_lapse(&rig, 0));
    rig_stop(&rig);
}

static void a_renewal_tells_since_when_it_had_lapsed_and_the_time_adds_up(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    assert_int_equal(rig_renew(&rig, 0)->onset_ns, 0); /* the first lease ever */
    send(&rig, with_id(bare(0, 0, ms(4500)), 2));
    send(&rig, with_id(bare(0, 0, ms(9500)), 3));
    assert_int_equal(rig_renew(&rig, 1)->onset_ns, ms(3000));
    assert_int_equal(rig_renew(&rig, 2)->onset_ns, ms(7500));
    assert_int_equal(rig_view(&rig, 0)->lapses, 2);
    assert_int_equal(rig_view(&rig, 0)->lapsed_ns, 1500 * NS_PER_MS + 2000 * NS_PER_MS);
    assert_int_equal(rig_view(&rig, 0)->lapsed_since_ns, 0);
    rig_stop(&rig);
}

static void late_data_earns_a_shorter_lease_to_the_nanosecond(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 1), 0));
    send(&rig, with_lag(with_id(bare(0, 0, ms(2000)), 2), 700 * (int64_t)NS_PER_MS));
    /* the floor has risen by 200 ppm of two seconds: 0.4 ms */
    assert_int_equal(rig_view(&rig, 0)->excess_lag_ns, 700 * NS_PER_MS - 400 * NS_PER_US);
    assert_true(detector_last_sample(rig.detector).has_lag);
    assert_int_equal(detector_last_sample(rig.detector).excess_lag_ns,
                     700 * NS_PER_MS - 400 * NS_PER_US);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns,
                     ms(5000) - 700 * NS_PER_MS + 400 * NS_PER_US);
    rig_stop(&rig);
}

static void data_later_than_stale_after_earns_none(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 1), 0));
    send(&rig, with_lag(with_id(bare(0, 0, ms(4000)), 2), 3100 * (int64_t)NS_PER_MS));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    assert_int_equal(rig_count(&rig, FINDING_RENEW), 1);
    assert_int_equal(rig_count(&rig, FINDING_LAPSE), 1);
    rig_stop(&rig);
}

static void a_later_frame_never_shortens_a_lease(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 1), 0));
    send(&rig, with_lag(with_id(bare(0, 0, ms(10)), 2), 900 * (int64_t)NS_PER_MS));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    rig_stop(&rig);
}

static void a_repeated_or_lower_id_earns_nothing(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 10));
    send(&rig, with_id(bare(0, 0, ms(1000)), 10));
    send(&rig, with_id(bare(0, 0, ms(1500)), 9));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    assert_int_equal(rig_view(&rig, 0)->repeated, 1);
    assert_int_equal(rig_view(&rig, 0)->regressed, 1);
    rig_stop(&rig);
}

static void where_there_is_no_id_the_time_must_be_newer(void **state)
{
    (void)state;
    start(KEY_TIME, CHAIN_NONE);
    send(&rig, with_lag(bare(0, 0, ms(0)), 0));
    send(&rig,
         with_lag(bare(0, 0, ms(1000)), 1000 * (int64_t)NS_PER_MS)); /* the same instant again */
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    assert_int_equal(rig_view(&rig, 0)->repeated, 1);
    send(&rig, with_lag(bare(0, 0, ms(1500)), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4500));
    rig_stop(&rig);
}

static void where_there_is_neither_every_frame_extends(void **state)
{
    (void)state;
    start(KEY_NONE, CHAIN_NONE);
    send(&rig, bare(0, 0, ms(0)));
    send(&rig, bare(0, 0, ms(1000)));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4000));
    rig_stop(&rig);
}

static void a_stream_that_goes_by_time_never_changes_to_ids(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_lag(bare(0, 0, ms(0)), 0));
    send(&rig, with_id(bare(0, 0, ms(1000)), 7));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 0);
    rig_stop(&rig);
}

static void a_stream_that_has_shown_ids_never_falls_back_to_time(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 1), 0));
    send(&rig, with_lag(bare(0, 0, ms(1000)), 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    rig_stop(&rig);
}

static void
a_frame_without_time_earns_nothing_while_its_connection_is_staler_than_it_may_be(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    const uint32_t other = rig_stream(&rig, &traits);
    rig_leg(&rig, other, 0);
    send(&rig, with_lag(with_id(bare(other, 0, ms(0)), 1), 0));
    send(&rig, with_lag(with_id(bare(other, 0, ms(4000)), 2), 3500 * (int64_t)NS_PER_MS));
    send(&rig, with_id(bare(0, 0, ms(4001)), 1));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, with_lag(with_id(bare(other, 0, ms(4002)), 3), 5 * (int64_t)NS_PER_MS));
    send(&rig, with_id(bare(0, 0, ms(4003)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(7003));
    rig_stop(&rig);
}

static void until_the_venue_is_anchored_timed_streams_earn_nothing(void **state)
{
    (void)state;
    const struct detector_policy policy = detector_policy_default();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start(&rig, &policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 1), 20 * (int64_t)NS_PER_MS));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    struct event time = rig_event(EVENT_SERVER_TIME, EVENT_NO_CONNECTION, ms(10));
    time.time.venue = FLATLINE_VENUE_BINANCE_USDM;
    time.time.exch_wall_ns = RIG_WALL_NS + (int64_t)ms(10);
    send(&rig, time);
    send(&rig, with_lag(with_id(bare(0, 0, ms(20)), 2), 20 * (int64_t)NS_PER_MS));
    /* the one-way delay of 20 ms counts as lag, less what the floor rose in 10 ms */
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000) + 2 * NS_PER_US);
    rig_stop(&rig);
}

static void where_rest_is_out_of_reach_frames_anchor_and_the_venue_is_marked(void **state)
{
    (void)state;
    const struct detector_policy policy = detector_policy_default();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start(&rig, &policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    struct event unreachable = rig_event(EVENT_TIME_UNREACHABLE, EVENT_NO_CONNECTION, ms(10000));
    unreachable.time.venue = FLATLINE_VENUE_BINANCE_USDM;
    send(&rig, unreachable);
    assert_int_equal(detector_totals(rig.detector).unanchored_venues,
                     1ULL << FLATLINE_VENUE_BINANCE_USDM);
    send(&rig, with_lag(with_id(bare(0, 0, ms(10001)), 1), 20 * (int64_t)NS_PER_MS));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(13001));
    rig_stop(&rig);
}

static void an_absurd_time_earns_and_feeds_nothing_until_eight_agree(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_lag(with_id(bare(0, 0, ms(0)), 1), 0));
    for (uint64_t i = 0; i < 7; i++) {
        send(&rig, with_lag(with_id(bare(0, 0, ms(1000 + i)), 2 + i), -300 * (int64_t)NS_PER_MS));
        assert_false(detector_last_sample(rig.detector).has_lag);
    }
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    assert_int_equal(rig_view(&rig, 0)->absurd, 7);
    assert_int_equal(detector_totals(rig.detector).time_absurd, 7);
    send(&rig, with_lag(with_id(bare(0, 0, ms(1007)), 9), -300 * (int64_t)NS_PER_MS));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4007));
    rig_stop(&rig);
}

static void a_frame_without_clock_is_counted_and_checked_but_not_timed(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_PREV);
    send(&rig, with_prev(with_id(bare(0, 0, 0), 10), 9));
    send(&rig, with_prev(with_id(bare(0, 0, 0), 12), 11));
    assert_int_equal(rig_view(&rig, 0)->frames, 2);
    assert_int_equal(rig_view(&rig, 0)->gaps, 1);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_false(detector_last_sample(rig.detector).has_interarrival);
    rig_stop(&rig);
}

static void receive_time_going_back_is_clamped_and_counted(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(1000)), 1));
    send(&rig, with_id(bare(0, 0, ms(400)), 2));
    assert_int_equal(detector_totals(rig.detector).time_clamped, 1);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4000));
    assert_int_equal(detector_last_sample(rig.detector).interarrival_ns, 0);
    rig_stop(&rig);
}

static void an_event_of_an_unknown_stream_or_leg_is_counted_and_nothing_else(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(7, 0, ms(0)), 1));
    send(&rig, with_id(bare(0, 5, ms(0)), 1));
    assert_int_equal(detector_totals(rig.detector).strays, 2);
    assert_int_equal(rig_view(&rig, 0)->frames, 0);
    rig_stop(&rig);
}

static void a_suspended_machine_voids_every_lease_and_the_next_frame_reopens(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    struct event suspended = rig_event(EVENT_CLOCK_SUSPENDED, EVENT_NO_CONNECTION, ms(10));
    suspended.note.value = 60 * NS_PER_S;
    send(&rig, suspended);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_int_equal(rig_view(&rig, 0)->lost_count, 1);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_SELF_STALL)->evidence[0], 60 * NS_PER_S);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_SELF_STALL)->evidence[2], 3);
    send(&rig, with_id(bare(0, 0, ms(20)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3020));
    rig_stop(&rig);
}

static void two_hundred_leases_lapse_each_at_its_own_instant(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    for (uint32_t i = 1; i < 200; i++) {
        rig_leg(&rig, rig_stream(&rig, &traits), 0);
    }
    for (uint32_t i = 0; i < 200; i++) {
        send(&rig, with_id(bare(i, 0, ms(i)), 1));
    }
    assert_true(detector_next_deadline(rig.detector) <= ms(3000));
    rig_tick(&rig, ms(3100));
    assert_int_equal(rig_count(&rig, FINDING_LAPSE), 101);
    rig_tick(&rig, ms(5000));
    assert_int_equal(rig_count(&rig, FINDING_LAPSE), 200);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(rig_view(&rig, i)->lapsed_since_ns, ms(3000 + i));
    }
    rig_stop(&rig);
}

static void a_changed_stream_is_told_once(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    detector_apply(rig.detector, &(struct event){.recv_mono_ns = ms(0), .kind = EVENT_DATA});
    detector_apply(rig.detector, &(struct event){.recv_mono_ns = ms(1), .kind = EVENT_DATA});
    rig_drain(&rig);
    assert_int_equal(rig.told[0], 1);
    rig_drain(&rig);
    assert_int_equal(rig.told[0], 0);
    rig_stop(&rig);
}

static void an_id_becomes_due_after_its_allowance_and_never_before(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    for (uint64_t i = 0; i <= 100; i++) {
        send(&rig, with_id(bare(0, 0, ms(i * 10)), 1000 + i));
        const uint64_t due = rig_view(&rig, 0)->due_id;
        assert_true(due == 0 || (due - 1000) * 10 + 150 <= i * 10); /* never early */
        assert_true(i * 10 < 200 || due >= 1000 + i - 20);          /* late by a third at most */
    }
    rig_tick(&rig, ms(1150));
    assert_int_equal(rig_view(&rig, 0)->due_id, 1100); /* the last one, though nothing came since */
    assert_int_equal(rig_view(&rig, 0)->frontier_id, 1100);
    rig_stop(&rig);
}

/* However densely the ids come: 2.4 ms of the marks and 1 ms of the pass behind the allowance at most. */
static void an_id_is_due_within_four_milliseconds_of_its_allowance(void **state)
{
    (void)state;
    for (uint64_t gap_us = 100; gap_us < 9000; gap_us += 307) {
        start(KEY_ID, CHAIN_NONE);
        for (uint64_t i = 0; i * gap_us < 1000000; i++) {
            const uint64_t now_ns = ms(10) + i * gap_us * NS_PER_US;
            send(&rig, with_id(bare(0, 0, now_ns), 1000 + i));
            rig_tick(&rig, now_ns);
            const uint64_t due = rig_view(&rig, 0)->due_id;
            const uint64_t ripe = (now_ns - ms(10)) / NS_PER_US; /* since the first id */
            assert_true(due == 0 || (due - 1000) * gap_us + 150000 <= ripe);
            assert_true(ripe < 170000 || due >= 1000 + (ripe - 150000 - 4000 - gap_us) / gap_us);
        }
        rig_stop(&rig);
    }
}

static void the_newest_frame_shows_its_prices_and_its_exchange_time(void **state)
{
    (void)state;
    start(KEY_ID, CHAIN_NONE);
    struct event frame = with_lag(with_id(bare(0, 0, ms(0)), 5), 0);
    frame.data.bid_e8 = 61000;
    frame.data.ask_e8 = 61001;
    send(&rig, frame);
    const int64_t newest_wall_ns = frame.data.exch_wall_ns;
    frame = with_lag(with_id(bare(0, 0, ms(10)), 4), 0); /* older: shows nothing */
    frame.data.bid_e8 = 1;
    send(&rig, frame);
    send(&rig, with_id(bare(0, 0, ms(20)), 6)); /* a frame without prices leaves those we know */
    assert_int_equal(rig_view(&rig, 0)->bid_e8, 61000);
    assert_int_equal(rig_view(&rig, 0)->ask_e8, 61001);
    assert_int_equal(rig_view(&rig, 0)->last_exch_wall_ns, newest_wall_ns);
    assert_int_equal(rig_view(&rig, 0)->last_recv_ns, ms(20));
    assert_int_equal(rig_view(&rig, 0)->last_newer_ns, ms(20));
    rig_stop(&rig);
}

static void the_default_policy_is_the_table_of_the_design(void **state)
{
    (void)state;
    const struct detector_policy policy = detector_policy_default();
    for (uint8_t kind = 0; kind < FLATLINE_FAULT_COUNT; kind++) {
        const bool revokes = kind == FLATLINE_FAULT_DOWN || kind == FLATLINE_FAULT_MUTE ||
                             kind == FLATLINE_FAULT_KEY_EXPIRED ||
                             kind == FLATLINE_FAULT_KEY_UNKNOWN;
        assert_int_equal(policy.lease_on[kind], revokes ? LEASE_REVOKE : LEASE_KEEP);
    }
    assert_int_equal(policy.frozen_frames, 20);
    assert_int_equal(policy.lagging_excess_ns, 500 * NS_PER_MS);
    assert_int_equal(policy.first_data_ns, 5 * NS_PER_S);
    assert_int_equal(policy.key_life_ns, 3600 * NS_PER_S);
    assert_false(policy.anchor_on_frames);
}

static void no_more_streams_connections_and_legs_than_agreed(void **state)
{
    (void)state;
    const struct detector_limits limits = {.streams_max = 2, .connections_max = 1, .legs_max = 1};
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    struct detector *detector = detector_create(&limits, &policy);
    assert_int_equal(detector_add_stream(detector, &traits), 0);
    assert_int_equal(detector_add_stream(detector, &traits), 1);
    assert_true(detector_add_stream(detector, &traits) < 0);
    assert_int_equal(detector_add_connection(detector, FLATLINE_VENUE_OKX, 0), 0);
    assert_true(detector_add_connection(detector, FLATLINE_VENUE_OKX, 0) < 0);
    assert_true(detector_add_leg(detector, 2, 0) < 0);
    struct stream_traits elsewhere = traits;
    elsewhere.venue = (enum flatline_venue)4;
    assert_true(detector_add_stream(detector, &elsewhere) < 0);
    assert_true(detector_add_leg(detector, 0, 1) < 0);
    assert_int_equal(detector_add_leg(detector, 0, 0), 0);
    assert_int_equal(detector_add_leg(detector, 0, 0), 0); /* twice is once */
    assert_true(detector_add_leg(detector, 1, 0) < 0);
    assert_int_equal(detector_stream(detector, 0)->legs, 1);
    detector_destroy(detector);
    detector_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_start_there_is_no_lease_and_no_reason),
        cmocka_unit_test(a_frame_without_time_leases_for_stale_after_and_lapses_exactly_then),
        cmocka_unit_test(a_lapse_found_late_is_dated_at_its_deadline),
        cmocka_unit_test(a_frame_at_the_deadline_comes_after_the_lapse_and_renews),
        cmocka_unit_test(a_frame_one_nanosecond_before_the_deadline_prevents_the_lapse),
        cmocka_unit_test(a_renewal_tells_since_when_it_had_lapsed_and_the_time_adds_up),
        cmocka_unit_test(late_data_earns_a_shorter_lease_to_the_nanosecond),
        cmocka_unit_test(data_later_than_stale_after_earns_none),
        cmocka_unit_test(a_later_frame_never_shortens_a_lease),
        cmocka_unit_test(a_repeated_or_lower_id_earns_nothing),
        cmocka_unit_test(where_there_is_no_id_the_time_must_be_newer),
        cmocka_unit_test(where_there_is_neither_every_frame_extends),
        cmocka_unit_test(a_stream_that_has_shown_ids_never_falls_back_to_time),
        cmocka_unit_test(
            a_frame_without_time_earns_nothing_while_its_connection_is_staler_than_it_may_be),
        cmocka_unit_test(until_the_venue_is_anchored_timed_streams_earn_nothing),
        cmocka_unit_test(where_rest_is_out_of_reach_frames_anchor_and_the_venue_is_marked),
        cmocka_unit_test(an_absurd_time_earns_and_feeds_nothing_until_eight_agree),
        cmocka_unit_test(a_frame_without_clock_is_counted_and_checked_but_not_timed),
        cmocka_unit_test(receive_time_going_back_is_clamped_and_counted),
        cmocka_unit_test(an_event_of_an_unknown_stream_or_leg_is_counted_and_nothing_else),
        cmocka_unit_test(a_suspended_machine_voids_every_lease_and_the_next_frame_reopens),
        cmocka_unit_test(two_hundred_leases_lapse_each_at_its_own_instant),
        cmocka_unit_test(a_changed_stream_is_told_once),
        cmocka_unit_test(an_id_becomes_due_after_its_allowance_and_never_before),
        cmocka_unit_test(an_id_is_due_within_four_milliseconds_of_its_allowance),
        cmocka_unit_test(the_newest_frame_shows_its_prices_and_its_exchange_time),
        cmocka_unit_test(the_default_policy_is_the_table_of_the_design),
        cmocka_unit_test(no_more_streams_connections_and_legs_than_agreed),
        cmocka_unit_test(a_stream_that_goes_by_time_never_changes_to_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
