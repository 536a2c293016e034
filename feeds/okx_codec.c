/* SPDX-License-Identifier: MIT
 *
 * A frame is one of
 *   {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{...}]}   a push
 *   {"event":"subscribe","arg":{...},"connId":"..."}                                     an answer,
 *   one for each arg
 *   {"event":"error","code":"60012","msg":"...","id":"7"}                                an error,
 *   a notice ...
 *   pong                                                                                 four
 *   bytes, no JSON
 * Keys come in any order, so all members are collected first and judged afterwards. Source: OKX
 * docs "WebSocket", "WS / Order book channel" and its neighbours.
 */
#include "feeds/okx_codec.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/codec_event.h"
#include "feeds/json_scan.h"
#include "feeds/okx_status.h"

/* ---- members --------------------------------------------------------------------------------- */

enum field {
    FIELD_ARG,
    FIELD_DATA,
    FIELD_EVENT,
    FIELD_ACTION,
    FIELD_CODE,
    FIELD_MESSAGE,
    FIELD_ID,
    FIELD_COUNT_OF_CONNECTIONS,
    FIELD_CHANNEL,
    FIELD_INSTRUMENT,
    FIELD_FAMILY,
    FIELD_INSTRUMENT_TYPE,
    FIELD_TIME,
    FIELD_SEQUENCE,
    FIELD_PREVIOUS,
    FIELD_TRADE,
    FIELD_BIDS,
    FIELD_ASKS,
    FIELD_BID,
    FIELD_ASK,
    FIELD_COUNT
};

_Static_assert(FIELD_COUNT <= JSON_FIELDS_MAX, "one slot a field");

static unsigned field_of(struct span key)
{
    static const struct {
        char text[16];
        uint8_t bytes;
        uint8_t field;
    } words[] = {
        {"arg", 3, FIELD_ARG},
        {"channel", 7, FIELD_CHANNEL},
        {"instId", 6, FIELD_INSTRUMENT},
        {"data", 4, FIELD_DATA},
        {"action", 6, FIELD_ACTION},
        {"asks", 4, FIELD_ASKS},
        {"bids", 4, FIELD_BIDS},
        {"ts", 2, FIELD_TIME},
        {"seqId", 5, FIELD_SEQUENCE},
        {"prevSeqId", 9, FIELD_PREVIOUS},
        {"tradeId", 7, FIELD_TRADE},
        {"askPx", 5, FIELD_ASK},
        {"bidPx", 5, FIELD_BID},
        {"instFamily", 10, FIELD_FAMILY},
        {"instType", 8, FIELD_INSTRUMENT_TYPE},
        {"event", 5, FIELD_EVENT},
        {"code", 4, FIELD_CODE},
        {"msg", 3, FIELD_MESSAGE},
        {"id", 2, FIELD_ID},
        {"connCount", 9, FIELD_COUNT_OF_CONNECTIONS},
    };

    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (key.size_bytes == words[i].bytes &&
            memcmp(key.bytes, words[i].text, key.size_bytes) == 0) {
            return words[i].field;
        }
    }
    return JSON_FIELDS_MAX;
}

struct frame {
    struct json_fields outer;
    struct json_fields arg;
    struct json_fields last; /* last element of data, where it is an object */
    uint64_t element_count;
};

/* Several elements in one push: the last is the newest. */
static void elements_read(struct json_scan *scan, struct frame *frame)
{
    struct json_value value;

    frame->element_count = 0;
    json_enter_array(scan);
    while (json_next_element(scan)) {
        frame->element_count++;
        if (json_peek(scan) == '{') {
            json_fields_read(scan, field_of, &frame->last);
        } else {
            frame->last.present = 0;
            json_read(scan, &value);
        }
    }
}

