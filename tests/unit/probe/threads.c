/* Many threads: slots, the sweep that gives them back, a connection that ends under them, stacks and the clock. */
#include "probe/hot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int start(void **state)
{
    probe_sink *s = calloc(1, sizeof *s);
    err_t e = {0};
    *state = s;
    return s && (probe_pool || probe_start(&e)) && probe_sink_open(s, 4, false, &e) ? 0 : -1;
}

static int end(void **state)
{
    probe_sink *s = *state;
    assert_true(probe_sink_detach(s));
    probe_sink_close(s);
    free(s);
    probe_sweep();
    return 0;
}

static unsigned taken(void)
{
    unsigned n = 0;
    for (uint32_t i = 1; i < PROBE_THREADS; i++)
        n += atomic_load(&probe_pool[i].state);
    return n;
}

static wire_slot sums(const probe_sink *s)
{
    wire_slot sum = {0};
    for (uint32_t i = 0; i < s->slots; i++) {
        sum.entered += s->slot[i].entered;
        sum.left += s->slot[i].left;
        sum.written += s->slot[i].written;
        sum.dropped += s->slot[i].dropped;
    }
    return sum;
}

/* Threads that call `work` together and stay until all are done, so that each has a slot of its own. */
typedef struct crew {
    probe *p;
    void (*work)(struct crew *c, unsigned calls);
    unsigned calls, count;
    pthread_barrier_t begin, done;
    pthread_t *threads;
} crew;

static void *member(void *owner)
{
    crew *c = owner;
    pthread_barrier_wait(&c->begin);
    c->work(c, c->calls);
    pthread_barrier_wait(&c->done);
    return NULL;
}

static void crew_start(crew *c)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 262144);
    c->threads = calloc(c->count, sizeof *c->threads);
    assert_non_null(c->threads);
    pthread_barrier_init(&c->begin, NULL, c->count + 1);
    pthread_barrier_init(&c->done, NULL, c->count + 1);
    for (unsigned i = 0; i < c->count; i++)
        assert_int_equal(pthread_create(&c->threads[i], &small, member, c), 0);
    pthread_attr_destroy(&small);
    pthread_barrier_wait(&c->begin);
}

static void crew_end(crew *c)
{
    pthread_barrier_wait(&c->done);
    for (unsigned i = 0; i < c->count; i++)
        pthread_join(c->threads[i], NULL);
    pthread_barrier_destroy(&c->begin);
    pthread_barrier_destroy(&c->done);
    free(c->threads);
}

static void call(crew *c, unsigned calls)
{
    for (unsigned i = 0; i < calls; i++) {
        wire_event *tok = (wire_event *)probe_enter(c->p);
        if (tok) probe_leave(tok);
    }
}

/* The kernel may still know a thread that was joined for a moment: ask until it does not. */
static void sweep_down_to(unsigned n)
{
    while (taken() > n) {
        probe_sweep();
        sched_yield();
    }
    assert_int_equal(taken(), n);
}

static void each_thread_has_a_slot_until_it_ends(void **state)
{
    probe_sink *s = *state;
    probe p = {.verb = WIRE_WATCH, .id = 1, .sink = s, .event_size = sizeof(wire_event)};
    probe_self();
    sweep_down_to(1);
    for (int round = 1; round <= 5; round++) {
        crew c = {.p = &p, .work = call, .calls = 10, .count = 100};
        crew_start(&c);
        while (sums(s).left < 1000u * (unsigned)round)
            sched_yield();
        assert_int_equal(taken(), 101); /* all are done and none has gone */
        pthread_barrier_wait(&c.done);
        for (unsigned i = 0; i < c.count; i++)
            pthread_join(c.threads[i], NULL);
        assert_int_equal(taken(), 1);
        free(c.threads);
        assert_int_equal(sums(s).entered, 1000 * round);
        assert_int_equal(sums(s).written + sums(s).dropped, 1000 * round);
    }
    assert_int_equal(s->memory->no_slot, 0);
}

