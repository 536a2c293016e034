/* SPDX-License-Identifier: MIT
 *
 * Goal: what happens to connections is told as it is, revokes and reopens what it must, and no
 * verdict is passed beyond what is known drained.
 *
 * Method: connections going up and down on a virtual clock, watermarks by hand.
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

/* ---- the watermark rule ---------------------------------------------------------------------- */

static void no_lapse_is_found_beyond_the_watermark(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    drained(0, 1, ms(5));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(3009));
    rig_tick(&rig, ms(9000));
    assert_absent(rig_lapse(&rig, 0));
    drained(0, 1, ms(3010));
    rig_tick(&rig, ms(9001));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3010));
    rig_stop(&rig);
}

static void a_frame_that_was_still_unread_prevents_the_lapse(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(2000));
    rig_tick(
        &rig,
        ms(3500)); /* ingest is behind: 3000 has passed, but nobody knows what is in the socket */
    send(&rig, with_id(bare(0, 0, ms(2900)), 2));
    drained(0, 1, ms(3600));
    rig_tick(&rig, ms(3600));
    assert_absent(rig_lapse(&rig, 0));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(5900));
    rig_stop(&rig);
}

static void a_watermark_of_another_epoch_does_not_count(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 2, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(9000));
    rig_tick(&rig, ms(9000));
    assert_absent(rig_lapse(&rig, 0));
    drained(0, 2, ms(9000));
    rig_tick(&rig, ms(9000));
    assert_found(rig_lapse(&rig, 0));
    rig_stop(&rig);
}

static void a_watermark_stored_before_the_up_is_applied_counts_afterwards(void **state)
{
    (void)state;
    start();
    drained(0, 1, ms(4000));
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    rig_tick(&rig, ms(4000));
    assert_found(rig_lapse(&rig, 0));
    rig_stop(&rig);
}

static void every_leg_must_be_drained(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 1, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(9000));
    rig_tick(&rig, ms(9000));
    assert_absent(rig_lapse(&rig, 0)); /* a new connection without a watermark holds it */
    drained(1, 1, ms(3010));
    rig_tick(&rig, ms(9000));
    assert_found(rig_lapse(&rig, 0));
    rig_stop(&rig);
}

static void a_connection_that_is_down_is_drained_by_definition(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 1, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(0, 1, ms(9000));
    down(&rig, 1, 1, LINK_END_LOCAL, 0, ms(20));
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3010));
    rig_stop(&rig);
}

static void a_recorded_drained_line_is_a_watermark(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, rig_event(EVENT_DRAINED, 0, ms(5000)));
    rig_tick(&rig, ms(5000));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3010));
    rig_stop(&rig);
}

static void a_held_stream_does_not_hold_the_others(void **state)
{
    (void)state;
    start();
    const uint32_t other = add_stream(false, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 1, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, with_id(bare(other, 1, ms(10)), 1));
    drained(1, 1, ms(4000));
    rig_tick(&rig, ms(4000));
    assert_int_equal(rig_count(&rig, FINDING_LAPSE), 1);
    assert_int_equal(rig_lapse(&rig, 0)->stream, other);
    rig_stop(&rig);
}

/* ---- DOWN ------------------------------------------------------------------------------------ */

static void down_with_no_leg_left_revokes_and_is_told_with_code_and_words(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_CLOSE, 1012, ms(20));
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_DOWN);
    assert_found(fault);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(fault->stream, EVENT_NO_STREAM);
    assert_int_equal(fault->connection, 0);
    assert_int_equal(fault->onset_ns, ms(20));
    assert_int_equal(fault->evidence[0], 1012);
    assert_int_equal(fault->evidence[1], 0);
    assert_int_equal(fault->evidence[2], LINK_OPEN);
    assert_int_equal(fault->evidence[3], 0);
    assert_string_equal(fault->text, "gone");
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_DOWN);
    assert_int_equal(rig_view(&rig, 0)->lost_count, 1);
    assert_int_equal(rig_view(&rig, 0)->legs_up, 0);
    assert_int_equal(rig_find(&rig, FINDING_REVOKE, FLATLINE_FAULT_DOWN, 0)->at_ns, ms(20));
    rig_tick(&rig, ms(9000));
    assert_int_equal(rig_view(&rig, 0)->lapses, 0); /* a revocation is no lapse */
    rig_stop(&rig);
}

static void an_errno_is_told_as_errno(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(20));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->evidence[0], 0);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->evidence[1], 104);
    rig_stop(&rig);
}

