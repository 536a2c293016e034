/* SPDX-License-Identifier: MIT
 *
 * What the kernel says of clock, CPUs, scheduling and limits, from /proc and /sys below a root that
 * tests choose.
 */
#include "tools/doctor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LIST_BYTES   512U
#define FILES_SPARE  64U /* descriptors besides the connections: epoll, timers, logs, REST */
#define FILES_A_LINE 3U  /* a connection, its successor, a dial */
#define THROTTLE_OFF (-1)
#define KIB          1024ULL

bool doctor_read(
    const struct doctor *doctor, char *text, size_t text_bytes, const char *format, ...)
{
    char name[DOCTOR_PATH_BYTES];
    char path[DOCTOR_PATH_BYTES + 64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    (void)snprintf(path, sizeof(path), "%s%s", doctor->root, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t bytes = fd >= 0 ? read(fd, text, text_bytes - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    text[bytes > 0 ? bytes : 0] = '\0';
    if (bytes > 0 && text[bytes - 1] == '\n') {
        text[bytes - 1] = '\0';
    }
    return bytes >= 0;
}

bool doctor_cpu_in(const char *list, int cpu)
{
    const char *at = list;
    while (*at >= '0' && *at <= '9') {
        char *end;
        const long first = strtol(at, &end, 10);
        const long last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (cpu >= first && cpu <= last) {
            return true;
        }
        at = *end == ',' ? end + 1 : end;
    }
    return false;
}

/* ---- clock ----------------------------------------------------------------------------------- */

/* Sources that the vDSO can read without a system call. */
static bool clock_is_fast(const char *source)
{
    static const char *const fast[] = {
        "tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"};
    for (size_t i = 0; i < sizeof(fast) / sizeof(fast[0]); i++) {
        if (strcmp(source, fast[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void time_namespace(struct doctor *doctor)
{
    char text[LIST_BYTES];
    if (!doctor_read(doctor, text, sizeof(text), "/proc/self/timens_offsets")) {
        doctor_say(doctor, DOCTOR_OK, "time namespace", "this kernel has none");
        return;
    }
    const char *line = strstr(text, "monotonic");
    char *end = text;
    const long long seconds = line != NULL ? strtoll(line + sizeof("monotonic") - 1, &end, 10) : 0;
    const bool is_shifted = seconds != 0 || strtoll(end, NULL, 10) != 0;
    if (!is_shifted) {
        doctor_say(doctor, DOCTOR_OK, "time namespace", "the host's clock");
    } else {
        doctor_say(doctor,
                   DOCTOR_WARN,
                   "time namespace",
                   "this one is shifted by %lld s: readers outside will refuse",
                   seconds);
        doctor_fix(doctor, "start sentinel and engines in one time namespace");
    }
}

void doctor_clock(struct doctor *doctor)
{
    static const char *const folder = "/sys/devices/system/clocksource/clocksource0";
    char current[64];
    char others[LIST_BYTES];
    if (!doctor_read(doctor, current, sizeof(current), "%s/current_clocksource", folder)) {
        doctor_say(doctor, DOCTOR_WARN, "clock", "%s cannot be read", folder);
        doctor_fix(doctor, "mount /sys into the container");
    } else if (clock_is_fast(current)) {
        doctor_say(doctor, DOCTOR_OK, "clock", "%s: read without a system call", current);
    } else {
        doctor_say(
            doctor, DOCTOR_WARN, "clock", "%s: each look at the clock is a system call", current);
        (void)doctor_read(doctor, others, sizeof(others), "%s/available_clocksource", folder);
        const char *rest = strstr(others, "tsc");
        if (rest != NULL) {
            doctor_fix(doctor, "echo tsc | sudo tee %s/current_clocksource", folder);
        } else {
            doctor_fix(doctor, "boot with tsc=reliable, or choose a host with an invariant TSC");
        }
    }
    time_namespace(doctor);
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

static void cpu_check(struct doctor *doctor, const char *thread, int cpu)
{
    char online[LIST_BYTES];
    char isolated[LIST_BYTES];
    char tickless[LIST_BYTES];
    cpu_set_t allowed;
    (void)doctor_read(doctor, online, sizeof(online), "/sys/devices/system/cpu/online");
    (void)doctor_read(doctor, isolated, sizeof(isolated), "/sys/devices/system/cpu/isolated");
    (void)doctor_read(doctor, tickless, sizeof(tickless), "/sys/devices/system/cpu/nohz_full");
    if (!doctor_cpu_in(online, cpu)) {
        doctor_say(
            doctor, DOCTOR_FAIL, "cpu", "%s: cpu %d is not online (%s)", thread, cpu, online);
        doctor_fix(doctor, "choose %s_cpu among %s", thread, online);
        return;
    }
    CPU_ZERO(&allowed);
    if (sched_getaffinity(doctor->writer_pid, sizeof(allowed), &allowed) == 0 &&
        cpu < CPU_SETSIZE && !CPU_ISSET((size_t)cpu, &allowed) && doctor->writer_pid == 0) {
        doctor_say(doctor, DOCTOR_WARN, "cpu", "%s: cpu %d is not in this cpuset", thread, cpu);
        doctor_fix(doctor, "sudo systemctl set-property flatlined AllowedCPUs=%d", cpu);
        return;
    }
    const bool is_isolated = doctor_cpu_in(isolated, cpu);
    const bool is_tickless = doctor_cpu_in(tickless, cpu);
    doctor_say(doctor,
               is_isolated && is_tickless ? DOCTOR_OK : DOCTOR_WARN,
               "cpu",
               "%s: cpu %d is %sisolated and %s the tick",
               thread,
               cpu,
               is_isolated ? "" : "not ",
               is_tickless ? "without" : "with");
    if (!is_isolated || !is_tickless) {
        doctor_fix(doctor,
                   "kernel command line: isolcpus=managed_irq,domain,%d nohz_full=%d rcu_nocbs=%d",
                   cpu,
                   cpu,
                   cpu);
    }
}

static void governor_check(struct doctor *doctor, int cpu)
{
    char governor[64];
    if (!doctor_read(doctor,
                     governor,
                     sizeof(governor),
                     "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
                     cpu)) {
        doctor_say(doctor, DOCTOR_OK, "governor", "cpu %d: no frequency scaling is visible", cpu);
        return;
    }
    const bool is_fast = strcmp(governor, "performance") == 0;
    doctor_say(doctor, is_fast ? DOCTOR_OK : DOCTOR_WARN, "governor", "cpu %d: %s", cpu, governor);
    if (!is_fast) {
        doctor_fix(doctor, "sudo cpupower -c %d frequency-set -g performance", cpu);
    }
}

void doctor_cpus(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    const int ingest = config != NULL ? config->ingest_cpu : -1;
    const int judge = config != NULL ? config->judge_cpu : -1;
    if (ingest < 0 && judge < 0) {
        const bool spins = config != NULL && config->wait == THREAD_SPIN;
        doctor_say(doctor,
                   spins ? DOCTOR_WARN : DOCTOR_OK,
                   "cpu",
                   spins ? "threads spin, but have no CPU of their own" : "no thread is pinned");
        if (spins) {
            doctor_fix(doctor, "threads: {wait: spin, ingest_cpu: 2, judge_cpu: 3}");
        }
        governor_check(doctor, 0);
        return;
    }
    if (ingest >= 0) {
        cpu_check(doctor, "ingest", ingest);
        governor_check(doctor, ingest);
    }
    if (judge >= 0) {
        cpu_check(doctor, "judge", judge);
    }
    if (judge >= 0 && judge != ingest) {
        governor_check(doctor, judge);
    }
}

/* ---- scheduling and limits ------------------------------------------------------------------- */

void doctor_realtime(struct doctor *doctor)
{
    char text[64];
    if (!doctor_read(doctor, text, sizeof(text), "/proc/sys/kernel/sched_rt_runtime_us")) {
        doctor_say(doctor, DOCTOR_OK, "real time", "this kernel does not throttle it");
        return;
    }
    const long runtime_us = strtol(text, NULL, 10);
    const int policy = doctor->writer_pid != 0 ? sched_getscheduler(doctor->writer_pid) : -1;
    const bool is_realtime = policy == SCHED_FIFO || policy == SCHED_RR;
    if (runtime_us == THROTTLE_OFF) {
        doctor_say(doctor, DOCTOR_OK, "real time", "not throttled");
    } else if (is_realtime) {
        doctor_say(doctor,
                   DOCTOR_WARN,
                   "real time",
                   "the sentinel runs under a real-time policy and is stopped after %ld us of each "
                   "period",
                   runtime_us);
        doctor_fix(doctor,
                   "run it under SCHED_OTHER on an isolated CPU, or knowingly: "
                   "sudo sysctl kernel.sched_rt_runtime_us=-1");
    } else {
        doctor_say(doctor,
                   DOCTOR_OK,
                   "real time",
                   "throttled at %ld us a period; flatlined asks for no real-time policy",
                   runtime_us);
    }
}

/* Of the live sentinel where it may be asked, else of this process. */
static const char *limit_read(const struct doctor *doctor, int resource, struct rlimit *ret_limit)
{
    if (doctor->writer_pid != 0 &&
        prlimit(doctor->writer_pid, (__rlimit_resource_t)resource, NULL, ret_limit) == 0) {
        return "sentinel";
    }
    (void)getrlimit((__rlimit_resource_t)resource, ret_limit);
    return "this shell";
}

static void limit_text(rlim_t limit, char text[32])
{
    if (limit == RLIM_INFINITY) {
        (void)snprintf(text, 32, "unlimited");
    } else {
        (void)snprintf(text, 32, "%llu", (unsigned long long)limit);
    }
}

void doctor_limits(struct doctor *doctor)
{
    struct rlimit limit = {0};
    char text[32];
    const char *whose = limit_read(doctor, RLIMIT_MEMLOCK, &limit);
    const bool is_short =
        limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < doctor->segment_bytes + 64 * KIB;
    limit_text(limit.rlim_cur, text);
    doctor_say(doctor,
               is_short ? DOCTOR_WARN : DOCTOR_OK,
               "locked memory",
               "%s bytes (%s)%s",
               text,
               whose,
               is_short ? ": an engine that calls mlockall cannot map the segment" : "");
    if (is_short) {
        doctor_fix(doctor, "LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited");
    }
    whose = limit_read(doctor, RLIMIT_NOFILE, &limit);
    const uint32_t streams = doctor->config != NULL ? doctor->config->stream_count : 0;
    const uint64_t wanted = FILES_SPARE + (uint64_t)FILES_A_LINE * streams; /* at worst, one each */
    const bool is_few = limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted;
    limit_text(limit.rlim_cur, text);
    doctor_say(doctor,
               is_few ? DOCTOR_FAIL : DOCTOR_OK,
               "open files",
               "%s (%s); at most %" PRIu64 " are needed",
               text,
               whose,
               wanted);
    if (is_few) {
        doctor_fix(doctor, "LimitNOFILE=%" PRIu64 " in the unit, or ulimit -n", 2 * wanted);
    }
}
