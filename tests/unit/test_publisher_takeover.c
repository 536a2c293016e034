/* SPDX-License-Identifier: MIT
 *
 * Goal: a living segment's name goes over to a successor's file without a moment in which its
 * readers are left alone, and whatever dies, stalls or lies at any step leaves one living segment
 * under the name, one holder of the lock, and no file behind. Method: two publishers in one
 * directory play both sides, in the steps of docs/SHARED-MEMORY.md; a third asks for the lock; a
 * reader holds the old file throughout.
 */
#include "core/publisher.h"

#include "core/base.h"
#include "core/clock.h"
#include "flatline/flatline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#include "unit/segment_fixture.h"

#define ALIVE_NS (9 * NS_PER_S)

static struct fixture fixture; /* the living one is fixture.publisher */
static struct publisher *next;
static struct flatline *reader;
static struct flatline_gate gate;
static char why[PUBLISHER_ERROR_TEXT_BYTES];

static void beat(struct publisher *publisher)
{
    const uint64_t now = clock_mono_ns();
    const struct stream_view view = {.lease_until_ns = now + 60 * NS_PER_S, .ever_leased = true};
    for (uint32_t i = 0; i < fixture.config.stream_count; i++) {
        publisher_lease(publisher, i, &view);
    }
    publisher_beat(publisher, now, now, ALIVE_NS);
}

static int begin(void **state)
{
    (void)state;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    beat(fixture.publisher);
    reader = fixture_attach(&fixture);
    assert_int_equal(flatline_find_gate(reader, "both", &gate), 0);
    next = NULL;
    why[0] = '\0';
    return 0;
}

static void next_make(void)
{
    const uint64_t epoch = publisher_epoch(fixture.publisher) + 1;
    assert_int_equal(publisher_create_next(&fixture.config, epoch, &next, why), 0);
    beat(next);
}

/* As SCM_RIGHTS does it: another descriptor of the same open file. */
static void lock_pass(void)
{
    const int fd = fcntl(publisher_lock_fd(fixture.publisher), F_DUPFD_CLOEXEC, 0);
    assert_int_equal(publisher_offer_name(fixture.publisher), 0);
    assert_int_equal(publisher_adopt_lock(next, fd, why), 0);
}

static unsigned files(void)
{
    unsigned count = 0;
    DIR *folder = opendir(fixture.directory);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.' ? 1U : 0U;
    }
    (void)closedir(folder);
    return count;
}

static uint64_t epoch_by_name(void)
{
    struct flatline *by_name = fixture_attach(&fixture);
    const uint64_t epoch = flatline_header_of(by_name)->epoch;
    assert_true(flatline_alive(by_name, clock_mono_ns()));
    flatline_detach(by_name);
    return epoch;
}

static bool lock_is_held(void)
{
    struct publisher *third = NULL;
    const int error = publisher_create(&fixture.config, &third, why);
    if (error == 0) {
        publisher_destroy(third);
    }
    return error == -EEXIST;
}

static bool gate_is_open(void)
{
    return flatline_look_gate(reader, &gate, flatline_now_mono_ns());
}

static int end(void **state)
{
    (void)state;
    flatline_detach(reader);
    publisher_destroy(next);
    fixture_remove(&fixture);
    return 0;
}

static void the_name_goes_over_and_the_gate_is_never_closed(void **state)
{
    (void)state;
    next_make();
    assert_int_equal(epoch_by_name(), 1); /* while it warms up nobody is led to it */
    assert_int_equal(publisher_check_successor(fixture.publisher), -ENOENT);
    lock_pass();
    assert_int_equal(publisher_take_name(next, why), 0);
    assert_int_equal(epoch_by_name(), 2);
    assert_true(gate_is_open());
    assert_int_equal(publisher_check_successor(fixture.publisher), 0);
    publisher_supersede(fixture.publisher);
    publisher_yield_name(fixture.publisher);
    assert_true(gate_is_open());
    assert_int_equal(flatline_header_of(reader)->epoch, 1); /* its promise still runs */
    assert_false(publisher_is_over(fixture.publisher, clock_mono_ns()));
    publisher_beat(fixture.publisher, clock_mono_ns(), 0, 0); /* as if it had run out */
    assert_true(publisher_is_over(fixture.publisher, clock_mono_ns()));
    assert_true(gate_is_open());
    assert_int_equal(flatline_header_of(reader)->epoch, 2);
    publisher_destroy(fixture.publisher);
    fixture.publisher = NULL;
    assert_int_equal(epoch_by_name(), 2);
    assert_true(lock_is_held());
    assert_int_equal(files(), 2); /* segment and lock */
}

