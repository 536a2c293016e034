/* SPDX-License-Identifier: MIT */
#include "sentinel/control_private.h"

#include "core/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define PATH_BYTES 1024U
/* a 429 or 418 without a Retry-After: no dial of the venue for so long. Backoff alone would knock ten
 * times in the first seconds, and facts: who ignores a 429 is banned */
#define LIMITED_HOLD_NS       (5U * NS_PER_S)
#define SUCCESSOR_PATIENCE_NS (60U * NS_PER_S)
#define SUCCESSOR_SETTLE_NS   (200U * NS_PER_MS)
/* of max_age: how long after one twin's rotation the other may; and how long it waits at most. Of 23 h:
 * an hour and a half, and half an hour */
#define TWIN_APART    16U
#define TWIN_PATIENCE 46U

static struct words *words_of(struct control *control)
{
    return control->setup.words;
}

static void
dial_word(struct control *control, const struct control_line *line, uint32_t side, uint64_t state)
{
    store_relaxed(&words_of(control)->dials[line->first_slot + side].state, state); /* for people */
}

static uint64_t random_bits(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits)) {
        bits = clock_mono_ns(); /* jitter only: no secret hangs on it */
    }
    return bits;
}

void line_init(struct control *control, uint32_t index)
{
    struct control_line *line = &control->lines[index];
    *line = (struct control_line){.plan = &control->setup.plan->lines[index],
                                  .first_slot = index * PLAN_SLOTS_PER_LINE,
                                  .live = CONTROL_NO_SLOT,
                                  .successor = CONTROL_NO_SLOT};
}

void line_destroy(struct control_line *line)
{
    dial_destroy(line->dial);
    line->dial = NULL;
}

/* A failed attempt or an ended connection: when to try again, and who else has to wait with us. */
static void line_back_off(struct control *control,
                          struct control_line *line,
                          uint64_t now_mono_ns,
                          uint64_t age_ns,
                          const struct link_report *report)
{
    struct control_venue *venue = &control->venues[line->plan->venue];
    const bool limited =
        report->how == LINK_END_HTTP && (report->code == 429 || report->code == 418);
    const uint64_t asked = limited ? report->retry_after_ns : 0;
    const uint64_t hold = limited && asked == 0 ? LIMITED_HOLD_NS : asked;
    (void)backoff_failed(&line->backoff, &venue->budget, now_mono_ns, age_ns, hold, random_bits());
    if (limited) {
        const uint64_t silence = asked > 0 ? asked : REST_SILENCE_NS;
        rest_silence(control->rest, (uint32_t)line->plan->venue, now_mono_ns + silence);
    }
}

/* NULL: it has none. */
static struct control_line *twin_of(struct control *control, const struct control_line *line)
{
    return line->plan->twin != PLAN_NO_LINE ? &control->lines[line->plan->twin] : NULL;
}

static int path_write(struct control *control, const struct control_line *line, char *path)
{
    const char *key = line->plan->user_data ? control->key.key : NULL;
    return route_path(line->plan->venue, line->plan->route, key, path, PATH_BYTES);
}

static void
dial_begin(struct control *control, struct control_line *line, uint32_t side, uint64_t now_mono_ns)
{
    struct control_venue *venue = &control->venues[line->plan->venue];
    const struct config_venue *config = &control->setup.config->venues[line->plan->venue];
    char path[PATH_BYTES];
    const struct control_line *twin = twin_of(control, line);
    backoff_budget_spend(&venue->budget, now_mono_ns);
    count_relaxed(&words_of(control)->dials[line->first_slot + side].connects, 1);
    const struct dial_params params = {
        .tls = venue->tls,
        .host = venue->host,
        .port = venue->port,
        .path = path,
        .address = config->address,
        .avoid = twin != NULL && twin->address.size_bytes > 0 ? &twin->address : NULL,
        .message_bytes_max = control->setup.config->message_bytes_max};
    int result = path_write(control, line, path);
    if (result >= 0) {
        result = dial_start(&params, now_mono_ns, &line->dial);
    }
    explicit_bzero(path, sizeof(path)); /* it may hold the listenKey */
    if (result < 0) {
        const struct link_report none = {.phase = LINK_DNS, .how = LINK_END_ERROR, .code = -result};
        line_back_off(control, line, now_mono_ns, 0, &none);
        control_error(control, "%s: cannot dial: %s", line->plan->name, strerror(-result));
        return;
    }
    line->dial_slot = side;
    line->slots[side].phase = SLOT_DIALLING;
    dial_word(control, line, side, FLATLINE_CONNECTION_CONNECTING);
}

