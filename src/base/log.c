#include "base/base.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic int log_fd = 2;
static _Atomic int log_limit = LOG_WARN;

void log_to(int fd, log_level level)
{
    log_fd = fd;
    log_limit = (int)level;
}

bool log_wants(log_level level)
{
    return (int)level <= log_limit && log_fd >= 0;
}

__attribute__((format(printf, 4, 0))) static void put_line(int fd, log_level level, const char *domain, const char *fmt,
                                                           va_list ap)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);
    char line[1024];
    int n = snprintf(line, sizeof line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ rejit %s %s: ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, names[level],
                     domain);
    int more = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    size_t len = RJ_MIN((size_t)(n + RJ_MAX(more, 0)), sizeof line - 2);
    line[len++] = '\n';
    ssize_t wrote = write(fd, line, len);
    (void)wrote; /* there is nowhere left to say that the log is full */
}

void log_line(log_level level, const char *domain, const char *fmt, ...)
{
    if (!log_wants(level)) return;
    va_list ap;
    va_start(ap, fmt);
    put_line(log_fd, level, domain, fmt, ap);
    va_end(ap);
}

void log_line_to(int fd, log_level level, const char *domain, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_line(fd, level, domain, fmt, ap);
    va_end(ap);
}
