/*
 * The first-JIT back end: code that the runtime's ReJIT ignores (collectible, made at run time) gets its probes when it
 * is compiled for the first time, and keeps them, gates closed, until it is unloaded.
 */
#include "engine/jit-priv.h"

#include "engine/early.h"
#include "engine/keep.h"
#include "engine/metadata.h"

#include <stdlib.h>

#define BODY_BYTES 1024u /* that most have */

/* ---- bodies ---- */

eng_first *eng_first_new(eng *g, eng_method *m)
{
    arena memory = {.first = BODY_BYTES};
    eng_first *f = arena_alloc(&memory, sizeof *f);
    if (!f) return NULL;
    f->memory = memory;
    f->g = g;
    f->method = m;
    return f;
}

void eng_first_free(eng_first *f)
{
    while (f) {
        eng_first *older = f->older;
        arena memory = f->memory; /* it lies in it */
        arena_free(&memory);
        f = older;
    }
}

size_t eng_first_bytes(const eng_method *m)
{
    size_t n = m->closed.cap * sizeof *m->closed.v + m->held.cap * sizeof(probe *);
    for (const eng_first *f = m->first; f; f = f->older)
        n += f->memory.total;
    for (const eng_first *f = m->olds; f; f = f->older)
        n += f->memory.total;
    return n;
}

bool eng_first_install(eng *g, eng_method *m, err_t *e)
{
    eng_first *f = eng_first_new(g, m);
    uint8_t *body = f ? arena_copy(&f->memory, m->body.p, m->body.n) : NULL;
    bool ok = body || err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = ok && eng_jit_parse(&f->memory, (cil_blob){body, (uint32_t)m->body.n}, &f->parts, e);
    if (ok && f->parts.locals_token) {
        cil_blob sig = eng_meta_sig(m->module, f->parts.locals_token);
        uint8_t *copy = arena_copy(&f->memory, sig.p, sig.n);
        f->parts.locals = (cil_blob){copy, sig.n};
        ok = copy || err_set(e, ERR_MEMORY, -1, "out of memory");
    }
    if (!ok) {
        eng_first_free(f);
        return false;
    }
    pthread_mutex_lock(&g->ledger);
    f->older = m->first;
    m->first = f;
    pthread_mutex_unlock(&g->ledger);
    return true;
}

/* Compiles that are under way may still be given it. */
static void retire(eng_method *m)
{
    eng_first *f = m->first;
    if (!f) return;
    while (f->older)
        f = f->older;
    f->older = m->olds;
    m->olds = m->first;
    m->first = NULL;
}

static void forget_bodies(eng_method *m)
{
    eng_first_free(m->first);
    eng_first_free(m->olds);
    m->first = m->olds = NULL;
}

/* ---- compiles ---- */

static void done(eng_compile *c, int32_t result, const uint8_t *entry, uint32_t size)
{
    const eng_first *f = c->owner;
    eng *g = f->g;
    eng_method *m = f->method;
    (void)entry, (void)size;
    pthread_mutex_lock(&g->ledger);
    if (result == CLR_JIT_OK) {
        m->woven = true;
        eng_set_state(g, m, ENG_INSTALLED);
        if (m->module->dynamic) forget_bodies(m); /* it is compiled once */
    } else {
        m->why = "the runtime's compiler does not take the changed method; it runs as it was";
        retire(m);
        eng_set_state(g, m, ENG_FAILED);
    }
    pthread_mutex_unlock(&g->ledger);
    if (result != CLR_JIT_OK && g->wake) g->wake(g->wake_owner);
}

void eng_first_came_out(eng *g, eng_method *m, const char *why)
{
    pthread_mutex_lock(&g->ledger);
    if (!why) {
        m->woven = true;
        forget_bodies(m);
        eng_set_state(g, m, ENG_INSTALLED);
    } else if (m->state != ENG_FAILED) {
        m->why = why;
        retire(m);
        eng_set_state(g, m, ENG_FAILED);
    }
    pthread_mutex_unlock(&g->ledger);
    if (why && g->wake) g->wake(g->wake_owner);
}

