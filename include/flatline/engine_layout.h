/* SPDX-License-Identifier: MIT
 *
 * engine_layout.h - the format of an engine's own segment, and its single source.
 *
 * An engine writes what it sees into a file of its own, <segment>.engine.<NAME> beside the sentinel's segment (by default
 * /dev/shm/flatline.engine.<NAME>), mode 0640. The file describes itself: a header, a directory of slots declared by name while
 * the engine runs, and behind it the records that the slots point at. Little-endian, naturally aligned.
 *
 * Every shared word is one aligned 64-bit value that means something by itself: no sequence, no pair of words that must agree, so
 * that a program in any language can write it. Each record starts on a line of its own (128 bytes), and each line has one writer.
 * Whoever reads checks every value: a torn or absurd one is counted and passed over, never trusted.
 *
 *   header        written before the magic; its live line by declarations, its last line at goodbye
 *   slots         name, offset and length first, `kind` last (release): a slot whose kind is 0 is not there yet. Never changed after.
 *   records       the engine's words, by kind. All times are CLOCK_MONOTONIC, ns; 0 = never.
 *
 * ABI rule: as in layout.h. A minor version gives meaning to reserved (zero) space; all else is a new major.
 */
#ifndef FLATLINE_ENGINE_LAYOUT_H
#define FLATLINE_ENGINE_LAYOUT_H

#include "flatline/layout.h"

#define FLATLINE_ENGINE_MAGIC      0x454e49474e454c46ULL /* the bytes "FLENGINE" */
#define FLATLINE_ENGINE_MAJOR      1U
#define FLATLINE_ENGINE_MINOR      0U
#define FLATLINE_ENGINE_INFIX      ".engine."
#define FLATLINE_ENGINE_NAME_BYTES 32U /* of the engine: [A-Za-z0-9_-], terminating NUL included */
#define FLATLINE_ENGINE_SLOTS_MAX  1024U
#define FLATLINE_ENGINE_FILE_MAX   (16ULL << 20) /* a longer file is refused */
#define FLATLINE_ENGINE_PAIRS      64U           /* orders whose report may be awaited at a time */

/* A beat is late after the longer of this and three declared intervals. */
#define FLATLINE_ENGINE_BEAT_LEAST_NS   250000000ULL
#define FLATLINE_ENGINE_BEAT_TIMES      3U
#define FLATLINE_ENGINE_INTERVAL_MAX_NS (3600ULL * 1000000000ULL)

/* A table keeps a row a line, however long. */
/* clang-format off */

/* Kinds of slots: E(number, NAME, "text", record). */
#define FLATLINE_ENGINE_KINDS(E)                                                                    \
    E(0, NONE, "none", flatline_engine_number)        /* not declared yet */                        \
    E(1, STREAM, "stream", flatline_engine_echo)      /* named as the stream: venue/SYMBOL/channel */ \
    E(2, WORKER, "worker", flatline_engine_worker)    /* a thread, task or loop that owes beats */  \
    E(3, INSTRUMENT, "instrument", flatline_engine_instrument)                                      \
    E(4, COUNTER, "counter", flatline_engine_number)                                                \
    E(5, GAUGE, "gauge", flatline_engine_number)                                                    \
    E(6, LATENCY, "latency", flatline_engine_latency) /* followed by its counts */                  \
    E(7, ORDERS, "orders", flatline_engine_orders)    /* sent and seen, pair by pair */             \
    E(8, KEY, "key", flatline_engine_key)             /* named as the account's stream */           \
    E(9, GATE, "gate", flatline_engine_gate)          /* named as the gate */                       \
    E(10, ADVICE, "advice", flatline_engine_advice)   /* named as the advice word */
#define FLATLINE_ENGINE_KIND_COUNT 11U

#define FLATLINE_WORKER_STATES(E)                                                                   \
    E(0, IDLE, "idle")         /* owes no beat */                                                   \
    E(1, RUNNING, "running")                                                                        \
    E(2, EXITED, "exited")     /* left in order */                                                  \
    E(3, PANICKED, "panicked") /* died of an error; its text says of which */

#define FLATLINE_ENUM_ENGINE_KIND(number, name, text, record) FLATLINE_ENGINE_##name = number,
#define FLATLINE_ENUM_WORKER(number, name, text) FLATLINE_WORKER_##name = number,
enum flatline_engine_kind { FLATLINE_ENGINE_KINDS(FLATLINE_ENUM_ENGINE_KIND) };
enum flatline_worker_state { FLATLINE_WORKER_STATES(FLATLINE_ENUM_WORKER) };

