/*
 * A client that holds instrumentation until its stdin ends, or until it is killed:
 *
 *      hold PID [--stat|--stack] [--closed] [--deaf] [--throws] [--depth N] [--if CONDITION] PATTERN...
 *
 * Says "held METHODS refused REFUSALS" when its probes are in place (and its gates open, unless --closed), each refusal
 * behind it on a line of its own. Each line on stdin is answered by "calls N dropped N in_flight N"; "ledger" by one
 * line for each instrumented method before that. --deaf never reads the rings.
 */
#include "rejit/rejit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATTERNS_MOST 4096u

typedef struct options {
    int32_t pid;
    rj_request request;
    bool closed, deaf;
} options;

static int usage(void)
{
    fputs("usage: hold PID [--stat|--stack] [--closed] [--deaf] [--throws] [--depth N] [--if CONDITION] PATTERN...\n",
          stderr);
    return 2;
}

/* An option by itself; false: it is none of these. */
static bool read_flag(const char *a, options *o)
{
    if (strcmp(a, "--stat") == 0)
        o->request.verb = RJ_STAT;
    else if (strcmp(a, "--stack") == 0)
        o->request.verb = RJ_STACK;
    else if (strcmp(a, "--closed") == 0)
        o->closed = true;
    else if (strcmp(a, "--deaf") == 0)
        o->deaf = true;
    else if (strcmp(a, "--throws") == 0)
        o->request.want |= RJ_WANT_THROWS_ONLY;
    else
        return false;
    return true;
}

static bool read_options(int argc, char **argv, options *o, const char **patterns)
{
    const uint32_t everything = RJ_WANT_ARGS | RJ_WANT_RESULT | RJ_WANT_THIS;
    *o = (options){.request = {.verb = RJ_WATCH, .most = 100000, .want = everything, .later = true}};
    o->request.patterns = patterns;
    for (int i = 1; i < argc; i++) {
        if (read_flag(argv[i], o)) continue;
        if (strcmp(argv[i], "--depth") == 0 && i + 1 < argc)
            o->request.depth = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--if") == 0 && i + 1 < argc)
            o->request.condition = argv[++i];
        else if (!o->pid)
            o->pid = (int32_t)strtol(argv[i], NULL, 10);
        else
            patterns[o->request.pattern_count++] = argv[i];
    }
    return o->pid && o->request.pattern_count;
}

static void print_ledger(rj_session *s)
{
    rj_ledger t;
    rj_error e;
    if (!rj_list(s, &t, &e)) {
        printf("error %s\n", e.text);
        return;
    }
    for (size_t i = 0; i < t.entry_count; i++)
        printf("entry %s %s clients %zu version %u\n", t.entries[i].method, t.entries[i].state,
               t.entries[i].client_count, t.entries[i].version);
    rj_free(t.memory);
}

static bool on_call(void *owner, const rj_call *c)
{
    (void)owner, (void)c;
    return true;
}

static void on_news(void *owner, const rj_news *n)
{
    (void)owner;
    printf("news %d %s %s\n", (int)n->kind, n->text, n->refusal.method ? n->refusal.method : "");
}

static void answer(rj_session *s, const rj_probes *p, const char *line)
{
    for (size_t i = 0; strncmp(line, "refusals", 8) == 0 && i < p->refused_count; i++)
        printf("refused %s (%s): %s\n", p->refused[i].method, p->refused[i].module, p->refused[i].reason);
    if (strncmp(line, "ledger", 6) == 0) print_ledger(s);
    rj_totals t = rj_session_totals(s);
    printf("calls %llu dropped %llu in_flight %llu\n", (unsigned long long)t.calls, (unsigned long long)t.dropped,
           (unsigned long long)t.in_flight);
}

static int hold(rj_session *s, const options *o, const rj_probes *p)
{
    const rj_handlers h = {NULL, on_call, on_news};
    rj_error e;
    char line[256];
    for (;;) {
        struct pollfd in = {.fd = 0, .events = POLLIN};
        if (!o->deaf && !rj_poll(s, 20, &h, &e)) {
            printf("gone %s\n", e.text);
            return 6;
        }
        if (poll(&in, 1, o->deaf ? -1 : 0) <= 0) continue;
        if (!fgets(line, sizeof line, stdin)) return 0;
        answer(s, p, line);
    }
}

int main(int argc, char **argv)
{
    options o;
    rj_error e = {0};
    rj_probes probes;
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0); /* poll must see what fgets has not taken */
    static const char *patterns[PATTERNS_MOST];
    if (argc > (int)PATTERNS_MOST || !read_options(argc, argv, &o, patterns)) return usage();
    rj_session *s = rj_attach(o.pid, &(rj_options){.name = "hold", .timeout_ms = 60000}, &e);
    if (!s || !rj_instrument(s, &o.request, &probes, &e) || (!o.closed && !rj_gate(s, true, &e))) {
        fprintf(stderr, "hold: %s\n", e.text);
        return 3;
    }
    printf("held %zu refused %zu\n", probes.methods, probes.refused_count);
    int code = hold(s, &o, &probes);
    rj_close(s);
    return code;
}
