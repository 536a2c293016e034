/* SPDX-License-Identifier: MIT
 *
 * binance_payload.c - the frames of Binance spot, USD-M and COIN-M.
 *
 * Sources: spot web-socket-streams.md; USD-M and COIN-M "Websocket Market Streams", one page a
 * stream. Each function names the clock fields its frame has: E is the time of sending, T of the
 * match, and some frames have neither.
 */
#include "core/base.h"
#include "venue/payload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t back(uint64_t id, struct stamp stamp)
{
    return id > stamp.id_back ? id - stamp.id_back : 1;
}

static bool is_futures(const struct instrument *instrument)
{
    return instrument->venue != VENUE_SPOT;
}

/* COIN-M frames carry the pair as well: BTCUSD_PERP is of BTCUSD. */
static void add_symbol(const struct instrument *instrument, struct text *text)
{
    text_addf(text, "\"s\":\"%s\"", instrument->symbol);
    if (instrument->venue == VENUE_COINM) {
        text_addf(
            text, ",\"ps\":\"%.*s\"", (int)strcspn(instrument->symbol, "_"), instrument->symbol);
    }
}

static void
add_price(const struct instrument *instrument, const char *key, int64_t tick, struct text *text)
{
    text_addf(text, ",\"%s\":\"", key);
    payload_price(instrument, tick, text);
    text_add(text, "\"");
}

static void
add_size(const struct instrument *instrument, const char *key, uint64_t lots, struct text *text)
{
    text_addf(text, ",\"%s\":\"", key);
    payload_size(instrument, lots, text);
    text_add(text, "\"");
}

static void add_sides(const struct stream *stream,
                      const char *bids,
                      const char *asks,
                      uint64_t since,
                      struct text *text)
{
    text_addf(text, ",\"%s\":", bids);
    payload_side(stream->instrument, BOOK_BID, stream->rule.levels, since, text);
    text_addf(text, ",\"%s\":", asks);
    payload_side(stream->instrument, BOOK_ASK, stream->rule.levels, since, text);
}

/* spot: U == previous u + 1. USD-M: U jumps, pu == previous u of this stream; partial depth wears
 * the same clothes. */
static void add_depth(const struct stream *stream, struct stamp stamp, struct text *text)
{
    const struct instrument *instrument = stream->instrument;
    const bool is_partial = stream->rule.carries == CARRIES_PARTIAL;
    const uint64_t since = is_partial ? 0 : stream->chain_id;

    if (is_partial && !is_futures(instrument)) {
        text_addf(text, "{\"lastUpdateId\":%" PRIu64, back(instrument->book.id, stamp));
        add_sides(stream, "bids", "asks", 0, text);
        text_add(text, "}");
        return;
    }
    text_addf(text, "{\"e\":\"depthUpdate\",\"E\":%" PRIu64, wall_ms(stamp.wall_ns));
    if (is_futures(instrument)) {
        text_addf(text, ",\"T\":%" PRIu64, wall_ms(stamp.wall_ns) - 1);
    }
    text_add(text, ",");
    add_symbol(instrument, text);
    const uint64_t first = is_futures(instrument) ? stream->chain_next : stream->chain_id + 1;
    text_addf(text,
              ",\"U\":%" PRIu64 ",\"u\":%" PRIu64,
              back(first, stamp),
              back(instrument->book.id, stamp));
    if (is_futures(instrument)) {
        text_addf(text, ",\"pu\":%" PRIu64, back(stream->chain_id, stamp));
    }
    add_sides(stream, "b", "a", since, text);
    text_add(text, "}");
}

/* spot's has no time at all; the futures' has E and T. */
static void add_best(const struct instrument *instrument, struct stamp stamp, struct text *text)
{
    const struct book *book = &instrument->book;
    const enum book_side bids = stamp.crosses ? BOOK_ASK : BOOK_BID;
    const enum book_side asks = stamp.crosses ? BOOK_BID : BOOK_ASK;
    const struct book_level *bid = book_level(book, bids, 0);
    const struct book_level *ask = book_level(book, asks, 0);

    text_add(text, is_futures(instrument) ? "{\"e\":\"bookTicker\"," : "{");
    text_addf(text, "\"u\":%" PRIu64 ",", back(book->best_id, stamp));
    add_symbol(instrument, text);
    add_price(instrument, "b", bid->tick, text);
    add_size(instrument, "B", bid->lots[bids], text);
    add_price(instrument, "a", ask->tick, text);
    add_size(instrument, "A", ask->lots[asks], text);
    if (is_futures(instrument)) {
        text_addf(text,
                  ",\"T\":%" PRIu64 ",\"E\":%" PRIu64,
                  wall_ms(stamp.wall_ns),
                  wall_ms(stamp.wall_ns));
    }
    text_add(text, "}");
}

