/*
 * The shop under load, on one CPU, the load on the other. Two processes, served with requests at the same time: one
 * that is never touched, one that gets the agent. CPU time a request is compared, which is far steadier than requests a
 * second; what the two differ by before anything is attached is taken out. Both run without tiers and precompiled code:
 * otherwise requests get cheaper for minutes, by more than what is to be seen.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS       8u
#define SLICE       "2s"
#define WARM_SLICE  "3s"
#define WARM_SLICES 8u

typedef struct server {
    app app;
    char url[64];
} server;

/* What one slice of load saw. */
typedef struct slice {
    double requests, seconds, cpu_us; /* cpu_us: of the server, a request */
    long unexpected;
} slice;

/* A state of the second server, compared with the first. */
typedef struct phase {
    const char *key, *what;
    samples us, percent, rate; /* of the touched one; over the untouched one */
} phase;

/* ---- servers ---- */

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) || getsockname(fd, (struct sockaddr *)&a, &n))
        die("finding a free port: %s", strerror(errno));
    close(fd);
    return ntohs(a.sin_port);
}

static bool answers(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0) close(fd);
    return ok;
}

/* All code is optimised at its first call: nothing climbs a tier while it is measured. */
static void without_tiers(void)
{
    if (setenv("DOTNET_TieredCompilation", "0", 1) || setenv("DOTNET_ReadyToRun", "0", 1)) die("out of memory");
}

static server serve(const bench_options *o)
{
    server s = {0};
    char file[4096], dotnet[] = "dotnet", urls[] = "--urls";
    int port = free_port();
    snprintf(file, sizeof file, "%s/shop/shop.dll", o->apps);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d", port);
    char *arguments[] = {dotnet, file, urls, s.url, NULL};
    s.app = app_start(arguments, NULL, FIRST_CPU, true);
    double deadline = now_ns() + 60e9;
    while (!answers(port)) {
        if (waitpid(s.app.pid, NULL, WNOHANG) != 0) die("the shop ended at once");
        if (!wait_a_little(deadline)) die("the shop does not answer");
    }
    return s;
}

static void finish(server *s)
{
    kill(s->app.pid, SIGTERM);
    if (app_end(&s->app)) die("the shop did not end well");
}

/* ---- load ---- */

static void read_load(app *wrk, slice *s)
{
    char line[512];
    s->unexpected = -1;
    while (s->unexpected < 0) { /* the script prints it last */
        app_line(wrk, line, sizeof line);
        if (sscanf(line, " %lf requests in %lfs", &s->requests, &s->seconds) == 2) continue;
        if (sscanf(line, "unexpected: %ld", &s->unexpected) == 1) break;
    }
}

/* A load that is under way. */
typedef struct load {
    const server *server;
    app wrk;
    double cpu_before;
} load;

static load begin_load(const bench_options *o, const server *s, const char *duration)
{
    char wrk[] = "wrk", t1[] = "-t1", c8[] = "-c8", patience[] = "--timeout=30s", flag[] = "-s", d[32], script[4096],
         url[64];
    snprintf(d, sizeof d, "-d%s", duration);
    snprintf(script, sizeof script, "%s", o->load);
    snprintf(url, sizeof url, "%s", s->url);
    char *arguments[] = {wrk, t1, c8, patience, d, flag, script, url, NULL};
    return (load){s, app_start(arguments, NULL, LAST_CPU, false), cpu_ns_of(s->app.pid)};
}

static slice end_load(load *l)
{
    slice out = {0};
    read_load(&l->wrk, &out);
    out.cpu_us = (cpu_ns_of(l->server->app.pid) - l->cpu_before) / 1e3 / out.requests;
    if (app_end(&l->wrk)) die("wrk failed");
    if (out.unexpected) die("%ld requests failed", out.unexpected);
    return out;
}

/* Both at once, so that whatever else the machine does hits both. */
static void load_both(const bench_options *o, const server *servers, const char *duration, slice *out)
{
    /* a busy machine may not get to the first answer within a slice */
    for (unsigned tries = 0; tries < 30; tries++) {
        load first = begin_load(o, &servers[0], duration), second = begin_load(o, &servers[1], duration);
        out[0] = end_load(&first);
        out[1] = end_load(&second);
        if (out[0].requests >= 1 && out[1].requests >= 1) return;
    }
    die("the shop answers nothing");
}

/* Load until requests stop getting cheaper. */
static void warm_up(const bench_options *o, const server *servers)
{
    double best = (double)INFINITY;
    unsigned same = 0, most = o->quick ? 1 : WARM_SLICES;
    for (unsigned i = 0; i < most && same < 3; i++) {
        slice s[2];
        load_both(o, servers, o->quick ? "1s" : WARM_SLICE, s);
        double us = s[0].cpu_us + s[1].cpu_us;
        same = us < best * 0.97 ? 0 : same + 1;
        best = fmin(best, us);
    }
}

static void compare(const bench_options *o, const server *servers, phase *p, samples *bare_us)
{
    for (unsigned i = 0; i < (o->quick ? 1 : PAIRS); i++) {
        slice s[2];
        load_both(o, servers, o->quick ? "1s" : SLICE, s);
        sample(bare_us, s[0].cpu_us);
        sample(&p->us, s[1].cpu_us);
        sample(&p->percent, 100 * (s[1].cpu_us / s[0].cpu_us - 1));
        sample(&p->rate, s[1].requests / s[1].seconds / (s[0].requests / s[0].seconds));
    }
}

/* ---- rejit at work ---- */

static size_t instrumented(rj_session *control)
{
    rj_ledger l;
    rj_error e;
    if (!rj_list(control, &l, &e)) die("listing what is instrumented: %s", e.text);
    size_t n = 0;
    for (size_t i = 0; i < l.entry_count; i++)
        n += l.entries[i].client_count > 0;
    rj_free(l.memory);
    return n;
}

