/* SPDX-License-Identifier: MIT
 *
 * layout.h - the shared-memory format of flatline, and its single source.
 *
 * A segment is one file (by default /dev/shm/flatline). It holds a header, then the sections the header
 * points at by byte offset. Everything is little-endian, naturally aligned and fixed-width; there are no
 * pointers, enums, bools or bit-fields in it. One writer (the judge thread of the sentinel) stores; any
 * number of readers map it read-only.
 *
 * Each structure below is followed by its field table: F(structure, field, offset, bytes, unit, meaning).
 * The tables make the static asserts here, the JSON description, the manual page flatline_shm(5), and the
 * constants of the language bindings and their tests. Change a structure and its table together or the build stops.
 *
 * ABI rule: a minor version gives meaning to reserved (zero) space or lengthens a record (readers stride by
 * section.stride_bytes). All else is a new major, which readers refuse by name.
 *
 * How words are shared, record kind by record kind:
 *   lone words    lease_until_mono_ns, quiet_until_mono_ns, due_id, lost_count, alive_until_mono_ns, a gate's advice, beats, counters: one aligned
 *                 64-bit atomic word each, meaningful by itself, stored release and loaded acquire.
 *   slots         records that begin with `sequence` (detail, fault, event, error, advice): a fence-free seqlock. The writer
 *                 makes sequence odd, stores the words with release, makes sequence even with release. A reader
 *                 loads sequence (acquire), copies the words (acquire), re-loads sequence and retries, a bounded number of
 *                 times, if it was odd or changed.
 *   fixed text    names and the directory: written before the magic, never changed within one life of the segment.
 */
#ifndef FLATLINE_LAYOUT_H
#define FLATLINE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#    define FLATLINE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#    define FLATLINE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define FLATLINE_MAGIC             0x454e494c54414c46ULL /* the bytes "FLATLINE" */
#define FLATLINE_MAJOR             1U
#define FLATLINE_MINOR             0U
#define FLATLINE_DEFAULT_NAME      "flatline"
#define FLATLINE_DEFAULT_DIRECTORY "/dev/shm"

#define FLATLINE_LINE_BYTES     128U /* two cache lines: the adjacent-line prefetcher pairs them */
#define FLATLINE_NAME_BYTES     64U  /* every name, its terminating NUL included */
#define FLATLINE_TEXT_BYTES     64U
#define FLATLINE_SOCKET_BYTES   112U /* a socket's path, its terminating NUL included */
#define FLATLINE_BY_BYTES       32U
#define FLATLINE_REASON_BYTES   128U
#define FLATLINE_EVIDENCE_WORDS 6U

/* A value further in the future than this is absurd: not fresh, whatever it says. */
#define FLATLINE_LEASE_ABSURD_NS (7200ULL * 1000000000ULL)
#define FLATLINE_ALIVE_ABSURD_NS (10ULL * 1000000000ULL)

/* Of advice: until somebody clears it. */
#define FLATLINE_UNTIL_CLEARED UINT64_MAX

/* A table keeps a row a line, however long. */
/* clang-format off */

/* ---- closed enumerations: E(number, NAME, "text") ------------------------------------------------------------- */

#define FLATLINE_STATES(E)                                                                          \
    E(0, STARTING, "starting")     /* being built; readers answer NOT_READY */                      \
    E(1, RUNNING, "running")       /* published and renewed */                                      \
    E(2, STOPPED, "stopped")       /* the writer left in order */                                   \
    E(3, SUPERSEDED, "superseded") /* a successor's file stands under this name: attach again */

#define FLATLINE_VENUES(E)                                                                          \
    E(0, BINANCE_SPOT, "binance-spot")                                                              \
    E(1, BINANCE_USDM, "binance-usdm")                                                              \
    E(2, BINANCE_COINM, "binance-coinm")                                                            \
    E(3, OKX, "okx")

#define FLATLINE_CLASSES(E)                                                                         \
    E(0, BOOK, "book")   /* books, depth, bbo, bookTicker: 3 s, in automatic gates */               \
    E(1, TIMER, "timer") /* the venue pushes by a timer: 3 periods */                               \
    E(2, OTHER, "other") /* trades, klines, candles, tickers ...: 3 s, observed only */             \
    E(3, USER, "user")   /* account events: leased by key and socket */

/* Why a stream or a gate is, or is not, fresh. */
#define FLATLINE_WHYS(E)                                                                            \
    E(0, FRESH, "fresh")                                                                            \
    E(1, UNKNOWN, "no data yet")                                                                    \
    E(2, LAPSED, "lapsed: no newer data in time")                                                   \
    E(3, REVOKED, "revoked by a fault")                                                             \
    E(4, SENTINEL_DEAD, "the sentinel is dead or stalled")                                          \
    E(5, SUPERSEDED, "superseded: attach again")                                                    \
    E(6, ABSURD, "absurd value in the segment")                                                     \
    E(7, EMPTY_GATE, "the gate has no members")                                                     \
    E(8, UNKNOWN_NAME, "no such stream or gate")                                                    \
    E(9, LAPSED_QUIET, "lapsed, but its connection delivers and nothing is owed")                   \
    E(10, LAPSED_SUSPECT, "lapsed, and suspect")                                                    \
    E(11, BREAKER, "the breaker is open")                                                           \
    E(12, PAUSED, "paused by an operator or a calendar")                                            \
    E(13, ENGINE_UNPROVEN, "needs the engine's own echo, and none is bound")                        \
    E(14, ENGINE_BEHIND, "the engine itself is behind the sentinel")

