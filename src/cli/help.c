/* rejit help: the man pages, which are Markdown, as plain text; where a verb has none, its table of options. */
#include "cli/cli.h"
#include "cli/manual.h"

#include <unistd.h>

void help_row(buf_t *b, int width, const char *name, const char *args, const char *summary)
{
    buf_t left = {0};
    buf_printf(&left, "%s %s", name, args);
    buf_printf(b, "  %-*s %s\n", width, buf_cstr(&left), summary);
    buf_free(&left);
}

void help_overview(buf_t *b)
{
    buf_str(b, "rejit: look into a running .NET process\n\nusage: rejit VERB [OPTIONS] ...\n\n");
    for (int i = 0; i < VERBS; i++)
        help_row(b, 32, verbs[i].name, verbs[i].args, verbs[i].summary);
    buf_str(b, "\nPID is a number or the name of one process. `rejit help VERB` says more.\n");
}

/* ---- Markdown, the part of it that the pages use ---- */

typedef struct line {
    const char *p;
    size_t n;
} line;

static bool next_line(const char **at, const char *end, line *l)
{
    if (*at >= end) return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    if (!stop) stop = end;
    *l = (line){*at, (size_t)(stop - *at)};
    *at = stop + 1;
    return true;
}

/* Text without its marks: **bold**, *emphasis*, `code`, [words](link), \escapes. */
static void put_inline(buf_t *b, const char *p, size_t n)
{
    bool code = false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '`') {
            code = !code;
        } else if (!code && p[i] == '\\' && i + 1 < n) {
            buf_u8(b, (uint8_t)p[++i]);
        } else if (!code && p[i] == '*' && !(i + 1 < n && p[i + 1] == ' ')) {
            continue;
        } else if (!code && p[i] == ']' && i + 1 < n && p[i + 1] == '(') {
            const char *close = memchr(p + i, ')', n - i);
            if (close) i = (size_t)(close - p);
        } else if (!(p[i] == '[' && !code && memmem(p + i, n - i, "](", 2))) {
            buf_u8(b, (uint8_t)p[i]);
        }
    }
}

static void put_heading(buf_t *b, line l)
{
    size_t hashes = 0;
    while (hashes < l.n && l.p[hashes] == '#')
        hashes++;
    while (hashes < l.n && l.p[hashes] == ' ')
        hashes++;
    buf_t text = {0};
    put_inline(&text, l.p + hashes, l.n - hashes);
    buf_str(b, buf_cstr(&text));
    buf_u8(b, '\n');
    buf_free(&text);
}

static void put_page(buf_t *b, const char *page, size_t n)
{
    const char *at = page, *end = page + n;
    bool fenced = false;
    for (line l; next_line(&at, end, &l);) {
        bool fence = l.n >= 3 && strncmp(l.p, "```", 3) == 0;
        if (fence) {
            fenced = !fenced;
        } else if (l.n && l.p[0] == '#' && !fenced) {
            put_heading(b, l);
        } else {
            bool verbatim = fenced || (l.n >= 4 && strncmp(l.p, "    ", 4) == 0);
            if (l.n) buf_str(b, fenced ? "    " : "  ");
            if (verbatim)
                buf_put(b, l.p, l.n);
            else
                put_inline(b, l.p, l.n);
            buf_u8(b, '\n');
        }
    }
}

/* ---- verbs ---- */

static const manual_page *page_of(const char *name)
{
    for (const manual_page *p = manual_pages; p->name; p++)
        if (strcmp(p->name, name) == 0) return p;
    return NULL;
}

static int print(buf_t *b)
{
    bool ok = console_write(STDOUT_FILENO, b);
    buf_free(b);
    return ok ? EXIT_DONE : EXIT_UNREACHABLE;
}

int help_verb(const char *name)
{
    buf_t b = {0};
    if (!name) {
        help_overview(&b);
        return print(&b);
    }
    const manual_page *page = page_of(name);
    if (page) {
        put_page(&b, page->text, page->size);
        return print(&b);
    }
    const verb_id id = verb_named(name);
    if (id < VERBS) {
        options_usage(id, &b);
        return print(&b);
    }
    console_say("there is no verb %s (see `rejit help`)", name);
    return EXIT_USAGE;
}

int verb_help(const options *o)
{
    return help_verb(o->arg_count ? o->args[0] : NULL);
}
