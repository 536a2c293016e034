/* SPDX-License-Identifier: MIT
 *
 * One function per phase; each does what it can without waiting and says BUSY, or moves to the
 * next phase. Who waits for what is in fd, events and deadline; dial_advance() runs phases until
 * one must wait.
 */
#include "feeds/connection_dial.h"

#include "core/base.h"
#include "feeds/connection_socket.h"
#include "feeds/connection_tls.h"
#include "feeds/websocket_upgrade.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define PHASE_TIMEOUT_NS (3 * NS_PER_S)
#define USER_TIMEOUT_MS  10000U
#define HOST_BYTES_MAX   256U
#define PATH_BYTES_MAX   4096U
#define PHASE_COUNT      (LINK_OPEN + 1)

_Static_assert(DIAL_ADDRESSES_MAX == RESOLVE_ADDRESSES_MAX, "as many are kept as are tried");

struct dial {
    struct dial_tls *tls;
    struct connection_limits limits;
    char host[HOST_BYTES_MAX];
    uint16_t port;
    uint32_t socket_receive_bytes;
    uint32_t user_timeout_ms;
    uint64_t timeout_ns[PHASE_COUNT];

    enum dial_status status;
    enum link_phase phase;
    uint64_t phase_start_mono_ns;
    uint64_t deadline_mono_ns;
    uint64_t phase_ns[PHASE_COUNT];
    short events;

    struct resolve *resolve;
    struct resolve_result addresses;
    struct resolve_address avoid; /* size_bytes 0: none */
    uint32_t address_index;       /* the one being tried */
    int fd;                       /* until ssl owns it */
    SSL *ssl;
    struct connection *connection;
    struct link_report report;

    char accept[UPGRADE_ACCEPT_BYTES];
    char request[UPGRADE_REQUEST_BYTES_MAX];
    size_t request_bytes;
    size_t request_sent_bytes;
    char answer[UPGRADE_ANSWER_BYTES_MAX];
    size_t answer_bytes;
};

/* ---- outcomes -------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static enum dial_status
fail(struct dial *dial, enum link_end how, int32_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(dial->report.text, sizeof(dial->report.text), format, arguments);
    va_end(arguments);
    dial->report.phase = dial->phase;
    dial->report.how = how;
    dial->report.code = code;
    dial->status = DIAL_FAILED;
    return DIAL_FAILED;
}

static enum dial_status fail_errno(struct dial *dial, int error)
{
    char text[LINK_TEXT_BYTES];
    return fail(dial, LINK_END_ERROR, error, "%s", strerror_r(error, text, sizeof(text)));
}

/* The socket's own word on why TLS or the upgrade stopped, if it has one. */
static enum dial_status fail_socket(struct dial *dial, const char *doing)
{
    const struct connection_socket *const socket = connection_socket_of(dial->ssl);
    const int error = socket->read_errno != 0 ? socket->read_errno : socket->write_errno;
    if (error != 0) {
        ERR_clear_error();
        return fail_errno(dial, error);
    }
    if (socket->said_fin) {
        ERR_clear_error();
        return fail(dial, LINK_END_EOF, 0, "FIN in %s", doing);
    }
    char text[LINK_TEXT_BYTES];
    const int code = dial_tls_error(dial->ssl, text, sizeof(text));
    return fail(dial, LINK_END_TLS, code, "%s", text);
}

static void enter(struct dial *dial, enum link_phase phase, uint64_t now_mono_ns)
{
    if (phase != dial->phase) {
        dial->phase_ns[dial->phase] = now_mono_ns - dial->phase_start_mono_ns;
        dial->phase = phase;
        dial->phase_start_mono_ns = now_mono_ns;
    }
    dial->deadline_mono_ns = now_mono_ns + dial->timeout_ns[phase];
}

static void close_socket(struct dial *dial)
{
    if (dial->ssl != NULL) {
        connection_socket_close(dial->ssl);
        SSL_free(dial->ssl);
        dial->ssl = NULL;
        ERR_clear_error();
    } else if (dial->fd >= 0) {
        (void)close(dial->fd);
    }
    dial->fd = -1;
}

/* ---- phases: each returns true when the next may run at once --------------------------------- */

static bool set_options(int fd, const struct dial *dial)
{
    const int one = 1;
    const int receive_bytes = (int)dial->socket_receive_bytes;
    if (receive_bytes > 0) { /* before connect: afterwards it no longer widens the window */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    }
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
           setsockopt(fd,
                      IPPROTO_TCP,
                      TCP_USER_TIMEOUT,
                      &dial->user_timeout_ms,
                      sizeof(dial->user_timeout_ms)) == 0;
}

