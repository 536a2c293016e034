/* SPDX-License-Identifier: MIT
 *
 * config_streams.c - the section streams: names taken apart, venue rules looked up, the file's
 * policy laid over them.
 */
#include "core/base.h"
#include "feeds/names.h"
#include "sentinel/config_near.h"
#include "sentinel/config_schema.h"

#include <stdio.h>
#include <string.h>

#define EXAMPLE_STREAM "binance-usdm/BTCUSDT/depth@100ms"

/* One item of the list as it stands there. */
struct stream_text {
    const struct node *name;
    uint64_t stale_after_ns;  /* 0: not said */
    uint64_t allowance_ns;    /* 0: not said */
    uint64_t silent_after_ns; /* UINT64_MAX: not said */
    bool observed;
    bool is_observed_said;
    int route; /* -1: not said */
    const struct node *route_node;
};

/* A name taken apart. */
struct stream_parts {
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
};

static const char *const route_words[] = {[ROUTE_STREAM] = "stream",
                                          [ROUTE_PUBLIC] = "public",
                                          [ROUTE_MARKET] = "market",
                                          [ROUTE_PRIVATE] = "private",
                                          [ROUTE_BUSINESS] = "business",
                                          [ROUTE_COUNT] = NULL};

/* Which routes a venue has; facts: USD-M /public /market /private split, announced 2026-03-05;
 * OKX v5 WebSocket paths. Private ones carry account events, which come from user_data and not
 * from here. */
static bool venue_has_route(enum flatline_venue venue, enum route route)
{
    switch (venue) {
    case FLATLINE_VENUE_BINANCE_USDM:
        return route == ROUTE_PUBLIC || route == ROUTE_MARKET;
    case FLATLINE_VENUE_OKX:
        return route == ROUTE_PUBLIC || route == ROUTE_BUSINESS;
    case FLATLINE_VENUE_BINANCE_SPOT:
    case FLATLINE_VENUE_BINANCE_COINM:
        break;
    }
    return route == ROUTE_STREAM;
}

static const char *venue_routes_text(enum flatline_venue venue)
{
    switch (venue) {
    case FLATLINE_VENUE_BINANCE_USDM:
        return "public or market";
    case FLATLINE_VENUE_OKX:
        return "public or business";
    case FLATLINE_VENUE_BINANCE_SPOT:
    case FLATLINE_VENUE_BINANCE_COINM:
        break;
    }
    return "stream";
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Channel names people write, to catch a slip of the pen: a venue acknowledges many a wrong
 * name and then says nothing (facts: a bogus Binance stream is acknowledged and silent). Names
 * not in here are not forbidden. */
static const char *const binance_channels[] = {
    "depth",         "depth@100ms",   "depth5",     "depth10",  "depth20",   "depth5@100ms",
    "depth10@100ms", "depth20@100ms", "bookTicker", "trade",    "aggTrade",  "ticker",
    "miniTicker",    "kline_1m",      "kline_3m",   "kline_5m", "kline_15m", "kline_30m",
    "kline_1h",      "kline_2h",      "kline_4h",   "kline_6h", "kline_8h",  "kline_12h",
    "kline_1d",      "kline_3d",      "kline_1w",   "kline_1M",
};
static const char *const spot_channels[] = {"kline_1s", "avgPrice", "referencePrice"};
static const char *const futures_channels[] = {
    "depth@500ms",
    "depth@0ms",
    "depth5@500ms",
    "depth10@500ms",
    "depth20@500ms",
    "rpiDepth@500ms",
    "markPrice",
    "markPrice@1s",
    "forceOrder",
    "markPrice@arr",
    "contractInfo",
    "compositeIndex",
    "assetIndex",
    "tradingSession",
    "indexPrice",
};
static const char *const okx_channels[] = {
    "books",         "books5",      "bbo-tbt",     "books-l2-tbt",       "books50-l2-tbt",
    "trades",        "trades-all",  "tickers",     "mark-price",         "candle1s",
    "candle1m",      "candle3m",    "candle5m",    "candle15m",          "candle30m",
    "candle1H",      "candle2H",    "candle4H",    "candle6H",           "candle12H",
    "candle1D",      "candle1W",    "candle1M",    "index-tickers",      "funding-rate",
    "open-interest", "price-limit", "instruments", "liquidation-orders", "status",
};

static void near_offer_all(struct near *near, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        near_offer(near, words[i]);
    }
}

