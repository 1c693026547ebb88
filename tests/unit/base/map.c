/* The hash map, beside a plain table that does the same slowly. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void *value_of(uint64_t n)
{
    return (void *)(uintptr_t)(n + 1);
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    map_t m = {0};
    size_t at = 0;
    uint64_t key;
    void *value;
    assert_null(map_get(&m, 0));
    assert_null(map_remove(&m, 0));
    assert_false(map_next(&m, &at, &key, &value));
    map_free(&m);
}

static void keys_are_kept_zero_too(void **state)
{
    (void)state;
    map_t m = {0};
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(0x7F0000000000)};
    for (size_t i = 0; i < RJ_COUNT(keys); i++)
        assert_true(map_put(&m, keys[i], value_of(i)));
    assert_int_equal(m.n, RJ_COUNT(keys));
    for (size_t i = 0; i < RJ_COUNT(keys); i++)
        assert_ptr_equal(map_get(&m, keys[i]), value_of(i));
    assert_true(map_put(&m, 0, value_of(99))); /* replaces */
    assert_int_equal(m.n, RJ_COUNT(keys));
    assert_ptr_equal(map_get(&m, 0), value_of(99));
    assert_null(map_get(&m, 2));
    map_free(&m);
    assert_int_equal(m.n, 0);
    assert_null(map_get(&m, 0));
}

static void iteration_meets_each_key_once(void **state)
{
    (void)state;
    map_t m = {0};
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(map_put(&m, i * 4096, value_of(i)));
    bool seen[1000] = {false};
    size_t count = 0;
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&m, &at, &key, &value); count++) {
        uint64_t i = key / 4096;
        assert_false(seen[i]);
        seen[i] = true;
        assert_ptr_equal(value, value_of(i));
    }
    assert_int_equal(count, 1000);
    map_free(&m);
}

#define KEYS 96u

typedef struct model {
    map_t map;
    void *plain[KEYS];
    size_t n;
} model;

static void same(const model *t)
{
    assert_int_equal(t->map.n, t->n);
    for (uint64_t k = 0; k < KEYS; k++)
        assert_ptr_equal(map_get(&t->map, k), t->plain[k]);
}

/* Few keys in a small table: long runs that wrap round its end, and every way to break one. */
static void removals_leave_every_run_whole(void **state)
{
    (void)state;
    model t = {0};
    uint64_t random = 88172645463325252u;
    for (unsigned step = 0; step < 60000; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t k = random % KEYS;
        bool put = (random >> 32) % 100 < (step / 1000 % 2 ? 30u : 70u);
        if (put) {
            t.n += !t.plain[k];
            t.plain[k] = value_of(step);
            assert_true(map_put(&t.map, k, t.plain[k]));
        } else {
            assert_ptr_equal(map_remove(&t.map, k), t.plain[k]);
            t.n -= t.plain[k] != NULL;
            t.plain[k] = NULL;
        }
        same(&t);
    }
    map_free(&t.map);
}

static void a_map_emptied_key_by_key_can_be_filled_again(void **state)
{
    (void)state;
    map_t m = {0};
    for (int round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < 700; i++)
            assert_true(map_put(&m, i << round, value_of(i)));
        for (uint64_t i = 700; i-- > 0;)
            assert_ptr_equal(map_remove(&m, i << round), value_of(i));
        assert_int_equal(m.n, 0);
    }
    assert_true(m.cap <= 1024); /* no tombstones that would have made it grow */
    map_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(keys_are_kept_zero_too),
        cmocka_unit_test(iteration_meets_each_key_once),
        cmocka_unit_test(removals_leave_every_run_whole),
        cmocka_unit_test(a_map_emptied_key_by_key_can_be_filled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
