/* SPDX-License-Identifier: MIT */
#include "core/base.h"
#include "tools/score_aim.h"
#include "tools/score_ways.h"

#define ANNOUNCED_NS  (1 * NS_PER_S) /* before the data ends */
#define TAKEN_BACK_NS (3 * NS_PER_S) /* after it comes again */
#define TRADING_NS    NS_PER_S       /* likewise, of a symbol: its listing is asked each second */

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

static void status_add(struct tape *tape,
                       enum event_kind kind,
                       uint64_t at_ns,
                       struct event_note what,
                       uint32_t stream)
{
    const struct event event = {.recv_mono_ns = at_ns,
                                .stream = stream,
                                .connection = EVENT_NO_CONNECTION,
                                .kind = (uint8_t)kind,
                                .note = what};
    tape_add(tape, &event);
}

/* Nobody has what the venue does not send: no engine either. */
static void announced_mute(const struct desk *desk, struct tape *tape, struct truth *silent)
{
    way_mute(tape, silent, false);
    if ((desk->echoed & silent->streams) != 0) {
        (void)way_echo_stop(desk, tape, silent);
    }
}

void way_maintenance(const struct desk *desk, struct tape *tape, struct truth *truth)
{
    const enum flatline_venue venue = desk->links[__builtin_ctz(truth->links)].venue;
    struct truth silent = *truth;
    silent.start_ns = truth->start_ns + ANNOUNCED_NS;
    silent.end_ns = truth->end_ns - TAKEN_BACK_NS;
    announced_mute(desk, tape, &silent);
    status_add(tape,
               EVENT_VENUE_STATUS,
               truth->start_ns,
               (struct event_note){.code = 1, .value = venue, .text = "maintenance"},
               EVENT_NO_STREAM);
    status_add(tape,
               EVENT_VENUE_STATUS,
               truth->end_ns,
               (struct event_note){.code = 0, .value = venue},
               EVENT_NO_STREAM);
    tape_sort(tape);
    truth->links = links_where(desk, (int)venue, -1, 0); /* it is told of any of them */
    truth->missed_ns = truth->start_ns;
}

void way_halt(const struct desk *desk, struct tape *tape, struct truth *truth)
{
    struct truth silent = *truth;
    silent.end_ns = truth->end_ns - TRADING_NS;
    announced_mute(desk, tape, &silent);
    const uint32_t first = (uint32_t)__builtin_ctzll(truth->streams);
    for (uint64_t left = truth->streams; left != 0; left &= left - 1U) {
        const uint32_t stream = (uint32_t)__builtin_ctzll(left);
        struct event_note word = {.code = 1, .value = stream == first, .text = "BREAK"};
        status_add(tape, EVENT_SYMBOL_STATUS, truth->start_ns, word, stream);
        word.code = 0;
        status_add(tape, EVENT_SYMBOL_STATUS, truth->end_ns, word, stream);
    }
    tape_sort(tape);
    truth->missed_ns = truth->start_ns;
}
