/* SPDX-License-Identifier: MIT
 *
 * Goal: an engine's connection is accused of what it leaves unread or does not hear, our own of what
 * nobody acknowledges or we do not read, and none of them of what a quiet market, a server's ping or
 * our own absence explains.
 *
 * Method: looks of the socket watch on a virtual clock, every 20 ms as it makes them, beside frames of
 * the witness.
 */
#include "detector_rig.h"

#define LOOK_MS  20U
#define PLACE    2U
#define FRAME    300U /* bytes */
#define PING     37U
#define VENUE    FLATLINE_VENUE_BINANCE_USDM
#define LEARN_MS 12000U

struct case_rig {
    struct rig rig;
    uint64_t now_ms;
    uint64_t id;
    uint64_t heard_ms;
    struct event_socket engine;
    struct event_socket own;
};

static void look(struct case_rig *c, struct event_socket seen)
{
    struct event event = rig_event(EVENT_SOCKET_SEEN, EVENT_NO_CONNECTION, ms(c->now_ms));
    event.socket = seen;
    send(&c->rig, event);
}

static void find(struct case_rig *c, uint32_t venue)
{
    struct event event = rig_event(EVENT_SOCKET_FOUND, EVENT_NO_CONNECTION, ms(c->now_ms));
    event.found = (struct event_found){
        .place = PLACE, .engine = EVENT_NO_ENGINE, .venue = venue, .name = "quoter:51234"};
    send(&c->rig, event);
}

static int start(void **state)
{
    struct case_rig *c = calloc(1, sizeof(*c));
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&c->rig, &traits);
    c->now_ms = 1000;
    c->engine.place = PLACE;
    c->own = (struct event_socket){.place = 0, .is_own = 1};
    up(&c->rig, 0, 1, 0, ms(c->now_ms));
    find(c, VENUE);
    *state = c;
    return 0;
}

static int stop(void **state)
{
    struct case_rig *c = *state;
    rig_stop(&c->rig);
    free(c);
    return 0;
}

/* One look later: the witness had so many frames, the engine so many bytes, of which it left unread
 * what its queue says. */
static void step(struct case_rig *c, uint32_t frames, uint64_t bytes)
{
    c->now_ms += LOOK_MS;
    for (uint32_t i = 0; i < frames; i++) {
        send(&c->rig, with_id(bare(0, 0, ms(c->now_ms)), ++c->id));
    }
    c->engine.bytes_received += bytes;
    look(c, c->engine);
}

/* Data every 100 ms on both sides. */
static void flow(struct case_rig *c, uint64_t for_ms)
{
    for (uint64_t at = 0; at < for_ms; at += LOOK_MS) {
        const bool beat = (c->now_ms / LOOK_MS) % 5 == 0;
        step(c, beat ? 3 : 0, beat ? FRAME : 0);
        c->heard_ms = beat ? c->now_ms : c->heard_ms;
    }
}

/* ---- ENGINE_BEHIND --------------------------------------------------------------------------- */

static void bytes_unread_for_a_fifth_of_a_second_are_behind(void **state)
{
    struct case_rig *c = *state;
    flow(c, 4000);
    const uint64_t from_ms = c->now_ms + LOOK_MS;
    for (uint32_t i = 0; i < 10; i++) {
        c->engine.receive_queue_bytes += FRAME;
        step(c, 1, FRAME);
        assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
    }
    c->engine.receive_queue_bytes += FRAME;
    step(c, 1, FRAME);
    const struct finding *behind = rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND);
    assert_found(behind);
    assert_int_equal(behind->scope, FLATLINE_SCOPE_ENGINE);
    assert_int_equal(behind->blame, FLATLINE_SCOPE_ENGINE);
    assert_int_equal(behind->onset_ns, ms(from_ms));
    assert_int_equal(behind->at_ns, ms(from_ms + 200));
    assert_int_equal(behind->evidence[4], 200 * NS_PER_MS);
    assert_int_equal(behind->evidence[5], 11 * FRAME);
    assert_string_equal(behind->text, "quoter:51234");
    c->engine.receive_queue_bytes = 0;
    step(c, 1, FRAME);
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
}

