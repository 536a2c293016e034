/* SPDX-License-Identifier: MIT
 *
 * Goal: feeds/backoff spreads attempts out, obeys Retry-After and never spends more than a tenth
 * of a venue's budget. Method: pure calls with a made-up clock and seeded randomness; one
 * simulation of connections that always fail.
 */
#include "feeds/backoff.h"

#include "core/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after the headers it needs */

#define START_NS (1000 * NS_PER_S)

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void delays_double_up_to_the_ceiling_and_jitter_covers_the_whole_range(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (uint32_t failures = 0; failures < 14; failures++) {
        uint64_t ceiling_ns = BACKOFF_FIRST_NS << failures;
        ceiling_ns = ceiling_ns < BACKOFF_CEILING_NS ? ceiling_ns : BACKOFF_CEILING_NS;
        uint64_t least_ns = UINT64_MAX;
        uint64_t most_ns = 0;
        for (int i = 0; i < 2000; i++) {
            struct backoff backoff = {0};
            struct backoff_budget budget;
            backoff_budget_init(&budget, 300);
            for (uint32_t n = 0; n < failures; n++) {
                (void)backoff_failed(&backoff, &budget, START_NS, 0, 0, 0);
            }
            const uint64_t delay_ns =
                backoff_failed(&backoff, &budget, START_NS, 0, 0, random_next(&seed)) - START_NS;
            least_ns = delay_ns < least_ns ? delay_ns : least_ns;
            most_ns = delay_ns > most_ns ? delay_ns : most_ns;
        }
        assert_true(most_ns <= ceiling_ns);
        assert_true(most_ns > ceiling_ns / 10 * 9);
        assert_true(least_ns < ceiling_ns / 10);
    }
}

static void a_connection_that_lasted_forgets_its_failures(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    struct backoff_budget budget;
    backoff_budget_init(&budget, 300);
    for (int i = 0; i < 6; i++) {
        (void)backoff_failed(&backoff, &budget, START_NS, 0, 0, UINT64_MAX);
    }
    assert_int_equal(backoff.failures, 6);
    (void)backoff_failed(&backoff, &budget, START_NS, BACKOFF_SETTLED_NS - 1, 0, UINT64_MAX);
    assert_int_equal(backoff.failures, 7);
    (void)backoff_failed(&backoff, &budget, START_NS, BACKOFF_SETTLED_NS, 0, 7);
    assert_int_equal(backoff.failures, 1);
    assert_int_equal(backoff.not_before_mono_ns, START_NS + 7);
}

static void retry_after_holds_every_connection_of_the_venue(void **state)
{
    (void)state;
    struct backoff refused = {0};
    const struct backoff other = {0};
    struct backoff_budget budget;
    backoff_budget_init(&budget, 300);
    const uint64_t until = backoff_failed(&refused, &budget, START_NS, 0, 120 * NS_PER_S, 1);
    assert_int_equal(until, START_NS + 120 * NS_PER_S);
    assert_false(backoff_is_ready(&other, &budget, START_NS + 119 * NS_PER_S));
    assert_true(backoff_is_ready(&other, &budget, START_NS + 120 * NS_PER_S));
    /* a shorter one, later, does not shorten it */
    (void)backoff_failed(&refused, &budget, START_NS, 0, 5 * NS_PER_S, 1);
    assert_false(backoff_is_ready(&other, &budget, START_NS + 119 * NS_PER_S));
}

