/* SPDX-License-Identifier: MIT
 *
 * words.h - what the threads share besides the rings. Every line has one writer; the others
 * load.
 */
#ifndef FLATLINE_SENTINEL_WORDS_H
#define FLATLINE_SENTINEL_WORDS_H

#include "core/atomic.h"
#include "core/base.h"
#include "sentinel/socket_words.h"

#include <stdbool.h>
#include <stdint.h>

/* How far one slot is known to be drained, and under which of its lives. Written by ingest,
 * several to a line. */
struct watermark {
    uint64_t epoch;
    uint64_t drained_mono_ns;
};

/** Ingest, when a slot gets a connection: the old life's watermark must never be read as the
 *  new one's. */
static inline void watermark_begin(struct watermark *mark, uint64_t epoch)
{
    /* ORDER watermark.epoch, release: whoever sees the new epoch sees this zero, or what the
     * new life stored later. */
    store_release(&mark->drained_mono_ns, 0);
    store_release(&mark->epoch, epoch);
}

/** Ingest, at the end of a pass. */
static inline void watermark_advance(struct watermark *mark, uint64_t drained_mono_ns)
{
    /* ORDER watermark.drained, release: after the ring's head of every event of this pass, so
     * that a judge who sees this watermark and then drains the ring has seen all that came
     * before it. */
    store_release(&mark->drained_mono_ns, drained_mono_ns);
}

/** Judge. false: the slot changed lives while we looked; there is no watermark this time. */
static inline bool
watermark_load(const struct watermark *mark, uint64_t *ret_epoch, uint64_t *ret_mono_ns)
{
    /* ORDER watermark.epoch, acquire: the drained word loaded next is of this epoch or a later
     * one. */
    const uint64_t epoch = load_acquire(&mark->epoch);
    /* ORDER watermark.drained, acquire: if it is of a later epoch, the second look below sees
     * that epoch. */
    const uint64_t drained = load_acquire(&mark->drained_mono_ns);
    if (load_relaxed(&mark->epoch) != epoch) { /* relaxed: ordered behind the acquire above */
        return false;
    }
    *ret_epoch = epoch;
    *ret_mono_ns = drained;
    return true;
}

/* One slot's counters. Written by ingest, relaxed: monotone, a recent value is enough. */
struct slot_words {
    LINE_ALIGNED uint64_t open; /* 1 while a socket is */
    uint64_t up_since_mono_ns;
    uint64_t frames;
    uint64_t bytes;
    uint64_t data;
    uint64_t control;
    uint64_t ignored;
    uint64_t malformed;
    uint64_t pings;
    uint64_t pongs;
    uint64_t last_rtt_ns;
    uint64_t partial_bytes;
    uint64_t budget_hits;
    uint64_t blocked;    /* passes that met a full ring */
    uint64_t epoch_data; /* of this life, data frames ... */
    uint64_t epoch_acks; /* ... and acknowledgements: what a rotation waits for */
};

/* Ingest's own line. */
struct ingest_words {
    /* stamp of the last finished pass; stored release, after the watermarks */
    LINE_ALIGNED uint64_t pass_mono_ns;
    uint64_t passes;
    uint64_t stalls;
    uint64_t wakes;           /* of a sleeping judge */
    uint64_t notices_dropped; /* control's inbox was full */
    uint64_t unsent;          /* requests and pings the send buffer refused */
    uint64_t record_dropped;  /* entries: the recorder was behind */
    /* by this thread since it began to run; 0 where jemalloc is not linked */
    uint64_t allocated_bytes;
    uint64_t openssl_bytes; /* and by OpenSSL in it, where that is counted apart */
};

/* Judge's own lines. What ingest looks at each pass stands apart from what the judge counts
 * each pass. */
struct judge_words {
    /* stored release; ingest wakes the judge behind it */
    LINE_ALIGNED uint64_t next_deadline_mono_ns;
    LINE_ALIGNED uint64_t beat_mono_ns;
    uint64_t passes;
    uint64_t events;
    uint64_t stalls;
    uint64_t timer_arms;
    uint64_t allocated_bytes;
    uint64_t advised; /* changes of advice published in every gate; stored release */
    /* 1: the judge sleeps or is about to; whoever turns it to 0 wakes it */
    LINE_ALIGNED uint32_t asleep;
};

/* Control's own line. */
struct control_words {
    LINE_ALIGNED uint64_t commands; /* lines of the control socket */
    uint64_t refused;               /* callers who may not act */
    uint64_t unsaved;               /* advice the state file could not take */
    uint64_t silence_unsaved;       /* times the silence file could not be written */
    uint64_t silence_damaged;       /* 1: it could not be read at the start */
    uint64_t superseded;            /* 1: a successor stands under our name; stored release */
    uint64_t lost;                  /* 1: nobody finds our segment any more; stored release */
};

/* The recorder's own line. */
struct record_words {
    LINE_ALIGNED uint64_t lines;
    uint64_t bytes;  /* handed to the kernel */
    uint64_t failed; /* entries that found no disk to be written to */
};

/* Control's own words of a slot. */
struct dial_words {
    uint64_t state; /* enum flatline_connection_state, where ingest has no open socket */
    uint64_t connects;
    struct socket_words socket; /* of the connection control made last */
};

#define ENGINE_WATCH_MAX 16U /* engines; more are not looked at */

/* The engine watch's own line. */
struct engine_words {
    LINE_ALIGNED uint64_t looks;
    uint64_t watched; /* engines */
    uint64_t absurd;  /* words passed over: torn, ahead of the clock or behind the one before */
    uint64_t odd;     /* files and slots that made no sense */
    /* of each engine that lives, in our pid namespace; 0: none */
    uint64_t pids[ENGINE_WATCH_MAX];
};

/* The socket watch's own line. */
struct socket_counts {
    LINE_ALIGNED uint64_t looks;
    uint64_t scans;   /* of all connections of the machine */
    uint64_t watched; /* connections of engines */
    uint64_t denied;  /* times that a process did not let us see what it holds open */
};

struct words {
    struct ingest_words ingest;
    struct engine_words engines;
    struct socket_counts sockets;
    struct judge_words judge;
    struct control_words control;
    struct record_words record;
    LINE_ALIGNED uint64_t stop; /* 1: leave the loops. Control thread's caller */
    struct watermark *watermarks;
    struct slot_words *slots;
    struct dial_words *dials;
    uint32_t slot_count;
};

#endif
