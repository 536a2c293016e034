/* SPDX-License-Identifier: MIT */
#include "tools/score_run.h"

#include "core/hist.h"
#include "tools/score_witness.h"
#include "tools/stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTED_MAX     512U
#define BLAME_WAIT_NS NS_PER_S /* a verdict may grow for so long after the first word */

/* A fault as it was found. */
struct noted {
    struct finding finding; /* as it was told last */
    uint64_t blamed_ns;     /* since when it blames somebody; 0: nobody yet */
    bool is_right;
    bool is_false;
    bool is_old; /* of an episode before */
};

struct run {
    const struct session *session;
    const struct desk *desk;
    struct score_sum *sum;
    struct stage stage;
    struct dice dice;
    struct truth truth; /* of this episode */
    uint64_t until_ns;
    struct witness *witness;
    struct noted noted[NOTED_MAX]; /* of this episode, and older ones still open */
    uint32_t noted_count;
    uint64_t lapsed_ns[DESK_STREAMS_MAX]; /* since; 0 = leased, or never was */
    uint16_t epochs[DESK_LINKS_MAX];
    struct event shown[DESK_STREAMS_MAX]; /* the last of each stream; kind NONE: nothing yet */
    struct rival rivals[DESK_STREAMS_MAX];
};

/* ---- what is right --------------------------------------------------------------------------- */

/* Is it about what was hit? Findings of the host name neither stream nor connection; an engine's may
 * name the stream that it lacks. */
static bool is_on_target(const struct run *run, const struct finding *finding)
{
    if (finding->scope == FLATLINE_SCOPE_ENGINE) {
        return (run->session->injection->blames & SCOPE(ENGINE)) != 0;
    }
    const bool names_stream = finding->stream < DESK_STREAMS_MAX;
    const bool names_link = finding->connection < DESK_LINKS_MAX;
    if (names_stream) {
        return (run->truth.streams >> finding->stream & 1U) != 0;
    }
    return !names_link || run->truth.links == 0 ||
           (run->truth.links >> finding->connection & 1U) != 0;
}

/* Whom it blames, since when. */
static void blame_note(const struct run *run, struct noted *noted, const struct finding *finding)
{
    const bool is_decided =
        finding->confidence >= TOLD_CONFIDENCE_MIN && finding->blame != FLATLINE_SCOPE_UNKNOWN;
    noted->finding.scope = finding->scope;
    noted->finding.blame = finding->blame;
    noted->finding.confidence = finding->confidence;
    if (!is_decided) {
        noted->blamed_ns = 0;
    } else if (noted->blamed_ns == 0) {
        noted->blamed_ns =
            run->stage.clock_ns > finding->at_ns ? run->stage.clock_ns : finding->at_ns;
    }
}

static struct noted *noted_find(struct run *run, uint64_t fault_id)
{
    for (uint32_t i = 0; i < run->noted_count; i++) {
        if (run->noted[i].finding.fault_id == fault_id) {
            return &run->noted[i];
        }
    }
    return NULL;
}

/* Told of before: its evidence has grown, or what explained it has gone. */
static void fault_again(struct run *run, const struct finding *finding)
{
    struct noted *noted = noted_find(run, finding->fault_id);
    if (noted != NULL) {
        noted->finding.cleared_ns = 0;
        blame_note(run, noted, finding);
    }
}

static void fault_note(struct run *run, const struct finding *finding)
{
    const struct injection *injection = run->session->injection;
    const uint32_t kind = 1U << finding->fault_kind;
    const bool is_after = injection->way != WAY_NOTHING && finding->at_ns >= run->truth.start_ns;
    const bool is_target = is_after && is_on_target(run, finding);
    struct noted noted = {.finding = *finding};
    blame_note(run, &noted, finding);
    noted.is_right = is_target && (injection->kinds & kind) != 0;
    const uint32_t follows =
        injection->also | (run->stage.clock_ns >= run->truth.end_ns ? injection->after : 0);
    noted.is_false = !noted.is_right && !(is_target && (follows & kind) != 0) &&
                     !(is_after && run->truth.is_void);
    if (noted.is_false) {
        run->sum->false_alarms++;
        run->sum->false_by_kind[finding->fault_kind]++;
    }
    if (run->noted_count < NOTED_MAX) {
        run->noted[run->noted_count++] = noted;
    }
}

