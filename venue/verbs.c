/* SPDX-License-Identifier: MIT */
#include "venue/verbs.h"

#include "core/base.h"
#include "venue/quirk.h"
#include "venue/transport.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESET_IDS 1000000

/* ---- verbs that put a fault on, and their un... ---- */

struct fault_verb {
    const char *verb;
    enum fault_kind kind;
};

static const struct fault_verb FAULT_VERBS[] = {
    {"mute", FAULT_MUTE},
    {"freeze", FAULT_FREEZE},
    {"lag", FAULT_LAG},
    {"gap", FAULT_GAP},
    {"regress", FAULT_REGRESS},
    {"time-stuck", FAULT_TIME_STUCK},
    {"silent-subscribe", FAULT_SILENT_SUBSCRIBE},
    {"no-ack", FAULT_NO_ACK},
    {"blackhole", FAULT_BLACKHOLE},
    {"half-open", FAULT_HALF_OPEN},
    {"fragment", FAULT_FRAGMENT},
    {"wrong-route", FAULT_WRONG_ROUTE},
    {"refuse", FAULT_REFUSE},
    {"rest-status", FAULT_REST_STATUS},
    {"rest-hang", FAULT_REST_HANG},
    {"hold-accept", FAULT_HOLD_ACCEPT},
    {"quirk", FAULT_QUIRK},
    {"cross", FAULT_CROSS},
    {"maintenance", FAULT_MAINTENANCE},
    {"halt", FAULT_HALT},
};

static const struct fault_verb *fault_verb(const char *verb)
{
    for (size_t i = 0; i < ARRAY_COUNT(FAULT_VERBS); i++) {
        if (strcmp(FAULT_VERBS[i].verb, verb) == 0) {
            return &FAULT_VERBS[i];
        }
    }
    return NULL;
}

bool verb_can_end(const char *verb)
{
    return fault_verb(verb) != NULL;
}

/* `800ms`, or `0ms..2s over 5s`. */
static const char *read_lag(const struct command *command, struct fault *fault)
{
    static const char usage[] = "write: lag TARGET 800ms, or lag TARGET 0ms..2s over 5s";
    char from[32];
    const char *text = command_word(command, 2);
    const char *dots = text == NULL ? NULL : strstr(text, "..");

    if (text == NULL) {
        return usage;
    }
    if (dots == NULL) {
        return duration_parse(text, &fault->lag_to_ns) ? NULL : usage;
    }
    if ((size_t)(dots - text) >= sizeof(from)) {
        return usage;
    }
    (void)snprintf(from, sizeof(from), "%.*s", (int)(dots - text), text);
    const char *over = command_word(command, 3);
    const char *time = command_word(command, 4);
    const bool is_good = duration_parse(from, &fault->lag_from_ns) &&
                         duration_parse(dots + 2, &fault->lag_to_ns) && over != NULL &&
                         strcmp(over, "over") == 0 && time != NULL &&
                         duration_parse(time, &fault->lag_over_ns);
    return is_good ? NULL : usage;
}

/* What stands behind the target. */
static const char *read_details(const struct command *command, struct fault *fault)
{
    uint64_t number = 0;
    enum quirk quirk;

    switch (fault->kind) {
    case FAULT_LAG:
        return read_lag(command, fault);
    case FAULT_GAP:
        fault->left = 1;
        return command->count < 3 || command_number(command->words[2], 1000000, &fault->left)
                   ? NULL
                   : "write: gap STREAM [N]";
    case FAULT_REGRESS:
        fault->left = command->for_ns > 0 ? 0 : 1;
        return NULL;
    case FAULT_REFUSE:
    case FAULT_REST_STATUS:
        if (!command_number(command_word(command, 2), 599, &number) || number < 200) {
            return "write: refuse VENUE 429|503|off, or rest-status VENUE CODE "
                   "[RETRY-AFTER-SECONDS]";
        }
        fault->code = (unsigned)number;
        if (command->count > 3 && !command_number(command->words[3], 100000, &number)) {
            return "Retry-After is a number of seconds";
        }
        fault->retry_after_s = command->count > 3 ? (unsigned)number : 0;
        return NULL;
    case FAULT_QUIRK:
        if (!quirk_of_name(command_word(command, 2), &quirk)) {
            return "write: quirk STREAM microseconds|numeric-ts|extra-keys|reorder|spaces";
        }
        fault->code = (unsigned)quirk;
        return NULL;
    case FAULT_CROSS:
    case FAULT_MUTE:
    case FAULT_FREEZE:
    case FAULT_TIME_STUCK:
    case FAULT_SILENT_SUBSCRIBE:
    case FAULT_NO_ACK:
    case FAULT_BLACKHOLE:
    case FAULT_HALF_OPEN:
    case FAULT_FRAGMENT:
    case FAULT_WRONG_ROUTE:
    case FAULT_REST_HANG:
    case FAULT_HOLD_ACCEPT:
    case FAULT_MAINTENANCE:
    case FAULT_HALT:
        break;
    }
    return NULL;
}

