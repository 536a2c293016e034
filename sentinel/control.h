/* SPDX-License-Identifier: MIT
 *
 * control.h - the thread that may wait: names, dials, TLS, upgrades, REST, listenKey, rotation,
 * logs. It makes connections and hands them to ingest; it never reads a market frame.
 */
#ifndef FLATLINE_SENTINEL_CONTROL_H
#define FLATLINE_SENTINEL_CONTROL_H

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
    struct ring *to_judge;         /* our own */
    struct ring *from_ingest;      /* copies of notices and dead keys */
    struct handover_queue *orders; /* to ingest */
    struct handover_queue *ended;  /* from ingest */
    struct advice_queue *advice;   /* to the judge */
    struct text_queue *log;        /* lines for the operator */
    struct text_queue *errors;     /* texts for the distinct-error log */
    struct words *words;
    const struct publisher *publisher; /* for its lease words; NULL: REST is asked for no books */
    void (*poke_ingest)(void *user);
    void *poke_user;
};

/** Allocates, reads CA files and the API key. Returns 0 or -errno with a sentence in error_text. */
int control_create(const struct control_setup *setup,
                   struct control **ret_control,
                   char *error_text,
                   size_t error_text_bytes);

/** Opens the control socket, if the configuration has one. Once the segment is ours, so that a
 *  second daemon that is about to be refused takes nobody's socket. Returns 0 or -errno with a
 *  sentence in error_text. */
int control_listen(struct control *control, char *error_text, size_t error_text_bytes);

/** After ingest_destroy(): frees dials, REST, what ingest gave back, and the trust stores,
 *  which must outlive every connection. NULL is accepted. */
void control_destroy(struct control *control);

/** The thread: user is a struct control *; runs until words->stop. */
void *control_run(void *user);

/** Wakes it, for the end. Any thread. */
void control_poke(struct control *control);

#endif
