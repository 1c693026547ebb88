/* A line of the prompt as words. */
#include "cli/repl.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The & that ends a line. */
static bool is_behind(const char *p)
{
    if (*p++ != '&') return false;
    while (is_blank(*p))
        p++;
    return !*p;
}

/* One character, or what an escape stands for; quote: 0, ' or ". Answers how many bytes it took. */
static size_t take(const char *p, char *quote, buf_t *word)
{
    if (*quote != '\'' && *p == '\\' && p[1] && (*quote == 0 || p[1] == '"' || p[1] == '\\')) {
        buf_u8(word, (uint8_t)p[1]);
        return 2;
    }
    if (*quote ? *p == *quote : *p == '\'' || *p == '"')
        *quote = *quote ? 0 : *p;
    else
        buf_u8(word, (uint8_t)*p);
    return 1;
}

static bool add(arena *a, repl_line *out, buf_t *word, const char **why)
{
    if (out->count == REPL_WORDS_MOST) {
        *why = "the line has too many words";
        return false;
    }
    char *copy = arena_strdup(a, buf_cstr(word));
    if (!copy) *why = "out of memory";
    if (copy) out->words[out->count++] = copy;
    return copy != NULL;
}

bool repl_split(arena *a, const char *text, repl_line *out, const char **why)
{
    *out = (repl_line){.count = 0};
    for (const char *p = text;;) {
        buf_t word = {0};
        char quote = 0;
        while (is_blank(*p))
            p++;
        if (!*p) return true;
        if (is_behind(p)) {
            out->background = true;
            return true;
        }
        if (*p == '|' || *p == '>') {
            *why = "there are no pipes and redirections here: put what is one word in quotes, or use the shell";
            return false;
        }
        while (*p && (quote || !(is_blank(*p) || is_behind(p))))
            p += take(p, &quote, &word);
        if (quote) *why = "a quote is not closed";
        const bool ok = !quote && add(a, out, &word, why);
        buf_free(&word);
        if (!ok) return false;
    }
}

size_t repl_last_word(const char *text, size_t n, size_t *index)
{
    buf_t skipped = {0};
    size_t at = 0, start = 0;
    char quote = 0;
    bool inside = false;
    *index = 0;
    while (at < n) {
        if (!quote && is_blank(text[at])) {
            *index += inside;
            inside = false;
            start = ++at;
            continue;
        }
        inside = true;
        at += take(text + at, &quote, &skipped);
    }
    buf_free(&skipped);
    return start;
}
