/* SPDX-License-Identifier: MIT */
#include "tools/score_witness.h"

#include "core/base.h"

#include <errno.h>
#include <stdlib.h>

/* As in sentinel/control_witness.c. */
#define LOOK_EVERY_NS   (50 * NS_PER_MS)
#define PAUSE_LEAST_NS  NS_PER_S
#define PAUSE_MOST_NS   (60 * NS_PER_S)
#define FORGET_AFTER_NS (5 * NS_PER_S)

#define ROUND_TRIP_NS (60 * NS_PER_MS) /* the venue looks in the middle of it */

/* The levels are others since then. */
struct change {
    uint64_t at_ns;
    uint64_t mark;
    uint64_t id; /* of the book */
};

struct witness_book {
    uint64_t streams;  /* bits */
    uint32_t told_of;  /* the stream that answers are for: depth where there is one */
    uint32_t shown_by; /* the stream that shows every change of the levels */
    uint64_t due_ns;
    uint64_t pause_ns;
    uint64_t suspect_ns; /* last look at which it was */
    uint64_t asked_at_lease;
    uint64_t sent_ns; /* 0: no answer is on its way */
    uint64_t mark;    /* of all that was read */
    struct event_data last;
    struct change *changes;
    uint32_t change_count;
    uint32_t change_room;
};

struct witness {
    const struct desk *desk;
    struct witness_book books[DESK_STREAMS_MAX];
    uint32_t book_count;
    uint64_t look_due_ns;
    uint64_t bar_from_ns;
    uint64_t bar_until_ns;
};

/* ---- books ----------------------------------------------------------------------------------- */

static bool is_depth(const struct stream_traits *traits)
{
    return traits->chain != CHAIN_NONE;
}

static void book_add_stream(struct witness *witness, uint32_t stream)
{
    const struct desk *desk = witness->desk;
    const struct stream_traits *traits = &desk->traits[stream];
    if (traits->stream_class != FLATLINE_CLASS_BOOK || traits->key != KEY_ID) {
        return;
    }
    uint32_t at = 0;
    while (at < witness->book_count &&
           desk->symbols[witness->books[at].told_of] != desk->symbols[stream]) {
        at++;
    }
    struct witness_book *book = &witness->books[at];
    if (at == witness->book_count) {
        witness->book_count++;
        *book = (struct witness_book){
            .told_of = stream, .shown_by = stream, .pause_ns = PAUSE_LEAST_NS, .mark = 1};
    }
    book->streams |= 1ULL << stream;
    book->told_of = is_depth(traits) ? stream : book->told_of;
    book->shown_by = is_depth(traits) ? book->shown_by : stream;
}

struct witness *witness_create(const struct desk *desk, uint64_t from_ns)
{
    struct witness *witness = calloc(1, sizeof(*witness));
    if (witness != NULL) {
        witness->desk = desk;
        witness->look_due_ns = from_ns;
        for (uint32_t i = 0; i < desk->stream_count; i++) {
            book_add_stream(witness, i);
        }
    }
    return witness;
}

void witness_destroy(struct witness *witness)
{
    if (witness != NULL) {
        for (uint32_t i = 0; i < witness->book_count; i++) {
            free(witness->books[i].changes);
        }
        free(witness);
    }
}

/* A best price tells whether it is another one; increments are there only where something is. */
static bool has_changed(const struct witness_book *book, const struct event *event)
{
    const struct event_data *now = &event->data;
    const struct event_data *last = &book->last;
    if ((event->flags & (EVENT_SNAPSHOT | EVENT_EMPTY)) != 0 || now->id <= last->id) {
        return false; /* nothing new, or a twin's */
    }
    return now->bid_e8 == 0 || book->shown_by == book->told_of || now->bid_e8 != last->bid_e8 ||
           now->ask_e8 != last->ask_e8 || now->bid_size != last->bid_size ||
           now->ask_size != last->ask_size;
}

static int change_add(struct witness_book *book, uint64_t at_ns, uint64_t id)
{
    if (book->change_count == book->change_room) {
        const uint32_t room = book->change_room * 2U + 64U;
        struct change *grown = realloc(book->changes, room * sizeof(*grown));
        if (grown == NULL) {
            return -ENOMEM;
        }
        book->changes = grown;
        book->change_room = room;
    }
    book->changes[book->change_count++] = (struct change){at_ns, ++book->mark, id};
    return 0;
}

