/* SPDX-License-Identifier: MIT
 *
 * control_witness.c - the slow witness: where every stream of a book falls silent, REST is asked for
 * the book's first levels. If they change meanwhile, a frame is owed; if they do not, the market is
 * quiet. Where they do not, the venue is asked whether the symbol trades at all, and whether it is
 * under maintenance.
 *
 * Facts: REST weights and paths in feeds/channels.c and feeds/requests.c. What is spent here stays
 * under a tenth of a venue's budget, whatever falls silent; a book that stays quiet is asked ever more
 * rarely.
 */
#include "sentinel/control_private.h"

#include "core/clock.h"
#include "core/publisher.h"
#include "feeds/names.h"
#include "sentinel/status_page.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_NS     (50U * NS_PER_MS)
#define PAUSE_LEAST_NS    NS_PER_S
#define PAUSE_MOST_NS     (60U * NS_PER_S)
#define FORGET_AFTER_NS   (5U * NS_PER_S) /* well for so long: the next silence is a new one */
#define LISTING_PAUSE_NS  (60U * NS_PER_S)
#define HALTED_PAUSE_NS   (20U * NS_PER_S) /* until we ask again whether it trades */
#define LISTING_BYTES_MAX (4U * 1024U * 1024U)
#define STATUS_EVERY_NS   (60U * NS_PER_S)
#define STATUS_LEAST_NS   (10U * NS_PER_S) /* OKX: one in 5 s */
#define BUDGET_SHARE      10U
#define MINUTE_NS         (60U * NS_PER_S)
#define NO_BOOK           UINT32_MAX
#define PATH_BYTES        192U
#define LEVELS            5U
#define FNV_BASIS         0xcbf29ce484222325ULL
#define FNV_PRIME         0x100000001b3ULL

/* One instrument of one venue. Also the `user` of its REST calls. */
struct witness_book {
    struct control *control;
    enum flatline_venue venue;
    char symbol[FLATLINE_NAME_BYTES];
    uint32_t first_stream;
    uint32_t streams;
    uint32_t lapsing;         /* of its streams, in this look */
    uint64_t newest_lease;    /* of its streams, in this look */
    uint64_t asked_at_lease;  /* and when it was last asked */
    uint64_t suspect_mono_ns; /* last look at which it was */
    uint64_t due_mono_ns;
    uint64_t pause_ns;
    uint64_t listing_due_mono_ns;
    uint64_t levels; /* mark of REST's last word; 0 = none yet */
    bool has_depth;  /* first_stream is a depth stream: several levels concern it */
    bool is_unmoved; /* REST told the same levels twice */
    bool is_halted;
};

/* What is spent, and told, of one venue. Also the `user` of its status calls. */
struct witness_venue {
    struct control *control;
    enum flatline_venue venue;
    uint64_t minute;
    uint32_t spent;
    uint64_t status_asked_mono_ns;
    uint64_t pushed_mono_ns; /* when its status channel last said what the page had not */
    bool has_suspects;
    bool is_asking; /* one request at a time: a listenKey must find a free call */
    bool is_down;
    bool is_untold; /* the last answer was no status page */
};

struct control_witness {
    struct witness_book *books;
    uint32_t book_count;
    uint32_t next; /* whose turn it is */
    uint32_t *book_of_stream;
    uint64_t look_due_mono_ns;
    struct witness_venue venues[CONFIG_VENUES];
};

/* ---- books ----------------------------------------------------------------------------------- */

static struct witness_book *
book_find(struct control_witness *witness, enum flatline_venue venue, struct span symbol)
{
    for (uint32_t i = 0; i < witness->book_count; i++) {
        struct witness_book *book = &witness->books[i];
        if (book->venue == venue && span_equals(symbol, book->symbol)) {
            return book;
        }
    }
    return NULL;
}

