/* weave_plan_value: how each kind of value is captured, and which are refused. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* "primitive 8", "object", "typed leave", or "code: the reason". */
static const char *plan(uint32_t rid, weave_what what, uint16_t index)
{
    static const char *const HOW[] = {"primitive", "object", "typed", "span"};
    static char text[600];
    buf_t b = {0};
    arena a = {0};
    err_t e = {0};
    weave_value v = {.slot = 77};
    if (weave_plan_value(&a, fixture_image(), rid, what, index, &v, &e)) {
        assert_int_equal(v.slot, 77); /* the caller's */
        assert_int_equal(v.what, what);
        assert_int_equal(v.index, index);
        buf_str(&b, HOW[v.how]);
        if (v.how == WEAVE_PRIMITIVE) buf_printf(&b, " %02x", (unsigned)v.element);
        if (v.at_leave) buf_str(&b, " leave");
    } else {
        buf_printf(&b, "%d: %s", (int)e.code, e.text);
    }
    snprintf(text, sizeof text, "%s", buf_cstr(&b));
    buf_free(&b);
    arena_free(&a);
    return text;
}

static const char *arg(uint32_t rid, uint16_t index)
{
    return plan(rid, WEAVE_ARGUMENT, index);
}

static void by_value(void **state)
{
    (void)state;
    assert_string_equal(arg(M_ADD, 0), "primitive 08");
    assert_string_equal(arg(M_TEXT, 0), "object");
    assert_string_equal(arg(M_TEXT, 1), "primitive 05");
    assert_string_equal(arg(M_TEXT, 2), "primitive 0d");
    assert_string_equal(arg(M_TEXT, 3), "primitive 0f");
    assert_string_equal(arg(M_FIRST, 0), "typed");
    assert_string_equal(arg(M_ENUMISH, 0), "typed");
    assert_string_equal(arg(M_ENUMISH, 1), "object");
    assert_string_equal(arg(M_ENUMISH, 2), "object");
    assert_string_equal(arg(M_PAIR, 0), "typed");
}

static void by_reference(void **state)
{
    (void)state;
    assert_string_equal(arg(M_REF, 0), "typed");
    assert_string_equal(arg(M_REF, 1), "typed leave");
    assert_string_equal(arg(M_REF, 2), "typed");
    assert_string_equal(arg(M_ENUMISH, 3), "typed");
    assert_string_equal(arg(M_ENUMISH, 4), "typed");
}

static void spans(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 4; i++)
        assert_string_equal(arg(M_SPANS, i), "span");
    /* A type of that name elsewhere may have any layout. */
    assert_string_equal(arg(M_SPANS, 4), "typed");
}

static void this_object(void **state)
{
    (void)state;
    assert_string_equal(plan(M_TEXT, WEAVE_THIS, 0), "object");
    assert_string_equal(plan(M_CTOR, WEAVE_THIS, 0), "object leave");
    assert_string_equal(plan(M_STRUCT_GET, WEAVE_THIS, 0), "typed");
    assert_string_equal(plan(M_STRUCT_CTOR, WEAVE_THIS, 0), "typed leave");
    assert_string_equal(plan(M_PAIR, WEAVE_THIS, 0), "typed");
    assert_string_equal(plan(M_ADD, WEAVE_THIS, 0), "4: a static method has no `this`");
}

static void objects_that_are_made(void **state)
{
    (void)state;
    assert_string_equal(plan(M_CTOR, WEAVE_MADE, 0), "object");
    assert_string_equal(plan(M_STRUCT_CTOR, WEAVE_MADE, 0), "4: no object comes from it");
    assert_string_equal(plan(M_TEXT, WEAVE_MADE, 0), "4: no object comes from it");
    assert_string_equal(plan(M_ADD, WEAVE_MADE, 0), "4: no object comes from it");
}

static void results(void **state)
{
    (void)state;
    assert_string_equal(plan(M_ADD, WEAVE_RESULT, 0), "primitive 08 leave");
    assert_string_equal(plan(M_TEXT, WEAVE_RESULT, 0), "object leave");
    assert_string_equal(plan(M_FIRST, WEAVE_RESULT, 0), "typed leave");
    assert_string_equal(plan(M_REF, WEAVE_RESULT, 0), "typed leave");
    assert_string_equal(plan(M_VOID, WEAVE_RESULT, 0), "4: the method returns nothing");
}

static void refusals(void **state)
{
    (void)state;
    assert_string_equal(arg(M_REFUSED, 0), "4: a typed reference cannot be captured");
    assert_string_equal(arg(M_REFUSED, 1), "4: a System.ArgIterator cannot be captured");
    assert_string_equal(arg(M_REFUSED, 2), "4: a generic parameter that may be a ref struct cannot be captured");
    assert_string_equal(arg(M_REFUSED, 3), "4: a generic parameter that may be a ref struct cannot be captured");
    assert_string_equal(arg(M_REFUSED, 4), "4: a typed reference cannot be captured");
    assert_string_equal(plan(M_REFUSED, WEAVE_RESULT, 0), "4: a typed reference cannot be captured");
    assert_string_equal(arg(M_ADD, 2), "1: parameter 2 of a method that has 2");
    assert_string_equal(arg(M_MOST, 0), "1: there is no method 19");
    assert_string_equal(arg(0, 0), "1: there is no method 0");
}

static void signatures_are_method_signatures(void **state)
{
    (void)state;
    static const uint8_t PARAMS[WEAVE_SIGS] = {1, 1, 2, 3, 3, 4, 2, 3};
    for (int i = 0; i < WEAVE_SIGS; i++) {
        arena a = {0};
        cil_method_sig sig;
        err_t e;
        assert_true(cil_method_sig_read(&a, weave_sig_blob((weave_sig)i), &sig, &e));
        assert_int_equal(sig.convention, 0);
        assert_int_equal(sig.param_count, PARAMS[i]);
        bool answers = i == WEAVE_SIG_ENTER || i == WEAVE_SIG_COMPLETING;
        assert_int_equal(sig.ret.element, answers ? CIL_E_I : CIL_E_VOID);
        assert_int_equal(sig.params[0].element, CIL_E_I);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_value),
        cmocka_unit_test(by_reference),
        cmocka_unit_test(spans),
        cmocka_unit_test(this_object),
        cmocka_unit_test(objects_that_are_made),
        cmocka_unit_test(results),
        cmocka_unit_test(refusals),
        cmocka_unit_test(signatures_are_method_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
