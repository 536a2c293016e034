/* SPDX-License-Identifier: MIT
 *
 * socket_find.h - which of all TCP connections on this machine are an engine's, and to which venue
 * they go. By process: what a pid holds open, from its segment or its pid file. By address: whoever
 * else is connected where we are.
 */
#ifndef FLATLINE_SENTINEL_SOCKET_FIND_H
#define FLATLINE_SENTINEL_SOCKET_FIND_H

#include "core/event.h"
#include "sentinel/config.h"
#include "sentinel/socket_diag.h"
#include "sentinel/words.h"

#include <stdbool.h>
#include <stdint.h>

struct socket_finder; /* opaque: socket_find.c */

struct socket_found {
    struct socket_id id;
    uint64_t pid;    /* of an engine with a segment; else 0 */
    uint16_t engine; /* as in the engine watch's events; EVENT_NO_ENGINE */
    uint32_t venue;  /* EVENT_NO_VENUE: it cannot be told */
    char name[EVENT_FOUND_NAME_BYTES];
};

/** Returns NULL: out of memory. */
struct socket_finder *socket_finder_create(const struct config *config, struct words *words);
void socket_finder_destroy(struct socket_finder *finder);

/** A connection of our own: this is where a venue is. */
void socket_finder_learn(struct socket_finder *finder, uint32_t venue, const struct socket_id *own);

/** Is there anybody to look for? */
bool socket_finder_wanted(const struct socket_finder *finder);

/** Looks through all connections once.
 *
 *  is_known  is this cookie ours, or told before?
 *  found     room for `most`; the rest is found at the next scan
 *  Returns how many were found. Cost: see socket_diag.h; where something new turned up also a walk
 *  through the descriptors of the processes in question. */
uint32_t socket_finder_scan(struct socket_finder *finder,
                            int netlink_fd,
                            bool (*is_known)(const void *user, uint64_t cookie),
                            const void *user,
                            struct socket_found *found,
                            uint32_t most);

#endif
