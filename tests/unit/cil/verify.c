/*
 * The verifier, case by case: what the JIT takes must pass, what it refuses must be named. Each case is a body, of a
 * method `static void (int, object, ref int)` unless it says otherwise, with the locals int, object, float64, ref int,
 * struct, long.
 */
#include "body_image.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct body_case {
    const char *refused; /* NULL: it verifies; else what the error must say */
    const cil_insn *insns;
    const cil_eh *ehs;
    const char *sig;
    uint32_t count, eh_count, sig_size, line;
    uint16_t max_stack; /* 0: 8 */
} body_case;

#define OP(o)         \
    {                 \
        .op = CIL_##o \
    }
#define TOK(o, t)                   \
    {                               \
        .op = CIL_##o, .token = (t) \
    }
#define NUM(o, n)               \
    {                           \
        .op = CIL_##o, .i = (n) \
    }
#define BR(o, n)                     \
    {                                \
        .op = CIL_##o, .target = (n) \
    }
#define CODE(...)                                                                        \
    .count = sizeof((cil_insn[]){__VA_ARGS__}) / sizeof(cil_insn), .insns = (cil_insn[]) \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }
#define EHS(...)                                                                    \
    .eh_count = sizeof((cil_eh[]){__VA_ARGS__}) / sizeof(cil_eh), .ehs = (cil_eh[]) \
    {                                                                               \
        __VA_ARGS__                                                                 \
    }
#define SIG(s) .sig = (s), .sig_size = sizeof(s) - 1
#define OK(...)                             \
    {                                       \
        .line = __LINE__, CODE(__VA_ARGS__) \
    }
#define BAD(text, ...)                                         \
    {                                                          \
        .line = __LINE__, .refused = (text), CODE(__VA_ARGS__) \
    }

#define A_VOID           "\0\3\1\10\34\20\10"
#define A_INT            "\0\0\10"
#define A_OBJECT         "\0\0\34"
#define A_BYREF          "\0\0\20\10"
#define A_DOUBLE         "\0\0\15"
#define A_VARARG         "\5\0\1"
#define A_THIS           "\40\0\1"
#define A_TYPE_PARAMETER "\20\1\1\36\0\36\0" /* static !!0 <T>(!!0) */

static const uint8_t extra_sig[] = {0x00, 1, CIL_E_VOID, CIL_E_I}; /* void (native int) */

static buf_t metadata;
static cil_image image;

static int open_image(void **state)
{
    (void)state;
    body_image_make(&metadata);
    return cil_metadata_open(&image, metadata.p, metadata.n, NULL) ? 0 : -1;
}

static int close_image(void **state)
{
    (void)state;
    buf_free(&metadata);
    return 0;
}

static void check(const body_case *c)
{
    arena a = {0};
    err_t e = {0};
    cil_body b = {
        .max_stack = c->max_stack ? c->max_stack : 8,
        .local_sig = L_LOCALS,
        .insns = arena_copy(&a, c->insns, c->count * sizeof *c->insns),
        .count = c->count,
        .ehs = arena_copy(&a, c->ehs, c->eh_count * sizeof *c->ehs),
        .eh_count = c->eh_count,
    };
    const char *sig = c->sig ? c->sig : A_VOID;
    cil_extra extra = {X_CALLI, {extra_sig, sizeof extra_sig}};
    cil_verify_input in = {
        .image = &image,
        .body = &b,
        .method_sig = {(const uint8_t *)sig, c->sig ? c->sig_size : (uint32_t)sizeof A_VOID - 1},
        .extras = &extra,
        .extra_count = 1,
    };
    bool ok = cil_verify(&a, &in, &e);
    if (!c->refused && !ok) fail_msg("line %u: refused at %lld: %s", c->line, (long long)e.at, e.text);
    if (c->refused && ok) fail_msg("line %u: verified, should say '%s'", c->line, c->refused);
    if (c->refused && !strstr(e.text, c->refused)) fail_msg("line %u: says '%s'", c->line, e.text);
    if (ok) assert_true(cil_max_stack(&a, &in) <= b.max_stack);
    arena_free(&a);
}

#define CHECK_ALL(...)                               \
    do {                                             \
        const body_case cases[] = {__VA_ARGS__};     \
        for (size_t k = 0; k < RJ_COUNT(cases); k++) \
            check(&cases[k]);                        \
    } while (0)

/* clang-format off */
static void stack_depth(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(OP(RET)),
        OK(OP(LDC_I4_0), OP(POP), OP(RET)),
        BAD("pop: needs 1 values, the stack holds 0", OP(POP), OP(RET)),
        BAD("dup: needs a value", OP(DUP), OP(POP), OP(RET)),
        BAD("ret: 1 values are left", OP(LDC_I4_0), OP(RET)),
        BAD("falls off the end", OP(NOP)),
        BAD("falls off the end", OP(RET), OP(NOP)),
        BAD("falls off the end", TOK(CALL, M_VOID)),
        BAD("falls off the end", OP(RET), OP(VOLATILE)),
        OK(OP(LDNULL), OP(THROW), OP(NOP), OP(RET)),
        OK(OP(LDNULL), OP(LDNULL), OP(THROW)),
        /* what is not reached is not followed */
        OK(OP(RET), OP(POP), OP(ADD), OP(RET)),
        {.line = __LINE__, .refused = "over max_stack (1)", .max_stack = 1, CODE(OP(LDC_I4_0), OP(DUP), OP(POP), OP(POP), OP(RET))},
        {.line = __LINE__, .max_stack = 2, CODE(OP(LDC_I4_0), OP(DUP), OP(POP), OP(POP), OP(RET))});
}

