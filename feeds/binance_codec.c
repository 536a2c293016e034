/* SPDX-License-Identifier: MIT
 *
 * A frame is one of
 *   {"stream":"btcusdt@depth@100ms","data":{...}}    combined envelope: the stream's name is its
 *   own
 *   {"stream":"!markPrice@arr","data":[{...},...]}   many instruments at once
 *   {"e":"depthUpdate",...}                          raw: named by its event type and symbol
 *   {"subscriptionId":0,"event":{...}}               account events of the WebSocket API
 *   {"result":null,"id":1}                           answers, never in an envelope
 * Keys come in any order and with unknown company, so all members are collected first and judged
 * afterwards. Sources: spot docs "WebSocket Streams", "WebSocket API"; USD-M docs "Websocket Market
 * Streams", "User Data Streams".
 */
#include "feeds/binance_codec.h"

#include "feeds/binance_fields.h"
#include "feeds/channels.h"
#include "feeds/codec_event.h"
#include "feeds/json_scan.h"

/* The members of a frame, and of the object it wraps in `data` or `event`: in one pass, whatever
 * comes first. */
struct frame {
    struct json_fields outer;
    struct json_fields inner;
};

/* false: not a JSON object. */
static bool frame_read(struct span text, struct frame *ret_frame)
{
    struct json_scan scan = json_scan_start(text);
    struct json_value value;
    struct span key;

    ret_frame->outer.present = 0;
    ret_frame->inner.present = 0;
    json_enter_object(&scan);
    while (json_next_key(&scan, &key)) {
        const unsigned field = binance_field_of(key);
        /* `data` is what counts where both are; which of them comes first is not. */
        const bool is_payload =
            field == FIELD_DATA || (field == FIELD_WRAPPED && !has(&ret_frame->outer, FIELD_DATA));
        if (is_payload && json_peek(&scan) == '{') {
            json_fields_read(&scan, binance_field_of, &ret_frame->inner);
            value = (struct json_value){.kind = JSON_KIND_OBJECT};
        } else {
            json_read(&scan, &value);
        }
        json_fields_set(&ret_frame->outer, field, &value);
    }
    return json_finish(&scan);
}

static bool
is_foreign(const struct codec *codec, const struct json_fields *payload, enum binance_type type)
{
    enum flatline_venue venue;
    return binance_venue_shown(payload, type, &venue) && venue != codec->venue;
}

/* ---- account and connection events ----------------------------------------------------------- */

/* The stream of account events, or EVENT_NO_STREAM. */
static uint32_t user_stream_of(const struct codec *codec)
{
    enum flatline_venue venue;
    struct span account;
    struct span channel;
    const char *name = names_text(codec->names, codec->user_stream);
    const bool is_user =
        names_split(name, &venue, &account, &channel) && span_equals(channel, "user");
    return is_user ? codec->user_stream : EVENT_NO_STREAM;
}

/* USD-M docs: "Event: User Data Stream Expired", with the key since 2023. Spot's
 * eventStreamTerminated names none. */
static enum codec_verdict
key_expired(const struct codec *codec, const struct json_fields *payload, struct event *ret_event)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span text = json_text(json_field(payload, FIELD_LISTEN_KEY), buffer);
    const enum codec_verdict verdict = note_write(
        ret_event, EVENT_KEY_EXPIRED, 0, key_fingerprint(text), json_field(payload, FIELD_TYPE));
    ret_event->stream = user_stream_of(codec);
    return verdict;
}

/* What is not of a market: goes by its event type, in whatever envelope. */
static enum codec_verdict special_decode(const struct codec *codec,
                                         const struct json_fields *payload,
                                         enum binance_type type,
                                         struct event *ret_event)
{
    if (type == TYPE_SHUTDOWN) {
        return note_write(ret_event, EVENT_NOTICE, 0, 0, json_field(payload, FIELD_TYPE));
    }
    if (type != TYPE_ACCOUNT) {
        return key_expired(codec, payload, ret_event);
    }
    struct draft draft = {.flags = 0};
    if (!draft_time(&draft, json_field(payload, FIELD_TIME))) {
        return CODEC_MALFORMED;
    }
    const uint32_t stream = user_stream_of(codec);
    return stream != EVENT_NO_STREAM ? draft_write(stream, &draft, ret_event) : CODEC_IGNORED;
}

