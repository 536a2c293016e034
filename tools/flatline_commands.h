/* SPDX-License-Identifier: MIT
 *
 * flatline_commands.h - the table of `flatline COMMAND`. A new command is a main function and a
 * row.
 */
#ifndef FLATLINE_TOOLS_FLATLINE_COMMANDS_H
#define FLATLINE_TOOLS_FLATLINE_COMMANDS_H

/** A command's main: argv[0] is the command's name; returns the exit code of the program. */
typedef int command_main(int argc, char **argv);

command_main init_command;
command_main status_command;
command_main check_command;
command_main watch_command;
command_main streams_command;
command_main gates_command;
command_main faults_command;
command_main explain_command;
command_main engines_command;
command_main advice_command;
command_main breaker_command;
command_main pause_command;
command_main reduce_command;
command_main fallback_command;
command_main reconnect_command;
command_main drill_command;
command_main dump_command;
command_main replay_command;
command_main tune_command;
command_main score_command;
command_main doctor_command;

struct command {
    const char *name;
    const char *summary; /* one line, no full stop */
    command_main *run;
};

/* C(name, summary, main), in the order of `flatline --help`. */
#define FLATLINE_COMMANDS(C)                                                                       \
    C("init", "write a first configuration", init_command)                                         \
    C("status", "every stream and gate: fresh or why not", status_command)                         \
    C("check",                                                                                     \
      "one verdict as exit code: 0 healthy, 1 fault, 2 gate shut, 3 unknown",                      \
      check_command)                                                                               \
    C("watch", "lapses, renewals and faults as they happen", watch_command)                        \
    C("streams", "the streams and what is fixed about them", streams_command)                      \
    C("gates", "the gates and their members", gates_command)                                       \
    C("faults", "the fault table, newest first", faults_command)                                   \
    C("explain", "why a stream or gate is as it is, in sentences", explain_command)                \
    C("engines", "the engines beside the segment and what each tells of itself", engines_command)  \
    C("advice", "what engines are asked to do, by whom and why", advice_command)                   \
    C("breaker", "open or clear a breaker: no quotes", breaker_command)                            \
    C("pause", "pause quoting, or go on", pause_command)                                           \
    C("reduce", "advise to quote less", reduce_command)                                            \
    C("fallback", "advise to take data from REST", fallback_command)                               \
    C("reconnect", "advise engines to connect anew", reconnect_command)                            \
    C("drill", "close a gate for a moment and see engines stop", drill_command)                    \
    C("dump", "the whole segment, field by field", dump_command)                                   \
    C("replay",                                                                                    \
      "recorded frames through codec and detector: what would have been found",                    \
      replay_command)                                                                              \
    C("tune", "what stale_after each stream of some recordings wants", tune_command)               \
    C("score", "how soon faults put into markets are found, and who is blamed", score_command)     \
    C("doctor", "what host, segment and venues lack, and the command that mends it", doctor_command)

#endif