#define FLATLINE_ENGINE_ABANDONED UINT64_MAX /* start_ticks of no process */

struct flatline_engine_header {
    uint64_t magic; /* stored last, with release */
    uint64_t major;
    uint64_t minor;
    uint64_t file_bytes;
    uint64_t layout_hash;
    uint64_t pid;
    uint64_t start_ticks;
    uint64_t pid_namespace;
    uint64_t created_mono_ns;
    uint64_t created_wall_ns;
    uint64_t slots_offset;
    uint64_t slots_max;
    uint64_t data_offset;
    char name[FLATLINE_ENGINE_NAME_BYTES];
    uint8_t reserved0[120];
    /* ---- written at each declaration ---- */
    uint64_t slot_count;
    uint64_t refused;
    uint8_t reserved1[112];
    /* ---- written once, at the end ---- */
    uint64_t goodbye_mono_ns;
    uint8_t reserved2[120];
};
#define FLATLINE_ENGINE_HEADER_FIELDS(F)                                                            \
    F(flatline_engine_header, magic, 0, 8, "magic", "FLATLINE_ENGINE_MAGIC once the file is whole") \
    F(flatline_engine_header, major, 8, 8, "version", "layout major: readers refuse another")       \
    F(flatline_engine_header, minor, 16, 8, "version", "layout minor")                              \
    F(flatline_engine_header, file_bytes, 24, 8, "bytes", "size of the whole file")                 \
    F(flatline_engine_header, layout_hash, 32, 8, "hash", "FNV-1a of these tables")                 \
    F(flatline_engine_header, pid, 40, 8, "pid", "of the engine, in its own namespace")             \
    F(flatline_engine_header, start_ticks, 48, 8, "ticks", "field 22 of /proc/self/stat; 0 = not known; all ones = its writer let go without goodbye") \
    F(flatline_engine_header, pid_namespace, 56, 8, "inode", "of /proc/self/ns/pid; 0 = not known: the pid is no evidence") \
    F(flatline_engine_header, created_mono_ns, 64, 8, "ns CLOCK_MONOTONIC", "when this file was made") \
    F(flatline_engine_header, created_wall_ns, 72, 8, "ns CLOCK_REALTIME", "when this file was made; for people") \
    F(flatline_engine_header, slots_offset, 80, 8, "bytes", "first slot, from the start of the file") \
    F(flatline_engine_header, slots_max, 88, 8, "count", "slots there is room for, 128 bytes each") \
    F(flatline_engine_header, data_offset, 96, 8, "bytes", "where records begin")                   \
    F(flatline_engine_header, name, 104, 32, "text", "the engine's name, as in the file's")         \
    F(flatline_engine_header, slot_count, 256, 8, "count", "slots declared")                        \
    F(flatline_engine_header, refused, 264, 8, "count", "declarations there was no room for")       \
    F(flatline_engine_header, goodbye_mono_ns, 384, 8, "ns CLOCK_MONOTONIC", "when the engine left in order; 0 = it has not")

struct flatline_engine_slot {
    char name[FLATLINE_NAME_BYTES];
    uint64_t kind; /* stored last, with release */
    uint64_t offset_bytes;
    uint64_t length_bytes;
    uint64_t parameter;
    uint8_t reserved[32];
};
#define FLATLINE_ENGINE_SLOT_FIELDS(F)                                                              \
    F(flatline_engine_slot, name, 0, 64, "text", "what the slot is of")                             \
    F(flatline_engine_slot, kind, 64, 8, "enum flatline_engine_kind", "0 = not there yet")          \
    F(flatline_engine_slot, offset_bytes, 72, 8, "bytes", "its record, from the start of the file, a multiple of 128") \
    F(flatline_engine_slot, length_bytes, 80, 8, "bytes", "length of its record")                   \
    F(flatline_engine_slot, parameter, 88, 8, "see kind", "WORKER: declared interval, ns; LATENCY: largest value, ns")

struct flatline_engine_echo {
    uint64_t last_id;
    uint64_t recv_mono_ns;
    uint8_t reserved[112];
};
#define FLATLINE_ENGINE_ECHO_FIELDS(F)                                                              \
    F(flatline_engine_echo, last_id, 0, 8, "id", "newest id the engine has applied; 0 = none")      \
    F(flatline_engine_echo, recv_mono_ns, 8, 8, "ns CLOCK_MONOTONIC", "when it came")

