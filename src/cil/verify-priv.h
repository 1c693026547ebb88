/*
 * The verifier's parts: verify.c walks, verify_regions.c knows protected regions, verify_step.c what an instruction
 * does to the stack, verify_calls.c calls and fields, verify_types.c the kinds of types.
 */
#ifndef REJIT_CIL_VERIFY_PRIV_H
#define REJIT_CIL_VERIFY_PRIV_H

#include "cil/cil.h"

/*
 * What a stack slot may hold, as a set: a bit for each kind that the JIT tells apart on a 64-bit machine, where long
 * and native int are one. More than one bit stands for a type that this image alone does not settle: a value type of
 * another assembly may be an enum, a type parameter may be anything.
 */
typedef uint8_t kinds;
enum {
    KIND_I4 = 1,
    KIND_L = 2, /* int64 and native int */
    KIND_F = 4,
    KIND_B = 8, /* byref */
    KIND_O = 16,
    KIND_V = 32,
    KIND_SETS = 64,
    ANY_VALUE = KIND_I4 | KIND_L | KIND_F | KIND_V, /* a value type that may be an enum or a primitive */
    ANY_TYPE = ANY_VALUE | KIND_O,                  /* a type parameter, or a type of another assembly */
    ANY_KIND = ANY_TYPE | KIND_B,
};

/* A protected range: a try block, a filter or a handler. Ranges nest like brackets. */
typedef enum region_role { REGION_TRY, REGION_FILTER, REGION_HANDLER } region_role;
typedef struct region {
    uint32_t start, end;
    uint32_t parent; /* index + 1 of the innermost region around this one; 0: none */
    uint32_t clause;
    region_role role;
} region;

/* Flags of an instruction. */
enum {
    INSN_TARGET = 1,  /* control may come from elsewhere: a new state may arrive here */
    INSN_PENDING = 2, /* on the work list */
    INSN_TRY = 4,     /* a try block begins */
    INSN_ENTERED = 8, /* it has an entry state */
    INSN_TURN = 16,   /* control does more than go on to the next one */
    INSN_STOP = 32,   /* a turn, or a target follows: a walk must look up */
};
#define STACK_BELOW 8u

/* What the stack holds where control arrives. */
typedef struct state {
    uint32_t depth;
    kinds k[];
} state;

typedef struct type_cache {
    cil_token token;
    kinds k;
} type_cache;
#define TYPE_CACHE 32u

/*
 * What a call takes and gives: a body makes the same few calls again and again. The address of a calli and `this` are
 * arguments like others.
 */
#define CALL_POPS 8u
typedef struct call_cache {
    cil_token token;
    uint8_t op; /* the low byte of its opcode; 0: nothing here */
    uint8_t pops;
    kinds out;           /* 0: pushes nothing */
    kinds in[CALL_POPS]; /* what fits, the deepest first */
} call_cache;
#define CALL_CACHE 64u

typedef struct verifier {
    arena *a;
    const cil_verify_input *in;
    const cil_image *im;
    const cil_body *b;
    err_t *e;

    kinds *args, *locals;
    uint32_t arg_count, local_count;
    kinds ret; /* 0: void */
    uint32_t sig_params;
    uint8_t convention;

    uint8_t *flags; /* by instruction */
    state **entry;  /* by instruction: the state that it was entered with, where it was */
    state *empty;   /* the state without values, which most are */
    uint32_t *work; /* instructions to walk from */
    uint32_t work_count;
    uint32_t *turns; /* the instructions with INSN_TURN, in order */
    uint32_t turn_count;

    region *regions;
    uint32_t region_count;
    uint32_t *region_of; /* by instruction: index + 1 of the innermost region; NULL without exception clauses */
    bool *clause_seen;   /* its handlers were queued */

    kinds *stack; /* below it lie STACK_BELOW slots that hold anything */
    uint32_t depth, deepest, limit;
    uint32_t at; /* the instruction looked at */
    type_cache types[TYPE_CACHE];
    call_cache calls[CALL_CACHE];
} verifier;

