/* SPDX-License-Identifier: MIT
 *
 * Goal: the listenKey is asked for once, extended by PUT, never believed after the venue denied
 * it, and the private socket is renewed exactly when its key died. Method: the pure state machine
 * under a clock of our own.
 */
#include "sentinel/listen_key.h"

#include "core/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h> /* after the headers it needs */

#define EXTEND_NS (120 * NS_PER_S)
#define START_NS  (1000 * NS_PER_S)

static struct listen_key key;

static int fresh(void **state)
{
    (void)state;
    listen_key_init(&key, EXTEND_NS);
    return 0;
}

static enum listen_key_news
take(enum listen_key_ask asked, int status, int64_t code, const char *name, uint64_t now)
{
    const struct listen_key_answer answer = {
        .asked = asked, .http_status = status, .venue_code = code, .key = name};
    return listen_key_take(&key, &answer, now);
}

static void obtain(const char *name, uint64_t now)
{
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, name, now), LISTEN_KEY_EXTENDED);
    key.reconnect = false; /* as control does once it has dialled */
}

static void the_first_question_is_a_post_and_the_socket_waits_for_it(void **state)
{
    (void)state;
    assert_int_equal(listen_key_due(&key, START_NS), LISTEN_KEY_POST);
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, "abc", START_NS), LISTEN_KEY_EXTENDED);
    assert_true(key.reconnect);
    assert_string_equal(key.key, "abc");
}

static void a_put_comes_after_the_interval_and_not_while_one_is_under_way(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    assert_int_equal(listen_key_due(&key, START_NS + EXTEND_NS - 1), LISTEN_KEY_NOTHING);
    assert_int_equal(listen_key_due(&key, START_NS + EXTEND_NS), LISTEN_KEY_PUT);
    key.asked = true;
    assert_int_equal(listen_key_due(&key, START_NS + 2 * EXTEND_NS), LISTEN_KEY_NOTHING);
}

static void a_put_may_name_the_key_or_nothing_and_both_extend(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    assert_int_equal(take(LISTEN_KEY_PUT, 200, 0, "abc", START_NS), LISTEN_KEY_EXTENDED);
    assert_int_equal(take(LISTEN_KEY_PUT, 200, 0, NULL, START_NS), LISTEN_KEY_EXTENDED);
    assert_false(key.reconnect);
}

static void a_foreign_key_in_the_answer_is_told_and_asked_for_at_once(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    assert_int_equal(take(LISTEN_KEY_PUT, 200, 0, "xyz", START_NS), LISTEN_KEY_IS_FOREIGN);
    assert_string_equal(key.key, "abc"); /* not taken over unasked */
    assert_int_equal(listen_key_due(&key, START_NS), LISTEN_KEY_POST);
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, "xyz", START_NS), LISTEN_KEY_EXTENDED);
    assert_true(key.reconnect);
    assert_string_equal(key.key, "xyz");
}

static void an_unknown_key_is_replaced_and_its_socket_with_it_even_by_the_same_key(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    assert_int_equal(take(LISTEN_KEY_PUT, 400, LISTEN_KEY_UNKNOWN, NULL, START_NS),
                     LISTEN_KEY_IS_UNKNOWN);
    assert_int_equal(listen_key_due(&key, START_NS), LISTEN_KEY_POST);
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, "abc", START_NS), LISTEN_KEY_EXTENDED);
    assert_true(key.reconnect);
}

static void a_post_that_knows_no_key_does_not_storm(void **state)
{
    (void)state;
    assert_int_equal(take(LISTEN_KEY_POST, 400, LISTEN_KEY_UNKNOWN, NULL, START_NS),
                     LISTEN_KEY_IS_UNKNOWN);
    assert_int_equal(listen_key_due(&key, START_NS), LISTEN_KEY_NOTHING);
}

