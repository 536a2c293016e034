/* SPDX-License-Identifier: MIT */
#include "sentinel/ingest_slot.h"

#include "core/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char TEXT_PING[] =
    "ping"; /* OKX docs, overview-websocket-connect: four bytes, no JSON */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct event
event_of(const struct ingest_slot *slot, enum event_kind kind, uint64_t recv_mono_ns)
{
    return (struct event){.recv_mono_ns = recv_mono_ns,
                          .stream = EVENT_NO_STREAM,
                          .connection = slot->index,
                          .kind = (uint8_t)kind};
}

/* What was taken is recorded, where anything is. Cost: a compare, or a copy. */
static void record_take(struct ingest_slot *slot, struct record record, const void *bytes)
{
    if (LIKELY(slot->record == NULL)) {
        return;
    }
    record.slot = slot->index;
    record.after_loss = slot->unrecorded;
    slot->unrecorded = !record_push(slot->record, &record, bytes);
    count_relaxed(&slot->totals->record_dropped, slot->unrecorded ? 1 : 0);
}

void slot_adopt(struct ingest_slot *slot,
                struct connection *connection,
                uint64_t epoch,
                uint64_t now_mono_ns)
{
    flatline_assert(slot->connection == NULL && !slot->ended);
    slot->connection = connection;
    slot->epoch = epoch;
    slot->up_mono_ns = now_mono_ns;
    slot->must_read = true; /* bytes may have come behind the upgrade answer */
    slot->drained = false;
    slot->announced = false;
    slot->retiring = false;
    slot->requests_sent = 0;
    slot->acks_seen = 0;
    slot->inventory_sent = slot->line->inventory == NULL;
    slot->request_due_ns = slot->line->request_count > 0 ? now_mono_ns : SLOT_NEVER;
    /* The first ping soon: it is the first proof of a private socket, and the first round trip
     * of any other. */
    slot->ping_due_ns = slot->line->user_data ? now_mono_ns : now_mono_ns + SLOT_FIRST_PING_NS;
    slot->pong_due_ns = SLOT_NEVER;
    /* facts: whether OKX answers RFC 6455 pings is unconfirmed; its text ping is what condemns
     * it */
    slot->pongs_proven = slot->text_ping_idle_ns == 0;
    slot->last_recv_mono_ns = now_mono_ns;
    slot->text_ping_due_ns =
        slot->text_ping_idle_ns > 0 ? now_mono_ns + slot->text_ping_idle_ns : SLOT_NEVER;
    slot->text_pong_due_ns = SLOT_NEVER;
    slot->close_due_ns = SLOT_NEVER;
    slot->due_mono_ns = now_mono_ns;
    store_relaxed(&slot->words->epoch_data, 0);
    store_relaxed(&slot->words->epoch_acks, 0);
    store_relaxed(&slot->words->up_since_mono_ns, now_mono_ns);
    store_relaxed(&slot->words->open, 1);
}

bool slot_announce(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    if (slot->announced) {
        return true;
    }
    struct event up = event_of(slot, EVENT_CONNECTION_UP, now_mono_ns);
    up.link = (struct event_link){
        .code = (int32_t)slot->line->ack_count, .phase = LINK_OPEN, .epoch = (uint16_t)slot->epoch};
    slot->announced = ring_push(slot->to_judge, &up);
    if (slot->announced) {
        record_take(
            slot,
            (struct record){.kind = RECORD_OPEN, .code = up.link.code, .recv_mono_ns = now_mono_ns},
            NULL);
    }
    return slot->announced;
}

bool slot_report_end(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    if (!slot_announce(slot, now_mono_ns)) {
        return false;
    }
    const struct link_report *report = connection_report(slot->connection);
    struct event down = event_of(slot, EVENT_CONNECTION_DOWN, now_mono_ns);
    down.link = (struct event_link){.code = report->code,
                                    .how = (uint8_t)(slot->retiring ? LINK_END_LOCAL : report->how),
                                    .phase = (uint8_t)report->phase,
                                    .epoch = (uint16_t)slot->epoch,
                                    .value = now_mono_ns - slot->up_mono_ns};
    memcpy(down.link.text, report->text, strnlen(report->text, sizeof(down.link.text) - 1));
    if (!ring_push(slot->to_judge, &down)) {
        return false;
    }
    record_take(slot,
                (struct record){.kind = RECORD_CLOSE,
                                .how = down.link.how,
                                .code = down.link.code,
                                .size_bytes = (uint32_t)strnlen(report->text, LINK_TEXT_BYTES),
                                .recv_mono_ns = now_mono_ns},
                report->text);
    return true;
}

