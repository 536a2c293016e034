/* SPDX-License-Identifier: MIT */
#include "tools/init_text.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "sentinel/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The book at 100 ms and the best bid and ask: what shows a dead feed soonest. OKX pushes
 * `books` every 100 ms too. */
static const char *const book_channel[] = {[FLATLINE_VENUE_BINANCE_SPOT] = "depth@100ms",
                                           [FLATLINE_VENUE_BINANCE_USDM] = "depth@100ms",
                                           [FLATLINE_VENUE_BINANCE_COINM] = "depth@100ms",
                                           [FLATLINE_VENUE_OKX] = "books"};
static const char *const best_channel[] = {[FLATLINE_VENUE_BINANCE_SPOT] = "bookTicker",
                                           [FLATLINE_VENUE_BINANCE_USDM] = "bookTicker",
                                           [FLATLINE_VENUE_BINANCE_COINM] = "bookTicker",
                                           [FLATLINE_VENUE_OKX] = "bbo-tbt"};

struct page {
    char *text;
    size_t used;
    bool is_full;
};

__attribute__((format(printf, 2, 3))) static void
page_add(struct page *page, const char *format, ...)
{
    const size_t room = INIT_TEXT_BYTES - page->used;
    va_list arguments;
    va_start(arguments, format);
    const int bytes = vsnprintf(page->text + page->used, room, format, arguments);
    va_end(arguments);
    if (bytes < 0 || (size_t)bytes >= room) {
        page->is_full = true;
        return;
    }
    page->used += (size_t)bytes;
}

static bool symbol_fold(const char *symbol, char folded[FLATLINE_NAME_BYTES])
{
    const size_t bytes = strlen(symbol);
    if (bytes == 0 || bytes >= FLATLINE_NAME_BYTES) {
        return false;
    }
    for (size_t i = 0; i <= bytes; i++) {
        folded[i] =
            symbol[i] >= 'a' && symbol[i] <= 'z' ? (char)(symbol[i] - 'a' + 'A') : symbol[i];
    }
    return true;
}

static bool is_asked_before(const struct init_wish *wish, size_t index, const char *folded)
{
    char other[FLATLINE_NAME_BYTES];
    for (size_t i = 0; i < index; i++) {
        if (wish->instruments[i].venue == wish->instruments[index].venue &&
            symbol_fold(wish->instruments[i].symbol, other) && strcmp(other, folded) == 0) {
            return true;
        }
    }
    return false;
}

static int
instrument_add(struct page *page, const struct init_wish *wish, size_t index, char *error_text)
{
    const enum flatline_venue venue = wish->instruments[index].venue;
    const char *name = venue_facts(venue)->name;
    char symbol[FLATLINE_NAME_BYTES];
    char better[FLATLINE_NAME_BYTES] = "";
    const bool is_foldable = symbol_fold(wish->instruments[index].symbol, symbol);
    if (!is_foldable || !symbol_is_plausible(venue, span_of(symbol), better, sizeof(better))) {
        (void)snprintf(error_text,
                       INIT_ERROR_BYTES,
                       "--%s %.80s: not a symbol of %s; write %s",
                       name,
                       wish->instruments[index].symbol,
                       name,
                       better[0] != '\0' ? better : "one in its own spelling");
        return -EINVAL;
    }
    if (!is_asked_before(wish, index, symbol)) {
        page_add(page, "  - %s/%s/%s\n", name, symbol, book_channel[venue]);
        page_add(page, "  - %s/%s/%s\n", name, symbol, best_channel[venue]);
    }
    return 0;
}

/* A double-quoted YAML scalar: any path is one. */
static void quoted_add(struct page *page, const char *text)
{
    page_add(page, "\"");
    for (; *text != '\0'; text++) {
        page_add(page, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    }
    page_add(page, "\"");
}

int init_text_write(const struct init_wish *wish, char text[INIT_TEXT_BYTES], char *error_text)
{
    struct page page = {.text = text};
    struct config *config = NULL;
    if (wish->instrument_count == 0) {
        (void)snprintf(error_text,
                       INIT_ERROR_BYTES,
                       "nothing to watch; write e.g. --binance-usdm BTCUSDT --okx BTC-USDT-SWAP");
        return -EINVAL;
    }
    page_add(&page, "# Run it: flatlined -c FILE. Every key: flatlined.conf(5).\nstreams:\n");
    for (size_t i = 0; i < wish->instrument_count; i++) {
        if (instrument_add(&page, wish, i, error_text) != 0) {
            return -EINVAL;
        }
    }
    if (wish->api_key_file != NULL) {
        page_add(&page, "user_data:\n  binance-usdm: {account: main, api_key_file: ");
        quoted_add(&page, wish->api_key_file);
        page_add(&page, "}\n");
    }
    if (page.is_full) {
        (void)snprintf(
            error_text, INIT_ERROR_BYTES, "too much for one file; write fewer instruments");
        return -EINVAL;
    }
    const int result =
        config_parse("(new file)", text, page.used, &config, error_text, INIT_ERROR_BYTES);
    config_free(config);
    return result == 0 ? (int)page.used : result;
}
