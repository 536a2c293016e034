/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/websocket_upgrade accepts exactly the answers RFC 6455 4.1 lets a client accept,
 * surfaces refusals (429, 418, Retry-After) and is bounded. Method: a table of answers, each fed
 * whole and growing byte by byte up to an unmapped page.
 */
#include "feeds/websocket_upgrade.h"
#include "unit/guarded.h"

#include "core/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h> /* after the headers it needs */

static struct guarded guarded;

/* The example of RFC 6455 1.3. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GOOD                                                                                       \
    "HTTP/1.1 101 Switching Protocols\r\n"                                                         \
    "Upgrade: websocket\r\n"                                                                       \
    "Connection: Upgrade\r\n"                                                                      \
    "Sec-WebSocket-Accept: " ACCEPT "\r\n"

static enum upgrade_status
parse(const char *answer, size_t size_bytes, struct upgrade_answer *ret_answer)
{
    const char *const bytes = (const char *)guarded_copy(&guarded, answer, size_bytes);
    return upgrade_parse(bytes, size_bytes, ACCEPT, ret_answer);
}

static void the_accept_value_is_that_of_the_rfc(void **state)
{
    (void)state;
    char accept[UPGRADE_ACCEPT_BYTES];
    assert_int_equal(upgrade_accept(KEY, accept), 0);
    assert_string_equal(accept, ACCEPT);
}

static void keys_are_24_characters_and_differ(void **state)
{
    (void)state;
    char one[UPGRADE_KEY_BYTES];
    char other[UPGRADE_KEY_BYTES];
    assert_int_equal(upgrade_key(one), 0);
    assert_int_equal(upgrade_key(other), 0);
    assert_int_equal(strlen(one), 24);
    assert_string_not_equal(one, other);
}

static void answers_are_judged_the_same_wherever_they_are_split(void **state)
{
    (void)state;

    static const struct {
        const char *what;
        const char *answer;
        enum upgrade_status expected;
        int http_status;
        uint64_t retry_after_s;
    } cases[] = {
        {"good", GOOD "\r\n", UPGRADE_ACCEPTED, 101, 0},
        {"good, with fields nobody asked about",
         GOOD "Server: x\r\nDate: Thu, 1 Jan 1970\r\n\r\n",
         UPGRADE_ACCEPTED,
         101,
         0},
        {"any case, several connection tokens, blanks",
         "HTTP/1.1 101\r\nUPGRADE:WebSocket  \r\nconnection: keep-alive , "
         "upgrade\r\nsec-websocket-accept:\t" ACCEPT "\r\n\r\n",
         UPGRADE_ACCEPTED,
         101,
         0},
        {"wrong accept value",
         "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
         "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"no accept value",
         "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"accept value twice",
         GOOD "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"no upgrade field",
         "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"upgrade to something else",
         "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
         "\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"no connection token",
         "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "
         "upgraded\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"extension",
         GOOD "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n\r\n",
         UPGRADE_REFUSED,
         101,
         0},
        {"subprotocol", GOOD "Sec-WebSocket-Protocol: chat\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"too many",
         "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 3\r\n\r\nno!",
         UPGRADE_HTTP,
         429,
         120},
        {"banned",
         "HTTP/1.1 418 I'm a teapot\r\nretry-after:  7200 \r\n\r\n",
         UPGRADE_HTTP,
         418,
         7200},
        {"banned for longer than bans last",
         "HTTP/1.1 418 x\r\nRetry-After: 999999999\r\n\r\n",
         UPGRADE_HTTP,
         418,
         604800},
        {"retry at a date",
         "HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n",
         UPGRADE_HTTP,
         503,
         0},
        {"retry overflow",
         "HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999\r\n\r\n",
         UPGRADE_HTTP,
         503,
         0},
        {"forbidden, as 1.0", "HTTP/1.0 403 Forbidden\r\n\r\n", UPGRADE_HTTP, 403, 0},
        {"redirect",
         "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\n\r\n",
         UPGRADE_HTTP,
         302,
         0},
        {"plain 200", "HTTP/1.1 200 OK\r\n\r\n", UPGRADE_HTTP, 200, 0},
        {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", UPGRADE_REFUSED, 0, 0},
        {"HTTP/2", "HTTP/2.0 101 x\r\n\r\n", UPGRADE_REFUSED, 0, 0},
        {"status of four digits", "HTTP/1.1 1010 x\r\n\r\n", UPGRADE_REFUSED, 0, 0},
        {"folded line", GOOD " folded: yes\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"line without a colon", GOOD "colonless\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"blank before the colon", GOOD "Server : x\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"empty name", GOOD ": x\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"bare line feed", GOOD "A: b\nC: d\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"bare carriage return", GOOD "A: b\rC: d\r\n\r\n", UPGRADE_REFUSED, 101, 0},
        {"empty answer", "\r\n\r\n", UPGRADE_REFUSED, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *const header_end = strstr(cases[i].answer, "\r\n\r\n");
        const size_t header_bytes = (size_t)(header_end - cases[i].answer) + 4;
        for (size_t size_bytes = 0; size_bytes <= strlen(cases[i].answer); size_bytes++) {
            struct upgrade_answer answer;
            const enum upgrade_status status = parse(cases[i].answer, size_bytes, &answer);
            const enum upgrade_status expected =
                size_bytes < header_bytes ? UPGRADE_MORE : cases[i].expected;
            if (status != expected ||
                (status != UPGRADE_MORE &&
                 (answer.http_status != cases[i].http_status ||
                  answer.retry_after_ns != cases[i].retry_after_s * NS_PER_S))) {
                fail_msg("%s, %zu bytes: status %d (%s)",
                         cases[i].what,
                         size_bytes,
                         (int)status,
                         answer.text);
            }
            assert_true(status == UPGRADE_MORE || answer.header_bytes == header_bytes);
        }
    }
}

static void bytes_behind_the_answer_are_left_alone(void **state)
{
    (void)state;
    static const char bytes[] = GOOD "\r\n\x81\x05hello";
    struct upgrade_answer answer;
    assert_int_equal(parse(bytes, sizeof(bytes) - 1, &answer), UPGRADE_ACCEPTED);
    assert_int_equal(answer.header_bytes, sizeof(bytes) - 1 - 7);
}

static void the_status_line_is_kept_as_text(void **state)
{
    (void)state;
    static const char bytes[] = "HTTP/1.1 429 Too Many Requests\r\n\r\n";
    struct upgrade_answer answer;
    assert_int_equal(parse(bytes, sizeof(bytes) - 1, &answer), UPGRADE_HTTP);
    assert_string_equal(answer.text, "429 Too Many Requests");
}

static void a_header_of_64_kib_is_refused_at_16(void **state)
{
    (void)state;
    static char bytes[64 * 1024];
    struct upgrade_answer answer;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, GOOD "X: ", sizeof(GOOD "X: ") - 1);
    assert_int_equal(parse(bytes, UPGRADE_ANSWER_BYTES_MAX - 1, &answer), UPGRADE_MORE);
    assert_int_equal(parse(bytes, UPGRADE_ANSWER_BYTES_MAX, &answer), UPGRADE_REFUSED);
    memcpy(bytes + sizeof(bytes) - 4,
           "\r\n\r\n",
           4); /* its end, were it ever reached, does not help */
    assert_int_equal(parse(bytes, sizeof(bytes), &answer), UPGRADE_REFUSED);
}

