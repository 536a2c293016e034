/* SPDX-License-Identifier: MIT */
#include "feeds/json_scan.h"

#include "core/base.h"

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

_Static_assert(JSON_DEPTH_MAX <= 64, "one bit a level");

static void scan_fail(struct json_scan *scan)
{
    scan->is_bad = true;
    scan->at = scan->end;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Venues write none, so the common way is one compare. */
static inline const char *space_skip(const char *at, const char *end)
{
    while (at < end && UNLIKELY((unsigned char)*at <= ' ') && is_space(*at)) {
        at++;
    }
    return at;
}

struct json_scan json_scan_start(struct span text)
{
    return (struct json_scan){.at = text.bytes, .end = text.bytes + text.size_bytes};
}

static inline char next_byte(struct json_scan *scan)
{
    scan->at = space_skip(scan->at, scan->end);
    return scan->at < scan->end ? *scan->at : '\0';
}

char json_peek(struct json_scan *scan)
{
    return next_byte(scan);
}

/* Passes white space and the byte wanted. false, and bad, if another byte stands there. */
static inline bool byte_take(struct json_scan *scan, char wanted)
{
    if (next_byte(scan) != wanted) {
        scan_fail(scan);
        return false;
    }
    scan->at++;
    return true;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static inline bool is_string_stop(char byte)
{
    return byte == '"' || byte == '\\' || (unsigned char)byte < 0x20;
}

/* First quote, backslash or control character at or after `at`; end if there is none. */
static inline const char *string_stop_find(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1f);

    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const __m128i is_quote = _mm_cmpeq_epi8(bytes, quote);
        const __m128i is_backslash = _mm_cmpeq_epi8(bytes, backslash);
        const __m128i is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        const __m128i is_stop = _mm_or_si128(_mm_or_si128(is_quote, is_backslash), is_control);
        const unsigned stops = (unsigned)_mm_movemask_epi8(is_stop);
        if (stops != 0) {
            return at + __builtin_ctz(stops);
        }
    }
#endif
    while (at < end && !is_string_stop(*at)) {
        at++;
    }
    return at;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    const char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Passes one escape, `at` on the byte after the backslash. NULL: no such escape, or cut off. */
static const char *escape_skip(const char *at, const char *end)
{
    if (at == end) {
        return NULL;
    }
    if (*at != 'u') {
        return *at != '\0' && strchr("\"\\/bfnrt", *at) != NULL ? at + 1 : NULL;
    }
    if (end - at < 5) {
        return NULL;
    }
    for (int i = 1; i <= 4; i++) {
        if (hex_digit(at[i]) < 0) {
            return NULL;
        }
    }
    return at + 5;
}

/* Passes a string, `at` on the byte after its opening quote; returns its closing quote. NULL:
 * not a string. */
static inline const char *string_skip(const char *at, const char *end, bool *ret_escaped)
{
    at = string_stop_find(at, end);
    while (UNLIKELY(at < end && *at == '\\')) {
        *ret_escaped = true;
        at = escape_skip(at + 1, end);
        if (at == NULL) {
            return NULL;
        }
        at = string_stop_find(at, end);
    }
    return at < end && *at == '"' ? at : NULL;
}

static inline bool is_digit(char byte)
{
    return (unsigned)((unsigned char)byte - '0') <= 9;
}

/* First byte at or after `at` that is no digit. */
static inline const char *digits_skip(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const __m128i above_zero = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        const __m128i is_digits =
            _mm_cmpeq_epi8(_mm_min_epu8(above_zero, _mm_set1_epi8(9)), above_zero);
        const unsigned others = ~(unsigned)_mm_movemask_epi8(is_digits) & 0xffffU;
        if (others != 0) {
            return at + __builtin_ctz(others);
        }
    }
#endif
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* Passes a number; returns the byte after it. NULL: not a number. */
static const char *number_skip(const char *at, const char *end)
{
    at += at < end && *at == '-';
    const char *whole = at;
    at = digits_skip(at, end);
    if (at == whole || (*whole == '0' && at - whole > 1)) {
        return NULL;
    }
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = digits_skip(fraction, end);
        if (at == fraction) {
            return NULL;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const char *exponent = at;
        at = digits_skip(exponent, end);
        if (at == exponent) {
            return NULL;
        }
    }
    return at;
}

static const char *word_skip(const char *at, const char *end, const char *word)
{
    const size_t bytes = strlen(word);
    return (size_t)(end - at) >= bytes && memcmp(at, word, bytes) == 0 ? at + bytes : NULL;
}

/* Reads a string, `at` on its opening quote. Returns the byte after it, or NULL. */
static inline const char *string_read(const char *at, const char *end, struct json_value *ret_value)
{
    ret_value->kind = JSON_KIND_STRING;
    ret_value->escaped = false;
    const char *last = string_skip(at + 1, end, &ret_value->escaped);
    if (last == NULL) {
        return NULL;
    }
    ret_value->text = (struct span){at + 1, (size_t)(last - at - 1)};
    return last + 1;
}

/* Reads a string, number or word that starts at `at` (which is before the end). Returns the byte
 * after it, or NULL. */
static inline const char *scalar_read(const char *at, const char *end, struct json_value *ret_value)
{
    const char *first = at;
    ret_value->escaped = false;
    switch (*at) {
    case '"':
        return string_read(at, end, ret_value);
    case 't':
        ret_value->kind = JSON_KIND_TRUE;
        at = word_skip(at, end, "true");
        break;
    case 'f':
        ret_value->kind = JSON_KIND_FALSE;
        at = word_skip(at, end, "false");
        break;
    case 'n':
        ret_value->kind = JSON_KIND_NULL;
        at = word_skip(at, end, "null");
        break;
    default:
        ret_value->kind = JSON_KIND_NUMBER;
        at = number_skip(at, end);
        break;
    }
    if (at != NULL) {
        ret_value->text = (struct span){first, (size_t)(at - first)};
    }
    return at;
}

/* ---- containers ------------------------------------------------------------------------------ */

/* The brackets that are open, innermost in bit 0: set for an object. */
struct nesting {
    uint64_t objects;
    unsigned depth;
};

/* Passes `"key" :`. NULL: not that. */
static inline const char *key_skip(const char *at, const char *end)
{
    bool escaped = false;
    at = space_skip(at, end);
    if (at == end || *at != '"') {
        return NULL;
    }
    at = string_skip(at + 1, end, &escaped);
    if (at == NULL) {
        return NULL;
    }
    at = space_skip(at + 1, end);
    return at < end && *at == ':' ? at + 1 : NULL;
}

/* Passes the opening bracket at `at` and all that must precede the first value inside; an empty
 * container is passed whole. */
static inline const char *bracket_open(const char *at, const char *end, struct nesting *nesting)
{
    const bool is_object = *at == '{';
    at = space_skip(at + 1, end);
    if (at == end) {
        return NULL;
    }
    if (*at == (is_object ? '}' : ']')) {
        return at + 1;
    }
    if (nesting->depth == JSON_DEPTH_MAX) {
        return NULL;
    }
    nesting->depth++;
    nesting->objects = nesting->objects << 1 | (is_object ? 1U : 0U);
    return is_object ? key_skip(at, end) : at;
}

/* Passes what follows a value: closing brackets, then a comma and what must precede the next
 * value. */
static inline const char *brackets_close(const char *at, const char *end, struct nesting *nesting)
{
    while (nesting->depth > 0) {
        at = space_skip(at, end);
        if (at == end) {
            return NULL;
        }
        const bool is_object = (nesting->objects & 1U) != 0;
        if (*at == ',') {
            return is_object ? key_skip(at + 1, end) : at + 1;
        }
        if (*at != (is_object ? '}' : ']')) {
            return NULL;
        }
        at++;
        nesting->objects >>= 1;
        nesting->depth--;
    }
    return at;
}

/* Passes `["61737.63","0.012"]`, the shape of every row of every book, with neither white space
 * nor escapes in it; only for speed. NULL: another shape, of which this says nothing. */
static inline const char *row_skip(const char *at, const char *end)
{
    if (end - at < 2 || at[0] != '[' || at[1] != '"') {
        return NULL;
    }
    at += 2;
    for (;;) {
        at = string_stop_find(at, end);
        if (end - at < 3 || at[0] != '"') {
            return NULL;
        }
        if (at[1] == ']') {
            return at + 2;
        }
        if (at[1] != ',' || at[2] != '"') {
            return NULL;
        }
        at += 3;
    }
}

/* Passes one row or more with the commas between them. */
static inline const char *rows_skip(const char *at, const char *end)
{
    const char *after = NULL;
    const char *next = row_skip(at, end);
    while (next != NULL) {
        after = next;
        next = after < end && *after == ',' ? row_skip(after + 1, end) : NULL;
    }
    return after;
}

/* Passes a whole container, `at` on its opening bracket. Returns the byte after it, or NULL. */
static const char *container_skip(const char *at, const char *end)
{
    struct nesting nesting = {0, 0};
    struct json_value ignored;

    do {
        at = space_skip(at, end);
        if (at == end) {
            return NULL;
        }
        const bool is_in_array = nesting.depth > 0 && (nesting.objects & 1U) == 0;
        const char *after_rows = is_in_array ? rows_skip(at, end) : NULL;
        if (after_rows != NULL) {
            at = after_rows;
        } else if (*at == '[' || *at == '{') {
            const unsigned depth = nesting.depth;
            at = bracket_open(at, end, &nesting);
            if (at != NULL && nesting.depth > depth) {
                continue;
            }
        } else {
            at = scalar_read(at, end, &ignored);
        }
        if (at != NULL) {
            at = brackets_close(at, end, &nesting);
        }
    } while (at != NULL && nesting.depth > 0);
    return at;
}

/* ---- the walk -------------------------------------------------------------------------------- */

void json_enter_object(struct json_scan *scan)
{
    scan->is_first = byte_take(scan, '{');
}

void json_enter_array(struct json_scan *scan)
{
    scan->is_first = byte_take(scan, '[');
}

/* Moves over the comma to the next item, or over the closing bracket and out. */
static inline bool item_next(struct json_scan *scan, char closing)
{
    const char next = next_byte(scan);
    const bool was_first = scan->is_first;

    scan->is_first = false;
    if (scan->at == scan->end) {
        scan_fail(scan);
        return false;
    }
    if (next == closing) {
        scan->at++;
        return false;
    }
    return was_first || byte_take(scan, ',');
}

static struct span key_resolve(struct json_scan *scan, const struct json_value *key)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span text = json_text(key, buffer);
    if (text.size_bytes == 0 || text.size_bytes > sizeof(scan->key)) {
        return key->text;
    }
    memcpy(scan->key, text.bytes, text.size_bytes);
    return (struct span){scan->key, text.size_bytes};
}

