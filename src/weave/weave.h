/*
 * weave: a body and edits give a new body, its IL map, and the proof that it verifies. Pure functions: no runtime, no
 * state.
 *
 * The shape of a woven body (one block of each kind for every layer, innermost layer last):
 *
 *      [if every gate is closed: the original, as it was]    where weave_input.plain_most allows it
 *      tok_i = 0                                    for each layer
 *      if (*gate_i [&& tests_i]) {                  closed gate: one load and one branch
 *          tok_i = enter_i(probe_i)                 0: nothing is recorded of this call
 *          if (tok_i) { store arguments; [tok_i = ready_i(tok_i)] }
 *      }
 *      .try { .try {
 *          original body; every `ret` is: store to `result`; leave EXIT
 *      } filter {                                   runs in the first pass, deeper frames are still pushed
 *          if (tok_i) note_i(tok_i, exception)
 *          answer 0                                 never catches: results stay as they were
 *      } { pop; rethrow } }                         handler block that never runs
 *      fault { if (tok_i) thrown_i(tok_i) }         the exception leaves the method
 *      EXIT:
 *          if (tok_i) { store the result; leave_i(tok_i) }
 *          load result; ret
 *
 * Calls into the probe are managed `calli` with StandAloneSigs (see weave_sig). tok is a native int: the frame's
 * address. A `tail.` call and `jmp` leave the protected region first (arguments are spilled to locals), tell leave_i as
 * a tail call (tail_i), and then transfer outside of it. Arguments whose address would be needed are copied to a
 * temporary on the open path. The state machine's part of an async layer has no try and no end of its own:
 *
 *      if (*gate_i && state == -1) tok_i = first_i(probe_i)       its first run, on the caller's thread
 *      ... if (tok_i) suspending_i(tok_i); builder.Await[Unsafe]OnCompleted(); if (tok_i) suspended_i(tok_i, builder)
 *      ... if (*gate_i) { c = completing_i(probe_i, tok_i, builder); if (c) { store the result; completed_i(c) } }
 *          builder.SetResult(result)
 *      ... the same with failed_i(c, exception) before builder.SetException(exception)
 *
 * A layer with a site has all that it does before one instruction:
 *
 *      if (*gate_i) { tok_i = enter_i(probe_i); if (tok_i) { store arguments and locals; tok_i = ready_i(tok_i) } }
 *
 * A `tail.` that the runtime would not honour (no ret behind it, in a protected region),
 * and one whose `this` may be a value or an object of another assembly, loses its prefix.
 */
#ifndef REJIT_WEAVE_H
#define REJIT_WEAVE_H

#include "cil/cil.h"

/* How one value gets into the frame. */
typedef enum weave_how {
    WEAVE_PRIMITIVE, /* stored by the woven code at tok + slot, as 8 bytes or less, by its element type (stind.*) */
    WEAVE_OBJECT,    /* object(tok, slot, value): a reference, handed over as `object` */
    WEAVE_TYPED,     /* typed(tok, slot, typedref): over a copy, or over the byref itself; carries the exact type */
    WEAVE_SPAN,      /* span(tok, slot, typedref, bytes of an element): Span<T>, ReadOnlySpan<T>; < 0: references */
} weave_how;

/* COMPLETION: in MoveNext of an async method's state machine, the value that the call completes with. For
 * layers with a site: LOCAL, a variable of the original body; FIELD, an instance field of the method's own type, or of
 * the object or struct in a local (`of`). */
typedef enum weave_what {
    WEAVE_ARGUMENT,
    WEAVE_THIS,
    WEAVE_RESULT,
    WEAVE_COMPLETION,
    WEAVE_LOCAL,
    WEAVE_FIELD,
    WEAVE_MADE /* `this` of a constructor as it is entered: only its type is to be looked at */
} weave_what;

/* Which value, when, and where it goes. Made by weave_plan_value; the engine chooses the slots. */
typedef struct weave_value {
    weave_what what;
    uint32_t index; /* of the parameter as in the signature (`this` is not counted), of the local, Field rid */
    uint32_t of;    /* FIELD: 0: of `this`; else 1 + the local that holds what it is of, or null */
    uint16_t slot;  /* byte offset in the frame where the 8-byte slot lies */
    weave_how how;
    cil_element element; /* PRIMITIVE: which stind */
    bool at_leave; /* read when the method returns normally (results, `out` parameters, `this` of a constructor) */
} weave_value;

/*
 * Addresses of the C functions that one layer calls, each with the shape of its weave_sig. 0: not called. A layer
 * without `enter` is left out; without `leave` nothing is stored at leave. One with `first` is the state machine's part
 * of an async layer (see weave_async_read): it calls first to failed only, and captures the completion. One with a
 * `site` calls enter and ready only, which answers 0.
 */
