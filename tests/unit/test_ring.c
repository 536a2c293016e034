/* SPDX-License-Identifier: MIT
 *
 * Goal: events come out whole, in order and once, whatever the sizes of pushes and pops and
 * wherever the indices stand; a full ring refuses.
 *
 * Method: one thread at every edge, then two threads with indices that wrap past 2^64 while they
 * run (under the thread sanitizer, too).
 */
#include "core/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CAPACITY      64U
#define STRESS_EVENTS 400000U

static struct event slots[CAPACITY];
static struct ring ring;

static void start_at(uint64_t index)
{
    ring_init(&ring, slots, CAPACITY);
    ring.head = index;
    ring.tail = index;
    ring.cached_head = index;
    ring.cached_tail = index;
}

static struct event numbered(uint64_t number)
{
    struct event event = {.recv_mono_ns = number, .stream = (uint32_t)number, .kind = EVENT_DATA};
    event.data.id = ~number;
    event.data.ask_e8 = (int64_t)(number * 3);
    return event;
}

static void assert_is_numbered(const struct event *event, uint64_t number)
{
    const struct event expected = numbered(number);
    assert_memory_equal(event, &expected, sizeof(expected));
}

static void push_into_full_ring_is_refused_and_counted(void **state)
{
    (void)state;
    start_at(0);
    for (uint64_t i = 0; i < CAPACITY; i++) {
        const struct event event = numbered(i);
        assert_true(ring_push(&ring, &event));
    }
    const struct event extra = numbered(999);
    assert_int_equal(ring_space(&ring), 0);
    assert_false(ring_push(&ring, &extra));
    assert_false(ring_push(&ring, &extra));
    assert_int_equal(ring.full_count, 2);
    struct event popped[CAPACITY];
    assert_int_equal(ring_pop(&ring, popped, CAPACITY), CAPACITY);
    for (uint64_t i = 0; i < CAPACITY; i++) {
        assert_is_numbered(&popped[i], i);
    }
}

static void pop_from_an_empty_ring_takes_nothing(void **state)
{
    (void)state;
    struct event popped;
    start_at(7);
    assert_int_equal(ring_pop(&ring, &popped, 1), 0);
    assert_int_equal(ring_pop(&ring, &popped, 0), 0);
}

static void indices_wrap_past_two_to_the_sixty_fourth(void **state)
{
    (void)state;
    start_at(UINT64_MAX - 5);
    struct event popped[3];
    uint64_t next = 0;
    for (uint64_t i = 0; i < 3 * CAPACITY; i++) {
        const struct event event = numbered(i);
        assert_true(ring_push(&ring, &event));
        if (i % 3 == 2) {
            assert_int_equal(ring_pop(&ring, popped, 3), 3);
            for (int k = 0; k < 3; k++) {
                assert_is_numbered(&popped[k], next++);
            }
        }
    }
    for (uint64_t i = 0; i < CAPACITY; i++) { /* and it is empty: all of it can be filled again */
        const struct event event = numbered(i);
        assert_true(ring_push(&ring, &event));
    }
    assert_int_equal(ring_space(&ring), 0);
}

static void space_is_never_told_too_large(void **state)
{
    (void)state;
    start_at(UINT64_MAX - 20);
    struct event popped;
    for (uint64_t held = 0; held < CAPACITY; held++) {
        const struct event event = numbered(held);
        assert_true(ring_space(&ring) <= CAPACITY - held);
        assert_true(ring_push(&ring, &event));
    }
    assert_int_equal(ring_pop(&ring, &popped, 1), 1);
    assert_int_equal(ring_space(&ring), 1);
}

static void *produce(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < STRESS_EVENTS;) {
        const struct event event = numbered(i);
        if (ring_push(&ring, &event)) {
            i++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void between_two_threads_every_event_comes_out_whole_in_order_and_once(void **state)
{
    (void)state;
    pthread_t producer;
    struct event popped[17];
    uint64_t next = 0;
    start_at(UINT64_MAX - STRESS_EVENTS / 2);
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    while (next < STRESS_EVENTS) {
        const size_t count = ring_pop(&ring, popped, 1 + next % 17);
        for (size_t i = 0; i < count; i++) {
            assert_is_numbered(&popped[i], next++);
        }
        if (count == 0) {
            sched_yield();
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(ring_pop(&ring, popped, 17), 0);
    assert_true(load_relaxed(&ring.head) < STRESS_EVENTS); /* it did wrap */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push_into_full_ring_is_refused_and_counted),
        cmocka_unit_test(pop_from_an_empty_ring_takes_nothing),
        cmocka_unit_test(indices_wrap_past_two_to_the_sixty_fourth),
        cmocka_unit_test(space_is_never_told_too_large),
        cmocka_unit_test(between_two_threads_every_event_comes_out_whole_in_order_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