struct flatline_engine_worker {
    uint64_t beat_mono_ns;
    uint64_t state;
    uint64_t restarts;
    uint64_t errors;
    uint64_t changed_mono_ns;
    uint8_t reserved0[88];
    uint64_t error_text[12];
    uint8_t reserved1[32];
};
#define FLATLINE_ENGINE_WORKER_FIELDS(F)                                                            \
    F(flatline_engine_worker, beat_mono_ns, 0, 8, "ns CLOCK_MONOTONIC", "last beat")                \
    F(flatline_engine_worker, state, 8, 8, "enum flatline_worker_state", "")                        \
    F(flatline_engine_worker, restarts, 16, 8, "count", "times it was started again")               \
    F(flatline_engine_worker, errors, 24, 8, "count", "errors it met, panics included")             \
    F(flatline_engine_worker, changed_mono_ns, 32, 8, "ns CLOCK_MONOTONIC", "when its state last changed") \
    F(flatline_engine_worker, error_text, 128, 96, "text", "its last error, NUL-padded; for people, may be torn")

struct flatline_engine_instrument {
    int64_t bid_e8;
    int64_t ask_e8;
    uint64_t quoted_mono_ns;
    uint64_t action_mono_ns;
    uint64_t active_orders;
    int64_t position_e8;
    int64_t pnl_e8;
    uint8_t reserved[72];
};
#define FLATLINE_ENGINE_INSTRUMENT_FIELDS(F)                                                        \
    F(flatline_engine_instrument, bid_e8, 0, 8, "price * 1e8", "quoted bid; 0 = none")              \
    F(flatline_engine_instrument, ask_e8, 8, 8, "price * 1e8", "quoted ask; 0 = none")              \
    F(flatline_engine_instrument, quoted_mono_ns, 16, 8, "ns CLOCK_MONOTONIC", "last quote")        \
    F(flatline_engine_instrument, action_mono_ns, 24, 8, "ns CLOCK_MONOTONIC", "last order action") \
    F(flatline_engine_instrument, active_orders, 32, 8, "count", "orders that stand at the venue")  \
    F(flatline_engine_instrument, position_e8, 40, 8, "quantity * 1e8", "signed")                   \
    F(flatline_engine_instrument, pnl_e8, 48, 8, "money * 1e8", "signed")

/* A counter or a gauge. */
struct flatline_engine_number {
    uint64_t value;
    uint64_t set_mono_ns;
    uint8_t reserved[112];
};
#define FLATLINE_ENGINE_NUMBER_FIELDS(F)                                                            \
    F(flatline_engine_number, value, 0, 8, "count", "of a counter; of a gauge signed, in the gauge's own unit") \
    F(flatline_engine_number, set_mono_ns, 8, 8, "ns CLOCK_MONOTONIC", "of a gauge: when it was set")

/* As struct flatline_histogram, all words 64-bit; bucket_count 64-bit counts follow. */
struct flatline_engine_latency {
    uint64_t total;
    uint64_t max_ns;
    uint64_t unit_ns;
    uint64_t sub_bucket_bits;
    uint64_t bucket_count;
    uint8_t reserved[88];
};
#define FLATLINE_ENGINE_LATENCY_FIELDS(F)                                                           \
    F(flatline_engine_latency, total, 0, 8, "count", "values recorded")                             \
    F(flatline_engine_latency, max_ns, 8, 8, "ns", "largest value, exact")                          \
    F(flatline_engine_latency, unit_ns, 16, 8, "ns", "width of the smallest bucket, a power of two") \
    F(flatline_engine_latency, sub_bucket_bits, 24, 8, "bits", "8: two digits")                     \
    F(flatline_engine_latency, bucket_count, 32, 8, "count", "64-bit counts behind this record")

/* Order n (from 0) is sent[n % 64] and seen[n % 64]; its report has come once seen >= sent. */
struct flatline_engine_orders {
    uint64_t sent_count;
    uint8_t reserved0[120];
    uint64_t sent_mono_ns[FLATLINE_ENGINE_PAIRS];
    uint64_t seen_mono_ns[FLATLINE_ENGINE_PAIRS];
};
#define FLATLINE_ENGINE_ORDERS_FIELDS(F)                                                            \
    F(flatline_engine_orders, sent_count, 0, 8, "count", "orders sent; written by who sends")       \
    F(flatline_engine_orders, sent_mono_ns, 128, 512, "ns CLOCK_MONOTONIC", "when each of the last 64 was sent; written by who sends") \
    F(flatline_engine_orders, seen_mono_ns, 640, 512, "ns CLOCK_MONOTONIC", "when its report came; written by who receives")

