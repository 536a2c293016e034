/* SPDX-License-Identifier: MIT */
#include "tools/doctor.h"

#include "core/publisher.h"
#include "sentinel/plan.h"
#include "sentinel/segment_plan.h"
#include "tools/cli.h"
#include "tools/flatline_commands.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_TEXT_BYTES 4096

struct doctor_options {
    bool json;
    const char *config_path;
};

static const char usage_text[] =
    "usage: flatline doctor [-c FILE] [--segment NAME|PATH] [--engine-pid PID] [--json]\n"
    "\n"
    "Checks what a sentinel and its readers need of this host, one line a check, and prints the\n"
    "command that mends what is wrong. Changes nothing.\n"
    "\n"
    "  -c, --config FILE    also what this configuration asks for: CPUs, size, venues, key file\n"
    "  --segment NAME|PATH  segment to look for (default: the configuration's, or flatline)\n"
    "  --engine-pid PID     also whether this process shares clock, memory and namespaces\n"
    "  --json               one JSON object a check\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit: 0 all is well, 1 a warning, 2 a failure or wrong usage.\n";

/* ---- lines ----------------------------------------------------------------------------------- */

void doctor_say(
    struct doctor *doctor, enum doctor_level level, const char *check, const char *format, ...)
{
    const bool is_full = doctor->line_count == DOCTOR_LINES_MAX;
    struct doctor_line *line = &doctor->lines[is_full ? DOCTOR_LINES_MAX - 1 : doctor->line_count];
    const enum doctor_level before = is_full ? line->level : DOCTOR_OK;
    doctor->line_count += is_full ? 0 : 1;
    line->level = level > before ? level : before;
    line->check = check;
    line->fix[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line->text, sizeof(line->text), format, arguments);
    va_end(arguments);
}

void doctor_fix(struct doctor *doctor, const char *format, ...)
{
    if (doctor->line_count == 0) {
        return;
    }
    struct doctor_line *line = &doctor->lines[doctor->line_count - 1];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line->fix, sizeof(line->fix), format, arguments);
    va_end(arguments);
}

enum doctor_level doctor_worst(const struct doctor *doctor)
{
    enum doctor_level worst = DOCTOR_OK;
    for (uint32_t i = 0; i < doctor->line_count; i++) {
        worst = doctor->lines[i].level > worst ? doctor->lines[i].level : worst;
    }
    return worst;
}

static int lines_print(const struct doctor *doctor)
{
    static const struct {
        const char *word;
        enum cli_colour colour;
    } levels[] = {{"OK  ", CLI_GREEN}, {"WARN", CLI_YELLOW}, {"FAIL", CLI_RED}};

    for (uint32_t i = 0; i < doctor->line_count; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        cli_print(levels[line->level].colour, levels[line->level].word);
        (void)printf(" %-14s %s\n", line->check, line->text);
        if (line->fix[0] != '\0') {
            (void)printf("     %-14s -> %s\n", "", line->fix);
        }
    }
    return cli_finish((int)doctor_worst(doctor));
}

static int lines_json(const struct doctor *doctor)
{
    static const char *const levels[] = {"ok", "warn", "fail"};
    for (uint32_t i = 0; i < doctor->line_count; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        json_t *object = json_object();
        (void)json_object_set_new(object, "check", json_string(line->check));
        (void)json_object_set_new(object, "level", json_string(levels[line->level]));
        (void)json_object_set_new(object, "text", cli_json_text(line->text));
        (void)json_object_set_new(
            object, "fix", line->fix[0] != '\0' ? cli_json_text(line->fix) : json_null());
        if (cli_json_print(object) != CLI_DONE) {
            return DOCTOR_FAIL;
        }
    }
    return (int)doctor_worst(doctor);
}

/* ---- options and configuration --------------------------------------------------------------- */

