/* SPDX-License-Identifier: MIT
 *
 * binance_fields.h - the members and event types of Binance's payloads. For binance_codec.c only.
 */
#ifndef FLATLINE_FEEDS_BINANCE_FIELDS_H
#define FLATLINE_FEEDS_BINANCE_FIELDS_H

#include "feeds/json_scan.h"
#include "flatline/layout.h"

enum binance_field {
    FIELD_STREAM,
    FIELD_DATA,
    FIELD_WRAPPED, /* "event": an object in Binance's WebSocket API, a string in OKX's answers */
    FIELD_ARG,     /* only OKX has it */
    FIELD_RESULT,
    FIELD_ID,
    FIELD_STATUS,
    FIELD_ERROR,
    FIELD_CODE,
    FIELD_MESSAGE,
    FIELD_TYPE,
    FIELD_TIME,
    FIELD_SYMBOL,
    FIELD_PAIR,
    FIELD_FIRST,
    FIELD_LAST,
    FIELD_PREVIOUS,
    FIELD_TRADE,
    FIELD_BID,
    FIELD_BID_SIZE,
    FIELD_ASK,
    FIELD_ASK_SIZE,
    FIELD_KLINE,
    FIELD_INTERVAL,
    FIELD_LAST_UPDATE,
    FIELD_BIDS,
    FIELD_ASKS,
    FIELD_LISTEN_KEY,
    FIELD_COUNT
};

_Static_assert(FIELD_COUNT <= JSON_FIELDS_MAX, "one slot a field");

/** A json_field_of: the slot of a key. */
unsigned binance_field_of(struct span key);

static inline bool has(const struct json_fields *fields, enum binance_field field)
{
    return (fields->present >> field & 1U) != 0;
}

enum binance_type {
    TYPE_NONE, /* no `e` */
    TYPE_DEPTH,
    TYPE_BOOK_TICKER,
    TYPE_KLINE,
    TYPE_MARK_PRICE,
    TYPE_TICKER,
    TYPE_PAIR_ON_BOTH, /* carries `ps` on USD-M as well as on COIN-M */
    TYPE_SHUTDOWN,
    TYPE_KEY_EXPIRED,
    TYPE_TERMINATED,
    TYPE_ACCOUNT,
    TYPE_OTHER,
};

/** The event type of a payload, and its name as written (in buffer where it has escapes). */
enum binance_type binance_type_of(const struct json_fields *payload,
                                  char buffer[JSON_TEXT_BYTES_MAX],
                                  struct span *ret_name);

/** Is it about the connection or the account, whatever envelope it comes in? */
bool binance_type_is_special(enum binance_type type);

/** Does the payload show whose it is? COIN-M alone writes the pair, `ps` (but for two events
 *  both futures venues share); USD-M has `pu` without it, and a bookTicker with `e`; spot's
 *  depthUpdate has neither. false: it shows nothing. */
bool binance_venue_shown(const struct json_fields *payload,
                         enum binance_type type,
                         enum flatline_venue *ret_venue);

#endif
