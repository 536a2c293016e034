/* SPDX-License-Identifier: MIT
 *
 * alarms.h - what is due next: a binary heap of deadlines. Pure: time is an argument.
 */
#ifndef FLATLINE_VENUE_ALARMS_H
#define FLATLINE_VENUE_ALARMS_H

#include <stddef.h>
#include <stdint.h>

#define ALARM_NEVER UINT64_MAX

/* Embedded in what is to be woken; zero-initialised: not set. */
struct alarm {
    uint64_t due_ns;
    size_t place; /* 1-based place in the heap; 0 = not set */
    void *owner;
    int kind; /* of owner's alarms, for the one who rings */
};

struct alarms {
    struct alarm **heap; /* heap[0] unused */
    size_t count;
    size_t capacity;
};

void alarms_free(struct alarms *alarms);

/** Sets or moves an alarm; ALARM_NEVER takes it out. O(log n). */
void alarm_set(struct alarms *alarms, struct alarm *alarm, uint64_t due_ns);

/** The earliest alarm due at or before now, taken out; NULL if none is. */
struct alarm *alarms_ring(struct alarms *alarms, uint64_t now_ns);

/** When the next one is due; ALARM_NEVER if none is set. */
uint64_t alarms_next_ns(const struct alarms *alarms);

#endif