static void book_add_stream(struct control *control, uint32_t index)
{
    struct control_witness *witness = control->witness;
    const struct config_stream *stream = &control->setup.config->streams[index];
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    witness->book_of_stream[index] = NO_BOOK;
    if (stream->traits.stream_class != FLATLINE_CLASS_BOOK || stream->traits.key != KEY_ID ||
        !names_split(stream->name, &venue, &symbol, &channel)) {
        return;
    }
    struct witness_book *book = book_find(witness, venue, symbol);
    if (book == NULL) {
        book = &witness->books[witness->book_count++];
        *book = (struct witness_book){
            .control = control, .venue = venue, .first_stream = index, .pause_ns = PAUSE_LEAST_NS};
        memcpy(book->symbol, symbol.bytes, symbol.size_bytes); /* shorter than the whole name */
    }
    const bool is_depth = stream->traits.channel == CHANNEL_DEPTH;
    if (is_depth && !book->has_depth) {
        book->has_depth = true;
        book->first_stream = index;
    }
    book->streams++;
    witness->book_of_stream[index] = (uint32_t)(book - witness->books);
}

int witness_init(struct control *control)
{
    const uint32_t streams = control->setup.config->stream_count;
    if (!control->setup.config->rest_witness || control->setup.publisher == NULL) {
        return 0;
    }
    struct control_witness *witness = calloc(1, sizeof(*witness));
    control->witness = witness;
    if (witness == NULL) {
        return -ENOMEM;
    }
    witness->books = calloc(streams + 1U, sizeof(*witness->books));
    witness->book_of_stream = calloc(streams + 1U, sizeof(*witness->book_of_stream));
    if (witness->books == NULL || witness->book_of_stream == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < streams; i++) {
        book_add_stream(control, i);
    }
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        witness->venues[i] =
            (struct witness_venue){.control = control, .venue = (enum flatline_venue)i};
    }
    return 0;
}

void witness_destroy(struct control_witness *witness)
{
    if (witness != NULL) {
        free(witness->books);
        free(witness->book_of_stream);
        free(witness);
    }
}

/* ---- what may be asked ----------------------------------------------------------------------- */

static bool budget_take(struct witness_venue *venue, uint32_t weight, uint64_t now_mono_ns)
{
    const uint64_t minute = now_mono_ns / MINUTE_NS;
    if (venue->minute != minute) {
        venue->minute = minute;
        venue->spent = 0;
    }
    if (venue->spent + weight > venue_facts(venue->venue)->rest_weight_per_minute / BUDGET_SHARE) {
        return false;
    }
    venue->spent += weight;
    return true;
}

/* Only while nothing else is being asked there. */
static bool ask(struct witness_venue *venue, const struct rest_request *request, uint32_t weight)
{
    const uint64_t now = clock_mono_ns();
    venue->is_asking =
        budget_take(venue, weight, now) && rest_ask(venue->control->rest, request, now) == 0;
    return venue->is_asking;
}

/* ---- a book's levels ------------------------------------------------------------------------- */

static uint64_t mark_add(uint64_t mark, const json_t *row)
{
    /* price and size; what OKX adds behind them is no level */
    for (size_t i = 0; i < 2; i++) {
        const char *word = json_string_value(json_array_get(row, i));
        for (; word != NULL && *word != '\0'; word++) {
            mark = (mark ^ (uint8_t)*word) * FNV_PRIME;
        }
        mark = (mark ^ '/') * FNV_PRIME;
    }
    return mark;
}

/* Binance {"lastUpdateId":n,"bids":[[p,q]],"asks":[]}; OKX the same within "data":[{}], with
 * "seqId". */
static bool book_read(const char *body, uint32_t levels, uint64_t *ret_id, uint64_t *ret_mark)
{
    json_t *root = json_loads(body, 0, NULL);
    const json_t *book = json_array_get(json_object_get(root, "data"), 0);
    book = book != NULL ? book : root;
    const json_t *bids = json_object_get(book, "bids");
    const json_t *asks = json_object_get(book, "asks");
    json_int_t id = json_integer_value(json_object_get(book, "lastUpdateId"));
    id = id != 0 ? id : json_integer_value(json_object_get(book, "seqId"));
    uint64_t mark = FNV_BASIS;
    for (uint32_t i = 0; i < levels; i++) {
        mark = mark_add(mark_add(mark, json_array_get(bids, i)), json_array_get(asks, i));
    }
    *ret_id = id > 0 ? (uint64_t)id : 0;
    *ret_mark = mark | 1U; /* never 0 */
    const bool is_book = json_is_array(bids) && json_is_array(asks);
    json_decref(root);
    return is_book;
}

