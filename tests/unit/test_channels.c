/* SPDX-License-Identifier: MIT
 *
 * Goal:   the venues' rules are what their pages say, and our requests are what they take.
 * Method: tables: channel by channel what is expected of it, and texts byte by byte.
 */
#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SPOT  FLATLINE_VENUE_BINANCE_SPOT
#define USDM  FLATLINE_VENUE_BINANCE_USDM
#define COINM FLATLINE_VENUE_BINANCE_COINM
#define OKX   FLATLINE_VENUE_OKX
#define BOOK  FLATLINE_CLASS_BOOK
#define TIMER FLATLINE_CLASS_TIMER
#define OTHER FLATLINE_CLASS_OTHER
#define USER  FLATLINE_CLASS_USER

/* ---- traits ---------------------------------------------------------------------------------- */

struct traits_case {
    enum flatline_venue venue;
    const char *symbol;
    const char *channel;
    enum flatline_class stream_class;
    enum stream_key key;
    enum stream_chain chain;
    unsigned period_s;
    unsigned stale_s;
    const char *marks; /* p: pushes on subscribe, o: first push is old, r: repeats, *: observed */
};

static const struct traits_case traits_cases[] = {
    {SPOT, "BTCUSDT", "depth", BOOK, KEY_ID, CHAIN_FIRST, 0, 3, ""},
    {SPOT, "BTCUSDT", "depth@100ms", BOOK, KEY_ID, CHAIN_FIRST, 0, 3, ""},
    {SPOT, "BTCUSDT", "depth5", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {SPOT, "BTCUSDT", "depth10@100ms", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {SPOT, "BTCUSDT", "depth20", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {SPOT, "BTCUSDT", "bookTicker", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {SPOT, "BTCUSDT", "trade", OTHER, KEY_ID, CHAIN_NONE, 0, 3, "*"},
    {SPOT, "BTCUSDT", "aggTrade", OTHER, KEY_ID, CHAIN_NONE, 0, 3, "*"},
    {SPOT, "BTCUSDT", "kline_1s", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "*"},
    {SPOT, "BTCUSDT", "ticker", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "*"},
    {SPOT, "BTCUSDT", "avgPrice", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "*"},
    {SPOT, "BTCUSDT", "somethingNew", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "*"},
    {SPOT, "main", "user", USER, KEY_NONE, CHAIN_NONE, 0, 3, ""},
    {USDM, "BTCUSDT", "depth", BOOK, KEY_ID, CHAIN_PREV, 0, 3, ""},
    {USDM, "BTCUSDT", "depth@0ms", BOOK, KEY_ID, CHAIN_PREV, 0, 3, ""},
    {USDM, "BTCUSDT", "depth@500ms", BOOK, KEY_ID, CHAIN_PREV, 0, 3, ""},
    {USDM, "BTCUSDT", "depth20@500ms", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {USDM, "BTCUSDT", "bookTicker", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {USDM, "BTCUSDT", "markPrice", TIMER, KEY_TIME, CHAIN_NONE, 3, 9, "*"},
    {USDM, "BTCUSDT", "markPrice@1s", TIMER, KEY_TIME, CHAIN_NONE, 1, 3, "*"},
    {USDM, "*", "markPrice@arr", TIMER, KEY_TIME, CHAIN_NONE, 3, 9, "*"},
    {USDM, "*", "markPrice@arr@1s", TIMER, KEY_TIME, CHAIN_NONE, 1, 3, "*"},
    {USDM, "*", "bookTicker", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "*"},
    {USDM, "BTCUSDT", "forceOrder", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "*"},
    {USDM, "main", "user", USER, KEY_NONE, CHAIN_NONE, 0, 3, ""},
    {COINM, "BTCUSD_PERP", "depth@0ms", BOOK, KEY_ID, CHAIN_PREV, 0, 3, ""},
    {COINM, "BTCUSD_PERP", "depth5", BOOK, KEY_ID, CHAIN_NONE, 0, 3, ""},
    {COINM, "BTCUSD_PERP", "markPrice@1s", TIMER, KEY_TIME, CHAIN_NONE, 1, 3, "*"},
    {OKX, "BTC-USDT", "books", BOOK, KEY_ID, CHAIN_OKX, 0, 3, "p"},
    {OKX, "BTC-USDT", "books-l2-tbt", BOOK, KEY_ID, CHAIN_OKX, 0, 3, "p"},
    {OKX, "BTC-USDT", "books50-l2-tbt", BOOK, KEY_ID, CHAIN_OKX, 0, 3, "p"},
    {OKX, "BTC-USDT", "books-rpi", BOOK, KEY_ID, CHAIN_NONE, 0, 3, "p"},
    {OKX, "BTC-USDT", "books5", BOOK, KEY_ID, CHAIN_NONE, 0, 3, "pr"},
    {OKX, "BTC-USDT", "bbo-tbt", BOOK, KEY_ID, CHAIN_NONE, 0, 3, "pr"},
    {OKX, "BTC-USDT", "trades", OTHER, KEY_ID, CHAIN_NONE, 0, 3, "o*"},
    {OKX, "BTC-USDT", "trades-all", OTHER, KEY_ID, CHAIN_NONE, 0, 3, "o*"},
    {OKX, "BTC-USDT", "tickers", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "po*"},
    {OKX, "BTC-USDT", "mark-price", TIMER, KEY_TIME, CHAIN_NONE, 10, 30, "po*"},
    {OKX, "BTC-USDT", "candle1m", OTHER, KEY_NONE, CHAIN_NONE, 0, 3, "o*"},
    {OKX, "BTC-USDT", "mark-price-candle1m", OTHER, KEY_NONE, CHAIN_NONE, 0, 3, "o*"},
    {OKX, "*", "status", OTHER, KEY_TIME, CHAIN_NONE, 0, 3, "o*"},
};

static bool is_marked(const struct traits_case *expected, char mark)
{
    return strchr(expected->marks, mark) != NULL;
}

static void channels_have_the_traits_of_their_venue(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(traits_cases); i++) {
        const struct traits_case *expected = &traits_cases[i];
        struct stream_traits traits;
        memset(&traits, 0xa5, sizeof(traits));
        channel_traits(
            expected->venue, span_of(expected->symbol), span_of(expected->channel), &traits);
        const bool is_right =
            traits.venue == expected->venue && traits.stream_class == expected->stream_class &&
            traits.key == expected->key && traits.chain == expected->chain &&
            traits.period_ns == expected->period_s * NS_PER_S &&
            traits.stale_after_ns == expected->stale_s * NS_PER_S && traits.silent_after_ns == 0 &&
            traits.pushes_on_subscribe == is_marked(expected, 'p') &&
            traits.first_push_is_old == is_marked(expected, 'o') &&
            traits.repeats_when_unchanged == is_marked(expected, 'r') &&
            traits.observed == is_marked(expected, '*');
        if (!is_right) {
            fail_msg("%s/%s/%s",
                     venue_facts(expected->venue)->name,
                     expected->symbol,
                     expected->channel);
        }
    }
}

/* ---- routes ---------------------------------------------------------------------------------- */

static void channels_are_served_by_their_route_or_by_none(void **state)
{
    static const struct {
        enum flatline_venue venue;
        const char *channel;
        int route; /* -1: none known */
    } cases[] = {
        {SPOT, "depth@100ms", ROUTE_STREAM},
        {SPOT, "bookTicker", ROUTE_STREAM},
        {SPOT, "user", -1},
        {USDM, "bookTicker", ROUTE_PUBLIC},
        {USDM, "depth", ROUTE_PUBLIC},
        {USDM, "depth5@500ms", ROUTE_PUBLIC},
        {USDM, "rpiDepth@500ms", ROUTE_PUBLIC},
        {USDM, "trade", ROUTE_PUBLIC},
        {USDM, "aggTrade", ROUTE_MARKET},
        {USDM, "markPrice@1s", ROUTE_MARKET},
        {USDM, "markPrice@arr@1s", ROUTE_MARKET},
        {USDM, "kline_1m", ROUTE_MARKET},
        {USDM, "continuousKline_1m", ROUTE_MARKET},
        {USDM, "ticker", ROUTE_MARKET},
        {USDM, "miniTicker@arr", ROUTE_MARKET},
        {USDM, "forceOrder", ROUTE_MARKET},
        {USDM, "contractInfo", ROUTE_MARKET},
        {USDM, "user", ROUTE_PRIVATE},
        {USDM, "somethingNew", -1},
        {COINM, "depth@0ms", ROUTE_STREAM},
        {COINM, "markPrice", ROUTE_STREAM},
        {OKX, "books", ROUTE_PUBLIC},
        {OKX, "bbo-tbt", ROUTE_PUBLIC},
        {OKX, "books50-l2-tbt", ROUTE_PUBLIC},
        {OKX, "trades", ROUTE_PUBLIC},
        {OKX, "trades-all", ROUTE_BUSINESS},
        {OKX, "candle1m", ROUTE_BUSINESS},
        {OKX, "mark-price", ROUTE_PUBLIC},
        {OKX, "mark-price-candle1m", ROUTE_BUSINESS},
        {OKX, "index-candle1m", ROUTE_BUSINESS},
        {OKX, "orders", ROUTE_PRIVATE},
        {OKX, "orders-algo", ROUTE_BUSINESS},
        {OKX, "account", ROUTE_PRIVATE},
        {OKX, "status", ROUTE_PUBLIC},
        {OKX, "nothing", -1},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        enum route route = ROUTE_COUNT;
        const bool is_known = channel_route(cases[i].venue, span_of(cases[i].channel), &route);
        if ((is_known ? (int)route : -1) != cases[i].route) {
            fail_msg("%s: route %d", cases[i].channel, is_known ? (int)route : -1);
        }
        if (!is_known) {
            assert_int_equal(route, ROUTE_COUNT);
        }
    }
}

static void routes_have_their_path(void **state)
{
    static const struct {
        enum flatline_venue venue;
        enum route route;
        const char *listen_key;
        const char *path; /* NULL: refused */
    } cases[] = {
        {SPOT, ROUTE_STREAM, NULL, "/stream"},
        {COINM, ROUTE_STREAM, NULL, "/stream"},
        {USDM, ROUTE_PUBLIC, NULL, "/public/stream"},
        {USDM, ROUTE_MARKET, NULL, "/market/stream"},
        {USDM, ROUTE_PRIVATE, "aB3", "/private/ws?listenKey=aB3&events=" USER_EVENTS_DEFAULT},
        {OKX, ROUTE_PUBLIC, NULL, "/ws/v5/public"},
        {OKX, ROUTE_BUSINESS, NULL, "/ws/v5/business"},
        {OKX, ROUTE_PRIVATE, NULL, "/ws/v5/private"},
        {USDM, ROUTE_PRIVATE, NULL, NULL},
        {USDM, ROUTE_PRIVATE, "", NULL},
        {USDM, ROUTE_PRIVATE, "a&events=X", NULL},
        {USDM, ROUTE_PRIVATE, "a\r\nHost: x", NULL},
        {USDM, ROUTE_STREAM, NULL, NULL},
        {SPOT, ROUTE_PUBLIC, NULL, NULL},
        {SPOT, ROUTE_PRIVATE, "aB3", NULL},
        {OKX, ROUTE_STREAM, NULL, NULL},
    };

    char path[512];
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const int result =
            route_path(cases[i].venue, cases[i].route, cases[i].listen_key, path, sizeof(path));
        if (cases[i].path == NULL) {
            assert_int_equal(result, -EINVAL);
            continue;
        }
        assert_string_equal(path, cases[i].path);
        assert_int_equal(result, strlen(path));
        assert_int_equal(
            route_path(
                cases[i].venue, cases[i].route, cases[i].listen_key, path, strlen(cases[i].path)),
            -ENOSPC);
    }
}

static void venues_and_routes_have_names(void **state)
{
    enum flatline_venue venue;
    (void)state;

    for (int i = 0; i < 4; i++) {
        assert_true(venue_by_name(span_of(venue_facts((enum flatline_venue)i)->name), &venue));
        assert_int_equal(venue, i);
        assert_non_null(venue_facts(venue)->ws_url);
        assert_non_null(venue_facts(venue)->rest_url);
        assert_non_null(venue_facts(venue)->time_path);
        assert_true(venue_facts(venue)->connects_per_5min_max > 0);
    }
    assert_false(venue_by_name(span_of("binance"), &venue));
    assert_false(venue_by_name(span_of(""), &venue));
    assert_string_equal(route_name(ROUTE_PUBLIC), "public");
    assert_string_equal(route_name(ROUTE_COUNT), "?");
}

static void the_two_pings_of_one_company_are_nine_times_apart(void **state)
{
    (void)state;
    assert_true(venue_facts(SPOT)->server_ping_ns == 20 * NS_PER_S);
    assert_true(venue_facts(USDM)->server_ping_ns == 180 * NS_PER_S);
    assert_true(venue_facts(OKX)->server_ping_ns == 0);
    assert_true(venue_facts(OKX)->text_ping_idle_ns < 30 * NS_PER_S);
    assert_int_equal(venue_facts(SPOT)->control_per_second_max, 5);
    assert_int_equal(venue_facts(USDM)->control_per_second_max, 10);
    assert_int_equal(venue_facts(OKX)->requests_per_hour_max, 480);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void subscriptions_are_what_the_venue_takes(void **state)
{
    static const char *const usdm[] = {"binance-usdm/BTCUSDT/depth@100ms",
                                       "binance-usdm/*/markPrice@arr@1s",
                                       "binance-usdm/币USDT/kline_1M"};
    static const char *const okx[] = {
        "okx/BTC-USDT/books", "okx/SWAP/liquidation-orders", "okx/*/status"};
    char text[512];
    (void)state;

    assert_int_equal(subscribe_text(USDM, usdm, 3, 7, text, sizeof(text)), 3);
    assert_string_equal(text,
                        "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\",\"!"
                        "markPrice@arr@1s\",\"币usdt@kline_1M\"],\"id\":7}");
    assert_int_equal(subscribe_text(OKX, okx, 3, 18446744073709551615U, text, sizeof(text)), 3);
    assert_string_equal(text,
                        "{\"id\":\"18446744073709551615\",\"op\":\"subscribe\",\"args\":[{"
                        "\"channel\":\"books\",\"instId\":\"BTC-USDT\"},{\"channel\":\"liquidation-"
                        "orders\",\"instType\":\"SWAP\"},{\"channel\":\"status\"}]}");
}

static void a_request_takes_as_many_as_fit(void **state)
{
    static const char *const names[] = {
        "binance-spot/AUSDT/trade", "binance-spot/BUSDT/trade", "binance-spot/CUSDT/trade"};
    static const char one[] = "{\"method\":\"SUBSCRIBE\",\"params\":[\"ausdt@trade\"],\"id\":1}";
    static const char two[] =
        "{\"method\":\"SUBSCRIBE\",\"params\":[\"ausdt@trade\",\"busdt@trade\"],\"id\":1}";
    (void)state;

    for (size_t bytes = 0; bytes < sizeof(two) + 8; bytes++) {
        char text[256];
        memset(text, '#', sizeof(text));
        const int taken = subscribe_text(SPOT, names, 3, 1, text, bytes);
        assert_int_equal(taken, bytes < sizeof(one) ? -ENOSPC : bytes < sizeof(two) ? 1 : 2);
        if (taken > 0) {
            assert_string_equal(text, taken == 1 ? one : two);
        }
        assert_int_equal(text[bytes], '#');
    }
}

static void a_request_stays_within_the_venues_bound(void **state)
{
    static char text[200000];
    static const char *names[3000];
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        names[i] = "okx/BTC-USD-220624-50000-C/books-l2-tbt";
    }
    const int taken = subscribe_text(OKX, names, ARRAY_COUNT(names), 1, text, sizeof(text));
    assert_in_range(taken, 900, 1100);
    assert_in_range(strlen(text), 63000, 63999);
}

static void names_of_another_venue_and_accounts_are_not_subscribed_to(void **state)
{
    static const char *const foreign[] = {"binance-spot/AUSDT/trade", "okx/BTC-USDT/books"};
    static const char *const user[] = {"binance-usdm/main/user"};
    static const char *const odd[] = {"binance-spot"};
    char text[256];
    (void)state;

    assert_int_equal(subscribe_text(SPOT, foreign, 2, 1, text, sizeof(text)), -EINVAL);
    assert_int_equal(subscribe_text(USDM, user, 1, 1, text, sizeof(text)), -EINVAL);
    assert_int_equal(subscribe_text(SPOT, odd, 1, 1, text, sizeof(text)), -EINVAL);
    assert_int_equal(subscribe_text(SPOT, foreign, 0, 1, text, sizeof(text)), -ENOSPC);
}

static void only_binance_lists_its_subscriptions(void **state)
{
    char text[64];
    (void)state;
    assert_int_equal(inventory_text(USDM, 3, text, sizeof(text)),
                     strlen("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":3}"));
    assert_string_equal(text, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":3}");
    assert_int_equal(inventory_text(USDM, 3, text, 10), -ENOSPC);
    assert_int_equal(inventory_text(OKX, 3, text, sizeof(text)), -ENOTSUP);
}

static void implausible_symbols_come_with_a_better_one(void **state)
{
    static const struct {
        enum flatline_venue venue;
        const char *symbol;
        const char *suggestion; /* NULL: plausible */
    } cases[] = {
        {SPOT, "BTCUSDT", NULL},
        {SPOT, "1000SATSUSDT", NULL},
        {SPOT, "币USDT", NULL},
        {SPOT, "*", NULL},
        {SPOT, "btcusdt", "BTCUSDT"},
        {SPOT, "BTC-USDT", "BTCUSDT"},
        {SPOT, "btc/usdt", "BTCUSDT"},
        {SPOT, "", ""},
        {USDM, "BTCUSDT_260925", NULL},
        {COINM, "BTCUSD_PERP", NULL},
        {COINM, "BTCUSD", "BTCUSD_PERP"},
        {COINM, "btcusd_perp", "BTCUSD_PERP"},
        {OKX, "BTC-USDT", NULL},
        {OKX, "BTC-USDT-SWAP", NULL},
        {OKX, "SWAP", NULL},
        {OKX, "btc-usdt", "BTC-USDT"},
        {OKX, "BTCUSDT", "BTC-USDT"},
        {OKX, "ethbtc", "ETH-BTC"},
        {OKX, "", ""},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char suggestion[32] = "#";
        const bool is_plausible = symbol_is_plausible(
            cases[i].venue, span_of(cases[i].symbol), suggestion, sizeof(suggestion));
        assert_int_equal(is_plausible, cases[i].suggestion == NULL);
        assert_string_equal(suggestion, cases[i].suggestion != NULL ? cases[i].suggestion : "#");
        assert_int_equal(symbol_is_plausible(cases[i].venue, span_of(cases[i].symbol), NULL, 0),
                         is_plausible);
    }
}

static void rest_is_asked_for_books_and_symbols_by_path(void **state)
{
    char path[192];
    (void)state;
    assert_true(book_path(SPOT, span_of("BTCUSDT"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/api/v3/depth?symbol=BTCUSDT&limit=5");
    assert_true(book_path(COINM, span_of("BTCUSD_PERP"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/dapi/v1/depth?symbol=BTCUSD_PERP&limit=5");
    assert_true(book_path(OKX, span_of("BTC-USDT"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/api/v5/market/books?instId=BTC-USDT&sz=5");
    assert_true(listing_path(SPOT, span_of("BTCUSDT"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/api/v3/exchangeInfo?symbol=BTCUSDT");
    assert_true(listing_path(USDM, span_of("BTCUSDT"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/fapi/v1/exchangeInfo");
    assert_true(listing_path(OKX, span_of("BTC-USD-261225"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/api/v5/public/instruments?instType=FUTURES&instId=BTC-USD-261225");
    assert_true(listing_path(OKX, span_of("BTC-USDT-SWAP"), path, sizeof(path)) > 0);
    assert_string_equal(path, "/api/v5/public/instruments?instType=SWAP&instId=BTC-USDT-SWAP");
    assert_int_equal(book_path(OKX, span_of("A&sz=400"), path, sizeof(path)), -EINVAL);
    assert_int_equal(book_path(SPOT, span_of(""), path, sizeof(path)), -EINVAL);
    assert_int_equal(listing_path(SPOT, span_of("BTCUSDT"), path, 10), -ENOSPC);
}

static struct stream_traits
traits_of(enum flatline_venue venue, const char *symbol, const char *channel)
{
    struct stream_traits traits;
    channel_traits(venue, span_of(symbol), span_of(channel), &traits);
    return traits;
}

static void depth_owes_by_its_speed_and_book_ticker_by_the_best_level(void **state)
{
    static const struct {
        enum flatline_venue venue;
        const char *channel;
        uint64_t owes_after_ms;
    } depths[] = {
        {FLATLINE_VENUE_BINANCE_SPOT, "depth", 1050},
        {FLATLINE_VENUE_BINANCE_SPOT, "depth@100ms", 150},
        {FLATLINE_VENUE_BINANCE_USDM, "depth", 300},
        {FLATLINE_VENUE_BINANCE_USDM, "depth@100ms", 150},
        {FLATLINE_VENUE_BINANCE_USDM, "depth@500ms", 550},
        {FLATLINE_VENUE_BINANCE_USDM, "depth@0ms", 160},
        {FLATLINE_VENUE_BINANCE_COINM, "depth@0ms", 45},
        {FLATLINE_VENUE_BINANCE_COINM, "depth@250ms", 300},
        {FLATLINE_VENUE_BINANCE_COINM, "depth@7ms", 0}, /* not known: owes nothing */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(depths); i++) {
        const struct stream_traits traits =
            traits_of(depths[i].venue, "BTCUSDT", depths[i].channel);
        assert_int_equal(traits.owes_after_ns, depths[i].owes_after_ms * NS_PER_MS);
        assert_int_equal(traits.owes, depths[i].owes_after_ms != 0 ? OWES_ID : OWES_NOTHING);
        const struct stream_traits best = traits_of(depths[i].venue, "BTCUSDT", "bookTicker");
        assert_int_equal(best.owes, OWES_BEST);
        assert_true(best.book != 0 && best.book == traits.book);
    }
}

static void only_increments_and_the_best_of_one_instrument_share_a_book(void **state)
{
    (void)state;
    const uint64_t book = traits_of(FLATLINE_VENUE_BINANCE_SPOT, "BTCUSDT", "depth").book;
    assert_true(book != traits_of(FLATLINE_VENUE_BINANCE_SPOT, "ETHUSDT", "depth").book);
    assert_true(book != traits_of(FLATLINE_VENUE_BINANCE_USDM, "BTCUSDT", "depth").book);
    assert_int_equal(traits_of(FLATLINE_VENUE_BINANCE_SPOT, "BTCUSDT", "depth5@100ms").book, 0);
    assert_int_equal(traits_of(FLATLINE_VENUE_BINANCE_SPOT, "BTCUSDT", "trade").book, 0);
    assert_int_equal(traits_of(FLATLINE_VENUE_BINANCE_USDM, "*", "bookTicker").book, 0);
    const uint64_t okx = traits_of(FLATLINE_VENUE_OKX, "BTC-USDT", "books").book;
    assert_true(okx != 0 && okx == traits_of(FLATLINE_VENUE_OKX, "BTC-USDT", "bbo-tbt").book);
}

static void channels_of_okx_owe_by_their_speed_once_their_ids_are_borne_out(void **state)
{
    static const struct {
        const char *channel;
        enum stream_owes owes;
        uint64_t owes_after_ms;
    } cases[] = {
        {"books", OWES_ID, 150},
        {"books-l2-tbt", OWES_ID, 60},
        {"books50-l2-tbt", OWES_ID, 60},
        {"bbo-tbt", OWES_BEST, 60},
        {"books-rpi", OWES_NOTHING, 0}, /* other orders */
        {"books5", OWES_NOTHING, 0},
        {"trades", OWES_NOTHING, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct stream_traits traits =
            traits_of(FLATLINE_VENUE_OKX, "BTC-USDT", cases[i].channel);
        assert_int_equal(traits.owes, cases[i].owes);
        assert_int_equal(traits.owes_after_ns, cases[i].owes_after_ms * NS_PER_MS);
        assert_int_equal(traits.owes_unconfirmed, cases[i].owes != OWES_NOTHING);
    }
    assert_false(traits_of(FLATLINE_VENUE_BINANCE_SPOT, "BTCUSDT", "depth").owes_unconfirmed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_have_the_traits_of_their_venue),
        cmocka_unit_test(channels_are_served_by_their_route_or_by_none),
        cmocka_unit_test(routes_have_their_path),
        cmocka_unit_test(venues_and_routes_have_names),
        cmocka_unit_test(the_two_pings_of_one_company_are_nine_times_apart),
        cmocka_unit_test(subscriptions_are_what_the_venue_takes),
        cmocka_unit_test(a_request_takes_as_many_as_fit),
        cmocka_unit_test(a_request_stays_within_the_venues_bound),
        cmocka_unit_test(names_of_another_venue_and_accounts_are_not_subscribed_to),
        cmocka_unit_test(only_binance_lists_its_subscriptions),
        cmocka_unit_test(implausible_symbols_come_with_a_better_one),
        cmocka_unit_test(rest_is_asked_for_books_and_symbols_by_path),
        cmocka_unit_test(depth_owes_by_its_speed_and_book_ticker_by_the_best_level),
        cmocka_unit_test(channels_of_okx_owe_by_their_speed_once_their_ids_are_borne_out),
        cmocka_unit_test(only_increments_and_the_best_of_one_instrument_share_a_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
