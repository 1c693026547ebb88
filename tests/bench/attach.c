/* How long it takes from a process that nobody has touched to the first event, and what a large commit takes. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 9u

static bool first_call(void *owner, const rj_call *call)
{
    (void)call;
    *(bool *)owner = true;
    return false;
}

static void until_called(rj_session *s)
{
    rj_error e;
    bool seen = false;
    double deadline = now_ns() + 10e9;
    while (!seen && now_ns() < deadline)
        if (!rj_poll(s, 1000, &(rj_handlers){.owner = &seen, .call = first_call}, &e)) die("waiting: %s", e.text);
    if (!seen) die("the call was not seen within 10 s");
}

typedef struct parts {
    samples attach, instrument, event, all;
} parts;

static void one_attach(const bench_options *o, parts *p)
{
    static const char *const method = "Target.Values.Int32";
    char line[256];
    rj_error e;
    app a = app_driven(o, "Target", ANY_CPU);
    app_ask(&a, line, sizeof line, "ok", "call Values.Int32 5"); /* what the program's own first command costs */
    double t0 = now_ns();
    rj_session *s = must_attach(a.pid, "rejit bench");
    double t1 = now_ns();
    must_instrument(s, &(rj_request){.verb = RJ_WATCH, .patterns = &method, .pattern_count = 1, .want = RJ_WANT_ARGS});
    must_gate(s, true);
    double t2 = now_ns();
    app_send(&a, "call Values.Int32 5\n");
    until_called(s);
    double t3 = now_ns();
    app_line(&a, line, sizeof line);
    if (!rj_stop(s, NULL, &e)) die("reverting: %s", e.text);
    rj_close(s);
    app_send(&a, "exit 0\n");
    if (app_end(&a)) die("the program Target failed");
    sample(&p->attach, (t1 - t0) / 1e6);
    sample(&p->instrument, (t2 - t1) / 1e6);
    sample(&p->event, (t3 - t2) / 1e6);
    sample(&p->all, (t3 - t0) / 1e6);
}

void bench_attach(const bench_options *o)
{
    parts p = {0};
    for (unsigned i = 0; i < (o->quick ? 2 : RUNS); i++)
        one_attach(o, &p);
    char relation[128];
    snprintf(relation, sizeof relation, "attach %.1f, instrument %.1f, call and event %.1f ms",
             spread_of(&p.attach).median, spread_of(&p.instrument).median, spread_of(&p.event).median);
    print_figure(&(figure){.key = "first-event",
                           .what = "attach to the first event, idle process",
                           .unit = "ms",
                           .of = &p.all,
                           .relation = relation,
                           .target = 25});
}

/* Some thousand methods of the core library, none of them refused. */
static const char *const MANY[] = {"System.Private.CoreLib!System.Globalization.*"};

/* ---- what the application feels of it ---- */

/* All of them are called by the program when it is told to, which has the runtime compile what is asked for. */
static const char *const CALLED = "System.Text.RegularExpressions!*";

typedef struct standstill {
    double longest, total; /* ms */
} standstill;

static standstill still_since(app *a)
{
    char line[256];
    standstill s;
    app_ask(a, line, sizeof line, "ok gaps", "gaps end");
    if (sscanf(line, "ok gaps %lf %lf", &s.longest, &s.total) != 2) die("'%s' was not understood", line);
    s.longest /= 1e3;
    s.total /= 1e3;
    return s;
}

static void watch_gaps(app *a)
{
    char line[256];
    app_ask(a, line, sizeof line, "ok", "gaps");
}

/* What the program uses to call them all, in ms of CPU time. */
static double go(app *a)
{
    char line[256];
    double began = cpu_ns_of(a->pid);
    app_ask(a, line, sizeof line, "ok", "go System.Text.RegularExpressions");
    return (cpu_ns_of(a->pid) - began) / 1e6;
}

static size_t installed(rj_session *s)
{
    rj_ledger l;
    rj_error e;
    size_t n = 0;
    if (!rj_list(s, &l, &e)) die("listing: %s", e.text);
    for (size_t i = 0; i < l.entry_count; i++)
        n += strcmp(l.entries[i].state, "installed") == 0;
    rj_free(l.memory);
    return n;
}

typedef struct felt {
    samples confirm, compile, stock, pause, longest, quiet;
    size_t methods, confirmed;
} felt;

static const rj_request CALLED_ALL = {
    .verb = RJ_WATCH, .patterns = &CALLED, .pattern_count = 1, .most = 10000, .want = RJ_WANT_ARGS};

static void one_confirmed(app *a, felt *f)
{
    rj_error e;
    double plain = go(a);
    rj_session *s = must_attach(a->pid, "rejit bench");
    double before = cpu_ns_of(a->pid);
    f->methods = must_instrument(s, &CALLED_ALL).methods;
    double request = (cpu_ns_of(a->pid) - before) / 1e6, compile = go(a) - plain, scale = 1000 / (double)f->methods;
    f->confirmed = installed(s);
    sample(&f->confirm, (request + compile) * scale);
    sample(&f->compile, compile * scale);
    if (!rj_stop(s, NULL, &e)) die("reverting: %s", e.text);
    rj_close(s);
}

