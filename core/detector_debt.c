/* SPDX-License-Identifier: MIT
 *
 * detector_debt.c - who owes an update. Once another channel of the book, or the twin, has shown an
 * id, a leg that has not reached it owes it; after its allowance it is mute. Rules:
 * docs/DETECTOR.md, "Debt".
 *
 * One connection delivers in order, so a late connection is no mute stream: its lag is added to
 * what a leg is allowed, and where it has delivered nothing at all lately, a leg is judged after its
 * next frame.
 */
#include "core/detector_calls.h"
#include "core/detector_check.h"

#define TWIN_TIME_NS  (100 * NS_PER_MS) /* times of one event may differ so much between twins */
#define TWIN_AFTER_NS (2 * NS_PER_S)    /* what comes at subscribe time comes far apart */
#define SPREAD_NS     (100 * NS_PER_MS) /* the same frame on two connections */
#define PAUSE_NS      (500 * NS_PER_MS) /* behind such a silence nothing is due at once */

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t leg_index(const struct detector *detector, const struct leg *leg)
{
    return (uint32_t)(leg - detector->legs);
}

void debt_due_set(struct detector *detector,
                  const struct leg *leg,
                  enum debt_kind kind,
                  uint64_t due_ns)
{
    deadlines_set(&detector->debts, leg_index(detector, leg) * DEBTS + (uint32_t)kind, due_ns);
}

/* ---- creation -------------------------------------------------------------------------------- */

void debt_stream_added(struct detector *detector, struct stream *stream)
{
    stream->twin = TWIN_NONE;
    stream->book = BOOK_NONE;
    if (stream->traits.book == 0) {
        return;
    }
    uint32_t at = 0;
    while (at < detector->book_count && detector->books[at].key != stream->traits.book) {
        at++;
    }
    if (at == detector->book_count) {
        detector->book_count++;
        detector->books[at] = (struct book){.key = stream->traits.book, .first_side = SIDE_NONE};
    }
    stream->book = at;
    stream->view.book_debt =
        stream->traits.owes != OWES_NOTHING ? FLATLINE_DEBT_ON : FLATLINE_DEBT_NONE;
    stream->view.book_allowance_ns = stream->traits.owes_after_ns;
    check_stream_added(stream);
}

static uint32_t side_of(struct detector *detector, uint32_t book, uint32_t connection)
{
    uint32_t at = detector->books[book].first_side;
    while (at != SIDE_NONE && detector->sides[at].connection != connection) {
        at = detector->sides[at].next_of_book;
    }
    if (at == SIDE_NONE) {
        at = detector->side_count++;
        detector->sides[at].book = book;
        detector->sides[at].connection = connection;
        detector->sides[at].first_leg = LEG_NONE;
        detector->sides[at].next_of_book = detector->books[book].first_side;
        detector->books[book].first_side = at;
    }
    return at;
}

void debt_leg_added(struct detector *detector, struct leg *leg)
{
    struct stream *stream = &detector->streams[leg->stream];
    detector->debts.count =
        detector->leg_count * DEBTS; /* not those that may come: each is asked */
    leg->side = SIDE_NONE;
    if (stream->twin == TWIN_NONE && leg->next_of_stream != LEG_NONE) {
        stream->twin = detector->twin_count++;
    }
    if (stream->book != BOOK_NONE) {
        leg->side = side_of(detector, stream->book, leg->connection);
        leg->shows_ids = stream->traits.owes != OWES_NOTHING;
        leg->is_checked = stream->id_check.state != FLATLINE_DEBT_NONE;
        leg->owes = (uint8_t)(stream->id_check.state == FLATLINE_DEBT_OFF ? OWES_NOTHING
                                                                          : stream->traits.owes);
        struct side *side = &detector->sides[leg->side];
        leg->next_of_side = side->first_leg;
        side->first_leg = leg_index(detector, leg);
        side->leg_count++;
    }
}

