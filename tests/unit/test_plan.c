/* SPDX-License-Identifier: MIT
 *
 * Goal: every stream is on exactly one line, of its own venue and route; no line outgrows the venue's bound; the requests
 * subscribe to each stream once; and what the judge is told to expect is what the venue will answer.
 * Method: configurations from memory, plans made of them.
 */
#include "sentinel/plan.h"

#include "core/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after the headers it needs */

static struct config *config;
static struct plan *plan;

static void plan_of(const char *text)
{
    char why[1024] = "";
    if (config_parse("test.yaml", text, strlen(text), &config, why, sizeof(why)) != 0) {
        fail_msg("%s", why);
    }
    assert_int_equal(plan_create(config, &plan, why, sizeof(why)), 0);
}

static int close_both(void **state)
{
    (void)state;
    plan_destroy(plan);
    config_free(config);
    plan = NULL;
    config = NULL;
    return 0;
}

static uint32_t lines_with(uint32_t stream)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->line_count; i++) {
        for (uint32_t k = 0; k < plan->lines[i].stream_count; k++) {
            count += plan->lines[i].streams[k] == stream;
        }
    }
    return count;
}

static void streams_are_grouped_by_venue_and_route(void **state)
{
    (void)state;
    plan_of(
        "streams: [binance-usdm/BTCUSDT/depth, binance-usdm/BTCUSDT/aggTrade, okx/BTC-USDT/books,\n"
        "  okx/BTC-USDT/candle1m, binance-spot/BTCUSDT/trade, binance-usdm/ETHUSDT/bookTicker]\n");
    assert_int_equal(plan->line_count, 5);
    for (uint32_t i = 0; i < config->stream_count; i++) {
        assert_int_equal(lines_with(i), 1);
    }
    for (uint32_t i = 0; i < plan->line_count; i++) {
        const struct plan_line *line = &plan->lines[i];
        for (uint32_t k = 0; k < line->stream_count; k++) {
            assert_int_equal(config->streams[line->streams[k]].traits.venue, line->venue);
            assert_int_equal(config->streams[line->streams[k]].route, line->route);
        }
    }
    assert_int_equal(plan->leg_count, 2 * config->stream_count);
}

static void two_connections_make_a_twin_of_each_line_but_the_account_s(void **state)
{
    (void)state;
    char name[FLATLINE_NAME_BYTES];
    plan_of(
        "streams: [binance-usdm/BTCUSDT/depth, binance-usdm/BTCUSDT/aggTrade, okx/BTC-USDT/books,\n"
        "  binance-usdm/ETHUSDT/bookTicker]\n"
        "venues: {binance-usdm: {connections: 2}}\n");
    assert_int_equal(plan->line_count, 5); /* public, market, okx; the two again */
    assert_int_equal(plan->leg_count, 2 * (2 * 3 + 1));
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const bool is_okx = config->streams[i].traits.venue == FLATLINE_VENUE_OKX;
        assert_int_equal(lines_with(i), is_okx ? 1 : 2);
    }
    for (uint32_t i = 0; i < plan->line_count; i++) {
        const struct plan_line *line = &plan->lines[i];
        if (line->venue == FLATLINE_VENUE_OKX) {
            assert_int_equal(line->twin, PLAN_NO_LINE);
            continue;
        }
        const struct plan_line *twin = &plan->lines[line->twin];
        assert_ptr_equal(&plan->lines[twin->twin], line);
        assert_int_equal(line->part + twin->part, 1);
        assert_int_equal(line->route, twin->route);
        assert_int_equal(line->stream_count, twin->stream_count);
        assert_memory_equal(
            line->streams, twin->streams, line->stream_count * sizeof(*line->streams));
        assert_string_equal(line->requests[0], twin->requests[0]);
        assert_int_equal(line->ack_count, twin->ack_count);
    }
    plan_slot_name(plan, 0, name);
    assert_string_equal(name, "binance-usdm/public/1a");
    plan_slot_name(plan, 7, name);
    assert_string_equal(name, "binance-usdm/public/1.2b");
}

static void slots_of_a_line_are_named_a_and_b(void **state)
{
    (void)state;
    char name[FLATLINE_NAME_BYTES];
    plan_of("streams: [okx/BTC-USDT/books]\n");
    assert_int_equal(plan_slot_count(plan), 2);
    plan_slot_name(plan, 0, name);
    assert_string_equal(name, "okx/public/1a");
    plan_slot_name(plan, 1, name);
    assert_string_equal(name, "okx/public/1b");
}

static uint32_t occurrences(const struct plan_line *line, const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < line->request_count; i++) {
        for (const char *at = line->requests[i]; (at = strstr(at, text)) != NULL; at++) {
            count++;
        }
    }
    return count;
}

/* 600 streams of one venue and route. */
static char *many_streams(const char *format)
{
    char *text = calloc(1, 64U * 1024U);
    size_t length = (size_t)snprintf(text, 64, "streams:\n");
    for (int i = 0; i < 600; i++) {
        char symbol[16];
        (void)snprintf(
            symbol, sizeof(symbol), "%c%c%c", 'A' + i / 100, 'A' + i / 10 % 10, 'A' + i % 10);
        length += (size_t)snprintf(
            text + length, 96, "  - %.40s%s%.40s\n", format, symbol, strchr(format, '\0') + 1);
    }
    return text;
}

