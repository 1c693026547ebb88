/* Errors as values, and the log. */
#include "base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static void an_error_has_code_place_and_text(void **state)
{
    (void)state;
    err_t e = {0};
    assert_false(err_set(&e, ERR_FORMAT, 17, "byte %u is %s", 3u, "off"));
    assert_int_equal(e.code, ERR_FORMAT);
    assert_int_equal(e.at, 17);
    assert_string_equal(e.text, "byte 3 is off");
    assert_false(err_set(NULL, ERR_FORMAT, 0, "nobody listens"));
    assert_false(err_prefix(NULL, "nobody"));
    assert_false(err_errno(NULL, "nobody"));
}

static void a_prefix_comes_before_the_text(void **state)
{
    (void)state;
    err_t e = {0};
    err_set(&e, ERR_LIMIT, 1, "too many");
    assert_false(err_prefix(&e, "reading %s: ", "Foo.dll"));
    assert_string_equal(e.text, "reading Foo.dll: too many");
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(e.at, 1);
}

static void texts_too_long_are_cut_and_ended(void **state)
{
    (void)state;
    struct {
        err_t e;
        char guard[16];
    } s = {.guard = "guard"};
    err_set(&s.e, ERR_LIMIT, 0, "%2000s|", "");
    assert_int_equal(strlen(s.e.text), sizeof s.e.text - 1);
    err_prefix(&s.e, "start ");
    assert_int_equal(strlen(s.e.text), sizeof s.e.text - 1);
    assert_memory_equal(s.e.text, "start ", 6);
    err_prefix(&s.e, "%3000s", "x");
    assert_int_equal(strlen(s.e.text), sizeof s.e.text - 1);
    errno = ENOENT;
    err_errno(&s.e, "%502s", "x"); /* one byte is left: nothing of the reason fits */
    assert_int_equal(strlen(s.e.text), sizeof s.e.text - 1);
    errno = ENOENT;
    err_errno(&s.e, "%3000s", "x");
    assert_int_equal(strlen(s.e.text), sizeof s.e.text - 1);
    assert_string_equal(s.guard, "guard");
}

static void errno_is_said_in_words(void **state)
{
    (void)state;
    err_t e = {0};
    errno = ENOENT;
    assert_false(err_errno(&e, "opening %s", "/nowhere"));
    assert_int_equal(e.code, ERR_SYSTEM);
    assert_string_equal(e.text, "opening /nowhere: No such file or directory");
}

/* What was written to the pipe, which is closed for writing. */
static size_t drain(int fd, char *out, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while (n < size - 1 && (got = read(fd, out + n, size - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = 0;
    close(fd);
    return n;
}

static void lines_below_the_level_are_written(void **state)
{
    (void)state;
    int fds[2];
    char text[8192];
    assert_int_equal(pipe(fds), 0);
    log_to(fds[1], LOG_INFO);
    log_line(LOG_INFO, "unit", "number %d", 7);
    log_line(LOG_DEBUG, "unit", "too quiet");
    log_to(-1, LOG_DEBUG);
    log_line(LOG_ERROR, "unit", "nowhere");
    close(fds[1]);
    drain(fds[0], text, sizeof text);
    log_to(2, LOG_WARN);
    assert_non_null(strstr(text, "rejit info unit: number 7\n"));
    assert_null(strstr(text, "too quiet"));
    assert_null(strstr(text, "nowhere"));
}

static void a_line_too_long_is_cut_and_ended(void **state)
{
    (void)state;
    int fds[2];
    char text[8192];
    assert_int_equal(pipe(fds), 0);
    log_to(fds[1], LOG_ERROR);
    log_line(LOG_ERROR, "unit", "%4000s", "x");
    close(fds[1]);
    size_t n = drain(fds[0], text, sizeof text);
    log_to(2, LOG_WARN);
    assert_in_range(n, 512, 1024);
    assert_int_equal(text[n - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    assert_int_equal(strlen(text), n); /* no NUL inside */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_code_place_and_text),  cmocka_unit_test(a_prefix_comes_before_the_text),
        cmocka_unit_test(texts_too_long_are_cut_and_ended),  cmocka_unit_test(errno_is_said_in_words),
        cmocka_unit_test(lines_below_the_level_are_written), cmocka_unit_test(a_line_too_long_is_cut_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
