/* SPDX-License-Identifier: MIT */
#include "venue/capture.h"

#include "venue/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_BYTES    ((size_t)128 << 10)
#define LINE_BYTES_MAX ((size_t)64 << 20)

struct capture {
    FILE *file;
    ZSTD_DStream *zstd; /* NULL: a plain file */
    char *packed;       /* CHUNK_BYTES */
    ZSTD_inBuffer in;
    struct text plain; /* unpacked and not yet given out, from `used` on */
    size_t used;
    bool is_over;
};

struct capture *capture_open(const char *path)
{
    static const unsigned char zstd_magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    unsigned char head[4] = {0};
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return NULL;
    }
    const size_t got = fread(head, 1, sizeof(head), file);
    rewind(file);
    struct capture *capture = allocate(sizeof(*capture));
    capture->file = file;
    capture->packed = allocate(CHUNK_BYTES);
    text_add(&capture->plain, "");
    if (got == sizeof(head) && memcmp(head, zstd_magic, sizeof(head)) == 0) {
        capture->zstd = ZSTD_createDStream();
    }
    return capture;
}

void capture_close(struct capture *capture)
{
    if (capture == NULL) {
        return;
    }
    (void)fclose(capture->file);
    (void)ZSTD_freeDStream(capture->zstd);
    text_free(&capture->plain);
    free(capture->packed);
    free(capture);
}

/* Adds some more plain bytes. false: there are none. */
static bool capture_fill(struct capture *capture)
{
    char unpacked[CHUNK_BYTES / 4];

    if (capture->in.pos == capture->in.size) {
        const size_t got = fread(capture->packed, 1, CHUNK_BYTES, capture->file);
        if (got == 0) {
            return false;
        }
        capture->in = (ZSTD_inBuffer){.src = capture->packed, .size = got};
    }
    if (capture->zstd == NULL) {
        text_add_bytes(&capture->plain, capture->packed, capture->in.size);
        capture->in.pos = capture->in.size;
        return true;
    }
    ZSTD_outBuffer out = {.dst = unpacked, .size = sizeof(unpacked)};
    if (ZSTD_isError(ZSTD_decompressStream(capture->zstd, &out, &capture->in))) {
        return false;
    }
    text_add_bytes(&capture->plain, unpacked, out.pos);
    return true;
}

/* Drops what was given out once it is the larger part. */
static void capture_compact(struct capture *capture)
{
    const size_t left = capture->plain.size_bytes - capture->used;
    if (capture->used > left) {
        memmove(capture->plain.bytes, capture->plain.bytes + capture->used, left);
        capture->plain.size_bytes = left;
        capture->used = 0;
    }
}

/* The next line, NUL-terminated in place; NULL at the end. */
static char *capture_line(struct capture *capture, size_t *ret_bytes)
{
    for (;;) {
        char *start = capture->plain.bytes + capture->used;
        const size_t left = capture->plain.size_bytes - capture->used;
        char *end = memchr(start, '\n', left);
        if (end != NULL) {
            *end = '\0';
            *ret_bytes = (size_t)(end - start);
            capture->used += *ret_bytes + 1;
            return start;
        }
        capture_compact(capture);
        if (left > LINE_BYTES_MAX || !capture_fill(capture)) {
            return NULL;
        }
    }
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

bool capture_next(struct capture *capture, struct capture_line *ret_line)
{
    size_t size_bytes;
    char *line;

    while ((line = capture_line(capture, &size_bytes)) != NULL) {
        char *connection = memchr(line, '\t', size_bytes);
        char *frame = connection == NULL ? NULL : strchr(connection + 1, '\t');
        if (frame == NULL) {
            continue;
        }
        *connection++ = '\0';
        *frame++ = '\0';
        if (ends_with(connection, "#rest") || ends_with(connection, "#meta")) {
            continue;
        }
        *ret_line = (struct capture_line){
            .recv_wall_ns = strtoull(line, NULL, 10),
            .connection = connection,
            .frame = frame,
            .frame_bytes = size_bytes - (size_t)(frame - line),
        };
        return true;
    }
    return false;
}
