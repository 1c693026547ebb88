/* Tables: the width of every column, lists, coded indices, searches, heaps, portable PDB tables. */
#include "metadata_build.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct opened {
    buf_t bytes;
    cil_image im;
} opened;

static void open_built(md_build *b, opened *o)
{
    err_t e = {0};
    md_finish(b, &o->bytes);
    if (!cil_metadata_open(&o->im, o->bytes.p, o->bytes.n, &e)) fail_msg("%s", e.text);
}

static void close_built(opened *o)
{
    buf_free(&o->bytes);
}

static void narrow_columns(void **state)
{
    (void)state;
    md_build b = {0};
    uint32_t name = md_string(&b, "Name"), space = md_string(&b, "Space");
    uint32_t blob = md_blob(&b, "\6\10", 2);
    md_row(&b, CIL_TYPE_DEF, "422222", 0x100001, name, space, 0x0005, 1, 1);
    md_row(&b, CIL_FIELD, "222", 0x6, name, blob);
    opened o = {0};
    open_built(&b, &o);
    assert_int_equal(o.im.row_size[CIL_TYPE_DEF], 14);
    assert_int_equal(cil_cell(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_FLAGS), 0x100001);
    assert_string_equal(cil_cell_string(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_NAME), "Name");
    assert_string_equal(cil_cell_string(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_NAMESPACE), "Space");
    assert_int_equal(cil_cell_token(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_EXTENDS), 0x01000001);
    assert_int_equal(cil_cell_token(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_FIELDS), 0x04000001);
    assert_int_equal(cil_cell_token(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_NAME), 0); /* no index */
    cil_blob sig = cil_cell_blob(&o.im, CIL_FIELD, 1, CIL_FIELD_SIG);
    assert_int_equal(sig.n, 2);
    assert_memory_equal(sig.p, "\6\10", 2);
    close_built(&o);
}

static void cells_that_are_not_there_are_zero(void **state)
{
    (void)state;
    md_build b = {0};
    md_row(&b, CIL_FIELD, "222", 7, 0, 0);
    opened o = {0};
    open_built(&b, &o);
    assert_int_equal(cil_cell(&o.im, CIL_FIELD, 1, 0), 7);
    assert_int_equal(cil_cell(&o.im, CIL_FIELD, 0, 0), 0);
    assert_int_equal(cil_cell(&o.im, CIL_FIELD, 2, 0), 0);
    assert_int_equal(cil_cell(&o.im, CIL_FIELD, UINT32_MAX, 0), 0);
    assert_int_equal(cil_cell(&o.im, CIL_FIELD, 1, 3), 0);
    assert_int_equal(cil_cell(&o.im, CIL_FIELD, 1, 99), 0);
    assert_int_equal(cil_cell(&o.im, CIL_USER_STRING, 1, 0), 0);
    assert_int_equal(cil_cell_token(&o.im, CIL_USER_STRING, 1, 0), 0);
    assert_string_equal(cil_string(&o.im, 99), "");
    assert_null(cil_blob_at(&o.im, 99).p);
    assert_string_equal(cil_assembly_name(&o.im), "");
    uint8_t mvid[16] = {1}, zero[16] = {0};
    cil_mvid(&o.im, mvid);
    assert_memory_equal(mvid, zero, 16);
    assert_int_equal(cil_columns(CIL_FIELD), 3);
    assert_int_equal(cil_columns((cil_table)0x2D), 0);
    assert_int_equal(cil_columns(CIL_USER_STRING), 0);
    assert_int_equal(cil_column_of(CIL_FIELD, 1), CIL_COLUMN_STRING);
    assert_int_equal(cil_column_of(CIL_FIELD, 3), CIL_COLUMN_NONE);
    cil_blob body;
    assert_true(cil_method_bytes(&o.im, 1, &body, NULL));
    close_built(&o);
}

static void wide_heaps(void **state)
{
    (void)state;
    md_build b = {.heaps = 7 | 0x40}; /* and 4 bytes of extra data in the header */
    uint32_t name = md_string(&b, "Wide"), guid = md_guid(&b, 0x11);
    md_row(&b, CIL_MODULE, "24444", 0, name, guid, 0, 0);
    md_row(&b, CIL_FIELD, "244", 3, name, md_blob(&b, "\6\2", 2));
    opened o = {0};
    open_built(&b, &o);
    assert_int_equal(o.im.row_size[CIL_MODULE], 18);
    assert_string_equal(cil_cell_string(&o.im, CIL_MODULE, 1, CIL_MODULE_NAME), "Wide");
    assert_int_equal(cil_cell_blob(&o.im, CIL_FIELD, 1, CIL_FIELD_SIG).n, 2);
    uint8_t mvid[16];
    cil_mvid(&o.im, mvid);
    assert_int_equal(mvid[7], 0x11);
    close_built(&o);
}

