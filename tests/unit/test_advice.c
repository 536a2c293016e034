/* SPDX-License-Identifier: MIT
 *
 * Goal: advice is for whom it was given, ends when it should, outlives the process whole, and is
 * never taken for "none" where it cannot be read. Method: the table with made-up clocks; the file
 * in a temporary directory, damaged in every way a disk or a stranger could.
 */
#include "sentinel/advice.h"

#include "core/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

static const char CONFIG[] = "streams: [okx/BTC-USDT/books, okx/BTC-USDT/bbo-tbt, "
                             "binance-spot/BTCUSDT/bookTicker]\n"
                             "gates:\n"
                             "  hedge: [okx/BTC-USDT/books]\n"
                             "  quote: [okx/BTC-USDT/bbo-tbt, binance-spot/BTCUSDT/bookTicker]\n";

enum gate { HEDGE, QUOTE };

#define MONO_NS (1000 * NS_PER_S)
#define WALL_NS (1700000000 * NS_PER_S)
#define BOOT    "this-boot"
#define KIND(k) FLATLINE_ADVICE_##k
#define FOREVER FLATLINE_UNTIL_CLEARED

static struct config *config;
static struct advice_table table;
static const struct advice_clock clock_at = {.mono_ns = MONO_NS, .wall_ns = WALL_NS};
static char directory[64];
static char path[96];

static int open_all(void **state)
{
    char why[512];
    (void)state;
    (void)strcpy(directory, "/tmp/flatline-advice-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/advice", directory);
    assert_int_equal(config_parse("t.yaml", CONFIG, sizeof(CONFIG) - 1, &config, why, sizeof(why)),
                     0);
    advice_init(&table, config);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    config_free(config);
    (void)unlink(path);
    (void)rmdir(path); /* where a test put a directory */
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static int give(enum flatline_advice_kind kind, const char *name, uint64_t for_ns, bool drill)
{
    const struct advice_wish wish = {.kind = kind,
                                     .drill = drill,
                                     .for_ns = for_ns,
                                     .uid = 1000,
                                     .by = "ops",
                                     .name = name,
                                     .reason = "because \"they\" said so"};
    return advice_give(&table, &wish, &clock_at);
}

static const struct flatline_advice_slot *row(int place)
{
    assert_true(place >= 0);
    return &table.rows[place];
}

static void each_target_covers_its_gates_and_no_other(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        enum flatline_target target;
        bool hedge;
        bool quote;
    } cases[] = {{"*", FLATLINE_TARGET_ALL, true, true},
                 {"hedge", FLATLINE_TARGET_GATE, true, false},
                 {"quote", FLATLINE_TARGET_GATE, false, true},
                 {"okx/BTC-USDT/bbo-tbt", FLATLINE_TARGET_STREAM, false, true},
                 {"okx", FLATLINE_TARGET_VENUE, true, true},
                 {"binance-spot", FLATLINE_TARGET_VENUE, false, true}};

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const int place = give(KIND(BREAKER), cases[i].name, NS_PER_S, false);
        assert_int_equal(row(place)->target, cases[i].target);
        assert_int_equal(advice_covers(config, row(place), HEDGE), cases[i].hedge);
        assert_int_equal(advice_covers(config, row(place), QUOTE), cases[i].quote);
    }
    assert_int_equal(give(KIND(BREAKER), "okx/BTC-USDT/trades", NS_PER_S, false), -ENOENT);
    assert_int_equal(give(KIND(BREAKER), "binance-usdm", NS_PER_S, false), -ENOENT);
}

static void a_time_or_text_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "two\nlines", "\x1b[2J", "not \xff UTF-8", "cut \xe2\x82"};
    assert_int_equal(give(KIND(PAUSE), "*", 0, false), -EINVAL);
    assert_int_equal(give(KIND(PAUSE), "*", ADVICE_FOR_MAX_NS + 1, false), -EINVAL);
    assert_int_equal(give(KIND(BREAKER), "*", ADVICE_DRILL_MAX_NS + 1, true), -EINVAL);
    assert_int_equal(give(KIND(BREAKER), "*", FOREVER, true), -EINVAL);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        const struct advice_wish wish = {.for_ns = 1, .by = "a", .name = "*", .reason = texts[i]};
        assert_int_equal(advice_give(&table, &wish, &clock_at), -EINVAL);
    }
    char reason[FLATLINE_REASON_BYTES + 1];
    memset(reason, 'x', sizeof(reason));
    reason[FLATLINE_REASON_BYTES] = '\0'; /* one too long for its NUL */
    const struct advice_wish wish = {.for_ns = 1, .by = "a", .name = "*", .reason = reason};
    assert_int_equal(advice_give(&table, &wish, &clock_at), -EINVAL);
    reason[FLATLINE_REASON_BYTES - 1] = '\0';
    assert_true(advice_give(&table, &wish, &clock_at) >= 0);
}

