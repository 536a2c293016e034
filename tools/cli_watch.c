/* SPDX-License-Identifier: MIT
 *
 * cli_watch.c - `flatline watch`: follows the event ring, and the name when a new sentinel takes it
 * over.
 */
#include "tools/cli.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define POLL_NS     5000000L
#define REATTACH_NS 100000000ULL
#define TYPE_LOST   "lost"

enum watch_option { OPTION_ALL, OPTION_COUNT, OPTION_WAIT };

static const struct cli_usage usage = {
    .command = "watch",
    .arguments = "",
    .text = "Follows the event ring: lapse, renew, fault, clear, epoch, and lost with a count when "
            "it fell behind.\n"
            "What an exercise caused is told apart: drill, drill_end, drill_fault, drill_clear.\n"
            "Goes on when a new sentinel takes the name over. seen_ns is CLOCK_MONOTONIC of the "
            "sentinel's noticing.",
    .own = {{"all", NULL, "begin with the oldest event still in the ring, not with the next one"},
            {"count", "N", "leave after N records"},
            {"wait", NULL, "wait for a segment that is not there yet"}},
};

struct watch {
    struct flatline *reader;
    uint64_t cursor;
    uint64_t left; /* records to print before leaving */
    uint64_t next_reattach_ns;
    bool json;
    int code;
};

static volatile sig_atomic_t stop_requested;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

/* ---- one record ------------------------------------------------------------------------------ */

/* The table's fault of an event; false: it has left the table. */
static bool fault_of(const struct flatline *reader, uint64_t id, struct flatline_fault *ret_fault)
{
    struct flatline_fault *faults = NULL;
    const int count = cli_faults(reader, false, &faults);
    bool found = false;
    for (int i = 0; i < count && !found; i++) {
        if (faults[i].id == id) {
            *ret_fault = faults[i];
            found = true;
        }
    }
    if (count >= 0) {
        free(faults);
    }
    return found;
}

static void
json_add_fault(json_t *object, const struct watch *watch, const struct flatline_event *event)
{
    struct flatline_fault fault = {.kind = event->fault_kind};
    const bool known = fault_of(watch->reader, event->fault_id, &fault);
    cli_json_word(object, "id", event->fault_id);
    (void)json_object_set_new(object,
                              "connection",
                              known ? cli_json_connection(watch->reader, fault.connection)
                                    : json_null());
    (void)json_object_set_new(object, "kind", json_string(flatline_fault_name(event->fault_kind)));
    (void)json_object_set_new(
        object, "scope", known ? json_string(flatline_scope_name(fault.scope)) : json_null());
    (void)json_object_set_new(
        object, "blame", known ? json_string(flatline_scope_name(fault.blame)) : json_null());
    (void)json_object_set_new(
        object, "onset_ns", known ? json_integer((json_int_t)fault.onset_mono_ns) : json_null());
    (void)json_object_set_new(object, "text", known ? cli_json_text(fault.text) : json_null());
    (void)json_object_set_new(
        object, "evidence", known ? cli_json_evidence(&fault) : json_object());
}

static bool is_advice(enum flatline_event_type type)
{
    return type == FLATLINE_EVENT_ADVICE || type == FLATLINE_EVENT_ADVICE_END ||
           type == FLATLINE_EVENT_DRILL || type == FLATLINE_EVENT_DRILL_END;
}

static bool is_fault(enum flatline_event_type type)
{
    return type == FLATLINE_EVENT_FAULT || type == FLATLINE_EVENT_CLEAR ||
           type == FLATLINE_EVENT_DRILL_FAULT || type == FLATLINE_EVENT_DRILL_CLEAR;
}

/* An advice event names its kind where a fault event names the fault's. */
static const char *advice_kind_of(const struct flatline_event *event)
{
    return flatline_advice_name((enum flatline_advice_kind)(uint32_t)event->fault_kind);
}

