/* SPDX-License-Identifier: MIT
 *
 * connection_resolve.h - names to addresses without waiting: getaddrinfo in a thread of its own
 * per lookup.
 *
 * getaddrinfo_a would need a signal or its own callback thread and cannot be polled; a lookup that
 * hangs must not delay another venue's. So: one short-lived detached thread per lookup, all
 * signals blocked, an eventfd when done, and a lookup nobody waits for any more frees itself.
 * There are never more of them than dials.
 */
#ifndef FLATLINE_FEEDS_CONNECTION_RESOLVE_H
#define FLATLINE_FEEDS_CONNECTION_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_ADDRESSES_MAX 4

struct resolve_address {
    struct sockaddr_storage storage;
    socklen_t size_bytes;
};

struct resolve_result {
    int gai_error; /* 0 or EAI_* */
    int gai_errno; /* errno where gai_error is EAI_SYSTEM */
    uint32_t count;
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
};

/** Moves an address (its port apart) behind all others, so that it is tried last; the order of the
 *  others stays. One that is not there changes nothing. */
void resolve_put_last(struct resolve_result *result, const struct resolve_address *address);

struct resolve; /* opaque: connection_resolve.c */

/** Looks a numeric address up at once: no thread, no query. false: it is not numeric. */
bool resolve_numeric(const char *host, uint16_t port, struct resolve_result *ret_result);

/** Begins a lookup. Returns 0, -ENOMEM, -EMFILE (no descriptor) or -EAGAIN (no thread). */
int resolve_start(const char *host, uint16_t port, struct resolve **ret_resolve);

/** Readable when done. */
int resolve_fd(const struct resolve *resolve);

/** true and the result, once it is there. */
bool resolve_poll(struct resolve *resolve, struct resolve_result *ret_result);

/** Frees, or leaves the thread to. NULL is fine. */
void resolve_abandon(struct resolve *resolve);

#endif
