/* Signatures: compressed integers, every form of a type, whole signatures, generic arguments put in. */
#include "cil/cil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BLOB(...) ((cil_blob){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})
#define REF(rid)  ((rid) << 2 | 1) /* a TypeRef as it is encoded, up to rid 31 */
#define DEF(rid)  ((rid) << 2)

/* The examples of ECMA-335 II.23.2. */
static void unsigned_integers(void **state)
{
    (void)state;
    static const struct {
        uint32_t value, n;
        uint8_t bytes[4];
    } rows[] = {
        {0x03, 1, {0x03}},
        {0x7F, 1, {0x7F}},
        {0x80, 2, {0x80, 0x80}},
        {0x2E57, 2, {0xAE, 0x57}},
        {0x3FFF, 2, {0xBF, 0xFF}},
        {0x4000, 4, {0xC0, 0x00, 0x40, 0x00}},
        {0x1FFFFFFF, 4, {0xDF, 0xFF, 0xFF, 0xFF}},
    };
    for (size_t i = 0; i < RJ_COUNT(rows); i++) {
        uint32_t v;
        assert_int_equal(cil_read_compressed((cil_blob){rows[i].bytes, rows[i].n}, &v), rows[i].n);
        assert_int_equal(v, rows[i].value);
        assert_int_equal(cil_read_compressed((cil_blob){rows[i].bytes, rows[i].n - 1}, &v), 0);
        buf_t out = {0};
        cil_write_compressed(&out, rows[i].value);
        assert_int_equal(out.n, rows[i].n);
        assert_memory_equal(out.p, rows[i].bytes, out.n);
        buf_free(&out);
    }
    uint32_t v;
    assert_int_equal(cil_read_compressed(BLOB(0xE0, 0, 0, 0), &v), 0);
    assert_int_equal(cil_read_compressed(BLOB(0xFF), &v), 0);
}

static void signed_integers(void **state)
{
    (void)state;
    static const struct {
        int32_t value;
        uint32_t n;
        uint8_t bytes[4];
    } rows[] = {
        {3, 1, {0x06}},
        {-3, 1, {0x7B}},
        {63, 1, {0x7E}},
        {64, 2, {0x80, 0x80}},
        {-64, 1, {0x01}},
        {-65, 2, {0xBF, 0x7F}},
        {8192, 4, {0xC0, 0x00, 0x40, 0x00}},
        {-8192, 2, {0x80, 0x01}},
        {268435455, 4, {0xDF, 0xFF, 0xFF, 0xFE}},
        {-268435456, 4, {0xC0, 0x00, 0x00, 0x01}},
    };
    for (size_t i = 0; i < RJ_COUNT(rows); i++) {
        int32_t v;
        assert_int_equal(cil_read_compressed_signed((cil_blob){rows[i].bytes, rows[i].n}, &v), rows[i].n);
        assert_int_equal(v, rows[i].value);
        buf_t out = {0};
        cil_write_compressed_signed(&out, rows[i].value);
        assert_int_equal(out.n, rows[i].n);
        assert_memory_equal(out.p, rows[i].bytes, out.n);
        buf_free(&out);
    }
}

static void type_tokens(void **state)
{
    (void)state;
    static const cil_token tokens[] = {0x02000001, 0x01000012, 0x1B000003, 0x02FFFFFF};
    for (size_t i = 0; i < RJ_COUNT(tokens); i++) {
        buf_t out = {0};
        cil_token back;
        cil_write_type_token(&out, tokens[i]);
        assert_int_equal(cil_read_type_token((cil_blob){out.p, (uint32_t)out.n}, &back), out.n);
        assert_int_equal(back, tokens[i]);
        buf_free(&out);
    }
    cil_token t;
    assert_int_equal(cil_read_type_token(BLOB(0x49), &t), 1); /* II.23.2.8: TypeRef 0x12 */
    assert_int_equal(t, 0x01000012);
    assert_int_equal(cil_read_type_token(BLOB(0x07), &t), 0); /* no such tag */
    assert_int_equal(cil_read_type_token(BLOB(0x01), &t), 0); /* rid 0 */
}

