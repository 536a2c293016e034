/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/connection_dial ends in a connection or in a report that says how far it came and
 * why it stopped, within the phase's own time; nothing behind the upgrade answer is lost; no
 * certificate that should fail passes. Method: a listener on loopback played by the test between
 * two dial_advance() calls; time is an argument, so no test waits for a timeout. Only the resolver
 * tests leave the process, for the name localhost.
 */
#include "feeds/connection_dial.h"
#include "feeds/connection_resolve.h"
#include "feeds/websocket_upgrade.h"
#include "unit/tls_peer.h"

#include "core/base.h"
#include "core/clock.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#define START_NS   (1000 * NS_PER_S)
#define TURNS_MAX  2000
#define ANSWER_MAX (64U * 1024U)

static struct peer_identity identity;
static struct dial_tls *trusting;

struct rig {
    int listen_fd;
    uint16_t port;
    char address[32];
    bool is_accepted;
    struct peer peer;
    struct dial *dial;
    char request[4096];
    size_t request_bytes;
};

static int rig_open(void **state)
{
    struct rig *const rig = calloc(1, sizeof(*rig));
    rig->listen_fd = peer_listen(&rig->port);
    (void)snprintf(rig->address, sizeof(rig->address), "127.0.0.1:%u", (unsigned)rig->port);
    *state = rig;
    return 0;
}

static int rig_close(void **state)
{
    struct rig *const rig = *state;
    dial_destroy(rig->dial);
    if (rig->is_accepted) {
        peer_close(&rig->peer);
    }
    if (rig->listen_fd >= 0) {
        (void)close(rig->listen_fd);
    }
    free(rig);
    return 0;
}

static struct dial_params params_of(const struct rig *rig)
{
    return (struct dial_params){.tls = trusting,
                                .host = PEER_NAME,
                                .port = 443,
                                .path = "/ws/v5/public",
                                .address = rig->address};
}

static void start(struct rig *rig, const struct dial_params *params)
{
    assert_int_equal(dial_start(params, START_NS, &rig->dial), 0);
}

/* One turn of both sides. */
static enum dial_status turn(struct rig *rig)
{
    struct pollfd wait[2] = {
        {.fd = dial_fd(rig->dial), .events = dial_events(rig->dial)},
        {.fd = rig->is_accepted ? rig->peer.fd : rig->listen_fd, .events = POLLIN}};
    (void)poll(wait, 2, 10);
    if (!rig->is_accepted && (wait[1].revents & POLLIN) != 0) {
        peer_accept(&rig->peer, &identity, rig->listen_fd);
        rig->is_accepted = true;
    }
    if (rig->is_accepted && rig->peer.fd >= 0) {
        rig->request_bytes += peer_receive(&rig->peer,
                                           rig->request + rig->request_bytes,
                                           sizeof(rig->request) - 1 - rig->request_bytes);
    }
    return dial_advance(rig->dial, START_NS + 5);
}

/* Until the server has the whole request. */
static void reach_upgrade(struct rig *rig)
{
    for (int i = 0; i < TURNS_MAX && strstr(rig->request, "\r\n\r\n") == NULL; i++) {
        assert_int_equal(turn(rig), DIAL_BUSY);
    }
    assert_non_null(strstr(rig->request, "\r\n\r\n"));
    assert_int_equal(dial_phase(rig->dial), LINK_UPGRADE);
}

static enum dial_status settle(struct rig *rig)
{
    enum dial_status status = DIAL_BUSY;
    for (int i = 0; i < TURNS_MAX && status == DIAL_BUSY; i++) {
        status = turn(rig);
    }
    return status;
}

static void accept_of_request(const struct rig *rig, char accept[UPGRADE_ACCEPT_BYTES])
{
    static const char field[] = "Sec-WebSocket-Key: ";
    char key[UPGRADE_KEY_BYTES] = {0};
    const char *const at = strstr(rig->request, field);
    assert_non_null(at);
    memcpy(key, at + sizeof(field) - 1, UPGRADE_KEY_BYTES - 1);
    assert_int_equal(upgrade_accept(key, accept), 0);
}

/* The good answer with `more` among its fields and `behind` behind it. Returns its length. */
static size_t good_answer(
    const struct rig *rig, const char *more, const char *behind, char *answer, size_t answer_bytes)
{
    char accept[UPGRADE_ACCEPT_BYTES];
    accept_of_request(rig, accept);
    const int length =
        snprintf(answer,
                 answer_bytes,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n%s\r\n%s",
                 accept,
                 more,
                 behind);
    assert_true(length > 0 && (size_t)length < answer_bytes);
    return (size_t)length;
}

