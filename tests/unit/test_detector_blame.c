/* SPDX-License-Identifier: MIT
 *
 * Goal: the largest cohort that fell silent together is told, and what it explains is not; exonerating
 * a stream never opens its gate.
 *
 * Method: books of depth and bookTicker on one connection, and twins, on the virtual clock of
 * detector_rig.h. Depth streams stop while the bookTickers go on, so each owes what was shown beside
 * it; the venue's own word comes as control would bring it.
 */
#include "unit/detector_rig.h"
#include "unit/random.h"

#define ALLOWED 150U /* ms, of depth */
#define BOOKS   3U

static struct rig rig;

/* Stream of a book: depth first, then its bookTicker. */
static uint32_t depth_of(uint32_t book)
{
    return 2U * book;
}

static uint32_t best_of(uint32_t book)
{
    return 2U * book + 1U;
}

static void books_start(void)
{
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    (void)rig_connection(&rig, 0);
    for (uint32_t book = 0; book < BOOKS; book++) {
        struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
        traits.book = 7 + book;
        traits.channel = 1;
        traits.owes = OWES_ID;
        traits.owes_after_ns = ALLOWED * NS_PER_MS;
        rig_leg(&rig, rig_stream(&rig, &traits), 0);
        traits.channel = 2;
        traits.owes = OWES_BEST;
        traits.owes_after_ns = 30 * NS_PER_MS;
        rig_leg(&rig, rig_stream(&rig, &traits), 0);
    }
}

static void show(uint32_t stream, uint64_t at_ms)
{
    send(&rig, with_lag(with_id(bare(stream, 0, ms(at_ms)), 1000 + at_ms), 0));
}

/* All bookTickers, and those depth streams whose bit is set, every 20 ms. */
static void run(uint64_t from_ms, uint64_t to_ms, uint32_t speaking)
{
    for (uint64_t at_ms = from_ms; at_ms < to_ms; at_ms += 20) {
        for (uint32_t book = 0; book < BOOKS; book++) {
            rig_tick(&rig, ms(at_ms));
            show(best_of(book), at_ms);
            if ((speaking >> book & 1U) != 0) {
                show(depth_of(book), at_ms);
            }
        }
        rig_tick(&rig, ms(at_ms + 19));
    }
}

#define ALL ((1U << BOOKS) - 1U)

/* Findings of MUTE with a scope. */
static uint32_t told(enum finding_kind kind, enum flatline_scope scope)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig.count; i++) {
        const struct finding *finding = &rig.findings[i];
        count += finding->kind == kind && finding->fault_kind == FLATLINE_FAULT_MUTE &&
                 finding->scope == scope;
    }
    return count;
}

static uint32_t standing(enum flatline_scope scope)
{
    return told(FINDING_FAULT, scope) - told(FINDING_CLEAR, scope);
}

static bool is_revoked(uint32_t stream)
{
    return rig_view(&rig, stream)->lease_until_ns == 0;
}

static void one_stream_that_owes_is_that_streams_fault(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 2000, ALL & ~1U);
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_STREAM), 1);
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->blame, FLATLINE_SCOPE_STREAM);
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_CHANNEL), 0);
    run(2000, 2200, ALL);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 0);
    rig_stop(&rig);
}

static void streams_of_one_channel_that_fall_silent_together_are_one_fault(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 2000, 0);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 1);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 0); /* told at first, now explained */
    assert_true(detector_totals(rig.detector).explained >= BOOKS);
    for (uint32_t book = 0; book < BOOKS; book++) {
        assert_true(is_revoked(depth_of(book)));
        assert_false(is_revoked(best_of(book)));
    }
    run(2000, 2300, ALL);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 0);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 0);
    for (uint32_t book = 0; book < BOOKS; book++) {
        assert_false(is_revoked(depth_of(book)));
    }
    rig_stop(&rig);
}

static void a_channel_of_which_one_stream_delivers_is_not_mute_as_a_whole(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 2000, 4U);
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_CHANNEL), 0);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 2);
    rig_stop(&rig);
}

static void streams_that_fall_silent_apart_are_two_faults(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 4000, ALL & ~1U);
    run(4000, 7000, ALL & ~3U);
    run(7000, 10000, 0);
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_CHANNEL), 0);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), BOOKS);
    rig_stop(&rig);
}

static void what_stays_mute_when_its_channel_speaks_again_is_told_by_itself(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 2000, 0);
    run(2000, 2400, ALL & ~1U);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 1); /* the last may follow in a moment */
    assert_false(is_revoked(depth_of(1))); /* those that speak are trusted at once */
    run(2400, 3000, ALL & ~1U);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 0);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 1);
    assert_true(is_revoked(depth_of(0)));
    rig_stop(&rig);
}

