/* The layout of the shared memory, which two versions of the program must agree on, and the histogram's buckets. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void layouts_stay(void **state)
{
    (void)state;
    assert_int_equal(sizeof(wire_header), 16);
    assert_int_equal(sizeof(wire_event), 48);
    assert_int_equal(offsetof(wire_event, start), 16);
    assert_int_equal(offsetof(wire_event, exception), 32);
    assert_int_equal(sizeof(wire_piece), 24);
    assert_int_equal(sizeof(wire_slot), 128);
    assert_int_equal(offsetof(wire_slot, tail), 64);
    assert_int_equal(sizeof(wire_stat), 32 + 8 * WIRE_BUCKETS);
    assert_int_equal(offsetof(wire_memory, epoch_ticks), 72);
    assert_int_equal(sizeof(wire_memory), 152);
    assert_int_equal(offsetof(wire_memory, governed), 120); /* the same */
    assert_int_equal(offsetof(wire_memory, keys_at), 104); /* an older agent knows of none, and leaves zeros there */
    assert_int_equal(offsetof(wire_key, bytes), 24);
    assert_int_equal(sizeof(wire_key) % 8, 0);
}

static void every_value_lies_in_its_bucket(void **state)
{
    (void)state;
    unsigned last = 0;
    for (uint64_t v = 0; v < UINT64_C(1) << 43; v = v < 4096 ? v + 1 : v + v / 97) {
        unsigned b = wire_bucket(v);
        assert_true(b < WIRE_BUCKETS);
        assert_true(b >= last);
        assert_true(wire_bucket_least(b) <= v);
        if (b + 1 < WIRE_BUCKETS) assert_true(v < wire_bucket_least(b + 1));
        last = b;
    }
    assert_int_equal(wire_bucket(UINT64_MAX), WIRE_BUCKETS - 1);
}

static void a_bucket_is_at_most_an_eighth_wide(void **state)
{
    (void)state;
    for (unsigned b = 16; b + 1 < WIRE_BUCKETS; b++) {
        uint64_t least = wire_bucket_least(b), next = wire_bucket_least(b + 1);
        assert_true((next - least) * 8 <= least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_stay),
        cmocka_unit_test(every_value_lies_in_its_bucket),
        cmocka_unit_test(a_bucket_is_at_most_an_eighth_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