/* ---- what is owed, and until when ------------------------------------------------------------ */

static bool is_alone(const struct side *side)
{
    return side->leg_count == 1;
}

uint64_t
debt_allowance_ns(const struct detector *detector, const struct leg *leg, enum debt_kind kind)
{
    if (kind == DEBT_TWIN) {
        return TWIN_ALLOWANCE_NS;
    }
    const uint64_t rule_ns = detector->streams[leg->stream].traits.owes_after_ns;
    return is_alone(&detector->sides[leg->side]) ? rule_ns + SPREAD_NS
                                                 : own_waits_allowance_ns(&leg->own_waits, rule_ns);
}

/* What the slowest of its legs is allowed: of those that deliver, where any does. */
static void allowance_publish(struct detector *detector, struct stream *stream)
{
    uint64_t most_ns = 0;
    uint64_t delivering_ns = 0;
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct leg *leg = &detector->legs[at];
        const uint64_t allowed_ns = debt_allowance_ns(detector, leg, DEBT_BOOK);
        most_ns = later_of(most_ns, allowed_ns);
        delivering_ns = leg->first_ns != 0 ? later_of(delivering_ns, allowed_ns) : delivering_ns;
    }
    stream->view.book_allowance_ns = delivering_ns != 0 ? delivering_ns : most_ns;
    stream_changed(detector, stream);
}

/* It has shown what it owed. Not of legs under check, whose rule itself is untried, nor of what other
 * connections have shown. */
static void
wait_note(struct detector *detector, struct leg *leg, const struct debt *debt, uint64_t now_ns)
{
    struct stream *stream = &detector->streams[leg->stream];
    const uint64_t wait_ns = now_ns - debt->clock_ns;
    if (leg->is_checked || wait_ns > stream->traits.owes_after_ns ||
        is_alone(&detector->sides[leg->side])) {
        return;
    }
    const uint64_t worst_ns = leg->own_waits.worst_ns;
    const uint32_t count = leg->own_waits.count;
    own_waits_note(&leg->own_waits, wait_ns);
    if (UNLIKELY(leg->own_waits.count == OWN_WAITS_MIN &&
                 (count < OWN_WAITS_MIN || leg->own_waits.worst_ns != worst_ns))) {
        allowance_publish(detector, stream);
    }
}

/* The worst its connection may have been late, since one allowance before. */
uint64_t debt_lag_ns(const struct detector *detector, const struct leg *leg, enum debt_kind kind)
{
    const struct debt *debt = &leg->debts[kind];
    const uint64_t allowed_ns = debt_allowance_ns(detector, leg, kind);
    const uint64_t from_ns = debt->clock_ns > allowed_ns ? debt->clock_ns - allowed_ns : 0;
    const struct carrier *carrier = &detector->carriers[leg->connection];
    return later_of(lag_window_worst(&carrier->lags, from_ns), debt->late_ns);
}

uint64_t debt_due_ns(const struct detector *detector, const struct leg *leg, enum debt_kind kind)
{
    return leg->debts[kind].clock_ns + debt_allowance_ns(detector, leg, kind) +
           debt_lag_ns(detector, leg, kind);
}

/* Lag is added when it falls due: here every frame passes. */
static void debt_open(
    struct detector *detector, struct leg *leg, enum debt_kind kind, uint64_t key, uint64_t now_ns)
{
    if (leg->debts[kind].since_ns == 0) {
        leg->debts[kind] = (struct debt){.since_ns = now_ns, .clock_ns = now_ns, .key = key};
        debt_due_set(detector, leg, kind, now_ns + debt_allowance_ns(detector, leg, kind));
    }
}

void debt_wait_end(struct detector *detector, const struct leg *leg, struct debt *debt)
{
    detector->carriers[leg->connection].debts_waiting -= debt->waits;
    debt->waits = false;
}

