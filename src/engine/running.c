/*
 * Which methods have calls that are running now. The runtime is suspended and every thread's stack is walked; what is
 * found is written into memory that was there before, as nobody can tell who holds the allocator's lock meanwhile. The
 * process waits no longer than WALK_MOST_NS for it: threads that are left by then are counted as missed.
 */
#include "engine/engine-priv.h"

#define WALK_MOST_NS 2000000u
#define SLOTS        8192u /* for distinct methods, a power of two; more than half full is full */

typedef struct walk {
    eng *g;
    eng_stacks *out;
    uint64_t until_ns;
    bool late;
} walk;

static eng_running *slot_of(eng_stacks *s, clr_module_id module, uint32_t token)
{
    uint64_t hash = ((uint64_t)module >> 4 ^ (uint64_t)token << 17 ^ token) * 0x9e3779b97f4a7c15u;
    for (uint32_t at = (uint32_t)(hash >> 40);; at++) {
        eng_running *r = &s->found[at & (s->slots - 1)];
        if (!r->calls || (r->module == module && r->token == token)) return r;
    }
}

static clr_hresult on_frame(clr_function_id function, uintptr_t ip, uintptr_t frame, uint32_t size, uint8_t *context,
                            void *owner)
{
    walk *w = owner;
    clr_class_id type;
    clr_module_id module = 0;
    clr_function_id same;
    uint32_t token = 0;
    (void)frame, (void)size, (void)context;
    w->late = eng_now_ns() > w->until_ns || w->out->count > w->out->slots / 2;
    if (w->late) return CLR_FAIL;
    if (!function || w->g->info->vt->GetFunctionInfo(w->g->info, function, &type, &module, &token) < 0) return CLR_OK;
    eng_running *r = slot_of(w->out, module, token);
    if (!r->calls++) {
        *r = (eng_running){.module = module, .token = token, .calls = 1};
        w->g->info->vt->GetFunctionFromIP2(w->g->info, (const uint8_t *)ip, &same, &r->rejit);
        w->out->count++;
    }
    return CLR_OK;
}

void eng_walk_threads(eng *g, clr_stack_visitor *f, void *owner, const bool *enough, eng_walked *out)
{
    clr_info *info = g->info;
    clr_enum *threads = NULL;
    clr_thread_id id;
    uint32_t got = 0;
    *out = (eng_walked){.missed = 1};
    if (info->vt->EnumThreads(info, &threads) < 0 || !threads) return;
    out->missed = 0;
    while (threads->vt->Next(threads, 1, &id, &got) >= 0 && got == 1) {
        out->threads++;
        /* CLR_FAIL: it has no managed frames. */
        clr_hresult hr = enough && *enough ? CLR_OK : info->vt->DoStackSnapshot(info, id, f, 0, owner, NULL, 0);
        out->missed += (enough && *enough) || (hr < 0 && hr != CLR_FAIL);
    }
    threads->vt->unknown.Release(threads);
}

bool eng_stacks_look(eng *g, arena *a, eng_stacks *out)
{
    *out = (eng_stacks){.slots = SLOTS, .found = arena_array(a, SLOTS, sizeof *out->found)};
    if (!out->found) return false;
    uint64_t began = eng_now_ns();
    if (!eng_suspend(g)) return false;
    walk w = {.g = g, .out = out, .until_ns = eng_now_ns() + WALK_MOST_NS};
    eng_walked walked;
    eng_walk_threads(g, on_frame, &w, &w.late, &walked);
    eng_resume(g);
    out->threads = walked.threads;
    out->missed = walked.missed;
    log_line(LOG_INFO, "engine", "looked at the stacks of %u threads: %u methods, %u missed, paused for %llu us",
             out->threads, out->count, out->missed, (unsigned long long)(eng_now_ns() - began) / 1000);
    return true;
}
