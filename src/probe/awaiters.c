/*
 * Who awaits. A state machine that goes on after an `await` is run by its box, the Task that others wait for, from a
 * thread pool's loop: who called it first is not on the stack. The box knows who goes on when it completes: its
 * continuation, which is another box, and so on.
 *
 * The boxes' own MoveNext is woven: its frame tells where on the stack a reference to the box lies. The collector keeps
 * that reference right as long as the frame is there.
 */
#include "probe/hot.h"

#define AWAITERS_MOST  32u
#define PIECE_MOST     512u
#define INDIRECT_MOST  3u /* what holds a delegate, and the delegate, between a box and the next */
#define PARENTS_MOST   8u
#define LOOKED_AT_MOST 64u
#define TARGET_AT      8u /* a delegate's first field */

static probe_tasks tasks;

void probe_awaiters_start(const probe_tasks *known)
{
    tasks = *known;
}

intptr_t probe_resume(probe *p)
{
    probe_thread *t = probe_self();
    intptr_t tok = 0;
    if (!t) return 0;
    if (probe_in(t, p->sink)) {
        probe_frame *f = probe_push(t, p, (uint64_t)__builtin_frame_address(0));
        if (f) {
            if (!p->ran) p->ran = 1;
            f->stage = PROBE_SETTLED; /* no call that anybody counts */
            f->event.start = 0;
            tok = (intptr_t)&f->event;
        }
    }
    probe_out(t);
    return tok;
}

void probe_resume_of(wire_event *tok, const uint8_t *box)
{
    tok->start = (uint64_t)box;
}

void probe_resumed(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    if (!t) return;
    t->busy = 1;
    PROBE_BARRIER();
    if (t->top && probe_surface(t, f)) t->top = f->below;
    probe_out(t);
}

const probe_frame *probe_resumed_frame(const probe_thread *t, const probe_sink *s, uint64_t sp)
{
    unsigned looked = 0;
    for (const probe_frame *f = t->top; f && looked < LOOKED_AT_MOST; f = f->below, looked++) {
        const probe *p = f->probe;
        if (f->sp < sp || p->turn != f->turn || !p->resumes || p->sink != s) continue;
        return f->event.start ? f : NULL;
    }
    return NULL;
}

/* ---- from box to box ---- */

static uint64_t type_of(const uint8_t *object)
{
    return *(const uint64_t *)(const void *)object & ~(uint64_t)7;
}

static bool derives(uint64_t type, uint64_t from)
{
    for (unsigned i = 0; type && i < PARENTS_MOST; i++) {
        if (type == from) return true;
        type = *(const uint64_t *)(type + 16);
    }
    return false;
}

static const uint8_t *field(const uint8_t *object, uint32_t at)
{
    return *(const uint8_t *const *)(const void *)(object + at);
}

static bool leads_on(const uint8_t *object)
{
    return object && (derives(type_of(object), tasks.task) || derives(type_of(object), tasks.delegate));
}

/* The runs of references in an object, as the GC's own description of its type has them: run[1] is where one begins,
 * and the object's size is to be added to run[0] for its length. */
static const uint64_t *references(uint64_t type, int64_t i)
{
    uint32_t flags = *(const uint32_t *)type;
    bool any = flags & HAS_POINTERS && !(flags & HAS_COMPONENTS) && i < *(const int64_t *)(type - 8);
    return any ? (const uint64_t *)(type - 24 - 16 * (uint64_t)i) : NULL;
}

static uint32_t base_size(uint64_t type)
{
    return *(const uint32_t *)(type + 4); /* with the object's header and its type pointer */
}

/* What an object that stands for a continuation goes on with: the first task or delegate that it refers to. */
static const uint8_t *held_by(const uint8_t *object, uint64_t type)
{
    const uint64_t *run;
    for (int64_t i = 0; (run = references(type, i)); i++) {
        uint64_t end = run[1] + run[0] + base_size(type);
        for (uint64_t at = run[1]; at + 8 <= end; at += 8)
            if (leads_on(field(object, (uint32_t)at))) return field(object, (uint32_t)at);
    }
    return NULL;
}

/* A box ends with its state machine; in a Debug build that is an object of its own. NULL where no reference stands
 * there. */
static const uint8_t *last_of(const uint8_t *object)
{
    const uint64_t *run;
    uint64_t type = type_of(object), last = base_size(type) - 16;
    for (int64_t i = 0; (run = references(type, i)); i++)
        if (last >= run[1] && last < run[1] + run[0] + base_size(type)) return field(object, (uint32_t)last);
    return NULL;
}

/* The task that a continuation goes on with; NULL where that is none, or several. */
static const uint8_t *task_behind(const uint8_t *continuation)
{
    bool delegate = false;
    for (unsigned i = 0; continuation && i < INDIRECT_MOST; i++) {
        uint64_t type = type_of(continuation);
        if (derives(type, tasks.task)) return continuation;
        if (delegate) return NULL; /* of anything else it may refer to, nobody knows what it is for */
        delegate = derives(type, tasks.delegate);
        continuation = delegate ? field(continuation, TARGET_AT) : held_by(continuation, type);
    }
    return NULL;
}

typedef struct album {
    uint8_t *out;
    uint32_t room, used;
} album;

static bool put(album *a, const uint8_t *object, uint32_t kind)
{
    uint64_t type = type_of(object);
    uint32_t copied = RJ_MIN(base_size(type) - 16, PIECE_MOST) & ~7u;
    wire_piece piece = {.type = type, .address = (uint64_t)object, .length = kind, .copied = copied};
    if (a->room - a->used < sizeof piece + copied) return false;
    memcpy(a->out + a->used, &piece, sizeof piece);
    memcpy(a->out + a->used + sizeof piece, object + 8, copied);
    a->used += (uint32_t)sizeof piece + copied;
    return true;
}

uint32_t probe_awaiters(uint8_t *out, uint32_t room, const probe_frame *resumed)
{
    album a = {out, room, 0};
    const uint8_t *box = *(const uint8_t *const *)resumed->event.start;
    for (unsigned i = 0; i < AWAITERS_MOST && (box = task_behind(field(box, tasks.continuation_at))); i++) {
        const uint8_t *machine = last_of(box);
        if (!put(&a, box, WIRE_AWAITER)) break;
        if (machine && !(*(const uint32_t *)type_of(machine) & HAS_COMPONENTS)) put(&a, machine, WIRE_AWAITER_MACHINE);
    }
    return a.used;
}