static void a_queue_that_is_read_is_not_behind_however_full(void **state)
{
    struct case_rig *c = *state;
    flow(c, 4000);
    for (uint32_t i = 0; i < 500; i++) { /* 180 ms late throughout, never more */
        c->engine.receive_queue_bytes = 10 * FRAME;
        step(c, 1, FRAME);
    }
    assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
}

static void reading_too_slowly_is_behind_too(void **state)
{
    struct case_rig *c = *state;
    flow(c, 4000);
    for (uint32_t i = 0; i < 30; i++) { /* reads half of what comes */
        c->engine.receive_queue_bytes += FRAME / 2;
        step(c, 1, FRAME);
    }
    assert_found(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
}

static void what_an_idle_connection_leaves_unread_is_nothing(void **state)
{
    struct case_rig *c = *state; /* a pooled REST connection with session tickets in its queue */
    c->engine.receive_queue_bytes = 510;
    for (uint32_t i = 0; i < 500; i++) {
        step(c, 1, i == 0 ? 510 : 0);
    }
    assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
    assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_MUTE));
}

static void time_in_which_we_did_not_look_counts_for_nobody(void **state)
{
    struct case_rig *c = *state;
    flow(c, LEARN_MS);
    c->engine.receive_queue_bytes = FRAME;
    step(c, 1, FRAME);
    c->now_ms += 5000; /* the machine stood still, and the engine with it */
    step(c, 500, 0);
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
    c->engine.receive_queue_bytes = 0;
    flow(c, 1000);
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
}

static void a_connection_that_ended_is_no_longer_accused(void **state)
{
    struct case_rig *c = *state;
    flow(c, 4000);
    c->engine.receive_queue_bytes = FRAME;
    for (uint32_t i = 0; i < 15; i++) {
        step(c, 1, i == 0 ? FRAME : 0);
    }
    assert_found(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
    struct event gone = rig_event(EVENT_SOCKET_GONE, EVENT_NO_CONNECTION, ms(c->now_ms));
    gone.socket.place = PLACE;
    send(&c->rig, gone);
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_ENGINE_BEHIND));
    step(c, 1, FRAME); /* a look at a place nobody holds */
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 1);
}

/* ---- ENGINE_MUTE ----------------------------------------------------------------------------- */

static void silence_while_the_witness_is_told_is_mute(void **state)
{
    struct case_rig *c = *state;
    flow(c, LEARN_MS);
    for (uint32_t i = 0; i < 40; i++) {
        step(c, 1, 0);
    }
    const struct finding *mute = rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_MUTE);
    assert_found(mute);
    assert_int_equal(mute->onset_ns, ms(c->heard_ms));
    assert_true(mute->at_ns - mute->onset_ns <= 520 * NS_PER_MS);
    assert_int_equal(mute->scope, FLATLINE_SCOPE_ENGINE);
    assert_int_equal(mute->blame, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(mute->evidence[1], 500 * NS_PER_MS);
    assert_true(mute->evidence[2] >= mute->evidence[3] && mute->evidence[3] >= 20);
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 1);
    flow(c, 400);
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_ENGINE_MUTE));
    flow(c, 60000);
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 1);
}

static void a_servers_ping_is_no_data(void **state)
{
    struct case_rig *c = *state;
    flow(c, LEARN_MS);
    for (uint32_t i = 0; i < 40; i++) {
        step(c, 1, i == 5 || i == 20 ? PING : 0);
    }
    assert_found(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_MUTE));
    step(c, 1, PING);
    assert_absent(rig_clear(&c->rig, FLATLINE_FAULT_ENGINE_MUTE));
}

static void a_market_that_is_quiet_for_both_makes_nobody_mute(void **state)
{
    struct case_rig *c = *state;
    flow(c, LEARN_MS);
    for (uint32_t i = 0; i < 3000; i++) {
        step(c, 0, 0);
    }
    flow(c, 1000);
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
}

