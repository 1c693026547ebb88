#include "client/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS_MOST 65536u
#define RING_LEAST 4096u
#define RING_MOST  (UINT64_C(1) << 30)

static bool inside(uint64_t at, uint64_t count, uint64_t each, uint64_t size)
{
    uint64_t bytes;
    return !__builtin_mul_overflow(count, each, &bytes) && at <= size && bytes <= size - at && at % 64 == 0;
}

static bool plan_is_sound(const wire_memory *p, uint64_t size)
{
    if (p->magic != WIRE_MAGIC || p->version < WIRE_VERSION_LEAST || p->size > size) return false;
    if (p->slots == 0 || p->slots > SLOTS_MOST) return false;
    if (p->ring_size < RING_LEAST || p->ring_size > RING_MOST || (p->ring_size & (p->ring_size - 1))) return false;
    if (p->stat_size != sizeof(wire_stat)) return false;
    uint64_t stats;
    if (p->key_places && !inside(p->keys_at, p->key_places, sizeof(wire_key), p->size)) return false;
    return inside(p->slots_at, p->slots, sizeof(wire_slot), p->size) &&
           inside(p->rings_at, p->slots, p->ring_size, p->size) &&
           !__builtin_mul_overflow((uint64_t)p->stats_max, sizeof(wire_stat), &stats) &&
           inside(p->stats_at, p->slots, stats, p->size);
}

bool memory_open(memory_t *m, int fd, err_t *e)
{
    *m = (memory_t){.fd = fd};
    struct stat st;
    wire_memory plan;
    int seals = fcntl(fd, F_GET_SEALS);
    /* Without the seal the target could cut the file, and reading it would kill us. */
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof plan)
        return err_set(e, ERR_FORMAT, -1, "the agent's shared memory is not sealed");
    if (pread(fd, &plan, sizeof plan, 0) != (ssize_t)sizeof plan || !plan_is_sound(&plan, (uint64_t)st.st_size))
        return err_set(e, ERR_FORMAT, -1, "the agent's shared memory has a layout that is not understood");
    m->rings = calloc(plan.slots, sizeof *m->rings);
    m->active = calloc(plan.slots, sizeof *m->active);
    if (!m->rings || !m->active) return err_set(e, ERR_MEMORY, -1, "out of memory");
    void *p = mmap(NULL, plan.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED) return err_errno(e, "mapping the agent's shared memory");
    m->base = p;
    m->plan = plan;
    m->ns_per_tick = 1;
    memory_clock(m);
    return true;
}

void memory_close(memory_t *m)
{
    if (m->base) munmap(m->base, m->plan.size);
    if (m->fd >= 0) close(m->fd);
    free(m->rings);
    free(m->active);
    *m = (memory_t){.fd = -1};
}

static wire_slot *slot_of(const memory_t *m, uint32_t slot)
{
    return (wire_slot *)(void *)(m->base + m->plan.slots_at) + slot;
}

static const uint8_t *ring_of(const memory_t *m, uint32_t slot)
{
    return m->base + m->plan.rings_at + m->plan.ring_size * slot;
}

/* Gives up on what a ring holds. */
static void give_up(memory_t *m, memory_ring *r)
{
    r->tail = r->head;
    r->ready = false;
    m->broken++;
}

/* The head of an event of which `there` bytes are to be seen: padding may be shorter than a head. */
static wire_event head_at(const uint8_t *p, uint64_t there)
{
    wire_event v = {0};
    if (there >= sizeof v)
        memcpy(&v, p, sizeof v);
    else
        memcpy(&v, p, there);
    return v;
}

