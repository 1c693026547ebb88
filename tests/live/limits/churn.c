/*
 * What ReJIT was made for: a process under load whose instrumentation is changed up and down all the time. What is
 * counted stays exact, and memory flat.
 */
#include "live.h"

#define SETS       8u
#define STEP_MS    250u
#define WARM       (20 * SETS) /* steps: a method that has been left eight times gets no new versions any more */
#define GROWTH_MAX (2u << 20)

/* From few methods to many, hot and cold, generic and throwing, of the framework too. */
static const char *const sets[SETS][4] = {
    {"Target.Work.Add", NULL},
    {"Target.Work.NeverInlined", "Target.Work.SpinNeverInlined", NULL},
    {"Target.Generics.*", NULL},
    {"Target.Flow.*", NULL},
    {"Target.Work.*", NULL},
    {"System.Collections.Generic.List<T>.*", NULL},
    {"Target.Flow.Catch", "Target.Work.Add", NULL},
    {"System.String.Concat", NULL},
};

static void up(look *l, const app *a, unsigned set, unsigned step)
{
    const rj_verb verb = (set + step) % 2 ? RJ_STAT : RJ_WATCH;
    look_in(l, a,
            (rj_request){.verb = verb, .want = verb == RJ_WATCH ? LOOK_EVERYTHING : 0, .most = 4096, .later = true},
            sets[set]);
    look_open(l);
}

/* Clients come until `level` of them are there, or go. */
static void change(look *clients, const app *a, unsigned level, unsigned step)
{
    for (unsigned i = 0; i < SETS; i++) {
        bool there = clients[i].s != NULL;
        if (i < level && !there) up(&clients[i], a, i, step);
        if (i >= level && there) look_close(&clients[i]);
    }
}

static unsigned level_of(unsigned step)
{
    unsigned at = step % (2 * SETS);
    return at < SETS ? at + 1 : 2 * SETS - at - 1;
}

static void read_for(look *clients, uint64_t until)
{
    do {
        for (unsigned i = 0; i < SETS; i++)
            if (clients[i].s) look_take(&clients[i], 1);
    } while (live_now_ms() < until);
}

static void test_up_and_down(void **state)
{
    (void)state;
    static look stays, clients[SETS];
    const uint64_t ms = live_seconds("REJIT_CHURN_SECONDS", 60) * 1000ull;
    app a;
    app_target(&a);
    look_at(&stays, &a, RJ_STAT, 0, 0, "Target.Work.NeverInlined");
    app_ok(&a, "loop Work.SpinNeverInlined 1");
    app_ok(&a, "loop Generics.Functions.Identity 1 string");
    app_ok(&a, "loop Flow.Catch 1");
    const uint64_t began = live_now_ms();
    uint64_t memory = 0;
    unsigned step = 0;
    for (; live_now_ms() - began < ms; step++) {
        /* once everything has been up ten times, what comes is only more of the same */
        if (step == WARM) memory = app_memory(&a);
        change(clients, &a, level_of(step), step);
        read_for(clients, began + (step + 1ull) * STEP_MS);
        look_take(&stays, 0);
    }
    change(clients, &a, 0, step);
    const uint64_t after = app_memory(&a);
    const char *line = app_ok(&a, "stop");
    print_message("%u changes, %s, %llu KB -> %llu KB\n", step, line, (unsigned long long)memory >> 10,
                  (unsigned long long)after >> 10);
    uint64_t made = app_counted(&a, "Target.Work.NeverInlined");
    assert_true(made > 0);
    assert_int_equal(look_stat(&stays, "Target.Work.NeverInlined"), made);
    assert_int_equal(rj_session_totals(stays.s).dropped, 0);
    assert_true(step > WARM && after < memory + GROWTH_MAX);
    look_close(&stays);
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_up_and_down),
};
LIVE_MAIN("limits_churn", tests)
