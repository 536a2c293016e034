/* SPDX-License-Identifier: MIT */
#include "venue/book.h"

#include "core/base.h"

#define QUIET_MAX  2 /* changes between two at a best level */
#define WANDER_MAX 4000

static struct book_level *book_slot(struct book *book, int64_t tick)
{
    struct book_level *level = &book->slots[(uint64_t)tick % BOOK_SLOTS];
    if (level->tick != tick) {
        *level = (struct book_level){.tick = tick};
    }
    return level;
}

static void book_put(struct book *book, enum book_side side, int64_t tick, uint64_t lots)
{
    struct book_level *level = book_slot(book, tick);
    level->lots[side] = lots;
    level->changed[side] = book->id;
}

static uint64_t some_lots(struct random *random)
{
    return 1 + random_below(random, random_below(random, 8) == 0 ? 60000 : 4000);
}

void book_start(struct book *book, struct random *random, int64_t price_tick, uint64_t id)
{
    flatline_assert(price_tick > BOOK_LEVELS);
    *book = (struct book){.anchor_tick = price_tick, .id = id, .id_first = id, .best_id = id};
    book->best_tick[BOOK_BID] = price_tick;
    book->best_tick[BOOK_ASK] = price_tick + 1;
    for (int i = 0; i < BOOK_LEVELS; i++) {
        book_put(book, BOOK_BID, price_tick - i, some_lots(random));
        book_put(book, BOOK_ASK, price_tick + 1 + i, some_lots(random));
    }
}

/* The price moves one tick: one side's best is taken, the other side follows, and both far ends
 * move along. */
static void book_step(struct book *book, struct random *random, enum book_side taken)
{
    const enum book_side follower = taken == BOOK_ASK ? BOOK_BID : BOOK_ASK;
    const int64_t way = taken == BOOK_ASK ? 1 : -1;

    book_put(book, taken, book->best_tick[taken], 0);
    book->best_tick[taken] += way;
    book_put(book, taken, book->best_tick[taken] + way * (BOOK_LEVELS - 1), some_lots(random));
    book_put(book, follower, book->best_tick[follower] - way * (BOOK_LEVELS - 1), 0);
    book->best_tick[follower] += way;
    book_put(book, follower, book->best_tick[follower], some_lots(random));
    flatline_assert(book->best_tick[BOOK_BID] < book->best_tick[BOOK_ASK]);
}

/* The further from the anchor, the likelier back to it. */
static enum book_side way_of_step(const struct book *book, struct random *random)
{
    const int64_t away = book->best_tick[BOOK_BID] - book->anchor_tick;
    const bool is_high = away > 0;
    const uint64_t distance = (uint64_t)(is_high ? away : -away);
    const bool returns = distance > WANDER_MAX / 4 || random_below(random, WANDER_MAX) < distance;
    if (returns) {
        return is_high ? BOOK_BID : BOOK_ASK;
    }
    return random_below(random, 2) == 0 ? BOOK_BID : BOOK_ASK;
}

bool book_change(struct book *book, struct random *random, const struct book_ids *ids)
{
    const uint64_t dice = random_below(random, 100);
    const bool is_step = dice < 10;
    const bool at_best = is_step || dice < 45 || book->quiet >= QUIET_MAX;

    book->id_first = book->id + 1 + random_below(random, ids->skip_max);
    book->id = book->id_first + random_below(random, ids->span_max);
    if (is_step) {
        book_step(book, random, way_of_step(book, random));
    } else {
        const enum book_side side = random_below(random, 2) == 0 ? BOOK_BID : BOOK_ASK;
        const int64_t deep = at_best ? 0 : (int64_t)(1 + random_below(random, BOOK_LEVELS / 2));
        const int64_t tick = book->best_tick[side] + (side == BOOK_BID ? -deep : deep);
        book_put(book, side, tick, some_lots(random));
    }
    book->quiet = at_best ? 0 : book->quiet + 1;
    if (at_best) {
        book->best_id = book->id;
    }
    return at_best;
}

const struct book_level *book_level_at(const struct book *book, int64_t tick)
{
    const struct book_level *level = &book->slots[(uint64_t)tick % BOOK_SLOTS];
    return level->tick == tick ? level : NULL;
}

const struct book_level *book_level(const struct book *book, enum book_side side, unsigned n)
{
    flatline_assert(n < BOOK_LEVELS);
    const int64_t deep = side == BOOK_BID ? -(int64_t)n : (int64_t)n;
    const struct book_level *level = book_level_at(book, book->best_tick[side] + deep);
    flatline_assert(level != NULL && level->lots[side] > 0);
    return level;
}
