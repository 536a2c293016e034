/* SPDX-License-Identifier: MIT
 *
 * Goal: what the fake exchange generates obeys the venues' own rules, so that a healthy market
 * never looks sick.
 * Method: the market runs on an invented clock in 250 us steps; everything it
 * says is parsed and checked against an order book rebuilt from what was said.
 */
#include "core/base.h"
#include "venue/market.h"
#include "venue/payload.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_WALL_NS 1795252287000000000ULL
#define STEP_NS       250000ULL
#define SAID_MAX      20000

/* What one stream said, in order. */
struct heard {
    struct stream *stream;
    char *frames[SAID_MAX];
    uint64_t at_ns[SAID_MAX];
    size_t count;
};

struct bench {
    struct market *market;
    struct moment now;
    struct mood mood;
    const char *moody; /* name of the stream the mood is for; NULL = all */
    struct heard heard[6];
    size_t heard_count;
};

static struct mood bench_mood(void *context, struct stream *stream)
{
    const struct bench *bench = context;
    const bool is_meant = bench->moody == NULL || strcmp(bench->moody, stream->name) == 0;
    return is_meant ? bench->mood : (struct mood){0};
}

static void bench_say(void *context, struct stream *stream, const struct text *payload)
{
    struct bench *bench = context;
    for (size_t i = 0; i < bench->heard_count; i++) {
        struct heard *heard = &bench->heard[i];
        if (heard->stream == stream && heard->count < SAID_MAX) {
            heard->at_ns[heard->count] = bench->now.mono_ns;
            heard->frames[heard->count++] = strdup(payload->bytes);
        }
    }
}

static struct bench *bench_create(uint64_t seed, double rate)
{
    struct bench *bench = allocate(sizeof(*bench));
    const struct market_options options = {.seed = seed, .rate = rate, .period_scale_ppm = 1000000};
    bench->now = (struct moment){1000000000ULL, START_WALL_NS};
    bench->market =
        market_create(&options, (struct sink){bench, bench_mood, bench_say}, bench->now);
    return bench;
}

static void bench_destroy(struct bench *bench)
{
    for (size_t i = 0; i < bench->heard_count; i++) {
        for (size_t n = 0; n < bench->heard[i].count; n++) {
            free(bench->heard[i].frames[n]);
        }
    }
    market_destroy(bench->market);
    free(bench);
}

static struct heard *
bench_listen(struct bench *bench, enum venue venue, const char *symbol, const char *channel)
{
    struct heard *heard = &bench->heard[bench->heard_count++];
    heard->stream = market_stream(bench->market, venue, symbol, channel);
    assert_non_null(heard->stream);
    market_listen(bench->market, heard->stream, bench->now);
    return heard;
}

static void bench_run(struct bench *bench, uint64_t for_ns)
{
    for (uint64_t passed_ns = 0; passed_ns < for_ns; passed_ns += STEP_NS) {
        bench->now.mono_ns += STEP_NS;
        bench->now.wall_ns += STEP_NS;
        market_tick(bench->market, bench->now);
    }
}

static json_t *frame_of(const struct heard *heard, size_t n)
{
    json_t *frame = json_loads(heard->frames[n], 0, NULL);
    assert_non_null(frame);
    return frame;
}

static uint64_t id_in(const json_t *frame, const char *key)
{
    assert_true(json_is_integer(json_object_get(frame, key)));
    return (uint64_t)json_integer_value(json_object_get(frame, key));
}

/* ---- a book rebuilt from what was said ---- */

#define ROWS_MAX 4096

struct rebuilt {
    struct {
        double price;
        char size[32];
    } rows[2][ROWS_MAX];

    size_t counts[2];
};

static void
rebuilt_put(struct rebuilt *book, int side, const char *price_text, const char *size_text)
{
    const double price = strtod(price_text, NULL);
    size_t i = 0;
    while (i < book->counts[side] && book->rows[side][i].price != price) {
        i++;
    }
    if (i == book->counts[side]) {
        assert_true(i < ROWS_MAX);
        book->counts[side]++;
        book->rows[side][i].price = price;
    }
    (void)snprintf(book->rows[side][i].size, sizeof(book->rows[side][i].size), "%s", size_text);
}

