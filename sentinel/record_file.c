/* SPDX-License-Identifier: MIT */
#include "sentinel/record_file.h"

#include "core/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define PATH_BYTES  4096U
#define TEXT_BYTES  (256U << 10)
#define LEVEL       3 /* of zstd: 9 to 1 on book updates at a few percent of a core */
#define DAY_S       86400U
#define RECORD_MODE 0640

struct record_file {
    char pattern[PATH_BYTES];
    char path[PATH_BYTES];
    int fd;
    int error;         /* 0, or -errno: nothing more is written */
    uint64_t day;      /* of the file now written */
    off_t whole_bytes; /* on disk, readable to its end */
    off_t file_bytes;
    uint64_t bytes; /* over all files */
    ZSTD_CStream *zstd;
    bool compressed;
    char *text; /* waits to be written or compressed */
    size_t text_used;
    char *packed;
    size_t packed_bytes;
};

static int fail(struct record_file *file, int error)
{
    if (file->error == 0) {
        file->error = error;
        if (ftruncate(file->fd, file->whole_bytes) != 0) {
            /* A tail that cannot be cut off is for the reader to report. */
            file->whole_bytes = file->file_bytes;
        }
    }
    return file->error;
}

static int bytes_write(struct record_file *file, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        const ssize_t written = write(file->fd, bytes, size_bytes);
        if (written < 0 && errno != EINTR) {
            return fail(file, -errno);
        }
        const size_t done = written > 0 ? (size_t)written : 0;
        bytes += done;
        size_bytes -= done;
        file->file_bytes += (off_t)done;
        file->bytes += done;
    }
    return 0;
}

/* What waits goes out, as far as `end` asks: into the compressor, or to the reader's eyes. */
static int text_send(struct record_file *file, ZSTD_EndDirective end)
{
    if (file->error != 0) {
        return file->error;
    }
    if (!file->compressed) {
        const int result = bytes_write(file, file->text, file->text_used);
        file->text_used = 0;
        return result;
    }
    ZSTD_inBuffer input = {file->text, file->text_used, 0};
    size_t left;
    do {
        ZSTD_outBuffer output = {file->packed, file->packed_bytes, 0};
        left = ZSTD_compressStream2(file->zstd, &output, &input, end);
        if (ZSTD_isError(left)) {
            return fail(file, -EIO);
        }
        const int result = bytes_write(file, file->packed, output.pos);
        if (result != 0) {
            return result;
        }
    } while (end == ZSTD_e_continue ? input.pos < input.size : left > 0);
    file->text_used = 0;
    return 0;
}

static int path_make(struct record_file *file, uint64_t wall_ns)
{
    const time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the user's own pattern */
    const size_t length = strftime(file->path, sizeof(file->path), file->pattern, &utc);
#pragma GCC diagnostic pop
    file->day = (uint64_t)seconds / DAY_S;
    return length > 0 ? 0 : -EINVAL;
}

static int file_open(struct record_file *file, uint64_t wall_ns)
{
    const int result = path_make(file, wall_ns);
    if (result != 0) {
        return result;
    }
    static const char END[] = ".zst";
    const size_t length = strlen(file->path);
    const size_t end = sizeof(END) - 1;
    file->compressed = length > end && strcmp(file->path + length - end, END) == 0;
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, RECORD_MODE);
    file->whole_bytes = 0;
    file->file_bytes = 0;
    return file->fd >= 0 ? 0 : -errno;
}

int record_file_create(const char *pattern, uint64_t wall_ns, struct record_file **ret_file)
{
    struct record_file *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        return -ENOMEM;
    }
    file->fd = -1;
    file->packed_bytes = ZSTD_CStreamOutSize();
    file->text = malloc(TEXT_BYTES);
    file->packed = malloc(file->packed_bytes);
    file->zstd = ZSTD_createCStream();
    int result = file->text == NULL || file->packed == NULL || file->zstd == NULL ? -ENOMEM : 0;
    if (result == 0 && strlen(pattern) >= sizeof(file->pattern)) {
        result = -EINVAL;
    }
    if (result == 0) {
        memcpy(file->pattern, pattern, strlen(pattern) + 1);
        (void)ZSTD_CCtx_setParameter(file->zstd, ZSTD_c_compressionLevel, LEVEL);
        result = file_open(file, wall_ns);
    }
    if (result != 0) {
        (void)record_file_destroy(file);
        return result;
    }
    *ret_file = file;
    return 0;
}

static int file_end(struct record_file *file)
{
    if (file->fd < 0) {
        return 0;
    }
    const int result = text_send(file, ZSTD_e_end);
    const int closed = close(file->fd) == 0 ? 0 : -errno;
    file->fd = -1;
    return result != 0 ? result : closed;
}

int record_file_destroy(struct record_file *file)
{
    if (file == NULL) {
        return 0;
    }
    const int result = file_end(file);
    (void)ZSTD_freeCStream(file->zstd);
    free(file->text);
    free(file->packed);
    free(file);
    return result;
}

int record_file_write(struct record_file *file, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0 && file->error == 0) {
        const size_t room = TEXT_BYTES - file->text_used;
        const size_t taken = size_bytes < room ? size_bytes : room;
        memcpy(file->text + file->text_used, bytes, taken);
        file->text_used += taken;
        bytes += taken;
        size_bytes -= taken;
        if (file->text_used == TEXT_BYTES) {
            (void)text_send(file, ZSTD_e_continue);
        }
    }
    return file->error;
}

int record_file_flush(struct record_file *file)
{
    const int result = text_send(file, ZSTD_e_flush);
    if (result == 0) {
        file->whole_bytes = file->file_bytes;
    }
    return result;
}

int record_file_turn(struct record_file *file, uint64_t wall_ns)
{
    if (file->error != 0) {
        return file->error;
    }
    if (wall_ns / NS_PER_S / DAY_S == file->day || strchr(file->pattern, '%') == NULL) {
        return 0;
    }
    char before[PATH_BYTES];
    memcpy(before, file->path, sizeof(before));
    const int named = path_make(file, wall_ns);
    if (named == 0 && strcmp(before, file->path) == 0) {
        return 0; /* the name has no day in it */
    }
    int result = file_end(file);
    if (result == 0) {
        result = file_open(file, wall_ns);
    }
    file->error = result;
    return result != 0 ? result : 1;
}

const char *record_file_path(const struct record_file *file)
{
    return file->path;
}

uint64_t record_file_bytes(const struct record_file *file)
{
    return file->bytes;
}
