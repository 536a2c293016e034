/* SPDX-License-Identifier: MIT
 *
 * detector_socket.c - what the kernel says of connections. Of an engine's: bytes that wait unread
 * (ENGINE_BEHIND), silence while the witness is told (ENGINE_MUTE). Of our own: bytes nobody
 * acknowledges (HALF_OPEN), bytes that we leave unread (BACKLOG). Every verdict is passed on what one
 * look has seen; time in which nobody looked counts for nothing. Rules: docs/DETECTOR.md.
 */
#include "core/detector_calls.h"
#include "core/unread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than this between two looks is data. A server's ping is 37 bytes with its TLS record (facts:
 * a time in 13 digits), a text "pong" 28; the smallest data frame is above 100. */
#define HEARTBEAT_BYTES 64U
#define FLOWING_LOOKS   20U /* with data in them, before a connection is judged at all */
/* How quiet it is by nature is known after so many looks with data, and so long. */
#define LEARNT_LOOKS       100U
#define LEARNT_NS          (10 * NS_PER_S)
#define QUIET_KEPT_NS      (60 * NS_PER_S) /* each of two spans of which the quietest is kept */
#define MUTE_TIMES         3U              /* as quiet as it ever was */
#define MUTE_LEAST_NS      (500 * NS_PER_MS)
#define MUTE_LEAST_FRAMES  20U
#define UNMUTE_LOOKS       3U /* with data, and it hears again */
#define WAIT_KEPT_NS       (3 * NS_PER_S)
#define OWN_UNREAD_NS      (100 * NS_PER_MS) /* of ours, unread though we looked: BACKLOG */
#define HALF_OPEN_LEAST_NS (200 * NS_PER_MS) /* seen by ourselves, not told in one look */
#define HALF_OPEN_TIMEOUTS 2U /* in a row: the first is due 200 ms after the segment, or later */
#define NS_PER_MS_OF(ms)   ((uint64_t)(ms)*NS_PER_MS)

/* How quiet a connection has been between two looks with data: in time, and in what the witness was
 * told meanwhile. A quiet market makes both quiet. */
struct quiet {
    uint64_t ns;
    uint64_t frames;
};

struct engine_socket {
    bool known;
    uint16_t engine;
    uint32_t venue;
    uint64_t looked_ns;
    uint64_t received;
    uint64_t first_heard_ns;
    uint64_t heard_ns;     /* the last look that saw data */
    uint64_t heard_frames; /* of the witness, by then */
    uint32_t heard_looks;
    uint32_t heard_in_row; /* while it is mute */
    uint64_t kept_from_ns;
    struct quiet quiet[2]; /* of this span and the one before */
    struct unread unread;
    struct fault behind;
    struct fault mute;
    char name[EVENT_FOUND_NAME_BYTES];
};

struct own_socket {
    uint64_t looked_ns;
    uint64_t received;
    uint64_t unacked_since_ns; /* 0: all is acknowledged */
    uint64_t received_then;    /* when the oldest of it was first seen */
    uint64_t waited_ns;        /* the longest that a byte was seen to wait of late, and ... */
    uint64_t waited_at_ns;     /* ... when */
    struct unread unread;
    /* ingest's counts when nothing was unread last */
    uint32_t passes;
    uint32_t blocked;
    uint32_t budget_hits;
};

/* The witness at one venue. */
struct venue_news {
    uint64_t frames;
    uint64_t grew_ns; /* the last look that saw more of them */
};

struct sockets {
    uint32_t count;
    uint32_t own_count;
    struct engine_socket *engines;
    struct own_socket *own; /* by connection */
    struct venue_news news[DETECTOR_VENUES];
};

struct sockets *sockets_create(uint32_t sockets_max, uint32_t connections_max)
{
    struct sockets *sockets = calloc(1, sizeof(*sockets));
    if (sockets == NULL) {
        return NULL;
    }
    sockets->count = sockets_max;
    sockets->own_count = connections_max;
    sockets->engines = calloc(sockets_max, sizeof(*sockets->engines));
    sockets->own = calloc(connections_max + 1U, sizeof(*sockets->own));
    if (sockets->engines == NULL || sockets->own == NULL) {
        sockets_destroy(sockets);
        return NULL;
    }
    return sockets;
}