static void on_book(void *user, const struct rest_answer *answer)
{
    struct witness_book *book = user;
    uint64_t id = 0;
    uint64_t mark = 0;
    book->control->witness->venues[book->venue].is_asking = false;
    if (answer->status != 200 ||
        !book_read(answer->body, book->has_depth ? LEVELS : 1U, &id, &mark)) {
        book->pause_ns = PAUSE_MOST_NS;
        control_error(book->control,
                      "%s: REST tells no book: HTTP %d %s",
                      venue_facts(book->venue)->name,
                      answer->status,
                      answer->text);
        return;
    }
    book->is_unmoved = mark == book->levels;
    book->levels = mark;
    const struct event told = {
        .recv_mono_ns = answer->recv_mono_ns,
        .stream = book->first_stream,
        .connection = EVENT_NO_CONNECTION,
        .kind = EVENT_REST_BOOK,
        .rest = {.id = id, .sent_mono_ns = answer->sent_mono_ns, .levels = mark}};
    control_tell(book->control, &told);
}

static void book_ask(struct witness_book *book, uint64_t now_mono_ns)
{
    char path[PATH_BYTES];
    struct witness_venue *venue = &book->control->witness->venues[book->venue];
    const struct span symbol = span_of(book->symbol);
    if (book_path(book->venue, symbol, path, sizeof(path)) < 0) {
        book->due_mono_ns = UINT64_MAX;
        return;
    }
    const struct rest_request request = {.venue = (uint32_t)book->venue,
                                         .method = "GET",
                                         .path = path,
                                         .on_answer = on_book,
                                         .user = book};
    if (!ask(venue, &request, venue_facts(book->venue)->book_weight)) {
        return; /* no room: its turn comes again */
    }
    const bool has_moved = book->newest_lease != book->asked_at_lease;
    book->pause_ns = has_moved ? PAUSE_LEAST_NS : book->pause_ns * 2U;
    book->pause_ns = book->pause_ns < PAUSE_MOST_NS ? book->pause_ns : PAUSE_MOST_NS;
    book->asked_at_lease = book->newest_lease;
    book->due_mono_ns = now_mono_ns + book->pause_ns;
}

/* ---- does the symbol trade? ------------------------------------------------------------------ */

static void book_halt(struct witness_book *book, bool is_halted, const char *word)
{
    struct control *control = book->control;
    if (book->is_halted == is_halted) {
        return;
    }
    book->is_halted = is_halted;
    book->listing_due_mono_ns = clock_mono_ns() + HALTED_PAUSE_NS;
    control_log(control, "%s: %s is %s", venue_facts(book->venue)->name, book->symbol, word);
    for (uint32_t i = 0; i < control->setup.config->stream_count; i++) {
        if (control->witness->book_of_stream[i] != (uint32_t)(book - control->witness->books)) {
            continue;
        }
        struct event told = {
            .recv_mono_ns = clock_mono_ns(),
            .stream = i,
            .connection = EVENT_NO_CONNECTION,
            .kind = EVENT_SYMBOL_STATUS,
            .note = {.code = is_halted ? 1 : 0, .value = i == book->first_stream ? 1 : 0}};
        (void)snprintf(told.note.text, sizeof(told.note.text), "%s", word);
        control_tell(control, &told);
    }
}

/* Binance {"symbols":[{"symbol":..,"status"|"contractStatus":..}]}, OKX {"data":[{"instId":..,
 * "state":..}]}. */
