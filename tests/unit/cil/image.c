/* PE images: both widths and layouts, method bodies, and what is refused. */
#include "metadata_build.h"
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* An assembly "Tiny" with one method for each RVA. */
static void tiny_metadata(const uint32_t *rvas, size_t count, buf_t *out)
{
    md_build b = {0};
    md_row(&b, CIL_MODULE, "22222", 0, md_string(&b, "Tiny.dll"), md_guid(&b, 0xAB), 0, 0);
    md_row(&b, CIL_TYPE_DEF, "422222", 0, md_string(&b, "<Module>"), 0, 0, 1, 1);
    uint32_t sig = md_blob(&b, "\0\0\1", 3);
    for (size_t i = 0; i < count; i++)
        md_row(&b, CIL_METHOD_DEF, "422222", rvas[i], 0, 0, md_string(&b, "Method"), sig, 1);
    md_row(&b, CIL_ASSEMBLY, "422224222", 0, 1, 2, 3, 4, 0, 0, md_string(&b, "Tiny"), 0);
    md_finish(&b, out);
}

static cil_blob blob_of(const buf_t *b)
{
    return (cil_blob){b->p, (uint32_t)b->n};
}

static void both_widths_and_layouts_open(void **state)
{
    (void)state;
    static const uint16_t magics[] = {0x10B, 0x20B};
    static const uint8_t code[] = {0x06, 0x2A};
    for (size_t m = 0; m < 2; m++) {
        for (int layout = CIL_FLAT; layout <= CIL_MAPPED; layout++) {
            buf_t md = {0}, pe = {0};
            tiny_metadata((uint32_t[]){MD_CODE_RVA}, 1, &md);
            md_image(magics[m], (cil_layout)layout, (cil_blob){code, 2}, blob_of(&md), &pe);
            cil_image im;
            err_t e = {0};
            assert_true(cil_image_open(&im, pe.p, pe.n, (cil_layout)layout, &e));
            assert_string_equal(cil_assembly_name(&im), "Tiny");
            uint8_t mvid[16];
            cil_mvid(&im, mvid);
            assert_int_equal(mvid[0], 0xAB);
            assert_int_equal(mvid[15], 0xAB);
            cil_blob body;
            assert_true(cil_method_bytes(&im, 1, &body, &e));
            assert_int_equal(body.n, 2);
            assert_memory_equal(body.p, code, 2);
            assert_int_equal(cil_image_extent(pe.p, pe.n, (cil_layout)layout), pe.n);
            buf_free(&md);
            buf_free(&pe);
        }
    }
}

static void a_mapped_image_reads_as_the_file(void **state)
{
    (void)state;
    buf_t flat = {0}, mapped = {0};
    md_file("sample.dll", &flat);
    md_map(blob_of(&flat), &mapped);
    cil_image a, b;
    err_t e = {0};
    assert_true(cil_image_open(&a, flat.p, flat.n, CIL_FLAT, &e));
    assert_true(cil_image_open(&b, mapped.p, mapped.n, CIL_MAPPED, &e));
    assert_true(walk_image(&a) == walk_image(&b));
    assert_int_equal(cil_image_extent(flat.p, flat.n, CIL_FLAT), flat.n);
    assert_int_equal(cil_image_extent(mapped.p, 0x400, CIL_MAPPED), mapped.n);
    assert_int_equal(cil_image_extent("no image", 8, CIL_FLAT), 0);
    assert_string_equal(cil_assembly_name(&a), "sample");
    buf_free(&flat);
    buf_free(&mapped);
}

/* Opens an image of one method with this code and gives the size of its body; -1 where it is refused. */
static int64_t body_of(const void *code, size_t n, const char *why)
{
    buf_t md = {0}, pe = {0};
    tiny_metadata((uint32_t[]){MD_CODE_RVA}, 1, &md);
    md_image(0x10B, CIL_FLAT, (cil_blob){code, (uint32_t)n}, blob_of(&md), &pe);
    /* Metadata follows the code: cut the section there, so that a body cannot run into it. */
    uint32_t section = (uint32_t)(MD_CODE_RVA - 0x2000 + n);
    cil_image im;
    err_t e = {0};
    assert_true(cil_image_open(&im, pe.p, pe.n, CIL_FLAT, &e));
    memcpy(pe.p + 0x138 + 8, &section, 4);
    cil_blob body;
    bool ok = cil_method_bytes(&im, 1, &body, &e);
    if (ok) assert_ptr_equal(body.p, pe.p + 0x200 + 0x50);
    if (!ok) assert_non_null(strstr(e.text, why));
    buf_free(&md);
    buf_free(&pe);
    return ok ? (int64_t)body.n : -1;
}

