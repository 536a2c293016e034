/* SPDX-License-Identifier: MIT
 *
 * connection_tls.h - the TLS client's rules, in one place: verification always, TLS >= 1.2, SNI,
 * host name check.
 */
#ifndef FLATLINE_FEEDS_CONNECTION_TLS_H
#define FLATLINE_FEEDS_CONNECTION_TLS_H

#include "feeds/connection_dial.h"

#include <openssl/ssl.h>
#include <stddef.h>

/** A TLS client on a connected socket, its handshake not begun. Returns NULL when out of memory or
 * the host cannot be a name. */
SSL *dial_tls_open(const struct dial_tls *tls, const char *host, int fd);

/** After a failed handshake step: the certificate's fault if it is one, else TLS's own words.
 * Clears OpenSSL's error queue.
 *  Returns the X509 verify code, 0 if it was something else. */
int dial_tls_error(const SSL *ssl, char *text, size_t text_bytes);

#endif
