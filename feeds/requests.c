/* SPDX-License-Identifier: MIT
 *
 * requests.c - what we say to a venue: the path of the upgrade, subscribe and inventory requests;
 * and whether a symbol can be right.
 */
#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/names.h"
#include "feeds/okx_status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static bool listen_key_is_plain(const char *key)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return key != NULL && key[0] != '\0' && key[strspn(key, plain)] == '\0';
}

static int text_fit(int written, size_t bytes)
{
    return written < 0 || (size_t)written >= bytes ? -ENOSPC : written;
}

/* Combined streams everywhere: the envelope names what the payload does not (partial depth has
 * no symbol). */
int route_path(enum flatline_venue venue,
               enum route route,
               const char *listen_key,
               char *path,
               size_t path_bytes)
{
    const bool is_okx = venue == FLATLINE_VENUE_OKX;
    const bool is_usdm = venue == FLATLINE_VENUE_BINANCE_USDM;

    if (is_okx && (route == ROUTE_PUBLIC || route == ROUTE_PRIVATE || route == ROUTE_BUSINESS)) {
        return text_fit(snprintf(path, path_bytes, "/ws/v5/%s", route_name(route)), path_bytes);
    }
    if (is_usdm && (route == ROUTE_PUBLIC || route == ROUTE_MARKET)) {
        return text_fit(snprintf(path, path_bytes, "/%s/stream", route_name(route)), path_bytes);
    }
    if (is_usdm && route == ROUTE_PRIVATE && listen_key_is_plain(listen_key)) {
        return text_fit(snprintf(path,
                                 path_bytes,
                                 "/private/ws?listenKey=%s&events=%s",
                                 listen_key,
                                 USER_EVENTS_DEFAULT),
                        path_bytes);
    }
    if (!is_okx && !is_usdm && route == ROUTE_STREAM) {
        return text_fit(snprintf(path, path_bytes, "/stream"), path_bytes);
    }
    return -EINVAL;
}

/* ---- REST ------------------------------------------------------------------------------------ */

static bool symbol_is_plain(struct span symbol)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    for (size_t i = 0; i < symbol.size_bytes; i++) {
        if (symbol.bytes[i] == '\0' || strchr(plain, symbol.bytes[i]) == NULL) {
            return false;
        }
    }
    return symbol.size_bytes > 0;
}

int book_path(enum flatline_venue venue, struct span symbol, char *path, size_t path_bytes)
{
    static const char *const api[] = {"/api/v3", "/fapi/v1", "/dapi/v1"};
    const int symbol_bytes = (int)symbol.size_bytes;
    if (!symbol_is_plain(symbol)) {
        return -EINVAL;
    }
    if (venue == FLATLINE_VENUE_OKX) {
        return text_fit(snprintf(path,
                                 path_bytes,
                                 "/api/v5/market/books?instId=%.*s&sz=5",
                                 symbol_bytes,
                                 symbol.bytes),
                        path_bytes);
    }
    return text_fit(snprintf(path,
                             path_bytes,
                             "%s/depth?symbol=%.*s&limit=5",
                             api[venue],
                             symbol_bytes,
                             symbol.bytes),
                    path_bytes);
}

/* BTC-USDT, BTC-USDT-SWAP, BTC-USD-261225. */
static const char *okx_instrument_type(struct span symbol)
{
    size_t dashes = 0;
    for (size_t i = 0; i < symbol.size_bytes; i++) {
        dashes += symbol.bytes[i] == '-';
    }
    if (dashes < 2) {
        return "SPOT";
    }
    return symbol.bytes[symbol.size_bytes - 1] == 'P' ? "SWAP" : "FUTURES";
}

int listing_path(enum flatline_venue venue, struct span symbol, char *path, size_t path_bytes)
{
    const int symbol_bytes = (int)symbol.size_bytes;
    if (!symbol_is_plain(symbol)) {
        return -EINVAL;
    }
    int written = 0;
    switch (venue) {
    case FLATLINE_VENUE_BINANCE_SPOT:
        written = snprintf(
            path, path_bytes, "/api/v3/exchangeInfo?symbol=%.*s", symbol_bytes, symbol.bytes);
        break;
    case FLATLINE_VENUE_BINANCE_USDM:
        written = snprintf(path, path_bytes, "/fapi/v1/exchangeInfo");
        break;
    case FLATLINE_VENUE_BINANCE_COINM:
        written = snprintf(path, path_bytes, "/dapi/v1/exchangeInfo");
        break;
    case FLATLINE_VENUE_OKX:
        written = snprintf(path,
                           path_bytes,
                           "/api/v5/public/instruments?instType=%s&instId=%.*s",
                           okx_instrument_type(symbol),
                           symbol_bytes,
                           symbol.bytes);
        break;
    }
    return text_fit(written, path_bytes);
}

