/* The index of loaded modules: their images, opened when somebody first looks into them. */
#include "engine/engine-priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static char *utf8(const uint16_t *s, size_t n)
{
    buf_t b = {0};
    text_utf16_to_utf8(&b, s, n);
    char *copy = strdup(buf_cstr(&b));
    buf_free(&b);
    return copy;
}

static eng_module *module_new(eng *g, clr_module_id id)
{
    uint16_t name[1024];
    uint32_t used = 0;
    eng_module *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->id = id;
    if (g->info->vt->GetModuleInfo2(g->info, id, &m->base, RJ_COUNT(name), &used, name, &m->assembly_id, &m->flags) <
        0) {
        free(m);
        return NULL;
    }
    m->hooked = m->flags & (CLR_MODULE_DYNAMIC | CLR_MODULE_COLLECTIBLE);
    size_t chars = 0;
    while (chars < RJ_COUNT(name) && chars < used && name[chars])
        chars++;
    m->path = utf8(name, chars);
    if (!m->path) {
        free(m);
        return NULL;
    }
    char *slash = strrchr(m->path, '/');
    m->file = slash ? slash + 1 : m->path;
    uint16_t assembly_name[256];
    if (g->info->vt->GetAssemblyInfo(g->info, m->assembly_id, RJ_COUNT(assembly_name), &used, assembly_name, NULL,
                                     NULL) >= 0) {
        chars = 0;
        while (chars < RJ_COUNT(assembly_name) && chars < used && assembly_name[chars])
            chars++;
        char *text = utf8(assembly_name, chars);
        snprintf(m->assembly, sizeof m->assembly, "%s", text ? text : "");
        free(text);
    }
    return m;
}

eng_module *eng_module_known(eng *g, clr_module_id id)
{
    pthread_mutex_lock(&g->ledger);
    eng_module *m = map_get(&g->module_of, id);
    pthread_mutex_unlock(&g->ledger);
    return m;
}

eng_module *eng_module_find(eng *g, clr_module_id id)
{
    eng_module *m = eng_module_known(g, id);
    if (m) return m;
    m = module_new(g, id);
    if (!m) return NULL;
    pthread_mutex_lock(&g->ledger);
    eng_module *first = map_get(&g->module_of, id);
    eng_module **place = NULL;
    bool kept = !first && map_put(&g->module_of, id, m) && (place = VEC_PUSH(&g->modules));
    if (kept) {
        m->number = g->next_module++;
        g->growing += (m->flags & CLR_MODULE_DYNAMIC) != 0;
        *place = m;
    }
    pthread_mutex_unlock(&g->ledger);
    if (kept) return m;
    free(m->path);
    free(m);
    return first;
}

#define PAGE       4096u
#define PAGES_MOST 1024u /* that are asked about at a time */

/* Is something mapped at each of these pages? */
static bool is_mapped(uintptr_t page, size_t pages)
{
    unsigned char in_core[PAGES_MOST];
    return mincore((void *)page, pages * PAGE, in_core) == 0; /* ENOMEM: no */
}

/* How many bytes can be read from `at`, at most `most`: a module may lie in memory with holes. */
static size_t readable(const uint8_t *at, size_t most)
{
    const uintptr_t first = (uintptr_t)at & ~(uintptr_t)(PAGE - 1),
                    last = ((uintptr_t)at + most - 1) & ~(uintptr_t)(PAGE - 1);
    size_t pages = most ? (last - first) / PAGE + 1 : 0, n = 0;
    for (size_t step = PAGES_MOST; n < pages && step; step /= 2)
        while (n + step <= pages && is_mapped(first + n * PAGE, step))
            n += step;
    uintptr_t end = first + n * PAGE;
    return end > (uintptr_t)at ? RJ_MIN(end - (uintptr_t)at, most) : 0;
}

