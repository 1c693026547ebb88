/*
 * Limit 7: dynamic code. Dynamic methods, compiled expressions and patterns, reflection's stubs, AssemblyBuilder and
 * collectible contexts are found, watched, counted exactly and given back, and nothing keeps them alive.
 */
#include "live.h"

#include <stdlib.h>

#define DYNAMIC "<dynamic>.*"

/* The dynamic methods that scenarios count, and how often each is called once. */
static const struct {
    const char *scenario, *methods[8];
} shapes[] = {
    {"Dynamic.CallMethod", {"<dynamic>.DynamicSquare"}},
    {"Dynamic.CallExpression", {"<dynamic>.DynamicLambda"}},
    {"Dynamic.Shapes",
     {"<dynamic>.DynamicJoin", "<dynamic>.DynamicTurn", "<dynamic>.DynamicMove", "<dynamic>.DynamicMeasure",
      "<dynamic>.DynamicFirst", "<dynamic>.DynamicMaybe", "<dynamic>.DynamicGuard"}},
    {"Dynamic.Many", {"<dynamic>.DynamicSquare"}},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], METHODS = sizeof shapes[0].methods / sizeof *shapes[0].methods };

static rj_request everything(rj_verb verb)
{
    return (rj_request){
        .verb = verb, .want = verb == RJ_WATCH ? LOOK_EVERYTHING : 0, .depth = 2, .most = 100000, .later = true};
}

static void begin(look *l, const app *a, rj_verb verb, const char *pattern)
{
    look_in(l, a, everything(verb), (const char *[]){pattern, NULL});
    look_open(l);
}

static uint64_t seen(look *l, rj_verb verb, const char *method)
{
    return verb == RJ_STAT ? look_stat(l, method) : look_calls(l, method);
}

/* The same scenarios, and every call of theirs seen; `before`: what was counted when the gates opened. */
static void compare(look *l, app *a, rj_verb verb, const char *method, uint64_t before)
{
    uint64_t made = app_counted(a, method) - before, got = seen(l, verb, method);
    if (!made || got != made)
        fail_msg("%s: the program has made %llu calls, seen %llu", method, (unsigned long long)made,
                 (unsigned long long)got);
}

static void run_all(look *l, app *a, rj_verb verb, unsigned times)
{
    uint64_t before[SHAPES][METHODS];
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t k = 0; k < METHODS && shapes[i].methods[k]; k++)
            before[i][k] = app_counted(a, shapes[i].methods[k]);
    for (size_t i = 0; i < SHAPES; i++)
        look_while(l, a, "call %s x%u", shapes[i].scenario, times);
    look_drain(l);
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t k = 0; k < METHODS && shapes[i].methods[k]; k++)
            compare(l, a, verb, shapes[i].methods[k], before[i][k]);
    rj_totals t = rj_session_totals(l->s);
    assert_int_equal(t.dropped + t.in_flight + l->refused, 0);
}

/* What comes before the first compile is woven into it; what a first client has left is taken over by the next. */
static void test_dynamic_methods(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    for (unsigned client = 0; client < 3; client++) {
        begin(&l, &a, RJ_WATCH, DYNAMIC);
        run_all(&l, &a, RJ_WATCH, 20);
        look_close(&l);
    }
    assert_int_equal(app_end(&a), 0);
    app_target(&a);
    for (unsigned client = 0; client < 3; client++) {
        begin(&l, &a, RJ_STAT, DYNAMIC);
        run_all(&l, &a, RJ_STAT, 50);
        look_close(&l);
    }
    assert_int_equal(app_end(&a), 0);
}

