/* SPDX-License-Identifier: MIT */
#include "sentinel/socket_watch.h"

#include "core/clock.h"
#include "sentinel/socket_diag.h"
#include "sentinel/socket_find.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY_NS (20U * NS_PER_MS)
#define IDLE_NS       (100U * NS_PER_MS)
#define SCAN_EVERY_NS (500U * NS_PER_MS)
#define ESTABLISHED   1U

/* One connection of an engine. */
struct place {
    bool used;
    bool is_told; /* the judge knows it */
    bool is_gone; /* the judge does not know that yet */
    struct socket_found found;
};

struct socket_watch {
    struct socket_watch_setup setup;
    struct socket_finder *finder;
    int netlink_fd;
    bool pushed;
    uint64_t scan_due_ns;
    uint64_t *own_cookies; /* by slot, as last seen */
    struct place places[SOCKET_PLACES];
};

int socket_watch_create(const struct socket_watch_setup *setup, struct socket_watch **ret_watch)
{
    struct socket_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return -ENOMEM;
    }
    watch->setup = *setup;
    watch->netlink_fd = socket_diag_open();
    watch->finder = socket_finder_create(setup->config, setup->words);
    watch->own_cookies = calloc(setup->words->slot_count + 1U, sizeof(*watch->own_cookies));
    if (watch->finder == NULL || watch->own_cookies == NULL) {
        socket_watch_destroy(watch);
        return -ENOMEM;
    }
    *ret_watch = watch;
    return 0;
}

void socket_watch_destroy(struct socket_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->netlink_fd >= 0) {
        (void)close(watch->netlink_fd);
    }
    socket_finder_destroy(watch->finder);
    free(watch->own_cookies);
    free(watch);
}

/* ---- telling the judge ----------------------------------------------------------------------- */

static struct event event_of(enum event_kind kind, uint64_t at_ns)
{
    return (struct event){.recv_mono_ns = at_ns,
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION,
                          .kind = (uint8_t)kind};
}

/* false: the ring is full; what is not told now is told at the next look. */
static bool tell(struct socket_watch *watch, const struct event *event)
{
    const bool taken = ring_push(watch->setup.to_judge, event);
    watch->pushed |= taken;
    return taken;
}

static struct event seen_event(const struct socket_look *look, uint32_t place, uint64_t at_ns)
{
    struct event event = event_of(EVENT_SOCKET_SEEN, at_ns);
    event.socket = (struct event_socket){.place = (uint16_t)place,
                                         .retransmits = look->retransmits,
                                         .receive_queue_bytes = look->receive_queue_bytes,
                                         .bytes_received = look->bytes_received,
                                         .send_queue_bytes = look->send_queue_bytes,
                                         .last_data_recv_ms = look->last_data_recv_ms,
                                         .last_ack_recv_ms = look->last_ack_recv_ms};
    return event;
}

/* ---- our own --------------------------------------------------------------------------------- */

static bool own_look(struct socket_watch *watch, uint32_t slot)
{
    const struct words *words = watch->setup.words;
    struct socket_id id;
    struct socket_look look;
    const bool has_socket = socket_words_read(&words->dials[slot].socket, &id);
    const bool is_new = has_socket && id.cookie != watch->own_cookies[slot];
    watch->own_cookies[slot] = has_socket ? id.cookie : 0;
    const uint64_t at_ns = clock_mono_ns();
    if (!has_socket || socket_diag_one(watch->netlink_fd, &id, &look) != 0) {
        return false;
    }
    if (is_new) {
        const struct plan_line *line = &watch->setup.plan->lines[plan_line_of(slot)];
        socket_finder_learn(watch->finder, (uint32_t)line->venue, &id);
    }
    struct event event = seen_event(&look, slot, at_ns);
    event.socket.is_own = 1;
    event.socket.passes = (uint32_t)load_relaxed(&words->ingest.passes);
    event.socket.blocked = (uint32_t)load_relaxed(&words->slots[slot].blocked);
    event.socket.budget_hits = (uint32_t)load_relaxed(&words->slots[slot].budget_hits);
    (void)tell(watch, &event);
    return true;
}

/* ---- an engine's ----------------------------------------------------------------------------- */

