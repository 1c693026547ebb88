/* What rejit counts equals what the program has counted: at every tier, with inlining, over generics, from several
 * threads. */
#include "live.h"

#include <stdlib.h>

/* One scenario: what is called, and the method whose calls are compared. */
typedef struct counted {
    const char *scenario, *pattern, *method;
} counted;

static const counted all[] = {
    {"Work.Add", "Target.Work.Add", "Target.Work.Add"},
    {"Work.SpinAdd", "Target.Work.Add", "Target.Work.Add"},
    {"Work.SpinAlwaysInlined", "Target.Work.AlwaysInlined", "Target.Work.AlwaysInlined"},
    {"Work.SpinNeverInlined", "Target.Work.NeverInlined", "Target.Work.NeverInlined"},
    {"Work.Optimised", "Target.Work.Optimised", "Target.Work.Optimised"},
    {"Work.Synchronized", "Target.Work.Synchronized", "Target.Work.Synchronized"},
    {"Work.CallerOne", "Target.Work.Callee", "Target.Work.Callee"},
    {"Work.CallerTwo", "Target.Work.Callee", "Target.Work.Callee"},
    {"Work.Descend", "Target.Work.Descend", "Target.Work.Descend"},
    {"Work.Allocate", "Target.Work.Keep", "Target.Work.Keep"},
    {"Generics.Functions.Identity int", "Target.Generics.Functions.Identity", "Target.Generics.Functions.Identity"},
    {"Generics.Functions.Identity string", "Target.Generics.Functions.Identity", "Target.Generics.Functions.Identity"},
    {"Generics.Functions.Identity point", "Target.Generics.Functions.Identity", "Target.Generics.Functions.Identity"},
    {"Generics.Box<T>.Swap int", "Target.Generics.Box<T>.Swap", "Target.Generics.Box<T>.Swap"},
    {"Generics.Box<T>.Swap string", "Target.Generics.Box<T>.Swap", "Target.Generics.Box<T>.Swap"},
    {"Generics.Box<T>.Swap point", "Target.Generics.Box<T>.Swap", "Target.Generics.Box<T>.Swap"},
    {"Flow.ThroughFrames", "Target.Flow.ThroughFrames", "Target.Flow.ThroughFrames"},
    {"Flow.Throw", "Target.Flow.Throw", "Target.Flow.Throw"},
};

static void watch_one(app *a, const counted *c, unsigned times, const char *tier)
{
    static look l;
    look_at(&l, a, RJ_WATCH, LOOK_EVERYTHING, 2, c->pattern);
    uint64_t before = app_counted(a, c->method);
    app_send(a, "call %s x%u", c->scenario, times);
    while (!app_has_line(a, 0))
        look_take(&l, 5);
    assert_non_null(app_line(a));
    uint64_t made = app_counted(a, c->method) - before;
    look_drain(&l);
    rj_totals t = rj_session_totals(l.s);
    if (!made || look_calls(&l, c->method) + t.dropped != made || t.in_flight)
        fail_msg(
            "%s (%s): the program has made %llu calls of %s; seen %llu of %llu in all, dropped %llu, in flight %llu",
            c->scenario, tier, (unsigned long long)made, c->method, (unsigned long long)look_calls(&l, c->method),
            (unsigned long long)l.calls, (unsigned long long)t.dropped, (unsigned long long)t.in_flight);
    look_close(&l);
}

static void stat_one(app *a, const counted *c, unsigned times, unsigned threads, const char *tier)
{
    static look l;
    look_at(&l, a, RJ_STAT, 0, 0, c->pattern);
    uint64_t before = app_counted(a, c->method);
    for (unsigned i = 0; i < threads; i++)
        app_ok(a, "begin %s x%u", c->scenario, times);
    assert_non_null(app_ask(a, "join"));
    uint64_t made = app_counted(a, c->method) - before, seen = look_stat(&l, c->method);
    rj_totals t = rj_session_totals(l.s);
    if (!made || seen != made || t.dropped || t.in_flight)
        fail_msg("%s (%s, %u threads): the program has made %llu calls of %s; stat counts %llu, dropped %llu, in "
                 "flight %llu",
                 c->scenario, tier, threads, (unsigned long long)made, c->method, (unsigned long long)seen,
                 (unsigned long long)t.dropped, (unsigned long long)t.in_flight);
    look_close(&l);
}

static void all_of(app *a, unsigned times, const char *tier)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        watch_one(a, &all[i], times, tier);
        stat_one(a, &all[i], times, 3, tier);
    }
}

static void test_before_anything_is_hot(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    all_of(&a, 3, "cold");
    assert_int_equal(app_end(&a), 0);
}

static void warm(app *a)
{
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            app_ask(a, "call %s x60", all[i].scenario);
        app_ok(a, "settle");
    }
}

static void test_after_tier_1(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    warm(&a);
    all_of(&a, 50, "hot");
    assert_int_equal(app_end(&a), 0);
}

static void test_without_tiers(void **state)
{
    (void)state;
    app a;
    app_start(&a,
              &(app_options){.program = "Target", .variables = (const char *[]){"DOTNET_TieredCompilation=0", NULL}});
    all_of(&a, 20, "no tiers");
    assert_int_equal(app_end(&a), 0);
}

