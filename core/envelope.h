/* SPDX-License-Identifier: MIT
 *
 * envelope.h - how far the venue's clock and ours are apart, as well as frames can tell: the
 * smallest of receive time minus exchange time, which may rise again by 200 ppm of the time that
 * passes. What a frame shows above it is its excess lag.
 *
 * One per venue, kept across reconnects. Not a sliding window: a window forgets, and turns a
 * constant delay fresh again. Source: DESIGN section 3.
 */
#ifndef FLATLINE_CORE_ENVELOPE_H
#define FLATLINE_CORE_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#define ENVELOPE_RISE_DIVISOR 5000U /* 200 ppm: what two honest clocks may drift apart */
#define ENVELOPE_JUMP_NS                                                                           \
    250000000LL /* further below than this is no faster frame but another clock */
#define ENVELOPE_AGREE_NS      50000000LL
#define ENVELOPE_AGREE_SAMPLES 8U

struct envelope {
    int64_t floor_ns; /* receive minus exchange time, at floor_recv_ns */
    uint64_t floor_recv_ns;
    int64_t level_ns;   /* where it stood at the last frame: what "far below" is measured from */
    int64_t run_min_ns; /* samples far below, that agree so far */
    int64_t run_max_ns;
    uint32_t run_count;
    bool anchored;   /* has a floor */
    bool on_frames;  /* may take its floor from the first frame */
    bool unanchored; /* took it so while it should have come from the venue's server time */
};

/** on_frames: replay; live starts without, and earns nothing until one of the two calls below. */
void envelope_init(struct envelope *envelope, bool on_frames);

/** REST server time: taken at local time midpoint_mono_ns the venue's clock showed
 *  exch_wall_ns. The first one sets the floor; it never raises one that frames have set. */
void envelope_anchor(struct envelope *envelope, uint64_t midpoint_mono_ns, int64_t exch_wall_ns);

/** REST is out of reach: the first frame sets the floor, and the venue is marked unanchored
 *  until a server time comes. */
void envelope_anchor_on_frames(struct envelope *envelope);

/** May timed frames earn at all? */
static inline bool envelope_is_ready(const struct envelope *envelope)
{
    return envelope->anchored || envelope->on_frames;
}

enum envelope_verdict {
    ENVELOPE_NOT_READY,
    ENVELOPE_ABSURD, /* far below, and not (yet) confirmed: earns and feeds nothing */
    ENVELOPE_SAMPLE,
};

/** Is this time no faster frame but nonsense, or another clock? Changes nothing. */
bool envelope_doubts(const struct envelope *envelope, uint64_t recv_mono_ns, int64_t exch_wall_ns);

/** Feeds one frame's times and tells its excess lag. ret_excess_ns is written for
 *  ENVELOPE_SAMPLE only. */
enum envelope_verdict envelope_feed(struct envelope *envelope,
                                    uint64_t recv_mono_ns,
                                    int64_t exch_wall_ns,
                                    uint64_t *ret_excess_ns);

#endif
