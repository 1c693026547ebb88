/* Debug builds, Hot Reload, and debuggers in a process whose JIT is not known. */
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CORE, SOURCE }; /* CoreLib is a Release build; source.dll, which the tests of pdb read, a Debug build */
static const char *paths[2] = {NULL, REJIT_SOURCE_DIR "/tests/unit/pdb/source.dll"};
static eng *engines[16]; /* they live as long as the process */
static size_t engine_count;
static fake_runtime rt;
static eng *g;
static eng_client *c;
static eng_result result;

static int start_with(const char *modifiable)
{
    if (modifiable)
        setenv("DOTNET_MODIFIABLE_ASSEMBLIES", modifiable, 1);
    else
        unsetenv("DOTNET_MODIFIABLE_ASSEMBLIES");
    fake_start(&rt, paths, RJ_COUNT(paths), RJ_COUNT(paths));
    g = engines[engine_count++] = rt.g;
    c = eng_client_new(g, &(eng_identity){.name = "test", .user = "user", .pid = 1, .uid = 1});
    assert_non_null(c);
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_with(NULL);
}

static int start_hot_reload(void **state)
{
    (void)state;
    return start_with("Debug"); /* the runtime does not look at the case either */
}

static int end(void **state)
{
    (void)state;
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    fake_end(&rt);
    return 0;
}

static void watch(const char *pattern)
{
    err_t e = {0};
    eng_request r = {.verb = WIRE_WATCH, .patterns = &pattern, .pattern_count = 1, .most = 100};
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    if (!eng_instrument(g, c, &r, &result, &e)) fail_msg("%s", e.text);
}

static void expect_refused(const char *word)
{
    assert_int_equal(result.probes.n, 0);
    assert_true(result.refusals.n > 0);
    for (size_t i = 0; i < result.refusals.n; i++)
        if (!strstr(result.refusals.v[i].reason, word)) fail_msg("%s", result.refusals.v[i].reason);
}

static void what_a_build_is_stands_in_its_attribute(void **state)
{
    (void)state;
    assert_false(eng_is_debug_build(&rt.modules[CORE].image));
    assert_true(eng_is_debug_build(&rt.modules[SOURCE].image));
}

static void hot_reload_refuses_debug_builds_alone(void **state)
{
    (void)state;
    watch("Source.Sum");
    expect_refused("Hot Reload");
    assert_int_equal(rt.rejit_calls, 0);
    watch("System.String.Trim()");
    assert_int_equal(result.probes.n, 1);
    eng_find_result found = {0};
    err_t e = {0};
    assert_true(eng_find(g, (const char *const[]){"Source.Sum"}, 1, 10, &found, &e));
    assert_int_equal(found.methods.n, 1);
    assert_non_null(strstr(found.methods.v[0].reason, "Hot Reload"));
    eng_find_free(&found);
}

static void without_it_debug_builds_are_like_others(void **state)
{
    (void)state;
    watch("Source.Sum");
    assert_int_equal(result.probes.n, 1);
}

/* In this process there is no JIT that could be hooked. */
static void a_debugger_that_could_do_harm_takes_probes_away(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[SOURCE];
    uint32_t token = fake_token(m, "Source.Sum(int[])");
    watch("Source.Sum");
    fake_call(&rt, m, token);
    assert_true(fake_of(m, token)->rejitted);
    eng_debugger(g, true);
    assert_false(fake_of(m, token)->rejitted);
    assert_true(rt.woken > 0);
    bool told = false;
    for (eng_news *n; (n = eng_client_news(g, c)); eng_news_free(n))
        told |= n->kind == ENG_NEWS_REVERTED && strstr(n->text, "debugger");
    assert_true(told);
    watch("Source.Sum");
    expect_refused("debugger");
    eng_debugger(g, true); /* the same one */
    eng_debugger(g, false);
    watch("Source.Sum");
    assert_int_equal(result.probes.n, 1);
}

#define T(f)   cmocka_unit_test_setup_teardown(f, start, end)
#define HOT(f) cmocka_unit_test_setup_teardown(f, start_hot_reload, end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(what_a_build_is_stands_in_its_attribute),
        HOT(hot_reload_refuses_debug_builds_alone),
        T(without_it_debug_builds_are_like_others),
        T(a_debugger_that_could_do_harm_takes_probes_away),
    };
    if (argc != 2) return 2;
    paths[CORE] = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
