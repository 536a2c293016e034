/* SPDX-License-Identifier: MIT
 *
 * Goal:   the virtual clock of replay_run.c: when it moves, what fires before what, where it ends; and on the real recordings,
 *         what only a look at every frame can prove.
 * Method: lines are written here and fed one by one; the sink keeps the findings. Times are small numbers of ns after an arbitrary
 *         start, so that a wrong nanosecond shows. Frames are spot's bookTicker, which has no exchange time, unless lag is the point.
 */
#include "core/base.h"
#include "tools/replay_run.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START_NS UINT64_C(1700000000000000000)
#define STALE_NS (3 * NS_PER_S)
#define KEPT_MAX 64

struct lapse {
    char stream[FLATLINE_NAME_BYTES];
    uint64_t at_ns;
    uint64_t until_ns;
};

struct kept {
    struct replay *replay;
    struct lapse lapses[KEPT_MAX];
    struct finding faults[KEPT_MAX];
    uint32_t lapse_count;
    uint32_t fault_count;
};

static void lapse_keep(void *context, const char *stream, uint64_t at_ns, uint64_t until_ns)
{
    struct kept *kept = context;
    assert_true(kept->lapse_count < KEPT_MAX);
    struct lapse *lapse = &kept->lapses[kept->lapse_count++];
    (void)snprintf(lapse->stream, sizeof(lapse->stream), "%s", stream);
    lapse->at_ns = at_ns;
    lapse->until_ns = until_ns;
}

static void
fault_keep(void *context, const char *stream, const char *connection, const struct finding *finding)
{
    struct kept *kept = context;
    (void)stream;
    (void)connection;
    assert_true(kept->fault_count < KEPT_MAX);
    kept->faults[kept->fault_count++] = *finding;
}

static const struct replay_options spot_options = {.venue = FLATLINE_VENUE_BINANCE_SPOT};

static void replay_begin(struct kept *kept, const struct replay_options *options)
{
    const struct replay_sink sink = {kept, lapse_keep, fault_keep};
    *kept = (struct kept){0};
    kept->replay = replay_create(options, &sink);
    assert_non_null(kept->replay);
}

static void line_feed(
    struct kept *kept, enum capture_kind kind, uint64_t recv_ns, const char *id, const char *frame)
{
    const struct capture_line line = {kind, recv_ns, span_of(id), span_of(frame)};
    assert_int_equal(replay_line(kept->replay, &line), 0);
}

static void ticker_feed(struct kept *kept, uint64_t recv_ns, const char *id, uint64_t update)
{
    char frame[256];
    (void)snprintf(frame,
                   sizeof(frame),
                   "{\"u\":%" PRIu64
                   ",\"s\":\"BTCUSDT\",\"b\":\"1.0\",\"B\":\"1\",\"a\":\"1.1\",\"A\":\"1\"}",
                   update);
    line_feed(kept, CAPTURE_FRAME, recv_ns, id, frame);
}

static void depth_feed(struct kept *kept, uint64_t recv_ns, uint64_t first, uint64_t last)
{
    char frame[256];
    (void)snprintf(frame,
                   sizeof(frame),
                   "{\"e\":\"depthUpdate\",\"E\":%" PRIu64 ",\"s\":\"BTCUSDT\",\"U\":%" PRIu64
                   ",\"u\":%" PRIu64 ",\"b\":[],\"a\":[]}",
                   (uint64_t)(START_NS / NS_PER_MS),
                   first,
                   last);
    line_feed(kept, CAPTURE_FRAME, recv_ns, "c", frame);
}

static void lapse_expect(const struct kept *kept, uint32_t index, uint64_t at_ns, uint64_t until_ns)
{
    assert_true(index < kept->lapse_count);
    assert_int_equal(kept->lapses[index].at_ns, at_ns);
    assert_int_equal(kept->lapses[index].until_ns, until_ns);
}

static void a_lapse_lies_between_the_lease_and_the_next_newer_frame_to_the_nanosecond(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    ticker_feed(&kept, START_NS + 7, "c", 1);
    ticker_feed(&kept, START_NS + 5 * NS_PER_S + 11, "c", 2);
    replay_finish(kept.replay);

    assert_int_equal(kept.lapse_count, 1);
    lapse_expect(&kept, 0, START_NS + 7 + STALE_NS, START_NS + 5 * NS_PER_S + 11);
    assert_string_equal(kept.lapses[0].stream, "binance-spot/BTCUSDT/bookTicker");
    const struct replay_stream stream = replay_stream(kept.replay, 0);
    assert_int_equal(stream.lapses, 1);
    assert_int_equal(stream.lapsed_ns, 2 * NS_PER_S + 4);
    assert_int_equal(stream.interarrival->max_ns, 5 * NS_PER_S + 4);
    replay_destroy(kept.replay);
}

