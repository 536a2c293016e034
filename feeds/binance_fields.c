/* SPDX-License-Identifier: MIT */
#include "feeds/binance_fields.h"

#include "core/base.h"

static unsigned field_of_letter(char letter)
{
    switch (letter) {
    case 'e':
        return FIELD_TYPE;
    case 'E':
        return FIELD_TIME;
    case 's':
        return FIELD_SYMBOL;
    case 'U':
        return FIELD_FIRST;
    case 'u':
        return FIELD_LAST;
    case 't':
        return FIELD_TRADE;
    case 'b':
        return FIELD_BID;
    case 'B':
        return FIELD_BID_SIZE;
    case 'a':
        return FIELD_ASK;
    case 'A':
        return FIELD_ASK_SIZE;
    case 'k':
        return FIELD_KLINE;
    case 'i':
        return FIELD_INTERVAL;
    default:
        return JSON_FIELDS_MAX;
    }
}

unsigned binance_field_of(struct span key)
{
    static const struct {
        char text[16];
        uint8_t bytes;
        uint8_t field;
    } words[] = {
        {"pu", 2, FIELD_PREVIOUS},
        {"ps", 2, FIELD_PAIR},
        {"stream", 6, FIELD_STREAM},
        {"data", 4, FIELD_DATA},
        {"id", 2, FIELD_ID},
        {"lastUpdateId", 12, FIELD_LAST_UPDATE},
        {"bids", 4, FIELD_BIDS},
        {"asks", 4, FIELD_ASKS},
        {"result", 6, FIELD_RESULT},
        {"event", 5, FIELD_WRAPPED},
        {"arg", 3, FIELD_ARG},
        {"status", 6, FIELD_STATUS},
        {"error", 5, FIELD_ERROR},
        {"code", 4, FIELD_CODE},
        {"msg", 3, FIELD_MESSAGE},
        {"listenKey", 9, FIELD_LISTEN_KEY},
    };

    if (key.size_bytes == 1) {
        return field_of_letter(key.bytes[0]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (key.size_bytes == words[i].bytes &&
            memcmp(key.bytes, words[i].text, key.size_bytes) == 0) {
            return words[i].field;
        }
    }
    return JSON_FIELDS_MAX;
}

/* First the market's, by frequency; then what is said of the connection and of the account. */
static enum binance_type event_type_of(struct span name)
{
    static const struct {
        const char *name;
        enum binance_type type;
    } types[] = {
        {"depthUpdate", TYPE_DEPTH},
        {"bookTicker", TYPE_BOOK_TICKER},
        {"trade", TYPE_OTHER},
        {"aggTrade", TYPE_OTHER},
        {"kline", TYPE_KLINE},
        {"markPriceUpdate", TYPE_MARK_PRICE},
        {"24hrTicker", TYPE_TICKER},
        {"contractInfo", TYPE_PAIR_ON_BOTH},
        {"continuous_kline", TYPE_PAIR_ON_BOTH},
        {"serverShutdown", TYPE_SHUTDOWN},
        {"listenKeyExpired", TYPE_KEY_EXPIRED},
        {"eventStreamTerminated", TYPE_TERMINATED},
        /* USD-M and COIN-M docs "User Data Streams" */
        {"ORDER_TRADE_UPDATE", TYPE_ACCOUNT},
        {"ACCOUNT_UPDATE", TYPE_ACCOUNT},
        {"TRADE_LITE", TYPE_ACCOUNT},
        {"MARGIN_CALL", TYPE_ACCOUNT},
        {"ACCOUNT_CONFIG_UPDATE", TYPE_ACCOUNT},
        {"ALGO_UPDATE", TYPE_ACCOUNT},
        {"STRATEGY_UPDATE", TYPE_ACCOUNT},
        {"GRID_UPDATE", TYPE_ACCOUNT},
        {"CONDITIONAL_ORDER_TRIGGER_REJECT", TYPE_ACCOUNT},
        /* spot docs "User Data Streams" */
        {"executionReport", TYPE_ACCOUNT},
        {"outboundAccountPosition", TYPE_ACCOUNT},
        {"balanceUpdate", TYPE_ACCOUNT},
        {"listStatus", TYPE_ACCOUNT},
        {"externalLockUpdate", TYPE_ACCOUNT},
    };

    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (span_equals(name, types[i].name)) {
            return types[i].type;
        }
    }
    return TYPE_OTHER;
}

/* The event type of a payload and its name. */
enum binance_type binance_type_of(const struct json_fields *payload,
                                  char buffer[JSON_TEXT_BYTES_MAX],
                                  struct span *ret_name)
{
    *ret_name = json_text(json_field(payload, FIELD_TYPE), buffer);
    return has(payload, FIELD_TYPE) ? event_type_of(*ret_name) : TYPE_NONE;
}

bool binance_type_is_special(enum binance_type type)
{
    return type == TYPE_SHUTDOWN || type == TYPE_KEY_EXPIRED || type == TYPE_TERMINATED ||
           type == TYPE_ACCOUNT;
}

bool binance_venue_shown(const struct json_fields *payload,
                         enum binance_type type,
                         enum flatline_venue *ret_venue)
{
    if (type == TYPE_PAIR_ON_BOTH) {
        return false;
    }
    if (has(payload, FIELD_PAIR)) {
        *ret_venue = FLATLINE_VENUE_BINANCE_COINM;
        return true;
    }
    if (has(payload, FIELD_PREVIOUS) || type == TYPE_BOOK_TICKER) {
        *ret_venue = FLATLINE_VENUE_BINANCE_USDM;
        return true;
    }
    if (type == TYPE_DEPTH) {
        *ret_venue = FLATLINE_VENUE_BINANCE_SPOT;
        return true;
    }
    return false;
}
