/* SPDX-License-Identifier: MIT
 *
 * Goal: what a venue says of itself is told once, stands until it says otherwise, and moves no lease.
 *
 * Method: maintenance and symbol news on a virtual clock, between frames of streams of two venues.
 */
#include "unit/detector_rig.h"

#include "core/detector_venue.h"

static struct rig rig;

enum { BOOK, BBO, ELSEWHERE };

static void start(void)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    rig_leg(&rig, rig_stream(&rig, &traits), 0);
    traits.venue = FLATLINE_VENUE_OKX;
    const uint32_t elsewhere = rig_stream(&rig, &traits);
    const int connection = detector_add_connection(rig.detector, FLATLINE_VENUE_OKX, 0);
    assert_true(connection >= 0);
    rig_leg(&rig, elsewhere, (uint32_t)connection);
    send(&rig, with_id(bare(BOOK, 0, ms(0)), 1));
    send(&rig, with_id(bare(BBO, 0, ms(0)), 1));
    send(&rig, with_id(bare(ELSEWHERE, 1, ms(0)), 1));
}

static void maintenance(bool is_down, uint64_t venue, uint64_t at_ns)
{
    struct event event = rig_event(EVENT_VENUE_STATUS, EVENT_NO_CONNECTION, at_ns);
    event.note = (struct event_note){.code = is_down, .value = venue, .text = "upgrade"};
    send(&rig, event);
}

static void told(uint16_t connection, enum status_word word, uint32_t mark, uint64_t at_ns)
{
    struct event event = rig_event(EVENT_VENUE_STATUS, connection, at_ns);
    event.note = (struct event_note){
        .code = word, .value = status_value(FLATLINE_VENUE_OKX, mark, 0), .text = "upgrade"};
    send(&rig, event);
}

static void pushed(enum status_word word, uint32_t mark, uint64_t at_ns)
{
    told(1, word, mark, at_ns);
}

static void page_names(uint32_t mark, uint64_t at_ns)
{
    told(EVENT_NO_CONNECTION, STATUS_UNDER_WAY, mark, at_ns);
}

static void page_ends(uint64_t at_ns)
{
    told(EVENT_NO_CONNECTION, STATUS_TOLD_ALL, 0, at_ns);
}

static void halt(uint32_t stream, bool is_halted, bool speaks, uint64_t at_ns)
{
    struct event event = rig_event(EVENT_SYMBOL_STATUS, EVENT_NO_CONNECTION, at_ns);
    event.stream = stream;
    event.note = (struct event_note){.code = is_halted, .value = speaks, .text = "BREAK"};
    send(&rig, event);
}

static bool stands(uint32_t stream, enum flatline_fault_kind kind)
{
    return (rig_view(&rig, stream)->open_faults & (1ULL << kind)) != 0;
}

static void maintenance_stands_on_every_stream_of_its_venue_and_on_no_other(void **state)
{
    (void)state;
    start();
    const uint64_t lease = rig_view(&rig, BOOK)->lease_until_ns;
    maintenance(true, FLATLINE_VENUE_BINANCE_USDM, ms(10));
    maintenance(true, FLATLINE_VENUE_BINANCE_USDM, ms(20));
    const struct finding *told = rig_fault(&rig, FLATLINE_FAULT_MAINTENANCE);
    assert_int_equal(told->scope, FLATLINE_SCOPE_VENUE);
    assert_int_equal(told->blame, FLATLINE_SCOPE_VENUE);
    assert_int_equal(told->onset_ns, ms(10));
    assert_string_equal(told->text, "upgrade");
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_true(stands(BOOK, FLATLINE_FAULT_MAINTENANCE));
    assert_true(stands(BBO, FLATLINE_FAULT_MAINTENANCE));
    assert_false(stands(ELSEWHERE, FLATLINE_FAULT_MAINTENANCE));
    assert_int_equal(rig_view(&rig, BOOK)->lease_until_ns, lease);
    maintenance(false, FLATLINE_VENUE_BINANCE_USDM, ms(30));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_MAINTENANCE)->cleared_ns, ms(30));
    assert_false(stands(BBO, FLATLINE_FAULT_MAINTENANCE));
    assert_int_equal(rig_count(&rig, FINDING_REVOKE), 0);
    rig_stop(&rig);
}

