/* ELEMENT_TYPE_ as slots and events name the types of values (ECMA-335 II.23.1.16). */
#ifndef REJIT_WIRE_ELEMENT_H
#define REJIT_WIRE_ELEMENT_H

#include <stdint.h>

enum {
    WIRE_E_BOOLEAN = 0x02,
    WIRE_E_CHAR,
    WIRE_E_I1,
    WIRE_E_U1,
    WIRE_E_I2,
    WIRE_E_U2,
    WIRE_E_I4,
    WIRE_E_U4,
    WIRE_E_I8,
    WIRE_E_U8,
    WIRE_E_R4,
    WIRE_E_R8,
    WIRE_E_STRING,
    WIRE_E_PTR,
    WIRE_E_BYREF,
    WIRE_E_VALUETYPE,
    WIRE_E_CLASS,
    WIRE_E_VAR,
    WIRE_E_ARRAY,
    WIRE_E_GENERICINST,
    WIRE_E_TYPEDBYREF,
    WIRE_E_I = 0x18,
    WIRE_E_U = 0x19,
    WIRE_E_FNPTR = 0x1B,
    WIRE_E_OBJECT,
    WIRE_E_SZARRAY,
    WIRE_E_MVAR,
};

/* Bytes of a primitive; 0: it is none. */
static inline uint32_t wire_element_size(uint32_t element)
{
    switch (element) {
    case WIRE_E_BOOLEAN:
    case WIRE_E_I1:
    case WIRE_E_U1: return 1;
    case WIRE_E_CHAR:
    case WIRE_E_I2:
    case WIRE_E_U2: return 2;
    case WIRE_E_I4:
    case WIRE_E_U4:
    case WIRE_E_R4: return 4;
    case WIRE_E_I8:
    case WIRE_E_U8:
    case WIRE_E_R8:
    case WIRE_E_I:
    case WIRE_E_U:
    case WIRE_E_PTR:
    case WIRE_E_FNPTR:
    case WIRE_E_BYREF: return 8;
    default: return 0;
    }
}

#endif
