/*
 * Inlined functions: every caller that had the method inlined is covered, recursively, over assemblies, in code that
 * was compiled before the attach; the callers go back with it; and what cannot be covered is told, method by method.
 */
#include "live.h"

#include <stdlib.h>

/* N more calls of the scenario are N more calls of the method. */
typedef struct inlined {
    const char *scenario, *pattern;
} inlined;

static const inlined all[] = {
    {"Chain", "Kinds.Inlining.Outer"},
    {"Chain", "Kinds.Inlining.Middle"},
    {"Chain", "Kinds.Inlining.Inner"},
    {"Chain", "Kinds.Inlining.Innermost"},
    {"Lists", "System.Collections.Generic.List<T>.Add"},
    {"Tables", "System.Collections.Generic.Dictionary<TKey,TValue>.TryGetValue"},
    {"Strings", "System.String.Concat(string,string)"},
    {"Builders", "System.Text.StringBuilder.Append(char)"},
    {"Maybes", "System.Nullable<T>.get_HasValue"},
};

static void start_kinds(app *a, const char *variable)
{
    app_start(a, &(app_options){.program = "Kinds", .variables = (const char *[]){variable, NULL}});
}

static void warm(app *a)
{
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            app_ok(a, "call %s 1000 x60", all[i].scenario);
        app_ok(a, "settle");
    }
}

static uint64_t stat_calls(look *l)
{
    rj_stats stats;
    rj_error e = {0};
    if (!rj_read_stats(l->s, &stats, &e)) fail_msg("stats: %s", e.text);
    uint64_t n = 0;
    for (size_t i = 0; i < stats.count; i++)
        n += stats.items[i].calls;
    rj_free(stats.memory);
    return n;
}

/* The program's other calls of the method are as many for each command: what is left over is what N asks for. */
static void count_one(app *a, const inlined *k, const char *how)
{
    static look l;
    look_at(&l, a, RJ_STAT, 0, 0, k->pattern);
    app_ok(a, "call %s 1000", k->scenario); /* what is called for the first time may call it as well */
    uint64_t zero = stat_calls(&l);
    app_ok(a, "call %s 1000", k->scenario);
    uint64_t one = stat_calls(&l);
    app_ok(a, "call %s 3000", k->scenario);
    uint64_t two = stat_calls(&l);
    if (two - one - (one - zero) != 2000)
        fail_msg("%s (%s): 2000 calls more were made, %llu were counted", k->pattern, how,
                 (unsigned long long)(two - one - (one - zero)));
    look_close(&l);
}

static void every_one(const char *variable, bool hot, const char *how)
{
    app a;
    start_kinds(&a, variable);
    if (hot) warm(&a);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        count_one(&a, &all[i], how);
    assert_int_equal(app_end(&a), 0);
}

static void test_cold(void **state)
{
    (void)state;
    every_one(NULL, false, "cold");
}

static void test_compiled_before_the_attach(void **state)
{
    (void)state;
    every_one(NULL, true, "hot");
}

static void test_compiled_without_tiers(void **state)
{
    (void)state;
    every_one("DOTNET_TieredCompilation=0", true, "no tiers");
}

