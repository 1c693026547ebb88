/* Back to what is left: versions without layers are reverted, and with the last of them the inliners that were compiled
 * for their sake. */
#include "engine/keep.h"
#include "engine/park.h"
#include "engine/takeover.h"

#include <stdlib.h>

typedef struct batch_of {
    clr_module_id *modules;
    uint32_t *tokens;
    clr_hresult *results;
    uint32_t n;
} batch_of;

static bool room(arena *a, batch_of *b, size_t count)
{
    b->modules = arena_array(a, count + 1, sizeof *b->modules);
    b->tokens = arena_array(a, count + 1, sizeof *b->tokens);
    b->results = arena_array(a, count + 1, sizeof *b->results);
    return b->modules && b->tokens && b->results;
}

static void put(batch_of *b, const eng_module *m, uint32_t token)
{
    if (m->unloaded) return;
    b->modules[b->n] = m->id;
    b->tokens[b->n++] = token;
}

/* ---- layers ---- */

bool eng_is_clients(const void *owner, const eng_method *m, const eng_layer *l)
{
    (void)m;
    return l->client == owner;
}

bool eng_is_marked(const void *owner, const eng_method *m, const eng_layer *l)
{
    (void)owner, (void)l;
    return m->marked;
}

static void drop_layer(eng *g, eng_method *m, eng_layer *l)
{
    __atomic_store_n(&l->probe->gate, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&l->probe->armed, 0, __ATOMIC_SEQ_CST);
    m->left++;
    bool parks = eng_parks(m, l);
    if (parks)
        eng_park(g, m, l);
    else if (m->woven)
        eng_first_close(m, l);
    else
        free(l->values);
    eng_probe_drop(g, l->probe);
    m->behind |= !parks;
}

static bool has_layer_of(const eng_method *m, const probe *p)
{
    for (size_t i = 0; i < m->layers.n; i++)
        if (m->layers.v[i].probe == p) return true;
    return false;
}

/* A layer of a pair whose other one has gone. */
static bool is_widow(const void *owner, const eng_method *m, const eng_layer *l)
{
    (void)owner, (void)m;
    return l->with && !has_layer_of(l->with, l->probe);
}

static void drop_layers(eng *g, eng_goes *goes, const void *owner)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        size_t kept = 0;
        for (size_t i = 0; i < m->layers.n; i++) {
            eng_layer *l = &m->layers.v[i];
            if (goes(owner, m, l))
                drop_layer(g, m, l);
            else
                m->layers.v[kept++] = *l;
        }
        m->layers.n = kept;
    }
}

void eng_remove_layers(eng *g, eng_goes *goes, const void *owner)
{
    drop_layers(g, goes, owner);
    drop_layers(g, is_widow, NULL);
}

/* ---- inliners ---- */

/* The oldest transaction that still has a method instrumented, or parked, which anybody may have inlined; UINT64_MAX
 * where none has. wanted: not only parked. */
static uint64_t oldest_batch(eng *g, bool *wanted)
{
    uint64_t oldest = UINT64_MAX, key;
    void *value;
    *wanted = false;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        const eng_method *m = value;
        if (!m->inlinable || !eng_keeps_body(m)) continue;
        oldest = RJ_MIN(oldest, m->batch);
        *wanted |= !eng_is_parked(m);
    }
    return oldest;
}

/* Inliners that no instrumented method can need any more: all that could have asked for them are gone. */
static void collect_inliners(eng *g, uint64_t oldest, batch_of *b)
{
    uint64_t key;
    void *value;
    g->inliners_noted = false;
    for (size_t at = 0; map_next(&g->inliners, &at, &key, &value);) {
        eng_inliner *i = value;
        const eng_method *own = map_get(&g->methods, key);
        if (!i->live || i->batch >= oldest || (own && eng_keeps_body(own))) continue;
        i->live = false;
        put(b, i->module, i->token);
    }
}

/* ---- the runtime ---- */

static bool revert(eng *g, batch_of *b, err_t *e)
{
    bool ok = true;
    if (b->n) log_line(LOG_DEBUG, "engine", "reverts %u methods", b->n);
    eng_pace pace = {.rests = true};
    for (uint32_t at = 0, n; at < b->n; at += n) {
        n = eng_pace_take(&pace, b->n - at);
        clr_hresult hr = g->info->vt->RequestRevert(g->info, n, b->modules + at, b->tokens + at, b->results + at);
        if (hr < 0) ok = err_set(e, ERR_RUNTIME, -1, "the runtime did not revert %u methods (%08x)", n, (unsigned)hr);
        eng_pace_rest(&pace, at + n < b->n);
    }
    return ok;
}

