/* SPDX-License-Identifier: MIT
 *
 * Goal: our own stalls are charged to us and to nobody else, while no gate stays open for them;
 * lateness and silence are accused when they are real, and not when a stop of ours explains
 * them.
 *
 * Method: whole episodes on a virtual clock: a stop behind a full window, a late connection, a
 * silent stream.
 */
#include "unit/detector_rig.h"

static struct rig rig;

static void start_with(uint64_t silent_after_ns)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.silent_after_ns = silent_after_ns;
    rig_start_one(&rig, &traits);
}

static struct event late(uint64_t at_ms, uint64_t id, uint64_t lag_ms)
{
    return with_lag(with_id(bare(0, 0, ms(at_ms)), id), (int64_t)(lag_ms * NS_PER_MS));
}

static void drained(uint64_t at_ns)
{
    detector_watermark(rig.detector, 0, 1, at_ns);
}

/* ---- SELF_STALL ------------------------------------------------------------------------------ */

static void a_stall_is_a_fault_of_the_host_and_clears_after_a_second_without_another(void **state)
{
    (void)state;
    start_with(0);
    stall(&rig, ms(100), ms(400));
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_SELF_STALL);
    assert_found(fault);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_HOST);
    assert_int_equal(fault->blame, FLATLINE_SCOPE_HOST);
    assert_int_equal(fault->onset_ns, ms(100));
    assert_int_equal(fault->at_ns, ms(400));
    assert_int_equal(fault->evidence[0], 300 * NS_PER_MS);
    assert_int_equal(fault->evidence[1], 50 * NS_PER_MS);
    stall(&rig, ms(900), ms(1000));
    rig_tick(&rig, ms(1999));
    assert_absent(rig_clear(&rig, FLATLINE_FAULT_SELF_STALL));
    rig_tick(&rig, ms(2500));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SELF_STALL)->cleared_ns, ms(2000));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SELF_STALL)->count, 2);
    assert_int_equal(detector_totals(rig.detector).stalls, 2);
    rig_stop(&rig);
}

static void a_long_stall_soon_after_a_short_one_is_a_fault_of_its_own(void **state)
{
    (void)state;
    start_with(0);
    stall(&rig, ms(100), ms(160));
    stall(&rig, ms(500), ms(5500));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 2);
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SELF_STALL)->cleared_ns, ms(500));
    rig_stop(&rig);
}

static void a_stall_never_extends_a_lease(void **state)
{
    (void)state;
    start_with(0);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    stall(&rig, ms(100), ms(5100));
    drained(ms(5100));
    rig_tick(&rig, ms(5100));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3010));
    rig_stop(&rig);
}

static void
silence_over_our_stall_proves_nothing_and_counts_again_from_the_first_drained_pass(void **state)
{
    (void)state;
    start_with(2 * NS_PER_S);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(ms(20));
    stall(&rig, ms(20), ms(5000));
    rig_tick(&rig, ms(5000)); /* stopped behind a full window: drained is not known yet */
    drained(ms(5004));
    rig_tick(&rig, ms(5004));
    drained(ms(7003));
    rig_tick(&rig, ms(7003));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    drained(ms(7004));
    rig_tick(&rig, ms(7004));
    const struct finding *silent = rig_fault(&rig, FLATLINE_FAULT_SILENT);
    assert_found(silent);
    assert_int_equal(silent->at_ns, ms(7004));
    assert_int_equal(silent->onset_ns, ms(10)); /* the last frame stays the onset */
    rig_stop(&rig);
}

static void a_stall_starts_no_silence_that_was_not_counting(void **state)
{
    (void)state;
    start_with(2 * NS_PER_S);
    up(&rig, 0, 1, 0, ms(0));
    stall(&rig, ms(20), ms(100));
    drained(ms(9000));
    rig_tick(&rig, ms(9000));
    assert_absent(
        rig_fault(&rig, FLATLINE_FAULT_SILENT)); /* it has never been heard: NEVER_STARTED's */
    rig_stop(&rig);
}

static void a_frame_right_after_the_stall_accuses_nobody(void **state)
{
    (void)state;
    start_with(2 * NS_PER_S);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(ms(20));
    stall(&rig, ms(20), ms(5000));
    send(&rig, with_id(bare(0, 0, ms(5001)), 2)); /* before any drained pass */
    drained(ms(5002));
    rig_tick(&rig, ms(5002));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    rig_stop(&rig);
}

static void a_watermark_that_was_already_past_the_stall_restarts_at_once(void **state)
{
    (void)state;
    start_with(2 * NS_PER_S);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    drained(
        ms(5001)); /* the judge loads watermarks before it drains the ring that holds the stall */
    stall(&rig, ms(20), ms(5000));
    rig_tick(&rig, ms(5001));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    drained(ms(7001));
    rig_tick(&rig, ms(7001));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_SILENT)->at_ns, ms(7001));
    rig_stop(&rig);
}

