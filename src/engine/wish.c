/* What clients wish for: patterns over the modules that are loaded, and over those that load later. */
#include "engine/early.h"
#include "engine/keep.h"
#include "engine/takeover.h"

#include <stdlib.h>

#define STATS_SPARE 1024u /* statistics for methods that come later */

/* ---- wishes ---- */

/* How many there are decides whether who loads a module has to wait: counted before the modules are looked through. */
static void count_wishes(eng *g, bool more, bool dynamic)
{
    pthread_mutex_lock(&g->ledger);
    g->wishes += more ? 1 : (size_t)-1;
    g->dynamic_wishes += dynamic ? more ? 1 : (size_t)-1 : 0;
    pthread_mutex_unlock(&g->ledger);
}

static void wish_free(eng *g, eng_wish *w)
{
    bool dynamic = w->dynamic_count;
    eng_again_drop(g, w);
    arena_free(&w->memory);
    free(w);
    count_wishes(g, false, dynamic);
}

void eng_wishes_free(eng *g, eng_client *c)
{
    for (eng_wish *w = c->wishes, *next; w; w = next) {
        next = w->next;
        wish_free(g, w);
    }
    c->wishes = NULL;
}

static bool wish_parse(eng_wish *w, const eng_request *r, err_t *e)
{
    w->patterns = arena_array(&w->memory, r->pattern_count, sizeof *w->patterns);
    w->dynamic = arena_array(&w->memory, r->pattern_count, sizeof *w->dynamic);
    if (!w->patterns || !w->dynamic) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < r->pattern_count; i++) {
        w->patterns[i] = query_pattern_parse(&w->memory, r->patterns[i], e);
        if (!w->patterns[i]) return err_prefix(e, "pattern '%s': ", r->patterns[i]);
        if (eng_is_dynamic_pattern(r->patterns[i])) w->dynamic[w->dynamic_count++] = w->patterns[i];
    }
    w->into = arena_array(&w->memory, r->into_count + 1, sizeof *w->into);
    if (!w->into) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (w->into_count = 0; w->into_count < r->into_count; w->into_count++) {
        w->into[w->into_count] = query_pattern_parse(&w->memory, r->into[w->into_count], e);
        if (!w->into[w->into_count]) return err_prefix(e, "pattern '%s': ", r->into[w->into_count]);
    }
    if (r->condition && !(w->condition = query_condition_parse(&w->memory, r->condition, e)))
        return err_prefix(e, "condition '%s': ", r->condition);
    if (r->by && !(w->by = query_key_parse(&w->memory, r->by, e))) return err_prefix(e, "key '%s': ", r->by);
    return true;
}

static eng_wish *wish_new(eng *g, const eng_request *r, err_t *e)
{
    eng_wish *w = calloc(1, sizeof *w);
    if (!w) {
        err_set(e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    w->request = *r;
    w->being_made = true;
    w->request.patterns = NULL; /* the caller's */
    w->request.condition = NULL;
    w->request.by = NULL;
    w->request.into = NULL;
    w->request.places = NULL;
    if (!wish_parse(w, r, e)) {
        arena_free(&w->memory);
        free(w);
        return NULL;
    }
    count_wishes(g, true, w->dynamic_count);
    return w;
}

/* ---- modules ---- */

static bool is_beside(const eng_wish *w, const eng_target *t)
{
    if (w->request.want & WIRE_WANT_NEW) return eng_makes_nothing(t->module, t->rid) != NULL;
    return eng_is_abstract(t->module, t->rid);
}

/* Abstract methods among others that matched are no calls that anybody could miss, and what makes no objects none that
 * anybody asked for: drop them; alone they are named. */
static void drop_beside(const eng_wish *w, eng_hits *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->found.n; i++)
        if (!is_beside(w, &h->found.v[i])) h->found.v[kept++] = h->found.v[i];
    if (kept) h->found.n = kept;
}

/* Code that cannot be looked into is refused with that reason where it seems to be meant. */
static void refuse_unreadable(const eng_request *r, eng_module **modules, size_t n, eng_result *out)
{
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < r->pattern_count; k++) {
            const char *reason = eng_meant_but_unreadable(modules[i], r->patterns[k]);
            eng_refusal *refusal = reason ? VEC_PUSH(&out->refusals) : NULL;
            if (!refusal) continue;
            *refusal = (eng_refusal){arena_strdup(&out->memory, r->patterns[k]), modules[i]->file,
                                     arena_strdup(&out->memory, reason)};
        }
    }
}

