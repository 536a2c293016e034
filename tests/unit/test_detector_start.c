/* SPDX-License-Identifier: MIT
 *
 * Goal: first data that does not come is noticed where a venue owes it, and only there; the
 * inventory of a connection is kept.
 *
 * Method: connections that come up and deliver late, in part or not at all, on a virtual clock,
 * watermarks by hand.
 */
#include "unit/detector_rig.h"

static struct rig rig;

enum { PUBLIC, MARKET };

/* Stream 0 on connection 0 (route PUBLIC). */
static void start(void)
{
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&rig, &traits);
}

static uint32_t add_stream(bool pushes, uint64_t period_ns, uint32_t connection)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.pushes_on_subscribe = pushes;
    traits.period_ns = period_ns;
    const uint32_t stream = rig_stream(&rig, &traits);
    rig_leg(&rig, stream, connection);
    return stream;
}

static void drained(uint32_t connection, uint16_t epoch, uint64_t at_ns)
{
    detector_watermark(rig.detector, connection, epoch, at_ns);
}

static void a_stream_that_must_start_and_does_not_is_never_started_by_itself(void **state)
{
    (void)state;
    start();
    const uint32_t book = add_stream(true, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(9000));
    rig_tick(&rig, ms(4999));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    assert_true(detector_next_deadline(rig.detector) <= ms(5000));
    rig_tick(&rig, ms(5000));
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED);
    assert_found(fault);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(fault->stream, book);
    assert_int_equal(fault->onset_ns, ms(0));
    assert_int_equal(fault->at_ns, ms(5000));
    assert_int_equal(fault->evidence[0], 5 * NS_PER_S);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    send(&rig, with_id(bare(book, 0, ms(7000)), 1));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_NEVER_STARTED)->cleared_ns, ms(7000));
    assert_int_equal(rig_view(&rig, book)->lease_until_ns, ms(10000));
    rig_stop(&rig);
}

static void a_timer_slower_than_the_deadline_has_two_periods(void **state)
{
    (void)state;
    start();
    (void)add_stream(false, 10 * NS_PER_S, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(90000));
    rig_tick(&rig, ms(19999));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_tick(&rig, ms(20000));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
    rig_stop(&rig);
}

static void a_stream_that_may_be_quiet_is_never_accused_while_its_connection_delivers(void **state)
{
    (void)state;
    start();
    (void)add_stream(false, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(900000));
    rig_tick(&rig, ms(900000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

/* A connection that carries a book's depth and its bookTicker, and is up from 0. */
static uint32_t book_start(void)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.book = 7;
    traits.owes = OWES_BEST;
    traits.owes_after_ns = 30 * NS_PER_MS;
    rig_start_one(&rig, &traits);
    traits.owes = OWES_ID;
    traits.owes_after_ns = 150 * NS_PER_MS;
    const uint32_t depth = rig_stream(&rig, &traits);
    rig_leg(&rig, depth, 0);
    up(&rig, 0, 1, 0, ms(0));
    drained(0, 1, ms(60000));
    return depth;
}

static void depth_must_start_once_its_book_is_shown_to_move(void **state)
{
    (void)state;
    const uint32_t depth = book_start();
    for (uint64_t at_ms = 10; at_ms < 5000; at_ms += 100) {
        send(&rig, with_id(bare(0, 0, ms(at_ms)), at_ms));
    }
    rig_tick(&rig, ms(5000));
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED);
    assert_found(fault);
    assert_int_equal(fault->stream, depth);
    assert_int_equal(fault->at_ns, ms(5000));
    rig_stop(&rig);
}

static void depth_of_a_book_that_stands_still_may_begin_when_it_moves(void **state)
{
    (void)state;
    const uint32_t depth = book_start();
    send(&rig, with_id(bare(0, 0, ms(100)), 1));
    send(&rig, with_id(bare(0, 0, ms(300)), 2)); /* depth may not have been subscribed yet */
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    send(&rig, with_id(bare(0, 0, ms(9000)), 3));
    send(&rig, with_id(bare(depth, 0, ms(9050)), 3));
    rig_tick(&rig, ms(20000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void acknowledged_and_nothing_is_never_started_of_the_whole_connection(void **state)
{
    (void)state;
    start();
    (void)add_stream(true, 0, 0);
    up(&rig, 0, 1, 1, ms(0));
    send(&rig, rig_event(EVENT_ACK, 0, ms(0)));
    drained(0, 1, ms(9000));
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1); /* it explains its streams */
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(fault->at_ns, ms(5000));
    assert_int_equal(fault->evidence[0], 5 * NS_PER_S);
    assert_int_equal(fault->evidence[1], 1); /* acknowledged */
    assert_int_equal(fault->evidence[2], 5 * NS_PER_S);
    assert_int_equal(fault->evidence[3], 0);
    rig_stop(&rig);
}

static void once_an_accused_connection_delivers_each_of_its_streams_is_held_to_account(void **state)
{
    (void)state;
    start();
    const uint32_t book = add_stream(true, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    drained(0, 1, ms(20000));
    rig_tick(&rig, ms(6000));
    send(&rig, with_id(bare(0, 0, ms(7000)), 1));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_NEVER_STARTED)->cleared_ns, ms(7000));
    rig_tick(&rig, ms(11999));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    rig_tick(&rig, ms(12000));
    assert_int_equal(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_NEVER_STARTED, 1)->stream, book);
    rig_stop(&rig);
}

static void a_mute_route_while_another_delivers_is_the_wrong_route(void **state)
{
    (void)state;
    start();
    const uint32_t market = rig_connection(&rig, MARKET);
    (void)add_stream(false, 0, market);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1)); /* before: does not count */
    up(&rig, market, 1, 0, ms(20));
    send(&rig, with_id(bare(0, 0, ms(30)), 2));
    send(&rig, with_id(bare(0, 0, ms(40)), 3));
    drained(0, 1, ms(9000));
    drained(market, 1, ms(9000));
    rig_tick(&rig, ms(9000));
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_WRONG_ROUTE);
    assert_found(fault);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(fault->connection, market);
    assert_int_equal(fault->evidence[2], 2);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
    rig_stop(&rig);
}

