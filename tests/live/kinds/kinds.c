/*
 * Methods of every kind: rejit counts as many calls as the program has counted by itself, by watch and by stat, before
 * the first call and when the code is hot; or it refuses the method, with its reason.
 */
#include "live.h"

#include <stdlib.h>

/* A scenario of the program Kinds: N is what it is told, its answer how often the method was called. */
typedef struct kind {
    const char *scenario, *pattern, *method;
    unsigned n;
    bool once; /* what happens once in the life of a process: counted cold only, one number after the other */
} kind;

static const kind all[] = {
    {"Iterator", "Kinds.Sequences+<Walk>*.MoveNext", "Kinds.Sequences+<Walk>d__5.MoveNext", 10, false},
    {"IteratorLeft", "Kinds.Sequences+<Walk>*.*Dispose", "Kinds.Sequences+<Walk>d__5.System.IDisposable.Dispose", 10,
     false},
    {"IteratorLeft", "Kinds.Sequences+<Walk>*.<>m__Finally1", "Kinds.Sequences+<Walk>d__5.<>m__Finally1", 10, false},
    {"IteratorOld", "Kinds.Sequences+<Old>*.MoveNext", "Kinds.Sequences+<Old>d__6.MoveNext", 10, false},
    {"LocalFunction", "Kinds.Sequences.*Twice*", "Kinds.Sequences.<LocalFunctions>g__Twice|10_1", 10, false},
    {"Lambda", "Kinds.Sequences+<>c.<Lambdas>*", "Kinds.Sequences+<>c.<Lambdas>b__11_0", 10, false},
    {"FilterCalls", "Kinds.Sequences.Wanted", "Kinds.Sequences.Wanted", 10, false},
    {"GenericVirtual", "Kinds.Generic.Name", "Kinds.Generic.Name", 10, false},
    {"GenericOverride", "Kinds.Generic+Special<*>.Name", "Kinds.Generic+Special<TOwner>.Name", 10, false},
    {"GenericMath", "Kinds.Generic.Sum", "Kinds.Generic.Sum", 10, false},
    {"DefaultInterface", "Kinds.IAnimal.Speak", "Kinds.IAnimal.Speak", 10, false},
    {"DefaultInterfaceOfStruct", "Kinds.IAnimal.Speak", "Kinds.IAnimal.Speak", 10, false},
    {"StaticAbstract", "Kinds.Dog.Kind", "Kinds.Dog.Kind", 10, false},
    {"StaticAbstractExplicit", "Kinds.Ant.Kinds.IAnimal.Kind", "Kinds.Ant.Kinds.IAnimal.Kind", 10, false},
    {"StaticVirtual", "Kinds.IAnimal.Sound", "Kinds.IAnimal.Sound", 10, false},
    {"FromManaged", "Kinds.Native.Compare", "Kinds.Native.Compare", 10, false},
    {"FromNative", "Kinds.Native.Compare", "Kinds.Native.Compare", 100, false},
    {"FromNativeThread", "Kinds.Native.Begin", "Kinds.Native.Begin", 4, false},
    {"FromNativeCatching", "Kinds.Native.CompareCatching", "Kinds.Native.CompareCatching", 20, false},
    {"FromNativeByDelegate", "Kinds.Native.CompareByDelegate", "Kinds.Native.CompareByDelegate", 100, false},
    {"FunctionPointer", "Kinds.Native.Pointed", "Kinds.Native.Pointed", 10, false},
    {"LibraryImport", "Kinds.Native.LengthOf", "Kinds.Native.LengthOf", 10, false},
    {"LibraryImport", "Kinds.Native.Length", "Kinds.Native.Length", 10, false},
    {"ImportResolver", "Kinds.Native.Resolved", "Kinds.Native.Resolved", 0, false},
    {"StaticConstructor", "Kinds.Late<*>..cctor", "Kinds.Late<T>..cctor", 0, true},
    {"StaticConstructorThrows", "Kinds.Failing..cctor", "Kinds.Failing..cctor", 3, true},
    {"Finaliser", "Kinds.Mortal.Finalize", "Kinds.Mortal.Finalize", 10, false},
    {"Resurrected", "Kinds.Phoenix.Finalize", "Kinds.Phoenix.Finalize", 10, false},
    {"SafeHandle", "Kinds.Handle.ReleaseHandle", "Kinds.Handle.ReleaseHandle", 10, false},
    {"Dispose", "Kinds.Tool.Dispose", "Kinds.Tool.Dispose", 10, false},
    {"FirstChance", "Kinds.ByTheRuntime.OnFirstChance", "Kinds.ByTheRuntime.OnFirstChance", 10, false},
    {"Resolving", "Kinds.ByTheRuntime.OnResolving", "Kinds.ByTheRuntime.OnResolving", 3, false},
    {"AssemblyLoad", "Kinds.ByTheRuntime.OnLoad", "Kinds.ByTheRuntime.OnLoad", 3, false},
    {"ThreadStart", "Kinds.ByTheRuntime.Run", "Kinds.ByTheRuntime.Run", 5, false},
    {"ThreadPool", "Kinds.ByTheRuntime.Run", "Kinds.ByTheRuntime.Run", 20, false},
    {"Timer", "Kinds.ByTheRuntime.OnTick", "Kinds.ByTheRuntime.OnTick", 5, false},
    {"Signal", "Kinds.ByTheRuntime.OnSignal", "Kinds.ByTheRuntime.OnSignal", 0, false},
    {"Reflection", "Kinds.ByTheRuntime.Reflected", "Kinds.ByTheRuntime.Reflected", 10, false},
    {"Attribute", "Kinds.MarkAttribute..ctor", "Kinds.MarkAttribute..ctor", 5, false},
    {"Sorting", "Kinds.Item.CompareTo", "Kinds.Item.CompareTo", 50, false},
    {"ValueType", "Kinds.ByTheRuntime+Key.GetHashCode", "Kinds.ByTheRuntime+Key.GetHashCode", 10, false},
    {"ToString", "Kinds.ByTheRuntime+Shown.ToString", "Kinds.ByTheRuntime+Shown.ToString", 10, false},
};

