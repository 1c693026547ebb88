/*
 * All of System.Private.CoreLib with its gates open: while the runtime compiles every method of the frameworks, and
 * while Stress checks its own results under forced collections. Nothing may crash, hang, or come out differently.
 */
#include "live.h"

#include <stdlib.h>

static const char *const core[] = {"System.Private.CoreLib!*", NULL};

static void look_into_core(look *l, const app *a, rj_verb verb)
{
    look_in(l, a, (rj_request){.verb = verb, .want = verb == RJ_WATCH ? LOOK_EVERYTHING : 0, .depth = 2, .most = 45000},
            core);
    assert_true(l->probes.methods > 20000);
    look_open(l);
}

static void print_totals(look *l)
{
    rj_totals t = rj_session_totals(l->s);
    print_message("%zu methods, %llu calls delivered, %llu dropped, %llu in flight\n", l->probes.methods,
                  (unsigned long long)t.calls, (unsigned long long)t.dropped, (unsigned long long)t.in_flight);
    assert_true(t.calls > 1000);
}

static void compile_while(rj_verb verb)
{
    static look l;
    app a;
    app_start(&a, &(app_options){.program = "Corpus"});
    app_ok(&a, "load");
    look_into_core(&l, &a, verb);
    const char *line = look_while(&l, &a, "go");
    print_message("%s\n", line);
    assert_int_equal(app_number(line, "invalid"), 0);
    assert_true(app_number(line, "compiled") > 150000);
    assert_true(app_number(line, "failed") <= 2);
    print_totals(&l);
    assert_int_equal(l.refused, 0);
    assert_int_equal(l.gates_closed, 0);
    look_close(&l);
    app_ok(&a, "gc");
    assert_int_equal(app_end(&a), 0);
}

static void test_compile_under_watch(void **state)
{
    (void)state;
    compile_while(RJ_WATCH);
}

static void test_compile_under_stat(void **state)
{
    (void)state;
    compile_while(RJ_STAT);
}

static void stress_under(rj_verb verb)
{
    static look l;
    char seconds[16];
    app a;
    snprintf(seconds, sizeof seconds, "%u", live_seconds("REJIT_STRESS_SECONDS", 5));
    app_start(&a, &(app_options){.program = "Stress", .args = (const char *[]){seconds, "3", NULL}});
    look_into_core(&l, &a, verb);
    while (!app_has_line(&a, 0))
        look_take(&l, 5);
    const char *line = app_line(&a);
    assert_non_null(line);
    assert_int_equal(app_number(line, "wrong"), 0);
    assert_int_equal(app_number(line, "total"), 524940812);
    print_totals(&l);
    assert_int_equal(app_wait(&a), 0);
    look_close(&l);
}

static void test_stress_under_watch(void **state)
{
    (void)state;
    stress_under(RJ_WATCH);
}

static void test_stress_under_stat(void **state)
{
    (void)state;
    stress_under(RJ_STAT);
}

static void test_stress_under_stack(void **state)
{
    (void)state;
    stress_under(RJ_STACK);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_compile_under_watch), cmocka_unit_test(test_compile_under_stat),
    cmocka_unit_test(test_stress_under_watch),  cmocka_unit_test(test_stress_under_stat),
    cmocka_unit_test(test_stress_under_stack),
};
LIVE_MAIN("live_open", tests)
