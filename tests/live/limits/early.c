/*
 * Limit 7, what came too early: dynamic methods that were compiled before anybody asked, or before the agent came, are
 * found and instrumented, every call of them is counted, and nothing of it keeps them alive; what cannot be is refused
 * with the reason.
 */
#include "live.h"

#include <stdlib.h>

#define DYNAMIC  "<dynamic>.*"
#define ONE_NAME "of this name"

static const char *late(void)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/build/apps/Late/Late.dll", REJIT_SOURCE_DIR);
    return path;
}

static rj_methods find(rj_session *s, const char *pattern)
{
    rj_methods m;
    rj_error e = {0};
    if (!rj_find(s, &pattern, 1, 0, &m, &e)) fail_msg("find %s: %s", pattern, e.text);
    return m;
}

/* The one method of this name, with its parameters. */
static const rj_method *one(const rj_methods *m, const char *name)
{
    const rj_method *found = NULL;
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->items[i].name, name) != 0) continue;
        if (found) fail_msg("%s is there twice", name);
        found = &m->items[i];
    }
    if (!found) fail_msg("%s is not there", name);
    return found;
}

/* Why it cannot be instrumented, "" where it can be. Valid until the next call. */
static const char *reason(rj_session *s, const char *name)
{
    static char text[512];
    rj_methods m = find(s, name);
    snprintf(text, sizeof text, "%s", one(&m, name)->reason);
    rj_free(m.memory);
    return text;
}

/* How many of the name the reason speaks of. */
static uint64_t alike(const char *text)
{
    const char *at = strstr(text, ONE_NAME);
    if (!at) return 1;
    while (at > text && at[-1] != '(')
        at--;
    return strtoull(at, NULL, 10);
}

static rj_request of(rj_verb verb)
{
    return (rj_request){
        .verb = verb, .want = verb == RJ_WATCH ? LOOK_EVERYTHING : 0, .depth = 2, .most = 100000, .later = true};
}

static void ask(look *l, const app *a, rj_verb verb, const char *pattern)
{
    look_in(l, a, of(verb), (const char *[]){pattern, NULL});
    look_open(l);
}

/* ---- found ---- */

static void run_all(app *a)
{
    app_ok(a, "call Dynamic.CallMethod");
    app_ok(a, "call Dynamic.CallExpression");
    app_ok(a, "call Dynamic.Shapes text 6");
    app_ok(a, "call Dynamic.Match \"ax1 bx20\"");
    app_ok(a, "call Dynamic.Invoke x5");
}

static void test_found_after_the_attach(void **state)
{
    static const char *const names[] = {
        "<dynamic>.DynamicSquare(int)",
        "<dynamic>.DynamicLambda(Closure,int)",
        "<dynamic>.DynamicJoin(string,int)",
        "<dynamic>.DynamicTurn(Spot)",
        "<dynamic>.DynamicMove(ref Spot)",
        "<dynamic>.DynamicMeasure(ReadOnlySpan<char>)",
        "<dynamic>.DynamicFirst(List<int>)",
        "<dynamic>.DynamicMaybe(int?)",
        "<dynamic>.DynamicGuard(int)",
        "<dynamic>.Regex1_TryMatchAtCurrentPosition(RegexRunner,ReadOnlySpan<char>)",
        "<dynamic>.InvokeStub_Dynamic.Echo(object,Span<object>)",
    };
    (void)state;
    app a;
    app_target(&a);
    run_all(&a);
    rj_session *s = look_attach(&a, "finds");
    for (unsigned round = 0; round < 2; round++) {
        rj_methods m = find(s, DYNAMIC);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const rj_method *x = one(&m, names[i]);
            assert_true(!x->reason[0] || strstr(x->reason, "compiled already"));
            assert_string_equal(x->code_kind, "jitted");
        }
        assert_string_equal(one(&m, "<dynamic>.DynamicSquare(int)")->reason, "");
        assert_non_null(strstr(one(&m, "<dynamic>.DynamicMeasure(ReadOnlySpan<char>)")->reason, "too short"));
        for (size_t i = 0; i < m.count; i++) /* the runtime's own stubs */
            if (strncmp(m.items[i].name, "<dynamic>.IL_STUB", 17) == 0) fail_msg("%s", m.items[i].name);
        rj_free(m.memory);
    }
    rj_methods some = find(s, "<dynamic>.Dynamic*(int)");
    assert_int_equal(some.count, 2);
    rj_free(some.memory);
    rj_methods none = find(s, "<dynamic>.NobodyIsCalledSo");
    assert_int_equal(none.count, 0);
    rj_free(none.memory);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* Hundreds of a name are one line, and those that have been collected are none. */
