/* SPDX-License-Identifier: MIT */
#include "sentinel/judge.h"

#include "core/clock.h"
#include "core/hist.h"
#include "sentinel/judge_advice.h"
#include "sentinel/thread.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_EVENTS     64U
#define TICKS_MAX        256U /* of one pass, DETECTOR_TICK_MAX verdicts each; the rest follow */
#define ERRORS_MAX       8U   /* texts of one pass */
#define HOUSE_EVERY_NS   NS_PER_MS         /* watermarks, beat, suspend */
#define LINES_EVERY_NS   (10U * NS_PER_MS) /* connection lines and counters, for people */
#define SLEEP_MAX_NS     (10U * NS_PER_MS)
#define ARM_AHEAD_NS     (25U * NS_PER_MS)
#define SUSPEND_LEAST_NS (10U * NS_PER_MS)
#define SUSPEND_SAMPLES  8

struct mark_copy {
    uint64_t epoch;
    uint64_t drained_mono_ns;
    bool known;
};

struct judge {
    struct judge_setup setup;
    struct judge_advice advice;
    bool spins;
    struct mark_copy *marks; /* of this pass, by slot */
    struct flatline_histogram **interarrival;
    struct flatline_histogram **lag;
    struct flatline_histogram **round_trip;
    struct flatline_histogram **behind; /* its twin */
    struct event batch[BATCH_EVENTS];
    uint64_t last_pass_ns;
    /* ingest's pass that the watermarks we last loaded are at least as new as */
    uint64_t seen_pass_ns;
    uint64_t house_due_ns;
    uint64_t lines_due_ns;
    uint64_t published_deadline_ns;
    uint64_t armed_for_ns;
    uint64_t due_ids_ns; /* when the next id becomes due */
    uint64_t suspended_ns;
    uint32_t next_silence; /* to be handed to control */
    struct thread_meter meter;
};

#define COUNTER_NAME(name, word)    #name,
#define DETECTOR_COUNTER_NAME(name) "detector_" #name,
static const char *const COUNTER_NAMES[] = {JUDGE_COUNTERS(COUNTER_NAME)
                                                JUDGE_DETECTOR_COUNTERS(DETECTOR_COUNTER_NAME)};

const char *const *judge_counter_names(uint32_t *ret_count)
{
    *ret_count = (uint32_t)ARRAY_COUNT(COUNTER_NAMES);
    return COUNTER_NAMES;
}

/* A preemption between its two readings makes the difference smaller, never larger: the largest
 * of a few is the true one. */
static uint64_t suspended_now(void)
{
    uint64_t largest = 0;
    for (int i = 0; i < SUSPEND_SAMPLES; i++) {
        const uint64_t sample = clock_suspended_ns();
        largest = sample > largest ? sample : largest;
    }
    return largest;
}

int judge_create(const struct judge_setup *setup, struct judge **ret_judge)
{
    const uint32_t streams = setup->config->stream_count;
    const uint32_t slots = setup->words->slot_count;
    struct judge *judge = calloc(1, sizeof(*judge));
    if (judge == NULL) {
        return -ENOMEM;
    }
    judge->setup = *setup;
    judge_advice_init(&judge->advice, setup);
    judge->spins = setup->config->wait == THREAD_SPIN;
    judge->marks = calloc(slots + 1U, sizeof(*judge->marks));
    judge->interarrival = calloc(streams + 1U, sizeof(struct flatline_histogram *));
    judge->lag = calloc(streams + 1U, sizeof(struct flatline_histogram *));
    judge->round_trip = calloc(slots + 1U, sizeof(struct flatline_histogram *));
    judge->behind = calloc(slots + 1U, sizeof(struct flatline_histogram *));
    if (judge->marks == NULL || judge->interarrival == NULL || judge->lag == NULL ||
        judge->round_trip == NULL || judge->behind == NULL) {
        judge_destroy(judge);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < streams; i++) {
        judge->interarrival[i] = publisher_stream_histogram(setup->publisher, i, 0);
        judge->lag[i] = publisher_stream_histogram(setup->publisher, i, 1);
    }
    for (uint32_t i = 0; i < slots; i++) {
        judge->round_trip[i] = publisher_connection_histogram(setup->publisher, i, 0);
        judge->behind[i] = publisher_connection_histogram(setup->publisher, i, 1);
    }
    judge->suspended_ns = suspended_now();
    judge->published_deadline_ns = DETECTOR_NEVER;
    *ret_judge = judge;
    return 0;
}

