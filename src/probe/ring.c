/* One producer, one consumer: the rings and the statistics in shared memory. */
#include "probe/hot.h"

/* Looks how much room there is; limit: bytes that may be in the ring. What the consumer writes is not to be trusted. */
static void look(probe_thread *t, uint64_t limit)
{
    const uint64_t size = t->sink->ring_size;
    const uint64_t head = __atomic_load_n(&t->slot->head, __ATOMIC_RELAXED) & ~(uint64_t)7, at = head & (size - 1);
    const uint64_t used = head - (__atomic_load_n(&t->slot->tail, __ATOMIC_ACQUIRE) & ~(uint64_t)7);
    t->at = t->sink->rings + (uint64_t)t->index * size + at;
    t->until = t->at + (used < limit ? RJ_MIN(limit - used, size - at) : 0);
}

static bool fits(const probe_thread *t, uint64_t need)
{
    return need <= (uint64_t)(t->until - t->at);
}

/* The end of the ring is filled up, where it is free, and the beginning is looked at. */
static void wrap(probe_thread *t, uint64_t need, uint64_t limit)
{
    const uint64_t size = t->sink->ring_size;
    const uint64_t to_end = size - (uint64_t)(t->at - t->sink->rings) % size;
    if (!fits(t, to_end) || limit < to_end + need) return;
    look(t, limit - need);
    if (!fits(t, to_end)) return;
    /* to_end is a multiple of 8: there is always room for size and kind */
    wire_event *filler = (wire_event *)(void *)t->at;
    filler->size = (uint32_t)to_end;
    filler->kind = WIRE_EV_PAD;
    probe_ring_done(t, t->slot, (uint32_t)to_end);
    look(t, limit);
}

wire_event *probe_ring_room(probe_thread *t, const probe_sink *s, uint32_t need, wire_event_kind kind)
{
    wire_slot *slot = probe_slot_of(t, s);
    /* Marks only matter where nothing follows them: they must not take the place of what does, and are no calls. */
    const bool mark = kind == WIRE_EV_MARK;
    const uint64_t limit = mark ? s->ring_size / 2 : s->ring_size;
    look(t, limit);
    if (!fits(t, need)) wrap(t, need, limit);
    const bool fitted = fits(t, need);
    slot->dropped += !fitted && !mark;
    slot->written += fitted && !mark;
    return fitted ? (wire_event *)(void *)t->at : NULL;
}

/* Addresses get their marks here. */
void probe_ring_put(probe_thread *t, const probe_sink *s, const wire_event *event, uint32_t size,
                    const uint64_t *frames, uint32_t frame_count)
{
    const uint32_t front = (size + 7u) & ~7u, need = front + frame_count * (uint32_t)sizeof *frames;
    wire_event *to = probe_ring_room(t, s, need, (wire_event_kind)event->kind);
    if (!to) return;
    memcpy(to, event, size);
    probe_vouch((uint64_t *)(void *)((uint8_t *)to + front), frames, frame_count);
    to->size = need;
    probe_ring_done(t, t->slot, need);
}
