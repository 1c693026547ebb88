/*
 * `asm`: where the native code of methods lies, version by version. The client reads the bytes.
 *
 * Code of ordinary methods is never freed, and what can be unloaded waits for the transaction lock before it goes. So
 * everything is asked of the runtime under that lock; only dynamic methods, which do not wait, are left alone.
 */
#include "engine/takeover.h"

#include <stdlib.h>

#define VERSIONS_MOST  64u   /* of a method, that are asked for */
#define CODES_MOST     16u   /* of one version */
#define RANGES_MOST    8u    /* of one piece of code */
#define INSTANCES_MOST 4096u /* of all generic methods together */
#define ARGS_MOST      16u

/* A generic method has code for each instantiation, or for several that share it. */
typedef struct instance {
    clr_function_id function;
    clr_module_id module;
    uint32_t token;
} instance;

typedef struct instances {
    instance *wanted, *found; /* wanted: generic methods, in order */
    uint32_t wanted_count, found_count;
    bool full;
} instances;

static int by_method(const void *x, const void *y)
{
    const instance *a = x, *b = y;
    if (a->module != b->module) return a->module < b->module ? -1 : 1;
    return (a->token > b->token) - (a->token < b->token);
}

static int by_function(const void *x, const void *y)
{
    const instance *a = x, *b = y;
    return (a->function > b->function) - (a->function < b->function);
}

static bool list_wanted(const eng_found_targets *s, arena *a, size_t count, instances *x)
{
    x->wanted = arena_array(a, count + 1, sizeof *x->wanted);
    for (size_t i = 0; x->wanted && i < count; i++) {
        const eng_target *t = &s->hits.found.v[i];
        if (t->module->dynamic || !eng_is_generic(t->module, t->rid)) continue;
        x->wanted[x->wanted_count++] = (instance){.module = t->module->id, .token = CIL_TOKEN(CIL_METHOD_DEF, t->rid)};
    }
    if (x->wanted_count) qsort(x->wanted, x->wanted_count, sizeof *x->wanted, by_method);
    return x->wanted_count != 0;
}

/* The process is suspended: nothing is allocated. */
static void walk_jitted(eng *g, clr_enum *all, instances *x)
{
    clr_jitted_function f;
    for (uint32_t got = 0; all->vt->Next(all, 1, &f, &got) >= 0 && got == 1;) {
        clr_class_id type;
        instance i = {.function = f.function};
        if (g->info->vt->GetFunctionInfo(g->info, f.function, &type, &i.module, &i.token) < 0) continue;
        if (!bsearch(&i, x->wanted, x->wanted_count, sizeof i, by_method)) continue;
        x->full |= x->found_count == INSTANCES_MOST;
        if (!x->full) x->found[x->found_count++] = i;
    }
}

static void list_instances(eng *g, arena *a, const eng_found_targets *s, size_t count, instances *x)
{
    clr_enum *all = NULL;
    if (!list_wanted(s, a, count, x)) return;
    x->found = arena_array(a, INSTANCES_MOST, sizeof *x->found);
    if (!x->found || !eng_suspend_code(g)) return;
    if (g->info->vt->EnumJITedFunctions2(g->info, &all) >= 0 && all) {
        walk_jitted(g, all, x);
        all->vt->unknown.Release(all);
    }
    eng_resume(g);
}

/* ---- one piece of code ---- */

static void put_range(buf_t *reply, uint64_t start, uint64_t size)
{
    size_t group = wire_open(reply, WIRE_T_RANGE);
    wire_u64(reply, WIRE_T_ADDRESS, start);
    wire_u64(reply, WIRE_T_BYTES, size);
    wire_close(reply, group);
}

/* Which generic arguments the code is for. */
static void put_arguments(eng *g, clr_function_id f, buf_t *reply)
{
    clr_class_id type = 0, args[ARGS_MOST];
    clr_module_id module;
    uint32_t token, n = 0;
    buf_t text = {0};
    if (g->info->vt->GetFunctionInfo2(g->info, f, 0, &type, &module, &token, ARGS_MOST, &n, args) < 0) return;
    if (type) eng_type_name(g, type, true, &text);
    if (!strchr(buf_cstr(&text), '<')) text.n = 0; /* the method alone is generic */
    for (uint32_t i = 0; i < n && i < ARGS_MOST; i++) {
        buf_str(&text, i ? "," : text.n ? " <" : "<");
        eng_type_name(g, args[i], false, &text);
    }
    if (n) buf_u8(&text, '>');
    wire_text(reply, WIRE_T_NAME, buf_cstr(&text));
    buf_free(&text);
}

/* Code as the runtime has it for a version; body: what IL it was made of. */
typedef struct piece {
    const eng_target *t;
    clr_function_id function;
    clr_rejit_id version;
    const char *body;
    bool generic;
} piece;

