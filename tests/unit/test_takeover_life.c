/* SPDX-License-Identifier: MIT
 *
 * Goal: a takeover from first word to last, both sentinels with all their threads, under the
 * sanitizers; and what is learned of silences is written by the one who has the name, and by nobody
 * else. Method: both in one process, against ports nobody listens on, so that no gate is fresh and the
 * successor is warm at once. A file of an earlier life lets them have something to write.
 */
#include "core/clock.h"
#include "sentinel/silence_file.h"

#include <flatline/flatline.h>
#include <flatline/sentinel.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#include "unit/one_authority.h"

#define WITHIN_NS (20 * NS_PER_S)
#define STREAM    "binance-usdm/BTCUSDT/depth@100ms"

static char folder[] = "/tmp/flatline-takeover-XXXXXX";
static char config[128];
static char segment[128];
static char silences[128];
static char authority[128];

static int folder_make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(config, sizeof(config), "%s/flatlined.yaml", folder);
    (void)snprintf(segment, sizeof(segment), "%s/flatline", folder);
    (void)snprintf(silences, sizeof(silences), "%s/flatline.silence", folder);
    (void)snprintf(authority, sizeof(authority), "%s/ca.pem", folder);
    FILE *file = fopen(config, "w");
    if (file == NULL || one_authority_write(authority) != 0) {
        return -1;
    }
    (void)fprintf(file,
                  "streams: [" STREAM "]\n"
                  "venues:\n"
                  "  binance-usdm: {ws: \"wss://127.0.0.1:1\", rest: \"https://127.0.0.1:1\",\n"
                  "    ca_file: %s}\n"
                  "segment: {directory: %s, name: flatline}\n"
                  "control_socket: %s/control\n",
                  authority,
                  folder,
                  folder);
    return fclose(file);
}

static int folder_remove(void **state)
{
    static const char *const NAMES[] = {"flatlined.yaml",
                                        "flatline",
                                        "flatline.lock",
                                        "flatline.silence",
                                        "flatline.advice",
                                        "ca.pem"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(NAMES); i++) {
        char path[160];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, NAMES[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static void silences_write(void)
{
    struct silence_kept row = {.name = STREAM,
                               .tail = {.observed_ns = 3600 * NS_PER_S, .total = 16000}};
    row.tail.counts[3] = 160;
    assert_int_equal(silence_file_save(silences, &row, 1, clock_wall_ns()), 0);
}

static void nap(void)
{
    const struct timespec two_ms = {0, 2 * (long)NS_PER_MS};
    (void)nanosleep(&two_ms, NULL);
}

/* A successor may find that the running one does not beat yet, or was kept from it: -ESRCH. */
static struct flatline_sentinel *start(uint64_t within_ns)
{
    const struct flatline_start_options options = {.take_over_within_ns = within_ns};
    char why[512] = "";
    struct flatline_sentinel *sentinel = NULL;
    int result = -ESRCH;
    for (int i = 0; i < 1000 && result == -ESRCH; i++) {
        nap();
        result = flatline_start_with(config, &options, &sentinel, why, sizeof(why));
    }
    if (result != 0) {
        fail_msg("%s: %s", strerror(-result), why);
    }
    return sentinel;
}

static void take_over(struct flatline_sentinel *successor, struct flatline_sentinel *old)
{
    char why[512] = "";
    int result = 1;
    while (result == 1) {
        nap();
        result = flatline_take_over_step(successor, why, sizeof(why));
    }
    if (result != 0) {
        fail_msg("%s: %s", strerror(-result), why);
    }
    for (int i = 0; i < 5000 && !flatline_superseded(old); i++) {
        nap();
    }
    assert_true(flatline_superseded(old));
}

static void one_that_was_replaced_leaves_the_file_of_silences_to_its_successor(void **state)
{
    (void)state;
    silences_write();
    struct flatline_sentinel *old = start(0);
    struct flatline_sentinel *successor = start(WITHIN_NS);
    take_over(successor, old);
    assert_int_equal(unlink(silences), 0);
    flatline_stop(old);
    assert_int_not_equal(access(silences, F_OK), 0);

    struct flatline *reader = NULL;
    assert_int_equal(flatline_attach(segment, &reader), 0); /* and the name is the successor's */
    assert_true(flatline_alive(reader, clock_mono_ns()));
    flatline_detach(reader);
    flatline_stop(successor);
    assert_int_equal(access(silences, F_OK), 0);
}

static void one_that_gave_up_taking_over_leaves_it_to_the_one_that_runs(void **state)
{
    (void)state;
    silences_write();
    struct flatline_sentinel *old = start(0);
    struct flatline_sentinel *successor = start(WITHIN_NS);
    assert_int_equal(unlink(silences), 0);
    flatline_stop(successor);
    assert_int_not_equal(access(silences, F_OK), 0);
    flatline_stop(old);
    assert_int_equal(access(silences, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_was_replaced_leaves_the_file_of_silences_to_its_successor),
        cmocka_unit_test(one_that_gave_up_taking_over_leaves_it_to_the_one_that_runs),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
