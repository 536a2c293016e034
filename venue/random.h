/* SPDX-License-Identifier: MIT
 *
 * random.h - a small seeded generator (splitmix64): the same seed, the same market.
 */
#ifndef FLATLINE_VENUE_RANDOM_H
#define FLATLINE_VENUE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

/** In [0, bound); 0 for a bound of 0. */
static inline uint64_t random_below(struct random *random, uint64_t bound)
{
    return bound == 0 ? 0 : random_next(random) % bound;
}

/** A name's hash, for seeds and bases (FNV-1a). */
static inline uint64_t random_hash(uint64_t seed, const char *text)
{
    uint64_t hash = 0xCBF29CE484222325ULL ^ seed;
    for (size_t i = 0; text[i] != '\0'; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001B3ULL;
    }
    return hash;
}

#endif
