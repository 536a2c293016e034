/* SPDX-License-Identifier: MIT
 *
 * Goal: clients are answered as the venues answer them, on WebSocket and REST.
 *
 * Method: see venue_lab.h.
 */
#include "unit/venue_lab.h"

/* ---- answers ---- */

static void binance_echoes_ids_and_lists_what_was_asked(void **state)
{
    struct connection *connection = open_at(*state, VENUE_SPOT, "/ws", "");
    ask(connection,
        "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\",\"nosuchthing@foo\"],\"id\":"
        "7}");
    assert_string_equal(told(connection), "{\"result\":null,\"id\":7}");
    ask(connection, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":\"x1\"}");
    assert_string_equal(told(connection),
                        "{\"result\":[\"nosuchthing@foo\",\"btcusdt@depth@100ms\"],\"id\":\"x1\"}");
    ask(connection, "{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":2}");
    assert_string_equal(told(connection), "{\"result\":false,\"id\":2}");
    ask(connection, "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"nosuchthing@foo\"],\"id\":3}");
    assert_string_equal(told(connection), "{\"result\":null,\"id\":3}");
    assert_int_equal(connection->subscription_count, 1);
}

static void binance_errors_come_in_both_shapes(void **state)
{
    struct lab *lab = *state;
    struct connection *spot = open_at(lab, VENUE_SPOT, "/ws", "");
    struct connection *usdm = open_at(lab, VENUE_USDM, "/public/ws", "");
    ask(spot, "{\"method\":\"SUBSCRIBE\",\"params\":[\"BTCUSDT@depth\"],\"id\":1}");
    assert_string_equal(told(spot),
                        "{\"code\":2,\"msg\":\"Invalid request: invalid stream\",\"id\":1}");
    ask(usdm, "{\"method\":\"SUBSCRIBE\",\"params\":[\"nonsense\"],\"id\":1}");
    assert_string_equal(
        told(usdm),
        "{\"error\":{\"code\":2,\"msg\":\"Invalid request: invalid stream\"},\"id\":1}");
    ask(usdm, "{oops");
    assert_non_null(strstr(told(usdm), "\"code\":3"));
    run(lab, 50 * NS_PER_MS);
    assert_int_equal(usdm->close_code, 1001); /* the futures cut after invalid JSON */
    assert_int_equal(spot->close_code, 0);
}

static void hostile_names_never_reach_the_answers(void **state)
{
    struct connection *connection = open_at(*state, VENUE_USDM, "/public/ws", "");
    ask(connection, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btc\\\"usdt@depth\"],\"id\":1}");
    assert_non_null(strstr(told(connection), "invalid stream"));
    ask(connection, "{\"method\":\"SUBSCRIBE\",\"params\":[17],\"id\":1}");
    assert_non_null(strstr(told(connection), "\"code\":2"));
    ask(connection, "[[[[");
    assert_non_null(strstr(told(connection), "\"code\":3"));
    assert_int_equal(connection->subscription_count, 0);
}

static void too_many_messages_a_second_end_the_connection(void **state)
{
    struct lab *lab = *state;
    struct connection *spot = open_at(lab, VENUE_SPOT, "/ws", "");
    for (int i = 0; i < 5; i++) {
        ask(spot, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}");
    }
    assert_int_equal(spot->close_code, 0);
    connection_received_pong(spot);
    assert_int_equal(spot->close_code, 1008);
}

static void a_stream_is_acknowledged_on_any_route_and_served_on_its_own(void **state)
{
    struct lab *lab = *state;
    static const char request[] = "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@bookTicker\","
                                  "\"btcusdt@markPrice@1s\"],\"id\":1}";

    static const struct {
        const char *path;
        bool best;
        bool mark;
    } cases[] = {{"/public/ws", true, false},
                 {"/market/ws", false, true},
                 {"/ws", true, false},
                 {"/private/ws", false, false}};

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct connection *connection = open_at(lab, VENUE_USDM, cases[i].path, "");
        ask(connection, request);
        assert_string_equal(told(connection), "{\"result\":null,\"id\":1}");
        run(lab, 3 * NS_PER_S);
        bool best = false;
        bool mark = false;
        const char *text;
        while ((text = told(connection)) != NULL) {
            best = best || strstr(text, "\"bookTicker\"") != NULL;
            mark = mark || strstr(text, "markPriceUpdate") != NULL;
        }
        assert_int_equal(best, cases[i].best);
        assert_int_equal(mark, cases[i].mark);
    }
}

