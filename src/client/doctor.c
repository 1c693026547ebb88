/* Every precondition of attaching, one after another, each with its remedy. */
#include "client/agentfile.h"
#include "client/attach.h"
#include "client/client-priv.h"
#include "client/result.h"
#include "client/sock.h"
#include "clr/ipc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKS_MOST 64u

typedef struct report {
    arena *a;
    rj_check *items;
    size_t count;
} report;

static const char *copied(arena *a, const char *text)
{
    const char *t = arena_strdup(a, text);
    return t ? t : "";
}

static void add(report *r, rj_health health, const char *name, const char *text, const char *remedy)
{
    if (r->count < CHECKS_MOST)
        r->items[r->count++] = (rj_check){copied(r->a, name), copied(r->a, text), copied(r->a, remedy), health};
}

/* A check by a function that answers an error: its text holds the remedy behind the last ": ". */
static bool add_error(report *r, const char *name, const err_t *e)
{
    char what[sizeof e->text];
    memcpy(what, e->text, sizeof what);
    char *cut = NULL;
    for (char *p = what; (p = strstr(p, ": ")); p += 2)
        cut = p;
    if (cut) *cut = 0;
    add(r, RJ_FAILURE, name, what, cut ? cut + 2 : "");
    return false;
}

static bool check_process(report *r, int32_t pid, proc_info *p)
{
    err_t e = {0};
    if (!proc_read(r->a, pid, p, &e)) return add_error(r, "process", &e);
    add(r, RJ_FINE, "process", proc_command(r->a, pid), "");
    if (!attach_may_reach(r->a, p, &e)) return add_error(r, "user", &e);
    add(r, RJ_FINE, "user", arena_printf(r->a, "belongs to %s", proc_user_name(r->a, p->uid)), "");
    if (!attach_not_stopped(p, &e)) return add_error(r, "state", &e);
    add(r, RJ_FINE, "state", "running", "");
    struct stat st;
    if (p->other_mount && stat(p->root, &st) < 0) {
        add(r, RJ_FAILURE, "container", "runs in another container whose files cannot be seen from here",
            "run rejit as root, or inside that container");
        return false;
    }
    const char *where = p->other_mount ? arena_printf(r->a, "another mount namespace, reached through %s", p->root)
                                       : "the same as ours";
    add(r, RJ_FINE, "container", where ? where : "", "");
    return true;
}

static bool check_port(report *r, const proc_info *p)
{
    err_t e = {0};
    clr_process_info info;
    const char *port = attach_port(r->a, p, &e);
    if (!port) return add_error(r, "diagnostics", &e);
    int fds[2] = {sock_connect(port, 1000, &e), -1};
    if (fds[0] >= 0) fds[1] = sock_connect(port, 1000, NULL);
    bool ok = fds[0] >= 0 && clr_ipc_process_info(fds, r->a, &info, 2000, NULL, &e);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) close(fds[i]);
    if (!ok) return add_error(r, "diagnostics", &e);
    add(r, RJ_FINE, "diagnostics", port, "");
    const char *runtime = arena_printf(r->a, ".NET %s, %s, entry assembly %s", info.version,
                                       *info.rid ? info.rid : info.arch, info.entry);
    bool known = strtol(info.version, NULL, 10) >= 8 && strtol(info.version, NULL, 10) <= 10;
    add(r, known ? RJ_FINE : RJ_WARNING, "runtime", runtime ? runtime : "",
        known ? "" : "rejit is tested with .NET 8, 9 and 10 only; watch a method that does not matter first");
    bool arch = strcmp(info.arch, "x64") == 0;
    if (!arch) add(r, RJ_FAILURE, "architecture", info.arch, "rejit knows x64 only");
    return arch;
}

/* All of them can be instrumented; which it is explains what `find` says of its code. */
static void tell_form(report *r, const proc_info *p)
{
    static const char *const forms[] = {
        [PROC_HIDDEN] = "cannot be told",
        [PROC_OTHER] = "cannot be told",
        [PROC_SHARED] = "runs on an installed framework",
        [PROC_SELF_CONTAINED] = "self-contained",
        [PROC_ONE_FILE] = "one file: the runtime and all assemblies are in the program",
    };
    const char *composite = NULL;
    const char *text = forms[proc_runtime_form(r->a, p->pid, &composite)];
    if (composite) text = arena_printf(r->a, "%s, with the composite ReadyToRun image %s", text, composite);
    add(r, RJ_FINE, "published", text ? text : "", "");
}

static void check_profiler(report *r, const proc_info *p, bool agent_in)
{
    const char *enabled = proc_env(p, "CORECLR_ENABLE_PROFILING"), *path = proc_env(p, "CORECLR_PROFILER_PATH");
    if (agent_in) {
        add(r, RJ_FINE, "profiler", "the agent of rejit is in the process", "");
    } else if (enabled && strcmp(enabled, "1") == 0) {
        add(r, RJ_FAILURE, "profiler", path ? path : "the process was started with a profiler",
            "start the process without that profiler");
    } else {
        add(r, RJ_FINE, "profiler", "none was loaded at start-up", "");
    }
}