static void order_give(struct control *control,
                       const struct control_line *line,
                       uint32_t side,
                       enum handover_kind kind)
{
    const struct handover order = {.kind = kind, .slot = line->first_slot + side};
    flatline_assert(handover_push(control->setup.orders, &order)); /* sized for every slot */
    control->setup.poke_ingest(control->setup.poke_user);
}

/* While the connection is still ours: for the socket watch. */
static void socket_tell(struct control *control, uint32_t slot, const struct connection *connection)
{
    struct socket_id id;
    if (socket_id_of(connection_fd(connection), &id) == 0) {
        socket_words_tell(&words_of(control)->dials[slot].socket, &id);
    }
}

static void dial_done(struct control *control, struct control_line *line, uint64_t now_mono_ns)
{
    struct control_slot *slot = &line->slots[line->dial_slot];
    slot->phase = SLOT_UP;
    slot->epoch++;
    slot->up_mono_ns = now_mono_ns;
    line->address = *dial_address(line->dial);
    const struct handover adopt = {.kind = HANDOVER_ADOPT,
                                   .slot = line->first_slot + line->dial_slot,
                                   .epoch = slot->epoch,
                                   .connection = dial_take(line->dial)};
    socket_tell(control, adopt.slot, adopt.connection);
    flatline_assert(handover_push(control->setup.orders, &adopt)); /* sized for every slot */
    control->setup.poke_ingest(control->setup.poke_user);
    control_log(control,
                "%s: connected (dns %.1f, tcp %.1f, tls %.1f, upgrade %.1f ms)",
                line->plan->name,
                (double)dial_phase_ns(line->dial, LINK_DNS) / 1e6,
                (double)dial_phase_ns(line->dial, LINK_TCP) / 1e6,
                (double)dial_phase_ns(line->dial, LINK_TLS) / 1e6,
                (double)dial_phase_ns(line->dial, LINK_UPGRADE) / 1e6);
    if (line->live == CONTROL_NO_SLOT) {
        line->live = line->dial_slot;
        line->rotate = false;
    } else {
        line->successor = line->dial_slot;
        order_give(control, line, line->live, HANDOVER_RETIRE);
        const uint32_t old = line->first_slot + line->live;
        line->live_data_then = load_relaxed(&words_of(control)->slots[old].epoch_data);
    }
    line->last = line->dial_slot;
    line_destroy(line);
}

static void dial_failed(struct control *control, struct control_line *line, uint64_t now_mono_ns)
{
    const struct link_report *report = dial_report(line->dial);
    struct event failed = {.recv_mono_ns = now_mono_ns,
                           .stream = EVENT_NO_STREAM,
                           .connection = (uint16_t)(line->first_slot + line->dial_slot),
                           .kind = EVENT_CONNECT_FAILED,
                           .link = {.code = report->code,
                                    .how = (uint8_t)report->how,
                                    .phase = (uint8_t)report->phase,
                                    .epoch = (uint16_t)line->slots[line->dial_slot].epoch}};
    memcpy(failed.link.text, report->text, strnlen(report->text, sizeof(failed.link.text) - 1));
    if (line->live == CONTROL_NO_SLOT) { /* a failed successor takes nothing from anybody */
        control_tell(control, &failed);
    }
    control_error(control, "%s: connect failed: %s", line->plan->name, report->text);
    line_back_off(control, line, now_mono_ns, 0, report);
    line->slots[line->dial_slot].phase = SLOT_FREE;
    dial_word(control, line, line->dial_slot, FLATLINE_CONNECTION_DOWN);
    line_destroy(line);
}

