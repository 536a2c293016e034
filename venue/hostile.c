/* SPDX-License-Identifier: MIT
 *
 * hostile.c - each kind breaks one rule of RFC 6455, or none of them while its text breaks JSON.
 */
#include "venue/hostile.h"

#include <string.h>

#define FIN       0x80U
#define RSV1      0x40U
#define RSV3      0x10U
#define OP_TEXT   0x1U
#define OP_BINARY 0x2U
#define OP_CLOSE  0x8U
#define OP_PING   0x9U
#define MASKED    0x80U
#define DEEP      10000
#define LARGE     ((size_t)1 << 20)

static void add_byte(struct text *bytes, unsigned value)
{
    const char byte = (char)value;
    text_add_bytes(bytes, &byte, 1);
}

/* Header with the shortest length that holds it. */
static void add_header(struct text *bytes, unsigned first, uint64_t length, unsigned mask)
{
    const unsigned extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
    add_byte(bytes, first);
    add_byte(bytes, mask | (extra == 0 ? (unsigned)length : extra == 2 ? 126U : 127U));
    for (unsigned i = extra; i > 0; i--) {
        add_byte(bytes, (unsigned)(length >> (8 * (i - 1)) & 0xFF));
    }
}

static void add_frame(struct text *bytes, unsigned first, const char *payload)
{
    add_header(bytes, first, strlen(payload), 0);
    text_add(bytes, payload);
}

static void add_deep(struct text *bytes)
{
    add_header(bytes, FIN | OP_TEXT, (uint64_t)2 * DEEP, 0);
    for (int i = 0; i < DEEP; i++) {
        text_add(bytes, "[");
    }
    for (int i = 0; i < DEEP; i++) {
        text_add(bytes, "]");
    }
}

static void add_large(struct text *bytes)
{
    add_header(bytes, FIN | OP_TEXT, LARGE + 2, 0);
    text_add(bytes, "\"");
    for (size_t i = 0; i < LARGE; i += 16) {
        text_add(bytes, "0123456789abcdef");
    }
    text_add(bytes, "\"");
}

static void add_masked(struct text *bytes)
{
    add_header(bytes, FIN | OP_TEXT, 2, MASKED);
    text_add_bytes(bytes, "\0\0\0\0{}", 6);
}

static void add_length_with_sign(struct text *bytes)
{
    add_byte(bytes, FIN | OP_TEXT);
    add_byte(bytes, 127);
    text_add_bytes(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}

static void add_oversize(struct text *bytes)
{
    add_header(
        bytes, FIN | OP_TEXT, (uint64_t)1 << 40, 0); /* a terabyte is announced, some of it comes */
    text_add(bytes, "{\"e\":\"");
}

static void add_ping_oversize(struct text *bytes)
{
    add_header(bytes, FIN | OP_PING, 126, 0);
    for (int i = 0; i < 126; i++) {
        text_add(bytes, "p");
    }
}

static void add_close_short(struct text *bytes)
{
    add_header(bytes, FIN | OP_CLOSE, 1, 0);
    add_byte(bytes, 3);
}

static void add_close_code(struct text *bytes)
{
    add_header(bytes, FIN | OP_CLOSE, 2, 0);
    text_add_bytes(bytes, "\x03\xed", 2); /* 1005 must not be sent */
}

static void add_length_overlong(struct text *bytes)
{
    add_byte(bytes, FIN | OP_TEXT);
    add_byte(bytes, 126);
    text_add_bytes(bytes, "\0\2{}", 4); /* 2, in two bytes more than it needs */
}

static void add_binary(struct text *bytes)
{
    add_header(bytes, FIN | OP_BINARY, 4, 0);
    text_add_bytes(bytes, "\0\1\2\3", 4);
}

/* Kinds with a frame that can be written down whole. */
static const struct {
    const char *kind;
    unsigned first;
    const char *payload;
} PLAIN[] = {
    {"rsv1", FIN | RSV1 | OP_TEXT, "{}"},
    {"rsv3", FIN | RSV3 | OP_TEXT, "{}"},
    {"badutf8", FIN | OP_TEXT, "{\"e\":\"\xc3\x28\"}"},
    {"badjson", FIN | OP_TEXT, "{\"e\":\"depthUpdate\",\"E\":17"},
    {"emptyjson", FIN | OP_TEXT, "{}"},
    {"empty", FIN | OP_TEXT, ""},
    {"unknown-opcode", FIN | 0x3U, "{}"},
    {"unknown-control", FIN | 0xBU, ""},
    {"orphan-continuation", FIN, "{}"},
    {"fragmented-ping", OP_PING, "x"},
    {"unknown-channel",
     FIN | OP_TEXT,
     "{\"e\":\"somethingNew\",\"E\":1700000000000,\"s\":\"BTCUSDT\"}"},
    {"hugenumber",
     FIN | OP_TEXT,
     "{\"e\":\"trade\",\"E\":99999999999999999999999999,\"s\":\"BTCUSDT\",\"t\":-1e999}"},
    {"pong", FIN | 0xAU, "nobody asked"},
};

static const struct {
    const char *kind;
    void (*add)(struct text *bytes);
} MADE[] = {
    {"deepjson", add_deep},
    {"large", add_large},
    {"masked", add_masked},
    {"oversize", add_oversize},
    {"bad-length", add_length_with_sign},
    {"long-length", add_length_overlong},
    {"ping-oversize", add_ping_oversize},
    {"close-short", add_close_short},
    {"close-1005", add_close_code},
    {"binary", add_binary},
};

bool hostile_bytes(const char *kind, struct text *bytes)
{
    for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++) {
        if (strcmp(PLAIN[i].kind, kind) == 0) {
            add_frame(bytes, PLAIN[i].first, PLAIN[i].payload);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(MADE) / sizeof(MADE[0]); i++) {
        if (strcmp(MADE[i].kind, kind) == 0) {
            MADE[i].add(bytes);
            return true;
        }
    }
    return false;
}

const char *hostile_kinds(void)
{
    return "write: hostile TARGET "
           "rsv1|rsv3|masked|badutf8|badjson|deepjson|hugenumber|large|oversize|bad-length|long-"
           "length|empty|emptyjson|"
           "unknown-channel|unknown-opcode|unknown-control|orphan-continuation|fragmented-ping|"
           "ping-oversize|pong|close-short|"
           "close-1005|binary";
}
