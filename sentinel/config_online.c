/* SPDX-License-Identifier: MIT */
#include "sentinel/config_online.h"

#include "core/base.h"
#include "core/clock.h"
#include "feeds/names.h"
#include "sentinel/rest.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define LIST_BYTES_MAX (64U * 1024U * 1024U)
#define STEP_NS        1000000L

/* Where each venue lists its instruments. OKX asks for a kind at a time; options need a family and are not asked for. */
static const struct {
    enum flatline_venue venue;
    const char *path;
} LISTS[] = {
    {FLATLINE_VENUE_BINANCE_SPOT, "/api/v3/exchangeInfo"},
    {FLATLINE_VENUE_BINANCE_USDM, "/fapi/v1/exchangeInfo"},
    {FLATLINE_VENUE_BINANCE_COINM, "/dapi/v1/exchangeInfo"},
    {FLATLINE_VENUE_OKX, "/api/v5/public/instruments?instType=SPOT"},
    {FLATLINE_VENUE_OKX, "/api/v5/public/instruments?instType=SWAP"},
    {FLATLINE_VENUE_OKX, "/api/v5/public/instruments?instType=FUTURES"},
};

struct listing {
    json_t *roots[ARRAY_COUNT(LISTS)];
    bool done;
    json_t *root;
    int status;
};

static void on_list(void *user, const struct rest_answer *answer)
{
    struct listing *listing = user;
    listing->done = true;
    listing->status = answer->status;
    listing->root = answer->status == 200 ? json_loads(answer->body, 0, NULL) : NULL;
}

static int list_fetch(struct rest *rest, size_t index, struct listing *listing, FILE *out)
{
    const struct rest_request request = {.venue = (uint32_t)LISTS[index].venue,
                                         .method = "GET",
                                         .path = LISTS[index].path,
                                         .body_bytes_max = LIST_BYTES_MAX,
                                         .on_answer = on_list,
                                         .user = listing};
    listing->done = false;
    listing->root = NULL;
    int result = rest_ask(rest, &request, clock_mono_ns());
    while (result == 0 && !listing->done) { /* bounded: by the call's own time limit */
        const struct timespec step = {0, STEP_NS};
        (void)nanosleep(&step, NULL);
        (void)rest_service(rest, clock_mono_ns());
    }
    listing->roots[index] = listing->root;
    if (listing->root == NULL) {
        (void)fprintf(out,
                      "%s: cannot ask %s: HTTP %d\n",
                      venue_facts(LISTS[index].venue)->name,
                      LISTS[index].path,
                      listing->status);
        return -EIO;
    }
    return 0;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The instrument's status in the venue's word, NULL if it is not listed. */
static const char *status_of(const json_t *root, struct span symbol, const char **ret_wanted)
{
    const bool okx = json_object_get(root, "data") != NULL;
    const json_t *all = json_object_get(root, okx ? "data" : "symbols");
    *ret_wanted = okx ? "live" : "TRADING";
    size_t index;
    const json_t *one;
    json_array_foreach(all, index, one)
    {
        if (span_equals(symbol, text_at(one, okx ? "instId" : "symbol"))) {
            /* facts: COIN-M says contractStatus where the others say status */
            const char *status = text_at(one, okx ? "state" : "status");
            return status[0] != '\0' ? status : text_at(one, "contractStatus");
        }
    }
    return NULL;
}

static int
stream_check(const struct listing *listing, const struct config_stream *stream, FILE *out)
{
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    if (!names_split(stream->name, &venue, &symbol, &channel) || span_equals(symbol, "*") ||
        stream->traits.stream_class == FLATLINE_CLASS_USER) {
        return 0;
    }
    bool asked = false;
    for (size_t i = 0; i < ARRAY_COUNT(LISTS); i++) {
        if (LISTS[i].venue != venue || listing->roots[i] == NULL) {
            continue;
        }
        asked = true;
        const char *wanted = NULL;
        const char *status = status_of(listing->roots[i], symbol, &wanted);
        if (status != NULL && strcmp(status, wanted) == 0) {
            return 0;
        }
        if (status != NULL) {
            (void)fprintf(out, "%s: the venue says %s\n", stream->name, status);
            return -EINVAL;
        }
    }
    if (asked) {
        (void)fprintf(out,
                      "%s: the venue does not list %.*s\n",
                      stream->name,
                      (int)symbol.size_bytes,
                      symbol.bytes);
    }
    return asked ? -EINVAL : 0;
}

int config_online(const struct config *config, FILE *out)
{
    struct listing listing = {0};
    struct rest *rest = NULL;
    int result = rest_create(&rest);
    for (size_t i = 0; result == 0 && i < ARRAY_COUNT(LISTS); i++) {
        const struct config_venue *venue = &config->venues[LISTS[i].venue];
        if (!venue->used) {
            continue;
        }
        if (i == 0 || LISTS[i].venue != LISTS[i - 1].venue) {
            result = rest_add_venue(
                rest, (uint32_t)LISTS[i].venue, venue->rest_url, venue->address, venue->ca_file);
        }
        if (result == 0) {
            result = list_fetch(rest, i, &listing, out);
        }
    }
    int verdict = 0;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (stream_check(&listing, &config->streams[i], out) != 0) {
            verdict = -EINVAL;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(LISTS); i++) {
        json_decref(listing.roots[i]);
    }
    rest_destroy(rest);
    return result != 0 ? result : verdict;
}
