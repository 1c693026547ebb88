/*
 * Async calls that have not completed, and the outcomes of calls that completed before they were registered.
 *
 * The table is made of places of one word each: the number of a task, the kind, a few bits of the probe, and which
 * record it is. A number may stand in any place of its bucket, so that taking one out needs no tombstone. Numbers are
 * given out one after the other (async.c): they fill the buckets evenly. Records come from pools of four sizes. All of
 * it is address space until it is touched; where it is full, the call is counted as lost.
 */
#include "probe/probe-priv.h"

#include <sys/mman.h>

#define PLACES  (1u << 18)
#define BUCKET  16u
#define BUCKETS (PLACES / BUCKET)
#define POOLS   4u
#define AT_BITS 22u

/* Bytes of a record: numbers and times only, a few small pictures, more of them, the largest event that there is. */
static const struct {
    uint32_t bytes, count;
} shapes[POOLS] = {{192, 1u << 18}, {704, 1u << 17}, {2816, 1u << 15}, {WIRE_EVENT_MOST + 256, 1u << 12}};

/* free: the index of the first one plus 1, below a number that changes at each step, so that a stale view of the list
 * is noticed. */
typedef struct pool {
    uint8_t *base;
    _Atomic uint64_t free;
    _Atomic uint32_t used, given; /* records that were ever in use; records in use */
} pool;

static pool pools[POOLS];
static _Atomic uint64_t *places;

bool probe_pending_start(err_t *e)
{
    if (places) return true;
    size_t size = PLACES * sizeof *places;
    for (unsigned i = 0; i < POOLS; i++)
        size += (size_t)shapes[i].bytes * shapes[i].count;
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return err_errno(e, "reserving %zu MB of address space for pending calls", size >> 20);
    madvise(p, size, MADV_NOHUGEPAGE);
    uint8_t *at = p + PLACES * sizeof *places;
    for (unsigned i = 0; i < POOLS; i++) {
        pools[i].base = at;
        at += (size_t)shapes[i].bytes * shapes[i].count;
    }
    places = (_Atomic uint64_t *)(void *)p;
    return true;
}

/* ---- pools ---- */

static probe_pending *record(unsigned k, uint32_t at)
{
    return (probe_pending *)(void *)(pools[k].base + (size_t)shapes[k].bytes * at);
}

static probe_pending *pop(unsigned k)
{
    pool *p = &pools[k];
    uint64_t head = atomic_load(&p->free);
    for (;;) {
        uint32_t first = (uint32_t)head;
        if (!first) return NULL;
        /* It may have been taken meanwhile and be in use: then this is no index, and the exchange fails. */
        uint32_t next = __atomic_load_n(&record(k, first - 1)->next, __ATOMIC_RELAXED);
        if (atomic_compare_exchange_weak(&p->free, &head, ((head >> 32) + 1) << 32 | next)) return record(k, first - 1);
    }
}

static void push(unsigned k, uint32_t first, probe_pending *last)
{
    pool *p = &pools[k];
    uint64_t head = atomic_load(&p->free);
    do {
        __atomic_store_n(&last->next, (uint32_t)head, __ATOMIC_RELAXED);
    } while (!atomic_compare_exchange_weak(&p->free, &head, ((head >> 32) + 1) << 32 | (first + 1)));
}

/* One that was never used. */
static probe_pending *extend(unsigned k)
{
    pool *p = &pools[k];
    uint32_t at = atomic_load(&p->used);
    do {
        if (at == shapes[k].count) return NULL;
    } while (!atomic_compare_exchange_weak(&p->used, &at, at + 1));
    return record(k, at);
}

probe_pending *probe_pending_new(uint32_t bytes)
{
    uint32_t need = (uint32_t)offsetof(probe_pending, event) + bytes;
    if (!places) return NULL;
    for (unsigned k = 0; k < POOLS; k++) {
        if (shapes[k].bytes < need) continue;
        probe_pending *x = pop(k);
        if (!x) x = extend(k);
        if (!x) continue;
        x->self = k << AT_BITS | (uint32_t)(((uint8_t *)x - pools[k].base) / shapes[k].bytes);
        x->age = 0;
        atomic_fetch_add(&pools[k].given, 1);
        return x;
    }
    return NULL;
}

void probe_pending_free(probe_pending *x)
{
    unsigned k = x->self >> AT_BITS;
    uint32_t at = x->self & ((1u << AT_BITS) - 1);
    atomic_fetch_sub(&pools[k].given, 1);
    push(k, at, x);
}

/*
 * Gives the memory of a pool back that nobody uses. The list is taken as a whole; a record that somebody else adds
 * meanwhile comes from behind `used`, which the last step would notice.
 */
