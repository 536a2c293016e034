/* SPDX-License-Identifier: MIT */
#include "sentinel/config_near.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX NEAR_WORD_BYTES_MAX

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned near_distance(const char *left, const char *right, unsigned limit)
{
    const size_t left_bytes = strnlen(left, WORD_MAX + 1);
    const size_t right_bytes = strnlen(right, WORD_MAX + 1);
    const size_t apart =
        left_bytes > right_bytes ? left_bytes - right_bytes : right_bytes - left_bytes;
    if (left_bytes > WORD_MAX || right_bytes > WORD_MAX || apart > limit) {
        return limit + 1;
    }
    unsigned rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= right_bytes; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= left_bytes; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *above2 =
            rows[(i + 1) % 3]; /* written two rounds ago; read from i == 2 on */
        unsigned row_least = row[0] = (unsigned)i;
        for (size_t j = 1; j <= right_bytes; j++) {
            const char a = lower(left[i - 1]);
            const char b = lower(right[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a == b ? 0 : 1));
            if (i > 1 && j > 1 && a == lower(right[j - 2]) && lower(left[i - 2]) == b) {
                row[j] = least(row[j], above2[j - 2] + 1);
            }
            row_least = least(row_least, row[j]);
        }
        if (row_least > limit) {
            return limit + 1;
        }
    }
    return least(rows[left_bytes % 3][right_bytes], limit + 1);
}

/* One word begins with the other: stale for stale_after. */
static bool is_beginning(const char *left, const char *right)
{
    const size_t left_bytes = strlen(left);
    const size_t right_bytes = strlen(right);
    const size_t shorter = left_bytes < right_bytes ? left_bytes : right_bytes;
    return shorter >= 4 && strncmp(left, right, shorter) == 0;
}

void near_offer(struct near *near, const char *candidate)
{
    /* A third of the word wrong is the most that still looks like a slip. */
    const size_t word_bytes = strlen(near->word);
    const unsigned patience = word_bytes < 6 ? 2 : least(4, (unsigned)(word_bytes / 3));
    if (near->best != NULL && near->distance == 0) {
        return;
    }
    const unsigned limit = near->best == NULL ? patience : near->distance - 1;
    unsigned distance = near_distance(near->word, candidate, limit);
    if (distance > limit && near->best == NULL && is_beginning(near->word, candidate)) {
        distance = limit;
    }
    if (distance <= limit) {
        near->best = candidate;
        near->distance = distance;
    }
}
