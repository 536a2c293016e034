/* SPDX-License-Identifier: MIT
 *
 * session.c - what clients ask for, and what they are told: Binance's JSON methods, OKX's
 * operations.
 *
 * Sources: Binance spot web-socket-streams.md and USD-M "Live Subscribing/Unsubscribing"; OKX v5
 * "WebSocket / Subscribe, Login, Connect" and its public error codes.
 */
#include "venue/session.h"

#include "core/base.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OKX_REQUEST_BYTES_MAX ((size_t)64 << 10)
#define HOUR_NS               (3600 * NS_PER_S)

/* Nothing that would need escaping in JSON, or end a name. Bytes above 0x7F are letters of some
 * alphabet: such symbols exist since 2025. */
static bool name_is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || strchr("\"\\/\x7f", *c) != NULL) {
            return false;
        }
    }
    return text[0] != '\0';
}

/* ---- Binance ---- */

/* "btcusdt@depth@100ms" -> BTCUSDT and depth@100ms; "!markPrice@arr" -> * and markPrice@arr.
 * false: not a stream's name. */
static bool binance_name(const char *text, char symbol[SYMBOL_BYTES], char channel[CHANNEL_BYTES])
{
    const char *at = strchr(text, '@');
    if (!name_is_plain(text)) {
        return false;
    }
    if (text[0] == '!') {
        memcpy(symbol, "*", 2);
        return text[1] != '\0' && snprintf(channel, CHANNEL_BYTES, "%s", text + 1) < CHANNEL_BYTES;
    }
    if (at == NULL || at == text || at[1] == '\0' || (size_t)(at - text) >= SYMBOL_BYTES) {
        return false;
    }
    for (const char *c = text; c < at; c++) {
        if (lower_case(*c) != *c) {
            return false; /* spot docs: all symbols for streams are lowercase */
        }
        symbol[c - text] = upper_case(*c);
    }
    symbol[at - text] = '\0';
    return snprintf(channel, CHANNEL_BYTES, "%s", at + 1) < CHANNEL_BYTES;
}

static void add_id(struct text *text, const json_t *id)
{
    char *dumped = id == NULL ? NULL : json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT);
    text_addf(text, ",\"id\":%s}", dumped == NULL ? "null" : dumped);
    free(dumped);
}

static void binance_result(struct connection *connection, const char *result, const json_t *id)
{
    struct text text = {0};
    text_addf(&text, "{\"result\":%s", result);
    add_id(&text, id);
    connection_send_text(connection, text.bytes);
    text_free(&text);
}

/* Documented flat, observed nested: the futures answer one way, spot the other, so that clients
 * meet both. */
static void
binance_error(struct connection *connection, int code, const char *message, const json_t *id)
{
    struct text text = {0};
    const bool is_flat = connection->venue == VENUE_SPOT;
    text_addf(&text,
              is_flat ? "{\"code\":%d,\"msg\":\"%s\"" : "{\"error\":{\"code\":%d,\"msg\":\"%s\"}",
              code,
              message);
    add_id(&text, id);
    connection_send_text(connection, text.bytes);
    text_free(&text);
}

static bool params_are_strings(const json_t *params)
{
    size_t index;
    json_t *each;
    json_array_foreach((json_t *)(uintptr_t)params, index, each)
    {
        if (!json_is_string(each)) {
            return false;
        }
    }
    return json_is_array(params) && json_array_size(params) > 0;
}

static struct topic *binance_topic(struct connection *connection, const char *name)
{
    char symbol[SYMBOL_BYTES];
    char channel[CHANNEL_BYTES];
    return binance_name(name, symbol, channel)
               ? exchange_topic(connection->exchange, connection->venue, symbol, channel)
               : NULL;
}

/* A fault may keep a name from ever having been heard: neither acknowledged, nor listed, nor
 * served. */
static bool is_unheard(struct connection *connection, const struct topic *topic)
{
    return fault_concerning(connection, FAULT_NO_ACK, topic) != NULL;
}