/* `,"x":` or `,"xy":`, as most keys are; only for speed. false: another shape, of which this says
 * nothing. */
static inline bool letter_key_take(struct json_scan *scan, struct span *ret_key)
{
    const char *at = scan->at;
    if (scan->end - at < 6 || (!scan->is_first && *at++ != ',') || at[0] != '"' ||
        is_string_stop(at[1])) {
        return false;
    }
    const size_t bytes = at[2] == '"' ? 1 : 2;
    if (at[bytes + 1] != '"' || at[bytes + 2] != ':' || (bytes == 2 && is_string_stop(at[2]))) {
        return false;
    }
    *ret_key = (struct span){at + 1, bytes};
    scan->is_first = false;
    scan->at = at + bytes + 3;
    return true;
}

bool json_next_key(struct json_scan *scan, struct span *ret_key)
{
    struct json_value key;

    if (letter_key_take(scan, ret_key)) {
        return true;
    }
    if (!item_next(scan, '}')) {
        return false;
    }
    if (next_byte(scan) != '"') {
        scan_fail(scan);
        return false;
    }
    const char *after = string_read(scan->at, scan->end, &key);
    if (after == NULL) {
        scan_fail(scan);
        return false;
    }
    scan->at = after;
    *ret_key = LIKELY(!key.escaped) ? key.text : key_resolve(scan, &key);
    return byte_take(scan, ':');
}

