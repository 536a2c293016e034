/* SPDX-License-Identifier: MIT
 *
 * Goal: the watermark rule to the letter - a slot is drained up to t only when the kernel said
 * empty after t and all it gave is in the ring; a stall of our own is in the ring before anything
 * read after it; nothing is lost to a full ring; and what we have to say to a venue is said in
 * time, paced, and once. Method: ingest.c and ingest_slot.c on a fake connection that plays a
 * script (its socket is a real pipe, so epoll is real), passes made one by one; the slot's timing
 * under a clock of our own.
 */
#include "sentinel/ingest.h"
#include "sentinel/ingest_slot.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

static const char CONFIG[] = "streams: [binance-spot/BTCUSDT/depth@100ms, okx/BTC-USDT/books]\n";
static const char FRAME[] =
    "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1672515782136,\"s\":"
    "\"BTCUSDT\","
    "\"U\":157,\"u\":160,\"b\":[[\"1.0\",\"10\"]],\"a\":[[\"1.1\",\"100\"]]}}";
static const char ACK[] = "{\"result\":null,\"id\":1}";
static const char NOTICE[] =
    "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1770123456789}}";

/* ---- the fake connection --------------------------------------------------------------------- */

#define SENT_MAX 16

struct connection {
    int pipe_fds[2];
    const char *inbox[64];
    size_t inbox_count;
    size_t inbox_next;
    size_t per_read; /* messages a read takes before its budget is spent; 0: all */
    long stall_ms;   /* we are stopped in the middle of the read */
    bool ends;       /* when the inbox is empty: the venue has closed */
    struct link_report report;
    struct connection_counts counts;
    char sent[SENT_MAX][512];
    size_t sent_count;
    size_t pings;
    size_t closes;
};

static struct websocket_message text_message(const char *text)
{
    return (struct websocket_message){
        .bytes = (const uint8_t *)text, .size_bytes = strlen(text), .opcode = WEBSOCKET_TEXT};
}

enum connection_status connection_read(struct connection *connection,
                                       connection_clock clock,
                                       uint32_t read_budget_bytes,
                                       connection_on_message on_message,
                                       void *user)
{
    (void)read_budget_bytes;
    char drop[64];
    while (read(connection->pipe_fds[0], drop, sizeof(drop)) > 0) {
    }
    if (connection->stall_ms > 0) {
        const struct timespec stopped = {.tv_nsec = connection->stall_ms * 1000000L};
        (void)nanosleep(&stopped, NULL);
        connection->stall_ms = 0;
    }
    for (size_t taken = 0; connection->inbox_next < connection->inbox_count; taken++) {
        if (connection->per_read > 0 && taken == connection->per_read) {
            return CONNECTION_BUDGET;
        }
        const struct websocket_message message =
            text_message(connection->inbox[connection->inbox_next]);
        if (!on_message(user, &message, clock())) {
            return CONNECTION_BLOCKED;
        }
        connection->inbox_next++;
    }
    return connection->ends ? CONNECTION_CLOSED : CONNECTION_DRAINED;
}

int connection_send_text(struct connection *connection, const char *text, size_t text_bytes)
{
    assert_true(connection->sent_count < SENT_MAX && text_bytes < sizeof(connection->sent[0]));
    memcpy(connection->sent[connection->sent_count++], text, text_bytes);
    return 0;
}

int connection_send_ping(struct connection *connection, uint64_t mono_ns)
{
    (void)mono_ns;
    connection->pings++;
    return 0;
}

int connection_send_close(struct connection *connection, uint16_t code, const char *reason)
{
    (void)code;
    (void)reason;
    connection->closes++;
    return 0;
}

uint64_t connection_pong_stamp(const struct websocket_message *pong)
{
    uint64_t stamp = 0;
    memcpy(&stamp, pong->bytes, pong->size_bytes == sizeof(stamp) ? sizeof(stamp) : 0);
    return stamp;
}

int connection_flush(struct connection *connection)
{
    (void)connection;
    return 0;
}

int connection_fd(const struct connection *connection)
{
    return connection->pipe_fds[0];
}

uint32_t connection_events(const struct connection *connection)
{
    (void)connection;
    return EPOLLIN;
}

const struct link_report *connection_report(const struct connection *connection)
{
    return &connection->report;
}

