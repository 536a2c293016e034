/* SPDX-License-Identifier: MIT
 *
 * Goal: a configuration is taken whole, with every default, or refused with every problem's place
 * and what to write instead; no bytes whatever crash or hang the reader. Method: the files of
 * tests/data/broken against the lines of expected.txt beside them; good files against the values
 * they mean; files made in a temporary folder where modes matter; a seeded mutation loop over all
 * of them (run under the sanitizers too).
 */
#include "core/base.h"
#include "sentinel/config.h"
#include "unit/config_files.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- reading and comparing ------------------------------------------------------------------- */

/* Removes the folder from the head of each line of an error text, so that it reads
 * `name.yaml:line:col: ...`. */
static void folder_strip(char *text, const char *folder)
{
    const size_t folder_bytes = strlen(folder);
    char *to = text;
    for (char *from = text; *from != '\0';) {
        if (strncmp(from, folder, folder_bytes) == 0 && from[folder_bytes] == '/') {
            from += folder_bytes + 1;
        }
        while (*from != '\0' && *from != '\n') {
            *to++ = *from++;
        }
        if (*from == '\n') {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* A line of expected.txt that ends in * says only how the line begins: the rest depends on the
 * machine. */
static bool line_matches(const char *got, size_t got_bytes, const char *expected, size_t bytes)
{
    if (bytes > 0 && expected[bytes - 1] == '*') {
        return got_bytes >= bytes - 1 && memcmp(got, expected, bytes - 1) == 0;
    }
    return got_bytes == bytes && memcmp(got, expected, bytes) == 0;
}

/* Compares the told lines of one file with those expected.txt has for it; true: all the same,
 * none left over. */
static bool lines_match(const char *got, const char *expected, const char *name)
{
    const size_t name_bytes = strlen(name);
    while (*expected != '\0') {
        const size_t expected_bytes = strcspn(expected, "\n");
        if (strncmp(expected, name, name_bytes) == 0 && expected[name_bytes] == ':') {
            const size_t got_bytes = strcspn(got, "\n");
            if (!line_matches(got, got_bytes, expected, expected_bytes)) {
                return false;
            }
            got += got_bytes + (got[got_bytes] == '\n' ? 1 : 0);
        }
        expected += expected_bytes + (expected[expected_bytes] == '\n' ? 1 : 0);
    }
    return *got == '\0';
}

static struct config *load_good(const char *path)
{
    char text[TEXT_BYTES] = "";
    struct config *config = NULL;
    const int result = config_load(path, &config, text, sizeof(text));
    if (result != 0) {
        fail_msg("%s: %d\n%s", path, result, text);
    }
    assert_non_null(config);
    return config;
}

static int parse(const char *yaml, struct config **ret_config, char text[TEXT_BYTES])
{
    text[0] = '\0';
    return config_parse("f.yaml", yaml, strlen(yaml), ret_config, text, TEXT_BYTES);
}

static struct config *parse_good(const char *yaml)
{
    char text[TEXT_BYTES];
    struct config *config = NULL;
    if (parse(yaml, &config, text) != 0) {
        fail_msg("%s\n%s", yaml, text);
    }
    return config;
}

static void assert_broken(const char *yaml, const char *line)
{
    char text[TEXT_BYTES];
    struct config *config = NULL;
    assert_int_equal(parse(yaml, &config, text), -EINVAL);
    assert_null(config);
    assert_string_equal(text, line);
}

/* ---- broken files ---------------------------------------------------------------------------- */

static void every_broken_file_is_told_with_its_place_and_what_to_write(void **state)
{
    static char names[FILES_MAX][64];
    const size_t count = yaml_files(BROKEN, names);
    char *expected = file_text(BROKEN "/expected.txt", NULL);
    size_t failures = 0;
    (void)state;
    assert_true(count >= 30);
    for (size_t i = 0; i < count; i++) {
        char path[512];
        char text[TEXT_BYTES] = "";
        struct config *config = NULL;
        (void)snprintf(path, sizeof(path), "%s/%s", BROKEN, names[i]);
        const int result = config_load(path, &config, text, sizeof(text));
        folder_strip(text, BROKEN);
        if (result != -EINVAL || config != NULL || !lines_match(text, expected, names[i])) {
            print_error("%s: %d, told:\n%s\n", names[i], result, text);
            failures++;
        }
    }
    free(expected);
    assert_int_equal(failures, 0);
}

static void every_line_told_has_a_remedy(void **state)
{
    char *expected = file_text(BROKEN "/expected.txt", NULL);
    (void)state;
    for (char *line = strtok(expected, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *remedy = strstr(line, "; ");
        unsigned at_line;
        unsigned at_column;
        const char *colon = strchr(line, ':');
        assert_non_null(colon);
        assert_int_equal(sscanf(colon, ":%u:%u: ", &at_line, &at_column), 2);
        assert_true(at_line >= 1 && at_column >= 1);
        if (remedy == NULL ||
            (strstr(remedy, "write ") == NULL && strstr(remedy, "remove ") == NULL)) {
            fail_msg("no remedy in: %s", line);
        }
    }
    free(expected);
}

static void files_that_cannot_be_read_are_told_too(void **state)
{
    char text[TEXT_BYTES];
    struct config *config = NULL;
    (void)state;
    assert_int_equal(config_load("/no/such.yaml", &config, text, sizeof(text)), -EINVAL);
    assert_string_equal(text,
                        "/no/such.yaml:1:1: no such file; write one with `flatline init -o FILE`");
    assert_int_equal(config_load("/tmp", &config, text, sizeof(text)), -EINVAL);
    assert_string_equal(text, "/tmp:1:1: a directory; write the path of a file");
    assert_int_equal(config_load("/dev/zero", &config, text, sizeof(text)), -EINVAL);
    assert_string_equal(text, "/dev/zero:1:1: larger than 1 MiB; write a smaller file");
    assert_int_equal(config_load("/dev/null", &config, text, sizeof(text)), -EINVAL);
    assert_non_null(strstr(text, "/dev/null:1:1: an empty file; write "));
    assert_null(config);
}

static void too_many_streams_for_a_venue_are_refused(void **state)
{
    /* COIN-M: a tenth of 300 connects, 200 streams each. */
    const unsigned most = 6000;
    const size_t room = 512 * 1024;
    char *yaml = malloc(room);
    char text[TEXT_BYTES];
    struct config *config = NULL;
    (void)state;
    assert_non_null(yaml);
    for (unsigned count = most; count <= most + 2; count++) {
        size_t used = (size_t)sprintf(yaml, "streams:\n");
        for (unsigned i = 0; i < count; i++) {
            used += (size_t)sprintf(yaml + used, "  - binance-coinm/A%uUSD_PERP/depth\n", i);
        }
        assert_true(used < room);
        const int result = config_parse("f", yaml, used, &config, text, sizeof(text));
        assert_int_equal(result, count > most ? -EINVAL : 0);
        if (count > most) {
            assert_non_null(strstr(text, "f:6002:5: more streams than binance-coinm allows"));
            assert_null(strchr(text, '\n'));
        } else {
            assert_int_equal(config->stream_count, most);
            assert_int_equal(config->gate_count, most);
            config_free(config);
            config = NULL;
        }
    }
    free(yaml);
}

/* ---- good files ------------------------------------------------------------------------------ */

static void nothing_but_streams_gets_every_default(void **state)
{
    struct config *config = load_good(GOOD "/minimal.yaml");
    const struct detector_policy policy = detector_policy_default();
    (void)state;
    assert_int_equal(config->stream_count, 1);
    assert_string_equal(config->streams[0].name, "binance-usdm/BTCUSDT/depth@100ms");
    assert_int_equal(config->streams[0].route, ROUTE_PUBLIC);
    assert_int_equal(config->streams[0].traits.stale_after_ns, 3 * NS_PER_S);
    assert_int_equal(config->streams[0].traits.silent_after_ns, 0);
    assert_int_equal(config->gate_count, 1);
    assert_string_equal(config->gates[0].name, "binance-usdm/BTCUSDT");
    assert_true(config->gates[0].automatic);
    assert_true(config->venues[FLATLINE_VENUE_BINANCE_USDM].used);
    assert_false(config->venues[FLATLINE_VENUE_OKX].used);
    assert_string_equal(config->venues[FLATLINE_VENUE_BINANCE_USDM].ws_url,
                        "wss://fstream.binance.com");
    assert_int_equal(config->venues[FLATLINE_VENUE_BINANCE_USDM].ping_interval_ns, 20 * NS_PER_S);
    assert_int_equal(config->venues[FLATLINE_VENUE_BINANCE_USDM].max_age_ns, 23 * 3600 * NS_PER_S);
    assert_int_equal(config->venues[FLATLINE_VENUE_OKX].max_age_ns, 0);
    assert_false(config->user_data.used);
    assert_string_equal(config->segment_directory, "/dev/shm");
    assert_string_equal(config->segment_name, "flatline");
    assert_int_equal(config->segment_mode, 0640);
    assert_int_equal(config->segment_group, (gid_t)-1);
    assert_true(config->histograms);
    assert_int_equal(config->wait, THREAD_BLOCK);
    assert_int_equal(config->ingest_cpu, -1);
    assert_int_equal(config->judge_cpu, -1);
    assert_int_equal(config->alive_for_ns, 250 * NS_PER_MS);
    assert_int_equal(config->self_stall_after_ns, 50 * NS_PER_MS);
    assert_int_equal(config->policy.frozen_frames, policy.frozen_frames);
    assert_int_equal(config->policy.proof_interval_ns, 20 * NS_PER_S);
    assert_memory_equal(config->policy.lease_on, policy.lease_on, sizeof(policy.lease_on));
    assert_null(config->control_socket);
    assert_null(config->state_file);
    assert_int_equal(config->policy.silent_every_ns, 30 * 86400 * NS_PER_S); /* 1/month */
    assert_int_equal(config->policy.silent_cap_ns, 0);
    assert_null(config->record_file);
    assert_int_equal(config->control_group, (gid_t)-1);
    config_free(config);
}

static void every_key_reaches_its_place(void **state)
{
    struct config *config = load_good(GOOD "/everything.yaml");
    const struct config_venue *usdm = &config->venues[FLATLINE_VENUE_BINANCE_USDM];
    (void)state;
    assert_int_equal(config->stream_count, 5);
    assert_int_equal(config->streams[1].traits.stale_after_ns, 500 * NS_PER_MS);
    assert_int_equal(config->streams[1].traits.silent_after_ns, 10 * NS_PER_S);
    assert_true(config->streams[2].traits.observed);
    assert_int_equal(config->streams[2].route, ROUTE_MARKET);
    assert_int_equal(config->streams[3].traits.allowance_ns, 300 * NS_PER_MS);
    assert_int_equal(config->streams[4].route, ROUTE_BUSINESS);
    assert_true(config->streams[4].traits.observed);
    assert_int_equal(config->streams[4].traits.stream_class, FLATLINE_CLASS_OTHER);
    assert_string_equal(usdm->ws_url, "wss://fstream.example:9443");
    assert_string_equal(usdm->rest_url, "https://fapi.example");
    assert_string_equal(usdm->address, "::1");
    assert_string_equal(usdm->ca_file, GOOD "/everything.yaml"); /* from the file's folder */
    assert_int_equal(usdm->ping_interval_ns, 5 * NS_PER_S);
    assert_int_equal(usdm->max_age_ns, 22 * 3600 * NS_PER_S);
    assert_string_equal(config->segment_name, "fl");
    assert_string_equal(config->segment_directory, "/tmp");
    assert_int_equal(config->segment_mode, 0600);
    assert_int_equal(config->segment_group, 0);
    assert_false(config->histograms);
    assert_int_equal(config->faults_max, 64);
    assert_int_equal(config->events_max, 1024);
    assert_int_equal(config->wait, THREAD_SPIN);
    assert_int_equal(config->ingest_cpu, 0);
    assert_int_equal(config->judge_cpu, -1);
    assert_int_equal(config->ring_events, 4096);
    assert_int_equal(config->read_budget_bytes, 64U << 10);
    assert_int_equal(config->message_bytes_max, 2U << 20);
    assert_int_equal(config->engine_socket_count, 2);
    assert_string_equal(config->engine_sockets[0].name, "quoter");
    assert_string_equal(config->engine_sockets[0].pid_file, GOOD "/quoter.pid"); /* not there yet */
    assert_string_equal(config->engine_sockets[1].name, "engine");
    assert_null(config->engine_sockets[1].pid_file);
    assert_int_equal(config->engine_sockets[1].venue, FLATLINE_VENUE_OKX);
    assert_string_equal(config->control_socket, GOOD "/control.sock");
    assert_int_equal(config->control_group, 0);
    assert_string_equal(config->state_file, GOOD "/advice.json");
    assert_int_equal(config->policy.silent_every_ns, 7 * 86400 * NS_PER_S / 2);
    assert_int_equal(config->policy.silent_warm_up_ns, 1800 * NS_PER_S);
    assert_int_equal(config->policy.silent_cap_ns, 600 * NS_PER_S);
    assert_true(config->streams[2].traits.silent_off);
    assert_false(config->streams[3].traits.silent_off);
    assert_string_equal(config->record_file, GOOD "/day-%F.tsv.zst");
    assert_int_equal(config->record_buffer_bytes, 4 << 20);
    config_free(config);
}

static void detection_and_policy_reach_their_places(void **state)
{
    struct config *config = load_good(GOOD "/everything.yaml");
    const struct detector_policy *policy = &config->policy;
    (void)state;
    assert_int_equal(config->alive_for_ns, 500 * NS_PER_MS);
    assert_int_equal(config->self_stall_after_ns, 100 * NS_PER_MS);
    assert_int_equal(policy->stall_explains_ns, 30 * NS_PER_S);
    assert_int_equal(policy->unread_after_ns, 400 * NS_PER_MS);
    assert_int_equal(policy->first_data_ns, 4 * NS_PER_S);
    assert_int_equal(policy->frozen_frames, 30);
    assert_int_equal(policy->lagging_excess_ns, 300 * NS_PER_MS);
    assert_int_equal(policy->lagging_window_ns, 2 * NS_PER_S);
    assert_int_equal(policy->lagging_hold_ns, 3 * NS_PER_S);
    assert_int_equal(policy->key_life_ns, 3000 * NS_PER_S);
    assert_int_equal(policy->key_expiring_ns, 1200 * NS_PER_S);
    assert_int_equal(policy->proof_interval_ns, 5 * NS_PER_S);
    assert_int_equal(policy->self_stall_after_ns, 100 * NS_PER_MS);
    assert_int_equal(policy->lease_on[FLATLINE_FAULT_GAP], LEASE_REVOKE);
    assert_int_equal(policy->lease_on[FLATLINE_FAULT_DOWN], LEASE_KEEP);
    config_free(config);
}

static void gates_of_the_file_carry_their_own_patience(void **state)
{
    struct config *config = load_good(GOOD "/everything.yaml");
    (void)state;
    assert_int_equal(config->gate_count, 2);
    const struct config_gate *fast = &config->gates[0];
    const struct config_gate *slow = &config->gates[1];
    assert_string_equal(fast->name, "btc");
    assert_false(fast->automatic);
    assert_int_equal(fast->member_count, 2);
    assert_int_equal(fast->members[1].stream, 1);
    assert_int_equal(fast->members[0].stale_adjust_ns, 0);
    /* 5 s of the gate less 2 s and 3 s of the streams. */
    assert_int_equal(slow->members[0].stream, 3);
    assert_int_equal(slow->members[0].stale_adjust_ns, 3 * (int64_t)NS_PER_S);
    assert_int_equal(slow->members[1].stale_adjust_ns, 2 * (int64_t)NS_PER_S);
    assert_int_equal(fast->members[0].quiet_hold_ms, 0);
    assert_int_equal(slow->members[0].quiet_hold_ms, 30000);
    assert_int_equal(slow->members[1].quiet_hold_ms, 30000);
    config_free(config);
}

static void quiet_hold_is_looked_at_as_early_as_its_strictest_gate_needs(void **state)
{
    struct config *config = parse_good("streams: [okx/BTC-USDT/books]\n"
                                       "gates:\n"
                                       "  a: {streams: [okx/BTC-USDT/books], stale_after: 500ms}\n"
                                       "  b: {streams: [okx/BTC-USDT/books], stale_after: 1s, "
                                       "quiet_hold: 2s}\n"
                                       "  c: {streams: [okx/BTC-USDT/books], quiet_hold: 15ms}\n");
    (void)state;
    assert_int_equal(config->streams[0].traits.quiet_ahead_ns, 2 * NS_PER_S); /* by gate b */
    assert_int_equal(config->gates[0].members[0].quiet_hold_ms, 0);
    assert_int_equal(config->gates[1].members[0].quiet_hold_ms, 2000);
    assert_int_equal(config->gates[2].members[0].quiet_hold_ms, 15);
    config_free(config);
}

static void a_gate_may_require_what_the_engine_itself_has(void **state)
{
    struct config *config = parse_good("streams: [okx/BTC-USDT/books]\n"
                                       "gates: {a: {streams: [okx/BTC-USDT/books], require: both}, "
                                       "b: {streams: [okx/BTC-USDT/books], require: witness}, "
                                       "c: [okx/BTC-USDT/books]}\n");
    (void)state;
    assert_true(config->gates[0].both);
    assert_false(config->gates[1].both);
    assert_false(config->gates[2].both);
    config_free(config);
}

static void a_venue_may_have_twins_and_two_is_all(void **state)
{
    struct config *config = parse_good("streams: [okx/BTC-USDT/books]\n"
                                       "venues: {okx: {connections: 2}}\n");
    char text[TEXT_BYTES];
    (void)state;
    assert_int_equal(config->venues[FLATLINE_VENUE_OKX].connections, 2);
    assert_int_equal(config->venues[FLATLINE_VENUE_BINANCE_SPOT].connections, 1);
    config_free(config);
    config = NULL;
    assert_int_equal(parse("streams: [okx/BTC-USDT/books]\n"
                           "venues: {okx: {connections: 3}}\n",
                           &config,
                           text),
                     -EINVAL);
    assert_non_null(strstr(text, "f.yaml:2:"));
    assert_non_null(strstr(text, "write 1 to 2"));
}

static void a_key_kept_by_an_engine_needs_none_of_ours(void **state)
{
    struct config *config = parse_good("streams: [binance-usdm/BTCUSDT/bookTicker]\n"
                                       "user_data: {binance-usdm: {account: mm1, key: engine}}\n");
    (void)state;
    assert_true(config->user_data.used);
    assert_int_equal(config->user_data.key, CONFIG_KEY_OF_ENGINE);
    assert_true(config->streams[config->user_data.stream].traits.key_of_engine);
    config_free(config);
}

static void impatient_gate_shortens_the_lease(void **state)
{
    struct config *config = parse_good("streams: [okx/BTC-USDT/books]\n"
                                       "gates: {fast: {streams: [okx/BTC-USDT/books], "
                                       "stale_after: 500ms}}\n");
    (void)state;
    assert_int_equal(config->gates[0].members[0].stale_adjust_ns,
                     (int64_t)(500 * NS_PER_MS) - (int64_t)(3 * NS_PER_S));
    config_free(config);
}

static void
assert_gate(const struct config *config, uint32_t gate, const char *name, const char *streams)
{
    char text[1024] = "";
    assert_true(gate < config->gate_count);
    for (uint32_t i = 0; i < config->gates[gate].member_count; i++) {
        const char *stream = config->streams[config->gates[gate].members[i].stream].name;
        (void)snprintf(
            text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "", stream);
    }
    assert_string_equal(config->gates[gate].name, name);
    assert_string_equal(text, streams);
}

static void instruments_get_a_gate_of_books_and_best_prices(void **state)
{
    struct config *config = load_good(GOOD "/instruments.yaml");
    (void)state;
    assert_int_equal(config->stream_count, 8);
    assert_int_equal(config->gate_count, 3);
    assert_gate(config,
                0,
                "binance-usdm/BTCUSDT",
                "binance-usdm/BTCUSDT/depth@100ms binance-usdm/BTCUSDT/bookTicker");
    assert_gate(config, 1, "okx/BTC-USDT", "okx/BTC-USDT/books okx/BTC-USDT/bbo-tbt");
    /* Its bookTicker is only observed, its mark price was asked for. */
    assert_gate(config, 2, "binance-usdm/ETHUSDT", "binance-usdm/ETHUSDT/markPrice@1s");
    config_free(config);
}

static void only_observed_streams_make_no_gate(void **state)
{
    struct config *config = parse_good("streams: [okx/BTC-USDT/trades]\n");
    (void)state;
    assert_int_equal(config->gate_count, 0);
    config_free(config);
}

static void unknown_channel_is_taken_where_its_route_is_said(void **state)
{
    struct config *config =
        parse_good("streams:\n"
                   "  - {name: binance-spot/BTCUSDT/depthh, route: stream}\n"
                   "  - binance-spot/BTCUSDT/somethingQuiteNew\n"
                   "  - {name: okx/BTC-USDT/somethingQuiteNew, route: public}\n");
    (void)state;
    assert_int_equal(config->stream_count, 3);
    assert_true(config->streams[1].traits.observed);
    assert_int_equal(config->streams[2].route, ROUTE_PUBLIC);
    assert_int_equal(config->gate_count, 0);
    config_free(config);
}

/* ---- user data ------------------------------------------------------------------------------- */

struct key_folder {
    char path[64];
};

static void key_file_write(const char *folder, const char *name, const char *text, mode_t mode)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static const char *const key_files[] = {"good.key", "open.key", "empty.key", "huge.key"};

static int keys_make(void **state)
{
    static struct key_folder folder;
    static char huge[5000];
    (void)snprintf(folder.path, sizeof(folder.path), "/tmp/flatline-config-XXXXXX");
    assert_non_null(mkdtemp(folder.path));
    memset(huge, 'k', sizeof(huge) - 1);
    key_file_write(folder.path, "good.key", "secret-key\n", 0600);
    key_file_write(folder.path, "open.key", "secret-key\n", 0640);
    key_file_write(folder.path, "empty.key", "", 0600);
    key_file_write(folder.path, "huge.key", huge, 0600);
    *state = &folder;
    return 0;
}

static int keys_remove(void **state)
{
    const struct key_folder *folder = *state;
    for (size_t i = 0; i < ARRAY_COUNT(key_files); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s", folder->path, key_files[i]);
        (void)unlink(path);
    }
    return rmdir(folder->path);
}

/* Parses a configuration that stands in the folder of the keys. */
static int parse_with_key(const struct key_folder *folder,
                          const char *user_data,
                          struct config **ret_config,
                          char text[TEXT_BYTES])
{
    char path[128];
    char yaml[1024];
    (void)snprintf(path, sizeof(path), "%s/f.yaml", folder->path);
    const int bytes = snprintf(yaml,
                               sizeof(yaml),
                               "streams:\n"
                               "  - binance-usdm/BTCUSDT/bookTicker\n"
                               "  - okx/BTC-USDT/books\n"
                               "user_data: {binance-usdm: {%s}}\n",
                               user_data);
    text[0] = '\0';
    const int result = config_parse(path, yaml, (size_t)bytes, ret_config, text, TEXT_BYTES);
    folder_strip(text, folder->path);
    return result;
}

static void user_data_adds_a_stream_and_joins_the_venues_gates(void **state)
{
    char text[TEXT_BYTES];
    struct config *config = NULL;
    const int result =
        parse_with_key(*state, "account: mm1, api_key_file: good.key", &config, text);
    if (result != 0) {
        fail_msg("%s", text);
    }
    assert_int_equal(config->stream_count, 3);
    assert_string_equal(config->streams[2].name, "binance-usdm/mm1/user");
    assert_int_equal(config->streams[2].route, ROUTE_PRIVATE);
    assert_int_equal(config->streams[2].traits.stream_class, FLATLINE_CLASS_USER);
    assert_true(config->user_data.used);
    assert_int_equal(config->user_data.stream, 2);
    assert_int_equal(config->user_data.extend_interval_ns, 120 * NS_PER_S);
    assert_gate(
        config, 0, "binance-usdm/BTCUSDT", "binance-usdm/BTCUSDT/bookTicker binance-usdm/mm1/user");
    assert_gate(config, 1, "okx/BTC-USDT", "okx/BTC-USDT/books");
    config_free(config);
}

static void key_files_others_may_read_or_without_a_key_are_refused(void **state)
{
    static const struct {
        const char *user_data;
        const char *line;
    } rows[] = {
        {"api_key_file: open.key",
         "f.yaml:4:42: api_key_file: \"open.key\" may be read by others; write `chmod 600` on it "
         "first"},
        {"api_key_file: empty.key",
         "f.yaml:4:42: api_key_file: \"empty.key\" is empty; write the API key into it"},
        {"api_key_file: huge.key",
         "f.yaml:4:42: api_key_file: \"huge.key\" is too large for a key; write the API key alone "
         "into it"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[TEXT_BYTES];
        struct config *config = NULL;
        assert_int_equal(parse_with_key(*state, rows[i].user_data, &config, text), -EINVAL);
        assert_string_equal(text, rows[i].line);
        assert_null(strstr(text, "secret"));
    }
}

static void key_of_the_environment_is_named_not_kept(void **state)
{
    char text[TEXT_BYTES];
    struct config *config = NULL;
    assert_int_equal(setenv("FLATLINE_TEST_KEY", "secret-key", 1), 0);
    assert_int_equal(parse_with_key(*state, "api_key_env: FLATLINE_TEST_KEY", &config, text), 0);
    assert_string_equal(config->user_data.api_key_env, "FLATLINE_TEST_KEY");
    assert_null(config->user_data.api_key_file);
    assert_string_equal(config->streams[2].name, "binance-usdm/main/user");
    config_free(config);
    (void)unsetenv("FLATLINE_TEST_KEY");
}

static void account_stream_may_stand_in_a_gate_of_the_file(void **state)
{
    char text[TEXT_BYTES];
    char yaml[512];
    struct config *config = NULL;
    const struct key_folder *folder = *state;
    (void)snprintf(
        yaml,
        sizeof(yaml),
        "gates: {all: {streams: [okx/BTC-USDT/books, binance-usdm/main/user], stale_after: 1s, "
        "quiet_hold: 1s}}\n"
        "user_data: {binance-usdm: {api_key_file: %s/good.key}}\n"
        "streams: [okx/BTC-USDT/books]\n",
        folder->path);
    if (parse(yaml, &config, text) != 0) {
        fail_msg("%s", text);
    }
    assert_gate(config, 0, "all", "okx/BTC-USDT/books binance-usdm/main/user");
    assert_int_equal(config->gates[0].members[0].stale_adjust_ns, -2 * (int64_t)NS_PER_S);
    assert_int_equal(config->gates[0].members[1].stale_adjust_ns, 0); /* leased by its key */
    assert_int_equal(config->gates[0].members[0].quiet_hold_ms, 1000);
    assert_int_equal(config->gates[0].members[1].quiet_hold_ms, 0);
    config_free(config);
}

/* ---- what is easily got wrong ---------------------------------------------------------------- */

static void gate_of_a_stream_already_complained_of_adds_no_noise(void **state)
{
    (void)state;
    assert_broken("streams: [okx/btc-usdt/books]\ngates: {a: [okx/btc-usdt/books]}\n",
                  "f.yaml:1:11: \"btc-usdt\" is not a symbol of okx; write okx/BTC-USDT/books");
}

static void bare_number_is_given_the_unit_that_fits(void **state)
{
    (void)state;
    assert_broken("streams: [okx/BTC-USDT/books]\ndetect: {alive_for: 250}\n",
                  "f.yaml:2:21: alive_for: \"250\" has no unit; write 250ms, or another of ns, us, "
                  "ms, s, m or h");
}

static void password_in_an_address_is_not_repeated(void **state)
{
    char text[TEXT_BYTES];
    struct config *config = NULL;
    (void)state;
    assert_int_equal(parse("streams: [okx/BTC-USDT/books]\n"
                           "venues: {okx: {rest: \"https://me:hunter2@www.okx.com\"}}\n",
                           &config,
                           text),
                     -EINVAL);
    assert_non_null(strstr(text, "f.yaml:2:22: rest: "));
    assert_null(strstr(text, "hunter2"));
}

static void error_text_may_be_left_out(void **state)
{
    struct config *config = NULL;
    (void)state;
    assert_int_equal(config_parse("f", "x", 1, &config, NULL, 0), -EINVAL);
    assert_int_equal(config_load("/no/such.yaml", &config, NULL, 0), -EINVAL);
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_file_is_told_with_its_place_and_what_to_write),
        cmocka_unit_test(every_line_told_has_a_remedy),
        cmocka_unit_test(files_that_cannot_be_read_are_told_too),
        cmocka_unit_test(too_many_streams_for_a_venue_are_refused),
        cmocka_unit_test(nothing_but_streams_gets_every_default),
        cmocka_unit_test(every_key_reaches_its_place),
        cmocka_unit_test(detection_and_policy_reach_their_places),
        cmocka_unit_test(gates_of_the_file_carry_their_own_patience),
        cmocka_unit_test(a_gate_may_require_what_the_engine_itself_has),
        cmocka_unit_test(quiet_hold_is_looked_at_as_early_as_its_strictest_gate_needs),
        cmocka_unit_test(a_venue_may_have_twins_and_two_is_all),
        cmocka_unit_test(a_key_kept_by_an_engine_needs_none_of_ours),
        cmocka_unit_test(impatient_gate_shortens_the_lease),
        cmocka_unit_test(instruments_get_a_gate_of_books_and_best_prices),
        cmocka_unit_test(only_observed_streams_make_no_gate),
        cmocka_unit_test(unknown_channel_is_taken_where_its_route_is_said),
        cmocka_unit_test(user_data_adds_a_stream_and_joins_the_venues_gates),
        cmocka_unit_test(key_files_others_may_read_or_without_a_key_are_refused),
        cmocka_unit_test(key_of_the_environment_is_named_not_kept),
        cmocka_unit_test(account_stream_may_stand_in_a_gate_of_the_file),
        cmocka_unit_test(gate_of_a_stream_already_complained_of_adds_no_noise),
        cmocka_unit_test(bare_number_is_given_the_unit_that_fits),
        cmocka_unit_test(password_in_an_address_is_not_repeated),
        cmocka_unit_test(error_text_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, keys_make, keys_remove);
}
