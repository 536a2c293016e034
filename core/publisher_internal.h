/* SPDX-License-Identifier: MIT
 *
 * publisher_internal.h - what the halves of the publisher share: publisher_file.c makes and retires
 * the file, publisher_takeover.c hands its name on, publisher.c stores into it.
 */
#ifndef FLATLINE_CORE_PUBLISHER_INTERNAL_H
#define FLATLINE_CORE_PUBLISHER_INTERNAL_H

#include "core/publisher.h"

#include <limits.h>

/* Where everything will lie. */
struct segment_plan {
    struct flatline_section sections[FLATLINE_SECTION_COUNT];
    uint64_t file_bytes;
};

/* The writer's own copy of the slots it must find again: shared memory is only ever stored to. */
struct publisher_mirror {
    struct flatline_fault_slot *faults;
    struct flatline_error_slot errors[PUBLISHER_ERRORS_MAX];
};

struct publisher {
    struct flatline_header *header;
    struct flatline_lease *leases;
    struct flatline_detail *details;
    struct flatline_fault_slot *faults;
    struct flatline_event_slot *events;
    struct flatline_counter *counters;
    struct flatline_error_slot *errors;
    struct flatline_advice_slot *advice;
    struct flatline_gate_advice *gate_advice;
    uint64_t event_head;
    uint64_t fault_serial;
    uint32_t stream_count;
    uint32_t connection_count;
    uint32_t fault_count;
    uint32_t advice_count;
    uint32_t gate_count;
    uint32_t event_mask;
    uint32_t counter_count; /* without the publisher's own */
    bool histograms;
    uint32_t connection_histograms; /* of each */
    struct segment_plan plan;
    struct publisher_mirror mirror;
    struct flatline_header *predecessor; /* dead, to be marked once the name is ours; or NULL */
    int lock_fd;                         /* -1: not ours yet, or not any more */
    bool waits;                          /* its file has not taken the name yet */
    bool superseded;                     /* by the judge, whose promise runs out by itself */
    uint64_t device;                     /* of the file, to know it again */
    uint64_t inode;
    char path[PATH_MAX];
};

/* The publisher's own counters, behind those of the configuration. */
enum publisher_own_counter { PUBLISHER_FAULTS_LOST, PUBLISHER_ERRORS_LOST, PUBLISHER_OWN_COUNTERS };

static inline uint32_t connection_histograms(const struct publisher_config *config)
{
    const uint32_t wanted = config->twins ? 2 : 1;
    return config->histograms ? wanted : 0;
}

/** Lays out the segment of a configuration. Pure. */
struct segment_plan segment_plan(const struct publisher_config *config);

/** Fills a zeroed mapping, all but the magic. */
void segment_fill(uint8_t *map,
                  const struct segment_plan *plan,
                  const struct publisher_config *config);

/** Appends to the event ring. */
void publisher_event(struct publisher *publisher, const struct flatline_event_slot *event);

#endif
