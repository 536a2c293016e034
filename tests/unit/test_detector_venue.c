/* SPDX-License-Identifier: MIT
 *
 * Goal: what a venue says of itself is told once, stands until it says otherwise, and moves no lease.
 *
 * Method: maintenance and symbol news on a virtual clock, between frames of streams of two venues.
 */
#include "unit/detector_rig.h"

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
        cmocka_unit_test(a_halted_symbol_is_told_once_for_all_its_streams),
        cmocka_unit_test(news_of_what_nobody_watches_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
