/* weave_method: what it writes, instruction by instruction, and the map. */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BODY(c, depth, ...)                                            \
    static cil_insn insns[] = {__VA_ARGS__};                           \
    (c)->body = (cil_body)                                             \
    {                                                                  \
        .max_stack = (depth), .insns = insns, .count = RJ_COUNT(insns) \
    }

static weave_layer *add_layer(case_t *c, weave_calls calls, uint64_t gate)
{
    weave_layer *l = &c->layers[c->layer_count++];
    *l = (weave_layer){.gate = gate, .probe = PROBE, .calls = calls};
    return l;
}

/* Plans the value and gives the layer room for one more. */
static void capture(case_t *c, weave_layer *l, uint32_t rid, weave_what what, uint16_t index, uint16_t slot)
{
    weave_value *v = arena_array(&c->a, l->value_count + 1u, sizeof *v);
    assert_non_null(v);
    for (uint32_t i = 0; i < l->value_count; i++)
        v[i] = l->values[i];
    v[l->value_count].slot = slot;
    assert_true(weave_plan_value(&c->a, fixture_image(), rid, what, index, &v[l->value_count], &c->e));
    l->values = v;
    l->value_count++;
}

static void check(case_t *c, uint32_t rid, const char *expected)
{
    if (!case_weave(c, rid)) fail_msg("%s", c->e.text);
    const char *text = case_text(c);
    assert_string_equal(text, expected);
    for (size_t i = 1; i < c->out.map.n; i++)
        assert_true(c->out.map.v[i - 1].to < c->out.map.v[i].to && c->out.map.v[i].to < c->out.code_size);
}

static const weave_calls PAIR = {.enter = ENTER, .leave = LEAVE};
static const weave_calls FULL = {.enter = ENTER,
                                 .leave = LEAVE,
                                 .tail = TAIL,
                                 .note = NOTE,
                                 .thrown = THROWN,
                                 .object = OBJECT,
                                 .typed = TYPED,
                                 .span = SPAN};

static void whole_shape(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDARG_1), OP(ADD), OP(RET));
    weave_layer *l = add_layer(&c, FULL, GATE);
    l->calls.ready = READY;
    capture(&c, l, M_ADD, WEAVE_ARGUMENT, 0, 32);
    capture(&c, l, M_ADD, WEAVE_ARGUMENT, 1, 40);
    capture(&c, l, M_ADD, WEAVE_RESULT, 0, 300);
    check(&c, M_ADD,
          "locals <07 03 18 1c 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 16; ldind.u1; brfalse.s 25; ldc.i8 32; call enter; stloc.0; ldloc.0; "
          "brfalse.s 25; ldloc.0; ldc.i4.s 32; add; ldarg.0; stind.i4; ldloc.0; ldc.i4.s 40; add; ldarg.1; "
          "stind.i4; ldloc.0; call ready; stloc.0; 25: ldarg.0; ldarg.1; add; stloc.2; leave.s 47; stloc.1; "
          "ldloc.0; brfalse.s 37; ldloc.0; ldloc.1; call note; 37: ldc.i4.0; endfilter; pop; rethrow; ldloc.0; "
          "brfalse.s 46; ldloc.0; call thrown; 46: endfinally; 47: ldloc.0; brfalse.s 57; ldloc.0; ldc.i4 300; "
          "add; ldloc.2; stind.i4; ldloc.0; call leave; 57: ldloc.2; ret\n"
          "try 25-30 filter 30-39-41\n"
          "try 25-41 fault 41-47\n");
    case_free(&c);
}

/* What is turned away is not entered: nothing but its gate and its tests run. */
static void tests_before_the_call(void **state)
{
    (void)state;
    static const weave_test tests[] = {
        {.kind = WEAVE_TEST_GT, .index = 1, .element = CIL_E_U1, .i = 7},
        {.kind = WEAVE_TEST_LE, .index = 2, .element = CIL_E_R8, .f = 0.5},
        {.kind = WEAVE_TEST_OR},
        {.kind = WEAVE_TEST_NOT},
    };
    case_t c = {0};
    BODY(&c, 1, OP(LDARG_1), OP(RET));
    weave_layer *l = add_layer(&c, (weave_calls){.enter = ENTER, .leave = LEAVE}, GATE);
    l->tests = tests;
    l->test_count = RJ_COUNT(tests);
    check(&c, M_TEXT,
          "locals <07 02 18 0e>\n"
          "ldc.i4.0; stloc.0; ldc.i8 16; ldind.u1; brfalse.s 23; ldarg.2; conv.u8; ldc.i8 7; cgt; ldarg.3; conv.r8; "
          "ldc.r8 4602678819172646912; cgt.un; ldc.i4.0; ceq; or; ldc.i4.0; ceq; brfalse.s 23; ldc.i8 32; call enter; "
          "stloc.0; 23: ldarg.1; stloc.1; leave.s 26; 26: ldloc.0; brfalse.s 31; ldloc.0; call leave; 31: ldloc.1; "
          "ret\n");
    case_free(&c);
}

