/* SPDX-License-Identifier: MIT
 *
 * Goal:   a stream that is cut out of a recording is found mute, soon, since the right moment, and
 *         nobody else is accused.
 * Method: a recording is read once. Each trial replays some seconds of it through the product's own
 *         replay, without the frames of one stream (or of one of two jittered copies) for five of
 *         them, and compares what is found with what this file works out for itself from the
 *         frames' text. Seeded: the same seed, the same trials. Exit 77: no recordings here.
 *
 *     cuts --captures DIR [--trials N] [--seed N] [--before SECONDS] [--verbose]
 *
 * --before: how long each trial has been running when the cut comes (4). After a few minutes a leg has shown
 * how long it takes.
 */
#include "core/base.h"
#include "tools/capture.h"
#include "tools/replay_run.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX     200000U
#define CUT_NS        (5 * NS_PER_S)
#define AFTER_NS      (3 * NS_PER_S)
#define JITTER_NS     (30 * NS_PER_MS)
#define FAULTS_MAX    64U
#define TRIALS_MAX    100000U
#define ROWS_MAX      2048U
#define NAME_BYTES    64U
#define ONSET_NEAR_NS NS_PER_MS

enum channel { DEPTH, BEST, TRADE };

struct line {
    uint64_t recv_ns;
    struct span frame;
    enum channel channel;
    char stream[NAME_BYTES]; /* as the venue writes it */
    uint64_t id;
};

struct file {
    const char *name;
    enum flatline_venue venue;
    const char *prefix; /* of stream names in findings */
    uint64_t noticed_max_ns;
    struct line *lines;
    uint32_t count;
};

static bool verbose;
static uint64_t before_ns = 4 * NS_PER_S;

/* ---- what a frame says, read without the codec ----------------------------------------------- */

static const char *member(struct span frame, const char *key)
{
    const char *found = memmem(frame.bytes, frame.size_bytes, key, strlen(key));
    return found != NULL ? found + strlen(key) : NULL;
}

static bool line_read(struct span frame, struct line *line)
{
    const char *stream = member(frame, "\"stream\":\"");
    const char *id = member(frame, "\"u\":");
    const char *end = stream != NULL ? strchr(stream, '"') : NULL;
    if (end == NULL || (size_t)(end - stream) >= NAME_BYTES) {
        return false;
    }
    memcpy(line->stream, stream, (size_t)(end - stream));
    line->channel = strstr(line->stream, "@depth") != NULL        ? DEPTH
                    : strstr(line->stream, "@bookTicker") != NULL ? BEST
                                                                  : TRADE;
    if (line->channel == TRADE) {
        id = member(frame, "\"t\":");
    }
    line->id = id != NULL ? strtoull(id, NULL, 10) : 0;
    return id != NULL;
}

static bool same_book(const struct line *a, const struct line *b)
{
    const size_t bytes = strcspn(a->stream, "@");
    return a->channel != TRADE && b->channel != TRADE &&
           strncmp(a->stream, b->stream, bytes + 1) == 0;
}

struct row {
    double price;
    double size;
};

static double decimal(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    return found != NULL ? strtod(found + strlen(key), NULL) : 0;
}

static uint32_t rows_read(const char *text, const char *key, struct row rows[ROWS_MAX])
{
    const char *at = strstr(text, key);
    uint32_t count = 0;
    for (at = at != NULL ? at + strlen(key) : NULL; at != NULL && *at == '[' && count < ROWS_MAX;) {
        char *end;
        rows[count].price = strtod(at + 2, &end);
        rows[count].size = strtod(end + 3, &end);
        count++;
        at = end[2] == ',' ? end + 3 : NULL;
    }
    return count;
}

/* Does any row of the side contradict the best level, as it was before? way: 1 bids, -1 asks. */
static bool contradicts(const char *text, const char *key, struct row best, double way)
{
    static struct row rows[ROWS_MAX];
    const uint32_t count = rows_read(text, key, rows);
    for (uint32_t i = 0; i < count; i++) {
        const double beyond = (rows[i].price - best.price) * way;
        if ((beyond > 0 && rows[i].size > 0) ||
            (rows[i].price == best.price && rows[i].size != best.size)) {
            return true;
        }
    }
    return false;
}

