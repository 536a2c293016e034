/* SPDX-License-Identifier: MIT */
#include "sentinel/takeover.h"

#include "core/atomic.h"
#include "core/base.h"
#include "core/clock.h"
#include "feeds/backoff.h"
#include "flatline/flatline.h"
#include "sentinel/advice.h"
#include "sentinel/control.h"
#include "sentinel/takeover_line.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS       5000
#define ADVICE_MS       1000
#define ORPHANED_MAX_NS (3U * NS_PER_S) /* the dead one's lock goes with its last descriptor */
#define MARKED_MAX_NS   (2U * NS_PER_S)
#define HELD_MAX_NS     (86400U * NS_PER_S) /* no ban is longer that is worth obeying by hearsay */

enum phase {
    PHASE_WARMING,
    PHASE_ORPHANED, /* the other side has died before it passed anything */
    PHASE_PLACED,   /* our file stands under the name; "done" is not answered yet */
    PHASE_MARKED,   /* answered: its judge marks the old file */
    PHASE_DONE,
};

struct takeover {
    enum phase phase;
    struct takeover_line line; /* to the running sentinel */
    struct takeover_terms terms;
    char path[PATH_MAX];     /* of the segment */
    struct flatline *theirs; /* as any reader sees it */
    struct flatline *ours;
    struct publisher *publisher;
    struct control *control;
    uint64_t until_mono_ns; /* the phase ends by then */
    uint64_t within_ns;
    int advice_fd; /* among those that came */
};

struct complaint {
    char *text;
    size_t bytes;
};

__attribute__((format(printf, 3, 4))) static int
fail(const struct complaint *complaint, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (complaint->bytes > 0) {
        (void)vsnprintf(complaint->text, complaint->bytes, format, arguments);
    }
    va_end(arguments);
    return error;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The answer that was heard, or NULL with a sentence and *ret_error. */
static json_t *
answer_take(struct takeover *takeover, const struct complaint *complaint, int *ret_error)
{
    static const struct {
        const char *name;
        int error;
    } ERRORS[] = {{"refused", -EPERM}, {"busy", -EBUSY}, {"other_segment", -ESTALE}};

    takeover->line.heard[takeover->line.heard_bytes] = '\0';
    takeover->line.heard_bytes = 0;
    json_t *answer = json_loads(takeover->line.heard, JSON_DISABLE_EOF_CHECK, NULL);
    if (json_is_true(json_object_get(answer, "ok"))) {
        return answer;
    }
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *text = json_string_value(json_object_get(answer, "text"));
    *ret_error = -EPROTO;
    for (size_t i = 0; error != NULL && i < ARRAY_COUNT(ERRORS); i++) {
        *ret_error = strcmp(error, ERRORS[i].name) == 0 ? ERRORS[i].error : *ret_error;
    }
    (void)fail(complaint,
               *ret_error,
               "takeover: the running sentinel (pid %" PRIu64 "): %s",
               takeover->terms.pid,
               text != NULL ? text : "no answer that makes sense");
    json_decref(answer);
    return NULL;
}

static json_t *
answer_wait(struct takeover *takeover, const struct complaint *complaint, int *ret_error)
{
    const uint64_t until = clock_mono_ns() + ANSWER_MS * NS_PER_MS;
    int heard = 0;
    while (heard == 0 && clock_mono_ns() < until) {
        heard = takeover_line_hear(&takeover->line, 100);
    }
    if (heard == 1) {
        return answer_take(takeover, complaint, ret_error);
    }
    *ret_error = heard == 0 ? -ETIMEDOUT : -EPIPE;
    (void)fail(complaint,
               *ret_error,
               "takeover: the running sentinel (pid %" PRIu64 ") %s",
               takeover->terms.pid,
               heard == 0 ? "does not answer" : "has hung up");
    return NULL;
}

/* ---- begin ----------------------------------------------------------------------------------- */

static int their_segment(struct takeover *takeover, const struct complaint *complaint)
{
    const char *path = takeover->path;
    const int error = flatline_attach(path, &takeover->theirs);
    if (error != 0) {
        return fail(complaint,
                    -ESRCH,
                    "takeover: %s: %s; where none runs, start without --takeover",
                    path,
                    flatline_strerror(error));
    }
    const struct flatline_header *header = flatline_header_of(takeover->theirs);
    takeover->terms.pid = header->writer_pid;
    if (!flatline_alive(takeover->theirs, clock_mono_ns())) {
        return fail(complaint,
                    -ESRCH,
                    "takeover: %s: its sentinel (pid %" PRIu64
                    ") is dead or stalled; start without --takeover",
                    path,
                    takeover->terms.pid);
    }
    if (header->control_socket[0] == '\0') {
        return fail(complaint,
                    -ESRCH,
                    "takeover: the running sentinel (pid %" PRIu64
                    ") has no control_socket to be asked over",
                    takeover->terms.pid);
    }
    return 0;
}

static int socket_connect(struct takeover *takeover, const struct complaint *complaint)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = flatline_header_of(takeover->theirs)->control_socket;
    const size_t length = strnlen(path, FLATLINE_SOCKET_BYTES);
    if (length >= sizeof(address.sun_path)) {
        return fail(complaint, -ENAMETOOLONG, "takeover: the control socket has too long a name");
    }
    memcpy(address.sun_path, path, length);
    takeover->line.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (takeover->line.fd < 0 ||
        connect(takeover->line.fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return fail(complaint, -errno, "takeover: %s: %s", address.sun_path, strerror(errno));
    }
    return 0;
}

static json_t *begin_line(const struct takeover *takeover, const struct plan *plan)
{
    struct stat status = {0};
    uint32_t counts[CONFIG_VENUES] = {0};
    json_t *dials = json_array();
    (void)stat(takeover->path, &status);
    for (uint32_t i = 0; i < plan->line_count; i++) {
        counts[plan->lines[i].venue]++;
    }
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        (void)json_array_append_new(dials, json_integer(counts[i]));
    }
    return json_pack("{s:s, s:s, s:i, s:I, s:I, s:o}",
                     "do",
                     "takeover",
                     "step",
                     "begin",
                     "protocol",
                     TAKEOVER_PROTOCOL,
                     "device",
                     (json_int_t)status.st_dev,
                     "inode",
                     (json_int_t)status.st_ino,
                     "dials",
                     dials);
}

