/* SPDX-License-Identifier: MIT
 *
 * cli_advice.h - advice as several commands show it.
 */
#ifndef FLATLINE_TOOLS_CLI_ADVICE_H
#define FLATLINE_TOOLS_CLI_ADVICE_H

#include "tools/cli.h"

/** The advice that holds now, newest first; free() it. Returns how many, 0 where it cannot be
 *  had. */
int cli_advice(const struct flatline *reader, struct flatline_advice **ret_advice);

/** The same as an array of objects. */
json_t *cli_json_advice(const struct flatline *reader);

/** The same for people. */
struct cli_table *cli_advice_table(const struct flatline *reader);

#endif