static void down_with_another_leg_left_keeps_the_lease(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 1, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, with_id(bare(0, 1, ms(11)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->evidence[3], 1);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3010));
    assert_int_equal(rig_view(&rig, 0)->legs_up, 1);
    down(&rig, 1, 1, LINK_END_EOF, 0, ms(30));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    rig_stop(&rig);
}

static void down_reopens_on_data_only_after_the_full_inventory(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 1, ms(0));
    send(&rig, rig_event(EVENT_ACK, 0, ms(5)));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    up(&rig, 0, 2, 2, ms(30)); /* two requests */
    send(&rig, with_id(bare(0, 0, ms(31)), 2));
    send(&rig, rig_event(EVENT_ACK, 0, ms(32)));
    send(&rig, with_id(bare(0, 0, ms(33)), 3));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, rig_event(EVENT_ACK, 0, ms(34)));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0); /* the inventory alone is no data */
    send(&rig, with_id(bare(0, 0, ms(35)), 4));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3035));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_DOWN)->cleared_ns,
                     ms(31)); /* up, and it delivers */
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_NONE);
    assert_int_equal(rig_renew(&rig, 1)->onset_ns, ms(20));
    rig_stop(&rig);
}

static void where_each_stream_is_acknowledged_each_reopens_by_its_own(void **state)
{
    (void)state;
    start();
    const uint32_t other = add_stream(false, 0, 0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, with_id(bare(other, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    up(&rig, 0, 2, 2, ms(30));
    struct event ack = rig_event(EVENT_ACK, 0, ms(31));
    ack.stream = other;
    send(&rig, ack);
    send(&rig, with_id(bare(0, 0, ms(40)), 2));
    send(&rig, with_id(bare(other, 0, ms(40)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    assert_int_equal(rig_view(&rig, other)->lease_until_ns, ms(3040));
    rig_stop(&rig);
}

static void failed_attempts_repeat_the_fault_and_keep_its_evidence(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    down(&rig, 0, 1, LINK_END_CLOSE, 1001, ms(20));
    struct event failed = rig_event(EVENT_CONNECT_FAILED, 0, ms(500));
    failed.link = (struct event_link){.how = LINK_END_HTTP, .code = 429, .phase = LINK_UPGRADE};
    send(&rig, failed);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_int_equal(rig_find(&rig, FINDING_UPDATE, FLATLINE_FAULT_DOWN, 0)->count, 2);
    assert_int_equal(rig_find(&rig, FINDING_UPDATE, FLATLINE_FAULT_DOWN, 0)->evidence[0], 1001);
    rig_stop(&rig);
}

static void a_connect_that_fails_at_start_is_down_but_takes_no_lease(void **state)
{
    (void)state;
    start();
    struct event failed = rig_event(EVENT_CONNECT_FAILED, 0, ms(500));
    failed.link = (struct event_link){.how = LINK_END_HTTP, .code = 429, .phase = LINK_UPGRADE};
    send(&rig, failed);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->evidence[0], 429);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->evidence[2], LINK_UPGRADE);
    assert_int_equal(rig_view(&rig, 0)->lost_count, 0);
    assert_int_equal(rig_view(&rig, 0)->revoked_by,
                     FLATLINE_FAULT_NONE); /* UNKNOWN: it never had one */
    up(&rig, 0, 1, 0, ms(900));
    send(&rig, with_id(bare(0, 0, ms(901)), 1));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3901));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_DOWN));
    rig_stop(&rig);
}

static void our_own_close_is_no_fault_and_make_before_break_keeps_the_lease(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    up(&rig, 1, 1, 0, ms(1000));
    send(&rig, with_id(bare(0, 1, ms(1010)), 2));
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(1200));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    assert_int_equal(rig_count(&rig, FINDING_REVOKE), 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(4010));
    rig_stop(&rig);
}

static void the_end_of_a_predecessor_does_not_end_its_successor(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 0, 2, 0, ms(100));
    send(&rig, with_id(bare(0, 0, ms(110)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(120));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3110));
    rig_stop(&rig);
}

static void a_connection_made_in_its_place_clears_the_down_of_the_old_one(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    up(&rig, 1, 1, 0, ms(30));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_DOWN));
    send(&rig, with_id(bare(0, 1, ms(40)), 2));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_DOWN)->cleared_ns, ms(40));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3040));
    rig_stop(&rig);
}

