/* SPDX-License-Identifier: MIT
 *
 * rest.c - time, depth, lists of symbols, listen keys.
 *
 * Sources: Binance spot rest-api.md; USD-M and COIN-M "Market Data Endpoints" and "User Data
 * Streams"; OKX v5 "Public data / REST".
 */
#include "venue/rest.h"

#include "core/base.h"
#include "venue/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS 60000

struct endpoint {
    enum venue venue;
    const char *method;
    const char *path;
    unsigned weight;
    void (*answer)(struct exchange *exchange,
                   const struct rest_request *request,
                   struct rest_answer *answer);
};

static uint64_t now_ms(const struct exchange *exchange)
{
    return wall_ms(exchange->now.wall_ns);
}

static bool query_get(const char *query, const char *key, char *value, size_t value_bytes)
{
    const size_t key_length = strlen(key);
    for (const char *at = query; *at != '\0';) {
        const size_t length = strcspn(at, "&");
        if (length > key_length && strncmp(at, key, key_length) == 0 && at[key_length] == '=' &&
            length - key_length - 1 < value_bytes) {
            memcpy(value, at + key_length + 1, length - key_length - 1);
            value[length - key_length - 1] = '\0';
            return true;
        }
        at += length + (at[length] == '&');
    }
    return false;
}

static void refuse(struct rest_answer *answer, unsigned status, int code, const char *message)
{
    answer->status = status;
    text_clear(&answer->body);
    text_addf(&answer->body, "{\"code\":%d,\"msg\":\"%s\"}", code, message);
}

/* ---- time ---- */

static void
get_ping(struct exchange *exchange, const struct rest_request *request, struct rest_answer *answer)
{
    (void)exchange;
    (void)request;
    text_add(&answer->body, "{}");
}

static void
get_time(struct exchange *exchange, const struct rest_request *request, struct rest_answer *answer)
{
    if (request->venue == VENUE_OKX) {
        text_addf(&answer->body,
                  "{\"code\":\"0\",\"msg\":\"\",\"data\":[{\"ts\":\"%" PRIu64 "\"}]}",
                  now_ms(exchange));
    } else {
        text_addf(&answer->body, "{\"serverTime\":%" PRIu64 "}", now_ms(exchange));
    }
}

static void get_status(struct exchange *exchange,
                       const struct rest_request *request,
                       struct rest_answer *answer)
{
    struct text *body = &answer->body;
    if (request->venue != VENUE_OKX) {
        const bool is_down =
            faults_on_venue(&exchange->faults, FAULT_MAINTENANCE, request->venue) != NULL;
        text_add(body,
                 is_down ? "{\"status\":1,\"msg\":\"system_maintenance\"}"
                         : "{\"status\":0,\"msg\":\"normal\"}");
        return;
    }
    text_add(body, "{\"code\":\"0\",\"data\":[");
    if (exchange->work.is_ongoing) {
        okx_work_row(exchange->work, body);
        text_add(body, "}");
    }
    text_add(body, "],\"msg\":\"\"}");
}

/* ---- books ---- */

/* The instrument a request names; answers the venue's error and gives NULL if there is none. */
static struct instrument *named_instrument(struct exchange *exchange,
                                           const struct rest_request *request,
                                           struct rest_answer *answer)
{
    char symbol[SYMBOL_BYTES];
    const bool is_okx = request->venue == VENUE_OKX;
    struct instrument *instrument = NULL;

