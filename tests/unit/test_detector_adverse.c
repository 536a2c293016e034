/* SPDX-License-Identifier: MIT
 *
 * Goal: what a hostile or unlucky world once got past the detector stays out. Method: each case is
 * the shortest episode on a virtual clock that showed the fault.
 */
#include "unit/detector_rig.h"

static struct rig rig;

static struct event timed(uint32_t stream, uint64_t at_ms, int64_t lag_ms)
{
    return with_lag(bare(stream, 0, ms(at_ms)), lag_ms * (int64_t)NS_PER_MS);
}

/* ---- a time that cannot be -------------------------------------------------------------------- */

#define HOUR_MS 3600000

static void one_absurd_time_does_not_poison_a_channel_ordered_by_time(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    send(&rig, timed(0, 0, 5));
    send(&rig, timed(0, 100, 5));
    send(&rig, timed(0, 200, -HOUR_MS)); /* the venue stamps one frame an hour ahead */
    assert_int_equal(rig_view(&rig, 0)->absurd, 1);
    send(&rig, timed(0, 300, 5));
    assert_int_equal(rig_view(&rig, 0)->regressed, 0);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_REGRESSED));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3300));
    rig_stop(&rig);
}

static void an_absurd_time_before_the_venues_clock_is_known_poisons_nothing(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
    struct detector_policy policy = rig_policy();
    policy.anchor_on_frames = false;
    rig_start(&rig, &policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    send(&rig, timed(0, 0, -HOUR_MS));
    send(&rig, timed(0, 50, 5)); /* who is right? nobody knows yet */
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_REGRESSED));
    struct event anchor = rig_event(EVENT_SERVER_TIME, EVENT_NO_CONNECTION, ms(60));
    anchor.time.venue = FLATLINE_VENUE_BINANCE_USDM;
    anchor.time.exch_wall_ns = RIG_WALL_NS + (int64_t)ms(60);
    send(&rig, anchor);
    send(&rig, timed(0, 100, 0));
    assert_int_equal(rig_view(&rig, 0)->regressed, 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3100));
    rig_stop(&rig);
}

static void a_clock_that_stepped_ahead_earns_again_once_eight_agree(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    send(&rig, timed(0, 0, 5));
    for (uint64_t i = 1; i <= 7; i++) {
        send(&rig, timed(0, 100 * i, -HOUR_MS));
    }
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3000));
    send(&rig, timed(0, 800, -HOUR_MS));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3800));
    assert_int_equal(rig_view(&rig, 0)->absurd, 7);
    rig_stop(&rig);
}

static void an_absurd_first_push_poisons_nothing(void **state)
{
    (void)state;
    struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
    const struct stream_traits other = rig_traits(KEY_TIME, CHAIN_NONE);
    const struct detector_policy policy = rig_policy();
    traits.first_push_is_old = true;
    rig_start(&rig, &policy);
    const uint32_t connection = rig_connection(&rig, 0);
    rig_leg(&rig, rig_stream(&rig, &traits), connection);
    rig_leg(&rig, rig_stream(&rig, &other), connection);
    send(&rig, timed(1, 0, 5)); /* the envelope stands */
    send(&rig, timed(0, 10, -HOUR_MS));
    send(&rig, timed(0, 20, 5));
    assert_int_equal(rig_view(&rig, 0)->regressed, 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3020));
    rig_stop(&rig);
}

/* ---- our own stall ---------------------------------------------------------------------------- */

static void
a_stall_restarts_the_clock_of_a_stream_that_had_not_begun_beside_one_that_had(void **state)
{
    (void)state;
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    const uint32_t connection = rig_connection(&rig, 0);
    rig_leg(&rig, rig_stream(&rig, &traits), connection);
    traits.pushes_on_subscribe = true;
    rig_leg(&rig, rig_stream(&rig, &traits), connection);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1)); /* the connection works, the other stream is due */
    detector_watermark(rig.detector, 0, 1, ms(20));
    stall(&rig, ms(20), ms(6000));
    detector_watermark(rig.detector, 0, 1, ms(6001));
    rig_tick(&rig, ms(6001));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
    detector_watermark(rig.detector, 0, 1, ms(11001));
    rig_tick(&rig, ms(11001)); /* five seconds from the first drained pass */
    assert_found(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
    rig_stop(&rig);
}

/* ---- a connection that we gave up -------------------------------------------------------------- */

static void start_twins(void)
{
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    const uint32_t stream = rig_stream(&rig, &traits);
    rig_leg(&rig, stream, rig_connection(&rig, 0));
    rig_leg(&rig, stream, rig_connection(&rig, 0));
    up(&rig, 0, 1, 0, ms(0));
}

static struct event update(uint32_t connection, uint64_t at_ms, uint64_t id)
{
    return with_prev(with_id(bare(0, connection, ms(at_ms)), id), (int64_t)id - 1);
}

static void what_stood_on_a_connection_goes_with_it_when_we_rotate_it_out(void **state)
{
    (void)state;
    start_twins();
    send(&rig, update(0, 10, 1));
    send(&rig, with_prev(update(0, 20, 5), 4)); /* a gap ... */
    for (uint64_t i = 0; i < 20; i++) {
        send(&rig, update(0, 30 + i, 5)); /* ... and frozen */
    }
    assert_found(rig_fault(&rig, FLATLINE_FAULT_GAP));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    up(&rig, 1, 1, 0, ms(100));
    send(&rig, update(1, 110, 6));
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(120));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 0);
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_GAP)->cleared_ns, ms(120));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_FROZEN)->cleared_ns, ms(120));
    rig_stop(&rig);
}

