/* SPDX-License-Identifier: MIT
 *
 * venue_lab.h - the whole fake exchange without wires, on an invented clock; what would have been
 * sent is read from the outboxes.
 */
#ifndef FLATLINE_TESTS_VENUE_LAB_H
#define FLATLINE_TESTS_VENUE_LAB_H

#include "core/base.h"
#include "venue/actions.h"
#include "venue/exchange.h"
#include "venue/rest.h"
#include "venue/session.h"
#include "venue/transport.h"
#include "venue/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned resets;
static unsigned finishes;
static int reading = -1;
static bool unplugged;

void transport_wake(struct connection *connection)
{
    (void)connection;
}

void transport_reset(struct connection *connection)
{
    connection->is_dead = true;
    resets++;
}

void transport_finish(struct connection *connection)
{
    connection->is_dead = true;
    finishes++;
}

void transport_read(struct connection *connection, bool reads)
{
    (void)connection;
    reading = reads;
}

void transport_unplug(struct connection *connection, bool is_unplugged)
{
    (void)connection;
    unplugged = is_unplugged;
}

struct lab {
    struct exchange exchange;
    struct moment now;
};

static inline int lab_setup(void **state)
{
    struct lab *lab = allocate(sizeof(*lab));
    const struct exchange_options options = {
        .market = {.seed = 1, .rate = 100}, .time_scale = 1, .key_life_ns = 3600 * NS_PER_S};
    lab->now = (struct moment){5 * NS_PER_S, 1795252287000000000ULL};
    exchange_start(&lab->exchange, &options, lab->now);
    market_bogus(lab->exchange.market, "BOGUSUSDT");
    market_bogus(lab->exchange.market, "BOGUS-USDT");
    resets = finishes = 0;
    reading = -1;
    *state = lab;
    return 0;
}

static inline int lab_teardown(void **state)
{
    struct lab *lab = *state;
    exchange_stop(&lab->exchange);
    free(lab);
    return 0;
}

static inline void run(struct lab *lab, uint64_t for_ns)
{
    const uint64_t until_ns = lab->now.mono_ns + for_ns;
    while (lab->now.mono_ns < until_ns) {
        lab->now.mono_ns += NS_PER_MS;
        lab->now.wall_ns += NS_PER_MS;
        (void)exchange_tick(&lab->exchange, lab->now);
    }
}

static inline struct connection *
open_at(struct lab *lab, enum venue venue, const char *path, const char *query)
{
    struct upgrade upgrade;
    assert_true(upgrade_parse(venue, path, query, &upgrade));
    struct connection *connection = session_open(&lab->exchange, venue, &upgrade);
    session_url_streams(connection, upgrade.streams);
    return connection;
}

static inline void ask(struct connection *connection, const char *text)
{
    connection_received(connection, text, strlen(text));
}

/* The next frame to be sent; valid until the next call. */
static inline const char *told(struct connection *connection)
{
    static char text[1 << 16];
    const struct parcel parcel = outbox_pop(&connection->outbox);
    if (parcel.message == NULL) {
        return NULL;
    }
    (void)snprintf(text, sizeof(text), "%s", message_bytes(parcel.message));
    message_release(parcel.message);
    return text;
}

/* How many frames wait that contain a text; they are taken. */
static inline size_t count_told(struct connection *connection, const char *part)
{
    size_t count = 0;
    const char *text;
    while ((text = told(connection)) != NULL) {
        count += strstr(text, part) != NULL;
    }
    return count;
}

static inline void assert_does(struct lab *lab, const char *line)
{
    struct command command;
    const char *why = NULL;
    struct text answer = {0};
    assert_true(command_parse(line, &command, &why));
    lab->exchange.now = lab->now;
    assert_null(verb_do(&lab->exchange, &command, &answer));
    text_free(&answer);
}

#define BEST "binance-usdm/BTCUSDT/bookTicker"
#define BOOK "binance-usdm/BTCUSDT/depth@100ms"

static inline struct connection *two_streams(struct lab *lab)
{
    struct connection *connection = open_at(
        lab, VENUE_USDM, "/public/stream", "streams=btcusdt@bookTicker/btcusdt@depth@100ms");
    run(lab, NS_PER_S);
    assert_true(count_told(connection, "btcusdt@bookTicker") > 10);
    return connection;
}

#define LAB_TEST(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)

#endif