static void a_connection_quiet_by_nature_is_mute_only_beyond_three_times_that(void **state)
{
    struct case_rig *c = *state; /* a thin symbol: every 2 s, while the witness has 100 frames */
    for (uint32_t i = 0; i < 12000; i++) {
        step(c, 1, i % 100 == 0 ? FRAME : 0);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
    for (uint32_t i = 0; i < 200; i++) {
        step(c, 1, 0);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
    for (uint32_t i = 0; i < 110; i++) {
        step(c, 1, 0);
    }
    assert_found(rig_fault(&c->rig, FLATLINE_FAULT_ENGINE_MUTE));
}

static void nobody_is_mute_before_ten_seconds_or_at_an_unknown_venue(void **state)
{
    struct case_rig *c = *state;
    flow(c, 9000);
    for (uint32_t i = 0; i < 100; i++) {
        step(c, 1, 0);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
    find(c, EVENT_NO_VENUE);
    flow(c, LEARN_MS);
    for (uint32_t i = 0; i < 500; i++) {
        step(c, 1, 0);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
}

static void a_witness_that_is_silent_too_proves_nothing(void **state)
{
    struct case_rig *c = *state;
    flow(c, LEARN_MS);
    step(c, 100, 0); /* a burst to us, and then silence for both: the venue, not the connection */
    for (uint32_t i = 0; i < 200; i++) {
        step(c, 0, 0);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
}

/* ---- our own --------------------------------------------------------------------------------- */

static void own_step(struct case_rig *c)
{
    c->now_ms += LOOK_MS;
    c->own.passes++;
    look(c, c->own);
    rig_tick(&c->rig, ms(c->now_ms));
}

static void bytes_nobody_acknowledges_over_two_time_outs_are_half_open(void **state)
{
    struct case_rig *c = *state;
    own_step(c);
    c->own.send_queue_bytes = 36;
    own_step(c);
    const uint64_t since_ms = c->now_ms;
    for (uint32_t i = 0; i < 40; i++) {
        c->own.retransmits = i < 20 ? 0 : 1;
        own_step(c);
    }
    assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_HALF_OPEN));
    c->own.retransmits = 2;
    c->own.last_data_recv_ms = 900;
    own_step(c);
    const struct finding *open = rig_fault(&c->rig, FLATLINE_FAULT_HALF_OPEN);
    assert_found(open);
    assert_int_equal(open->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(open->connection, 0);
    assert_int_equal(open->onset_ns, ms(since_ms));
    assert_int_equal(open->evidence[0], 36);
    assert_int_equal(open->evidence[1], 900 * NS_PER_MS);
    assert_int_equal(open->evidence[2], 2);
    assert_int_equal(open->evidence[3], (c->now_ms - since_ms) * NS_PER_MS);
    c->own.send_queue_bytes = 0;
    c->own.retransmits = 0;
    own_step(c);
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_HALF_OPEN));
}

static void a_lossy_way_that_still_delivers_is_not_half_open(void **state)
{
    struct case_rig *c = *state;
    c->own.send_queue_bytes = 36;
    c->own.retransmits = 3;
    for (uint32_t i = 0; i < 100; i++) {
        c->own.bytes_received += FRAME;
        own_step(c);
    }
    assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_HALF_OPEN));
}

static void the_end_of_a_connection_ends_what_its_socket_showed(void **state)
{
    struct case_rig *c = *state;
    c->own.send_queue_bytes = 36;
    c->own.retransmits = 2;
    for (uint32_t i = 0; i < 12; i++) {
        own_step(c);
    }
    assert_found(rig_fault(&c->rig, FLATLINE_FAULT_HALF_OPEN));
    down(&c->rig, 0, 1, LINK_END_ERROR, 110, ms(c->now_ms));
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_HALF_OPEN));
    own_step(c);                                            /* a look that came late */
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 2); /* HALF_OPEN, DOWN */
}

