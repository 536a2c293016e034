/* SPDX-License-Identifier: MIT
 *
 * JSON numbers are integers, whole nanoseconds: a parser that reads them as doubles rounds them,
 * one that reads them as integers gets the clock's own value.
 */
#include "tools/replay_print.h"

#include "core/base.h"
#include "core/hist.h"
#include "flatline/flatline.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Bytes of the well-formed UTF-8 sequence at the start of text; 0 = none. Names come from
 * frames nobody vouches for. */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t bytes;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high) {
            continue;
        }
        bool good = forms[i].bytes == 1 ||
                    (text[1] >= forms[i].second_low && text[1] <= forms[i].second_high);
        for (size_t at = 2; good && at < forms[i].bytes; at++) {
            good = (text[at] & 0xc0) == 0x80;
        }
        return good ? forms[i].bytes : 0;
    }
    return 0;
}

static void json_string(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    (void)fputc('"', out);
    while (*at != '\0') {
        const size_t bytes = utf8_length(at);
        if (bytes == 0) {
            (void)fputs("\\ufffd", out);
        } else if (*at < 0x20) {
            (void)fprintf(out, "\\u%04x", *at);
        } else {
            if (*at == '"' || *at == '\\') {
                (void)fputc('\\', out);
            }
            (void)fwrite(at, 1, bytes, out);
        }
        at += bytes == 0 ? 1 : bytes;
    }
    (void)fputc('"', out);
}

static void json_begin(const struct replay_printer *printer, const char *type)
{
    (void)fprintf(printer->out, "{\"type\":\"%s\"", type);
    if (printer->file != NULL) {
        (void)fputs(",\"file\":", printer->out);
        json_string(printer->out, printer->file);
    }
}

static void json_stream(const struct replay_printer *printer, const char *stream)
{
    (void)fputs(",\"stream\":", printer->out);
    if (stream == NULL) {
        (void)fputs("null", printer->out);
    } else {
        json_string(printer->out, stream);
    }
}

static void json_number(const struct replay_printer *printer, const char *key, uint64_t value)
{
    (void)fprintf(printer->out, ",\"%s\":%" PRIu64, key, value);
}

static void
json_time_or_null(const struct replay_printer *printer, const char *key, uint64_t time_ns)
{
    if (time_ns == 0) {
        (void)fprintf(printer->out, ",\"%s\":null", key);
    } else {
        json_number(printer, key, time_ns);
    }
}

static void json_histogram(const struct replay_printer *printer,
                           const char *key,
                           const struct flatline_histogram *hist)
{
    if (hist == NULL || hist->total == 0) {
        (void)fprintf(printer->out, ",\"%s\":null", key);
        return;
    }
    (void)fprintf(printer->out,
                  ",\"%s\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"max\":%" PRIu64 "}",
                  key,
                  hist_quantile(hist, 0.5),
                  hist_quantile(hist, 0.99),
                  hist->max_ns);
}

/* Evidence words are signed where they are codes, and no id or duration needs the 64th bit. */
static void json_evidence(const struct replay_printer *printer, const struct finding *finding)
{
    const char *separator = "";
    (void)fputs(",\"evidence\":{", printer->out);
    for (uint32_t word = 0; word < FLATLINE_EVIDENCE_WORDS; word++) {
        const char *key = flatline_fault_key(finding->fault_kind, word);
        if (key != NULL && key[0] != '\0') {
            (void)fprintf(printer->out,
                          "%s\"%s\":%" PRId64,
                          separator,
                          key,
                          (int64_t)finding->evidence[word]);
            separator = ",";
        }
    }
    (void)fputc('}', printer->out);
}

static void
json_fault(const struct replay_printer *printer, const char *stream, const struct finding *finding)
{
    json_begin(printer, "fault");
    json_stream(printer, stream);
    (void)fprintf(printer->out,
                  ",\"kind\":\"%s\",\"scope\":\"%s\"",
                  flatline_fault_name(finding->fault_kind),
                  flatline_scope_name(finding->scope));
    json_number(printer, "onset_ns", finding->onset_ns);
    json_number(printer, "at_ns", finding->at_ns);
    json_time_or_null(printer, "cleared_ns", finding->cleared_ns);
    json_evidence(printer, finding);
    (void)fputs("}\n", printer->out);
}