static void primitives_stand_alone(void **state)
{
    (void)state;
    static const uint8_t elements[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0x16, 0x18, 0x19, 0x1C};
    for (size_t i = 0; i < sizeof elements; i++) {
        cil_type t;
        assert_int_equal(cil_type_read(BLOB(elements[i], 0x08), &t), 1);
        assert_int_equal(t.element, elements[i]);
        assert_int_equal(t.bare.n, 1);
        assert_false(t.byref || t.pinned);
    }
}

static void prefixes_are_taken_off(void **state)
{
    (void)state;
    cil_type t;
    assert_int_equal(cil_type_read(BLOB(0x1F, REF(2), 0x10, 0x20, DEF(3), 0x08, 0x99), &t), 6);
    assert_true(t.byref);
    assert_false(t.pinned);
    assert_int_equal(t.element, CIL_E_I4);
    assert_int_equal(t.whole.n, 6);
    assert_int_equal(t.bare.n, 1);
    assert_int_equal(t.bare.p[0], 0x08);
    assert_int_equal(cil_type_read(BLOB(0x45, 0x10, 0x0E), &t), 3);
    assert_true(t.byref && t.pinned);
    assert_int_equal(t.element, CIL_E_STRING);
}

static void named_types_carry_their_token(void **state)
{
    (void)state;
    cil_type t;
    assert_int_equal(cil_type_read(BLOB(0x12, REF(5)), &t), 2);
    assert_int_equal(t.element, CIL_E_CLASS);
    assert_int_equal(t.token, 0x01000005);
    assert_int_equal(cil_type_read(BLOB(0x11, DEF(6)), &t), 2);
    assert_int_equal(t.element, CIL_E_VALUETYPE);
    assert_int_equal(t.token, 0x02000006);
    assert_int_equal(cil_type_read(BLOB(0x13, 0x02), &t), 2);
    assert_int_equal(t.number, 2);
    assert_int_equal(cil_type_read(BLOB(0x15, 0x11, REF(7), 2, 0x08, 0x1D, 0x0E, 0x77), &t), 7);
    assert_int_equal(t.element, CIL_E_GENERICINST);
    assert_true(t.generic_is_value);
    assert_int_equal(t.token, 0x01000007);
    assert_int_equal(t.number, 2);
    assert_int_equal(t.args.n, 3);
    assert_int_equal(t.args.p[0], 0x08);
}

static void arrays_and_pointers_carry_what_they_hold(void **state)
{
    (void)state;
    cil_type t;
    assert_int_equal(cil_type_read(BLOB(0x1D, 0x20, REF(1), 0x0E), &t), 4);
    assert_int_equal(t.element, CIL_E_SZARRAY);
    assert_int_equal(t.inner.n, 3);
    assert_int_equal(cil_type_read(BLOB(0x0F, 0x01), &t), 2);
    assert_int_equal(t.inner.p[0], CIL_E_VOID);
    assert_int_equal(cil_type_read(BLOB(0x14, 0x08, 3, 2, 4, 5, 2, 0x7B, 0x06), &t), 9);
    assert_int_equal(t.element, CIL_E_ARRAY);
    assert_int_equal(t.number, 3);
    assert_int_equal(t.inner.n, 1);
    assert_int_equal(cil_type_read(BLOB(0x1B, 0x09, 2, 0x01, 0x08, 0x10, 0x0E, 0x55), &t), 7);
    assert_int_equal(t.element, CIL_E_FNPTR);
}