const struct connection_counts *connection_counts(const struct connection *connection)
{
    return &connection->counts;
}

void connection_end(struct connection *connection,
                    enum link_end how,
                    int32_t code,
                    const char *text)
{
    connection->report = (struct link_report){.phase = LINK_OPEN, .how = how, .code = code};
    (void)snprintf(connection->report.text, sizeof(connection->report.text), "%s", text);
}

void connection_destroy(struct connection *connection)
{
    (void)connection; /* the rig's */
}

/* ---- the rig --------------------------------------------------------------------------------- */

#define RING_EVENTS 16U

struct rig {
    struct config *config;
    struct plan *plan;
    struct names *names;
    struct ring to_judge;
    struct ring to_control;
    struct event judge_slots[RING_EVENTS];
    struct event control_slots[4];
    struct handover_queue orders;
    struct handover_queue ended;
    struct handover order_slots[8];
    struct handover ended_slots[8];
    struct words words;
    struct watermark marks[8];
    struct slot_words slot_words[8];
    struct dial_words dials[8];
    struct ingest *ingest;
    struct connection peer;
};

static struct rig *rig;

static int rig_open(void **state)
{
    char why[512];
    (void)state;
    rig = aligned_alloc(128, (sizeof(*rig) + 127U) & ~(size_t)127U);
    memset(rig, 0, sizeof(*rig));
    if (config_parse("test.yaml", CONFIG, sizeof(CONFIG) - 1, &rig->config, why, sizeof(why)) !=
        0) {
        print_error("%s\n", why);
        return -1;
    }
    assert_int_equal(plan_create(rig->config, &rig->plan, why, sizeof(why)), 0);
    assert_int_equal(plan_slot_count(rig->plan), 4);
    rig->names = names_create(2);
    (void)names_intern(
        rig->names, FLATLINE_VENUE_BINANCE_SPOT, span_of("BTCUSDT"), span_of("depth@100ms"));
    (void)names_intern(rig->names, FLATLINE_VENUE_OKX, span_of("BTC-USDT"), span_of("books"));
    ring_init(&rig->to_judge, rig->judge_slots, RING_EVENTS);
    ring_init(&rig->to_control, rig->control_slots, 4);
    rig->orders = (struct handover_queue){.slots = rig->order_slots, .mask = 7};
    rig->ended = (struct handover_queue){.slots = rig->ended_slots, .mask = 7};
    rig->words.watermarks = rig->marks;
    rig->words.slots = rig->slot_words;
    rig->words.dials = rig->dials;
    rig->words.slot_count = 4;
    rig->words.judge.next_deadline_mono_ns = UINT64_MAX;
    const struct ingest_setup setup = {.config = rig->config,
                                       .plan = rig->plan,
                                       .names = rig->names,
                                       .to_judge = &rig->to_judge,
                                       .to_control = &rig->to_control,
                                       .orders = &rig->orders,
                                       .ended = &rig->ended,
                                       .words = &rig->words};
    assert_int_equal(ingest_create(&setup, &rig->ingest), 0);
    return pipe2(rig->peer.pipe_fds, O_NONBLOCK | O_CLOEXEC);
}

static int rig_close(void **state)
{
    (void)state;
    ingest_destroy(rig->ingest);
    (void)close(rig->peer.pipe_fds[0]);
    (void)close(rig->peer.pipe_fds[1]);
    names_destroy(rig->names);
    plan_destroy(rig->plan);
    config_free(rig->config);
    free(rig);
    return 0;
}

static void arrive(const char *text)
{
    rig->peer.inbox[rig->peer.inbox_count++] = text;
    assert_int_equal(write(rig->peer.pipe_fds[1], "x", 1), 1);
}

static void adopt(void)
{
    const struct handover order = {
        .kind = HANDOVER_ADOPT, .slot = 0, .epoch = 7, .connection = &rig->peer};
    assert_true(handover_push(&rig->orders, &order));
}

/* Adopted, subscribed, its UP taken out of the ring. */
static void settle(void)
{
    struct event event;
    adopt();
    ingest_pass(rig->ingest);
    assert_int_equal(ring_pop(&rig->to_judge, &event, 1), 1);
    assert_int_equal(event.kind, EVENT_CONNECTION_UP);
}