/* ---- market data ----------------------------------------------------------------------------- */

/* Spot depth has U and u, and is chained by U; futures depth also has pu, and is chained by that. */
static bool
depth_take(const struct codec *codec, const struct json_fields *payload, struct draft *draft)
{
    const bool has_first = draft_first(draft, json_field(payload, FIELD_FIRST));
    const bool is_chained = draft_prev(draft, json_field(payload, FIELD_PREVIOUS));
    draft_empty(draft, json_field(payload, FIELD_BID), json_field(payload, FIELD_ASK));
    if (!codec->skips_levels) {
        draft_set_levels(draft, json_field(payload, FIELD_BID), json_field(payload, FIELD_ASK));
    }
    return draft_id(draft, json_field(payload, FIELD_LAST)) && has_first &&
           (is_chained || codec->venue == FLATLINE_VENUE_BINANCE_SPOT) &&
           (draft->flags & EVENT_HAS_TIME) != 0;
}

/* Spot partial depth has an id, neither time nor symbol; the futures' comes in the clothes of
 * depthUpdate. */
static bool partial_take(const struct json_fields *payload, struct draft *draft)
{
    if (has(payload, FIELD_LAST_UPDATE)) {
        const struct json_value *bids = json_field(payload, FIELD_BIDS);
        const struct json_value *asks = json_field(payload, FIELD_ASKS);
        draft_levels(draft, bids, asks);
        draft_empty(draft, bids, asks);
        return draft_id(draft, json_field(payload, FIELD_LAST_UPDATE));
    }
    (void)draft_first(draft, json_field(payload, FIELD_FIRST));
    (void)draft_prev(draft, json_field(payload, FIELD_PREVIOUS));
    draft_levels(draft, json_field(payload, FIELD_BID), json_field(payload, FIELD_ASK));
    draft_empty(draft, json_field(payload, FIELD_BID), json_field(payload, FIELD_ASK));
    return draft_id(draft, json_field(payload, FIELD_LAST)) && (draft->flags & EVENT_HAS_TIME) != 0;
}

static void prices_take(const struct json_fields *payload, struct draft *draft)
{
    draft->data.bid_e8 = json_decimal_e8(json_field(payload, FIELD_BID));
    draft->data.ask_e8 = json_decimal_e8(json_field(payload, FIELD_ASK));
}

/* Exchange time is E and nothing else: T is the engine's stamp, the next funding, or the bar's
 * close. Spot bookTicker and partial depth have none. An E that is no time makes the frame
 * malformed, known channel or not. */
static bool payload_take(const struct codec *codec,
                         enum channel_kind kind,
                         const struct json_fields *payload,
                         struct draft *draft)
{
    const bool is_timed = draft_time(draft, json_field(payload, FIELD_TIME));
    if (!is_timed && has(payload, FIELD_TIME)) {
        return false;
    }
    switch (kind) {
    case CHANNEL_DEPTH:
        return depth_take(codec, payload, draft);
    case CHANNEL_PARTIAL:
        return partial_take(payload, draft);
    case CHANNEL_BBO:
        prices_take(payload, draft);
        if (!codec->skips_levels) {
            draft->data.bid_size = size_mark(json_field(payload, FIELD_BID_SIZE));
            draft->data.ask_size = size_mark(json_field(payload, FIELD_ASK_SIZE));
        }
        return draft_id(draft, json_field(payload, FIELD_LAST));
    case CHANNEL_TRADE:
        return draft_id(draft, json_field(payload, FIELD_TRADE)) && is_timed;
    case CHANNEL_AGG_TRADE:
        return draft_id(draft, json_field(payload, FIELD_ASK)) && is_timed;
    case CHANNEL_TICKER:
        prices_take(payload, draft);
        return is_timed;
    case CHANNEL_MARK_PRICE:
    case CHANNEL_KLINE:
        return is_timed;
    case CHANNEL_USER:
    case CHANNEL_OTHER:
        break;
    }
    return true;
}

/* A stream of many instruments has neither one id nor one price. */
static void draft_forget_instrument(struct draft *draft)
{
    draft->flags &= EVENT_HAS_TIME;
    draft->data = (struct event_data){.exch_wall_ns = draft->data.exch_wall_ns};
}

