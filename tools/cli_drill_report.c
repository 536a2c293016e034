/* SPDX-License-Identifier: MIT
 *
 * cli_drill_report.c - what came of a drill: for a program, for people, and dated files of both.
 */
#include "tools/cli_drill.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MS_OF(ns)   ((double)(ns) / 1e6)
#define STAMP_BYTES 32

bool drill_engine_reacted(const struct drill *drill, const struct drill_engine *engine)
{
    const bool gone = !engine->quoted || engine->pulled_ns != 0;
    return drill->could_quote && engine->seen_ns != 0 && gone;
}

bool drill_passed(const struct drill *drill)
{
    bool passed = drill->closed_ns != 0 && drill->opened_ns != 0 && drill->engine_count > 0;
    for (uint32_t i = 0; i < drill->engine_count; i++) {
        passed = passed && drill_engine_reacted(drill, &drill->engines[i]);
    }
    return passed;
}

/* ---- for a program --------------------------------------------------------------------------- */

static json_t *json_after(uint64_t from_ns, uint64_t then_ns)
{
    return then_ns == 0 ? json_null() : json_integer((json_int_t)(then_ns - from_ns));
}

static json_t *json_of_engine(const struct drill *drill, const struct drill_engine *engine)
{
    json_t *object = json_object();
    const struct flatline_engine_header *header = flatline_engine_view_header(engine->view);
    const enum flatline_engine_life life = flatline_engine_life(header);
    (void)json_object_set_new(object, "engine", cli_json_text(header->name));
    (void)json_object_set_new(object, "process", json_string(flatline_engine_life_name(life)));
    (void)json_object_set_new(object, "quoted", json_boolean(engine->quoted));
    (void)json_object_set_new(
        object, "seen_closed_after_ns", json_after(drill->since_ns, engine->seen_ns));
    (void)json_object_set_new(
        object, "pulled_after_ns", json_after(drill->since_ns, engine->pulled_ns));
    (void)json_object_set_new(object, "reacted", json_boolean(drill_engine_reacted(drill, engine)));
    return object;
}

/* What the sentinel found because of it: it carries DRILL. */
static json_t *json_of_faults(const struct drill *drill)
{
    struct flatline_fault *faults = NULL;
    json_t *array = json_array();
    const int count = cli_faults(drill->reader, false, &faults);
    for (int i = 0; i < count; i++) {
        if (faults[i].drill && faults[i].onset_mono_ns >= drill->since_ns) {
            (void)json_array_append_new(array, cli_json_fault(drill->reader, &faults[i]));
        }
    }
    if (count >= 0) {
        free(faults);
    }
    return array;
}

