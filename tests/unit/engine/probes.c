/* Some of a client's probes: switched off and on, and taken out, while the others stay. */
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS };
#define ADD_FIRST   "System.Collections.Generic.LinkedList<T>.AddFirst(T)"
#define REMOVE_LAST "System.Collections.Generic.LinkedList<T>.RemoveLast()"
#define CLEAR       "System.Collections.Generic.LinkedList<T>.Clear()"

static const char *paths[2];
static eng *engines[4]; /* they live as long as the process */
static size_t engine_count;
static fake_runtime rt;
static eng *g;

static int start(void **state)
{
    (void)state;
    fake_start(&rt, paths, RJ_COUNT(paths), RJ_COUNT(paths));
    g = engines[engine_count++] = rt.g;
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_end(&rt);
    return 0;
}

static eng_client *watch(uint32_t uid, const char *pattern)
{
    err_t e = {0};
    eng_result result = {.total = 0};
    eng_client *c = eng_client_new(g, &(eng_identity){.name = "test", .user = "user", .pid = uid, .uid = uid});
    assert_non_null(c);
    eng_request r = {.verb = WIRE_WATCH, .patterns = &pattern, .pattern_count = 1, .most = 100};
    if (!eng_instrument(g, c, &r, &result, &e)) fail_msg("%s", e.text);
    eng_result_free(&result);
    return c;
}

static const eng_method *method(const char *name)
{
    const fake_module *in = &rt.modules[COLLECTIONS];
    const eng_module *module = map_get(&g->module_of, (uint64_t)(uintptr_t)in);
    const eng_method *m = module ? map_get(&g->methods, eng_key(module, fake_token(in, name))) : NULL;
    assert_non_null(m);
    return m;
}

/* The client's probe on a method. */
static const probe *probe_on(const char *name, const eng_client *c)
{
    const eng_method *m = method(name);
    for (size_t i = 0; i < m->layers.n; i++)
        if (m->layers.v[i].client == c) return m->layers.v[i].probe;
    return NULL;
}

static void a_probe_that_is_off_stays_off(void **state)
{
    (void)state;
    eng_client *c = watch(1, "LinkedList<T>.*");
    const probe *first = probe_on(ADD_FIRST, c), *second = probe_on(CLEAR, c);
    eng_gate_probes(g, c, &first->id, 1, false);
    eng_gate(g, c, true);
    assert_int_equal(first->gate, 0);
    assert_int_equal(second->gate, 1);
    eng_gate_probes(g, c, &first->id, 1, true);
    assert_int_equal(first->gate, 1);
    eng_gate(g, c, false);
    eng_gate_probes(g, c, &first->id, 1, true); /* none is open before the client's are */
    assert_int_equal(first->gate, 0);
    eng_gate(g, c, true);
    assert_int_equal(first->gate & second->gate, 1);
    eng_client_end(g, c);
}

static void others_probes_of_the_same_number_are_left_alone(void **state)
{
    (void)state;
    eng_client *c = watch(1, "LinkedList<T>.Clear"), *other = watch(2, "LinkedList<T>.Clear");
    const probe *mine = probe_on(CLEAR, c), *theirs = probe_on(CLEAR, other);
    err_t e = {0};
    assert_int_equal(mine->id, theirs->id);
    eng_gate(g, c, true);
    eng_gate(g, other, true);
    eng_gate_probes(g, c, &mine->id, 1, false);
    assert_int_equal(mine->gate, 0);
    assert_int_equal(theirs->gate, 1);
    assert_true(eng_remove_probes(g, c, &mine->id, 1, &e));
    assert_null(probe_on(CLEAR, c));
    assert_ptr_equal(probe_on(CLEAR, other), theirs);
    assert_int_equal(theirs->gate, 1);
    eng_client_end(g, c);
    eng_client_end(g, other);
}

static void what_is_removed_goes_alone(void **state)
{
    (void)state;
    eng_client *c = watch(1, "LinkedList<T>.*");
    err_t e = {0};
    fake_call_all(&rt);
    assert_true(fake_changed(&rt) > 2);
    const uint32_t ids[] = {probe_on(ADD_FIRST, c)->id, probe_on(CLEAR, c)->id, 100000};
    assert_true(eng_remove_probes(g, c, ids, 3, &e));
    assert_int_equal(method(ADD_FIRST)->layers.n + method(CLEAR)->layers.n, 0);
    assert_non_null(probe_on(REMOVE_LAST, c));
    assert_true(eng_uninstrument(g, c, &e));
    assert_int_equal(fake_changed(&rt), 0);
    eng_client_end(g, c);
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    paths[CORE] = argv[1];
    paths[COLLECTIONS] = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_probe_that_is_off_stays_off, start, end),
        cmocka_unit_test_setup_teardown(others_probes_of_the_same_number_are_left_alone, start, end),
        cmocka_unit_test_setup_teardown(what_is_removed_goes_alone, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
