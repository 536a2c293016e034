/* SPDX-License-Identifier: MIT
 *
 * Goal: flatline_start and flatline_stop are guests in somebody's process: no handler, environment variable or descriptor
 * is left changed, every failure has its sentence, and a start that failed leaves nothing behind.
 * Method: sentinels on venues that nobody serves (a closed port of loopback), in a temporary directory.
 */
#include "flatline/flatline.h"
#include "flatline/sentinel.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#include "unit/one_authority.h" /* two sentinels in one process, below */

#define LOOPS_MAX 500

static char directory[64];
static char config_path[96];
static char segment_path[96];
static char authority_path[96];
static char why[4096];

static void config_write(const char *more)
{
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "streams: [binance-spot/BTCUSDT/bookTicker]\n"
                  "venues:\n  binance-spot: {ws: \"wss://nobody.test:1\", rest: "
                  "\"https://nobody.test:1\", address: 127.0.0.1, ca_file: %s}\n"
                  "segment: {directory: %s, name: guest}\n%s",
                  authority_path,
                  directory,
                  more);
    (void)fclose(file);
}

static int directory_open(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/flatline-guest-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(config_path, sizeof(config_path), "%s/flatlined.yaml", directory);
    (void)snprintf(segment_path, sizeof(segment_path), "%s/guest", directory);
    (void)snprintf(authority_path, sizeof(authority_path), "%s/ca.pem", directory);
    config_write("");
    return one_authority_write(authority_path);
}

static int directory_close(void **state)
{
    (void)state;
    char lock[112];
    (void)snprintf(lock, sizeof(lock), "%s.lock", segment_path);
    (void)unlink(lock);
    (void)unlink(config_path);
    (void)unlink(authority_path);
    return rmdir(directory); /* fails if a start or stop left anything behind */
}

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

static void nap(void)
{
    const struct timespec ten_ms = {0, 10 * 1000 * 1000};
    (void)nanosleep(&ten_ms, NULL);
}

static void it_beats_while_it_runs_and_its_segment_goes_with_it(void **state)
{
    (void)state;
    struct flatline_sentinel *sentinel = NULL;
    struct flatline *reader = NULL;
    assert_int_equal(flatline_start(config_path, &sentinel, why, sizeof(why)), 0);
    assert_int_equal(flatline_attach(segment_path, &reader), 0);
    int tries = 0;
    while (!(flatline_beats(sentinel) && flatline_alive(reader, flatline_now_mono_ns())) &&
           tries < LOOPS_MAX) {
        nap();
        tries++;
    }
    assert_true(tries < LOOPS_MAX);
    flatline_stop(sentinel);
    assert_false(flatline_alive(reader, flatline_now_mono_ns()));
    assert_int_equal(access(segment_path, F_OK), -1);
    flatline_detach(reader);
}

static void handler(int number)
{
    (void)number;
}

static void signals_environment_and_descriptors_are_as_before(void **state)
{
    (void)state;
    const struct sigaction ours = {.sa_handler = handler};
    struct sigaction now;
    (void)sigaction(SIGPIPE, &ours, NULL);
    (void)setenv("http_proxy", "http://nobody.test:1", 1);
    const unsigned before = descriptors();
    struct flatline_sentinel *sentinel = NULL;
    assert_int_equal(flatline_start(config_path, &sentinel, why, sizeof(why)), 0);
    (void)sigaction(SIGPIPE, NULL, &now);
    assert_ptr_equal(now.sa_handler, handler);
    assert_string_equal(getenv("http_proxy"), "http://nobody.test:1");
    flatline_stop(sentinel);
    (void)sigaction(SIGPIPE, NULL, &now);
    assert_ptr_equal(now.sa_handler, handler);
    assert_int_equal(descriptors(), before);
    (void)unsetenv("http_proxy");
    (void)signal(SIGPIPE, SIG_DFL);
}

