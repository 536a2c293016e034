/* SPDX-License-Identifier: MIT
 *
 * json_scan.h - one bounded walk over a JSON text that is not ours: no allocation, no tree, no
 * recursion.
 *
 * A cursor moves forward only and never reads at or beyond its end. What it passes is checked
 * against the grammar of RFC 8259 (UTF-8 in strings aside: the WebSocket layer has seen to that).
 * The first violation makes the cursor bad, and from then on nothing is returned; so callers walk
 * as if all were well and ask json_finish() once.
 *
 *     struct json_scan scan = json_scan_start(text);
 *     struct span key;
 *     json_enter_object(&scan);
 *     while (json_next_key(&scan, &key))                 each key's value is read or entered
 *         json_read(&scan, &values[slot_of(key)]);
 *     if (!json_finish(&scan))
 *         return MALFORMED;
 *
 * Thread-safety: a cursor belongs to its caller. Cost: strings sixteen bytes a step where the
 * machine can, one step a byte for the rest.
 */
#ifndef FLATLINE_FEEDS_JSON_SCAN_H
#define FLATLINE_FEEDS_JSON_SCAN_H

#include "feeds/span.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_DEPTH_MAX      32 /* nesting inside one value that is passed over; the venues use 4 */
#define JSON_KEY_BYTES_MAX  24 /* a key spelled with escapes longer than this is none of ours */
#define JSON_TEXT_BYTES_MAX 64 /* for json_text(): names are no longer (FLATLINE_NAME_BYTES) */

enum json_kind {
    JSON_KIND_ABSENT,
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
    JSON_KIND_NUMBER,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL,
};

struct json_value {
    struct span text; /* as it stands: strings without quotes, containers with brackets */
    uint8_t kind;     /* enum json_kind */
    bool escaped;     /* a string with at least one backslash: json_text() resolves it */
};

struct json_scan {
    const char *at;
    const char *end;
    bool is_first; /* just inside a bracket: no comma is due */
    bool is_bad;
    char key[JSON_KEY_BYTES_MAX]; /* of an escaped key, valid until the next one */
};

struct json_scan json_scan_start(struct span text);

/** First byte of what comes next, white space passed; 0 at the end or when bad. */
char json_peek(struct json_scan *scan);

/** Steps inside the container that comes next. What else is there makes the cursor bad. */
void json_enter_object(struct json_scan *scan);
void json_enter_array(struct json_scan *scan);

/** Moves to the next member's value; its key, escapes resolved. false: the object is closed (and
 *  left), or the cursor is bad. */
bool json_next_key(struct json_scan *scan, struct span *ret_key);

/** Moves to the next element. false: the array is closed (and left), or the cursor is bad. */
bool json_next_element(struct json_scan *scan);

/** Reads the value that comes next, of any type; containers are passed over whole. JSON_KIND_ABSENT
 *  when bad. */
void json_read(struct json_scan *scan, struct json_value *ret_value);

/* The members of one object a codec wants, each in the slot its key maps to. A key that comes
 * twice: the last one holds. */
#define JSON_FIELDS_MAX 32

struct json_fields {
    uint32_t present; /* bit i: values[i] was read; the rest is not initialised */
    struct json_value values[JSON_FIELDS_MAX];
};

/* Slot of a key; JSON_FIELDS_MAX for a key of no interest. */
typedef unsigned json_field_of(struct span key);

/** Keeps a value in its slot; slots of no interest are refused silently. */
static inline void
json_fields_set(struct json_fields *fields, unsigned field, const struct json_value *value)
{
    if (field < JSON_FIELDS_MAX) {
        fields->present |= 1U << field;
        fields->values[field] = *value;
    }
}

/** Value in a slot; of type JSON_KIND_ABSENT if its key did not occur. */
static inline const struct json_value *json_field(const struct json_fields *fields, unsigned field)
{
    static const struct json_value absent = {.text = {"", 0}, .kind = JSON_KIND_ABSENT};
    return (fields->present >> field & 1U) != 0 ? &fields->values[field] : &absent;
}

/** Reads a whole object, the one that comes next, into fields (whose earlier content is
 *  forgotten). */
void json_fields_read(struct json_scan *scan,
                      json_field_of *field_of,
                      struct json_fields *ret_fields);

/** Was all well, with nothing but white space left? */
bool json_finish(struct json_scan *scan);

/* ---- of a value already read; none of these can fail but by saying so ------------------------ */

/** The text of a string, escapes resolved into buffer where there are any. An empty span: no
 *  string, a lone surrogate, or longer than the buffer. */
struct span json_text(const struct json_value *value, char buffer[JSON_TEXT_BYTES_MAX]);

/** Copies a string's text, cut to fit at a character's end, control characters made spaces,
 *  NUL-terminated. For reading by people. */
void json_text_cut(const struct json_value *value, char *text, size_t text_bytes);

/** An integer, written as a number or as a string of at most 19 digits. false: not one, or out
 *  of range; ret_number is left alone. */
bool json_int64(const struct json_value *value, int64_t *ret_number);
bool json_uint64(const struct json_value *value, uint64_t *ret_number);

/** A decimal, number or string, times 1e8; digits beyond the eighth are cut. 0: none, not plain
 *  decimal, or out of range. */
int64_t json_decimal_e8(const struct json_value *value);

/** Passes a plain decimal that begins at `at`, and tells it times 1e8. Returns the first byte that is
 *  not of it, which may be a ninth decimal place; NULL: more than ten digits before the point. */
const char *json_decimal_pass(const char *at, const char *end, int64_t *ret_e8);

/** Is it an array, and of nothing? */
bool json_array_is_empty(const struct json_value *value);

/** Number of elements of an array; 0 for anything else. */
uint64_t json_array_count(const struct json_value *value);

/** The first element of an array; JSON_KIND_ABSENT when empty or no array. */
struct json_value json_first_element(const struct json_value *value);

#endif