/* false: not a JSON object. */
static bool frame_read(struct span text, struct frame *ret_frame)
{
    struct json_scan scan = json_scan_start(text);
    struct json_value value;
    struct span key;

    ret_frame->outer.present = 0;
    ret_frame->arg.present = 0;
    ret_frame->last.present = 0;
    ret_frame->element_count = 0;
    json_enter_object(&scan);
    while (json_next_key(&scan, &key)) {
        const unsigned field = field_of(key);
        const char first = json_peek(&scan);
        if (field == FIELD_ARG && first == '{') {
            json_fields_read(&scan, field_of, &ret_frame->arg);
            value = (struct json_value){.kind = JSON_KIND_OBJECT};
        } else if (field == FIELD_DATA && first == '[') {
            elements_read(&scan, ret_frame);
            value = (struct json_value){.kind = JSON_KIND_ARRAY};
        } else {
            json_read(&scan, &value);
        }
        json_fields_set(&ret_frame->outer, field, &value);
    }
    return json_finish(&scan);
}

/* ---- names ----------------------------------------------------------------------------------- */

struct stream_name {
    struct span symbol;
    struct span channel;
    char symbol_buffer[JSON_TEXT_BYTES_MAX];
    char channel_buffer[JSON_TEXT_BYTES_MAX];
};

/* The instrument, else what the subscription was narrowed to, else all. false: no channel. */
static bool name_of_arg(const struct json_fields *arg, struct stream_name *ret_name)
{
    static const enum field narrowings[] = {FIELD_INSTRUMENT, FIELD_FAMILY, FIELD_INSTRUMENT_TYPE};

    ret_name->channel = json_text(json_field(arg, FIELD_CHANNEL), ret_name->channel_buffer);
    for (size_t i = 0; i < ARRAY_COUNT(narrowings); i++) {
        ret_name->symbol = json_text(json_field(arg, narrowings[i]), ret_name->symbol_buffer);
        if (ret_name->symbol.size_bytes > 0) {
            return ret_name->channel.size_bytes > 0;
        }
    }
    ret_name->symbol = span_of("*");
    return ret_name->channel.size_bytes > 0;
}

/* ---- pushes ---------------------------------------------------------------------------------- */

/* Reads an id that older frames lack; where it is there it must be one. */
static bool sequence_take(const struct json_fields *last, struct draft *draft)
{
    const struct json_value *sequence = json_field(last, FIELD_SEQUENCE);
    const struct json_value *previous = json_field(last, FIELD_PREVIOUS);
    return (sequence->kind == JSON_KIND_ABSENT || draft_id(draft, sequence)) &&
           (previous->kind == JSON_KIND_ABSENT || draft_prev(draft, previous));
}

/* A snapshot says so and has prevSeqId -1. An update's rows are changes anywhere in the book: of these
 * the best level that each side sets. */
static bool
increments_take(const struct codec *codec, const struct frame *frame, struct draft *draft)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span action = json_text(json_field(&frame->outer, FIELD_ACTION), buffer);

    const struct json_value *bids = json_field(&frame->last, FIELD_BIDS);
    const struct json_value *asks = json_field(&frame->last, FIELD_ASKS);

    draft_empty(draft, bids, asks);
    if (!sequence_take(&frame->last, draft)) {
        return false;
    }
    const bool is_anchor = (draft->flags & EVENT_HAS_PREV) != 0 && draft->data.prev_id == -1;
    if (span_equals(action, "snapshot") || is_anchor) {
        draft->flags |= EVENT_SNAPSHOT;
    } else if (!codec->skips_levels) {
        draft_set_levels(draft, bids, asks);
    }
    return true;
}

/* Exchange time is `ts` of the element. Candles begin with the bar's opening: no time at all. */
static bool push_take(const struct codec *codec,
                      enum channel_kind kind,
                      const struct frame *frame,
                      struct draft *draft)
{
    const struct json_fields *last = &frame->last;
    const bool is_timed = draft_time(draft, json_field(last, FIELD_TIME));
    const struct json_value *bids = json_field(last, FIELD_BIDS);
    const struct json_value *asks = json_field(last, FIELD_ASKS);

