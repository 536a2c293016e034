/* SPDX-License-Identifier: MIT
 *
 * clock.h - the clocks. CLOCK_MONOTONIC through the vDSO is the only clock of verdicts; the wall
 * clock is for people.
 */
#ifndef FLATLINE_CORE_CLOCK_H
#define FLATLINE_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now); /* cannot fail for the clocks below */
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/** Now, CLOCK_MONOTONIC ns. About 20 ns, no system call. */
static inline uint64_t clock_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/** Now, CLOCK_REALTIME ns. Never used for a verdict. */
static inline uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

/** BOOTTIME - MONOTONIC: grows when the machine was suspended. A pause between the two readings
 *  makes it smaller, never larger, and never negative. */
static inline uint64_t clock_suspended_ns(void)
{
    const uint64_t boot = clock_ns(CLOCK_BOOTTIME);
    const uint64_t mono = clock_ns(CLOCK_MONOTONIC);
    return boot > mono ? boot - mono : 0;
}

#endif
