/*
 * What one instruction takes from the stack and leaves on it. Most are a row of a table; those whose effect depends on
 * the operand, or whose result depends on what they find, have a function.
 */
#include "cil/verify-priv.h"

enum {
    I4 = KIND_I4,
    L = KIND_L,
    F = KIND_F,
    B = KIND_B,
    O = KIND_O,
    V = KIND_V,
    INT = I4 | L,         /* counts, indices, sizes */
    ADDR = B | L,         /* what can be indirected */
    NUM = I4 | L | F | B, /* arithmetic; a byref to a local is as good as a native int */
    SCALAR = I4 | L | F | B | O,
};

typedef enum special {
    PLAIN, /* the table's row says all */
    LDARG,
    STARG,
    LDARGA,
    LDLOC,
    STLOC,
    LDLOCA,
    DUP,
    ADD,
    SUB,
    MATH,
    SHIFT,
    NEG,
    COMPARE,
    CALL,
    FIELD,
    TYPED,
    RET,
    JMP,
    TAIL,
    CLEAR,
    ENDFILTER,
    RETHROW,
    LOCALLOC,
    LDFTN,
    CONSTRAINED,
    READONLY,
    MEMORY,
    UNALIGNED,
    UNKNOWN_PREFIX,
} special;

#define MOST_POPS 3u

typedef struct effect {
    _Alignas(8) uint8_t special;
    kinds out; /* 0: pushes nothing */
    uint8_t pops;
    kinds in[MOST_POPS]; /* from the top on; anything behind the last */
} effect;

/* Rows name what is popped as the stack is written, the deepest first. */
#define NONE(special, out)               \
    {                                    \
        special, out, 0,                 \
        {                                \
            ANY_KIND, ANY_KIND, ANY_KIND \
        }                                \
    }
#define ONE(special, out, a)      \
    {                             \
        special, out, 1,          \
        {                         \
            a, ANY_KIND, ANY_KIND \
        }                         \
    }
#define TWO(special, out, a, b) \
    {                           \
        special, out, 2,        \
        {                       \
            b, a, ANY_KIND      \
        }                       \
    }
#define THREE(special, out, a, b, c) \
    {                                \
        special, out, 3,             \
        {                            \
            c, b, a                  \
        }                            \
    }

#define INDEX(op)      ((op) >= 0xFE00 ? 0x100 | ((op)&0xFF) : (op))
#define ROW(op)        [INDEX(CIL_##op)]
#define ROWS(from, to) [INDEX(CIL_##from)... INDEX(CIL_##to)]