static void a_second_advice_of_a_kind_replaces_the_first_and_a_drill_does_not(void **state)
{
    (void)state;
    const int first = give(KIND(BREAKER), "quote", NS_PER_S, false);
    const uint64_t serial = row(first)->serial;
    const int drill = give(KIND(BREAKER), "quote", NS_PER_MS, true);
    assert_int_not_equal(drill, first);
    assert_int_equal(row(drill)->flags, FLATLINE_ADVICE_DRILL);
    assert_int_equal(give(KIND(PAUSE), "quote", NS_PER_S, false) == first, false);
    const int again = give(KIND(BREAKER), "quote", 9 * NS_PER_S, false);
    assert_int_equal(again, first);
    assert_true(row(again)->serial > serial);
    assert_int_equal(row(again)->until_mono_ns, MONO_NS + 9 * NS_PER_S);
    assert_int_equal(advice_clear(&table, KIND(BREAKER), "quote"), 0);
    assert_int_equal(row(drill)->flags, FLATLINE_ADVICE_DRILL); /* it is left to time */
    assert_int_equal(advice_clear(&table, KIND(BREAKER), "quote"), -ENOENT);
}

static void advice_runs_out_at_its_nanosecond_and_is_told(void **state)
{
    (void)state;
    const int brief = give(KIND(PAUSE), "*", 5, false);
    const int lasting = give(KIND(BREAKER), "*", FOREVER, false);
    table.changed[brief] = false;
    table.changed[lasting] = false;
    assert_false(advice_expire(&table, MONO_NS + 4));
    assert_true(advice_expire(&table, MONO_NS + 5));
    assert_int_equal(table.rows[brief].serial, 0);
    assert_int_equal(advice_next_change(&table), brief);
    assert_false(advice_expire(&table, UINT64_MAX - 1));
    assert_int_not_equal(row(lasting)->serial, 0);
}

static void a_full_table_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        table.rows[i] = (struct flatline_advice_slot){.serial = i + 1, .until_mono_ns = FOREVER};
    }
    assert_int_equal(give(KIND(PAUSE), "*", NS_PER_S, false), -ENOSPC);
    assert_int_equal(table.rows[0].serial, 1);
}

static void reload(const char *boot, const struct advice_clock *clock)
{
    advice_init(&table, config);
    assert_int_equal(advice_load(&table, path, boot, clock), 0);
}

static void what_is_saved_comes_back_whole_but_for_drills_and_what_ran_out(void **state)
{
    (void)state;
    const struct flatline_advice_slot want =
        *row(give(KIND(REDUCE), "quote", 60 * NS_PER_S, false));
    const struct flatline_advice_slot ever = *row(give(KIND(BREAKER), "okx", FOREVER, false));
    (void)give(KIND(PAUSE), "*", 2 * NS_PER_S, false);
    (void)give(KIND(BREAKER), "quote", NS_PER_S, true);
    const uint64_t next = table.next_serial;
    assert_int_equal(advice_save(&table, path, BOOT), 0);
    /* Same boot: the wall clock is not asked, however wrong it is. */
    const struct advice_clock later = {.mono_ns = MONO_NS + 2 * NS_PER_S, .wall_ns = 1};
    reload(BOOT, &later);
    assert_int_equal(table.next_serial, next);
    assert_memory_equal(&table.rows[0], &want, sizeof(want));
    assert_memory_equal(&table.rows[1], &ever, sizeof(ever));
    assert_int_equal(table.rows[2].serial, 0);
    assert_int_equal(advice_next_change(&table), 0); /* and the judge is told */
}

static void what_is_passed_on_comes_whole_with_its_drills(void **state)
{
    (void)state;
    (void)give(KIND(REDUCE), "quote", 60 * NS_PER_S, false);
    (void)give(KIND(BREAKER), "quote", NS_PER_S, true);
    struct advice_table before = table;
    memset(before.changed, 0, sizeof(before.changed));
    char *text = advice_text(&table, "this", true);
    assert_non_null(text);
    advice_init(&table, config);
    assert_int_equal(advice_take(&table, text, "this", &clock_at), 0);
    assert_int_equal(table.next_serial, before.next_serial);
    assert_memory_equal(table.rows, before.rows, sizeof(before.rows));
    text[strlen(text) / 2] = '\0';
    assert_int_equal(advice_take(&table, text, "this", &clock_at), -EBADMSG);
    assert_memory_equal(table.rows, before.rows, sizeof(before.rows)); /* as it was */
    free(text);
}

static void after_a_reboot_the_wall_clock_tells_what_is_left(void **state)
{
    (void)state;
    (void)give(KIND(REDUCE), "quote", 60 * NS_PER_S, false);
    (void)give(KIND(PAUSE), "*", 10 * NS_PER_S, false);
    (void)give(KIND(BREAKER), "okx", FOREVER, false);
    assert_int_equal(advice_save(&table, path, BOOT), 0);
    const struct advice_clock fresh = {.mono_ns = 7, .wall_ns = WALL_NS + 20 * NS_PER_S};
    reload("another-boot", &fresh);
    assert_int_equal(table.rows[0].kind, KIND(REDUCE));
    assert_int_equal(table.rows[0].until_mono_ns, 7 + 40 * NS_PER_S);
    assert_int_equal(table.rows[0].since_mono_ns, 0);
    assert_int_equal(table.rows[1].until_mono_ns, FOREVER);
    assert_int_equal(table.rows[2].serial, 0);
    reload("", &fresh); /* no boot's name is no boot's own */
    assert_int_equal(table.rows[0].until_mono_ns, 7 + 40 * NS_PER_S);
}

