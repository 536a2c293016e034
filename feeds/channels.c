/* SPDX-License-Identifier: MIT
 *
 * Venue rules as data. Sources are named as in docs/FEEDS.md: "spot docs" is binance-spot-api-docs
 * (2026-07-21), "USD-M docs" the derivatives pages (2026-05-28), "OKX docs" docs-v5 (2026-07).
 */
#include "feeds/channels.h"

#include "core/base.h"

#define HOURS(n) ((n)*3600ULL * NS_PER_S)

/* spot docs "General WSS information": ping every 20 s, pong within 60 s, 24 h, 5 messages/s, 1024
 * streams, 300 connects in
 *     5 min.
 * USD-M docs "Connect": ping every 3 min, pong within 10 min, 24 h, 10 messages/s, 1024 streams
 * since 2025-07-02. The limit on
 *     connects is not on that page; clients assume the spot one, and so do we. COIN-M is taken as
 *     USD-M; its limit of 200
 *     streams is the older, lower one.
 * OKX docs "WebSocket": no documented lifetime; closed with 4004 after 30 s without data, a text
 * "ping" resets that: we
 *     send it after 20, so that one may be lost to a stall; 480 requests an hour; 3 connects a
 *     second; arguments up to 64 KB in all.
 *     Messages a second and streams a connection are not documented: the figures are our own
 *     caution.
 * REST: spot 6000 weight a minute, depth 5, exchangeInfo 20, system status 1; USD-M 2400, depth 2 at
 *     50 levels or fewer, exchangeInfo 1; COIN-M as USD-M. OKX counts requests by endpoint: books 40
 *     in 2 s, instruments 20 in 2 s, status 1 in 5 s; 600 a minute is the smaller of the first two. */
static const struct venue_facts facts_of_venue[] = {
    [FLATLINE_VENUE_BINANCE_SPOT] = {.name = "binance-spot",
                                     .ws_url = "wss://stream.binance.com:9443",
                                     .rest_url = "https://api.binance.com",
                                     .time_path = "/api/v3/time",
                                     .server_ping_ns = 20 * NS_PER_S,
                                     .max_age_ns = HOURS(24),
                                     .streams_per_connection_max = 1024,
                                     .control_per_second_max = 5,
                                     .connects_per_5min_max = 300,
                                     .status_path = "/sapi/v1/system/status",
                                     .rest_weight_per_minute = 6000,
                                     .book_weight = 5,
                                     .listing_weight = 20},
    [FLATLINE_VENUE_BINANCE_USDM] = {.name = "binance-usdm",
                                     .ws_url = "wss://fstream.binance.com",
                                     .rest_url = "https://fapi.binance.com",
                                     .time_path = "/fapi/v1/time",
                                     .server_ping_ns = 180 * NS_PER_S,
                                     .max_age_ns = HOURS(24),
                                     .streams_per_connection_max = 1024,
                                     .control_per_second_max = 10,
                                     .connects_per_5min_max = 300,
                                     .rest_weight_per_minute = 2400,
                                     .book_weight = 2,
                                     .listing_weight = 1},
    [FLATLINE_VENUE_BINANCE_COINM] = {.name = "binance-coinm",
                                      .ws_url = "wss://dstream.binance.com",
                                      .rest_url = "https://dapi.binance.com",
                                      .time_path = "/dapi/v1/time",
                                      .server_ping_ns = 180 * NS_PER_S,
                                      .max_age_ns = HOURS(24),
                                      .streams_per_connection_max = 200,
                                      .control_per_second_max = 10,
                                      .connects_per_5min_max = 300,
                                      .rest_weight_per_minute = 2400,
                                      .book_weight = 2,
                                      .listing_weight = 1},
    [FLATLINE_VENUE_OKX] = {.name = "okx",
                            .ws_url = "wss://ws.okx.com:8443",
                            .rest_url = "https://www.okx.com",
                            .time_path = "/api/v5/public/time",
                            .text_ping_idle_ns = 20 * NS_PER_S,
                            .streams_per_connection_max = 240,
                            .control_per_second_max = 3,
                            .connects_per_5min_max = 900,
                            .requests_per_hour_max = 480,
                            .subscribe_bytes_max = 64000,
                            .status_path = "/api/v5/system/status",
                            .status_channel = "status",
                            .rest_weight_per_minute = 600,
                            .book_weight = 1,
                            .listing_weight = 1},
};

