/* SPDX-License-Identifier: MIT
 *
 * Goal: an account's stream is leased by what is proven of its key and its socket, and by
 * nothing else.
 *
 * Method: extends, pongs, account events and key news on a virtual clock; the key lives 60 min,
 * a proof 3 x 20 s.
 */
#include "unit/detector_rig.h"

static struct rig rig;

enum { KEY = 0x5eed, OTHER_KEY = 0xbad };

static void key_news(enum event_kind kind, int64_t code, uint64_t fingerprint, uint64_t at_ns)
{
    struct event event = rig_event(kind, EVENT_NO_CONNECTION, at_ns);
    event.note.code = code;
    event.note.value = fingerprint;
    send(&rig, event);
}

static void extended(uint64_t at_ns)
{
    key_news(EVENT_KEY_EXTENDED, 0, KEY, at_ns);
}

static void pong(uint64_t at_ns)
{
    send(&rig, rig_event(EVENT_PONG, 0, at_ns));
}

static void start(void)
{
    struct stream_traits traits = rig_traits(KEY_NONE, CHAIN_NONE);
    traits.stream_class = FLATLINE_CLASS_USER;
    rig_start_one(&rig, &traits);
}

static void start_open(void)
{
    start();
    extended(ms(0));
    up(&rig, 0, 1, 0, ms(100));
}

static uint64_t lease(void)
{
    return rig_view(&rig, 0)->lease_until_ns;
}

static void key_and_socket_must_both_be_proven(void **state)
{
    (void)state;
    start_open();
    assert_true(rig_view(&rig, 0)->unproven);
    assert_int_equal(lease(), 0); /* the socket has proven nothing yet */
    pong(ms(150));
    assert_int_equal(lease(), ms(60150));
    assert_true(rig_view(&rig, 0)->unproven);
    rig_stop(&rig);
}

static void a_socket_alone_without_an_extended_key_is_worth_nothing(void **state)
{
    (void)state;
    start();
    up(&rig, 0, 1, 0, ms(100));
    pong(ms(150));
    send(&rig, bare(0, 0, ms(160)));
    assert_int_equal(lease(), 0);
    rig_stop(&rig);
}

static void it_is_unproven_until_a_first_event_on_this_socket(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    send(&rig, bare(0, 0, ms(200)));
    assert_false(rig_view(&rig, 0)->unproven);
    assert_int_equal(lease(), ms(60200)); /* an event is a proof, too */
    down(&rig, 0, 1, LINK_END_EOF, 0, ms(300));
    assert_true(rig_view(&rig, 0)->unproven);
    up(&rig, 0, 2, 0, ms(400));
    assert_true(rig_view(&rig, 0)->unproven);
    rig_stop(&rig);
}

static void the_lease_lapses_three_ping_intervals_after_the_last_proof(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    pong(ms(20150));
    detector_watermark(rig.detector, 0, 1, ms(90000));
    rig_tick(&rig, ms(80149));
    assert_absent(rig_lapse(&rig, 0));
    rig_tick(&rig, ms(80150));
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(80150));
    pong(ms(81000));
    assert_int_equal(rig_renew(&rig, 1)->at_ns, ms(81000));
    rig_stop(&rig);
}

static void the_lease_never_outlives_the_key(void **state)
{
    (void)state;
    start_open();
    pong(ms(3590000));
    assert_int_equal(lease(), ms(3600000));
    extended(ms(3595000));
    assert_int_equal(lease(), ms(3650000)); /* now by the socket */
    rig_stop(&rig);
}

static void down_takes_it_and_only_a_proof_of_the_new_socket_brings_it_back(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    down(&rig, 0, 1, LINK_END_ERROR, 104, ms(200));
    assert_int_equal(lease(), 0);
    assert_int_equal(rig_view(&rig, 0)->revoked_by, FLATLINE_FAULT_DOWN);
    extended(ms(250));
    up(&rig, 0, 2, 0, ms(300));
    assert_int_equal(lease(), 0);
    pong(ms(310));
    assert_int_equal(lease(), ms(60310));
    rig_stop(&rig);
}