    switch (kind) {
    case CHANNEL_DEPTH:
        return is_timed && increments_take(codec, frame, draft);
    case CHANNEL_BBO:
    case CHANNEL_PARTIAL:
        if (kind == CHANNEL_BBO && !codec->skips_levels) {
            draft->data.bid_size = first_size_mark(bids);
            draft->data.ask_size = first_size_mark(asks);
        }
        draft_levels(draft, bids, asks);
        draft_empty(draft, bids, asks);
        return is_timed && sequence_take(last, draft);
    case CHANNEL_TRADE: /* trade ids need not be numbers; such a trade goes by its time */
        (void)draft_id(draft, json_field(last, FIELD_TRADE));
        return is_timed;
    case CHANNEL_TICKER:
        draft->data.bid_e8 = json_decimal_e8(json_field(last, FIELD_BID));
        draft->data.ask_e8 = json_decimal_e8(json_field(last, FIELD_ASK));
        return is_timed;
    case CHANNEL_MARK_PRICE:
        return is_timed;
    case CHANNEL_KLINE:
        return frame->element_count > 0;
    case CHANNEL_AGG_TRADE:
    case CHANNEL_USER:
    case CHANNEL_OTHER:
        break;
    }
    return true;
}

static enum codec_verdict push_decode(const struct codec *codec,
                                      struct span text,
                                      const struct frame *frame,
                                      struct event *ret_event)
{
    struct stream_name name;
    struct draft draft = {.flags = 0};

    if (!name_of_arg(&frame->arg, &name)) {
        return CODEC_IGNORED;
    }
    const enum channel_kind kind = channel_kind(FLATLINE_VENUE_OKX, name.channel);
    const bool has_data = json_field(&frame->outer, FIELD_DATA)->kind == JSON_KIND_ARRAY;
    if (!has_data || !push_take(codec, kind, frame, &draft)) {
        return CODEC_MALFORMED;
    }
    if (kind == CHANNEL_OTHER &&
        span_equals(name.channel, venue_facts(FLATLINE_VENUE_OKX)->status_channel)) {
        return okx_status_decode(text, ret_event);
    }
    return draft_finish(codec, name.symbol, name.channel, &draft, ret_event);
}

/* ---- answers and notices --------------------------------------------------------------------- */

static uint32_t stream_of_arg(const struct codec *codec, const struct json_fields *arg)
{
    struct stream_name name;
    const uint32_t index =
        name_of_arg(arg, &name)
            ? names_find(codec->names, FLATLINE_VENUE_OKX, name.symbol, name.channel)
            : NAMES_NONE;
    return index != NAMES_NONE ? index : EVENT_NO_STREAM;
}

/* One acknowledgement for each arg: it says which. */
static enum codec_verdict
subscribed(const struct codec *codec, const struct frame *frame, struct event *ret_event)
{
    const struct json_value no_message = {.kind = JSON_KIND_ABSENT};
    const uint32_t stream = stream_of_arg(codec, &frame->arg);
    const int64_t id = number_or_zero(json_field(&frame->outer, FIELD_ID));

    (void)note_write(
        ret_event, stream != EVENT_NO_STREAM ? EVENT_ACK : EVENT_CONTROL, id, 0, &no_message);
    ret_event->stream = stream;
    return CODEC_CONTROL;
}

#define REFUSAL_BYTES 256U

/* "Wrong URL or channel:books,instId:BTC-USDX doesn't exist. Please use ...": of a text longer than an
 * event's, what stands behind the first colon tells which. */
static struct json_value refusal_text(const struct json_fields *outer, char whole[REFUSAL_BYTES])
{
    static const char before[] = "channel:";
    json_text_cut(json_field(outer, FIELD_MESSAGE), whole, REFUSAL_BYTES);
    const char *at = strlen(whole) >= EVENT_TEXT_BYTES ? strstr(whole, before) : NULL;
    return (struct json_value){.text = span_of(at != NULL ? at + sizeof(before) - 1 : whole),
                               .kind = JSON_KIND_STRING};
}