static void a_connection_of_another_route_or_without_its_streams_is_no_replacement(void **state)
{
    (void)state;
    start();
    const uint32_t elsewhere = rig_connection(&rig, MARKET);
    const uint32_t partly = rig_connection(&rig, PUBLIC);
    const uint32_t other = add_stream(false, 0, 0);
    rig_leg(&rig, 0, elsewhere);
    rig_leg(&rig, other, elsewhere);
    rig_leg(&rig, 0, partly);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    up(&rig, elsewhere, 1, 0, ms(30));
    send(&rig, with_id(bare(0, elsewhere, ms(40)), 2));
    up(&rig, partly, 1, 0, ms(50));
    send(&rig, with_id(bare(0, partly, ms(60)), 3));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_DOWN));
    rig_stop(&rig);
}

static void a_twin_that_was_already_up_is_no_replacement(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    up(&rig, 1, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    send(&rig, with_id(bare(0, 1, ms(40)), 2));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_DOWN));
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(50)); /* given up on purpose */
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_DOWN)->cleared_ns, ms(50));
    rig_stop(&rig);
}

static void a_lapse_before_the_end_is_still_told(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(4000));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3010));
    up(&rig, 0, 2, 0, ms(5000));
    send(&rig, with_id(bare(0, 0, ms(5010)), 2));
    assert_int_equal(rig_view(&rig, 0)->lapsed_ns, 2000 * NS_PER_MS);
    assert_int_equal(rig_renew(&rig, 1)->onset_ns, ms(3010));
    rig_stop(&rig);
}

static void a_twin_that_was_up_but_had_not_delivered_yet_reopens_with_its_first_data(void **state)
{
    (void)state;
    start();
    rig_leg(&rig, 0, rig_connection(&rig, PUBLIC));
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    up(&rig, 1, 1, 0, ms(20));
    down(&rig, 1, 1, LINK_END_EOF, 0, ms(30));
    up(&rig, 1, 2, 0, ms(40)); /* up, complete, and quiet: still counted as down */
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(50));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, with_id(bare(0, 1, ms(60)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3060));
    rig_stop(&rig);
}

static void a_recording_that_shows_a_close_and_no_opening_reopens_with_data(void **state)
{
    (void)state;
    start();
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 0, LINK_END_EOF, 0, ms(20));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, 0);
    send(&rig, with_id(bare(0, 0, ms(30)), 2));
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3030));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_DOWN)->cleared_ns, ms(30));
    rig_stop(&rig);
}

static void news_of_an_unknown_connection_or_without_a_clock_is_ignored(void **state)
{
    (void)state;
    start();
    for (uint8_t kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        if (kind != EVENT_SELF_STALL &&
            kind != EVENT_CLOCK_SUSPENDED) { /* those are of no connection */
            send(&rig, rig_event((enum event_kind)kind, 77, ms(1)));
        }
        send(&rig, rig_event((enum event_kind)kind, 0, 0));
    }
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    assert_int_equal(rig_view(&rig, 0)->legs_up, 0);
    rig_stop(&rig);
}

/* ---- NOTICE ---------------------------------------------------------------------------------- */

static void a_notice_is_told_keeps_the_lease_and_goes_with_its_connection(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    struct event notice = rig_event(EVENT_NOTICE, 0, ms(20));
    notice.note.code = 64008;
    send(&rig, notice);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NOTICE)->evidence[0], 64008);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NOTICE)->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(rig_view(&rig, 0)->lease_until_ns, ms(3010));
    assert_int_equal(rig_view(&rig, 0)->open_faults, 1ULL << FLATLINE_FAULT_NOTICE);
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(30));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_NOTICE)->cleared_ns, ms(30));
    rig_stop(&rig);
}

static void a_notice_nothing_follows_is_forgotten_after_fifteen_minutes(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    send(&rig, rig_event(EVENT_NOTICE, 0, ms(20)));
    drained(0, 1, ms(900020));
    rig_tick(&rig, ms(900019));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_NOTICE));
    rig_tick(&rig, ms(900020));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_NOTICE)->cleared_ns, ms(900020));
    rig_stop(&rig);
}

