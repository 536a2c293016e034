/* SPDX-License-Identifier: MIT
 *
 * Goal: no bytes whatever crash, hang or mislead the reader of configurations: they are taken, or
 * told with a place. Method: structure repeated to the size bound; a seeded mutation loop over the
 * good and the broken files of tests/data, each in a block of exactly its size, under the
 * sanitizers too.
 */
#include "core/base.h"
#include "sentinel/config.h"
#include "unit/config_files.h"

#include <errno.h>

#define FUZZ_ROUNDS 20000
#define FUZZ_BYTES  4096

static void nesting_and_repetition_without_end_are_cut_short(void **state)
{
    static const char *const parts[] = {"[",    "{",    "- ",    "? ", "{a: ", "[{",  "a: [",
                                        "- - ", "a:\n", "- x\n", "\"", "&a ",  "*a ", "!!a ",
                                        "--- ", "{}",   "[], ",  "# ", "%",    "|\n "};
    const size_t room = CONFIG_BYTES_MAX;
    char *yaml = malloc(room);
    (void)state;
    assert_non_null(yaml);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        char text[TEXT_BYTES];
        struct config *config = NULL;
        const size_t part_bytes = strlen(parts[i]);
        size_t used = 0;
        for (; used + part_bytes <= room; used += part_bytes) {
            memcpy(yaml + used, parts[i], part_bytes);
        }
        assert_int_equal(config_parse("f", yaml, used, &config, text, sizeof(text)), -EINVAL);
        assert_memory_equal(text, "f:", 2);
    }
    free(yaml);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Changes a few bytes: flips, copies a stretch elsewhere, cuts, or writes a piece that means
 * something to YAML. */
static size_t mutate(char *bytes, size_t size_bytes, uint64_t *seed)
{
    static const char *const pieces[] = {"\t",
                                         ": ",
                                         "- ",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         "&a",
                                         "*a",
                                         "!!x ",
                                         "\n",
                                         "\"",
                                         "'",
                                         "|",
                                         ">",
                                         "---\n",
                                         "null",
                                         "~",
                                         "99999999999999999999",
                                         "\xff",
                                         "\xc3\xa4",
                                         "\\0",
                                         "#",
                                         "? "};
    const unsigned changes = 1 + (unsigned)(random_next(seed) % 6);
    for (unsigned i = 0; i < changes && size_bytes > 1; i++) {
        const size_t at = random_next(seed) % size_bytes;
        const size_t left = size_bytes - at;
        const char *piece = pieces[random_next(seed) % ARRAY_COUNT(pieces)];
        const size_t stretch = 1 + random_next(seed) % (left < 40 ? left : 40);
        switch (random_next(seed) % 4) {
        case 0:
            bytes[at] = (char)random_next(seed);
            break;
        case 1:
            memmove(bytes + random_next(seed) % (size_bytes - stretch + 1), bytes + at, stretch);
            break;
        case 2:
            memmove(bytes + at, bytes + at + stretch, left - stretch);
            size_bytes -= stretch;
            break;
        default:
            if (size_bytes + strlen(piece) < FUZZ_BYTES) {
                memmove(bytes + at + strlen(piece), bytes + at, left);
                memcpy(bytes + at, piece, strlen(piece));
                size_bytes += strlen(piece);
            }
            break;
        }
    }
    return size_bytes;
}

static void mutate_and_parse(const char *seed_bytes, size_t seed_size_bytes, uint64_t *seed)
{
    char text[TEXT_BYTES] = "";
    struct config *config = NULL;
    /* Exactly as large as it is: the sanitizer sees a byte read beyond. */
    char *bytes = malloc(FUZZ_BYTES);
    assert_non_null(bytes);
    memcpy(bytes, seed_bytes, seed_size_bytes);
    const size_t size_bytes = mutate(bytes, seed_size_bytes, seed);
    char *exact = malloc(size_bytes > 0 ? size_bytes : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size_bytes);
    free(bytes);
    const int result = config_parse("f", exact, size_bytes, &config, text, sizeof(text));
    assert_true(result == 0 || result == -EINVAL);
    assert_int_equal(result == 0, config != NULL);
    assert_int_equal(result == 0, text[0] == '\0');
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_memory_equal(line, "f:", 2);
        if (line[strcspn(line, "\n")] == '\0') {
            break;
        }
    }
    config_free(config);
    free(exact);
}

static void mutated_files_are_taken_or_told_never_fatal(void **state)
{
    static char names[2][FILES_MAX][64];
    const char *const folders[2] = {GOOD, BROKEN};
    const size_t counts[2] = {yaml_files(GOOD, names[0]), yaml_files(BROKEN, names[1])};
    uint64_t seed = 0x9e3779b97f4a7c15ULL;
    (void)state;
    for (unsigned round = 0; round < FUZZ_ROUNDS;) {
        char path[512];
        size_t size_bytes;
        const unsigned pick = round % 100 < 50 ? 0 : 1; /* the good ones get further */
        (void)snprintf(path,
                       sizeof(path),
                       "%s/%s",
                       folders[pick],
                       names[pick][random_next(&seed) % counts[pick]]);
        char *bytes = file_text(path, &size_bytes);
        assert_true(size_bytes < FUZZ_BYTES);
        for (unsigned i = 0; i < 50; i++, round++) {
            mutate_and_parse(bytes, size_bytes, &seed);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_and_repetition_without_end_are_cut_short),
        cmocka_unit_test(mutated_files_are_taken_or_told_never_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
