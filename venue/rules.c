/* SPDX-License-Identifier: MIT */
#include "venue/rules.h"

#include "core/base.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const VENUE_NAMES[VENUE_COUNT] = {
    "binance-spot", "binance-usdm", "binance-coinm", "okx"};

static const char *const SERVING_NAMES[] = {
    "stream", "unrouted", "public", "market", "private", "business", "none"};

/* Binance: ping every 20 s, pong within 1 min on spot since 2025-02 (web-socket-streams.md); 3 min
 * and 10 min on the futures; 5 and 10 incoming messages a second, 1024 streams. OKX: close 4004
 * after 30 s without data, 480 requests an hour. */
static const struct keeping KEEPING[VENUE_COUNT] = {
    [VENUE_SPOT] = {20 * NS_PER_S, 60 * NS_PER_S, 0, 5, 1024, 0},
    [VENUE_USDM] = {180 * NS_PER_S, 600 * NS_PER_S, 0, 10, 1024, 0},
    [VENUE_COINM] = {180 * NS_PER_S, 600 * NS_PER_S, 0, 10, 1024, 0},
    [VENUE_OKX] = {0, 0, 30 * NS_PER_S, 0, 0, 480},
};

const struct keeping *venue_keeping(enum venue venue)
{
    return &KEEPING[venue];
}

const char *venue_name(enum venue venue)
{
    return VENUE_NAMES[venue];
}

bool venue_of_name(const char *name, size_t name_bytes, enum venue *ret_venue)
{
    for (int venue = 0; venue < VENUE_COUNT; venue++) {
        if (strlen(VENUE_NAMES[venue]) == name_bytes &&
            memcmp(VENUE_NAMES[venue], name, name_bytes) == 0) {
            *ret_venue = (enum venue)venue;
            return true;
        }
    }
    return false;
}

const char *serving_name(enum serving serving)
{
    return SERVING_NAMES[serving];
}

/* Binance, USD-M base URL split, announced 2026-03-05: /public, /market, /private publish only
 * their own streams; the unrouted base behaves as /public. COIN-M: /ws and /stream still serve
 * all; /market is accepted too. */
bool serving_publishes(enum venue venue, enum serving here, enum serving home, bool swapped)
{
    const bool is_unrouted = here == SERVES_UNROUTED;
    enum serving seen = is_unrouted ? SERVES_PUBLIC : here;

    if (swapped && (seen == SERVES_PUBLIC || seen == SERVES_MARKET)) {
        seen = seen == SERVES_PUBLIC ? SERVES_MARKET : SERVES_PUBLIC;
    } else if (swapped && seen == SERVES_STREAM) {
        return false;
    }
    if (venue == VENUE_SPOT || venue == VENUE_COINM) {
        return home != SERVES_PRIVATE;
    }
    return seen == home;
}

/* ---- Binance ---- */

/* One row a channel: base name, what it carries, how it is paced, the period without a speed
 * suffix (spot, futures), its route. */
struct binance_row {
    const char *base;
    enum carries carries;
    enum pace pace;
    uint32_t spot_ms;
    uint32_t futures_ms; /* 0: the venue has no such channel */
    enum serving serving;
    bool all_symbols;
};

/* Sources: Binance spot web-socket-streams.md; USD-M "Websocket Market Streams" pages, one per
 * stream. */