/* What was overdue has come, or is forgiven. */
static void
overdue_end(struct detector *detector, struct leg *leg, struct debt *debt, uint64_t at_ns)
{
    if (UNLIKELY(debt->overdue)) {
        debt->overdue = false;
        if (!leg->debts[DEBT_BOOK].overdue && !leg->debts[DEBT_TWIN].overdue) {
            fault_clear(detector, &leg->faults[LEG_MUTE], at_ns);
            blame_leg_speaks(detector, leg, at_ns);
        }
    }
}

void debt_end(struct detector *detector, struct leg *leg, enum debt_kind kind, uint64_t at_ns)
{
    struct debt *debt = &leg->debts[kind];
    if (debt->since_ns != 0) {
        debt_wait_end(detector, leg, debt);
        debt_due_set(detector, leg, kind, DEADLINE_NEVER);
        overdue_end(detector, leg, debt, at_ns);
        debt->since_ns = 0;
    }
}

/* The leg has shown a newer key: the next thing it owes, if any, is what others have shown beyond
 * it. */
static void debt_progress(struct detector *detector,
                          struct leg *leg,
                          enum debt_kind kind,
                          const struct frontier_mark *mark,
                          uint64_t now_ns)
{
    struct debt *debt = &leg->debts[kind];
    if (debt->since_ns == 0) {
        return;
    }
    if (kind == DEBT_BOOK && leg->sequence.newest >= debt->key) {
        wait_note(detector, leg, debt, now_ns);
    }
    if (mark == NULL) {
        debt_end(detector, leg, kind, now_ns);
        return;
    }
    const struct carrier *carrier = &detector->carriers[leg->connection];
    const uint64_t earliest_ns =
        kind == DEBT_TWIN ? later_of(leg->first_ns + TWIN_AFTER_NS, carrier->twins_from_ns) : 0;
    debt_wait_end(detector, leg, debt);
    debt->since_ns = later_of(mark->seen_ns, earliest_ns);
    debt->clock_ns = later_of(debt->since_ns, carrier->debts_from_ns);
    debt->key = mark->key;
    debt->late_ns = 0;
    debt->graced = false;
    const uint64_t until_ns = debt_due_ns(detector, leg, kind);
    if (until_ns > now_ns) {
        overdue_end(detector, leg, debt, now_ns);
    }
    debt_due_set(detector, leg, kind, debt->overdue ? DEADLINE_NEVER : later_of(until_ns, now_ns));
}

/* ---- a frame: what it shows, and to whom ----------------------------------------------------- */

/* The best has shown a level. Those under check owe it where it is another than stands at their newest
 * id: once it is back, there is nothing to tell. But what is overdue then had stood long enough. */
static void level_heard(struct detector *detector, struct leg *leg, const struct arrival *a)
{
    const uint64_t key = a->leg->sequence.newest;
    if (leg->first_ns == 0) {
        return;
    }
    if (key <= leg->sequence.newest) {
        leg->best = a->leg->best;
    } else if (check_owes(detector, leg, &a->leg->best)) {
        debt_open(detector, leg, DEBT_BOOK, key, a->recv_ns);
    } else if (!leg->debts[DEBT_BOOK].overdue) {
        debt_end(detector, leg, DEBT_BOOK, a->recv_ns);
    }
}

static bool shows_level(const struct arrival *a)
{
    return UNLIKELY(a->leg->is_checked) && a->stream->traits.owes == OWES_BEST;
}

/* Another leg of its book has shown this frame. */
static void
leg_hears(struct detector *detector, struct leg *leg, const struct arrival *a, bool is_level)
{
    const uint64_t key = a->leg->sequence.newest;
    if (UNLIKELY(leg->is_checked)) {
        check_hears(detector, leg, a);
        if (leg->owes == OWES_ID) {
            if (is_level) {
                level_heard(detector, leg, a);
            }
            return;
        }
    }
    if (leg->debts[DEBT_BOOK].since_ns != 0 || leg->first_ns == 0 || key <= leg->sequence.newest) {
        return;
    }
    if (leg->owes == OWES_ID ||
        (leg->owes == OWES_BEST && (a->event->flags & EVENT_SETS_LEVEL) != 0 &&
         best_has_changed(&leg->best, &a->event->data))) {
        debt_open(detector, leg, DEBT_BOOK, key, a->recv_ns);
    }
}