typedef struct weave_calls {
    uint64_t enter, ready, leave, tail, note, thrown, object, typed, span;
    uint64_t holder; /* of an instance method of a class: told where `this` is kept */
    uint64_t first, suspending, suspended, completing, completed, failed;
} weave_calls;

/*
 * A step, in postfix order, of what must hold of primitive arguments (not by reference) for a call to be entered.
 * Comparisons are exact: integers as the numbers they are, floats as doubles (nothing but NE holds of a NaN).
 */
typedef enum weave_test_kind {
    WEAVE_TEST_EQ,
    WEAVE_TEST_NE,
    WEAVE_TEST_LT,
    WEAVE_TEST_LE,
    WEAVE_TEST_GT,
    WEAVE_TEST_GE,
    WEAVE_TEST_AND,
    WEAVE_TEST_OR,
    WEAVE_TEST_NOT
} weave_test_kind;
typedef struct weave_test {
    weave_test_kind kind;
    uint32_t index;      /* of the parameter as in the signature */
    cil_element element; /* its own, or the enum's underlying one */
    uint32_t zero;       /* no hole: layers are compared by their bytes */
    union {
        int64_t i; /* U8, U: the same bits, unsigned */
        double f;  /* R4, R8 */
    };
} weave_test;

typedef struct weave_layer {
    uint64_t gate;  /* address of a byte: nonzero is open; 0: no gate, always open */
    uint64_t probe; /* handed to enter */
    weave_calls calls;
    const weave_value *values;
    uint32_t value_count;
    const weave_test *tests;
    uint32_t test_count; /* 0: every call is entered */
    uint32_t site; /* 0: around the body; else 1 + the IL offset of the original's instruction that it stands before */
} weave_layer;

/*
 * The StandAloneSigs that a woven body needs, as managed default-convention method signatures:
 *   WEAVE_SIG_ENTER   native int (native int probe)                       enter, ready, first
 *   WEAVE_SIG_LEAVE   void (native int tok)                               leave, tail, thrown, suspending, completed
 *   WEAVE_SIG_NOTE    void (native int tok, object exception)             note, failed
 *   WEAVE_SIG_OBJECT  void (native int tok, int32 slot, object value)     object
 *   WEAVE_SIG_TYPED   void (native int tok, int32 slot, typedref value)   typed
 *   WEAVE_SIG_SPAN    void (native int tok, int32 slot, typedref, int32)  span
 *   WEAVE_SIG_SUSPENDED   void (native int tok, ref uint8 builder)        suspended, holder
 *   WEAVE_SIG_COMPLETING  native int (native int probe, native int tok, ref uint8 builder)   completing
 */
typedef enum weave_sig {
    WEAVE_SIG_ENTER,
    WEAVE_SIG_LEAVE,
    WEAVE_SIG_NOTE,
    WEAVE_SIG_OBJECT,
    WEAVE_SIG_TYPED,
    WEAVE_SIG_SPAN,
    WEAVE_SIG_SUSPENDED,
    WEAVE_SIG_COMPLETING,
    WEAVE_SIGS
} weave_sig;
cil_blob weave_sig_blob(weave_sig sig); /* static bytes */

/*
 * Makes tokens for signatures that the module may lack, or answers equal ones that it has: a search over the TypeSpecs
 * costs more than a weave, so that the owner keeps an index. Returns 0 and sets e where it cannot. The blob is only
 * valid during the call.
 */
typedef struct weave_tokens {
    void *owner;
    cil_token (*stand_alone_sig)(void *owner, cil_blob sig, err_t *e);
    cil_token (*type_spec)(void *owner, cil_blob type, err_t *e);
    /*
     * Keeps the signature of the woven body's locals for ever and answers where; 0 and e. May be NULL: then it becomes
     * a StandAloneSig as well. Else the body's header keeps the original's token, the last instructions, which nothing
     * reaches, say where the true one is (weave_hidden_locals), and whoever has the body compiled must see to it that
     * the compiler takes that.
     */
    uint64_t (*keep_locals)(void *owner, cil_blob sig, err_t *e);
} weave_tokens;

typedef struct weave_input {
    const cil_image *image;
    uint32_t method_rid;
    cil_blob body; /* the original: header, code, EH sections */
    const weave_layer *layers;
    uint32_t layer_count;
    uint32_t plain_most; /* bodies of up to so many bytes of IL get a second, plain copy for closed gates; 0: none */
    /*
     * Catch clauses become filters that test for their type: the runtime looks the tokens of clauses up where the code
     * was compiled, which need not be where the tokens come from.
     */
    bool catch_by_filter;
    weave_tokens tokens;
    /* The body's tokens are not those of the image (code made at run time): the proof is left to the JIT. */
    bool unproved;
    bool explained; /* the output says whose its parts are, for who looks at it */
} weave_input;