    if (query_get(request->query, is_okx ? "instId" : "symbol", symbol, sizeof(symbol)) &&
        symbol[strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0' &&
        symbol[0] != '\0') {
        instrument = market_instrument(exchange->market, request->venue, symbol);
    }
    if (instrument == NULL && is_okx) {
        text_add(&answer->body,
                 "{\"code\":\"51001\",\"msg\":\"Instrument ID does not exist\",\"data\":[]}");
    } else if (instrument == NULL) {
        refuse(answer, 400, -1121, "Invalid symbol.");
    }
    return instrument;
}

static void
get_depth(struct exchange *exchange, const struct rest_request *request, struct rest_answer *answer)
{
    const struct instrument *instrument = named_instrument(exchange, request, answer);
    const bool is_okx = request->venue == VENUE_OKX;
    char limit[16];
    unsigned levels = is_okx ? 1 : 0;

    if (instrument == NULL) {
        return;
    }
    if (query_get(request->query, is_okx ? "sz" : "limit", limit, sizeof(limit))) {
        levels = (unsigned)strtoul(limit, NULL, 10);
    }
    struct text *body = &answer->body;
    if (is_okx) {
        text_add(body, "{\"code\":\"0\",\"msg\":\"\",\"data\":[{\"asks\":");
        payload_side(instrument, BOOK_ASK, levels, 0, body);
        text_add(body, ",\"bids\":");
        payload_side(instrument, BOOK_BID, levels, 0, body);
        text_addf(body,
                  ",\"ts\":\"%" PRIu64 "\",\"seqId\":%" PRIu64 "}]}",
                  now_ms(exchange),
                  instrument->book.id - instrument->id_offset);
        return;
    }
    text_addf(body, "{\"lastUpdateId\":%" PRIu64, instrument->book.id);
    if (request->venue != VENUE_SPOT) {
        text_addf(body, ",\"E\":%" PRIu64 ",\"T\":%" PRIu64, now_ms(exchange), now_ms(exchange));
    }
    text_add(body, ",\"bids\":");
    payload_side(instrument, BOOK_BID, levels, 0, body);
    text_add(body, ",\"asks\":");
    payload_side(instrument, BOOK_ASK, levels, 0, body);
    text_add(body, "}");
}

static void get_book_ticker(struct exchange *exchange,
                            const struct rest_request *request,
                            struct rest_answer *answer)
{
    const struct instrument *instrument = named_instrument(exchange, request, answer);
    if (instrument == NULL) {
        return;
    }
    const struct book_level *bid = book_level(&instrument->book, BOOK_BID, 0);
    const struct book_level *ask = book_level(&instrument->book, BOOK_ASK, 0);
    text_addf(&answer->body, "{\"symbol\":\"%s\",\"bidPrice\":\"", instrument->symbol);
    payload_price(instrument, bid->tick, &answer->body);
    text_add(&answer->body, "\",\"bidQty\":\"");
    payload_size(instrument, bid->lots[BOOK_BID], &answer->body);
    text_add(&answer->body, "\",\"askPrice\":\"");
    payload_price(instrument, ask->tick, &answer->body);
    text_add(&answer->body, "\",\"askQty\":\"");
    payload_size(instrument, ask->lots[BOOK_ASK], &answer->body);
    text_add(&answer->body, "\"");
    if (request->venue != VENUE_SPOT) {
        text_addf(&answer->body, ",\"time\":%" PRIu64, now_ms(exchange));
    }
    text_add(&answer->body, "}");
}

/* ---- lists ---- */

/* What the venue says of trading in a symbol, in its own words. */
static const char *trading_status(struct exchange *exchange, enum venue venue, const char *symbol)
{
    char stream[STREAM_BYTES];
    (void)snprintf(stream, sizeof(stream), "%s/%s/*", venue_name(venue), symbol);
    const bool is_halted = faults_on_stream(&exchange->faults, FAULT_HALT, stream) != NULL;
    static const char *const words[VENUE_COUNT][2] = {[VENUE_SPOT] = {"TRADING", "BREAK"},
                                                      [VENUE_USDM] = {"TRADING", "SETTLING"},
                                                      [VENUE_COINM] = {"TRADING", "SETTLING"},
                                                      [VENUE_OKX] = {"live", "suspend"}};
    return words[venue][is_halted];
}

static void add_symbol(enum venue venue, const char *symbol, const char *status, struct text *body)
{
    if (venue == VENUE_OKX) {
        const char *last = strrchr(symbol, '-');
        const bool is_swap = last != NULL && strcmp(last, "-SWAP") == 0;
        text_addf(body,
                  "{\"instType\":\"%s\",\"instId\":\"%s\",\"state\":\"%s\",\"tickSz\":\"0.1\","
                  "\"lotSz\":\"0.01\"}",
                  is_swap ? "SWAP" : "SPOT",
                  symbol,
                  status);
    } else if (venue == VENUE_COINM) {
        text_addf(body,
                  "{\"symbol\":\"%s\",\"pair\":\"%.*s\",\"contractType\":\"PERPETUAL\","
                  "\"contractStatus\":\"%s\"}",
                  symbol,
                  (int)strcspn(symbol, "_"),
                  symbol,
                  status);
    } else if (venue == VENUE_USDM) {
        text_addf(body,
                  "{\"symbol\":\"%s\",\"pair\":\"%s\",\"contractType\":\"PERPETUAL\",\"status\":"
                  "\"%s\"}",
                  symbol,
                  symbol,
                  status);
    } else {
        text_addf(body,
                  "{\"symbol\":\"%s\",\"status\":\"%s\",\"isSpotTradingAllowed\":true}",
                  symbol,
                  status);
    }
}

static bool is_wanted(const struct rest_request *request, const char *symbol)
{
    char wanted[SYMBOL_BYTES];
    if (request->venue == VENUE_OKX) {
        const bool is_swap = strstr(symbol, "-SWAP") != NULL;
        return (!query_get(request->query, "instType", wanted, sizeof(wanted)) ||
                strcmp(wanted, is_swap ? "SWAP" : "SPOT") == 0) &&
               (!query_get(request->query, "instId", wanted, sizeof(wanted)) ||
                strcmp(wanted, symbol) == 0);
    }
    return request->venue != VENUE_SPOT ||
           !query_get(request->query, "symbol", wanted, sizeof(wanted)) ||
           strcmp(wanted, symbol) == 0;
}

static void get_symbols(struct exchange *exchange,
                        const struct rest_request *request,
                        struct rest_answer *answer)
{
    struct text *body = &answer->body;
    const char *comma = "";