static void threads_that_find_no_slot_are_counted(void **state)
{
    probe_sink *s = *state;
    probe p = {.verb = WIRE_STAT, .id = 1, .sink = s, .event_size = sizeof(wire_event)};
    sweep_down_to(1);
    enum { MORE = 60 };
    crew c = {.p = &p, .work = call, .calls = 5, .count = PROBE_THREADS - 2 + MORE};
    crew_start(&c);
    crew_end(&c);
    assert_int_equal(sums(s).entered, 5 * (PROBE_THREADS - 2));
    assert_int_equal(sums(s).left, 5 * (PROBE_THREADS - 2));
    assert_int_equal(s->memory->no_slot, 5 * MORE);
    sweep_down_to(1);
    crew again = {.p = &p, .work = call, .calls = 1, .count = 50};
    crew_start(&again);
    crew_end(&again);
    assert_int_equal(s->memory->no_slot, 5 * MORE);
    sweep_down_to(1);
}

static void call_and_vanish(crew *c, unsigned calls)
{
    (void)calls;
    assert_int_not_equal(probe_enter(c->p), 0);
}

static void the_frames_of_threads_that_ended_are_not_in_flight(void **state)
{
    probe_sink *s = *state;
    probe p = {.verb = WIRE_WATCH, .id = 1, .sink = s, .event_size = sizeof(wire_event)};
    crew c = {.p = &p, .work = call_and_vanish, .count = 20};
    crew_start(&c);
    crew_end(&c);
    sweep_down_to(1);
    assert_int_equal(sums(s).entered, 20);
    assert_int_equal(sums(s).entered - sums(s).left, 0);
}

/* A second block with the same thread id is a later thread: the kernel gave the number out again. */
static void a_number_given_out_again_frees_the_earlier_block(void **state)
{
    probe_sink *s = *state;
    probe p = {.verb = WIRE_STAT, .id = 1, .sink = s, .event_size = sizeof(wire_event)};
    probe_thread *mine = probe_self();
    sweep_down_to(1);
    crew c = {.p = &p, .work = call, .calls = 1, .count = 3};
    crew_start(&c);
    while (sums(s).left < 3)
        sched_yield();
    for (uint32_t i = 1; i < PROBE_THREADS; i++)
        if (&probe_pool[i] != mine && atomic_load(&probe_pool[i].state)) probe_pool[i].tid = mine->tid;
    uint64_t age = mine->age;
    mine->age = UINT64_MAX; /* the latest of them */
    assert_int_equal(taken(), 4);
    probe_sweep();
    assert_int_equal(taken(), 1);
    assert_int_equal(atomic_load(&mine->state), 1);
    assert_ptr_equal(probe_self(), mine);
    mine->age = age;
    crew_end(&c);
}

/* ---- a connection that ends while threads are in the middle of its calls ---- */

/* The probes of one connection; like the engine's they stay when it ends. */
typedef struct pair {
    probe p, q;
    probe_sink sink;
} pair;

typedef struct hammer {
    pair *_Atomic now;
    _Atomic bool stop;
    _Atomic uint64_t calls;
    pthread_t threads[8];
} hammer;

/* An object without references, as the probes see it: a MethodTable with a base size of 40, and 24 bytes. */
static const uint64_t type[3] = {(uint64_t)40 << 32};

__attribute__((noinline)) static void inner(pair *x)
{
    if (!__atomic_load_n(&x->q.gate, __ATOMIC_RELAXED)) return;
    wire_event *tok = (wire_event *)probe_enter(&x->q);
    if (!tok) return;
    uint64_t object[4] = {(uint64_t)type, 1, 2, 3};
    probe_object(tok, sizeof(wire_event), (uint8_t *)object);
    probe_note(tok, (uint8_t *)object);
    probe_thrown(tok);
}

