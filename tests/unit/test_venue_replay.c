/* SPDX-License-Identifier: MIT
 *
 * Goal: recordings are read whole, frames are named right, and their times are moved by one
 * constant.
 * Method: frames written here; then every capture, when present, is read and its streams
 * are counted.
 */
#include "core/base.h"
#include "venue/capture.h"
#include "venue/exchange.h"
#include "venue/replay.h"
#include "venue/transport.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void transport_wake(struct connection *connection)
{
    (void)connection;
}

void transport_reset(struct connection *connection)
{
    (void)connection;
}

void transport_finish(struct connection *connection)
{
    (void)connection;
}

void transport_read(struct connection *connection, bool reads)
{
    (void)connection;
    (void)reads;
}

static void frames_are_named_by_envelope_event_or_arg(void **state)
{
    static const struct {
        enum venue venue;
        const char *frame;
        const char *symbol;
        const char *channel;
        const char *payload;
    } cases[] = {
        {VENUE_USDM,
         "{\"stream\":\"btcusdt@depth@0ms\",\"data\":{\"e\":\"depthUpdate\"}}",
         "BTCUSDT",
         "depth@0ms",
         "{\"e\":\"depthUpdate\"}"},
        {VENUE_USDM, "{\"stream\":\"!markPrice@arr\",\"data\":[]}", "*", "markPrice@arr", "[]"},
        {VENUE_SPOT,
         "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1\"}",
         "BTCUSDT",
         "bookTicker",
         "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1\"}"},
        {VENUE_SPOT,
         "{\"e\":\"kline\",\"s\":\"X\",\"k\":{\"i\":\"5m\"}}",
         "X",
         "kline_5m",
         "{\"e\":\"kline\",\"s\":\"X\",\"k\":{\"i\":\"5m\"}}"},
        {VENUE_OKX,
         "{\"arg\":{\"channel\":\"books\",\"instId\":\"A-B\"},\"data\":[]}",
         "A-B",
         "books",
         "{\"arg\":{\"channel\":\"books\",\"instId\":\"A-B\"},\"data\":[]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char *frame = strdup(cases[i].frame);
        struct replay_frame parsed;
        assert_true(replay_frame_parse(cases[i].venue, frame, strlen(frame), &parsed));
        assert_string_equal(parsed.symbol, cases[i].symbol);
        assert_string_equal(parsed.channel, cases[i].channel);
        assert_int_equal(parsed.payload_bytes, strlen(cases[i].payload));
        assert_memory_equal(parsed.payload, cases[i].payload, parsed.payload_bytes);
        free(frame);
    }
    char answer[] = "{\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\",\"instId\":\"A-B\"}}";
    struct replay_frame parsed;
    assert_false(replay_frame_parse(VENUE_OKX, answer, strlen(answer), &parsed));
    char empty[] = "";
    assert_false(replay_frame_parse(VENUE_OKX, empty, 0, &parsed));
}

static void times_move_by_one_constant_and_nothing_else_moves(void **state)
{
    char binance[] =
        "{\"e\":\"x\",\"E\":1700000001000,\"T\":1700000000999,\"u\":1700000001000,\"t\":5}";
    char okx[] = "{\"data\":[{\"ts\":\"1700000002000\",\"seqId\":1700000000000}]}";
    char micro[] = "{\"E\":1700000001000500}";
    (void)state;
    replay_rebase(binance, 1700000000000, 1800000000000, 1.0);
    assert_string_equal(
        binance,
        "{\"e\":\"x\",\"E\":1800000001000,\"T\":1800000000999,\"u\":1700000001000,\"t\":5}");
    replay_rebase(okx, 1700000000000, 1800000000000, 2.0);
    assert_string_equal(okx, "{\"data\":[{\"ts\":\"1800000001000\",\"seqId\":1700000000000}]}");
    replay_rebase(micro, 1700000000000, 1800000000000, 1.0);
    assert_string_equal(micro, "{\"E\":1800000001000500}");
}

static void a_plain_recording_is_told_in_its_rhythm_from_one_connection(void **state)
{
    char path[] = "/tmp/flatline-replay-XXXXXX";
    char why[128];
    const int fd = mkstemp(path);
    struct exchange exchange;
    struct moment now = {NS_PER_S, 1795252287000000000ULL};
    const struct exchange_options options = {
        .market = {.seed = 1, .rate = 100}, .time_scale = 1, .key_life_ns = NS_PER_S};
    static const char lines[] = "1000000000\tc1\t{\"stream\":\"btcusdt@depth@0ms\",\"data\":{"
                                "\"pu\":1,\"E\":1700000000000}}\n"
                                "garbage\n"
                                "1000000000\tc1#rest\t{}\n"
                                "1000000001\tc2\t{\"stream\":\"btcusdt@depth@0ms\",\"data\":{"
                                "\"pu\":1,\"E\":1700000000000}}\n"
                                "1500000000\tc1\t{\"stream\":\"btcusdt@depth@0ms\",\"data\":{"
                                "\"pu\":2,\"E\":1700000000500}}\n";
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, sizeof(lines) - 1), sizeof(lines) - 1);
    (void)close(fd);
    exchange_start(&exchange, &options, now);
    struct replay *replay = replay_open(
        &(struct replay_options){.path = path, .speed = 1, .rebases = true}, why, sizeof(why));
    assert_non_null(replay);
    replay_link(&exchange, replay);
    struct connection *connection = connection_open(&exchange, VENUE_USDM, SERVES_PUBLIC, false);
    struct topic *topic = exchange_topic(&exchange, VENUE_USDM, "BTCUSDT", "depth@0ms");
    assert_true(topic->is_replayed);
    (void)exchange_tick(&exchange, now);
    assert_int_equal(topic->frames, 0); /* nobody listens yet */
    connection_subscribe(connection, topic);
    (void)exchange_tick(&exchange, now);
    assert_int_equal(topic->frames, 1);
    assert_non_null(
        strstr(message_bytes(connection->outbox.first->message), "\"E\":1795252287000"));
    now.mono_ns += 499 * NS_PER_MS;
    (void)exchange_tick(&exchange, now);
    assert_int_equal(topic->frames, 1);
    now.mono_ns += NS_PER_MS;
    (void)exchange_tick(&exchange, now);
    assert_int_equal(topic->frames, 2);
    exchange_stop(&exchange);
    (void)unlink(path);
}