static void a_deadline_fires_before_a_frame_of_the_same_nanosecond(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    ticker_feed(&kept, START_NS, "c", 1);
    ticker_feed(&kept, START_NS + STALE_NS, "c", 2);
    ticker_feed(&kept, START_NS + 2 * STALE_NS - 1, "c", 3); /* just in time */
    replay_finish(kept.replay);

    assert_int_equal(kept.lapse_count, 1);
    lapse_expect(&kept, 0, START_NS + STALE_NS, START_NS + STALE_NS);
    assert_int_equal(replay_stream(kept.replay, 0).lapsed_ns, 0);
    replay_destroy(kept.replay);
}

static void a_frame_that_is_not_newer_leaves_the_lapse_open(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    ticker_feed(&kept, START_NS, "c", 5);
    ticker_feed(&kept, START_NS + 2 * NS_PER_S, "c", 5);
    ticker_feed(&kept, START_NS + 4 * NS_PER_S, "c", 5);
    replay_finish(kept.replay);

    assert_int_equal(kept.lapse_count, 1);
    lapse_expect(&kept, 0, START_NS + STALE_NS, 0);
    assert_int_equal(replay_stream(kept.replay, 0).lapsed_ns, NS_PER_S); /* up to the last frame */
    replay_destroy(kept.replay);
}

static void any_frame_of_the_file_moves_the_clock_even_a_malformed_one(void **state)
{
    static const char *const frames[] = {
        "", "{", "{\"result\":null,\"id\":1}", "{\"arg\":{},\"data\":[]}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(frames); i++) {
        struct kept kept;
        replay_begin(&kept, &spot_options);
        ticker_feed(&kept, START_NS, "c", 1);
        line_feed(&kept, CAPTURE_FRAME, START_NS + 4 * NS_PER_S, "c", frames[i]);
        replay_finish(kept.replay);
        assert_int_equal(kept.lapse_count, 1);
        lapse_expect(&kept, 0, START_NS + STALE_NS, 0);
        assert_int_equal(replay_totals(kept.replay)->frames, 2);
        assert_int_equal(replay_totals(kept.replay)->last_ns, START_NS + 4 * NS_PER_S);
        replay_destroy(kept.replay);
    }
}

static void the_clock_ends_at_the_last_frame_whatever_notes_follow(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    ticker_feed(&kept, START_NS, "c", 1);
    line_feed(&kept, CAPTURE_META, START_NS + 9 * NS_PER_S, "c", "{\"type\":\"drained\"}");
    line_feed(&kept, CAPTURE_REST, START_NS + 9 * NS_PER_S, "c", "{}");
    replay_finish(kept.replay);

    assert_int_equal(kept.lapse_count, 0);
    assert_int_equal(replay_totals(kept.replay)->frames, 1);
    assert_int_equal(replay_totals(kept.replay)->notes, 1);
    assert_int_equal(replay_totals(kept.replay)->notes_refused, 0);
    replay_destroy(kept.replay);
}

static void
frames_without_a_clock_are_counted_and_their_ids_checked_but_nothing_is_timed(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    depth_feed(&kept, 0, 1, 10);
    depth_feed(&kept, 0, 12, 20); /* 11 is missing */
    ticker_feed(&kept, 0, "c", 1);
    replay_finish(kept.replay);

    const struct replay_totals *totals = replay_totals(kept.replay);
    assert_int_equal(totals->data, 3);
    assert_int_equal(totals->first_ns, 0);
    assert_int_equal(totals->last_ns, 0);
    const struct replay_stream depth = replay_stream(kept.replay, 0);
    assert_int_equal(depth.view->frames, 2);
    assert_int_equal(depth.view->gaps, 1);
    assert_int_equal(depth.view->lease_until_ns, 0);
    assert_int_equal(depth.interarrival->total, 0);
    assert_int_equal(kept.lapse_count, 0);
    replay_destroy(kept.replay);
}

