/* SPDX-License-Identifier: MIT
 *
 * config_problems.h - what is wrong with a configuration and where: collected in any order, told
 * in the order of the file, so that one run shows all there is to mend.
 */
#ifndef FLATLINE_SENTINEL_CONFIG_PROBLEMS_H
#define FLATLINE_SENTINEL_CONFIG_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBLEMS_MAX       256U
#define PROBLEM_TEXT_BYTES 320U

/* A place in the file, both counted from 1; the column in characters. */
struct mark {
    uint32_t line;
    uint32_t column;
};

struct problem {
    struct mark mark;
    char text[PROBLEM_TEXT_BYTES];
};

/* Starts all zero. */
struct problems {
    struct problem *items;
    uint32_t count;
    uint32_t lost; /* beyond PROBLEMS_MAX, or out of memory: still problems */
};

/** Adds one line, `what; write ... instead`, cut to PROBLEM_TEXT_BYTES. */
void problem_add(struct problems *problems, struct mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool problems_any(const struct problems *problems);

/** Sorts by place and writes `path:line:col: text` lines; what does not fit is counted in a
 *  last line. */
void problems_render(struct problems *problems, const char *path, char *text, size_t text_bytes);

void problems_free(struct problems *problems);

/* Text of the file made fit for a message: bounded, control characters and quotes replaced. */
struct quote {
    char text[68];
};

/** Fills quote and returns its text, in double quotes. */
const char *quote_text(struct quote *quote, const char *text);

#endif
