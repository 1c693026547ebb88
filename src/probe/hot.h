/*
 * What every recorded call runs, for inlining: a probed call may take a few nanoseconds, and each function call on the
 * way takes one. What is rare stands in functions of its own.
 */
#ifndef REJIT_PROBE_HOT_H
#define REJIT_PROBE_HOT_H

#include "probe/probe-priv.h"

#include <x86intrin.h>

#pragma GCC visibility push(hidden) /* found without a look into a table */

#define PROBE_LIKELY(x)   __builtin_expect(!!(x), 1)
#define PROBE_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- thread and clock ---- */

/*
 * A thread's block is the value of a key, which also tells us of threads that end. The agent has no TLS of its own:
 * after a library with TLS is loaded each thread's next access to any library's TLS takes glibc's slow path, and a
 * signal there whose handler does the same (the runtime suspends by one) makes glibc 2.36 give the thread a second,
 * empty block in the place of the one that it had (docs/runtime-facts.md).
 *
 * glibc keeps the values of the first 32 keys in the thread's own descriptor, where they are read without a call:
 *
 *      %fs -> | descriptor ...  | key 0: seq, value | ... | key n: seq, value | ...
 *                               slot ---------------------^
 *
 * seq tells that the value belongs to this key, not to one that had the number before. Where the place was not found
 * (another libc, all of these keys in use) pthread_getspecific is asked, and also where there is no TSC, so that who
 * has found it needs not ask for that.
 */
typedef struct probe_key {
    uintptr_t slot, seq; /* slot 0: not found */
} probe_key;
extern probe_key probe_own_key;

/* The calling thread's block; NULL where it takes a call to find it. */
static inline probe_thread *probe_self_at_once(void)
{
    const uintptr_t at = probe_own_key.slot;
    uintptr_t seq, value;
    __asm__ volatile("movq %%fs:8(%1), %0" : "=r"(value) : "r"(at));
    __asm__ volatile("movq %%fs:(%1), %0" : "=r"(seq) : "r"(at));
    return PROBE_LIKELY(seq == probe_own_key.seq) ? (probe_thread *)value : NULL;
}

probe_thread *probe_self_by_call(void);

/* The calling thread's block; NULL where the pool is exhausted. */
static inline probe_thread *probe_self(void)
{
    probe_thread *t = probe_self_at_once();
    return PROBE_LIKELY(t) ? t : probe_self_by_call();
}

extern bool probe_clock_is_tsc;
uint64_t probe_now_by_call(void);

static inline uint64_t probe_now(void)
{
    return PROBE_LIKELY(probe_clock_is_tsc) ? __rdtsc() : probe_now_by_call();
}

/* Enters one of our functions: from here to `out` the sink's memory stays. */
static inline bool probe_in(probe_thread *t, const probe_sink *s)
{
    t->busy = 1;
    PROBE_BARRIER();
    return PROBE_LIKELY(!__atomic_load_n(&s->detached, __ATOMIC_RELAXED));
}

/* The same where it is that of the thread's last call: nothing more is to be asked, since it would be none where it had
 * been detached. */
static inline bool probe_in_again(probe_thread *t, const probe_sink *s)
{
    t->busy = 1;
    PROBE_BARRIER();
    return PROBE_LIKELY(__atomic_load_n(&t->sink, __ATOMIC_RELAXED) == s);
}

static inline void probe_out(probe_thread *t)
{
    PROBE_BARRIER();
    t->busy = 0;
}

/* The thread's slot in a sink. Inside of probe_in, as all that follows. */
static inline wire_slot *probe_slot_of(probe_thread *t, const probe_sink *s)
{
    if (PROBE_UNLIKELY(t->sink != s)) probe_turn_to(t, s);
    return t->slot;
}

/* The only writer adds to a counter that others read: what was stored before is there when they see it. */
static inline void probe_add(uint64_t *counter, uint64_t n)
{
    __asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(n) : "memory", "cc");
}

/* A call has ended, and what there is to say of it has been written: who reads that it has ended finds that. */
static inline void probe_ended(wire_slot *slot)
{
    probe_add(&slot->left, 1);
}

/* ---- frames ---- */

