/* SPDX-License-Identifier: MIT
 *
 * Goal: a sentinel inside somebody else's process leaves nothing behind - no descriptor, no thread,
 * no memory, no signal disposition. Method: twenty lives in one process against ports nobody
 * listens on; the address sanitizer, where built in, counts the memory. A name lookup cannot be stopped:
 * its thread ends by itself, soon after the sentinel, so counts are taken once all threads have ended.
 */
#include <flatline/flatline.h>
#include <flatline/sentinel.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#define LIVES 20

#define THREADS_END_WITHIN_MS                                                                      \
    20000 /* a lookup on a busy machine; one that is left behind never ends */

static unsigned threads_at_first; /* without a sentinel: ours, and a sanitizer's */
static char folder[] = "/tmp/flatline-start-stop-XXXXXX";
static char config[128];
static char segment[128];

static unsigned entries_of(const char *path)
{
    unsigned count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

static void threads_end(void)
{
    const struct timespec pause = {0, 10000000};
    for (int ms = 0; entries_of("/proc/self/task") > threads_at_first; ms += 10) {
        if (ms >= THREADS_END_WITHIN_MS) {
            fail_msg("%u threads left, %u before", entries_of("/proc/self/task"), threads_at_first);
        }
        (void)nanosleep(&pause, NULL);
    }
}

static void *nothing(void *argument)
{
    return argument;
}

/* A sanitizer's own thread comes with the first of ours, and stays. */
static void threads_count(void)
{
    const struct timespec pause = {0, 200000000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, nothing, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)nanosleep(&pause, NULL);
    threads_at_first = entries_of("/proc/self/task");
}

static int folder_make(void **state)
{
    (void)state;
    threads_count();
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(config, sizeof(config), "%s/flatlined.yaml", folder);
    (void)snprintf(segment, sizeof(segment), "%s/flatline", folder);
    FILE *file = fopen(config, "w");
    if (file == NULL) {
        return -1;
    }
    (void)fprintf(file,
                  "streams: [binance-usdm/BTCUSDT/depth@100ms, okx/BTC-USDT/books]\n"
                  "venues:\n"
                  "  binance-usdm: {ws: \"wss://127.0.0.1:1\", rest: \"https://127.0.0.1:1\"}\n"
                  "  okx: {ws: \"wss://127.0.0.1:1\", rest: \"https://127.0.0.1:1\"}\n"
                  "segment: {directory: %s, name: flatline}\n",
                  folder);
    return fclose(file);
}

static int folder_remove(void **state)
{
    (void)state;
    char lock[128];
    (void)snprintf(lock, sizeof(lock), "%s/flatline.lock", folder);
    (void)unlink(config);
    (void)unlink(segment);
    (void)unlink(lock);
    return rmdir(folder);
}

static void live_once(void)
{
    char why[512] = "";
    char line[256];
    struct flatline_sentinel *sentinel = NULL;
    struct flatline *reader = NULL;
    const struct timespec while_dialling = {0, 15000000};
    const int result = flatline_start(config, &sentinel, why, sizeof(why));
    if (result != 0) {
        fail_msg("%s: %s", flatline_strerror(result), why);
    }
    assert_int_equal(flatline_attach(segment, &reader), 0);
    (void)nanosleep(&while_dialling, NULL);
    while (flatline_take_log(sentinel, line, sizeof(line))) {
    }
    flatline_detach(reader);
    flatline_stop(sentinel);
}

static void twenty_lives_in_one_process_leave_no_descriptor_and_no_thread(void **state)
{
    (void)state;
    live_once(); /* what OpenSSL and libwebsockets keep for the process they take once */
    threads_end();
    const unsigned descriptors = entries_of("/proc/self/fd");
    for (unsigned i = 0; i < LIVES; i++) {
        live_once();
    }
    threads_end();
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
}

/* Who holds the lock is we ourselves: another sentinel would open and close beside the count. */
static void a_start_that_fails_leaves_no_descriptor_and_no_thread(void **state)
{
    (void)state;
    char why[512];
    char lock[160];
    struct flatline_sentinel *sentinel = NULL;
    (void)snprintf(lock, sizeof(lock), "%s.lock", segment);
    const int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(held >= 0);
    assert_int_equal(flock(held, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(flatline_start(config, &sentinel, why, sizeof(why)), -EEXIST);
    threads_end();
    const unsigned descriptors = entries_of("/proc/self/fd");
    for (unsigned i = 0; i < LIVES; i++) {
        assert_int_equal(flatline_start(config, &sentinel, why, sizeof(why)), -EEXIST);
        assert_null(sentinel);
    }
    threads_end();
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
    (void)close(held);
}

static void on_pipe(int number)
{
    (void)number;
}

static void the_process_keeps_its_own_sigpipe(void **state)
{
    (void)state;
    struct sigaction mine = {.sa_handler = on_pipe};
    struct sigaction before;
    struct sigaction now;
    assert_int_equal(sigaction(SIGPIPE, &mine, &before), 0);
    char why[512];
    struct flatline_sentinel *sentinel = NULL;
    assert_int_equal(flatline_start(config, &sentinel, why, sizeof(why)), 0);
    assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
    assert_ptr_equal(now.sa_handler, on_pipe);
    flatline_stop(sentinel);
    assert_int_equal(sigaction(SIGPIPE, &before, &now), 0);
    assert_ptr_equal(now.sa_handler, on_pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_lives_in_one_process_leave_no_descriptor_and_no_thread),
        cmocka_unit_test(a_start_that_fails_leaves_no_descriptor_and_no_thread),
        cmocka_unit_test(the_process_keeps_its_own_sigpipe),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