void eng_first_give(eng_compile *c, const eng_first *f)
{
    eng_jit_give(c, &f->parts);
    c->sigs = f->sigs;
    c->sig_count = f->sig_count;
    c->types = f->types;
    c->type_count = f->type_count;
}

/* Of a module with metadata. */
static eng_first *first_of(eng *g, const eng_compile *c)
{
    pthread_mutex_lock(&g->ledger);
    const eng_module *m = g->hooked_count ? map_get(&g->module_of, c->info.scope) : NULL;
    bool hooked = m && m->hooked;
    pthread_mutex_unlock(&g->ledger);
    if (!hooked) return NULL;
    clr_jit_get_method_def *token_of = (clr_jit_get_method_def *)eng_jit_real(c, CLR_JIT_GET_METHOD_DEF);
    uint32_t token = token_of(c->ee, c->info.method);
    pthread_mutex_lock(&g->ledger);
    const eng_method *x = map_get(&g->methods, eng_key(m, token));
    eng_first *f = x ? x->first : NULL;
    pthread_mutex_unlock(&g->ledger);
    return f;
}

static bool choose(void *owner, eng_compile *c)
{
    eng *g = owner;
    eng_first *f = NULL;
    if (c->info.scope & CLR_JIT_DYNAMIC_SCOPE) {
        pthread_mutex_lock(&g->ledger);
        struct eng_dynamic *d = map_get(&g->dynamics, c->info.method);
        pthread_mutex_unlock(&g->ledger);
        if (d) f = eng_dynamic_weave(g, d, c);
    } else {
        f = first_of(g, c);
    }
    if (!f) return false;
    eng_first_give(c, f);
    c->owner = f;
    c->done = done;
    return true;
}

bool eng_hook_on(eng *g, err_t *e)
{
    pthread_mutex_lock(&g->ledger);
    bool hooked = g->hooked;
    g->hooked = true; /* before the first callback comes */
    pthread_mutex_unlock(&g->ledger);
    if (hooked) return true;
    if (eng_jit_on(choose, g, e) && eng_hear_unloads(g, ENG_HEARS_DYNAMICS, true, e)) return true;
    eng_jit_off(choose);
    pthread_mutex_lock(&g->ledger);
    g->hooked = false;
    pthread_mutex_unlock(&g->ledger);
    return false;
}

void eng_hook_rest(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    bool rest = g->hooked && !g->hooked_count && !g->dynamic_wishes;
    if (rest) {
        g->hooked = false;
        eng_dynamics_forget(g);
    }
    pthread_mutex_unlock(&g->ledger);
    if (!rest) return;
    eng_jit_off(choose);
    eng_hear_unloads(g, ENG_HEARS_DYNAMICS, false, NULL);
}

/* ---- layers ---- */

/* `now`: the request is being made; otherwise the module has just been loaded, or the method is about to be compiled.
 */
static eng_jitted is_compiled(eng *g, const eng_module *m, uint32_t token, bool now)
{
    if (m->dynamic) return eng_dynamic_compiled(m->dynamic) ? ENG_JITTED : ENG_NOT_JITTED;
    const char *kind = eng_code_kind(g, m, token, 0);
    if (strcmp(kind, "generic") == 0) return now ? eng_is_jitted(g, m, token) : ENG_NOT_JITTED;
    return strcmp(kind, "not compiled") != 0 ? ENG_JITTED : ENG_NOT_JITTED;
}

static bool same_shape(const eng_layer *x, const eng_layer *y)
{
    return memcmp(&x->calls, &y->calls, sizeof x->calls) == 0 && x->value_count == y->value_count &&
           x->site == y->site && x->probe->event_size == y->probe->event_size && x->test_count == y->test_count &&
           memcmp(x->values, y->values, eng_shape_size(x)) == 0;
}

/* Takes the closed layer out that stands for `like`: the same probe, or the same shape. */
static bool take_closed(eng_method *m, const eng_layer *like, bool by_probe, eng_layer *out)
{
    for (size_t i = 0; i < m->closed.n; i++) {
        const eng_layer *l = &m->closed.v[i];
        if (by_probe ? l->probe != like->probe : !same_shape(l, like)) continue;
        *out = *l;
        m->closed.v[i] = m->closed.v[--m->closed.n];
        return true;
    }
    return false;
}

