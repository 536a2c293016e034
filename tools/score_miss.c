/* SPDX-License-Identifier: MIT */
#include "tools/score_miss.h"

#include "core/base.h"
#include "flatline/flatline.h"

static double seconds_after(uint64_t at_ns, uint64_t from_ns)
{
    return ((double)at_ns - (double)from_ns) / (double)NS_PER_S;
}

static void streams_print(FILE *out, const struct desk *desk, uint64_t streams)
{
    const char *before = "";
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        if ((streams >> i & 1U) != 0) {
            (void)fprintf(out, "%s%s", before, desk->names[i]);
            before = " ";
        }
    }
}

void miss_begin(const struct miss_log *log,
                const struct injection *injection,
                const struct desk *desk,
                const struct truth *truth,
                const char *verdict)
{
    (void)fprintf(log->out,
                  "%s, %s, life %u at %.3f s for %.3f s: %s\n  first missed %.3f s after; hit ",
                  injection->name,
                  log->market,
                  log->life,
                  (double)truth->start_ns / (double)NS_PER_S,
                  seconds_after(truth->end_ns, truth->start_ns),
                  verdict,
                  seconds_after(truth->missed_ns, truth->start_ns));
    streams_print(log->out, desk, truth->streams);
    if (truth->streams == 0) {
        (void)fputs("no stream", log->out);
    }
    (void)fputs("\n", log->out);
}

void miss_finding(const struct miss_log *log,
                  const struct desk *desk,
                  const struct truth *truth,
                  const struct finding *finding,
                  char mark)
{
    (void)fprintf(log->out,
                  "  %c %+.3f s %s of %s",
                  mark,
                  seconds_after(finding->at_ns, truth->start_ns),
                  flatline_fault_name((enum flatline_fault_kind)finding->fault_kind),
                  flatline_scope_name((enum flatline_scope)finding->scope));
    if (finding->stream < desk->stream_count) {
        (void)fprintf(log->out, " %s", desk->names[finding->stream]);
    }
    if (finding->connection < desk->link_count) {
        (void)fprintf(log->out, " on connection %u", finding->connection);
    }
    (void)fprintf(log->out,
                  ", blames %s at %u %%",
                  flatline_scope_name((enum flatline_scope)finding->blame),
                  finding->confidence);
    if (finding->cleared_ns != 0) {
        (void)fprintf(
            log->out, ", until %+.3f s", seconds_after(finding->cleared_ns, truth->start_ns));
    }
    (void)fputs("\n", log->out);
}
