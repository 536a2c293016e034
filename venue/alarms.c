/* SPDX-License-Identifier: MIT */
#include "venue/alarms.h"

#include "venue/text.h"

#include <stdlib.h>
#include <string.h>

void alarms_free(struct alarms *alarms)
{
    free(alarms->heap);
    *alarms = (struct alarms){0};
}

static void heap_put(struct alarms *alarms, size_t place, struct alarm *alarm)
{
    alarms->heap[place] = alarm;
    alarm->place = place;
}

static void heap_sift(struct alarms *alarms, size_t place)
{
    struct alarm *alarm = alarms->heap[place];

    while (place > 1 && alarms->heap[place / 2]->due_ns > alarm->due_ns) {
        heap_put(alarms, place, alarms->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = place * 2;
        if (child > alarms->count) {
            break;
        }
        if (child < alarms->count &&
            alarms->heap[child + 1]->due_ns < alarms->heap[child]->due_ns) {
            child++;
        }
        if (alarms->heap[child]->due_ns >= alarm->due_ns) {
            break;
        }
        heap_put(alarms, place, alarms->heap[child]);
        place = child;
    }
    heap_put(alarms, place, alarm);
}

static void heap_grow(struct alarms *alarms)
{
    if (alarms->count + 1 < alarms->capacity) {
        return;
    }
    const size_t capacity = alarms->capacity == 0 ? 64 : alarms->capacity * 2;
    struct alarm **heap = allocate(capacity * sizeof(*heap));
    if (alarms->heap != NULL) {
        memcpy(heap, alarms->heap, (alarms->count + 1) * sizeof(*heap));
    }
    free(alarms->heap);
    alarms->heap = heap;
    alarms->capacity = capacity;
}

static void alarm_take_out(struct alarms *alarms, struct alarm *alarm)
{
    const size_t place = alarm->place;
    struct alarm *last = alarms->heap[alarms->count--];

    alarm->place = 0;
    if (last != alarm) {
        heap_put(alarms, place, last);
        heap_sift(alarms, place);
    }
}

void alarm_set(struct alarms *alarms, struct alarm *alarm, uint64_t due_ns)
{
    alarm->due_ns = due_ns;
    if (due_ns == ALARM_NEVER) {
        if (alarm->place != 0) {
            alarm_take_out(alarms, alarm);
        }
        return;
    }
    if (alarm->place == 0) {
        heap_grow(alarms);
        alarms->count++;
        heap_put(alarms, alarms->count, alarm);
    }
    heap_sift(alarms, alarm->place);
}

struct alarm *alarms_ring(struct alarms *alarms, uint64_t now_ns)
{
    if (alarms->count == 0 || alarms->heap[1]->due_ns > now_ns) {
        return NULL;
    }
    struct alarm *alarm = alarms->heap[1];
    alarm_take_out(alarms, alarm);
    return alarm;
}

uint64_t alarms_next_ns(const struct alarms *alarms)
{
    return alarms->count == 0 ? ALARM_NEVER : alarms->heap[1]->due_ns;
}
