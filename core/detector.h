/* SPDX-License-Identifier: MIT
 *
 * detector.h - events and time in, leases and findings out. Pure: no clock, no socket, no
 * allocation after creation, no venue names, no segment. Live running, replay and tests drive the
 * very same code.
 *
 * Silence takes the same road as a frame: detector_tick() is the event that nothing came. No
 * verdict is passed beyond a connection's watermark: a lapse or a missed deadline at T is found
 * only once every leg that carries the stream is known to be drained up to T.
 */
#ifndef FLATLINE_CORE_DETECTOR_H
#define FLATLINE_CORE_DETECTOR_H

#include "core/event.h"
#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

#define DETECTOR_NEVER UINT64_MAX

struct detector; /* opaque: detector.c */
struct silence_tail;

struct detector_limits {
    uint32_t streams_max;
    uint32_t connections_max;
    uint32_t legs_max;    /* stream x connection pairs */
    uint32_t engines_max; /* 0: none are watched */
    bool compares_twins;  /* detector_sample.behind_ns is wanted: 1.5 KiB a stream */
    uint32_t gates_max;   /* that engines may speak of */
    uint32_t sockets_max; /* connections of engines; 0: no sockets are looked at, nor our own */
};

/* What a fault does to the leases of the streams in its scope; the policy table of DESIGN
 * section 7. */
enum lease_action { LEASE_KEEP, LEASE_REVOKE };

struct detector_policy {
    uint32_t frozen_frames;     /* 20 */
    uint64_t lagging_excess_ns; /* 500 ms: p95 over the window above this ... */
    uint64_t lagging_window_ns; /* 1 s */
    uint64_t lagging_hold_ns;   /* ... for this long: 1 s */
    uint64_t first_data_ns;     /* 5 s */
    uint64_t key_life_ns;       /* 60 min */
    uint64_t key_expiring_ns;   /* 25 min left */
    /* own stamped ping on the private socket, 20 s: a proof lasts three of these */
    uint64_t proof_interval_ns;
    /* what the callers call a stall, 50 ms: told in its evidence */
    uint64_t self_stall_after_ns;
    /* closes 4004/4005/1008 this long after our stall are ours: 60 s */
    uint64_t stall_explains_ns;
    /* a byte in an engine's receive queue unread for longer is ENGINE_BEHIND: 200 ms */
    uint64_t unread_after_ns;
    /* SILENT by what was learned: one false alarm of all streams together in so long; 0: off, and
     * only silent_after counts */
    uint64_t silent_every_ns;
    uint64_t silent_warm_up_ns; /* 2 h: nothing is provable before a stream was heard so long */
    uint64_t silent_cap_ns; /* a silence of this length is SILENT whatever was learned; 0: none */
    uint8_t lease_on[FLATLINE_FAULT_COUNT]; /* enum lease_action by fault kind */
    /* replay: the envelope starts with the first frames; live: with EVENT_SERVER_TIME */
    bool anchor_on_frames;
};

/** The policy of DESIGN sections 3, 7 and 9 with nothing configured. */
struct detector_policy detector_policy_default(void);

/** Creates a detector; the only allocation it makes. NULL: out of memory. */
struct detector *detector_create(const struct detector_limits *limits,
                                 const struct detector_policy *policy);
void detector_destroy(struct detector *detector);

/** Adds a stream, a connection, a leg. All before the first event when live; replay adds as
 *  names appear. Returns the index (streams and connections count from 0 in the order added),
 *  or -ENOSPC. A leg added twice is one leg. */
int detector_add_stream(struct detector *detector, const struct stream_traits *traits);
int detector_add_connection(struct detector *detector, enum flatline_venue venue, uint32_t route);
int detector_add_leg(struct detector *detector, uint32_t stream, uint32_t connection);

/** Says that a connection is only ever the successor of another, `of`, made before that one is
 *  given up: stream_view.legs counts what is meant to be up, and so not its legs; and the two stand
 *  in each other's place, as no third one does, be it of the same route. Before its first leg is
 *  added. */