static void an_expiry_event_revokes_once_until_the_first_success_on_a_new_socket(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    key_news(EVENT_KEY_EXPIRED, 0, KEY, ms(1000));
    key_news(EVENT_KEY_EXPIRED, 0, KEY, ms(1000)); /* it may come twice */
    const struct finding *fault = rig_fault(&rig, FLATLINE_FAULT_KEY_EXPIRED);
    assert_found(fault);
    assert_int_equal(fault->evidence[0], NS_PER_S);
    assert_int_equal(fault->evidence[1], 1);
    assert_int_equal(fault->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 1);
    assert_int_equal(rig_count(&rig, FINDING_UPDATE), 0);
    assert_int_equal(lease(), 0);
    assert_int_equal(rig_view(&rig, 0)->lost_count, 1);
    pong(ms(1100)); /* the socket stays open and answers: that proves nothing now */
    assert_int_equal(lease(), 0);
    key_news(EVENT_KEY_EXTENDED, 0, OTHER_KEY, ms(2000)); /* a new key */
    assert_found(rig_clear(&rig, FLATLINE_FAULT_KEY_EXPIRED));
    pong(ms(2100)); /* of the socket that was opened with the dead key */
    assert_int_equal(lease(), 0);
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(2200));
    up(&rig, 0, 2, 0, ms(2300));
    pong(ms(2350));
    assert_int_equal(lease(), ms(62350));
    rig_stop(&rig);
}

static void the_expiry_of_another_key_is_not_ours(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    key_news(EVENT_KEY_EXPIRED, 0, OTHER_KEY, ms(1000));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_KEY_EXPIRED));
    assert_int_equal(lease(), ms(60150));
    key_news(EVENT_KEY_EXPIRED, 0, 0, ms(1100)); /* unnamed: fail closed */
    assert_int_equal(lease(), 0);
    rig_stop(&rig);
}

static void a_key_the_venue_does_not_know_revokes_and_a_foreign_one_is_told_as_such(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    key_news(EVENT_KEY_UNKNOWN, -1125, 0, ms(1000));
    assert_int_equal((int64_t)rig_fault(&rig, FLATLINE_FAULT_KEY_UNKNOWN)->evidence[0], -1125);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_KEY_UNKNOWN)->evidence[1], 0);
    assert_int_equal(lease(), 0);
    extended(ms(2000));
    assert_int_equal(rig_clear(&rig, FLATLINE_FAULT_KEY_UNKNOWN)->cleared_ns, ms(2000));
    assert_int_equal(lease(),
                     ms(60150)); /* the same key on the same socket: what was proven holds */
    key_news(EVENT_KEY_UNKNOWN, 1, 0, ms(3000));
    assert_int_equal(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_KEY_UNKNOWN, 1)->evidence[1], 1);
    rig_stop(&rig);
}

static void the_countdown_runs_from_the_last_success_and_warns_before_it_ends(void **state)
{
    (void)state;
    start_open();
    extended(ms(120000));
    key_news(EVENT_KEY_EXTEND_FAILED, 503, 0, ms(240000));
    key_news(EVENT_KEY_EXTEND_FAILED, 503, 0, ms(360000));
    const uint64_t warns_ns = ms(120000) + 2100 * NS_PER_S;
    const uint64_t dies_ns = ms(120000) + 3600 * NS_PER_S;
    detector_watermark(rig.detector, 0, 1, dies_ns);
    assert_true(detector_next_deadline(rig.detector) <= warns_ns);
    rig_tick(&rig, warns_ns - 1);
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_tick(&rig, warns_ns);
    const struct finding *warning = rig_fault(&rig, FLATLINE_FAULT_KEY_EXPIRING);
    assert_found(warning);
    assert_int_equal(warning->at_ns, warns_ns);
    assert_int_equal(warning->evidence[0], 1500 * NS_PER_S);
    assert_int_equal(warning->evidence[1], ms(120000));
    assert_int_equal(warning->evidence[2], 2);
    pong(dies_ns - NS_PER_S);
    assert_int_equal(lease(), dies_ns); /* a warning takes nothing */
    rig_tick(&rig, dies_ns);
    const struct finding *expired = rig_fault(&rig, FLATLINE_FAULT_KEY_EXPIRED);
    assert_int_equal(expired->at_ns, dies_ns);
    assert_int_equal(expired->evidence[0], 3600 * NS_PER_S);
    assert_int_equal(expired->evidence[1], 0);
    extended(dies_ns + NS_PER_S);
    assert_found(rig_clear(&rig, FLATLINE_FAULT_KEY_EXPIRING));
    assert_found(rig_clear(&rig, FLATLINE_FAULT_KEY_EXPIRED));
    rig_stop(&rig);
}

static void a_success_resets_the_countdown(void **state)
{
    (void)state;
    start_open();
    for (uint64_t minute = 2; minute <= 600; minute += 2) {
        extended(ms(minute * 60000));
        rig_tick(&rig, ms(minute * 60000));
    }
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    rig_stop(&rig);
}

static void the_pong_of_a_market_connection_proves_no_account_stream(void **state)
{
    (void)state;
    start_open();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    const uint32_t market = rig_connection(&rig, 1);
    rig_leg(&rig, rig_stream(&rig, &traits), market);
    up(&rig, market, 1, 0, ms(100));
    send(&rig, rig_event(EVENT_PONG, market, ms(150)));
    assert_int_equal(lease(), 0);
    rig_stop(&rig);
}

