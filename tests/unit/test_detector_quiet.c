/* SPDX-License-Identifier: MIT
 *
 * Goal: a lapsed stream counts as only quiet while others of its connection go on and nothing is owed;
 * in all doubt it does not.
 *
 * Method: two streams on one connection on a virtual clock, watermarks by hand; where it matters a
 * third on another.
 */
#include "unit/detector_rig.h"

static struct rig rig;

enum { THIN, BUSY, ELSEWHERE };

static uint32_t add_stream(enum flatline_class stream_class, uint32_t connection)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    traits.stream_class = stream_class;
    const uint32_t stream = rig_stream(&rig, &traits);
    rig_leg(&rig, stream, connection);
    return stream;
}

static void start_with(enum flatline_class busy_class)
{
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, 0);
    (void)rig_connection(&rig, 0);
    (void)add_stream(FLATLINE_CLASS_BOOK, 0);
    (void)add_stream(busy_class, 0);
    (void)add_stream(FLATLINE_CLASS_BOOK, 1);
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 1, 1, 0, ms(0));
}

static void start(void)
{
    start_with(FLATLINE_CLASS_BOOK);
}

static struct event frame(uint32_t stream, uint64_t id, uint64_t at_ns)
{
    return with_prev(with_id(bare(stream, stream == ELSEWHERE ? 1 : 0, at_ns), id),
                     (int64_t)id - 1);
}

/* Time passes up to at_ns, and all is known to be read. */
static void pass(uint64_t at_ns)
{
    detector_watermark(rig.detector, 0, 1, at_ns);
    detector_watermark(rig.detector, 1, 1, at_ns);
    rig_tick(&rig, at_ns);
}

/* A stream speaks every 50 ms; its ids tell the time. */
static void chatter(uint32_t stream, uint64_t from_ms, uint64_t to_ms)
{
    for (uint64_t at = from_ms; at <= to_ms; at += 50) {
        send(&rig, with_prev(frame(stream, at, ms(at)), (int64_t)at - 50));
        pass(ms(at));
    }
}

static uint64_t quiet_until(uint32_t stream)
{
    return rig_view(&rig, stream)->quiet_until_ns;
}

static void a_lapsed_stream_is_quiet_as_long_as_another_of_its_connection_speaks(void **state)
{
    (void)state;
    start();
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 10000);
    assert_int_equal(rig_view(&rig, THIN)->lease_until_ns, ms(3050));
    assert_found(rig_lapse(&rig, 0));
    assert_in_range(
        quiet_until(THIN), ms(12850), ms(13000)); /* the other's last word + stale_after */
    pass(ms(20000));
    assert_int_equal(quiet_until(THIN), ms(13000)); /* it fell silent, too */
    assert_int_equal(quiet_until(BUSY), ms(3050));  /* nobody spoke beside it since */
    rig_stop(&rig);
}

static void it_is_known_to_be_quiet_before_it_lapses(void **state)
{
    (void)state;
    start();
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 3000);
    assert_absent(rig_lapse(&rig, 0));
    assert_in_range(quiet_until(THIN), ms(5700), ms(6000));
    rig_stop(&rig);
}

static void a_stricter_gate_has_it_looked_at_as_much_earlier(void **state)
{
    (void)state;
    const struct detector_policy policy = rig_policy();
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, 0);
    (void)rig_connection(&rig, 0);
    traits.quiet_ahead_ns = 2 * NS_PER_S;
    rig_leg(&rig, rig_stream(&rig, &traits), 0);
    (void)add_stream(FLATLINE_CLASS_BOOK, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 1000);
    assert_true(quiet_until(THIN) >= ms(3800));
    rig_stop(&rig);
}

static void another_connection_says_nothing_of_this_one(void **state)
{
    (void)state;
    start();
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(ELSEWHERE, 50, 6000);
    assert_found(rig_lapse(&rig, 0));
    assert_int_equal(quiet_until(THIN), 0);
    rig_stop(&rig);
}

static void a_timer_says_nothing_of_a_market(void **state)
{
    (void)state;
    start_with(FLATLINE_CLASS_TIMER);
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 6000);
    assert_found(rig_lapse(&rig, 0));
    assert_int_equal(quiet_until(THIN), 0);
    rig_stop(&rig);
}

static void repeats_and_late_news_are_no_sign_of_life(void **state)
{
    (void)state;
    start();
    send(&rig, with_lag(frame(THIN, 7, ms(50)), 0));
    send(&rig, with_lag(frame(BUSY, 1, ms(60)), 0));
    for (uint64_t at = 100; at < 4000; at += 300) { /* the same again */
        send(&rig, with_lag(frame(BUSY, 1, ms(at)), 0));
        pass(ms(at));
    }
    assert_int_equal(quiet_until(THIN), ms(3060));
    /* News comes, but 2 s late: it shows life of 2 s ago. */
    send(&rig, with_lag(frame(BUSY, 2, ms(4000)), 2000 * (int64_t)NS_PER_MS));
    pass(ms(4150));
    assert_in_range(quiet_until(THIN), ms(4999), ms(5001));
    rig_stop(&rig);
}

