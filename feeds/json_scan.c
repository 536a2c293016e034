/* SPDX-License-Identifier: MIT */
#include "feeds/json_scan.h"

#include "core/base.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the string search counts bytes from the low end");
_Static_assert(JSON_DEPTH_MAX <= 64, "one bit a level");

#define REPEAT8(byte) (0x0101010101010101ULL * (uint64_t)(byte))

static void scan_fail(struct json_scan *scan)
{
    scan->is_bad = true;
    scan->at = scan->end;
}

static const char *space_skip(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

struct json_scan json_scan_start(struct span text)
{
    return (struct json_scan){.at = text.bytes, .end = text.bytes + text.size_bytes};
}

char json_peek(struct json_scan *scan)
{
    scan->at = space_skip(scan->at, scan->end);
    return scan->at < scan->end ? *scan->at : '\0';
}

/* Passes white space and the byte wanted. false, and bad, if another byte stands there. */
static bool byte_take(struct json_scan *scan, char wanted)
{
    if (json_peek(scan) != wanted) {
        scan_fail(scan);
        return false;
    }
    scan->at++;
    return true;
}

/* ---- scalars ----------------------------------------------------------------------------------------------------------- */

/* Marks, in the top bit of each byte, the quotes, backslashes and control characters among eight bytes. A borrow can only
 * mark a byte above a true one falsely, and the lowest mark is the one used. */
static uint64_t string_stops(uint64_t bytes)
{
    const uint64_t quote = bytes ^ REPEAT8('"');
    const uint64_t backslash = bytes ^ REPEAT8('\\');
    const uint64_t is_quote = (quote - REPEAT8(1)) & ~quote;
    const uint64_t is_backslash = (backslash - REPEAT8(1)) & ~backslash;
    const uint64_t is_control = (bytes - REPEAT8(0x20)) & ~bytes;
    return (is_quote | is_backslash | is_control) & REPEAT8(0x80);
}

/* First quote, backslash or control character at or after `at`; end if there is none. */
static const char *string_stop_find(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t bytes;
        memcpy(&bytes, at, sizeof(bytes));
        const uint64_t stops = string_stops(bytes);
        if (stops != 0) {
            return at + (__builtin_ctzll(stops) >> 3);
        }
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) {
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

/* Passes a string, `at` on the byte after its opening quote; returns its closing quote. NULL: not a string. */
static const char *string_skip(const char *at, const char *end, bool *ret_escaped)
{
    at = string_stop_find(at, end);
    while (at < end && *at == '\\') {
        *ret_escaped = true;
        at = escape_skip(at + 1, end);
        if (at == NULL) {
            return NULL;
        }
        at = string_stop_find(at, end);
    }
    return at < end && *at == '"' ? at : NULL;
}

static const char *digits_skip(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
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

/* Reads a string, number or word that starts at `at` (which is before the end). Returns the byte after it, or NULL. */
static const char *scalar_read(const char *at, const char *end, struct json_value *ret_value)
{
    const char *first = at;
    ret_value->escaped = false;
    switch (*at) {
    case '"':
        at = string_skip(at + 1, end, &ret_value->escaped);
        if (at == NULL) {
            return NULL;
        }
        ret_value->type = JSON_STRING;
        ret_value->text = (struct span){first + 1, (size_t)(at - first - 1)};
        return at + 1;
    case 't':
        ret_value->type = JSON_TRUE;
        at = word_skip(at, end, "true");
        break;
    case 'f':
        ret_value->type = JSON_FALSE;
        at = word_skip(at, end, "false");
        break;
    case 'n':
        ret_value->type = JSON_NULL;
        at = word_skip(at, end, "null");
        break;
    default:
        ret_value->type = JSON_NUMBER;
        at = number_skip(at, end);
        break;
    }
    if (at != NULL) {
        ret_value->text = (struct span){first, (size_t)(at - first)};
    }
    return at;
}

/* ---- containers -------------------------------------------------------------------------------------------------------- */

/* The brackets that are open, innermost in bit 0: set for an object. */
struct nesting {
    uint64_t objects;
    unsigned depth;
};

/* Passes `"key" :`. NULL: not that. */
static const char *key_skip(const char *at, const char *end)
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

/* Passes the opening bracket at `at` and all that must precede the first value inside; an empty container is passed whole. */
static const char *bracket_open(const char *at, const char *end, struct nesting *nesting)
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

/* Passes what follows a value: closing brackets, then a comma and what must precede the next value. */
static const char *brackets_close(const char *at, const char *end, struct nesting *nesting)
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
        if (*at == '[' || *at == '{') {
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

/* ---- the walk ---------------------------------------------------------------------------------------------------------- */

void json_enter_object(struct json_scan *scan)
{
    scan->is_first = byte_take(scan, '{');
}

void json_enter_array(struct json_scan *scan)
{
    scan->is_first = byte_take(scan, '[');
}

/* Moves over the comma to the next item, or over the closing bracket and out. */
static bool item_next(struct json_scan *scan, char closing)
{
    const char next = json_peek(scan);
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

bool json_next_key(struct json_scan *scan, struct span *ret_key)
{
    struct json_value key;

    if (!item_next(scan, '}')) {
        return false;
    }
    if (json_peek(scan) != '"') {
        scan_fail(scan);
        return false;
    }
    const char *after = scalar_read(scan->at, scan->end, &key);
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
    const char first = json_peek(scan);
    const char *after = NULL;

    *ret_value = (struct json_value){.type = JSON_ABSENT};
    if (first == '{' || first == '[') {
        after = container_skip(scan->at, scan->end);
        ret_value->type = first == '{' ? JSON_OBJECT : JSON_ARRAY;
        ret_value->text.bytes = scan->at;
        ret_value->text.size_bytes = after != NULL ? (size_t)(after - scan->at) : 0;
    } else if (scan->at < scan->end) {
        after = scalar_read(scan->at, scan->end, ret_value);
    }
    if (after == NULL) {
        ret_value->type = JSON_ABSENT;
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
    (void)json_peek(scan);
    return !scan->is_bad && scan->at == scan->end;
}

/* ---- of a value -------------------------------------------------------------------------------------------------------- */

static uint32_t hex4(const char *at)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit << 4 | (uint32_t)hex_digit(at[i]);
    }
    return unit;
}

/* Reads the code point of a \u escape whose hex digits start at *at, and moves *at past it. false: a lone surrogate. */
static bool code_point_read(const char **at, const char *end, uint32_t *ret_code)
{
    const uint32_t unit = hex4(*at);
    *at += 4;
    *ret_code = unit;
    if (unit < 0xd800 || unit > 0xdfff) {
        return true;
    }
    if (unit > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') {
        return false;
    }
    const uint32_t low = hex4(*at + 2);
    *at += 6;
    *ret_code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    return low >= 0xdc00 && low <= 0xdfff;
}

static size_t utf8_write(uint32_t code, char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    const size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count - 1; i > 0; i--) {
        bytes[i] = (char)(0x80U | (code & 0x3fU));
        code >>= 6;
    }
    bytes[0] = (char)(lead[count] | code);
    return count;
}

/* Resolves the escape after the backslash at *at - 1 into bytes; moves *at past it. Returns how many bytes, 0: lone surrogate. */
static size_t escape_resolve(const char **at, const char *end, char bytes[4])
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char kind = *(*at)++;
    if (kind != 'u') {
        bytes[0] = meanings[strchr(names, kind) - names];
        return 1;
    }
    uint32_t code;
    return code_point_read(at, end, &code) ? utf8_write(code, bytes) : 0;
}

/* Resolves a string into `to`. false: stopped before a lone surrogate or a character that no longer fits. */
static bool text_resolve(struct span text, char *to, size_t size, size_t *ret_used)
{
    const char *at = text.bytes;
    const char *end = at + text.size_bytes;

    *ret_used = 0;
    while (at < end) {
        char bytes[4] = {*at++};
        size_t count = 1;
        if (bytes[0] == '\\') {
            count = escape_resolve(&at, end, bytes);
        }
        if (count == 0 || *ret_used + count > size) {
            return false;
        }
        memcpy(to + *ret_used, bytes, count);
        *ret_used += count;
    }
    return true;
}

struct span json_text(const struct json_value *value, char buffer[JSON_TEXT_BYTES_MAX])
{
    size_t used;
    if (value->type != JSON_STRING) {
        return (struct span){"", 0};
    }
    if (!value->escaped) {
        return value->text;
    }
    if (!text_resolve(value->text, buffer, JSON_TEXT_BYTES_MAX, &used)) {
        return (struct span){"", 0};
    }
    return (struct span){buffer, used};
}

/* How many of the bytes remain when a character cut at the end is dropped. */
static size_t utf8_trim(const char *bytes, size_t count)
{
    size_t tail = 0;
    while (tail < count && tail < 3 && ((unsigned char)bytes[count - 1 - tail] & 0xc0) == 0x80) {
        tail++;
    }
    if (tail == count) {
        return 0;
    }
    const unsigned char lead = (unsigned char)bytes[count - 1 - tail];
    const size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    return tail == wanted ? count : count - 1 - tail;
}

void json_text_cut(const struct json_value *value, char *text, size_t text_bytes)
{
    size_t used = 0;
    if (value->type == JSON_STRING) {
        (void)text_resolve(value->text, text, text_bytes - 1, &used);
    }
    used = utf8_trim(text, used);
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            text[i] = ' ';
        }
    }
    text[used] = '\0';
}

