/*
 * Calls of async methods as a whole: one event for each, with its result or exception, timed from the call to the
 * completion, whatever suspends it and whichever thread ends it. The program has counted its calls by itself.
 */
#include "live.h"

#include <stdlib.h>

static const char *const programs[] = {"Async", "AsyncDebug"};

typedef struct kind {
    const char *scenario, *method;
    unsigned n;
    const char *result; /* of the last call, where all have the same or `sum` is 0 */
    int64_t sum;        /* of the results, -1: not numbers */
    const char *exception;
} kind;

static const kind all[] = {
    {"Plain", "Async.Calls.Plain", 20, NULL, -1, NULL},
    {"Number", "Async.Calls.Number", 20, NULL, 190, NULL},
    {"Configured", "Async.Calls.Configured", 20, NULL, 190, NULL},
    {"Complete", "Async.Calls.Complete", 20, NULL, 190, NULL},
    {"Value", "Async.Calls.Value", 20, NULL, 190, NULL},
    {"ValuePlain", "Async.Calls.ValuePlain", 20, NULL, -1, NULL},
    {"ValueComplete", "Async.Calls.ValueComplete", 20, NULL, 190, NULL},
    {"Nothing", "Async.Calls.Nothing", 20, NULL, -1, NULL},
    {"NothingComplete", "Async.Calls.NothingComplete", 20, NULL, -1, NULL},
    {"Nested", "Async.Calls.Nested", 20, NULL, 190, NULL},
    {"Loops", "Async.Calls.Complete", 20, NULL, 190, NULL},
    {"Fails", "Async.Calls.Fails", 20, NULL, -1, "System.InvalidOperationException"},
    {"FailsAtOnce", "Async.Calls.FailsAtOnce", 20, NULL, -1, "System.InvalidOperationException"},
    {"Cancelled", "Async.Calls.Cancelled", 20, NULL, -1, "System.Threading.Tasks.TaskCanceledException"},
    {"Echo", "Async.Calls.Echo", 20, NULL, 90, NULL}, /* ten numbers, ten texts */
    {"Text", "Async.Calls.Text", 1, "text0", -1, NULL},
    {"Inside", "Async.Calls.Inside", 20, NULL, 190, NULL},
    {"InsideTwice", "Async.Calls.InsideTwice", 20, NULL, 190, NULL},
    {"InsideFails", "Async.Calls.InsideFails", 20, NULL, -1, "System.InvalidOperationException"},
    {"Beside", "Async.Calls.Beside", 1, "beside 0", -1, NULL},
    {"Beside", "Async.Calls.Beside", 20, NULL, -1, NULL},
    {"Box", "Async.Box<T>.With", 20, NULL, -1, NULL},
};

/* ---- what comes ---- */

typedef struct seen {
    rj_session *s;
    uint64_t calls, threw, results;
    int64_t sum;
    uint64_t least_ns, most_ns;
    char result[64], exception[128], message[64];
    int64_t arg_sum; /* of the first arguments, where they are numbers */
} seen;

static bool on_call(void *owner, const rj_call *c)
{
    seen *n = owner;
    n->calls++;
    n->threw += c->outcome == RJ_THREW;
    n->least_ns = n->calls == 1 || c->elapsed < n->least_ns ? c->elapsed : n->least_ns;
    n->most_ns = c->elapsed > n->most_ns ? c->elapsed : n->most_ns;
    if (c->result) n->results++;
    if (c->result && c->result->kind == RJ_INT) n->sum += c->result->i;
    if (c->result && c->result->kind == RJ_STRING)
        snprintf(n->result, sizeof n->result, "%.*s", (int)c->result->text_size, c->result->text);
    if (c->arg_count && c->args[0].kind == RJ_INT) n->arg_sum += c->args[0].i;
    snprintf(n->exception, sizeof n->exception, "%s", c->exception);
    snprintf(n->message, sizeof n->message, "%s", c->message ? c->message : "");
    return true;
}

static void take(seen *n)
{
    rj_error e = {0};
    const rj_handlers h = {.owner = n, .call = on_call};
    if (!rj_poll(n->s, 5, &h, &e)) fail_msg("poll: %s", e.text);
}

/* Until every call that was begun has ended and been delivered: the program has said that it waits for none. */
static void take_all(seen *n)
{
    uint64_t until = live_now_ms() + APP_WAIT_MS, before;
    do {
        before = n->calls;
        take(n);
        if (live_now_ms() > until)
            fail_msg("%llu calls are still in flight", (unsigned long long)rj_session_totals(n->s).in_flight);
    } while (n->calls != before || rj_session_totals(n->s).in_flight);
}