static uint64_t within(const json_t *number, uint64_t most)
{
    const json_int_t value = json_integer_value(number);
    return value < 0 ? 0 : (uint64_t)value < most ? (uint64_t)value : most;
}

static void terms_read(struct takeover_terms *terms, const json_t *answer)
{
    terms->pid = (uint64_t)json_integer_value(json_object_get(answer, "pid"));
    terms->epoch = (uint64_t)json_integer_value(json_object_get(answer, "epoch"));
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        const json_t *spent = json_array_get(json_object_get(answer, "spent"), i);
        const json_t *held = json_array_get(json_object_get(answer, "held_ns"), i);
        terms->spent[i] = (uint32_t)within(spent, BACKOFF_BUDGET_MAX);
        terms->held_ns[i] = within(held, HELD_MAX_NS);
    }
}

int takeover_begin(const struct config *config,
                   const struct plan *plan,
                   struct takeover **ret_takeover,
                   char *error_text,
                   size_t error_text_bytes)
{
    const struct complaint complaint = {.text = error_text, .bytes = error_text_bytes};
    struct takeover *takeover = calloc(1, sizeof(*takeover));
    if (takeover == NULL) {
        return -ENOMEM;
    }
    takeover->line.fd = -1;
    (void)snprintf(takeover->path,
                   sizeof(takeover->path),
                   "%s/%s",
                   config->segment_directory,
                   config->segment_name);
    int error = their_segment(takeover, &complaint);
    if (error == 0) {
        error = socket_connect(takeover, &complaint);
    }
    if (error == 0) {
        takeover_line_say(&takeover->line, begin_line(takeover, plan));
        json_t *answer = answer_wait(takeover, &complaint, &error);
        if (answer != NULL) {
            terms_read(&takeover->terms, answer);
        }
        json_decref(answer);
    }
    if (error != 0) {
        takeover_end(takeover);
        return error;
    }
    *ret_takeover = takeover;
    return 0;
}

const struct takeover_terms *takeover_terms(const struct takeover *takeover)
{
    return &takeover->terms;
}

void takeover_arm(struct takeover *takeover,
                  struct publisher *publisher,
                  struct control *control,
                  uint64_t within_ns)
{
    takeover->publisher = publisher;
    takeover->control = control;
    takeover->within_ns = within_ns;
    takeover->until_mono_ns = clock_mono_ns() + within_ns;
}

void takeover_end(struct takeover *takeover)
{
    if (takeover == NULL) {
        return;
    }
    flatline_detach(takeover->theirs);
    flatline_detach(takeover->ours);
    takeover_line_close(&takeover->line);
    free(takeover);
}

/* ---- as fresh as the one that runs ----------------------------------------------------------- */

static int our_segment(struct takeover *takeover, const struct complaint *complaint)
{
    char path[PATH_MAX + 8];
    if (takeover->ours != NULL) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%s.next", takeover->path);
    const int error = flatline_attach(path, &takeover->ours);
    return error == 0 ? 0 : fail(complaint, -EIO, "%s: %s", path, flatline_strerror(error));
}

/* A gate that is fresh there and not here would be closed by the takeover. One that is closed there
 * too, or is not there, waits for nobody. */
