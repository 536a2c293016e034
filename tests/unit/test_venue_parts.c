/* SPDX-License-Identifier: MIT
 *
 * Goal: the small pure rooms of the fake exchange: commands, targets, faults, listen keys, alarms,
 * URLs, hostile frames.
 * Method: plain calls with invented times.
 */
#include "core/base.h"
#include "venue/alarms.h"
#include "venue/command.h"
#include "venue/faults.h"
#include "venue/hostile.h"
#include "venue/listen_key.h"
#include "venue/session.h"
#include "venue/text.h"
#include "venue/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The library wants wires; these tests have none. */
void transport_wake(struct connection *connection)
{
    (void)connection;
}

void transport_reset(struct connection *connection)
{
    (void)connection;
}

void transport_finish(struct connection *connection)
{
    (void)connection;
}

void transport_read(struct connection *connection, bool reads)
{
    (void)connection;
    (void)reads;
}

static void a_command_gives_up_its_times_wherever_they_stand(void **state)
{
    struct command command;
    const char *why = NULL;
    (void)state;
    assert_true(command_parse("lag okx/public 0ms..2s over 5s for 10s after 1.5s", &command, &why));
    assert_int_equal(command.count, 5);
    assert_int_equal(command.for_ns, 10 * NS_PER_S);
    assert_int_equal(command.after_ns, 1500 * NS_PER_MS);
    assert_true(command_parse("+250us mute x for 2m\r\n", &command, &why));
    assert_int_equal(command.after_ns, 250 * NS_PER_US);
    assert_int_equal(command.for_ns, 120 * NS_PER_S);
    assert_string_equal(command.words[0], "mute");
    assert_int_equal(command.count, 2);
}

static void a_bad_command_says_why(void **state)
{
    static const char *const bad[] = {
        "", "   ", "mute x for 2", "mute x for ever", "+2 mute x", "mute x after -1s"};
    struct command command;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        const char *why = NULL;
        assert_false(command_parse(bad[i], &command, &why));
        assert_non_null(why);
    }
    char long_line[COMMAND_BYTES + 10];
    const char *why = NULL;
    memset(long_line, 'x', sizeof(long_line) - 1);
    long_line[sizeof(long_line) - 1] = '\0';
    assert_false(command_parse(long_line, &command, &why));
}

static void targets_mean_streams_routes_venues_and_single_connections(void **state)
{
    struct target target;
    (void)state;
    assert_true(target_parse("binance-usdm/BTCUSDT/depth@100ms", &target));
    assert_true(target_is_stream(&target, "binance-usdm/BTCUSDT/depth@100ms"));
    assert_false(target_is_stream(&target, "binance-usdm/BTCUSDT/depth@500ms"));
    assert_false(target_is_connection(&target, 1, VENUE_USDM, SERVES_PUBLIC));
    assert_true(target_parse("binance-usdm/*/depth*", &target));
    assert_true(target_is_stream(&target, "binance-usdm/ETHUSDT/depth@500ms"));
    assert_false(target_is_stream(&target, "binance-usdm/ETHUSDT/bookTicker"));
    assert_true(target_parse("okx/public", &target));
    assert_true(target_is_connection(&target, 9, VENUE_OKX, SERVES_PUBLIC));
    assert_false(target_is_connection(&target, 9, VENUE_OKX, SERVES_BUSINESS));
    assert_true(target_parse("okx", &target));
    assert_true(target_is_connection(&target, 9, VENUE_OKX, SERVES_BUSINESS));
    assert_true(target_parse("*", &target));
    assert_true(target_is_connection(&target, 9, VENUE_SPOT, SERVES_STREAM));
    assert_true(target_parse("conn:7", &target));
    assert_true(target_is_connection(&target, 7, VENUE_SPOT, SERVES_STREAM));
    assert_false(target_is_connection(&target, 8, VENUE_SPOT, SERVES_STREAM));
    assert_false(target_parse("conn:x", &target));
    assert_false(target_parse("conn:", &target));
    assert_false(target_parse("", &target));
}

static void a_fault_ends_by_the_target_it_was_given_and_no_other(void **state)
{
    struct faults *faults = allocate(sizeof(*faults));
    struct fault fault = {.kind = FAULT_MUTE};
    struct target other;
    (void)state;
    assert_true(target_parse("okx/*/books", &fault.target));
    assert_true(faults_add(faults, &fault));
    assert_true(faults_add(faults, &fault));
    assert_int_equal(faults->count, 1);
    assert_non_null(faults_on_stream(faults, FAULT_MUTE, "okx/BTC-USDT/books"));
    assert_null(faults_on_stream(faults, FAULT_FREEZE, "okx/BTC-USDT/books"));
    assert_true(target_parse("okx/BTC-USDT/books", &other));
    assert_int_equal(faults_remove(faults, FAULT_MUTE, &other), 0);
    assert_int_equal(faults_remove(faults, FAULT_MUTE, &fault.target), 1);
    assert_int_equal(faults->count, 0);
    free(faults);
}

