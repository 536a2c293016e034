/* SPDX-License-Identifier: MIT
 *
 * control_private.h - what the files of the control thread share: control.c (loop), control_line.c
 * (connections), control_user.c (listenKey), control_time.c (anchors), control_advice.c (commands),
 * control_name.c (does our name still lead to us?), control_takeover.c (a successor), control_witness.c (REST as a slow witness).
 */
#ifndef FLATLINE_SENTINEL_CONTROL_PRIVATE_H
#define FLATLINE_SENTINEL_CONTROL_PRIVATE_H

#include "feeds/backoff.h"
#include "feeds/connection_dial.h"
#include "sentinel/advice.h"
#include "sentinel/command_socket.h"
#include "sentinel/control.h"
#include "sentinel/listen_key.h"
#include "sentinel/rest.h"
#include "sentinel/silence_file.h"
#include "sentinel/silence_queue.h"
#include "sentinel/takeover.h"

#include <jansson.h>

#define CONTROL_API_KEY_BYTES 256U
#define CONTROL_HOST_BYTES    256U
#define CONTROL_NO_SLOT       UINT32_MAX

enum slot_phase {
    SLOT_FREE,
    SLOT_DIALLING,
    SLOT_UP,      /* ingest's */
    SLOT_CLOSING, /* ingest's, told to say goodbye: its end is planned */
};

struct control_slot {
    enum slot_phase phase;
    uint64_t epoch;
    uint64_t up_mono_ns;
};

/* One logical connection and the two slots it alternates between. */
struct control_line {
    const struct plan_line *plan;
    uint32_t first_slot;
    struct control_slot slots[PLAN_SLOTS_PER_LINE];
    uint32_t live;      /* 0 or 1: carries the streams; CONTROL_NO_SLOT: none does */
    uint32_t successor; /* 0 or 1: up, and still has to prove itself */
    /* where the last connection was: a reconnect goes there, so that its DOWN can clear */
    uint32_t last;
    struct resolve_address address; /* of its last connection; size_bytes 0: it had none */
    struct dial *dial;
    uint32_t dial_slot;
    struct backoff backoff;
    uint64_t rotations;      /* that succeeded */
    bool rotate;             /* a successor is wanted: notice, age, new key */
    uint64_t live_data_then; /* of the live slot when the successor came up */
};

/* One venue's REST clock. */
struct control_time {
    bool wanted;
    bool asked;
    bool anchored;
    bool unreachable_told;
    uint32_t tries;
    uint32_t answers;
    uint64_t began_mono_ns;
    uint64_t due_mono_ns;
    uint64_t best_round_trip_ns;
    uint64_t best_mono_ns;
    int64_t best_wall_ns;
};

/* One venue as control knows it. Also the `user` of its REST calls. */
struct control_venue {
    struct control *control;
    enum flatline_venue venue;
    struct dial_tls *tls;
    char host[CONTROL_HOST_BYTES];
    uint16_t port;
    struct backoff_budget budget;
    struct control_time time;
};

enum offer_phase {
    OFFER_NONE,
    OFFER_RESERVED, /* a successor warms up */
    OFFER_LOCK,     /* it has the lock, and may rename */
    OFFER_ACCEPTED, /* it stands under the name: we leave */
};

/* Our side of a takeover: the one successor that may come. */
struct control_offer {
    enum offer_phase phase;
    uint64_t caller; /* id of its connection */
    pid_t pid;
    uint64_t until_mono_ns; /* the phase ends by then */
};

/* What the judge has learned of silences, as last heard; path NULL: nothing is. */
struct control_silences {
    char *path;
    struct silence_kept *rows; /* by stream, by slot of a connection, and of all together */
    uint32_t count;
    uint64_t due_mono_ns; /* to be saved */
};

struct control {
    struct control_setup setup;
    struct control_offer offer;
    uint64_t name_due_mono_ns;
    bool lock_is_lost;           /* and another sentinel has it: told once */
    uint64_t stands_by;          /* 1: advice and commands are not ours yet; stored release */
    uint64_t serve_from_mono_ns; /* commands wait until then */
    int poke_fd;
    struct rest *rest;
    struct control_venue venues[CONFIG_VENUES];
    struct control_line *lines;
    uint32_t line_count;
    struct pollfd *polls;
    struct listen_key key;
    enum listen_key_ask key_asked;
    char api_key[CONTROL_API_KEY_BYTES];
    struct advice_table advice;
    struct control_silences silences;
    char *state_file;
    char boot[ADVICE_BOOT_BYTES];
    struct command_socket *commands; /* NULL: none */
    struct control_witness *witness; /* NULL: REST is not asked for books */
};

/* control.c */
bool control_has_orders(const struct control *control); /* false: stands by, without the name */
void control_tell(struct control *control, const struct event *event); /* to the judge */
__attribute__((format(printf, 2, 3))) void
control_log(struct control *control, const char *format, ...);
/* As control_log(), and into the segment's distinct-error log: keep texts few in kind. */
__attribute__((format(printf, 2, 3))) void
control_error(struct control *control, const char *format, ...);

/* control_line.c */
void line_init(struct control *control, uint32_t index);
void line_step(struct control *control,
               struct control_line *line,
               bool dial_is_ready,
               uint64_t now_mono_ns);
void line_ended(struct control *control, const struct handover *ended, uint64_t now_mono_ns);
void line_rotate(struct control *control, uint32_t slot, const char *why);
void line_destroy(struct control_line *line);

/* control_user.c */
int user_init(struct control *control, char *error_text, size_t error_text_bytes);
void user_step(struct control *control, uint64_t now_mono_ns);
void user_key_expired(struct control *control, const struct event *event, uint64_t now_mono_ns);
/* May the private line be dialled: is there a key? */
bool user_has_key(const struct control *control);

/* control_advice.c */
/* Loads what stands from before; an unreadable file opens every breaker. */
int orders_init(struct control *control);
void orders_step(struct control *control, uint64_t now_mono_ns);
void orders_on_line(void *user,
                    const struct command_caller *caller,
                    const char *line,
                    char *reply,
                    size_t reply_bytes);
void orders_on_refused(void *user, const struct command_caller *caller);

/* Takes the passed table, as orders_init() takes the file. */
int orders_adopt(struct control *control, const char *text);
void orders_load(struct control *control);
bool orders_save(struct control *control);
json_t *orders_error(const char *error, const char *text);

/* control_takeover.c */
json_t *
offer_on_order(struct control *control, const struct command_caller *caller, const json_t *object);
void offer_on_gone(void *user, const struct command_caller *caller);
void offer_step(struct control *control, uint64_t now_mono_ns);

/* control_name.c */
void name_step(struct control *control, uint64_t now_mono_ns);

/* control_silence.c */
int silences_init(struct control *control);
void silences_destroy(struct control *control);
void silences_step(struct control *control, uint64_t now_mono_ns);

/* control_time.c */
void time_init(struct control_venue *venue, uint64_t now_mono_ns);
void time_step(struct control_venue *venue, uint64_t now_mono_ns);

/* control_witness.c */
int witness_init(struct control *control);
void witness_destroy(struct control_witness *witness);
void witness_step(struct control *control, uint64_t now_mono_ns);
/* A status channel spoke, to the judge as well. */
void witness_status_pushed(struct control *control,
                           enum flatline_venue venue,
                           const struct event *event,
                           uint64_t now_mono_ns);

#endif