static bool gate_is_cold(const struct takeover *takeover, const struct flatline_gate *gate)
{
    struct flatline_gate their_gate;
    const char *name = flatline_gate_name(takeover->ours, gate->index);
    const uint64_t now = clock_mono_ns();
    return !flatline_gate_fresh(gate, now) &&
           flatline_find_gate(takeover->theirs, name, &their_gate) == 0 &&
           flatline_gate_fresh(&their_gate, now);
}

static uint32_t cold_count(const struct takeover *takeover, uint32_t *ret_first)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < flatline_gate_count(takeover->ours); i++) {
        struct flatline_gate gate;
        if (flatline_gate_at(takeover->ours, i, &gate) == 0 && gate_is_cold(takeover, &gate)) {
            *ret_first = count == 0 ? i : *ret_first;
            count++;
        }
    }
    return count;
}

static int cold_fail(const struct takeover *takeover,
                     const struct complaint *complaint,
                     uint32_t count,
                     uint32_t first)
{
    char why[128] = "the threads do not beat";
    uint32_t culprit = 0;
    struct flatline_gate gate;
    struct flatline_stream stream;
    const uint64_t now = clock_mono_ns();
    const char *name = "none";
    const char *stream_name = "none";
    if (count > 0 && flatline_gate_at(takeover->ours, first, &gate) == 0) {
        /* the gate's worst member */
        name = flatline_gate_name(takeover->ours, first);
        (void)flatline_gate_why(&gate, now, &culprit);
        if (flatline_stream_at(takeover->ours, culprit, &stream) == 0) {
            stream_name = flatline_stream_name(takeover->ours, culprit);
            (void)flatline_why_text(takeover->ours, &stream, now, why, sizeof(why));
        }
    }
    return fail(complaint,
                -ETIMEDOUT,
                "takeover: not warm within %" PRIu64 " s: %" PRIu32
                " gates are fresh there and not here; gate %s: %s: %s; the running sentinel (pid "
                "%" PRIu64 ") goes on",
                (uint64_t)(takeover->within_ns / NS_PER_S),
                count,
                name,
                stream_name,
                why,
                takeover->terms.pid);
}

/* ---- lock, advice, name ---------------------------------------------------------------------- */

static int advice_adopt(const struct takeover *takeover, const struct complaint *complaint)
{
    char *text = calloc(1, ADVICE_FILE_MAX + 1U);
    const ssize_t got = text != NULL ? pread(takeover->advice_fd, text, ADVICE_FILE_MAX, 0) : -1;
    const int error = got > 0 ? control_adopt_advice(takeover->control, text) : -EBADMSG;
    free(text);
    return error == 0 ? 0
                      : fail(complaint, error, "takeover: the passed advice cannot be understood");
}

/* No breaker that is open there may be closed here for as much as a look. */
static int advice_await(const struct takeover *takeover, const struct complaint *complaint)
{
    const struct timespec one_ms = {0, (long)NS_PER_MS};
    for (int i = 0; i < ADVICE_MS; i++) {
        if (control_advice_is_out(takeover->control)) {
            return 0;
        }
        (void)nanosleep(&one_ms, NULL);
    }
    return fail(complaint, -ETIMEDOUT, "takeover: our own judge does not publish the advice");
}

static int lock_take(struct takeover *takeover, const struct complaint *complaint)
{
    int error = 0;
    char why[PUBLISHER_ERROR_TEXT_BYTES] = "";
    takeover_line_say(&takeover->line, json_pack("{s:s, s:s}", "do", "takeover", "step", "lock"));
    json_t *answer = answer_wait(takeover, complaint, &error);
    json_decref(answer);
    if (error != 0) {
        return error;
    }
    if (takeover->line.fd_count != TAKEOVER_FDS) {
        return fail(complaint, -EPROTO, "takeover: no lock came with the answer");
    }
    error = publisher_adopt_lock(takeover->publisher, takeover->line.fds[0], why);
    if (error != 0) {
        return fail(complaint, error, "takeover: %s", why);
    }
    takeover->advice_fd = takeover->line.fds[1];
    takeover->line.fds[0] = takeover->line.fds[1]; /* the lock is the publisher's to close */
    takeover->line.fd_count = 1;
    return 0;
}

static int name_take(struct takeover *takeover, const struct complaint *complaint)
{
    char why[PUBLISHER_ERROR_TEXT_BYTES] = "";
    const int error = publisher_take_name(takeover->publisher, why);
    return error == 0 ? 0 : fail(complaint, error, "takeover: %s", why);
}

static int hand_over(struct takeover *takeover, const struct complaint *complaint)
{
    int error = control_prepare(takeover->control, complaint->text, complaint->bytes);
    if (error == 0) {
        error = lock_take(takeover, complaint);
    }
    if (error == 0) {
        error = advice_adopt(takeover, complaint);
    }
    if (error == 0) {
        error = advice_await(takeover, complaint);
    }
    if (error == 0) {
        error = name_take(takeover, complaint);
    }
    if (error == 0) {
        takeover_line_say(&takeover->line,
                          json_pack("{s:s, s:s}", "do", "takeover", "step", "done"));
        takeover->phase = PHASE_PLACED;
        return 1;
    }
    return error;
}

