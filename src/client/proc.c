#include "client/proc.h"
#include "wire/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *proc_file(arena *a, const char *path, size_t *size)
{
    buf_t b = {0};
    if (size) *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "";
    uint8_t part[16384];
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0)
        buf_put(&b, part, (size_t)n);
    close(fd);
    /* Two NULs at the end: a list of texts ends with an empty one. */
    char *text = b.failed ? NULL : arena_alloc(a, b.n + 2);
    if (text && b.n) memcpy(text, b.p, b.n);
    if (text && size) *size = b.n;
    buf_free(&b);
    return text ? text : "";
}

static const char *proc_path(arena *a, int32_t pid, const char *name)
{
    const char *p = arena_printf(a, "/proc/%d/%s", pid, name);
    return p ? p : "";
}

/* The value after "Key:\t" in the lines of /proc/PID/status. */
static const char *status_value(const char *status, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = status; line && *line;) {
        if (strncmp(line, key, n) == 0 && line[n] == ':') return line + n + 1 + strspn(line + n + 1, " \t");
        line = strchr(line, '\n');
        if (line) line++;
    }
    return "";
}

char proc_state(int32_t pid)
{
    arena a = {0};
    char state = *status_value(proc_file(&a, proc_path(&a, pid, "status"), NULL), "State");
    arena_free(&a);
    return state;
}

int32_t proc_parent(arena *a, int32_t pid)
{
    return (int32_t)strtol(status_value(proc_file(a, proc_path(a, pid, "status"), NULL), "PPid"), NULL, 10);
}

/* The last number of the NSpid line: the pid in the innermost namespace. */
static int32_t inner_pid(const char *status, int32_t pid, bool *nested)
{
    const char *p = status_value(status, "NSpid");
    int count = 0;
    long last = pid;
    while (*p && *p != '\n') {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p) break;
        last = v;
        count++;
        p = end + strspn(end, " \t");
    }
    *nested = count > 1;
    return (int32_t)last;
}

static void start_time(arena *a, proc_info *p)
{
    const char *stat = proc_file(a, proc_path(a, p->pid, "stat"), NULL);
    const char *at = strrchr(stat, ')'); /* the name before it may hold anything */
    if (!at) return;
    at++;
    for (int field = 3; field < 22 && at; field++)
        at = strchr(at + 1, ' ');
    if (!at) return;
    p->start_key = strtoull(at, NULL, 10);
    const uint64_t booted = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
    uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
    p->started = booted + p->start_key / hz * 1000000000u + p->start_key % hz * (1000000000u / hz);
}

static bool same_namespace(arena *a, int32_t pid, const char *kind)
{
    struct stat mine, theirs;
    const char *path = arena_printf(a, "/proc/%d/ns/%s", pid, kind);
    const char *self = arena_printf(a, "/proc/self/ns/%s", kind);
    if (!path || !self || stat(self, &mine) < 0 || stat(path, &theirs) < 0)
        return true; /* what cannot be told is taken as ours */
    return mine.st_ino == theirs.st_ino && mine.st_dev == theirs.st_dev;
}

bool proc_read(arena *a, int32_t pid, proc_info *out, err_t *e)
{
    *out = (proc_info){.pid = pid, .inner_pid = pid, .root = "", .environ = "", .tmp = "/tmp"};
    struct stat st;
    const char *dir = arena_printf(a, "/proc/%d", pid);
    if (pid <= 0 || !dir || stat(dir, &st) < 0)
        return err_set(e, ERR_UNREACHABLE, -1, "there is no process %d: `rejit ps` lists those that can be reached",
                       pid);
    const char *status = proc_file(a, proc_path(a, pid, "status"), NULL);
    const char *uid = status_value(status, "Uid");
    out->uid = *uid ? (uid_t)strtoul(uid, NULL, 10) : st.st_uid;
    out->state = *status_value(status, "State");
    if (!out->state) return err_set(e, ERR_UNREACHABLE, -1, "process %d has just ended", pid);
    bool nested = false;
    out->inner_pid = inner_pid(status, pid, &nested);
    out->other_pids = nested && !same_namespace(a, pid, "pid");
    if (!out->other_pids) out->inner_pid = nested ? out->inner_pid : pid;
    out->other_mount = !same_namespace(a, pid, "mnt");
    if (out->other_mount) out->root = proc_path(a, pid, "root");
    start_time(a, out);
    out->environ = proc_file(a, proc_path(a, pid, "environ"), NULL);
    const char *tmp = proc_env(out, "TMPDIR");
    if (tmp && tmp[0] == '/') out->tmp = tmp;
    return true;
}

