/*
 * Dynamic methods: code with a name, a signature of type handles, and no metadata. The runtime tells of each when it is
 * compiled and when it is collected. One that somebody asks for is described as a module of one method, of the type
 * <dynamic>; from there on it is a method like others.
 */
#include "engine/early.h"
#include "engine/jit-priv.h"
#include "engine/keep.h"
#include "engine/managed.h"
#include "engine/takeover.h"

#include "engine/engine-priv.h"

#include <stdlib.h>

#define TYPES_MOST 32u
#define METHOD     CIL_TOKEN(CIL_METHOD_DEF, 1)

/* A dynamic method as a module of one method. */
typedef struct description {
    eng_module module;
    buf_t metadata;
    arena memory; /* of the names */
    uint32_t type_count;
    cil_made_type types[TYPES_MOST]; /* row i + 1 of TypeRef, with its handle or 0 (only around another) */
    uint64_t handles[TYPES_MOST];
} description;

typedef struct eng_dynamic {
    struct eng_dynamic *next; /* of those that have been collected */
    clr_function_id id;
    bool compiled;  /* ledger lock: without anything of ours */
    bool early;     /* before the runtime told of it: found by a sweep */
    bool late;      /* nothing can come of it any more, as the last scan saw it; transaction lock, like `alike` */
    uint32_t alike; /* late: how many of the same name and signature the scan has found for it */
    char *name;
    cil_blob sig; /* with handles */
    char *owner;
    char *why;         /* it was refused, or NULL; ledger lock */
    const char *stays; /* early: why its code cannot be led elsewhere, or NULL */
    description *as;   /* while somebody wants it; transaction lock */
} eng_dynamic;

bool eng_is_dynamic_pattern(const char *pattern)
{
    return strncmp(pattern, ENG_DYNAMIC_TYPE, sizeof ENG_DYNAMIC_TYPE - 1) == 0;
}

/* ---- what the runtime tells ---- */

static void undescribe(eng_dynamic *d)
{
    if (!d->as) return;
    buf_free(&d->as->metadata);
    arena_free(&d->as->memory);
    free(d->as);
    d->as = NULL;
}

static void dynamic_free(eng_dynamic *d)
{
    undescribe(d);
    free(d->name);
    free(d->owner);
    free(d->why);
    free((void *)(uintptr_t)d->sig.p);
    free(d);
}

/* The runtime's own stubs and our hosts look like dynamic methods, and must be left alone. */
static bool is_stub(const char *name)
{
    return strncmp(name, "IL_STUB", 7) == 0 || strcmp(name, ENG_HOST_NAME) == 0;
}

static eng_dynamic *dynamic_new(const eng_swept *s, const eng_module *owner)
{
    size_t n = 0;
    while (n < s->name_chars && s->name[n])
        n++;
    buf_t name = {0};
    text_utf16_to_utf8(&name, s->name, n);
    eng_dynamic *d = is_stub(buf_cstr(&name)) ? NULL : calloc(1, sizeof *d);
    uint8_t *copy = d ? malloc(s->sig_size + 1) : NULL;
    if (copy) {
        memcpy(copy, s->sig, s->sig_size);
        d->id = s->id;
        d->sig = (cil_blob){copy, s->sig_size};
        d->name = strdup(buf_cstr(&name));
        d->owner = strdup(owner ? owner->file : "");
    }
    buf_free(&name);
    if (d && copy && d->name && d->owner) return d;
    if (d) dynamic_free(d);
    return NULL;
}

/* One that cannot be collected now: it is being compiled. */
static eng_dynamic *dynamic_of(eng *g, clr_function_id id)
{
    uint16_t text[ENG_DYNAMIC_NAME_MOST];
    eng_swept s = {.id = id, .name = text};
    if (g->info->vt->GetDynamicFunctionInfo(g->info, id, &s.owner, &s.sig, &s.sig_size, RJ_COUNT(text), &s.name_chars,
                                            text) < 0)
        return NULL;
    s.name_chars = RJ_MIN(s.name_chars, (uint32_t)RJ_COUNT(text));
    return dynamic_new(&s, eng_module_find(g, s.owner));
}

/* Under the ledger lock. */
static eng_method *entry_of(const eng *g, const eng_dynamic *d)
{
    return d->as ? map_get(&g->methods, eng_key(&d->as->module, METHOD)) : NULL;
}

