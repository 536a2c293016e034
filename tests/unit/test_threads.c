/* SPDX-License-Identifier: MIT
 *
 * Goal: what the sentinel's threads hand each other arrives whole, in order and once; a sleeping
 * judge never misses work; a watermark is never read under another life than it was stored under.
 * Method: two threads and bounded counts; run under the thread sanitizer too.
 */
#include "core/ring.h"
#include "sentinel/handover.h"
#include "sentinel/text_queue.h"
#include "sentinel/thread.h"
#include "sentinel/wakeup.h"
#include "sentinel/words.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h> /* after the headers it needs */

#define ITEMS 20000U

static struct words words;
static struct ring ring;
static struct event ring_slots[64];
static struct text_queue *texts;
static struct handover orders_slots[8];
static struct handover_queue orders;

__attribute__((format(printf, 1, 2))) static void text_push(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_queue_push(texts, format, arguments);
    va_end(arguments);
}

static void a_line_that_does_not_fit_is_dropped_and_counted(void **state)
{
    (void)state;
    char line[TEXT_QUEUE_BYTES];
    texts = aligned_alloc(128, sizeof(*texts));
    memset(texts, 0, sizeof(*texts));
    for (unsigned i = 0; i < TEXT_QUEUE_LINES + 3U; i++) {
        text_push("line %u", i);
    }
    assert_int_equal(texts->dropped, 3);
    assert_true(text_queue_take(texts, line, sizeof(line)));
    assert_string_equal(line, "line 0");
    assert_true(text_queue_take(texts, line, 4)); /* cut to the caller's room */
    assert_string_equal(line, "lin");
    free(texts);
}

static void *order_giver(void *unused)
{
    for (uint32_t i = 0; i < ITEMS;) {
        const struct handover order = {.kind = HANDOVER_ADOPT, .slot = i, .epoch = ~(uint64_t)i};
        i += handover_push(&orders, &order) ? 1U : 0U;
    }
    return unused;
}

static void orders_arrive_whole_and_in_order(void **state)
{
    (void)state;
    orders = (struct handover_queue){.slots = orders_slots, .mask = 7};
    pthread_t giver;
    assert_int_equal(thread_start(&giver, "giver", THREAD_ANY_CPU, order_giver, NULL), 0);
    struct handover order;
    for (uint32_t i = 0; i < ITEMS;) {
        if (handover_take(&orders, &order)) {
            assert_int_equal(order.slot, i);
            assert_true(order.epoch == ~(uint64_t)i);
            i++;
        }
    }
    (void)pthread_join(giver, NULL);
    assert_false(handover_take(&orders, &order));
}

static void *event_pusher(void *unused)
{
    for (uint32_t i = 0; i < ITEMS;) {
        const struct event event = {.recv_mono_ns = i};
        if (ring_push(&ring, &event)) {
            (void)wakeup_signal(&words.judge.asleep);
            i++;
        }
    }
    return unused;
}

/* The sleeper waits ten seconds at a time: a single lost wake-up would outlast the test's own
 * limit. */
static void a_sleeper_misses_no_event(void **state)
{
    (void)state;
    ring_init(&ring, ring_slots, ARRAY_COUNT(ring_slots));
    pthread_t pusher;
    assert_int_equal(thread_start(&pusher, "pusher", THREAD_ANY_CPU, event_pusher, NULL), 0);
    for (uint64_t seen = 0; seen < ITEMS;) {
        struct event batch[8];
        const size_t count = ring_pop(&ring, batch, 8);
        for (size_t i = 0; i < count; i++) {
            assert_true(batch[i].recv_mono_ns == seen++);
        }
        if (count == 0) {
            wakeup_announce(&words.judge.asleep);
            if (load_acquire(&ring.head) != load_relaxed(&ring.tail)) {
                wakeup_cancel(&words.judge.asleep);
            } else {
                wakeup_sleep(&words.judge.asleep, 999999999);
            }
        }
    }
    (void)pthread_join(pusher, NULL);
}

#define EPOCH_SPAN 1000000ULL

static void *mark_keeper(void *user)
{
    struct watermark *mark = user;
    for (uint64_t epoch = 1; load_acquire(&words.stop) == 0; epoch++) {
        watermark_begin(mark, epoch);
        for (uint64_t t = 1; t <= 3; t++) {
            watermark_advance(mark, epoch * EPOCH_SPAN + t);
        }
    }
    return NULL;
}

/* The keeper goes on until enough was seen: on one busy core it may have run for long before
 * the first look. */
static void a_watermark_is_read_under_its_own_epoch_or_not_at_all(void **state)
{
    (void)state;
    static struct watermark mark;
    pthread_t keeper;
    uint64_t seen = 0;
    store_release(&words.stop, 0);
    assert_int_equal(thread_start(&keeper, "keeper", THREAD_ANY_CPU, mark_keeper, &mark), 0);
    while (seen < ITEMS) {
        uint64_t epoch;
        uint64_t drained;
        if (watermark_load(&mark, &epoch, &drained) && drained != 0) {
            assert_true(drained / EPOCH_SPAN == epoch);
            seen++;
        }
    }
    store_release(&words.stop, 1);
    (void)pthread_join(keeper, NULL);
}

static void *mask_teller(void *user)
{
    sigset_t *mask = user;
    (void)pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

static void a_thread_of_ours_is_deaf_to_signals_and_its_parent_is_not(void **state)
{
    (void)state;
    sigset_t inside;
    sigset_t outside;
    pthread_t teller;
    assert_int_equal(thread_start(&teller, "teller", 0, mask_teller, &inside), 0);
    (void)pthread_join(teller, NULL);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &outside);
    assert_int_equal(sigismember(&inside, SIGPIPE), 1);
    assert_int_equal(sigismember(&inside, SIGTERM), 1);
    assert_int_equal(sigismember(&outside, SIGTERM), 0);
}

static void a_cpu_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    pthread_t none;
    assert_true(thread_start(&none, "none", CPU_SETSIZE - 1, mask_teller, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_does_not_fit_is_dropped_and_counted),
        cmocka_unit_test(orders_arrive_whole_and_in_order),
        cmocka_unit_test(a_sleeper_misses_no_event),
        cmocka_unit_test(a_watermark_is_read_under_its_own_epoch_or_not_at_all),
        cmocka_unit_test(a_thread_of_ours_is_deaf_to_signals_and_its_parent_is_not),
        cmocka_unit_test(a_cpu_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