static void fault_end(struct run *run, const struct finding *finding)
{
    struct noted *noted = noted_find(run, finding->fault_id);
    if (noted != NULL) {
        noted->finding.cleared_ns = finding->cleared_ns;
        if (noted->is_false && finding->cleared_ns > noted->finding.at_ns) {
            hist_record(run->sum->mistake, finding->cleared_ns - noted->finding.at_ns);
        }
    }
}

static void lease_note(struct run *run, uint32_t stream, uint64_t at_ns, bool is_open)
{
    uint64_t *since_ns = &run->lapsed_ns[stream];
    if (!is_open) {
        *since_ns = *since_ns == 0 ? at_ns : *since_ns;
    } else if (*since_ns != 0) {
        run->sum->unproven_ns += at_ns > *since_ns ? at_ns - *since_ns : 0;
        *since_ns = 0;
    }
}

static int finding_take(void *context, const struct finding *finding)
{
    struct run *run = context;
    switch ((enum finding_kind)finding->kind) {
    case FINDING_LAPSE:
    case FINDING_REVOKE:
    case FINDING_RENEW:
        lease_note(run, finding->stream, finding->at_ns, finding->kind == FINDING_RENEW);
        break;
    case FINDING_FAULT:
        (noted_find(run, finding->fault_id) == NULL ? fault_note : fault_again)(run, finding);
        break;
    case FINDING_CLEAR:
        fault_end(run, finding);
        break;
    case FINDING_UPDATE:
        fault_again(run, finding);
        break;
    }
    return 0;
}

/* ---- what the others would have said --------------------------------------------------------- */

/* At an arrival, or where the episode ends: did the gap before it make a rival cry? */
static void rival_look(struct run *run, uint32_t stream, uint64_t now_ns, uint64_t *found_ns)
{
    const struct rival *rival = &run->rivals[stream];
    const struct truth *truth = &run->truth;
    for (uint32_t kind = 0; kind < RIVALS; kind++) {
        const uint64_t limit_ns = rival_limit_ns(rival, (enum rival_kind)kind, RIVAL_PHI_8_SIGMA);
        if (rival->last_ns == 0 || limit_ns == UINT64_MAX || now_ns - rival->last_ns <= limit_ns) {
            continue;
        }
        const uint64_t cried_ns = rival->last_ns + limit_ns;
        const bool is_hit = !truth->is_void && truth->missed_ns != 0 &&
                            cried_ns >= truth->start_ns && (truth->streams >> stream & 1U) != 0;
        if (!is_hit) {
            run->sum->rivals[kind].false_alarms++;
        } else if (cried_ns < found_ns[kind]) {
            found_ns[kind] = cried_ns;
        }
    }
}

static void rivals_close(struct run *run, const uint64_t *found_ns)
{
    const uint64_t missed_ns = run->truth.missed_ns;
    for (uint32_t kind = 0; kind < RIVALS; kind++) {
        if (found_ns[kind] != UINT64_MAX) {
            run->sum->rivals[kind].detected++;
            hist_record(run->sum->rivals[kind].exposure,
                        found_ns[kind] > missed_ns ? found_ns[kind] - missed_ns : 0);
        }
    }
}

/* ---- an episode ------------------------------------------------------------------------------ */