#define FAT(flags, size) 0x03 | (flags), 0x30, 8, 0, (size), 0, 0, 0, 0, 0, 0, 0
#define EH_MORE          0x08
#define CLAUSE12         0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0
#define CLAUSE24         0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0
#define BODY(...)        body_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), "is malformed")

static void bodies_end_where_their_sections_end(void **state)
{
    (void)state;
    assert_int_equal(BODY(0x02), 1);             /* tiny, no code */
    assert_int_equal(BODY(0x0E, 0, 0, 0x2A), 4); /* tiny, 3 bytes */
    assert_int_equal(BODY(FAT(0, 1), 0x2A, 9, 9), 13);
    assert_int_equal(BODY(FAT(EH_MORE, 1), 0x2A, 0, 0, 0, 0x01, 16, 0, 0, CLAUSE12, 9), 32);
    assert_int_equal(BODY(FAT(EH_MORE, 1), 0x2A, 0, 0, 0, 0x41, 28, 0, 0, CLAUSE24, 9), 44);
    /* a small section and a fat one behind it */
    assert_int_equal(BODY(FAT(EH_MORE, 4), 0, 0, 0, 0x2A, 0x81, 16, 0, 0, CLAUSE12, 0x41, 28, 0, 0, CLAUSE24), 60);
    /* a size without its own header */
    assert_int_equal(BODY(FAT(EH_MORE, 4), 0, 0, 0, 0x2A, 0x01, 12, 0, 0, CLAUSE12), 32);
}

static void bodies_that_are_cut_short_are_refused(void **state)
{
    (void)state;
    assert_int_equal(BODY(0x0E, 0, 0), -1);
    assert_int_equal(BODY(0x03, 0x30, 8, 0), -1);
    assert_int_equal(BODY(0x03, 0x20, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x2A), -1); /* a header of 8 bytes */
    assert_int_equal(BODY(0x01, 0x2A), -1);                                     /* neither tiny nor fat */
    assert_int_equal(BODY(FAT(0, 9), 0x2A), -1);
    assert_int_equal(BODY(0x03, 0x30, 8, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0x2A), -1);
    assert_int_equal(BODY(FAT(EH_MORE, 1), 0x2A, 0, 0, 0), -1);
    assert_int_equal(BODY(FAT(EH_MORE, 1), 0x2A, 0, 0, 0, 0x01, 28, 0, 0, CLAUSE12), -1);
    assert_int_equal(BODY(FAT(EH_MORE, 1), 0x2A, 0, 0, 0, 0x81, 16, 0, 0, CLAUSE12), -1);
    assert_int_equal(BODY(FAT(EH_MORE, 1), 0x2A, 0, 0, 0, 0x81, 0, 0, 0, CLAUSE12), -1);
    assert_int_equal(body_of("", 0, "outside of the image"), -1);
}

static void methods_without_il_have_no_body(void **state)
{
    (void)state;
    buf_t md = {0}, pe = {0};
    tiny_metadata((uint32_t[]){0, MD_CODE_RVA, 0x9000, 0x1FFF}, 4, &md);
    md_image(0x20B, CIL_FLAT, (cil_blob){(const uint8_t *)"\x06\x2A", 2}, blob_of(&md), &pe);
    cil_image im;
    err_t e = {0};
    cil_blob body;
    assert_true(cil_image_open(&im, pe.p, pe.n, CIL_FLAT, &e));
    assert_true(cil_method_bytes(&im, 1, &body, &e));
    assert_int_equal(body.n, 0);
    assert_false(cil_method_bytes(&im, 3, &body, &e));
    assert_int_equal(e.at, 0x9000);
    assert_false(cil_method_bytes(&im, 4, &body, &e));
    assert_true(cil_method_bytes(&im, 99, &body, &e)); /* no such method */
    assert_int_equal(body.n, 0);
    /* the same method as a native one: what lies there is no IL */
    pe.p[im.table[CIL_METHOD_DEF] - pe.p + im.row_size[CIL_METHOD_DEF] + 4] = 1;
    assert_true(cil_method_bytes(&im, 2, &body, &e));
    assert_int_equal(body.n, 0);
    buf_free(&md);
    buf_free(&pe);
}

