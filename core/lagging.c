/* SPDX-License-Identifier: MIT */
#include "core/lagging.h"

static uint64_t part_number(const struct lagging_limits *limits, uint64_t at_ns)
{
    const uint64_t part_ns = limits->window_ns / LAGGING_PARTS;
    return at_ns / (part_ns > 0 ? part_ns : 1);
}

static struct lagging_part
counts_of_last(const struct lagging *lagging, uint64_t number, uint32_t parts)
{
    struct lagging_part sum = {.number = number};
    for (uint32_t i = 0; i < LAGGING_PARTS; i++) {
        const struct lagging_part *part = &lagging->parts[i];
        if (part->number <= number && number - part->number < parts) {
            sum.late += part->late;
            sum.total += part->total;
            sum.worst_ns = part->worst_ns > sum.worst_ns ? part->worst_ns : sum.worst_ns;
        }
    }
    return sum;
}

static bool p95_is_late(struct lagging_part counts)
{
    return (uint64_t)counts.late * 20U > counts.total;
}

enum lagging_verdict lagging_feed(struct lagging *lagging,
                                  const struct lagging_limits *limits,
                                  uint64_t recv_mono_ns,
                                  uint64_t excess_ns)
{
    const uint64_t number = part_number(limits, recv_mono_ns);
    struct lagging_part *part = &lagging->parts[number % LAGGING_PARTS];
    if (part->number != number) {
        *part = (struct lagging_part){.number = number};
    }
    part->total++;
    part->worst_ns = excess_ns > part->worst_ns ? excess_ns : part->worst_ns;
    if (excess_ns > limits->excess_ns) {
        part->late++;
        lagging->last_late_number = number;
    }

    /* What was so before a long silence says nothing of what has been so since. */
    if (recv_mono_ns - lagging->last_ns > limits->window_ns + limits->hold_ns) {
        lagging->late_since_ns = 0;
    }
    lagging->last_ns = recv_mono_ns;

    const bool late = number - lagging->last_late_number < LAGGING_RECENT_PARTS &&
                      p95_is_late(counts_of_last(lagging, number, LAGGING_PARTS)) &&
                      p95_is_late(counts_of_last(lagging, number, LAGGING_RECENT_PARTS));
    uint64_t *since_ns = late ? &lagging->late_since_ns : &lagging->healthy_since_ns;
    *(late ? &lagging->healthy_since_ns : &lagging->late_since_ns) = 0;
    if (*since_ns == 0) {
        *since_ns = recv_mono_ns;
    }
    if (recv_mono_ns - *since_ns < limits->hold_ns) {
        return LAGGING_UNDECIDED;
    }
    return late ? LAGGING_LATE : LAGGING_HEALTHY;
}

struct lagging_part lagging_window(const struct lagging *lagging,
                                   const struct lagging_limits *limits)
{
    return counts_of_last(lagging, part_number(limits, lagging->last_ns), LAGGING_PARTS);
}
