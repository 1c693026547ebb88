/* Programs of tests/apps as child processes. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t live_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void become(const app_options *o, int in, int out)
{
    char dotnet[4096], dll[4096];
    const char *argv[64] = {dotnet, dll};
    size_t n = o->shape ? 1 : 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (o->shape)
        snprintf(dotnet, sizeof dotnet, REJIT_SOURCE_DIR "/build/apps/published/%s/%s", o->shape, o->program);
    else
        snprintf(dotnet, sizeof dotnet, REJIT_SOURCE_DIR "/build/runtimes/%s/dotnet", live_runtime);
    snprintf(dll, sizeof dll, REJIT_SOURCE_DIR "/build/apps/%s/%s.dll", o->program, o->program);
    if (o->shape) argv[1] = NULL;
    for (size_t i = 0; o->args && o->args[i] && n < 63; i++)
        argv[n++] = o->args[i];
    for (size_t i = 0; o->variables && o->variables[i]; i++)
        putenv(strdup(o->variables[i]));
    dup2(in, 0);
    dup2(out, 1);
    int nowhere = o->quiet ? open("/dev/null", O_WRONLY) : -1;
    if (nowhere >= 0) dup2(nowhere, 2);
    execve(dotnet, (char *const *)(uintptr_t)argv, o->environment ? o->environment : environ);
    _exit(127);
}

void app_start(app *a, const app_options *o)
{
    int to[2], from[2];
    *a = (app){.in = -1, .out = -1};
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    fflush(NULL);
    a->pid = fork();
    assert_true(a->pid >= 0);
    if (!a->pid) become(o, to[0], from[1]);
    signal(SIGPIPE, SIG_IGN); /* a program that has gone is told of, with its exit code */
    close(to[0]);
    close(from[1]);
    a->in = to[1];
    a->out = from[0];
    if (!o->early) app_ready(a);
}

void app_ready(app *a)
{
    int pid = 0;
    const char *line = app_line(a);
    if (!line || sscanf(line, "ready %d %31s", &pid, a->version) != 2 || pid != a->pid)
        fail_msg("the program did not start: %s", line ? line : "(no output)");
}

void app_target(app *a)
{
    app_start(a, &(app_options){.program = "Target"});
}

/*
 * The runtime compiles what is hot for the last tier once nothing new has been called for 100 ms, and takes up to
 * 2 MB for it. Where a test goes on without a pause that may come at any time, so it is told not to wait.
 */
void app_target_measured(app *a)
{
    app_start(
        a, &(app_options){.program = "Target", .variables = (const char *[]){"DOTNET_TC_CallCountingDelayMs=0", NULL}});
}

__attribute__((format(printf, 2, 0))) static void send_line(app *a, const char *fmt, va_list ap)
{
    char line[8192];
    int n = vsnprintf(line, sizeof line - 1, fmt, ap);
    assert_true(n > 0 && (size_t)n < sizeof line - 1);
    line[n++] = '\n';
    if (write(a->in, line, (size_t)n) != n)
        fail_msg("the program no longer reads (exit code %d): %s", app_wait(a), line);
}

void app_send(app *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_line(a, fmt, ap);
    va_end(ap);
}

/* Drops the line that was handed out. */
static void forget_line(app *a)
{
    memmove(a->text, a->text + a->taken, a->n - a->taken);
    a->n -= a->taken;
    a->taken = 0;
}

/* Reads what is there; false at the end. */
static bool read_more(app *a)
{
    if (a->cap - a->n < 65536) {
        a->cap = a->cap * 2 + 131072;
        a->text = realloc(a->text, a->cap);
        assert_non_null(a->text);
    }
    ssize_t got = read(a->out, a->text + a->n, a->cap - a->n - 1);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    a->n += (size_t)got;
    return true;
}

bool app_has_line(app *a, int timeout_ms)
{
    uint64_t until = live_now_ms() + (uint64_t)timeout_ms;
    if (a->taken) forget_line(a);
    for (;;) {
        if (a->n && memchr(a->text, '\n', a->n)) return true;
        uint64_t now = live_now_ms();
        struct pollfd p = {.fd = a->out, .events = POLLIN};
        if (poll(&p, 1, now < until ? (int)(until - now) : 0) <= 0) {
            if (live_now_ms() >= until) return false;
            continue;
        }
        if (!read_more(a)) return true;
    }
}

const char *app_line(app *a)
{
    if (!app_has_line(a, APP_WAIT_MS))
        fail_msg("process %d has not answered for %d s", (int)a->pid, APP_WAIT_MS / 1000);
    char *end = a->n ? memchr(a->text, '\n', a->n) : NULL;
    if (!end) return NULL;
    *end = 0;
    a->taken = (size_t)(end - a->text) + 1;
    return a->text;
}

static const char *must_answer(app *a, const char *fmt)
{
    const char *line = app_line(a);
    if (!line) fail_msg("the program ended (exit code %d) while it was asked: %s", app_wait(a), fmt);
    return line;
}

const char *app_ask(app *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_line(a, fmt, ap);
    va_end(ap);
    return must_answer(a, fmt);
}

const char *app_ok(app *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_line(a, fmt, ap);
    va_end(ap);
    const char *line = must_answer(a, fmt);
    if (strncmp(line, "ok", 2) != 0) fail_msg("%s: %s", fmt, line);
    return line;
}

uint64_t app_number(const char *line, const char *key)
{
    for (const char *at = line; (at = strstr(at, key)); at++) {
        char before = at == line ? ' ' : at[-1];
        const char *p = at + strlen(key);
        if (before != ' ' && before != '"' && before != '{' && before != ',') continue;
        while (*p == '"' || *p == ':' || *p == '=' || *p == ' ')
            p++;
        if (*p >= '0' && *p <= '9') return strtoull(p, NULL, 10);
    }
    fail_msg("no number '%s' in: %s", key, line);
    return 0;
}

uint64_t app_counted(app *a, const char *method)
{
    char key[256];
    snprintf(key, sizeof key, "\"%s\":", method);
    const char *line = app_ok(a, "counts"), *at = strstr(line, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

bool app_runs(const app *a)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)a->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

int app_wait(app *a)
{
    int status = 0;
    uint64_t until = live_now_ms() + APP_WAIT_MS;
    while (waitpid(a->pid, &status, WNOHANG) == 0) {
        if (live_now_ms() > until) fail_msg("process %d does not end", (int)a->pid);
        struct pollfd p = {.fd = a->out, .events = POLLIN};
        if (poll(&p, 1, 20) > 0 && !read_more(a)) usleep(1000); /* what it still says must not block it */
    }
    if (a->in >= 0) close(a->in);
    close(a->out);
    free(a->text);
    *a = (app){.in = -1, .out = -1};
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int app_end(app *a)
{
    close(a->in);
    a->in = -1;
    return app_wait(a);
}

void app_kill(app *a)
{
    kill(a->pid, SIGKILL);
    app_wait(a);
}

static uint64_t status_number(const app *a, const char *key)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)a->pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    uint64_t v = 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) v = strtoull(line + strlen(key) + 1, NULL, 10);
    fclose(f);
    return v;
}

uint64_t app_memory(const app *a)
{
    return (status_number(a, "RssAnon") + status_number(a, "RssShmem")) * 1024;
}

unsigned app_threads(const app *a)
{
    return (unsigned)status_number(a, "Threads");
}
