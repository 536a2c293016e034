/* SPDX-License-Identifier: MIT
 *
 * status_page.c - Binance {"status":0,"msg":"normal"}, OKX {"code":"0","data":[{"begin":..}],"msg":""}.
 * Either answers an error in the same shape as any other request: {"code":..,"msg":..}. Sources: OKX
 * docs "Status", Binance docs "System Status".
 */
#include "sentinel/status_page.h"

#include "feeds/okx_status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct page {
    enum flatline_venue venue;
    uint64_t recv_mono_ns;
    struct event *events;
    size_t count;
};

static void
word_add(struct page *page, enum status_word word, uint64_t work_value, const char *title)
{
    struct event *told = &page->events[page->count++];
    *told = (struct event){.recv_mono_ns = page->recv_mono_ns,
                           .stream = EVENT_NO_STREAM,
                           .connection = EVENT_NO_CONNECTION,
                           .kind = EVENT_VENUE_STATUS,
                           .note = {.code = word, .value = work_value}};
    (void)snprintf(told->note.text, sizeof(told->note.text), "%s", title != NULL ? title : "");
}

static struct span text_member(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return span_of(text != NULL ? text : "");
}

static void okx_row_read(struct page *page, const json_t *row)
{
    const struct okx_work work = {.begin = text_member(row, "begin"),
                                  .end = text_member(row, "end"),
                                  .service = text_member(row, "serviceType"),
                                  .system = text_member(row, "system"),
                                  .state = text_member(row, "state"),
                                  .environment = text_member(row, "env")};
    const bool is_room = page->count + 1U < STATUS_PAGE_EVENTS_MAX; /* the last word has a place */
    if (is_room && okx_work_concerns(&work) && okx_work_is_under_way(&work)) {
        word_add(page,
                 STATUS_UNDER_WAY,
                 status_value((uint8_t)page->venue, okx_work_mark(&work), okx_work_minutes(&work)),
                 json_string_value(json_object_get(row, "title")));
    }
}

static bool okx_read(struct page *page, const json_t *root)
{
    const char *code = json_string_value(json_object_get(root, "code"));
    const json_t *rows = json_object_get(root, "data");
    size_t at;
    json_t *row;
    if (code == NULL || strcmp(code, "0") != 0 || !json_is_array(rows)) {
        return false;
    }
    json_array_foreach(rows, at, row)
    {
        okx_row_read(page, row);
    }
    return true;
}

static bool binance_read(struct page *page, const json_t *root)
{
    const json_t *status = json_object_get(root, "status");
    const json_int_t word = json_integer_value(status);
    if (!json_is_integer(status) || (word != 0 && word != 1)) {
        return false; /* a web server's own error has its HTTP status there */
    }
    if (word == 1) {
        word_add(page,
                 STATUS_UNDER_WAY,
                 status_value((uint8_t)page->venue, 0, 0),
                 json_string_value(json_object_get(root, "msg")));
    }
    return true;
}

size_t status_page_read(enum flatline_venue venue,
                        const char *body,
                        uint64_t recv_mono_ns,
                        struct event events[STATUS_PAGE_EVENTS_MAX])
{
    struct page page = {.venue = venue, .recv_mono_ns = recv_mono_ns, .events = events};
    json_t *root = json_loads(body, 0, NULL);
    const bool is_page =
        venue == FLATLINE_VENUE_OKX ? okx_read(&page, root) : binance_read(&page, root);
    if (is_page) {
        word_add(&page, STATUS_TOLD_ALL, status_value((uint8_t)venue, 0, 0), NULL);
    }
    json_decref(root);
    return page.count;
}