/* Some faults are a state of the connections that are there. */
static void apply_to_connections(struct exchange *exchange, const struct fault *fault, bool is_on)
{
    for (struct connection *at = exchange->connections; at != NULL; at = at->next) {
        if (!connection_is_meant(at, &fault->target)) {
            continue;
        }
        if (fault->kind == FAULT_BLACKHOLE || fault->kind == FAULT_HALF_OPEN) {
            at->is_blackholed = is_on;
            at->heard_mono_ns = exchange->now.mono_ns;
            transport_read(at, !is_on);
            if (fault->kind == FAULT_HALF_OPEN) {
                transport_unplug(at, is_on);
            }
            transport_wake(at);
        } else if (fault->kind == FAULT_FRAGMENT) {
            at->is_fragmenting = is_on;
        }
    }
}

static bool is_only_for_streams(enum fault_kind kind)
{
    return kind == FAULT_FREEZE || kind == FAULT_GAP || kind == FAULT_REGRESS ||
           kind == FAULT_TIME_STUCK || kind == FAULT_QUIRK || kind == FAULT_CROSS ||
           kind == FAULT_HALT;
}

/* `... off` and `rest-status VENUE 200` say the same as `un...`. */
static bool means_off(const struct command *command)
{
    const char *last = command->words[command->count - 1];
    return strcmp(last, "off") == 0 ||
           (strcmp(command->words[0], "rest-status") == 0 && strcmp(last, "200") == 0);
}

static const char *do_fault(struct exchange *exchange,
                            const struct fault_verb *verb,
                            const struct command *command,
                            bool is_on)
{
    struct fault fault = {.kind = verb->kind,
                          .since_mono_ns = exchange->now.mono_ns,
                          .since_wall_ns = exchange->now.wall_ns};
    const char *target = command_word(command, 1);

    if (target == NULL || strcmp(target, "on") == 0 || strcmp(target, "off") == 0) {
        target = "*";
    }
    if (!target_parse(target, &fault.target)) {
        return "bad target; write conn:N, VENUE/ROUTE or VENUE/SYMBOL/CHANNEL";
    }
    if (is_only_for_streams(fault.kind) && fault.target.kind != TARGET_STREAM) {
        return "this one is for streams: VENUE/SYMBOL/CHANNEL";
    }
    if (!is_on || means_off(command)) {
        (void)faults_remove(&exchange->faults, fault.kind, &fault.target);
        apply_to_connections(exchange, &fault, false);
        return NULL;
    }
    const char *why = read_details(command, &fault);
    if (why != NULL) {
        return why;
    }
    if (!faults_add(&exchange->faults, &fault)) {
        return "too many faults at once";
    }
    apply_to_connections(exchange, &fault, true);
    return NULL;
}

/* ---- account ---- */

static const char *
do_key_expire(struct exchange *exchange, const struct command *command, struct text *answer)
{
    const char *how = command_word(command, 1);
    const bool is_silent = how != NULL && strcmp(how, "silent") == 0;
    const bool is_twice = how != NULL && strcmp(how, "twice") == 0;
    char key[LISTEN_KEY_BYTES];
    unsigned count = 0;

    if (how != NULL && !is_silent && !is_twice && strcmp(how, "event") != 0) {
        return "write: key-expire [event|silent|twice]";
    }
    exchange->expiry_events = is_silent ? 0 : is_twice ? 2 : 1;
    listen_keys_end(&exchange->keys, exchange->now.mono_ns);
    while (listen_key_expire(&exchange->keys, exchange->now.mono_ns, key)) {
        exchange_tell_expired(exchange, key);
        count++;
    }
    exchange->expiry_events = 1;
    text_addf(answer, " keys=%u", count);
    return NULL;
}

