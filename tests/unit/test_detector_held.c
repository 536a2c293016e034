/* SPDX-License-Identifier: MIT
 *
 * Goal: what a connection held back and then gave all at once is told as such, and charged to whom it
 * belongs; a pause of the market, a clock that was set back and what stays late are not.
 *
 * Method: timed frames of three connections, two of one venue and one of another, on the virtual clock of
 * detector_rig.h; what a connection holds is kept and sent later, in order, with the times it had.
 */
#include "unit/detector_rig.h"

#define LINES    3U
#define STEP_MS  20U
#define HELD_MAX 1000U

static struct rig rig;
static uint64_t now_ms;
static uint64_t newest_id;
static uint64_t held_ms[LINES][HELD_MAX]; /* when each held frame was sent */
static uint32_t held_count[LINES];

static void desk_start(void)
{
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < LINES; line++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.venue = line < 2 ? FLATLINE_VENUE_BINANCE_USDM : FLATLINE_VENUE_OKX;
        assert_int_equal(detector_add_connection(rig.detector, traits.venue, line), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
        held_count[line] = 0;
    }
    now_ms = 0;
}

static void frame(uint32_t line, uint64_t sent_ms)
{
    struct event event = with_id(bare(line, line, ms(now_ms)), ++newest_id);
    send(&rig, with_lag(event, (int64_t)((now_ms - sent_ms) * NS_PER_MS)));
}

/* Every 20 ms a frame of each; those of the lines in `holding` are kept. */
static void desk_run(uint64_t for_ms, uint32_t holding)
{
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms; now_ms += STEP_MS) {
        rig_tick(&rig, ms(now_ms));
        for (uint32_t line = 0; line < LINES; line++) {
            if ((holding >> line & 1U) == 0) {
                frame(line, now_ms);
            } else {
                assert_true(held_count[line] < HELD_MAX);
                held_ms[line][held_count[line]++] = now_ms;
            }
        }
    }
}

static void release(uint32_t line)
{
    for (uint32_t i = 0; i < held_count[line]; i++) {
        frame(line, held_ms[line][i]);
    }
    held_count[line] = 0;
}

/* All lines at once, a frame of each in turn; the first has drained long before the last. */
static void release_together(void)
{
    for (uint32_t i = 0; i < HELD_MAX; i++) {
        for (uint32_t line = 0; line < LINES; line++) {
            const uint32_t nth = i * (3U - line);
            for (uint32_t k = nth; k < nth + 3U - line && k < held_count[line]; k++) {
                frame(line, held_ms[line][k]);
            }
            if (nth >= held_count[line] && nth < held_count[line] + 3U - line) {
                frame(line, now_ms);
            }
        }
    }
    memset(held_count, 0, sizeof(held_count));
}

static const struct finding *backlog(void)
{
    return rig_fault(&rig, FLATLINE_FAULT_BACKLOG);
}

/* By the last word on the first that was found. */
static enum flatline_scope blamed(void)
{
    enum flatline_scope blame = FLATLINE_SCOPE_UNKNOWN;
    for (uint32_t i = 0; i < rig.count; i++) {
        if (rig.findings[i].fault_id == backlog()->fault_id) {
            blame = (enum flatline_scope)rig.findings[i].blame;
        }
    }
    return blame;
}

static void what_a_connection_held_back_is_told_once_it_has_drained(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    const uint64_t from_ms = now_ms;
    desk_run(3000, 1);
    assert_absent(backlog());
    release(0);
    desk_run(100, 0);
    assert_found(backlog());
    assert_int_equal(backlog()->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(backlog()->connection, 0);
    assert_in_range(backlog()->onset_ns, ms(from_ms - 1), ms(from_ms + 1));
    assert_in_range(backlog()->evidence[5], 2999 * NS_PER_MS, 3001 * NS_PER_MS);
    assert_int_equal(blamed(), FLATLINE_SCOPE_CONNECTION);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    desk_run(2000, 0);
    assert_found(rig_find(&rig, FINDING_CLEAR, FLATLINE_FAULT_BACKLOG, 0));
    rig_stop(&rig);
}

static void all_connections_of_a_venue_held_back_are_its_venues_doing(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(3000, 3);
    release(0);
    desk_run(STEP_MS, 2);
    assert_int_equal(blamed(), FLATLINE_SCOPE_UNKNOWN); /* the other may be on time */
    release(1);
    desk_run(500, 0);
    assert_int_equal(blamed(), FLATLINE_SCOPE_VENUE);
    rig_stop(&rig);
}

static void all_that_we_hear_held_back_is_our_own_lines_doing(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(3000, 7);
    release_together();
    desk_run(500, 0);
    uint32_t host = 0;
    for (uint32_t i = 0; i < rig.count; i++) {
        const struct finding *finding = &rig.findings[i];
        if (finding->fault_kind == FLATLINE_FAULT_BACKLOG &&
            finding->blame != FLATLINE_SCOPE_UNKNOWN) {
            assert_int_equal(finding->blame, FLATLINE_SCOPE_HOST);
            host++;
        }
    }
    assert_true(host >= LINES);
    rig_stop(&rig);
}

static void what_ended_with_its_connection_or_a_second_ago_stands_no_more(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(3000, 1);
    release(0);
    desk_run(STEP_MS, 0);
    assert_found(backlog());
    down(&rig, 0, 0, LINK_END_ERROR, 104, ms(now_ms));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_BACKLOG));
    rig_stop(&rig);
    desk_start();
    desk_run(2000, 0);
    desk_run(3000, 1);
    release(0);
    desk_run(STEP_MS, 0);
    desk_run(1500, 1); /* quiet again: time alone ends it */
    assert_found(rig_clear(&rig, FLATLINE_FAULT_BACKLOG));
    rig_stop(&rig);
}

