/* SPDX-License-Identifier: MIT
 *
 * socket_watch.h - the thread that asks the kernel how TCP connections do: the engines', to find what
 * an engine does not read or is not told, and our own. It makes the system calls that the judge must
 * not, and passes no verdict: each look becomes an event.
 */
#ifndef FLATLINE_SENTINEL_SOCKET_WATCH_H
#define FLATLINE_SENTINEL_SOCKET_WATCH_H

#include "core/ring.h"
#include "sentinel/config.h"
#include "sentinel/plan.h"
#include "sentinel/words.h"

#define SOCKET_PLACES 64U /* connections of engines; more are not looked at */

struct socket_watch;

struct socket_watch_setup {
    const struct config *config;
    const struct plan *plan;
    struct ring *to_judge;
    struct words *words;
};

/** Returns 0 or -errno. Where the kernel has no sock_diag nothing will be seen. */
int socket_watch_create(const struct socket_watch_setup *setup, struct socket_watch **ret_watch);
void socket_watch_destroy(struct socket_watch *watch);

/** The thread: user is its struct socket_watch; runs until words->stop. */
void *socket_watch_run(void *user);

/** One round at now, for tests and for the thread: looks at every connection known, and for new ones
 *  when it is time. Returns how many were looked at. */
uint32_t socket_watch_pass(struct socket_watch *watch, uint64_t now_mono_ns);

#endif
