/* SPDX-License-Identifier: MIT */
#include "core/envelope.h"

#define WALL_MAX_NS (1LL << 62) /* the year 2116: differences below stay in range */

void envelope_init(struct envelope *envelope, bool on_frames)
{
    *envelope = (struct envelope){.on_frames = on_frames};
}

static bool times_plausible(uint64_t recv_mono_ns, int64_t exch_wall_ns)
{
    return exch_wall_ns > 0 && exch_wall_ns < WALL_MAX_NS && recv_mono_ns < (uint64_t)WALL_MAX_NS;
}

static void floor_set(struct envelope *envelope, int64_t floor_ns, uint64_t recv_mono_ns)
{
    envelope->floor_ns = floor_ns;
    envelope->floor_recv_ns = recv_mono_ns;
    envelope->level_ns = floor_ns;
    envelope->run_count = 0;
    envelope->anchored = true;
}

/* The floor as far as it may have risen by now. It is computed from where it was last set, so
 * that no number of frames can lose a fraction of the rise. */
static int64_t floor_at(const struct envelope *envelope, uint64_t recv_mono_ns)
{
    if (recv_mono_ns <= envelope->floor_recv_ns) {
        return envelope->floor_ns; /* another connection, a moment earlier */
    }
    const uint64_t elapsed_ns = recv_mono_ns - envelope->floor_recv_ns;
    return envelope->floor_ns + (int64_t)(elapsed_ns / ENVELOPE_RISE_DIVISOR);
}

void envelope_anchor(struct envelope *envelope, uint64_t midpoint_mono_ns, int64_t exch_wall_ns)
{
    if (!times_plausible(midpoint_mono_ns, exch_wall_ns)) {
        return;
    }
    const int64_t offset_ns = (int64_t)midpoint_mono_ns - exch_wall_ns;
    if (!envelope->anchored ||
        (envelope->unanchored && offset_ns < floor_at(envelope, midpoint_mono_ns))) {
        floor_set(envelope, offset_ns, midpoint_mono_ns);
    }
    envelope->unanchored = false;
}

void envelope_anchor_on_frames(struct envelope *envelope)
{
    if (!envelope->anchored) {
        envelope->on_frames = true;
        envelope->unanchored = true;
    }
}

/* Far below: a faster path does not explain it. Either the venue's clock stepped, and all that
 * follow agree, or one frame's time is nonsense. */
static bool jump_confirmed(struct envelope *envelope, int64_t sample_ns)
{
    const bool first = envelope->run_count == 0;
    const int64_t low =
        first || sample_ns < envelope->run_min_ns ? sample_ns : envelope->run_min_ns;
    const int64_t high =
        first || sample_ns > envelope->run_max_ns ? sample_ns : envelope->run_max_ns;
    if (high - low > ENVELOPE_AGREE_NS) {
        envelope->run_min_ns = sample_ns;
        envelope->run_max_ns = sample_ns;
        envelope->run_count = 1;
        return false;
    }
    envelope->run_min_ns = low;
    envelope->run_max_ns = high;
    envelope->run_count++;
    return envelope->run_count >= ENVELOPE_AGREE_SAMPLES;
}

static bool is_far_below(const struct envelope *envelope, int64_t sample_ns)
{
    return sample_ns < envelope->level_ns - ENVELOPE_JUMP_NS;
}

bool envelope_doubts(const struct envelope *envelope, uint64_t recv_mono_ns, int64_t exch_wall_ns)
{
    if (!times_plausible(recv_mono_ns, exch_wall_ns)) {
        return true;
    }
    return envelope->anchored && is_far_below(envelope, (int64_t)recv_mono_ns - exch_wall_ns);
}

enum envelope_verdict envelope_feed(struct envelope *envelope,
                                    uint64_t recv_mono_ns,
                                    int64_t exch_wall_ns,
                                    uint64_t *ret_excess_ns)
{
    if (!envelope_is_ready(envelope)) {
        return ENVELOPE_NOT_READY;
    }
    if (!times_plausible(recv_mono_ns, exch_wall_ns)) {
        return ENVELOPE_ABSURD;
    }
    const int64_t sample_ns = (int64_t)recv_mono_ns - exch_wall_ns;
    if (!envelope->anchored) {
        floor_set(envelope, sample_ns, recv_mono_ns);
        *ret_excess_ns = 0;
        return ENVELOPE_SAMPLE;
    }
    const int64_t floor_ns = floor_at(envelope, recv_mono_ns);
    if (is_far_below(envelope, sample_ns) && !jump_confirmed(envelope, sample_ns)) {
        return ENVELOPE_ABSURD;
    }
    if (sample_ns < floor_ns) {
        floor_set(envelope, sample_ns, recv_mono_ns);
        *ret_excess_ns = 0;
        return ENVELOPE_SAMPLE;
    }
    envelope->run_count = 0;
    envelope->level_ns = floor_ns;
    *ret_excess_ns = (uint64_t)(sample_ns - floor_ns);
    return ENVELOPE_SAMPLE;
}
