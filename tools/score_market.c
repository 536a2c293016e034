/* SPDX-License-Identifier: MIT */
#include "tools/score_market.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "flatline/engine_layout.h"
#include "tools/score_dice.h"

#include <stdlib.h>
#include <string.h>

#define STEP_NS       (10 * NS_PER_MS)
#define STEP_S        0.01
#define DECAY_A_STEP  0.96079 /* exp(-4/s * 10 ms) */
#define BATCH_NS      (100 * NS_PER_MS)
#define WALL_AHEAD_NS 1270000000LL /* the venues' clock, as in the recordings of 2024 */
#define WAY_NS        (2 * NS_PER_MS)
#define BEAT_NS       (50 * NS_PER_MS)
#define ENGINE_WAY_NS (3 * NS_PER_MS)
#define KEY_NS        (120 * NS_PER_S)
#define KEEPALIVE_NS  (60 * NS_PER_S)
#define PONG_NS       (20 * NS_PER_S)
#define PRICE_E8      6000000000000LL
#define TICK_E8       1000000LL

enum link_index { USDM_PUBLIC, USDM_MARKET, OKX_PUBLIC, SPOT, USDM_PRIVATE, USDM_TWIN, LINKS };

#define NO_STREAM UINT32_MAX
#define NO_VENUE  UINT32_MAX

struct book {
    enum flatline_venue venue;
    enum link_index link;
    uint32_t depth; /* streams */
    uint32_t best;
    uint32_t trade;
    double share; /* of the terms' rates */
    double excited;
    double level;
    uint64_t id;
    uint64_t shown_id; /* by the last depth */
    uint64_t shown_before_id;
    uint64_t trade_id;
    uint64_t batch_due_ns;
    uint64_t depth_ns; /* of the last depth */
    uint64_t depth_before_ns;
    int64_t bid_e8;
    int64_t ask_e8;
    uint32_t bid_size; /* as marks: another size, another mark */
    uint32_t ask_size;
    bool best_moved; /* since the last depth */
    bool snapshot_due;
};

struct metronome {
    enum link_index link;
    uint32_t stream;
    uint64_t period_ns;
    uint64_t due_ns;
};

#define BOOKS      6U
#define METRONOMES 3U

struct market {
    struct source source; /* first: fill() gets it */
    const struct market_terms *terms;
    struct desk desk;
    struct dice dice;
    uint64_t now_ns;
    bool has_twins;
    bool begun;
    struct book books[BOOKS];
    struct metronome metronomes[METRONOMES];
    uint64_t last_recv_ns[LINKS];
    uint64_t pong_due_ns[LINKS];
    uint64_t ping_due_ns[LINKS];
    uint64_t pause_from_ns;
    uint32_t paused; /* a venue, or NO_VENUE */
    uint64_t rotate_due_ns;
    uint64_t key_due_ns;
    uint64_t beat_due_ns;
    uint16_t epochs[LINKS];
};

