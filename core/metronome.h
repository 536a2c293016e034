/* SPDX-License-Identifier: MIT
 *
 * metronome.h - something that comes by a timer, and so shows by its absence that something is wrong.
 * Pure: a beat and its time in, when it was missed out.
 *
 * Where the next beat is expected follows the beats seen, as in NFD-E (Chen, Toueg, Aguilera: the mean of
 * past arrivals, each moved on by its periods), with an exponential window. A beat is missed half a
 * period after that. One alone proves nothing: two of the last three due must be missing, and only a
 * metronome that has shown BEATS_PROVEN in time is believed. Each missed one halves what it has shown,
 * so that an irregular one is never believed and a good one survives a hiccup.
 */
#ifndef FLATLINE_CORE_METRONOME_H
#define FLATLINE_CORE_METRONOME_H

#include <stdbool.h>
#include <stdint.h>

#define BEATS_WINDOW 3U
#define BEATS_MISSED 2U /* of the window: mute */
#define BEATS_PROVEN 8U

struct metronome {
    uint64_t period_ns;   /* 0: there is none */
    uint64_t expected_ns; /* the next beat; 0 = none was seen in this life */
    uint64_t missed_ns;   /* when the last missed beat was due */
    uint32_t shown;       /* beats in time, halved by each missed one */
    uint8_t missed_bits;  /* of the last beats due, the latest lowest: 1 = missed */
};

/** Half a period: how late a beat may be. */
uint64_t metronome_margin_ns(const struct metronome *metronome);

/** A beat came. */
void metronome_beat(struct metronome *metronome, uint64_t at_ns);

/** Expects the next beat a period after from_ns, and forgives what was missed: after a stall of our
 *  own. from_ns 0: it expects none until the next has come, as after a reconnect. */
void metronome_restart(struct metronome *metronome, uint64_t from_ns);

/** When two of the last three beats will be missing if none comes; UINT64_MAX while it proves
 *  nothing. */
uint64_t metronome_due_ns(const struct metronome *metronome);

/** When the first of these was due: the onset. */
uint64_t metronome_onset_ns(const struct metronome *metronome);

/** When the first beat is expected that is due after alive_ns. */
uint64_t metronome_next_after_ns(const struct metronome *metronome, uint64_t alive_ns);

#endif
