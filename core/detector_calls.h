/* SPDX-License-Identifier: MIT
 *
 * detector_calls.h - what the files of the detector ask of one another, file by file. Its state:
 * core/detector_state.h.
 */
#ifndef FLATLINE_CORE_DETECTOR_CALLS_H
#define FLATLINE_CORE_DETECTOR_CALLS_H

#include "core/detector_state.h"

/* detector.c */
void finding_emit(struct detector *detector, const struct finding *finding);
void stream_changed(struct detector *detector, struct stream *stream);
struct leg *leg_find(struct detector *detector, uint32_t stream, uint32_t connection);

/* detector_data.c */
void data_apply(struct detector *detector, const struct event *event, uint64_t recv_ns);

/* detector_lag.c */
/* Returns the part of the frame's excess lag that is its connection's. */
uint64_t lagging_apply(struct detector *detector, const struct arrival *a);
void lag_restart(struct carrier *carrier);

/* detector_held.c */
void held_end(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
#define HELD_LEAST_NS (500 * NS_PER_MS) /* a silence that may be data held back */
void held_begin(struct carrier *carrier, uint64_t recv_ns);

/* A frame: behind a silence of its connection? */
static inline void held_watch(struct carrier *carrier, uint64_t recv_ns)
{
    if (UNLIKELY(recv_ns > carrier->last_data_ns + HELD_LEAST_NS)) {
        held_begin(carrier, recv_ns);
    }
}

void held_apply(struct detector *detector, const struct arrival *a, uint64_t late_ns);

/* detector_lease.c */
void lease_settle(struct detector *detector, struct stream *stream, uint64_t until_ns);
void lease_grant(struct detector *detector,
                 struct stream *stream,
                 uint64_t lease_until_ns,
                 uint64_t recv_ns);
void lease_revoke(struct detector *detector,
                  struct stream *stream,
                  enum flatline_fault_kind kind,
                  uint64_t at_ns);
void lease_unhold(struct detector *detector, struct stream *stream, enum flatline_fault_kind kind);

/* detector_fault.c: `fault` is the owner's slot; `what` says kind, scope, stream, connection,
 * onset, at, evidence, text. */
void fault_raise(struct detector *detector, struct fault *fault, const struct fault *what);
void fault_repeat(struct detector *detector, struct fault *fault);
void fault_clear(struct detector *detector, struct fault *fault, uint64_t at_ns);
void fault_retell(struct detector *detector, struct fault *fault, uint64_t at_ns);
void text_copy(char *to, const char from[EVENT_TEXT_BYTES]);

/* detector_link.c */

/* Of a connection, which is to blame; for the caller to say more. */
struct fault carrier_fault(const struct detector *detector,
                           const struct carrier *carrier,
                           enum flatline_fault_kind kind,
                           uint64_t at_ns);
void carrier_up(struct detector *detector,
                struct carrier *carrier,
                const struct event *event,
                uint64_t at_ns);
void carrier_down(struct detector *detector,
                  struct carrier *carrier,
                  const struct event *event,
                  uint64_t at_ns);
void carrier_imply(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void leg_ready(struct detector *detector, struct leg *leg);
void legs_ready(struct detector *detector, const struct carrier *carrier);
/* Data frames of the venue's other routes, ever. */
uint64_t other_routes_frames(const struct detector *detector, const struct carrier *carrier);
void carrier_delivers(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void carrier_notice(struct detector *detector,
                    struct carrier *carrier,
                    const struct event *event,
                    uint64_t at_ns);
void carrier_timeouts(struct detector *detector, struct carrier *carrier, uint64_t limit_ns);
void ack_apply(struct detector *detector,
               struct carrier *carrier,
               const struct event *event,
               uint64_t at_ns);
void legs_up_count(struct detector *detector, struct stream *stream);
void carriers_due_lower(struct detector *detector, uint64_t at_ns);

/* detector_start.c */
void start_arm(struct detector *detector, struct carrier *carrier, uint64_t from_ns);
void start_disarm(struct detector *detector, struct carrier *carrier);
void start_settle(struct detector *detector,
                  struct leg *leg,
                  struct carrier *carrier,
                  uint64_t until_ns);
void start_seen(struct detector *detector,
                struct leg *leg,
                struct carrier *carrier,
                uint64_t at_ns);
void leg_never_started(struct detector *detector, struct leg *leg, uint64_t at_ns);
void carrier_never_started(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void acks_missing(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void inventory_apply(struct detector *detector,
                     struct carrier *carrier,
                     uint64_t listed,
                     uint64_t at_ns);
void refusal_apply(struct detector *detector,
                   struct carrier *carrier,
                   const struct event *event,
                   uint64_t at_ns);

/* detector_debt.c */
void debt_stream_added(struct detector *detector, struct stream *stream);
void debt_leg_added(struct detector *detector, struct leg *leg);
void debt_apply(struct detector *detector, const struct arrival *a);
void debts_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void debt_ids_restart(struct detector *detector, struct stream *stream, uint64_t at_ns);
void debts_restart(struct detector *detector, struct carrier *carrier, uint64_t from_ns);
uint64_t
debt_allowance_ns(const struct detector *detector, const struct leg *leg, enum debt_kind kind);
uint64_t debt_lag_ns(const struct detector *detector, const struct leg *leg, enum debt_kind kind);
uint64_t debt_due_ns(const struct detector *detector, const struct leg *leg, enum debt_kind kind);
void debt_due_set(struct detector *detector,
                  const struct leg *leg,
                  enum debt_kind kind,
                  uint64_t due_ns);
void debt_wait_end(struct detector *detector, const struct leg *leg, struct debt *debt);
void debt_end(struct detector *detector, struct leg *leg, enum debt_kind kind, uint64_t at_ns);
bool leg_has_twin(const struct detector *detector, const struct leg *leg);

/* Who has shown what a leg owes: evidence `witness`, docs/EVIDENCE.md. */
enum debt_witness { BY_CHANNEL, BY_BEST, BY_TWIN, BY_REST };

/* detector_mute.c */
uint32_t debts_pass(struct detector *detector, uint64_t now_ns, uint32_t most);

/* detector_stall.c */
void stall_apply(struct detector *detector, const struct event *event, uint64_t at_ns);
void stall_restart(struct detector *detector, struct carrier *carrier, uint64_t drained_ns);
void suspend_apply(struct detector *detector, const struct event *event, uint64_t at_ns);
bool stall_explains(const struct detector *detector, uint64_t sent_ns);

/* detector_user.c */
void user_event(struct detector *detector,
                struct stream *stream,
                struct carrier *carrier,
                uint64_t at_ns);
void user_pong(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void user_socket(struct detector *detector, struct stream *stream);
void user_key_apply(struct detector *detector, const struct event *event, uint64_t at_ns);

/* What engines report of an account's key; 0 = nothing. */
struct key_report {
    uint64_t extended_ns; /* the newest */
    uint64_t failures;    /* of who extended last, since it began */
    uint64_t fingerprint;
    uint64_t proven_ns; /* the newest of an engine that lives */
};

void user_reported(struct detector *detector,
                   struct stream *stream,
                   const struct key_report *report,
                   uint64_t at_ns);
void user_timeouts(struct detector *detector, uint64_t limit_ns);

enum { CONFIDENCE_CONTRAST = 90, CONFIDENCE_UNDECIDED = 50 };

/* detector_cohort.c */
bool carrier_is_outheard(const struct detector *detector,
                         const struct carrier *carrier,
                         uint64_t since_ns,
                         uint64_t at_ns);
/* Is it one of those whose silence says something? */
bool carrier_is_member(const struct detector *detector, const struct carrier *carrier);
bool blame_is_alone(const struct detector *detector, const struct carrier *carrier);
bool blame_may_be_ours(const struct detector *detector,
                       const struct carrier *carrier,
                       uint64_t at_ns);
bool blame_carrier_look(struct detector *detector, struct carrier *carrier, uint64_t at_ns);

void blame_stream_silent(struct detector *detector, const struct stream *stream, uint64_t at_ns);
void blame_held_back(struct detector *detector, struct carrier *carrier, uint64_t excess_ns);

/* detector_blame.c */
void blame_look_at(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void blame_retell_carrier(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void blame_of_leg(const struct detector *detector, const struct leg *leg, struct fault *mute);
bool blame_explains(const struct detector *detector, const struct fault *what);
void blame_retell_stream(struct detector *detector, struct stream *stream, uint64_t at_ns);
void blame_retell_venue(struct detector *detector, enum flatline_venue venue, uint64_t at_ns);
void blame_retell_all(struct detector *detector, uint64_t at_ns);
void blame_leg_mute(struct detector *detector, const struct leg *leg, uint64_t at_ns);
void blame_stream_speaks(struct detector *detector, const struct stream *stream, uint64_t at_ns);
void blame_leg_speaks(struct detector *detector, const struct leg *leg, uint64_t at_ns);
void blame_of_carrier(const struct detector *detector,
                      const struct carrier *carrier,
                      struct fault *silence);
void blame_carrier_silent(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void blame_carrier_speaks(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void blame_carrier_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void blame_timeout(struct detector *detector, struct carrier *carrier, uint64_t limit_ns);

/* detector_witness.c */
void witness_apply(struct detector *detector, const struct event *event, uint64_t at_ns);
void witness_forget(struct detector *detector, struct stream *stream);
void witness_leg_speaks(struct detector *detector, struct leg *leg, uint64_t at_ns);
uint32_t witnesses_pass(struct detector *detector, uint64_t now_ns, uint32_t most);

/* detector_venue.c */
void venue_status_apply(struct detector *detector, const struct event *event, uint64_t at_ns);
void works_timeouts(struct detector *detector, uint64_t now_ns);
void symbol_status_apply(struct detector *detector, const struct event *event, uint64_t at_ns);

/* detector_metronome.c */
void beats_heard(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void beats_apply(struct detector *detector, const struct arrival *a);
void leg_beats_missed(struct detector *detector, struct leg *leg, uint64_t at_ns);
void ping_apply(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void pong_apply(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void pings_missed(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void beats_restart(struct detector *detector, struct carrier *carrier, uint64_t from_ns);
void beats_forgive(struct detector *detector, struct carrier *carrier, uint64_t at_ns);

/* detector_quiet.c */
void quiet_sign(const struct arrival *a);
void quiet_arm(struct detector *detector, struct stream *stream);
void quiet_end(struct detector *detector, struct stream *stream, uint64_t at_ns);
void quiets_pass(struct detector *detector, uint64_t now_ns);

/* detector_engine.c */
struct engines *engines_create(uint32_t engines_max, uint32_t gates_max);
void engines_destroy(struct engines *engines);
void engine_apply(struct detector *detector, const struct event *event, uint64_t at_ns);

/* The name an engine gave itself; empty where it is not up. */
const char *engine_name(const struct detector *detector, uint32_t engine);

/* detector_socket.c */
struct sockets *sockets_create(uint32_t sockets_max, uint32_t connections_max);
void sockets_destroy(struct sockets *sockets);
void socket_apply(struct detector *detector, const struct event *event, uint64_t at_ns);

/* The longest that a byte waited in our own socket lately, as looks saw it. */
struct own_wait {
    bool was_seen; /* somebody looked */
    uint64_t ns;
};
struct own_wait
own_wait_since(const struct detector *detector, const struct carrier *carrier, uint64_t since_ns);

/* What we left unread for a quarter of the limit of lag is our own doing. */
static inline bool own_wait_blames_us(const struct detector *detector, const struct own_wait *wait)
{
    return wait->ns >= detector->policy.lagging_excess_ns / 4U;
}

void socket_ended(struct detector *detector, struct carrier *carrier, uint64_t at_ns);

/* detector_silence.c */
bool silence_create(struct detector *detector);
void silence_add(struct detector *detector, struct stream *stream);
void silence_settle(struct detector *detector, struct stream *stream, uint64_t until_ns);
/* A frame came; is_whole: nothing between it and the one before is known to be missing. */
void silence_end(struct detector *detector, struct stream *stream, uint64_t at_ns, bool is_whole);
/* Silence so far proves nothing, it counts again from from_ns; 0: from the next frame. */
void silence_restart(struct detector *detector, struct stream *stream, uint64_t from_ns);
void silences_forget(struct detector *detector);
uint32_t silences_pass(struct detector *detector, uint64_t now_ns, uint32_t most);
/* What proves it, as numbers: evidence of SILENT. silence NULL: its limit is fixed. */
void silence_tell(const struct detector *detector,
                  const struct silence *silence,
                  uint64_t silence_ns,
                  uint64_t limit_ns,
                  uint64_t evidence[FLATLINE_EVIDENCE_WORDS]);
/* Many streams together may come as regularly as their batches; no network is as regular. */
#define TOGETHER_LEAST_NS NS_PER_S

/* The limit of such; 0: nothing is provable yet. */
static inline uint64_t silence_limit_together_ns(const struct silence *silence)
{
    const uint64_t learned_ns = silence->limit_ns;
    return learned_ns != 0 && learned_ns < TOGETHER_LEAST_NS ? TOGETHER_LEAST_NS : learned_ns;
}

/* The same of all streams of a connection together. */
void carrier_silence_add(struct detector *detector, struct carrier *carrier);
void carrier_silence_settle(struct detector *detector, struct carrier *carrier, uint64_t until_ns);
void silence_excuse(struct detector *detector, struct stream *stream, uint64_t at_ns);
void carrier_silences_excuse(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void carrier_silence_found(struct detector *detector, struct carrier *carrier, uint64_t at_ns);
void carrier_silence_end(struct detector *detector,
                         struct carrier *carrier,
                         const struct arrival *a);
void carrier_silences_anew(struct detector *detector, const struct stream *stream);
void carrier_silence_restart(struct detector *detector, struct carrier *carrier, uint64_t from_ns);
uint32_t carrier_silences_pass(struct detector *detector, uint64_t now_ns, uint32_t most);

/* detector_host.c */
/* Where host_silence is learned. */
void host_heard(struct detector *detector, uint64_t at_ns);

static inline void all_heard(struct detector *detector, uint64_t at_ns)
{
    if (detector->host_silence != NULL) {
        host_heard(detector, at_ns);
    }
}

void host_speaks(struct detector *detector, uint64_t at_ns);
void host_restart(struct detector *detector, uint64_t from_ns);
void host_pass(struct detector *detector, uint64_t now_ns);

/* Up to when all of a stream is known, and whether its silence has begun anew since our stall. */
struct reach {
    uint64_t drained_ns;
    bool stall_pending;
};

/* detector_tick.c */
uint64_t carrier_drained_ns(const struct carrier *carrier);
struct reach stream_reach(const struct detector *detector, const struct stream *stream);
uint64_t stream_drained_ns(const struct detector *detector, const struct stream *stream);
void watermark_set(struct detector *detector,
                   struct carrier *carrier,
                   uint16_t epoch,
                   uint64_t up_to_ns);

#endif
