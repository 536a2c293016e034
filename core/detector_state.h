/* SPDX-License-Identifier: MIT
 *
 * detector_state.h - what the files of the detector share: streams, connections, the legs between
 * them, and open faults.
 *
 *     detector.c        creation, the door every event comes through, the outbox
 *     detector_data.c   a data frame: arrival, sequence, lag, lease
 *     detector_lag.c    LAGGING: whose lateness, since when
 *     detector_lease.c  lapse, renewal, revocation, reopening
 *     detector_fault.c  raising and clearing, and what a fault does to leases
 *     detector_link.c   connections: up, down, acknowledgements, notices
 *     detector_start.c  first data that does not come
 *     detector_debt.c   updates that another channel or the twin has shown: who owes what
 *     detector_check.c  whether channels of a book count in the same ids, where that is not known
 *     detector_mute.c   what is owed is overdue: whose fault
 *     detector_stall.c  our own stalls
 *     detector_silence.c  silence too long for its stream, by what was learned or by a fixed limit
 *     detector_user.c   account streams and their keys
 *     detector_metronome.c beats that do not come: timers, pings, pongs
 *     detector_quiet.c  lapsed, but only quiet
 *     detector_engine.c engines: what they tell of themselves, held against what the witness knows
 *     detector_venue.c  what a venue says of itself
 *     detector_socket.c what the kernel says of connections, the engines' and our own
 *     detector_quoting.c quotes that outlive their gate
 *     detector_tick.c   watermarks and the verdicts that time alone passes
 *
 * A new kind of evidence is a file of its own: it keeps its state in struct leg, carrier or
 * stream, raises through fault_raise(), and has its deadlines asked in detector_tick(). Nothing
 * else needs to know of it.
 */
#ifndef FLATLINE_CORE_DETECTOR_STATE_H
#define FLATLINE_CORE_DETECTOR_STATE_H

#include "core/base.h"
#include "core/cusum.h"
#include "core/deadlines.h"
#include "core/detector.h"
#include "core/detector_debt.h"
#include "core/detector_venue.h"
#include "core/due_id.h"
#include "core/envelope.h"
#include "core/first_seen.h"
#include "core/id_check.h"
#include "core/key_lease.h"
#include "core/lag_split.h"
#include "core/lagging.h"
#include "core/metronome.h"
#include "core/sequence.h"
#include "core/silence.h"

#define DETECTOR_VENUES  4U
#define DUE_ALLOWANCE_NS (150 * NS_PER_MS)
#define LEG_NONE         UINT32_MAX
#define KIND_BIT(kind)   (1ULL << (kind))
/* while one of these stands, how frames come says nothing of the market */
#define KINDS_SUSPECT                                                                              \
    (KIND_BIT(FLATLINE_FAULT_DOWN) | KIND_BIT(FLATLINE_FAULT_NEVER_STARTED) |                      \
     KIND_BIT(FLATLINE_FAULT_WRONG_ROUTE) | KIND_BIT(FLATLINE_FAULT_REGRESSED) |                   \
     KIND_BIT(FLATLINE_FAULT_FROZEN) | KIND_BIT(FLATLINE_FAULT_LAGGING) |                          \
     KIND_BIT(FLATLINE_FAULT_MUTE) | KIND_BIT(FLATLINE_FAULT_HALF_OPEN) |                          \
     KIND_BIT(FLATLINE_FAULT_BACKLOG))
/* faults that a stream may have open and still be only quiet */
#define QUIET_WITH (KIND_BIT(FLATLINE_FAULT_NOTICE) | KIND_BIT(FLATLINE_FAULT_SELF_STALL))

/* A finding that stands until it is cleared. id 0: not open. */
struct fault {
    uint64_t id;
    uint64_t onset_ns;
    uint64_t at_ns;
    uint64_t count;
    uint64_t evidence[FLATLINE_EVIDENCE_WORDS];
    uint32_t stream;
    uint16_t connection;
    uint8_t kind;
    uint8_t scope;
    uint8_t blame;
    uint8_t confidence;
    bool drill;      /* stands only because of a drill */
    bool is_summary; /* tells what others under it have in common; they act, it does not */
    bool explained;  /* by a larger one: it acts, and is not told */
    char text[FLATLINE_TEXT_BYTES];
};

