/* SPDX-License-Identifier: MIT
 *
 * engine.h - what an engine tells: a file of its own beside the sentinel's segment, in which it
 * beats, echoes the ids it has applied, and counts. Link with -lflatline; C11 or C++17.
 *
 *     struct flatline_engine *engine;
 *     struct flatline_engine_echo *book;
 *     struct flatline_engine_worker *quoter;
 *     (void)flatline_engine_create(NULL, "mm1", NULL, &engine);
 *     (void)flatline_declare_stream(engine, "binance-usdm/BTCUSDT/depth@100ms", &book);
 *     (void)flatline_declare_worker(engine, "quoter", 100000000, &quoter);
 *     for (;;) {
 *         flatline_beat(quoter, flatline_now_mono_ns());
 *         flatline_echo(book, update.u, received_mono_ns);
 *     }
 *     flatline_engine_close(engine);
 *
 * Before you rely on it:
 *
 *  - One line, one writer: a record is for one thread at a time. Of `orders`, who sends and who
 *    receives may be two threads. Declaring is safe from any thread.
 *  - Leave with flatline_engine_close(). Whoever ends without it is ENGINE_GONE;
 *    flatline_engine_abandon() is for who means that.
 *  - A declaration that fails still gives a record: one that nobody reads. So the engine's facts
 *    are never a reason for the engine to stop.
 *  - After fork() the child must not write: the records are the parent's.
 */
#ifndef FLATLINE_ENGINE_H
#define FLATLINE_ENGINE_H

#include "flatline/engine_layout.h"
#include "flatline/flatline.h"

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct flatline_engine; /* one file, mapped for writing */

/* All zero: the defaults. */
struct flatline_engine_options {
    uint32_t slots_max;  /* 0: 256; at most FLATLINE_ENGINE_SLOTS_MAX */
    uint32_t data_bytes; /* room for records; 0: 512 KiB */
    mode_t mode;         /* 0: 0640; the sentinel must be able to read */
    bool has_group;      /* the file is given to `group` */
    gid_t group;
};

/** Makes the engine's file, under a temporary name, and renames it into place.
 *
 *  segment     of the sentinel, as in flatline_attach(); it need not be there yet
 *  name        of this engine: 1 to 31 of A-Z a-z 0-9 _ -
 *  options     NULL: the defaults
 *  ret_engine  written on success only
 *
 *  Returns 0, or a negative enum flatline_error: INVALID, IN_USE (a live process writes the file of
 *  this name), PERMISSION, NO_MEMORY, SYSTEM (errno says; ENOSPC: the file system is full).
 *  Cost: system calls; not for the hot path.
 */
int flatline_engine_create(const char *segment,
                           const char *name,
                           const struct flatline_engine_options *options,
                           struct flatline_engine **ret_engine);

/** Says goodbye, removes the name and frees. Records die with it. NULL is accepted. */
void flatline_engine_close(struct flatline_engine *engine);

/** Lets go without goodbye, for who is on the way out of an error: frees, and leaves the file as a
 *  crash would, with all that was written last. The engine is ENGINE_GONE within milliseconds, though
 *  its process may live, until it is made again under this name. Records die with it. NULL is accepted. */
void flatline_engine_abandon(struct flatline_engine *engine);

/** Path of the file. */
const char *flatline_engine_path(const struct flatline_engine *engine);

/** Declares a slot by name, or finds the one declared before under this name and kind.
 *
 *  Each returns 0, or FLATLINE_E_INVALID (name empty, too long or with control bytes; parameter out
 *  of range) or FLATLINE_E_NO_MEMORY (no slot or room left; counted in the header). *ret_record is
 *  written in any case: on failure it points at a record that is in no file.
 *  Thread-safety: any thread. Cost: a lock and a search; not for the hot path.
 *
 *  stream: full name of the stream as the sentinel calls it.
 *  worker: interval_ns at which it promises to beat, up to an hour; starts as IDLE.
 *  latency: two digits, 1 us and above, up to max_ns (beyond: the last bucket).
 *  key: full name of the account's stream. gate, advice: their names.
 */
int flatline_declare_stream(struct flatline_engine *engine,
                            const char *name,
                            struct flatline_engine_echo **ret_record);
int flatline_declare_worker(struct flatline_engine *engine,
                            const char *name,
                            uint64_t interval_ns,
                            struct flatline_engine_worker **ret_record);
int flatline_declare_instrument(struct flatline_engine *engine,
                                const char *name,
                                struct flatline_engine_instrument **ret_record);
