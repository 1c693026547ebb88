/* What the runtime tells of versions: asks for bodies, reports compilations. On the application's threads, never in
 * cooperative mode. */
#include "clr/hresult.h"
#include "engine/early.h"
#include "engine/park.h"
#include "engine/takeover.h"

#include <stdio.h>
#include <stdlib.h>

#define COMPILING_MOST_NS (30u * 1000000000ull)

bool eng_note_inliner(eng *g, eng_module *m, uint32_t token)
{
    uint64_t key = eng_key(m, token);
    eng_inliner *i = map_get(&g->inliners, key);
    if (!i) {
        i = calloc(1, sizeof *i);
        if (!i || !map_put(&g->inliners, key, i)) {
            free(i);
            return false;
        }
        *i = (eng_inliner){.module = m, .token = token};
    }
    i->live = true;
    i->batch = g->batch;
    if (!g->inliners_needed) g->inliners_noted = true;
    return true;
}

/*
 * Inliners are compiled when they are next called, which may be long after the method that they were asked for has been
 * given back: the tick takes back those that come too late.
 */
clr_hresult eng_rejit_parameters(eng *g, clr_module_id module, uint32_t token, clr_function_control *control)
{
    eng_module *m = eng_module_find(g, module);
    if (!m) return CLR_OK;
    clr_hresult hr = CLR_OK;
    pthread_mutex_lock(&g->ledger);
    eng_method *x = map_get(&g->methods, eng_key(m, token));
    if (x && x->body.n) {
        /* Both calls copy what they are given and come back at once: the lock may be held over them. */
        hr = control->vt->SetILFunctionBody(control, (uint32_t)x->body.n, x->body.p);
        if (hr >= 0 && x->map_count) control->vt->SetILInstrumentedCodeMap(control, x->map_count, x->map);
    } else {
        eng_note_inliner(g, m, token);
    }
    log_line(LOG_DEBUG, "engine", "%s %08x: the runtime asks for its IL: %s", m->file, token,
             x && x->body.n ? "woven" : "the original, it has inlined another one");
    bool late = g->inliners_noted;
    pthread_mutex_unlock(&g->ledger);
    if (late && g->wake) g->wake(g->wake_owner);
    return hr;
}

/* The ledger's entry of a function; the caller holds no lock. */
static eng_method *method_of_function(eng *g, clr_function_id function)
{
    clr_class_id type;
    clr_module_id module;
    uint32_t token;
    if (g->info->vt->GetFunctionInfo(g->info, function, &type, &module, &token) < 0) return NULL;
    eng_module *m = eng_module_find(g, module);
    if (!m) return NULL;
    pthread_mutex_lock(&g->ledger);
    eng_method *x = map_get(&g->methods, eng_key(m, token));
    pthread_mutex_unlock(&g->ledger);
    return x;
}

#define RESTARTS_MOST 2u

/*
 * A body that the JIT rejects is never reported as finished, and throws InvalidProgramException at every call until it
 * is reverted. The verifier should not have let it pass; if it did, the same instance is begun again at the next call,
 * with no end in between: one at a time is compiled, so that can mean nothing else.
 */
void eng_rejit_started(eng *g, clr_function_id function, clr_rejit_id rejit)
{
    eng_method *x = method_of_function(g, function);
    if (!x) return;
    bool failed = false;
    pthread_mutex_lock(&g->ledger);
    if (x->state == ENG_REQUESTED) {
        eng_set_state(g, x, ENG_COMPILING);
        x->started_ns = g->awake_ns;
        x->started = function;
        x->restarts = 0;
    } else if (x->state == ENG_COMPILING && x->started == function && x->rejit == rejit) {
        failed = ++x->restarts == RESTARTS_MOST;
        if (failed) eng_set_state(g, x, ENG_FAILED);
    }
    x->rejit = rejit;
    pthread_mutex_unlock(&g->ledger);
    if (failed && g->wake) g->wake(g->wake_owner);
}

/* The runtime's own list of jitted code leaves out what was compiled as a version alone. Under the ledger lock. */
static void note_instance(eng_method *m, clr_function_id function)
{
    for (size_t i = m->instances.n; i-- > 0;)
        if (m->instances.v[i] == function) return;
    clr_function_id *place = m->instances.n < ENG_INSTANCES_MOST ? VEC_PUSH(&m->instances) : NULL;
    if (place) *place = function;
}

