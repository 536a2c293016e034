/* SPDX-License-Identifier: MIT
 *
 * Goal:   what another channel of the book or the twin has shown is owed, and nothing else is; a
 *         late connection, our own stall, a reconnect, a notice excuse; whoever has paid is clear.
 * Method: a book of depth and bookTicker, and twins, on the virtual clock of detector_rig.h; times
 *         are exact, so each deadline is tried on both sides.
 */
#include "core/frontier.h"
#include "core/lag_window.h"
#include "detector_rig.h"

#define ALLOWED 150U /* ms, of depth */

enum { DEPTH, BEST, OTHER };

static struct rig rig;

/* ---- a book ---------------------------------------------------------------------------------- */

static struct stream_traits depth_traits(void)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_PREV);
    traits.book = 7;
    traits.owes = OWES_ID;
    traits.owes_after_ns = ALLOWED * NS_PER_MS;
    return traits;
}

static struct stream_traits best_traits(void)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.book = 7;
    traits.owes = OWES_BEST;
    traits.owes_after_ns = 30 * NS_PER_MS;
    return traits;
}

/* depth, bookTicker and a stream of another book, all on connection 0; each has begun. */
static void book_start(void)
{
    const struct detector_policy policy = rig_policy();
    const struct stream_traits depth = depth_traits();
    const struct stream_traits best = best_traits();
    const struct stream_traits other = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, 0);
    rig_leg(&rig, rig_stream(&rig, &depth), 0);
    rig_leg(&rig, rig_stream(&rig, &best), 0);
    rig_leg(&rig, rig_stream(&rig, &other), 0);
}

static struct event timed(uint32_t stream, uint32_t connection, uint64_t at_ms, uint64_t id)
{
    return with_lag(with_id(bare(stream, connection, ms(at_ms)), id), 0);
}

static struct event depth(uint64_t at_ms, uint64_t id, uint64_t prev)
{
    return with_prev(timed(DEPTH, 0, at_ms, id), (int64_t)prev);
}

/* bookTicker: 100.0 @ size, 100.1 @ size. */
static struct event best(uint64_t at_ms, uint64_t id, uint32_t bid_size, uint32_t ask_size)
{
    struct event event = timed(BEST, 0, at_ms, id);
    event.data.bid_e8 = 1000;
    event.data.ask_e8 = 1001;
    event.data.bid_size = bid_size;
    event.data.ask_size = ask_size;
    return event;
}

/* depth that sets these levels; size 0: none on that side. */
static struct event
setting(struct event event, int64_t bid_e8, uint32_t bid, int64_t ask_e8, uint32_t ask)
{
    event.flags |= EVENT_SETS_LEVEL;
    event.data.bid_e8 = bid != 0 ? bid_e8 : 0;
    event.data.bid_size = bid;
    event.data.ask_e8 = ask != 0 ? ask_e8 : 0;
    event.data.ask_size = ask;
    return event;
}

/* Frames of another stream, so that the connection is seen to deliver: from, then every 10 ms. */
static void others_until(uint64_t from_ms, uint64_t to_ms)
{
    for (uint64_t at_ms = from_ms; at_ms <= to_ms; at_ms += 10) {
        rig_tick(&rig, ms(at_ms));
        send(&rig, timed(OTHER, 0, at_ms, 100000 + at_ms));
    }
}

static const struct finding *mute(void)
{
    return rig_fault(&rig, FLATLINE_FAULT_MUTE);
}

static void depth_owes_what_book_ticker_has_shown_from_the_first_id_it_missed(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(1, 10, 1, 1)); /* depth has shown it */
    send(&rig, best(100, 12, 2, 1));
    send(&rig, best(140, 13, 3, 1));
    others_until(150, 240);
    rig_tick(&rig, ms(100 + ALLOWED) - 1);
    assert_absent(mute());
    rig_tick(&rig, ms(100 + ALLOWED));
    assert_found(mute());
    assert_int_equal(mute()->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(mute()->stream, DEPTH);
    assert_int_equal(mute()->connection, 0);
    assert_int_equal(mute()->onset_ns, ms(100));
    assert_int_equal(mute()->at_ns, ms(100 + ALLOWED));
    assert_int_equal(mute()->evidence[0], 12);
    assert_int_equal(mute()->evidence[1], 10);
    assert_int_equal(mute()->evidence[2], ALLOWED * NS_PER_MS);
    assert_int_equal(mute()->evidence[3], 0);
    assert_int_equal(mute()->evidence[5], 0);
    assert_string_equal(mute()->text, "another channel has shown it");
    rig_stop(&rig);
}

