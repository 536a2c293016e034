/* SPDX-License-Identifier: MIT
 *
 * tls_peer.h - the other end for the transport's tests: a TLS server over memory BIOs, so that a
 * test decides which encrypted byte reaches the socket when, and a TCP connection over loopback,
 * so that FIN and RST are the kernel's own.
 */
#ifndef FLATLINE_TESTS_TLS_PEER_H
#define FLATLINE_TESTS_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_NAME "venue.test"

/* A self-signed certificate for PEER_NAME and 127.0.0.1, made at run time; its own CA. */
struct peer_identity {
    SSL_CTX *context;
    char ca_path[64];
};

void peer_identity_open(struct peer_identity *identity);
void peer_identity_close(struct peer_identity *identity);

struct peer {
    SSL *ssl;
    int fd;
};

/** Listens on 127.0.0.1, any port. */
int peer_listen(uint16_t *ret_port);

/** Takes the waiting connection and begins TLS. */
void peer_accept(struct peer *peer, const struct peer_identity *identity, int listen_fd);

/** Moves what can be moved in both directions; finishes the handshake on the way. */
void peer_pump(struct peer *peer);

/** Encrypts as one write and sends it all. */
void peer_send(struct peer *peer, const void *bytes, size_t size_bytes);

/** Encrypts and takes the wire bytes out instead of sending them; returns how many.
 *  peer_send_raw() sends such. */
size_t peer_encrypt(
    struct peer *peer, const void *bytes, size_t size_bytes, uint8_t *wire, size_t wire_bytes);
void peer_send_raw(const struct peer *peer, const void *wire, size_t wire_bytes);

/** Decrypted bytes received, up to size_bytes; 0 = none now. */
size_t peer_receive(struct peer *peer, void *bytes, size_t size_bytes);

/** Unmasks one client frame of bytes. Returns its length in all, 0 if there is no whole one. */
size_t peer_unmask(uint8_t *bytes,
                   size_t size_bytes,
                   unsigned *ret_opcode,
                   uint8_t **ret_payload,
                   size_t *ret_payload_bytes);

void peer_fin(struct peer *peer);   /* FIN, nothing said in TLS */
void peer_reset(struct peer *peer); /* RST */
void peer_close(struct peer *peer);

#endif
