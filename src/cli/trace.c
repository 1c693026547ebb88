/* rejit trace: the calls below each call, as a tree. */
#include "cli/cli.h"

#include <unistd.h>

#define TERMINAL_TREES 20u

static bool show(stream *st, const rj_call *c)
{
    if (st->o->json)
        out_json_trace(&st->line, c);
    else
        out_trace(&st->line, c, &st->style);
    return true;
}

int verb_trace(const options *o)
{
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    code = target_check(o, o->into.v, o->into.n);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_TRACE, true, &code);
    if (!s) return code;
    stream st;
    stream_init(&st, o, s, RJ_TRACE);
    if (o->throws) st.request.want |= RJ_WANT_THROWS_ONLY;
    st.request.slow_ns = o->slow_ns;
    st.request.levels = o->levels;
    st.request.into = o->into.v;
    st.request.into_count = o->into.n;
    st.call = show;
    if (!st.limit && !o->duration_ms && isatty(STDOUT_FILENO)) st.limit = TERMINAL_TREES;
    code = stream_run(&st);
    rj_close(s);
    return code;
}