static void check_agent_file(report *r, const proc_info *p, const rj_options *o)
{
    err_t e = {0};
    const char *file = agentfile_find(r->a, o->agent_path, &e);
    if (!file) {
        add_error(r, "agent file", &e);
        return;
    }
    add(r, RJ_FINE, "agent file", file, "");
    const char *dir = arena_printf(r->a, "%s%s", p->root, p->tmp);
    if (dir && access(dir, W_OK) == 0)
        add(r, RJ_FINE, "temporary directory", dir, "");
    else
        add(r, RJ_FAILURE, "temporary directory", arena_printf(r->a, "%s cannot be written", dir ? dir : ""),
            "make it writable for the user of the process, or start the process with another TMPDIR");
}

/* What the runtime has enabled by this variable: see eng_hot_reload_asked_for. */
static void check_hot_reload(report *r, const proc_info *p)
{
    const char *modifiable = proc_env(p, "DOTNET_MODIFIABLE_ASSEMBLIES");
    if (modifiable && strcasecmp(modifiable, "debug") == 0)
        add(r, RJ_WARNING, "hot reload", "Edit and Continue is on (DOTNET_MODIFIABLE_ASSEMBLIES=debug)",
            "the runtime refuses ReJIT in Debug builds while it is on: start the process without "
            "DOTNET_MODIFIABLE_ASSEMBLIES");
    else
        add(r, RJ_FINE, "hot reload", "Edit and Continue is off", "");
}

/* The runtime has its debugger pipes open only while a debugger is there. */
static bool has_debugger(const proc_info *p)
{
    char folder[64], link[344], target[512];
    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)p->pid);
    DIR *fds = opendir(folder);
    bool found = false;
    for (struct dirent *d; fds && !found && (d = readdir(fds));) {
        snprintf(link, sizeof link, "%s/%s", folder, d->d_name);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n <= 0) continue;
        target[n] = 0;
        found = strstr(target, "/clr-debug-pipe-") && !strstr(target, " (deleted)"); /* of one that has gone */
    }
    if (fds) closedir(fds);
    return found;
}

static void check_debugger(report *r, const proc_info *p)
{
    add(r, RJ_FINE, "debugger",
        has_debugger(p)
            ? "a managed debugger is attached; it works beside probes, and while it holds the process, rejit "
              "waits"
            : "no managed debugger is attached",
        "");
}

static rj_check read_fact(arena *a, wire_reader r)
{
    rj_check c = {"", "", "", RJ_FINE};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_NAME) c.name = result_text(a, &f);
        if (f.tag == WIRE_T_TEXT) c.text = result_text(a, &f);
        if (f.tag == WIRE_T_REASON) c.remedy = result_text(a, &f);
        if (f.tag == WIRE_T_CODE) c.health = (rj_health)RJ_MIN(wire_get_u32(&f), 2u);
    }
    return c;
}

static void ask_agent(report *r, rj_session *s)
{
    buf_t b = {0};
    wire_reader reply;
    err_t e = {0};
    session_begin(s, &b, WIRE_DOCTOR);
    if (!session_ask(s, &b, WIRE_FACTS, &reply, &e)) {
        add_error(r, "agent", &e);
        return;
    }
    for (wire_field f; wire_next(&reply, &f);)
        if (f.tag == WIRE_T_FACT && r->count < CHECKS_MOST) r->items[r->count++] = read_fact(r->a, wire_group(&f));
}

bool rj_doctor(int32_t pid, const rj_options *options, rj_checks *out, rj_error *e)
{
    static const rj_options none;
    const rj_options *o = options ? options : &none;
    report r = {.a = result_arena()};
    r.items = r.a ? arena_array(r.a, CHECKS_MOST, sizeof *r.items) : NULL;
    if (!r.items) {
        rj_free(r.a);
        return err_set(ERR(e), ERR_MEMORY, -1, "out of memory");
    }
    proc_info p;
    if (check_process(&r, pid, &p)) {
        rj_session *s = rj_connect(pid, o, NULL);
        /* With the agent in, the port is not needed any more, but it is worth knowing. */
        if (check_port(&r, &p)) tell_form(&r, &p);
        check_profiler(&r, &p, s != NULL);
        check_agent_file(&r, &p, o);
        check_hot_reload(&r, &p);
        check_debugger(&r, &p);
        if (s) ask_agent(&r, s);
        rj_close(s);
    }
    *out = (rj_checks){.items = r.items, .count = r.count, .memory = r.a};
    return true;
}