static void start_kinds(app *a, const char *const *variables)
{
    app_start(a, &(app_options){.program = "Kinds", .variables = variables});
}

/* What the program has counted: "ok NAME COUNT". */
static uint64_t counted(const char *line, const kind *k)
{
    const char *blank = line ? strrchr(line, ' ') : NULL;
    if (!blank || strncmp(line, "ok ", 3) != 0) fail_msg("%s: %s", k->scenario, line ? line : "(no answer)");
    return blank ? strtoull(blank + 1, NULL, 10) : 0;
}

static void compare(const kind *k, const char *how, const char *verb, uint64_t made, uint64_t seen, rj_session *s)
{
    rj_totals t = rj_session_totals(s);
    if (made && seen == made && !t.dropped && !t.in_flight) return;
    fail_msg("%s (%s, %s): the program has counted %llu calls of %s, rejit %llu (dropped %llu, in flight %llu)",
             k->scenario, how, verb, (unsigned long long)made, k->method, (unsigned long long)seen,
             (unsigned long long)t.dropped, (unsigned long long)t.in_flight);
}

/* A thread of the pool that is still in its loop may have the last callback inlined there, and takes one more so. */
static void let_the_pool_rest(app *a, const kind *k)
{
    if (strcmp(k->scenario, "ThreadPool") == 0 || strcmp(k->scenario, "Timer") == 0) app_ok(a, "settle");
}

static void watch_one(app *a, const kind *k, unsigned n, const char *how)
{
    static look l;
    let_the_pool_rest(a, k);
    look_at(&l, a, RJ_WATCH, LOOK_EVERYTHING, 2, k->pattern);
    const char *line = look_while(&l, a, "call %s %u", k->scenario, n);
    uint64_t made = counted(line, k);
    look_quiet(&l);
    compare(k, how, "watch", made, look_calls(&l, k->method), l.s);
    look_close(&l);
}

static void stat_one(app *a, const kind *k, unsigned n, const char *how)
{
    static look l;
    let_the_pool_rest(a, k);
    look_at(&l, a, RJ_STAT, 0, 0, k->pattern);
    uint64_t made = counted(app_ok(a, "call %s %u", k->scenario, n), k);
    look_quiet(&l);
    compare(k, how, "stat", made, look_stat(&l, k->method), l.s);
    look_close(&l);
}

static void every_kind(const char *const *variables, bool hot, const char *how)
{
    app a;
    start_kinds(&a, variables);
    for (unsigned round = 0; hot && round < 40; round++)
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            if (!all[i].once) app_ok(&a, "call %s %u", all[i].scenario, all[i].n);
    if (hot) app_ok(&a, "settle");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const kind *k = &all[i];
        if (k->once && hot) continue;
        watch_one(&a, k, k->n, how);
        if (!k->once) stat_one(&a, k, k->n, how);
    }
    assert_int_equal(app_end(&a), 0);
}

static void test_before_the_first_call(void **state)
{
    (void)state;
    every_kind(NULL, false, "cold");
}