/* How much of the world a scope takes in. */
static uint32_t scope_rank(uint8_t scope)
{
    static const uint8_t ranks[] = {[FLATLINE_SCOPE_STREAM] = 0,
                                    [FLATLINE_SCOPE_CHANNEL] = 1,
                                    [FLATLINE_SCOPE_CONNECTION] = 2,
                                    [FLATLINE_SCOPE_ROUTE] = 3,
                                    [FLATLINE_SCOPE_VENUE] = 4,
                                    [FLATLINE_SCOPE_HOST] = 5,
                                    [FLATLINE_SCOPE_ENGINE] = 5,
                                    [FLATLINE_SCOPE_UNKNOWN] = 0};
    return ranks[scope];
}

/* The first of what is right; with is_blame, of what blames somebody. NULL: none. */
static const struct noted *noted_first(const struct run *run, bool is_blame)
{
    const struct noted *first = NULL;
    for (uint32_t i = 0; i < run->noted_count; i++) {
        const struct noted *noted = &run->noted[i];
        if (!noted->is_right || (is_blame && noted->blamed_ns == 0)) {
            continue;
        }
        const bool is_earlier =
            first == NULL || (is_blame ? noted->blamed_ns < first->blamed_ns
                                       : noted->finding.at_ns < first->finding.at_ns);
        first = is_earlier ? noted : first;
    }
    return first;
}

/* From the first that blames somebody on, a verdict may grow for a while: of what is right and was
 * said by then, the largest scope is the headline. NULL: nobody is blamed. */
static const struct noted *headline(const struct run *run)
{
    const struct noted *best = noted_first(run, true);
    const uint64_t until_ns = best != NULL ? best->blamed_ns + BLAME_WAIT_NS : 0;
    for (uint32_t i = 0; i < run->noted_count; i++) {
        const struct noted *noted = &run->noted[i];
        if (noted->is_right && noted->blamed_ns != 0 && noted->blamed_ns <= until_ns &&
            scope_rank(noted->finding.blame) >= scope_rank(best->finding.blame)) {
            best = noted;
        }
    }
    return best;
}

/* Whom it blamed: is that right? */
static bool blame_close(struct run *run)
{
    struct score_sum *sum = run->sum;
    const struct noted *told = headline(run);
    if (told == NULL) {
        sum->told[TOLD_UNKNOWN]++;
        return false;
    }
    const uint64_t missed_ns = run->truth.missed_ns;
    const bool is_right = (run->session->injection->blames >> told->finding.blame & 1U) != 0;
    sum->told[told->finding.blame]++;
    sum->blame_right += is_right;
    hist_record(sum->blamed, told->blamed_ns > missed_ns ? told->blamed_ns - missed_ns : 0);
    return is_right;
}

/* What went wrong with a trial, in words; NULL: it was found, and blamed right. */
static const char *trial_close(struct run *run)
{
    struct score_sum *sum = run->sum;
    const struct truth *truth = &run->truth;
    const struct noted *first = noted_first(run, false);
    sum->trials++;
    if (first == NULL) {
        sum->told[TOLD_NOTHING]++;
        return "not found";
    }
    const uint64_t at_ns = first->finding.at_ns;
    const uint64_t due_ns = truth->due_ns;
    sum->detected++;
    sum->in_time += at_ns <= due_ns;
    hist_record(sum->exposure, at_ns > truth->missed_ns ? at_ns - truth->missed_ns : 0);
    hist_record(sum->late, at_ns > due_ns ? at_ns - due_ns : 0);
    if (blame_close(run)) {
        return NULL;
    }
    return headline(run) == NULL ? "undecided" : "wrongly blamed";
}

/* For whoever wants to know why. */
static void miss_tell(const struct run *run, const char *verdict)
{
    const struct session *session = run->session;
    miss_begin(&session->misses, session->injection, run->desk, &run->truth, verdict);
    for (uint32_t i = 0; i < run->noted_count; i++) {
        const struct noted *noted = &run->noted[i];
        const char mark = noted->is_right ? '*' : noted->is_false ? '!' : ' ';
        miss_finding(&session->misses, run->desk, &run->truth, &noted->finding, mark);
    }
}