/* Starts connecting to the current address, or to the first after it that lets itself be tried at
 * all. */
static bool tcp_begin(struct dial *dial, uint64_t now_mono_ns)
{
    int error = 0;
    for (; dial->address_index < dial->addresses.count; dial->address_index++) {
        const struct resolve_address *const address =
            &dial->addresses.addresses[dial->address_index];
        dial->fd =
            socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (dial->fd >= 0 && set_options(dial->fd, dial)) {
            const struct sockaddr *const to = (const struct sockaddr *)&address->storage;
            if (connect(dial->fd, to, address->size_bytes) == 0 || errno == EINPROGRESS) {
                enter(dial, LINK_TCP, now_mono_ns);
                dial->events = POLLOUT;
                return true;
            }
        }
        error = errno;
        close_socket(dial);
    }
    (void)fail_errno(dial, error);
    return false;
}

static bool dns_step(struct dial *dial, uint64_t now_mono_ns)
{
    if (!resolve_poll(dial->resolve, &dial->addresses)) {
        return false;
    }
    resolve_abandon(dial->resolve);
    dial->resolve = NULL;
    const int gai_error = dial->addresses.gai_error;
    if (gai_error != 0) {
        (void)fail(dial,
                   LINK_END_ERROR,
                   gai_error == EAI_SYSTEM ? dial->addresses.gai_errno : gai_error,
                   "%s: %s",
                   gai_strerror(gai_error),
                   dial->host);
        return false;
    }
    if (dial->avoid.size_bytes > 0) {
        resolve_put_last(&dial->addresses, &dial->avoid);
    }
    enter(dial, LINK_TCP, now_mono_ns);
    return tcp_begin(dial, now_mono_ns);
}

static bool tls_begin(struct dial *dial, uint64_t now_mono_ns)
{
    enter(dial, LINK_TLS, now_mono_ns);
    dial->ssl = dial_tls_open(dial->tls, dial->host, dial->fd);
    if (dial->ssl == NULL) {
        (void)fail(dial, LINK_END_TLS, 0, "no TLS client");
        return false;
    }
    return true;
}

static bool tcp_step(struct dial *dial, uint64_t now_mono_ns)
{
    struct pollfd ready = {.fd = dial->fd, .events = POLLOUT};
    int error = 0;
    socklen_t error_bytes = sizeof(error);
    if (poll(&ready, 1, 0) <= 0) {
        return false;
    }
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) != 0) {
        error = errno;
    }
    if (error == 0) {
        return tls_begin(dial, now_mono_ns);
    }
    close_socket(dial);
    dial->address_index++;
    if (dial->address_index < dial->addresses.count) {
        return tcp_begin(dial, now_mono_ns);
    }
    (void)fail_errno(dial, error);
    return false;
}

/* Sets what to wait for after a step of OpenSSL that did not finish. false: it failed. */
static bool tls_must_wait(struct dial *dial)
{
    const int error = SSL_get_error(dial->ssl, 0);
    if (connection_socket_of(dial->ssl)->write_errno != 0) {
        return false;
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        dial->events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return true;
    }
    return false;
}

static bool tls_step(struct dial *dial, uint64_t now_mono_ns)
{
    ERR_clear_error();
    if (SSL_do_handshake(dial->ssl) != 1) {
        if (!tls_must_wait(dial)) {
            (void)fail_socket(dial, "the TLS handshake");
        }
        return false;
    }
    enter(dial, LINK_UPGRADE, now_mono_ns);
    return true;
}

/* The answer is accepted: everything behind it goes into the connection. */
static void open_connection(struct dial *dial, size_t header_bytes, uint64_t now_mono_ns)
{
    dial->connection = connection_create(dial->ssl, &dial->limits);
    if (dial->connection == NULL) {
        (void)fail_errno(dial, ENOMEM);
        return;
    }
    dial->ssl = NULL;
    dial->fd = -1;
    const int error = connection_preload(dial->connection,
                                         dial->answer + header_bytes,
                                         dial->answer_bytes - header_bytes,
                                         now_mono_ns);
    flatline_assert(error == 0); /* its buffer holds a TLS record and more */
    enter(dial, LINK_OPEN, now_mono_ns);
    dial->status = DIAL_DONE;
}

