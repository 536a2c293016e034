/* SPDX-License-Identifier: MIT
 *
 * Goal: the age of the oldest unread byte is right, and never too great.
 *
 * Method: looks at an invented socket, by hand and at random beside a model that keeps every byte.
 */
#include "core/unread.h"

#include "unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_is_read_does_not_wait(void **state)
{
    (void)state;
    struct unread unread;
    unread_begin(&unread, 1000);
    for (uint64_t at = 1; at < 100; at++) {
        unread_see(&unread, 1000 + at * 10, 0, at);
        assert_int_equal(unread_since_ns(&unread), 0);
    }
}

static void a_queue_waits_since_its_oldest_byte_was_seen(void **state)
{
    (void)state;
    struct unread unread;
    unread_begin(&unread, 0);
    unread_see(&unread, 100, 0, 10);
    unread_see(&unread, 200, 100, 20);
    unread_see(&unread, 300, 200, 30);
    assert_int_equal(unread_since_ns(&unread), 20);
    unread_see(&unread, 300, 100, 40); /* the byte behind 200 came with the look at 30 */
    assert_int_equal(unread_since_ns(&unread), 30);
    unread_see(&unread, 300, 0, 50);
    assert_int_equal(unread_since_ns(&unread), 0);
}

static void what_lay_there_before_the_first_look_counts_from_it(void **state)
{
    (void)state;
    struct unread unread;
    unread_begin(&unread, 500);
    unread_see(&unread, 500, 500, 7);
    unread_see(&unread, 500, 500, 9);
    assert_int_equal(unread_since_ns(&unread), 7);
}

static void time_in_which_nobody_looked_does_not_count(void **state)
{
    (void)state;
    struct unread unread;
    unread_begin(&unread, 0);
    unread_see(&unread, 100, 100, 10);
    unread_see(&unread, 200, 200, 12);
    unread_forgive(&unread, 1000, 1012);
    assert_int_equal(unread_since_ns(&unread), 1010);
    unread_forgive(&unread, 1000000, 1500); /* never into the future */
    assert_int_equal(unread_since_ns(&unread), 1500);
}

static uint64_t random_below(uint64_t *seed, uint64_t limit)
{
    return random_next(seed) % limit;
}

/* 300 looks at a reader who reads what he likes. */
static void random_round(uint64_t *seed)
{
    enum { LOOKS = 300 };

    uint64_t came[LOOKS];
    struct unread unread;
    uint64_t received = 0;
    uint64_t consumed = 0;
    unread_begin(&unread, 0);
    for (uint32_t i = 0; i < LOOKS; i++) {
        received += random_below(seed, 4) == 0 ? 0 : random_below(seed, 500);
        consumed += random_below(seed, 3) == 0 ? random_below(seed, received - consumed + 1) : 0;
        came[i] = received;
        unread_see(&unread, received, received - consumed, i + 1);
        uint64_t truth = 0; /* the look that first saw the byte behind what is consumed */
        for (uint32_t k = 0; received > consumed && k <= i; k++) {
            if (came[k] > consumed) {
                truth = k + 1;
                break;
            }
        }
        const uint64_t told = unread_since_ns(&unread);
        assert_true((told == 0) == (truth == 0));
        assert_true(told >= truth); /* never too old; with marks to spare it is exact */
        assert_true(i >= UNREAD_MARKS || told == truth);
    }
}

static void it_agrees_with_a_model_that_keeps_every_byte(void **state)
{
    (void)state;
    uint64_t seed = 20240607;
    for (int i = 0; i < 2000; i++) {
        random_round(&seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_does_not_wait),
        cmocka_unit_test(a_queue_waits_since_its_oldest_byte_was_seen),
        cmocka_unit_test(what_lay_there_before_the_first_look_counts_from_it),
        cmocka_unit_test(time_in_which_nobody_looked_does_not_count),
        cmocka_unit_test(it_agrees_with_a_model_that_keeps_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
