/* SPDX-License-Identifier: MIT
 *
 * websocket_upgrade.h - the HTTP/1.1 exchange that opens a WebSocket, as text. Pure but for the
 * request's random key.
 */
#ifndef FLATLINE_FEEDS_WEBSOCKET_UPGRADE_H
#define FLATLINE_FEEDS_WEBSOCKET_UPGRADE_H

#include <stddef.h>
#include <stdint.h>

#define UPGRADE_ANSWER_BYTES_MAX  (16U * 1024U)
#define UPGRADE_REQUEST_BYTES_MAX (8U * 1024U)
#define UPGRADE_KEY_BYTES         25 /* base64 of 16 bytes, NUL */
#define UPGRADE_ACCEPT_BYTES      29 /* base64 of a SHA-1, NUL */
#define UPGRADE_TEXT_BYTES        128

/** Writes a fresh random key. Returns 0 or -EIO: no random bytes. */
int upgrade_key(char key[UPGRADE_KEY_BYTES]);

/** The accept value RFC 6455 4.2.2 demands for a key. Returns 0 or -EIO. */
int upgrade_accept(const char *key, char accept[UPGRADE_ACCEPT_BYTES]);

/** Writes the request. Offers no extension and no subprotocol.
 *  Returns its length; -EINVAL host or path hold what cannot stand in a request line; -ENOBUFS. */
int upgrade_request(const char *host,
                    uint16_t port,
                    const char *path,
                    const char *key,
                    char *request,
                    size_t request_bytes);

enum upgrade_status {
    UPGRADE_MORE,     /* no whole header yet, and still room for one */
    UPGRADE_ACCEPTED, /* 101 and all it must say; header_bytes is where the first frame begins */
    UPGRADE_HTTP,     /* a well-formed answer other than 101: http_status, retry_after_ns */
    UPGRADE_REFUSED,  /* not an answer we accept: text says why */
};

struct upgrade_answer {
    int http_status;
    size_t header_bytes;
    uint64_t retry_after_ns;       /* Retry-After in seconds; 0 = none, or a date */
    char text[UPGRADE_TEXT_BYTES]; /* the status line's words, or what was wrong */
};

/** Looks at all bytes of the answer received so far. Call again with more after UPGRADE_MORE.
 *
 *  Strict: CRLF line ends, no folded lines, `Upgrade: websocket`, `Connection: Upgrade`, the right
 *  accept value exactly once, no Sec-WebSocket-Extensions, no Sec-WebSocket-Protocol (none was
 *  offered), at most UPGRADE_ANSWER_BYTES_MAX.
 */
enum upgrade_status upgrade_parse(const char *bytes,
                                  size_t size_bytes,
                                  const char *accept,
                                  struct upgrade_answer *ret_answer);

#endif