static void put_code(eng *g, const piece *p, uintptr_t start, const char *kind, buf_t *reply)
{
    clr_code_info ranges[RANGES_MOST];
    uint32_t n = 0;
    if (g->info->vt->GetCodeInfo4(g->info, start, RANGES_MOST, &n, ranges) < 0 || !n) return;
    size_t group = wire_open(reply, WIRE_T_NATIVE);
    wire_text(reply, WIRE_T_CODE_KIND, kind);
    wire_text(reply, WIRE_T_TEXT, p->body);
    wire_u32(reply, WIRE_T_VERSION, (uint32_t)p->version);
    if (p->generic) put_arguments(g, p->function, reply);
    for (uint32_t i = 0; i < n && i < RANGES_MOST; i++)
        put_range(reply, ranges[i].start, ranges[i].size);
    wire_close(reply, group);
}

/*
 * The API does not tell tiers. Whether code can have any is known; which it has the client tells from the order and
 * from the code itself.
 */
static const char *kind_of(eng *g, const eng_target *t, uintptr_t start)
{
    enum { AGGRESSIVE_OPTIMIZATION = 0x200 };
    const cil_image *im = &t->module->image;
    if (eng_is_precompiled(g, t->module, start)) return "R2R";
    if (cil_cell(im, CIL_METHOD_DEF, t->rid, CIL_METHOD_DEF_IMPL_FLAGS) & AGGRESSIVE_OPTIMIZATION) return "optimised";
    if (t->module->debug_build) return "unoptimised";
    return !t->module->hooked && eng_tiers_are_usual(g) ? "tiered" : "jitted";
}

/* From the oldest on: the runtime answers from the newest on, but first of all the original's very first. */
static void put_version(eng *g, const piece *p, buf_t *reply)
{
    uintptr_t starts[CODES_MOST];
    uint32_t n = 0;
    if (g->info->vt->GetNativeCodeStartAddresses(g->info, p->function, p->version, CODES_MOST, &n, starts) < 0) return;
    n = RJ_MIN(n, CODES_MOST);
    for (uint32_t i = 0; i < n; i++) {
        const uintptr_t start = starts[p->version ? n - 1 - i : i ? n - i : 0];
        put_code(g, p, start, kind_of(g, p->t, start), reply);
    }
}

/* ---- a method ---- */

static const eng_method *entry_of(eng *g, const eng_target *t)
{
    pthread_mutex_lock(&g->ledger);
    const eng_method *m = map_get(&g->methods, eng_key(t->module, CIL_TOKEN(CIL_METHOD_DEF, t->rid)));
    pthread_mutex_unlock(&g->ledger);
    return m;
}

static const char *body_of_version(eng *g, const eng_target *t, const eng_method *m, bool newest)
{
    const uint64_t key = eng_key(t->module, CIL_TOKEN(CIL_METHOD_DEF, t->rid));
    pthread_mutex_lock(&g->ledger);
    const eng_inliner *i = map_get(&g->inliners, key);
    const bool is_inliner = i && i->live;
    const bool serves = m && eng_takeover_serves(m);
    pthread_mutex_unlock(&g->ledger);
    if (!newest) return "reverted";
    if (serves) return "switch";
    if (m && eng_weave_count(m)) return "woven";
    return is_inliner ? "inliner" : "reverted";
}

/* The runtime keeps the code of every version; those before the newest can only be running still. */
static void put_versions(eng *g, const eng_target *t, clr_function_id f, buf_t *reply)
{
    const eng_method *m = entry_of(g, t);
    clr_rejit_id ids[VERSIONS_MOST];
    uint32_t n = 0, old = 0;
    piece p = {.t = t,
               .function = f,
               .body = m && m->woven ? "woven" : "original",
               .generic = eng_is_generic(t->module, t->rid)};
    put_version(g, &p, reply);
    if (g->info->vt->GetReJITIDs(g->info, f, VERSIONS_MOST, &n, ids) < 0) n = 0;
    n = RJ_MIN(n, VERSIONS_MOST);
    clr_rejit_id newest = 0;
    for (uint32_t i = 0; i < n; i++)
        newest = RJ_MAX(newest, ids[i]);
    if (!newest) return;
    p.version = newest;
    p.body = body_of_version(g, t, m, true);
    put_version(g, &p, reply);
    for (uint32_t i = 0; i < n; i++)
        old += ids[i] != newest && ids[i] != 0;
    if (old) wire_u32(reply, WIRE_T_COUNT, old);
}

/* The host that a method which is taken over runs in. */
static void put_host(eng *g, const eng_target *t, buf_t *reply)
{
    const eng_method *m = entry_of(g, t);
    const uint8_t *entry = NULL;
    uint32_t size = 0;
    pthread_mutex_lock(&g->ledger);
    if (m && m->layers.n) eng_takeover_code(m, &entry, &size);
    pthread_mutex_unlock(&g->ledger);
    if (!entry) return;
    size_t group = wire_open(reply, WIRE_T_NATIVE);
    wire_text(reply, WIRE_T_CODE_KIND, "takeover");
    wire_text(reply, WIRE_T_TEXT, "woven");
    put_range(reply, (uint64_t)(uintptr_t)entry, size);
    wire_close(reply, group);
}