static void dial_follow(struct control *control, struct control_line *line, uint64_t now_mono_ns)
{
    switch (dial_advance(line->dial, now_mono_ns)) {
    case DIAL_BUSY:
        return;
    case DIAL_DONE:
        dial_done(control, line, now_mono_ns);
        return;
    case DIAL_FAILED:
        dial_failed(control, line, now_mono_ns);
        return;
    }
}

static void side_close(struct control *control, struct control_line *line, uint32_t side)
{
    if (line->slots[side].phase != SLOT_UP) {
        return;
    }
    line->slots[side].phase = SLOT_CLOSING;
    order_give(control, line, side, HANDOVER_CLOSE);
    dial_word(control, line, side, FLATLINE_CONNECTION_DRAINING);
}

/* Make before break: the old connection goes only once the new one carries the streams. A
 * private line has no data to wait for. */
static void
successor_watch(struct control *control, struct control_line *line, uint64_t now_mono_ns)
{
    const struct words *words = words_of(control);
    const struct slot_words *fresh = &words->slots[line->first_slot + line->successor];
    const struct slot_words *old = &words->slots[line->first_slot + line->live];
    const uint64_t age = now_mono_ns - line->slots[line->successor].up_mono_ns;
    const bool carries =
        line->plan->user_data || (load_relaxed(&fresh->epoch_acks) >= line->plan->ack_count &&
                                  load_relaxed(&fresh->epoch_data) > 0);
    uint32_t loser = line->live;
    if (!carries || age < SUCCESSOR_SETTLE_NS) {
        if (age < SUCCESSOR_PATIENCE_NS) {
            return;
        }
        /* Out of patience. If the old one has had data meanwhile the new one is no good; if
         * both were quiet, so is the market. */
        if (load_relaxed(&old->epoch_data) > line->live_data_then &&
            load_relaxed(&fresh->epoch_data) == 0) {
            loser = line->successor;
            order_give(control, line, line->live, HANDOVER_KEEP);
            control_error(control,
                          "%s: the successor brought no data; kept the old connection",
                          line->plan->name);
            const struct link_report none = {.how = LINK_END_LOCAL};
            line_back_off(control, line, now_mono_ns, 0, &none);
        }
    }
    line->rotations += loser == line->live;
    side_close(control, line, loser);
    line->rotate = loser != line->live;
    line->live = 1U - loser;
    line->successor = CONTROL_NO_SLOT;
}

/* Is the line carrying, with nobody about to take its place, and has it been for a while? */
static bool
line_is_settled(const struct control_line *line, uint64_t since_ns, uint64_t now_mono_ns)
{
    return line->live != CONTROL_NO_SLOT && line->successor == CONTROL_NO_SLOT &&
           line->dial == NULL && !line->rotate &&
           now_mono_ns - line->slots[line->live].up_mono_ns > since_ns;
}

/* Twins never rotate together. The younger one rotates at half the age first, so that from then on
 * they are half an age apart; whatever brings them near each other again, the later one waits until
 * the other has settled, as long as its age allows. */
static bool
live_is_old(struct control *control, const struct control_line *line, uint64_t now_mono_ns)
{
    const struct control_line *twin = twin_of(control, line);
    const uint64_t max_age = control->setup.config->venues[line->plan->venue].max_age_ns;
    const uint64_t age = now_mono_ns - line->slots[line->live].up_mono_ns;
    const uint64_t first_age = line->plan->part > 0 && line->rotations == 0 ? max_age / 2 : max_age;
    if (max_age == 0 || age <= first_age) {
        return false;
    }
    return twin == NULL || line_is_settled(twin, max_age / TWIN_APART, now_mono_ns) ||
           age > max_age + max_age / TWIN_PATIENCE;
}