/* A leg that is alone on its connection hears what the others show. */
static void sides_hear(struct detector *detector, const struct arrival *a)
{
    const uint32_t book = a->stream->book;
    for (uint32_t at = detector->books[book].first_side; at != SIDE_NONE;
         at = detector->sides[at].next_of_book) {
        struct side *side = &detector->sides[at];
        struct leg *leg = &detector->legs[side->first_leg];
        if (at != a->leg->side && is_alone(side) && leg->stream != a->event->stream) {
            const uint64_t key = a->leg->sequence.newest;
            (void)frontier_show(&side->frontier, key, a->recv_ns);
            if (UNLIKELY(leg->is_checked && a->verdict == SEQUENCE_BROKEN)) {
                check_side_void(detector, side);
            }
            const bool is_level =
                shows_level(a) && best_row_show(&side->bests, key, &a->leg->best, a->recv_ns);
            leg_hears(detector, leg, a, is_level);
        }
    }
}

static void book_show(struct detector *detector, const struct arrival *a)
{
    struct leg *own = a->leg;
    struct side *side = &detector->sides[own->side];
    const uint64_t key = own->sequence.newest;
    const bool is_news = frontier_show(&side->frontier, key, a->recv_ns);
    if (UNLIKELY(own->is_checked)) {
        if (a->verdict == SEQUENCE_BROKEN) {
            best_row_restart(&side->bests);
        }
        check_shows(detector, a, is_news);
    }
    if (a->stream->traits.owes == OWES_BEST) {
        const struct event_data *data = &a->event->data;
        own->best = (struct best){data->bid_e8, data->ask_e8, data->bid_size, data->ask_size};
        debt_end(detector, own, DEBT_BOOK, a->recv_ns);
    } else {
        debt_progress(detector,
                      own,
                      DEBT_BOOK,
                      UNLIKELY(own->is_checked) ? check_owed(detector, own)
                                                : frontier_beyond(&side->frontier, key),
                      a->recv_ns);
    }
    const bool is_level =
        shows_level(a) && best_row_show(&side->bests, key, &own->best, a->recv_ns);
    for (uint32_t at = side->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_side) {
        struct leg *leg = &detector->legs[at];
        if (UNLIKELY(a->verdict == SEQUENCE_BROKEN)) {
            leg->best = (struct best){0}; /* this connection has lost frames: maybe its, too */
        }
        if (leg != own) {
            leg_hears(detector, leg, a, is_level);
        }
    }
    if (detector->books[side->book].first_side != own->side || side->next_of_book != SIDE_NONE) {
        sides_hear(detector, a);
    }
}

/* Up to which key a leg may be called level with its twins. */
static uint64_t level_key(const struct stream *stream, const struct leg *leg)
{
    return leg->sequence.newest + (stream->mode == SEQUENCE_BY_TIME ? TWIN_TIME_NS : 0);
}

static void twin_show(struct detector *detector, const struct arrival *a)
{
    struct leg *own = a->leg;
    struct frontier *frontier = &detector->twins[a->stream->twin];
    const uint64_t key = own->sequence.newest;
    const bool is_new = frontier_show(frontier, key, a->recv_ns);
    debt_progress(
        detector, own, DEBT_TWIN, frontier_beyond(frontier, level_key(a->stream, own)), a->recv_ns);
    for (uint32_t at = a->stream->first_leg; is_new && at != LEG_NONE;
         at = detector->legs[at].next_of_stream) {
        struct leg *leg = &detector->legs[at];
        if (leg != own && leg->first_ns != 0 && leg->generation == a->stream->generation &&
            level_key(a->stream, leg) < key &&
            a->recv_ns >= detector->carriers[leg->connection].twins_from_ns &&
            a->recv_ns >= later_of(leg->first_ns, own->first_ns) + TWIN_AFTER_NS) {
            debt_open(detector, leg, DEBT_TWIN, key, a->recv_ns);
        }
    }
}

