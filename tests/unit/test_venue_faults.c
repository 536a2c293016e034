/* SPDX-License-Identifier: MIT
 *
 * Goal: each fault does what its name says and nothing else, to those it is meant for and nobody
 * else.
 * Method: see venue_lab.h.
 */
#include "unit/venue_lab.h"
#include "venue/quirk.h"

static void mute_takes_one_stream_and_leaves_its_sibling(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "mute " BEST);
    run(lab, NS_PER_S);
    assert_int_equal(count_told(connection, "btcusdt@bookTicker"), 0);
    run(lab, NS_PER_S);
    assert_in_range(count_told(connection, "btcusdt@depth@100ms"), 9, 11);
    assert_does(lab, "unmute " BEST);
    run(lab, NS_PER_S);
    assert_true(count_told(connection, "btcusdt@bookTicker") > 10);
}

static void mute_of_a_route_leaves_its_answers_and_other_connections(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    struct connection *market =
        open_at(lab, VENUE_USDM, "/market/stream", "streams=btcusdt@markPrice@1s");
    assert_does(lab, "mute binance-usdm/public");
    run(lab, 2 * NS_PER_S);
    assert_null(told(connection));
    assert_true(count_told(market, "markPrice") >= 1);
    ask(connection, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}");
    assert_non_null(strstr(told(connection), "btcusdt@bookTicker"));
}

static void a_gap_skips_frames_once(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "gap " BOOK " 3");
    run(lab, NS_PER_S);
    assert_in_range(count_told(connection, "depthUpdate"), 6, 8);
    run(lab, NS_PER_S);
    assert_in_range(count_told(connection, "depthUpdate"), 9, 11);
    assert_int_equal(lab->exchange.faults.count, 0);
}

static void regress_without_end_is_one_frame(void **state)
{
    struct lab *lab = *state;
    (void)two_streams(lab);
    assert_does(lab, "regress " BEST);
    run(lab, 200 * NS_PER_MS);
    assert_int_equal(lab->exchange.faults.count, 0);
}

static void lag_keeps_every_frame_and_its_order_and_bursts_when_it_ends(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "lag binance-usdm/public 800ms");
    run(lab, 700 * NS_PER_MS);
    assert_null(told(connection));
    run(lab, 300 * NS_PER_MS);
    assert_in_range(count_told(connection, "depthUpdate"), 1, 3);
    const size_t waiting = lab->exchange.delayed_count;
    assert_true(waiting > 10);
    assert_does(lab, "unlag binance-usdm/public");
    run(lab, NS_PER_MS);
    assert_int_equal(lab->exchange.delayed_count, 0);
    assert_true(connection->outbox.count >= waiting);
    uint64_t last = 0;
    const char *text;
    while ((text = told(connection)) != NULL) {
        const char *id = strstr(text, "\"bookTicker\",\"u\":");
        if (id != NULL) {
            const uint64_t number = strtoull(id + 17, NULL, 10);
            assert_true(number > last);
            last = number;
        }
    }
    assert_true(last > 0);
}

static void silent_subscribe_acknowledges_and_says_nothing(void **state)
{
    struct lab *lab = *state;
    assert_does(lab, "silent-subscribe " BEST);
    struct connection *connection = open_at(lab, VENUE_USDM, "/public/ws", "");
    ask(connection, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@bookTicker\"],\"id\":1}");
    assert_string_equal(told(connection), "{\"result\":null,\"id\":1}");
    run(lab, NS_PER_S);
    assert_null(told(connection));
    ask(connection, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}");
    assert_non_null(strstr(told(connection), "btcusdt@bookTicker"));
}

static void no_ack_has_never_heard_of_it(void **state)
{
    struct lab *lab = *state;
    assert_does(lab, "no-ack " BEST);
    struct connection *connection = open_at(lab, VENUE_USDM, "/public/ws", "");
    ask(connection, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@bookTicker\"],\"id\":1}");
    assert_null(told(connection));
    ask(connection, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":2}");
    assert_string_equal(told(connection), "{\"result\":[],\"id\":2}");
    run(lab, NS_PER_S);
    assert_null(told(connection));
}

static void wrong_route_swaps_the_served_routes(void **state)
{
    struct lab *lab = *state;
    assert_does(lab, "wrong-route binance-usdm on");
    struct connection *here = open_at(lab, VENUE_USDM, "/public/ws", "");
    struct connection *there = open_at(lab, VENUE_USDM, "/market/ws", "");
    ask(here, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@bookTicker\"],\"id\":1}");
    ask(there, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@bookTicker\"],\"id\":1}");
    run(lab, NS_PER_S);
    assert_int_equal(count_told(here, "\"bookTicker\""), 0);
    assert_true(count_told(there, "\"bookTicker\"") > 10);
    assert_does(lab, "wrong-route binance-usdm off");
    assert_int_equal(lab->exchange.faults.count, 0);
}

