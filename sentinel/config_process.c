/* SPDX-License-Identifier: MIT
 *
 * config_process.c - the sections about the process itself: segment, threads, detection, policy,
 * control socket.
 */
#include "core/base.h"
#include "sentinel/config_near.h"
#include "sentinel/config_schema.h"
#include "sentinel/config_value.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GROUP_BUFFER_BYTES 16384U

/* ---- segment --------------------------------------------------------------------------------- */

static void read_segment_name(struct reading *reading,
                              const struct field *field,
                              const struct node *value,
                              void *base)
{
    struct config *config = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    if (strchr(text, '/') != NULL || text[0] == '.' || strlen(text) >= FLATLINE_NAME_BYTES) {
        problem_add(
            reading->problems,
            value->mark,
            "name: %s is not a file name; write one of at most %u characters without / or a "
            "leading dot, e.g. flatline (the folder goes to directory:)",
            quote_text(&quote, text),
            FLATLINE_NAME_BYTES - 1);
        return;
    }
    text_store(reading, value, text, &config->segment_name);
}

static void read_segment_directory(struct reading *reading,
                                   const struct field *field,
                                   const struct node *value,
                                   void *base)
{
    struct config *config = base;
    struct quote quote;
    struct stat status;
    const char *text = text_of(reading, field, value);
    char *path = text != NULL ? path_resolve(reading, value, text) : NULL;
    if (path == NULL) {
        return;
    }
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        problem_add(reading->problems,
                    value->mark,
                    "directory: %s is not a directory here; make it, or write /dev/shm",
                    quote_text(&quote, text));
    } else {
        text_store(reading, value, path, &config->segment_directory);
    }
    free(path);
}

/* Others may read; nobody but the sentinel writes, and nothing in it is a program. */
static void
read_mode(struct reading *reading, const struct field *field, const struct node *value, void *base)
{
    struct config *config = base;
    struct quote quote;
    unsigned mode = 0;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    if (!mode_parse(text, &mode)) {
        problem_add(reading->problems,
                    value->mark,
                    "mode: %s is not an octal mode; write \"0640\"",
                    quote_text(&quote, text));
        return;
    }
    if ((mode & 0600U) != 0600U || (mode & ~0644U) != 0) {
        problem_add(
            reading->problems,
            value->mark,
            "mode: %s would let others write, or the sentinel not; write \"0600\", \"0640\" or "
            "\"0644\"",
            quote_text(&quote, text));
        return;
    }
    config->segment_mode = mode;
}

void read_group(struct reading *reading,
                const struct field *field,
                const struct node *value,
                void *base)
{
    gid_t *target = (void *)((char *)base + field->offset);
    struct quote quote;
    struct group group;
    struct group *found = NULL;
    uint64_t number = 0;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    if (count_parse(text, &number) == VALUE_OK && number < (gid_t)-1) {
        *target = (gid_t)number;
        return;
    }
    char *buffer = malloc(GROUP_BUFFER_BYTES);
    if (buffer != NULL) {
        (void)getgrnam_r(text, &group, buffer, GROUP_BUFFER_BYTES, &found);
    }
    if (found == NULL) {
        problem_add(
            reading->problems,
            value->mark,
            "%s: no group %s on this machine; write one that getent group knows, or its number",
            field->key,
            quote_text(&quote, text));
    } else {
        *target = found->gr_gid;
    }
    free(buffer);
}

#define AT(member) offsetof(struct config, member)

const struct field segment_fields[] = {
    {.key = "name", .read = read_segment_name, .example = "flatline"},
    {.key = "directory", .read = read_segment_directory, .example = "/dev/shm"},
    {.key = "mode", .read = read_mode, .example = "\"0640\""},
    {.key = "group", .read = read_group, .offset = AT(segment_group), .example = "trading"},
    {.key = "histograms", .read = read_boolean, .offset = AT(histograms), .example = "true"},
    {.key = "faults",
     .read = read_count,
     .offset = AT(faults_max),
     .min = 16,
     .max = 65536,
     .example = "256"},
    {.key = "events",
     .read = read_power_of_two,
     .offset = AT(events_max),
     .min = 64,
     .max = 1U << 20,
     .example = "4096"},
    {.key = NULL},
};

/* ---- threads --------------------------------------------------------------------------------- */

static void
read_cpu(struct reading *reading, const struct field *field, const struct node *value, void *base)
{
    struct field bounded = *field;
    const long cpus = sysconf(_SC_NPROCESSORS_CONF);
    uint32_t number = UINT32_MAX;
    bounded.offset = 0;
    bounded.max = cpus > 0 ? (uint64_t)cpus - 1 : 0;
    read_count(reading, &bounded, value, &number);
    if (number != UINT32_MAX) {
        const int cpu = (int)number;
        memcpy((char *)base + field->offset, &cpu, sizeof(cpu));
    }
}