static bool found_tell(struct socket_watch *watch, struct place *place, uint64_t at_ns)
{
    struct event event = event_of(EVENT_SOCKET_FOUND, at_ns);
    event.found = (struct event_found){.place = (uint16_t)(place - watch->places),
                                       .engine = place->found.engine,
                                       .venue = place->found.venue};
    memcpy(event.found.name, place->found.name, sizeof(event.found.name));
    place->is_told = place->is_told || tell(watch, &event);
    return place->is_told;
}

static void gone_tell(struct socket_watch *watch, struct place *place, uint64_t at_ns)
{
    struct event event = event_of(EVENT_SOCKET_GONE, at_ns);
    event.socket.place = (uint16_t)(place - watch->places);
    place->is_gone = true;
    if (!place->is_told || tell(watch, &event)) {
        *place = (struct place){0};
    }
}

/* The engine that its segment names may have left, and another have its place there. */
static bool is_orphan(const struct socket_watch *watch, const struct socket_found *found)
{
    return found->engine != EVENT_NO_ENGINE &&
           load_relaxed(&watch->setup.words->engines.pids[found->engine]) != found->pid;
}

static bool place_look(struct socket_watch *watch, struct place *place)
{
    struct socket_look look;
    if (!place->used) {
        return false;
    }
    const uint64_t at_ns = clock_mono_ns();
    const int result = place->is_gone || is_orphan(watch, &place->found)
                           ? -ENOENT
                           : socket_diag_one(watch->netlink_fd, &place->found.id, &look);
    if (result == -ENOENT || (result == 0 && look.state != ESTABLISHED)) {
        gone_tell(watch, place, at_ns);
        return false;
    }
    if (result != 0 || !found_tell(watch, place, at_ns)) {
        return true;
    }
    const struct event event = seen_event(&look, (uint32_t)(place - watch->places), at_ns);
    (void)tell(watch, &event);
    return true;
}

/* ---- new ones -------------------------------------------------------------------------------- */

static bool is_known(const void *user, uint64_t cookie)
{
    const struct socket_watch *watch = user;
    for (uint32_t i = 0; i < watch->setup.words->slot_count; i++) {
        if (watch->own_cookies[i] == cookie) {
            return true;
        }
    }
    for (uint32_t i = 0; i < SOCKET_PLACES; i++) {
        if (watch->places[i].used && watch->places[i].found.id.cookie == cookie) {
            return true;
        }
    }
    return false;
}

static void scan(struct socket_watch *watch)
{
    struct socket_found found[SOCKET_PLACES];
    uint32_t free_places = 0;
    for (uint32_t i = 0; i < SOCKET_PLACES; i++) {
        free_places += watch->places[i].used ? 0U : 1U;
    }
    const uint32_t count =
        socket_finder_scan(watch->finder, watch->netlink_fd, is_known, watch, found, free_places);
    for (uint32_t i = 0, taken = 0; i < SOCKET_PLACES && taken < count; i++) {
        if (!watch->places[i].used) {
            watch->places[i] = (struct place){.used = true, .found = found[taken++]};
        }
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

uint32_t socket_watch_pass(struct socket_watch *watch, uint64_t now_mono_ns)
{
    struct words *words = watch->setup.words;
    uint32_t own = 0;
    uint32_t engines = 0;
    if (watch->netlink_fd < 0) {
        return 0;
    }
    for (uint32_t slot = 0; slot < words->slot_count; slot++) {
        own += own_look(watch, slot);
    }
    if (now_mono_ns >= watch->scan_due_ns && socket_finder_wanted(watch->finder)) {
        watch->scan_due_ns = now_mono_ns + SCAN_EVERY_NS;
        scan(watch);
    }
    for (uint32_t i = 0; i < SOCKET_PLACES; i++) {
        engines += place_look(watch, &watch->places[i]);
    }
    if (watch->pushed && watch->setup.config->wait == THREAD_BLOCK) {
        (void)wakeup_signal(&words->judge.asleep);
    }
    watch->pushed = false;
    count_relaxed(&words->sockets.looks, own + engines);
    store_relaxed(&words->sockets.watched, engines);
    return own + engines;
}

void *socket_watch_run(void *user)
{
    struct socket_watch *watch = user;
    while (load_acquire(&watch->setup.words->stop) ==
           0) { /* acquire: pairs with flatline_stop()'s release */
        const uint32_t count = socket_watch_pass(watch, clock_mono_ns());
        const struct timespec nap = {0, count > 0 ? LOOK_EVERY_NS : IDLE_NS};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    return NULL;
}
