/* Dynamic methods that were compiled already: their objects, their hosts, and what leads to those. */
#include "engine/early.h"
#include "engine/jit-priv.h"
#include "engine/managed.h"
#include "engine/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One method on its way; afterwards its host, until that has gone. */
struct eng_early {
    eng_job job; /* first */
    eng *g;
    eng_early *next;
    eng_method *method;
    struct eng_dynamic *dynamic;
    clr_function_id id;
    uint8_t *code;               /* its own */
    bool anywhere;               /* no thread can be in the bytes that the jump takes */
    bool writable, entered, led; /* the memory of it; a thread is where the jump will be; it is there */
    unsigned tries;
    uintptr_t resolver, managed; /* handles of its objects, which keep it */
    clr_jit_method info;         /* what it was compiled from */
    bool given, done, finished;  /* to the helpers, by them, and looked at after that; ledger lock */
    /* of the host */
    clr_function_id host;
    const uint8_t *entry;
    intptr_t dependent;
    bool debugger;
};

/* ---- the runtime's and the program's objects ---- */

static bool peek(uint64_t address, void *out, size_t size)
{
    return !(address & 7) && eng_peek(address, out, size);
}

#define METHOD_WORDS   8u /* of what a FunctionID of a dynamic method leads to; what is looked for lies within */
#define RESOLVER_WORDS 6u
#define OBJECT_WORDS   8u

/* The object of a class that one of an object's fields refers to; 0: none. */
static uint64_t field_of_class(uint64_t object, clr_class_id class)
{
    uint64_t fields[OBJECT_WORDS], table;
    if (!peek(object, fields, sizeof fields)) return 0;
    for (unsigned i = 1; i < OBJECT_WORDS; i++)
        if (fields[i] && peek(fields[i], &table, sizeof table) && table == class) return fields[i];
    return 0;
}

/* A native resolver leads back to its method and, by a handle, to the managed resolver. */
static uint64_t managed_resolver(const eng_early *e, uint64_t at)
{
    uint64_t words[RESOLVER_WORDS], object, table;
    if (!peek(at, words, sizeof words) || words[1] != e->id) return 0;
    for (unsigned i = 2; i < RESOLVER_WORDS; i++)
        if (peek(words[i], &object, sizeof object) && peek(object, &table, sizeof table) &&
            table == e->g->resolver_class)
            return object;
    return 0;
}

static const char unknown_shape[] =
    "compiled already, and this runtime does not keep dynamic methods as rejit knows it: those that the program makes "
    "after the request are instrumented";

static const char unknown_memory[] = "compiled already, and its code lies where nothing can be written";

/* The one body that it has; a dynamic method is compiled once. */
static const char *look_at_code(eng_early *e)
{
    clr_info *info = e->g->info;
    uintptr_t start = 0;
    uint32_t n = 0;
    clr_code_info code[2];
    if (info->vt->GetNativeCodeStartAddresses(info, e->id, 0, 1, &n, &start) < 0 || n != 1) return unknown_shape;
    if (info->vt->GetCodeInfo4(info, start, RJ_COUNT(code), &n, code) < 0 || n != 1) return unknown_shape;
    e->code = (uint8_t *)start;
    e->anywhere = eng_patch_is_prologue(e->code, (uint32_t)code[0].size);
    return eng_patch_refusal(e->code, (uint32_t)code[0].size);
}

/* The runtime is suspended. It tells that a method ends before anything of it is gone. */
static bool is_there(const eng_early *e)
{
    pthread_mutex_lock(&e->g->ledger);
    const bool there = map_get(&e->g->dynamics, e->id) == e->dynamic;
    pthread_mutex_unlock(&e->g->ledger);
    return there;
}

