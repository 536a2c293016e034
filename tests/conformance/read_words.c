/* SPDX-License-Identifier: MIT
 *
 * read_words.c - reads the first STREAM slot of an engine's file while the engine echoes as fast as it can, and counts torn words:
 * whose halves are not alike, or that are 0. READS times by a mapping, a word at a time; a tenth of them by the sentinel's own reader,
 * which copies the whole file. Reads on until the word has changed CHANGES times: an engine that stood still proves nothing. Gives up
 * a minute after its start.
 *
 * usage: read_words FILE READS CHANGES
 */
#include "flatline/engine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT_NS 60000000000U
#define BATCH    100000U

struct tally {
    uint64_t reads;
    uint64_t changes;
    uint64_t torn;
    uint64_t last;
};

/* The halves are alike, and never both 0: some ways to write a word clear it first. */
static bool is_torn(uint64_t word)
{
    return word == 0 || word >> 32 != (word & UINT32_MAX);
}

static void take(struct tally *tally, uint64_t last_id, uint64_t recv_mono_ns)
{
    tally->reads++;
    tally->torn += is_torn(last_id);
    tally->torn += is_torn(recv_mono_ns);
    tally->changes += last_id != tally->last;
    tally->last = last_id;
}

static const struct flatline_engine_echo *echo_of(const struct flatline_engine_view *view)
{
    for (uint32_t i = 0; i < flatline_engine_view_count(view); i++) {
        struct flatline_engine_slot_view slot;
        if (flatline_engine_view_slot(view, i, &slot) == 0 && slot.kind == FLATLINE_ENGINE_STREAM) {
            return slot.record;
        }
    }
    return NULL;
}

/* Where the mapped record is, as the file's own directory says. */
static const struct flatline_engine_echo *echo_mapped(const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return NULL;
    }
    const uint8_t *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED) {
        return NULL;
    }
    const struct flatline_engine_header *header = (const void *)map;
    const struct flatline_engine_slot *slots = (const void *)(map + header->slots_offset);
    for (uint64_t i = 0; i < header->slot_count; i++) {
        if (slots[i].kind == FLATLINE_ENGINE_STREAM) {
            return (const void *)(map + slots[i].offset_bytes);
        }
    }
    return NULL;
}

static bool goes_on(const struct tally *tally, uint64_t reads, uint64_t changes, uint64_t end_ns)
{
    return (tally->reads < reads || tally->changes < changes) && flatline_now_mono_ns() < end_ns;
}

int main(int argc, char **argv)
{
    struct flatline_engine_view *view;
    struct tally mapped = {0};
    struct tally copied = {0};
    if (argc != 4 || flatline_engine_view_open(argv[1], &view) != 0) {
        (void)fputs("usage: read_words FILE READS CHANGES\n", stderr);
        return 2;
    }
    const uint64_t reads = strtoull(argv[2], NULL, 10);
    const uint64_t changes = strtoull(argv[3], NULL, 10);
    const struct flatline_engine_echo *echo = echo_mapped(argv[1]);
    const uint64_t end_ns = flatline_now_mono_ns() + LIMIT_NS;
    while (echo != NULL && goes_on(&mapped, reads, changes, end_ns)) {
        for (uint32_t i = 0; i < BATCH; i++) {
            take(&mapped,
                 flatline_load_word(&echo->last_id),
                 flatline_load_word(&echo->recv_mono_ns));
        }
    }
    while (goes_on(&copied, reads / 10, changes / 10, end_ns)) {
        const struct flatline_engine_echo *copy =
            flatline_engine_view_read(view) == 0 ? echo_of(view) : NULL;
        if (copy != NULL) {
            take(&copied, copy->last_id, copy->recv_mono_ns);
        }
    }
    flatline_engine_view_close(view);
    (void)printf("{\"reads\":%" PRIu64 ",\"changes\":%" PRIu64 ",\"copies\":%" PRIu64
                 ",\"copies_changed\":%" PRIu64 ",\"torn\":%" PRIu64 "}\n",
                 mapped.reads,
                 mapped.changes,
                 copied.reads,
                 copied.changes,
                 mapped.torn + copied.torn);
    return 0;
}
