/* SPDX-License-Identifier: MIT */
#include "tools/score_aim.h"

#include "core/base.h"

bool stream_is_depth(const struct stream_traits *traits)
{
    return traits->stream_class == FLATLINE_CLASS_BOOK && traits->chain != CHAIN_NONE;
}

bool stream_is_best(const struct stream_traits *traits)
{
    return traits->stream_class == FLATLINE_CLASS_BOOK && traits->chain == CHAIN_NONE;
}

uint64_t streams_where(const struct desk *desk, bool (*holds)(const struct stream_traits *))
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        found |= holds(&desk->traits[i]) ? 1ULL << i : 0;
    }
    return found;
}

uint64_t bit_pick(struct dice *dice, uint64_t bits)
{
    const uint32_t count = (uint32_t)__builtin_popcountll(bits);
    uint64_t nth = dice_below(dice, count);
    for (; nth > 0; nth--) {
        bits &= bits - 1;
    }
    return bits & (~bits + 1U);
}

uint32_t links_where(const struct desk *desk, int venue, int route, uint64_t streams)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        const struct desk_link *link = &desk->links[i];
        const bool holds = !link->is_private && (venue < 0 || (int)link->venue == venue) &&
                           (route < 0 || (int)link->route == route) &&
                           (streams == 0 || (link->streams & streams) != 0);
        found |= holds ? 1U << i : 0;
    }
    return found;
}

static uint64_t streams_of(const struct desk *desk, uint32_t links)
{
    uint64_t streams = 0;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        streams |= (links >> i & 1U) != 0 ? desk->links[i].streams : 0;
    }
    return streams;
}

/* A link that carries a book: alone, as one of several, or either way. */
static uint32_t link_pick(const struct desk *desk, struct dice *dice, bool alone, bool as_twin)
{
    uint32_t links = 0;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        const bool fits = (desk->links[i].twin < 0 ? alone : as_twin) &&
                          (desk->links[i].streams & streams_where(desk, stream_is_depth)) != 0;
        links |= fits ? 1U << i : 0;
    }
    return (uint32_t)bit_pick(dice, links);
}

/* All of a book's symbol, or what the links of the book carry of it. */
static void symbol_aim(const struct desk *desk, struct dice *dice, bool whole, struct truth *truth)
{
    const uint64_t book = bit_pick(dice, streams_where(desk, stream_is_depth));
    if (book == 0) {
        return;
    }
    const uint8_t symbol = desk->symbols[__builtin_ctzll(book)];
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        truth->streams |= desk->symbols[i] == symbol ? 1ULL << i : 0;
    }
    truth->links = links_where(desk, -1, -1, whole ? truth->streams : book);
    truth->streams &= streams_of(desk, truth->links);
}

static void target_aim(const struct injection *injection,
                       const struct desk *desk,
                       struct dice *dice,
                       struct truth *truth)
{
    switch (injection->target) {
    case TARGET_NONE:
        break;
    case TARGET_DEPTH:
    case TARGET_BEST:
        truth->streams = bit_pick(
            dice,
            streams_where(desk,
                          injection->target == TARGET_DEPTH ? stream_is_depth : stream_is_best));
        truth->links = truth->streams == 0 ? 0 : links_where(desk, -1, -1, truth->streams);
        break;
    case TARGET_SYMBOL:
    case TARGET_LISTING:
        symbol_aim(desk, dice, injection->target == TARGET_LISTING, truth);
        break;
    case TARGET_CHANNEL:
        truth->links = link_pick(desk, dice, true, false);
        truth->streams = streams_of(desk, truth->links) & streams_where(desk, stream_is_depth);
        break;
    case TARGET_LINK:
    case TARGET_TWIN:
    case TARGET_ANY_LINK:
        truth->links = link_pick(
            desk, dice, injection->target != TARGET_TWIN, injection->target != TARGET_LINK);
        truth->streams = streams_of(desk, truth->links);
        break;
    case TARGET_ROUTE: {
        const uint32_t link = link_pick(desk, dice, false, true);
        if (link != 0) {
            const struct desk_link *one = &desk->links[__builtin_ctz(link)];
            truth->links = links_where(desk, (int)one->venue, (int)one->route, 0);
            truth->streams = streams_of(desk, truth->links);
        }
        break;
    }
    case TARGET_VENUE:
        truth->links = links_where(desk, (int)desk->links[0].venue, -1, 0);
        truth->streams = streams_of(desk, truth->links);
        break;
    case TARGET_ALL:
        truth->links = links_where(desk, -1, -1, 0);
        truth->streams = streams_of(desk, truth->links);
        break;
    case TARGET_USER:
        for (uint32_t i = 0; i < desk->stream_count; i++) {
            truth->streams |= desk->traits[i].stream_class == FLATLINE_CLASS_USER ? 1ULL << i : 0;
        }
        break;
    }
}

void fault_aim(const struct injection *injection,
               const struct desk *desk,
               struct dice *dice,
               uint64_t from_ns,
               struct truth *ret_truth)
{
    *ret_truth = (struct truth){.start_ns = from_ns, .end_ns = from_ns + injection->lasts_ns};
    target_aim(injection, desk, dice, ret_truth);
    if (injection->way == WAY_STALL) {
        ret_truth->end_ns = from_ns + 200 * NS_PER_MS + dice_below(dice, 4800 * NS_PER_MS);
    }
    ret_truth->is_void = injection->target != TARGET_NONE && ret_truth->streams == 0;
}
