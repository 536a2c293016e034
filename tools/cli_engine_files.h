/* SPDX-License-Identifier: MIT
 *
 * cli_engine_files.h - the files that engines write beside a segment, for the commands that show
 * them.
 */
#ifndef FLATLINE_TOOLS_CLI_ENGINE_FILES_H
#define FLATLINE_TOOLS_CLI_ENGINE_FILES_H

#include "flatline/engine.h"
#include "tools/cli.h"

#define CLI_ENGINES_MAX 64U /* more are not looked at */

struct cli_engine_files {
    struct flatline_engine_view *views[CLI_ENGINES_MAX];
    uint32_t count;
};

/** Opens them in the order of their names; says on stderr which cannot be read. segment as of
 *  flatline_attach(). false: there is no such folder. Close in any case. */
bool cli_engine_files_open(const char *command,
                           const char *segment,
                           struct cli_engine_files *ret_files);
void cli_engine_files_close(struct cli_engine_files *files);

/** An engine's slot of a kind and name; false: it has none. */
bool cli_engine_slot(const struct flatline_engine_view *view,
                     enum flatline_engine_kind kind,
                     const char *name,
                     struct flatline_engine_slot_view *ret_slot);

#endif
