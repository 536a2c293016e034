/* SPDX-License-Identifier: MIT
 *
 * Goal: two of three missing beats say what is mute, from the first missed on; one proves nothing, and
 * neither does an irregular metronome, a late connection, our own stall or another life.
 *
 * Method: a book and a depth on one route, a mark price and trades on another, on a virtual clock.
 */
#include "core/metronome.h"
#include "unit/detector_rig.h"

static struct rig rig;

enum { DEPTH, MARK, TRADES };

enum { PUBLIC, MARKET };

static uint32_t add_stream(uint64_t period_ns, uint32_t connection)
{
    struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
    traits.period_ns = period_ns;
    traits.stream_class = period_ns > 0 ? FLATLINE_CLASS_TIMER : FLATLINE_CLASS_OTHER;
    traits.stale_after_ns = 3600 * NS_PER_S; /* leases are not what is asked here */
    const uint32_t stream = rig_stream(&rig, &traits);
    rig_leg(&rig, stream, connection);
    return stream;
}

static void start(void)
{
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, PUBLIC);
    (void)rig_connection(&rig, MARKET);
    (void)add_stream(0, PUBLIC);
    (void)add_stream(NS_PER_S, MARKET);
    (void)add_stream(0, MARKET);
    up(&rig, PUBLIC, 1, 0, ms(0));
    up(&rig, MARKET, 1, 0, ms(0));
}

static void frame(uint32_t stream, uint64_t at_ms)
{
    send(&rig, with_lag(bare(stream, stream == DEPTH ? PUBLIC : MARKET, ms(at_ms)), 0));
}

static void pass(uint64_t at_ms)
{
    detector_watermark(rig.detector, PUBLIC, 1, ms(at_ms));
    detector_watermark(rig.detector, MARKET, 1, ms(at_ms));
    rig_tick(&rig, ms(at_ms));
}

/* Time goes on in steps of 50 ms; what is told to speak does: trades and depth in every step, the
 * mark price on its second. */
static void run(uint64_t from_ms, uint64_t to_ms, bool mark, bool trades, bool depth)
{
    for (uint64_t at = from_ms; at < to_ms; at += 50) {
        if (depth) {
            frame(DEPTH, at);
        }
        if (trades) {
            frame(TRADES, at);
        }
        if (mark && at % 1000 == 100) {
            frame(MARK, at);
        }
        pass(at);
    }
}

static void beats_alone_accuse_nobody(void **state)
{
    (void)state;
    start();
    run(0, 60000, true, true, true);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

/* The venue stands still over two beats, and its other data comes a moment before the next beat. */
static void beats_that_a_pause_of_all_their_connection_took_away_accuse_nobody(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true); /* the last beat at 19100 */
    run(20000, 21550, false, false, false);
    run(21550, 60000, true, true, true);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    run(60000, 61550, false, false, false); /* but if they do not come behind it ... */
    run(61550, 64000, false, true, true);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->stream, MARK);
    rig_stop(&rig);
}

static void a_stream_whose_beats_stop_while_its_connection_delivers_is_mute(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true); /* the last beat at 19100 */
    run(20000, 21600, false, true, true);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    run(21600, 30000, false, true, true);
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_found(mute);
    assert_int_equal(mute->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(mute->stream, MARK);
    assert_int_equal(mute->connection, MARKET);
    assert_int_equal(mute->onset_ns, ms(20100)); /* the first beat that was missed was due then */
    assert_int_equal(mute->at_ns, ms(21600));    /* the second at 21100, and half a period more */
    assert_int_equal(mute->evidence[0], 2);
    assert_int_equal(mute->evidence[1], 3);
    assert_string_equal(mute->text, "2 of 3 beats missed, each 1 s");
    assert_int_equal(rig_view(&rig, MARK)->revoked_by, FLATLINE_FAULT_MUTE);
    assert_int_equal(rig_view(&rig, TRADES)->lost_count, 0);
    frame(MARK, 30100);
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_MUTE)->cleared_ns, ms(30100));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    rig_stop(&rig);
}

static void a_route_that_falls_silent_with_its_metronome_is_mute_as_a_whole(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    run(20000, 30000, false, false, true);
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_found(mute);
    assert_int_equal(mute->scope, FLATLINE_SCOPE_ROUTE); /* the other route goes on */
    assert_int_equal(mute->stream, EVENT_NO_STREAM);
    assert_int_equal(mute->connection, MARKET);
    assert_int_equal(mute->onset_ns, ms(20100));
    assert_int_equal(rig_view(&rig, TRADES)->revoked_by, FLATLINE_FAULT_MUTE);
    assert_int_equal(rig_view(&rig, DEPTH)->lost_count, 0); /* it proves nothing of another route */
    frame(TRADES, 30000);
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    frame(TRADES, 30010);
    assert_int_not_equal(rig_view(&rig, TRADES)->lease_until_ns, 0);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    rig_stop(&rig);
}

