/* SPDX-License-Identifier: MIT
 *
 * Goal:   where a venue does not say that its channels share their ids, nothing is owed before the frames
 *         themselves have borne it out; then it is found as fast as anywhere; and ids that do not
 *         agree, or begin anew, accuse nobody at any time.
 * Method: a small market with one book, told by `books` every 100 ms and by `bbo-tbt` at each change of
 *         the best level, on the virtual clock of detector_rig.h. Ids of either channel can be told
 *         shifted, and either can fall silent or be late. A third stream shows that the connection delivers.
 */
#include "unit/detector_rig.h"
#include "unit/random.h"

#define BATCH_MS   100U
#define ALLOWED_MS 150U
#define MINUTE_MS  61000U

enum { BOOKS, BBO, OTHER };

/* How one channel tells what happens. */
struct telling {
    int64_t shift; /* of its ids */
    bool drifts;   /* ... by another chance each time */
    bool is_mute;  /* what it would have told is lost, ... */
    bool holds;    /* ... or told together with what comes behind */
    uint64_t late_ms;
};

struct market {
    struct rig rig;
    struct telling books;
    struct telling best;
    uint64_t random;   /* state */
    uint64_t every_ms; /* a change of the best level */
    uint64_t deep_ms;  /* a change elsewhere */
    uint64_t now_ms;
    uint64_t id;
    uint64_t told_id; /* by books, as it told it */
    bool is_due;      /* something for the next batch */
    bool sets_best;
    uint64_t best_due_ms; /* with what was so then: */
    uint64_t best_id;
    uint32_t best_size;
    uint64_t due_ms; /* the batch, with what was so when it was cut: */
    uint64_t cut_id;
    uint32_t cut_size;
    uint32_t even_size; /* at the last batch */
    uint32_t size;      /* of the best bid */
    uint32_t other_faults;
    bool has_no_ids; /* frames as OKX sent them before seqId */
};

static struct market market;

static struct stream_traits owing(enum stream_owes owes, enum stream_chain chain, uint64_t after_ms)
{
    struct stream_traits traits = rig_traits(KEY_ID, chain);
    traits.book = 7;
    traits.owes = owes;
    traits.owes_unconfirmed = true;
    traits.owes_after_ns = after_ms * NS_PER_MS;
    traits.silent_off = true;
    return traits;
}

static void market_open(uint64_t every_ms, uint64_t deep_ms)
{
    const struct detector_policy policy = rig_policy();
    const struct stream_traits books = owing(OWES_ID, CHAIN_OKX, ALLOWED_MS);
    const struct stream_traits best = owing(OWES_BEST, CHAIN_NONE, 60);
    struct stream_traits other = rig_traits(KEY_ID, CHAIN_NONE);
    other.silent_off = true;
    memset(&market, 0, sizeof(market));
    rig_start(&market.rig, &policy);
    (void)rig_connection(&market.rig, 0);
    rig_leg(&market.rig, rig_stream(&market.rig, &books), 0);
    rig_leg(&market.rig, rig_stream(&market.rig, &best), 0);
    rig_leg(&market.rig, rig_stream(&market.rig, &other), 0);
    market.every_ms = every_ms;
    market.deep_ms = deep_ms;
    market.id = 5000000;
    market.size = 1;
    market.random = 1;
}

static void market_close(void)
{
    rig_stop(&market.rig);
}

static uint64_t told(const struct telling *telling, uint64_t id)
{
    const int64_t drift = telling->drifts ? (int64_t)(random_next(&market.random) % 2000000) : 0;
    return (uint64_t)((int64_t)id + telling->shift + drift);
}

static struct event timed(uint32_t stream, uint64_t id)
{
    const struct event event = bare(stream, 0, ms(market.now_ms));
    return with_lag(market.has_no_ids ? event : with_id(event, id), 0);
}

static void best_cut(void)
{
    market.best_due_ms = market.now_ms + market.best.late_ms;
    market.best_id = market.id;
    market.best_size = market.size;
}