static void days_without_account_events_accuse_nobody(void **state)
{
    (void)state;
    start_open();
    for (uint64_t ping = 1; ping < 3 * 60 * 72; ping++) {
        const uint64_t at_ns = ms(ping * 20000);
        pong(at_ns);
        if (ping % 6 == 0) {
            extended(at_ns + 1);
        }
        detector_watermark(rig.detector, 0, 1, at_ns + 2);
        rig_tick(&rig, at_ns + 2);
    }
    assert_int_equal(rig_count(&rig, FINDING_FAULT), 0);
    assert_int_equal(rig_count(&rig, FINDING_LAPSE), 0);
    rig_stop(&rig);
}

static void after_a_suspend_nobody_knows_how_much_of_the_hour_is_left(void **state)
{
    (void)state;
    start_open();
    pong(ms(150));
    send(&rig, rig_event(EVENT_CLOCK_SUSPENDED, EVENT_NO_CONNECTION, ms(1000)));
    pong(ms(1100));
    assert_int_equal(lease(), 0);
    extended(ms(1200));
    assert_int_equal(lease(), ms(61100));
    rig_stop(&rig);
}

static void a_successor_socket_takes_over_and_the_old_one_proves_nothing_more(void **state)
{
    (void)state;
    start_open();
    rig_leg(&rig, 0, rig_connection(&rig, 0));
    pong(ms(150));
    up(&rig, 1, 1, 0, ms(1000));
    pong(ms(20150)); /* of the old one */
    assert_int_equal(lease(), ms(60150));
    send(&rig, rig_event(EVENT_PONG, 1, ms(20200)));
    assert_int_equal(lease(), ms(80200));
    down(&rig, 0, 1, LINK_END_LOCAL, 0, ms(20300));
    assert_int_equal(lease(), ms(80200));
    rig_stop(&rig);
}

static void a_success_does_not_hide_that_the_lease_had_lapsed(void **state)
{
    (void)state;
    start_open();
    pong(ms(3599000));
    detector_watermark(rig.detector, 0, 1, ms(3605000));
    extended(ms(3605000)); /* five seconds too late, before anybody looked */
    assert_int_equal(rig_lapse(&rig, 0)->at_ns, ms(3600000));
    assert_int_equal(rig_renew(&rig, 1)->at_ns, ms(3605000));
    assert_int_equal(rig_view(&rig, 0)->lapsed_ns, 5 * NS_PER_S);
    rig_stop(&rig);
}

static void of_two_accounts_the_news_is_of_the_one_its_connection_carries(void **state)
{
    (void)state;
    struct stream_traits traits = rig_traits(KEY_NONE, CHAIN_NONE);
    traits.stream_class = FLATLINE_CLASS_USER;
    start();
    const uint32_t private_b = rig_connection(&rig, 0);
    const uint32_t account_b = rig_stream(&rig, &traits);
    rig_leg(&rig, account_b, private_b);
    send(&rig, rig_event(EVENT_KEY_EXPIRED, private_b, ms(10)));
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_KEY_EXPIRED)->stream, account_b);
    send(&rig, rig_event(EVENT_KEY_EXPIRED, 0, ms(20)));
    assert_int_equal(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_KEY_EXPIRED, 1)->stream, 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_and_socket_must_both_be_proven),
        cmocka_unit_test(a_socket_alone_without_an_extended_key_is_worth_nothing),
        cmocka_unit_test(it_is_unproven_until_a_first_event_on_this_socket),
        cmocka_unit_test(the_lease_lapses_three_ping_intervals_after_the_last_proof),
        cmocka_unit_test(the_lease_never_outlives_the_key),
        cmocka_unit_test(down_takes_it_and_only_a_proof_of_the_new_socket_brings_it_back),
        cmocka_unit_test(an_expiry_event_revokes_once_until_the_first_success_on_a_new_socket),
        cmocka_unit_test(the_expiry_of_another_key_is_not_ours),
        cmocka_unit_test(a_key_the_venue_does_not_know_revokes_and_a_foreign_one_is_told_as_such),
        cmocka_unit_test(the_countdown_runs_from_the_last_success_and_warns_before_it_ends),
        cmocka_unit_test(a_success_resets_the_countdown),
        cmocka_unit_test(the_pong_of_a_market_connection_proves_no_account_stream),
        cmocka_unit_test(days_without_account_events_accuse_nobody),
        cmocka_unit_test(after_a_suspend_nobody_knows_how_much_of_the_hour_is_left),
        cmocka_unit_test(a_successor_socket_takes_over_and_the_old_one_proves_nothing_more),
        cmocka_unit_test(a_success_does_not_hide_that_the_lease_had_lapsed),
        cmocka_unit_test(of_two_accounts_the_news_is_of_the_one_its_connection_carries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
