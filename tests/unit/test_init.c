/* SPDX-License-Identifier: MIT
 *
 * Goal: `flatline init` writes a short file that the side-car takes as it is, or says what to
 * write instead. Method: the text for given wishes, read back by config_parse().
 */
#include "core/base.h"
#include "sentinel/config.h"
#include "tools/init_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char page[INIT_TEXT_BYTES];
static char complaint[INIT_ERROR_BYTES];

static void two_venues_take_less_than_ten_lines(void **state)
{
    const struct init_wish wish = {.instruments = {{FLATLINE_VENUE_BINANCE_USDM, "btcusdt"},
                                                   {FLATLINE_VENUE_OKX, "BTC-USDT-SWAP"}},
                                   .instrument_count = 2};
    struct config *config = NULL;
    unsigned lines = 0;
    (void)state;
    const int bytes = init_text_write(&wish, page, complaint);
    assert_true(bytes > 0);
    assert_int_equal(strlen(page), (size_t)bytes);
    for (const char *at = page; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    assert_true(lines < 10);
    assert_int_equal(config_parse("f", page, (size_t)bytes, &config, complaint, sizeof(complaint)),
                     0);
    assert_int_equal(config->stream_count, 4);
    assert_string_equal(config->streams[0].name, "binance-usdm/BTCUSDT/depth@100ms");
    assert_string_equal(config->streams[1].name, "binance-usdm/BTCUSDT/bookTicker");
    assert_string_equal(config->streams[2].name, "okx/BTC-USDT-SWAP/books");
    assert_string_equal(config->streams[3].name, "okx/BTC-USDT-SWAP/bbo-tbt");
    assert_int_equal(config->gate_count, 2);
    assert_int_equal(config->gates[0].member_count, 2);
    config_free(config);
}

static void every_venue_gets_channels_its_routes_serve(void **state)
{
    const struct init_wish wish = {.instruments = {{FLATLINE_VENUE_BINANCE_SPOT, "ETHUSDT"},
                                                   {FLATLINE_VENUE_BINANCE_USDM, "ETHUSDT"},
                                                   {FLATLINE_VENUE_BINANCE_COINM, "ethusd_perp"},
                                                   {FLATLINE_VENUE_OKX, "eth-usdt"}},
                                   .instrument_count = 4};
    struct config *config = NULL;
    (void)state;
    const int bytes = init_text_write(&wish, page, complaint);
    assert_true(bytes > 0);
    assert_int_equal(config_parse("f", page, (size_t)bytes, &config, complaint, sizeof(complaint)),
                     0);
    assert_int_equal(config->stream_count, 8);
    assert_int_equal(config->gate_count, 4);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        assert_int_equal(config->streams[i].traits.stream_class, FLATLINE_CLASS_BOOK);
    }
    config_free(config);
}

static void symbol_asked_for_twice_is_watched_once(void **state)
{
    const struct init_wish wish = {.instruments = {{FLATLINE_VENUE_OKX, "BTC-USDT"},
                                                   {FLATLINE_VENUE_BINANCE_SPOT, "BTCUSDT"},
                                                   {FLATLINE_VENUE_OKX, "btc-usdt"}},
                                   .instrument_count = 3};
    (void)state;
    assert_true(init_text_write(&wish, page, complaint) > 0);
    const char *first = strstr(page, "okx/BTC-USDT/books");
    assert_non_null(first);
    assert_null(strstr(first + 1, "okx/BTC-USDT/books"));
}

static void wrong_symbol_is_told_with_a_better_one(void **state)
{
    const struct init_wish wish = {.instruments = {{FLATLINE_VENUE_OKX, "BTCUSDT"}},
                                   .instrument_count = 1};
    (void)state;
    assert_int_equal(init_text_write(&wish, page, complaint), -EINVAL);
    assert_string_equal(complaint, "--okx BTCUSDT: not a symbol of okx; write BTC-USDT");
}

static void nothing_asked_for_is_told(void **state)
{
    const struct init_wish wish = {.instrument_count = 0};
    (void)state;
    assert_int_equal(init_text_write(&wish, page, complaint), -EINVAL);
    assert_memory_equal(complaint, "nothing to watch", 16);
}

static void key_file_with_an_odd_name_is_quoted_and_checked(void **state)
{
    char folder[] = "/tmp/flatline-init-XXXXXX";
    char path[96];
    struct config *config = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/my \"own\" \\ key: #1", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("key\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    const struct init_wish wish = {.instruments = {{FLATLINE_VENUE_BINANCE_USDM, "BTCUSDT"}},
                                   .instrument_count = 1,
                                   .api_key_file = path};

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(init_text_write(&wish, page, complaint), -EINVAL);
    assert_non_null(strstr(complaint, "may be read by others"));

    assert_int_equal(chmod(path, 0600), 0);
    const int bytes = init_text_write(&wish, page, complaint);
    assert_true(bytes > 0);
    assert_int_equal(config_parse("f", page, (size_t)bytes, &config, complaint, sizeof(complaint)),
                     0);
    assert_string_equal(config->user_data.api_key_file, path);
    assert_true(config->user_data.used);
    config_free(config);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void as_many_as_may_be_asked_for_fit(void **state)
{
    static struct init_wish wish;
    static char symbols[INIT_INSTRUMENTS_MAX][FLATLINE_NAME_BYTES];
    (void)state;
    for (size_t i = 0; i < INIT_INSTRUMENTS_MAX; i++) {
        (void)snprintf(symbols[i], sizeof(symbols[i]), "A%zuUSDT", i);
        wish.instruments[i] = (struct init_instrument){FLATLINE_VENUE_BINANCE_USDM, symbols[i]};
    }
    wish.instrument_count = INIT_INSTRUMENTS_MAX;
    assert_true(init_text_write(&wish, page, complaint) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_venues_take_less_than_ten_lines),
        cmocka_unit_test(every_venue_gets_channels_its_routes_serve),
        cmocka_unit_test(symbol_asked_for_twice_is_watched_once),
        cmocka_unit_test(wrong_symbol_is_told_with_a_better_one),
        cmocka_unit_test(nothing_asked_for_is_told),
        cmocka_unit_test(key_file_with_an_odd_name_is_quoted_and_checked),
        cmocka_unit_test(as_many_as_may_be_asked_for_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
