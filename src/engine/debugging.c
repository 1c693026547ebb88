/* What debugging means for instrumentation: Debug builds, Hot Reload, an attached debugger. */
#include "engine/jit-priv.h"
#include "engine/park.h"
#include "engine/takeover.h"

#include <stdlib.h>
#include <strings.h>

/*
 * DebuggableAttribute has two constructors: (DebuggingModes) of four bytes with DisableOptimizations in the second one,
 * and (bool isJITTrackingEnabled, bool isJITOptimizerDisabled). Before them stands 01 00 (II.23.3).
 */
bool eng_is_debug_build(const cil_image *im)
{
    enum { PROLOG = 2, NAMED_COUNT = 2, TWO_BOOLS = PROLOG + 2 + NAMED_COUNT, NOT_OPTIMISED = 1 };
    cil_blob v = cil_attribute(im, CIL_TOKEN(CIL_ASSEMBLY, 1), "System.Diagnostics.DebuggableAttribute");
    return v.n >= TWO_BOOLS && (v.p[PROLOG + 1] & NOT_OPTIMISED);
}

/* The runtime reads this variable at its start, and enables Edit and Continue for every Debug build that it loads. */
bool eng_hot_reload_asked_for(void)
{
    const char *modifiable = getenv("DOTNET_MODIFIABLE_ASSEMBLIES");
    return modifiable && strcasecmp(modifiable, "debug") == 0;
}

/* ---- an attached debugger ---- */

static const char exposed[] =
    "a managed debugger is attached: when it looked at this method, a defect of the runtime would end the process, and "
    "the JIT of this process is not known, by which rejit avoids that";

const char *eng_debugger_refusal(const eng *g)
{
    return g->debugged && !g->hides && eng_jit_why_not() ? exposed : NULL;
}

static bool is_any(const void *owner, const eng_method *m, const eng_layer *l)
{
    (void)owner, (void)m, (void)l;
    return true;
}

/* Without the hook that hides locals nothing may stay instrumented. */
static void take_back(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);)
        for (eng_client *c = g->clients; c; c = c->next)
            eng_tell_reverted(g, value, c, exposed);
    eng_remove_layers(g, is_any, NULL);
}

/* A Debug build has no second copy in any case. What a leaving debugger leaves behind is right, if slower when closed.
 */
static void weave_again(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        eng_unpark(m);
        m->behind |= m->layers.n && (m->exposed || !m->module->debug_build || eng_takeover_serves(m));
    }
}

static void on_debugger(eng *g)
{
    err_t e = {0};
    eng_hide_locals(g);
    if (g->hides)
        weave_again(g);
    else
        take_back(g);
    if (!eng_settle(g, &e)) log_line(LOG_WARN, "engine", "for the debugger: %s", e.text);
}

void eng_debugger(eng *g, bool attached)
{
    pthread_mutex_lock(&g->transaction);
    bool came = attached && !g->debugged;
    g->debugged = attached;
    if (came) log_line(LOG_INFO, "engine", "a managed debugger is attached");
    if (came && g->methods.n) on_debugger(g);
    pthread_mutex_unlock(&g->transaction);
    if (came && g->wake) g->wake(g->wake_owner);
}