static void binance_subscribe(struct connection *connection, const json_t *params, const json_t *id)
{
    size_t index;
    json_t *each;
    unsigned heard = 0;

    json_array_foreach((json_t *)(uintptr_t)params, index, each)
    {
        if (binance_topic(connection, json_string_value(each)) == NULL) {
            binance_error(connection, 2, "Invalid request: invalid stream", id);
            return;
        }
    }
    if (connection->subscription_count + json_array_size(params) >
        venue_keeping(connection->venue)->streams_max) {
        binance_error(connection, 2, "Invalid request: too many streams", id);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)params, index, each)
    {
        heard += !is_unheard(connection, binance_topic(connection, json_string_value(each)));
    }
    if (heard > 0) {
        binance_result(connection, "null", id);
    }
    json_array_foreach((json_t *)(uintptr_t)params, index, each)
    {
        struct topic *topic = binance_topic(connection, json_string_value(each));
        if (!is_unheard(connection, topic)) {
            connection_subscribe(connection, topic);
        }
    }
}

static void
binance_unsubscribe(struct connection *connection, const json_t *params, const json_t *id)
{
    size_t index;
    json_t *each;
    json_array_foreach((json_t *)(uintptr_t)params, index, each)
    {
        struct topic *topic = binance_topic(connection, json_string_value(each));
        if (topic != NULL) {
            connection_unsubscribe(connection, topic);
        }
    }
    binance_result(connection, "null", id);
}

static void binance_list(struct connection *connection, const json_t *id)
{
    struct text text = {0};
    const char *comma = "";
    text_add(&text, "[");
    for (const struct subscription *at = connection->subscriptions; at != NULL;
         at = at->next_of_connection) {
        text_addf(&text, "%s\"%s\"", comma, at->topic->wire_name);
        comma = ",";
    }
    text_add(&text, "]");
    binance_result(connection, text.bytes, id);
    text_free(&text);
}

static void
binance_property(struct connection *connection, bool is_set, const json_t *params, const json_t *id)
{
    const char *name = json_string_value(json_array_get(params, 0));
    const json_t *value = json_array_get(params, 1);

    if (name == NULL || strcmp(name, "combined") != 0) {
        binance_error(connection, 0, "Unknown property", id);
    } else if (is_set && !json_is_boolean(value)) {
        binance_error(connection, 1, "Invalid value type: expected Boolean", id);
    } else if (is_set) {
        connection->is_combined = json_is_true(value);
        binance_result(connection, "null", id);
    } else {
        binance_result(connection, connection->is_combined ? "true" : "false", id);
    }
}

static bool id_is_allowed(enum venue venue, const json_t *id)
{
    if (id == NULL || json_is_null(id)) {
        return venue == VENUE_SPOT || id == NULL;
    }
    if (json_is_string(id)) {
        return venue == VENUE_SPOT && json_string_length(id) <= 36;
    }
    return json_is_integer(id) && (venue == VENUE_SPOT || json_integer_value(id) >= 0);
}

static void binance_method(struct connection *connection,
                           const char *method,
                           const json_t *params,
                           const json_t *id)
{
    const bool is_subscribe = strcmp(method, "SUBSCRIBE") == 0;
    const bool is_set = strcmp(method, "SET_PROPERTY") == 0;

    if (is_subscribe || strcmp(method, "UNSUBSCRIBE") == 0) {
        if (!params_are_strings(params)) {
            binance_error(connection, 2, "Invalid request: missing field `params`", id);
        } else if (is_subscribe) {
            binance_subscribe(connection, params, id);
        } else {
            binance_unsubscribe(connection, params, id);
        }
    } else if (strcmp(method, "LIST_SUBSCRIPTIONS") == 0) {
        binance_list(connection, id);
    } else if (is_set || strcmp(method, "GET_PROPERTY") == 0) {
        binance_property(connection, is_set, params, id);
    } else {
        binance_error(
            connection,
            2,
            "Invalid request: unknown variant, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`",
            id);
    }
}

static void binance_request(struct connection *connection, const char *bytes, size_t size_bytes)
{
    json_error_t why;
    json_t *request = json_loadb(bytes, size_bytes, 0, &why);
    const json_t *id = json_object_get(request, "id");
    const char *method = json_string_value(json_object_get(request, "method"));

    if (request == NULL) {
        char message[96];
        (void)snprintf(message,
                       sizeof(message),
                       "Invalid JSON: expected value at line %d column %d",
                       why.line,
                       why.column);
        binance_error(connection, 3, message, NULL);
        if (connection->venue != VENUE_SPOT) {
            connection->close_due_ns =
                connection->exchange->now.mono_ns; /* the futures cut as well, since 2023-06-22 */
        }
    } else if (!id_is_allowed(connection->venue, id)) {
        binance_error(
            connection, 2, "Invalid request: request ID must be an unsigned integer", NULL);
    } else if (method == NULL) {
        binance_error(connection, 2, "Invalid request: missing field `method`", id);
    } else {
        binance_method(connection, method, json_object_get(request, "params"), id);
    }
    json_decref(request);
}

