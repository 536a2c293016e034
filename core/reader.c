/* SPDX-License-Identifier: MIT
 *
 * reader.c - attach, attach again, find, look, and everything by index.
 */
#include "core/reader_internal.h"

#include "core/atomic.h"
#include "flatline/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- attach ---------------------------------------------------------------------------------- */

static int path_compose(const char *name, char path[PATH_MAX])
{
    const char *chosen = name != NULL ? name : FLATLINE_DEFAULT_NAME;
    const char *directory = strchr(chosen, '/') != NULL ? "" : FLATLINE_DEFAULT_DIRECTORY "/";
    const int length = snprintf(path, PATH_MAX, "%s%s", directory, chosen);
    return chosen[0] == '\0' || length < 0 || length >= PATH_MAX ? FLATLINE_E_INVALID : 0;
}

int flatline_attach(const char *name, struct flatline **ret_reader)
{
    if (ret_reader == NULL) {
        return FLATLINE_E_INVALID;
    }
    struct flatline *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return FLATLINE_E_NO_MEMORY;
    }
    int error = path_compose(name, reader->path);
    if (error == 0) {
        error = view_open(reader->path, NULL, &reader->view);
    }
    if (error == FLATLINE_E_SUPERSEDED) {
        error = view_open(
            reader->path, NULL, &reader->view); /* renamed between our open and our look */
    }
    if (error != 0) {
        free(reader);
        return error;
    }
    *ret_reader = reader;
    return 0;
}

void flatline_detach(struct flatline *reader)
{
    if (reader == NULL) {
        return;
    }
    for (struct view *view = reader->view; view != NULL;) {
        struct view *older = view->older;
        view_close(view);
        view = older;
    }
    free(reader);
}

int flatline_reattach(struct flatline *reader)
{
    if (reader == NULL) {
        return FLATLINE_E_INVALID;
    }
    if (!view_is_superseded(reader->view) &&
        header_is_alive(view_header(reader->view), flatline_now_mono_ns())) {
        return 0;
    }
    struct view *view = NULL;
    const int error = view_open(reader->path, reader->view, &view);
    if (error != 0 || view == NULL) {
        return error;
    }
    view->older = reader->view;
    reader->view = view;
    return 1;
}

const struct view *reader_view_of(const struct flatline *reader,
                                  const struct flatline_header *header)
{
    const struct view *view = reader->view;
    while (view != NULL && view_header(view) != header) {
        view = view->older;
    }
    return view;
}

/* ---- by index -------------------------------------------------------------------------------- */

const struct flatline_header *flatline_header_of(const struct flatline *reader)
{
    return view_header(reader->view);
}

const char *flatline_path(const struct flatline *reader)
{
    return reader->path;
}

const void *
flatline_record(const struct flatline *reader, enum flatline_section_index section, uint32_t index)
{
    return view_record(reader->view, section, index);
}

uint32_t flatline_record_count(const struct flatline *reader, enum flatline_section_index section)
{
    return (uint32_t)section < FLATLINE_SECTION_COUNT ? reader->view->sections[section].count : 0;
}

uint32_t flatline_stream_count(const struct flatline *reader)
{
    return reader->view->sections[FLATLINE_SECTION_STREAMS].count;
}

const char *flatline_stream_name(const struct flatline *reader, uint32_t index)
{
    return index < flatline_stream_count(reader) ? reader->view->stream_names[index] : NULL;
}

int flatline_stream_at(const struct flatline *reader,
                       uint32_t index,
                       struct flatline_stream *ret_stream)
{
    const struct flatline_lease *lease = view_record(reader->view, FLATLINE_SECTION_LEASES, index);
    if (lease == NULL) {
        return FLATLINE_E_UNKNOWN_NAME;
    }
    *ret_stream = (struct flatline_stream){
        .lease = lease, .header = view_header(reader->view), .index = index};
    return 0;
}

uint32_t flatline_gate_count(const struct flatline *reader)
{
    return reader->view->sections[FLATLINE_SECTION_GATES].count;
}

const char *flatline_gate_name(const struct flatline *reader, uint32_t index)
{
    return index < flatline_gate_count(reader) ? reader->view->gate_names[index] : NULL;
}