static uint64_t drained(uint32_t slot)
{
    uint64_t epoch = 0;
    uint64_t mono_ns = 0;
    assert_true(watermark_load(&rig->marks[slot], &epoch, &mono_ns));
    return mono_ns;
}

static struct event pop(void)
{
    struct event event = {0};
    assert_int_equal(ring_pop(&rig->to_judge, &event, 1), 1);
    return event;
}

static void fill_ring(unsigned leave_free)
{
    const struct event filler = {.kind = EVENT_CONTROL};
    for (unsigned i = leave_free; i < RING_EVENTS; i++) {
        assert_true(ring_push(&rig->to_judge, &filler));
    }
}

/* ---- the watermark rule ---------------------------------------------------------------------- */

static void a_slot_without_a_socket_is_drained_by_definition(void **state)
{
    (void)state;
    const uint64_t before = clock_mono_ns();
    ingest_pass(rig->ingest);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(drained(i) >= before && drained(i) <= clock_mono_ns());
    }
    assert_true(rig->words.ingest.pass_mono_ns >= before);
}

static void a_new_connection_is_up_before_its_data_and_drained_after_both(void **state)
{
    (void)state;
    ingest_pass(rig->ingest);
    arrive(FRAME);
    adopt();
    const uint64_t before = clock_mono_ns();
    ingest_pass(rig->ingest);
    const struct event up = pop();
    assert_int_equal(up.kind, EVENT_CONNECTION_UP);
    assert_int_equal(up.link.epoch, 7);
    assert_int_equal(up.link.code, 1); /* one request, one answer */
    const struct event data = pop();
    assert_int_equal(data.kind, EVENT_DATA);
    assert_int_equal(data.stream, 0);
    assert_int_equal(data.connection, 0);
    assert_true(data.recv_mono_ns >= up.recv_mono_ns);
    assert_int_equal(rig->marks[0].epoch, 7);
    assert_true(drained(0) >= before && drained(0) <= data.recv_mono_ns);
    assert_int_equal(rig->slot_words[0].data, 1);
}

static void a_socket_that_spent_its_budget_is_not_drained_until_it_is_empty(void **state)
{
    (void)state;
    settle();
    const uint64_t mark = drained(0);
    rig->peer.per_read = 1;
    arrive(FRAME);
    arrive(FRAME);
    ingest_pass(rig->ingest);
    assert_true(drained(0) == mark);
    assert_true(drained(1) > mark); /* the others are not held back */
    assert_int_equal(rig->slot_words[0].budget_hits, 1);
    ingest_pass(rig->ingest); /* served again although its pipe is empty by now */
    assert_true(drained(0) > mark);
    assert_int_equal(rig->slot_words[0].data, 2);
}

static void a_full_ring_stops_the_reading_and_drops_nothing(void **state)
{
    (void)state;
    settle();
    const uint64_t mark = drained(0);
    fill_ring(0);
    arrive(FRAME);
    ingest_pass(rig->ingest);
    assert_true(drained(0) == mark);
    assert_int_equal(rig->slot_words[0].data, 0);
    assert_int_equal(rig->slot_words[0].blocked, 1);
    for (unsigned i = 0; i < RING_EVENTS; i++) {
        (void)pop();
    }
    ingest_pass(rig->ingest);
    assert_int_equal(pop().kind, EVENT_DATA);
    assert_true(drained(0) > mark);
    assert_int_equal(rig->slot_words[0].data, 1); /* counted once, although it was offered twice */
}

static void an_end_is_told_to_the_judge_and_the_connection_given_back(void **state)
{
    (void)state;
    struct handover back;
    settle();
    rig->peer.ends = true;
    rig->peer.report = (struct link_report){
        .phase = LINK_OPEN, .how = LINK_END_CLOSE, .code = 1008, .text = "Pong timeout"};
    arrive(FRAME);
    ingest_pass(rig->ingest);
    assert_int_equal(pop().kind, EVENT_DATA);
    const struct event down = pop();
    assert_int_equal(down.kind, EVENT_CONNECTION_DOWN);
    assert_int_equal(down.link.code, 1008);
    assert_int_equal(down.link.epoch, 7);
    assert_string_equal(down.link.text, "Pong timeout");
    assert_true(handover_take(&rig->ended, &back));
    assert_ptr_equal(back.connection, &rig->peer);
    assert_int_equal(rig->slot_words[0].open, 0);
    const uint64_t mark = drained(0);
    ingest_pass(rig->ingest);
    assert_true(drained(0) > mark);
}