static const struct binance_row BINANCE_ROWS[] = {
    {"depth", CARRIES_DEPTH, PACE_BATCH, 1000, 250, SERVES_PUBLIC, false},
    {"rpiDepth", CARRIES_DEPTH, PACE_BATCH, 0, 500, SERVES_PUBLIC, false},
    {"bookTicker", CARRIES_BEST, PACE_CHANGE, 1, 1, SERVES_PUBLIC, false},
    {"trade", CARRIES_TRADE, PACE_CHANGE, 1, 1, SERVES_PUBLIC, false},
    {"aggTrade", CARRIES_AGGREGATE, PACE_BATCH, 1, 100, SERVES_MARKET, false},
    {"markPrice", CARRIES_MARK, PACE_TIMER, 0, 3000, SERVES_MARKET, false},
    {"kline", CARRIES_BARS, PACE_BATCH, 2000, 250, SERVES_MARKET, false},
    {"continuousKline", CARRIES_BARS, PACE_BATCH, 0, 250, SERVES_MARKET, false},
    {"ticker", CARRIES_TICKER, PACE_TIMER, 1000, 2000, SERVES_MARKET, false},
    {"miniTicker", CARRIES_MINI_TICKER, PACE_TIMER, 1000, 2000, SERVES_MARKET, false},
    {"avgPrice", CARRIES_AVERAGE, PACE_TIMER, 1000, 0, SERVES_MARKET, false},
    {"forceOrder", CARRIES_NOTHING, PACE_NEVER, 0, 1000, SERVES_MARKET, false},
    {"bookTicker", CARRIES_BEST, PACE_TIMER, 0, 5000, SERVES_PUBLIC, true},
    {"markPrice@arr", CARRIES_MARK, PACE_TIMER, 0, 3000, SERVES_MARKET, true},
    {"miniTicker@arr", CARRIES_MINI_TICKER, PACE_TIMER, 1000, 1000, SERVES_MARKET, true},
    {"ticker@arr", CARRIES_TICKER, PACE_TIMER, 0, 1000, SERVES_MARKET, true},
    {"forceOrder@arr", CARRIES_NOTHING, PACE_NEVER, 0, 1000, SERVES_MARKET, true},
    {"contractInfo", CARRIES_NOTHING, PACE_NEVER, 0, 1000, SERVES_MARKET, true},
};

/* "100ms" and "1s" after the last '@': the speed, in ms. 0 for anything else. */
static uint32_t speed_ms(const char *text)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text)) {
        return 0;
    }
    const unsigned long number = strtoul(text, &end, 10);
    if (number > 10000) {
        return 0;
    }
    if (strcmp(end, "ms") == 0) {
        return number == 0 ? 20 : (uint32_t)number; /* @0ms: as fast as it goes */
    }
    return strcmp(end, "s") == 0 ? (uint32_t)number * 1000 : 0;
}

/* Splits "depth20@100ms" into "depth", 20 and 100; "kline_1m" into "kline"; "markPrice@arr@1s"
 * into "markPrice@arr" and 1000. */
static bool
binance_split(const char *channel, char base[CHANNEL_BYTES], unsigned *levels, uint32_t *speed)
{
    if (strlen(channel) >= CHANNEL_BYTES) {
        return false;
    }
    memcpy(base, channel, strlen(channel) + 1);
    char *at = strrchr(base, '@');
    *speed = at == NULL ? 0 : speed_ms(at + 1);
    if (*speed != 0) {
        *at = '\0';
    }
    char *bar = strchr(base, '_');
    if (bar != NULL) {
        *bar = '\0';
    }
    *levels = 0;
    if (strncmp(base, "depth", 5) == 0 && base[5] != '\0') {
        char *end;
        *levels = (unsigned)strtoul(base + 5, &end, 10);
        base[5] = '\0';
        return *end == '\0' && (*levels == 5 || *levels == 10 || *levels == 20);
    }
    return true;
}

static bool
binance_rule(enum venue venue, const char *symbol, const char *channel, struct channel *ret_channel)
{
    char base[CHANNEL_BYTES];
    unsigned levels = 0;
    uint32_t speed = 0;
    const bool all_symbols = strcmp(symbol, "*") == 0;
    const bool is_spot = venue == VENUE_SPOT;

    if (!binance_split(channel, base, &levels, &speed)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(BINANCE_ROWS); i++) {
        const struct binance_row *row = &BINANCE_ROWS[i];
        const uint32_t standard_ms = is_spot ? row->spot_ms : row->futures_ms;
        if (strcmp(row->base, base) != 0 || row->all_symbols != all_symbols || standard_ms == 0) {
            continue;
        }
        *ret_channel = (struct channel){
            .carries = levels > 0 ? CARRIES_PARTIAL : row->carries,
            .pace = row->pace,
            .period_ns = (speed != 0 ? speed : standard_ms) * NS_PER_MS,
            .levels = levels,
            .all_symbols = all_symbols,
            .serving = is_spot || venue == VENUE_COINM ? SERVES_STREAM : row->serving,
        };
        if (is_spot && strcmp(channel, "kline_1s") == 0) {
            ret_channel->period_ns = NS_PER_S;
        }
        if (is_spot && row->carries == CARRIES_AGGREGATE) {
            ret_channel->pace = PACE_CHANGE; /* each taker order at once */
        }
        return true;
    }
    return false;
}

/* ---- OKX ---- */

struct okx_row {
    const char *base;
    bool is_prefix; /* candle1m, index-candle5m ... */
    enum carries carries;
    enum pace pace;
    uint32_t period_ms;
    uint32_t idle_s;
    unsigned levels;
    enum serving serving;
};