/* How far a fault reaches, and whose it is. */
#define FLATLINE_SCOPES(E)                                                                          \
    E(0, STREAM, "stream")                                                                          \
    E(1, ROUTE, "route")                                                                            \
    E(2, CONNECTION, "connection")                                                                  \
    E(3, VENUE, "venue")                                                                            \
    E(4, HOST, "host")           /* the sentinel itself, its machine, its network */                \
    E(5, ENGINE, "engine")                                                                          \
    E(6, CHANNEL, "channel")     /* all streams of one channel on one connection */                 \
    E(7, UNKNOWN, "unknown")     /* of blame only: undecided, and said so */

/* Does a stream owe what the other channels of its book have shown? */
#define FLATLINE_DEBTS(E)                                                                           \
    E(0, NONE, "nothing is owed across channels")                                                   \
    E(1, ON, "what its book's other channels have shown is owed")                                   \
    E(2, CHECKING, "not yet: whether their ids agree with its own is being checked")                \
    E(3, OFF, "not: their ids do not agree with its own, or it takes too long")

/* Record types of the event ring. */
#define FLATLINE_EVENTS(E)                                                                          \
    E(0, NONE, "none")                                                                              \
    E(1, LAPSE, "lapse")                                                                            \
    E(2, RENEW, "renew")                                                                            \
    E(3, FAULT, "fault")                                                                            \
    E(4, CLEAR, "clear")                                                                            \
    E(5, EPOCH, "epoch")                                                                            \
    E(6, ADVICE, "advice")             /* fault_id is its serial, fault_kind its kind */            \
    E(7, ADVICE_END, "advice_end")     /* cleared, replaced or run out */                           \
    E(8, DRILL, "drill")               /* as ADVICE, of an exercise: pages nobody */                \
    E(9, DRILL_END, "drill_end")                                                                    \
    E(10, DRILL_FAULT, "drill_fault")  /* as FAULT and CLEAR, of a fault that stands only because */ \
    E(11, DRILL_CLEAR, "drill_clear")  /* of a drill: pages nobody */

/* What operators and calendars ask of the engine. Each holds until its time runs out or it is cleared. */
#define FLATLINE_ADVICES(E)                                                                         \
    E(0, BREAKER, "breaker")     /* do not quote */                                                 \
    E(1, PAUSE, "pause")         /* do not quote for a while: an event calendar */                  \
    E(2, REDUCE, "reduce")       /* quote less, or wider */                                         \
    E(3, FALLBACK, "fallback")   /* take the data from REST */                                      \
    E(4, RECONNECT, "reconnect") /* make the engine's own connection anew, once a serial */
#define FLATLINE_ADVICE_COUNT 5U

/* What an advice is for. */
#define FLATLINE_TARGETS(E)                                                                         \
    E(0, ALL, "all")                                                                                \
    E(1, GATE, "gate")                                                                              \
    E(2, STREAM, "stream")                                                                          \
    E(3, VENUE, "venue")                                                                            \
    E(4, UNKNOWN, "unknown") /* kept from before a change of configuration: for no gate */

#define FLATLINE_CONNECTION_STATES(E)                                                               \
    E(0, IDLE, "idle")             /* waiting out its backoff */                                    \
    E(1, CONNECTING, "connecting") /* DNS, TCP, TLS, upgrade */                                     \
    E(2, UP, "up")                                                                                  \
    E(3, DRAINING, "draining")     /* its successor is being made */                                \
    E(4, DOWN, "down")

/* Fault kinds: K(number, NAME, "text", evidence key 0..5; "" where unused). Evidence values are 64-bit words in this
 * order; keys ending in _ns are nanoseconds. docs/EVIDENCE.md explains each. */
#define FLATLINE_FAULTS(K)                                                                          \
    K(0, NONE, "none", "", "", "", "", "", "")                                                      \
    K(1, DOWN, "DOWN", "close_code", "errno", "phase", "legs_left", "own_stall_ns", "age_ns")       \
    K(2, NOTICE, "NOTICE", "code", "lead_ns", "", "", "", "")                                       \
    K(3, NEVER_STARTED, "NEVER_STARTED", "waited_ns", "acked", "deadline_ns", "inventory_missing", "", "") \
    K(4, WRONG_ROUTE, "WRONG_ROUTE", "waited_ns", "acked", "other_route_frames", "", "", "")        \
    K(5, GAP, "GAP", "expected_id", "got_first_id", "got_id", "gaps", "", "")                       \
    K(6, REGRESSED, "REGRESSED", "newest_id", "got_id", "count", "", "", "")                        \
    K(7, FROZEN, "FROZEN", "id", "repeats", "limit", "", "", "")                                    \
    K(8, LAGGING, "LAGGING", "excess_lag_ns", "late_frames", "window_frames", "limit_ns", "cause", "unread_ns") \
    K(9, SILENT, "SILENT", "silence_ns", "limit_ns", "mean_gap_ns", "one_in_gaps", "false_alarm_every_ns", "observed_ns") \
    K(10, KEY_EXPIRING, "KEY_EXPIRING", "left_ns", "last_extend_mono_ns", "failures", "", "", "")   \
    K(11, KEY_EXPIRED, "KEY_EXPIRED", "since_extend_ns", "by_event", "", "", "", "")                \
    K(12, KEY_UNKNOWN, "KEY_UNKNOWN", "code", "foreign", "since_extend_ns", "", "", "")             \
    K(13, SELF_STALL, "SELF_STALL", "gap_ns", "limit_ns", "thread", "", "", "")                     \
    K(14, MUTE, "MUTE", "owed_id", "shown_id", "allowance_ns", "lag_ns", "waited_ns", "by")     \
    K(15, CROSSED, "CROSSED", "bid_e8", "ask_e8", "", "", "", "")                                   \
    K(16, HALF_OPEN, "HALF_OPEN", "unacked_bytes", "last_data_recv_ns", "retransmits", "unacked_ns", "", "") \
    K(17, BACKLOG, "BACKLOG", "receive_queue_bytes", "unread_ns", "passes", "blocked", "budget_hits", "held_ns") \
    K(18, ENGINE_BEHIND, "ENGINE_BEHIND", "own_id", "due_id", "frontier_id", "echo_age_ns", "allowance_ns", "unread_bytes")                                  \
    K(19, ENGINE_MUTE, "ENGINE_MUTE", "silence_ns", "limit_ns", "witness_frames", "limit_frames", "last_data_recv_ns", "bytes_received") \
    K(20, ENGINE_STALLED, "ENGINE_STALLED", "beat_age_ns", "limit_ns", "interval_ns", "worker_state", "process", "restarts")                                 \
    K(21, ENGINE_GONE, "ENGINE_GONE", "pid", "beat_age_ns", "workers", "", "", "")                                       \
    K(22, REPORT_OVERDUE, "REPORT_OVERDUE", "waited_ns", "limit_ns", "p999_ns", "samples", "late_in_row", "waiting") \
    K(23, ENGINE_QUOTING, "ENGINE_QUOTING", "closed_ns", "seen_after_ns", "exposure_ns", "", "", "") \
    K(24, MAINTENANCE, "MAINTENANCE", "", "", "", "", "", "")                                       \
    K(25, HALTED, "HALTED", "", "", "", "", "", "")
