/* What instrumentation costs in memory over many cycles; what is left when all clients have gone. */
#include "live.h"

#include <stdlib.h>
#include <unistd.h>

#define CYCLES 2000

/* Resident bytes once the collector has given back what it can. */
static uint64_t settled_memory(app *a)
{
    app_ok(a, "gc 3");
    return app_memory(a);
}

static void print_growth(const char *what, uint64_t before, uint64_t after)
{
    print_message("%s: %lld KB over %d cycles, %lld bytes each\n", what, ((long long)after - (long long)before) / 1024,
                  CYCLES, ((long long)after - (long long)before) / CYCLES);
}

/* Everything anew in each cycle: connection, shared memory, version, revert. */
static void cycle(app *a, rj_verb verb)
{
    static look l;
    look_at(&l, a, verb, verb == RJ_WATCH ? LOOK_EVERYTHING : 0, 1, "Target.Work.Add");
    app_ok(a, "call Work.Add");
    look_close(&l);
}

static void test_cycles(void **state)
{
    (void)state;
    app a;
    app_target_measured(&a);
    for (int i = 0; i < 50; i++)
        cycle(&a, i % 2 ? RJ_STAT : RJ_WATCH);
    uint64_t before = settled_memory(&a);
    unsigned threads = app_threads(&a);
    for (int i = 0; i < CYCLES; i++)
        cycle(&a, i % 2 ? RJ_STAT : RJ_WATCH);
    uint64_t after = settled_memory(&a);
    print_growth("instrument, call, leave", before, after);
    assert_true(after < before + ((uint64_t)CYCLES * 16 << 10)); /* the runtime itself leaks some KB for a version */
    assert_true(app_threads(&a) <= threads + 2);
    size_t entries = 1, clients = 1;
    for (uint64_t until = live_now_ms() + 1000; (entries || clients) && live_now_ms() < until;)
        look_ledger(&a, &entries, &clients);
    assert_int_equal(entries + clients, 0);
    assert_int_equal(app_end(&a), 0);
}

/* A gate is a store: it costs nothing. */
static void test_gates(void **state)
{
    (void)state;
    static look l;
    app a;
    rj_error e;
    app_target_measured(&a);
    look_at(&l, &a, RJ_STAT, 0, 0, "Target.Work.*");
    for (int i = 0; i < 200; i++)
        assert_true(rj_gate(l.s, i % 2, &e));
    uint64_t before = settled_memory(&a);
    for (int i = 0; i < 10 * CYCLES; i++)
        assert_true(rj_gate(l.s, i % 2, &e));
    uint64_t after = settled_memory(&a);
    print_growth("gates, ten times as often", before, after);
    assert_true(after < before + (4u << 20));
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* Clients that only connect. */
static void test_connections(void **state)
{
    (void)state;
    app a;
    app_target_measured(&a);
    for (int i = 0; i < 50; i++)
        rj_close(look_attach(&a, "passing"));
    uint64_t before = settled_memory(&a);
    for (int i = 0; i < CYCLES; i++)
        rj_close(look_attach(&a, "passing"));
    uint64_t after = settled_memory(&a);
    print_growth("connect, leave", before, after);
    assert_true(after < before + (4u << 20));
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_cycles),
    cmocka_unit_test(test_gates),
    cmocka_unit_test(test_connections),
};
LIVE_MAIN("live_memory", tests)
