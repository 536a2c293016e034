/* SPDX-License-Identifier: MIT
 *
 * text.h - a growing piece of text. The fake exchange may allocate: it stands in for a data centre.
 */
#ifndef FLATLINE_VENUE_TEXT_H
#define FLATLINE_VENUE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised: empty. bytes is NUL-terminated once anything was added. */
struct text {
    char *bytes;
    size_t size_bytes;
    size_t capacity_bytes;
};

/** Memory or death: a test tool out of memory has nothing to fall back to. Zeroed. */
void *allocate(size_t bytes);

void text_free(struct text *text);
void text_clear(struct text *text);
void text_add(struct text *text, const char *part);
void text_add_bytes(struct text *text, const char *bytes, size_t size_bytes);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Adds value / 10^decimals with `shown` digits after the point; shown >= decimals. */
void text_add_decimal(struct text *text, int64_t value, unsigned decimals, unsigned shown);

#endif