/* __builtin_frame_address(0) of a function that may do without a frame pointer. */
#define probe_own_frame() ((uint64_t)__builtin_dwarf_cfa() - 16)

static inline probe_frame *probe_frame_of(wire_event *tok)
{
    return (probe_frame *)(void *)((uint8_t *)tok - offsetof(probe_frame, event));
}

/*
 * The thread that a frame is of, which must be the calling one: a call ends on the thread that it began on. Without a
 * TSC it is nobody's block, where no frame is on top.
 */
static inline probe_thread *probe_thread_of(const probe_frame *f)
{
    return *(probe_thread *const *)((uintptr_t)f & ~(uintptr_t)(PROBE_STACK_SIZE - 1));
}

/* Calls vanish where their thread was unwound past them without our handlers: they are deeper than the one of p that
 * begins at sp, or that very one again. */
static inline bool probe_is_stale(const probe_frame *f, const probe *p, uint64_t sp)
{
    return f->sp <= sp && (f->sp < sp || f->probe == p);
}

/* Where the next frame goes. */
static inline uint8_t *probe_above(const probe_thread *t)
{
    return t->top ? (uint8_t *)&t->top->event + t->top->end : t->stack;
}

#define FRAME_START 16 /* bytes */
_Static_assert(offsetof(probe_frame, event) - offsetof(probe_frame, end) == FRAME_START,
               "the start is all that is left");
_Static_assert(offsetof(probe_frame, turn) - offsetof(probe_frame, end) ==
                   offsetof(probe, turn) - offsetof(probe, event_size),
               "a frame begins as its probe says");

static inline probe_frame *probe_put_frame(probe_thread *t, probe *p, uint64_t sp, uint8_t *at)
{
    probe_frame *f = (probe_frame *)(void *)at;
    f->below = t->top;
    f->probe = p;
    f->sp = sp;
    memcpy(&f->end, &p->event_size, FRAME_START);
    t->top = f;
    return f;
}

/* Takes the top frame off. */
static inline void probe_pop(probe_thread *t, probe_frame *f)
{
    t->top = f->below;
    if (f->role == PROBE_ROOT) t->tree = f->outer;
}

/* The slots of an event, behind it: what is never stored is null. */
static inline void probe_clear_slots(wire_event *v, const probe *p)
{
    uint8_t *at = (uint8_t *)v;
    for (unsigned i = sizeof *v; i < p->event_size; i += 8)
        *(uint64_t *)(void *)(at + i) = 0;
}

/* ---- the ring ---- */

/*
 * The consumer may have what was written at t->at. Our own index lies in memory that it can write as well: where it is
 * off, events are, but never the bounds.
 */
static inline void probe_ring_done(probe_thread *t, wire_slot *slot, uint32_t need)
{
    t->at += need;
    probe_add(&slot->head, need);
}

/* The first word of a frame's event: size, kind, flags, frames. */
static inline uint64_t probe_head_of(const probe_frame *f, wire_event_kind kind)
{
    uint64_t head;
    memcpy(&head, &f->end, 8);
    return head | (uint64_t)kind << 32;
}

/* An event into the ring, word by word: a wider copy waits for stores that have just been made. */
static inline void probe_copy_words(uint8_t *to, const void *from, uint32_t size)
{
    const uint8_t *words = from;
    for (uint32_t i = 0; i < size; i += 8)
        *(uint64_t *)(void *)(to + i) = *(const uint64_t *)(const void *)(words + i);
}

/* ---- statistics ---- */

static inline void probe_stat_add(const probe_thread *t, const probe *p, uint64_t elapsed, bool error)
{
    const probe_sink *s = p->sink;
    if (PROBE_UNLIKELY(p->id >= s->stats_max)) return;
    wire_stat *stat = (wire_stat *)(void *)(s->stats + ((uint64_t)t->index * s->stats_max + p->id) * sizeof(wire_stat));
    stat->calls++;
    if (error) stat->errors++;
    stat->sum += elapsed;
    if (PROBE_UNLIKELY(elapsed > stat->max)) stat->max = elapsed;
    stat->bucket[wire_bucket(elapsed)]++;
}

#pragma GCC visibility pop

#endif
