/* From a pid to a session: what must hold before anything is asked of the target, putting the agent in, saying hello.
 */
#include "client/attach.h"
#include "client/agentfile.h"
#include "client/client-priv.h"
#include "client/sock.h"
#include "clr/hresult.h"
#include "clr/ipc.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TIMEOUT_MS 10000u

bool attach_may_reach(arena *a, const proc_info *p, err_t *e)
{
    if (p->state == 'Z')
        return err_set(e, ERR_UNREACHABLE, -1, "process %d has ended (its parent has not taken note of it yet)",
                       p->pid);
    if (geteuid() != 0 && p->uid != geteuid())
        return err_set(e, ERR_UNREACHABLE, -1, "process %d belongs to user %s: run rejit as that user, or as root",
                       p->pid, proc_user_name(a, p->uid));
    return true;
}

bool attach_not_stopped(const proc_info *p, err_t *e)
{
    if (p->state == 'T')
        return err_set(e, ERR_UNREACHABLE, -1, "process %d is stopped: let it go on (kill -CONT %d) and try again",
                       p->pid, p->pid);
    if (p->state == 't')
        return err_set(e, ERR_UNREACHABLE, -1, "process %d is held by a debugger or tracer: detach that and try again",
                       p->pid);
    return true;
}

static bool is_off(const char *v)
{
    return v && (strcmp(v, "0") == 0 || strcmp(v, "0x0") == 0);
}

const char *attach_disabled_by(const proc_info *p)
{
    static const char *const names[] = {"DOTNET_EnableDiagnostics", "COMPlus_EnableDiagnostics",
                                        "DOTNET_EnableDiagnostics_IPC", "COMPlus_EnableDiagnostics_IPC"};
    for (size_t i = 0; i < RJ_COUNT(names); i++)
        if (is_off(proc_env(p, names[i]))) return names[i];
    return NULL;
}

/* Why a process has no diagnostics socket. */
static bool no_port(arena *a, const proc_info *p, err_t *e)
{
    const char *by = attach_disabled_by(p);
    if (proc_runtime_form(a, p->pid, NULL) == PROC_OTHER && !by)
        return err_set(e, ERR_UNREACHABLE, -1,
                       "process %d (%.80s) is not a .NET process: `rejit ps` lists those that are", p->pid,
                       proc_command(a, p->pid));
    if (by)
        return err_set(e, ERR_UNREACHABLE, -1,
                       "diagnostics are disabled in process %d by %s=0: start it without that, or with `rejit run`",
                       p->pid, by);
    if (p->other_mount)
        return err_set(e, ERR_UNREACHABLE, -1,
                       "process %d runs in another container and shows no diagnostics socket in its %s: run rejit as "
                       "root, or inside "
                       "that container",
                       p->pid, p->tmp);
    return err_set(e, ERR_UNREACHABLE, -1,
                   "process %d has no diagnostics socket in %s: diagnostics are disabled (DOTNET_EnableDiagnostics=0, "
                   "runtimeconfig.json), or its files were removed; `rejit run` needs none",
                   p->pid, p->tmp);
}

/* Files of another mount namespace can only be seen with the rights of ptrace. */
static bool container_is_open(const proc_info *p, err_t *e)
{
    struct stat st;
    if (!p->other_mount || stat(p->root, &st) == 0) return true;
    return err_set(e, ERR_UNREACHABLE, -1,
                   "process %d runs in another container whose files cannot be seen from here: run rejit as root, or "
                   "inside that container",
                   p->pid);
}

/* The socket appears some milliseconds after the runtime's library: wait a little for a process that has just begun. */
static const char *await_port(arena *a, const proc_info *p, int64_t deadline)
{
    for (;;) {
        const char *path = proc_diagnostics_socket(a, p);
        if (path || sock_now_ms() >= deadline || !proc_state(p->pid)) return path;
        poll(NULL, 0, 10);
    }
}

static uint64_t age_ms(const proc_info *p)
{
    const uint64_t ns = clock_ns(CLOCK_REALTIME);
    return ns > p->started ? (ns - p->started) / 1000000u : 0;
}

const char *attach_port(arena *a, const proc_info *p, err_t *e)
{
    bool young = age_ms(p) < 2000 && !attach_disabled_by(p);
    const char *path = await_port(a, p, sock_now_ms() + (young ? 1000 : 0));
    if (!path) no_port(a, p, e);
    return path;
}

