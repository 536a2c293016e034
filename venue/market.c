/* SPDX-License-Identifier: MIT */
#include "venue/market.h"

#include "core/base.h"
#include "venue/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST_MAX          10
#define BURST_IN           8   /* one change in so many starts a burst */
#define BURST_MEAN_PERCENT 169 /* changes per chosen instant: 1 + (1 + BURST_MAX) / 2 / BURST_IN */
#define TRADE_IN           5   /* one change in so many is a trade */
#define BURST_GAP_NS       (200 * NS_PER_US)
#define RATES_MAX          256

enum alarm_kind { ALARM_CHANGE, ALARM_DUE, ALARM_IDLE };

struct rate {
    char symbol[SYMBOL_BYTES];
    double per_second;
};

struct bogus {
    char symbol[SYMBOL_BYTES];
    struct bogus *next;
};

struct market {
    struct market_options options;
    struct sink sink;
    struct alarms alarms;
    struct moment born;
    struct instrument *instruments;
    struct rate rates[RATES_MAX];
    size_t rate_count;
    struct bogus *bogus;
    struct text scratch;
};

/* ---- lists ---- */

static const char *const SPOT_LISTED[] = {"BTCUSDT",
                                          "ETHUSDT",
                                          "SOLUSDT",
                                          "BNBUSDT",
                                          "XRPUSDT",
                                          "DOGEUSDT",
                                          "ADAUSDT",
                                          "LTCUSDT",
                                          "LINKUSDT",
                                          "AVAXUSDT",
                                          "ETHBTC",
                                          "BNBBTC",
                                          NULL};
static const char *const USDM_LISTED[] = {"BTCUSDT",
                                          "ETHUSDT",
                                          "SOLUSDT",
                                          "BNBUSDT",
                                          "XRPUSDT",
                                          "DOGEUSDT",
                                          "ADAUSDT",
                                          "LTCUSDT",
                                          "LINKUSDT",
                                          "AVAXUSDT",
                                          "BTCUSDC",
                                          NULL};
static const char *const COINM_LISTED[] = {
    "BTCUSD_PERP", "ETHUSD_PERP", "SOLUSD_PERP", "BNBUSD_PERP", "XRPUSD_PERP", NULL};
static const char *const OKX_LISTED[] = {"BTC-USDT",
                                         "ETH-USDT",
                                         "SOL-USDT",
                                         "XRP-USDT",
                                         "DOGE-USDT",
                                         "BTC-USDT-SWAP",
                                         "ETH-USDT-SWAP",
                                         "SOL-USDT-SWAP",
                                         "XRP-USDT-SWAP",
                                         "BTC-USD-SWAP",
                                         "ETH-USD-SWAP",
                                         NULL};

const char *const *market_listed(enum venue venue)
{
    static const char *const *const lists[VENUE_COUNT] = {
        SPOT_LISTED, USDM_LISTED, COINM_LISTED, OKX_LISTED};
    return lists[venue];
}

struct instrument *market_instruments(struct market *market)
{
    return market->instruments;
}

void market_bogus(struct market *market, const char *symbol)
{
    struct bogus *bogus = allocate(sizeof(*bogus));
    (void)snprintf(bogus->symbol, sizeof(bogus->symbol), "%s", symbol);
    bogus->next = market->bogus;
    market->bogus = bogus;
}

bool market_is_bogus(const struct market *market, const char *symbol)
{
    for (const struct bogus *bogus = market->bogus; bogus != NULL; bogus = bogus->next) {
        if (strcmp(bogus->symbol, symbol) == 0) {
            return true;
        }
    }
    return false;
}

struct market *
market_create(const struct market_options *options, struct sink sink, struct moment now)
{
    struct market *market = allocate(sizeof(*market));
    market->options = *options;
    market->sink = sink;
    market->born = now;
    return market;
}

static void instrument_destroy(struct instrument *instrument)
{
    while (instrument->streams != NULL) {
        struct stream *stream = instrument->streams;
        instrument->streams = stream->next;
        text_free(&stream->last);
        free(stream);
    }
    free(instrument);
}