/* Integers as the numbers they are; of floats nothing but "not equal" holds of a NaN. */
static void every_comparison(void **state)
{
    (void)state;
    static const struct {
        weave_test_kind kind;
        const char *with_signed, *with_unsigned, *with_float;
    } cases[] = {
        {WEAVE_TEST_EQ, "ceq;", "ceq;", "ceq;"},
        {WEAVE_TEST_NE, "ceq; ldc.i4.0; ceq;", "ceq; ldc.i4.0; ceq;", "ceq; ldc.i4.0; ceq;"},
        {WEAVE_TEST_LT, "clt;", "clt.un;", "clt;"},
        {WEAVE_TEST_LE, "cgt; ldc.i4.0; ceq;", "cgt.un; ldc.i4.0; ceq;", "cgt.un; ldc.i4.0; ceq;"},
        {WEAVE_TEST_GT, "cgt;", "cgt.un;", "cgt;"},
        {WEAVE_TEST_GE, "clt; ldc.i4.0; ceq;", "clt.un; ldc.i4.0; ceq;", "clt.un; ldc.i4.0; ceq;"},
    };
    for (size_t i = 0; i < RJ_COUNT(cases); i++)
        for (unsigned of = 0; of < 3; of++) {
            case_t c = {0};
            const weave_test test = {.kind = cases[i].kind,
                                     .index = of == 2 ? 2 : 0,
                                     .element = of == 0   ? CIL_E_I8
                                                : of == 1 ? CIL_E_U8
                                                          : CIL_E_R8};
            if (of == 2) {
                BODY(&c, 1, OP(LDARG_1), OP(RET));
            } else {
                BODY(&c, 1, OP(LDARG_0), OP(RET));
            }
            weave_layer *l = add_layer(&c, PAIR, 0);
            l->tests = &test;
            l->test_count = 1;
            assert_true(case_weave(&c, of == 2 ? M_TEXT : M_LONG));
            const char *want = of == 0 ? cases[i].with_signed : of == 1 ? cases[i].with_unsigned : cases[i].with_float;
            char with[64];
            snprintf(with, sizeof with, " %s brfalse.s ", want);
            if (!strstr(case_text(&c), with)) fail_msg("%s is not in %s", with, case_text(&c));
            case_free(&c);
        }
}

/* Told where `this` is kept, once it is known that the call is recorded. */
static void where_this_is_kept(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDARG_0), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .holder = HOLDER, .leave = LEAVE}, 0);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 12; ldloc.0; ldarga.s 0; call holder; "
          "12: ldarg.0; stloc.1; leave.s 15; 15: ldloc.0; brfalse.s 20; ldloc.0; call leave; 20: ldloc.1; ret\n");
    case_free(&c);
}

/* Before an instruction: a branch to it comes by, and what runs on into it. */
static void a_place_in_a_loop(void **state)
{
    (void)state;
    case_t c = {.plain_most = 64};
    BODY(&c, 1, OP(LDARG_0), TO(BRTRUE_S, 0), OP(LDARG_1), OP(RET));
    weave_layer *l = add_layer(&c, (weave_calls){.enter = ENTER, .ready = READY}, GATE);
    l->site = 1;
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "0: ldc.i8 16; ldind.u1; brfalse.s 13; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 13; ldloc.0; call "
          "ready; stloc.0; 13: ldarg.0; brtrue.s 0; ldarg.1; stloc.1; leave.s 18; 18: ldloc.1; ret\n");
    case_free(&c);
}

/* What is on the stack stays there; the variable is read where the place is. */
static void a_place_above_the_stack(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(STLOC_0), OP(LDARG_1), OP(LDLOC_0), OP(ADD), OP(RET));
    c.body.local_sig = CIL_TOKEN(CIL_STAND_ALONE_SIG, SIG_ONE_INT_LOCAL);
    weave_layer *l = add_layer(&c, (weave_calls){.enter = ENTER, .ready = READY}, 0);
    weave_value v = {.what = WEAVE_LOCAL, .slot = 32, .how = WEAVE_PRIMITIVE, .element = CIL_E_I4};
    l->site = 1 + 3;
    l->values = &v;
    l->value_count = 1;
    check(&c, M_ADD,
          "locals <07 03 08 18 08>\n"
          "ldarg.0; stloc.0; ldarg.1; ldc.i8 32; call enter; stloc.1; ldloc.1; brfalse.s 18; ldloc.1; ldc.i4.s 32; "
          "add; ldloc.0; stind.i4; ldloc.1; call ready; stloc.1; 18: ldloc.0; add; stloc.2; leave.s 22; 22: ldloc.2; "
          "ret\n");
    case_free(&c);
}

static void a_place_between_instructions(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDARG_1), OP(ADD), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .ready = READY}, 0)->site = 1 + 4;
    assert_false(case_weave(&c, M_ADD));
    assert_int_equal(c.e.code, ERR_REFUSED);
    assert_string_equal(c.e.text, "no instruction begins at IL_0004");
    case_free(&c);
}