static void variables(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(OP(LDARG_0), OP(STLOC_0), OP(LDARG_1), OP(STLOC_1), OP(LDARG_2), OP(STLOC_3), OP(RET)),
        OK(NUM(LDARG_S, 2), NUM(STLOC, 3), NUM(LDLOC_S, 4), NUM(STLOC_S, 4), OP(RET)),
        OK(NUM(LDARGA_S, 0), OP(STLOC_3), NUM(LDLOCA, 0), OP(STLOC_3), OP(RET)),
        OK(OP(LDARG_0), NUM(STARG_S, 0), OP(LDARG_1), NUM(STARG, 1), OP(RET)),
        BAD("ldarg.3: there is no argument 3", OP(LDARG_3), OP(POP), OP(RET)),
        BAD("starg: there is no argument 9", OP(LDARG_0), NUM(STARG, 9), OP(RET)),
        BAD("ldloca.s: there is no local 6", NUM(LDLOCA_S, 6), OP(POP), OP(RET)),
        BAD("stloc.1: stores int32 where object is declared", OP(LDARG_0), OP(STLOC_1), OP(RET)),
        BAD("stloc.0: stores object where int32", OP(LDARG_1), OP(STLOC_0), OP(RET)),
        BAD("stores float where int32", NUM(LDC_R8, 0), OP(STLOC_0), OP(RET)),
        BAD("stores int32 where float", OP(LDC_I4_0), OP(STLOC_2), OP(RET)),
        BAD("stores int32 where value", OP(LDC_I4_0), NUM(STLOC_S, 4), OP(RET)),
        BAD("stores byref where object", OP(LDARG_2), OP(STLOC_1), OP(RET)),
        /* the JIT's conversions: int32 and int64 both ways, byref and native int both ways */
        OK(OP(LDC_I4_0), NUM(STLOC_S, 5), NUM(LDC_I8, 0), OP(STLOC_0), OP(LDARG_2), NUM(STLOC_S, 5), OP(RET)),
        OK(NUM(LDC_I8, 0), OP(STLOC_3), OP(RET)),
        {.line = __LINE__, SIG(A_THIS), CODE(OP(LDARG_0), OP(STLOC_1), OP(LDARG_0), OP(STLOC_3), OP(RET))});
}

static void arithmetic(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(OP(LDC_I4_1), OP(LDC_I4_2), OP(ADD), OP(STLOC_0), OP(RET)),
        OK(NUM(LDC_R8, 0), NUM(LDC_R4, 0), OP(MUL), OP(STLOC_2), OP(RET)),
        OK(OP(LDC_I4_1), NUM(LDC_I8, 1), OP(XOR), NUM(STLOC_S, 5), OP(RET)),
        OK(OP(LDARG_2), OP(LDC_I4_4), OP(ADD), OP(STLOC_3), OP(RET)),
        OK(OP(LDC_I4_4), OP(LDARG_2), OP(ADD_OVF_UN), OP(STLOC_3), OP(RET)),
        OK(OP(LDARG_2), OP(LDARG_2), OP(SUB), NUM(STLOC_S, 5), OP(RET)),
        OK(OP(LDARG_2), OP(LDC_I4_4), OP(SUB), OP(STLOC_3), OP(RET)),
        OK(NUM(LDLOCA_S, 0), OP(LDC_I4_7), OP(AND), NUM(STLOC_S, 5), OP(RET)),
        OK(NUM(LDC_I8, 1), OP(LDC_I4_3), OP(SHL), NUM(STLOC_S, 5), OP(RET)),
        OK(NUM(LDC_R8, 0), OP(NEG), OP(STLOC_2), OP(LDC_I4_1), OP(NOT), OP(STLOC_0), OP(RET)),
        BAD("add: has int32 on the left and float on the right", OP(LDC_I4_0), NUM(LDC_R8, 0), OP(ADD), OP(POP), OP(RET)),
        BAD("add: has byref on the left and byref", OP(LDARG_2), OP(LDARG_2), OP(ADD), OP(POP), OP(RET)),
        BAD("finds object", OP(LDARG_1), OP(LDC_I4_0), OP(ADD), OP(POP), OP(RET)),
        BAD("finds value", NUM(LDLOC_S, 4), OP(LDC_I4_0), OP(ADD), OP(POP), OP(RET)),
        BAD("shl: needs a right operand", OP(LDC_I4_0), NUM(LDC_R8, 0), OP(SHL), OP(POP), OP(RET)),
        OK(OP(LDARG_1), OP(LDNULL), OP(CEQ), OP(STLOC_0), OP(LDARG_1), OP(LDNULL), OP(CGT_UN), OP(STLOC_0), OP(RET)),
        OK(OP(LDARG_2), OP(LDC_I4_0), OP(CEQ), OP(STLOC_0), OP(RET)),
        BAD("ceq: compares float with int32", NUM(LDC_R8, 0), OP(LDC_I4_0), OP(CEQ), OP(POP), OP(RET)),
        BAD("clt: needs a left operand", NUM(LDLOC_S, 4), OP(LDC_I4_0), OP(CLT), OP(POP), OP(RET)),
        OK(OP(LDARG_1), OP(CONV_I), NUM(STLOC_S, 5), NUM(LDC_R8, 0), OP(CONV_OVF_U8_UN), NUM(STLOC_S, 5), OP(RET)),
        BAD("conv.i4: needs", NUM(LDLOC_S, 4), OP(CONV_I4), OP(POP), OP(RET)),
        OK(OP(LDARG_2), OP(LDIND_I4), OP(STLOC_0), OP(LDARG_2), OP(LDC_I4_0), OP(STIND_I4), OP(RET)),
        BAD("ldind.i4: needs", OP(LDARG_1), OP(LDIND_I4), OP(POP), OP(RET)),
        BAD("stind.r8: needs", OP(LDARG_2), OP(LDC_I4_0), OP(STIND_R8), OP(RET)),
        BAD("stind.i4: needs", OP(LDARG_1), OP(LDC_I4_0), OP(STIND_I4), OP(RET)));
}