static void on_listing(void *user, const struct rest_answer *answer)
{
    struct witness_venue *venue = user;
    struct control_witness *witness = venue->control->witness;
    const bool is_okx = venue->venue == FLATLINE_VENUE_OKX;
    venue->is_asking = false;
    json_t *root = answer->status == 200 ? json_loads(answer->body, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, is_okx ? "data" : "symbols");
    size_t at;
    json_t *row;
    json_array_foreach(list, at, row)
    {
        const char *symbol = json_string_value(json_object_get(row, is_okx ? "instId" : "symbol"));
        const char *status = json_string_value(json_object_get(row, is_okx ? "state" : "status"));
        if (status == NULL) {
            status = json_string_value(json_object_get(row, "contractStatus"));
        }
        struct witness_book *book = symbol != NULL && status != NULL
                                        ? book_find(witness, venue->venue, span_of(symbol))
                                        : NULL;
        if (book != NULL) {
            book_halt(book, strcmp(status, is_okx ? "live" : "TRADING") != 0, status);
        }
    }
    json_decref(root);
}

/* USD-M and COIN-M answer for every symbol at once. */
static void listing_asked(struct witness_book *asked, uint64_t now_mono_ns)
{
    struct control_witness *witness = asked->control->witness;
    const bool is_whole =
        asked->venue == FLATLINE_VENUE_BINANCE_USDM || asked->venue == FLATLINE_VENUE_BINANCE_COINM;
    for (uint32_t i = 0; i < witness->book_count; i++) {
        struct witness_book *book = &witness->books[i];
        if (book == asked || (is_whole && book->venue == asked->venue)) {
            book->listing_due_mono_ns =
                now_mono_ns + (asked->is_halted ? HALTED_PAUSE_NS : LISTING_PAUSE_NS);
        }
    }
}

static void listing_ask(struct witness_book *book, uint64_t now_mono_ns)
{
    char path[PATH_BYTES];
    struct witness_venue *venue = &book->control->witness->venues[book->venue];
    const bool is_wanted = book->is_unmoved || book->is_halted;
    if (!is_wanted || venue->is_asking || now_mono_ns < book->listing_due_mono_ns ||
        listing_path(book->venue, span_of(book->symbol), path, sizeof(path)) < 0) {
        return;
    }
    const struct rest_request request = {.venue = (uint32_t)book->venue,
                                         .method = "GET",
                                         .path = path,
                                         .body_bytes_max = LISTING_BYTES_MAX,
                                         .on_answer = on_listing,
                                         .user = venue};
    if (ask(venue, &request, venue_facts(book->venue)->listing_weight)) {
        listing_asked(book, now_mono_ns);
    }
}

/* ---- is the venue under maintenance? --------------------------------------------------------- */

static void venue_log(struct witness_venue *venue, bool is_down, const char *who)
{
    if (venue->is_down != is_down) {
        venue->is_down = is_down;
        control_log(venue->control,
                    "%s: %s, says its status %s",
                    venue_facts(venue->venue)->name,
                    is_down ? "under maintenance" : "maintenance is over",
                    who);
    }
}

/* Said once: it is asked for every minute, and on a test network there may be none. */
static void status_untold(struct witness_venue *venue, const struct rest_answer *answer)
{
    if (!venue->is_untold) {
        venue->is_untold = true;
        control_error(venue->control,
                      "%s: its status page tells nothing: HTTP %d %s",
                      venue_facts(venue->venue)->name,
                      answer->status,
                      answer->text);
    }
}

/* Told each time, not when it changes only: its channel speaks to the judge as well, and the page has
 * the last word. But not one that was asked before the channel spoke. */
static void on_status(void *user, const struct rest_answer *answer)
{
    struct witness_venue *venue = user;
    struct event told[STATUS_PAGE_EVENTS_MAX];
    size_t count = 0;
    venue->is_asking = false;
    if (answer->status == 200) {
        count = status_page_read(venue->venue, answer->body, clock_mono_ns(), told);
    }
    if (count == 0) { /* no word is not a word */
        status_untold(venue, answer);
        return;
    }
    venue->is_untold = false;
    if (answer->sent_mono_ns > venue->pushed_mono_ns) {
        for (size_t i = 0; i < count; i++) {
            control_tell(venue->control, &told[i]);
        }
        venue_log(venue, count > 1, "page");
    }
}

/* The judge has it already. The page has the last word, ten seconds later: by then it can be expected to
 * know. */