struct stream_name {
    struct span symbol;
    struct span channel;
};

static bool name_is_all(const struct stream_name *name)
{
    return span_equals(name->symbol, "*");
}

static enum codec_verdict payload_decode(const struct codec *codec,
                                         const struct stream_name *name,
                                         const struct json_fields *payload,
                                         struct event *ret_event)
{
    struct draft draft = {.flags = 0};
    if (!payload_take(codec, channel_kind(codec->venue, name->channel), payload, &draft)) {
        return CODEC_MALFORMED;
    }
    if (name_is_all(name)) {
        draft_forget_instrument(&draft);
    }
    return draft_finish(codec, name->symbol, name->channel, &draft, ret_event);
}

/* The newest time of an array's elements; CODEC_IGNORED if one of them is another venue's. */
static enum codec_verdict
elements_take(const struct codec *codec, const struct json_value *array, struct draft *draft)
{
    struct json_scan scan = json_scan_start(array->text);
    struct json_fields element;
    char buffer[JSON_TEXT_BYTES_MAX];
    struct span type;

    json_enter_array(&scan);
    while (json_next_element(&scan)) {
        struct draft one = {.flags = 0};
        if (json_peek(&scan) != '{') {
            return CODEC_MALFORMED;
        }
        json_fields_read(&scan, binance_field_of, &element);
        if (is_foreign(codec, &element, binance_type_of(&element, buffer, &type))) {
            return CODEC_IGNORED;
        }
        if (draft_time(&one, json_field(&element, FIELD_TIME)) &&
            one.data.exch_wall_ns > draft->data.exch_wall_ns) {
            *draft = one;
        }
    }
    return CODEC_DATA;
}

/* `!markPrice@arr` and its kind. Where the channel is known, its elements are timed. */
static enum codec_verdict array_decode(const struct codec *codec,
                                       const struct stream_name *name,
                                       const struct json_value *array,
                                       struct event *ret_event)
{
    const enum channel_kind kind = channel_kind(codec->venue, name->channel);
    struct draft draft = {.flags = 0};
    const enum codec_verdict verdict = elements_take(codec, array, &draft);
    if (verdict != CODEC_DATA) {
        return verdict;
    }
    if (kind != CHANNEL_OTHER && (!name_is_all(name) || draft.flags == 0)) {
        return CODEC_MALFORMED;
    }
    return draft_finish(codec, name->symbol, name->channel, &draft, ret_event);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* `btcusdt@depth@100ms` or `!markPrice@arr`. false: neither, such as the listenKey of a private
 * envelope. */
static bool name_of_stream(struct span stream, struct stream_name *ret_name)
{
    if (stream.size_bytes > 1 && stream.bytes[0] == '!') {
        *ret_name = (struct stream_name){span_of("*"), {stream.bytes + 1, stream.size_bytes - 1}};
        return true;
    }
    const char *at = stream.size_bytes > 0 ? memchr(stream.bytes, '@', stream.size_bytes) : NULL;
    if (at == NULL) {
        return false;
    }
    const size_t symbol_bytes = (size_t)(at - stream.bytes);
    *ret_name = (struct stream_name){{stream.bytes, symbol_bytes},
                                     {at + 1, stream.size_bytes - symbol_bytes - 1}};
    return symbol_bytes > 0 && ret_name->channel.size_bytes > 0;
}

/* `kline_<i>` of a raw kline, into text. Empty: the bar has no interval. */
static struct span kline_channel(const struct json_fields *payload, char text[JSON_TEXT_BYTES_MAX])
{
    const struct json_value *bar = json_field(payload, FIELD_KLINE);
    struct json_fields members;
    char buffer[JSON_TEXT_BYTES_MAX];

