/* SPDX-License-Identifier: MIT
 *
 * publisher_plan.c - where everything lies in the segment of a configuration, and the words that
 * never change in its life.
 */
#include "core/publisher_internal.h"

#include "core/base.h"
#include "core/clock.h"
#include "core/hist.h"
#include "flatline/flatline.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTS_DEFAULT 256U
#define EVENTS_DEFAULT 4096U

/* Ranges: a stream may be silent for as long as a lease may reach; a round trip beyond a minute is
 * no round trip. */
#define STREAM_HISTOGRAM_MAX_NS     FLATLINE_LEASE_ABSURD_NS
#define CONNECTION_HISTOGRAM_MAX_NS (60 * NS_PER_S)

static uint64_t line_up(uint64_t bytes)
{
    return (bytes + FLATLINE_LINE_BYTES - 1) / FLATLINE_LINE_BYTES * FLATLINE_LINE_BYTES;
}

static void plan_section(struct segment_plan *plan,
                         enum flatline_section_index section,
                         size_t stride_bytes,
                         uint32_t count)
{
    const uint64_t offset_bytes = line_up(plan->file_bytes);
    plan->sections[section] = (struct flatline_section){
        .offset_bytes = offset_bytes, .stride_bytes = (uint32_t)stride_bytes, .count = count};
    plan->file_bytes = offset_bytes + (uint64_t)stride_bytes * count;
}

struct segment_plan segment_plan(const struct publisher_config *config)
{
    struct segment_plan plan = {.file_bytes = sizeof(struct flatline_header)};
    uint32_t members = 0;
    for (uint32_t i = 0; i < config->gate_count; i++) {
        members += config->gates[i].member_count;
    }
    const uint32_t streams = config->stream_count;
    plan_section(&plan, FLATLINE_SECTION_STREAMS, sizeof(struct flatline_directory_entry), streams);
    plan_section(&plan, FLATLINE_SECTION_LEASES, sizeof(struct flatline_lease), streams);
    plan_section(&plan, FLATLINE_SECTION_DETAILS, sizeof(struct flatline_detail), streams);
    plan_section(&plan,
                 FLATLINE_SECTION_CONNECTIONS,
                 sizeof(struct flatline_connection),
                 config->connection_count);
    plan_section(
        &plan, FLATLINE_SECTION_GATES, sizeof(struct flatline_gate_entry), config->gate_count);
    plan_section(
        &plan, FLATLINE_SECTION_GATE_MEMBERS, sizeof(struct flatline_gate_member), members);
    plan_section(&plan,
                 FLATLINE_SECTION_FAULTS,
                 sizeof(struct flatline_fault_slot),
                 config->faults_max != 0 ? config->faults_max : FAULTS_DEFAULT);
    plan_section(&plan,
                 FLATLINE_SECTION_EVENTS,
                 sizeof(struct flatline_event_slot),
                 config->events_max != 0 ? config->events_max : EVENTS_DEFAULT);
    plan_section(&plan,
                 FLATLINE_SECTION_COUNTERS,
                 sizeof(struct flatline_counter),
                 config->counter_count + PUBLISHER_OWN_COUNTERS);
    plan_section(
        &plan, FLATLINE_SECTION_ERRORS, sizeof(struct flatline_error_slot), PUBLISHER_ERRORS_MAX);
    plan_section(
        &plan, FLATLINE_SECTION_ADVICE, sizeof(struct flatline_advice_slot), config->advice_max);
    plan_section(&plan,
                 FLATLINE_SECTION_GATE_ADVICE,
                 sizeof(struct flatline_gate_advice),
                 config->gate_count);
    const size_t stream_bytes =
        hist_size_bytes(HIST_BITS_TWO_DIGITS, NS_PER_US, STREAM_HISTOGRAM_MAX_NS);
    const size_t connection_bytes =
        hist_size_bytes(HIST_BITS_THREE_DIGITS, NS_PER_US, CONNECTION_HISTOGRAM_MAX_NS);
    plan_section(&plan,
                 FLATLINE_SECTION_HISTOGRAMS,
                 line_up(stream_bytes),
                 config->histograms ? streams * 2 : 0);
    plan_section(&plan,
                 FLATLINE_SECTION_CONNECTION_HISTOGRAMS,
                 line_up(connection_bytes),
                 config->connection_count * connection_histograms(config));
    plan.file_bytes = line_up(plan.file_bytes);
    return plan;
}

uint64_t publisher_size_bytes(const struct publisher_config *config)
{
    return segment_plan(config).file_bytes;
}

static void *
section_at(uint8_t *map, const struct segment_plan *plan, enum flatline_section_index section)
{
    return map + plan->sections[section].offset_bytes;
}

static void
fill_streams(uint8_t *map, const struct segment_plan *plan, const struct publisher_config *config)
{
    struct flatline_directory_entry *entries = section_at(map, plan, FLATLINE_SECTION_STREAMS);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct publisher_stream *stream = &config->streams[i];
        struct flatline_directory_entry *entry = &entries[i];
        memcpy(entry->name, stream->name, strlen(stream->name));
        entry->venue = stream->venue;
        entry->stream_class = stream->stream_class;
        entry->stale_after_ns = stream->stale_after_ns;
        entry->silent_after_ns = stream->silent_after_ns;
        entry->flags = stream->observed ? FLATLINE_STREAM_OBSERVED : 0;
        entry->first_histogram = config->histograms ? i * 2 : 0;
        entry->histogram_count = config->histograms ? 2 : 0;
    }
}

