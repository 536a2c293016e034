/* SPDX-License-Identifier: MIT
 *
 * Goal: our client and a WebSocket server nobody here wrote agree on everything RFC 6455 lets them
 * say to each other. Method: server_node.js and server_python.py behave by URL path; each test
 * dials a path and compares what the client heard with what the path stands for, and what the
 * server says it heard ("/last", on a connection of its own) with what we meant. argv: port, CA
 * file. Run by run_interop.py.
 */
#include "core/base.h"
#include "core/clock.h"
#include "feeds/connection_dial.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#define PATIENCE_NS (10 * NS_PER_S)

static char address[32];
static struct dial_tls *tls;

struct heard {
    struct connection *connection;
    enum connection_status status;
    uint32_t data; /* text and binary messages */
    uint32_t pings;
    uint32_t pongs;
    uint64_t pong_stamp;
    char kinds[32];    /* of the data messages: 'F' came in fragments, 'W' whole */
    char first[64];    /* the first one's beginning */
    size_t size_bytes; /* of the newest message */
    char text[256];    /* its beginning */
    uint64_t sum;      /* of its bytes */
};

static bool hear(void *user, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    struct heard *const heard = user;
    (void)recv_mono_ns;
    if (message->opcode == WEBSOCKET_PING) {
        heard->pings++;
        return true;
    }
    if (message->opcode == WEBSOCKET_PONG) {
        heard->pongs++;
        heard->pong_stamp = connection_pong_stamp(message);
        return true;
    }
    if (heard->data < sizeof(heard->kinds) - 1) {
        heard->kinds[heard->data] = message->was_fragmented ? 'F' : 'W';
    }
    heard->data++;
    heard->size_bytes = message->size_bytes;
    heard->sum = 0;
    for (size_t i = 0; i < message->size_bytes; i++) {
        heard->sum += message->bytes[i];
    }
    const size_t shown_bytes =
        message->size_bytes < sizeof(heard->text) ? message->size_bytes : sizeof(heard->text) - 1;
    memcpy(heard->text, message->bytes, shown_bytes);
    heard->text[shown_bytes] = '\0';
    if (heard->data == 1) {
        (void)snprintf(heard->first, sizeof(heard->first), "%.60s", heard->text);
    }
    return true;
}

static struct connection *open_path(const char *path)
{
    const struct dial_params params = {.tls = tls,
                                       .host = "venue.test",
                                       .port = 443,
                                       .path = path,
                                       .address = address,
                                       .message_bytes_max = 1024 * 1024};
    struct dial *dial = NULL;
    assert_int_equal(dial_start(&params, clock_mono_ns(), &dial), 0);
    enum dial_status status;
    while ((status = dial_advance(dial, clock_mono_ns())) == DIAL_BUSY) {
        struct pollfd ready = {.fd = dial_fd(dial), .events = dial_events(dial)};
        (void)poll(&ready, 1, 100);
    }
    if (status != DIAL_DONE) {
        fail_msg("%s: %s", path, dial_report(dial)->text);
    }
    struct connection *const connection = dial_take(dial);
    dial_destroy(dial);
    return connection;
}

/* Reads until so many data messages were heard in all, or the end. */
static void listen_until(struct heard *heard, uint32_t data)
{
    const uint64_t stop_ns = clock_mono_ns() + PATIENCE_NS;
    while (heard->status != CONNECTION_CLOSED && heard->data < data && clock_mono_ns() < stop_ns) {
        struct pollfd ready = {.fd = connection_fd(heard->connection),
                               .events = (short)connection_events(heard->connection)};
        heard->status = connection_read(heard->connection, clock_mono_ns, 256 * 1024, hear, heard);
        (void)connection_flush(heard->connection);
        if (heard->status == CONNECTION_DRAINED && heard->data < data) {
            (void)poll(&ready, 1, 100);
        }
    }
}

static void listen_to_the_end(struct heard *heard)
{
    listen_until(heard, UINT32_MAX);
    assert_int_equal(heard->status, CONNECTION_CLOSED);
}

static struct heard hear_path(const char *path, uint32_t data)
{
    struct heard heard = {.connection = open_path(path)};
    listen_until(&heard, data);
    return heard;
}

static void expect_end(struct heard *heard, enum link_end how, int32_t code, const char *text)
{
    listen_to_the_end(heard);
    const struct link_report *const report = connection_report(heard->connection);
    if (report->how != how || report->code != code ||
        (text != NULL && strcmp(report->text, text) != 0)) {
        fail_msg("ended by %d, %d, '%s'", (int)report->how, (int)report->code, report->text);
    }
    connection_destroy(heard->connection);
}

