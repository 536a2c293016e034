/* SPDX-License-Identifier: MIT
 *
 * json_value.c - what a value the scanner has passed, and so checked, says: its text, its number,
 * its elements.
 */
#include "feeds/json_scan.h"

#include "core/base.h"

/* Four hex digits, which the scanner has checked. */
static uint32_t hex4(const char *at)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char byte = (unsigned char)at[i];
        unit = unit << 4 | (byte <= '9' ? byte - (uint32_t)'0' : (byte | 0x20U) - 'a' + 10U);
    }
    return unit;
}

/* Reads the code point of a \u escape whose hex digits start at *at, and moves *at past it.
 * false: a lone surrogate. */
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

/* Resolves the escape after the backslash at *at - 1 into bytes; moves *at past it. Returns how
 * many bytes, 0: lone surrogate. */
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

/* Resolves a string into `to`. false: stopped before a lone surrogate or a character that no
 * longer fits. */
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
    if (value->kind != JSON_KIND_STRING) {
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
    if (value->kind == JSON_KIND_STRING) {
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
    return value->kind == JSON_KIND_NUMBER ? value->text : json_text(value, buffer);
}

static inline bool is_digit(char byte)
{
    return (unsigned)((unsigned char)byte - '0') <= 9;
}

/* Eight digits at once. false: one of the bytes is none. */
static inline bool eight_read(const char *at, uint64_t *ret_number)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t highs = 0xf0f0f0f0f0f0f0f0ULL;
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    if (((word & highs) | ((word + 0x0606060606060606ULL) & highs) >> 4) != 0x3333333333333333ULL) {
        return false;
    }
    word =
        (word & 0x0f0f0f0f0f0f0f0fULL) * (1U + (10U << 8)) >> 8; /* pairs, then fours, then all */
    word = (word & 0x00ff00ff00ff00ffULL) * (1U + (100ULL << 16)) >> 16;
    *ret_number = (word & 0x0000ffff0000ffffULL) * (1U + (10000ULL << 32)) >> 32;
    return true;
#else
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        if (!is_digit(at[i])) {
            return false;
        }
        number = number * 10 + (uint64_t)(at[i] - '0');
    }
    *ret_number = number;
    return true;
#endif
}

static inline bool digits_parse(struct span digits, uint64_t *ret_number)
{
    uint64_t number = 0;
    uint64_t eight;
    size_t i = 0;

    /* 19 digits always fit, which is as far as int64 and every id and time go; more are refused
     * unread. */
    if (digits.size_bytes == 0 || digits.size_bytes > 19) {
        return false;
    }
    for (; digits.size_bytes - i >= 8; i += 8) {
        if (!eight_read(digits.bytes + i, &eight)) {
            return false;
        }
        number = number * 100000000U + eight;
    }
    for (; i < digits.size_bytes; i++) {
        const unsigned digit = (unsigned)((unsigned char)digits.bytes[i] - '0');
        if (digit > 9) {
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

const char *json_decimal_pass(const char *at, const char *end, int64_t *ret_e8)
{
    static const uint32_t scales[] = {
        100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    const char *first = at;
    uint64_t number = 0;
    uint64_t eight;
    while (at < end && is_digit(*at)) {
        number = number * 10 + (uint64_t)(*at++ - '0');
    }
    if (at - first > 10) {
        return NULL;
    }
    size_t places = 0;
    if (at < end && *at == '.') {
        first = ++at;
        if (end - at >= 8 && eight_read(at, &eight)) {
            number = number * 100000000U + eight;
            at += 8;
        }
        while (at < end && is_digit(*at) && at - first < 8) {
            number = number * 10 + (uint64_t)(*at++ - '0');
        }
        places = (size_t)(at - first);
    }
    *ret_e8 = (int64_t)(number * scales[places]);
    return at;
}

/* The same for all there can be: signs, twenty digits, nonsense. */
static int64_t decimal_e8_slowly(struct span text)
{
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
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number)) {
            return 0;
        }
        places += places >= 0 ? 1 : 0;
    }
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return 0;
        }
    }
    for (places = places < 0 ? 0 : places; places < 8; places++) {
        if (__builtin_mul_overflow(number, 10, &number)) {
            return 0;
        }
    }
    return is_negative ? -number : number;
}

int64_t json_decimal_e8(const struct json_value *value)
{
    char buffer[JSON_TEXT_BYTES_MAX];
    const struct span text = digits_of(value, buffer);
    const char *end = text.bytes + text.size_bytes;
    int64_t number = 0;
    return LIKELY(json_decimal_pass(text.bytes, end, &number) == end) ? number
                                                                      : decimal_e8_slowly(text);
}

bool json_array_is_empty(const struct json_value *value)
{
    if (value->kind != JSON_KIND_ARRAY || value->text.bytes[1] == '[') {
        return false;
    }
    struct json_scan scan = json_scan_start(value->text);
    json_enter_array(&scan);
    return json_peek(&scan) == ']';
}

uint64_t json_array_count(const struct json_value *value)
{
    struct json_value element;
    uint64_t count = 0;
    if (value->kind != JSON_KIND_ARRAY) {
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
    struct json_value element = {.kind = JSON_KIND_ABSENT};
    if (value->kind != JSON_KIND_ARRAY) {
        return element;
    }
    struct json_scan scan = json_scan_start(value->text);
    json_enter_array(&scan);
    if (json_next_element(&scan)) {
        json_read(&scan, &element);
    }
    return element;
}