static const char *const wait_words[] = {
    [THREAD_BLOCK] = "block", [THREAD_SPIN] = "spin", [THREAD_SPIN + 1] = NULL};

_Static_assert(sizeof(enum thread_wait) == sizeof(int), "read_word() writes an int");

const struct field threads_fields[] = {
    {.key = "wait", .read = read_word, .offset = AT(wait), .words = wait_words, .example = "block"},
    {.key = "ingest_cpu", .read = read_cpu, .offset = AT(ingest_cpu), .example = "2"},
    {.key = "judge_cpu", .read = read_cpu, .offset = AT(judge_cpu), .example = "3"},
    {.key = "ring_events",
     .read = read_power_of_two,
     .offset = AT(ring_events),
     .min = 1024,
     .max = 1U << 22,
     .example = "65536"},
    {.key = "read_budget",
     .read = read_size,
     .offset = AT(read_budget_bytes),
     .min = 16U << 10,
     .max = 16U << 20,
     .example = "256KiB"},
    {.key = "message_max",
     .read = read_size,
     .offset = AT(message_bytes_max),
     .min = 64U << 10,
     .max = 64U << 20,
     .example = "1MiB"},
    {.key = NULL},
};

/* ---- detection ------------------------------------------------------------------------------ */

#define DURATION(name, member, least, most, sample)                                                \
    {                                                                                              \
        .key = (name), .read = read_duration, .offset = AT(member), .min = (least), .max = (most), \
        .example = (sample)                                                                        \
    }

const struct field detect_fields[] = {
    DURATION("alive_for", alive_for_ns, 20 * NS_PER_MS, 5 * NS_PER_S, "250ms"),
    DURATION("self_stall_after", self_stall_after_ns, 20 * NS_PER_MS, 10 * NS_PER_S, "50ms"),
    DURATION("stall_explains", policy.stall_explains_ns, NS_PER_MS, 600 * NS_PER_S, "60s"),
    DURATION("unread_after", policy.unread_after_ns, 20 * NS_PER_MS, 60 * NS_PER_S, "200ms"),
    DURATION("first_data", policy.first_data_ns, 100 * NS_PER_MS, 300 * NS_PER_S, "5s"),
    {.key = "frozen_frames",
     .read = read_count,
     .offset = AT(policy.frozen_frames),
     .min = 2,
     .max = 1000000,
     .example = "20"},
    DURATION("lagging_excess", policy.lagging_excess_ns, NS_PER_MS, 3600 * NS_PER_S, "500ms"),
    DURATION("lagging_window", policy.lagging_window_ns, 100 * NS_PER_MS, 60 * NS_PER_S, "1s"),
    DURATION("lagging_hold", policy.lagging_hold_ns, NS_PER_MS, 600 * NS_PER_S, "1s"),
    DURATION("key_life", policy.key_life_ns, NS_PER_S, 24 * 3600 * NS_PER_S, "60m"),
    {.key = "rest_witness", .read = read_boolean, .offset = AT(rest_witness), .example = "true"},
    DURATION("key_expiring", policy.key_expiring_ns, NS_PER_MS, 24 * 3600 * NS_PER_S, "25m"),
    {.key = NULL},
};

/* ---- silence --------------------------------------------------------------------------------- */

struct budget_span {
    const char *word;
    uint64_t span_ns;
};

static const struct budget_span budget_spans[] = {{"hour", 3600 * NS_PER_S},
                                                  {"day", 86400 * NS_PER_S},
                                                  {"week", 7 * 86400 * NS_PER_S},
                                                  {"month", CONFIG_MONTH_NS}};
#define BUDGET_MOST 1000U

/* "1/month": the time between two false alarms; 0: it is no budget. */
static uint64_t budget_parse(const char *text)
{
    char number[8] = "";
    uint64_t count = 0;
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof(number)) {
        return 0;
    }
    memcpy(number, text, (size_t)(slash - text));
    if (count_parse(number, &count) != VALUE_OK || count == 0 || count > BUDGET_MOST) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_COUNT(budget_spans); i++) {
        if (strcmp(slash + 1, budget_spans[i].word) == 0) {
            return budget_spans[i].span_ns / count;
        }
    }
    return 0;
}

static void read_budget(struct reading *reading,
                        const struct field *field,
                        const struct node *value,
                        void *base)
{
    struct config *config = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    config->policy.silent_every_ns = budget_parse(text);
    if (config->policy.silent_every_ns == 0 && strcmp(text, "off") != 0) {
        problem_add(reading->problems,
                    value->mark,
                    "budget: %s is no number of false alarms in a time; write 1 to %u of an hour, "
                    "day, week or month, e.g. 1/month, or off",
                    quote_text(&quote, text),
                    BUDGET_MOST);
    }
}

