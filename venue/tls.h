/* SPDX-License-Identifier: MIT
 *
 * tls.h - the fake exchange's own certificate authority and server certificate.
 */
#ifndef FLATLINE_VENUE_TLS_H
#define FLATLINE_VENUE_TLS_H

#include <stddef.h>

/** Makes `ca.pem`, `server.pem` and `server.key` (0600) in dir, unless all three are there
 *  already. The certificate speaks for localhost, the loopback addresses and the real venues' host
 *  names; the CA's key is forgotten at once.
 *  Returns 0; -errno of the file, -EPROTO when OpenSSL refuses; why: a line for people. */
int tls_prepare(const char *dir, char *why, size_t why_bytes);

#endif