static void *pound(void *owner)
{
    hammer *h = owner;
    uint64_t n = 0;
    for (; !atomic_load_explicit(&h->stop, memory_order_relaxed); n++) {
        wire_event *tok = NULL;
        pair *x = atomic_load_explicit(&h->now, memory_order_acquire);
        if (__atomic_load_n(&x->p.gate, __ATOMIC_RELAXED)) tok = (wire_event *)probe_enter(&x->p);
        inner(x);
        if (tok) probe_leave(tok);
    }
    atomic_fetch_add(&h->calls, n);
    return NULL;
}

static void set_gates(pair *x, uint8_t open)
{
    __atomic_store_n(&x->p.gate, open, __ATOMIC_SEQ_CST);
    __atomic_store_n(&x->q.gate, open, __ATOMIC_SEQ_CST);
}

static void pair_open(pair *x)
{
    err_t e = {0};
    assert_true(probe_sink_open(&x->sink, 4, false, &e));
    x->p = (probe){.verb = WIRE_STAT, .id = 1, .sink = &x->sink, .event_size = sizeof(wire_event)};
    x->q = (probe){.verb = WIRE_WATCH, .id = 2, .sink = &x->sink, .event_size = sizeof(wire_event) + 8};
    set_gates(x, 1);
}

static void hammer_start(hammer *h, pair *first)
{
    atomic_store(&h->now, first);
    for (size_t i = 0; i < RJ_COUNT(h->threads); i++)
        assert_int_equal(pthread_create(&h->threads[i], NULL, pound, h), 0);
}

static void hammer_end(hammer *h)
{
    atomic_store(&h->stop, true);
    for (size_t i = 0; i < RJ_COUNT(h->threads); i++)
        pthread_join(h->threads[i], NULL);
    assert_true(atomic_load(&h->calls) > 0);
}

static uint64_t ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* One connection after the other on the same threads: an unmapped sink that is touched is a signal. */
static void connections_end_under_the_hammer(void **state)
{
    (void)state;
    enum { PAIRS = 300 };
    pair *pairs = calloc(PAIRS, sizeof *pairs);
    hammer *h = calloc(1, sizeof *h);
    assert_true(pairs && h);
    pair_open(&pairs[0]);
    hammer_start(h, &pairs[0]);
    uint64_t until = ms() + 3000;
    unsigned ended = 0;
    for (unsigned i = 0; i < PAIRS && ms() < until; i++, ended++) {
        if (i) {
            pair_open(&pairs[i]);
            atomic_store(&h->now, &pairs[i]);
        }
        while (sums(&pairs[i].sink).entered < 2000)
            sched_yield();
        if (i % 2) set_gates(&pairs[i], 0); /* every other time they come in to the last */
        bool left = probe_sink_detach(&pairs[i].sink);
        if (left) probe_sink_close(&pairs[i].sink);
        assert_true(left);
    }
    hammer_end(h);
    assert_true(ended >= 5);
    free(pairs);
    free(h);
    sweep_down_to(1);
}

/* Threads without a slot count in the shared memory too. */
static void connections_end_under_threads_without_a_slot(void **state)
{
    crew rest = {.p = NULL, .work = call, .count = PROBE_THREADS - 2};
    probe_sink *s = *state;
    probe p = {.verb = WIRE_STAT, .id = 1, .sink = s, .event_size = sizeof(wire_event)};
    rest.p = &p;
    rest.calls = 1;
    crew_start(&rest); /* they take every slot, and wait */
    while (taken() < PROBE_THREADS - 1)
        sched_yield();
    hammer *h = calloc(1, sizeof *h);
    pair *x = calloc(1, sizeof *x);
    assert_true(h && x);
    pair_open(x);
    hammer_start(h, x);
    while (__atomic_load_n(&x->sink.memory->no_slot, __ATOMIC_RELAXED) < 10000)
        sched_yield();
    bool left = probe_sink_detach(&x->sink); /* the gates are open all the while */
    if (left) probe_sink_close(&x->sink);
    hammer_end(h);
    crew_end(&rest);
    assert_true(left);
    free(x);
    free(h);
    sweep_down_to(1);
}

