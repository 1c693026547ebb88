/* Instrumentation is a lease: what becomes of it when clients die, stop reading or leave, and when the program ends. */
#include "live.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A client in a process of its own, that can be killed: instruments, opens its gates, and reads until its end. */
static pid_t client_start(const app *a, rj_verb verb, const char *pattern)
{
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        rj_error e;
        rj_probes p;
        const rj_handlers nobody = {NULL, NULL, NULL};
        const rj_request r = {.verb = verb,
                              .patterns = &pattern,
                              .pattern_count = 1,
                              .want = verb == RJ_WATCH ? LOOK_EVERYTHING : 0,
                              .depth = 1};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        rj_session *s = rj_attach((int32_t)a->pid, &(rj_options){.name = "mortal"}, &e);
        if (!s || !rj_instrument(s, &r, &p, &e) || !rj_gate(s, true, &e)) _exit(1);
        if (write(told[1], "x", 1) != 1) _exit(1);
        while (rj_poll(s, 1000, &nobody, &e)) {
        }
        _exit(0);
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    return child;
}

static void kill_now(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Until nothing is instrumented and nobody connected, within a second. */
static void expect_nothing_within_a_second(const app *a)
{
    size_t entries = 0, clients = 0;
    uint64_t began = live_now_ms(), took;
    do {
        look_ledger(a, &entries, &clients);
        took = live_now_ms() - began;
    } while ((entries || clients) && took < 1000);
    if (entries || clients)
        fail_msg("after %llu ms: %zu methods instrumented, %zu clients", (unsigned long long)took, entries, clients);
}

static void test_a_killed_client_leaves_nothing(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    app_ok(&a, "loop Work.SpinAdd 2");
    for (int round = 0; round < 10; round++) {
        size_t entries, clients;
        pid_t child = client_start(&a, round % 2 ? RJ_STAT : RJ_WATCH, "Target.Work.*");
        look_ledger(&a, &entries, &clients);
        assert_true(entries > 10);
        assert_int_equal(clients, 1);
        kill_now(child);
        expect_nothing_within_a_second(&a);
    }
    app_ok(&a, "stop");
    assert_int_equal(app_end(&a), 0);
}

/* The time of so many runs, in ms of the clock; the best of some. */
static uint64_t time_of(app *a, const char *command)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        uint64_t began = live_now_ms();
        app_ok(a, "%s", command);
        uint64_t took = live_now_ms() - began;
        best = took < best ? took : best;
    }
    return best;
}

/* Work.Add is inlined in SpinAdd again, and the version that was asked for is the original one. */
static void test_the_program_is_as_fast_as_before(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    const char *run = "call Work.SpinAdd x2000";
    for (int i = 0; i < 3; i++) {
        app_ok(&a, "%s", run);
        app_ok(&a, "settle");
    }
    uint64_t before = time_of(&a, run);
    pid_t child = client_start(&a, RJ_STAT, "Target.Work.Add");
    app_ok(&a, "call Work.SpinAdd");
    kill_now(child);
    expect_nothing_within_a_second(&a);
    for (int i = 0; i < 3; i++) {
        app_ok(&a, "%s", run);
        app_ok(&a, "settle");
    }
    uint64_t after = time_of(&a, run);
    print_message("%s: %llu ms before, %llu ms after\n", run, (unsigned long long)before, (unsigned long long)after);
    assert_true(after <= before * 2 + 20);
    assert_int_equal(app_end(&a), 0);
}

/* The gates of the first client, as another one sees them. */
static bool gates_are_open(const app *a)
{
    rj_ledger t;
    rj_error e = {0};
    bool open = false;
    rj_session *s = look_attach(a, "other");
    if (!rj_list(s, &t, &e)) fail_msg("list: %s", e.text);
    for (size_t i = 0; i < t.client_count; i++)
        open |= strcmp(t.clients[i].name, "live test") == 0 && t.clients[i].open;
    rj_free(t.memory);
    rj_close(s);
    return open;
}