/* Closed gates run the original, its loop within itself; an open one goes on to the woven body. */
static void plain_copy(void **state)
{
    (void)state;
    case_t c = {.plain_most = 64};
    BODY(&c, 1, OP(LDARG_0), TO(BRTRUE_S, 0), OP(LDARG_1), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .thrown = THROWN}, GATE);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i8 16; ldind.u1; brtrue.s 7; 3: ldarg.0; brtrue.s 3; ldarg.1; ret; "
          "7: ldc.i4.0; stloc.0; ldc.i8 16; ldind.u1; brfalse.s 16; ldc.i8 32; call enter; stloc.0; "
          "16: ldarg.0; brtrue.s 16; ldarg.1; stloc.1; leave.s 27; "
          "ldloc.0; brfalse.s 26; ldloc.0; call thrown; 26: endfinally; 27: ldloc.1; ret\n"
          "try 16-21 fault 21-27\n");
    case_free(&c);
}

/* No copy where a layer has no gate, where the body is too long, and where there is nothing to save. */
static void no_plain_copy(void **state)
{
    (void)state;
    static const struct {
        uint64_t gate;
        uint32_t most;
        weave_calls calls;
    } cases[] = {{0, 64, {.enter = ENTER, .thrown = THROWN}},
                 {GATE, 1, {.enter = ENTER, .thrown = THROWN}},
                 {GATE, 64, {.enter = ENTER, .leave = LEAVE}}};
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        case_t with = {.plain_most = cases[i].most}, without = {0};
        BODY(&with, 1, OP(LDARG_1), OP(RET));
        without.body = with.body;
        add_layer(&with, cases[i].calls, cases[i].gate);
        add_layer(&without, cases[i].calls, cases[i].gate);
        assert_true(case_weave(&with, M_ADD) && case_weave(&without, M_ADD));
        assert_string_equal(case_text(&with), case_text(&without));
        case_free(&with);
        case_free(&without);
    }
}

static void nothing_to_do(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDC_I4_1), OP(POP), OP(RET));
    add_layer(&c, (weave_calls){.leave = LEAVE, .note = NOTE}, 0);
    check(&c, M_VOID, "ldc.i4.1; pop; leave.s 3; 3: ret\n");
    case_free(&c);
}

static void without_wrapping(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDARG_0), TO(BRTRUE_S, 4), OP(LDC_I4_1), OP(RET), OP(LDC_I4_2), OP(RET));
    add_layer(&c, PAIR, 0);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; brtrue.s 11; ldc.i4.1; stloc.1; leave.s 14; "
          "11: ldc.i4.2; stloc.1; leave.s 14; 14: ldloc.0; brfalse.s 19; ldloc.0; call leave; 19: ldloc.1; ret\n");
    case_free(&c);
}

static void loop_at_the_start(void **state)
{
    (void)state;
    static uint32_t ways[] = {0, 4};
    case_t c = {0};
    BODY(&c, 1, OP(LDARG_0), TO(BRTRUE_S, 0), OP(LDARG_1), {.op = CIL_SWITCH, .sw = {2, ways}}, OP(LDC_I4_0), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .thrown = THROWN}, 0);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; 6: ldarg.0; brtrue.s 6; ldarg.1; switch 6,10; "
          "10: ldc.i4.0; stloc.1; leave.s 19; ldloc.0; brfalse.s 18; ldloc.0; call thrown; 18: endfinally; "
          "19: ldloc.1; ret\n"
          "try 6-13 fault 13-19\n");
    case_free(&c);
}

static void two_layers(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(RET));
    add_layer(&c, FULL, GATE);
    add_layer(&c, PAIR, 0)->probe = PROBE + 1;
    check(&c, M_VOID,
          "locals <07 03 18 18 1c>\n"
          "ldc.i4.0; stloc.0; ldc.i4.0; stloc.1; ldc.i8 16; ldind.u1; brfalse.s 11; ldc.i8 32; call enter; "
          "stloc.0; 11: ldc.i8 33; call enter; stloc.1; leave.s 33; stloc.2; ldloc.0; brfalse.s 23; ldloc.0; "
          "ldloc.2; call note; 23: ldc.i4.0; endfilter; pop; rethrow; ldloc.0; brfalse.s 32; ldloc.0; call thrown; "
          "32: endfinally; 33: ldloc.1; brfalse.s 38; ldloc.1; call leave; 38: ldloc.0; brfalse.s 43; ldloc.0; "
          "call leave; 43: ret\n"
          "try 15-16 filter 16-25-27\n"
          "try 15-27 fault 27-33\n");
    case_free(&c);
}

static void never_returns(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDNULL), OP(THROW));
    add_layer(&c, FULL, 0);
    check(&c, M_ADD,
          "locals <07 02 18 1c>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldnull; throw; stloc.1; ldloc.0; brfalse.s 15; "
          "ldloc.0; ldloc.1; call note; 15: ldc.i4.0; endfilter; pop; rethrow; ldloc.0; brfalse.s 24; ldloc.0; "
          "call thrown; 24: endfinally\n"
          "try 6-8 filter 8-17-19\n"
          "try 6-19 fault 19-25\n");
    case_free(&c);
}

