/* SPDX-License-Identifier: MIT
 *
 * reader_why.c - not "fresh or not", but why; and which name was meant.
 */
#include "core/reader_internal.h"

#include "core/atomic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- why ------------------------------------------------------------------------------------- */

/* Of the segment as a whole; FRESH: nothing wrong with it. */
static enum flatline_why header_why(const struct flatline_header *header, uint64_t now_mono_ns)
{
    const uint64_t alive_until = load_acquire(&header->alive_until_mono_ns);
    if (flatline_until_holds(alive_until, now_mono_ns, FLATLINE_ALIVE_ABSURD_NS)) {
        return FLATLINE_WHY_FRESH; /* of a superseded one too, until its last promise has run out */
    }
    if (load_acquire(&header->state) == FLATLINE_STATE_SUPERSEDED) {
        return FLATLINE_WHY_SUPERSEDED;
    }
    return alive_until > now_mono_ns ? FLATLINE_WHY_ABSURD : FLATLINE_WHY_SENTINEL_DEAD;
}

/* Of what has lapsed: is it quiet, is it suspect, or is there nothing to tell it by? */
static enum flatline_why lapsed_why(const struct flatline_lease *lease, uint64_t now_mono_ns)
{
    const uint64_t quiet_until = load_acquire(&lease->quiet_until_mono_ns);
    if (quiet_until == 0) {
        return FLATLINE_WHY_LAPSED;
    }
    return flatline_until_holds(quiet_until, now_mono_ns, FLATLINE_LEASE_ABSURD_NS)
               ? FLATLINE_WHY_LAPSED_QUIET
               : FLATLINE_WHY_LAPSED_SUSPECT;
}

static enum flatline_why member_why(const struct flatline_gate_look *member, uint64_t now_mono_ns)
{
    const struct flatline_lease *lease = member->lease;
    const uint64_t granted = load_acquire(&lease->lease_until_mono_ns);
    if (granted == 0) {
        /* Read after the zero: publisher_lease() stores the reason first. */
        return load_acquire(&lease->revoked_by) == FLATLINE_FAULT_NONE ? FLATLINE_WHY_UNKNOWN
                                                                       : FLATLINE_WHY_REVOKED;
    }
    const uint64_t until = granted + (uint64_t)member->stale_adjust_ns;
    if (flatline_until_holds(until, now_mono_ns, FLATLINE_LEASE_ABSURD_NS) ||
        flatline_quiet_holds(member, until, now_mono_ns)) {
        return FLATLINE_WHY_FRESH;
    }
    return granted > now_mono_ns && granted - now_mono_ns > FLATLINE_LEASE_ABSURD_NS
               ? FLATLINE_WHY_ABSURD
               : lapsed_why(lease, now_mono_ns);
}

enum flatline_why flatline_why(const struct flatline_stream *stream, uint64_t now_mono_ns)
{
    const enum flatline_why why = header_why(stream->header, now_mono_ns);
    const struct flatline_gate_look alone = {.lease = stream->lease, .stream = stream->index};
    return why != FLATLINE_WHY_FRESH ? why : member_why(&alone, now_mono_ns);
}

/* Of several culprits, the one whose trouble is worst: a revocation before a lapse, a suspect one
 * before a quiet one, before no data yet. */
static unsigned why_weight(enum flatline_why why)
{
    switch (why) {
    case FLATLINE_WHY_FRESH:
        return 0;
    case FLATLINE_WHY_UNKNOWN:
        return 1;
    case FLATLINE_WHY_LAPSED_QUIET:
        return 2;
    case FLATLINE_WHY_LAPSED_SUSPECT:
        return 4;
    case FLATLINE_WHY_REVOKED:
        return 5;
    case FLATLINE_WHY_ABSURD:
        return 6;
    case FLATLINE_WHY_LAPSED:
    case FLATLINE_WHY_SENTINEL_DEAD:
    case FLATLINE_WHY_SUPERSEDED:
    case FLATLINE_WHY_EMPTY_GATE:
    case FLATLINE_WHY_UNKNOWN_NAME:
    case FLATLINE_WHY_BREAKER:
    case FLATLINE_WHY_PAUSED:
    case FLATLINE_WHY_ENGINE_UNPROVEN:
    case FLATLINE_WHY_ENGINE_BEHIND:
        break;
    }
    return 3;
}

