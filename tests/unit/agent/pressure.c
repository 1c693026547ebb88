/* When memory counts as nearly used up: by the files that the kernel has for it. */
#include "agent/agent-priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/rejit-unit-XXXXXX";

static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", folder, path);
    for (char *at = full + strlen(folder) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = 0;
        mkdir(full, 0700);
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void none_of(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", folder, path);
    unlink(full);
}

static void machine(unsigned available)
{
    char text[256];
    snprintf(text, sizeof text, "MemTotal:       1000000 kB\nMemFree:  10 kB\nMemAvailable:   %u kB\n", available);
    put("/proc/meminfo", text);
}

static void the_machine(void **state)
{
    (void)state;
    assert_false(agent_memory_pressed(false)); /* no such file: nobody can tell */
    machine(500000);
    assert_false(agent_memory_pressed(false));
    machine(31000);
    assert_false(agent_memory_pressed(false));
    machine(29000);
    assert_true(agent_memory_pressed(false));
    machine(50000); /* it is not given up for a moment's relief */
    assert_false(agent_memory_pressed(false));
    assert_true(agent_memory_pressed(true));
    machine(70000);
    assert_false(agent_memory_pressed(true));
    machine(900000);
}

static void a_group(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/shop/web\n");
    put("/sys/fs/cgroup/shop/web/memory.max", "max\n");
    put("/sys/fs/cgroup/shop/web/memory.current", "990\n");
    put("/sys/fs/cgroup/shop/web/memory.stat", "anon 500\ninactive_file 0\nactive_file 7\n");
    assert_false(agent_memory_pressed(false)); /* it has no bound */
    put("/sys/fs/cgroup/shop/web/memory.max", "1000\n");
    assert_true(agent_memory_pressed(false));
    put("/sys/fs/cgroup/shop/web/memory.stat", "anon 500\ninactive_file 100\n"); /* can be had at once */
    assert_false(agent_memory_pressed(false));
    /* A container sees its own group as the root. */
    none_of("/sys/fs/cgroup/shop/web/memory.max");
    put("/sys/fs/cgroup/memory.max", "1000\n");
    put("/sys/fs/cgroup/memory.current", "985\n");
    assert_true(agent_memory_pressed(false));
    none_of("/sys/fs/cgroup/memory.max");
    assert_false(agent_memory_pressed(false));
}

static void a_group_of_the_first_version(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "12:cpu:/\n9:memory:/shop\n1:name=systemd:/\n");
    put("/sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "9223372036854771712\n"); /* none, there */
    put("/sys/fs/cgroup/memory/shop/memory.usage_in_bytes", "99000\n");
    put("/sys/fs/cgroup/memory/shop/memory.stat", "inactive_file 90000\ntotal_inactive_file 1000\n");
    assert_false(agent_memory_pressed(false));
    put("/sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "100000\n");
    assert_true(agent_memory_pressed(false));
    put("/sys/fs/cgroup/memory/shop/memory.stat", "inactive_file 0\ntotal_inactive_file 9000\n");
    assert_false(agent_memory_pressed(false));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    agent_memory_root(folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command); /* NOLINT(cert-env33-c): of our own making */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine),
        cmocka_unit_test(a_group),
        cmocka_unit_test(a_group_of_the_first_version),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
