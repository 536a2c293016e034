/* SPDX-License-Identifier: MIT
 *
 * connection_verbs.c - commands that act on connections at once: endings, notices, hostile bytes.
 */
#include "venue/verbs.h"

#include "core/base.h"
#include "venue/hostile.h"
#include "venue/transport.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OKX_NOTICE_LEAD_NS (60 * NS_PER_S) /* OKX v5, code 64008 */
#define SHUTDOWN_LEAD_NS   (10 * NS_PER_S)

static void do_reset(struct connection *connection, const struct command *command)
{
    (void)command;
    transport_reset(connection);
}

static void do_finish(struct connection *connection, const struct command *command)
{
    (void)command;
    transport_finish(connection);
}

static const char *check_close(const struct command *command)
{
    uint64_t code = 0;
    return command_number(command_word(command, 2), 4999, &code) && code >= 1000
               ? NULL
               : "write: close TARGET CODE [REASON], CODE 1000 to 4999";
}

static void do_close(struct connection *connection, const struct command *command)
{
    uint64_t code = 0;
    char reason[CLOSE_REASON_BYTES] = "";
    size_t used = 0;

    (void)command_number(command_word(command, 2), 4999, &code);
    for (unsigned i = 3; i < command->count && used < sizeof(reason); i++) {
        used += (size_t)snprintf(
            reason + used, sizeof(reason) - used, "%s%s", i > 3 ? " " : "", command->words[i]);
    }
    connection_close(connection, (unsigned)code, reason);
}

static const char *check_hostile(const struct command *command)
{
    struct text bytes = {0};
    const bool is_known =
        command_word(command, 2) != NULL && hostile_bytes(command->words[2], &bytes);
    text_free(&bytes);
    return is_known ? NULL : hostile_kinds();
}

static void do_hostile(struct connection *connection, const struct command *command)
{
    struct text bytes = {0};
    (void)hostile_bytes(command->words[2], &bytes);
    struct message *message = message_create(bytes.bytes, bytes.size_bytes);
    connection_send(connection, message, SEND_RAW);
    message_release(message);
    text_free(&bytes);
}

static const char *check_lead(const struct command *command)
{
    uint64_t lead_ns;
    return command->count < 3 || duration_parse(command->words[2], &lead_ns)
               ? NULL
               : "the lead is a duration, such as 3s";
}

static void
close_later(struct connection *connection, const struct command *command, uint64_t standard_ns)
{
    uint64_t lead_ns = standard_ns;
    if (command->count > 2) {
        (void)duration_parse(command->words[2], &lead_ns);
    }
    connection->close_due_ns = connection->exchange->now.mono_ns + lead_ns;
}

static void do_notice(struct connection *connection, const struct command *command)
{
    char text[192];
    if (connection->venue != VENUE_OKX) {
        return;
    }
    (void)snprintf(text,
                   sizeof(text),
                   "{\"event\":\"notice\",\"code\":\"64008\",\"msg\":\"The connection will soon be "
                   "closed for a service "
                   "upgrade. Please reconnect.\",\"connId\":\"%s\"}",
                   connection->id_text);
    connection_send_text(connection, text);
    close_later(connection, command, OKX_NOTICE_LEAD_NS);
}

/* spot web-socket-streams.md, serverShutdown: combined connections get it in an envelope of its
 * own name. */
static void do_shutdown(struct connection *connection, const struct command *command)
{
    char text[160];
    if (connection->venue == VENUE_OKX) {
        return;
    }
    (void)snprintf(text,
                   sizeof(text),
                   "%s{\"e\":\"serverShutdown\",\"E\":%" PRIu64 "}%s",
                   connection->is_combined ? "{\"stream\":\"!serverShutdown\",\"data\":" : "",
                   wall_ms(connection->exchange->now.wall_ns),
                   connection->is_combined ? "}" : "");
    connection_send_text(connection, text);
    close_later(connection, command, SHUTDOWN_LEAD_NS);
}

/* OKX: it comes after a good acknowledgement, and the subscription is gone. */
static void do_count_error(struct connection *connection, const struct command *command)
{
    struct target target;
    (void)target_parse(command->words[1], &target); /* it was found by this very target */
    for (struct subscription *at = connection->subscriptions; at != NULL;
         at = at->next_of_connection) {
        const bool is_meant =
            target.kind != TARGET_STREAM || target_is_stream(&target, at->topic->name);
        if (connection->venue == VENUE_OKX && is_meant) {
            struct text text = {0};
            text_addf(&text,
                      "{\"event\":\"channel-conn-count-error\",\"channel\":\"%s\",\"connCount\":"
                      "\"30\",\"connId\":\"%s\"}",
                      strrchr(at->topic->name, '/') + 1,
                      connection->id_text);
            connection_send_text(connection, text.bytes);
            text_free(&text);
            connection_unsubscribe(connection, at->topic);
            return;
        }
    }
}

static const struct connection_verb {
    const char *verb;
    const char *(*check)(const struct command *command); /* NULL: nothing to check */
    void (*act)(struct connection *connection, const struct command *command);
} VERBS[] = {
    {"rst", NULL, do_reset},
    {"fin", NULL, do_finish},
    {"close", check_close, do_close},
    {"hostile", check_hostile, do_hostile},
    {"notice64008", check_lead, do_notice},
    {"shutdown-notice", check_lead, do_shutdown},
    {"conn-count-error", NULL, do_count_error},
};

static const char *each_connection(struct exchange *exchange,
                                   const struct command *command,
                                   const struct connection_verb *verb,
                                   struct text *answer)
{
    struct target target;
    unsigned count = 0;
    struct connection *next;

    if (command->count < 2 || !target_parse(command->words[1], &target)) {
        return "whom? conn:N, VENUE/ROUTE or VENUE/SYMBOL/CHANNEL";
    }
    const char *why = verb->check == NULL ? NULL : verb->check(command);
    if (why != NULL) {
        return why;
    }
    for (struct connection *at = exchange->connections; at != NULL; at = next) {
        next = at->next;
        if (!at->is_dead && connection_is_meant(at, &target)) {
            verb->act(at, command);
            count++;
        }
    }
    text_addf(answer, " connections=%u", count);
    return NULL;
}

const char *
connection_verb_do(struct exchange *exchange, const struct command *command, struct text *answer)
{
    for (size_t i = 0; i < ARRAY_COUNT(VERBS); i++) {
        if (strcmp(VERBS[i].verb, command->words[0]) == 0) {
            return each_connection(exchange, command, &VERBS[i], answer);
        }
    }
    return "unknown command; docs/VENUE.md lists them";
}