static void the_old_one_goes_on_telling_until_its_promise_has_run_out(void **state)
{
    (void)state;
    const struct stream_view revoked = {.revoked_by = FLATLINE_FAULT_DOWN};
    next_make();
    lock_pass();
    assert_int_equal(publisher_take_name(next, why), 0);
    const uint64_t promise = flatline_header_of(reader)->alive_until_mono_ns;
    publisher_supersede(fixture.publisher);
    assert_true(flatline_gate_fresh(&gate, clock_mono_ns()));
    publisher_lease(fixture.publisher, 0, &revoked);
    assert_false(flatline_gate_fresh(&gate, clock_mono_ns()));
    publisher_destroy(fixture.publisher); /* leaves at once: what was promised is not touched */
    fixture.publisher = NULL;
    assert_int_equal(flatline_header_of(reader)->alive_until_mono_ns, promise);
    assert_int_equal(flatline_header_of(reader)->state, FLATLINE_STATE_SUPERSEDED);
}

static void a_successor_that_dies_while_it_warms_up_changes_nothing(void **state)
{
    (void)state;
    next_make();
    publisher_destroy(next);
    next = NULL;
    assert_int_equal(files(), 2);
    next_make();
    struct publisher *killed = next; /* its file stays behind, and is no hindrance */
    next_make();
    publisher_destroy(killed);
    assert_int_equal(files(), 3);
    assert_int_equal(epoch_by_name(), 1);
    assert_true(gate_is_open());
}

static void a_successor_that_dies_with_the_lock_leaves_it_to_the_old_one(void **state)
{
    (void)state;
    next_make();
    lock_pass();
    publisher_destroy(next);
    next = NULL;
    assert_int_equal(publisher_reclaim_name(fixture.publisher), 0);
    assert_int_equal(epoch_by_name(), 1);
    assert_true(lock_is_held());
    assert_int_equal(files(), 2);
}

static void a_successor_that_dies_under_the_name_gives_it_back(void **state)
{
    (void)state;
    next_make();
    lock_pass();
    assert_int_equal(publisher_take_name(next, why), 0);
    publisher_beat(next, clock_mono_ns(), 0, 0); /* killed: nothing of it is removed or marked */
    assert_int_equal(publisher_check_successor(fixture.publisher), -EBADMSG);
    assert_int_equal(publisher_reclaim_name(fixture.publisher), 1);
    assert_int_equal(epoch_by_name(), 1);
    assert_true(gate_is_open());
    assert_int_equal(files(), 2);
    publisher_destroy(next); /* had it only been stopped: it takes nothing with it */
    next = NULL;
    assert_int_equal(epoch_by_name(), 1);
}

static void a_successor_that_comes_too_late_has_nothing_left_to_rename(void **state)
{
    (void)state;
    next_make();
    lock_pass();
    assert_int_equal(publisher_reclaim_name(fixture.publisher), 0);
    assert_int_equal(publisher_take_name(next, why), -ENOENT);
    assert_non_null(strstr(why, "withdrawn"));
    assert_int_equal(epoch_by_name(), 1);
}

static void an_old_one_that_dies_after_passing_the_lock_is_followed_all_the_same(void **state)
{
    (void)state;
    next_make();
    lock_pass();
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(dup2(nothing, publisher_lock_fd(fixture.publisher)) >= 0); /* killed */
    (void)close(nothing);
    assert_true(lock_is_held());
    assert_int_equal(publisher_take_name(next, why), 0);
    publisher_settle_name(next);
    assert_int_equal(epoch_by_name(), 2);
    assert_int_equal(files(), 2);
}