/* Under both locks. */
static void drop(eng *g, eng_dynamic *d)
{
    eng_method *m = entry_of(g, d);
    if (m) eng_method_drop(g, m);
    dynamic_free(d);
}

/* Under both locks. */
static void bury(eng *g)
{
    for (eng_dynamic *d = g->collected, *next; d; d = next) {
        next = d->next;
        drop(g, d);
    }
    g->collected = NULL;
}

void eng_dynamics_bury(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    bury(g);
    pthread_mutex_unlock(&g->ledger);
}

void eng_dynamics_forget(eng *g)
{
    uint64_t key;
    void *value;
    bury(g);
    for (size_t at = 0; map_next(&g->dynamics, &at, &key, &value);)
        drop(g, value);
    map_free(&g->dynamics);
    g->swept = false;
}

void eng_dynamics_rest(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    if (!g->hooked) eng_dynamics_forget(g);
    pthread_mutex_unlock(&g->ledger);
}

/* Under the ledger lock. True: somebody must be told. */
static bool collect(eng *g, clr_function_id id)
{
    eng_dynamic *d = map_remove(&g->dynamics, id);
    bool first = d && !g->collected;
    if (!d) return false;
    d->next = g->collected;
    g->collected = d;
    return first;
}

/*
 * The runtime tells of it in cooperative mode: to wait for the transaction lock here would let nobody who holds it
 * suspend the process. The id may be another method's as soon as we return.
 */
void eng_dynamic_unloaded(eng *g, clr_function_id id)
{
    if (eng_takeover_unloaded(g, id) || eng_early_unloaded(g, id)) return;
    pthread_mutex_lock(&g->ledger);
    eng_sweep_unloaded(g, id);
    bool first = collect(g, id);
    pthread_mutex_unlock(&g->ledger);
    if (first && g->wake) g->wake(g->wake_owner);
}

/* ---- described as metadata ---- */

typedef struct describing {
    eng *g;
    description *as;
} describing;

/* The row of a handle, made with those of the types around it where it is new. */
static cil_token token_of(void *owner, uint64_t handle, bool *is_value)
{
    const describing *x = owner;
    description *d = x->as;
    uint32_t at = d->type_count, n = eng_type_names(x->g, handle, d->types + at, TYPES_MOST - at, is_value);
    for (uint32_t i = 0; i < at; i++)
        if (d->handles[i] == handle) return CIL_TOKEN(CIL_TYPE_REF, i + 1);
    if (!n) return 0;
    for (uint32_t i = 0; i < n; i++) {
        cil_made_type *t = &d->types[at + i];
        *t = (cil_made_type){arena_strdup(&d->memory, t->space), arena_strdup(&d->memory, t->name),
                             arena_strdup(&d->memory, t->assembly), i ? at + i : 0}; /* the row before it, from 1 */
        if (!t->space || !t->name || !t->assembly) return 0;
    }
    d->type_count += n;
    d->handles[at + n - 1] = handle;
    return CIL_TOKEN(CIL_TYPE_REF, at + n);
}

static bool write_metadata(const eng_dynamic *d, cil_blob locals, cil_blob sig, buf_t *out)
{
    return cil_make_method(ENG_DYNAMIC_TYPE, d->name, sig, locals, d->as->types, d->as->type_count, out);
}

static bool fill_description(eng *g, eng_dynamic *d, description *as)
{
    describing x = {g, as};
    const cil_handles names = {&x, token_of, NULL};
    eng_module *m = &as->module;
    buf_t sig = {0};
    d->as = as;
    bool ok = cil_sig_translate(d->sig, false, &names, &sig) &&
              write_metadata(d, (cil_blob){0}, (cil_blob){sig.p, (uint32_t)sig.n}, &as->metadata) &&
              cil_metadata_open(&m->image, as->metadata.p, as->metadata.n, NULL);
    buf_free(&sig);
    m->number = ENG_DYNAMIC_NUMBER | ++g->next_dynamic;
    m->file = m->path = d->owner;
    m->opened = m->offered = m->hooked = true;
    m->dynamic = d;
    return ok;
}

/* NULL: it cannot be said what it takes and returns. Under the transaction lock. */
static eng_module *describe(eng *g, eng_dynamic *d)
{
    if (d->as) return &d->as->module;
    description *as = calloc(1, sizeof *as);
    if (!as) return NULL;
    if (fill_description(g, d, as)) return &as->module;
    undescribe(d);
    return NULL;
}

