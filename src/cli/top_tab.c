/* rejit top: one method's times, callers, callees and calls. Each view has its own probe, for as long as it is shown.
 */
#include "cli/top.h"

#include <stdio.h>
#include <stdlib.h>

#define LINES_MOST      200u   /* the last calls */
#define STACKS_A_SECOND 10000u /* that are looked at; others count as dropped */
#define LINES_A_SECOND  1000u

/* ---- calls ---- */

static bool keep_line(top_tab *t, const rj_call *c)
{
    buf_t b = {0};
    out_call(&b, c, &t->style);
    if (t->lines.n == LINES_MOST) {
        free(t->lines.v[0]);
        memmove(t->lines.v, t->lines.v + 1, --t->lines.n * sizeof *t->lines.v);
    }
    char **place = VEC_PUSH(&t->lines);
    if (place && !(*place = strdup(buf_cstr(&b)))) t->lines.n--;
    buf_free(&b);
    return true;
}

/* One tree an interval is as much as anybody reads. */
static bool keep_tree(top_tab *t, const rj_call *c)
{
    if (t->fresh) return true;
    t->fresh = true;
    t->callees.n = 0;
    out_trace(&t->callees, c, &t->style);
    return true;
}

static bool on_call(void *owner, const rj_call *c)
{
    top_tab *t = owner;
    t->calls++;
    switch (t->view) {
    case TOP_CALLERS: return out_tree_add(t->callers, c);
    case TOP_CALLEES: return keep_tree(t, c);
    case TOP_CALLS: return keep_line(t, c);
    case TOP_TIMES:
    case TOP_VIEWS:
    default: return true;
    }
}

static void on_news(void *owner, const rj_news *n)
{
    top_tab *t = owner;
    top_groups_news(t->of, n);
    if (n->kind != RJ_NOTICE_REFUSED && n->kind != RJ_NOTICE_GATES) return;
    t->state.n = 0;
    buf_str(&t->state, n->text);
}

bool top_tab_poll(top_tab *t, rj_error *e)
{
    const rj_handlers h = {.owner = t, .call = on_call, .news = on_news};
    return !t->s || rj_poll(t->s, 0, &h, e);
}

/* ---- its probe ---- */

/* The pattern of this very method. */
static void put_pattern(buf_t *b, const top_tab *t)
{
    static const char dynamic[] = "<dynamic>.";
    const char *end = strrchr(t->module, '.');
    const bool named = end && (strcmp(end, ".dll") == 0 || strcmp(end, ".exe") == 0);
    if (named && strncmp(t->method, dynamic, sizeof dynamic - 1) != 0)
        buf_printf(b, "%.*s!", (int)(end - t->module), t->module);
    buf_str(b, t->method);
}

static rj_request request_for(const top_tab *t)
{
    rj_request r = {.pattern_count = 1, .condition = t->of->o->condition};
    switch (t->view) {
    case TOP_CALLERS:
        r.verb = RJ_STACK;
        r.lines = !t->of->o->no_lines;
        r.pdb = t->of->o->pdb;
        r.awaiters = t->of->o->async;
        r.calls_a_second = STACKS_A_SECOND;
        break;
    case TOP_CALLEES:
        r.verb = RJ_TRACE;
        r.levels = t->of->o->levels;
        r.calls_a_second = LINES_A_SECOND;
        break;
    case TOP_CALLS:
    case TOP_TIMES:
    case TOP_VIEWS:
    default:
        r.verb = RJ_WATCH;
        r.want = RJ_WANT_ARGS | RJ_WANT_RESULT;
        r.calls_a_second = LINES_A_SECOND;
        break;
    }
    if (t->of->o->sync && r.verb == RJ_WATCH) r.want |= RJ_WANT_SYNC;
    return r;
}

static void put_on(top_tab *t)
{
    rj_error e = {0};
    rj_probes p = {0};
    buf_t pattern = {0};
    put_pattern(&pattern, t);
    const char *text = buf_cstr(&pattern);
    rj_request r = request_for(t);
    r.patterns = &text;
    r.later = stream_asks_for_dynamic(&r);
    if (t->view == TOP_CALLERS) t->callers = out_tree_new(false);
    t->s = top_connect(t->of, &e);
    if (t->s) rj_session_budget(t->s, &t->of->o->budget);
    const bool ok = t->s && rj_instrument(t->s, &r, &p, &e) && rj_gate(t->s, true, &e);
    if (!ok)
        buf_str(&t->state, e.text);
    else if (!p.methods && p.refused_count)
        buf_printf(&t->state, "refused: %s", p.refused[0].reason);
    else if (p.side_note)
        buf_str(&t->state, p.side_note);
    if (!ok) {
        rj_close(t->s);
        t->s = NULL;
    }
    buf_free(&pattern);
}