void market_destroy(struct market *market)
{
    while (market->instruments != NULL) {
        struct instrument *instrument = market->instruments;
        market->instruments = instrument->next;
        instrument_destroy(instrument);
    }
    while (market->bogus != NULL) {
        struct bogus *bogus = market->bogus;
        market->bogus = bogus->next;
        free(bogus);
    }
    alarms_free(&market->alarms);
    text_free(&market->scratch);
    free(market);
}

/* ---- instruments ---- */

static double price_of(const char *symbol)
{
    static const struct {
        const char *prefix;
        double price;
    } known[] = {{"BTC", 61000},
                 {"ETHBTC", 0.043},
                 {"BNBBTC", 0.009},
                 {"ETH", 2650},
                 {"SOL", 152},
                 {"BNB", 560},
                 {"XRP", 0.61},
                 {"DOGE", 0.105},
                 {"ADA", 0.35},
                 {"LTC", 68},
                 {"LINK", 11},
                 {"AVAX", 24}};

    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (strncmp(symbol, known[i].prefix, strlen(known[i].prefix)) == 0) {
            return known[i].price;
        }
    }
    return 0.5 + (double)(random_hash(7, symbol) % 9000) / 100.0;
}

/* Ids go on where an earlier life of the venue can have left them, as a real exchange's do. */
static uint64_t id_at_birth(const struct instrument *instrument, struct moment now)
{
    static const uint64_t base[VENUE_COUNT] = {
        40000000000ULL, 5000000000000ULL, 1000000000000ULL, 90000000000ULL};
    static const uint64_t per_ms[VENUE_COUNT] = {4, 64, 64, 8};
    const uint64_t since_2020_ms =
        wall_ms(now.wall_ns) > 1577836800000ULL ? wall_ms(now.wall_ns) - 1577836800000ULL : 0;
    return base[instrument->venue] + random_hash(3, instrument->symbol) % 1000000 +
           since_2020_ms * per_ms[instrument->venue];
}

static double rate_of(const struct market *market, const char *symbol)
{
    for (size_t i = 0; i < market->rate_count; i++) {
        if (strcmp(market->rates[i].symbol, symbol) == 0) {
            return market->rates[i].per_second;
        }
    }
    return market->options.rate;
}

static void instrument_pace(struct instrument *instrument, double per_second)
{
    instrument->mean_gap_ns =
        per_second > 0 ? (uint64_t)(1e9 / per_second * BURST_MEAN_PERCENT / 100.0) : 0;
}

static void instrument_price(struct instrument *instrument)
{
    static const unsigned lot_decimals[VENUE_COUNT] = {5, 3, 0, 2};
    double price = price_of(instrument->symbol);
    while (price < 100000 && instrument->price_decimals < 8) {
        price *= 10;
        instrument->price_decimals++;
    }
    instrument->lot_decimals = lot_decimals[instrument->venue];
    instrument->open_tick = (int64_t)price;
}

static struct instrument *
instrument_create(struct market *market, enum venue venue, const char *symbol)
{
    struct instrument *instrument = allocate(sizeof(*instrument));
    const uint64_t seed = market->options.seed * VENUE_COUNT + (uint64_t)venue;

    instrument->market = market;
    instrument->venue = venue;
    (void)snprintf(instrument->symbol, sizeof(instrument->symbol), "%s", symbol);
    instrument->random.state = random_hash(seed, symbol);
    instrument->change = (struct alarm){.owner = instrument, .kind = ALARM_CHANGE};
    instrument_price(instrument);
    const uint64_t id = id_at_birth(instrument, market->born);
    book_start(&instrument->book, &instrument->random, instrument->open_tick, id);
    instrument->high_tick = instrument->low_tick = instrument->open_tick;
    /* an old trade to begin with: OKX pushes the last one on subscribe, however old */
    const uint64_t age_ns = (5 + random_below(&instrument->random, 3600)) * NS_PER_S;
    instrument->trade = (struct trade){.id = id / 64,
                                       .tick = instrument->open_tick,
                                       .lots = 1000,
                                       .wall_ns = market->born.wall_ns - age_ns};
    instrument->aggregate_id = id / 128;
    instrument->aggregate_first = instrument->trade.id + 1;
    instrument->bar_first_id = instrument->trade.id;
    instrument_pace(instrument, rate_of(market, symbol));
    instrument->next = market->instruments;
    market->instruments = instrument;
    return instrument;
}

