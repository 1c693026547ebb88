/* Metadata made for code that has none, and signatures that name types by handles. */
#include "metadata_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HANDLE_POINT UINT64_C(0x7F0011223340)
#define HANDLE_LIST  UINT64_C(0x7F0055667788)

static const cil_made_type types[] = {
    {"Shop", "Outer", "Shop", 0},
    {"", "Point", "Shop", 1},
    {"System.Collections.Generic", "List`1", "System.Private.CoreLib", 0},
};

static cil_token token_of(void *owner, uint64_t handle, bool *is_value)
{
    (void)owner;
    *is_value = handle == HANDLE_POINT;
    if (handle == HANDLE_POINT) return CIL_TOKEN(CIL_TYPE_REF, 2);
    return handle == HANDLE_LIST ? CIL_TOKEN(CIL_TYPE_REF, 3) : 0;
}

static uint64_t handle_of(void *owner, cil_token token)
{
    (void)owner;
    return token == CIL_TOKEN(CIL_TYPE_REF, 2) ? HANDLE_POINT : token == CIL_TOKEN(CIL_TYPE_REF, 3) ? HANDLE_LIST : 0;
}

static const cil_handles to_tokens = {NULL, token_of, NULL}, to_handles = {NULL, NULL, handle_of};

static void put_handle(buf_t *b, uint64_t handle)
{
    buf_u8(b, CIL_E_INTERNAL);
    buf_u64(b, handle);
}

/* int F(Point, ref List<int>) as the runtime writes it for a dynamic method */
static void put_sig(buf_t *b)
{
    buf_put(b, (uint8_t[]){0x00, 2, CIL_E_I4}, 3);
    put_handle(b, HANDLE_POINT);
    buf_put(b, (uint8_t[]){CIL_E_BYREF, CIL_E_GENERICINST}, 2);
    put_handle(b, HANDLE_LIST);
    buf_put(b, (uint8_t[]){1, CIL_E_I4}, 2);
}

static cil_blob blob(const buf_t *b)
{
    return (cil_blob){b->p, (uint32_t)b->n};
}

static void test_translate(void **state)
{
    (void)state;
    buf_t sig = {0}, tokens = {0}, again = {0};
    put_sig(&sig);
    buf_u8(&sig, CIL_E_END); /* as the runtime ends them */
    assert_true(cil_sig_translate(blob(&sig), false, &to_tokens, &tokens));
    sig.n--;
    const uint8_t expected[] = {0x00, 2,          CIL_E_I4, CIL_E_VALUETYPE, 2 << 2 | 1, CIL_E_BYREF, CIL_E_GENERICINST,
                                0x12, 3 << 2 | 1, 1,        CIL_E_I4};
    assert_int_equal(tokens.n, sizeof expected);
    assert_memory_equal(tokens.p, expected, sizeof expected);
    assert_true(cil_sig_translate(blob(&tokens), false, &to_handles, &again));
    assert_int_equal(again.n, sig.n);
    assert_memory_equal(again.p, sig.p, sig.n);
    buf_free(&sig);
    buf_free(&tokens);
    buf_free(&again);
}

static void test_translate_bad(void **state)
{
    (void)state;
    buf_t sig = {0}, out = {0};
    put_sig(&sig);
    for (uint32_t n = 0; n < sig.n; n++) {
        assert_false(cil_sig_translate((cil_blob){sig.p, n}, false, &to_tokens, &out));
        assert_int_equal(out.n, 0);
    }
    buf_free(&sig);
    put_handle(&sig, 8); /* of a type that nobody knows */
    assert_false(cil_sig_translate(blob(&sig), true, &to_tokens, &out));
    assert_true(cil_sig_translate(blob(&sig), true, &to_handles, &out)); /* stays what it is */
    assert_int_equal(out.n, sig.n);
    buf_t copy = {0};
    assert_false(cil_sig_roundtrip(blob(&sig), &copy, NULL));
    buf_free(&sig);
    buf_free(&out);
    buf_free(&copy);
}

static void test_make(void **state)
{
    (void)state;
    buf_t sig = {0}, tokens = {0}, out = {0}, name = {0};
    put_sig(&sig);
    assert_true(cil_sig_translate(blob(&sig), false, &to_tokens, &tokens));
    static const uint8_t locals[] = {0x07, 1, CIL_E_I4};
    assert_true(cil_make_method("<dynamic>", "lambda_method1", blob(&tokens), (cil_blob){locals, sizeof locals}, types,
                                RJ_COUNT(types), &out));
    cil_image im;
    err_t e = {0};
    assert_true(cil_metadata_open(&im, out.p, out.n, &e));
    assert_int_equal(im.rows[CIL_METHOD_DEF], 1);
    assert_int_equal(cil_method_owner(&im, 1), 1);
    cil_method_name(&im, 1, true, &name);
    assert_string_equal(buf_cstr(&name), "<dynamic>.lambda_method1(Outer+Point,ref List<int>)");
    name.n = 0;
    cil_type_name(&im, CIL_TOKEN(CIL_TYPE_REF, 2), &name);
    assert_string_equal(buf_cstr(&name), "Shop.Outer+Point");
    cil_blob read = cil_cell_blob(&im, CIL_STAND_ALONE_SIG, 1, CIL_STAND_ALONE_SIG_SIG);
    assert_int_equal(read.n, sizeof locals);
    cil_token scope = cil_cell_token(&im, CIL_TYPE_REF, 3, CIL_TYPE_REF_SCOPE);
    assert_string_equal(cil_cell_string(&im, CIL_ASSEMBLY_REF, CIL_RID(scope), CIL_ASSEMBLY_REF_NAME),
                        "System.Private.CoreLib");
    buf_free(&sig);
    buf_free(&tokens);
    buf_free(&out);
    buf_free(&name);
}