json_t *drill_json(const struct drill *drill)
{
    const uint64_t now_ns = flatline_now_mono_ns();
    const enum flatline_why why = flatline_quote_why(&drill->gate, now_ns, NULL);
    const char *name = flatline_gate_name(drill->reader, drill->gate.index);
    json_t *object = json_object();
    json_t *engines = json_array();
    for (uint32_t i = 0; i < drill->engine_count; i++) {
        (void)json_array_append_new(engines, json_of_engine(drill, &drill->engines[i]));
    }
    (void)json_object_set_new(object, "type", json_string("DRILL"));
    (void)json_object_set_new(object, "drill", json_true());
    (void)json_object_set_new(object, "gate", cli_json_text(name));
    (void)json_object_set_new(object, "serial", json_integer(drill->serial));
    (void)json_object_set_new(object, "passed", json_boolean(drill_passed(drill)));
    (void)json_object_set_new(object, "could_quote", json_boolean(drill->could_quote));
    cli_json_word(object, "asked_mono_ns", drill->asked_ns);
    cli_json_word(object, "since_mono_ns", drill->since_ns);
    cli_json_word(object, "until_mono_ns", drill->until_ns);
    (void)json_object_set_new(
        object, "closed_after_ns", json_after(drill->asked_ns, drill->closed_ns));
    (void)json_object_set_new(
        object, "opened_after_ns", json_after(drill->asked_ns, drill->opened_ns));
    (void)json_object_set_new(object, "why", json_string(flatline_why_name(why)));
    (void)json_object_set_new(object, "engines", engines);
    (void)json_object_set_new(object, "faults", json_of_faults(drill));
    return object;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void engine_text(const struct drill *drill, const struct drill_engine *engine, FILE *out)
{
    const struct flatline_engine_header *header = flatline_engine_view_header(engine->view);
    (void)fprintf(out, "  engine %s: ", header->name); /* [A-Za-z0-9_-] alone, checked */
    if (engine->seen_ns != 0) {
        (void)fprintf(out, "saw it after %.3f ms", MS_OF(engine->seen_ns - drill->since_ns));
    } else {
        (void)fprintf(out, "DID NOT SEE IT");
    }
    if (engine->pulled_ns != 0) {
        (void)fprintf(
            out, ", quotes gone after %.3f ms\n", MS_OF(engine->pulled_ns - drill->since_ns));
    } else {
        (void)fputs(engine->quoted ? ", QUOTES STOOD TO THE END\n" : ", had no quotes\n", out);
    }
}

void drill_text(const struct drill *drill, FILE *out)
{
    const enum flatline_why why = flatline_quote_why(&drill->gate, flatline_now_mono_ns(), NULL);
    (void)fprintf(out,
                  "DRILL %" PRId64 " on %s%s\n",
                  drill->serial,
                  flatline_gate_name(drill->reader, drill->gate.index),
                  drill->could_quote ? "" : " (which could not quote anyway: it proves nothing)");
    if (drill->closed_ns != 0) {
        (void)fprintf(out, "  closed after %.3f ms\n", MS_OF(drill->closed_ns - drill->asked_ns));
    }
    for (uint32_t i = 0; i < drill->engine_count; i++) {
        engine_text(drill, &drill->engines[i], out);
    }
    if (drill->engine_count == 0) {
        (void)fputs("  no engine tells of this gate: whether one stopped is not known\n", out);
    }
    if (drill->closed_ns != 0 && drill->opened_ns != 0) {
        (void)fprintf(out,
                      "  open again after %.3f ms: %s\n",
                      MS_OF(drill->opened_ns - drill->asked_ns),
                      flatline_why_meaning(why));
    } else {
        (void)fputs("  the gate did not close and open as asked: is the sentinel alive?\n", out);
    }
    (void)fprintf(out, "  %s\n", drill_passed(drill) ? "passed" : "NOT PASSED");
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool folder_default(char folder[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (state != NULL && state[0] == '/') {
        length = snprintf(folder, PATH_MAX, "%s/flatline/drills", state);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(folder, PATH_MAX, "%s/.local/state/flatline/drills", home);
    }
    return length > 0 && length < PATH_MAX;
}

/* The folder and those above it. */
static bool folder_make(const char *folder)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", folder);
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            (void)mkdir(path, 0750); /* what is missing is told by the last one */
            *at = '/';
        }
    }
    return mkdir(path, 0750) == 0 || errno == EEXIST;
}

/* FOLDER/drill-20260131T093000Z-GATE-SERIAL, what is no letter or digit of the gate's name as '-'. */
static bool
stem_compose(const struct drill *drill, const char *folder, char *stem, size_t stem_bytes)
{
    char gate[FLATLINE_NAME_BYTES];
    char stamp[STAMP_BYTES] = "";
    struct tm parts;
    const time_t now = time(NULL);
    (void)snprintf(gate, sizeof(gate), "%s", flatline_gate_name(drill->reader, drill->gate.index));
    for (char *at = gate; *at != '\0'; at++) {
        *at = isalnum((unsigned char)*at) ? *at : '-';
    }
    if (gmtime_r(&now, &parts) != NULL) {
        (void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
    }
    const int length =
        snprintf(stem, stem_bytes, "%s/drill-%s-%s-%" PRId64, folder, stamp, gate, drill->serial);
    return length > 0 && (size_t)length < stem_bytes;
}

static bool files_write(const struct drill *drill, const char *json_path, const char *text_path)
{
    json_t *object = drill_json(drill);
    bool written = json_dump_file(object, json_path, JSON_INDENT(1)) == 0;
    json_decref(object);
    FILE *text = written ? fopen(text_path, "we") : NULL;
    if (text == NULL) {
        return false;
    }
    drill_text(drill, text);
    written = ferror(text) == 0;
    return fclose(text) == 0 && written;
}

bool drill_report(const struct drill *drill, const char *folder, char *path, size_t path_bytes)
{
    char chosen[PATH_MAX];
    char stem[PATH_MAX];
    char text_path[PATH_MAX + 8];
    const bool named = folder != NULL || folder_default(chosen);
    const char *into = folder != NULL ? folder : chosen;
    errno = ENOENT;
    if (!named || !folder_make(into) || !stem_compose(drill, into, stem, sizeof(stem))) {
        (void)fprintf(stderr,
                      "flatline drill: no report: %s: %s; write --report DIR\n",
                      named ? into : "no home folder",
                      strerror(errno));
        return false;
    }
    (void)snprintf(path, path_bytes, "%s.json", stem);
    (void)snprintf(text_path, sizeof(text_path), "%s.txt", stem);
    const bool written = files_write(drill, path, text_path);
    if (!written) {
        (void)fprintf(stderr, "flatline drill: no report: %s: %s\n", path, strerror(errno));
    }
    return written;
}
