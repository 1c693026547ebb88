/* The table of JIT interfaces: what must hold for every line, and for a version that nobody knows. */
#include "clr/jit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const clr_guid guids[] = {
    {0x4BCEB905, 0xD550, 0x4A5D, {0xB1, 0xEB, 0x27, 0x6F, 0xFF, 0x68, 0xD1, 0x83}},
    {0xD6218A78, 0x9A34, 0x4C6F, {0x8D, 0xB5, 0x07, 0x7A, 0x06, 0x02, 0x2F, 0xAE}},
    {0x7A8CBC56, 0x9E19, 0x4321, {0x80, 0xB9, 0xA0, 0xD2, 0xC5, 0x78, 0xC9, 0x45}},
};
enum { VERSIONS = sizeof guids / sizeof guids[0] };

static void test_known(void **state)
{
    (void)state;
    static const char *const names[VERSIONS] = {"8.0", "9.0", "10.0"};
    for (size_t i = 0; i < VERSIONS; i++) {
        const clr_jit *j = clr_jit_known(&guids[i]);
        assert_non_null(j);
        assert_string_equal(j->runtime, names[i]);
    }
}

/* The interface only grows at places in between: every call lies in the same order, and within the table. */
static void test_slots(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        const clr_jit *j = clr_jit_known(&guids[i]);
        assert_true(j->slots <= CLR_JIT_SLOTS_MOST);
        for (unsigned call = 0; call < CLR_JIT_CALLS; call++) {
            assert_true(j->slot[call] < j->slots);
            if (call) assert_true(j->slot[call] > j->slot[call - 1]);
        }
        assert_int_equal(j->slot[CLR_JIT_FIND_SIG], j->slot[CLR_JIT_RESOLVE_TOKEN] + 1);
        assert_int_equal(j->slot[CLR_JIT_GET_JIT_FLAGS], j->slots - 1);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        clr_guid other = guids[i];
        other.d[7] ^= 1;
        assert_null(clr_jit_known(&other));
    }
    assert_null(clr_jit_known(&(clr_guid){0}));
}

/* Where the fields lie that are read and written in the runtime's own structures. */
static void test_layouts(void **state)
{
    (void)state;
    assert_int_equal(offsetof(clr_jit_method, il), 16);
    assert_int_equal(offsetof(clr_jit_method, eh_count), 32);
    assert_int_equal(offsetof(clr_jit_method, options), 36);
    assert_int_equal(offsetof(clr_jit_method, sig), 48);
    assert_int_equal(offsetof(clr_jit_method, locals), 160);
    assert_int_equal(offsetof(clr_jit_sig, return_type), 24);
    assert_int_equal(offsetof(clr_jit_sig, arg_count), 26);
    assert_int_equal(offsetof(clr_jit_sig, args), 64);
    assert_int_equal(offsetof(clr_jit_sig, blob), 72);
    assert_int_equal(offsetof(clr_jit_sig, scope), 96);
    assert_int_equal(offsetof(clr_jit_token, type), 24);
    assert_int_equal(offsetof(clr_jit_token, type_spec), 48);
    assert_int_equal(sizeof(clr_jit_eh), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_layouts),
    };
    return cmocka_run_group_tests_name("clr_jit", tests, NULL, NULL);
}
