/* SPDX-License-Identifier: MIT
 *
 * Goal: `flatline doctor` reads the host as it is, calls what costs an engine a warning, and names
 * the command that mends it. Method: a root folder with the few files of /proc and /sys that it
 * reads, one written otherwise at a time.
 */
#include "tools/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0"
#define CPU         "/sys/devices/system/cpu"

static char root[] = "/tmp/flatline-doctor-XXXXXX";
static struct doctor doctor;
static struct config config;

static void folder_make(const char *path)
{
    char part[DOCTOR_PATH_BYTES];
    for (const char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
        (void)mkdir(part, 0700);
    }
}

static void put(const char *name, const char *text)
{
    char path[DOCTOR_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s%s", root, name);
    folder_make(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A host with nothing to complain of, and CPUs 2 and 3 set apart. */
static int good_host(void **state)
{
    (void)state;
    put(CLOCKSOURCE "/current_clocksource", "tsc\n");
    put(CLOCKSOURCE "/available_clocksource", "tsc hpet acpi_pm \n");
    put("/proc/self/timens_offsets",
        "monotonic           0         0\nboottime            0         0\n");
    put("/proc/sys/kernel/sched_rt_runtime_us", "950000\n");
    put(CPU "/online", "0-3\n");
    put(CPU "/isolated", "2-3\n");
    put(CPU "/nohz_full", "2-3\n");
    put(CPU "/cpu2/cpufreq/scaling_governor", "performance\n");
    put(CPU "/cpu3/cpufreq/scaling_governor", "performance\n");
    config = (struct config){.ingest_cpu = 2, .judge_cpu = 3};
    doctor = (struct doctor){.root = root, .config = &config};
    doctor.writer_pid = getpid(); /* what this process may use is not the question here */
    return 0;
}

static const struct doctor_line *said(const char *check, enum doctor_level level)
{
    for (uint32_t i = 0; i < doctor.line_count; i++) {
        if (strcmp(doctor.lines[i].check, check) == 0 && doctor.lines[i].level == level) {
            return &doctor.lines[i];
        }
    }
    fail_msg("no line of %s at level %d", check, (int)level);
    return NULL;
}

static void a_good_host_has_nothing_to_mend(void **state)
{
    (void)state;
    doctor_clock(&doctor);
    doctor_cpus(&doctor);
    doctor_realtime(&doctor);
    assert_int_equal(doctor_worst(&doctor), DOCTOR_OK);
    assert_int_equal(doctor.line_count, 7);
    for (uint32_t i = 0; i < doctor.line_count; i++) {
        assert_string_equal(doctor.lines[i].fix, "");
    }
}

static void a_slow_clock_is_a_warning_with_the_way_back_to_the_tsc(void **state)
{
    (void)state;
    put(CLOCKSOURCE "/current_clocksource", "hpet\n");
    doctor_clock(&doctor);
    const struct doctor_line *line = said("clock", DOCTOR_WARN);
    assert_non_null(strstr(line->text, "hpet"));
    assert_string_equal(line->fix, "echo tsc | sudo tee " CLOCKSOURCE "/current_clocksource");
    put(CLOCKSOURCE "/available_clocksource", "hpet acpi_pm \n");
    doctor.line_count = 0;
    doctor_clock(&doctor);
    assert_non_null(strstr(said("clock", DOCTOR_WARN)->fix, "tsc=reliable"));
}

static void a_shifted_time_namespace_is_a_warning(void **state)
{
    (void)state;
    put("/proc/self/timens_offsets",
        "monotonic       86400         0\nboottime            0         0\n");
    doctor_clock(&doctor);
    assert_non_null(strstr(said("time namespace", DOCTOR_WARN)->text, "86400 s"));
}

static void a_cpu_that_is_not_isolated_is_a_warning_with_the_kernel_command_line(void **state)
{
    (void)state;
    put(CPU "/isolated", "2\n");
    doctor_cpus(&doctor);
    const struct doctor_line *line = said("cpu", DOCTOR_WARN);
    assert_non_null(strstr(line->text, "judge: cpu 3 is not isolated"));
    assert_non_null(strstr(line->fix, "isolcpus=managed_irq,domain,3 nohz_full=3"));
    assert_non_null(strstr(said("cpu", DOCTOR_OK)->text, "ingest: cpu 2"));
}

static void a_cpu_that_is_not_there_is_a_failure(void **state)
{
    (void)state;
    config.judge_cpu = 9;
    doctor_cpus(&doctor);
    assert_non_null(strstr(said("cpu", DOCTOR_FAIL)->text, "cpu 9 is not online (0-3)"));
}

static void a_saving_governor_is_a_warning(void **state)
{
    (void)state;
    put(CPU "/cpu3/cpufreq/scaling_governor", "powersave\n");
    doctor_cpus(&doctor);
    assert_non_null(strstr(said("governor", DOCTOR_WARN)->fix, "cpupower -c 3 "));
}

static void spinning_without_a_cpu_is_a_warning(void **state)
{
    (void)state;
    config = (struct config){.ingest_cpu = -1, .judge_cpu = -1, .wait = THREAD_SPIN};
    doctor_cpus(&doctor);
    (void)said("cpu", DOCTOR_WARN);
    config.wait = THREAD_BLOCK;
    doctor.line_count = 0;
    doctor_cpus(&doctor);
    assert_int_equal(doctor_worst(&doctor), DOCTOR_OK);
}

static void throttling_does_not_matter_to_who_asks_for_no_real_time(void **state)
{
    (void)state;
    doctor_realtime(&doctor);
    assert_non_null(strstr(said("real time", DOCTOR_OK)->text, "950000"));
    put("/proc/sys/kernel/sched_rt_runtime_us", "-1\n");
    doctor.line_count = 0;
    doctor_realtime(&doctor);
    assert_string_equal(said("real time", DOCTOR_OK)->text, "not throttled");
}

static void too_few_open_files_for_the_streams_is_a_failure(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {.rlim_cur = 100, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    config.stream_count = 50;
    doctor_limits(&doctor);
    assert_non_null(strstr(said("open files", DOCTOR_FAIL)->fix, "LimitNOFILE="));
    config.stream_count = 5;
    doctor.line_count = 0;
    doctor_limits(&doctor);
    (void)said("open files", DOCTOR_OK);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_segment_larger_than_the_lockable_memory_is_a_warning(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    const struct rlimit some = {.rlim_cur = 1U << 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &some), 0);
    doctor.segment_bytes = 2U << 20;
    doctor_limits(&doctor);
    (void)said("locked memory", DOCTOR_WARN);
    doctor.segment_bytes = 1U << 19;
    doctor.line_count = 0;
    doctor_limits(&doctor);
    (void)said("locked memory", DOCTOR_OK);
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

static void the_kernels_lists_of_cpus_are_understood(void **state)
{
    (void)state;
    assert_true(doctor_cpu_in("0-3,8,10-11", 0));
    assert_true(doctor_cpu_in("0-3,8,10-11", 8));
    assert_true(doctor_cpu_in("0-3,8,10-11", 11));
    assert_false(doctor_cpu_in("0-3,8,10-11", 9));
    assert_false(doctor_cpu_in("", 0));
    assert_false(doctor_cpu_in("(null)", 0));
    assert_false(doctor_cpu_in("1-", 2));
}

static void lines_beyond_the_room_keep_the_worst_level(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DOCTOR_LINES_MAX; i++) {
        doctor_say(&doctor, DOCTOR_OK, "a", "%u", i);
    }
    doctor_say(&doctor, DOCTOR_FAIL, "b", "the worst");
    doctor_say(&doctor, DOCTOR_OK, "c", "the last");
    assert_int_equal(doctor.line_count, DOCTOR_LINES_MAX);
    assert_int_equal(doctor_worst(&doctor), DOCTOR_FAIL);
}

static int root_make(void **state)
{
    (void)state;
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int root_remove(void **state)
{
    char command[sizeof(root) + 16];
    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_good_host_has_nothing_to_mend, good_host),
        cmocka_unit_test_setup(a_slow_clock_is_a_warning_with_the_way_back_to_the_tsc, good_host),
        cmocka_unit_test_setup(a_shifted_time_namespace_is_a_warning, good_host),
        cmocka_unit_test_setup(a_cpu_that_is_not_isolated_is_a_warning_with_the_kernel_command_line,
                               good_host),
        cmocka_unit_test_setup(a_cpu_that_is_not_there_is_a_failure, good_host),
        cmocka_unit_test_setup(a_saving_governor_is_a_warning, good_host),
        cmocka_unit_test_setup(spinning_without_a_cpu_is_a_warning, good_host),
        cmocka_unit_test_setup(throttling_does_not_matter_to_who_asks_for_no_real_time, good_host),
        cmocka_unit_test_setup(too_few_open_files_for_the_streams_is_a_failure, good_host),
        cmocka_unit_test_setup(a_segment_larger_than_the_lockable_memory_is_a_warning, good_host),
        cmocka_unit_test_setup(the_kernels_lists_of_cpus_are_understood, good_host),
        cmocka_unit_test_setup(lines_beyond_the_room_keep_the_worst_level, good_host),
    };
    return cmocka_run_group_tests(tests, root_make, root_remove);
}