#define FLATLINE_FAULT_COUNT 26U

#define FLATLINE_ENUM_STATE(number, name, text) FLATLINE_STATE_##name = number,
#define FLATLINE_ENUM_VENUE(number, name, text) FLATLINE_VENUE_##name = number,
#define FLATLINE_ENUM_CLASS(number, name, text) FLATLINE_CLASS_##name = number,
#define FLATLINE_ENUM_WHY(number, name, text) FLATLINE_WHY_##name = number,
#define FLATLINE_ENUM_SCOPE(number, name, text) FLATLINE_SCOPE_##name = number,
#define FLATLINE_ENUM_DEBT(number, name, text) FLATLINE_DEBT_##name = number,
#define FLATLINE_ENUM_EVENT(number, name, text) FLATLINE_EVENT_##name = number,
#define FLATLINE_ENUM_CONNECTION(number, name, text) FLATLINE_CONNECTION_##name = number,
#define FLATLINE_ENUM_ADVICE(number, name, text) FLATLINE_ADVICE_##name = number,
#define FLATLINE_ENUM_TARGET(number, name, text) FLATLINE_TARGET_##name = number,
#define FLATLINE_ENUM_FAULT(number, name, text, a, b, c, d, e, f) FLATLINE_FAULT_##name = number,

enum flatline_state { FLATLINE_STATES(FLATLINE_ENUM_STATE) };
enum flatline_venue { FLATLINE_VENUES(FLATLINE_ENUM_VENUE) };
enum flatline_class { FLATLINE_CLASSES(FLATLINE_ENUM_CLASS) };
enum flatline_why { FLATLINE_WHYS(FLATLINE_ENUM_WHY) };
enum flatline_scope { FLATLINE_SCOPES(FLATLINE_ENUM_SCOPE) };
enum flatline_debt { FLATLINE_DEBTS(FLATLINE_ENUM_DEBT) };
enum flatline_event_type { FLATLINE_EVENTS(FLATLINE_ENUM_EVENT) };
enum flatline_connection_state { FLATLINE_CONNECTION_STATES(FLATLINE_ENUM_CONNECTION) };
enum flatline_advice_kind { FLATLINE_ADVICES(FLATLINE_ENUM_ADVICE) };
enum flatline_target { FLATLINE_TARGETS(FLATLINE_ENUM_TARGET) };
enum flatline_fault_kind { FLATLINE_FAULTS(FLATLINE_ENUM_FAULT) };

/* Sections, in header order: S(number, NAME, structure or word, meaning). */
#define FLATLINE_SECTIONS(S)                                                                        \
    S(0, STREAMS, flatline_directory_entry, "stream directory")                                     \
    S(1, LEASES, flatline_lease, "lease lines, same index as the directory")                        \
    S(2, DETAILS, flatline_detail, "detail slots, same index as the directory")                     \
    S(3, CONNECTIONS, flatline_connection, "connections: names and single-writer counters")         \
    S(4, GATES, flatline_gate_entry, "gates")                                                       \
    S(5, GATE_MEMBERS, flatline_gate_member, "gate members, addressed by the gates")                \
    S(6, FAULTS, flatline_fault_slot, "fault table")                                                \
    S(7, EVENTS, flatline_event_slot, "event ring")                                                 \
    S(8, COUNTERS, flatline_counter, "named counters")                                              \
    S(9, ERRORS, flatline_error_slot, "distinct-error log")                                         \
    S(10, HISTOGRAMS, flatline_histogram, "histograms of streams: header, then its counts")         \
    S(11, ADVICE, flatline_advice_slot, "advice: what, until when, by whom, why")                   \
    S(12, CONNECTION_HISTOGRAMS, flatline_histogram, "histograms of connections, finer")            \
    S(13, GATE_ADVICE, flatline_gate_advice, "advice lines of the gates, same index as the gates")