static void
expect_failure(const struct rig *rig, enum link_phase phase, enum link_end how, int32_t code)
{
    const struct link_report *const report = dial_report(rig->dial);
    if (report->phase != phase || report->how != how || report->code != code) {
        fail_msg("phase %d how %d code %d: %s",
                 (int)report->phase,
                 (int)report->how,
                 (int)report->code,
                 report->text);
    }
    assert_true(report->text[0] != '\0');
    assert_int_equal(dial_fd(rig->dial), -1);
}

struct heard {
    uint32_t count;
    char text[64];
};

static bool hear(void *user, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    struct heard *const heard = user;
    (void)recv_mono_ns;
    (void)snprintf(heard->text,
                   sizeof(heard->text),
                   "%.*s",
                   (int)message->size_bytes,
                   (const char *)message->bytes);
    heard->count++;
    return true;
}

/* ---- success --------------------------------------------------------------------------------- */

static void a_good_answer_gives_a_connection_and_no_byte_behind_it_is_lost(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    char answer[1024];
    struct heard heard = {0};
    start(rig, &params);
    reach_upgrade(rig);
    assert_non_null(strstr(rig->request, "GET /ws/v5/public HTTP/1.1\r\nHost: " PEER_NAME "\r\n"));
    assert_null(strstr(rig->request, "Extensions"));
    const size_t answer_bytes = good_answer(rig,
                                            "Server: x\r\n",
                                            "\x81\x05"
                                            "early\x81\x04"
                                            "la",
                                            answer,
                                            sizeof(answer));
    peer_send(&rig->peer, answer, answer_bytes);
    assert_int_equal(settle(rig), DIAL_DONE);
    assert_true(dial_phase_ns(rig->dial, LINK_UPGRADE) == 0 ||
                dial_phase_ns(rig->dial, LINK_UPGRADE) == 5);
    struct connection *const connection = dial_take(rig->dial);
    assert_int_equal(connection_read(connection, clock_mono_ns, 65536, hear, &heard),
                     CONNECTION_DRAINED);
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.text, "early");
    peer_send(&rig->peer, "te", 2);
    struct pollfd ready = {.fd = connection_fd(connection), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 5000), 1);
    assert_int_equal(connection_read(connection, clock_mono_ns, 65536, hear, &heard),
                     CONNECTION_DRAINED);
    assert_string_equal(heard.text, "late");
    connection_destroy(connection);
}

static void tls_1_2_does_as_well(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    char answer[1024];
    struct heard heard = {0};
    assert_int_equal(SSL_CTX_set_max_proto_version(identity.context, TLS1_2_VERSION), 1);
    start(rig, &params);
    reach_upgrade(rig);
    assert_int_equal(SSL_CTX_set_max_proto_version(identity.context, 0), 1);
    assert_string_equal(SSL_get_version(rig->peer.ssl), "TLSv1.2");
    peer_send(&rig->peer, answer, good_answer(rig, "", "\x81\x02hi", answer, sizeof(answer)));
    assert_int_equal(settle(rig), DIAL_DONE);
    struct connection *const connection = dial_take(rig->dial);
    assert_int_equal(connection_read(connection, clock_mono_ns, 65536, hear, &heard),
                     CONNECTION_DRAINED);
    assert_string_equal(heard.text, "hi");
    connection_destroy(connection);
}

static void an_answer_split_at_every_byte_is_the_same_answer(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    char answer[1024];
    start(rig, &params);
    reach_upgrade(rig);
    const size_t answer_bytes = good_answer(rig, "", "", answer, sizeof(answer));
    for (size_t i = 0; i < answer_bytes; i++) {
        assert_int_equal(turn(rig), DIAL_BUSY);
        peer_send(&rig->peer, answer + i, 1);
    }
    assert_int_equal(settle(rig), DIAL_DONE);
}

static void a_dial_given_up_half_way_leaks_nothing(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    start(rig, &params);
    (void)turn(rig);
    dial_destroy(rig->dial); /* the sanitizer counts */
    start(rig, &params);
    rig->request[0] = '\0';
    dial_destroy(rig->dial);
    rig->dial = NULL;
}

/* ---- the server's refusals ------------------------------------------------------------------- */