void judge_destroy(struct judge *judge)
{
    if (judge == NULL) {
        return;
    }
    free(judge->marks);
    free(judge->interarrival);
    free(judge->lag);
    free(judge->round_trip);
    free(judge->behind);
    free(judge);
}

static void findings_publish(struct judge *judge)
{
    struct finding finding;
    while (detector_take(judge->setup.detector, &finding)) { /* bounded: by the outbox */
        publisher_finding(judge->setup.publisher, &finding, clock_mono_ns());
    }
}

/* What changed besides the lease of the frame just applied: details, and leases revoked,
 * reopened or extended by other news. */
static void changes_publish(struct judge *judge)
{
    uint32_t stream = detector_next_changed(judge->setup.detector);
    while (stream != EVENT_NO_STREAM) { /* bounded: each change is reported once */
        const struct stream_view *view = detector_stream(judge->setup.detector, stream);
        publisher_lease(judge->setup.publisher, stream, view);
        publisher_detail(judge->setup.publisher, stream, view);
        stream = detector_next_changed(judge->setup.detector);
    }
}

static void sample_record(struct judge *judge, uint32_t stream, uint16_t connection)
{
    const struct detector_sample sample = detector_last_sample(judge->setup.detector);
    if (sample.has_interarrival && judge->interarrival[stream] != NULL) {
        hist_record(judge->interarrival[stream], sample.interarrival_ns);
    }
    if (sample.has_lag && judge->lag[stream] != NULL) {
        hist_record(judge->lag[stream], sample.excess_lag_ns);
    }
    if (sample.has_behind && judge->behind[connection] != NULL) {
        hist_record(judge->behind[connection], sample.behind_ns);
    }
}

/* One event, whole: state, lease, findings, histograms, in the order of their urgency. */
static void event_apply(struct judge *judge, const struct event *event)
{
    struct detector *detector = judge->setup.detector;
    detector_apply(detector, event);
    if (event->kind == EVENT_DATA && event->stream < judge->setup.config->stream_count) {
        publisher_lease(
            judge->setup.publisher, event->stream, detector_stream(detector, event->stream));
        sample_record(judge, event->stream, event->connection);
    } else if (event->kind == EVENT_PONG && event->connection < judge->setup.words->slot_count) {
        if (judge->round_trip[event->connection] != NULL) {
            hist_record(judge->round_trip[event->connection], event->note.value);
        }
    } else {
        changes_publish(judge); /* a DOWN or a dead key must not wait for the end of the batch */
    }
    findings_publish(judge);
}

/* Everything that was in a ring when we came. Bounded: by the ring's capacity. */
static uint64_t ring_drain(struct judge *judge, struct ring *ring)
{
    /* ORDER ring.publish, acquire: what ingest pushed before the watermarks we hold lies before
     * this head. */
    const uint64_t target = load_acquire(&ring->head);
    const uint64_t start = load_relaxed(&ring->tail);
    for (uint64_t left = target - start; left > 0;) {
        const size_t most = left < BATCH_EVENTS ? (size_t)left : BATCH_EVENTS;
        const size_t count = ring_pop(ring, judge->batch, most);
        for (size_t i = 0; i < count; i++) {
            event_apply(judge, &judge->batch[i]);
        }
        left -= count;
    }
    return target - start;
}

static uint64_t rings_drain(struct judge *judge)
{
    uint64_t count =
        ring_drain(judge, judge->setup.from_control) + ring_drain(judge, judge->setup.from_ingest);
    if (judge->setup.from_engines != NULL) {
        count += ring_drain(judge, judge->setup.from_engines);
    }
    if (judge->setup.from_sockets != NULL) {
        count += ring_drain(judge, judge->setup.from_sockets);
    }
    if (count > 0) {
        changes_publish(judge);
        count_relaxed(&judge->setup.words->judge.events, count);
    }
    return count;
}