#define FLATLINE_SECTION_COUNT 14U
#define FLATLINE_RECORDS_MAX (1U << 20) /* of one section: a reader refuses more as CORRUPT */
#define FLATLINE_ENUM_SECTION(number, name, record, meaning) FLATLINE_SECTION_##name = number,
enum flatline_section_index { FLATLINE_SECTIONS(FLATLINE_ENUM_SECTION) };

/* ---- structures ------------------------------------------------------------------------------------------------ */

struct flatline_section {
    uint64_t offset_bytes;
    uint32_t stride_bytes;
    uint32_t count;
};
#define FLATLINE_SECTION_FIELDS(F)                                                                  \
    F(flatline_section, offset_bytes, 0, 8, "bytes", "from the start of the file")                  \
    F(flatline_section, stride_bytes, 8, 4, "bytes", "distance between records")                    \
    F(flatline_section, count, 12, 4, "count", "records")

struct flatline_header {
    uint64_t magic; /* stored last, with release; loaded first, with acquire */
    uint32_t major;
    uint32_t minor;
    uint64_t file_bytes;
    uint64_t layout_hash;
    uint64_t epoch;
    uint64_t writer_pid;
    uint64_t writer_start_ticks;
    uint64_t created_mono_ns;
    uint64_t created_wall_ns;
    uint64_t boottime_offset_ns;
    struct flatline_section sections[FLATLINE_SECTION_COUNT];
    char control_socket[FLATLINE_SOCKET_BYTES];
    uint8_t reserved0[96];
    /* ---- written by the judge while alive ---- */
    uint64_t alive_until_mono_ns;
    uint64_t state;
    uint64_t judge_beat_mono_ns;
    uint64_t ingest_beat_mono_ns;
    uint64_t event_head;
    uint64_t fault_serial;
    uint64_t sentinel_why;
    uint8_t reserved1[72];
};
#define FLATLINE_HEADER_FIELDS(F)                                                                   \
    F(flatline_header, magic, 0, 8, "magic", "FLATLINE_MAGIC once the file is whole")               \
    F(flatline_header, major, 8, 4, "version", "layout major: readers refuse another")              \
    F(flatline_header, minor, 12, 4, "version", "layout minor")                                     \
    F(flatline_header, file_bytes, 16, 8, "bytes", "size of the whole file")                        \
    F(flatline_header, layout_hash, 24, 8, "hash", "FNV-1a of the field tables")                    \
    F(flatline_header, epoch, 32, 8, "count", "one life of the sentinel; grows by one a life")      \
    F(flatline_header, writer_pid, 40, 8, "pid", "information only (pid namespaces)")               \
    F(flatline_header, writer_start_ticks, 48, 8, "ticks", "information only")                      \
    F(flatline_header, created_mono_ns, 56, 8, "ns CLOCK_MONOTONIC", "when this file was built")    \
    F(flatline_header, created_wall_ns, 64, 8, "ns CLOCK_REALTIME", "when this file was built; for people") \
    F(flatline_header, boottime_offset_ns, 72, 8, "ns", "BOOTTIME - MONOTONIC at creation")         \
    F(flatline_header, sections, 80, 224, "section", "where the sections are")                      \
    F(flatline_header, control_socket, 304, 112, "text", "where commands are taken; empty: nowhere") \
    F(flatline_header, alive_until_mono_ns, 512, 8, "ns CLOCK_MONOTONIC", "no lease counts after this") \
    F(flatline_header, state, 520, 8, "enum flatline_state", "state of the writer")                 \
    F(flatline_header, judge_beat_mono_ns, 528, 8, "ns CLOCK_MONOTONIC", "last pass of the judge thread") \
    F(flatline_header, ingest_beat_mono_ns, 536, 8, "ns CLOCK_MONOTONIC", "last pass of the ingest thread the judge saw") \
    F(flatline_header, event_head, 544, 8, "count", "events ever written; the newest is event_head - 1") \
    F(flatline_header, fault_serial, 552, 8, "count", "faults ever opened")                         \
    F(flatline_header, sentinel_why, 560, 8, "flags", "1: spinning, 2: unanchored venue")

/* One stream's fixed facts. */
struct flatline_directory_entry {
    char name[FLATLINE_NAME_BYTES];
    uint32_t venue;
    uint32_t stream_class;
    uint64_t stale_after_ns;
    uint64_t silent_after_ns;
    uint32_t flags;
    uint32_t first_histogram;
    uint32_t histogram_count;
    uint32_t reserved0;
    uint8_t reserved1[24];
};
#define FLATLINE_STREAM_OBSERVED 1U /* in no automatic gate */
#define FLATLINE_DIRECTORY_FIELDS(F)                                                                \
    F(flatline_directory_entry, name, 0, 64, "text", "venue/SYMBOL/channel")                        \
    F(flatline_directory_entry, venue, 64, 4, "enum flatline_venue", "")                            \
    F(flatline_directory_entry, stream_class, 68, 4, "enum flatline_class", "")                     \
    F(flatline_directory_entry, stale_after_ns, 72, 8, "ns", "how long fresh data is trusted")      \
    F(flatline_directory_entry, silent_after_ns, 80, 8, "ns", "a fixed SILENT limit; 0 = none")              \
    F(flatline_directory_entry, flags, 88, 4, "flags", "FLATLINE_STREAM_*")                         \
    F(flatline_directory_entry, first_histogram, 92, 4, "index", "interarrival, then lag, in HISTOGRAMS") \
    F(flatline_directory_entry, histogram_count, 96, 4, "count", "0 where histograms are off")

