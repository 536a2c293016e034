/* SPDX-License-Identifier: MIT
 *
 * reader_internal.h - one mapping of a segment as the reader trusts it: the places and names are
 * private copies, checked at attach; only evidence and leases are read from the live file, and
 * none of those is used as an index.
 */
#ifndef FLATLINE_CORE_READER_INTERNAL_H
#define FLATLINE_CORE_READER_INTERNAL_H

#include "flatline/flatline.h"

#include <limits.h>
#include <sys/types.h>

struct gate_span {
    uint32_t first_member;
    uint32_t member_count;
    uint32_t flags;
};

/* A gate beside one engine's echoes. Made once, kept until detach. */
struct gate_binding {
    struct gate_binding *next;
    struct flatline_engine *engine;
    uint32_t gate;
    const uint64_t *own_ids[];
};

struct view {
    const uint8_t *map;
    size_t map_bytes;
    dev_t device;
    ino_t inode;
    struct flatline_section sections[FLATLINE_SECTION_COUNT];
    /* one allocation, in this order */
    struct flatline_gate_look *looks;
    struct gate_span *gates;
    char (*stream_names)[FLATLINE_NAME_BYTES];
    char (*gate_names)[FLATLINE_NAME_BYTES];
    struct gate_binding *bindings;
    struct view *older; /* kept until detach: handles of other threads look there */
};

struct flatline {
    struct view *view;
    char path[PATH_MAX];
};

/** Opens, maps and checks the file. current: if the file is this very one, *ret_view is NULL
 *  and 0 is returned. */
int view_open(const char *path, const struct view *current, struct view **ret_view);
void view_close(struct view *view);

const struct flatline_header *view_header(const struct view *view);
const void *
view_record(const struct view *view, enum flatline_section_index section, uint32_t index);
bool view_is_superseded(const struct view *view);
/** Superseded, and its last promise has run out: until then its judge goes on judging in it. */
bool view_is_over(const struct view *view);

/** The view, newest or older, that a handle belongs to; NULL: of another reader. */
const struct view *reader_view_of(const struct flatline *reader,
                                  const struct flatline_header *header);

/* reader_bind.c */
void view_unbind(struct view *view);

/** Is the sentinel's promise still running? */
bool header_is_alive(const struct flatline_header *header, uint64_t now_mono_ns);

#endif
