/* SPDX-License-Identifier: MIT
 *
 * Goal: lateness is dated from its first late frame, and charged to whom it belongs: one stream, the
 * connection, the venue, its clock, all of them, or ourselves.
 *
 * Method: timed frames on a virtual clock, on up to three connections with two streams each; looks at
 * our own sockets where it matters whether bytes waited there.
 */
#include "core/cusum.h"
#include "core/lag_split.h"
#include "detector_rig.h"

#define CONNECTIONS 3U /* two of one venue, one of another */
#define STEP_MS     10U

enum { CAUSE_UNKNOWN, CAUSE_WAY, CAUSE_OURS, CAUSE_STREAM, CAUSE_VENUE_CLOCK, CAUSE_ALL_VENUES };

struct case_rig {
    struct rig rig;
    uint64_t now_ms;
    uint64_t id;
    bool looks;                   /* somebody looks at our sockets */
    uint32_t queued[CONNECTIONS]; /* what a look finds unread there */
    uint64_t came;                /* bytes, ever */
    int64_t lag_ms[CONNECTIONS];  /* of their frames */
    int64_t more_ms[CONNECTIONS]; /* of the second stream's, on top */
    int64_t stuck_at_ms;          /* connection 0's second stream says this time for ever; 0: not */
};

static int start(void **state)
{
    struct case_rig *c = calloc(1, sizeof(*c));
    const struct detector_policy policy = rig_policy();
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start(&c->rig, &policy);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        traits.venue = i < 2 ? FLATLINE_VENUE_BINANCE_USDM : FLATLINE_VENUE_OKX;
        const int connection = detector_add_connection(c->rig.detector, traits.venue, i);
        assert_int_equal(connection, i);
        rig_leg(&c->rig, rig_stream(&c->rig, &traits), i);
        rig_leg(&c->rig, rig_stream(&c->rig, &traits), i);
        up(&c->rig, i, 1, 0, ms(0));
    }
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

static void frame(struct case_rig *c, uint32_t connection, uint32_t second, int64_t lag_ms)
{
    struct event event = with_id(bare(2 * connection + second, connection, ms(c->now_ms)), ++c->id);
    send(&c->rig, with_lag(event, lag_ms * (int64_t)NS_PER_MS));
}

static void look(struct case_rig *c, uint32_t connection)
{
    struct event event = rig_event(EVENT_SOCKET_SEEN, EVENT_NO_CONNECTION, ms(c->now_ms));
    event.socket = (struct event_socket){.place = (uint16_t)connection,
                                         .is_own = 1,
                                         .bytes_received = c->came,
                                         .receive_queue_bytes = c->queued[connection]};
    send(&c->rig, event);
}

/* Every 10 ms a frame of each stream, the second 5 ms older. */
static void flow(struct case_rig *c, uint64_t for_ms)
{
    for (uint64_t end_ms = c->now_ms + for_ms; c->now_ms < end_ms; c->now_ms += STEP_MS) {
        c->came += 100;
        for (uint32_t i = 0; i < CONNECTIONS; i++) {
            const bool is_stuck = i == 0 && c->stuck_at_ms != 0;
            frame(c, i, 0, c->lag_ms[i]);
            frame(c,
                  i,
                  1,
                  is_stuck ? (int64_t)c->now_ms - c->stuck_at_ms
                           : c->lag_ms[i] + c->more_ms[i] + 5);
            if (c->looks && c->now_ms % 20 == 0) {
                look(c, i);
            }
        }
    }
}

static uint32_t lagging_count(const struct case_rig *c)
{
    uint32_t count = 0;
    while (rig_find(&c->rig, FINDING_FAULT, FLATLINE_FAULT_LAGGING, count)->kind != RIG_NONE) {
        count++;
    }
    return count;
}

/* Later and later, by what time passes: no delay can do more. */
static void delay(struct case_rig *c, uint32_t connection, int64_t to_ms)
{
    while (c->lag_ms[connection] < to_ms) {
        c->lag_ms[connection] += STEP_MS;
        flow(c, STEP_MS);
    }
}

/* ---- whose ----------------------------------------------------------------------------------- */

