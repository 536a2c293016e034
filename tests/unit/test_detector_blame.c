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
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_tick(&rig, ms(14999));
    assert_absent(rig_fault(&rig, FLATLINE_FAULT_SILENT));
    rig_tick(&rig, ms(15000));                                             /* but not for ever */
    assert_found(rig_find(&rig, FINDING_FAULT, FLATLINE_FAULT_SILENT, 1)); /* both */
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
        cmocka_unit_test(a_stream_that_owes_is_undecided_until_another_of_its_channel_is_heard),
        cmocka_unit_test(maintenance_explains_a_channel_that_is_mute_until_it_is_over),
        cmocka_unit_test(a_mute_connection_that_speaks_again_leaves_its_streams_unaccused),
        cmocka_unit_test(what_a_late_connection_has_yet_to_bring_is_not_missing_by_rest),
        cmocka_unit_test(what_rest_tells_that_frames_have_shown_before_is_owed_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
