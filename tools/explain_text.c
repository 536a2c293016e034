/* SPDX-License-Identifier: MIT */
#include "tools/explain_text.h"

#include "tools/cli.h"

#include <inttypes.h>
#include <string.h>

/* {key} is a word of the kind's evidence (docs/EVIDENCE.md); keys that end in _ns become times. */
static const char *const patterns[FLATLINE_FAULT_COUNT] = {
    [FLATLINE_FAULT_NONE] = "",
    [FLATLINE_FAULT_DOWN] =
        "the connection ended in phase {phase} with close code {close_code} and errno {errno}, "
        "{age_ns} old; it leaves {legs_left} connections to the stream that has fewest",
    [FLATLINE_FAULT_NOTICE] =
        "the venue announced (code {code}) that it will close the connection; "
        "lead time {lead_ns}",
    [FLATLINE_FAULT_NEVER_STARTED] =
        "no first data {waited_ns} after the connection was up, where {deadline_ns} was allowed; "
        "acknowledged: {acked}, missing from the venue's list: {inventory_missing}",
    [FLATLINE_FAULT_WRONG_ROUTE] = "acknowledged ({acked}) and silent for {waited_ns}, while other "
                                   "routes of the venue delivered "
                                   "{other_route_frames} frames: this route does not serve it",
    [FLATLINE_FAULT_GAP] =
        "the chain of ids broke: {expected_id} was next, {got_first_id} came (up to "
        "{got_id}); {gaps} gaps so far",
    [FLATLINE_FAULT_REGRESSED] =
        "an id older than the newest: {got_id} after {newest_id}; {count} such frames so far",
    [FLATLINE_FAULT_FROZEN] = "frames keep coming and say nothing new: id {id} {repeats} times in "
                              "a row, {limit} are one too "
                              "many",
    [FLATLINE_FAULT_LAGGING] =
        "data is late: up to {excess_lag_ns} above the venue's own best, {late_frames} of "
        "{window_frames} frames of the window beyond {limit_ns}",
    [FLATLINE_FAULT_SILENT] =
        "silent for {silence_ns}, beyond the {limit_ns} that this stream keeps "
        "within the stated rate of false alarms",
    [FLATLINE_FAULT_KEY_EXPIRING] =
        "{left_ns} are left of the listenKey; {failures} attempts to extend it have failed",
    [FLATLINE_FAULT_KEY_EXPIRED] = "the listenKey is dead, {since_extend_ns} after its last "
                                   "extension (told by the venue: {by_event})",
    [FLATLINE_FAULT_KEY_UNKNOWN] =
        "the venue does not know the listenKey (code {code}, another's key: {foreign}), "
        "{since_extend_ns} after its last extension",
    [FLATLINE_FAULT_SELF_STALL] = "the sentinel itself stood still for {gap_ns} ({limit_ns} is "
                                  "allowed): silence over that time "
                                  "proves nothing",
    [FLATLINE_FAULT_MUTE] =
        "an update is owed: {owed_id} was shown elsewhere, this one is still at "
        "{shown_id} after the {allowance_ns} it was allowed",
    [FLATLINE_FAULT_CROSSED] = "bid {bid_e8} above ask {ask_e8} (1e-8)",
    [FLATLINE_FAULT_HALF_OPEN] =
        "{unacked_bytes} bytes of ours are unacknowledged, and nothing was received for "
        "{last_data_recv_ns}: the other end is gone",
    [FLATLINE_FAULT_BACKLOG] = "{receive_queue_bytes} bytes wait unread in our own socket",
    [FLATLINE_FAULT_ENGINE_BEHIND] = "the engine is at id {own_id}, and {due_id} was due "
                                     "({frontier_id} is the newest); its echo is "
                                     "{echo_age_ns} old, {allowance_ns} is allowed",
    [FLATLINE_FAULT_ENGINE_MUTE] = "the engine's own connection hears nothing while ours does",
    [FLATLINE_FAULT_ENGINE_STALLED] =
        "the worker's last beat is {beat_age_ns} old, {limit_ns} is allowed (it promised one in "
        "{interval_ns}); state {worker_state}, restarts {restarts}",
    [FLATLINE_FAULT_ENGINE_GONE] =
        "the process {pid} ended without goodbye, with {workers} workers; its "
        "last beat is {beat_age_ns} old",
    [FLATLINE_FAULT_REPORT_OVERDUE] =
        "an order waits {waited_ns} for its report, {limit_ns} is the limit (p99.9 is {p999_ns} "
        "over "
        "{samples} samples); {late_in_row} late in a row, {waiting} waiting",
    [FLATLINE_FAULT_ENGINE_QUOTING] =
        "quotes stood {closed_ns} after their gate had closed; seen by the engine after "
        "{seen_after_ns}, exposed for {exposure_ns} since the last update",
    [FLATLINE_FAULT_MAINTENANCE] = "the venue itself says that it is under maintenance",
    [FLATLINE_FAULT_HALTED] = "the venue says that this symbol does not trade",
};