static void returns(void **state)
{
    (void)state;
    CHECK_ALL(
        {.line = __LINE__, SIG(A_INT), CODE(OP(LDC_I4_0), OP(RET))},
        {.line = __LINE__, SIG(A_INT), CODE(NUM(LDC_I8, 0), OP(RET))},
        {.line = __LINE__, SIG(A_OBJECT), CODE(OP(LDNULL), OP(RET))},
        {.line = __LINE__, SIG(A_BYREF), CODE(TOK(CALL, M_BYREF), OP(RET))},
        {.line = __LINE__, SIG(A_BYREF), CODE(NUM(LDC_I8, 0), OP(RET))},
        {.line = __LINE__, SIG(A_DOUBLE), CODE(NUM(LDC_R4, 0), OP(RET))},
        {.line = __LINE__, SIG(A_TYPE_PARAMETER), CODE(OP(LDARG_0), OP(RET))},
        {.line = __LINE__, SIG(A_INT), .refused = "ret: needs a value", CODE(OP(RET))},
        {.line = __LINE__, SIG(A_INT), .refused = "ret: 1 values are left", CODE(OP(LDC_I4_0), OP(LDC_I4_0), OP(RET))},
        {.line = __LINE__, SIG(A_INT), .refused = "stores object where int32", CODE(OP(LDNULL), OP(RET))},
        {.line = __LINE__, SIG(A_OBJECT), .refused = "stores int32 where object", CODE(OP(LDC_I4_0), OP(RET))},
        {.line = __LINE__, SIG("\0"), .refused = "signature is malformed", CODE(OP(RET))},
        {.line = __LINE__, SIG("\0\5\1\10"), .refused = "signature is malformed", CODE(OP(RET))});
}

static void calls(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(TOK(CALL, M_VOID), OP(LDC_I4_0), TOK(CALL, M_INT), OP(STLOC_0), OP(RET)),
        OK(OP(LDARG_1), TOK(LDSTR, U_STRING), TOK(CALLVIRT, M_OBJECT), OP(STLOC_1), OP(RET)),
        OK(NUM(LDLOCA_S, 4), OP(LDC_I4_0), TOK(CALL, M_SCTOR), OP(RET)),
        OK(NUM(LDLOC_S, 4), TOK(CALL, M_STRUCT), NUM(LDC_I8, 1), TOK(CALL, M_ENUM), OP(RET)),
        OK(TOK(LDSTR, U_STRING), TOK(CALL, S_GENERIC), OP(STLOC_1), OP(RET)),
        OK(OP(LDC_I4_0), TOK(LDSTR, U_STRING), TOK(CALL, R_VARARG), OP(RET)),
        OK(NUM(LDC_R8, 0), TOK(CALL, M_DOUBLE), OP(STLOC_2), OP(RET)),
        OK(OP(LDC_I4_0), OP(LDNULL), NUM(LDC_I8, 0), OP(CONV_I), TOK(CALLI, L_CALLI), OP(STLOC_0), OP(RET)),
        OK(OP(LDC_I4_0), TOK(LDFTN, M_VOID), TOK(CALLI, X_CALLI), OP(RET)),
        OK(OP(LDARG_1), OP(DUP), TOK(LDVIRTFTN, M_OBJECT), OP(POP), OP(POP), OP(RET)),
        BAD("call: needs 1 arguments", TOK(CALL, M_INT), OP(POP), OP(RET)),
        BAD("call: needs 2 arguments", OP(LDARG_1), TOK(CALL, M_OBJECT), OP(POP), OP(RET)),
        BAD("argument 0 is object, the method called takes int32", OP(LDNULL), TOK(CALL, M_INT), OP(POP), OP(RET)),
        BAD("argument 0 is int32, the method called takes value", OP(LDC_I4_0), TOK(CALL, M_STRUCT), OP(RET)),
        BAD("argument 0 is value, the method called takes int64", NUM(LDLOC_S, 4), TOK(CALL, M_ENUM), OP(RET)),
        BAD("argument 0 is object", OP(LDNULL), TOK(CALL, M_ENUM), OP(RET)),
        BAD("argument 1 is int32", OP(LDC_I4_0), OP(LDC_I4_0), TOK(CALL, R_VARARG), OP(RET)),
        BAD("needs an object or its address", OP(LDC_I4_0), OP(LDNULL), TOK(CALL, M_OBJECT), OP(POP), OP(RET)),
        BAD("calli: needs an address", OP(LDC_I4_0), OP(LDC_I4_0), OP(LDNULL), TOK(CALLI, L_CALLI), OP(POP), OP(RET)),
        BAD("has no signature of a method", TOK(CALL, CIL_TOKEN(CIL_METHOD_DEF, 99)), OP(RET)),
        BAD("has no signature of a method", TOK(CALL, F_INT), OP(RET)),
        BAD("has no signature of a method", NUM(LDC_I8, 0), TOK(CALLI, L_LOCALS), OP(RET)),
        BAD("has no signature of a method", TOK(CALL, 0), OP(RET)),
        /* Signatures are remembered: the second call of a kind is checked as the first one. */
        OK(OP(LDC_I4_0), TOK(CALL, M_INT), TOK(CALL, M_INT), OP(POP), OP(RET)),
        BAD("argument 0 is object", OP(LDC_I4_0), TOK(CALL, M_INT), OP(POP), OP(LDNULL), TOK(CALL, M_INT), OP(POP),
            OP(RET)),
        BAD("needs 1 arguments", OP(LDC_I4_0), TOK(CALL, M_INT), OP(POP), TOK(CALL, M_INT), OP(POP), OP(RET)),
        BAD("call: token 1100004d has no signature of a method", NUM(LDC_I8, 0), NUM(LDC_I8, 0), TOK(CALLI, X_CALLI),
            NUM(LDC_I8, 0), TOK(CALL, X_CALLI), OP(RET)),
        BAD("ldftn: token 04000001 is no method", TOK(LDFTN, F_INT), OP(POP), OP(RET)));
}

