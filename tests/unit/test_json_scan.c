/* SPDX-License-Identifier: MIT
 *
 * Goal:   the scanner accepts JSON and nothing else, returns what stands there, and never reads
 * beyond the last byte.
 * Method: tables of texts that are and are not JSON, always up against an unmapped page and at
 * every offset to the vector step;
 *         then mutated texts, each put to another parser (jansson) as well: the two must agree.
 */
#include "core/base.h"
#include "feeds/json_scan.h"
#include "guarded.h"
#include "random.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct guarded guarded;

static int guarded_setup(void **state)
{
    (void)state;
    guarded = guarded_open();
    return 0;
}

static int guarded_teardown(void **state)
{
    (void)state;
    guarded_close(&guarded);
    return 0;
}

static struct span guarded_span(const void *bytes, size_t size_bytes)
{
    return (struct span){(const char *)guarded_copy(&guarded, bytes, size_bytes), size_bytes};
}

static bool value_read(const void *bytes, size_t size_bytes, struct json_value *ret_value)
{
    struct json_scan scan = json_scan_start(guarded_span(bytes, size_bytes));
    json_read(&scan, ret_value);
    return json_finish(&scan);
}

static bool is_json(const char *text)
{
    struct json_value value;
    return value_read(text, strlen(text), &value);
}

/* ---- grammar --------------------------------------------------------------------------------- */

static const char *const good[] = {
    "{}",
    "[]",
    "\"\"",
    "0",
    "1.5e-9",
    "1E+9",
    "false",
    "null",
    " [ ] ",
    "\t{\r}\n",
    "[[],{},\"\",0]",
    "[[\"1\",\"2\"],[\"3\",\"4\"]]",
    "[[\"1\",\"2\"] , [\"3\" ,\"4\"]]",
    "{\"a\":[[\"1\",\"2\"]],\"b\":{\"c\":[\"x\"]}}",
    "[[\"1\\\"]\",\"2\"]]",
    "[[\"1\",2]]",
    "\"\\u0041\\n\\\\\\/\\\"\"",
    "\"\\ud800\"",
    "\"\xe5\xb8\x81\"",
    "{\"\":0}",
    "{\"a\":1,\"a\":2}",
    "[\"0123456789abcdef0123456789abcdef\"]",
    "12345678901234567890123456789012345678901234567890",
    "[[\"[{\",\"}]\"]]",
};

static const char *const bad[] = {
    "",
    " ",
    "{",
    "}",
    "[",
    "]",
    "[}",
    "{]",
    "[1,]",
    "{\"a\":1,}",
    "[,1]",
    "[1 2]",
    "[[\"1\",\"2\"] [\"3\"]]",
    "[[\"1\",\"2\"],]",
    "[[\"1\",\"2\",]]",
    "[[\"1\" \"2\"]]",
    "{[\"1\",\"2\"]}",
    "{\"a\":[\"1\"],[\"2\"]}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\" 1}",
    "{1:2}",
    "{a:1}",
    "{\"a\":1 \"b\":2}",
    "\"",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"a\nb\"",
    "\"\t\"",
    "01",
    "1.",
    ".5",
    "-",
    "+1",
    "1e",
    "1e+",
    "0x10",
    "1.5.2",
    "tru",
    "truee",
    "nulL",
    "Infinity",
    "[1]]",
    "{}{}",
    "1 2",
    "\x80",
    "[\"1\",\"2\"",
    "[[\"1\",\"2\"]",
    "[[\"1\",\"2",
};