static const char *
do_key_rotate(struct exchange *exchange, const struct command *command, struct text *answer)
{
    (void)command;
    text_addf(answer, " keys=%u", listen_keys_rotate(&exchange->keys, exchange->now.mono_ns));
    return NULL;
}

static const char *
do_key_delete(struct exchange *exchange, const struct command *command, struct text *answer)
{
    unsigned count = 0;
    (void)command;
    for (unsigned i = 0; i < exchange->keys.count; i++) {
        count += listen_key_delete(
            &exchange->keys, exchange->keys.list[i].api_key, exchange->now.mono_ns);
    }
    text_addf(answer, " keys=%u", count);
    return NULL;
}

static const char *
do_user_event(struct exchange *exchange, const struct command *command, struct text *answer)
{
    char payload[512];
    const uint64_t now_ms = wall_ms(exchange->now.wall_ns);
    (void)command;
    (void)snprintf(payload,
                   sizeof(payload),
                   "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":%" PRIu64 ",\"T\":%" PRIu64
                   ",\"o\":{\"s\":\"BTCUSDT\",\"c\":\"flatline\",\"S\":\"SELL\",\"o\":\"LIMIT\","
                   "\"f\":\"GTC\",\"q\":\"0.001\",\"p\":\"61000\","
                   "\"x\":\"NEW\",\"X\":\"NEW\",\"i\":8886774,\"l\":\"0\",\"z\":\"0\",\"L\":\"0\","
                   "\"T\":%" PRIu64 ",\"t\":0,\"ps\":\"BOTH\",\"er\":\"0\"}}",
                   now_ms,
                   now_ms,
                   now_ms);
    text_addf(answer,
              " connections=%u",
              exchange_tell_account(exchange, NULL, "ORDER_TRADE_UPDATE", payload));
    return NULL;
}

/* ---- the rest ---- */

static const char *
do_rate(struct exchange *exchange, const struct command *command, struct text *answer)
{
    char *end;
    (void)answer;
    if (command->count < 3) {
        return "write: rate SYMBOL CHANGES-PER-SECOND";
    }
    const double rate = strtod(command->words[2], &end);
    if (*end != '\0' || !(rate >= 0 && rate <= 20000)) {
        return "a rate is 0 to 20000 changes a second";
    }
    market_rate(exchange->market, command->words[1], rate, exchange->now);
    return NULL;
}

/* The streams of a target that have spoken. */
static const char *each_stream(struct exchange *exchange,
                               const struct command *command,
                               void (*act)(struct exchange *exchange, struct topic *topic),
                               struct text *answer)
{
    struct target target;
    unsigned count = 0;
    if (command->count < 2 || !target_parse(command->words[1], &target) ||
        target.kind != TARGET_STREAM) {
        return "this one is for streams: VENUE/SYMBOL/CHANNEL";
    }
    for (struct topic *at = exchange->topics; at != NULL; at = at->next) {
        if (at->stream != NULL && target_is_stream(&target, at->name)) {
            act(exchange, at);
            count++;
        }
    }
    text_addf(answer, " streams=%u", count);
    return NULL;
}

static void duplicate(struct exchange *exchange, struct topic *topic)
{
    if (topic->stream->last.size_bytes > 0) {
        topic_say(exchange, topic, &topic->stream->last);
    }
}

static const char *
do_duplicate(struct exchange *exchange, const struct command *command, struct text *answer)
{
    return each_stream(exchange, command, duplicate, answer);
}

/* OKX, "Order book channel": after maintenance seqId may be smaller than prevSeqId. */
static void reset(struct exchange *exchange, struct topic *topic)
{
    (void)exchange;
    topic->stream->instrument->id_offset += RESET_IDS;
}

static const char *
do_reset_ids(struct exchange *exchange, const struct command *command, struct text *answer)
{
    return each_stream(exchange, command, reset, answer);
}

/* As if a channel's seqId were of another row than its book's other channels'. */
static const char *
do_ids_ahead(struct exchange *exchange, const struct command *command, struct text *answer)
{
    struct target target;
    uint64_t ahead;
    unsigned count = 0;
    if (command->count < 3 || !target_parse(command->words[1], &target) ||
        target.kind != TARGET_STREAM || !command_number(command->words[2], 1000000000, &ahead)) {
        return "write: ids-ahead STREAM N";
    }
    for (struct topic *at = exchange->topics; at != NULL; at = at->next) {
        if (at->stream != NULL && target_is_stream(&target, at->name)) {
            at->stream->id_ahead = ahead;
            count++;
        }
    }
    text_addf(answer, " streams=%u", count);
    return NULL;
}