static void one_stream_with_a_stuck_time_is_late_alone(void **state)
{
    struct case_rig *c = *state;
    flow(c, 2000);
    c->stuck_at_ms = (int64_t)c->now_ms;
    flow(c, 4000);
    const struct finding *lagging = rig_fault(&c->rig, FLATLINE_FAULT_LAGGING);
    assert_found(lagging);
    assert_int_equal(lagging->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(lagging->blame, FLATLINE_SCOPE_STREAM);
    assert_int_equal(lagging->stream, 1);
    assert_int_equal(lagging->connection, 0);
    assert_in_range(lagging->onset_ns, ms(2500), ms(2520)); /* half a second behind since then */
    assert_in_range(lagging->at_ns, ms(3500), ms(3530));
    assert_int_equal(lagging->evidence[4], CAUSE_STREAM);
    assert_int_equal(lagging_count(c), 1);
    c->stuck_at_ms = 0;
    flow(c, 2000);
    assert_found(rig_clear(&c->rig, FLATLINE_FAULT_LAGGING));
    assert_int_equal(lagging_count(c), 1);
}

static void untimed_streams_earn_beside_a_stream_with_a_stuck_time(void **state)
{
    struct case_rig *c = *state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    const uint32_t untimed = rig_stream(&c->rig, &traits);
    rig_leg(&c->rig, untimed, 0);
    flow(c, 2000);
    c->stuck_at_ms = (int64_t)c->now_ms;
    flow(c, 5000); /* more than stale_after */
    send(&c->rig, with_id(bare(untimed, 0, ms(c->now_ms)), ++c->id));
    assert_int_equal(rig_view(&c->rig, untimed)->lease_until_ns, ms(c->now_ms) + 3 * NS_PER_S);
    c->stuck_at_ms = 0;
    delay(c, 0, 4000); /* but not where all of the connection is late */
    send(&c->rig, with_id(bare(untimed, 0, ms(c->now_ms)), ++c->id));
    assert_true(rig_view(&c->rig, untimed)->lease_until_ns < ms(c->now_ms));
}

static void one_stream_that_is_always_late_is_late_alone(void **state)
{
    struct case_rig *c = *state;
    flow(c, 2000);
    c->more_ms[0] = 900;
    flow(c, 3000);
    const struct finding *lagging = rig_fault(&c->rig, FLATLINE_FAULT_LAGGING);
    assert_found(lagging);
    assert_int_equal(lagging->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(lagging_count(c), 1);
}

static void a_late_connection_is_late_with_all_its_streams_since_its_first_late_frame(void **state)
{
    struct case_rig *c = *state;
    c->looks = true;
    flow(c, 2000);
    delay(c, 0, 900);
    flow(c, 3000);
    const struct finding *lagging = rig_fault(&c->rig, FLATLINE_FAULT_LAGGING);
    assert_found(lagging);
    assert_int_equal(lagging->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(lagging->blame, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(lagging->connection, 0);
    assert_in_range(lagging->onset_ns, ms(2240), ms(2300)); /* above half of the limit since */
    assert_int_equal(lagging->evidence[4], CAUSE_WAY);
    assert_int_equal(lagging->evidence[5], 0);
    assert_int_equal(lagging_count(c), 1);
}

static void where_nobody_looked_at_our_socket_the_cause_is_unknown(void **state)
{
    struct case_rig *c = *state;
    flow(c, 2000);
    delay(c, 0, 900);
    flow(c, 3000);
    assert_int_equal(rig_fault(&c->rig, FLATLINE_FAULT_LAGGING)->evidence[4], CAUSE_UNKNOWN);
}

static void what_waited_in_our_own_socket_is_ours(void **state)
{
    struct case_rig *c = *state;
    c->looks = true;
    flow(c, 2000);
    c->queued[0] = 8000; /* 80 steps of bytes: what a reader 800 ms behind leaves */
    delay(c, 0, 900);
    flow(c, 3000);
    const struct finding *lagging = rig_fault(&c->rig, FLATLINE_FAULT_LAGGING);
    assert_found(lagging);
    assert_int_equal(lagging->evidence[4], CAUSE_OURS);
    assert_int_equal(lagging->blame, FLATLINE_SCOPE_HOST);
    assert_true(lagging->evidence[5] >= 500 * NS_PER_MS);
}

static void all_connections_of_a_venue_late_are_the_venues(void **state)
{
    struct case_rig *c = *state;
    flow(c, 2000);
    for (uint32_t i = 0; i < 90; i++) {
        c->lag_ms[0] += STEP_MS;
        c->lag_ms[1] += STEP_MS;
        flow(c, STEP_MS);
    }
    flow(c, 3000);
    assert_int_equal(lagging_count(c), 2);
    const struct finding *lagging = rig_find(&c->rig, FINDING_FAULT, FLATLINE_FAULT_LAGGING, 1);
    assert_int_equal(lagging->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(lagging->blame, FLATLINE_SCOPE_VENUE);
}

static void a_venues_clock_set_back_shows_on_all_its_connections_at_once(void **state)
{
    struct case_rig *c = *state;
    flow(c, 2000);
    c->lag_ms[0] = 700;
    c->lag_ms[1] = 700;
    flow(c, 3000);
    assert_int_equal(lagging_count(c), 2);
    const struct finding *lagging = rig_fault(&c->rig, FLATLINE_FAULT_LAGGING);
    assert_int_equal(lagging->evidence[4], CAUSE_VENUE_CLOCK);
    assert_int_equal(lagging->blame, FLATLINE_SCOPE_VENUE);
    assert_int_equal(lagging->scope, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(lagging->onset_ns, ms(2000));
}

static void everything_late_at_all_venues_is_on_our_side(void **state)
{
    struct case_rig *c = *state;
    flow(c, 2000);
    for (uint32_t i = 0; i < 90; i++) {
        for (uint32_t k = 0; k < CONNECTIONS; k++) {
            c->lag_ms[k] += STEP_MS;
        }
        flow(c, STEP_MS);
    }
    flow(c, 3000);
    assert_int_equal(lagging_count(c), 3);
    const struct finding *lagging = rig_find(&c->rig, FINDING_FAULT, FLATLINE_FAULT_LAGGING, 2);
    assert_int_equal(lagging->evidence[4], CAUSE_ALL_VENUES);
    assert_int_equal(lagging->blame, FLATLINE_SCOPE_HOST);
}

static void channels_stamped_a_little_apart_accuse_nobody(void **state)
{
    struct case_rig *c = *state;
    c->more_ms[0] = 300;
    c->more_ms[2] = 490;
    flow(c, 10000);
    assert_int_equal(lagging_count(c), 0);
}

/* ---- the parts ------------------------------------------------------------------------------- */

static void the_sum_dates_a_change_and_forgets_it(void **state)
{
    (void)state;
    struct cusum cusum = {0};
    for (uint64_t at = 1; at <= 10; at++) {
        cusum_feed(&cusum, 100, 250, 4000, at);
    }
    assert_int_equal(cusum.since_ns, 0);
    for (uint64_t at = 11; at <= 1000; at++) {
        cusum_feed(
            &cusum, at == 500 ? 0 : 600, 250, 4000, at); /* one good sample changes nothing */
    }
    assert_int_equal(cusum.since_ns, 11);
    assert_int_equal(cusum.sum, 4000);
    for (uint64_t at = 1001; at <= 1016; at++) {
        cusum_feed(&cusum, 0, 250, 4000, at);
    }
    assert_int_equal(cusum.sum, 0);
    assert_int_equal(cusum.since_ns, 0);
    cusum_feed(&cusum, UINT64_MAX, 250, 4000, 2000); /* an absurd lag is no overflow */
    assert_int_equal(cusum.sum, 4000);
}

static void the_parts_of_a_lag_add_up_to_it(void **state)
{
    (void)state;
    struct lag_split split = {0};
    struct lag_parts parts = lag_split_feed(&split, ms(5000), 40, 0, false);
    assert_int_equal(parts.connection_ns, 40);
    assert_int_equal(parts.stream_ns, 0);
    parts = lag_split_feed(&split, ms(5000) + 10, 2 * NS_PER_S, 1, false);
    assert_int_equal(parts.connection_ns, 50);
    assert_int_equal(parts.stream_ns, 2 * NS_PER_S - 50);
    assert_int_equal(split.step_at_ns, 0);
    parts = lag_split_feed(&split, 1, UINT64_MAX, 1, false); /* older than our clock */
    assert_int_equal(split.newest_sent_ns, ms(5000) - 40);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(one_stream_with_a_stuck_time_is_late_alone),
        CASE(untimed_streams_earn_beside_a_stream_with_a_stuck_time),
        CASE(one_stream_that_is_always_late_is_late_alone),
        CASE(a_late_connection_is_late_with_all_its_streams_since_its_first_late_frame),
        CASE(where_nobody_looked_at_our_socket_the_cause_is_unknown),
        CASE(what_waited_in_our_own_socket_is_ours),
        CASE(all_connections_of_a_venue_late_are_the_venues),
        CASE(a_venues_clock_set_back_shows_on_all_its_connections_at_once),
        CASE(everything_late_at_all_venues_is_on_our_side),
        CASE(channels_stamped_a_little_apart_accuse_nobody),
        cmocka_unit_test(the_sum_dates_a_change_and_forgets_it),
        cmocka_unit_test(the_parts_of_a_lag_add_up_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
