/* SPDX-License-Identifier: MIT */
#include "sentinel/control.h"

#include "core/clock.h"
#include "sentinel/control_private.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_IDLE_MS 20 /* connections that end are noticed within this */
#define WAIT_REST_MS 1  /* for the sake of the round-trip stamps */
#define INBOX_BATCH  16U

void control_tell(struct control *control, const struct event *event)
{
    /* A full ring is counted in it; the judge drains within milliseconds, so one would have to
     * be stopped for thousands of these. */
    (void)ring_push(control->setup.to_judge, event);
    if (control->setup.config->wait == THREAD_BLOCK) {
        (void)wakeup_signal(&control->setup.words->judge.asleep);
    }
}

void control_log(struct control *control, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_queue_push(control->setup.log, format, arguments);
    va_end(arguments);
}

void control_error(struct control *control, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_queue_push(control->setup.log, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    text_queue_push(control->setup.errors, format, arguments);
    va_end(arguments);
}

/* wss://host[:port] -> host, port. The configuration has checked the shape; this checks what it
 * uses. */
static int url_split(const char *url, char *host, uint16_t *ret_port)
{
    const char *start = strstr(url, "://");
    if (start == NULL) {
        return -EINVAL;
    }
    start += 3;
    const size_t host_bytes = strcspn(start, ":/");
    unsigned long port = 443;
    if (start[host_bytes] == ':') {
        port = strtoul(start + host_bytes + 1, NULL, 10);
    }
    if (host_bytes == 0 || host_bytes >= CONTROL_HOST_BYTES || port == 0 || port > 65535) {
        return -EINVAL;
    }
    memcpy(host, start, host_bytes);
    host[host_bytes] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

static int
venue_init(struct control *control, uint32_t index, char *error_text, size_t error_text_bytes)
{
    const struct config_venue *config = &control->setup.config->venues[index];
    struct control_venue *venue = &control->venues[index];
    venue->control = control;
    venue->venue = (enum flatline_venue)index;
    if (!config->used) {
        return 0;
    }
    const struct venue_facts *facts = venue_facts(venue->venue);
    backoff_budget_init(&venue->budget, facts->connects_per_5min_max);
    int result = url_split(config->ws_url, venue->host, &venue->port);
    if (result != 0) {
        (void)snprintf(
            error_text, error_text_bytes, "%s: cannot use the URL %s", facts->name, config->ws_url);
        return result;
    }
    result = dial_tls_create(config->ca_file, &venue->tls, error_text, error_text_bytes);
    if (result != 0) {
        return result;
    }
    result =
        rest_add_venue(control->rest, index, config->rest_url, config->address, config->ca_file);
    if (result != 0) {
        const char *what = result == -ENOENT
                               ? "no certificates to trust (package ca-certificates?) for"
                               : "cannot use";
        (void)snprintf(
            error_text, error_text_bytes, "%s: %s %s", facts->name, what, config->rest_url);
        return result;
    }
    time_init(venue, clock_mono_ns());
    for (uint32_t i = 0; control->setup.terms != NULL && i < control->setup.terms->spent[index];
         i++) {
        backoff_budget_spend(&venue->budget, clock_mono_ns()); /* the address is the same */
    }
    if (control->setup.terms != NULL && control->setup.terms->held_ns[index] > 0) {
        venue->budget.not_before_mono_ns = clock_mono_ns() + control->setup.terms->held_ns[index];
    }
    return 0;
}

int control_create(const struct control_setup *setup,
                   struct control **ret_control,
                   char *error_text,
                   size_t error_text_bytes)
{
    struct control *control = calloc(1, sizeof(*control));
    if (control == NULL) {
        return -ENOMEM;
    }
    control->setup = *setup;
    control->stands_by = setup->terms != NULL ? 1 : 0;
    control->line_count = setup->plan->line_count;
    control->lines = calloc(control->line_count + 1U, sizeof(*control->lines));
    control->polls = calloc(control->line_count + 1U + COMMAND_POLLS, sizeof(*control->polls));
    control->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int result = control->lines != NULL && control->polls != NULL ? 0 : -ENOMEM;
    if (control->poke_fd < 0) {
        result = -errno;
    }
    if (result == 0) {
        result = rest_create(&control->rest);
    }
    for (uint32_t i = 0; result == 0 && i < CONFIG_VENUES; i++) {
        result = venue_init(control, i, error_text, error_text_bytes);
    }
    if (result == 0) {
        result = user_init(control, error_text, error_text_bytes);
    }
    if (result == 0) {
        result = orders_init(control);
    }
    if (result == 0) {
        result = silences_init(control);
    }
    if (result == 0) {
        result = witness_init(control);
    }
    if (result != 0) {
        control_destroy(control);
        return result;
    }
    for (uint32_t i = 0; i < control->line_count; i++) {
        line_init(control, i);
    }
    *ret_control = control;
    return 0;
}

static struct command_setup commands_setup(struct control *control)
{
    return (struct command_setup){.path = control->setup.config->control_socket,
                                  .group = control->setup.config->control_group,
                                  .on_line = orders_on_line,
                                  .on_refused = orders_on_refused,
                                  .on_gone = offer_on_gone,
                                  .user = control};
}

static int
listen_result(const struct control *control, int error, char *error_text, size_t error_text_bytes)
{
    if (error != 0) {
        (void)snprintf(error_text,
                       error_text_bytes,
                       "control_socket: cannot listen at %s: %s",
                       control->setup.config->control_socket,
                       strerror(-error));
    }
    return error;
}

int control_listen(struct control *control, char *error_text, size_t error_text_bytes)
{
    if (control->setup.config->control_socket == NULL) {
        return 0;
    }
    const struct command_setup setup = commands_setup(control);
    const int error = command_socket_open(&setup, &control->commands);
    return listen_result(control, error, error_text, error_text_bytes);
}

/* ---- standing by ----------------------------------------------------------------------------- */

int control_prepare(struct control *control, char *error_text, size_t error_text_bytes)
{
    if (control->setup.config->control_socket == NULL) {
        return 0;
    }
    const struct command_setup setup = commands_setup(control);
    const int error = command_socket_prepare(&setup, &control->commands);
    return listen_result(control, error, error_text, error_text_bytes);
}

int control_adopt_advice(struct control *control, const char *text)
{
    return orders_adopt(control, text);
}

void control_load_advice(struct control *control)
{
    orders_load(control);
}

bool control_advice_is_out(const struct control *control)
{
    /* ORDER advice.published, acquire: whoever renames the segment into place behind this has its
     * gates' lines in it. */
    return load_acquire(&control->setup.words->judge.advised) ==
           load_relaxed(&control->setup.advice->head); /* relaxed: it is we who push */
}

int control_go(struct control *control,
               uint64_t serve_from_mono_ns,
               char *error_text,
               size_t error_text_bytes)
{
    int error = 0;
    if (control->commands != NULL) {
        error = command_socket_place(control->commands);
    }
    (void)orders_save(control); /* its file may be another than the predecessor's */
    control->serve_from_mono_ns = serve_from_mono_ns;
    /* ORDER takeover.standby, release: the table and the socket are the control thread's. */
    store_release(&control->stands_by, 0);
    return listen_result(control, error, error_text, error_text_bytes);
}

void control_destroy(struct control *control)
{
    if (control == NULL) {
        return;
    }
    struct handover order;
    while (handover_take(control->setup.ended, &order) ||
           handover_take(control->setup.orders, &order)) {
        connection_destroy(
            order.connection); /* NULL in a CLOSE; one that was never adopted is ours again */
    }
    for (uint32_t i = 0; control->lines != NULL && i < control->line_count; i++) {
        line_destroy(&control->lines[i]);
    }
    rest_destroy(control->rest);
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        dial_tls_destroy(control->venues[i].tls);
    }
    if (control->poke_fd >= 0) {
        (void)close(control->poke_fd);
    }
    listen_key_wipe(&control->key);
    command_socket_close(control->commands);
    witness_destroy(control->witness);
    free(control->state_file);
    silences_destroy(control);
    explicit_bzero(control->api_key, sizeof(control->api_key));
    free(control->lines);
    free(control->polls);
    free(control);
}

void control_poke(struct control *control)
{
    const uint64_t one = 1;
    const ssize_t written = write(control->poke_fd, &one, sizeof(one));
    (void)written; /* a full counter is a wake-up all the same */
}

static void notice_take(struct control *control, const struct event *event, uint64_t now_mono_ns)
{
    const uint32_t slot = event->connection;
    const struct plan_line *line = control->lines[plan_line_of(slot)].plan;
    const char *name = line->name;
    /* the four kinds ingest copies to us */
    if (event->kind == EVENT_NOTICE) {
        line_rotate(control, slot, "the venue announces an end");
    } else if (event->kind == EVENT_KEY_EXPIRED) {
        user_key_expired(control, event, now_mono_ns);
    } else if (event->kind == EVENT_SUBSCRIBE_ERROR) {
        control_error(control,
                      "%s: subscription refused, code %lld: %.31s",
                      name,
                      (long long)event->note.code,
                      event->note.text);
    } else if (event->kind == EVENT_VENUE_STATUS) {
        witness_status_pushed(control, line->venue, event, now_mono_ns);
    }
}

static void inbox_take(struct control *control, uint64_t now_mono_ns)
{
    struct handover ended;
    while (handover_take(control->setup.ended, &ended)) { /* bounded: one a slot */
        line_ended(control, &ended, now_mono_ns);
    }
    struct event events[INBOX_BATCH];
    const size_t count = ring_pop(control->setup.from_ingest, events, INBOX_BATCH);
    for (size_t i = 0; i < count; i++) {
        if (events[i].connection < plan_slot_count(control->setup.plan)) {
            notice_take(control, &events[i], now_mono_ns);
        }
    }
}

/* Waits for a dial, a command, a poke, or the time limit. */
static void control_wait(struct control *control, bool serves, bool rest_is_busy)
{
    nfds_t count = control->line_count + 1U;
    control->polls[0] = (struct pollfd){.fd = control->poke_fd, .events = POLLIN};
    for (uint32_t i = 0; i < control->line_count; i++) {
        const struct dial *dial = control->lines[i].dial;
        control->polls[i + 1U] =
            (struct pollfd){.fd = dial != NULL ? dial_fd(dial) : -1,
                            .events = dial != NULL ? dial_events(dial) : (short)0};
    }
    if (serves) {
        command_socket_polls(control->commands, &control->polls[count]);
        count += COMMAND_POLLS;
    }
    const int limit = rest_is_busy ? WAIT_REST_MS : WAIT_IDLE_MS;
    if (poll(control->polls, count, limit) > 0 && control->polls[0].revents != 0) {
        uint64_t ignored;
        const ssize_t got = read(control->poke_fd, &ignored, sizeof(ignored));
        (void)got;
    }
}

/* The table and the socket of one that stands by are another thread's. */
bool control_has_orders(const struct control *control)
{
    return load_acquire(&control->stands_by) == 0; /* ORDER takeover.standby, acquire */
}

void *control_run(void *user)
{
    struct control *control = user;
    bool rest_is_busy = false;
    while (load_acquire(&control->setup.words->stop) ==
           0) { /* acquire: pairs with flatline_stop()'s release */
        const bool orders = control_has_orders(control);
        const bool serves =
            orders && control->commands != NULL && clock_mono_ns() >= control->serve_from_mono_ns;
        control_wait(control, serves, rest_is_busy);
        const uint64_t now = clock_mono_ns();
        inbox_take(control, now);
        user_step(control, now);
        for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
            time_step(&control->venues[i], now);
        }
        for (uint32_t i = 0; i < control->line_count; i++) {
            line_step(control, &control->lines[i], control->polls[i + 1U].revents != 0, now);
        }
        if (serves) {
            command_socket_serve(control->commands, &control->polls[control->line_count + 1U], now);
            offer_step(control, now);
        }
        if (orders) {
            orders_step(control, now);
            name_step(control, now);
        }
        silences_step(control, now);
        witness_step(control, now);
        rest_is_busy = rest_service(control->rest, now);
    }
    return NULL;
}