enum leg_fault {
    LEG_GAP,
    LEG_REGRESSED,
    LEG_FROZEN,
    LEG_START,
    LEG_LAGGING,
    LEG_MUTE,
    LEG_BEATS,
    LEG_FAULTS
};

enum carrier_fault {
    CARRIER_DOWN,
    CARRIER_NOTICE,
    CARRIER_START,
    CARRIER_INVENTORY,
    CARRIER_LAGGING,
    CARRIER_HALF_OPEN,
    CARRIER_BACKLOG, /* bytes that we leave unread */
    CARRIER_HELD,    /* the same kind, of what was held back on the way */
    CARRIER_MUTE,
    CARRIER_SILENT,
    CARRIER_CHANNEL, /* summary: all streams of one channel are mute */
    CARRIER_BEATS,
    CARRIER_FAULTS
};

enum stream_fault {
    STREAM_SILENT,
    STREAM_KEY_EXPIRING,
    STREAM_KEY_EXPIRED,
    STREAM_KEY_UNKNOWN,
    STREAM_HALTED,
    STREAM_FAULTS
};

/* A stream as one connection carries it. */
struct leg {
    uint32_t stream;
    uint32_t connection;
    uint32_t next_of_stream;
    uint32_t next_of_carrier;
    struct sequence sequence;
    uint64_t last_recv_ns; /* 0 = no frame in this life of the connection */
    uint64_t beyond_key;   /* REGRESSED and FROZEN clear at a key above this: survives reconnects */
    uint64_t repeats_since_ns;
    int64_t doubted_wall_ns; /* the last exchange time that was not believed */
    uint32_t repeats;        /* in a row */
    uint32_t generation;     /* of the ids: behind its stream's, it has not seen the reset yet */
    uint64_t reset_ns; /* its ids begin anew since then, unlinked; 0 = they do not, or have begun */
    uint64_t gaps;
    uint64_t regressed;
    bool started;          /* has delivered in this life */
    bool acked;            /* its subscription was acknowledged in this life */
    bool push_pending;     /* the next frame is the first push after a subscribe */
    uint32_t behind_count; /* samples in a row behind what its connection had delivered, and ... */
    uint64_t behind_since_ns; /* ... since when, */
    uint64_t behind_ns;       /* ... and the last of them */
    uint64_t first_ns;        /* first data of this life; 0 = none yet */
    uint32_t side;            /* of its book; SIDE_NONE */
    uint8_t owes;             /* enum stream_owes: what is asked of it now */
    bool shows_ids;           /* that others of its book may owe */
    bool is_checked;          /* what it owes has to be borne out */
    /* it was found silent: an answer until then is a late one; 0 = it was not */
    uint64_t answers_until_ns;
    uint32_t next_of_side;
    /* as it last showed it, where it owes every change of it; as it stood at the newest id, where it owes
     * each and is checked. Sizes 0: not known */
    struct best best;
    struct debt debts[DEBTS];
    struct own_waits own_waits; /* of this life */
    uint64_t open;              /* kinds open on this leg */
    struct metronome metronome; /* where the venue pushes by a timer */
    struct fault faults[LEG_FAULTS];
};

enum carrier_state {
    CARRIER_IDLE,    /* never heard of: no open socket, drained by definition */
    CARRIER_IMPLIED, /* delivers, but nobody announced it (replay): drained by definition */
    CARRIER_UP,      /* announced: no verdict beyond its watermark */
    CARRIER_GONE,
};

/* When a stream last had something new to say. stream: meaningless while at_ns is 0. */
struct sign_of_life {
    uint64_t at_ns;
    uint32_t stream;
};

/* A silence of a connection behind which it shows whether what it brings was held back. */
struct held {
    uint64_t from_ns;    /* its last frame before */
    uint64_t at_ns;      /* its first behind; 0: nothing is to be shown */
    uint64_t onset_ns;   /* when the first that was held should have come */
    uint64_t worst_ns;   /* how late */
    uint64_t resumed_ns; /* at_ns of the last that was found, ... */
    uint64_t found_ns;   /* ... and when; 0: never */
    uint32_t samples;    /* late ones */
};

