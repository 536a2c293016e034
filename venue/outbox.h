/* SPDX-License-Identifier: MIT
 *
 * outbox.h - what waits to be sent on one connection: shared messages in order, bounded in bytes.
 */
#ifndef FLATLINE_VENUE_OUTBOX_H
#define FLATLINE_VENUE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_BYTES_MAX   ((size_t)16 << 20)
#define MESSAGE_HEAD_BYTES 32 /* room in front for the frame's header */

/* Bytes that may be on their way to many connections at once. */
struct message {
    unsigned references;
    size_t size_bytes;
    char storage[]; /* MESSAGE_HEAD_BYTES, then the bytes, then NUL */
};

enum send_as {
    SEND_TEXT,
    SEND_PING,
    SEND_RAW, /* as they are, past the framing: for hostile bytes */
};

struct parcel {
    struct message *message;
    enum send_as as;
    struct parcel *next;
};

/* Zero-initialised: empty. */
struct outbox {
    struct parcel *first;
    struct parcel *last;
    size_t count;
    size_t size_bytes;
};

/** A message holding a copy, with one reference. */
struct message *message_create(const char *bytes, size_t size_bytes);
struct message *message_hold(struct message *message);
void message_release(struct message *message);

static inline char *message_bytes(struct message *message)
{
    return message->storage + MESSAGE_HEAD_BYTES;
}

/** Appends, taking a reference. false: the bound would be broken; nothing was appended. */
bool outbox_push(struct outbox *outbox, struct message *message, enum send_as as);

/** Takes the first parcel out, with its reference; NULL message when empty. */
struct parcel outbox_pop(struct outbox *outbox);
void outbox_clear(struct outbox *outbox);

#endif
