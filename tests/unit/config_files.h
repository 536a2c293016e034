/* SPDX-License-Identifier: MIT
 *
 * config_files.h - the configurations of tests/data, for the tests that read them.
 */
#ifndef FLATLINE_TESTS_CONFIG_FILES_H
#define FLATLINE_TESTS_CONFIG_FILES_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BROKEN     FLATLINE_TEST_DATA "/broken"
#define GOOD       FLATLINE_TEST_DATA "/good"
#define TEXT_BYTES 8192
#define FILES_MAX  256

/* The whole file, NUL-terminated; free() it. */
static inline char *file_text(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(65536);
    assert_non_null(file);
    assert_non_null(bytes);
    const size_t size_bytes = fread(bytes, 1, 65535, file);
    (void)fclose(file);
    bytes[size_bytes] = '\0';
    if (ret_bytes != NULL) {
        *ret_bytes = size_bytes;
    }
    return bytes;
}

/* Names of the .yaml files of a folder; returns how many. */
static inline size_t yaml_files(const char *folder, char names[FILES_MAX][64])
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const size_t bytes = strlen(entry->d_name);
        if (bytes > 5 && bytes < 64 && strcmp(entry->d_name + bytes - 5, ".yaml") == 0) {
            assert_true(count < FILES_MAX);
            memcpy(names[count++], entry->d_name, bytes + 1);
        }
    }
    (void)closedir(dir);
    return count;
}

#endif