static bool best_changed(const struct line *best, const struct line *depth)
{
    const char *b = best->frame.bytes;
    const struct row bid = {decimal(b, "\"b\":\""), decimal(b, "\"B\":\"")};
    const struct row ask = {decimal(b, "\"a\":\""), decimal(b, "\"A\":\"")};
    return depth->id > best->id && (contradicts(depth->frame.bytes, "\"b\":[", bid, 1) ||
                                    contradicts(depth->frame.bytes, "\"a\":[", ask, -1));
}

/* ---- recordings ------------------------------------------------------------------------------ */

static int file_read(const char *directory, struct file *file)
{
    char path[512];
    struct capture *capture;
    struct capture_line line;
    (void)snprintf(path, sizeof(path), "%s/%s", directory, file->name);
    if (capture_open(path, &capture) < 0) {
        return -1;
    }
    file->lines = calloc(LINES_MAX, sizeof(*file->lines));
    flatline_assert(file->lines != NULL);
    while (capture_next(capture, &line) > 0 && file->count < LINES_MAX) {
        struct line *kept = &file->lines[file->count];
        if (line.kind != CAPTURE_FRAME) {
            continue;
        }
        char *copy = strndup(line.frame.bytes, line.frame.size_bytes); /* lives as long as we do */
        flatline_assert(copy != NULL);
        kept->recv_ns = line.recv_unix_ns;
        kept->frame = (struct span){copy, line.frame.size_bytes};
        file->count += line_read(kept->frame, kept);
    }
    capture_close(capture);
    return 0;
}

