/*
 * Is a managed debugger attached? The runtime listens for one on two pipes in the temporary folder: until one comes it
 * sleeps inside open(). When that one has gone it removes the pipes' names and makes new ones; the old descriptors
 * stay.
 */
#include "agent/agent-priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define PIPE_FORMAT "%s/clr-debug-pipe-%d-%llu-%s" /* folder, process, its start time, "in" or "out" */

bool agent_debugged(void)
{
    char mine[64], link[288], target[512];
    snprintf(mine, sizeof mine, "/clr-debug-pipe-%d-", (int)getpid());
    DIR *fds = opendir("/proc/self/fd");
    bool found = false;
    for (struct dirent *d; fds && !found && (d = readdir(fds));) {
        snprintf(link, sizeof link, "/proc/self/fd/%s", d->d_name);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n <= 0) continue;
        target[n] = 0;
        found = strstr(target, mine) != NULL && !strstr(target, " (deleted)");
    }
    if (fds) closedir(fds);
    return found;
}

/* When the process started, in clock ticks, as the names of its pipes have it; 0: unknown. */
static unsigned long long start_time(void)
{
    enum { FIELD = 22, BEHIND_NAME = 3 }; /* proc(5): the name in parentheses is field 2 */
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = 0;
    char *p = strrchr(text, ')');
    for (int field = BEHIND_NAME - 1; p && field < FIELD; field++)
        if ((p = strchr(p, ' '))) p++;
    return p ? strtoull(p, NULL, 10) : 0;
}

int agent_debugger_watch(void)
{
    static const char *const ends[] = {"in", "out"};
    char path[256];
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    bool watching = fd >= 0;
    for (size_t i = 0; watching && i < RJ_COUNT(ends); i++) {
        snprintf(path, sizeof path, PIPE_FORMAT, agent_tmp(), (int)getpid(), start_time(), ends[i]);
        watching = inotify_add_watch(fd, path, IN_OPEN | IN_CLOSE | IN_ATTRIB) >= 0;
    }
    if (watching || fd < 0) return fd;
    log_line(LOG_INFO, "agent", "a debugger that comes later is seen with the next request: %s is not there", path);
    close(fd);
    return -1;
}
