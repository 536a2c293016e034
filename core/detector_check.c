/* SPDX-License-Identifier: MIT
 *
 * detector_check.c - whether the channels of a book count in the same ids, where the venue does not say
 * so. Debts are opened, waited for and judged as anywhere (detector_debt.c, detector_mute.c), but tell
 * nobody until the check of their stream has been passed, and withdraw it where they contradict it.
 * Rules: docs/DETECTOR.md, "Debt"; why: decision 37.
 */
#include "core/detector_check.h"

#define SLOW_NS  NS_PER_S         /* what comes so long after its deadline is no late answer */
#define FRESH_NS (50 * NS_PER_MS) /* of a frame that is late itself, ids prove nothing */
/* a frame may have been made before what another, quicker channel showed so long before */
#define UNDER_WAY_NS (50 * NS_PER_MS)

static bool is_live(const struct stream *stream)
{
    return stream->id_check.state == FLATLINE_DEBT_CHECKING ||
           stream->id_check.state == FLATLINE_DEBT_ON;
}

static void check_publish(struct detector *detector, struct stream *stream)
{
    stream->view.book_debt = stream->id_check.state;
    stream->view.book_debt_waits = stream->id_check.waits;
    stream_changed(detector, stream);
}

void check_stream_added(struct stream *stream)
{
    if (stream->traits.owes_unconfirmed && stream->traits.owes != OWES_NOTHING) {
        id_check_begin(&stream->id_check);
        stream->view.book_debt = stream->id_check.state;
    }
}

static void legs_ask(struct detector *detector, const struct stream *stream, enum stream_owes owes)
{
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        detector->legs[at].owes = (uint8_t)owes;
        detector->legs[at].answers_until_ns = 0;
    }
}

/* Whoever was accused by these ids is accused no more. */
static void legs_forgive(struct detector *detector, const struct stream *stream, uint64_t at_ns)
{
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        debt_end(detector, &detector->legs[at], DEBT_BOOK, at_ns);
    }
}

static void check_fail(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    if (is_live(stream)) {
        id_check_fail(&stream->id_check);
        legs_ask(detector, stream, OWES_NOTHING);
        legs_forgive(detector, stream, at_ns);
        check_publish(detector, stream);
    }
}

static void
check_count(struct detector *detector, struct stream *stream, uint32_t *count, uint64_t at_ns)
{
    if (stream->id_check.state == FLATLINE_DEBT_CHECKING && stream->mode == SEQUENCE_BY_ID) {
        (void)id_check_count(&stream->id_check, count, at_ns);
        check_publish(detector, stream);
    }
}

/* A connection that carries it begins or ends a life: what failed is tried again. What was borne out
 * stays so, for it was said of the venue's ids, not of a connection's. */
void check_revive(struct detector *detector, struct stream *stream)
{
    if (stream->id_check.state == FLATLINE_DEBT_OFF) {
        id_check_begin(&stream->id_check);
        legs_ask(detector, stream, stream->traits.owes);
        check_publish(detector, stream);
    }
}

/* Ids of a book began anew, or went back: what was learned of them is void. */
void check_restart(struct detector *detector, uint32_t book, uint64_t at_ns)
{
    for (uint32_t at = detector->books[book].first_side; at != SIDE_NONE;
         at = detector->sides[at].next_of_book) {
        check_side_void(detector, &detector->sides[at]);
        for (uint32_t i = detector->sides[at].first_leg; i != LEG_NONE;
             i = detector->legs[i].next_of_side) {
            struct stream *stream = &detector->streams[detector->legs[i].stream];
            detector->legs[i].answers_until_ns = 0;
            if (is_live(stream) && stream->id_check.since_ns != 0) {
                id_check_begin(&stream->id_check);
                legs_forgive(detector, stream, at_ns);
                check_publish(detector, stream);
            }
        }
    }
}

/* ---- levels ---------------------------------------------------------------------------------- */

void check_side_void(struct detector *detector, struct side *side)
{
    best_row_restart(&side->bests);
    for (uint32_t at = side->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_side) {
        struct leg *leg = &detector->legs[at];
        if (leg->is_checked) {
            leg->best = (struct best){0};
        }
    }
}

/* Where it is not known what it agreed with, nothing is held against it, but its ids are tried. */
bool check_owes(const struct detector *detector, const struct leg *leg, const struct best *level)
{
    return best_is_known(&leg->best)
               ? !best_is_same(&leg->best, level)
               : detector->streams[leg->stream].id_check.state == FLATLINE_DEBT_CHECKING;
}