static void begin(seen *n, const app *a, rj_request q, const char *pattern)
{
    look l;
    memset(n, 0, sizeof *n);
    q.most = 1000;
    look_in(&l, a, q, (const char *[]){pattern, NULL});
    n->s = l.s;
    look_open(&l);
}

static uint64_t run(seen *n, app *a, const char *scenario, unsigned count)
{
    app_send(a, "call %s %u", scenario, count);
    while (!app_has_line(a, 0))
        take(n);
    const char *line = app_line(a);
    if (!line || strncmp(line, "ok ", 3) != 0) fail_msg("%s: %s", scenario, line ? line : "no answer");
    const char *number = line ? strrchr(line, ' ') : NULL;
    return number ? strtoull(number + 1, NULL, 10) : 0;
}

/* ---- kinds ---- */

static void check_kind(const kind *k, uint64_t made, const seen *n, const char *program)
{
    if (!made || n->calls != made)
        fail_msg("%s, %s: %llu calls were made, %llu seen", program, k->scenario, (unsigned long long)made,
                 (unsigned long long)n->calls);
    if (k->sum >= 0 && n->sum != k->sum)
        fail_msg("%s, %s: the results add up to %lld, not %lld", program, k->scenario, (long long)n->sum,
                 (long long)k->sum);
    if (k->result) assert_string_equal(n->result, k->result);
    if (n->threw != (k->exception ? made : 0))
        fail_msg("%s, %s: %llu threw", program, k->scenario, (unsigned long long)n->threw);
    if (k->exception) assert_string_equal(n->exception, k->exception);
}

static void watch_kinds(const char *program, unsigned rounds)
{
    app a;
    app_start(&a, &(app_options){.program = program});
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            app_ok(&a, "call %s %u", all[i].scenario, all[i].n);
    if (rounds) app_ok(&a, "settle");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        seen n;
        begin(&n, &a, (rj_request){.want = RJ_WANT_ARGS | RJ_WANT_RESULT}, all[i].method);
        uint64_t made = run(&n, &a, all[i].scenario, all[i].n);
        take_all(&n);
        check_kind(&all[i], made, &n, program);
        rj_close(n.s);
    }
    assert_int_equal(app_end(&a), 0);
}

static void test_every_kind_cold(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        watch_kinds(programs[i], 0);
}

static void test_every_kind_hot(void **state)
{
    (void)state;
    watch_kinds("Async", 40);
}

static void stat_kind(app *a, const kind *k)
{
    look l;
    look_at(&l, a, RJ_STAT, 0, 0, k->method);
    const char *line = app_ok(a, "call %s %u", k->scenario, k->n);
    uint64_t made = strtoull(strrchr(line, ' ') + 1, NULL, 10), until = live_now_ms() + APP_WAIT_MS;
    while (rj_session_totals(l.s).in_flight && live_now_ms() < until)
        look_take(&l, 5);
    assert_int_equal(look_stat(&l, k->method), made);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    assert_int_equal(rj_session_totals(l.s).dropped, 0);
    rj_stats stats;
    rj_error e = {0};
    assert_true(rj_read_stats(l.s, &stats, &e));
    assert_int_equal(stats.items[0].errors, k->exception ? made : 0);
    rj_free(stats.memory);
    look_close(&l);
}

static void test_stat_counts_whole_calls(void **state)
{
    (void)state;
    app a;
    app_start(&a, &(app_options){.program = "Async"});
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        stat_kind(&a, &all[i]);
    assert_int_equal(app_end(&a), 0);
}

/* ---- what an event says ---- */

static void test_elapsed_spans_the_wait(void **state)
{
    (void)state;
    app a;
    seen n;
    app_start(&a, &(app_options){.program = "Async"});
    begin(&n, &a, (rj_request){.want = RJ_WANT_ARGS | RJ_WANT_RESULT}, "Async.Calls.Sleeps");
    assert_int_equal(run(&n, &a, "Sleeps", 5), 5);
    take_all(&n);
    assert_int_equal(n.calls, 5);
    assert_int_equal(n.sum, 150);
    assert_int_equal(n.arg_sum, 150); /* as they were at the call */
    if (n.least_ns < 29000000)
        fail_msg("a call of 30 ms is said to have taken %llu ns", (unsigned long long)n.least_ns);
    rj_close(n.s);
    begin(&n, &a, (rj_request){.want = RJ_WANT_SYNC}, "Async.Calls.Sleeps");
    assert_int_equal(run(&n, &a, "Sleeps", 5), 5);
    take_all(&n);
    assert_int_equal(n.calls, 5);
    if (n.least_ns > 20000000)
        fail_msg("the part up to the return of the task took %llu ns", (unsigned long long)n.least_ns);
    rj_close(n.s);
    assert_int_equal(app_end(&a), 0);
}