static void upgrade_answers_that_are_not_good_fail_the_upgrade(void **state)
{
    struct rig *const rig = *state;

    static const struct {
        const char *answer; /* NULL: the good one with `field` */
        const char *field;
        enum link_end how;
        int32_t code;
        uint64_t retry_after_s;
    } cases[] = {
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
         "AAAA\r\n\r\n",
         NULL,
         LINK_END_PROTOCOL,
         1002,
         0},
        {NULL, "Sec-WebSocket-Extensions: permessage-deflate\r\n", LINK_END_PROTOCOL, 1002, 0},
        {NULL, "Sec-WebSocket-Protocol: chat\r\n", LINK_END_PROTOCOL, 1002, 0},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 37\r\n\r\n", NULL, LINK_END_HTTP, 429, 37},
        {"HTTP/1.1 418 I'm a teapot\r\nRetry-After: 120\r\n\r\n", NULL, LINK_END_HTTP, 418, 120},
        {"HTTP/1.1 403 Forbidden\r\n\r\n", NULL, LINK_END_HTTP, 403, 0},
        {"220 mail.test ESMTP\r\n\r\n", NULL, LINK_END_PROTOCOL, 1002, 0},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct dial_params params = params_of(rig);
        char answer[1024];
        memset(rig->request, 0, sizeof(rig->request));
        rig->request_bytes = 0;
        start(rig, &params);
        reach_upgrade(rig);
        if (cases[i].answer == NULL) {
            peer_send(
                &rig->peer, answer, good_answer(rig, cases[i].field, "", answer, sizeof(answer)));
        } else {
            peer_send(&rig->peer, cases[i].answer, strlen(cases[i].answer));
        }
        assert_int_equal(settle(rig), DIAL_FAILED);
        expect_failure(rig, LINK_UPGRADE, cases[i].how, cases[i].code);
        assert_int_equal(dial_report(rig->dial)->retry_after_ns, cases[i].retry_after_s * NS_PER_S);
        dial_destroy(rig->dial);
        rig->dial = NULL;
        peer_close(&rig->peer);
        rig->is_accepted = false;
    }
}

static void an_endless_header_is_cut_off(void **state)
{
    struct rig *const rig = *state;
    static char answer[ANSWER_MAX];
    const struct dial_params params = params_of(rig);
    start(rig, &params);
    reach_upgrade(rig);
    memset(answer, 'x', sizeof(answer));
    memcpy(answer, "HTTP/1.1 101 x\r\nA: ", 19);
    peer_send(&rig->peer, answer, 16000);
    assert_int_equal(turn(rig), DIAL_BUSY);
    peer_send(&rig->peer, answer + 16000, 16000);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_UPGRADE, LINK_END_PROTOCOL, 1002);
}

static void a_peer_that_leaves_during_the_upgrade_is_eof_or_its_errno(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    start(rig, &params);
    reach_upgrade(rig);
    peer_fin(&rig->peer);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_UPGRADE, LINK_END_EOF, 0);

    dial_destroy(rig->dial);
    peer_close(&rig->peer);
    rig->is_accepted = false;
    memset(rig->request, 0, sizeof(rig->request));
    rig->request_bytes = 0;
    start(rig, &params);
    reach_upgrade(rig);
    peer_reset(&rig->peer);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_UPGRADE, LINK_END_ERROR, ECONNRESET);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static void a_certificate_of_another_name_is_refused(void **state)
{
    struct rig *const rig = *state;
    struct dial_params params = params_of(rig);
    params.host = "other.test";
    start(rig, &params);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_TLS, LINK_END_TLS, X509_V_ERR_HOSTNAME_MISMATCH);
}

static void a_certificate_of_an_unknown_authority_is_refused(void **state)
{
    struct rig *const rig = *state;
    struct dial_params params = params_of(rig);
    char text[128];
    assert_int_equal(dial_tls_create(NULL, &params.tls, text, sizeof(text)),
                     0); /* the system's store */
    start(rig, &params);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_TLS, LINK_END_TLS, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    dial_destroy(rig->dial);
    rig->dial = NULL;
    dial_tls_destroy(params.tls);
}

static void a_numeric_host_is_matched_against_the_certificate_s_addresses(void **state)
{
    struct rig *const rig = *state;
    struct dial_params params = params_of(rig);
    params.host = "127.0.0.1";
    params.port = rig->port;
    params.address = NULL;
    start(rig, &params);
    reach_upgrade(rig);
    dial_destroy(rig->dial);
    peer_close(&rig->peer);
    rig->is_accepted = false;
    params.host = "127.0.0.2"; /* same listener? no: but the address override reaches it */
    params.address = rig->address;
    start(rig, &params);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_TLS, LINK_END_TLS, X509_V_ERR_IP_ADDRESS_MISMATCH);
}

static void tls_older_than_1_2_is_refused(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    SSL_CTX_set_security_level(identity.context, 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(identity.context, TLS1_1_VERSION), 1);
    start(rig, &params);
    const enum dial_status status = settle(rig);
    assert_int_equal(SSL_CTX_set_max_proto_version(identity.context, 0), 1);
    assert_int_equal(status, DIAL_FAILED);
    expect_failure(rig, LINK_TLS, LINK_END_TLS, 0);
}

