/* SPDX-License-Identifier: MIT */
#include "core/unread.h"

void unread_begin(struct unread *unread, uint64_t received)
{
    *unread = (struct unread){.received = received};
}

static uint32_t place(const struct unread *unread, uint32_t nth)
{
    return (unread->first + nth) % UNREAD_MARKS;
}

static void mark_add(struct unread *unread, uint64_t received, uint64_t at_ns)
{
    if (unread->count < UNREAD_MARKS) {
        unread->count++;
    }
    const uint32_t last = place(unread, unread->count - 1U);
    unread->at_ns[last] = at_ns;
    unread->bytes[last] = received;
}

void unread_see(struct unread *unread, uint64_t received, uint64_t queued, uint64_t at_ns)
{
    const uint64_t consumed = received > queued ? received - queued : 0;
    if (received > unread->received || (queued > 0 && unread->count == 0)) {
        mark_add(unread, received, at_ns);
        unread->received = received;
    }
    while (unread->count > 0 && unread->bytes[unread->first] <= consumed) {
        unread->first = place(unread, 1);
        unread->count--;
    }
}

void unread_forgive(struct unread *unread, uint64_t away_ns, uint64_t now_ns)
{
    for (uint32_t i = 0; i < unread->count; i++) {
        uint64_t *at_ns = &unread->at_ns[place(unread, i)];
        *at_ns = *at_ns + away_ns < now_ns ? *at_ns + away_ns : now_ns;
    }
}

uint64_t unread_since_ns(const struct unread *unread)
{
    return unread->count > 0 ? unread->at_ns[unread->first] : 0;
}