/* ---- the desk -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum link_index link;
} watched[] = {
    {"binance-usdm/BTCUSDT/depth@100ms", USDM_PUBLIC},
    {"binance-usdm/BTCUSDT/bookTicker", USDM_PUBLIC},
    {"binance-usdm/ETHUSDT/depth@100ms", USDM_PUBLIC},
    {"binance-usdm/ETHUSDT/bookTicker", USDM_PUBLIC},
    {"binance-usdm/BTCUSDT/aggTrade", USDM_MARKET},
    {"binance-usdm/BTCUSDT/markPrice@1s", USDM_MARKET},
    {"binance-usdm/ETHUSDT/markPrice@1s", USDM_MARKET},
    {"okx/BTC-USDT-SWAP/books", OKX_PUBLIC},
    {"okx/BTC-USDT-SWAP/bbo-tbt", OKX_PUBLIC},
    {"okx/BTC-USDT-SWAP/trades", OKX_PUBLIC},
    {"okx/BTC-USDT-SWAP/mark-price", OKX_PUBLIC},
    {"okx/ETH-USDT-SWAP/books", OKX_PUBLIC},
    {"okx/ETH-USDT-SWAP/bbo-tbt", OKX_PUBLIC},
    {"binance-spot/BTCUSDT/depth@100ms", SPOT},
    {"binance-spot/BTCUSDT/bookTicker", SPOT},
    {"binance-spot/BTCUSDT/trade", SPOT},
    {"binance-spot/ETHUSDT/depth@100ms", SPOT},
    {"binance-spot/ETHUSDT/bookTicker", SPOT},
    {"binance-usdm/main/user", USDM_PRIVATE},
};

static const struct desk_link links[LINKS] = {
    [USDM_PUBLIC] = {FLATLINE_VENUE_BINANCE_USDM, ROUTE_PUBLIC, 0, -1, false},
    [USDM_MARKET] = {FLATLINE_VENUE_BINANCE_USDM, ROUTE_MARKET, 0, -1, false},
    [OKX_PUBLIC] = {FLATLINE_VENUE_OKX, ROUTE_PUBLIC, 0, -1, false},
    [SPOT] = {FLATLINE_VENUE_BINANCE_SPOT, ROUTE_STREAM, 0, -1, false},
    [USDM_PRIVATE] = {FLATLINE_VENUE_BINANCE_USDM, ROUTE_PRIVATE, 0, -1, true},
    [USDM_TWIN] = {FLATLINE_VENUE_BINANCE_USDM, ROUTE_PUBLIC, 0, USDM_PUBLIC, false},
};

static const struct {
    enum link_index link;
    const char *depth;
    const char *best;
    const char *trade;
    double share;
} books[BOOKS] = {
    {USDM_PUBLIC,
     "binance-usdm/BTCUSDT/depth@100ms",
     "binance-usdm/BTCUSDT/bookTicker",
     "binance-usdm/BTCUSDT/aggTrade",
     1.0},
    {USDM_PUBLIC, "binance-usdm/ETHUSDT/depth@100ms", "binance-usdm/ETHUSDT/bookTicker", NULL, 0.5},
    {OKX_PUBLIC,
     "okx/BTC-USDT-SWAP/books",
     "okx/BTC-USDT-SWAP/bbo-tbt",
     "okx/BTC-USDT-SWAP/trades",
     1.0},
    {OKX_PUBLIC, "okx/ETH-USDT-SWAP/books", "okx/ETH-USDT-SWAP/bbo-tbt", NULL, 0.5},
    {SPOT,
     "binance-spot/BTCUSDT/depth@100ms",
     "binance-spot/BTCUSDT/bookTicker",
     "binance-spot/BTCUSDT/trade",
     1.0},
    {SPOT, "binance-spot/ETHUSDT/depth@100ms", "binance-spot/ETHUSDT/bookTicker", NULL, 0.5},
};

static const struct {
    enum link_index link;
    const char *stream;
    uint64_t period_ns;
} metronomes[METRONOMES] = {
    {USDM_MARKET, "binance-usdm/BTCUSDT/markPrice@1s", NS_PER_S},
    {USDM_MARKET, "binance-usdm/ETHUSDT/markPrice@1s", NS_PER_S},
    {OKX_PUBLIC, "okx/BTC-USDT-SWAP/mark-price", 200 * NS_PER_MS},
};

static uint32_t stream_of(const struct desk *desk, const char *name)
{
    return name == NULL ? NO_STREAM : (uint32_t)desk_find(desk, name);
}

static void desk_fill(struct market *market)
{
    struct desk *desk = &market->desk;
    desk->link_count = market->has_twins ? LINKS : USDM_TWIN;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        desk->links[i] = links[i];
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(watched); i++) {
        const int stream = desk_add_stream(desk, watched[i].name);
        flatline_assert(stream == (int)i);
        desk->links[watched[i].link].streams |= 1ULL << i;
    }
    if (market->has_twins) {
        desk->links[USDM_TWIN].streams = desk->links[USDM_PUBLIC].streams;
        desk->links[USDM_PUBLIC].twin = USDM_TWIN;
    }
}

static void books_fill(struct market *market)
{
    market->desk.echoed = 1ULL << stream_of(&market->desk, books[0].depth);
    for (uint32_t i = 0; i < BOOKS; i++) {
        market->books[i] = (struct book){
            .venue = links[books[i].link].venue,
            .link = books[i].link,
            .depth = stream_of(&market->desk, books[i].depth),
            .best = stream_of(&market->desk, books[i].best),
            .trade = stream_of(&market->desk, books[i].trade),
            .share = books[i].share,
            .level = 1.0,
            .id = 1000000U + i,
            .shown_id = 1000000U + i,
            .trade_id = 5000U,
            .batch_due_ns = market->now_ns + dice_below(&market->dice, BATCH_NS),
            .depth_ns = market->now_ns,
            .bid_e8 = PRICE_E8,
            .ask_e8 = PRICE_E8 + TICK_E8,
            .snapshot_due = true,
        };
    }
    for (uint32_t i = 0; i < METRONOMES; i++) {
        market->metronomes[i] = (struct metronome){
            .link = metronomes[i].link,
            .stream = stream_of(&market->desk, metronomes[i].stream),
            .period_ns = metronomes[i].period_ns,
            .due_ns = market->now_ns + metronomes[i].period_ns,
        };
    }
}

/* ---- delivery -------------------------------------------------------------------------------- */

