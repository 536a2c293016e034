/* SPDX-License-Identifier: MIT
 *
 * Goal: the pure parts of the configuration - numbers with units, addresses, nearest words, the
 * telling of problems - say exactly what they should, at their edges too. Method: tables of text
 * and result.
 */
#include "core/base.h"
#include "sentinel/config_near.h"
#include "sentinel/config_problems.h"
#include "sentinel/config_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void durations_need_a_whole_number_and_a_unit(void **state)
{
    static const struct {
        const char *text;
        enum value_result result;
        uint64_t ns;
    } rows[] = {
        {"3s", VALUE_OK, 3 * NS_PER_S},
        {"3 s", VALUE_OK, 3 * NS_PER_S},
        {"0s", VALUE_OK, 0},
        {"250ms", VALUE_OK, 250 * NS_PER_MS},
        {"7us", VALUE_OK, 7 * NS_PER_US},
        {"1ns", VALUE_OK, 1},
        {"60m", VALUE_OK, 3600 * NS_PER_S},
        {"23h", VALUE_OK, 23 * 3600 * NS_PER_S},
        {"18446744073709551615ns", VALUE_OK, UINT64_MAX},
        {"18446744073709551616ns", VALUE_TOO_LARGE, 0},
        {"18446744073709551615h", VALUE_TOO_LARGE, 0},
        {"3", VALUE_NO_UNIT, 0},
        {"3 ", VALUE_NO_UNIT, 0},
        {"3S", VALUE_BAD_UNIT, 0},
        {"3sec", VALUE_BAD_UNIT, 0},
        {"1h30m", VALUE_BAD_UNIT, 0},
        {"1.5s", VALUE_FRACTION, 0},
        {"1.s", VALUE_BAD_UNIT, 0},
        {"-3s", VALUE_MALFORMED, 0},
        {"+3s", VALUE_MALFORMED, 0},
        {" 3s", VALUE_MALFORMED, 0},
        {"s", VALUE_MALFORMED, 0},
        {"", VALUE_MALFORMED, 0},
        {"0x10s", VALUE_BAD_UNIT, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t ns = 0;
        const enum value_result result = duration_parse(rows[i].text, &ns);
        if (result != rows[i].result || ns != rows[i].ns) {
            fail_msg("%s: result %d, %llu ns", rows[i].text, result, (unsigned long long)ns);
        }
    }
}

static void sizes_and_counts_are_read_the_same_way(void **state)
{
    uint64_t value = 0;
    (void)state;
    assert_int_equal(size_parse("256KiB", &value), VALUE_OK);
    assert_int_equal(value, 262144);
    assert_int_equal(size_parse("1GiB", &value), VALUE_OK);
    assert_int_equal(value, 1U << 30);
    assert_int_equal(size_parse("256KB", &value), VALUE_BAD_UNIT);
    assert_int_equal(size_parse("256", &value), VALUE_NO_UNIT);
    assert_int_equal(count_parse("4096", &value), VALUE_OK);
    assert_int_equal(value, 4096);
    assert_int_equal(count_parse("4096 ", &value), VALUE_MALFORMED);
    assert_int_equal(count_parse("4k", &value), VALUE_MALFORMED);
    assert_int_equal(count_parse("99999999999999999999", &value), VALUE_TOO_LARGE);
}

static void quantities_are_spelled_in_the_largest_exact_unit(void **state)
{
    char text[VALUE_TEXT_BYTES];
    (void)state;
    assert_string_equal(duration_text(0, text), "0ns");
    assert_string_equal(duration_text(250 * NS_PER_MS, text), "250ms");
    assert_string_equal(duration_text(90 * NS_PER_S, text), "90s");
    assert_string_equal(duration_text(3600 * NS_PER_S, text), "1h");
    assert_string_equal(duration_text(UINT64_MAX, text), "18446744073709551615ns");
    assert_string_equal(size_text(262144, text), "256KiB");
    assert_string_equal(size_text(1000, text), "1000B");
}

static void modes_are_three_octal_digits(void **state)
{
    unsigned mode = 0;
    (void)state;
    assert_true(mode_parse("0640", &mode));
    assert_int_equal(mode, 0640);
    assert_true(mode_parse("600", &mode));
    assert_int_equal(mode, 0600);
    assert_false(mode_parse("0648", &mode));
    assert_false(mode_parse("64", &mode));
    assert_false(mode_parse("10640", &mode));
    assert_false(mode_parse("0o640", &mode));
    assert_false(mode_parse("", &mode));
}

static void addresses_are_a_scheme_a_host_and_a_port_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        enum url_result result;
    } rows[] = {
        {"wss://fstream.binance.com", URL_OK},
        {"wss://ws.okx.com:8443", URL_OK},
        {"wss://127.0.0.1:1", URL_OK},
        {"wss://[::1]:65535", URL_OK},
        {"wss://[::1]", URL_OK},
        {"ws://fstream.binance.com", URL_SCHEME},
        {"WSS://fstream.binance.com", URL_SCHEME},
        {"fstream.binance.com", URL_SCHEME},
        {"wss:/fstream.binance.com", URL_SCHEME},
        {"", URL_SCHEME},
        {"wss://", URL_HOST},
        {"wss://:443", URL_HOST},
        {"wss://-host", URL_HOST},
        {"wss://a b", URL_HOST},
        {"wss://[::1", URL_HOST},
        {"wss://[::g]:1", URL_HOST},
        {"wss://[]", URL_HOST},
        {"wss://host:", URL_PORT},
        {"wss://host:0", URL_PORT},
        {"wss://host:65536", URL_PORT},
        {"wss://host:44x", URL_PORT},
        {"wss://host/path", URL_REST},
        {"wss://host:443/", URL_REST},
        {"wss://host?x", URL_REST},
        {"wss://user:secret@host", URL_REST},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const enum url_result result = url_check(rows[i].text, "wss");
        if (result != rows[i].result) {
            fail_msg("%s: result %d", rows[i].text, result);
        }
    }
}

