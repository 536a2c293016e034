/* SPDX-License-Identifier: MIT
 *
 * okx_payload.c - the frames of OKX v5.
 *
 * Sources: OKX v5 "Order book trading / Market data" (books, bbo-tbt, trades, tickers, candles)
 * and "Public data / WebSocket" (mark-price, index-tickers, funding-rate, open-interest,
 * price-limit). ts are strings, seqIds integers, the checksum is the constant 0 since 2026-06-23.
 */
#include "core/base.h"
#include "venue/payload.h"

#include <inttypes.h>
#include <string.h>

#define MINUTE_MS   60000
#define LONG_AGO_NS (86400 * NS_PER_S)

static uint64_t back(uint64_t id, struct stamp stamp)
{
    return id > stamp.id_back ? id - stamp.id_back : 1;
}

/* As told: lower by the resets there have been, higher where the channel counts by itself. */
static uint64_t now_id(const struct stream *stream)
{
    return stream->instrument->book.id - stream_id_offset(stream);
}

static uint64_t told_id(const struct stream *stream)
{
    return stream->chain_id - stream->chain_offset;
}

static const char *instrument_type(const char *symbol)
{
    const size_t length = strlen(symbol);
    return length > 5 && strcmp(symbol + length - 5, "-SWAP") == 0 ? "SWAP" : "SPOT";
}

static void add_arg(const struct stream *stream, struct text *text)
{
    text_addf(text,
              "{\"arg\":{\"channel\":\"%s\",\"instId\":\"%s\"},",
              stream->channel,
              stream->instrument->symbol);
}

static void
add_price(const struct stream *stream, const char *before, int64_t tick, struct text *text)
{
    text_add(text, before);
    payload_price(stream->instrument, tick, text);
    text_add(text, "\"");
}

static void add_sides(const struct stream *stream, bool crosses, uint64_t since, struct text *text)
{
    text_add(text, "\"asks\":");
    payload_side(
        stream->instrument, crosses ? BOOK_BID : BOOK_ASK, stream->rule.levels, since, text);
    text_add(text, ",\"bids\":");
    payload_side(
        stream->instrument, crosses ? BOOK_ASK : BOOK_BID, stream->rule.levels, since, text);
}

/* prevSeqId == the seqId before; a snapshot's is -1. */
static void add_book(const struct stream *stream,
                     struct stamp stamp,
                     bool is_snapshot,
                     uint64_t id,
                     struct text *text)
{
    add_arg(stream, text);
    text_addf(text, "\"action\":\"%s\",\"data\":[{", is_snapshot ? "snapshot" : "update");
    add_sides(stream, false, is_snapshot ? 0 : stream->chain_id, text);
    text_addf(
        text, ",\"ts\":\"%" PRIu64 "\",\"checksum\":0,\"prevSeqId\":", wall_ms(stamp.wall_ns));
    if (is_snapshot) {
        text_add(text, "-1");
    } else {
        text_addf(text, "%" PRIu64, back(told_id(stream), stamp));
    }
    text_addf(text, ",\"seqId\":%" PRIu64 "}]}", back(id, stamp));
}

static void add_keep_alive(const struct stream *stream, struct stamp stamp, struct text *text)
{
    add_arg(stream, text);
    const uint64_t id = back(told_id(stream), stamp);
    text_addf(text,
              "\"action\":\"update\",\"data\":[{\"asks\":[],\"bids\":[],\"ts\":\"%" PRIu64
              "\",\"checksum\":0,\"prevSeqId\":%" PRIu64 ",\"seqId\":%" PRIu64 "}]}",
              wall_ms(stamp.wall_ns),
              id,
              id);
}

static void add_top(const struct stream *stream, struct stamp stamp, uint64_t id, struct text *text)
{
    add_arg(stream, text);
    text_add(text, "\"data\":[{");
    add_sides(stream, stamp.crosses, 0, text);
    if (stream->rule.carries == CARRIES_PARTIAL) {
        text_addf(text, ",\"instId\":\"%s\"", stream->instrument->symbol);
    }
    text_addf(text,
              ",\"ts\":\"%" PRIu64 "\",\"seqId\":%" PRIu64 "}]}",
              wall_ms(stamp.wall_ns),
              back(id, stamp));
}

