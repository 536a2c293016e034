/* SPDX-License-Identifier: MIT
 *
 * takeover.h - the successor's side of a takeover: asks the running sentinel, waits until its own
 * gates are as fresh, takes lock, advice and name over. The other side is control_takeover.c; the
 * steps are told in docs/SHARED-MEMORY.md and docs/decisions/0013.
 *
 * On one connection to the running sentinel's control socket, a line each:
 *
 *     {"do":"takeover","step":"begin","protocol":1,"device":D,"inode":I,"dials":[...]}
 *     {"do":"takeover","step":"lock"}    answered with two descriptors: the lock, the advice
 *     {"do":"takeover","step":"done"}
 */
#ifndef FLATLINE_SENTINEL_TAKEOVER_H
#define FLATLINE_SENTINEL_TAKEOVER_H

#include "core/publisher.h"
#include "sentinel/config.h"
#include "sentinel/plan.h"

#include <stddef.h>
#include <stdint.h>

#define TAKEOVER_PROTOCOL      1
#define TAKEOVER_BOOT          "this" /* of the passed advice: both sides live in the same */
#define TAKEOVER_WITHIN_MAX_NS (600ULL * 1000000000ULL) /* longest warm-up */

struct takeover; /* opaque: takeover.c */
struct control;

/* What the running sentinel says of itself. */
struct takeover_terms {
    uint64_t pid;
    uint64_t epoch;
    uint32_t spent[CONFIG_VENUES];   /* connection attempts of the last five minutes, by venue */
    uint64_t held_ns[CONFIG_VENUES]; /* what is left of a Retry-After */
};

/** Asks the sentinel that runs under the configuration's segment. Returns 0; -ESRCH none runs there;
 *  -EBUSY another successor is at it; -EPERM we may not; -ESTALE its socket is another sentinel's;
 *  -EPROTO it does not understand; other -errno; with a sentence in error_text. Cost: waits up to 5 s
 *  for an answer. */
int takeover_begin(const struct config *config,
                   const struct plan *plan,
                   struct takeover **ret_takeover,
                   char *error_text,
                   size_t error_text_bytes);

const struct takeover_terms *takeover_terms(const struct takeover *takeover);

/** Who takes over, once it is made, and how long it may warm up. */
void takeover_arm(struct takeover *takeover,
                  struct publisher *publisher,
                  struct control *control,
                  uint64_t within_ns);

/** One step. Returns 1: not yet; 0: we have taken over; or -errno with a sentence: the running one
 *  goes on, untouched. Cost: a look at every gate; once it is warm, up to some seconds. */
int takeover_step(struct takeover *takeover, char *error_text, size_t error_text_bytes);

/** Hangs up; so the other side takes back what is not finished. NULL is accepted. */
void takeover_end(struct takeover *takeover);

#endif