typedef struct naming {
    const eng_method *m;
    buf_t *reply;
} naming;

static void put_symbol(void *owner, uint64_t address, const char *text, uint32_t layer)
{
    const naming *n = owner;
    buf_t whole = {0};
    buf_printf(&whole, "probe: %s", text);
    if (layer < n->m->layers.n) {
        whole.n = 0;
        buf_printf(&whole, "%s of client %u", text, n->m->layers.v[layer].client->id);
    }
    size_t group = wire_open(n->reply, WIRE_T_SYMBOL);
    wire_u64(n->reply, WIRE_T_ADDRESS, address);
    wire_text(n->reply, WIRE_T_TEXT, buf_cstr(&whole));
    wire_close(n->reply, group);
    buf_free(&whole);
}

static void put_symbols(eng *g, const eng_target *t, arena *a, buf_t *reply)
{
    naming n = {entry_of(g, t), reply};
    if (n.m) eng_symbols(n.m, a, put_symbol, &n);
}

/* Those that the runtime lists, and those of which there are versions of ours. */
static void put_instances(eng *g, const eng_target *t, const instances *x, arena *a, buf_t *reply)
{
    const cil_token token = CIL_TOKEN(CIL_METHOD_DEF, t->rid);
    const eng_method *m = entry_of(g, t);
    uint32_t n = 0;
    instance *all = arena_array(a, x->found_count + ENG_INSTANCES_MOST, sizeof *all);
    for (uint32_t i = 0; all && i < x->found_count; i++)
        if (x->found[i].module == t->module->id && x->found[i].token == token) all[n++] = x->found[i];
    pthread_mutex_lock(&g->ledger);
    for (size_t i = 0; all && m && i < m->instances.n; i++)
        all[n++] = (instance){m->instances.v[i], t->module->id, token};
    pthread_mutex_unlock(&g->ledger);
    if (n) qsort(all, n, sizeof *all, by_function);
    for (uint32_t i = 0; i < n; i++)
        if (!i || all[i].function != all[i - 1].function) put_versions(g, t, all[i].function, reply);
    wire_text(reply, WIRE_T_NOTE,
              x->full ? "there are too many instantiations to list them all"
                      : "instantiations that have precompiled code alone are not listed");
}

static void put_codes(eng *g, const eng_target *t, const instances *x, arena *a, buf_t *reply)
{
    clr_function_id f = 0;
    if (eng_is_generic(t->module, t->rid))
        put_instances(g, t, x, a, reply);
    else if (g->info->vt->GetFunctionFromToken(g->info, t->module->id, CIL_TOKEN(CIL_METHOD_DEF, t->rid), &f) >= 0 && f)
        put_versions(g, t, f, reply);
    put_host(g, t, reply);
}

static void put_method(eng *g, const eng_target *t, void *owner, buf_t *reply)
{
    const instances *x = owner;
    arena a = {0};
    buf_t name = {0};
    cil_method_name(&t->module->image, t->rid, true, &name);
    size_t group = wire_open(reply, WIRE_T_BODY);
    wire_text(reply, WIRE_T_NAME, buf_cstr(&name));
    wire_text(reply, WIRE_T_MODULE, t->module->file);
    wire_u32(reply, WIRE_T_TOKEN, CIL_TOKEN(CIL_METHOD_DEF, t->rid));
    const bool has_il = !t->module->dynamic && eng_has_il(t->module, t->rid);
    const char *why = has_il || t->module->dynamic ? NULL : eng_refusal_of(g, t->module, t->rid, &a);
    if (t->module->dynamic)
        wire_text(reply, WIRE_T_REASON, "a dynamic method: its code may be freed at any moment");
    else if (!has_il)
        wire_text(reply, WIRE_T_REASON, why ? why : "it has no code of its own");
    else
        put_codes(g, t, x, &a, reply);
    put_symbols(g, t, &a, reply);
    wire_close(reply, group);
    buf_free(&name);
    arena_free(&a);
}

bool eng_describe_code(eng *g, const char *const *patterns, uint32_t count, uint32_t most, buf_t *reply, err_t *e)
{
    eng_found_targets s = {.patterns = NULL};
    instances x = {.full = false};
    pthread_mutex_lock(&g->transaction);
    bool ok = eng_search(g, patterns, count, &s, e);
    if (ok) list_instances(g, &s.memory, &s, RJ_MIN(s.hits.found.n, (size_t)most), &x);
    if (ok) eng_list_found(g, &s, most, put_method, &x, reply);
    eng_search_free(g, &s);
    pthread_mutex_unlock(&g->transaction);
    return ok;
}