static void a_leg_that_pays_in_time_owes_what_was_shown_beyond_that(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    send(&rig, best(180, 14, 3, 1));
    others_until(190, 230);
    send(&rig, depth(240, 13, 10)); /* pays for 12, not for 14 */
    others_until(250, 320);
    rig_tick(&rig, ms(180 + ALLOWED) - 1);
    assert_absent(mute());
    rig_tick(&rig, ms(180 + ALLOWED));
    assert_int_equal(mute()->onset_ns, ms(180));
    assert_int_equal(mute()->evidence[0], 14);
    rig_stop(&rig);
}

static void mute_revokes_and_the_frame_that_reaches_what_is_due_clears_and_reopens(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    others_until(110, 250);
    rig_tick(&rig, ms(260));
    assert_int_equal(rig_view(&rig, DEPTH)->revoked_by, FLATLINE_FAULT_MUTE);
    assert_int_equal(rig_view(&rig, DEPTH)->lease_until_ns, 0);
    assert_true(rig_view(&rig, BEST)->lease_until_ns > 0);
    send(&rig, best(270, 20, 3, 1));
    send(&rig, depth(280, 11, 10)); /* late, and behind still */
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    assert_int_equal(rig_view(&rig, DEPTH)->lease_until_ns, 0);
    send(&rig, depth(290, 15, 11)); /* 20 is not due yet */
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_MUTE)->cleared_ns, ms(290));
    assert_int_equal(rig_view(&rig, DEPTH)->lease_until_ns, ms(3290));
    assert_int_equal(rig_view(&rig, DEPTH)->open_faults, 0);
    rig_stop(&rig);
}

static void nothing_is_owed_before_a_legs_first_frame(void **state)
{
    (void)state;
    book_start();
    send(&rig, best(100, 12, 2, 1));
    others_until(110, 1000);
    assert_absent(mute());
    rig_stop(&rig);
}

static void the_lag_a_connection_has_shown_is_added_to_what_is_allowed(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(200, 12, 2, 1));
    send(&rig, with_lag(with_id(bare(OTHER, 0, ms(220)), 2), 70 * (int64_t)NS_PER_MS));
    others_until(230, 400);
    rig_tick(&rig, ms(200 + ALLOWED + 69)); /* the envelope rises meanwhile by some us */
    assert_absent(mute());
    rig_tick(&rig, ms(200 + ALLOWED + 70));
    assert_found(mute());
    assert_in_range(mute()->evidence[3], 69 * NS_PER_MS, 70 * NS_PER_MS);
    rig_stop(&rig);
}

static void where_the_connection_is_silent_its_next_frame_decides_with_its_lag(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    rig_tick(&rig, ms(300)); /* nothing since 100: no verdict at 250 */
    assert_absent(mute());
    send(&rig, with_lag(with_id(bare(OTHER, 0, ms(310)), 1), 190 * (int64_t)NS_PER_MS));
    rig_tick(&rig, ms(100 + ALLOWED + 190));
    assert_absent(mute()); /* silent again since 310: the next frame */
    send(&rig, timed(OTHER, 0, 450, 2));
    rig_tick(&rig, ms(450));
    assert_found(mute());
    assert_int_equal(mute()->at_ns, ms(450));
    assert_int_equal(mute()->onset_ns, ms(100));
    assert_in_range(mute()->evidence[4], 10 * NS_PER_MS, 11 * NS_PER_MS);
    rig_stop(&rig);
}

