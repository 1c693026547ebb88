/* weave_method: what it refuses, with which words, and that a refusal leaves nothing behind. */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static cil_insn just_ret[] = {OP(RET)};

static case_t begin(weave_calls calls)
{
    case_t c = {.body = {.insns = just_ret, .count = 1}, .layer_count = 1};
    c.layers[0] = (weave_layer){.probe = PROBE, .calls = calls};
    return c;
}

static const weave_calls ALL = {.enter = ENTER, .leave = LEAVE, .tail = TAIL, .note = NOTE, .thrown = THROWN};

static void check(case_t *c, uint32_t rid, err_code code, const char *text)
{
    assert_false(case_weave(c, rid));
    assert_string_equal(c->e.text, text);
    assert_int_equal(c->e.code, code);
    assert_null(c->out.body.p);
    assert_null(c->out.map.v);
    assert_int_equal(c->out.code_size, 0);
}

static void without_a_body(void **state)
{
    (void)state;
    case_t c = begin(ALL);
    c.body.count = 0;
    check(&c, M_ABSTRACT, ERR_REFUSED, "it is abstract: it has no body");
    check(&c, M_PINVOKE, ERR_REFUSED, "it is a P/Invoke: its code is native");
    check(&c, M_RUNTIME, ERR_REFUSED, "the runtime itself implements it");
    check(&c, M_INTERNAL, ERR_REFUSED, "the runtime itself implements it (internal call)");
    check(&c, M_VOID, ERR_REFUSED, "it has no IL body");
    check(&c, M_MOST, ERR_USAGE, "there is no method 19");
    case_free(&c);
}

static void what_does_not_verify(void **state)
{
    (void)state;
    static cil_insn add_nothing[] = {OP(ADD), OP(RET)};
    case_t c = begin(ALL);
    c.body = (cil_body){.insns = add_nothing, .count = 2, .max_stack = 2};
    assert_false(case_weave(&c, M_ADD));
    assert_int_equal(c.e.code, ERR_REFUSED);
    assert_ptr_equal(strstr(c.e.text, "the woven body does not verify: "), c.e.text);
    assert_null(c.out.body.p);
    case_free(&c);
}

static void malformed_bodies(void **state)
{
    (void)state;
    static const uint8_t CUT[] = {0x02 | 4 << 2, 0x2A}; /* tiny, 4 bytes of code of which one is there */
    arena a = {0};
    fixture_maker m = {0};
    weave_layer layer = {.calls = ALL};
    weave_input in = {.image = fixture_image(),
                      .method_rid = M_VOID,
                      .body = {CUT, sizeof CUT},
                      .layers = &layer,
                      .layer_count = 1,
                      .tokens = fixture_tokens(&m)};
    weave_output out;
    err_t e = {0};
    assert_false(weave_method(&a, &in, &out, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    assert_ptr_equal(strstr(e.text, "body: "), e.text);
    case_t c = begin(ALL);
    c.body.local_sig = CIL_TOKEN(CIL_STAND_ALONE_SIG, 99);
    check(&c, M_VOID, ERR_FORMAT, "the local signature 0x11000063 is not there");
    c.body.local_sig = CIL_TOKEN(CIL_STAND_ALONE_SIG, SIG_CALLI);
    check(&c, M_VOID, ERR_FORMAT, "the local signature 0x11000002 is not there");
    case_free(&c);
    arena_free(&m.a);
    arena_free(&a);
}

static void values_that_were_not_planned_so(void **state)
{
    (void)state;
    weave_value v = {.what = WEAVE_ARGUMENT, .index = 0, .how = WEAVE_OBJECT};
    case_t c = begin(ALL);
    c.layers[0].values = &v;
    c.layers[0].value_count = 1;
    c.layers[0].calls.object = OBJECT;
    check(&c, M_LONG, ERR_USAGE, "value 0 is not captured as it was planned");
    v = (weave_value){.what = WEAVE_RESULT, .how = WEAVE_PRIMITIVE, .element = CIL_E_I8, .at_leave = false};
    check(&c, M_LONG, ERR_USAGE, "value 0 is not captured as it was planned");
    v = (weave_value){.what = WEAVE_THIS, .how = WEAVE_OBJECT};
    check(&c, M_LONG, ERR_REFUSED, "a static method has no `this`");
    case_free(&c);
}

static void tokens_that_cannot_be_made(void **state)
{
    (void)state;
    case_t c = begin(ALL);
    c.maker.refuse = true;
    check(&c, M_VOID, ERR_RUNTIME, "no more tokens");
    case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_body),
        cmocka_unit_test(what_does_not_verify),
        cmocka_unit_test(malformed_bodies),
        cmocka_unit_test(values_that_were_not_planned_so),
        cmocka_unit_test(tokens_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