/* The status channel is no stream, and REST asks for the same: its refusal takes nothing away. */
static enum codec_verdict
refused(const struct codec *codec, const struct frame *frame, struct event *ret_event)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span request = json_text(json_field(&frame->outer, FIELD_ID), buffer);
    if (span_equals(request, OKX_STATUS_REQUEST)) {
        return note_write(ret_event, EVENT_CONTROL, 0, 0, json_field(&frame->outer, FIELD_MESSAGE));
    }
    const int64_t code = number_or_zero(json_field(&frame->outer, FIELD_CODE));
    const int64_t id = number_or_zero(json_field(&frame->outer, FIELD_ID));

    char whole[REFUSAL_BYTES];
    const struct json_value message = refusal_text(&frame->outer, whole);
    (void)note_write(ret_event, EVENT_SUBSCRIBE_ERROR, code, (uint64_t)id, &message);
    ret_event->stream = stream_of_arg(codec, &frame->arg);
    return CODEC_CONTROL;
}

/* channel-conn-count-error comes after a good acknowledgement: that subscription will deliver
 * nothing. */
static enum codec_verdict
event_decode(const struct codec *codec, const struct frame *frame, struct event *ret_event)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct json_value *name = json_field(&frame->outer, FIELD_EVENT);
    const struct span event = json_text(name, buffer);

    if (span_equals(event, "subscribe")) {
        return subscribed(codec, frame, ret_event);
    }
    if (span_equals(event, "error")) {
        return refused(codec, frame, ret_event);
    }
    if (span_equals(event, "notice")) {
        const int64_t code = number_or_zero(json_field(&frame->outer, FIELD_CODE));
        return note_write(
            ret_event, EVENT_NOTICE, code, 0, json_field(&frame->outer, FIELD_MESSAGE));
    }
    if (span_equals(event, "channel-conn-count-error")) {
        const int64_t count = number_or_zero(json_field(&frame->outer, FIELD_COUNT_OF_CONNECTIONS));
        return note_write(ret_event,
                          EVENT_SUBSCRIBE_ERROR,
                          0,
                          (uint64_t)count,
                          json_field(&frame->outer, FIELD_CHANNEL));
    }
    return note_write(ret_event, EVENT_CONTROL, 0, 0, name);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Not an object: an array is JSON but nothing OKX says. */
static enum codec_verdict bare_array_decode(struct span text)
{
    struct json_scan scan = json_scan_start(text);
    struct json_value value;
    json_read(&scan, &value);
    return json_finish(&scan) && value.kind == JSON_KIND_ARRAY ? CODEC_IGNORED : CODEC_MALFORMED;
}

enum codec_verdict okx_decode(const struct codec *codec, struct span text, struct event *ret_event)
{
    const struct json_value no_message = {.kind = JSON_KIND_ABSENT};
    struct frame frame;

    if (span_equals(text, "pong")) {
        return note_write(ret_event, EVENT_TEXT_PONG, 0, 0, &no_message);
    }
    if (!frame_read(text, &frame)) {
        return bare_array_decode(text);
    }
    if (json_field(&frame.outer, FIELD_EVENT)->kind == JSON_KIND_STRING) {
        return event_decode(codec, &frame, ret_event);
    }
    if (json_field(&frame.outer, FIELD_ARG)->kind == JSON_KIND_OBJECT) {
        return push_decode(codec, text, &frame, ret_event);
    }
    return CODEC_IGNORED;
}

bool okx_frame_is_okx(struct span text)
{
    struct frame frame;
    return frame_read(text, &frame) &&
           json_field(&frame.outer, FIELD_ARG)->kind != JSON_KIND_ABSENT;
}
