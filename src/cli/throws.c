/* rejit throws: every exception as it is thrown, caught or not. */
#include "cli/cli.h"

#include <unistd.h>

#define TERMINAL_EXCEPTIONS 100u

static bool add(stream *st, const rj_call *c)
{
    if (st->o->json)
        out_json_thrown(&st->line, c);
    else
        out_thrown(&st->line, c, st->o->frames, &st->style);
    return true;
}

int verb_throws(const options *o)
{
    int code;
    rj_session *s = target_open(o->args[0], VERB_THROWS, true, &code);
    if (!s) return code;
    stream st;
    no_pdbs without = {.count = 0};
    stream_init(&st, o, s, RJ_THROWS);
    st.request.pattern_count = 0;
    st.request.type = o->type;
    st.request.lines = !o->no_lines;
    st.request.pdb = o->pdb;
    st.what = "exception";
    st.own = &without;
    st.call = add;
    st.news = no_pdbs_news;
    st.finish = no_pdbs_say;
    if (!st.limit && !o->duration_ms && isatty(STDOUT_FILENO)) st.limit = TERMINAL_EXCEPTIONS;
    code = stream_run(&st);
    rj_close(s);
    return code;
}