/* ---- requests over the socket ---------------------------------------------------------------- */

/* Text under construction: appends fail once and for all when it is full. */
struct text {
    char *bytes;
    size_t used;
    size_t size;
    bool is_full;
};

static void text_add(struct text *text, struct span part)
{
    if (text->is_full || part.size_bytes >= text->size - text->used) {
        text->is_full = true;
        return;
    }
    memcpy(text->bytes + text->used, part.bytes, part.size_bytes);
    text->used += part.size_bytes;
    text->bytes[text->used] = '\0';
}

static void text_add_lower(struct text *text, struct span part)
{
    const size_t from = text->used;
    text_add(text, part);
    for (size_t i = from; i < text->used; i++) {
        if (text->bytes[i] >= 'A' && text->bytes[i] <= 'Z') {
            text->bytes[i] = (char)(text->bytes[i] - 'A' + 'a');
        }
    }
}

static void text_upper(struct text *text)
{
    for (size_t i = 0; i < text->used; i++) {
        if (text->bytes[i] >= 'a' && text->bytes[i] <= 'z') {
            text->bytes[i] = (char)(text->bytes[i] - 'a' + 'A');
        }
    }
}

/* spot docs: stream names are lower case (the symbol; channels keep theirs). */
static void binance_argument(struct text *text, struct span symbol, struct span channel)
{
    text_add(text, span_of("\""));
    if (span_equals(symbol, "*")) {
        text_add(text, span_of("!"));
    } else {
        text_add_lower(text, symbol);
        text_add(text, span_of("@"));
    }
    text_add(text, channel);
    text_add(text, span_of("\""));
}

static bool is_instrument_type(struct span symbol)
{
    static const char *const types[] = {"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "ANY"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (span_equals(symbol, types[i])) {
            return true;
        }
    }
    return false;
}

static void okx_argument(struct text *text, struct span symbol, struct span channel)
{
    text_add(text, span_of("{\"channel\":\""));
    text_add(text, channel);
    if (!span_equals(symbol, "*")) {
        text_add(text,
                 span_of(is_instrument_type(symbol) ? "\",\"instType\":\"" : "\",\"instId\":\""));
        text_add(text, symbol);
    }
    text_add(text, span_of("\"}"));
}

/* Appends one name's argument. 0, -ENOSPC (and the text is as before), -EINVAL. */
static int
argument_add(struct text *text, enum flatline_venue venue, const char *name, bool is_first)
{
    enum flatline_venue named;
    struct span symbol;
    struct span channel;

    if (!names_split(name, &named, &symbol, &channel) || named != venue ||
        channel_kind(venue, channel) == CHANNEL_USER) {
        return -EINVAL;
    }
    const size_t before = text->used;
    text_add(text, span_of(is_first ? "" : ","));
    if (venue == FLATLINE_VENUE_OKX) {
        okx_argument(text, symbol, channel);
    } else {
        binance_argument(text, symbol, channel);
    }
    if (text->is_full) {
        text->used = before;
        text->is_full = false;
        return -ENOSPC;
    }
    return 0;
}