static void blackhole_stops_reading_and_ends(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "blackhole binance-usdm/public");
    assert_true(connection->is_blackholed);
    assert_int_equal(reading, 0);
    assert_does(lab, "unblackhole binance-usdm/public");
    assert_false(connection->is_blackholed);
    assert_int_equal(reading, 1);
}

static void half_open_unplugs_and_ends(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "half-open binance-usdm/public");
    assert_true(connection->is_blackholed);
    assert_true(unplugged);
    assert_int_equal(reading, 0);
    assert_does(lab, "unhalf-open binance-usdm/public");
    assert_false(connection->is_blackholed);
    assert_false(unplugged);
    assert_int_equal(reading, 1);
}

static void endings_hit_the_connections_meant_and_no_others(void **state)
{
    struct lab *lab = *state;
    struct connection *usdm = two_streams(lab);
    struct connection *okx = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    assert_does(lab, "close okx/public 4007 key gone");
    assert_int_equal(okx->close_code, 4007);
    assert_string_equal(okx->close_reason, "key gone");
    assert_int_equal(usdm->close_code, 0);
    assert_does(lab, "rst " BEST); /* the connection that carries it */
    assert_int_equal(resets, 1);
    assert_true(usdm->is_dead);
    assert_does(lab, "fin *");
    assert_int_equal(finishes, 0); /* nobody is left */
}

static void notices_are_told_and_kept(void **state)
{
    struct lab *lab = *state;
    struct connection *okx = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    struct connection *raw = open_at(lab, VENUE_SPOT, "/ws", "");
    struct connection *combined = open_at(lab, VENUE_SPOT, "/stream", "");
    assert_does(lab, "notice64008 okx/public 2s");
    assert_non_null(strstr(told(okx), "\"event\":\"notice\",\"code\":\"64008\""));
    assert_does(lab, "shutdown-notice binance-spot 2s");
    assert_int_equal(strncmp(told(raw), "{\"e\":\"serverShutdown\"", 21), 0);
    assert_int_equal(strncmp(told(combined), "{\"stream\":\"!serverShutdown\"", 27), 0);
    run(lab, 1900 * NS_PER_MS);
    assert_int_equal(okx->close_code + raw->close_code + combined->close_code, 0);
    run(lab, 200 * NS_PER_MS);
    assert_true(okx->close_code != 0 && raw->close_code != 0 && combined->close_code != 0);
}

static void a_wrong_command_is_an_error_and_changes_nothing(void **state)
{
    static const char *const bad[] = {"dance",
                                      "lag okx/public",
                                      "lag okx/public soon",
                                      "lag okx/public 0ms..2s over",
                                      "gap okx/public",
                                      "close okx/public",
                                      "refuse okx 4290",
                                      "rate BTCUSDT fast",
                                      "rate BTCUSDT nan",
                                      "rst",
                                      "mute conn:x",
                                      "key-expire loudly"};
    struct lab *lab = *state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct command command;
        const char *why = NULL;
        struct text answer = {0};
        assert_true(command_parse(bad[i], &command, &why));
        assert_non_null(verb_do(&lab->exchange, &command, &answer));
        assert_int_equal(lab->exchange.faults.count, 0);
        text_free(&answer);
    }
}

static void duplicate_says_the_last_words_twice(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "duplicate " BOOK);
    assert_int_equal(connection->outbox.count, 1);
    assert_non_null(strstr(told(connection), "depthUpdate"));
}

/* What a command does to the chain of a book that has begun: how often an id was lower than the one before it,
 * and how often it leapt ahead. */
struct turns {
    unsigned resets;
    unsigned leaps;
};

static struct turns turns_after(struct lab *lab, const char *command)
{
    struct connection *okx = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    struct turns turns = {0};
    unsigned long long last = 0;
    const char *text;
    ask(okx, "{\"op\":\"subscribe\",\"args\":[{\"channel\":\"books\",\"instId\":\"BTC-USDT\"}]}");
    run(lab, NS_PER_S);
    (void)told(okx); /* the answer, and then the snapshot */
    (void)told(okx);
    assert_does(lab, command);
    run(lab, NS_PER_S);
    while ((text = told(okx)) != NULL) {
        unsigned long long before;
        unsigned long long id;
        const int read = sscanf(
            strstr(text, "\"prevSeqId\""), "\"prevSeqId\":%llu,\"seqId\":%llu", &before, &id);
        assert_int_equal(read, 2);
        assert_true(last == 0 || before == last);
        turns.resets += id < before;
        turns.leaps += id > before + 500000;
        last = id;
    }
    return turns;
}

