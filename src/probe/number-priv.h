/* Numbers of any element type, as conditions compare them. In a header, as every call of a method may run it. */
#ifndef REJIT_PROBE_NUMBER_PRIV_H
#define REJIT_PROBE_NUMBER_PRIV_H

#include "probe/probe-priv.h"
#include "wire/element.h"

typedef struct number {
    enum { SIGNED, UNSIGNED, FLOATING, NOTHING } kind;
    int64_t i;
    uint64_t u;
    double f;
} number;

static inline number of_signed(int64_t v)
{
    return (number){.kind = SIGNED, .i = v};
}

static inline number of_unsigned(uint64_t v)
{
    return (number){.kind = UNSIGNED, .u = v};
}

static inline number of_float(double v)
{
    return (number){.kind = FLOATING, .f = v};
}

static inline number load(uint8_t element, const uint8_t *p)
{
    uint64_t raw;
    memcpy(&raw, p, 8);
    float r4;
    double r8;
    switch (element) {
    case WIRE_E_BOOLEAN:
    case WIRE_E_U1: return of_unsigned((uint8_t)raw);
    case WIRE_E_I1: return of_signed((int8_t)raw);
    case WIRE_E_CHAR:
    case WIRE_E_U2: return of_unsigned((uint16_t)raw);
    case WIRE_E_I2: return of_signed((int16_t)raw);
    case WIRE_E_I4: return of_signed((int32_t)raw);
    case WIRE_E_U4: return of_unsigned((uint32_t)raw);
    case WIRE_E_I8:
    case WIRE_E_I: return of_signed((int64_t)raw);
    case WIRE_E_U8:
    case WIRE_E_U: return of_unsigned(raw);
    case WIRE_E_R4: memcpy(&r4, p, 4); return of_float((double)r4);
    case WIRE_E_R8: memcpy(&r8, p, 8); return of_float(r8);
    default: return (number){.kind = NOTHING};
    }
}

static inline double as_float(number n)
{
    return n.kind == FLOATING ? n.f : n.kind == SIGNED ? (double)n.i : (double)n.u;
}

/* -1, 0, 1; 2 where they are not ordered (NaN). Signed and unsigned compare as the numbers they are. */
static inline int order(number a, number b)
{
    if (a.kind == NOTHING || b.kind == NOTHING) return 2;
    if (a.kind == FLOATING || b.kind == FLOATING) {
        double x = as_float(a), y = as_float(b);
        return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
    }
    bool a_below = a.kind == SIGNED && a.i < 0, b_below = b.kind == SIGNED && b.i < 0;
    if (a_below != b_below) return a_below ? -1 : 1;
    if (a_below) return a.i < b.i ? -1 : a.i > b.i;
    uint64_t x = a.kind == SIGNED ? (uint64_t)a.i : a.u, y = b.kind == SIGNED ? (uint64_t)b.i : b.u;
    return x < y ? -1 : x > y;
}

/* order_of: as of `order`. */
static inline bool holds(uint8_t compare, int order_of)
{
    if (order_of == 2) return compare == PROBE_NE;
    switch ((probe_compare)compare) {
    case PROBE_EQ: return order_of == 0;
    case PROBE_NE: return order_of != 0;
    case PROBE_LT: return order_of < 0;
    case PROBE_LE: return order_of <= 0;
    case PROBE_GT: return order_of > 0;
    case PROBE_GE: return order_of >= 0;
    case PROBE_LIKE:
    case PROBE_UNLIKE: break; /* of texts only */
    }
    return false;
}

#endif