static void own_clauses_come_first(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, TO(LEAVE_S, 7), OP(POP), OP(LDC_I4_0), OP(ENDFILTER), OP(POP), TO(LEAVE_S, 7), OP(ENDFINALLY),
         OP(LDC_I4_1), OP(RET));
    c.body.ehs = (cil_eh[]){
        {.kind = CIL_EH_FILTER, .try_start = 0, .try_end = 1, .filter_start = 1, .handler_start = 4, .handler_end = 6},
        {.kind = CIL_EH_FINALLY, .try_start = 0, .try_end = 6, .handler_start = 6, .handler_end = 7},
    };
    c.body.eh_count = 2;
    add_layer(&c, (weave_calls){.enter = ENTER, .thrown = THROWN}, 0);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; leave.s 13; pop; ldc.i4.0; endfilter; pop; "
          "leave.s 13; endfinally; 13: ldc.i4.1; stloc.1; leave.s 22; ldloc.0; brfalse.s 21; ldloc.0; call thrown; "
          "21: endfinally; 22: ldloc.1; ret\n"
          "try 6-7 filter 7-10-12\n"
          "try 6-12 finally 12-13\n"
          "try 6-16 fault 16-22\n");
    case_free(&c);
}

static void constructor(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(RET));
    weave_layer *l = add_layer(&c, FULL, 0);
    l->calls.note = l->calls.thrown = 0;
    capture(&c, l, M_CTOR, WEAVE_THIS, 0, 8);
    capture(&c, l, M_CTOR, WEAVE_ARGUMENT, 0, 16);
    check(&c, M_CTOR,
          "locals <07 01 18>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 13; ldloc.0; ldc.i4.s 16; add; "
          "ldarg.1; stind.i4; 13: leave.s 14; 14: ldloc.0; brfalse.s 24; ldloc.0; ldc.i4.8; ldarg.0; call object; "
          "ldloc.0; call leave; 24: ret\n");
    case_free(&c);
}

static void generic_value(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDARG_0), OP(RET));
    weave_layer *l = add_layer(&c, FULL, 0);
    l->calls.note = l->calls.thrown = 0;
    capture(&c, l, M_FIRST, WEAVE_ARGUMENT, 0, 8);
    capture(&c, l, M_FIRST, WEAVE_RESULT, 0, 16);
    check(&c, M_FIRST,
          "locals <07 03 18 1e 00 1e 00>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 16; ldarg.0; stloc.2; ldloc.0; "
          "ldc.i4.8; ldloca.s 2; mkrefany <1e 00>; call typed; 16: ldarg.0; stloc.1; leave.s 19; 19: ldloc.0; "
          "brfalse.s 32; ldloc.1; stloc.2; ldloc.0; ldc.i4.s 16; ldloca.s 2; mkrefany <1e 00>; call typed; "
          "ldloc.0; call leave; 32: ldloc.1; ret\n");
    case_free(&c);
}

static void references(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDARG_0), OP(RET));
    weave_layer *l = add_layer(&c, FULL, 0);
    l->calls.note = l->calls.thrown = 0;
    for (uint16_t i = 0; i < 3; i++)
        capture(&c, l, M_REF, WEAVE_ARGUMENT, i, (uint16_t)(8 * i));
    capture(&c, l, M_REF, WEAVE_RESULT, 0, 24);
    check(&c, M_REF,
          "locals <07 02 18 10 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 20; ldloc.0; ldc.i4.0; ldarg.0; "
          "mkrefany <08>; call typed; ldloc.0; ldc.i4.s 16; ldarg.2; mkrefany 01000005; call typed; 20: ldarg.0; "
          "stloc.1; leave.s 23; 23: ldloc.0; brfalse.s 40; ldloc.0; ldc.i4.8; ldarg.1; mkrefany <08>; call typed; "
          "ldloc.0; ldc.i4.s 24; ldloc.1; mkrefany <08>; call typed; ldloc.0; call leave; 40: ldloc.1; ret\n");
    case_free(&c);
}

static void spans(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(RET));
    weave_layer *l = add_layer(&c, (weave_calls){.enter = ENTER, .span = SPAN, .typed = TYPED}, 0);
    for (uint16_t i = 0; i < 5; i++)
        capture(&c, l, M_SPANS, WEAVE_ARGUMENT, i, (uint16_t)(8 * i));
    check(&c, M_SPANS,
          "locals <07 06 18 15 11 0d 01 03 15 11 11 01 1e 00 15 11 0d 01 1c 15 11 0d 01 11 15 15 11 21 01 03>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse 52; ldarg.0; stloc.1; ldloc.0; "
          "ldc.i4.0; ldloca.s 1; mkrefany <15 11 0d 01 03>; ldc.i4.2; call span; ldarg.1; stloc.2; ldloc.0; "
          "ldc.i4.8; ldloca.s 2; mkrefany <15 11 11 01 1e 00>; sizeof <1e 00>; call span; ldarg.2; stloc.3; "
          "ldloc.0; ldc.i4.s 16; ldloca.s 3; mkrefany <15 11 0d 01 1c>; ldc.i4.s -8; call span; ldarg.3; "
          "stloc.s 4; ldloc.0; ldc.i4.s 24; ldloca.s 4; mkrefany <15 11 0d 01 11 15>; sizeof 01000005; call span; "
          "ldarg.s 4; stloc.s 5; ldloc.0; ldc.i4.s 32; ldloca.s 5; mkrefany <15 11 21 01 03>; call typed; "
          "52: leave.s 53; 53: ret\n");
    case_free(&c);
}

