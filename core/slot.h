/* SPDX-License-Identifier: MIT
 *
 * slot.h - the fence-free seqlock of the segment, both sides of it.
 *
 * A slot is an array of aligned 64-bit words; word 0 is its sequence, odd while the one writer is
 * at work. Sequence and data are all atomic words, so a torn copy is noticed, never undefined, and
 * the thread sanitizer can follow. On x86-64 both sides compile to ordinary moves.
 */
#ifndef FLATLINE_CORE_SLOT_H
#define FLATLINE_CORE_SLOT_H

#include "core/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_TRIES 64U

/** Writes words[1 .. word_count) into the slot; words[0] is not looked at. One writer. Cost:
 *  word_count + 1 stores, no fence. A crash in the middle leaves the sequence odd for ever. */
static inline void slot_write(uint64_t *slot, const uint64_t *words, size_t word_count)
{
    const uint64_t sequence = load_relaxed(&slot[0]); /* relaxed: only this writer stores it */
    /* Relaxed: each data store below is a release and so carries this one before it. */
    store_relaxed(&slot[0], sequence + 1);
    for (size_t i = 1; i < word_count; i++) {
        /* ORDER slot.word, release: the odd sequence comes first. Pairs with the acquire in
         * slot_read(): whoever sees this word sees at least the odd sequence. Weaker: a new
         * word under an old even sequence, a torn copy passed as whole. */
        store_release(&slot[i], words[i]);
    }
    /* ORDER slot.sequence, release: the words above come first. Pairs with the acquire in
     * slot_read(). */
    store_release(&slot[0], sequence + 2);
}

/** Copies word_count words, the sequence included. false: torn SLOT_TRIES times; words then
 *  hold nothing of use. Any number of readers; never delays the writer. Cost: word_count + 1
 *  loads a try. */
static inline bool slot_read(const uint64_t *slot, uint64_t *words, size_t word_count)
{
    for (uint32_t attempt = 0; attempt < SLOT_TRIES; attempt++) {
        /* ORDER slot.sequence, acquire: the words below are read after it. Pairs with the
         * release in slot_write(). */
        const uint64_t before = load_acquire(&slot[0]);
        if ((before & 1U) == 0) {
            for (size_t i = 1; i < word_count; i++) {
                /* ORDER slot.word, acquire: the second look at the sequence comes after it.
                 * Pairs with slot_write(). */
                words[i] = load_acquire(&slot[i]);
            }
            /* Relaxed: the acquire loads above already keep it behind them. */
            if (load_relaxed(&slot[0]) == before) {
                words[0] = before;
                return true;
            }
        }
        cpu_pause();
    }
    return false;
}

#endif