/* ---- matching ---- */

static bool matches(eng *g, query_pattern *const *patterns, uint32_t count, eng_dynamic *d)
{
    buf_t scratch = {0};
    bool known = d->as, any = false;
    const eng_module *m = describe(g, d);
    for (uint32_t i = 0; m && i < count && !any; i++)
        any = query_pattern_assembly(patterns[i], m->assembly) &&
              query_pattern_method(patterns[i], &m->image, 1, &scratch);
    buf_free(&scratch);
    if (!any && !known) undescribe(d);
    return any;
}

/* One that was compiled when nobody listened. It may have been collected since, and so may the module it is in. */
static void adopt(eng *g, const eng_swept *s)
{
    eng_dynamic *d = dynamic_new(s, eng_module_known(g, s->owner));
    if (!d) return;
    d->early = d->compiled = true;
    d->stays = s->why;
    pthread_mutex_lock(&g->ledger);
    bool kept =
        !s->gone && !eng_early_is_host(g, s->id) && !map_get(&g->dynamics, s->id) && map_put(&g->dynamics, s->id, d);
    pthread_mutex_unlock(&g->ledger);
    if (!kept) dynamic_free(d);
}

/* First those for which it is too late, of which those that look the same side by side. */
static int by_look(const void *x, const void *y)
{
    const eng_dynamic *a = *(eng_dynamic *const *)x, *b = *(eng_dynamic *const *)y;
    if (a->late != b->late) return b->late - a->late;
    int order = strcmp(a->name, b->name);
    if (!order) order = strcmp(a->owner, b->owner);
    if (!order) order = (a->sig.n > b->sig.n) - (a->sig.n < b->sig.n);
    if (!order) order = memcmp(a->sig.p, b->sig.p, a->sig.n);
    return order ? order : (a->id > b->id) - (a->id < b->id);
}

static bool looks_like(const eng_dynamic *a, const eng_dynamic *b)
{
    return a->late && b->late && strcmp(a->name, b->name) == 0 && strcmp(a->owner, b->owner) == 0 &&
           a->sig.n == b->sig.n && memcmp(a->sig.p, b->sig.p, a->sig.n) == 0;
}

#define ALIKE_MOST 8u

/*
 * A program may have made thousands of a name, most of which nobody uses any more: one stands for all of them, for it
 * is too late. What there are few of may be given new bodies, each its own.
 */
static void fold(eng_dynamic **all, size_t *n)
{
    size_t kept = 0, alike;
    if (!all || !*n) return;
    qsort(all, *n, sizeof(eng_dynamic *), by_look);
    for (size_t i = 0; i < *n; i += alike) {
        for (alike = 1; i + alike < *n && looks_like(all[i], all[i + alike]);)
            alike++;
        const bool many = alike > ALIKE_MOST;
        for (size_t k = 0; k < (many ? 1 : alike); k++) {
            all[i + k]->late = many;
            all[i + k]->alike = (uint32_t)alike;
            all[kept++] = all[i + k];
        }
    }
    *n = kept;
}

static void look_for_early(eng *g)
{
    eng_sweep s;
    if (g->swept) return;
    g->swept = eng_sweep_code(g, &s);
    for (uint32_t i = 0; i < s.count; i++)
        adopt(g, &s.found[i]);
    eng_sweep_free(g, &s);
}

void eng_scan_dynamic(eng *g, query_pattern *const *patterns, uint32_t count, eng_hits *h)
{
    VEC(eng_dynamic *) all = {0};
    look_for_early(g);
    eng_dynamics_bury(g);
    uint64_t key;
    void *value;
    pthread_mutex_lock(&g->ledger);
    for (size_t at = 0; map_next(&g->dynamics, &at, &key, &value);) {
        eng_dynamic **place = VEC_PUSH(&all), *d = value;
        d->late = d->compiled && !entry_of(g, d);
        if (place) *place = d;
        h->failed |= !place;
    }
    pthread_mutex_unlock(&g->ledger);
    fold(all.v, &all.n);
    for (size_t i = 0; all.v && i < all.n; i++) {
        if (!matches(g, patterns, count, all.v[i])) continue;
        eng_target *t = VEC_PUSH(&h->found);
        if (t) *t = (eng_target){.module = &all.v[i]->as->module, .rid = 1};
        h->failed |= !t;
    }
    VEC_FREE(&all);
}