/* The line an engine looks at. */
struct flatline_lease {
    uint64_t lease_until_mono_ns;
    uint64_t due_id;
    uint64_t lost_count;
    uint64_t quiet_until_mono_ns;
    uint64_t revoked_by;
    uint8_t reserved[88];
};
#define FLATLINE_LEASE_FIELDS(F)                                                                    \
    F(flatline_lease, lease_until_mono_ns, 0, 8, "ns CLOCK_MONOTONIC", "fresh while now < this; 0 = revoked or never") \
    F(flatline_lease, due_id, 8, 8, "id", "newest id first seen longer ago than its allowance; 0 = none") \
    F(flatline_lease, lost_count, 16, 8, "count", "revocations")                                    \
    F(flatline_lease, quiet_until_mono_ns, 24, 8, "ns CLOCK_MONOTONIC", "lapsed, but known to be only quiet while now < this; 0 = nothing to tell it by") \
    F(flatline_lease, revoked_by, 32, 8, "enum flatline_fault_kind", "why it is 0 (0 = never had one); means nothing otherwise")

/* One stream's evidence, a slot. */
struct flatline_detail {
    uint64_t sequence;
    uint64_t last_recv_mono_ns;
    uint64_t last_newer_mono_ns;
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
    uint64_t legs;
    uint64_t legs_up;
    uint64_t open_faults;
    uint64_t lapsed_since_mono_ns;
    uint64_t unproven;
    uint64_t silence_provable_ns;
    uint64_t rest_seen_mono_ns;
    uint64_t rest_moved_mono_ns;
    uint64_t book_debt;
    uint64_t book_debt_waits;
    uint64_t book_allowance_ns;
    uint8_t reserved[40];
};
#define FLATLINE_DETAIL_FIELDS(F)                                                                   \
    F(flatline_detail, sequence, 0, 8, "sequence", "odd while being written")                       \
    F(flatline_detail, last_recv_mono_ns, 8, 8, "ns CLOCK_MONOTONIC", "last frame of any leg")      \
    F(flatline_detail, last_newer_mono_ns, 16, 8, "ns CLOCK_MONOTONIC", "last frame that extended the lease") \
    F(flatline_detail, last_exch_wall_ns, 24, 8, "ns venue clock", "exchange time of the newest frame; 0 = none") \
    F(flatline_detail, frontier_id, 32, 8, "id", "newest id any leg has shown")                     \
    F(flatline_detail, bid_e8, 40, 8, "price * 1e8", "best bid, 0 = not shown by this channel")     \
    F(flatline_detail, ask_e8, 48, 8, "price * 1e8", "best ask, 0 = not shown by this channel")     \
    F(flatline_detail, excess_lag_ns, 56, 8, "ns", "lag above the venue's envelope, last timed frame") \
    F(flatline_detail, frames, 64, 8, "count", "data frames, all legs")                             \
    F(flatline_detail, gaps, 72, 8, "count", "breaks of the id rule")                               \
    F(flatline_detail, resets, 80, 8, "count", "legal resets of the id")                            \
    F(flatline_detail, regressed, 88, 8, "count", "frames whose key went backwards")                \
    F(flatline_detail, repeated, 96, 8, "count", "frames whose key repeated")                       \
    F(flatline_detail, absurd, 104, 8, "count", "frames whose exchange time was absurd (time_absurd)") \
    F(flatline_detail, lapses, 112, 8, "count", "lapses")                                           \
    F(flatline_detail, lapsed_ns, 120, 8, "ns", "time spent lapsed, finished lapses")               \
    F(flatline_detail, legs, 128, 8, "count", "connections meant to carry this stream")                 \
    F(flatline_detail, legs_up, 136, 8, "count", "connections that carry it now; one more while a successor takes over")                                    \
    F(flatline_detail, open_faults, 144, 8, "bits", "1 << kind for each open fault of this stream or its connections") \
    F(flatline_detail, lapsed_since_mono_ns, 152, 8, "ns CLOCK_MONOTONIC", "0 = not lapsed")                       \
    F(flatline_detail, unproven, 160, 8, "flag", "1: an account stream that has not shown an event on this socket") \
    F(flatline_detail, silence_provable_ns, 168, 8, "ns", "a silence this long would be SILENT now; 0 = not provable, or not yet") \
    F(flatline_detail, rest_seen_mono_ns, 176, 8, "ns CLOCK_MONOTONIC", "when REST last told of its book; 0 = was not asked") \
    F(flatline_detail, rest_moved_mono_ns, 184, 8, "ns CLOCK_MONOTONIC", "and when that last differed from the answer before") \
    F(flatline_detail, book_debt, 192, 8, "enum flatline_debt", "does it owe what the other channels of its book show") \
    F(flatline_detail, book_debt_waits, 200, 8, "count", "waits that the check of its ids has seen met") \
    F(flatline_detail, book_allowance_ns, 208, 8, "ns", "how long it may take to show what they have; 0 = owes nothing")