void witness_status_pushed(struct control *control,
                           enum flatline_venue venue,
                           const struct event *event,
                           uint64_t now_mono_ns)
{
    if (control->witness == NULL) {
        return;
    }
    struct witness_venue *told = &control->witness->venues[venue];
    const bool is_down = event->note.code == STATUS_UNDER_WAY;
    if (told->is_down != is_down) {
        told->pushed_mono_ns = now_mono_ns;
    }
    if (is_down) {
        venue_log(
            told, true, "channel"); /* that it is over the page says: there may be another one */
    }
}

static void status_ask(struct witness_venue *venue, uint64_t now_mono_ns)
{
    const char *path = venue_facts(venue->venue)->status_path;
    const bool is_urgent =
        venue->has_suspects || venue->pushed_mono_ns > venue->status_asked_mono_ns;
    const uint64_t last_ns = venue->pushed_mono_ns > venue->status_asked_mono_ns
                                 ? venue->pushed_mono_ns
                                 : venue->status_asked_mono_ns;
    const bool is_due =
        last_ns == 0 || now_mono_ns >= last_ns + (is_urgent ? STATUS_LEAST_NS : STATUS_EVERY_NS);
    if (path == NULL || venue->is_asking || !is_due ||
        !venue->control->setup.config->venues[venue->venue].used) {
        return;
    }
    const struct rest_request request = {.venue = (uint32_t)venue->venue,
                                         .method = "GET",
                                         .path = path,
                                         .on_answer = on_status,
                                         .user = venue};
    if (ask(venue, &request, 1)) {
        venue->status_asked_mono_ns = now_mono_ns;
    }
}

/* ---- the look -------------------------------------------------------------------------------- */

/* A stream lapses when it has earned nothing for half of its lease, or never has. */
static void streams_look(struct control *control, uint64_t now_mono_ns)
{
    struct control_witness *witness = control->witness;
    for (uint32_t i = 0; i < control->setup.config->stream_count; i++) {
        if (witness->book_of_stream[i] == NO_BOOK) {
            continue;
        }
        struct witness_book *book = &witness->books[witness->book_of_stream[i]];
        const uint64_t half_ns = control->setup.config->streams[i].traits.stale_after_ns / 2U;
        /* ORDER lease, acquire: as any reader's look, from the same process */
        const uint64_t lease =
            load_acquire(&publisher_lease_line(control->setup.publisher, i)->lease_until_mono_ns);
        book->lapsing += lease < now_mono_ns + half_ns;
        book->newest_lease = lease > book->newest_lease ? lease : book->newest_lease;
    }
}

static void books_look(struct control *control, uint64_t now_mono_ns)
{
    struct control_witness *witness = control->witness;
    for (uint32_t i = 0; i < witness->book_count; i++) {
        const uint32_t at = (witness->next + i) % witness->book_count;
        struct witness_book *book = &witness->books[at];
        const bool is_suspect = book->lapsing == book->streams;
        if (is_suspect) {
            book->suspect_mono_ns = now_mono_ns;
            witness->venues[book->venue].has_suspects = true;
            if (!witness->venues[book->venue].is_asking && now_mono_ns >= book->due_mono_ns) {
                book_ask(book, now_mono_ns);
            }
        }
        if (now_mono_ns > book->suspect_mono_ns + FORGET_AFTER_NS) {
            book->due_mono_ns = 0;
            book->pause_ns = PAUSE_LEAST_NS;
            book->listing_due_mono_ns = 0;
        }
        if (is_suspect || book->is_halted) {
            listing_ask(book, now_mono_ns);
        }
        book->lapsing = 0;
        book->newest_lease = 0;
    }
    witness->next = witness->book_count > 0 ? (witness->next + 1U) % witness->book_count : 0;
}

void witness_step(struct control *control, uint64_t now_mono_ns)
{
    struct control_witness *witness = control->witness;
    if (witness == NULL || now_mono_ns < witness->look_due_mono_ns) {
        return;
    }
    witness->look_due_mono_ns = now_mono_ns + LOOK_EVERY_NS;
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        witness->venues[i].has_suspects = witness->venues[i].is_down;
    }
    streams_look(control, now_mono_ns);
    books_look(control, now_mono_ns);
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        status_ask(&witness->venues[i], now_mono_ns);
    }
}