const char *explain_pattern(enum flatline_fault_kind kind)
{
    const char *pattern = (uint32_t)kind < FLATLINE_FAULT_COUNT ? patterns[kind] : NULL;
    return pattern != NULL ? pattern : "";
}

const char *explain_blame(enum flatline_scope blame)
{
    static const char *const words[] = {
        [FLATLINE_SCOPE_STREAM] = "the venue, of this stream alone",
        [FLATLINE_SCOPE_ROUTE] = "the route: it does not serve this",
        [FLATLINE_SCOPE_CONNECTION] = "this connection",
        [FLATLINE_SCOPE_VENUE] = "the venue",
        [FLATLINE_SCOPE_HOST] = "this host, or the sentinel itself",
        [FLATLINE_SCOPE_ENGINE] = "the engine",
        [FLATLINE_SCOPE_CHANNEL] = "the venue, of this channel",
        [FLATLINE_SCOPE_UNKNOWN] = "undecided",
    };
    const size_t known = sizeof(words) / sizeof(words[0]);
    return (size_t)blame < known && words[blame] != NULL ? words[blame] : "nobody can tell yet";
}

static bool ends_in_ns(const char *key, size_t length)
{
    return length > 3 && strncmp(key + length - 3, "_ns", 3) == 0;
}

/* The word of evidence by its key, as people write it. */
static void
word_text(const struct flatline_fault *fault, const char *key, size_t length, char *text)
{
    for (uint32_t i = 0; i < FLATLINE_EVIDENCE_WORDS; i++) {
        const char *known = flatline_fault_key(fault->kind, i);
        if (strlen(known) != length || strncmp(known, key, length) != 0) {
            continue;
        }
        if (ends_in_ns(key, length)) {
            cli_span_text((int64_t)fault->evidence[i], text);
        } else {
            (void)snprintf(text, CLI_TEXT_BYTES, "%" PRId64, (int64_t)fault->evidence[i]);
        }
        return;
    }
    (void)snprintf(text, CLI_TEXT_BYTES, "?");
}

/* A MUTE of a metronome (`by` 4 and up: docs/EVIDENCE.md) owes beats, no ids; a BACKLOG may have waited on the
 * way, not in our socket. */
static const char *pattern_of(const struct flatline_fault *fault)
{
    const bool is_beats = fault->kind == FLATLINE_FAULT_MUTE && fault->evidence[5] >= 4;
    const bool is_held = fault->kind == FLATLINE_FAULT_BACKLOG && fault->evidence[5] != 0;
    return is_beats ? EXPLAIN_BEATS : is_held ? EXPLAIN_HELD : explain_pattern(fault->kind);
}

size_t explain_fault(const struct flatline_fault *fault, char *text, size_t text_bytes)
{
    size_t used = 0;
    for (const char *at = pattern_of(fault); *at != '\0' && used + 1 < text_bytes;) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end == NULL) {
            text[used++] = *at++;
            continue;
        }
        char word[CLI_TEXT_BYTES];
        word_text(fault, at + 1, (size_t)(end - at) - 1U, word);
        const size_t room = text_bytes - used - 1U;
        const size_t taken = strlen(word) < room ? strlen(word) : room;
        memcpy(text + used, word, taken);
        used += taken;
        at = end + 1;
    }
    if (text_bytes > 0) {
        text[used] = '\0';
    }
    return used;
}