static void the_table_of_faults_is_bounded(void **state)
{
    struct faults *faults = allocate(sizeof(*faults));
    char text[64];
    (void)state;
    for (int i = 0; i < FAULTS_MAX; i++) {
        struct fault fault = {.kind = FAULT_MUTE};
        (void)snprintf(text, sizeof(text), "conn:%d", i + 1);
        assert_true(target_parse(text, &fault.target));
        assert_true(faults_add(faults, &fault));
    }
    struct fault more = {.kind = FAULT_MUTE};
    assert_true(target_parse("conn:9999", &more.target));
    assert_false(faults_add(faults, &more));
    fault_end(faults, &faults->list[3]);
    assert_true(faults_add(faults, &more));
    free(faults);
}

static void a_lag_may_grow_along_a_ramp(void **state)
{
    const struct fault ramp = {
        .since_mono_ns = 100, .lag_from_ns = 0, .lag_to_ns = 2000, .lag_over_ns = 1000};
    const struct fault constant = {.since_mono_ns = 100, .lag_to_ns = 800};
    (void)state;
    assert_int_equal(fault_lag_ns(&ramp, 50), 0);
    assert_int_equal(fault_lag_ns(&ramp, 600), 1000);
    assert_int_equal(fault_lag_ns(&ramp, 9999), 2000);
    assert_int_equal(fault_lag_ns(&constant, 100), 800);
}

static void a_listen_key_lives_an_hour_from_its_last_extend(void **state)
{
    struct listen_keys *keys = allocate(sizeof(*keys));
    char expired[LISTEN_KEY_BYTES];
    char first[LISTEN_KEY_BYTES];
    (void)state;
    listen_keys_start(keys, 1000, 1);
    assert_null(listen_key_put(keys, "me", 0));
    (void)strcpy(first, listen_key_post(keys, "me", 10));
    assert_int_equal(strlen(first), 64);
    assert_string_equal(listen_key_post(keys, "me", 20), first);
    assert_string_equal(listen_key_put(keys, "me", 500), first);
    assert_true(listen_key_is_valid(keys, first, 1499));
    assert_false(listen_key_is_valid(keys, first, 1500));
    assert_int_equal(listen_keys_next_ns(keys), 1500);
    assert_false(listen_key_expire(keys, 1499, expired));
    assert_true(listen_key_expire(keys, 1500, expired));
    assert_string_equal(expired, first);
    assert_false(listen_key_expire(keys, 1500, expired));
    assert_null(listen_key_put(keys, "me", 1501));
    assert_string_not_equal(listen_key_post(keys, "me", 1502), first);
    free(keys);
}

static void a_rotated_or_deleted_key_is_not_the_old_one(void **state)
{
    struct listen_keys *keys = allocate(sizeof(*keys));
    char first[LISTEN_KEY_BYTES];
    (void)state;
    listen_keys_start(keys, 1000, 1);
    (void)strcpy(first, listen_key_post(keys, "me", 0));
    assert_int_equal(listen_keys_rotate(keys, 1), 1);
    assert_string_not_equal(listen_key_put(keys, "me", 2), first);
    assert_false(listen_key_is_valid(keys, first, 2));
    assert_true(listen_key_delete(keys, "me", 3));
    assert_false(listen_key_delete(keys, "me", 4));
    assert_null(listen_key_put(keys, "me", 5));
    free(keys);
}

static void alarms_ring_in_order_and_can_be_moved(void **state)
{
    struct alarms alarms = {0};
    struct alarm list[200];
    struct random random = {.state = 5};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
        list[i] = (struct alarm){0};
        alarm_set(&alarms, &list[i], random_below(&random, 1000));
    }
    for (size_t i = 0; i < ARRAY_COUNT(list); i += 3) {
        alarm_set(&alarms, &list[i], i % 2 == 0 ? ALARM_NEVER : 500 + i);
    }
    uint64_t last_ns = 0;
    size_t count = 0;
    struct alarm *alarm;
    assert_null(alarms_ring(&alarms, 0));
    while ((alarm = alarms_ring(&alarms, 2000)) != NULL) {
        assert_true(alarm->due_ns >= last_ns);
        last_ns = alarm->due_ns;
        count++;
    }
    assert_int_equal(count, 200 - 34);
    assert_int_equal(alarms_next_ns(&alarms), ALARM_NEVER);
    alarms_free(&alarms);
}

