/* SPDX-License-Identifier: MIT
 *
 * cli_segment.c - attaching with a reason when it fails, and patient copies: a command can wait a
 * millisecond for a busy writer.
 */
#include "tools/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE 50
#define PAUSE_NS 200000L

static void pause_shortly(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    (void)nanosleep(&pause, NULL);
}

static int exit_of_error(int error)
{
    switch (error) {
    case FLATLINE_E_INVALID:
        return CLI_USAGE;
    case FLATLINE_E_PERMISSION:
    case FLATLINE_E_NO_MEMORY:
    case FLATLINE_E_SYSTEM:
        return CLI_FAILED;
    default:
        return CLI_DEAD;
    }
}

int cli_attach(const char *command, const char *segment, struct flatline **ret_reader)
{
    const int error = flatline_attach(segment, ret_reader);
    if (error == 0) {
        return CLI_DONE;
    }
    (void)fprintf(stderr,
                  "flatline %s: %s: %s%s%s\n",
                  command,
                  segment != NULL ? segment : FLATLINE_DEFAULT_NAME,
                  flatline_strerror(error),
                  error == FLATLINE_E_SYSTEM ? ": " : "",
                  error == FLATLINE_E_SYSTEM ? strerror(errno) : "");
    return exit_of_error(error);
}

bool cli_snapshot(const struct flatline *reader,
                  uint32_t stream,
                  struct flatline_snapshot *ret_snapshot)
{
    struct flatline_stream handle;
    if (flatline_stream_at(reader, stream, &handle) != 0) {
        return false;
    }
    int error = FLATLINE_E_AGAIN;
    for (int i = 0; i < PATIENCE && error == FLATLINE_E_AGAIN; i++) {
        error = flatline_take_snapshot(&handle, reader, ret_snapshot);
        if (error == FLATLINE_E_AGAIN) {
            pause_shortly();
        }
    }
    return error == 0;
}

int cli_faults(const struct flatline *reader, bool open_only, struct flatline_fault **ret_faults)
{
    int count = FLATLINE_E_AGAIN;
    for (int i = 0; i < PATIENCE && count == FLATLINE_E_AGAIN; i++) {
        const size_t room = flatline_record_count(reader, FLATLINE_SECTION_FAULTS);
        struct flatline_fault *faults = calloc(room + 1, sizeof(*faults));
        if (faults == NULL) {
            return FLATLINE_E_NO_MEMORY;
        }
        count = flatline_faults(reader, open_only, faults, room);
        if (count >= 0) {
            *ret_faults = faults;
            return count;
        }
        free(faults);
        pause_shortly();
    }
    return count;
}

int cli_verdict(const char *command, bool is_alive, int code)
{
    if (is_alive || code != CLI_DONE) {
        return code;
    }
    (void)fprintf(stderr, "flatline %s: the sentinel is dead: this is what it left\n", command);
    return CLI_DEAD;
}

int cli_run(const struct cli_usage *usage,
            int argc,
            char **argv,
            int (*print)(const struct flatline *reader, bool json))
{
    struct cli_choice choice;
    struct flatline *reader;
    int code;
    if (!cli_parse(usage, argc, argv, &choice, &code)) {
        return code;
    }
    code = cli_attach(usage->command, choice.segment, &reader);
    if (code == CLI_DONE) {
        const bool is_alive = flatline_alive(reader, flatline_now_mono_ns());
        code = cli_verdict(usage->command, is_alive, print(reader, choice.json));
        flatline_detach(reader);
    }
    return code;
}