static void structs(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(RET));
    weave_layer *l = add_layer(&c, (weave_calls){.enter = ENTER, .typed = TYPED}, 0);
    capture(&c, l, M_PAIR, WEAVE_THIS, 0, 8);
    capture(&c, l, M_PAIR, WEAVE_ARGUMENT, 0, 16);
    check(&c, M_PAIR,
          "locals <07 02 18 13 00>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 22; ldloc.0; ldc.i4.8; ldarg.0; "
          "mkrefany <15 11 10 02 13 00 13 01>; call typed; ldarg.1; stloc.1; ldloc.0; ldc.i4.s 16; ldloca.s 1; "
          "mkrefany <13 00>; call typed; 22: leave.s 23; 23: ret\n");
    case_free(&c);
}

static void other_stores(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDNULL), OP(RET));
    weave_layer *l = add_layer(&c, (weave_calls){.enter = ENTER}, 0);
    for (uint16_t i = 0; i < 4; i++)
        capture(&c, l, M_TEXT, WEAVE_ARGUMENT, i, (uint16_t)(8 * i)); /* the object goes nowhere: no function for it */
    check(&c, M_TEXT,
          "locals <07 02 18 0e>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 23; ldloc.0; ldc.i4.8; add; "
          "ldarg.2; stind.i1; ldloc.0; ldc.i4.s 16; add; ldarg.3; stind.r8; ldloc.0; ldc.i4.s 24; add; ldarg.s 4; "
          "stind.i; 23: ldnull; stloc.1; leave.s 26; 26: ldloc.1; ret\n");
    case_free(&c);
}

static void tail_call_moves_out(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDNULL), OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_MEMBER_REF, CALL_TWO)), OP(RET),
         OP(LDC_I4_0), OP(RET));
    add_layer(&c, FULL, 0);
    check(&c, M_ADD,
          "locals <07 05 18 1c 08 08 1c>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; ldnull; stloc.s 4; stloc.3; leave.s 40; "
          "stloc.2; leave.s 33; ldc.i4.0; stloc.2; leave.s 33; stloc.1; ldloc.0; brfalse.s 23; ldloc.0; ldloc.1; "
          "call note; 23: ldc.i4.0; endfilter; pop; rethrow; ldloc.0; brfalse.s 32; ldloc.0; call thrown; "
          "32: endfinally; 33: ldloc.0; brfalse.s 38; ldloc.0; call leave; 38: ldloc.2; ret; 40: ldloc.0; "
          "brfalse.s 45; ldloc.0; call tail; 45: ldloc.3; ldloc.s 4; tail.; call 0a000001; ret\n"
          "try 6-16 filter 16-25-27\n"
          "try 6-27 fault 27-33\n");
    case_free(&c);
}

static void tail_call_of_generics(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDNULL), OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_METHOD_SPEC, SPEC_OF_GENERIC)), OP(RET),
         OP(LDNULL), OP(LDARG_0), OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_MEMBER_REF, CALL_PUT)), OP(RET), OPI(LDARGA_S, 0),
         OP(LDARG_0), OPT(CONSTRAINED, CIL_TOKEN(CIL_TYPE_SPEC, SPEC_MVAR0)), OP(TAIL),
         OPT(CALLVIRT, CIL_TOKEN(CIL_MEMBER_REF, CALL_PUT)), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .thrown = THROWN}, 0);
    check(&c, M_ENUMISH,
          "locals <07 05 18 11 15 11 15 1c 10 05>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; ldnull; stloc.3; stloc.2; leave.s 46; "
          "stloc.1; leave.s 33; ldnull; ldarg.0; stloc.2; stloc.3; leave.s 41; stloc.1; leave.s 33; ldarga.s 0; "
          "ldarg.0; stloc.2; stloc.s 4; leave.s 35; stloc.1; leave.s 33; ldloc.0; brfalse.s 32; ldloc.0; "
          "call thrown; 32: endfinally; 33: ldloc.1; ret; 35: ldloc.s 4; ldloc.2; constrained. 1b000002; tail.; "
          "callvirt 0a000002; ret; 41: ldloc.3; ldloc.2; tail.; call 0a000002; ret; 46: ldloc.2; ldloc.3; tail.; "
          "call 2b000001; ret\n"
          "try 6-27 fault 27-33\n");
    case_free(&c);
}