static void a_second_hold_soon_after_the_first_is_a_fault_of_its_own(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(2000, 1);
    release(0);
    desk_run(300, 0);
    desk_run(8000, 1);
    release(0);
    desk_run(300, 0);
    const struct finding *second = rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_BACKLOG, 1);
    assert_found(second);
    assert_in_range(second->evidence[5], 7900 * NS_PER_MS, 8100 * NS_PER_MS);
    rig_stop(&rig);
}

/* Somebody looked, and bytes lay unread in our own queue meanwhile. */
static void what_lay_in_our_own_queue_was_not_held_back_on_the_way(void **state)
{
    (void)state;
    desk_start();
    for (uint32_t line = 0; line < LINES; line++) {
        up(&rig, line, 1, 0, ms(0));
    }
    desk_run(2000, 0);
    for (uint32_t i = 0; i < 60; i++) {
        struct event event = rig_event(EVENT_SOCKET_SEEN, EVENT_NO_CONNECTION, ms(now_ms));
        event.socket = (struct event_socket){
            .place = 0, .is_own = 1, .bytes_received = 1000, .receive_queue_bytes = 500};
        send(&rig, event);
        desk_run(STEP_MS, 1);
    }
    release(0);
    desk_run(300, 0);
    for (uint32_t i = 0; i < rig.count; i++) {
        const bool is_it = rig.findings[i].fault_kind == FLATLINE_FAULT_BACKLOG;
        assert_false(is_it && rig.findings[i].blame != FLATLINE_SCOPE_HOST);
    }
    rig_stop(&rig);
}

static void a_pause_of_the_market_is_no_backlog(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(3000, 1);
    held_count[0] = 0; /* nothing happened meanwhile */
    desk_run(2000, 0);
    assert_absent(backlog());
    rig_stop(&rig);
}

static void what_stays_late_is_lagging_and_no_backlog(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(1500, 1);
    for (uint32_t i = 0; i < 200; i++) { /* as behind a clock that was set back */
        now_ms += STEP_MS;
        frame(0, now_ms - 1500);
        frame(1, now_ms);
    }
    assert_absent(backlog());
    assert_found(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    rig_stop(&rig);
}

static void one_late_frame_behind_a_silence_is_no_backlog(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 0);
    desk_run(1000, 1);
    held_count[0] = 1;
    release(0);
    desk_run(2000, 0);
    assert_absent(backlog());
    rig_stop(&rig);
}

static void what_came_before_a_connection_began_is_no_backlog(void **state)
{
    (void)state;
    desk_start();
    desk_run(2000, 1);
    up(&rig, 0, 1, 0, ms(now_ms));
    release(0);
    desk_run(2000, 0);
    assert_absent(backlog());
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_connection_held_back_is_told_once_it_has_drained),
        cmocka_unit_test(all_connections_of_a_venue_held_back_are_its_venues_doing),
        cmocka_unit_test(all_that_we_hear_held_back_is_our_own_lines_doing),
        cmocka_unit_test(what_ended_with_its_connection_or_a_second_ago_stands_no_more),
        cmocka_unit_test(a_second_hold_soon_after_the_first_is_a_fault_of_its_own),
        cmocka_unit_test(what_lay_in_our_own_queue_was_not_held_back_on_the_way),
        cmocka_unit_test(a_pause_of_the_market_is_no_backlog),
        cmocka_unit_test(what_stays_late_is_lagging_and_no_backlog),
        cmocka_unit_test(one_late_frame_behind_a_silence_is_no_backlog),
        cmocka_unit_test(what_came_before_a_connection_began_is_no_backlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
