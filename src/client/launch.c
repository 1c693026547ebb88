/* The environment of a program that starts with the agent in it. */
#include "client/agentfile.h"
#include "client/client-priv.h"
#include "client/result.h"
#include "clr/clr.h"

#include <unistd.h>

/* Ours; whatever the base says of them is left out. */
static const char *const names[] = {
    "CORECLR_ENABLE_PROFILING", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH", "CORECLR_PROFILER_PATH_64",
    "REJIT_RUN_WAIT",           "REJIT_CHILDREN",   "REJIT_RUN_FROM",
};

static bool is_ours(const char *entry)
{
    for (size_t i = 0; i < RJ_COUNT(names); i++) {
        size_t n = strlen(names[i]);
        if (strncmp(entry, names[i], n) == 0 && entry[n] == '=') return true;
    }
    return false;
}

bool rj_launch_environment(char *const *base, const rj_options *options, bool wait, bool children, rj_environment *out,
                           rj_error *error)
{
    err_t *e = ERR(error);
    arena *a = result_arena();
    size_t n = 0, count = 0;
    while (base && base[n])
        n++;
    char **items = a ? arena_array(a, n + RJ_COUNT(names) + 1, sizeof *items) : NULL;
    const char *file = items ? agentfile_find(a, options ? options->agent_path : NULL, e) : NULL;
    if (!file) {
        if (!items) err_set(e, ERR_MEMORY, -1, "out of memory");
        rj_free(a);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!is_ours(base[i])) items[count++] = arena_strdup(a, base[i]);
    items[count++] = arena_strdup(a, "CORECLR_ENABLE_PROFILING=1");
    items[count++] = arena_strdup(a, "CORECLR_PROFILER=" CLR_PROFILER_CLSID_TEXT);
    items[count++] = arena_printf(a, "CORECLR_PROFILER_PATH=%s", file);
    items[count++] = arena_printf(a, "REJIT_RUN_FROM=%d", (int)getpid());
    if (wait) items[count++] = arena_strdup(a, "REJIT_RUN_WAIT=1");
    if (children) items[count++] = arena_strdup(a, "REJIT_CHILDREN=1");
    *out = (rj_environment){items, a};
    for (size_t i = 0; i < count; i++) {
        if (items[i]) continue;
        rj_free(a); /* a hole would end the list early */
        return err_set(e, ERR_MEMORY, -1, "out of memory");
    }
    return true;
}
