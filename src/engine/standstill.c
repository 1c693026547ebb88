/*
 * For a moment in which nothing of the runtime reads a module's metadata.
 *
 * The first time that a module is opened for writing the runtime puts a copy in the place of what it has mapped, and
 * then makes that copy's rows wider, table by table. Whoever reads takes no lock, and is left with a row that is freed,
 * or with the new places of columns in an old row. Those who read are compiles (guard.c), managed code that has called
 * into the runtime (suspend.c), and threads that run in the runtime but may be suspended where they are: these are
 * waited for until they sleep or have run into the suspension. A thread that is ready but has no CPU may be amid a row:
 * what ends the wait is the time that they had on a CPU, for the program may have threads of its own that never sleep.
 */
#include "engine/engine-priv.h"
#include "engine/jit-priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OTHERS_CPU_NS  2000000u  /* on a CPU: whoever reads is through by then */
#define OTHERS_MOST_NS 30000000u /* in all */
#define NAP_NS         20000

static _Atomic pid_t own; /* the agent has no TLS: src/probe/thread.c */

void eng_thread_is_own(void)
{
    own = gettid();
}

/* proc(5): "running", or the number of the system call that it waits in. */
static bool runs(long thread)
{
    char path[64], word[8] = "";
    snprintf(path, sizeof path, "/proc/self/task/%ld/syscall", thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, word, sizeof word);
    close(fd);
    return n > 0 && word[0] == 'r';
}

static bool others_run(DIR *threads)
{
    const struct dirent *d;
    const pid_t self = gettid();
    rewinddir(threads);
    while ((d = readdir(threads))) {
        long thread = strtol(d->d_name, NULL, 10);
        if (thread > 0 && thread != self && runs(thread)) return true;
    }
    return false;
}

static uint64_t others_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void wait_for_others(void)
{
    const uint64_t until = eng_now_ns() + OTHERS_MOST_NS, cpu = others_cpu_ns();
    DIR *threads = opendir("/proc/self/task");
    while (threads && others_run(threads) && others_cpu_ns() - cpu < OTHERS_CPU_NS && eng_now_ns() < until)
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    if (threads) closedir(threads);
}

bool eng_standstill_begin(eng *g)
{
    if (own != gettid()) return true;
    if (!eng_guard_close()) return false;
    if (!eng_suspend(g)) {
        eng_guard_open();
        return false;
    }
    wait_for_others();
    return true;
}

void eng_standstill_end(eng *g)
{
    if (own != gettid()) return;
    eng_resume(g);
    eng_guard_open();
}
