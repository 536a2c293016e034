/* SPDX-License-Identifier: MIT
 *
 * A connection's first frame tells the venue, or nothing does: later frames may be another venue's
 * in a recording that holds several.
 */
#include "tools/replay_file.h"

#include "feeds/codec.h"
#include "feeds/names.h"
#include "tools/capture.h"
#include "tools/id_table.h"
#include "tools/replay_meta.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

const char *replay_error_text(int status)
{
    if (status == -ENODATA) {
        return "cut short: the compressed data end in the middle";
    }
    if (status == -EBADMSG) {
        return "corrupt compressed data";
    }
    if (status == -ENOSPC) {
        return "more streams or connections than a replay holds";
    }
    return strerror(-status);
}

/* An opening names its streams, and they their venue. */
static bool note_tells_venue(const struct capture_line *line, enum flatline_venue *ret_venue)
{
    struct replay_note note;
    char name[JSON_TEXT_BYTES_MAX];
    struct span symbol;
    struct span channel;
    if (!replay_meta_parse(line, &note)) {
        return false;
    }
    struct replay_names names = replay_names_start(&note);
    return replay_names_next(&names, name) && names_split(name, ret_venue, &symbol, &channel);
}

int replay_venue_guess(const char *path, enum flatline_venue *ret_venue)
{
    struct stat info;
    if (stat(path, &info) < 0) {
        return -errno;
    }
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) { /* a pipe cannot be read twice */
        return 0;
    }
    struct capture *capture;
    int status = capture_open(path, &capture);
    if (status < 0) {
        return status;
    }
    struct id_table *ids = id_table_create();
    struct capture_line line;
    bool told = false;
    status = ids != NULL ? 1 : -ENOMEM;
    while (status > 0 && !told && (status = capture_next(capture, &line)) > 0) {
        if (line.kind == CAPTURE_META && note_tells_venue(&line, ret_venue)) {
            told = true;
            break;
        }
        const int connections = (int)id_table_count(ids);
        told = line.kind == CAPTURE_FRAME && id_table_index(ids, line.connection) == connections &&
               codec_guess_venue(line.frame, ret_venue);
    }
    id_table_destroy(ids);
    capture_close(capture);
    return told ? 1 : status;
}
