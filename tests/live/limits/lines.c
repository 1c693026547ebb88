/* Files and lines of frames: what a program says of its own stack is what rejit says of it. */
#include "live.h"

#include <stdlib.h>

enum {
    LEAST = 9,    /* places of Traces.Deep */
    REPLACED = 5, /* up to Deep itself: where it was replaced on the stack, its caller cannot be seen */
    LONG = 200000 /* rounds, in which it is */
};

/* Places, one behind the other: "/src/Traces.cs:12 ...". */
typedef struct places {
    char text[16384];
    size_t n;
    unsigned count;
} places;

static void add(places *p, const char *file, size_t size, unsigned long line)
{
    int n = snprintf(p->text + p->n, sizeof p->text - p->n, "%.*s:%lu\n", (int)size, file, line);
    p->n += (size_t)n;
    p->count++;
    assert_true(p->n < sizeof p->text);
}

/* A frame with a line ends with " in FILE:line N". */
static void read_trace(const char *answer, places *out)
{
    static const char IN[] = " in /", LINE[] = ":line ";
    *out = (places){.n = 0};
    for (const char *at = answer; (at = strstr(at, IN));) {
        const char *file = at + strlen(IN) - 1, *line = strstr(file, LINE);
        assert_non_null(line);
        char *end;
        add(out, file, (size_t)(line - file), strtoul(line + strlen(LINE), &end, 10));
        at = end;
    }
}

static bool on_call(void *owner, const rj_call *c)
{
    places *p = owner;
    *p = (places){.n = 0};
    for (size_t i = 0; i < c->frame_count; i++)
        if (*c->places[i].file) add(p, c->places[i].file, strlen(c->places[i].file), c->places[i].line);
    return true;
}

static rj_session *callers_of(const app *a, const char *pattern)
{
    rj_error e = {0};
    rj_probes probes;
    rj_session *s = look_attach(a, "lines");
    rj_request r = {.verb = RJ_STACK, .patterns = &pattern, .pattern_count = 1, .lines = true};
    if (!rj_instrument(s, &r, &probes, &e) || !rj_gate(s, true, &e)) fail_msg("%s", e.text);
    return s;
}

/* Runs a scenario so often; *ours is what rejit says of the last call. */
static void call(app *a, rj_session *s, const char *scenario, unsigned times, places *theirs, places *ours)
{
    rj_error e = {0};
    rj_handlers h = {.owner = ours, .call = on_call};
    uint64_t all = rj_session_totals(s).calls + times;
    read_trace(app_ok(a, "call %s x%u", scenario, times), theirs);
    while (rj_session_totals(s).calls < all)
        if (!rj_poll(s, 1000, &h, &e)) fail_msg("%s", e.text);
}

/* Up to the end of so many places. */
static size_t end_of(const places *p, unsigned count)
{
    const char *at = p->text;
    while (count-- && (at = strchr(at, '\n')))
        at++;
    if (!at) fail_msg("too few: %s", p->text);
    return (size_t)(at - p->text);
}

static void compare(app *a, rj_session *s, const char *when, unsigned rounds)
{
    static places theirs, ours;
    char scenario[32];
    snprintf(scenario, sizeof scenario, "Traces.Deep %u", rounds);
    call(a, s, scenario, 1, &theirs, &ours);
    if (theirs.count < LEAST) fail_msg("%s: too few: %s", when, theirs.text);
    size_t n = rounds == LONG ? end_of(&theirs, REPLACED) : theirs.n + 1;
    if (strncmp(theirs.text, ours.text, n) != 0)
        fail_msg("%s\nthe program:\n%s\nrejit:\n%s", when, theirs.text, ours.text);
}

static void warm(app *a, rj_session *s)
{
    static places theirs, ours;
    for (int round = 0; round < 3; round++) {
        call(a, s, "Traces.Deep", 40, &theirs, &ours);
        app_ok(a, "settle");
    }
}

/* Unoptimised code; a frame that was replaced on the stack; what tiering makes of it; all of that woven by another
 * session as well, and taken back. */
static void walk(const char *program)
{
    app a;
    static look other;
    app_start(&a, &(app_options){.program = program});
    rj_session *s = callers_of(&a, "Debuggee.Traces.Mark");
    compare(&a, s, "at the first call", 1);
    compare(&a, s, "in a long loop", LONG);
    warm(&a, s);
    compare(&a, s, "when hot", 1);
    look_at(&other, &a, RJ_WATCH, LOOK_EVERYTHING, 2, "Debuggee.*");
    if (!other.probes.methods) fail_msg("nothing is instrumented");
    compare(&a, s, "woven", 1);
    compare(&a, s, "woven, in a long loop", LONG);
    warm(&a, s);
    compare(&a, s, "woven and hot", 1);
    look_close(&other);
    compare(&a, s, "reverted", 1);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

/* The line of a source file of the programs that holds the mark. */
static unsigned marked(const char *file, const char *mark)
{
    char path[512];
    snprintf(path, sizeof path, REJIT_SOURCE_DIR "/tests/apps/%s", file);
    char line[512];
    unsigned number = 1;
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) && !strstr(line, mark))
        number++;
    fclose(f);
    return number;
}

/* The runtime's own traces tell of such frames where the try clause was left. rejit tells the line of the call. */
static void test_handlers(void **state)
{
    (void)state;
    static places theirs, ours;
    char expected[64];
    app a;
    app_start(&a, &(app_options){.program = "Debuggee"});
    rj_session *s = callers_of(&a, "Debuggee.Traces.Mark");
    call(&a, s, "Traces.Handled", 1, &theirs, &ours);
    for (const char *const *mark = (const char *const[]){"handled-finally", "handled-catch", NULL}; *mark; mark++) {
        snprintf(expected, sizeof expected, "/Traces.cs:%u\n", marked("Debuggee/Traces.cs", *mark));
        if (!strstr(ours.text, expected)) fail_msg("%s is not in %s", expected, ours.text);
    }
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

static void test_release(void **state)
{
    (void)state;
    walk("Debuggee");
}

/* Its PDB is embedded. */
static void test_debug(void **state)
{
    (void)state;
    walk("DebuggeeDebug");
}

static void expect_first(const places *p, const char *file, unsigned line)
{
    char expected[64];
    snprintf(expected, sizeof expected, "/%s:%u\n", file, line);
    const char *found = strstr(p->text, expected);
    if (!found || strchr(p->text, '\n') != found + strlen(expected) - 1) fail_msg("%s, not%s", p->text, expected);
}

/* Its assemblies have no files of their own; the PDB lies beside the program. */
static void test_one_file(void **state)
{
    (void)state;
    static places theirs, ours;
    char shape[32];
    app a;
    snprintf(shape, sizeof shape, "single-%s", live_runtime);
    app_start(&a, &(app_options){.program = "Target", .shape = shape});
    rj_session *s = callers_of(&a, "Target.Work.Callee");
    call(&a, s, "Work.CallerOne", 1, &theirs, &ours);
    expect_first(&ours, "Work.cs", marked("Target/Work.cs", "int CallerOne("));
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_release),
    cmocka_unit_test(test_debug),
    cmocka_unit_test(test_handlers),
    cmocka_unit_test(test_one_file),
};

LIVE_MAIN("lines", tests)
