/* SPDX-License-Identifier: MIT
 *
 * detector.c - creation, the one door every event comes through, the outbox. Rules:
 * docs/DETECTOR.md.
 */
#include "core/detector_calls.h"

#include <errno.h>
#include <stdlib.h>

#define OUTBOX_SPARE 256U

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct detector_policy detector_policy_default(void)
{
    struct detector_policy policy = {
        .frozen_frames = 20,
        .lagging_excess_ns = 500 * NS_PER_MS,
        .lagging_window_ns = NS_PER_S,
        .lagging_hold_ns = NS_PER_S,
        .first_data_ns = 5 * NS_PER_S,
        .key_life_ns = 3600 * NS_PER_S,
        .key_expiring_ns = 1500 * NS_PER_S,
        .proof_interval_ns = 20 * NS_PER_S,
        .self_stall_after_ns = 50 * NS_PER_MS,
        .stall_explains_ns = 60 * NS_PER_S,
        .unread_after_ns = 200 * NS_PER_MS,
        .silent_warm_up_ns = 7200 * NS_PER_S,
    };
    policy.lease_on[FLATLINE_FAULT_DOWN] = LEASE_REVOKE;
    policy.lease_on[FLATLINE_FAULT_MUTE] = LEASE_REVOKE;
    policy.lease_on[FLATLINE_FAULT_KEY_EXPIRED] = LEASE_REVOKE;
    policy.lease_on[FLATLINE_FAULT_KEY_UNKNOWN] = LEASE_REVOKE;
    return policy;
}

/* ---- creation -------------------------------------------------------------------------------- */

static bool deadlines_create(struct deadlines *deadlines, uint32_t count)
{
    uint64_t *words = calloc(deadlines_words(count) + 1U, sizeof(*words));
    if (words != NULL) {
        deadlines_init(deadlines, words, count);
    }
    return words != NULL;
}

static bool arrays_create(struct detector *detector)
{
    const struct detector_limits *limits = &detector->limits;
    /* one apply or tick may revoke or lapse every stream once, and tell or explain every stream and
     * leg once, beside what a batch of verdicts says */
    detector->outbox_size = 3U * limits->streams_max + 2U * limits->legs_max + OUTBOX_SPARE;
    detector->streams = calloc(limits->streams_max + 1U, sizeof(*detector->streams));
    detector->carriers = calloc(limits->connections_max + 1U, sizeof(*detector->carriers));
    detector->legs = calloc(limits->legs_max + 1U, sizeof(*detector->legs));
    detector->books = calloc(limits->streams_max + 1U, sizeof(*detector->books));
    detector->sides = calloc(limits->legs_max + 1U, sizeof(*detector->sides));
    detector->twins = calloc(limits->legs_max / 2U + 1U, sizeof(*detector->twins));
    detector->outbox = calloc(detector->outbox_size, sizeof(*detector->outbox));
    detector->engines =
        limits->engines_max > 0 ? engines_create(limits->engines_max, limits->gates_max) : NULL;
    detector->sockets = limits->sockets_max > 0
                            ? sockets_create(limits->sockets_max, limits->connections_max)
                            : NULL;
    if (limits->compares_twins) {
        detector->firsts =
            calloc((size_t)limits->streams_max * FIRST_SEEN_SIZE + 1U, sizeof(*detector->firsts));
    }
    detector->changed = calloc(limits->streams_max + 1U, sizeof(*detector->changed));
    return detector->streams != NULL && detector->carriers != NULL && detector->legs != NULL &&
           detector->books != NULL && detector->sides != NULL && detector->twins != NULL &&
           detector->outbox != NULL && detector->changed != NULL &&
           (!limits->compares_twins || detector->firsts != NULL) &&
           deadlines_create(&detector->lapses, limits->streams_max) &&
           deadlines_create(&detector->silence, limits->streams_max) &&
           deadlines_create(&detector->carrier_silence, limits->connections_max) &&
           deadlines_create(&detector->due_ids, limits->streams_max) &&
           deadlines_create(&detector->witnesses, limits->streams_max) &&
           deadlines_create(&detector->quiets, limits->streams_max) &&
           deadlines_create(&detector->starts, limits->legs_max) && silence_create(detector) &&
           deadlines_create(&detector->beats, limits->legs_max) &&
           deadlines_create(&detector->debts, limits->legs_max * DEBTS) &&
           (limits->engines_max == 0 || detector->engines != NULL) &&
           (limits->sockets_max == 0 || detector->sockets != NULL);
}

