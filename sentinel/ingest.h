/* SPDX-License-Identifier: MIT
 *
 * ingest.h - the thread that reads the exchanges: sockets in, events out, and how far each socket
 * is known to be empty.
 *
 * The watermark rule. A pass stamps t, then asks the kernel. A connection is drained up to t when,
 * after t, the kernel said empty (epoll did not report it, or the read ended in EAGAIN) and every
 * whole message taken from it is decoded and in the ring. One that spent its read budget, or met a
 * full ring, keeps its old watermark and is served again. A slot without a socket is drained by
 * definition. Watermarks are stored after the pass's events.
 *
 * After a blocking wait the sockets it reported are served at once, for the sake of latency;
 * watermarks move only in the pass behind it, which asks the kernel again after a new stamp.
 */
#ifndef FLATLINE_SENTINEL_INGEST_H
#define FLATLINE_SENTINEL_INGEST_H

#include "core/ring.h"
#include "feeds/names.h"
#include "sentinel/config.h"
#include "sentinel/handover.h"
#include "sentinel/plan.h"
#include "sentinel/record_ring.h"
#include "sentinel/words.h"

struct ingest; /* opaque: ingest.c */

struct ingest_setup {
    const struct config *config;
    const struct plan *plan;
    struct names *names;           /* read only from now on */
    struct ring *to_judge;         /* every event */
    struct ring *to_control;       /* copies of what control acts on: notices, dead keys */
    struct handover_queue *orders; /* from control */
    struct handover_queue *ended;  /* to control */
    struct record_ring *record;    /* NULL: nothing is recorded */
    struct words *words;
};

/** Allocates all an ingest thread will ever use. Returns 0 or -errno. */
int ingest_create(const struct ingest_setup *setup, struct ingest **ret_ingest);
void ingest_destroy(struct ingest *ingest);

/** The thread: user is a struct ingest *; runs until words->stop. */
void *ingest_run(void *user);

/** Wakes ingest if it waits: a new order, or the end. Any thread; one system call. */
void ingest_poke(struct ingest *ingest);

/** Has ingest wake at a deadline, if it sleeps then. One deadline at a time: the judge's, and the
 *  judge's alone to set; one system call. */
void ingest_arm(struct ingest *ingest, uint64_t deadline_mono_ns);

/** One pass, for tests: serves what is ready without waiting. */
void ingest_pass(struct ingest *ingest);

#endif
