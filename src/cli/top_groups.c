/* rejit top: the sessions whose statistics are shown, one for each request. */
#include "cli/top.h"

#include <stdio.h>
#include <stdlib.h>

#define REFUSALS_MOST 1000u

rj_session *top_connect(const top_groups *g, rj_error *e)
{
    const rj_options o = {.name = "rejit top", .progress = g->progress, .owner = g->owner};
    return rj_connect(g->pid, &o, e);
}

/* ---- news ---- */

static void keep_refusal(top_groups *g, const rj_refusal *r)
{
    buf_t b = {0};
    g->refused++;
    buf_printf(&b, "%s: %s", r->method, r->reason);
    char **place = g->refusals.n < REFUSALS_MOST ? VEC_PUSH(&g->refusals) : NULL;
    if (place && !(*place = strdup(buf_cstr(&b)))) g->refusals.n--;
    buf_free(&b);
}

void top_groups_news(top_groups *g, const rj_news *n)
{
    switch (n->kind) {
    case RJ_NOTICE_REFUSED: keep_refusal(g, &n->refusal); break;
    case RJ_NOTICE_GATES:
        g->said.n = 0;
        buf_str(&g->said, n->text);
        break;
    case RJ_NOTICE_REVERTED:
        g->said.n = 0;
        buf_printf(&g->said, "%zu method%s taken away: %s", n->count, n->count == 1 ? " was" : "s were", n->text);
        break;
    case RJ_NOTICE_PROBES:
    case RJ_NOTICE_END:
    case RJ_NOTICE_NO_PDB:
    case RJ_NOTICE_NO_LINES:
    default: break;
    }
}

static void on_news(void *owner, const rj_news *n)
{
    top_groups_news(owner, n);
}

/* ---- what is added ---- */

static bool no_memory(rj_error *e)
{
    *e = (rj_error){.code = RJ_MEMORY, .at = -1, .text = "out of memory"};
    return false;
}

/* Rows of this group that stand for methods which another one has. */
static bool drop_known(top_model *m, uint32_t group, rj_session *s, size_t *known, rj_error *e)
{
    VEC(uint32_t) ids = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < m->rows.n; i++) {
        top_row *r = m->rows.v[i];
        if (r->group != group || !top_model_same(m, r)) continue;
        uint32_t *id = VEC_PUSH(&ids);
        if (!id) break;
        *id = r->probe;
        r->removed = true;
    }
    *known = ids.n;
    if (ids.n) ok = rj_remove_probes(s, ids.v, ids.n, e);
    VEC_FREE(&ids);
    return ok;
}

/* Its first statistics, before any call of its own was counted. */
static bool take_in(top_groups *g, top_model *m, size_t *known, rj_error *e)
{
    const uint32_t group = (uint32_t)g->all.n - 1;
    top_group *new = &g->all.v[group];
    rj_stats now;
    if (!rj_read_stats(new->s, &now, e)) return false;
    const bool ok = top_model_take(m, group, &now, 0);
    rj_free(now.memory);
    new->measure = now.measure;
    new->read_ms = clock_ms();
    return ok ? drop_known(m, group, new->s, known, e) : no_memory(e);
}

static void say_added(top_groups *g, const rj_probes *p, size_t known)
{
    g->said.n = 0;
    buf_printf(&g->said, "%zu method%s added", p->methods - known, p->methods - known == 1 ? "" : "s");
    if (known) buf_printf(&g->said, ", %zu %s there already", known, known == 1 ? "was" : "were");
    if (p->refused_count) buf_printf(&g->said, ", %zu refused: ! shows why", p->refused_count);
}

/* The session that has not been used yet, or a new one. One whose request has failed is not used again: the agent may
 * keep its patterns for modules that load later. */
static rj_session *unused(top_groups *g, rj_error *e)
{
    rj_session *s = g->spare;
    g->spare = NULL;
    return s ? s : top_connect(g, e);
}

static bool failed(top_groups *g, rj_session *s)
{
    rj_close(s);
    if (!g->all.n) g->spare = top_connect(g, NULL);
    return false;
}

bool top_groups_add(top_groups *g, top_model *m, const char *const *patterns, size_t count, rj_error *e)
{
    rj_session *s = unused(g, e);
    if (!s) return false;
    rj_request r = {.verb = RJ_STAT,
                    .patterns = patterns,
                    .pattern_count = count,
                    .most = g->o->max_methods,
                    .condition = g->o->condition};
    if (g->o->sync) r.want |= RJ_WANT_SYNC;
    r.later = stream_asks_for_dynamic(&r);
    rj_probes p;
    rj_session_budget(s, &g->o->budget);
    if (!rj_instrument(s, &r, &p, e) || !rj_gate(s, true, e)) return failed(g, s);
    for (size_t i = 0; i < p.refused_count; i++)
        keep_refusal(g, &p.refused[i]);
    top_group *new = VEC_PUSH(&g->all);
    if (!new) {
        failed(g, s);
        return no_memory(e);
    }
    new->s = s;
    size_t known = 0;
    if (!take_in(g, m, &known, e)) return false;
    say_added(g, &p, known);
    top_model_arrange(m);
    return true;
}

/* ---- what happens ---- */

/* Once for each: that the target is spared, and what is seen is not all. */
static void say_reached(top_groups *g, const rj_measure *now)
{
    const unsigned fresh = now->last_reached & ~g->reached;
    if (!fresh) return;
    g->reached |= fresh;
    g->said.n = 0;
    out_reached(&g->said, fresh, &g->o->budget);
}

bool top_groups_read(top_groups *g, top_model *m, rj_error *e)
{
    g->measured = 1;
    g->dropped = 0;
    for (uint32_t i = 0; i < g->all.n; i++) {
        top_group *one = &g->all.v[i];
        rj_stats now;
        if (!rj_read_stats(one->s, &now, e)) return false;
        const uint64_t at = clock_ms();
        const double part = rj_measured_part(&one->measure, &now.measure);
        const bool ok = top_model_take(m, i, &now, (double)(at - one->read_ms) / 1000 * part);
        g->measured = RJ_MIN(g->measured, part);
        g->dropped += now.dropped;
        say_reached(g, &now.measure);
        one->measure = now.measure;
        one->read_ms = at;
        rj_free(now.memory);
        if (!ok) return no_memory(e);
    }
    return true;
}

bool top_groups_poll(top_groups *g, rj_error *e)
{
    const rj_handlers h = {.owner = g, .news = on_news};
    if (g->spare && !rj_poll(g->spare, 0, &h, e)) return false;
    for (size_t i = 0; i < g->all.n; i++)
        if (!rj_poll(g->all.v[i].s, 0, &h, e)) return false;
    return true;
}

bool top_groups_switch(top_groups *g, top_row *row, rj_error *e)
{
    if (!rj_gate_probes(g->all.v[row->group].s, &row->probe, 1, row->off, e)) return false;
    row->off = !row->off;
    return true;
}

bool top_groups_remove(top_groups *g, top_model *m, top_row *row, rj_error *e)
{
    if (!rj_remove_probes(g->all.v[row->group].s, &row->probe, 1, e)) return false;
    top_model_remove(m, row);
    return true;
}

void top_groups_free(top_groups *g)
{
    rj_close(g->spare);
    for (size_t i = 0; i < g->all.n; i++)
        rj_close(g->all.v[i].s);
    for (size_t i = 0; i < g->refusals.n; i++)
        free(g->refusals.v[i]);
    VEC_FREE(&g->all);
    VEC_FREE(&g->refusals);
    buf_free(&g->said);
}
