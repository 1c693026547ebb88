/* rejit line: an event each time that a call comes to a line, with what its arguments and variables are then. */
#include "cli/cli.h"

#include <unistd.h>

#define TERMINAL_LINES 100u

static bool show(stream *st, const rj_call *c)
{
    if (st->o->json)
        out_json_line(&st->line, c, st->o->print);
    else if (st->o->print)
        out_line_text(&st->line, c, st->o->print, &st->style);
    else
        out_line(&st->line, c, &st->style);
    return true;
}

/* The lines that are looked at, as they stand in the source. */
static void started(stream *st, const rj_probes *p)
{
    if (st->o->json) return;
    for (size_t i = 0; i < p->point_count; i++) {
        const rj_point *at = &p->points[i];
        buf_t b = {0};
        if (*at->at.file)
            out_point(&b, at);
        else
            out_safe_text(&b, at->asked);
        if (at->asked_line && at->asked_line != at->at.line)
            buf_printf(&b, " (no statement begins at line %u)", at->asked_line);
        if (*at->source) buf_str(&b, ": ");
        out_safe_text(&b, at->source);
        console_say("%s", buf_cstr(&b));
        buf_free(&b);
    }
}

/* -1: fine. */
static int check(const options *o, uint32_t *depth)
{
    size_t at = 0;
    *depth = 0;
    int code = target_check(o, NULL, 0);
    if (code < 0 && o->print && !out_template_check(o->print, depth, &at)) {
        console_say("--print: a brace without its counterpart at column %zu; write {order.Total}, and \\{ for a brace",
                    at + 1);
        code = EXIT_USAGE;
    }
    return code;
}

int verb_line(const options *o)
{
    uint32_t depth;
    int code = check(o, &depth);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_LINE, true, &code);
    if (!s) return code;
    stream st;
    stream_init(&st, o, s, RJ_LINE);
    rj_request *r = &st.request;
    if (!o->no_args || o->print) r->want |= RJ_WANT_ARGS;
    if (o->self || o->print) r->want |= RJ_WANT_THIS;
    r->locals = o->locals || o->print;
    r->depth = RJ_MAX(o->depth, depth);
    r->pdb = o->pdb;
    r->later = false; /* code that comes later has no lines here */
    st.what = "event";
    st.call = show;
    st.started = started;
    if (!st.limit && !o->duration_ms && isatty(STDOUT_FILENO)) st.limit = TERMINAL_LINES;
    code = stream_run(&st);
    rj_close(s);
    return code;
}