/* An error at the present instruction, with its opcode's name in front. Returns false. */
bool cil_verify_fail(verifier *v, const char *fmt, ...) RJ_PRINTF(2, 3) RJ_COLD;
bool cil_verify_no_memory(verifier *v) RJ_COLD;
/* The same where two sets of kinds do not go together: "<before>int32<between>object<after>". */
bool cil_verify_mismatch(verifier *v, const char *before, kinds one, const char *between, kinds other,
                         const char *after) RJ_COLD;

/* ---- verify_types.c */

/* The kinds of the type at the start of *b, which is cut off; 0 for void; *ok false where malformed. */
kinds cil_verify_take_type(verifier *v, cil_blob *b, bool *ok);
/* The kinds of a TypeDef, TypeRef or TypeSpec as a value; 0 where there is no such type. */
kinds cil_verify_type_token(verifier *v, cil_token token);
/* The blob that came with a token that the image does not have; n == 0 where there is none. */
cil_blob cil_verify_extra(const verifier *v, cil_token token);
/* The blob of a StandAloneSig or TypeSpec, extras first; n == 0 where there is none. */
cil_blob cil_verify_sig(const verifier *v, cil_token token);
/* Reads the method's own signature and its locals. */
bool cil_verify_read_frame(verifier *v);
/* What may go where `want` is declared: what the JIT converts or takes without asking (impImplicitIorI4Cast and its
 * kin). */
static inline kinds cil_verify_taken(kinds want)
{
    kinds taken = want & (KIND_F | KIND_O | KIND_V);
    if (want & KIND_I4) taken |= KIND_I4 | KIND_L;
    if (want & KIND_L) taken |= KIND_L | KIND_I4 | KIND_B;
    if (want & KIND_B) taken |= KIND_B | KIND_L | KIND_O;
    return taken;
}
static inline bool cil_verify_fits(kinds have, kinds want)
{
    return (have & cil_verify_taken(want)) != 0;
}

static inline void cil_verify_mark_target(verifier *v, uint32_t to)
{
    v->flags[to] |= INSN_TARGET;
    if (to) v->flags[to - 1] |= INSN_STOP;
}

/* ---- verify_regions.c */

/* Builds the tree of regions and proves that it nests; marks what regions make targets. */
bool cil_verify_regions(verifier *v);
/* May control go from one region to another so? */
bool cil_verify_crossing(verifier *v, uint32_t from, uint32_t to, bool leave);
/* May control go from one instruction to the other by a branch, by falling, or by leave? */
static inline bool cil_verify_transfer(verifier *v, uint32_t from, uint32_t to, bool leave)
{
    return !v->region_of || v->region_of[from] == v->region_of[to] || cil_verify_crossing(v, from, to, leave);
}
/* Do ret, jmp, endfinally, endfilter and rethrow stand where they may? Looks at the present instruction. */
bool cil_verify_placement(verifier *v);

/* ---- verify_step.c, verify_calls.c */

/* Applies the instructions from `from` on to the stack, up to one with INSN_STOP, which is the present one then. */
bool cil_verify_steps(verifier *v, uint32_t from);
bool cil_verify_call(verifier *v, const cil_insn *i);
bool cil_verify_field(verifier *v, const cil_insn *i);
/* Does this token name a method? */
bool cil_verify_is_method(const verifier *v, cil_token token);

static inline bool cil_verify_push(verifier *v, kinds k)
{
    if (v->depth >= v->limit) return cil_verify_fail(v, "the stack grows over max_stack (%u)", v->limit);
    v->stack[v->depth++] = k;
    if (v->depth > v->deepest) v->deepest = v->depth;
    return true;
}

/* Pops n and checks only that they are there. */
static inline bool cil_verify_drop(verifier *v, uint32_t n)
{
    if (v->depth < n) return cil_verify_fail(v, "needs %u values, the stack holds %u", n, v->depth);
    v->depth -= n;
    return true;
}

bool cil_verify_pop_failed(verifier *v, kinds want, const char *what) RJ_COLD;

/* Pops one that must be of one of `want`; its kinds in *have (may be NULL). */
static inline bool cil_verify_pop(verifier *v, kinds want, const char *what, kinds *have)
{
    if (v->depth == 0 || !(v->stack[v->depth - 1] & want)) return cil_verify_pop_failed(v, want, what);
    kinds k = v->stack[--v->depth];
    if (have) *have = k;
    return true;
}

#endif