const struct venue_facts *venue_facts(enum flatline_venue venue)
{
    return &facts_of_venue[venue];
}

bool venue_by_name(struct span name, enum flatline_venue *ret_venue)
{
    for (size_t i = 0; i < ARRAY_COUNT(facts_of_venue); i++) {
        if (span_equals(name, facts_of_venue[i].name)) {
            *ret_venue = (enum flatline_venue)i;
            return true;
        }
    }
    return false;
}

const char *route_name(enum route route)
{
    static const char *const names[] = {"stream", "public", "market", "private", "business"};
    return (size_t)route < ARRAY_COUNT(names) ? names[route] : "?";
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Does a channel's name begin so, and then end or go on with '@' (a speed)? */
static bool channel_is(struct span channel, const char *base)
{
    const size_t bytes = strlen(base);
    return span_starts_with(channel, base) &&
           (channel.size_bytes == bytes || channel.bytes[bytes] == '@');
}

static enum channel_kind binance_kind(struct span channel)
{
    static const struct {
        const char *base;
        enum channel_kind kind;
    } kinds[] = {
        {"depth", CHANNEL_DEPTH},
        {"bookTicker", CHANNEL_BBO},
        {"trade", CHANNEL_TRADE},
        {"aggTrade", CHANNEL_AGG_TRADE},
        {"markPrice", CHANNEL_MARK_PRICE},
        {"ticker", CHANNEL_TICKER},
        {"user", CHANNEL_USER},
    };

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (channel_is(channel, kinds[i].base)) {
            return kinds[i].kind;
        }
    }
    if (span_starts_with(channel, "kline_")) {
        return CHANNEL_KLINE;
    }
    const bool is_sized =
        span_starts_with(channel, "depth") && channel.bytes[5] >= '0' && channel.bytes[5] <= '9';
    return is_sized ? CHANNEL_PARTIAL : CHANNEL_OTHER;
}

static enum channel_kind okx_kind(struct span channel)
{
    static const struct {
        const char *prefix;
        enum channel_kind kind;
        bool is_whole; /* the prefix is the name */
    } kinds[] = {
        {"books5", CHANNEL_PARTIAL, true},
        {"books", CHANNEL_DEPTH, false}, /* books-l2-tbt, books50-l2-tbt, books-elp, books-rpi */
        {"bbo-tbt", CHANNEL_BBO, true},
        {"trades", CHANNEL_TRADE, true},
        {"trades-all", CHANNEL_TRADE, true},
        {"tickers", CHANNEL_TICKER, true},
        {"mark-price", CHANNEL_MARK_PRICE, true},
        {"candle", CHANNEL_KLINE, false},
        {"mark-price-candle", CHANNEL_KLINE, false},
        {"index-candle", CHANNEL_KLINE, false},
        {"user", CHANNEL_USER, true},
    };

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (kinds[i].is_whole ? span_equals(channel, kinds[i].prefix)
                              : span_starts_with(channel, kinds[i].prefix)) {
            return kinds[i].kind;
        }
    }
    return CHANNEL_OTHER;
}

enum channel_kind channel_kind(enum flatline_venue venue, struct span channel)
{
    return venue == FLATLINE_VENUE_OKX ? okx_kind(channel) : binance_kind(channel);
}

/* ---- routes ---------------------------------------------------------------------------------- */

struct channel_prefix {
    const char *prefix;
    enum route route;
};

static bool route_find(const struct channel_prefix *table,
                       size_t count,
                       struct span channel,
                       enum route *ret_route)
{
    for (size_t i = 0; i < count; i++) {
        if (span_starts_with(channel, table[i].prefix)) {
            *ret_route = table[i].route;
            return true;
        }
    }
    return false;
}

/* USD-M docs "Important WebSocket Change Notice" (announced 2026-03-05, old URLs gone
 * 2026-04-23): a stream on the wrong route is acknowledged and stays silent for ever. `trade` is
 * on no page; it was seen to flow on /public (2026-04, 2026-09). */