struct detector *detector_create(const struct detector_limits *limits,
                                 const struct detector_policy *policy)
{
    struct detector *detector = calloc(1, sizeof(*detector));
    if (detector == NULL) {
        return NULL;
    }
    detector->limits = *limits;
    detector->policy = *policy;
    if (!arrays_create(detector)) {
        detector_destroy(detector);
        return NULL;
    }
    for (uint32_t i = 0; i < DETECTOR_VENUES; i++) {
        envelope_init(&detector->envelopes[i], policy->anchor_on_frames);
    }
    detector->carriers_due_ns = DEADLINE_NEVER;
    detector->keys_due_ns = DEADLINE_NEVER;
    detector->host_due_ns = DEADLINE_NEVER;
    detector->stall_clear_ns = DEADLINE_NEVER;
    detector->works_due_ns = DEADLINE_NEVER;
    return detector;
}

void detector_destroy(struct detector *detector)
{
    if (detector == NULL) {
        return;
    }
    engines_destroy(detector->engines);
    sockets_destroy(detector->sockets);
    free(detector->streams);
    free(detector->carriers);
    free(detector->legs);
    free(detector->books);
    free(detector->sides);
    free(detector->twins);
    free(detector->outbox);
    free(detector->firsts);
    free(detector->changed);
    free(detector->silences);
    free(detector->lapses.at_ns);
    free(detector->silence.at_ns);
    free(detector->carrier_silence.at_ns);
    free(detector->due_ids.at_ns);
    free(detector->witnesses.at_ns);
    free(detector->quiets.at_ns);
    free(detector->starts.at_ns);
    free(detector->beats.at_ns);
    free(detector->debts.at_ns);
    free(detector);
}

int detector_add_stream(struct detector *detector, const struct stream_traits *traits)
{
    if (detector->stream_count == detector->limits.streams_max ||
        (uint32_t)traits->venue >= DETECTOR_VENUES) {
        return -ENOSPC;
    }
    struct stream *stream = &detector->streams[detector->stream_count];
    stream->traits = *traits;
    stream->allowance_ns = traits->allowance_ns != 0 ? traits->allowance_ns : DUE_ALLOWANCE_NS;
    stream->first_leg = LEG_NONE;
    stream->key_due_ns = DEADLINE_NEVER;
    stream->view.unproven = stream_is_user(stream);
    silence_add(detector, stream);
    debt_stream_added(detector, stream);
    return (int)detector->stream_count++;
}

int detector_add_connection(struct detector *detector, enum flatline_venue venue, uint32_t route)
{
    if (detector->carrier_count == detector->limits.connections_max ||
        detector->carrier_count == EVENT_NO_CONNECTION || (uint32_t)venue >= DETECTOR_VENUES) {
        return -ENOSPC;
    }
    struct carrier *carrier = &detector->carriers[detector->carrier_count];
    carrier->venue = venue;
    carrier->route = route;
    carrier->first_leg = LEG_NONE;
    carrier->first_data_due_ns = DEADLINE_NEVER;
    carrier->acks_due_ns = DEADLINE_NEVER;
    carrier->notice_due_ns = DEADLINE_NEVER;
    carrier->narrow_due_ns = DEADLINE_NEVER;
    carrier->look_due_ns = DEADLINE_NEVER;
    carrier->beats_due_ns = DEADLINE_NEVER;
    carrier->held_due_ns = DEADLINE_NEVER;
    return (int)detector->carrier_count++;
}

void detector_mark_spare(struct detector *detector, uint32_t connection, uint32_t of)
{
    flatline_assert(of < detector->carrier_count);
    flatline_assert(connection < detector->carrier_count);
    flatline_assert(detector->carriers[connection].leg_count == 0);
    detector->carriers[connection].is_spare = true;
    detector->carriers[connection].line = of + 1U;
    detector->carriers[of].line = of + 1U;
}

