/* SPDX-License-Identifier: MIT
 *
 * socket_words.h - who a slot's socket is, told by control to the socket watch. Nothing waits and
 * nothing is locked: every word is relaxed, and a reader who mixes two lives of a slot asks the kernel
 * for a socket that does not exist, because the cookie belongs to one alone.
 */
#ifndef FLATLINE_SENTINEL_SOCKET_WORDS_H
#define FLATLINE_SENTINEL_SOCKET_WORDS_H

#include "core/atomic.h"
#include "sentinel/socket_diag.h"

struct socket_words {
    uint64_t cookie; /* 0: no socket */
    uint64_t family_and_ports;
    uint64_t local[2];
    uint64_t remote[2];
};

static inline uint64_t socket_half(const uint32_t words[2])
{
    return (uint64_t)words[1] << 32 | words[0];
}

/** Control, with a finished connection in hand. */
static inline void socket_words_tell(struct socket_words *words, const struct socket_id *id)
{
    store_relaxed(&words->family_and_ports,
                  (uint64_t)id->family << 32 | (uint64_t)id->local_port << 16 | id->remote_port);
    store_relaxed(&words->local[0], socket_half(&id->local[0]));
    store_relaxed(&words->local[1], socket_half(&id->local[2]));
    store_relaxed(&words->remote[0], socket_half(&id->remote[0]));
    store_relaxed(&words->remote[1], socket_half(&id->remote[2]));
    store_relaxed(&words->cookie, id->cookie);
}

/** Control, when it has ended. */
static inline void socket_words_clear(struct socket_words *words)
{
    store_relaxed(&words->cookie, 0);
}

static inline void socket_split(uint32_t words[2], uint64_t half)
{
    words[0] = (uint32_t)half;
    words[1] = (uint32_t)(half >> 32);
}

/** The socket watch. false: the slot has none. */
static inline bool socket_words_read(const struct socket_words *words, struct socket_id *ret_id)
{
    const uint64_t ports = load_relaxed(&words->family_and_ports);
    *ret_id = (struct socket_id){.family = (uint32_t)(ports >> 32),
                                 .local_port = (uint16_t)(ports >> 16),
                                 .remote_port = (uint16_t)ports,
                                 .cookie = load_relaxed(&words->cookie)};
    socket_split(&ret_id->local[0], load_relaxed(&words->local[0]));
    socket_split(&ret_id->local[2], load_relaxed(&words->local[1]));
    socket_split(&ret_id->remote[0], load_relaxed(&words->remote[0]));
    socket_split(&ret_id->remote[2], load_relaxed(&words->remote[1]));
    return ret_id->cookie != 0;
}

#endif
