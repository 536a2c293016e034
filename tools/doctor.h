/* SPDX-License-Identifier: MIT
 *
 * doctor.h - `flatline doctor`: checks of the host, the segment and the venues, one line each, with
 * the command that mends it. Looks and asks; never changes anything.
 */
#ifndef FLATLINE_TOOLS_DOCTOR_H
#define FLATLINE_TOOLS_DOCTOR_H

#include "sentinel/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DOCTOR_LINES_MAX  64U
#define DOCTOR_TEXT_BYTES 320U
#define DOCTOR_PATH_BYTES 512U

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL }; /* also the exit code */

struct doctor_line {
    enum doctor_level level;
    const char *check; /* static */
    char text[DOCTOR_TEXT_BYTES];
    char fix[DOCTOR_TEXT_BYTES]; /* "": nothing to mend, or nothing known */
};

struct doctor {
    const char *root;            /* before /proc, /sys and /dev: "" but for tests */
    const struct config *config; /* NULL: none given, or none that can be read */
    const char *segment;         /* as flatline_attach() takes it; NULL: the default */
    pid_t engine_pid;            /* 0 = none */
    pid_t writer_pid;            /* of the live segment; 0 = none */
    uint64_t segment_bytes;      /* what the configuration asks for; 0 = not known */
    struct doctor_line lines[DOCTOR_LINES_MAX];
    uint32_t line_count;
};

/** Adds a line; what does not fit is cut. Beyond DOCTOR_LINES_MAX the last line is overwritten,
 *  at the worse of both levels. */
void doctor_say(struct doctor *doctor,
                enum doctor_level level,
                const char *check,
                const char *format,
                ...) __attribute__((format(printf, 4, 5)));

/** The command that mends the last line. */
void doctor_fix(struct doctor *doctor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The worst level so far. */
enum doctor_level doctor_worst(const struct doctor *doctor);

/** Reads a small file below root as one string, its last newline cut. false: it cannot be read.
 *  format names it. */
bool doctor_read(const struct doctor *doctor,
                 char *text,
                 size_t text_bytes,
                 const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/** Is cpu in a list of the kernel's, such as "0-3,8"? */
bool doctor_cpu_in(const char *list, int cpu);

/* The checks. Each adds at least one line. */
void doctor_segment(struct doctor *doctor); /* sets writer_pid */
void doctor_shared_memory(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_cpus(struct doctor *doctor);
void doctor_realtime(struct doctor *doctor);
void doctor_limits(struct doctor *doctor);
void doctor_engine(struct doctor *doctor);
void doctor_keys(struct doctor *doctor);
void doctor_venues(struct doctor *doctor); /* some seconds a venue that does not answer */

#endif
