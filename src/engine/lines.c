/* From an instruction of native code to the IL that it was made of: what a line of source is found by. */
#include "engine/engine-priv.h"

#define STARTS_MOST 64u /* versions of the code of one method: tiers, and replacements on the stack */
#define RANGES_MOST 4u  /* hot and cold code */
#define MAP_MOST    (1u << 20)

/*
 * The entries cover the code without gaps, by no order that one could search in. What the JIT says of no IL (in
 * optimised code the slow way of a call that it guessed at) belongs to what stands before it.
 */
uint32_t eng_il_at(const clr_native_map *map, uint32_t n, uint32_t native)
{
    const clr_native_map *best = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const clr_native_map *m = &map[i];
        if (m->start > native || m->start == m->end || m->il == CLR_IL_NONE) continue;
        if (!best || m->start > best->start) best = m;
    }
    if (!best || best->il == CLR_IL_EPILOG) return CLR_IL_NONE;
    return best->il == CLR_IL_PROLOG ? 0 : best->il;
}

uint32_t eng_il_before_weaving(const clr_il_map *map, uint32_t n, uint32_t woven)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map[middle].to <= woven)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? map[low - 1].from : 0;
}

/* Where in the code that begins at `start` an instruction lies, counted over all of its ranges; false: elsewhere. */
static bool is_inside(eng *g, uintptr_t start, uintptr_t ip, uint32_t *native)
{
    clr_code_info ranges[RANGES_MOST];
    uint32_t n = 0, before = 0;
    if (g->info->vt->GetCodeInfo4(g->info, start, RJ_COUNT(ranges), &n, ranges) < 0) return false;
    for (uint32_t i = 0; i < n && i < RJ_COUNT(ranges); i++) {
        if (ip >= ranges[i].start && ip - ranges[i].start < ranges[i].size) {
            *native = before + (uint32_t)(ip - ranges[i].start);
            return true;
        }
        before += (uint32_t)ranges[i].size;
    }
    return false;
}

/* Of code that the runtime does not know to be woven: it takes the woven body's offsets for the original's. */
static void translate(eng *g, const eng_module *m, uint32_t token, clr_native_map *map, uint32_t n)
{
    pthread_mutex_lock(&g->ledger);
    const eng_method *x = map_get(&g->methods, eng_key(m, token));
    for (uint32_t i = 0; x && x->woven && x->map_count && i < n; i++)
        if (map[i].il < CLR_IL_EPILOG) map[i].il = eng_il_before_weaving(x->map, x->map_count, map[i].il);
    pthread_mutex_unlock(&g->ledger);
}

static uint32_t look_up(eng *g, const eng_module *m, uint32_t token, uintptr_t start, uint32_t native)
{
    uint32_t n = 0, used = 0, il = CLR_IL_NONE;
    if (g->info->vt->GetILToNativeMapping3(g->info, start, 0, &n, NULL) < 0 || n > MAP_MOST) return il;
    arena a = {0};
    clr_native_map *map = arena_array(&a, n, sizeof *map);
    if (map && g->info->vt->GetILToNativeMapping3(g->info, start, n, &used, map) >= 0) {
        n = RJ_MIN(n, used);
        if (m->hooked) translate(g, m, token, map, n);
        il = eng_il_at(map, n, native);
    }
    arena_free(&a);
    return il;
}

uint32_t eng_il_of(eng *g, const eng_module *m, uint32_t token, const eng_code *code)
{
    uintptr_t starts[STARTS_MOST];
    uint32_t n = 0, native = 0;
    if (g->info->vt->GetNativeCodeStartAddresses(g->info, code->function, code->version, RJ_COUNT(starts), &n, starts) <
        0)
        return CLR_IL_NONE;
    for (uint32_t i = 0; i < n && i < RJ_COUNT(starts); i++)
        if (is_inside(g, starts[i], code->ip, &native)) return look_up(g, m, token, starts[i], native);
    return CLR_IL_NONE;
}