static void best_tell(void)
{
    struct event event = timed(BBO, told(&market.best, market.best_id));
    event.data.bid_e8 = 1000;
    event.data.ask_e8 = 1001;
    event.data.bid_size = market.best_size;
    event.data.ask_size = 7;
    if (!market.best.is_mute) {
        send(&market.rig, event);
    }
}

static void books_cut(void)
{
    market.due_ms = market.now_ms + market.books.late_ms;
    market.cut_id = market.id;
    market.cut_size = market.sets_best ? market.size : 0;
    market.sets_best = market.is_due = false;
    market.even_size = market.size;
}

static void books_tell(void)
{
    const uint64_t id = told(&market.books, market.cut_id);
    struct event event = with_prev(timed(BOOKS, id), (int64_t)market.told_id);
    if (market.told_id == 0) {
        event.flags |= EVENT_SNAPSHOT;
        event.data.prev_id = -1;
    } else if (market.cut_size != 0) {
        event.flags |= EVENT_SETS_LEVEL;
        event.data.bid_e8 = 1000;
        event.data.bid_size = market.cut_size;
    }
    if (!market.books.is_mute) {
        send(&market.rig, event);
    }
    market.told_id = market.books.is_mute && market.books.holds ? market.told_id : id;
}

/* Ids that go back and forth are told again and again: here only who is mute matters. */
static void others_forget(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < market.rig.count; i++) {
        const struct finding *finding = &market.rig.findings[i];
        if (finding->fault_kind == FLATLINE_FAULT_MUTE) {
            market.rig.findings[kept++] = *finding;
        } else {
            market.other_faults += finding->kind == FINDING_FAULT;
        }
    }
    market.rig.count = kept;
}

/* The best takes another size. Within a batch there and back is nothing for books to tell. */
static void best_move(uint32_t size)
{
    market.id += 3;
    market.size = size;
    market.is_due = market.sets_best = size != market.even_size;
    best_cut();
}

/* What happens in one millisecond. */
static void market_step(void)
{
    rig_tick(&market.rig, ms(market.now_ms));
    if (market.every_ms != 0 && market.now_ms % market.every_ms == 0) {
        market.id += 3;
        market.size++;
        market.is_due = market.sets_best = true;
        best_cut();
    } else if (market.deep_ms != 0 && market.now_ms % market.deep_ms == 0) {
        market.id++;
        market.is_due = true;
    }
    if (market.now_ms == market.best_due_ms && market.best_id != 0) {
        best_tell();
    }
    if (market.now_ms % BATCH_MS == 0 && market.is_due) {
        books_cut();
    }
    if (market.now_ms == market.due_ms && market.cut_id != 0) {
        books_tell();
    }
    if (market.now_ms % 10 == 5) {
        send(&market.rig, timed(OTHER, market.now_ms + 1));
    }
    others_forget();
    market.now_ms++;
}

static void market_play(uint64_t lasts_ms)
{
    const uint64_t until_ms = market.now_ms + lasts_ms;
    while (market.now_ms < until_ms) {
        market_step();
    }
}

static uint64_t debt_of(uint32_t stream)
{
    return rig_view(&market.rig, stream)->book_debt;
}

static const struct finding *mute(void)
{
    return rig_fault(&market.rig, FLATLINE_FAULT_MUTE);
}

static uint32_t mutes(void)
{
    uint32_t count = 0;
    while (rig_find(&market.rig, FINDING_FAULT, FLATLINE_FAULT_MUTE, count)->kind != RIG_NONE) {
        count++;
    }
    return count;
}

/* Mute from a moment on at which nothing is owed; returns it. */
static uint64_t fall_silent(struct telling *telling)
{
    while (market.now_ms % (BATCH_MS * 10) != 1) {
        market_step();
    }
    telling->is_mute = true;
    return market.now_ms;
}

/* ---- borne out ------------------------------------------------------------------------------- */

