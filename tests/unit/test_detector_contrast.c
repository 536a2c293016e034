/* SPDX-License-Identifier: MIT
 *
 * Goal: what else decides whose a silence is, where no other connection of the venue is heard: REST for the
 * venue's only connection, frames that were held back, and metronomes of connections that stop together.
 *
 * Method: one or two connections a venue on the virtual clock of detector_rig.h; each rule beside the case
 * in which it must not decide.
 */
#include "unit/detector_rig.h"
#include "unit/random.h"

static struct rig rig;

/* The last word on a fault of a kind and scope, told or told anew. */
static const struct finding *word_on(enum flatline_fault_kind kind, enum flatline_scope scope)
{
    for (uint32_t i = rig.count; i-- > 0;) {
        const struct finding *finding = &rig.findings[i];
        if ((finding->kind == FINDING_FAULT || finding->kind == FINDING_UPDATE) &&
            finding->fault_kind == kind && finding->scope == scope) {
            return finding;
        }
    }
    return &rig.none;
}

static uint32_t standing(enum flatline_fault_kind kind, enum flatline_scope scope)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig.count; i++) {
        const struct finding *finding = &rig.findings[i];
        const bool is_it = finding->fault_kind == kind && finding->scope == scope;
        count += is_it && finding->kind == FINDING_FAULT;
        count -= is_it && finding->kind == FINDING_CLEAR;
    }
    return count;
}

/* One stream on one connection of a venue. */
static uint32_t line_add(enum flatline_venue venue, uint32_t route)
{
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.venue = venue;
    traits.stale_after_ns = 3600 * NS_PER_S; /* lapses are another test's */
    const int connection = detector_add_connection(rig.detector, venue, route);
    assert_true(connection >= 0);
    rig_leg(&rig, rig_stream(&rig, &traits), (uint32_t)connection);
    return (uint32_t)connection;
}

static void say(uint32_t line, uint64_t at_ms)
{
    send(&rig, with_id(bare(line, line, ms(at_ms)), 1000 + at_ms));
}

/* ---- REST ------------------------------------------------------------------------------------ */

/* Of the book of line 0: another mark, other levels. */
static void rest_tells(uint64_t levels, uint64_t at_ms)
{
    struct event event = rig_event(EVENT_REST_BOOK, EVENT_NO_CONNECTION, ms(at_ms));
    event.stream = 0;
    event.rest = (struct event_rest){.levels = levels, .sent_mono_ns = ms(at_ms)};
    send(&rig, event);
}

/* Lines of these venues speak once, then REST shows a change that none of line 0's frames does. */
static void rest_start(const enum flatline_venue *venues, uint32_t lines)
{
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < lines; line++) {
        (void)line_add(venues[line], line);
        say(line, 0);
    }
    rest_tells(1, 100);
    rest_tells(2, 200);
}

static const struct finding *mute(void)
{
    return word_on(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_CONNECTION);
}

static void rest_decides_for_the_only_connection_of_a_venue(void **state)
{
    static const enum flatline_venue venues[] = {FLATLINE_VENUE_BINANCE_USDM, FLATLINE_VENUE_OKX};

    (void)state;
    for (uint32_t lines = 1; lines <= ARRAY_COUNT(venues); lines++) { /* a silent venue beside it */
        rest_start(venues, lines);
        rig_tick(&rig, ms(1199));
        assert_absent(mute());
        rig_tick(&rig, ms(1200));
        assert_int_equal(mute()->connection, 0);
        assert_int_equal(mute()->blame, FLATLINE_SCOPE_CONNECTION);
        assert_int_equal(mute()->confidence, 90);
        rig_stop(&rig);
    }
}