static void
add_trade(const struct stream *stream, struct stamp stamp, uint64_t wall_ns, struct text *text)
{
    const struct trade *trade = &stream->instrument->trade;
    add_arg(stream, text);
    text_addf(text,
              "\"data\":[{\"instId\":\"%s\",\"tradeId\":\"%" PRIu64 "\"",
              stream->instrument->symbol,
              back(trade->id, stamp));
    add_price(stream, ",\"px\":\"", trade->tick, text);
    text_add(text, ",\"sz\":\"");
    payload_size(stream->instrument, trade->lots, text);
    text_addf(text,
              "\",\"side\":\"%s\",\"ts\":\"%" PRIu64
              "\",\"count\":\"1\",\"source\":\"0\",\"seqId\":%" PRIu64 "}]}",
              trade->buyer_is_maker ? "sell" : "buy",
              wall_ms(wall_ns),
              back(now_id(stream), stamp));
}

static void add_ticker(const struct stream *stream, uint64_t wall_ns, struct text *text)
{
    const struct instrument *instrument = stream->instrument;
    const struct book_level *bid = book_level(&instrument->book, BOOK_BID, 0);
    const struct book_level *ask = book_level(&instrument->book, BOOK_ASK, 0);

    add_arg(stream, text);
    text_addf(text,
              "\"data\":[{\"instType\":\"%s\",\"instId\":\"%s\"",
              instrument_type(instrument->symbol),
              instrument->symbol);
    add_price(stream, ",\"last\":\"", instrument->trade.tick, text);
    text_add(text, ",\"lastSz\":\"");
    payload_size(instrument, instrument->trade.lots, text);
    add_price(stream, "\",\"askPx\":\"", ask->tick, text);
    text_add(text, ",\"askSz\":\"");
    payload_size(instrument, ask->lots[BOOK_ASK], text);
    add_price(stream, "\",\"bidPx\":\"", bid->tick, text);
    text_add(text, ",\"bidSz\":\"");
    payload_size(instrument, bid->lots[BOOK_BID], text);
    add_price(stream, "\",\"open24h\":\"", instrument->open_tick, text);
    add_price(stream, ",\"high24h\":\"", instrument->high_tick, text);
    add_price(stream, ",\"low24h\":\"", instrument->low_tick, text);
    text_addf(text,
              ",\"volCcy24h\":\"2222\",\"vol24h\":\"2222\",\"sodUtc0\":\"2222\",\"sodUtc8\":"
              "\"2222\",\"ts\":\"%" PRIu64 "\"}]}",
              wall_ms(wall_ns));
}

/* mark-price, index-tickers, price-limit, funding-rate, open-interest: a figure or two and a ts. */
static void add_figure(const struct stream *stream, struct stamp stamp, struct text *text)
{
    const struct instrument *instrument = stream->instrument;
    const int64_t tick = instrument->book.best_tick[BOOK_BID];
    const enum carries carries = stream->rule.carries;

    add_arg(stream, text);
    text_addf(text,
              "\"data\":[{\"instType\":\"%s\",\"instId\":\"%s\"",
              instrument_type(instrument->symbol),
              instrument->symbol);
    if (carries == CARRIES_MARK) {
        add_price(stream, ",\"markPx\":\"", tick, text);
    } else if (carries == CARRIES_INDEX) {
        add_price(stream, ",\"idxPx\":\"", tick, text);
    } else if (carries == CARRIES_LIMITS) {
        add_price(stream, ",\"buyLmt\":\"", tick + 5000, text);
        add_price(stream, ",\"sellLmt\":\"", tick - 5000, text);
    } else if (carries == CARRIES_FUNDING) {
        const uint64_t funding_ms = 8 * 3600 * 1000;
        text_addf(text,
                  ",\"fundingRate\":\"0.0001\",\"fundingTime\":\"%" PRIu64 "\"",
                  wall_ms(stamp.wall_ns) / funding_ms * funding_ms + funding_ms);
    } else {
        text_add(text, ",\"oi\":\"5000\",\"oiCcy\":\"555.55\"");
    }
    text_addf(text, ",\"ts\":\"%" PRIu64 "\"}]}", wall_ms(stamp.wall_ns));
}

/* [0] is the bar's opening time: no clock of the event. */
static void add_candle(const struct stream *stream, struct stamp stamp, struct text *text)
{
    const struct instrument *instrument = stream->instrument;
    add_arg(stream, text);
    text_addf(text, "\"data\":[[\"%" PRIu64 "\",\"", wall_ms(stamp.wall_ns) / 60000 * 60000);
    payload_price(instrument, instrument->open_tick, text);
    add_price(stream, "\",\"", instrument->high_tick, text);
    add_price(stream, ",\"", instrument->low_tick, text);
    add_price(stream, ",\"", instrument->trade.tick, text);
    text_addf(text,
              ",\"%" PRIu64 "\",\"%" PRIu64 "\",\"0\",\"0\"]]}",
              instrument->bar_lots,
              instrument->bar_trades);
}

