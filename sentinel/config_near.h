/* SPDX-License-Identifier: MIT
 *
 * config_near.h - the nearest of a set of words, for "did you mean".
 */
#ifndef FLATLINE_SENTINEL_CONFIG_NEAR_H
#define FLATLINE_SENTINEL_CONFIG_NEAR_H

#include <stddef.h>

#define NEAR_WORD_BYTES_MAX 64U

/** Edit distance without regard to ASCII case: insert, delete, change, swap of neighbours count
 *  one each. Anything above limit is limit + 1, and so is a word longer than
 *  NEAR_WORD_BYTES_MAX. Cost: bounded by limit x length. */
unsigned near_distance(const char *left, const char *right, unsigned limit);

/* The best word so far; start with {.word = the word to match}. */
struct near {
    const char *word;
    const char *best; /* NULL: none is near */
    unsigned distance;
};

/** Offers one candidate; it must outlive the search. */
void near_offer(struct near *near, const char *candidate);

#endif