static void rest_does_not_decide_between_two_connections_that_are_both_silent(void **state)
{
    static const enum flatline_venue venues[] = {FLATLINE_VENUE_BINANCE_USDM,
                                                 FLATLINE_VENUE_BINANCE_USDM};

    (void)state;
    rest_start(venues, ARRAY_COUNT(venues));
    rig_tick(&rig, ms(1300));
    assert_int_equal(mute()->connection, 0);
    assert_int_equal(mute()->blame, FLATLINE_SCOPE_UNKNOWN);
    for (uint64_t at_ms = 1400; at_ms < 4000; at_ms += 100) { /* the other is heard: it decides */
        say(1, at_ms);
        rig_tick(&rig, ms(at_ms));
    }
    assert_int_equal(mute()->blame, FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

/* ---- held back ------------------------------------------------------------------------------- */

static uint64_t now_ms;

/* Line 1, and line 0 or not, for some time, 400 to 600 ms apart. */
static void lines_run(uint64_t for_ms, bool speak)
{
    static uint64_t seed = 17;
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms;) {
        now_ms += 400 + random_next(&seed) % 200;
        rig_tick(&rig, ms(now_ms));
        for (uint32_t line = speak ? 0 : 1; line < 2; line++) {
            const uint32_t stream = 2U * line + (uint32_t)(random_next(&seed) % 2U);
            send(&rig, with_lag(with_id(bare(stream, line, ms(now_ms)), 1000 + now_ms), 0));
        }
    }
}

/* Taught three hours of frames, the only connection of its venue is silent for half a minute: it or its
 * venue, nobody knows which. Another venue is heard. */
static void silence_start(void)
{
    struct detector_policy policy = rig_policy();
    policy.silent_every_ns = 3600 * NS_PER_S;
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < 2; line++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.venue = line == 0 ? FLATLINE_VENUE_BINANCE_USDM : FLATLINE_VENUE_OKX;
        traits.stale_after_ns = 3600 * NS_PER_S;
        assert_int_equal(detector_add_connection(rig.detector, traits.venue, 0), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
    }
    now_ms = 0;
    lines_run(3 * 3600 * 1000, true);
    rig.count = 0;
    lines_run(30000, false);
}

static const struct finding *silent(uint32_t line)
{
    for (uint32_t i = rig.count; i-- > 0;) {
        const struct finding *finding = &rig.findings[i];
        if ((finding->kind == FINDING_FAULT || finding->kind == FINDING_UPDATE) &&
            finding->fault_kind == FLATLINE_FAULT_SILENT && finding->connection == line &&
            finding->scope == FLATLINE_SCOPE_CONNECTION) {
            return finding;
        }
    }
    return &rig.none;
}

static void first_frame(int64_t lag_ns)
{
    now_ms += 500;
    rig_tick(&rig, ms(now_ms));
    send(&rig, with_lag(with_id(bare(0, 0, ms(now_ms)), 1000 + now_ms), lag_ns));
}

static void what_was_sent_in_a_silence_says_that_the_venue_went_on(void **state)
{
    (void)state;
    silence_start();
    assert_int_equal(silent(0)->blame, FLATLINE_SCOPE_UNKNOWN);
    first_frame(29 * (int64_t)NS_PER_S); /* early in it: held back all the time */
    assert_int_equal(silent(0)->blame, FLATLINE_SCOPE_CONNECTION);
    rig_stop(&rig);
}

static void what_is_sent_after_a_silence_says_nothing_of_whose_it_was(void **state)
{
    (void)state;
    silence_start();
    first_frame(0);
    assert_int_equal(silent(0)->blame, FLATLINE_SCOPE_UNKNOWN);
    rig_stop(&rig);
}

/* ---- metronomes ------------------------------------------------------------------------------ */

/* Two connections of USD-M on two routes, each with a timer channel of a second; OKX without one. */
enum { FIRST, SECOND, OTHER, METRONOME_LINES };

static void beats_start(void)
{
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < METRONOME_LINES; line++) {
        const bool is_other = line == OTHER;
        struct stream_traits traits = rig_traits(KEY_TIME, CHAIN_NONE);
        traits.venue = is_other ? FLATLINE_VENUE_OKX : FLATLINE_VENUE_BINANCE_USDM;
        traits.period_ns = is_other ? 0 : NS_PER_S;
        traits.stream_class = is_other ? FLATLINE_CLASS_BOOK : FLATLINE_CLASS_TIMER;
        traits.stale_after_ns = 3600 * NS_PER_S;
        const int connection = detector_add_connection(rig.detector, traits.venue, line);
        assert_int_equal(connection, line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
        up(&rig, line, 1, 0, ms(0));
    }
}

static void beats_run(uint64_t from_ms, uint64_t to_ms, uint32_t speaking)
{
    for (uint64_t at_ms = from_ms; at_ms < to_ms; at_ms += 50) {
        for (uint32_t line = 0; line < METRONOME_LINES; line++) {
            const bool is_due = line == OTHER || at_ms % 1000 == 100;
            if (is_due && (speaking >> line & 1U) != 0) {
                send(&rig, with_lag(bare(line, line, ms(at_ms)), 0));
            }
            detector_watermark(rig.detector, line, 1, ms(at_ms));
        }
        rig_tick(&rig, ms(at_ms));
    }
}

#define EVERYBODY 7U
#define NO_USDM   4U

static void metronomes_that_stop_together_are_their_venues_where_another_is_heard(void **state)
{
    (void)state;
    beats_start();
    beats_run(0, 20000, EVERYBODY);
    beats_run(20000, 40000, NO_USDM);
    const struct finding *venue = word_on(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_VENUE);
    assert_int_equal(venue->blame, FLATLINE_SCOPE_VENUE);
    assert_int_equal(venue->onset_ns, ms(19100)); /* heard last */
    assert_int_equal(standing(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_VENUE), 1);
    assert_int_equal(standing(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_CONNECTION), 0);
    beats_run(40000, 45000, EVERYBODY);
    assert_int_equal(standing(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_VENUE), 0);
    assert_int_equal(standing(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_CONNECTION), 0);
    rig_stop(&rig);
}

static void metronomes_that_stop_with_all_else_are_nobodys_fault_that_is_known(void **state)
{
    (void)state;
    beats_start();
    beats_run(0, 20000, EVERYBODY);
    beats_run(20000, 40000, 0);
    assert_int_not_equal(word_on(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_VENUE)->blame,
                         FLATLINE_SCOPE_VENUE);
    assert_int_equal(standing(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_CONNECTION), 0);
    rig_stop(&rig);
}

static void one_metronome_that_stops_beside_another_is_not_its_venues_fault(void **state)
{
    (void)state;
    beats_start();
    beats_run(0, 20000, EVERYBODY);
    beats_run(20000, 40000, EVERYBODY & ~1U);
    assert_absent(word_on(FLATLINE_FAULT_MUTE, FLATLINE_SCOPE_VENUE));
    const struct finding *route = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_int_equal(route->connection, FIRST);
    assert_int_not_equal(route->blame, FLATLINE_SCOPE_VENUE);
    rig_stop(&rig);
}

/* ---- a leg that its twin accuses --------------------------------------------------------------- */

static void twin_frames(uint64_t at_ms,
                        uint32_t legs) /* bits: stream 0 and 1 on connection 0, then on 1 */
{
    for (uint32_t leg = 0; leg < 4; leg++) {
        if ((legs >> leg & 1U) != 0) {
            send(&rig,
                 with_id(bare(leg % 2U, leg / 2U, ms(at_ms) + leg * NS_PER_US), 1000 + at_ms));
        }
    }
    rig_tick(&rig, ms(at_ms + 1));
}

/* Its connection brought another stream a moment after the twin's frame, and nothing since: that shows
 * nothing of whether it is one stream or all of it. */
static void what_came_before_a_leg_was_overdue_is_no_contrast_to_it(void **state)
{
    (void)state;
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start(&rig, &policy);
    for (uint32_t connection = 0; connection < 2; connection++) {
        assert_int_equal(rig_connection(&rig, 0), connection);
    }
    for (uint32_t stream = 0; stream < 2; stream++) {
        assert_int_equal(rig_stream(&rig, &traits), stream);
        rig_leg(&rig, stream, 0);
        rig_leg(&rig, stream, 1);
    }
    for (uint64_t at_ms = 0; at_ms < 3000; at_ms += 20) {
        twin_frames(at_ms, 15U);
    }
    twin_frames(3000, 4U);
    twin_frames(3010, 10U);
    for (uint64_t at_ms = 3020; at_ms < 3500; at_ms += 20) {
        twin_frames(at_ms, 4U); /* stream 1 is quiet everywhere */
    }
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_int_equal(mute->stream, 0);
    assert_int_equal(mute->blame, FLATLINE_SCOPE_UNKNOWN);
    for (uint64_t at_ms = 3500; at_ms < 4000; at_ms += 20) {
        twin_frames(at_ms, 14U);
    }
    assert_int_equal(rig_find(&rig, FINDING_UPDATE, FLATLINE_FAULT_MUTE, 0)->blame,
                     FLATLINE_SCOPE_STREAM);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rest_decides_for_the_only_connection_of_a_venue),
        cmocka_unit_test(rest_does_not_decide_between_two_connections_that_are_both_silent),
        cmocka_unit_test(what_was_sent_in_a_silence_says_that_the_venue_went_on),
        cmocka_unit_test(what_is_sent_after_a_silence_says_nothing_of_whose_it_was),
        cmocka_unit_test(metronomes_that_stop_together_are_their_venues_where_another_is_heard),
        cmocka_unit_test(metronomes_that_stop_with_all_else_are_nobodys_fault_that_is_known),
        cmocka_unit_test(one_metronome_that_stops_beside_another_is_not_its_venues_fault),
        cmocka_unit_test(what_came_before_a_leg_was_overdue_is_no_contrast_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
