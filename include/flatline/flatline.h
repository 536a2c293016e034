/* SPDX-License-Identifier: MIT
 *
 * flatline.h - read the leases of a flatline sentinel. Link with -lflatline; C11 or C++17; depends
 * on libc alone.
 *
 *     struct flatline *reader;
 *     struct flatline_stream book;
 *     if (flatline_attach(NULL, &reader) == 0 &&
 *         flatline_find(reader, "binance-usdm/BTCUSDT/depth@100ms", &book) == 0) {
 *         for (;;) {
 *             if (!flatline_fresh(&book, flatline_now_mono_ns())) {
 *                 pull_quotes();
 *             }
 *         }
 *     }
 *
 * Before you rely on it:
 *
 *  - WITNESS-FRESH IS NOT ENGINE-FRESH. A lease speaks for the sentinel's own connections. Your
 *    engine's socket may be dead while the sentinel's lives. Compare the last id your engine has
 *    applied with flatline_due_id(), or set `require: both` on the gate and bind your echoes:
 *    flatline_gate_bind_engine() of engine.h.
 *  - A lease is compared with YOUR clock: always CLOCK_MONOTONIC of this very moment. A cached
 *    "now" keeps dead data fresh.
 *  - A stream handle belongs to one life of the sentinel. When the sentinel is restarted the old
 *    memory says "not fresh", for ever; flatline_look() attaches again by name, and a loop that
 *    uses flatline_fresh() alone should call it when fresh turns false.
 *  - Not fresh is not a fault: quiet markets are legal. Faults are listed apart
 *    (flatline_faults()).
 *  - One `struct flatline` is for one thread at a time. Stream and gate handles are plain values;
 *    any number of threads may look.
 *  - After fork() the mapping is shared and stays readable; it does not survive execve().
 *  - In another time namespace the clocks differ: attaching is refused with
 *    FLATLINE_E_CLOCK_MISMATCH.
 */
#ifndef FLATLINE_FLATLINE_H
#define FLATLINE_FLATLINE_H

#include "flatline/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors: every step of an attach that can fail has its own name. Returned negative;
 * flatline_strerror() tells. */
#define FLATLINE_ERRORS(E)                                                                         \
    E(1, NO_FILE, "no segment of this name: is flatlined running?")                                \
    E(2, NOT_READY, "the segment is still being built")                                            \
    E(3, BAD_MAGIC, "not a flatline segment")                                                      \
    E(4, OTHER_MAJOR, "the segment has another major version than this reader")                    \
    E(5, TRUNCATED, "the segment is shorter than its header says")                                 \
    E(6, CORRUPT, "the segment's directory does not add up")                                       \
    E(7, CLOCK_MISMATCH, "the sentinel's clock is not this process's clock (time namespace?)")     \
    E(8, SENTINEL_DEAD, "the sentinel is dead or stalled")                                         \
    E(9, SUPERSEDED, "a newer segment stands under this name")                                     \
    E(10, UNKNOWN_NAME, "no such stream or gate")                                                  \
    E(11, AGAIN, "torn by a concurrent write too many times; try again")                           \
    E(12, NO_MEMORY, "out of memory")                                                              \
    E(13, PERMISSION, "no permission to read the segment")                                         \
    E(14, SYSTEM, "a system call failed; see errno")                                               \
    E(15, INVALID, "invalid argument")                                                             \
    E(16, IN_USE, "a live engine writes the file of this name")
#define FLATLINE_ENUM_ERROR(number, name, text) FLATLINE_E_##name = -(number),

enum flatline_error { FLATLINE_ERRORS(FLATLINE_ENUM_ERROR) };

struct flatline;        /* one attachment: a mapping and the name it came by */
struct flatline_engine; /* of engine.h */

/* A look at one stream. Plain value; copy it freely. Valid until flatline_detach(). */
struct flatline_stream {
    const struct flatline_lease *lease;
    const struct flatline_header *header;
    uint32_t index;
    uint32_t reserved;
};

/* One member of a gate. */
struct flatline_gate_look {
    const struct flatline_lease *lease;
    int64_t stale_adjust_ns; /* the gate's stale_after - the stream's */
    uint32_t stream;         /* index */
    uint32_t quiet_hold_ms;  /* 0: a lapse is a lapse */
};