static void what_we_leave_unread_though_we_passed_by_is_our_backlog(void **state)
{
    struct case_rig *c = *state;
    own_step(c);
    for (uint32_t i = 0; i < 6; i++) {
        assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_BACKLOG));
        c->own.bytes_received += FRAME;
        c->own.receive_queue_bytes += FRAME;
        c->own.blocked++;
        own_step(c);
    }
    const struct finding *backlog = rig_fault(&c->rig, FLATLINE_FAULT_BACKLOG);
    assert_found(backlog);
    assert_int_equal(backlog->blame, FLATLINE_SCOPE_HOST);
    assert_int_equal(backlog->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(backlog->evidence[0], 6 * FRAME);
    assert_int_equal(backlog->evidence[1], 100 * NS_PER_MS);
    assert_int_equal(backlog->evidence[2], 6);
    assert_int_equal(backlog->evidence[3], 6);
    assert_int_equal(backlog->evidence[4], 0);
    c->own.receive_queue_bytes = 0;
    own_step(c);
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_BACKLOG));
}

static void a_stopped_ingest_is_a_self_stall_and_no_backlog(void **state)
{
    struct case_rig *c = *state;
    own_step(c);
    for (uint32_t i = 0; i < 100; i++) {
        c->own.passes--; /* it does not pass */
        c->own.bytes_received += FRAME;
        c->own.receive_queue_bytes += FRAME;
        own_step(c);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
    stall(&c->rig, ms(c->now_ms - 1900), ms(c->now_ms));
    own_step(c); /* it passes again, and has not drained it yet */
    own_step(c);
    own_step(c);
    assert_absent(rig_fault(&c->rig, FLATLINE_FAULT_BACKLOG));
}

static void looks_that_waited_for_a_stopped_judge_are_no_backlog(void **state)
{
    struct case_rig *c = *state;
    own_step(c);
    for (uint32_t i = 0; i < 100; i++) {
        c->now_ms += LOOK_MS;
        c->own.passes++; /* ingest passes by, and finds the ring full */
        c->own.blocked++;
        c->own.bytes_received += FRAME;
        c->own.receive_queue_bytes += FRAME;
        look(c, c->own);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
}

/* ---- what makes no sense --------------------------------------------------------------------- */

static void looks_at_places_and_slots_that_are_not_there_are_ignored(void **state)
{
    struct case_rig *c = *state;
    struct event event = rig_event(EVENT_SOCKET_FOUND, EVENT_NO_CONNECTION, ms(c->now_ms));
    event.found.place = 4;
    send(&c->rig, event);
    c->engine.place = UINT16_MAX;
    c->own.place = 7;
    c->own.send_queue_bytes = 1;
    c->own.retransmits = 9;
    for (uint32_t i = 0; i < 100; i++) {
        step(c, 0, 0);
        look(c, c->own);
    }
    assert_int_equal(rig_count(&c->rig, FINDING_FAULT), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(bytes_unread_for_a_fifth_of_a_second_are_behind),
        CASE(a_queue_that_is_read_is_not_behind_however_full),
        CASE(reading_too_slowly_is_behind_too),
        CASE(what_an_idle_connection_leaves_unread_is_nothing),
        CASE(time_in_which_we_did_not_look_counts_for_nobody),
        CASE(a_connection_that_ended_is_no_longer_accused),
        CASE(silence_while_the_witness_is_told_is_mute),
        CASE(a_servers_ping_is_no_data),
        CASE(a_market_that_is_quiet_for_both_makes_nobody_mute),
        CASE(a_connection_quiet_by_nature_is_mute_only_beyond_three_times_that),
        CASE(nobody_is_mute_before_ten_seconds_or_at_an_unknown_venue),
        CASE(a_witness_that_is_silent_too_proves_nothing),
        CASE(bytes_nobody_acknowledges_over_two_time_outs_are_half_open),
        CASE(a_lossy_way_that_still_delivers_is_not_half_open),
        CASE(the_end_of_a_connection_ends_what_its_socket_showed),
        CASE(what_we_leave_unread_though_we_passed_by_is_our_backlog),
        CASE(a_stopped_ingest_is_a_self_stall_and_no_backlog),
        CASE(looks_that_waited_for_a_stopped_judge_are_no_backlog),
        CASE(looks_at_places_and_slots_that_are_not_there_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
