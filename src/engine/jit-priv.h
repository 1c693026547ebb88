/*
 * The JIT hook: every compile of the process goes by here, and what is compiled may be replaced.
 *
 *      runtime -> compileMethod -> [choosers] -> the JIT, which asks the runtime through ICorJitInfo
 *
 * Where a chooser wants something changed, the JIT is given the compile's own copy of ICorJitInfo's vtable: its slots
 * belong to the compile, which is found through them. No thread-local state, no list, nothing to be undone: an
 * exception of the runtime may unwind through the hook at any time, and takes all of it with the stack.
 */
#ifndef REJIT_ENGINE_JIT_PRIV_H
#define REJIT_ENGINE_JIT_PRIV_H

#include "cil/cil.h"
#include "clr/jit.h"

/* What tokens mean that stand in the replaced IL and in no metadata. */
typedef struct eng_jit_sig {
    uint32_t token; /* of a calli: what findSig answers */
    const uint8_t *blob;
    uint32_t size;
} eng_jit_sig;
typedef struct eng_jit_type {
    uint32_t token;
    uintptr_t type; /* what resolveToken answers: a type handle */
} eng_jit_type;

#define ENG_JIT_HEAD 2u /* words before a vtable: offset to top, type information */

typedef struct eng_compile {
    const clr_jit *jit;
    clr_jit_ee *ee;
    const clr_jit_slot *real;       /* the runtime's slots; call them with `ee` */
    const clr_jit_method *original; /* as the runtime asked */
    clr_jit_method info;            /* what will be compiled; a copy of it at first, the choosers' to change */
    /* The chooser's, valid until `done`. */
    bool keep_eh;         /* the clauses are the runtime's; otherwise they are `eh`, info.eh_count of them */
    const clr_jit_eh *eh; /* answered for info.method */
    const eng_jit_sig *sigs;
    const eng_jit_type *types;
    uint32_t sig_count, type_count;
    void *owner;
    /*
     * Called when the JIT has come back with `entry` and `size`, or has failed (result is not CLR_JIT_OK), in which
     * case the original is compiled next. Not called when an exception of the runtime goes through. May be NULL.
     */
    void (*done)(struct eng_compile *c, int32_t result, const uint8_t *entry, uint32_t size);
    clr_jit_slot table[ENG_JIT_HEAD + CLR_JIT_SLOTS_MOST];
} eng_compile;

/*
 * Looks at a compile on the thread that compiles, in preemptive mode; the profiling API is not to be called. True: it
 * has changed c->info or c's slots. Where several choosers are there, the first that says so decides.
 */
typedef bool eng_jit_choose(void *owner, eng_compile *c);

/* Why the JIT cannot be hooked in this process, or NULL. Looks for it at the first call; it is loaded with the first
 * method that is compiled. */
const char *eng_jit_why_not(void);
#define ENG_JIT_NO_HOOK                                                                                 \
    "code that can be unloaded or was made at run time needs a hook in the JIT, which is not possible " \
    "here: %s"
/* Puts the hook in, if it is not yet, and adds a chooser, if it is not there yet. */
bool eng_jit_on(eng_jit_choose *choose, void *owner, err_t *e);
/* Takes a chooser out. Compiles that are under way may still call it. With none left compiles go straight through. */
void eng_jit_off(eng_jit_choose *f);
const clr_jit *eng_jit_version(void); /* NULL: no hook */
/* Puts the hook in, if it can be, so that compiles can be kept apart from what must not happen beside them. */
void eng_jit_guard(void);
/* guard.c: no compile is under way, and none begins, until it is opened again. Under the transaction lock. False: one
 * goes on for too long. */
bool eng_guard_close(void);
void eng_guard_open(void);
/* Compiles while it is open. */
int32_t eng_guard_compile(clr_jit_compile *compile, clr_jit_compiler *self, clr_jit_ee *ee, clr_jit_method *info,
                          uint32_t flags, uint8_t **entry, uint32_t *size);

/* Should a method not be inlined? Asked in every compile. */
typedef bool eng_jit_apart(void *owner, clr_function_id callee);
/* NULL: nothing is kept apart. */
void eng_jit_keep_apart(eng_jit_apart *apart, void *owner);

/* ---- bodies (jit_body.c) ---- */

/* A method body in the pieces that the JIT takes it in. */
typedef struct eng_jit_parts {
    const uint8_t *il;
    uint32_t il_size, max_stack;
    bool init_locals;
    cil_token locals_token; /* as in its header */
    cil_blob locals;        /* the signature that it stands for: filled by who knows it */
    const clr_jit_eh *eh;
    uint32_t eh_count;
} eng_jit_parts;

/* Takes a body apart: header, code, EH sections (II.25.4). il points into it, eh lies in the arena. */
bool eng_jit_parse(arena *a, cil_blob body, eng_jit_parts *out, err_t *e);
/* The other way round: the body of a compile as the IL format has it, with `locals_token` in its header. */
bool eng_jit_compose(const eng_compile *c, cil_token locals_token, buf_t *out);
/* Makes it what the compile compiles. */
void eng_jit_give(eng_compile *c, const eng_jit_parts *p);

/* What a method's compile is given in the place of its own body; read-only once the hook can see it. */
typedef struct eng_first {
    struct eng_first *older;
    arena memory; /* of everything below, and of this */
    struct eng *g;
    struct eng_method *method;
    eng_jit_parts parts;
    eng_jit_sig *sigs;
    eng_jit_type *types;
    uint32_t sig_count, type_count;
} eng_first;
eng_first *eng_first_new(struct eng *g, struct eng_method *m);
void eng_first_give(eng_compile *c, const eng_first *f); /* makes it what the compile compiles */
void eng_first_free(eng_first *f);                       /* and all older ones */
/* dynamic.c: weaves a dynamic method inside its compile; NULL: it is compiled as it is. */
struct eng_dynamic;
eng_first *eng_dynamic_weave(struct eng *g, struct eng_dynamic *d, eng_compile *c);

/* ---- for choosers ---- */

/* Replaces a slot for this compile; `fn` gets the ICorJitInfo as `self`. */
void eng_jit_replace(eng_compile *c, clr_jit_call call, clr_jit_slot fn);
/* The compile to which a slot's `self` belongs. */
eng_compile *eng_jit_compile_of(clr_jit_ee *self);
clr_jit_slot eng_jit_real(const eng_compile *c, clr_jit_call call);
bool eng_jit_is_stub(const eng_compile *c); /* is it a stub of the runtime's own that is compiled? */

#endif
