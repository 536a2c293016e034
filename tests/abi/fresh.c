/* SPDX-License-Identifier: MIT
 *
 * fresh.c - an engine's look as it compiles into an engine; check_fresh.py disassembles it.
 */
#include "flatline/flatline.h"

bool engine_look(const struct flatline_stream *stream, uint64_t now_mono_ns);
bool engine_look_gate(const struct flatline_gate *gate, uint64_t now_mono_ns);
bool engine_look_own(const struct flatline_gate *gate);
bool engine_may_quote(const struct flatline_gate *gate, uint64_t now_mono_ns);

bool engine_look(const struct flatline_stream *stream, uint64_t now_mono_ns)
{
    return flatline_fresh(stream, now_mono_ns);
}

bool engine_look_gate(const struct flatline_gate *gate, uint64_t now_mono_ns)
{
    return flatline_gate_fresh(gate, now_mono_ns);
}

bool engine_look_own(const struct flatline_gate *gate)
{
    return flatline_gate_own(gate);
}

bool engine_may_quote(const struct flatline_gate *gate, uint64_t now_mono_ns)
{
    return flatline_may_quote(gate, now_mono_ns);
}
