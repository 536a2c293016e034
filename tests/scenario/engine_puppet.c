/* SPDX-License-Identifier: MIT
 *
 * engine_puppet.c - an engine that does as it is told, one command a line on standard input, one JSON object a line back. Its own
 * feed is as good as the sentinel's until it is told to stop: it echoes each id as soon as the segment shows it.
 *
 *     engine_puppet SEGMENT NAME STREAM GATE
 *
 *     follow            echo what is shown, every 100 us, until the next command
 *     fall              echo no more; answers when the first id was missed, and when own_fresh and the bound gate turned false
 *     quote, stubborn   quotes stand; `quote` pulls them when the gate closes, `stubborn` never does
 *     pull              the quotes are gone
 *     trade N           sends N orders whose reports come 1 ms later
 *     order             sends an order whose report does not come; `report` lets all of them come
 *     key, prove        extends the listenKey of STREAM; shows that its socket lives
 *     fail              an extend that failed
 *     leave             says goodbye
 */
#include "flatline/engine.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_NS 100000U

struct puppet {
    struct flatline *reader;
    struct flatline_stream stream;
    struct flatline_gate gate;
    struct flatline_engine *engine;
    struct flatline_engine_echo *echo;
    struct flatline_engine_worker *loop;
    struct flatline_engine_gate *told;
    struct flatline_engine_orders *orders;
    struct flatline_engine_key *key;
    uint64_t last_id;
    uint64_t waiting; /* the last orders, without report */
    bool follows;
    bool quotes;
    bool stubborn;
    bool was_open;
};

static void nap(uint64_t ns)
{
    const struct timespec span = {.tv_nsec = (long)ns};
    (void)nanosleep(&span, NULL);
}

/* The newest id that the segment shows; 0: it cannot be had. */
static uint64_t frontier(const struct puppet *puppet)
{
    struct flatline_snapshot copy;
    return flatline_take_snapshot(&puppet->stream, puppet->reader, &copy) == 0
               ? copy.detail.frontier_id
               : 0;
}

/* One turn of the engine's loop. */
static void turn(struct puppet *puppet)
{
    const uint64_t now = flatline_now_mono_ns();
    const uint64_t id = puppet->follows ? frontier(puppet) : 0;
    flatline_beat(puppet->loop, now);
    if (id > puppet->last_id) {
        puppet->last_id = id;
        flatline_echo(puppet->echo, id, now);
    }
    const bool open = flatline_look_quote(puppet->reader, &puppet->gate, now);
    if (open != puppet->was_open) {
        puppet->was_open = open;
        flatline_gate_seen(puppet->told, open, now);
    }
    if (puppet->quotes && !puppet->stubborn) {
        if (open) {
            flatline_gate_quoting(puppet->told);
        } else if (puppet->told->quoting != 0) {
            flatline_gate_pulled(puppet->told, flatline_now_mono_ns());
        }
    }
}

/* Echoes no more, and watches what becomes of it; 3 s at most. */
static void fall(struct puppet *puppet)
{
    uint64_t missed_ns = 0;
    uint64_t own_ns = 0;
    uint64_t gate_ns = 0;
    puppet->follows = false;
    for (uint32_t i = 0; i < 30000U && (own_ns == 0 || gate_ns == 0); i++) {
        const uint64_t newest = frontier(puppet);
        const uint64_t now = flatline_now_mono_ns();
        if (missed_ns == 0 && newest > puppet->last_id) {
            missed_ns = now;
        }
        if (own_ns == 0 && !flatline_own_fresh(&puppet->stream, puppet->last_id, now)) {
            own_ns = now;
        }
        if (gate_ns == 0 && !flatline_gate_fresh(&puppet->gate, now)) {
            gate_ns = now;
        }
        turn(puppet);
        nap(STEP_NS);
    }
    (void)printf("{\"missed_ns\":%" PRIu64 ",\"own_ns\":%" PRIu64 ",\"gate_ns\":%" PRIu64
                 ",\"why\":\"%s\",\"fresh\":%s}\n",
                 missed_ns,
                 own_ns,
                 gate_ns,
                 flatline_why_name(flatline_gate_why(&puppet->gate, flatline_now_mono_ns(), NULL)),
                 flatline_fresh(&puppet->stream, flatline_now_mono_ns()) ? "true" : "false");
}