static void
news(enum event_kind kind, uint32_t stream, int64_t code, uint64_t value, uint64_t at_ms)
{
    struct event event = rig_event(kind, EVENT_NO_CONNECTION, ms(at_ms));
    event.stream = stream;
    event.note.code = code;
    event.note.value = value;
    send(&rig, event);
}

static void a_halted_symbol_explains_its_silence(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    news(EVENT_SYMBOL_STATUS, depth_of(0), 1, 1, 1000);
    run(1000, 2000, ALL & ~1U);
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_STREAM), 0);
    assert_true(is_revoked(depth_of(0)));
    rig_stop(&rig);
}

static void maintenance_explains_a_silence_until_it_is_over(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 2000, ALL & ~1U);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 1);
    news(EVENT_VENUE_STATUS, EVENT_NO_STREAM, 1, FLATLINE_VENUE_BINANCE_USDM, 2000);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 0);
    run(2000, 3000, ALL & ~3U);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 0);
    news(EVENT_VENUE_STATUS, EVENT_NO_STREAM, 0, FLATLINE_VENUE_BINANCE_USDM, 3000);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 2);
    rig_stop(&rig);
}

static void maintenance_explains_a_channel_that_is_mute_until_it_is_over(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    run(1000, 2000, 0);
    news(EVENT_VENUE_STATUS, EVENT_NO_STREAM, 1, FLATLINE_VENUE_BINANCE_USDM, 2000);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 0);
    news(EVENT_VENUE_STATUS, EVENT_NO_STREAM, 0, FLATLINE_VENUE_BINANCE_USDM, 3000);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 1);
    run(3000, 3300, ALL);
    assert_int_equal(standing(FLATLINE_SCOPE_CHANNEL), 0);
    assert_int_equal(standing(FLATLINE_SCOPE_STREAM), 0);
    rig_stop(&rig);
}

/* ---- connections, venues, ourselves ---------------------------------------------------------- */

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

static void a_stream_that_owes_is_undecided_until_another_of_its_channel_is_heard(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    rig_tick(&rig, ms(1000));
    for (uint64_t at_ms = 1000; at_ms < 1200; at_ms += 20) { /* of one book alone anything comes */
        show(best_of(0), at_ms);
        rig_tick(&rig, ms(at_ms + 19));
    }
    const struct finding *mute = rig_fault(&rig, FLATLINE_FAULT_MUTE);
    assert_int_equal(mute->scope, FLATLINE_SCOPE_STREAM);
    assert_int_equal(mute->blame, FLATLINE_SCOPE_UNKNOWN);
    assert_true(is_revoked(depth_of(0)));
    run(1200, 1500, ALL & ~1U);
    assert_int_equal(told(FINDING_UPDATE, FLATLINE_SCOPE_STREAM), 1);
    assert_int_equal(rig.findings[rig.count - 1].fault_kind, FLATLINE_FAULT_MUTE);
    assert_int_equal(rig.findings[rig.count - 1].blame, FLATLINE_SCOPE_STREAM);
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

/* ---- the explained, once what explained them is gone ------------------------------------------ */

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

static void rest_tells(uint64_t levels, uint64_t id, uint64_t at_ms)
{
    struct event event = rig_event(EVENT_REST_BOOK, EVENT_NO_CONNECTION, ms(at_ms));
    event.stream = 0;
    event.rest.levels = levels;
    event.rest.id = id;
    event.rest.sent_mono_ns = ms(at_ms);
    send(&rig, event);
}

static void a_mute_connection_that_speaks_again_leaves_its_streams_unaccused(void **state)
{
    (void)state;
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    traits.silent_after_ns = 5 * NS_PER_S;
    rig_start_one(&rig, &traits);
    rig_leg(&rig, rig_stream(&rig, &traits), 0);
    send(&rig, with_id(bare(0, 0, ms(0)), 1));
    send(&rig, with_id(bare(1, 0, ms(0)), 1));
    rest_tells(1, 1, 100);
    rest_tells(2, 2, 200);
    rig_tick(&rig, ms(10000));
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_CONNECTION), 1);
    send(&rig, with_id(bare(1, 0, ms(10000)), 2)); /* the other may be quiet yet */
    assert_int_equal(standing(FLATLINE_SCOPE_CONNECTION), 0);
    assert_absent(silent_with(FINDING_FAULT, FLATLINE_SCOPE_STREAM));
    rig_tick(&rig, ms(14999));
    assert_absent(silent_with(FINDING_FAULT, FLATLINE_SCOPE_STREAM));
    rig_tick(&rig, ms(15000)); /* but not for ever */
    assert_int_equal(silences_standing(FLATLINE_SCOPE_STREAM), 2);
    rig_stop(&rig);
}

