/* SPDX-License-Identifier: MIT
 *
 * config_value.h - one scalar of the file to one value with its unit. Pure text in, number out.
 */
#ifndef FLATLINE_SENTINEL_CONFIG_VALUE_H
#define FLATLINE_SENTINEL_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_result {
    VALUE_OK,
    VALUE_NO_UNIT,   /* a whole number and nothing behind it */
    VALUE_BAD_UNIT,  /* a whole number and a unit we do not know */
    VALUE_FRACTION,  /* 1.5s: only whole numbers are taken */
    VALUE_MALFORMED, /* not a number */
    VALUE_TOO_LARGE, /* does not fit 64 bits */
};

/** Whole numbers, decimal. */
enum value_result count_parse(const char *text, uint64_t *ret_count);

/** `3s`: ns, us, ms, s, m, h. */
enum value_result duration_parse(const char *text, uint64_t *ret_ns);

/** `256KiB`: B, KiB, MiB, GiB. */
enum value_result size_parse(const char *text, uint64_t *ret_bytes);

#define VALUE_TEXT_BYTES 32

/** The shortest exact spelling, `250ms`; returns text. */
const char *duration_text(uint64_t ns, char text[VALUE_TEXT_BYTES]);
const char *size_text(uint64_t bytes, char text[VALUE_TEXT_BYTES]);

/** `0640`: three octal digits, with or without a zero before them. */
bool mode_parse(const char *text, unsigned *ret_mode);

/* What is wrong with an address. */
enum url_result {
    URL_OK,
    URL_SCHEME, /* not the scheme asked for */
    URL_HOST,   /* no host, or bytes no host has */
    URL_PORT,   /* not 1 to 65535 */
    URL_REST,   /* a path, query, fragment or user behind or before the host */
};

/** `scheme://host[:port]` and nothing more; host is a DNS name, IPv4, or IPv6 in brackets. */
enum url_result url_check(const char *text, const char *scheme);

/** `127.0.0.1` or `::1`: no name, no port. */
bool address_check(const char *text);

#endif