static void a_venue_that_is_not_there_is_told_in_the_log(void **state)
{
    (void)state;
    struct flatline_sentinel *sentinel = NULL;
    bool told = false;
    assert_int_equal(flatline_start(config_path, &sentinel, why, sizeof(why)), 0);
    for (int i = 0; i < LOOPS_MAX && !told; i++) {
        char line[256];
        nap();
        while (flatline_take_log(sentinel, line, sizeof(line))) {
            told |= strstr(line, "binance-spot/stream/1: connect failed") != NULL;
        }
    }
    flatline_stop(sentinel);
    assert_true(told);
}

static void a_second_one_on_the_same_segment_is_refused(void **state)
{
    (void)state;
    struct flatline_sentinel *first = NULL;
    struct flatline_sentinel *second = NULL;
    assert_int_equal(flatline_start(config_path, &first, why, sizeof(why)), 0);
    assert_int_equal(flatline_start(config_path, &second, why, sizeof(why)), -EEXIST);
    assert_null(second);
    assert_true(strlen(why) > 0);
    flatline_stop(first);
}

static bool is_lost_within_5_s(const struct flatline_sentinel *sentinel)
{
    for (int i = 0; i < 500 && !flatline_lost(sentinel); i++) {
        (void)usleep(10000);
    }
    return flatline_lost(sentinel);
}

static void a_removed_segment_is_told_and_a_start_makes_a_new_one(void **state)
{
    (void)state;
    struct flatline_sentinel *sentinel = NULL;
    bool is_told = false;
    char line[256];
    assert_int_equal(flatline_start(config_path, &sentinel, why, sizeof(why)), 0);
    assert_false(flatline_lost(sentinel));
    assert_int_equal(unlink(segment_path), 0);
    assert_true(is_lost_within_5_s(sentinel));
    while (flatline_take_log(sentinel, line, sizeof(line))) {
        is_told |= strstr(line, "the segment's file was removed") != NULL;
    }
    assert_true(is_told);
    assert_true(flatline_beats(sentinel)); /* who has it mapped is served */
    flatline_stop(sentinel);
    assert_int_equal(flatline_start(config_path, &sentinel, why, sizeof(why)), 0);
    assert_int_equal(access(segment_path, F_OK), 0);
    flatline_stop(sentinel);
}

static void a_wrong_configuration_starts_nothing_and_says_where(void **state)
{
    (void)state;
    struct flatline_sentinel *sentinel = NULL;
    const unsigned before = descriptors();
    config_write("bogus: 1\n");
    assert_int_equal(flatline_start(config_path, &sentinel, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "flatlined.yaml:5:1:"));
    assert_int_equal(flatline_start(config_path, &sentinel, NULL, 0), -EINVAL);
    assert_null(sentinel);
    assert_int_equal(descriptors(), before);
    config_write("");
}

static void a_cpu_that_is_not_there_fails_the_start_by_name_and_leaves_nothing(void **state)
{
    (void)state;
    struct flatline_sentinel *sentinel = NULL;
    const unsigned before = descriptors();
    config_write("threads: {judge_cpu: 1000}\n");
    assert_true(flatline_start(config_path, &sentinel, why, sizeof(why)) < 0);
    assert_true(strlen(why) > 0);
    assert_null(sentinel);
    assert_int_equal(access(segment_path, F_OK), -1);
    assert_int_equal(descriptors(), before);
    config_write("");
}

static void stopping_nothing_is_fine(void **state)
{
    (void)state;
    flatline_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_beats_while_it_runs_and_its_segment_goes_with_it),
        cmocka_unit_test(signals_environment_and_descriptors_are_as_before),
        cmocka_unit_test(a_venue_that_is_not_there_is_told_in_the_log),
        cmocka_unit_test(a_second_one_on_the_same_segment_is_refused),
        cmocka_unit_test(a_removed_segment_is_told_and_a_start_makes_a_new_one),
        cmocka_unit_test(a_wrong_configuration_starts_nothing_and_says_where),
        cmocka_unit_test(a_cpu_that_is_not_there_fails_the_start_by_name_and_leaves_nothing),
        cmocka_unit_test(stopping_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, directory_open, directory_close);
}