static void constructions(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(OP(LDC_I4_0), TOK(NEWOBJ, M_CTOR), OP(STLOC_1), OP(RET)),
        OK(OP(LDC_I4_0), TOK(NEWOBJ, M_SCTOR), NUM(STLOC_S, 4), OP(RET)),
        OK(OP(LDC_I4_0), OP(LDC_I4_0), TOK(NEWOBJ, R_ARRAY), OP(STLOC_1), OP(RET)),
        OK(TOK(NEWOBJ, R_CTOR), OP(STLOC_1), TOK(NEWOBJ, R_CTOR), NUM(STLOC_S, 4), OP(RET)),
        BAD("stores value where object", OP(LDC_I4_0), TOK(NEWOBJ, M_SCTOR), OP(STLOC_1), OP(RET)),
        BAD("newobj: needs 1 arguments", TOK(NEWOBJ, M_CTOR), OP(POP), OP(RET)));
}

static void fields(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(OP(LDARG_1), TOK(LDFLD, F_INT), OP(STLOC_0), OP(LDARG_1), OP(LDC_I4_0), TOK(STFLD, F_INT), OP(RET)),
        OK(NUM(LDLOC_S, 4), TOK(LDFLD, F_STRUCT), OP(STLOC_0), NUM(LDLOCA_S, 4), TOK(LDFLDA, F_STRUCT), OP(STLOC_3), OP(RET)),
        OK(TOK(LDSFLD, F_STATIC), TOK(STSFLD, F_STATIC), TOK(LDSFLDA, F_STATIC), OP(POP), OP(RET)),
        OK(OP(LDARG_1), TOK(LDFLD, R_FIELD), OP(STLOC_0), TOK(LDSFLD, R_FIELD), OP(STLOC_0), OP(RET)),
        BAD("ldsfld: the field is not static", TOK(LDSFLD, F_INT), OP(POP), OP(RET)),
        BAD("ldflda: needs an object", NUM(LDLOC_S, 4), TOK(LDFLDA, F_STRUCT), OP(POP), OP(RET)),
        BAD("ldfld: needs an object", OP(LDC_I4_0), TOK(LDFLD, F_INT), OP(POP), OP(RET)),
        BAD("stfld: stores object where int32", OP(LDARG_1), OP(LDNULL), TOK(STFLD, F_INT), OP(RET)),
        BAD("stsfld: stores int32 where object", OP(LDC_I4_0), TOK(STSFLD, F_STATIC), OP(RET)),
        BAD("token 06000001 is no field", TOK(LDSFLD, M_VOID), OP(POP), OP(RET)),
        BAD("is no field", TOK(LDSFLD, S_GENERIC), OP(POP), OP(RET)));
}

