/* SPDX-License-Identifier: MIT
 *
 * advice.h - what operators and calendars ask of the engine: the control thread's table, with
 * targets resolved and the file that outlives the process. Pure but for the file; the clocks are
 * arguments.
 */
#ifndef FLATLINE_SENTINEL_ADVICE_H
#define FLATLINE_SENTINEL_ADVICE_H

#include "sentinel/config.h"

#include <stdbool.h>
#include <stdint.h>

#define ADVICE_MAX          64U
#define ADVICE_FILE_MAX     (256U * 1024U)
#define ADVICE_BOOT_BYTES   40U
#define ADVICE_FOR_MAX_NS   (366ULL * 24U * 3600U * 1000000000ULL)
#define ADVICE_DRILL_MAX_NS (60ULL * 1000000000ULL)

struct advice_clock {
    uint64_t mono_ns;
    uint64_t wall_ns;
};

/* What somebody asks. */
struct advice_wish {
    enum flatline_advice_kind kind;
    bool drill;
    uint64_t for_ns;  /* FLATLINE_UNTIL_CLEARED: until cleared */
    uint64_t uid;     /* of who asks */
    const char *by;   /* his name */
    const char *name; /* of the target: "*", a gate, a stream or a venue */
    const char *reason;
};

struct advice_table {
    const struct config *config;
    uint64_t next_serial;
    struct flatline_advice_slot rows[ADVICE_MAX]; /* serial 0 = free */
    bool changed[ADVICE_MAX];                     /* not yet taken by advice_next_change() */
};

void advice_init(struct advice_table *table, const struct config *config);

/** Resolves a name: everything, gate, stream, venue, in this order. false: there is no such
 *  target. */
bool advice_resolve(const struct config *config,
                    const char *name,
                    enum flatline_target *ret_target,
                    uint32_t *ret_index);

/** Gives an advice, in place of one of the same kind for the same target (a drill never replaces
 *  what is meant). Returns its row; -ENOENT no such target; -ENOSPC the table is full; -EINVAL a
 *  time or a text that cannot be. */
int advice_give(struct advice_table *table,
                const struct advice_wish *wish,
                const struct advice_clock *clock);

/** Takes an advice back; drills are left to time. Returns 0, or -ENOENT: there is none. */
int advice_clear(struct advice_table *table, enum flatline_advice_kind kind, const char *name);

/** Frees the rows whose time has run out. Returns true if there were any. */
bool advice_expire(struct advice_table *table, uint64_t now_mono_ns);

/** A row that changed and that nobody has been told of; -1: none. */
int advice_next_change(const struct advice_table *table);

/** Is this advice for that gate? */
bool advice_covers(const struct config *config,
                   const struct flatline_advice_slot *advice,
                   uint32_t gate);

/** Is this what people may read on terminals: UTF-8, not empty, no control bytes, shorter than
 *  bytes? */
bool advice_text_is_sound(const char *text, size_t bytes);

/* ---- advice_file.c --------------------------------------------------------------------------- */

/** This boot's name, "" where the system does not tell: then times count by the wall clock. */
void advice_boot(char boot[ADVICE_BOOT_BYTES]);

/** Writes the table, whole or not at all: a new file of mode 0600, synced, renamed. Drills are left
 *  out. Returns 0 or -errno. Cost: waits for the disk. */
int advice_save(const struct advice_table *table, const char *path, const char *boot);

/** The table as the file has it, and the drills where they are wanted. To be freed; NULL: out of
 *  memory. */
char *advice_text(const struct advice_table *table, const char *boot, bool with_drills);

/** Takes what advice_text() wrote. Returns 0; -EBADMSG or -ENOMEM: the table is as it was. */
int advice_take(struct advice_table *table,
                const char *text,
                const char *boot,
                const struct advice_clock *clock);

/** Reads what advice_save() wrote; drops what has run out since. Of another boot, the wall clock
 *  tells what is left. A file that is not there is an empty table.
 *  Returns 0; -EBADMSG it is not what we wrote, -EPERM it is not ours or others may write it; other
 *  -errno. Then the table is as it was: the caller must not take that for "no advice". */
int advice_load(struct advice_table *table,
                const char *path,
                const char *boot,
                const struct advice_clock *clock);

#endif