static bool okx_is_down(void)
{
    return stands(ELSEWHERE, FLATLINE_FAULT_MAINTENANCE);
}

static void channel_and_page_tell_of_the_same_maintenance_and_either_ends_it(void **state)
{
    (void)state;
    start();
    pushed(STATUS_UNDER_WAY, 7, ms(10));
    pushed(STATUS_UNDER_WAY, 7, ms(20)); /* again, as after each subscribe */
    page_names(7, ms(30));
    page_ends(ms(30));
    pushed(STATUS_UNDER_WAY, 7, ms(35));
    assert_true(okx_is_down());
    pushed(STATUS_OVER, 7, ms(40));
    assert_false(okx_is_down());
    page_ends(ms(50));
    pushed(STATUS_UNDER_WAY, 8, ms(60));
    assert_true(okx_is_down());
    page_ends(ms(70)); /* it names none: the push that ended it was missed */
    assert_false(okx_is_down());
    page_names(9, ms(80)); /* the push was missed, and the next one ends it */
    page_ends(ms(80));
    assert_true(okx_is_down());
    pushed(STATUS_OVER, 9, ms(90));
    assert_false(okx_is_down());
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 3);
    assert_int_equal(rig_count(&rig, FINDING_CLEAR), 3);
    rig_stop(&rig);
}

static void a_venue_is_down_until_the_last_maintenance_is_over(void **state)
{
    (void)state;
    start();
    pushed(STATUS_UNDER_WAY, 7, ms(10));
    page_names(8, ms(20));
    page_names(7, ms(20));
    page_ends(ms(20));
    pushed(STATUS_OVER, 9, ms(30)); /* of a year ago, as after a subscribe */
    pushed(STATUS_OVER, 7, ms(40));
    assert_true(okx_is_down());
    pushed(STATUS_OVER, 8, ms(50));
    assert_false(okx_is_down());
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    for (uint32_t mark = 1; mark <= 2 * VENUE_WORKS_MAX; mark++) { /* more than anybody has seen */
        pushed(STATUS_UNDER_WAY, mark, ms(60));
    }
    for (uint32_t mark = 2 * VENUE_WORKS_MAX; mark > 0; mark--) {
        assert_true(okx_is_down());
        pushed(STATUS_OVER, mark, ms(70));
    }
    assert_false(okx_is_down());
    rig_stop(&rig);
}

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

static void announced(uint32_t mark, uint32_t minutes, uint64_t at_ns)
{
    struct event event = rig_event(EVENT_VENUE_STATUS, 1, at_ns);
    event.note = (struct event_note){.code = STATUS_UNDER_WAY,
                                     .value = status_value(FLATLINE_VENUE_OKX, mark, minutes)};
    send(&rig, event);
}

/* Stands until then, a tick there is asked for, and it ends there. */
static void runs_out_at(uint64_t at_ns)
{
    rig_tick(&rig, at_ns - 1);
    assert_true(okx_is_down());
    assert_int_equal(detector_next_deadline(rig.detector), at_ns);
    rig_tick(&rig, at_ns);
    assert_false(okx_is_down());
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_MAINTENANCE)->cleared_ns, at_ns);
}

static void a_maintenance_whose_end_was_missed_runs_out(void **state)
{
    (void)state;
    start();
    pushed(STATUS_UNDER_WAY, 7, ms(10));
    runs_out_at(ms(6 * HOUR_MS + 10)); /* its end is not announced */
    rig_stop(&rig);
    start();
    announced(7, 43, ms(10));
    runs_out_at(ms(HOUR_MS + 43 * MINUTE_MS + 10));
    rig_stop(&rig);
    start();
    announced(7, STATUS_MINUTES_MAX, ms(10));
    runs_out_at(ms(25 * HOUR_MS + 10)); /* nobody works for 31 years */
    rig_stop(&rig);
    start();
    announced(7, 600, ms(10));
    announced(8, 43, ms(HOUR_MS)); /* the same one: its begin was corrected */
    pushed(STATUS_OVER, 8, ms(HOUR_MS + 43 * MINUTE_MS));
    assert_true(okx_is_down());
    runs_out_at(ms(11 * HOUR_MS + 10));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_int_equal(rig_count(&rig, FINDING_CLEAR), 1);
    rig_stop(&rig);
    start();
    announced(7, 43, ms(10)); /* each by its own time */
    announced(8, 600, ms(10));
    pushed(STATUS_OVER, 7, ms(20));
    rig_tick(&rig, ms(10 * HOUR_MS));
    runs_out_at(ms(11 * HOUR_MS + 10));
    rig_stop(&rig);
}

