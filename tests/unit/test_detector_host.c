/* SPDX-License-Identifier: MIT
 *
 * Goal: when all connections of all venues fall silent at once it is we who are deaf, whether or not any
 * one of them could be proven silent by itself; and nobody is called deaf for what others did.
 *
 * Method: three connections of two venues on the virtual clock of detector_rig.h, at random gaps, each of
 * which stands still for two seconds now and then, so that its own silence proves nothing for long.
 */
#include "flatline/engine_layout.h"
#include "unit/detector_rig.h"
#include "unit/random.h"

#define LINES 3U /* of one venue the first two, of another the last */
#define ALL   7U

static struct rig rig;
static uint64_t now_ms;
static uint64_t dice;

static void desk_start(uint32_t venues)
{
    struct detector_policy policy = rig_policy();
    policy.silent_every_ns = 30ULL * 86400 * NS_PER_S;
    policy.silent_warm_up_ns = 0;
    rig_start(&rig, &policy);
    for (uint32_t line = 0; line < LINES; line++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.stale_after_ns = 3600 * NS_PER_S;
        traits.venue = line < 2 || venues == 1 ? FLATLINE_VENUE_BINANCE_USDM : FLATLINE_VENUE_OKX;
        assert_int_equal(detector_add_connection(rig.detector, traits.venue, line), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
        rig_leg(&rig, rig_stream(&rig, &traits), line);
    }
    now_ms = 0;
    dice = 7;
}

static void desk_run(uint64_t for_ms, uint32_t speaking)
{
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms;) {
        now_ms += 20 + random_next(&dice) % 60;
        rig_tick(&rig, ms(now_ms));
        for (uint32_t line = 0; line < LINES; line++) {
            const uint32_t stream = 2U * line + (uint32_t)(random_next(&dice) % 2U);
            if ((speaking >> line & 1U) != 0 && random_next(&dice) % 2U != 0) {
                send(&rig, with_id(bare(stream, line, ms(now_ms)), 1000 + now_ms));
            }
        }
    }
}

/* Hours of a life, in which each venue stands still for two seconds in a minute. */
static void desk_teach(uint32_t venues)
{
    desk_start(venues);
    for (uint32_t minute = 0; minute < 480; minute++) {
        desk_run(28000, ALL);
        desk_run(2000, 4U);
        desk_run(28000, ALL);
        desk_run(2000, 3U);
    }
    desk_run(10000, ALL);
    rig.count = 0;
}

static const struct finding *deafness(void)
{
    for (uint32_t i = 0; i < rig.count; i++) {
        const struct finding *finding = &rig.findings[i];
        if (finding->kind == FINDING_FAULT && finding->fault_kind == FLATLINE_FAULT_SILENT &&
            finding->scope == FLATLINE_SCOPE_HOST) {
            return finding;
        }
    }
    return &rig.none;
}

/* Of our deafness, or of all else. */
static uint32_t told(enum finding_kind kind, bool is_deafness)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig.count; i++) {
        const struct finding *finding = &rig.findings[i];
        count += finding->kind == kind && finding->fault_kind == FLATLINE_FAULT_SILENT &&
                 (finding->scope == FLATLINE_SCOPE_HOST) == is_deafness;
    }
    return count;
}

static uint32_t others_standing(void)
{
    return told(FINDING_FAULT, false) - told(FINDING_CLEAR, false);
}

static void all_venues_silent_at_once_is_our_own_deafness_within_seconds(void **state)
{
    (void)state;
    desk_teach(2);
    const uint64_t from_ms = now_ms;
    desk_run(10000, 0);
    const struct finding *silent = deafness();
    assert_found(silent);
    assert_int_equal(silent->blame, FLATLINE_SCOPE_HOST);
    assert_in_range(silent->onset_ns, ms(from_ms - 100), ms(from_ms));
    assert_in_range(silent->at_ns - silent->onset_ns, NS_PER_S, 10 * NS_PER_S);
    assert_int_equal(silent->confidence, 75); /* by the gaps of all, before each could be proven */
    assert_int_equal(silent->connection, EVENT_NO_CONNECTION);
    desk_run(60000, 0);
    assert_int_equal(others_standing(), 0); /* it explains all others */
    const uint32_t before = told(FINDING_FAULT, false);
    desk_run(5000, ALL);
    assert_int_equal(told(FINDING_CLEAR, true), 1);
    assert_int_equal(told(FINDING_FAULT, false), before); /* nor are they told when it is over */
    rig_stop(&rig);
}

static void what_was_our_deafness_teaches_nothing_of_the_venues(void **state)
{
    (void)state;
    desk_teach(2);
    for (uint32_t again = 1; again <= 6; again++) {
        desk_run(15000, 0);
        assert_int_equal(told(FINDING_FAULT, true), again);
        desk_run(20000, ALL);
    }
    rig_stop(&rig);
}

static void where_one_venue_speaks_on_nobody_is_deaf(void **state)
{
    (void)state;
    desk_teach(2);
    desk_run(120000, 3);
    desk_run(10000, ALL);
    desk_run(120000, 4);
    assert_int_equal(told(FINDING_FAULT, true), 0);
    rig_stop(&rig);
}

static void a_venue_that_falls_silent_before_the_others_makes_nobody_deaf(void **state)
{
    (void)state;
    desk_teach(2);
    desk_run(4000, 4); /* one venue has gone, and the other speaks less often than both did */
    desk_run(15000, 0);
    assert_int_equal(told(FINDING_FAULT, true), 0);
    rig_stop(&rig);
}

