/* SPDX-License-Identifier: MIT
 *
 * faults.h - which faults are on, and whom they concern. Pure: time is an argument.
 */
#ifndef FLATLINE_VENUE_FAULTS_H
#define FLATLINE_VENUE_FAULTS_H

#include "venue/rules.h"

#define FAULTS_MAX   256
#define TARGET_BYTES 128

enum fault_kind {
    FAULT_MUTE,
    FAULT_FREEZE,
    FAULT_LAG,
    FAULT_GAP,
    FAULT_REGRESS,
    FAULT_TIME_STUCK,
    FAULT_SILENT_SUBSCRIBE,
    FAULT_NO_ACK,
    FAULT_BLACKHOLE,
    FAULT_HALF_OPEN,
    FAULT_FRAGMENT,
    FAULT_WRONG_ROUTE,
    FAULT_REFUSE,
    FAULT_REST_STATUS,
    FAULT_REST_HANG,
    FAULT_HOLD_ACCEPT,
    FAULT_QUIRK,
    FAULT_CROSS,
    FAULT_MAINTENANCE,
    FAULT_HALT,
};

/* Whom a command means, by the number of slashes: `conn:7`, `venue` or `*`; `venue/route`;
 * `venue/SYMBOL/channel`. The last two may hold wildcards. */
enum target_kind { TARGET_CONNECTION, TARGET_ROUTE, TARGET_STREAM };

struct target {
    enum target_kind kind;
    uint64_t connection_id;
    char pattern[TARGET_BYTES];
};

struct fault {
    enum fault_kind kind;
    struct target target;
    uint64_t since_mono_ns;
    uint64_t since_wall_ns;
    uint64_t left;        /* gap: updates still to skip; regress: frames, 0 = until ended */
    uint64_t lag_from_ns; /* lag: a ramp from .. to over .., or constant */
    uint64_t lag_to_ns;
    uint64_t lag_over_ns;
    unsigned code; /* refuse, rest-status: the status; quirk: which */
    unsigned retry_after_s;
};

struct faults {
    struct fault list[FAULTS_MAX];
    size_t count;
};

/** Reads a target. false: not one. */
bool target_parse(const char *text, struct target *ret_target);
bool target_is_stream(const struct target *target, const char *stream_name);
bool target_is_connection(const struct target *target,
                          uint64_t id,
                          enum venue venue,
                          enum serving serving);

/** Puts a fault on; one of the same kind and target is replaced. false: the table is full. */
bool faults_add(struct faults *faults, const struct fault *fault);

/** Ends the faults of this kind on this very target text. How many there were. */
size_t faults_remove(struct faults *faults, enum fault_kind kind, const struct target *target);
/** Ends one fault of the table. */
void fault_end(struct faults *faults, struct fault *fault);
void faults_clear(struct faults *faults);

/** The fault of this kind that concerns a stream, or a connection; NULL if none. */
struct fault *
faults_on_stream(struct faults *faults, enum fault_kind kind, const char *stream_name);
struct fault *faults_on_connection(struct faults *faults,
                                   enum fault_kind kind,
                                   uint64_t id,
                                   enum venue venue,
                                   enum serving serving);

/** The fault of this kind that concerns a whole venue. */
struct fault *faults_on_venue(struct faults *faults, enum fault_kind kind, enum venue venue);

/** How late a lag fault makes what is sent now. */
uint64_t fault_lag_ns(const struct fault *fault, uint64_t now_ns);

#endif
