/* SPDX-License-Identifier: MIT */
#include "sentinel/silence_file.h"

#include "sentinel/state_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAGIC     0x45434e454c495346ULL /* the bytes "FSILENCE" */
#define FILE_VERSION   2U /* 1 measured gaps by their mean, not by their root mean square */
#define FILE_ROWS_MAX  100000U
#define FILE_BYTES_MAX (sizeof(struct file_header) + FILE_ROWS_MAX * sizeof(struct silence_kept))

struct file_header {
    uint64_t magic;
    uint32_t version;
    uint32_t row_bytes;
    uint64_t row_count;
    uint64_t saved_wall_ns;
    uint64_t checksum; /* of the header before it and of the rows */
};

/* FNV-1a: against damage, not against malice; who may write the file may write anything. */
static uint64_t checksum_of(const struct file_header *header, const struct silence_kept *rows)
{
    const struct {
        const unsigned char *bytes;
        size_t count;
    } parts[] = {{(const unsigned char *)header, offsetof(struct file_header, checksum)},
                 {(const unsigned char *)rows, (size_t)header->row_count * sizeof(*rows)}};

    uint64_t hash = 0xcbf29ce484222325ULL;
    for (size_t part = 0; part < ARRAY_COUNT(parts); part++) {
        for (size_t i = 0; i < parts[part].count; i++) {
            hash = (hash ^ parts[part].bytes[i]) * 0x100000001b3ULL;
        }
    }
    return hash;
}

/* ---- save ------------------------------------------------------------------------------------ */

int silence_file_save(const char *path,
                      const struct silence_kept *rows,
                      uint32_t count,
                      uint64_t wall_ns)
{
    struct file_header header = {.magic = FILE_MAGIC,
                                 .version = FILE_VERSION,
                                 .row_bytes = sizeof(*rows),
                                 .row_count = count,
                                 .saved_wall_ns = wall_ns};
    header.checksum = checksum_of(&header, rows);
    const struct state_part parts[] = {{&header, sizeof(header)}, {rows, count * sizeof(*rows)}};
    return state_file_replace(path, parts, ARRAY_COUNT(parts));
}

/* ---- load ------------------------------------------------------------------------------------ */

static bool
is_whole(const struct file_header *header, const struct silence_kept *rows, size_t size_bytes)
{
    return size_bytes >= sizeof(*header) && header->magic == FILE_MAGIC &&
           header->row_bytes == sizeof(*rows) && header->row_count <= FILE_ROWS_MAX &&
           size_bytes == sizeof(*header) + header->row_count * sizeof(*rows) &&
           header->checksum == checksum_of(header, rows);
}

static int taken_over(struct silence_kept *rows,
                      uint32_t count,
                      const struct silence_kept *saved,
                      uint64_t saved_count)
{
    int taken = 0;
    for (uint64_t i = 0; i < saved_count; i++) {
        for (uint32_t k = 0; saved[i].tail.observed_ns != 0 && k < count; k++) {
            if (strncmp(rows[k].name, saved[i].name, sizeof(rows[k].name)) == 0) {
                rows[k].tail = saved[i].tail;
                taken++;
                break;
            }
        }
    }
    return taken;
}

int silence_file_load(const char *path, struct silence_kept *rows, uint32_t count, uint64_t wall_ns)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    const int error = state_file_read(path, FILE_BYTES_MAX, &bytes, &size_bytes);
    if (error != 0 || bytes == NULL) {
        return error == -ENOENT ? 0 : error;
    }
    const struct file_header *header = bytes;
    const struct silence_kept *saved = (const void *)(header + 1);
    int result = -EBADMSG;
    if (is_whole(header, saved, size_bytes)) {
        const bool is_old = wall_ns > header->saved_wall_ns &&
                            wall_ns - header->saved_wall_ns > SILENCE_FILE_AGE_NS;
        result = header->version != FILE_VERSION ? -ENOTSUP
                 : is_old                        ? 0
                          : taken_over(rows, count, saved, header->row_count);
    }
    free(bytes);
    return result;
}