static uint32_t first_at(const struct file *file, uint64_t at_ns)
{
    uint32_t low = 0;
    uint32_t high = file->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (file->lines[middle].recv_ns < at_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- one replay ------------------------------------------------------------------------------ */

struct heard {
    struct finding faults[FAULTS_MAX];
    char streams[FAULTS_MAX][FLATLINE_NAME_BYTES];
    char connections[FAULTS_MAX][NAME_BYTES];
    uint32_t count;
    char lapsed[FAULTS_MAX][FLATLINE_NAME_BYTES];
    uint32_t lapses;
    uint32_t lost; /* leases */
};

static void lapse_note(void *context, const char *stream, uint64_t at_ns, uint64_t until_ns)
{
    struct heard *heard = context;
    (void)at_ns;
    (void)until_ns;
    if (heard->lapses < FAULTS_MAX) {
        (void)snprintf(heard->lapsed[heard->lapses++], FLATLINE_NAME_BYTES, "%s", stream);
    }
}

static void
fault_note(void *context, const char *stream, const char *connection, const struct finding *finding)
{
    struct heard *heard = context;
    if (heard->count < FAULTS_MAX) {
        heard->faults[heard->count] = *finding;
        (void)snprintf(
            heard->streams[heard->count], FLATLINE_NAME_BYTES, "%s", stream != NULL ? stream : "");
        (void)snprintf(heard->connections[heard->count],
                       NAME_BYTES,
                       "%s",
                       connection != NULL ? connection : "");
        heard->count++;
    }
}

/* A frame on a connection, at its time there. */
struct sent {
    uint64_t recv_ns;
    const struct line *line;
    uint32_t connection; /* 0, 1 */
    uint32_t order;
};

static void replay_all(const struct file *file,
                       const struct sent *sent,
                       uint32_t count,
                       struct heard *ret_heard)
{
    const struct replay_options options = {.venue = file->venue};
    const struct replay_sink sink = {ret_heard, lapse_note, fault_note};
    *ret_heard = (struct heard){.count = 0};
    struct replay *replay = replay_create(&options, &sink);
    flatline_assert(replay != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct capture_line line = {.kind = CAPTURE_FRAME,
                                          .recv_unix_ns = sent[i].recv_ns,
                                          .connection =
                                              span_of(sent[i].connection == 0 ? "a" : "b"),
                                          .frame = sent[i].line->frame};
        flatline_assert(replay_line(replay, &line) == 0);
    }
    replay_finish(replay);
    for (uint32_t i = 0; i < replay_stream_count(replay); i++) {
        ret_heard->lost += (uint32_t)replay_stream(replay, i).view->lost_count;
    }
    replay_destroy(replay);
}

/* ---- trials ---------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dULL;
}

static uint64_t random_below(uint64_t bound)
{
    return random_next() % bound;
}

/* A cut that a replay can show: enough before it and behind it. */
static uint64_t cut_place(const struct file *file)
{
    const uint64_t first_ns = file->lines[0].recv_ns + before_ns + NS_PER_S;
    const uint64_t last_ns = file->lines[file->count - 1].recv_ns - CUT_NS - AFTER_NS - NS_PER_S;
    return first_ns + random_below(last_ns - first_ns);
}

struct tally {
    uint32_t trials;
    uint32_t found;   /* the right fault, and only one of it */
    uint32_t onset;   /* ... since the right moment */
    uint32_t others;  /* trials in which anything else was accused */
    uint32_t broken;  /* twins: a lease lapsed or was lost */
    uint32_t unasked; /* the stream had nothing to say in the cut: not a trial */
    uint64_t noticed_ns[TRIALS_MAX];
    uint64_t exposed_ns[TRIALS_MAX]; /* since the first frame cut */
};

static void complain(const char *what, const struct heard *heard, uint64_t cut_ns)
{
    if (!verbose) {
        return;
    }
    (void)fprintf(stderr, "%s, cut at %" PRIu64 "\n", what, cut_ns);
    for (uint32_t i = 0; i < heard->count; i++) {
        const struct finding *fault = &heard->faults[i];
        (void)fprintf(stderr,
                      "  kind %u scope %u %s %s onset %+.3f ms at %+.3f ms by %" PRIu64
                      " lag %" PRIu64 " waited %" PRIu64 "\n",
                      fault->fault_kind,
                      fault->scope,
                      heard->streams[i],
                      heard->connections[i],
                      ((double)fault->onset_ns - (double)cut_ns) / 1e6,
                      ((double)fault->at_ns - (double)cut_ns) / 1e6,
                      fault->evidence[5],
                      fault->evidence[3],
                      fault->evidence[4]);
    }
}

static bool names_stream(const struct file *file, const char *name, const char *wire)
{
    char wanted[FLATLINE_NAME_BYTES];
    const size_t symbol_bytes = strcspn(wire, "@");
    (void)snprintf(wanted,
                   sizeof(wanted),
                   "%s/%.*s/%s",
                   file->prefix,
                   (int)symbol_bytes,
                   wire,
                   wire + symbol_bytes + 1);
    for (char *at = wanted + strlen(file->prefix);
         *at != '\0' && (at == wanted + strlen(file->prefix) || *at != '/');
         at++) {
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    }
    return strcmp(name, wanted) == 0;
}

/* Lapses of other streams than this one. */
static uint32_t lapses_beside(const struct file *file, const struct heard *heard, const char *wire)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < heard->lapses; i++) {
        count += !names_stream(file, heard->lapsed[i], wire);
    }
    return count;
}

/* Of one stream cut: when it began to owe, by the frames alone. 0: never in the cut. */
static uint64_t
onset_of(const struct file *file, const char *stream, uint64_t cut_ns, const struct line *shown)
{
    for (const struct line *line = shown; line < file->lines + file->count; line++) {
        if (line->recv_ns >= cut_ns + CUT_NS) {
            break;
        }
        if (!same_book(line, shown) || strcmp(line->stream, stream) == 0) {
            continue;
        }
        if (shown->channel == DEPTH ? line->id > shown->id
                                    : line->channel == DEPTH && best_changed(shown, line)) {
            return line->recv_ns;
        }
    }
    return 0;
}

