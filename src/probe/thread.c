/* The pool of thread blocks and the stacks of frames. */
#include "probe/hot.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

probe_thread *probe_pool;
static uint8_t *stacks;

static _Atomic uint32_t hint = 1,
                        in_use; /* in_use: a thread that finds none looks for one at each call, which must be cheap */
static _Atomic uint64_t ages;
static _Atomic uint32_t highest; /* index that was ever taken */

#define DESCRIPTOR_BYTES 1536u
static pthread_key_t mine;
probe_key probe_own_key;

static uintptr_t descriptor_word(uintptr_t at)
{
    uintptr_t word;
    __asm__ volatile("movq %%fs:(%1), %0" : "=r"(word) : "r"(at));
    return word;
}

/* By a value that is nowhere else. */
static void find_slot(void)
{
    static const char marks[2];
    uintptr_t found = 0;
    pthread_setspecific(mine, &marks[0]);
    for (uintptr_t at = sizeof(uintptr_t); !found && at < DESCRIPTOR_BYTES; at += sizeof(uintptr_t))
        if (descriptor_word(at) == (uintptr_t)&marks[0]) found = at;
    pthread_setspecific(mine, &marks[1]);
    if (found && descriptor_word(found) == (uintptr_t)&marks[1] && probe_clock_is_tsc) {
        probe_own_key.slot = found - sizeof(uintptr_t);
        probe_own_key.seq = descriptor_word(probe_own_key.slot);
    }
    pthread_setspecific(mine, NULL);
}

static void release(probe_thread *t)
{
    t->busy = 1;
    PROBE_BARRIER();
    while (t->top)
        probe_pop_abandoned(t, t->top);
    PROBE_BARRIER();
    t->busy = 0;
    t->tid = 0;
    t->sink = NULL; /* the next one marks its slot as its own */
    t->native_low = t->native_high = 0;
    uint32_t index = t->index;
    atomic_fetch_sub(&in_use, 1);
    atomic_store(&t->state, PROBE_FREE);
    if (index < atomic_load(&hint)) atomic_store(&hint, index); /* what has memory already is used again first */
}

static void give_back(void *block)
{
    probe_thread *t = block;
    uint32_t taken = PROBE_TAKEN;
    while (!atomic_compare_exchange_weak(&t->state, &taken, PROBE_HELD)) {
        if (taken == PROBE_FREE) return; /* the sweep took it for a dead thread's */
        taken = PROBE_TAKEN;
        sched_yield(); /* the sweep looks at it */
    }
    if (t->tid == (uint32_t)syscall(SYS_gettid))
        release(t);
    else
        atomic_store(&t->state, PROBE_TAKEN);
}

bool probe_start(err_t *e)
{
    probe_clock_start();
    if (!probe_vouch_start(e)) return false;
    size_t blocks = (sizeof(probe_thread) * PROBE_THREADS + 4095) & ~(size_t)4095;
    size_t size = blocks + (size_t)PROBE_STACK_SIZE * (PROBE_THREADS + 1); /* one to spare: they are aligned */
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return err_errno(e, "reserving %zu MB of address space for the threads' frames", size >> 20);
    madvise(p, size, MADV_NOHUGEPAGE);
    probe_pool = (probe_thread *)(void *)p;
    stacks = (uint8_t *)(((uintptr_t)p + blocks + PROBE_STACK_SIZE - 1) & ~(uintptr_t)(PROBE_STACK_SIZE - 1));
    atomic_store(&probe_pool[0].state, PROBE_TAKEN); /* nobody's: never given to a thread */
    int error = pthread_key_create(&mine, give_back);
    if (error) return err_set(e, ERR_SYSTEM, -1, "the process has no key for thread data left: %s", strerror(error));
    find_slot();
    return true;
}

