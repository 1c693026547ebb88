/* Memory comes back: edits that are reverted, clients that have gone, gates that were switched. */
#include "live.h"

#include <stdlib.h>

#define METHOD "Target.Work.Add"
#define WARM   2000

/* Resident bytes once the collector has given back what it can. */
static int64_t settled_memory(app *a)
{
    app_ok(a, "gc 3");
    return (int64_t)app_memory(a);
}

/* How often, of `most`: all of it unless REJIT_LIMIT_TURNS says less. */
static unsigned turns(unsigned most)
{
    return live_seconds("REJIT_LIMIT_TURNS", most);
}

/* A small first generation, and a C library that gives back what is free: what is held shows, and nothing else. */
#define PLAIN "DOTNET_GCgen0size=0x80000", "MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536"

static void start(app *a, bool stock)
{
    static const char *const with[] = {PLAIN, NULL};
    static const char *const without[] = {PLAIN, "REJIT_TAKEOVER=0", NULL};
    app_start(a, &(app_options){.program = "Target", .variables = stock ? without : with});
    app_ok(a, "counts"); /* loads what the program itself needs for that */
}

static void revert(look *l)
{
    rj_error e = {0};
    uint64_t reverted = 0;
    if (!rj_revert(l->s, NULL, 0, false, &reverted, &e)) fail_msg("revert: %s", e.text);
    assert_int_equal(reverted, 1);
}

/* One edit like no other, installed, run and reverted. */
static void edit(app *a, look *l, unsigned i)
{
    char condition[64];
    uint64_t seen = l->calls;
    snprintf(condition, sizeof condition, "args.left != %u", 1000000 + i);
    rj_request r = {
        .verb = RJ_WATCH, .want = i % 2 ? RJ_WANT_ARGS : RJ_WANT_ARGS | RJ_WANT_RESULT, .condition = condition};
    if (!look_more(l, r, (const char *[]){METHOD, NULL})) fail_msg("edit %u: %s", i, l->last);
    app_ok(a, "call Work.Add");
    look_drain(l);
    assert_int_equal(l->calls, seen + 1);
    revert(l);
}

/* What the agent itself says of its memory. */
static rj_ledger ledger_of(rj_session *s)
{
    rj_ledger l;
    rj_error e = {0};
    if (!rj_list(s, &l, &e)) fail_msg("list: %s", e.text);
    rj_free(l.memory);
    return l;
}

/* Bytes by which the process grows. */
static int64_t edits(bool stock, unsigned count)
{
    static look l;
    app a;
    start(&a, stock);
    look_at(&l, &a, RJ_WATCH, RJ_WANT_ARGS, 0, METHOD);
    look_while(&l, &a, "call Work.Add x20000"); /* the ring has its memory from here on */
    look_drain(&l);
    revert(&l);
    for (unsigned i = 0; i < WARM; i++)
        edit(&a, &l, count + i);
    int64_t before = settled_memory(&a);
    for (unsigned i = 0; i < count; i++)
        edit(&a, &l, i);
    int64_t grown = settled_memory(&a) - before;
    rj_ledger held = ledger_of(l.s);
    print_message("the agent holds %lld KB, has returned %lld KB\n", (long long)held.bytes / 1024,
                  (long long)held.returned / 1024);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
    print_message("%u edits of one method%s: %lld KB\n", count, stock ? ", with the stock runtime" : "",
                  (long long)grown / 1024);
    return grown;
}

static void test_edits(void **state)
{
    (void)state;
    unsigned n = turns(10000);
    assert_true(edits(false, n) < 1 << 20);
}

/* What the runtime does by itself, so that the limit is known to be one. */
static void test_stock_edits(void **state)
{
    (void)state;
    unsigned n = turns(2500);
    assert_true(edits(true, n) > (int64_t)n * 1050); /* over 10 MB for 10,000 */
}

static int64_t clients(unsigned count)
{
    static look l;
    app a;
    start(&a, false);
    look_at(&l, &a, RJ_WATCH, RJ_WANT_ARGS, 0, METHOD);
    look_close(&l);
    int64_t before = 0;
    for (unsigned i = 0; i < WARM / 2 + turns(1000); i++) {
        if (i == WARM / 2) before = settled_memory(&a);
        if (count) look_at(&l, &a, RJ_WATCH, RJ_WANT_ARGS, 0, METHOD);
        app_ok(&a, "call Work.Add");
        if (!count) continue;
        look_drain(&l);
        assert_int_equal(l.calls, 1);
        look_close(&l);
    }
    int64_t grown = settled_memory(&a) - before;
    assert_int_equal(app_end(&a), 0);
    print_message("%u clients: %lld KB\n", count, (long long)grown / 1024);
    return grown;
}

static void test_clients(void **state)
{
    (void)state;
    int64_t control = clients(0);
    assert_true(clients(turns(1000)) < control + (1 << 20));
}

/* Takeover serves no generic methods: their versions stay, and are used again. Every one with its callers' inlining. */
static void test_generic_methods(void **state)
{
    (void)state;
    static look l;
    app a;
    int64_t before = 0;
    start(&a, false);
    for (unsigned i = 0; i < WARM / 2 + turns(500); i++) {
        if (i == WARM / 2) before = settled_memory(&a);
        look_at(&l, &a, i % 2 ? RJ_STAT : RJ_WATCH, i % 2 ? 0 : RJ_WANT_ARGS, 0, "Target.Generics.*");
        app_ok(&a, "call Generics.Functions.Identity string");
        if (i % 2) {
            assert_int_equal(look_stat(&l, "Target.Generics.Functions.Identity"), 1);
        } else {
            look_drain(&l);
            assert_int_equal(look_calls(&l, "Target.Generics.Functions.Identity"), 1);
        }
        look_close(&l);
    }
    int64_t grown = settled_memory(&a) - before;
    assert_int_equal(app_end(&a), 0);
    print_message("%u times on generic methods: %lld KB\n", turns(500), (long long)grown / 1024);
    assert_true(grown < 1 << 20);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_edits),
    cmocka_unit_test(test_stock_edits),
    cmocka_unit_test(test_clients),
    cmocka_unit_test(test_generic_methods),
};
LIVE_MAIN("limits_memory", tests)