static void failures_are_retried_ever_later_but_not_later_than_the_interval(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    uint64_t wait_before = 0;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(take(LISTEN_KEY_PUT, 503, 0, NULL, START_NS), LISTEN_KEY_FAILED);
        const uint64_t wait = key.due_mono_ns - START_NS;
        assert_true(wait >= wait_before && wait > 0 && wait <= EXTEND_NS);
        wait_before = wait;
    }
    assert_int_equal(listen_key_due(&key, START_NS + EXTEND_NS), LISTEN_KEY_PUT);
    obtain("abc", START_NS);
    assert_int_equal(key.failures, 0);
}

static void a_retry_after_is_obeyed_even_beyond_the_interval(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    const struct listen_key_answer limited = {
        .asked = LISTEN_KEY_PUT, .http_status = 429, .retry_after_ns = 3 * EXTEND_NS};
    assert_int_equal(listen_key_take(&key, &limited, START_NS), LISTEN_KEY_FAILED);
    assert_int_equal(listen_key_due(&key, START_NS + 3 * EXTEND_NS - 1), LISTEN_KEY_NOTHING);
    assert_int_equal(listen_key_due(&key, START_NS + 3 * EXTEND_NS), LISTEN_KEY_PUT);
}

static void an_expiry_is_heard_once_and_only_for_the_current_key(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    assert_false(listen_key_expired(&key, 7, 8, START_NS)); /* of a key we no longer use */
    assert_true(listen_key_expired(&key, 8, 8, START_NS));
    assert_false(listen_key_expired(&key, 8, 8, START_NS)); /* facts: the event comes twice */
    assert_int_equal(listen_key_due(&key, START_NS), LISTEN_KEY_POST);
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, "abc", START_NS), LISTEN_KEY_EXTENDED);
    assert_true(key.reconnect);
    assert_true(listen_key_expired(&key, 0, 8, START_NS)); /* unnamed means ours */
}

static void a_put_overtaken_by_the_expiry_extends_nothing(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    key.asked = true;
    assert_true(listen_key_expired(&key, 8, 8, START_NS));
    assert_int_equal(take(LISTEN_KEY_PUT, 200, 0, "abc", START_NS), LISTEN_KEY_NO_NEWS);
    assert_int_equal(listen_key_due(&key, START_NS), LISTEN_KEY_POST);
}

static void a_key_longer_than_any_known_is_refused(void **state)
{
    (void)state;
    char longest[LISTEN_KEY_BYTES + 1];
    memset(longest, 'k', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, longest, START_NS), LISTEN_KEY_FAILED);
    assert_string_equal(key.key, "");
    longest[LISTEN_KEY_BYTES - 1] = '\0';
    assert_int_equal(take(LISTEN_KEY_POST, 200, 0, longest, START_NS), LISTEN_KEY_EXTENDED);
}

static void a_wiped_key_leaves_no_byte(void **state)
{
    (void)state;
    obtain("abc", START_NS);
    listen_key_wipe(&key);
    for (size_t i = 0; i < LISTEN_KEY_BYTES; i++) {
        assert_int_equal(key.key[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_question_is_a_post_and_the_socket_waits_for_it, fresh),
        cmocka_unit_test_setup(a_put_comes_after_the_interval_and_not_while_one_is_under_way,
                               fresh),
        cmocka_unit_test_setup(a_put_may_name_the_key_or_nothing_and_both_extend, fresh),
        cmocka_unit_test_setup(a_foreign_key_in_the_answer_is_told_and_asked_for_at_once, fresh),
        cmocka_unit_test_setup(
            an_unknown_key_is_replaced_and_its_socket_with_it_even_by_the_same_key, fresh),
        cmocka_unit_test_setup(a_post_that_knows_no_key_does_not_storm, fresh),
        cmocka_unit_test_setup(failures_are_retried_ever_later_but_not_later_than_the_interval,
                               fresh),
        cmocka_unit_test_setup(a_retry_after_is_obeyed_even_beyond_the_interval, fresh),
        cmocka_unit_test_setup(an_expiry_is_heard_once_and_only_for_the_current_key, fresh),
        cmocka_unit_test_setup(a_put_overtaken_by_the_expiry_extends_nothing, fresh),
        cmocka_unit_test_setup(a_key_longer_than_any_known_is_refused, fresh),
        cmocka_unit_test_setup(a_wiped_key_leaves_no_byte, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