static void module_open(eng *g, eng_module *m)
{
    err_t e = {0};
    if (m->flags & CLR_MODULE_DYNAMIC) {
        if (!eng_snapshot(g, m, 0))
            m->unreadable = strdup("the metadata of this module, made at run time, cannot be read");
        return;
    }
    if (!m->base) {
        m->unreadable = strdup("the runtime does not say where this module lies");
        return;
    }
    cil_layout layout = m->flags & CLR_MODULE_FLAT_LAYOUT ? CIL_FLAT : CIL_MAPPED;
    size_t head = readable(m->base, 4096);
    size_t size = head ? cil_image_extent(m->base, head, layout) : 0;
    if (size) size = readable(m->base, size);
    if (!size || !cil_image_open(&m->image, m->base, size, layout, &e)) {
        buf_t why = {0};
        buf_printf(&why, "its metadata cannot be read: %s", size ? e.text : "not a PE image");
        m->unreadable = strdup(buf_cstr(&why));
        buf_free(&why);
        log_line(LOG_WARN, "engine", "%s: %s", m->path, m->unreadable ? m->unreadable : "");
        return;
    }
    m->debug_build = eng_is_debug_build(&m->image);
}

bool eng_module_open(eng *g, eng_module *m)
{
    if (!__atomic_load_n(&m->opened, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&g->opening);
        if (!m->opened) module_open(g, m);
        __atomic_store_n(&m->opened, true, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&g->opening);
    }
    return !m->unreadable && !m->unloaded;
}

eng_module **eng_modules(eng *g, arena *a, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&g->ledger);
    eng_module **out = arena_array(a, g->modules.n + 1, sizeof *out);
    for (size_t i = 0; out && i < g->modules.n; i++)
        if (!g->modules.v[i]->unloaded) out[(*count)++] = g->modules.v[i];
    pthread_mutex_unlock(&g->ledger);
    return out;
}

eng_module *eng_module_of_image(eng *g, const cil_image *image)
{
    eng_module *found = NULL;
    pthread_mutex_lock(&g->ledger);
    for (size_t i = 0; i < g->modules.n && !found; i++)
        if (&g->modules.v[i]->image == image) found = g->modules.v[i];
    pthread_mutex_unlock(&g->ledger);
    return found;
}

static uint32_t type_by_name(const cil_image *im, const char *space, const char *name, uint32_t enclosing)
{
    for (uint32_t rid = 1; rid <= im->rows[CIL_TYPE_DEF]; rid++) {
        if (strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME), name) != 0) continue;
        if (cil_enclosing(im, rid) != enclosing) continue;
        if (enclosing || strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAMESPACE), space) == 0) return rid;
    }
    return 0;
}

uint32_t eng_type_named(const cil_image *im, const char *space, const char *name)
{
    return type_by_name(im, space, name, 0);
}

eng_module *eng_module_of_assembly(eng *g, const char *assembly)
{
    arena a = {0};
    size_t n = 0, matches = 0;
    eng_module **all = eng_modules(g, &a, &n), *found = NULL;
    for (size_t i = 0; all && i < n; i++) {
        if (strcmp(all[i]->assembly, assembly) != 0) continue;
        found = all[i];
        matches++;
    }
    arena_free(&a);
    return matches == 1 && eng_module_open(g, found) ? found : NULL;
}

/* Where an assembly forwards a type to (ExportedType, II.22.14); NULL where it does not. */
static const char *forwarded_to(const cil_image *im, const char *space, const char *name)
{
    enum { TYPE_NAME = 2, TYPE_NAMESPACE = 3, IMPLEMENTATION = 4 };
    for (uint32_t rid = 1; rid <= im->rows[CIL_EXPORTED_TYPE]; rid++) {
        if (strcmp(cil_cell_string(im, CIL_EXPORTED_TYPE, rid, TYPE_NAME), name) != 0 ||
            strcmp(cil_cell_string(im, CIL_EXPORTED_TYPE, rid, TYPE_NAMESPACE), space) != 0)
            continue;
        cil_token to = cil_cell_token(im, CIL_EXPORTED_TYPE, rid, IMPLEMENTATION);
        if (CIL_TABLE(to) != CIL_ASSEMBLY_REF) return NULL;
        return cil_cell_string(im, CIL_ASSEMBLY_REF, CIL_RID(to), CIL_ASSEMBLY_REF_NAME);
    }
    return NULL;
}

/* The type as its assembly defines or forwards it. Exact: a wrong answer would make the runtime load a type. */
static const cil_image *type_in_assembly(eng *g, const char *assembly, const char *space, const char *name,
                                         uint32_t *rid)
{
    enum { FORWARDS_MOST = 8 };
    for (unsigned i = 0; assembly && i < FORWARDS_MOST; i++) {
        eng_module *m = eng_module_of_assembly(g, assembly);
        if (!m) return NULL;
        if ((*rid = type_by_name(&m->image, space, name, 0))) return &m->image;
        assembly = forwarded_to(&m->image, space, name);
    }
    return NULL;
}