static void first_data_over_our_stall_is_waited_for_again(void **state)
{
    (void)state;
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.pushes_on_subscribe = true;
    rig_start_one(&rig, &traits);
    up(&rig, 0, 1, 0, ms(0));
    stall(&rig, ms(10), ms(6000));
    drained(ms(6001));
    rig_tick(&rig, ms(6001));
    drained(ms(11000));
    rig_tick(&rig, ms(11000));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED));
    drained(ms(11001));
    rig_tick(&rig, ms(11001));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_NEVER_STARTED)->at_ns, ms(11001));
    rig_stop(&rig);
}

static void a_close_that_our_stall_explains_is_charged_to_us(void **state)
{
    (void)state;
    start_with(0);
    up(&rig, 0, 1, 0, ms(0));
    stall(&rig, ms(0), ms(31000));
    down(&rig, 0, 1, LINK_END_CLOSE, 4004, ms(31500));
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_DOWN);
    assert_int_equal(fault->blame, FLATLINE_SCOPE_HOST);
    assert_int_equal(fault->evidence[4], 31 * NS_PER_S);
    assert_true(fault->confidence < 100);
    rig_stop(&rig);
}

static void a_close_that_a_stall_does_not_explain_is_not(void **state)
{
    (void)state;
    start_with(0);
    up(&rig, 0, 1, 0, ms(0));
    stall(&rig, ms(0), ms(31000));
    down(&rig, 0, 1, LINK_END_CLOSE, 1012, ms(31500)); /* a restart of the venue's */
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_DOWN)->blame, FLATLINE_SCOPE_CONNECTION);
    up(&rig, 0, 2, 0, ms(40000));
    send(&rig, with_id(bare(0, 0, ms(40001)), 1));
    down(&rig, 0, 2, LINK_END_CLOSE, 4004, ms(91001)); /* too long after */
    assert_int_equal(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_DOWN, 1)->blame,
                     FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

/* Five seconds stopped, 10 frames a second piled up in the kernel and in the venue's window
 * behind it. */
static void a_five_second_stop_behind_a_full_window_is_not_lagging(void **state)
{
    (void)state;
    start_with(0);
    up(&rig, 0, 1, 0, ms(0));
    uint64_t id = 1;
    for (uint64_t at = 0; at < 3000; at += 10) {
        send(&rig, late(at, id++, 5));
    }
    stall(&rig, ms(3000), ms(8000));
    for (uint64_t sent = 3000; sent < 8000;
         sent += 10) { /* read in a rush, the last of them 150 ms after the stop */
        const uint64_t at = 8000 + (sent - 3000) * 150 / 5000;
        send(&rig, late(at, id++, at - sent));
    }
    for (uint64_t at = 8150; at < 12000; at += 10) {
        send(&rig,
             late(at, id++, at < 8400 ? 8400 - at : 5)); /* what the venue sent meanwhile drains */
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1); /* SELF_STALL */
    rig_stop(&rig);
}

/* ---- LAGGING --------------------------------------------------------------------------------- */

static void a_connection_that_stays_late_is_lagging_after_a_second(void **state)
{
    (void)state;
    start_with(0);
    uint64_t id = 1;
    for (uint64_t at = 0; at < 2000; at += 10) {
        send(&rig, late(at, id++, 5));
    }
    for (uint64_t at = 2000; at < 6000; at += 10) {
        send(&rig, late(at, id++, 700));
    }
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_LAGGING);
    assert_found(fault);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(fault->connection, 0);
    assert_int_equal(fault->onset_ns, ms(2000)); /* the first of them, not when p95 was above */
    assert_in_range(fault->at_ns, ms(3000), ms(3100));
    assert_in_range(fault->evidence[0], 690 * NS_PER_MS, 700 * NS_PER_MS);
    assert_true(fault->evidence[1] * 20 > fault->evidence[2]);
    assert_int_equal(fault->evidence[3], 500 * NS_PER_MS);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    for (uint64_t at = 6000; at < 9000; at += 10) {
        send(&rig, late(at, id++, 5));
    }
    const struct finding *clear = rig_clear(&rig, FLATLINE_FAULT_LAGGING);
    assert_found(clear);
    assert_in_range(clear->cleared_ns, ms(7000), ms(8500));
    rig_stop(&rig);
}