/* When all of a connection falls silent, what fell due since is no stream's fault. */
static void a_quarter_of_the_allowance_without_a_frame_is_silence(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    others_until(110, 210); /* 40 ms before the deadline; a quarter is 37.5 */
    rig_tick(&rig, ms(1000));
    assert_absent(mute());
    rig_stop(&rig);
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    others_until(110, 220);
    rig_tick(&rig, ms(1000));
    assert_found(mute());
    rig_stop(&rig);
}

static void a_late_frame_behind_a_silent_connection_is_no_fault(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    rig_tick(&rig, ms(400));
    send(&rig, depth(400, 12, 10));
    rig_tick(&rig, ms(1000));
    assert_absent(mute());
    rig_stop(&rig);
}

static void a_frame_without_time_may_be_as_late_as_the_silence_before_it(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    rig_tick(&rig, ms(300));
    send(&rig, with_id(bare(OTHER, 0, ms(310)), 1)); /* silent for 210: due at 100 + 150 + 210 */
    for (uint64_t at_ms = 320; at_ms < 460; at_ms += 10) {
        rig_tick(&rig, ms(at_ms));
        send(&rig, with_id(bare(OTHER, 0, ms(at_ms)), at_ms));
        assert_absent(mute());
    }
    rig_tick(&rig, ms(460));
    assert_found(mute());
    assert_int_equal(mute()->evidence[3], 210 * NS_PER_MS);
    rig_stop(&rig);
}

static void behind_a_long_silence_a_leg_is_given_one_more_allowance(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    rig_tick(&rig, ms(2000));
    send(&rig, timed(OTHER, 0, 2000, 1));
    rig_tick(&rig, ms(2000 + ALLOWED) - 1);
    assert_absent(mute());
    rig_tick(&rig, ms(2000 + ALLOWED)); /* and no second: one frame a while must do */
    assert_found(mute());
    rig_stop(&rig);
}

static void no_verdict_is_passed_beyond_the_watermark(void **state)
{
    (void)state;
    book_start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, depth(1, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    others_until(110, 240);
    detector_watermark(rig.detector, 0, 1, ms(249));
    rig_tick(&rig, ms(400));
    assert_absent(mute());
    detector_watermark(rig.detector, 0, 1, ms(250));
    rig_tick(&rig, ms(400));
    assert_int_equal(mute()->at_ns, ms(250));
    rig_stop(&rig);
}

static void our_own_stall_starts_every_allowance_again(void **state)
{
    (void)state;
    book_start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, depth(1, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    stall(&rig, ms(120), ms(220));
    detector_watermark(rig.detector, 0, 1, ms(225)); /* the first drained pass */
    rig_tick(&rig, ms(260));
    assert_absent(mute());
    for (uint64_t at_ms = 230; at_ms < 225 + ALLOWED; at_ms += 10) {
        send(&rig, timed(OTHER, 0, at_ms, at_ms));
    }
    detector_watermark(rig.detector, 0, 1, ms(1000));
    rig_tick(&rig, ms(225 + ALLOWED) - 1);
    assert_absent(mute());
    rig_tick(&rig, ms(225 + ALLOWED));
    assert_found(mute());
    rig_stop(&rig);
}

static void a_connection_that_ends_owes_nothing_and_its_faults_end_with_it(void **state)
{
    (void)state;
    book_start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, depth(1, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    others_until(110, 250);
    detector_watermark(rig.detector, 0, 1, ms(1000));
    rig_tick(&rig, ms(260));
    assert_found(mute());
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(300));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_MUTE)->cleared_ns, ms(300));
    up(&rig, 0, 2, 0, ms(400));
    detector_watermark(rig.detector, 0, 2, ms(5000));
    send(&rig, depth(410, 30, 25));
    others_until(420, 2000);
    assert_absent(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_MUTE, 1));
    rig_stop(&rig);
}

static void a_notice_explains_what_is_owed(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    send(&rig, best(100, 12, 2, 1));
    struct event notice = rig_event(EVENT_NOTICE, 0, ms(110));
    send(&rig, notice);
    others_until(120, 1000);
    assert_absent(mute());
    rig_stop(&rig);
}

/* ---- what a leg itself needs ----------------------------------------------------------------- */