static void offer(eng *g, eng_client *c, eng_wish *w, eng_dynamic *d)
{
    if (!w->dynamic_count || !matches(g, w->dynamic, w->dynamic_count, d)) return;
    eng_news *n = calloc(1, sizeof *n);
    if (!n) return;
    err_t e = {0};
    const eng_target t = {.module = &d->as->module, .rid = 1};
    n->kind = ENG_NEWS_PROBES;
    if (!eng_add_layers(g, c, w, &t, 1, &n->result, &e)) log_line(LOG_WARN, "engine", "%s: %s", d->name, e.text);
    if (n->result.probes.n || n->result.refusals.n)
        eng_tell(g, c, n);
    else
        eng_news_free(n);
}

/*
 * A method that is compiled for the second time (its first compile failed) is known already. One that a sweep has found
 * has its code: what is compiled now is another, and nobody told us of the end of the first, which came while the
 * runtime began to tell.
 */
static eng_dynamic *note(eng *g, clr_function_id id)
{
    eng_dynamic *d = dynamic_of(g, id);
    if (!d) return NULL;
    pthread_mutex_lock(&g->ledger);
    const eng_dynamic *known = map_get(&g->dynamics, id);
    if (known && known->early) collect(g, id);
    bool kept = g->hooked && !map_get(&g->dynamics, id) && map_put(&g->dynamics, id, d);
    pthread_mutex_unlock(&g->ledger);
    if (kept) return d;
    dynamic_free(d);
    return NULL;
}

void eng_dynamic_started(eng *g, clr_function_id id)
{
    if (eng_managed_self(g)) return; /* our own hosts */
    pthread_mutex_lock(&g->ledger);
    bool hooked = g->hooked;
    pthread_mutex_unlock(&g->ledger);
    eng_dynamic *d = hooked ? note(g, id) : NULL;
    if (!d) return;
    pthread_mutex_lock(&g->ledger);
    bool anybody = g->dynamic_wishes != 0;
    pthread_mutex_unlock(&g->ledger);
    if (!anybody) return;
    eng_transaction_lock(g);
    eng_dynamics_bury(g);
    for (eng_client *c = g->clients; c; c = c->next)
        for (eng_wish *w = c->wishes; w; w = w->next)
            offer(g, c, w, d);
    pthread_mutex_unlock(&g->transaction);
}

bool eng_dynamic_compiled(const eng_dynamic *d)
{
    return d->compiled;
}

clr_function_id eng_dynamic_id(const eng_dynamic *d)
{
    return d->id;
}

const char *eng_dynamic_why(const eng_dynamic *d)
{
    return d->stays;
}

bool eng_dynamic_is_late(const eng_dynamic *d)
{
    return d->late;
}

uint32_t eng_dynamic_alike(const eng_dynamic *d)
{
    return d->alike;
}

/* ---- probes of methods that are made anew ---- */

typedef struct eng_again {
    struct eng_again *next;
    const char *name; /* with its parameters */
    eng_layer layer;
} eng_again;

void eng_again_drop(eng *g, const eng_wish *w)
{
    for (const eng_again *a = w->again; a; a = a->next)
        eng_probe_drop(g, a->layer.probe);
}

const eng_layer *eng_again_find(const eng_wish *w, const eng_method *m)
{
    for (const eng_again *a = w->again; a; a = a->next)
        if (strcmp(a->name, m->name) == 0) return &a->layer;
    return NULL;
}

bool eng_again_keep(eng_wish *w, const eng_method *m, const eng_layer *layer)
{
    eng_again *a = arena_alloc(&w->memory, sizeof *a);
    if (!a) return false;
    *a = (eng_again){w->again, arena_strdup(&w->memory, m->name), *layer};
    void *block = arena_alloc(&w->memory, eng_shape_size(layer) + 1);
    if (!a->name || !block) return false;
    eng_shape_copy(&a->layer, layer, block);
    eng_probe_hold(layer->probe);
    w->again = a;
    return true;
}

/* ---- weaving, inside the compile ---- */

typedef struct weaving {
    eng_compile *c;
    const eng_dynamic *d;
    eng_first *first;
    uint32_t sigs, types;
    struct made {
        cil_token token;
        cil_blob blob;
    } made[WEAVE_SIGS + TYPES_MOST];
    uint32_t made_count;
} weaving;

/* Rows that no scope has. */
enum { OWN_RIDS = 0xF00000 };