struct leg *leg_find(struct detector *detector, uint32_t stream, uint32_t connection)
{
    if (stream >= detector->stream_count) {
        return NULL;
    }
    uint32_t at = detector->streams[stream].first_leg;
    while (at != LEG_NONE && detector->legs[at].connection != connection) {
        at = detector->legs[at].next_of_stream;
    }
    return at != LEG_NONE ? &detector->legs[at] : NULL;
}

int detector_add_leg(struct detector *detector, uint32_t stream, uint32_t connection)
{
    const struct leg *known = leg_find(detector, stream, connection);
    if (known != NULL) {
        return (int)(known - detector->legs);
    }
    if (detector->leg_count == detector->limits.legs_max || stream >= detector->stream_count ||
        connection >= detector->carrier_count) {
        return -ENOSPC;
    }
    struct stream *owner = &detector->streams[stream];
    struct carrier *carrier = &detector->carriers[connection];
    const uint32_t index = detector->leg_count++;
    detector->legs[index] = (struct leg){.stream = stream,
                                         .connection = connection,
                                         .next_of_stream = owner->first_leg,
                                         .next_of_carrier = carrier->first_leg,
                                         .generation = owner->generation,
                                         .metronome = {.period_ns = owner->traits.period_ns},
                                         .push_pending = owner->traits.first_push_is_old};
    owner->first_leg = index;
    owner->view.legs += carrier->is_spare ? 0U : 1U;
    carrier->first_leg = index;
    carrier->leg_count++;
    if (carrier->leg_count == 2) {
        carrier_silence_add(detector, carrier); /* one stream alone is judged as such */
    }
    debt_leg_added(detector, &detector->legs[index]);
    legs_up_count(detector, owner);
    stream_changed(detector, owner);
    return (int)index;
}

/* ---- what comes out -------------------------------------------------------------------------- */

void finding_emit(struct detector *detector, const struct finding *finding)
{
    if (detector->outbox_count == detector->outbox_size) {
        detector->totals.findings_lost++;
        return;
    }
    const uint32_t at = (detector->outbox_head + detector->outbox_count) % detector->outbox_size;
    detector->outbox[at] = *finding;
    detector->outbox_count++;
}

bool detector_take(struct detector *detector, struct finding *ret_finding)
{
    if (detector->outbox_count == 0) {
        return false;
    }
    *ret_finding = detector->outbox[detector->outbox_head];
    detector->outbox_head = (detector->outbox_head + 1U) % detector->outbox_size;
    detector->outbox_count--;
    return true;
}

void stream_changed(struct detector *detector, struct stream *stream)
{
    if (!stream->changed) {
        stream->changed = true;
        detector->changed[detector->changed_count++] = stream_index(detector, stream);
    }
}

uint32_t detector_next_changed(struct detector *detector)
{
    if (detector->changed_count == 0) {
        return EVENT_NO_STREAM;
    }
    const uint32_t stream = detector->changed[--detector->changed_count];
    detector->streams[stream].changed = false;
    return stream;
}

const struct stream_view *detector_stream(const struct detector *detector, uint32_t stream)
{
    flatline_assert(stream < detector->stream_count);
    return &detector->streams[stream].view;
}

struct detector_sample detector_last_sample(const struct detector *detector)
{
    return detector->sample;
}

struct detector_totals detector_totals(const struct detector *detector)
{
    struct detector_totals totals = detector->totals;
    for (uint32_t i = 0; i < DETECTOR_VENUES; i++) {
        totals.unanchored_venues |= detector->envelopes[i].unanchored ? 1ULL << i : 0;
    }
    return totals;
}

/* ---- what goes in ---------------------------------------------------------------------------- */

/* Events of one connection come in receive order; a clock that goes back is not believed. */
static uint64_t time_clamp(struct detector *detector, struct carrier *carrier, uint64_t recv_ns)
{
    if (carrier == NULL || recv_ns == 0) {
        return recv_ns;
    }
    detector->totals.time_clamped += recv_ns < carrier->last_recv_ns;
    carrier->last_recv_ns = later_of(carrier->last_recv_ns, recv_ns);
    return carrier->last_recv_ns;
}