/* Depth reaches what bookTicker shows after wait_ms, so many times; returns when that is over. */
static uint64_t waits_show(uint32_t count, uint64_t from_ms, uint64_t wait_ms)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at_ms = from_ms + i * 200;
        const uint64_t id = 10 + at_ms;
        send(&rig, best(at_ms, id, i + 1, 1));
        others_until(at_ms + 10, at_ms + wait_ms - 1);
        send(&rig, depth(at_ms + wait_ms, id, id - 1));
        rig_tick(&rig, ms(at_ms + wait_ms));
    }
    return from_ms + (uint64_t)count * 200;
}

/* How long until depth is mute, from what it owes at at_ms. */
static uint64_t allowed_ms(uint64_t at_ms)
{
    send(&rig, best(at_ms, 20 + at_ms, 77, 1));
    for (uint64_t now_ms = at_ms + 1; now_ms < at_ms + 1000; now_ms++) {
        rig_tick(&rig, ms(now_ms));
        if (mute()->kind != RIG_NONE) {
            assert_int_equal(mute()->evidence[2], rig_view(&rig, DEPTH)->book_allowance_ns);
            assert_int_equal(mute()->evidence[2], (now_ms - at_ms) * NS_PER_MS);
            return now_ms - at_ms;
        }
        if (now_ms % 10 == 0) {
            send(&rig, timed(OTHER, 0, now_ms, 100000 + now_ms));
        }
    }
    return 0;
}

static uint64_t allowed_after(uint32_t count, uint64_t wait_ms, uint64_t one_ms)
{
    book_start();
    send(&rig, depth(0, 10, 5));
    uint64_t at_ms = waits_show(1, 100, one_ms);
    at_ms = waits_show(count - 1, at_ms, wait_ms);
    assert_absent(mute());
    const uint64_t allowed = allowed_ms(at_ms);
    rig_stop(&rig);
    return allowed;
}

static void a_leg_that_has_shown_a_thousand_times_that_it_needs_less_is_allowed_less(void **state)
{
    (void)state;
    assert_int_equal(allowed_after(999, 60, 60), ALLOWED);
    assert_int_equal(allowed_after(1000, 60, 60), ALLOWED - ALLOWED / 5); /* never less */
    assert_int_equal(allowed_after(1000, 60, 90), 135);      /* half as much again as its worst */
    assert_int_equal(allowed_after(1000, 60, 110), ALLOWED); /* never more than the rule */
}

static void what_a_leg_needs_is_learned_anew_in_each_life_of_its_connection(void **state)
{
    (void)state;
    book_start();
    up(&rig, 0, 1, 0, ms(0));
    detector_watermark(rig.detector, 0, 1, ms(10000000));
    send(&rig, depth(10, 10, 5));
    const uint64_t at_ms = waits_show(1000, 100, 60);
    assert_int_equal(rig_view(&rig, DEPTH)->book_allowance_ns, 120 * NS_PER_MS);
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(at_ms));
    assert_int_equal(rig_view(&rig, DEPTH)->book_allowance_ns, ALLOWED * NS_PER_MS);
    up(&rig, 0, 2, 0, ms(at_ms + 10));
    detector_watermark(rig.detector, 0, 2, ms(10000000));
    send(&rig, depth(at_ms + 20, 10 + at_ms, at_ms));
    assert_int_equal(allowed_ms(at_ms + 100), ALLOWED);
    rig_stop(&rig);
}

static void a_wait_that_was_a_fault_teaches_nothing(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 10, 5));
    uint64_t at_ms = waits_show(1000, 100, 60);
    assert_int_equal(allowed_ms(at_ms), 120);
    send(&rig, depth(at_ms + 2000, 30 + at_ms, 1));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    assert_int_equal(rig_view(&rig, DEPTH)->book_allowance_ns, 120 * NS_PER_MS);
    rig_stop(&rig);
    book_start();
    send(&rig, depth(0, 10, 5));
    at_ms = waits_show(1000, 100, 60);
    assert_int_equal(allowed_ms(at_ms), 120);
    send(&rig, depth(at_ms + 130, 30 + at_ms, 1)); /* in time by the rule: it was wronged */
    assert_int_equal(rig_view(&rig, DEPTH)->book_allowance_ns, ALLOWED * NS_PER_MS);
    rig_stop(&rig);
}