static void an_open_fault_ends_it_at_once_and_its_end_lets_it_go_on(void **state)
{
    (void)state;
    start();
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 5000);
    assert_true(quiet_until(THIN) > ms(7000));
    send(&rig, with_prev(frame(BUSY, 9000, ms(5001)), 8000)); /* a gap of the other: not its own */
    assert_true(quiet_until(THIN) > ms(7000));
    /* Its own: a frame that is older than what it has shown. */
    send(&rig, frame(THIN, 3, ms(5010)));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_REGRESSED));
    assert_int_equal(quiet_until(THIN), ms(5010));
    send(&rig, with_prev(frame(BUSY, 9001, ms(5900)), 9000));
    pass(ms(6000));
    assert_int_equal(quiet_until(THIN), ms(5010)); /* still owed */
    send(&rig, with_prev(frame(THIN, 8, ms(6010)), 7));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_REGRESSED));
    for (uint64_t at = 6100; at < 9300; at += 100) {
        send(&rig,
             with_prev(frame(BUSY, at + 9000, ms(at)), at == 6100 ? 9001 : (int64_t)at + 8900));
        pass(ms(at));
    }
    assert_int_equal(rig_view(&rig, THIN)->lease_until_ns, ms(9010));
    assert_true(quiet_until(THIN) > ms(12000));
    rig_stop(&rig);
}

static void what_was_revoked_or_never_began_is_never_quiet(void **state)
{
    (void)state;
    start();
    chatter(BUSY, 50, 5000);
    assert_int_equal(quiet_until(THIN), 0);
    send(&rig, frame(THIN, 7, ms(5010)));
    for (uint64_t at = 5050; at < 9000; at += 50) {
        send(&rig, with_prev(frame(BUSY, at, ms(at)), (int64_t)at - 50));
        pass(ms(at));
    }
    assert_true(quiet_until(THIN) > ms(11000));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(9000));
    assert_int_equal(rig_view(&rig, THIN)->lease_until_ns, 0);
    assert_int_equal(quiet_until(THIN), 0);
    pass(ms(9500));
    assert_int_equal(quiet_until(THIN), 0);
    rig_stop(&rig);
}

static void a_twin_that_delivers_is_enough_and_one_that_owes_is_too_much(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, THIN, 1);
    send(&rig, frame(THIN, 7, ms(50)));
    send(&rig, with_id(bare(THIN, 1, ms(55)), 7));
    chatter(ELSEWHERE, 100, 4000); /* speaks on connection 1 */
    assert_true(quiet_until(THIN) > ms(6500));
    send(&rig,
         with_prev(with_id(bare(THIN, 0, ms(4010)), 7), 3)); /* the first leg repeats itself */
    send(&rig, with_id(bare(THIN, 0, ms(4020)), 5));         /* and goes back */
    assert_found(rig_fault(&rig, FLATLINE_FAULT_REGRESSED));
    assert_int_equal(quiet_until(THIN), ms(4020));
    rig_stop(&rig);
}

static void a_symbol_that_does_not_trade_is_not_quiet(void **state)
{
    (void)state;
    start();
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 5000);
    assert_true(quiet_until(THIN) > ms(7000));
    struct event halted = rig_event(EVENT_SYMBOL_STATUS, EVENT_NO_CONNECTION, ms(5010));
    halted.stream = THIN;
    halted.note.code = 1; /* and another stream of the symbol speaks for it: no fault of this one */
    send(&rig, halted);
    for (uint64_t at = 5050; at < 5300; at += 50) {
        send(&rig, with_prev(frame(BUSY, at, ms(at)), (int64_t)at - 50));
        pass(ms(at));
    }
    assert_true(quiet_until(THIN) <= ms(5150));
    rig_stop(&rig);
}

static void an_announced_end_and_our_own_stall_do_not_make_it_suspect(void **state)
{
    (void)state;
    start();
    send(&rig, frame(THIN, 7, ms(50)));
    chatter(BUSY, 50, 5000);
    const uint64_t before = quiet_until(THIN);
    struct event notice = rig_event(EVENT_NOTICE, 0, ms(5001));
    send(&rig, notice);
    stall(&rig, ms(5001), ms(5100));
    assert_int_equal(quiet_until(THIN), before);
    send(&rig, with_prev(frame(BUSY, 6000, ms(5150)), 5000));
    pass(ms(5200));
    assert_int_equal(quiet_until(THIN), ms(8150));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lapsed_stream_is_quiet_as_long_as_another_of_its_connection_speaks),
        cmocka_unit_test(it_is_known_to_be_quiet_before_it_lapses),
        cmocka_unit_test(a_stricter_gate_has_it_looked_at_as_much_earlier),
        cmocka_unit_test(another_connection_says_nothing_of_this_one),
        cmocka_unit_test(a_timer_says_nothing_of_a_market),
        cmocka_unit_test(repeats_and_late_news_are_no_sign_of_life),
        cmocka_unit_test(an_open_fault_ends_it_at_once_and_its_end_lets_it_go_on),
        cmocka_unit_test(what_was_revoked_or_never_began_is_never_quiet),
        cmocka_unit_test(a_twin_that_delivers_is_enough_and_one_that_owes_is_too_much),
        cmocka_unit_test(a_symbol_that_does_not_trade_is_not_quiet),
        cmocka_unit_test(an_announced_end_and_our_own_stall_do_not_make_it_suspect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