static bool scan_all(eng *g, eng_wish *w, const eng_request *r, eng_hits *h, eng_result *out, err_t *e)
{
    arena a = {0};
    size_t n = 0;
    eng_module **modules = eng_modules(g, &a, &n);
    for (size_t i = 0; modules && i < n; i++)
        eng_scan(g, w->patterns, w->request.pattern_count, modules[i], h);
    if (w->dynamic_count) eng_scan_dynamic(g, w->dynamic, w->dynamic_count, h);
    if (modules && n) w->seen = modules[n - 1]->number + 1;
    out->total = (uint32_t)h->found.n;
    if (modules && !h->found.n) refuse_unreadable(r, modules, n, out);
    if (modules && !h->found.n)
        out->nearest_count = eng_nearest(g, w->patterns[0], modules, n, &out->memory, out->nearest);
    h->failed |= !modules;
    arena_free(&a);
    drop_beside(w, h);
    if (h->failed) return err_set(e, ERR_MEMORY, -1, "out of memory");
    if (h->found.n > w->request.most)
        return err_set(e, ERR_LIMIT, -1,
                       "%zu methods match, more than the %u that one command may instrument: narrow the pattern, or "
                       "say --max-methods %zu",
                       h->found.n, w->request.most, h->found.n);
    return true;
}

/* The statistics' place is a matrix of threads and methods: it is made for those that are there, not for all that a
 * generous limit allows. */
bool eng_open_sink(eng_client *c, const eng_request *r, size_t found, err_t *e)
{
    probe_sink sink;
    uint32_t stats = r->verb == WIRE_STAT ? (uint32_t)RJ_MIN((size_t)r->most, found + STATS_SPARE) : 0;
    if (!probe_sink_open(&sink, stats, r->by != NULL, e)) return false;
    c->sink = eng_sink_new(&sink);
    if (c->sink) return true;
    probe_sink_close(&sink);
    return err_set(e, ERR_MEMORY, -1, "out of memory");
}

static clr_hresult tell_events(eng *g)
{
    const uint32_t throws = g->hears_throws ? CLR_MONITOR_EXCEPTIONS : 0;
    return g->info->vt->SetEventMask2(g->info, g->events | throws, g->unload_hearers ? CLR_MONITOR_DYNAMIC_UNLOADS : 0);
}

/*
 * Until somebody instruments something the runtime tells us of modules only: an agent that waits costs the start of a
 * program and its JIT nothing. The callbacks of the JIT are needed with the first request: without them some versions
 * are lost under multicore JIT.
 */
static bool arm(eng *g, err_t *e)
{
    if (g->armed) return true;
    g->events = ENG_EVENTS;
    clr_hresult hr = tell_events(g);
    if (hr < 0) {
        g->events &= ~(uint32_t)CLR_ENABLE_STACKS; /* not worth a refusal */
        hr = tell_events(g);
    }
    if (hr < 0)
        return err_set(e, ERR_RUNTIME, -1,
                       "the runtime does not allow ReJIT in this process (%08x): start it without "
                       "DOTNET_ProfApi_RejitOnAttach=0, or with `rejit run`",
                       (unsigned)hr);
    g->armed = true;
    return true;
}

bool eng_hear_unloads(eng *g, unsigned who, bool hears, err_t *e)
{
    const unsigned before = g->unload_hearers;
    g->unload_hearers = hears ? before | who : before & ~who;
    clr_hresult hr = tell_events(g);
    if (hr >= 0) return true;
    g->unload_hearers = before;
    return err_set(e, ERR_RUNTIME, -1, "the runtime does not tell when code ends (%08x)", (unsigned)hr);
}

bool eng_hear_throws(eng *g, bool hears, err_t *e)
{
    const bool before = g->hears_throws;
    g->hears_throws = hears;
    clr_hresult hr = tell_events(g);
    if (hr >= 0) return true;
    g->hears_throws = before;
    return err_set(e, ERR_RUNTIME, -1, "the runtime does not tell of exceptions (%08x)", (unsigned)hr);
}

static bool wants_awaiters(const eng_request *r)
{
    return r->verb == WIRE_STACK && r->want & WIRE_WANT_AWAITERS;
}

/* Behind the methods that were asked for. */
static bool add_resuming(eng *g, eng_hits *h, err_t *e)
{
    eng_target *t = VEC_PUSH(&h->found);
    if (!t) return err_set(e, ERR_MEMORY, -1, "out of memory");
    return eng_awaiters_start(g, t, e);
}

static bool add_dispatch(eng *g, eng_hits *h, err_t *e)
{
    probe d;
    eng_target *t = VEC_PUSH(&h->found);
    return t ? eng_dispatch_of(g, t, &d, e) && probe_thrown_start(e) : err_set(e, ERR_MEMORY, -1, "out of memory");
}

