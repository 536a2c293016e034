/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/connection says DRAINED only when it is, stamps the read that completed a frame, loses nothing under back pressure,
 * answers what it must, tells FIN, RST, TLS damage and close frames apart, and allocates nothing once made.
 * Method: a real TLS connection over loopback; the server's encrypted bytes are let through one by one where that matters;
 * the clock is a counter; malloc of our own objects is counted by the linker's --wrap.
 */
#include "feeds/connection.h"
#include "feeds/connection_socket.h"
#include "unit/tls_peer.h"

#include "core/base.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h> /* after the headers it needs */

#define BUDGET_BYTES      (256U * 1024U)
#define MESSAGE_BYTES_MAX (1024U * 1024U)
#define HEARD_MAX         64

static struct peer_identity identity;
static BIO_METHOD *method;
static SSL_CTX *client_context;

/* ---- our own allocations: the linker sends them here ---- */

static uint64_t allocations;

void *__real_malloc(size_t size_bytes);
void *__real_calloc(size_t count, size_t size_bytes);
void *__real_realloc(void *old, size_t size_bytes);
void *__wrap_malloc(size_t size_bytes);
void *__wrap_calloc(size_t count, size_t size_bytes);
void *__wrap_realloc(void *old, size_t size_bytes);

void *__wrap_malloc(size_t size_bytes)
{
    allocations++;
    return __real_malloc(size_bytes);
}

void *__wrap_calloc(size_t count, size_t size_bytes)
{
    allocations++;
    return __real_calloc(count, size_bytes);
}

void *__wrap_realloc(void *old, size_t size_bytes)
{
    allocations++;
    return __real_realloc(old, size_bytes);
}

/* ---- a connection and its peer ---- */

struct rig {
    struct connection *connection;
    struct peer peer;
    /* what on_message heard */
    uint32_t heard;
    uint32_t refuse_after; /* messages taken before the first refusal; UINT32_MAX: never */
    char texts[HEARD_MAX][64];
    uint64_t stamps[HEARD_MAX];
    uint64_t pong_stamp;
    size_t last_bytes;
};

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
    assert_true(rig->heard < HEARD_MAX);
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

static int rig_open(void **state)
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
    rig->connection = connection_create(ssl, &(struct connection_limits){MESSAGE_BYTES_MAX, 0});
    assert_non_null(rig->connection);
    rig->refuse_after = UINT32_MAX;
    peer_pump(&rig->peer);
    *state = rig;
    return 0;
}

static int rig_close(void **state)
{
    struct rig *const rig = *state;
    connection_destroy(rig->connection);
    peer_close(&rig->peer);
    free(rig);
    return 0;
}

static enum connection_status read_once(struct rig *rig, uint32_t budget_bytes)
{
    return connection_read(rig->connection, counting_clock, budget_bytes, hear, rig);
}