static void a_minute_of_waits_all_met_turns_it_on_and_not_less(void **state)
{
    (void)state;
    market_open(70, 30);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
    assert_int_equal(debt_of(BBO), FLATLINE_DEBT_CHECKING);
    assert_int_equal(debt_of(OTHER), FLATLINE_DEBT_NONE);
    market_play(60000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
    assert_true(rig_view(&market.rig, BOOKS)->book_debt_waits > 20);
    market_play(1000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    assert_int_equal(debt_of(BBO), FLATLINE_DEBT_ON);
    assert_int_equal(rig_view(&market.rig, BOOKS)->book_allowance_ns, ALLOWED_MS * NS_PER_MS);
    market_play(60000);
    assert_absent(mute());
    assert_int_equal(market.other_faults, 0);
    market_close();
}

static void then_books_that_fall_silent_are_mute_within_their_allowance(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(MINUTE_MS);
    const uint64_t from_ms = fall_silent(&market.books);
    market_play(70 + ALLOWED_MS + 5);
    assert_found(mute());
    assert_int_equal(mute()->stream, BOOKS);
    assert_in_range(mute()->onset_ns, ms(from_ms), ms(from_ms + 70));
    assert_int_equal(mute()->at_ns, mute()->onset_ns + ALLOWED_MS * NS_PER_MS);
    assert_int_equal(mute()->evidence[2], ALLOWED_MS * NS_PER_MS);
    market.books.is_mute = false;
    market_play(200);
    assert_found(rig_clear(&market.rig, FLATLINE_FAULT_MUTE));
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON); /* it has kept its word otherwise */
    market_close();
}

static void then_a_silent_best_is_mute_within_its_own(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(MINUTE_MS);
    (void)fall_silent(&market.best);
    market_play(BATCH_MS + 60 + 80);
    assert_found(mute());
    assert_int_equal(mute()->stream, BBO);
    assert_int_equal(mute()->at_ns, mute()->onset_ns + 60 * NS_PER_MS);
    assert_string_equal(mute()->text, "the best level has changed");
    market_close();
}

static void a_quiet_book_is_checked_until_it_has_shown_enough(void **state)
{
    (void)state;
    market_open(7000, 1100);
    market_play(100000); /* fourteen waits */
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
    (void)fall_silent(&market.books);
    market_play(20000);
    assert_absent(mute());
    market.books.is_mute = false;
    market_play(100000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    market_close();
}

static void silence_under_check_is_neither_told_nor_a_contradiction(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(20000);
    (void)fall_silent(&market.books);
    market_play(5000);
    market.books.is_mute = false;
    market_play(1000);
    assert_absent(mute());
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
    market_play(MINUTE_MS);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    market_close();
}

static void what_was_borne_out_stays_so_over_a_reconnect(void **state)
{
    (void)state;
    market_open(70, 30);
    up(&market.rig, 0, 1, 0, ms(0));
    detector_watermark(market.rig.detector, 0, 1, ms(1000000));
    market_play(MINUTE_MS);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    down(&market.rig, 0, 1, LINK_END_EOF, 0, ms(market.now_ms));
    up(&market.rig, 0, 2, 0, ms(market.now_ms + 500));
    detector_watermark(market.rig.detector, 0, 2, ms(1000000));
    market.now_ms += 500;
    market.told_id = 0;
    market_play(1000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    (void)fall_silent(&market.books);
    market_play(300);
    assert_found(mute());
    market_close();
}

/* ---- not borne out --------------------------------------------------------------------------- */

/* Nobody is ever accused, whichever channel stops, however long it is looked at. */
static void nobody_is_accused(uint64_t every_ms, int64_t books, int64_t best, bool drifts)
{
    market_open(every_ms, 30);
    market.books.shift = books;
    market.best.shift = best;
    market.best.drifts = drifts;
    market_play(3 * MINUTE_MS);
    assert_int_not_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    assert_int_not_equal(debt_of(BBO), FLATLINE_DEBT_ON);
    assert_absent(mute());
    (void)fall_silent(&market.books);
    market_play(4000);
    market.books.is_mute = false;
    market_play(4000);
    (void)fall_silent(&market.best);
    market_play(4000);
    assert_absent(mute());
    market_close();
}

static void ids_ahead_of_the_others_are_never_believed(void **state)
{
    (void)state;
    nobody_is_accused(70, 0, 1000000, false);
    nobody_is_accused(70, 1000000, 0, false);
    nobody_is_accused(1700, 0, 1000000, false);
    nobody_is_accused(1700, 1000000, 0, false);
}

/* A few ids ahead, what comes behind a change of the best level reaches them in time, as long as the
 * book moves so fast: that accuses nobody who speaks. The first quiet moment tells. */
static void ids_a_little_ahead_or_behind_accuse_nobody_and_are_found_out(void **state)
{
    (void)state;
    for (int64_t shift = -12; shift <= 12; shift++) {
        for (uint64_t every_ms = 10; every_ms <= 70 && shift != 0; every_ms += 60) {
            market_open(every_ms, 30);
            market.best.shift = shift;
            market_play(2 * MINUTE_MS);
            market.every_ms = 2110;
            market.deep_ms = 0;
            market_play(20000);
            assert_absent(mute());
            assert_int_not_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
            market_close();
        }
    }
}

static void ids_by_chance_are_never_believed(void **state)
{
    (void)state;
    nobody_is_accused(70, 0, -1000000, true);
    nobody_is_accused(1700, 0, 0, true);
}

static void times_in_place_of_ids_are_never_believed(void **state)
{
    (void)state;
    market_open(70, 30);
    market.has_no_ids = true;
    market_play(2 * MINUTE_MS);
    (void)fall_silent(&market.books);
    market_play(4000);
    assert_absent(mute());
    market_close();
}

static void books_that_take_longer_than_allowed_are_owed_nothing(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(20000);
    market.books.late_ms = 90; /* 190 ms at most */
    market_play(1000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_OFF);
    market.books.late_ms = 0;
    market_play(3 * MINUTE_MS);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_OFF);
    (void)fall_silent(&market.books);
    market_play(1000);
    assert_absent(mute());
    market_close();
}

static void
what_failed_is_tried_again_with_the_next_connection_and_needs_twice_as_much(void **state)
{
    (void)state;
    market_open(2100, 0);
    up(&market.rig, 0, 1, 0, ms(0));
    detector_watermark(market.rig.detector, 0, 1, ms(1000000));
    market.best.shift = 1000;
    market_play(10000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_OFF);
    market.best.shift = 0;
    down(&market.rig, 0, 1, LINK_END_EOF, 0, ms(market.now_ms));
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
    up(&market.rig, 0, 2, 0, ms(market.now_ms + 10));
    detector_watermark(market.rig.detector, 0, 2, ms(1000000));
    market.now_ms += 10;
    market.told_id = 0;
    market_play(70000); /* over thirty waits */
    assert_true(rig_view(&market.rig, BOOKS)->book_debt_waits > 20);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
    market_play(30000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    market_close();
}

/* ---- borne out, and then not any more -------------------------------------------------------- */

static void ids_that_begin_anew_are_checked_anew_and_accuse_nobody(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(MINUTE_MS);
    market.books.shift = -1000000; /* linked to the id before: legal */
    market_play(1000);
    assert_int_equal(rig_view(&market.rig, BOOKS)->resets, 1);
    assert_int_not_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    assert_int_not_equal(debt_of(BBO), FLATLINE_DEBT_ON);
    market_play(MINUTE_MS);
    assert_absent(mute());
    market_close();
}

/* bbo-tbt goes back first, and is not linked: a moment later books tells that it was right. */
static void both_may_begin_anew_and_are_believed_again_after_a_minute(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(MINUTE_MS);
    market.id -= 1000000;
    market_play(300);
    assert_int_equal(rig_view(&market.rig, BBO)->open_faults, 0);
    assert_true(rig_view(&market.rig, BBO)->frontier_id < 4500000);
    market_play(5000);
    assert_true(rig_view(&market.rig, BBO)->lease_until_ns > ms(market.now_ms + 2800));
    assert_int_equal(debt_of(BBO), FLATLINE_DEBT_CHECKING);
    market_play(MINUTE_MS);
    assert_int_equal(debt_of(BBO), FLATLINE_DEBT_ON);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    assert_absent(mute());
    market_close();
}

/* It was under way then, or is the latest told again. */
static void a_best_of_before_that_comes_behind_the_reset_anchors_nothing(void **state)
{
    (void)state;
    for (uint32_t newer = 0; newer <= 3; newer += 3) {
        market_open(70, 30);
        market_play(MINUTE_MS);
        const uint64_t old_id = market.best_id + newer;
        market.id -= 1000000;
        market.best.is_mute = true;
        while (rig_view(&market.rig, BOOKS)->resets == 0) {
            market_step();
        }
        market.best_id = old_id;
        market.best.is_mute = false;
        best_tell();
        market_play(300);
        assert_int_equal(rig_view(&market.rig, BBO)->open_faults, 0);
        assert_in_range(rig_view(&market.rig, BBO)->frontier_id, 4000000, 4500000);
        assert_int_equal(rig_view(&market.rig, BBO)->regressed, 0);
        market_play(5000);
        assert_true(rig_view(&market.rig, BBO)->lease_until_ns > ms(market.now_ms + 2800));
        assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_CHECKING);
        market_play(MINUTE_MS);
        assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
        assert_int_equal(debt_of(BBO), FLATLINE_DEBT_ON);
        assert_absent(mute());
        market_close();
    }
}

static void a_best_that_was_quiet_until_the_new_ids_had_passed_the_old_is_believed(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(MINUTE_MS);
    market.every_ms = 0;
    market.id -= 20;
    market_play(5000);
    assert_int_equal(rig_view(&market.rig, BOOKS)->resets, 1);
    market.every_ms = 70;
    market_play(80);
    assert_true(rig_view(&market.rig, BBO)->lease_until_ns > ms(market.now_ms + 2800));
    assert_int_equal(rig_view(&market.rig, BBO)->frontier_id, market.best_id);
    market_close();
}

/* At each place of the batch, and in a book that is quiet afterwards. */
static void ids_that_leap_ahead_withdraw_it_and_accuse_nobody(void **state)
{
    (void)state;
    for (uint64_t phase_ms = 0; phase_ms < 140; phase_ms += 7) {
        for (uint64_t later_ms = 70; later_ms <= 2100; later_ms += 2030) {
            for (uint32_t which = 0; which < 2; which++) {
                market_open(70, 30);
                market_play(MINUTE_MS);
                assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
                market_play(phase_ms);
                (which == 0 ? &market.best : &market.books)->shift = 1000000;
                market.every_ms = later_ms;
                market.deep_ms = 0;
                market_play(20000);
                assert_absent(mute());
                assert_int_not_equal(debt_of(which == 0 ? BOOKS : BBO), FLATLINE_DEBT_ON);
                market_close();
            }
        }
    }
}

static void a_best_whose_ids_go_back_is_withdrawn_and_not_mute(void **state)
{
    (void)state;
    market_open(70, 30);
    market_play(MINUTE_MS);
    market.best.shift = -1000000;
    market_play(5000);
    assert_absent(mute());
    assert_int_not_equal(debt_of(BBO), FLATLINE_DEBT_ON);
    market_close();
}

/* Its first answer that comes too late is not to be told from none: one accusation, until it comes. */
static void then_an_answer_that_comes_late_withdraws_it_with_what_it_has_accused(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < 2; which++) {
        const uint32_t stream = which == 0 ? BOOKS : BBO;
        market_open(70, 30);
        market_play(MINUTE_MS);
        market.every_ms = 1000;
        market.deep_ms = 0;
        market_play(1000);
        assert_int_equal(debt_of(stream), FLATLINE_DEBT_ON);
        (which == 0 ? &market.books : &market.best)->late_ms = 400;
        market_play(60000);
        assert_int_equal(mutes(), 1);
        assert_int_equal(mute()->stream, stream);
        assert_found(rig_clear(&market.rig, FLATLINE_FAULT_MUTE));
        assert_in_range(rig_clear(&market.rig, FLATLINE_FAULT_MUTE)->at_ns,
                        mute()->at_ns,
                        mute()->at_ns + 500 * NS_PER_MS);
        assert_int_equal(debt_of(stream), FLATLINE_DEBT_OFF);
        assert_int_equal(debt_of(which == 0 ? BBO : BOOKS), FLATLINE_DEBT_ON);
        market_close();
    }
}

/* Behind a pause of all of it the connection has been given its allowance, and is late again. */
static void then_an_answer_that_its_connection_has_held_leaves_it_on(void **state)
{
    (void)state;
    for (uint64_t held_ms = 0; held_ms <= 400; held_ms += 400) {
        market_open(70, 30);
        market_play(MINUTE_MS);
        market.every_ms = market.deep_ms = 0;
        market_play(1000);
        market.id += 3;
        market.size++;
        market.best_id = market.id;
        market.best_size = market.size;
        best_tell();
        market.now_ms += 600;
        rig_tick(&market.rig, ms(market.now_ms));
        send(&market.rig, timed(OTHER, market.now_ms + 1));
        market.now_ms += 400;
        rig_tick(&market.rig, ms(market.now_ms));
        assert_found(mute());
        struct event answer = with_prev(timed(BOOKS, market.id), (int64_t)market.told_id);
        send(&market.rig, with_lag(answer, (int64_t)(held_ms * NS_PER_MS)));
        assert_found(rig_clear(&market.rig, FLATLINE_FAULT_MUTE));
        assert_int_equal(debt_of(BOOKS), held_ms != 0 ? FLATLINE_DEBT_ON : FLATLINE_DEBT_OFF);
        market_close();
    }
}

/* What was lost proves that it was silent; and so long after its deadline nothing is an answer. */
static void then_a_short_silence_that_loses_frames_or_a_long_one_leaves_it_on(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < 3; which++) {
        struct telling *telling = which == 2 ? &market.best : &market.books;
        market_open(70, 30);
        market_play(MINUTE_MS);
        telling->holds = which == 1;
        for (uint32_t i = 1; i <= 3; i++) {
            (void)fall_silent(telling);
            market_play(telling->holds ? 1500 : 600);
            assert_int_equal(mutes(), i);
            telling->is_mute = false;
            market_play(1000);
            assert_found(rig_find(&market.rig, FINDING_CLEAR, FLATLINE_FAULT_MUTE, i - 1));
        }
        assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
        assert_int_equal(debt_of(BBO), FLATLINE_DEBT_ON);
        market_close();
    }
}