const struct field silence_fields[] = {
    {.key = "budget", .read = read_budget, .example = "1/month"},
    DURATION("warm_up", policy.silent_warm_up_ns, 10 * NS_PER_S, 168 * 3600 * NS_PER_S, "2h"),
    {.key = "cap",
     .read = read_duration_or_off,
     .offset = AT(policy.silent_cap_ns),
     .min = NS_PER_S,
     .max = 24 * 3600 * NS_PER_S,
     .example = "10m"},
    {.key = NULL},
};

/* ---- policy ---------------------------------------------------------------------------------- */

#define POLICY_FIELD(number, name, text, a, b, c, d, e, f) [number] = text,
static const char *const fault_names[] = {FLATLINE_FAULTS(POLICY_FIELD)};

static const char *const lease_words[] = {
    [LEASE_KEEP] = "keep", [LEASE_REVOKE] = "revoke", [LEASE_REVOKE + 1] = NULL};

static void policy_row_read(struct reading *reading, uint32_t kind, const struct node *value)
{
    const struct field row[] = {
        {.key = "lease", .read = read_word, .words = lease_words, .example = "revoke"},
        {.key = NULL},
    };
    int action = -1;
    section_read(reading, fault_names[kind], row, value, &action);
    if (action >= 0) {
        reading->config->policy.lease_on[kind] = (uint8_t)action;
    }
}

void read_policy(struct reading *reading,
                 const struct field *field,
                 const struct node *value,
                 void *base)
{
    (void)base;
    if (value->kind != NODE_MAP) {
        problem_add(reading->problems,
                    value->mark,
                    "%s is %s; write a map of faults, e.g. %s",
                    field->key,
                    node_kind_text(value),
                    field->example);
        return;
    }
    for (const struct node *child = value->first; child != NULL; child = child->next) {
        struct near near = {.word = child->key};
        uint32_t kind = 1; /* 0 is no fault */
        while (kind < FLATLINE_FAULT_COUNT && strcmp(fault_names[kind], child->key) != 0) {
            near_offer(&near, fault_names[kind]);
            kind++;
        }
        if (kind < FLATLINE_FAULT_COUNT) {
            policy_row_read(reading, kind, child);
            continue;
        }
        struct quote quote;
        problem_add(reading->problems,
                    child->key_mark,
                    "unknown fault %s in policy; write %s",
                    quote_text(&quote, child->key),
                    near.best != NULL ? near.best : "a kind of flatlined.conf(5), e.g. GAP");
    }
}

/* ---- recording ------------------------------------------------------------------------------- */

static void read_record_file(struct reading *reading,
                             const struct field *field,
                             const struct node *value,
                             void *base)
{
    struct config *config = base;
    const char *text = text_of(reading, field, value);
    char *path = text != NULL ? path_resolve(reading, value, text) : NULL;
    if (path != NULL) {
        text_store(reading, value, path, &config->record_file);
        free(path);
    }
}

const struct field record_fields[] = {
    {.key = "file", .read = read_record_file, .example = "/var/lib/flatline/%F-%H%M%S.tsv.zst"},
    {.key = "buffer",
     .read = read_size,
     .offset = AT(record_buffer_bytes),
     .min = 1U << 20,
     .max = 256U << 20,
     .example = "16MiB"},
    {.key = NULL},
};

/* ---- control socket -------------------------------------------------------------------------- */

void read_socket_path(struct reading *reading,
                      const struct field *field,
                      const struct node *value,
                      void *base)
{
    struct config *config = base;
    struct sockaddr_un address;
    const char *text = text_of(reading, field, value);
    char *path = text != NULL ? path_resolve(reading, value, text) : NULL;
    if (path == NULL) {
        return;
    }
    /* One more for the temporary name it is made under. */
    if (strlen(path) + 1 >= sizeof(address.sun_path)) {
        problem_add(reading->problems,
                    value->mark,
                    "control_socket: the path has %zu characters and may have %zu; write a "
                    "shorter one, e.g. %s",
                    strlen(path),
                    sizeof(address.sun_path) - 2,
                    field->example);
    } else {
        text_store(reading, value, path, &config->control_socket);
    }
    free(path);
}

void read_state_file(struct reading *reading,
                     const struct field *field,
                     const struct node *value,
                     void *base)
{
    struct config *config = base;
    const char *text = text_of(reading, field, value);
    char *path = text != NULL ? path_resolve(reading, value, text) : NULL;
    if (path != NULL) {
        text_store(reading, value, path, &config->state_file);
        free(path);
    }
}
