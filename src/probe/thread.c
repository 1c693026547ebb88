/* The pool of thread blocks and the stacks of frames. */
#include "probe/probe-priv.h"

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
 * (another libc, all of these keys in use) pthread_getspecific is asked.
 */
#define DESCRIPTOR_BYTES 1536u
static pthread_key_t mine;
static uintptr_t slot, slot_seq;

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
    if (found && descriptor_word(found) == (uintptr_t)&marks[1]) {
        slot = found - sizeof(uintptr_t);
        slot_seq = descriptor_word(slot);
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
    size_t size = blocks + (size_t)PROBE_STACK_SIZE * PROBE_THREADS;
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return err_errno(e, "reserving %zu MB of address space for the threads' frames", size >> 20);
    madvise(p, size, MADV_NOHUGEPAGE);
    probe_pool = (probe_thread *)(void *)p;
    stacks = p + blocks;
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
        probe_pool[i].stack = stacks + (size_t)PROBE_STACK_SIZE * i;
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

static __attribute__((noinline, cold)) probe_thread *self_by_call(void)
{
    probe_thread *t = pthread_getspecific(mine);
    return t ? t : take();
}

probe_thread *probe_self(void)
{
    const uintptr_t t = descriptor_word(slot + sizeof t);
    if (__builtin_expect(descriptor_word(slot) != slot_seq || !t, 0)) return self_by_call();
    return (probe_thread *)t;
}

/* Calls vanish where their thread was unwound past them without our handlers: they are deeper than this one, or this
 * very one again. */
void probe_trim(probe_thread *t, const probe *p, uint64_t sp)
{
    while (t->top && (t->top->sp < sp || (t->top->sp == sp && t->top->probe == p)))
        probe_pop_abandoned(t, t->top);
}

probe_frame *probe_push(probe_thread *t, probe *p, uint64_t sp)
{
    probe_trim(t, p, sp);
    uint8_t *at = t->top ? (uint8_t *)&t->top->event + ((t->top->end + 15u) & ~15u) : t->stack;
    if (at + sizeof(probe_frame) + p->event_size + 512 > t->stack + PROBE_STACK_SIZE) return NULL;
    probe_frame *f = (probe_frame *)(void *)at;
    f->below = t->top;
    f->probe = p;
    f->sp = sp;
    f->turn = p->turn;
    f->end = p->event_size;
    f->exception = 0;
    f->cut = 0;
    f->stage = PROBE_CALLED;
    f->tree = NULL;
    t->top = f;
    return f;
}

void probe_pop_abandoned(probe_thread *t, probe_frame *f)
{
    probe *p = f->probe;
    probe_pop(t, f);
    if (__atomic_load_n(&p->turn, __ATOMIC_ACQUIRE) != f->turn) return; /* its memory has another owner */
    if (f->stage == PROBE_SUSPENDING) __atomic_fetch_sub(&p->suspending, 1, __ATOMIC_SEQ_CST);
    /* The others are no calls of their own, or were counted. */
    bool counts = f->stage != PROBE_SETTLED && f->stage != PROBE_OUTCOME;
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
