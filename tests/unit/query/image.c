#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void test_image_open(test_image *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size > 0);
    rewind(f);
    t->bytes = malloc((size_t)size);
    assert_non_null(t->bytes);
    assert_int_equal(fread(t->bytes, 1, (size_t)size, f), (size_t)size);
    fclose(f);
    err_t e = {0};
    if (!cil_image_open(&t->im, t->bytes, (size_t)size, CIL_FLAT, &e)) fail_msg("%s: %s", path, e.text);
}

void test_image_close(test_image *t)
{
    free(t->bytes);
}

uint32_t test_method(const cil_image *im, const char *name)
{
    for (uint32_t rid = 1; rid <= im->rows[CIL_METHOD_DEF]; rid++) {
        buf_t text = {0};
        cil_method_name(im, rid, true, &text);
        bool found = strcmp(buf_cstr(&text), name) == 0;
        buf_free(&text);
        if (found) return rid;
    }
    fail_msg("no method %s", name);
    return 0;
}
