/* SPDX-License-Identifier: MIT
 *
 * control.h - the thread that may wait: names, dials, TLS, upgrades, REST, listenKey, rotation,
 * logs. It makes connections and hands them to ingest; it never reads a market frame.
 */
#ifndef FLATLINE_SENTINEL_CONTROL_H
#define FLATLINE_SENTINEL_CONTROL_H

#include "core/detector.h"
#include "core/publisher.h"
#include "core/ring.h"
#include "sentinel/advice_queue.h"
#include "sentinel/config.h"
#include "sentinel/handover.h"
#include "sentinel/plan.h"
#include "sentinel/text_queue.h"
#include "sentinel/words.h"

struct control; /* opaque: control_private.h */

struct control_setup {
    const struct config *config;
    const struct plan *plan;
    struct ring *to_judge;          /* our own */
    struct ring *from_ingest;       /* copies of notices and dead keys */
    struct handover_queue *orders;  /* to ingest */
    struct handover_queue *ended;   /* from ingest */
    struct advice_queue *advice;    /* to the judge */
    struct silence_queue *silences; /* from the judge */
    struct text_queue *log;         /* lines for the operator */
    struct text_queue *errors;      /* texts for the distinct-error log */
    struct words *words;
    /* its lease words, and what a successor may ask for; NULL: REST is asked for no books */
    struct publisher *publisher;
    /* We are a successor: advice and commands wait for control_go(). NULL: we are not. */
    const struct takeover_terms *terms;
    void (*poke_ingest)(void *user);
    void *poke_user;
};

/** Allocates, reads CA files and the API key. Returns 0 or -errno with a sentence in error_text. */
int control_create(const struct control_setup *setup,
                   struct control **ret_control,
                   char *error_text,
                   size_t error_text_bytes);

/** Gives the detector what an earlier life learned of silences; before the threads start. A damaged
 *  file is set aside, counted and told. */
void control_recall_silences(struct control *control, struct detector *detector);

/** Writes what the detector has learned; after the threads have stopped. */
void control_keep_silences(struct control *control, const struct detector *detector);

/** Opens the control socket, if the configuration has one. Once the segment is ours, so that a
 *  second daemon that is about to be refused takes nobody's socket. Returns 0 or -errno with a
 *  sentence in error_text. */
int control_listen(struct control *control, char *error_text, size_t error_text_bytes);

/* Of a control that stands by, for the thread that takes over: until control_go() the control thread
 * leaves advice and commands alone. */

/** Binds the control socket under its temporary name. Returns as control_listen(). */
int control_prepare(struct control *control, char *error_text, size_t error_text_bytes);

/** Takes the predecessor's advice as it passed it, or from the state file where it has died.
 *  Returns 0 or -errno: it is no advice. */
int control_adopt_advice(struct control *control, const char *text);
void control_load_advice(struct control *control);

/** Is all of it in the segment? */
bool control_advice_is_out(const struct control *control);

/** Takes the control socket's name, saves the advice, and lets the control thread take commands from
 *  serve_from_mono_ns on. Returns as control_listen(). */
int control_go(struct control *control,
               uint64_t serve_from_mono_ns,
               char *error_text,
               size_t error_text_bytes);

/** After ingest_destroy(): frees dials, REST, what ingest gave back, and the trust stores,
 *  which must outlive every connection. NULL is accepted. */
void control_destroy(struct control *control);

/** The thread: user is a struct control *; runs until words->stop. */
void *control_run(void *user);

/** Wakes it, for the end. Any thread. */
void control_poke(struct control *control);

#endif