static void typed(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(NUM(LDLOC_S, 4), TOK(BOX, T_STRUCT), OP(STLOC_1), OP(LDARG_1), TOK(UNBOX_ANY, T_STRUCT), NUM(STLOC_S, 4), OP(RET)),
        OK(NUM(LDC_I8, 0), TOK(BOX, T_ENUM), OP(STLOC_1), OP(LDARG_1), TOK(UNBOX, T_ENUM), OP(STLOC_3), OP(RET)),
        OK(OP(LDC_I4_0), TOK(BOX, T_INT), OP(POP), OP(LDARG_2), TOK(LDOBJ, T_INT), OP(STLOC_0), OP(RET)),
        OK(OP(LDC_I4_0), TOK(BOX, T_UNKNOWN), OP(POP), OP(LDARG_1), TOK(BOX, T_VAR), OP(POP), OP(RET)),
        OK(OP(LDC_I4_3), TOK(NEWARR, T_STRUCT), OP(DUP), OP(LDC_I4_0), NUM(LDLOC_S, 4), TOK(STELEM, T_STRUCT), OP(LDC_I4_0),
           TOK(LDELEM, T_STRUCT), NUM(STLOC_S, 4), OP(RET)),
        OK(OP(LDARG_1), OP(LDC_I4_0), TOK(LDELEMA, T_CLASS), OP(LDIND_REF), OP(STLOC_1), OP(RET)),
        OK(OP(LDARG_2), TOK(MKREFANY, T_INT), OP(DUP), OP(REFANYTYPE), OP(POP), TOK(REFANYVAL, T_INT), OP(STLOC_3), OP(RET)),
        OK(NUM(LDLOCA_S, 4), TOK(INITOBJ, T_STRUCT), TOK(SIZEOF, T_STRUCT), OP(STLOC_0), TOK(LDTOKEN, T_CLASS), OP(POP), OP(RET)),
        OK(NUM(LDLOCA_S, 4), NUM(LDLOCA_S, 4), TOK(CPOBJ, T_STRUCT), NUM(LDLOCA_S, 4), NUM(LDLOC_S, 4), TOK(STOBJ, T_STRUCT), OP(RET)),
        OK(OP(LDARG_1), TOK(CASTCLASS, T_ARRAY), OP(LDLEN), OP(CONV_I4), OP(STLOC_0), OP(RET)),
        BAD("box: stores object where value", OP(LDARG_1), TOK(BOX, T_STRUCT), OP(POP), OP(RET)),
        BAD("castclass: needs", OP(LDC_I4_0), TOK(CASTCLASS, T_CLASS), OP(POP), OP(RET)),
        BAD("isinst: token 02000063 is no type", OP(LDARG_1), TOK(ISINST, CIL_TOKEN(CIL_TYPE_DEF, 99)), OP(POP), OP(RET)),
        BAD("is no type", TOK(SIZEOF, M_VOID), OP(POP), OP(RET)),
        BAD("stelem: stores int32 where value", OP(LDARG_1), OP(LDC_I4_0), OP(LDC_I4_0), TOK(STELEM, T_STRUCT), OP(RET)),
        BAD("ldelem.i4: needs", OP(LDC_I4_0), OP(LDC_I4_0), OP(LDELEM_I4), OP(POP), OP(RET)),
        BAD("throw: needs", OP(LDC_I4_0), OP(THROW)));
}

static void joins(void **state)
{
    (void)state;
    CHECK_ALL(
        /* cond ? 1 : 2 */
        OK(OP(LDARG_0), BR(BRTRUE_S, 4), OP(LDC_I4_1), BR(BR_S, 5), OP(LDC_I4_2), OP(STLOC_0), OP(RET)),
        /* an int32 and an int64, an int32 and a byref: widened */
        OK(OP(LDARG_0), BR(BRTRUE_S, 4), OP(LDC_I4_1), BR(BR_S, 5), NUM(LDC_I8, 2), NUM(STLOC_S, 5), OP(RET)),
        OK(OP(LDARG_0), BR(BRTRUE_S, 4), OP(LDC_I4_0), BR(BR_S, 5), OP(LDARG_2), OP(STLOC_3), OP(RET)),
        BAD("entered with 0 values on the stack and with 1", OP(LDARG_0), BR(BRTRUE_S, 3), OP(LDC_I4_1), OP(RET)),
        BAD("is entered with", OP(LDARG_0), BR(BRTRUE_S, 4), OP(LDC_I4_1), BR(BR_S, 5), OP(LDNULL), OP(POP), OP(RET)),
        BAD("is entered with", OP(LDARG_0), BR(BRTRUE_S, 4), NUM(LDC_R8, 0), BR(BR_S, 5), OP(LDC_I4_0), OP(POP), OP(RET)),
        BAD("is entered with", OP(LDARG_0), BR(BRTRUE_S, 4), NUM(LDLOC_S, 4), BR(BR_S, 5), OP(LDNULL), OP(POP), OP(RET)),
        /* a loop that leaves a value behind each time */
        BAD("is entered with 0 values on the stack and with 1", OP(LDC_I4_0), BR(BR_S, 0)),
        OK(OP(LDC_I4_0), OP(POP), BR(BR_S, 0)),
        /* a backward branch may bring what the code behind an unconditional one did not have */
        OK(OP(LDC_I4_0), BR(BR_S, 4), OP(STLOC_0), OP(RET), BR(BR_S, 2)),
        OK(OP(LDARG_0), {.op = CIL_SWITCH, .sw = {2, (uint32_t[]){3, 2}}}, OP(NOP), OP(RET)),
        BAD("goes to instruction 9 of 4", OP(LDARG_0), {.op = CIL_SWITCH, .sw = {2, (uint32_t[]){3, 9}}}, OP(NOP), OP(RET)),
        BAD("br: goes to instruction 2 of 2", BR(BR, 2), OP(RET)),
        BAD("brtrue: needs", NUM(LDLOC_S, 4), BR(BRTRUE, 2), OP(RET)),
        BAD("switch: needs", OP(LDNULL), {.op = CIL_SWITCH, .sw = {1, (uint32_t[]){2}}}, OP(RET)));
}

