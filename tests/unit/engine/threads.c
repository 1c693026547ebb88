/* Clients come and go while the runtime calls back and modules load and unload, each on threads of its own. */
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS, LINQ };
static const char *paths[3];
static fake_runtime rt;
static _Atomic bool stop;
static _Atomic uint64_t bodies, callbacks;

static clr_hresult take_body(clr_function_control *c, uint32_t size, const uint8_t *body)
{
    (void)c;
    uint8_t last = body[size - 1]; /* the whole of it is there */
    atomic_fetch_add(&bodies, 1u + (last & 0u));
    return CLR_OK;
}

static clr_hresult take_map(clr_function_control *c, uint32_t n, clr_il_map *map)
{
    (void)c;
    assert_true(map[n - 1].to >= map[0].to);
    return CLR_OK;
}

static const struct clr_function_control_slots slots = {.SetILFunctionBody = take_body,
                                                        .SetILInstrumentedCodeMap = take_map};

/* What the runtime says while it compiles, of any method. */
static void *call_back(void *owner)
{
    clr_function_control control = {&slots};
    uint64_t random = (uint64_t)(uintptr_t)owner * 0x9E3779B97F4A7C15u | 1;
    while (!atomic_load(&stop)) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        fake_module *m = &rt.modules[COLLECTIONS];
        uint32_t token = CIL_TOKEN(CIL_METHOD_DEF, 1 + (random >> 8) % m->image.rows[CIL_METHOD_DEF]);
        clr_function_id f = (clr_function_id)(COLLECTIONS + 1) << 32 | token;
        eng_rejit_parameters(rt.g, (clr_module_id)m, token, &control);
        eng_rejit_started(rt.g, f, 1);
        if (random % 1000 == 0)
            eng_rejit_error(rt.g, (clr_module_id)m, token, (clr_hresult)0x80131351);
        else
            eng_rejit_finished(rt.g, f, 1, CLR_OK);
        atomic_fetch_add(&callbacks, 1);
    }
    return NULL;
}

static void *load_and_unload(void *owner)
{
    (void)owner;
    while (!atomic_load(&stop)) {
        eng_module_unloading(rt.g, (clr_module_id)&rt.modules[LINQ]);
        eng_module_loaded(rt.g, (clr_module_id)&rt.modules[LINQ]);
        atomic_fetch_add(&callbacks, 1);
    }
    return NULL;
}

static eng_client *client(unsigned n)
{
    const eng_identity who = {"test", "user", n, n % 2};
    eng_client *c = eng_client_new(rt.g, &who);
    assert_non_null(c);
    return c;
}

static void instrument(eng_client *c, const char *pattern, const char *condition)
{
    const char *patterns[] = {pattern};
    eng_request r = {.verb = WIRE_WATCH,
                     .patterns = patterns,
                     .pattern_count = 1,
                     .most = 2000,
                     .want = WIRE_WANT_ARGS,
                     .condition = condition};
    eng_result out = {.total = 0};
    err_t e = {0};
    if (!eng_instrument(rt.g, c, &r, &out, &e)) fail_msg("%s: %s", pattern, e.text);
    eng_result_free(&out);
}

static void take_news(eng_client *c)
{
    for (eng_news *n; (n = eng_client_news(rt.g, c));)
        eng_news_free(n);
}

/* What the agent's thread does for two clients. */
static void round_of(unsigned i)
{
    err_t e = {0};
    uint32_t reverted;
    buf_t reply = {0};
    eng_client *a = client(i), *b = client(i + 1);
    instrument(a, "LinkedList<T>.*", NULL);
    instrument(a, "Enumerable.R*", NULL);
    instrument(b, "LinkedList<T>.*", NULL);
    instrument(b, "Enumerable.Range(int,int)", "count > 3");
    eng_gate(rt.g, a, true);
    eng_gate(rt.g, b, true);
    eng_tick(rt.g);
    take_news(a);
    eng_describe_ledger(rt.g, &reply);
    buf_free(&reply);
    const char *pattern = "LinkedList<T>.Clear";
    const eng_identity who = {"test", "user", 1, 0};
    assert_true(eng_revert(rt.g, &pattern, i % 3 != 0, &who, i % 5 == 0, &reverted, &e));
    if (i % 2) assert_true(eng_uninstrument(rt.g, a, &e));
    eng_client_end(rt.g, a);
    take_news(b);
    eng_client_end(rt.g, b);
}

static void everything_at_once_leaves_nothing_behind(void **state)
{
    (void)state;
    pthread_t threads[4];
    fake_start(&rt, paths, 3, 3);
    for (uintptr_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_back, (void *)(i + 1)), 0);
    assert_int_equal(pthread_create(&threads[3], NULL, load_and_unload, NULL), 0);
    for (unsigned i = 0; i < 60; i++)
        round_of(i);
    atomic_store(&stop, true);
    for (size_t i = 0; i < RJ_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&bodies) > 0 && atomic_load(&callbacks) > 1000);
    eng_tick(rt.g);
    /* what is parked goes back when somebody says so */
    uint32_t reverted;
    err_t e = {0};
    assert_true(eng_revert(rt.g, NULL, 0, &(eng_identity){"test", "user", 1, 0}, true, &reverted, &e));
    assert_null(rt.g->clients);
    assert_int_equal(rt.g->wishes, 0);
    assert_int_equal(rt.g->unsettled, 0);
    for (size_t k = CORE; k <= COLLECTIONS; k++)
        for (uint32_t rid = 1; rid <= rt.modules[k].image.rows[CIL_METHOD_DEF]; rid++)
            assert_false(rt.modules[k].methods[rid].pending || rt.modules[k].methods[rid].rejitted);
    fake_end(&rt);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_at_once_leaves_nothing_behind)};
    if (argc != 4) return 2;
    for (int i = 0; i < 3; i++)
        paths[i] = argv[i + 1];
    log_to(2, LOG_ERROR); /* the reports of errors are wanted here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