/* Waits for the loopback to have brought something, then reads. */
static enum connection_status read_ready(struct rig *rig)
{
    struct pollfd ready = {.fd = connection_fd(rig->connection), .events = POLLIN};
    (void)poll(&ready, 1, 5000);
    return read_once(rig, BUDGET_BYTES);
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

static void expect_peer_frame(struct rig *rig, const char *expected)
{
    char shown[256];
    peer_frame(rig, shown, sizeof(shown));
    assert_string_equal(shown, expected);
}

static void expect_end(const struct rig *rig, enum link_end how, int32_t code, const char *text)
{
    const struct link_report *const report = connection_report(rig->connection);
    assert_int_equal(report->phase, LINK_OPEN);
    assert_int_equal(report->how, how);
    assert_int_equal(report->code, code);
    if (text != NULL) {
        assert_string_equal(report->text, text);
    }
}

#define SEND(rig, literal) peer_send(&(rig)->peer, literal, sizeof(literal) - 1)

/* ---- reading ---- */

static void frames_are_stamped_with_the_read_that_completed_them(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x81\x03one\x81\x03two\x81\x05th"); /* one record: two frames and a part */
    const uint64_t before = clock_now;
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(rig->heard, 2);
    assert_string_equal(rig->texts[1], "T:two");
    assert_int_equal(rig->stamps[0], before + 1);
    assert_int_equal(rig->stamps[1], before + 1);
    assert_int_equal(connection_counts(rig->connection)->partial_bytes, 4);
    SEND(rig, "ree");
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_string_equal(rig->texts[2], "T:three");
    assert_int_equal(rig->stamps[2],
                     before + 2); /* one clock reading a read, none for the empty one */
    assert_int_equal(connection_counts(rig->connection)->partial_bytes, 0);
    assert_int_equal(connection_counts(rig->connection)->partial_passes, 1);
}

static void a_record_a_byte_is_as_good_as_one_record(void **state)
{
    static const char frames[] = "\x81\x05hello\x01\x02ye\x89\x01p\x80\x02s!\x82\x00\x81\x02ok";
    struct rig *const rig = *state;
    for (size_t i = 0; i < sizeof(frames) - 1; i++) {
        peer_send(&rig->peer, frames + i, 1);
        assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    }
    assert_int_equal(rig->heard, 5);
    assert_string_equal(rig->texts[0], "T:hello");
    assert_string_equal(rig->texts[1], "P:p");
    assert_string_equal(rig->texts[2], "T:yes!");
    assert_string_equal(rig->texts[3], "B:");
    assert_string_equal(rig->texts[4], "T:ok");
    assert_int_equal(connection_counts(rig->connection)->messages, 4);
    assert_int_equal(connection_counts(rig->connection)->fragmented, 1);
}

static void half_a_record_does_not_hold_the_watermark(void **state)
{
    struct rig *const rig = *state;
    uint8_t wire[256];
    const size_t wire_bytes = peer_encrypt(&rig->peer, "\x81\x05hello", 7, wire, sizeof(wire));
    assert_int_equal(read_once(rig, BUDGET_BYTES), CONNECTION_DRAINED);
    for (size_t i = 0; i < wire_bytes; i++) {
        assert_int_equal(rig->heard, 0);
        peer_send_raw(&rig->peer, wire + i, 1);
        assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    }
    assert_int_equal(rig->heard, 1);
    assert_string_equal(rig->texts[0], "T:hello");
}

static void a_spent_budget_is_not_drained_and_goes_on_without_polling(void **state)
{
    struct rig *const rig = *state;
    for (int i = 0; i < 3; i++) {
        SEND(rig, "\x81\x04tick");
    }
    usleep(20000);
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(rig->heard, 3);
    for (int i = 0; i < 3; i++) {
        SEND(rig, "\x81\x04tock");
    }
    usleep(20000);
    assert_int_equal(read_once(rig, 6), CONNECTION_BUDGET); /* one record is six bytes */
    assert_int_equal(rig->heard, 4);
    assert_int_equal(connection_receive_queue_bytes(rig->connection),
                     0); /* the kernel has no more to make us readable */
    assert_int_equal(read_once(rig, 7), CONNECTION_BUDGET);
    assert_int_equal(rig->heard, 6);
    assert_int_equal(rig->stamps[3], rig->stamps[5]); /* one recv brought all three */
    assert_int_equal(read_once(rig, 1), CONNECTION_DRAINED);
}

static void a_refused_message_is_offered_again_with_its_own_stamp(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x81\x03one\x89\x02hi\x01\x02tw\x80\x01o\x81\x05three");
    for (uint32_t taken = 0; taken < 4; taken++) {
        rig->refuse_after = taken;
        assert_int_equal(taken == 0 ? read_ready(rig) : read_once(rig, BUDGET_BYTES),
                         CONNECTION_BLOCKED);
        assert_int_equal(rig->heard, taken);
        assert_int_equal(read_once(rig, BUDGET_BYTES), CONNECTION_BLOCKED);
    }
    rig->refuse_after = UINT32_MAX;
    SEND(rig,
         "\x81\x04"
         "four");
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(rig->heard, 5);
    assert_string_equal(rig->texts[1], "P:hi");
    assert_string_equal(rig->texts[2], "T:two");
    assert_string_equal(rig->texts[3], "T:three");
    assert_int_equal(rig->stamps[0], rig->stamps[3]);
    assert_int_equal(rig->stamps[4], rig->stamps[3] + 1);
    assert_int_equal(connection_counts(rig->connection)->pings, 1);
    expect_peer_frame(rig, "a:hi");
    expect_peer_frame(rig, ""); /* answered once */
}

static void a_message_of_the_largest_size_arrives_and_one_byte_more_does_not(void **state)
{
    struct rig *const rig = *state;
    uint8_t *const frame = calloc(1, MESSAGE_BYTES_MAX + 10);
    memcpy(frame, "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x00", 10);
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        while (at < MESSAGE_BYTES_MAX + 10) { /* in parts: the socket buffers do not hold it all */
            const size_t part_bytes =
                MESSAGE_BYTES_MAX + 10 - at < 60000 ? MESSAGE_BYTES_MAX + 10 - at : 60000;
            peer_send(&rig->peer, frame + at, part_bytes);
            at += part_bytes;
            const enum connection_status status = read_ready(rig);
            assert_true(status == CONNECTION_DRAINED);
        }
    }
    while (rig->heard < 2) {
        assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    }
    assert_int_equal(rig->last_bytes, MESSAGE_BYTES_MAX);
    peer_send(&rig->peer, "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01", 10);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_PROTOCOL, 1009, NULL);
    free(frame);
}

