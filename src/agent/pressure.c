/*
 * Is the memory nearly used up that the process may have? That of its control group, if that has a bound (v2:
 * memory.max, memory.current and memory.stat of the group in /proc/self/cgroup; v1: memory.limit_in_bytes and its
 * kin), and that of the machine (/proc/meminfo). What the kernel can take back at once (inactive pages of files) does
 * not count as used.
 */
#include "agent/agent-priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRESSED_PERCENT  97u /* used */
#define RELIEVED_PERCENT 94u

static const char *root = "";

void agent_memory_root(const char *folder)
{
    root = folder;
}

/* The text of a small file; false where it cannot be read. */
static bool read_text(const char *path, char *out, size_t size)
{
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", root, path);
    if (n < 0 || (size_t)n >= sizeof full) return false;
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t got = read(fd, out, size - 1);
    close(fd);
    out[got > 0 ? got : 0] = 0;
    return got > 0;
}

/* The number behind a key at the beginning of a line; "" is the text's own beginning. 0: there is none. */
static uint64_t number_of(const char *text, const char *key)
{
    const size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0) return strtoull(line + n, NULL, 10);
    }
    return 0;
}

static uint64_t number_in(const char *folder, const char *file, const char *key)
{
    char path[400], text[8192];
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    if (n < 0 || (size_t)n >= sizeof path || !read_text(path, text, sizeof text)) return 0;
    return number_of(text, key);
}

static unsigned percent(uint64_t used, uint64_t reclaimable, uint64_t most)
{
    if (!most) return 0;
    return (unsigned)((double)(used > reclaimable ? used - reclaimable : 0) * 100 / (double)most);
}

/* The line of /proc/self/cgroup that names the group: "0::/path" (v2), "9:memory:/path" (v1). */
static bool group_of(const char *groups, const char *mark, char *out, size_t size)
{
    const char *at = strstr(groups, mark);
    if (!at) return false;
    at += strlen(mark);
    int n = snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
    return n >= 0 && (size_t)n < size;
}

/* How each version of control groups names the group, and the files of its memory. */
static const struct {
    const char *mark, *folder, *used, *most, *reclaimable;
} versions[] = {
    {"0::", "/sys/fs/cgroup", "memory.current", "memory.max", "inactive_file "},
    {":memory:", "/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file "},
};

static unsigned used_in_group(void)
{
    char groups[2048], group[256], folder[320];
    if (!read_text("/proc/self/cgroup", groups, sizeof groups)) return 0;
    unsigned most = 0;
    for (size_t i = 0; i < RJ_COUNT(versions); i++) {
        if (!group_of(groups, versions[i].mark, group, sizeof group)) continue;
        /* Within a container the group is its own root, whatever it is called outside. */
        for (int outer = 0; outer < 2; outer++) {
            snprintf(folder, sizeof folder, "%s%s", versions[i].folder, outer ? "" : group);
            most = RJ_MAX(most, percent(number_in(folder, versions[i].used, ""),
                                        number_in(folder, "memory.stat", versions[i].reclaimable),
                                        number_in(folder, versions[i].most, "")));
        }
    }
    return most;
}

static unsigned used_of_machine(void)
{
    char text[4096];
    if (!read_text("/proc/meminfo", text, sizeof text)) return 0;
    const uint64_t total = number_of(text, "MemTotal:"), left = number_of(text, "MemAvailable:");
    return left ? percent(total, left, total) : 0;
}

bool agent_memory_pressed(bool before)
{
    const unsigned used = RJ_MAX(used_in_group(), used_of_machine());
    return used >= (before ? RELIEVED_PERCENT : PRESSED_PERCENT);
}