struct instrument *market_instrument(struct market *market, enum venue venue, const char *symbol)
{
    if (strlen(symbol) >= SYMBOL_BYTES || market_is_bogus(market, symbol)) {
        return NULL;
    }
    for (struct instrument *at = market->instruments; at != NULL; at = at->next) {
        if (at->venue == venue && strcmp(at->symbol, symbol) == 0) {
            return at;
        }
    }
    return instrument_create(market, venue, symbol);
}

static uint64_t next_gap_ns(struct instrument *instrument)
{
    if (instrument->burst_left > 0) {
        instrument->burst_left--;
        return BURST_GAP_NS / 4 + random_below(&instrument->random, BURST_GAP_NS);
    }
    if (random_below(&instrument->random, BURST_IN) == 0) {
        instrument->burst_left = 1 + (unsigned)random_below(&instrument->random, BURST_MAX);
    }
    /* uniform, not exponential: a healthy symbol of rate n is never silent for longer than 4 / n
     * seconds */
    return instrument->mean_gap_ns / 4 +
           random_below(&instrument->random, instrument->mean_gap_ns * 3 / 2);
}

void market_rate(struct market *market, const char *symbol, double per_second, struct moment now)
{
    size_t i = 0;
    while (i < market->rate_count && strcmp(market->rates[i].symbol, symbol) != 0) {
        i++;
    }
    if (i < RATES_MAX) {
        (void)snprintf(market->rates[i].symbol, SYMBOL_BYTES, "%s", symbol);
        market->rates[i].per_second = per_second;
        market->rate_count = i == market->rate_count ? i + 1 : market->rate_count;
    }
    for (struct instrument *at = market->instruments; at != NULL; at = at->next) {
        if (strcmp(at->symbol, symbol) == 0) {
            instrument_pace(at, per_second);
            at->burst_left = 0;
            const bool lives = at->listeners > 0 && at->mean_gap_ns > 0;
            alarm_set(
                &market->alarms, &at->change, lives ? now.mono_ns + next_gap_ns(at) : ALARM_NEVER);
        }
    }
}

/* ---- streams ---- */

struct stream *
market_stream(struct market *market, enum venue venue, const char *symbol, const char *channel)
{
    struct channel rule;
    struct instrument *instrument = market_instrument(market, venue, symbol);

    if (instrument == NULL || strlen(channel) >= CHANNEL_BYTES ||
        !channel_rule(venue, symbol, channel, &rule)) {
        return NULL;
    }
    for (struct stream *at = instrument->streams; at != NULL; at = at->next) {
        if (strcmp(at->channel, channel) == 0) {
            return at;
        }
    }
    struct stream *stream = allocate(sizeof(*stream));
    stream->instrument = instrument;
    stream->rule = rule;
    (void)snprintf(stream->channel, sizeof(stream->channel), "%s", channel);
    (void)snprintf(
        stream->name, sizeof(stream->name), "%s/%s/%s", venue_name(venue), symbol, channel);
    stream->due = (struct alarm){.owner = stream, .kind = ALARM_DUE};
    stream->idle = (struct alarm){.owner = stream, .kind = ALARM_IDLE};
    stream->next = instrument->streams;
    instrument->streams = stream;
    return stream;
}

/* Periods end on the wall clock's multiples, as the venues' do. */
static uint64_t period_end_ns(const struct stream *stream, struct moment now)
{
    const uint64_t period_ns = stream->rule.period_ns;
    return now.mono_ns + period_ns - now.wall_ns % period_ns;
}

static uint64_t idle_after_ns(const struct stream *stream)
{
    return stream->rule.idle_ns * stream->instrument->market->options.period_scale_ppm / 1000000;
}