/* The JIT takes any reference for any other: one kind of local serves. */
static void tail_call_over_a_reference(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_1), OP(LDNULL), OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_METHOD_SPEC, SPEC_OF_STRING)), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .thrown = THROWN}, 0);
    check(&c, M_TEXT,
          "locals <07 04 18 0e 1c 1c>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.1; ldnull; stloc.3; stloc.2; leave.s 21; "
          "stloc.1; leave.s 19; ldloc.0; brfalse.s 18; ldloc.0; call thrown; 18: endfinally; 19: ldloc.1; ret; "
          "21: ldloc.2; ldloc.3; tail.; call 2b000002; ret\n"
          "try 6-13 fault 13-19\n");
    case_free(&c);
}

static void tail_call_through_a_pointer(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDC_I4_0), OP(CONV_I), OP(TAIL), OPT(CALLI, CIL_TOKEN(CIL_STAND_ALONE_SIG, SIG_CALLI)),
         OP(RET));
    add_layer(&c, FULL, 0);
    check(&c, M_ADD,
          "locals <07 05 18 1c 08 08 18>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; ldc.i4.0; conv.i; stloc.s 4; stloc.3; "
          "leave.s 38; stloc.2; leave.s 31; stloc.1; ldloc.0; brfalse.s 21; ldloc.0; ldloc.1; call note; "
          "21: ldc.i4.0; endfilter; pop; rethrow; ldloc.0; brfalse.s 30; ldloc.0; call thrown; 30: endfinally; "
          "31: ldloc.0; brfalse.s 36; ldloc.0; call leave; 36: ldloc.2; ret; 38: ldloc.0; brfalse.s 43; ldloc.0; "
          "call tail; 43: ldloc.3; ldloc.s 4; tail.; calli 11000002; ret\n"
          "try 6-14 filter 14-23-25\n"
          "try 6-25 fault 25-31\n");
    case_free(&c);
}

static void tail_call_without_wrapping(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDNULL), OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_MEMBER_REF, CALL_TWO)), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .leave = LEAVE, .tail = TAIL}, 0);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; ldnull; ldloc.0; brfalse.s 13; ldloc.0; "
          "call tail; 13: tail.; call 0a000001; ret; stloc.1; leave.s 18; 18: ldloc.0; brfalse.s 23; ldloc.0; "
          "call leave; 23: ldloc.1; ret\n");
    case_free(&c);
}

/* Not before a ret; in a protected region; with a `this` of which nobody knows what it is. */
static void tail_prefix_dropped(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), OP(LDNULL), OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_MEMBER_REF, CALL_TWO)), OP(POP), OP(LDNULL),
         OP(TAIL), OPT(CALL, CIL_TOKEN(CIL_MEMBER_REF, CALL_INSTANCE)), OP(RET));
    add_layer(&c, (weave_calls){.enter = ENTER, .thrown = THROWN}, 0);
    check(&c, M_ADD,
          "locals <07 02 18 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; ldnull; call 0a000001; pop; ldnull; "
          "call 0a000003; stloc.1; leave.s 20; ldloc.0; brfalse.s 19; ldloc.0; call thrown; 19: endfinally; "
          "20: ldloc.1; ret\n"
          "try 6-14 fault 14-20\n");
    case_free(&c);
}

static void jump(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 0, OPT(JMP, CIL_TOKEN(CIL_METHOD_DEF, M_VOID)));
    add_layer(&c, FULL, 0);
    check(&c, M_VOID,
          "locals <07 02 18 1c>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; leave.s 24; stloc.1; ldloc.0; brfalse.s 14; ldloc.0; "
          "ldloc.1; call note; 14: ldc.i4.0; endfilter; pop; rethrow; ldloc.0; brfalse.s 23; ldloc.0; call thrown; "
          "23: endfinally; 24: ldloc.0; brfalse.s 29; ldloc.0; call tail; 29: jmp 06000001\n"
          "try 6-7 filter 7-16-18\n"
          "try 6-18 fault 18-24\n");
    c.layers[0].calls.note = c.layers[0].calls.thrown = 0;
    check(&c, M_VOID,
          "locals <07 01 18>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldloc.0; brfalse.s 11; ldloc.0; call tail; "
          "11: jmp 06000001\n");
    case_free(&c);
}

/* Locals of the original stay; its flag too, and it goes where it meant nothing. */
static void init_locals(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(LDLOC_0), OP(RET));
    c.body.local_sig = CIL_TOKEN(CIL_STAND_ALONE_SIG, SIG_ONE_INT_LOCAL);
    c.body.init_locals = true;
    add_layer(&c, PAIR, 0);
    check(&c, M_ADD,
          "locals <07 03 08 18 08> init\n"
          "ldc.i4.0; stloc.1; ldc.i8 32; call enter; stloc.1; ldloc.0; stloc.2; leave.s 9; 9: ldloc.1; "
          "brfalse.s 14; ldloc.1; call leave; 14: ldloc.2; ret\n");
    c.body.init_locals = false;
    check(&c, M_ADD,
          "locals <07 03 08 18 08>\n"
          "ldc.i4.0; stloc.1; ldc.i8 32; call enter; stloc.1; ldloc.0; stloc.2; leave.s 9; 9: ldloc.1; "
          "brfalse.s 14; ldloc.1; call leave; 14: ldloc.2; ret\n");
    case_free(&c);
}

