/* SPDX-License-Identifier: MIT */
#include "sentinel/config_value.h"

#include "core/base.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#define HOST_BYTES_MAX 253U /* of a DNS name */

struct unit {
    const char *name;
    uint64_t factor;
};

/* Ascending: the largest that divides a value spells it shortest. */
static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
};

static const struct unit size_units[] = {
    {"B", 1},
    {"KiB", 1ULL << 10},
    {"MiB", 1ULL << 20},
    {"GiB", 1ULL << 30},
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Reads digits; *ret_rest is what stands behind them. */
static enum value_result digits_parse(const char *text, uint64_t *ret_value, const char **ret_rest)
{
    uint64_t value = 0;
    const char *at = text;
    for (; is_digit(*at); at++) {
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return VALUE_TOO_LARGE;
        }
    }
    if (at == text) {
        return VALUE_MALFORMED;
    }
    if (*at == '.' && is_digit(at[1])) {
        return VALUE_FRACTION;
    }
    *ret_value = value;
    *ret_rest = at;
    return VALUE_OK;
}

enum value_result count_parse(const char *text, uint64_t *ret_count)
{
    uint64_t value;
    const char *rest;
    const enum value_result result = digits_parse(text, &value, &rest);
    if (result != VALUE_OK) {
        return result;
    }
    if (*rest != '\0') {
        return VALUE_MALFORMED;
    }
    *ret_count = value;
    return VALUE_OK;
}

static enum value_result
quantity_parse(const char *text, const struct unit *units, size_t unit_count, uint64_t *ret_value)
{
    uint64_t value;
    const char *rest;
    const enum value_result result = digits_parse(text, &value, &rest);
    if (result != VALUE_OK) {
        return result;
    }
    while (*rest == ' ') {
        rest++;
    }
    if (*rest == '\0') {
        return VALUE_NO_UNIT;
    }
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(rest, units[i].name) == 0) {
            if (__builtin_mul_overflow(value, units[i].factor, &value)) {
                return VALUE_TOO_LARGE;
            }
            *ret_value = value;
            return VALUE_OK;
        }
    }
    return VALUE_BAD_UNIT;
}

enum value_result duration_parse(const char *text, uint64_t *ret_ns)
{
    return quantity_parse(text, duration_units, ARRAY_COUNT(duration_units), ret_ns);
}

enum value_result size_parse(const char *text, uint64_t *ret_bytes)
{
    return quantity_parse(text, size_units, ARRAY_COUNT(size_units), ret_bytes);
}

static const char *
quantity_text(uint64_t value, const struct unit *units, size_t unit_count, char *text)
{
    size_t i = unit_count - 1;
    while (i > 0 && (value == 0 || value % units[i].factor != 0)) {
        i--;
    }
    (void)snprintf(text, VALUE_TEXT_BYTES, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
    return text;
}

const char *duration_text(uint64_t ns, char text[VALUE_TEXT_BYTES])
{
    return quantity_text(ns, duration_units, ARRAY_COUNT(duration_units), text);
}

const char *size_text(uint64_t bytes, char text[VALUE_TEXT_BYTES])
{
    return quantity_text(bytes, size_units, ARRAY_COUNT(size_units), text);
}

bool mode_parse(const char *text, unsigned *ret_mode)
{
    const char *digits = text[0] == '0' && strlen(text) == 4 ? text + 1 : text;
    if (strlen(digits) != 3 || strspn(digits, "01234567") != 3) {
        return false;
    }
    unsigned mode = 0;
    for (; *digits != '\0'; digits++) {
        mode = mode * 8 + (unsigned)(*digits - '0');
    }
    *ret_mode = mode;
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool port_check(const char *text)
{
    uint64_t port;
    return count_parse(text, &port) == VALUE_OK && port >= 1 && port <= UINT16_MAX;
}

static bool is_host_byte(char byte)
{
    const char folded = (char)(byte | 0x20);
    return is_digit(byte) || (folded >= 'a' && folded <= 'z') || byte == '.' || byte == '-' ||
           byte == '_';
}

/* Copies what stands between brackets and sees whether it is an IPv6 address. */
static bool bracket_check(const char *text, size_t bytes)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (bytes == 0 || bytes >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

enum url_result url_check(const char *text, const char *scheme)
{
    const size_t scheme_bytes = strlen(scheme);
    if (strncmp(text, scheme, scheme_bytes) != 0 || strncmp(text + scheme_bytes, "://", 3) != 0) {
        return URL_SCHEME;
    }
    const char *host = text + scheme_bytes + 3;
    const char *end = host;
    if (strpbrk(host, "/?#@") != NULL) {
        return URL_REST;
    }
    if (*host == '[') {
        const char *close = strchr(host, ']');
        if (close == NULL || !bracket_check(host + 1, (size_t)(close - host - 1))) {
            return URL_HOST;
        }
        end = close + 1;
    } else {
        while (is_host_byte(*end)) {
            end++;
        }
        if (end == host || (size_t)(end - host) > HOST_BYTES_MAX || *host == '-' || *host == '.') {
            return URL_HOST;
        }
    }
    if (*end == '\0') {
        return URL_OK;
    }
    if (*end != ':') {
        return URL_HOST;
    }
    return port_check(end + 1) ? URL_OK : URL_PORT;
}

bool address_check(const char *text)
{
    struct in_addr address4;
    struct in6_addr address6;
    return inet_pton(AF_INET, text, &address4) == 1 || inet_pton(AF_INET6, text, &address6) == 1;
}
