/*
 * Edit and Continue: the runtime refuses ReJIT for Debug builds of a process that was started for Hot Reload. rejit
 * says so before anything is asked of the runtime, and leaves the rest of the process open.
 */
#include "live.h"

#define WHY "Hot Reload"

static void start(app *a, const char *program, const char *value)
{
    char variable[64];
    snprintf(variable, sizeof variable, "DOTNET_MODIFIABLE_ASSEMBLIES=%s", value);
    app_start(a, &(app_options){.program = program, .variables = (const char *[]){variable, NULL}});
}

static void expect_refusals(const look *l, size_t least)
{
    assert_int_equal(l->probes.methods, 0);
    assert_true(l->probes.refused_count >= least);
    for (size_t i = 0; i < l->probes.refused_count; i++)
        if (!strstr(l->probes.refused[i].reason, WHY))
            fail_msg("%s: %s", l->probes.refused[i].method, l->probes.refused[i].reason);
}

static bool said_by_doctor(const app *a)
{
    rj_error e = {0};
    rj_checks all;
    bool said = false;
    if (!rj_doctor((int32_t)a->pid, NULL, &all, &e)) fail_msg("doctor: %s", e.text);
    for (size_t i = 0; i < all.count; i++)
        said |= strcmp(all.items[i].name, "hot reload") == 0 && all.items[i].health == RJ_WARNING;
    rj_free(all.memory);
    return said;
}

/* A Debug build under Hot Reload: refused at once, found with the reason; other modules are instrumented. */
static void test_refused(void **state)
{
    (void)state;
    app a;
    static look l;
    rj_error e = {0};
    rj_methods found;
    start(&a, "DebuggeeDebug", "debug");
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 2, "Debuggee.Orders.*");
    expect_refusals(&l, 7);
    if (!rj_find(l.s, (const char *[]){"Debuggee.Orders.*"}, 1, 100, &found, &e)) fail_msg("find: %s", e.text);
    assert_true(found.count >= 7);
    for (size_t i = 0; i < found.count; i++)
        assert_true(found.items[i].reason && strstr(found.items[i].reason, WHY));
    rj_free(found.memory);
    look_close(&l);
    assert_true(said_by_doctor(&a));

    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 2, "Protocol.Scenario.Run"); /* of a Release build */
    look_while(&l, &a, "call Orders.Grade 95");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Protocol.Scenario.Run"), 1);
    assert_int_equal(l.refused, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* What the rule rests on: without the variable, or in a Release build, the same methods are instrumented. */
static void watch_all(const char *program, const char *value)
{
    app a;
    static look l;
    start(&a, program, value);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 2, "Debuggee.Orders.*");
    look_while(&l, &a, "call Orders.Price 2 tea");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Debuggee.Orders.Price"), 1);
    assert_int_equal(look_calls(&l, "Debuggee.Orders.UnitOf"), 1);
    assert_int_equal(l.refused, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_release_build(void **state)
{
    (void)state;
    watch_all("Debuggee", "debug");
}

static void test_without_hot_reload(void **state)
{
    (void)state;
    watch_all("DebuggeeDebug", "none");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_release_build),
    cmocka_unit_test(test_without_hot_reload),
};

LIVE_MAIN("hot_reload", tests)
