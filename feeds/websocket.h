/* SPDX-License-Identifier: MIT
 *
 * websocket.h - RFC 6455 frames, client side, over bytes already in memory. Knows no socket, no
 * TLS and no clock.
 *
 * Receiving: bytes in, whole messages out, in place. Only a message in several fragments is
 * copied, into a buffer made at creation. Everything a server must not send is refused with the
 * close code RFC 6455 asks for; nothing is repaired. Sending: one frame, masked with a fresh
 * unpredictable key, into the caller's buffer.
 */
#ifndef FLATLINE_FEEDS_WEBSOCKET_H
#define FLATLINE_FEEDS_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_CONTROL_BYTES_MAX 125
#define WEBSOCKET_HEADER_BYTES_MAX  14 /* 2 + 8 of length + 4 of mask */
#define WEBSOCKET_MESSAGE_BYTES_MAX_DEFAULT                                                        \
    (1024U * 1024U) /* facts: venue frames reach > 100 KB; bound >= 1 MiB */

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0x0,
    WEBSOCKET_TEXT = 0x1,
    WEBSOCKET_BINARY = 0x2,
    WEBSOCKET_CLOSE = 0x8,
    WEBSOCKET_PING = 0x9,
    WEBSOCKET_PONG = 0xa,
};

/* Close codes we send, and the one that stands for "the close frame had none". */
enum websocket_close_code {
    WEBSOCKET_CLOSE_NORMAL = 1000,
    WEBSOCKET_CLOSE_GOING_AWAY = 1001,
    WEBSOCKET_CLOSE_PROTOCOL = 1002,
    WEBSOCKET_CLOSE_NO_CODE = 1005,
    WEBSOCKET_CLOSE_BAD_TEXT = 1007,
    WEBSOCKET_CLOSE_TOO_BIG = 1009,
};

/* A whole message: text or binary with its fragments joined, or one control frame. Borrowed until
 * the next call. */
struct websocket_message {
    const uint8_t *bytes;
    size_t size_bytes;
    enum websocket_opcode opcode; /* never CONTINUATION */
    /* CLOSE only: as the peer wrote it, or 1005. bytes is then the reason alone */
    uint16_t close_code;
    bool was_fragmented; /* joined from several frames, and so copied */
};

enum websocket_status {
    WEBSOCKET_MORE,    /* no whole message yet */
    WEBSOCKET_MESSAGE, /* ret_message is written */
    WEBSOCKET_REFUSED, /* websocket_refusal() says why; only write and destroy may follow */
};

struct websocket_refusal {
    uint16_t close_code; /* 1002, 1007 or 1009 */
    const char *text;    /* static, at most 123 bytes: fits a close frame */
};

struct websocket; /* opaque: websocket.c */

/** Makes a frame layer for one connection, with all the memory it will ever use.
 *
 *  message_bytes_max  largest message taken, its fragments joined; >= 125
 *  Returns NULL when out of memory or when the system has no random bytes for the masking keys.
 */
struct websocket *websocket_create(uint32_t message_bytes_max);
void websocket_destroy(struct websocket *websocket);

/** Takes frames from the front of bytes until a message is whole.
 *
 *  bytes, size_bytes  received and not yet taken; must be the same bytes again, with more behind
 *                     them, after WEBSOCKET_MORE
 *  ret_message        written on WEBSOCKET_MESSAGE; its bytes point into `bytes` (one frame) or
 *                     into the reassembly buffer
 *  ret_taken_bytes    always written: how much of bytes is done with once the message has been used
 *
 *  Cost: O(frames); a text payload is checked as UTF-8 once; a payload is copied only where it was
 *  fragmented. Thread-safety: one thread per websocket.
 */
enum websocket_status websocket_next(struct websocket *websocket,
                                     const uint8_t *bytes,
                                     size_t size_bytes,
                                     struct websocket_message *ret_message,
                                     size_t *ret_taken_bytes);

const struct websocket_refusal *websocket_refusal(const struct websocket *websocket);

/** Bytes of fragments held until their message is whole. */
size_t websocket_joined_bytes(const struct websocket *websocket);

/** Writes one unfragmented masked frame.
 *
 *  Returns its length, -ENOBUFS if frame_bytes is too small (payload + WEBSOCKET_HEADER_BYTES_MAX
 *  always suffices), -EINVAL for a control payload over 125 bytes, -EIO if the key generator
 *  failed (nothing may then be sent).
 */
int websocket_write(struct websocket *websocket,
                    enum websocket_opcode opcode,
                    const void *payload,
                    size_t payload_bytes,
                    uint8_t *frame,
                    size_t frame_bytes);

/** May a peer send this code in a close frame? 1000-1003, 1007-1014, 3000-4999 (RFC 6455 7.4 and
 * the IANA registry). */
bool websocket_close_code_is_valid(uint16_t code);

#endif
