/* SPDX-License-Identifier: MIT
 *
 * one_authority.h - a trust store of one authority, for tests of sentinels that trust nobody: the
 * system's has well over a hundred, and reading them for every venue of every life is what such a test
 * then spends its time on, above all under the address sanitizer.
 */
#ifndef FLATLINE_TESTS_ONE_AUTHORITY_H
#define FLATLINE_TESTS_ONE_AUTHORITY_H

#include <stdio.h>
#include <string.h>

/* Writes the first one of the system's. 0, or -1: there is none. */
static inline int one_authority_write(const char *path)
{
    static const char LAST[] = "-----END CERTIFICATE-----";
    char line[256];
    int result = -1;
    FILE *from = fopen("/etc/ssl/certs/ca-certificates.crt", "r");
    FILE *to = fopen(path, "w");
    while (from != NULL && to != NULL && result != 0 && fgets(line, sizeof(line), from) != NULL) {
        (void)fputs(line, to);
        result = strncmp(line, LAST, sizeof(LAST) - 1U) == 0 ? 0 : -1;
    }
    if (from != NULL) {
        (void)fclose(from);
    }
    return to != NULL && fclose(to) == 0 ? result : -1;
}

/* libwebsockets 4.1.6 leaks the trust store of a context that is destroyed while another lives (seen
 * with two contexts and nothing else in the program). libcrypto keeps no frame pointers, so only the
 * slow unwinder sees whose allocation it is. */
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:lws_create_vhost\n";
}

#endif
