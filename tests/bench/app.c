/* Starting programs and talking to them. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS 60000

void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("rejit_bench: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(1);
}

/* The first or the last of the CPUs that this process may use; with one CPU everything shares it. */
void pin(int cpu)
{
    static cpu_set_t all;
    if (!CPU_COUNT(&all) && sched_getaffinity(0, sizeof all, &all)) die("reading the CPUs: %s", strerror(errno));
    if (cpu == ANY_CPU) return;
    int chosen = -1;
    for (int i = 0; i < CPU_SETSIZE && (chosen < 0 || cpu == LAST_CPU); i++)
        if (CPU_ISSET(i, &all)) chosen = i;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(chosen, &one);
    if (sched_setaffinity(0, sizeof one, &one)) die("choosing CPU %d: %s", chosen, strerror(errno));
}

static _Noreturn void become(char *const *arguments, char *const *environment, int cpu, int in, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(cpu);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execvpe(arguments[0], arguments, environment ? environment : environ);
    die("starting %s: %s", arguments[0], strerror(errno));
}

app app_start(char *const *arguments, char *const *environment, int cpu, bool quiet)
{
    int in[2], out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC)) die("making a pipe: %s", strerror(errno));
    if (quiet ? (out[1] = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0 : pipe2(out, O_CLOEXEC) != 0)
        die("making a pipe: %s", strerror(errno));
    pin(ANY_CPU); /* remembers all CPUs before any is chosen */
    pid_t pid = fork();
    if (pid < 0) die("starting %s: %s", arguments[0], strerror(errno));
    if (pid == 0) become(arguments, environment, cpu, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    return (app){.pid = pid, .to = in[1], .from = out[0]};
}

/* Reads what has come; false at the end of the output. */
static bool fill(app *a)
{
    struct pollfd p = {.fd = a->from, .events = POLLIN};
    int ready = poll(&p, 1, ANSWER_MS);
    if (ready == 0) die("process %d did not answer within %d s", (int)a->pid, ANSWER_MS / 1000);
    if (ready < 0) die("waiting for process %d: %s", (int)a->pid, strerror(errno));
    ssize_t n = read(a->from, a->buffer + a->have, sizeof a->buffer - a->have);
    if (n > 0) a->have += (size_t)n;
    return n > 0;
}

const char *app_line(app *a, char *line, size_t size)
{
    char *end;
    while (!(end = memchr(a->buffer, '\n', a->have))) {
        if (a->have == sizeof a->buffer) die("process %d writes too long a line", (int)a->pid);
        if (!fill(a)) die("process %d ended without an answer", (int)a->pid);
    }
    size_t n = (size_t)(end - a->buffer);
    snprintf(line, size, "%.*s", (int)n, a->buffer);
    a->have -= n + 1;
    memmove(a->buffer, end + 1, a->have);
    return line;
}

void app_send(app *a, const char *text)
{
    size_t n = strlen(text);
    if (write(a->to, text, n) != (ssize_t)n) die("writing to process %d: %s", (int)a->pid, strerror(errno));
}

const char *app_ask(app *a, char *line, size_t size, const char *expected, const char *format, ...)
{
    char command[512];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(command, sizeof command - 1, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= sizeof command - 1) die("a command is too long");
    command[n] = '\n';
    command[n + 1] = 0;
    app_send(a, command);
    app_line(a, line, size);
    if (strncmp(line, expected, strlen(expected)) != 0) die("'%.*s' was answered with '%s'", n, command, line);
    return line;
}

int app_end(app *a)
{
    int status;
    struct rusage used;
    close(a->to);
    while (a->from >= 0) {
        a->have = 0;
        if (!fill(a)) break;
    }
    if (wait4(a->pid, &status, 0, &used) < 0) die("waiting for process %d: %s", (int)a->pid, strerror(errno));
    if (a->from >= 0) close(a->from);
    a->cpu_ms = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

app app_driven(const bench_options *o, const char *name, int cpu)
{
    char file[4096], line[256];
    snprintf(file, sizeof file, "%s/%s/%s.dll", o->apps, name, name);
    char dotnet[] = "dotnet", *arguments[] = {dotnet, file, NULL};
    /* With one CPU the runtime waits ten times as long before it compiles hot code again: nobody would wait for it. */
    if (setenv("DOTNET_TC_DelaySingleProcMultiplier", "1", 1)) die("out of memory");
    app a = app_start(arguments, NULL, cpu, false);
    app_line(&a, line, sizeof line);
    if (strncmp(line, "ready ", 6) != 0) die("%s began with '%s'", name, line);
    return a;
}