static void rebuilt_apply(struct rebuilt *book, int side, const json_t *rows)
{
    size_t index;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
    {
        rebuilt_put(book,
                    side,
                    json_string_value(json_array_get(row, 0)),
                    json_string_value(json_array_get(row, 1)));
    }
}

static size_t rebuilt_levels(const struct rebuilt *book, int side)
{
    size_t count = 0;
    for (size_t i = 0; i < book->counts[side]; i++) {
        count += strtod(book->rows[side][i].size, NULL) > 0;
    }
    return count;
}

static void assert_same_side(const struct rebuilt *book, int side, const json_t *rows)
{
    size_t index;
    json_t *row;
    assert_int_equal(rebuilt_levels(book, side), json_array_size(rows));
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
    {
        const double price = strtod(json_string_value(json_array_get(row, 0)), NULL);
        bool is_found = false;
        for (size_t i = 0; i < book->counts[side]; i++) {
            if (book->rows[side][i].price == price) {
                assert_string_equal(book->rows[side][i].size,
                                    json_string_value(json_array_get(row, 1)));
                is_found = true;
            }
        }
        assert_true(is_found);
    }
}

static json_t *side_now(const struct instrument *instrument, enum book_side side)
{
    struct text text = {0};
    payload_side(instrument, side, 0, 0, &text);
    json_t *rows = json_loads(text.bytes, 0, NULL);
    text_free(&text);
    return rows;
}

static void assert_book_is(const struct rebuilt *book, const struct instrument *instrument)
{
    for (int side = 0; side < 2; side++) {
        json_t *rows = side_now(instrument, (enum book_side)side);
        assert_same_side(book, side, rows);
        json_decref(rows);
    }
}

static void rebuilt_start(struct rebuilt *book, const struct instrument *instrument)
{
    for (int side = 0; side < 2; side++) {
        json_t *rows = side_now(instrument, (enum book_side)side);
        rebuilt_apply(book, side, rows);
        json_decref(rows);
    }
}

/* ---- tests ---- */

static void spot_depth_chains_by_one_and_rebuilds_the_book(void **state)
{
    (void)state;
    struct bench *bench = bench_create(1, 300);
    struct heard *depth = bench_listen(bench, VENUE_SPOT, "BTCUSDT", "depth@100ms");
    struct rebuilt *book = allocate(sizeof(*book));
    rebuilt_start(book, depth->stream->instrument);

    bench_run(bench, 20 * NS_PER_S);
    market_rate(bench->market,
                "BTCUSDT",
                0,
                bench->now); /* so that the last update tells the last change */
    bench_run(bench, NS_PER_S);
    assert_in_range(depth->count, 190, 202);
    uint64_t last = 0;
    for (size_t i = 0; i < depth->count; i++) {
        json_t *frame = frame_of(depth, i);
        assert_true(last == 0 || id_in(frame, "U") == last + 1);
        assert_true(id_in(frame, "u") >= id_in(frame, "U"));
        last = id_in(frame, "u");
        rebuilt_apply(book, BOOK_BID, json_object_get(frame, "b"));
        rebuilt_apply(book, BOOK_ASK, json_object_get(frame, "a"));
        json_decref(frame);
    }
    assert_int_equal(last, depth->stream->instrument->book.id);
    assert_book_is(book, depth->stream->instrument);
    free(book);
    bench_destroy(bench);
}

static void usdm_speeds_are_chains_of_their_own_on_one_book(void **state)
{
    (void)state;
    static const char *const channels[] = {"depth@100ms", "depth@500ms", "depth", "rpiDepth@500ms"};
    struct bench *bench = bench_create(2, 200);
    for (size_t c = 0; c < ARRAY_COUNT(channels); c++) {
        (void)bench_listen(bench, VENUE_USDM, "ETHUSDT", channels[c]);
    }
    bench_run(bench, 10 * NS_PER_S);
    for (size_t c = 0; c < ARRAY_COUNT(channels); c++) {
        uint64_t last = 0;
        size_t jumps = 0;
        assert_true(bench->heard[c].count > 15);
        for (size_t i = 0; i < bench->heard[c].count; i++) {
            json_t *frame = frame_of(&bench->heard[c], i);
            assert_true(last == 0 || id_in(frame, "pu") == last);
            jumps += last != 0 && id_in(frame, "U") != last + 1;
            assert_true(id_in(frame, "u") >= id_in(frame, "U") &&
                        id_in(frame, "U") > id_in(frame, "pu"));
            last = id_in(frame, "u");
            json_decref(frame);
        }
        assert_true(jumps > 0); /* U == u + 1 is spot's rule, not this one's */
    }
    bench_destroy(bench);
}

