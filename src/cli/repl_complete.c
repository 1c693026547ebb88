/* What a word of the prompt may become: a verb, an option of it, a name in the process. */
#include "cli/repl.h"

#include <stdlib.h>

#define NAMES_MOST 2000u /* are asked of the process */

const repl_builtin repl_builtins[] = {
    {"jobs", "", "list the commands that run behind the prompt (COMMAND &)"},
    {"fg", "[N]", "show what such a command prints, until it ends; Ctrl-C ends it"},
    {"kill", "[N]", "end such a command"},
    {"exit", "", "end the prompt and what runs behind it; Ctrl-D does, too"},
    {NULL, NULL, NULL},
};

bool repl_takes_pid(const verb *v)
{
    return strncmp(v->args, "PID", 3) == 0;
}

static void offer(repl_choice *out, const char *word, const char *begun)
{
    if (strncmp(word, begun, strlen(begun)) != 0) return;
    const char **place = VEC_PUSH(&out->words);
    if (place) *place = word;
}

/* ---- verbs and options ---- */

static void offer_verbs(repl_choice *out, const char *begun, bool builtins)
{
    for (int i = 0; i < VERBS; i++)
        if (i != VERB_RUN && i != VERB_REPL) offer(out, verbs[i].name, begun);
    for (const repl_builtin *b = repl_builtins; builtins && b->name; b++)
        offer(out, b->name, begun);
}

static void offer_options(repl_choice *out, arena *a, verb_id id, const char *begun)
{
    size_t at = 0;
    for (const char *name; (name = options_next(id, &at));) {
        const char *word = arena_printf(a, "--%s", name);
        if (word) offer(out, word, begun);
    }
}

/* ---- names ---- */

void repl_names_free(repl_names *n)
{
    arena_free(&n->memory);
    *n = (repl_names){.s = n->s};
}

/* What was found for a shorter word does for a longer one, where it was all. */
static bool is_kept(const repl_names *n, const char *word)
{
    return n->found_for &&
           (strcmp(n->found_for, word) == 0 || (n->complete && strncmp(word, n->found_for, strlen(n->found_for)) == 0));
}

static void find(repl_names *n, const char *word)
{
    rj_methods m = {.count = 0};
    repl_names_free(n);
    const char *pattern = arena_printf(&n->memory, "%s*", word);
    n->found_for = arena_strdup(&n->memory, word);
    if (!pattern || !n->found_for || !rj_find(n->s, &pattern, 1, NAMES_MOST, &m, NULL)) return;
    n->complete = m.total == m.count;
    n->names = arena_array(&n->memory, m.count + 1, sizeof *n->names);
    for (size_t i = 0; n->names && i < m.count; i++) {
        const char *copy = arena_strndup(&n->memory, m.items[i].name, strcspn(m.items[i].name, "("));
        if (copy) n->names[n->name_count++] = copy;
    }
    rj_free(m.memory);
}

/* Up to the next dot behind what is typed; a dot between < and > is none. */
static size_t part_of(const char *name, size_t typed)
{
    size_t n = 0;
    int depth = 0;
    for (; name[n]; n++) {
        depth += (name[n] == '<') - (name[n] == '>');
        if (name[n] == '.' && !depth && n >= typed && n && name[n - 1] != '.' && name[n + 1]) return n + 1;
    }
    return n;
}

/* The compiler's own types and methods are in the way, where nobody has begun to type one. */
static bool is_made_up(const char *name, const char *word)
{
    return !strchr(word, '<') && (strstr(name, "+<") || strstr(name, ".<") || strstr(name, "<>"));
}

/* type: `new` takes types, which are what stands before their constructors' names. */
static void offer_names(repl_choice *out, arena *a, repl_names *n, const char *word, bool type)
{
    static const char constructor[] = "..ctor";
    const size_t typed = strlen(word);
    if (!is_kept(n, word)) find(n, word);
    out->more = !n->complete;
    for (size_t i = 0; i < n->name_count; i++) {
        const char *name = n->names[i];
        size_t length = strlen(name);
        if (type) {
            if (length < sizeof constructor || strcmp(name + length - (sizeof constructor - 1), constructor) != 0)
                continue;
            name = arena_strndup(a, name, length - (sizeof constructor - 1));
        }
        if (!name || strncmp(name, word, typed) != 0 || is_made_up(name, word)) continue;
        const char *part = arena_strndup(a, name, part_of(name, typed));
        if (part) offer(out, part, word);
    }
}

/* ---- all of it ---- */

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void sort_once_each(repl_choice *c)
{
    size_t kept = 0;
    if (c->words.n) qsort(c->words.v, c->words.n, sizeof *c->words.v, by_text);
    for (size_t i = 0; i < c->words.n; i++)
        if (!kept || strcmp(c->words.v[kept - 1], c->words.v[i]) != 0) c->words.v[kept++] = c->words.v[i];
    c->words.n = kept;
}

void repl_choose(repl_names *names, arena *a, const char *text, size_t n, repl_choice *out)
{
    size_t index;
    const size_t start = repl_last_word(text, n, &index);
    const char *line = arena_strndup(a, text, n), *why;
    repl_line before;
    *out = (repl_choice){.more = false};
    if (!line) return;
    out->quoted = line[start] == '\'' || line[start] == '"';
    const char *word = line + start + out->quoted;
    out->typed = strlen(word);
    const char *first = arena_strndup(a, line, start);
    if (!first || !repl_split(a, first, &before, &why)) return;
    const verb_id id = before.count ? verb_named(before.words[0]) : VERBS;
    if (index == 0)
        offer_verbs(out, word, true);
    else if (id == VERB_HELP)
        offer_verbs(out, word, false);
    else if (id < VERBS && *word == '-')
        offer_options(out, a, id, word);
    else if (id < VERBS && *word && (strstr(verbs[id].args, "PATTERN") || id == VERB_NEW))
        offer_names(out, a, names, word, id == VERB_NEW);
    sort_once_each(out);
}
