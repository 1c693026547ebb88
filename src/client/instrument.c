/* Choosing methods, opening gates, taking it all away again. */
#include "client/client-priv.h"

#include <unistd.h>

#define MOST_METHODS 1000u

_Static_assert((int)RJ_WATCH == (int)WIRE_WATCH && (int)RJ_LINE == (int)WIRE_LINE, "verbs travel as they are");
_Static_assert(RJ_KEYS_MOST == WIRE_KEYS_MOST, "as many keys as are promised");
_Static_assert((int)RJ_WANT_ARGS == (int)WIRE_WANT_ARGS && (int)RJ_WANT_SYNC == (int)WIRE_WANT_SYNC, "and so do wants");

static void put_request(rj_session *s, const rj_request *q, buf_t *b)
{
    session_begin(s, b, WIRE_INSTRUMENT);
    wire_u32(b, WIRE_T_VERB, (uint32_t)q->verb);
    for (size_t i = 0; i < q->pattern_count && q->verb != RJ_LINE; i++)
        wire_text(b, WIRE_T_PATTERN, q->patterns[i]);
    wire_u32(b, WIRE_T_MAX, q->most ? q->most : MOST_METHODS);
    wire_u32(b, WIRE_T_WANT,
             q->want | (q->awaiters ? (uint32_t)WIRE_WANT_AWAITERS : 0) | (q->locals ? (uint32_t)WIRE_WANT_LOCALS : 0) |
                 (q->makes ? (uint32_t)WIRE_WANT_NEW : 0));
    wire_u64(b, WIRE_T_SLOW_NS, q->slow_ns);
    wire_u32(b, WIRE_T_DEPTH, q->depth);
    if (q->condition) wire_text(b, WIRE_T_CONDITION, q->condition);
    if (q->by) wire_text(b, WIRE_T_BY, q->by);
    if (q->levels) wire_u32(b, WIRE_T_LEVELS, q->levels);
    for (size_t i = 0; i < q->into_count; i++)
        wire_text(b, WIRE_T_INTO, q->into[i]);
}

/* Before the target is asked for anything. */
static bool check_pdb(rj_session *s, const rj_request *q, const char **pdb, err_t *e)
{
    *pdb = NULL;
    if ((!q->lines && q->verb != RJ_LINE) || !q->pdb) return true;
    if (access(q->pdb, F_OK) < 0) {
        err_errno(e, "there are no PDBs at %s", q->pdb);
        if (e) e->code = ERR_USAGE;
        return false;
    }
    *pdb = arena_strdup(&s->own, q->pdb);
    return *pdb || err_set(e, ERR_MEMORY, -1, "out of memory");
}

static bool no_match(const rj_request *q, wire_reader r, err_t *e)
{
    arena a = {0};
    buf_t b = {0};
    for (wire_field f; wire_next(&r, &f);) {
        const char *name = f.tag == WIRE_T_NEAREST ? wire_get_text(&a, &f) : NULL;
        if (name) buf_printf(&b, "%s%s", b.n ? ", " : "", name);
    }
    err_set(e, ERR_NO_MATCH, -1, "no method matches %.160s%s%s%s", q->patterns[0],
            q->pattern_count > 1 ? " or the others" : "", b.n ? "; near it: " : "", b.n ? buf_cstr(&b) : "");
    buf_free(&b);
    arena_free(&a);
    return false;
}

static bool too_old(const char *what, const char *option, err_t *e)
{
    return err_set(e, ERR_REFUSED, -1,
                   "the agent in the process is of an earlier version, which cannot tell %s: leave %s out, or start "
                   "the process anew",
                   what, option);
}

static bool collect_notes(rj_session *s, rj_probes *out)
{
    rj_refusal *notes = arena_array(&s->own, s->order.n + 1, sizeof *notes);
    if (!notes) return false;
    out->notes = notes;
    for (size_t i = 0; i < s->order.n; i++) {
        const probe_info *p = s->order.v[i];
        out->callees += p->is_callee;
        if (*p->note) notes[out->note_count++] = (rj_refusal){p->name, p->module, p->note};
    }
    return true;
}