/* Of the engine's own side, where the gate requires it and every lease is fresh. */
static enum flatline_why own_why(const struct flatline_gate *gate, uint32_t *culprit)
{
    if ((gate->flags & FLATLINE_GATE_BOTH) == 0) {
        return FLATLINE_WHY_FRESH;
    }
    for (uint32_t i = 0; gate->own_ids != NULL && i < gate->member_count; i++) {
        const struct flatline_gate_look *member = &gate->members[i];
        if (load_relaxed(gate->own_ids[i]) < load_acquire(&member->lease->due_id)) {
            *culprit = member->stream;
            return FLATLINE_WHY_ENGINE_BEHIND;
        }
    }
    return gate->own_ids != NULL ? FLATLINE_WHY_FRESH : FLATLINE_WHY_ENGINE_UNPROVEN;
}

enum flatline_why
flatline_gate_why(const struct flatline_gate *gate, uint64_t now_mono_ns, uint32_t *ret_culprit)
{
    uint32_t culprit =
        gate->member_count > 0 ? gate->members[0].stream : (uint32_t)FLATLINE_NO_INDEX;
    enum flatline_why worst = header_why(gate->header, now_mono_ns);
    if (worst == FLATLINE_WHY_FRESH && gate->member_count == 0) {
        worst = FLATLINE_WHY_EMPTY_GATE;
    } else if (worst == FLATLINE_WHY_FRESH) {
        for (uint32_t i = 0; i < gate->member_count; i++) {
            const enum flatline_why why = member_why(&gate->members[i], now_mono_ns);
            if (why_weight(why) > why_weight(worst)) {
                worst = why;
                culprit = gate->members[i].stream;
            }
        }
        worst = worst == FLATLINE_WHY_FRESH ? own_why(gate, &culprit) : worst;
    }
    if (ret_culprit != NULL) {
        *ret_culprit = culprit;
    }
    return worst;
}

enum flatline_why
flatline_quote_why(const struct flatline_gate *gate, uint64_t now_mono_ns, uint32_t *ret_culprit)
{
    const enum flatline_why why = flatline_gate_why(gate, now_mono_ns, ret_culprit);
    if (header_why(gate->header, now_mono_ns) != FLATLINE_WHY_FRESH) {
        return why;
    }
    if (flatline_advised(gate, FLATLINE_ADVICE_BREAKER, now_mono_ns)) {
        return FLATLINE_WHY_BREAKER;
    }
    return flatline_advised(gate, FLATLINE_ADVICE_PAUSE, now_mono_ns) ? FLATLINE_WHY_PAUSED : why;
}

/* ---- the same for people --------------------------------------------------------------------- */

/* "1.204 s", of the distance between two moments, whichever is later. */
static void span_text(uint64_t from_ns, uint64_t to_ns, char text[24])
{
    const uint64_t span_ns = to_ns > from_ns ? to_ns - from_ns : from_ns - to_ns;
    const uint64_t span_ms = span_ns / 1000000U;
    (void)snprintf(text, 24, "%" PRIu64 ".%03u s", span_ms / 1000U, (unsigned)(span_ms % 1000U));
}

static const char *lapsed_suffix(enum flatline_why why)
{
    if (why == FLATLINE_WHY_LAPSED_QUIET) {
        return " (quiet: its connection delivers, nothing is owed)";
    }
    return why == FLATLINE_WHY_LAPSED_SUSPECT ? " (suspect)" : "";
}

static int lapsed_text(const struct flatline *reader,
                       const struct flatline_stream *stream,
                       uint64_t now_mono_ns,
                       char *text,
                       size_t text_bytes)
{
    char ago[24];
    char last[24];
    const char *suffix = lapsed_suffix(flatline_why(stream, now_mono_ns));
    struct flatline_snapshot snapshot;
    span_text(load_acquire(&stream->lease->lease_until_mono_ns), now_mono_ns, ago);
    if (flatline_take_snapshot(stream, reader, &snapshot) != 0 ||
        snapshot.detail.last_newer_mono_ns == 0) {
        return snprintf(text, text_bytes, "lapsed %s ago%s", ago, suffix);
    }
    span_text(snapshot.detail.last_newer_mono_ns, now_mono_ns, last);
    return snprintf(
        text, text_bytes, "lapsed %s ago: last newer frame %s ago%s", ago, last, suffix);
}

