/* Is code that was compiled once unoptimised? The API does not tell; how the process was configured does, mostly. */
#include "engine/engine-priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { IMPL_AGGRESSIVE_OPTIMIZATION = 0x200 };

static bool is_set_by_environment(void)
{
    static const char *const names[] = {
        "DOTNET_TieredCompilation",  "DOTNET_TC_QuickJit",  "DOTNET_TC_QuickJitForLoops",
        "COMPlus_TieredCompilation", "COMPlus_TC_QuickJit", "COMPlus_TC_QuickJitForLoops",
    };
    for (size_t i = 0; i < RJ_COUNT(names); i++)
        if (getenv(names[i])) return true;
    return false;
}

/* The program's own configuration lies beside its assembly. */
static FILE *configuration(eng *g)
{
    arena a = {0};
    size_t n = 0;
    FILE *f = NULL;
    eng_module **modules = eng_modules(g, &a, &n);
    for (size_t i = 0; modules && i < n && !f; i++) {
        size_t length = strlen(modules[i]->path);
        if (length < 4 || strcmp(modules[i]->path + length - 4, ".dll") != 0) continue;
        const char *file = arena_printf(&a, "%.*s.runtimeconfig.json", (int)(length - 4), modules[i]->path);
        f = file ? fopen(file, "re") : NULL;
    }
    arena_free(&a);
    return f;
}

static eng_tiers read_tiers(eng *g)
{
    char line[1024];
    eng_tiers tiers = ENG_TIERS_USUAL;
    FILE *f = is_set_by_environment() ? NULL : configuration(g);
    if (!f) return ENG_TIERS_UNKNOWN;
    while (fgets(line, sizeof line, f))
        if (strstr(line, "TieredCompilation")) tiers = ENG_TIERS_UNKNOWN;
    fclose(f);
    return tiers;
}

bool eng_tiers_are_usual(eng *g)
{
    if (!g->tiers) g->tiers = read_tiers(g);
    return g->tiers == ENG_TIERS_USUAL;
}

bool eng_is_unoptimised(eng *g, const eng_module *m, uint32_t token, clr_rejit_id version)
{
    if (!eng_tiers_are_usual(g)) return false;
    uint32_t impl = cil_cell(&m->image, CIL_METHOD_DEF, CIL_RID(token), CIL_METHOD_DEF_IMPL_FLAGS);
    return !(impl & IMPL_AGGRESSIVE_OPTIMIZATION) && strcmp(eng_code_kind(g, m, token, version), "tier-0") == 0;
}