/* The runtime is suspended, so that nothing moves and nothing is freed. */
static const char *identify(eng_early *e)
{
    uint64_t words[METHOD_WORDS], resolver = 0, managed = 0;
    const char *why = is_there(e) ? look_at_code(e) : "it has just been collected";
    if (why) return why;
    if (!peek(e->id, words, sizeof words)) return unknown_shape;
    for (unsigned i = 0; i < METHOD_WORDS && !resolver; i++)
        resolver = managed_resolver(e, words[i]);
    if (resolver) managed = field_of_class(resolver, e->g->method_class);
    if (!managed) return unknown_shape;
    clr_handles *handles = e->g->handles;
    if (handles->vt->CreateHandle(handles, resolver, CLR_HANDLE_STRONG, &e->resolver) < 0 ||
        handles->vt->CreateHandle(handles, managed, CLR_HANDLE_STRONG, &e->managed) < 0)
        return unknown_shape;
    return NULL;
}

static void let_go(eng_early *e)
{
    clr_handles *handles = e->g->handles;
    if (e->resolver) handles->vt->DestroyHandle(handles, e->resolver);
    if (e->managed) handles->vt->DestroyHandle(handles, e->managed);
    e->resolver = e->managed = 0;
}

/* ---- may it be done? ---- */

static eng_jit_choose choose;

static bool look_for_classes(eng *g, err_t *e)
{
    g->resolver_class = eng_class_of_core(g, "System.Reflection.Emit", "DynamicResolver");
    g->method_class = eng_class_of_core(g, "System.Reflection.Emit", "DynamicMethod");
    void *handles = NULL;
    g->info->vt->unknown.QueryInterface(g->info, &clr_iid_info13, &handles);
    g->handles = handles;
    return (g->resolver_class && g->method_class && handles) ||
           err_set(e, ERR_REFUSED, -1, "the runtime does not tell of its dynamic methods");
}

/* Once for the process. */
static bool is_available(eng *g)
{
    if (g->early_tried) return !g->early_refused;
    err_t e = {0};
    g->early_tried = true;
    g->early_refused = !look_for_classes(g, &e) || !eng_hear_unloads(g, ENG_HEARS_HOSTS, true, &e) ||
                       !eng_jit_on(choose, g, &e) || !eng_managed_start(g, &e);
    if (g->early_refused) {
        eng_jit_off(choose);
        snprintf(g->early_why, sizeof g->early_why,
                 "compiled already, and in this process its code stays as it is: %.180s", e.text);
        log_line(LOG_WARN, "engine", "%s", g->early_why);
    }
    return !g->early_refused;
}

/* Each is compiled before the request is answered. */
#define TAKEN_MOST 100u

static const char debugger[] = "compiled already, and while a debugger is attached its code stays as it is";

static const char too_many[] =
    "compiled already, and no more than 100 of those are given new bodies at once: narrow the pattern";

const char *eng_early_refusal(eng *g, clr_function_id id)
{
    eng_early e = {.g = g, .id = id};
    return look_at_code(&e);
}

const char *eng_early_take(eng *g, eng_method *m)
{
    unsigned taken = 0;
    for (const eng_early *x = g->earlies; x; x = x->next)
        taken++;
    if (taken >= TAKEN_MOST) return too_many;
    if (g->debugged) return debugger;
    if (!is_available(g)) return g->early_why;
    eng_early *e = calloc(1, sizeof *e);
    if (!e) return "out of memory";
    e->g = g;
    e->method = m;
    e->dynamic = m->module->dynamic;
    e->id = eng_dynamic_id(e->dynamic);
    const char *why = "compiled already, and the runtime cannot be suspended now: try again";
    if (eng_suspend(g)) {
        why = identify(e);
        eng_resume(g);
    }
    if (why) {
        let_go(e);
        free(e);
        return why;
    }
    e->next = g->earlies;
    g->earlies = e;
    return NULL;
}

/* ---- the host's compile, on the helpers' thread ---- */

static void compiled(eng_compile *c, int32_t result, const uint8_t *entry, uint32_t size)
{
    eng_early *e = c->owner;
    (void)size;
    if (result == CLR_JIT_OK) e->entry = entry;
}