static void malformed_types_are_refused(void **state)
{
    (void)state;
    const cil_blob bad[] = {
        BLOB(0x00),                     /* END */
        BLOB(0x21, 1, 2, 3),            /* INTERNAL: the runtime's own, never in a file */
        BLOB(0x41, 0x08),               /* SENTINEL outside of parameters */
        BLOB(0x17),                     /* no such element */
        BLOB(0x10),                     /* a reference to nothing */
        BLOB(0x10, 0x10, 0x08),         /* a reference to a reference */
        BLOB(0x45, 0x45, 0x08),         /* pinned twice */
        BLOB(0x1F, REF(1)),             /* only a modifier */
        BLOB(0x12),                     /* no token */
        BLOB(0x12, 0x07),               /* a token of no table */
        BLOB(0x13),                     /* no number */
        BLOB(0x14, 0x08),               /* no shape */
        BLOB(0x14, 0x08, 0, 0, 0),      /* rank 0 */
        BLOB(0x14, 0x08, 1, 9, 1),      /* sizes cut short */
        BLOB(0x15, 0x08, 1, 1, 8),      /* an instance of a primitive */
        BLOB(0x15, 0x12, REF(1), 0),    /* no argument */
        BLOB(0x15, 0x12, REF(1), 2, 8), /* one too few */
        BLOB(0x1B, 0x06, 0, 1),         /* not a method's convention */
        BLOB(0x1B, 0x00, 9, 1, 8),      /* parameters cut short */
    };
    for (size_t i = 0; i < RJ_COUNT(bad); i++) {
        cil_type t;
        buf_t out = {0};
        if (cil_type_read(bad[i], &t) != 0) fail_msg("row %zu is read", i);
        assert_int_equal(t.whole.n, 0);
        if (cil_type_substitute(bad[i], NULL, 0, NULL, 0, &out)) fail_msg("row %zu is copied", i);
        assert_int_equal(out.n, 0);
        buf_free(&out);
    }
    cil_type t;
    assert_int_equal(cil_type_read((cil_blob){NULL, 0}, &t), 0);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    uint32_t n = 1000000;
    uint8_t *deep = malloc(n);
    assert_non_null(deep);
    memset(deep, CIL_E_SZARRAY, n);
    deep[n - 1] = CIL_E_I4;
    cil_type t;
    assert_int_equal(cil_type_read((cil_blob){deep, n}, &t), 0);
    assert_int_equal(cil_type_read((cil_blob){deep + n - 65, 65}, &t), 0);
    assert_int_equal(cil_type_read((cil_blob){deep + n - 64, 64}, &t), 64);
    buf_t out = {0};
    assert_false(cil_sig_roundtrip((cil_blob){deep, n}, &out, NULL));
    assert_true(cil_sig_roundtrip((cil_blob){deep + n - 64, 64}, &out, NULL));
    buf_free(&out);
    free(deep);
}

static void method_signatures(void **state)
{
    (void)state;
    arena a = {0};
    cil_method_sig s;
    err_t e = {0};
    assert_true(cil_method_sig_read(&a, BLOB(0x30, 2, 2, 0x1E, 0, 0x10, 0x13, 1, 0x1D, 0x0E), &s, &e));
    assert_int_equal(s.convention, 0x30);
    assert_int_equal(s.generic_count, 2);
    assert_int_equal(s.param_count, 2);
    assert_int_equal(s.sentinel, 2);
    assert_int_equal(s.ret.element, CIL_E_MVAR);
    assert_true(s.params[0].byref);
    assert_int_equal(s.params[0].number, 1);
    assert_int_equal(s.params[1].element, CIL_E_SZARRAY);
    /* a call with variable arguments, behind the sentinel */
    assert_true(cil_method_sig_read(&a, BLOB(0x05, 3, 0x01, 0x0E, 0x41, 0x08, 0x0D), &s, &e));
    assert_int_equal(s.sentinel, 1);
    assert_int_equal(s.params[2].element, CIL_E_R8);
    assert_true(cil_method_sig_read(&a, BLOB(0x00, 0, 0x01), &s, &e));
    assert_int_equal(s.param_count, 0);
    arena_free(&a);
}