static void one_felt(app *a, felt *f)
{
    rj_error e;
    rj_session *s = must_attach(a->pid, "rejit bench");
    watch_gaps(a);
    double began = now_ns(), scale = 1000 / (double)must_instrument(s, &CALLED_ALL).methods, took = now_ns() - began;
    standstill during = still_since(a);
    watch_gaps(a);
    for (double until = now_ns() + took; wait_a_little(until);) {
    }
    standstill quiet = still_since(a);
    sample(&f->pause, (during.total - quiet.total) * scale);
    sample(&f->longest, during.longest);
    sample(&f->quiet, quiet.total * scale);
    if (!rj_stop(s, NULL, &e)) die("reverting: %s", e.text);
    rj_close(s);
}

/* The same code as it is, compiled by the JIT: for 1,000 methods. */
static double stock(const bench_options *o)
{
    char line[256];
    unsigned methods = 0;
    setenv("DOTNET_ReadyToRun", "0", 1);
    app a = app_driven(o, "Corpus", ANY_CPU);
    unsetenv("DOTNET_ReadyToRun");
    double before = cpu_ns_of(a.pid);
    app_ask(&a, line, sizeof line, "ok", "go System.Text.RegularExpressions");
    double first = (cpu_ns_of(a.pid) - before) / 1e6, compile = first - go(&a);
    const char *jitted = strstr(line, "jitted ");
    if (!jitted || sscanf(jitted, "jitted %u", &methods) != 1 || !methods) die("'%s' was not understood", line);
    app_send(&a, "exit 0\n");
    if (app_end(&a)) die("the program Corpus failed");
    return compile * 1000 / methods;
}

static void one_commit(const bench_options *o, felt *f)
{
    sample(&f->stock, stock(o));
    app a = app_driven(o, "Corpus", ANY_CPU);
    go(&a);
    one_confirmed(&a, f);
    one_felt(&a, f);
    app_send(&a, "exit 0\n");
    if (app_end(&a)) die("the program Corpus failed");
}

static void commit_felt(const bench_options *o)
{
    felt f = {0};
    char relation[160];
    for (unsigned i = 0; i < (o->quick ? 1 : RUNS); i++)
        one_commit(o, &f);
    snprintf(relation, sizeof relation,
             "%.0f ms of it the JIT's, which takes %.0f as they were; %zu of %zu were called",
             spread_of(&f.compile).median, spread_of(&f.stock).median, f.confirmed, f.methods);
    print_figure(&(figure){.key = "confirm",
                           .what = "CPU time to instrument 1,000 methods, up to the last one's compilation",
                           .unit = "ms",
                           .of = &f.confirm,
                           .relation = relation,
                           .target = 100});
    snprintf(relation, sizeof relation, "beside %.2f ms in the same time without it", spread_of(&f.quiet).median);
    print_figure(&(figure){.key = "pause",
                           .what = "the application stands still for it, in all",
                           .unit = "ms",
                           .of = &f.pause,
                           .relation = relation,
                           .target = 5});
    print_figure(&(figure){
        .key = "longest", .what = "the application stands still for it, at a time", .unit = "ms", .of = &f.longest});
}

void bench_commit(const bench_options *o)
{
    samples commit = {0}, revert = {0};
    size_t methods = 0;
    rj_error e;
    for (unsigned i = 0; i < (o->quick ? 1 : RUNS); i++) {
        app a = app_driven(o, "Target", ANY_CPU);
        rj_session *s = must_attach(a.pid, "rejit bench");
        double t0 = now_ns();
        rj_probes p = must_instrument(s, &(rj_request){.verb = RJ_WATCH,
                                                       .patterns = MANY,
                                                       .pattern_count = sizeof MANY / sizeof MANY[0],
                                                       .most = 10000,
                                                       .want = RJ_WANT_ARGS});
        double t1 = now_ns();
        if (!rj_stop(s, NULL, &e)) die("reverting: %s", e.text);
        double t2 = now_ns();
        methods = p.methods;
        sample(&commit, (t1 - t0) / 1e6 * 1000 / (double)methods);
        sample(&revert, (t2 - t1) / 1e6 * 1000 / (double)methods);
        rj_close(s);
        app_send(&a, "exit 0\n");
        if (app_end(&a)) die("the program Target failed");
    }
    char relation[64];
    snprintf(relation, sizeof relation, "measured with %zu methods", methods);
    print_figure(&(figure){.key = "commit",
                           .what = "instrument 1,000 methods, up to the reply",
                           .unit = "ms",
                           .of = &commit,
                           .relation = relation});
    print_figure(&(figure){.key = "revert",
                           .what = "revert 1,000 methods",
                           .unit = "ms",
                           .of = &revert,
                           .relation = relation,
                           .target = 20});
    commit_felt(o);
}
