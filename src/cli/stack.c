/* rejit stack: who calls it, from which line. */
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
    snprintf(text, sizeof text, "%llu calls", (unsigned long long)st->calls);
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

int verb_stack(const options *o)
{
    int code = target_check(o, o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_STACK, true, &code);
    if (!s) return code;
    stream st;
    own mine = {.tree = out_tree_new()};
    stream_init(&st, o, s, RJ_STACK);
    st.request.lines = !o->no_lines;
    st.request.awaiters = o->async;
    st.request.pdb = o->pdb;
    st.style.narrow = isatty(st.fd);
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
