/*
 * Which methods have calls that are running now. The runtime is suspended and every thread's stack is walked; what is
 * found is written into memory that was there before, as nobody can tell who holds the allocator's lock meanwhile. The
 * process is paused for WALK_MOST_NS at most; threads that are left by then have their turn in another pause, a few
 * times, and are counted as missed in the end. A thread that was not walked to its end is forgotten and walked anew.
 */
#include "engine/engine-priv.h"

#include <time.h>

#define WALK_MOST_NS 2000000u
#define PAUSES       4u
#define BETWEEN_NS   8000000u /* the process's own time, between two pauses */
#define SLOTS        8192u    /* for distinct methods, a power of two; more than half full is full */
#define FRAMES       8192u    /* of one thread; of a deeper one that is not walked to its end the first part counts */
#define THREADS      1024u    /* more are not looked at */

typedef struct walk {
    eng *g;
    eng_stacks *out;
    uint64_t until_ns;
    bool late, full, partial; /* partial: frames of this thread were counted that are not in `frames` */
    clr_thread_id *walked;
    uint16_t *frames; /* of the thread that is being walked: slots */
    uint32_t walked_count, frame_count;
    uint32_t lost; /* threads that another pause would not help */
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
    w->late = eng_now_ns() > w->until_ns;
    w->full = w->out->count > w->out->slots / 2;
    if (w->late || w->full) return CLR_FAIL;
    if (!function || w->g->info->vt->GetFunctionInfo(w->g->info, function, &type, &module, &token) < 0) return CLR_OK;
    eng_running *r = slot_of(w->out, module, token);
    if (!r->calls++) {
        *r = (eng_running){.module = module, .token = token, .calls = 1};
        w->g->info->vt->GetFunctionFromIP2(w->g->info, (const uint8_t *)ip, &same, &r->rejit);
        w->out->count++;
    }
    w->partial = w->frame_count == FRAMES;
    if (!w->partial) w->frames[w->frame_count++] = (uint16_t)(r - w->out->found);
    return CLR_OK;
}

static bool was_walked(const walk *w, clr_thread_id id)
{
    for (uint32_t i = 0; i < w->walked_count; i++)
        if (w->walked[i] == id) return true;
    return false;
}

/* It was the last that anything was counted of: what is empty after it stands in no other method's way. */
static void forget_thread(walk *w)
{
    for (uint32_t i = 0; i < w->frame_count; i++)
        if (!--w->out->found[w->frames[i]].calls) w->out->count--;
}

static void walk_thread(void *owner, clr_thread_id id)
{
    walk *w = owner;
    w->out->threads++;
    if (!w->late && !w->full && was_walked(w, id)) return;
    w->frame_count = 0;
    w->partial = false;
    bool stop = w->late || w->full || w->walked_count == THREADS;
    clr_hresult hr = stop ? CLR_OK : w->g->info->vt->DoStackSnapshot(w->g->info, id, on_frame, 0, w, NULL, 0);
    bool cut = w->late && !stop && !w->partial;
    if (cut) forget_thread(w);
    w->out->missed += stop || cut;
    if (stop || cut) return;
    w->walked[w->walked_count++] = id;
    w->lost += hr < 0 && hr != CLR_FAIL; /* CLR_FAIL: it has no managed frames */
}

static bool each_thread(eng *g, void (*f)(void *owner, clr_thread_id id), void *owner)
{
    clr_enum *threads = NULL;
    clr_thread_id id;
    uint32_t got = 0;
    if (g->info->vt->EnumThreads(g->info, &threads) < 0 || !threads) return false;
    while (threads->vt->Next(threads, 1, &id, &got) >= 0 && got == 1)
        f(owner, id);
    threads->vt->unknown.Release(threads);
    return true;
}

typedef struct visit {
    eng *g;
    clr_stack_visitor *f;
    void *owner;
    const bool *enough;
    eng_walked *out;
} visit;

static void visit_thread(void *owner, clr_thread_id id)
{
    const visit *v = owner;
    bool enough = v->enough && *v->enough;
    clr_info *info = v->g->info;
    v->out->threads++;
    clr_hresult hr = enough ? CLR_OK : info->vt->DoStackSnapshot(info, id, v->f, 0, v->owner, NULL, 0);
    v->out->missed += enough || (hr < 0 && hr != CLR_FAIL);
}

void eng_walk_threads(eng *g, clr_stack_visitor *f, void *owner, const bool *enough, eng_walked *out)
{
    visit v = {g, f, owner, enough, out};
    *out = (eng_walked){0};
    if (!each_thread(g, visit_thread, &v)) out->missed = 1;
}

static bool look_once(walk *w)
{
    eng_stacks *out = w->out;
    uint64_t began = eng_now_ns();
    if (!eng_suspend(w->g)) return false;
    w->until_ns = eng_now_ns() + WALK_MOST_NS;
    w->late = false;
    out->threads = out->missed = 0;
    if (!each_thread(w->g, walk_thread, w)) out->missed = 1;
    eng_resume(w->g);
    log_line(LOG_INFO, "engine", "looked at the stacks of %u threads: %u methods, %u missed, paused for %llu us",
             out->threads, out->count, out->missed, (unsigned long long)(eng_now_ns() - began) / 1000);
    return true;
}

bool eng_stacks_look(eng *g, arena *a, eng_stacks *out)
{
    *out = (eng_stacks){.slots = SLOTS, .found = arena_array(a, SLOTS, sizeof *out->found)};
    walk w = {.g = g,
              .out = out,
              .walked = arena_array(a, THREADS, sizeof *w.walked),
              .frames = arena_array(a, FRAMES, sizeof *w.frames)};
    if (!out->found || !w.walked || !w.frames || !look_once(&w)) return false;
    for (unsigned i = 1; i < PAUSES && w.late; i++) {
        nanosleep(&(struct timespec){.tv_nsec = BETWEEN_NS}, NULL);
        if (!look_once(&w)) break;
    }
    out->missed += w.lost;
    return true;
}
