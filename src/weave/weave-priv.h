/* weave, inside: the method that is looked at, the body in the making, and who writes which part of it. */
#ifndef REJIT_WEAVE_PRIV_H
#define REJIT_WEAVE_PRIV_H

#include "weave/weave.h"

#define WEAVE_OWN_STACK 5u         /* span(tok, slot, typedref, size), and the function */
#define WEAVE_NONE      UINT32_MAX /* no such local, no such instruction */
/* As cil_insn.offset of a new instruction: from here on the code stands for no instruction of the original. */
#define WEAVE_SOURCELESS (UINT32_MAX - 1)

/* ---- the method (method.c) --------------------------------------------------------------------------------- */

/* What metadata says of the method that is planned or woven. */
typedef struct weave_subject {
    const cil_image *image;
    arena *scratch;
    uint32_t rid, owner; /* MethodDef, TypeDef */
    uint32_t flags, impl_flags;
    bool has_this;
    cil_method_sig sig;
    cil_token local_sig; /* of the body, where there is one to be looked into */
} weave_subject;

bool weave_subject_read(weave_subject *s, arena *scratch, const cil_image *image, uint32_t rid, err_t *e);
bool weave_is_value_type(const cil_image *image, uint32_t type_rid);
/* Is the token this type of the core library? TypeRefs must point at an assembly that forwards there. */
bool weave_is_core_type(const cil_image *image, cil_token token, const char *full_name);
bool weave_is_constructor(const weave_subject *s);
/* A local of the body that local_sig is of. */
bool weave_local_read(const weave_subject *s, uint32_t index, cil_type *out);
/* The token by which the method's own body names a field of its type; 0: the module has none. */
cil_token weave_field_token(const weave_subject *s, uint32_t field_rid);

/* ---- state machines of async methods (async_plan.c) --------------------------------------------------------- */

/* The builder of the state machine that a method belongs to. */
typedef struct weave_builder {
    cil_blob type;    /* as its field has it */
    cil_token open;   /* TypeDef or TypeRef */
    const char *name; /* of the core library's type */
    uint32_t task_at;
    bool has_result;
    cil_blob result; /* the type of the result, in the state machine's own terms */
} weave_builder;
bool weave_builder_read(const cil_image *image, uint32_t type_rid, weave_builder *out, err_t *e);
bool weave_is_builder_field(const char *name);
bool weave_is_state_field(const char *name);

/* ---- how a value is captured (plan.c) ---------------------------------------------------------------------- */

typedef struct weave_capture {
    weave_how how;
    cil_element element; /* PRIMITIVE */
    bool at_leave;       /* must be read at leave */
    bool is_address;     /* the argument is a byref already: no copy is made */
    cil_blob type;       /* TYPED, SPAN: what the typed reference is of */
    cil_blob span_of;    /* SPAN: the element type */
} weave_capture;

bool weave_capture_plan(const weave_subject *s, const weave_value *v, weave_capture *out, err_t *e);

/* ---- the body in the making -------------------------------------------------------------------------------- */

typedef struct weave_local {
    cil_blob type;
    bool temporary, busy;
} weave_local;

/* A transfer that must stand outside of the protected region: reached by a leave, written behind EXIT. */
typedef struct weave_transfer {
    struct weave_transfer *next;
    uint32_t leave;       /* the new instruction to aim here */
    uint32_t first, last; /* of the original: prefixes up to the call, or the jmp alone */
    uint32_t spilled;     /* how many values, in `locals` in the order in which they are pushed */
    uint32_t *locals;
} weave_transfer;

typedef struct weaver {
    arena *scratch;
    const weave_input *in;
    weave_subject subject;
    const weave_layer **layers; /* those that do anything */
    uint32_t layer_count;
    bool notes, faults; /* the body stands in a filter / in a fault clause */
    bool async;         /* some layers are the state machine's part */
    uint32_t sites;     /* how many stand before an instruction, and are not written yet */

    cil_body from;
    uint32_t *at;    /* of each original instruction, and of the end: its new index, or that of the sites before it */
    uint32_t *own;   /* the same without the sites */
    uint32_t *jumps; /* the original's branches and switches, in order */
    uint32_t jump_count;
    bool returns, has_localloc; /* the original */

    cil_insn *code;
    uint32_t count, capacity;
    cil_eh *ehs;
    uint32_t eh_count;
    uint32_t extra_stack; /* deeper than the original, where code is put onto its stack */

    cil_blob from_locals; /* types of the original locals as they stand in their signature */
    uint32_t from_local_count;
    weave_local *locals; /* the new ones */
    uint32_t local_count, local_capacity;
    uint32_t tok, result, exception; /* tok: of layer 0, the others follow it */
    uint32_t frame;                  /* local with the frame that values go to; NONE: the layer's tok */

    weave_builder builder; /* where async: */
    cil_token builder_field, state_field;
    uint32_t completing, completion, failure; /* locals: the frame, the result, the exception */

    weave_part *parts; /* `at`: the index of an instruction */
    uint32_t part_count, part_capacity;

    cil_token sigs[WEAVE_SIGS];
    cil_extra *extras;
    uint32_t extra_count, extra_capacity;

    uint32_t try_start, body_end;
    uint32_t exits; /* chain of leaves to EXIT through their targets */
    weave_transfer *transfers;

    err_t *e;
    bool failed; /* sticky: the first error is in e */
} weaver;