static void json_lapse(const struct replay_printer *printer,
                       const char *stream,
                       uint64_t at_ns,
                       uint64_t until_ns)
{
    json_begin(printer, "lapse");
    json_stream(printer, stream);
    json_number(printer, "at_ns", at_ns);
    json_time_or_null(printer, "until_ns", until_ns);
    (void)fputs("}\n", printer->out);
}

static void json_stream_summary(const struct replay_printer *printer,
                                const struct replay_stream *stream)
{
    json_begin(printer, "stream");
    json_stream(printer, stream->name);
    json_number(printer, "frames", stream->view->frames);
    json_number(printer, "gaps", stream->view->gaps);
    json_number(printer, "resets", stream->view->resets);
    json_number(printer, "regressed", stream->view->regressed);
    json_number(printer, "lapses", stream->lapses);
    json_number(printer, "lapsed_ns", stream->lapsed_ns);
    json_histogram(printer, "interarrival_ns", stream->interarrival);
    json_histogram(printer, "lag_ns", stream->lag);
    (void)fputs("}\n", printer->out);
}

static void json_total(const struct replay_printer *printer, const struct replay_totals *totals)
{
    json_begin(printer, "total");
    json_number(printer, "frames", totals->frames);
    json_number(printer, "data", totals->data);
    json_number(printer, "control", totals->control);
    json_number(printer, "ignored", totals->ignored);
    json_number(printer, "malformed", totals->malformed);
    json_number(printer, "span_ns", totals->last_ns - totals->first_ns);
    (void)fputs("}\n", printer->out);
}

/* ---- text ------------------------------------------------------------------------------------ */

#define TEXT_BYTES 40

/* Control bytes of a hostile name would reach the terminal. */
static const char *text_name(const char *name, char text[FLATLINE_NAME_BYTES])
{
    size_t at = 0;
    for (; name != NULL && name[at] != '\0' && at + 1 < FLATLINE_NAME_BYTES; at++) {
        const unsigned char byte = (unsigned char)name[at];
        text[at] = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    text[at] = '\0';
    return text;
}

static const char *text_duration(uint64_t ns, char text[TEXT_BYTES])
{
    static const struct {
        uint64_t unit_ns;
        const char *unit;
    } units[] = {{NS_PER_S, "s"}, {NS_PER_MS, "ms"}, {NS_PER_US, "us"}};

    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (ns >= units[i].unit_ns) {
            const uint64_t hundredths = ns / (units[i].unit_ns / 100);
            (void)snprintf(text,
                           TEXT_BYTES,
                           "%" PRIu64 ".%02" PRIu64 "%s",
                           hundredths / 100,
                           hundredths % 100,
                           units[i].unit);
            return text;
        }
    }
    (void)snprintf(text, TEXT_BYTES, "%" PRIu64 "ns", ns);
    return text;
}

static const char *text_time(uint64_t unix_ns, char text[TEXT_BYTES])
{
    const time_t seconds = (time_t)(unix_ns / NS_PER_S);
    struct tm parts;
    char day[TEXT_BYTES / 2];
    if (unix_ns == 0 || gmtime_r(&seconds, &parts) == NULL ||
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(text, TEXT_BYTES, "-");
        return text;
    }
    (void)snprintf(text, TEXT_BYTES, "%.19s.%09" PRIu64 "Z", day, (uint64_t)(unix_ns % NS_PER_S));
    return text;
}

static void
text_fault(const struct replay_printer *printer, const char *subject, const struct finding *finding)
{
    char at[TEXT_BYTES];
    char cleared[TEXT_BYTES];
    char name[FLATLINE_NAME_BYTES];
    (void)fprintf(printer->out,
                  "%s  %s  %s  scope %s, cleared %s",
                  text_time(finding->at_ns, at),
                  flatline_fault_name(finding->fault_kind),
                  text_name(subject, name),
                  flatline_scope_name(finding->scope),
                  text_time(finding->cleared_ns, cleared));
    for (uint32_t word = 0; word < FLATLINE_EVIDENCE_WORDS; word++) {
        const char *key = flatline_fault_key(finding->fault_kind, word);
        if (key != NULL && key[0] != '\0') {
            (void)fprintf(printer->out, ", %s %" PRId64, key, (int64_t)finding->evidence[word]);
        }
    }
    (void)fputc('\n', printer->out);
}

