/* SPDX-License-Identifier: MIT
 *
 * Goal: a living segment notices that its file was removed or replaced, and a lock file that was
 * removed keeps out a second sentinel again; what belongs to others is left alone. Method: a segment
 * in a directory of its own, and rm, mv and a second sentinel beside it.
 */
#include "core/publisher.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unit/segment_fixture.h"

static struct fixture fixture;
static char why[PUBLISHER_ERROR_TEXT_BYTES];

static int begin(void **state)
{
    (void)state;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    why[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

static void file_put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char *lock_path(void)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s.lock", fixture.path);
    return path;
}

static void a_segment_that_stands_under_its_name_has_nothing_to_say(void **state)
{
    (void)state;
    assert_int_equal(publisher_check_name(fixture.publisher), 0);
    assert_int_equal(publisher_mend_lock(fixture.publisher, why), 0);
    assert_string_equal(why, "");
}

static void a_removed_file_is_noticed_while_who_has_it_mapped_is_served_on(void **state)
{
    (void)state;
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline *late = NULL;
    struct flatline_stream stream;
    assert_int_equal(flatline_find(reader, cast_streams[0].name, &stream), 0);
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(publisher_check_name(fixture.publisher), -ENOENT);
    fixture_lease(&fixture, 0, clock_mono_ns() + NS_PER_S);
    fixture_beat(&fixture);
    assert_true(flatline_fresh(&stream, clock_mono_ns()));
    assert_true(flatline_attach(fixture.path, &late) < 0);
    flatline_detach(reader);
}

static void a_file_of_others_under_the_name_is_noticed_and_outlives_us(void **state)
{
    (void)state;
    char other[128];
    (void)snprintf(other, sizeof(other), "%s.other", fixture.path);
    file_put(other, "not a segment");
    assert_int_equal(rename(other, fixture.path), 0);
    assert_int_equal(publisher_check_name(fixture.publisher), -EEXIST);
    publisher_destroy(fixture.publisher);
    fixture.publisher = NULL;
    assert_int_equal(access(fixture.path, F_OK), 0);
}

static void a_removed_lock_is_made_anew_and_keeps_a_second_one_out(void **state)
{
    (void)state;
    struct publisher *second = NULL;
    assert_int_equal(unlink(lock_path()), 0);
    assert_int_equal(publisher_mend_lock(fixture.publisher, why), 1);
    assert_int_equal(publisher_mend_lock(fixture.publisher, why), 0);
    assert_int_equal(publisher_create(&fixture.config, &second, why), -EEXIST);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    assert_non_null(strstr(why, pid));
}

static void a_plain_file_in_the_place_of_the_lock_becomes_the_lock(void **state)
{
    (void)state;
    struct publisher *second = NULL;
    assert_int_equal(unlink(lock_path()), 0);
    file_put(lock_path(), "");
    assert_int_equal(publisher_mend_lock(fixture.publisher, why), 1);
    assert_int_equal(publisher_create(&fixture.config, &second, why), -EEXIST);
}

static void who_was_faster_has_the_lock_and_then_the_name(void **state)
{
    (void)state;
    struct publisher *second = NULL;
    assert_int_equal(unlink(lock_path()), 0);
    assert_int_equal(publisher_create(&fixture.config, &second, why), 0);
    assert_int_equal(publisher_mend_lock(fixture.publisher, why), -EEXIST);
    assert_int_equal(publisher_check_name(fixture.publisher), -EEXIST);
    publisher_destroy(fixture.publisher); /* the first leaves; the second's name and lock stay */
    fixture.publisher = second;
    assert_int_equal(publisher_check_name(second), 0);
    assert_int_equal(publisher_mend_lock(second, why), 0);
}

#define NAMED(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NAMED(a_segment_that_stands_under_its_name_has_nothing_to_say),
        NAMED(a_removed_file_is_noticed_while_who_has_it_mapped_is_served_on),
        NAMED(a_file_of_others_under_the_name_is_noticed_and_outlives_us),
        NAMED(a_removed_lock_is_made_anew_and_keeps_a_second_one_out),
        NAMED(a_plain_file_in_the_place_of_the_lock_becomes_the_lock),
        NAMED(who_was_faster_has_the_lock_and_then_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
