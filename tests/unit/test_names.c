/* SPDX-License-Identifier: MIT
 *
 * Goal:   one stream has one name and one index, however the wire spells it; what could not be
 * printed is no name.
 * Method: names are interned, found and split; the table is filled to its bound and beyond.
 */
#include "core/base.h"
#include "feeds/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SPOT FLATLINE_VENUE_BINANCE_SPOT
#define USDM FLATLINE_VENUE_BINANCE_USDM
#define OKX  FLATLINE_VENUE_OKX

static uint32_t
intern(struct names *names, enum flatline_venue venue, const char *symbol, const char *channel)
{
    return names_intern(names, venue, span_of(symbol), span_of(channel));
}

static uint32_t
find(const struct names *names, enum flatline_venue venue, const char *symbol, const char *channel)
{
    return names_find(names, venue, span_of(symbol), span_of(channel));
}

static void a_name_is_spelled_venue_symbol_channel(void **state)
{
    struct names *names = names_create(8);
    (void)state;

    assert_string_equal(names_text(names, intern(names, USDM, "btcusdt", "depth@100ms")),
                        "binance-usdm/BTCUSDT/depth@100ms");
    assert_string_equal(names_text(names, intern(names, OKX, "BTC-USDT", "books")),
                        "okx/BTC-USDT/books");
    assert_string_equal(names_text(names, intern(names, SPOT, "*", "bookTicker")),
                        "binance-spot/*/bookTicker");
    assert_string_equal(names_text(names, intern(names, SPOT, "币usdt", "trade")),
                        "binance-spot/币USDT/trade");
    names_destroy(names);
}

static void binance_symbols_match_in_any_case_and_channels_do_not(void **state)
{
    struct names *names = names_create(8);
    (void)state;

    const uint32_t index = intern(names, USDM, "BTCUSDT", "kline_1m");
    assert_int_equal(find(names, USDM, "btcusdt", "kline_1m"), index);
    assert_int_equal(intern(names, USDM, "BtcUsdt", "kline_1m"), index);
    assert_int_equal(find(names, USDM, "BTCUSDT", "kline_1M"), NAMES_NONE);
    assert_int_equal(find(names, SPOT, "BTCUSDT", "kline_1m"), NAMES_NONE);
    const uint32_t okx = intern(names, OKX, "BTC-USDT", "books");
    assert_int_equal(find(names, OKX, "btc-usdt", "books"), NAMES_NONE);
    assert_int_equal(find(names, OKX, "BTC-USDT", "books"), okx);
    assert_int_equal(names_count(names), 2);
    names_destroy(names);
}

static void an_account_keeps_its_spelling(void **state)
{
    struct names *names = names_create(8);
    (void)state;

    const uint32_t index = intern(names, USDM, "main", "user");
    assert_string_equal(names_text(names, index), "binance-usdm/main/user");
    assert_int_equal(find(names, USDM, "MAIN", "user"), NAMES_NONE);
    names_destroy(names);
}

static void a_full_table_refuses_and_still_finds(void **state)
{
    struct names *names = names_create(1000);
    char symbol[16];
    (void)state;

    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(symbol, sizeof(symbol), "S%u", i);
        assert_int_equal(intern(names, SPOT, symbol, "trade"), i);
    }
    assert_int_equal(intern(names, SPOT, "S1000", "trade"), NAMES_NONE);
    assert_int_equal(find(names, SPOT, "S1000", "trade"), NAMES_NONE);
    assert_int_equal(names_count(names), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(symbol, sizeof(symbol), "s%u", i);
        assert_int_equal(find(names, SPOT, symbol, "trade"), i);
        assert_int_equal(intern(names, SPOT, symbol, "trade"), i);
    }
    names_destroy(names);
}

static void a_name_longer_than_its_field_is_none(void **state)
{
    /* binance-spot/ + symbol + /t + NUL = 64 */
    char symbol[64];
    struct names *names = names_create(8);
    (void)state;

    memset(symbol, 'A', sizeof(symbol));
    symbol[49] = '\0';
    assert_int_equal(intern(names, SPOT, symbol, "t"), NAMES_NONE);
    symbol[48] = '\0';
    const uint32_t index = intern(names, SPOT, symbol, "t");
    assert_int_equal(strlen(names_text(names, index)), FLATLINE_NAME_BYTES - 1);
    assert_int_equal(find(names, SPOT, symbol, "t"), index);
    const struct span huge = {symbol, SIZE_MAX};
    assert_int_equal(names_find(names, SPOT, huge, span_of("t")), NAMES_NONE);
    assert_int_equal(names_find(names, SPOT, span_of("t"), huge), NAMES_NONE);
    names_destroy(names);
}

static void what_cannot_be_printed_is_no_name(void **state)
{
    static const char *const parts[] = {"",
                                        "A\nB",
                                        "A\x1b[2J",
                                        "A\x7f",
                                        "A\"B",
                                        "A\\B",
                                        "\xff",
                                        "\xc0\xaf",
                                        "\xe5\xb8",
                                        "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xc2\x9b",
                                        "\xe0\x80\xaf",
                                        "\xf0\x80\x80\xaf"};
    struct names *names = names_create(8);
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        assert_int_equal(intern(names, OKX, parts[i], "books"), NAMES_NONE);
        assert_int_equal(intern(names, OKX, "BTC-USDT", parts[i]), NAMES_NONE);
    }
    assert_int_equal(intern(names, OKX, "A/B", "books"), NAMES_NONE);
    assert_int_equal(names_intern(names, OKX, (struct span){"A\0B", 3}, span_of("books")),
                     NAMES_NONE);
    assert_int_equal(names_count(names), 0);
    names_destroy(names);
}

static void names_split_where_they_were_joined(void **state)
{
    static const char *const bad[] = {"",
                                      "okx",
                                      "okx/",
                                      "okx/BTC-USDT",
                                      "okx/BTC-USDT/",
                                      "okx//books",
                                      "/a/b",
                                      "kraken/XBT/book",
                                      "OKX/BTC-USDT/books",
                                      "okx "};
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    (void)state;

    assert_true(names_split("binance-coinm/BTCUSD_PERP/depth20@100ms", &venue, &symbol, &channel));
    assert_int_equal(venue, FLATLINE_VENUE_BINANCE_COINM);
    assert_true(span_equals(symbol, "BTCUSD_PERP"));
    assert_true(span_equals(channel, "depth20@100ms"));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_false(names_split(bad[i], &venue, &symbol, &channel));
    }
}

static void an_index_nobody_gave_has_no_text(void **state)
{
    struct names *names = names_create(1);
    (void)state;
    assert_string_equal(names_text(names, 0), "");
    assert_string_equal(names_text(names, NAMES_NONE), "");
    names_destroy(names);
    names_destroy(NULL);
}

static void a_table_of_nothing_or_of_too_much_is_refused(void **state)
{
    (void)state;
    assert_null(names_create(0));
    assert_null(names_create(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_spelled_venue_symbol_channel),
        cmocka_unit_test(binance_symbols_match_in_any_case_and_channels_do_not),
        cmocka_unit_test(an_account_keeps_its_spelling),
        cmocka_unit_test(a_full_table_refuses_and_still_finds),
        cmocka_unit_test(a_name_longer_than_its_field_is_none),
        cmocka_unit_test(what_cannot_be_printed_is_no_name),
        cmocka_unit_test(names_split_where_they_were_joined),
        cmocka_unit_test(an_index_nobody_gave_has_no_text),
        cmocka_unit_test(a_table_of_nothing_or_of_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