static void okx_snapshot_and_updates_rebuild_the_book_for_a_late_subscriber(void **state)
{
    (void)state;
    struct bench *bench = bench_create(3, 300);
    struct heard *books = bench_listen(bench, VENUE_OKX, "BTC-USDT", "books");
    struct text first = {0};
    struct rebuilt *book = allocate(sizeof(*book));

    bench_run(bench, NS_PER_S + 37 * NS_PER_MS);
    const size_t heard_before = books->count;
    assert_true(market_first_push(bench->market, books->stream, bench->now, &first));
    json_t *snapshot = json_loads(first.bytes, 0, NULL);
    const json_t *data = json_array_get(json_object_get(snapshot, "data"), 0);
    assert_string_equal(json_string_value(json_object_get(snapshot, "action")), "snapshot");
    assert_int_equal(json_integer_value(json_object_get(data, "prevSeqId")), -1);
    uint64_t last = id_in(data, "seqId");
    rebuilt_apply(book, BOOK_BID, json_object_get(data, "bids"));
    rebuilt_apply(book, BOOK_ASK, json_object_get(data, "asks"));
    json_decref(snapshot);

    bench_run(bench, 10 * NS_PER_S);
    market_rate(bench->market, "BTC-USDT", 0, bench->now);
    bench_run(bench, NS_PER_S);
    for (size_t i = heard_before; i < books->count; i++) {
        json_t *frame = frame_of(books, i);
        data = json_array_get(json_object_get(frame, "data"), 0);
        assert_int_equal(id_in(data, "prevSeqId"), last);
        last = id_in(data, "seqId");
        rebuilt_apply(book, BOOK_BID, json_object_get(data, "bids"));
        rebuilt_apply(book, BOOK_ASK, json_object_get(data, "asks"));
        json_decref(frame);
    }
    assert_int_equal(last, books->stream->instrument->book.id);
    assert_book_is(book, books->stream->instrument);
    text_free(&first);
    free(book);
    bench_destroy(bench);
}

static void best_prices_are_never_crossed_and_share_the_ids_of_depth(void **state)
{
    (void)state;
    struct bench *bench = bench_create(4, 500);
    struct heard *best = bench_listen(bench, VENUE_USDM, "BTCUSDT", "bookTicker");
    struct heard *depth = bench_listen(bench, VENUE_USDM, "BTCUSDT", "depth@100ms");
    bench_run(bench, 10 * NS_PER_S);
    uint64_t last = 0;
    size_t at = 0;
    for (size_t i = 0; i < best->count; i++) {
        json_t *frame = frame_of(best, i);
        const uint64_t id = id_in(frame, "u");
        assert_true(id > last);
        last = id;
        assert_true(strtod(json_string_value(json_object_get(frame, "b")), NULL) <
                    strtod(json_string_value(json_object_get(frame, "a")), NULL));
        /* depth reaches every id within one period */
        while (at < depth->count && depth->at_ns[at] < best->at_ns[i]) {
            at++;
        }
        if (at < depth->count) {
            json_t *next = frame_of(depth, at);
            assert_true(id_in(next, "u") >= id);
            assert_true(depth->at_ns[at] - best->at_ns[i] <= 100 * NS_PER_MS);
            json_decref(next);
        }
        json_decref(frame);
    }
    assert_true(best->count > 1000);
    bench_destroy(bench);
}

static void a_healthy_symbol_is_never_silent_for_long(void **state)
{
    (void)state;
    struct bench *bench = bench_create(5, 100);
    struct heard *best = bench_listen(bench, VENUE_SPOT, "BTCUSDT", "bookTicker");
    bench_run(bench, 300 * NS_PER_S);
    uint64_t longest_ns = 0;
    for (size_t i = 1; i < best->count; i++) {
        const uint64_t gap_ns = best->at_ns[i] - best->at_ns[i - 1];
        longest_ns = gap_ns > longest_ns ? gap_ns : longest_ns;
    }
    assert_true(longest_ns < 100 * NS_PER_MS);
    assert_in_range(best->count, 300 * 30, 300 * 70);
    bench_destroy(bench);
}

