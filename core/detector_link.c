/* SPDX-License-Identifier: MIT
 *
 * detector_link.c - the connections that carry the legs: up, down, acknowledged, announced to end.
 */
#include "core/detector_calls.h"

#include <string.h>

#define NOTICE_STANDS_NS (900 * NS_PER_S) /* a notice that nothing followed is forgotten */

/* Close codes by which a venue says that we were deaf: OKX docs, 4004 no data received in 30 s,
 * 4005 buffer full, cannot write; Binance closes with 1008 "Pong timeout". */
enum { CLOSE_POLICY = 1008, CLOSE_NO_DATA = 4004, CLOSE_CANNOT_WRITE = 4005 };

struct fault carrier_fault(const struct detector *detector,
                           const struct carrier *carrier,
                           enum flatline_fault_kind kind,
                           uint64_t at_ns)
{
    return (struct fault){.kind = (uint8_t)kind,
                          .scope = FLATLINE_SCOPE_CONNECTION,
                          .blame = FLATLINE_SCOPE_CONNECTION,
                          .confidence = 100,
                          .stream = EVENT_NO_STREAM,
                          .connection = (uint16_t)carrier_index(detector, carrier),
                          .onset_ns = at_ns,
                          .at_ns = at_ns};
}

void carriers_due_lower(struct detector *detector, uint64_t at_ns)
{
    if (at_ns < detector->carriers_due_ns) {
        detector->carriers_due_ns = at_ns;
    }
}

void legs_up_count(struct detector *detector, struct stream *stream)
{
    uint32_t up = 0;
    for (uint32_t at = stream->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_stream) {
        up += carrier_is_live(&detector->carriers[detector->legs[at].connection]);
    }
    stream->view.legs_up = up;
    stream_changed(detector, stream);
}

/* A new life of a connection: each leg starts from nothing. */
static void legs_restart(struct detector *detector, const struct carrier *carrier)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct leg *leg = &detector->legs[at];
        leg->sequence = (struct sequence){0};
        leg->last_recv_ns = 0;
        leg->repeats = 0;
        leg->behind_count = 0;
        leg->started = false;
        leg->acked = false;
        leg->push_pending = detector->streams[leg->stream].traits.first_push_is_old;
        deadlines_set(&detector->starts, at, DEADLINE_NEVER);
    }
}

static void streams_recount(struct detector *detector, const struct carrier *carrier)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        legs_up_count(detector, &detector->streams[detector->legs[at].stream]);
    }
}

static void carrier_restart(struct detector *detector,
                            struct carrier *carrier,
                            enum carrier_state state,
                            uint64_t at_ns)
{
    debts_forgive(detector, carrier, at_ns);
    carrier_silence_restart(detector, carrier, 0);
    beats_forgive(detector, carrier, at_ns);
    held_end(detector, carrier, at_ns);
    carrier->state = state;
    carrier->excess_ns = 0;
    memset(carrier->signs, 0, sizeof(carrier->signs));
    carrier->started = false;
    carrier->stall_pending = false;
    carrier->acks = 0;
    carrier->acks_expected = 0;
    lag_restart(carrier);
    start_disarm(detector, carrier);
    legs_restart(detector, carrier);
    streams_recount(detector, carrier);
}

/* Given up or replaced: nothing on it will ever put right what stands on it. */
static void carrier_retire(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    debts_forgive(detector, carrier, at_ns); /* first: its venue may have been silent with it */
    for (uint32_t i = 0; i < CARRIER_FAULTS; i++) {
        fault_clear(detector, &carrier->faults[i], at_ns);
    }
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        for (uint32_t i = 0; i < LEG_FAULTS; i++) {
            fault_clear(detector, &detector->legs[at].faults[i], at_ns);
        }
    }
}

/* ---- up -------------------------------------------------------------------------------------- */

/* The inventory of a leg is complete: what DOWN revoked may reopen with the next data. */
void leg_ready(struct detector *detector, struct leg *leg)
{
    leg->acked = true;
    lease_unhold(detector, &detector->streams[leg->stream], FLATLINE_FAULT_DOWN);
}

void legs_ready(struct detector *detector, const struct carrier *carrier)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        leg_ready(detector, &detector->legs[at]);
    }
}

uint64_t other_routes_frames(const struct detector *detector, const struct carrier *carrier)
{
    uint64_t frames = 0;
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        const struct carrier *other = &detector->carriers[i];
        frames += other->venue == carrier->venue && other->route != carrier->route
                      ? other->data_frames
                      : 0;
    }
    return frames;
}

static void sockets_renew(struct detector *detector, const struct carrier *carrier)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        user_socket(detector, &detector->streams[detector->legs[at].stream]);
    }
}