static char *copy(const char *text)
{
    char *c = strdup(text);
    if (!c) die("out of memory");
    return c;
}

#define WORDS_MOST 64u

/* Starts `rejit VERB PID --json PATTERN...` and waits until its probes are in place. */
static app start_rejit(const bench_options *o, rj_session *control, pid_t pid, const char *verb,
                       const char *const *patterns, size_t *methods)
{
    char number[16], *words[WORDS_MOST] = {0};
    size_t n = 0;
    snprintf(number, sizeof number, "%d", (int)pid);
    words[n++] = copy(o->rejit);
    words[n++] = copy(verb);
    words[n++] = copy(number);
    words[n++] = copy("--json");
    for (; *patterns && n + 1 < WORDS_MOST; patterns++)
        words[n++] = copy(*patterns);
    app a = app_start(words, NULL, LAST_CPU, true);
    while (n)
        free(words[--n]);
    double deadline = now_ns() + 20e9;
    while (!(*methods = instrumented(control))) {
        if (waitpid(a.pid, NULL, WNOHANG) != 0) die("rejit %s ended at once", verb);
        if (!wait_a_little(deadline)) die("rejit %s does not come to work", verb);
    }
    return a;
}

static void stop_rejit(app *a, rj_session *control)
{
    kill(a->pid, SIGINT);
    int code = app_end(a);
    if (code) die("rejit ended with %d", code);
    if (instrumented(control)) die("rejit left something behind");
}

/* ---- the story ---- */

static const char *const TEN[] = {"Shop.Catalogue.CatalogueService.FindAsync",
                                  "Shop.Catalogue.CatalogueService.ListAsync",
                                  "Shop.Carts.CartService.AddAsync",
                                  "Shop.Carts.CartService.CheckQuantity",
                                  "Shop.Orders.OrderService.PlaceAsync",
                                  "Shop.Orders.OrderService.PayAsync",
                                  "Shop.Payments.CardGateway.ChargeAsync",
                                  "Shop.Payments.CardGateway.Authorise",
                                  "Shop.Payments.CardGateway.IsValidNumber",
                                  "Shop.Pricing.Total",
                                  NULL};

static const char *const HUNDRED[] = {"Shop.Catalogue.*", "Shop.Carts.*", "Shop.Pricing.*", NULL};

enum { BEFORE, IDLE, WATCHED, COUNTED, GONE, PHASES };

typedef struct story {
    const bench_options *options;
    server servers[2]; /* bare, touched */
    samples bare_us;
    phase phases[PHASES];
    size_t ten, hundred;
} story;

static void act(story *t, int i)
{
    slice unused[2];
    /* what has just been woven is compiled at its first calls: not what is measured */
    load_both(t->options, t->servers, t->options->quick ? "1s" : WARM_SLICE, unused);
    compare(t->options, t->servers, &t->phases[i], &t->bare_us);
}

static void run_phases(story *t)
{
    pid_t pid = t->servers[1].app.pid;
    rj_session *control = must_attach(pid, "rejit bench");
    act(t, IDLE);
    app rejit = start_rejit(t->options, control, pid, "watch", TEN, &t->ten);
    act(t, WATCHED);
    stop_rejit(&rejit, control);
    rejit = start_rejit(t->options, control, pid, "stat", HUNDRED, &t->hundred);
    act(t, COUNTED);
    stop_rejit(&rejit, control);
    rj_close(control);
    act(t, GONE);
}

static void print_phase(const story *t, int i, const char *what)
{
    const phase *p = &t->phases[i];
    char relation[96];
    double before = spread_of(&t->phases[BEFORE].percent).median, target = i == IDLE || i == GONE ? 1 : 0;
    double rate = spread_of(&p->rate).median / spread_of(&t->phases[BEFORE].rate).median;
    samples percent = {0};
    for (size_t k = 0; k < p->percent.n; k++)
        sample(&percent, 100 * ((1 + p->percent.v[k] / 100) / (1 + before / 100) - 1));
    snprintf(relation, sizeof relation, "%.0f us a request, requests/s x %.2f", spread_of(&p->us).median, rate);
    print_figure(
        &(figure){.key = p->key, .what = what, .unit = "%", .of = &percent, .relation = relation, .target = target});
}

void bench_shop(const bench_options *o)
{
    story *t = calloc(1, sizeof *t);
    if (!t) die("out of memory");
    t->options = o;
    t->phases[BEFORE].key = "shop-before";
    t->phases[IDLE].key = "shop-idle";
    t->phases[WATCHED].key = "shop-watch";
    t->phases[COUNTED].key = "shop-stat";
    t->phases[GONE].key = "shop-gone";
    without_tiers();
    t->servers[0] = serve(o);
    t->servers[1] = serve(o);
    warm_up(o, t->servers);
    compare(o, t->servers, &t->phases[BEFORE], &t->bare_us);
    run_phases(t);
    finish(&t->servers[0]);
    finish(&t->servers[1]);
    char ten[64], hundred[64];
    snprintf(ten, sizeof ten, "%zu methods watched (--json)", t->ten);
    snprintf(hundred, sizeof hundred, "%zu methods in stat", t->hundred);
    print_figure(&(figure){.key = "shop", .what = "CPU time a request, bare", .unit = "us", .of = &t->bare_us});
    print_phase(t, BEFORE, "the second process before anything, over bare");
    print_phase(t, IDLE, "agent idle, over bare");
    print_phase(t, WATCHED, ten);
    print_phase(t, COUNTED, hundred);
    print_phase(t, GONE, "after everything is gone");
    free(t);
}