static void prefixes(void **state)
{
    (void)state;
    CHECK_ALL(
        {.line = __LINE__, SIG(A_INT), CODE(OP(LDC_I4_0), OP(TAIL), TOK(CALL, M_INT), OP(RET))},
        OK(OP(LDARG_2), NUM(UNALIGNED, 1), OP(VOLATILE), OP(LDIND_I4), OP(POP), OP(RET)),
        OK(OP(VOLATILE), TOK(LDSFLD, F_STATIC), OP(POP), OP(RET)),
        OK(OP(LDARG_2), OP(LDNULL), TOK(CONSTRAINED, T_INT), TOK(CALLVIRT, M_OBJECT), OP(POP), OP(RET)),
        OK(OP(LDARG_1), OP(LDC_I4_0), OP(READONLY), TOK(LDELEMA, T_CLASS), OP(POP), OP(RET)),
        BAD("tail.: the call is not followed by ret", OP(TAIL), TOK(CALL, M_VOID), OP(NOP), OP(RET)),
        BAD("tail.: the call is not followed by ret", OP(RET), OP(TAIL), TOK(CALL, M_VOID), OP(NOP), OP(RET)),
        BAD("tail.: stands before nop", OP(TAIL), OP(NOP), OP(RET)),
        BAD("constrained.: stands before newobj", OP(LDC_I4_0), TOK(CONSTRAINED, T_INT), TOK(NEWOBJ, M_CTOR), OP(POP), OP(RET)),
        BAD("constrained.: token 06000001 is no type", OP(LDARG_2), TOK(CONSTRAINED, M_VOID), TOK(CALL, M_VOID), OP(RET)),
        BAD("readonly.: stands before", OP(READONLY), OP(NOP), OP(RET)),
        BAD("volatile.: stands before nop", OP(VOLATILE), OP(NOP), OP(RET)),
        BAD("unaligned.: stands before ldsfld", NUM(UNALIGNED, 1), TOK(LDSFLD, F_STATIC), OP(POP), OP(RET)),
        BAD("unaligned.: alignment 3", OP(LDARG_2), NUM(UNALIGNED, 3), OP(LDIND_I4), OP(POP), OP(RET)),
        BAD("no such prefix", NUM(NO_, 1), OP(LDNULL), OP(POP), OP(RET)),
        BAD("between the prefix and its instruction", OP(LDARG_0), BR(BRTRUE, 3), OP(VOLATILE), TOK(LDSFLD, F_STATIC), OP(POP), OP(RET)));
}

static void odd_instructions(void **state)
{
    (void)state;
    CHECK_ALL(
        OK(OP(LDC_I4_8), OP(LOCALLOC), NUM(STLOC_S, 5), OP(RET)),
        BAD("localloc: other values", OP(LDC_I4_1), OP(LDC_I4_8), OP(LOCALLOC), OP(POP), OP(POP), OP(RET)),
        OK(TOK(JMP, M_VOID)),
        BAD("jmp: 1 values", OP(LDC_I4_0), TOK(JMP, M_VOID)),
        BAD("jmp: token 04000001 is no method", TOK(JMP, F_INT)),
        BAD("rethrow: stands outside of a catch", OP(RETHROW)),
        BAD("endfinally: stands outside", OP(ENDFINALLY)),
        BAD("endfilter: stands outside", OP(LDC_I4_0), OP(ENDFILTER)),
        OK(OP(LDARG_2), OP(LDARG_2), OP(LDC_I4_8), OP(CPBLK), OP(LDARG_2), OP(LDC_I4_0), OP(LDC_I4_8), OP(INITBLK), OP(RET)),
        {.line = __LINE__, SIG(A_VARARG), CODE(OP(ARGLIST), OP(POP), OP(RET))},
        /* leave outside of any region is a branch that empties the stack */
        OK(OP(LDC_I4_0), BR(LEAVE, 2), OP(RET)),
        {.line = __LINE__, .refused = "no such opcode 0x0024", CODE({.op = 0x24}, OP(RET))});
}

