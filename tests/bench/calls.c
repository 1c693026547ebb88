/*
 * ns a call, in CPU time of the calling thread, loop included. Each cycle takes a new process, since code lies
 * somewhere else in each, and measures every variant once, so that the sides alternate. What is compared is the tier-1
 * code of either side.
 *
 * What counts are samples during which the CPU was ours alone (quiet.c). Calls that write events come in bursts that
 * fit into a ring, which is read in between: no reader keeps up with the fastest calls, and an event that is dropped
 * costs less than one that is written. A burst finds colder caches than a long loop, so it is compared with a burst of
 * the bare method.
 */
#include "alone.h"
#include "bench.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#define CYCLES     5u
#define ROUNDS     7u /* long ones, in a cycle, alone; their median is the cycle's sample */
#define LONG_CALLS 40000u
#define BURSTS     31u /* the same */
#define PATIENCE   6.0 /* seconds in which so many must have come */
#define RING_BYTES 240000u

/* A loop of the program Bench as it is. */
typedef struct plain {
    const char *loop, *key, *what;
    samples ns, burst; /* in a long loop; in bursts */
} plain;

enum { NONE, INTS, TEXT, HAND_NONE, HAND_INTS, HAND_TEXT, CLOCK, AFTER, PLAIN_COUNT };

/* The same with a probe in it. */
typedef struct probed {
    int body;
    const char *key, *what;
    rj_verb verb;
    uint32_t want;
    const char *condition;
    const char *root; /* trace: of the trees; NULL: the body itself is what is asked for */
    const char *into;
    bool closed;       /* measured with closed gates */
    bool same;         /* the session of the line before goes on */
    bool far;          /* what is written is read on another CPU */
    uint32_t bytes;    /* that an event takes at most */
    samples ns, read;  /* read: CPU time of the client, an event */
    samples disturbed; /* what bursts took while the CPU was not ours alone */
} probed;

enum {
    CLOSED,
    WATCH,
    WATCH_FAR,
    CLOSED_AGAIN,
    WATCH_INTS,
    WATCH_TEXT,
    RESULT,
    STAT,
    STACK,
    CLOSED_INTS,
    REJECTED,
    TRACE,
    OUTSIDE,
    PROBED_COUNT
};

typedef struct table {
    app app;
    rj_session *control; /* instruments nothing, asks for counts */
    unsigned bursts;
    double patience;
    size_t alone, taken; /* samples */
    uint64_t rounds;     /* that the last long loop took */
    samples rdtsc;
    plain plain[PLAIN_COUNT];
    probed probed[PROBED_COUNT];
} table;