/* `/ws/<stream>` or `?streams=a/b`. */
void session_url_streams(struct connection *connection, const char *names)
{
    char name[STREAM_BYTES];
    while (*names != '\0') {
        const size_t length = strcspn(names, "/");
        if (length > 0 && length < sizeof(name)) {
            memcpy(name, names, length);
            name[length] = '\0';
            struct topic *topic = binance_topic(connection, name);
            if (topic != NULL &&
                connection->subscription_count < venue_keeping(connection->venue)->streams_max &&
                !is_unheard(connection, topic)) {
                connection_subscribe(connection, topic);
            }
        }
        names += length + (names[length] == '/');
    }
}

/* ---- OKX ---- */

static void
okx_event(struct connection *connection, const char *event, const json_t *arg, const char *id)
{
    char *dumped = json_dumps(arg, JSON_COMPACT);
    struct text text = {0};
    text_add(&text, "{");
    if (id != NULL) {
        text_addf(&text, "\"id\":\"%s\",", id);
    }
    text_addf(&text,
              "\"event\":\"%s\",\"arg\":%s,\"connId\":\"%s\"}",
              event,
              dumped == NULL ? "{}" : dumped,
              connection->id_text);
    connection_send_text(connection, text.bytes);
    text_free(&text);
    free(dumped);
}

static void
okx_error(struct connection *connection, const char *code, const char *message, const char *id)
{
    struct text text = {0};
    text_add(&text, "{");
    if (id != NULL) {
        text_addf(&text, "\"id\":\"%s\",", id);
    }
    text_addf(&text,
              "\"event\":\"error\",\"code\":\"%s\",\"msg\":\"%s\",\"connId\":\"%s\"}",
              code,
              message,
              connection->id_text);
    connection_send_text(connection, text.bytes);
    text_free(&text);
}

/* OKX, "Request rate limit": 480 subscribe, unsubscribe and login requests an hour. */
static bool okx_admits(struct connection *connection)
{
    const uint64_t now_ns = connection->exchange->now.mono_ns;
    if (connection->hour_start_ns == 0 || now_ns - connection->hour_start_ns >= HOUR_NS) {
        connection->hour_start_ns = now_ns;
        connection->hour_requests = 0;
    }
    return ++connection->hour_requests <= venue_keeping(VENUE_OKX)->requests_per_hour;
}

/* The instrument an arg speaks of: instId, else instType, else none. */
static const char *okx_symbol(const json_t *arg)
{
    const char *symbol = json_string_value(json_object_get(arg, "instId"));
    if (symbol == NULL) {
        symbol = json_string_value(json_object_get(arg, "instType"));
    }
    return symbol == NULL ? "*" : symbol;
}

/* Why an arg is refused; NULL = it is not. */
static const char *
okx_refusal(const struct connection *connection, const json_t *arg, const char **ret_message)
{
    const char *name = json_string_value(json_object_get(arg, "channel"));
    struct channel rule;

    *ret_message = "Invalid request";
    if (name == NULL) {
        *ret_message = "Parameter channel can not be empty";
        return "60027";
    }
    if (!name_is_plain(okx_symbol(arg)) || !channel_rule(VENUE_OKX, okx_symbol(arg), name, &rule) ||
        market_is_bogus(connection->exchange->market, okx_symbol(arg))) {
        *ret_message = "Wrong URL or channel or instId doesn't exist. Please use the correct URL, "
                       "channel and parameters";
        return "60018";
    }
    if (rule.serving == SERVES_PRIVATE && !connection->is_logged_in) {
        *ret_message = "Please log in";
        return "60011";
    }
    if (rule.serving != connection->serving) {
        *ret_message = "Wrong URL or channel or instId doesn't exist. Please use the correct URL, "
                       "channel and parameters";
        return rule.serving == SERVES_BUSINESS          ? "64001"
               : connection->serving == SERVES_BUSINESS ? "64002"
                                                        : "60018";
    }
    return NULL;
}