static void numeric_addresses_are_told_from_names(void **state)
{
    static const char *const good[] = {"127.0.0.1", "::1", "2001:db8::7"};
    static const char *const bad[] = {
        "", "localhost", "127.0.0.1:9443", "[::1]", "[::1]:9443", "127.0.0", "127.0.0.1 "};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        if (!address_check(good[i])) {
            fail_msg("%s refused", good[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (address_check(bad[i])) {
            fail_msg("%s taken", bad[i]);
        }
    }
}

static void distance_counts_slips_of_the_pen(void **state)
{
    char longest[NEAR_WORD_BYTES_MAX + 2];
    (void)state;
    assert_int_equal(near_distance("stale", "stale", 3), 0);
    assert_int_equal(near_distance("Stale", "sTALE", 3), 0);
    assert_int_equal(near_distance("stael", "stale", 3), 1); /* swapped neighbours */
    assert_int_equal(near_distance("stle", "stale", 3), 1);
    assert_int_equal(near_distance("stalee", "stale", 3), 1);
    assert_int_equal(near_distance("stxle", "stale", 3), 1);
    assert_int_equal(near_distance("", "abc", 3), 3);
    assert_int_equal(near_distance("abc", "xyz", 2), 3); /* beyond the limit: limit + 1 */
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(near_distance(longest, longest, 3), 4);
    longest[NEAR_WORD_BYTES_MAX] = '\0';
    assert_int_equal(near_distance(longest, longest, 3), 0);
}

static void nearest_word_is_near_or_none(void **state)
{
    struct near near = {.word = "bokTicker"};
    (void)state;
    near_offer(&near, "depth");
    assert_null(near.best);
    near_offer(&near, "ticker");
    near_offer(&near, "bookTicker");
    assert_string_equal(near.best, "bookTicker");
    near = (struct near){.word = "stale"};
    near_offer(&near, "silent_after");
    near_offer(&near, "stale_after");
    assert_string_equal(near.best, "stale_after");
    near = (struct near){.word = "logging"};
    near_offer(&near, "gates");
    assert_null(near.best);
}

static void problems_are_told_in_the_order_of_the_file(void **state)
{
    struct problems problems = {0};
    char text[256];
    (void)state;
    problem_add(&problems, (struct mark){10, 2}, "third");
    problem_add(&problems, (struct mark){2, 7}, "second");
    problem_add(&problems, (struct mark){2, 3}, "%s", "first");
    problems_render(&problems, "f.yaml", text, sizeof(text));
    assert_string_equal(text, "f.yaml:2:3: first\nf.yaml:2:7: second\nf.yaml:10:2: third");
    problems_free(&problems);
    assert_false(problems_any(&problems));
}

static void problems_beyond_the_buffer_are_counted_never_cut(void **state)
{
    (void)state;
    for (size_t size_bytes = 1; size_bytes < 400; size_bytes++) {
        struct problems problems = {0};
        char text[400];
        memset(text, 'x', sizeof(text));
        for (uint32_t line = 1; line <= 9; line++) {
            problem_add(&problems, (struct mark){line, 1}, "something is wrong here");
        }
        problems_render(&problems, "f", text, size_bytes);
        assert_true(strlen(text) < size_bytes);
        const char *more = strstr(text, " more problems");
        if (size_bytes > 311) { /* 279 of text, and room for the count until the last line */
            assert_null(more);
        } else if (size_bytes > 100) {
            assert_non_null(more);
            assert_int_equal(more[-1] - '0', 9 - (int)(strlen(text) - 15) / 31);
        }
        problems_free(&problems);
    }
}

static void problems_beyond_the_bound_are_counted(void **state)
{
    struct problems problems = {0};
    static char text[PROBLEMS_MAX * 32];
    (void)state;
    for (uint32_t line = 1; line <= PROBLEMS_MAX + 5; line++) {
        problem_add(&problems, (struct mark){line, 1}, "wrong");
    }
    problems_render(&problems, "f", text, sizeof(text));
    assert_non_null(strstr(text, "\n5 more problems"));
    problems_free(&problems);
}

static void quoted_text_is_bounded_and_printable(void **state)
{
    struct quote quote;
    char hostile[400];
    (void)state;
    assert_string_equal(quote_text(&quote, "a\tb\"c\033[1m"), "\"a?b?c?[1m\"");
    assert_string_equal(quote_text(&quote, ""), "\"\"");
    /* Two-byte characters: a cut never leaves half of one. */
    for (size_t i = 0; i + 2 < sizeof(hostile); i += 2) {
        memcpy(hostile + i, "\xc3\xa4", 2);
    }
    hostile[sizeof(hostile) - 2] = '\0';
    for (size_t skip = 0; skip < 4; skip++) {
        memset(hostile, 'a', skip);
        const char *text = quote_text(&quote, hostile + (skip % 2));
        assert_true(strlen(text) < sizeof(quote.text));
        const char *dots = strstr(text, "...\"");
        assert_non_null(dots);
        assert_true(dots[-1] == '\xa4' || dots[-1] == 'a');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_need_a_whole_number_and_a_unit),
        cmocka_unit_test(sizes_and_counts_are_read_the_same_way),
        cmocka_unit_test(quantities_are_spelled_in_the_largest_exact_unit),
        cmocka_unit_test(modes_are_three_octal_digits),
        cmocka_unit_test(addresses_are_a_scheme_a_host_and_a_port_and_nothing_else),
        cmocka_unit_test(numeric_addresses_are_told_from_names),
        cmocka_unit_test(distance_counts_slips_of_the_pen),
        cmocka_unit_test(nearest_word_is_near_or_none),
        cmocka_unit_test(problems_are_told_in_the_order_of_the_file),
        cmocka_unit_test(problems_beyond_the_buffer_are_counted_never_cut),
        cmocka_unit_test(problems_beyond_the_bound_are_counted),
        cmocka_unit_test(quoted_text_is_bounded_and_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