/* Fetches the head of the event at tail, past padding. */
static bool fetch(memory_t *m, uint32_t slot)
{
    memory_ring *r = &m->rings[slot];
    uint64_t size = m->plan.ring_size;
    while (!r->ready && r->tail != r->head) {
        uint64_t at = r->tail & (size - 1), left = r->head - r->tail, to_end = size - at;
        wire_event v = head_at(ring_of(m, slot) + at, RJ_MIN(left, to_end));
        bool pad = v.kind == WIRE_EV_PAD;
        if (v.size < 8 || v.size % 8 || v.size > left || v.size > to_end ||
            (!pad && (v.size < sizeof v || v.size > WIRE_EVENT_MOST))) {
            give_up(m, r);
            break;
        }
        if (pad) {
            r->tail += v.size;
            continue;
        }
        r->next = v;
        r->ready = true;
    }
    return r->ready;
}

/* Gives the space of what was taken from one ring back to its producer. */
static void release(memory_t *m, uint32_t slot)
{
    wire_slot *s = slot_of(m, slot);
    if (m->rings[slot].tail != __atomic_load_n(&s->tail, __ATOMIC_RELAXED))
        __atomic_store_n(&s->tail, m->rings[slot].tail, __ATOMIC_RELEASE);
}

void memory_look(memory_t *m)
{
    m->active_count = m->looked_count = 0;
    for (uint32_t i = 1; i < m->plan.slots; i++) { /* slot 0 has no ring */
        memory_ring *r = &m->rings[i];
        uint64_t head = __atomic_load_n(&slot_of(m, i)->head, __ATOMIC_ACQUIRE);
        if (head == r->tail) continue;
        r->head = head;
        if (head - r->tail > m->plan.ring_size || head % 8) {
            give_up(m, r);
            release(m, i);
        } else if (fetch(m, i)) {
            m->active[m->active_count++] = i;
        } else {
            release(m, i);
        }
    }
    m->looked_count = m->active_count;
}

/* Takes the ring at place k out of the active ones, and keeps it among those that were looked at. */
static void retire(memory_t *m, uint32_t k)
{
    uint32_t slot = m->active[k];
    m->active[k] = m->active[--m->active_count];
    m->active[m->active_count] = slot;
}

const wire_event *memory_peek(memory_t *m, uint32_t *slot)
{
    const wire_event *best = NULL;
    uint64_t best_end = 0;
    for (uint32_t k = 0; k < m->active_count;) {
        uint32_t i = m->active[k];
        if (!m->rings[i].ready && !fetch(m, i)) {
            retire(m, k);
            continue;
        }
        const wire_event *v = &m->rings[i].next;
        uint64_t end = v->start + v->elapsed;
        if (!best || end < best_end) {
            best = v;
            best_end = end;
            *slot = i;
        }
        k++;
    }
    return best;
}

uint32_t memory_take(memory_t *m, uint32_t slot, uint8_t *out)
{
    memory_ring *r = &m->rings[slot];
    uint32_t size = r->next.size;
    const uint8_t *from = ring_of(m, slot) + (r->tail & (m->plan.ring_size - 1));
    memcpy(out, &r->next, sizeof r->next); /* the head that was checked, whatever stands there now */
    if (size > sizeof r->next) memcpy(out + sizeof r->next, from + sizeof r->next, size - sizeof r->next);
    memory_skip(m, slot);
    return size;
}

void memory_skip(memory_t *m, uint32_t slot)
{
    memory_ring *r = &m->rings[slot];
    r->tail += r->next.size;
    r->ready = false;
}

void memory_release(memory_t *m)
{
    for (uint32_t k = 0; k < m->looked_count; k++)
        release(m, m->active[k]);
}

void memory_clock(memory_t *m)
{
    const wire_memory *w = (const wire_memory *)(const void *)m->base;
    for (int tries = 0; tries < 1000; tries++) {
        uint32_t before = __atomic_load_n(&w->clock_seq, __ATOMIC_ACQUIRE);
        if (before & 1) continue;
        uint64_t ticks = w->epoch_ticks, ns = w->epoch_ns;
        double ratio = w->ns_per_tick;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&w->clock_seq, __ATOMIC_RELAXED) != before) continue;
        if (!isfinite(ratio) || ratio <= 0 || ratio > 1e6) return;
        m->epoch_ticks = ticks;
        m->epoch_ns = ns;
        m->ns_per_tick = ratio;
        return;
    }
}

