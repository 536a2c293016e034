/* SPDX-License-Identifier: MIT */
#include "sentinel/config_problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOST_LINE_BYTES 64U /* kept free for the line that counts what did not fit */

void problem_add(struct problems *problems, struct mark mark, const char *format, ...)
{
    if (problems->items == NULL) {
        problems->items = calloc(PROBLEMS_MAX, sizeof(*problems->items));
    }
    if (problems->items == NULL || problems->count == PROBLEMS_MAX) {
        problems->lost++;
        return;
    }
    struct problem *problem = &problems->items[problems->count++];
    problem->mark = mark;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
}

bool problems_any(const struct problems *problems)
{
    return problems->count > 0 || problems->lost > 0;
}

static int problem_compare(const void *left, const void *right)
{
    const struct problem *a = left;
    const struct problem *b = right;
    if (a->mark.line != b->mark.line) {
        return a->mark.line < b->mark.line ? -1 : 1;
    }
    if (a->mark.column != b->mark.column) {
        return a->mark.column < b->mark.column ? -1 : 1;
    }
    return strcmp(a->text, b->text);
}

void problems_render(struct problems *problems, const char *path, char *text, size_t text_bytes)
{
    if (text_bytes == 0) {
        return;
    }
    text[0] = '\0';
    if (problems->count > 0) {
        qsort(problems->items, problems->count, sizeof(*problems->items), problem_compare);
    }
    size_t used = 0;
    uint32_t told = 0;
    for (; told < problems->count; told++) {
        const struct problem *problem = &problems->items[told];
        const size_t left = text_bytes - used;
        const int bytes = snprintf(text + used,
                                   left,
                                   "%s%s:%u:%u: %s",
                                   told > 0 ? "\n" : "",
                                   path,
                                   problem->mark.line,
                                   problem->mark.column,
                                   problem->text);
        const bool is_last = told + 1 == problems->count && problems->lost == 0;
        if (bytes < 0 || (size_t)bytes + (is_last ? 0 : LOST_LINE_BYTES) >= left) {
            text[used] = '\0';
            break;
        }
        used += (size_t)bytes;
    }
    const uint32_t untold = problems->count - told + problems->lost;
    if (untold > 0) {
        (void)snprintf(text + used,
                       text_bytes - used,
                       "%s%u %sproblems",
                       told > 0 ? "\n" : "",
                       untold,
                       told > 0 ? "more " : "");
    }
}

void problems_free(struct problems *problems)
{
    free(problems->items);
    memset(problems, 0, sizeof(*problems));
}

const char *quote_text(struct quote *quote, const char *text)
{
    const size_t room = sizeof(quote->text) - 5; /* two quotes, the ellipsis or none, the NUL */
    size_t used = 0;
    quote->text[used++] = '"';
    size_t i = 0;
    for (; text[i] != '\0' && i < room - 1; i++) {
        const unsigned char byte = (unsigned char)text[i];
        quote->text[used++] = byte < 0x20 || byte == 0x7f || byte == '"' ? '?' : (char)byte;
    }
    /* Never cut inside a UTF-8 character. */
    if (text[i] != '\0') {
        while (i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80) {
            i--;
            used--;
        }
        memcpy(quote->text + used, "...", 3);
        used += 3;
    }
    quote->text[used++] = '"';
    quote->text[used] = '\0';
    return quote->text;
}
