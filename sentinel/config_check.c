/* SPDX-License-Identifier: MIT */
#include "sentinel/config_check.h"

#include "core/publisher.h"
#include "sentinel/config.h"
#include "sentinel/config_online.h"
#include "sentinel/config_value.h"
#include "sentinel/plan.h"
#include "sentinel/segment_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A report is for people: of thousands the first few tell the pattern. */
#define ROWS_MAX   48U
#define PATH_BYTES 512U

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void rest_tell(FILE *out, uint32_t count)
{
    if (count > ROWS_MAX) {
        (void)fprintf(out, "  ... and %u more\n", count - ROWS_MAX);
    }
}

/* ---- connections ----------------------------------------------------------------------------- */

static void line_describe(const struct config *config, const struct plan_line *line, FILE *out)
{
    char path[PATH_BYTES];
    const char *url = config->venues[line->venue].ws_url;
    const char *address = config->venues[line->venue].address;
    if (line->user_data) {
        (void)fprintf(out,
                      "  %-24s %s/private: account %s, API key from %s%s\n",
                      line->name,
                      url,
                      config->user_data.account,
                      config->user_data.api_key_file != NULL ? config->user_data.api_key_file : "$",
                      config->user_data.api_key_env != NULL ? config->user_data.api_key_env : "");
        return;
    }
    if (route_path(line->venue, line->route, NULL, path, sizeof(path)) < 0) {
        path[0] = '\0';
    }
    (void)fprintf(out,
                  "  %-24s %s%s%s%s: %u stream%s in %u request%s\n",
                  line->name,
                  url,
                  path,
                  address != NULL ? " at " : "",
                  address != NULL ? address : "",
                  line->stream_count,
                  plural(line->stream_count),
                  line->request_count,
                  plural(line->request_count));
}

static void connections_describe(const struct config *config, const struct plan *plan, FILE *out)
{
    (void)fputs("connections\n", out);
    for (uint32_t i = 0; i < plan->line_count && i < ROWS_MAX; i++) {
        line_describe(config, &plan->lines[i], out);
    }
    rest_tell(out, plan->line_count);
}

/* ---- streams and gates ----------------------------------------------------------------------- */

#define CLASS_NAME(number, name, text) [number] = text,
static const char *const class_names[] = {FLATLINE_CLASSES(CLASS_NAME)};

static void stream_describe(const struct config_stream *stream, FILE *out)
{
    char stale[VALUE_TEXT_BYTES];
    char silent[VALUE_TEXT_BYTES];
    const struct stream_traits *traits = &stream->traits;
    const bool is_user = traits->stream_class == FLATLINE_CLASS_USER;
    (void)fprintf(out,
                  "  %-40s route %s, %s, %s%s",
                  stream->name,
                  route_name(stream->route),
                  class_names[traits->stream_class],
                  is_user ? "leased by key and socket" : "stale after ",
                  is_user ? "" : duration_text(traits->stale_after_ns, stale));
    if (traits->silent_after_ns != 0) {
        (void)fprintf(out, ", silent after %s", duration_text(traits->silent_after_ns, silent));
    }
    (void)fprintf(out, "%s\n", traits->observed ? ", observed" : "");
}

static void streams_describe(const struct config *config, FILE *out)
{
    (void)fputs("streams\n", out);
    for (uint32_t i = 0; i < config->stream_count && i < ROWS_MAX; i++) {
        stream_describe(&config->streams[i], out);
    }
    rest_tell(out, config->stream_count);
}

static void gate_describe(const struct config *config, const struct config_gate *gate, FILE *out)
{
    char stale[VALUE_TEXT_BYTES];
    (void)fprintf(out, "  %s:", gate->name);
    for (uint32_t i = 0; i < gate->member_count && i < ROWS_MAX; i++) {
        (void)fprintf(
            out, "%s %s", i > 0 ? "," : "", config->streams[gate->members[i].stream].name);
    }
    if (gate->member_count > ROWS_MAX) {
        (void)fprintf(out, " ... and %u more", gate->member_count - ROWS_MAX);
    }
    if (gate->stale_after_ns != 0) {
        (void)fprintf(out, "; stale after %s", duration_text(gate->stale_after_ns, stale));
    }
    (void)fputc('\n', out);
}

static void gates_describe(const struct config *config, FILE *out)
{
    if (config->gate_count == 0) {
        (void)fputs("gates\n  none: every stream is only observed\n", out);
        return;
    }
    const bool is_automatic = config->gates[0].automatic;
    (void)fprintf(out, "gates%s\n", is_automatic ? ", one an instrument" : "");
    for (uint32_t i = 0; i < config->gate_count && i < ROWS_MAX; i++) {
        gate_describe(config, &config->gates[i], out);
    }
    rest_tell(out, config->gate_count);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Sizes for people: exact where it is short, else rounded up to KiB. */
static const char *rounded_text(uint64_t bytes, char text[VALUE_TEXT_BYTES])
{
    return size_text(bytes < 10240 ? bytes : (bytes + 1023) / 1024 * 1024, text);
}

static void summary_describe(const struct config *config,
                             const struct plan *plan,
                             const struct segment_plan *segment,
                             FILE *out)
{
    char size[VALUE_TEXT_BYTES];
    const uint64_t bytes = publisher_size_bytes(segment_plan_wanted(segment));
    (void)fprintf(
        out,
        "%s: ok\n%u stream%s, %u gate%s, %u connection%s, segment %s/%s of %s, mode %04o\n",
        config->path,
        config->stream_count,
        plural(config->stream_count),
        config->gate_count,
        plural(config->gate_count),
        plan->line_count,
        plural(plan->line_count),
        config->segment_directory,
        config->segment_name,
        rounded_text(bytes, size),
        (unsigned)config->segment_mode);
}

static int describe(const struct config *config, FILE *out, char *text, size_t text_bytes)
{
    struct plan *plan = NULL;
    struct segment_plan *segment = NULL;
    int result = plan_create(config, &plan, text, text_bytes);
    if (result == 0) {
        result = segment_plan_create(config, plan, &segment);
    }
    if (result == 0) {
        summary_describe(config, plan, segment, out);
        connections_describe(config, plan, out);
        streams_describe(config, out);
        gates_describe(config, out);
        if (config->control_socket != NULL) {
            (void)fprintf(out, "control socket: %s\n", config->control_socket);
        }
    }
    segment_plan_destroy(segment);
    plan_destroy(plan);
    return result;
}

/* The venues' word first: a report on symbols that do not exist would only mislead. */
static int report(const struct config *config, bool online, FILE *out)
{
    char why[256] = "";
    int result = online ? config_online(config, out) : 0;
    if (result == 0) {
        result = describe(config, out, why, sizeof(why));
    }
    if (why[0] != '\0') {
        (void)fprintf(out, "%s\n", why);
    }
    return result;
}

int config_check(const char *config_path, bool online, char *text, size_t text_bytes)
{
    struct config *config = NULL;
    if (text_bytes < 2) {
        return -EINVAL;
    }
    int result = config_load(config_path, &config, text, text_bytes - 1);
    if (result != 0) {
        memcpy(text + strlen(text), "\n", 2);
        return result;
    }
    FILE *out = fmemopen(text, text_bytes, "w");
    result = out != NULL ? report(config, online, out) : -errno;
    if (out != NULL) {
        (void)fclose(out);
    }
    config_free(config);
    return result;
}