static void lagging_goes_with_a_connection_that_is_replaced(void **state)
{
    (void)state;
    start_twins();
    for (uint64_t i = 0; i < 300; i++) {
        const int64_t lag_ms = i < 10 ? 0 : 900;
        send(&rig, with_lag(update(0, 10 + 10 * i, 1 + i), lag_ms * (int64_t)NS_PER_MS));
    }
    assert_found(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(4000));
    up(&rig, 1, 1, 0, ms(4100));
    send(&rig, with_lag(update(1, 4200, 1000), 0));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 0);
    rig_stop(&rig);
}

static void a_connection_given_up_after_its_end_takes_its_faults_along(void **state)
{
    (void)state;
    start_twins();
    send(&rig, update(0, 10, 1));
    send(&rig, with_prev(update(0, 20, 5), 4));
    up(&rig,
       1,
       1,
       0,
       ms(100)); /* the successor is up before the end, so it is no replacement by itself */
    send(&rig, update(1, 110, 6));
    down(&rig, 0, 1, LINK_END_CLOSE, 1001, ms(120));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_DOWN));
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(400)); /* control: the successor stands in its place */
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_DOWN)->cleared_ns, ms(400));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 0);
    rig_stop(&rig);
}

static void the_planned_end_of_the_last_leg_revokes_if_its_successor_is_down(void **state)
{
    (void)state;
    start_twins();
    send(&rig, update(0, 10, 1));
    up(&rig, 1, 1, 0, ms(100));
    down(&rig, 1, 1, LINK_END_ERROR, 104, ms(110)); /* both are cut, the successor first ... */
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3010));
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(120)); /* ... and the other had been told to go */
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_DOWN);
    up(&rig, 1, 2, 0, ms(200));
    send(&rig, update(1, 210, 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3210));
    rig_stop(&rig);
}

/* ---- answers that do not come ------------------------------------------------------------------ */

static void data_on_every_stream_makes_up_for_a_lost_acknowledgement(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    const uint32_t connection = rig_connection(&rig, 0);
    rig_leg(&rig, rig_stream(&rig, &traits), connection);
    rig_leg(&rig, rig_stream(&rig, &traits), connection);
    up(&rig, 0, 1, 1, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(100));
    up(&rig, 0, 2, 1, ms(200)); /* one answer is owed and never comes */
    send(&rig, with_id(bare(0, 0, ms(300)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0); /* not yet: the other may be missing */
    send(&rig, with_id(bare(1, 0, ms(310)), 1));
    detector_watermark(rig.detector, 0, 2, ms(5300));
    rig_tick(&rig, ms(5300)); /* no answer, but both deliver: the inventory is whole */
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
    send(&rig, with_id(bare(0, 0, ms(5320)), 3));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(8320));
    rig_stop(&rig);
}

static void a_list_that_names_all_of_ours_makes_the_inventory_whole(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    up(&rig, 0, 1, 1, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(100));
    up(&rig, 0, 2, 2, ms(200));
    struct event inventory = rig_event(EVENT_INVENTORY, 0, ms(250));
    inventory.note.value = 1;
    send(&rig, inventory);
    send(&rig, with_id(bare(0, 0, ms(300)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3300));
    rig_stop(&rig);
}

/* ---- the private socket ------------------------------------------------------------------------- */

static void the_pong_of_a_new_private_socket_ends_its_down(void **state)
{
    (void)state;
    struct stream_traits traits = rig_traits(KEY_NONE, CHAIN_NONE);
    traits.stream_class = FLATLINE_CLASS_USER;
    rig_start_one(&rig, &traits);
    struct event extended = rig_event(EVENT_KEY_EXTENDED, EVENT_NO_CONNECTION, ms(0));
    extended.stream = 0;
    extended.note.value = 77;
    send(&rig, extended);
    up(&rig, 0, 1, 0, ms(10));
    send(&rig, rig_event(EVENT_PONG, 0, ms(20)));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(100));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    up(&rig, 0, 2, 0, ms(200));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_DOWN)); /* an open socket is no proof */
    send(&rig, rig_event(EVENT_PONG, 0, ms(210)));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_DOWN)->cleared_ns, ms(210));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 0);
    assert_true(rig_view(&rig, 0)->lease_until_ns > ms(210));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_absurd_time_does_not_poison_a_channel_ordered_by_time),
        cmocka_unit_test(an_absurd_time_before_the_venues_clock_is_known_poisons_nothing),
        cmocka_unit_test(a_clock_that_stepped_ahead_earns_again_once_eight_agree),
        cmocka_unit_test(an_absurd_first_push_poisons_nothing),
        cmocka_unit_test(
            a_stall_restarts_the_clock_of_a_stream_that_had_not_begun_beside_one_that_had),
        cmocka_unit_test(what_stood_on_a_connection_goes_with_it_when_we_rotate_it_out),
        cmocka_unit_test(lagging_goes_with_a_connection_that_is_replaced),
        cmocka_unit_test(a_connection_given_up_after_its_end_takes_its_faults_along),
        cmocka_unit_test(the_planned_end_of_the_last_leg_revokes_if_its_successor_is_down),
        cmocka_unit_test(data_on_every_stream_makes_up_for_a_lost_acknowledgement),
        cmocka_unit_test(the_pong_of_a_new_private_socket_ends_its_down),
        cmocka_unit_test(a_list_that_names_all_of_ours_makes_the_inventory_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
