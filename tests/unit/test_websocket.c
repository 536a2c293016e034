/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/websocket takes every frame RFC 6455 allows a server, refuses every one it forbids,
 * with the right close code, and reads not one byte beyond what it was given.
 * Method: frames are written by hand here, byte by byte, never by the code under test; each case
 * is fed whole and split at every byte, from a buffer that ends at an unmapped page.
 */
#include "feeds/utf8.h"
#include "feeds/websocket.h"
#include "unit/guarded.h"

#include "core/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h> /* after the headers it needs */

#define MESSAGE_BYTES_MAX 70000U

static struct guarded guarded;

/* ---- a server's frames, by hand -------------------------------------------------------------- */

struct wire {
    uint8_t bytes[2 * MESSAGE_BYTES_MAX];
    size_t size_bytes;
};

static void wire_put(struct wire *wire, const void *bytes, size_t size_bytes)
{
    assert_true(size_bytes <= sizeof(wire->bytes) - wire->size_bytes);
    memcpy(wire->bytes + wire->size_bytes, bytes, size_bytes);
    wire->size_bytes += size_bytes;
}

static void wire_byte(struct wire *wire, unsigned byte)
{
    const uint8_t one = (uint8_t)byte;
    wire_put(wire, &one, 1);
}

/* first: FIN, RSV and opcode. The length takes its shortest form. */
static void wire_frame(struct wire *wire, unsigned first, const void *payload, size_t payload_bytes)
{
    wire_byte(wire, first);
    if (payload_bytes < 126) {
        wire_byte(wire, (unsigned)payload_bytes);
    } else if (payload_bytes < 65536) {
        wire_byte(wire, 126);
        wire_byte(wire, (unsigned)(payload_bytes >> 8));
        wire_byte(wire, (unsigned)(payload_bytes & 0xff));
    } else {
        wire_byte(wire, 127);
        for (int shift = 56; shift >= 0; shift -= 8) {
            wire_byte(wire, (unsigned)(payload_bytes >> shift) & 0xff);
        }
    }
    wire_put(wire, payload, payload_bytes);
}

static void wire_text(struct wire *wire, unsigned first, const char *text)
{
    wire_frame(wire, first, text, strlen(text));
}

/* ---- feeding: what came out, as text --------------------------------------------------------- */

struct outcome {
    char text[4096]; /* "T:hello P:x C1000:bye R1002" */
    uint32_t messages;
    size_t last_bytes;
    const uint8_t *last;
    bool was_fragmented;
};

static void outcome_add(struct outcome *outcome, const struct websocket_message *message)
{
    static const char *const kinds[] = {"?", "T", "B", "?", "?", "?", "?", "?", "C", "P", "Q"};
    char shown[160];
    const int shown_bytes = (int)(message->size_bytes < 130 ? message->size_bytes : 130);
    char code[8] = "";
    if (message->opcode == WEBSOCKET_CLOSE) {
        (void)snprintf(code, sizeof(code), "%u", (unsigned)message->close_code);
    }
    (void)snprintf(shown,
                   sizeof(shown),
                   "%s%s:%.*s ",
                   kinds[message->opcode],
                   code,
                   shown_bytes,
                   (const char *)message->bytes);
    assert_true(strlen(outcome->text) + strlen(shown) < sizeof(outcome->text));
    strcat(outcome->text, shown);
    outcome->messages++;
    outcome->last = message->bytes;
    outcome->last_bytes = message->size_bytes;
    outcome->was_fragmented = message->was_fragmented;
}

