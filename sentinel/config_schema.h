/* SPDX-License-Identifier: MIT
 *
 * config_schema.h - a map of the file against a table of fields: which keys there are, what each
 * holds, between which bounds, and where it goes. All sections of the file are read by
 * section_read() and such a table.
 */
#ifndef FLATLINE_SENTINEL_CONFIG_SCHEMA_H
#define FLATLINE_SENTINEL_CONFIG_SCHEMA_H

#include "sentinel/config.h"
#include "sentinel/config_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names;

/* What is known of each stream beyond the configuration, while the file is being read. */
struct stream_note {
    struct mark mark;
    bool is_asked_for; /* `observed: false`: into the automatic gates, whatever its class */
};

#define BAD_NAMES_MAX 256U

/* One reading of one file: what the sections share. */
struct reading {
    const char *folder; /* relative paths count from here */
    struct problems *problems;
    struct config *config;
    struct names *names;                         /* index = index in config.streams */
    struct stream_note *notes;                   /* as many as config.streams */
    const struct node *bad_names[BAD_NAMES_MAX]; /* streams complained of */
    uint32_t bad_name_count;
};

struct field;

/** Reads one value into base; complains by problem_add(). */
typedef void (*field_reader)(struct reading *reading,
                             const struct field *field,
                             const struct node *value,
                             void *base);

struct field {
    const char *key;
    field_reader read;
    size_t offset; /* of the target in base */
    uint64_t min;
    uint64_t max;
    const char *example;       /* a value to write instead */
    const char *const *words;  /* choices: ends with NULL; the target becomes the index */
    const struct field *inner; /* a section inside: its fields, ends with a NULL key */
};

/** Reads a map by its table, which ends with a NULL key: each field in the table's order, then
 *  names the keys that are not in it. what names the section in messages ("threads"). */
void section_read(struct reading *reading,
                  const char *what,
                  const struct field *fields,
                  const struct node *map,
                  void *base);

/* Readers for the common kinds; the type of the target is said before each. */

/** uint64_t, ns. */
void read_duration(struct reading *reading,
                   const struct field *field,
                   const struct node *value,
                   void *base);
/** uint64_t, ns; the word off is 0. */
void read_duration_or_off(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          void *base);
/** uint32_t, bytes. */
void read_size(struct reading *reading,
               const struct field *field,
               const struct node *value,
               void *base);
/** uint32_t. */
void read_count(struct reading *reading,
                const struct field *field,
                const struct node *value,
                void *base);
/** uint32_t. */
void read_power_of_two(struct reading *reading,
                       const struct field *field,
                       const struct node *value,
                       void *base);
/** bool. */
void read_boolean(struct reading *reading,
                  const struct field *field,
                  const struct node *value,
                  void *base);
/** int, the index in field.words. */
void read_word(struct reading *reading,
               const struct field *field,
               const struct node *value,
               void *base);
/** A structure, read by field.inner. */
void read_section(struct reading *reading,
                  const struct field *field,
                  const struct node *value,
                  void *base);

/** The text of a value that must be a plain one, or NULL after complaining. */
const char *text_of(struct reading *reading, const struct field *field, const struct node *value);

/** Copies text into the heap at base + offset, freeing what is there. */
void text_store(struct reading *reading, const struct node *value, const char *text, char **ret);

/** A path made absolute from the file's folder; NULL after complaining. The caller frees it. */
char *path_resolve(struct reading *reading, const struct node *value, const char *path);

/* The sections that are more than a table: config_streams.c, config_gates.c, config_venues.c,
 * config_process.c, config_engines.c. */
void read_streams(struct reading *reading,
                  const struct field *field,
                  const struct node *value,
                  void *base);
void read_gates(struct reading *reading,
                const struct field *field,
                const struct node *value,
                void *base);
void read_venues(struct reading *reading,
                 const struct field *field,
                 const struct node *value,
                 void *base);
void read_user_data(struct reading *reading,
                    const struct field *field,
                    const struct node *value,
                    void *base);
void read_engine_sockets(struct reading *reading,
                         const struct field *field,
                         const struct node *value,
                         void *base);
void read_policy(struct reading *reading,
                 const struct field *field,
                 const struct node *value,
                 void *base);
void read_group(struct reading *reading,
                const struct field *field,
                const struct node *value,
                void *base);
void read_state_file(struct reading *reading,
                     const struct field *field,
                     const struct node *value,
                     void *base);
void read_socket_path(struct reading *reading,
                      const struct field *field,
                      const struct node *value,
                      void *base);
extern const struct field segment_fields[];
extern const struct field threads_fields[];
extern const struct field detect_fields[];
extern const struct field silence_fields[];
extern const struct field record_fields[];

/** Without `gates:` one gate an instrument: its books and best bids and asks, and the user stream
 *  of its venue. */
void gates_automatic(struct reading *reading);

/** Streams beyond what a venue's connections and a tenth of its connects can carry. */
void streams_check_budget(struct reading *reading);

/** Defaults that need no file; the real venues' addresses. false: out of memory. */
bool config_defaults(struct config *config);

#endif
