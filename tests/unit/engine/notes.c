/* What is told of calls that cannot be seen: those that are running, those inlined in what is running, copies that the
 * runtime does not know. */
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS, LINQ };
static const char *paths[3];
static fake_runtime rt;
static eng_client *client;
static eng_result result;

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
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    fake_end(&rt);
    return 0;
}

static clr_function_id function(unsigned module, const char *name)
{
    fake_module *m = &rt.modules[module];
    return fake_function(&rt, m, fake_token(m, name));
}

/* The note of the only method that the pattern matches; "" where it has none. */
static const char *note_of(const char *pattern)
{
    err_t e = {0};
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    const eng_request r = {.verb = WIRE_STAT, .patterns = &pattern, .pattern_count = 1, .most = 1000};
    if (!eng_instrument(rt.g, client, &r, &result, &e)) fail_msg("%s: %s", pattern, e.text);
    assert_int_equal(result.probes.n, 1);
    assert_int_equal(rt.suspended, 0);
    return result.probes.v[0].note ? result.probes.v[0].note : "";
}

#define PUSH "System.Collections.Generic.Stack<T>.Push(T)"

static void test_nothing_runs(void **state)
{
    (void)state;
    assert_string_equal(note_of(PUSH), "");
    assert_int_equal(rt.suspensions, 1);
}

static void test_calls_are_counted_over_threads(void **state)
{
    (void)state;
    rt.threads = 3;
    rt.stacks[0][0] = rt.stacks[0][1] = rt.stacks[2][0] = function(COLLECTIONS, PUSH);
    rt.stacks[1][0] = function(COLLECTIONS, "System.Collections.Generic.Stack<T>.Peek()");
    assert_string_equal(note_of(PUSH),
                        "3 calls of it are running now and are not seen; calls that begin from now on are");
}

static void test_one_call(void **state)
{
    (void)state;
    rt.threads = 1;
    rt.stacks[0][0] = function(COLLECTIONS, PUSH);
    assert_string_equal(note_of(PUSH), "1 call of it is running now and is not seen; calls that begin from now on are");
}

/* Push calls PushWithResize, of its own type; what a generic type calls of itself is a MemberRef. */
static void test_a_running_caller(void **state)
{
    (void)state;
    rt.threads = 1;
    rt.stacks[0][0] = function(COLLECTIONS, "System.Collections.Generic.Stack<T>.Push(T)");
    const char *note = note_of("System.Collections.Generic.Stack<T>.Grow");
    assert_string_equal(note, ""); /* two calls away, over a method that must not be inlined */
    rt.stacks[0][0] = function(COLLECTIONS, "System.Collections.Generic.Stack<T>.EnsureCapacity(int)");
    note = note_of("System.Collections.Generic.Stack<T>.Grow");
    assert_string_equal(
        note, "it may be inlined in System.Collections.Generic.Stack<T>.EnsureCapacity(int), which is running "
              "now: its calls from there are not seen until that is called again");
}

static void test_a_caller_in_another_assembly(void **state)
{
    (void)state;
    rt.threads = 2;
    rt.stacks[0][0] = function(COLLECTIONS, "System.Collections.Generic.Stack<T>.Push(T)");
    rt.stacks[1][0] = function(COLLECTIONS, "System.Collections.Generic.Stack<T>.EnsureCapacity(int)");
    const char *note = note_of("System.ArgumentOutOfRangeException.ThrowIfNegative<T>");
    assert_string_equal(
        note, "it may be inlined in System.Collections.Generic.Stack<T>.EnsureCapacity(int), which is running "
              "now: its calls from there are not seen until that is called again");
}

static void test_threads_that_cannot_be_looked_at(void **state)
{
    (void)state;
    rt.threads = 2;
    rt.walk_answer = (clr_hresult)0x80131374;
    assert_string_equal(note_of(PUSH),
                        "2 of 2 threads were not looked at, to spare the process: what runs there now is not known");
}

static void three_threads_in_push(void)
{
    rt.threads = 3;
    for (size_t i = 0; i < 3; i++)
        rt.stacks[i][0] = rt.stacks[i][1] = function(COLLECTIONS, PUSH);
}

/* A pause that took too long: the thread that was being walked is not counted twice, and the rest has another pause. */
static void test_threads_have_another_pause(void **state)
{
    (void)state;
    three_threads_in_push();
    rt.walk_naps = 2;
    assert_string_equal(note_of(PUSH),
                        "6 calls of it are running now and are not seen; calls that begin from now on are");
    assert_int_equal(rt.suspensions, 3);
}

static void test_pauses_have_an_end(void **state)
{
    (void)state;
    three_threads_in_push();
    rt.walk_naps = 100;
    assert_string_equal(note_of(PUSH),
                        "3 of 3 threads were not looked at, to spare the process: what runs there now is not known");
    assert_int_equal(rt.suspensions, 4);
}

/* E_FAIL: a thread without managed frames, of which there is nothing to tell. */
static void test_native_threads(void **state)
{
    (void)state;
    rt.threads = 2;
    rt.walk_answer = CLR_FAIL;
    assert_string_equal(note_of(PUSH), "");
}

static void test_copies_in_precompiled_code(void **state)
{
    (void)state;
    const char *note = note_of("System.Nullable<T>.get_HasValue");
    assert_non_null(strstr(note, "(NonVersionable): calls from such code are not seen"));
}

/* At most so much is told of one method that it can be read. */
static void test_several_notes_are_joined(void **state)
{
    (void)state;
    rt.threads = 1;
    rt.stacks[0][0] = function(CORE, "System.Nullable<T>.get_HasValue()");
    const char *note = note_of("System.Nullable<T>.get_HasValue");
    assert_non_null(strstr(note, "are not seen; 1 call of it is running now"));
}

static void test_what_may_be_inlined(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        bool may;
    } methods[] = {
        {"System.Collections.Generic.Stack<T>.Push(T)", true},
        {"System.Collections.Generic.Stack<T>.PushWithResize(T)", false}, /* NoInlining */
    };
    for (size_t i = 0; i < RJ_COUNT(methods); i++) {
        const fake_module *m = &rt.modules[COLLECTIONS];
        eng_module *known = eng_module_find(rt.g, (clr_module_id)m);
        assert_true(eng_module_open(rt.g, known));
        assert_int_equal(eng_may_be_inlined(known, CIL_RID(fake_token(m, methods[i].method))), methods[i].may);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_runs, start, end),
        cmocka_unit_test_setup_teardown(test_calls_are_counted_over_threads, start, end),
        cmocka_unit_test_setup_teardown(test_one_call, start, end),
        cmocka_unit_test_setup_teardown(test_a_running_caller, start, end),
        cmocka_unit_test_setup_teardown(test_a_caller_in_another_assembly, start, end),
        cmocka_unit_test_setup_teardown(test_threads_that_cannot_be_looked_at, start, end),
        cmocka_unit_test_setup_teardown(test_threads_have_another_pause, start, end),
        cmocka_unit_test_setup_teardown(test_pauses_have_an_end, start, end),
        cmocka_unit_test_setup_teardown(test_native_threads, start, end),
        cmocka_unit_test_setup_teardown(test_copies_in_precompiled_code, start, end),
        cmocka_unit_test_setup_teardown(test_several_notes_are_joined, start, end),
        cmocka_unit_test_setup_teardown(test_what_may_be_inlined, start, end),
    };
    for (int i = 1; i < argc && i <= 3; i++)
        paths[i - 1] = argv[i];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