/* The known channel that is the word, or looks most like it; NULL: none does. */
static const char *channel_near(enum flatline_venue venue, const char *channel)
{
    struct near near = {.word = channel};
    if (venue == FLATLINE_VENUE_OKX) {
        near_offer_all(&near, okx_channels, ARRAY_COUNT(okx_channels));
        return near.best;
    }
    near_offer_all(&near, binance_channels, ARRAY_COUNT(binance_channels));
    if (venue == FLATLINE_VENUE_BINANCE_SPOT) {
        near_offer_all(&near, spot_channels, ARRAY_COUNT(spot_channels));
    } else {
        near_offer_all(&near, futures_channels, ARRAY_COUNT(futures_channels));
    }
    return near.best;
}

static bool channel_is_wellformed(struct span channel)
{
    static const char legal[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@_.-";
    for (size_t i = 0; i < channel.size_bytes; i++) {
        if (memchr(legal, channel.bytes[i], sizeof(legal) - 1) == NULL) {
            return false;
        }
    }
    return channel.size_bytes > 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Says what is wrong with a name that cannot be taken apart. */
static void shape_tell(struct reading *reading, const struct node *name)
{
    struct quote quote;
    char venue[FLATLINE_NAME_BYTES] = "";
    const size_t venue_bytes = strcspn(name->text, "/");
    const char *symbol = strchr(name->text, '/');
    const char *channel = symbol != NULL ? strchr(symbol + 1, '/') : NULL;
    if (channel == NULL || channel == symbol + 1 || channel[1] == '\0' || venue_bytes == 0) {
        problem_add(reading->problems,
                    name->mark,
                    "%s is not a stream; write venue/SYMBOL/channel, e.g. " EXAMPLE_STREAM,
                    quote_text(&quote, name->text));
        return;
    }
    if (venue_bytes < sizeof(venue)) {
        memcpy(venue, name->text, venue_bytes);
        venue[venue_bytes] = '\0';
    }
    struct near near = {.word = venue};
    for (int i = 0; i < CONFIG_VENUES; i++) {
        near_offer(&near, venue_facts((enum flatline_venue)i)->name);
    }
    if (near.best == NULL && strcmp(venue, "binance") == 0) {
        near.best = venue_facts(FLATLINE_VENUE_BINANCE_SPOT)->name;
    }
    problem_add(reading->problems,
                name->mark,
                "unknown venue %s; write %s",
                quote_text(&quote, venue),
                near.best != NULL ? near.best : "binance-spot, binance-usdm, binance-coinm or okx");
}

static bool
symbol_check(struct reading *reading, const struct node *name, const struct stream_parts *parts)
{
    char better[FLATLINE_NAME_BYTES] = "";
    struct quote quote;
    if (symbol_is_plausible(parts->venue, parts->symbol, better, sizeof(better))) {
        return true;
    }
    char symbol[FLATLINE_NAME_BYTES];
    (void)snprintf(
        symbol, sizeof(symbol), "%.*s", (int)parts->symbol.size_bytes, parts->symbol.bytes);
    const char *said = quote_text(&quote, symbol);
    if (better[0] == '\0' || strcmp(better, symbol) == 0) {
        problem_add(reading->problems,
                    name->mark,
                    "%s is not a symbol of %s; write one in the venue's own spelling, e.g. %s",
                    said,
                    venue_facts(parts->venue)->name,
                    parts->venue == FLATLINE_VENUE_OKX ? "BTC-USDT-SWAP" : "BTCUSDT");
    } else {
        problem_add(reading->problems,
                    name->mark,
                    "%s is not a symbol of %s; write %s/%s/%.*s",
                    said,
                    venue_facts(parts->venue)->name,
                    venue_facts(parts->venue)->name,
                    better,
                    (int)parts->channel.size_bytes,
                    parts->channel.bytes);
    }
    return false;
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* Account events need a key: they come from user_data, where flatline can watch them at all. */
static bool account_check(struct reading *reading,
                          const struct node *name,
                          const struct stream_parts *parts,
                          bool is_private)
{
    if (channel_kind(parts->venue, parts->channel) != CHANNEL_USER && !is_private) {
        return true;
    }
    problem_add(
        reading->problems,
        name->mark,
        parts->venue == FLATLINE_VENUE_BINANCE_USDM
            ? "account events are no stream to list; write user_data: {%s: {account: %.*s, "
              "api_key_file: FILE}} instead"
            : "account events of %s (%.*s) are not watched; remove this line (user_data: serves "
              "binance-usdm only)",
        venue_facts(parts->venue)->name,
        (int)parts->symbol.size_bytes,
        parts->symbol.bytes);
    return false;
}

/* It says when the venue is under maintenance, and is silent for months: nothing to lease. */
static bool
status_check(struct reading *reading, const struct node *name, const struct stream_parts *parts)
{
    const char *status = venue_facts(parts->venue)->status_channel;
    if (status == NULL || !span_equals(parts->channel, status)) {
        return true;
    }
    problem_add(reading->problems,
                name->mark,
                "%s of %s is no stream to list; remove this line (it is listened to in any case)",
                status,
                venue_facts(parts->venue)->name);
    return false;
}

/* An unknown channel may be new, or a slip: only `route:` says it is meant. */
static bool unknown_channel_check(struct reading *reading,
                                  const struct stream_text *text,
                                  const struct stream_parts *parts,
                                  bool is_served)
{
    struct quote quote;
    const char *channel = parts->channel.bytes; /* ends with the name's NUL */
    const char *near = channel_near(parts->venue, channel);
    if (text->route >= 0 || (near != NULL && strcmp(near, channel) == 0)) {
        return true;
    }
    const bool has_one_route = venue_has_route(parts->venue, ROUTE_STREAM);
    if (near == NULL && (is_served || has_one_route)) {
        return true;
    }
    problem_add(reading->problems,
                text->name->mark,
                "unknown channel %s of %s; write %s%s{name: ..., route: %s} if it is meant",
                quote_text(&quote, channel),
                venue_facts(parts->venue)->name,
                near != NULL ? near : "",
                near != NULL ? ", or " : "",
                venue_routes_text(parts->venue));
    return false;
}

/* Settles the route of a stream; false: complained. */
static bool route_settle(struct reading *reading,
                         const struct stream_text *text,
                         const struct stream_parts *parts,
                         enum route *ret_route)
{
    enum route served = ROUTE_STREAM;
    const char *venue = venue_facts(parts->venue)->name;
    const bool is_served = channel_route(parts->venue, parts->channel, &served);
    const bool is_private = is_served && served == ROUTE_PRIVATE;

    if (!account_check(reading, text->name, parts, is_private) ||
        !status_check(reading, text->name, parts) ||
        !unknown_channel_check(reading, text, parts, is_served)) {
        return false;
    }
    if (text->route < 0) {
        *ret_route = is_served ? served : ROUTE_STREAM;
        return true;
    }
    const enum route said = (enum route)text->route;
    if (is_served && said != served) {
        problem_add(reading->problems,
                    text->route_node->mark,
                    "route: %s never serves %s, which would be acknowledged and silent; write %s",
                    route_name(said),
                    text->name->text,
                    route_name(served));
        return false;
    }
    if (!venue_has_route(parts->venue, said)) {
        problem_add(reading->problems,
                    text->route_node->mark,
                    "route: %s has no market data on a route %s; write %s",
                    venue,
                    route_name(said),
                    venue_routes_text(parts->venue));
        return false;
    }
    *ret_route = said;
    return true;
}

/* ---- streams --------------------------------------------------------------------------------- */

static void
read_name(struct reading *reading, const struct field *field, const struct node *value, void *base)
{
    struct stream_text *text = base;
    if (text_of(reading, field, value) != NULL) {
        text->name = value;
    }
}

static const struct field stream_fields[] = {
    {.key = "name", .read = read_name, .example = EXAMPLE_STREAM},
    {.key = "stale_after",
     .read = read_duration,
     .offset = offsetof(struct stream_text, stale_after_ns),
     .min = 10 * NS_PER_MS,
     .max = 3600 * NS_PER_S,
     .example = "3s"},
    {.key = "silent_after",
     .read = read_duration_or_off,
     .offset = offsetof(struct stream_text, silent_after_ns),
     .min = 10 * NS_PER_MS,
     .max = 24 * 3600 * NS_PER_S,
     .example = "10s"},
    {.key = "allowance",
     .read = read_duration,
     .offset = offsetof(struct stream_text, allowance_ns),
     .min = NS_PER_MS,
     .max = 60 * NS_PER_S,
     .example = "150ms"},
    {.key = "observed",
     .read = read_boolean,
     .offset = offsetof(struct stream_text, observed),
     .example = "true"},
    {.key = "route",
     .read = read_word,
     .offset = offsetof(struct stream_text, route),
     .words = route_words,
     .example = "public"},
    {.key = NULL},
};

/* One item of the list: a name, or a map with one in it. false: complained, and nothing to go
 * on with. */
static bool
item_read(struct reading *reading, const struct node *item, struct stream_text *ret_text)
{
    struct stream_text text = {.silent_after_ns = UINT64_MAX, .route = -1};
    if (item->is_bad) {
        return false;
    }
    if (item->kind == NODE_MAP) {
        section_read(reading, "a stream", stream_fields, item, &text);
        text.is_observed_said = node_find(item, "observed") != NULL;
        text.route_node = node_find(item, "route");
        if (node_find(item, "name") == NULL) {
            problem_add(reading->problems,
                        item->mark,
                        "a stream without a name; write {name: " EXAMPLE_STREAM ", ...}");
        }
    } else {
        read_name(reading, &stream_fields[0], item, &text);
    }
    *ret_text = text;
    return text.name != NULL;
}

/* Appends the stream to the configuration; false: it is there already, or cannot be named. */
static bool stream_append(struct reading *reading,
                          const struct stream_text *text,
                          const struct stream_parts *parts,
                          enum route route)
{
    struct config *config = reading->config;
    const uint32_t index =
        names_intern(reading->names, parts->venue, parts->symbol, parts->channel);
    if (index == NAMES_NONE) {
        problem_add(
            reading->problems,
            text->name->mark,
            "the name does not fit or holds odd characters; write at most %u printable ones",
            FLATLINE_NAME_BYTES - 1);
        return false;
    }
    if (index < config->stream_count) {
        problem_add(reading->problems,
                    text->name->mark,
                    "%s is already in line %u; write it once only",
                    text->name->text,
                    reading->notes[index].mark.line);
        return false;
    }
    struct config_stream *stream = &config->streams[config->stream_count++];
    (void)snprintf(stream->name, sizeof(stream->name), "%s", names_text(reading->names, index));
    channel_traits(parts->venue, parts->symbol, parts->channel, &stream->traits);
    stream->route = route;
    if (text->stale_after_ns != 0) {
        stream->traits.stale_after_ns = text->stale_after_ns;
    }
    if (text->allowance_ns != 0) {
        stream->traits.allowance_ns = text->allowance_ns;
    }
    if (text->silent_after_ns != UINT64_MAX) {
        stream->traits.silent_after_ns = text->silent_after_ns;
        stream->traits.silent_off = text->silent_after_ns == 0;
    }
    if (text->is_observed_said) {
        stream->traits.observed = text->observed;
    }
    reading->notes[index].mark = text->name->mark;
    reading->notes[index].is_asked_for = text->is_observed_said && !text->observed;
    config->venues[parts->venue].used = true;
    return true;
}

static bool stream_read(struct reading *reading, const struct stream_text *text)
{
    struct stream_parts parts;
    enum route route;
    struct quote quote;
    if (strlen(text->name->text) >= FLATLINE_NAME_BYTES) {
        problem_add(reading->problems,
                    text->name->mark,
                    "%s is too long; write a name of at most %u characters",
                    quote_text(&quote, text->name->text),
                    FLATLINE_NAME_BYTES - 1);
        return false;
    }
    if (!names_split(text->name->text, &parts.venue, &parts.symbol, &parts.channel)) {
        shape_tell(reading, text->name);
        return false;
    }
    if (!channel_is_wellformed(parts.channel)) {
        problem_add(reading->problems,
                    text->name->mark,
                    "channel %s holds odd characters; write letters, digits and @ _ . - only",
                    quote_text(&quote, parts.channel.bytes));
        return false;
    }
    const bool is_account = channel_kind(parts.venue, parts.channel) == CHANNEL_USER;
    if (!is_account && !symbol_check(reading, text->name, &parts)) {
        return false;
    }
    return route_settle(reading, text, &parts, &route) &&
           stream_append(reading, text, &parts, route);
}

void read_streams(struct reading *reading,
                  const struct field *field,
                  const struct node *value,
                  void *base)
{
    (void)base;
    if (value->kind != NODE_LIST || value->count == 0) {
        problem_add(reading->problems,
                    value->mark,
                    "%s is %s; write a list of what to watch, e.g. - " EXAMPLE_STREAM,
                    field->key,
                    value->kind == NODE_LIST ? "an empty list" : node_kind_text(value));
        return;
    }
    for (const struct node *item = value->first; item != NULL; item = item->next) {
        struct stream_text text = {.name = NULL};
        if (item_read(reading, item, &text) && !stream_read(reading, &text) &&
            reading->bad_name_count < BAD_NAMES_MAX) {
            reading->bad_names[reading->bad_name_count++] = text.name;
        }
    }
}

/* A venue's connections, twins counted, times what each carries. flatline shares the engine's address and uses
 * a tenth of its connects. */
void streams_check_budget(struct reading *reading)
{
    const struct config *config = reading->config;
    uint64_t counts[CONFIG_VENUES] = {0};
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const enum flatline_venue venue = config->streams[i].traits.venue;
        const struct venue_facts *facts = venue_facts(venue);
        const uint64_t twins = config->venues[venue].connections;
        const uint64_t connections = facts->connects_per_5min_max / 10U / twins;
        const uint64_t most = connections * facts->streams_per_connection_max;
        if (most > 0 && ++counts[venue] == most + 1) {
            problem_add(
                reading->problems,
                reading->notes[i].mark,
                "more streams than %s allows on a tenth of its budget; write at most %llu there "
                "(%llu connections of %u%s)",
                facts->name,
                (unsigned long long)most,
                (unsigned long long)connections,
                facts->streams_per_connection_max,
                twins > 1 ? ", each with its twin" : "");
        }
    }
}
