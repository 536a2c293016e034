/* SPDX-License-Identifier: MIT
 *
 * due_id.h - the newest id of a stream that was first seen longer ago than an allowance: what an
 * engine's own copy must have reached by now. Marks spread over the allowance instead of every id, so the
 * answer is late by a 31st of it at most (5 ms of 150) and never early.
 */
#ifndef FLATLINE_CORE_DUE_ID_H
#define FLATLINE_CORE_DUE_ID_H

#include "core/deadlines.h"

#include <stdint.h>

#define DUE_MARKS 32U

struct due_id {
    uint64_t id[DUE_MARKS]; /* waiting, oldest first */
    uint64_t seen_ns[DUE_MARKS];
    uint64_t due; /* 0 = none yet */
    uint32_t waiting;
};

/** Lets ids become due up to now_ns; returns when the next one does, DEADLINE_NEVER if none
 *  waits. */
static inline uint64_t due_id_advance(struct due_id *ids, uint64_t allowance_ns, uint64_t now_ns)
{
    uint32_t ripe = 0;
    while (ripe < ids->waiting && now_ns >= ids->seen_ns[ripe] + allowance_ns) {
        ids->due = ids->id[ripe++];
    }
    for (uint32_t i = 0; ripe > 0 && i + ripe < ids->waiting; i++) {
        ids->id[i] = ids->id[i + ripe];
        ids->seen_ns[i] = ids->seen_ns[i + ripe];
    }
    ids->waiting -= ripe;
    return ids->waiting > 0 ? ids->seen_ns[0] + allowance_ns : DEADLINE_NEVER;
}

/** Notes an id first seen now. The last mark is overwritten while it is younger than a 31st of
 *  the allowance after the one before it. Returns as due_id_advance(). */
static inline uint64_t
due_id_seen(struct due_id *ids, uint64_t allowance_ns, uint64_t id, uint64_t now_ns)
{
    const uint64_t next_ns = due_id_advance(ids, allowance_ns, now_ns);
    const uint64_t spacing_ns = allowance_ns / (DUE_MARKS - 1U);
    const uint32_t last = ids->waiting;
    const bool merges = last >= 2 && (last == DUE_MARKS ||
                                      ids->seen_ns[last - 1] < ids->seen_ns[last - 2] + spacing_ns);
    const uint32_t at = merges ? last - 1U : last;
    ids->id[at] = id;
    ids->seen_ns[at] = now_ns;
    ids->waiting = at + 1U;
    return next_ns != DEADLINE_NEVER ? next_ns : now_ns + allowance_ns;
}

/** The ids began anew: nothing seen before is owed. */
static inline void due_id_restart(struct due_id *ids)
{
    *ids = (struct due_id){0};
}

#endif