/* Which side to dial now; CONTROL_NO_SLOT: none. */
static uint32_t
side_to_dial(struct control *control, const struct control_line *line, uint64_t now_mono_ns)
{
    if (line->successor != CONTROL_NO_SLOT || (line->plan->user_data && !user_has_key(control))) {
        return CONTROL_NO_SLOT;
    }
    uint32_t side = line->last;
    if (line->live != CONTROL_NO_SLOT) {
        if (!line->rotate && !live_is_old(control, line, now_mono_ns)) {
            return CONTROL_NO_SLOT;
        }
        side = 1U - line->live;
    } else if (line->slots[side].phase != SLOT_FREE) {
        side = 1U - side;
    }
    return line->slots[side].phase == SLOT_FREE ? side : CONTROL_NO_SLOT;
}

void line_step(struct control *control,
               struct control_line *line,
               bool dial_is_ready,
               uint64_t now_mono_ns)
{
    if (line->dial != NULL) {
        if (dial_is_ready || now_mono_ns >= dial_deadline_mono_ns(line->dial)) {
            dial_follow(control, line, now_mono_ns);
        }
        return;
    }
    if (line->successor != CONTROL_NO_SLOT && line->live != CONTROL_NO_SLOT) {
        successor_watch(control, line, now_mono_ns);
    }
    const uint32_t side = side_to_dial(control, line, now_mono_ns);
    if (side != CONTROL_NO_SLOT &&
        backoff_is_ready(&line->backoff, &control->venues[line->plan->venue].budget, now_mono_ns)) {
        dial_begin(control, line, side, now_mono_ns);
    }
}

static const char *end_text(const struct link_report *report, char *text, size_t text_bytes)
{
    static const char *const HOW[] = {[LINK_END_CLOSE] = "closed by the venue",
                                      [LINK_END_EOF] = "cut without a close frame",
                                      [LINK_END_ERROR] = "broken",
                                      [LINK_END_TLS] = "TLS failure",
                                      [LINK_END_PROTOCOL] = "refused by us",
                                      [LINK_END_HTTP] = "refused by HTTP",
                                      [LINK_END_TIMEOUT] = "timed out",
                                      [LINK_END_LOCAL] = "closed by us"};
    const char *how = (size_t)report->how < ARRAY_COUNT(HOW) ? HOW[report->how] : "ended";
    (void)snprintf(text, text_bytes, "%s, code %d %s", how, (int)report->code, report->text);
    return text;
}

void line_ended(struct control *control, const struct handover *ended, uint64_t now_mono_ns)
{
    struct control_line *line = &control->lines[plan_line_of(ended->slot)];
    const uint32_t side = ended->slot - line->first_slot;
    struct control_slot *slot = &line->slots[side];
    const struct link_report report = *connection_report(ended->connection);
    /* Told to go, or gone by itself once its successor was up. */
    const bool planned =
        slot->phase == SLOT_CLOSING || (side == line->live && line->successor != CONTROL_NO_SLOT);
    const uint64_t age = now_mono_ns - slot->up_mono_ns;
    char text[LINK_TEXT_BYTES + 64U];
    (void)end_text(&report, text, sizeof(text));
    if (planned) {
        control_log(control, "%s: rotated out after %.1f s", line->plan->name, (double)age / 1e9);
    } else {
        control_error(control, "%s: %s", line->plan->name, text);
        line_back_off(control, line, now_mono_ns, age, &report);
    }
    socket_words_clear(&words_of(control)->dials[ended->slot].socket);
    connection_destroy(ended->connection);
    slot->phase = SLOT_FREE;
    dial_word(control, line, side, planned ? FLATLINE_CONNECTION_IDLE : FLATLINE_CONNECTION_DOWN);
    if (side == line->successor) {
        line->successor = CONTROL_NO_SLOT;
        order_give(control, line, line->live, HANDOVER_KEEP);
    } else if (side == line->live) {
        line->live = line->successor;
        line->successor = CONTROL_NO_SLOT;
        line->rotate = false;
        line->last = line->live != CONTROL_NO_SLOT ? line->live : side;
    }
}

void line_rotate(struct control *control, uint32_t slot, const char *why)
{
    struct control_line *line = &control->lines[plan_line_of(slot)];
    const uint32_t side = slot - line->first_slot;
    if (line->rotate || side != line->live) {
        return; /* known, or about a connection that is going anyway */
    }
    line->rotate = true;
    control_log(control, "%s: %s; making a successor", line->plan->name, why);
}
