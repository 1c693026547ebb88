/*
 * Every verb works after an attach, on a process that has run for a while under load, for a second and a third client
 * as well; however the process was started or published.
 */
#include "live.h"

#include <stdlib.h>

typedef struct way {
    const char *shape;    /* of scripts/published.sh, or NULL */
    const char *variable; /* or NULL */
} way;

static void start(app *a, const way *w)
{
    app_start(a,
              &(app_options){.program = "Target", .shape = w->shape, .variables = (const char *[]){w->variable, NULL}});
}

/* Work that the JIT has compiled to its end, and that goes on. */
static void load(app *a)
{
    app_ok(a, "loop Work.SpinAdd 1");
    app_ok(a, "loop Work.SpinList 1");
    app_ok(a, "loop Generics.Functions.Identity 1 string");
}

static void test_doctor(const app *a, const char *fact)
{
    rj_checks c;
    rj_error e = {0};
    bool told = !fact;
    assert_true(rj_doctor((int32_t)a->pid, NULL, &c, &e));
    for (size_t i = 0; i < c.count; i++) {
        if (c.items[i].health == RJ_FAILURE) fail_msg("doctor: %s: %s", c.items[i].name, c.items[i].text);
        told |= fact && strstr(c.items[i].text, fact) != NULL;
    }
    if (!told) fail_msg("doctor does not say: %s", fact);
    rj_free(c.memory);
}

static void test_ps(const app *a)
{
    rj_processes p;
    rj_error e = {0};
    bool found = false;
    assert_true(rj_ps(&p, &e));
    for (size_t i = 0; i < p.count; i++) {
        if (p.items[i].pid != (int32_t)a->pid) continue;
        found = true;
        assert_string_equal(p.items[i].entry, "Target");
        assert_string_equal(p.items[i].runtime, a->version);
    }
    rj_free(p.memory);
    assert_true(found);
}

static void test_find(const app *a)
{
    static const char *const patterns[] = {"Target.Work.*", "System.String.Concat"};
    rj_methods m;
    rj_error e = {0};
    rj_session *s = look_attach(a, "find");
    assert_true(rj_find(s, patterns, 2, 0, &m, &e));
    assert_true(m.count > 20);
    bool add = false, precompiled = false;
    for (size_t i = 0; i < m.count; i++) {
        if (m.items[i].reason[0]) fail_msg("find: %s: %s", m.items[i].name, m.items[i].reason);
        add |= strcmp(m.items[i].name, "Target.Work.Add(int,int)") == 0;
        precompiled |= strncmp(m.items[i].code_kind, "R2R", 3) == 0;
    }
    assert_true(add);
    assert_true(precompiled); /* the core library always is, wherever its code lies */
    rj_free(m.memory);
    rj_close(s);
}

/* The calls of one method while the program does something; how many the program has made is known. */
static void test_watch(app *a)
{
    static look l;
    look_at(&l, a, RJ_WATCH, LOOK_EVERYTHING, 2, "Target.Work.Add");
    app_ok(a, "stop");
    uint64_t before = app_counted(a, "Target.Work.Add");
    look_drain(&l);
    uint64_t seen = look_calls(&l, "Target.Work.Add") + rj_session_totals(l.s).dropped;
    look_while(&l, a, "call Work.SpinAdd x5");
    look_while(&l, a, "call Work.Add 3 4 x5");
    look_drain(&l);
    assert_int_equal(app_counted(a, "Target.Work.Add") - before, 50005);
    assert_int_equal(look_calls(&l, "Target.Work.Add") + rj_session_totals(l.s).dropped - seen, 50005);
    assert_non_null(strstr(l.last, "Target.Work.Add(int,int) outcome 1 exception  () args 2"));
    look_close(&l);
    load(a);
}

static void test_stat(app *a)
{
    static const char *const methods[] = {"Target.Work.Add", "Target.Generics.Functions.Identity"};
    static look l;
    uint64_t seen[2], made[2];
    look_at(&l, a, RJ_STAT, 0, 0, "Target.*");
    app_ok(a, "stop");
    for (size_t i = 0; i < 2; i++) {
        seen[i] = look_stat(&l, methods[i]);
        made[i] = app_counted(a, methods[i]);
    }
    load(a);
    app_ok(a, "stop");
    for (size_t i = 0; i < 2; i++) {
        made[i] = app_counted(a, methods[i]) - made[i];
        assert_true(made[i] > 0);
        assert_int_equal(look_stat(&l, methods[i]) - seen[i], made[i]);
    }
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    look_close(&l);
    load(a);
}

/* The core library's List<T>.Add, inlined in the program's own code: what ten runs more call more often. */
static void test_core_library(app *a)
{
    static const char *const add = "System.Collections.Generic.List<T>.Add";
    static look l;
    app_ok(a, "stop");
    for (int i = 0; i < 3; i++) {
        app_ok(a, "call Work.SpinList x100");
        app_ok(a, "settle");
    }
    look_at(&l, a, RJ_STAT, 0, 0, add);
    app_ok(a, "call Work.SpinList x20");
    uint64_t first = look_stat(&l, add);
    app_ok(a, "call Work.SpinList x30");
    uint64_t second = look_stat(&l, add);
    assert_int_equal(second - first - first, 100000);
    look_close(&l);
    load(a);
}

typedef struct caller {
    const char *wanted;
    uint64_t calls, matching;
} caller;

static bool on_stack(void *owner, const rj_call *c)
{
    caller *x = owner;
    x->calls++;
    for (size_t i = 0; i < c->frame_count; i++) {
        if (!strstr(c->frames[i], x->wanted)) continue;
        x->matching++;
        return true;
    }
    return true;
}

