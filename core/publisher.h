/* SPDX-License-Identifier: MIT
 *
 * publisher.h - the one writer of the segment: builds the file, publishes leases, slots, faults and
 * events, retires it.
 *
 * All of it is called by one thread (the judge); creation and the final close by whoever starts and
 * stops that thread.
 */
#ifndef FLATLINE_CORE_PUBLISHER_H
#define FLATLINE_CORE_PUBLISHER_H

#define PUBLISHER_ERROR_TEXT_BYTES 256U /* what ret_error_text of publisher_create() must hold */
#define PUBLISHER_ERRORS_MAX       64U  /* distinct errors kept */

#include "core/detector.h"
#include "flatline/layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct publisher; /* opaque: publisher.c */

struct publisher_stream {
    const char *name;
    enum flatline_venue venue;
    enum flatline_class stream_class;
    uint64_t stale_after_ns;
    uint64_t silent_after_ns;
    bool observed;
};

struct publisher_connection {
    const char *name;
    enum flatline_venue venue;
};

struct publisher_gate {
    const char *name;
    const struct flatline_gate_member *members;
    uint32_t member_count;
    bool both; /* FLATLINE_GATE_BOTH */
};

struct publisher_config {
    const char *directory; /* NULL: FLATLINE_DEFAULT_DIRECTORY */
    const char *name;      /* NULL: FLATLINE_DEFAULT_NAME */
    mode_t mode;           /* 0: 0640 */
    gid_t group;           /* (gid_t)-1: the process's */
    const struct publisher_stream *streams;
    uint32_t stream_count;
    const struct publisher_connection *connections;
    uint32_t connection_count;
    const struct publisher_gate *gates;
    uint32_t gate_count;
    uint32_t faults_max; /* 0: 256 */
    uint32_t events_max; /* 0: 4096; a power of two */
    bool histograms;     /* per stream: interarrival, lag; per connection: round trip */
    bool twins;          /* per connection, too: how far behind its twin a frame came */
    const char *const *counter_names;
    uint32_t counter_count;
    uint32_t advice_max;        /* 0: no advice */
    const char *control_socket; /* NULL: none */
};

/** Bytes the segment of this configuration takes. */
uint64_t publisher_size_bytes(const struct publisher_config *config);

/** Takes the lock, builds the file under a temporary name, zeroes and marks a dead predecessor's,
 *  and renames ours into place.
 *
 *  ret_error_text (may be NULL) gets a sentence for people on failure: PUBLISHER_ERROR_TEXT_BYTES.
 *  Returns 0; -EEXIST another sentinel holds the lock; -ENOSPC the file system is full; -EBADMSG
 *  what stands under the name is not a flatline segment and is left alone; -EINVAL; other -errno.
 */
int publisher_create(const struct publisher_config *config,
                     struct publisher **ret_publisher,
                     char *ret_error_text);

/* ---- takeover: publisher_takeover.c, told step by step in docs/SHARED-MEMORY.md ---------------- */

/** As publisher_create(), beside a living sentinel of the epoch before: without the lock, and the
 *  file stands under `<name>.next` until publisher_take_name(). One at a time: who may is for the
 *  living one to say. */
int publisher_create_next(const struct publisher_config *config,
                          uint64_t epoch,
                          struct publisher **ret_publisher,
                          char *ret_error_text);

/** Of publisher_create_next(): makes the passed lock ours. Returns 0; -ESTALE it is not this
 *  segment's lock; other -errno; then lock_fd is still the caller's. */
int publisher_adopt_lock(struct publisher *publisher, int lock_fd, char *ret_error_text);

/** Of publisher_create_next(), once the predecessor has died: takes the lock itself. Returns 0;
 *  -EEXIST another holds it, or has lived since; other -errno. */
int publisher_seize_lock(struct publisher *publisher, char *ret_error_text);

/** With the lock: `<name>.next` takes the name. Returns 0; -ENOENT the living one has withdrawn its
 *  offer; other -errno. */
int publisher_take_name(struct publisher *publisher, char *ret_error_text);

/** Does our file stand under the name? */
bool publisher_has_name(const struct publisher *publisher);

/** Once the predecessor has marked itself, or is dead: removes its second name. */
void publisher_settle_name(const struct publisher *publisher);

/** Of the living one: gives its file a second name, so that it can take back the first. Returns 0
 *  or -errno: without it, no successor may be let near. */
int publisher_offer_name(const struct publisher *publisher);

/** Withdraws the offer: whatever the successor has done or may yet do, our file stands under the
 *  name again, and it cannot take it any more. Returns 0, 1 the name was taken and is ours again, or
 *  -errno. */
int publisher_reclaim_name(const struct publisher *publisher);

