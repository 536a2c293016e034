/* SPDX-License-Identifier: MIT */
#include "core/ring.h"

void ring_init(struct ring *ring, struct event *slots, uint64_t capacity)
{
    flatline_assert(slots != NULL);
    flatline_assert(capacity >= 2 && (capacity & (capacity - 1)) == 0);
    *ring = (struct ring){.slots = slots, .mask = capacity - 1};
}