const char *proc_env(const proc_info *p, const char *name)
{
    size_t n = strlen(name);
    for (const char *v = p->environ; *v; v += strlen(v) + 1)
        if (strncmp(v, name, n) == 0 && v[n] == '=') return v + n + 1;
    return NULL;
}

/* The file name that ends with `end`, out of the lines of maps; NULL where there is none. */
static const char *mapped_file(arena *a, const char *maps, const char *end)
{
    const char *at = strstr(maps, end), *slash = at;
    if (!at) return NULL;
    while (slash > maps && slash[-1] != '/')
        slash--;
    return arena_strndup(a, slash, (size_t)(at - slash) + strlen(end) - 1);
}

proc_form proc_runtime_form(arena *a, int32_t pid, const char **composite)
{
    size_t size = 0;
    const char *maps = proc_file(a, proc_path(a, pid, "maps"), &size);
    if (composite) *composite = mapped_file(a, maps, ".r2r.dll\n");
    if (!size) return PROC_HIDDEN; /* as that of a kernel thread is */
    if (strstr(maps, "/shared/Microsoft.NETCore.App/") && strstr(maps, "/libcoreclr.so")) return PROC_SHARED;
    if (strstr(maps, "/libcoreclr.so")) return PROC_SELF_CONTAINED;
    /* The runtime keeps what the JIT makes in a file of this name, which nobody else has. */
    return strstr(maps, "/memfd:doublemapper") ? PROC_ONE_FILE : PROC_OTHER;
}

const char *proc_command(arena *a, int32_t pid)
{
    size_t size = 0;
    const char *raw = proc_file(a, proc_path(a, pid, "cmdline"), &size);
    while (size && raw[size - 1] == 0)
        size--;
    char *text = arena_strndup(a, raw, size);
    if (!text) return "";
    for (size_t i = 0; i < size; i++)
        if (!text[i]) text[i] = ' ';
    return text;
}

const char *proc_user_name(arena *a, uid_t uid)
{
    char buffer[4096];
    struct passwd p, *found = NULL;
    const char *name = getpwuid_r(uid, &p, buffer, sizeof buffer, &found) == 0 && found
                           ? arena_strdup(a, p.pw_name)
                           : arena_printf(a, "%u", (unsigned)uid);
    return name ? name : "";
}

/*
 * dotnet-diagnostic-PID-KEY-socket in one directory. A file of an earlier process with the same pid may lie there too:
 * the key tells, and where it does not (an emulated start time), the newest that is not older than the process.
 */
#define SLACK_NS 2000000000u
static const char *find_socket(arena *a, const proc_info *p, const char *dir)
{
    DIR *d = opendir(dir);
    if (!d) return NULL;
    char prefix[64], exact[96];
    snprintf(prefix, sizeof prefix, "dotnet-diagnostic-%d-", p->inner_pid);
    snprintf(exact, sizeof exact, "%s%llu-socket", prefix, (unsigned long long)p->start_key);
    const char *best = NULL;
    struct timespec newest = {0};
    for (struct dirent *f; (f = readdir(d));) {
        size_t n = strlen(f->d_name);
        struct stat st;
        if (strncmp(f->d_name, prefix, strlen(prefix)) != 0 || n < 7 || strcmp(f->d_name + n - 7, "-socket") != 0)
            continue;
        if (fstatat(dirfd(d), f->d_name, &st, 0) < 0 || !S_ISSOCK(st.st_mode)) continue;
        bool is_exact = strcmp(f->d_name, exact) == 0;
        bool newer = st.st_mtim.tv_sec > newest.tv_sec ||
                     (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec > newest.tv_nsec);
        const uint64_t made = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
        if (!is_exact && (made + SLACK_NS < p->started || (best && !newer))) continue;
        best = arena_printf(a, "%s/%s", dir, f->d_name);
        newest = st.st_mtim;
        if (is_exact) break;
    }
    closedir(d);
    return best;
}

const char *proc_diagnostics_socket(arena *a, const proc_info *p)
{
    const char *dir = arena_printf(a, "%s%s", p->root, p->tmp);
    const char *found = dir ? find_socket(a, p, dir) : NULL;
    if (found || strcmp(p->tmp, "/tmp") == 0) return found;
    dir = arena_printf(a, "%s/tmp", p->root);
    return dir ? find_socket(a, p, dir) : NULL;
}

const char *proc_agent_socket(arena *a, const proc_info *p)
{
    const char *inside = arena_printf(a, WIRE_SOCKET_FORMAT, p->tmp, p->inner_pid);
    const char *path = inside ? arena_printf(a, "%s%s", p->root, inside) : NULL;
    return path ? path : "";
}