static void marks_load(struct judge *judge)
{
    const struct words *words = judge->setup.words;
    judge->seen_pass_ns = load_acquire(
        &words->ingest.pass_mono_ns); /* ORDER ingest.pass, acquire: before the marks */
    for (uint32_t i = 0; i < words->slot_count; i++) {
        struct mark_copy *mark = &judge->marks[i];
        mark->known = watermark_load(&words->watermarks[i], &mark->epoch, &mark->drained_mono_ns);
    }
}

/* Watermarks first, then the rings, then the verdicts: the order is the rule. */
static void verdicts_pass(struct judge *judge, uint64_t now_mono_ns)
{
    struct detector *detector = judge->setup.detector;
    marks_load(judge);
    (void)rings_drain(judge);
    for (uint32_t i = 0; i < judge->setup.words->slot_count; i++) {
        const struct mark_copy *mark = &judge->marks[i];
        if (mark->known && mark->drained_mono_ns != 0) {
            detector_watermark(detector, i, (uint16_t)mark->epoch, mark->drained_mono_ns);
        }
    }
    /* Nor beyond ingest's pass: a slot without a socket is drained by definition, but only as
     * far as ingest has looked - it may have taken over a new connection since, whose UP we
     * have not seen. */
    const uint64_t limit = now_mono_ns < judge->seen_pass_ns ? now_mono_ns : judge->seen_pass_ns;
    bool more = true;
    for (uint32_t i = 0; i < TICKS_MAX && more; i++) {
        more = detector_tick(detector, limit);
        changes_publish(judge);
        findings_publish(judge);
    }
}

static void
self_event(struct judge *judge, enum event_kind kind, uint64_t now_mono_ns, uint64_t value)
{
    const struct event event = {.recv_mono_ns = now_mono_ns,
                                .stream = EVENT_NO_STREAM,
                                .connection = EVENT_NO_CONNECTION,
                                .kind = (uint8_t)kind,
                                .note = {.code = 1, .value = value}};
    event_apply(judge, &event);
    changes_publish(judge);
}

/* CLOCK_MONOTONIC stands still while the machine sleeps, so no gap betrays it; only this
 * difference does. */
static void suspend_check(struct judge *judge, uint64_t now_mono_ns)
{
    const uint64_t suspended = clock_suspended_ns();
    if (suspended > judge->suspended_ns + SUSPEND_LEAST_NS) {
        self_event(judge, EVENT_CLOCK_SUSPENDED, now_mono_ns, suspended - judge->suspended_ns);
        judge->suspended_ns = suspended;
    }
}

static uint64_t slot_state(const struct words *words, uint32_t slot)
{
    const uint64_t dialling = load_relaxed(&words->dials[slot].state);
    if (load_relaxed(&words->slots[slot].open) == 0) {
        return dialling;
    }
    return dialling == FLATLINE_CONNECTION_DRAINING ? dialling : FLATLINE_CONNECTION_UP;
}

/* For people: copies ingest's and control's words into the segment. Relaxed throughout: each
 * word is meaningful by itself. */
static void lines_publish(struct judge *judge)
{
    const struct words *words = judge->setup.words;
    for (uint32_t i = 0; i < words->slot_count; i++) {
        const struct slot_words *from = &words->slots[i];
        struct flatline_connection *to = publisher_connection(judge->setup.publisher, i);
        store_relaxed(&to->state, slot_state(words, i));
        store_relaxed(&to->epoch, load_relaxed(&words->watermarks[i].epoch));
        store_relaxed(&to->up_since_mono_ns, load_relaxed(&from->up_since_mono_ns));
        store_relaxed(&to->watermark_mono_ns, load_relaxed(&words->watermarks[i].drained_mono_ns));
        store_relaxed(&to->frames, load_relaxed(&from->frames));
        store_relaxed(&to->bytes, load_relaxed(&from->bytes));
        store_relaxed(&to->data, load_relaxed(&from->data));
        store_relaxed(&to->control, load_relaxed(&from->control));
        store_relaxed(&to->ignored, load_relaxed(&from->ignored));
        store_relaxed(&to->malformed, load_relaxed(&from->malformed));
        store_relaxed(&to->pings, load_relaxed(&from->pings));
        store_relaxed(&to->pongs, load_relaxed(&from->pongs));
        store_relaxed(&to->last_rtt_ns, load_relaxed(&from->last_rtt_ns));
        store_relaxed(&to->connects, load_relaxed(&words->dials[i].connects));
        store_relaxed(&to->partial_bytes, load_relaxed(&from->partial_bytes));
        store_relaxed(&to->budget_hits, load_relaxed(&from->budget_hits));
    }
}