static void bytes_put_in_before_the_first_read_come_first(void **state)
{
    struct rig *const rig = *state;
    assert_int_equal(connection_preload(rig->connection,
                                        "\x81\x05"
                                        "early\x81\x06"
                                        "la",
                                        11,
                                        77),
                     0);
    SEND(rig, "te");
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_string_equal(rig->texts[0], "T:early");
    assert_int_equal(rig->stamps[0], 77);
    assert_int_equal(rig->heard, 1);
    assert_int_equal(connection_counts(rig->connection)->partial_bytes, 6);
}

static void nothing_of_ours_is_allocated_once_a_connection_is_made(void **state)
{
    struct rig *const rig = *state;
    const uint64_t before = allocations;
    for (int i = 0; i < 12; i++) {
        SEND(rig,
             "\x81\x04tick\x01\x02"
             "ab\x80\x02"
             "cd\x89\x01p");
        assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
        assert_int_equal(connection_send_text(rig->connection, "ping", 4), 0);
        assert_int_equal(connection_send_ping(rig->connection, 1), 0);
    }
    assert_int_equal(rig->heard, 36);
    assert_int_equal(allocations, before);
    void *volatile one = malloc(1); /* and the counter does count */
    free(one);
    assert_int_equal(allocations, before + 1);
}

/* ---- control frames ---- */

static void pings_are_answered_with_their_own_payload_inside_fragments_too(void **state)
{
    struct rig *const rig = *state;
    SEND(rig,
         "\x01\x02he\x89\x04"
         "1700\x80\x03llo");
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_string_equal(rig->texts[0], "P:1700");
    assert_string_equal(rig->texts[1], "T:hello");
    expect_peer_frame(rig, "a:1700");
}

static void a_pong_brings_back_our_stamp_and_a_foreign_one_brings_none(void **state)
{
    struct rig *const rig = *state;
    uint8_t bytes[64];
    uint8_t pong[2 + 8] = {0x8a, 8};
    unsigned opcode = 0;
    uint8_t *payload = NULL;
    size_t payload_bytes = 0;
    assert_int_equal(connection_send_ping(rig->connection, 123456789012345ULL), 0);
    usleep(20000);
    const size_t received = peer_receive(&rig->peer, bytes, sizeof(bytes));
    assert_int_equal(peer_unmask(bytes, received, &opcode, &payload, &payload_bytes), received);
    assert_int_equal(opcode, WEBSOCKET_PING);
    assert_int_equal(payload_bytes, 8);
    memcpy(pong + 2, payload, 8);
    peer_send(&rig->peer, pong, sizeof(pong));
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(rig->pong_stamp, 123456789012345ULL);
    SEND(rig, "\x8a\x00");
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(rig->heard, 2);
    assert_int_equal(rig->pong_stamp, 0);
    assert_int_equal(connection_counts(rig->connection)->pongs, 2);
}

static void a_close_is_echoed_and_its_code_and_reason_are_kept(void **state)
{
    struct rig *const rig = *state;
    SEND(rig,
         "\x81\x04last\x88\x0e\x03\xf4"
         "service rest\x81\x05never");
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    assert_int_equal(rig->heard, 1);
    expect_end(rig, LINK_END_CLOSE, 1012, "service rest");
    expect_peer_frame(rig, "8:1012:");
    assert_int_equal(read_once(rig, BUDGET_BYTES), CONNECTION_CLOSED);
    assert_int_equal(connection_send_text(rig->connection, "x", 1), -EPIPE);
}

static void a_close_without_a_code_is_1005_and_echoed_without_one(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x88\x00");
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_CLOSE, WEBSOCKET_CLOSE_NO_CODE, "");
    expect_peer_frame(rig, "8:");
}

static void a_close_reason_reaches_the_report_without_control_characters(void **state)
{
    struct rig *const rig = *state;
    SEND(rig,
         "\x88\x0b\x0f\xa4"
         "a\x1b[2J\nb\xc3\xa9");
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_CLOSE, 4004, "a [2J b\xc3\xa9");
}

