/* SPDX-License-Identifier: MIT
 *
 * random.h - numbers that look random and are the same in every run (xorshift64). A state is any
 * number but 0.
 */
#ifndef FLATLINE_TESTS_RANDOM_H
#define FLATLINE_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