int flatline_declare_counter(struct flatline_engine *engine,
                             const char *name,
                             struct flatline_engine_number **ret_record);
int flatline_declare_gauge(struct flatline_engine *engine,
                           const char *name,
                           struct flatline_engine_number **ret_record);
int flatline_declare_latency(struct flatline_engine *engine,
                             const char *name,
                             uint64_t max_ns,
                             struct flatline_engine_latency **ret_record);
int flatline_declare_orders(struct flatline_engine *engine,
                            const char *name,
                            struct flatline_engine_orders **ret_record);
int flatline_declare_key(struct flatline_engine *engine,
                         const char *name,
                         struct flatline_engine_key **ret_record);
int flatline_declare_gate(struct flatline_engine *engine,
                          const char *name,
                          struct flatline_engine_gate **ret_record);
int flatline_declare_advice(struct flatline_engine *engine,
                            const char *name,
                            struct flatline_engine_advice **ret_record);

/* ---- writing: inline, no lock, no call. Each word is relaxed: it means something by itself, and
 * whoever reads it expects no other word to agree with it. ------------------------------------- */

static inline void flatline_store_word(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t flatline_load_word(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/** The newest id applied, and when it was received. Cost: two stores. */
static inline void
flatline_echo(struct flatline_engine_echo *echo, uint64_t last_id, uint64_t recv_mono_ns)
{
    flatline_store_word(&echo->recv_mono_ns, recv_mono_ns);
    flatline_store_word(&echo->last_id, last_id);
}

/** "I am alive", at least once each declared interval; makes an idle worker a running one.
 *  Cost: a load and a store. */
static inline void flatline_beat(struct flatline_engine_worker *worker, uint64_t now_mono_ns)
{
    flatline_store_word(&worker->beat_mono_ns, now_mono_ns);
    if (flatline_load_word(&worker->state) != FLATLINE_WORKER_RUNNING) {
        flatline_store_word(&worker->changed_mono_ns, now_mono_ns);
        flatline_store_word(&worker->state, FLATLINE_WORKER_RUNNING);
    }
}

static inline void flatline_worker_change(struct flatline_engine_worker *worker,
                                          enum flatline_worker_state state,
                                          uint64_t now_mono_ns)
{
    flatline_store_word(&worker->beat_mono_ns, now_mono_ns);
    flatline_store_word(&worker->changed_mono_ns, now_mono_ns);
    flatline_store_word(&worker->state, (uint64_t)state);
}

/** Waits for work and owes no beat until the next one. */
static inline void flatline_worker_idle(struct flatline_engine_worker *worker, uint64_t now_mono_ns)
{
    flatline_worker_change(worker, FLATLINE_WORKER_IDLE, now_mono_ns);
}

/** Ends in order. */
static inline void flatline_worker_exit(struct flatline_engine_worker *worker, uint64_t now_mono_ns)
{
    flatline_worker_change(worker, FLATLINE_WORKER_EXITED, now_mono_ns);
}

/** Begins again after an end. */
static inline void flatline_worker_restart(struct flatline_engine_worker *worker,
                                           uint64_t now_mono_ns)
{
    flatline_store_word(&worker->restarts, flatline_load_word(&worker->restarts) + 1U);
    flatline_worker_change(worker, FLATLINE_WORKER_RUNNING, now_mono_ns);
}

/** Notes an error, cut to 95 bytes; the worker goes on. */
void flatline_worker_error(struct flatline_engine_worker *worker, const char *text);

/** Dies of an error: the fault follows within milliseconds. */
void flatline_worker_panic(struct flatline_engine_worker *worker,
                           const char *text,
                           uint64_t now_mono_ns);

/** What stands in the market now; prices are units of 1e-8, 0 = no quote on that side. */
static inline void flatline_quote(struct flatline_engine_instrument *instrument,
                                  int64_t bid_e8,
                                  int64_t ask_e8,
                                  uint64_t now_mono_ns)
{
    flatline_store_word((uint64_t *)&instrument->bid_e8, (uint64_t)bid_e8);
    flatline_store_word((uint64_t *)&instrument->ask_e8, (uint64_t)ask_e8);
    flatline_store_word(&instrument->quoted_mono_ns, now_mono_ns);
}

/** An order was placed, changed or cancelled; how many stand now. */
static inline void flatline_order_action(struct flatline_engine_instrument *instrument,
                                         uint64_t active_orders,
                                         uint64_t now_mono_ns)
{
    flatline_store_word(&instrument->active_orders, active_orders);
    flatline_store_word(&instrument->action_mono_ns, now_mono_ns);
}

static inline void flatline_position(struct flatline_engine_instrument *instrument,
                                     int64_t position_e8,
                                     int64_t pnl_e8)
{
    flatline_store_word((uint64_t *)&instrument->position_e8, (uint64_t)position_e8);
    flatline_store_word((uint64_t *)&instrument->pnl_e8, (uint64_t)pnl_e8);
}

/** Adds to a counter. */
static inline void flatline_count(struct flatline_engine_number *counter, uint64_t by)
{
    flatline_store_word(&counter->value, flatline_load_word(&counter->value) + by);
}

/** Sets a gauge. */
static inline void
flatline_gauge(struct flatline_engine_number *gauge, int64_t value, uint64_t now_mono_ns)
{
    flatline_store_word(&gauge->value, (uint64_t)value);
    flatline_store_word(&gauge->set_mono_ns, now_mono_ns);
}

/** Records one duration. Cost: about 2 ns. */
static inline void flatline_latency(struct flatline_engine_latency *latency, uint64_t value_ns)
{
    uint64_t *counts = (uint64_t *)(void *)(latency + 1);
    const uint32_t bits = 8U; /* of every record made by flatline_declare_latency() */
    const uint64_t units = value_ns >> 9;
    const uint64_t last = latency->bucket_count - 1U;
    const uint32_t doubling = 64U - (uint32_t)__builtin_clzll(units | ((1ULL << bits) - 1U)) - bits;
    const uint64_t at = ((uint64_t)doubling << (bits - 1U)) + (units >> doubling);
    uint64_t *count = &counts[at < last ? at : last];
    flatline_store_word(count, flatline_load_word(count) + 1U);
    flatline_store_word(&latency->total, flatline_load_word(&latency->total) + 1U);
    if (value_ns > flatline_load_word(&latency->max_ns)) {
        flatline_store_word(&latency->max_ns, value_ns);
    }
}

/** An order goes out. Returns its number, to be handed to flatline_report_seen(). */
static inline uint64_t flatline_order_sent(struct flatline_engine_orders *orders,
                                           uint64_t now_mono_ns)
{
    const uint64_t number = flatline_load_word(&orders->sent_count);
    flatline_store_word(&orders->sent_mono_ns[number % FLATLINE_ENGINE_PAIRS], now_mono_ns);
    flatline_store_word(&orders->sent_count, number + 1U);
    return number;
}

/** Its report has come (acknowledged, filled or refused: any word of the venue on it). */
static inline void
flatline_report_seen(struct flatline_engine_orders *orders, uint64_t number, uint64_t now_mono_ns)
{
    flatline_store_word(&orders->seen_mono_ns[number % FLATLINE_ENGINE_PAIRS], now_mono_ns);
}

/** The engine extended its listenKey. fingerprint: FNV-1a of the key, or 0; never the key. */
static inline void
flatline_key_extended(struct flatline_engine_key *key, uint64_t fingerprint, uint64_t now_mono_ns)
{
    flatline_store_word(&key->fingerprint, fingerprint);
    flatline_store_word(&key->extended_mono_ns, now_mono_ns);
}

/** The socket opened with this key has shown that it lives: an event, or the pong to a ping of ours.
 *  At least every 20 s. */
static inline void flatline_key_proven(struct flatline_engine_key *key, uint64_t now_mono_ns)
{
    flatline_store_word(&key->proven_mono_ns, now_mono_ns);
}

static inline void flatline_key_failed(struct flatline_engine_key *key)
{
    flatline_store_word(&key->failures, flatline_load_word(&key->failures) + 1U);
}

/** What the engine's last look at the gate said, when it differs from the one before. */
static inline void
flatline_gate_seen(struct flatline_engine_gate *gate, bool open, uint64_t now_mono_ns)
{
    flatline_store_word(open ? &gate->seen_open_mono_ns : &gate->seen_closed_mono_ns, now_mono_ns);
}

/** Quotes that need this gate go to the market ... */
static inline void flatline_gate_quoting(struct flatline_engine_gate *gate)
{
    flatline_store_word(&gate->quoting, 1);
}

/** ... and are gone from it, as the venue has confirmed. */
static inline void flatline_gate_pulled(struct flatline_engine_gate *gate, uint64_t now_mono_ns)
{
    flatline_store_word(&gate->quoting, 0);
    flatline_store_word(&gate->pulled_mono_ns, now_mono_ns);
}

/** An advice word of this sequence was acted upon. */
static inline void
flatline_advice_done(struct flatline_engine_advice *advice, uint64_t sequence, uint64_t now_mono_ns)
{
    flatline_store_word(&advice->acknowledged_mono_ns, now_mono_ns);
    flatline_store_word(&advice->sequence, sequence);
}

/* ---- its own echoes, beside the sentinel's leases ---------------------------------------------- */

/** Binds a gate to an engine's echoes, so that a gate with `require: both` can be fresh: each member
 *  is held against the newest id that this engine has echoed of it. Declares the members' streams
 *  where they are not yet. A look at such a gate that is not bound is never fresh.
 *
 *  reader  that the gate is from; keeps the binding until flatline_detach()
 *  engine  outlives every look at the gate; its echoes are written by flatline_echo()
 *
 *  Returns 0, and *gate is bound, or FLATLINE_E_INVALID, _NO_MEMORY (a stream could not be
 *  declared), and *gate is as before. flatline_look_gate() and flatline_look_quote() bind again
 *  after a second look.
 *  Thread-safety: as flatline_find_gate(). Cost: a search a member; not for the hot path.
 */
int flatline_gate_bind_engine(struct flatline *reader,
                              struct flatline_gate *gate,
                              struct flatline_engine *engine);

/* ---- reading: for the sentinel and for tools -------------------------------------------------- */

struct flatline_engine_view; /* an open file and a private copy of what it said last */

/* One slot, as copied and checked. Valid until the next flatline_engine_view_read() or close. */
struct flatline_engine_slot_view {
    const char *name;
    enum flatline_engine_kind kind;
    uint64_t parameter;
    const void *record; /* a copy of the kind's record; LATENCY: without its counts */
};

/** Opens an engine's file. Nothing of it is mapped: it is read into private memory, so its owner may
 *  truncate, rewrite or scramble it without harm.
 *  Returns 0, or NO_FILE, PERMISSION, NOT_READY, BAD_MAGIC, OTHER_MAJOR, TRUNCATED, CORRUPT (also: no
 *  regular file, longer than FLATLINE_ENGINE_FILE_MAX), NO_MEMORY, SYSTEM. */
int flatline_engine_view_open(const char *path, struct flatline_engine_view **ret_view);
void flatline_engine_view_close(struct flatline_engine_view *view);

/** Copies header, new slots and all records anew. Slots that make no sense are left out and counted.
 *  Returns 0, or TRUNCATED, CORRUPT, SYSTEM: then the copy is that of before.
 *  Cost: two system calls, one more where slots were declared since. */
int flatline_engine_view_read(struct flatline_engine_view *view);

const struct flatline_engine_header *
flatline_engine_view_header(const struct flatline_engine_view *view);
uint32_t flatline_engine_view_count(const struct flatline_engine_view *view);
/** Slots left out because they made no sense. */
uint64_t flatline_engine_view_odd(const struct flatline_engine_view *view);
int flatline_engine_view_slot(const struct flatline_engine_view *view,
                              uint32_t index,
                              struct flatline_engine_slot_view *ret_slot);

/** Has the file been replaced or removed under its path? */
bool flatline_engine_view_moved(const struct flatline_engine_view *view);

/** Value at a quantile in [0, 1] of the LATENCY slot `index`, ns; 0 when empty. Reads its counts from
 *  the file. */
uint64_t flatline_engine_view_quantile(const struct flatline_engine_view *view,
                                       uint32_t index,
                                       double quantile);

enum flatline_engine_life {
    FLATLINE_ENGINE_ALIVE,
    FLATLINE_ENGINE_STOPPED, /* by a signal or a debugger */
    FLATLINE_ENGINE_ZOMBIE,  /* its first thread has ended; others run */
    FLATLINE_ENGINE_DEAD,    /* the process is gone, or only waits to be reaped */
    FLATLINE_ENGINE_UNSEEN   /* of another pid namespace: nothing can be said */
};

/** What the kernel says of the process that made the file: pid and start time must agree.
 *  Cost: open, read, close of /proc/<pid>/stat. */
enum flatline_engine_life flatline_engine_life(const struct flatline_engine_header *header);

const char *flatline_engine_kind_name(enum flatline_engine_kind kind);
const char *flatline_worker_state_name(enum flatline_worker_state state);
const char *flatline_engine_life_name(enum flatline_engine_life life);

/** FNV-1a over the field tables of engine_layout.h. */
uint64_t flatline_engine_layout_hash(void);

#ifdef __cplusplus
}
#endif

#endif