static void test_slow_throws_and_conditions_are_about_whole_calls(void **state)
{
    (void)state;
    app a;
    seen n;
    app_start(&a, &(app_options){.program = "Async"});
    begin(&n, &a, (rj_request){.slow_ns = 25000000}, "Async.Calls.Sleeps");
    run(&n, &a, "Sleeps", 5);
    take_all(&n);
    assert_int_equal(n.calls, 5);
    rj_close(n.s);
    begin(&n, &a, (rj_request){.want = RJ_WANT_THROWS_ONLY}, "Async.Calls.*");
    run(&n, &a, "Fails", 7);
    run(&n, &a, "Number", 7);
    take_all(&n);
    assert_int_equal(n.calls, 7);
    assert_string_equal(n.message, "failed");
    rj_close(n.s);
    begin(&n, &a, (rj_request){.want = RJ_WANT_ARGS | RJ_WANT_RESULT, .condition = "args.value >= 15"},
          "Async.Calls.Number");
    run(&n, &a, "Number", 20);
    take_all(&n);
    assert_int_equal(n.calls, 5);
    assert_int_equal(n.sum, 15 + 16 + 17 + 18 + 19);
    rj_close(n.s);
    assert_int_equal(app_end(&a), 0);
}

/* What cannot be followed is the call that returns the task, and is said to be. */
static void test_a_pooled_value_task_is_said_to_be_synchronous(void **state)
{
    (void)state;
    app a;
    look l;
    app_start(&a, &(app_options){.program = "Async"});
    look_at(&l, &a, RJ_WATCH, RJ_WANT_RESULT, 0, "Async.Calls.Pooled");
    assert_int_equal(l.probes.note_count, 1);
    assert_non_null(strstr(l.probes.notes[0].reason, "pooled"));
    app_ok(&a, "call Pooled 10");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Async.Calls.Pooled"), 10);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* ---- many ---- */

static void storm(const char *program, unsigned calls)
{
    app a;
    look l, w;
    app_start(&a, &(app_options){.program = program});
    app_ok(&a, "call Storm 100");
    look_at(&l, &a, RJ_STAT, 0, 0, "Async.Calls.Waits");
    look_at(&w, &a, RJ_WATCH, RJ_WANT_ARGS | RJ_WANT_RESULT, 0, "Async.Calls.Waits");
    look_while(&w, &a, "call Storm %u", calls);
    look_drain(&w);
    assert_int_equal(look_stat(&l, "Async.Calls.Waits"), calls);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    rj_totals t = rj_session_totals(w.s);
    assert_int_equal(t.in_flight, 0);
    assert_int_equal(look_calls(&w, "Async.Calls.Waits") + t.dropped, calls);
    look_close(&l);
    look_close(&w);
    assert_int_equal(app_end(&a), 0);
}

static void test_a_hundred_thousand_at_once(void **state)
{
    (void)state;
    storm("Async", 100000);
}

static void test_many_in_a_debug_build(void **state)
{
    (void)state;
    storm("AsyncDebug", 20000);
}

static void test_from_several_threads(void **state)
{
    (void)state;
    app a;
    look l;
    app_start(&a, &(app_options){.program = "Async"});
    look_at(&l, &a, RJ_STAT, 0, 0, "Async.Calls.Number");
    app_ok(&a, "call Threads 20000 8");
    assert_int_equal(look_stat(&l, "Async.Calls.Number"), 160000);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    assert_int_equal(rj_session_totals(l.s).dropped, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* ---- coming and going ---- */

/* Under load all the time, on threads of the pool: nothing crashes, and afterwards the counts are exact. */
static void churn(const char *program, unsigned clients)
{
    static const char *const patterns[] = {"Async.Calls.Number", "Async.Calls.*", "Async.Calls.Nested", "Async.*"};
    app a;
    look l;
    app_start(&a, &(app_options){.program = program});
    app_ok(&a, "loop Number 2");
    app_ok(&a, "loop Nested 1");
    app_ok(&a, "loop Beside 1");
    for (unsigned i = 0; i < clients; i++) {
        rj_request q = {.verb = i % 3 ? RJ_WATCH : RJ_STAT, .want = RJ_WANT_ARGS | RJ_WANT_RESULT, .most = 1000};
        if (i % 5 == 0) q.want |= RJ_WANT_SYNC;
        if (i % 4 == 1) q.want |= RJ_WANT_THROWS_ONLY;
        look_in(&l, &a, q, (const char *[]){patterns[i % 4], NULL});
        look_open(&l);
        for (unsigned k = 0; k < i % 7; k++)
            look_take(&l, 2);
        look_close(&l);
    }
    app_ok(&a, "stop");
    look_at(&l, &a, RJ_STAT, 0, 0, "Async.Calls.Number");
    app_ok(&a, "call Threads 1000 4");
    assert_int_equal(look_stat(&l, "Async.Calls.Number"), 4000);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_clients_come_and_go_under_load(void **state)
{
    (void)state;
    churn("Async", 60);
    churn("AsyncDebug", 20);
}

static void test_calls_pend_while_clients_come_and_go(void **state)
{
    (void)state;
    app a;
    look first, second;
    app_start(&a, &(app_options){.program = "Async"});
    app_ok(&a, "call Begin 50"); /* before anybody looks */
    look_at(&first, &a, RJ_WATCH, RJ_WANT_ARGS, 0, "Async.Calls.Waits");
    app_ok(&a, "call Begin 60");
    assert_int_equal(rj_session_totals(first.s).in_flight, 60);
    look_at(&second, &a, RJ_STAT, 0, 0, "Async.Calls.Waits");
    app_ok(&a, "call Begin 70");
    assert_int_equal(rj_session_totals(first.s).in_flight, 130);
    assert_int_equal(rj_session_totals(second.s).in_flight, 70);
    look_close(&first); /* 130 will complete for nobody */
    app_ok(&a, "gc");
    app_ok(&a, "call End");
    assert_int_equal(look_stat(&second, "Async.Calls.Waits"), 70);
    assert_int_equal(rj_session_totals(second.s).in_flight, 0);
    look_close(&second);
    for (unsigned i = 0; i < 20; i++) {
        app_ok(&a, "call Begin 100");
        look_at(&first, &a, i % 2 ? RJ_WATCH : RJ_STAT, 0, 0, "Async.Calls.Waits");
        app_ok(&a, "call Begin 100");
        if (i % 3) look_close(&first);
        app_ok(&a, "call End");
        if (i % 3) continue;
        look_drain(&first);
        assert_int_equal(rj_session_totals(first.s).in_flight, 0);
        look_close(&first);
    }
    size_t entries, clients;
    look_ledger(&a, &entries, &clients);
    assert_int_equal(entries, 0);
    assert_int_equal(app_end(&a), 0);
}

static void test_a_closed_gate_lets_pending_calls_complete(void **state)
{
    (void)state;
    app a;
    look l;
    rj_error e = {0};
    app_start(&a, &(app_options){.program = "Async"});
    look_at(&l, &a, RJ_WATCH, RJ_WANT_ARGS, 0, "Async.Calls.Waits");
    app_ok(&a, "call Begin 40");
    assert_true(rj_gate(l.s, false, &e));
    app_ok(&a, "call Begin 40");
    app_ok(&a, "call End");
    look_drain(&l);
    assert_int_equal(l.calls, 40);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* The body of the state machine is a method like others, whoever else has a layer on it. */
static void test_beside_a_watch_of_the_state_machine(void **state)
{
    (void)state;
    app a;
    look whole, body;
    app_start(&a, &(app_options){.program = "Async"});
    look_at(&body, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Async.Calls+<Number>*.MoveNext");
    look_at(&whole, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Async.Calls.Number");
    app_ok(&a, "call Number 30");
    look_drain(&whole);
    look_drain(&body);
    assert_int_equal(whole.calls, 30);
    assert_int_equal(body.calls, 60); /* up to the await, and from it on */
    look_close(&body);
    app_ok(&a, "call Number 30");
    look_drain(&whole);
    assert_int_equal(whole.calls, 60);
    look_close(&whole);
    assert_int_equal(app_end(&a), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_cold),
        cmocka_unit_test(test_every_kind_hot),
        cmocka_unit_test(test_stat_counts_whole_calls),
        cmocka_unit_test(test_elapsed_spans_the_wait),
        cmocka_unit_test(test_slow_throws_and_conditions_are_about_whole_calls),
        cmocka_unit_test(test_a_pooled_value_task_is_said_to_be_synchronous),
        cmocka_unit_test(test_a_hundred_thousand_at_once),
        cmocka_unit_test(test_many_in_a_debug_build),
        cmocka_unit_test(test_from_several_threads),
        cmocka_unit_test(test_clients_come_and_go_under_load),
        cmocka_unit_test(test_calls_pend_while_clients_come_and_go),
        cmocka_unit_test(test_a_closed_gate_lets_pending_calls_complete),
        cmocka_unit_test(test_beside_a_watch_of_the_state_machine),
    };
    return live_main(argc, argv, "async", tests, sizeof tests / sizeof tests[0]);
}
