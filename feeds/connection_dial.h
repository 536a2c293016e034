/* SPDX-License-Identifier: MIT
 *
 * connection_dial.h - from a URL's parts to a connection: name resolution, TCP, TLS, upgrade. A
 * non-blocking state machine for the control thread: poll dial_fd() for dial_events() until
 * dial_deadline_mono_ns(), then dial_advance().
 *
 * Verification is always on: chain, validity, host name; TLS >= 1.2; SNI always sent. Names are
 * resolved by getaddrinfo in a helper thread of its own per lookup (all signals blocked, abandoned
 * on timeout), so a dead resolver delays nobody else.
 */
#ifndef FLATLINE_FEEDS_CONNECTION_DIAL_H
#define FLATLINE_FEEDS_CONNECTION_DIAL_H

#include "feeds/connection.h"
#include "feeds/connection_resolve.h"

#include <stddef.h>
#include <stdint.h>

struct dial; /* opaque: connection_dial.c */

/* One trust store, shared by any number of dials of one thread; outlives them and their
 * connections. */
struct dial_tls; /* opaque: connection_tls.c */

/** Makes the TLS side: trusts ca_file alone, or the system's store where it is NULL.
 *  Returns 0, or -errno with one line in error_text (no such file, no certificate in it). */
int dial_tls_create(const char *ca_file,
                    struct dial_tls **ret_tls,
                    char *error_text,
                    size_t error_text_bytes);
void dial_tls_destroy(struct dial_tls *tls);

/* Zero in any limit means its default. Strings are copied. */
struct dial_params {
    struct dial_tls *tls;
    const char *host; /* DNS name or numeric: SNI, certificate check, Host: */
    uint16_t port;
    const char *path;    /* path and query of the upgrade request, e.g. "/ws/v5/public" */
    const char *address; /* connect here: "127.0.0.1", "[::1]:9443"; NULL: resolve host */
    /* tried last of several: where a twin is; NULL: none */
    const struct resolve_address *avoid;
    uint32_t message_bytes_max;    /* 1 MiB */
    uint32_t send_bytes_max;       /* 128 KiB of frames waiting for the socket */
    uint32_t socket_receive_bytes; /* SO_RCVBUF, set before connect; default the kernel's */
    uint32_t user_timeout_ms;      /* TCP_USER_TIMEOUT; 10 s */
    uint64_t dns_timeout_ns;       /* each 3 s */
    uint64_t tcp_timeout_ns;       /* per address tried, at most DIAL_ADDRESSES_MAX */
    uint64_t tls_timeout_ns;
    uint64_t upgrade_timeout_ns;
};

#define DIAL_ADDRESSES_MAX 4

enum dial_status {
    DIAL_BUSY,   /* poll again: fd, events and deadline may have changed */
    DIAL_DONE,   /* dial_take() */
    DIAL_FAILED, /* dial_report() */
};

/** Begins. Returns 0 with *ret_dial, -EINVAL a host, path or address that cannot be put in a
 * request, -ENOMEM, -EAGAIN no thread.
 *  Call dial_advance() once
 *  without waiting; whatever goes wrong from here on comes as DIAL_FAILED. */
int dial_start(const struct dial_params *params, uint64_t now_mono_ns, struct dial **ret_dial);

/** Does what can be done without waiting. Cheap when nothing is ready; the TLS steps cost about a
 * millisecond of CPU in all. */
enum dial_status dial_advance(struct dial *dial, uint64_t now_mono_ns);

/** May change at every dial_advance(); -1 once DONE or FAILED. */
int dial_fd(const struct dial *dial);
short dial_events(const struct dial *dial);              /* POLLIN or POLLOUT */
uint64_t dial_deadline_mono_ns(const struct dial *dial); /* 0 once DONE or FAILED */
enum link_phase dial_phase(const struct dial *dial);

/** After DIAL_DONE: where it is connected to. */
const struct resolve_address *dial_address(const struct dial *dial);

/** After DIAL_DONE, once: the connection, now the caller's. No byte behind the upgrade answer is
 * lost. */
struct connection *dial_take(struct dial *dial);

/** After DIAL_FAILED: phase, how, code, Retry-After, text. The code is
 *    LINK_END_HTTP   the HTTP status
 *    LINK_END_ERROR  errno, or a negative EAI_* in phase LINK_DNS
 *    LINK_END_TLS    an X509_V_ERR_*, or 0 where the certificate was not the reason */
const struct link_report *dial_report(const struct dial *dial);

/** Time each finished phase took, ns, by enum link_phase; 0 = not done. */
uint64_t dial_phase_ns(const struct dial *dial, enum link_phase phase);

/** Abandons or frees. NULL is fine. */
void dial_destroy(struct dial *dial);

#endif