static void what_is_json_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        if (!is_json(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (is_json(bad[i])) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static void a_nul_is_a_byte_like_any_other_that_does_not_belong(void **state)
{
    struct json_value value;
    (void)state;
    assert_false(value_read("\"a\0b\"", 5, &value));
    assert_false(value_read("{}\0", 3, &value));
    assert_false(value_read("\0", 1, &value));
    assert_false(value_read("[\0]", 3, &value));
    assert_false(value_read("\"\\\0\"", 4, &value));
}

static void strings_end_where_they_end_at_every_length(void **state)
{
    char text[128];
    (void)state;

    for (size_t length = 0; length < 70; length++) {
        struct json_value value;
        memset(text, 'x', sizeof(text));
        text[0] = '"';
        text[length + 1] = '"';
        assert_true(value_read(text, length + 2, &value));
        assert_int_equal(value.kind, JSON_KIND_STRING);
        assert_int_equal(value.text.size_bytes, length);
        assert_false(value.escaped);
        assert_false(value_read(text, length + 1, &value));
        for (size_t at = 1; at <= length; at++) {
            text[at] = 0x1f;
            assert_false(value_read(text, length + 2, &value));
            text[at] = 0x20;
            assert_true(value_read(text, length + 2, &value));
            text[at] = (char)0xff;
            assert_true(value_read(text, length + 2, &value));
            text[at] = 'x';
        }
    }
}

static void numbers_end_where_they_end_at_every_length(void **state)
{
    char text[128];
    (void)state;

    for (size_t length = 1; length < 70; length++) {
        struct json_value value;
        memset(text, '7', sizeof(text));
        assert_true(value_read(text, length, &value));
        assert_int_equal(value.text.size_bytes, length);
        for (size_t at = 0; at < length; at++) {
            text[at] = ':'; /* the byte after '9' */
            assert_false(value_read(text, length, &value));
            text[at] = '/'; /* the byte before '0' */
            assert_false(value_read(text, length, &value));
            text[at] = '7';
        }
    }
}

static void nesting_has_a_bound_and_the_bound_is_reached(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 2)];
    (void)state;

    for (size_t depth = 1; depth <= JSON_DEPTH_MAX + 2; depth++) {
        struct json_value value;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        /* The innermost is empty and needs no level of its own. */
        assert_int_equal(value_read(text, 2 * depth, &value), depth <= JSON_DEPTH_MAX + 1);
    }
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void members_come_in_order_with_their_values(void **state)
{
    static const char text[] = " { \"a\" : 1 , \"\\u0062\" : [ 2 , 3 ] , \"c\":{\"d\":\"e\"} } ";
    struct json_scan scan = json_scan_start(guarded_span(text, strlen(text)));
    struct json_value value;
    struct span key;
    (void)state;

    json_enter_object(&scan);
    assert_true(json_next_key(&scan, &key));
    assert_true(span_equals(key, "a"));
    json_read(&scan, &value);
    assert_true(span_equals(value.text, "1"));
    assert_true(json_next_key(&scan, &key));
    assert_true(span_equals(key, "b"));
    assert_int_equal(json_peek(&scan), '[');
    json_enter_array(&scan);
    assert_true(json_next_element(&scan));
    json_read(&scan, &value);
    assert_true(span_equals(value.text, "2"));
    assert_true(json_next_element(&scan));
    json_read(&scan, &value);
    assert_false(json_next_element(&scan));
    assert_true(json_next_key(&scan, &key));
    assert_true(span_equals(key, "c"));
    json_read(&scan, &value);
    assert_int_equal(value.kind, JSON_KIND_OBJECT);
    assert_true(span_equals(value.text, "{\"d\":\"e\"}"));
    assert_false(json_next_key(&scan, &key));
    assert_true(json_finish(&scan));
}

static void a_bad_cursor_stays_bad_and_gives_nothing(void **state)
{
    static const char text[] = "{\"a\":1,,\"b\":2}";
    struct json_scan scan = json_scan_start(guarded_span(text, strlen(text)));
    struct json_value value;
    struct span key;
    (void)state;

    json_enter_object(&scan);
    assert_true(json_next_key(&scan, &key));
    json_read(&scan, &value);
    assert_false(json_next_key(&scan, &key));
    assert_false(json_next_key(&scan, &key));
    assert_false(json_next_element(&scan));
    json_read(&scan, &value);
    assert_int_equal(value.kind, JSON_KIND_ABSENT);
    assert_int_equal(json_peek(&scan), '\0');
    assert_false(json_finish(&scan));
}

static void an_unclosed_object_is_no_end(void **state)
{
    static const char *const texts[] = {"{", "{\"a\":1", "{\"a\":1,", "[", "x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct json_scan scan = json_scan_start(guarded_span(texts[i], strlen(texts[i])));
        struct json_value value;
        struct span key;
        json_enter_object(&scan);
        while (json_next_key(&scan, &key)) {
            json_read(&scan, &value);
        }
        assert_false(json_finish(&scan));
    }
}

static unsigned slot_of(struct span key)
{
    return span_equals(key, "a") ? 0 : span_equals(key, "b") ? 31 : JSON_FIELDS_MAX;
}

static void fields_keep_what_is_wanted_and_the_last_of_two(void **state)
{
    static const char text[] = "{\"x\":9,\"a\":1,\"b\":2,\"a\":3}";
    struct json_scan scan = json_scan_start(guarded_span(text, strlen(text)));
    struct json_fields fields;
    (void)state;

    json_fields_read(&scan, slot_of, &fields);
    assert_true(json_finish(&scan));
    assert_true(span_equals(json_field(&fields, 0)->text, "3"));
    assert_true(span_equals(json_field(&fields, 31)->text, "2"));
    assert_int_equal(json_field(&fields, 1)->kind, JSON_KIND_ABSENT);
}

/* ---- values ---------------------------------------------------------------------------------- */

static struct json_value value_of(const char *text)
{
    struct json_value value;
    assert_true(value_read(text, strlen(text), &value));
    return value;
}

static void texts_resolve_their_escapes(void **state)
{
    static const struct {
        const char *json;
        const char *text;
    } cases[] = {
        {"\"plain\"", "plain"},
        {"\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d"},
        {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u5e01\"", "Aé币"},
        {"\"\\uD83D\\uDE80\"", "🚀"},
        {"\"\\ud83d\"", ""}, /* lone surrogates */
        {"\"\\ud83dx\"", ""},
        {"\"\\ude80\"", ""},
        {"\"\\ud83d\\u0041\"", ""},
        {"\"\\ud83d\\ud83d\"", ""},
        {"12", ""},
        {"\"\\u00412345678901234567890123456789012345678901234567890123456789012345\"",
         ""}, /* 65 bytes */
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char buffer[JSON_TEXT_BYTES_MAX];
        const struct json_value value = value_of(cases[i].json);
        assert_true(span_equals(json_text(&value, buffer), cases[i].text));
    }
}

static void texts_are_cut_at_a_character(void **state)
{
    static const struct {
        const char *json;
        const char *text;
    } cases[] = {
        {"\"1234567\"", "1234567"},
        {"\"12345678\"", "1234567"},
        {"\"123456é\"", "123456"},
        {"\"12345é\"", "12345é"},
        {"\"1234\\u5e01\"", "1234币"},
        {"\"12345\\u5e01\"", "12345"},
        {"\"12345币\"", "12345"},
        {"\"a\\nb\\u007fc\"", "a b c"},
        {"\"ab\\ud800c\"", "ab"},
        {"\"\xbf\xbf\xbf\xbf\"", ""},
        {"7", ""},
        {"\"1234🚀\"", "1234"},
        {"\"123🚀\"", "123🚀"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[8];
        const struct json_value value = value_of(cases[i].json);
        json_text_cut(&value, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

static void integers_are_whole_and_in_range(void **state)
{
    static const struct {
        const char *json;
        bool is_unsigned;
        bool is_signed;
        int64_t number;
    } cases[] = {
        {"0", true, true, 0},
        {"160", true, true, 160},
        {"\"160\"", true, true, 160},
        {"\"\\u0031\"", true, true, 1},
        {"-1", false, true, -1},
        {"\"-1\"", false, true, -1},
        {"9223372036854775807", true, true, INT64_MAX},
        {"9223372036854775808", true, false, 0},
        {"-9223372036854775808", false, false, 0},
        {"9999999999999999999", true, false, 0},
        {"10000000000000000000", false, false, 0},
        {"99999999999999999999999", false, false, 0},
        {"1.0", false, false, 0},
        {"1e3", false, false, 0},
        {"\"\"", false, false, 0},
        {"\"-\"", false, false, 0},
        {"\" 1\"", false, false, 0},
        {"\"1x\"", false, false, 0},
        {"\"0x1\"", false, false, 0},
        {"true", false, false, 0},
        {"null", false, false, 0},
        {"[1]", false, false, 0},
        {"{}", false, false, 0},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct json_value value = value_of(cases[i].json);
        int64_t whole = 42;
        uint64_t natural = 42;
        assert_int_equal(json_int64(&value, &whole), cases[i].is_signed);
        assert_true(whole == (cases[i].is_signed ? cases[i].number : 42));
        assert_int_equal(json_uint64(&value, &natural), cases[i].is_unsigned);
        if (cases[i].is_unsigned && cases[i].is_signed) {
            assert_true(natural == (uint64_t)cases[i].number);
        }
    }
}

static void decimals_are_exact_to_eight_places(void **state)
{
    static const struct {
        const char *json;
        int64_t e8;
    } cases[] = {
        {"\"61737.63000000\"", 6173763000000},
        {"61737.63", 6173763000000},
        {"\"0.00000001\"", 1},
        {"\"0.000000019\"", 1},
        {"\"0.000000009\"", 0},
        {"\"1\"", 100000000},
        {"\"1.\"", 100000000},
        {"\".5\"", 50000000},
        {"\"-5.25\"", -525000000},
        {"\"92233720368.54775807\"", INT64_MAX},
        {"\"92233720369\"", 0},
        {"\"99999999999999999999\"", 0},
        {"\"\"", 0},
        {"\"-\"", 0},
        {"\"1.2.3\"", 0},
        {"\"1.123456789.1\"", 0},
        {"\"abc\"", 0},
        {"\"1e5\"", 0},
        {"1e5", 0},
        {"\"1.000000001x\"", 0},
        {"null", 0},
        {"[]", 0},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct json_value value = value_of(cases[i].json);
        if (json_decimal_e8(&value) != cases[i].e8) {
            fail_msg("%s: %jd", cases[i].json, (intmax_t)json_decimal_e8(&value));
        }
    }
}

static void arrays_know_their_first_and_their_number(void **state)
{
    struct json_value value = value_of("[ [\"7\",\"8\"] , 2, {} ]");
    (void)state;

    assert_true(json_array_count(&value) == 3);
    assert_false(json_array_is_empty(&value));
    value = json_first_element(&value);
    assert_true(span_equals(value.text, "[\"7\",\"8\"]"));
    value = json_first_element(&value);
    assert_true(span_equals(value.text, "7"));
    value = json_first_element(&value);
    assert_int_equal(value.kind, JSON_KIND_ABSENT);
    value = value_of("[ \n]");
    assert_true(json_array_count(&value) == 0);
    assert_true(json_array_is_empty(&value));
    value = json_first_element(&value);
    assert_int_equal(value.kind, JSON_KIND_ABSENT);
    value = value_of("{}");
    assert_false(json_array_is_empty(&value));
    assert_true(json_array_count(&value) == 0);
}

/* ---- against another parser ------------------------------------------------------------------ */

/* ASCII alone, and no \u: the scanner leaves UTF-8 and surrogates to others. */
static size_t text_mutate(char *text, size_t size_bytes, uint64_t *state)
{
    static const char bytes[] = "{}[]\",:\\ \n\t0123456789-+.eEtruefalsn\x01";
    for (uint64_t edits = 1 + random_next(state) % 3; edits > 0 && size_bytes > 0; edits--) {
        const size_t at = random_next(state) % size_bytes;
        const char byte = bytes[random_next(state) % (sizeof(bytes) - 1)];
        switch (random_next(state) % 3) {
        case 0:
            text[at] = byte;
            break;
        case 1:
            memmove(text + at + 1, text + at, size_bytes - at);
            text[at] = byte;
            size_bytes++;
            break;
        default:
            memmove(text + at, text + at + 1, size_bytes - at - 1);
            size_bytes--;
            break;
        }
    }
    return size_bytes;
}

/* 1 yes, 0 no, -1: refused by a rule that is not the grammar's. */
static int jansson_judges(const char *text, size_t size_bytes)
{
    json_error_t error;
    json_t *value = json_loadb(text, size_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value != NULL) {
        json_decref(value);
        return 1;
    }
    return json_error_code(&error) == json_error_numeric_overflow ? -1 : 0;
}

static void two_parsers_agree_on_mutated_texts(void **state)
{
    static const char *const seeds[] = {
        "{\"e\":\"x\",\"E\":157,\"b\":[[\"7.89\",\"2\"],[\"7.90\",\"1\"]],\"a\":[[\"8\",\"3\"]]}",
        "[[\"1\",\"2\"],[\"3\",\"4\"],[\"5\",\"6\",\"0\",\"7\"]]",
        "{\"a\":[true,false,null,-1.5e-9],\"b\":{\"c\":[],\"d\":{}},\"e\":\"\\\"\\\\\\n\"}",
        "[ 1 , [ \"x\" , 2 ] , { \"y\" : [ \"1\" , \"2\" ] } ]",
    };
    uint64_t random = 0x2545f4914f6cdd1d;
    unsigned accepted = 0;
    (void)state;

    for (unsigned i = 0; i < 200000; i++) {
        char text[512];
        struct json_value value;
        const char *seed = seeds[i % ARRAY_COUNT(seeds)];
        size_t size_bytes = strlen(seed);
        memcpy(text, seed, size_bytes);
        size_bytes = text_mutate(text, size_bytes, &random);
        const bool is_accepted = value_read(text, size_bytes, &value);
        const int judgement = jansson_judges(text, size_bytes);
        if (judgement >= 0 && judgement != is_accepted) {
            fail_msg("the scanner says %d, jansson %d: %.*s",
                     is_accepted,
                     judgement,
                     (int)size_bytes,
                     text);
        }
        accepted += is_accepted;
    }
    assert_in_range(accepted, 10000, 190000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_accepted),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(a_nul_is_a_byte_like_any_other_that_does_not_belong),
        cmocka_unit_test(strings_end_where_they_end_at_every_length),
        cmocka_unit_test(numbers_end_where_they_end_at_every_length),
        cmocka_unit_test(nesting_has_a_bound_and_the_bound_is_reached),
        cmocka_unit_test(members_come_in_order_with_their_values),
        cmocka_unit_test(a_bad_cursor_stays_bad_and_gives_nothing),
        cmocka_unit_test(an_unclosed_object_is_no_end),
        cmocka_unit_test(fields_keep_what_is_wanted_and_the_last_of_two),
        cmocka_unit_test(texts_resolve_their_escapes),
        cmocka_unit_test(texts_are_cut_at_a_character),
        cmocka_unit_test(integers_are_whole_and_in_range),
        cmocka_unit_test(decimals_are_exact_to_eight_places),
        cmocka_unit_test(arrays_know_their_first_and_their_number),
        cmocka_unit_test(two_parsers_agree_on_mutated_texts),
    };
    return cmocka_run_group_tests(tests, guarded_setup, guarded_teardown);
}