static const char *
do_connects(struct exchange *exchange, const struct command *command, struct text *answer)
{
    (void)command;
    for (int venue = 0; venue < VENUE_COUNT; venue++) {
        text_addf(answer,
                  " %s=%" PRIu64 " refused=%" PRIu64 ";",
                  venue_name((enum venue)venue),
                  exchange->opened[venue],
                  exchange->refused[venue]);
    }
    return NULL;
}

static const char *
do_bogus(struct exchange *exchange, const struct command *command, struct text *answer)
{
    (void)answer;
    if (command->count < 2) {
        return "write: bogus SYMBOL";
    }
    market_bogus(exchange->market, command->words[1]);
    return NULL;
}

static const char *
do_clear(struct exchange *exchange, const struct command *command, struct text *answer)
{
    const struct fault all[] = {{.kind = FAULT_BLACKHOLE}, {.kind = FAULT_FRAGMENT}};
    (void)command;
    (void)answer;
    faults_clear(&exchange->faults);
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        struct fault fault = all[i];
        (void)target_parse("*", &fault.target);
        apply_to_connections(exchange, &fault, false);
    }
    return NULL;
}

static const char *
do_list(struct exchange *exchange, const struct command *command, struct text *answer)
{
    (void)command;
    for (const struct connection *at = exchange->connections; at != NULL; at = at->next) {
        const char *comma = "";
        text_addf(answer,
                  " conn:%" PRIu64 "=%s/%s queued=%zu streams=",
                  at->id,
                  venue_name(at->venue),
                  serving_name(at->serving),
                  at->outbox.size_bytes);
        for (const struct subscription *each = at->subscriptions; each != NULL;
             each = each->next_of_connection) {
            text_addf(answer, "%s%s", comma, each->topic->name);
            comma = ",";
        }
        text_add(answer, ";");
    }
    return NULL;
}

static const char *
do_stats(struct exchange *exchange, const struct command *command, struct text *answer)
{
    (void)command;
    for (const struct topic *at = exchange->topics; at != NULL; at = at->next) {
        text_addf(answer,
                  " %s frames=%" PRIu64 " last_id=%" PRIu64 " last_mono_ns=%" PRIu64 ";",
                  at->name,
                  at->frames,
                  at->last_id,
                  at->last_said_mono_ns);
    }
    return NULL;
}

static const char *
do_nothing(struct exchange *exchange, const struct command *command, struct text *answer)
{
    (void)exchange;
    (void)command;
    (void)answer;
    return NULL;
}

typedef const char *
exchange_verb(struct exchange *exchange, const struct command *command, struct text *answer);

static const struct {
    const char *verb;
    exchange_verb *act;
} EXCHANGE_VERBS[] = {
    {"key-expire", do_key_expire},
    {"key-rotate", do_key_rotate},
    {"key-delete", do_key_delete},
    {"user-event", do_user_event},
    {"rate", do_rate},
    {"bogus", do_bogus},
    {"duplicate", do_duplicate},
    {"reset", do_reset_ids},
    {"ids-ahead", do_ids_ahead},
    {"connects", do_connects},
    {"clear", do_clear},
    {"list", do_list},
    {"stats", do_stats},
    {"stamp", do_nothing},
    {"quit", do_nothing},
};

static const char *
verb_act(struct exchange *exchange, const struct command *command, struct text *answer)
{
    const char *verb = command->words[0];
    const struct fault_verb *fault = fault_verb(verb);

    if (fault != NULL) {
        return do_fault(exchange, fault, command, true);
    }
    if (strncmp(verb, "un", 2) == 0 && (fault = fault_verb(verb + 2)) != NULL) {
        return do_fault(exchange, fault, command, false);
    }
    for (size_t i = 0; i < ARRAY_COUNT(EXCHANGE_VERBS); i++) {
        if (strcmp(EXCHANGE_VERBS[i].verb, verb) == 0) {
            return EXCHANGE_VERBS[i].act(exchange, command, answer);
        }
    }
    return connection_verb_do(exchange, command, answer);
}

const char *verb_do(struct exchange *exchange, const struct command *command, struct text *answer)
{
    const char *why = verb_act(exchange, command, answer);
    exchange_follow_work(exchange);
    return why;
}