static void test_stack(app *a)
{
    static look l;
    rj_error e = {0};
    caller c = {.wanted = "Target.Work.SpinAdd(int)"};
    app_ok(a, "stop");
    look_at(&l, a, RJ_STACK, 0, 4, "Target.Work.Add");
    app_ok(a, "call Work.SpinAdd");
    assert_true(rj_poll(l.s, 1000, &(rj_handlers){.owner = &c, .call = on_stack}, &e));
    assert_int_equal(c.calls + rj_session_totals(l.s).dropped, 10000);
    assert_int_equal(c.matching, c.calls);
    look_close(&l);
    load(a);
}

static void test_list_and_revert(app *a)
{
    static look l;
    rj_ledger t;
    rj_error e = {0};
    uint64_t methods = 0;
    static const char *const pattern = "Target.Work.Add";
    look_at(&l, a, RJ_STAT, 0, 0, pattern);
    app_ok(a, "call Work.Add");
    rj_session *other = look_attach(a, "other");
    assert_true(rj_list(other, &t, &e));
    assert_int_equal(t.entry_count, 1);
    assert_string_equal(t.entries[0].state, "active");
    assert_int_equal(t.client_count, 2);
    rj_free(t.memory);
    assert_true(rj_revert(other, &pattern, 1, false, &methods, &e));
    assert_int_equal(methods, 1);
    look_take(&l, 1000);
    assert_int_equal(l.reverted, 1);
    rj_close(other);
    look_close(&l);
}

/* Two clients on one method, and a third that comes while they are there. */
static void test_many_clients(app *a)
{
    static look l[3];
    app_ok(a, "stop");
    for (size_t i = 0; i < 3; i++) {
        look_at(&l[i], a, RJ_STAT, 0, 0, "Target.Work.Add");
        app_ok(a, "call Work.SpinAdd x2");
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(look_stat(&l[i], "Target.Work.Add"), 60000 - i * 20000);
    look_close(&l[1]);
    app_ok(a, "call Work.SpinAdd");
    assert_int_equal(look_stat(&l[0], "Target.Work.Add"), 70000);
    assert_int_equal(look_stat(&l[2], "Target.Work.Add"), 30000);
    look_close(&l[0]);
    look_close(&l[2]);
    load(a);
}

static void every_verb(const way *w, const char *fact)
{
    app a;
    start(&a, w);
    load(&a);
    for (int i = 0; i < 2; i++) {
        app_ok(&a, "settle");
        test_doctor(&a, fact); /* the agent is not in yet the first time */
        test_ps(&a);
        test_find(&a);
        test_watch(&a);
        test_stat(&a);
        test_stack(&a);
        test_core_library(&a);
        test_list_and_revert(&a);
        test_many_clients(&a);
    }
    size_t entries, clients;
    look_ledger(&a, &entries, &clients);
    assert_int_equal(entries + clients, 0);
    app_ok(&a, "stop");
    assert_int_equal(app_end(&a), 0);
}

static void test_an_ordinary_process(void **state)
{
    (void)state;
    every_verb(&(way){NULL, NULL}, NULL);
}

static void test_without_tiers(void **state)
{
    (void)state;
    every_verb(&(way){NULL, "DOTNET_TieredCompilation=0"}, NULL);
}

static void test_with_the_server_collector(void **state)
{
    (void)state;
    every_verb(&(way){NULL, "DOTNET_gcServer=1"}, NULL);
}

static void test_without_profiles(void **state)
{
    (void)state;
    every_verb(&(way){NULL, "DOTNET_TieredPGO=0"}, NULL);
}

static void test_a_single_file(void **state)
{
    (void)state;
    char shape[32];
    snprintf(shape, sizeof shape, "single-%s", live_runtime);
    every_verb(&(way){shape, NULL}, "one file");
}

static void test_a_composite_image(void **state)
{
    (void)state;
    every_verb(&(way){"composite-10", NULL}, "composite ReadyToRun image Target.r2r.dll");
}

/* Without its port nothing can be asked of it; that it is a .NET process is seen all the same. */
static void test_a_single_file_without_diagnostics(void **state)
{
    (void)state;
    char shape[32];
    app a;
    rj_processes p;
    rj_error e = {0};
    bool found = false;
    snprintf(shape, sizeof shape, "single-%s", live_runtime);
    start(&a, &(way){shape, "DOTNET_EnableDiagnostics=0"});
    assert_true(rj_ps(&p, &e));
    for (size_t i = 0; i < p.count; i++)
        found |= p.items[i].pid == (int32_t)a.pid && strcmp(p.items[i].note, "diagnostics are disabled") == 0;
    rj_free(p.memory);
    assert_true(found);
    assert_null(rj_attach((int32_t)a.pid, NULL, &e));
    assert_non_null(strstr(e.text, "diagnostics are disabled in process"));
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_an_ordinary_process),
    cmocka_unit_test(test_without_tiers),
    cmocka_unit_test(test_with_the_server_collector),
    cmocka_unit_test(test_without_profiles),
    cmocka_unit_test(test_a_single_file),
    cmocka_unit_test(test_a_single_file_without_diagnostics),
    cmocka_unit_test(test_a_composite_image), /* of .NET 10 alone: the last one */
};

int main(int argc, char **argv)
{
    size_t count = sizeof tests / sizeof tests[0];
    bool all = argc > 1 && strcmp(argv[1], "10") == 0;
    return live_main(argc, argv, "live_attach", tests, all ? count : count - 1);
}
