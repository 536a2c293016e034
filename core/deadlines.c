/* SPDX-License-Identifier: MIT */
#include "core/deadlines.h"

void deadlines_init(struct deadlines *deadlines, uint64_t *words, uint32_t count)
{
    *deadlines = (struct deadlines){.at_ns = words,
                                    .block_bound_ns = words + count,
                                    .bound_ns = DEADLINE_NEVER,
                                    .count = count};
    for (uint32_t i = 0; i < deadlines_words(count); i++) {
        words[i] = DEADLINE_NEVER;
    }
}

static uint64_t earliest_of(const uint64_t *words, uint32_t count)
{
    uint64_t earliest = DEADLINE_NEVER;
    for (uint32_t i = 0; i < count; i++) {
        earliest = words[i] < earliest ? words[i] : earliest;
    }
    return earliest;
}

static void block_tighten(struct deadlines *deadlines, uint32_t block)
{
    const uint32_t first = block * DEADLINES_BLOCK;
    const uint32_t left = deadlines->count - first;
    deadlines->block_bound_ns[block] =
        earliest_of(deadlines->at_ns + first, left < DEADLINES_BLOCK ? left : DEADLINES_BLOCK);
}

bool deadlines_due(struct deadlines *deadlines, uint64_t limit_ns, uint32_t *cursor)
{
    if (LIKELY(deadlines->bound_ns > limit_ns)) {
        return false;
    }
    const uint32_t start = *cursor;
    uint32_t block = start > 0 ? (start - 1) / DEADLINES_BLOCK : 0;
    const uint32_t block_count = deadlines_words(deadlines->count) - deadlines->count;
    for (; block < block_count; block++) {
        if (deadlines->block_bound_ns[block] > limit_ns) {
            continue;
        }
        const uint32_t first = block * DEADLINES_BLOCK;
        uint32_t end = first + DEADLINES_BLOCK;
        end = end < deadlines->count ? end : deadlines->count;
        for (uint32_t i = start > first ? start : first; i < end; i++) {
            if (deadlines->at_ns[i] <= limit_ns) {
                *cursor = i + 1;
                return true;
            }
        }
        block_tighten(deadlines, block);
    }
    deadlines->bound_ns = earliest_of(deadlines->block_bound_ns, block_count);
    return false;
}
