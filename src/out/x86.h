/*
 * out: machine code to instructions. Zydis does it, which is loaded when it is first needed: no other verb should
 * depend on a library that a production machine may lack.
 */
#ifndef REJIT_OUT_X86_H
#define REJIT_OUT_X86_H

#include "out/out.h"

typedef struct x86_insn {
    uint64_t address;
    uint8_t size;
    bool transfers;       /* call or jump */
    bool indirect;        /* `target` is where a pointer to what is meant lies */
    uint64_t target;      /* an address that the instruction names: called, jumped to or loaded; 0: none */
    const char *mnemonic; /* "call", "mov" */
    const char *operands; /* "" */
} x86_insn;

typedef VEC(x86_insn) x86_insns;

/* False with the remedy in `why` (OUT_CODE_WHY bytes) where the library is not there. */
bool x86_ready(char *why);
/*
 * Appends the instructions of bytes that lie at `address`; texts go to the arena. What is no instruction becomes one of
 * a byte, "(bad)". False where memory ran out.
 */
bool x86_disassemble(arena *a, const uint8_t *bytes, size_t n, uint64_t address, x86_insns *out);

#endif