/* One connection. Name fixed; words single-writer. */
struct flatline_connection {
    char name[FLATLINE_NAME_BYTES];
    uint32_t venue;
    uint32_t first_histogram;
    uint32_t histogram_count;
    uint32_t reserved0;
    uint8_t reserved1[48];
    uint64_t state;
    uint64_t epoch;
    uint64_t up_since_mono_ns;
    uint64_t watermark_mono_ns;
    uint64_t frames;
    uint64_t bytes;
    uint64_t data;
    uint64_t control;
    uint64_t ignored;
    uint64_t malformed;
    uint64_t pings;
    uint64_t pongs;
    uint64_t last_rtt_ns;
    uint64_t connects;
    uint64_t partial_bytes;
    uint64_t budget_hits;
};
#define FLATLINE_CONNECTION_FIELDS(F)                                                               \
    F(flatline_connection, name, 0, 64, "text", "venue/route/number")                               \
    F(flatline_connection, venue, 64, 4, "enum flatline_venue", "")                                 \
    F(flatline_connection, first_histogram, 68, 4, "index", "in CONNECTION_HISTOGRAMS: round trip of the own stamped ping; then, of twins, how far behind the first a frame came") \
    F(flatline_connection, histogram_count, 72, 4, "count", "")                                     \
    F(flatline_connection, state, 128, 8, "enum flatline_connection_state", "")                     \
    F(flatline_connection, epoch, 136, 8, "count", "connections made under this name")              \
    F(flatline_connection, up_since_mono_ns, 144, 8, "ns CLOCK_MONOTONIC", "0 = down")              \
    F(flatline_connection, watermark_mono_ns, 152, 8, "ns CLOCK_MONOTONIC", "known drained up to here") \
    F(flatline_connection, frames, 160, 8, "count", "messages received")                            \
    F(flatline_connection, bytes, 168, 8, "bytes", "payload received")                              \
    F(flatline_connection, data, 176, 8, "count", "frames that were data of a stream")              \
    F(flatline_connection, control, 184, 8, "count", "answers, notices, heartbeats")                \
    F(flatline_connection, ignored, 192, 8, "count", "well-formed, but nothing of ours")            \
    F(flatline_connection, malformed, 200, 8, "count", "refused by the codec or the framing")       \
    F(flatline_connection, pings, 208, 8, "count", "venue pings answered")                          \
    F(flatline_connection, pongs, 216, 8, "count", "answers to our stamped pings")                  \
    F(flatline_connection, last_rtt_ns, 224, 8, "ns", "last stamped ping round trip")               \
    F(flatline_connection, connects, 232, 8, "count", "attempts")                                   \
    F(flatline_connection, partial_bytes, 240, 8, "bytes", "of a frame not yet whole, at the last pass") \
    F(flatline_connection, budget_hits, 248, 8, "count", "passes that ended on the read budget")

struct flatline_gate_entry {
    char name[FLATLINE_NAME_BYTES];
    uint32_t first_member;
    uint32_t member_count;
    uint64_t flags;
    uint8_t reserved[48];
};
#define FLATLINE_GATE_BOTH 1U /* fresh only for an engine that has what the sentinel has */
#define FLATLINE_GATE_FIELDS(F)                                                                     \
    F(flatline_gate_entry, name, 0, 64, "text", "")                                                 \
    F(flatline_gate_entry, first_member, 64, 4, "index", "in GATE_MEMBERS")                         \
    F(flatline_gate_entry, member_count, 68, 4, "count", "0 = never fresh")                         \
    F(flatline_gate_entry, flags, 72, 8, "flags", "FLATLINE_GATE_*")

struct flatline_gate_member {
    uint32_t stream;
    uint32_t quiet_hold_ms;
    int64_t stale_adjust_ns;
};
#define FLATLINE_GATE_MEMBER_FIELDS(F)                                                              \
    F(flatline_gate_member, stream, 0, 4, "index", "in STREAMS")                                    \
    F(flatline_gate_member, quiet_hold_ms, 4, 4, "ms", "how long past its lease a merely quiet stream does; 0 = not at all") \
    F(flatline_gate_member, stale_adjust_ns, 8, 8, "ns", "gate's stale_after - the stream's, added to its lease; 0 = none")

/* What a gate is advised, of all advice that is for it. One line, so that a look at the gate finds it in one place. Each
 * word stands alone: an advice holds while now < its until; 0 = none, FLATLINE_UNTIL_CLEARED = until cleared. */
struct flatline_gate_advice {
    uint64_t breaker_until_mono_ns;
    uint64_t pause_until_mono_ns;
    uint64_t reduce_until_mono_ns;
    uint64_t fallback_until_mono_ns;
    uint64_t reconnect_until_mono_ns;
    uint64_t breaker_serial;
    uint64_t pause_serial;
    uint64_t reduce_serial;
    uint64_t fallback_serial;
    uint64_t reconnect_serial;
    uint8_t reserved[48];
};
#define FLATLINE_GATE_ADVICE_FIELDS(F)                                                              \
    F(flatline_gate_advice, breaker_until_mono_ns, 0, 8, "ns CLOCK_MONOTONIC", "no quotes while now < this") \
    F(flatline_gate_advice, pause_until_mono_ns, 8, 8, "ns CLOCK_MONOTONIC", "no quotes while now < this") \
    F(flatline_gate_advice, reduce_until_mono_ns, 16, 8, "ns CLOCK_MONOTONIC", "quote less while now < this") \
    F(flatline_gate_advice, fallback_until_mono_ns, 24, 8, "ns CLOCK_MONOTONIC", "take data from REST while now < this") \
    F(flatline_gate_advice, reconnect_until_mono_ns, 32, 8, "ns CLOCK_MONOTONIC", "connect anew, once a serial, while now < this") \
    F(flatline_gate_advice, breaker_serial, 40, 8, "serial", "newest advice of the kind, which the engine acknowledges; 0 = none") \
    F(flatline_gate_advice, pause_serial, 48, 8, "serial", "")                                      \
    F(flatline_gate_advice, reduce_serial, 56, 8, "serial", "")                                     \
    F(flatline_gate_advice, fallback_serial, 64, 8, "serial", "")                                   \
    F(flatline_gate_advice, reconnect_serial, 72, 8, "serial", "")