struct flatline_engine_key {
    uint64_t extended_mono_ns;
    uint64_t failures;
    uint64_t fingerprint;
    uint64_t proven_mono_ns;
    uint8_t reserved[96];
};
#define FLATLINE_ENGINE_KEY_FIELDS(F)                                                               \
    F(flatline_engine_key, extended_mono_ns, 0, 8, "ns CLOCK_MONOTONIC", "last POST or PUT that succeeded") \
    F(flatline_engine_key, failures, 8, 8, "count", "attempts to extend that failed")               \
    F(flatline_engine_key, fingerprint, 16, 8, "hash", "FNV-1a of the key; 0 = not told. Never the key itself") \
    F(flatline_engine_key, proven_mono_ns, 24, 8, "ns CLOCK_MONOTONIC", "last event or pong on the socket opened with this key")

struct flatline_engine_gate {
    uint64_t quoting;
    uint64_t seen_closed_mono_ns;
    uint64_t pulled_mono_ns;
    uint64_t seen_open_mono_ns;
    uint8_t reserved[96];
};
#define FLATLINE_ENGINE_GATE_FIELDS(F)                                                              \
    F(flatline_engine_gate, quoting, 0, 8, "0 or 1", "quotes that need this gate stand in the market") \
    F(flatline_engine_gate, seen_closed_mono_ns, 8, 8, "ns CLOCK_MONOTONIC", "when the engine last saw it close") \
    F(flatline_engine_gate, pulled_mono_ns, 16, 8, "ns CLOCK_MONOTONIC", "when the last quotes were gone") \
    F(flatline_engine_gate, seen_open_mono_ns, 24, 8, "ns CLOCK_MONOTONIC", "when the engine last saw it open")

struct flatline_engine_advice {
    uint64_t sequence;
    uint64_t acknowledged_mono_ns;
    uint8_t reserved[112];
};
#define FLATLINE_ENGINE_ADVICE_FIELDS(F)                                                            \
    F(flatline_engine_advice, sequence, 0, 8, "serial", "newest sequence of this advice word acted upon") \
    F(flatline_engine_advice, acknowledged_mono_ns, 8, 8, "ns CLOCK_MONOTONIC", "when")

#define FLATLINE_ENGINE_ALL_FIELDS(F)                                                               \
    FLATLINE_ENGINE_HEADER_FIELDS(F)                                                                \
    FLATLINE_ENGINE_SLOT_FIELDS(F)                                                                  \
    FLATLINE_ENGINE_ECHO_FIELDS(F)                                                                  \
    FLATLINE_ENGINE_WORKER_FIELDS(F)                                                                \
    FLATLINE_ENGINE_INSTRUMENT_FIELDS(F)                                                            \
    FLATLINE_ENGINE_NUMBER_FIELDS(F)                                                                \
    FLATLINE_ENGINE_LATENCY_FIELDS(F)                                                               \
    FLATLINE_ENGINE_ORDERS_FIELDS(F)                                                                \
    FLATLINE_ENGINE_KEY_FIELDS(F)                                                                   \
    FLATLINE_ENGINE_GATE_FIELDS(F)                                                                  \
    FLATLINE_ENGINE_ADVICE_FIELDS(F)

/* Record sizes: R(structure, bytes); each a multiple of 128. */
#define FLATLINE_ENGINE_ALL_RECORDS(R)                                                              \
    R(flatline_engine_header, 512)                                                                  \
    R(flatline_engine_slot, 128)                                                                    \
    R(flatline_engine_echo, 128)                                                                    \
    R(flatline_engine_worker, 256)                                                                  \
    R(flatline_engine_instrument, 128)                                                              \
    R(flatline_engine_number, 128)                                                                  \
    R(flatline_engine_latency, 128)                                                                 \
    R(flatline_engine_orders, 1152)                                                                 \
    R(flatline_engine_key, 128)                                                                     \
    R(flatline_engine_gate, 128)                                                                    \
    R(flatline_engine_advice, 128)

FLATLINE_ENGINE_ALL_FIELDS(FLATLINE_ASSERT_FIELD)
FLATLINE_ENGINE_ALL_RECORDS(FLATLINE_ASSERT_RECORD)

#endif