/* A look at one gate: the streams one decision needs. The members are the reader's own checked
 * copy, made at attach: what the segment's owner may write later cannot lead a look out of the
 * mapping. Valid until flatline_detach(). */
struct flatline_gate {
    const struct flatline_gate_look *members;
    const struct flatline_header *header;
    const struct flatline_gate_advice *advice; /* live: what operators ask of this gate */
    /* of each member, the newest id the engine itself has applied; NULL: no engine is bound */
    const uint64_t *const *own_ids;
    struct flatline_engine *engine;
    uint32_t member_count;
    uint32_t index;
    uint32_t flags; /* FLATLINE_GATE_* */
    uint32_t reserved;
};

/** The library's own reading of CLOCK_MONOTONIC, ns. Use flatline_now_mono_ns(): it is this,
 *  without the call where it can. */
uint64_t flatline_clock_mono_ns(void);

/** Now, on the clock the leases are in: CLOCK_MONOTONIC, ns.
 *  Cost: about 20 ns, no system call where the vDSO serves it. */
static inline uint64_t flatline_now_mono_ns(void)
{
#ifdef CLOCK_MONOTONIC
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
#else
    return flatline_clock_mono_ns(); /* strict C11: the C library hides its clocks */
#endif
}

/* until is in the future, and not absurdly far: one subtraction, one compare. */
static inline bool flatline_until_holds(uint64_t until_ns, uint64_t now_ns, uint64_t absurd_ns)
{
    return until_ns - now_ns - 1U < absurd_ns;
}

/** May this stream be trusted at now_mono_ns?
 *
 *  stream       from flatline_find()
 *  now_mono_ns  flatline_now_mono_ns(), read just now
 *
 *  Returns true iff the lease and the sentinel's own life both reach beyond now, and neither is
 *  absurd. Never fails: what cannot be trusted is false.
 *  Thread-safety: any thread, any process. Cost: two loads, two compares, no call, no locked
 *  instruction.
 */
static inline bool flatline_fresh(const struct flatline_stream *stream, uint64_t now_mono_ns)
{
    /* ORDER segment.lease, acquire: whoever acts on a fresh lease also sees what was published
     * before it. Pairs with the judge's release in publisher_lease(). ORDER segment.alive, acquire:
     * pairs with publisher_beat(). On x86-64 both are plain loads. */
    const uint64_t lease_until =
        __atomic_load_n(&stream->lease->lease_until_mono_ns, __ATOMIC_ACQUIRE);
    const uint64_t alive_until =
        __atomic_load_n(&stream->header->alive_until_mono_ns, __ATOMIC_ACQUIRE);
    return flatline_until_holds(lease_until, now_mono_ns, FLATLINE_LEASE_ABSURD_NS) &&
           flatline_until_holds(alive_until, now_mono_ns, FLATLINE_ALIVE_ABSURD_NS);
}

/** Has the engine that the gate is bound to what the sentinel has, of every member? Not bound: no.
 *  A member without ids has no due id, and so owes nothing. Cost: two loads a member. */
static inline bool flatline_gate_own(const struct flatline_gate *gate)
{
    bool has = gate->own_ids != NULL;
    for (uint32_t i = 0; has && i < gate->member_count; i++) {
        /* relaxed: the engine's own word, and it means something by itself. ORDER segment.due,
         * acquire: after the lease, which was published behind it. */
        has = __atomic_load_n(gate->own_ids[i], __ATOMIC_RELAXED) >=
              __atomic_load_n(&gate->members[i].lease->due_id, __ATOMIC_ACQUIRE);
    }
    return has;
}

/** Of a member of a gate with quiet_hold whose lease (as the gate sees it) ended at lease_end_ns:
 *  does the gate still trust it? true iff that is less than quiet_hold ago and the sentinel says
 *  that the stream is only quiet: others of its connection deliver, and nothing is owed. */
static inline bool flatline_quiet_holds(const struct flatline_gate_look *member,
                                        uint64_t lease_end_ns,
                                        uint64_t now_mono_ns)
{
    /* ORDER segment.quiet, acquire: pairs with the release in publisher_lease(). */
    const uint64_t quiet_until =
        __atomic_load_n(&member->lease->quiet_until_mono_ns, __ATOMIC_ACQUIRE);
    return lease_end_ns <= now_mono_ns &&
           now_mono_ns - lease_end_ns < member->quiet_hold_ms * 1000000ULL &&
           flatline_until_holds(quiet_until, now_mono_ns, FLATLINE_LEASE_ABSURD_NS);
}