/* What control acts on. It may be busy: a lost copy costs an early rotation, or a key check by
 * the next PUT, or a look at the status page ten seconds sooner. */
static void control_copy(struct ingest_slot *slot, const struct event *event)
{
    const bool wanted = event->kind == EVENT_NOTICE || event->kind == EVENT_KEY_EXPIRED ||
                        event->kind == EVENT_SUBSCRIBE_ERROR || event->kind == EVENT_VENUE_STATUS;
    if (wanted && !ring_push(slot->to_control, event)) {
        count_relaxed(&slot->totals->notices_dropped, 1);
    }
}

/* A text or binary message. Counted only once it is taken: a refused one is offered again. */
static bool
frame_take(struct ingest_slot *slot, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    struct event event = event_of(slot, EVENT_NONE, recv_mono_ns);
    const struct span frame = {(const char *)message->bytes, message->size_bytes};
    const enum codec_verdict verdict = codec_decode(&slot->codec, frame, &event);
    const bool judged =
        verdict == CODEC_DATA || (verdict == CODEC_CONTROL && event.kind != EVENT_CONTROL);
    if (judged && !ring_push(slot->to_judge, &event)) {
        return false;
    }
    struct slot_words *words = slot->words;
    count_relaxed(&words->frames, 1);
    count_relaxed(&words->bytes, message->size_bytes);
    switch (verdict) {
    case CODEC_DATA:
        count_relaxed(&words->data, 1);
        count_relaxed(&words->epoch_data, 1);
        break;
    case CODEC_CONTROL:
        count_relaxed(&words->control, 1);
        control_copy(slot, &event);
        slot->acks_seen += event.kind == EVENT_ACK ? 1U : 0U;
        store_relaxed(&words->epoch_acks, slot->acks_seen);
        break;
    case CODEC_IGNORED:
        count_relaxed(&words->ignored, 1);
        break;
    case CODEC_MALFORMED:
        count_relaxed(&words->malformed, 1);
        break;
    }
    return true;
}

static bool
pong_take(struct ingest_slot *slot, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    const uint64_t stamp = connection_pong_stamp(message);
    if (stamp == 0 || stamp > recv_mono_ns) {
        return true; /* unsolicited: legal, proves nothing of ours */
    }
    struct event pong = event_of(slot, EVENT_PONG, recv_mono_ns);
    pong.note = (struct event_note){.value = recv_mono_ns - stamp};
    if (!ring_push(slot->to_judge, &pong)) {
        return false;
    }
    slot->pong_due_ns = SLOT_NEVER;
    slot->pongs_proven = true;
    count_relaxed(&slot->words->pongs, 1);
    store_relaxed(&slot->words->last_rtt_ns, recv_mono_ns - stamp);
    record_take(slot,
                (struct record){.kind = RECORD_PONG,
                                .recv_mono_ns = recv_mono_ns,
                                .value = recv_mono_ns - stamp},
                NULL);
    return true;
}

bool slot_on_message(void *user, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    struct ingest_slot *slot = user;
    bool taken = true;
    if (message->opcode == WEBSOCKET_PONG) {
        taken = pong_take(slot, message, recv_mono_ns);
    } else if (message->opcode == WEBSOCKET_PING) {
        const struct event ping = event_of(slot, EVENT_PING, recv_mono_ns);
        taken = ring_push(slot->to_judge, &ping);
        count_relaxed(&slot->words->pings, taken ? 1 : 0);
        if (taken) {
            record_take(
                slot, (struct record){.kind = RECORD_PING, .recv_mono_ns = recv_mono_ns}, NULL);
        }
    } else {
        taken = frame_take(slot, message, recv_mono_ns);
        if (taken) {
            record_take(slot,
                        (struct record){.kind = RECORD_FRAME,
                                        .size_bytes = (uint32_t)message->size_bytes,
                                        .recv_mono_ns = recv_mono_ns},
                        message->bytes);
        }
    }
    if (taken && slot->text_ping_idle_ns > 0) {
        /* OKX: any message resets its timer and ours */
        slot->last_recv_mono_ns = recv_mono_ns;
        slot->text_pong_due_ns = SLOT_NEVER;
    }
    return taken;
}

/* Subscribe requests, one a spacing; then, all acknowledged or long enough waited, what does
 * the venue think we have? */