static bool usdm_route(struct span channel, enum route *ret_route)
{
    static const struct channel_prefix routes[] = {
        {"bookTicker", ROUTE_PUBLIC},
        {"depth", ROUTE_PUBLIC},
        {"rpiDepth", ROUTE_PUBLIC},
        {"aggTrade", ROUTE_MARKET},
        {"markPrice", ROUTE_MARKET},
        {"kline_", ROUTE_MARKET},
        {"continuousKline_", ROUTE_MARKET},
        {"miniTicker", ROUTE_MARKET},
        {"ticker", ROUTE_MARKET},
        {"forceOrder", ROUTE_MARKET},
        {"compositeIndex", ROUTE_MARKET},
        {"contractInfo", ROUTE_MARKET},
        {"assetIndex", ROUTE_MARKET},
        {"tradingSession", ROUTE_MARKET},
        {"user", ROUTE_PRIVATE},
    };
    if (span_equals(channel, "trade")) {
        *ret_route = ROUTE_PUBLIC;
        return true;
    }
    return route_find(routes, ARRAY_COUNT(routes), channel, ret_route);
}

/* spot docs: one host serves all; user data comes over the WebSocket API, which is no route of
 * ours. COIN-M likewise. */
static bool one_route(struct span channel, enum route *ret_route)
{
    static const struct channel_prefix routes[] = {
        {"bookTicker", ROUTE_STREAM},
        {"depth", ROUTE_STREAM},
        {"trade", ROUTE_STREAM},
        {"aggTrade", ROUTE_STREAM},
        {"kline_", ROUTE_STREAM},
        {"ticker", ROUTE_STREAM},
        {"miniTicker", ROUTE_STREAM},
        {"avgPrice", ROUTE_STREAM},
        {"referencePrice", ROUTE_STREAM},
        {"markPrice", ROUTE_STREAM},
        {"indexPrice", ROUTE_STREAM},
        {"continuousKline_", ROUTE_STREAM},
        {"forceOrder", ROUTE_STREAM},
        {"contractInfo", ROUTE_STREAM},
    };
    return route_find(routes, ARRAY_COUNT(routes), channel, ret_route);
}

/* OKX docs "WebSocket / Connect": a channel on the wrong path is refused with 60018, 64001 or
 * 64002, not with silence. */
static bool okx_route(struct span channel, enum route *ret_route)
{
    static const struct channel_prefix routes[] = {
        {"trades-all", ROUTE_BUSINESS},
        {"mark-price-candle", ROUTE_BUSINESS},
        {"index-candle", ROUTE_BUSINESS},
        {"candle", ROUTE_BUSINESS},
        {"sprd-", ROUTE_BUSINESS},
        {"orders-algo", ROUTE_BUSINESS},
        {"grid-", ROUTE_BUSINESS},
        {"books", ROUTE_PUBLIC},
        {"bbo-tbt", ROUTE_PUBLIC},
        {"trades", ROUTE_PUBLIC},
        {"tickers", ROUTE_PUBLIC},
        {"mark-price", ROUTE_PUBLIC},
        {"index-tickers", ROUTE_PUBLIC},
        {"funding-rate", ROUTE_PUBLIC},
        {"open-interest", ROUTE_PUBLIC},
        {"price-limit", ROUTE_PUBLIC},
        {"instruments", ROUTE_PUBLIC},
        {"liquidation-orders", ROUTE_PUBLIC},
        {"status", ROUTE_PUBLIC},
        {"orders", ROUTE_PRIVATE},
        {"account", ROUTE_PRIVATE},
        {"positions", ROUTE_PRIVATE},
        {"balance_and_position", ROUTE_PRIVATE},
        {"fills", ROUTE_PRIVATE},
        {"liquidation-warning", ROUTE_PRIVATE},
    };
    return route_find(routes, ARRAY_COUNT(routes), channel, ret_route);
}

bool channel_route(enum flatline_venue venue, struct span channel, enum route *ret_route)
{
    switch (venue) {
    case FLATLINE_VENUE_BINANCE_USDM:
        return usdm_route(channel, ret_route);
    case FLATLINE_VENUE_OKX:
        return okx_route(channel, ret_route);
    case FLATLINE_VENUE_BINANCE_SPOT:
    case FLATLINE_VENUE_BINANCE_COINM:
        break;
    }
    return one_route(channel, ret_route);
}

/* ---- traits ---------------------------------------------------------------------------------- */

/* USD-M docs: markPrice every 3 s, @1s every second, by timer. OKX docs: mark-price 200 ms on
 * change, else every 10 s. */
static uint64_t mark_price_period_ns(enum flatline_venue venue, struct span channel)
{
    if (venue == FLATLINE_VENUE_OKX) {
        return 10 * NS_PER_S;
    }
    const bool is_fast =
        channel.size_bytes >= 3 && memcmp(channel.bytes + channel.size_bytes - 3, "@1s", 3) == 0;
    return is_fast ? NS_PER_S : 3 * NS_PER_S;
}