static void prefixes_stay_with_their_instruction(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 2, OP(LDARG_0), TO(BR_S, 2), OP(VOLATILE), OPI(UNALIGNED, 1), OP(LDIND_I4), OP(POP), OP(LDARG_0), OP(RET));
    add_layer(&c, PAIR, 0);
    check(&c, M_REF,
          "locals <07 02 18 10 08>\n"
          "ldc.i4.0; stloc.0; ldc.i8 32; call enter; stloc.0; ldarg.0; br.s 8; 8: volatile.; unaligned. 1; "
          "ldind.i4; pop; ldarg.0; stloc.1; leave.s 15; 15: ldloc.0; brfalse.s 20; ldloc.0; call leave; "
          "20: ldloc.1; ret\n");
    case_free(&c);
}

static void map_of_lines(void **state)
{
    (void)state;
    case_t c = {0};
    BODY(&c, 1, OP(NOP), OP(LDARG_0), OP(RET));
    add_layer(&c, PAIR, 0);
    assert_true(case_weave(&c, M_ADD));
    /* nop 0, ldarg 1, ret 2 where they went, the prologue before them; EXIT has no source. */
    static const uint32_t FROM[] = {0, 1, 2, WEAVE_UNMAPPED};
    assert_int_equal(c.out.map.n, RJ_COUNT(FROM));
    for (size_t i = 0; i < RJ_COUNT(FROM); i++)
        assert_int_equal(c.out.map.v[i].from, FROM[i]);
    uint32_t body = c.out.map.v[0].to;
    assert_true(body > 0);
    assert_int_equal(c.out.map.v[1].to, body + 1);
    assert_int_equal(c.out.map.v[2].to, body + 2);
    assert_int_equal(c.out.map.v[3].to, body + 2 + 3); /* stloc.1, leave.s */
    case_free(&c);
}

/* Nothing that was woven in counts as a line of the original: not the handlers, not what stands behind a plain copy. */
static void map_of_woven_parts(void **state)
{
    (void)state;
    case_t c = {.plain_most = 64};
    BODY(&c, 1, OP(NOP), OP(LDARG_0), OP(RET));
    add_layer(&c, FULL, GATE);
    assert_true(case_weave(&c, M_ADD));
    /* the plain copy, enter; the rewritten one, handlers, EXIT */
    static const uint32_t FROM[] = {0, 1, 2, WEAVE_UNMAPPED, 0, 1, 2, WEAVE_UNMAPPED, WEAVE_UNMAPPED};
    assert_int_equal(c.out.map.n, RJ_COUNT(FROM));
    for (size_t i = 0; i < RJ_COUNT(FROM); i++)
        assert_int_equal(c.out.map.v[i].from, FROM[i]);
    case_free(&c);
}

static buf_t kept;

static uint64_t keep(void *owner, cil_blob sig, err_t *e)
{
    (void)owner, (void)e;
    kept.n = 0;
    buf_put(&kept, sig.p, sig.n);
    return 0x1122334455667788;
}

/* The header keeps the original's locals; the true ones are told by the last instructions, and the proof knows them. */
static void hidden_locals(void **state)
{
    (void)state;
    static const uint8_t LOCALS[] = {0x07, 2, CIL_E_I, CIL_E_I4};
    case_t c = {.keep_locals = keep};
    BODY(&c, 1, OP(LDARG_0), OP(RET));
    add_layer(&c, PAIR, 0);
    if (!case_weave(&c, M_ADD)) fail_msg("%s", c.e.text);
    cil_body body;
    assert_true(cil_body_read(&c.a, (cil_blob){c.out.body.p, (uint32_t)c.out.body.n}, &body, NULL));
    assert_int_equal(body.local_sig, 0);
    assert_int_equal(kept.n, sizeof LOCALS);
    assert_memory_equal(kept.p, LOCALS, sizeof LOCALS);
    const uint8_t *il = c.out.body.p + c.out.body.n - c.out.code_size; /* no clauses behind it */
    assert_true(weave_hidden_locals(il, c.out.code_size) == 0x1122334455667788);
    for (uint32_t n = 0; n < c.out.code_size; n++)
        assert_true(weave_hidden_locals(il, n) == 0);
    assert_int_equal(c.out.map.v[c.out.map.n - 1].from, WEAVE_UNMAPPED);
    buf_free(&kept);
    case_free(&c);
}

/* ---- whose the parts are ---- */