static void add_trade(const struct instrument *instrument, struct stamp stamp, struct text *text)
{
    const struct trade *trade = &instrument->trade;
    text_addf(text, "{\"e\":\"trade\",\"E\":%" PRIu64 ",", wall_ms(stamp.wall_ns));
    if (is_futures(instrument)) {
        text_addf(text, "\"T\":%" PRIu64 ",", wall_ms(trade->wall_ns));
    }
    add_symbol(instrument, text);
    text_addf(text, ",\"t\":%" PRIu64, back(trade->id, stamp));
    add_price(instrument, "p", trade->tick, text);
    add_size(instrument, "q", trade->lots, text);
    if (is_futures(instrument)) {
        text_addf(text, ",\"X\":\"MARKET\",\"m\":%s}", trade->buyer_is_maker ? "true" : "false");
    } else {
        text_addf(text,
                  ",\"T\":%" PRIu64 ",\"m\":%s,\"M\":true}",
                  wall_ms(trade->wall_ns),
                  trade->buyer_is_maker ? "true" : "false");
    }
}

static void
add_aggregate(const struct instrument *instrument, struct stamp stamp, struct text *text)
{
    const struct trade *trade = &instrument->trade;
    text_addf(text, "{\"e\":\"aggTrade\",\"E\":%" PRIu64 ",", wall_ms(stamp.wall_ns));
    add_symbol(instrument, text);
    text_addf(text, ",\"a\":%" PRIu64, back(instrument->aggregate_id + 1, stamp));
    add_price(instrument, "p", trade->tick, text);
    add_size(instrument, "q", instrument->aggregate_lots, text);
    if (instrument->venue == VENUE_USDM) {
        add_size(instrument, "nq", instrument->aggregate_lots, text);
    }
    text_addf(text,
              ",\"f\":%" PRIu64 ",\"l\":%" PRIu64 ",\"T\":%" PRIu64 ",\"m\":%s%s}",
              back(instrument->aggregate_first, stamp),
              back(trade->id, stamp),
              wall_ms(trade->wall_ns),
              trade->buyer_is_maker ? "true" : "false",
              is_futures(instrument) ? "" : ",\"M\":true");
}

/* T is the next funding time, in the future. */
static void add_mark(const struct instrument *instrument, struct stamp stamp, struct text *text)
{
    const uint64_t funding_ns = 8 * 3600 * NS_PER_S;
    const int64_t tick = instrument->book.best_tick[BOOK_BID];
    text_addf(text,
              "{\"e\":\"markPriceUpdate\",\"E\":%" PRIu64 ",\"s\":\"%s\"",
              wall_ms(stamp.wall_ns),
              instrument->symbol);
    add_price(instrument, "p", tick, text);
    add_price(instrument, "ap", tick, text);
    if (instrument->venue == VENUE_USDM) {
        add_price(instrument, "i", tick - 3, text);
    }
    add_price(instrument, "P", tick + 2, text);
    text_addf(text,
              ",\"r\":\"0.00010000\",\"T\":%" PRIu64 "}",
              wall_ms(stamp.wall_ns - stamp.wall_ns % funding_ns + funding_ns));
}

/* "1m" -> 60 s; months and weeks are as good as days here: only the edges t and T hang on it. */
static uint64_t interval_ns(const char *text)
{
    char *end;
    const uint64_t count = strtoull(text, &end, 10);
    const uint64_t unit_s = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : 86400;
    return (count == 0 || count > 60 ? 1 : count) * unit_s * NS_PER_S;
}

static void add_bars(const struct stream *stream, struct stamp stamp, struct text *text)
{
    const struct instrument *instrument = stream->instrument;
    const char *underscore = strchr(stream->channel, '_');
    const char *interval = underscore == NULL ? "1m" : underscore + 1;
    const uint64_t length_ns = interval_ns(interval);
    const uint64_t start_ns = stamp.wall_ns - stamp.wall_ns % length_ns;

    text_addf(text, "{\"e\":\"kline\",\"E\":%" PRIu64 ",", wall_ms(stamp.wall_ns));
    add_symbol(instrument, text);
    text_addf(text,
              ",\"k\":{\"t\":%" PRIu64 ",\"T\":%" PRIu64 ",\"s\":\"%s\",\"i\":\"%s\",\"f\":%" PRIu64
              ",\"L\":%" PRIu64,
              wall_ms(start_ns),
              wall_ms(start_ns + length_ns) - 1,
              instrument->symbol,
              interval,
              back(instrument->bar_first_id, stamp),
              back(instrument->trade.id, stamp));
    add_price(instrument, "o", instrument->open_tick, text);
    add_price(instrument, "c", instrument->trade.tick, text);
    add_price(instrument, "h", instrument->high_tick, text);
    add_price(instrument, "l", instrument->low_tick, text);
    add_size(instrument, "v", instrument->bar_lots, text);
    text_addf(text,
              ",\"n\":%" PRIu64 ",\"x\":false,\"q\":\"0\",\"V\":\"0\",\"Q\":\"0\",\"B\":\"0\"}}",
              instrument->bar_trades);
}

