/* SPDX-License-Identifier: MIT
 *
 * span.h - borrowed bytes. Not NUL-terminated; valid as long as the buffer they point into.
 */
#ifndef FLATLINE_FEEDS_SPAN_H
#define FLATLINE_FEEDS_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *bytes;
    size_t size_bytes;
};

static inline struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static inline bool span_equals(struct span span, const char *text)
{
    return span.size_bytes == strlen(text) && memcmp(span.bytes, text, span.size_bytes) == 0;
}

static inline bool span_starts_with(struct span span, const char *prefix)
{
    const size_t prefix_bytes = strlen(prefix);
    return span.size_bytes >= prefix_bytes && memcmp(span.bytes, prefix, prefix_bytes) == 0;
}

#endif