/* ---- the other way round --------------------------------------------------------------------- */

/* bookTicker has shown id 10; depth then says at 100 ms what it says; is it owed? */
static bool owes_after(struct event frame)
{
    book_start();
    send(&rig, depth(0, 9, 5));
    send(&rig, best(1, 10, 5, 5));
    others_until(10, 90);
    send(&rig, frame);
    others_until(105, 125);
    rig_tick(&rig, ms(130) - 1);
    assert_absent(mute());
    rig_tick(&rig, ms(130));
    const bool owes = mute()->kind != RIG_NONE;
    if (owes) {
        assert_int_equal(mute()->stream, BEST);
        assert_int_equal(mute()->onset_ns, ms(100));
        assert_int_equal(mute()->evidence[5], 1);
        assert_string_equal(mute()->text, "the best level has changed");
    }
    rig_stop(&rig);
    return owes;
}

static void book_ticker_owes_when_depth_implies_another_best_level(void **state)
{
    (void)state;
    const struct event frame = depth(100, 11, 9);
    assert_true(owes_after(setting(frame, 1000, 6, 0, 0))); /* another size */
    assert_true(owes_after(setting(frame, 0, 0, 1001, 6)));
    assert_true(owes_after(setting(frame, 1001, 1, 0, 0))); /* better */
    assert_true(owes_after(setting(frame, 0, 0, 1000, 1)));
    assert_false(owes_after(setting(frame, 1000, 5, 1001, 5))); /* as it has shown it */
    assert_false(owes_after(setting(frame, 999, 1, 1002, 1)));  /* behind it */
    assert_false(owes_after(frame));
    assert_false(owes_after(setting(depth(100, 10, 9), 1000, 6, 0, 0))); /* not beyond its id */
}

static void book_ticker_owes_nothing_by_id_alone(void **state)
{
    (void)state;
    book_start();
    send(&rig, best(0, 10, 5, 5));
    for (uint64_t i = 0; i < 100; i++) {
        send(&rig, setting(depth(10 + 10 * i, 11 + i, 10 + i), 990, 1, 0, 0));
        rig_tick(&rig, ms(10 + 10 * i));
    }
    assert_absent(mute());
    rig_stop(&rig);
}

static void a_newer_book_ticker_pays(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 9, 5));
    send(&rig, best(1, 10, 5, 5));
    others_until(10, 90);
    send(&rig, setting(depth(100, 12, 9), 1000, 6, 0, 0));
    others_until(110, 120);
    send(&rig, best(125, 12, 6, 5));
    others_until(130, 300);
    assert_absent(mute());
    rig_stop(&rig);
}

static void a_size_that_is_not_known_implies_nothing(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 9, 5));
    send(&rig, best(1, 10, 0, 0));
    send(&rig, setting(depth(100, 12, 9), 1000, 6, 1001, 6));
    others_until(110, 300);
    assert_absent(mute());
    rig_stop(&rig);
}

static void a_connection_that_lost_frames_is_no_witness_of_the_best_level(void **state)
{
    (void)state;
    book_start();
    send(&rig, depth(0, 9, 5));
    send(&rig, best(1, 10, 5, 5));
    others_until(10, 90);
    send(&rig, setting(depth(100, 30, 25), 1000, 6, 0, 0)); /* a gap */
    others_until(110, 300);
    assert_absent(mute());
    assert_found(rig_fault(&rig, FLATLINE_FAULT_GAP));
    rig_stop(&rig);
}

/* ---- on another connection ------------------------------------------------------------------- */

