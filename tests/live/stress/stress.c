/*
 * Stress, which checks its own results under forced compacting collections, while clients come and go as they like:
 * watch, measure and sample overlapping methods, leave, die, stop reading. REJIT_STRESS_SECONDS for each variant (9).
 */
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 5

static const char *const patterns[] = {
    "Stress.Units.*",
    "Stress.*",
    "Stress.Units.Echo",
    "Stress.Units.Both",
    "Stress.Units.Descend",
    "Stress.Summer.Sum",
    "System.Private.CoreLib!System.Collections.Generic.List<T>.*",
    "System.Private.CoreLib!System.Collections.Generic.Dictionary<TKey,TValue>.*",
    "System.Private.CoreLib!System.Text.StringBuilder.*",
    "System.Private.CoreLib!System.String.*",
    "System.Private.CoreLib!System.Threading.Tasks.*",
    "System.Private.CoreLib!System.Runtime.CompilerServices.*",
    "System.Private.CoreLib!System.Exception.*",
    "System.Private.CoreLib!System.GC.*",
    "System.Private.CoreLib!System.Span<T>.*",
    "System.Linq!*",
};

static const struct {
    const char *pattern, *text;
} conditions[] = {
    {"Stress.Units.Joined", "args.right > 5 && args.left != null"},
    {"Stress.Units.Descend", "args.depth >= 2 || args.carried == \"eeeee\""},
    {"Stress.Units.Mix", "!(args.left < 10) && args.right != 7"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned any(unsigned most)
{
    return (unsigned)rand() % most;
}

static bool on_call(void *owner, const rj_call *c)
{
    ++*(uint64_t *)owner;
    return c->method != NULL;
}

static rj_request any_request(const char **pattern)
{
    rj_request r = {.verb = (rj_verb)(RJ_WATCH + any(3)), .most = 20000, .pattern_count = 1, .later = true};
    if (r.verb == RJ_WATCH) {
        r.want = LOOK_EVERYTHING | (any(4) ? 0 : RJ_WANT_THROWS_ONLY);
        r.depth = any(3);
        r.slow_ns = any(4) ? 0 : 1000;
    }
    *pattern = patterns[any(COUNT(patterns))];
    if (!any(4)) {
        unsigned which = any(COUNT(conditions));
        *pattern = conditions[which].pattern;
        r.condition = conditions[which].text;
    }
    return r;
}

/* One visit: instruments something, looks for a while, and ends in one of the ways there are. False: the program has
 * gone. */
static bool visit(int32_t pid)
{
    rj_error e = {0};
    rj_probes p;
    uint64_t calls = 0;
    const rj_handlers h = {&calls, on_call, NULL};
    const char *pattern;
    rj_request r = any_request(&pattern);
    r.patterns = &pattern;
    rj_session *s = rj_attach(pid, &(rj_options){.name = "visitor", .timeout_ms = 60000}, &e);
    if (!s) return false;
    bool ok = rj_instrument(s, &r, &p, &e) && rj_gate(s, true, &e);
    uint64_t until = live_now_ms() + any(300);
    while (ok && live_now_ms() < until) {
        ok = rj_poll(s, 20, &h, &e);
        if (!any(50)) ok = ok && rj_gate(s, false, &e) && rj_gate(s, true, &e);
    }
    if (!ok && e.code != RJ_GONE) fprintf(stderr, "visitor: %s: %s\n", pattern, e.text);
    switch (ok ? any(5) : 0) {
    case 1: usleep(any(200) * 1000); break; /* does not read */
    case 2: kill(getpid(), SIGKILL); break;
    case 3: rj_stop(s, &h, &e); break;
    case 4: ok = rj_stop(s, NULL, &e); break;
    default: break;
    }
    rj_close(s);
    return ok || e.code != RJ_GONE;
}

static pid_t visitor_start(int32_t pid, unsigned seed)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    srand(seed);
    while (visit(pid)) {
    }
    _exit(0);
}

/* Keeps so many visitors about until the time is over; answers how many died and were replaced. */
static unsigned visitors(int32_t pid, uint64_t until)
{
    pid_t children[CLIENTS];
    unsigned started = 0;
    for (; started < CLIENTS; started++)
        children[started] = visitor_start(pid, started);
    while (live_now_ms() < until) {
        usleep(20000);
        for (size_t i = 0; i < CLIENTS; i++) {
            int status;
            if (waitpid(children[i], &status, WNOHANG) != children[i]) continue;
            if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
                fail_msg("a visitor ended with status %x", (unsigned)status);
            children[i] = visitor_start(pid, started++);
        }
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    return started;
}

static void stress(const char *const *variables)
{
    unsigned seconds = live_seconds("REJIT_STRESS_SECONDS", 9);
    char text[16];
    app a;
    snprintf(text, sizeof text, "%u", seconds + 2);
    app_start(&a,
              &(app_options){.program = "Stress", .args = (const char *[]){text, "4", NULL}, .variables = variables});
    uint64_t memory = app_memory(&a);
    unsigned started = visitors((int32_t)a.pid, live_now_ms() + seconds * 1000ull);
    size_t entries = 1, clients = 1;
    uint64_t began = live_now_ms();
    while ((entries || clients) && live_now_ms() - began < 1000)
        look_ledger(&a, &entries, &clients);
    assert_int_equal(entries + clients, 0);
    uint64_t grown = app_memory(&a);
    const char *line = app_line(&a);
    if (!line) fail_msg("Stress ended with %d", app_wait(&a));
    print_message("%u visitors, %llu MB -> %llu MB, %.120s\n", started, (unsigned long long)memory >> 20,
                  (unsigned long long)grown >> 20, line);
    assert_int_equal(app_number(line, "wrong"), 0);
    assert_int_equal(app_number(line, "total"), 524940812);
    assert_true(app_number(line, "units") > 100);
    assert_int_equal(app_wait(&a), 0);
}

static void test_as_it_is(void **state)
{
    (void)state;
    stress(NULL);
}

static void test_server_gc(void **state)
{
    (void)state;
    stress((const char *[]){"DOTNET_gcServer=1", "DOTNET_GCHeapCount=2", NULL});
}

static void test_without_tiers(void **state)
{
    (void)state;
    stress((const char *[]){"DOTNET_TieredCompilation=0", NULL});
}

static void test_without_pgo(void **state)
{
    (void)state;
    stress((const char *[]){"DOTNET_TieredPGO=0", NULL});
}

static void test_osr(void **state)
{
    (void)state;
    stress((const char *[]){"DOTNET_TC_QuickJitForLoops=1", "DOTNET_OSR_HitLimit=1",
                            "DOTNET_TC_OnStackReplacement_InitialCounter=10", NULL});
}

static void test_without_precompiled_code(void **state)
{
    (void)state;
    stress((const char *[]){"DOTNET_ReadyToRun=0", NULL});
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_as_it_is),      cmocka_unit_test(test_server_gc),
    cmocka_unit_test(test_without_tiers), cmocka_unit_test(test_without_pgo),
    cmocka_unit_test(test_osr),           cmocka_unit_test(test_without_precompiled_code),
};
LIVE_MAIN("stress", tests)