static probe_thread *take(void)
{
    if (atomic_load_explicit(&in_use, memory_order_relaxed) >= PROBE_THREADS - 1) return NULL;
    uint32_t start = atomic_load_explicit(&hint, memory_order_relaxed);
    for (uint32_t n = 0; n < PROBE_THREADS; n++) {
        uint32_t i = (start + n) % PROBE_THREADS;
        uint32_t is_free = PROBE_FREE;
        if (!atomic_compare_exchange_strong(&probe_pool[i].state, &is_free, PROBE_TAKEN)) continue;
        atomic_fetch_add(&in_use, 1);
        atomic_store_explicit(&hint, i + 1, memory_order_relaxed);
        uint32_t seen = atomic_load(&highest);
        while (i > seen && !atomic_compare_exchange_weak(&highest, &seen, i)) {
        }
        /* not at the start: a page fault for each block would make it two milliseconds longer */
        probe_pool[i].index = i;
        uint8_t *stack = stacks + (size_t)PROBE_STACK_SIZE * i;
        *(probe_thread **)(void *)stack = &probe_pool[probe_clock_is_tsc ? i : 0];
        probe_pool[i].stack = stack + PROBE_STACK_HEAD;
        probe_pool[i].end = stack + PROBE_STACK_SIZE;
        probe_pool[i].full = probe_pool[i].end - sizeof(probe_frame) - WIRE_EVENT_MOST;
        probe_pool[i].age = atomic_fetch_add(&ages, 1);
        pthread_setspecific(mine, &probe_pool[i]);
        /* last: the sweep looks at blocks that have one */
        __atomic_store_n(&probe_pool[i].tid, (uint32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
        return &probe_pool[i];
    }
    return NULL;
}

uint32_t probe_slots(void)
{
    return atomic_load(&highest) + 1;
}

__attribute__((cold)) probe_thread *probe_self_by_call(void)
{
    probe_thread *t = pthread_getspecific(mine);
    return t ? t : take();
}

void probe_turn_to(probe_thread *t, const probe_sink *s)
{
    wire_slot *slot = &s->slot[t->index];
    if (slot->tid != t->tid) {
        slot->tid = t->tid;
        slot->used = 1;
    }
    t->slot = slot;
    t->at = t->until = NULL; /* looked for at the first event */
    t->sink = s;
}

uint32_t probe_inside(const probe_sink *s)
{
    uint32_t n = 0;
    for (uint32_t i = 1, end = probe_slots(); i < end; i++)
        n += __atomic_load_n(&probe_pool[i].busy, __ATOMIC_RELAXED) &&
             __atomic_load_n(&probe_pool[i].sink, __ATOMIC_RELAXED) == s;
    return n;
}

void probe_turn_from(const probe_sink *s)
{
    const uint32_t end = probe_slots();
    for (uint32_t i = 1; i < end; i++) {
        const probe_sink *seen = s;
        __atomic_compare_exchange_n(&probe_pool[i].sink, &seen, NULL, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
}

void probe_trim(probe_thread *t, const probe *p, uint64_t sp)
{
    while (t->top && probe_is_stale(t->top, p, sp))
        probe_pop_abandoned(t, t->top);
}

probe_frame *probe_push(probe_thread *t, probe *p, uint64_t sp)
{
    probe_trim(t, p, sp);
    uint8_t *at = probe_above(t);
    return at > t->full ? NULL : probe_put_frame(t, p, sp, at);
}

void probe_pop_abandoned(probe_thread *t, probe_frame *f)
{
    probe *p = f->probe;
    probe_pop(t, f);
    if (__atomic_load_n(&p->turn, __ATOMIC_ACQUIRE) != f->turn) return; /* its memory has another owner */
    if (f->stage == PROBE_SUSPENDING) __atomic_fetch_sub(&p->suspending, 1, __ATOMIC_SEQ_CST);
    /* The others are no calls of their own, or were counted. */
    bool counts = f->stage != PROBE_SETTLED && f->stage != PROBE_OUTCOME;
    /* It may be another sink than that of the call that is going on, which the thread has turned to. */
    if (counts && !p->sink->detached) probe_ended(&p->sink->slot[t->index]);
}

#define PLACES (2u * PROBE_THREADS)

/* Where the index of the latest block of a thread id is kept, or belongs. */
static uint16_t *place_of(uint16_t *latest, uint32_t tid)
{
    uint32_t at = tid * 2654435761u % PLACES;
    while (latest[at] && probe_pool[latest[at]].tid != tid)
        at = (at + 1) % PLACES;
    return &latest[at];
}

static bool has_thread(const probe_thread *t)
{
    return atomic_load(&t->state) == PROBE_TAKEN && __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE);
}

/* A later block with the same thread id means that the kernel gave the number out again. */
static bool gone(uint16_t *latest, const probe_thread *t, pid_t pid)
{
    const probe_thread *other = &probe_pool[*place_of(latest, t->tid)];
    if (other->tid == t->tid && other->age > t->age) return true;
    return syscall(SYS_tgkill, pid, (pid_t)t->tid, 0) < 0 && errno == ESRCH;
}

void probe_sweep(void)
{
    uint16_t latest[PLACES] = {0};
    pid_t pid = getpid();
    for (uint32_t i = 1; i < PROBE_THREADS; i++) {
        const probe_thread *t = &probe_pool[i];
        if (!has_thread(t)) continue;
        uint16_t *place = place_of(latest, t->tid);
        if (!*place || probe_pool[*place].age < t->age) *place = (uint16_t)i;
    }
    for (uint32_t i = 1; i < PROBE_THREADS; i++) {
        probe_thread *t = &probe_pool[i];
        uint32_t taken = PROBE_TAKEN;
        /* read first: to write to a block that was never taken would give it memory */
        if (!has_thread(t) || !atomic_compare_exchange_strong(&t->state, &taken, PROBE_HELD)) continue;
        if (t->tid && gone(latest, t, pid))
            release(t);
        else
            atomic_store(&t->state, PROBE_TAKEN);
    }
}
