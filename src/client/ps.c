/* The .NET processes of this machine, and which of them a name means. */
#include "client/attach.h"
#include "client/client-priv.h"
#include "client/proc.h"
#include "client/result.h"
#include "client/sock.h"
#include "clr/ipc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS 500

static const char *file_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The entry assembly out of a command line, where the runtime did not tell: the first word that ends in .dll, else the
 * program. */
static const char *guess_entry(arena *a, const char *command)
{
    char *copy = arena_strdup(a, command);
    const char *first = "";
    for (char *save = NULL, *word = copy ? strtok_r(copy, " ", &save) : NULL; word; word = strtok_r(NULL, " ", &save)) {
        size_t n = strlen(word);
        if (!*first) first = file_part(word);
        if (n <= 4 || strcmp(word + n - 4, ".dll") != 0) continue;
        word[n - 4] = 0;
        return file_part(word);
    }
    return first;
}

/* Asks the runtime; fills runtime and entry, or the note with why not. */
static void ask_runtime(arena *a, const char *port, rj_process *p)
{
    clr_process_info info;
    err_t e = {0};
    int fds[2] = {sock_connect(port, ASK_MS, &e), -1};
    if (fds[0] >= 0) fds[1] = sock_connect(port, ASK_MS, NULL);
    if (fds[0] >= 0 && clr_ipc_process_info(fds, a, &info, ASK_MS, NULL, &e)) {
        const char *plus = strchr(info.version, '+'); /* the commit's hash behind it says nothing to a person */
        p->runtime = plus ? arena_strndup(a, info.version, (size_t)(plus - info.version)) : info.version;
        if (!p->runtime) p->runtime = "";
        if (*info.entry) p->entry = info.entry;
        if (!*p->command) p->command = info.command;
    } else {
        const char *text = arena_strdup(a, e.text);
        if (text) p->note = text;
    }
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) close(fds[i]);
}

static bool has_agent(arena *a, const proc_info *info)
{
    struct stat st;
    const char *path = proc_agent_socket(a, info);
    if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) return false;
    int fd = sock_connect(path, 0, NULL);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

/* Is it a .NET process, and what does it say? */
static bool look_at(arena *a, int32_t pid, rj_process *out)
{
    proc_info info;
    if (!proc_read(a, pid, &info, NULL) || !attach_may_reach(a, &info, NULL)) return false;
    proc_form form = proc_runtime_form(a, pid, NULL);
    if (form == PROC_HIDDEN) return false;
    const char *port = proc_diagnostics_socket(a, &info);
    if (form == PROC_OTHER && !port) return false;
    *out = (rj_process){.pid = pid, .runtime = "", .note = "", .started = info.started};
    out->command = proc_command(a, pid);
    out->entry = guess_entry(a, out->command);
    out->user = proc_user_name(a, info.uid);
    err_t e = {0};
    if (!attach_not_stopped(&info, &e)) {
        out->note = info.state == 'T' ? "stopped" : "held by a debugger";
    } else {
        out->agent = has_agent(a, &info);
        if (port)
            ask_runtime(a, port, out);
        else
            out->note = attach_disabled_by(&info) ? "diagnostics are disabled" : "no diagnostics socket";
    }
    return true;
}

