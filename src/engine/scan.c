/* Patterns over modules: what matches, and the nearest names where nothing does. */
#include "engine/engine-priv.h"

#include <stdlib.h>

static bool hit(void *owner, uint32_t rid)
{
    eng_hits *h = owner;
    if (h->seen[rid / 8] & (1u << rid % 8)) return true;
    h->seen[rid / 8] |= (uint8_t)(1u << rid % 8);
    eng_target *t = VEC_PUSH(&h->found);
    if (t) *t = (eng_target){.module = h->module, .rid = rid};
    h->failed |= !t;
    return t != NULL;
}

void eng_scan(eng *g, query_pattern *const *patterns, uint32_t count, eng_module *m, eng_hits *h)
{
    bool possible = false;
    for (uint32_t i = 0; i < count && !possible; i++)
        possible = query_pattern_assembly(patterns[i], m->assembly);
    if (!possible || !eng_module_open(g, m)) return;
    if (m->flags & CLR_MODULE_DYNAMIC) eng_snapshot(g, m, 0);
    h->module = m;
    h->seen = calloc(1, m->image.rows[CIL_METHOD_DEF] / 8 + 1);
    for (uint32_t i = 0; h->seen && i < count; i++)
        if (query_pattern_assembly(patterns[i], m->assembly)) query_pattern_scan(patterns[i], &m->image, hit, h);
    h->failed |= !h->seen;
    free(h->seen);
    h->seen = NULL;
}

const char *eng_meant_but_unreadable(const eng_module *m, const char *pattern)
{
    size_t n = strlen(m->assembly);
    bool meant = n && strncmp(pattern, m->assembly, n) == 0 && (pattern[n] == '.' || pattern[n] == '!');
    return meant && !m->unloaded ? m->unreadable : NULL;
}

unsigned eng_nearest(eng *g, const query_pattern *p, eng_module **modules, size_t n, arena *a, const char **names)
{
    query_nearest *near = query_nearest_new(a, p, ENG_NEAREST);
    for (size_t i = 0; near && i < n; i++)
        if (eng_module_open(g, modules[i])) query_nearest_add(near, &modules[i]->image);
    return near ? query_nearest_list(near, names) : 0;
}