static void counters_publish(struct judge *judge)
{
    const struct words *words = judge->setup.words;
    const struct detector_totals totals = detector_totals(judge->setup.detector);
    struct publisher *publisher = judge->setup.publisher;
    uint32_t index = 0;
#define COUNTER_PUBLISH(name, word) publisher_counter(publisher, index++, load_relaxed(&(word)));
#define TOTAL_PUBLISH(name)         publisher_counter(publisher, index++, totals.name);
    JUDGE_COUNTERS(COUNTER_PUBLISH)
    JUDGE_DETECTOR_COUNTERS(TOTAL_PUBLISH)
    publisher_flags(publisher,
                    (judge->spins ? 1U : 0U) | (totals.unanchored_venues != 0 ? 2U : 0U));
}

static void errors_publish(struct judge *judge, uint64_t now_mono_ns)
{
    char text[TEXT_QUEUE_BYTES];
    for (uint32_t i = 0; i < ERRORS_MAX && text_queue_take(judge->setup.errors, text, sizeof(text));
         i++) {
        publisher_error(judge->setup.publisher, text, now_mono_ns);
    }
}

/* One stream's or connection's, the next one's turn. What finds no room is offered again. */
static void silence_hand_over(struct judge *judge)
{
    struct silence_queue *queue = judge->setup.silences;
    const uint32_t count = detector_silence_count(judge->setup.detector);
    if (queue == NULL || count == 0) {
        return;
    }
    const struct silence_tail *tail = detector_silence(judge->setup.detector, judge->next_silence);
    if (tail == NULL || silence_queue_push(queue, judge->next_silence, tail)) {
        judge->next_silence = (judge->next_silence + 1U) % count;
    }
}

static void house_keep(struct judge *judge, uint64_t now_mono_ns)
{
    struct words *words = judge->setup.words;
    judge->house_due_ns = now_mono_ns + HOUSE_EVERY_NS;
    suspend_check(judge, now_mono_ns);
    const uint64_t ingest_beat = load_acquire(&words->ingest.pass_mono_ns);
    /* ORDER takeover.marked, acquire: the successor's file stands under our name. */
    if (load_acquire(&words->control.superseded) == 0) {
        publisher_beat(
            judge->setup.publisher, now_mono_ns, ingest_beat, judge->setup.config->alive_for_ns);
    } else {
        publisher_supersede(judge->setup.publisher);
    }
    store_release(&words->judge.beat_mono_ns, now_mono_ns); /* pairs with flatline_beats() */
    store_relaxed(&words->judge.allocated_bytes, thread_meter_bytes(&judge->meter));
    if (now_mono_ns >= judge->lines_due_ns) {
        judge->lines_due_ns = now_mono_ns + LINES_EVERY_NS;
        errors_publish(judge, now_mono_ns);
        lines_publish(judge);
        counters_publish(judge);
        silence_hand_over(judge);
    }
}

/* A verdict needs an ingest pass behind its deadline, so a sleeping ingest must wake at it. The
 * judge sets the timer, because only it knows in time: had ingest to look, it would go back to
 * sleep before the judge, just woken by it, has found the next one. Deadlines far away wait:
 * the judge wakes every SLEEP_MAX_NS anyway. */