/* When what was sent at sent_ns is received: one connection keeps the order. */
static uint64_t way(struct market *market, enum link_index link, uint64_t sent_ns)
{
    const double jitter_ns = dice_exp(&market->dice) * market->terms->jitter_ms * 1e6;
    uint64_t recv_ns = sent_ns + WAY_NS + (uint64_t)(jitter_ns < 5e7 ? jitter_ns : 5e7);
    if (dice_below(&market->dice, 10000) == 0) {
        recv_ns += dice_below(&market->dice, 50 * NS_PER_MS);
    }
    const uint64_t after_ns = market->last_recv_ns[link] + NS_PER_US;
    recv_ns = recv_ns > after_ns ? recv_ns : after_ns;
    market->last_recv_ns[link] = recv_ns;
    return recv_ns;
}

static void
send_over(struct market *market, struct tape *tape, enum link_index link, struct event event)
{
    event.recv_mono_ns = way(market, link, event.recv_mono_ns);
    event.connection = (uint16_t)link;
    tape_add(tape, &event);
}

/* A data event of a stream, sent now. */
static void
data_send(struct market *market, struct tape *tape, enum link_index link, struct event event)
{
    event.kind = EVENT_DATA;
    if ((event.flags & EVENT_HAS_TIME) != 0) {
        event.data.exch_wall_ns = (int64_t)event.recv_mono_ns + WALL_AHEAD_NS;
    }
    send_over(market, tape, link, event);
    if (market->has_twins && link == USDM_PUBLIC) {
        send_over(market, tape, USDM_TWIN, event);
    }
}

static void depth_send(struct market *market, struct tape *tape, struct book *book, uint64_t at_ns)
{
    struct event event = {.recv_mono_ns = at_ns, .stream = book->depth, .flags = EVENT_HAS_ID};
    event.data.id = book->id;
    if (book->venue == FLATLINE_VENUE_BINANCE_SPOT) {
        event.flags |= EVENT_HAS_FIRST | EVENT_HAS_TIME;
        event.data.first_id = book->shown_id + 1;
    } else {
        event.flags |= EVENT_HAS_PREV | EVENT_HAS_TIME;
        event.data.prev_id = (int64_t)book->shown_id;
    }
    const bool is_snapshot = book->venue == FLATLINE_VENUE_OKX && book->snapshot_due;
    if (!is_snapshot && book->best_moved) {
        event.flags |= EVENT_SETS_LEVEL;
        event.data.bid_e8 = book->bid_e8;
        event.data.ask_e8 = book->ask_e8;
        event.data.bid_size = book->bid_size;
        event.data.ask_size = book->ask_size;
    }
    book->best_moved = false;
    if (is_snapshot) {
        event.flags |= EVENT_SNAPSHOT;
        event.data.prev_id = -1;
    } else if (book->venue == FLATLINE_VENUE_OKX && book->id == book->shown_id) {
        event.flags |= EVENT_EMPTY;
    }
    book->snapshot_due = false;
    data_send(market, tape, book->link, event);
    book->shown_before_id = book->shown_id;
    book->shown_id = book->id;
    book->depth_before_ns = book->depth_ns;
    book->depth_ns = at_ns;
}

