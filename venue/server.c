/* SPDX-License-Identifier: MIT
 *
 * server.c - the one loop. libwebsockets polls its sockets and our descriptors alike: listeners,
 * timer, signals, control.
 *
 * lws_service() sleeps until its own next timer whatever it is told, and its poll counts in
 * milliseconds; so everything that is due by the clock hangs on one timerfd. Accepting is done
 * here, to be able not to.
 */
#include "venue/server_parts.h"

#include "core/base.h"
#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BACKLOG       512
#define HEADER_BYTES  65000 /* a URL with a thousand streams */
#define HEADER_POOL   64
#define SERVICE_BYTES 65536
#define KEEP_ALIVE_S  300
#define HANDSHAKE_S   10

static int inner_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size_bytes)
{
    struct watch *watch = lws_get_opaque_user_data(wsi);
    (void)user;
    (void)in;
    (void)size_bytes;

    if (reason == LWS_CALLBACK_RAW_RX_FILE && watch != NULL) {
        return watch->ready(watch) ? 0 : -1;
    }
    if (reason == LWS_CALLBACK_RAW_CLOSE_FILE && watch != NULL) {
        lws_set_opaque_user_data(wsi, NULL);
        watch->gone(watch);
    }
    return 0;
}

static const struct lws_protocols VENUE_PROTOCOLS[] = {
    {"flatline-venue", wire_callback, 0, 16384, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static const struct lws_protocols INNER_PROTOCOLS[] = {
    {"inner", inner_callback, 0, 0, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* No pings or hang-ups of libwebsockets' own: heartbeats are the venue's. */
static const lws_retry_bo_t NO_VALIDITY = {0};

struct server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* By the port the client came to: libwebsockets moves connections between vhosts by the Host
 * header. */
enum venue venue_of(struct lws *wsi)
{
    const struct server *server = server_of(wsi);
    struct sockaddr_in address = {0};
    socklen_t length = sizeof(address);

    (void)getsockname(lws_get_socket_fd(wsi), (struct sockaddr *)&address, &length);
    for (int venue = 0; venue < VENUE_COUNT; venue++) {
        if (server->ports[venue] == ntohs(address.sin_port)) {
            return (enum venue)venue;
        }
    }
    return VENUE_SPOT;
}

bool server_watch(struct server *server, struct watch *watch)
{
    const lws_sock_file_fd_type descriptor = {.filefd = watch->fd};
    watch->server = server;
    struct lws *wsi = lws_adopt_descriptor_vhost(
        server->inner, LWS_ADOPT_RAW_FILE_DESC, descriptor, "inner", NULL);
    if (wsi == NULL) {
        watch->gone(watch);
        return false;
    }
    watch->wsi = wsi;
    lws_set_opaque_user_data(wsi, watch);
    return true;
}

static void watch_free(struct watch *watch)
{
    text_free(&watch->line);
    free(watch);
}

static struct watch *watch_create(int fd, bool (*ready)(struct watch *watch))
{
    struct watch *watch = allocate(sizeof(*watch));
    watch->fd = fd;
    watch->ready = ready;
    watch->gone = watch_free;
    return watch;
}

/* ---- time ---- */

static void timer_set(struct server *server, uint64_t at_ns)
{
    if (at_ns == server->timer_at_ns) {
        return;
    }
    server->timer_at_ns = at_ns;
    const uint64_t due_ns = at_ns == ALARM_NEVER ? 0 : at_ns;
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(due_ns / NS_PER_S), .tv_nsec = (long)(due_ns % NS_PER_S)}};
    (void)timerfd_settime(server->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* What is held back at the door waits in the kernel's backlog. */
static void accept_all(struct server *server, enum venue venue)
{
    for (;;) {
        const int fd =
            accept4(server->listeners[venue]->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        const int yes = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        (void)lws_adopt_socket_vhost(server->outer, fd);
    }
}

static bool is_held(const struct server *server, enum venue venue)
{
    return faults_on_venue(&server->exchange->faults, FAULT_HOLD_ACCEPT, venue) != NULL;
}

static bool on_accept(struct watch *watch)
{
    if (!is_held(watch->server, watch->venue)) {
        accept_all(watch->server, watch->venue);
    }
    return true;
}

/* A listener not accepted from stays readable: it must leave the poll, or the loop spins. */
static void listeners_follow(struct server *server)
{
    for (int venue = 0; venue < VENUE_COUNT; venue++) {
        struct watch *watch = server->listeners[venue];
        if (watch != NULL && watch->is_paused != is_held(server, (enum venue)venue)) {
            watch->is_paused = !watch->is_paused;
            (void)lws_rx_flow_control(watch->wsi, watch->is_paused ? 0 : 1);
        }
    }
}

void server_rearm(struct server *server)
{
    const uint64_t actions_ns = actions_tick(server->actions, &server->is_over);
    const uint64_t exchange_ns =
        exchange_tick(server->exchange, (struct moment){clock_mono_ns(), clock_wall_ns()});
    listeners_follow(server);
    timer_set(server, actions_ns < exchange_ns ? actions_ns : exchange_ns);
}

static bool on_timer(struct watch *watch)
{
    uint64_t expirations;
    (void)!read(watch->fd, &expirations, sizeof(expirations));
    watch->server->timer_at_ns = 0;
    server_rearm(watch->server);
    return true;
}

static bool on_signal(struct watch *watch)
{
    struct signalfd_siginfo info;
    (void)!read(watch->fd, &info, sizeof(info));
    watch->server->is_over = true;
    return true;
}

/* ---- start ---- */

static int listen_on(unsigned port, unsigned *ret_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        const int error = errno;
        (void)close(fd);
        return -error;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static struct lws_vhost *outer_create(struct server *server)
{
    char certificate[4096];
    char key[4096];
    struct lws_context_creation_info info = {0};

    (void)snprintf(certificate, sizeof(certificate), "%s/server.pem", server->options.dir);
    (void)snprintf(key, sizeof(key), "%s/server.key", server->options.dir);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.vhost_name = "venues";
    info.protocols = VENUE_PROTOCOLS;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_IPV6;
    info.ssl_cert_filepath = certificate;
    info.ssl_private_key_filepath = key;
    info.alpn = "http/1.1";
    info.keepalive_timeout = KEEP_ALIVE_S;
    info.timeout_secs = HANDSHAKE_S;
    info.retry_and_idle_policy = &NO_VALIDITY;
    return lws_create_vhost(server->context, &info);
}

static int venue_open(struct server *server, enum venue venue)
{
    const unsigned wanted =
        server->options.port_base == 0 ? 0 : server->options.port_base + (unsigned)venue;
    const int fd = listen_on(wanted, &server->ports[venue]);
    if (fd < 0) {
        return fd;
    }
    struct watch *watch = watch_create(fd, on_accept);
    watch->venue = venue;
    server->listeners[venue] = watch;
    return server_watch(server, watch) ? 0 : -EPROTO;
}

static int context_create(struct server *server)
{
    struct lws_context_creation_info info = {0};

    lws_set_log_level(server->options.is_verbose ? LLL_ERR | LLL_WARN : 0, NULL);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.user = server;
    info.max_http_header_data2 = HEADER_BYTES;
    info.max_http_header_pool2 = HEADER_POOL;
    info.pt_serv_buf_size = SERVICE_BYTES;
    info.retry_and_idle_policy = &NO_VALIDITY;
    info.timeout_secs = HANDSHAKE_S;
    server->context = lws_create_context(&info);
    if (server->context == NULL) {
        return -EPROTO;
    }
    info.vhost_name = "inner";
    info.protocols = INNER_PROTOCOLS;
    server->inner = lws_create_vhost(server->context, &info);
    server->outer = outer_create(server);
    return server->inner == NULL || server->outer == NULL ? -EPROTO : 0;
}

static int clocks_open(struct server *server)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    const int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    server->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (signal_fd < 0 || server->timer_fd < 0) {
        return -errno;
    }
    return server_watch(server, watch_create(signal_fd, on_signal)) &&
                   server_watch(server, watch_create(server->timer_fd, on_timer))
               ? 0
               : -ENOMEM;
}

struct server *server_create(const struct server_options *options,
                             struct exchange *exchange,
                             struct actions *actions,
                             char *why,
                             size_t why_bytes)
{
    struct server *server = allocate(sizeof(*server));
    const char *what = "libwebsockets";

    server->options = *options;
    server->exchange = exchange;
    server->actions = actions;
    int result = context_create(server);
    for (int venue = 0; venue < VENUE_COUNT && result == 0; venue++) {
        if (options->serves[venue]) {
            what = venue_name((enum venue)venue);
            result = venue_open(server, (enum venue)venue);
        }
    }
    if (result == 0) {
        what = "timer and signals";
        result = clocks_open(server);
    }
    if (result == 0) {
        what = "control.sock";
        result = control_open(server);
    }
    if (result != 0) {
        (void)snprintf(why, why_bytes, "%s: %s", what, strerror(-result));
        server_destroy(server);
        return NULL;
    }
    return server;
}

void server_destroy(struct server *server)
{
    if (server->context != NULL) {
        lws_context_destroy(server->context);
    }
    free(server);
}

unsigned server_port(const struct server *server, enum venue venue)
{
    return server->ports[venue];
}

void server_run(struct server *server)
{
    server_rearm(server);
    while (!server->is_over && lws_service(server->context, 0) >= 0) {
    }
}
