/* SPDX-License-Identifier: MIT */
#include "sentinel/config_online.h"

#include "core/base.h"
#include "core/clock.h"
#include "feeds/names.h"
#include "sentinel/config_near.h"
#include "sentinel/rest.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIST_BYTES_MAX (64U * 1024U * 1024U)
#define STEP_NS        1000000L
#define NEAREST_MAX    16U /* after so many misses it is no slip of the pen */

/* Where each venue lists its instruments, and how. OKX lists one kind at a time; options want a
 * family each and are not asked for. facts: COIN-M says contractStatus where the others say
 * status. */
struct list {
    enum flatline_venue venue;
    const char *path;
    const char *array;
    const char *symbol;
    const char *status;
    const char *trading; /* the status of an instrument that has data */
};

static const struct list lists[] = {
    {FLATLINE_VENUE_BINANCE_SPOT, "/api/v3/exchangeInfo", "symbols", "symbol", "status", "TRADING"},
    {FLATLINE_VENUE_BINANCE_USDM,
     "/fapi/v1/exchangeInfo",
     "symbols",
     "symbol",
     "status",
     "TRADING"},
    {FLATLINE_VENUE_BINANCE_COINM,
     "/dapi/v1/exchangeInfo",
     "symbols",
     "symbol",
     "contractStatus",
     "TRADING"},
    {FLATLINE_VENUE_OKX,
     "/api/v5/public/instruments?instType=SPOT",
     "data",
     "instId",
     "state",
     "live"},
    {FLATLINE_VENUE_OKX,
     "/api/v5/public/instruments?instType=SWAP",
     "data",
     "instId",
     "state",
     "live"},
    {FLATLINE_VENUE_OKX,
     "/api/v5/public/instruments?instType=FUTURES",
     "data",
     "instId",
     "state",
     "live"},
};

struct instrument {
    const char *symbol; /* borrowed from the body */
    const char *status;
    const char *trading;
};

/* What one venue lists, sorted by symbol. */
struct listing {
    json_t *bodies[ARRAY_COUNT(lists)];
    struct instrument *instruments;
    size_t count;
};

/* ---- asking ---------------------------------------------------------------------------------- */

struct asked {
    bool is_answered;
    int status;
    json_t *body;
    char why[96];
};

static void on_list(void *user, const struct rest_answer *answer)
{
    struct asked *asked = user;
    json_error_t error;
    asked->is_answered = true;
    asked->status = answer->status;
    (void)snprintf(asked->why, sizeof(asked->why), "%s", answer->text);
    if (answer->status == 200) {
        asked->body = json_loadb(answer->body, answer->body_bytes, JSON_REJECT_DUPLICATES, &error);
        if (asked->body == NULL) {
            (void)snprintf(asked->why, sizeof(asked->why), "not JSON: %.80s", error.text);
        }
    }
}

/* Asks for one list and waits; bounded by the call's own time limit. NULL: said why on out. */
static json_t *list_fetch(struct rest *rest, const struct list *list, FILE *out)
{
    struct asked asked = {.is_answered = false};
    const struct rest_request request = {.venue = (uint32_t)list->venue,
                                         .method = "GET",
                                         .path = list->path,
                                         .body_bytes_max = LIST_BYTES_MAX,
                                         .on_answer = on_list,
                                         .user = &asked};
    const int result = rest_ask(rest, &request, clock_mono_ns());
    if (result != 0) {
        (void)snprintf(asked.why, sizeof(asked.why), "%s", strerror(-result));
    }
    while (result == 0 && !asked.is_answered) {
        const struct timespec step = {0, STEP_NS};
        (void)nanosleep(&step, NULL);
        (void)rest_service(rest, clock_mono_ns());
    }
    if (asked.body == NULL) {
        (void)fprintf(out,
                      "%s: cannot ask for its instruments, %s: HTTP %d %s\n",
                      venue_facts(list->venue)->name,
                      list->path,
                      asked.status,
                      asked.why);
    }
    return asked.body;
}

/* ---- one venue's instruments ----------------------------------------------------------------- */

static int instrument_compare(const void *left, const void *right)
{
    const struct instrument *a = left;
    const struct instrument *b = right;
    return strcmp(a->symbol, b->symbol);
}

static int listing_add(struct listing *listing, const struct list *list, const json_t *body)
{
    const json_t *all = json_object_get(body, list->array);
    const size_t more = json_array_size(all);
    struct instrument *grown =
        realloc(listing->instruments, (listing->count + more + 1U) * sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    listing->instruments = grown;
    for (size_t i = 0; i < more; i++) {
        const json_t *one = json_array_get(all, i);
        const char *symbol = json_string_value(json_object_get(one, list->symbol));
        const char *status = json_string_value(json_object_get(one, list->status));
        if (symbol != NULL) {
            grown[listing->count++] =
                (struct instrument){symbol, status != NULL ? status : "", list->trading};
        }
    }
    return 0;
}

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        json_decref(listing->bodies[i]);
    }
    free(listing->instruments);
}

