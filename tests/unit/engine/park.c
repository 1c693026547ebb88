/* Methods that are changed often and that takeover does not serve: their version stays, and is used again. */
#include "engine/park.h"
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS };
static const char *paths[2];

#define CLEAR "System.Collections.Generic.LinkedList<T>.Clear()"
#define OFTEN 20u

static fake_runtime rt;
static uint32_t token;

static int start(void **state)
{
    (void)state;
    fake_start(&rt, paths, RJ_COUNT(paths), RJ_COUNT(paths));
    token = fake_token(&rt.modules[COLLECTIONS], CLEAR);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_end(&rt);
    return 0;
}

static fake_method *of_runtime(void)
{
    return fake_of(&rt.modules[COLLECTIONS], token);
}

static eng_method *entry(void)
{
    const eng_module *m = map_get(&rt.g->module_of, (uint64_t)(uintptr_t)&rt.modules[COLLECTIONS]);
    return map_get(&rt.g->methods, eng_key(m, token));
}

static const eng_identity who = {"test", "user", 1, 1};

/* A client that looks at the method in this way. */
static eng_client *come(uint32_t want)
{
    const char *pattern = "LinkedList<T>.Clear";
    const eng_request r = {.verb = WIRE_WATCH, .want = want, .patterns = &pattern, .pattern_count = 1, .most = 10};
    eng_result result = {.total = 0};
    err_t e = {0};
    eng_client *c = eng_client_new(rt.g, &who);
    assert_non_null(c);
    if (!eng_instrument(rt.g, c, &r, &result, &e)) fail_msg("%s", e.text);
    assert_int_equal(result.probes.n, 1);
    assert_int_equal(result.refusals.n, 0);
    eng_result_free(&result);
    fake_call_all(&rt);
    return c;
}

static void come_and_go(uint32_t want, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        eng_client_end(rt.g, come(want));
}

static void let_time_pass(void)
{
    entry()->parked_ns -= 120000000000u;
    rt.g->chores_ns = 0;
    eng_tick(rt.g);
}

static void the_last_version_stays_and_is_used_again(void **state)
{
    (void)state;
    come_and_go(WIRE_WANT_THIS, OFTEN);
    const unsigned requests = of_runtime()->requests, reverts = of_runtime()->reverts;
    assert_int_equal(requests, 8);
    assert_true(of_runtime()->rejitted && eng_is_parked(entry()));
    const probe *p = entry()->closed.v[0].probe;
    assert_int_equal(p->gate, 0);
    eng_client *c = come(WIRE_WANT_THIS);
    assert_int_equal(of_runtime()->requests, requests);
    assert_int_equal(of_runtime()->reverts, reverts);
    assert_ptr_equal(entry()->layers.v[0].probe, p);
    assert_ptr_equal(p->sink, eng_client_sink(c));
    assert_int_equal(p->gate, 0);
    eng_gate(rt.g, c, true);
    assert_int_equal(p->gate, 1);
    eng_client_end(rt.g, c);
    assert_int_equal(p->gate, 0);
}

static void each_shape_gets_a_version_once(void **state)
{
    (void)state;
    come_and_go(WIRE_WANT_THIS, OFTEN);
    come_and_go(0, 1);
    const unsigned requests = of_runtime()->requests;
    for (unsigned i = 0; i < 10; i++) {
        come_and_go(WIRE_WANT_THIS, 1);
        come_and_go(0, 1);
    }
    assert_int_equal(of_runtime()->requests, requests);
    assert_int_equal(entry()->closed.n, 2);
    eng_client *a = come(WIRE_WANT_THIS), *b = come(0);
    assert_int_equal(of_runtime()->requests, requests);
    assert_int_equal(entry()->layers.n, 2);
    eng_client_end(rt.g, a);
    assert_int_equal(entry()->layers.n, 1);
    eng_client *third = come(WIRE_WANT_THIS), *fourth = come(WIRE_WANT_THIS); /* two of a shape need one more */
    assert_int_equal(of_runtime()->requests, requests + 1);
    assert_int_equal(entry()->layers.n, 3);
    eng_client_end(rt.g, b);
    eng_client_end(rt.g, third);
    eng_client_end(rt.g, fourth);
    assert_true(eng_is_parked(entry()));
}

