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
    uint64_t reserved[7];    /* 0 */
};

/** As flatline_start(), with options (NULL: none) laid over the configuration. -EEXIST also where
 *  the recording's file is there already. */
int flatline_start_with(const char *config_path,
                        const struct flatline_start_options *options,
                        struct flatline_sentinel **ret_sentinel,
                        char *error_text,
                        size_t error_text_bytes);

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
