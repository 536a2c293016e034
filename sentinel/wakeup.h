/* SPDX-License-Identifier: MIT
 *
 * wakeup.h - how a blocking judge sleeps and is woken, at the price of one system call only when
 * it does sleep.
 *
 * The protocol is Dekker's. Sleeper: asleep := 1, then look at the rings, then sleep if they are
 * empty. Waker: push, then asleep := 0, and wake if it was 1. The swap is a full barrier, so at
 * least one of the two sees the other's store: an event is never left behind by a judge that went
 * to sleep. Spinning threads use none of this.
 */
#ifndef FLATLINE_SENTINEL_WAKEUP_H
#define FLATLINE_SENTINEL_WAKEUP_H

#include "core/atomic.h"

#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/** Wakes the sleeper if there is one. Returns true if it slept. Any thread. */
static inline bool wakeup_signal(uint32_t *asleep)
{
    /* ORDER wakeup.sleep, seq_cst: after the ring's head. Pairs with the swap in
     * wakeup_announce(). */
    if (swap_seq_cst(asleep, 0) == 0) {
        return false;
    }
    (void)syscall(SYS_futex, asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return true;
}

/** "I am about to sleep." Look for work after this call, then wakeup_sleep() or wakeup_cancel(). */
static inline void wakeup_announce(uint32_t *asleep)
{
    /* ORDER wakeup.sleep, seq_cst: before the sleeper's look at the rings. Pairs with the swap
     * in wakeup_signal(). */
    (void)swap_seq_cst(asleep, 1);
}

static inline void wakeup_cancel(uint32_t *asleep)
{
    store32_relaxed(asleep, 0); /* relaxed: at worst one wake-up too many */
}

/** Sleeps until signalled, or for sleep_ns (below a second). The caller looks again either way. */
static inline void wakeup_sleep(uint32_t *asleep, uint64_t sleep_ns)
{
    const struct timespec wait = {0, (long)sleep_ns};
    (void)syscall(SYS_futex, asleep, FUTEX_WAIT_PRIVATE, 1, &wait, NULL, 0);
    wakeup_cancel(asleep);
}

#endif
