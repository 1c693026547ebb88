/* One producer, one consumer: the rings and the statistics in shared memory. What the consumer writes (tail) is not to
 * be trusted. */
#include "probe/probe-priv.h"

static void count_shared(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Addresses get their marks here: a copy word by word waits for no store that has just been made. */
static void put_more(uint8_t *to, const wire_event *event, const void *more, uint32_t size)
{
    if (event->kind == WIRE_EV_STACK || event->kind == WIRE_EV_THROWN)
        probe_vouch((uint64_t *)(void *)to, more, size / sizeof(uint64_t));
    else
        memcpy(to, more, size);
}

void probe_ring_put(probe_sink *s, uint32_t index, const wire_event *event, uint32_t size, const void *more,
                    uint32_t more_size)
{
    if (index == 0) {
        count_shared(&s->memory->no_slot);
        return;
    }
    wire_slot *slot = &s->slot[index];
    uint32_t need = (size + more_size + 7u) & ~7u;
    /* Marks only matter where nothing follows them: they must not take the place of what does, and are no calls. */
    bool mark = event->kind == WIRE_EV_MARK;
    uint64_t limit = mark ? s->ring_size / 2 : s->ring_size;
    /* Our own index lies in memory that the consumer can write as well: where it is off, events are, but never the
     * bounds. */
    uint64_t head = __atomic_load_n(&slot->head, __ATOMIC_RELAXED) & ~(uint64_t)7;
    uint64_t used = head - __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE);
    uint64_t at = head & (s->ring_size - 1), to_end = s->ring_size - at, pad = to_end < need ? to_end : 0;
    if (used > limit || limit - used < need + pad) {
        slot->dropped += !mark;
        return;
    }
    uint8_t *ring = s->rings + (uint64_t)index * s->ring_size;
    if (pad) {
        /* to_end is a multiple of 8: there is always room for size and kind */
        wire_event *filler = (wire_event *)(void *)(ring + at);
        filler->size = (uint32_t)pad;
        filler->kind = WIRE_EV_PAD;
        at = 0;
    }
    memcpy(ring + at, event, size);
    if (more_size) put_more(ring + at + size, event, more, more_size);
    ((wire_event *)(void *)(ring + at))->size = need;
    slot->written += !mark;
    __atomic_store_n(&slot->head, head + pad + need, __ATOMIC_RELEASE);
}

void probe_stat_add(probe_sink *s, uint32_t index, const probe *p, uint64_t elapsed, bool error)
{
    if (p->id >= s->stats_max) return;
    wire_stat *stat = (wire_stat *)(void *)(s->stats + ((uint64_t)index * s->stats_max + p->id) * sizeof(wire_stat));
    uint64_t *bucket = &stat->bucket[wire_bucket(elapsed)];
    if (index) {
        stat->calls++;
        stat->errors += error;
        stat->sum += elapsed;
        if (elapsed > stat->max) stat->max = elapsed;
        ++*bucket;
        return;
    }
    count_shared(&stat->calls);
    if (error) count_shared(&stat->errors);
    __atomic_fetch_add(&stat->sum, elapsed, __ATOMIC_RELAXED);
    count_shared(bucket);
    uint64_t seen = __atomic_load_n(&stat->max, __ATOMIC_RELAXED);
    while (elapsed > seen &&
           !__atomic_compare_exchange_n(&stat->max, &seen, elapsed, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}