uint64_t memory_ns(const memory_t *m, uint64_t ticks)
{
    double ns = (double)ticks * m->ns_per_tick;
    return ns < 9.2e18 ? (uint64_t)ns : (uint64_t)INT64_MAX;
}

uint64_t memory_time(const memory_t *m, uint64_t ticks)
{
    int64_t since = (int64_t)(ticks - m->epoch_ticks);
    double ns = (double)since * m->ns_per_tick;
    if (!(ns > -9.2e18 && ns < 9.2e18)) return m->epoch_ns;
    return m->epoch_ns + (uint64_t)(int64_t)ns;
}

static uint64_t load(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

memory_counts memory_count(const memory_t *m)
{
    memory_counts c = {0};
    if (!m->base) return c;
    /* `left` first: a call that ends in between, on whichever thread, must not be counted as ended before it began. */
    for (uint32_t i = 0; i < m->plan.slots; i++)
        c.left += load(&slot_of(m, i)->left);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < m->plan.slots; i++) {
        const wire_slot *s = slot_of(m, i);
        c.entered += load(&s->entered);
        c.dropped += load(&s->dropped);
        c.lost_depth += load(&s->lost_depth);
    }
    c.dropped += load(&((const wire_memory *)(const void *)m->base)->no_slot) + c.lost_depth + m->broken;
    return c;
}

void memory_stat(const memory_t *m, uint32_t probe, wire_stat *sum)
{
    *sum = (wire_stat){0};
    if (!m->base || probe >= m->plan.stats_max) return;
    for (uint32_t i = 0; i < m->plan.slots; i++) {
        wire_stat one;
        if (i && !__atomic_load_n(&slot_of(m, i)->used, __ATOMIC_RELAXED)) continue;
        uint64_t at = m->plan.stats_at + ((uint64_t)i * m->plan.stats_max + probe) * sizeof one;
        if (pread(m->fd, &one, sizeof one, (off_t)at) != (ssize_t)sizeof one || !one.calls) continue;
        sum->calls += one.calls;
        sum->errors += one.errors;
        sum->sum += one.sum;
        sum->max = RJ_MAX(sum->max, one.max);
        for (unsigned b = 0; b < WIRE_BUCKETS; b++)
            sum->bucket[b] += one.bucket[b];
    }
}

bool memory_key(const memory_t *m, uint32_t *at, wire_key *out)
{
    for (uint32_t i = *at; m->base && i < m->plan.key_places; i++) {
        const uint64_t from = m->plan.keys_at + (uint64_t)i * sizeof *out;
        if (pread(m->fd, out, offsetof(wire_key, bytes), (off_t)from) != (ssize_t)offsetof(wire_key, bytes)) break;
        if (!out->hash || !out->ready) continue;
        if (pread(m->fd, out, sizeof *out, (off_t)from) != (ssize_t)sizeof *out) break;
        *at = i + 1;
        return true;
    }
    return false;
}

double memory_percentile(const wire_stat *s, double part)
{
    uint64_t total = 0, seen = 0;
    for (unsigned b = 0; b < WIRE_BUCKETS; b++)
        total += s->bucket[b];
    if (!total) return 0;
    uint64_t rank = (uint64_t)ceil(part * (double)total);
    if (rank < 1) rank = 1;
    for (unsigned b = 0; b < WIRE_BUCKETS; b++) {
        seen += s->bucket[b];
        if (seen < rank) continue;
        double least = (double)wire_bucket_least(b);
        double next = b + 1 < WIRE_BUCKETS ? (double)wire_bucket_least(b + 1) : least;
        double middle = b < 16 ? least : (least + next) / 2;
        return RJ_MIN(middle, (double)s->max);
    }
    return (double)s->max;
}
