/* SPDX-License-Identifier: MIT
 *
 * What an engine needs to see the segment: the file, the right to read it, the memory it lives in,
 * and, where its pid is told, the same clock and the same folder.
 */
#include "flatline/flatline.h"

#include "tools/doctor.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define GROUP_BUFFER_BYTES 16384U
#define ALIVE_LOOKS        10
#define ALIVE_PAUSE_NS     100000000L
#define START_TICKS_FIELD  22 /* of /proc/PID/stat, proc(5) */
#define MIB                (1024ULL * 1024ULL)
#define SHARED_MEMORY      "/dev/shm"

/* ---- the segment ----------------------------------------------------------------------------- */

static void segment_path(const struct doctor *doctor, char path[PATH_MAX])
{
    const char *name = doctor->segment != NULL ? doctor->segment : FLATLINE_DEFAULT_NAME;
    const char *folder = strchr(name, '/') == NULL ? SHARED_MEMORY "/" : "";
    (void)snprintf(path, PATH_MAX, "%s%s", folder, name);
}

static void group_name(gid_t group, char *text, size_t text_bytes)
{
    char buffer[GROUP_BUFFER_BYTES];
    struct group entry;
    struct group *found = NULL;
    if (getgrgid_r(group, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        (void)snprintf(text, text_bytes, "%s", entry.gr_name);
    } else {
        (void)snprintf(text, text_bytes, "#%u", (unsigned)group);
    }
}

static void segment_refused(struct doctor *doctor, const char *path, int error)
{
    struct stat status;
    char group[64];
    const bool is_absent = error == FLATLINE_E_NO_FILE;
    doctor_say(doctor,
               is_absent ? DOCTOR_WARN : DOCTOR_FAIL,
               "segment",
               "%s: %s",
               path,
               flatline_strerror(error));
    if (error == FLATLINE_E_PERMISSION && stat(path, &status) == 0) {
        group_name(status.st_gid, group, sizeof(group));
        doctor_fix(doctor, "sudo usermod -aG %s $USER, then log in again", group);
    } else if (error == FLATLINE_E_CLOCK_MISMATCH) {
        doctor_fix(doctor, "start both in one time namespace (no `unshare -T`, no CRIU clock)");
    } else if (error == FLATLINE_E_OTHER_MAJOR) {
        doctor_fix(doctor, "install flatline and flatlined of the same release");
    } else {
        doctor_fix(doctor, "sudo systemctl start flatlined");
    }
}

/* Its pid means something here only if the process here began when the segment says: it may be of
 * another pid namespace, or used again. */
static bool writer_is_here(const struct doctor *doctor, pid_t pid, uint64_t start_ticks)
{
    char text[1024];
    if (!doctor_read(doctor, text, sizeof(text), "/proc/%d/stat", (int)pid)) {
        return false;
    }
    const char *at = strrchr(text, ')'); /* behind the name, which may hold anything */
    for (int field = 2; at != NULL && field < START_TICKS_FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL && strtoull(at, NULL, 10) == start_ticks;
}

/* A host that stalls for a moment has no dead sentinel. */
static bool writer_is_alive(const struct flatline *reader)
{
    bool alive = flatline_alive(reader, flatline_now_mono_ns());
    for (int look = 1; look < ALIVE_LOOKS && !alive; look++) {
        const struct timespec pause = {.tv_nsec = ALIVE_PAUSE_NS};
        (void)nanosleep(&pause, NULL);
        alive = flatline_alive(reader, flatline_now_mono_ns());
    }
    return alive;
}

void doctor_segment(struct doctor *doctor)
{
    char path[PATH_MAX];
    char group[64];
    struct stat status;
    struct flatline *reader = NULL;
    segment_path(doctor, path);
    const int error = flatline_attach(path, &reader);
    if (error != 0) {
        segment_refused(doctor, path, error);
        return;
    }
    const struct flatline_header *header = flatline_header_of(reader);
    const pid_t writer = (pid_t)__atomic_load_n(&header->writer_pid, __ATOMIC_RELAXED);
    if (!writer_is_alive(reader)) {
        doctor_say(
            doctor, DOCTOR_FAIL, "segment", "%s: the sentinel (pid %d) is dead", path, writer);
        doctor_fix(doctor, "sudo systemctl restart flatlined; journalctl -u flatlined tells why");
    } else {
        const uint64_t start_ticks = __atomic_load_n(&header->writer_start_ticks, __ATOMIC_RELAXED);
        doctor->writer_pid = writer_is_here(doctor, writer, start_ticks) ? writer : 0;
        doctor_say(doctor,
                   DOCTOR_OK,
                   "segment",
                   "%s: alive, epoch %" PRIu64 ", %u streams, %u gates",
                   path,
                   header->epoch,
                   flatline_stream_count(reader),
                   flatline_gate_count(reader));
    }
    if (stat(path, &status) == 0) {
        group_name(status.st_gid, group, sizeof(group));
        const bool is_writable = (status.st_mode & 0022U) != 0;
        doctor_say(doctor,
                   is_writable ? DOCTOR_FAIL : DOCTOR_OK,
                   "permissions",
                   "mode %04o, group %s: %s",
                   (unsigned)(status.st_mode & 07777U),
                   group,
                   is_writable ? "others may write what engines trust" : "readable here");
        if (is_writable) {
            doctor_fix(doctor, "chmod go-w %s", path);
        }
    }
    flatline_detach(reader);
}

/* ---- its memory ------------------------------------------------------------------------------ */

void doctor_shared_memory(struct doctor *doctor)
{
    const char *folder = doctor->config != NULL ? doctor->config->segment_directory : SHARED_MEMORY;
    struct statvfs space;
    struct statfs kind;
    if (statvfs(folder, &space) != 0 || statfs(folder, &kind) != 0) {
        doctor_say(doctor, DOCTOR_FAIL, "shared memory", "%s: %s", folder, strerror(errno));
        doctor_fix(
            doctor, "sudo mkdir -p %s && sudo mount -t tmpfs -o size=64m tmpfs %s", folder, folder);
        return;
    }
    const uint64_t size = (uint64_t)space.f_frsize * space.f_blocks;
    const uint64_t free_bytes = (uint64_t)space.f_frsize * space.f_bavail;
    /* a successor is built beside the live one */
    const uint64_t wanted = doctor->segment_bytes != 0 ? 2 * doctor->segment_bytes : MIB;
    const enum doctor_level level = free_bytes < wanted / 2 ? DOCTOR_FAIL
                                    : free_bytes < wanted   ? DOCTOR_WARN
                                                            : DOCTOR_OK;
    doctor_say(doctor,
               level,
               "shared memory",
               "%s: %" PRIu64 " MiB free of %" PRIu64 "; two segments take %.1f MiB%s",
               folder,
               (uint64_t)(free_bytes / MIB),
               (uint64_t)(size / MIB),
               (double)wanted / (double)MIB,
               doctor->segment_bytes != 0 ? "" : " or more");
    if (level != DOCTOR_OK) {
        doctor_fix(doctor,
                   "sudo mount -o remount,size=%" PRIu64 "m %s (container: --shm-size)",
                   (uint64_t)((size + 2 * wanted) / MIB + 1),
                   folder);
    }
    if ((uint64_t)kind.f_type != TMPFS_MAGIC) {
        doctor_say(doctor,
                   DOCTOR_WARN,
                   "shared memory",
                   "%s is not in memory: the kernel's write-back can stop a writer",
                   folder);
        doctor_fix(doctor, "sudo mount -t tmpfs -o size=64m tmpfs %s", folder);
    }
}

/* ---- the engine ------------------------------------------------------------------------------ */

static bool namespace_read(const struct doctor *doctor, pid_t pid, const char *kind, char text[64])
{
    char path[DOCTOR_PATH_BYTES];
    if (pid == 0) {
        (void)snprintf(path, sizeof(path), "%s/proc/self/ns/%s", doctor->root, kind);
    } else {
        (void)snprintf(path, sizeof(path), "%s/proc/%d/ns/%s", doctor->root, (int)pid, kind);
    }
    const ssize_t bytes = readlink(path, text, 63);
    text[bytes > 0 ? bytes : 0] = '\0';
    return bytes > 0;
}

static void namespace_compare(struct doctor *doctor,
                              const char *kind,
                              enum doctor_level level,
                              const char *consequence,
                              const char *fix)
{
    char ours[64];
    char theirs[64];
    if (!namespace_read(doctor, doctor->writer_pid, kind, ours) ||
        !namespace_read(doctor, doctor->engine_pid, kind, theirs)) {
        doctor_say(doctor, DOCTOR_WARN, "engine", "%s namespace: may not be looked at", kind);
        doctor_fix(doctor, "sudo flatline doctor --engine-pid %d", (int)doctor->engine_pid);
    } else if (strcmp(ours, theirs) == 0) {
        doctor_say(doctor, DOCTOR_OK, "engine", "%s namespace: shared", kind);
    } else {
        doctor_say(doctor, level, "engine", "%s namespace: another one: %s", kind, consequence);
        doctor_fix(doctor, "%s", fix);
    }
}

/* The same path in the engine's own view of the file system must be the same file. */
static void engine_memory(struct doctor *doctor)
{
    char path[PATH_MAX];
    char seen[PATH_MAX + 64];
    struct stat ours;
    struct stat theirs;
    segment_path(doctor, path);
    (void)snprintf(
        seen, sizeof(seen), "%s/proc/%d/root%s", doctor->root, (int)doctor->engine_pid, path);
    if (path[0] != '/' || stat(path, &ours) != 0) {
        return; /* no segment, or one of a relative path: told before, or nothing to compare */
    }
    if (stat(seen, &theirs) == 0) {
        const bool is_same = ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
        doctor_say(doctor,
                   is_same ? DOCTOR_OK : DOCTOR_FAIL,
                   "engine",
                   is_same ? "sees this segment at %s" : "sees another file at %s",
                   path);
    } else if (errno == ENOENT) {
        doctor_say(doctor, DOCTOR_FAIL, "engine", "has no %s: its container has its own", path);
    } else {
        doctor_say(doctor, DOCTOR_WARN, "engine", "its view of %s may not be looked at", path);
        doctor_fix(doctor, "sudo flatline doctor --engine-pid %d", (int)doctor->engine_pid);
        return;
    }
    if (doctor->lines[doctor->line_count - 1].level != DOCTOR_OK) {
        doctor_fix(doctor, "mount one volume at this path in both containers: docs/DEPLOY.md");
    }
}

void doctor_engine(struct doctor *doctor)
{
    if (doctor->engine_pid == 0) {
        return;
    }
    if (kill(doctor->engine_pid, 0) != 0 && errno == ESRCH) {
        doctor_say(doctor, DOCTOR_FAIL, "engine", "no process %d here", (int)doctor->engine_pid);
        doctor_fix(doctor, "pgrep -a NAME tells the engine's pid, seen from this pid namespace");
        return;
    }
    namespace_compare(doctor,
                      "time",
                      DOCTOR_FAIL,
                      "its clock differs, it will refuse with CLOCK_MISMATCH",
                      "start both in one time namespace");
    namespace_compare(doctor,
                      "pid",
                      DOCTOR_WARN,
                      "pids mean nothing across it; beats and epochs still do",
                      "Kubernetes: shareProcessNamespace: true; docker: --pid=container:NAME");
    namespace_compare(doctor,
                      "net",
                      DOCTOR_WARN,
                      "its sockets cannot be looked at from here, nor does it share the address",
                      "docker: --network=container:NAME or host; one pod shares it already");
    engine_memory(doctor);
}