/* A coded index of 2 tag bits holds 14 bits of rid in 2 bytes; a plain one 16. */
static void indices_widen_with_their_tables(void **state)
{
    (void)state;
    static const struct {
        uint32_t refs, fields;
        const char *type_ref, *type_def;
        unsigned size;
    } rows[] = {
        {0x3FFF, 2, "222", "422222", 14},
        {0x4000, 2, "422", "422422", 16},
        {2, 0xFFFF, "222", "422222", 14},
        {2, 0x10000, "222", "422242", 16},
    };
    for (size_t i = 0; i < RJ_COUNT(rows); i++) {
        md_build b = {0};
        for (uint32_t n = 0; n < rows[i].refs; n++)
            md_row(&b, CIL_TYPE_REF, rows[i].type_ref, 0, 0, 0);
        for (uint32_t n = 0; n < rows[i].fields; n++)
            md_row(&b, CIL_FIELD, "222", 0, 0, 0);
        md_row(&b, CIL_TYPE_DEF, rows[i].type_def, 0, 0, 0, rows[i].refs << 2 | 1, rows[i].fields, 1);
        opened o = {0};
        open_built(&b, &o);
        assert_int_equal(o.im.row_size[CIL_TYPE_DEF], rows[i].size);
        assert_int_equal(cil_cell_token(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_EXTENDS), 0x01000000 | rows[i].refs);
        assert_int_equal(cil_cell(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_FIELDS), rows[i].fields);
        close_built(&o);
    }
}

static void a_minimal_delta_is_wide_all_over(void **state)
{
    (void)state;
    md_build b = {.wide = true, .uncompressed = true};
    md_row(&b, CIL_TYPE_DEF, "444444", 1, 0, 0, 5, 1, 1);
    md_row(&b, CIL_ENC_LOG, "44", 0x02000001, 0);
    opened o = {0};
    open_built(&b, &o);
    assert_true(o.im.uncompressed);
    assert_int_equal(o.im.row_size[CIL_TYPE_DEF], 24);
    assert_int_equal(cil_cell_token(&o.im, CIL_TYPE_DEF, 1, CIL_TYPE_DEF_EXTENDS), 0x01000001);
    assert_int_equal(cil_cell(&o.im, CIL_ENC_LOG, 1, 0), 0x02000001);
    close_built(&o);
}

