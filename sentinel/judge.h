/* SPDX-License-Identifier: MIT
 *
 * judge.h - the thread that decides: events and watermarks in, leases and findings out to the
 * segment. It owns the detector and is the segment's one writer.
 *
 * A lease is published right behind its frame. A verdict takes the longer road: load the
 * watermarks, THEN drain the rings, THEN tick - so that nothing received before a watermark is
 * still unread when silence is judged.
 */
#ifndef FLATLINE_SENTINEL_JUDGE_H
#define FLATLINE_SENTINEL_JUDGE_H

#include "core/detector.h"
#include "core/publisher.h"
#include "core/ring.h"
#include "sentinel/advice_queue.h"
#include "sentinel/config.h"
#include "sentinel/silence_queue.h"
#include "sentinel/text_queue.h"
#include "sentinel/words.h"

struct judge; /* opaque: judge.c */

struct judge_setup {
    const struct config *config;
    struct detector *detector;
    struct publisher *publisher;
    struct ring *from_ingest;
    struct ring *from_control;
    struct ring *from_engines;      /* NULL: none are watched */
    struct ring *from_sockets;      /* NULL: none are looked at */
    struct advice_queue *advice;    /* from control; NULL: none */
    struct silence_queue *silences; /* to control; NULL: nobody keeps them */
    struct text_queue *errors;      /* from control: texts for the distinct-error log */
    struct words *words;
    /* Has a sleeping ingest wake at a deadline; NULL: nobody sleeps. */
    void (*arm)(void *user, uint64_t deadline_mono_ns);
    void *arm_user;
};

/* The segment's counters, in publishing order: J(name, word it is copied from). */
#define JUDGE_COUNTERS(J)                                                                          \
    J(ingest_passes, words->ingest.passes)                                                         \
    J(ingest_stalls, words->ingest.stalls)                                                         \
    J(ingest_wakes_of_judge, words->ingest.wakes)                                                  \
    J(ingest_unsent, words->ingest.unsent)                                                         \
    J(ingest_allocated_bytes, words->ingest.allocated_bytes)                                       \
    J(ingest_openssl_bytes, words->ingest.openssl_bytes)                                           \
    J(ingest_ring_full, judge->setup.from_ingest->full_count)                                      \
    J(control_ring_full, judge->setup.from_control->full_count)                                    \
    J(control_notices_dropped, words->ingest.notices_dropped)                                      \
    J(control_commands, words->control.commands)                                                   \
    J(control_refused, words->control.refused)                                                     \
    J(control_advice_unsaved, words->control.unsaved)                                              \
    J(control_silence_unsaved, words->control.silence_unsaved)                                     \
    J(control_silence_damaged, words->control.silence_damaged)                                     \
    J(record_lines, words->record.lines)                                                           \
    J(record_bytes, words->record.bytes)                                                           \
    J(record_dropped, words->ingest.record_dropped)                                                \
    J(record_failed, words->record.failed)                                                         \
    J(judge_passes, words->judge.passes)                                                           \
    J(judge_events, words->judge.events)                                                           \
    J(judge_stalls, words->judge.stalls)                                                           \
    J(judge_timer_arms, words->judge.timer_arms)                                                   \
    J(judge_allocated_bytes, words->judge.allocated_bytes)                                         \
    J(error_texts_dropped, judge->setup.errors->dropped)                                           \
    J(engine_looks, words->engines.looks)                                                          \
    J(engines_watched, words->engines.watched)                                                     \
    J(engine_words_absurd, words->engines.absurd)                                                  \
    J(engine_slots_odd, words->engines.odd)                                                        \
    J(socket_looks, words->sockets.looks)                                                          \
    J(socket_scans, words->sockets.scans)                                                          \
    J(engine_sockets_watched, words->sockets.watched)                                              \
    J(engine_sockets_denied, words->sockets.denied)

#define JUDGE_DETECTOR_COUNTERS(J)                                                                 \
    J(time_clamped)                                                                                \
    J(time_absurd)                                                                                 \
    J(findings_lost)                                                                               \
    J(stalls)                                                                                      \
    J(unanchored_venues)

/** Names of the counters above, for publisher_config. */
const char *const *judge_counter_names(uint32_t *ret_count);

/** Allocates all a judge thread will ever use. Returns 0 or -errno. */
int judge_create(const struct judge_setup *setup, struct judge **ret_judge);
void judge_destroy(struct judge *judge);

/** The thread: user is a struct judge *; runs until words->stop. */
void *judge_run(void *user);

/** One pass at now, for tests and for the thread: drains, publishes, judges what is due.
 *  Returns true if there was work. */
bool judge_pass(struct judge *judge, uint64_t now_mono_ns);

#endif