/* Takes all it can from bytes; returns how much was taken, and the last status. */
static enum websocket_status feed(struct websocket *websocket,
                                  const uint8_t *bytes,
                                  size_t size_bytes,
                                  struct outcome *outcome,
                                  size_t *ret_taken_bytes)
{
    enum websocket_status status;
    size_t at = 0;
    do {
        struct websocket_message message;
        size_t taken_bytes = 0;
        status = websocket_next(websocket, bytes + at, size_bytes - at, &message, &taken_bytes);
        at += taken_bytes;
        assert_true(at <= size_bytes);
        if (status == WEBSOCKET_MESSAGE) {
            outcome_add(outcome, &message);
        } else if (status == WEBSOCKET_REFUSED) {
            char shown[16];
            (void)snprintf(
                shown, sizeof(shown), "R%u ", (unsigned)websocket_refusal(websocket)->close_code);
            strcat(outcome->text, shown);
        }
    } while (status == WEBSOCKET_MESSAGE);
    *ret_taken_bytes = at;
    return status;
}

/* The wire in two parts, split at `split`; what the first part left over is fed again with the
 * second behind it. */
static void feed_split(const struct wire *wire, size_t split, struct outcome *outcome)
{
    struct websocket *const websocket = websocket_create(MESSAGE_BYTES_MAX);
    size_t taken_bytes = 0;
    assert_non_null(websocket);
    *outcome = (struct outcome){0};
    uint8_t *bytes = guarded_copy(&guarded, wire->bytes, split);
    if (feed(websocket, bytes, split, outcome, &taken_bytes) != WEBSOCKET_REFUSED) {
        const size_t left_bytes = wire->size_bytes - taken_bytes;
        bytes = guarded_copy(&guarded, wire->bytes + taken_bytes, left_bytes);
        (void)feed(websocket, bytes, left_bytes, outcome, &taken_bytes);
    }
    websocket_destroy(websocket);
}

static void expect(const struct wire *wire, const char *expected)
{
    struct outcome outcome;
    for (size_t split = 0; split <= wire->size_bytes; split++) {
        feed_split(wire, split, &outcome);
        assert_string_equal(outcome.text, expected);
    }
}

static void
expect_frame(unsigned first, const char *payload, size_t payload_bytes, const char *expected)
{
    struct wire wire = {.size_bytes = 0};
    wire_frame(&wire, first, payload, payload_bytes);
    expect(&wire, expected);
}

/* ---- what is allowed ------------------------------------------------------------------------- */

static void messages_of_one_frame_come_out_whole_wherever_they_are_split(void **state)
{
    (void)state;
    struct wire wire = {.size_bytes = 0};
    wire_text(&wire, 0x81, "{\"e\":\"depthUpdate\"}");
    wire_text(&wire, 0x82, "binary");
    wire_text(&wire, 0x81, "");
    wire_text(&wire, 0x81, "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80");
    expect(&wire,
           "T:{\"e\":\"depthUpdate\"} B:binary T: T:h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80 ");
}

static void a_message_of_one_frame_is_delivered_from_where_it_was_received(void **state)
{
    (void)state;
    static char payload[MESSAGE_BYTES_MAX];
    static const size_t sizes[] = {
        0, 1, 125, 126, 127, 600, 4082, 4096, 4097, 16384, 65535, 65536, MESSAGE_BYTES_MAX};
    struct websocket *const websocket = websocket_create(MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct wire wire = {.size_bytes = 0};
        struct outcome outcome = {0};
        size_t taken_bytes = 0;
        memset(payload, (int)('a' + i), sizes[i]);
        wire_frame(&wire, 0x81, payload, sizes[i]);
        const uint8_t *const bytes = guarded_copy(&guarded, wire.bytes, wire.size_bytes);
        assert_int_equal(feed(websocket, bytes, wire.size_bytes, &outcome, &taken_bytes),
                         WEBSOCKET_MORE);
        assert_int_equal(taken_bytes, wire.size_bytes);
        assert_int_equal(outcome.messages, 1);
        assert_int_equal(outcome.last_bytes, sizes[i]);
        assert_ptr_equal(outcome.last, guarded.end - sizes[i]);
        assert_memory_equal(outcome.last, payload, sizes[i]);
        assert_false(outcome.was_fragmented);
    }
    websocket_destroy(websocket);
}