static void
okx_subscribe(struct connection *connection, const json_t *arg, bool is_unsubscribe, const char *id)
{
    const char *message;
    const char *code = okx_refusal(connection, arg, &message);

    if (code != NULL) {
        okx_error(connection, code, message, id);
        return;
    }
    struct topic *topic = exchange_topic(connection->exchange,
                                         VENUE_OKX,
                                         okx_symbol(arg),
                                         json_string_value(json_object_get(arg, "channel")));
    if (topic == NULL || connection->subscription_count >= OKX_STREAMS_MAX) {
        okx_error(connection, "60012", "Invalid request", id);
        return;
    }
    if (is_unsubscribe) {
        connection_unsubscribe(connection, topic);
        okx_event(connection, "unsubscribe", arg, id);
    } else if (!is_unheard(connection, topic)) {
        okx_event(connection, "subscribe", arg, id);
        connection_subscribe(connection, topic);
    }
}

static void okx_login(struct connection *connection, const json_t *arg)
{
    const char *timestamp = json_string_value(json_object_get(arg, "timestamp"));
    const char *message = NULL;
    const char *code = NULL;
    const uint64_t now_s = connection->exchange->now.wall_ns / NS_PER_S;
    const uint64_t said_s = timestamp == NULL ? 0 : strtoull(timestamp, NULL, 10);

    if (connection->serving != SERVES_PRIVATE && connection->serving != SERVES_BUSINESS) {
        code = "60028";
        message = "The current operation is not supported by this URL. Please use the correct "
                  "WebSocket URL for the operation.";
    } else if (json_string_value(json_object_get(arg, "apiKey")) == NULL ||
               json_string_value(json_object_get(arg, "sign")) == NULL) {
        code = "60009";
        message = "Login failed.";
    } else if (said_s + 30 < now_s || said_s > now_s + 30) {
        code = "60006";
        message = "Timestamp request expired";
    }
    if (code != NULL) {
        okx_error(connection, code, message, NULL);
        return;
    }
    struct text text = {0};
    connection->is_logged_in = true;
    text_addf(&text,
              "{\"event\":\"login\",\"code\":\"0\",\"msg\":\"\",\"connId\":\"%s\"}",
              connection->id_text);
    connection_send_text(connection, text.bytes);
    text_free(&text);
}

static void okx_operation(struct connection *connection, const json_t *request)
{
    const char *operation = json_string_value(json_object_get(request, "op"));
    const char *id = json_string_value(json_object_get(request, "id"));
    const json_t *args = json_object_get(request, "args");
    const bool is_unsubscribe = operation != NULL && strcmp(operation, "unsubscribe") == 0;
    size_t index;
    json_t *arg;

    if (operation == NULL || !json_is_array(args)) {
        okx_error(connection, "60012", "Invalid request", id);
    } else if (!okx_admits(connection)) {
        okx_error(connection, "60014", "Requests too frequent", id);
    } else if (strcmp(operation, "login") == 0) {
        okx_login(connection, json_array_get(args, 0));
    } else if (is_unsubscribe || strcmp(operation, "subscribe") == 0) {
        json_array_foreach((json_t *)(uintptr_t)args, index, arg)
        {
            okx_subscribe(connection, arg, is_unsubscribe, id);
        }
    } else {
        okx_error(connection, "60019", "Invalid op", id);
    }
}

static bool id_is_plain(const json_t *id)
{
    const char *text = json_string_value(id);
    if (text == NULL) {
        return id == NULL;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c)) {
            return false;
        }
    }
    return strlen(text) <= 32;
}

static void okx_request(struct connection *connection, const char *bytes, size_t size_bytes)
{
    if (size_bytes == 4 && memcmp(bytes, "ping", 4) == 0) {
        connection_send_text(connection, "pong");
        return;
    }
    if (size_bytes > OKX_REQUEST_BYTES_MAX) {
        connection_close(connection, 1009, "Request too large");
        return;
    }
    json_t *request = json_loadb(bytes, size_bytes, 0, NULL);
    if (!json_is_object(request) || !id_is_plain(json_object_get(request, "id"))) {
        okx_error(connection, "60012", "Invalid request", NULL);
    } else {
        okx_operation(connection, request);
    }
    json_decref(request);
}

void connection_received(struct connection *connection, const char *bytes, size_t size_bytes)
{
    connection->heard_mono_ns = connection->exchange->now.mono_ns;
    if (!connection_admits(connection)) {
        return;
    }
    if (connection->venue == VENUE_OKX) {
        okx_request(connection, bytes, size_bytes);
    } else {
        binance_request(connection, bytes, size_bytes);
    }
}