static void test_when_hot(void **state)
{
    (void)state;
    every_kind(NULL, true, "hot");
}

static void test_without_tiers(void **state)
{
    (void)state;
    every_kind((const char *[]){"DOTNET_TieredCompilation=0", NULL}, false, "no tiers");
}

/* Each instantiation of a generic type has a static constructor of its own; shared code has one for each exact type. */
static void test_static_constructors_of_generic_types(void **state)
{
    (void)state;
    static look l;
    app a;
    start_kinds(&a, NULL);
    look_at(&l, &a, RJ_STAT, 0, 0, "Kinds.Late<*>..cctor");
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(app_ok(&a, "call StaticConstructor %u", i), "ok StaticConstructor 1");
    assert_string_equal(app_ok(&a, "call StaticConstructor 1"), "ok StaticConstructor 0");
    assert_int_equal(look_stat(&l, "Kinds.Late<T>..cctor"), 5);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* A failed static constructor has thrown once, and is not run again. */
static void test_a_static_constructor_that_throws(void **state)
{
    (void)state;
    static look l;
    app a;
    start_kinds(&a, NULL);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Kinds.Failing..cctor");
    assert_string_equal(look_while(&l, &a, "call StaticConstructorThrows 3"), "ok StaticConstructorThrows 1");
    look_drain(&l);
    assert_int_equal(look_threw(&l, "Kinds.Failing..cctor"), 1);
    assert_non_null(strstr(l.last, "System.FormatException"));
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* All kinds in one instrumentation, from several threads. */
static void test_all_at_once(void **state)
{
    (void)state;
    static look l;
    app a;
    start_kinds(&a, NULL);
    look_at(&l, &a, RJ_STAT, 0, 0, "Kinds.*");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const kind *k = &all[i];
        uint64_t before = look_stat(&l, k->method), made = counted(app_ok(&a, "call %s %u", k->scenario, k->n), k);
        look_quiet(&l);
        compare(k, "all at once", "stat", made, look_stat(&l, k->method) - before, l.s);
    }
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static const char *refusal(look *l, const app *a, const char *pattern)
{
    look_in(l, a, (rj_request){.verb = RJ_STAT}, (const char *[]){pattern, NULL});
    if (l->probes.methods || l->probes.refused_count != 1)
        fail_msg("%s: %zu methods, %zu refused", pattern, l->probes.methods, l->probes.refused_count);
    return l->probes.refused[0].reason;
}

/* What has no code in IL is refused, with the word that tells why; its callers count. */
static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *reason;
    } refused[] = {
        {"Kinds.Native.GetPid", "a P/Invoke: its body is native code"},
        {"Kinds.Native.QuickSort", "a P/Invoke: its body is native code"},
        {"Kinds.Native.<Length>g____PInvoke*", "a P/Invoke: its body is native code"},
        {"Kinds.IAnimal.Kind", "abstract: it has no body; its overrides have"},
        {"Kinds.Native+Comparison.Invoke", "implemented by the runtime itself: it has no IL"},
    };
    static look l;
    app a;
    start_kinds(&a, NULL);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *reason = refusal(&l, &a, refused[i].pattern);
        if (strcmp(reason, refused[i].reason) != 0) fail_msg("%s: %s", refused[i].pattern, reason);
        look_close(&l);
    }
    assert_string_equal(app_ok(&a, "call PInvoke 10"), "ok PInvoke 10");
    assert_int_equal(app_end(&a), 0);
}

/* Handlers that the runtime calls while the process ends: the last calls are delivered all the same. */
static void test_handlers_at_the_end(void **state)
{
    (void)state;
    static look l;
    app a;
    app_start(&a, &(app_options){.program = "Kinds", .args = (const char *[]){"exit-handler", NULL}});
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Kinds.ByTheRuntime.On*");
    app_send(&a, "exit 0");
    while (!l.gone)
        look_take(&l, 100);
    assert_int_equal(look_calls(&l, "Kinds.ByTheRuntime.OnExit"), 1);
    assert_int_equal(look_calls(&l, "Kinds.ByTheRuntime.OnUnloading"), 1);
    look_close(&l);
    assert_int_equal(app_wait(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_before_the_first_call),
    cmocka_unit_test(test_when_hot),
    cmocka_unit_test(test_without_tiers),
    cmocka_unit_test(test_static_constructors_of_generic_types),
    cmocka_unit_test(test_a_static_constructor_that_throws),
    cmocka_unit_test(test_all_at_once),
    cmocka_unit_test(test_what_is_refused),
    cmocka_unit_test(test_handlers_at_the_end),
};
LIVE_MAIN("live_kinds", tests)
