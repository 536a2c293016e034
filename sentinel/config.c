/* SPDX-License-Identifier: MIT */
#include "sentinel/config.h"

#include "core/base.h"
#include "feeds/names.h"
#include "sentinel/config_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In this order, whatever the file's: gates name streams, and the user stream is one of them. */
static const struct field file_fields[] = {
    {.key = "streams", .read = read_streams, .example = "[okx/BTC-USDT/books]"},
    {.key = "user_data", .read = read_user_data, .example = "{binance-usdm: {account: main, ...}}"},
    {.key = "gates", .read = read_gates, .example = "{btc: [okx/BTC-USDT/books]}"},
    {.key = "venues", .read = read_venues, .example = "{okx: {ws: ...}}"},
    {.key = "engine_sockets", .read = read_engine_sockets, .example = "[{venue: okx}]"},
    {.key = "segment",
     .read = read_section,
     .inner = segment_fields,
     .example = "{name: flatline}"},
    {.key = "threads", .read = read_section, .inner = threads_fields, .example = "{wait: block}"},
    {.key = "detect", .read = read_section, .inner = detect_fields, .example = "{first_data: 5s}"},
    {.key = "silence",
     .read = read_section,
     .inner = silence_fields,
     .example = "{budget: 1/month}"},
    {.key = "policy", .read = read_policy, .example = "{GAP: {lease: revoke}}"},
    {.key = "control_socket", .read = read_socket_path, .example = "/run/flatline/control.sock"},
    {.key = "control_group",
     .read = read_group,
     .offset = offsetof(struct config, control_group),
     .example = "trading"},
    {.key = "state_file", .read = read_state_file, .example = "/var/lib/flatline/advice"},
    {.key = "record",
     .read = read_section,
     .inner = record_fields,
     .example = "{file: /var/lib/flatline/%F.tsv.zst}"},
    {.key = NULL},
};

/* ---- defaults and end ------------------------------------------------------------------------ */

bool config_defaults(struct config *config)
{
    for (int i = 0; i < CONFIG_VENUES; i++) {
        const struct venue_facts *facts = venue_facts((enum flatline_venue)i);
        struct config_venue *venue = &config->venues[i];
        venue->ws_url = strdup(facts->ws_url);
        venue->rest_url = strdup(facts->rest_url);
        venue->ping_interval_ns = 20 * NS_PER_S;
        /* An hour is left to make the successor and let it prove itself. */
        venue->connections = 1;
        venue->max_age_ns = facts->max_age_ns > 0 ? facts->max_age_ns - 3600 * NS_PER_S : 0;
        if (venue->ws_url == NULL || venue->rest_url == NULL) {
            return false;
        }
    }
    (void)snprintf(config->user_data.account, sizeof(config->user_data.account), "main");
    config->user_data.extend_interval_ns = 120 * NS_PER_S;
    config->segment_directory = strdup(FLATLINE_DEFAULT_DIRECTORY);
    config->segment_name = strdup(FLATLINE_DEFAULT_NAME);
    config->segment_mode = 0640;
    config->segment_group = (gid_t)-1;
    config->control_group = (gid_t)-1;
    config->histograms = true;
    config->faults_max = 256;
    config->events_max = 4096;
    config->wait = THREAD_BLOCK;
    config->ingest_cpu = -1;
    config->judge_cpu = -1;
    config->ring_events = 65536;
    config->record_buffer_bytes = 16U << 20;
    config->read_budget_bytes = 256U << 10;
    config->message_bytes_max = 1U << 20;
    config->alive_for_ns = 250 * NS_PER_MS;
    config->self_stall_after_ns = 50 * NS_PER_MS;
    config->rest_witness = true;
    config->policy = detector_policy_default();
    config->policy.silent_every_ns = CONFIG_MONTH_NS;
    return config->segment_directory != NULL && config->segment_name != NULL;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (uint32_t i = 0; config->gates != NULL && i < config->gate_count; i++) {
        free(config->gates[i].members);
    }
    for (int i = 0; i < CONFIG_VENUES; i++) {
        free(config->venues[i].ws_url);
        free(config->venues[i].rest_url);
        free(config->venues[i].address);
        free(config->venues[i].ca_file);
    }
    for (uint32_t i = 0; i < config->engine_socket_count; i++) {
        free(config->engine_sockets[i].pid_file);
    }
    free(config->user_data.api_key_file);
    free(config->user_data.api_key_env);
    free(config->segment_directory);
    free(config->segment_name);
    free(config->control_socket);
    free(config->state_file);
    free(config->record_file);
    free(config->gates);
    free(config->streams);
    free(config->path);
    free(config);
}

/* ---- a file against the table ---------------------------------------------------------------- */

/* What only several values together can be wrong about. */
static void combinations_check(struct reading *reading, const struct node *root)
{
    const struct config *config = reading->config;
    const struct node *threads = node_find(root, "threads");
    const struct node *detect = node_find(root, "detect");
    if (threads != NULL && config->wait == THREAD_SPIN && config->ingest_cpu >= 0 &&
        config->ingest_cpu == config->judge_cpu) {
        problem_add(
            reading->problems,
            node_find(threads, "judge_cpu")->mark,
            "judge_cpu: two spinning threads on CPU %d starve each other; write another CPU, or "
            "wait: block",
            config->judge_cpu);
    }
    const struct node *expiring = detect != NULL ? node_find(detect, "key_expiring") : NULL;
    const struct node *life = detect != NULL ? node_find(detect, "key_life") : NULL;
    if ((expiring != NULL || life != NULL) &&
        config->policy.key_expiring_ns >= config->policy.key_life_ns) {
        problem_add(reading->problems,
                    expiring != NULL ? expiring->mark : life->mark,
                    "key_expiring is not below key_life: every key would be expiring; write a "
                    "shorter key_expiring");
    }
}

