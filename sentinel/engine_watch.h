/* SPDX-License-Identifier: MIT
 *
 * engine_watch.h - the thread that reads what engines write. It makes the system calls that the
 * judge must not: looks for files <segment>.engine.<NAME>, copies them, checks every word, asks the
 * kernel for the process, and hands the judge what changed as events, then the look's end.
 *
 * No engine, no cost but a look into the directory every quarter of a second.
 */
#ifndef FLATLINE_SENTINEL_ENGINE_WATCH_H
#define FLATLINE_SENTINEL_ENGINE_WATCH_H

#include "core/ring.h"
#include "sentinel/config.h"
#include "sentinel/words.h"

struct engine_watch;

struct engine_watch_setup {
    const struct config *config;
    struct ring *to_judge;
    struct words *words;
};

/** Returns 0 or -errno. */
int engine_watch_create(const struct engine_watch_setup *setup, struct engine_watch **ret_watch);
void engine_watch_destroy(struct engine_watch *watch);

/** The thread: user is its struct engine_watch; runs until words->stop. */
void *engine_watch_run(void *user);

/** One round at now, for tests and for the thread: looks for files when it is time, then at each
 *  engine. Returns how many engines are watched. */
uint32_t engine_watch_pass(struct engine_watch *watch, uint64_t now_mono_ns);

#endif