/* The body is woven as that of a method which is compiled for the first time: from what its compile was given. */
static bool choose(void *owner, eng_compile *c)
{
    eng *g = owner;
    eng_early *e = eng_managed_self(g) ? g->compiling_early : NULL;
    if (!e || !(c->original->scope & CLR_JIT_DYNAMIC_SCOPE) || eng_jit_is_stub(c)) return false;
    const clr_jit_method *asked = c->original;
    clr_jit_get_method_info *get = (clr_jit_get_method_info *)eng_jit_real(c, CLR_JIT_GET_METHOD_INFO);
    g->compiling_early = NULL;
    pthread_mutex_lock(&g->ledger);
    bool known = map_put(&g->early_hosts, asked->method, e);
    pthread_mutex_unlock(&g->ledger);
    if (!known) return false;
    e->host = asked->method;
    if (!get(c->ee, e->id, &e->info, 0)) return false;
    c->original = &e->info;
    c->info = e->info;
    eng_first *f = eng_dynamic_weave(g, e->dynamic, c);
    if (!f) {
        c->original = asked;
        c->info = *asked;
        return false;
    }
    eng_first_give(c, f);
    c->owner = e;
    c->done = compiled;
    return true;
}

static void compile(eng_job *job, const eng_helpers *helpers)
{
    enum { DEBUGGER = 1 };
    eng_early *e = (eng_early *)(void *)job;
    eng *g = e->g;
    intptr_t dependent = 0;
    if (helpers) {
        g->compiling_early = e;
        dependent = helpers->make_beside((intptr_t)e->resolver, (intptr_t)e->managed);
        g->compiling_early = NULL;
    }
    log_line(LOG_DEBUG, "engine", "%s: body beside it: host %llx, code %p, handle %llx", e->method->name,
             (unsigned long long)e->host, (const void *)e->entry, (unsigned long long)dependent);
    e->debugger = dependent == DEBUGGER;
    e->dependent = e->debugger ? 0 : dependent;
    pthread_mutex_lock(&g->ledger);
    e->done = true;
    pthread_mutex_unlock(&g->ledger);
    if (g->wake) g->wake(g->wake_owner);
}

void eng_early_commit(eng *g, const eng_method *m)
{
    for (eng_early *e = g->earlies; e; e = e->next) {
        if (e->method != m || e->given) continue;
        e->given = true;
        e->job.run = compile;
        eng_managed_run(g, &e->job);
    }
}

/* ---- the end ---- */

/* The host was never told of, or has gone. */
static void forget(eng_job *job, const eng_helpers *helpers)
{
    eng_early *e = (eng_early *)(void *)job;
    if (helpers && e->dependent) helpers->forget(e->dependent);
    free(e);
}

bool eng_early_unloaded(eng *g, clr_function_id host)
{
    pthread_mutex_lock(&g->ledger);
    eng_early *e = map_remove(&g->early_hosts, host);
    bool own = e != NULL;
    if (e) e->host = 0;
    if (e && e->finished) {
        e->job.run = forget;
        eng_managed_run(g, &e->job);
    }
    pthread_mutex_unlock(&g->ledger);
    return own;
}

bool eng_early_is_host(eng *g, clr_function_id function)
{
    return map_get(&g->early_hosts, function) != NULL;
}

static const char not_made[] = "compiled already, and the runtime did not compile a body of ours beside it";

/* ---- the jump ---- */

#define TRIES     20u  /* at once */
#define TRIES_ALL 200u /* and in all */
#define NAP_NS    1000000

/* What there is to do, once all that has been compiled can be looked at. */
static bool is_ready(const eng_early *e)
{
    return e->given && e->method->layers.n && !e->method->woven && e->dependent && e->entry;
}