static bool judge_answer(struct dial *dial, uint64_t now_mono_ns)
{
    struct upgrade_answer answer;
    switch (upgrade_parse(dial->answer, dial->answer_bytes, dial->accept, &answer)) {
    case UPGRADE_MORE:
        return true;
    case UPGRADE_ACCEPTED:
        open_connection(dial, answer.header_bytes, now_mono_ns);
        return false;
    case UPGRADE_HTTP:
        dial->report.retry_after_ns = answer.retry_after_ns;
        (void)fail(dial, LINK_END_HTTP, answer.http_status, "%s", answer.text);
        return false;
    case UPGRADE_REFUSED:
        break;
    }
    (void)fail(dial, LINK_END_PROTOCOL, WEBSOCKET_CLOSE_PROTOCOL, "%s", answer.text);
    return false;
}

static bool upgrade_step(struct dial *dial, uint64_t now_mono_ns)
{
    size_t moved_bytes = 0;
    ERR_clear_error();
    if (dial->request_sent_bytes < dial->request_bytes) {
        if (SSL_write_ex(dial->ssl,
                         dial->request + dial->request_sent_bytes,
                         dial->request_bytes - dial->request_sent_bytes,
                         &moved_bytes) == 1) {
            dial->request_sent_bytes += moved_bytes;
            return true;
        }
    } else if (SSL_read_ex(dial->ssl,
                           dial->answer + dial->answer_bytes,
                           sizeof(dial->answer) - dial->answer_bytes,
                           &moved_bytes) == 1) {
        dial->answer_bytes += moved_bytes;
        return judge_answer(dial, now_mono_ns);
    }
    if (!tls_must_wait(dial)) {
        (void)fail_socket(dial, "the upgrade");
    }
    return false;
}

static bool dial_step(struct dial *dial, uint64_t now_mono_ns)
{
    switch (dial->phase) {
    case LINK_DNS:
        return dns_step(dial, now_mono_ns);
    case LINK_TCP:
        return tcp_step(dial, now_mono_ns);
    case LINK_TLS:
        return tls_step(dial, now_mono_ns);
    case LINK_UPGRADE:
        return upgrade_step(dial, now_mono_ns);
    case LINK_OPEN:
        break;
    }
    return false;
}

/* A phase ran out of time: TCP may have another address to try. */
static void time_out(struct dial *dial, uint64_t now_mono_ns)
{
    static const char *const waited_for[PHASE_COUNT] = {"DNS", "TCP", "TLS", "upgrade", ""};
    if (dial->phase == LINK_TCP && dial->address_index + 1 < dial->addresses.count) {
        close_socket(dial);
        dial->address_index++;
        (void)tcp_begin(dial, now_mono_ns);
        return;
    }
    (void)fail(dial,
               LINK_END_TIMEOUT,
               ETIMEDOUT,
               "%s: no answer in %llu ms",
               waited_for[dial->phase],
               (unsigned long long)(dial->timeout_ns[dial->phase] / NS_PER_MS));
}