/* Not channels of one instrument: the args name a type or nothing. */
void okx_work_row(struct work work, struct text *text)
{
    const uint64_t begin_ms = wall_ms(work.begin_wall_ns);
    text_addf(text,
              "{\"begin\":\"%" PRIu64 "\",\"end\":\"%" PRIu64 "\",\"serviceType\":\"0\","
              "\"state\":\"%s\",\"maintType\":\"1\",\"env\":\"1\",\"system\":\"unified\","
              "\"title\":\"WebSocket maintenance\",\"preOpenBegin\":\"\",\"scheDesc\":\"\","
              "\"href\":\"\"",
              begin_ms,
              begin_ms + 30 * MINUTE_MS,
              work.is_ongoing ? "ongoing" : "completed");
}

static void add_status(struct stamp stamp, struct text *text)
{
    struct work work = stamp.work;
    if (work.begin_wall_ns == 0) {
        work.begin_wall_ns = stamp.wall_ns - LONG_AGO_NS;
    }
    text_add(text, "{\"arg\":{\"channel\":\"status\"},\"data\":[");
    okx_work_row(work, text);
    text_addf(text, ",\"ts\":\"%" PRIu64 "\"}]}", wall_ms(stamp.wall_ns));
}

static void add_account(const struct stream *stream, struct stamp stamp, struct text *text)
{
    text_addf(text,
              "{\"arg\":{\"channel\":\"%s\",\"uid\":\"77982378738415879\"},\"data\":[{\"uTime\":"
              "\"%" PRIu64 "\",\"totalEq\":\"10000\",\"details\":[]}]}",
              stream->channel,
              wall_ms(stamp.wall_ns));
}

bool okx_payload(const struct stream *stream, struct stamp stamp, struct text *text)
{
    switch (stream->rule.carries) {
    case CARRIES_DEPTH:
        add_book(stream, stamp, false, now_id(stream), text);
        return true;
    case CARRIES_PARTIAL:
    case CARRIES_BEST:
        add_top(stream, stamp, now_id(stream), text);
        return true;
    case CARRIES_TRADE:
        add_trade(stream, stamp, stamp.wall_ns, text);
        return true;
    case CARRIES_TICKER:
        add_ticker(stream, stamp.wall_ns, text);
        return true;
    case CARRIES_MARK:
    case CARRIES_INDEX:
    case CARRIES_FUNDING:
    case CARRIES_INTEREST:
    case CARRIES_LIMITS:
        add_figure(stream, stamp, text);
        return true;
    case CARRIES_BARS:
        add_candle(stream, stamp, text);
        return true;
    case CARRIES_STATUS:
        add_status(stamp, text);
        return true;
    case CARRIES_ACCOUNT:
        add_account(stream, stamp, text);
        return true;
    case CARRIES_NOTHING:
    case CARRIES_AGGREGATE:
    case CARRIES_MINI_TICKER:
    case CARRIES_AVERAGE:
        break;
    }
    return false;
}

bool okx_first_payload(const struct stream *stream, struct stamp stamp, struct text *text)
{
    /* levels may already be newer than the id says: the next update tells them again, with the
     * values they have then */
    const uint64_t last_wall_ns = stream->instrument->trade.wall_ns;

    switch (stream->rule.carries) {
    case CARRIES_DEPTH:
        add_book(stream, stamp, true, told_id(stream), text);
        return true;
    case CARRIES_PARTIAL:
    case CARRIES_BEST:
        add_top(stream, stamp, told_id(stream), text);
        return true;
    case CARRIES_TRADE:
        add_trade(stream, stamp, last_wall_ns, text);
        return true;
    case CARRIES_TICKER:
        add_ticker(stream, last_wall_ns, text);
        return true;
    case CARRIES_MARK:
    case CARRIES_INDEX:
    case CARRIES_FUNDING:
    case CARRIES_INTEREST:
    case CARRIES_LIMITS:
    case CARRIES_BARS:
    case CARRIES_STATUS:
        return okx_payload(stream, stamp, text);
    case CARRIES_ACCOUNT:
    case CARRIES_NOTHING:
    case CARRIES_AGGREGATE:
    case CARRIES_MINI_TICKER:
    case CARRIES_AVERAGE:
        break;
    }
    return false;
}

bool okx_idle_payload(const struct stream *stream, struct stamp stamp, struct text *text)
{
    if (stream->rule.carries != CARRIES_DEPTH) {
        return okx_payload(stream, stamp, text);
    }
    add_keep_alive(stream, stamp, text);
    return true;
}
