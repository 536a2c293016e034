/* SPDX-License-Identifier: MIT
 *
 * replay.h - the command `flatline replay`.
 */
#ifndef FLATLINE_TOOLS_REPLAY_H
#define FLATLINE_TOOLS_REPLAY_H

/* Exit codes, DESIGN section 9: 1 with the partial output flushed. */
enum replay_exit { REPLAY_DONE = 0, REPLAY_FAILED = 1, REPLAY_USAGE = 2 };

/** Runs the command; argv[0] is "replay". Prints to stdout, complaints to stderr. Returns an
 *  enum replay_exit. */
int replay_command(int argc, char **argv);

#endif