bool eng_instrument(eng *g, eng_client *c, const eng_request *r, eng_result *out, err_t *e)
{
    pthread_mutex_lock(&g->transaction);
    const bool throws = r->verb == WIRE_THROWS;
    if (throws && !eng_dispatches_managed(g)) {
        bool told = arm(g, e) && eng_hear_exceptions(g, c, r, out, e);
        pthread_mutex_unlock(&g->transaction);
        return told;
    }
    eng_wish *w = wish_new(g, r, e);
    eng_hits h = {.module = NULL};
    uint32_t first = c->next_probe;
    g->under_way = true;
    bool ok = w && arm(g, e) && (!w->dynamic_count || eng_hook_on(g, e)) &&
              (throws                 ? add_dispatch(g, &h, e)
               : r->verb == WIRE_LINE ? eng_scan_places(g, r, &h, out, e)
                                      : scan_all(g, w, r, &h, out, e));
    size_t found = h.found.n;
    ok = ok && (c->sink || eng_open_sink(c, r, found, e));
    ok = ok && (r->verb != WIRE_TRACE || !found || eng_add_callees(g, w, &h, out, e));
    ok = ok && (!wants_awaiters(r) || !(found || w->dynamic_count) || add_resuming(g, &h, e));
    ok = ok && (!h.found.n || eng_add_layers(g, c, w, h.found.v, h.found.n, out, e));
    if (ok && out->probes.n && !throws) eng_note_running(g, c, first, out);
    if (ok) {
        w->matched = (uint32_t)found;
        w->being_made = false;
        w->request.progress = NULL; /* modules that load later make their own news */
        w->next = c->wishes;
        c->wishes = w;
    } else if (w) {
        wish_free(g, w);
    }
    VEC_FREE(&h.found);
    if (!ok) eng_early_finish(g);
    g->under_way = false;
    pthread_mutex_unlock(&g->transaction);
    if (ok) eng_takeover_settle(g);
    return ok;
}

static bool has_layer(const eng *g, const eng_client *c, const eng_target *t)
{
    const eng_method *m = map_get(&g->methods, eng_key(t->module, CIL_TOKEN(CIL_METHOD_DEF, t->rid)));
    for (size_t i = 0; m && i < m->layers.n; i++)
        if (m->layers.v[i].client == c) return true;
    return false;
}

/* A new module may hold roots, what earlier roots call, and overrides: everything is looked for again. */
static void trace_with(eng *g, const eng_client *c, const eng_wish *w, const eng_module *m, eng_hits *h,
                       eng_result *out)
{
    arena a = {0};
    size_t n = 0, kept = 0;
    eng_module **modules = eng_modules(g, &a, &n);
    for (size_t i = 0; modules && i < n; i++)
        eng_scan(g, w->patterns, w->request.pattern_count, modules[i], h);
    drop_beside(w, h);
    h->failed |= !modules || (h->found.n && !eng_add_callees(g, w, h, out, NULL));
    for (size_t i = 0; i < h->found.n; i++) {
        const eng_target t = h->found.v[i];
        if ((t.callee || t.module == m) && !has_layer(g, c, &t)) h->found.v[kept++] = t;
    }
    h->found.n = kept;
    arena_free(&a);
}

static void module_for_client(eng *g, eng_client *c, eng_module *m)
{
    for (eng_wish *w = c->wishes; w; w = w->next) {
        eng_hits h = {.module = NULL};
        eng_result unsaid = {0};
        if (m->number < w->seen) continue; /* it was loading while the others were looked through */
        if (w->request.verb == WIRE_TRACE)
            trace_with(g, c, w, m, &h, &unsaid);
        else
            eng_scan(g, w->patterns, w->request.pattern_count, m, &h);
        eng_result_free(&unsaid);
        drop_beside(w, &h);
        if (h.failed) log_line(LOG_WARN, "engine", "%s: out of memory", m->file);
        eng_news *n = h.found.n ? calloc(1, sizeof *n) : NULL;
        if (n) {
            err_t e = {0};
            size_t left = w->request.most > w->matched ? w->request.most - w->matched : 0;
            size_t take = RJ_MIN(h.found.n, left);
            w->matched += (uint32_t)take;
            n->kind = ENG_NEWS_PROBES;
            if (!eng_add_layers(g, c, w, h.found.v, take, &n->result, &e))
                log_line(LOG_WARN, "engine", "%s: %s", m->file, e.text);
            eng_tell(g, c, n);
        }
        VEC_FREE(&h.found);
    }
}

void eng_module_loaded(eng *g, clr_module_id id)
{
    eng_module *m = eng_module_find(g, id);
    if (!m) return;
    pthread_mutex_lock(&g->ledger);
    bool anybody = g->wishes != 0;
    pthread_mutex_unlock(&g->ledger);
    if (!anybody) return;
    eng_transaction_lock(g);
    for (eng_client *c = m->offered ? NULL : g->clients; c; c = c->next)
        module_for_client(g, c, m);
    m->offered = true;
    pthread_mutex_unlock(&g->transaction);
}
