/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/connection answers pings and closes, and tells a close frame, our own close, FIN,
 * close_notify, RST, TLS damage and what it refused apart, with the best evidence there is.
 * Method: as test_connection.c; FIN and RST are the kernel's own.
 */
#include "unit/connection_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

/* ---- control frames -------------------------------------------------------------------------- */

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
    assert_int_equal(read_once(rig, RIG_BUDGET_BYTES), CONNECTION_CLOSED);
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
    assert_int_equal(connection_send_text(rig->connection, "x", 1), -ENOTCONN);
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
    expect_peer_frame(rig, "8:1002:reserved bit, none was agreed");
}

/* ---- the ways to end ------------------------------------------------------------------------- */

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
    expect_end(rig, LINK_END_EOF, 0, "TLS end without a close frame");
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
    assert_int_equal(connection_send_text(rig->connection, "x", 1), -ENOTCONN);
    assert_int_equal(connection_flush(rig->connection),
                     0); /* not ended: the reading side will tell */
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
    assert_int_equal(connection_flush(rig->connection), 0);
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_ERROR, ECONNRESET, NULL);
    assert_int_equal(connection_flush(rig->connection), -EPIPE);
    assert_int_equal(connection_send_ping(rig->connection, 1), -EPIPE);
}

static void no_sigpipe_is_raised_even_once_the_kernel_has_forgotten_why(void **state)
{
    struct rig *const rig = *state;
    int error = 0;
    socklen_t error_bytes = sizeof(error);
    peer_reset(&rig->peer);
    usleep(20000);
    const int fd = connection_fd(rig->connection);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes),
                     0); /* takes ECONNRESET away */
    assert_int_equal(error, ECONNRESET);
    (void)connection_send_ping(rig->connection,
                               1); /* EPIPE; with SIGPIPE's default disposition, the test's end */
    assert_int_equal(read_ready(rig), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_ERROR, EPIPE, NULL);
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
    assert_int_equal(read_once(rig, RIG_BUDGET_BYTES), CONNECTION_CLOSED);
    expect_end(rig, LINK_END_TIMEOUT, ETIMEDOUT, "no pong in 20 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        RIGGED(no_sigpipe_is_raised_even_once_the_kernel_has_forgotten_why),
        RIGGED(a_damaged_record_is_tls_s_end),
        RIGGED(the_first_end_is_the_true_one),
    };
    return cmocka_run_group_tests_name("connection_end", tests, rig_group_open, rig_group_close);
}