static json_t *json_of_event(const struct watch *watch, const struct flatline_event *event)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "type", json_string(flatline_event_name(event->type)));
    if (event->type == FLATLINE_EVENT_EPOCH) {
        cli_json_word(object, "epoch", flatline_header_of(watch->reader)->epoch);
    } else {
        (void)json_object_set_new(object, "stream", cli_json_stream(watch->reader, event->stream));
    }
    if (is_fault(event->type)) {
        json_add_fault(object, watch, event);
        (void)json_object_set_new(object, "drill", json_boolean(event->drill));
    }
    if (is_advice(event->type)) {
        cli_json_word(object, "serial", event->fault_id);
        (void)json_object_set_new(object, "kind", json_string(advice_kind_of(event)));
        (void)json_object_set_new(object, "drill", json_boolean(event->drill));
    }
    if (event->type == FLATLINE_EVENT_LAPSE) {
        const bool revoked = event->fault_kind != FLATLINE_FAULT_NONE;
        (void)json_object_set_new(object,
                                  "revoked_by",
                                  revoked ? json_string(flatline_fault_name(event->fault_kind))
                                          : json_null());
    }
    cli_json_word(object, "at_ns", event->at_mono_ns);
    cli_json_word(object, "seen_ns", event->seen_mono_ns);
    return object;
}

static void print_time(uint64_t mono_ns)
{
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    const uint64_t wall_ns = (uint64_t)wall.tv_sec * 1000000000U + (uint64_t)wall.tv_nsec;
    const uint64_t at_ns = wall_ns - (flatline_now_mono_ns() - mono_ns);
    const time_t seconds = (time_t)(at_ns / 1000000000U);
    struct tm parts;
    char text[32] = "?";
    if (localtime_r(&seconds, &parts) != NULL) {
        (void)strftime(text, sizeof(text), "%H:%M:%S", &parts);
    }
    (void)printf("%s.%06u  ", text, (unsigned)(at_ns / 1000U % 1000000U));
}

static enum cli_colour colour_of(enum flatline_event_type type)
{
    if (type == FLATLINE_EVENT_DRILL_FAULT) {
        return CLI_YELLOW;
    }
    if (type == FLATLINE_EVENT_FAULT || type == FLATLINE_EVENT_LAPSE) {
        return type == FLATLINE_EVENT_FAULT ? CLI_RED : CLI_YELLOW;
    }
    return type == FLATLINE_EVENT_EPOCH ? CLI_DIM : CLI_GREEN;
}

/* A fault event: where, and while it opens, the evidence. */
static void print_fault(const struct watch *watch, const struct flatline_event *event)
{
    struct flatline_fault fault = {.kind = event->fault_kind,
                                   .stream = event->stream,
                                   .connection = (uint32_t)FLATLINE_NO_INDEX};
    char place[FLATLINE_NAME_BYTES];
    char evidence[CLI_EVIDENCE_BYTES];
    const bool known = fault_of(watch->reader, event->fault_id, &fault);
    cli_fault_place(watch->reader, &fault, place);
    (void)printf(" %s ", flatline_fault_name(event->fault_kind));
    cli_print(CLI_PLAIN, place);
    if (event->drill) {
        (void)fputs("  DRILL", stdout);
    }
    if (known &&
        (event->type == FLATLINE_EVENT_FAULT || event->type == FLATLINE_EVENT_DRILL_FAULT)) {
        cli_evidence_text(&fault, evidence);
        (void)printf("  %s  ", evidence);
        cli_print(CLI_DIM, fault.text);
    }
}

static void print_event(const struct watch *watch, const struct flatline_event *event)
{
    char name[16];
    const char *stream = flatline_stream_name(watch->reader, event->stream);
    (void)snprintf(name, sizeof(name), "%-6s", flatline_event_name(event->type));
    print_time(event->at_mono_ns);
    cli_print(colour_of(event->type), name);
    if (event->type == FLATLINE_EVENT_EPOCH) {
        (void)printf(" %" PRIu64, flatline_header_of(watch->reader)->epoch);
    } else if (is_fault(event->type)) {
        print_fault(watch, event);
    } else if (is_advice(event->type)) {
        (void)printf(" %s %" PRIu64, advice_kind_of(event), event->fault_id);
    } else if (stream != NULL) {
        (void)putchar(' ');
        cli_print(CLI_PLAIN, stream);
    }
    if (event->type == FLATLINE_EVENT_LAPSE && event->fault_kind != FLATLINE_FAULT_NONE) {
        (void)printf(", revoked by %s", flatline_fault_name(event->fault_kind));
    }
    (void)putchar('\n');
}

