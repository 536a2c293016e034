/* SPDX-License-Identifier: MIT
 *
 * Goal: connections that fall silent together are told as the largest that did: one, all of a route, of a
 * venue, or we ourselves; and each side of every such rule holds.
 *
 * Method: connections of two venues, each with two streams at random gaps that were learned for hours, on
 * the virtual clock of detector_rig.h; some of them stop.
 */
#include "unit/detector_rig.h"
#include "unit/random.h"

static struct rig rig;

static void
news(enum event_kind kind, uint32_t stream, int64_t code, uint64_t value, uint64_t at_ms)
{
    struct event event = rig_event(kind, EVENT_NO_CONNECTION, ms(at_ms));
    event.stream = stream;
    event.note.code = code;
    event.note.value = value;
    send(&rig, event);
}

/* Four connections of two streams each: two of USD-M, two of OKX; taught three hours of frames. */
#define LINES 4U

static uint64_t now_ms;

static void lines_start(void)
{
    struct detector_policy policy = rig_policy();
    policy.silent_every_ns = 3600 * NS_PER_S;
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < LINES; line++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.stale_after_ns = 3600 * NS_PER_S; /* lapses are another test's */
        traits.venue = line < 2 ? FLATLINE_VENUE_BINANCE_USDM : FLATLINE_VENUE_OKX;
        const int connection = detector_add_connection(rig.detector, traits.venue, line);
        assert_int_equal(connection, line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
    }
    now_ms = 0;
}

/* For some time, 400 to 600 ms apart, a frame of one of its streams on each line whose bit is set. */
static void lines_run(uint64_t for_ms, uint32_t speaking)
{
    static uint64_t seed = 11;
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms;) {
        now_ms += 400 + random_next(&seed) % 200;
        rig_tick(&rig, ms(now_ms));
        for (uint32_t line = 0; line < LINES; line++) {
            const uint32_t stream = 2U * line + (uint32_t)(random_next(&seed) % 2U);
            if ((speaking >> line & 1U) != 0) {
                send(&rig, with_id(bare(stream, line, ms(now_ms)), 1000 + now_ms));
            }
        }
    }
}

static void lines_teach(void)
{
    lines_start();
    lines_run(3 * 3600 * 1000, 15);
    rig.count = 0;
}

static const struct finding *silent_with(enum finding_kind kind, enum flatline_scope scope)
{
    for (uint32_t i = rig.count; i-- > 0;) {
        const struct finding *finding = &rig.findings[i];
        if (finding->kind == kind && finding->fault_kind == FLATLINE_FAULT_SILENT &&
            finding->scope == scope) {
            return finding;
        }
    }
    return &rig.none;
}

static bool is_over(uint32_t at)
{
    for (uint32_t i = at + 1; i < rig.count; i++) {
        if (rig.findings[i].fault_id == rig.findings[at].fault_id &&
            rig.findings[i].kind == FINDING_CLEAR) {
            return true;
        }
    }
    return false;
}

/* Who is blamed for one that stands, by the last word on it. */
static enum flatline_scope blamed_for(enum flatline_scope scope)
{
    for (uint32_t i = rig.count; i-- > 0;) {
        const struct finding *finding = &rig.findings[i];
        if (!is_over(i) && (finding->kind == FINDING_FAULT || finding->kind == FINDING_UPDATE) &&
            finding->fault_kind == FLATLINE_FAULT_SILENT && finding->scope == scope) {
            return (enum flatline_scope)finding->blame;
        }
    }
    return FLATLINE_SCOPE_UNKNOWN;
}

static uint32_t silences_standing(enum flatline_scope scope)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig.count; i++) {
        const struct finding *finding = &rig.findings[i];
        const bool is_it = finding->fault_kind == FLATLINE_FAULT_SILENT && finding->scope == scope;
        count += is_it && finding->kind == FINDING_FAULT;
        count -= is_it && finding->kind == FINDING_CLEAR;
    }
    return count;
}

static void
a_connection_silent_beside_another_of_its_venue_is_to_blame_and_explains_its_streams(void **state)
{
    (void)state;
    lines_teach();
    lines_run(60000, 14);
    const struct finding *silent = silent_with(FINDING_FAULT, FLATLINE_SCOPE_CONNECTION);
    assert_int_equal(silent->connection, 0);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_CONNECTION), FLATLINE_SCOPE_CONNECTION);
    assert_true(silent->at_ns - silent->onset_ns < 10 * NS_PER_S);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 0);
    assert_int_equal(rig_count(&rig, FINDING_REVOKE), 0);
    lines_run(5000, 15);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 0);
    rig_stop(&rig);
}

