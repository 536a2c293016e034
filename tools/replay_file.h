/* SPDX-License-Identifier: MIT
 *
 * replay_file.h - what the commands that take recordings say about a file: its venue, its errors.
 */
#ifndef FLATLINE_TOOLS_REPLAY_FILE_H
#define FLATLINE_TOOLS_REPLAY_FILE_H

#include "flatline/layout.h"

/** The venue that the first frame of some connection of the file tells.
 *
 *  Returns 1 told, 0 not told (a pipe never tells: it cannot be read twice), -ENOMEM or -errno of
 *  reading. Cost: reads the file up to the frame that tells. */
int replay_venue_guess(const char *path, enum flatline_venue *ret_venue);

/** What an error of capture_open(), capture_next(), replay_line() or replay_venue_guess() means
 *  for the user. status: negative. */
const char *replay_error_text(int status);

#endif