/* All of a chain at once: each has the next inlined, and is itself one that had others inlined. */
static void test_a_chain_of_instrumented_methods(void **state)
{
    (void)state;
    static const char *const methods[] = {"Kinds.Inlining.Outer", "Kinds.Inlining.Middle", "Kinds.Inlining.Inner",
                                          "Kinds.Inlining.Innermost"};
    static look l;
    app a;
    start_kinds(&a, NULL);
    warm(&a);
    look_at(&l, &a, RJ_STAT, 0, 0, "Kinds.Inlining.*");
    app_ok(&a, "call Chain 1000 x3");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(look_stat(&l, methods[i]), 3000);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* ---- going back ---- */

static uint64_t inliners(const app *a)
{
    rj_ledger t;
    rj_error e = {0};
    rj_session *s = look_attach(a, "ledger");
    if (!rj_list(s, &t, &e)) fail_msg("list: %s", e.text);
    uint64_t n = t.inliners;
    rj_free(t.memory);
    rj_close(s);
    return n;
}

static void test_callers_go_back_with_the_method(void **state)
{
    (void)state;
    static look l;
    app a;
    start_kinds(&a, NULL);
    warm(&a);
    look_at(&l, &a, RJ_STAT, 0, 0, "System.Collections.Generic.List<T>.Add");
    app_ok(&a, "call Lists 10 x3");
    assert_true(inliners(&a) > 0);
    look_close(&l);
    assert_int_equal(inliners(&a), 0);
    app_ok(&a, "call Lists 10 x3");
    assert_int_equal(inliners(&a), 0);
    assert_int_equal(app_end(&a), 0);
}

/* A method that nobody can have inlined, watched all the time, keeps no caller of another from going back. */
static void test_callers_go_back_beside_other_clients(void **state)
{
    (void)state;
    static look stays, goes;
    app a;
    start_kinds(&a, NULL);
    warm(&a);
    look_at(&stays, &a, RJ_STAT, 0, 0, "Kinds.Loops.Worker"); /* NoInlining */
    for (int i = 0; i < 3; i++) {
        look_at(&goes, &a, RJ_STAT, 0, 0, "System.Collections.Generic.List<T>.Add");
        app_ok(&a, "call Lists 10 x3");
        assert_true(inliners(&a) > 0);
        look_close(&goes);
        assert_int_equal(inliners(&a), 0);
    }
    look_close(&stays);
    assert_int_equal(app_end(&a), 0);
}

/* Somebody else's method may be inlined in those callers too: they stay as long as that is instrumented, and it misses
 * nothing. */
static void test_callers_stay_for_other_clients(void **state)
{
    (void)state;
    static look first, second;
    app a;
    start_kinds(&a, NULL);
    warm(&a);
    look_at(&first, &a, RJ_STAT, 0, 0, "Kinds.Inlining.Innermost");
    look_at(&second, &a, RJ_STAT, 0, 0, "Kinds.Inlining.Inner");
    app_ok(&a, "call Chain 1000");
    look_close(&first);
    app_ok(&a, "call Chain 1000 x60");
    app_ok(&a, "settle");
    app_ok(&a, "call Chain 1000");
    assert_int_equal(look_stat(&second, "Kinds.Inlining.Inner"), 62000);
    look_close(&second);
    assert_int_equal(inliners(&a), 0);
    assert_int_equal(app_end(&a), 0);
}

/* ---- what cannot be covered ---- */

static const char *note_of(const look *l, const char *method)
{
    for (size_t i = 0; i < l->probes.note_count; i++)
        if (strstr(l->probes.notes[i].method, method) == l->probes.notes[i].method) return l->probes.notes[i].reason;
    return "";
}

static void expect_note(const app *a, const char *method, const char *note)
{
    static look l;
    look_in(&l, a, (rj_request){.verb = RJ_STAT}, (const char *[]){method, NULL});
    if (strcmp(note_of(&l, method), note) != 0) fail_msg("%s: the note is '%s'", method, note_of(&l, method));
    look_close(&l);
}

static void test_calls_that_are_running(void **state)
{
    (void)state;
    static look l;
    app a;
    start_kinds(&a, NULL);
    expect_note(&a, "Kinds.Loops.Worker", "");
    expect_note(&a, "Kinds.Program.Main",
                "1 call of it is running now and is not seen; calls that begin from now on are");
    app_ok(&a, "call Work 3");
    expect_note(&a, "Kinds.Loops.Worker",
                "3 calls of it are running now and are not seen; calls that begin from now on are");
    expect_note(&a, "Kinds.Loops.Step",
                "it may be inlined in Kinds.Loops.Worker(int), which is running now: its calls from there are not seen "
                "until that is called again");
    look_at(&l, &a, RJ_STAT, 0, 0, "Kinds.Loops.Worker");
    app_ok(&a, "call Rest");
    assert_int_equal(look_stat(&l, "Kinds.Loops.Worker"), 0);
    app_ok(&a, "call Work 2");
    app_ok(&a, "call Rest");
    assert_int_equal(look_stat(&l, "Kinds.Loops.Worker"), 2);
    look_close(&l);
    expect_note(&a, "Kinds.Loops.Step", "");
    assert_int_equal(app_end(&a), 0);
}

/* Many threads in their calls: all are counted, or it is said that some were not looked at. */
static void test_many_calls_that_are_running(void **state)
{
    (void)state;
    static look l;
    app a;
    start_kinds(&a, NULL);
    app_ok(&a, "call Work 100");
    look_in(&l, &a, (rj_request){.verb = RJ_STAT}, (const char *[]){"Kinds.Loops.Worker", NULL});
    const char *note = note_of(&l, "Kinds.Loops.Worker");
    unsigned calls = (unsigned)strtoul(note, NULL, 10);
    print_message("%s\n", note);
    assert_true(strstr(note, "are running now and are not seen") != NULL);
    assert_true(calls == 100 || strstr(note, "threads were not looked at") != NULL);
    look_close(&l);
    app_ok(&a, "call Rest");
    assert_int_equal(app_end(&a), 0);
}

static void test_copies_that_the_runtime_does_not_know(void **state)
{
    (void)state;
    static const char *const pattern = "System.Nullable<T>.get_HasValue";
    rj_methods m;
    rj_error e = {0};
    app a;
    start_kinds(&a, NULL);
    expect_note(&a, pattern,
                "precompiled (R2R) code of any assembly may have a copy of it that the runtime does not tell of "
                "(NonVersionable): calls from such code are not seen");
    rj_session *s = look_attach(&a, "find");
    assert_true(rj_find(s, &pattern, 1, 0, &m, &e));
    assert_int_equal(m.count, 1);
    assert_non_null(strstr(m.items[0].note, "NonVersionable"));
    rj_free(m.memory);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* The JIT's own code in the place of the method's: refused. */
static void test_intrinsics_are_refused(void **state)
{
    (void)state;
    static const char *const patterns[] = {"System.String.get_Length", "System.Math.Sqrt",
                                           "System.Runtime.CompilerServices.Unsafe.As"};
    static look l;
    app a;
    start_kinds(&a, NULL);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        look_in(&l, &a, (rj_request){.verb = RJ_STAT, .later = true}, (const char *[]){patterns[i], NULL});
        for (size_t k = 0; k < l.probes.refused_count; k++)
            print_message("%s: %s\n", l.probes.refused[k].method, l.probes.refused[k].reason);
        assert_true(l.probes.refused_count > 0);
        look_close(&l);
    }
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_cold),
    cmocka_unit_test(test_compiled_before_the_attach),
    cmocka_unit_test(test_compiled_without_tiers),
    cmocka_unit_test(test_a_chain_of_instrumented_methods),
    cmocka_unit_test(test_callers_go_back_with_the_method),
    cmocka_unit_test(test_callers_go_back_beside_other_clients),
    cmocka_unit_test(test_callers_stay_for_other_clients),
    cmocka_unit_test(test_calls_that_are_running),
    cmocka_unit_test(test_many_calls_that_are_running),
    cmocka_unit_test(test_copies_that_the_runtime_does_not_know),
    cmocka_unit_test(test_intrinsics_are_refused),
};
LIVE_MAIN("live_inlining", tests)