static void test_values(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    begin(&l, &a, RJ_WATCH, "<dynamic>.DynamicMeasure");
    look_while(&l, &a, "call Dynamic.Shapes sixsix");
    look_drain(&l);
    assert_int_equal(l.calls, 1);
    assert_non_null(strstr(l.last, "<dynamic>.DynamicMeasure(ReadOnlySpan<char>)"));
    assert_non_null(strstr(l.last, "sixsix"));
    look_close(&l);
    begin(&l, &a, RJ_WATCH, "<dynamic>.DynamicThro*");
    assert_non_null(strstr(app_ask(&a, "call Dynamic.Throw 7"), "threw"));
    look_drain(&l);
    assert_int_equal(look_threw(&l, "<dynamic>.DynamicThrower"), 1);
    assert_int_equal(look_threw(&l, "<dynamic>.DynamicThrough"), 1);
    assert_int_equal(l.calls, 2);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* Regex compiled and reflection's emitted invokers: nobody wrote their code. */
static void test_made_by_the_libraries(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    begin(&l, &a, RJ_WATCH, DYNAMIC);
    assert_non_null(strstr(look_while(&l, &a, "call Dynamic.Match \"ax1 bx20 cx300\""), "321"));
    look_while(&l, &a, "call Dynamic.Invoke x5");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "<dynamic>.Regex1_TryMatchAtCurrentPosition"), 3);
    assert_true(look_calls(&l, "<dynamic>.InvokeStub_Dynamic.Echo") >= 3); /* the first calls go without a stub */
    assert_int_equal(l.refused, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* What has been compiled without a request gets a body beside its own (early.c), and what comes later goes on with it.
 */
static void test_compiled_before(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    begin(&l, &a, RJ_WATCH, "<dynamic>.NobodyIsCalledSo");
    look_while(&l, &a, "call Dynamic.CallMethod");
    look_more(&l, everything(RJ_WATCH), (const char *[]){"<dynamic>.DynamicSquare", NULL});
    assert_int_equal(l.probes.methods, 1);
    assert_int_equal(l.probes.refused_count, 0);
    look_open(&l);
    look_while(&l, &a, "call Dynamic.CallMethod x10");
    look_while(&l, &a, "call Dynamic.Many");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "<dynamic>.DynamicSquare"), 210);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_assembly_builder(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    begin(&l, &a, RJ_WATCH, "Emitted*.Code.Square");
    look_while(&l, &a, "call Dynamic.Emit 6 x3");
    look_while(&l, &a, "call Dynamic.Emit 7 collectible x3");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Emitted.Code.Square"), 3);
    assert_int_equal(look_calls(&l, "EmittedCollectible.Code.Square"), 3);
    assert_int_equal(l.refused, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static const char *late(void)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/build/apps/Late/Late.dll", REJIT_SOURCE_DIR);
    return path;
}

/* In a context that is there when the patterns are looked for, and in one that comes later. */
static void test_collectible(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    app_ok(&a, "collectible %s", late());
    for (unsigned round = 0; round < 2; round++) {
        begin(&l, &a, RJ_WATCH, "Late.*");
        look_while(&l, &a, "invoke Late.Greeter.Square 7 x40");
        look_while(&l, &a, "invoke Late.Greeter.Stored text x3");
        look_drain(&l);
        assert_int_equal(look_calls(&l, "Late.Greeter.Square"), 40);
        assert_int_equal(look_calls(&l, "Late.Holder<T>.Store"), 6);
        assert_int_equal(l.refused, 0);
        look_close(&l);
    }
    app_ok(&a, "unload");
    begin(&l, &a, RJ_STAT, "Late.*");
    app_ok(&a, "collectible %s", late());
    look_while(&l, &a, "invoke Late.Greeter.Square 7 x1000");
    assert_int_equal(look_stat(&l, "Late.Greeter.Square"), 1000);
    app_ok(&a, "unload"); /* with its probes in it */
    look_close(&l);
    size_t entries, clients;
    look_ledger(&a, &entries, &clients);
    assert_int_equal(entries, 0);
    assert_int_equal(app_end(&a), 0);
}

static void test_reverted_by_another(void **state)
{
    (void)state;
    static look l;
    app a;
    rj_error e;
    uint64_t n = 0;
    app_target(&a);
    begin(&l, &a, RJ_WATCH, DYNAMIC);
    look_while(&l, &a, "call Dynamic.CallMethod x7");
    rj_session *other = look_attach(&a, "reverts");
    assert_true(rj_revert(other, (const char *[]){"<dynamic>.DynamicSquare"}, 1, false, &n, &e));
    assert_int_equal(n, 1);
    look_while(&l, &a, "call Dynamic.CallMethod x5");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "<dynamic>.DynamicSquare"), 7);
    assert_int_equal(l.reverted, 1);
    rj_close(other);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* ---- nothing is kept ---- */

#define MANY_RUNS 100u /* of 100 methods each */
#define WARM_UP   4u   /* times that, until the runtime needs no more */

static uint64_t settled_memory(app *a)
{
    app_ok(a, "gc 3");
    return app_memory(a);
}

static size_t entries_of(const app *a)
{
    size_t entries, clients;
    look_ledger(a, &entries, &clients);
    return entries;
}

