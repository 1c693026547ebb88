/*
 * Managed debugging and instrumentation together: a debugger sees of an instrumented program what it sees of a bare
 * one. Each case runs a session of the debugger twice and compares what it was shown, line by line.
 */
#include "debugger/debugger.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program; /* "Debuggee", "DebuggeeDebug": the same sources as a Release and as a Debug build */

typedef struct transcript {
    char text[8192];
    size_t n;
} transcript;

static void note(transcript *t, const debugger_stop *s)
{
    bool debug = strcmp(program, "DebuggeeDebug") == 0;
    /* Optimised code need not keep a local until its last line. */
    int n = snprintf(t->text + t->n, sizeof t->text - t->n, "%s %s %s:%u (%s)%s%s\n",
                     s->why == DEBUGGER_BREAKPOINT ? "hit" : "step", s->method, s->file, s->line, s->arguments,
                     debug ? " " : "", debug ? s->locals : "");
    t->n += (size_t)n;
    assert_true(t->n < sizeof t->text);
}

static uint32_t line(const char *mark)
{
    return debugger_line("Debuggee/Orders.cs", mark);
}

/* Answers whether the thread is still in a method of Orders. */
static bool inside(const debugger_stop *s)
{
    return strncmp(s->method, "Debuggee.Orders.", 16) == 0;
}

/* From the next stop, statement by statement, to the caller. */
static void over_until_out(transcript *t)
{
    const debugger_stop *s = debugger_wait();
    note(t, s);
    while (inside(s)) {
        s = debugger_over();
        note(t, s);
    }
}

static void finish(app *a, const char *expected)
{
    debugger_go();
    const char *answer = app_line(a);
    if (!answer || strcmp(answer, expected) != 0) fail_msg("%s instead of %s", answer ? answer : "(the end)", expected);
}

/* ---- the sessions ---- */

static void line_by_line(app *a, transcript *t)
{
    debugger_break_at("Orders.cs", line("price-first"));
    app_send(a, "call Orders.Price 2 tea");
    over_until_out(t);
    finish(a, "ok Orders.Price 66");
    debugger_clear();
}

static void into_and_out(app *a, transcript *t)
{
    debugger_break_at("Orders.cs", line("price-first"));
    app_send(a, "call Orders.Price 2 tea");
    note(t, debugger_wait());
    note(t, debugger_into());
    note(t, debugger_over());
    note(t, debugger_out());
    note(t, debugger_over());
    finish(a, "ok Orders.Price 66");
    debugger_clear();
}

static void breakpoints(app *a, transcript *t)
{
    debugger_break_at("Orders.cs", line("price-add"));
    debugger_break_at("Orders.cs", line("price-return"));
    debugger_break_at("Orders.cs", line("unit-first"));
    app_send(a, "call Orders.Price 3 tea");
    for (int i = 0; i < 5; i++) {
        note(t, debugger_wait());
        if (i < 4) debugger_go();
    }
    finish(a, "ok Orders.Price 96");
    debugger_clear();
}

static void ways_out(app *a, transcript *t)
{
    static const struct {
        const char *points, *answer;
    } grades[] = {
        {"95", "ok Orders.Grade \"excellent\""}, {"70", "ok Orders.Grade \"good\""}, {"5", "ok Orders.Grade \"poor\""}};
    char command[64];
    for (size_t i = 0; i < 3; i++) {
        debugger_break_at("Orders.cs", line("grade-first"));
        snprintf(command, sizeof command, "call Orders.Grade %s", grades[i].points);
        app_send(a, "%s", command);
        over_until_out(t);
        finish(a, grades[i].answer);
        debugger_clear();
    }
}

static void exceptions(app *a, transcript *t)
{
    debugger_break_at("Orders.cs", line("careful-try"));
    app_send(a, "call Orders.Careful 0");
    note(t, debugger_wait());
    note(t, debugger_into());
    for (const debugger_stop *s = &(debugger_stop){.method = "Debuggee.Orders."}; inside(s); note(t, s))
        s = debugger_over();
    finish(a, "ok Orders.Careful -1");
    debugger_clear();
}

static void loop_head(app *a, transcript *t)
{
    debugger_break_at("Orders.cs", line("countdown-head"));
    app_send(a, "call Orders.Countdown");
    for (int i = 0; i < 3; i++) {
        note(t, debugger_wait());
        if (i < 2) debugger_go();
    }
    finish(a, "ok Orders.Countdown 0");
    debugger_clear();
}

static void (*const sessions[])(app *, transcript *) = {line_by_line, into_and_out, breakpoints,
                                                        ways_out,     exceptions,   loop_head};
enum { SESSIONS = sizeof sessions / sizeof sessions[0] };

/* ---- the order in which debugger and probes come ---- */

static transcript bare[SESSIONS], seen[SESSIONS];

