/* The line editor of the prompt, by libedit: no other file knows it. */
#include "cli/repl.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_MOST 1000
#define LISTED_MOST  200u

struct repl_edit {
    EditLine *line;
    History *history;
    repl_host host;
    const char *prompt;
    char *file; /* of the history; NULL: none */
    arena memory;
};

static char *prompt_of(EditLine *line)
{
    repl_edit *e = NULL;
    el_get(line, EL_CLIENTDATA, &e);
    return (char *)(uintptr_t)e->prompt;
}

/* ---- keys ---- */

static void wipe(void)
{
    fputs("\r\033[J", stdout);
    fflush(stdout);
}

/* What has come meanwhile is printed in the place of the line, which is drawn again below it. */
static void show_news(repl_edit *e)
{
    wipe();
    e->host.show(e->host.owner);
    el_set(e->line, EL_REFRESH);
}

static volatile sig_atomic_t continued, resized;

static void note(int number)
{
    if (number == SIGCONT)
        continued = 1;
    else
        resized = 1;
}

/* The shell has had the terminal, or it has another size: the line is drawn again. */
static void take_signals(repl_edit *e)
{
    if (!continued && !resized) return;
    for (int on = 0; continued && on < 2; on++)
        el_set(e->line, EL_PREP_TERM, on); /* libedit believes the terminal to be as it left it */
    if (resized) el_resize(e->line);
    continued = resized = 0;
    wipe();
    el_set(e->line, EL_REFRESH);
}

/* Until there is one. False: the line is to be given up. */
static bool wait_for_byte(repl_edit *e)
{
    for (;;) {
        take_signals(e);
        while (e->host.has_news(e->host.owner))
            show_news(e);
        if (console_has_input()) return true;
        if (!e->host.wait(e->host.owner)) return false;
    }
}

/* A character, from as many bytes as it has. */
static int get_character(EditLine *line, wchar_t *c)
{
    repl_edit *e = NULL;
    mbstate_t state = {0};
    el_get(line, EL_CLIENTDATA, &e);
    for (;;) {
        if (!wait_for_byte(e)) {
            errno = EINTR;
            return -1;
        }
        char byte;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) return (int)n;
        size_t got = mbrtowc(c, &byte, 1, &state);
        if (got == (size_t)-2) continue;
        if (got == (size_t)-1) *c = (unsigned char)byte;
        return 1;
    }
}

/* ---- completion ---- */

static size_t common(const repl_choice *c)
{
    size_t n = strlen(c->words.v[0]);
    for (size_t i = 1; i < c->words.n; i++) {
        size_t same = 0;
        while (same < n && c->words.v[i][same] == c->words.v[0][same])
            same++;
        n = same;
    }
    return n;
}

static void list(const repl_choice *c)
{
    unsigned columns = 80, rows, width = 0;
    const size_t shown = RJ_MIN(c->words.n, (size_t)LISTED_MOST);
    buf_t b = {0};
    console_size(STDOUT_FILENO, &columns, &rows);
    for (size_t i = 0; i < shown; i++)
        width = RJ_MAX(width, (unsigned)strlen(c->words.v[i]) + 2);
    const unsigned across = width && columns > width ? columns / width : 1;
    for (size_t i = 0; i < shown; i++) {
        if (i % across == 0) buf_u8(&b, '\n');
        out_safe_text(&b, c->words.v[i]);
        for (size_t n = strlen(c->words.v[i]); n < width && (i + 1) % across; n++)
            buf_u8(&b, ' ');
    }
    if (c->words.n > shown)
        buf_printf(&b, "\n... and %zu more", c->words.n - shown);
    else if (c->more)
        buf_str(&b, "\n... and more: type on");
    buf_u8(&b, '\n');
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
}

static unsigned char complete(EditLine *line, int key)
{
    repl_edit *e = NULL;
    const LineInfo *at = el_line(line);
    const size_t n = (size_t)(at->cursor - at->buffer);
    arena a = {0};
    repl_choice c;
    unsigned char answer = CC_ERROR;
    (void)key;
    el_get(line, EL_CLIENTDATA, &e);
    e->host.choose(e->host.owner, &a, at->buffer, n, &c);
    const size_t same = c.words.n ? common(&c) : 0;
    if (same > c.typed && !c.more) {
        const char *first = c.words.v[0];
        const bool whole = c.words.n == 1 && first[same - 1] != '.';
        const char *rest =
            arena_printf(&a, "%.*s%s", (int)(same - c.typed), first + c.typed, whole && !c.quoted ? " " : "");
        answer = rest && el_insertstr(line, rest) == 0 ? CC_REFRESH : CC_ERROR;
    } else if (c.words.n > 1 || c.more) {
        list(&c);
        answer = CC_REDISPLAY;
    } else if (c.words.n == 1 && !c.quoted && c.words.v[0][same - 1] != '.') {
        answer = el_insertstr(line, " ") == 0 ? CC_REFRESH : CC_ERROR;
    }
    VEC_FREE(&c.words);
    arena_free(&a);
    return answer;
}

/* ---- history ---- */

/* Makes the folders above the file that are missing. */
static void make_folders(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
}

static void open_history(repl_edit *e)
{
    HistEvent event;
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    e->history = history_init();
    if (!e->history) return;
    history(e->history, &event, H_SETSIZE, HISTORY_MOST);
    history(e->history, &event, H_SETUNIQUE, 1);
    el_set(e->line, EL_HIST, history, e->history);
    if (state && *state == '/')
        e->file = arena_printf(&e->memory, "%s/rejit/history", state);
    else if (home && *home == '/')
        e->file = arena_printf(&e->memory, "%s/.local/state/rejit/history", home);
    if (e->file) history(e->history, &event, H_LOAD, e->file);
}

/* Conditions may hold what is nobody else's business. */
static void save_history(repl_edit *e)
{
    HistEvent event;
    if (!e->file || !e->history) return;
    const mode_t before = umask(077);
    make_folders(e->file);
    history(e->history, &event, H_SAVE, e->file);
    umask(before);
}

/* ---- lines ---- */

repl_edit *repl_edit_open(const char *prompt, const repl_host *host)
{
    repl_edit *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    setlocale(LC_CTYPE, "");
    e->line = el_init("rejit", stdin, stdout, stderr);
    if (!e->line) {
        free(e);
        return NULL;
    }
    e->host = *host;
    e->prompt = prompt;
    el_set(e->line, EL_CLIENTDATA, e);
    el_set(e->line, EL_PROMPT, prompt_of);
    el_set(e->line, EL_EDITOR, "emacs");
    open_history(e);
    el_set(e->line, EL_ADDFN, "rejit-complete", "complete the word", complete);
    el_set(e->line, EL_BIND, "^I", "rejit-complete", NULL);
    el_set(e->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(e->line, NULL); /* ~/.editrc */
    el_set(e->line, EL_GETCFN, get_character);
    const struct sigaction a = {.sa_handler = note};
    sigaction(SIGCONT, &a, NULL);
    sigaction(SIGWINCH, &a, NULL);
    return e;
}

const char *repl_edit_line(repl_edit *e)
{
    HistEvent event;
    int n = 0;
    const char *text = el_gets(e->line, &n);
    if (!text || n <= 0) return NULL;
    const size_t length = strcspn(text, "\r\n");
    char *line = arena_strndup(&e->memory, text, length);
    if (line && line[strspn(line, " \t")] && e->history) history(e->history, &event, H_ENTER, line);
    return line;
}

void repl_edit_close(repl_edit *e)
{
    save_history(e);
    if (e->history) history_end(e->history);
    el_end(e->line);
    arena_free(&e->memory);
    free(e);
}
