/* Sessions that look into a program, with a tally of what they see. */
#include "live.h"

#include "client/client-priv.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

rj_session *look_attach(const app *a, const char *name)
{
    rj_error e = {0};
    rj_session *s = rj_attach((int32_t)a->pid, &(rj_options){.name = name, .timeout_ms = 60000}, &e);
    if (!s) fail_msg("attach: %s", e.text);
    return s;
}

void look_in(look *l, const app *a, rj_request request, const char *const *patterns)
{
    rj_error e = {0};
    memset(l, 0, sizeof *l);
    l->s = look_attach(a, "live test");
    request.patterns = patterns;
    for (request.pattern_count = 0; patterns[request.pattern_count];)
        request.pattern_count++;
    if (!request.verb) request.verb = RJ_WATCH;
    if (!rj_instrument(l->s, &request, &l->probes, &e)) fail_msg("instrument %s: %s", patterns[0], e.text);
}

bool look_more(look *l, rj_request request, const char *const *patterns)
{
    rj_error e = {0};
    request.patterns = patterns;
    for (request.pattern_count = 0; patterns[request.pattern_count];)
        request.pattern_count++;
    l->s->instrumented = false;
    if (rj_instrument(l->s, &request, &l->probes, &e)) return true;
    snprintf(l->last, sizeof l->last, "%.390s", e.text);
    l->s->instrumented = true;
    return false;
}

void look_open(look *l)
{
    rj_error e = {0};
    if (!rj_gate(l->s, true, &e)) fail_msg("gate: %s", e.text);
}

void look_at(look *l, const app *a, rj_verb verb, uint32_t want, uint32_t depth, const char *pattern)
{
    look_in(l, a, (rj_request){.verb = verb, .want = want, .depth = depth, .most = 100000},
            (const char *[]){pattern, NULL});
    look_open(l);
}

static bool on_call(void *owner, const rj_call *c)
{
    look *l = owner;
    l->calls++;
    l->threw += c->outcome == RJ_THREW;
    if (c->probe < LOOK_METHODS) {
        if (!l->seen[c->probe].method[0]) snprintf(l->seen[c->probe].method, sizeof l->seen[0].method, "%s", c->method);
        l->seen[c->probe].calls++;
        l->seen[c->probe].threw += c->outcome == RJ_THREW;
    } else {
        l->elsewhere++;
    }
    snprintf(l->last, sizeof l->last, "%s outcome %d exception %s (%s) args %zu first %s", c->method, (int)c->outcome,
             c->exception, c->message ? c->message : "", c->arg_count,
             c->arg_count && c->args[0].text ? c->args[0].text : "");
    return true;
}

static void on_news(void *owner, const rj_news *n)
{
    look *l = owner;
    l->gates_closed += n->kind == RJ_NOTICE_GATES && !n->open;
    l->reverted += n->kind == RJ_NOTICE_REVERTED;
    l->ended += n->kind == RJ_NOTICE_END;
    l->came_later += n->kind == RJ_NOTICE_PROBES ? n->count : 0;
    if (n->kind != RJ_NOTICE_REFUSED) return;
    l->refused++;
    print_message("refused: %s (%s): %s\n", n->refusal.method, n->refusal.module, n->refusal.reason);
}

void look_take(look *l, int timeout_ms)
{
    rj_error e = {0};
    const rj_handlers h = {l, on_call, on_news};
    if (rj_poll(l->s, timeout_ms, &h, &e)) return;
    if (e.code != RJ_GONE) fail_msg("poll: %s", e.text);
    l->gone = true;
}

void look_drain(look *l)
{
    uint64_t before;
    do {
        before = l->calls;
        look_take(l, 0);
    } while (!l->gone && l->calls != before);
}

void look_quiet(look *l)
{
    uint64_t until = live_now_ms() + 10000;
    while (!l->gone && rj_session_totals(l->s).in_flight && live_now_ms() < until)
        look_take(l, 1);
    look_drain(l);
}

static bool is_named(const char *shown, const char *method)
{
    size_t n = strlen(method);
    return strncmp(shown, method, n) == 0 && strchr("(<", shown[n]) != NULL;
}

uint64_t look_calls(const look *l, const char *method)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LOOK_METHODS; i++)
        if (is_named(l->seen[i].method, method)) n += l->seen[i].calls;
    return n;
}

uint64_t look_threw(const look *l, const char *method)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LOOK_METHODS; i++)
        if (is_named(l->seen[i].method, method)) n += l->seen[i].threw;
    return n;
}

uint64_t look_stat(look *l, const char *method)
{
    rj_stats stats;
    rj_error e = {0};
    uint64_t n = 0;
    if (!rj_read_stats(l->s, &stats, &e)) fail_msg("stats: %s", e.text);
    for (size_t i = 0; i < stats.count; i++)
        if (is_named(stats.items[i].method, method)) n += stats.items[i].calls;
    rj_free(stats.memory);
    return n;
}

const char *look_while(look *l, app *a, const char *fmt, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    app_send(a, "%s", line);
    uint64_t until = live_now_ms() + APP_WAIT_MS;
    while (!app_has_line(a, 0)) {
        look_take(l, 5);
        if (live_now_ms() > until)
            fail_msg("process %d has not answered for %d s: %s", (int)a->pid, APP_WAIT_MS / 1000, line);
    }
    const char *answer = app_line(a);
    if (!answer) fail_msg("the program ended (exit code %d) while it was asked: %s", app_wait(a), line);
    if (!answer || strncmp(answer, "ok", 2) != 0) fail_msg("%s: %s", line, answer);
    return answer;
}

void look_close(look *l)
{
    rj_close(l->s);
    l->s = NULL;
}

/* Looked at often, and left: nobody's, and reverted in a minute. What can be unloaded is "jitted". */
static bool is_parked(const rj_entry *e)
{
    return !e->client_count && strcmp(e->state, "closed") == 0 && strcmp(e->code_kind, "jitted") != 0;
}

void look_ledger(const app *a, size_t *entries, size_t *clients)
{
    rj_ledger t;
    rj_error e = {0};
    rj_session *s = look_attach(a, "ledger");
    if (!rj_list(s, &t, &e)) fail_msg("list: %s", e.text);
    *entries = 0;
    for (size_t i = 0; i < t.entry_count; i++)
        *entries += !is_parked(&t.entries[i]);
    *clients = t.client_count - 1;
    rj_free(t.memory);
    rj_close(s);
}

/* ---- raw ---- */

int raw_connect(const app *a)
{
    const char *tmp = getenv("TMPDIR");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, WIRE_SOCKET_FORMAT, tmp && *tmp ? tmp : "/tmp", (int)a->pid);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail_msg("connect: %s", to.sun_path);
    return fd;
}

void raw_send(int fd, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        if (sent < 0) return; /* the agent has hung up, as it may */
        at += (size_t)sent;
    }
}

bool raw_receive(int fd, void *bytes, size_t room, size_t *n)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, APP_WAIT_MS) <= 0) fail_msg("the agent does not answer");
    ssize_t got = recv(fd, bytes, room, 0);
    *n = got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* ---- main ---- */

const char *live_runtime = "10";

unsigned live_seconds(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

int live_main(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count)
{
    char group[64];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        fprintf(stderr, "usage: %s 8|9|10 [TEST]\n", argv[0]);
        return 2;
    }
    live_runtime = argv[1];
    if (argc > 2) cmocka_set_test_filter(argv[2]);
    snprintf(group, sizeof group, "%s_%s", name, live_runtime);
    return _cmocka_run_group_tests(group, tests, count, NULL, NULL) != 0;
}