static void deadline_publish(struct judge *judge, uint64_t now_mono_ns)
{
    const uint64_t next = detector_next_deadline(judge->setup.detector);
    if (next != judge->published_deadline_ns) {
        judge->published_deadline_ns = next;
        /* ORDER judge.deadline, release: pairs with ingest's acquire in pass_publish(). */
        store_release(&judge->setup.words->judge.next_deadline_mono_ns, next);
    }
    if (!judge->spins && next != judge->armed_for_ns && next < now_mono_ns + ARM_AHEAD_NS &&
        judge->setup.arm != NULL) {
        judge->armed_for_ns = next;
        judge->setup.arm(judge->setup.arm_user, next);
        count_relaxed(&judge->setup.words->judge.timer_arms, 1);
    }
}

bool judge_pass(struct judge *judge, uint64_t now_mono_ns)
{
    const uint64_t before = judge->last_pass_ns;
    judge->last_pass_ns = now_mono_ns;
    /* First: what stood before we came is published before our first beat. */
    const bool advised = judge_advice_take(&judge->advice, now_mono_ns);
    if (advised) {
        /* ORDER advice.published, release: the gates' lines come first. */
        store_release(&judge->setup.words->judge.advised,
                      load_relaxed(&judge->setup.advice->tail)); /* relaxed: we alone store it */
    }
    /* Before the rings: what engines say is held against what is due by now. */
    judge->due_ids_ns = detector_due_ids(judge->setup.detector, now_mono_ns);
    changes_publish(judge);
    const bool worked = rings_drain(judge) > 0 || advised;
    if (before != 0 && now_mono_ns - before > judge->setup.config->self_stall_after_ns) {
        /* After the drain: what lay in the ring is older than the end of our absence. */
        count_relaxed(&judge->setup.words->judge.stalls, 1);
        self_event(judge, EVENT_SELF_STALL, now_mono_ns, before);
    }
    if (now_mono_ns >= judge->house_due_ns || now_mono_ns >= judge->published_deadline_ns) {
        verdicts_pass(judge, now_mono_ns);
    }
    if (now_mono_ns >= judge->house_due_ns) {
        house_keep(judge, now_mono_ns);
    }
    deadline_publish(judge, now_mono_ns);
    count_relaxed(&judge->setup.words->judge.passes, 1);
    return worked;
}

static bool ring_waits(const struct ring *ring)
{
    return load_acquire(&ring->head) != load_relaxed(&ring->tail);
}

/* Sleeps until ingest or control leaves work, or ingest has passed our deadline. */
static void judge_sleep(struct judge *judge)
{
    struct words *words = judge->setup.words;
    wakeup_announce(&words->judge.asleep);
    /* ORDER ingest.pass, acquire: pairs with the release in pass_publish(). */
    const uint64_t pass = load_acquire(&words->ingest.pass_mono_ns);
    const bool due = pass >= judge->published_deadline_ns && pass != judge->seen_pass_ns;
    if (due || ring_waits(judge->setup.from_ingest) || ring_waits(judge->setup.from_control) ||
        (judge->setup.from_engines != NULL && ring_waits(judge->setup.from_engines)) ||
        (judge->setup.from_sockets != NULL && ring_waits(judge->setup.from_sockets)) ||
        judge_advice_waits(&judge->advice) || load_relaxed(&words->stop) != 0) {
        wakeup_cancel(&words->judge.asleep);
        return;
    }
    /* No ingest wakes for an id that becomes due: the judge does, by itself. */
    const uint64_t now = clock_mono_ns();
    const uint64_t left = judge->due_ids_ns > now ? judge->due_ids_ns - now : 1;
    wakeup_sleep(&words->judge.asleep, left < SLEEP_MAX_NS ? left : SLEEP_MAX_NS);
}

void *judge_run(void *user)
{
    struct judge *judge = user;
    judge->meter = thread_meter_begin();
    while (load_acquire(&judge->setup.words->stop) ==
           0) { /* acquire: pairs with flatline_stop()'s release */
        const bool worked = judge_pass(judge, clock_mono_ns());
        if (judge->spins) {
            cpu_pause();
        } else if (!worked) {
            judge_sleep(judge);
        }
    }
    return NULL;
}