void carrier_up(struct detector *detector,
                struct carrier *carrier,
                const struct event *event,
                uint64_t at_ns)
{
    carrier_restart(detector, carrier, CARRIER_UP, at_ns);
    fault_clear(detector, &carrier->faults[CARRIER_INVENTORY], at_ns);
    carrier->epoch = event->link.epoch;
    carrier->up_ns = at_ns;
    carrier->acks_expected = event->link.code > 0 ? (uint32_t)event->link.code : 0;
    carrier->other_frames_at_up = other_routes_frames(detector, carrier);
    sockets_renew(detector, carrier);
    if (carrier->acks_expected == 0) {
        legs_ready(detector, carrier);
    }
    start_arm(detector, carrier, at_ns);
}

static bool carries_all_of(struct detector *detector,
                           const struct carrier *carrier,
                           const struct carrier *other)
{
    for (uint32_t at = other->first_leg; at != LEG_NONE; at = detector->legs[at].next_of_carrier) {
        if (leg_find(detector, detector->legs[at].stream, carrier_index(detector, carrier)) ==
            NULL) {
            return false;
        }
    }
    return true;
}

/* Made after another of its route went down, with all of that one's streams: it stands in its
 * place. */
static void
predecessors_clear(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        struct carrier *other = &detector->carriers[i];
        struct fault *down = &other->faults[CARRIER_DOWN];
        if (down->id != 0 && !carrier_is_live(other) && other->venue == carrier->venue &&
            other->route == carrier->route && other->line == carrier->line &&
            down->onset_ns <= carrier->up_ns && carries_all_of(detector, carrier, other)) {
            carrier_retire(detector, other, at_ns);
        }
    }
}

/* Data came over a connection nobody announced (a recording without its opening): it lives, and
 * a new life begins. */
void carrier_imply(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    if (LIKELY(carrier_is_live(carrier))) {
        return;
    }
    carrier_restart(detector, carrier, CARRIER_IMPLIED, at_ns);
    carrier->up_ns = at_ns;
    sockets_renew(detector, carrier);
    legs_ready(detector, carrier);
}

/* The first data of its life. */
void carrier_delivers(struct detector *detector, struct carrier *carrier, uint64_t at_ns)
{
    fault_clear(detector, &carrier->faults[CARRIER_DOWN], at_ns);
    predecessors_clear(detector, carrier, at_ns);
}

/* An OKX answer names its stream; a Binance answer its request, and only all of them together
 * make the inventory whole. */
void ack_apply(struct detector *detector,
               struct carrier *carrier,
               const struct event *event,
               uint64_t at_ns)
{
    carrier->acks++;
    if (event->stream == EVENT_NO_STREAM) {
        if (carrier->acks >= carrier->acks_expected) {
            legs_ready(detector, carrier);
        }
    } else {
        struct leg *leg = leg_find(detector, event->stream, event->connection);
        if (leg != NULL) {
            leg_ready(detector, leg);
            leg->push_pending = detector->streams[leg->stream].traits.first_push_is_old;
        }
    }
    if (carrier->state == CARRIER_UP) {
        start_arm(detector,
                  carrier,
                  at_ns); /* requests go out one by one: the wait is from the last answer */
    }
    if (carrier->acks >= carrier->acks_expected) {
        carrier->acks_due_ns = DEADLINE_NEVER;
        fault_clear(detector, &carrier->faults[CARRIER_INVENTORY], at_ns);
    }
}

/* ---- down ------------------------------------------------------------------------------------ */

static bool says_we_were_deaf(const struct event_link *link)
{
    return link->how == LINK_END_TIMEOUT ||
           (link->how == LINK_END_CLOSE &&
            (link->code == CLOSE_POLICY || link->code == CLOSE_NO_DATA ||
             link->code == CLOSE_CANNOT_WRITE));
}

static bool has_close_code(const struct event_link *link)
{
    return link->how == LINK_END_CLOSE || link->how == LINK_END_PROTOCOL ||
           link->how == LINK_END_HTTP;
}

/* Fewest live legs that any stream of the connection has left. */
static uint64_t legs_left(const struct detector *detector, const struct carrier *carrier)
{
    uint64_t fewest = UINT64_MAX;
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        const uint64_t left = detector->streams[detector->legs[at].stream].view.legs_up;
        fewest = left < fewest ? left : fewest;
    }
    return fewest != UINT64_MAX ? fewest : 0;
}