static void order(enum handover_kind kind)
{
    const struct handover order = {.kind = kind, .slot = 0};
    assert_true(handover_push(&rig->orders, &order));
    ingest_pass(rig->ingest);
}

static void the_end_of_a_retiring_connection_is_planned_whoever_ends_it(void **state)
{
    (void)state;
    settle();
    order(HANDOVER_RETIRE);
    rig->peer.ends = true;
    rig->peer.report =
        (struct link_report){.phase = LINK_OPEN, .how = LINK_END_CLOSE, .code = 1001};
    assert_int_equal(write(rig->peer.pipe_fds[1], "x", 1), 1);
    ingest_pass(rig->ingest);
    const struct event down = pop();
    assert_int_equal(down.link.how, LINK_END_LOCAL);
    assert_int_equal(down.link.code, 1001);
}

static void a_connection_kept_after_all_ends_as_it_ends(void **state)
{
    (void)state;
    settle();
    order(HANDOVER_RETIRE);
    order(HANDOVER_KEEP);
    rig->peer.ends = true;
    rig->peer.report = (struct link_report){.phase = LINK_OPEN, .how = LINK_END_EOF};
    assert_int_equal(write(rig->peer.pipe_fds[1], "x", 1), 1);
    ingest_pass(rig->ingest);
    assert_int_equal(pop().link.how, LINK_END_EOF);
}

static void an_end_that_finds_the_ring_full_waits_and_holds_the_watermark(void **state)
{
    (void)state;
    struct handover back;
    settle();
    const uint64_t mark = drained(0);
    rig->peer.ends = true;
    fill_ring(0);
    assert_int_equal(write(rig->peer.pipe_fds[1], "x", 1), 1);
    ingest_pass(rig->ingest);
    assert_false(handover_take(&rig->ended, &back));
    assert_true(drained(0) == mark);
    (void)pop();
    ingest_pass(rig->ingest);
    assert_true(handover_take(&rig->ended, &back));
}

static void our_own_stall_is_told_before_anything_read_after_it(void **state)
{
    (void)state;
    settle();
    const uint64_t before = rig->words.ingest.pass_mono_ns;
    const struct timespec nap = {0, 60 * 1000 * 1000};
    (void)nanosleep(&nap, NULL);
    arrive(FRAME);
    ingest_pass(rig->ingest);
    const struct event stall = pop();
    assert_int_equal(stall.kind, EVENT_SELF_STALL);
    assert_true(stall.note.value == before);
    assert_true(stall.recv_mono_ns - before >= 60 * NS_PER_MS);
    assert_int_equal(pop().kind, EVENT_DATA);
}

static void a_stall_in_the_middle_of_a_pass_is_told_before_what_was_read_after_it(void **state)
{
    (void)state;
    settle();
    const uint64_t before = rig->words.ingest.pass_mono_ns;
    rig->peer.stall_ms = 80; /* beyond self_stall_after: SIGSTOP hits a spinning thread anywhere */
    arrive(FRAME);
    ingest_pass(rig->ingest);
    const struct event stall = pop();
    assert_int_equal(stall.kind, EVENT_SELF_STALL);
    assert_true(stall.note.value >= before);
    const struct event data = pop();
    assert_int_equal(data.kind, EVENT_DATA);
    assert_true(stall.recv_mono_ns <= data.recv_mono_ns);
    assert_true(drained(0) < stall.recv_mono_ns); /* so the clocks restart at the next pass only */
    ingest_pass(rig->ingest);
    assert_int_equal(rig->words.ingest.stalls, 1); /* told once */
    assert_true(rig->to_judge.head == rig->to_judge.tail);
}

static void an_end_found_after_a_stall_in_the_middle_of_a_pass_comes_after_it(void **state)
{
    (void)state;
    settle();
    rig->peer.stall_ms = 80;
    rig->peer.ends = true;
    rig->peer.report =
        (struct link_report){.phase = LINK_OPEN, .how = LINK_END_CLOSE, .code = 1008};
    assert_int_equal(write(rig->peer.pipe_fds[1], "x", 1), 1);
    ingest_pass(rig->ingest);
    const struct event stall = pop();
    assert_int_equal(stall.kind, EVENT_SELF_STALL);
    const struct event down = pop();
    assert_int_equal(down.kind, EVENT_CONNECTION_DOWN);
    assert_true(down.recv_mono_ns >= stall.recv_mono_ns); /* else nobody could charge it to us */
}