/* Room for every stream the file can name, and the user stream. */
static bool streams_room(struct reading *reading, const struct node *root)
{
    const struct node *streams = node_find(root, "streams");
    const uint32_t count = 1 + (streams != NULL && streams->kind == NODE_LIST ? streams->count : 0);
    reading->names = names_create(count);
    reading->notes = calloc(count, sizeof(*reading->notes));
    reading->config->streams = calloc(count, sizeof(*reading->config->streams));
    return reading->names != NULL && reading->notes != NULL && reading->config->streams != NULL;
}

static void root_read(struct reading *reading, const struct node *root)
{
    struct config *config = reading->config;
    section_read(reading, "the file", file_fields, root, config);
    if (root->kind != NODE_MAP) {
        return;
    }
    if (node_find(root, "streams") == NULL && node_find(root, "user_data") == NULL) {
        problem_add(reading->problems,
                    root->mark,
                    "nothing to watch; write streams: with a list, as `flatline init` does");
    }
    if (node_find(root, "gates") == NULL) {
        gates_automatic(reading);
    }
    streams_check_budget(reading);
    combinations_check(reading, root);
    /* The detector tells these in its evidence; they are said elsewhere in the file. */
    config->policy.proof_interval_ns = config->venues[FLATLINE_VENUE_BINANCE_USDM].ping_interval_ns;
    config->policy.self_stall_after_ns = config->self_stall_after_ns;
}

static void tree_read(struct reading *reading, const struct tree *tree)
{
    if (tree->root == NULL) {
        problem_add(reading->problems,
                    (struct mark){1, 1},
                    "an empty file; write streams: with a list, as `flatline init` does");
        return;
    }
    if (!streams_room(reading, tree->root) || !config_defaults(reading->config)) {
        problem_add(reading->problems, (struct mark){1, 1}, "out of memory");
        return;
    }
    root_read(reading, tree->root);
}

static char *folder_of(const char *path)
{
    char *copy = strdup(path);
    char *folder = copy != NULL ? strdup(dirname(copy)) : NULL;
    free(copy);
    return folder;
}

int config_parse(const char *path,
                 const char *bytes,
                 size_t size_bytes,
                 struct config **ret_config,
                 char *error_text,
                 size_t error_text_bytes)
{
    struct problems problems = {0};
    struct tree tree = {0};
    char *folder = folder_of(path);
    struct reading reading = {
        .folder = folder, .problems = &problems, .config = calloc(1, sizeof(*reading.config))};
    if (folder == NULL || reading.config == NULL || (reading.config->path = strdup(path)) == NULL) {
        problem_add(&problems, (struct mark){1, 1}, "out of memory");
    } else if (tree_build(&tree, bytes, size_bytes, &problems)) {
        tree_read(&reading, &tree);
    }
    tree_free(&tree);
    names_destroy(reading.names);
    free(reading.notes);
    free(folder);

    const bool is_good = !problems_any(&problems);
    if (is_good) {
        *ret_config = reading.config;
    } else {
        config_free(reading.config);
        problems_render(&problems, path, error_text, error_text_bytes);
    }
    problems_free(&problems);
    return is_good ? 0 : -EINVAL;
}

/* ---- the file itself ------------------------------------------------------------------------- */

/* Reads at most CONFIG_BYTES_MAX bytes; -EFBIG if there are more. */
static int file_read(const char *path, char *bytes, size_t *ret_size_bytes)
{
    struct stat status;
    size_t used = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    int result = fstat(fd, &status) != 0 ? -errno : S_ISDIR(status.st_mode) ? -EISDIR : 0;
    while (result == 0 && used <= CONFIG_BYTES_MAX) {
        const ssize_t got = read(fd, bytes + used, CONFIG_BYTES_MAX + 1 - used);
        if (got == 0) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
        result = got < 0 && errno != EINTR ? -errno : 0;
    }
    if (result == 0 && used > CONFIG_BYTES_MAX) {
        result = -EFBIG;
    }
    (void)close(fd);
    *ret_size_bytes = used;
    return result;
}

static const char *advice_on_errno(int error)
{
    switch (error) {
    case ENOENT:
        return "no such file; write one with `flatline init -o FILE`";
    case EISDIR:
        return "a directory; write the path of a file";
    case EFBIG:
        return "larger than 1 MiB; write a smaller file";
    case EACCES:
        return "may not be read by this user; write a mode and owner that let it";
    default:
        return NULL;
    }
}

static void error_tell(const char *path, int error, char *error_text, size_t error_text_bytes)
{
    const char *advice = advice_on_errno(error);
    if (error_text_bytes > 0) {
        (void)snprintf(error_text,
                       error_text_bytes,
                       "%s:1:1: %s",
                       path,
                       advice != NULL ? advice : strerror(error));
    }
}

int config_load(const char *path,
                struct config **ret_config,
                char *error_text,
                size_t error_text_bytes)
{
    size_t size_bytes = 0;
    char *bytes = malloc(CONFIG_BYTES_MAX + 1);
    int result = bytes != NULL ? file_read(path, bytes, &size_bytes) : -ENOMEM;
    if (result == 0) {
        result = config_parse(path, bytes, size_bytes, ret_config, error_text, error_text_bytes);
    } else {
        error_tell(path, -result, error_text, error_text_bytes);
        result = result == -ENOMEM ? result : -EINVAL;
    }
    free(bytes);
    return result;
}