static void receive_time_that_goes_back_is_clamped_and_counted(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    ticker_feed(&kept, START_NS + NS_PER_S, "a", 1);
    ticker_feed(&kept, START_NS, "b", 2);
    ticker_feed(&kept, START_NS + 5 * NS_PER_S, "a", 3);
    replay_finish(kept.replay);

    assert_int_equal(replay_totals(kept.replay)->time_clamped, 1);
    assert_int_equal(kept.lapse_count, 1);
    lapse_expect(&kept, 0, START_NS + NS_PER_S + STALE_NS, START_NS + 5 * NS_PER_S);
    replay_destroy(kept.replay);
}

static void connections_that_carry_a_name_are_legs_of_one_lease(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    ticker_feed(&kept, START_NS, "a", 10);
    ticker_feed(&kept, START_NS + 1, "b", 10);            /* the twin's copy is not newer */
    ticker_feed(&kept, START_NS + 2 * NS_PER_S, "b", 11); /* b alone keeps it */
    ticker_feed(&kept, START_NS + 4 * NS_PER_S, "b", 12);
    ticker_feed(&kept, START_NS + 4 * NS_PER_S + 1, "a", 12);
    replay_finish(kept.replay);

    assert_int_equal(replay_stream_count(kept.replay), 1);
    const struct replay_stream stream = replay_stream(kept.replay, 0);
    assert_int_equal(stream.view->legs, 2);
    assert_int_equal(stream.view->frames, 5);
    assert_int_equal(stream.view->lease_until_ns, START_NS + 7 * NS_PER_S);
    assert_int_equal(stream.view->regressed, 0);
    assert_int_equal(stream.interarrival->total, 3); /* of each leg */
    assert_int_equal(kept.lapse_count, 0);
    replay_destroy(kept.replay);
}

static void our_own_stall_excuses_the_venue_but_not_the_lease(void **state)
{
    (void)state;
    struct config_stream stream = {.name = "binance-spot/BTCUSDT/bookTicker"};
    channel_traits(
        FLATLINE_VENUE_BINANCE_SPOT, span_of("BTCUSDT"), span_of("bookTicker"), &stream.traits);
    stream.traits.silent_after_ns = 2 * NS_PER_S;
    const struct config config = {
        .streams = &stream, .stream_count = 1, .policy = detector_policy_default()};
    const struct replay_options options = {.venue = FLATLINE_VENUE_BINANCE_SPOT, .config = &config};
    for (int stalled = 0; stalled < 2; stalled++) {
        struct kept kept;
        replay_begin(&kept, &options);
        ticker_feed(&kept, START_NS, "c", 1);
        if (stalled != 0) {
            char note[96];
            (void)snprintf(note,
                           sizeof(note),
                           "{\"type\":\"stall\",\"from_ns\":%" PRIu64 "}",
                           (uint64_t)(START_NS + NS_PER_S));
            line_feed(&kept, CAPTURE_META, START_NS + 4 * NS_PER_S, "c", note);
        }
        ticker_feed(&kept, START_NS + 4 * NS_PER_S + 1, "c", 2);
        replay_finish(kept.replay);

        lapse_expect(&kept, 0, START_NS + STALE_NS, START_NS + 4 * NS_PER_S + 1);
        assert_int_equal(kept.fault_count, 1);
        assert_int_equal(kept.faults[0].fault_kind,
                         stalled != 0 ? FLATLINE_FAULT_SELF_STALL : FLATLINE_FAULT_SILENT);
        replay_destroy(kept.replay);
    }
}

static void a_noted_close_is_down_and_an_opening_clears_it(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    line_feed(&kept, CAPTURE_META, START_NS, "c", "{\"type\":\"open\"}");
    ticker_feed(&kept, START_NS + 1, "c", 1);
    line_feed(&kept,
              CAPTURE_META,
              START_NS + 10,
              "c",
              "{\"type\":\"close\",\"code\":1008,\"text\":\"Pong timeout\"}");
    line_feed(&kept, CAPTURE_META, START_NS + 20, "c", "{\"type\":\"open\"}");
    ticker_feed(&kept, START_NS + 30, "c", 2);
    replay_finish(kept.replay);

    assert_int_equal(kept.fault_count, 1);
    assert_int_equal(kept.faults[0].fault_kind, FLATLINE_FAULT_DOWN);
    assert_int_equal(kept.faults[0].at_ns, START_NS + 10);
    assert_int_equal(kept.faults[0].evidence[0], 1008);
    assert_int_not_equal(kept.faults[0].cleared_ns, 0);
    assert_int_equal(replay_totals(kept.replay)->frames, 2);
    assert_int_equal(replay_stream(kept.replay, 0).view->lease_until_ns, START_NS + 30 + STALE_NS);
    replay_destroy(kept.replay);
}