void sockets_destroy(struct sockets *sockets)
{
    if (sockets != NULL) {
        free(sockets->engines);
        free(sockets->own);
        free(sockets);
    }
}

static uint64_t greater_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Time since the last look that does not count: longer than a stall of ours may be, and who knows who
 * else stood still. */
static uint64_t away_ns(const struct detector *detector, uint64_t looked_ns, uint64_t at_ns)
{
    const uint64_t gap_ns = looked_ns != 0 && at_ns > looked_ns ? at_ns - looked_ns : 0;
    return gap_ns > detector->policy.self_stall_after_ns ? gap_ns : 0;
}

/* ---- an engine's: unread --------------------------------------------------------------------- */

static struct fault socket_fault(const struct detector *detector,
                                 const struct engine_socket *socket,
                                 enum flatline_fault_kind kind,
                                 uint64_t at_ns)
{
    struct fault fault = {.kind = (uint8_t)kind,
                          .scope = FLATLINE_SCOPE_ENGINE,
                          .blame = FLATLINE_SCOPE_ENGINE,
                          .confidence = 100,
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION,
                          .onset_ns = at_ns,
                          .at_ns = at_ns};
    const char *engine = engine_name(detector, socket->engine);
    (void)snprintf(fault.text, sizeof(fault.text), "%.31s%.31s", engine, socket->name);
    return fault;
}

static void behind_judge(struct detector *detector,
                         struct engine_socket *socket,
                         const struct event_socket *seen,
                         uint64_t at_ns)
{
    const uint64_t limit_ns = detector->policy.unread_after_ns;
    const uint64_t since_ns = unread_since_ns(&socket->unread);
    const uint64_t waits_ns = since_ns != 0 && at_ns > since_ns ? at_ns - since_ns : 0;
    if (waits_ns < limit_ns / 2) {
        fault_clear(detector, &socket->behind, at_ns);
    }
    if (waits_ns < limit_ns || socket->behind.id != 0 || socket->heard_looks < FLOWING_LOOKS) {
        return;
    }
    struct fault fault = socket_fault(detector, socket, FLATLINE_FAULT_ENGINE_BEHIND, at_ns);
    fault.onset_ns = since_ns;
    fault.evidence[4] = limit_ns;
    fault.evidence[5] = seen->receive_queue_bytes;
    fault_raise(detector, &socket->behind, &fault);
}

/* ---- an engine's: silent --------------------------------------------------------------------- */

/* What the witness was told of a venue by this look. */
static const struct venue_news *news_look(struct detector *detector, uint32_t venue, uint64_t at_ns)
{
    struct venue_news *news = &detector->sockets->news[venue];
    uint64_t frames = 0;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *carrier = &detector->carriers[i];
        frames += (uint32_t)carrier->venue == venue ? carrier->data_frames : 0;
    }
    if (frames != news->frames) {
        *news = (struct venue_news){.frames = frames, .grew_ns = at_ns};
    }
    return news;
}

static void quiet_learn(struct engine_socket *socket, struct quiet now, uint64_t at_ns)
{
    if (at_ns - socket->kept_from_ns > QUIET_KEPT_NS) {
        socket->quiet[1] = socket->quiet[0];
        socket->quiet[0] = (struct quiet){0};
        socket->kept_from_ns = at_ns;
    }
    socket->quiet[0].ns = greater_of(socket->quiet[0].ns, now.ns);
    socket->quiet[0].frames = greater_of(socket->quiet[0].frames, now.frames);
}