static const table EMPTY = {
    .plain = {[NONE] = {.loop = "none", .key = "bare", .what = "no arguments, bare"},
              [INTS] = {.loop = "ints", .key = "bare-ints", .what = "two int arguments, bare"},
              [TEXT] = {.loop = "text", .key = "bare-text", .what = "a string argument, bare"},
              [HAND_NONE] = {.loop = "hand-none", .key = "hand", .what = "the same by hand in C#, no arguments"},
              [HAND_INTS] = {.loop = "hand-ints",
                             .key = "hand-ints",
                             .what = "the same by hand in C#, two int arguments"},
              [HAND_TEXT] = {.loop = "hand-text",
                             .key = "hand-text",
                             .what = "the same by hand in C#, the length of a string"},
              [CLOCK] = {.loop = "clock", .key = "clock", .what = "two Stopwatch.GetTimestamp alone"},
              [AFTER] = {.loop = "none", .key = "reverted", .what = "after revert"}},
    .probed = {[CLOSED] = {.body = NONE, .key = "closed", .what = "gate closed", .verb = RJ_WATCH, .closed = true},
               [WATCH] = {.body = NONE, .key = "watch", .what = "watch, no arguments", .verb = RJ_WATCH, .bytes = 60},
               [WATCH_FAR] = {.body = NONE,
                              .key = "watch-far",
                              .what = "the same, read on another CPU",
                              .verb = RJ_WATCH,
                              .bytes = 60,
                              .same = true,
                              .far = true},
               [CLOSED_AGAIN] = {.body = NONE,
                                 .key = "closed-again",
                                 .what = "gate closed after use",
                                 .verb = RJ_WATCH,
                                 .closed = true,
                                 .same = true},
               [WATCH_INTS] = {.body = INTS,
                               .key = "watch-ints",
                               .what = "watch, two int arguments",
                               .verb = RJ_WATCH,
                               .bytes = 64,
                               .want = RJ_WANT_ARGS},
               [WATCH_TEXT] = {.body = TEXT,
                               .key = "watch-text",
                               .what = "watch, a string argument",
                               .verb = RJ_WATCH,
                               .bytes = 160,
                               .want = RJ_WANT_ARGS},
               [RESULT] = {.body = NONE,
                           .key = "watch-result",
                           .what = "watch, the result",
                           .verb = RJ_WATCH,
                           .bytes = 60,
                           .want = RJ_WANT_RESULT},
               [STAT] = {.body = NONE, .key = "stat", .what = "stat", .verb = RJ_STAT},
               [STACK] = {.body = NONE, .key = "stack", .what = "stack", .verb = RJ_STACK, .bytes = 560},
               [CLOSED_INTS] = {.body = INTS,
                                .key = "closed-ints",
                                .what = "gate closed, two int arguments",
                                .verb = RJ_WATCH,
                                .want = RJ_WANT_ARGS,
                                .closed = true},
               [REJECTED] = {.body = INTS,
                             .key = "rejected",
                             .what = "watch, the condition rejects",
                             .verb = RJ_WATCH,
                             .want = RJ_WANT_ARGS,
                             .condition = "args.left < 0"},
               [TRACE] = {.body = NONE,
                          .key = "trace",
                          .what = "trace, a call below the root",
                          .verb = RJ_TRACE,
                          .root = "Bench.Loops.None"},
               [OUTSIDE] = {.body = NONE,
                            .key = "trace-outside",
                            .what = "trace, outside of any root",
                            .verb = RJ_TRACE,
                            .root = "Bench.Clocks.TwoTimestamps",
                            .into = "Bench.Bodies.None"}},
};

static const char *const METHODS[] = {
    [NONE] = "Bench.Bodies.None", [INTS] = "Bench.Bodies.TwoInts", [TEXT] = "Bench.Bodies.Text"};

#define BURST_CALLS 4000u

static double calls_take(table *t, const char *loop, uint32_t calls)
{
    char line[256];
    double ns;
    app_ask(&t->app, line, sizeof line, "ns ", "round %s %u 1", loop, calls);
    if (sscanf(line, "ns %lf", &ns) != 1) die("not understood: '%s'", line);
    return ns;
}

static double settle(table *t, const quiet_samples *q)
{
    t->alone += q->alone.n;
    t->taken += q->taken;
    return quiet_median(q);
}

static double median_of(table *t, const char *loop, uint32_t calls, unsigned times)
{
    quiet_samples q = {.before = 0};
    for (t->rounds = 0; quiet_wants(&q, times, t->patience); t->rounds++) {
        quiet_begin(&q);
        quiet_end(&q, calls_take(t, loop, calls));
    }
    return settle(t, &q);
}

/* A long loop: nothing is written. */
static double steady(table *t, const char *loop)
{
    return median_of(t, loop, LONG_CALLS, ROUNDS);
}

static void warm(table *t, const char *loop)
{
    char line[256];
    app_ask(&t->app, line, sizeof line, "ok warm", "warm %s", loop);
}

/* A figure of unoptimised code would say nothing. */
static void must_be_optimised(table *t, int body)
{
    rj_methods m;
    rj_error e;
    if (!rj_find(t->control, &METHODS[body], 1, 0, &m, &e)) die("looking for %s: %s", METHODS[body], e.text);
    if (m.count != 1 || !strstr(m.items[0].code_kind, "tier-1"))
        die("%s is %s and not at tier 1", METHODS[body], m.count ? m.items[0].code_kind : "missing");
    rj_free(m.memory);
}