static void a_bogus_symbol_is_accepted_by_binance_and_refused_by_okx(void **state)
{
    struct lab *lab = *state;
    struct connection *spot = open_at(lab, VENUE_SPOT, "/ws", "");
    struct connection *okx = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    ask(spot, "{\"method\":\"SUBSCRIBE\",\"params\":[\"bogususdt@bookTicker\"],\"id\":1}");
    assert_string_equal(told(spot), "{\"result\":null,\"id\":1}");
    ask(okx, "{\"op\":\"subscribe\",\"args\":[{\"channel\":\"books\",\"instId\":\"BOGUS-USDT\"}]}");
    assert_non_null(strstr(told(okx), "\"code\":\"60018\""));
    run(lab, 2 * NS_PER_S);
    assert_null(told(spot));
    assert_null(told(okx));
}

static void okx_acknowledges_each_arg_then_pushes_at_once(void **state)
{
    struct lab *lab = *state;
    struct connection *okx = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    ask(okx,
        "{\"id\":\"15\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"books\",\"instId\":\"BTC-"
        "USDT\"},"
        "{\"channel\":\"trades\",\"instId\":\"BTC-USDT\"}]}");
    const char *text = told(okx);
    assert_non_null(
        strstr(text, "\"id\":\"15\",\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\""));
    assert_non_null(strstr(text, okx->id_text));
    assert_non_null(strstr(told(okx), "\"action\":\"snapshot\""));
    assert_non_null(strstr(told(okx), "\"channel\":\"trades\""));
    assert_non_null(strstr(told(okx), "\"tradeId\""));
    ask(okx, "ping");
    assert_string_equal(told(okx), "pong");
    ask(okx,
        "{\"op\":\"subscribe\",\"args\":[{\"channel\":\"candle1m\",\"instId\":\"BTC-USDT\"}]}");
    assert_non_null(strstr(told(okx), "\"code\":\"64001\""));
    ask(okx, "{\"op\":\"subscribe\",\"args\":[{\"channel\":\"orders\",\"instType\":\"ANY\"}]}");
    assert_non_null(strstr(told(okx), "\"code\":\"60011\""));
    ask(okx, "{\"op\":\"dance\",\"args\":[]}");
    assert_non_null(strstr(told(okx), "\"code\":\"60019\""));
}

static void
okx_pushes_its_maintenance_when_it_begins_and_ends_and_to_whoever_subscribes(void **state)
{
    static const char subscribe[] =
        "{\"id\":\"status\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"status\"}]}";
    struct lab *lab = *state;
    struct connection *first = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    struct connection *second = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    ask(first, subscribe);
    assert_non_null(strstr(told(first), "\"event\":\"subscribe\""));
    assert_non_null(strstr(told(first), "\"state\":\"completed\"")); /* a day old */
    assert_does(lab, "maintenance okx");
    assert_non_null(strstr(told(first), "\"state\":\"ongoing\""));
    ask(second, subscribe);
    assert_non_null(strstr(told(second), "\"event\":\"subscribe\""));
    assert_non_null(strstr(told(second), "\"state\":\"ongoing\""));
    assert_does(lab, "clear");
    assert_non_null(strstr(told(first), "\"state\":\"completed\""));
    assert_non_null(strstr(told(second), "\"state\":\"completed\""));
}

static void an_okx_request_above_64_kib_is_1009(void **state)
{
    struct connection *okx = open_at(*state, VENUE_OKX, "/ws/v5/public", "");
    char *large = allocate(70000);
    memset(large, 'x', 66000);
    connection_received(okx, large, 66000);
    assert_int_equal(okx->close_code, 1009);
    free(large);
}

static void okx_closes_what_neither_speaks_nor_is_spoken_to(void **state)
{
    struct lab *lab = *state;
    struct connection *idle = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    struct connection *polite = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    for (int i = 0; i < 3; i++) {
        run(lab, 10 * NS_PER_S + 100 * NS_PER_MS);
        ask(polite, "ping");
    }
    assert_int_equal(idle->close_code, 4004);
    assert_string_equal(idle->close_reason, "No data received in 30s.");
    assert_int_equal(polite->close_code, 0);
}

static void binance_pings_and_misses_the_pong(void **state)
{
    struct lab *lab = *state;
    struct connection *spot = open_at(lab, VENUE_SPOT, "/ws", "");
    run(lab, 20 * NS_PER_S + 20 * NS_PER_MS);
    assert_int_equal(spot->outbox.count, 1);
    assert_int_equal(spot->outbox.first->as, SEND_PING);
    run(lab, 60 * NS_PER_S + 20 * NS_PER_MS);
    assert_int_equal(spot->close_code, 1008);
    assert_string_equal(spot->close_reason, "Pong timeout");
}