static void fill_connections(uint8_t *map,
                             const struct segment_plan *plan,
                             const struct publisher_config *config)
{
    struct flatline_connection *connections = section_at(map, plan, FLATLINE_SECTION_CONNECTIONS);
    for (uint32_t i = 0; i < config->connection_count; i++) {
        const char *name = config->connections[i].name;
        memcpy(connections[i].name, name, strlen(name));
        connections[i].venue = config->connections[i].venue;
        connections[i].first_histogram = i * connection_histograms(config);
        connections[i].histogram_count = connection_histograms(config);
    }
}

static void
fill_gates(uint8_t *map, const struct segment_plan *plan, const struct publisher_config *config)
{
    struct flatline_gate_entry *gates = section_at(map, plan, FLATLINE_SECTION_GATES);
    struct flatline_gate_member *members = section_at(map, plan, FLATLINE_SECTION_GATE_MEMBERS);
    uint32_t first_member = 0;
    for (uint32_t i = 0; i < config->gate_count; i++) {
        const struct publisher_gate *gate = &config->gates[i];
        memcpy(gates[i].name, gate->name, strlen(gate->name));
        gates[i].first_member = first_member;
        gates[i].member_count = gate->member_count;
        gates[i].flags = gate->both ? FLATLINE_GATE_BOTH : 0;
        memcpy(&members[first_member], gate->members, sizeof(*members) * gate->member_count);
        first_member += gate->member_count;
    }
}

static void
fill_counters(uint8_t *map, const struct segment_plan *plan, const struct publisher_config *config)
{
    static const char *const own_names[PUBLISHER_OWN_COUNTERS] = {
        [PUBLISHER_FAULTS_LOST] = "faults_lost", [PUBLISHER_ERRORS_LOST] = "errors_lost"};
    struct flatline_counter *counters = section_at(map, plan, FLATLINE_SECTION_COUNTERS);
    for (uint32_t i = 0; i < config->counter_count + PUBLISHER_OWN_COUNTERS; i++) {
        const char *name = i < config->counter_count ? config->counter_names[i]
                                                     : own_names[i - config->counter_count];
        memcpy(counters[i].name, name, strlen(name));
    }
}

static void fill_histograms(uint8_t *map,
                            const struct segment_plan *plan,
                            const struct publisher_config *config)
{
    if (!config->histograms) {
        return;
    }
    const struct flatline_section *streams = &plan->sections[FLATLINE_SECTION_HISTOGRAMS];
    for (uint32_t i = 0; i < streams->count; i++) {
        hist_init((void *)(map + streams->offset_bytes + (uint64_t)streams->stride_bytes * i),
                  HIST_BITS_TWO_DIGITS,
                  NS_PER_US,
                  STREAM_HISTOGRAM_MAX_NS);
    }
    const struct flatline_section *connections =
        &plan->sections[FLATLINE_SECTION_CONNECTION_HISTOGRAMS];
    for (uint32_t i = 0; i < connections->count; i++) {
        hist_init(
            (void *)(map + connections->offset_bytes + (uint64_t)connections->stride_bytes * i),
            HIST_BITS_THREE_DIGITS,
            NS_PER_US,
            CONNECTION_HISTOGRAM_MAX_NS);
    }
}

/* Field 22 of /proc/self/stat, behind the name in brackets, which may hold anything. 0 when out of
 * reach. */
static uint64_t own_start_ticks(void)
{
    char stat[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL) {
        return 0;
    }
    const size_t length = fread(stat, 1, sizeof(stat) - 1, file);
    (void)fclose(file);
    stat[length] = '\0';
    const char *field = strrchr(stat, ')');
    for (int skipped = 2; field != NULL && skipped < 22; skipped++) {
        field = strchr(field + 1, ' ');
    }
    return field != NULL ? strtoull(field, NULL, 10) : 0;
}

void segment_fill(uint8_t *map,
                  const struct segment_plan *plan,
                  const struct publisher_config *config)
{
    struct flatline_header *header = (void *)map;
    header->major = FLATLINE_MAJOR;
    header->minor = FLATLINE_MINOR;
    header->file_bytes = plan->file_bytes;
    header->layout_hash = flatline_layout_hash();
    header->writer_pid = (uint64_t)getpid();
    header->writer_start_ticks = own_start_ticks();
    header->created_mono_ns = clock_mono_ns();
    header->created_wall_ns = clock_wall_ns();
    header->boottime_offset_ns = clock_suspended_ns();
    memcpy(header->sections, plan->sections, sizeof(header->sections));
    if (config->control_socket != NULL) {
        memcpy(header->control_socket,
               config->control_socket,
               strnlen(config->control_socket, sizeof(header->control_socket) - 1));
    }
    fill_streams(map, plan, config);
    fill_connections(map, plan, config);
    fill_gates(map, plan, config);
    fill_counters(map, plan, config);
    fill_histograms(map, plan, config);
}