static void test_gates_close_when_nobody_reads(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.Add");
    app_ok(&a, "loop Work.SpinAdd 2");
    uint64_t began = live_now_ms();
    while (gates_are_open(&a) && live_now_ms() - began < 20000)
        usleep(50000);
    uint64_t took = live_now_ms() - began;
    print_message("closed after %llu ms\n", (unsigned long long)took);
    assert_in_range(took, 4000, 8000);
    app_ok(&a, "stop");
    look_drain(&l);
    assert_int_equal(l.gates_closed, 1);
    uint64_t seen = l.calls;
    assert_true(seen > 0);
    app_ok(&a, "call Work.SpinAdd");
    look_drain(&l);
    assert_int_equal(l.calls, seen);
    look_open(&l); /* who reads again may go on */
    app_ok(&a, "call Work.Add x3");
    look_drain(&l);
    assert_int_equal(l.calls, seen + 3);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* A client that reads is left alone, however much it loses. */
static void test_gates_stay_open_for_a_slow_reader(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.Add");
    app_ok(&a, "loop Work.SpinAdd 2");
    for (uint64_t began = live_now_ms(); live_now_ms() - began < 7000;) {
        look_take(&l, 0);
        usleep(200000);
    }
    app_ok(&a, "stop");
    assert_int_equal(l.gates_closed, 0);
    assert_true(rj_session_totals(l.s).dropped > 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_others_count_on_when_one_leaves(void **state)
{
    (void)state;
    static look counting, passing;
    app a;
    app_target(&a);
    look_at(&counting, &a, RJ_STAT, 0, 0, "Target.Work.Add");
    uint64_t before = app_counted(&a, "Target.Work.Add");
    app_ok(&a, "loop Work.SpinAdd 3");
    for (int round = 0; round < 20; round++) {
        look_at(&passing, &a, round % 3 ? RJ_WATCH : RJ_STACK, round % 3 ? LOOK_EVERYTHING : 0, 1,
                round % 2 ? "Target.Work.Add" : "Target.Work.*");
        look_take(&passing, 50);
        if (round % 4 == 0) assert_true(rj_stop(passing.s, NULL, NULL));
        look_close(&passing);
    }
    app_ok(&a, "stop");
    uint64_t made = app_counted(&a, "Target.Work.Add") - before, seen = look_stat(&counting, "Target.Work.Add");
    rj_totals t = rj_session_totals(counting.s);
    print_message("%llu calls made, %llu counted\n", (unsigned long long)made, (unsigned long long)seen);
    assert_int_equal(seen, made);
    assert_int_equal(t.dropped, 0);
    assert_int_equal(t.in_flight, 0);
    look_close(&counting);
    assert_int_equal(app_end(&a), 0);
}

static void test_two_clients_see_the_same(void **state)
{
    (void)state;
    static look first, second;
    app a;
    app_target(&a);
    look_at(&first, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Target.Work.*");
    look_at(&second, &a, RJ_WATCH, RJ_WANT_ARGS, 0, "Target.Work.Call*");
    for (int i = 0; i < 5; i++)
        app_ok(&a, "call Work.CallerTwo x10");
    look_drain(&first);
    look_drain(&second);
    assert_int_equal(look_calls(&first, "Target.Work.Callee"), 100);
    assert_int_equal(look_calls(&second, "Target.Work.Callee"), 100);
    look_close(&first);
    app_ok(&a, "call Work.CallerTwo x10");
    look_drain(&second);
    assert_int_equal(look_calls(&second, "Target.Work.Callee"), 120);
    assert_int_equal(look_calls(&second, "Target.Work.CallerTwo"), 60);
    look_close(&second);
    assert_int_equal(app_end(&a), 0);
}

static void test_modules_that_load_later(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    look_in(&l, &a, (rj_request){.want = LOOK_EVERYTHING, .later = true}, (const char *[]){"Late.*", NULL});
    assert_int_equal(l.probes.methods, 0);
    look_open(&l);
    app_ok(&a, "load " REJIT_SOURCE_DIR "/build/apps/Late/Late.dll");
    app_ok(&a, "invoke Late.Greeter.Square 7");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Late.Greeter.Square"), 1);
    assert_true(l.came_later >= 3);
    app_ok(&a, "invoke Late.Greeter.Greet you x4");
    app_ok(&a, "invoke Late.Greeter.Stored you x2");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Late.Greeter.Greet"), 4);
    assert_int_equal(look_calls(&l, "Late.Greeter.Stored"), 2);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void crash(const char *command, const char *pattern)
{
    static look l;
    app a;
    app_start(&a, &(app_options){.program = "Target", .quiet = true});
    look_at(&l, &a, RJ_WATCH, RJ_WANT_ARGS, 0, pattern);
    app_send(&a, "%s", command);
    while (!l.gone)
        look_take(&l, 1000);
    print_message("%s\n", l.last);
    assert_int_equal(l.threw, 1);
    assert_int_equal(l.calls, 1);
    assert_non_null(strstr(l.last, "FatalException (the end)"));
    look_close(&l);
    assert_int_equal(app_wait(&a), 128 + SIGABRT);
}

static void test_what_nobody_catches_is_seen(void **state)
{
    (void)state;
    crash("crash \"the end\"", "Protocol.Conversation.Crash");
    crash("crash-thread \"the end\"", "Protocol!*<CrashThread>*");
}

static void test_the_end_of_the_program_is_told(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.*");
    app_ok(&a, "loop Work.SpinAdd 2");
    app_send(&a, "exit 3");
    while (!l.gone)
        look_take(&l, 1000);
    assert_int_equal(l.ended, 1);
    look_close(&l);
    assert_int_equal(app_wait(&a), 3);
    app_target(&a);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.*");
    app_ok(&a, "call Work.Add x5");
    assert_int_equal(kill(a.pid, SIGKILL), 0);
    while (!l.gone)
        look_take(&l, 1000);
    assert_int_equal(look_calls(&l, "Target.Work.Add"), 5);
    look_close(&l);
    assert_int_equal(app_wait(&a), 128 + SIGKILL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_killed_client_leaves_nothing),  cmocka_unit_test(test_the_program_is_as_fast_as_before),
    cmocka_unit_test(test_gates_close_when_nobody_reads),   cmocka_unit_test(test_gates_stay_open_for_a_slow_reader),
    cmocka_unit_test(test_others_count_on_when_one_leaves), cmocka_unit_test(test_two_clients_see_the_same),
    cmocka_unit_test(test_modules_that_load_later),         cmocka_unit_test(test_what_nobody_catches_is_seen),
    cmocka_unit_test(test_the_end_of_the_program_is_told),
};
LIVE_MAIN("live_leases", tests)