/* Two books of two channels that owe one another nothing, on one connection, and taught. */
static void quiet_books_run(uint64_t for_ms, uint32_t speaking)
{
    static uint64_t seed = 13;
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms;) {
        now_ms += 400 + random_next(&seed) % 200;
        rig_tick(&rig, ms(now_ms));
        for (uint32_t stream = 0; stream < 4; stream++) {
            if ((speaking >> stream & 1U) != 0) {
                send(&rig, with_id(bare(stream, 0, ms(now_ms)), 1000 + now_ms));
            }
        }
    }
}

static void quiet_books_teach(void)
{
    struct detector_policy policy = rig_policy();
    policy.silent_every_ns = 3600 * NS_PER_S;
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, 0);
    for (uint32_t stream = 0; stream < 4; stream++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.stale_after_ns = 3600 * NS_PER_S;
        traits.book = 7 + stream / 2;
        traits.channel = (uint8_t)(stream % 2);
        rig_leg(&rig, rig_stream(&rig, &traits), 0);
    }
    now_ms = 0;
    quiet_books_run(6 * 3600 * 1000, 15);
    rig.count = 0;
}

static void a_stream_silent_while_its_book_moves_beside_it_is_to_blame(void **state)
{
    (void)state;
    quiet_books_teach();
    quiet_books_run(20000, 14);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 1);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_STREAM), FLATLINE_SCOPE_STREAM);
    quiet_books_run(5000, 15);
    quiet_books_run(20000, 12); /* a whole book: the market may be quiet */
    assert_int_equal(blamed_for(FLATLINE_SCOPE_STREAM), FLATLINE_SCOPE_UNKNOWN);
    rig_stop(&rig);
}

static void a_channel_may_be_silent_as_a_whole_without_owing(void **state)
{
    (void)state;
    quiet_books_teach();
    quiet_books_run(20000, 10);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CHANNEL), 1);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 0);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_CHANNEL), FLATLINE_SCOPE_CHANNEL);
    quiet_books_run(5000, 15);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CHANNEL), 0);
    rig_stop(&rig);
}

/* Lines 0 and 1 of one route, 2 of another route of the same venue, 3 of another venue. */
static void routes_teach(void)
{
    struct detector_policy policy = rig_policy();
    policy.silent_every_ns = 3600 * NS_PER_S;
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < LINES; line++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.stale_after_ns = 3600 * NS_PER_S;
        traits.venue = line < 3 ? FLATLINE_VENUE_BINANCE_USDM : FLATLINE_VENUE_OKX;
        const int connection =
            detector_add_connection(rig.detector, traits.venue, line < 2 ? 0 : line);
        assert_int_equal(connection, line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
    }
    now_ms = 0;
    lines_run(12 * 3600 * 1000, 15);
    rig.count = 0;
}

static void all_of_a_route_silent_beside_another_is_one_fault_of_the_route(void **state)
{
    (void)state;
    routes_teach();
    lines_run(60000, 12);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_ROUTE), FLATLINE_SCOPE_ROUTE);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_ROUTE), 1);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    lines_run(20000, 14); /* one of the route is heard again: the other is told by itself */
    assert_int_equal(silences_standing(FLATLINE_SCOPE_ROUTE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 1);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_CONNECTION), FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

static void a_route_is_not_to_blame_where_no_other_is_heard(void **state)
{
    (void)state;
    routes_teach();
    lines_run(60000, 8);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_ROUTE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 1);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_VENUE), FLATLINE_SCOPE_VENUE);
    rig_stop(&rig);
}

static void what_is_undecided_is_decided_by_whoever_is_heard_later(void **state)
{
    (void)state;
    lines_teach();
    lines_run(60000, 12); /* both connections of a venue: nothing decides between it and them */
    assert_int_equal(silent_with(FINDING_FAULT, FLATLINE_SCOPE_CONNECTION)->blame,
                     FLATLINE_SCOPE_UNKNOWN);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 1);
    lines_run(20000, 14);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 1);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_CONNECTION), FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