static void an_old_one_that_dies_before_is_followed_by_the_lock_itself(void **state)
{
    (void)state;
    next_make();
    assert_int_equal(publisher_seize_lock(next, why), -EEXIST); /* it lives */
    (void)flock(publisher_lock_fd(fixture.publisher), LOCK_UN); /* killed */
    assert_int_equal(publisher_seize_lock(next, why), 0);
    assert_int_equal(publisher_take_name(next, why), 0);
    assert_int_equal(flatline_header_of(reader)->state, FLATLINE_STATE_SUPERSEDED);
    assert_int_equal(flatline_header_of(reader)->alive_until_mono_ns, 0);
    assert_true(gate_is_open());
    assert_int_equal(flatline_header_of(reader)->epoch, 2);
}

static void a_lock_that_another_life_has_had_is_not_seized(void **state)
{
    (void)state;
    next_make();
    publisher_destroy(fixture.publisher);
    fixture.publisher = NULL;
    fixture_publish(&fixture); /* restarted under the successor's feet: epoch 2, and gone again */
    publisher_destroy(fixture.publisher);
    fixture.publisher = NULL;
    assert_int_equal(publisher_seize_lock(next, why), -EEXIST);
    assert_non_null(strstr(why, "since"));
    assert_false(lock_is_held());
}

static void what_is_not_this_segments_lock_is_not_adopted(void **state)
{
    (void)state;
    char path[160];
    next_make();
    (void)snprintf(path, sizeof(path), "%s.lock", fixture.path);
    const int other = open(fixture.path, O_RDONLY | O_CLOEXEC);
    const int unlocked = open(path, O_RDWR | O_CLOEXEC); /* the right file, opened by ourselves */
    assert_int_equal(publisher_adopt_lock(next, other, why), -ESTALE);
    assert_int_equal(publisher_adopt_lock(next, unlocked, why), -EWOULDBLOCK);
    (void)close(other);
    (void)close(unlocked);
}

static void what_is_no_living_segment_of_the_next_epoch_is_no_successor(void **state)
{
    (void)state;
    const uint64_t epoch = publisher_epoch(fixture.publisher) + 2;
    assert_int_equal(publisher_offer_name(fixture.publisher), 0);
    assert_int_equal(publisher_create_next(&fixture.config, epoch, &next, why), 0);
    beat(next);
    assert_int_equal(publisher_take_name(next, why), 0); /* by force: it was given no lock */
    assert_int_equal(publisher_check_successor(fixture.publisher), -EBADMSG);
    assert_int_equal(publisher_reclaim_name(fixture.publisher), 1);
    assert_int_equal(epoch_by_name(), 1);
    assert_int_equal(unlink(fixture.path), 0); /* nor is nothing */
    assert_int_equal(publisher_check_successor(fixture.publisher), -ENOENT);
}

static void a_name_that_is_not_ours_any_more_is_not_offered(void **state)
{
    (void)state;
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(publisher_offer_name(fixture.publisher), -ENOENT);
    FILE *file = fopen(fixture.path, "we");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(publisher_offer_name(fixture.publisher), -ESTALE);
}

static void a_start_after_both_have_died_clears_what_they_left(void **state)
{
    (void)state;
    next_make();
    lock_pass();
    (void)flock(publisher_lock_fd(fixture.publisher), LOCK_UN); /* both killed */
    assert_int_equal(files(), 4);
    struct publisher *third = NULL;
    assert_int_equal(publisher_create(&fixture.config, &third, why), 0);
    assert_int_equal(files(), 2);
    publisher_destroy(third);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_name_goes_over_and_the_gate_is_never_closed),
        CASE(the_old_one_goes_on_telling_until_its_promise_has_run_out),
        CASE(a_successor_that_dies_while_it_warms_up_changes_nothing),
        CASE(a_successor_that_dies_with_the_lock_leaves_it_to_the_old_one),
        CASE(a_successor_that_dies_under_the_name_gives_it_back),
        CASE(a_successor_that_comes_too_late_has_nothing_left_to_rename),
        CASE(an_old_one_that_dies_after_passing_the_lock_is_followed_all_the_same),
        CASE(an_old_one_that_dies_before_is_followed_by_the_lock_itself),
        CASE(a_lock_that_another_life_has_had_is_not_seized),
        CASE(what_is_not_this_segments_lock_is_not_adopted),
        CASE(what_is_no_living_segment_of_the_next_epoch_is_no_successor),
        CASE(a_name_that_is_not_ours_any_more_is_not_offered),
        CASE(a_start_after_both_have_died_clears_what_they_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
