/* SPDX-License-Identifier: MIT
 *
 * plan.h - which connections carry which streams: streams grouped by venue and route, split where
 * a venue bounds them, and the subscribe requests written out once. Pure: made from the
 * configuration at start, never changed.
 *
 * A *line* is one logical connection. It owns two *slots*, a and b: a successor is dialled into
 * the free slot and has data before the old connection is closed (make before break), so that each
 * slot is one leg of its streams to the judge. Where a venue has two connections each line has a
 * *twin* with the same streams: four legs, two of them up all day.
 */
#ifndef FLATLINE_SENTINEL_PLAN_H
#define FLATLINE_SENTINEL_PLAN_H

#include "sentinel/config.h"

#define PLAN_SLOTS_PER_LINE 2U
#define PLAN_NO_LINE        UINT32_MAX

struct plan_line {
    char name[FLATLINE_NAME_BYTES -
              1]; /* venue/route/number, of a twin .2 behind it; a slot's name adds a letter */
    enum flatline_venue venue;
    enum route route;
    uint32_t number;
    uint32_t *streams; /* indices in config.streams */
    uint32_t stream_count;
    /* subscribe texts, in order; ids are 1 .. request_count, that of the status channel a word */
    char **requests;
    uint32_t request_count;
    uint32_t ack_count; /* how many answers they bring: Binance one a request, OKX one a stream */
    /* asked for once all are acknowledged; NULL where the venue has no such question */
    char *inventory;
    bool user_data;
    uint32_t twin; /* the line that carries the same streams; PLAN_NO_LINE: none does */
    uint32_t part; /* 0, or 1: the younger of two twins */
};

struct plan {
    struct plan_line *lines;
    uint32_t line_count;
    uint32_t leg_count; /* stream x slot */
    bool has_twins;
};

static inline uint32_t plan_slot_count(const struct plan *plan)
{
    return plan->line_count * PLAN_SLOTS_PER_LINE;
}

static inline uint32_t plan_line_of(uint32_t slot)
{
    return slot / PLAN_SLOTS_PER_LINE;
}

static inline uint32_t plan_first_of(uint32_t slot)
{
    return slot - slot % PLAN_SLOTS_PER_LINE;
}

/* The first slot of a line carries it; the others are for successors. */
static inline bool plan_is_spare(uint32_t slot)
{
    return slot % PLAN_SLOTS_PER_LINE != 0;
}

/** Makes the plan. Returns 0, -ENOMEM, or -EINVAL with a sentence in error_text (a stream that
 *  fits no request). */
int plan_create(const struct config *config,
                struct plan **ret_plan,
                char *error_text,
                size_t error_text_bytes);
void plan_destroy(struct plan *plan);

/** Name of a slot, `okx/public/1a`. */
void plan_slot_name(const struct plan *plan, uint32_t slot, char name[FLATLINE_NAME_BYTES]);

/** Least time between two requests of ours on one connection: half the venue's rate, the rest
 *  is for pings and pongs. */
uint64_t plan_request_spacing_ns(enum flatline_venue venue);

#endif
