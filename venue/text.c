/* SPDX-License-Identifier: MIT */
#include "venue/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL) {
        (void)fputs("flatline-venue: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->size_bytes = 0;
    if (text->bytes != NULL) {
        text->bytes[0] = '\0';
    }
}

static void text_reserve(struct text *text, size_t more_bytes)
{
    const size_t wanted = text->size_bytes + more_bytes + 1;
    if (wanted <= text->capacity_bytes) {
        return;
    }
    size_t capacity = text->capacity_bytes == 0 ? 256 : text->capacity_bytes;
    while (capacity < wanted) {
        capacity *= 2;
    }
    char *bytes = allocate(capacity);
    if (text->size_bytes > 0) {
        memcpy(bytes, text->bytes, text->size_bytes);
    }
    free(text->bytes);
    text->bytes = bytes;
    text->capacity_bytes = capacity;
}

void text_add_bytes(struct text *text, const char *bytes, size_t size_bytes)
{
    text_reserve(text, size_bytes);
    if (size_bytes > 0) {
        memcpy(text->bytes + text->size_bytes, bytes, size_bytes);
    }
    text->size_bytes += size_bytes;
    text->bytes[text->size_bytes] = '\0';
}

void text_add(struct text *text, const char *part)
{
    text_add_bytes(text, part, strlen(part));
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list arguments;
    char small[512];

    va_start(arguments, format);
    const int needed = vsnprintf(small, sizeof(small), format, arguments);
    va_end(arguments);
    if (needed <= 0) {
        return;
    }
    if ((size_t)needed < sizeof(small)) {
        text_add_bytes(text, small, (size_t)needed);
        return;
    }
    text_reserve(text, (size_t)needed);
    va_start(arguments, format);
    (void)vsnprintf(text->bytes + text->size_bytes, (size_t)needed + 1, format, arguments);
    va_end(arguments);
    text->size_bytes += (size_t)needed;
}

void text_add_decimal(struct text *text, int64_t value, unsigned decimals, unsigned shown)
{
    char digits[40];
    const uint64_t magnitude = value < 0 ? (uint64_t)-value : (uint64_t)value;
    uint64_t unit = 1;

    for (unsigned i = 0; i < decimals; i++) {
        unit *= 10;
    }
    int used =
        snprintf(digits, sizeof(digits), "%s%" PRIu64, value < 0 ? "-" : "", magnitude / unit);
    if (shown > 0 && decimals > 0) {
        used += snprintf(digits + used,
                         sizeof(digits) - (size_t)used,
                         ".%0*" PRIu64,
                         (int)decimals,
                         magnitude % unit);
    } else if (shown > 0) {
        digits[used++] = '.';
    }
    text_add_bytes(text, digits, (size_t)used);
    static const char zeros[] = "000000000000";
    if (shown > decimals && shown - decimals < sizeof(zeros)) {
        text_add_bytes(text, zeros, shown - decimals);
    }
}