static void one_frame_in_thirty_late_is_not_lagging(void **state)
{
    (void)state;
    start_with(0);
    for (uint64_t i = 0; i < 1000; i++) {
        send(&rig, late(i * 10, i + 1, i % 30 == 29 ? 900 : 5));
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    rig_stop(&rig);
}

static void exactly_one_in_twenty_late_is_not_lagging(void **state)
{
    (void)state;
    start_with(0);
    for (uint64_t i = 0; i < 1000; i++) { /* 5 late of the 100 in each window */
        send(&rig, late(i * 10, i + 1, i % 20 == 0 ? 900 : 5));
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    rig_stop(&rig);
}

static void two_late_frames_a_long_while_apart_are_not_lagging(void **state)
{
    (void)state;
    start_with(0);
    send(&rig, late(0, 1, 5));
    send(&rig, late(1000, 2, 900));
    send(&rig, late(9000, 3, 900));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    send(&rig, late(9900, 4, 900));
    send(&rig, late(10000, 5, 900)); /* but a second of nothing else is */
    assert_found(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    rig_stop(&rig);
}

static void a_late_burst_that_has_drained_is_not_lagging(void **state)
{
    (void)state;
    start_with(0);
    uint64_t id = 1;
    for (uint64_t at = 0; at < 1000; at += 10) {
        send(&rig, late(at, id++, 5));
    }
    for (uint64_t i = 0; i < 200; i++) { /* two seconds of frames, all within 250 ms */
        send(&rig, late(3000 + i * 250 / 200, id++, 2000 - i * 9));
    }
    for (uint64_t at = 3260; at < 6000; at += 10) {
        send(&rig, late(at, id++, 5));
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    rig_stop(&rig);
}

static void repeated_frames_and_first_pushes_are_no_evidence_of_lag(void **state)
{
    (void)state;
    start_with(0);
    send(&rig, late(0, 1, 5));
    for (uint64_t at = 10; at < 4000; at += 10) {
        send(&rig, late(at, 1, at + 5)); /* the same frame again and again: FROZEN, not late */
    }
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_LAGGING));
    assert_found(rig_fault(&rig, FLATLINE_FAULT_FROZEN));
    assert_int_equal(rig_view(&rig, 0)->excess_lag_ns, 0);
    rig_stop(&rig);
}

/* ---- SILENT ---------------------------------------------------------------------------------- */

static void silence_is_off_at_zero(void **state)
{
    (void)state;
    start_with(0);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    rig_tick(&rig, ms(3600000));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_stop(&rig);
}

static void silence_beyond_the_limit_is_silent_since_the_last_frame_until_the_next(void **state)
{
    (void)state;
    start_with(10 * NS_PER_S);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    send(&rig, with_id(bare(0, 0, ms(500)), 1)); /* any frame, a repeat too */
    rig_tick(&rig, ms(10499));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_tick(&rig, ms(10500));
    const struct finding *silent = rig_fault(&rig, FLATLINE_FAULT_SILENT);
    assert_int_equal(silent->onset_ns, ms(500));
    assert_int_equal(silent->at_ns, ms(10500));
    assert_int_equal(silent->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(silent->evidence[0], 10 * NS_PER_S);
    rig_tick(&rig, ms(50000));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    send(&rig, with_id(bare(0, 0, ms(60500)), 2));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SILENT)->cleared_ns, ms(60500));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SILENT)->evidence[0], 60 * NS_PER_S);
    rig_stop(&rig);
}

static void silence_that_ends_at_its_deadline_was_silence(void **state)
{
    (void)state;
    start_with(NS_PER_S);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    send(&rig, with_id(bare(0, 0, ms(1000)), 2));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_SILENT)->at_ns, ms(1000));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_SILENT)->cleared_ns, ms(1000));
    send(&rig, with_id(bare(0, 0, ms(2000) - 1), 3));
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    rig_stop(&rig);
}

static void silence_of_a_stream_without_a_connection_is_explained(void **state)
{
    (void)state;
    start_with(NS_PER_S);
    up(&rig, 0, 1, 0, ms(0));
    send(&rig, with_id(bare(0, 0, ms(10)), 1));
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(20));
    rig_tick(&rig, ms(60000));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stall_is_a_fault_of_the_host_and_clears_after_a_second_without_another),
        cmocka_unit_test(a_long_stall_soon_after_a_short_one_is_a_fault_of_its_own),
        cmocka_unit_test(a_stall_never_extends_a_lease),
        cmocka_unit_test(
            silence_over_our_stall_proves_nothing_and_counts_again_from_the_first_drained_pass),
        cmocka_unit_test(a_frame_right_after_the_stall_accuses_nobody),
        cmocka_unit_test(a_watermark_that_was_already_past_the_stall_restarts_at_once),
        cmocka_unit_test(first_data_over_our_stall_is_waited_for_again),
        cmocka_unit_test(a_close_that_our_stall_explains_is_charged_to_us),
        cmocka_unit_test(a_close_that_a_stall_does_not_explain_is_not),
        cmocka_unit_test(a_five_second_stop_behind_a_full_window_is_not_lagging),
        cmocka_unit_test(a_connection_that_stays_late_is_lagging_after_a_second),
        cmocka_unit_test(one_frame_in_thirty_late_is_not_lagging),
        cmocka_unit_test(a_late_burst_that_has_drained_is_not_lagging),
        cmocka_unit_test(repeated_frames_and_first_pushes_are_no_evidence_of_lag),
        cmocka_unit_test(silence_is_off_at_zero),
        cmocka_unit_test(silence_beyond_the_limit_is_silent_since_the_last_frame_until_the_next),
        cmocka_unit_test(silence_that_ends_at_its_deadline_was_silence),
        cmocka_unit_test(silence_of_a_stream_without_a_connection_is_explained),
        cmocka_unit_test(exactly_one_in_twenty_late_is_not_lagging),
        cmocka_unit_test(two_late_frames_a_long_while_apart_are_not_lagging),
        cmocka_unit_test(a_stall_starts_no_silence_that_was_not_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