static const char *why_not(const eng_early *e)
{
    if (e->debugger) return debugger;
    return e->dependent && e->entry ? NULL : not_made;
}

static clr_hresult on_frame(clr_function_id function, uintptr_t ip, uintptr_t frame, uint32_t size, uint8_t *context,
                            void *owner)
{
    (void)function, (void)frame, (void)size, (void)context;
    for (eng_early *e = owner; e; e = e->next)
        if (ip > (uintptr_t)e->code && ip < (uintptr_t)e->code + ENG_PATCH_BYTES) e->entered = true;
    return CLR_OK;
}

/*
 * The jumps of all that are ready. A suspended thread stands where the collector may look at it: behind a call, or in a
 * loop; whether that is in the bytes of a jump is looked for. Who comes to a jump holds the method, which keeps the
 * host, and no collection can happen between the jump and the host's own code.
 */
static void lead_over(eng *g, eng_early *ready)
{
    eng_walked walked = {.threads = 0};
    bool anywhere = true;
    for (eng_early *e = ready; e; e = e->next) {
        anywhere &= e->anywhere;
        e->entered = !eng_patch_reaches(e->code, e->entry) || !eng_patch_memory(e->code, &e->writable);
        if (e->entered) e->tries = TRIES_ALL;
    }
    unsigned led = 0;
    const uint64_t began = eng_now_ns();
    if (!eng_suspend(g)) return;
    if (!anywhere) eng_walk_threads(g, on_frame, ready, NULL, &walked);
    for (eng_early *e = ready; e; e = e->next) {
        if (e->entered || (walked.missed && !e->anywhere)) continue;
        e->led = eng_patch_write(e->code, e->entry, e->writable);
        if (!e->led) e->tries = TRIES_ALL;
        led += e->led;
    }
    eng_resume(g);
    log_line(LOG_INFO, "engine", "led %u compiled methods to new bodies, paused for %llu us", led,
             (unsigned long long)(eng_now_ns() - began) / 1000);
}

static void end(eng *g, eng_early *e)
{
    let_go(e);
    pthread_mutex_lock(&g->ledger);
    e->finished = true;
    const bool stays = e->host != 0; /* until its host has gone */
    pthread_mutex_unlock(&g->ledger);
    if (stays) return;
    if (e->dependent) {
        e->job.run = forget;
        eng_managed_run(g, &e->job);
    } else {
        free(e);
    }
}

static void finish(eng *g, eng_early *e)
{
    const char *why = why_not(e);
    if (!why && !e->led) why = unknown_memory;
    if (e->given && e->method->layers.n && !e->method->woven) eng_first_came_out(g, e->method, why);
    end(g, e);
}

/* Takes those out of the list that nobody works at. */
static eng_early *take_done(eng *g)
{
    eng_early **at = &g->earlies, *taken = NULL;
    pthread_mutex_lock(&g->ledger);
    while (*at) {
        eng_early *e = *at;
        if (e->given && !e->done) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        e->next = taken;
        taken = e;
    }
    pthread_mutex_unlock(&g->ledger);
    return taken;
}

/* Those that could not be led over for now: a thread stands in the way, or its stack cannot be read. */
static eng_early *sort(eng *g, eng_early *all)
{
    eng_early *left = NULL;
    for (eng_early *e = all, *next; e; e = next) {
        next = e->next;
        if (is_ready(e) && !e->led && ++e->tries < TRIES_ALL) {
            e->next = left;
            left = e;
        } else {
            finish(g, e);
        }
    }
    return left;
}

void eng_early_finish(eng *g)
{
    eng_early *left = g->earlies ? sort(g, take_done(g)) : NULL;
    for (unsigned i = 0; left && i < TRIES; i++) {
        if (i) nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
        lead_over(g, left);
        left = sort(g, left);
    }
    for (eng_early *next; left; left = next) { /* with the next tick */
        next = left->next;
        left->next = g->earlies;
        g->earlies = left;
    }
}