static void a_stall_that_finds_the_ring_full_stops_all_reading(void **state)
{
    (void)state;
    settle();
    const uint64_t mark = drained(1);
    const struct timespec nap = {0, 60 * 1000 * 1000};
    fill_ring(0);
    (void)nanosleep(&nap, NULL);
    arrive(FRAME);
    ingest_pass(rig->ingest);
    assert_int_equal(rig->peer.inbox_next, 0);
    assert_true(drained(1) == mark);
    for (unsigned i = 0; i < RING_EVENTS; i++) {
        (void)pop();
    }
    ingest_pass(rig->ingest);
    assert_int_equal(pop().kind, EVENT_SELF_STALL);
    assert_int_equal(pop().kind, EVENT_DATA);
    assert_true(drained(1) > mark);
}

static void a_notice_is_copied_to_control(void **state)
{
    (void)state;
    struct event copy;
    settle();
    arrive(NOTICE);
    ingest_pass(rig->ingest);
    assert_int_equal(pop().kind, EVENT_NOTICE);
    assert_int_equal(ring_pop(&rig->to_control, &copy, 1), 1);
    assert_int_equal(copy.kind, EVENT_NOTICE);
    assert_int_equal(copy.connection, 0);
}

static void a_busy_control_loses_a_copy_and_the_loss_is_counted(void **state)
{
    (void)state;
    settle();
    for (unsigned i = 0; i < 6; i++) {
        arrive(NOTICE);
    }
    ingest_pass(rig->ingest);
    assert_int_equal(rig->words.ingest.notices_dropped, 2);
    assert_int_equal(rig->slot_words[0].control, 6);
}

static void malformed_and_foreign_frames_are_counted_and_tell_the_judge_nothing(void **state)
{
    (void)state;
    settle();
    arrive("{\"stream\":");
    arrive("{\"stream\":\"ethusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":1,\"s\":\"ETHUSDT\","
           "\"t\":1}}");
    ingest_pass(rig->ingest);
    assert_int_equal(rig->slot_words[0].malformed, 1);
    assert_int_equal(rig->slot_words[0].ignored, 1);
    assert_int_equal(rig->slot_words[0].frames, 2);
    assert_true(rig->to_judge.head == rig->to_judge.tail);
}

/* ---- what we say ----------------------------------------------------------------------------- */

#define START_NS (1000 * NS_PER_S)

/* A slot of line `line` on the fake connection, under our own clock. */
static struct ingest_slot slot_of(uint32_t line)
{
    struct ingest_slot slot = {.line = &rig->plan->lines[line],
                               .words = &rig->slot_words[line],
                               .to_judge = &rig->to_judge,
                               .to_control = &rig->to_control,
                               .totals = &rig->words.ingest,
                               .ping_interval_ns = 20 * NS_PER_S,
                               .request_spacing_ns = 400 * NS_PER_MS};
    slot.codec = (struct codec){
        .venue = slot.line->venue, .names = rig->names, .user_stream = EVENT_NO_STREAM};
    slot.text_ping_idle_ns = venue_facts(slot.line->venue)->text_ping_idle_ns;
    slot_adopt(&slot, &rig->peer, 1, START_NS);
    return slot;
}

static bool hear(struct ingest_slot *slot, const char *text, uint64_t at_ns)
{
    const struct websocket_message message = text_message(text);
    return slot_on_message(slot, &message, at_ns);
}

static bool hear_pong(struct ingest_slot *slot, uint64_t stamp_ns, uint64_t at_ns)
{
    const struct websocket_message pong = {.bytes = (const uint8_t *)&stamp_ns,
                                           .size_bytes = sizeof(stamp_ns),
                                           .opcode = WEBSOCKET_PONG};
    return slot_on_message(slot, &pong, at_ns);
}