static void a_maintenance_that_is_confirmed_does_not_run_out(void **state)
{
    (void)state;
    start();
    for (uint64_t hour = 0; hour < 48; hour++) {
        rig_tick(&rig, ms(hour * HOUR_MS));
        announced(7, 5, ms(hour * HOUR_MS)); /* the page, or the channel after a reconnect */
        assert_true(okx_is_down());
    }
    assert_int_equal(rig_count(&rig, FINDING_CLEAR), 0);
    runs_out_at(ms(48 * HOUR_MS + 5 * MINUTE_MS));
    rig_stop(&rig);
}

static void a_halted_symbol_is_told_once_for_all_its_streams(void **state)
{
    (void)state;
    start();
    halt(BOOK, true, true, ms(10));
    halt(BBO, true, false, ms(10));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    const struct finding *told = rig_fault(&rig, FLATLINE_FAULT_HALTED);
    assert_int_equal(told->stream, BOOK);
    assert_int_equal(told->blame, FLATLINE_SCOPE_VENUE);
    assert_string_equal(told->text, "BREAK");
    halt(BOOK, false, true, ms(20));
    halt(BBO, false, false, ms(20));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_HALTED)->cleared_ns, ms(20));
    assert_int_equal(rig_count(&rig, FINDING_CLEAR), 1);
    rig_stop(&rig);
}

/* BOOK must begin, and does not. */
static void
what_does_not_begin_for_a_reason_that_the_venue_told_is_not_accused_before_it_is_over(void **state)
{
    (void)state;
    for (uint32_t reason = 0; reason < 2; reason++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.pushes_on_subscribe = true;
        rig_start_one(&rig, &traits);
        rig_leg(&rig, rig_stream(&rig, &traits), 0);
        up(&rig, 0, 1, 0, ms(0));
        if (reason == 0) {
            maintenance(true, FLATLINE_VENUE_BINANCE_USDM, ms(10));
        } else {
            halt(BOOK, true, true, ms(10));
        }
        for (uint64_t at_ms = 100; at_ms < 60000; at_ms += 500) {
            send(&rig, with_id(bare(BBO, 0, ms(at_ms)), at_ms));
            detector_watermark(rig.detector, 0, 1, ms(at_ms));
            rig_tick(&rig, ms(at_ms));
        }
        assert_absent(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
        if (reason == 0) {
            maintenance(false, FLATLINE_VENUE_BINANCE_USDM, ms(60000));
        } else {
            halt(BOOK, false, true, ms(60000));
        }
        for (uint64_t at_ms = 60100; at_ms < 72000; at_ms += 500) {
            send(&rig, with_id(bare(BBO, 0, ms(at_ms)), at_ms));
            detector_watermark(rig.detector, 0, 1, ms(at_ms));
            rig_tick(&rig, ms(at_ms));
        }
        assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->stream, BOOK);
        rig_stop(&rig);
    }
}

static void news_of_what_nobody_watches_says_nothing(void **state)
{
    (void)state;
    start();
    maintenance(true, FLATLINE_VENUE_BINANCE_SPOT, ms(10)); /* no connection there */
    maintenance(true, 77, ms(10));
    halt(99, true, true, ms(10));
    maintenance(false, FLATLINE_VENUE_OKX, ms(10));
    assert_int_equal(rig_count(&rig, FINDING_FAULT) + rig_count(&rig, FINDING_CLEAR), 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maintenance_stands_on_every_stream_of_its_venue_and_on_no_other),
        cmocka_unit_test(channel_and_page_tell_of_the_same_maintenance_and_either_ends_it),
        cmocka_unit_test(a_venue_is_down_until_the_last_maintenance_is_over),
        cmocka_unit_test(a_maintenance_whose_end_was_missed_runs_out),
        cmocka_unit_test(a_maintenance_that_is_confirmed_does_not_run_out),
        cmocka_unit_test(a_halted_symbol_is_told_once_for_all_its_streams),
        cmocka_unit_test(
            what_does_not_begin_for_a_reason_that_the_venue_told_is_not_accused_before_it_is_over),
        cmocka_unit_test(news_of_what_nobody_watches_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
