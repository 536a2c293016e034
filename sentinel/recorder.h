/* SPDX-License-Identifier: MIT
 *
 * recorder.h - the thread that writes what ingest saw to a file, in the lines that `flatline
 * replay` reads. Nobody waits for it: its ring drops, with a count, and the file says where.
 *
 * The clock of a recording is the sentinel's own, CLOCK_MONOTONIC, moved to the wall clock once at
 * the start: replayed, every interval is what it was. Connections of an account are left out
 * altogether: their frames name orders and balances.
 */
#ifndef FLATLINE_SENTINEL_RECORDER_H
#define FLATLINE_SENTINEL_RECORDER_H

#include "sentinel/config.h"
#include "sentinel/plan.h"
#include "sentinel/record_ring.h"
#include "sentinel/text_queue.h"
#include "sentinel/words.h"

struct recorder; /* opaque: recorder.c */

struct recorder_setup {
    const struct config *config;
    const struct plan *plan;
    struct record_ring *ring; /* from ingest */
    struct text_queue *log;
    struct words *words;
};

/** Opens the first file of config.record_file. Returns 0 or -errno, with a sentence in
 *  error_text. */
int recorder_create(const struct recorder_setup *setup,
                    struct recorder **ret_recorder,
                    char *error_text,
                    size_t error_text_bytes);

/** Writes what is left, finishes the file, frees. NULL is fine. */
void recorder_destroy(struct recorder *recorder);

/** The thread: user is a struct recorder *; runs until words->stop. */
void *recorder_run(void *user);

/** One pass, for tests and the thread: writes what the ring holds. */
void recorder_pass(struct recorder *recorder, uint64_t now_mono_ns);

#endif