static void print_lost(const struct watch *watch, uint64_t lost)
{
    const uint64_t now_ns = flatline_now_mono_ns();
    if (!watch->json) {
        print_time(now_ns);
        (void)printf("lost   %" PRIu64 " events: the ring went round\n", lost);
        return;
    }
    json_t *object = json_object();
    (void)json_object_set_new(object, "type", json_string(TYPE_LOST));
    cli_json_word(object, "count", lost);
    cli_json_word(object, "seen_ns", now_ns);
    (void)cli_json_print(object); /* cli_finish() tells whether it went out */
}

static void watch_show(struct watch *watch, const struct flatline_event *event, uint64_t lost)
{
    if (lost > 0) {
        print_lost(watch, lost);
        watch->left -= watch->left > 0;
    }
    if (watch->left == 0) {
        return;
    }
    if (watch->json) {
        (void)cli_json_print(json_of_event(watch, event));
    } else {
        print_event(watch, event);
    }
    watch->left--;
    watch->code = cli_finish(CLI_DONE);
}

/* ---- following ------------------------------------------------------------------------------- */

/* Nothing new: is there another life under the name? Looked up at most every REATTACH_NS. */
static void watch_idle(struct watch *watch)
{
    const uint64_t now_ns = flatline_now_mono_ns();
    if (now_ns >= watch->next_reattach_ns) {
        watch->next_reattach_ns = now_ns + REATTACH_NS;
        if (flatline_reattach(watch->reader) == 1) {
            watch->cursor = 0;
            return;
        }
    }
    const struct timespec pause = {.tv_nsec = POLL_NS};
    (void)nanosleep(&pause, NULL);
}

static void watch_follow(struct watch *watch)
{
    while (stop_requested == 0 && watch->left > 0 && watch->code == CLI_DONE) {
        struct flatline_event event;
        uint64_t lost = 0;
        const int result = flatline_next_event(watch->reader, &watch->cursor, &event, &lost);
        if (result == 1) {
            watch_show(watch, &event, lost);
        } else {
            watch_idle(watch);
        }
    }
}

static int watch_attach(const struct cli_choice *choice, struct flatline **ret_reader)
{
    int error = FLATLINE_E_NO_FILE;
    while (choice->own[OPTION_WAIT] != NULL && stop_requested == 0) {
        error = flatline_attach(choice->segment, ret_reader);
        if (error != FLATLINE_E_NO_FILE && error != FLATLINE_E_NOT_READY) {
            break;
        }
        const struct timespec pause = {.tv_nsec = POLL_NS};
        (void)nanosleep(&pause, NULL);
    }
    return error == 0 ? CLI_DONE : cli_attach(usage.command, choice->segment, ret_reader);
}

int watch_command(int argc, char **argv)
{
    struct cli_choice choice;
    struct watch watch = {.left = UINT64_MAX};
    int code;
    if (!cli_parse(&usage, argc, argv, &choice, &code)) {
        return code;
    }
    if (choice.own[OPTION_COUNT] != NULL &&
        !cli_number(&usage, "count", choice.own[OPTION_COUNT], UINT64_MAX, &watch.left)) {
        return CLI_USAGE;
    }
    const struct sigaction action = {.sa_handler = on_stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    code = watch_attach(&choice, &watch.reader);
    if (code != CLI_DONE) {
        return code;
    }
    watch.json = choice.json;
    watch.cursor = choice.own[OPTION_ALL] != NULL ? 0 : flatline_event_head(watch.reader);
    watch_follow(&watch);
    flatline_detach(watch.reader);
    return watch.code;
}
