/* SPDX-License-Identifier: MIT
 *
 * Goal: what was learned of silences comes back as it was, or not at all. Method: files written,
 * damaged at every byte, cut, aged, and read again, in a folder of their own; the queue by hand.
 */
#include "sentinel/silence_file.h"
#include "sentinel/silence_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL_NS 1700000000000000000ULL
#define ROWS    3U

static char folder[64];
static char path[96];

static int folder_make(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/flatline-silence-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/kept", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void rows_fill(struct silence_kept rows[ROWS])
{
    memset(rows, 0, ROWS * sizeof(*rows));
    for (uint32_t i = 0; i < ROWS; i++) {
        (void)snprintf(rows[i].name, sizeof(rows[i].name), "okx/%u/books", i);
        rows[i].tail.observed_ns = (i + 1) * 3600 * NS_PER_S;
        rows[i].tail.total = 7000 + i;
        rows[i].tail.counts[i] = 100 + i;
    }
}

static void names_fill(struct silence_kept rows[ROWS])
{
    rows_fill(rows);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i].tail = (struct silence_tail){0};
    }
}

static void what_was_saved_comes_back_by_name(void **state)
{
    struct silence_kept saved[ROWS];
    struct silence_kept loaded[ROWS];
    (void)state;
    rows_fill(saved);
    names_fill(loaded);
    memcpy(loaded[0].name, saved[2].name, sizeof(loaded[0].name));
    (void)snprintf(loaded[2].name, sizeof(loaded[2].name), "okx/new/books");
    assert_int_equal(silence_file_save(path, saved, ROWS, WALL_NS), 0);
    assert_int_equal(silence_file_load(path, loaded, ROWS, WALL_NS + NS_PER_S), 2);
    assert_memory_equal(&loaded[0].tail, &saved[2].tail, sizeof(saved[2].tail));
    assert_memory_equal(&loaded[1].tail, &saved[1].tail, sizeof(saved[1].tail));
    assert_int_equal(loaded[2].tail.observed_ns, 0);
}

static void no_file_is_nothing_known(void **state)
{
    struct silence_kept rows[ROWS];
    (void)state;
    names_fill(rows);
    (void)unlink(path);
    assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS), 0);
}

static void any_byte_changed_or_missing_is_damage_and_nothing_is_taken(void **state)
{
    struct silence_kept rows[ROWS];
    struct silence_kept before[ROWS];
    char bytes[8192];
    (void)state;
    rows_fill(rows);
    assert_int_equal(silence_file_save(path, rows, ROWS, WALL_NS), 0);
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof(bytes), file);
    names_fill(rows);
    memcpy(before, rows, sizeof(rows));
    for (size_t at = 0; at < size; at++) {
        const char wrong = (char)(bytes[at] ^ 0x10);
        assert_true(pwrite(fileno(file), &wrong, 1, (off_t)at) == 1);
        assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS), -EBADMSG);
        assert_memory_equal(before, rows, sizeof(rows));
        assert_true(pwrite(fileno(file), &bytes[at], 1, (off_t)at) == 1);
    }
    for (size_t left = size - 1; left<size; left -= left> 40 ? 37 : 1) {
        assert_int_equal(ftruncate(fileno(file), (off_t)left), 0);
        assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS), -EBADMSG);
    }
    (void)fclose(file);
}

/* The version and the checksum that goes with it, by hand: no program writes the old one any more. */
static void what_another_version_learned_is_told_apart_from_damage(void **state)
{
    struct silence_kept rows[ROWS];
    struct silence_kept before[ROWS];
    unsigned char bytes[8192];
    (void)state;
    rows_fill(rows);
    assert_int_equal(silence_file_save(path, rows, ROWS, WALL_NS), 0);
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof(bytes), file);
    bytes[8] = 1; /* version */
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < size; i++) {
        if (i < 32 || i >= 40) { /* where the checksum stands */
            hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
        }
    }
    memcpy(bytes + 32, &hash, sizeof(hash));
    assert_true(pwrite(fileno(file), bytes, size, 0) == (ssize_t)size);
    (void)fclose(file);
    names_fill(rows);
    memcpy(before, rows, sizeof(rows));
    assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS), -ENOTSUP);
    assert_memory_equal(before, rows, sizeof(rows));
}

static void a_month_later_it_is_of_another_market(void **state)
{
    struct silence_kept rows[ROWS];
    (void)state;
    rows_fill(rows);
    assert_int_equal(silence_file_save(path, rows, ROWS, WALL_NS), 0);
    names_fill(rows);
    assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS + SILENCE_FILE_AGE_NS + 1), 0);
    assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS - NS_PER_S), ROWS);
}

static void what_others_may_write_is_not_believed(void **state)
{
    struct silence_kept rows[ROWS];
    (void)state;
    rows_fill(rows);
    assert_int_equal(silence_file_save(path, rows, ROWS, WALL_NS), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS), -EPERM);
}

static void a_save_that_fails_leaves_the_file_of_before(void **state)
{
    struct silence_kept rows[ROWS];
    char nowhere[128];
    (void)state;
    rows_fill(rows);
    (void)snprintf(nowhere, sizeof(nowhere), "%s/none/kept", folder);
    assert_int_equal(silence_file_save(nowhere, rows, ROWS, WALL_NS), -ENOENT);
    assert_int_equal(silence_file_save(path, rows, ROWS, WALL_NS), 0);
    assert_int_equal(silence_file_load(path, rows, ROWS, WALL_NS), ROWS);
}

static void the_queue_refuses_when_full_and_gives_back_in_order(void **state)
{
    static struct silence_queue queue;
    struct silence_row row;
    (void)state;
    for (uint64_t i = 0; i < 3 * SILENCE_QUEUE_ROWS; i++) {
        const struct silence_tail tail = {.total = i};
        assert_true(silence_queue_push(&queue, i, &tail) == (i < SILENCE_QUEUE_ROWS));
    }
    for (uint64_t i = 0; i < SILENCE_QUEUE_ROWS; i++) {
        assert_true(silence_queue_take(&queue, &row));
        assert_int_equal(row.index, i);
        assert_int_equal(row.tail.total, i);
    }
    assert_false(silence_queue_take(&queue, &row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_comes_back_by_name),
        cmocka_unit_test(no_file_is_nothing_known),
        cmocka_unit_test(any_byte_changed_or_missing_is_damage_and_nothing_is_taken),
        cmocka_unit_test(what_another_version_learned_is_told_apart_from_damage),
        cmocka_unit_test(a_month_later_it_is_of_another_market),
        cmocka_unit_test(what_others_may_write_is_not_believed),
        cmocka_unit_test(a_save_that_fails_leaves_the_file_of_before),
        cmocka_unit_test(the_queue_refuses_when_full_and_gives_back_in_order),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