static void a_slow_consumer_is_cut_and_others_are_not(void **state)
{
    struct lab *lab = *state;
    struct connection *slow = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    struct connection *good = open_at(lab, VENUE_OKX, "/ws/v5/public", "");
    struct message *large = message_create(NULL, 0);
    message_release(large);
    char *bytes = allocate(1 << 20);
    memset(bytes, 'x', 1 << 20);
    struct message *message = message_create(bytes, 1 << 20);
    for (int i = 0; i < 20; i++) {
        connection_send(slow, message, SEND_TEXT);
    }
    assert_int_equal(slow->close_code, 4005);
    assert_int_equal(slow->outbox.count, 0);
    assert_int_equal(good->close_code, 0);
    message_release(message);
    free(bytes);
}

/* ---- account and REST ---- */

static const char *rest(struct lab *lab,
                        enum venue venue,
                        const char *method,
                        const char *path,
                        const char *query,
                        unsigned *ret_status)
{
    static char body[1 << 16];
    struct rest_answer answer;
    lab->exchange.now = lab->now;
    rest_answer(
        &lab->exchange,
        &(struct rest_request){
            .venue = venue, .method = method, .path = path, .query = query, .api_key = "me"},
        &answer);
    *ret_status = answer.status;
    (void)snprintf(body, sizeof(body), "%s", answer.body.bytes == NULL ? "" : answer.body.bytes);
    text_free(&answer.body);
    return body;
}

static void only_the_form_with_events_hears_the_account(void **state)
{
    struct lab *lab = *state;
    unsigned status;
    char key[LISTEN_KEY_BYTES];
    char query[600];
    char path[128];
    assert_int_equal(sscanf(rest(lab, VENUE_USDM, "POST", "/fapi/v1/listenKey", "", &status),
                            "{\"listenKey\":\"%64[A-Za-z0-9]",
                            key),
                     1);
    (void)snprintf(path, sizeof(path), "/private/ws/%s", key);
    (void)snprintf(
        query, sizeof(query), "listenKey=%s&events=ORDER_TRADE_UPDATE/listenKeyExpired", key);
    struct connection *in_path = open_at(lab, VENUE_USDM, path, "");
    struct connection *with_events = open_at(lab, VENUE_USDM, "/private/ws", query);
    query[strcspn(query, "&")] = '\0';
    struct connection *without = open_at(lab, VENUE_USDM, "/private/ws", query);
    assert_does(lab, "user-event");
    assert_non_null(strstr(told(with_events), "ORDER_TRADE_UPDATE"));
    assert_null(told(in_path));
    assert_null(told(without));

    assert_does(lab, "key-expire twice");
    assert_int_equal(count_told(with_events, "listenKeyExpired"), 2);
    assert_does(lab, "user-event");
    assert_null(told(with_events)); /* open, pinging and silent for ever */
    assert_non_null(
        strstr(rest(lab, VENUE_USDM, "PUT", "/fapi/v1/listenKey", "", &status), "-1125"));
    assert_int_equal(status, 400);
    assert_int_equal(with_events->close_code, 0);
}

static void a_key_expires_by_itself_and_says_so(void **state)
{
    struct lab *lab = *state;
    unsigned status;
    char key[LISTEN_KEY_BYTES];
    char query[600];
    assert_int_equal(sscanf(rest(lab, VENUE_USDM, "POST", "/fapi/v1/listenKey", "", &status),
                            "{\"listenKey\":\"%64[A-Za-z0-9]",
                            key),
                     1);
    (void)snprintf(query, sizeof(query), "listenKey=%s&events=listenKeyExpired", key);
    struct connection *connection = open_at(lab, VENUE_USDM, "/private/ws", query);
    lab->now.mono_ns += 3599 * NS_PER_S;
    (void)exchange_tick(&lab->exchange, lab->now);
    assert_int_equal(count_told(connection, "listenKeyExpired"), 0);
    run(lab, 1100 * NS_PER_MS);
    assert_int_equal(count_told(connection, "listenKeyExpired"), 1);
}