static void a_venue_silent_while_another_is_heard_is_one_fault_of_the_venue(void **state)
{
    (void)state;
    lines_teach();
    lines_run(60000, 12);
    const struct finding *silent = silent_with(FINDING_FAULT, FLATLINE_SCOPE_VENUE);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_VENUE), FLATLINE_SCOPE_VENUE);
    assert_true(silent->connection < 2);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 0);
    lines_run(5000, 15);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    rig_stop(&rig);
}

static void a_venue_silent_under_maintenance_is_not_told_before_it_is_over(void **state)
{
    (void)state;
    lines_teach();
    news(EVENT_VENUE_STATUS, EVENT_NO_STREAM, 1, FLATLINE_VENUE_BINANCE_USDM, now_ms);
    lines_run(60000, 12);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    news(EVENT_VENUE_STATUS, EVENT_NO_STREAM, 0, FLATLINE_VENUE_BINANCE_USDM, now_ms);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 1);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    lines_run(5000, 15);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    rig_stop(&rig);
}

static void when_every_venue_falls_silent_it_is_we_who_are_deaf(void **state)
{
    (void)state;
    lines_teach();
    for (uint32_t i = 0; i < 120; i++) { /* nothing comes, but time passes */
        now_ms += 500;
        rig_tick(&rig, ms(now_ms));
    }
    const struct finding *silent = silent_with(FINDING_FAULT, FLATLINE_SCOPE_HOST);
    assert_int_equal(silent->blame, FLATLINE_SCOPE_HOST);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_HOST), 1);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    lines_run(10000, 3); /* one venue is heard again: the other is told by itself */
    assert_int_equal(silences_standing(FLATLINE_SCOPE_HOST), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 1);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_VENUE), FLATLINE_SCOPE_VENUE);
    lines_run(10000, 7); /* and so with one connection of two */
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 1);
    assert_int_equal(blamed_for(FLATLINE_SCOPE_CONNECTION), FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

static void line_link(enum event_kind kind, uint32_t line, uint8_t how)
{
    struct event event = rig_event(kind, line, ms(now_ms));
    event.link.how = how;
    send(&rig, event);
}

static void a_silent_connection_that_ends_leaves_its_streams_unaccused(void **state)
{
    (void)state;
    lines_teach();
    lines_run(60000, 14);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 1);
    line_link(EVENT_CONNECTION_DOWN, 0, LINK_END_CLOSE);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 0);
    assert_absent(silent_with(FINDING_FAULT, FLATLINE_SCOPE_STREAM)); /* DOWN says it all */
    lines_run(60000, 15);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 0);
    rig_stop(&rig);
}

static void silent_connections_that_are_given_up_take_their_venues_silence_with_them(void **state)
{
    (void)state;
    lines_teach();
    lines_run(60000, 12);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 1);
    line_link(EVENT_CONNECTION_DOWN, 0, LINK_END_LOCAL);
    line_link(EVENT_CONNECTION_DOWN, 1, LINK_END_LOCAL);
    assert_int_equal(silences_standing(FLATLINE_SCOPE_VENUE), 0);
    lines_run(60000, 15);
    rig.count = 0;
    lines_run(60000, 14); /* and a silence after that is told again */
    assert_int_equal(silences_standing(FLATLINE_SCOPE_CONNECTION), 1);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_connection_silent_beside_another_of_its_venue_is_to_blame_and_explains_its_streams),
        cmocka_unit_test(a_stream_silent_while_its_book_moves_beside_it_is_to_blame),
        cmocka_unit_test(a_channel_may_be_silent_as_a_whole_without_owing),
        cmocka_unit_test(all_of_a_route_silent_beside_another_is_one_fault_of_the_route),
        cmocka_unit_test(a_route_is_not_to_blame_where_no_other_is_heard),
        cmocka_unit_test(what_is_undecided_is_decided_by_whoever_is_heard_later),
        cmocka_unit_test(a_venue_silent_while_another_is_heard_is_one_fault_of_the_venue),
        cmocka_unit_test(a_venue_silent_under_maintenance_is_not_told_before_it_is_over),
        cmocka_unit_test(when_every_venue_falls_silent_it_is_we_who_are_deaf),
        cmocka_unit_test(a_silent_connection_that_ends_leaves_its_streams_unaccused),
        cmocka_unit_test(silent_connections_that_are_given_up_take_their_venues_silence_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