/** Is every member of the gate fresh at now_mono_ns (or, where the gate sets quiet_hold, merely
 *  quiet), and has the engine it all, where the gate requires both? A gate without members never is.
 *  Thread-safety and cost: as flatline_fresh(), one lease load a member; three where both are
 *  required. quiet_hold is looked at only once a lease has lapsed. */
__attribute__((always_inline)) static inline bool
flatline_gate_fresh(const struct flatline_gate *gate, uint64_t now_mono_ns)
{
    /* ORDER segment.alive, acquire: as in flatline_fresh(). */
    const uint64_t alive_until =
        __atomic_load_n(&gate->header->alive_until_mono_ns, __ATOMIC_ACQUIRE);
    const struct flatline_gate_look *member = gate->members;
    const struct flatline_gate_look *const behind = member + gate->member_count;
    if (member == behind ||
        !flatline_until_holds(alive_until, now_mono_ns, FLATLINE_ALIVE_ABSURD_NS)) {
        return false;
    }
    for (; member != behind; member++) {
        const uint64_t until =
            __atomic_load_n(&member->lease->lease_until_mono_ns, __ATOMIC_ACQUIRE);
        const uint64_t end = until + (uint64_t)member->stale_adjust_ns;
        const bool holds = flatline_until_holds(end, now_mono_ns, FLATLINE_LEASE_ABSURD_NS);
        if (until == 0 || (!holds && !flatline_quiet_holds(member, end, now_mono_ns))) {
            return false;
        }
    }
    return (gate->flags & FLATLINE_GATE_BOTH) == 0 || flatline_gate_own(gate);
}

/** The gate as the sentinel alone sees it: its leases and its advice, whatever the gate requires of
 *  an engine. For those who watch, and have no echo of their own; never decide on it. */
static inline struct flatline_gate flatline_gate_witness(const struct flatline_gate *gate)
{
    struct flatline_gate witness = *gate;
    witness.flags &= ~(uint32_t)FLATLINE_GATE_BOTH;
    return witness;
}

/** Is the engine advised to do this at now_mono_ns? Advice ends by time alone.
 *  FLATLINE_ADVICE_BREAKER and _PAUSE forbid to quote; the others are for the engine to follow.
 *  A kind this header does not know: false. Thread-safety: any thread, any process. Cost: one load,
 *  one compare where the kind is a constant. */
static inline bool flatline_advised(const struct flatline_gate *gate,
                                    enum flatline_advice_kind kind,
                                    uint64_t now_mono_ns)
{
    const struct flatline_gate_advice *line = gate->advice;
    const uint64_t *until = NULL;
    switch (kind) {
    case FLATLINE_ADVICE_BREAKER:
        until = &line->breaker_until_mono_ns;
        break;
    case FLATLINE_ADVICE_PAUSE:
        until = &line->pause_until_mono_ns;
        break;
    case FLATLINE_ADVICE_REDUCE:
        until = &line->reduce_until_mono_ns;
        break;
    case FLATLINE_ADVICE_FALLBACK:
        until = &line->fallback_until_mono_ns;
        break;
    case FLATLINE_ADVICE_RECONNECT:
        until = &line->reconnect_until_mono_ns;
        break;
    }
    /* ORDER segment.advice, acquire: pairs with the release in publisher_gate_advice(): whoever
     * obeys an advice also finds its serial. */
    return until != NULL && __atomic_load_n(until, __ATOMIC_ACQUIRE) > now_mono_ns;
}

/** May the engine quote on this gate at now_mono_ns? Every member fresh, the breaker closed, and
 *  not paused.
 *  Thread-safety: any thread, any process. Cost: flatline_gate_fresh() and two more loads of one
 *  line. */
static inline bool flatline_may_quote(const struct flatline_gate *gate, uint64_t now_mono_ns)
{
    return flatline_gate_fresh(gate, now_mono_ns) &&
           !flatline_advised(gate, FLATLINE_ADVICE_BREAKER, now_mono_ns) &&
           !flatline_advised(gate, FLATLINE_ADVICE_PAUSE, now_mono_ns);
}

