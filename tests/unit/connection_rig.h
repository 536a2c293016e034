/* SPDX-License-Identifier: MIT
 *
 * connection_rig.h - a connection and its TLS peer for tests: what the caller of connection_read()
 * hears, and what the peer sees.
 */
#ifndef FLATLINE_TESTS_CONNECTION_RIG_H
#define FLATLINE_TESTS_CONNECTION_RIG_H

#include "feeds/connection.h"
#include "unit/tls_peer.h"

#define RIG_BUDGET_BYTES      (256U * 1024U)
#define RIG_MESSAGE_BYTES_MAX (1024U * 1024U)
#define RIG_HEARD_MAX         64

struct rig {
    struct connection *connection;
    struct peer peer;
    /* what on_message heard */
    uint32_t heard;
    uint32_t refuse_after;         /* messages taken before the first refusal; UINT32_MAX: never */
    char texts[RIG_HEARD_MAX][64]; /* "T:hello", "B:...", "P:ping", "Q:pong" */
    uint64_t stamps[RIG_HEARD_MAX];
    uint64_t pong_stamp;
    size_t last_bytes;
};

/* cmocka's group and test fixtures */
int rig_group_open(void **state);
int rig_group_close(void **state);
int rig_open(void **state);
int rig_close(void **state);

/** The rig's clock: a counter, one more each time it is asked. */
uint64_t rig_clock_now(void);

/** One read pass, at once. */
enum connection_status read_once(struct rig *rig, uint32_t budget_bytes);

/** Waits for the loopback to have brought something, then one read pass. */
enum connection_status read_ready(struct rig *rig);

/** The client's next frame as the peer sees it: "9:payload", "8:1000:reason"; "" for none. */
void expect_peer_frame(struct rig *rig, const char *expected);

/** How the connection ended; text NULL: whatever it says. */
void expect_end(const struct rig *rig, enum link_end how, int32_t code, const char *text);

#define SEND(rig, literal) peer_send(&(rig)->peer, literal, sizeof(literal) - 1)
#define RIGGED(test)       cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

#endif