static void a_reset_keeps_the_chain_and_lowers_the_ids(void **state)
{
    const struct turns turns = turns_after(*state, "reset okx/BTC-USDT/books");
    assert_int_equal(turns.resets, 1);
    assert_int_equal(turns.leaps, 0);
}

static void ids_ahead_keep_the_chain_and_are_higher(void **state)
{
    const struct turns turns = turns_after(*state, "ids-ahead okx/BTC-USDT/books 1000000");
    assert_int_equal(turns.resets, 0);
    assert_int_equal(turns.leaps, 1);
}

static void a_crossed_stream_shows_the_bid_above_the_ask(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "cross " BEST);
    run(lab, 200 * NS_PER_MS);
    const char *text;
    do {
        text = told(connection);
        assert_non_null(text);
    } while (strstr(text, "bookTicker\"") == NULL);
    const double bid = strtod(strstr(text, "\"b\":\"") + 5, NULL);
    const double ask_price = strtod(strstr(text, "\"a\":\"") + 5, NULL);
    assert_true(bid > ask_price);
}

static void quirks_say_the_same_in_another_way(void **state)
{
    static const struct {
        const char *name;
        const char *frame;
        const char *odd;
    } cases[] = {
        {"microseconds",
         "{\"E\":1700000000000,\"T\":5,\"u\":1700000000000}",
         "{\"E\":1700000000000123,\"T\":5,\"u\":1700000000000}"},
        {"numeric-ts",
         "{\"data\":[{\"ts\":\"17\",\"seqId\":1},{\"ts\":\"18\"}]}",
         "{\"data\":[{\"ts\":17,\"seqId\":1},{\"ts\":18}]}"},
        {"reorder", "{\"e\":\"x\",\"E\":1,\"a\":[]}", "{\"E\":1,\"a\":[],\"e\":\"x\"}"},
        {"spaces", "{\"e\":1}", "{\n  \"e\": 1\n}"},
        {"extra-keys",
         "{\"e\":1}",
         "{\"_new\":{\"deep\":[1,null,-2.5e-3,{\"\\u00e9\":true}]},\"zz\":\"\",\"e\":1}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        enum quirk quirk;
        struct text frame = {0};
        struct text odd = {0};
        assert_true(quirk_of_name(cases[i].name, &quirk));
        text_add(&frame, cases[i].frame);
        quirk_apply(quirk, &frame, &odd);
        assert_string_equal(odd.bytes, cases[i].odd);
        text_free(&frame);
        text_free(&odd);
    }
    enum quirk quirk;
    assert_false(quirk_of_name("polite", &quirk));
}

static void a_quirk_changes_the_stream_it_is_put_on(void **state)
{
    struct lab *lab = *state;
    struct connection *connection = two_streams(lab);
    assert_does(lab, "quirk " BOOK " extra-keys");
    run(lab, NS_PER_S);
    size_t odd = 0;
    size_t plain = 0;
    const char *text;
    while ((text = told(connection)) != NULL) {
        odd += strstr(text, "depthUpdate") != NULL && strstr(text, "_new") != NULL;
        plain += strstr(text, "\"bookTicker\"") != NULL && strstr(text, "_new") == NULL;
    }
    assert_in_range(odd, 9, 11);
    assert_true(plain > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(mute_takes_one_stream_and_leaves_its_sibling),
        LAB_TEST(mute_of_a_route_leaves_its_answers_and_other_connections),
        LAB_TEST(a_gap_skips_frames_once),
        LAB_TEST(regress_without_end_is_one_frame),
        LAB_TEST(lag_keeps_every_frame_and_its_order_and_bursts_when_it_ends),
        LAB_TEST(silent_subscribe_acknowledges_and_says_nothing),
        LAB_TEST(no_ack_has_never_heard_of_it),
        LAB_TEST(wrong_route_swaps_the_served_routes),
        LAB_TEST(blackhole_stops_reading_and_ends),
        LAB_TEST(half_open_unplugs_and_ends),
        LAB_TEST(endings_hit_the_connections_meant_and_no_others),
        LAB_TEST(notices_are_told_and_kept),
        LAB_TEST(a_wrong_command_is_an_error_and_changes_nothing),
        LAB_TEST(duplicate_says_the_last_words_twice),
        LAB_TEST(a_reset_keeps_the_chain_and_lowers_the_ids),
        LAB_TEST(ids_ahead_keep_the_chain_and_are_higher),
        LAB_TEST(a_crossed_stream_shows_the_bid_above_the_ask),
        LAB_TEST(quirks_say_the_same_in_another_way),
        LAB_TEST(a_quirk_changes_the_stream_it_is_put_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