    if (request->venue == VENUE_OKX) {
        text_add(body, "{\"code\":\"0\",\"msg\":\"\",\"data\":[");
    } else {
        text_addf(body,
                  "{\"timezone\":\"UTC\",\"serverTime\":%" PRIu64
                  ",\"rateLimits\":[],\"exchangeFilters\":[],\"symbols\":[",
                  now_ms(exchange));
    }
    for (const char *const *symbol = market_listed(request->venue); *symbol != NULL; symbol++) {
        if (is_wanted(request, *symbol) && !market_is_bogus(exchange->market, *symbol)) {
            text_add(body, comma);
            add_symbol(
                request->venue, *symbol, trading_status(exchange, request->venue, *symbol), body);
            comma = ",";
        }
    }
    text_add(body, "]}");
}

/* ---- listen keys ---- */

static bool has_api_key(const struct rest_request *request, struct rest_answer *answer)
{
    if (request->api_key[0] == '\0') {
        refuse(answer, 401, -2014, "API-key format invalid.");
        return false;
    }
    return true;
}

static void answer_key(const char *key, struct rest_answer *answer)
{
    if (key == NULL) {
        refuse(answer, 400, -1125, "This listenKey does not exist.");
    } else {
        text_addf(&answer->body, "{\"listenKey\":\"%s\"}", key);
    }
}

static void
post_key(struct exchange *exchange, const struct rest_request *request, struct rest_answer *answer)
{
    if (has_api_key(request, answer)) {
        answer_key(listen_key_post(&exchange->keys, request->api_key, exchange->now.mono_ns),
                   answer);
    }
}

static void
put_key(struct exchange *exchange, const struct rest_request *request, struct rest_answer *answer)
{
    if (has_api_key(request, answer)) {
        answer_key(listen_key_put(&exchange->keys, request->api_key, exchange->now.mono_ns),
                   answer);
    }
}

static void delete_key(struct exchange *exchange,
                       const struct rest_request *request,
                       struct rest_answer *answer)
{
    if (has_api_key(request, answer)) {
        (void)listen_key_delete(&exchange->keys, request->api_key, exchange->now.mono_ns);
        text_add(&answer->body, "{}");
    }
}

static const struct endpoint ENDPOINTS[] = {
    {VENUE_SPOT, "GET", "/api/v3/ping", 1, get_ping},
    {VENUE_SPOT, "GET", "/api/v3/time", 1, get_time},
    {VENUE_SPOT, "GET", "/api/v3/depth", 5, get_depth},
    {VENUE_SPOT, "GET", "/api/v3/ticker/bookTicker", 2, get_book_ticker},
    {VENUE_SPOT, "GET", "/api/v3/exchangeInfo", 20, get_symbols},
    {VENUE_SPOT, "GET", "/sapi/v1/system/status", 1, get_status},
    {VENUE_USDM, "GET", "/fapi/v1/ping", 1, get_ping},
    {VENUE_USDM, "GET", "/fapi/v1/time", 1, get_time},
    {VENUE_USDM, "GET", "/fapi/v1/depth", 10, get_depth},
    {VENUE_USDM, "GET", "/fapi/v1/ticker/bookTicker", 2, get_book_ticker},
    {VENUE_USDM, "GET", "/fapi/v1/exchangeInfo", 1, get_symbols},
    {VENUE_USDM, "POST", "/fapi/v1/listenKey", 1, post_key},
    {VENUE_USDM, "PUT", "/fapi/v1/listenKey", 1, put_key},
    {VENUE_USDM, "DELETE", "/fapi/v1/listenKey", 1, delete_key},
    {VENUE_COINM, "GET", "/dapi/v1/ping", 1, get_ping},
    {VENUE_COINM, "GET", "/dapi/v1/time", 1, get_time},
    {VENUE_COINM, "GET", "/dapi/v1/depth", 10, get_depth},
    {VENUE_COINM, "GET", "/dapi/v1/ticker/bookTicker", 2, get_book_ticker},
    {VENUE_COINM, "GET", "/dapi/v1/exchangeInfo", 1, get_symbols},
    {VENUE_OKX, "GET", "/api/v5/public/time", 1, get_time},
    {VENUE_OKX, "GET", "/api/v5/market/books", 1, get_depth},
    {VENUE_OKX, "GET", "/api/v5/public/instruments", 1, get_symbols},
    {VENUE_OKX, "GET", "/api/v5/system/status", 1, get_status},
};

/* What a fault makes of every request to the venue. true: it has answered. */
static bool answer_faulty(struct exchange *exchange,
                          const struct rest_request *request,
                          struct rest_answer *answer)
{
    const struct fault *status =
        faults_on_venue(&exchange->faults, FAULT_REST_STATUS, request->venue);