static void run_sessions(app *a, transcript *all)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        all[i].n = 0;
        sessions[i](a, &all[i]);
    }
}

/*
 * Without the runtime's own counters: they stand at the head of a block and belong to the line of the block before it,
 * so that steps stop there. A bare method has them from its 30th call on, a new version from the first.
 */
static void start(app *a)
{
    app_start(a, &(app_options){.program = program, .variables = (const char *[]){"DOTNET_TieredPGO=0", NULL}});
}

/* Does `rejit list` speak of a debugger? */
static bool is_listed(const app *a)
{
    rj_error e = {0};
    rj_ledger ledger;
    rj_session *s = look_attach(a, "debugger test");
    if (!rj_list(s, &ledger, &e)) fail_msg("list: %s", e.text);
    bool listed = strcmp(ledger.note, "a managed debugger is attached") == 0;
    rj_free(ledger.memory);
    rj_close(s);
    return listed;
}

/* From then on everything that is instrumented is fit for the debugger. */
static void wait_until_seen(const app *a)
{
    rj_error e = {0};
    rj_checks all;
    bool seen_it = false;
    if (!rj_doctor((int32_t)a->pid, NULL, &all, &e)) fail_msg("doctor: %s", e.text);
    for (size_t i = 0; i < all.count; i++)
        seen_it |=
            strcmp(all.items[i].name, "debugger") == 0 && strncmp(all.items[i].text, "a managed debugger", 18) == 0;
    rj_free(all.memory);
    assert_true(seen_it);
    assert_true(is_listed(a));
}

static void see_bare(void)
{
    app a;
    start(&a);
    debugger_attach(&a);
    run_sessions(&a, bare);
    debugger_detach();
    assert_int_equal(app_end(&a), 0);
}

static void compare(void)
{
    for (size_t i = 0; i < SESSIONS; i++)
        if (strcmp(bare[i].text, seen[i].text) != 0) {
            fprintf(stderr, "session %zu of %s, bare:\n%s\ninstrumented:\n%s\n", i, program, bare[i].text,
                    seen[i].text);
            fail_msg("a debugger sees something else than in the bare program");
        }
}

/* The probes were on all the while, and counted every call. */
static void count(look *l, app *a)
{
    static const char *const methods[] = {
        "Debuggee.Orders.Price",  "Debuggee.Orders.UnitOf",    "Debuggee.Orders.Grade", "Debuggee.Orders.Careful",
        "Debuggee.Orders.Divide", "Debuggee.Orders.Countdown", "Debuggee.Orders.Less"};
    look_drain(l);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        assert_int_equal(look_calls(l, methods[i]), app_counted(a, methods[i]));
    assert_int_equal(look_threw(l, "Debuggee.Orders.Divide"), 1);
}

static void watch_all(look *l, const app *a)
{
    look_at(l, a, RJ_WATCH, LOOK_EVERYTHING, 2, "Debuggee.Orders.*");
}

static void debugger_first(void)
{
    app a;
    static look l;
    start(&a);
    debugger_attach(&a);
    watch_all(&l, &a);
    run_sessions(&a, seen);
    count(&l, &a);
    debugger_detach();
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
    compare();
}

static void probes_first(void)
{
    app a;
    static look l;
    start(&a);
    watch_all(&l, &a);
    debugger_attach(&a);
    wait_until_seen(&a);
    run_sessions(&a, seen);
    debugger_detach();
    count(&l, &a);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
    compare();
}

/* A debugger in a process of its own, which ends without a word. */
static void test_seen_and_gone(void **state)
{
    (void)state;
    app a;
    int ready[2];
    char byte;
    program = "Debuggee";
    start(&a);
    assert_false(is_listed(&a));
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        debugger_attach(&a);
        byte = write(ready[1], "!", 1) == 1;
        pause();
        _exit(byte != 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    wait_until_seen(&a);
    app_ok(&a, "call Orders.Grade 5");
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    const uint64_t until = live_now_ms() + APP_WAIT_MS;
    while (is_listed(&a)) /* the runtime closes its pipes when it sees that the other ends are closed */
        if (live_now_ms() > until) fail_msg("the debugger that has gone is still listed");
    app_kill(&a); /* the runtime's next word to the debugger would not be answered */
    close(ready[0]);
    close(ready[1]);
}

static void test_release(void **state)
{
    (void)state;
    program = "Debuggee";
    see_bare();
    debugger_first();
    probes_first();
}

static void test_debug(void **state)
{
    (void)state;
    program = "DebuggeeDebug";
    see_bare();
    debugger_first();
    probes_first();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_seen_and_gone), /* first: it forks, and libmscordbi has threads */
    cmocka_unit_test(test_release),
    cmocka_unit_test(test_debug),
};

LIVE_MAIN("debugging", tests)