/* The sibling may have shown it before the cut: look from as far back as ids may be ahead. */
static uint64_t depth_onset(const struct file *file, uint64_t cut_ns, const struct line *shown)
{
    const uint32_t from = first_at(file, shown->recv_ns - NS_PER_S);
    for (uint32_t i = from; i < file->count && file->lines[i].recv_ns < cut_ns + CUT_NS; i++) {
        const struct line *line = &file->lines[i];
        if (line->channel == BEST && same_book(line, shown) && line->id > shown->id) {
            return line->recv_ns;
        }
    }
    return 0;
}

/* A stream cut, and what the frames' text says of it. */
struct cut {
    const char *stream;
    uint64_t at_ns;
    uint64_t onset_ns;
    uint64_t first_ns; /* frame that was cut */
};

/* lapses_before: of other streams, where nothing was cut: quiet streams lapse by right. */
static void stream_judge(const struct file *file,
                         const struct cut *cut,
                         const struct heard *heard,
                         uint32_t lapses_before,
                         struct tally *tally)
{
    const char *stream = cut->stream;
    const uint64_t cut_ns = cut->at_ns;
    const uint64_t onset_ns = cut->onset_ns;
    const uint64_t first_cut_ns = cut->first_ns;
    uint32_t mutes = 0;
    uint32_t others = 0;
    const struct finding *mute = NULL;
    for (uint32_t i = 0; i < heard->count; i++) {
        const struct finding *fault = &heard->faults[i];
        const bool is_its = names_stream(file, heard->streams[i], stream);
        if (is_its && fault->fault_kind == FLATLINE_FAULT_MUTE &&
            fault->scope == FLATLINE_SCOPE_STREAM) {
            mutes++;
            mute = fault;
        } else {
            others += !(is_its && fault->fault_kind == FLATLINE_FAULT_GAP);
        }
    }
    others += lapses_beside(file, heard, stream) != lapses_before;
    tally->others += others > 0;
    if (mutes != 1 || others > 0) {
        complain("not one MUTE alone", heard, cut_ns);
    }
    if (mutes != 1) {
        tally->noticed_ns[tally->trials] = UINT64_MAX;
        tally->exposed_ns[tally->trials++] = UINT64_MAX;
        return;
    }
    tally->found++;
    const uint64_t away_ns =
        mute->onset_ns > onset_ns ? mute->onset_ns - onset_ns : onset_ns - mute->onset_ns;
    tally->onset += away_ns <= ONSET_NEAR_NS;
    if (away_ns > ONSET_NEAR_NS) {
        complain("another onset", heard, cut_ns);
    }
    const bool is_depth = strstr(stream, "@depth") != NULL;
    const uint64_t from_ns = is_depth && cut_ns > onset_ns ? cut_ns : onset_ns;
    tally->noticed_ns[tally->trials] = mute->at_ns > from_ns ? mute->at_ns - from_ns : 0;
    tally->exposed_ns[tally->trials++] =
        mute->at_ns > first_cut_ns ? mute->at_ns - first_cut_ns : 0;
}

/* Cuts five seconds of one depth or bookTicker stream. */
static void stream_trial(const struct file *file, enum channel channel, struct tally *tally)
{
    static struct sent sent[LINES_MAX];
    static struct sent whole[LINES_MAX];
    static struct heard heard;
    static struct heard uncut;
    const uint64_t cut_ns = cut_place(file);
    const uint32_t from = first_at(file, cut_ns - before_ns);
    const uint32_t middle = first_at(file, cut_ns);
    const uint32_t to = first_at(file, cut_ns + CUT_NS + AFTER_NS);
    uint32_t at = from + (uint32_t)random_below(middle - from); /* its stream is the one */
    while (file->lines[at].channel != channel) {
        at++;
    }
    const char *stream = file->lines[at].stream;
    const struct line *shown = NULL;
    uint64_t first_cut_ns = 0;
    uint32_t count = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct line *line = &file->lines[i];
        const bool is_its = strcmp(line->stream, stream) == 0;
        whole[i - from] = (struct sent){line->recv_ns, line, 0, i};
        if (is_its && line->recv_ns >= cut_ns && line->recv_ns < cut_ns + CUT_NS) {
            first_cut_ns = first_cut_ns == 0 ? line->recv_ns : first_cut_ns;
            continue;
        }
        shown = is_its && line->recv_ns < cut_ns ? line : shown;
        sent[count] = (struct sent){line->recv_ns, line, 0, count};
        count++;
    }
    const uint64_t onset_ns = shown == NULL || first_cut_ns == 0 ? 0
                              : channel == DEPTH                 ? depth_onset(file, cut_ns, shown)
                                                 : onset_of(file, stream, cut_ns, shown);
    if (onset_ns == 0) {
        tally->unasked++;
        return;
    }
    const struct cut cut = {stream, cut_ns, onset_ns, first_cut_ns};
    replay_all(file, whole, to - from, &uncut);
    replay_all(file, sent, count, &heard);
    stream_judge(file, &cut, &heard, lapses_beside(file, &uncut, stream), tally);
}

