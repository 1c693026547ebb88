/*
 * New metadata at any time, in a program's own modules and in the framework's: what an edit needs is made, and an edit
 * that is made again adds nothing.
 */
#include "live.h"

static uint64_t metadata_of(rj_session *s)
{
    rj_ledger l;
    rj_error e = {0};
    if (!rj_list(s, &l, &e)) fail_msg("list: %s", e.text);
    rj_free(l.memory);
    return l.metadata;
}

/* Watches, calls, leaves; what the runtime holds for new metadata while it is watched. */
static uint64_t visit(app *a, const char *pattern, const char *call)
{
    static look l;
    look_at(&l, a, RJ_WATCH, LOOK_EVERYTHING, 1, pattern);
    uint64_t bytes = metadata_of(l.s);
    look_while(&l, a, "call %s", call);
    look_drain(&l);
    assert_true(l.calls > 0);
    look_close(&l);
    return bytes;
}

static void test_made_once(const char *pattern, const char *call)
{
    app a;
    app_target(&a);
    app_ask(&a, "call %s x3", call); /* the program has run for a while */
    uint64_t first = visit(&a, pattern, call);
    print_message("%s: %llu bytes\n", pattern, (unsigned long long)first);
    assert_true(first > 0);
    for (unsigned turn = 0; turn < 10; turn++)
        assert_int_equal(visit(&a, pattern, call), first);
    assert_int_equal(app_end(&a), 0);
}

static void test_own_module(void **state)
{
    (void)state;
    test_made_once("Target.Values.Mixed", "Values.Mixed");
}

static void test_corelib(void **state)
{
    (void)state;
    test_made_once("System.Text.StringBuilder.Append(char)", "Values.String \"in quotes\"");
}

/* A type with methods that have bodies, attributes, strings, references to members: the managed helpers of takeover. */
static void test_types_and_methods(void **state)
{
    (void)state;
    app a;
    app_start(&a, &(app_options){.program = "Target", .variables = (const char *[]){"REJIT_TAKEOVER=1", NULL}});
    uint64_t first = visit(&a, "Target.Work.Add", "Work.Add"), second = visit(&a, "Target.Work.Add", "Work.Add");
    print_message("%llu bytes, with helpers %llu\n", (unsigned long long)first, (unsigned long long)second);
    assert_true(second > first);
    for (unsigned turn = 0; turn < 10; turn++)
        assert_int_equal(visit(&a, "Target.Work.Add", "Work.Add"), second);
    assert_int_equal(app_end(&a), 0);
}

/* The runtime makes a copy that can be written to when first asked, and what reads takes no lock. */
static void test_opened_while_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        static look l;
        app a;
        app_target(&a);
        app_ok(&a, "loop Dynamic.Attributes 2 50");
        app_ok(&a, "loop Dynamic.Named 2 50");
        look_in(&l, &a, (rj_request){.want = LOOK_EVERYTHING, .depth = 1},
                (const char *[]){"Target.Work.Add", "System.Collections.Generic.List<T>.AddWithResize", NULL});
        look_open(&l);
        for (uint64_t until = live_now_ms() + 100; live_now_ms() < until;)
            look_take(&l, 10);
        assert_false(l.gone);
        look_close(&l);
        assert_true(app_number(app_ok(&a, "stop"), "stop") > 0);
        assert_int_equal(app_end(&a), 0);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_own_module),
    cmocka_unit_test(test_corelib),
    cmocka_unit_test(test_types_and_methods),
    cmocka_unit_test(test_opened_while_read),
};
LIVE_MAIN("limits_metadata", tests)
