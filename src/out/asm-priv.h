/* out: a method's native code as instructions with names. */
#ifndef REJIT_OUT_ASM_PRIV_H
#define REJIT_OUT_ASM_PRIV_H

#include "out/x86.h"

typedef struct asm_insn {
    x86_insn x;
    const uint8_t *bytes;
    const char *comment; /* what the address that it names is; "" */
    bool inside;         /* that address is in the same piece of code */
} asm_insn;

typedef struct asm_piece {
    const rj_native_code *code;
    asm_insn *insns;
    size_t count;
    bool gone; /* the bytes of some range could not be read */
} asm_piece;

struct out_code {
    arena memory;
    const rj_native *method;
    asm_piece *pieces;
    VEC(rj_address) wanted;
    VEC(asm_insn *) wanted_by;
};

/* One line of a diff. */
typedef struct asm_line {
    char change; /* ' ', '+', '-' */
    const asm_insn *insn;
} asm_line;
typedef VEC(asm_line) asm_lines;

/* The newest code of the original and of the woven body; false: one of them is not there. */
bool asm_pair(const out_code *c, const asm_piece **original, const asm_piece **woven);
/* False where memory ran out. */
bool asm_compare(const asm_piece *original, const asm_piece *woven, asm_lines *out);

#endif