void market_listen(struct market *market, struct stream *stream, struct moment now)
{
    struct instrument *instrument = stream->instrument;

    if (stream->listeners++ > 0) {
        return;
    }
    stream->is_dirty = false;
    stream->chain_id = instrument->book.id;
    stream->chain_offset = stream_id_offset(stream);
    if (stream->rule.carries == CARRIES_AGGREGATE) {
        instrument->aggregate_first = instrument->trade.id + 1;
        instrument->aggregate_lots = 0;
    }
    if (stream->rule.pace == PACE_BATCH || stream->rule.pace == PACE_TIMER) {
        alarm_set(&market->alarms, &stream->due, period_end_ns(stream, now));
    }
    if (stream->rule.idle_ns > 0) {
        alarm_set(&market->alarms, &stream->idle, now.mono_ns + idle_after_ns(stream));
    }
    if (instrument->listeners++ == 0 && instrument->mean_gap_ns > 0 && !stream->rule.all_symbols) {
        alarm_set(&market->alarms, &instrument->change, now.mono_ns + next_gap_ns(instrument));
    }
}

void market_leave(struct market *market, struct stream *stream)
{
    flatline_assert(stream->listeners > 0);
    if (--stream->listeners > 0) {
        return;
    }
    alarm_set(&market->alarms, &stream->due, ALARM_NEVER);
    alarm_set(&market->alarms, &stream->idle, ALARM_NEVER);
    if (--stream->instrument->listeners == 0) {
        alarm_set(&market->alarms, &stream->instrument->change, ALARM_NEVER);
    }
}

/* What was told is told: the next update chains on it. */
static void stream_told(struct stream *stream)
{
    stream->is_dirty = false;
    stream->chain_id = stream->instrument->book.id;
    stream->chain_offset = stream_id_offset(stream);
    stream->told++;
    if (stream->rule.carries == CARRIES_AGGREGATE) {
        stream->instrument->aggregate_id++;
        stream->instrument->aggregate_first = stream->instrument->trade.id + 1;
        stream->instrument->aggregate_lots = 0;
    }
}

static bool
stream_words(const struct stream *stream, struct stamp stamp, bool is_idle, struct text *text)
{
    if (stream->instrument->venue != VENUE_OKX) {
        return binance_payload(stream, stamp, text);
    }
    return is_idle ? okx_idle_payload(stream, stamp, text) : okx_payload(stream, stamp, text);
}

static void
stream_speak(struct market *market, struct stream *stream, struct moment now, bool is_idle)
{
    const struct mood mood = market->sink.mood(market->sink.context, stream);

    if (mood.holds) {
        return;
    }
    if (mood.repeats && stream->last.size_bytes > 0) {
        market->sink.say(market->sink.context, stream, &stream->last);
        return;
    }
    const struct stamp stamp = {.wall_ns =
                                    mood.stuck_wall_ns != 0 ? mood.stuck_wall_ns : now.wall_ns,
                                .id_back = mood.id_back,
                                .crosses = mood.crosses,
                                .work = mood.work};
    text_clear(&market->scratch);
    if (stream_words(stream, stamp, is_idle, &market->scratch)) {
        text_clear(&stream->last);
        text_add_bytes(&stream->last, market->scratch.bytes, market->scratch.size_bytes);
        stream_told(stream);
        market->sink.say(market->sink.context, stream, &stream->last);
    }
    if (stream->rule.idle_ns > 0) {
        alarm_set(&market->alarms, &stream->idle, now.mono_ns + idle_after_ns(stream));
    }
}

void market_speak(struct market *market, struct stream *stream, struct moment now)
{
    stream_speak(market, stream, now, false);
}

bool market_first_push(struct market *market,
                       struct stream *stream,
                       struct moment now,
                       struct text *text)
{
    const struct mood mood = market->sink.mood(market->sink.context, stream);
    const struct stamp stamp = {
        .wall_ns = mood.stuck_wall_ns != 0 ? mood.stuck_wall_ns : now.wall_ns, .work = mood.work};
    return stream->instrument->venue == VENUE_OKX && !mood.holds &&
           okx_first_payload(stream, stamp, text);
}

/* ---- life ---- */