/* The same of the version that is instrumented: the only one of its process. */
static void must_be_woven_and_optimised(table *t, int body)
{
    rj_ledger l;
    rj_error e;
    if (!rj_list(t->control, &l, &e)) die("listing what is instrumented: %s", e.text);
    bool ok = false;
    for (size_t i = 0; i < l.entry_count; i++)
        ok |= l.entries[i].client_count && strstr(l.entries[i].code_kind, "tier-1");
    if (!ok) die("what is woven into %s is not at tier 1", METHODS[body]);
    rj_free(l.memory);
}

/* Two rdtsc in a row: what no probe with two timestamps can go below. */
static double rdtsc_pair(uint32_t calls)
{
    uint64_t sum = 0;
    double began = own_cpu_ns();
    for (uint32_t i = 0; i < calls; i++) {
        uint64_t first = __rdtsc();
        sum += __rdtsc() - first;
    }
    __asm__ volatile("" ::"r"(sum));
    return (own_cpu_ns() - began) / calls;
}

static void measure_plain(table *t)
{
    for (size_t i = 0; i < AFTER; i++)
        sample(&t->plain[i].ns, steady(t, t->plain[i].loop));
    for (size_t i = 0; i <= TEXT; i++)
        sample(&t->plain[i].burst, median_of(t, t->plain[i].loop, BURST_CALLS, t->bursts));
    quiet_samples q = {.before = 0};
    while (quiet_wants(&q, ROUNDS, t->patience)) {
        quiet_begin(&q);
        quiet_end(&q, rdtsc_pair(BURST_CALLS));
    }
    sample(&t->rdtsc, settle(t, &q));
}

typedef struct counts {
    uint64_t seen, dropped;
} counts;

static uint64_t counted(rj_session *s)
{
    rj_stats stats;
    rj_error e;
    uint64_t calls = 0;
    if (!rj_read_stats(s, &stats, &e)) die("reading statistics: %s", e.text);
    for (size_t i = 0; i < stats.count; i++)
        calls += stats.items[i].calls;
    rj_free(stats.memory);
    return calls;
}

/* What the target has recorded for us so far. */
static counts count(table *t, const probed *p, rj_session *s)
{
    rj_ledger l;
    rj_error e;
    counts c = {0};
    if (!rj_list(t->control, &l, &e)) die("listing what is instrumented: %s", e.text);
    for (size_t i = 0; i < l.client_count; i++) {
        c.seen += l.clients[i].events;
        c.dropped += l.clients[i].dropped;
    }
    rj_free(l.memory);
    if (p->verb == RJ_STAT) c.seen = counted(s);
    return c;
}

static bool count_call(void *owner, const rj_call *call)
{
    *(uint64_t *)owner += call->elapsed < UINT64_MAX;
    return true;
}

/* Reads what lies in the rings; answers how much it was. */
static uint64_t empty_rings(rj_session *s)
{
    rj_error e;
    uint64_t seen = 0, before;
    do {
        before = seen;
        if (!rj_poll(s, 0, &(rj_handlers){.owner = &seen, .call = count_call}, &e)) die("reading events: %s", e.text);
    } while (seen != before);
    return seen;
}

static bool writes_events(const probed *p)
{
    return p->bytes != 0;
}

