/* From native code to IL, by maps as the JIT and the weaver make them. */
#include "engine/engine-priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void an_address_belongs_to_the_entry_that_holds_it(void **state)
{
    (void)state;
    static const clr_native_map map[] = {
        {CLR_IL_PROLOG, 0, 4}, {0, 4, 10}, {CLR_IL_EPILOG, 30, 32}, {9, 20, 30}, {5, 10, 20}, {7, 20, 20},
    };
    static const uint32_t EXPECTED[][2] = {
        {0, 0}, {3, 0}, {4, 0}, {9, 0}, {10, 5}, {19, 5}, {20, 9}, {29, 9}, {30, CLR_IL_NONE}, {31, CLR_IL_NONE},
    };
    for (size_t i = 0; i < RJ_COUNT(EXPECTED); i++)
        assert_int_equal(eng_il_at(map, RJ_COUNT(map), EXPECTED[i][0]), EXPECTED[i][1]);
    assert_int_equal(eng_il_at(map, 0, 4), CLR_IL_NONE);
}

/* As optimised code has them: loops turned round, the slow way of a guess at the end, cold code. */
static void code_of_no_il_belongs_to_what_stands_before(void **state)
{
    (void)state;
    static const clr_native_map map[] = {
        {0, 10, 40},           {12, 60, 70}, {20, 40, 50}, {CLR_IL_NONE, 50, 60}, {CLR_IL_EPILOG, 70, 72},
        {CLR_IL_NONE, 72, 90}, {31, 90, 0},
    };
    assert_int_equal(eng_il_at(map, RJ_COUNT(map), 9), CLR_IL_NONE);
    assert_int_equal(eng_il_at(map, RJ_COUNT(map), 55), 20);
    assert_int_equal(eng_il_at(map, RJ_COUNT(map), 60), 12);
    assert_int_equal(eng_il_at(map, RJ_COUNT(map), 80), CLR_IL_NONE);
    assert_int_equal(eng_il_at(map, RJ_COUNT(map), 5000), 31);
}

static void woven_offsets_lead_back(void **state)
{
    (void)state;
    static const clr_il_map map[] = {{0, 20, 1}, {4, 26, 1}, {4, 40, 1}, {9, 45, 1}, {CLR_IL_NONE, 60, 1}};
    static const uint32_t EXPECTED[][2] = {
        {0, 0}, {19, 0}, {20, 0}, {25, 0}, {26, 4}, {44, 4}, {45, 9}, {59, 9}, {60, CLR_IL_NONE}, {99, CLR_IL_NONE},
    };
    for (size_t i = 0; i < RJ_COUNT(EXPECTED); i++)
        assert_int_equal(eng_il_before_weaving(map, RJ_COUNT(map), EXPECTED[i][0]), EXPECTED[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_belongs_to_the_entry_that_holds_it),
        cmocka_unit_test(code_of_no_il_belongs_to_what_stands_before),
        cmocka_unit_test(woven_offsets_lead_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