static void venue_status(int64_t code, uint64_t at_ms)
{
    struct event event = rig_event(EVENT_VENUE_STATUS, EVENT_NO_CONNECTION, ms(at_ms));
    event.note.code = code;
    event.note.value = FLATLINE_VENUE_BINANCE_USDM;
    send(&rig, event);
}

static void beats_that_maintenance_explains_are_told_once_it_is_over(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    venue_status(1, 20000);
    run(20000, 30000, false, true, true);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    venue_status(0, 30000);
    assert_found(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

static void a_route_that_is_mute_by_its_beats_explains_its_streams(void **state)
{
    (void)state;
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, PUBLIC);
    (void)rig_connection(&rig, MARKET);
    (void)add_stream(0, PUBLIC);
    (void)add_stream(NS_PER_S, MARKET);
    struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
    traits.silent_after_ns = 5 * NS_PER_S;
    rig_leg(&rig, rig_stream(&rig, &traits), MARKET);
    up(&rig, PUBLIC, 1, 0, ms(0));
    up(&rig, MARKET, 1, 0, ms(0));
    run(0, 20000, true, true, true);
    run(20000, 30000, false, false, true);
    assert_found(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    frame(MARK, 30100); /* the others may be quiet yet */
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_stop(&rig);
}

static void a_venue_that_stands_still_is_no_fault_of_its_connections(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    run(20000, 30000, false, false, false);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    run(30000, 30500, false, false, true); /* the other route is back, but not yet for two beats */
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    run(30500, 35000, false, false, true);
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_int_equal(mute->scope, FLATLINE_SCOPE_ROUTE);
    assert_int_equal(mute->onset_ns, ms(20100)); /* it has been silent all the time */
    assert_int_equal(mute->at_ns, ms(31600));    /* two beats, 30100 and 31100, and half a period */
    rig_stop(&rig);
}

static void a_connection_that_is_alone_is_named_and_one_of_two_on_its_route_too(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, false); /* nothing ever came over the other route */
    run(20000, 30000, false, false, false);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->scope, FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
    start();
    const uint32_t twin = rig_connection(&rig, MARKET);
    rig_leg(&rig, TRADES, twin);
    for (uint64_t at = 0; at < 30000; at += 50) {
        send(&rig, with_lag(bare(TRADES, twin, ms(at)), 0));
        run(at, at + 50, at < 20000, at < 20000, true);
    }
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->connection, MARKET);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->scope, FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

static void a_connection_that_stalls_after_a_missed_beat_is_not_judged_by_it(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    run(20000, 20700, false, true, true);  /* one missed beat, its stream's own */
    run(20700, 22600, false, false, true); /* then all waits: 1.9 s are not yet two beats missed */
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    /* What waited comes in its order: first trades, by which the connection is seen to be late. */
    send(&rig, with_lag(bare(TRADES, MARKET, ms(22590)), 1890 * (int64_t)NS_PER_MS));
    pass(22601);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    send(&rig, with_lag(bare(MARK, MARKET, ms(22602)), 1500 * (int64_t)NS_PER_MS));
    run(22650, 24000, true, true, true); /* and comes */
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

static void two_of_three_are_enough_though_one_came_between(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    run(20000, 21000, false, true, true);
    run(21000, 22000, true, true, true);
    run(22000, 22600, false, true, true);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    run(22600, 22700, false, true, true);
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_found(mute);
    assert_int_equal(mute->onset_ns, ms(20100));
    assert_int_equal(mute->at_ns, ms(22600));
    rig_stop(&rig);
}

static void one_missed_beat_now_and_then_proves_nothing(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    for (uint64_t at = 20000; at < 100000; at += 10000) {
        run(at, at + 1000, false, true, true);
        run(at + 1000, at + 10000, true, true, true);
    }
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void a_metronome_that_was_never_regular_proves_nothing(void **state)
{
    (void)state;
    start();
    for (uint64_t at = 100; at < 90000; at += 1700) { /* no second, and no period of one */
        frame(MARK, at);
        run(at + 50, at + 1700, false, true, true);
    }
    run(92000, 120000, false, true, true);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void a_channel_that_also_speaks_on_change_is_held_to_its_longest_wait(void **state)
{
    (void)state;
    struct metronome metronome = {.period_ns = 10 * NS_PER_S};
    for (uint64_t at = 0; at < 3000; at += 200) {
        metronome_beat(&metronome, ms(at));
    }
    assert_int_equal(metronome_due_ns(&metronome), ms(2800 + 20000 + 5000));
    assert_int_equal(metronome_onset_ns(&metronome), ms(2800 + 10000));
}

static void jitter_moves_the_expectation_by_a_quarter(void **state)
{
    (void)state;
    struct metronome metronome = {.period_ns = NS_PER_S};
    metronome_beat(&metronome, ms(0));
    assert_int_equal(metronome.expected_ns, ms(1000));
    metronome_beat(&metronome, ms(1200));
    assert_int_equal(metronome.expected_ns, ms(2050));
    metronome_beat(&metronome, ms(1850));
    assert_int_equal(metronome.expected_ns, ms(3000));
}

static void a_late_connection_is_given_its_lag(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    for (uint64_t at = 20000; at < 21850; at += 50) { /* all comes 700 ms late by now */
        send(&rig, with_lag(bare(TRADES, MARKET, ms(at)), 700 * (int64_t)NS_PER_MS));
        pass(at);
    }
    frame(MARK, 21850);
    run(21900, 22000, false, true, true);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

static void our_own_stall_and_another_life_forgive(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    stall(&rig, ms(20000), ms(25000));
    pass(25000);
    run(25000, 26400, false, true, true); /* less than two beats from the first drained pass */
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    run(26400, 30000, false, true, true);
    assert_found(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    down(&rig, MARKET, 1, LINK_END_ERROR, 104, ms(30000));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    up(&rig, MARKET, 2, 0, ms(30100));
    for (uint64_t at = 30200; at < 40000; at += 50) { /* no beat has been seen in this life */
        frame(TRADES, at);
        detector_watermark(rig.detector, PUBLIC, 1, ms(at));
        detector_watermark(rig.detector, MARKET, 2, ms(at));
        rig_tick(&rig, ms(at));
    }
    assert_absent(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_MUTE, 1));
    rig_stop(&rig);
}

static void no_beat_is_missed_beyond_the_watermark(void **state)
{
    (void)state;
    start();
    run(0, 20000, true, true, true);
    detector_watermark(rig.detector, PUBLIC, 1, ms(60000));
    rig_tick(&rig, ms(60000));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

/* ---- pings ----------------------------------------------------------------------------------- */

static void pinged(uint32_t connection, uint64_t at_ms)
{
    send(&rig, rig_event(EVENT_PING, connection, ms(at_ms)));
}

static void start_pinged(void)
{
    start();
    detector_set_pings(rig.detector, PUBLIC, 20 * NS_PER_S, 0);
    for (uint64_t at = 0; at < 200000; at += 20000) {
        pinged(PUBLIC, at);
        frame(DEPTH, at + 10);
        pass(at + 10);
    }
}

static void pings_that_stop_while_data_flows_accuse_nobody(void **state)
{
    (void)state;
    start_pinged();
    run(200050, 500000, false, false, true);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

static void data_that_stops_while_pings_come_is_not_their_business(void **state)
{
    (void)state;
    start_pinged();
    for (uint64_t at = 200000; at < 500000; at += 20000) {
        pinged(PUBLIC, at);
        pass(at);
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

static void a_connection_without_pings_and_any_other_frame_is_mute(void **state)
{
    (void)state;
    start_pinged(); /* the last at 180000, then data at 180010 */
    for (uint64_t at = 181000; at < 229900; at += 1000) {
        pass(at);
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    pass(240000);
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_found(mute);
    assert_int_equal(mute->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(mute->onset_ns, ms(200000));
    assert_int_equal(mute->at_ns, ms(230000));
    assert_string_equal(mute->text, "2 of 3 beats missed, each 20 s");
    pinged(PUBLIC, 241000);
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beats_alone_accuse_nobody),
        cmocka_unit_test(beats_that_a_pause_of_all_their_connection_took_away_accuse_nobody),
        cmocka_unit_test(a_stream_whose_beats_stop_while_its_connection_delivers_is_mute),
        cmocka_unit_test(a_route_that_falls_silent_with_its_metronome_is_mute_as_a_whole),
        cmocka_unit_test(beats_that_maintenance_explains_are_told_once_it_is_over),
        cmocka_unit_test(a_route_that_is_mute_by_its_beats_explains_its_streams),
        cmocka_unit_test(a_venue_that_stands_still_is_no_fault_of_its_connections),
        cmocka_unit_test(a_connection_that_is_alone_is_named_and_one_of_two_on_its_route_too),
        cmocka_unit_test(a_connection_that_stalls_after_a_missed_beat_is_not_judged_by_it),
        cmocka_unit_test(two_of_three_are_enough_though_one_came_between),
        cmocka_unit_test(one_missed_beat_now_and_then_proves_nothing),
        cmocka_unit_test(a_metronome_that_was_never_regular_proves_nothing),
        cmocka_unit_test(a_channel_that_also_speaks_on_change_is_held_to_its_longest_wait),
        cmocka_unit_test(jitter_moves_the_expectation_by_a_quarter),
        cmocka_unit_test(a_late_connection_is_given_its_lag),
        cmocka_unit_test(our_own_stall_and_another_life_forgive),
        cmocka_unit_test(no_beat_is_missed_beyond_the_watermark),
        cmocka_unit_test(pings_that_stop_while_data_flows_accuse_nobody),
        cmocka_unit_test(data_that_stops_while_pings_come_is_not_their_business),
        cmocka_unit_test(a_connection_without_pings_and_any_other_frame_is_mute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
