/* SPDX-License-Identifier: MIT
 *
 * cli_command.h - one command to the sentinel's control socket, and its answer.
 */
#ifndef FLATLINE_TOOLS_CLI_COMMAND_H
#define FLATLINE_TOOLS_CLI_COMMAND_H

#include "tools/cli.h"

#define CLI_DEFAULT_SOCKET "/run/flatline/control.sock"

/** Where commands go: the option, else what the segment says, else CLI_DEFAULT_SOCKET. reader may
 *  be NULL. */
void cli_socket_path(const char *option,
                     const struct flatline *reader,
                     char path[FLATLINE_SOCKET_BYTES]);

/** Sends an object (dropped), waits for the answer. Says on stderr what went wrong. Returns
 *  CLI_DONE with *ret_answer to be dropped by the caller; CLI_FAILED refused or no answer,
 *  CLI_USAGE the sentinel does not take it, CLI_DEAD nobody listens. */
int cli_command(const char *command, const char *path, json_t *object, json_t **ret_answer);

/** A duration of the command line: 500ms, 30s, 5m, 8h, 2d. false: said what is wrong. */
bool cli_duration(const struct cli_usage *usage,
                  const char *option,
                  const char *text,
                  uint64_t *ret_ns);

#endif
