/* rejit watch: one line a call. */
#include "cli/cli.h"

#include <unistd.h>

#define TERMINAL_CALLS 100u

bool watch_call(stream *st, const rj_call *c)
{
    if (st->o->json)
        out_json_call(&st->line, c);
    else
        out_call(&st->line, c, &st->style);
    return true;
}

void watch_request(stream *st, const options *o)
{
    rj_request *r = &st->request;
    if (!o->no_args) r->want |= RJ_WANT_ARGS;
    if (o->result) r->want |= RJ_WANT_RESULT;
    if (o->self) r->want |= RJ_WANT_THIS;
    if (o->throws) r->want |= RJ_WANT_THROWS_ONLY;
    r->slow_ns = o->slow_ns;
    r->depth = o->depth;
    st->call = watch_call;
}

int verb_watch(const options *o)
{
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_WATCH, true, &code);
    if (!s) return code;
    stream st;
    stream_init(&st, o, s, RJ_WATCH);
    watch_request(&st, o);
    if (!st.limit && !o->duration_ms && isatty(STDOUT_FILENO)) st.limit = TERMINAL_CALLS;
    code = stream_run(&st);
    rj_close(s);
    return code;
}