static int
dead_text(const struct flatline_stream *stream, uint64_t now_mono_ns, char *text, size_t text_bytes)
{
    char judge[24];
    char ingest[24];
    if (load_acquire(&stream->header->state) == FLATLINE_STATE_STOPPED) {
        return snprintf(text, text_bytes, "the sentinel has stopped");
    }
    const uint64_t judge_beat = load_acquire(&stream->header->judge_beat_mono_ns);
    const uint64_t ingest_beat = load_acquire(&stream->header->ingest_beat_mono_ns);
    if (judge_beat == 0 || ingest_beat == 0) {
        return snprintf(text, text_bytes, "the sentinel has not begun to receive");
    }
    span_text(judge_beat, now_mono_ns, judge);
    span_text(ingest_beat, now_mono_ns, ingest);
    return snprintf(text,
                    text_bytes,
                    "the sentinel is dead or stalled: judge %s ago, ingest %s ago",
                    judge,
                    ingest);
}

size_t flatline_why_text(const struct flatline *reader,
                         const struct flatline_stream *stream,
                         uint64_t now_mono_ns,
                         char *text,
                         size_t text_bytes)
{
    const enum flatline_why why = flatline_why(stream, now_mono_ns);
    const uint64_t revoked_by = load_acquire(&stream->lease->revoked_by);
    char left[24];
    int length;
    if (why == FLATLINE_WHY_FRESH) {
        span_text(load_acquire(&stream->lease->lease_until_mono_ns), now_mono_ns, left);
        length = snprintf(text, text_bytes, "fresh for another %s", left);
    } else if (why == FLATLINE_WHY_LAPSED || why == FLATLINE_WHY_LAPSED_QUIET ||
               why == FLATLINE_WHY_LAPSED_SUSPECT) {
        length = lapsed_text(reader, stream, now_mono_ns, text, text_bytes);
    } else if (why == FLATLINE_WHY_REVOKED) {
        length = snprintf(text,
                          text_bytes,
                          "revoked by %s",
                          flatline_fault_name((enum flatline_fault_kind)revoked_by));
    } else if (why == FLATLINE_WHY_SENTINEL_DEAD) {
        length = dead_text(stream, now_mono_ns, text, text_bytes);
    } else {
        length = snprintf(text, text_bytes, "%s", flatline_why_meaning(why));
    }
    if (length < 0 || text_bytes == 0) {
        return 0;
    }
    return (size_t)length < text_bytes ? (size_t)length : text_bytes - 1;
}

/* ---- the nearest name ------------------------------------------------------------------------ */

#define NAME_BYTES_MAX (FLATLINE_NAME_BYTES - 1)

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    const unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edits from one name to another, case apart; both are shorter than FLATLINE_NAME_BYTES. */
static unsigned edit_distance(const char *from, const char *to)
{
    unsigned row[FLATLINE_NAME_BYTES];
    const size_t to_length = strlen(to);
    for (unsigned k = 0; k <= to_length; k++) {
        row[k] = k;
    }
    for (size_t i = 1; from[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t k = 1; k <= to_length; k++) {
            const unsigned changed = diagonal + (lower(from[i - 1]) == lower(to[k - 1]) ? 0 : 1);
            diagonal = row[k];
            row[k] = least(row[k] + 1, row[k - 1] + 1, changed);
        }
    }
    return row[to_length];
}

struct nearest {
    const char *name;
    unsigned distance;
};

/* A name that holds what was asked for whole ("BTCUSDT/trade") counts as one edit away. */
static void nearest_consider(struct nearest *nearest, const char *asked, const char *name)
{
    const unsigned distance = strstr(name, asked) != NULL ? 1 : edit_distance(asked, name);
    if (distance < nearest->distance) {
        *nearest = (struct nearest){.name = name, .distance = distance};
    }
}

const char *flatline_nearest(const struct flatline *reader, const char *name)
{
    if (reader == NULL || name == NULL || name[0] == '\0' ||
        strnlen(name, FLATLINE_NAME_BYTES) > NAME_BYTES_MAX) {
        return NULL;
    }
    /* Near: a third of it may be wrong. */
    struct nearest nearest = {.name = NULL, .distance = 2 + (unsigned)strlen(name) / 3};
    for (uint32_t i = 0; i < flatline_stream_count(reader); i++) {
        nearest_consider(&nearest, name, flatline_stream_name(reader, i));
    }
    for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
        nearest_consider(&nearest, name, flatline_gate_name(reader, i));
    }
    return nearest.name;
}
