/* SPDX-License-Identifier: MIT
 *
 * detector_venue.c - what the venue says of itself: that it is under maintenance, that a symbol does
 * not trade. Its word explains a silence and proves none: it touches no lease.
 */
#include "core/detector_calls.h"

/* How long a maintenance stands that nobody confirms: as long as it was announced to last, and some
 * more. From when it was last heard of, not to the minute announced: that is of a wall clock. Announced
 * for longer than a day is announced by mistake. */
#define MINUTE_NS      (60U * NS_PER_S)
#define HOUR_NS        (60U * MINUTE_NS)
#define WORK_UNSAID_NS (6U * HOUR_NS)
#define WORK_MARGIN_NS HOUR_NS
#define WORK_MOST_NS   (24U * HOUR_NS)

/* A fault of a whole venue is told with one of its connections, by which people know the venue. */
static uint16_t venue_connection(const struct detector *detector, enum flatline_venue venue)
{
    for (uint32_t i = 0; i < detector->carrier_count; i++) {
        if (detector->carriers[i].venue == venue) {
            return (uint16_t)i;
        }
    }
    return EVENT_NO_CONNECTION;
}

/* ---- maintenance ----------------------------------------------------------------------------- */

static void works_remove(struct venue_works *works, uint32_t at)
{
    works->count--;
    works->marks[at] = works->marks[works->count];
    works->until_ns[at] = works->until_ns[works->count];
    works->named[at] = works->named[works->count];
}

static uint32_t works_find(const struct venue_works *works, uint32_t mark)
{
    uint32_t at = 0;
    while (at < works->count && works->marks[at] != mark) {
        at++;
    }
    return at;
}

static uint64_t work_lasts_ns(uint64_t value)
{
    const uint64_t announced_ns = status_minutes(value) * MINUTE_NS;
    if (announced_ns == 0) {
        return WORK_UNSAID_NS;
    }
    return (announced_ns < WORK_MOST_NS ? announced_ns : WORK_MOST_NS) + WORK_MARGIN_NS;
}

static void works_apply(struct venue_works *works, const struct event *event, uint64_t at_ns)
{
    const int64_t word = event->note.code;
    const uint32_t mark = status_work(event->note.value);
    uint32_t at = works_find(works, mark);
    if (word == STATUS_UNDER_WAY && at < VENUE_WORKS_MAX) {
        const bool is_page = event->connection == EVENT_NO_CONNECTION;
        works->named[at] = is_page || (at < works->count && works->named[at]);
        works->marks[at] = mark;
        works->until_ns[at] = at_ns + work_lasts_ns(event->note.value);
        works->count += at == works->count ? 1U : 0U;
    } else if (word == STATUS_OVER && at < works->count) {
        works_remove(works, at);
    } else if (word == STATUS_TOLD_ALL) {
        for (at = works->count; at-- > 0;) {
            if (!works->named[at]) {
                works_remove(works, at);
            }
        }
        for (at = 0; at < works->count; at++) {
            works->named[at] = false;
        }
    }
}

/* Returns when the next one runs out. */
static uint64_t works_expire(struct venue_works *works, uint64_t now_ns)
{
    uint64_t next_ns = DEADLINE_NEVER;
    for (uint32_t at = works->count; at-- > 0;) {
        if (works->until_ns[at] <= now_ns) {
            works_remove(works, at);
        } else if (works->until_ns[at] < next_ns) {
            next_ns = works->until_ns[at];
        }
    }
    return next_ns;
}

static void maintenance_end(struct detector *detector, enum flatline_venue venue, uint64_t at_ns)
{
    struct fault *fault = &detector->maintenance[venue];
    if (detector->works[venue].count == 0 && fault->id != 0) {
        fault_clear(detector, fault, at_ns);
        blame_retell_venue(detector, venue, at_ns);
    }
}

void works_timeouts(struct detector *detector, uint64_t now_ns)
{
    if (detector->works_due_ns > now_ns) {
        return;
    }
    detector->works_due_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < DETECTOR_VENUES; i++) {
        const uint64_t next_ns = works_expire(&detector->works[i], now_ns);
        if (next_ns < detector->works_due_ns) {
            detector->works_due_ns = next_ns;
        }
        maintenance_end(detector, (enum flatline_venue)i, now_ns);
    }
}

void venue_status_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    const uint8_t named = status_venue(event->note.value);
    if (named >= DETECTOR_VENUES) {
        return;
    }
    const enum flatline_venue venue = (enum flatline_venue)named;
    struct fault *fault = &detector->maintenance[venue];
    works_apply(&detector->works[venue], event, at_ns);
    const uint64_t next_ns = works_expire(&detector->works[venue], at_ns);
    if (next_ns < detector->works_due_ns) {
        detector->works_due_ns = next_ns;
    }
    if (detector->works[venue].count == 0) {
        maintenance_end(detector, venue, at_ns);
        return;
    }
    struct fault down = {.kind = FLATLINE_FAULT_MAINTENANCE,
                         .scope = FLATLINE_SCOPE_VENUE,
                         .blame = FLATLINE_SCOPE_VENUE,
                         .confidence = 100,
                         .stream = EVENT_NO_STREAM,
                         .connection = venue_connection(detector, venue),
                         .onset_ns = at_ns,
                         .at_ns = at_ns};
    text_copy(down.text, event->note.text);
    const bool is_told = event->note.code == STATUS_UNDER_WAY;
    if (fault->id == 0 && is_told && down.connection != EVENT_NO_CONNECTION) {
        fault_raise(detector, fault, &down);
        blame_retell_venue(detector, venue, at_ns);
    }
}

/* ---- a symbol that does not trade ------------------------------------------------------------ */

void symbol_status_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    if (event->stream >= detector->stream_count) {
        return;
    }
    struct stream *stream = &detector->streams[event->stream];
    struct fault *fault = &stream->faults[STREAM_HALTED];
    if (stream->halted != (event->note.code != 0)) {
        carrier_silences_anew(detector, stream);
    }
    stream->halted = event->note.code != 0;
    if (!stream->halted) {
        silence_excuse(detector, stream, at_ns);
    }
    blame_retell_stream(detector, stream, at_ns);
    if (!stream->halted) {
        fault_clear(detector, fault, at_ns);
        return;
    }
    struct fault halted = {.kind = FLATLINE_FAULT_HALTED,
                           .scope = FLATLINE_SCOPE_STREAM,
                           .blame = FLATLINE_SCOPE_VENUE,
                           .confidence = 100,
                           .stream = event->stream,
                           .connection = EVENT_NO_CONNECTION,
                           .onset_ns = at_ns,
                           .at_ns = at_ns};
    text_copy(halted.text, event->note.text);
    if (event->note.value != 0 && fault->id == 0) { /* one of a symbol's streams speaks for all */
        fault_raise(detector, fault, &halted);
    }
}
