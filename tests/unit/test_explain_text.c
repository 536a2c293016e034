/* SPDX-License-Identifier: MIT
 *
 * Goal: every kind of fault has a sentence of its own, and every number in it is one that the kind
 * really brings along.
 *
 * Method: all kinds of layout.h, with evidence numbered 1, 2, 3 ...; a pattern that names a key
 * which its kind does not have would print '?'.
 */
#include "tools/explain_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct flatline_fault fault_of(enum flatline_fault_kind kind)
{
    struct flatline_fault fault = {.kind = kind};
    for (uint32_t i = 0; i < FLATLINE_EVIDENCE_WORDS; i++) {
        fault.evidence[i] = 1000000U * (i + 1U);
    }
    return fault;
}

static void every_kind_has_a_sentence_and_every_number_of_it_is_known(void **state)
{
    (void)state;
    for (uint32_t kind = 1; kind < FLATLINE_FAULT_COUNT; kind++) {
        const struct flatline_fault fault = fault_of((enum flatline_fault_kind)kind);
        char text[EXPLAIN_TEXT_BYTES];
        assert_true(explain_fault(&fault, text, sizeof(text)) > 10);
        if (strpbrk(text, "?{}") != NULL) {
            fail_msg("%s: %s", flatline_fault_name(fault.kind), text);
        }
    }
}

static void numbers_are_written_as_people_write_them(void **state)
{
    (void)state;
    const struct flatline_fault stall = fault_of(FLATLINE_FAULT_SELF_STALL);
    char text[EXPLAIN_TEXT_BYTES];
    (void)explain_fault(&stall, text, sizeof(text));
    assert_non_null(strstr(text, "stood still for 1.0 ms (2.0 ms is allowed)"));
    struct flatline_fault code = fault_of(FLATLINE_FAULT_KEY_UNKNOWN);
    code.evidence[0] = (uint64_t)-1125;
    (void)explain_fault(&code, text, sizeof(text));
    assert_non_null(strstr(text, "code -1125"));
}

static void a_sentence_is_cut_where_there_is_no_room_and_a_newer_kind_has_none(void **state)
{
    (void)state;
    const struct flatline_fault stall = fault_of(FLATLINE_FAULT_SELF_STALL);
    char text[40];
    for (size_t room = 0; room <= sizeof(text); room++) {
        memset(text, '#', sizeof(text));
        const size_t length = explain_fault(&stall, text, room);
        assert_true(room == 0 || (length < room && text[length] == '\0'));
        assert_true(room == sizeof(text) || text[room] == '#');
    }
    const struct flatline_fault newer = fault_of((enum flatline_fault_kind)FLATLINE_FAULT_COUNT);
    assert_int_equal(explain_fault(&newer, text, sizeof(text)), 0);
    assert_string_equal(explain_blame((enum flatline_scope)99), "nobody can tell yet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_sentence_and_every_number_of_it_is_known),
        cmocka_unit_test(numbers_are_written_as_people_write_them),
        cmocka_unit_test(a_sentence_is_cut_where_there_is_no_room_and_a_newer_kind_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
