/* SPDX-License-Identifier: MIT */
#include "core/base.h"
#include "tools/score_ways.h"

/* Two ways to learn it: the venue's event, or its refusal of our next extend, which we notice by
 * asking. */
void way_key(struct tape *tape, struct truth *truth, struct dice *dice)
{
    const bool by_event = dice_below(dice, 2) == 0;
    const uint64_t asked_ns = truth->start_ns + dice_below(dice, 5 * NS_PER_S);
    const struct event gone = {
        .recv_mono_ns = by_event ? truth->start_ns + 5 * NS_PER_MS : asked_ns,
        .stream = (uint32_t)__builtin_ctzll(truth->streams),
        .connection = EVENT_NO_CONNECTION,
        .kind = by_event ? EVENT_KEY_EXPIRED : EVENT_KEY_UNKNOWN,
        .note = {.code = by_event ? 0 : -1125, .value = by_event ? SCORE_KEY : 0}};
    struct event again = gone;
    again.kind = EVENT_KEY_EXTENDED;
    again.recv_mono_ns = truth->end_ns;
    again.note = (struct event_note){.value = SCORE_KEY};
    truth->missed_ns = truth->start_ns;
    tape_add(tape, &gone);
    tape_add(tape, &again);
    tape_sort(tape);
}