static void episode_close(struct run *run)
{
    const bool is_trial = run->session->injection->way != WAY_NOTHING && !run->truth.is_void;
    const char *verdict = is_trial ? trial_close(run) : NULL;
    for (uint32_t i = 0; i < run->noted_count && verdict == NULL; i++) {
        const struct noted *noted = &run->noted[i];
        verdict = noted->is_false && !noted->is_old ? "accused falsely" : NULL;
    }
    if (verdict != NULL && run->session->misses.out != NULL) {
        miss_tell(run, verdict);
    }
}

/* Faults that still stand are kept, to be told how long they did; but never right a second time. */
static void noted_age(struct run *run)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < run->noted_count; i++) {
        struct noted noted = run->noted[i];
        if (noted.finding.cleared_ns == 0) {
            noted.is_right = false;
            noted.is_old = true;
            run->noted[kept++] = noted;
        }
    }
    run->noted_count = kept;
}

/* Time passes, and REST is asked and answers meanwhile. */
static int time_play(struct run *run, uint64_t until_ns)
{
    int status = 0;
    while (status == 0 && witness_due_ns(run->witness) < until_ns) {
        status = stage_advance(&run->stage, witness_due_ns(run->witness));
        status = status == 0 ? witness_step(run->witness, &run->stage) : status;
    }
    return status == 0 ? stage_advance(&run->stage, until_ns) : status;
}

static int event_play(struct run *run, struct event event, uint64_t *found_ns)
{
    if (event.kind == EVENT_CONNECTION_UP) {
        event.link.epoch = ++run->epochs[event.connection];
    } else if (event.kind == EVENT_CONNECTION_DOWN) {
        event.link.epoch = run->epochs[event.connection];
    } else if (event.kind == EVENT_DATA) {
        run->shown[event.stream] = event;
        rival_look(run, event.stream, event.recv_mono_ns, found_ns);
        rival_arrive(&run->rivals[event.stream], event.recv_mono_ns);
    }
    const uint64_t at_ns = event.kind == EVENT_SELF_STALL ? event.note.value : event.recv_mono_ns;
    const int status = time_play(run, at_ns);
    return status < 0 ? status : stage_apply(&run->stage, &event);
}