static int by_number(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

typedef VEC(int32_t) pid_list;

static bool all_pids(pid_list *pids, err_t *e)
{
    DIR *d = opendir("/proc");
    if (!d) return err_errno(e, "reading /proc");
    for (struct dirent *f; (f = readdir(d));) {
        char *end;
        long pid = strtol(f->d_name, &end, 10);
        int32_t *place = *end || pid <= 0 || pid == (long)getpid() ? NULL : VEC_PUSH(pids);
        if (place) *place = (int32_t)pid;
    }
    closedir(d);
    if (pids->v) qsort(pids->v, pids->n, sizeof *pids->v, by_number);
    return true;
}

bool rj_ps(rj_processes *out, rj_error *e)
{
    pid_list pids = {0};
    if (!all_pids(&pids, ERR(e))) return false;
    arena *a = result_arena();
    rj_process *items = a ? arena_array(a, pids.n, sizeof *items) : NULL;
    size_t n = 0;
    for (size_t i = 0; items && i < pids.n; i++)
        if (look_at(a, pids.v[i], &items[n])) n++;
    VEC_FREE(&pids);
    if (!items) {
        rj_free(a);
        return err_set(ERR(e), ERR_MEMORY, -1, "out of memory");
    }
    *out = (rj_processes){.items = items, .count = n, .memory = a};
    return true;
}

/* ---- names ---- */

static bool is_called(const rj_process *p, const char *name, size_t n)
{
    return strlen(p->entry) == n && strncasecmp(p->entry, name, n) == 0;
}

static bool resolve_name(const char *name, int32_t *pid, err_t *e)
{
    rj_processes all;
    size_t n = strlen(name), found = 0;
    if (n > 4 && strcmp(name + n - 4, ".dll") == 0) n -= 4;
    if (!rj_ps(&all, (rj_error *)(void *)e)) return false;
    buf_t list = {0};
    for (size_t i = 0; i < all.count; i++) {
        if (!is_called(&all.items[i], name, n)) continue;
        *pid = all.items[i].pid;
        buf_printf(&list, "%s%d (%.60s)", found++ ? ", " : "", all.items[i].pid, all.items[i].command);
    }
    bool ok = found == 1;
    if (!found) {
        for (size_t i = 0; i < all.count; i++)
            buf_printf(&list, "%s%s (%d)", i ? ", " : "", all.items[i].entry, all.items[i].pid);
        err_set(e, ERR_UNREACHABLE, -1, "no .NET process is called %s%s%s", name,
                list.n ? "; there are " : ": `rejit ps` finds none at all", list.n ? buf_cstr(&list) : "");
    } else if (!ok) {
        err_set(e, ERR_USAGE, -1, "%zu processes are called %s, give the pid of one: %s", found, name, buf_cstr(&list));
    }
    buf_free(&list);
    rj_free(all.memory);
    return ok;
}

bool rj_resolve(const char *pid_or_name, int32_t *pid, rj_error *e)
{
    char *end;
    long n = strtol(pid_or_name, &end, 10);
    if (!*pid_or_name) return err_set(ERR(e), ERR_USAGE, -1, "a pid or the name of a process is missing");
    if (*end) return resolve_name(pid_or_name, pid, ERR(e));
    if (n <= 0 || n > INT32_MAX) return err_set(ERR(e), ERR_USAGE, -1, "%s is no pid", pid_or_name);
    *pid = (int32_t)n;
    return true;
}

static bool descends(int32_t pid, int32_t ancestor)
{
    arena a = {0};
    for (int steps = 0; pid > 1 && pid != ancestor && steps < 64; steps++)
        pid = proc_parent(&a, pid);
    arena_free(&a);
    return pid == ancestor;
}

/* The pid in the name of an agent's socket: rejit-42.sock; 0: it is another file. */
static int32_t socket_pid(const char *name)
{
    char *end;
    if (strncmp(name, "rejit-", 6) != 0) return 0;
    long pid = strtol(name + 6, &end, 10);
    return pid > 0 && pid <= INT32_MAX && strcmp(end, ".sock") == 0 ? (int32_t)pid : 0;
}

size_t rj_agents(int32_t ancestor, int32_t *pids, size_t most)
{
    const char *tmp = getenv("TMPDIR");
    DIR *d = opendir(tmp && *tmp ? tmp : "/tmp");
    size_t n = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        int32_t pid = socket_pid(f->d_name);
        if (!pid || !proc_state(pid)) continue;
        if (ancestor && (pid == ancestor || !descends(pid, ancestor))) continue;
        if (n < most) pids[n] = pid;
        n++;
    }
    if (d) closedir(d);
    return n;
}
