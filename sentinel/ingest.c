/* SPDX-License-Identifier: MIT */
#include "sentinel/ingest.h"

#include "core/clock.h"
#include "sentinel/ingest_slot.h"
#include "sentinel/thread.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SLEEP_MAX_MS  10      /* asleep never longer: a longer gap between passes is a stall */
#define FULL_PAUSE_NS 100000L /* a full ring, when blocking: let the judge have the CPU */
#define TOKEN_TIMER   UINT32_MAX
#define TOKEN_POKE    (UINT32_MAX - 1U)

struct ingest {
    struct ingest_setup setup;
    struct ingest_slot *slots;
    uint32_t slot_count;
    bool spins;
    struct epoll_event *ready; /* one for each fd there is: all of them are reported at once */
    int epoll_fd;
    int timer_fd;
    int poke_fd;
    uint32_t read_budget_bytes;
    uint64_t self_stall_after_ns;

    uint64_t pass_mono_ns;  /* stamp of the current pass */
    uint64_t awake_mono_ns; /* when we last knew that we were not stalled; 0 = before the start */
    uint64_t stall_from_ns; /* a stall not yet in the ring; 0 = none */
    uint64_t stall_until_ns;
    bool met_full_ring; /* in this pass */
    bool has_backlog;   /* a slot must be read again without waiting */
    struct thread_meter meter;
};