static void another_venues_connection_is_ignored_and_nothing_is_expected_of_it(void **state)
{
    (void)state;
    for (int noted = 0; noted < 2; noted++) {
        struct kept kept;
        replay_begin(&kept, &spot_options);
        if (noted != 0) {
            line_feed(&kept, CAPTURE_META, START_NS, "okx", "{\"type\":\"open\"}");
        }
        for (uint64_t second = 0; second < 10; second++) {
            ticker_feed(&kept, START_NS + second * NS_PER_S, "c", second);
            line_feed(&kept,
                      CAPTURE_FRAME,
                      START_NS + second * NS_PER_S,
                      "okx",
                      "{\"arg\":{\"channel\":\"trades\",\"instId\":\"BTC-USDT\"},\"data\":[]}");
        }
        replay_finish(kept.replay);
        assert_int_equal(replay_totals(kept.replay)->ignored, 10);
        assert_int_equal(kept.fault_count, 0);
        replay_destroy(kept.replay);
    }
}

static void an_opening_that_nothing_follows_is_never_started(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    line_feed(&kept, CAPTURE_META, START_NS, "dead", "{\"type\":\"open\"}");
    for (uint64_t second = 0; second < 10; second++) {
        ticker_feed(&kept, START_NS + second * NS_PER_S, "c", second);
    }
    replay_finish(kept.replay);
    assert_int_equal(kept.fault_count, 1);
    assert_int_equal(kept.faults[0].fault_kind, FLATLINE_FAULT_NEVER_STARTED);
    assert_int_equal(kept.faults[0].at_ns, START_NS + 5 * NS_PER_S);
    replay_destroy(kept.replay);
}

static void notes_that_are_none_are_refused_and_counted(void **state)
{
    static const char *const notes[] = {
        "",
        "{}",
        "[]",
        "{\"type\":1}",
        "{\"type\":\"explode\"}",
        "{\"type\":\"pong\"}",
        "{\"type\":\"stall\"}",
        "{\"type\":\"stall\",\"from_ns\":99999999999999999999}",
        "{\"type\":\"close\",\"code\":\"x\"}",
        "{\"type\":\"close\",\"how\":\"magic\"}",
        "{\"type\":\"close\",\"code\":4294967296}",
        "{\"type\":\"open\"",
    };
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    for (size_t i = 0; i < ARRAY_COUNT(notes); i++) {
        line_feed(&kept, CAPTURE_META, START_NS, "c", notes[i]);
    }
    line_feed(&kept, CAPTURE_META, 0, "c", "{\"type\":\"open\"}"); /* when? */
    ticker_feed(&kept, START_NS + 1, "c", 1);
    replay_finish(kept.replay);
    assert_int_equal(replay_totals(kept.replay)->notes, ARRAY_COUNT(notes) + 1);
    assert_int_equal(replay_totals(kept.replay)->notes_refused, ARRAY_COUNT(notes) + 1);
    assert_int_equal(replay_totals(kept.replay)->frames, 1);
    replay_destroy(kept.replay);
}

static void a_line_of_another_shape_is_a_malformed_frame(void **state)
{
    (void)state;
    struct kept kept;
    replay_begin(&kept, &spot_options);
    line_feed(&kept, CAPTURE_BAD, 0, "", "");
    replay_finish(kept.replay);
    assert_int_equal(replay_totals(kept.replay)->frames, 1);
    assert_int_equal(replay_totals(kept.replay)->malformed, 1);
    replay_destroy(kept.replay);
}

/* ---- the recordings -------------------------------------------------------------------------- */

struct first_pushes {
    char seen[128][160]; /* connection and arg of a stream */
    uint32_t count;
    uint32_t old; /* by more than 0.9 s when it arrived */
    uint32_t leased;
};