/* A connection, as carrier of legs. */
struct carrier {
    enum flatline_venue venue;
    uint32_t route;
    enum carrier_state state;
    uint16_t epoch;
    uint16_t watermark_epoch;
    uint64_t watermark_ns;
    uint64_t last_recv_ns; /* receive times never go back behind this */
    uint64_t up_ns;
    uint64_t excess_ns; /* of its last lag sample, the part that is the connection's */
    /* of the two streams that spoke last, the later first: so that there is always one of another */
    struct sign_of_life signs[2];
    uint64_t data_frames;
    uint64_t other_frames_at_up; /* what other routes of its venue had delivered then */
    uint64_t first_data_due_ns;
    uint64_t acks_due_ns;
    uint64_t notice_due_ns;
    uint64_t look_due_ns;   /* when its undecided blame is looked at again */
    uint64_t narrow_due_ns; /* until when a channel's summary may explain what is still mute */
    uint64_t held_due_ns;   /* until when CARRIER_HELD stands */
    uint64_t beats_due_ns;  /* when its pings, or pongs, will have been missed */
    uint32_t acks_expected;
    uint32_t acks;
    uint32_t first_leg;
    uint32_t leg_count;
    uint32_t line; /* the same for those that take each other's place; 0 = not known */
    bool
        is_spare; /* only ever the successor of another: its legs are not missing while it is down */
    bool started;
    uint8_t mute_channel;     /* stream_traits.channel of CARRIER_CHANNEL */
    bool stall_pending;       /* our stall is over, but no drained pass has been seen since */
    uint64_t speaks_since_ns; /* since then without a break, ... */
    uint64_t pause_from_ns;   /* its longest silence of late: from one frame ... */
    uint64_t pause_to_ns;     /* ... to the next */
    uint64_t last_data_ns;    /* of a frame on any of its legs, in this life */
    uint32_t debts_waiting;   /* of its legs, for its next frame */
    uint64_t debts_from_ns;   /* no allowance counts from before: our last stall */
    uint64_t twins_from_ns;   /* nothing shown before is owed to twins */
    struct lagging lagging;   /* of the part of the lag that is the connection's */
    struct lag_split lag_split;
    struct cusum lag_cusum;
    struct held held;
    struct metronome pings; /* the venue's */
    struct metronome pongs; /* to ours */
    struct lag_window lags;
    struct silence *silence;    /* of all its streams together; NULL: is not learned */
    struct fault beats_missing; /* found, but undecided: not told. onset_ns 0: none are */
    uint64_t open;
    struct fault faults[CARRIER_FAULTS];
};

/* What REST has told of a stream's book. */
struct rest_sight {
    uint64_t levels;   /* of its last answer; 0 = none yet */
    uint64_t asked_ns; /* and when it was asked */
    uint64_t since_ns; /* no frame since then owes the change ... */
    uint64_t moved_ns; /* ... that was seen then */
    uint64_t id;
};

struct stream {
    struct stream_traits traits;
    struct stream_view view;
    enum sequence_mode mode;
    uint64_t newest; /* greatest key any leg has shown */
    bool has_newest;
    uint32_t generation;
    uint32_t first_leg;
    uint32_t book; /* BOOK_NONE */
    struct id_check id_check;
    uint32_t twin;            /* its frontier, once it has two legs; TWIN_NONE */
    uint64_t held;            /* kinds that keep it closed until their reopen condition */
    uint64_t closed_since_ns; /* lapsed or revoked since; 0 = open, or never was */
    bool changed;
    bool halted; /* the venue says that its symbol does not trade */
    uint64_t allowance_ns;
    struct due_id due;
    struct rest_sight rest;
    uint64_t told_id;         /* newest id that an engine has told of beyond ours */
    uint64_t engine_heard_ns; /* when it told of another such; 0: never */
    struct key_lease key;     /* account streams */
    uint64_t key_due_ns;
    uint64_t key_failures_before; /* of an engine's count, when it last extended */
    struct silence *silence;      /* NULL: its silence is not learned */
    uint64_t open;
    struct fault faults[STREAM_FAULTS];
};