static void
add_ticker(const struct instrument *instrument, struct stamp stamp, bool is_mini, struct text *text)
{
    text_addf(text,
              "{\"e\":\"%s\",\"E\":%" PRIu64 ",",
              is_mini ? "24hrMiniTicker" : "24hrTicker",
              wall_ms(stamp.wall_ns));
    add_symbol(instrument, text);
    if (!is_mini) {
        text_add(text, ",\"p\":\"0\",\"P\":\"0\"");
        add_price(instrument, "w", instrument->open_tick, text);
        add_size(instrument, "Q", instrument->trade.lots, text);
    }
    add_price(instrument, "c", instrument->trade.tick, text);
    add_price(instrument, "o", instrument->open_tick, text);
    add_price(instrument, "h", instrument->high_tick, text);
    add_price(instrument, "l", instrument->low_tick, text);
    add_size(instrument, "v", instrument->bar_lots, text);
    text_add(text, ",\"q\":\"0\"");
    if (!is_mini) {
        text_addf(text,
                  ",\"O\":%" PRIu64 ",\"C\":%" PRIu64 ",\"F\":%" PRIu64 ",\"L\":%" PRIu64
                  ",\"n\":%" PRIu64,
                  wall_ms(stamp.wall_ns) - 86400000,
                  wall_ms(stamp.wall_ns),
                  back(instrument->bar_first_id, stamp),
                  back(instrument->trade.id, stamp),
                  instrument->bar_trades);
    }
    text_add(text, "}");
}

static void add_average(const struct instrument *instrument, struct stamp stamp, struct text *text)
{
    text_addf(text,
              "{\"e\":\"avgPrice\",\"E\":%" PRIu64 ",\"s\":\"%s\",\"i\":\"5m\"",
              wall_ms(stamp.wall_ns),
              instrument->symbol);
    add_price(instrument, "w", instrument->trade.tick, text);
    text_addf(text, ",\"T\":%" PRIu64 "}", wall_ms(instrument->trade.wall_ns));
}

static bool add_one(const struct stream *stream,
                    const struct instrument *instrument,
                    struct stamp stamp,
                    struct text *text)
{
    switch (stream->rule.carries) {
    case CARRIES_DEPTH:
    case CARRIES_PARTIAL:
        add_depth(stream, stamp, text);
        return true;
    case CARRIES_BEST:
        add_best(instrument, stamp, text);
        return true;
    case CARRIES_TRADE:
        add_trade(instrument, stamp, text);
        return true;
    case CARRIES_AGGREGATE:
        add_aggregate(instrument, stamp, text);
        return true;
    case CARRIES_MARK:
        add_mark(instrument, stamp, text);
        return true;
    case CARRIES_BARS:
        add_bars(stream, stamp, text);
        return true;
    case CARRIES_TICKER:
    case CARRIES_MINI_TICKER:
        add_ticker(instrument, stamp, stream->rule.carries == CARRIES_MINI_TICKER, text);
        return true;
    case CARRIES_AVERAGE:
        add_average(instrument, stamp, text);
        return true;
    case CARRIES_NOTHING:
    case CARRIES_INDEX:
    case CARRIES_FUNDING:
    case CARRIES_INTEREST:
    case CARRIES_LIMITS:
    case CARRIES_STATUS:
    case CARRIES_ACCOUNT:
        break;
    }
    return false;
}

/* One array of what every symbol of the venue would say; !bookTicker, once an array's worth of
 * frames, shows one symbol a time. */
static bool add_all(const struct stream *stream, struct stamp stamp, struct text *text)
{
    const bool is_array = stream->rule.carries != CARRIES_BEST;
    unsigned count = 0;

    text_add(text, is_array ? "[" : "");
    for (const char *const *symbol = market_listed(stream->instrument->venue); *symbol != NULL;
         symbol++) {
        const struct instrument *instrument =
            market_instrument(stream->instrument->market, stream->instrument->venue, *symbol);
        if (instrument == NULL) {
            continue;
        }
        text_add(text, count > 0 ? "," : "");
        if (!add_one(stream, instrument, stamp, text)) {
            return false;
        }
        count++;
        if (!is_array) {
            break;
        }
    }
    text_add(text, is_array ? "]" : "");
    return count > 0;
}

bool binance_payload(const struct stream *stream, struct stamp stamp, struct text *text)
{
    return stream->rule.all_symbols ? add_all(stream, stamp, text)
                                    : add_one(stream, stream->instrument, stamp, text);
}
