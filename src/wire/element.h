/* ELEMENT_TYPE_ as slots and events name the types of values (ECMA-335 II.23.1.16). */
#ifndef REJIT_WIRE_ELEMENT_H
#define REJIT_WIRE_ELEMENT_H

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

#endif
