/* What kinds of code a method has. */
#include "engine/engine-priv.h"

#include <stdlib.h>

bool eng_is_generic(const eng_module *m, uint32_t rid)
{
    const cil_image *im = &m->image;
    cil_range own = cil_generic_params(im, CIL_TOKEN(CIL_METHOD_DEF, rid));
    cil_range owners = cil_generic_params(im, CIL_TOKEN(CIL_TYPE_DEF, cil_method_owner(im, rid)));
    return own.first < own.end || owners.first < owners.end;
}

/* ---- code that comes from files: a composite image lies outside of the modules whose code it holds ---- */

static int by_start(const void *x, const void *y)
{
    const eng_range *a = x, *b = y;
    return (a->start > b->start) - (a->start < b->start);
}

static bool add_file(void *owner, const eng_range *r, const char *permissions, const char *path)
{
    eng *g = owner;
    if (permissions[2] != 'x' || !path || *path != '/') return true;
    if (strstr(path, "/memfd:")) return true; /* a memfd holds what the JIT made */
    eng_range *place = VEC_PUSH(&g->files);
    if (place) *place = *r;
    return true;
}

static void read_files(eng *g)
{
    g->files.n = 0;
    eng_maps(add_file, g);
    if (g->files.v) qsort(g->files.v, g->files.n, sizeof *g->files.v, by_start);
}

/* An image appears with a module. */
const eng_range *eng_file_of(eng *g, uintptr_t at)
{
    pthread_mutex_lock(&g->ledger);
    size_t modules = g->modules.n;
    pthread_mutex_unlock(&g->ledger);
    if (g->files_of != modules) read_files(g);
    g->files_of = modules;
    size_t low = 0, high = g->files.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->files.v[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->files.n && g->files.v[low].start <= at ? &g->files.v[low] : NULL;
}

bool eng_is_precompiled(eng *g, const eng_module *m, uintptr_t at)
{
    const uint8_t *p = (const uint8_t *)at;
    return (m->base && p >= m->base && p < m->base + m->image.size) || eng_file_of(g, at);
}

/*
 * The API does not tell tiers. Code inside the module's mapped image, or in another image, is R2R; code that was jitted
 * beside R2R code, or a second jitted body, is what tiering made of a hot method; a single jitted body of a method
 * without R2R code is its first.
 */
const char *eng_code_kind(eng *g, const eng_module *m, uint32_t token, clr_rejit_id version)
{
    clr_function_id f = 0;
    uintptr_t starts[16];
    uint32_t n = 0;
    if (eng_is_generic(m, CIL_RID(token))) return "generic"; /* each instantiation has code of its own */
    /* Unknown to the runtime: nobody has used its type yet. */
    if (g->info->vt->GetFunctionFromToken(g->info, m->id, token, &f) < 0 || !f) return "not compiled";
    if (g->info->vt->GetNativeCodeStartAddresses(g->info, f, version, RJ_COUNT(starts), &n, starts) < 0 || !n)
        return "not compiled";
    uint32_t r2r = 0, jitted = 0;
    for (uint32_t i = 0; i < n && i < RJ_COUNT(starts); i++) {
        if (eng_is_precompiled(g, m, starts[i]))
            r2r++;
        else
            jitted++;
    }
    if (!jitted) return "R2R";
    if (r2r) return "R2R, tier-1";
    return jitted > 1 ? "tier-0, tier-1" : "tier-0";
}
