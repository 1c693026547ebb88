/*
 * Questions to a thread of the agent: where does this type have that field? A thread asks once for each new type and
 * waits for a bounded time, as its call cannot be decided without the answer; what comes later serves the next call.
 *
 *      FREE -> HELD -> ASKED -> ANSWERING -> ANSWERED -> FREE
 *              thread           agent                    thread
 */
#include "probe/probe-priv.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ASKS    32u
#define WAIT_NS 200000000ull

enum { FREE, HELD, ASKED, ANSWERING, ANSWERED };

typedef struct ask {
    _Alignas(64) _Atomic uint32_t state;
    probe_step *step;
    uint64_t type;
} ask;

static ask asks[ASKS];
static _Atomic bool is_open;
static _Atomic uint32_t news; /* changes with each question, and with is_open */

static void tell(void)
{
    atomic_fetch_add(&news, 1);
    syscall(SYS_futex, &news, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void probe_asks_open(bool open)
{
    atomic_store(&is_open, open);
    tell();
}

static uint64_t now_ns(void)
{
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static ask *hold(void)
{
    for (unsigned i = 0; i < ASKS; i++) {
        uint32_t is_free = FREE;
        if (atomic_compare_exchange_strong(&asks[i].state, &is_free, HELD)) return &asks[i];
    }
    return NULL;
}

/* Until it is answered, or for as long as a call may take. */
static void wait_for(ask *a)
{
    const uint64_t until = now_ns() + WAIT_NS;
    for (uint32_t seen; (seen = atomic_load(&a->state)) != ANSWERED;) {
        const uint64_t now = now_ns();
        uint32_t asked = ASKED;
        if (now >= until && atomic_compare_exchange_strong(&a->state, &asked, FREE)) return;
        const uint64_t left = now < until ? until - now : WAIT_NS; /* it is being answered: that is short */
        syscall(SYS_futex, &a->state, FUTEX_WAIT_PRIVATE, seen, &(struct timespec){.tv_nsec = (long)left}, NULL, 0);
    }
    atomic_store(&a->state, FREE);
}

bool probe_ask(probe_step *s, uint64_t type)
{
    ask *a = atomic_load(&is_open) ? hold() : NULL;
    if (!a) return false;
    a->step = s;
    a->type = type;
    atomic_store(&a->state, ASKED);
    tell();
    wait_for(a);
    return true;
}

static bool is_asked(void)
{
    bool any = false;
    for (unsigned i = 0; i < ASKS; i++)
        any |= atomic_load(&asks[i].state) == ASKED;
    return any;
}

bool probe_asks_wait(void)
{
    for (;;) {
        const uint32_t seen = atomic_load(&news);
        if (!atomic_load(&is_open)) return false;
        if (is_asked()) return true;
        syscall(SYS_futex, &news, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
}

void probe_asks_answer(probe_answer *answer, void *owner)
{
    for (unsigned i = 0; i < ASKS; i++) {
        ask *a = &asks[i];
        uint32_t asked = ASKED;
        if (!atomic_compare_exchange_strong(&a->state, &asked, ANSWERING)) continue;
        uint32_t offset = 0, other = 0;
        answer(owner, a->step, a->type, &offset, &other);
        probe_step_learn(a->step, a->type, offset, other);
        atomic_store(&a->state, ANSWERED);
        syscall(SYS_futex, &a->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/* ---- types of exceptions ---- */

#define TOLD  256u /* that are kept in mind; a type that has lost its place is told again */
#define FRESH 32u

static _Atomic uint64_t told[TOLD], fresh[FRESH];
static _Atomic int wake_fd = -1;

void probe_types_wake(int eventfd)
{
    atomic_store(&wake_fd, eventfd);
}

void probe_tell_type(uint64_t type)
{
    _Atomic uint64_t *place = &told[type / 64 % TOLD];
    if (atomic_load_explicit(place, memory_order_relaxed) == type) return;
    atomic_store(place, type);
    for (unsigned i = 0; i < FRESH; i++) {
        uint64_t none = 0;
        if (!atomic_compare_exchange_strong(&fresh[i], &none, type)) continue;
        const int fd = atomic_load(&wake_fd);
        if (fd >= 0) syscall(SYS_write, fd, &(uint64_t){1}, 8);
        return;
    }
}

unsigned probe_types_told(uint64_t *out, bool all)
{
    _Atomic uint64_t *from = all ? told : fresh;
    unsigned n = 0;
    for (unsigned i = 0; i < (all ? TOLD : FRESH); i++) {
        const uint64_t type = all ? atomic_load(&from[i]) : atomic_exchange(&from[i], 0);
        if (type) out[n++] = type;
    }
    return n;
}