/** Newest id of this stream that was first seen longer ago than its allowance; 0 = none yet. Your
 *  engine is as fresh as the sentinel iff flatline_fresh() and your own last applied id >= this. */
static inline uint64_t flatline_due_id(const struct flatline_stream *stream)
{
    /* ORDER segment.due, acquire: pairs with the release in publisher_lease(). */
    return __atomic_load_n(&stream->lease->due_id, __ATOMIC_ACQUIRE);
}

/** Has the engine what the sentinel has? true iff the stream is fresh and own_last_id, the newest id
 *  that the engine itself has applied, has reached every id that the sentinel first saw longer ago
 *  than the stream's allowance.
 *  Thread-safety: any thread, any process. Cost: flatline_fresh() and one load.
 */
static inline bool
flatline_own_fresh(const struct flatline_stream *stream, uint64_t own_last_id, uint64_t now_mono_ns)
{
    return flatline_fresh(stream, now_mono_ns) && own_last_id >= flatline_due_id(stream);
}

/** Attaches to a segment.
 *
 *  name        NULL: "flatline" in /dev/shm; without a slash: that name there; else a path
 *  ret_reader  written on success only
 *
 *  Returns 0, or a negative enum flatline_error: NO_FILE, NOT_READY, BAD_MAGIC, OTHER_MAJOR,
 *  TRUNCATED, CORRUPT, CLOCK_MISMATCH, SUPERSEDED (only of a path that no longer is the
 *  sentinel's), NO_MEMORY, PERMISSION, SYSTEM, INVALID.
 *  A dead sentinel is not an error here: a dead segment can be read (why, faults, dump); nothing in
 *  it is fresh.
 *  Every offset, index and name is checked here, once, and copied: a hostile segment can lie, but
 *  not crash its reader. (One thing no reader can check: an owner who shortens the file under the
 *  mapping. Give only the sentinel write permission.)
 *  Never creates anything. Cost: open, fstat, mmap, a walk over the directory.
 */
int flatline_attach(const char *name, struct flatline **ret_reader);

/** Unmaps everything this reader ever mapped. NULL is accepted. Handles from it die. */
void flatline_detach(struct flatline *reader);

/** If the segment is dead or superseded and another stands under its name, maps that one. The old
 *  mapping stays until detach, so that handles in other threads stay readable (and not fresh).
 *  Event numbers start again at 0 in the new one.
 *  Returns 1 attached anew, 0 nothing to do, or a negative enum flatline_error (still on the old
 *  mapping). */
int flatline_reattach(struct flatline *reader);

/** Finds a stream by its full name. Returns 0, or FLATLINE_E_UNKNOWN_NAME: then flatline_nearest()
 *  suggests. */
int flatline_find(const struct flatline *reader,
                  const char *name,
                  struct flatline_stream *ret_stream);

/** Finds a gate by its name. Returns as flatline_find(). */
int flatline_find_gate(const struct flatline *reader,
                       const char *name,
                       struct flatline_gate *ret_gate);

/** The stream or gate name nearest to what was asked for, or NULL if nothing is near. Lives as long
 *  as the mapping. */
const char *flatline_nearest(const struct flatline *reader, const char *name);

/** As flatline_fresh(), with a second look: if not fresh and the sentinel is dead or superseded,
 *  attaches again by name once, finds the stream again, updates *stream and looks again, with a
 *  clock read anew.
 *  Thread-safety: one thread at a time for one reader. Cost: that of flatline_fresh() while fresh
 *  or merely lapsed, else system calls. */
bool flatline_look(struct flatline *reader, struct flatline_stream *stream, uint64_t now_mono_ns);

/** As flatline_look(), for a gate. */
bool flatline_look_gate(struct flatline *reader, struct flatline_gate *gate, uint64_t now_mono_ns);

/** As flatline_may_quote(), with the second look of flatline_look_gate(). An open breaker is no
 *  reason to look again. */
bool flatline_look_quote(struct flatline *reader, struct flatline_gate *gate, uint64_t now_mono_ns);

/** Why a stream is as it is at now_mono_ns: FLATLINE_WHY_FRESH if and only if flatline_fresh(); so
 *  SUPERSEDED only once the superseded segment's last promise has run out.
 *  Thread-safety: any thread, any process. Cost: a few loads. */