static void best_send(struct market *market, struct tape *tape, struct book *book, uint64_t at_ns)
{
    const bool timed = book->venue != FLATLINE_VENUE_BINANCE_SPOT;
    struct event event = {.recv_mono_ns = at_ns,
                          .stream = book->best,
                          .flags = (uint8_t)(EVENT_HAS_ID | (timed ? EVENT_HAS_TIME : 0))};
    event.data.id = book->id;
    event.data.bid_e8 = book->bid_e8;
    event.data.ask_e8 = book->ask_e8;
    event.data.bid_size = book->bid_size;
    event.data.ask_size = book->ask_size;
    data_send(market, tape, book->link, event);
}

static void trade_send(struct market *market, struct tape *tape, struct book *book, uint64_t at_ns)
{
    struct event event = {
        .recv_mono_ns = at_ns, .stream = book->trade, .flags = EVENT_HAS_ID | EVENT_HAS_TIME};
    event.data.id = ++book->trade_id;
    const enum link_index link =
        book->venue == FLATLINE_VENUE_BINANCE_USDM ? USDM_MARKET : book->link;
    data_send(market, tape, link, event);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void change(struct market *market, struct tape *tape, struct book *book, uint64_t at_ns)
{
    struct dice *dice = &market->dice;
    book->id += 1 + dice_below(dice, 4);
    const int64_t move = (int64_t)dice_below(dice, 3) - 1;
    book->bid_e8 += move * TICK_E8;
    book->ask_e8 = book->bid_e8 + TICK_E8 * (1 + (int64_t)dice_below(dice, 2));
    book->bid_size = 1U + (uint32_t)dice_below(dice, 1000000);
    book->ask_size = 1U + (uint32_t)dice_below(dice, 1000000);
    book->best_moved = true;
    best_send(market, tape, book, at_ns);
    if (book->trade != NO_STREAM && dice_below(dice, 4) == 0) {
        trade_send(market, tape, book, at_ns);
    }
}

static void book_step(struct market *market, struct tape *tape, struct book *book)
{
    struct dice *dice = &market->dice;
    const struct market_terms *terms = market->terms;
    /* the level wanders and comes back, within a factor of four either way */
    book->level *= 1.0 + (dice_unit(dice) - 0.5) * 0.02;
    book->level += (1.0 - book->level) * 0.0005;
    /* a market that pauses still sends what has happened before */
    const double base =
        book->venue == market->paused ? 0 : terms->changes_per_s * book->share * book->level;
    book->excited = book->venue == market->paused ? 0 : book->excited;
    const uint32_t changes = dice_poisson(dice, (base + book->excited) * STEP_S);
    book->excited = book->excited * DECAY_A_STEP + changes * terms->branching * 4.0;
    for (uint32_t i = 0; i < changes; i++) {
        const uint64_t part_ns = STEP_NS / changes;
        change(market, tape, book, market->now_ns + i * part_ns + dice_below(dice, part_ns));
    }
    if (book->venue != market->paused) {
        book->id += dice_poisson(dice, terms->deep_per_s * book->share * STEP_S);
    }
    const uint64_t end_ns = market->now_ns + STEP_NS - 1;
    if (market->now_ns >= book->batch_due_ns) {
        book->batch_due_ns += BATCH_NS;
        const bool keeps_alive =
            book->venue == FLATLINE_VENUE_OKX && market->now_ns - book->depth_ns >= KEEPALIVE_NS;
        if (book->snapshot_due && book->venue == FLATLINE_VENUE_OKX) {
            best_send(market, tape, book, end_ns); /* pushed on subscribe, like the snapshot */
        }
        if (book->id > book->shown_id || book->snapshot_due || keeps_alive) {
            depth_send(market, tape, book, end_ns);
        }
    }
}

static void key_send(struct market *market, struct tape *tape)
{
    const struct event key = {.recv_mono_ns = market->now_ns,
                              .stream = stream_of(&market->desk, "binance-usdm/main/user"),
                              .connection = EVENT_NO_CONNECTION,
                              .kind = EVENT_KEY_EXTENDED,
                              .note = {.value = SCORE_KEY}};
    tape_add(tape, &key);
    market->key_due_ns = market->now_ns + KEY_NS;
}

/* What the engine's own connection has brought it of the first book by now. */
static struct event_engine echo_of(const struct market *market)
{
    const struct book *book = &market->books[0];
    const bool has_it = book->depth_ns + ENGINE_WAY_NS <= market->now_ns;
    return (struct event_engine){
        .slot = 1,
        .word = has_it ? book->shown_id : book->shown_before_id,
        .more = {(has_it ? book->depth_ns : book->depth_before_ns) + ENGINE_WAY_NS}};
}

/* The engine beside the sentinel: one worker, which beats, and the echo of one stream. */
static void engine_send(struct market *market, struct tape *tape)
{
    struct event event = {.recv_mono_ns = market->now_ns,
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION};
    if (!market->begun) {
        event.kind = EVENT_ENGINE_UP;
        (void)strcpy(event.engine.text, "engine");
        tape_add(tape, &event);
        event.kind = EVENT_ENGINE_SLOT;
        event.engine = (struct event_engine){.code = FLATLINE_ENGINE_WORKER, .word = BEAT_NS};
        (void)strcpy(event.engine.text, "quoter");
        tape_add(tape, &event);
        event.stream = market->books[0].depth;
        event.engine = (struct event_engine){.slot = 1, .code = FLATLINE_ENGINE_STREAM};
        (void)strcpy(event.engine.text, "BTCUSDT/depth@100ms");
        tape_add(tape, &event);
        event.stream = EVENT_NO_STREAM;
    }
    event.kind = EVENT_ENGINE_WORKER;
    event.engine = (struct event_engine){.word = market->now_ns, .more = {FLATLINE_WORKER_RUNNING}};
    tape_add(tape, &event);
    event.kind = EVENT_ENGINE_ECHO;
    event.engine = echo_of(market);
    tape_add(tape, &event);
    event.kind = EVENT_ENGINE_LOOKED;
    event.engine = (struct event_engine){.more = {4711}};
    tape_add(tape, &event);
    market->beat_due_ns += BEAT_NS;
}

static void timers_step(struct market *market, struct tape *tape)
{
    if (market->now_ns >= market->key_due_ns) {
        key_send(market, tape);
    }
    if (market->now_ns >= market->beat_due_ns) {
        engine_send(market, tape);
    }
    for (uint32_t i = 0; i < METRONOMES; i++) {
        struct metronome *metronome = &market->metronomes[i];
        if (market->now_ns >= metronome->due_ns) {
            metronome->due_ns += metronome->period_ns;
            if (links[metronome->link].venue != market->paused) {
                data_send(market,
                          tape,
                          metronome->link,
                          (struct event){.recv_mono_ns = market->now_ns,
                                         .stream = metronome->stream,
                                         .flags = EVENT_HAS_TIME});
            }
        }
    }
    for (uint32_t i = 0; i < market->desk.link_count; i++) {
        const uint64_t ping_ns = venue_facts(links[i].venue)->server_ping_ns;
        struct event event = {.recv_mono_ns = market->now_ns, .stream = EVENT_NO_STREAM};
        if (market->now_ns >= market->pong_due_ns[i]) {
            market->pong_due_ns[i] += PONG_NS;
            event.kind = EVENT_PONG;
            event.note.value = 2 * WAY_NS;
            send_over(market, tape, (enum link_index)i, event);
        }
        if (ping_ns > 0 && market->now_ns >= market->ping_due_ns[i]) {
            market->ping_due_ns[i] += ping_ns;
            event.kind = EVENT_PING;
            send_over(market, tape, (enum link_index)i, event);
        }
    }
}

static void link_open(struct market *market, struct tape *tape, uint32_t link, uint64_t at_ns)
{
    const struct event up = {
        .recv_mono_ns = at_ns,
        .stream = EVENT_NO_STREAM,
        .connection = (uint16_t)link,
        .kind = EVENT_CONNECTION_UP,
        .link = {.epoch = ++market->epochs[link], .phase = LINK_OPEN},
    };
    tape_add(tape, &up);
    market->last_recv_ns[link] = at_ns;
}

/* A planned end and a new beginning: of OKX's public connection, whose books begin anew. */
static void rotate(struct market *market, struct tape *tape)
{
    const uint64_t at_ns = market->last_recv_ns[OKX_PUBLIC] + NS_PER_MS;
    const struct event down = {
        .recv_mono_ns = at_ns,
        .stream = EVENT_NO_STREAM,
        .connection = OKX_PUBLIC,
        .kind = EVENT_CONNECTION_DOWN,
        .link = {.epoch = market->epochs[OKX_PUBLIC], .how = LINK_END_LOCAL, .phase = LINK_OPEN},
    };
    tape_add(tape, &down);
    link_open(market, tape, OKX_PUBLIC, at_ns + 20 * NS_PER_MS);
    for (uint32_t i = 0; i < BOOKS; i++) {
        market->books[i].snapshot_due |= market->books[i].venue == FLATLINE_VENUE_OKX;
    }
}

static void begin(struct market *market, struct tape *tape)
{
    for (uint32_t i = 0; i < market->desk.link_count; i++) {
        link_open(market, tape, i, market->now_ns);
        market->pong_due_ns[i] = market->now_ns + NS_PER_S;
        market->ping_due_ns[i] =
            market->now_ns + dice_below(&market->dice, venue_facts(links[i].venue)->server_ping_ns);
    }
    key_send(market, tape);
    market->beat_due_ns = market->now_ns;
    engine_send(market, tape);
    market->begun = true;
}

static void calendar_step(struct market *market, struct tape *tape)
{
    const struct market_terms *terms = market->terms;
    if (terms->pause_every_ns > 0) {
        if (market->now_ns >= market->pause_from_ns + terms->pause_ns) {
            market->paused = NO_VENUE;
            market->pause_from_ns += terms->pause_every_ns;
        } else if (market->now_ns == market->pause_from_ns) {
            static const enum flatline_venue turn[] = {
                FLATLINE_VENUE_BINANCE_USDM, FLATLINE_VENUE_OKX, FLATLINE_VENUE_BINANCE_SPOT};

            market->paused = turn[dice_below(&market->dice, ARRAY_COUNT(turn))];
        }
    }
    if (terms->rotate_every_ns > 0 && market->now_ns >= market->rotate_due_ns) {
        market->rotate_due_ns += terms->rotate_every_ns;
        rotate(market, tape);
    }
}

static bool market_fill(struct source *source, uint64_t until_ns, struct tape *tape)
{
    struct market *market = (struct market *)source;
    if (!market->begun) {
        begin(market, tape);
    }
    for (; market->now_ns < until_ns; market->now_ns += STEP_NS) {
        calendar_step(market, tape);
        for (uint32_t i = 0; i < BOOKS; i++) {
            book_step(market, tape, &market->books[i]);
        }
        timers_step(market, tape);
    }
    return true;
}

struct market *market_create(const struct market_terms *terms, uint64_t seed, bool twins)
{
    struct market *market = calloc(1, sizeof(*market));
    if (market == NULL) {
        return NULL;
    }
    market->terms = terms;
    market->dice.state = seed;
    market->has_twins = twins;
    market->now_ns = DESK_EPOCH_NS;
    market->paused = NO_VENUE;
    market->pause_from_ns = DESK_EPOCH_NS + terms->pause_every_ns;
    market->rotate_due_ns = DESK_EPOCH_NS + terms->rotate_every_ns;
    market->source = (struct source){.desk = &market->desk, .fill = market_fill};
    desk_fill(market);
    books_fill(market);
    return market;
}

void market_destroy(struct market *market)
{
    free(market);
}

struct source *market_source(struct market *market)
{
    return &market->source;
}
