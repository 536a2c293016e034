/* SPDX-License-Identifier: MIT
 *
 * Goal: how far a frame on one connection is behind the same frame on another is told, and nothing
 * else is taken for it.
 *
 * Method: one stream on two connections, frames at chosen times.
 */
#include "core/first_seen.h"
#include "unit/detector_rig.h"

static struct rig rig;

static void start(enum stream_key key)
{
    const struct detector_limits limits = {
        .streams_max = 2, .connections_max = 3, .legs_max = 6, .compares_twins = true};
    const struct detector_policy policy = rig_policy();
    const struct stream_traits traits = rig_traits(key, CHAIN_NONE);
    memset(&rig, 0, sizeof(rig));
    rig.none.kind = RIG_NONE;
    rig.detector = detector_create(&limits, &policy);
    assert_non_null(rig.detector);
    for (uint32_t stream = 0; stream < 2; stream++) {
        (void)rig_stream(&rig, &traits);
    }
    for (uint32_t connection = 0; connection < 3; connection++) {
        rig_leg(&rig, 0, rig_connection(&rig, 0));
        rig_leg(&rig, 1, connection);
    }
}

/* Behind the first by so much; UINT64_MAX: it is not told. */
static uint64_t behind(struct event event)
{
    send(&rig, event);
    const struct detector_sample sample = detector_last_sample(rig.detector);
    return sample.has_behind ? sample.behind_ns : UINT64_MAX;
}

static void the_same_id_on_another_connection_tells_how_far_behind_it_is(void **state)
{
    (void)state;
    start(KEY_ID);
    assert_int_equal(behind(with_id(bare(0, 0, ms(10)), 7)), UINT64_MAX); /* the first */
    assert_int_equal(behind(with_id(bare(0, 1, ms(14)), 7)), 4 * NS_PER_MS);
    assert_int_equal(behind(with_id(bare(0, 2, ms(40)), 7)), 30 * NS_PER_MS);
    assert_int_equal(behind(with_id(bare(0, 1, ms(50)), 8)),
                     UINT64_MAX); /* now the other is first */
    assert_int_equal(behind(with_id(bare(0, 0, ms(50)), 8)), 0);
    rig_stop(&rig);
}

static void repeats_other_streams_and_skipped_ids_tell_nothing(void **state)
{
    (void)state;
    start(KEY_ID);
    (void)behind(with_id(bare(0, 0, ms(10)), 7));
    assert_int_equal(behind(with_id(bare(0, 0, ms(20)), 7)),
                     UINT64_MAX); /* on its own connection */
    assert_int_equal(behind(with_id(bare(1, 1, ms(30)), 7)), UINT64_MAX); /* another stream's 7 */
    (void)behind(with_id(bare(0, 0, ms(40)), 9));
    assert_int_equal(behind(with_id(bare(0, 1, ms(41)), 8)), UINT64_MAX); /* nobody has shown 8 */
    assert_int_equal(behind(with_id(bare(0, 1, ms(42)), 9)), 2 * NS_PER_MS);
    assert_int_equal(behind(with_id(bare(0, 1, ms(43)), 9)), UINT64_MAX); /* told once */
    rig_stop(&rig);
}

static void where_there_is_no_id_time_does(void **state)
{
    (void)state;
    start(KEY_TIME);
    (void)behind(with_lag(bare(0, 0, ms(10)), 0));
    assert_int_equal(behind(with_lag(bare(0, 1, ms(15)), 5 * (int64_t)NS_PER_MS)), 5 * NS_PER_MS);
    rig_stop(&rig);
}

static void the_newest_of_two_that_share_a_place_stays(void **state)
{
    (void)state;
    struct first_seen table[FIRST_SEEN_SIZE] = {{.key = 0}};
    uint64_t other = 2;
    uint64_t ns;
    while (first_seen_place(table, other) != first_seen_place(table, 1)) {
        other++;
    }
    first_seen_keep(table, 1, 0, 100);
    first_seen_keep(table, other, 0, 200);
    assert_false(first_seen_behind(table, 1, 1, 300, &ns));
    assert_true(first_seen_behind(table, other, 1, 300, &ns));
    assert_int_equal(ns, 100);
    assert_false(first_seen_behind(table, other, 1, 150, &ns)); /* a clock that went back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_id_on_another_connection_tells_how_far_behind_it_is),
        cmocka_unit_test(repeats_other_streams_and_skipped_ids_tell_nothing),
        cmocka_unit_test(where_there_is_no_id_time_does),
        cmocka_unit_test(the_newest_of_two_that_share_a_place_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