static void every_kind_of_coded_index(void **state)
{
    (void)state;
    static const struct {
        const char *widths;
        cil_table table;
        unsigned column;
        uint32_t raw;
        cil_token token;
    } rows[] = {
        {"22", CIL_INTERFACE_IMPL, 1, 3 << 2 | 2, 0x1B000003},     /* TypeDefOrRef: TypeSpec */
        {"22", CIL_INTERFACE_IMPL, 1, 3 << 2 | 3, 0},              /* no such tag */
        {"22", CIL_INTERFACE_IMPL, 1, 2, 0},                       /* rid 0 */
        {"22", CIL_INTERFACE_IMPL, 0, 9, 0x02000009},              /* a plain index */
        {"222", CIL_CONSTANT, 1, 3 << 2 | 2, 0x17000003},          /* HasConstant: Property */
        {"222", CIL_CUSTOM_ATTRIBUTE, 0, 3 << 5 | 14, 0x20000003}, /* HasCustomAttribute: Assembly */
        {"222", CIL_CUSTOM_ATTRIBUTE, 0, 3 << 5 | 21, 0x2B000003}, /* MethodSpec */
        {"222", CIL_CUSTOM_ATTRIBUTE, 0, 3 << 5 | 22, 0},
        {"222", CIL_CUSTOM_ATTRIBUTE, 1, 3 << 3 | 3, 0x0A000003}, /* CustomAttributeType: MemberRef */
        {"222", CIL_CUSTOM_ATTRIBUTE, 1, 3 << 3 | 0, 0},          /* unused tag */
        {"22", CIL_FIELD_MARSHAL, 0, 3 << 1 | 1, 0x08000003},     /* HasFieldMarshal: Param */
        {"222", CIL_DECL_SECURITY, 1, 3 << 2 | 1, 0x06000003},    /* HasDeclSecurity: MethodDef */
        {"222", CIL_MEMBER_REF, 0, 3 << 3 | 2, 0x1A000003},       /* MemberRefParent: ModuleRef */
        {"222", CIL_METHOD_SEMANTICS, 2, 3 << 1 | 0, 0x14000003}, /* HasSemantics: Event */
        {"222", CIL_METHOD_IMPL, 1, 3 << 1 | 1, 0x0A000003},      /* MethodDefOrRef: MemberRef */
        {"2222", CIL_IMPL_MAP, 1, 3 << 1 | 1, 0x06000003},        /* MemberForwarded: MethodDef */
        {"44222", CIL_EXPORTED_TYPE, 4, 3 << 2 | 1, 0x23000003},  /* Implementation: AssemblyRef */
        {"222", CIL_TYPE_REF, 0, 3 << 2 | 3, 0x01000003},         /* ResolutionScope: TypeRef */
        {"2222", CIL_GENERIC_PARAM, 2, 3 << 1 | 0, 0x02000003},   /* TypeOrMethodDef: TypeDef */
        {"222", (cil_table)0x37, 0, 3 << 5 | 23, 0x32000003},     /* HasCustomDebugInformation: LocalScope */
    };
    for (size_t i = 0; i < RJ_COUNT(rows); i++) {
        md_build b = {0};
        uint32_t v[5] = {0};
        v[rows[i].column] = rows[i].raw;
        md_row(&b, rows[i].table, rows[i].widths, v[0], v[1], v[2], v[3], v[4]);
        opened o = {0};
        open_built(&b, &o);
        if (cil_cell_token(&o.im, rows[i].table, 1, rows[i].column) != rows[i].token) fail_msg("row %zu", i);
        close_built(&o);
    }
}