/* What the server says of the connection that ended last. It may learn of the end a little after
 * us. */
static struct heard last_teller;

static void expect_last(const char *expected)
{
    for (int i = 0; i < 200; i++) {
        assert_int_equal(connection_send_text(last_teller.connection, "?", 1), 0);
        listen_until(&last_teller, last_teller.data + 1);
        if (strncmp(last_teller.text, expected, strlen(expected)) == 0) {
            return;
        }
        usleep(5000);
    }
    fail_msg("the server says '%s', not '%s'", last_teller.text, expected);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void nothing_is_offered_so_nothing_is_compressed(void **state)
{
    (void)state;
    struct heard heard = {.connection = open_path("/wait")};
    expect_last("open plain");
    connection_destroy(heard.connection);
}

static void echoes_of_every_length_form_come_back_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 600, 16384, 65535, 65536, 100000};
    static char text[100000];
    struct heard heard = {.connection = open_path("/echo")};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint64_t sum = 0;
        for (size_t at = 0; at < sizes[i]; at++) {
            text[at] = (char)('a' + (at * 7 + i) % 26);
            sum += (uint64_t)text[at];
        }
        assert_int_equal(connection_send_text(heard.connection, text, sizes[i]), 0);
        listen_until(&heard, (uint32_t)i + 1);
        assert_int_equal(heard.data, i + 1);
        assert_int_equal(heard.size_bytes, sizes[i]);
        assert_int_equal(heard.sum, sum);
    }
    assert_int_equal(connection_send_close(heard.connection, 1000, "done"), 0);
    expect_end(&heard, LINK_END_LOCAL, 1000, NULL);
    expect_last("closed 1000 done");
}

static void fragments_with_a_ping_between_are_joined(void **state)
{
    (void)state;
    struct heard heard = hear_path("/fragments", 2);
    assert_string_equal(heard.first, "one,two,\xe2\x82\xac three");
    assert_string_equal(heard.text, "whole");
    assert_string_equal(heard.kinds, "FW");
    assert_int_equal(heard.pings, 1);
    connection_destroy(heard.connection);
}

static void a_ping_of_the_server_gets_its_own_payload_back(void **state)
{
    (void)state;
    struct heard heard = hear_path("/ping", 1);
    assert_string_equal(heard.text, "pong 1700000000000");
    assert_int_equal(heard.pings, 1);
    connection_destroy(heard.connection);
}

static void our_ping_brings_its_stamp_back(void **state)
{
    (void)state;
    struct heard heard = {.connection = open_path("/echo")};
    const uint64_t stamp = clock_mono_ns();
    assert_int_equal(connection_send_ping(heard.connection, stamp), 0);
    assert_int_equal(connection_send_text(heard.connection, "behind", 6), 0);
    listen_until(&heard, 1);
    assert_int_equal(heard.pongs, 1);
    assert_int_equal(heard.pong_stamp, stamp);
    connection_destroy(heard.connection);
}

static void messages_of_16_kb_and_of_1_mib_arrive_whole(void **state)
{
    (void)state;

    static const struct {
        const char *path;
        size_t size_bytes;
    } cases[] = {{"/size/16384", 16384}, {"/size/1048576", 1048576}};

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct heard heard = hear_path(cases[i].path, 1);
        assert_int_equal(heard.size_bytes, cases[i].size_bytes);
        assert_int_equal(heard.sum, 'x' * cases[i].size_bytes);
        connection_destroy(heard.connection);
    }
}

static void one_byte_more_than_the_bound_is_refused_with_1009(void **state)
{
    (void)state;
    struct heard heard = {.connection = open_path("/size/1048577")};
    expect_end(&heard, LINK_END_PROTOCOL, 1009, NULL);
}

static void every_close_code_is_kept_and_echoed(void **state)
{
    (void)state;
    uint32_t tried = 0;
    for (int32_t code = 1000; code <= 4999; code += code < 1014   ? 1
                                                    : code < 3000 ? 1986
                                                    : code < 4960 ? 41
                                                                  : 1) {
        char path[32];
        char reason[32];
        char expected[32];
        const bool is_sendable = code < 1004 || code > 1006;
        (void)snprintf(path, sizeof(path), "/close/%d", (int)code);
        (void)snprintf(reason, sizeof(reason), "bye %d", (int)code);
        if (!is_sendable) { /* no API sends these: two raw bytes do, and must be refused */
            (void)snprintf(path, sizeof(path), "/raw/8802%04x", (unsigned)code);
        }
        struct heard heard = {.connection = open_path(path)};
        expect_end(&heard,
                   is_sendable ? LINK_END_CLOSE : LINK_END_PROTOCOL,
                   is_sendable ? code : 1002,
                   is_sendable ? reason : NULL);
        (void)snprintf(expected, sizeof(expected), "closed %d", is_sendable ? (int)code : 1002);
        expect_last(expected);
        tried++;
    }
    assert_true(tried > 90);
}