static void regions(void **state)
{
    (void)state;
    static const cil_eh catch_all = {CIL_EH_CATCH, 0, 2, 2, 4, 0, T_OBJECT};
    static const cil_eh finally = {CIL_EH_FINALLY, 0, 1, 1, 3, 0, 0};
    static const cil_eh filter = {CIL_EH_FILTER, 0, 1, 4, 6, 1, 0};
    CHECK_ALL(
        /* try { nop } catch { } */
        {.line = __LINE__, EHS(catch_all), CODE(OP(NOP), BR(LEAVE, 4), OP(POP), BR(LEAVE, 4), OP(RET))},
        {.line = __LINE__, EHS(catch_all), CODE(OP(NOP), BR(LEAVE, 4), OP(NOP), OP(RETHROW), OP(RET))},
        {.line = __LINE__, EHS(catch_all), .refused = "out of a try block without leave",
         CODE(OP(NOP), BR(BR, 4), OP(POP), BR(LEAVE, 4), OP(RET))},
        {.line = __LINE__, EHS(catch_all), .refused = "out of a handler without leave",
         CODE(OP(NOP), BR(LEAVE, 4), OP(POP), BR(BR, 4), OP(RET))},
        {.line = __LINE__, EHS(catch_all), .refused = "into a handler", CODE(OP(NOP), OP(NOP), OP(POP), BR(LEAVE, 4), OP(RET))},
        {.line = __LINE__, EHS(catch_all), .refused = "ret: stands in a protected region",
         CODE(OP(NOP), OP(RET), OP(POP), BR(LEAVE, 4), OP(RET))},
        {.line = __LINE__, EHS(catch_all), .refused = "needs an operand", CODE(OP(NOP), BR(LEAVE, 4), OP(CONV_I4), OP(THROW), OP(RET))},
        /* a catch may leave into the middle of its own try block */
        {.line = __LINE__, EHS(catch_all), CODE(OP(NOP), BR(LEAVE, 4), OP(POP), BR(LEAVE, 1), OP(RET))},
        {.line = __LINE__, EHS({CIL_EH_CATCH, 1, 3, 3, 5, 0, T_OBJECT}), .refused = "into the middle of a try block",
         CODE(BR(BR, 2), OP(NOP), BR(LEAVE, 5), OP(POP), BR(LEAVE, 5), OP(RET))},
        {.line = __LINE__, EHS({CIL_EH_CATCH, 1, 3, 3, 5, 0, T_OBJECT}), .refused = "try block begins with 1 values",
         CODE(OP(LDC_I4_0), OP(POP), BR(LEAVE, 5), OP(POP), BR(LEAVE, 5), OP(RET))},
        /* try { } finally { } */
        {.line = __LINE__, EHS(finally), CODE(BR(LEAVE, 3), OP(NOP), OP(ENDFINALLY), OP(RET))},
        {.line = __LINE__, EHS(finally), CODE(BR(LEAVE, 3), OP(LDC_I4_0), OP(ENDFINALLY), OP(RET))},
        {.line = __LINE__, EHS(finally), .refused = "leaves a finally", CODE(BR(LEAVE, 3), OP(NOP), BR(LEAVE, 3), OP(RET))},
        {.line = __LINE__, EHS(finally), .refused = "pop: needs 1 values", CODE(BR(LEAVE, 3), OP(POP), OP(ENDFINALLY), OP(RET))},
        {.line = __LINE__, EHS(finally), .refused = "rethrow: stands outside", CODE(BR(LEAVE, 3), OP(NOP), OP(RETHROW), OP(RET))},
        {.line = __LINE__, EHS(catch_all), .refused = "endfinally: stands outside",
         CODE(OP(NOP), BR(LEAVE, 4), OP(POP), OP(ENDFINALLY), OP(RET))},
        {.line = __LINE__, EHS({CIL_EH_FINALLY, 0, 1, 1, 5, 0, 0}), .refused = "localloc: stands in a handler",
         CODE(BR(LEAVE, 5), OP(LDC_I4_0), OP(LOCALLOC), OP(POP), OP(ENDFINALLY), OP(RET))},
        /* filter { pop; 1 } { pop; leave } */
        {.line = __LINE__, EHS(filter), CODE(BR(LEAVE, 6), OP(POP), OP(LDC_I4_1), OP(ENDFILTER), OP(POP), BR(LEAVE, 6), OP(RET))},
        {.line = __LINE__, EHS(filter), .refused = "without endfilter",
         CODE(BR(LEAVE, 6), OP(POP), OP(LDC_I4_1), OP(POP), OP(POP), BR(LEAVE, 6), OP(RET))},
        {.line = __LINE__, EHS(filter), .refused = "before the end of its filter",
         CODE(BR(LEAVE, 6), OP(LDC_I4_1), OP(ENDFILTER), OP(ENDFILTER), OP(POP), BR(LEAVE, 6), OP(RET))},
        {.line = __LINE__, EHS(filter), .refused = "endfilter: other values",
         CODE(BR(LEAVE, 6), OP(NOP), OP(LDC_I4_1), OP(ENDFILTER), OP(POP), BR(LEAVE, 6), OP(RET))},
        {.line = __LINE__, EHS(filter), .refused = "leaves a finally, fault or filter",
         CODE(BR(LEAVE, 6), OP(POP), BR(LEAVE, 6), OP(ENDFILTER), OP(POP), BR(LEAVE, 6), OP(RET))});
}