/* Bursts, each read before the next. */
static uint64_t measure_bursts(table *t, probed *p, rj_session *s)
{
    const uint32_t calls = RING_BYTES / p->bytes;
    quiet_samples ns = {.before = 0};
    samples read = {0};
    uint64_t bursts = 0;
    for (; quiet_wants(&ns, t->bursts, t->patience); bursts++) {
        quiet_begin(&ns);
        const double took = calls_take(t, t->plain[p->body].loop, calls);
        quiet_end(&ns, took);
        if (p->far) pin(LAST_CPU);
        const double began = own_cpu_ns();
        const uint64_t seen = empty_rings(s);
        if (seen != calls) die("%s: %u calls, %" PRIu64 " events", p->what, calls, seen);
        if (read.n < SAMPLES_MOST) sample(&read, (own_cpu_ns() - began) / (double)seen);
        if (p->far) pin(FIRST_CPU);
    }
    sample(&p->ns, settle(t, &ns));
    if (ns.disturbed.n) sample(&p->disturbed, spread_of(&ns.disturbed).median);
    sample(&p->read, spread_of(&read).median);
    return calls * bursts;
}

/* One sample of a probe. Every call must have been recorded, or the sample is worth nothing. */
static void measure_open(table *t, probed *p, rj_session *s)
{
    counts before = count(t, p, s), after;
    uint64_t expected = 0;
    if (writes_events(p)) {
        expected = measure_bursts(t, p, s);
    } else {
        sample(&p->ns, steady(t, t->plain[p->body].loop));
        if (p->verb == RJ_STAT) expected = LONG_CALLS * t->rounds;
        if (p->verb == RJ_TRACE && !p->into) expected = t->rounds; /* trees: a loop is one */
    }
    after = count(t, p, s);
    if (after.seen - before.seen != expected || after.dropped != before.dropped)
        die("%s: of %" PRIu64 " calls %" PRIu64 " were recorded and %" PRIu64 " dropped", p->what, expected,
            after.seen - before.seen, after.dropped - before.dropped);
}

/* The probes of one session: the one at i and those that go on with it. */
static void measure_probe(table *t, size_t i)
{
    probed *p = &t->probed[i];
    rj_error e;
    rj_session *s = must_attach(t->app.pid, "rejit bench");
    must_instrument(s, &(rj_request){.verb = p->verb,
                                     .patterns = p->root ? &p->root : &METHODS[p->body],
                                     .pattern_count = 1,
                                     .levels = p->into ? 0 : 5,
                                     .into = &p->into,
                                     .into_count = p->into != NULL,
                                     .want = p->want,
                                     .condition = p->condition});
    if (!p->closed) must_gate(s, true);
    warm(t, t->plain[p->body].loop);
    must_be_woven_and_optimised(t, p->body);
    empty_rings(s);
    measure_open(t, p, s);
    while (++i < PROBED_COUNT && t->probed[i].same) {
        if (t->probed[i].closed) must_gate(s, false);
        measure_open(t, &t->probed[i], s);
    }
    if (!rj_stop(s, NULL, &e)) die("reverting: %s", e.text);
    rj_close(s);
}

