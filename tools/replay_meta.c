/* SPDX-License-Identifier: MIT */
#include "tools/replay_meta.h"

#include "core/base.h"
#include "feeds/json_scan.h"

#include <string.h>

struct note_fields {
    struct json_value type;
    struct json_value how;
    struct json_value code;
    struct json_value text;
    struct json_value rtt_ns;
    struct json_value from_ns;
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

static const char *const link_ends[] = {
    [LINK_END_CLOSE] = "close",
    [LINK_END_EOF] = "eof",
    [LINK_END_ERROR] = "error",
    [LINK_END_TLS] = "tls",
    [LINK_END_PROTOCOL] = "protocol",
    [LINK_END_HTTP] = "http",
    [LINK_END_TIMEOUT] = "timeout",
    [LINK_END_LOCAL] = "local",
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
    for (size_t i = 0; i < ARRAY_COUNT(link_ends); i++) {
        if (fields->how.kind == JSON_KIND_STRING && span_equals(fields->how.text, link_ends[i])) {
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
