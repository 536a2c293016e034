/* SPDX-License-Identifier: MIT */
#include "tools/cli_engine_files.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The folder, and how the names of engines' files begin there. */
static void place_of(const char *segment, char folder[PATH_MAX], char prefix[PATH_MAX])
{
    const char *path = segment != NULL ? segment : FLATLINE_DEFAULT_NAME;
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder,
                   PATH_MAX,
                   "%.*s",
                   slash != NULL ? (int)(slash - path) + (slash == path) : PATH_MAX - 1,
                   slash != NULL ? path : FLATLINE_DEFAULT_DIRECTORY);
    (void)snprintf(
        prefix, PATH_MAX, "%.1024s" FLATLINE_ENGINE_INFIX, slash != NULL ? slash + 1 : path);
}

static void
file_open(const char *command, const char *folder, const char *name, struct cli_engine_files *files)
{
    char path[2 * PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    const int error = flatline_engine_view_open(path, &files->views[files->count]);
    if (error == 0) {
        files->count++;
    } else if (error != FLATLINE_E_NO_FILE) { /* it may have left since */
        (void)fprintf(stderr, "flatline %s: %s: %s\n", command, path, flatline_strerror(error));
    }
}

bool cli_engine_files_open(const char *command,
                           const char *segment,
                           struct cli_engine_files *ret_files)
{
    char folder[PATH_MAX];
    char prefix[PATH_MAX];
    struct dirent **names = NULL;
    ret_files->count = 0;
    place_of(segment, folder, prefix);
    const size_t length = strlen(prefix);
    const int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        /* an engine's name has no dot: what is still being made has */
        if (strncmp(name, prefix, length) == 0 && strchr(name + length, '.') == NULL &&
            ret_files->count < CLI_ENGINES_MAX) {
            file_open(command, folder, name, ret_files);
        }
        free(names[i]);
    }
    free(names);
    return count >= 0;
}

void cli_engine_files_close(struct cli_engine_files *files)
{
    for (uint32_t i = 0; i < files->count; i++) {
        flatline_engine_view_close(files->views[i]);
    }
    files->count = 0;
}

bool cli_engine_slot(const struct flatline_engine_view *view,
                     enum flatline_engine_kind kind,
                     const char *name,
                     struct flatline_engine_slot_view *ret_slot)
{
    for (uint32_t i = 0; i < flatline_engine_view_count(view); i++) {
        if (flatline_engine_view_slot(view, i, ret_slot) == 0 && ret_slot->kind == kind &&
            strcmp(ret_slot->name, name) == 0) {
            return true;
        }
    }
    return false;
}
