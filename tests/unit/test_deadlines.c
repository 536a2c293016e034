/* SPDX-License-Identifier: MIT
 *
 * Goal: no deadline is missed, none is found early, and whatever the bounds say they are never
 * later than the truth.
 *
 * Method: the structure beside a plain array searched whole, over random moves forward, backward
 * and to never.
 */
#include "core/deadlines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 321U /* five blocks and one more */

static uint64_t words[COUNT + COUNT / DEADLINES_BLOCK + 1];
static struct deadlines deadlines;

static uint64_t random_state;

static uint64_t random_below(uint64_t below)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random_state >> 33) % below;
}

static void nothing_set_is_never_due(void **state)
{
    (void)state;
    deadlines_init(&deadlines, words, COUNT);
    uint32_t cursor = 0;
    assert_false(deadlines_due(&deadlines, UINT64_MAX - 1, &cursor));
    assert_int_equal(deadlines.bound_ns, DEADLINE_NEVER);
}

static void a_deadline_is_due_at_its_instant_and_not_before(void **state)
{
    (void)state;
    deadlines_init(&deadlines, words, COUNT);
    deadlines_set(&deadlines, 200, 1000);
    uint32_t cursor = 0;
    assert_false(deadlines_due(&deadlines, 999, &cursor));
    assert_true(deadlines_due(&deadlines, 1000, &cursor));
    assert_int_equal(cursor - 1, 200);
    assert_false(deadlines_due(&deadlines, 1000, &cursor));
}

static void one_that_its_owner_leaves_stays_due_for_the_next_walk(void **state)
{
    (void)state;
    deadlines_init(&deadlines, words, COUNT);
    deadlines_set(&deadlines, 63, 5);  /* last of a block */
    deadlines_set(&deadlines, 64, 6);  /* first of the next */
    deadlines_set(&deadlines, 320, 7); /* alone in the last */
    for (int walk = 0; walk < 3; walk++) {
        uint32_t found = 0;
        for (uint32_t cursor = 0; deadlines_due(&deadlines, 10, &cursor);) {
            found++;
        }
        assert_int_equal(found, 3);
    }
    deadlines_set(&deadlines, 63, 100);
    uint32_t cursor = 0;
    assert_true(deadlines_due(&deadlines, 10, &cursor));
    assert_int_equal(cursor - 1, 64);
}

static void every_walk_finds_what_a_search_of_all_finds(void **state)
{
    (void)state;
    static uint64_t truth[COUNT];
    random_state = 42;
    deadlines_init(&deadlines, words, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        truth[i] = DEADLINE_NEVER;
    }
    uint64_t now = 0;
    uint64_t found_total = 0;
    for (int round = 0; round < 20000; round++) {
        now += random_below(30);
        for (uint32_t moves = (uint32_t)random_below(8); moves > 0; moves--) {
            const uint32_t at = (uint32_t)random_below(COUNT);
            truth[at] = random_below(10) == 0 ? DEADLINE_NEVER : now + random_below(500);
            deadlines_set(&deadlines, at, truth[at]);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_true(deadlines.bound_ns <= truth[i]); /* early perhaps, late never */
        }
        uint32_t last = 0;
        for (uint32_t cursor = 0; deadlines_due(&deadlines, now, &cursor);) {
            const uint32_t at = cursor - 1;
            for (uint32_t i = last; i < at; i++) {
                assert_true(truth[i] > now); /* none skipped */
            }
            assert_true(truth[at] <= now);
            last = cursor;
            found_total++;
            truth[at] = DEADLINE_NEVER;
            deadlines_set(&deadlines, at, DEADLINE_NEVER);
        }
        for (uint32_t i = last; i < COUNT; i++) {
            assert_true(truth[i] > now);
        }
    }
    assert_true(found_total > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_set_is_never_due),
        cmocka_unit_test(a_deadline_is_due_at_its_instant_and_not_before),
        cmocka_unit_test(one_that_its_owner_leaves_stays_due_for_the_next_walk),
        cmocka_unit_test(every_walk_finds_what_a_search_of_all_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