bool weave_fail(weaver *w, err_code code, int64_t at, const char *fmt, ...) RJ_PRINTF(4, 5) RJ_COLD;
/* Makes room for one more element of an array in the arena; false (and failed) where memory ran out. */
bool weave_room(weaver *w, void **v, uint32_t n, uint32_t *capacity, size_t size);
bool weave_same(cil_blob a, cil_blob b);

/* Tokens (sigs.c): 0 and failed where the owner cannot make one. */
cil_token weave_stand_alone(weaver *w, cil_blob sig);
cil_token weave_type_token(weaver *w, cil_blob type);
cil_token weave_remember(weaver *w, cil_token token, cil_blob sig); /* for the proof: what a new token stands for */

/* Instructions (code.c). Each answers the index of the instruction that it wrote. */
static inline bool weave_has_room(weaver *w)
{
    return (w->count < w->capacity && !w->failed) ||
           weave_room(w, (void **)&w->code, w->count, &w->capacity, sizeof *w->code);
}
static inline uint32_t weave_put_insn(weaver *w, cil_insn insn)
{
    if (!weave_has_room(w)) return 0;
    w->code[w->count] = insn;
    return w->count++;
}
uint32_t weave_put(weaver *w, uint16_t op);
uint32_t weave_put_token(weaver *w, uint16_t op, cil_token token);
uint32_t weave_put_branch(weaver *w, uint16_t op); /* aimed by weave_aim */
void weave_aim(weaver *w, uint32_t branch);        /* at what is written next */
void weave_sourceless(weaver *w, uint32_t first);  /* marks what was written from `first` on, where that is anything */
uint32_t weave_ldc_i4(weaver *w, int32_t value);
uint32_t weave_ldc_address(weaver *w, uint64_t address);
uint32_t weave_ldc_i8(weaver *w, int64_t value);
uint32_t weave_ldc_r8(weaver *w, double value);
uint32_t weave_ldarg(weaver *w, uint32_t index);
uint32_t weave_ldarga(weaver *w, uint32_t index);
uint32_t weave_ldloc(weaver *w, uint32_t local);
uint32_t weave_stloc(weaver *w, uint32_t local);
uint32_t weave_ldloca(weaver *w, uint32_t local);
void weave_call(weaver *w, uint64_t address, weave_sig sig);
/* if (tok) call(tok), for one layer; nothing for address 0. */
void weave_call_if_live(weaver *w, uint32_t layer, uint64_t address);

/* Locals (locals.c): new ones stand behind the original ones. */
bool weave_locals_begin(weaver *w);
uint32_t weave_local_new(weaver *w, cil_blob type);
uint32_t weave_local_borrow(weaver *w, cil_blob type); /* a temporary; of equal type is reused once released */
void weave_locals_release(weaver *w);                  /* all temporaries */
/* The token of the new signature, 0: no locals. *header: the one that the body will name. */
cil_token weave_locals_end(weaver *w, cil_token *header);

/* The parts, in the order in which they are written. */
void weave_values(weaver *w, uint32_t layer, bool at_leave); /* capture.c */
void weave_tests(weaver *w, const weave_layer *l);           /* test.c: leaves 0 or 1 on the stack */
void weave_bypass(weaver *w);                                /* enter.c */
void weave_enter(weaver *w);                                 /* enter.c */
void weave_enter_layer(weaver *w, uint32_t i);               /* enter.c */
bool weave_sites_begin(weaver *w);                           /* site.c */
void weave_sites(weaver *w, uint32_t i);                     /* site.c: those before the original's instruction i */
void weave_plain(weaver *w);                                 /* rewrite.c */
bool weave_dispatch(weaver *w, const weave_switch *s);       /* dispatch.c */
void weave_rewrite(weaver *w);                               /* rewrite.c */
void weave_throw(weaver *w);                                 /* throw.c */
void weave_leave(weaver *w);                                 /* leave.c */
uint32_t weave_prefixed(const weaver *w, uint32_t i,
                        bool *tail); /* tail.c: the instruction that the prefixes at i are of */
void weave_tail_call(weaver *w, uint32_t first, uint32_t last);
void weave_jump(weaver *w, uint32_t i);
void weave_transfers(weaver *w);
void weave_filters(weaver *w);                          /* filters.c; last, where the input asks for it */
bool weave_async_begin(weaver *w);                      /* async.c */
void weave_async_enter(weaver *w, uint32_t layer);      /* async.c */
bool weave_async_site(weaver *w, const cil_insn *insn); /* async.c: writes a call of the builder; false: it is none */
bool weave_map(const weaver *w, const uint32_t *offsets, weave_output *out); /* map.c */

/* explain.c: what is written from here on is one layer's own (an index of w->layers), or nobody's: WEAVE_SHARED. */
void weave_owned(weaver *w, uint32_t layer);
bool weave_explain(const weaver *w, const uint32_t *offsets, weave_output *out);

#endif