    answer->hangs = faults_on_venue(&exchange->faults, FAULT_REST_HANG, request->venue) != NULL;
    if (answer->hangs || status == NULL) {
        return answer->hangs;
    }
    answer->retry_after_s = status->retry_after_s;
    if (request->venue == VENUE_OKX) {
        answer->status = status->code;
        text_add(&answer->body,
                 "{\"code\":\"50011\",\"msg\":\"Requests too frequent\",\"data\":[]}");
    } else if (status->code == 429 || status->code == 418) {
        refuse(answer, status->code, -1003, "Too many requests.");
    } else {
        refuse(
            answer, status->code, -1000, "An unknown error occurred while processing the request.");
    }
    return true;
}

/* Binance counts the weight of a minute and shows it in a header. */
static uint64_t count_weight(struct exchange *exchange, enum venue venue, unsigned weight)
{
    const uint64_t minute = now_ms(exchange) / MINUTE_MS;
    if (exchange->weight_minute[venue] != minute) {
        exchange->weight_minute[venue] = minute;
        exchange->used_weight[venue] = 0;
    }
    exchange->used_weight[venue] += weight;
    return venue == VENUE_OKX ? 0 : exchange->used_weight[venue];
}

void rest_answer(struct exchange *exchange,
                 const struct rest_request *request,
                 struct rest_answer *ret_answer)
{
    *ret_answer = (struct rest_answer){.status = 200};
    if (answer_faulty(exchange, request, ret_answer)) {
        ret_answer->used_weight = count_weight(exchange, request->venue, 1);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(ENDPOINTS); i++) {
        const struct endpoint *at = &ENDPOINTS[i];
        if (at->venue == request->venue && strcmp(at->method, request->method) == 0 &&
            strcmp(at->path, request->path) == 0) {
            ret_answer->used_weight = count_weight(exchange, request->venue, at->weight);
            at->answer(exchange, request, ret_answer);
            return;
        }
    }
    refuse(ret_answer, 404, -5000, "Path not found, or no such method there.");
}