/* The woven body stays as it is, so that the probe in it becomes the new layer's: all but its gate, which opens last.
 */
static void reuse_probe(eng *g, eng_layer *layer, const eng_layer *closed)
{
    probe *planned = layer->probe;
    const bool open = planned->gate;
    eng_probe_become(closed->probe, planned);
    eng_probe_drop(g, planned);
    layer->probe = closed->probe;
    eng_probe_hold(layer->probe);
    free(closed->values);
    __atomic_store_n(&layer->probe->armed, open, __ATOMIC_SEQ_CST);
    __atomic_store_n(&layer->probe->gate, open, __ATOMIC_SEQ_CST);
}

bool eng_first_reopen(eng *g, eng_method *m, eng_layer *layer)
{
    eng_layer closed;
    if (!take_closed(m, layer, false, &closed)) return false;
    reuse_probe(g, layer, &closed);
    return true;
}

static const char too_late[] =
    "code that can be unloaded, and it has been compiled already: only code that is compiled "
    "after the request can be instrumented";
static const char cannot_ask[] =
    "code that can be unloaded, and the runtime is unloading some at the moment: nobody can tell whether it has been "
    "compiled already; try again";
static const char too_late_dynamic[] =
    "a dynamic method that has been compiled already: those that the program makes after the request are instrumented";
static const char too_many_dynamic[] =
    "%u of this name have been compiled already: those that the program makes after the request are instrumented";
static const char runs_on[] = "it had been compiled already: calls that are running stay in its old code, unseen";
static const char other_probes[] =
    "code that can be unloaded, and it has been compiled already with other probes in it";

static bool again(eng_method *m, const eng_wish *wish, eng_client *c, eng_layer *layer)
{
    const eng_layer *known = eng_again_find(wish, m);
    void *block = known ? malloc(eng_shape_size(known) + 1) : NULL;
    eng_layer closed = {0};
    if (!block) return false;
    if (m->woven && !take_closed(m, known, true, &closed)) {
        free(block);
        return false;
    }
    free(closed.values);
    *layer = *known;
    eng_shape_copy(layer, known, block);
    layer->client = c;
    eng_probe_hold(layer->probe);
    return true;
}

static const char *too_late_for(eng *g, const eng_module *m, uint32_t token, bool now)
{
    switch (is_compiled(g, m, token, now)) {
    case ENG_NOT_JITTED: return NULL;
    case ENG_JITTED_UNKNOWN: return cannot_ask;
    case ENG_JITTED: break;
    }
    return m->dynamic ? too_late_dynamic : too_late;
}

const char *eng_first_too_late(eng *g, const eng_wish *w, const eng_method *m)
{
    return m->woven ? other_probes : too_late_for(g, m->module, m->token, w->being_made);
}

const char *eng_first_refusal(eng *g, eng_module *m, uint32_t method_rid, arena *a)
{
    const uint32_t token = CIL_TOKEN(CIL_METHOD_DEF, method_rid);
    const char *no_hook = eng_jit_why_not();
    if (no_hook) return arena_printf(a, ENG_JIT_NO_HOOK, no_hook);
    pthread_mutex_lock(&g->ledger);
    const eng_method *x = map_get(&g->methods, eng_key(m, token));
    bool woven = x && x->woven, closed = x && x->closed.n, wanted = x && x->layers.n;
    pthread_mutex_unlock(&g->ledger);
    if (woven) return closed ? NULL : other_probes;
    if (wanted) return NULL;
    if (m->dynamic && !eng_dynamic_is_late(m->dynamic)) return eng_dynamic_why(m->dynamic);
    if (m->dynamic) return arena_printf(a, too_many_dynamic, eng_dynamic_alike(m->dynamic));
    return too_late_for(g, m, token, true);
}