static void cycle(table *t, const bench_options *o)
{
    char line[256];
    t->app = app_driven(o, "Bench", FIRST_CPU);
    app_ask(&t->app, line, sizeof line, "ok warm", "warm");
    measure_plain(t);
    t->control = must_attach(t->app.pid, "rejit bench");
    for (int body = NONE; body <= TEXT; body++)
        must_be_optimised(t, body);
    for (size_t i = 0; i < PROBED_COUNT; i++)
        if (!t->probed[i].same) measure_probe(t, i);
    sample(&t->plain[AFTER].ns, steady(t, t->plain[NONE].loop));
    rj_close(t->control);
    app_send(&t->app, "exit 0\n");
    if (app_end(&t->app)) die("the program Bench failed");
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static void print_line(const char *key, const char *what, const samples *ns, const samples *bare, const samples *hand)
{
    char relation[96] = "";
    int n = 0;
    if (bare) {
        samples over = difference(ns, bare);
        n = snprintf(relation, sizeof relation, "bare %+.2f ns, x %.1f", spread_of(&over).median,
                     spread_of(ns).median / spread_of(bare).median);
    }
    if (hand)
        snprintf(relation + n, sizeof relation - (size_t)n, "; by hand x %.2f",
                 spread_of(ns).median / spread_of(hand).median);
    print_figure(&(figure){.key = key, .what = what, .unit = "ns", .of = ns, .relation = relation});
}

static void print_plain(const table *t, int i)
{
    const plain *p = &t->plain[i];
    const samples *bare = i == AFTER ? &t->plain[NONE].ns : i > TEXT ? &t->plain[(i - HAND_NONE) % 3].ns : NULL;
    print_line(p->key, p->what, &p->ns, bare, NULL);
}

static void print_probed(const table *t, const probed *p)
{
    const plain *bare = &t->plain[p->body];
    bool comparable = !p->closed && p->verb != RJ_STACK && !p->condition;
    print_line(p->key, p->what, &p->ns, writes_events(p) ? &bare->burst : &bare->ns,
               comparable ? &t->plain[HAND_NONE + p->body].ns : NULL);
}

static void print_over(const char *key, const char *what, const samples *a, const samples *b, double target)
{
    samples over = difference(a, b);
    print_figure(&(figure){.key = key, .what = what, .unit = "ns", .of = &over, .target = target});
}

static void print_targets(const table *t)
{
    const samples *bare = &t->plain[NONE].ns, *watch = &t->probed[WATCH].ns;
    samples over = difference(watch, &t->plain[NONE].burst), rate = {0};
    for (size_t i = 0; i < watch->n; i++)
        sample(&rate, 1000 / watch->v[i]);
    print_line("bare-burst", "no arguments, bare, in bursts", &t->plain[NONE].burst, bare, NULL);
    print_figure(&(figure){.key = "rdtsc", .what = "two rdtsc alone", .unit = "ns", .of = &t->rdtsc});
    print_over("over-closed", "gate closed, over bare", &t->probed[CLOSED].ns, bare, 1);
    print_over("over-closed-again", "gate closed after use, over bare", &t->probed[CLOSED_AGAIN].ns, bare, 1);
    print_over("over-rejected", "a condition on an int that rejects, over the gate closed", &t->probed[REJECTED].ns,
               &t->probed[CLOSED_INTS].ns, 2);
    print_over("over-trace", "trace, a call below the root, over bare", &t->probed[TRACE].ns, bare, 40);
    print_over("over-rdtsc", "enter and leave, over bare and two rdtsc", &over, &t->rdtsc, 5);
    if (t->probed[WATCH].disturbed.n)
        print_figure(&(figure){.key = "watch-disturbed",
                               .what = "watch, no arguments, while the core has another guest",
                               .unit = "ns",
                               .of = &t->probed[WATCH].disturbed});
    samples alone = {0};
    sample(&alone, 100 * (double)t->alone / (double)t->taken);
    print_figure(&(figure){.key = "alone", .what = "samples during which it had none", .unit = "%", .of = &alone});
    print_figure(&(figure){.key = "events",
                           .what = "events a second from one core into the ring",
                           .unit = "million",
                           .of = &rate,
                           .relation = "every call in it",
                           .target = 20,
                           .at_least = true});
    print_figure(&(figure){
        .key = "read", .what = "reading such an event in the client", .unit = "ns", .of = &t->probed[WATCH].read});
    print_figure(&(figure){.key = "read-text",
                           .what = "reading one with a string argument",
                           .unit = "ns",
                           .of = &t->probed[WATCH_TEXT].read});
}

void bench_calls(const bench_options *o)
{
    table *t = malloc(sizeof *t);
    if (!t) die("out of memory");
    *t = EMPTY;
    t->bursts = o->quick ? ROUNDS : BURSTS;
    t->patience = o->quick ? 0.25 : PATIENCE;
    pin(FIRST_CPU); /* events are read where they were written: what crossing over costs is a figure of its own */
    alone_calibrate();
    for (unsigned i = 0; i < (o->quick ? 1 : CYCLES); i++)
        cycle(t, o);
    for (int i = 0; i < AFTER; i++)
        print_plain(t, i);
    for (size_t i = 0; i < PROBED_COUNT; i++)
        print_probed(t, &t->probed[i]);
    print_plain(t, AFTER);
    print_targets(t);
    free(t);
}
