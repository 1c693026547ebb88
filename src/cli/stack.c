/* rejit stack: who calls it, from which line; rejit new: who makes objects, which is who calls their constructors. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

/* The first member is what no_pdbs.c looks for. */
typedef struct own {
    no_pdbs without;
    out_tree *tree;
} own;

static bool add(stream *st, const rj_call *c)
{
    own *o = st->own;
    return out_tree_add(o->tree, c);
}

static bool tick(stream *st, uint64_t now_ms)
{
    (void)now_ms;
    char text[64];
    snprintf(text, sizeof text, "%llu %ss", (unsigned long long)st->calls, st->what);
    if (!st->o->json) console_progress(text);
    return true;
}

static void finish(stream *st)
{
    own *o = st->own;
    console_progress(NULL);
    if (st->o->json)
        out_tree_json(&st->line, o->tree, rj_session_state(st->s)->pid);
    else
        out_tree_text(&st->line, o->tree, &st->style);
    no_pdbs_say(st);
}

/* `patterns` of methods. */
static int run(const options *o, verb_id id, const char *const *patterns, size_t count, bool objects)
{
    int code = target_check(o, patterns, count);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], id, true, &code);
    if (!s) return code;
    stream st;
    own mine = {.tree = out_tree_new(objects)};
    stream_init(&st, o, s, RJ_STACK);
    st.request.patterns = patterns;
    st.request.makes = objects;
    st.request.lines = !o->no_lines;
    st.request.awaiters = o->async;
    st.request.pdb = o->pdb;
    st.style.narrow = isatty(st.fd);
    st.what = objects ? "object" : st.what;
    st.own = &mine;
    st.call = add;
    st.news = no_pdbs_news;
    st.tick = tick;
    st.finish = finish;
    if (mine.tree) {
        code = stream_run(&st);
    } else {
        console_say("out of memory");
        code = EXIT_UNREACHABLE;
    }
    out_tree_free(mine.tree);
    rj_close(s);
    return code;
}

int verb_stack(const options *o)
{
    return run(o, VERB_STACK, (const char *const *)o->args + 1, o->arg_count - 1, false);
}

/* Shop.Order is Shop.Order..ctor, Shop.Order(int) its constructor with these parameters. */
static const char *constructors_of(arena *a, const char *type)
{
    const size_t n = strcspn(type, "(");
    return arena_printf(a, "%.*s..ctor%s", (int)n, type, type + n);
}

int verb_new(const options *o)
{
    arena a = {0};
    const size_t count = o->arg_count - 1;
    const char **patterns = arena_array(&a, count, sizeof *patterns);
    bool ok = patterns != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = (patterns[i] = constructors_of(&a, o->args[i + 1])) != NULL;
    if (!ok) console_say("out of memory");
    const int code = ok ? run(o, VERB_NEW, patterns, count, true) : EXIT_UNREACHABLE;
    arena_free(&a);
    return code;
}