static struct quiet quiet_limit(const struct engine_socket *socket)
{
    const struct quiet *quiet = socket->quiet;
    return (struct quiet){
        .ns = greater_of(MUTE_LEAST_NS, MUTE_TIMES * greater_of(quiet[0].ns, quiet[1].ns)),
        .frames = greater_of(MUTE_LEAST_FRAMES,
                             MUTE_TIMES * greater_of(quiet[0].frames, quiet[1].frames))};
}

/* Data came. What ends a silence that was found too long teaches nothing. */
static void socket_heard(struct detector *detector,
                         struct engine_socket *socket,
                         struct quiet was,
                         uint64_t at_ns)
{
    if (socket->mute.id == 0 && socket->heard_looks > 0) {
        quiet_learn(socket, was, at_ns);
    }
    if (socket->heard_looks++ == 0) {
        socket->first_heard_ns = at_ns;
        socket->kept_from_ns = at_ns;
    }
    socket->heard_ns = at_ns;
    if (socket->mute.id != 0 && ++socket->heard_in_row >= UNMUTE_LOOKS) {
        fault_clear(detector, &socket->mute, at_ns);
    }
}

static void mute_raise(struct detector *detector,
                       struct engine_socket *socket,
                       const struct event_socket *seen,
                       struct quiet now,
                       uint64_t at_ns)
{
    const struct quiet limit = quiet_limit(socket);
    struct fault fault = socket_fault(detector, socket, FLATLINE_FAULT_ENGINE_MUTE, at_ns);
    /* the engine's program is not what is silent */
    fault.blame = FLATLINE_SCOPE_CONNECTION;
    fault.confidence = 90;
    fault.onset_ns = socket->heard_ns;
    fault.evidence[0] = now.ns;
    fault.evidence[1] = limit.ns;
    fault.evidence[2] = now.frames;
    fault.evidence[3] = limit.frames;
    fault.evidence[4] = NS_PER_MS_OF(seen->last_data_recv_ms);
    fault.evidence[5] = seen->bytes_received;
    socket->heard_in_row = 0;
    fault_raise(detector, &socket->mute, &fault);
}

static void mute_judge(struct detector *detector,
                       struct engine_socket *socket,
                       const struct event_socket *seen,
                       uint64_t grown,
                       uint64_t at_ns)
{
    const struct venue_news none = {0};
    const struct venue_news *news =
        socket->venue < DETECTOR_VENUES ? news_look(detector, socket->venue, at_ns) : &none;
    const struct quiet now = {.ns = at_ns - socket->heard_ns,
                              .frames = news->frames - socket->heard_frames};
    if (grown > HEARTBEAT_BYTES) {
        socket_heard(detector, socket, now, at_ns);
        socket->heard_frames = news->frames;
        return;
    }
    const bool is_learnt = socket->heard_looks >= LEARNT_LOOKS &&
                           socket->heard_ns - socket->first_heard_ns >= LEARNT_NS;
    if (!is_learnt || socket->mute.id != 0 || seen->receive_queue_bytes > 0) {
        return; /* what it does not read is ENGINE_BEHIND's */
    }
    const struct quiet limit = quiet_limit(socket);
    if (now.ns >= limit.ns && now.frames >= limit.frames && at_ns - news->grew_ns <= limit.ns / 2) {
        mute_raise(detector, socket, seen, now, at_ns);
    }
}

static void engine_socket_seen(struct detector *detector,
                               struct engine_socket *socket,
                               const struct event_socket *seen,
                               uint64_t at_ns)
{
    const uint64_t away = away_ns(detector, socket->looked_ns, at_ns);
    if (socket->looked_ns == 0 || seen->bytes_received < socket->received) {
        unread_begin(&socket->unread, seen->bytes_received);
        socket->received = seen->bytes_received;
        socket->heard_ns = at_ns;
    }
    unread_forgive(&socket->unread, away, at_ns);
    socket->heard_ns = earlier_of(socket->heard_ns + away, at_ns);
    unread_see(&socket->unread, seen->bytes_received, seen->receive_queue_bytes, at_ns);
    mute_judge(detector, socket, seen, seen->bytes_received - socket->received, at_ns);
    behind_judge(detector, socket, seen, at_ns);
    socket->received = seen->bytes_received;
    socket->looked_ns = at_ns;
}

