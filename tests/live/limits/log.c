/* The agent's own log: off until somebody asks for it, at any time, and then as loud as they want. */
#include "live.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];

static void start(app *a, const char *variable)
{
    app_start(a, &(app_options){.program = "Debuggee", .variables = (const char *[]){variable, NULL}});
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/rejit-%d.log", tmp && *tmp ? tmp : "/tmp", (int)a->pid);
}

static void set(rj_session *s, const char *level)
{
    rj_error e = {0};
    const char *file = NULL;
    if (!rj_log(s, level, &file, &e)) fail_msg("log %s: %s", level, e.text);
    assert_string_equal(file, path);
}

static bool holds(const char *words)
{
    char line[2048];
    bool found = false;
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, words) != NULL;
    if (f) fclose(f);
    return found;
}

static long size_of_log(void)
{
    struct stat st;
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void watch_a_call(app *a)
{
    static look l;
    look_at(&l, a, RJ_WATCH, LOOK_EVERYTHING, 2, "Debuggee.Orders.Grade");
    look_while(&l, a, "call Orders.Grade 5");
    look_close(&l);
    app_ok(a, "call Orders.Grade 5");
}

static void test_at_run_time(void **state)
{
    (void)state;
    app a;
    struct stat st;
    start(&a, "REJIT_OTHER=1");
    rj_session *s = look_attach(&a, "log test");
    watch_a_call(&a);
    assert_int_equal(size_of_log(), -1);
    set(s, "debug");
    watch_a_call(&a);
    assert_true(holds("Debuggee.dll") && holds("the runtime asks for its IL: woven"));
    assert_true(holds("Debuggee.Orders.Grade") && holds("is compiled (00000000)"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    set(s, "warning");
    long before = size_of_log();
    watch_a_call(&a);
    assert_int_equal(size_of_log(), before);
    set(s, "off");
    watch_a_call(&a);
    assert_int_equal(size_of_log(), before);
    set(s, "info"); /* the same file goes on */
    assert_true(size_of_log() > before);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
    unlink(path);
}

static void test_bad_level(void **state)
{
    (void)state;
    app a;
    rj_error e = {0};
    const char *file = NULL;
    start(&a, "REJIT_LOG=loud");
    rj_session *s = look_attach(&a, "log test");
    assert_false(rj_log(s, "loud", &file, &e));
    assert_int_equal(e.code, RJ_USAGE);
    assert_non_null(strstr(e.text, "off, error, warning, info or debug"));
    assert_int_equal(size_of_log(), -1);
    rj_close(s);
    assert_int_equal(app_end(&a), 0);
}

static void test_from_the_start(void **state)
{
    (void)state;
    app a;
    start(&a, "REJIT_LOG=debug");
    watch_a_call(&a);
    assert_true(holds("the runtime asks for its IL: woven"));
    assert_int_equal(app_end(&a), 0);
    unlink(path);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_at_run_time),
    cmocka_unit_test(test_bad_level),
    cmocka_unit_test(test_from_the_start),
};

LIVE_MAIN("log", tests)