/* Source: OKX v5, "Order book trading / Market data" and "Public data / WebSocket" pages; the idle
 * repeat from "Order book channel". */
static const struct okx_row OKX_ROWS[] = {
    {"books", false, CARRIES_DEPTH, PACE_BATCH, 100, 60, 0, SERVES_PUBLIC},
    {"books-l2-tbt", false, CARRIES_DEPTH, PACE_BATCH, 10, 60, 0, SERVES_PUBLIC},
    {"books50-l2-tbt", false, CARRIES_DEPTH, PACE_BATCH, 10, 60, 0, SERVES_PUBLIC},
    {"books5", false, CARRIES_PARTIAL, PACE_BATCH, 100, 60, 5, SERVES_PUBLIC},
    {"bbo-tbt", false, CARRIES_BEST, PACE_BATCH, 10, 60, 1, SERVES_PUBLIC},
    {"tickers", false, CARRIES_TICKER, PACE_BATCH, 100, 0, 0, SERVES_PUBLIC},
    {"trades", false, CARRIES_TRADE, PACE_CHANGE, 0, 0, 0, SERVES_PUBLIC},
    {"trades-all", false, CARRIES_TRADE, PACE_CHANGE, 0, 0, 0, SERVES_BUSINESS},
    {"mark-price", false, CARRIES_MARK, PACE_BATCH, 200, 10, 0, SERVES_PUBLIC},
    {"index-tickers", false, CARRIES_INDEX, PACE_BATCH, 100, 60, 0, SERVES_PUBLIC},
    {"funding-rate", false, CARRIES_FUNDING, PACE_TIMER, 30000, 0, 0, SERVES_PUBLIC},
    {"open-interest", false, CARRIES_INTEREST, PACE_TIMER, 3000, 0, 0, SERVES_PUBLIC},
    {"price-limit", false, CARRIES_LIMITS, PACE_BATCH, 200, 0, 0, SERVES_PUBLIC},
    {"status", false, CARRIES_STATUS, PACE_NEVER, 0, 0, 0, SERVES_PUBLIC},
    {"instruments", false, CARRIES_NOTHING, PACE_NEVER, 0, 0, 0, SERVES_PUBLIC},
    {"liquidation-orders", false, CARRIES_NOTHING, PACE_NEVER, 0, 0, 0, SERVES_PUBLIC},
    {"candle", true, CARRIES_BARS, PACE_BATCH, 1000, 0, 0, SERVES_BUSINESS},
    {"mark-price-candle", true, CARRIES_BARS, PACE_BATCH, 1000, 0, 0, SERVES_BUSINESS},
    {"index-candle", true, CARRIES_BARS, PACE_BATCH, 1000, 0, 0, SERVES_BUSINESS},
    {"orders", false, CARRIES_ACCOUNT, PACE_NEVER, 0, 0, 0, SERVES_PRIVATE},
    {"account", false, CARRIES_ACCOUNT, PACE_TIMER, 5000, 0, 0, SERVES_PRIVATE},
    {"positions", false, CARRIES_ACCOUNT, PACE_TIMER, 5000, 0, 0, SERVES_PRIVATE},
    {"balance_and_position", false, CARRIES_ACCOUNT, PACE_NEVER, 0, 0, 0, SERVES_PRIVATE},
};

static bool okx_rule(const char *channel, struct channel *ret_channel)
{
    for (size_t i = 0; i < ARRAY_COUNT(OKX_ROWS); i++) {
        const struct okx_row *row = &OKX_ROWS[i];
        const bool is_it = row->is_prefix ? strncmp(channel, row->base, strlen(row->base)) == 0
                                          : strcmp(channel, row->base) == 0;
        if (is_it) {
            *ret_channel = (struct channel){
                .carries = row->carries,
                .pace = row->pace,
                .period_ns = row->period_ms * NS_PER_MS,
                .idle_ns = row->idle_s * NS_PER_S,
                .levels = row->levels,
                .serving = row->serving,
                .all_symbols = row->carries == CARRIES_STATUS,
            };
            return true;
        }
    }
    return false;
}

bool channel_rule(enum venue venue,
                  const char *symbol,
                  const char *channel,
                  struct channel *ret_channel)
{
    return venue == VENUE_OKX ? okx_rule(channel, ret_channel)
                              : binance_rule(venue, symbol, channel, ret_channel);
}
