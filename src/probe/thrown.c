/* Exceptions as they are thrown: an event each, for those that have asked. */
#include "probe/hot.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static void put(probe_thread *t, const probe *p, wire_event *v, uint8_t *object, const uint64_t *frames, unsigned count)
{
    const uint32_t tail = count * (uint32_t)sizeof *frames;
    bool cut = false;
    memset(v, 0, sizeof *v);
    const uint32_t blob =
        probe_picture((uint8_t *)(v + 1), WIRE_EVENT_MOST - (uint32_t)sizeof *v - tail, object, p->depth, &cut);
    v->kind = WIRE_EV_THROWN;
    v->flags = cut ? WIRE_EV_CUT : 0;
    v->frames = (uint16_t)count;
    v->probe = p->id;
    v->tid = t->tid;
    v->start = probe_now();
    v->exception = blob ? (uint64_t)blob << 32 | sizeof *v : 0;
    probe_ring_put(t, p->sink, v, (uint32_t)sizeof *v + blob, frames, count);
}

void probe_threw(probe *const *probes, unsigned count, uint8_t *object, const uint64_t *frames, unsigned frame_count)
{
    probe_thread *t = probe_self();
    if (!t) return;
    t->busy = 1; /* before a probe is looked at: from here on it stays, and its sink */
    PROBE_BARRIER();
    wire_event *room = probe_free_room(t);
    for (unsigned i = 0; i < count; i++) {
        const probe *p = __atomic_load_n(&probes[i], __ATOMIC_ACQUIRE);
        if (!p || !p->gate || __atomic_load_n(&p->sink->detached, __ATOMIC_RELAXED)) continue;
        wire_slot *slot = probe_slot_of(t, p->sink);
        if (!room) {
            slot->lost_depth++;
            continue;
        }
        slot->entered++;
        put(t, p, room, object, frames, RJ_MIN(frame_count, PROBE_FRAMES_MOST));
        probe_ended(slot);
    }
    probe_out(t);
}

static _Atomic uint64_t restorer;

bool probe_thrown_start(err_t *e)
{
    /* As the kernel has it; the C library's own structure leaves the last but one out. */
    struct {
        uint64_t handler, flags, restorer, mask;
    } action = {0};
    if (syscall(SYS_rt_sigaction, SIGFPE, NULL, &action, sizeof action.mask) < 0)
        return err_errno(e, "asking how the process handles SIGFPE");
    atomic_store(&restorer, action.restorer);
    return true;
}

/*
 * From a frame out to where a fault happened, and on. A signal handler that runs on the thread's own stack returns to
 * the restorer, and what the thread was at lies above its frame (ucontext_t).
 */
static unsigned faulted_from(probe_thread *t, uint64_t frame, uint64_t *frames)
{
    enum { UCONTEXT_IP = 168 };
    const uint64_t returns = atomic_load_explicit(&restorer, memory_order_relaxed);
    const unsigned n = probe_walk(t, frame, frames, PROBE_FRAMES_MOST, 0, NULL);
    for (unsigned i = 0; returns && i < n; i++, frame = *(const uint64_t *)frame) {
        const uint64_t at = frame + 16 + UCONTEXT_IP;
        if (frames[i] != returns || !probe_on_stack(t, frame, at)) continue;
        frames[i] = *(const uint64_t *)at + 1; /* the others are return addresses, too, which stand behind */
        return n;
    }
    return n;
}

/*
 * Where it was thrown, and the callers from there. `frame` is that of the function that woven code called. A fault has
 * no CONTEXT yet; but the frames lead to where it happened, from the one that called the method that dispatches:
 *
 *      probe_dispatch -> DispatchEx -> RhThrowHwEx -> native code ... -> the faulting method
 */
static unsigned thrown_from(probe_thread *t, const probe *p, const uint8_t *info, const uint64_t *frame,
                            uint64_t *frames)
{
    enum { CONTEXT_BP = 0xA0, KIND_MASK = 3, FAULT = 2, AGAIN = 4 }; /* ExKind */
    const uint8_t kind = info[p->kind_at], *context;
    uint64_t bp, dispatch = frame[0];
    if ((kind & KIND_MASK) == FAULT && !(kind & AGAIN)) {
        if (!probe_on_stack(t, (uint64_t)frame, dispatch)) return 0;
        return faulted_from(t, *(const uint64_t *)dispatch, frames);
    }
    memcpy(&context, info + p->context_at, 8);
    if (!context) return 0;
    memcpy(&frames[0], context + PROBE_CONTEXT_IP, 8);
    memcpy(&bp, context + CONTEXT_BP, 8);
    if (!probe_on_stack(t, (uint64_t)frame, bp)) return 1;
    return 1 + probe_walk(t, bp, frames + 1, PROBE_FRAMES_MOST - 1, 0, NULL);
}

void probe_dispatch(wire_event *tok, int32_t slot, probe_typedref info)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    uint64_t frames[PROBE_FRAMES_MOST];
    uint8_t *object;
    (void)slot;
    if (!t) return;
    if (probe_in(t, p->sink) && probe_surface(t, f)) {
        probe_pop(t, f); /* it has no other end */
        memcpy(&object, info.address + p->exception_at, 8);
        wire_event *room = probe_free_room(t);
        const unsigned count = thrown_from(t, p, info.address, __builtin_frame_address(0), frames);
        if (room && object) put(t, p, room, object, frames, count);
        probe_ended(probe_slot_of(t, p->sink));
    }
    probe_out(t);
}