int flatline_gate_at(const struct flatline *reader, uint32_t index, struct flatline_gate *ret_gate)
{
    if (index >= flatline_gate_count(reader)) {
        return FLATLINE_E_UNKNOWN_NAME;
    }
    const struct gate_span *span = &reader->view->gates[index];
    *ret_gate = (struct flatline_gate){
        .members = reader->view->looks + span->first_member,
        .header = view_header(reader->view),
        .advice = view_record(reader->view, FLATLINE_SECTION_GATE_ADVICE, index),
        .member_count = span->member_count,
        .index = index,
        .flags = span->flags};
    return 0;
}

/* ---- by name --------------------------------------------------------------------------------- */

int flatline_find(const struct flatline *reader,
                  const char *name,
                  struct flatline_stream *ret_stream)
{
    if (reader == NULL || name == NULL || ret_stream == NULL) {
        return FLATLINE_E_INVALID;
    }
    for (uint32_t i = 0; i < flatline_stream_count(reader); i++) {
        if (strcmp(reader->view->stream_names[i], name) == 0) {
            return flatline_stream_at(reader, i, ret_stream);
        }
    }
    return FLATLINE_E_UNKNOWN_NAME;
}

int flatline_find_gate(const struct flatline *reader,
                       const char *name,
                       struct flatline_gate *ret_gate)
{
    if (reader == NULL || name == NULL || ret_gate == NULL) {
        return FLATLINE_E_INVALID;
    }
    for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
        if (strcmp(reader->view->gate_names[i], name) == 0) {
            return flatline_gate_at(reader, i, ret_gate);
        }
    }
    return FLATLINE_E_UNKNOWN_NAME;
}

/* ---- the second look ------------------------------------------------------------------------- */

bool flatline_alive(const struct flatline *reader, uint64_t now_mono_ns)
{
    return header_is_alive(flatline_header_of(reader), now_mono_ns);
}

/* The handle's segment cannot become fresh again by itself. */
static bool handle_is_stale(const struct flatline_header *header, uint64_t now_mono_ns)
{
    return !header_is_alive(header, now_mono_ns) ||
           load_acquire(&header->state) == FLATLINE_STATE_SUPERSEDED;
}

bool flatline_look(struct flatline *reader, struct flatline_stream *stream, uint64_t now_mono_ns)
{
    if (flatline_fresh(stream, now_mono_ns)) {
        return true;
    }
    const struct view *old = reader_view_of(reader, stream->header);
    if (old == NULL || !handle_is_stale(stream->header, now_mono_ns)) {
        return false;
    }
    (void)flatline_reattach(reader); /* on an error we stay where we are: not fresh */
    return old != reader->view &&
           flatline_find(reader, old->stream_names[stream->index], stream) == 0 &&
           flatline_fresh(stream, flatline_now_mono_ns());
}

/* The gate of the same name in the newest segment, beside the same echoes. */
static bool gate_find_anew(struct flatline *reader, const char *name, struct flatline_gate *gate)
{
    struct flatline_engine *engine = gate->engine;
    return flatline_find_gate(reader, name, gate) == 0 &&
           (engine == NULL || flatline_gate_bind_engine(reader, gate, engine) == 0);
}

bool flatline_look_gate(struct flatline *reader, struct flatline_gate *gate, uint64_t now_mono_ns)
{
    if (flatline_gate_fresh(gate, now_mono_ns)) {
        return true;
    }
    const struct view *old = reader_view_of(reader, gate->header);
    if (old == NULL || !handle_is_stale(gate->header, now_mono_ns)) {
        return false;
    }
    (void)flatline_reattach(reader);
    return old != reader->view && gate_find_anew(reader, old->gate_names[gate->index], gate) &&
           flatline_gate_fresh(gate, flatline_now_mono_ns());
}

bool flatline_look_quote(struct flatline *reader, struct flatline_gate *gate, uint64_t now_mono_ns)
{
    return flatline_may_quote(gate, now_mono_ns) ||
           (!flatline_gate_fresh(gate, now_mono_ns) &&
            flatline_look_gate(reader, gate, now_mono_ns) &&
            flatline_may_quote(gate, flatline_now_mono_ns()));
}

/* For programs compiled as strict C11, which cannot read the clock themselves. */
uint64_t flatline_clock_mono_ns(void)
{
    return flatline_now_mono_ns();
}