static void rest_speaks_of_the_same_book_and_time(void **state)
{
    struct lab *lab = *state;
    unsigned status;
    struct connection *connection = two_streams(lab);
    (void)connection;
    char id[32];
    const struct instrument *instrument =
        market_instrument(lab->exchange.market, VENUE_USDM, "BTCUSDT");
    (void)snprintf(
        id, sizeof(id), "\"lastUpdateId\":%llu,", (unsigned long long)instrument->book.id);
    assert_non_null(strstr(
        rest(lab, VENUE_USDM, "GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=5", &status), id));
    assert_non_null(strstr(rest(lab, VENUE_USDM, "GET", "/fapi/v1/time", "", &status),
                           "\"serverTime\":17952522"));
    assert_non_null(strstr(rest(lab, VENUE_OKX, "GET", "/api/v5/public/time", "", &status),
                           "\"ts\":\"17952522"));
    assert_non_null(
        strstr(rest(lab, VENUE_SPOT, "GET", "/api/v3/exchangeInfo", "", &status), "\"ETHUSDT\""));
    assert_null(
        strstr(rest(lab, VENUE_OKX, "GET", "/api/v5/public/instruments", "instType=SPOT", &status),
               "SWAP"));
    assert_non_null(strstr(
        rest(lab, VENUE_SPOT, "GET", "/api/v3/depth", "symbol=BOGUSUSDT", &status), "-1121"));
    assert_int_equal(status, 400);
    (void)rest(lab, VENUE_SPOT, "GET", "/fapi/v1/time", "", &status);
    assert_int_equal(status, 404);
}

static void rest_fails_on_command(void **state)
{
    struct lab *lab = *state;
    struct rest_answer answer;
    const struct rest_request request = {
        .venue = VENUE_SPOT, .method = "GET", .path = "/api/v3/time", .query = "", .api_key = ""};
    assert_does(lab, "rest-status binance-spot 429 7");
    rest_answer(&lab->exchange, &request, &answer);
    assert_int_equal(answer.status, 429);
    assert_int_equal(answer.retry_after_s, 7);
    text_free(&answer.body);
    assert_does(lab, "rest-status binance-spot 200");
    assert_does(lab, "rest-hang binance-spot");
    rest_answer(&lab->exchange, &request, &answer);
    assert_true(answer.hangs);
    text_free(&answer.body);
    assert_does(lab, "clear");
    rest_answer(&lab->exchange, &request, &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.hangs);
    text_free(&answer.body);
}

static void rest_says_that_a_venue_is_down_or_a_symbol_halted(void **state)
{
    struct lab *lab = *state;
    unsigned status;
    assert_non_null(strstr(rest(lab, VENUE_SPOT, "GET", "/sapi/v1/system/status", "", &status),
                           "\"status\":0"));
    assert_does(lab, "maintenance binance-spot");
    assert_does(lab, "maintenance okx");
    assert_non_null(strstr(rest(lab, VENUE_SPOT, "GET", "/sapi/v1/system/status", "", &status),
                           "\"status\":1"));
    assert_non_null(strstr(rest(lab, VENUE_OKX, "GET", "/api/v5/system/status", "", &status),
                           "\"state\":\"ongoing\""));
    assert_does(lab, "halt binance-spot/ETHUSDT/*");
    assert_non_null(strstr(
        rest(lab, VENUE_SPOT, "GET", "/api/v3/exchangeInfo", "symbol=ETHUSDT", &status), "BREAK"));
    assert_null(strstr(
        rest(lab, VENUE_SPOT, "GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT", &status), "BREAK"));
    assert_does(lab, "clear");
    assert_null(strstr(rest(lab, VENUE_SPOT, "GET", "/api/v3/exchangeInfo", "", &status), "BREAK"));
    assert_null(
        strstr(rest(lab, VENUE_OKX, "GET", "/api/v5/system/status", "", &status), "ongoing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(binance_echoes_ids_and_lists_what_was_asked),
        LAB_TEST(binance_errors_come_in_both_shapes),
        LAB_TEST(hostile_names_never_reach_the_answers),
        LAB_TEST(too_many_messages_a_second_end_the_connection),
        LAB_TEST(a_stream_is_acknowledged_on_any_route_and_served_on_its_own),
        LAB_TEST(a_bogus_symbol_is_accepted_by_binance_and_refused_by_okx),
        LAB_TEST(okx_acknowledges_each_arg_then_pushes_at_once),
        LAB_TEST(okx_pushes_its_maintenance_when_it_begins_and_ends_and_to_whoever_subscribes),
        LAB_TEST(an_okx_request_above_64_kib_is_1009),
        LAB_TEST(okx_closes_what_neither_speaks_nor_is_spoken_to),
        LAB_TEST(binance_pings_and_misses_the_pong),
        LAB_TEST(a_slow_consumer_is_cut_and_others_are_not),
        LAB_TEST(only_the_form_with_events_hears_the_account),
        LAB_TEST(a_key_expires_by_itself_and_says_so),
        LAB_TEST(rest_speaks_of_the_same_book_and_time),
        LAB_TEST(rest_fails_on_command),
        LAB_TEST(rest_says_that_a_venue_is_down_or_a_symbol_halted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
