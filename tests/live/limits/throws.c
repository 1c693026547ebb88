/* Exceptions as they are thrown: none is missed or counted twice, also while clients come and go under load. */
#include "live.h"

static const char *const none[] = {NULL};
static const rj_request exceptions = {.verb = RJ_THROWS, .lines = true};

static void test_every_one(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    look_in(&l, &a, exceptions, none);
    look_open(&l);
    for (unsigned i = 0; i < 10; i++) { /* as many as the ring has room for, whoever reads it */
        look_while(&l, &a, "call Flow.Catch x100");
        look_quiet(&l);
    }
    assert_int_equal(l.threw, 1000);
    assert_int_equal(rj_session_totals(l.s).dropped, 0);
    look_while(&l, &a, "call Flow.Catch x5000"); /* more than that: what is lost is counted */
    look_quiet(&l);
    assert_int_equal(l.threw + rj_session_totals(l.s).dropped, 6000);
    look_close(&l);
    app_ok(&a, "call Flow.Catch x10"); /* the runtime tells nobody of them any more */
    look_in(&l, &a, exceptions, none);
    look_open(&l);
    look_while(&l, &a, "call Flow.Filter x100");
    look_quiet(&l);
    assert_int_equal(l.threw, 100);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_under_load(void **state)
{
    (void)state;
    static look l, other, method;
    app a;
    app_target(&a);
    app_ok(&a, "loop Flow.Catch 2");
    app_ok(&a, "loop Flow.Filter 1");
    app_ok(&a, "loop Collections.Ints 1");
    uint64_t until = live_now_ms() + 1000ull * live_seconds("REJIT_LIVE_SECONDS", 5);
    uint64_t rounds = 0, threw = 0;
    for (; live_now_ms() < until; rounds++) {
        look_in(&l, &a, exceptions, none);
        look_open(&l);
        look_in(&other, &a, exceptions, none);
        look_open(&other);
        look_at(&method, &a, RJ_WATCH, RJ_WANT_ARGS, 1, "Target.Flow.*");
        for (uint64_t end = live_now_ms() + 100; live_now_ms() < end;) {
            look_take(&l, 5);
            look_take(&other, 5);
            look_take(&method, 5);
        }
        threw += l.threw;
        assert_false(l.gone || other.gone || method.gone);
        if (rounds % 2) look_close(&method);
        look_close(&l);
        look_close(&other);
        if (rounds % 2 == 0) look_close(&method);
    }
    print_message("%llu rounds, %llu exceptions\n", (unsigned long long)rounds, (unsigned long long)threw);
    assert_true(rounds > 0 && threw > 0);
    assert_true(app_number(app_ok(&a, "stop"), "stop") > 0);
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_one),
    cmocka_unit_test(test_under_load),
};
LIVE_MAIN("live_throws", tests)