static void test_folded_and_collected(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    rj_session *s = look_attach(&a, "finds");
    app_ok(&a, "call Dynamic.CallMethod");
    app_ok(&a, "gc 3");
    assert_int_equal(alike(reason(s, "<dynamic>.DynamicSquare(int)")), 1);
    app_ok(&a, "call Dynamic.Many");
    uint64_t many = alike(reason(s, "<dynamic>.DynamicSquare(int)"));
    assert_true(many > 8 && many <= 101);
    app_ok(&a, "gc 3");
    uint64_t left = alike(reason(s, "<dynamic>.DynamicSquare(int)"));
    assert_true(left <= 2); /* the last one may still stand on the stack */
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* ---- instrumented ---- */

static const char *const shapes[] = {
    "<dynamic>.DynamicSquare", "<dynamic>.DynamicLambda",  "<dynamic>.DynamicJoin",
    "<dynamic>.DynamicTurn",   "<dynamic>.DynamicMove",    "<dynamic>.DynamicFirst",
    "<dynamic>.DynamicGuard",  "<dynamic>.DynamicThrough", "<dynamic>.DynamicThrower",
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void run_times(look *l, app *a, unsigned times)
{
    look_while(l, a, "call Dynamic.CallMethod x%u", times);
    look_while(l, a, "call Dynamic.CallExpression x%u", times);
    look_while(l, a, "call Dynamic.Shapes text 6 x%u", times);
    for (unsigned i = 0; i < times; i++)
        assert_non_null(strstr(app_ask(a, "call Dynamic.Throw 7"), "threw"));
}

/* Every call is seen, with its values, by one client after the other; the program's results stay what they are. */
static void test_instrumented(void **state)
{
    enum { TIMES = 20 };
    (void)state;
    static look l;
    app a;
    app_target(&a);
    run_all(&a);
    assert_non_null(strstr(app_ask(&a, "call Dynamic.Throw 7"), "threw"));
    for (unsigned client = 0; client < 3; client++) {
        uint64_t before[SHAPES];
        ask(&l, &a, RJ_WATCH, "<dynamic>.Dynamic*");
        assert_true(l.probes.methods >= SHAPES);
        for (unsigned i = 0; i < SHAPES; i++)
            before[i] = app_counted(&a, shapes[i]);
        app_ok(&a, "gc 3"); /* the new bodies live as long as the methods */
        run_times(&l, &a, TIMES);
        look_drain(&l);
        for (unsigned i = 0; i < SHAPES; i++) {
            uint64_t made = app_counted(&a, shapes[i]) - before[i], seen = look_calls(&l, shapes[i]);
            if (!made || seen != made)
                fail_msg("%s: the program has made %llu calls, seen %llu", shapes[i], (unsigned long long)made,
                         (unsigned long long)seen);
        }
        assert_int_equal(look_threw(&l, "<dynamic>.DynamicThrough"), TIMES);
        rj_totals t = rj_session_totals(l.s);
        assert_int_equal(t.dropped + t.in_flight, 0);
        assert_non_null(
            strstr(look_while(&l, &a, "call Dynamic.Shapes text 6"), "text6 -6 1099511627777 4 6  6 11 12"));
        look_close(&l);
    }
    ask(&l, &a, RJ_WATCH, "<dynamic>.Regex1_*");
    assert_non_null(strstr(look_while(&l, &a, "call Dynamic.Match \"ax1 bx20 cx300\""), "321"));
    look_drain(&l);
    assert_int_equal(look_calls(&l, "<dynamic>.Regex1_Scan"), 4);
    assert_int_equal(look_calls(&l, "<dynamic>.Regex1_TryMatchAtCurrentPosition"),
                     3); /* Scan calls it by its address */
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* Those that were compiled after the agent came, but before the request; and the hosts are no methods to be found. */
static void test_between(void **state)
{
    (void)state;
    static look l;
    app a;
    app_start(&a, &(app_options){.program = "Target", .variables = (const char *[]){"REJIT_TAKEOVER=1", NULL}});
    ask(&l, &a, RJ_WATCH, "Target.Work.Add");
    look_more(&l, of(RJ_WATCH), (const char *[]){"Target.Work.Add", NULL});
    look_while(&l, &a, "call Work.Add x10");
    assert_true(look_more(&l, of(RJ_WATCH), (const char *[]){"<dynamic>.NobodyIsCalledSo", NULL}));
    app_ok(&a, "call Dynamic.CallExpression");
    assert_true(look_more(&l, of(RJ_WATCH), (const char *[]){"<dynamic>.DynamicLambda", NULL}));
    assert_int_equal(l.probes.methods, 1);
    unsigned notes = 0;
    for (size_t i = 0; i < l.probes.note_count; i++) {
        const rj_refusal *n = &l.probes.notes[i];
        if (strncmp(n->method, "Target.Work.Add", 15) == 0) continue; /* of what was running when that was asked for */
        assert_non_null(strstr(n->reason, "compiled already"));
        notes++;
    }
    assert_int_equal(notes, 1);
    look_open(&l);
    look_while(&l, &a, "call Dynamic.CallExpression x10");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "<dynamic>.DynamicLambda"), 10);
    rj_session *s = look_attach(&a, "finds");
    rj_methods m = find(s, DYNAMIC);
    assert_non_null(one(&m, "<dynamic>.DynamicLambda(Closure,int)"));
    for (size_t i = 0; i < m.count; i++)
        if (strncmp(m.items[i].name, "<dynamic>.rejit", 15) == 0) fail_msg("%s", m.items[i].name);
    rj_free(m.memory);
    rj_close(s);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* A hundred at once, while four threads run them and the collector runs; afterwards every call is counted. */
static void test_instrumented_under_load(void **state)
{
    enum { KEPT = 100, TIMES = 50 };
    (void)state;
    static look l;
    app a;
    app_target(&a);
    uint64_t until = live_now_ms() + 1000ull * live_seconds("REJIT_LIVE_SECONDS", 7);
    unsigned rounds = 0, led = 0;
    do {
        app_ok(&a, "call Dynamic.Keep %d", KEPT);
        app_ok(&a, "loop Dynamic.Kept 3 5");
        app_ok(&a, "loop Dynamic.Contexts 1 %s 2", late()); /* collects */
        ask(&l, &a, RJ_STAT, "<dynamic>.DynamicKept*");
        assert_int_equal(l.probes.methods + l.probes.refused_count, KEPT);
        for (uint64_t end = live_now_ms() + 200; live_now_ms() < end;)
            look_take(&l, 10);
        assert_true(app_number(app_ok(&a, "stop"), "stop") > 0);
        const unsigned methods = (unsigned)l.probes.methods - (unsigned)l.refused;
        uint64_t before = 0, after = 0;
        char name[64];
        for (unsigned i = 0; i < KEPT; i++) {
            snprintf(name, sizeof name, "<dynamic>.DynamicKept%u", i);
            before += look_stat(&l, name);
        }
        look_while(&l, &a, "call Dynamic.Kept 7 x%d", TIMES);
        for (unsigned i = 0; i < KEPT; i++) {
            snprintf(name, sizeof name, "<dynamic>.DynamicKept%u", i);
            after += look_stat(&l, name);
        }
        assert_int_equal(after - before, methods * TIMES);
        assert_false(l.gone);
        look_close(&l);
        led += methods;
        rounds++;
    } while (live_now_ms() < until);
    print_message("%u rounds, %u of %u methods\n", rounds, led, rounds * KEPT);
    assert_true(led > rounds * KEPT / 2);
    assert_int_equal(app_end(&a), 0);
}

/* What has been led to other code is collected as before, and its new code with it. */
static void test_collected_with_their_bodies(void **state)
{
    enum { KEPT = 100, ROUNDS = 60 }; /* it takes some thousand until the runtime needs no more */
    (void)state;
    static look l;
    app a;
    size_t entries, clients;
    uint64_t before = 0;
    app_target_measured(&a);
    for (unsigned round = 0; round < 2 * ROUNDS; round++) {
        app_ok(&a, "call Dynamic.Keep %d", KEPT);
        ask(&l, &a, RJ_STAT, "<dynamic>.DynamicKept*");
        assert_true(l.probes.methods > KEPT / 2);
        look_while(&l, &a, "call Dynamic.Kept 7");
        look_close(&l);
        app_ok(&a, "call Dynamic.Keep 0");
        app_ok(&a, "gc 3");
        if (round == ROUNDS) before = app_memory(&a);
    }
    uint64_t after = app_memory(&a);
    look_ledger(&a, &entries, &clients);
    print_message("%u methods with new bodies: %lld KB more\n", KEPT * (ROUNDS - 1),
                  ((long long)after - (long long)before) / 1024);
    assert_true(entries <= 2); /* the last ones may still stand on the stack */
    assert_true(after < before + (1u << 20));
    rj_session *s = look_attach(&a, "finds");
    rj_methods m = find(s, "<dynamic>.DynamicKept*");
    assert_true(m.total <= 2); /* no host is left either */
    rj_free(m.memory);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* ---- refused ---- */

static void test_refused_and_made_anew(void **state)
{
    (void)state;
    static look l;
    app a;
    size_t entries, clients;
    app_target(&a);
    app_ok(&a, "call Dynamic.CallMethod");
    app_ok(&a, "call Dynamic.Many");
    ask(&l, &a, RJ_STAT, "<dynamic>.DynamicSquare");
    assert_int_equal(l.probes.methods, 0);
    assert_int_equal(l.probes.refused_count, 1);
    assert_string_equal(l.probes.refused[0].method, "<dynamic>.DynamicSquare(int)");
    assert_non_null(strstr(l.probes.refused[0].reason, ONE_NAME));
    look_while(&l, &a, "call Dynamic.CallMethod x10");
    look_while(&l, &a, "call Dynamic.Many x3");
    assert_int_equal(look_stat(&l, "<dynamic>.DynamicSquare"), 600);
    app_ok(&a, "gc 3");
    look_ledger(&a, &entries, &clients);
    assert_true(entries <= 1); /* the last one may still stand on the stack */
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* Code with metadata says so too, and code that a client has left behind with its probes can be instrumented again. */
static void test_modules(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    app_ok(&a, "collectible %s", late());
    app_ok(&a, "call Dynamic.Emit 6");
    app_ok(&a, "invoke Late.Greeter.Square 7");
    rj_session *s = look_attach(&a, "finds");
    assert_non_null(strstr(reason(s, "Emitted.Code.Square(int)"), "compiled already"));
    assert_non_null(strstr(reason(s, "Late.Greeter.Square(int)"), "compiled already"));
    assert_string_equal(reason(s, "Late.Greeter.Greet(string)"), "");
    assert_string_equal(reason(s, "Late.Holder<T>.Store(T)"), "");
    ask(&l, &a, RJ_STAT, "Late.Greeter.Greet");
    look_while(&l, &a, "invoke Late.Greeter.Greet you x3");
    assert_int_equal(look_stat(&l, "Late.Greeter.Greet"), 3);
    assert_non_null(strstr(reason(s, "Late.Greeter.Greet(string)"), "other probes"));
    look_close(&l);
    rj_close(s);
    s = look_attach(&a, "finds"); /* who comes later comes after what has gone */
    assert_string_equal(reason(s, "Late.Greeter.Greet(string)"), "");
    app_ok(&a, "invoke Late.Greeter.Stored text");
    assert_non_null(strstr(reason(s, "Late.Holder<T>.Store(T)"), "compiled already"));
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* ---- nothing is kept, nothing breaks ---- */

static uint64_t settled_memory(app *a)
{
    app_ok(a, "gc 3");
    return app_memory(a);
}

static void find_times(rj_session *s, app *a, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        app_ok(a, "call Dynamic.Many");
        rj_methods m = find(s, DYNAMIC);
        assert_true(m.count > 0);
        rj_free(m.memory);
    }
}

static void test_nothing_is_kept(void **state)
{
    enum { TIMES = 100 };
    (void)state;
    app a;
    app_target_measured(&a);
    app_ok(&a, "call Dynamic.CallMethod");
    rj_session *s = look_attach(&a, "finds");
    find_times(s, &a, TIMES);
    app_ok(&a, "call Dynamic.Contexts %s 10", late());
    uint64_t before = settled_memory(&a);
    find_times(s, &a, TIMES);
    for (unsigned i = 0; i < 10; i++) {
        assert_non_null(strstr(app_ok(&a, "call Dynamic.Contexts %s 3", late()), "ok Dynamic.Contexts 0"));
        rj_free(find(s, DYNAMIC).memory);
    }
    uint64_t after = settled_memory(&a);
    print_message("%u searches over 10,000 dynamic methods: %lld KB more\n", TIMES,
                  ((long long)after - (long long)before) / 1024);
    assert_true(after < before + (4u << 20)); /* the runtime alone takes 3 MB now and then */
    assert_true(alike(reason(s, "<dynamic>.DynamicSquare(int)")) <= 2);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/*
 * The search, with and without requests, while methods are compiled and collected, contexts are unloaded, dynamic
 * methods die together with the types of their signatures, and the collector suspends the runtime for itself.
 */
static void test_under_load(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    app_ok(&a, "loop Dynamic.Many 2");
    app_ok(&a, "loop Dynamic.Shapes 1");
    app_ok(&a, "loop Dynamic.Contexts 1 %s 3", late());
    app_ok(&a, "loop Dynamic.Over 1 %s 3", late());
    rj_session *s = look_attach(&a, "finds");
    uint64_t until = live_now_ms() + 1000ull * live_seconds("REJIT_LIVE_SECONDS", 7);
    uint64_t rounds = 0, found = 0;
    for (; live_now_ms() < until; rounds++) {
        rj_methods all = find(s, DYNAMIC), m = find(s, "<dynamic>.DynamicJoin");
        found += all.count && one(&m, "<dynamic>.DynamicJoin(string,int)");
        rj_free(all.memory);
        rj_free(m.memory);
        if (rounds % 8) continue;
        look_in(&l, &a, of(RJ_STAT), (const char *[]){DYNAMIC, NULL});
        look_open(&l);
        look_take(&l, 10);
        assert_false(l.gone);
        look_close(&l);
    }
    print_message("%llu searches\n", (unsigned long long)rounds);
    assert_true(rounds > 5 && found == rounds);
    rj_close(s);
    assert_true(app_number(app_ok(&a, "stop"), "stop") > 100);
    assert_non_null(strstr(app_ok(&a, "call Dynamic.Shapes text 6"), "text6 -6 1099511627777 4 6  6 11 12"));
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_found_after_the_attach),
    cmocka_unit_test(test_folded_and_collected),
    cmocka_unit_test(test_instrumented),
    cmocka_unit_test(test_between),
    cmocka_unit_test(test_instrumented_under_load),
    cmocka_unit_test(test_collected_with_their_bodies),
    cmocka_unit_test(test_refused_and_made_anew),
    cmocka_unit_test(test_modules),
    cmocka_unit_test(test_nothing_is_kept),
    cmocka_unit_test(test_under_load),
};
LIVE_MAIN("limits_early", tests)
