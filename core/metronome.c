/* SPDX-License-Identifier: MIT */
#include "core/metronome.h"

#include "core/base.h"

#define SMOOTHING  4   /* a beat moves the expectation by a quarter of its error */
#define SHOWN_MOST 64U /* enough for a good one to survive three missed in a row */
#define OLDER_BITS ((1U << (BEATS_WINDOW - 1U)) - 1U)

uint64_t metronome_margin_ns(const struct metronome *metronome)
{
    return metronome->period_ns / 2;
}

static void beat_missed(struct metronome *metronome)
{
    metronome->missed_ns = metronome->expected_ns;
    metronome->missed_bits = (uint8_t)((unsigned)metronome->missed_bits << 1U | 1U);
    metronome->shown /= 2;
    metronome->expected_ns += metronome->period_ns;
}

/* Beats that should have come before at_ns. Bounded: after more than a window of them it is no matter
 * how many. */
static void beats_missed(struct metronome *metronome, uint64_t at_ns)
{
    const uint64_t margin_ns = metronome_margin_ns(metronome);
    for (uint32_t i = 0; i <= BEATS_WINDOW && metronome->expected_ns + margin_ns < at_ns; i++) {
        beat_missed(metronome);
    }
}

/* One that comes much earlier than expected is of a channel that also speaks on change: its period is
 * the longest wait it promises, and the next is due that long after it. */
void metronome_beat(struct metronome *metronome, uint64_t at_ns)
{
    const uint64_t period_ns = metronome->period_ns;
    if (period_ns == 0) {
        return;
    }
    if (metronome->expected_ns == 0) {
        metronome->expected_ns = at_ns + period_ns;
        return;
    }
    beats_missed(metronome, at_ns);
    const int64_t error_ns = (int64_t)(at_ns - metronome->expected_ns);
    const uint64_t margin_ns = metronome_margin_ns(metronome);
    const bool is_near = error_ns <= (int64_t)margin_ns && -error_ns <= (int64_t)margin_ns;
    metronome->expected_ns =
        is_near ? metronome->expected_ns + (uint64_t)(error_ns / SMOOTHING) : at_ns;
    metronome->expected_ns += period_ns;
    metronome->missed_bits = (uint8_t)(metronome->missed_bits << 1U);
    metronome->shown += metronome->shown < SHOWN_MOST;
}

void metronome_restart(struct metronome *metronome, uint64_t from_ns)
{
    metronome->missed_bits = 0;
    metronome->expected_ns =
        from_ns != 0 && metronome->expected_ns != 0 ? from_ns + metronome->period_ns : 0;
}

/* How many of the beats due from now on must be missed to fill the measure. */
static uint32_t more_missed(const struct metronome *metronome)
{
    return (metronome->missed_bits & OLDER_BITS) != 0 ? 1 : BEATS_MISSED;
}

uint64_t metronome_due_ns(const struct metronome *metronome)
{
    if (metronome->expected_ns == 0 || metronome->shown < BEATS_PROVEN) {
        return UINT64_MAX;
    }
    return metronome->expected_ns + (more_missed(metronome) - 1U) * metronome->period_ns +
           metronome_margin_ns(metronome);
}

uint64_t metronome_onset_ns(const struct metronome *metronome)
{
    return more_missed(metronome) == 1 ? metronome->missed_ns : metronome->expected_ns;
}

uint64_t metronome_next_after_ns(const struct metronome *metronome, uint64_t alive_ns)
{
    const uint64_t expected_ns = metronome->expected_ns;
    if (alive_ns < expected_ns) {
        return expected_ns;
    }
    return expected_ns +
           ((alive_ns - expected_ns) / metronome->period_ns + 1U) * metronome->period_ns;
}
