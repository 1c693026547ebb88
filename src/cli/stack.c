/* rejit stack: who calls it, from which line. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#define NAMED_MOST 5u /* modules without a PDB */

typedef struct own {
    out_tree *tree;
    buf_t without; /* modules without a PDB, in words */
    unsigned without_count;
} own;

static bool add(stream *st, const rj_call *c)
{
    own *o = st->own;
    return out_tree_add(o->tree, c);
}

/* On standard error with --json as well: the objects say nothing where nothing is known. */
static bool news(stream *st, const rj_news *n)
{
    own *o = st->own;
    if (n->kind == RJ_NOTICE_NO_LINES) {
        console_say("%s", n->text);
        return true;
    }
    if (n->kind != RJ_NOTICE_NO_PDB) return false;
    if (o->without_count++ < NAMED_MOST) {
        if (o->without.n) buf_str(&o->without, ", ");
        out_safe_text(&o->without, n->refusal.module);
    }
    return true;
}

static bool tick(stream *st, uint64_t now_ms)
{
    (void)now_ms;
    char text[64];
    snprintf(text, sizeof text, "%llu calls", (unsigned long long)st->calls);
    if (!st->o->json) console_progress(text);
    return true;
}

static void say_without(own *o)
{
    if (o->without_count > NAMED_MOST) buf_printf(&o->without, " and %u more", o->without_count - NAMED_MOST);
    if (o->without_count)
        console_say("no PDB was found for %s: their frames have no lines (--pdb PATH says where to look)",
                    buf_cstr(&o->without));
    buf_free(&o->without);
}

static void finish(stream *st)
{
    own *o = st->own;
    console_progress(NULL);
    if (st->o->json)
        out_tree_json(&st->line, o->tree, rj_session_state(st->s)->pid);
    else
        out_tree_text(&st->line, o->tree, &st->style);
    say_without(o);
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
    st.news = news;
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
