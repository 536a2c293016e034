/* SPDX-License-Identifier: MIT
 *
 * detector_quiet.c - quiet, but alive. A thin market lapses all day long; what tells its silence from
 * a dead feed is that other streams of the very same connection go on, and that nothing is owed. While
 * that is so, quiet_until advances; a gate that sets quiet_hold goes by it for so long, all others
 * ignore it. Closed is the safe side: any fault on the stream, a leg or a connection of it that lives
 * ends it at once, and what never was leased, or was revoked, is never quiet.
 */
#include "core/detector_calls.h"

#define LOOK_EVERY_NS (100 * NS_PER_MS)

/* A frame that says something new, now. Not a timer's: that beats over a dead market, too. */
static bool is_sign(const struct arrival *a)
{
    const bool is_new = a->verdict == SEQUENCE_UNKEYED || a->verdict == SEQUENCE_NEXT ||
                        a->verdict == SEQUENCE_FIRST || a->verdict == SEQUENCE_BROKEN ||
                        a->verdict == SEQUENCE_RESET;
    const bool has_time = (a->event->flags & EVENT_HAS_TIME) != 0;
    return is_new && !a->is_first_push && (!has_time || a->timing == ENVELOPE_SAMPLE) &&
           a->stream->traits.stream_class != FLATLINE_CLASS_TIMER;
}

/* Keeps of a frame that its connection delivers; dated when it was sent, so that a backlog shows no
 * life. */
void quiet_sign(const struct arrival *a)
{
    struct sign_of_life *signs = a->carrier->signs;
    if (!is_sign(a)) {
        return;
    }
    const bool has_time = (a->event->flags & EVENT_HAS_TIME) != 0;
    const uint64_t excess_ns = has_time ? a->excess_ns : a->carrier->excess_ns;
    const uint64_t sent_ns = excess_ns < a->recv_ns ? a->recv_ns - excess_ns : 0;
    if (signs[0].stream != a->event->stream) {
        signs[1] = signs[0];
        signs[0].stream = a->event->stream;
    }
    signs[0].at_ns = sent_ns;
}

static uint64_t others_sign_ns(const struct carrier *carrier, uint32_t stream)
{
    return carrier->signs[carrier->signs[0].stream != stream ? 0 : 1].at_ns;
}

static uint64_t look_every_ns(const struct stream *stream)
{
    const uint64_t eighth_ns = stream->traits.stale_after_ns / 8;
    return eighth_ns < LOOK_EVERY_NS ? eighth_ns + 1 : LOOK_EVERY_NS;
}

/* When to look first: a little before the earliest end any gate gives the lease, so that no gate
 * closes for the time between a lapse and the look. */
static uint64_t first_look_ns(const struct stream *stream)
{
    const uint64_t ahead_ns = stream->traits.quiet_ahead_ns + 2 * look_every_ns(stream);
    const uint64_t until_ns = stream->view.lease_until_ns;
    return until_ns > ahead_ns ? until_ns - ahead_ns : 0;
}

/* The lease was closed, and is open. */
void quiet_arm(struct detector *detector, struct stream *stream)
{
    if (!stream_is_user(stream)) {
        deadlines_set(&detector->quiets, stream_index(detector, stream), first_look_ns(stream));
    }
}

static void quiet_set(struct detector *detector, struct stream *stream, uint64_t until_ns)
{
    if (stream->view.quiet_until_ns != until_ns) {
        stream->view.quiet_until_ns = until_ns;
        stream_changed(detector, stream);
    }
}

/* Something is owed: suspect from at_ns on, until a look finds otherwise. */
void quiet_end(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    const uint64_t until_ns = stream->view.quiet_until_ns;
    if (stream->view.lease_until_ns != 0 && (until_ns == 0 || until_ns > at_ns)) {
        quiet_set(detector, stream, at_ns);
    }
}

static void quiet_look(struct detector *detector, struct stream *stream, uint64_t now_ns)
{
    uint64_t open = stream->open;
    uint64_t sign_ns = 0;
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        const struct leg *leg = &detector->legs[at];
        const struct carrier *carrier = &detector->carriers[leg->connection];
        if (!carrier_is_live(carrier)) {
            continue;
        }
        const uint64_t others_ns = others_sign_ns(carrier, leg->stream);
        open |= leg->open | carrier->open;
        sign_ns = leg->started && others_ns > sign_ns ? others_ns : sign_ns;
    }
    const bool is_shut = /* by the venue's own word: silent with reason, and no market */
        stream->halted || detector->maintenance[stream->traits.venue].id != 0;
    if ((open & ~QUIET_WITH) != 0 || is_shut) {
        quiet_end(detector, stream, now_ns);
    } else {
        quiet_set(detector, stream, sign_ns != 0 ? sign_ns + stream->traits.stale_after_ns : 0);
    }
}

/* Looks at what is about to lapse, or has. Bounded: each stream once a pass. */
void quiets_pass(struct detector *detector, uint64_t now_ns)
{
    for (uint32_t at = 0; deadlines_due(&detector->quiets, now_ns, &at);) {
        struct stream *stream = &detector->streams[at - 1];
        uint64_t next_ns = DEADLINE_NEVER; /* revoked: armed anew when it reopens */
        if (first_look_ns(stream) > now_ns) {
            next_ns = first_look_ns(stream); /* it was extended since */
        } else if (stream->view.lease_until_ns != 0) {
            quiet_look(detector, stream, now_ns);
            next_ns = now_ns + look_every_ns(stream);
        }
        deadlines_set(&detector->quiets, at - 1, next_ns);
    }
}