static uint64_t handle_of(void *owner, cil_token token)
{
    const description *d = owner;
    uint32_t at = CIL_RID(token) - 1;
    return CIL_TABLE(token) == CIL_TYPE_REF && at < d->type_count ? d->handles[at] : 0;
}

/* With handles in the place of tokens, kept as long as the body; an empty one where it cannot be. */
static cil_blob with_handles(weaving *w, cil_blob sig, bool is_type)
{
    const cil_handles handles = {w->d->as, NULL, handle_of};
    buf_t out = {0};
    cil_blob kept = {0};
    if (cil_sig_translate(sig, is_type, &handles, &out))
        kept = (cil_blob){arena_copy(&w->first->memory, out.p, out.n), (uint32_t)out.n};
    buf_free(&out);
    return kept.p ? kept : (cil_blob){0};
}

static cil_token make(weaving *w, cil_table table, cil_blob blob, err_t *e)
{
    for (uint32_t i = 0; i < w->made_count; i++) {
        const struct made *m = &w->made[i];
        if (CIL_TABLE(m->token) == table && m->blob.n == blob.n && memcmp(m->blob.p, blob.p, blob.n) == 0)
            return m->token;
    }
    uint8_t *copy = arena_copy(&w->first->memory, blob.p, blob.n);
    if (!copy || w->made_count == RJ_COUNT(w->made)) {
        err_set(e, copy ? ERR_REFUSED : ERR_MEMORY, -1, copy ? "it has too many types" : "out of memory");
        return 0;
    }
    cil_token token = CIL_TOKEN(table, OWN_RIDS + w->made_count);
    w->made[w->made_count++] = (struct made){token, {copy, blob.n}};
    return token;
}

static cil_token make_sig(void *owner, cil_blob sig, err_t *e)
{
    return make(owner, CIL_STAND_ALONE_SIG, sig, e);
}

static cil_token make_type(void *owner, cil_blob type, err_t *e)
{
    return make(owner, CIL_TYPE_SPEC, type, e);
}

/* Asks the runtime, in the method's own scope; it may throw, and take this compile with it. */
static uintptr_t type_handle(const weaving *w, cil_blob type)
{
    const eng_compile *c = w->c;
    clr_jit_sig sig = c->original->sig;
    uintptr_t handle = 0;
    sig.args = sig.blob = type.p;
    sig.blob_size = type.n;
    sig.arg_count = 1;
    ((clr_jit_get_arg_type *)eng_jit_real(c, CLR_JIT_GET_ARG_TYPE))(c->ee, &sig, type.p, &handle);
    if (!handle) handle = ((clr_jit_get_arg_class *)eng_jit_real(c, CLR_JIT_GET_ARG_CLASS))(c->ee, &sig, type.p);
    return handle;
}

/* What the hook answers for the tokens: the TypeRefs, and what was made; handles of the latter come later. */
static bool make_answers(weaving *w, err_t *e)
{
    eng_first *f = w->first;
    f->sigs = arena_array(&f->memory, w->made_count + 1u, sizeof *f->sigs);
    f->types = arena_array(&f->memory, w->made_count + w->d->as->type_count + 1u, sizeof *f->types);
    if (!f->sigs || !f->types) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < w->d->as->type_count; i++)
        f->types[f->type_count++] = (eng_jit_type){CIL_TOKEN(CIL_TYPE_REF, i + 1), w->d->as->handles[i]};
    for (uint32_t i = 0; i < w->made_count; i++) {
        struct made *m = &w->made[i];
        m->blob = with_handles(w, m->blob, CIL_TABLE(m->token) == CIL_TYPE_SPEC);
        if (!m->blob.n) return err_set(e, ERR_REFUSED, -1, "it has a type that cannot be named");
        if (m->token == f->parts.locals_token)
            f->parts.locals = m->blob;
        else if (CIL_TABLE(m->token) == CIL_STAND_ALONE_SIG)
            f->sigs[f->sig_count++] = (eng_jit_sig){m->token, m->blob.p, m->blob.n};
    }
    return true;
}

static void resolve_types(weaving *w)
{
    eng_first *f = w->first;
    for (uint32_t i = 0; i < w->made_count; i++) {
        const struct made *m = &w->made[i];
        if (CIL_TABLE(m->token) == CIL_TYPE_SPEC)
            f->types[f->type_count++] = (eng_jit_type){m->token, type_handle(w, m->blob)};
    }
}