static void what_is_left_alone_goes_back(void **state)
{
    (void)state;
    come_and_go(WIRE_WANT_THIS, OFTEN);
    assert_true(eng_has_chores(rt.g));
    let_time_pass();
    assert_false(of_runtime()->rejitted || of_runtime()->pending);
    assert_int_equal(fake_changed(&rt), 0);
    assert_int_equal(entry()->closed.n, 0);
    assert_false(eng_has_chores(rt.g));
    eng_client *c = come(WIRE_WANT_THIS);
    let_time_pass(); /* somebody has it */
    assert_true(of_runtime()->rejitted);
    eng_client_end(rt.g, c);
}

static void who_reverts_gets_the_original(void **state)
{
    (void)state;
    uint32_t reverted;
    err_t e = {0};
    come_and_go(WIRE_WANT_THIS, OFTEN);
    assert_true(of_runtime()->rejitted);
    assert_true(eng_revert(rt.g, NULL, 0, &who, true, &reverted, &e));
    assert_int_equal(fake_changed(&rt), 0);
    eng_client *c = come(WIRE_WANT_THIS);
    assert_true(eng_revert(rt.g, NULL, 0, &who, true, &reverted, &e));
    assert_int_equal(reverted, 1);
    assert_int_equal(fake_changed(&rt), 0);
    eng_client_end(rt.g, c);
    assert_int_equal(fake_changed(&rt), 0);
}

/* What a parked method was inlined into calls it, since somebody may want it again at any time. */
static void its_inliners_stay_as_long(void **state)
{
    (void)state;
    uint32_t caller = fake_token(&rt.modules[COLLECTIONS], "System.Collections.Generic.LinkedList<T>.get_Count()");
    fake_of(&rt.modules[COLLECTIONS], caller)->inlined = token;
    come_and_go(WIRE_WANT_THIS, 1);
    entry()->inlinable = true;
    come_and_go(WIRE_WANT_THIS, OFTEN);
    assert_true(fake_of(&rt.modules[COLLECTIONS], caller)->rejitted);
    let_time_pass();
    assert_int_equal(fake_changed(&rt), 0);
}

/* Another method goes back meanwhile, which may have it inlined: it is not made to stay, but asked for again. */
static void asks_again_for(uint32_t want)
{
    const char *pattern = "LinkedList<T>.get_Count";
    const eng_request r = {.verb = WIRE_WATCH, .patterns = &pattern, .pattern_count = 1, .most = 10};
    uint32_t caller = fake_token(&rt.modules[COLLECTIONS], "System.Collections.Generic.LinkedList<T>.get_Count()");
    fake_method *x = fake_of(&rt.modules[COLLECTIONS], caller);
    eng_result result = {.total = 0};
    err_t e = {0};
    come_and_go(WIRE_WANT_THIS, 1);
    entry()->inlinable = true;
    come_and_go(WIRE_WANT_THIS, OFTEN);
    const unsigned requests = of_runtime()->requests;
    eng_client *other = eng_client_new(rt.g, &who);
    assert_true(eng_instrument(rt.g, other, &r, &result, &e));
    eng_result_free(&result);
    fake_call_all(&rt);
    eng_client_end(rt.g, other);
    assert_false(x->rejitted || x->pending);
    x->inlined = token;
    eng_client *c = come(want);
    assert_int_equal(of_runtime()->requests, requests + 1);
    assert_true(x->rejitted && x->as_inliner);
    eng_client_end(rt.g, c);
    come_and_go(want, 3);
    assert_int_equal(of_runtime()->requests, requests + 1);
}

static void what_has_gone_back_is_asked_for_again(void **state)
{
    (void)state;
    asks_again_for(WIRE_WANT_THIS);
}

static void also_where_a_new_body_is_needed(void **state)
{
    (void)state;
    asks_again_for(0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(the_last_version_stays_and_is_used_again),
        T(each_shape_gets_a_version_once),
        T(what_is_left_alone_goes_back),
        T(who_reverts_gets_the_original),
        T(its_inliners_stay_as_long),
        T(what_has_gone_back_is_asked_for_again),
        T(also_where_a_new_body_is_needed),
    };
    if (argc != 3) return 2;
    paths[0] = argv[1];
    paths[1] = argv[2];
    return cmocka_run_group_tests_name("engine_park", tests, NULL, NULL);
}
