/*
 * Commands of the prompt that run. One in the foreground has the terminal to itself; what the others print meanwhile is
 * kept, so that it comes neither into a full screen nor into a line that is being typed.
 */
#include "cli/repl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void child_ended(int number)
{
    (void)number;
}

static sigset_t waiting; /* the signals that are let in while something is waited for */

void repl_jobs_init(repl_jobs *j, rj_session *s, bool control)
{
    static const int awaited[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGCONT, SIGWINCH};
    sigset_t held;
    struct sigaction a = {.sa_handler = child_ended}, ignore = {.sa_handler = SIG_IGN};
    *j = (repl_jobs){.control = control, .s = s};
    /* They are let in while something is waited for: none comes unseen just before that. A script is read outside. */
    sigemptyset(&held);
    for (size_t i = 0; i < (control ? RJ_COUNT(awaited) : 1); i++)
        sigaddset(&held, awaited[i]);
    sigaction(SIGCHLD, &a, NULL);
    pthread_sigmask(SIG_BLOCK, &held, &waiting);
    if (control) sigaction(SIGTTOU, &ignore, NULL); /* the terminal is taken back from behind */
}

/* ---- beginning ---- */

/* In the child. output: -1: as we have it. */
static void become(const repl_jobs *j, char *const *argv, int output)
{
    struct sigaction plain = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    interrupt_default();
    sigaction(SIGTSTP, &ignore, NULL); /* a command that stands still would leave its probes on */
    if (j->control) setpgid(0, 0);
    if (j->control && output < 0) tcsetpgrp(STDIN_FILENO, getpid());
    sigaction(SIGTTOU, &plain, NULL);
    int nothing = output >= 0 || !j->control ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
    }
    sigprocmask(SIG_SETMASK, &waiting, NULL);
    execv("/proc/self/exe", argv);
    _exit(EXIT_UNREACHABLE);
}

static pid_t begin(const repl_jobs *j, char *const *argv, int output)
{
    pid_t pid = fork();
    if (pid == 0) become(j, argv, output);
    if (pid < 0) console_say("%s cannot be started: %s", argv[1], strerror(errno));
    if (pid > 0 && j->control) setpgid(pid, pid); /* here too: whichever comes first */
    return pid;
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool ended(pid_t pid, int *code)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) != pid) return false;
    *code = code_of(status);
    return true;
}

int repl_foreground(repl_jobs *j, char *const *argv)
{
    struct termios before;
    const bool known = j->control && tcgetattr(STDIN_FILENO, &before) == 0;
    int code = EXIT_UNREACHABLE;
    pid_t pid = begin(j, argv, -1);
    if (pid < 0) return code;
    while (!ended(pid, &code))
        if (!repl_jobs_wait(j, -1)) kill(pid, interrupt_signal());
    if (j->control) tcsetpgrp(STDIN_FILENO, getpgrp());
    if (known) tcsetattr(STDIN_FILENO, TCSADRAIN, &before); /* it may have died amid a full screen */
    return code;
}

static repl_job *free_job(repl_jobs *j, unsigned *number)
{
    repl_job *found = NULL;
    *number = 1;
    for (size_t i = 0; i < REPL_JOBS_MOST; i++) {
        *number = RJ_MAX(*number, j->all[i].number + 1);
        if (!j->all[i].number && !found) found = &j->all[i];
    }
    return found;
}

repl_job *repl_background(repl_jobs *j, char *const *argv, const char *text)
{
    unsigned number;
    int ends[2];
    repl_job *job = free_job(j, &number);
    if (!job || pipe2(ends, O_CLOEXEC) < 0) {
        console_say(job ? "no pipe can be made" : "%u jobs are running: end one with kill", REPL_JOBS_MOST);
        return NULL;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t pid = begin(j, argv, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return NULL;
    }
    *job = (repl_job){.number = number, .process = pid, .fd = ends[0], .text = strdup(text)};
    return job;
}

repl_job *repl_job_find(repl_jobs *j, const char *number)
{
    repl_job *found = NULL;
    const unsigned wanted = number ? (unsigned)strtoul(number + (*number == '%'), NULL, 10) : 0;
    for (size_t i = 0; i < REPL_JOBS_MOST; i++) {
        repl_job *job = &j->all[i];
        if (!job->number || (number && job->number != wanted)) continue;
        if (!found || job->number > found->number) found = job;
    }
    return found;
}

/* ---- what they print ---- */

/* Where the line that begins at `at` ends. */
static size_t line_end(const repl_job *job, size_t at)
{
    const uint8_t *end = memchr(job->lines.p + at, '\n', job->lines.n - at);
    return end ? (size_t)(end - job->lines.p) + 1 : job->lines.n;
}

/* What is dropped is moved over when it is most of it, not with each line of a storm. */
static void drop_first_line(repl_job *job)
{
    job->first = line_end(job, job->first);
    job->line_count--;
    job->left_out++;
    if (job->first < job->lines.n / 2) return;
    job->lines.n -= job->first;
    memmove(job->lines.p, job->lines.p + job->first, job->lines.n);
    job->first = 0;
}

static void take_bytes(repl_job *job, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_u8(&job->end, (uint8_t)p[i]);
        if (p[i] != '\n') continue;
        if (job->line_count == REPL_LINES_MOST) drop_first_line(job);
        buf_put(&job->lines, job->end.p, job->end.n);
        job->line_count++;
        job->end.n = 0;
    }
}