static void a_leg_alone_on_its_connection_is_held_against_others_with_their_spread(void **state)
{
    (void)state;
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits[] = {
        depth_traits(), best_traits(), rig_traits(KEY_ID, CHAIN_NONE)};
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, 0);
    (void)rig_connection(&rig, 0);
    rig_leg(&rig, rig_stream(&rig, &traits[DEPTH]), 0);
    rig_leg(&rig, rig_stream(&rig, &traits[BEST]), 1);
    rig_leg(&rig, rig_stream(&rig, &traits[OTHER]), 0);
    send(&rig, depth(0, 10, 5));
    send(&rig, timed(BEST, 1, 100, 12));
    others_until(110, 340);
    rig_tick(&rig, ms(100 + ALLOWED + 100) - 1);
    assert_absent(mute());
    rig_tick(&rig, ms(100 + ALLOWED + 100));
    assert_int_equal(mute()->stream, DEPTH);
    assert_int_equal(mute()->onset_ns, ms(100));
    rig_stop(&rig);
}

/* ---- twins ----------------------------------------------------------------------------------- */

/* Two streams, each on both connections, all begun at 0. */
static void twins_start(enum stream_key key)
{
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(key, CHAIN_NONE);
    rig_start(&rig, &policy);
    for (uint32_t i = 0; i < 2; i++) {
        (void)rig_connection(&rig, 0);
        (void)rig_stream(&rig, &traits);
    }
    for (uint32_t i = 0; i < 4; i++) {
        rig_leg(&rig, i / 2, i % 2);
        send(&rig, timed(i / 2, i % 2, 0, 1));
    }
}

/* Both connections show both streams every 20 ms but for those that are mute: bit stream * 2 +
 * connection. */
static void twins_run(uint64_t from_ms, uint64_t to_ms, unsigned mutes)
{
    for (uint64_t at_ms = from_ms; at_ms <= to_ms; at_ms += 20) {
        rig_tick(&rig, ms(at_ms));
        for (uint32_t i = 0; i < 4; i++) {
            if ((mutes >> i & 1U) == 0) {
                send(&rig, timed(i / 2, i % 2, at_ms, 10 + at_ms));
            }
        }
    }
}

static void a_leg_behind_its_twin_is_mute_while_the_stream_stays_fresh(void **state)
{
    (void)state;
    twins_start(KEY_ID);
    twins_run(20, 3000, 0);
    twins_run(3020, 3500, 1U << 0); /* stream 0 on connection 0 */
    assert_int_equal(mute()->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(mute()->stream, 0);
    assert_int_equal(mute()->connection, 0);
    assert_int_equal(mute()->onset_ns, ms(3020));
    assert_true(mute()->at_ns >= ms(3120) && mute()->at_ns <= ms(3140));
    assert_int_equal(mute()->evidence[5], 2);
    assert_absent(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_MUTE, 1));
    assert_int_equal(rig_view(&rig, 0)->lost_count, 0);
    assert_int_equal(rig_view(&rig, 0)->lapses, 0);
    twins_run(3520, 3600, 0);
    assert_found(rig_clear(&rig, FLATLINE_FAULT_MUTE));
    rig_stop(&rig);
}

static void a_connection_silent_altogether_is_one_fault_and_explains_its_legs(void **state)
{
    (void)state;
    twins_start(KEY_ID);
    twins_run(20, 3000, 0);
    twins_run(3020, 4000, 1U << 0 | 1U << 2); /* connection 0 */
    assert_int_equal(mute()->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(mute()->stream, EVENT_NO_STREAM);
    assert_int_equal(mute()->connection, 0);
    assert_int_equal(mute()->onset_ns, ms(3020));
    assert_int_equal(mute()->at_ns, ms(3120));
    assert_string_equal(mute()->text, "2 of 2 legs behind twins");
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_int_equal(rig_view(&rig, 0)->lost_count + rig_view(&rig, 1)->lost_count, 0);
    twins_run(4020, 5000, 0);
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_MUTE)->cleared_ns, ms(4020));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    rig_stop(&rig);
}

static void legs_are_not_compared_until_two_seconds_after_the_later_ones_first_data(void **state)
{
    (void)state;
    twins_start(KEY_ID);
    twins_run(20, 1900, 1U << 0);
    assert_absent(mute());
    twins_run(1920, 2400, 1U << 0);
    assert_int_equal(mute()->onset_ns, ms(2000));
    rig_stop(&rig);
}