static void the_inventory_is_asked_for_after_the_last_answer_and_once(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    assert_true(slot_speak(&slot, START_NS));
    assert_int_equal(rig->peer.sent_count, 1);
    assert_non_null(strstr(rig->peer.sent[0], "btcusdt@depth@100ms"));
    assert_true(slot_speak(&slot, START_NS + 399 * NS_PER_MS)); /* paced, and not yet answered */
    assert_int_equal(rig->peer.sent_count, 1);
    assert_true(hear(&slot, ACK, START_NS + 399 * NS_PER_MS));
    assert_true(slot_speak(&slot, START_NS + 400 * NS_PER_MS));
    assert_int_equal(rig->peer.sent_count, 2);
    assert_non_null(strstr(rig->peer.sent[1], "LIST_SUBSCRIPTIONS"));
    assert_true(slot_speak(&slot, START_NS + 9 * NS_PER_S));
    assert_int_equal(rig->peer.sent_count, 2);
}

static void the_inventory_is_asked_for_even_if_no_answer_comes(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    for (uint64_t at = START_NS; at < START_NS + 4 * NS_PER_S; at += 100 * NS_PER_MS) {
        assert_true(slot_speak(&slot, at));
    }
    assert_int_equal(rig->peer.sent_count, 2);
}

static void a_missing_pong_ends_the_connection_after_its_time(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    const uint64_t pinged = START_NS + SLOT_FIRST_PING_NS;
    assert_true(slot_speak(&slot, pinged));
    assert_int_equal(rig->peer.pings, 1);
    assert_true(slot_speak(&slot, pinged + SLOT_PONG_WAIT_NS - 1));
    assert_false(slot_speak(&slot, pinged + SLOT_PONG_WAIT_NS));
    assert_int_equal(rig->peer.report.how, LINK_END_TIMEOUT);
}

static void a_pong_in_time_gives_its_round_trip_and_the_next_ping_is_an_interval_away(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    const uint64_t pinged = START_NS + SLOT_FIRST_PING_NS;
    assert_true(slot_speak(&slot, pinged));
    assert_true(hear_pong(&slot, pinged, pinged + 7));
    const struct event pong = pop();
    assert_int_equal(pong.kind, EVENT_PONG);
    assert_int_equal(pong.note.value, 7);
    assert_true(slot_speak(&slot, pinged + 20 * NS_PER_S - 1));
    assert_int_equal(rig->peer.pings, 1);
    assert_true(slot_speak(&slot, pinged + 20 * NS_PER_S));
    assert_int_equal(rig->peer.pings, 2);
}

static void a_stall_gives_a_pong_under_way_its_time_again(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    assert_true(slot_speak(&slot, START_NS));
    const uint64_t pinged = START_NS + SLOT_FIRST_PING_NS;
    assert_true(slot_speak(&slot, pinged));
    slot_forgive(&slot, pinged + 11 * NS_PER_S); /* stopped for longer than a pong may take */
    assert_true(slot_speak(&slot, pinged + 11 * NS_PER_S));
    assert_false(slot_speak(&slot, pinged + 11 * NS_PER_S + SLOT_PONG_WAIT_NS));
}

static void a_pong_we_never_asked_for_proves_nothing(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    assert_true(hear_pong(&slot, START_NS + 99, START_NS + 7)); /* a stamp of the future */
    assert_true(hear_pong(&slot, 0, START_NS + 7));
    assert_true(rig->to_judge.head == rig->to_judge.tail);
}

static void okx_is_pinged_in_text_when_idle_and_condemned_without_an_answer(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(1);
    const uint64_t idle = slot.text_ping_idle_ns;
    const uint64_t heard = START_NS + 5 * NS_PER_S;
    assert_true(slot_speak(&slot, START_NS));
    assert_true(slot_speak(&slot, START_NS + slot.request_spacing_ns)); /* the status channel */
    const size_t requests = rig->peer.sent_count;
    assert_true(hear(&slot, "{\"event\":\"x\"}", heard));
    assert_true(slot_speak(&slot, heard + idle - 1));
    assert_int_equal(rig->peer.sent_count, requests);
    assert_true(slot_speak(&slot, heard + idle));
    assert_string_equal(rig->peer.sent[requests], "ping");
    assert_true(hear(&slot, "pong", heard + idle + 1));
    assert_true(slot_speak(&slot, heard + idle + SLOT_PONG_WAIT_NS));
    assert_true(slot_speak(&slot, heard + 2 * idle + 1));
    assert_false(slot_speak(&slot, heard + 2 * idle + 1 + SLOT_PONG_WAIT_NS));
    assert_int_equal(rig->peer.report.how, LINK_END_TIMEOUT);
}

