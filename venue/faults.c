/* SPDX-License-Identifier: MIT */
#include "venue/faults.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned count_slashes(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '/';
    }
    return count;
}

bool target_parse(const char *text, struct target *ret_target)
{
    struct target target = {0};

    if (text[0] == '\0' || strlen(text) + 3 > sizeof(target.pattern)) {
        return false;
    }
    if (strncmp(text, "conn:", 5) == 0) {
        char *end = NULL;
        target.kind = TARGET_CONNECTION;
        target.connection_id = isdigit((unsigned char)text[5]) ? strtoull(text + 5, &end, 10) : 0;
        if (target.connection_id == 0 || end == NULL || *end != '\0') {
            return false;
        }
        memcpy(target.pattern, text, strlen(text) + 1);
        *ret_target = target;
        return true;
    }
    const unsigned slashes = count_slashes(text);
    target.kind = slashes >= 2 ? TARGET_STREAM : TARGET_ROUTE;
    (void)snprintf(target.pattern, sizeof(target.pattern), "%s%s", text, slashes == 0 ? "/*" : "");
    *ret_target = target;
    return true;
}

bool target_is_stream(const struct target *target, const char *stream_name)
{
    return target->kind == TARGET_STREAM && fnmatch(target->pattern, stream_name, 0) == 0;
}

bool target_is_connection(const struct target *target,
                          uint64_t id,
                          enum venue venue,
                          enum serving serving)
{
    char name[64];

    if (target->kind == TARGET_CONNECTION) {
        return target->connection_id == id;
    }
    (void)snprintf(name, sizeof(name), "%s/%s", venue_name(venue), serving_name(serving));
    return target->kind == TARGET_ROUTE && fnmatch(target->pattern, name, 0) == 0;
}

static bool same_target(const struct target *a, const struct target *b)
{
    return a->kind == b->kind && strcmp(a->pattern, b->pattern) == 0;
}

bool faults_add(struct faults *faults, const struct fault *fault)
{
    (void)faults_remove(faults, fault->kind, &fault->target);
    if (faults->count == FAULTS_MAX) {
        return false;
    }
    faults->list[faults->count++] = *fault;
    return true;
}

size_t faults_remove(struct faults *faults, enum fault_kind kind, const struct target *target)
{
    size_t kept = 0;
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->list[i];
        if (fault->kind != kind || !same_target(&fault->target, target)) {
            faults->list[kept++] = *fault;
        }
    }
    const size_t removed = faults->count - kept;
    faults->count = kept;
    return removed;
}

void fault_end(struct faults *faults, struct fault *fault)
{
    const size_t index = (size_t)(fault - faults->list);
    faults->count--;
    memmove(fault, fault + 1, (faults->count - index) * sizeof(*fault));
}

void faults_clear(struct faults *faults)
{
    faults->count = 0;
}

struct fault *faults_on_stream(struct faults *faults, enum fault_kind kind, const char *stream_name)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->list[i].kind == kind &&
            target_is_stream(&faults->list[i].target, stream_name)) {
            return &faults->list[i];
        }
    }
    return NULL;
}

struct fault *faults_on_connection(struct faults *faults,
                                   enum fault_kind kind,
                                   uint64_t id,
                                   enum venue venue,
                                   enum serving serving)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->list[i].kind == kind &&
            target_is_connection(&faults->list[i].target, id, venue, serving)) {
            return &faults->list[i];
        }
    }
    return NULL;
}

struct fault *faults_on_venue(struct faults *faults, enum fault_kind kind, enum venue venue)
{
    return faults_on_connection(faults, kind, 0, venue, SERVES_NONE);
}

uint64_t fault_lag_ns(const struct fault *fault, uint64_t now_ns)
{
    const uint64_t age_ns = now_ns > fault->since_mono_ns ? now_ns - fault->since_mono_ns : 0;
    if (fault->lag_over_ns == 0 || age_ns >= fault->lag_over_ns) {
        return fault->lag_to_ns;
    }
    const double part = (double)age_ns / (double)fault->lag_over_ns;
    return (uint64_t)((double)fault->lag_from_ns +
                      ((double)fault->lag_to_ns - (double)fault->lag_from_ns) * part);
}