static void a_line_holds_no_more_streams_than_the_venue_allows(void **state)
{
    (void)state;
    static const char OKX[] = "okx/\0-USDT/bbo-tbt";
    char *text = many_streams(OKX);
    plan_of(text);
    free(text);
    const uint32_t most = venue_facts(FLATLINE_VENUE_OKX)->streams_per_connection_max;
    uint32_t streams = 0;
    for (uint32_t i = 0; i < plan->line_count; i++) {
        assert_true(plan->lines[i].stream_count <= most);
        assert_int_equal(plan->lines[i].number, i + 1);
        assert_int_equal(plan->lines[i].ack_count,
                         plan->lines[i].stream_count); /* one ACK an arg */
        assert_int_equal(occurrences(&plan->lines[i], "bbo-tbt"), plan->lines[i].stream_count);
        streams += plan->lines[i].stream_count;
    }
    assert_int_equal(streams, 600);
}

/* 241 streams: the channel takes a place on the first line, and none on the second. */
static void one_line_of_okx_listens_to_its_status_channel(void **state)
{
    (void)state;
    static const char OKX[] = "okx/\0-USDT/bbo-tbt";
    const uint32_t most = venue_facts(FLATLINE_VENUE_OKX)->streams_per_connection_max;
    char *text = many_streams(OKX);
    plan_of(text);
    free(text);
    assert_int_equal(plan->lines[0].stream_count, most - 1);
    assert_int_equal(plan->lines[1].stream_count, most);
    for (uint32_t i = 0; i < plan->line_count; i++) {
        const struct plan_line *line = &plan->lines[i];
        assert_int_equal(occurrences(line, "\"status\""), i == 0 ? 2 : 0); /* its id, its channel */
        assert_int_equal(line->ack_count, line->stream_count);
    }
    /* behind all streams, in a request of its own: its refusal is none of theirs */
    const struct plan_line *first = &plan->lines[0];
    assert_string_equal(
        first->requests[first->request_count - 1],
        "{\"id\":\"status\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"status\"}]}");
}

static void binance_answers_once_a_request_and_is_asked_for_its_inventory(void **state)
{
    (void)state;
    static const char SPOT[] = "binance-spot/\0USDT/bookTicker";
    char *text = many_streams(SPOT);
    plan_of(text);
    free(text);
    uint32_t named = 0;
    for (uint32_t i = 0; i < plan->line_count; i++) {
        const struct plan_line *line = &plan->lines[i];
        char inventory_id[32];
        assert_int_equal(line->ack_count, line->request_count);
        named += occurrences(line, "@bookTicker");
        (void)snprintf(inventory_id, sizeof(inventory_id), "\"id\":%u", line->request_count + 1U);
        assert_non_null(strstr(line->inventory, inventory_id)); /* no request's own id */
    }
    assert_int_equal(named, 600);
}

static void a_private_line_subscribes_to_nothing(void **state)
{
    (void)state;
    (void)setenv("FLATLINE_TEST_KEY", "k", 1);
    plan_of("streams: [binance-usdm/BTCUSDT/depth]\n"
            "user_data:\n  binance-usdm: {account: main, api_key_env: FLATLINE_TEST_KEY}\n");
    assert_int_equal(plan->line_count, 2);
    const struct plan_line *line = &plan->lines[plan->lines[0].user_data ? 0 : 1];
    assert_true(line->user_data);
    assert_int_equal(line->route, ROUTE_PRIVATE);
    assert_int_equal(line->request_count, 0);
    assert_int_equal(line->ack_count, 0);
    assert_null(line->inventory);
}

static void requests_leave_half_the_venue_s_rate_for_pings_and_pongs(void **state)
{
    (void)state;

    static const enum flatline_venue VENUES[] = {FLATLINE_VENUE_BINANCE_SPOT,
                                                 FLATLINE_VENUE_BINANCE_USDM,
                                                 FLATLINE_VENUE_BINANCE_COINM,
                                                 FLATLINE_VENUE_OKX};

    for (size_t i = 0; i < ARRAY_COUNT(VENUES); i++) {
        const uint64_t allowed = venue_facts(VENUES[i])->control_per_second_max;
        assert_true(allowed == 0 ||
                    NS_PER_S / plan_request_spacing_ns(VENUES[i]) <= (allowed + 1) / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(streams_are_grouped_by_venue_and_route, close_both),
        cmocka_unit_test_teardown(two_connections_make_a_twin_of_each_line_but_the_account_s,
                                  close_both),
        cmocka_unit_test_teardown(slots_of_a_line_are_named_a_and_b, close_both),
        cmocka_unit_test_teardown(a_line_holds_no_more_streams_than_the_venue_allows, close_both),
        cmocka_unit_test_teardown(one_line_of_okx_listens_to_its_status_channel, close_both),
        cmocka_unit_test_teardown(binance_answers_once_a_request_and_is_asked_for_its_inventory,
                                  close_both),
        cmocka_unit_test_teardown(a_private_line_subscribes_to_nothing, close_both),
        cmocka_unit_test(requests_leave_half_the_venue_s_rate_for_pings_and_pongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
