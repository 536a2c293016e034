/* SPDX-License-Identifier: MIT
 *
 * segment_fixture.h - a small segment in a directory of its own, for the tests of publisher and
 * reader.
 */
#ifndef FLATLINE_TESTS_SEGMENT_FIXTURE_H
#define FLATLINE_TESTS_SEGMENT_FIXTURE_H

#include "core/base.h"
#include "core/clock.h"
#include "core/publisher.h"
#include "flatline/flatline.h"
#include "tests/segment_cast.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURE_ALIVE_NS (250 * NS_PER_MS)

struct fixture {
    char directory[64];
    char path[96];
    struct publisher_config config;
    struct publisher *publisher;
};

static const struct flatline_gate_member fixture_both[] = {
    {.stream = 0}, {.stream = 1, .stale_adjust_ns = -(int64_t)NS_PER_S}};
static const struct flatline_gate_member fixture_okx[] = {{.stream = 1}};

static const struct publisher_gate fixture_gates[] = {
    {.name = "both", .members = fixture_both, .member_count = 2},
    {.name = "okx/BTC-USDT", .members = fixture_okx, .member_count = 1},
};

static const char *const fixture_counters[] = {"ring_full", "rest_429"};

static inline void fixture_prepare(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    (void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/flatline-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/seg", fixture->directory);
    fixture->config = (struct publisher_config){
        .directory = fixture->directory,
        .name = "seg",
        .group = (gid_t)-1,
        .streams = cast_streams,
        .stream_count = ARRAY_COUNT(cast_streams),
        .connections = cast_connections,
        .connection_count = ARRAY_COUNT(cast_connections),
        .gates = fixture_gates,
        .gate_count = ARRAY_COUNT(fixture_gates),
        .faults_max = 4,
        .events_max = 8,
        .counter_names = fixture_counters,
        .counter_count = ARRAY_COUNT(fixture_counters),
    };
}

static inline void fixture_publish(struct fixture *fixture)
{
    char text[PUBLISHER_ERROR_TEXT_BYTES] = "";
    const int error = publisher_create(&fixture->config, &fixture->publisher, text);
    if (error != 0) {
        fail_msg("publisher_create: %d: %s", error, text);
    }
}

/* The lease of a stream reaches until_ns; its detail says when it was earned. */
static inline void fixture_lease(struct fixture *fixture, uint32_t stream, uint64_t until_ns)
{
    const struct stream_view view = {.lease_until_ns = until_ns,
                                     .due_id = 41,
                                     .frontier_id = 42,
                                     .frames = 7,
                                     .last_newer_ns = until_ns - 3 * NS_PER_S,
                                     .ever_leased = true};
    publisher_detail(fixture->publisher, stream, &view);
    publisher_lease(fixture->publisher, stream, &view);
}

static inline void fixture_beat(struct fixture *fixture)
{
    const uint64_t now = clock_mono_ns();
    publisher_beat(fixture->publisher, now, now, FIXTURE_ALIVE_NS);
}

static inline void fixture_remove(struct fixture *fixture)
{
    char command[128];
    publisher_destroy(fixture->publisher);
    fixture->publisher = NULL;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
}

static inline struct flatline *fixture_attach(const struct fixture *fixture)
{
    struct flatline *reader = NULL;
    assert_int_equal(flatline_attach(fixture->path, &reader), 0);
    return reader;
}

#endif