enum flatline_why flatline_why(const struct flatline_stream *stream, uint64_t now_mono_ns);

/** Why a gate is as it is. ret_culprit (may be NULL): index of the member in the worst trouble,
 *  FLATLINE_NO_INDEX of an empty gate. */
enum flatline_why
flatline_gate_why(const struct flatline_gate *gate, uint64_t now_mono_ns, uint32_t *ret_culprit);

/** Why the engine may not quote on a gate: FLATLINE_WHY_FRESH if and only if flatline_may_quote().
 *  A dead sentinel before the breaker before a pause before the members before the engine's own;
 *  ret_culprit as in
 *  flatline_gate_why(). */
enum flatline_why
flatline_quote_why(const struct flatline_gate *gate, uint64_t now_mono_ns, uint32_t *ret_culprit);

/** The same as one line of text, e.g. "lapsed 1.204 s ago: last newer frame 4.204 s ago". Returns
 *  the length, cut to text_bytes. */
size_t flatline_why_text(const struct flatline *reader,
                         const struct flatline_stream *stream,
                         uint64_t now_mono_ns,
                         char *text,
                         size_t text_bytes);

/* A consistent copy of a stream's detail slot and its lease words. */
struct flatline_snapshot {
    struct flatline_detail detail;
    struct flatline_lease lease;
};

/** Copies a stream's detail. Returns 0; FLATLINE_E_AGAIN after 64 torn tries;
 *  FLATLINE_E_SENTINEL_DEAD if the slot was left odd by a dead writer; FLATLINE_E_SUPERSEDED
 *  (here and below: superseded, and its last promise has run out): attach again. Never delays the
 *  writer. */
int flatline_take_snapshot(const struct flatline_stream *stream,
                           const struct flatline *reader,
                           struct flatline_snapshot *ret_snapshot);

struct flatline_fault {
    uint64_t id;
    enum flatline_fault_kind kind;
    enum flatline_scope scope;
    enum flatline_scope blame;
    uint32_t stream;     /* FLATLINE_NO_INDEX = none */
    uint32_t connection; /* FLATLINE_NO_INDEX = none */
    uint64_t onset_mono_ns;
    uint64_t noticed_mono_ns;
    uint64_t cleared_mono_ns; /* 0 = open */
    uint64_t evidence[FLATLINE_EVIDENCE_WORDS];
    uint64_t count;
    uint32_t confidence_percent;
    bool drill; /* stands only because of a drill: pages nobody */
    char text[FLATLINE_TEXT_BYTES];
};

/** Copies faults, newest first. open_only: those not cleared. Returns how many there are (may
 *  exceed faults_max; only faults_max are written), or a negative enum flatline_error: AGAIN,
 *  SUPERSEDED. A slot that a dead writer left half written is left out. */
int flatline_faults(const struct flatline *reader,
                    bool open_only,
                    struct flatline_fault *faults,
                    size_t faults_max);

/* One advice: what an operator or a calendar asks of the engine. */
struct flatline_advice {
    uint64_t serial; /* what the engine acknowledges */
    enum flatline_advice_kind kind;
    enum flatline_target target;
    uint32_t index; /* of the gate or stream, number of the venue; else FLATLINE_NO_INDEX */
    bool drill;     /* an exercise: pages nobody */
    uint64_t since_mono_ns;
    uint64_t until_mono_ns; /* FLATLINE_UNTIL_CLEARED: until cleared */
    uint64_t since_wall_ns;
    uint64_t uid;
    char by[FLATLINE_BY_BYTES];
    char name[FLATLINE_NAME_BYTES]; /* the target as it was given; "*" = everything */
    char reason[FLATLINE_REASON_BYTES];
};

/** Copies the advice that holds at now_mono_ns, newest first. Returns as flatline_faults(). */
int flatline_list_advice(const struct flatline *reader,
                         uint64_t now_mono_ns,
                         struct flatline_advice *advice,
                         size_t advice_max);

/** Serial of the newest advice of a kind that is for this gate, 0 = none: what the engine
 *  acknowledges, and how it knows that a reconnect is not the one it has made already. */
uint64_t flatline_advice_serial(const struct flatline_gate *gate, enum flatline_advice_kind kind);

