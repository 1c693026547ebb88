/* rejit run: a program with the agent in it from its first instruction. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECT_MS   10000u
#define CHILDREN_MS  20u
#define STREAMS_MOST 64u

typedef struct run {
    const options *o;
    pid_t program;
    int fd;
    stream *streams[STREAMS_MOST]; /* of the program, then of its children */
    int32_t pids[STREAMS_MOST];
    size_t count;
    uint64_t looked_ms;
    rj_totals gone; /* of streams that have ended */
    uint64_t calls;
} run;

static int exec_failed(const char *program, int why)
{
    console_say("%s cannot be started: %s", program, strerror(why));
    return why == ENOENT ? 127 : 126;
}

/* ---- the program ---- */

static pid_t spawn(const options *o, const rj_environment *env, int *why)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) {
        *why = errno;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        interrupt_default();
        execvpe(o->args[0], o->args, env->items);
        int failed = errno;
        ssize_t n = write(report[1], &failed, sizeof failed);
        _exit(n < 0 ? 126 : 127);
    }
    *why = pid < 0 ? errno : 0;
    close(report[1]);
    int failed;
    if (pid > 0 && read(report[0], &failed, sizeof failed) == (ssize_t)sizeof failed) {
        waitpid(pid, NULL, 0);
        *why = failed;
        pid = -1;
    }
    close(report[0]);
    return pid;
}

static int exit_code(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return EXIT_UNREACHABLE;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- watching ---- */

/* Connects to one process and starts to watch it. False: the reason has been said. */
static bool watch_process(run *r, int32_t pid, uint32_t wait_ms)
{
    rj_options how = {.name = "rejit run", .wait_ms = wait_ms};
    rj_error e = {0};
    rj_session *s = rj_connect(pid, &how, &e);
    stream *st = s ? malloc(sizeof *st) : NULL;
    if (!st) {
        rj_close(s);
        /* A program that has ended already is no news: its exit code says enough. */
        if (e.code != RJ_GONE)
            console_say("process %d runs without being watched: %s", pid, s ? "out of memory" : e.text);
        return false;
    }
    stream_init(st, r->o, s, RJ_WATCH);
    st->request.patterns = r->o->watched.v;
    st->request.pattern_count = r->o->watched.n;
    st->request.later = true;
    st->fd = r->fd;
    st->style = (out_style){.colour = !r->o->json && console_colour(r->fd), .pids = r->o->children};
    st->silent = pid != r->program;
    watch_request(st, r->o);
    if (r->o->count) st->limit = r->o->count > r->calls ? r->o->count - r->calls : 1;
    if (stream_start(st) >= 0) {
        rj_close(s);
        free(st);
        return false;
    }
    r->pids[r->count] = pid;
    r->streams[r->count++] = st;
    return true;
}

static void drop_stream(run *r, size_t i)
{
    stream *st = r->streams[i];
    rj_totals t = rj_session_totals(st->s);
    r->gone.calls += t.calls;
    r->gone.dropped += t.dropped;
    r->gone.in_flight += t.in_flight;
    r->gone.measure.open_ns += t.measure.open_ns;
    r->gone.measure.shut_ns += t.measure.shut_ns;
    r->gone.measure.last_reached |= t.measure.last_reached;
    rj_close(st->s);
    buf_free(&st->line);
    free(st);
    r->count--;
    r->streams[i] = r->streams[r->count];
    r->pids[i] = r->pids[r->count];
}

static void find_children(run *r, uint64_t now)
{
    int32_t pids[STREAMS_MOST];
    if (!r->o->children || now - r->looked_ms < CHILDREN_MS) return;
    r->looked_ms = now;
    size_t n = rj_agents(r->program, pids, STREAMS_MOST);
    for (size_t i = 0; i < n && i < STREAMS_MOST; i++) {
        bool known = false;
        for (size_t k = 0; k < r->count; k++)
            known |= r->pids[k] == pids[i];
        if (!known && r->count < STREAMS_MOST) watch_process(r, pids[i], 0);
    }
}

/* Until the program has ended, or what was asked for is complete. */
static const char *watch_all(run *r, uint64_t began)
{
    rj_error e = {0};
    while (r->count) {
        uint64_t now = clock_ms(), calls = r->gone.calls;
        find_children(r, now);
        for (size_t i = 0; i < r->count; i++) {
            stream *st = r->streams[i];
            if (st->broken) return "output closed";
            if (!stream_poll(st, r->o->children ? 5 : 50, &e)) {
                drop_stream(r, i--);
                continue;
            }
            calls += st->calls;
        }
        r->calls = calls;
        if (r->o->count && calls >= r->o->count) return "count";
        if (r->o->duration_ms && now - began >= r->o->duration_ms) return "duration";
    }
    return "target exited";
}

static void end_all(run *r, const char *reason, stream *speaker)
{
    while (r->count) {
        rj_error e;
        rj_stop(r->streams[0]->s, NULL, &e);
        drop_stream(r, 0);
    }
    stream_say_end(speaker, &r->gone, reason);
}

static bool open_output(run *r)
{
    r->fd = STDERR_FILENO;
    if (!r->o->output) return true;
    r->fd = open(r->o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (r->fd >= 0) return true;
    console_say("%s cannot be written: %s", r->o->output, strerror(errno));
    return false;
}

static int run_watched(const options *o, const rj_environment *env)
{
    run r = {.o = o};
    int why;
    if (!open_output(&r)) return EXIT_USAGE;
    r.program = spawn(o, env, &why);
    if (r.program < 0) return exec_failed(o->args[0], why);
    interrupt_forward(r.program);
    if (watch_process(&r, r.program, CONNECT_MS)) {
        stream speaker;
        stream_init(&speaker, o, NULL, RJ_WATCH);
        speaker.fd = r.fd;
        const char *reason = watch_all(&r, clock_ms());
        end_all(&r, reason, &speaker);
    }
    int code = exit_code(r.program);
    if (r.fd != STDERR_FILENO) close(r.fd);
    return code;
}

int verb_run(const options *o)
{
    rj_environment env;
    rj_error e = {0};
    int code = target_check(o, o->watched.v, o->watched.n);
    if (code >= 0) return code;
    if (!rj_launch_environment(environ, NULL, o->watched.n > 0, o->children, &env, &e)) return console_error(&e);
    if (o->watched.n) {
        code = run_watched(o, &env);
    } else {
        /* Nothing to watch: the program takes our place, with its exit code and its signals. */
        interrupt_default();
        execvpe(o->args[0], o->args, env.items);
        code = exec_failed(o->args[0], errno);
    }
    rj_free(env.memory);
    return code;
}