static void nesting(void **state)
{
    (void)state;
    /* try { try { leave } catch { leave } leave } finally { } */
    static const cil_insn code[] = {BR(LEAVE, 3), OP(POP), BR(LEAVE, 3), BR(LEAVE, 5), OP(ENDFINALLY), OP(RET)};
    static const cil_eh inner = {CIL_EH_CATCH, 0, 1, 1, 3, 0, T_OBJECT}, outer = {CIL_EH_FINALLY, 0, 4, 4, 5, 0, 0};
    static const cil_eh across = {CIL_EH_FINALLY, 1, 4, 4, 5, 0, 0}, apart = {CIL_EH_FINALLY, 0, 2, 4, 5, 0, 0};
    static const cil_eh no_type = {CIL_EH_CATCH, 0, 1, 1, 3, 0, 0}, empty = {CIL_EH_CATCH, 0, 0, 1, 3, 0, T_OBJECT};
    static const cil_eh self = {CIL_EH_FINALLY, 0, 5, 4, 5, 0, 0}, behind = {CIL_EH_FILTER, 0, 1, 1, 3, 3, 0};
#define NESTED .line = __LINE__, .count = RJ_COUNT(code), .insns = code
    CHECK_ALL(
        {NESTED, EHS(inner, outer)},
        {NESTED, EHS(outer, inner)}, /* the JIT sorts */
        {NESTED, EHS(inner, inner, outer), .refused = "nested otherwise"},
        {NESTED, EHS(inner, across), .refused = "nested otherwise"},
        {NESTED, EHS(inner, apart), .refused = "overlaps"},
        {NESTED, EHS(no_type), .refused = "catches no type"},
        {NESTED, EHS(empty), .refused = "empty or outlying range"},
        {NESTED, EHS(self), .refused = "nested otherwise"},
        {NESTED, EHS(behind), .refused = "filter behind its handler"},
        /* two catches of one try block */
        {.line = __LINE__, EHS({CIL_EH_CATCH, 0, 1, 1, 3, 0, T_OBJECT}, {CIL_EH_CATCH, 0, 1, 3, 5, 0, T_CLASS}),
         CODE(BR(LEAVE, 5), OP(POP), BR(LEAVE, 5), OP(POP), BR(LEAVE, 5), OP(RET))},
        /* from one catch into the other */
        {.line = __LINE__, EHS({CIL_EH_CATCH, 0, 1, 1, 3, 0, T_OBJECT}, {CIL_EH_CATCH, 0, 1, 3, 5, 0, T_CLASS}),
         .refused = "leaves into a handler", CODE(BR(LEAVE, 5), OP(POP), BR(LEAVE, 3), OP(POP), BR(LEAVE, 5), OP(RET))});
}

/* What weave makes: the body in a try with a filter that never catches, in a try with a fault, an exit behind. */
static void woven_shape(void **state)
{
    (void)state;
    static const cil_eh filter = {CIL_EH_FILTER, 0, 1, 4, 6, 1, 0}, fault = {CIL_EH_FAULT, 0, 6, 6, 8, 0, 0};
    CHECK_ALL({.line = __LINE__, EHS(filter, fault), SIG(A_INT), .max_stack = 1,
               CODE(BR(LEAVE, 8), OP(POP), OP(LDC_I4_0), OP(ENDFILTER), OP(POP), OP(RETHROW), OP(NOP), OP(ENDFINALLY),
                    OP(LDLOC_0), OP(RET))});
}
/* clang-format on */

static void depth_is_exact(void **state)
{
    (void)state;
    arena a = {0};
    cil_insn insns[] = {OP(LDC_I4_0), OP(LDC_I4_0), OP(LDC_I4_0), OP(ADD), OP(ADD),
                        OP(POP),      OP(RET),      OP(LDNULL),   OP(RET)};
    cil_body b = {.max_stack = 0, .insns = insns, .count = RJ_COUNT(insns)};
    cil_verify_input in = {.image = &image, .body = &b, .method_sig = {(const uint8_t *)A_VOID, sizeof A_VOID - 1}};
    assert_int_equal(cil_max_stack(&a, &in), 3);
    insns[3] = (cil_insn)OP(POP);
    assert_int_equal(cil_max_stack(&a, &in), 3);
    insns[3] = (cil_insn)OP(RET);
    assert_int_equal(cil_max_stack(&a, &in), UINT32_MAX);
    b.count = 0;
    assert_int_equal(cil_max_stack(&a, &in), UINT32_MAX);
    arena_free(&a);
}

static void places_of_errors(void **state)
{
    (void)state;
    arena a = {0};
    err_t e = {0};
    cil_insn insns[] = {OP(NOP), OP(LDNULL), OP(NEG), OP(RET)};
    cil_body b = {.max_stack = 8, .insns = insns, .count = RJ_COUNT(insns)};
    cil_verify_input in = {.image = &image, .body = &b, .method_sig = {(const uint8_t *)A_VOID, sizeof A_VOID - 1}};
    assert_false(cil_verify(&a, &in, &e));
    assert_int_equal(e.code, ERR_REFUSED);
    assert_int_equal(e.at, 2);
    assert_string_equal(e.text, "neg: needs a number (int32 or int64 or float or byref), finds object");
    b.local_sig = L_CALLI;
    assert_false(cil_verify(&a, &in, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_depth),
        cmocka_unit_test(variables),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(returns),
        cmocka_unit_test(calls),
        cmocka_unit_test(constructions),
        cmocka_unit_test(fields),
        cmocka_unit_test(typed),
        cmocka_unit_test(joins),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(odd_instructions),
        cmocka_unit_test(regions),
        cmocka_unit_test(nesting),
        cmocka_unit_test(woven_shape),
        cmocka_unit_test(depth_is_exact),
        cmocka_unit_test(places_of_errors),
    };
    return cmocka_run_group_tests(tests, open_image, close_image);
}