/* Plays what lies before until_ns; the rest waits at the front of the tape. */
static int tape_play(struct run *run, struct tape *tape)
{
    uint64_t found_ns[RIVALS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t at = 0;
    int status = tape->is_short ? -ENOMEM : 0;
    for (; status == 0 && at < tape->count && tape->events[at].recv_mono_ns < run->until_ns; at++) {
        status = event_play(run, tape->events[at], found_ns);
    }
    memmove(tape->events, tape->events + at, (tape->count - at) * sizeof(*tape->events));
    tape->count -= at;
    rivals_close(run, found_ns);
    return status == 0 ? time_play(run, run->until_ns) : status;
}

static int episode_run(struct run *run, struct tape *tape, bool *ret_over)
{
    const struct session *session = run->session;
    struct dice *dice = &run->dice;
    const uint64_t from_ns = run->until_ns;
    const uint64_t spread_ns = session->lead_ns / 2;
    run->until_ns += session->episode_ns;
    *ret_over = !session->source->fill(session->source, run->until_ns, tape);
    tape_sort(tape);
    fault_aim(session->injection,
              run->desk,
              dice,
              from_ns + session->lead_ns + dice_below(dice, spread_ns),
              &run->truth);
    int read = session->injection->still ? 0 : witness_read(run->witness, tape);
    if (read < 0) {
        return read;
    }
    if (run->session->injection->target == TARGET_ALL) { /* over our own line REST comes, too */
        witness_bar(run->witness, run->truth.start_ns, run->truth.end_ns);
    }
    run->truth.shown = run->shown;
    if (!run->truth.is_void && !*ret_over) {
        fault_inject(session->injection, run->desk, dice, tape, &run->truth);
    }
    read = session->injection->still ? witness_read(run->witness, tape) : 0;
    if (read < 0) {
        return read;
    }
    if (*ret_over && session->injection->way != WAY_NOTHING) {
        return 0; /* too short a rest for a trial */
    }
    const int status = tape_play(run, tape);
    episode_close(run);
    noted_age(run);
    run->sum->stream_ns += (uint64_t)run->desk->stream_count * session->episode_ns;
    return status;
}

static int session_play(struct run *run, uint32_t episodes, uint32_t *ret_done)
{
    struct tape tape = {0};
    bool is_over = false;
    int status = desk_stage(run->desk, run->session->policy, &run->stage);
    run->stage.take = finding_take;
    run->stage.context = run;
    if (status == 0 && run->session->lesson != NULL) {
        lesson_give(run->session->lesson, run->desk, &run->stage);
    }
    while (status == 0 && !is_over && *ret_done < episodes) {
        status = episode_run(run, &tape, &is_over);
        *ret_done += !is_over;
    }
    for (uint32_t i = 0; i < run->desk->stream_count; i++) {
        lease_note(run, i, run->until_ns, true);
    }
    if (status == 0 && detector_totals(run->stage.detector).findings_lost > 0) {
        status = -ENOBUFS; /* a defect of ours: nothing counted here would be true */
    }
    stage_end(&run->stage);
    tape_free(&tape);
    return status;
}

int session_run(const struct session *session, struct score_sum *sum, uint32_t *ret_done)
{
    struct run *run = calloc(1, sizeof(*run));
    *ret_done = 0;
    if (run == NULL) {
        return -ENOMEM;
    }
    run->session = session;
    run->dice = session->dice;
    run->desk = session->source->desk;
    run->sum = sum;
    run->until_ns = session->from_ns;
    run->witness = witness_create(run->desk, session->from_ns);
    const int status =
        run->witness == NULL ? -ENOMEM : session_play(run, session->episodes, ret_done);
    witness_destroy(run->witness);
    free(run);
    return status;
}

/* ---- lessons --------------------------------------------------------------------------------- */

#define LESSON_STEP_NS (60 * NS_PER_S)

static int finding_ignore(void *context, const struct finding *finding)
{
    (void)context;
    (void)finding;
    return 0;
}

static int lesson_play(struct source *source, struct stage *stage, uint64_t until_ns)
{
    uint16_t epochs[DESK_LINKS_MAX] = {0};
    struct tape tape = {0};
    int status = 0;
    for (uint64_t to_ns = DESK_EPOCH_NS; to_ns < until_ns && status == 0;) {
        to_ns += LESSON_STEP_NS;
        (void)source->fill(source, to_ns, &tape);
        tape_sort(&tape);
        uint32_t at = 0;
        status = tape.is_short ? -ENOMEM : 0;
        for (; status == 0 && at < tape.count && tape.events[at].recv_mono_ns < to_ns; at++) {
            struct event event = tape.events[at];
            if (event.kind == EVENT_CONNECTION_UP || event.kind == EVENT_CONNECTION_DOWN) {
                uint16_t *epoch = &epochs[event.connection];
                *epoch = (uint16_t)(*epoch + (event.kind == EVENT_CONNECTION_UP));
                event.link.epoch = *epoch;
            }
            status = stage_advance(stage, event.recv_mono_ns);
            status = status == 0 ? stage_apply(stage, &event) : status;
        }
        memmove(tape.events, tape.events + at, (tape.count - at) * sizeof(*tape.events));
        tape.count -= at;
    }
    tape_free(&tape);
    return status;
}

int lesson_learn(struct source *source,
                 const struct detector_policy *policy,
                 uint64_t until_ns,
                 struct lesson *ret_lesson)
{
    struct stage stage;
    int status = desk_stage(source->desk, policy, &stage);
    stage.take = finding_ignore;
    status = status == 0 ? lesson_play(source, &stage, until_ns) : status;
    if (status == 0) {
        lesson_take(ret_lesson, source->desk, &stage);
    }
    stage_end(&stage);
    return status;
}