/* An attach that the runtime refused, with what to do. */
static bool explain(const proc_info *p, const char *agent, int32_t hr, err_t *e)
{
    const char *other = proc_env(p, "CORECLR_PROFILER_PATH");
    if (hr == CLR_PROFILER_ALREADY_ACTIVE)
        return err_set(e, ERR_UNREACHABLE, -1,
                       "another profiler is in process %d already%s%s (8013136a): start the process without it; if it "
                       "is an agent of "
                       "rejit, its socket in %s was removed",
                       p->pid, other ? ": " : "", other ? other : "", p->tmp);
    if (e) err_prefix(e, "the runtime of process %d did not load the agent %s: ", p->pid, agent);
    if (e) e->code = ERR_UNREACHABLE;
    return false;
}

/* The port opens before the runtime can load a profiler: a process that has just begun is asked again. */
static bool ask_runtime(const proc_info *p, const char *port, const char *agent, int timeout_ms, int32_t *hr, err_t *e)
{
    int64_t deadline = sock_now_ms() + timeout_ms;
    for (;;) {
        int fd = sock_connect(port, timeout_ms, e);
        if (fd < 0) {
            if (e && e->at == EACCES) err_prefix(e, "run rejit as the user of the process, or as root: ");
            return false;
        }
        *hr = 0;
        bool ok = clr_ipc_attach(fd, &clr_profiler_clsid, agent, NULL, 0, timeout_ms, hr, e);
        close(fd);
        if (ok || *hr != CLR_NOT_YET || sock_now_ms() >= deadline || !proc_state(p->pid)) return ok;
        poll(NULL, 0, 5);
    }
}

static bool put_agent(arena *a, const proc_info *p, const rj_options *o, int timeout_ms, int32_t *hr, err_t *e)
{
    const char *file = agentfile_find(a, o->agent_path, e);
    if (!file) return false;
    const char *port = attach_port(a, p, e);
    if (!port) return false;
    const char *inside = agentfile_for(a, file, p, e);
    if (!inside) return false;
    if (o->progress) o->progress(o->owner, "putting the agent in");
    if (ask_runtime(p, port, inside, timeout_ms, hr, e)) return true;
    if (*hr < 0) return explain(p, inside, *hr, e);
    proc_info now = *p;
    now.state = proc_state(p->pid);
    if (!now.state) return err_set(e, ERR_GONE, -1, "process %d ended while the agent was put in", p->pid);
    return attach_not_stopped(&now, e) && false;
}

/* ---- sessions ---- */

static void hello_fields(rj_session *s, const rj_options *o, buf_t *b)
{
    session_begin(s, b, WIRE_HELLO);
    wire_u32(b, WIRE_T_VERSION, WIRE_VERSION);
    wire_u32(b, WIRE_T_PID, (uint32_t)getpid());
    wire_text(b, WIRE_T_NAME, o->name ? o->name : "librejit");
    wire_text(b, WIRE_T_USER, proc_user_name(&s->own, getuid()));
}

static const char *keep(rj_session *s, const wire_field *f)
{
    const char *t = wire_get_text(&s->own, f);
    return t ? t : "";
}

static bool hello(rj_session *s, const rj_options *o, err_t *e)
{
    buf_t b = {0};
    wire_reader r;
    hello_fields(s, o, &b);
    if (!session_ask(s, &b, WIRE_WELCOME, &r, e)) return false;
    s->state = (rj_state){.pid = s->pid, .agent = "", .runtime = "", .text = "", .protocol = 1};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_VERSION: s->state.protocol = RJ_MIN(wire_get_u32(&f), WIRE_VERSION); break;
        case WIRE_T_AGENT: s->state.agent = keep(s, &f); break;
        case WIRE_T_RUNTIME: s->state.runtime = keep(s, &f); break;
        case WIRE_T_TEXT: s->state.text = keep(s, &f); break;
        case WIRE_T_ATTACHED: s->state.attached = wire_get_u32(&f) != 0; break;
        default: break;
        }
    }
    if (r.bad || !s->state.protocol)
        return err_set(e, ERR_FORMAT, -1, "what answers on the agent's socket is no agent of rejit");
    return true;
}

/* Something listens where the agent would. */
static void blame_socket(const char *path, err_t *e)
{
    if (e && e->code == ERR_FORMAT)
        err_set(e, ERR_FORMAT, -1,
                "what answers on %s is no agent of rejit: end what listens there, remove the file and "
                "try again",
                path);
}

