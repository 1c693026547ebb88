/*
 * Which methods of hooked modules have been compiled, generic ones too. The runtime's list of jitted functions is not
 * to be walked while code comes and goes (that crashes on 8.0): only while the process is suspended, and no context is
 * being unloaded. Its finalizer may have begun with that before, and runs on in native code.
 */
#include "engine/engine-priv.h"

/* The managed side of contexts that have become garbage; its finalizer frees what they had loaded. */
#define SCOUT_SPACE "System.Reflection"
#define SCOUT_NAME  "LoaderAllocatorScout"

typedef struct search {
    eng *g;
    const eng_module *core;
    uint32_t scout;
    bool found;
} search;

static clr_hresult on_frame(clr_function_id function, uintptr_t ip, uintptr_t frame, uint32_t size, uint8_t *context,
                            void *owner)
{
    search *s = owner;
    clr_class_id type;
    clr_module_id module = 0;
    uint32_t token = 0;
    (void)ip, (void)frame, (void)size, (void)context;
    if (!function || s->g->info->vt->GetFunctionInfo(s->g->info, function, &type, &module, &token) < 0) return CLR_OK;
    s->found |= module == s->core->id && CIL_TABLE(token) == CIL_METHOD_DEF && CIL_RID(token) &&
                cil_method_owner(&s->core->image, CIL_RID(token)) == s->scout;
    return s->found ? CLR_FAIL : CLR_OK;
}

/* The runtime is suspended. Nothing begins to be unloaded then; true as well where it cannot be told. */
static bool is_unloading(search *s)
{
    eng_walked walked;
    eng_walk_threads(s->g, on_frame, s, &s->found, &walked);
    return s->found || walked.missed;
}

static void clear(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    for (size_t i = 0; i < g->modules.n; i++)
        g->modules.v[i]->jitted.n = 0;
    pthread_mutex_unlock(&g->ledger);
}

static void walk(eng *g, clr_enum *all)
{
    clr_jitted_function f;
    for (uint32_t got = 0; all->vt->Next(all, 1, &f, &got) >= 0 && got == 1;) {
        clr_class_id type;
        clr_module_id module;
        uint32_t token;
        if (g->info->vt->GetFunctionInfo(g->info, f.function, &type, &module, &token) < 0) continue;
        eng_module *m = eng_module_known(g, module);
        uint32_t *place = m && m->hooked ? VEC_PUSH(&m->jitted) : NULL;
        if (place) *place = token;
    }
}

bool eng_suspend_code(eng *g)
{
    search s = {.g = g, .core = eng_module_of_assembly(g, "System.Private.CoreLib")};
    s.scout = s.core ? eng_type_named(&s.core->image, SCOUT_SPACE, SCOUT_NAME) : 0;
    if (!s.scout || !eng_suspend(g)) return false;
    if (!is_unloading(&s)) return true;
    eng_resume(g);
    return false;
}

static bool look(eng *g)
{
    clr_enum *all = NULL;
    clear(g);
    if (!eng_suspend_code(g)) return false;
    const bool ok = g->info->vt->EnumJITedFunctions2(g->info, &all) >= 0 && all;
    if (ok) {
        walk(g, all);
        all->vt->unknown.Release(all);
    }
    eng_resume(g);
    return ok;
}

eng_jitted eng_is_jitted(eng *g, const eng_module *m, uint32_t token)
{
    if (g->jitted_of != g->batch) g->jitted_known = look(g);
    g->jitted_of = g->batch;
    if (!g->jitted_known) return ENG_JITTED_UNKNOWN;
    for (size_t i = 0; i < m->jitted.n; i++)
        if (!token || m->jitted.v[i] == token) return ENG_JITTED;
    return ENG_NOT_JITTED;
}
