/* SPDX-License-Identifier: MIT */
#include "sentinel/segment_plan.h"

#include "sentinel/advice.h"
#include "sentinel/judge.h"

#include <errno.h>
#include <stdlib.h>

struct segment_plan {
    struct publisher_config wanted;
    struct publisher_stream *streams;
    struct publisher_connection *connections;
    struct publisher_gate *gates;
    char (*slot_names)[FLATLINE_NAME_BYTES];
};

static void
parts_fill(struct segment_plan *segment, const struct config *config, const struct plan *plan)
{
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct config_stream *stream = &config->streams[i];
        segment->streams[i] =
            (struct publisher_stream){.name = stream->name,
                                      .venue = stream->traits.venue,
                                      .stream_class = stream->traits.stream_class,
                                      .stale_after_ns = stream->traits.stale_after_ns,
                                      .silent_after_ns = stream->traits.silent_after_ns,
                                      .observed = stream->traits.observed};
    }
    for (uint32_t i = 0; i < plan_slot_count(plan); i++) {
        plan_slot_name(plan, i, segment->slot_names[i]);
        segment->connections[i] = (struct publisher_connection){
            .name = segment->slot_names[i], .venue = plan->lines[plan_line_of(i)].venue};
    }
    for (uint32_t i = 0; i < config->gate_count; i++) {
        const struct config_gate *gate = &config->gates[i];
        segment->gates[i] = (struct publisher_gate){.name = gate->name,
                                                    .members = gate->members,
                                                    .member_count = gate->member_count,
                                                    .both = gate->both};
    }
}

int segment_plan_create(const struct config *config,
                        const struct plan *plan,
                        struct segment_plan **ret_segment)
{
    const uint32_t slots = plan_slot_count(plan);
    struct segment_plan *segment = calloc(1, sizeof(*segment));
    if (segment == NULL) {
        return -ENOMEM;
    }
    segment->streams = calloc(config->stream_count + 1U, sizeof(*segment->streams));
    segment->connections = calloc(slots + 1U, sizeof(*segment->connections));
    segment->gates = calloc(config->gate_count + 1U, sizeof(*segment->gates));
    segment->slot_names = calloc(slots + 1U, sizeof(*segment->slot_names));
    if (segment->streams == NULL || segment->connections == NULL || segment->gates == NULL ||
        segment->slot_names == NULL) {
        segment_plan_destroy(segment);
        return -ENOMEM;
    }
    parts_fill(segment, config, plan);
    segment->wanted = (struct publisher_config){.directory = config->segment_directory,
                                                .name = config->segment_name,
                                                .mode = config->segment_mode,
                                                .group = config->segment_group,
                                                .streams = segment->streams,
                                                .stream_count = config->stream_count,
                                                .connections = segment->connections,
                                                .connection_count = slots,
                                                .gates = segment->gates,
                                                .gate_count = config->gate_count,
                                                .faults_max = config->faults_max,
                                                .events_max = config->events_max,
                                                .histograms = config->histograms,
                                                .twins = plan->has_twins,
                                                .advice_max = ADVICE_MAX,
                                                .control_socket = config->control_socket};
    segment->wanted.counter_names = judge_counter_names(&segment->wanted.counter_count);
    *ret_segment = segment;
    return 0;
}

void segment_plan_destroy(struct segment_plan *segment)
{
    if (segment == NULL) {
        return;
    }
    free(segment->streams);
    free(segment->connections);
    free(segment->gates);
    free(segment->slot_names);
    free(segment);
}

const struct publisher_config *segment_plan_wanted(const struct segment_plan *segment)
{
    return &segment->wanted;
}
