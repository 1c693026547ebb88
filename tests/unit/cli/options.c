/* The table of options: what each verb takes, and what it says to what it does not. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static char said[4096];

/* Parses and keeps what went to standard error. The options point into argv. */
static int parse(verb_id id, options *o, const char *first, ...)
{
    static char *argv[16];
    int argc = 1, out[2], before = dup(2);
    memset(argv, 0, sizeof argv);
    argv[0] = (char *)(uintptr_t)verbs[id].name;
    va_list ap;
    va_start(ap, first);
    for (const char *a = first; a && argc < 15; a = va_arg(ap, const char *))
        argv[argc++] = (char *)(uintptr_t)a;
    va_end(ap);
    assert_int_equal(pipe(out), 0);
    dup2(out[1], 2);
    int code = options_parse(id, argc, argv, o);
    dup2(before, 2);
    close(before);
    close(out[1]);
    ssize_t n = read(out[0], said, sizeof said - 1);
    close(out[0]);
    said[n > 0 ? n : 0] = 0;
    return code;
}

static void everything_is_taken(void **state)
{
    (void)state;
    options o;
    assert_int_equal(parse(VERB_WATCH, &o, "42", "--return", "A.B", "--depth", "2", "--slow", "0.5", "--count=7",
                           "--duration", "1.5", "--if", "n > 1", "-j", NULL),
                     -1);
    assert_true(o.result && o.json);
    assert_int_equal(o.depth, 2);
    assert_int_equal(o.slow_ns, 500000);
    assert_int_equal(o.count, 7);
    assert_int_equal(o.duration_ms, 1500);
    assert_string_equal(o.condition, "n > 1");
    assert_int_equal(o.max_methods, 1000);
    assert_int_equal(o.arg_count, 2);
    assert_string_equal(o.args[0], "42");
    assert_string_equal(o.args[1], "A.B");
}

static void run_leaves_the_programs_options_alone(void **state)
{
    (void)state;
    options o;
    assert_int_equal(parse(VERB_RUN, &o, "--watch", "A.*", "-w", "B.*", "--children", "--", "dotnet", "app.dll",
                           "--json", "-n", "3", NULL),
                     -1);
    assert_int_equal(o.watched.n, 2);
    assert_string_equal(o.watched.v[1], "B.*");
    assert_true(o.children);
    assert_false(o.json);
    assert_int_equal(o.arg_count, 5);
    VEC_FREE(&o.watched);
    assert_int_equal(parse(VERB_RUN, &o, "dotnet", "app.dll", "--watch", "x", NULL), -1); /* without -- too */
    assert_int_equal(o.watched.n, 0);
    assert_int_equal(o.arg_count, 4);
}

static void mistakes_are_named_with_a_remedy(void **state)
{
    (void)state;
    options o;
    assert_int_equal(parse(VERB_WATCH, &o, "1", "X", "--retrun", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "did you mean --return?"));
    assert_int_equal(parse(VERB_STAT, &o, "1", "X", "--depth", "3", NULL), EXIT_USAGE); /* not stat's */
    assert_non_null(strstr(said, "unknown option --depth"));
    assert_int_equal(parse(VERB_WATCH, &o, "1", "X", "-q", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "unknown option -q"));
    assert_int_equal(parse(VERB_WATCH, &o, "1", "X", "--count", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "--count needs a value"));
    assert_int_equal(parse(VERB_WATCH, &o, "1", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "rejit watch PID PATTERN..."));
    assert_int_equal(parse(VERB_ATTACH, &o, "1", "2", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "'2' is one argument too many"));
    assert_int_equal(parse(VERB_RUN, &o, NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "rejit run -- dotnet app.dll"));
}

static void bad_numbers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *option, *value;
    } cases[] = {
        {"--count", "0"},
        {"--count", "-1"},
        {"--count", "1x"},
        {"--count", ""},
        {"--count", "99999999999999999999"},
        {"--depth", "17"},
        {"--depth", "1.5"},
        {"--slow", "-1"},
        {"--slow", "nan"},
        {"--slow", "fast"},
        {"--duration", "0"},
        {"--duration", "inf"},
        {"--max-methods", "0"},
        {"--max-methods", " 5"},
    };
    options o;
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        assert_int_equal(parse(VERB_WATCH, &o, "1", "X", cases[i].option, cases[i].value, NULL), EXIT_USAGE);
        assert_non_null(strstr(said, "is not"));
    }
}

static void help_is_never_a_mistake(void **state)
{
    (void)state;
    options o;
    for (int v = 0; v < VERBS; v++) {
        assert_int_equal(parse((verb_id)v, &o, "--help", NULL), -1);
        assert_true(o.help);
        buf_t b = {0};
        options_usage((verb_id)v, &b);
        assert_non_null(strstr(buf_cstr(&b), verbs[v].name));
        buf_free(&b);
    }
}

static void all_streaming_verbs_share_their_options(void **state)
{
    (void)state;
    static const verb_id streams[] = {VERB_WATCH, VERB_STAT, VERB_STACK, VERB_TRACE};
    options o;
    for (size_t i = 0; i < RJ_COUNT(streams); i++) {
        assert_int_equal(parse(streams[i], &o, "1", "X", "-n", "5", "-t", "2", "--if", "x", "-j", "-m", "9", NULL), -1);
        assert_int_equal(o.max_methods, 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_taken),
        cmocka_unit_test(run_leaves_the_programs_options_alone),
        cmocka_unit_test(mistakes_are_named_with_a_remedy),
        cmocka_unit_test(bad_numbers_are_refused),
        cmocka_unit_test(help_is_never_a_mistake),
        cmocka_unit_test(all_streaming_verbs_share_their_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