static void down_raise(struct detector *detector,
                       struct carrier *carrier,
                       const struct event_link *link,
                       uint64_t at_ns)
{
    struct fault down = carrier_fault(detector, carrier, FLATLINE_FAULT_DOWN, at_ns);
    down.evidence[0] = has_close_code(link) ? (uint64_t)link->code : 0;
    down.evidence[1] = link->how == LINK_END_ERROR ? (uint64_t)link->code : 0;
    down.evidence[2] = link->phase;
    down.evidence[3] = legs_left(detector, carrier);
    down.evidence[5] = link->value;
    text_copy(down.text, link->text);
    const uint64_t stall_end_ns = detector->stall_end_ns;
    if (says_we_were_deaf(link) && stall_end_ns != 0 &&
        at_ns - stall_end_ns <= detector->policy.stall_explains_ns) {
        down.blame = FLATLINE_SCOPE_HOST;
        down.confidence = 60;
        down.evidence[4] = stall_end_ns - detector->stall_start_ns;
    }
    fault_raise(detector, &carrier->faults[CARRIER_DOWN], &down);
}

/* The other leg went down before and kept the lease for the sake of this one. */
static void last_leg_left(struct detector *detector, struct stream *stream, uint64_t at_ns)
{
    if ((stream->view.open_faults & KIND_BIT(FLATLINE_FAULT_DOWN)) != 0 &&
        detector->policy.lease_on[FLATLINE_FAULT_DOWN] == LEASE_REVOKE) {
        lease_revoke(detector, stream, FLATLINE_FAULT_DOWN, at_ns);
    }
}

/* Silence of a stream that nothing carries any more is explained. */
static void streams_leave(struct detector *detector, const struct carrier *carrier, uint64_t at_ns)
{
    for (uint32_t at = carrier->first_leg; at != LEG_NONE;
         at = detector->legs[at].next_of_carrier) {
        struct stream *stream = &detector->streams[detector->legs[at].stream];
        if (stream->view.legs_up == 0) {
            silence_restart(detector, stream, 0);
            last_leg_left(detector, stream, at_ns);
        }
        user_socket(detector, stream);
    }
}

void carrier_down(struct detector *detector,
                  struct carrier *carrier,
                  const struct event *event,
                  uint64_t at_ns)
{
    const bool is_attempt = event->kind == EVENT_CONNECT_FAILED;
    const bool is_predecessor = carrier->state == CARRIER_UP && event->link.epoch != carrier->epoch;
    if (carrier_is_live(carrier) && (is_attempt || is_predecessor)) {
        return; /* what failed is another life of it: this one goes on */
    }
    struct fault *down = &carrier->faults[CARRIER_DOWN];
    if (event->link.how == LINK_END_LOCAL) {
        carrier_retire(detector, carrier, at_ns); /* we want it no more */
    } else if (down->id != 0 && !carrier_is_live(carrier)) {
        fault_repeat(detector, down); /* one more attempt: the evidence stays that of the end */
        return;
    }
    fault_clear(detector, &carrier->faults[CARRIER_NOTICE], at_ns);
    carrier->notice_due_ns = DEADLINE_NEVER;
    socket_ended(detector, carrier, at_ns);
    carrier_restart(detector, carrier, CARRIER_GONE, at_ns);
    if (event->link.how != LINK_END_LOCAL) {
        down_raise(detector, carrier, &event->link, at_ns);
    }
    streams_leave(detector, carrier, at_ns);
}

/* ---- notices --------------------------------------------------------------------------------- */

void carrier_notice(struct detector *detector,
                    struct carrier *carrier,
                    const struct event *event,
                    uint64_t at_ns)
{
    struct fault notice = carrier_fault(detector, carrier, FLATLINE_FAULT_NOTICE, at_ns);
    notice.blame = FLATLINE_SCOPE_VENUE;
    notice.evidence[0] = (uint64_t)event->note.code;
    notice.evidence[1] = event->note.value;
    text_copy(notice.text, event->note.text);
    carrier->notice_due_ns = at_ns + NOTICE_STANDS_NS;
    carriers_due_lower(detector, carrier->notice_due_ns);
    fault_raise(detector, &carrier->faults[CARRIER_NOTICE], &notice);
}

/* ---- the carrier's own deadlines ------------------------------------------------------------- */

/* Passes those up to limit_ns, which must not lie beyond its watermark. */
void carrier_timeouts(struct detector *detector, struct carrier *carrier, uint64_t limit_ns)
{
    if (carrier->notice_due_ns <= limit_ns) {
        fault_clear(detector, &carrier->faults[CARRIER_NOTICE], carrier->notice_due_ns);
        carrier->notice_due_ns = DEADLINE_NEVER;
    }
    if (carrier->stall_pending) {
        return;
    }
    if (carrier->held_due_ns <= limit_ns) {
        held_end(detector, carrier, carrier->held_due_ns);
    }
    blame_timeout(detector, carrier, limit_ns);
    if (carrier->first_data_due_ns <= limit_ns) {
        carrier_never_started(detector, carrier, carrier->first_data_due_ns);
    }
    if (carrier->acks_due_ns <= limit_ns) {
        acks_missing(detector, carrier, carrier->acks_due_ns);
    }
    if (carrier->beats_due_ns <= limit_ns) {
        pings_missed(detector, carrier, carrier->beats_due_ns);
    }
}
