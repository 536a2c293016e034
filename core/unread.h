/* SPDX-License-Identifier: MIT
 *
 * unread.h - since when has the oldest byte of a receive queue waited to be read? From looks at a
 * socket that tell how many bytes ever came and how many of them are still queued: when a look saw
 * the first byte that is not yet read.
 *
 * A byte's time is that of the look that first saw it: too late by an interval of looks at most,
 * never too early. Where there is no room for another mark the newest takes the later time, so that
 * the oldest stays exact.
 */
#ifndef FLATLINE_CORE_UNREAD_H
#define FLATLINE_CORE_UNREAD_H

#include <stdint.h>

#define UNREAD_MARKS 32U

struct unread {
    uint64_t at_ns[UNREAD_MARKS]; /* a ring: bytes up to ... had come by then */
    uint64_t bytes[UNREAD_MARKS];
    uint32_t first;
    uint32_t count;
    uint64_t received; /* bytes that ever came, at the last look */
};

/** Begins anew: what came before this look counts as read, or as coming now. */
void unread_begin(struct unread *unread, uint64_t received);

/** A look at at_ns: received bytes ever came, queued of them are unread. */
void unread_see(struct unread *unread, uint64_t received, uint64_t queued, uint64_t at_ns);

/** Nobody looked for away_ns, up to now: that time does not count as waiting. */
void unread_forgive(struct unread *unread, uint64_t away_ns, uint64_t now_ns);

/** Since when the oldest unread byte is known to wait; 0: nothing waits. */
uint64_t unread_since_ns(const struct unread *unread);

#endif
