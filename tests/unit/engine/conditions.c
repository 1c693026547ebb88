/* Conditions: checked against each method; what the woven code asks for of them, and what is left to the probe. */
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CORE, LINQ };
static const char *paths[2];
static fake_runtime rt;
static eng_client *client;
static eng_result result;
static err_t error;

static int start(void **state)
{
    (void)state;
    fake_start(&rt, paths, RJ_COUNT(paths), RJ_COUNT(paths));
    client = eng_client_new(rt.g, &(eng_identity){.name = "test", .user = "user"});
    return client ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    eng_client_end(rt.g, client);
    assert_int_equal(fake_changed(&rt), 0);
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    fake_end(&rt);
    return 0;
}

/* What came out lies in `result` and `error` until the next one. */
static bool watch_if(const char *condition, const char *pattern)
{
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    error = (err_t){.code = ERR_NONE};
    const eng_request r = {
        .verb = WIRE_WATCH, .patterns = &pattern, .pattern_count = 1, .most = 1000, .condition = condition};
    return eng_instrument(rt.g, client, &r, &result, &error);
}

#define RANGE "Enumerable.Range(int,int)"

static const eng_layer *last_layer(void)
{
    const uint32_t token = fake_token(&rt.modules[LINQ], "System.Linq.Enumerable.Range(int,int)");
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&rt.g->methods, &at, &key, &value);) {
        const eng_method *m = value;
        if (strstr(m->name, "Enumerable.Range(") && m->token == token && m->layers.n)
            return &m->layers.v[m->layers.n - 1];
    }
    fail_msg("Range is not in the ledger");
    return NULL;
}

static void they_are_checked_against_each_method(void **state)
{
    (void)state;
    assert_false(watch_if("count >", RANGE));
    assert_int_equal(error.code, ERR_USAGE);
    assert_non_null(strstr(error.text, "condition 'count >'"));
    assert_false(watch_if("count == 'x'", RANGE));
    assert_int_equal(error.code, ERR_USAGE);
    assert_false(watch_if("nobody > 1", RANGE));
    assert_int_equal(error.code, ERR_USAGE);
    assert_non_null(strstr(error.text, "start")); /* names what is there */
    assert_int_equal(rt.rejit_calls, 0);
    assert_int_equal(rt.g->wishes, 0);
    assert_true(watch_if("count > 3", "Enumerable.Range*")); /* fits some of them */
    assert_true(result.probes.n >= 1);
}

static void what_the_woven_code_asks_for(void **state)
{
    (void)state;
    assert_true(watch_if("count > 3 && start != 0", RANGE));
    assert_int_equal(result.probes.n, 1);
    const eng_layer *l = last_layer();
    assert_int_equal(l->test_count, 3); /* all of it, and nothing is captured */
    assert_int_equal(l->tests[0].kind, WEAVE_TEST_GT);
    assert_int_equal(l->tests[0].index, 1);
    assert_int_equal(l->tests[0].i, 3);
    assert_int_equal(l->tests[1].kind, WEAVE_TEST_NE);
    assert_int_equal(l->tests[2].kind, WEAVE_TEST_AND);
    assert_int_equal(l->probe->op_count, 0);
    assert_int_equal(result.probes.v[0].value_count, 0);
}

/* What must hold in any case is asked for by both. */
static void what_is_left_to_the_probe(void **state)
{
    (void)state;
    assert_true(watch_if("(count > 3 || thread == 1) && !(start < 5)", RANGE));
    const eng_layer *l = last_layer();
    assert_int_equal(l->test_count, 2);
    assert_int_equal(l->tests[0].kind, WEAVE_TEST_LT);
    assert_int_equal(l->tests[1].kind, WEAVE_TEST_NOT);
    const probe *p = l->probe;
    assert_int_equal(p->op_count, 6);
    assert_int_equal(p->ops[0].i, 3);
    assert_int_equal(p->ops[5].kind, PROBE_OP_AND);
    assert_int_equal(result.probes.v[0].value_count, 2);
    assert_true(result.probes.v[0].values[0].hidden); /* read for the condition, not shown */
    assert_true(watch_if("count > 1.5", RANGE));
    l = last_layer();
    assert_int_equal(l->test_count, 0); /* as what it is compared: a float */
    assert_int_equal(l->probe->op_count, 1);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_checked_against_each_method, start, end),
        cmocka_unit_test_setup_teardown(what_the_woven_code_asks_for, start, end),
        cmocka_unit_test_setup_teardown(what_is_left_to_the_probe, start, end),
    };
    if (argc != 3) return 2;
    paths[CORE] = argv[1];
    paths[LINQ] = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
