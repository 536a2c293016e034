/* SPDX-License-Identifier: MIT
 *
 * due_id.h - the newest id of a stream that was first seen longer ago than an allowance: what an
 * engine's own copy must have reached by now. Marks spread over the allowance instead of every id, so the
 * answer is late by a 63rd of it at most (2.4 ms of 150) and never early.
 */
#ifndef FLATLINE_CORE_DUE_ID_H
#define FLATLINE_CORE_DUE_ID_H

#include "core/deadlines.h"

#include <stdint.h>

#define DUE_MARKS 128U /* a power of two */

struct due_id {
    uint64_t id[DUE_MARKS]; /* a ring: waiting ones from first, oldest first */
    uint64_t seen_ns[DUE_MARKS];
    uint64_t due; /* 0 = none yet */
    uint32_t first;
    uint32_t waiting;
};

/* Place of the n-th that waits. */
static inline uint32_t due_id_at(const struct due_id *ids, uint32_t n)
{
    return (ids->first + n) % DUE_MARKS;
}

/** Lets ids become due up to now_ns; returns when the next one does, DEADLINE_NEVER if none
 *  waits. */
static inline uint64_t due_id_advance(struct due_id *ids, uint64_t allowance_ns, uint64_t now_ns)
{
    while (ids->waiting > 0 && now_ns >= ids->seen_ns[ids->first] + allowance_ns) {
        ids->due = ids->id[ids->first];
        ids->first = due_id_at(ids, 1);
        ids->waiting--;
    }
    return ids->waiting > 0 ? ids->seen_ns[ids->first] + allowance_ns : DEADLINE_NEVER;
}

/** What was due at a time not long ago, however late it is asked: what became due since still stands
 *  behind the first. 0: nothing was, or it is too long ago to be known. */
static inline uint64_t due_id_as_of(const struct due_id *ids, uint64_t allowance_ns, uint64_t at_ns)
{
    for (uint32_t n = 1; n <= DUE_MARKS - ids->waiting; n++) {
        const uint32_t at = (ids->first + DUE_MARKS - n) % DUE_MARKS;
        if (ids->seen_ns[at] == 0) {
            break;
        }
        if (ids->seen_ns[at] + allowance_ns <= at_ns) {
            return ids->id[at];
        }
    }
    return 0;
}

/** Notes an id first seen now. It takes the last mark's place while it is younger than a 63rd of the
 *  allowance after the mark before that: of two neighbours' neighbours each is so far from the other, so
 *  the marks suffice, and no id waits longer for the mark that stands for it. Returns as
 *  due_id_advance(). */
static inline uint64_t
due_id_seen(struct due_id *ids, uint64_t allowance_ns, uint64_t id, uint64_t now_ns)
{
    const uint64_t next_ns = due_id_advance(ids, allowance_ns, now_ns);
    const uint64_t spacing_ns = allowance_ns / (DUE_MARKS / 2U - 1U);
    const uint32_t count = ids->waiting;
    const bool merges =
        count >= 2 &&
        (count == DUE_MARKS || now_ns < ids->seen_ns[due_id_at(ids, count - 2U)] + spacing_ns);
    const uint32_t at = due_id_at(ids, merges ? count - 1U : count);
    ids->id[at] = id;
    ids->seen_ns[at] = now_ns;
    ids->waiting = merges ? count : count + 1U;
    return next_ns != DEADLINE_NEVER ? next_ns : now_ns + allowance_ns;
}

/** The ids began anew: nothing seen before is owed. */
static inline void due_id_restart(struct due_id *ids)
{
    *ids = (struct due_id){0};
}

#endif
