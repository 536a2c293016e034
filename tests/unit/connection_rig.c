/* SPDX-License-Identifier: MIT */
#include "unit/connection_rig.h"

#include "feeds/connection_socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

static struct peer_identity identity;
static BIO_METHOD *method;
static SSL_CTX *client_context;

static uint64_t clock_now = 1000;

static uint64_t counting_clock(void)
{
    return ++clock_now;
}

static bool hear(void *user, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    static const char kinds[] = "?TB??????PQ";
    struct rig *const rig = user;
    if (rig->heard >= rig->refuse_after) {
        return false;
    }
    assert_true(rig->heard < RIG_HEARD_MAX);
    const int shown_bytes = (int)(message->size_bytes < 50 ? message->size_bytes : 50);
    (void)snprintf(rig->texts[rig->heard],
                   sizeof(rig->texts[0]),
                   "%c:%.*s",
                   kinds[message->opcode],
                   shown_bytes,
                   (const char *)message->bytes);
    rig->stamps[rig->heard] = recv_mono_ns;
    rig->last_bytes = message->size_bytes;
    rig->pong_stamp = connection_pong_stamp(message);
    rig->heard++;
    return true;
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    return fd;
}

int rig_open(void **state)
{
    struct rig *const rig = calloc(1, sizeof(*rig));
    uint16_t port = 0;
    const int listen_fd = peer_listen(&port);
    const int fd = connect_to(port);
    peer_accept(&rig->peer, &identity, listen_fd);
    (void)close(listen_fd);
    SSL *const ssl = SSL_new(client_context);
    assert_int_equal(connection_socket_attach(ssl, method, fd), 0);
    SSL_set_connect_state(ssl);
    for (int i = 0; i < 1000 && SSL_do_handshake(ssl) != 1; i++) {
        peer_pump(&rig->peer);
    }
    assert_true(SSL_is_init_finished(ssl));
    rig->connection = connection_create(ssl, &(struct connection_limits){RIG_MESSAGE_BYTES_MAX, 0});
    assert_non_null(rig->connection);
    rig->refuse_after = UINT32_MAX;
    peer_pump(&rig->peer);
    *state = rig;
    return 0;
}

int rig_close(void **state)
{
    struct rig *const rig = *state;
    connection_destroy(rig->connection);
    peer_close(&rig->peer);
    free(rig);
    return 0;
}

enum connection_status read_once(struct rig *rig, uint32_t budget_bytes)
{
    return connection_read(rig->connection, counting_clock, budget_bytes, hear, rig);
}

/* Waits for the loopback to have brought something, then reads. */
enum connection_status read_ready(struct rig *rig)
{
    struct pollfd ready = {.fd = connection_fd(rig->connection), .events = POLLIN};
    (void)poll(&ready, 1, 5000);
    return read_once(rig, RIG_BUDGET_BYTES);
}

/* The client's next frame as the peer sees it, e.g. "9:payload"; "" if there is none. */
static void peer_frame(struct rig *rig, char *shown, size_t shown_bytes)
{
    static uint8_t bytes[4096];
    unsigned opcode = 0;
    uint8_t *payload = NULL;
    size_t payload_bytes = 0;
    struct pollfd ready = {.fd = rig->peer.fd, .events = POLLIN};
    shown[0] = '\0';
    (void)poll(&ready, 1, 50);
    size_t received = 0;
    size_t more;
    while ((more = peer_receive(&rig->peer, bytes + received, sizeof(bytes) - received)) > 0) {
        received += more;
    }
    if (peer_unmask(bytes, received, &opcode, &payload, &payload_bytes) == 0) {
        return;
    }
    if (opcode == WEBSOCKET_CLOSE && payload_bytes >= 2) {
        (void)snprintf(shown,
                       shown_bytes,
                       "8:%u:%.*s",
                       (unsigned)(payload[0] << 8 | payload[1]),
                       (int)payload_bytes - 2,
                       (const char *)payload + 2);
    } else {
        (void)snprintf(
            shown, shown_bytes, "%x:%.*s", opcode, (int)payload_bytes, (const char *)payload);
    }
}

void expect_peer_frame(struct rig *rig, const char *expected)
{
    char shown[256];
    peer_frame(rig, shown, sizeof(shown));
    assert_string_equal(shown, expected);
}

void expect_end(const struct rig *rig, enum link_end how, int32_t code, const char *text)
{
    const struct link_report *const report = connection_report(rig->connection);
    assert_int_equal(report->phase, LINK_OPEN);
    assert_int_equal(report->how, how);
    assert_int_equal(report->code, code);
    if (text != NULL) {
        assert_string_equal(report->text, text);
    }
}

uint64_t rig_clock_now(void)
{
    return clock_now;
}

int rig_group_open(void **state)
{
    (void)state;
    peer_identity_open(&identity);
    (void)SSL_CTX_set_num_tickets(
        identity.context, 0); /* here every wire byte is the test's; test_dial has tickets */
    method = connection_socket_method();
    client_context = SSL_CTX_new(TLS_client_method());
    (void)SSL_CTX_set_mode(client_context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return method == NULL || client_context == NULL;
}

int rig_group_close(void **state)
{
    (void)state;
    SSL_CTX_free(client_context);
    BIO_meth_free(method);
    peer_identity_close(&identity);
    return 0;
}