static void a_missing_or_nameless_recording_says_so(void **state)
{
    char why[128] = "";
    (void)state;
    assert_null(replay_open(
        &(struct replay_options){.path = "/nonexistent/x", .speed = 1}, why, sizeof(why)));
    assert_non_null(strstr(why, "No such file"));
    assert_null(
        replay_open(&(struct replay_options){.path = "/dev/null", .speed = 1}, why, sizeof(why)));
    assert_non_null(strstr(why, "VENUE:FILE"));
}

static void every_capture_is_read_whole(void **state)
{
    static const struct {
        const char *file;
        size_t frames;
        enum venue venue;
    } files[] = {{"binance-usdm-20240808a.tsv.zst", 75120, VENUE_USDM},
                 {"binance-spot-20210814.tsv.zst", 1003, VENUE_SPOT},
                 {"binance-usdm-20210722.tsv.zst", 1535, VENUE_USDM},
                 {"okx-20210722-3conn.tsv.zst", 4709, VENUE_OKX},
                 {"okx-20220513-books.tsv.zst", 410, VENUE_OKX}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", FLATLINE_CAPTURES, files[i].file);
        struct capture *capture = capture_open(path);
        if (capture == NULL) {
            print_message("%s is not here: skipped\n", path);
            skip();
        }
        struct capture_line line;
        size_t frames = 0;
        size_t named = 0;
        enum venue venue = VENUE_COUNT;
        while (capture_next(capture, &line)) {
            struct replay_frame frame;
            if (venue == VENUE_COUNT) {
                (void)replay_venue_of(line.frame, &venue);
            }
            frames++;
            named += replay_frame_parse(files[i].venue, line.frame, line.frame_bytes, &frame);
        }
        capture_close(capture);
        assert_int_equal(frames, files[i].frames);
        assert_int_equal(venue, files[i].venue);
        assert_true(named * 100 >= frames * 95);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_named_by_envelope_event_or_arg),
        cmocka_unit_test(times_move_by_one_constant_and_nothing_else_moves),
        cmocka_unit_test(a_plain_recording_is_told_in_its_rhythm_from_one_connection),
        cmocka_unit_test(a_missing_or_nameless_recording_says_so),
        cmocka_unit_test(every_capture_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
