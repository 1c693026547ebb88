/* The original behind a switch, and catch clauses as filters. */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ON = 0x90 };

static void check(case_t *c, uint32_t rid, const char *expected)
{
    if (!case_weave(c, rid)) fail_msg("%s", c->e.text);
    assert_string_equal(case_text(c), expected);
    case_free(c);
}

/* ---- the switch ---- */

static void a_call_is_passed_on_with_its_arguments(void **state)
{
    (void)state;
    case_t c = {.on = ON};
    static cil_insn insns[] = {OP(LDARG_0), OP(LDARG_1), OP(ADD), OP(RET)};
    c.body = (cil_body){.max_stack = 2, .insns = insns, .count = RJ_COUNT(insns)};
    check(&c, M_ADD,
          "ldc.i8 144; ldind.u1; brfalse.s 8; ldarg.0; ldarg.1; call target; ret; 8: ldarg.0; ldarg.1; add; ret\n");
}

/* `this` is an argument; the loop to the first instruction of the original stays within it. */
static void an_instance_method_keeps_its_loops_and_locals(void **state)
{
    (void)state;
    case_t c = {.on = ON};
    static cil_insn insns[] = {OP(LDARG_0), OP(LDARG_1), OP(STARG_S), TO(BRTRUE_S, 0), OP(RET)};
    insns[2].i = 1;
    c.body = (cil_body){.max_stack = 2,
                        .insns = insns,
                        .count = RJ_COUNT(insns),
                        .local_sig = CIL_TOKEN(CIL_STAND_ALONE_SIG, SIG_ONE_INT_LOCAL)};
    assert_true(case_weave(&c, M_CTOR));
    assert_non_null(strstr(case_text(&c), "ldarg.0; ldarg.1; call target; ret; 8: ldarg.0"));
    assert_non_null(strstr(case_text(&c), "brtrue.s 8"));
    case_free(&c);
}

static void generic_calls_are_not_passed_on(void **state)
{
    (void)state;
    static cil_insn insns[] = {OP(LDNULL), OP(THROW)};
    static const uint32_t methods[] = {M_FIRST, M_PAIR, M_ITEM};
    for (size_t i = 0; i < RJ_COUNT(methods); i++) {
        case_t c = {.on = ON, .body = {.max_stack = 1, .insns = insns, .count = RJ_COUNT(insns)}};
        assert_false(case_weave(&c, methods[i]));
        assert_int_equal(c.e.code, ERR_REFUSED);
        assert_non_null(strstr(c.e.text, "generic"));
        case_free(&c);
    }
}

/* ---- filters ---- */

static const weave_calls PAIR = {.enter = ENTER, .leave = LEAVE};

/* try { leave } catch (Object) { pop; leave } catch (DateTime) { pop; leave } ret */
static void catches_become_filters_that_test_for_their_type(void **state)
{
    (void)state;
    static cil_insn insns[] = {TO(LEAVE, 5), OP(POP), TO(LEAVE, 5), OP(POP), TO(LEAVE, 5), OP(RET)};
    static cil_eh ehs[] = {
        {.kind = CIL_EH_CATCH,
         .try_end = 1,
         .handler_start = 1,
         .handler_end = 3,
         .class_token = CIL_TOKEN(CIL_TYPE_REF, REF_OBJECT)},
        {.kind = CIL_EH_CATCH,
         .try_end = 1,
         .handler_start = 3,
         .handler_end = 5,
         .class_token = CIL_TOKEN(CIL_TYPE_REF, REF_ELSEWHERE)},
    };
    case_t c = {.catch_by_filter = true, .layer_count = 1};
    c.layers[0] = (weave_layer){.gate = GATE, .probe = PROBE, .calls = PAIR};
    c.body = (cil_body){.max_stack = 1, .insns = insns, .count = RJ_COUNT(insns), .ehs = ehs, .eh_count = 2};
    assert_true(case_weave(&c, M_VOID));
    const char *text = case_text(&c);
    assert_non_null(strstr(text, "isinst 01000001; ldnull; cgt.un; endfilter; pop; leave"));
    assert_non_null(strstr(text, "isinst 01000007; ldnull; cgt.un; endfilter; pop; leave"));
    assert_null(strstr(text, "catch"));
    assert_non_null(strstr(text, "try 9-10 filter 10-14-16\n"));
    assert_non_null(strstr(text, "try 9-10 filter 16-20-22\n"));
    case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_passed_on_with_its_arguments),
        cmocka_unit_test(an_instance_method_keeps_its_loops_and_locals),
        cmocka_unit_test(generic_calls_are_not_passed_on),
        cmocka_unit_test(catches_become_filters_that_test_for_their_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