/* ---- our own --------------------------------------------------------------------------------- */

/* The peer's kernel acknowledges what it gets, whatever its program does: when it does not, over
 * several time-outs, and nothing else comes either, nobody is there or nothing arrives. */
static void half_open_judge(struct detector *detector,
                            struct carrier *carrier,
                            struct own_socket *own,
                            const struct event_socket *seen,
                            uint64_t at_ns)
{
    if (seen->send_queue_bytes == 0 || seen->bytes_received != own->received_then) {
        own->unacked_since_ns = seen->send_queue_bytes != 0 ? at_ns : 0;
        own->received_then = seen->bytes_received;
        fault_clear(detector, &carrier->faults[CARRIER_HALF_OPEN], at_ns);
        return;
    }
    if (own->unacked_since_ns == 0) {
        own->unacked_since_ns = at_ns;
    }
    if (seen->retransmits < HALF_OPEN_TIMEOUTS ||
        at_ns - own->unacked_since_ns < HALF_OPEN_LEAST_NS ||
        carrier->faults[CARRIER_HALF_OPEN].id != 0) {
        return;
    }
    struct fault fault = carrier_fault(detector, carrier, FLATLINE_FAULT_HALF_OPEN, at_ns);
    fault.confidence = 90;
    fault.onset_ns = own->unacked_since_ns;
    fault.evidence[0] = seen->send_queue_bytes;
    fault.evidence[1] = NS_PER_MS_OF(seen->last_data_recv_ms);
    fault.evidence[2] = seen->retransmits;
    fault.evidence[3] = at_ns - own->unacked_since_ns;
    fault_raise(detector, &carrier->faults[CARRIER_HALF_OPEN], &fault);
}

/* Unread although ingest passed by: it does not keep up. While it does not pass at all the finding is
 * SELF_STALL, and it has its own. */
static void backlog_judge(struct detector *detector,
                          struct carrier *carrier,
                          struct own_socket *own,
                          const struct event_socket *seen,
                          uint64_t at_ns)
{
    const uint64_t since_ns = unread_since_ns(&own->unread);
    /* what a stall of ours left behind has its time again from the stall's end */
    const uint64_t from_ns = greater_of(since_ns, detector->stall_end_ns);
    const uint64_t waits_ns = since_ns != 0 && at_ns > from_ns ? at_ns - from_ns : 0;
    /* a look that waited for the judge: he was away, and the ring full for it */
    const bool is_old = at_ns > detector->ticked_ns + detector->policy.self_stall_after_ns;
    if (waits_ns < OWN_UNREAD_NS / 2) {
        fault_clear(detector, &carrier->faults[CARRIER_BACKLOG], at_ns);
    }
    if (since_ns == 0) {
        own->passes = seen->passes;
        own->blocked = seen->blocked;
        own->budget_hits = seen->budget_hits;
    }
    const uint32_t passes = seen->passes - own->passes;
    if (waits_ns < OWN_UNREAD_NS || passes < 2 || is_old || carrier->stall_pending ||
        carrier->faults[CARRIER_BACKLOG].id != 0) {
        return;
    }
    struct fault fault = carrier_fault(detector, carrier, FLATLINE_FAULT_BACKLOG, at_ns);
    fault.blame = FLATLINE_SCOPE_HOST;
    fault.onset_ns = since_ns;
    fault.evidence[0] = seen->receive_queue_bytes;
    fault.evidence[1] = waits_ns;
    fault.evidence[2] = passes;
    fault.evidence[3] = seen->blocked - own->blocked;
    fault.evidence[4] = seen->budget_hits - own->budget_hits;
    fault_raise(detector, &carrier->faults[CARRIER_BACKLOG], &fault);
}