static void instrument_trade(struct instrument *instrument, struct moment now)
{
    const bool buyer_is_maker = random_below(&instrument->random, 2) == 0;
    const uint64_t bar_ns = 60 * NS_PER_S;
    const uint64_t bar_start_ns = now.wall_ns - now.wall_ns % bar_ns;

    instrument->trade = (struct trade){
        .id = instrument->trade.id + 1,
        .tick = instrument->book.best_tick[buyer_is_maker ? BOOK_BID : BOOK_ASK],
        .lots = 1 + random_below(&instrument->random, 900),
        .buyer_is_maker = buyer_is_maker,
        .wall_ns = now.wall_ns,
    };
    const int64_t tick = instrument->trade.tick;
    if (bar_start_ns != instrument->bar_start_wall_ns) {
        instrument->bar_start_wall_ns = bar_start_ns;
        instrument->open_tick = instrument->high_tick = instrument->low_tick = tick;
        instrument->bar_lots = instrument->bar_trades = 0;
        instrument->bar_first_id = instrument->trade.id;
    }
    instrument->high_tick = tick > instrument->high_tick ? tick : instrument->high_tick;
    instrument->low_tick = tick < instrument->low_tick ? tick : instrument->low_tick;
    instrument->bar_lots += instrument->trade.lots;
    instrument->bar_trades++;
    instrument->aggregate_lots += instrument->trade.lots;
}

/* Does a change of this kind concern what the stream carries? */
static bool stream_concerned(const struct stream *stream, bool at_best, bool is_trade)
{
    switch (stream->rule.carries) {
    case CARRIES_DEPTH:
    case CARRIES_PARTIAL:
        return true;
    case CARRIES_BEST:
    case CARRIES_MARK:
    case CARRIES_INDEX:
    case CARRIES_LIMITS:
        return at_best;
    case CARRIES_TRADE:
    case CARRIES_AGGREGATE:
    case CARRIES_BARS:
        return is_trade;
    case CARRIES_TICKER:
        return at_best || is_trade;
    case CARRIES_NOTHING:
    case CARRIES_MINI_TICKER:
    case CARRIES_AVERAGE:
    case CARRIES_FUNDING:
    case CARRIES_INTEREST:
    case CARRIES_STATUS:
    case CARRIES_ACCOUNT:
        break;
    }
    return false;
}

static void
instrument_change(struct market *market, struct instrument *instrument, struct moment now)
{
    /* spot ids are the book's own; the others' are shared with other books and jump */
    static const struct book_ids ids[VENUE_COUNT] = {{0, 4}, {60, 20}, {60, 20}, {0, 10}};
    const bool is_trade = random_below(&instrument->random, TRADE_IN) == 0;
    const bool at_best =
        book_change(&instrument->book, &instrument->random, &ids[instrument->venue]);

    if (is_trade) {
        instrument_trade(instrument, now);
    }
    for (struct stream *stream = instrument->streams; stream != NULL; stream = stream->next) {
        if (stream->listeners == 0 || !stream_concerned(stream, at_best, is_trade)) {
            continue;
        }
        if (!stream->is_dirty) {
            stream->is_dirty = true;
            stream->chain_next = instrument->book.id_first;
        }
        if (stream->rule.pace == PACE_CHANGE) {
            stream_speak(market, stream, now, false);
        }
    }
    alarm_set(&market->alarms, &instrument->change, now.mono_ns + next_gap_ns(instrument));
}

static void stream_period(struct market *market, struct stream *stream, struct moment now)
{
    if (stream->rule.pace == PACE_TIMER || stream->is_dirty) {
        stream_speak(market, stream, now, false);
    }
    alarm_set(&market->alarms, &stream->due, period_end_ns(stream, now));
}

/* A stream that was held back has more to say than that nothing changed. */
static void stream_idle(struct market *market, struct stream *stream, struct moment now)
{
    stream_speak(market, stream, now, !stream->is_dirty);
    alarm_set(&market->alarms, &stream->idle, now.mono_ns + idle_after_ns(stream));
}

void market_tick(struct market *market, struct moment now)
{
    struct alarm *alarm;

    while ((alarm = alarms_ring(&market->alarms, now.mono_ns)) != NULL) {
        switch ((enum alarm_kind)alarm->kind) {
        case ALARM_CHANGE:
            instrument_change(market, alarm->owner, now);
            break;
        case ALARM_DUE:
            stream_period(market, alarm->owner, now);
            break;
        case ALARM_IDLE:
            stream_idle(market, alarm->owner, now);
            break;
        }
    }
}

uint64_t market_next_ns(const struct market *market)
{
    return alarms_next_ns(&market->alarms);
}
