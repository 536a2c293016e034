/* SPDX-License-Identifier: MIT */
#include "tools/replay_meta.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/json_scan.h"

#include <string.h>

struct note_fields {
    struct json_value type;
    struct json_value how;
    struct json_value code;
    struct json_value text;
    struct json_value rtt_ns;
    struct json_value from_ns;
    struct json_value streams;
    struct json_value route;
    struct json_value acks;
};

static const struct {
    const char *name;
    enum event_kind kind;
} note_types[] = {
    {"open", EVENT_CONNECTION_UP},
    {"close", EVENT_CONNECTION_DOWN},
    {"ping", EVENT_PING},
    {"pong", EVENT_PONG},
    {"stall", EVENT_SELF_STALL},
    {"drained", EVENT_DRAINED},
};

static bool fields_read(struct span frame, struct note_fields *fields)
{
    struct json_scan scan = json_scan_start(frame);
    struct json_value ignored;
    struct span key;
    json_enter_object(&scan);
    while (json_next_key(&scan, &key)) {
        json_read(&scan,
                  span_equals(key, "type")      ? &fields->type
                  : span_equals(key, "how")     ? &fields->how
                  : span_equals(key, "code")    ? &fields->code
                  : span_equals(key, "text")    ? &fields->text
                  : span_equals(key, "rtt_ns")  ? &fields->rtt_ns
                  : span_equals(key, "from_ns") ? &fields->from_ns
                  : span_equals(key, "streams") ? &fields->streams
                  : span_equals(key, "route")   ? &fields->route
                  : span_equals(key, "acks")    ? &fields->acks
                                                : &ignored);
    }
    return json_finish(&scan);
}

static bool kind_read(const struct json_value *type, uint8_t *ret_kind)
{
    for (size_t i = 0; i < ARRAY_COUNT(note_types); i++) {
        if (type->kind == JSON_KIND_STRING && span_equals(type->text, note_types[i].name)) {
            *ret_kind = (uint8_t)note_types[i].kind;
            return true;
        }
    }
    return false;
}

/* A close without "how" and "code" is one nothing is known of: the stream of bytes just ended. */
static bool link_read(const struct note_fields *fields, struct event_link *link)
{
    int64_t code = 0;
    const bool has_code = json_int64(&fields->code, &code);
    if ((fields->code.kind != JSON_KIND_ABSENT && !has_code) || code < INT32_MIN ||
        code > INT32_MAX) {
        return false;
    }
    link->code = (int32_t)code;
    link->phase = LINK_OPEN;
    link->how = has_code ? LINK_END_CLOSE : LINK_END_EOF;
    bool known = fields->how.kind == JSON_KIND_ABSENT;
    for (uint32_t i = 0; i < LINK_END_COUNT; i++) {
        if (fields->how.kind == JSON_KIND_STRING &&
            span_equals(fields->how.text, link_end_name((enum link_end)i))) {
            link->how = (uint8_t)i;
            known = true;
        }
    }
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span text = json_text(&fields->text, buffer);
    const size_t kept =
        text.size_bytes < sizeof(link->text) ? text.size_bytes : sizeof(link->text) - 1;
    if (kept > 0) {
        memcpy(link->text, text.bytes, kept);
    }
    return known;
}

/* All three are optional: a recorder of another kind knows none of them. */
static bool opening_read(const struct note_fields *fields, struct replay_note *note)
{
    int64_t acks = 0;
    if (fields->acks.kind != JSON_KIND_ABSENT &&
        (!json_int64(&fields->acks, &acks) || acks < 0 || acks > UINT16_MAX)) {
        return false;
    }
    note->event.link.code = (int32_t)acks;
    for (uint32_t i = 0; i < ROUTE_COUNT; i++) {
        if (fields->route.kind == JSON_KIND_STRING &&
            span_equals(fields->route.text, route_name((enum route)i))) {
            note->route = i;
        }
    }
    if (fields->streams.kind == JSON_KIND_ARRAY) {
        note->streams = fields->streams.text;
    }
    return true;
}

bool replay_meta_parse(const struct capture_line *line, struct replay_note *ret_note)
{
    struct note_fields fields = {0};
    struct event event = {.recv_mono_ns = line->recv_unix_ns,
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION};
    if (line->recv_unix_ns == 0 || !fields_read(line->frame, &fields) ||
        !kind_read(&fields.type, &event.kind)) {
        return false;
    }
    bool good = true;
    *ret_note = (struct replay_note){0};
    if (event.kind == EVENT_CONNECTION_UP) {
        ret_note->event = event;
        return opening_read(&fields, ret_note);
    }
    if (event.kind == EVENT_CONNECTION_DOWN) {
        good = link_read(&fields, &event.link);
    } else if (event.kind == EVENT_PONG) {
        good = json_uint64(&fields.rtt_ns, &event.note.value);
    } else if (event.kind == EVENT_SELF_STALL) {
        event.note.code = 2;
        good = json_uint64(&fields.from_ns, &event.note.value) &&
               event.note.value <= line->recv_unix_ns;
    }
    ret_note->event = event;
    return good;
}

struct replay_names replay_names_start(const struct replay_note *note)
{
    struct replay_names names = {.scan = json_scan_start(note->streams),
                                 .any = note->streams.size_bytes > 0};
    if (names.any) {
        json_enter_array(&names.scan);
    }
    return names;
}

bool replay_names_next(struct replay_names *names, char name[JSON_TEXT_BYTES_MAX])
{
    char buffer[JSON_TEXT_BYTES_MAX];
    struct json_value value;
    while (names->any && json_next_element(&names->scan)) {
        json_read(&names->scan, &value);
        const struct span text = json_text(&value, buffer);
        if (text.size_bytes > 0 && text.size_bytes < JSON_TEXT_BYTES_MAX) {
            memcpy(name, text.bytes, text.size_bytes);
            name[text.size_bytes] = '\0';
            return true;
        }
    }
    return false;
}