void top_tab_close(top_tab *t)
{
    rj_close(t->s);
    t->s = NULL;
    out_tree_free(t->callers);
    t->callers = NULL;
    for (size_t i = 0; i < t->lines.n; i++)
        free(t->lines.v[i]);
    VEC_FREE(&t->lines);
    buf_free(&t->callees);
    buf_free(&t->page);
    buf_free(&t->state);
    t->fresh = false;
    t->calls = t->scroll = 0;
    t->shift = 0;
}

void top_tab_open(top_tab *t, top_view view)
{
    top_tab_close(t);
    t->view = view;
    if (view != TOP_TIMES) put_on(t);
}

void top_tab_free(top_tab *t)
{
    top_tab_close(t);
    free(t->method);
    free(t->module);
    *t = (top_tab){0};
}

/* ---- its page ---- */

/* Without the line of the method's name, which stands above already. */
static void put_times(top_tab *t, const rj_stat *s, unsigned columns)
{
    static const char *const names[] = {"mean", "p50", "p90", "p99", "max"};
    const uint64_t times[] = {s->mean, s->p50, s->p90, s->p99, s->max};
    t->state.n = 0;
    out_count(&t->state, s->calls);
    buf_printf(&t->state, " call%s, ", s->calls == 1 ? "" : "s");
    out_count(&t->state, s->errors);
    buf_printf(&t->state, " error%s", s->errors == 1 ? "" : "s");
    for (size_t i = 0; s->calls && i < RJ_COUNT(times); i++) {
        buf_printf(&t->state, ", %s ", names[i]);
        out_duration(&t->state, times[i]);
    }
    buf_t all = {0};
    out_histogram(&all, s, columns, &t->style);
    const char *text = buf_cstr(&all);
    for (int lines = 0; lines < 2 && *text; text++)
        lines += *text == '\n';
    buf_str(&t->page, text);
    buf_free(&all);
}

static bool read_times(top_tab *t, const top_groups *g, const top_row *row, unsigned columns)
{
    rj_stats now;
    rj_error e;
    if (!rj_read_stats(g->all.v[row->group].s, &now, &e)) return false;
    for (size_t i = 0; i < now.count; i++)
        if (now.items[i].probe == row->probe) put_times(t, &now.items[i], columns);
    rj_free(now.memory);
    return true;
}

static void put_calls(top_tab *t)
{
    for (size_t i = t->lines.n; i-- > 0;)
        buf_str(&t->page, t->lines.v[i]);
}

static void put_state(top_tab *t)
{
    static const char *const what[TOP_VIEWS] = {[TOP_CALLERS] = "the callers of",
                                                [TOP_CALLEES] = "what one of them called:",
                                                [TOP_CALLS] = "the newest first:"};
    t->state.n = 0;
    buf_printf(&t->state, "%s ", what[t->view]);
    out_count(&t->state, t->calls);
    buf_printf(&t->state, " call%s", t->calls == 1 ? "" : "s");
    const rj_totals totals = rj_session_totals(t->s);
    if (totals.dropped) {
        buf_str(&t->state, ", ");
        out_count(&t->state, totals.dropped);
        buf_str(&t->state, " not looked at");
    }
    if (!totals.measure.shut_ns) return;
    buf_str(&t->state, "; ");
    out_measured(&t->state, rj_measured_part(NULL, &totals.measure), totals.measure.last_reached, &t->of->o->budget);
}

bool top_tab_refresh(top_tab *t, const top_groups *g, const top_row *row, unsigned columns)
{
    t->page.n = 0;
    if (t->view == TOP_TIMES) return read_times(t, g, row, columns);
    if (t->s && t->calls) put_state(t);
    switch (t->view) {
    case TOP_CALLERS:
        if (t->callers) out_tree_text(&t->page, t->callers, &t->style);
        break;
    case TOP_CALLEES: buf_put(&t->page, t->callees.p, t->callees.n); break;
    case TOP_CALLS: put_calls(t); break;
    case TOP_TIMES:
    case TOP_VIEWS:
    default: break;
    }
    t->fresh = false;
    return !t->page.failed;
}

void top_tab_put_head(buf_t *b, const top_tab *t)
{
    static const char *const names[TOP_VIEWS] = {"Times", "Callers", "Callees", "Calls"};
    for (int i = 0; i < TOP_VIEWS; i++)
        buf_printf(b, (top_view)i == t->view ? "%s[%d %s]" : "%s %d %s ", i ? " " : "", i + 1, names[i]);
}