const struct frontier_mark *check_owed(const struct detector *detector, struct leg *leg)
{
    const struct best_row *bests = &detector->sides[leg->side].bests;
    uint32_t back = 0; /* so many are beyond */
    while (back < bests->kept && best_row_back(bests, back)->mark.key > leg->sequence.newest) {
        back++;
    }
    if (back < bests->kept) {
        leg->best = best_row_back(bests, back)->best;
    } else if (back == BESTS_KEPT) {
        leg->best = (struct best){0}; /* it has been forgotten */
    }
    const struct frontier_mark *owed = NULL;
    while (back > 0) {
        const struct best_seen *seen = best_row_back(bests, --back);
        if (!check_owes(detector, leg, &seen->best)) {
            owed = NULL;
        } else if (owed == NULL) {
            owed = &seen->mark;
        }
    }
    return owed;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool best_is_set(const struct best *best, const struct event_data *sets)
{
    return (sets->bid_size != 0 && sets->bid_size == best->bid_size &&
            sets->bid_e8 == best->bid_e8) ||
           (sets->ask_size != 0 && sets->ask_size == best->ask_size &&
            sets->ask_e8 == best->ask_e8);
}

/* An increment told to a leg that shows every change of the best level. One that sets what the leg
 * has shown as the best is a wait met at once; of one with the very id that the leg has shown, both
 * must tell the same, or their ids are not of one row. */
void check_hears(struct detector *detector, struct leg *leg, const struct arrival *a)
{
    struct stream *stream = &detector->streams[leg->stream];
    const struct event_data *sets = &a->event->data;
    const uint64_t key = a->leg->sequence.newest;
    if (leg->owes != OWES_BEST || leg->first_ns == 0 || key < leg->sequence.newest ||
        (a->event->flags & EVENT_SETS_LEVEL) == 0) {
        return;
    }
    const bool has_changed = best_has_changed(&leg->best, sets);
    const bool agrees = !has_changed && best_is_set(&leg->best, sets);
    if (agrees) {
        check_count(detector, stream, &stream->id_check.waits, a->recv_ns);
    }
    if (key == leg->sequence.newest && has_changed) {
        check_fail(detector, stream, a->recv_ns);
        check_fail(detector, a->stream, a->recv_ns);
    } else if (key == leg->sequence.newest && agrees) {
        check_count(detector, stream, &stream->id_check.agreed, a->recv_ns);
        check_count(detector, a->stream, &a->stream->id_check.agreed, a->recv_ns);
    }
}

/* A frame that is not late shows an id of before one that others showed long ago. */
static bool is_behind(const struct detector *detector, const struct arrival *a)
{
    const struct leg *leg = a->leg;
    const struct carrier *carrier = a->carrier;
    const struct frontier_mark *mark =
        frontier_beyond(&detector->sides[leg->side].frontier, leg->sequence.newest);
    if (LIKELY(mark == NULL) || a->timing != ENVELOPE_SAMPLE || a->excess_ns > FRESH_NS ||
        (a->verdict != SEQUENCE_NEXT && a->verdict != SEQUENCE_BROKEN)) {
        return false;
    }
    const uint64_t allowed_ns = debt_allowance_ns(detector, leg, DEBT_BOOK);
    const uint64_t from_ns =
        mark->seen_ns > carrier->debts_from_ns ? mark->seen_ns : carrier->debts_from_ns;
    if (a->recv_ns <= from_ns + allowed_ns) {
        return false;
    }
    const uint64_t lag_from_ns = from_ns > allowed_ns ? from_ns - allowed_ns : 0;
    return a->recv_ns > from_ns + allowed_ns + lag_window_worst(&carrier->lags, lag_from_ns);
}

/* It was found silent, and speaks. Did it only answer late? Not if something was lost meanwhile, which
 * shows as a hole in the chain or, where there is no chain, as news: what it owed never comes. Nor if its
 * connection has held it since before the deadline. */
static bool is_late_answer(const struct arrival *a, bool is_news)
{
    const uint64_t until_ns = a->leg->answers_until_ns;
    return a->recv_ns < until_ns && a->recv_ns + SLOW_NS > until_ns + a->carrier->excess_ns &&
           (a->stream->traits.chain == CHAIN_NONE ? !is_news : a->verdict == SEQUENCE_NEXT);
}

/* A leg under check comes forward: before what it owes is settled. */
void check_shows(struct detector *detector, const struct arrival *a, bool is_news)
{
    struct leg *leg = a->leg;
    struct stream *stream = a->stream;
    const struct debt *debt = &leg->debts[DEBT_BOOK];
    if (!is_live(stream)) {
        return;
    }
    const bool is_late = is_late_answer(a, is_news);
    leg->answers_until_ns = 0;
    if (is_late || is_behind(detector, a)) {
        check_fail(detector, stream, a->recv_ns);
    } else if (debt->since_ns != 0 && leg->sequence.newest >= debt->key &&
               a->recv_ns <= debt_due_ns(detector, leg, DEBT_BOOK)) {
        check_count(detector, stream, &stream->id_check.waits, a->recv_ns);
    }
}

/* Its deadline has come. Is it to be told? Not under check; and not where the leg itself has spoken since,
 * without what it is said to owe: a mute stream says nothing at all. So that was a frame under way, and
 * then the next id shown will do, or the ids do not agree. */
bool check_tells(struct detector *detector, struct leg *leg, uint64_t at_ns)
{
    struct stream *stream = &detector->streams[leg->stream];
    const uint64_t since_ns = leg->debts[DEBT_BOOK].since_ns;
    const bool has_spoken = leg->repeats == 0 && leg->last_recv_ns >= since_ns;
    if (!has_spoken && leg->answers_until_ns == 0) {
        leg->answers_until_ns = at_ns + SLOW_NS;
    }
    if (!has_spoken && stream->id_check.state == FLATLINE_DEBT_ON) {
        return true;
    }
    const uint64_t under_way_ns = UNDER_WAY_NS + debt_lag_ns(detector, leg, DEBT_BOOK);
    if (has_spoken && leg->owes == OWES_ID && leg->last_recv_ns > since_ns + under_way_ns) {
        check_fail(detector, stream, at_ns);
    } else {
        debt_end(detector, leg, DEBT_BOOK, at_ns);
    }
    return false;
}
