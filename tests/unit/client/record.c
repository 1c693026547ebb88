/* The last calls of each thread: how many are kept, of whom, and in which order. */
#include "client/client-priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { KEEP = 3 };

static void put(rj_session *s, uint32_t tid, uint32_t probe, uint32_t size)
{
    uint8_t event[256] = {0};
    const wire_event v = {.size = size, .tid = tid, .probe = probe};
    memcpy(event, &v, sizeof v);
    event[size - 1] = (uint8_t)probe; /* all of it is kept */
    assert_true(record_put(s, event, size));
}

typedef struct seen {
    char text[256];
    size_t n, most;
} seen;

static bool see(void *owner, const uint8_t *event, uint32_t size)
{
    seen *x = owner;
    wire_event v;
    memcpy(&v, event, sizeof v);
    assert_int_equal(v.size, size);
    assert_int_equal(event[size - 1], (uint8_t)v.probe);
    const size_t at = strlen(x->text);
    snprintf(x->text + at, sizeof x->text - at, "%s%u", at ? " " : "", v.probe);
    return ++x->n < x->most;
}

static const char *kept(rj_session *s, uint32_t tid)
{
    static seen x;
    x = (seen){.most = SIZE_MAX};
    assert_true(record_each(s, tid, see, &x));
    return x.text;
}

static void the_last_of_each_thread(void **state)
{
    (void)state;
    rj_session s = {.wanted.keep = KEEP};
    assert_string_equal(kept(&s, 7), "");
    put(&s, 7, 1, 64);
    put(&s, 7, 2, 128);
    put(&s, 8, 20, 64);
    assert_string_equal(kept(&s, 7), "1 2");
    for (uint32_t i = 3; i < 9; i++)
        put(&s, 7, i, i % 2 ? 256 : 56); /* shorter and longer ones take turns in one place */
    assert_string_equal(kept(&s, 7), "6 7 8");
    assert_string_equal(kept(&s, 8), "20");
    seen two = {.most = 2};
    assert_false(record_each(&s, 7, see, &two)); /* enough */
    assert_string_equal(two.text, "6 7");
    record_free(&s);
}

static void the_thread_that_was_heard_of_longest_ago(void **state)
{
    (void)state;
    enum { THREADS = 1024 };
    rj_session s = {.wanted.keep = KEEP};
    for (uint32_t tid = 0; tid < THREADS; tid++)
        put(&s, tid, tid, 64);
    put(&s, 0, 5, 64); /* heard of again */
    put(&s, THREADS, 9, 64);
    assert_int_equal(s.records.n, THREADS);
    assert_string_equal(kept(&s, 0), "0 5");
    assert_string_equal(kept(&s, 1), "");
    assert_string_equal(kept(&s, 2), "2");
    assert_string_equal(kept(&s, THREADS), "9");
    record_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_of_each_thread),
        cmocka_unit_test(the_thread_that_was_heard_of_longest_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
