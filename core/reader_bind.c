/* SPDX-License-Identifier: MIT
 *
 * reader_bind.c - puts a gate beside the echoes of the engine that reads it.
 */
#include "core/reader_internal.h"
#include "flatline/engine.h"

#include <stdlib.h>

static struct view *view_of(struct flatline *reader, const struct flatline_gate *gate)
{
    struct view *view = reader->view;
    while (view != NULL && view_header(view) != gate->header) {
        view = view->older;
    }
    return view != NULL && gate->index < view->sections[FLATLINE_SECTION_GATES].count ? view : NULL;
}

static struct gate_binding *
binding_find(const struct view *view, uint32_t gate, const struct flatline_engine *engine)
{
    struct gate_binding *binding = view->bindings;
    while (binding != NULL && (binding->gate != gate || binding->engine != engine)) {
        binding = binding->next;
    }
    return binding;
}

/* A declaration that fails gives a record that is in no file, and that others write to as well: such
 * a gate is not bound. */
static int binding_make(struct view *view,
                        const struct flatline_gate *gate,
                        struct flatline_engine *engine,
                        struct gate_binding **ret_binding)
{
    struct gate_binding *binding =
        calloc(1, sizeof(*binding) + gate->member_count * sizeof(binding->own_ids[0]));
    int error = binding != NULL ? 0 : FLATLINE_E_NO_MEMORY;
    for (uint32_t i = 0; error == 0 && i < gate->member_count; i++) {
        struct flatline_engine_echo *echo;
        error = flatline_declare_stream(engine, view->stream_names[gate->members[i].stream], &echo);
        binding->own_ids[i] = &echo->last_id;
    }
    if (error != 0) {
        free(binding);
        return error;
    }
    binding->engine = engine;
    binding->gate = gate->index;
    binding->next = view->bindings;
    view->bindings = binding;
    *ret_binding = binding;
    return 0;
}

int flatline_gate_bind_engine(struct flatline *reader,
                              struct flatline_gate *gate,
                              struct flatline_engine *engine)
{
    if (reader == NULL || gate == NULL || engine == NULL) {
        return FLATLINE_E_INVALID;
    }
    struct view *view = view_of(reader, gate);
    if (view == NULL) {
        return FLATLINE_E_INVALID;
    }
    struct gate_binding *binding = binding_find(view, gate->index, engine);
    const int error = binding != NULL ? 0 : binding_make(view, gate, engine, &binding);
    if (error == 0) {
        gate->own_ids = binding->own_ids;
        gate->engine = engine;
    }
    return error;
}

void view_unbind(struct view *view)
{
    while (view->bindings != NULL) {
        struct gate_binding *next = view->bindings->next;
        free(view->bindings);
        view->bindings = next;
    }
}
