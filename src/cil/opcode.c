#include "cil/cil.h"

/* Bytes of an operand; of a switch, of its count. */
enum {
    SIZE_NONE = 0,
    SIZE_U1_VAR = 1,
    SIZE_U2_VAR = 2,
    SIZE_I1 = 1,
    SIZE_I4 = 4,
    SIZE_I8 = 8,
    SIZE_R4 = 4,
    SIZE_R8 = 8,
    SIZE_BR1 = 1,
    SIZE_BR4 = 4,
    SIZE_TOKEN = 4,
    SIZE_SWITCH = 4,
};

#define ROW(value) ((value) >= 0xFE00 ? 0x100 | ((value)&0xFF) : (value))
#define CIL_OPCODE_INFO(id, value, text, kind, way, pops, pushes)      \
    [ROW(value)] = {.name = (text),                                    \
                    .operand = CIL_O_##kind,                           \
                    .flow = CIL_F_##way,                               \
                    .pop = (pops),                                     \
                    .push = (pushes),                                  \
                    .size = ((value) >= 0xFE00 ? 2 : 1) + SIZE_##kind, \
                    .turns = CIL_F_##way != CIL_F_NEXT && CIL_F_##way != CIL_F_CALL},

const cil_opinfo cil_opinfos[0x120] = {CIL_OPCODES(CIL_OPCODE_INFO)};