static int
listing_fetch(struct listing *listing, struct rest *rest, enum flatline_venue venue, FILE *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        if (lists[i].venue != venue) {
            continue;
        }
        listing->bodies[i] = list_fetch(rest, &lists[i], out);
        if (listing->bodies[i] == NULL) {
            return -EIO;
        }
        const int result = listing_add(listing, &lists[i], listing->bodies[i]);
        if (result != 0) {
            return result;
        }
    }
    if (listing->count == 0) {
        (void)fprintf(out, "%s: lists no instrument at all\n", venue_facts(venue)->name);
        return -EIO;
    }
    qsort(listing->instruments, listing->count, sizeof(*listing->instruments), instrument_compare);
    return 0;
}

/* ---- streams against them -------------------------------------------------------------------- */

/* Streams of one listed instrument. Not so: the account's, all symbols at once, OKX's
 * instrument types, and its options, which end in -C or -P and were not asked for. */
static bool is_of_instrument(const struct config_stream *stream, struct span symbol)
{
    const bool is_okx = stream->traits.venue == FLATLINE_VENUE_OKX;
    const char *end = symbol.bytes + symbol.size_bytes;
    const bool is_option =
        symbol.size_bytes > 2 && end[-2] == '-' && (end[-1] == 'C' || end[-1] == 'P');
    return stream->traits.stream_class != FLATLINE_CLASS_USER && !span_equals(symbol, "*") &&
           !(is_okx && (is_option || memchr(symbol.bytes, '-', symbol.size_bytes) == NULL));
}

static void missing_tell(const struct listing *listing,
                         const struct config_stream *stream,
                         const char *symbol,
                         uint32_t misses,
                         FILE *out)
{
    struct near near = {.word = symbol};
    for (size_t i = 0; misses < NEAREST_MAX && i < listing->count; i++) {
        if (strcmp(listing->instruments[i].status, listing->instruments[i].trading) == 0) {
            near_offer(&near, listing->instruments[i].symbol);
        }
    }
    (void)fprintf(out,
                  "%s: %s does not list %s; write %s\n",
                  stream->name,
                  venue_facts(stream->traits.venue)->name,
                  symbol,
                  near.best != NULL ? near.best : "a symbol that it lists");
}

static bool stream_check(const struct listing *listing,
                         const struct config_stream *stream,
                         uint32_t misses,
                         FILE *out)
{
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    char text[FLATLINE_NAME_BYTES];
    if (!names_split(stream->name, &venue, &symbol, &channel) ||
        !is_of_instrument(stream, symbol)) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)symbol.size_bytes, symbol.bytes);
    const struct instrument key = {.symbol = text};
    const struct instrument *found =
        bsearch(&key, listing->instruments, listing->count, sizeof(key), instrument_compare);
    if (found == NULL) {
        missing_tell(listing, stream, text, misses, out);
        return false;
    }
    if (strcmp(found->status, found->trading) != 0) {
        (void)fprintf(out,
                      "%s: %s says %s is %s, and it will be silent; remove it, or wait for %s\n",
                      stream->name,
                      venue_facts(venue)->name,
                      text,
                      found->status,
                      found->trading);
        return false;
    }
    return true;
}

static int
venue_check(struct rest *rest, const struct config *config, enum flatline_venue venue, FILE *out)
{
    const struct config_venue *place = &config->venues[venue];
    struct listing listing = {.count = 0};
    uint32_t misses = 0;
    int result =
        rest_add_venue(rest, (uint32_t)venue, place->rest_url, place->address, place->ca_file);
    if (result != 0) {
        (void)fprintf(out,
                      "%s: cannot ask %s: %s\n",
                      venue_facts(venue)->name,
                      place->rest_url,
                      strerror(-result));
        return -EIO;
    }
    result = listing_fetch(&listing, rest, venue, out);
    for (uint32_t i = 0; result == 0 && i < config->stream_count; i++) {
        const struct config_stream *stream = &config->streams[i];
        if (stream->traits.venue == venue && !stream_check(&listing, stream, misses, out)) {
            misses++;
        }
    }
    listing_free(&listing);
    return result != 0 ? result : misses > 0 ? -EINVAL : 0;
}

int config_online(const struct config *config, FILE *out)
{
    struct rest *rest = NULL;
    int result = rest_create(&rest);
    if (result != 0) {
        return result;
    }
    for (int i = 0; i < CONFIG_VENUES; i++) {
        if (config->venues[i].used) {
            const int one = venue_check(rest, config, (enum flatline_venue)i, out);
            /* A wrong symbol is the graver news: it will not mend itself. */
            result = one == -EINVAL || result == 0 ? one : result;
        }
    }
    rest_destroy(rest);
    return result;
}
