/* SPDX-License-Identifier: MIT */
#include "tools/stage.h"

#include "core/base.h"
#include "feeds/channels.h"

#include <errno.h>
#include <stdlib.h>

int stage_begin(struct stage *stage, struct detector *detector, uint32_t connections_max)
{
    stage->detector = detector;
    stage->connections_max = connections_max;
    stage->epochs = calloc(connections_max, sizeof(*stage->epochs));
    return stage->detector != NULL && stage->epochs != NULL ? 0 : -ENOMEM;
}

void stage_end(struct stage *stage)
{
    detector_destroy(stage->detector);
    free(stage->epochs);
    stage->detector = NULL;
    stage->epochs = NULL;
}

int stage_add_connection(struct stage *stage, enum flatline_venue venue, uint32_t route)
{
    const int index = stage->connection_count < stage->connections_max
                          ? detector_add_connection(stage->detector, venue, route)
                          : -ENOSPC;
    if (index >= 0) {
        /* a recording tells no interval of its own pings */
        detector_set_pings(stage->detector, (uint32_t)index, venue_facts(venue)->server_ping_ns, 0);
        stage->connection_count++;
    }
    return index;
}

/* Empties the detector's outbox. */
static int findings_take(struct stage *stage)
{
    struct finding finding;
    int status = 0;
    while (status == 0 && detector_take(stage->detector, &finding)) {
        status = stage->take(stage->context, &finding);
    }
    return status;
}

int stage_advance(struct stage *stage, uint64_t now_ns)
{
    if (now_ns <= stage->clock_ns) {
        return 0;
    }
    stage->clock_ns = now_ns;
    if (LIKELY(detector_next_deadline(stage->detector) > now_ns && !stage->stalled)) {
        return 0;
    }
    stage->stalled = false;
    for (uint32_t i = 0; i < stage->connection_count; i++) {
        detector_watermark(stage->detector, i, stage->epochs[i], now_ns);
    }
    bool more;
    do {
        more = detector_tick(stage->detector, now_ns);
        const int status = findings_take(stage);
        if (status < 0) {
            return status;
        }
    } while (more);
    return 0;
}

int stage_apply(struct stage *stage, const struct event *event)
{
    if (event->kind == EVENT_CONNECTION_UP) {
        stage->epochs[event->connection] = event->link.epoch;
    }
    stage->stalled |= event->kind == EVENT_SELF_STALL;
    detector_apply(stage->detector, event);
    return findings_take(stage);
}