/* clang-format off */
static const effect EFFECTS[0x120] = {
    ROWS(LDARG_0, LDARG_3) = NONE(LDARG, 0), ROW(LDARG_S) = NONE(LDARG, 0), ROW(LDARG) = NONE(LDARG, 0),
    ROWS(LDLOC_0, LDLOC_3) = NONE(LDLOC, 0), ROW(LDLOC_S) = NONE(LDLOC, 0), ROW(LDLOC) = NONE(LDLOC, 0),
    ROWS(STLOC_0, STLOC_3) = NONE(STLOC, 0), ROW(STLOC_S) = NONE(STLOC, 0), ROW(STLOC) = NONE(STLOC, 0),
    ROW(STARG_S) = NONE(STARG, 0), ROW(STARG) = NONE(STARG, 0),
    ROW(LDARGA_S) = NONE(LDARGA, 0), ROW(LDARGA) = NONE(LDARGA, 0),
    ROW(LDLOCA_S) = NONE(LDLOCA, 0), ROW(LDLOCA) = NONE(LDLOCA, 0),

    ROW(LDNULL) = NONE(PLAIN, O), ROWS(LDC_I4_M1, LDC_I4) = NONE(PLAIN, I4), ROW(LDC_I8) = NONE(PLAIN, L),
    ROWS(LDC_R4, LDC_R8) = NONE(PLAIN, F), ROW(LDSTR) = NONE(PLAIN, O), ROW(ARGLIST) = NONE(PLAIN, B | L | V),
    ROW(DUP) = NONE(DUP, 0), ROW(POP) = ONE(PLAIN, 0, ANY_KIND),

    ROW(JMP) = NONE(JMP, 0), ROW(RET) = NONE(RET, 0),
    ROW(CALL) = NONE(CALL, 0), ROW(CALLI) = NONE(CALL, 0), ROW(CALLVIRT) = NONE(CALL, 0), ROW(NEWOBJ) = NONE(CALL, 0),
    ROWS(BRFALSE_S, BRTRUE_S) = ONE(PLAIN, 0, SCALAR), ROWS(BRFALSE, BRTRUE) = ONE(PLAIN, 0, SCALAR),
    ROWS(BEQ_S, BLT_UN_S) = NONE(COMPARE, 0), ROWS(BEQ, BLT_UN) = NONE(COMPARE, 0),
    ROW(SWITCH) = ONE(PLAIN, 0, INT),

    ROWS(LDIND_I1, LDIND_U4) = ONE(PLAIN, I4, ADDR), ROWS(LDIND_I8, LDIND_I) = ONE(PLAIN, L, ADDR),
    ROWS(LDIND_R4, LDIND_R8) = ONE(PLAIN, F, ADDR), ROW(LDIND_REF) = ONE(PLAIN, O, ADDR),
    ROW(STIND_REF) = TWO(PLAIN, 0, ADDR, O | L | I4 | B), ROWS(STIND_I1, STIND_I4) = TWO(PLAIN, 0, ADDR, INT),
    ROW(STIND_I8) = TWO(PLAIN, 0, ADDR, INT | B), ROWS(STIND_R4, STIND_R8) = TWO(PLAIN, 0, ADDR, F),
    ROW(STIND_I) = TWO(PLAIN, 0, ADDR, INT | B),

    ROW(ADD) = NONE(ADD, 0), ROW(SUB) = NONE(SUB, 0), ROWS(MUL, XOR) = NONE(MATH, 0), ROWS(SHL, SHR_UN) = NONE(SHIFT, 0),
    ROWS(NEG, NOT) = NONE(NEG, 0), ROWS(ADD_OVF, ADD_OVF_UN) = NONE(ADD, 0), ROWS(MUL_OVF, MUL_OVF_UN) = NONE(MATH, 0),
    ROWS(SUB_OVF, SUB_OVF_UN) = NONE(SUB, 0), ROWS(CEQ, CLT_UN) = NONE(COMPARE, I4), ROW(CKFINITE) = ONE(PLAIN, F, F),

    ROWS(CONV_I1, CONV_I4) = ONE(PLAIN, I4, SCALAR), ROW(CONV_I8) = ONE(PLAIN, L, SCALAR),
    ROWS(CONV_R4, CONV_R8) = ONE(PLAIN, F, SCALAR), ROW(CONV_U4) = ONE(PLAIN, I4, SCALAR), ROW(CONV_U8) = ONE(PLAIN, L, SCALAR),
    ROW(CONV_R_UN) = ONE(PLAIN, F, SCALAR),
    ROWS(CONV_OVF_I1_UN, CONV_OVF_I4_UN) = ONE(PLAIN, I4, SCALAR), ROW(CONV_OVF_I8_UN) = ONE(PLAIN, L, SCALAR),
    ROWS(CONV_OVF_U1_UN, CONV_OVF_U4_UN) = ONE(PLAIN, I4, SCALAR), ROWS(CONV_OVF_U8_UN, CONV_OVF_U_UN) = ONE(PLAIN, L, SCALAR),
    ROWS(CONV_OVF_I1, CONV_OVF_U4) = ONE(PLAIN, I4, SCALAR), ROWS(CONV_OVF_I8, CONV_OVF_U8) = ONE(PLAIN, L, SCALAR),
    ROWS(CONV_U2, CONV_U1) = ONE(PLAIN, I4, SCALAR), ROWS(CONV_I, CONV_OVF_U) = ONE(PLAIN, L, SCALAR),
    ROW(CONV_U) = ONE(PLAIN, L, SCALAR),

    ROW(CPOBJ) = TWO(TYPED, 0, ADDR, ADDR), ROW(LDOBJ) = ONE(TYPED, 0, ADDR), ROW(STOBJ) = ONE(TYPED, 0, ADDR),
    ROW(CASTCLASS) = ONE(TYPED, O, O), ROW(ISINST) = ONE(TYPED, O, O), ROW(UNBOX) = ONE(TYPED, B, O),
    ROW(UNBOX_ANY) = ONE(TYPED, 0, O), ROW(BOX) = NONE(TYPED, O), ROW(NEWARR) = ONE(TYPED, O, INT),
    ROW(LDELEMA) = TWO(TYPED, B, O, INT), ROW(LDELEM) = TWO(TYPED, 0, O, INT), ROW(STELEM) = TWO(TYPED, 0, O, INT),
    ROW(REFANYVAL) = ONE(TYPED, B, V), ROW(MKREFANY) = ONE(TYPED, V, ADDR), ROW(SIZEOF) = NONE(TYPED, I4),
    ROW(INITOBJ) = ONE(TYPED, 0, ADDR), ROW(REFANYTYPE) = ONE(PLAIN, V, V), ROW(LDTOKEN) = NONE(PLAIN, V),

    ROW(LDFLD) = NONE(FIELD, 0), ROW(LDFLDA) = NONE(FIELD, 0), ROW(STFLD) = NONE(FIELD, 0),
    ROW(LDSFLD) = NONE(FIELD, 0), ROW(LDSFLDA) = NONE(FIELD, 0), ROW(STSFLD) = NONE(FIELD, 0),

    ROW(LDLEN) = ONE(PLAIN, I4, O),
    ROWS(LDELEM_I1, LDELEM_U4) = TWO(PLAIN, I4, O, INT), ROWS(LDELEM_I8, LDELEM_I) = TWO(PLAIN, L, O, INT),
    ROWS(LDELEM_R4, LDELEM_R8) = TWO(PLAIN, F, O, INT), ROW(LDELEM_REF) = TWO(PLAIN, O, O, INT),
    ROW(STELEM_I) = THREE(PLAIN, 0, O, INT, INT | B), ROWS(STELEM_I1, STELEM_I4) = THREE(PLAIN, 0, O, INT, INT),
    ROW(STELEM_I8) = THREE(PLAIN, 0, O, INT, INT), ROWS(STELEM_R4, STELEM_R8) = THREE(PLAIN, 0, O, INT, F),
    ROW(STELEM_REF) = THREE(PLAIN, 0, O, INT, O),

    ROW(THROW) = ONE(CLEAR, 0, O), ROW(RETHROW) = NONE(RETHROW, 0), ROW(ENDFINALLY) = NONE(CLEAR, 0),
    ROW(ENDFILTER) = ONE(ENDFILTER, 0, INT), ROW(LEAVE) = NONE(CLEAR, 0), ROW(LEAVE_S) = NONE(CLEAR, 0),
    ROW(LDFTN) = NONE(LDFTN, L), ROW(LDVIRTFTN) = ONE(LDFTN, L, O), ROW(LOCALLOC) = ONE(LOCALLOC, L, INT),
    ROW(CPBLK) = THREE(PLAIN, 0, ADDR, ADDR, INT), ROW(INITBLK) = THREE(PLAIN, 0, ADDR, INT, INT),

    ROW(TAIL) = NONE(TAIL, 0), ROW(CONSTRAINED) = NONE(CONSTRAINED, 0), ROW(READONLY) = NONE(READONLY, 0),
    ROW(VOLATILE) = NONE(MEMORY, 0), ROW(UNALIGNED) = NONE(UNALIGNED, 0), ROW(NO_) = NONE(UNKNOWN_PREFIX, 0),
};
/* clang-format on */