/*
 * One entry of the IL map: the original offset of an instruction and its new one, ascending by `to`. WEAVE_UNMAPPED as
 * original offset: from here on up to the next entry the code has no source (the runtime's own word for it). What
 * stands before the first entry is prologue.
 */
#define WEAVE_UNMAPPED UINT32_MAX
typedef struct weave_map_entry {
    uint32_t from, to;
} weave_map_entry;

/* From this offset on up to the next part, what is not the original's belongs to this layer of the input. */
#define WEAVE_SHARED UINT32_MAX /* as layer: to all of them, or none */
typedef struct weave_part {
    uint32_t at, layer;
} weave_part;

/* What a new local holds. */
typedef enum weave_role {
    WEAVE_FRAME, /* of the layer's call: what is called tok above */
    WEAVE_EXCEPTION,
    WEAVE_HELD_RESULT, /* the result, between the body and the leave */
    WEAVE_COMPLETED,   /* async: the frame of the call that completes */
    WEAVE_COMPLETION_VALUE,
    WEAVE_TEMPORARY
} weave_role;
typedef struct weave_new_local {
    weave_role role;
    uint32_t layer; /* FRAME */
} weave_new_local;

typedef struct weave_output {
    buf_t body; /* owned by the caller: weave_output_free */
    VEC(weave_map_entry) map;
    uint32_t code_size;
    /* where the input asks for it: */
    VEC(weave_part) parts;
    VEC(weave_new_local) locals; /* in their order, behind the original ones */
} weave_output;

#define WEAVE_LOCALS_MARK 0x736C61636F6C6A72u /* "rjlocals": stands behind what keep_locals answered */
/* What keep_locals answered for the body that this IL belongs to; 0: it hides no locals. Reads within `size` alone. */
uint64_t weave_hidden_locals(const uint8_t *il, uint32_t size);

/*
 * Decides how a value of the method can be captured: fills how, element, at_leave (slot stays as given). False with
 * ERR_REFUSED where it cannot (typed references, by-ref-like generic parameters, void results); the caller then prints
 * it as {Type}. ERR_USAGE where there is no such parameter. An argument may be captured at leave as well: set at_leave.
 */
bool weave_plan_value(arena *scratch, const cil_image *image, uint32_t method_rid, weave_what what, uint32_t index,
                      weave_value *out, err_t *e);

/* The same for LOCAL, and for FIELD `of` a local, of the body. */
bool weave_plan_inner(arena *scratch, const cil_image *image, uint32_t method_rid, cil_blob body, weave_value *value,
                      err_t *e);
/* The type of a local, as the body's signature has it; n of 0: there is none. */
cil_blob weave_local_type(arena *scratch, const cil_image *image, cil_blob body, uint32_t index);

/* What the metadata tells of an async method's call as a whole. */
typedef struct weave_async {
    bool is_async;      /* the compiler made a state machine of it */
    uint32_t move_next; /* MethodDef of the state machine's body */
    uint32_t task_at;   /* where the builder has its task, in bytes */
    bool has_result;
} weave_async;
/*
 * Can calls of the method be followed to their completion, by a layer in it and one in move_next? False with
 * ERR_REFUSED and the reason where they cannot: its builder pools what stands for the task, or is not the runtime's
 * own. True for a method that is not async, which out tells.
 */
bool weave_async_read(arena *scratch, const cil_image *image, uint32_t method_rid, weave_async *out, err_t *e);

/*
 * Weaves and proves. scratch holds everything in between and is freed by the caller. Refusals are ERR_REFUSED with a
 * reason a user can read; malformed bodies ERR_FORMAT. The original verifying is not required for the method to be
 * woven: only the JIT's rules count.
 */
bool weave_method(arena *scratch, const weave_input *in, weave_output *out, err_t *e);
void weave_output_free(weave_output *out);

/*
 * The original behind a switch: while the byte at `on` is nonzero the call is passed on to `target`, machine code that
 * takes the method's own arguments.
 *
 *      if (*on) return target(arguments);  original
 *
 * ERR_REFUSED where a call cannot be passed on: generic methods and methods of generic types (their code takes more
 * than its arguments), variable arguments. The layers of the input are not looked at.
 */
typedef struct weave_switch {
    uint64_t on, target;
} weave_switch;
bool weave_switched(arena *scratch, const weave_input *in, const weave_switch *s, weave_output *out, err_t *e);

#endif