static void venue_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    if (event->time.venue >= DETECTOR_VENUES) {
        return;
    }
    struct envelope *envelope = &detector->envelopes[event->time.venue];
    if (event->kind == EVENT_SERVER_TIME) {
        envelope_anchor(envelope, at_ns, event->time.exch_wall_ns);
    } else {
        envelope_anchor_on_frames(envelope);
    }
}

static void carrier_apply(struct detector *detector,
                          struct carrier *carrier,
                          const struct event *event,
                          uint64_t at_ns)
{
    switch (event->kind) {
    case EVENT_CONNECTION_UP:
        carrier_up(detector, carrier, event, at_ns);
        break;
    case EVENT_CONNECTION_DOWN:
    case EVENT_CONNECT_FAILED:
        carrier_down(detector, carrier, event, at_ns);
        break;
    case EVENT_ACK:
        ack_apply(detector, carrier, event, at_ns);
        break;
    case EVENT_INVENTORY:
        inventory_apply(detector, carrier, event->note.value, at_ns);
        break;
    case EVENT_SUBSCRIBE_ERROR:
        refusal_apply(detector, carrier, event, at_ns);
        break;
    case EVENT_NOTICE:
        carrier_notice(detector, carrier, event, at_ns);
        break;
    case EVENT_PING:
        ping_apply(detector, carrier, at_ns);
        break;
    case EVENT_PONG:
        pong_apply(detector, carrier, at_ns);
        user_pong(detector, carrier, at_ns);
        break;
    case EVENT_DRAINED:
        watermark_set(detector, carrier, carrier->epoch, at_ns);
        break;
    default:
        break;
    }
}

void detector_apply(struct detector *detector, const struct event *event)
{
    struct carrier *carrier =
        event->connection < detector->carrier_count ? &detector->carriers[event->connection] : NULL;
    const uint64_t at_ns = time_clamp(detector, carrier, event->recv_mono_ns);

    if (at_ns == 0 && event->kind != EVENT_DATA) {
        return; /* news without a clock says nothing of when */
    }
    switch (event->kind) {
    case EVENT_DATA:
        data_apply(detector, event, at_ns);
        break;
    case EVENT_SERVER_TIME:
    case EVENT_TIME_UNREACHABLE:
        venue_apply(detector, event, at_ns);
        break;
    case EVENT_REST_BOOK:
        witness_apply(detector, event, at_ns);
        break;
    case EVENT_VENUE_STATUS:
        venue_status_apply(detector, event, at_ns);
        break;
    case EVENT_SYMBOL_STATUS:
        symbol_status_apply(detector, event, at_ns);
        break;
    case EVENT_SELF_STALL:
        stall_apply(detector, event, at_ns);
        break;
    case EVENT_CLOCK_SUSPENDED:
        suspend_apply(detector, event, at_ns);
        break;
    case EVENT_KEY_EXTENDED:
    case EVENT_KEY_EXTEND_FAILED:
    case EVENT_KEY_EXPIRED:
    case EVENT_KEY_UNKNOWN:
        user_key_apply(detector, event, at_ns);
        break;
    case EVENT_ENGINE_UP:
    case EVENT_ENGINE_SLOT:
    case EVENT_ENGINE_WORKER:
    case EVENT_ENGINE_ERROR:
    case EVENT_ENGINE_ECHO:
    case EVENT_ENGINE_ORDER:
    case EVENT_ENGINE_GATE:
    case EVENT_ENGINE_KEY:
    case EVENT_ENGINE_LOOKED:
    case EVENT_ENGINE_LEFT:
    case EVENT_GATE_ADVICE:
        engine_apply(detector, event, at_ns);
        break;
    case EVENT_SOCKET_FOUND:
    case EVENT_SOCKET_SEEN:
    case EVENT_SOCKET_GONE:
        socket_apply(detector, event, at_ns);
        break;
    default:
        if (carrier != NULL) {
            carrier_apply(detector, carrier, event, at_ns);
        }
        break;
    }
}