static void a_ca_file_that_is_none_is_a_named_error(void **state)
{
    (void)state;
    struct dial_tls *tls = NULL;
    char text[128] = "";
    assert_int_equal(dial_tls_create("/nonexistent/ca.pem", &tls, text, sizeof(text)), -EINVAL);
    assert_non_null(strstr(text, "/nonexistent/ca.pem: "));
    assert_int_equal(dial_tls_create("/dev/null", &tls, text, sizeof(text)), -EINVAL);
    assert_null(tls);
}

/* ---- time and reachability ------------------------------------------------------------------- */

static void each_phase_has_its_own_time(void **state)
{
    struct rig *const rig = *state;
    struct dial_params params = params_of(rig);
    params.tls_timeout_ns = 2 * NS_PER_S;
    params.upgrade_timeout_ns = 1 * NS_PER_S;
    start(rig, &params);
    assert_int_equal(dial_deadline_mono_ns(rig->dial), START_NS + 3 * NS_PER_S);
    for (int i = 0; i < TURNS_MAX && dial_phase(rig->dial) == LINK_TCP;
         i++) { /* nobody accepts: TLS stays silent */
        struct pollfd ready = {.fd = dial_fd(rig->dial), .events = dial_events(rig->dial)};
        (void)poll(&ready, 1, 10);
        (void)dial_advance(rig->dial, START_NS + NS_PER_S);
    }
    assert_int_equal(dial_phase(rig->dial), LINK_TLS);
    assert_int_equal(dial_deadline_mono_ns(rig->dial), START_NS + 3 * NS_PER_S);
    assert_int_equal(dial_advance(rig->dial, START_NS + 3 * NS_PER_S - 1), DIAL_BUSY);
    assert_int_equal(dial_advance(rig->dial, START_NS + 3 * NS_PER_S), DIAL_FAILED);
    expect_failure(rig, LINK_TLS, LINK_END_TIMEOUT, ETIMEDOUT);
    assert_string_equal(dial_report(rig->dial)->text, "TLS: no answer in 2000 ms");
    dial_destroy(rig->dial);

    params.tls_timeout_ns = 0;
    close(rig->listen_fd);
    rig->listen_fd = peer_listen(&rig->port);
    (void)snprintf(rig->address, sizeof(rig->address), "127.0.0.1:%u", (unsigned)rig->port);
    start(rig, &params);
    reach_upgrade(rig);
    assert_int_equal(dial_advance(rig->dial, START_NS + NS_PER_S + 5), DIAL_FAILED);
    expect_failure(rig, LINK_UPGRADE, LINK_END_TIMEOUT, ETIMEDOUT);
}

static void a_closed_port_is_refused_by_its_errno(void **state)
{
    struct rig *const rig = *state;
    const struct dial_params params = params_of(rig);
    (void)close(rig->listen_fd);
    rig->listen_fd = -1;
    start(rig, &params);
    assert_int_equal(settle(rig), DIAL_FAILED);
    expect_failure(rig, LINK_TCP, LINK_END_ERROR, ECONNREFUSED);
}

static void an_address_that_cannot_even_be_tried_fails_without_waiting(void **state)
{
    struct rig *const rig = *state;
    struct dial_params params = params_of(rig);
    params.address =
        "255.255.255.255:443"; /* TCP to the broadcast address is refused by our own kernel */
    start(rig, &params);
    assert_true(dial_deadline_mono_ns(rig->dial) <= START_NS);
    assert_int_equal(dial_advance(rig->dial, START_NS), DIAL_FAILED);
    assert_int_equal(dial_report(rig->dial)->how, LINK_END_ERROR);
    assert_true(dial_report(rig->dial)->code > 0);
}

static void a_name_is_resolved_beside_and_its_addresses_are_tried_in_turn(void **state)
{
    struct rig *const rig = *state;
    struct dial_params params = params_of(rig);
    params.host = "localhost"; /* often ::1 first, where nobody listens */
    params.port = rig->port;
    params.address = NULL;
    start(rig, &params);
    assert_int_equal(dial_phase(rig->dial), LINK_DNS);
    reach_upgrade(rig);
}