struct detector {
    struct detector_limits limits;
    struct detector_policy policy;
    struct stream *streams;
    struct carrier *carriers;
    struct leg *legs;
    struct book *books;
    struct side *sides;
    struct frontier *twins;
    uint32_t stream_count;
    uint32_t carrier_count;
    uint32_t leg_count;
    uint32_t book_count;
    uint32_t side_count;
    uint32_t twin_count;

    struct deadlines lapses;          /* by stream: lease_until while it stands */
    struct deadlines silence;         /* by stream */
    struct deadlines carrier_silence; /* by connection */
    struct deadlines due_ids;         /* by stream; wakes nobody */
    struct deadlines witnesses;       /* by stream: REST has shown a change */
    struct deadlines quiets;  /* by stream: when to look whether it is quiet; wakes nobody */
    struct deadlines starts;  /* by leg */
    struct deadlines beats;   /* by leg */
    struct deadlines debts;   /* by leg, two each */
    uint64_t due_ids_pass_ns; /* when to look at them next */
    uint64_t carriers_due_ns; /* earliest of the carriers' own deadlines, or earlier */
    uint64_t keys_due_ns;     /* earliest of the account streams' */
    uint64_t stall_clear_ns;
    uint64_t works_due_ns; /* when the first maintenance runs out, or earlier */

    struct envelope envelopes[DETECTOR_VENUES];
    uint64_t ticked_ns;      /* the last tick: up to when the judge has been there */
    uint64_t stall_start_ns; /* our last stall */
    uint64_t stall_end_ns;   /* 0 = none yet */
    struct fault stall;
    struct fault maintenance[DETECTOR_VENUES];
    struct venue_works works[DETECTOR_VENUES];
    struct fault venue_silent[DETECTOR_VENUES]; /* summary */
    struct fault route_silent[DETECTOR_VENUES]; /* summary */
    uint32_t silent_route[DETECTOR_VENUES];     /* of which route */
    struct fault host_silent;                   /* summary */
    struct silence
        *silences; /* by stream, then by connection; NULL: nothing is learned of silence */
    struct silence_terms silence_terms;
    struct silence *host_silence; /* of all connections together; NULL: is not learned */
    uint64_t host_due_ns;         /* when to look whether all are silent, or earlier */
    uint64_t heard_ns;            /* the last frame, over any */
    struct engines *engines;      /* NULL: none are watched */
    struct sockets *sockets;      /* NULL: none are looked at */

    struct finding *outbox;
    uint32_t outbox_size;
    uint32_t outbox_head;
    uint32_t outbox_count;
    uint32_t *changed;
    uint32_t changed_count;
    uint64_t fault_serial;
    struct detector_sample sample;
    struct first_seen *firsts; /* FIRST_SEEN_SIZE a stream; NULL: twins are not compared */
    struct detector_totals totals;
};

/* A data frame on its way through. */
struct arrival {
    const struct event *event;
    struct stream *stream;
    struct leg *leg;
    struct carrier *carrier;
    uint64_t recv_ns; /* clamped; 0 = no clock */
    uint64_t since_last_ns;
    enum sequence_verdict verdict;
    bool is_first_push;
    bool is_newer;                /* than any leg of the stream has shown */
    enum envelope_verdict timing; /* ENVELOPE_NOT_READY also where it has no time */
    uint64_t excess_ns;
};

static inline uint32_t stream_index(const struct detector *detector, const struct stream *stream)
{
    return (uint32_t)(stream - detector->streams);
}

static inline uint32_t carrier_index(const struct detector *detector, const struct carrier *carrier)
{
    return (uint32_t)(carrier - detector->carriers);
}

static inline bool carrier_is_live(const struct carrier *carrier)
{
    return carrier->state == CARRIER_UP || carrier->state == CARRIER_IMPLIED;
}

/* An announced end and an engine's troubles say nothing of the data, and our own stall accuses nobody. */
static inline bool quiet_is_ended_by(uint8_t kind)
{
    return ((1ULL << kind) & QUIET_WITH) == 0;
}

static inline bool stream_is_user(const struct stream *stream)
{
    return stream->traits.stream_class == FLATLINE_CLASS_USER;
}

#endif