static void first_data_is_not_missed_beyond_the_watermark(void **state)
{
    (void)state;
    start();
    (void)add_stream(true, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    drained(0, 1, ms(4999));
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void late_first_data_is_accused_at_its_deadline_even_if_nobody_looked_between(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(6000)), 1));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->at_ns, ms(5000));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_NEVER_STARTED)->cleared_ns, ms(6000));
    rig_stop(&rig);
}

static void a_late_first_frame_of_a_stream_is_accused_at_its_deadline(void **state)
{
    (void)state;
    start();
    const uint32_t book = add_stream(true, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, with_id(bare(book, 0, ms(6000)), 1));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->at_ns, ms(5000));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_NEVER_STARTED)->cleared_ns, ms(6000));
    rig_stop(&rig);
}

static void a_mute_connection_wakes_the_judge_at_its_deadline(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 1, ms(0));
    assert_int_equal(detector_next_deadline(rig.detector), ms(5000));
    drained(0, 1, ms(5000));
    rig_tick(&rig, ms(5000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_int_equal(detector_next_deadline(rig.detector), DETECTOR_NEVER);
    rig_stop(&rig);
}

static void of_two_reasons_to_stay_closed_the_one_that_stands_is_shown(void **state)
{
    (void)state;
    struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    policy.lease_on[FLATLINE_FAULT_GAP] = LEASE_REVOKE;
    rig_start(&rig, &policy);
    rig_leg(&rig, rig_stream(&rig, &traits), rig_connection(&rig, 0));
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_prev(with_id(bare(0, 0, ms(10)), 10), 9));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    up(&rig, 0, 2, 2, ms(30)); /* complete only after two answers */
    send(&rig, with_prev(with_id(bare(0, 0, ms(40)), 20), 19));
    send(&rig, with_prev(with_id(bare(0, 0, ms(50)), 30), 25)); /* a gap on top */
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_DOWN);
    send(&rig, rig_event(EVENT_ACK, 0, ms(60)));
    send(&rig, rig_event(EVENT_ACK, 0, ms(61)));
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_GAP);
    send(&rig, with_prev(with_id(bare(0, 0, ms(70)), 31), 30));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3070));
    assert_int_equal(rig_view(&rig, 0)->lost_count, 1);
    rig_stop(&rig);
}