/* ---- stacks ---- */

/* A chain of frame pointers in our own words: what is walked, and where it ends. */
typedef struct frame {
    struct frame *next;
    uint64_t ip;
} frame;

static unsigned walk(probe_thread *t, const frame *first, uint64_t *ips, unsigned most)
{
    return probe_walk(t, (uint64_t)first, ips, most, 0, NULL);
}

static void a_walk_ends_where_the_chain_makes_no_sense(void **state)
{
    (void)state;
    probe_thread t = {0};
    uint64_t ips[16];
    frame chain[8];
    for (unsigned i = 0; i < 8; i++)
        chain[i] = (frame){i < 7 ? &chain[i + 1] : NULL, 0x1000 + i};
    assert_int_equal(walk(&t, chain, ips, 16), 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(ips[i], 0x1000 + i);
    assert_int_equal(walk(&t, chain, ips, 3), 3);
    assert_int_equal(walk(&t, chain, ips, 0), 0);
    chain[4].ip = 0; /* no caller */
    assert_int_equal(walk(&t, chain, ips, 16), 4);
    chain[4] = (frame){&chain[2], 0x1004}; /* back down: a loop */
    assert_int_equal(walk(&t, chain, ips, 16), 5);
    chain[4].next = &chain[4];
    assert_int_equal(walk(&t, chain, ips, 16), 5);
    chain[4].next = (frame *)((uint8_t *)&chain[5] + 4); /* no frame lies there */
    assert_int_equal(walk(&t, chain, ips, 16), 5);
    chain[4].next = (frame *)UINT64_MAX;
    assert_int_equal(walk(&t, chain, ips, 16), 5);
    chain[4].next = (frame *)0x7FFFFFFFFFF8;
    assert_int_equal(walk(&t, chain, ips, 16), 5);
    assert_true(t.native_low <= (uint64_t)chain && t.native_high > (uint64_t)&chain[7]);
}

/* The last words of a stack, with nothing mapped above. */
static void a_walk_stays_within_its_mapping(void **state)
{
    (void)state;
    uint8_t *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    mprotect(map + 2 * 4096, 4096, PROT_NONE);
    frame *last = (frame *)(void *)(map + 2 * 4096 - sizeof(frame)), *first = (frame *)(void *)map;
    *first = (frame){last, 1};
    *last = (frame){(frame *)(void *)((uint8_t *)last + 8), 2}; /* half of it would lie beyond */
    probe_thread t = {0};
    uint64_t ips[4];
    assert_int_equal(walk(&t, first, ips, 4), 2);
    last->next = (frame *)(void *)(map + 2 * 4096);
    assert_int_equal(walk(&t, first, ips, 4), 2);
    munmap(map, 3 * 4096);
}

static void *walk_own(void *owner)
{
    probe_thread *t = owner;
    uint64_t ips[64];
    unsigned n = probe_walk(t, (uint64_t)__builtin_frame_address(0), ips, 64, 0, NULL);
    return (void *)(uintptr_t)n;
}

/* A stack in the lower half of a mapping: the kernel shows one, but what lies above may go at any time. */
static void a_threads_stack_ends_with_its_own_block(void **state)
{
    (void)state;
    enum { HALF = 1 << 20 };
    uint8_t *map = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    probe_thread t = {0};
    pthread_t thread;
    pthread_attr_t attr;
    void *n = NULL;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstack(&attr, map, HALF), 0);
    assert_int_equal(pthread_create(&thread, &attr, walk_own, &t), 0);
    pthread_attr_destroy(&attr);
    pthread_join(thread, &n);
    assert_non_null(n);
    assert_true(t.native_high > (uint64_t)map && t.native_high <= (uint64_t)map + HALF);
    munmap(map, 2 * HALF);
}