/* Types with 2, 0 and 3 methods, and one whose list is malformed. */
static void lists_and_owners(void **state)
{
    (void)state;
    static const uint32_t first[] = {1, 3, 3};
    md_build b = {0};
    for (size_t i = 0; i < RJ_COUNT(first); i++)
        md_row(&b, CIL_TYPE_DEF, "422222", 0, 0, 0, 0, 1, first[i]);
    for (int i = 0; i < 5; i++)
        md_row(&b, CIL_METHOD_DEF, "422222", 0, 0, 0, 0, 0, 1);
    for (int i = 0; i < 2; i++)
        md_row(&b, CIL_FIELD, "222", 0, 0, 0);
    opened o = {0};
    open_built(&b, &o);
    static const cil_range expected[] = {{1, 3}, {1, 1}, {3, 6}, {1, 1}};
    for (uint32_t rid = 1; rid <= 4; rid++) {
        cil_range r = cil_list(&o.im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        assert_int_equal(r.end - r.first, expected[rid - 1].end - expected[rid - 1].first);
        if (r.end != r.first) assert_int_equal(r.first, expected[rid - 1].first);
    }
    static const uint32_t owners[] = {0, 1, 1, 3, 3, 3, 0, 0};
    for (uint32_t rid = 0; rid < RJ_COUNT(owners); rid++)
        assert_int_equal(cil_method_owner(&o.im, rid), owners[rid]);
    assert_int_equal(cil_field_owner(&o.im, 1), 3); /* all lists begin at 1: the last has them */
    assert_int_equal(cil_field_owner(&o.im, 3), 0);
    assert_int_equal(cil_list_item(&o.im, CIL_METHOD_DEF, 4), 4);
    close_built(&o);
}

static void hostile_lists_stay_inside(void **state)
{
    (void)state;
    static const uint32_t first[] = {0, 9, 4, 2, 0xFFFF};
    md_build b = {0};
    for (size_t i = 0; i < RJ_COUNT(first); i++)
        md_row(&b, CIL_TYPE_DEF, "422222", 0, 0, 0, 0, 1, first[i]);
    for (int i = 0; i < 5; i++)
        md_row(&b, CIL_METHOD_DEF, "422222", 0, 0, 0, 0, 0, 1);
    opened o = {0};
    open_built(&b, &o);
    for (uint32_t rid = 0; rid <= 6; rid++) {
        cil_range r = cil_list(&o.im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        assert_true(r.first >= 1 && r.first <= r.end && r.end <= 6);
    }
    for (uint32_t rid = 0; rid <= 6; rid++) {
        uint32_t owner = cil_method_owner(&o.im, rid);
        cil_range r = cil_list(&o.im, CIL_TYPE_DEF, owner, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        assert_true(owner == 0 || (rid >= r.first && rid < r.end));
    }
    close_built(&o);
}

static void pointer_tables_reorder_lists(void **state)
{
    (void)state;
    static const uint32_t order[] = {3, 1, 4, 2};
    md_build b = {.uncompressed = true};
    md_row(&b, CIL_TYPE_DEF, "422222", 0, 0, 0, 0, 1, 1);
    md_row(&b, CIL_TYPE_DEF, "422222", 0, 0, 0, 0, 1, 3);
    for (int i = 0; i < 4; i++) {
        md_row(&b, CIL_METHOD_DEF, "422222", 0, 0, 0, 0, 0, 1);
        md_row(&b, CIL_METHOD_PTR, "2", order[i]);
    }
    opened o = {0};
    open_built(&b, &o);
    cil_range r = cil_list(&o.im, CIL_TYPE_DEF, 2, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
    assert_int_equal(r.first, 3);
    assert_int_equal(r.end, 5);
    assert_int_equal(cil_list_item(&o.im, CIL_METHOD_DEF, 3), 4);
    assert_int_equal(cil_list_item(&o.im, CIL_METHOD_DEF, 4), 2);
    assert_int_equal(cil_list_item(&o.im, CIL_METHOD_DEF, 5), 0);
    assert_int_equal(cil_method_owner(&o.im, 3), 1);
    assert_int_equal(cil_method_owner(&o.im, 1), 1);
    assert_int_equal(cil_method_owner(&o.im, 4), 2);
    assert_int_equal(cil_method_owner(&o.im, 2), 2);
    close_built(&o);
}

/* The same rows, once said to be sorted and once in disorder. */
static void nesting_is_found_in_any_order(void **state)
{
    (void)state;
    for (int sorted = 0; sorted < 2; sorted++) {
        md_build b = {.sorted = sorted ? UINT64_C(1) << CIL_NESTED_CLASS : 0};
        for (int i = 0; i < 5; i++)
            md_row(&b, CIL_TYPE_DEF, "422222", 0, 0, 0, 0, 1, 1);
        static const uint32_t nested[2][3] = {{5, 2, 4}, {2, 4, 5}};
        for (int i = 0; i < 3; i++) {
            uint32_t n = nested[sorted][i];
            md_row(&b, CIL_NESTED_CLASS, "22", n, n == 4 ? 2u : n == 5 ? 99u : 1u);
        }
        opened o = {0};
        open_built(&b, &o);
        assert_int_equal(cil_enclosing(&o.im, 0), 0);
        assert_int_equal(cil_enclosing(&o.im, 1), 0);
        assert_int_equal(cil_enclosing(&o.im, 2), 1);
        assert_int_equal(cil_enclosing(&o.im, 3), 0);
        assert_int_equal(cil_enclosing(&o.im, 4), 2);
        assert_int_equal(cil_enclosing(&o.im, 5), 0); /* encloses itself in a type that is not there */
        close_built(&o);
    }
}

static void heaps_end_where_they_say(void **state)
{
    (void)state;
    md_build b = {0};
    md_row(&b, CIL_FIELD, "222", 0, 1, 0);
    buf_put(&b.strings, "\0whole\0cut", 10);
    buf_put(&b.blobs, "\0\2ab\5cd", 7);
    buf_put(&b.user_strings, "\0\3x\0\0", 5);
    opened o = {0};
    open_built(&b, &o);
    assert_string_equal(cil_string(&o.im, 0), "");
    assert_string_equal(cil_string(&o.im, 1), "whole");
    assert_string_equal(cil_string(&o.im, 4), "le"); /* the end of a string is a string */
    assert_string_equal(cil_string(&o.im, 7), "");   /* one without an end is not */
    assert_int_equal(cil_blob_at(&o.im, 0).n, 0);
    assert_int_equal(cil_blob_at(&o.im, 1).n, 2);
    assert_null(cil_blob_at(&o.im, 4).p);
    assert_null(cil_blob_at(&o.im, UINT32_MAX).p);
    assert_int_equal(cil_user_string(&o.im, 1).n, 3);
    close_built(&o);
}

/* A PDB's own tables index those of its assembly, whose row counts stand in #Pdb. */
static void portable_pdb(void **state)
{
    (void)state;
    for (uint32_t methods = 0xFFFF; methods <= 0x10000; methods++) {
        md_build b = {0};
        for (int i = 0; i < 24; i++)
            buf_u8(&b.pdb, 0); /* id and entry point */
        buf_u64(&b.pdb, UINT64_C(1) << CIL_METHOD_DEF);
        buf_u32(&b.pdb, methods);
        uint32_t name = md_string(&b, "local"), points = md_blob(&b, "abc", 3);
        md_row(&b, (cil_table)0x30, "2222", points, 0, 0, 0);
        md_row(&b, (cil_table)0x31, "22", 1, points);
        md_row(&b, (cil_table)0x32, methods > 0xFFFF ? "422244" : "222244", methods, 0, 1, 1, 5, 77);
        md_row(&b, (cil_table)0x33, "222", 0, 3, name);
        opened o = {0};
        open_built(&b, &o);
        assert_int_equal(cil_cell(&o.im, (cil_table)0x32, 1, 0), methods);
        assert_int_equal(cil_cell(&o.im, (cil_table)0x32, 1, 5), 77);
        assert_int_equal(cil_cell_blob(&o.im, (cil_table)0x31, 1, 1).n, 3);
        assert_string_equal(cil_cell_string(&o.im, (cil_table)0x33, 1, 2), "local");
        assert_int_equal(o.im.rows[CIL_METHOD_DEF], 0);
        close_built(&o);
    }
}

static void malformed_streams_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t at; /* in the tables' stream */
        uint32_t value;
        const char *text;
    } bad[] = {
        {8 + 5, 0x20, "table 0x2D is not known"},
        {8, 0x14, "cut short in its row counts"},
        {24, 0x01000000, "cannot have 16777216 rows"},
        {24, 3, "with 3 rows goes beyond its stream"},
    };
    for (size_t i = 0; i < RJ_COUNT(bad); i++) {
        md_build b = {0};
        md_row(&b, CIL_FIELD, "222", 0, 0, 0);
        buf_t bytes = {0};
        md_finish(&b, &bytes);
        uint32_t at;
        memcpy(&at, bytes.p + 32, 4);
        bytes.p[at + bad[i].at] = (uint8_t)bad[i].value;
        bytes.p[at + bad[i].at + 3] |= (uint8_t)(bad[i].value >> 24);
        if (i == 1) bytes.p[36] = 24; /* the stream's size: no room for any count */
        cil_image im;
        err_t e = {0};
        if (cil_metadata_open(&im, bytes.p, bytes.n, &e)) fail_msg("row %zu opens", i);
        assert_int_equal(e.code, ERR_FORMAT);
        if (!strstr(e.text, bad[i].text)) fail_msg("row %zu: %s", i, e.text);
        buf_free(&bytes);
    }
    md_build b = {0};
    buf_u32(&b.pdb, 0);
    buf_t bytes = {0};
    md_finish(&b, &bytes);
    cil_image im;
    err_t e = {0};
    assert_false(cil_metadata_open(&im, bytes.p, bytes.n, &e));
    assert_non_null(strstr(e.text, "#Pdb stream is cut short"));
    buf_free(&bytes);
    assert_false(cil_metadata_open(&im, "BSJB", 4, &e));
    assert_non_null(strstr(e.text, "cut short"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrow_columns),
        cmocka_unit_test(cells_that_are_not_there_are_zero),
        cmocka_unit_test(wide_heaps),
        cmocka_unit_test(indices_widen_with_their_tables),
        cmocka_unit_test(a_minimal_delta_is_wide_all_over),
        cmocka_unit_test(every_kind_of_coded_index),
        cmocka_unit_test(lists_and_owners),
        cmocka_unit_test(hostile_lists_stay_inside),
        cmocka_unit_test(pointer_tables_reorder_lists),
        cmocka_unit_test(nesting_is_found_in_any_order),
        cmocka_unit_test(heaps_end_where_they_say),
        cmocka_unit_test(portable_pdb),
        cmocka_unit_test(malformed_streams_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
