/* What the stand-in for the JIT is told to do, and what it was answered. */
#ifndef TESTS_ENGINE_CLRJIT_H
#define TESTS_ENGINE_CLRJIT_H

#include "clr/jit.h"

#define STAND_IN_EH 4

typedef struct stand_in {
    clr_guid guid;
    const clr_jit *jit;
    uint32_t ask_token, ask_sig; /* 0: does not ask */
    const uint8_t *refused;      /* IL that it does not take */
    void (*during)(void);        /* what happens in a compile, or NULL */
    _Atomic unsigned compiles;
    clr_jit_method method; /* of the last compile */
    clr_jit_eh eh[STAND_IN_EH];
    clr_jit_token token;
    clr_jit_sig sig;
    int32_t inlined;
} stand_in;

clr_jit_compiler *getJit(void);
stand_in *the_stand_in(void);

#endif
