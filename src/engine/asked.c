/*
 * Whose code is at an address that somebody asks for? For a precompiled address the runtime looks in the image's table
 * of functions, from there backwards, for one that a method is known of, and there is none for code that never ran. It
 * does not look where the table begins, so that an address before all code that ran ends the process:
 *
 *      table   f0 (never ran)   f1 (never ran)   f2 (ran)   f3 (never ran)   f4 (ran)   ...
 *                ^ asked                           ^ taken for f3, too
 *
 * So it is asked where the probes have seen the address on a stack, which they vouch for, or where something that ran
 * lies before it.
 */
#include "engine/engine-priv.h"

#include <dlfcn.h>

#define STARTS_MOST 16u

static eng_range image_of(eng_asked *a, uintptr_t at)
{
    for (size_t i = 0; i < a->module_count; i++) {
        const eng_module *m = a->modules[i];
        const uintptr_t base = (uintptr_t)m->base;
        if (base && at >= base && at - base < m->image.size) return (eng_range){base, base + m->image.size};
    }
    const eng_range *file = eng_file_of(a->g, at);
    Dl_info native;
    return file && !dladdr((const void *)at, &native) ? *file : (eng_range){0}; /* the runtime has none of that */
}

/* The start of the method's code in the image, if it ran and lies before `lowest`; else that. */
static uintptr_t lower(eng *g, const eng_range *image, const eng_module *m, uint32_t rid, uintptr_t lowest)
{
    clr_function_id f = 0;
    uintptr_t starts[STARTS_MOST];
    uint32_t n = 0;
    if (g->info->vt->GetFunctionFromToken(g->info, m->id, CIL_TOKEN(CIL_METHOD_DEF, rid), &f) < 0 || !f ||
        g->info->vt->GetNativeCodeStartAddresses(g->info, f, 0, STARTS_MOST, &n, starts) < 0)
        return lowest;
    for (uint32_t i = 0; i < n && i < STARTS_MOST; i++)
        if (starts[i] >= image->start && starts[i] < lowest) lowest = starts[i];
    return lowest;
}

/* The first that is found to have run at `at` or before; the lowest of all where there is none. */
static uintptr_t look_for(eng_asked *a, const eng_range *image, uintptr_t at)
{
    uintptr_t lowest = image->end;
    for (size_t i = 0; i < a->module_count && lowest > at; i++) {
        eng_module *m = a->modules[i];
        if (!eng_module_open(a->g, m)) continue;
        for (uint32_t rid = 1; rid <= m->image.rows[CIL_METHOD_DEF] && lowest > at; rid++)
            if (!eng_is_generic(m, rid)) lowest = lower(a->g, image, m, rid, lowest);
    }
    return lowest;
}

static bool ran_before(eng_asked *a, uintptr_t at)
{
    const eng_range image = image_of(a, at);
    if (!image.end) return true;
    size_t i = 0;
    while (i < a->images.n && a->images.v[i].image.start != image.start)
        i++;
    if (i == a->images.n) {
        eng_ran *new = VEC_PUSH(&a->images);
        if (!new) return false;
        *new = (eng_ran){.image = image, .first = image.end};
    }
    eng_ran *ran = &a->images.v[i];
    if (ran->first > at && !ran->complete) {
        ran->first = look_for(a, &image, at);
        ran->complete = ran->first > at;
    }
    return ran->first <= at;
}

void eng_asked_begin(eng *g, eng_asked *a)
{
    *a = (eng_asked){.g = g};
    a->modules = eng_modules(g, &a->memory, &a->module_count);
}

void eng_asked_end(eng_asked *a)
{
    VEC_FREE(&a->images);
    arena_free(&a->memory);
}

bool eng_asked_code(eng_asked *a, uint64_t word, eng_code *code)
{
    uint64_t address;
    const bool seen = probe_vouched(word, &address);
    /* A return address belongs to the instruction before it. */
    *code = (eng_code){.ip = (uintptr_t)address - 1};
    if (!seen && !ran_before(a, code->ip)) return false;
    clr_info *info = a->g->info;
    return info->vt->GetFunctionFromIP3(info, (const uint8_t *)code->ip, &code->function, &code->version) >= 0 &&
           code->function;
}