static void malformed_method_signatures_have_their_place(void **state)
{
    (void)state;
    const struct {
        cil_blob sig;
        int64_t at;
    } bad[] = {
        {{NULL, 0}, 0},
        {BLOB(0x06, 0x08), 0},          /* a field */
        {BLOB(0x07, 1, 0x08), 0},       /* locals */
        {BLOB(0x00), 1},                /* no count */
        {BLOB(0x00, 0), 2},             /* no result */
        {BLOB(0x00, 2, 0x01, 0x08), 3}, /* one parameter for two */
        {BLOB(0x00, 2, 0x01, 0x08, 0x00), 4},
        {BLOB(0x00, 1, 0x01, 0x01), 4},             /* a void parameter */
        {BLOB(0x05, 2, 0x01, 0x41, 0x41, 0x08), 4}, /* two sentinels */
        {BLOB(0x00, 0xDF, 0xFF, 0xFF, 0xFF, 0x01), 6},
    };
    for (size_t i = 0; i < RJ_COUNT(bad); i++) {
        arena a = {0};
        cil_method_sig s;
        err_t e = {0};
        if (cil_method_sig_read(&a, bad[i].sig, &s, &e)) fail_msg("row %zu is read", i);
        assert_int_equal(e.code, ERR_FORMAT);
        if (e.at != bad[i].at) fail_msg("row %zu: place %lld", i, (long long)e.at);
        arena_free(&a);
    }
}

static void local_variables(void **state)
{
    (void)state;
    arena a = {0};
    cil_locals l;
    err_t e = {0};
    const cil_blob sig = BLOB(0x07, 3, 0x08, 0x45, 0x10, 0x05, 0x16);
    assert_true(cil_locals_read(&a, sig, &l, &e));
    assert_int_equal(l.count, 3);
    assert_true(l.types[1].pinned && l.types[1].byref);
    assert_int_equal(l.types[2].element, CIL_E_TYPEDBYREF);
    buf_t out = {0};
    cil_locals_write(&out, (cil_blob[]){l.types[0].whole, l.types[1].whole, l.types[2].whole}, 3);
    assert_int_equal(out.n, sig.n);
    assert_memory_equal(out.p, sig.p, sig.n);
    buf_free(&out);
    assert_false(cil_locals_read(&a, BLOB(0x07, 2, 0x08, 0x00), &l, &e));
    assert_int_equal(e.at, 3);
    assert_false(cil_locals_read(&a, BLOB(0x07, 1, 0x01), &l, &e));
    assert_false(cil_locals_read(&a, BLOB(0x06, 0x08), &l, &e));
    assert_int_equal(l.count, 0);
    arena_free(&a);
}

static void every_form_comes_back(void **state)
{
    (void)state;
    const cil_blob good[] = {
        BLOB(0x00, 0, 0x01),                                      /* void () */
        BLOB(0x20, 1, 0x1F, REF(1), 0x10, 0x08, 0x0E),            /* instance, modified ref result */
        BLOB(0x30, 1, 1, 0x1E, 0, 0x13, 0),                       /* generic */
        BLOB(0x05, 2, 0x01, 0x08, 0x41, 0x0E),                    /* vararg call */
        BLOB(0x09, 0, 0x01),                                      /* unmanaged calli */
        BLOB(0x06, 0x20, REF(3), 0x08),                           /* field */
        BLOB(0x28, 2, 0x0E, 0x08, 0x08),                          /* indexer */
        BLOB(0x08, 0, 0x08),                                      /* static property */
        BLOB(0x07, 2, 0x45, 0x0F, 0x01, 0x10, 0x11, DEF(2)),      /* locals */
        BLOB(0x0A, 2, 0x08, 0x1E, 0),                             /* MethodSpec */
        BLOB(0x15, 0x12, REF(1), 1, 0x15, 0x11, DEF(2), 1, 0x0E), /* TypeSpec: instance of an instance */
        BLOB(0x14, 0x13, 0, 2, 1, 0x80, 0x80, 2, 0x00, 0x7B),     /* TypeSpec: array with bounds, one below zero */
        BLOB(0x1D, 0x1B, 0x00, 2, 0x01, 0x08, 0x0F, 0x08),        /* TypeSpec: array of function pointers */
        BLOB(0x13, 0),
        BLOB(0x1E, 0x80, 0x90),
        BLOB(0x0F, 0x01),
        BLOB(0x20, REF(1), 0x0E),
        BLOB(0x08),
        BLOB(0x1C),
    };
    for (size_t i = 0; i < RJ_COUNT(good); i++) {
        buf_t out = {0};
        err_t e = {0};
        if (!cil_sig_roundtrip(good[i], &out, &e)) fail_msg("row %zu: %s", i, e.text);
        if (out.n != good[i].n || memcmp(out.p, good[i].p, out.n) != 0) fail_msg("row %zu differs", i);
        buf_free(&out);
    }
    buf_t out = {0};
    err_t e = {0};
    buf_str(&out, "kept");
    assert_false(cil_sig_roundtrip(BLOB(0x00, 0, 0x01, 0x01), &out, &e)); /* a byte too many */
    assert_int_equal(e.at, 3);
    assert_false(cil_sig_roundtrip((cil_blob){NULL, 0}, &out, &e));
    assert_string_equal(buf_cstr(&out), "kept");
    /* an integer in a longer form than it needs comes back in the short one */
    assert_true(cil_sig_roundtrip(BLOB(0x13, 0x80, 0x01), &out, &e));
    assert_memory_equal(out.p + 4, "\x13\x01", 2);
    buf_free(&out);
}