static void attempts_are_spaced_and_the_window_slides(void **state)
{
    (void)state;
    struct backoff_budget budget;
    backoff_budget_init(&budget, 30); /* three of ours */
    uint64_t now = START_NS;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(backoff_budget_ready_mono_ns(&budget, now), 0);
        backoff_budget_spend(&budget, now);
        assert_int_equal(backoff_budget_ready_mono_ns(&budget, now + BACKOFF_SPACING_NS - 1),
                         i < 2 ? now + BACKOFF_SPACING_NS : START_NS + BACKOFF_WINDOW_NS);
        now += BACKOFF_SPACING_NS;
    }
    assert_int_equal(backoff_budget_ready_mono_ns(&budget, now), START_NS + BACKOFF_WINDOW_NS);
    now = START_NS + BACKOFF_WINDOW_NS;
    assert_int_equal(backoff_budget_ready_mono_ns(&budget, now), 0);
    backoff_budget_spend(&budget, now);
    assert_int_equal(backoff_budget_ready_mono_ns(&budget, now + 1),
                     START_NS + BACKOFF_SPACING_NS + BACKOFF_WINDOW_NS);
}

static void what_was_spent_is_told_until_the_window_has_passed(void **state)
{
    (void)state;
    struct backoff_budget budget;
    backoff_budget_init(&budget, 30);
    assert_int_equal(backoff_budget_spent(&budget, START_NS), 0);
    for (unsigned i = 0; i < 7; i++) { /* more than are kept */
        backoff_budget_spend(&budget, START_NS + i);
    }
    assert_int_equal(backoff_budget_spent(&budget, START_NS + 7), 3);
    assert_int_equal(backoff_budget_spent(&budget, START_NS + 5 + BACKOFF_WINDOW_NS), 1);
    assert_int_equal(backoff_budget_spent(&budget, START_NS + 6 + BACKOFF_WINDOW_NS), 0);
}

static void budgets_are_clamped_to_what_can_be_kept(void **state)
{
    (void)state;
    struct backoff_budget budget;
    backoff_budget_init(&budget, 0);
    assert_int_equal(budget.allowed, 30);
    backoff_budget_init(&budget, 5);
    assert_int_equal(budget.allowed, 1);
    backoff_budget_init(&budget, 900);
    assert_int_equal(budget.allowed, 90);
    backoff_budget_init(&budget, UINT32_MAX);
    assert_int_equal(budget.allowed, BACKOFF_BUDGET_MAX);
}

/* Eight connections that fail at once, for a simulated day. */
static void endless_failures_stay_within_a_tenth_of_the_budget(void **state)
{
    (void)state;

    enum { CONNECTIONS = 8, ATTEMPTS_MAX = 20000 };

    static uint64_t attempts[ATTEMPTS_MAX];
    struct backoff backoffs[CONNECTIONS] = {{0}};
    struct backoff_budget budget;
    size_t count = 0;
    uint64_t seed = 7;
    backoff_budget_init(&budget, 300);
    for (uint64_t now = START_NS; now < START_NS + 86400 * NS_PER_S; now += 50 * NS_PER_MS) {
        for (size_t i = 0; i < CONNECTIONS; i++) {
            if (!backoff_is_ready(&backoffs[i], &budget, now)) {
                continue;
            }
            backoff_budget_spend(&budget, now);
            (void)backoff_failed(&backoffs[i], &budget, now, 0, 0, random_next(&seed));
            assert_true(count < ATTEMPTS_MAX);
            attempts[count++] = now;
        }
    }
    assert_true(count > 2000); /* and it does keep trying */
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || attempts[i] - attempts[i - 1] >= BACKOFF_SPACING_NS);
        assert_true(i < 30 || attempts[i] - attempts[i - 30] >= BACKOFF_WINDOW_NS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_ceiling_and_jitter_covers_the_whole_range),
        cmocka_unit_test(a_connection_that_lasted_forgets_its_failures),
        cmocka_unit_test(retry_after_holds_every_connection_of_the_venue),
        cmocka_unit_test(attempts_are_spaced_and_the_window_slides),
        cmocka_unit_test(what_was_spent_is_told_until_the_window_has_passed),
        cmocka_unit_test(budgets_are_clamped_to_what_can_be_kept),
        cmocka_unit_test(endless_failures_stay_within_a_tenth_of_the_budget),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
