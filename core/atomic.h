/* SPDX-License-Identifier: MIT
 *
 * atomic.h - the only file that spells a memory order.
 *
 * Shared fields are plain uint64_t, aligned, touched through these alone. No volatile, no bare
 * fences. On x86-64 each of these is one ordinary move.
 */
#ifndef FLATLINE_CORE_ATOMIC_H
#define FLATLINE_CORE_ATOMIC_H

#include <stdint.h>

static inline uint64_t load_relaxed(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* For the 32-bit counts of histograms. */
static inline uint32_t load_relaxed_32(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uint64_t load_acquire(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void store_relaxed(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void store_release(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void store_relaxed_32(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* Single-writer counter: no locked instruction. Relaxed: readers want a recent value, nothing
 * hangs on it. */
static inline void count_relaxed(uint64_t *word, uint64_t by)
{
    store_relaxed(word, load_relaxed(word) + by);
}

/* The one full barrier there is: "I am going to sleep" against "I have left you work". Each
 * side writes its own word first and reads the other's after; with anything weaker than
 * sequential consistency both could miss the other. 32 bits: a futex. */
static inline uint32_t swap_seq_cst(uint32_t *word, uint32_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline void store32_relaxed(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