static void arguments_take_the_place_of_variables(void **state)
{
    (void)state;
    const cil_blob vars[] = {BLOB(0x08), BLOB(0x1D, 0x0E)}, mvars[] = {BLOB(0x12, REF(4))};
    const cil_blob type = BLOB(0x10, 0x15, 0x12, REF(1), 3, 0x13, 1, 0x1E, 0, 0x1D, 0x13, 0);
    const cil_blob whole = BLOB(0x10, 0x15, 0x12, REF(1), 3, 0x1D, 0x0E, 0x12, REF(4), 0x1D, 0x08);
    const cil_blob half = BLOB(0x10, 0x15, 0x12, REF(1), 3, 0x1D, 0x0E, 0x1E, 0, 0x1D, 0x08);
    buf_t out = {0};
    assert_true(cil_type_substitute(type, vars, 2, mvars, 1, &out));
    assert_int_equal(out.n, whole.n);
    assert_memory_equal(out.p, whole.p, whole.n);
    out.n = 0;
    assert_true(cil_type_substitute(type, vars, 2, NULL, 0, &out)); /* method variables stay */
    assert_int_equal(out.n, half.n);
    assert_memory_equal(out.p, half.p, half.n);
    out.n = 0;
    assert_false(cil_type_substitute(type, vars, 1, mvars, 1, &out));            /* no second argument */
    assert_false(cil_type_substitute(BLOB(0x08, 0x08), vars, 2, NULL, 0, &out)); /* two types */
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

static void substitution_does_not_grow_without_bound(void **state)
{
    (void)state;
    enum { ARGS = 1000, SIZE = 8000 };
    uint8_t *argument = calloc(SIZE, 1);
    assert_non_null(argument);
    buf_t type = {0}, out = {0};
    buf_put(&type, (uint8_t[]){0x15, 0x12, REF(1)}, 3);
    cil_write_compressed(&type, ARGS);
    for (int i = 0; i < ARGS; i++)
        buf_put(&type, (uint8_t[]){0x13, 0}, 2);
    cil_blob var = {argument, SIZE};
    assert_false(cil_type_substitute((cil_blob){type.p, (uint32_t)type.n}, &var, 1, NULL, 0, &out));
    assert_int_equal(out.n, 0);
    assert_true(out.cap <= 4u << 20);
    buf_free(&type);
    buf_free(&out);
    free(argument);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_integers),
        cmocka_unit_test(signed_integers),
        cmocka_unit_test(type_tokens),
        cmocka_unit_test(primitives_stand_alone),
        cmocka_unit_test(prefixes_are_taken_off),
        cmocka_unit_test(named_types_carry_their_token),
        cmocka_unit_test(arrays_and_pointers_carry_what_they_hold),
        cmocka_unit_test(malformed_types_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(method_signatures),
        cmocka_unit_test(malformed_method_signatures_have_their_place),
        cmocka_unit_test(local_variables),
        cmocka_unit_test(every_form_comes_back),
        cmocka_unit_test(arguments_take_the_place_of_variables),
        cmocka_unit_test(substitution_does_not_grow_without_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