/* The digits of a number or a string; a string with escapes is resolved into buffer. */
static struct span digits_of(const struct json_value *value, char buffer[JSON_TEXT_BYTES_MAX])
{
    return value->type == JSON_NUMBER ? value->text : json_text(value, buffer);
}

static bool digits_parse(struct span digits, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (digits.size_bytes == 0) {
        return false;
    }
    for (size_t i = 0; i < digits.size_bytes; i++) {
        const unsigned digit = (unsigned char)digits.bytes[i] - (unsigned)'0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

bool json_uint64(const struct json_value *value, uint64_t *ret_number)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    return digits_parse(digits_of(value, buffer), ret_number);
}

bool json_int64(const struct json_value *value, int64_t *ret_number)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    struct span digits = digits_of(value, buffer);
    uint64_t number;
    const bool is_negative = digits.size_bytes > 0 && digits.bytes[0] == '-';
    if (is_negative) {
        digits.bytes++;
        digits.size_bytes--;
    }
    if (!digits_parse(digits, &number) || number > (uint64_t)INT64_MAX) {
        return false;
    }
    *ret_number = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

int64_t json_decimal_e8(const struct json_value *value)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span text = digits_of(value, buffer);
    const char *end = text.bytes + text.size_bytes;
    const char *at = text.bytes;
    int64_t number = 0;
    int places = -1; /* digits after the point; -1 before it */

    const bool is_negative = at < end && *at == '-';
    for (at += is_negative ? 1 : 0; at < end && places < 8; at++) {
        if (*at == '.' && places < 0) {
            places = 0;
            continue;
        }
        if (*at < '0' || *at > '9' || number > (INT64_MAX - 9) / 10) {
            return 0;
        }
        number = number * 10 + (*at - '0');
        places += places >= 0 ? 1 : 0;
    }
    if (digits_skip(at, end) != end) {
        return 0;
    }
    for (places = places < 0 ? 0 : places; places < 8; places++) {
        if (__builtin_mul_overflow(number, 10, &number)) {
            return 0;
        }
    }
    return is_negative ? -number : number;
}

uint64_t json_array_count(const struct json_value *value)
{
    struct json_value element;
    uint64_t count = 0;
    if (value->type != JSON_ARRAY) {
        return 0;
    }
    struct json_scan scan = json_scan_start(value->text);
    json_enter_array(&scan);
    while (json_next_element(&scan)) {
        json_read(&scan, &element);
        count++;
    }
    return count;
}

struct json_value json_first_element(const struct json_value *value)
{
    struct json_value element = {.type = JSON_ABSENT};
    if (value->type != JSON_ARRAY) {
        return element;
    }
    struct json_scan scan = json_scan_start(value->text);
    json_enter_array(&scan);
    if (json_next_element(&scan)) {
        json_read(&scan, &element);
    }
    return element;
}