/* ---- the clock ---- */

static void ticks_and_nanoseconds_agree(void **state)
{
    probe_sink *s = *state;
    const wire_memory *m = s->memory;
    probe_clock_settle();
    probe_clock_publish(s->memory);
    assert_int_equal(m->clock_seq % 2, 0);
    assert_true(m->ns_per_tick > 0.05 && m->ns_per_tick < 100);
    struct timespec a, b;
    clock_gettime(CLOCK_REALTIME, &a);
    uint64_t before = probe_now();
    uint64_t until = ms() + 50;
    while (ms() < until) {
    }
    uint64_t after = probe_now();
    clock_gettime(CLOCK_REALTIME, &b);
    double real = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    double told = (double)(after - before) * m->ns_per_tick;
    assert_true(told > real * 0.98 && told < real * 1.02);
    double epoch = (double)m->epoch_ns + (double)(after - m->epoch_ticks) * m->ns_per_tick;
    double now = (double)b.tv_sec * 1e9 + (double)b.tv_nsec;
    assert_true(epoch > now - 5e6 && epoch < now + 5e6);
    uint64_t ticks = probe_ticks(1000000000);
    assert_true((double)ticks * m->ns_per_tick > 0.999e9 && (double)ticks * m->ns_per_tick < 1.001e9);
    assert_int_equal(probe_ticks(0), 0);
}

static void the_clock_does_not_go_back(void **state)
{
    (void)state;
    uint64_t last = probe_now();
    for (int i = 0; i < 1000000; i++) {
        uint64_t now = probe_now();
        assert_true(now >= last);
        last = now;
    }
}

/* ---- where a thread's block is kept ---- */

static void *block_of_thread(void *owner)
{
    probe_thread **block = owner;
    *block = probe_self();
    return block;
}

/* In a process of its own, before its first probe_start: after `keys` other keys. 0: it is as it should be. */
static int blocks_after_keys(unsigned keys)
{
    err_t e = {0};
    pthread_key_t key, last = 0;
    for (unsigned i = 0; i < keys; i++)
        if (pthread_key_create(&key, NULL) == 0) last = key;
    /* what is left of a key whose number is given out again is nobody's block */
    if (keys && (pthread_setspecific(last, &e) || pthread_key_delete(last))) return 1;
    if (!probe_start(&e)) return 2;
    probe_thread *own = probe_self(), *other = NULL;
    if (!own || own == (void *)&e || probe_self() != own) return 3;
    pthread_t thread;
    if (pthread_create(&thread, NULL, block_of_thread, &other)) return 4;
    pthread_join(thread, NULL);
    if (!other || other == own || probe_self() != own) return 5;
    return atomic_load(&other->state) == PROBE_FREE ? 0 : 6; /* given back when the thread ended */
}

/* Some of these keys are in a thread's descriptor, some are not. */
static void test_blocks_after_other_keys(void **state)
{
    (void)state;
    for (unsigned keys = 0; keys <= 48; keys++) {
        pid_t child = fork();
        if (!child) _exit(blocks_after_keys(keys));
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status) fail_msg("after %u keys: status %x", keys, (unsigned)status);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_after_other_keys), /* first: nothing is started yet */
        T(each_thread_has_a_slot_until_it_ends),
        T(threads_that_find_no_slot_are_counted),
        T(the_frames_of_threads_that_ended_are_not_in_flight),
        T(a_number_given_out_again_frees_the_earlier_block),
        T(connections_end_under_the_hammer),
        T(connections_end_under_threads_without_a_slot),
        T(a_walk_ends_where_the_chain_makes_no_sense),
        T(a_walk_stays_within_its_mapping),
        T(a_threads_stack_ends_with_its_own_block),
        T(ticks_and_nanoseconds_agree),
        T(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