static void a_goodbye_that_is_not_answered_ends_by_itself_as_ours(void **state)
{
    (void)state;
    struct ingest_slot slot = slot_of(0);
    slot_close(&slot, START_NS);
    slot_close(&slot, START_NS + 1); /* said once */
    assert_int_equal(rig->peer.closes, 1);
    assert_true(slot_speak(&slot, START_NS + SLOT_CLOSE_WAIT_NS - 1));
    assert_int_equal(rig->peer.sent_count, 0); /* no request behind a goodbye */
    assert_false(slot_speak(&slot, START_NS + SLOT_CLOSE_WAIT_NS));
    assert_int_equal(rig->peer.report.how, LINK_END_LOCAL);
}

/* It is no stream: it must not pass for the first data of a connection, nor for an answer. */
static void the_status_channel_is_told_to_judge_and_control_and_is_no_data(void **state)
{
    (void)state;
    struct event copy;
    struct ingest_slot slot = slot_of(1);
    assert_true(hear(&slot,
                     "{\"event\":\"subscribe\",\"arg\":{\"channel\":\"status\"},\"connId\":\"1\"}",
                     START_NS));
    assert_true(hear(&slot,
                     "{\"arg\":{\"channel\":\"status\"},\"data\":[{\"begin\":\"1\","
                     "\"serviceType\":\"0\",\"state\":\"ongoing\",\"system\":\"unified\"}]}",
                     START_NS + 1));
    assert_int_equal(pop().kind, EVENT_VENUE_STATUS);
    assert_true(rig->to_judge.head == rig->to_judge.tail);
    assert_int_equal(ring_pop(&rig->to_control, &copy, 1), 1);
    assert_int_equal(copy.kind, EVENT_VENUE_STATUS);
    assert_int_equal(copy.note.code, STATUS_UNDER_WAY);
    assert_int_equal(slot.words->epoch_data, 0);
    assert_int_equal(slot.words->data, 0);
    assert_int_equal(slot.acks_seen, 0);
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_slot_without_a_socket_is_drained_by_definition),
        RIGGED(a_new_connection_is_up_before_its_data_and_drained_after_both),
        RIGGED(a_socket_that_spent_its_budget_is_not_drained_until_it_is_empty),
        RIGGED(a_full_ring_stops_the_reading_and_drops_nothing),
        RIGGED(an_end_is_told_to_the_judge_and_the_connection_given_back),
        RIGGED(the_end_of_a_retiring_connection_is_planned_whoever_ends_it),
        RIGGED(a_connection_kept_after_all_ends_as_it_ends),
        RIGGED(an_end_that_finds_the_ring_full_waits_and_holds_the_watermark),
        RIGGED(our_own_stall_is_told_before_anything_read_after_it),
        RIGGED(a_stall_in_the_middle_of_a_pass_is_told_before_what_was_read_after_it),
        RIGGED(an_end_found_after_a_stall_in_the_middle_of_a_pass_comes_after_it),
        RIGGED(a_stall_that_finds_the_ring_full_stops_all_reading),
        RIGGED(a_notice_is_copied_to_control),
        RIGGED(the_status_channel_is_told_to_judge_and_control_and_is_no_data),
        RIGGED(a_busy_control_loses_a_copy_and_the_loss_is_counted),
        RIGGED(malformed_and_foreign_frames_are_counted_and_tell_the_judge_nothing),
        RIGGED(the_inventory_is_asked_for_after_the_last_answer_and_once),
        RIGGED(the_inventory_is_asked_for_even_if_no_answer_comes),
        RIGGED(a_missing_pong_ends_the_connection_after_its_time),
        RIGGED(a_pong_in_time_gives_its_round_trip_and_the_next_ping_is_an_interval_away),
        RIGGED(a_stall_gives_a_pong_under_way_its_time_again),
        RIGGED(a_pong_we_never_asked_for_proves_nothing),
        RIGGED(okx_is_pinged_in_text_when_idle_and_condemned_without_an_answer),
        RIGGED(a_goodbye_that_is_not_answered_ends_by_itself_as_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