static void a_close_without_a_code_is_1005_on_both_sides(void **state)
{
    (void)state;
    struct heard heard = {.connection = open_path("/bare")};
    expect_end(&heard, LINK_END_CLOSE, 1005, "");
    expect_last("closed 1005");
}

static void our_close_codes_and_reasons_reach_the_server(void **state)
{
    (void)state;
    static const uint16_t codes[] = {1000, 1001, 1011, 3000, 4001, 4999};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        char expected[48];
        struct heard heard = {.connection = open_path("/wait")};
        assert_int_equal(connection_send_close(heard.connection, codes[i], "planned rotation"), 0);
        expect_end(&heard, LINK_END_LOCAL, codes[i], NULL);
        (void)snprintf(
            expected, sizeof(expected), "closed %u planned rotation", (unsigned)codes[i]);
        expect_last(expected);
    }
}

static void what_is_refused_reaches_the_server_as_a_close_code(void **state)
{
    (void)state;

    static const struct {
        const char *path;
        int32_t code;
    } cases[] = {
        {"/raw/c10178", 1002},               /* RSV1: compressed without agreement */
        {"/raw/818101020304ff", 1002},       /* masked */
        {"/raw/8300", 1002},                 /* unknown opcode */
        {"/raw/8002c328", 1002},             /* continuation of nothing */
        {"/raw/8102c328", 1007},             /* bad UTF-8 */
        {"/raw/827f0000000100000000", 1009}, /* 4 GiB announced */
        {"/raw/817e0005", 1002},             /* length not in its shortest form */
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char expected[32];
        struct heard heard = {.connection = open_path(cases[i].path)};
        expect_end(&heard, LINK_END_PROTOCOL, cases[i].code, NULL);
        (void)snprintf(expected, sizeof(expected), "closed %d", (int)cases[i].code);
        expect_last(expected);
    }
}

static void a_dropped_connection_has_no_close_code(void **state)
{
    (void)state;
    struct heard heard = hear_path("/drop", 1);
    assert_string_equal(heard.text, "last");
    listen_to_the_end(&heard);
    const struct link_report *const report = connection_report(heard.connection);
    assert_true(report->how == LINK_END_EOF ||
                (report->how == LINK_END_ERROR && report->code == ECONNRESET));
    connection_destroy(heard.connection);
}

static int group_open(void **state)
{
    (void)state;
    last_teller = (struct heard){.connection = open_path("/last")};
    return 0;
}

static int group_close(void **state)
{
    (void)state;
    connection_destroy(last_teller.connection);
    dial_tls_destroy(tls);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_offered_so_nothing_is_compressed),
        cmocka_unit_test(echoes_of_every_length_form_come_back_whole),
        cmocka_unit_test(fragments_with_a_ping_between_are_joined),
        cmocka_unit_test(a_ping_of_the_server_gets_its_own_payload_back),
        cmocka_unit_test(our_ping_brings_its_stamp_back),
        cmocka_unit_test(messages_of_16_kb_and_of_1_mib_arrive_whole),
        cmocka_unit_test(one_byte_more_than_the_bound_is_refused_with_1009),
        cmocka_unit_test(every_close_code_is_kept_and_echoed),
        cmocka_unit_test(a_close_without_a_code_is_1005_on_both_sides),
        cmocka_unit_test(our_close_codes_and_reasons_reach_the_server),
        cmocka_unit_test(what_is_refused_reaches_the_server_as_a_close_code),
        cmocka_unit_test(a_dropped_connection_has_no_close_code),
    };
    char error_text[256];
    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s PORT CA_FILE\n", argv[0]);
        return 2;
    }
    (void)snprintf(address, sizeof(address), "127.0.0.1:%s", argv[1]);
    if (dial_tls_create(argv[2], &tls, error_text, sizeof(error_text)) != 0) {
        (void)fprintf(stderr, "%s\n", error_text);
        return 2;
    }
    return cmocka_run_group_tests_name("interop", tests, group_open, group_close);
}