static void give_back(unsigned k)
{
    pool *p = &pools[k];
    if (!atomic_load(&p->used) || atomic_load(&p->given)) return;
    uint64_t head = atomic_load(&p->free);
    while (!atomic_compare_exchange_weak(&p->free, &head, ((head >> 32) + 1) << 32)) {
    }
    uint32_t n = 0, used = atomic_load(&p->used);
    probe_pending *last = NULL;
    for (uint32_t at = (uint32_t)head; at; at = last->next, n++)
        last = record(k, at - 1);
    if (!last) return;
    if (n == used) {
        size_t size = ((size_t)shapes[k].bytes * used) & ~(size_t)4095;
        if ((uintptr_t)p->base % 4096 == 0 && size) madvise(p->base, size, MADV_DONTNEED);
        if (atomic_compare_exchange_strong(&p->used, &used, 0)) return;
        for (uint32_t at = 0; at < n; at++)
            record(k, at)->next = at + 1 < n ? at + 2 : 0;
        push(k, 0, record(k, n - 1));
        return;
    }
    push(k, (uint32_t)head - 1, last);
}

/* ---- the table ---- */

/* id | kind, probe | self */
static uint64_t word_of(uint32_t id, const probe *p, probe_pending_kind kind, uint32_t self)
{
    uint64_t tag = (((uintptr_t)p >> 3) * 2654435761u >> 20 & 0x7F) | (uint64_t)kind << 7;
    return (uint64_t)id << 32 | tag << 24 | self;
}
#define SELF_MASK 0xFFFFFFu

static probe_pending *record_of(uint64_t word)
{
    uint32_t self = (uint32_t)word & SELF_MASK;
    return record(self >> AT_BITS, self & ((1u << AT_BITS) - 1));
}

bool probe_pending_put(probe_pending *x)
{
    uint64_t word = word_of(x->id, x->probe, x->kind, x->self);
    _Atomic uint64_t *bucket = &places[x->id % BUCKETS * BUCKET];
    for (uint32_t i = 0; i < BUCKET; i++) {
        uint64_t empty = 0;
        if (atomic_load_explicit(&bucket[i], memory_order_relaxed)) continue;
        if (atomic_compare_exchange_strong(&bucket[i], &empty, word)) return true;
    }
    return false;
}

static _Atomic uint64_t *place_of(uint32_t id, const probe *p, probe_pending_kind kind, uint64_t *found)
{
    uint64_t want = word_of(id, p, kind, 0);
    _Atomic uint64_t *bucket = places ? &places[id % BUCKETS * BUCKET] : NULL;
    for (uint32_t i = 0; bucket && i < BUCKET; i++) {
        uint64_t word = atomic_load(&bucket[i]);
        if ((word & ~(uint64_t)SELF_MASK) != want) continue;
        const probe_pending *x = record_of(word);
        if (__atomic_load_n(&x->probe, __ATOMIC_RELAXED) != p) continue;
        if (__atomic_load_n(&x->turn, __ATOMIC_RELAXED) != __atomic_load_n(&p->turn, __ATOMIC_ACQUIRE)) continue;
        *found = word;
        return &bucket[i];
    }
    return NULL;
}

probe_pending *probe_pending_find(uint32_t id, const probe *p, probe_pending_kind kind)
{
    uint64_t word;
    return place_of(id, p, kind, &word) ? record_of(word) : NULL;
}

probe_pending *probe_pending_take(uint32_t id, const probe *p, probe_pending_kind kind)
{
    uint64_t word;
    _Atomic uint64_t *place = place_of(id, p, kind, &word);
    return place && atomic_compare_exchange_strong(place, &word, 0) ? record_of(word) : NULL;
}

bool probe_pending_remove(probe_pending *x)
{
    uint64_t word = word_of(x->id, x->probe, x->kind, x->self);
    _Atomic uint64_t *bucket = &places[x->id % BUCKETS * BUCKET];
    for (uint32_t i = 0; i < BUCKET; i++) {
        uint64_t seen = word;
        if (atomic_compare_exchange_strong(&bucket[i], &seen, 0)) return true;
    }
    return false;
}

#define AGE_MOST 30u

static bool is_anothers(const probe_pending *x, const probe_sink *s)
{
    const probe *p = __atomic_load_n(&x->probe, __ATOMIC_RELAXED);
    return p->turn != __atomic_load_n(&x->turn, __ATOMIC_RELAXED) || (s && p->sink == s);
}

/* An outcome whose call is not there after the last thread that could have brought it has passed on. */
static bool is_stale(probe_pending *x)
{
    if (x->kind != PROBE_PENDING_OUTCOME) return false;
    bool nobody = !__atomic_load_n(&x->probe->suspending, __ATOMIC_SEQ_CST);
    return x->age++ >= (nobody ? 1 : AGE_MOST);
}

uint32_t probe_async_forget(const probe_sink *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; places && i < PLACES; i++) {
        uint64_t word = atomic_load_explicit(&places[i], memory_order_acquire);
        if (!word) continue;
        probe_pending *x = record_of(word);
        bool goes = is_anothers(x, s) || (!s && is_stale(x));
        if (!goes || !atomic_compare_exchange_strong(&places[i], &word, 0)) continue;
        probe_pending_free(x);
        n++;
    }
    for (unsigned k = 0; k < POOLS; k++)
        give_back(k);
    return n;
}

uint32_t probe_async_pending(uint64_t *bytes)
{
    uint32_t n = 0;
    *bytes = 0;
    for (unsigned k = 0; k < POOLS; k++) {
        n += atomic_load(&pools[k].given);
        *bytes += (uint64_t)shapes[k].bytes * atomic_load(&pools[k].used);
    }
    return n;
}