/* New versions from the original IL: there is no body for them any more. */
static void request_plain(eng *g, batch_of *b)
{
    eng_pace pace = {.rests = true};
    for (uint32_t at = 0, n; at < b->n; at += n) {
        n = eng_pace_take(&pace, b->n - at);
        if (eng_ask(g, n, b->modules + at, b->tokens + at) < 0)
            g->info->vt->RequestRevert(g->info, n, b->modules + at, b->tokens + at, b->results + at);
        eng_pace_rest(&pace, at + n < b->n);
    }
}

static void forget_body(eng *g, eng_method *m)
{
    buf_free(&m->body);
    free(m->map);
    m->map = NULL;
    m->map_count = 0;
    m->covered = m->behind = false;
    eng_park_forget(m);
    eng_set_state(g, m, ENG_REVERTED);
    VEC_FREE(&m->layers);
}

typedef struct settling {
    batch_of revert, plain;
    eng_method **again;
    size_t again_count;
} settling;

static bool settling_room(eng *g, arena *a, settling *s)
{
    size_t methods = g->methods.n;
    s->again = arena_array(a, methods + 1, sizeof *s->again);
    return s->again && room(a, &s->revert, methods + g->inliners.n) && room(a, &s->plain, methods);
}

/* Taken-over methods without layers need no version of the runtime's to be the original again. */
static void switch_off(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        if (!m->behind || m->layers.n || !m->takeover) continue;
        if (eng_takeover_is_left_alone(m) || m->state == ENG_FAILED) {
            m->stays |= m->state == ENG_FAILED;
            eng_takeover_leave(g, m);
            continue;
        }
        eng_takeover_off(g, m);
        if (!eng_takeover_serves(m)) continue;
        VEC_FREE(&m->layers);
        m->behind = false;
    }
}

/*
 * Methods without layers go back to their original code, unless others are instrumented that it may have inlined: their
 * calls through it would be missed. Then it becomes what any other inliner is: a new version of the original IL, until
 * those others are gone. Parked methods are no reason: their inliners are asked for anew where one has gone back.
 */
static void sort_out(eng *g, settling *s)
{
    uint64_t key;
    void *value;
    switch_off(g);
    bool wanted, any = false;
    uint64_t oldest = oldest_batch(g, &wanted);
    g->inliners_needed = oldest != UINT64_MAX;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        if (!m->behind) continue;
        if (m->module->hooked) {
            if (eng_first_settle(g, m)) s->again[s->again_count++] = m;
            continue;
        }
        if (m->layers.n) {
            s->again[s->again_count++] = m;
            continue;
        }
        forget_body(g, m);
        bool needed = wanted && eng_note_inliner(g, m->module, m->token);
        any |= !needed;
        put(needed ? &s->plain : &s->revert, m->module, m->token);
    }
    g->uncovered += any;
    collect_inliners(g, oldest, &s->revert);
}

static bool weave_again(eng *g, settling *s, err_t *e)
{
    size_t woven = 0;
    g->bulk = s->again_count > ENG_BULK;
    for (size_t i = 0; i < s->again_count; i++) {
        err_t why = {0};
        if (eng_weave(g, s->again[i], &why)) {
            s->again[woven++] = s->again[i];
            continue;
        }
        s->again[i]->behind = false; /* the old body stays, with the gone layers' gates closed */
        log_line(LOG_ERROR, "engine", "%s: %s", s->again[i]->name, why.text);
    }
    return !woven || eng_request_versions(g, NULL, s->again, woven, e);
}

bool eng_settle(eng *g, err_t *e)
{
    arena a = {0};
    settling s = {.again_count = 0};
    pthread_mutex_lock(&g->ledger); /* the runtime's callbacks add inliners at any time */
    bool ok = settling_room(g, &a, &s);
    if (ok) sort_out(g, &s);
    pthread_mutex_unlock(&g->ledger);
    if (!ok) err_set(e, ERR_MEMORY, -1, "out of memory");
    request_plain(g, &s.plain);
    ok = ok && revert(g, &s.revert, e);
    ok = weave_again(g, &s, e) && ok;
    arena_free(&a);
    return ok;
}