static void timers_tick_on_the_second_without_a_change(void **state)
{
    (void)state;
    struct bench *bench = bench_create(6, 0);
    struct heard *mark = bench_listen(bench, VENUE_USDM, "BTCUSDT", "markPrice@1s");
    bench_run(bench, 10 * NS_PER_S);
    assert_in_range(mark->count, 9, 10);
    for (size_t i = 0; i < mark->count; i++) {
        json_t *frame = frame_of(mark, i);
        assert_int_equal(id_in(frame, "E") % 1000, 0);
        assert_true(id_in(frame, "T") > id_in(frame, "E")); /* the next funding, not this event */
        json_decref(frame);
    }
    bench_destroy(bench);
}

static void a_quiet_okx_book_repeats_itself_every_minute(void **state)
{
    (void)state;
    struct bench *bench = bench_create(7, 0);
    struct heard *books = bench_listen(bench, VENUE_OKX, "BTC-USDT", "books");
    struct heard *best = bench_listen(bench, VENUE_OKX, "BTC-USDT", "bbo-tbt");
    bench_run(bench, 125 * NS_PER_S);
    assert_int_equal(books->count, 2);
    assert_int_equal(best->count, 2);
    json_t *frame = frame_of(books, 1);
    const json_t *data = json_array_get(json_object_get(frame, "data"), 0);
    assert_int_equal(id_in(data, "seqId"), id_in(data, "prevSeqId"));
    assert_int_equal(json_array_size(json_object_get(data, "asks")), 0);
    json_decref(frame);
    bench_destroy(bench);
}

static void a_held_stream_keeps_its_chain_whole(void **state)
{
    (void)state;
    struct bench *bench = bench_create(8, 200);
    struct heard *depth = bench_listen(bench, VENUE_SPOT, "BTCUSDT", "depth@100ms");
    bench_run(bench, NS_PER_S);
    bench->mood.holds = true;
    const size_t before = depth->count;
    bench_run(bench, NS_PER_S);
    assert_int_equal(depth->count, before);
    bench->mood.holds = false;
    bench_run(bench, NS_PER_S);
    assert_true(depth->count > before);
    json_t *last = frame_of(depth, before - 1);
    json_t *next = frame_of(depth, before);
    assert_int_equal(id_in(next, "U"), id_in(last, "u") + 1);
    json_decref(last);
    json_decref(next);
    bench_destroy(bench);
}

static void a_frozen_stream_repeats_its_last_words_in_its_cadence(void **state)
{
    (void)state;
    struct bench *bench = bench_create(9, 200);
    struct heard *depth = bench_listen(bench, VENUE_USDM, "BTCUSDT", "depth@100ms");
    bench_run(bench, NS_PER_S);
    const size_t before = depth->count;
    bench->mood.repeats = true;
    bench_run(bench, NS_PER_S);
    assert_in_range(depth->count - before, 9, 10);
    for (size_t i = before; i < depth->count; i++) {
        assert_string_equal(depth->frames[i], depth->frames[before - 1]);
    }
    bench->mood.repeats = false;
    const size_t after = depth->count;
    bench_run(bench, NS_PER_S);
    json_t *last = frame_of(depth, before - 1);
    json_t *next = frame_of(depth, after);
    assert_int_equal(id_in(next, "pu"), id_in(last, "u"));
    json_decref(last);
    json_decref(next);
    bench_destroy(bench);
}

static void a_stuck_clock_and_ids_sent_back_show_in_the_frame(void **state)
{
    (void)state;
    struct bench *bench = bench_create(10, 200);
    struct heard *best = bench_listen(bench, VENUE_USDM, "BTCUSDT", "bookTicker");
    bench_run(bench, NS_PER_S);
    bench->mood = (struct mood){.stuck_wall_ns = START_WALL_NS, .id_back = 1000000};
    const size_t before = best->count;
    bench_run(bench, NS_PER_S);
    json_t *last = frame_of(best, before - 1);
    json_t *next = frame_of(best, before);
    assert_true(id_in(next, "u") < id_in(last, "u"));
    assert_int_equal(id_in(next, "E"), wall_ms(START_WALL_NS));
    json_decref(last);
    json_decref(next);
    bench_destroy(bench);
}

