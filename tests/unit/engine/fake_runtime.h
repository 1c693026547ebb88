/*
 * A runtime that compiles nothing: the profiling API's vtable over assemblies mapped from files. It keeps what the
 * engine asked for, method by method, and the test decides when a method is "compiled": the callbacks then come as the
 * real one sends them.
 */
#ifndef TESTS_ENGINE_FAKE_RUNTIME_H
#define TESTS_ENGINE_FAKE_RUNTIME_H

#include "cil/cil.h"
#include "engine/engine-priv.h"

#include <stdatomic.h>

typedef struct fake_method {
    bool pending;    /* a new version is asked for and not compiled yet */
    bool rejitted;   /* the active version is not the original */
    bool as_inliner; /* asked for because of another method */
    buf_t body;      /* of the active version; empty: the original IL */
    uint32_t map_count;
    clr_rejit_id version;
    unsigned requests, reverts;
    uint32_t inlined; /* token of a method of the same module that its original code has inlined; 0: none */
    bool broken;      /* the JIT does not take what is woven into it */
} fake_method;

typedef struct fake_module {
    clr_emit emit; /* first: what GetModuleMetaData answers */
    struct fake_runtime *runtime;
    const char *file, *assembly;
    uint8_t *base;
    size_t size;
    uint32_t flags;
    cil_image image;
    fake_method *methods; /* by rid */
    bool loaded;
    unsigned tokens; /* made by the engine */
    unsigned applied;
    clr_assembly_emit assembly_emit;
    clr_il_memory il_memory;
    struct fake_item { /* the last that was made */
        cil_token token, parent;
        char name[128];
        uint8_t blob[256]; /* for an AssemblyRef its public key */
        uint32_t size;
        uint16_t version[4];
        const uint8_t *body;
    } last;
} fake_module;

typedef struct fake_runtime {
    clr_info info; /* first */
    eng *g;
    fake_module modules[8];
    size_t count;
    unsigned rejit_calls, revert_calls, most_in_call; /* requests, and how many methods the largest had */
    clr_hresult rejit_answer, body_answer;            /* what to answer from now on; CLR_OK: do it */
    clr_hresult metadata_answer;                      /* to every new item of metadata */
    unsigned answer_after;                            /* requests that succeed before rejit_answer is given */
    uint32_t events;                                  /* callbacks that were asked for */
    clr_hresult event_answer;
    _Atomic unsigned woken;
    void (*asked)(struct fake_runtime *rt); /* within a request for versions, on its thread; may be NULL */
    /* Threads and their stacks, innermost first, up to a 0. */
    clr_function_id stacks[8][8];
    size_t threads;
    clr_hresult walk_answer; /* of DoStackSnapshot */
    unsigned walk_naps;      /* so many times 3 ms pass before the second frame of a stack is shown */
    unsigned suspended;      /* now; and how often in all */
    unsigned suspensions;
} fake_runtime;

/* Maps the assemblies (at most 8); the first `loaded` of them are loaded. Starts an engine over it. */
void fake_start(fake_runtime *rt, const char *const *paths, size_t count, size_t loaded);
void fake_end(fake_runtime *rt);
/* The runtime loads one: the callback comes. */
void fake_load(fake_runtime *rt, size_t index);

/* The token of a method by its full name with parameters; fails the test where there is none. */
uint32_t fake_token(const fake_module *m, const char *name);
fake_method *fake_of(fake_module *m, uint32_t token);
/* The method as a function: what lies on a stack. */
clr_function_id fake_function(const fake_runtime *rt, const fake_module *m, uint32_t token);
/* The method is called: a version that is pending is asked for and compiled. */
void fake_call(fake_runtime *rt, fake_module *m, uint32_t token);
/* All that are pending are called. How many. */
unsigned fake_call_all(fake_runtime *rt);
/* How many methods have a version that is not the original, or asked for one. */
unsigned fake_changed(const fake_runtime *rt);

#endif
