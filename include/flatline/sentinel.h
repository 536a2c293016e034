/* SPDX-License-Identifier: MIT
 *
 * sentinel.h - run the sentinel inside your own process instead of beside it. Link with
 * -lflatline-sentinel.
 *
 * No global state, no environment touched, nothing printed. Its threads (ingest, judge,
 * control, engine watch, and a recorder where one is asked for) block all signals, SIGPIPE included; the process's SIGPIPE disposition is what it was
 * before flatline_start() returned.
 */
#ifndef FLATLINE_SENTINEL_H
#define FLATLINE_SENTINEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct flatline_sentinel;

/** Starts a sentinel from a YAML configuration file (flatlined.conf(5)).
 *
 *  config_path     file to read; all of it is checked before anything starts
 *  ret_sentinel    written on success only
 *  error_text      on failure, one or more lines for people (`file:line:col: ...` for the
 *                  configuration); may be NULL
 *
 *  Returns 0; -EINVAL the configuration is wrong; -EEXIST another sentinel owns the segment; other
 *  -errno. Returns once the segment is published and the threads run; leases come as data does.
 */
int flatline_start(const char *config_path,
                   struct flatline_sentinel **ret_sentinel,
                   char *error_text,
                   size_t error_text_bytes);

/* What the caller asks for beyond the configuration. Zeroed means nothing. */
struct flatline_start_options {
    const char *record_file; /* record to this file, a strftime(3) pattern; NULL: as configured */
    uint64_t take_over_within_ns; /* replace the running sentinel, see below; 0: a plain start */
    uint64_t reserved[6];         /* 0 */
};

/** As flatline_start(), with options (NULL: none) laid over the configuration. -EEXIST also where
 *  the recording's file is there already.
 *
 *  With take_over_within_ns (up to 10 minutes) it starts beside a running sentinel of the same
 *  segment, to replace it without a moment in which its readers are left alone: what 0 returns is
 *  warming up, and flatline_take_over_step() does the rest. Then also -ESRCH none runs there, or none
 *  that can be asked; -EBUSY another successor is taking over; -EPERM only root and its own user
 *  may; -ESTALE, -EPROTO its socket is another's. The running one is untouched by any of them. */
int flatline_start_with(const char *config_path,
                        const struct flatline_start_options *options,
                        struct flatline_sentinel **ret_sentinel,
                        char *error_text,
                        size_t error_text_bytes);

/** To be called every few milliseconds until it does not return 1.
 *
 *  Returns 1 not yet: warming up, or waiting for the other side; 0 we have taken over, and are a
 *  sentinel like any other; or -errno with a sentence in error_text: the running one goes on, and
 *  this one is to be stopped. -ETIMEDOUT: a gate that is fresh there was not fresh here in time.
 */
int flatline_take_over_step(struct flatline_sentinel *sentinel,
                            char *error_text,
                            size_t error_text_bytes);

/** Has a successor taken over, and has this one's last promise to its readers run out? Then it is to
 *  be stopped. Never true without a control socket. */
bool flatline_superseded(const struct flatline_sentinel *sentinel);

/** Has the segment lost its name: was its file removed, or does another one stand there? Who has it
 *  mapped is still served, but no reader can find it any more. Then it is to be stopped, and may be
 *  started again; the log says why. Noticed within half a second. */
bool flatline_lost(const struct flatline_sentinel *sentinel);

/** Stops the threads, marks the segment STOPPED (every reader sees it dead at once) and frees
 *  everything. NULL is accepted. */
void flatline_stop(struct flatline_sentinel *sentinel);

/** Do both hot threads beat? False when either has not passed its loop for 250 ms: what a
 *  watchdog should ask. */
bool flatline_beats(const struct flatline_sentinel *sentinel);

/** Takes one line the control thread wants an operator to read (connects, failures, notices),
 *  cut to text_bytes. false: none. For the caller's log; secrets never appear in it. */
bool flatline_take_log(struct flatline_sentinel *sentinel, char *text, size_t text_bytes);

#ifdef __cplusplus
}
#endif

#endif