/* Is this the first push of OKX trades or tickers on its connection? ret_stream: its name. */
static bool
first_push_is(struct first_pushes *pushes, const struct capture_line *line, char *ret_stream)
{
    char frame[256];
    char channel[16];
    char instrument[48];
    (void)snprintf(frame, sizeof(frame), "%.*s", (int)line->frame.size_bytes, line->frame.bytes);
    if (sscanf(frame,
               "{\"arg\":{\"channel\":\"%15[^\"]\",\"instId\":\"%47[^\"]\"",
               channel,
               instrument) != 2 ||
        (strcmp(channel, "trades") != 0 && strcmp(channel, "tickers") != 0)) {
        return false;
    }
    char key[160];
    (void)snprintf(key,
                   sizeof(key),
                   "%.*s %s %s",
                   (int)line->connection.size_bytes,
                   line->connection.bytes,
                   channel,
                   instrument);
    for (uint32_t i = 0; i < pushes->count; i++) {
        if (strcmp(pushes->seen[i], key) == 0) {
            return false;
        }
    }
    assert_true(pushes->count < ARRAY_COUNT(pushes->seen));
    (void)strcpy(pushes->seen[pushes->count++], key);
    (void)sprintf(ret_stream, "okx/%s/%s", instrument, channel);
    return true;
}

static uint64_t lease_of(const struct replay *replay, const char *name)
{
    for (uint32_t i = 0; i < replay_stream_count(replay); i++) {
        const struct replay_stream stream = replay_stream(replay, i);
        if (strcmp(stream.name, name) == 0) {
            return stream.view->lease_until_ns;
        }
    }
    return 0;
}

static bool push_is_old(const struct capture_line *line)
{
    char frame[2048];
    (void)snprintf(frame, sizeof(frame), "%.*s", (int)line->frame.size_bytes, line->frame.bytes);
    const char *time = strstr(frame, "\"ts\":\"");
    assert_non_null(time);
    return line->recv_unix_ns > strtoull(time + 6, NULL, 10) * NS_PER_MS + 900 * NS_PER_MS;
}

static void no_first_push_of_the_okx_recording_earns_a_lease(void **state)
{
    (void)state;
    struct capture *capture;
    if (capture_open(FLATLINE_CAPTURES "/okx-20210722-3conn.tsv.zst", &capture) < 0) {
        print_message("skipped: no recordings in " FLATLINE_CAPTURES "\n");
        skip();
    }
    const struct replay_options options = {.venue = FLATLINE_VENUE_OKX};
    struct first_pushes pushes = {.count = 0};
    struct capture_line line;
    struct kept kept;
    replay_begin(&kept, &options);
    while (capture_next(capture, &line) > 0) {
        char stream[96];
        const bool is_first = first_push_is(&pushes, &line, stream);
        const uint64_t before_ns = is_first ? lease_of(kept.replay, stream) : 0;
        assert_int_equal(replay_line(kept.replay, &line), 0);
        if (is_first) {
            pushes.leased += lease_of(kept.replay, stream) > before_ns;
            pushes.old += push_is_old(&line);
        }
    }
    capture_close(capture);
    assert_int_equal(pushes.count, 57);
    assert_int_equal(pushes.old, 37);
    assert_int_equal(pushes.leased, 0);
    replay_destroy(kept.replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lapse_lies_between_the_lease_and_the_next_newer_frame_to_the_nanosecond),
        cmocka_unit_test(a_deadline_fires_before_a_frame_of_the_same_nanosecond),
        cmocka_unit_test(a_frame_that_is_not_newer_leaves_the_lapse_open),
        cmocka_unit_test(any_frame_of_the_file_moves_the_clock_even_a_malformed_one),
        cmocka_unit_test(the_clock_ends_at_the_last_frame_whatever_notes_follow),
        cmocka_unit_test(
            frames_without_a_clock_are_counted_and_their_ids_checked_but_nothing_is_timed),
        cmocka_unit_test(receive_time_that_goes_back_is_clamped_and_counted),
        cmocka_unit_test(connections_that_carry_a_name_are_legs_of_one_lease),
        cmocka_unit_test(our_own_stall_excuses_the_venue_but_not_the_lease),
        cmocka_unit_test(a_noted_close_is_down_and_an_opening_clears_it),
        cmocka_unit_test(another_venues_connection_is_ignored_and_nothing_is_expected_of_it),
        cmocka_unit_test(an_opening_that_nothing_follows_is_never_started),
        cmocka_unit_test(notes_that_are_none_are_refused_and_counted),
        cmocka_unit_test(a_line_of_another_shape_is_a_malformed_frame),
        cmocka_unit_test(no_first_push_of_the_okx_recording_earns_a_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
