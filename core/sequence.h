/* SPDX-License-Identifier: MIT
 *
 * sequence.h - the id rules of one leg: what a frame's key says about the frames before it.
 *
 * The key is the channel's id; the exchange time where the channel has no id; nothing where it has
 * neither. A stream's first keyed frame decides which, for good. Each connection of a stream is
 * checked for itself, from the first frame of each of its lives.
 */
#ifndef FLATLINE_CORE_SEQUENCE_H
#define FLATLINE_CORE_SEQUENCE_H

#include "core/event.h"
#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* OKX sends the latest snapshot of an unchanged book again after about 60 s; sooner it is a
 * plain repeat. */
#define SEQUENCE_REPEAT_AFTER_NS (45ULL * 1000000000ULL)

/* What a stream is keyed by, once known. */
enum sequence_mode { SEQUENCE_BY_NONE, SEQUENCE_BY_ID, SEQUENCE_BY_TIME };

enum sequence_verdict {
    SEQUENCE_UNKEYED,    /* the channel has no key, or has not shown one yet: every frame counts */
    SEQUENCE_KEYLESS,    /* this frame lacks the key its stream has: proves nothing */
    SEQUENCE_FIRST,      /* anchors the leg */
    SEQUENCE_NEXT,       /* newer on this leg, and chained where there is a chain */
    SEQUENCE_BROKEN,     /* newer, but its link to the frame before is missing: a gap */
    SEQUENCE_RESET,      /* OKX's legal restart of the ids */
    SEQUENCE_SNAPSHOT,   /* anchors the leg anew */
    SEQUENCE_KEPT_ALIVE, /* the venue's word that nothing changed */
    SEQUENCE_REPEATED,
    SEQUENCE_REGRESSED,
};

/* One leg's place in its sequence, for one life of its connection. */
struct sequence {
    uint64_t newest; /* greatest key shown */
    bool anchored;
};

/** Reads the frame's key by its stream's mode, deciding the mode if it is still open. false: it
 *  has none. */
bool sequence_key(const struct stream_traits *traits,
                  enum sequence_mode *mode,
                  const struct event *event,
                  uint64_t *ret_key);

/** Judges a keyed frame and takes its place.
 *
 *  since_last_ns  since the leg's frame before; 0 = not known
 *  Never returns SEQUENCE_UNKEYED or SEQUENCE_KEYLESS. */
enum sequence_verdict sequence_judge(struct sequence *sequence,
                                     const struct stream_traits *traits,
                                     enum sequence_mode mode,
                                     const struct event *event,
                                     uint64_t since_last_ns);

/** The id the chain asked for next: what a gap's evidence calls expected. */
uint64_t sequence_expected(const struct sequence *sequence, enum stream_chain chain);

#endif