static int sent_compare(const void *left, const void *right)
{
    const struct sent *a = left;
    const struct sent *b = right;
    if (a->recv_ns != b->recv_ns) {
        return a->recv_ns < b->recv_ns ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Both connections carry every frame, each with its own jitter, in order; connection 0 loses what
 * it would have received in the cut (cut_ns 0: nothing). */
static uint32_t twins_make(
    const struct file *file, uint32_t from, uint32_t to, uint64_t cut_ns, struct sent *ret_sent)
{
    uint32_t count = 0;
    for (uint32_t connection = 0; connection < 2; connection++) {
        uint64_t last_ns = 0;
        for (uint32_t i = from; i < to; i++) {
            const uint64_t at_ns = file->lines[i].recv_ns + random_below(JITTER_NS);
            last_ns = at_ns > last_ns ? at_ns : last_ns;
            const bool is_cut =
                connection == 0 && cut_ns != 0 && last_ns >= cut_ns && last_ns < cut_ns + CUT_NS;
            if (!is_cut) {
                ret_sent[count] = (struct sent){last_ns, &file->lines[i], connection, count};
                count++;
            }
        }
    }
    qsort(ret_sent, count, sizeof(*ret_sent), sent_compare);
    return count;
}

/* When connection 1 first showed an id of any stream that connection 0 had not shown by the cut. */
static uint64_t
twin_onset(const struct file *file, const struct sent *sent, uint32_t count, uint64_t cut_ns)
{
    (void)file;

    struct {
        const char *stream;
        uint64_t id;
    } shown[16] = {{0}};

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 0;
        while (shown[at].stream != NULL && strcmp(shown[at].stream, sent[i].line->stream) != 0) {
            at++;
        }
        if (sent[i].connection == 0 && sent[i].recv_ns < cut_ns) {
            shown[at].stream = sent[i].line->stream;
            shown[at].id = sent[i].line->id;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 0;
        while (shown[at].stream != NULL && strcmp(shown[at].stream, sent[i].line->stream) != 0) {
            at++;
        }
        if (sent[i].connection == 1 && sent[i].line->id > shown[at].id) {
            return sent[i].recv_ns;
        }
    }
    return 0;
}

static void twin_trial(const struct file *file, struct tally *tally)
{
    static struct sent sent[2 * LINES_MAX];
    static struct heard heard;
    static struct heard uncut;
    const uint64_t cut_ns = cut_place(file);
    const uint32_t from = first_at(file, cut_ns - before_ns);
    const uint32_t to = first_at(file, cut_ns + CUT_NS + AFTER_NS);
    const uint64_t jitter = random_state; /* the same jitter, with the cut and without */
    replay_all(file, sent, twins_make(file, from, to, 0, sent), &uncut);
    random_state = jitter;
    const uint32_t count = twins_make(file, from, to, cut_ns, sent);
    const uint64_t onset_ns = twin_onset(file, sent, count, cut_ns);
    uint32_t mutes = 0;
    uint32_t others = 0;
    const struct finding *mute = NULL;
    replay_all(file, sent, count, &heard);
    for (uint32_t i = 0; i < heard.count; i++) {
        const struct finding *fault = &heard.faults[i];
        if (fault->fault_kind == FLATLINE_FAULT_MUTE && fault->scope == FLATLINE_SCOPE_CONNECTION &&
            strcmp(heard.connections[i], "a") == 0) {
            mutes++;
            mute = fault;
        } else {
            others +=
                fault->fault_kind != FLATLINE_FAULT_GAP || strcmp(heard.connections[i], "a") != 0;
        }
    }
    tally->others += others > 0;
    tally->broken += heard.lapses > uncut.lapses || heard.lost > 0;
    tally->found += mutes == 1;
    if (mutes != 1 || others > 0 || heard.lapses > uncut.lapses) {
        complain("not one MUTE of connection a alone", &heard, cut_ns);
    }
    const uint64_t from_ns = onset_ns > cut_ns ? onset_ns : cut_ns;
    const bool is_found = mutes == 1;
    tally->onset += is_found && mute->onset_ns <= onset_ns + ONSET_NEAR_NS &&
                    onset_ns <= mute->onset_ns + ONSET_NEAR_NS;
    tally->exposed_ns[tally->trials] = 0;
    tally->noticed_ns[tally->trials++] = !is_found               ? UINT64_MAX
                                         : mute->at_ns > from_ns ? mute->at_ns - from_ns
                                                                 : 0;
}

/* ---- what must be shown ---------------------------------------------------------------------- */

static int compare_u64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(const uint64_t *sorted, uint32_t count, double share)
{
    const uint32_t at = (uint32_t)((double)(count - 1) * share);
    return sorted[at] == UINT64_MAX ? -1 : (double)sorted[at] / 1e6;
}

/* Share of the trials, in %, that are at or below the limit. */
static double within(const uint64_t *sorted, uint32_t count, uint64_t limit_ns)
{
    uint32_t good = 0;
    while (good < count && sorted[good] <= limit_ns) {
        good++;
    }
    return 100.0 * good / count;
}

struct limits {
    uint64_t noticed_ns;
    uint64_t exposed_ns; /* 0: not asked */
};

static bool
tally_print(const char *file, const char *cut, struct tally *tally, struct limits limits)
{
    const uint32_t n = tally->trials;
    if (n == 0) {
        (void)printf("%-24s %-12s no trial\n", file, cut);
        return false;
    }
    qsort(tally->noticed_ns, n, sizeof(uint64_t), compare_u64);
    qsort(tally->exposed_ns, n, sizeof(uint64_t), compare_u64);
    const double noticed = within(tally->noticed_ns, n, limits.noticed_ns);
    const double exposed =
        limits.exposed_ns != 0 ? within(tally->exposed_ns, n, limits.exposed_ns) : 100.0;
    const double found = 100.0 * tally->found / n;
    const double onset = 100.0 * tally->onset / n;
    const bool good = noticed >= 99.0 && exposed >= 99.0 && found >= 99.0 && onset >= 99.0 &&
                      tally->others == 0 && tally->broken == 0;
    (void)printf("%-24s %-12s %6u %6.1f %6.1f %7.1f %7.1f %7.1f %6.1f %6.1f %6u %6u  %s\n",
                 file,
                 cut,
                 n,
                 found,
                 onset,
                 percentile_ms(tally->noticed_ns, n, 0.5),
                 percentile_ms(tally->noticed_ns, n, 0.99),
                 percentile_ms(tally->noticed_ns, n, 1.0),
                 noticed,
                 exposed,
                 tally->others,
                 tally->broken,
                 good ? "as promised" : "NOT as promised");
    return good;
}

/* Whole recordings with nothing cut: as they are, and as jittered twins. */
static bool whole_print(const struct file *file, uint32_t rounds)
{
    static struct sent sent[2 * LINES_MAX];
    static struct heard heard;
    uint32_t faults = 0;
    uint32_t broken = 0;
    for (uint32_t i = 0; i < file->count; i++) {
        sent[i] = (struct sent){file->lines[i].recv_ns, &file->lines[i], 0, i};
    }
    replay_all(file, sent, file->count, &heard);
    faults += heard.count;
    for (uint32_t round = 0; round < rounds; round++) {
        const uint32_t count = twins_make(file, 0, file->count, 0, sent);
        replay_all(file, sent, count, &heard);
        if (heard.count > 0) {
            complain("nothing was cut", &heard, file->lines[0].recv_ns);
        }
        faults += heard.count;
        broken += heard.lost > 0;
    }
    (void)printf("%-24s nothing, as it is and as twins %u times: %u faults, %u leases lost  %s\n",
                 file->name,
                 rounds,
                 faults,
                 broken,
                 faults == 0 && broken == 0 ? "as promised" : "NOT as promised");
    return faults == 0 && broken == 0;
}

static bool file_judge(struct file *file, uint32_t trials)
{
    static struct tally tally;

    const struct {
        const char *name;
        enum channel channel;
        struct limits limits;
    } cuts[] = {{"depth", DEPTH, {file->noticed_max_ns, 0}},
                {"bookTicker", BEST, {150 * NS_PER_MS, 300 * NS_PER_MS}},
                {"one twin", TRADE, {200 * NS_PER_MS, 0}}};

    bool good = whole_print(file, trials < 100 ? 1 : 5);
    for (size_t i = 0; i < ARRAY_COUNT(cuts); i++) {
        memset(&tally, 0, sizeof(tally));
        while (tally.trials < trials) {
            if (cuts[i].channel == TRADE) {
                twin_trial(file, &tally);
            } else {
                stream_trial(file, cuts[i].channel, &tally);
            }
        }
        good &= tally_print(file->name, cuts[i].name, &tally, cuts[i].limits);
    }
    return good;
}

int main(int argc, char **argv)
{
    static struct file files[] = {
        {"binance-spot-20240808.tsv.zst",
         FLATLINE_VENUE_BINANCE_SPOT,
         "binance-spot",
         200 * NS_PER_MS,
         NULL,
         0},
        {"binance-usdm-20240808a.tsv.zst",
         FLATLINE_VENUE_BINANCE_USDM,
         "binance-usdm",
         200 * NS_PER_MS,
         NULL,
         0},
        {"binance-coinm-20240808.tsv.zst",
         FLATLINE_VENUE_BINANCE_COINM,
         "binance-coinm",
         60 * NS_PER_MS,
         NULL,
         0},
    };
    const char *directory = "../shared/captures";
    uint32_t trials = 1000;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        verbose |= strcmp(argv[i], "--verbose") == 0;
        if (i + 1 < argc && strcmp(argv[i], "--captures") == 0) {
            directory = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--trials") == 0) {
            trials = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--before") == 0) {
            before_ns = strtoull(argv[++i], NULL, 10) * NS_PER_S;
        }
    }
    const bool is_before_good = before_ns >= NS_PER_S && before_ns <= 120 * NS_PER_S;
    if (trials == 0 || trials > TRIALS_MAX || seed == 0 || !is_before_good) {
        (void)fprintf(
            stderr, "cuts: --trials 1 to %u, --seed from 1, --before 1 to 120\n", TRIALS_MAX);
        return 2;
    }
    bool good = true;
    (void)printf("%-24s %-12s %6s %6s %6s %7s %7s %7s %6s %6s %6s %6s\n",
                 "recording",
                 "5 s cut of",
                 "trials",
                 "found%",
                 "onset%",
                 "p50 ms",
                 "p99 ms",
                 "max ms",
                 "in t%",
                 "exp%",
                 "others",
                 "leases");
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        random_state = seed * 0x9e3779b97f4a7c15ULL;
        if (file_read(directory, &files[i]) < 0) {
            (void)printf("no %s in %s: skipped\n", files[i].name, directory);
            return 77;
        }
        good &= file_judge(&files[i], trials);
    }
    return good ? 0 : 1;
}