static void a_twin_that_comes_back_stream_by_stream_leaves_the_judge_whole(void **state)
{
    (void)state;
    twins_start(KEY_ID);
    twins_run(20, 3000, 0);
    send(&rig, with_lag(with_id(bare(0, 1, ms(3020)), 9000), 0)); /* connection 0 owes it, ... */
    down(&rig, 1, 0, LINK_END_CLOSE, 1006, ms(3030));
    send(&rig, with_lag(with_id(bare(1, 1, ms(3040)), 9001), 0)); /* ... and has one twin again */
    rig_tick(&rig, ms(4000));
    assert_true(rig_count(&rig, FINDING_FAULT) >= 1);
    rig_stop(&rig);
}

static void twins_keyed_by_time_may_differ_a_little_in_it(void **state)
{
    (void)state;
    twins_start(KEY_TIME);
    for (uint64_t at_ms = 20; at_ms <= 3000; at_ms += 20) {
        rig_tick(&rig, ms(at_ms));
        send(&rig, with_lag(bare(0, 0, ms(at_ms)), 0));
        send(&rig,
             with_lag(bare(0, 1, ms(at_ms)),
                      9 * (int64_t)NS_PER_MS)); /* the same, stamped earlier */
    }
    rig_tick(&rig, ms(6000));
    assert_absent(mute());
    rig_stop(&rig);
}

static void a_stream_mute_on_both_connections_is_revoked_once_another_channel_shows_it(void **state)
{
    (void)state;
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits[] = {depth_traits(), best_traits()};
    rig_start(&rig, &policy);
    for (uint32_t i = 0; i < 2; i++) {
        (void)rig_connection(&rig, 0);
        (void)rig_stream(&rig, &traits[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        rig_leg(&rig, i / 2, i % 2);
        send(&rig, timed(i / 2, i % 2, 0, 1));
    }
    twins_run(20, 3000, 0);
    twins_run(3020, 3300, 1U << 0 | 1U << 1); /* depth, both */
    assert_found(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_MUTE, 1));
    assert_absent(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_MUTE, 2));
    assert_int_equal(rig_view(&rig, DEPTH)->revoked_by, FLATLINE_FAULT_MUTE);
    assert_int_equal(rig_view(&rig, BEST)->lost_count, 0);
    rig_stop(&rig);
}

/* ---- what it is made of ---------------------------------------------------------------------- */

/* A mark by value; key and time 0: there is none. */
static struct frontier_mark beyond(const struct frontier *frontier, uint64_t shown)
{
    const struct frontier_mark *mark = frontier_beyond(frontier, shown);
    return mark != NULL ? *mark : (struct frontier_mark){0};
}

static void a_frontier_finds_the_first_key_beyond_any_shown(void **state)
{
    static struct frontier frontier;
    (void)state;
    assert_int_equal(beyond(&frontier, 0).key, 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_true(frontier_show(&frontier, 10 * i, ms(i)));
        assert_false(frontier_show(&frontier, 10 * i, ms(i)));
        for (uint64_t back = 0; back < i && back < FRONTIER_MARKS; back++) {
            const struct frontier_mark mark = beyond(&frontier, 10 * (i - back) - 1);
            assert_int_equal(mark.key, 10 * (i - back));
            assert_int_equal(mark.seen_ns, ms(i - back));
        }
        assert_int_equal(beyond(&frontier, 10 * i).key, 0);
    }
    /* of what is forgotten: the oldest that is left */
    assert_int_equal(beyond(&frontier, 5).seen_ns, ms(1000 - FRONTIER_MARKS + 1));
    frontier_restart(&frontier);
    assert_int_equal(beyond(&frontier, 0).key, 0);
}

static void keys_of_half_a_millisecond_share_a_mark_dated_by_its_first(void **state)
{
    static struct frontier frontier;
    (void)state;
    (void)frontier_show(&frontier, 1, 1000000);
    (void)frontier_show(&frontier, 2, 1499999);
    (void)frontier_show(&frontier, 3, 1500000);
    assert_int_equal(beyond(&frontier, 0).key, 2);
    assert_int_equal(beyond(&frontier, 1).seen_ns, 1000000);
    assert_int_equal(beyond(&frontier, 2).seen_ns, 1500000);
}

