/* Everything that the command writes goes through here. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PATIENCE_MS 1000u

static bool in_progress;

/* Room for PIPE_BUF bytes, so that no write blocks. After a signal a reader that does not read is not waited for long.
 */
static bool has_room(int fd)
{
    uint64_t since = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int n = poll(&p, 1, 100);
        if (n > 0) return true;
        if (n < 0 && errno != EINTR) return false;
        if (!interrupt_signal()) continue;
        if (!since) since = clock_ms();
        if (clock_ms() - since > PATIENCE_MS) return false;
    }
}

bool console_write(int fd, buf_t *b)
{
    size_t at = 0;
    bool ok = !b->failed;
    while (ok && at < b->n) {
        ok = has_room(fd);
        ssize_t n = ok ? write(fd, b->p + at, RJ_MIN(b->n - at, (size_t)PIPE_BUF)) : 0;
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            ok = false;
    }
    b->n = 0;
    return ok;
}

bool console_colour(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (no && *no) return false;
    return isatty(fd) && (!term || strcmp(term, "dumb") != 0);
}

bool console_size(int fd, unsigned *columns, unsigned *rows)
{
    struct winsize w;
    if (!isatty(fd)) return false;
    bool known = ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 && w.ws_row > 0;
    *columns = known ? w.ws_col : 80;
    *rows = known ? w.ws_row : 24;
    return true;
}

void console_progress(const char *text)
{
    if (!isatty(STDERR_FILENO)) return;
    buf_t b = {0};
    if (in_progress) buf_str(&b, "\r\033[K");
    if (text) {
        out_safe_text(&b, text);
        buf_str(&b, " ...");
    }
    in_progress = text != NULL;
    console_write(STDERR_FILENO, &b);
    buf_free(&b);
}

void console_say(const char *fmt, ...)
{
    char text[2048];
    buf_t b = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    console_progress(NULL);
    buf_str(&b, "rejit: ");
    out_safe_text(&b, text);
    buf_u8(&b, '\n');
    console_write(STDERR_FILENO, &b);
    buf_free(&b);
}

bool console_has_input(void)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

bool console_ask(const char *question)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) return false;
    char answer[64];
    buf_t b = {0};
    console_progress(NULL);
    buf_printf(&b, "%s [y/N] ", question);
    console_write(STDERR_FILENO, &b);
    buf_free(&b);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int console_error(const rj_error *e)
{
    console_say("%s", *e->text ? e->text : "failed without a reason");
    switch (e->code) {
    case RJ_OK: return EXIT_DONE;
    case RJ_USAGE:
    case RJ_LIMIT: return EXIT_USAGE;
    case RJ_NO_MATCH: return EXIT_NO_MATCH;
    case RJ_REFUSED: return EXIT_REFUSED;
    case RJ_GONE: return EXIT_GONE;
    case RJ_UNREACHABLE:
    case RJ_FORMAT:
    case RJ_MEMORY:
    case RJ_SYSTEM:
    case RJ_RUNTIME:
    default: return EXIT_UNREACHABLE;
    }
}