/* Pops one that is to be stored where `want` is declared. */
static bool pop_fitting(verifier *v, kinds want)
{
    if (v->depth == 0) return cil_verify_fail(v, "needs a value, the stack is empty");
    kinds have = v->stack[--v->depth];
    /* Unlike a call, a store may also put a reference into a native int, and a null that was pushed as int32 into a
     * byref. */
    if (cil_verify_fits(have, want) || ((want & L) && (have & O)) || ((want & B) && (have & I4))) return true;
    return cil_verify_mismatch(v, "stores ", have, " where ", want, " is declared");
}

/* Which argument or local the instruction names. */
static uint32_t variable(const cil_insn *i)
{
    return i->op >= CIL_LDARG_0 && i->op <= CIL_STLOC_3 ? (i->op - CIL_LDARG_0) % 4u : (uint32_t)i->i;
}

static RJ_COLD bool no_variable(verifier *v, const char *what, uint32_t n)
{
    return cil_verify_fail(v, "there is no %s %u", what, n);
}

static bool step_ldarg(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    uint32_t n = variable(i);
    return n < v->arg_count ? cil_verify_push(v, v->args[n]) : no_variable(v, "argument", n);
}

static bool step_starg(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    uint32_t n = variable(i);
    return n < v->arg_count ? pop_fitting(v, v->args[n]) : no_variable(v, "argument", n);
}

