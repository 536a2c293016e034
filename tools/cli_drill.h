/* SPDX-License-Identifier: MIT
 *
 * cli_drill.h - what a drill has seen, between the command that runs it and the report of it.
 */
#ifndef FLATLINE_TOOLS_CLI_DRILL_H
#define FLATLINE_TOOLS_CLI_DRILL_H

#include "tools/cli_engine_files.h"

/* One engine that speaks of the gate. Times are CLOCK_MONOTONIC; 0 = not within the drill. */
struct drill_engine {
    struct flatline_engine_view *view;
    bool quoted; /* quotes stood in the market when the drill began */
    uint64_t seen_ns;
    uint64_t pulled_ns;
};

struct drill {
    const struct flatline *reader;
    struct flatline_gate gate;
    bool could_quote;  /* before */
    uint64_t asked_ns; /* before the command went out */
    uint64_t since_ns; /* when the sentinel took it: what reactions count from */
    uint64_t until_ns;
    uint64_t closed_ns; /* as this command saw it; 0: not seen */
    uint64_t opened_ns;
    int64_t serial;
    struct cli_engine_files files;
    struct drill_engine engines[CLI_ENGINES_MAX];
    uint32_t engine_count;
};

/** Did the engine see the gate close, and were its quotes gone, within the drill? */
bool drill_engine_reacted(const struct drill *drill, const struct drill_engine *engine);

/** Did the gate close and open as asked, and did every engine react? Not if there is none. */
bool drill_passed(const struct drill *drill);

/** The whole of it as one object; the caller owns it. */
json_t *drill_json(const struct drill *drill);

/** The same for people. */
void drill_text(const struct drill *drill, FILE *out);

/** Writes both into a folder, made if it is not there; NULL: $XDG_STATE_HOME/flatline/drills, or
 *  the same below ~/.local/state. path: of the JSON. false: said on stderr what went wrong. */
bool drill_report(const struct drill *drill, const char *folder, char *path, size_t path_bytes);

#endif