/* ---- there and back -------------------------------------------------------------------------- */

static void quiet_market_open(void)
{
    market_open(70, 30);
    market_play(MINUTE_MS);
    market.every_ms = market.deep_ms = 0;
    market_play(1000);
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
}

static void a_best_that_goes_there_and_back_within_a_batch_accuses_nobody(void **state)
{
    (void)state;
    quiet_market_open();
    while (market.now_ms % BATCH_MS != 10) {
        market_step();
    }
    for (uint32_t i = 0; i < 20; i++) {
        const uint32_t size = market.size;
        best_move(size + 1);
        market_play(20);
        best_move(size);
        market_play(20);
        best_move(size + 2);
        market_play(20);
        best_move(size);
        market_play(i == 10 ? 70000 : 2940);
    }
    assert_absent(mute());
    assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
    market_close();
}

/* It counts from when it left for good: but from then on. */
static void a_best_that_stays_away_is_owed_from_when_it_left_last(void **state)
{
    (void)state;
    quiet_market_open();
    (void)fall_silent(&market.books);
    const uint32_t size = market.size;
    best_move(size + 1);
    market_play(100);
    best_move(size);
    market_play(40);
    best_move(size + 1);
    const uint64_t left_ms = market.now_ms;
    market_play(60);
    best_move(size + 2);
    market_play(ALLOWED_MS - 60 - 1);
    assert_absent(mute());
    market_play(10);
    assert_found(mute());
    assert_int_equal(mute()->onset_ns, ms(left_ms));
    best_move(size); /* too late: the batch that told it is missing all the same */
    market_play(1000);
    assert_absent(rig_clear(&market.rig, FLATLINE_FAULT_MUTE));
    market_close();
}