static enum flatline_class class_of(enum channel_kind kind)
{
    switch (kind) {
    case CHANNEL_DEPTH:
    case CHANNEL_PARTIAL:
    case CHANNEL_BBO:
        return FLATLINE_CLASS_BOOK;
    case CHANNEL_MARK_PRICE:
        return FLATLINE_CLASS_TIMER;
    case CHANNEL_USER:
        return FLATLINE_CLASS_USER;
    case CHANNEL_TRADE:
    case CHANNEL_AGG_TRADE:
    case CHANNEL_KLINE:
    case CHANNEL_TICKER:
    case CHANNEL_OTHER:
        break;
    }
    return FLATLINE_CLASS_OTHER;
}

static enum stream_key key_of(enum flatline_venue venue, enum channel_kind kind)
{
    switch (kind) {
    case CHANNEL_DEPTH:
    case CHANNEL_PARTIAL:
    case CHANNEL_BBO:
    case CHANNEL_TRADE:
    case CHANNEL_AGG_TRADE:
        return KEY_ID;
    case CHANNEL_USER:
        return KEY_NONE;
    case CHANNEL_KLINE: /* OKX candles carry the bar's opening, which is no time of an event */
        return venue == FLATLINE_VENUE_OKX ? KEY_NONE : KEY_TIME;
    case CHANNEL_MARK_PRICE:
    case CHANNEL_TICKER:
    case CHANNEL_OTHER:
        break;
    }
    return KEY_TIME;
}

/* spot docs: U == previous u + 1. Futures docs: pu == previous u, of the same stream name;
 * partial depth promises no chain. OKX docs: prevSeqId == previous seqId, for these three
 * channels. */
static enum stream_chain chain_of(enum flatline_venue venue, struct span channel)
{
    if (venue == FLATLINE_VENUE_OKX) {
        const bool is_chained = span_equals(channel, "books") ||
                                span_equals(channel, "books-l2-tbt") ||
                                span_equals(channel, "books50-l2-tbt");
        return is_chained ? CHAIN_OKX : CHAIN_NONE;
    }
    if (binance_kind(channel) != CHANNEL_DEPTH) {
        return CHAIN_NONE;
    }
    return venue == FLATLINE_VENUE_BINANCE_SPOT ? CHAIN_FIRST : CHAIN_PREV;
}

/* OKX docs: a snapshot at once for book channels; of tickers and trades the last one, however
 * old. But an instrument that never traded pushes no trade (seen in recordings of 2021), so
 * trades and candles owe nothing; tickers and mark-price exist always. */
static void okx_traits(enum channel_kind kind, struct stream_traits *traits)
{
    const bool is_book = traits->stream_class == FLATLINE_CLASS_BOOK;
    traits->pushes_on_subscribe = is_book || kind == CHANNEL_TICKER || kind == CHANNEL_MARK_PRICE;
    traits->first_push_is_old = !is_book && kind != CHANNEL_USER;
    traits->repeats_when_unchanged = kind == CHANNEL_PARTIAL || kind == CHANNEL_BBO;
}

/* Many instruments in one stream: no common id, no chain, and throttled (USD-M !bookTicker to
 * one push in 5 s). */
static void all_symbols_traits(struct stream_traits *traits)
{
    traits->chain = CHAIN_NONE;
    if (traits->key == KEY_ID) {
        traits->key = KEY_TIME;
    }
    if (traits->stream_class == FLATLINE_CLASS_BOOK) {
        traits->stream_class = FLATLINE_CLASS_OTHER;
        traits->observed = true;
    }
}

/* ---- what channels of one book owe each other ------------------------------------------------ */

/* One for the streams of an instrument that share its update ids (FNV-1a). */
static uint64_t book_of(enum flatline_venue venue, struct span symbol)
{
    uint64_t hash = (0xcbf29ce484222325ULL ^ (uint64_t)venue) * 0x100000001b3ULL;
    for (size_t i = 0; i < symbol.size_bytes; i++) {
        hash = (hash ^ (uint8_t)symbol.bytes[i]) * 0x100000001b3ULL;
    }
    return hash | 1U;
}