static int usage_error(const char *what, const char *value)
{
    (void)fprintf(stderr, "flatline doctor: %s%s\n", what, value);
    (void)fputs("try: flatline doctor --help\n", stderr);
    return CLI_USAGE;
}

/* Returns an exit code, or -1: help was printed. */
static int
options_parse(int argc, char **argv, struct doctor *doctor, struct doctor_options *chosen)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"segment", required_argument, NULL, 's'},
        {"engine-pid", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    optind = 0; /* the dispatcher may have parsed options of its own */
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        char *end = NULL;
        switch (option) {
        case 'h':
            (void)fputs(usage_text, stdout);
            return -1;
        case 'c':
            chosen->config_path = optarg;
            break;
        case 's':
            doctor->segment = optarg;
            break;
        case 'j':
            chosen->json = true;
            break;
        case 'p':
            doctor->engine_pid = (pid_t)strtol(optarg, &end, 10);
            if (doctor->engine_pid <= 0 || *end != '\0') {
                return usage_error("--engine-pid wants a process id, not ", optarg);
            }
            break;
        default:
            return usage_error("see the options", "");
        }
    }
    return optind == argc ? CLI_DONE : usage_error("unexpected argument ", argv[optind]);
}

static uint64_t segment_size(const struct config *config)
{
    struct plan *plan = NULL;
    struct segment_plan *segment = NULL;
    uint64_t bytes = 0;
    char why[DOCTOR_TEXT_BYTES];
    if (plan_create(config, &plan, why, sizeof(why)) == 0 &&
        segment_plan_create(config, plan, &segment) == 0) {
        bytes = publisher_size_bytes(segment_plan_wanted(segment));
    }
    segment_plan_destroy(segment);
    plan_destroy(plan);
    return bytes;
}

/* One line a problem, as the configuration tells it: it says itself what to write instead. */
static void config_check_lines(struct doctor *doctor, char *text)
{
    char *rest = text;
    for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        doctor_say(doctor, DOCTOR_FAIL, "config", "%s", line);
    }
}

static struct config *config_read(struct doctor *doctor, const char *path)
{
    struct config *config = NULL;
    char text[CONFIG_TEXT_BYTES] = "";
    const int status = config_load(path, &config, text, sizeof(text));
    if (status != 0) {
        config_check_lines(doctor, text);
        if (text[0] == '\0') {
            doctor_say(doctor, DOCTOR_FAIL, "config", "%s: %s", path, strerror(-status));
        }
        doctor_fix(doctor, "flatlined -c %s --check-config", path);
        return NULL;
    }
    doctor->config = config;
    doctor->segment_bytes = segment_size(config);
    doctor_say(doctor,
               DOCTOR_OK,
               "config",
               "%s: %u streams, %u gates",
               path,
               config->stream_count,
               config->gate_count);
    return config;
}

int doctor_command(int argc, char **argv)
{
    static struct doctor doctor = {.root = ""};
    static char path[PATH_MAX];
    struct doctor_options chosen = {.json = false};
    const int usage = options_parse(argc, argv, &doctor, &chosen);
    if (usage != CLI_DONE) {
        return usage == -1 ? cli_finish(CLI_DONE) : usage;
    }
    struct config *config =
        chosen.config_path != NULL ? config_read(&doctor, chosen.config_path) : NULL;
    if (doctor.segment == NULL && config != NULL) {
        (void)snprintf(
            path, sizeof(path), "%s/%s", config->segment_directory, config->segment_name);
        doctor.segment = path;
    }
    doctor_segment(&doctor);
    doctor_shared_memory(&doctor);
    doctor_clock(&doctor);
    doctor_cpus(&doctor);
    doctor_realtime(&doctor);
    doctor_limits(&doctor);
    doctor_engine(&doctor);
    doctor_keys(&doctor);
    doctor_venues(&doctor);
    config_free(config);
    return chosen.json ? lines_json(&doctor) : lines_print(&doctor);
}