bool rj_instrument(rj_session *s, const rj_request *request, rj_probes *out, rj_error *error)
{
    err_t *e = ERR(error);
    if (s->instrumented) return err_set(e, ERR_USAGE, -1, "this session has instrumented already");
    const bool throws = request->verb == RJ_THROWS;
    if (!request->pattern_count && !throws) return err_set(e, ERR_USAGE, -1, "no pattern was given");
    buf_t b = {0}, places = {0};
    wire_reader r;
    const char *pdb;
    if (!check_pdb(s, request, &pdb, e)) return false;
    s->wanted.pdb = pdb;
    if (request->verb == RJ_LINE && !places_find(s, request, &places, e)) {
        buf_free(&places);
        return false;
    }
    put_request(s, request, &b);
    buf_put(&b, places.p, places.n);
    buf_free(&places);
    if (!session_ask(s, &b, WIRE_PROBES, &r, e)) return false;
    *out = (rj_probes){0};
    wire_reader all = r;
    uint32_t known = 0;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_TOTAL) out->total = wire_get_u32(&f);
        if (f.tag == WIRE_T_WANT) known = wire_get_u32(&f);
        if (f.tag == WIRE_T_SIDE_NOTE) out->side_note = wire_get_text(&s->own, &f);
    }
    if (!r.bad && request->awaiters && !(known & WIRE_WANT_AWAITERS)) return too_old("who awaits", "--async", e);
    if (!r.bad && request->makes && !(known & WIRE_WANT_NEW))
        return err_set(e, ERR_REFUSED, -1,
                       "the agent in the process is of an earlier version, which cannot tell new objects: start the "
                       "process anew");
    if (r.bad) return err_set(e, ERR_FORMAT, -1, "the agent's answer is malformed");
    size_t refused;
    if (!probes_read(s, all, &out->methods, &refused) || !collect_notes(s, out))
        return err_set(e, ERR_MEMORY, -1, "out of memory");
    if (throws)
        out->methods = 0; /* what stands for the exceptions is none */
    else if (!out->methods && !refused && !request->later)
        return no_match(request, all, e);
    if (s->memory_fd >= 0 && !s->memory.base) {
        int fd = s->memory_fd;
        s->memory_fd = -1;
        if (!memory_open(&s->memory, fd, e)) return false;
    }
    if (!s->memory.base) return err_set(e, ERR_FORMAT, -1, "the agent sent no shared memory");
    if (request->by && !s->memory.plan.key_places) return too_old("calls apart by a key", "--by", e);
    s->wanted = *request;
    s->wanted.patterns = NULL;
    s->wanted.condition = NULL;
    s->wanted.by = NULL;
    s->wanted.type = request->type ? arena_strdup(&s->own, request->type) : NULL;
    s->wanted.into = NULL;
    s->wanted.pdb = pdb;
    s->instrumented = true;
    out->points = s->points;
    out->point_count = s->point_count;
    out->refused = s->refused.v;
    out->refused_count = s->refused.n;
    return true;
}

bool rj_gate(rj_session *s, bool open, rj_error *e)
{
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_GATE);
    wire_u32(&b, WIRE_T_OPEN, open);
    wire_put_budget(&b, &s->budget);
    if (!session_ask(s, &b, WIRE_OK, &r, ERR(e))) return false;
    s->gates_open = open;
    return true;
}

static bool ask_of_probes(rj_session *s, buf_t *b, const uint32_t *probes, size_t count, rj_error *e)
{
    wire_reader r;
    for (size_t i = 0; i < count; i++)
        wire_u32(b, WIRE_T_ID, probes[i]);
    return session_ask(s, b, WIRE_OK, &r, ERR(e));
}

bool rj_gate_probes(rj_session *s, const uint32_t *probes, size_t count, bool open, rj_error *e)
{
    buf_t b = {0};
    session_begin(s, &b, WIRE_GATE_PROBES);
    wire_u32(&b, WIRE_T_OPEN, open);
    return ask_of_probes(s, &b, probes, count, e);
}

bool rj_remove_probes(rj_session *s, const uint32_t *probes, size_t count, rj_error *e)
{
    buf_t b = {0};
    session_begin(s, &b, WIRE_REMOVE_PROBES);
    return ask_of_probes(s, &b, probes, count, e);
}