struct flatline_fault_slot {
    uint64_t sequence;
    uint64_t id;
    uint64_t kind;
    uint64_t scope;
    uint64_t stream;
    uint64_t connection;
    uint64_t onset_mono_ns;
    uint64_t noticed_mono_ns;
    uint64_t cleared_mono_ns;
    uint64_t evidence[FLATLINE_EVIDENCE_WORDS];
    uint64_t count;
    uint64_t text[8];
    uint64_t confidence;
    uint64_t blame;
    uint64_t flags;
    uint8_t reserved[40];
};
#define FLATLINE_NO_INDEX    0xffffffffULL
#define FLATLINE_FAULT_DRILL 1U /* stands only because of a drill: pages nobody */
#define FLATLINE_FAULT_FIELDS(F)                                                                    \
    F(flatline_fault_slot, sequence, 0, 8, "sequence", "odd while being written")                   \
    F(flatline_fault_slot, id, 8, 8, "serial", "1, 2, 3 ...; 0 = empty slot")                       \
    F(flatline_fault_slot, kind, 16, 8, "enum flatline_fault_kind", "")                             \
    F(flatline_fault_slot, scope, 24, 8, "enum flatline_scope", "")                                 \
    F(flatline_fault_slot, stream, 32, 8, "index", "FLATLINE_NO_INDEX = not of one stream")         \
    F(flatline_fault_slot, connection, 40, 8, "index", "FLATLINE_NO_INDEX = not of one connection") \
    F(flatline_fault_slot, onset_mono_ns, 48, 8, "ns CLOCK_MONOTONIC", "first missed event")        \
    F(flatline_fault_slot, noticed_mono_ns, 56, 8, "ns CLOCK_MONOTONIC", "when it was proven")      \
    F(flatline_fault_slot, cleared_mono_ns, 64, 8, "ns CLOCK_MONOTONIC", "0 = open")                \
    F(flatline_fault_slot, evidence, 72, 48, "see FLATLINE_FAULTS", "numbers, in the order of the kind's keys") \
    F(flatline_fault_slot, count, 120, 8, "count", "times it repeated while open")                  \
    F(flatline_fault_slot, text, 128, 64, "text", "the venue's own words, NUL-padded")              \
    F(flatline_fault_slot, confidence, 192, 8, "percent", "100 = proven")                           \
    F(flatline_fault_slot, blame, 200, 8, "enum flatline_scope", "whose fault")                     \
    F(flatline_fault_slot, flags, 208, 8, "flags", "FLATLINE_FAULT_*")

struct flatline_event_slot {
    uint64_t sequence;
    uint64_t number;
    uint64_t type;
    uint64_t stream;
    uint64_t at_mono_ns;
    uint64_t seen_mono_ns;
    uint64_t fault_id;
    uint64_t fault_kind;
};
#define FLATLINE_EVENT_FIELDS(F)                                                                    \
    F(flatline_event_slot, sequence, 0, 8, "sequence", "odd while being written")                   \
    F(flatline_event_slot, number, 8, 8, "serial", "0, 1, 2 ...; slot = number % count")            \
    F(flatline_event_slot, type, 16, 8, "enum flatline_event_type", "")                             \
    F(flatline_event_slot, stream, 24, 8, "index", "FLATLINE_NO_INDEX = none")                      \
    F(flatline_event_slot, at_mono_ns, 32, 8, "ns CLOCK_MONOTONIC", "when it happened")             \
    F(flatline_event_slot, seen_mono_ns, 40, 8, "ns CLOCK_MONOTONIC", "when the judge wrote it")    \
    F(flatline_event_slot, fault_id, 48, 8, "serial", "of FAULT and CLEAR; of ADVICE its serial")                         \
    F(flatline_event_slot, fault_kind, 56, 8, "enum flatline_fault_kind", "of FAULT, CLEAR, and of a LAPSE by revocation")

struct flatline_counter {
    char name[56];
    uint64_t value;
};
#define FLATLINE_COUNTER_FIELDS(F)                                                                  \
    F(flatline_counter, name, 0, 56, "text", "")                                                    \
    F(flatline_counter, value, 56, 8, "count", "")

struct flatline_error_slot {
    uint64_t sequence;
    uint64_t count;
    uint64_t first_mono_ns;
    uint64_t last_mono_ns;
    uint64_t text[12];
};
#define FLATLINE_ERROR_FIELDS(F)                                                                    \
    F(flatline_error_slot, sequence, 0, 8, "sequence", "odd while being written")                   \
    F(flatline_error_slot, count, 8, 8, "count", "times seen; 0 = empty slot")                      \
    F(flatline_error_slot, first_mono_ns, 16, 8, "ns CLOCK_MONOTONIC", "")                          \
    F(flatline_error_slot, last_mono_ns, 24, 8, "ns CLOCK_MONOTONIC", "")                           \
    F(flatline_error_slot, text, 32, 96, "text", "NUL-padded")

/* A log-linear (HDR) histogram: this header, then `bucket_count` 32-bit counts. Section stride covers header and counts.
 * A value of v units lies in bucket (n + 1) * half + (v >> n) - half, where half = 1 << (sub_bucket_bits - 1) and n, never
 * negative, is the number of bits by which v is too long for sub_bucket_bits. */