/* ---- the connection speaks ------------------------------------------------------------------- */

/* Debts that waited for this frame are judged after it, with its lag; a frame that does not tell
 * its lag is as late as the silence before it, at most. Behind a long silence, which may have been
 * the venue's on all of the connection, a leg is given one more allowance. */
static void debts_wake(struct detector *detector, const struct arrival *a, uint64_t before_ns)
{
    const uint64_t silence_ns = a->recv_ns - before_ns;
    const uint64_t late_ns = a->timing == ENVELOPE_SAMPLE ? 0 : silence_ns;
    for (uint32_t at = a->carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        struct debt *debt = &leg->debts[DEBT_BOOK];
        if (leg->debts[DEBT_TWIN].waits) {
            leg->debts[DEBT_TWIN].waits = false;
            debt_due_set(detector, leg, DEBT_TWIN, a->recv_ns);
        }
        if (debt->waits) {
            const uint64_t more_ns =
                silence_ns >= PAUSE_NS ? debt_allowance_ns(detector, leg, DEBT_BOOK) : 0;
            debt->waits = false;
            debt->graced = more_ns != 0;
            debt->late_ns = later_of(debt->late_ns, late_ns);
            debt_due_set(detector,
                         leg,
                         DEBT_BOOK,
                         later_of(debt_due_ns(detector, leg, DEBT_BOOK), a->recv_ns + more_ns));
        }
    }
    a->carrier->debts_waiting = 0;
}

static void
debt_restart(struct detector *detector, struct leg *leg, enum debt_kind kind, uint64_t from_ns)
{
    struct debt *debt = &leg->debts[kind];
    if (debt->since_ns != 0) {
        debt_wait_end(detector, leg, debt);
        debt->clock_ns = from_ns;
        debt->graced = false;
        debt_due_set(detector, leg, kind, from_ns + debt_allowance_ns(detector, leg, kind));
    }
}

/* It was mute as a whole and is no more. What it has not delivered meanwhile it may never deliver:
 * gaps tell that. Each of its legs owes again what its twins show from now on. */
static void carrier_speaks(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier_silences_excuse(detector, carrier, at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_MUTE], at_ns);
    carrier->twins_from_ns = at_ns + SPREAD_NS;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        debt_end(detector, leg, DEBT_BOOK, at_ns);
        debt_end(detector, leg, DEBT_TWIN, at_ns);
        leg->best = (struct best){0};
        if (leg->side != SIDE_NONE) {
            best_row_restart(&detector->sides[leg->side].bests);
        }
    }
    blame_carrier_speaks(detector, carrier, at_ns);
}

/* Has the leg come forward with this frame? */
static bool shows_key(const struct arrival *a)
{
    return a->leg->generation == a->stream->generation &&
           (a->verdict == SEQUENCE_NEXT || a->verdict == SEQUENCE_FIRST ||
            a->verdict == SEQUENCE_BROKEN || a->verdict == SEQUENCE_RESET ||
            a->verdict == SEQUENCE_SNAPSHOT);
}

