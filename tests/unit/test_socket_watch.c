/* SPDX-License-Identifier: MIT
 *
 * Goal: the socket watch finds an engine's connections by process and by address, tells what the kernel
 * says of them and of our own, and nothing of anybody else's.
 *
 * Method: real TCP connections over loopback, an engine that is a process of its own, the watch's pass
 * called by hand, and the events taken from its ring.
 */
#include "core/clock.h"
#include "sentinel/socket_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RING_EVENTS 1024U
#define TEXT        "twenty bytes of data"

struct rig {
    struct config config;
    struct plan plan;
    struct plan_line line;
    struct ring ring;
    struct event *slots;
    struct words *words;
    struct dial_words *dials;
    struct slot_words *slot_words;
    struct socket_watch *watch;
    int listener;
    struct sockaddr_in address;
    int own;      /* the witness's connection ... */
    int own_peer; /* ... and the venue's end of it */
    pid_t engine;
    int engine_peer;
    struct event events[RING_EVENTS]; /* of the last pass */
    size_t count;
};

static void pass(struct rig *rig)
{
    /* a time far ahead: everything is looked through at each pass */
    static uint64_t ahead_ns;
    ahead_ns += NS_PER_S;
    (void)socket_watch_pass(rig->watch, clock_mono_ns() + ahead_ns);
    rig->count = ring_pop(&rig->ring, rig->events, RING_EVENTS);
}

static const struct event *event_of(const struct rig *rig, enum event_kind kind, bool is_own)
{
    for (size_t i = 0; i < rig->count; i++) {
        const struct event *event = &rig->events[i];
        if (event->kind == kind &&
            (kind == EVENT_SOCKET_FOUND || (event->socket.is_own != 0) == is_own)) {
            return event;
        }
    }
    static const struct event none;
    return &none;
}

static int connect_there(const struct rig *rig)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *there = (const struct sockaddr *)&rig->address;
    return fd >= 0 && connect(fd, there, sizeof(rig->address)) == 0 ? fd : -1;
}

/* A process that is connected and reads nothing. */
static void engine_start(struct rig *rig)
{
    rig->engine = fork();
    assert_true(rig->engine >= 0);
    if (rig->engine == 0) {
        (void)close(rig->own);
        (void)close(rig->own_peer);
        (void)alarm(60);
        if (connect_there(rig) >= 0) {
            (void)pause();
        }
        _exit(0);
    }
    rig->engine_peer = accept(rig->listener, NULL, NULL);
    assert_true(rig->engine_peer >= 0);
}

static void engine_kill(struct rig *rig)
{
    if (rig->engine > 0) {
        (void)kill(rig->engine, SIGKILL);
        (void)waitpid(rig->engine, NULL, 0);
        rig->engine = 0;
    }
}

static void *lines(size_t bytes)
{
    void *memory = aligned_alloc(128, (bytes + 127) / 128 * 128);
    assert_non_null(memory);
    memset(memory, 0, (bytes + 127) / 128 * 128);
    return memory;
}

static void listen_somewhere(struct rig *rig)
{
    socklen_t bytes = sizeof(rig->address);
    rig->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    rig->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(rig->listener, (struct sockaddr *)&rig->address, bytes), 0);
    assert_int_equal(listen(rig->listener, 8), 0);
    assert_int_equal(getsockname(rig->listener, (struct sockaddr *)&rig->address, &bytes), 0);
}

static int start(void **state)
{
    struct rig *rig = lines(sizeof(*rig));
    struct socket_id id;
    listen_somewhere(rig);
    rig->line.venue = FLATLINE_VENUE_OKX;
    rig->plan = (struct plan){.lines = &rig->line, .line_count = 1};
    rig->config.wait = THREAD_SPIN;
    rig->slots = lines(RING_EVENTS * sizeof(*rig->slots));
    rig->words = lines(sizeof(*rig->words));
    rig->dials = lines(2 * sizeof(*rig->dials));
    rig->slot_words = lines(2 * sizeof(*rig->slot_words));
    rig->words->dials = rig->dials;
    rig->words->slots = rig->slot_words;
    rig->words->slot_count = 2;
    ring_init(&rig->ring, rig->slots, RING_EVENTS);
    rig->own = connect_there(rig);
    rig->own_peer = accept(rig->listener, NULL, NULL);
    assert_true(rig->own >= 0 && rig->own_peer >= 0);
    assert_int_equal(socket_id_of(rig->own, &id), 0);
    socket_words_tell(&rig->dials[0].socket, &id);
    engine_start(rig);
    const struct socket_watch_setup setup = {
        .config = &rig->config, .plan = &rig->plan, .to_judge = &rig->ring, .words = rig->words};
    assert_int_equal(socket_watch_create(&setup, &rig->watch), 0);
    const int probe = socket_diag_open();
    if (probe < 0) {
        return 77; /* a kernel without sock_diag */
    }
    (void)close(probe);
    *state = rig;
    return 0;
}

static int stop(void **state)
{
    struct rig *rig = *state;
    engine_kill(rig);
    socket_watch_destroy(rig->watch);
    (void)close(rig->own);
    (void)close(rig->own_peer);
    (void)close(rig->engine_peer);
    (void)close(rig->listener);
    free(rig->slots);
    free(rig->words);
    free(rig->dials);
    free(rig->slot_words);
    free(rig);
    return 0;
}

static void watch_venue(struct rig *rig)
{
    rig->config.engine_sockets[0] =
        (struct config_engine_socket){.name = "mm1", .venue = FLATLINE_VENUE_OKX};
    rig->config.engine_socket_count = 1;
}