/* How long depth of a speed may take to reach an id that bookTicker has shown: its period and 50 ms;
 * @0ms, which Binance paces itself, as recorded in 2024 (at most 118 ms USD-M, 32 ms COIN-M; 109
 * spot @100ms; docs/DETECTOR.md, "Debt"). 0: not known. Spot docs: 1000 ms where no speed is named;
 * USD-M docs: 250 ms. */
static uint64_t depth_allowance_ns(enum flatline_venue venue, struct span channel)
{
    static const struct {
        const char *channel;
        uint64_t spot_ms;
        uint64_t usdm_ms;
        uint64_t coinm_ms;
    } allowances[] = {
        {"depth", 1050, 300, 300},
        {"depth@100ms", 150, 150, 150},
        {"depth@250ms", 300, 300, 300},
        {"depth@500ms", 550, 550, 550},
        {"depth@1000ms", 1050, 1050, 1050},
        {"depth@0ms", 0, 160, 45},
    };

    for (size_t i = 0; i < ARRAY_COUNT(allowances); i++) {
        if (span_equals(channel, allowances[i].channel)) {
            const uint64_t ms = venue == FLATLINE_VENUE_BINANCE_SPOT   ? allowances[i].spot_ms
                                : venue == FLATLINE_VENUE_BINANCE_USDM ? allowances[i].usdm_ms
                                                                       : allowances[i].coinm_ms;
            return ms * NS_PER_MS;
        }
    }
    return 0;
}

/* OKX docs: books every 100 ms, bbo-tbt and the other two every 10. books-elp and books-rpi hold other
 * orders: they are of the book, and owe it nothing. */
static void okx_owes(enum channel_kind kind, struct span channel, struct stream_traits *traits)
{
    const bool is_slow = span_equals(channel, "books");
    if (kind != CHANNEL_BBO && traits->chain != CHAIN_OKX) {
        return;
    }
    traits->owes = kind == CHANNEL_BBO ? OWES_BEST : OWES_ID;
    traits->owes_after_ns = (is_slow ? 150 : 60) * NS_PER_MS;
    traits->owes_unconfirmed = true;
}

/* Binance: bookTicker and the increments of depth count in one order book's ids (docs: both "order
 * book updateId"; borne out by the recordings). bookTicker skips ids, but shows each change of the
 * best level before depth does, and on USD-M 17.3 ms after it at most. Whether OKX's seqIds agree
 * across channels is not confirmed, so that is checked first; allowed is a channel's period and
 * 50 ms. */
static void book_traits(enum flatline_venue venue,
                        struct span symbol,
                        struct span channel,
                        struct stream_traits *traits)
{
    const enum channel_kind kind = channel_kind(venue, channel);
    if (venue == FLATLINE_VENUE_OKX) {
        traits->book = kind == CHANNEL_BBO || kind == CHANNEL_DEPTH ? book_of(venue, symbol) : 0;
        okx_owes(kind, channel, traits);
    } else if (kind == CHANNEL_BBO) {
        traits->book = book_of(venue, symbol);
        traits->owes = OWES_BEST;
        traits->owes_after_ns = 30 * NS_PER_MS;
    } else if (kind == CHANNEL_DEPTH) {
        traits->book = book_of(venue, symbol);
        traits->owes_after_ns = depth_allowance_ns(venue, channel);
        traits->owes = traits->owes_after_ns != 0 ? OWES_ID : OWES_NOTHING;
    }
}

void channel_traits(enum flatline_venue venue,
                    struct span symbol,
                    struct span channel,
                    struct stream_traits *ret_traits)
{
    const enum channel_kind kind = channel_kind(venue, channel);
    struct stream_traits traits = {
        .venue = venue,
        .channel = (uint8_t)kind,
        .stream_class = class_of(kind),
        .key = key_of(venue, kind),
        .chain = chain_of(venue, channel),
        .stale_after_ns = 3 * NS_PER_S,
    };

    if (kind == CHANNEL_MARK_PRICE) {
        traits.period_ns = mark_price_period_ns(venue, channel);
        traits.stale_after_ns = 3 * traits.period_ns;
    }
    /* Automatic gates hold books, best bids and asks, and the user stream; nothing else. */
    traits.observed = traits.stream_class != FLATLINE_CLASS_BOOK && kind != CHANNEL_USER;
    if (venue == FLATLINE_VENUE_OKX) {
        okx_traits(kind, &traits);
    }
    if (span_equals(symbol, "*")) {
        all_symbols_traits(&traits);
    } else {
        book_traits(venue, symbol, channel, &traits);
    }
    *ret_traits = traits;
}
