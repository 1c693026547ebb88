/* What base does when an allocation fails: the linker sends malloc and its kin through here. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool counting;
static int left; /* allocations that still succeed while `counting` */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool granted(void)
{
    return !counting || left-- > 0;
}

void *__wrap_malloc(size_t n)
{
    return granted() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return granted() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    return granted() ? __real_realloc(p, n) : NULL;
}

static void grant(int allocations)
{
    counting = true;
    left = allocations;
}

static int end(void **state)
{
    (void)state;
    counting = false;
    return 0;
}

static void arenas_answer_null(void **state)
{
    (void)state;
    arena a = {0};
    grant(1);
    void *first = arena_alloc(&a, 100);
    void *second = arena_alloc(&a, 20000);
    char *text = arena_printf(&a, "%20000s", "");
    void *within = arena_alloc(&a, 100); /* still fits the first chunk */
    counting = false;
    assert_non_null(first);
    assert_null(second);
    assert_null(text);
    assert_non_null(within);
    arena_free(&a);
}

static void buffers_say_that_they_failed(void **state)
{
    (void)state;
    buf_t b = {0};
    grant(1);
    for (int i = 0; i < 1000; i++)
        buf_u8(&b, (uint8_t)i);
    counting = false;
    assert_true(b.failed);
    assert_in_range(b.n, 1, 64);
    assert_string_equal(buf_cstr(&b), "");
    buf_free(&b);
}

static void vectors_keep_what_they_have(void **state)
{
    (void)state;
    VEC(int) v = {0};
    grant(1);
    int *last = NULL;
    for (int i = 0; i < 9; i++)
        if ((last = VEC_PUSH(&v))) *last = i;
    counting = false;
    assert_null(last);
    assert_int_equal(v.n, 8);
    assert_int_equal(v.v[7], 7);
    VEC_FREE(&v);
}

static void maps_keep_what_they_have(void **state)
{
    (void)state;
    map_t m = {0};
    grant(1);
    uint64_t n = 0;
    while (n < 100 && map_put(&m, n, &m))
        n++;
    counting = false;
    assert_int_equal(n, 12); /* three quarters of the first table */
    assert_int_equal(m.n, 12);
    for (uint64_t i = 0; i < n; i++)
        assert_ptr_equal(map_get(&m, i), &m);
    assert_null(map_get(&m, n));
    map_free(&m);
}

static void texts_answer_null(void **state)
{
    (void)state;
    arena a = {0};
    size_t units = 7;
    grant(0);
    uint16_t *wide = text_utf8_to_utf16(&a, "abc", &units);
    counting = false;
    assert_null(wide);
    assert_int_equal(units, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(arenas_answer_null, end),
        cmocka_unit_test_teardown(buffers_say_that_they_failed, end),
        cmocka_unit_test_teardown(vectors_keep_what_they_have, end),
        cmocka_unit_test_teardown(maps_keep_what_they_have, end),
        cmocka_unit_test_teardown(texts_answer_null, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