static rj_session *session_over(int fd, int32_t pid, const char *path, const rj_options *o, err_t *e)
{
    rj_session *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        err_set(e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    s->fd = fd;
    s->pid = pid;
    s->memory_fd = s->memory.fd = -1;
    s->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    s->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
    s->progress = o->progress;
    s->progress_owner = o->owner;
    if (hello(s, o, e)) return s;
    blame_socket(path, e);
    rj_close(s);
    return NULL;
}

/* Keeps trying until `deadline`, as long as the process lives. */
static int connect_agent(const proc_info *p, const char *path, int64_t deadline, err_t *e)
{
    for (;;) {
        int64_t left = deadline - sock_now_ms();
        int fd = sock_connect(path, left > 0 ? (int)left : 0, e);
        if (fd >= 0 || left <= 0) return fd;
        char state = proc_state(p->pid);
        if (!state || state == 'Z') {
            err_set(e, ERR_GONE, -1, "process %d has ended", p->pid);
            return -1;
        }
        poll(NULL, 0, 1);
    }
}

static rj_session *connect_in(arena *a, int32_t pid, const rj_options *o, err_t *e)
{
    proc_info p;
    if (!proc_read(a, pid, &p, e) || !attach_may_reach(a, &p, e) || !container_is_open(&p, e)) return NULL;
    err_t why = {0};
    const char *path = proc_agent_socket(a, &p);
    int fd = connect_agent(&p, path, sock_now_ms() + o->wait_ms, &why);
    if (fd >= 0) return session_over(fd, pid, path, o, e);
    if (why.code == ERR_GONE) {
        if (e) *e = why;
    } else if (why.at == EACCES) {
        err_set(e, ERR_UNREACHABLE, -1, "%s: run rejit as the user of the process, or as root", why.text);
    } else {
        err_set(e, ERR_UNREACHABLE, -1, "there is no agent in process %d: `rejit attach %d` puts one in", pid, pid);
    }
    return NULL;
}

/* How long the socket may take when a profiler is in already: it may be the agent that another command puts in. */
#define OTHER_MS 1000

static int put_and_connect(arena *a, const proc_info *p, const rj_options *o, const char *path, bool *fresh, err_t *e)
{
    int timeout = (int)(o->timeout_ms ? o->timeout_ms : TIMEOUT_MS);
    int32_t hr = 0;
    err_t why = {0};
    int fd = -1;
    *fresh = put_agent(a, p, o, timeout, &hr, &why);
    if (*fresh) {
        fd = connect_agent(p, path, sock_now_ms() + timeout, &why);
        if (fd < 0) err_prefix(&why, "the agent was put in, but does not listen: ");
    } else if (hr == CLR_PROFILER_ALREADY_ACTIVE) {
        fd = connect_agent(p, path, sock_now_ms() + OTHER_MS, NULL);
    }
    if (fd < 0 && e) *e = why;
    return fd;
}

static rj_session *attach_in(arena *a, int32_t pid, const rj_options *o, err_t *e)
{
    proc_info p;
    bool fresh = false;
    if (!proc_read(a, pid, &p, e) || !attach_may_reach(a, &p, e) || !container_is_open(&p, e)) return NULL;
    if (!attach_not_stopped(&p, e)) return NULL;
    const char *path = proc_agent_socket(a, &p);
    int fd = sock_connect(path, 0, NULL);
    if (fd < 0) fd = put_and_connect(a, &p, o, path, &fresh, e);
    if (fd < 0) return NULL;
    rj_session *s = session_over(fd, pid, path, o, e);
    if (s) s->state.fresh = fresh;
    return s;
}

static const rj_options no_options;

rj_session *rj_attach(int32_t pid, const rj_options *options, rj_error *e)
{
    arena a = {0};
    rj_session *s = attach_in(&a, pid, options ? options : &no_options, ERR(e));
    arena_free(&a);
    return s;
}

rj_session *rj_connect(int32_t pid, const rj_options *options, rj_error *e)
{
    arena a = {0};
    rj_session *s = connect_in(&a, pid, options ? options : &no_options, ERR(e));
    arena_free(&a);
    return s;
}

const rj_state *rj_session_state(const rj_session *s)
{
    return &s->state;
}

int rj_fd(const rj_session *s)
{
    return s->fd;
}

void rj_close(rj_session *s)
{
    if (!s) return;
    close(s->fd);
    if (s->pidfd >= 0) close(s->pidfd);
    if (s->memory_fd >= 0) close(s->memory_fd);
    record_free(s);
    memory_close(&s->memory);
    for (size_t i = 0; i < s->marks.n; i++)
        free(s->marks.v[i].event);
    VEC_FREE(&s->marks);
    VEC_FREE(&s->order);
    VEC_FREE(&s->refused);
    map_free(&s->probes);
    map_free(&s->frames);
    lines_free(s);
    types_free(&s->types);
    buf_free(&s->in);
    buf_free(&s->reply);
    buf_free(&s->news);
    arena_free(&s->scratch);
    arena_free(&s->own);
    free(s);
}