static void urls_lead_where_the_venues_documents_say(void **state)
{
    static const struct {
        enum venue venue;
        const char *path;
        const char *query;
        enum serving serving;
        bool is_combined;
        const char *streams;
    } cases[] = {
        {VENUE_SPOT, "/ws", "", SERVES_STREAM, false, ""},
        {VENUE_SPOT, "/ws/btcusdt@trade", "", SERVES_STREAM, false, "btcusdt@trade"},
        {VENUE_SPOT, "/stream", "streams=a@b/c@d", SERVES_STREAM, true, "a@b/c@d"},
        {VENUE_USDM, "/public/ws", "", SERVES_PUBLIC, false, ""},
        {VENUE_USDM, "/market/stream", "streams=a@b", SERVES_MARKET, true, "a@b"},
        {VENUE_USDM, "/ws", "", SERVES_UNROUTED, false, ""},
        {VENUE_USDM, "/stream", "", SERVES_UNROUTED, true, ""},
        {VENUE_COINM, "/ws", "", SERVES_STREAM, false, ""},
        {VENUE_COINM, "/market/ws", "", SERVES_MARKET, false, ""},
        {VENUE_OKX, "/ws/v5/public", "", SERVES_PUBLIC, false, ""},
        {VENUE_OKX, "/ws/v5/business", "", SERVES_BUSINESS, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct upgrade upgrade;
        assert_true(upgrade_parse(cases[i].venue, cases[i].path, cases[i].query, &upgrade));
        assert_int_equal(upgrade.serving, cases[i].serving);
        assert_int_equal(upgrade.is_combined, cases[i].is_combined);
        assert_string_equal(upgrade.streams, cases[i].streams);
    }
    struct upgrade upgrade;
    assert_false(upgrade_parse(VENUE_SPOT, "/public/ws", "", &upgrade));
    assert_false(upgrade_parse(VENUE_SPOT, "/wsx", "", &upgrade));
    assert_false(upgrade_parse(VENUE_OKX, "/ws/v5", "", &upgrade));
}

static void the_private_route_reads_all_three_forms(void **state)
{
    struct upgrade upgrade;
    (void)state;
    assert_true(upgrade_parse(VENUE_USDM, "/private/ws/KEY", "", &upgrade));
    assert_string_equal(upgrade.listen_key, "KEY");
    assert_string_equal(upgrade.events, "");
    assert_true(upgrade_parse(VENUE_USDM, "/private/ws", "listenKey=KEY", &upgrade));
    assert_string_equal(upgrade.listen_key, "KEY");
    assert_string_equal(upgrade.events, "");
    assert_true(upgrade_parse(VENUE_USDM, "/private/ws", "listenKey=KEY&events=A/B", &upgrade));
    assert_string_equal(upgrade.listen_key, "KEY");
    assert_string_equal(upgrade.events, "A/B");
}

static void every_hostile_kind_named_in_the_help_exists(void **state)
{
    char kinds[512];
    char *rest = kinds;
    char *kind;
    size_t count = 0;
    (void)state;
    (void)snprintf(kinds, sizeof(kinds), "%s", strrchr(hostile_kinds(), ' ') + 1);
    while ((kind = strtok_r(rest, "|", &rest)) != NULL) {
        struct text bytes = {0};
        assert_true(hostile_bytes(kind, &bytes));
        assert_true(bytes.size_bytes >= 2);
        text_free(&bytes);
        count++;
    }
    assert_int_equal(count, 23);
    struct text bytes = {0};
    assert_false(hostile_bytes("polite", &bytes));
    text_free(&bytes);
}

static void decimals_are_written_as_each_venue_does(void **state)
{
    static const struct {
        int64_t value;
        unsigned decimals;
        unsigned shown;
        const char *text;
    } cases[] = {{610001, 1, 8, "61000.10000000"},
                 {610001, 1, 1, "61000.1"},
                 {7, 3, 3, "0.007"},
                 {42, 0, 0, "42"},
                 {42, 0, 2, "42.00"},
                 {-15, 1, 1, "-1.5"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct text text = {0};
        text_add_decimal(&text, cases[i].value, cases[i].decimals, cases[i].shown);
        assert_string_equal(text.bytes, cases[i].text);
        text_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gives_up_its_times_wherever_they_stand),
        cmocka_unit_test(a_bad_command_says_why),
        cmocka_unit_test(targets_mean_streams_routes_venues_and_single_connections),
        cmocka_unit_test(a_fault_ends_by_the_target_it_was_given_and_no_other),
        cmocka_unit_test(the_table_of_faults_is_bounded),
        cmocka_unit_test(a_lag_may_grow_along_a_ramp),
        cmocka_unit_test(a_listen_key_lives_an_hour_from_its_last_extend),
        cmocka_unit_test(a_rotated_or_deleted_key_is_not_the_old_one),
        cmocka_unit_test(alarms_ring_in_order_and_can_be_moved),
        cmocka_unit_test(urls_lead_where_the_venues_documents_say),
        cmocka_unit_test(the_private_route_reads_all_three_forms),
        cmocka_unit_test(every_hostile_kind_named_in_the_help_exists),
        cmocka_unit_test(decimals_are_written_as_each_venue_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