void detector_mark_spare(struct detector *detector, uint32_t connection, uint32_t of);

/** Says how often the venue pings a connection, and how often we ping it; 0 = not at all, or not known.
 *  Before its first event. */
void detector_set_pings(struct detector *detector,
                        uint32_t connection,
                        uint64_t server_ping_ns,
                        uint64_t own_ping_ns);

/** Adds a gate, in the order of its index, so that an engine that quotes while it is closed can be
 *  found. `members` is copied. both: it is closed for an engine that is behind, too. Returns the index,
 *  or -ENOSPC. */
int detector_add_gate(struct detector *detector,
                      const struct flatline_gate_member *members,
                      uint32_t member_count,
                      bool both);
#define DETECTOR_GATE_MEMBERS_MAX 32U

/* A finding: something that changed and that people, or the event ring, want to know. */
enum finding_kind {
    FINDING_LAPSE, /* at_ns == lease_until exactly */
    /* at_ns = receive time of the renewing frame; onset_ns = when it had lapsed (0: first lease
     * ever) */
    FINDING_RENEW,
    FINDING_REVOKE, /* the lease went to 0; fault_kind says why */
    FINDING_FAULT,  /* a fault opened */
    FINDING_UPDATE, /* an open fault repeated: count and evidence grew */
    FINDING_CLEAR   /* a fault cleared at cleared_ns */
};

struct finding {
    uint8_t kind;        /* enum finding_kind */
    uint8_t fault_kind;  /* enum flatline_fault_kind */
    uint8_t scope;       /* enum flatline_scope */
    uint8_t blame;       /* enum flatline_scope: HOST = ourselves */
    uint8_t confidence;  /* percent */
    bool drill;          /* of a fault: it stands only because of a drill */
    uint16_t connection; /* EVENT_NO_CONNECTION = not of one connection */
    uint32_t stream;     /* EVENT_NO_STREAM = not of one stream */
    uint64_t fault_id;   /* 1, 2, 3 ... in order of opening */
    uint64_t onset_ns;   /* first missed event */
    uint64_t at_ns;      /* when it became provable, on the event clock */
    uint64_t cleared_ns;
    uint64_t count;
    uint64_t evidence[FLATLINE_EVIDENCE_WORDS]; /* in the order of the kind's keys in layout.h */
    char text[FLATLINE_TEXT_BYTES];
};

/** Takes the oldest finding. false: none left. Findings wait in a bounded outbox: drain it
 *  after each apply and each tick. If it is ever full the finding is dropped and
 *  detector_totals.findings_lost counts it. */
bool detector_take(struct detector *detector, struct finding *ret_finding);

/** Applies one event. Events of one connection come in receive order. recv_mono_ns going back
 *  is clamped and counted; recv_mono_ns 0 (no clock): ids are checked and frames counted,
 *  nothing is timed. Cost: constant; no deadline structure is walked. */
void detector_apply(struct detector *detector, const struct event *event);

/** Sets how far a connection is known to be drained; monotone within an epoch. link_epoch is
 *  the connection's epoch the watermark was stored under: it counts only when it equals the
 *  epoch of the last EVENT_CONNECTION_UP applied. A connection that is down is drained by
 *  definition: pass its watermark as now. */
void detector_watermark(struct detector *detector,
                        uint32_t connection,
                        uint16_t link_epoch,
                        uint64_t drained_mono_ns);

/** Passes the verdicts that are due: deadlines <= now and <= the watermark of every leg
 *  concerned. Bounded: at most DETECTOR_TICK_MAX verdicts; returns true if more are due (drain
 *  the outbox and call again). Cost: a compare when nothing is due. */
bool detector_tick(struct detector *detector, uint64_t now_mono_ns);
#define DETECTOR_TICK_MAX 64

/** Lets the ids become due that engines must have by now. It rests on what was seen alone, so no
 *  watermark holds it: now is the caller's own clock, and may be ahead of detector_tick()'s, which
 *  does the same. Returns when to call again, or later. Cost: a compare within a millisecond of the
 *  last call. */
