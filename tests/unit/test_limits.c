/*
 * What bounds a process: memory and processors by control groups of both versions, read under a folder that stands for
 * the root, and its own limits.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backends/cpu/memory_info.h"
#include "base/cgroup.h"
#include "base/processors.h"

#define MIB (INT64_C(1) << 20)

static char root[64];

/* Writes ROOT/PATH and the folders above it. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state)
{
    (void)state;
    strcpy(root, "/tmp/strait-limits.XXXXXX");
    assert_non_null(mkdtemp(root));
    put("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:  1 kB\nMemAvailable:     524288 kB\n");
    put("proc/self/status", "Name:\tstrait\nVmSize:\t  102400 kB\nVmData:\t   51200 kB\n");
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void the_machine(void **state)
{
    (void)state;
    strait_cpu_memory_info info;
    strait__cpu_memory_info(root, &info);
    assert_int_equal(info.total, 1024 * MIB);
    assert_int_equal(info.free_bytes, 512 * MIB);
    assert_string_equal(info.limit, "");
    strait__cpu_memory_info("/nowhere", &info);
    assert_int_equal(info.total, 0);
    assert_int_equal(info.free_bytes, 0);
}

/* A parent's limit holds as well, and what it counts of files does not count. */
static void version_two(void **state)
{
    (void)state;
    strait_cpu_memory_info info;
    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b/memory.max", "max\n");
    put("sys/fs/cgroup/a/memory.max", "209715200\n");
    put("sys/fs/cgroup/a/memory.current", "104857600\n");
    put("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 52428800\nfile 7\n");
    strait__cpu_memory_info(root, &info);
    assert_int_equal(info.total, 200 * MIB);
    assert_int_equal(info.free_bytes, 150 * MIB);
    assert_non_null(strstr(info.limit, "memory.max of the control group"));
    assert_non_null(strstr(info.limit, "/sys/fs/cgroup/a is 200.0 MiB"));
    put("sys/fs/cgroup/a/b/memory.max", "41943040\n");
    put("sys/fs/cgroup/a/b/memory.current", "52428800\n");
    strait__cpu_memory_info(root, &info);
    assert_int_equal(info.free_bytes, 0);
    assert_non_null(strstr(info.limit, "/a/b is 40.0 MiB"));
}

static void version_one(void **state)
{
    (void)state;
    strait_cpu_memory_info info;
    put("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/job/1\n0::/\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/job/1/memory.limit_in_bytes", "104857600\n");
    put("sys/fs/cgroup/memory/job/1/memory.usage_in_bytes", "31457280\n");
    put("sys/fs/cgroup/memory/job/1/memory.stat", "inactive_file 1\ntotal_inactive_file 10485760\n");
    strait__cpu_memory_info(root, &info);
    assert_int_equal(info.free_bytes, 80 * MIB);
    assert_non_null(strstr(info.limit, "memory.limit_in_bytes of the control group"));
    assert_non_null(strstr(info.limit, "memory/job/1 is 100.0 MiB"));
    /* In a container whose part of the hierarchy is mounted as the whole. */
    put("proc/self/cgroup", "3:memory:/docker/0123\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "62914560\n");
    strait__cpu_memory_info(root, &info);
    assert_int_equal(info.free_bytes, 60 * MIB);
}

static void own_limits(void **state)
{
    (void)state;
    struct rlimit before;
    strait_cpu_memory_info info;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    struct rlimit low = {.rlim_cur = (rlim_t)(400 * MIB), .rlim_max = before.rlim_max};
    if (setrlimit(RLIMIT_AS, &low) != 0) skip();
    strait__cpu_memory_info(root, &info);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(info.total, 400 * MIB);
    assert_int_equal(info.free_bytes, 300 * MIB);
    assert_string_equal(info.limit, "ulimit -v is 400.0 MiB");

    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    low = (struct rlimit){.rlim_cur = (rlim_t)(250 * MIB), .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_DATA, &low), 0);
    strait__cpu_memory_info(root, &info);
    assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
    assert_int_equal(info.free_bytes, 200 * MIB);
    assert_string_equal(info.limit, "ulimit -d is 250.0 MiB");
}

static void processors(void **state)
{
    (void)state;
    assert_int_equal(strait__processors_by_quota(root, 8), 8);
    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(strait__processors_by_quota(root, 8), 8);
    put("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    assert_int_equal(strait__processors_by_quota(root, 8), 3);
    assert_int_equal(strait__processors_by_quota(root, 2), 2);
    put("proc/self/cgroup", "4:cpu,cpuacct:/x\n");
    put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(strait__processors_by_quota(root, 8), 8);
    put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "50000\n");
    assert_int_equal(strait__processors_by_quota(root, 8), 1);
    assert_true(strait_processors() >= 1);
}

static void count_directory(void *context, const char *directory)
{
    assert_true(strncmp(directory, root, strlen(root)) == 0);
    assert_true(directory[strlen(directory) - 1] != '/');
    ++*(int *)context;
}

static void every_directory_once(void **state)
{
    (void)state;
    int count = 0;
    strait_cgroup_visit(root, "memory", count_directory, &count);
    assert_int_equal(count, 3); /* the three mounts */
    put("proc/self/cgroup", "nonsense\n5:memory_other:/no\n4:hugetlb,memory:/one\n0::/two/three/\n");
    count = 0;
    strait_cgroup_visit(root, "memory", count_directory, &count);
    assert_int_equal(count, 3 + 1 + 2 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_machine, begin, end),
        cmocka_unit_test_setup_teardown(version_two, begin, end),
        cmocka_unit_test_setup_teardown(version_one, begin, end),
        cmocka_unit_test_setup_teardown(own_limits, begin, end),
        cmocka_unit_test_setup_teardown(processors, begin, end),
        cmocka_unit_test_setup_teardown(every_directory_once, begin, end),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
