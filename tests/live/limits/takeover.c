/*
 * Methods in hosts of their own: whatever their shape, results and exceptions are those of the original, and every call
 * is counted, while bodies are replaced under load. REJIT_TAKEOVER=1 has each method taken over at its second version.
 */
#include "live.h"

#include <stdlib.h>

static void start(app *a)
{
    app_start(a, &(app_options){.program = "Target", .variables = (const char *[]){"REJIT_TAKEOVER=1", NULL}});
}

/* How many methods of the ledger are taken over, and how many are there. */
static unsigned taken_over(rj_session *s, unsigned *all)
{
    rj_ledger l;
    rj_error e = {0};
    unsigned n = 0;
    if (!rj_list(s, &l, &e)) fail_msg("list: %s", e.text);
    for (size_t i = 0; i < l.entry_count; i++)
        n += strcmp(l.entries[i].code_kind, "takeover") == 0;
    *all = (unsigned)l.entry_count;
    rj_free(l.memory);
    return n;
}

/* ---- every shape of method ---- */

static const char *const classes[] = {"Target.Values", "Target.Collections", "Target.Objects", "Target.References",
                                      "Target.Flow",   "Target.Work",        "Target.Customer"};

/* Scenarios whose answers depend on how often they have run, or that wait for others. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"Block", "Allocate", "Finallys", "Visit"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(name, names[i])) return true;
    return false;
}

/* Runs every scenario of the class; the answers, one a line. */
static char *answers(app *a, const char *names, const char *class)
{
    size_t room = 1 << 20, n = 0;
    char *out = calloc(1, room), *list = strdup(names), *rest = NULL;
    const char *prefix = class + strlen("Target.");
    for (char *name = strtok_r(list + 3, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        if (strncmp(name, prefix, strlen(prefix)) != 0 || is_left_out(name)) continue;
        const char *line = app_ask(a, "call %s x3", name);
        n += (size_t)snprintf(out + n, room - n, "%s\n", line ? line : "(gone)");
    }
    free(list);
    return out;
}

static void compare(const char *class, char *before, char *after)
{
    char *rest_of_before = NULL, *rest_of_after = NULL;
    const char *x = strtok_r(before, "\n", &rest_of_before), *y = strtok_r(after, "\n", &rest_of_after);
    for (; x && y && strcmp(x, y) == 0; y = strtok_r(NULL, "\n", &rest_of_after))
        x = strtok_r(NULL, "\n", &rest_of_before);
    if (x || y) fail_msg("%s: '%s' was '%s'", class, y ? y : "(nothing)", x ? x : "(nothing)");
}

static void one_class(app *a, const char *names, const char *class)
{
    static look first, second;
    char pattern[64];
    unsigned all = 0, hosted;
    snprintf(pattern, sizeof pattern, "%s.*", class);
    char *before = answers(a, names, class);
    look_at(&first, a, RJ_WATCH, LOOK_EVERYTHING, 1, pattern);
    look_close(&first);
    look_at(&second, a, RJ_STAT, 0, 0, pattern);
    hosted = taken_over(second.s, &all);
    char *after = answers(a, names, class);
    print_message("%s: %u of %u methods in hosts\n", class, hosted, all);
    assert_true(hosted * 10 > all * 7); /* the others are generic, synchronized or async */
    compare(class, before, after);
    look_close(&second);
    free(before);
    free(after);
}

static void test_shapes(void **state)
{
    (void)state;
    app a;
    start(&a);
    char *names = strdup(app_ok(&a, "names"));
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        one_class(&a, names, classes[i]);
    free(names);
    assert_int_equal(app_end(&a), 0);
}

/* ---- inlined copies ---- */

static void test_callers_that_inline(void **state)
{
    (void)state;
    static look l;
    app a;
    unsigned all;
    start(&a);
    app_ok(&a, "call Work.SpinAdd x200");
    app_ok(&a, "settle");
    for (unsigned turn = 0; turn < 12; turn++) {
        look_at(&l, &a, RJ_STAT, 0, 0, "Target.Work.Add");
        uint64_t before = app_counted(&a, "Target.Work.Add");
        app_ok(&a, "call Work.SpinAdd x3");
        uint64_t made = app_counted(&a, "Target.Work.Add") - before;
        assert_int_equal(made, 30000);
        assert_int_equal(look_stat(&l, "Target.Work.Add"), made);
        assert_int_equal(taken_over(l.s, &all), turn > 0);
        look_close(&l);
        app_ok(&a, "call Work.SpinAdd x100"); /* between: nothing may be inlined that is counted later */
        if (turn % 4 == 3) app_ok(&a, "settle");
    }
    assert_int_equal(app_end(&a), 0);
}

/* ---- under load ---- */

static const char *const hot[] = {"Target.Work.NeverInlined", "Target.Work.Descend", "Target.Flow.ThroughFrames",
                                  "Target.Flow.Catch",        "Target.Values.Mixed", "Target.Work.Add"};
static const char *const loops[] = {"Work.SpinNeverInlined", "Work.Descend", "Flow.ThroughFrames", "Flow.Catch",
                                    "Values.Mixed",          "Work.SpinAdd"};
#define HOT (sizeof hot / sizeof hot[0])

/* The bodies of what runs are replaced all the time, for the sake of others; who stays sees every call. */
static void test_replaced_while_they_run(void **state)
{
    (void)state;
    static look stays, comes;
    const char *patterns[HOT + 1] = {NULL};
    uint64_t before[HOT];
    unsigned turns = 0, all = 0, hosted = 0;
    app a;
    start(&a);
    for (unsigned i = 0; i < HOT; i++) {
        patterns[i] = hot[i];
        app_ask(&a, "call %s x5", loops[i]);
    }
    look_in(&stays, &a, (rj_request){.verb = RJ_STAT, .most = 100}, patterns);
    look_open(&stays);
    for (unsigned i = 0; i < HOT; i++)
        before[i] = app_counted(&a, hot[i]);
    for (unsigned i = 0; i < HOT; i++)
        app_ok(&a, "loop %s 1", loops[i]);
    for (uint64_t until = live_now_ms() + live_seconds("REJIT_TAKEOVER_SECONDS", 12) * 1000; live_now_ms() < until;
         turns++) {
        look_in(&comes, &a, (rj_request){.verb = turns % 2 ? RJ_STAT : RJ_WATCH, .want = LOOK_EVERYTHING, .most = 100},
                turns % 3 ? (const char *[]){hot[turns % HOT], hot[(turns + 1) % HOT], NULL} : patterns);
        look_open(&comes);
        look_take(&comes, 5);
        hosted = taken_over(comes.s, &all);
        look_close(&comes);
        if (turns % 8 == 0) app_ok(&a, "gc 1");
    }
    app_ok(&a, "stop");
    print_message("%u turns, %u of %u methods in hosts at the end\n", turns, hosted, all);
    assert_true(hosted > 0 && turns > 20);
    for (unsigned i = 0; i < HOT; i++) {
        uint64_t made = app_counted(&a, hot[i]) - before[i], seen = look_stat(&stays, hot[i]);
        if (seen != made)
            fail_msg("%s was called %llu times, seen %llu", hot[i], (unsigned long long)made, (unsigned long long)seen);
    }
    look_close(&stays);
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shapes),
    cmocka_unit_test(test_callers_that_inline),
    cmocka_unit_test(test_replaced_while_they_run),
};
LIVE_MAIN("limits_takeover", tests)