/* Whatever the best does, and wherever batches cut it, books that tell all of it are not mute; and then,
 * when they do not, they are. */
static void a_best_that_flickers_in_a_quiet_book_accuses_nobody_who_tells_it(void **state)
{
    (void)state;
    for (uint32_t trial = 0; trial < 4; trial++) {
        quiet_market_open();
        market.random = trial + 1;
        market.books.late_ms = trial % 2 * 30;
        for (uint32_t i = 0; i < 500; i++) {
            best_move(1000 + (uint32_t)(random_next(&market.random) % 3));
            const bool pauses = random_next(&market.random) % 20 == 0;
            market_play(1 + random_next(&market.random) % (pauses ? 2000 : 60));
        }
        assert_absent(mute());
        assert_int_equal(debt_of(BOOKS), FLATLINE_DEBT_ON);
        assert_int_equal(debt_of(BBO), FLATLINE_DEBT_ON);
        market_play(200);
        (void)fall_silent(&market.books);
        best_move(1);
        market_play(ALLOWED_MS + 10);
        assert_found(mute());
        assert_int_equal(mute()->stream, BOOKS);
        market_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_of_waits_all_met_turns_it_on_and_not_less),
        cmocka_unit_test(then_books_that_fall_silent_are_mute_within_their_allowance),
        cmocka_unit_test(then_a_silent_best_is_mute_within_its_own),
        cmocka_unit_test(a_quiet_book_is_checked_until_it_has_shown_enough),
        cmocka_unit_test(silence_under_check_is_neither_told_nor_a_contradiction),
        cmocka_unit_test(what_was_borne_out_stays_so_over_a_reconnect),
        cmocka_unit_test(ids_ahead_of_the_others_are_never_believed),
        cmocka_unit_test(ids_a_little_ahead_or_behind_accuse_nobody_and_are_found_out),
        cmocka_unit_test(ids_by_chance_are_never_believed),
        cmocka_unit_test(times_in_place_of_ids_are_never_believed),
        cmocka_unit_test(books_that_take_longer_than_allowed_are_owed_nothing),
        cmocka_unit_test(
            what_failed_is_tried_again_with_the_next_connection_and_needs_twice_as_much),
        cmocka_unit_test(ids_that_begin_anew_are_checked_anew_and_accuse_nobody),
        cmocka_unit_test(both_may_begin_anew_and_are_believed_again_after_a_minute),
        cmocka_unit_test(a_best_of_before_that_comes_behind_the_reset_anchors_nothing),
        cmocka_unit_test(a_best_that_was_quiet_until_the_new_ids_had_passed_the_old_is_believed),
        cmocka_unit_test(ids_that_leap_ahead_withdraw_it_and_accuse_nobody),
        cmocka_unit_test(a_best_whose_ids_go_back_is_withdrawn_and_not_mute),
        cmocka_unit_test(then_an_answer_that_comes_late_withdraws_it_with_what_it_has_accused),
        cmocka_unit_test(then_an_answer_that_its_connection_has_held_leaves_it_on),
        cmocka_unit_test(then_a_short_silence_that_loses_frames_or_a_long_one_leaves_it_on),
        cmocka_unit_test(a_best_that_goes_there_and_back_within_a_batch_accuses_nobody),
        cmocka_unit_test(a_best_that_stays_away_is_owed_from_when_it_left_last),
        cmocka_unit_test(a_best_that_flickers_in_a_quiet_book_accuses_nobody_who_tells_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
