/* Stack traces keep their files and lines: what a program says of its own stack is the same with and without probes. */
#include "live.h"

#include <stdlib.h>

static const char *const calls[] = {
    "Traces.Thrown 3",     "Traces.Rethrown",  "Traces.Wrapped",     "Traces.Faulted 1", "Traces.Faulted 2",
    "Traces.Faulted 3",    "Traces.Faulted 4", "Traces.Faulted 5",   "Traces.Current",   "Traces.Frames",
    "Traces.Asynchronous", "Traces.Iterated",  "Traces.Constructed",
};
enum { CALLS = sizeof calls / sizeof calls[0] };

static char *bare[CALLS], *optimised[CALLS]; /* what the program says without probes, at its first tier and when hot */

static void remember(app *a, char **said)
{
    for (size_t i = 0; i < CALLS; i++) {
        free(said[i]);
        said[i] = strdup(app_ok(a, "call %s", calls[i]));
        assert_non_null(said[i]);
        if (!strstr(said[i], "Traces.cs:line ")) fail_msg("%s has no lines: %s", calls[i], said[i]);
    }
}

/* A frame of an instrumented method: what stands before its line, and the line. */
typedef struct frame {
    const char *text;
    size_t length;
    unsigned long line;
} frame;

/* The next frame in an answer, where frames are separated by the characters \ and n; false at the end. */
static bool next_frame(const char **at, frame *f)
{
    static const char BEGIN[] = "Debuggee.Traces.", LINE[] = ".cs:line ";
    const char *begin = *at ? strstr(*at, BEGIN) : NULL, *line = begin ? strstr(begin, LINE) : NULL;
    if (!line) return false;
    char *end;
    *f = (frame){begin, (size_t)(line - begin), strtoul(line + strlen(LINE), &end, 10)};
    *at = end;
    return true;
}

static bool is_same_method(const frame *a, const frame *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/*
 * EXACT: as the bare program says. NEAR, of what was hot and begins anew: there is a frame for every call, as at the
 * first tier, and each line is one that the bare program says too, at its first tier or when hot. FRAMES, of what is
 * optimised again: the same frames with their files; the runtime's lines of optimised code are guesses, in bare
 * programs too.
 */
typedef enum likeness { EXACT, NEAR, FRAMES } likeness;

static bool is_near(const char *now, const char *cold, const char *hot, likeness how)
{
    frame n, c, h;
    while (next_frame(&now, &n)) {
        if (!next_frame(&cold, &c) || !is_same_method(&n, &c)) return false;
        bool known = next_frame(&hot, &h) && is_same_method(&n, &h);
        if (how == NEAR && n.line != c.line && !(known && n.line == h.line)) return false;
    }
    return !next_frame(&cold, &c);
}

static void compare(app *a, const char *when, likeness how)
{
    for (size_t i = 0; i < CALLS; i++) {
        const char *now = app_ok(a, "call %s", calls[i]);
        if (strcmp(now, bare[i]) == 0 || (how != EXACT && is_near(now, bare[i], optimised[i], how))) continue;
        fprintf(stderr, "%s, %s\nbare:         %s\ninstrumented: %s\n", calls[i], when, bare[i], now);
        if (how != EXACT) fprintf(stderr, "bare and hot: %s\n", optimised[i]);
        fail_msg("the stack trace of %s is another one", calls[i]);
    }
}

static void start(app *a, const char *program)
{
    app_start(a, &(app_options){.program = program});
}

static void watch(look *l, const app *a)
{
    look_at(l, a, RJ_WATCH, LOOK_EVERYTHING, 2, "Debuggee.*");
    if (!l->probes.methods) fail_msg("nothing is instrumented");
}

/* Before anything is hot; with the gates open, and closed again. */
static void cold(const char *program)
{
    app a;
    static look l;
    start(&a, program);
    remember(&a, bare);
    assert_int_equal(app_end(&a), 0);
    start(&a, program);
    watch(&l, &a);
    compare(&a, "gates open", EXACT);
    rj_error e = {0};
    assert_true(rj_gate(l.s, false, &e));
    compare(&a, "gates closed", EXACT);
    look_close(&l);
    compare(&a, "reverted", EXACT);
    assert_int_equal(app_end(&a), 0);
}

static void warm(app *a)
{
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < CALLS; i++)
            app_ok(a, "call %s x40", calls[i]);
        app_ok(a, "settle");
    }
}

static void hot(const char *program)
{
    app a;
    static look l;
    start(&a, program);
    remember(&a, bare);
    warm(&a);
    remember(&a, optimised);
    watch(&l, &a);
    compare(&a, "new versions of hot methods", NEAR);
    warm(&a);
    compare(&a, "the same when hot again", FRAMES);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void test_release(void **state)
{
    (void)state;
    cold("Debuggee");
}

static void test_debug(void **state)
{
    (void)state;
    cold("DebuggeeDebug");
}

static void test_release_hot(void **state)
{
    (void)state;
    hot("Debuggee");
}

static void test_debug_hot(void **state)
{
    (void)state;
    hot("DebuggeeDebug");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_release),
    cmocka_unit_test(test_debug),
    cmocka_unit_test(test_release_hot),
    cmocka_unit_test(test_debug_hot),
};

LIVE_MAIN("traces", tests)