static void fragments_are_joined_and_control_frames_between_them_come_first(void **state)
{
    (void)state;
    struct wire wire = {.size_bytes = 0};
    wire_text(&wire, 0x01, "one,");
    wire_text(&wire, 0x89, "ping");
    wire_text(&wire, 0x00, "");
    wire_text(&wire, 0x00, "two,");
    wire_text(&wire, 0x8a, "pong");
    wire_text(&wire, 0x80, "three");
    wire_text(&wire, 0x02, "b1");
    wire_text(&wire, 0x80, "b2");
    wire_text(&wire, 0x81, "after");
    expect(&wire, "P:ping Q:pong T:one,two,three B:b1b2 T:after ");
}

static void a_character_may_be_split_over_fragments(void **state)
{
    (void)state;
    struct wire wire = {.size_bytes = 0};
    wire_text(&wire, 0x01, "\xf0\x9f");
    wire_text(&wire, 0x00, "\x98");
    wire_text(&wire, 0x80, "\x80!");
    expect(&wire, "T:\xf0\x9f\x98\x80! ");
}

static void a_close_inside_a_fragmented_message_is_taken(void **state)
{
    (void)state;
    struct wire wire = {.size_bytes = 0};
    wire_text(&wire, 0x01, "never finished");
    wire_frame(&wire, 0x88, "\x03\xe9going", 7);
    expect(&wire, "C1001:going ");
}