static void trade(struct puppet *puppet, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t number = flatline_order_sent(puppet->orders, flatline_now_mono_ns());
        nap(1000000U);
        flatline_report_seen(puppet->orders, number, flatline_now_mono_ns());
        turn(puppet);
    }
}

static void order(struct puppet *puppet, bool report)
{
    const uint64_t now = flatline_now_mono_ns();
    if (!report) {
        (void)flatline_order_sent(puppet->orders, now);
        puppet->waiting++;
    }
    for (; report && puppet->waiting > 0; puppet->waiting--) {
        flatline_report_seen(puppet->orders, puppet->orders->sent_count - puppet->waiting, now);
    }
}

/* false: it was told to leave, or what it does not know. */
static bool obey(struct puppet *puppet, const char *line)
{
    uint64_t count;
    const uint64_t now = flatline_now_mono_ns();
    if (strcmp(line, "follow") == 0) {
        puppet->follows = true;
    } else if (strcmp(line, "fall") == 0) {
        fall(puppet);
        return true;
    } else if (strcmp(line, "quote") == 0 || strcmp(line, "stubborn") == 0) {
        puppet->quotes = true;
        puppet->stubborn = line[0] == 's';
        flatline_gate_quoting(puppet->told);
    } else if (strcmp(line, "pull") == 0) {
        puppet->quotes = false;
        flatline_gate_pulled(puppet->told, now);
    } else if (sscanf(line, "trade %" SCNu64, &count) == 1) {
        trade(puppet, count);
    } else if (strcmp(line, "order") == 0 || strcmp(line, "report") == 0) {
        order(puppet, line[0] == 'r');
    } else if (strcmp(line, "key") == 0) {
        flatline_key_extended(puppet->key, 7, now);
    } else if (strcmp(line, "prove") == 0) {
        flatline_key_proven(puppet->key, now);
    } else if (strcmp(line, "fail") == 0) {
        flatline_key_failed(puppet->key);
    } else {
        return false;
    }
    (void)printf("{\"done_ns\":%" PRIu64 "}\n", now);
    return true;
}

static bool begin(struct puppet *puppet, char **argv)
{
    return flatline_attach(argv[1], &puppet->reader) == 0 &&
           flatline_find(puppet->reader, argv[3], &puppet->stream) == 0 &&
           flatline_find_gate(puppet->reader, argv[4], &puppet->gate) == 0 &&
           flatline_engine_create(argv[1], argv[2], NULL, &puppet->engine) == 0 &&
           flatline_declare_stream(puppet->engine, argv[3], &puppet->echo) == 0 &&
           flatline_declare_worker(puppet->engine, "loop", 20000000U, &puppet->loop) == 0 &&
           flatline_declare_gate(puppet->engine, argv[4], &puppet->told) == 0 &&
           flatline_declare_orders(puppet->engine, "orders", &puppet->orders) == 0 &&
           flatline_declare_key(puppet->engine, argv[3], &puppet->key) == 0 &&
           flatline_gate_bind_engine(puppet->reader, &puppet->gate, puppet->engine) == 0;
}

int main(int argc, char **argv)
{
    struct puppet puppet = {0};
    char line[128];
    if (argc != 5 || !begin(&puppet, argv)) {
        (void)fprintf(stderr, "usage: engine_puppet SEGMENT NAME STREAM GATE\n");
        return 2;
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    bool stays = true;
    while (stays) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        turn(&puppet);
        if (poll(&input, 1, 0) == 0) {
            nap(STEP_NS);
            continue;
        }
        stays = fgets(line, sizeof(line), stdin) != NULL;
        line[strcspn(line, "\n")] = '\0';
        stays = stays && obey(&puppet, line);
    }
    flatline_engine_close(puppet.engine);
    flatline_detach(puppet.reader);
    return 0;
}
