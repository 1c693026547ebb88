#include "client/agentfile.h"
#include "rejit-version.h"
#include "wire/wire.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef REJIT_AGENT_INSTALLED
#error "the build says where the agent is installed, relative to the directory of the command"
#endif

/* The directory of the file that holds this function: bin/ of the command, lib/ of librejit.so. */
static const char *own_directory(arena *a)
{
    Dl_info info;
    char path[4096];
    if (!dladdr((void *)(uintptr_t)&own_directory, &info) || !info.dli_fname) return NULL;
    /* For a program, what dladdr says is argv[0]. */
    const char *from = strchr(info.dli_fname, '/') ? info.dli_fname : "/proc/self/exe";
    if (!realpath(from, path)) return NULL;
    char *slash = strrchr(path, '/');
    if (!slash) return NULL;
    *slash = 0;
    return arena_strdup(a, path);
}

static const char *beside(arena *a)
{
    static const char *const places[] = {
        "librejit_agent.so",   "rejit/librejit_agent.so", "../lib/librejit_agent.so", "../lib/rejit/librejit_agent.so",
        REJIT_AGENT_INSTALLED,
    };
    const char *dir = own_directory(a);
    for (size_t i = 0; dir && i < RJ_COUNT(places); i++) {
        char path[4096];
        const char *p = arena_printf(a, "%s/%s", dir, places[i]);
        if (p && realpath(p, path) && access(path, R_OK) == 0) return arena_strdup(a, path);
    }
    return NULL;
}

/* The version that the file bears, as a NUL-terminated text behind WIRE_AGENT_MARK; NULL: it is none of ours. */
static const char *version_of(arena *a, const char *bytes, size_t size)
{
    const char *mark = memmem(bytes, size, WIRE_AGENT_MARK, strlen(WIRE_AGENT_MARK));
    if (!mark) return NULL;
    mark += strlen(WIRE_AGENT_MARK);
    return arena_strndup(a, mark, strnlen(mark, RJ_MIN((size_t)(bytes + size - mark), (size_t)32)));
}

static bool check(arena *a, const char *path, err_t *e)
{
    size_t size = 0;
    errno = 0;
    const char *bytes = proc_file(a, path, &size);
    if (!size)
        return err_set(e, ERR_UNREACHABLE, -1, "the agent %s cannot be read: %s", path,
                       strerror(errno ? errno : ENODATA));
    const char *version =
        size > sizeof(Elf64_Ehdr) && memcmp(bytes, ELFMAG, SELFMAG) == 0 ? version_of(a, bytes, size) : NULL;
    if (!version)
        return err_set(e, ERR_UNREACHABLE, -1, "%s is not an agent of rejit: set REJIT_AGENT to librejit_agent.so",
                       path);
    if (strcmp(version, REJIT_VERSION) != 0)
        return err_set(
            e, ERR_UNREACHABLE, -1,
            "the agent %s has version %s, but this is rejit %s: install both from one package, or set REJIT_AGENT",
            path, version, REJIT_VERSION);
    return true;
}

const char *agentfile_find(arena *a, const char *wanted, err_t *e)
{
    char path[4096];
    if (!wanted || !*wanted) wanted = getenv("REJIT_AGENT");
    if (wanted && *wanted) {
        if (!realpath(wanted, path)) {
            err_set(e, ERR_UNREACHABLE, -1,
                    "the agent %s is missing: %s: set REJIT_AGENT to librejit_agent.so, or unset it", wanted,
                    strerror(errno));
            return NULL;
        }
        return check(a, path, e) ? arena_strdup(a, path) : NULL;
    }
    const char *found = beside(a);
    if (!found) {
        err_set(e, ERR_UNREACHABLE, -1,
                "librejit_agent.so is missing: it is looked for in ../lib and ../lib/rejit beside the command; or set "
                "REJIT_AGENT");
        return NULL;
    }
    return check(a, found, e) ? found : NULL;
}

static bool same_file(const char *x, const char *y)
{
    struct stat s, t;
    return stat(x, &s) == 0 && stat(y, &t) == 0 && s.st_ino == t.st_ino && s.st_dev == t.st_dev;
}

static uint64_t hash(const char *p, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a: names a file, guards nothing */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t did = write(fd, p, n);
        if (did < 0 && errno == EINTR) continue;
        if (did <= 0) return false;
        p += did;
        n -= (size_t)did;
    }
    return true;
}

static bool copy(const char *bytes, size_t size, const char *to, const proc_info *target, err_t *e)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s.%d", to, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof part) return err_set(e, ERR_SYSTEM, -1, "the path %s is too long", to);
    unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0755);
    bool ok = fd >= 0 && write_all(fd, bytes, size) && (geteuid() != 0 || fchown(fd, target->uid, (gid_t)-1) == 0) &&
              fchmod(fd, 0755) == 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) < 0 && ok) {
        why = errno;
        ok = false;
    }
    if (ok && rename(part, to) == 0) return true;
    if (ok) why = errno;
    if (fd >= 0) unlink(part);
    const char *remedy = why == ENOSPC || why == EDQUOT ? ": make room there and try again"
                         : why == EROFS ? ": mount a writable directory there, or set TMPDIR for the process"
                                        : "";
    return err_set(e, ERR_UNREACHABLE, -1, "copying the agent to %s: %s%s", to, strerror(why), remedy);
}

const char *agentfile_for(arena *a, const char *file, const proc_info *target, err_t *e)
{
    const char *seen = arena_printf(a, "%s%s", target->root, file);
    if (!target->other_mount || (seen && same_file(seen, file))) return file;
    size_t size = 0;
    const char *bytes = proc_file(a, file, &size);
    const char *inside = arena_printf(a, "%s/rejit-agent-" REJIT_VERSION "-%016llx.so", target->tmp,
                                      (unsigned long long)hash(bytes, size));
    const char *to = inside ? arena_printf(a, "%s%s", target->root, inside) : NULL;
    if (!to || !size) {
        err_set(e, ERR_MEMORY, -1, "out of memory while copying the agent");
        return NULL;
    }
    size_t there = 0;
    const char *old = proc_file(a, to, &there);
    if (there == size && memcmp(old, bytes, size) == 0) return inside;
    return copy(bytes, size, to, target, e) ? inside : NULL;
}