static void a_recording_without_an_opening_owes_no_first_data(void **state)
{
    (void)state;
    start();
    (void)add_stream(true, 0, 0);
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    rig_tick(&rig, ms(90000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void a_stream_neither_acknowledged_nor_delivered_is_missing_from_the_inventory(void **state)
{
    (void)state;
    start();
    const uint32_t other = add_stream(false, 0, 0);
    up(&rig, 0, 1, 1, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(9000));
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED);
    assert_int_equal(fault->stream, other);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(fault->evidence[1], 0); /* not acknowledged */
    assert_int_equal(fault->evidence[3], 1);
    rig_stop(&rig);
}

static void a_list_shorter_than_ours_names_the_silent_stream(void **state)
{
    (void)state;
    start();
    const uint32_t other = add_stream(false, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    struct event inventory = rig_event(EVENT_INVENTORY, 0, ms(20));
    inventory.note.value = 1;
    send(&rig, inventory);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->stream, other);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->evidence[3], 1);
    rig_stop(&rig);
}

static void a_list_that_explains_nothing_accuses_the_connection_until_it_is_whole(void **state)
{
    (void)state;
    start();
    (void)add_stream(false, 0, 0);
    (void)add_stream(false, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    struct event inventory = rig_event(EVENT_INVENTORY, 0, ms(20));
    inventory.note.value = 2;
    send(&rig, inventory);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->scope,
                     FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->evidence[3], 1);
    inventory.recv_mono_ns = ms(30);
    inventory.note.value = 3;
    send(&rig, inventory);
    assert_found(rig_clear(&rig, FLATLINE_FAULT_NEVER_STARTED));
    rig_stop(&rig);
}

static void a_refused_subscription_is_never_started_at_once_with_the_venues_words(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    struct event refusal = rig_event(EVENT_SUBSCRIBE_ERROR, 0, ms(5));
    refusal.stream = 0;
    memcpy(refusal.note.text, "no such channel", sizeof("no such channel"));
    send(&rig, refusal);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->stream, 0);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->at_ns, ms(5));
    assert_string_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->text, "no such channel");
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->evidence[3], 1);
    rig_stop(&rig);
}

static void a_later_answer_moves_the_wait_for_first_data(void **state)
{
    (void)state;
    start();
    const uint32_t book = add_stream(true, 0, 0);
    up(&rig, 0, 1, 2, ms(0));
    drained(0, 1, ms(20000));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, rig_event(EVENT_ACK, 0, ms(100)));
    send(&rig, rig_event(EVENT_ACK, 0, ms(4000))); /* requests go out one by one */
    rig_tick(&rig, ms(8999));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->stream, book);
    rig_stop(&rig);
}

static void of_two_findings_of_one_kind_the_other_stays_shown(void **state)
{
    (void)state;
    start();
    (void)add_stream(false, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, rig_event(EVENT_SUBSCRIBE_ERROR, 0, ms(5))); /* of nobody knows which stream */
    detector_watermark(rig.detector, 0, 1, ms(6000));
    rig_tick(&rig, ms(6000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 2);
    send(&rig, with_id(bare(0, 0, ms(6001)), 1)); /* ends the silence, not the refusal */
    assert_int_equal(rig_count(&rig, FINDING_CLEAR), 1);
    assert_int_equal(rig_view(&rig, 0)->open_faults, 1ULL << FLATLINE_FAULT_NEVER_STARTED);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_that_must_start_and_does_not_is_never_started_by_itself),
        cmocka_unit_test(a_timer_slower_than_the_deadline_has_two_periods),
        cmocka_unit_test(a_stream_that_may_be_quiet_is_never_accused_while_its_connection_delivers),
        cmocka_unit_test(acknowledged_and_nothing_is_never_started_of_the_whole_connection),
        cmocka_unit_test(
            once_an_accused_connection_delivers_each_of_its_streams_is_held_to_account),
        cmocka_unit_test(a_mute_route_while_another_delivers_is_the_wrong_route),
        cmocka_unit_test(depth_must_start_once_its_book_is_shown_to_move),
        cmocka_unit_test(depth_of_a_book_that_stands_still_may_begin_when_it_moves),
        cmocka_unit_test(first_data_is_not_missed_beyond_the_watermark),
        cmocka_unit_test(late_first_data_is_accused_at_its_deadline_even_if_nobody_looked_between),
        cmocka_unit_test(a_late_first_frame_of_a_stream_is_accused_at_its_deadline),
        cmocka_unit_test(a_mute_connection_wakes_the_judge_at_its_deadline),
        cmocka_unit_test(of_two_reasons_to_stay_closed_the_one_that_stands_is_shown),
        cmocka_unit_test(a_recording_without_an_opening_owes_no_first_data),
        cmocka_unit_test(a_stream_neither_acknowledged_nor_delivered_is_missing_from_the_inventory),
        cmocka_unit_test(a_list_shorter_than_ours_names_the_silent_stream),
        cmocka_unit_test(a_list_that_explains_nothing_accuses_the_connection_until_it_is_whole),
        cmocka_unit_test(a_refused_subscription_is_never_started_at_once_with_the_venues_words),
        cmocka_unit_test(a_later_answer_moves_the_wait_for_first_data),
        cmocka_unit_test(of_two_findings_of_one_kind_the_other_stays_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