static void a_target_that_is_gone_is_kept_and_covers_nothing(void **state)
{
    (void)state;
    char why[512];
    static const char other[] =
        "streams: [okx/BTC-USDT/books]\ngates: {hedge: [okx/BTC-USDT/books]}\n";
    (void)give(KIND(BREAKER), "quote", FOREVER, false);
    assert_int_equal(advice_save(&table, path, BOOT), 0);
    config_free(config);
    assert_int_equal(config_parse("t.yaml", other, sizeof(other) - 1, &config, why, sizeof(why)),
                     0);
    reload(BOOT, &clock_at);
    assert_int_equal(table.rows[0].target, FLATLINE_TARGET_UNKNOWN);
    assert_false(advice_covers(config, &table.rows[0], 0));
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

#define HEAD "{\"flatline_advice\":1,\"boot\":\"b\",\"next_serial\":9,\"advice\":["
#define ROW(serial, kind, name, reason)                                                            \
    "{\"serial\":" serial ",\"kind\":" kind ",\"since_mono_ns\":1,\"since_wall_ns\":1,"            \
    "\"until_mono_ns\":null,\"until_wall_ns\":null,\"uid\":0,\"by\":\"x\",\"name\":\"" name        \
    "\",\"reason\":\"" reason "\"}"

static void a_damaged_file_is_an_error_and_never_an_empty_table(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "{\"flatline_advice\":2}",
                                        HEAD,
                                        HEAD "{}]}",
                                        HEAD "7]}",
                                        HEAD ROW("0", "0", "*", "r") "]}",
                                        HEAD ROW("9", "0", "*", "r") "]}",
                                        HEAD ROW("1", "5", "*", "r") "]}",
                                        HEAD ROW("-1", "0", "*", "r") "]}",
                                        HEAD ROW("1", "0", "", "r") "]}",
                                        HEAD ROW("1", "0", "*", "a\\u0007b") "]}",
                                        HEAD ROW("1", "0", "*", "r") "]} trailing"};
    (void)give(KIND(PAUSE), "*", FOREVER, false);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        write_file(texts[i], 0600);
        assert_int_equal(advice_load(&table, path, BOOT, &clock_at), -EBADMSG);
        assert_int_equal(table.rows[0].kind, KIND(PAUSE)); /* as it was */
    }
    write_file(HEAD ROW("1", "0", "*", "r") "]}", 0600);
    assert_int_equal(advice_load(&table, path, BOOT, &clock_at), 0); /* the sound one is taken */
    assert_int_equal(table.rows[0].kind, KIND(BREAKER));
}

static void a_file_others_may_write_is_not_believed(void **state)
{
    (void)state;
    char target[112];
    write_file(HEAD "]}", 0622);
    assert_int_equal(advice_load(&table, path, BOOT, &clock_at), -EPERM);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(advice_load(&table, path, BOOT, &clock_at),
                     0); /* there is none: that is fine */
    (void)snprintf(target, sizeof(target), "%s.elsewhere", path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(advice_load(&table, path, BOOT, &clock_at), -ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(advice_load(&table, path, BOOT, &clock_at), -EPERM);
}

static void saving_follows_no_link_and_leaves_nothing_behind(void **state)
{
    (void)state;
    char temporary[112];
    char victim[112];
    struct stat status;
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    (void)snprintf(victim, sizeof(victim), "%s.victim", path);
    assert_int_equal(symlink(victim, temporary), 0);
    assert_int_equal(advice_save(&table, path, BOOT), 0);
    assert_int_not_equal(lstat(victim, &status), 0);
    assert_int_not_equal(lstat(temporary, &status), 0);
    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(advice_save(&table, "/nonexistent/advice", BOOT), -ENOENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_target_covers_its_gates_and_no_other),
        CASE(a_time_or_text_that_cannot_be_is_refused),
        CASE(a_second_advice_of_a_kind_replaces_the_first_and_a_drill_does_not),
        CASE(advice_runs_out_at_its_nanosecond_and_is_told),
        CASE(a_full_table_refuses_and_keeps_what_it_has),
        CASE(what_is_saved_comes_back_whole_but_for_drills_and_what_ran_out),
        CASE(what_is_passed_on_comes_whole_with_its_drills),
        CASE(after_a_reboot_the_wall_clock_tells_what_is_left),
        CASE(a_target_that_is_gone_is_kept_and_covers_nothing),
        CASE(a_damaged_file_is_an_error_and_never_an_empty_table),
        CASE(a_file_others_may_write_is_not_believed),
        CASE(saving_follows_no_link_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