static bool weave_body(weaving *w, const cil_image *image, cil_blob body, eng_method *m, arena *scratch, err_t *e)
{
    eng_first *f = w->first;
    weave_output out = {0};
    const weave_input in = {.image = image,
                            .method_rid = 1,
                            .body = body,
                            .layers = eng_weave_layers(scratch, m),
                            .layer_count = (uint32_t)m->layers.n,
                            .plain_most = ENG_PLAIN_MOST,
                            .tokens = {.owner = w, .stand_alone_sig = make_sig, .type_spec = make_type},
                            .catch_by_filter = w->d->compiled, /* in a host: early.c */
                            .unproved = true};
    bool ok = (in.layers || err_set(e, ERR_MEMORY, -1, "out of memory")) && weave_method(scratch, &in, &out, e);
    if (ok && !eng_keep_with(m)) ok = err_set(e, ERR_MEMORY, -1, "out of memory");
    const uint8_t *kept = ok ? arena_copy(&f->memory, out.body.p, out.body.n) : NULL;
    if (ok && !kept) ok = err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = ok && eng_jit_parse(&f->memory, (cil_blob){kept, (uint32_t)out.body.n}, &f->parts, e);
    weave_output_free(&out);
    return ok && make_answers(w, e);
}

/* The method as metadata once more, now with its locals, which only the compile knows. Under the transaction lock. */
static bool weave(weaving *w, eng_method *m, const buf_t *body, err_t *e)
{
    const eng_dynamic *d = w->d;
    const clr_jit_sig *l = &w->c->original->locals;
    const cil_blob own = {l->blob, l->blob_size};
    const cil_blob locals = w->first && l->arg_count ? with_handles(w, own, false) : (cil_blob){0};
    cil_blob sig = cil_cell_blob(&d->as->module.image, CIL_METHOD_DEF, 1, CIL_METHOD_DEF_SIG);
    arena scratch = {0};
    buf_t metadata = {0};
    cil_image image;
    bool ok = (w->first && !body->failed && (locals.n || !l->arg_count) && write_metadata(d, locals, sig, &metadata)) ||
              err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = ok && cil_metadata_open(&image, metadata.p, metadata.n, e) &&
         weave_body(w, &image, (cil_blob){body->p, (uint32_t)body->n}, m, &scratch, e);
    buf_free(&metadata);
    arena_free(&scratch);
    return ok;
}

static void refuse(eng *g, eng_dynamic *d, eng_method *m, const char *why)
{
    pthread_mutex_lock(&g->ledger);
    free(d->why);
    m->why = d->why = strdup(why);
    eng_set_state(g, m, ENG_FAILED);
    d->compiled = true;
    pthread_mutex_unlock(&g->ledger);
    if (g->wake) g->wake(g->wake_owner);
}

/* The method's entry, where it has layers; otherwise it is compiled as it is. */
static eng_method *wanted(eng *g, eng_dynamic *d)
{
    pthread_mutex_lock(&g->ledger);
    eng_method *m = entry_of(g, d);
    if (!m) d->compiled = true;
    pthread_mutex_unlock(&g->ledger);
    return m;
}

/*
 * The runtime is asked without a lock: what it throws goes past us. The method cannot be collected while it is being
 * compiled.
 */
eng_first *eng_dynamic_weave(eng *g, eng_dynamic *d, eng_compile *c)
{
    eng_method *m = wanted(g, d);
    if (!m) return NULL;
    if (eng_jit_is_stub(c)) {
        refuse(g, d, m, "it is a stub of the runtime's own");
        return NULL;
    }
    buf_t body = {0};
    err_t e = {0};
    eng_jit_compose(c, c->original->locals.arg_count ? CIL_TOKEN(CIL_STAND_ALONE_SIG, 1) : 0, &body);
    eng_transaction_lock(g);
    weaving w = {.c = c, .d = d, .first = m->layers.n ? eng_first_new(g, m) : NULL};
    bool any = m->layers.n, ok = any && weave(&w, m, &body, &e);
    d->compiled |= !any;
    pthread_mutex_unlock(&g->transaction);
    buf_free(&body);
    if (!ok) {
        eng_first_free(w.first);
        if (any) refuse(g, d, m, e.text);
        return NULL;
    }
    resolve_types(&w);
    pthread_mutex_lock(&g->ledger);
    w.first->older = m->first;
    m->first = w.first;
    pthread_mutex_unlock(&g->ledger);
    return w.first;
}