static bool step_ldarga(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    uint32_t n = variable(i);
    return n < v->arg_count ? cil_verify_push(v, B) : no_variable(v, "argument", n);
}

static bool step_ldloc(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    uint32_t n = variable(i);
    return n < v->local_count ? cil_verify_push(v, v->locals[n]) : no_variable(v, "local", n);
}

static bool step_stloc(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    uint32_t n = variable(i);
    return n < v->local_count ? pop_fitting(v, v->locals[n]) : no_variable(v, "local", n);
}

static bool step_ldloca(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    uint32_t n = variable(i);
    return n < v->local_count ? cil_verify_push(v, B) : no_variable(v, "local", n);
}

static bool step_dup(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    (void)f;
    if (v->depth == 0) return cil_verify_fail(v, "needs a value, the stack is empty");
    return cil_verify_push(v, v->stack[v->depth - 1]);
}

/* What arithmetic makes of two sets of kinds; 0: nothing. */
static kinds arithmetic(special op, kinds x, kinds y)
{
    kinds r = x & y & (I4 | F);
    if (op != ADD && op != SUB) {
        /* The JIT takes a byref here for a native int. */
        x = (kinds)(x & B ? x | L : x);
        y = (kinds)(y & B ? y | L : y);
    }
    if (((x & L) && (y & INT)) || ((y & L) && (x & INT))) r |= L;
    if (op == ADD && (((x & B) && (y & INT)) || ((y & B) && (x & INT)))) r |= B;
    if (op == SUB && (x & B) && (y & INT)) r |= B;
    if (op == SUB && (x & (B | INT)) && (y & B)) r |= L;
    return r;
}

static bool step_arithmetic(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    special op = (special)f->special;
    kinds x = 0, y = 0;
    if (!cil_verify_pop(v, op == SHIFT ? INT : NUM, "a right operand", &y) ||
        !cil_verify_pop(v, NUM, "a left operand", &x))
        return false;
    kinds r = op == SHIFT ? (kinds)((x & INT) | (x & B ? L : 0)) : arithmetic(op, x, y);
    if (r == 0) return cil_verify_mismatch(v, "has ", x, " on the left and ", y, " on the right");
    return cil_verify_push(v, r);
}

static bool step_neg(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    (void)f;
    kinds x = 0;
    if (!cil_verify_pop(v, NUM, "a number", &x)) return false;
    return cil_verify_push(v, (kinds)((x & (INT | F)) | (x & B ? L : 0)));
}