/** Does a living segment of the next epoch stand under our name? Returns 0; -ENOENT ours still does,
 *  or nothing; -EBADMSG it is none, or not living. */
int publisher_check_successor(const struct publisher *publisher);

/** After publisher_check_successor(): gives up the second name and our hold of the lock. */
void publisher_yield_name(struct publisher *publisher);

/** Judge, instead of every further publisher_beat(): marks SUPERSEDED. alive_until runs out by itself;
 *  until then leases, revocations and advice are published as ever. */
void publisher_supersede(struct publisher *publisher);

/** Is our file the one of this device and inode? Who asks to take over names what he reads. */
bool publisher_is_file(const struct publisher *publisher, uint64_t device, uint64_t inode);

/** Marked by publisher_supersede(), and its promise has run out by now. Any thread. */
bool publisher_is_over(const struct publisher *publisher, uint64_t now_mono_ns);

/** The lock, to be passed on; ours to close. */
int publisher_lock_fd(const struct publisher *publisher);

const char *publisher_path(const struct publisher *publisher);

/* ---- looking after the names: publisher_name.c; not while a takeover has them ------------------- */

/** Can readers still find us? Returns 0, as far as can be told; -ENOENT the file was removed;
 *  -EEXIST another one stands under the name. */
int publisher_check_name(const struct publisher *publisher);

/** Makes the lock file anew where it was removed or replaced. Returns 0 there is nothing to mend; 1
 *  mended; -EEXIST another sentinel was faster; other -errno. */
int publisher_mend_lock(struct publisher *publisher, char *ret_error_text);

/* ------------------------------------------------------------------------------------------------ */

/** Marks STOPPED and zeroes alive_until, unless superseded; removes the name if it is ours, releases
 *  the lock. NULL is accepted. */
void publisher_destroy(struct publisher *publisher);

/** Publishes a stream's lease word and due_id (release); what the engine looks at. */
void publisher_lease(struct publisher *publisher, uint32_t stream, const struct stream_view *view);

/** A stream's lease line, for any thread of the sentinel to load its words from. */
const struct flatline_lease *publisher_lease_line(const struct publisher *publisher,
                                                  uint32_t stream);

/** Publishes a stream's detail slot. */
void publisher_detail(struct publisher *publisher, uint32_t stream, const struct stream_view *view);

/** Writes a finding into the event ring (a revocation as a LAPSE that names its fault) and, for
 *  faults, the fault table. */
void publisher_finding(struct publisher *publisher,
                       const struct finding *finding,
                       uint64_t now_mono_ns);

/** Renews alive_until and the beats. ingest_beat_mono_ns 0: no ingest yet; alive_until stays 0. */
void publisher_beat(struct publisher *publisher,
                    uint64_t now_mono_ns,
                    uint64_t ingest_beat_mono_ns,
                    uint64_t alive_for_ns);

/** Adds to the distinct-error log: one slot a text, counted. */
void publisher_error(struct publisher *publisher, const char *text, uint64_t now_mono_ns);

/** The connection's line of words, to be filled with store_relaxed by the judge. */
struct flatline_connection *publisher_connection(struct publisher *publisher, uint32_t connection);

/** Histograms of a stream (0 interarrival, 1 lag) and a connection (0 round trip, 1 how far behind
 *  its twin, where there are twins); NULL where off. */
struct flatline_histogram *
publisher_stream_histogram(struct publisher *publisher, uint32_t stream, uint32_t which);
struct flatline_histogram *
publisher_connection_histogram(struct publisher *publisher, uint32_t connection, uint32_t which);

/** Sets a counter of config.counter_names. The publisher keeps two more behind them: faults_lost,
 *  errors_lost. */
void publisher_counter(struct publisher *publisher, uint32_t counter, uint64_t value);

/** Sets header.sentinel_why: 1 spinning, 2 a venue is unanchored. */
void publisher_flags(struct publisher *publisher, uint64_t flags);

/** Publishes one advice slot, serial 0 = empty; words[sequence] is not looked at. */
void publisher_advice(struct publisher *publisher,
                      uint32_t slot,
                      const struct flatline_advice_slot *advice);

/** Publishes what a gate is advised: serials first, then each word that acts (release). */
void publisher_gate_advice(struct publisher *publisher,
                           uint32_t gate,
                           const struct flatline_gate_advice *advice);

/** Writes ADVICE or ADVICE_END, of a drill DRILL or DRILL_END, into the event ring. */
void publisher_advice_event(struct publisher *publisher,
                            const struct flatline_advice_slot *advice,
                            bool ends,
                            uint64_t at_mono_ns,
                            uint64_t now_mono_ns);

uint64_t publisher_epoch(const struct publisher *publisher);

#endif
