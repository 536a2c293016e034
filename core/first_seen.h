/* SPDX-License-Identifier: MIT
 *
 * first_seen.h - when a stream's latest ids, or times, were first seen and on which connection, so that
 * the same one on another connection tells how far behind it is. A small table by hash, the newest
 * stays: what was overwritten is not compared, whatever the difference would have been.
 */
#ifndef FLATLINE_CORE_FIRST_SEEN_H
#define FLATLINE_CORE_FIRST_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define FIRST_SEEN_BITS 6U
#define FIRST_SEEN_SIZE (1U << FIRST_SEEN_BITS)

struct first_seen {
    uint64_t key;
    uint64_t at_ns; /* 0: empty */
    uint32_t connection;
};

static inline struct first_seen *first_seen_place(struct first_seen *table, uint64_t key)
{
    /* Fibonacci hashing: the high bits of the product */
    return &table[(key * 0x9e3779b97f4a7c15ULL) >> (64U - FIRST_SEEN_BITS)];
}

/** Keeps that a key was first seen at at_ns. */
static inline void
first_seen_keep(struct first_seen *table, uint64_t key, uint32_t connection, uint64_t at_ns)
{
    *first_seen_place(table, key) =
        (struct first_seen){.key = key, .at_ns = at_ns, .connection = connection};
}

/** Was this key first seen on another connection, and how long ago? */
static inline bool first_seen_behind(struct first_seen *table,
                                     uint64_t key,
                                     uint32_t connection,
                                     uint64_t at_ns,
                                     uint64_t *ret_behind_ns)
{
    const struct first_seen *place = first_seen_place(table, key);
    if (place->at_ns == 0 || place->key != key || place->connection == connection ||
        place->at_ns > at_ns) {
        return false;
    }
    *ret_behind_ns = at_ns - place->at_ns;
    return true;
}

#endif