static bool step_compare(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    kinds x = 0, y = 0;
    if (!cil_verify_pop(v, SCALAR, "a right operand", &y) || !cil_verify_pop(v, SCALAR, "a left operand", &x))
        return false;
    /* Anything of a pointer's size can be compared with any other, and with an int32, which is widened. */
    if (!(x & y & F) && !((x & (INT | B | O)) && (y & (INT | B | O))))
        return cil_verify_mismatch(v, "compares ", x, " with ", y, "");
    return !f->out || cil_verify_push(v, f->out);
}

static bool step_typed(verifier *v, const cil_insn *i, const effect *f)
{
    kinds k = cil_verify_type_token(v, i->token);
    if (k == 0) return cil_verify_fail(v, "token %08x is no type", i->token);
    if (i->op == CIL_STOBJ || i->op == CIL_STELEM || i->op == CIL_BOX) {
        if (!pop_fitting(v, k)) return false;
    }
    for (uint32_t n = 0; n < f->pops; n++) {
        if (!cil_verify_pop(v, f->in[n], "an operand", NULL)) return false;
    }
    if (f->out) return cil_verify_push(v, f->out);
    bool loads = i->op == CIL_LDOBJ || i->op == CIL_LDELEM || i->op == CIL_UNBOX_ANY;
    return !loads || cil_verify_push(v, k);
}

/* The opcode that the prefixes from here on stand before; CIL_NO_ where the code ends. */
static uint16_t prefixed(const verifier *v)
{
    for (uint32_t n = v->at + 1; n < v->b->count; n++) {
        uint16_t op = v->b->insns[n].op;
        if (cil_opinfo_of(op)->flow != CIL_F_PREFIX) return op;
    }
    return CIL_NO_;
}

static bool step_memory_prefix(verifier *v, bool statics)
{
    uint16_t op = prefixed(v);
    bool ok = (op >= CIL_LDIND_I1 && op <= CIL_STIND_R8) || op == CIL_STIND_I || op == CIL_LDFLD || op == CIL_STFLD ||
              op == CIL_LDOBJ || op == CIL_STOBJ || op == CIL_INITBLK || op == CIL_CPBLK ||
              (statics && (op == CIL_LDSFLD || op == CIL_STSFLD));
    return ok || cil_verify_fail(v, "stands before %s", cil_opinfo_of(op)->name);
}

static bool step_prefix(verifier *v, const cil_insn *i, const effect *f)
{
    uint16_t op = prefixed(v);
    bool is_call = op == CIL_CALL || op == CIL_CALLVIRT || op == CIL_CALLI, ok = true;
    switch ((special)f->special) {
    case TAIL: ok = is_call; break;
    case READONLY: ok = is_call || op == CIL_LDELEMA; break;
    case CONSTRAINED:
        ok = op == CIL_CALL || op == CIL_CALLVIRT || op == CIL_LDFTN;
        if (cil_verify_type_token(v, i->token) == 0) return cil_verify_fail(v, "token %08x is no type", i->token);
        break;
    case UNALIGNED:
        if (i->i != 1 && i->i != 2 && i->i != 4) return cil_verify_fail(v, "alignment %lld", (long long)i->i);
        return step_memory_prefix(v, false);
    case MEMORY: return step_memory_prefix(v, true);
    default: return cil_verify_fail(v, "the runtime has no such prefix");
    }
    return ok || cil_verify_fail(v, "stands before %s", cil_opinfo_of(op)->name);
}

static bool step_ret(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    (void)f;
    if (v->ret && !pop_fitting(v, v->ret)) return false;
    if (v->depth == 0) return true;
    return cil_verify_fail(v, "%u values are left on the stack", v->depth);
}

static bool step_jmp(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    if (v->depth) return cil_verify_fail(v, "%u values are on the stack", v->depth);
    return cil_verify_is_method(v, i->token) || cil_verify_fail(v, "token %08x is no method", i->token);
}