/* ---- the steps ------------------------------------------------------------------------------- */

/* Commands wait until nobody is led by the old file any more: so what is answered with "ok" holds
 * for every reader. */
static int
takeover_finish(struct takeover *takeover, uint64_t hold_until, const struct complaint *complaint)
{
    const uint64_t latest = clock_mono_ns() + FLATLINE_ALIVE_ABSURD_NS;
    publisher_settle_name(takeover->publisher);
    takeover->phase = PHASE_DONE;
    /* An error here is for the log: the segment is ours whether commands can be taken or not. */
    (void)control_go(takeover->control,
                     hold_until < latest ? hold_until : latest,
                     complaint->text,
                     complaint->bytes);
    return 0;
}

static uint64_t their_promise(const struct takeover *takeover)
{
    return load_acquire(&flatline_header_of(takeover->theirs)->alive_until_mono_ns);
}

static int step_warming(struct takeover *takeover, const struct complaint *complaint)
{
    uint32_t first = 0;
    const int heard = takeover_line_hear(&takeover->line, 0);
    if (heard != 0) {
        takeover->phase = PHASE_ORPHANED;
        takeover->until_mono_ns = clock_mono_ns() + ORPHANED_MAX_NS;
        return 1;
    }
    const int error = our_segment(takeover, complaint);
    if (error != 0) {
        return error;
    }
    const uint32_t cold = cold_count(takeover, &first);
    if (cold == 0 && flatline_alive(takeover->ours, clock_mono_ns())) {
        return hand_over(takeover, complaint);
    }
    return clock_mono_ns() < takeover->until_mono_ns ? 1
                                                     : cold_fail(takeover, complaint, cold, first);
}

/* As a plain start after a crash, but warm. */
static int step_orphaned(struct takeover *takeover, const struct complaint *complaint)
{
    char why[PUBLISHER_ERROR_TEXT_BYTES] = "";
    int error = publisher_seize_lock(takeover->publisher, why);
    if (error == -EEXIST && clock_mono_ns() < takeover->until_mono_ns) {
        return 1;
    }
    if (error != 0) {
        return fail(complaint, error, "takeover: the running sentinel has hung up; %s", why);
    }
    error = control_prepare(takeover->control, complaint->text, complaint->bytes);
    if (error == 0) {
        control_load_advice(takeover->control);
        error = advice_await(takeover, complaint);
    }
    if (error == 0) {
        error = name_take(takeover, complaint);
    }
    return error == 0 ? takeover_finish(takeover, 0, complaint) : error;
}

/* However long it takes: until the other side has answered or died it may still take the name
 * back. */
static int step_placed(struct takeover *takeover, const struct complaint *complaint)
{
    int error = 0;
    const int heard = takeover_line_hear(&takeover->line, 0);
    if (heard == 0) {
        return 1;
    }
    if (heard == 1) {
        json_t *answer = answer_take(takeover, complaint, &error);
        json_decref(answer);
        takeover->phase = PHASE_MARKED;
        takeover->until_mono_ns = clock_mono_ns() + MARKED_MAX_NS;
        return error == 0 ? 1 : error;
    }
    if (publisher_has_name(takeover->publisher)) { /* it has died: one that lives and hangs up takes
                                                      the name back first */
        return takeover_finish(takeover, their_promise(takeover), complaint);
    }
    return fail(complaint, -EPIPE, "takeover: the running sentinel has taken the name back");
}

static int step_marked(struct takeover *takeover, const struct complaint *complaint)
{
    const struct flatline_header *header = flatline_header_of(takeover->theirs);
    /* The mark comes behind the last promise. A judge that cannot even mark promises nothing. */
    if (load_acquire(&header->state) != FLATLINE_STATE_SUPERSEDED &&
        clock_mono_ns() < takeover->until_mono_ns) {
        return 1;
    }
    return takeover_finish(takeover, their_promise(takeover), complaint);
}

int takeover_step(struct takeover *takeover, char *error_text, size_t error_text_bytes)
{
    const struct complaint complaint = {.text = error_text, .bytes = error_text_bytes};
    switch (takeover->phase) {
    case PHASE_WARMING:
        return step_warming(takeover, &complaint);
    case PHASE_ORPHANED:
        return step_orphaned(takeover, &complaint);
    case PHASE_PLACED:
        return step_placed(takeover, &complaint);
    case PHASE_MARKED:
        return step_marked(takeover, &complaint);
    case PHASE_DONE:
        break;
    }
    return 0;
}