    if (bar->kind != JSON_KIND_OBJECT) {
        return (struct span){"", 0};
    }
    struct json_scan scan = json_scan_start(bar->text);
    json_fields_read(&scan, binance_field_of, &members);
    const struct span interval = json_text(json_field(&members, FIELD_INTERVAL), buffer);
    if (interval.size_bytes == 0 || interval.size_bytes > JSON_TEXT_BYTES_MAX - 6) {
        return (struct span){"", 0};
    }
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a span, with a length and no NUL */
    memcpy(text, "kline_", 6);
    memcpy(text + 6, interval.bytes, interval.size_bytes);
    return (struct span){text, 6 + interval.size_bytes};
}

/* Channel of a raw frame, from its event type. */
static struct span channel_of_type(enum binance_type type,
                                   struct span name,
                                   const struct json_fields *payload,
                                   char text[JSON_TEXT_BYTES_MAX])
{
    switch (type) {
    case TYPE_DEPTH:
        return span_of("depth");
    case TYPE_NONE:
        return span_of("bookTicker");
    case TYPE_MARK_PRICE:
        return span_of("markPrice");
    case TYPE_TICKER:
        return span_of("ticker");
    case TYPE_KLINE:
        return kline_channel(payload, text);
    case TYPE_BOOK_TICKER:
    case TYPE_PAIR_ON_BOTH:
    case TYPE_SHUTDOWN:
    case TYPE_KEY_EXPIRED:
    case TYPE_TERMINATED:
    case TYPE_ACCOUNT:
    case TYPE_OTHER:
        break;
    }
    return name;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static enum codec_verdict
envelope_decode(const struct codec *codec, const struct frame *frame, struct event *ret_event)
{
    char type_buffer[JSON_TEXT_BYTES_MAX];
    char name_buffer[JSON_TEXT_BYTES_MAX];
    const struct json_value *data = json_field(&frame->outer, FIELD_DATA);
    struct stream_name name;
    struct span type_name;

    const enum binance_type type = binance_type_of(&frame->inner, type_buffer, &type_name);
    if (binance_type_is_special(type)) {
        return special_decode(codec, &frame->inner, type, ret_event);
    }
    if (!name_of_stream(json_text(json_field(&frame->outer, FIELD_STREAM), name_buffer), &name)) {
        return CODEC_IGNORED;
    }
    if (data->kind == JSON_KIND_ARRAY) {
        return array_decode(codec, &name, data, ret_event);
    }
    if (data->kind != JSON_KIND_OBJECT) {
        return CODEC_MALFORMED;
    }
    if (is_foreign(codec, &frame->inner, type)) {
        return CODEC_IGNORED;
    }
    return payload_decode(codec, &name, &frame->inner, ret_event);
}

/* Has a raw frame without `e` the six members of spot's bookTicker? */
static bool is_book_ticker(const struct json_fields *payload)
{
    return has(payload, FIELD_LAST) && has(payload, FIELD_SYMBOL) && has(payload, FIELD_BID) &&
           has(payload, FIELD_BID_SIZE) && has(payload, FIELD_ASK) && has(payload, FIELD_ASK_SIZE);
}

static enum codec_verdict
raw_decode(const struct codec *codec, const struct json_fields *payload, struct event *ret_event)
{
    char type_buffer[JSON_TEXT_BYTES_MAX];
    char symbol_buffer[JSON_TEXT_BYTES_MAX];
    char channel_buffer[JSON_TEXT_BYTES_MAX];
    struct span type_name;

    const enum binance_type type = binance_type_of(payload, type_buffer, &type_name);
    if (binance_type_is_special(type)) {
        return special_decode(codec, payload, type, ret_event);
    }
    const struct stream_name name = {json_text(json_field(payload, FIELD_SYMBOL), symbol_buffer),
                                     channel_of_type(type, type_name, payload, channel_buffer)};
    if (name.symbol.size_bytes == 0 || is_foreign(codec, payload, type)) {
        return CODEC_IGNORED;
    }
    if (name.channel.size_bytes == 0) {
        return type == TYPE_KLINE ? CODEC_MALFORMED : CODEC_IGNORED;
    }
    return payload_decode(codec, &name, payload, ret_event);
}

/* Both error shapes: {"code":2,"msg":"...","id":1} as documented,
 * {"error":{"code":2,"msg":"..."},"id":1} as seen. */
static enum codec_verdict error_decode(const struct json_fields *outer, struct event *ret_event)
{
    const struct json_value *error = json_field(outer, FIELD_ERROR);
    const uint64_t id = (uint64_t)number_or_zero(json_field(outer, FIELD_ID));
    struct json_fields nested;
    const struct json_fields *members = outer;

    if (error->kind == JSON_KIND_OBJECT) {
        struct json_scan scan = json_scan_start(error->text);
        json_fields_read(&scan, binance_field_of, &nested);
        members = &nested;
    }
    const int64_t code = number_or_zero(json_field(members, FIELD_CODE));
    return note_write(
        ret_event, EVENT_SUBSCRIBE_ERROR, code, id, json_field(members, FIELD_MESSAGE));
}

/* Answers to requests. `status` marks the WebSocket API's, which are none to our subscriptions. */
static enum codec_verdict answer_decode(const struct json_fields *outer, struct event *ret_event)
{
    const struct json_value *result = json_field(outer, FIELD_RESULT);
    const int64_t id = number_or_zero(json_field(outer, FIELD_ID));
    const struct json_value no_message = {.kind = JSON_KIND_ABSENT};

    if (has(outer, FIELD_ERROR) || (has(outer, FIELD_CODE) && has(outer, FIELD_MESSAGE))) {
        return error_decode(outer, ret_event);
    }
    if (has(outer, FIELD_STATUS) && has(outer, FIELD_ID)) {
        return note_write(ret_event, EVENT_CONTROL, id, 0, &no_message);
    }
    if (result->kind == JSON_KIND_NULL) {
        return note_write(ret_event, EVENT_ACK, id, 0, &no_message);
    }
    if (result->kind == JSON_KIND_ARRAY) {
        return note_write(ret_event, EVENT_INVENTORY, id, json_array_count(result), &no_message);
    }
    return result->kind != JSON_KIND_ABSENT
               ? note_write(ret_event, EVENT_CONTROL, id, 0, &no_message)
               : CODEC_IGNORED;
}

/* {"subscriptionId":0,"event":{...}}: an account event or a notice, else nothing we can name. */
static enum codec_verdict wrapped_decode(const struct codec *codec,
                                         const struct json_fields *payload,
                                         struct event *ret_event)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    struct span name;
    const enum binance_type type = binance_type_of(payload, buffer, &name);
    return binance_type_is_special(type) ? special_decode(codec, payload, type, ret_event)
                                         : CODEC_IGNORED;
}

/* A raw array names no stream. */
static enum codec_verdict bare_array_decode(struct span text)
{
    struct json_scan scan = json_scan_start(text);
    struct json_value value;
    json_read(&scan, &value);
    return json_finish(&scan) ? CODEC_IGNORED : CODEC_MALFORMED;
}

static bool is_array(struct span text)
{
    struct json_scan scan = json_scan_start(text);
    return json_peek(&scan) == '[';
}

enum codec_verdict
binance_decode(const struct codec *codec, struct span text, struct event *ret_event)
{
    struct frame frame;

    if (is_array(text)) {
        return bare_array_decode(text);
    }
    if (!frame_read(text, &frame)) {
        return CODEC_MALFORMED;
    }
    const uint8_t wrapped = json_field(&frame.outer, FIELD_WRAPPED)->kind;
    if (has(&frame.outer, FIELD_ARG)) {
        return CODEC_IGNORED; /* OKX */
    }
    if (has(&frame.outer, FIELD_STREAM)) {
        return envelope_decode(codec, &frame, ret_event);
    }
    if (wrapped == JSON_KIND_STRING) {
        return CODEC_IGNORED; /* an answer of OKX */
    }
    if (wrapped == JSON_KIND_OBJECT) {
        return wrapped_decode(codec, &frame.inner, ret_event);
    }
    if (has(&frame.outer, FIELD_TYPE) || is_book_ticker(&frame.outer)) {
        return raw_decode(codec, &frame.outer, ret_event);
    }
    return answer_decode(&frame.outer, ret_event);
}

bool binance_guess_venue(struct span text, enum flatline_venue *ret_venue)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    struct span name;
    struct frame frame;

    if (!frame_read(text, &frame)) {
        return false;
    }
    const bool is_combined = has(&frame.outer, FIELD_STREAM) && has(&frame.outer, FIELD_DATA);
    const struct json_fields *payload = is_combined ? &frame.inner : &frame.outer;
    return binance_venue_shown(payload, binance_type_of(payload, buffer, &name), ret_venue);
}