bool json_next_element(struct json_scan *scan)
{
    return item_next(scan, ']');
}

void json_read(struct json_scan *scan, struct json_value *ret_value)
{
    const char first = next_byte(scan);
    const char *after = NULL;

    *ret_value = (struct json_value){.kind = JSON_KIND_ABSENT};
    if (first == '{' || first == '[') {
        after = container_skip(scan->at, scan->end);
        ret_value->kind = first == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
        ret_value->text.bytes = scan->at;
        ret_value->text.size_bytes = after != NULL ? (size_t)(after - scan->at) : 0;
    } else if (scan->at < scan->end) {
        after = scalar_read(scan->at, scan->end, ret_value);
    }
    if (after == NULL) {
        ret_value->kind = JSON_KIND_ABSENT;
        scan_fail(scan);
        return;
    }
    scan->at = after;
}

void json_fields_read(struct json_scan *scan,
                      json_field_of *field_of,
                      struct json_fields *ret_fields)
{
    struct json_value value;
    struct span key;

    ret_fields->present = 0;
    json_enter_object(scan);
    while (json_next_key(scan, &key)) {
        json_read(scan, &value);
        json_fields_set(ret_fields, field_of(key), &value);
    }
}

bool json_finish(struct json_scan *scan)
{
    (void)next_byte(scan);
    return !scan->is_bad && scan->at == scan->end;
}
