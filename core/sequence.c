/* SPDX-License-Identifier: MIT */
#include "core/sequence.h"

bool sequence_key(const struct stream_traits *traits,
                  enum sequence_mode *mode,
                  const struct event *event,
                  uint64_t *ret_key)
{
    const bool has_id = (event->flags & EVENT_HAS_ID) != 0;
    const bool has_time = (event->flags & EVENT_HAS_TIME) != 0 && event->data.exch_wall_ns > 0;
    if (*mode == SEQUENCE_BY_NONE && traits->key != KEY_NONE) {
        if (has_id && traits->key == KEY_ID) {
            *mode = SEQUENCE_BY_ID;
        } else if (has_time) {
            *mode = SEQUENCE_BY_TIME;
        }
    }
    if (*mode == SEQUENCE_BY_ID && has_id) {
        *ret_key = event->data.id;
        return true;
    }
    if (*mode == SEQUENCE_BY_TIME && has_time) {
        *ret_key = (uint64_t)event->data.exch_wall_ns;
        return true;
    }
    return false;
}

static bool has_prev(const struct event *event, uint64_t id)
{
    return (event->flags & EVENT_HAS_PREV) != 0 && event->data.prev_id >= 0 &&
           (uint64_t)event->data.prev_id == id;
}

/* Spot docs: U == previous u + 1. Futures docs: pu == previous u. OKX docs: prevSeqId ==
 * previous seqId. */
static bool
is_chained(const struct sequence *sequence, enum stream_chain chain, const struct event *event)
{
    switch (chain) {
    case CHAIN_FIRST:
        return (event->flags & EVENT_HAS_FIRST) == 0 ||
               event->data.first_id == sequence->newest + 1;
    case CHAIN_PREV:
    case CHAIN_OKX:
        return (event->flags & EVENT_HAS_PREV) == 0 || has_prev(event, sequence->newest);
    case CHAIN_NONE:
        break;
    }
    return true;
}

/* OKX docs: an id equal to its prevSeqId on empty sides is the keep-alive; snapshot channels
 * send their latest again. */
static bool is_word_of_no_change(const struct stream_traits *traits,
                                 const struct event *event,
                                 uint64_t since_last_ns)
{
    if (traits->repeats_when_unchanged) {
        return since_last_ns >= SEQUENCE_REPEAT_AFTER_NS;
    }
    return traits->chain == CHAIN_OKX && (event->flags & EVENT_EMPTY) != 0 &&
           has_prev(event, event->data.id);
}

enum sequence_verdict sequence_judge(struct sequence *sequence,
                                     const struct stream_traits *traits,
                                     enum sequence_mode mode,
                                     const struct event *event,
                                     uint64_t since_last_ns)
{
    const uint64_t key =
        mode == SEQUENCE_BY_ID ? event->data.id : (uint64_t)event->data.exch_wall_ns;
    const uint64_t newest = sequence->newest;
    const bool is_snapshot = (event->flags & EVENT_SNAPSHOT) != 0;
    if (!sequence->anchored || is_snapshot) {
        sequence->anchored = true;
        sequence->newest = key;
        return is_snapshot ? SEQUENCE_SNAPSHOT : SEQUENCE_FIRST;
    }
    if (key == newest) {
        return is_word_of_no_change(traits, event, since_last_ns) ? SEQUENCE_KEPT_ALIVE
                                                                  : SEQUENCE_REPEATED;
    }
    if (key < newest) {
        const bool is_legal =
            mode == SEQUENCE_BY_ID && traits->chain == CHAIN_OKX && has_prev(event, newest);
        sequence->newest = is_legal ? key : newest;
        return is_legal ? SEQUENCE_RESET : SEQUENCE_REGRESSED;
    }
    const bool chained = mode != SEQUENCE_BY_ID || is_chained(sequence, traits->chain, event);
    sequence->newest = key;
    return chained ? SEQUENCE_NEXT : SEQUENCE_BROKEN;
}

uint64_t sequence_expected(const struct sequence *sequence, enum stream_chain chain)
{
    return chain == CHAIN_FIRST ? sequence->newest + 1 : sequence->newest;
}