/* The longest of the last few seconds. */
static void wait_note(struct own_socket *own, uint64_t at_ns)
{
    const uint64_t since_ns = unread_since_ns(&own->unread);
    const uint64_t waits_ns = since_ns != 0 && at_ns > since_ns ? at_ns - since_ns : 0;
    if (waits_ns >= own->waited_ns || at_ns - own->waited_at_ns > WAIT_KEPT_NS) {
        own->waited_ns = waits_ns;
        own->waited_at_ns = at_ns;
    }
}

static void own_socket_seen(struct detector *detector,
                            struct carrier *carrier,
                            const struct event_socket *seen,
                            uint64_t at_ns)
{
    struct own_socket *own = &detector->sockets->own[carrier_index(detector, carrier)];
    if (carrier->state != CARRIER_UP) {
        *own = (struct own_socket){0};
        return;
    }
    const uint64_t away = away_ns(detector, own->looked_ns, at_ns);
    if (own->looked_ns == 0 || seen->bytes_received < own->received) {
        unread_begin(&own->unread, seen->bytes_received);
        own->unacked_since_ns = 0;
        own->received_then = seen->bytes_received;
    }
    unread_forgive(&own->unread, away, at_ns);
    if (own->unacked_since_ns != 0) {
        own->unacked_since_ns = earlier_of(own->unacked_since_ns + away, at_ns);
    }
    own->looked_ns = at_ns;
    own->received = seen->bytes_received;
    unread_see(&own->unread, seen->bytes_received, seen->receive_queue_bytes, at_ns);
    wait_note(own, at_ns);
    half_open_judge(detector, carrier, own, seen, at_ns);
    backlog_judge(detector, carrier, own, seen, at_ns);
}

struct own_wait
own_wait_since(const struct detector *detector, const struct carrier *carrier, uint64_t since_ns)
{
    struct own_wait wait = {0};
    if (detector->sockets != NULL) {
        const struct own_socket *own = &detector->sockets->own[carrier_index(detector, carrier)];
        wait.was_seen = own->looked_ns >= since_ns && own->looked_ns != 0;
        wait.ns = own->waited_at_ns >= since_ns ? own->waited_ns : 0;
    }
    return wait;
}

/* The connection ended: that says it all. */
void socket_ended(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    fault_clear(detector, &carrier->faults[CARRIER_HALF_OPEN], at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_BACKLOG], at_ns);
    if (detector->sockets != NULL) {
        detector->sockets->own[carrier_index(detector, carrier)] = (struct own_socket){0};
    }
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void socket_forget(struct detector *detector, struct engine_socket *socket, uint64_t at_ns)
{
    fault_clear(detector, &socket->behind, at_ns);
    fault_clear(detector, &socket->mute, at_ns);
    memset(socket, 0, sizeof(*socket));
}

static void socket_found(struct detector *detector,
                         struct engine_socket *socket,
                         const struct event_found *found,
                         uint64_t at_ns)
{
    socket_forget(detector, socket, at_ns);
    socket->known = true;
    socket->engine = found->engine;
    socket->venue = found->venue;
    text_copy(socket->name, found->name);
}

void socket_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    struct sockets *sockets = detector->sockets;
    const struct event_socket *seen = &event->socket;
    const uint16_t place = event->kind == EVENT_SOCKET_FOUND ? event->found.place : seen->place;
    if (sockets == NULL) {
        return;
    }
    if (event->kind == EVENT_SOCKET_SEEN && seen->is_own != 0) {
        if (place < detector->carrier_count) {
            own_socket_seen(detector, &detector->carriers[place], seen, at_ns);
        }
        return;
    }
    if (place >= sockets->count) {
        return;
    }
    struct engine_socket *socket = &sockets->engines[place];
    if (event->kind == EVENT_SOCKET_FOUND) {
        socket_found(detector, socket, &event->found, at_ns);
    } else if (event->kind == EVENT_SOCKET_GONE) {
        socket_forget(detector, socket, at_ns);
    } else if (socket->known) {
        engine_socket_seen(detector, socket, seen, at_ns);
    }
}