static void malformed_headers_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
        const char *text;
    } bad[] = {
        {0, 0, "no MZ header"},
        {0x3C, 0xFFFFFFF0, "cut short"},
        {0x3C, 0x80, "no PE signature"},
        {0x54, 16, "cut short"},        /* the optional header's size */
        {0x54, 0xFFFF, "cut short"},    /* the same, beyond the file */
        {0x46, 0xFFFF, "cut short"},    /* the number of sections */
        {0x58, 0x107, "not a PE32"},    /* magic */
        {0x58 + 92, 14, "without CLI"}, /* directories */
        {0x58 + 96 + 112, 0, "without CLI"},
        {0x58 + 96 + 112, 0x9000, "CLI header lies outside"},
        {0x138 + 12, 0x3000, "CLI header lies outside"}, /* the section lies elsewhere */
        {0x138 + 20, 0xFFFFFF00, "CLI header lies outside"},
        {0x208, 0x9000, "metadata lies outside"},
        {0x20C, 0xFFFFFFFF, "metadata lies outside"},
        {0x252, 0, "signature is missing"},
        {0x252 + 12, 0xFFFFFFFF, "version goes beyond"},
        {0x252 + 12, 0x7FFFFFFD, "version goes beyond"},
        {0x252 + 30, 0, "no stream of tables"},
        {0x252 + 30, 200, "stream"}, /* more streams than there are */
        {0x252 + 32, 0xFFFFFFFF, "goes beyond the metadata"},
        {0x252 + 36, 0xFFFFFFFF, "goes beyond the metadata"},
        {0x252 + 36, 8, "the tables' stream is cut short"},
    };
    for (size_t i = 0; i < RJ_COUNT(bad); i++) {
        buf_t md = {0}, pe = {0};
        tiny_metadata((uint32_t[]){MD_CODE_RVA}, 1, &md);
        md_image(0x10B, CIL_FLAT, (cil_blob){(const uint8_t *)"\x06\x2A", 2}, blob_of(&md), &pe);
        bool narrow = bad[i].value <= 0xFFFF && (bad[i].at < 0x58 || bad[i].at == 0x252 + 30);
        memcpy(pe.p + bad[i].at, &bad[i].value, narrow && bad[i].at != 0x3C ? 2 : 4);
        cil_image im;
        err_t e = {0};
        if (cil_image_open(&im, pe.p, pe.n, CIL_FLAT, &e)) fail_msg("row %zu opens", i);
        assert_int_equal(e.code, ERR_FORMAT);
        if (!strstr(e.text, bad[i].text)) fail_msg("row %zu: %s", i, e.text);
        buf_free(&md);
        buf_free(&pe);
    }
}

/* The bytes stand alone in memory of exactly their size, so that a sanitizer sees any read beyond. */
static void open_and_walk(const uint8_t *bytes, size_t n, uint64_t *opened)
{
    uint8_t *alone = malloc(n ? n : 1);
    assert_non_null(alone);
    memcpy(alone, bytes, n);
    cil_image im;
    err_t e = {0};
    if (cil_image_open(&im, alone, n, CIL_FLAT, &e)) {
        ++*opened;
        walk_image(&im);
    } else {
        assert_int_equal(e.code, ERR_FORMAT);
        assert_true(e.text[0] != 0);
    }
    free(alone);
}

static void a_cut_file_is_survived(void **state)
{
    (void)state;
    buf_t b = {0};
    md_file("sample.dll", &b);
    uint64_t opened = 0;
    for (size_t n = 0; n < b.n; n += 7)
        open_and_walk(b.p, n, &opened);
    assert_true(opened < b.n / 7); /* most cuts are seen at once */
    buf_free(&b);
}

static void changed_bytes_are_survived(void **state)
{
    (void)state;
    buf_t b = {0};
    md_file("sample.dll", &b);
    uint64_t opened = 0;
    for (size_t at = 0; at < b.n; at += 5) {
        uint8_t was = b.p[at];
        b.p[at] = at % 2 ? 0xFF : (uint8_t)(was ^ 0x81);
        open_and_walk(b.p, b.n, &opened);
        b.p[at] = was;
    }
    assert_true(opened > 0); /* most changes lie in code and names */
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_widths_and_layouts_open),
        cmocka_unit_test(a_mapped_image_reads_as_the_file),
        cmocka_unit_test(bodies_end_where_their_sections_end),
        cmocka_unit_test(bodies_that_are_cut_short_are_refused),
        cmocka_unit_test(methods_without_il_have_no_body),
        cmocka_unit_test(malformed_headers_are_named),
        cmocka_unit_test(a_cut_file_is_survived),
        cmocka_unit_test(changed_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