/* 10,000 instrumented methods, each called twice and dropped: all are collected, their entries and memory with them. */
static void test_dropped(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target_measured(&a);
    begin(&l, &a, RJ_STAT, "<dynamic>.DynamicSquare");
    for (unsigned i = 0; i < WARM_UP; i++)
        look_while(&l, &a, "call Dynamic.Many x%u", MANY_RUNS);
    uint64_t before = settled_memory(&a);
    look_while(&l, &a, "call Dynamic.Many x%u", MANY_RUNS);
    app_ok(&a, "gc 3");
    look_while(&l, &a, "call Dynamic.Many x%u", MANY_RUNS);
    uint64_t after = settled_memory(&a);
    assert_int_equal(look_stat(&l, "<dynamic>.DynamicSquare"), (WARM_UP + 2) * MANY_RUNS * 200);
    print_message("20,000 dynamic methods: %lld KB more\n", ((long long)after - (long long)before) / 1024);
    assert_true(after < before + (2u << 20));
    assert_true(entries_of(&a) <= 2); /* the last one may still stand on the stack */
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

#define CONTEXTS 100u

static void test_contexts(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target_measured(&a);
    begin(&l, &a, RJ_STAT, "Late.Greeter.Square");
    look_while(&l, &a, "call Dynamic.Contexts %s %u", late(), CONTEXTS / 2);
    uint64_t before = settled_memory(&a);
    const char *answer = look_while(&l, &a, "call Dynamic.Contexts %s %u", late(), CONTEXTS);
    assert_non_null(strstr(answer, "ok Dynamic.Contexts 0")); /* none is alive */
    uint64_t after = settled_memory(&a);
    assert_int_equal(look_stat(&l, "Late.Greeter.Square"), CONTEXTS + CONTEXTS / 2);
    print_message("%u contexts: %lld KB more\n", CONTEXTS, ((long long)after - (long long)before) / 1024);
    assert_true(after < before + (8u << 20)); /* the runtime alone takes 3 MB now and then */
    assert_int_equal(entries_of(&a), 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/*
 * Clients come and go, and look at the stacks, while methods are made and collected and contexts come and are unloaded.
 * The runtime tells of a collected method in cooperative mode, and its list of jitted functions is not to be walked
 * meanwhile: this hung, and crashed on 8.0.
 */
static void test_under_load(void **state)
{
    (void)state;
    static look l, other;
    app a;
    app_target(&a);
    app_ok(&a, "loop Dynamic.Many 2");
    app_ok(&a, "loop Dynamic.Shapes 1");
    app_ok(&a, "loop Dynamic.Contexts 1 %s 3", late());
    uint64_t until = live_now_ms() + 1000ull * live_seconds("REJIT_LIVE_SECONDS", 7);
    uint64_t rounds = 0, calls = 0;
    for (; live_now_ms() < until; rounds++) {
        const char *patterns[] = {"Late.*", DYNAMIC, "Protocol.*", NULL};
        look_in(&l, &a, everything(RJ_STAT), patterns);
        look_open(&l);
        begin(&other, &a, RJ_WATCH, "<dynamic>.DynamicFirst");
        for (uint64_t end = live_now_ms() + 100; live_now_ms() < end;)
            look_take(&other, 10);
        calls += look_stat(&l, "<dynamic>.DynamicSquare");
        assert_false(other.gone);
        look_close(&other);
        look_close(&l);
    }
    print_message("%llu rounds, %llu calls\n", (unsigned long long)rounds, (unsigned long long)calls);
    assert_true(rounds > 5 && calls > 1000);
    assert_true(app_number(app_ok(&a, "stop"), "stop") > 100);
    assert_non_null(strstr(app_ok(&a, "call Dynamic.Shapes text 6"), "text6 -6 1099511627777 4 6  6 11 12"));
    assert_int_equal(app_end(&a), 0);
}

typedef struct asked {
    uint64_t times, found;
} asked;

/* Asks for the methods of the contexts again and again. */
static void ask_for(rj_session *s, uint64_t ms, asked *x)
{
    rj_error e;
    for (uint64_t until = live_now_ms() + ms; live_now_ms() < until; x->times++) {
        rj_methods methods = {0};
        if (!rj_find(s, (const char *[]){"Late.*"}, 1, 10000, &methods, &e)) fail_msg("find: %s", e.text);
        x->found += methods.count;
        rj_free(methods.memory);
    }
}

/*
 * Questions about methods of a context while it is being unloaded. The runtime frees what it answers them from before
 * it tells that a module goes: this crashed, on 8.0 within seconds.
 */
static void test_asked_while_unloading(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    rj_session *s = look_attach(&a, "asks");
    app_ok(&a, "loop Dynamic.Contexts 3 %s 4", late());
    asked x = {0};
    ask_for(s, 1000ull * live_seconds("REJIT_LIVE_SECONDS", 3), &x);
    rj_close(s);
    print_message("asked %llu times, %llu methods\n", (unsigned long long)x.times, (unsigned long long)x.found);
    assert_true(x.found > 0);
    assert_true(app_number(app_ok(&a, "stop"), "stop") > 0);
    assert_int_equal(app_end(&a), 0);
}

/* What goes while the agent comes is not told of: it must not be kept, and asked about later. */
static void test_attached_while_unloading(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        app a;
        app_target(&a);
        app_ok(&a, "loop Dynamic.Contexts 2 %s 2", late());
        app_ok(&a, "loop Dynamic.Over 2 %s 2", late());
        rj_session *s = look_attach(&a, "comes");
        ask_for(s, 300, &(asked){0});
        assert_true(app_number(app_ok(&a, "stop"), "stop") > 0);
        rj_close(s);
        assert_int_equal(app_end(&a), 0);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_dynamic_methods),
    cmocka_unit_test(test_values),
    cmocka_unit_test(test_made_by_the_libraries),
    cmocka_unit_test(test_compiled_before),
    cmocka_unit_test(test_assembly_builder),
    cmocka_unit_test(test_collectible),
    cmocka_unit_test(test_reverted_by_another),
    cmocka_unit_test(test_dropped),
    cmocka_unit_test(test_contexts),
    cmocka_unit_test(test_under_load),
    cmocka_unit_test(test_asked_while_unloading),
    cmocka_unit_test(test_attached_while_unloading),
};
LIVE_MAIN("limits_dynamic", tests)