/* Books 1 and 2 on, all of it two seconds late. */
static void late_run(uint64_t from_ms, uint64_t to_ms)
{
    for (uint64_t at_ms = from_ms; at_ms < to_ms; at_ms += 20) {
        rig_tick(&rig, ms(at_ms));
        for (uint32_t stream = depth_of(1); stream < 2U * BOOKS; stream++) {
            send(&rig, with_lag(with_id(bare(stream, 0, ms(at_ms)), 1000 + at_ms), 2 * NS_PER_S));
        }
    }
}

static void what_a_late_connection_has_yet_to_bring_is_not_missing_by_rest(void **state)
{
    (void)state;
    books_start();
    run(0, 1000, ALL);
    late_run(3000, 3520);
    rest_tells(1, 100001, 3500);
    late_run(3520, 4520);
    rest_tells(2, 100002, 4500);
    late_run(4520, 6000);
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_MUTE));
    late_run(6000, 8000); /* but later than the connection is, it is */
    assert_int_equal(rig_fault(&rig, FLATLINE_FAULT_MUTE)->stream, depth_of(0));
    rig_stop(&rig);
}

static void what_rest_tells_that_frames_have_shown_before_is_owed_by_nobody(void **state)
{
    (void)state;
    const struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    rig_start_one(&rig, &traits);
    rig_leg(&rig, rig_stream(&rig, &traits), 0);
    send(&rig, with_id(bare(0, 0, ms(0)), 10));
    rest_tells(2, 10, 100);
    rest_tells(1, 9, 200); /* by another of the venue's servers, which is behind */
    rest_tells(2, 10, 300);
    rig_tick(&rig, ms(2500));
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_CONNECTION), 0);
    rest_tells(3, 11, 2600);
    rig_tick(&rig, ms(5000));
    assert_int_equal(told(FINDING_FAULT, FLATLINE_SCOPE_CONNECTION), 1);
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
        cmocka_unit_test(one_stream_that_owes_is_that_streams_fault),
        cmocka_unit_test(streams_of_one_channel_that_fall_silent_together_are_one_fault),
        cmocka_unit_test(a_channel_of_which_one_stream_delivers_is_not_mute_as_a_whole),
        cmocka_unit_test(streams_that_fall_silent_apart_are_two_faults),
        cmocka_unit_test(what_stays_mute_when_its_channel_speaks_again_is_told_by_itself),
        cmocka_unit_test(a_halted_symbol_explains_its_silence),
        cmocka_unit_test(maintenance_explains_a_silence_until_it_is_over),
        cmocka_unit_test(
            a_connection_silent_beside_another_of_its_venue_is_to_blame_and_explains_its_streams),
        cmocka_unit_test(a_stream_silent_while_its_book_moves_beside_it_is_to_blame),
        cmocka_unit_test(a_channel_may_be_silent_as_a_whole_without_owing),
        cmocka_unit_test(all_of_a_route_silent_beside_another_is_one_fault_of_the_route),
        cmocka_unit_test(a_route_is_not_to_blame_where_no_other_is_heard),
        cmocka_unit_test(what_is_undecided_is_decided_by_whoever_is_heard_later),
        cmocka_unit_test(a_stream_that_owes_is_undecided_until_another_of_its_channel_is_heard),
        cmocka_unit_test(a_venue_silent_while_another_is_heard_is_one_fault_of_the_venue),
        cmocka_unit_test(maintenance_explains_a_channel_that_is_mute_until_it_is_over),
        cmocka_unit_test(a_venue_silent_under_maintenance_is_not_told_before_it_is_over),
        cmocka_unit_test(when_every_venue_falls_silent_it_is_we_who_are_deaf),
        cmocka_unit_test(a_silent_connection_that_ends_leaves_its_streams_unaccused),
        cmocka_unit_test(a_mute_connection_that_speaks_again_leaves_its_streams_unaccused),
        cmocka_unit_test(what_a_late_connection_has_yet_to_bring_is_not_missing_by_rest),
        cmocka_unit_test(what_rest_tells_that_frames_have_shown_before_is_owed_by_nobody),
        cmocka_unit_test(silent_connections_that_are_given_up_take_their_venues_silence_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
