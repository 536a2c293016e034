/* SPDX-License-Identifier: MIT
 *
 * codec_case.h - one frame and what must become of it; and the ways a frame can be respelled
 * without a change of meaning, cut or spoilt. For test_binance_codec.c and test_okx_codec.c.
 */
#ifndef FLATLINE_TESTS_CODEC_CASE_H
#define FLATLINE_TESTS_CODEC_CASE_H

#include "core/base.h"
#include "core/event.h"
#include "feeds/codec.h"
#include "feeds/codec_event.h"
#include "guarded.h"
#include "random.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASE_MS(ms)              ((int64_t)(ms)*1000000)
#define CASE_FRAME_BYTES_MAX     1024
#define CASE_RESPELLED_BYTES_MAX (8 * CASE_FRAME_BYTES_MAX)
#define CASE_MUTATIONS           60000

struct codec_case {
    const char *name;
    enum flatline_venue venue;
    const char *frame; /* with ' for ": case_text() */
    enum codec_verdict verdict;
    enum event_kind kind; /* of CODEC_CONTROL; CODEC_DATA is EVENT_DATA */
    const char *stream;   /* without its venue; NULL: none */
    unsigned flags;
    struct event_data data;
    const char *bid_size; /* what data.bid_size is the mark of; NULL: none */
    const char *ask_size;
    struct event_note note;
    bool is_literal; /* not to be respelled: no JSON, or broken, or its spelling is the point */
};

/* The frame as it comes over the wire. Valid until the next call. */
static inline const char *case_text(const struct codec_case *expected)
{
    static char text[CASE_FRAME_BYTES_MAX];
    size_t i = 0;
    assert_true(strlen(expected->frame) < sizeof(text));
    for (; expected->frame[i] != '\0'; i++) {
        text[i] = expected->frame[i];
        if (text[i] == '\'') {
            text[i] = '"';
        }
    }
    text[i] = '\0';
    return text;
}

/* A codec with an account named main, so that account events have somewhere to go. */
struct case_codec {
    struct codec codec;
    struct guarded guarded;
};

static inline void case_codec_open(struct case_codec *fixture, enum flatline_venue venue)
{
    fixture->codec = (struct codec){.venue = venue, .names = names_create(512), .open = true};
    assert_non_null(fixture->codec.names);
    fixture->codec.user_stream =
        names_intern(fixture->codec.names, venue, span_of("main"), span_of("user"));
    fixture->guarded = guarded_open();
}

static inline void case_codec_close(struct case_codec *fixture)
{
    names_destroy(fixture->codec.names);
    guarded_close(&fixture->guarded);
}

/* Decodes bytes that end at an unmapped page, into an event whose every byte is known
 * beforehand. */
static inline enum codec_verdict case_decode(const struct case_codec *fixture,
                                             const void *bytes,
                                             size_t size_bytes,
                                             struct event *ret_event)
{
    const char *copy = (const char *)guarded_copy(&fixture->guarded, bytes, size_bytes);
    memset(ret_event, 0xa5, sizeof(*ret_event));
    return codec_decode(&fixture->codec, (struct span){copy, size_bytes}, ret_event);
}

/* The codec writes what it says it writes, and nothing else. */
static inline void case_check_untouched(const struct event *event, enum codec_verdict verdict)
{
    struct event before;
    memset(&before, 0xa5, sizeof(before));
    assert_true(event->recv_mono_ns == before.recv_mono_ns);
    assert_int_equal(event->connection, before.connection);
    if (verdict == CODEC_IGNORED || verdict == CODEC_MALFORMED) {
        assert_memory_equal(event, &before, sizeof(before));
    }
}

static inline uint32_t case_size_mark(const char *size)
{
    const struct json_value value = {.text = span_of(size != NULL ? size : ""),
                                     .kind = JSON_KIND_STRING};
    return size_mark(&value);
}

static inline void case_check_data(const struct codec_case *expected, const struct event *event)
{
    assert_int_equal(event->flags, expected->flags);
    assert_true(event->data.exch_wall_ns == expected->data.exch_wall_ns);
    assert_true(event->data.id == expected->data.id);
    assert_true(event->data.prev_id == expected->data.prev_id); /* or first_id: one place */
    assert_true(event->data.bid_e8 == expected->data.bid_e8);
    assert_true(event->data.ask_e8 == expected->data.ask_e8);
    assert_int_equal(event->data.bid_size, case_size_mark(expected->bid_size));
    assert_int_equal(event->data.ask_size, case_size_mark(expected->ask_size));
}

static inline void case_check_note(const struct codec_case *expected, const struct event *event)
{
    assert_true(event->note.code == expected->note.code);
    assert_true(event->note.value == expected->note.value);
    assert_string_equal(event->note.text, expected->note.text);
}