void eng_rejit_finished(eng *g, clr_function_id function, clr_rejit_id rejit, clr_hresult hr)
{
    eng_method *x = method_of_function(g, function);
    if (!x) return;
    pthread_mutex_lock(&g->ledger);
    if (x->state == ENG_REQUESTED || x->state == ENG_COMPILING) {
        eng_set_state(g, x, hr < 0 ? ENG_FAILED : ENG_INSTALLED);
        x->failure = hr;
    }
    x->rejit = rejit;
    if (eng_is_generic(x->module, CIL_RID(x->token))) note_instance(x, function);
    log_line(LOG_DEBUG, "engine", "%s: version %llu is compiled (%08x)", x->name, (unsigned long long)rejit,
             (unsigned)hr);
    pthread_mutex_unlock(&g->ledger);
}

void eng_rejit_error(eng *g, clr_module_id module, uint32_t token, clr_hresult hr)
{
    eng_module *m = eng_module_find(g, module);
    if (!m) return;
    pthread_mutex_lock(&g->ledger);
    eng_method *x = map_get(&g->methods, eng_key(m, token));
    if (x && x->state != ENG_REVERTED) {
        eng_set_state(g, x, ENG_FAILED);
        x->failure = hr;
    }
    pthread_mutex_unlock(&g->ledger);
    log_line(LOG_WARN, "engine", "%s %08x: the runtime reports %08x", m->file, token, (unsigned)hr);
    if (g->wake) g->wake(g->wake_owner);
}

/* ---- now and then ---- */

/* Marks the methods that the runtime did not take. Under both locks. */
static void mark_failed(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        bool stuck = m->state == ENG_COMPILING && g->awake_ns - m->started_ns > COMPILING_MOST_NS;
        m->marked = stuck || m->state == ENG_FAILED;
    }
}

static void tell_failed(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        char why[512] = "the runtime's compiler did not take the changed method; it was put back as it was";
        if (!m->marked) continue;
        if (m->why) snprintf(why, sizeof why, "%s", m->why);
        if (m->failure < 0)
            snprintf(why, sizeof why, "the runtime refused the changed method: %s (%08x)", clr_hresult_text(m->failure),
                     (unsigned)m->failure);
        eng_tell_refused(g, m, why);
    }
}

static void clean_up(eng *g)
{
    err_t e = {0};
    pthread_mutex_lock(&g->transaction);
    pthread_mutex_lock(&g->ledger);
    mark_failed(g);
    pthread_mutex_unlock(&g->ledger);
    tell_failed(g);
    eng_remove_layers(g, eng_is_marked, NULL);
    if (!eng_settle(g, &e)) log_line(LOG_WARN, "engine", "%s", e.text);
    pthread_mutex_unlock(&g->transaction);
}

static void bury(eng *g)
{
    pthread_mutex_lock(&g->transaction);
    eng_dynamics_bury(g);
    eng_hook_rest(g);
    pthread_mutex_unlock(&g->transaction);
}

#define CHORES_NS 1000000000ull

static void chores(eng *g)
{
    probe_sweep();
    probe_async_forget(NULL);
    probe_clock_refine();
    pthread_mutex_lock(&g->transaction);
    eng_first_check(g);
    eng_takeover_tick(g);
    eng_early_finish(g);
    eng_park_tick(g);
    for (eng_client *c = g->clients; c; c = c->next)
        if (c->sink) probe_clock_publish(c->sink->memory);
    pthread_mutex_unlock(&g->transaction);
}

bool eng_has_chores(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    bool any = g->takeovers_idle || g->ended || g->parked;
    pthread_mutex_unlock(&g->ledger);
    return any;
}

#define TICK_MOST_NS 1000000000ull

void eng_tick(eng *g)
{
    uint64_t now = eng_now_ns();
    pthread_mutex_lock(&g->ledger);
    /* A process that was stopped for a minute has not compiled for a minute. */
    g->awake_ns += RJ_MIN(now - g->ticked_ns, TICK_MOST_NS);
    g->ticked_ns = now;
    bool work = g->unsettled || g->inliners_noted, collected = g->collected;
    pthread_mutex_unlock(&g->ledger);
    if (collected) bury(g);
    if (work) clean_up(g);
    if (now - g->chores_ns < CHORES_NS) return;
    g->chores_ns = now;
    chores(g);
}