static void a_lookup_nobody_waits_for_any_more_frees_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct resolve *resolve = NULL;
        assert_int_equal(resolve_start("localhost", 443, &resolve), 0);
        if (i % 2 == 0) {
            struct pollfd ready = {.fd = resolve_fd(resolve), .events = POLLIN};
            struct resolve_result result;
            assert_int_equal(poll(&ready, 1, 10000), 1);
            assert_true(resolve_poll(resolve, &result));
            assert_int_equal(result.gai_error, 0);
            assert_true(result.count >= 1);
        }
        resolve_abandon(resolve);
    }
    usleep(50000); /* for the leak check: let the abandoned ones finish */
}

static void what_cannot_be_dialled_is_refused_at_once(void **state)
{
    struct rig *const rig = *state;
    static const char *const addresses[] = {"",
                                            ":443",
                                            "127.0.0.1:",
                                            "127.0.0.1:0",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:x",
                                            "venue.test",
                                            "[::1",
                                            "::1]",
                                            "[::1]x",
                                            "[]:1",
                                            "1.2.3",
                                            "127.0.0.1: 1"};
    struct dial_params params = params_of(rig);
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        params.address = addresses[i];
        if (strcmp(addresses[i], "1.2.3") != 0) { /* an old spelling the resolver takes */
            assert_int_equal(dial_start(&params, START_NS, &rig->dial), -EINVAL);
        }
    }
    params.address = rig->address;
    params.path = "no-slash";
    assert_int_equal(dial_start(&params, START_NS, &rig->dial), -EINVAL);
    params.path = "/";
    params.host = "two words";
    assert_int_equal(dial_start(&params, START_NS, &rig->dial), -EINVAL);
    assert_null(rig->dial);
}

static int group_open(void **state)
{
    char text[128];
    (void)state;
    peer_identity_open(&identity);
    return dial_tls_create(identity.ca_path, &trusting, text, sizeof(text));
}

static int group_close(void **state)
{
    (void)state;
    dial_tls_destroy(trusting);
    peer_identity_close(&identity);
    return 0;
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

static void a_twin_s_address_is_tried_last_and_once(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.2", "::1", "127.0.0.2", "127.0.0.3"};
    struct resolve_result result = {.count = 0};
    struct resolve_result one;
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        assert_true(resolve_numeric(hosts[i], 443, &one));
        result.addresses[result.count++] = one.addresses[0];
    }
    const struct resolve_result before = result;
    assert_true(resolve_numeric("127.0.0.9", 443, &one));
    resolve_put_last(&result, &one.addresses[0]); /* not among them */
    assert_memory_equal(&result, &before, sizeof(result));
    assert_true(resolve_numeric("127.0.0.2", 9443, &one)); /* the port does not matter */
    resolve_put_last(&result, &one.addresses[0]);
    assert_int_equal(result.count, 3);
    assert_memory_equal(&result.addresses[0], &before.addresses[1], sizeof(result.addresses[0]));
    assert_memory_equal(&result.addresses[1], &before.addresses[3], sizeof(result.addresses[0]));
    assert_memory_equal(&result.addresses[2], &before.addresses[0], sizeof(result.addresses[0]));
    result.count = 1; /* the only one there is stays */
    result.addresses[0] = one.addresses[0];
    resolve_put_last(&result, &one.addresses[0]);
    assert_int_equal(result.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_good_answer_gives_a_connection_and_no_byte_behind_it_is_lost),
        RIGGED(tls_1_2_does_as_well),
        RIGGED(an_answer_split_at_every_byte_is_the_same_answer),
        RIGGED(a_dial_given_up_half_way_leaks_nothing),
        RIGGED(upgrade_answers_that_are_not_good_fail_the_upgrade),
        RIGGED(an_endless_header_is_cut_off),
        RIGGED(a_peer_that_leaves_during_the_upgrade_is_eof_or_its_errno),
        RIGGED(a_certificate_of_another_name_is_refused),
        RIGGED(a_certificate_of_an_unknown_authority_is_refused),
        RIGGED(a_numeric_host_is_matched_against_the_certificate_s_addresses),
        RIGGED(tls_older_than_1_2_is_refused),
        cmocka_unit_test(a_twin_s_address_is_tried_last_and_once),
        cmocka_unit_test(a_ca_file_that_is_none_is_a_named_error),
        RIGGED(each_phase_has_its_own_time),
        RIGGED(a_closed_port_is_refused_by_its_errno),
        RIGGED(an_address_that_cannot_even_be_tried_fails_without_waiting),
        RIGGED(a_name_is_resolved_beside_and_its_addresses_are_tried_in_turn),
        cmocka_unit_test(a_lookup_nobody_waits_for_any_more_frees_itself),
        RIGGED(what_cannot_be_dialled_is_refused_at_once),
    };
    return cmocka_run_group_tests_name("dial", tests, group_open, group_close);
}