uint64_t detector_due_ids(struct detector *detector, uint64_t now_mono_ns);

/** The earliest deadline of anything, DETECTOR_NEVER if none: when ingest, asleep, should wake.
 *  May be early, never late. */
uint64_t detector_next_deadline(const struct detector *detector);

/* What the publisher and replay read of a stream; plain memory of the judge thread. */
struct stream_view {
    uint64_t lease_until_ns; /* 0 = revoked or never */
    uint64_t quiet_until_ns; /* lapsed, but only quiet until then; 0 = nothing to tell it by */
    uint64_t due_id;
    uint64_t lost_count;
    uint64_t revoked_by; /* enum flatline_fault_kind */
    uint64_t last_recv_ns;
    uint64_t last_newer_ns;
    int64_t last_exch_wall_ns;
    uint64_t frontier_id;
    int64_t bid_e8;
    int64_t ask_e8;
    uint64_t excess_lag_ns;
    uint64_t frames;
    uint64_t gaps;
    uint64_t resets;
    uint64_t regressed;
    uint64_t repeated;
    uint64_t absurd;
    uint64_t lapses;
    uint64_t lapsed_ns;
    uint64_t lapsed_since_ns; /* 0 = not lapsed */
    /* a silence this long would be SILENT now; 0 = none would, or not yet */
    uint64_t silence_provable_ns;
    uint64_t open_faults;   /* 1 << kind */
    uint64_t rest_seen_ns;  /* when REST last told of its book; 0 = was not asked */
    uint64_t rest_moved_ns; /* and when it last told of a change */
    uint64_t book_debt;     /* enum flatline_debt */
    uint64_t book_debt_waits;
    uint64_t book_allowance_ns;
    uint32_t legs;    /* meant to be up */
    uint32_t legs_up; /* one more while a successor takes over */
    bool ever_leased;
    /* account streams: no event yet on this socket; the lease rests on key and pong alone */
    bool unproven;
};

const struct stream_view *detector_stream(const struct detector *detector, uint32_t stream);

/** How many there are whose silences may be learned: the streams, and behind them, in the order of
 *  their indices, the connections (of all their streams together); the last is all of these
 *  together. */
uint32_t detector_silence_count(const struct detector *detector);

/** What was learned of the silences of one of these, for a file; NULL: nothing is. Stands still
 *  between the calls of the thread that owns the detector. */
const struct silence_tail *detector_silence(const struct detector *detector, uint32_t index);

/** Gives back what an earlier life learned, before the first event. false: not learned here, or it
 *  cannot be so. */
bool detector_recall_silence(struct detector *detector,
                             uint32_t index,
                             const struct silence_tail *tail);

/** Bit set of streams changed since the last call, by iteration: returns the next changed
 *  stream and clears its mark, or EVENT_NO_STREAM. Bounded by the number of streams changed. */
uint32_t detector_next_changed(struct detector *detector);

/* What the last applied data event meant for the histograms: recorded by the caller, who owns
 * them. */
struct detector_sample {
    bool has_interarrival; /* since the previous frame of the same leg */
    /* behind another connection that was the first to bring this very frame */
    bool has_behind;
    bool has_lag; /* a causal excess lag, above the envelope */
    uint64_t interarrival_ns;
    uint64_t excess_lag_ns;
    uint64_t behind_ns;
};
struct detector_sample detector_last_sample(const struct detector *detector);

struct detector_totals {
    uint64_t time_clamped; /* receive times that went back */
    uint64_t time_absurd;
    uint64_t findings_lost;
    /* data events of an unknown stream or leg: counted, and nothing else */
    uint64_t strays;
    uint64_t stalls;
    uint64_t explained;         /* faults that a larger one explains: not told */
    uint64_t unanchored_venues; /* bits, 1 << venue */
};
struct detector_totals detector_totals(const struct detector *detector);

#endif