static void our_own_close_ends_with_the_echo(void **state)
{
    struct rig *const rig = *state;
    assert_int_equal(connection_send_close(rig->connection, 1004, "x"), -EINVAL);
    assert_int_equal(connection_send_close(rig->connection, 1000, "rotation"), 0);
    expect_peer_frame(rig, "8:1000:rotation");
    SEND(rig,
         "\x81\x04"
         "data\x89\x01p\x88\x02\x03\xe8");
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    assert_string_equal(rig->texts[0], "T:data");
    expect_end(rig, LINK_END_LOCAL, 1000, "");
    expect_peer_frame(rig, ""); /* no pong, no second close */
}

static void what_is_refused_is_answered_with_its_close_code(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x81\x02ok\xc1\x01x");
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    assert_int_equal(rig->heard, 1);
    expect_end(rig, LINK_END_PROTOCOL, 1002, NULL);
    expect_peer_frame(rig, "8:1002:reserved bit set, no extension agreed");
}

/* ---- the ways to end ---- */

static void fin_without_a_close_frame_is_eof(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x81\x04last");
    peer_fin(&rig->peer);
    usleep(20000);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    assert_int_equal(rig->heard, 1);
    expect_end(rig, LINK_END_EOF, 0, "FIN without a close frame");
}

static void close_notify_without_a_close_frame_is_eof(void **state)
{
    struct rig *const rig = *state;
    (void)SSL_shutdown(rig->peer.ssl);
    peer_pump(&rig->peer);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_EOF, 0, "TLS close_notify without a close frame");
}

static void a_reset_is_told_by_its_errno_after_what_came_before_it(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x81\x04last");
    peer_reset(&rig->peer);
    usleep(20000);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    assert_int_equal(rig->heard, 1);
    expect_end(rig, LINK_END_ERROR, ECONNRESET, NULL);
}

static void writing_into_a_reset_raises_no_signal_and_hides_no_close_frame(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x88\x04\x03\xf0no");
    peer_reset(&rig->peer);
    usleep(20000);
    for (int i = 0; i < 3;
         i++) { /* SIGPIPE has its default disposition here: it would end the test */
        (void)connection_send_ping(rig->connection, 1);
        (void)connection_flush(rig->connection);
    }
    assert_int_equal(connection_send_text(rig->connection, "x", 1), -EPIPE);
    assert_int_equal(connection_events(rig->connection) & EPOLLOUT, 0);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_CLOSE, 1008, "no");
}

static void writing_into_a_reset_that_said_nothing_tells_the_errno(void **state)
{
    struct rig *const rig = *state;
    peer_reset(&rig->peer);
    usleep(20000);
    (void)connection_send_ping(rig->connection, 1);
    assert_int_equal(connection_flush(rig->connection), -EPIPE);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_ERROR, ECONNRESET, NULL);
}

static void a_damaged_record_is_tls_s_end(void **state)
{
    struct rig *const rig = *state;
    uint8_t wire[256];
    const size_t wire_bytes = peer_encrypt(&rig->peer, "\x81\x05hello", 7, wire, sizeof(wire));
    wire[wire_bytes - 1] ^= 1;
    peer_send_raw(&rig->peer, wire, wire_bytes);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    assert_int_equal(rig->heard, 0);
    expect_end(rig, LINK_END_TLS, 0, NULL);
}

static void the_first_end_is_the_true_one(void **state)
{
    struct rig *const rig = *state;
    connection_end(rig->connection, LINK_END_TIMEOUT, ETIMEDOUT, "no pong in 20 s");
    connection_end(rig->connection, LINK_END_LOCAL, 0, "stop");
    assert_int_equal(read_once(rig, BUDGET_BYTES), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_TIMEOUT, ETIMEDOUT, "no pong in 20 s");
}

/* ---- sending under back pressure ---- */

