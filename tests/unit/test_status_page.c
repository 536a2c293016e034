/* SPDX-License-Identifier: MIT
 *
 * Goal: what a status page says of maintenance is told whole, and what is no status page tells nothing:
 * it ends no maintenance.
 *
 * Method: bodies as the venues answer them, and errors as they come with HTTP 200; on the way to the
 * judge, a detector that holds a maintenance.
 */
#include "sentinel/status_page.h"

#include "core/base.h"
#include "unit/detector_rig.h"

#define OKX     FLATLINE_VENUE_OKX
#define BINANCE FLATLINE_VENUE_BINANCE_SPOT
#define AT_NS   (7 * NS_PER_S)

#define OKX_ROW(begin, service, state)                                                             \
    "{\"begin\":\"" begin "\",\"end\":\"1672825980000\",\"serviceType\":\"" service                \
    "\",\"state\":\"" state                                                                        \
    "\",\"env\":\"1\",\"system\":\"unified\",\"title\":\"WebSocket upgrade\"}"
#define OKX_PAGE(rows) "{\"code\":\"0\",\"data\":[" rows "],\"msg\":\"\"}"

static struct event told[STATUS_PAGE_EVENTS_MAX];

static size_t page(enum flatline_venue venue, const char *body)
{
    memset(told, 0, sizeof(told));
    const size_t count = status_page_read(venue, body, AT_NS, told);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(told[i].kind, EVENT_VENUE_STATUS);
        assert_int_equal(told[i].recv_mono_ns, AT_NS);
        assert_int_equal(told[i].connection, EVENT_NO_CONNECTION);
        assert_int_equal(told[i].stream, EVENT_NO_STREAM);
        assert_int_equal(status_venue(told[i].note.value), venue);
        assert_int_equal(told[i].note.code, i + 1 < count ? STATUS_UNDER_WAY : STATUS_TOLD_ALL);
    }
    return count;
}

static void each_maintenance_under_way_is_told_with_its_mark_and_its_length(void **state)
{
    (void)state;
    assert_int_equal(page(OKX,
                          OKX_PAGE(OKX_ROW("1672823400000", "0", "ongoing") "," OKX_ROW(
                              "1672823400000", "5", "scheduled") "," OKX_ROW("1672823400000",
                                                                             "99",
                                                                             "ongoing") ",7")),
                     2);
    assert_int_equal(status_work(told[0].note.value), 0xcd62739); /* as on the channel */
    assert_int_equal(status_minutes(told[0].note.value), 43);
    assert_string_equal(told[0].note.text, "WebSocket upgrade");
    assert_int_equal(page(BINANCE, "{\"status\":1,\"msg\":\"system_maintenance\"}"), 2);
    assert_int_equal(told[0].note.value, status_value(BINANCE, 0, 0));
    assert_string_equal(told[0].note.text, "system_maintenance");
}

static void a_page_that_names_none_says_that_all_is_over(void **state)
{
    (void)state;
    assert_int_equal(page(OKX, OKX_PAGE("")), 1);
    assert_int_equal(page(BINANCE, "{\"status\":0,\"msg\":\"normal\"}"), 1);
}

static void more_than_there_is_room_for_are_cut_and_the_last_word_is_not(void **state)
{
    char body[32 * 200] = "{\"code\":\"0\",\"data\":[7";
    (void)state;
    for (int i = 0; i < 30; i++) {
        strcat(body, "," OKX_ROW("1672823400000", "0", "ongoing"));
    }
    strcat(body, "]}");
    assert_int_equal(page(OKX, body), STATUS_PAGE_EVENTS_MAX);
}

static const char *const okx_errors[] = {
    "{\"code\":\"50011\",\"msg\":\"Requests too frequent\",\"data\":[]}",
    "{\"code\":\"50001\",\"msg\":\"Service temporarily unavailable\"}",
    "{\"code\":\"0\",\"msg\":\"\"}",
    "{\"code\":\"0\",\"data\":{}}",
    "{\"code\":\"0\",\"data\":null}",
    "{\"code\":0,\"data\":[]}",
    "{\"data\":[]}",
    "{\"status\":0}",
    "[]",
    "{}",
    "7",
    "<html>",
    "",
};

static const char *const binance_errors[] = {
    "{\"code\":-1003,\"msg\":\"Too many requests.\"}",
    "{\"status\":\"0\",\"msg\":\"normal\"}",
    "{\"status\":null}",
    "{\"status\":500,\"error\":\"Internal Server Error\"}",
    "{\"code\":\"0\",\"data\":[]}",
    "[]",
    "{}",
    "",
};

#define OKX_ERRORS     (sizeof(okx_errors) / sizeof(okx_errors[0]))
#define BINANCE_ERRORS (sizeof(binance_errors) / sizeof(binance_errors[0]))

static void an_error_with_http_200_tells_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < OKX_ERRORS; i++) {
        assert_int_equal(page(OKX, okx_errors[i]), 0);
    }
    for (size_t i = 0; i < BINANCE_ERRORS; i++) {
        assert_int_equal(page(BINANCE, binance_errors[i]), 0);
    }
}

static void take(struct rig *rig, const char *body)
{
    const size_t count = page(OKX, body);
    for (size_t i = 0; i < count; i++) {
        rig_apply(rig, &told[i]);
    }
}

static void an_error_ends_no_maintenance_and_a_page_does(void **state)
{
    static struct rig rig;
    (void)state;
    struct stream_traits traits = rig_traits(KEY_ID, CHAIN_NONE);
    const struct detector_policy policy = rig_policy();
    rig_start(&rig, &policy);
    traits.venue = OKX;
    const uint32_t stream = rig_stream(&rig, &traits);
    rig_leg(&rig, stream, (uint32_t)detector_add_connection(rig.detector, OKX, 0));
    take(&rig, OKX_PAGE(OKX_ROW("1672823400000", "0", "ongoing")));
    const uint64_t bit = 1ULL << FLATLINE_FAULT_MAINTENANCE;
    for (size_t i = 0; i < OKX_ERRORS; i++) {
        take(&rig, okx_errors[i]);
        assert_true(rig_view(&rig, stream)->open_faults & bit);
    }
    take(&rig, OKX_PAGE(""));
    assert_false(rig_view(&rig, stream)->open_faults & bit);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_maintenance_under_way_is_told_with_its_mark_and_its_length),
        cmocka_unit_test(a_page_that_names_none_says_that_all_is_over),
        cmocka_unit_test(more_than_there_is_room_for_are_cut_and_the_last_word_is_not),
        cmocka_unit_test(an_error_with_http_200_tells_nothing),
        cmocka_unit_test(an_error_ends_no_maintenance_and_a_page_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
