/* SPDX-License-Identifier: MIT
 *
 * replay_frame.c - what a recorded frame is, and its times moved.
 */
#include "venue/replay.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MS 13
#define DIGITS_US 16

bool replay_venue_of(const char *frame, enum venue *ret_venue)
{
    const bool is_book = strstr(frame, "\"e\":\"depthUpdate\"") != NULL;
    const bool is_best = strstr(frame, "\"e\":\"bookTicker\"") != NULL;

    if (strncmp(frame, "{\"arg\":", 7) == 0) {
        *ret_venue = VENUE_OKX;
    } else if (strstr(frame, "\"ps\":\"") != NULL) {
        *ret_venue = VENUE_COINM;
    } else if (strstr(frame, "\"pu\":") != NULL || is_best) {
        *ret_venue = VENUE_USDM;
    } else if (is_book) {
        *ret_venue = VENUE_SPOT;
    } else {
        return false;
    }
    return true;
}

static void text_upper(char *text)
{
    for (; *text != '\0'; text++) {
        *text = upper_case(*text);
    }
}

static bool fits(char *target, size_t target_bytes, const char *text, size_t length)
{
    if (length == 0 || length >= target_bytes) {
        return false;
    }
    memcpy(target, text, length);
    target[length] = '\0';
    return true;
}

/* {"stream":"btcusdt@depth@100ms","data":{...}} */
static bool parse_combined(char *frame, size_t frame_bytes, struct replay_frame *ret)
{
    static const char head[] = "{\"stream\":\"";
    static const char middle[] = "\",\"data\":";

    if (strncmp(frame, head, sizeof(head) - 1) != 0) {
        return false;
    }
    char *name = frame + sizeof(head) - 1;
    char *end = strchr(name, '"');
    if (end == NULL || strncmp(end, middle, sizeof(middle) - 1) != 0 ||
        frame[frame_bytes - 1] != '}') {
        return false;
    }
    char *at = memchr(name, '@', (size_t)(end - name));
    if (*name == '!') {
        memcpy(ret->symbol, "*", 2);
        at = name;
    } else if (at == NULL || !fits(ret->symbol, SYMBOL_BYTES, name, (size_t)(at - name))) {
        return false;
    }
    text_upper(ret->symbol);
    ret->payload = end + sizeof(middle) - 1;
    ret->payload_bytes = frame_bytes - (size_t)(ret->payload - frame) - 1;
    return fits(ret->channel, CHANNEL_BYTES, at + 1, (size_t)(end - at - 1));
}

/* Frames without envelope are named by what they say they are. */
static const char *channel_of_event(const json_t *frame, char channel[CHANNEL_BYTES])
{
    static const char *const names[][2] = {{"depthUpdate", "depth"},
                                           {"bookTicker", "bookTicker"},
                                           {"trade", "trade"},
                                           {"aggTrade", "aggTrade"},
                                           {"markPriceUpdate", "markPrice"},
                                           {"24hrTicker", "ticker"}};
    const char *event = json_string_value(json_object_get(frame, "e"));
    if (event == NULL) {
        return json_object_get(frame, "u") != NULL ? "bookTicker" : NULL;
    }
    if (strcmp(event, "kline") == 0) {
        const char *interval = json_string_value(json_object_get(json_object_get(frame, "k"), "i"));
        (void)snprintf(channel, CHANNEL_BYTES, "kline_%s", interval == NULL ? "1m" : interval);
        return channel;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i][0], event) == 0) {
            return names[i][1];
        }
    }
    return NULL;
}

static bool parse_raw(const json_t *frame, struct replay_frame *ret)
{
    char made[CHANNEL_BYTES];
    const char *symbol = json_string_value(json_object_get(frame, "s"));
    const char *channel = channel_of_event(frame, made);
    return symbol != NULL && channel != NULL &&
           fits(ret->symbol, SYMBOL_BYTES, symbol, strlen(symbol)) &&
           fits(ret->channel, CHANNEL_BYTES, channel, strlen(channel));
}

static bool parse_okx(const json_t *frame, struct replay_frame *ret)
{
    const json_t *arg = json_object_get(frame, "arg");
    const char *channel = json_string_value(json_object_get(arg, "channel"));
    const char *symbol = json_string_value(json_object_get(arg, "instId"));
    if (json_object_get(frame, "data") == NULL || channel == NULL) {
        return false; /* an answer, not data */
    }
    symbol = symbol == NULL ? "*" : symbol;
    return fits(ret->symbol, SYMBOL_BYTES, symbol, strlen(symbol)) &&
           fits(ret->channel, CHANNEL_BYTES, channel, strlen(channel));
}

bool replay_frame_parse(enum venue venue,
                        char *frame,
                        size_t frame_bytes,
                        struct replay_frame *ret_frame)
{
    if (frame_bytes == 0) {
        return false;
    }
    if (venue != VENUE_OKX && parse_combined(frame, frame_bytes, ret_frame)) {
        return true;
    }
    json_t *root = json_loadb(frame, frame_bytes, 0, NULL);
    ret_frame->payload = frame;
    ret_frame->payload_bytes = frame_bytes;
    const bool is_named = root != NULL && (venue == VENUE_OKX ? parse_okx(root, ret_frame)
                                                              : parse_raw(root, ret_frame));
    json_decref(root);
    return is_named;
}

/* Overwrites the digits with as many others. */
static void digits_move(char *digits, size_t count, uint64_t from_ms, uint64_t to_ms, double speed)
{
    const uint64_t unit = count == DIGITS_US ? 1000 : 1;
    char text[24];
    const uint64_t time = strtoull(digits, NULL, 10);
    const double since = ((double)time - (double)(from_ms * unit)) / speed;
    const double moved = (double)(to_ms * unit) + since;

    if (moved < 0 || snprintf(text, sizeof(text), "%.0f", moved) != (int)count) {
        return;
    }
    memcpy(digits, text, count);
}

void replay_rebase(char *frame, uint64_t from_ms, uint64_t to_ms, double speed)
{
    static const char *const keys[] = {"\"E\":", "\"T\":", "\"ts\":\"", "\"ts\":"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char *at = frame;
        while ((at = strstr(at, keys[i])) != NULL) {
            at += strlen(keys[i]);
            const size_t count = strspn(at, "0123456789");
            if (count == DIGITS_MS || count == DIGITS_US) {
                digits_move(at, count, from_ms, to_ms, speed);
            }
        }
    }
}