static void a_peer_that_does_not_read_meets_a_bounded_queue_that_keeps_order(void **state)
{
    enum { TEXT_BYTES = 8000 };

    static uint8_t bytes[16u << 20];
    struct rig *const rig = *state;
    char text[TEXT_BYTES];
    uint32_t sent = 0;
    int error = 0;
    while (error == 0 && sent < 4000) {
        memset(text, 'a' + (int)(sent % 26), sizeof(text));
        error = connection_send_text(rig->connection, text, sizeof(text));
        sent += error == 0;
    }
    assert_int_equal(error, -ENOBUFS);
    assert_true((connection_events(rig->connection) & EPOLLOUT) != 0);
    SEND(rig, "\x89\x01p"); /* a pong finds room where a text found none */
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(connection_counts(rig->connection)->pongs_dropped, 0);
    size_t received = 0;
    for (int quiet = 0; quiet < 20;) {
        const size_t more = peer_receive(&rig->peer, bytes + received, sizeof(bytes) - received);
        received += more;
        assert_int_equal(connection_flush(rig->connection), 0);
        quiet = more > 0 ? 0 : quiet + 1;
        usleep(more > 0 ? 0 : 2000);
    }
    assert_int_equal(connection_events(rig->connection) & EPOLLOUT, 0);
    size_t at = 0;
    uint32_t texts = 0;
    unsigned opcode = 0;
    uint8_t *payload = NULL;
    size_t payload_bytes = 0;
    size_t taken_bytes;
    while ((taken_bytes =
                peer_unmask(bytes + at, received - at, &opcode, &payload, &payload_bytes)) > 0) {
        at += taken_bytes;
        if (opcode == WEBSOCKET_TEXT) {
            assert_int_equal(payload_bytes, TEXT_BYTES);
            assert_int_equal(payload[0], 'a' + texts % 26);
            assert_int_equal(payload[TEXT_BYTES - 1], 'a' + texts % 26);
            texts++;
        }
    }
    assert_int_equal(at, received);
    assert_int_equal(texts, sent);
    assert_int_equal(opcode, WEBSOCKET_PONG); /* the last one */
}

/* ---- evidence ---- */

static void the_kernel_s_side_can_be_looked_at(void **state)
{
    struct rig *const rig = *state;
    struct connection_tcp tcp = {0};
    SEND(rig, "\x81\x04tick");
    usleep(20000);
    assert_true(connection_receive_queue_bytes(rig->connection) > 6);
    assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    assert_int_equal(connection_receive_queue_bytes(rig->connection), 0);
    assert_int_equal(connection_tcp(rig->connection, &tcp), 0);
    assert_int_equal(tcp.state, 1); /* TCP_ESTABLISHED */
    assert_true(tcp.bytes_received > 0);
    assert_int_equal(tcp.bytes_received,
                     connection_counts(rig->connection)->wire_bytes); /* the handshake included */
}

static int group_open(void **state)
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

static int group_close(void **state)
{
    (void)state;
    SSL_CTX_free(client_context);
    BIO_meth_free(method);
    peer_identity_close(&identity);
    return 0;
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(frames_are_stamped_with_the_read_that_completed_them),
        RIGGED(a_record_a_byte_is_as_good_as_one_record),
        RIGGED(half_a_record_does_not_hold_the_watermark),
        RIGGED(a_spent_budget_is_not_drained_and_goes_on_without_polling),
        RIGGED(a_refused_message_is_offered_again_with_its_own_stamp),
        RIGGED(a_message_of_the_largest_size_arrives_and_one_byte_more_does_not),
        RIGGED(bytes_put_in_before_the_first_read_come_first),
        RIGGED(nothing_of_ours_is_allocated_once_a_connection_is_made),
        RIGGED(pings_are_answered_with_their_own_payload_inside_fragments_too),
        RIGGED(a_pong_brings_back_our_stamp_and_a_foreign_one_brings_none),
        RIGGED(a_close_is_echoed_and_its_code_and_reason_are_kept),
        RIGGED(a_close_without_a_code_is_1005_and_echoed_without_one),
        RIGGED(a_close_reason_reaches_the_report_without_control_characters),
        RIGGED(our_own_close_ends_with_the_echo),
        RIGGED(what_is_refused_is_answered_with_its_close_code),
        RIGGED(fin_without_a_close_frame_is_eof),
        RIGGED(close_notify_without_a_close_frame_is_eof),
        RIGGED(a_reset_is_told_by_its_errno_after_what_came_before_it),
        RIGGED(writing_into_a_reset_raises_no_signal_and_hides_no_close_frame),
        RIGGED(writing_into_a_reset_that_said_nothing_tells_the_errno),
        RIGGED(a_damaged_record_is_tls_s_end),
        RIGGED(the_first_end_is_the_true_one),
        RIGGED(a_peer_that_does_not_read_meets_a_bounded_queue_that_keeps_order),
        RIGGED(the_kernel_s_side_can_be_looked_at),
    };
    return cmocka_run_group_tests_name("connection", tests, group_open, group_close);
}