const char *eng_first_plan(eng *g, eng_client *c, eng_wish *wish, eng_method *m, eng_layers *l, eng_probe *out,
                           arena *a, err_t *e)
{
    err_t why = {0};
    if (!eng_hook_on(g, &why)) return arena_strdup(a, why.text);
    const char *late = m->woven ? NULL : too_late_for(g, m->module, m->token, wish->being_made);
    if (late && m->module->dynamic && wish->being_made && !m->layers.n) late = eng_early_take(g, m);
    if (late) return late;
    if (m->module->dynamic && again(m, wish, c, &l->own)) {
        l->known = true;
        return NULL;
    }
    if (m->woven && !m->closed.n) return other_probes;
    if (!eng_plan(g, c, wish, (eng_target){.module = m->module, .rid = CIL_RID(m->token)}, l, out, a, e))
        return e->text;
    if (m->woven) {
        /* The two layers of an async call are woven together or not at all. */
        if (l->body_rid || !eng_first_reopen(g, m, &l->own)) {
            eng_plan_undo(g, c, l);
            return other_probes;
        }
    }
    if (m->module->dynamic) eng_again_keep(wish, m, &l->own);
    return NULL;
}

const char *eng_first_note(eng *g, const eng_wish *wish, const eng_method *m)
{
    if (!m->module->hooked || m->woven || !wish->being_made) return NULL;
    if (m->module->dynamic) return eng_dynamic_compiled(m->module->dynamic) ? runs_on : NULL;
    if (!m->inlinable) return NULL;
    return eng_is_jitted(g, m->module, 0) != ENG_NOT_JITTED
               ? "it may be inlined in code that had been compiled before: calls from there are not seen"
               : NULL;
}

void eng_first_close(eng_method *m, const eng_layer *l)
{
    eng_layer *place = VEC_PUSH(&m->closed);
    if (place)
        *place = *l;
    else
        free(l->values);
}

bool eng_first_settle(eng *g, eng_method *m)
{
    m->behind = false;
    if (m->layers.n) return !m->woven && !m->module->dynamic;
    if (!m->woven) retire(m);
    m->why = NULL;
    eng_set_state(g, m, ENG_REVERTED);
    return false;
}

void eng_first_check(eng *g)
{
    VEC(eng_method *) waiting = {0};
    uint64_t key;
    void *value;
    pthread_mutex_lock(&g->ledger);
    for (size_t at = 0; g->hooked_count && map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        if (!m->module->hooked || m->module->dynamic || m->state != ENG_REQUESTED || m->woven) continue;
        eng_method **place = VEC_PUSH(&waiting);
        if (place) *place = m;
    }
    pthread_mutex_unlock(&g->ledger);
    for (size_t i = 0; waiting.v && i < waiting.n; i++) {
        eng_method *m = waiting.v[i];
        if (!is_compiled(g, m->module, m->token, false)) continue;
        pthread_mutex_lock(&g->ledger);
        /* The hook says that it is woven before its code can be found. */
        if (!m->woven && m->state == ENG_REQUESTED) {
            m->why = too_late;
            eng_set_state(g, m, ENG_FAILED);
        }
        pthread_mutex_unlock(&g->ledger);
    }
    VEC_FREE(&waiting);
}

void eng_method_drop(eng *g, eng_method *m)
{
    map_remove(&g->methods, eng_key(m->module, m->token));
    for (size_t i = 0; i < m->layers.n; i++) {
        free(m->layers.v[i].values);
        eng_probe_drop(g, m->layers.v[i].probe);
    }
    for (size_t i = 0; i < m->closed.n; i++)
        free(m->closed.v[i].values);
    for (size_t i = 0; i < m->held.n; i++)
        eng_probe_drop(g, m->held.v[i]);
    VEC_FREE(&m->layers);
    VEC_FREE(&m->closed);
    VEC_FREE(&m->held);
    VEC_FREE(&m->instances);
    eng_set_state(g, m, ENG_REVERTED);
    g->hooked_count -= m->module->hooked;
    forget_bodies(m);
    buf_free(&m->body);
    free(m->map);
    free(m->name);
    free(m);
}

void eng_drop_methods(eng *g, const eng_module *module)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        if (m->module != module) continue;
        eng_method_drop(g, m);
        at--; /* what followed it may stand in its place now */
    }
}
