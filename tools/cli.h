/* SPDX-License-Identifier: MIT
 *
 * cli.h - what the reader commands share: options, attaching, tables, times for people, JSON.
 *
 * The commands are ordinary readers: of flatline they know include/ alone.
 */
#ifndef FLATLINE_TOOLS_CLI_H
#define FLATLINE_TOOLS_CLI_H

#include "flatline/flatline.h"

#include <jansson.h>
#include <stdio.h>

enum cli_exit { CLI_DONE, CLI_FAILED, CLI_USAGE, CLI_DEAD };

/* ---- options --------------------------------------------------------------------------------- */

#define CLI_OPTIONS_MAX 8U

struct cli_option {
    const char *name;     /* long, without the dashes */
    const char *argument; /* NULL: a flag */
    const char *text;
};

/* Every command has --segment, --json and --help besides its own. */
struct cli_usage {
    const char *command;
    const char *arguments; /* "" or e.g. "[NAME...]" */
    const char *text;
    struct cli_option own[CLI_OPTIONS_MAX]; /* ends with a NULL name */
};

struct cli_choice {
    const char *segment; /* NULL: the default */
    bool json;
    const char *own[CLI_OPTIONS_MAX]; /* NULL: not given; a flag given: "" */
    int argument_count;
    char **arguments;
};

/** Parses; prints help or complaint itself. Returns true: go on. false: *ret_exit is the exit
 *  code. */
bool cli_parse(
    const struct cli_usage *usage, int argc, char **argv, struct cli_choice *choice, int *ret_exit);

/** A whole number of an option, at most max. false: said what is wrong. */
bool cli_number(const struct cli_usage *usage,
                const char *option,
                const char *text,
                uint64_t max,
                uint64_t *ret_number);

/* ---- the segment ----------------------------------------------------------------------------- */

/** Attaches, or says why not on stderr and returns the exit code (never 0). */
int cli_attach(const char *command, const char *segment, struct flatline **ret_reader);

/** One word of a record of flatline_record(): live, so read once. */
static inline uint64_t cli_word(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED); /* relaxed: shown, not acted upon */
}

/** A detail that is worth showing: retried while the writer is busy. false: it cannot be had
 *  (dead writer, superseded). */
bool cli_snapshot(const struct flatline *reader,
                  uint32_t stream,
                  struct flatline_snapshot *ret_snapshot);

/** All faults, newest first, or only the open ones; free() it. Returns how many, negative: out
 *  of memory or torn for ever. */
int cli_faults(const struct flatline *reader, bool open_only, struct flatline_fault **ret_faults);

/* ---- JSON ------------------------------------------------------------------------------------ */

/** A string, with what is not UTF-8 replaced. NULL text: null. */
json_t *cli_json_text(const char *text);

/** The name of a stream, null for FLATLINE_NO_INDEX. */
json_t *cli_json_stream(const struct flatline *reader, uint32_t stream);

/** {"key": value ...} of a fault's evidence; signed, as codes may be negative. */
json_t *cli_json_evidence(const struct flatline_fault *fault);

/** What a fault is of, for people: its stream, else its connection, else its scope. */
void cli_fault_place(const struct flatline *reader,
                     const struct flatline_fault *fault,
                     char place[FLATLINE_NAME_BYTES]);

/** The name of a connection, null for FLATLINE_NO_INDEX. */
json_t *cli_json_connection(const struct flatline *reader, uint32_t connection);

/** A fault of the table as an object. */
json_t *cli_json_fault(const struct flatline *reader, const struct flatline_fault *fault);

/** later - earlier; null when earlier is 0 (never). */
json_t *cli_json_span(uint64_t earlier_ns, uint64_t later_ns);

/** Sets a key to a word of the segment: 64 bits, exact up to 2^63. */
void cli_json_word(json_t *object, const char *key, uint64_t word);

/** Prints one object on one line, drops it, flushes. Returns CLI_DONE, or CLI_FAILED if
 *  standard output is gone. */
int cli_json_print(json_t *object);

/* ---- for people ------------------------------------------------------------------------------ */

#define CLI_TEXT_BYTES 32

/** "3.2 ms", "1.204 s", "2h 05m"; negative spans with a sign. */
void cli_span_text(int64_t span_ns, char text[CLI_TEXT_BYTES]);

/** later - earlier, "-" when earlier is 0. */
void cli_age_text(uint64_t earlier_ns, uint64_t later_ns, char text[CLI_TEXT_BYTES]);

enum cli_colour { CLI_PLAIN, CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_DIM };

#define CLI_EVIDENCE_BYTES 256

/** A fault's evidence as "key value, key value"; keys ending in _ns as times. */
void cli_evidence_text(const struct flatline_fault *fault, char text[CLI_EVIDENCE_BYTES]);

/* A table of text, printed with aligned columns once it is whole. */
struct cli_table;

struct cli_table *cli_table_create(uint32_t columns, const char *const *titles);

/** Adds a cell; after the last of a row the next begins. */
void cli_table_add(struct cli_table *table, enum cli_colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Prints, with colour only on a terminal and without NO_COLOR, and frees. */
void cli_table_print(struct cli_table *table);

/** Prints the one that is wanted, frees both. Returns the exit code. */
int cli_print_either(bool json, json_t *object, struct cli_table *table);

/** Prints text in a colour, if colour is wanted on standard output. */
void cli_print(enum cli_colour colour, const char *text);

/** The colour of an answer. */
enum cli_colour cli_why_colour(enum flatline_why why);

/** "witness" or "both": whose data a gate requires. */
const char *cli_gate_requires(const struct flatline_gate *gate);

/** Flushes standard output. CLI_FAILED if it is gone. */
int cli_finish(int code);

/** How often each gate closed in the last since_ns, as far as the event ring remembers. Prints;
 *  returns the exit code. */
int cli_gates_since(const struct flatline *reader, uint64_t since_ns, bool json);

/** The exit code of a command that has printed what it could, from a look made before it did: CLI_DEAD
 *  with a line on standard error where the sentinel is not alive. */
int cli_verdict(const char *command, bool is_alive, int code);

/** The usual course of a command without options of its own: parse, attach, print, detach. */
int cli_run(const struct cli_usage *usage,
            int argc,
            char **argv,
            int (*print)(const struct flatline *reader, bool json));

#endif