static struct event engine_event(enum event_kind kind)
{
    return rig_event(kind, EVENT_NO_CONNECTION, ms(now_ms));
}

/* An engine that declares it echoes stream 0, of the first connection. */
static void engine_begin(void)
{
    struct event event = engine_event(EVENT_ENGINE_UP);
    (void)strcpy(event.engine.text, "mm1");
    send(&rig, event);
    event = engine_event(EVENT_ENGINE_SLOT);
    event.stream = 0;
    event.engine.code = FLATLINE_ENGINE_STREAM;
    (void)strcpy(event.engine.text, "BTCUSDT");
    send(&rig, event);
}

/* Nothing comes over our connections, while the engine's echo is at `id`, and by `step` further each time. */
static void engine_hears(uint64_t for_ms, uint64_t id, uint64_t step)
{
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms; id += step) {
        now_ms += 20;
        struct event event = engine_event(EVENT_ENGINE_ECHO);
        event.engine.word = id;
        send(&rig, event);
        send(&rig, engine_event(EVENT_ENGINE_LOOKED));
        rig_tick(&rig, ms(now_ms));
    }
}

static void
an_engine_that_hears_more_tells_that_it_is_our_connection_and_no_venue_or_line(void **state)
{
    (void)state;
    desk_teach(2);
    engine_begin();
    engine_hears(60000, now_ms + 100000, 1);
    assert_int_equal(told(FINDING_FAULT, true), 0);
    bool is_connection = false;
    for (uint32_t i = 0; i < rig.count;
         i++) { /* of its venue, whose other connection is as silent */
        const struct finding *finding = &rig.findings[i];
        if (finding->fault_kind == FLATLINE_FAULT_SILENT && finding->connection < 2) {
            assert_int_not_equal(finding->blame, FLATLINE_SCOPE_VENUE);
            is_connection |= finding->connection == 0 &&
                             finding->scope == FLATLINE_SCOPE_CONNECTION &&
                             finding->blame == FLATLINE_SCOPE_CONNECTION;
        }
    }
    assert_true(is_connection);
    rig_stop(&rig);
}

static void an_echo_that_stands_still_or_is_absurd_tells_nothing(void **state)
{
    (void)state;
    desk_teach(2);
    engine_begin();
    engine_hears(10000, now_ms + 100000, 0);
    assert_int_equal(told(FINDING_FAULT, true), 1);
    desk_run(20000, ALL);
    engine_hears(10000, UINT64_MAX - 1000000, 1);
    assert_int_equal(told(FINDING_FAULT, true), 2);
    rig_stop(&rig);
}

static void one_venue_alone_is_never_us(void **state)
{
    (void)state;
    desk_teach(1);
    desk_run(60000, 0);
    assert_int_equal(told(FINDING_FAULT, true), 0);
    rig_stop(&rig);
}

/* Of one venue little comes, and it goes on: neither is it taken for silent, nor what is left for all. */
static void the_busy_venues_outages_are_its_own_and_teach_nothing(void **state)
{
    (void)state;
    desk_start(2);
    for (uint32_t minute = 0; minute < 1000; minute++) {
        desk_run(4700, 3);
        desk_run(300, ALL);
    }
    for (uint32_t again = 0; again < 20; again++) {
        rig.count = 0;
        for (uint32_t i = 0; i < 6; i++) {
            desk_run(4700, 0);
            desk_run(300, 4);
        }
        assert_int_equal(told(FINDING_FAULT, true), 0);
        for (uint32_t i = 0; i < 20; i++) {
            desk_run(4700, 3);
            desk_run(300, ALL);
        }
    }
    rig.count = 0;
    desk_run(60000, 0);
    assert_int_equal(told(FINDING_FAULT, true), 1);
    rig_stop(&rig);
}

static void nobody_is_deaf_over_our_own_stall(void **state)
{
    (void)state;
    desk_teach(2);
    struct event stall = rig_event(EVENT_SELF_STALL, EVENT_NO_CONNECTION, ms(now_ms + 5000));
    stall.note.value = ms(now_ms);
    now_ms += 5000;
    send(&rig, stall);
    rig_tick(&rig, ms(now_ms));
    desk_run(900, 0);
    assert_int_equal(told(FINDING_FAULT, true), 0);
    desk_run(10000, 0); /* but the silence goes on */
    assert_int_equal(told(FINDING_FAULT, true), 1);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_venues_silent_at_once_is_our_own_deafness_within_seconds),
        cmocka_unit_test(what_was_our_deafness_teaches_nothing_of_the_venues),
        cmocka_unit_test(where_one_venue_speaks_on_nobody_is_deaf),
        cmocka_unit_test(a_venue_that_falls_silent_before_the_others_makes_nobody_deaf),
        cmocka_unit_test(
            an_engine_that_hears_more_tells_that_it_is_our_connection_and_no_venue_or_line),
        cmocka_unit_test(an_echo_that_stands_still_or_is_absurd_tells_nothing),
        cmocka_unit_test(one_venue_alone_is_never_us),
        cmocka_unit_test(the_busy_venues_outages_are_its_own_and_teach_nothing),
        cmocka_unit_test(nobody_is_deaf_over_our_own_stall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
