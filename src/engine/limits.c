/* What became of the limits of ReJIT in this process: docs/limits.md says what each line is about. */
#include "engine/jit-priv.h"
#include "engine/takeover.h"

#include <stdio.h>

typedef struct told {
    eng_tell_fact *tell;
    void *owner;
} told;

static void say(const told *t, bool holds, const char *name, const char *text, const char *remedy)
{
    t->tell(t->owner, name, holds, text, remedy);
}

static void metadata(eng *g, const told *t)
{
    char text[128];
    uint64_t bytes = 0;
    size_t modules = 0;
    pthread_mutex_lock(&g->ledger);
    for (size_t i = 0; i < g->modules.n; i++) {
        bytes += g->modules.v[i]->emitted_bytes;
        modules += g->modules.v[i]->emitted_bytes != 0;
    }
    pthread_mutex_unlock(&g->ledger);
    snprintf(text, sizeof text, "can be added to any module at any time; %.1fMB in %zu module%s so far",
             (double)bytes / 1e6, modules, modules == 1 ? "" : "s");
    say(t, true, "metadata", text, "");
}

static void memory(eng *g, const told *t)
{
    const char *why = eng_takeover_why_not(g);
    char text[256];
    if (why) {
        snprintf(text, sizeof text, "versions that are reverted keep 1 to 2 KB each: %s", why);
        say(t, false, "memory", text, "do not change what is instrumented thousands of times in this process");
        return;
    }
    pthread_mutex_lock(&g->transaction);
    uint64_t returned = g->returned_bytes;
    pthread_mutex_unlock(&g->transaction);
    snprintf(text, sizeof text, "versions of a method that is changed often are given back; %.1fMB so far",
             (double)returned / 1e6);
    say(t, true, "memory", text, "");
}

static void debugging(eng *g, const told *t)
{
    const char *no_hook = eng_jit_why_not();
    if (g->hot_reload)
        say(t, false, "debugging", "Edit and Continue is on: the runtime refuses ReJIT in Debug builds",
            "start the process without DOTNET_MODIFIABLE_ASSEMBLIES");
    else if (no_hook)
        say(t, false, "debugging",
            "lines and breakpoints are kept; while a debugger is attached nothing is instrumented, since the JIT of "
            "this "
            "process cannot be hooked",
            "detach the debugger before looking at methods");
    else
        say(t, true, "debugging", "lines, breakpoints, arguments and locals are kept in instrumented methods", "");
}

void eng_tell_limits(eng *g, eng_tell_fact *tell, void *owner)
{
    const told t = {tell, owner};
    const char *no_hook = eng_jit_why_not();
    say(&t, true, "attach", "every verb works as from the start of the process, for any number of clients", "");
    say(&t, true, "precompiled images", "stay in use: nothing was disabled", "");
    metadata(g, &t);
    memory(g, &t);
    say(&t, true, "inlined functions", "callers that inlined a method are covered; calls that run already are told",
        "");
    debugging(g, &t);
    say(&t, !no_hook, "dynamic code",
        no_hook ? no_hook : "code made at run time, and code that can be unloaded, can be instrumented",
        no_hook ? "such code is refused; everything else works" : "");
}