static void a_twin_that_is_replaced_leaves_the_other_s_end_standing(void **state)
{
    (void)state;

    enum { FIRST, FIRST_NEXT, TWIN, TWIN_NEXT };
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start(&rig, &policy);
    const uint32_t stream = rig_stream(&rig, &traits);
    for (uint32_t i = FIRST; i <= TWIN_NEXT; i++) {
        (void)rig_connection(&rig, 0);
        if (i == FIRST_NEXT || i == TWIN_NEXT) {
            detector_mark_spare(rig.detector, i, i - 1);
        }
        rig_leg(&rig, stream, i);
    }
    up(&rig, FIRST, 1, 0, ms(0));
    up(&rig, TWIN, 1, 0, ms(0));
    send(&rig, with_id(bare(stream, FIRST, ms(10)), 1));
    send(&rig, with_id(bare(stream, TWIN, ms(11)), 1));
    assert_int_equal(rig_view(&rig, stream)->legs, 2);
    down(&rig, FIRST, 1, LINK_END_ERROR, 104, ms(20));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_DOWN));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->connection, FIRST);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->evidence[3], 1); /* a leg is left */
    assert_int_equal(rig_view(&rig, stream)->lost_count, 0);
    up(&rig, TWIN_NEXT, 1, 0, ms(30)); /* the twin is rotated meanwhile */
    send(&rig, with_id(bare(stream, TWIN_NEXT, ms(40)), 2));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_DOWN));
    down(&rig, TWIN, 1, LINK_END_LOCAL, 0, ms(50));
    assert_int_equal(rig_view(&rig, stream)->lost_count, 0);
    up(&rig, FIRST_NEXT, 1, 0, ms(60)); /* its own successor stands in its place */
    send(&rig, with_id(bare(stream, FIRST_NEXT, ms(70)), 3));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_DOWN));
    assert_int_equal(rig_count(&rig, FINDING_LAPSE), 0);
    assert_int_equal(rig_count(&rig, FINDING_REVOKE), 0);
    rig_stop(&rig);
}

static void a_spare_connection_is_no_missing_leg_and_one_more_while_it_takes_over(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    start();
    const uint32_t spare = rig_connection(&rig, 0);
    const uint32_t stream = rig_stream(&rig, &traits);
    detector_mark_spare(rig.detector, spare, 0);
    rig_leg(&rig, stream, 0);
    rig_leg(&rig, stream, spare);
    up(&rig, 0, 1, 0, ms(0));
    assert_int_equal(rig_view(&rig, stream)->legs, 1);
    assert_int_equal(rig_view(&rig, stream)->legs_up, 1);
    up(&rig, spare, 1, 0, ms(10));
    assert_int_equal(rig_view(&rig, stream)->legs, 1);
    assert_int_equal(rig_view(&rig, stream)->legs_up, 2);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_twin_that_is_replaced_leaves_the_other_s_end_standing),
        cmocka_unit_test(a_spare_connection_is_no_missing_leg_and_one_more_while_it_takes_over),
        cmocka_unit_test(no_lapse_is_found_beyond_the_watermark),
        cmocka_unit_test(a_frame_that_was_still_unread_prevents_the_lapse),
        cmocka_unit_test(a_watermark_of_another_epoch_does_not_count),
        cmocka_unit_test(a_watermark_stored_before_the_up_is_applied_counts_afterwards),
        cmocka_unit_test(every_leg_must_be_drained),
        cmocka_unit_test(a_connection_that_is_down_is_drained_by_definition),
        cmocka_unit_test(a_recorded_drained_line_is_a_watermark),
        cmocka_unit_test(a_held_stream_does_not_hold_the_others),
        cmocka_unit_test(down_with_no_leg_left_revokes_and_is_told_with_code_and_words),
        cmocka_unit_test(an_errno_is_told_as_errno),
        cmocka_unit_test(down_with_another_leg_left_keeps_the_lease),
        cmocka_unit_test(down_reopens_on_data_only_after_the_full_inventory),
        cmocka_unit_test(where_each_stream_is_acknowledged_each_reopens_by_its_own),
        cmocka_unit_test(failed_attempts_repeat_the_fault_and_keep_its_evidence),
        cmocka_unit_test(a_connect_that_fails_at_start_is_down_but_takes_no_lease),
        cmocka_unit_test(our_own_close_is_no_fault_and_make_before_break_keeps_the_lease),
        cmocka_unit_test(the_end_of_a_predecessor_does_not_end_its_successor),
        cmocka_unit_test(a_connection_made_in_its_place_clears_the_down_of_the_old_one),
        cmocka_unit_test(a_connection_of_another_route_or_without_its_streams_is_no_replacement),
        cmocka_unit_test(a_twin_that_was_already_up_is_no_replacement),
        cmocka_unit_test(a_lapse_before_the_end_is_still_told),
        cmocka_unit_test(a_twin_that_was_up_but_had_not_delivered_yet_reopens_with_its_first_data),
        cmocka_unit_test(a_recording_that_shows_a_close_and_no_opening_reopens_with_data),
        cmocka_unit_test(news_of_an_unknown_connection_or_without_a_clock_is_ignored),
        cmocka_unit_test(a_notice_is_told_keeps_the_lease_and_goes_with_its_connection),
        cmocka_unit_test(a_notice_nothing_follows_is_forgotten_after_fifteen_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