static void test_with_osr(void **state)
{
    (void)state;
    app a;
    const char *variables[] = {"DOTNET_TC_QuickJitForLoops=1", "DOTNET_OSR_HitLimit=1",
                               "DOTNET_TC_OnStackReplacement_InitialCounter=10", NULL};
    app_start(&a, &(app_options){.program = "Target", .variables = variables});
    all_of(&a, 20, "OSR");
    assert_int_equal(app_end(&a), 0);
}

/* Instrumented while loops run: a window between two stops is exact. */
static void test_window_in_a_running_program(void **state)
{
    (void)state;
    app a;
    static look l;
    app_target(&a);
    app_ok(&a, "loop Work.SpinAdd 4");
    look_at(&l, &a, RJ_STAT, 0, 0, "Target.Work.Add");
    app_ok(&a, "stop");
    uint64_t before = app_counted(&a, "Target.Work.Add"), seen = look_stat(&l, "Target.Work.Add");
    app_ok(&a, "loop Work.SpinAdd 4");
    app_ok(&a, "settle");
    app_ok(&a, "stop");
    assert_int_equal(look_stat(&l, "Target.Work.Add") - seen, app_counted(&a, "Target.Work.Add") - before);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* ---- every scenario of the program, all its methods in one table ---- */

/* What other scenarios call as well without booking it. */
static bool is_called_unbooked(const char *method)
{
    static const char *const names[] = {
        "Target.Customer..ctor",
        "Target.Flow.ThrowCoded",
        "Target.Generics.Box<T>..ctor",
        "Target.Generics.Box<T>.Value",
        "Target.Generics.IGreeter.Greet",
        "Target.Generics.Table.set_Item",
        "Target.Point..ctor",
        "Target.Point.Move",
        "Target.Point.Sum",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], method) == 0) return true;
    return false;
}

/* Properties are counted by their own name; the method is the accessor. */
static uint64_t counted_by_us(look *l, const char *method)
{
    uint64_t n = look_stat(l, method);
    const char *dot = strrchr(method, '.');
    char accessor[300];
    if (n || !dot) return n;
    snprintf(accessor, sizeof accessor, "%.*s.get_%s", (int)(dot - method), method, dot + 1);
    return look_stat(l, accessor);
}

/* Reads {"name":calls,...}; answers the place behind. */
static const char *next_count(const char *at, char *name, size_t room, uint64_t *calls)
{
    const char *open = strchr(at, '"'), *close = open ? strchr(open + 1, '"') : NULL;
    if (!close) return NULL;
    snprintf(name, room, "%.*s", (int)(close - open - 1), open + 1);
    char *end = NULL;
    *calls = strtoull(close + 2, &end, 10);
    return end;
}

static void compare_all(app *a, look *l, const char *before, const char *tier)
{
    char name[300], key[310], *now = strdup(app_ok(a, "counts"));
    uint64_t calls;
    unsigned wrong = 0, methods = 0;
    for (const char *at = now; (at = next_count(at, name, sizeof name, &calls)) != NULL; methods++) {
        snprintf(key, sizeof key, "\"%s\":", name);
        const char *old = strstr(before, key);
        uint64_t made = calls - (old ? strtoull(old + strlen(key), NULL, 10) : 0), seen = counted_by_us(l, name);
        /* limits/dynamic.c counts those: what was compiled before the request cannot be counted here */
        if (strncmp(name, "<dynamic>", 9) == 0) continue;
        if (made == seen || (seen > made && is_called_unbooked(name))) continue;
        print_message("%s (%s): the program has made %llu calls, stat counts %llu\n", name, tier,
                      (unsigned long long)made, (unsigned long long)seen);
        wrong++;
    }
    free(now);
    assert_int_equal(wrong, 0);
    assert_true(methods > 200);
}

static void run_all_scenarios(app *a, const char *names, unsigned times)
{
    char *list = strdup(names), *rest = NULL;
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        if (strcmp(name, "ok") != 0 && strcmp(name, "Work.Block") != 0) app_ask(a, "call %s x%u", name, times);
    free(list);
}

static void everything(const char *const *variables, unsigned warm_rounds, const char *tier)
{
    static look l;
    app a;
    app_start(&a, &(app_options){.program = "Target", .variables = variables});
    char *names = strdup(app_ok(&a, "names"));
    for (unsigned i = 0; i < warm_rounds; i++) {
        run_all_scenarios(&a, names, 40);
        app_ok(&a, "settle");
    }
    char *before = strdup(app_ok(&a, "counts"));
    look_at(&l, &a, RJ_STAT, 0, 0, "Target.*");
    for (unsigned i = 0; i < 3; i++)
        run_all_scenarios(&a, names, 15);
    compare_all(&a, &l, before, tier);
    free(before);
    free(names);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_everything_cold(void **state)
{
    (void)state;
    everything(NULL, 0, "cold");
}

static void test_everything_hot(void **state)
{
    (void)state;
    everything(NULL, 3, "hot");
}

static void test_everything_without_tiers(void **state)
{
    (void)state;
    everything((const char *[]){"DOTNET_TieredCompilation=0", NULL}, 1, "no tiers");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_everything_cold),
    cmocka_unit_test(test_everything_hot),
    cmocka_unit_test(test_everything_without_tiers),
    cmocka_unit_test(test_before_anything_is_hot),
    cmocka_unit_test(test_after_tier_1),
    cmocka_unit_test(test_without_tiers),
    cmocka_unit_test(test_with_osr),
    cmocka_unit_test(test_window_in_a_running_program),
};
LIVE_MAIN("live_counts", tests)