static const cil_image *resolve(eng *g, const cil_image *image, cil_token token, uint32_t *type_rid, unsigned depth)
{
    uint32_t rid = CIL_RID(token), outer = 0;
    if (CIL_TABLE(token) == CIL_TYPE_DEF) {
        *type_rid = rid;
        return image;
    }
    if (CIL_TABLE(token) != CIL_TYPE_REF || depth > 16)
        return NULL; /* a chain of enclosing types; hostile metadata may make it a loop */
    cil_token scope = cil_cell_token(image, CIL_TYPE_REF, rid, CIL_TYPE_REF_SCOPE);
    const char *name = cil_cell_string(image, CIL_TYPE_REF, rid, CIL_TYPE_REF_NAME);
    const char *space = cil_cell_string(image, CIL_TYPE_REF, rid, CIL_TYPE_REF_NAMESPACE);
    if (CIL_TABLE(scope) == CIL_ASSEMBLY_REF)
        return type_in_assembly(g, cil_cell_string(image, CIL_ASSEMBLY_REF, CIL_RID(scope), CIL_ASSEMBLY_REF_NAME),
                                space, name, type_rid);
    const cil_image *in = CIL_TABLE(scope) == CIL_TYPE_REF ? resolve(g, image, scope, &outer, depth + 1) : image;
    if (!in) return NULL;
    *type_rid = type_by_name(in, space, name, outer);
    return *type_rid ? in : NULL;
}

const cil_image *eng_resolve_type(void *owner, const cil_image *image, cil_token token, uint32_t *type_rid)
{
    return resolve(owner, image, token, type_rid, 0);
}

static void module_free(eng_module *m)
{
    for (size_t i = 0; i < m->made.n; i++)
        free(m->made.v[i].key);
    VEC_FREE(&m->made);
    map_free(&m->made_of);
    if (m->emit) m->emit->vt->unknown.Release(m->emit);
    buf_free(&m->snapshot);
    VEC_FREE(&m->jitted);
    free(m->unreadable);
    free(m->path);
    free(m);
}

/* Everything in the ledger that leads to it; under both locks. */
static void forget_module(eng *g, const eng_module *m)
{
    uint64_t key;
    void *value;
    eng_drop_methods(g, m);
    for (size_t at = 0; map_next(&g->inliners, &at, &key, &value);) {
        const eng_inliner *i = value;
        if (i->module != m) continue;
        map_remove(&g->inliners, key);
        free(value);
        at--; /* what followed it may stand in its place now */
    }
    for (size_t i = 0; i < g->modules.n; i++) {
        if (g->modules.v[i] != m) continue;
        g->modules.n--;
        g->growing -= (m->flags & CLR_MODULE_DYNAMIC) != 0;
        memmove(&g->modules.v[i], &g->modules.v[i + 1], (g->modules.n - i) * sizeof *g->modules.v);
        break;
    }
}

static void unload(eng *g, clr_module_id id)
{
    pthread_mutex_lock(&g->reading);
    pthread_mutex_lock(&g->ledger);
    eng_module *m = map_remove(&g->module_of, id);
    if (m) forget_module(g, m);
    pthread_mutex_unlock(&g->ledger);
    if (m) module_free(m);
    pthread_mutex_unlock(&g->reading);
}

void eng_assembly_unloading(eng *g, clr_assembly_id id)
{
    /* Whoever asks the runtime about a module, or reads its image, holds the transaction lock, and is waited for. */
    eng_transaction_lock(g);
    arena a = {0};
    size_t n = 0;
    eng_module **all = eng_modules(g, &a, &n);
    for (size_t i = 0; all && i < n; i++)
        if (!all[i]->dynamic && all[i]->assembly_id == id) unload(g, all[i]->id);
    arena_free(&a);
    eng_hook_rest(g);
    pthread_mutex_unlock(&g->transaction);
}

void eng_module_unloading(eng *g, clr_module_id id)
{
    eng_transaction_lock(g);
    unload(g, id);
    eng_hook_rest(g);
    pthread_mutex_unlock(&g->transaction);
}