static void take_output(repl_job *job)
{
    char bytes[16384];
    while (job->fd >= 0) {
        ssize_t n = read(job->fd, bytes, sizeof bytes);
        if (n > 0) {
            take_bytes(job, bytes, (size_t)n);
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (job->end.n) take_bytes(job, "\n", 1);
        close(job->fd);
        job->fd = -1;
    }
}

bool repl_jobs_wait(repl_jobs *j, int fd)
{
    struct pollfd fds[REPL_JOBS_MOST + 2] = {{.fd = fd, .events = POLLIN},
                                             {.fd = j->gone ? -1 : rj_fd(j->s), .events = POLLIN}};
    for (size_t i = 0; i < REPL_JOBS_MOST; i++)
        fds[i + 2] = (struct pollfd){.fd = j->all[i].number ? j->all[i].fd : -1, .events = POLLIN};
    ppoll(fds, RJ_COUNT(fds), NULL, &waiting);
    if (fds[1].revents) j->gone = !rj_poll(j->s, 0, NULL, &j->why);
    for (size_t i = 0; i < REPL_JOBS_MOST; i++) {
        repl_job *job = &j->all[i];
        if (!job->number) continue;
        take_output(job);
        if (job->process && ended(job->process, &job->code)) job->process = 0;
    }
    return !interrupt_signal();
}

bool repl_jobs_have_news(const repl_jobs *j)
{
    bool any = false;
    for (size_t i = 0; i < REPL_JOBS_MOST; i++) {
        const repl_job *job = &j->all[i];
        any |= job->number && (job->line_count || (!job->process && job->fd < 0));
    }
    return any;
}

/* prefixed: with the job's number before each line. */
static void put_lines(buf_t *b, repl_job *job, bool prefixed)
{
    if (job->left_out) buf_printf(b, "[%u] ... %zu lines are left out\n", job->number, job->left_out);
    for (size_t at = job->first, end; at < job->lines.n; at = end) {
        end = line_end(job, at);
        if (prefixed) buf_printf(b, "[%u] ", job->number);
        buf_put(b, job->lines.p + at, end - at);
    }
    job->lines.n = job->first = job->line_count = job->left_out = 0;
}

static void forget(repl_job *job)
{
    buf_free(&job->lines);
    buf_free(&job->end);
    free(job->text);
    *job = (repl_job){.fd = -1};
}

void repl_jobs_show(repl_jobs *j)
{
    buf_t b = {0};
    for (size_t i = 0; i < REPL_JOBS_MOST; i++) {
        repl_job *job = &j->all[i];
        if (!job->number) continue;
        put_lines(&b, job, true);
        if (job->process || job->fd >= 0) continue;
        buf_printf(&b, "[%u] ended", job->number);
        if (job->code) buf_printf(&b, " with %d", job->code);
        buf_str(&b, ": ");
        out_safe_text(&b, job->text ? job->text : "");
        buf_u8(&b, '\n');
        forget(job);
    }
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
}

/* ---- ending ---- */

int repl_job_follow(repl_jobs *j, repl_job *job)
{
    buf_t b = {0};
    for (bool more = true; more;) {
        put_lines(&b, job, false);
        console_write(STDOUT_FILENO, &b);
        more = job->process || job->fd >= 0;
        if (!more || repl_jobs_wait(j, -1)) continue;
        if (job->process) kill(job->process, interrupt_signal());
        if (interrupt_signal() == SIGINT) interrupt_clear();
    }
    buf_free(&b);
    const int code = job->code;
    forget(job);
    return code;
}

void repl_jobs_end(repl_jobs *j)
{
    for (size_t i = 0; i < REPL_JOBS_MOST; i++)
        if (j->all[i].process) kill(j->all[i].process, SIGINT);
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < REPL_JOBS_MOST; i++)
            any |= j->all[i].number && (j->all[i].process || j->all[i].fd >= 0);
        if (any) repl_jobs_wait(j, -1);
    }
    repl_jobs_show(j);
}
