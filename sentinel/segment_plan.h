/* SPDX-License-Identifier: MIT
 *
 * segment_plan.h - what the segment of a configuration holds, in the publisher's words.
 */
#ifndef FLATLINE_SENTINEL_SEGMENT_PLAN_H
#define FLATLINE_SENTINEL_SEGMENT_PLAN_H

#include "core/publisher.h"
#include "sentinel/config.h"
#include "sentinel/plan.h"

struct segment_plan; /* opaque: segment_plan.c */

/** Describes it; config and plan must outlive it. Returns 0 or -ENOMEM. */
int segment_plan_create(const struct config *config,
                        const struct plan *plan,
                        struct segment_plan **ret_segment);
void segment_plan_destroy(struct segment_plan *segment);

/** For publisher_create() and publisher_size_bytes(). Lives as long as the plan. */
const struct publisher_config *segment_plan_wanted(const struct segment_plan *segment);

#endif
