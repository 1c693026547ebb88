/* Clocks. CPU time leaves out what other processes and the hypervisor take away. */
#include "bench.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t)) die("reading a clock: %s", strerror(errno));
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double own_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double cpu_ns_of(pid_t pid)
{
    clockid_t clock;
    int error = clock_getcpuclockid(pid, &clock);
    if (error) die("the CPU time of process %d: %s", (int)pid, strerror(error));
    return read_clock(clock);
}

bool wait_a_little(double deadline)
{
    if (now_ns() > deadline) return false;
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    return true;
}