/* One line of the distinct-error log. */
struct flatline_error_entry {
    uint64_t count;
    uint64_t first_mono_ns;
    uint64_t last_mono_ns;
    char text[96];
};

/** Copies the distinct errors the sentinel has met, in the order of their slots. Returns as
 *  flatline_faults(). */
int flatline_errors(const struct flatline *reader,
                    struct flatline_error_entry *entries,
                    size_t entries_max);

struct flatline_event {
    uint64_t number;
    enum flatline_event_type type;
    uint32_t stream; /* FLATLINE_NO_INDEX = none */
    uint64_t at_mono_ns;
    uint64_t seen_mono_ns;
    uint64_t fault_id;
    enum flatline_fault_kind fault_kind;
    bool drill; /* DRILL, DRILL_END, DRILL_FAULT, DRILL_CLEAR */
};

/** Number of the next event to be written: where a follower starts. */
uint64_t flatline_event_head(const struct flatline *reader);

/** Reads event *cursor and advances it. Returns 1 read; 0 none yet; FLATLINE_E_AGAIN torn;
 *  FLATLINE_E_SENTINEL_DEAD torn for ever; FLATLINE_E_SUPERSEDED all are read and no more will
 *  come: flatline_reattach(), then start at 0. If the follower fell behind the ring, *ret_lost (may
 *  be NULL) is the number of events skipped, else 0, and the oldest one still there is read. */
int flatline_next_event(const struct flatline *reader,
                        uint64_t *cursor,
                        struct flatline_event *ret_event,
                        uint64_t *ret_lost);

/* The segment, for tools: everything by index. Names are the reader's own copies and live until
 * flatline_detach(); an index out of range is NULL or FLATLINE_E_UNKNOWN_NAME. */
const struct flatline_header *flatline_header_of(const struct flatline *reader);
const char *flatline_path(const struct flatline *reader);
uint32_t flatline_stream_count(const struct flatline *reader);
const char *flatline_stream_name(const struct flatline *reader, uint32_t index);
int flatline_stream_at(const struct flatline *reader,
                       uint32_t index,
                       struct flatline_stream *ret_stream);
uint32_t flatline_gate_count(const struct flatline *reader);
const char *flatline_gate_name(const struct flatline *reader, uint32_t index);
int flatline_gate_at(const struct flatline *reader, uint32_t index, struct flatline_gate *ret_gate);

/** Address of record `index` of a section, NULL if there is none. Check what you read: the words
 *  are live. */
const void *
flatline_record(const struct flatline *reader, enum flatline_section_index section, uint32_t index);
uint32_t flatline_record_count(const struct flatline *reader, enum flatline_section_index section);

/** Value at a quantile in [0, 1] of histogram `index` of a section (HISTOGRAMS or
 *  CONNECTION_HISTOGRAMS), ns: the upper edge of its bucket, never above the exact maximum. 0 when
 *  empty or not there. */
uint64_t flatline_histogram_quantile(const struct flatline *reader,
                                     enum flatline_section_index section,
                                     uint32_t index,
                                     double quantile);

/** Is the sentinel alive at now_mono_ns? */
bool flatline_alive(const struct flatline *reader, uint64_t now_mono_ns);

/* Texts of the closed enumerations, "?" for a number of a newer writer. Never NULL. */
const char *flatline_strerror(int error);
const char *flatline_why_name(enum flatline_why why);
const char *
flatline_why_meaning(enum flatline_why why); /* the name is for programs, the meaning for people */
const char *flatline_fault_name(enum flatline_fault_kind kind);
const char *flatline_fault_key(enum flatline_fault_kind kind,
                               uint32_t evidence_index); /* "" where unused */
const char *flatline_scope_name(enum flatline_scope scope);
const char *flatline_state_name(enum flatline_state state);
const char *flatline_venue_name(enum flatline_venue venue);
const char *flatline_class_name(enum flatline_class stream_class);
const char *flatline_advice_name(enum flatline_advice_kind kind);
const char *flatline_target_name(enum flatline_target target);
const char *flatline_event_name(enum flatline_event_type type);
const char *flatline_connection_state_name(enum flatline_connection_state state);

/** FNV-1a over the field tables of layout.h: what layout_hash in a header of this version must
 *  be. */
uint64_t flatline_layout_hash(void);

#ifdef __cplusplus
}
#endif

#endif