int subscribe_text(enum flatline_venue venue,
                   const char *const *names,
                   size_t count,
                   uint64_t request_id,
                   char *text,
                   size_t text_bytes)
{
    const size_t venue_bytes = venue_facts(venue)->subscribe_bytes_max;
    char head[64];
    char tail[40];
    int taken = 0;

    if (venue == FLATLINE_VENUE_OKX) {
        (void)snprintf(head,
                       sizeof(head),
                       "{\"id\":\"%" PRIu64 "\",\"op\":\"subscribe\",\"args\":[",
                       request_id);
        (void)snprintf(tail, sizeof(tail), "]}");
    } else {
        (void)snprintf(head, sizeof(head), "{\"method\":\"SUBSCRIBE\",\"params\":[");
        (void)snprintf(tail, sizeof(tail), "],\"id\":%" PRIu64 "}", request_id);
    }
    const size_t size = venue_bytes != 0 && venue_bytes < text_bytes ? venue_bytes : text_bytes;
    if (size < strlen(tail) + 2) {
        return -ENOSPC;
    }
    struct text out = {.bytes = text, .size = size - strlen(tail)};
    text_add(&out, span_of(head));
    if (out.is_full) {
        return -ENOSPC;
    }
    for (; (size_t)taken < count; taken++) {
        const int result = argument_add(&out, venue, names[taken], taken == 0);
        if (result == -EINVAL) {
            return result;
        }
        if (result != 0) {
            break;
        }
    }
    out.size = size;
    text_add(&out, span_of(tail));
    return taken > 0 ? taken : -ENOSPC;
}

int status_text(enum flatline_venue venue, char *text, size_t text_bytes)
{
    const char *channel = venue_facts(venue)->status_channel;
    if (channel == NULL) {
        return -ENOTSUP;
    }
    const int written = snprintf(text,
                                 text_bytes,
                                 "{\"id\":\"" OKX_STATUS_REQUEST
                                 "\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"%s\"}]}",
                                 channel);
    return text_fit(written, text_bytes);
}

int inventory_text(enum flatline_venue venue, uint64_t request_id, char *text, size_t text_bytes)
{
    if (venue == FLATLINE_VENUE_OKX) {
        return -ENOTSUP;
    }
    const int written = snprintf(
        text, text_bytes, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":%" PRIu64 "}", request_id);
    return text_fit(written, text_bytes);
}

/* ---- symbols --------------------------------------------------------------------------------- */

static bool ends_with(struct span span, const char *suffix)
{
    const size_t bytes = strlen(suffix);
    return span.size_bytes >= bytes &&
           memcmp(span.bytes + span.size_bytes - bytes, suffix, bytes) == 0;
}

/* Upper case without separators; `_` stays, it begins a delivery date or PERP. */
static void binance_suggest(enum flatline_venue venue, struct span symbol, struct text *text)
{
    for (size_t i = 0; i < symbol.size_bytes; i++) {
        if (symbol.bytes[i] != '-' && symbol.bytes[i] != '/') {
            text_add(text, (struct span){&symbol.bytes[i], 1});
        }
    }
    text_upper(text);
    if (venue == FLATLINE_VENUE_BINANCE_COINM &&
        memchr(symbol.bytes, '_', symbol.size_bytes) == NULL) {
        text_add(text, span_of("_PERP"));
    }
}

/* OKX writes base and quote apart. */
static void okx_suggest(struct span symbol, struct text *text)
{
    static const char *const quotes[] = {"USDT", "USDC", "USD", "EUR", "BTC", "ETH"};
    text_add(text, symbol);
    text_upper(text);
    if (memchr(text->bytes, '-', text->used) != NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(quotes); i++) {
        const struct span upper = {text->bytes, text->used};
        const size_t quote_bytes = strlen(quotes[i]);
        if (upper.size_bytes > quote_bytes && ends_with(upper, quotes[i])) {
            text->used -= quote_bytes;
            text_add(text, span_of("-"));
            text_add(text, span_of(quotes[i]));
            return;
        }
    }
}

bool symbol_is_plausible(enum flatline_venue venue,
                         struct span symbol,
                         char *ret_suggestion,
                         size_t suggestion_bytes)
{
    char bytes[FLATLINE_NAME_BYTES] = "";
    struct text text = {.bytes = bytes, .size = sizeof(bytes)};

    if (span_equals(symbol, "*") || (venue == FLATLINE_VENUE_OKX && is_instrument_type(symbol))) {
        return true;
    }
    if (venue == FLATLINE_VENUE_OKX) {
        okx_suggest(symbol, &text);
    } else if (symbol.size_bytes > 0) {
        binance_suggest(venue, symbol, &text);
    }
    const bool is_plausible = symbol.size_bytes > 0 && !text.is_full &&
                              text.used == symbol.size_bytes &&
                              memcmp(bytes, symbol.bytes, text.used) == 0;
    if (!is_plausible && ret_suggestion != NULL && suggestion_bytes > 0) {
        (void)snprintf(ret_suggestion, suggestion_bytes, "%.*s", (int)text.used, bytes);
    }
    return is_plausible;
}