/* What step_plain does, one operand after the other: finds which is wrong. */
static RJ_COLD bool plain_failed(verifier *v, const effect *f)
{
    if (v->depth < f->pops)
        return cil_verify_fail(v, "needs %u values, the stack holds %u", (unsigned)f->pops, v->depth);
    for (uint32_t n = 0; n < f->pops; n++) {
        if (!cil_verify_pop(v, f->in[n], "an operand", NULL)) return false;
    }
    return !f->out || cil_verify_push(v, f->out);
}

/* Without a branch that depends on how much is popped and pushed: there is room below the stack, and above it. */
static bool step_plain(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    kinds *top = v->stack + v->depth;
    uint32_t depth = v->depth - f->pops, after = depth + (f->out != 0);
    bool ok = ((top[-1] & f->in[0]) != 0) & ((top[-2] & f->in[1]) != 0) & ((top[-3] & f->in[2]) != 0);
    if (!ok || v->depth < f->pops || after > v->limit) return plain_failed(v, f);
    v->stack[depth] = f->out;
    v->depth = after;
    v->deepest = RJ_MAX(v->deepest, after);
    return true;
}

static bool step_clear(verifier *v, const cil_insn *i, const effect *f)
{
    if (!step_plain(v, i, f)) return false;
    v->depth = 0;
    return true;
}

static bool step_rethrow(verifier *v, const cil_insn *i, const effect *f)
{
    (void)i;
    (void)f;
    if (!cil_verify_placement(v)) return false;
    v->depth = 0;
    return true;
}

static bool step_ldftn(verifier *v, const cil_insn *i, const effect *f)
{
    if (!cil_verify_is_method(v, i->token)) return cil_verify_fail(v, "token %08x is no method", i->token);
    return step_plain(v, i, f);
}

/* What must find nothing but its operand. */
static bool step_alone(verifier *v, const cil_insn *i, const effect *f)
{
    if (v->depth > 1) return cil_verify_fail(v, "other values are on the stack");
    if (f->special == LOCALLOC && !cil_verify_placement(v)) return false;
    return step_plain(v, i, f);
}

static bool step_call(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    return cil_verify_call(v, i);
}

static bool step_field(verifier *v, const cil_insn *i, const effect *f)
{
    (void)f;
    return cil_verify_field(v, i);
}

bool cil_verify_steps(verifier *v, uint32_t from)
{
    static bool (*const STEPS[])(verifier *, const cil_insn *, const effect *) = {
        [PLAIN] = step_plain,      [LDARG] = step_ldarg,
        [STARG] = step_starg,      [LDARGA] = step_ldarga,
        [LDLOC] = step_ldloc,      [STLOC] = step_stloc,
        [LDLOCA] = step_ldloca,    [DUP] = step_dup,
        [ADD] = step_arithmetic,   [SUB] = step_arithmetic,
        [MATH] = step_arithmetic,  [SHIFT] = step_arithmetic,
        [NEG] = step_neg,          [COMPARE] = step_compare,
        [CALL] = step_call,        [FIELD] = step_field,
        [TYPED] = step_typed,      [RET] = step_ret,
        [JMP] = step_jmp,          [CLEAR] = step_clear,
        [ENDFILTER] = step_alone,  [RETHROW] = step_rethrow,
        [LOCALLOC] = step_alone,   [LDFTN] = step_ldftn,
        [TAIL] = step_prefix,      [CONSTRAINED] = step_prefix,
        [READONLY] = step_prefix,  [MEMORY] = step_prefix,
        [UNALIGNED] = step_prefix, [UNKNOWN_PREFIX] = step_prefix,
    };
    const cil_insn *insns = v->b->insns;
    const uint8_t *flags = v->flags;
    for (uint32_t n = from;; n++) {
        const effect *f = &EFFECTS[INDEX(insns[n].op)];
        v->at = n;
        if (!STEPS[f->special](v, &insns[n], f)) return false;
        if (flags[n] & INSN_STOP) return true;
    }
}