/* A timed frame has taken its place: what it shows, what it settles, and whom it makes owe. */
void debt_apply(struct detector *detector, const struct arrival *a)
{
    struct carrier *carrier = a->carrier;
    const uint64_t before_ns = carrier->last_data_ns;
    carrier->last_data_ns = a->recv_ns;
    if (a->timing == ENVELOPE_SAMPLE) {
        lag_window_note(&carrier->lags, a->recv_ns, a->excess_ns);
    }
    if (UNLIKELY(carrier->faults[CARRIER_MUTE].id != 0)) {
        carrier_speaks(detector, carrier, a->recv_ns);
    }
    if (shows_key(a)) {
        if (a->leg->shows_ids) {
            book_show(detector, a);
        }
        if (a->stream->twin != TWIN_NONE) {
            twin_show(detector, a);
        }
    } else if (UNLIKELY(a->leg->is_checked) && a->verdict == SEQUENCE_REGRESSED) {
        check_restart(detector, a->stream->book, a->recv_ns);
    }
    if (UNLIKELY(carrier->debts_waiting > 0)) {
        debts_wake(detector, a, before_ns);
    }
}

/* ---- forgiven -------------------------------------------------------------------------------- */

/* Has it another leg of its stream, that has begun, to be held against? */
bool leg_has_twin(const struct detector *detector, const struct leg *own)
{
    for (uint32_t at = detector->streams[own->stream].first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_stream) {
        const struct leg *leg = &detector->legs[at];
        if (leg != own && leg->first_ns != 0) {
            return true;
        }
    }
    return false;
}

/* A connection begins or ends a life: nothing is owed over it, and what it explained is excused before
 * that is told. */
void debts_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    carrier_silences_excuse(detector, carrier, at_ns);
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        struct stream *stream = &detector->streams[leg->stream];
        debt_end(detector, leg, DEBT_BOOK, at_ns);
        debt_end(detector, leg, DEBT_TWIN, at_ns);
        fault_clear(detector, &leg->faults[LEG_MUTE], at_ns); /* by REST: no debt of its own */
        leg->first_ns = 0;
        leg->answers_until_ns = 0;
        if (leg->own_waits.count != 0) {
            leg->own_waits = (struct own_waits){0};
            allowance_publish(detector, stream);
        }
        leg->best = (struct best){0};
        check_revive(detector, stream);
        if (leg->side != SIDE_NONE) {
            frontier_restart(&detector->sides[leg->side].frontier);
            best_row_restart(&detector->sides[leg->side].bests);
        }
        if (stream->twin != TWIN_NONE && !leg_has_twin(detector, leg)) {
            frontier_restart(&detector->twins[stream->twin]);
        }
    }
    carrier->last_data_ns = 0;
    carrier->debts_from_ns = 0;
    carrier->twins_from_ns = 0;
    carrier->lags = (struct lag_window){0};
    blame_carrier_forgive(detector, carrier, at_ns);
}

/* The ids of a stream began anew: what was shown before is no measure. */
void debt_ids_restart(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    if (stream->twin != TWIN_NONE) {
        frontier_restart(&detector->twins[stream->twin]);
    }
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        struct leg *leg = &detector->legs[at];
        debt_end(detector, leg, DEBT_TWIN, at_ns);
        if (leg->side == SIDE_NONE) {
            continue;
        }
        struct side *side = &detector->sides[leg->side];
        frontier_restart(&side->frontier);
        for (uint32_t i = side->first_leg; i != LEG_NONE; i = detector->legs[i].next_of_side) {
            debt_end(detector, &detector->legs[i], DEBT_BOOK, at_ns);
        }
    }
    if (stream->book != BOOK_NONE) {
        check_restart(detector, stream->book, at_ns);
    }
}

/* Our stall is over, and what it left in the socket has been read: allowances count from here. */
void debts_restart(struct detector *detector, struct carrier *carrier, uint64_t from_ns)
{
    carrier->debts_from_ns = from_ns;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        for (uint32_t kind = 0; kind < DEBTS; kind++) {
            struct leg *leg = &detector->legs[at];
            if (!leg->debts[kind].overdue) {
                debt_restart(detector, leg, (enum debt_kind)kind, from_ns);
            }
        }
    }
}