static int epoll_add(const struct ingest *ingest, int fd, uint32_t events, uint32_t token)
{
    struct epoll_event event = {.events = events, .data.u32 = token};
    return epoll_ctl(ingest->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* Does a venue's bookTicker owe what another channel of its book shows? */
static bool levels_are_owed(const struct config *config, enum flatline_venue venue)
{
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct stream_traits *owing = &config->streams[i].traits;
        for (uint32_t j = 0; owing->owes == OWES_BEST && j < config->stream_count; j++) {
            const struct stream_traits *shown = &config->streams[j].traits;
            if (owing->venue == venue && i != j && shown->book == owing->book) {
                return true;
            }
        }
    }
    return false;
}

static void slots_init(struct ingest *ingest)
{
    const struct ingest_setup *setup = &ingest->setup;
    for (uint32_t i = 0; i < ingest->slot_count; i++) {
        struct ingest_slot *slot = &ingest->slots[i];
        const struct plan_line *line = &setup->plan->lines[plan_line_of(i)];
        const struct venue_facts *facts = venue_facts(line->venue);
        slot->index = (uint16_t)i;
        slot->line = line;
        slot->words = &setup->words->slots[i];
        slot->to_judge = setup->to_judge;
        slot->to_control = setup->to_control;
        slot->record = line->user_data ? NULL : setup->record; /* no account is ever recorded */
        slot->totals = &setup->words->ingest;
        slot->codec = (struct codec){.venue = line->venue, .names = setup->names};
        slot->codec.skips_levels = !levels_are_owed(setup->config, line->venue);
        slot->codec.user_stream = line->user_data ? line->streams[0] : EVENT_NO_STREAM;
        slot->ping_interval_ns = setup->config->venues[line->venue].ping_interval_ns;
        slot->text_ping_idle_ns = facts->text_ping_idle_ns;
        slot->request_spacing_ns = plan_request_spacing_ns(line->venue);
        slot->due_mono_ns = SLOT_NEVER;
    }
}

int ingest_create(const struct ingest_setup *setup, struct ingest **ret_ingest)
{
    struct ingest *ingest = calloc(1, sizeof(*ingest));
    if (ingest == NULL) {
        return -ENOMEM;
    }
    ingest->setup = *setup;
    ingest->slot_count = plan_slot_count(setup->plan);
    ingest->spins = setup->config->wait == THREAD_SPIN;
    ingest->read_budget_bytes = setup->config->read_budget_bytes;
    ingest->self_stall_after_ns = setup->config->self_stall_after_ns;
    ingest->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ingest->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    ingest->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ingest->slots = calloc(ingest->slot_count + 1U, sizeof(*ingest->slots));
    ingest->ready = calloc(ingest->slot_count + 2U, sizeof(*ingest->ready));
    int result = 0;
    if (ingest->epoll_fd < 0 || ingest->timer_fd < 0 || ingest->poke_fd < 0) {
        result = -errno;
    } else if (ingest->slots == NULL || ingest->ready == NULL) {
        result = -ENOMEM;
    } else {
        result = epoll_add(ingest, ingest->timer_fd, EPOLLIN, TOKEN_TIMER);
    }
    if (result == 0) {
        result = epoll_add(ingest, ingest->poke_fd, EPOLLIN, TOKEN_POKE);
    }
    if (result != 0) {
        ingest_destroy(ingest);
        return result;
    }
    slots_init(ingest);
    *ret_ingest = ingest;
    return 0;
}

void ingest_destroy(struct ingest *ingest)
{
    if (ingest == NULL) {
        return;
    }
    for (uint32_t i = 0; ingest->slots != NULL && i < ingest->slot_count; i++) {
        struct connection *connection = ingest->slots[i].connection;
        if (connection != NULL && !ingest->slots[i].ended) {
            (void)connection_send_close(connection, WEBSOCKET_CLOSE_GOING_AWAY, NULL);
        }
        connection_destroy(connection);
    }
    const int fds[] = {ingest->epoll_fd, ingest->timer_fd, ingest->poke_fd};
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    free(ingest->slots);
    free(ingest->ready);
    free(ingest);
}

void ingest_poke(struct ingest *ingest)
{
    const uint64_t one = 1;
    const ssize_t written = write(ingest->poke_fd, &one, sizeof(one));
    (void)written; /* a full counter is a wake-up all the same */
}

void ingest_arm(struct ingest *ingest, uint64_t deadline_mono_ns)
{
    const struct itimerspec at = {.it_value = {.tv_sec = (time_t)(deadline_mono_ns / NS_PER_S),
                                               .tv_nsec = (long)(deadline_mono_ns % NS_PER_S)}};
    (void)timerfd_settime(ingest->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Finds out whether we ourselves were away. */
static void stall_look(struct ingest *ingest, uint64_t now)
{
    const uint64_t before = ingest->awake_mono_ns;
    if (LIKELY(before == 0 || now <= before || now - before <= ingest->self_stall_after_ns)) {
        return;
    }
    if (ingest->stall_from_ns == 0) {
        ingest->stall_from_ns = before;
    }
    ingest->stall_until_ns = now;
    ingest->awake_mono_ns = now;
    count_relaxed(&ingest->setup.words->ingest.stalls, 1);
    for (uint32_t i = 0; i < ingest->slot_count; i++) {
        slot_forgive(&ingest->slots[i], now);
    }
}

static void pass_begin(struct ingest *ingest)
{
    const uint64_t now = clock_mono_ns();
    stall_look(ingest, now);
    ingest->awake_mono_ns = now;
    ingest->pass_mono_ns = now;
    ingest->met_full_ring = false;
    ingest->has_backlog = false;
}

/* The stall goes into the ring before anything read after it. false: the ring is full, so
 * nothing may be read. */
static bool stall_report(struct ingest *ingest)
{
    if (ingest->stall_from_ns == 0) {
        return true;
    }
    const struct event stall = {.recv_mono_ns = ingest->stall_until_ns,
                                .stream = EVENT_NO_STREAM,
                                .connection = EVENT_NO_CONNECTION,
                                .kind = EVENT_SELF_STALL,
                                .note = {.code = 0, .value = ingest->stall_from_ns}};
    if (!ring_push(ingest->setup.to_judge, &stall)) {
        return false;
    }
    if (ingest->setup.record != NULL) {
        const struct record noted = {.kind = RECORD_STALL,
                                     .recv_mono_ns = ingest->stall_until_ns,
                                     .value = ingest->stall_from_ns};
        if (!record_push(ingest->setup.record, &noted, NULL)) {
            count_relaxed(&ingest->setup.words->ingest.record_dropped, 1);
        }
    }
    ingest->stall_from_ns = 0;
    return true;
}

static void judge_wake(struct ingest *ingest)
{
    struct words *words = ingest->setup.words;
    if (!ingest->spins && wakeup_signal(&words->judge.asleep)) {
        count_relaxed(&words->ingest.wakes, 1);
    }
}

static void order_obey(struct ingest *ingest, const struct handover *order)
{
    struct ingest_slot *slot = &ingest->slots[order->slot];
    if (order->kind != HANDOVER_ADOPT) {
        slot->retiring = order->kind != HANDOVER_KEEP;
        if (order->kind == HANDOVER_CLOSE) {
            slot_close(slot, ingest->pass_mono_ns);
        }
        return;
    }
    watermark_begin(&ingest->setup.words->watermarks[order->slot], order->epoch);
    slot_adopt(slot, order->connection, order->epoch, ingest->pass_mono_ns);
    slot->epoll_events = connection_events(slot->connection);
    /* A failure here (out of memory, of watches) leaves a connection nobody polls: end it at
     * once, so that control knows. */
    if (epoll_add(ingest, connection_fd(slot->connection), slot->epoll_events, order->slot) != 0) {
        connection_end(slot->connection, LINK_END_ERROR, errno, "epoll_ctl");
        slot->ended = true;
    }
}

static void orders_take(struct ingest *ingest)
{
    struct handover order;
    /* Bounded: at most two orders a slot are ever under way. */
    while (handover_take(ingest->setup.orders, &order)) {
        order_obey(ingest, &order);
    }
}

/* Asks the kernel what can be read. A socket it does not name is empty: there is room for all
 * of them. */
static void kernel_ask(struct ingest *ingest, int timeout_ms)
{
    const int count =
        epoll_wait(ingest->epoll_fd, ingest->ready, (int)ingest->slot_count + 2, timeout_ms);
    for (int i = 0; i < count; i++) {
        const uint32_t token = ingest->ready[i].data.u32;
        uint64_t ignored;
        if (token == TOKEN_TIMER || token == TOKEN_POKE) {
            const int fd = token == TOKEN_TIMER ? ingest->timer_fd : ingest->poke_fd;
            const ssize_t got = read(fd, &ignored, sizeof(ignored));
            (void)got; /* only the wake-up mattered */
        } else {
            ingest->slots[token].must_read = true;
        }
    }
}

/* Gives an ended connection back to control, once the judge has been told. */
static void slot_finish(struct ingest *ingest, struct ingest_slot *slot)
{
    if (!slot->ended) {
        slot->ended = true;
        (void)epoll_ctl(ingest->epoll_fd, EPOLL_CTL_DEL, connection_fd(slot->connection), NULL);
    }
    /* Now, not the pass's stamp: the frames read before the end carry later ones. */
    const uint64_t now = clock_mono_ns();
    stall_look(ingest, now);
    if (!stall_report(ingest) || !slot_report_end(slot, now)) {
        ingest->met_full_ring = true;
        return;
    }
    const struct handover ended = {.kind = HANDOVER_ENDED,
                                   .slot = slot->index,
                                   .epoch = slot->epoch,
                                   .connection = slot->connection};
    flatline_assert(handover_push(ingest->setup.ended, &ended)); /* one a slot: it cannot be full */
    slot->connection = NULL;
    slot->ended = false;
    slot->must_read = false;
    slot->due_mono_ns = SLOT_NEVER;
    store_relaxed(&slot->words->open, 0);
    store_relaxed(&slot->words->up_since_mono_ns, 0);
}

static void epoll_follow(struct ingest *ingest, struct ingest_slot *slot)
{
    const uint32_t events = connection_events(slot->connection);
    if (events != slot->epoll_events) {
        struct epoll_event event = {.events = events, .data.u32 = slot->index};
        (void)epoll_ctl(ingest->epoll_fd, EPOLL_CTL_MOD, connection_fd(slot->connection), &event);
        slot->epoll_events = events;
    }
}

struct reading {
    struct ingest *ingest;
    struct ingest_slot *slot;
};

/* A pass is not one instant: stopped in the middle of it, we would hand on what we read late as if
 * we had been there. */
static bool reading_take(void *user, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    const struct reading *reading = user;
    stall_look(reading->ingest, recv_mono_ns);
    return stall_report(reading->ingest) && slot_on_message(reading->slot, message, recv_mono_ns);
}

/* Reads one connection as far as budget, ring and kernel allow. Returns false when it has ended. */
static bool slot_read(struct ingest *ingest, struct ingest_slot *slot)
{
    if ((slot->epoll_events & EPOLLOUT) != 0 && connection_flush(slot->connection) != 0) {
        return false;
    }
    struct reading reading = {.ingest = ingest, .slot = slot};
    const enum connection_status status = connection_read(
        slot->connection, clock_mono_ns, ingest->read_budget_bytes, reading_take, &reading);
    slot->must_read = status == CONNECTION_BUDGET || status == CONNECTION_BLOCKED;
    slot->drained = status == CONNECTION_DRAINED;
    ingest->has_backlog |= slot->must_read;
    if (status == CONNECTION_BUDGET) {
        count_relaxed(&slot->words->budget_hits, 1);
    } else if (status == CONNECTION_BLOCKED) {
        ingest->met_full_ring = true;
        count_relaxed(&slot->words->blocked, 1);
    }
    store_relaxed(&slot->words->partial_bytes, connection_counts(slot->connection)->partial_bytes);
    return status != CONNECTION_CLOSED;
}

/* One slot's share of a pass: speak if due, read if there is something, follow its end. */
static void slot_serve(struct ingest *ingest, struct ingest_slot *slot)
{
    slot->drained = true; /* no socket, or the kernel said empty */
    if (slot->connection == NULL) {
        return;
    }
    bool alive = !slot->ended;
    if (alive && ingest->pass_mono_ns >= slot->due_mono_ns) {
        alive = slot_speak(slot, ingest->pass_mono_ns);
    }
    if (alive && !slot_announce(slot, ingest->pass_mono_ns)) {
        slot->drained = false; /* its UP comes before its data */
        ingest->met_full_ring = true;
        return;
    }
    if (alive && slot->must_read) {
        alive = slot_read(ingest, slot);
    }
    if (alive) {
        epoll_follow(ingest, slot);
        return;
    }
    slot_finish(ingest, slot);
    slot->drained = slot->connection == NULL;
}

static void slots_serve(struct ingest *ingest)
{
    const struct ring *ring = ingest->setup.to_judge;
    uint64_t head = load_relaxed(&ring->head);
    for (uint32_t i = 0; i < ingest->slot_count; i++) {
        slot_serve(ingest, &ingest->slots[i]);
        if (load_relaxed(&ring->head) != head) {
            head = load_relaxed(&ring->head);
            judge_wake(ingest); /* its work begins while we read on */
        }
    }
}

/* Says how far the sockets are drained, to a judge who may be asleep and waiting for just that. */
static void pass_publish(struct ingest *ingest)
{
    struct words *words = ingest->setup.words;
    for (uint32_t i = 0; i < ingest->slot_count; i++) {
        if (ingest->slots[i].drained) {
            watermark_advance(&words->watermarks[i], ingest->pass_mono_ns);
        }
    }
    /* ORDER ingest.pass, release: after the watermarks. Pairs with the judge's acquire: a judge
     * that sees this pass beyond its deadline finds the watermarks beyond it too. */
    store_release(&words->ingest.pass_mono_ns, ingest->pass_mono_ns);
    count_relaxed(&words->ingest.passes, 1);
    store_relaxed(&words->ingest.allocated_bytes, thread_meter_bytes(&ingest->meter));
    store_relaxed(&words->ingest.openssl_bytes, thread_meter_openssl_bytes());
    /* ORDER judge.deadline, acquire: pairs with the judge's release; a stale one costs a
     * wake-up, not a verdict. */
    if (!ingest->spins &&
        ingest->pass_mono_ns >= load_acquire(&words->judge.next_deadline_mono_ns)) {
        judge_wake(ingest);
    }
}

void ingest_pass(struct ingest *ingest)
{
    pass_begin(ingest);
    if (!stall_report(ingest)) {
        ingest->met_full_ring = true;
        judge_wake(ingest);
        return;
    }
    orders_take(ingest);
    kernel_ask(ingest, 0);
    slots_serve(ingest);
    pass_publish(ingest);
}

/* Blocks until something can be read, a deadline has come, or SLEEP_MAX_MS have passed; serves
 * what was reported. No watermark moves: the kernel was asked before the stamp. */
static void ingest_sleep(struct ingest *ingest)
{
    kernel_ask(ingest, SLEEP_MAX_MS);
    pass_begin(ingest);
    if (stall_report(ingest)) {
        slots_serve(ingest);
    }
}

void *ingest_run(void *user)
{
    struct ingest *ingest = user;
    struct words *words = ingest->setup.words;
    ingest->meter = thread_meter_begin();
    while (load_acquire(&words->stop) == 0) { /* acquire: pairs with flatline_stop()'s release */
        ingest_pass(ingest);
        if (ingest->spins) {
            cpu_pause();
        } else if (ingest->met_full_ring) {
            const struct timespec pause = {0, FULL_PAUSE_NS};
            (void)nanosleep(&pause, NULL);
        } else if (!ingest->has_backlog) {
            ingest_sleep(ingest);
        }
    }
    return NULL;
}