enum dial_status dial_advance(struct dial *dial, uint64_t now_mono_ns)
{
    while (dial->status == DIAL_BUSY && dial_step(dial, now_mono_ns)) {
        /* each step either reads or writes bytes of a bounded exchange or enters a later phase */
    }
    if (dial->status == DIAL_BUSY && now_mono_ns >= dial->deadline_mono_ns) {
        time_out(dial, now_mono_ns);
    }
    if (dial->status == DIAL_FAILED) {
        close_socket(dial);
        resolve_abandon(dial->resolve);
        dial->resolve = NULL;
    }
    return dial->status;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* "127.0.0.1", "127.0.0.1:9443", "::1", "[::1]", "[::1]:9443": a numeric address with or without a
 * port of its own. */
static bool address_parse(const char *address, uint16_t port, struct resolve_result *ret_addresses)
{
    char host[HOST_BYTES_MAX];
    const char *const bracket = strrchr(address, ']');
    const char *colon = strchr(bracket != NULL ? bracket : address, ':');
    if (bracket == NULL && colon != NULL && strchr(colon + 1, ':') != NULL) {
        colon = NULL; /* a bare IPv6 address */
    }
    const char *const first = bracket != NULL ? address + 1 : address;
    const char *const last = bracket != NULL ? bracket
                             : colon != NULL ? colon
                                             : address + strlen(address);
    if ((bracket != NULL && address[0] != '[') || last <= first ||
        (size_t)(last - first) >= sizeof(host)) {
        return false;
    }
    memcpy(host, first, (size_t)(last - first));
    host[last - first] = '\0';
    if (colon != NULL) {
        char *number_end = NULL;
        const unsigned long number = strtoul(colon + 1, &number_end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *number_end != '\0' || number == 0 ||
            number > UINT16_MAX) {
            return false;
        }
        port = (uint16_t)number;
    } else if (bracket != NULL && bracket[1] != '\0') {
        return false;
    }
    return resolve_numeric(host, port, ret_addresses);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static int write_request(struct dial *dial, const struct dial_params *params)
{
    char key[UPGRADE_KEY_BYTES];
    if (strlen(params->host) >= sizeof(dial->host) || strlen(params->path) > PATH_BYTES_MAX) {
        return -EINVAL;
    }
    memcpy(dial->host, params->host, strlen(params->host) + 1);
    int result = upgrade_key(key);
    if (result == 0) {
        result = upgrade_accept(key, dial->accept);
    }
    if (result == 0) {
        result = upgrade_request(
            params->host, params->port, params->path, key, dial->request, sizeof(dial->request));
    }
    if (result < 0) {
        return result;
    }
    dial->request_bytes = (size_t)result;
    return 0;
}

/* Finds where to connect: a numeric address now, a name by the resolver. */
static int begin(struct dial *dial, const struct dial_params *params, uint64_t now_mono_ns)
{
    bool is_known;
    if (params->address != NULL) {
        if (!address_parse(params->address, params->port, &dial->addresses)) {
            return -EINVAL;
        }
        is_known = true;
    } else {
        is_known = resolve_numeric(params->host, params->port, &dial->addresses);
    }
    dial->phase = LINK_DNS;
    dial->phase_start_mono_ns = now_mono_ns;
    enter(dial, LINK_DNS, now_mono_ns);
    dial->events = POLLIN;
    if (!is_known) {
        return resolve_start(params->host, params->port, &dial->resolve);
    }
    enter(dial, LINK_TCP, now_mono_ns);
    (void)tcp_begin(dial, now_mono_ns); /* a failure is told by dial_advance() */
    return 0;
}

int dial_start(const struct dial_params *params, uint64_t now_mono_ns, struct dial **ret_dial)
{
    struct dial *const dial = calloc(1, sizeof(*dial));
    if (dial == NULL) {
        return -ENOMEM;
    }
    dial->fd = -1;
    dial->tls = params->tls;
    dial->port = params->port;
    dial->limits = (struct connection_limits){params->message_bytes_max, params->send_bytes_max};
    dial->socket_receive_bytes = params->socket_receive_bytes;
    dial->user_timeout_ms =
        params->user_timeout_ms != 0 ? params->user_timeout_ms : USER_TIMEOUT_MS;
    dial->timeout_ns[LINK_DNS] = or_default(params->dns_timeout_ns, PHASE_TIMEOUT_NS);
    dial->timeout_ns[LINK_TCP] = or_default(params->tcp_timeout_ns, PHASE_TIMEOUT_NS);
    dial->timeout_ns[LINK_TLS] = or_default(params->tls_timeout_ns, PHASE_TIMEOUT_NS);
    dial->timeout_ns[LINK_UPGRADE] = or_default(params->upgrade_timeout_ns, PHASE_TIMEOUT_NS);
    if (params->avoid != NULL) {
        dial->avoid = *params->avoid;
    }
    int error = write_request(dial, params);
    if (error == 0) {
        error = begin(dial, params, now_mono_ns);
    }
    if (error != 0) {
        dial_destroy(dial);
        return error;
    }
    *ret_dial = dial;
    return 0;
}

/* ---- looking --------------------------------------------------------------------------------- */

int dial_fd(const struct dial *dial)
{
    if (dial->status != DIAL_BUSY) {
        return -1;
    }
    return dial->resolve != NULL ? resolve_fd(dial->resolve) : dial->fd;
}

short dial_events(const struct dial *dial)
{
    return dial->events;
}

uint64_t dial_deadline_mono_ns(const struct dial *dial)
{
    return dial->status == DIAL_BUSY ? dial->deadline_mono_ns
                                     : 0; /* an outcome should be fetched at once */
}

enum link_phase dial_phase(const struct dial *dial)
{
    return dial->phase;
}

const struct resolve_address *dial_address(const struct dial *dial)
{
    return &dial->addresses.addresses[dial->address_index];
}

struct connection *dial_take(struct dial *dial)
{
    struct connection *const connection = dial->connection;
    flatline_assert(connection != NULL);
    dial->connection = NULL;
    return connection;
}

const struct link_report *dial_report(const struct dial *dial)
{
    return &dial->report;
}

uint64_t dial_phase_ns(const struct dial *dial, enum link_phase phase)
{
    return dial->phase_ns[phase];
}

void dial_destroy(struct dial *dial)
{
    if (dial == NULL) {
        return;
    }
    connection_destroy(dial->connection);
    resolve_abandon(dial->resolve);
    close_socket(dial);
    OPENSSL_cleanse(dial->request, sizeof(dial->request)); /* the path may carry a listenKey */
    free(dial);
}