static void test_make_plain(void **state)
{
    (void)state;
    static const uint8_t sig[] = {0x00, 0, CIL_E_VOID};
    buf_t out = {0}, name = {0};
    cil_image im;
    err_t e = {0};
    assert_true(cil_make_method("<dynamic>", "odd name(*)", (cil_blob){sig, sizeof sig}, (cil_blob){0}, NULL, 0, &out));
    assert_true(cil_metadata_open(&im, out.p, out.n, &e));
    assert_int_equal(im.rows[CIL_STAND_ALONE_SIG], 0);
    cil_method_name(&im, 1, false, &name);
    assert_string_equal(buf_cstr(&name), "<dynamic>.odd name(*)");
    buf_free(&out);
    buf_free(&name);
}

/* ---- rebuilt from cells ---- */

static uint32_t rows_of(void *owner, cil_table table)
{
    return ((const cil_image *)owner)->rows[table];
}

static bool cell_of(void *owner, cil_table table, uint32_t rid, unsigned column, uint32_t *value)
{
    const cil_image *im = owner;
    cil_column kind = cil_column_of(table, column);
    bool index = kind == CIL_COLUMN_TABLE || kind == CIL_COLUMN_CODED;
    *value = index ? cil_cell_token(im, table, rid, column) : cil_cell(im, table, rid, column);
    return rid <= im->rows[table];
}

static const char *string_of(void *owner, uint32_t at)
{
    return cil_string(owner, at);
}

static bool blob_of(void *owner, uint32_t at, cil_blob *out)
{
    *out = cil_blob_at(owner, at);
    return true;
}

static void open_sample(buf_t *file, cil_image *im)
{
    err_t e = {0};
    md_file("sample.dll", file);
    if (!cil_image_open(im, file->p, file->n, CIL_FLAT, &e)) fail_msg("%s", e.text);
}

/* Everything that is named and signed says the same as before. */
static void test_rebuild(void **state)
{
    (void)state;
    buf_t file = {0}, out = {0}, was = {0}, is = {0};
    cil_image im, again;
    err_t e = {0};
    open_sample(&file, &im);
    const cil_source s = {&im, rows_of, cell_of, string_of, blob_of};
    assert_true(cil_rebuild(&s, &out, &e));
    assert_true(cil_metadata_open(&again, out.p, out.n, &e));
    assert_true(im.rows[CIL_METHOD_DEF] > 20);
    for (uint32_t rid = 1; rid <= im.rows[CIL_METHOD_DEF]; rid++) {
        was.n = is.n = 0;
        cil_method_name(&im, rid, true, &was);
        cil_method_name(&again, rid, true, &is);
        assert_string_equal(buf_cstr(&is), buf_cstr(&was));
        assert_int_equal(cil_method_owner(&again, rid), cil_method_owner(&im, rid));
    }
    for (unsigned t = 0; t < CIL_TABLES; t++)
        assert_int_equal(again.rows[t], im.rows[t]);
    assert_string_equal(cil_assembly_name(&again), cil_assembly_name(&im));
    buf_free(&file);
    buf_free(&out);
    buf_free(&was);
    buf_free(&is);
}

static bool no_cell(void *owner, cil_table table, uint32_t rid, unsigned column, uint32_t *value)
{
    return cell_of(owner, table, rid, column, value) && table != CIL_PARAM;
}

static const char *no_string(void *owner, uint32_t at)
{
    (void)owner, (void)at;
    return NULL;
}

static void test_rebuild_bad(void **state)
{
    (void)state;
    buf_t file = {0}, out = {0};
    cil_image im;
    err_t e = {0};
    open_sample(&file, &im);
    cil_source s = {&im, rows_of, no_cell, string_of, blob_of};
    assert_false(cil_rebuild(&s, &out, &e));
    assert_non_null(strstr(e.text, "table 0x08"));
    s = (cil_source){&im, rows_of, cell_of, no_string, blob_of};
    assert_false(cil_rebuild(&s, &out, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    assert_int_equal(out.n, 0);
    buf_free(&file);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translate),  cmocka_unit_test(test_translate_bad), cmocka_unit_test(test_make),
        cmocka_unit_test(test_make_plain), cmocka_unit_test(test_rebuild),       cmocka_unit_test(test_rebuild_bad),
    };
    return cmocka_run_group_tests_name("cil_make", tests, NULL, NULL);
}
