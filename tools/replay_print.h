/* SPDX-License-Identifier: MIT
 *
 * replay_print.h - what a replay found, as JSON lines for programs or as a table for people.
 */
#ifndef FLATLINE_TOOLS_REPLAY_PRINT_H
#define FLATLINE_TOOLS_REPLAY_PRINT_H

#include "tools/replay_run.h"

#include <stdbool.h>
#include <stdio.h>

struct replay_printer {
    FILE *out;
    bool json;
    const char *file; /* put into each JSON object; NULL: only one file is replayed */
};

/** A sink that prints each finding as it becomes final. The printer must outlive it. */
struct replay_sink replay_printer_sink(struct replay_printer *printer);

/** Prints the streams and the totals; after replay_finish(). */
void replay_print_summary(struct replay_printer *printer,
                          const char *path,
                          const struct replay *replay);

#endif