static void requests_are_whole_and_offer_nothing(void **state)
{
    (void)state;
    char request[512];
    const int length = upgrade_request(
        "fstream.binance.com", 443, "/public/stream", KEY, request, sizeof(request));
    assert_int_equal(length, strlen(request));
    assert_string_equal(
        request,
        "GET /public/stream HTTP/1.1\r\nHost: fstream.binance.com\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY
        "\r\nSec-WebSocket-Version: 13\r\nUser-Agent: flatline\r\n\r\n");
    assert_true(
        upgrade_request("ws.okx.com", 8443, "/ws/v5/public", KEY, request, sizeof(request)) > 0);
    assert_non_null(strstr(request, "\r\nHost: ws.okx.com:8443\r\n"));
    assert_true(upgrade_request("::1", 9443, "/", KEY, request, sizeof(request)) > 0);
    assert_non_null(strstr(request, "\r\nHost: [::1]:9443\r\n"));
}

static void what_would_break_the_request_is_refused(void **state)
{
    (void)state;
    char request[512];
    assert_int_equal(upgrade_request("a\r\nX: y", 443, "/", KEY, request, sizeof(request)),
                     -EINVAL);
    assert_int_equal(upgrade_request("", 443, "/", KEY, request, sizeof(request)), -EINVAL);
    assert_int_equal(upgrade_request("a", 0, "/", KEY, request, sizeof(request)), -EINVAL);
    assert_int_equal(upgrade_request("a", 443, "", KEY, request, sizeof(request)), -EINVAL);
    assert_int_equal(upgrade_request("a", 443, "stream", KEY, request, sizeof(request)), -EINVAL);
    assert_int_equal(upgrade_request("a", 443, "/with blank", KEY, request, sizeof(request)),
                     -EINVAL);
    assert_int_equal(upgrade_request("a", 443, "/\xc3\xa9", KEY, request, sizeof(request)),
                     -EINVAL);
    assert_int_equal(upgrade_request("a", 443, "/", KEY, request, 100), -ENOBUFS);
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
        cmocka_unit_test(the_accept_value_is_that_of_the_rfc),
        cmocka_unit_test(keys_are_24_characters_and_differ),
        cmocka_unit_test(answers_are_judged_the_same_wherever_they_are_split),
        cmocka_unit_test(bytes_behind_the_answer_are_left_alone),
        cmocka_unit_test(the_status_line_is_kept_as_text),
        cmocka_unit_test(a_header_of_64_kib_is_refused_at_16),
        cmocka_unit_test(requests_are_whole_and_offer_nothing),
        cmocka_unit_test(what_would_break_the_request_is_refused),
    };
    return cmocka_run_group_tests_name("upgrade", tests, guard_open, guard_close);
}