static void text_histogram(const struct replay_printer *printer,
                           const struct flatline_histogram *hist)
{
    char p50[TEXT_BYTES];
    char p99[TEXT_BYTES];
    char max[TEXT_BYTES];
    if (hist == NULL || hist->total == 0) {
        (void)fprintf(printer->out, " %9s %9s %9s", "-", "-", "-");
        return;
    }
    (void)fprintf(printer->out,
                  " %9s %9s %9s",
                  text_duration(hist_quantile(hist, 0.5), p50),
                  text_duration(hist_quantile(hist, 0.99), p99),
                  text_duration(hist->max_ns, max));
}

static void text_stream(const struct replay_printer *printer, const struct replay_stream *stream)
{
    char lapsed[TEXT_BYTES];
    char name[FLATLINE_NAME_BYTES];
    (void)fprintf(printer->out,
                  "%-40s %8" PRIu64 " %5" PRIu64 " %6" PRIu64 " %5" PRIu64 " %6" PRIu64 " %9s",
                  text_name(stream->name, name),
                  stream->view->frames,
                  stream->view->gaps,
                  stream->view->resets,
                  stream->view->regressed,
                  stream->lapses,
                  text_duration(stream->lapsed_ns, lapsed));
    text_histogram(printer, stream->interarrival);
    text_histogram(printer, stream->lag);
    (void)fputc('\n', printer->out);
}

static void text_heading(const struct replay_printer *printer, const char *path)
{
    (void)fprintf(printer->out, "\n%s\n", path);
    (void)fprintf(printer->out,
                  "%-40s %8s %5s %6s %5s %6s %9s %9s %9s %9s %9s %9s %9s\n",
                  "STREAM",
                  "FRAMES",
                  "GAPS",
                  "RESETS",
                  "REGR",
                  "LAPSES",
                  "LAPSED",
                  "EVERY p50",
                  "p99",
                  "max",
                  "LAG p50",
                  "p99",
                  "max");
}

static void text_total(const struct replay_printer *printer, const struct replay_totals *totals)
{
    char span[TEXT_BYTES];
    (void)fprintf(printer->out,
                  "%" PRIu64 " frames: %" PRIu64 " data, %" PRIu64 " control, %" PRIu64
                  " ignored, %" PRIu64 " malformed; span %s\n",
                  totals->frames,
                  totals->data,
                  totals->control,
                  totals->ignored,
                  totals->malformed,
                  text_duration(totals->last_ns - totals->first_ns, span));
}

/* ---- the sink and the summary ---------------------------------------------------------------- */

static void printer_lapse(void *context, const char *stream, uint64_t at_ns, uint64_t until_ns)
{
    const struct replay_printer *printer = context;
    if (printer->json) { /* people read the sums in the table */
        json_lapse(printer, stream, at_ns, until_ns);
    }
}

static void printer_fault(void *context,
                          const char *stream,
                          const char *connection,
                          const struct finding *finding)
{
    const struct replay_printer *printer = context;
    if (printer->json) {
        json_fault(printer, stream, finding);
    } else {
        text_fault(printer, stream != NULL ? stream : connection, finding);
    }
}

struct replay_sink replay_printer_sink(struct replay_printer *printer)
{
    return (struct replay_sink){.context = printer, .lapse = printer_lapse, .fault = printer_fault};
}

void replay_print_summary(struct replay_printer *printer,
                          const char *path,
                          const struct replay *replay)
{
    if (!printer->json) {
        text_heading(printer, path);
    }
    const uint32_t count = replay_stream_count(replay);
    for (uint32_t i = 0; i < count; i++) {
        const struct replay_stream stream = replay_stream(replay, i);
        if (stream.view->frames == 0) { /* a name whose only frames were malformed */
            continue;
        }
        if (printer->json) {
            json_stream_summary(printer, &stream);
        } else {
            text_stream(printer, &stream);
        }
    }
    if (printer->json) {
        json_total(printer, replay_totals(replay));
    } else {
        text_total(printer, replay_totals(replay));
    }
}