static inline void
case_check(const struct case_codec *fixture, const struct codec_case *expected, const char *frame)
{
    char name[FLATLINE_NAME_BYTES] = "";
    struct event event;

    const enum codec_verdict verdict = case_decode(fixture, frame, strlen(frame), &event);
    if (verdict != expected->verdict) {
        print_error("%s: verdict %d, not %d: %s\n",
                    expected->name,
                    (int)verdict,
                    (int)expected->verdict,
                    frame);
    }
    assert_int_equal(verdict, expected->verdict);
    case_check_untouched(&event, verdict);
    if (verdict == CODEC_IGNORED || verdict == CODEC_MALFORMED) {
        return;
    }
    assert_int_equal(event.kind, verdict == CODEC_DATA ? EVENT_DATA : expected->kind);
    if (expected->stream != NULL) {
        (void)snprintf(name, sizeof(name), "%s", names_text(fixture->codec.names, event.stream));
        assert_string_equal(strchr(name, '/') + 1, expected->stream);
    } else {
        assert_int_equal(event.stream, EVENT_NO_STREAM);
    }
    if (verdict == CODEC_DATA) {
        case_check_data(expected, &event);
    } else {
        case_check_note(expected, &event);
    }
}

/* ---- respellings ----------------------------------------------------------------------------- */

/* White space wherever the grammar has room for it. */
static inline void case_space_out(const char *frame, char *text)
{
    bool is_in_string = false;
    *text++ = '\n';
    for (; *frame != '\0'; frame++) {
        const bool is_token = !is_in_string && strchr("{}[]:,", *frame) != NULL;
        if (is_token) {
            *text++ = ' ';
            *text++ = '\t';
        }
        *text++ = *frame;
        if (*frame == '\\') {
            *text++ = *++frame;
        } else if (*frame == '"') {
            is_in_string = !is_in_string;
        }
        if (is_token) {
            *text++ = '\r';
            *text++ = '\n';
        }
    }
    *text = '\0';
}

/* Every plain character of every string, keys too, as \u00xx. */
static inline void case_escape(const char *frame, char *text)
{
    bool is_in_string = false;
    for (; *frame != '\0'; frame++) {
        if (*frame == '"') {
            is_in_string = !is_in_string;
            *text++ = *frame;
        } else if (*frame == '\\') {
            const size_t escape_bytes = frame[1] == 'u' ? 6 : 2;
            memcpy(text, frame, escape_bytes);
            text += escape_bytes;
            frame += escape_bytes - 1;
        } else if (is_in_string && (unsigned char)*frame < 0x80) {
            text += sprintf(text, "\\u%04x", (unsigned)*frame);
        } else {
            *text++ = *frame;
        }
    }
    *text = '\0';
}

/* Unknown company for the members of every object. */
static inline void case_add_members(json_t *value)
{
    const char *key;
    json_t *member;
    size_t index;

    if (json_is_object(value)) {
        json_object_foreach(value, key, member)
        {
            case_add_members(member);
        }
        json_t *odd = json_pack("{s:[n,b,f,{s:[[s]]}]}", "o", 1, -1.5e-9, "a", "]}\"");
        assert_non_null(odd);
        json_object_set_new(value, "0odd", odd);
        json_object_set_new(value, "zz", json_integer(-7));
    }
    json_array_foreach(value, index, member)
    {
        case_add_members(member);
    }
}

/* Keys in another order, with others between them. The caller frees it. */
static inline char *case_reorder(const char *frame)
{
    json_error_t error;
    json_t *value = json_loads(frame, 0, &error);
    if (value == NULL) {
        fail_msg("a case is no JSON: %s: %s", error.text, frame);
    }
    case_add_members(value);
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(value);
    assert_non_null(text);
    return text;
}

static inline void case_check_respelled(const struct case_codec *fixture,
                                        const struct codec_case *expected)
{
    static char text[CASE_RESPELLED_BYTES_MAX];
    const char *frame = case_text(expected);

    case_space_out(frame, text);
    case_check(fixture, expected, text);
    case_escape(frame, text);
    case_check(fixture, expected, text);
    char *reordered = case_reorder(frame);
    case_check(fixture, expected, reordered);
    free(reordered);
}

/* ---- whole tables ---------------------------------------------------------------------------- */

static inline void cases_check(const struct codec_case *cases, size_t count, bool is_respelled)
{
    for (size_t i = 0; i < count; i++) {
        struct case_codec fixture;
        case_codec_open(&fixture, cases[i].venue);
        if (!is_respelled) {
            case_check(&fixture, &cases[i], case_text(&cases[i]));
        } else if (!cases[i].is_literal) {
            case_check_respelled(&fixture, &cases[i]);
        }
        case_codec_close(&fixture);
    }
}

