/* SPDX-License-Identifier: MIT */
#include "sentinel/config_check.h"

#include "core/publisher.h"
#include "sentinel/config.h"
#include "sentinel/config_online.h"
#include "sentinel/plan.h"
#include "sentinel/segment_plan.h"

#include <errno.h>
#include <stdio.h>

static void lines_describe(const struct plan *plan, FILE *out)
{
    for (uint32_t i = 0; i < plan->line_count; i++) {
        const struct plan_line *line = &plan->lines[i];
        (void)fprintf(out,
                      "connection %s: %u stream%s, %u request%s\n",
                      line->name,
                      line->stream_count,
                      line->stream_count == 1 ? "" : "s",
                      line->request_count,
                      line->request_count == 1 ? "" : "s");
    }
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
        (void)fprintf(out,
                      "%s: ok\nstreams %u, gates %u, segment %s/%s of %llu bytes\n",
                      config->path,
                      config->stream_count,
                      config->gate_count,
                      config->segment_directory != NULL ? config->segment_directory
                                                        : FLATLINE_DEFAULT_DIRECTORY,
                      config->segment_name != NULL ? config->segment_name : FLATLINE_DEFAULT_NAME,
                      (unsigned long long)publisher_size_bytes(segment_plan_wanted(segment)));
        lines_describe(plan, out);
    }
    segment_plan_destroy(segment);
    plan_destroy(plan);
    return result;
}

int config_check(const char *config_path, bool online, char *text, size_t text_bytes)
{
    struct config *config = NULL;
    int result = config_load(config_path, &config, text, text_bytes);
    if (result != 0) {
        return result;
    }
    FILE *out = fmemopen(text, text_bytes, "w");
    if (out == NULL) {
        result = -errno;
    } else {
        char why[256] = "";
        result = describe(config, out, why, sizeof(why));
        if (result == 0 && online) {
            result = config_online(config, out);
        }
        if (why[0] != '\0') {
            (void)fprintf(out, "%s\n", why);
        }
        (void)fclose(out);
    }
    config_free(config);
    return result;
}
