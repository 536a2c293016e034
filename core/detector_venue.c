/* SPDX-License-Identifier: MIT
 *
 * detector_venue.c - what the venue says of itself: that it is under maintenance, that a symbol does
 * not trade. Its word explains a silence and proves none: it touches no lease.
 */
#include "core/detector_state.h"

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

void venue_status_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    if (event->note.value >= DETECTOR_VENUES) {
        return;
    }
    const enum flatline_venue venue = (enum flatline_venue)event->note.value;
    struct fault *fault = &detector->maintenance[venue];
    if (event->note.code == 0) {
        fault_clear(detector, fault, at_ns);
        blame_retell_venue(detector, venue, at_ns);
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
    if (fault->id == 0 && down.connection != EVENT_NO_CONNECTION) {
        fault_raise(detector, fault, &down);
        blame_retell_venue(detector, venue, at_ns);
    }
}

void symbol_status_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    if (event->stream >= detector->stream_count) {
        return;
    }
    struct stream *stream = &detector->streams[event->stream];
    struct fault *fault = &stream->faults[STREAM_HALTED];
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