int witness_read(struct witness *witness, const struct tape *tape)
{
    for (uint32_t i = 0; i < witness->book_count; i++) {
        struct witness_book *book = &witness->books[i];
        if (book->change_count > 0) { /* the newest stands, for what is asked at once */
            book->changes[0] = book->changes[book->change_count - 1U];
            book->change_count = 1;
        }
        for (uint32_t k = 0; k < tape->count; k++) {
            const struct event *event = &tape->events[k];
            if (event->kind != EVENT_DATA || event->stream != book->shown_by ||
                !has_changed(book, event)) {
                continue;
            }
            book->last = event->data;
            if (change_add(book, event->recv_mono_ns, event->data.id) != 0) {
                return -ENOMEM;
            }
        }
    }
    return 0;
}

static struct change change_at(const struct witness_book *book, uint64_t at_ns)
{
    struct change change = {.mark = 1};
    for (uint32_t i = 0; i < book->change_count && book->changes[i].at_ns <= at_ns; i++) {
        change = book->changes[i];
    }
    return change;
}

/* ---- asking ---------------------------------------------------------------------------------- */

void witness_bar(struct witness *witness, uint64_t from_ns, uint64_t until_ns)
{
    witness->bar_from_ns = from_ns;
    witness->bar_until_ns = until_ns;
}

static bool is_suspect(const struct witness *witness,
                       const struct witness_book *book,
                       const struct stage *stage,
                       uint64_t *ret_lease)
{
    bool lapses = true;
    *ret_lease = 0;
    for (uint32_t i = 0; i < witness->desk->stream_count; i++) {
        if ((book->streams >> i & 1U) != 0) {
            const uint64_t lease = detector_stream(stage->detector, i)->lease_until_ns;
            lapses &= lease < stage->clock_ns + witness->desk->traits[i].stale_after_ns / 2U;
            *ret_lease = lease > *ret_lease ? lease : *ret_lease;
        }
    }
    return lapses;
}

static void book_look(struct witness_book *book, uint64_t now_ns, bool suspect, uint64_t lease)
{
    if (suspect) {
        book->suspect_ns = now_ns;
        if (now_ns >= book->due_ns && book->sent_ns == 0) {
            const bool has_moved = lease != book->asked_at_lease;
            book->pause_ns = has_moved ? PAUSE_LEAST_NS : book->pause_ns * 2U;
            book->pause_ns = book->pause_ns < PAUSE_MOST_NS ? book->pause_ns : PAUSE_MOST_NS;
            book->asked_at_lease = lease;
            book->due_ns = now_ns + book->pause_ns;
            book->sent_ns = now_ns;
        }
    }
    if (now_ns > book->suspect_ns + FORGET_AFTER_NS) {
        book->due_ns = 0;
        book->pause_ns = PAUSE_LEAST_NS;
    }
}

static int answer_bring(struct witness_book *book, struct stage *stage)
{
    const struct change change = change_at(book, book->sent_ns + ROUND_TRIP_NS / 2);
    const struct event told = {
        .recv_mono_ns = stage->clock_ns,
        .stream = book->told_of,
        .connection = EVENT_NO_CONNECTION,
        .kind = EVENT_REST_BOOK,
        .rest = {.id = change.id, .sent_mono_ns = book->sent_ns, .levels = change.mark}};
    book->sent_ns = 0;
    return stage_apply(stage, &told);
}

uint64_t witness_due_ns(const struct witness *witness)
{
    uint64_t due_ns = witness->look_due_ns;
    for (uint32_t i = 0; i < witness->book_count; i++) {
        const uint64_t sent_ns = witness->books[i].sent_ns;
        due_ns =
            sent_ns != 0 && sent_ns + ROUND_TRIP_NS < due_ns ? sent_ns + ROUND_TRIP_NS : due_ns;
    }
    return due_ns;
}

int witness_step(struct witness *witness, struct stage *stage)
{
    const uint64_t now_ns = stage->clock_ns;
    const bool is_barred = now_ns >= witness->bar_from_ns && now_ns < witness->bar_until_ns;
    const bool looks = now_ns >= witness->look_due_ns;
    int status = 0;
    for (uint32_t i = 0; i < witness->book_count && status == 0; i++) {
        struct witness_book *book = &witness->books[i];
        if (is_barred) {
            book->sent_ns = 0;
            continue;
        }
        if (book->sent_ns != 0 && book->sent_ns + ROUND_TRIP_NS <= now_ns) {
            status = answer_bring(book, stage);
        }
        uint64_t lease;
        if (looks) {
            const bool suspect = is_suspect(witness, book, stage, &lease);
            book_look(book, now_ns, suspect, lease);
        }
    }
    witness->look_due_ns = looks ? now_ns + LOOK_EVERY_NS : witness->look_due_ns;
    return status;
}
