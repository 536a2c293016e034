/* SPDX-License-Identifier: MIT */
#include "venue/outbox.h"

#include "core/base.h"
#include "venue/text.h"

#include <string.h>

struct message *message_create(const char *bytes, size_t size_bytes)
{
    struct message *message = allocate(sizeof(*message) + MESSAGE_HEAD_BYTES + size_bytes + 1);
    message->references = 1;
    message->size_bytes = size_bytes;
    if (size_bytes > 0) {
        memcpy(message_bytes(message), bytes, size_bytes);
    }
    return message;
}

struct message *message_hold(struct message *message)
{
    message->references++;
    return message;
}

void message_release(struct message *message)
{
    if (message == NULL) {
        return;
    }
    flatline_assert(message->references > 0);
    if (--message->references == 0) {
        free(message);
    }
}

bool outbox_push(struct outbox *outbox, struct message *message, enum send_as as)
{
    if (outbox->size_bytes + message->size_bytes > OUTBOX_BYTES_MAX) {
        return false;
    }
    struct parcel *parcel = allocate(sizeof(*parcel));
    parcel->message = message_hold(message);
    parcel->as = as;
    if (outbox->last == NULL) {
        outbox->first = parcel;
    } else {
        outbox->last->next = parcel;
    }
    outbox->last = parcel;
    outbox->count++;
    outbox->size_bytes += message->size_bytes;
    return true;
}

struct parcel outbox_pop(struct outbox *outbox)
{
    struct parcel taken = {0};
    struct parcel *first = outbox->first;
    if (first == NULL) {
        return taken;
    }
    taken = *first;
    taken.next = NULL;
    outbox->first = first->next;
    outbox->last = outbox->first == NULL ? NULL : outbox->last;
    outbox->count--;
    outbox->size_bytes -= taken.message->size_bytes;
    free(first);
    return taken;
}

void outbox_clear(struct outbox *outbox)
{
    while (outbox->first != NULL) {
        message_release(outbox_pop(outbox).message);
    }
}