static void a_lag_window_tells_the_worst_since_any_moment_of_four_seconds(void **state)
{
    static struct lag_window window;
    (void)state;
    assert_int_equal(lag_window_worst(&window, 0), 0);
    lag_window_note(&window, ms(0), 900);
    lag_window_note(&window, ms(1000), 50);
    lag_window_note(&window, ms(1001), 40);
    lag_window_note(&window, ms(2000), 10);
    assert_int_equal(lag_window_worst(&window, ms(0)), 900);
    assert_int_equal(lag_window_worst(&window, ms(100)), 50);
    assert_int_equal(lag_window_worst(&window, ms(1900)), 10);
    assert_int_equal(lag_window_worst(&window, ms(2500)), 0);
    lag_window_note(&window, ms(4200), 1);
    assert_int_equal(lag_window_worst(&window, ms(0)), 50);
    lag_window_note(&window, ms(90000), 2);
    assert_int_equal(lag_window_worst(&window, 0), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_owes_what_book_ticker_has_shown_from_the_first_id_it_missed),
        cmocka_unit_test(a_leg_that_pays_in_time_owes_what_was_shown_beyond_that),
        cmocka_unit_test(mute_revokes_and_the_frame_that_reaches_what_is_due_clears_and_reopens),
        cmocka_unit_test(nothing_is_owed_before_a_legs_first_frame),
        cmocka_unit_test(the_lag_a_connection_has_shown_is_added_to_what_is_allowed),
        cmocka_unit_test(where_the_connection_is_silent_its_next_frame_decides_with_its_lag),
        cmocka_unit_test(a_quarter_of_the_allowance_without_a_frame_is_silence),
        cmocka_unit_test(a_late_frame_behind_a_silent_connection_is_no_fault),
        cmocka_unit_test(a_frame_without_time_may_be_as_late_as_the_silence_before_it),
        cmocka_unit_test(behind_a_long_silence_a_leg_is_given_one_more_allowance),
        cmocka_unit_test(no_verdict_is_passed_beyond_the_watermark),
        cmocka_unit_test(our_own_stall_starts_every_allowance_again),
        cmocka_unit_test(a_connection_that_ends_owes_nothing_and_its_faults_end_with_it),
        cmocka_unit_test(a_notice_explains_what_is_owed),
        cmocka_unit_test(a_leg_that_has_shown_a_thousand_times_that_it_needs_less_is_allowed_less),
        cmocka_unit_test(what_a_leg_needs_is_learned_anew_in_each_life_of_its_connection),
        cmocka_unit_test(a_wait_that_was_a_fault_teaches_nothing),
        cmocka_unit_test(book_ticker_owes_when_depth_implies_another_best_level),
        cmocka_unit_test(book_ticker_owes_nothing_by_id_alone),
        cmocka_unit_test(a_newer_book_ticker_pays),
        cmocka_unit_test(a_size_that_is_not_known_implies_nothing),
        cmocka_unit_test(a_connection_that_lost_frames_is_no_witness_of_the_best_level),
        cmocka_unit_test(a_leg_alone_on_its_connection_is_held_against_others_with_their_spread),
        cmocka_unit_test(a_leg_behind_its_twin_is_mute_while_the_stream_stays_fresh),
        cmocka_unit_test(a_connection_silent_altogether_is_one_fault_and_explains_its_legs),
        cmocka_unit_test(legs_are_not_compared_until_two_seconds_after_the_later_ones_first_data),
        cmocka_unit_test(a_twin_that_comes_back_stream_by_stream_leaves_the_judge_whole),
        cmocka_unit_test(twins_keyed_by_time_may_differ_a_little_in_it),
        cmocka_unit_test(
            a_stream_mute_on_both_connections_is_revoked_once_another_channel_shows_it),
        cmocka_unit_test(a_frontier_finds_the_first_key_beyond_any_shown),
        cmocka_unit_test(keys_of_half_a_millisecond_share_a_mark_dated_by_its_first),
        cmocka_unit_test(a_lag_window_tells_the_worst_since_any_moment_of_four_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