static void close_codes_and_reasons_are_kept_as_they_are(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 5100; code++) {
        const uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code, 'w', 'h', 'y'};
        const bool is_valid = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
                              (code >= 3000 && code <= 4999);
        char expected[32];
        struct wire wire = {.size_bytes = 0};
        struct outcome outcome;
        (void)snprintf(expected, sizeof(expected), is_valid ? "C%u:why " : "R1002 ", code);
        wire_frame(&wire, 0x88, payload, sizeof(payload));
        feed_split(&wire, wire.size_bytes, &outcome);
        assert_string_equal(outcome.text, expected);
        assert_int_equal(websocket_close_code_is_valid((uint16_t)code), is_valid);
    }
    expect_frame(0x88, "", 0, "C1005: ");
    expect_frame(0x88, "\x0f\xa4", 2, "C4004: ");
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void what_rfc_6455_forbids_is_refused_with_its_close_code(void **state)
{
    (void)state;

    static const struct {
        const char *what;
        const char *bytes;
        size_t size_bytes;
        const char *expected;
    } cases[] = {

#define CASE(what, bytes, expected) {what, bytes, sizeof(bytes) - 1, expected}
        CASE("RSV1, compressed without agreement", "\xc1\x01x", "R1002 "),
        CASE("RSV2", "\xa1\x01x", "R1002 "),
        CASE("RSV3", "\x91\x01x", "R1002 "),
        CASE("RSV1 on a control frame", "\xc9\x00", "R1002 "),
        CASE("masked text", "\x81\x81\x01\x02\x03\x04y", "R1002 "),
        CASE("masked empty ping", "\x89\x80\x01\x02\x03\x04", "R1002 "),
        CASE("opcode 3", "\x83\x00", "R1002 "),
        CASE("opcode 7", "\x87\x00", "R1002 "),
        CASE("opcode 0xb", "\x8b\x00", "R1002 "),
        CASE("opcode 0xf", "\x8f\x00", "R1002 "),
        CASE("continuation of nothing", "\x80\x01x", "R1002 "),
        CASE("continuation of nothing, not final", "\x00\x01x", "R1002 "),
        CASE("text inside a fragmented text", "\x01\x01x\x81\x01y", "R1002 "),
        CASE("binary begun inside a fragmented text", "\x01\x01x\x02\x01y", "R1002 "),
        CASE("continuation after the last one", "\x01\x01x\x80\x01y\x80\x01z", "T:xy R1002 "),
        CASE("fragmented ping", "\x09\x01x", "R1002 "),
        CASE("fragmented close", "\x08\x00", "R1002 "),
        CASE("ping of 126 bytes", "\x89\x7e\x00\x7e", "R1002 "),
        CASE("close with a 64-bit length", "\x88\x7f\x00\x00\x00\x00\x00\x01\x00\x00", "R1002 "),
        CASE("16-bit length of 125", "\x81\x7e\x00\x7d", "R1002 "),
        CASE("16-bit length of 0", "\x81\x7e\x00\x00", "R1002 "),
        CASE("64-bit length of 65535", "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "R1002 "),
        CASE(
            "64-bit length with the top bit", "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "R1002 "),
        CASE("close of one byte", "\x88\x01\x03", "R1002 "),
        CASE("close code 0", "\x88\x02\x00\x00", "R1002 "),
        CASE("close code 1005", "\x88\x02\x03\xed", "R1002 "),
        CASE("close code 1015", "\x88\x02\x03\xf7", "R1002 "),
        CASE("close reason not UTF-8", "\x88\x04\x03\xe8\xc3\x28", "R1007 "),
        CASE("close reason cut in a character", "\x88\x03\x03\xe8\xe2", "R1007 "),
        CASE("text not UTF-8", "\x81\x02\xc3\x28", "R1007 "),
        CASE("text cut in a character", "\x81\x02\xe2\x82", "R1007 "),
        CASE("text fragments cut in a character", "\x01\x01\xe2\x80\x01\x82", "R1007 "),
        CASE("bad text in the first of two fragments", "\x01\x02\xc0\xaf\x80\x01x", "R1007 "),
        CASE("message of 2^40 bytes", "\x82\x7f\x00\x00\x01\x00\x00\x00\x00\x00", "R1009 "),
        CASE("message one byte too long", "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x71", "R1009 "),
        CASE("good, then bad", "\x81\x02ok\xc1\x01x", "T:ok R1002 "),
#undef CASE
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct wire wire = {.size_bytes = 0};
        struct outcome outcome;
        wire_put(&wire, cases[i].bytes, cases[i].size_bytes);
        for (size_t split = 0; split <= wire.size_bytes; split++) {
            feed_split(&wire, split, &outcome);
            if (strcmp(outcome.text, cases[i].expected) != 0) {
                fail_msg("%s, split at %zu: got '%s', want '%s'",
                         cases[i].what,
                         split,
                         outcome.text,
                         cases[i].expected);
            }
        }
    }
}

static void fragments_that_sum_up_to_too_much_are_refused_before_the_last_arrives(void **state)
{
    (void)state;
    static char payload[MESSAGE_BYTES_MAX];
    struct wire wire = {.size_bytes = 0};
    struct outcome outcome;
    memset(payload, 'x', sizeof(payload));
    wire_frame(&wire, 0x02, payload, MESSAGE_BYTES_MAX - 10);
    wire_put(&wire, "\x80\x0b", 2); /* eleven bytes announced, none sent */
    feed_split(&wire, wire.size_bytes, &outcome);
    assert_string_equal(outcome.text, "R1009 ");
}

static void a_message_of_exactly_the_bound_is_taken_fragmented_too(void **state)
{
    (void)state;
    static char payload[MESSAGE_BYTES_MAX];
    struct wire wire = {.size_bytes = 0};
    struct outcome outcome;
    memset(payload, 'x', sizeof(payload));
    wire_frame(&wire, 0x02, payload, MESSAGE_BYTES_MAX - 10);
    wire_frame(&wire, 0x80, payload, 10);
    feed_split(&wire, 5000, &outcome);
    assert_int_equal(outcome.messages, 1);
    assert_int_equal(outcome.last_bytes, MESSAGE_BYTES_MAX);
    assert_true(outcome.was_fragmented);
}

static void hostile_bytes_never_do_more_than_be_refused(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252ULL;
    for (int round = 0; round < 20000; round++) {
        struct wire wire = {.size_bytes = 0};
        struct outcome outcome;
        for (int i = 0; i < 24; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            wire_byte(&wire, (unsigned)(random >> 32) & 0xff);
        }
        wire.bytes[0] &= 0x8f; /* past the RSV check, or nothing else would be reached */
        wire.bytes[1] &= 0x7f;
        feed_split(&wire, (size_t)(round % 25), &outcome);
    }
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

static bool is_utf8(const char *text, size_t size_bytes, size_t split)
{
    struct utf8 utf8 = {0};
    const uint8_t *bytes = guarded_copy(&guarded, text, size_bytes);
    return utf8_check(&utf8, bytes, split) &&
           utf8_check(&utf8, bytes + split, size_bytes - split) && utf8_is_whole(&utf8);
}

static void utf8_is_told_from_what_is_not(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {
        {"", true},
        {"plain ascii that is longer than one step of the fast path, and then some", true},
        {"ascii longer than one step of thirty-two bytes, then \xff", false},
        {"\xc2\x80", true},         /* U+0080 */
        {"\xdf\xbf", true},         /* U+07FF */
        {"\xe0\xa0\x80", true},     /* U+0800 */
        {"\xed\x9f\xbf", true},     /* U+D7FF */
        {"\xee\x80\x80", true},     /* U+E000 */
        {"\xef\xbf\xbf", true},     /* U+FFFF */
        {"\xf0\x90\x80\x80", true}, /* U+10000 */
        {"\xf4\x8f\xbf\xbf", true}, /* U+10FFFF */
        {"\x80", false},            /* stray continuation */
        {"\xbf", false},
        {"\xc0\x80", false}, /* overlong */
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xed\xa0\x80", false}, /* surrogates */
        {"\xed\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"\xc2", false}, /* cut */
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xc2x", false},
        {"\xe2\x82x", false},
        {"\xf0\x9f\x98x", false},
        {"\xe2\x28\xa1", false},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const size_t size_bytes = strlen(cases[i].text);
        for (size_t split = 0; split <= size_bytes; split++) {
            if (is_utf8(cases[i].text, size_bytes, split) != cases[i].is_good) {
                fail_msg("case %zu split at %zu", i, split);
            }
        }
    }
}

static void every_code_point_is_good_and_every_surrogate_bad(void **state)
{
    (void)state;
    for (uint32_t point = 0x80; point < 0x110000; point++) {
        uint8_t bytes[4];
        size_t size_bytes;
        if (point < 0x800) {
            bytes[0] = (uint8_t)(0xc0 | point >> 6);
            size_bytes = 2;
        } else if (point < 0x10000) {
            bytes[0] = (uint8_t)(0xe0 | point >> 12);
            size_bytes = 3;
        } else {
            bytes[0] = (uint8_t)(0xf0 | point >> 18);
            size_bytes = 4;
        }
        for (size_t i = 1; i < size_bytes; i++) {
            bytes[i] = (uint8_t)(0x80 | (point >> (6 * (size_bytes - 1 - i)) & 0x3f));
        }
        struct utf8 utf8 = {0};
        const bool is_good = utf8_check(&utf8, bytes, size_bytes) && utf8_is_whole(&utf8);
        assert_int_equal(is_good, point < 0xd800 || point > 0xdfff);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static void what_we_send_is_masked_and_unmasks_to_what_was_given(void **state)
{
    (void)state;
    static char payload[66000];
    static uint8_t frame[sizeof(payload) + WEBSOCKET_HEADER_BYTES_MAX];
    static const size_t sizes[] = {0, 1, 125, 126, 5000, 65535, 65536, 66000};
    struct websocket *const websocket = websocket_create(MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (char)('a' + i % 26);
    }
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        const size_t length_bytes = sizes[i] < 126 ? 0 : sizes[i] < 65536 ? 2 : 8;
        const int written =
            websocket_write(websocket, WEBSOCKET_TEXT, payload, sizes[i], frame, sizeof(frame));
        assert_int_equal(written, 2 + length_bytes + 4 + sizes[i]);
        assert_int_equal(frame[0], 0x81);
        assert_int_equal(frame[1],
                         0x80 | (length_bytes == 0   ? sizes[i]
                                 : length_bytes == 2 ? 126
                                                     : 127));
        const uint8_t *const mask = frame + 2 + length_bytes;
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal((uint8_t)(mask[4 + at] ^ mask[at % 4]), (uint8_t)payload[at]);
        }
    }
    websocket_destroy(websocket);
}

static int mask_order(const void *left, const void *right)
{
    return memcmp(left, right, 4);
}

static void every_frame_has_a_mask_of_its_own(void **state)
{
    (void)state;

    enum { FRAMES = 4096, CONNECTIONS = 2 };

    static uint8_t masks[CONNECTIONS * FRAMES][4];
    for (size_t c = 0; c < CONNECTIONS; c++) {
        struct websocket *const websocket = websocket_create(MESSAGE_BYTES_MAX);
        for (size_t i = 0; i < FRAMES; i++) {
            uint8_t frame[32];
            assert_int_equal(
                websocket_write(websocket, WEBSOCKET_PING, "12345678", 8, frame, sizeof(frame)),
                14);
            memcpy(masks[c * FRAMES + i], frame + 2, 4);
        }
        websocket_destroy(websocket);
    }
    qsort(masks, ARRAY_COUNT(masks), sizeof(masks[0]), mask_order);
    size_t repeated = 0;
    for (size_t i = 1; i < ARRAY_COUNT(masks); i++) {
        repeated += memcmp(masks[i - 1], masks[i], 4) == 0;
    }
    assert_true(repeated <= 3); /* 8192 of 2^32: 0.008 pairs expected */
}

static void what_does_not_fit_is_not_written(void **state)
{
    (void)state;
    struct websocket *const websocket = websocket_create(MESSAGE_BYTES_MAX);
    uint8_t frame[64];
    memset(frame, 0xee, sizeof(frame));
    assert_int_equal(websocket_write(websocket, WEBSOCKET_TEXT, frame, 20, frame, 20 + 13),
                     -ENOBUFS);
    assert_int_equal(websocket_write(websocket, WEBSOCKET_PING, frame, 126, frame, sizeof(frame)),
                     -EINVAL);
    assert_int_equal(frame[0], 0xee);
    assert_int_equal(websocket_write(websocket, WEBSOCKET_TEXT, "x", 1, frame, 15),
                     7); /* and nothing is stuck */
    websocket_destroy(websocket);
}

static int guard_open(void **state)
{
    (void)state;
    guarded = guarded_open();
    return 0;
}

static int guard_close(void **state)
{
    (void)state;
    guarded_close(&guarded);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_one_frame_come_out_whole_wherever_they_are_split),
        cmocka_unit_test(a_message_of_one_frame_is_delivered_from_where_it_was_received),
        cmocka_unit_test(fragments_are_joined_and_control_frames_between_them_come_first),
        cmocka_unit_test(a_character_may_be_split_over_fragments),
        cmocka_unit_test(a_close_inside_a_fragmented_message_is_taken),
        cmocka_unit_test(close_codes_and_reasons_are_kept_as_they_are),
        cmocka_unit_test(what_rfc_6455_forbids_is_refused_with_its_close_code),
        cmocka_unit_test(fragments_that_sum_up_to_too_much_are_refused_before_the_last_arrives),
        cmocka_unit_test(a_message_of_exactly_the_bound_is_taken_fragmented_too),
        cmocka_unit_test(hostile_bytes_never_do_more_than_be_refused),
        cmocka_unit_test(utf8_is_told_from_what_is_not),
        cmocka_unit_test(every_code_point_is_good_and_every_surrogate_bad),
        cmocka_unit_test(what_we_send_is_masked_and_unmasks_to_what_was_given),
        cmocka_unit_test(every_frame_has_a_mask_of_its_own),
        cmocka_unit_test(what_does_not_fit_is_not_written),
    };
    return cmocka_run_group_tests_name("websocket", tests, guard_open, guard_close);
}