static void the_same_seed_makes_the_same_market(void **state)
{
    (void)state;
    struct bench *one = bench_create(11, 200);
    struct bench *two = bench_create(11, 200);
    struct bench *other = bench_create(12, 200);
    struct heard *a = bench_listen(one, VENUE_OKX, "ETH-USDT-SWAP", "trades");
    struct heard *b = bench_listen(two, VENUE_OKX, "ETH-USDT-SWAP", "trades");
    struct heard *c = bench_listen(other, VENUE_OKX, "ETH-USDT-SWAP", "trades");
    bench_run(one, 2 * NS_PER_S);
    bench_run(two, 2 * NS_PER_S);
    bench_run(other, 2 * NS_PER_S);
    assert_true(a->count > 10);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->frames[i], b->frames[i]);
    }
    assert_true(a->count != c->count || strcmp(a->frames[0], c->frames[0]) != 0);
    bench_destroy(one);
    bench_destroy(two);
    bench_destroy(other);
}

static void every_channel_says_valid_json_and_unknown_ones_are_refused(void **state)
{
    (void)state;

    static const struct {
        enum venue venue;
        const char *symbol;
        const char *channel;
    } cases[] = {
        {VENUE_SPOT, "BTCUSDT", "depth20@100ms"},
        {VENUE_SPOT, "BTCUSDT", "aggTrade"},
        {VENUE_SPOT, "BTCUSDT", "kline_1s"},
        {VENUE_SPOT, "BTCUSDT", "avgPrice"},
        {VENUE_SPOT, "*", "miniTicker@arr"},
        {VENUE_USDM, "BTCUSDT", "depth5@250ms"},
        {VENUE_USDM, "BTCUSDT", "aggTrade"},
        {VENUE_USDM, "BTCUSDT", "kline_1m"},
        {VENUE_USDM, "BTCUSDT", "ticker"},
        {VENUE_USDM, "*", "markPrice@arr@1s"},
        {VENUE_USDM, "*", "bookTicker"},
        {VENUE_COINM, "BTCUSD_PERP", "bookTicker"},
        {VENUE_COINM, "BTCUSD_PERP", "trade"},
        {VENUE_OKX, "BTC-USDT", "books5"},
        {VENUE_OKX, "BTC-USDT", "tickers"},
        {VENUE_OKX, "BTC-USDT-SWAP", "mark-price"},
        {VENUE_OKX, "BTC-USDT", "candle1m"},
        {VENUE_OKX, "BTC-USDT", "price-limit"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bench *bench = bench_create(13, 300);
        struct heard *heard =
            bench_listen(bench, cases[i].venue, cases[i].symbol, cases[i].channel);
        bench_run(bench, 6 * NS_PER_S);
        assert_true(heard->count >= 1);
        for (size_t n = 0; n < heard->count; n++) {
            json_decref(frame_of(heard, n));
        }
        bench_destroy(bench);
    }
    struct bench *bench = bench_create(13, 300);
    market_bogus(bench->market, "BOGUSUSDT");
    assert_null(market_stream(bench->market, VENUE_SPOT, "BOGUSUSDT", "depth@100ms"));
    assert_null(market_stream(bench->market, VENUE_SPOT, "BTCUSDT", "depth7"));
    assert_null(market_stream(bench->market, VENUE_SPOT, "BTCUSDT", "markPrice"));
    assert_null(market_stream(bench->market, VENUE_OKX, "BTC-USDT", "bookTicker"));
    bench_destroy(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spot_depth_chains_by_one_and_rebuilds_the_book),
        cmocka_unit_test(usdm_speeds_are_chains_of_their_own_on_one_book),
        cmocka_unit_test(okx_snapshot_and_updates_rebuild_the_book_for_a_late_subscriber),
        cmocka_unit_test(best_prices_are_never_crossed_and_share_the_ids_of_depth),
        cmocka_unit_test(a_healthy_symbol_is_never_silent_for_long),
        cmocka_unit_test(timers_tick_on_the_second_without_a_change),
        cmocka_unit_test(a_quiet_okx_book_repeats_itself_every_minute),
        cmocka_unit_test(a_held_stream_keeps_its_chain_whole),
        cmocka_unit_test(a_frozen_stream_repeats_its_last_words_in_its_cadence),
        cmocka_unit_test(a_stuck_clock_and_ids_sent_back_show_in_the_frame),
        cmocka_unit_test(the_same_seed_makes_the_same_market),
        cmocka_unit_test(every_channel_says_valid_json_and_unknown_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