static int requests_send(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    const struct plan_line *line = slot->line;
    if (slot->requests_sent < line->request_count) {
        const char *text = line->requests[slot->requests_sent];
        const int result = connection_send_text(slot->connection, text, strlen(text));
        slot->requests_sent += result == 0 ? 1U : 0U;
        slot->request_due_ns = now_mono_ns + slot->request_spacing_ns;
        if (slot->requests_sent == line->request_count && slot->inventory_sent) {
            slot->request_due_ns = SLOT_NEVER;
        }
        return result;
    }
    const bool waited = now_mono_ns - slot->up_mono_ns >
                        SLOT_ACK_WAIT_NS + slot->request_spacing_ns * line->request_count;
    if (slot->acks_seen < line->ack_count && !waited) {
        slot->request_due_ns = now_mono_ns + slot->request_spacing_ns;
        return 0;
    }
    slot->inventory_sent = true;
    slot->request_due_ns = SLOT_NEVER;
    return connection_send_text(slot->connection, line->inventory, strlen(line->inventory));
}

static int pings_send(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    int result = 0;
    if (now_mono_ns >= slot->ping_due_ns) {
        result = connection_send_ping(slot->connection, now_mono_ns);
        slot->ping_due_ns = now_mono_ns + slot->ping_interval_ns;
        if (result == 0 && slot->pongs_proven && slot->pong_due_ns == SLOT_NEVER) {
            slot->pong_due_ns = now_mono_ns + SLOT_PONG_WAIT_NS;
        }
    }
    if (result == 0 && slot->text_ping_idle_ns > 0) {
        slot->text_ping_due_ns = slot->last_recv_mono_ns + slot->text_ping_idle_ns;
        if (now_mono_ns >= slot->text_ping_due_ns && slot->text_pong_due_ns == SLOT_NEVER) {
            result = connection_send_text(slot->connection, TEXT_PING, sizeof(TEXT_PING) - 1);
            slot->text_pong_due_ns = now_mono_ns + SLOT_PONG_WAIT_NS;
        }
        if (slot->text_pong_due_ns != SLOT_NEVER) {
            slot->text_ping_due_ns = SLOT_NEVER; /* one at a time */
        }
    }
    return result;
}

static const char *overdue(const struct ingest_slot *slot, uint64_t now_mono_ns)
{
    if (now_mono_ns >= slot->pong_due_ns) {
        return "no pong to our ping";
    }
    return now_mono_ns >= slot->text_pong_due_ns ? "no answer to our text ping" : NULL;
}

bool slot_speak(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    const char *missing = overdue(slot, now_mono_ns);
    if (now_mono_ns >= slot->close_due_ns) {
        connection_end(slot->connection, LINK_END_LOCAL, 0, "closed by us");
        return false;
    }
    if (missing != NULL) {
        connection_end(slot->connection, LINK_END_TIMEOUT, 0, missing);
        return false;
    }
    int result = 0;
    if (slot->close_due_ns == SLOT_NEVER) {
        if (now_mono_ns >= slot->request_due_ns) {
            result = requests_send(slot, now_mono_ns);
        }
        if (result == 0) {
            result = pings_send(slot, now_mono_ns);
        }
    }
    if (result == -ENOBUFS) {
        count_relaxed(&slot->totals->unsent, 1); /* tried again at the next spacing or ping */
    }
    slot->due_mono_ns = earlier(earlier(slot->request_due_ns, slot->ping_due_ns),
                                earlier(slot->text_ping_due_ns, slot->text_pong_due_ns));
    slot->due_mono_ns = earlier(slot->due_mono_ns, earlier(slot->pong_due_ns, slot->close_due_ns));
    return result != -EPIPE;
}

void slot_forgive(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    uint64_t *const owed[] = {&slot->pong_due_ns, &slot->text_pong_due_ns};
    for (size_t i = 0; i < ARRAY_COUNT(owed); i++) {
        if (*owed[i] != SLOT_NEVER) {
            *owed[i] = now_mono_ns + SLOT_PONG_WAIT_NS;
        }
    }
}

void slot_close(struct ingest_slot *slot, uint64_t now_mono_ns)
{
    if (slot->connection == NULL || slot->ended || slot->close_due_ns != SLOT_NEVER) {
        return;
    }
    (void)connection_send_close(slot->connection, WEBSOCKET_CLOSE_NORMAL, NULL);
    slot->close_due_ns = now_mono_ns + SLOT_CLOSE_WAIT_NS;
    slot->due_mono_ns = slot->close_due_ns;
}