/* No beginning of a frame is a frame. */
static inline void cases_check_prefixes(const struct codec_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *frame = case_text(&cases[i]);
        struct case_codec fixture;
        struct event event;
        case_codec_open(&fixture, cases[i].venue);
        for (size_t bytes = 0; bytes < strlen(frame); bytes++) {
            const enum codec_verdict verdict = case_decode(&fixture, frame, bytes, &event);
            if (verdict != CODEC_MALFORMED) {
                print_error("%s: %zu bytes: %.*s\n", cases[i].name, bytes, (int)bytes, frame);
            }
            assert_int_equal(verdict, CODEC_MALFORMED);
        }
        case_codec_close(&fixture);
    }
}

/* ---- mutations ------------------------------------------------------------------------------- */

/* Changes, inserts, removes or doubles a few bytes. Returns the new length, at most size_bytes +
 * 64. */
static inline size_t bytes_mutate(char *bytes, size_t size_bytes, uint64_t *state)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\\u",
                                         "\\ud83d",
                                         "null",
                                         "-",
                                         "1e9",
                                         "99999999999999999999",
                                         "\"e\":",
                                         "\"data\":",
                                         "\"ps\":\"X\",",
                                         "@",
                                         "!"};
    for (uint64_t edits = 1 + random_next(state) % 3; edits > 0; edits--) {
        const size_t at = size_bytes > 0 ? random_next(state) % size_bytes : 0;
        const char *piece = pieces[random_next(state) % ARRAY_COUNT(pieces)];
        const size_t piece_bytes = strlen(piece);
        switch (random_next(state) % 5) {
        case 0:
            bytes[at] = (char)((unsigned char)bytes[at] ^ (1U << (random_next(state) % 8)));
            break;
        case 1:
            bytes[at] = (char)random_next(state);
            break;
        case 2:
            memmove(bytes + at + piece_bytes, bytes + at, size_bytes - at);
            memcpy(bytes + at, piece, piece_bytes);
            size_bytes += piece_bytes;
            break;
        case 3: {
            const size_t gone =
                random_next(state) % (size_bytes - at < 12 ? size_bytes - at + 1 : 12);
            memmove(bytes + at, bytes + at + gone, size_bytes - at - gone);
            size_bytes -= gone;
            break;
        }
        default:
            size_bytes = at;
            break;
        }
        if (size_bytes == 0) {
            break;
        }
    }
    return size_bytes;
}

/* A frame the codec makes anything of is JSON for another parser too. What jansson alone refuses
 * (bytes that are not UTF-8, lone surrogates, NUL, numbers beyond double) is not held against
 * it. */
static inline void case_check_is_json(const char *bytes, size_t size_bytes)
{
    json_error_t error;
    json_t *value = json_loadb(bytes, size_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value == NULL) {
        const enum json_error_code code = json_error_code(&error);
        const bool is_other_rule =
            code == json_error_invalid_utf8 || code == json_error_numeric_overflow ||
            code == json_error_null_byte_in_key || strstr(error.text, "Unicode") != NULL;
        if (!is_other_rule) {
            fail_msg("accepted, but no JSON: %s: %.*s", error.text, (int)size_bytes, bytes);
        }
    }
    json_decref(value);
}

static inline void
cases_survive_mutation(const struct codec_case *cases, size_t count, uint64_t seed)
{
    struct case_codec fixtures[4];
    size_t accepted = 0;
    uint64_t state = seed;

    for (size_t venue = 0; venue < ARRAY_COUNT(fixtures); venue++) {
        case_codec_open(&fixtures[venue], (enum flatline_venue)venue);
    }
    for (unsigned i = 0; i < CASE_MUTATIONS; i++) {
        char bytes[CASE_FRAME_BYTES_MAX + 256];
        struct event event;
        const struct codec_case *origin = &cases[random_next(&state) % count];
        const char *frame = case_text(origin);
        size_t size_bytes = strlen(frame);
        memcpy(bytes, frame, size_bytes);
        size_bytes = bytes_mutate(bytes, size_bytes, &state);
        const struct case_codec *fixture =
            &fixtures[i % 8 == 7 ? random_next(&state) % 4 : (uint64_t)origin->venue];
        const enum codec_verdict verdict = case_decode(fixture, bytes, size_bytes, &event);
        case_check_untouched(&event, verdict);
        if (verdict == CODEC_DATA) {
            assert_true(event.stream < names_count(fixture->codec.names));
            assert_int_equal(event.kind, EVENT_DATA);
        }
        if (verdict != CODEC_MALFORMED && !(size_bytes == 4 && memcmp(bytes, "pong", 4) == 0)) {
            case_check_is_json(bytes, size_bytes);
            accepted++;
        }
    }
    /* Neither all nothing nor all broken: the mutations reach behind the scanner. */
    assert_in_range(accepted, CASE_MUTATIONS / 50, CASE_MUTATIONS / 2);
    for (size_t venue = 0; venue < ARRAY_COUNT(fixtures); venue++) {
        case_codec_close(&fixtures[venue]);
    }
}

#endif