static uint32_t owner_at(const case_t *c, uint32_t offset)
{
    uint32_t layer = WEAVE_SHARED;
    for (size_t i = 0; i < c->out.parts.n && c->out.parts.v[i].at <= offset; i++)
        layer = c->out.parts.v[i].layer;
    return layer;
}

/* Local variables 0 and 1 are the toks of the layers 0 and 2: the one between them does nothing. */
static uint32_t layer_of(const cil_insn *i)
{
    if (i->op == CIL_LDC_I8 && (i->i == GATE || i->i == PROBE)) return 0;
    if (i->op == CIL_LDC_I8 && (i->i == GATE + 0x1000 || i->i == PROBE + 0x1000)) return 2;
    if (i->op == CIL_LDLOC_0 || i->op == CIL_STLOC_0) return 0;
    return i->op == CIL_LDLOC_1 || i->op == CIL_STLOC_1 ? 2 : WEAVE_SHARED;
}

static void check_owners(case_t *c)
{
    cil_body body;
    uint32_t seen[3] = {0};
    assert_true(cil_body_read(&c->a, (cil_blob){c->out.body.p, (uint32_t)c->out.body.n}, &body, &c->e));
    for (uint32_t i = 0; i < body.count; i++) {
        const cil_insn *x = &body.insns[i];
        uint32_t owner = owner_at(c, x->offset), expected = layer_of(x);
        if (expected != WEAVE_SHARED) assert_int_equal(owner, expected);
        if (expected != WEAVE_SHARED) seen[expected]++;
        if (x->op == CIL_RET || x->op == CIL_ENDFILTER || x->op == CIL_ENDFINALLY || x->op == CIL_RETHROW)
            assert_int_equal(owner, WEAVE_SHARED);
    }
    assert_true(seen[0] > 8 && seen[2] > 8);
    assert_int_equal(c->out.locals.n, 4);
    assert_int_equal(c->out.locals.v[0].role, WEAVE_FRAME);
    assert_int_equal(c->out.locals.v[0].layer, 0);
    assert_int_equal(c->out.locals.v[1].role, WEAVE_FRAME);
    assert_int_equal(c->out.locals.v[1].layer, 2);
    assert_int_equal(c->out.locals.v[2].role, WEAVE_EXCEPTION);
    assert_int_equal(c->out.locals.v[3].role, WEAVE_HELD_RESULT);
    assert_int_equal(c->out.locals.v[3].layer, WEAVE_SHARED);
}

static void parts_have_owners(void **state)
{
    (void)state;
    for (uint32_t most = 0; most <= 64; most += 64) {
        case_t c = {.explained = true, .plain_most = most}, plain = {.plain_most = most};
        BODY(&c, 2, OP(LDARG_0), OP(LDARG_1), OP(ADD), OP(RET));
        for (uint32_t i = 0; i < 3; i++) {
            weave_layer *l = add_layer(&c, i == 1 ? (weave_calls){0} : FULL, GATE + i / 2 * 0x1000);
            l->probe = PROBE + i / 2 * 0x1000;
            plain.layers[plain.layer_count++] = *l;
        }
        plain.body = c.body;
        assert_true(case_weave(&c, M_ADD) && case_weave(&plain, M_ADD));
        assert_int_equal(plain.out.parts.n, 0);
        assert_int_equal(plain.out.locals.n, 0);
        assert_int_equal(plain.out.body.n, c.out.body.n);
        assert_memory_equal(plain.out.body.p, c.out.body.p, c.out.body.n);
        check_owners(&c);
        case_free(&c);
        case_free(&plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_owners),
        cmocka_unit_test(whole_shape),
        cmocka_unit_test(tests_before_the_call),
        cmocka_unit_test(every_comparison),
        cmocka_unit_test(where_this_is_kept),
        cmocka_unit_test(a_place_in_a_loop),
        cmocka_unit_test(a_place_above_the_stack),
        cmocka_unit_test(a_place_between_instructions),
        cmocka_unit_test(plain_copy),
        cmocka_unit_test(no_plain_copy),
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(without_wrapping),
        cmocka_unit_test(loop_at_the_start),
        cmocka_unit_test(two_layers),
        cmocka_unit_test(never_returns),
        cmocka_unit_test(own_clauses_come_first),
        cmocka_unit_test(constructor),
        cmocka_unit_test(generic_value),
        cmocka_unit_test(references),
        cmocka_unit_test(spans),
        cmocka_unit_test(structs),
        cmocka_unit_test(other_stores),
        cmocka_unit_test(tail_call_moves_out),
        cmocka_unit_test(tail_call_of_generics),
        cmocka_unit_test(tail_call_over_a_reference),
        cmocka_unit_test(tail_call_through_a_pointer),
        cmocka_unit_test(tail_call_without_wrapping),
        cmocka_unit_test(tail_prefix_dropped),
        cmocka_unit_test(jump),
        cmocka_unit_test(init_locals),
        cmocka_unit_test(prefixes_stay_with_their_instruction),
        cmocka_unit_test(map_of_lines),
        cmocka_unit_test(map_of_woven_parts),
        cmocka_unit_test(hidden_locals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
