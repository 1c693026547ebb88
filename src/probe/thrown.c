/* Exceptions as they are thrown: an event each, for those that have asked. */
#include "probe/probe-priv.h"

static void put(const probe_thread *t, const probe *p, wire_event *v, uint8_t *object, const uint64_t *frames,
                unsigned count)
{
    const uint32_t tail = count * (uint32_t)sizeof *frames;
    bool cut = false;
    wire_slot *slot = probe_slot_of(p->sink, t);
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
    slot->entered++;
    probe_ring_put(p->sink, t->index, v, (uint32_t)sizeof *v + blob, frames, tail);
    probe_ended(slot);
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
        if (room)
            put(t, p, room, object, frames, RJ_MIN(frame_count, PROBE_FRAMES_MOST));
        else
            p->sink->slot[t->index].lost_depth++;
    }
    probe_out(t);
}
