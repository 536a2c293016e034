/* SPDX-License-Identifier: MIT
 *
 * Goal:   the two small tables under replay find what was put in, at their bounds too.
 * Method: both are filled beyond what they keep without moving anything: all ids there may be, faults that settle behind one that
 *         stays open.
 */
#include "core/base.h"
#include "tools/fault_table.h"
#include "tools/id_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void ids_keep_their_index_up_to_the_bound_and_the_next_is_refused(void **state)
{
    (void)state;
    struct id_table *table = id_table_create();
    assert_non_null(table);
    char id[32];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < ID_TABLE_MAX; i++) {
            (void)snprintf(id, sizeof(id), "connection-%u", i);
            assert_int_equal(id_table_index(table, span_of(id)), i);
        }
    }
    assert_int_equal(id_table_count(table), ID_TABLE_MAX);
    assert_int_equal(id_table_index(table, span_of("one more")), -ENOSPC);
    assert_int_equal(id_table_index(table, span_of("connection-7")), 7);
    assert_string_equal(id_table_text(table, 4095), "connection-4095");
    id_table_destroy(table);
}

static void ids_are_bytes_the_empty_one_and_those_with_a_nul_too(void **state)
{
    static const struct span ids[] = {{"", 0}, {"a", 1}, {"a\0b", 3}, {"a\0c", 3}, {"ab", 2}};
    (void)state;
    struct id_table *table = id_table_create();
    assert_non_null(table);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
            assert_int_equal(id_table_index(table, ids[i]), i);
        }
    }
    assert_string_equal(id_table_text(table, 0), "");
    id_table_destroy(table);
}

static struct finding finding_of(enum finding_kind kind, uint64_t serial)
{
    return (struct finding){.kind = (uint8_t)kind,
                            .fault_id = serial,
                            .cleared_ns = kind == FINDING_CLEAR ? serial + 1000 : 0,
                            .evidence = {serial * (kind == FINDING_UPDATE ? 2 : 1)}};
}

static void a_fault_that_stays_open_survives_thousands_that_settle_behind_it(void **state)
{
    (void)state;
    struct fault_table table = {0};
    struct finding fault;
    const struct finding first = finding_of(FINDING_FAULT, 1);
    assert_int_equal(fault_table_open(&table, &first), 0);
    for (uint64_t serial = 2; serial < 5000; serial++) {
        const struct finding opened = finding_of(FINDING_FAULT, serial);
        const struct finding updated = finding_of(FINDING_UPDATE, serial);
        const struct finding cleared = finding_of(FINDING_CLEAR, serial);
        assert_int_equal(fault_table_open(&table, &opened), 0);
        fault_table_update(&table, &updated);
        assert_true(fault_table_clear(&table, &cleared, &fault));
        assert_int_equal(fault.fault_id, serial);
        assert_int_equal(fault.evidence[0], serial * 2);
        assert_int_equal(fault.cleared_ns, serial + 1000);
        assert_false(fault_table_clear(&table, &cleared, &fault)); /* once */
    }
    uint32_t cursor = 0;
    const struct finding *open = fault_table_next(&table, &cursor);
    assert_non_null(open);
    assert_int_equal(open->fault_id, 1);
    assert_null(fault_table_next(&table, &cursor));
    fault_table_free(&table);
}

static void settled_faults_at_the_front_are_dropped_and_the_rest_is_still_found(void **state)
{
    (void)state;
    struct fault_table table = {0};
    struct finding fault;
    for (uint64_t serial = 1; serial <= 4000; serial++) {
        const struct finding opened = finding_of(FINDING_FAULT, serial);
        assert_int_equal(fault_table_open(&table, &opened), 0);
    }
    for (uint64_t serial = 1; serial < 4000; serial++) {
        const struct finding cleared = finding_of(FINDING_CLEAR, serial);
        assert_true(fault_table_clear(&table, &cleared, &fault));
        assert_int_equal(fault.fault_id, serial);
    }
    assert_true(table.count < 2000);
    const struct finding unknown = finding_of(FINDING_CLEAR, 3); /* dropped */
    assert_false(fault_table_clear(&table, &unknown, &fault));
    const struct finding last = finding_of(FINDING_CLEAR, 4000);
    assert_true(fault_table_clear(&table, &last, &fault));
    assert_int_equal(table.count, 0);
    fault_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_keep_their_index_up_to_the_bound_and_the_next_is_refused),
        cmocka_unit_test(ids_are_bytes_the_empty_one_and_those_with_a_nul_too),
        cmocka_unit_test(a_fault_that_stays_open_survives_thousands_that_settle_behind_it),
        cmocka_unit_test(settled_faults_at_the_front_are_dropped_and_the_rest_is_still_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
