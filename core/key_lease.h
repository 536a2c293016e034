/* SPDX-License-Identifier: MIT
 *
 * key_lease.h - the lease of an account's stream. Its silence proves nothing, so it is leased by
 * what can be proven: that the key was extended, and that the socket opened with that key answers.
 * Whichever runs out first ends it.
 *
 * Source: DESIGN section 3; Binance docs, USD-M user data streams: a listenKey lives 60 min from
 * its last extension, and its socket stays open and pinging after it died.
 */
#ifndef FLATLINE_CORE_KEY_LEASE_H
#define FLATLINE_CORE_KEY_LEASE_H

#include "core/base.h"

#include <stdbool.h>
#include <stdint.h>

#define KEY_PROOF_INTERVALS 3U

struct key_lease {
    uint64_t fingerprint; /* of the key last extended; 0 = not told */
    uint64_t
        key_since_ns;     /* when that key was first extended: a socket opened before has another */
    uint64_t extended_ns; /* last success; 0 = never */
    uint64_t proof_ns;    /* last proof of this socket; 0 = none yet */
    uint64_t socket_since_ns; /* 0 = down */
    uint64_t failures;        /* extends that failed since the last success */
    bool is_unproven;         /* no account event on this socket yet */
};

/** A POST or PUT succeeded. Another fingerprint than before: the open socket was opened with a
 *  dead key. */
static inline void key_lease_extended(struct key_lease *key, uint64_t fingerprint, uint64_t at_ns)
{
    if (fingerprint != 0 && fingerprint != key->fingerprint) {
        key->fingerprint = fingerprint;
        key->key_since_ns = at_ns;
    }
    key->extended_ns = at_ns;
    key->failures = 0;
}

static inline void key_lease_socket(struct key_lease *key, uint64_t since_ns)
{
    key->socket_since_ns = since_ns;
    key->proof_ns = 0;
    key->is_unproven = true;
}

/** An account event, or the answer to our own ping, came over the socket. */
static inline void key_lease_proof(struct key_lease *key, uint64_t at_ns, bool is_event)
{
    key->proof_ns = at_ns;
    key->is_unproven = key->is_unproven && !is_event;
}

/** Until when the stream may be trusted by what is proven so far; 0 = not at all. */
static inline uint64_t
key_lease_until(const struct key_lease *key, uint64_t key_life_ns, uint64_t proof_interval_ns)
{
    if (key->extended_ns == 0 || key->proof_ns == 0 || key->socket_since_ns < key->key_since_ns) {
        return 0;
    }
    const uint64_t by_key_ns = key->extended_ns + key_life_ns;
    const uint64_t by_socket_ns = key->proof_ns + KEY_PROOF_INTERVALS * proof_interval_ns;
    return by_key_ns < by_socket_ns ? by_key_ns : by_socket_ns;
}

#endif
