/* Stacks that go on with who awaits, over every kind of continuation, with the lines of their awaits. */
#include "live.h"

#include <stdlib.h>

/* The methods of Waiting that await one another, the innermost first, and the marks of their awaits in its source. */
static const struct {
    const char *method, *mark;
} chain[] = {
    {"<Plain>d__", "@plain"},   {"<Configured>d__", "@configured"}, {"<Guarded>d__", "@guarded"},
    {"<Valued>d__", "@valued"}, {"<Generic>d__", "@generic"},       {"<Together>d__", "@together"},
    {"<Posted>d__", "@posted"},
};
enum { CHAIN = sizeof chain / sizeof chain[0] };

static unsigned lines[CHAIN], bottom;

static unsigned marked(const char *mark)
{
    char line[512];
    unsigned number = 1;
    FILE *f = fopen(REJIT_SOURCE_DIR "/tests/apps/Async/Waiting.cs", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) && !strstr(line, mark))
        number++;
    fclose(f);
    return number;
}

static int read_marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN; i++)
        lines[i] = marked(chain[i].mark);
    bottom = marked("@bottom");
    return 0;
}

typedef struct seen {
    unsigned calls, whole, most, called;
} seen;

static void check_frame(const rj_call *c, size_t at, const char *method, unsigned line)
{
    const char *file = c->places[at].file;
    if (!strstr(c->frames[at], method)) fail_msg("%s instead of %s", c->frames[at], method);
    if (!strstr(file, "/Waiting.cs") || c->places[at].line != line)
        fail_msg("%s: %s:%u instead of %u", c->frames[at], file, c->places[at].line, line);
}

/* Bottom's timer may have run out before anybody awaits it: then those that called it are on the stack. */
static unsigned called(const rj_call *c, unsigned frames)
{
    unsigned n = 0;
    for (size_t i = 1; i < frames && n < CHAIN; i++)
        n += strstr(c->frames[i], chain[n].method) != NULL;
    return n;
}

/* A chain may be seen before its outer end has begun to wait. */
static bool on_call(void *owner, const rj_call *c)
{
    seen *s = owner;
    unsigned n = (unsigned)c->awaiting;
    assert_true(n < c->frame_count && n <= CHAIN);
    check_frame(c, 0, "<Bottom>d__", bottom);
    unsigned above = called(c, (unsigned)c->frame_count - n);
    assert_true(above + n <= CHAIN);
    for (size_t i = 0; i < n; i++)
        check_frame(c, c->frame_count - n + i, chain[above + i].method, lines[above + i]);
    /* What lets it go on is no caller of anybody. */
    for (size_t i = 0; n && i < c->frame_count; i++)
        assert_null(strstr(c->frames[i], "ThreadPoolWorkQueue"));
    s->most = s->most > n ? s->most : n;
    s->whole += above + n == CHAIN;
    s->called += above > 0;
    s->calls++;
    return true;
}

static rj_session *callers_of_leaf(const app *a, bool awaiters)
{
    rj_error e = {0};
    rj_probes probes;
    rj_session *s = look_attach(a, "awaiters");
    const char *pattern = "Async.Waiting.Leaf";
    rj_request r = {.verb = RJ_STACK, .patterns = &pattern, .pattern_count = 1, .lines = true, .awaiters = awaiters};
    if (!rj_instrument(s, &r, &probes, &e) || !rj_gate(s, true, &e)) fail_msg("%s", e.text);
    assert_int_equal(probes.methods, 1); /* nothing is told of the other one */
    return s;
}

static void take(rj_session *s, seen *x, unsigned calls)
{
    rj_error e = {0};
    rj_handlers h = {.owner = x, .call = on_call};
    while (x->calls < calls)
        if (!rj_poll(s, 1000, &h, &e)) fail_msg("%s", e.text);
}

static void walk(const char *program)
{
    enum { TIMES = 50 };
    app a;
    seen x = {0};
    app_start(&a, &(app_options){.program = program});
    rj_session *s = callers_of_leaf(&a, true);
    app_ok(&a, "call Posted x%u", TIMES);
    take(s, &x, TIMES);
    if (x.whole < TIMES / 2) fail_msg("%u of %u chains are whole", x.whole, x.calls);
    for (int i = 0; i < 3; i++) { /* when everything is hot */
        app_ok(&a, "call Posted x%u", TIMES);
        app_ok(&a, "settle");
    }
    take(s, &x, 4 * TIMES);
    if (x.whole < 2 * TIMES) fail_msg("%u of %u chains are whole", x.whole, x.calls);
    assert_true(x.called >= 4 * TIMES / 8);
    rj_close(s);
    app_ok(&a, "call Posted x%u", TIMES);
    assert_int_equal(app_end(&a), 0);
}

static void test_release(void **state)
{
    (void)state;
    walk("Async");
}

/* Its state machines are objects of their own. */
static void test_debug(void **state)
{
    (void)state;
    walk("AsyncDebug");
}

static void test_several_wait_for_one(void **state)
{
    (void)state;
    app a;
    seen x = {0};
    app_start(&a, &(app_options){.program = "Async"});
    rj_session *s = callers_of_leaf(&a, true);
    app_ok(&a, "call Shared x20");
    take(s, &x, 20);
    assert_int_equal(x.most, 0);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

static void test_not_asked_for(void **state)
{
    (void)state;
    app a;
    seen x = {0};
    app_start(&a, &(app_options){.program = "Async"});
    rj_session *s = callers_of_leaf(&a, false);
    app_ok(&a, "call Posted x5");
    take(s, &x, 5);
    assert_int_equal(x.most, 0);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* Boxes move under the frames that tell of them. */
static void test_under_collections(void **state)
{
    (void)state;
    app a;
    seen x = {0};
    app_start(&a, &(app_options){.program = "Async"});
    rj_session *s = callers_of_leaf(&a, true);
    app_ok(&a, "loop Posted 4");
    for (unsigned i = 0; i < 30; i++) {
        app_ok(&a, "gc 3");
        take(s, &x, x.calls + 1);
    }
    app_ok(&a, "stop");
    if (x.whole < x.calls / 4) fail_msg("%u of %u chains are whole", x.whole, x.calls);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_release, read_marks),
    cmocka_unit_test_setup(test_debug, read_marks),
    cmocka_unit_test_setup(test_several_wait_for_one, read_marks),
    cmocka_unit_test_setup(test_not_asked_for, read_marks),
    cmocka_unit_test_setup(test_under_collections, read_marks),
};

LIVE_MAIN("awaiters", tests)
