/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/connection says DRAINED only when it is, stamps the read that completed a frame,
 * loses nothing under back pressure in either direction and allocates nothing once made.
 * Method: a real TLS connection over loopback; the server's encrypted bytes are let through one by
 * one where that matters; the clock is a counter; malloc of our own objects is counted by the
 * linker's --wrap.
 */
#include "unit/connection_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

/* ---- our own allocations: the linker sends them here ----------------------------------------- */

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

/* ---- reading --------------------------------------------------------------------------------- */

static void frames_are_stamped_with_the_read_that_completed_them(void **state)
{
    struct rig *const rig = *state;
    SEND(rig, "\x81\x03one\x81\x03two\x81\x05th"); /* one record: two frames and a part */
    const uint64_t before = rig_clock_now();
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
    assert_int_equal(read_once(rig, RIG_BUDGET_BYTES), CONNECTION_DRAINED);
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
        assert_int_equal(taken == 0 ? read_ready(rig) : read_once(rig, RIG_BUDGET_BYTES),
                         CONNECTION_BLOCKED);
        assert_int_equal(rig->heard, taken);
        assert_int_equal(read_once(rig, RIG_BUDGET_BYTES), CONNECTION_BLOCKED);
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
    uint8_t *const frame = calloc(1, RIG_MESSAGE_BYTES_MAX + 10);
    memcpy(frame, "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x00", 10);
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        while (at <
               RIG_MESSAGE_BYTES_MAX + 10) { /* in parts: the socket buffers do not hold it all */
            const size_t part_bytes =
                RIG_MESSAGE_BYTES_MAX + 10 - at < 60000 ? RIG_MESSAGE_BYTES_MAX + 10 - at : 60000;
            peer_send(&rig->peer, frame + at, part_bytes);
            at += part_bytes;
            const enum connection_status status = read_ready(rig);
            assert_true(status == CONNECTION_DRAINED);
        }
    }
    while (rig->heard < 2) {
        assert_int_equal(read_ready(rig), CONNECTION_DRAINED);
    }
    assert_int_equal(rig->last_bytes, RIG_MESSAGE_BYTES_MAX);
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

/* ---- sending under back pressure ------------------------------------------------------------- */

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
    uint32_t small = 0;
    while (connection_send_text(rig->connection, "z", 1) == 0) {
        small++;
    }
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
        if (opcode == WEBSOCKET_TEXT && payload_bytes == 1) {
            small--;
        } else if (opcode == WEBSOCKET_TEXT) {
            assert_int_equal(payload_bytes, TEXT_BYTES);
            assert_int_equal(payload[0], 'a' + texts % 26);
            assert_int_equal(payload[TEXT_BYTES - 1], 'a' + texts % 26);
            texts++;
        }
    }
    assert_int_equal(at, received);
    assert_int_equal(texts, sent);
    assert_int_equal(small, 0);
    assert_int_equal(opcode, WEBSOCKET_PONG); /* the last one */
}

/* ---- evidence -------------------------------------------------------------------------------- */

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
        RIGGED(a_peer_that_does_not_read_meets_a_bounded_queue_that_keeps_order),
        RIGGED(the_kernel_s_side_can_be_looked_at),
    };
    return cmocka_run_group_tests_name("connection", tests, rig_group_open, rig_group_close);
}