struct flatline_histogram {
    uint64_t total;
    uint64_t max_ns;
    uint64_t unit_ns;
    uint32_t sub_bucket_bits;
    uint32_t bucket_count;
};
#define FLATLINE_HISTOGRAM_FIELDS(F)                                                                \
    F(flatline_histogram, total, 0, 8, "count", "values recorded")                                  \
    F(flatline_histogram, max_ns, 8, 8, "ns", "largest value, exact")                               \
    F(flatline_histogram, unit_ns, 16, 8, "ns", "width of the smallest bucket")                     \
    F(flatline_histogram, sub_bucket_bits, 24, 4, "bits", "8: two digits, 11: three digits")        \
    F(flatline_histogram, bucket_count, 28, 4, "count", "32-bit counts behind this header")

/* One advice, a slot. The words that act are in flatline_gate_advice; this tells who asked for them, and why. */
struct flatline_advice_slot {
    uint64_t sequence;
    uint64_t serial;
    uint64_t kind;
    uint64_t flags;
    uint64_t target;
    uint64_t index;
    uint64_t since_mono_ns;
    uint64_t until_mono_ns;
    uint64_t since_wall_ns;
    uint64_t uid;
    uint64_t by[4];
    uint64_t name[8];
    uint64_t reason[16];
    uint8_t reserved[80];
};
#define FLATLINE_ADVICE_DRILL 1U /* an exercise: pages nobody */
#define FLATLINE_ADVICE_FIELDS(F)                                                                   \
    F(flatline_advice_slot, sequence, 0, 8, "sequence", "odd while being written")                  \
    F(flatline_advice_slot, serial, 8, 8, "serial", "1, 2, 3 ..., over all lives of the sentinel; 0 = empty slot") \
    F(flatline_advice_slot, kind, 16, 8, "enum flatline_advice_kind", "")                           \
    F(flatline_advice_slot, flags, 24, 8, "flags", "FLATLINE_ADVICE_*")                             \
    F(flatline_advice_slot, target, 32, 8, "enum flatline_target", "what it is for")                \
    F(flatline_advice_slot, index, 40, 8, "index", "of the gate or stream, number of the venue; else FLATLINE_NO_INDEX") \
    F(flatline_advice_slot, since_mono_ns, 48, 8, "ns CLOCK_MONOTONIC", "when it was given; of an earlier boot: 0") \
    F(flatline_advice_slot, until_mono_ns, 56, 8, "ns CLOCK_MONOTONIC", "holds while now < this")   \
    F(flatline_advice_slot, since_wall_ns, 64, 8, "ns CLOCK_REALTIME", "when it was given; for people") \
    F(flatline_advice_slot, uid, 72, 8, "uid", "of who gave it")                                    \
    F(flatline_advice_slot, by, 80, 32, "text", "his name, NUL-padded")                             \
    F(flatline_advice_slot, name, 112, 64, "text", "the target as it was given, NUL-padded")        \
    F(flatline_advice_slot, reason, 176, 128, "text", "NUL-padded")

#define FLATLINE_ALL_FIELDS(F)                                                                      \
    FLATLINE_SECTION_FIELDS(F)                                                                      \
    FLATLINE_HEADER_FIELDS(F)                                                                       \
    FLATLINE_DIRECTORY_FIELDS(F)                                                                    \
    FLATLINE_LEASE_FIELDS(F)                                                                        \
    FLATLINE_DETAIL_FIELDS(F)                                                                       \
    FLATLINE_CONNECTION_FIELDS(F)                                                                   \
    FLATLINE_GATE_FIELDS(F)                                                                         \
    FLATLINE_GATE_MEMBER_FIELDS(F)                                                                  \
    FLATLINE_GATE_ADVICE_FIELDS(F)                                                                  \
    FLATLINE_FAULT_FIELDS(F)                                                                        \
    FLATLINE_EVENT_FIELDS(F)                                                                        \
    FLATLINE_COUNTER_FIELDS(F)                                                                      \
    FLATLINE_ERROR_FIELDS(F)                                                                        \
    FLATLINE_HISTOGRAM_FIELDS(F)                                                                    \
    FLATLINE_ADVICE_FIELDS(F)

/* Record sizes: R(structure, bytes). */
#define FLATLINE_ALL_RECORDS(R)                                                                     \
    R(flatline_section, 16)                                                                         \
    R(flatline_header, 640)                                                                         \
    R(flatline_directory_entry, 128)                                                                \
    R(flatline_lease, 128)                                                                          \
    R(flatline_detail, 256)                                                                         \
    R(flatline_connection, 256)                                                                     \
    R(flatline_gate_entry, 128)                                                                     \
    R(flatline_gate_member, 16)                                                                     \
    R(flatline_gate_advice, 128)                                                                    \
    R(flatline_fault_slot, 256)                                                                     \
    R(flatline_event_slot, 64)                                                                      \
    R(flatline_counter, 64)                                                                         \
    R(flatline_error_slot, 128)                                                                     \
    R(flatline_histogram, 32)                                                                       \
    R(flatline_advice_slot, 384)

#define FLATLINE_ASSERT_FIELD(record, field, offset, bytes, unit, meaning)                          \
    FLATLINE_STATIC_ASSERT(offsetof(struct record, field) == (offset), #record "." #field " moved"); \
    FLATLINE_STATIC_ASSERT(sizeof(((struct record *)0)->field) == (bytes), #record "." #field " resized");
#define FLATLINE_ASSERT_RECORD(record, bytes)                                                       \
    FLATLINE_STATIC_ASSERT(sizeof(struct record) == (bytes), #record " resized");

FLATLINE_ALL_FIELDS(FLATLINE_ASSERT_FIELD)
FLATLINE_ALL_RECORDS(FLATLINE_ASSERT_RECORD)

#endif