static void our_own_connection_is_looked_at_with_its_queue(void **state)
{
    struct rig *rig = *state;
    pass(rig);
    const struct event *seen = event_of(rig, EVENT_SOCKET_SEEN, true);
    assert_int_equal(seen->kind, EVENT_SOCKET_SEEN);
    assert_int_equal(seen->connection, EVENT_NO_CONNECTION);
    assert_int_equal(seen->socket.place, 0);
    assert_int_equal(seen->socket.receive_queue_bytes, 0);
    assert_int_equal(write(rig->own_peer, TEXT, 20), 20);
    pass(rig);
    seen = event_of(rig, EVENT_SOCKET_SEEN, true);
    assert_int_equal(seen->socket.receive_queue_bytes, 20);
    assert_int_equal(seen->socket.bytes_received, 20);
    assert_int_equal(rig->count, 1); /* nobody asked for engines */
    assert_int_equal(rig->words->sockets.scans, 0);
}

static void a_slot_whose_words_are_of_two_lives_is_not_seen(void **state)
{
    struct rig *rig = *state;
    rig->dials[0].socket.cookie += 1000000;
    pass(rig);
    assert_int_equal(rig->count, 0);
    socket_words_clear(&rig->dials[0].socket);
    pass(rig);
    assert_int_equal(rig->count, 0);
}

static void an_engine_is_found_by_address_and_we_are_not(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_in local;
    socklen_t bytes = sizeof(local);
    char name[32];
    watch_venue(rig);
    assert_int_equal(getpeername(rig->engine_peer, (struct sockaddr *)&local, &bytes), 0);
    (void)snprintf(name, sizeof(name), "mm1:%u", ntohs(local.sin_port));
    pass(rig);
    const struct event *found = event_of(rig, EVENT_SOCKET_FOUND, false);
    assert_int_equal(found->kind, EVENT_SOCKET_FOUND);
    assert_string_equal(found->found.name, name);
    assert_int_equal(found->found.venue, FLATLINE_VENUE_OKX);
    assert_int_equal(found->found.engine, EVENT_NO_ENGINE);
    assert_int_equal(rig->count, 3); /* ours seen, found, its first look */
    assert_int_equal(write(rig->engine_peer, TEXT, 20), 20);
    pass(rig);
    assert_int_equal(rig->count, 2);
    const struct event *seen = event_of(rig, EVENT_SOCKET_SEEN, false);
    assert_int_equal(seen->socket.receive_queue_bytes, 20);
    assert_int_equal(rig->words->sockets.watched, 1);
}

static void an_engine_is_found_by_its_pid_and_leaves_when_it_dies(void **state)
{
    struct rig *rig = *state;
    static char path[] = "/tmp/flatline-socket-watch-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "%d\n", (int)rig->engine) > 0);
    rig->config.engine_sockets[0] =
        (struct config_engine_socket){.name = "mm1", .pid_file = path, .venue = -1};
    rig->config.engine_socket_count = 1;
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_FOUND, false)->kind, EVENT_SOCKET_FOUND);
    engine_kill(rig);
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_GONE, false)->kind, EVENT_SOCKET_GONE);
    pass(rig);
    assert_int_equal(rig->count, 1); /* ours */
    (void)close(fd);
    (void)unlink(path);
}

static void an_engine_with_a_segment_is_found_by_the_pid_it_wrote(void **state)
{
    struct rig *rig = *state;
    rig->words->engines.pids[3] = (uint64_t)rig->engine;
    pass(rig);
    const struct event *found = event_of(rig, EVENT_SOCKET_FOUND, false);
    assert_int_equal(found->kind, EVENT_SOCKET_FOUND);
    assert_int_equal(found->found.engine, 3);
    assert_int_equal(found->found.name[0], ':');
    rig->words->engines.pids[3] = 1; /* another engine has its place */
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_GONE, false)->kind, EVENT_SOCKET_GONE);
}

static void a_stranger_is_asked_for_once_and_again_when_somebody_new_is_wanted(void **state)
{
    struct rig *rig = *state;
    rig->words->engines.pids[0] = 1; /* init: not connected to anything here */
    pass(rig);
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_FOUND, false)->kind, EVENT_NONE);
    rig->words->engines.pids[0] = (uint64_t)rig->engine;
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_FOUND, false)->kind, EVENT_SOCKET_FOUND);
}

static void a_full_ring_loses_no_news_of_who_came_and_went(void **state)
{
    struct rig *rig = *state;
    const struct event filler = {.kind = EVENT_PONG};
    watch_venue(rig);
    while (ring_push(&rig->ring, &filler)) {
    }
    (void)socket_watch_pass(rig->watch, clock_mono_ns());
    rig->count = ring_pop(&rig->ring, rig->events, RING_EVENTS);
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_FOUND, false)->kind, EVENT_SOCKET_FOUND);
    engine_kill(rig);
    while (ring_push(&rig->ring, &filler)) {
    }
    (void)socket_watch_pass(rig->watch, clock_mono_ns());
    rig->count = ring_pop(&rig->ring, rig->events, RING_EVENTS);
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_SOCKET_GONE, false)->kind, EVENT_SOCKET_GONE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(our_own_connection_is_looked_at_with_its_queue),
        CASE(a_slot_whose_words_are_of_two_lives_is_not_seen),
        CASE(an_engine_is_found_by_address_and_we_are_not),
        CASE(an_engine_is_found_by_its_pid_and_leaves_when_it_dies),
        CASE(an_engine_with_a_segment_is_found_by_the_pid_it_wrote),
        CASE(a_stranger_is_asked_for_once_and_again_when_somebody_new_is_wanted),
        CASE(a_full_ring_loses_no_news_of_who_came_and_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
