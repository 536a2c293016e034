/* SPDX-License-Identifier: MIT
 *
 * connection_socket.h - the BIO between OpenSSL and a non-blocking socket. OpenSSL's own would
 * raise SIGPIPE (it calls write) and forget what the kernel said; this one uses MSG_NOSIGNAL and
 * keeps it: empty, FIN, errno of either direction.
 */
#ifndef FLATLINE_FEEDS_CONNECTION_SOCKET_H
#define FLATLINE_FEEDS_CONNECTION_SOCKET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct connection_socket {
    int fd;
    int read_errno;          /* why reading ended; 0 = it has not, or by FIN */
    int write_errno;         /* why writing ended; not shown to OpenSSL, so that it still reads */
    bool said_empty;         /* the last recv found nothing: EAGAIN */
    bool said_fin;           /* the peer's FIN came */
    uint64_t wire_bytes;     /* received, encrypted */
    uint64_t (*clock)(void); /* asked right after each recv that brought bytes; NULL: not asked */
    uint64_t recv_mono_ns;   /* what it said last */
};

/** One BIO method, to be freed by BIO_meth_free() after the last SSL that uses it. NULL: out of
 * memory. */
BIO_METHOD *connection_socket_method(void);

/** Puts a socket under an SSL, both directions. The fd is closed by connection_socket_close()
 * only. Returns 0 or -ENOMEM. */
int connection_socket_attach(SSL *ssl, const BIO_METHOD *method, int fd);

/** The state behind an SSL that was attached; lives as long as the SSL. */
struct connection_socket *connection_socket_of(const SSL *ssl);

void connection_socket_close(const SSL *ssl);

#endif
