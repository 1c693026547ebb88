/*
 * Compressed integers and encoded type tokens (ECMA-335 II.23.2, II.23.2.8).
 */
#include "cil/metadata-priv.h"

uint32_t cil_read_compressed(cil_blob b, uint32_t *value)
{
    *value = 0;
    if (b.n == 0) return 0;
    uint8_t first = b.p[0];
    if (first < 0x80) {
        *value = first;
        return 1;
    }
    if (first < 0xC0) {
        if (b.n < 2) return 0;
        *value = (uint32_t)(first & 0x3F) << 8 | b.p[1];
        return 2;
    }
    if (first >= 0xE0 || b.n < 4) return 0;
    *value = (uint32_t)(first & 0x1F) << 24 | (uint32_t)b.p[1] << 16 | (uint32_t)b.p[2] << 8 | b.p[3];
    return 4;
}

/* The sign is the lowest bit: rotated out, it fills the bits above the width of the encoding (6, 13 or 28 bits). */
uint32_t cil_read_compressed_signed(cil_blob b, int32_t *value)
{
    uint32_t raw, n = cil_read_compressed(b, &raw);
    static const uint32_t fill[] = {0, 0xFFFFFFC0, 0xFFFFE000, 0, 0xF0000000};
    *value = (int32_t)(raw >> 1 | (raw & 1 ? fill[n] : 0));
    return n;
}

static void write_sized(buf_t *out, uint32_t value, unsigned size)
{
    if (size == 1)
        buf_u8(out, (uint8_t)value);
    else if (size == 2)
        buf_put(out, (uint8_t[]){(uint8_t)(0x80 | value >> 8), (uint8_t)value}, 2);
    else
        buf_put(
            out,
            (uint8_t[]){(uint8_t)(0xC0 | value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value},
            4);
}

void cil_write_compressed(buf_t *out, uint32_t value)
{
    write_sized(out, value & 0x1FFFFFFF, value < 0x80 ? 1 : value < 0x4000 ? 2 : 4);
}

void cil_write_compressed_signed(buf_t *out, int32_t value)
{
    uint32_t sign = value < 0;
    if (value >= -0x40 && value < 0x40)
        write_sized(out, ((uint32_t)value & 0x3F) << 1 | sign, 1);
    else if (value >= -0x2000 && value < 0x2000)
        write_sized(out, ((uint32_t)value & 0x1FFF) << 1 | sign, 2);
    else
        write_sized(out, ((uint32_t)value & 0x0FFFFFFF) << 1 | sign, 4);
}

uint32_t cil_read_type_token(cil_blob b, cil_token *token)
{
    static const uint8_t tables[] = {CIL_TYPE_DEF, CIL_TYPE_REF, CIL_TYPE_SPEC};
    uint32_t v, n = cil_read_compressed(b, &v);
    *token = 0;
    if (n == 0 || (v & 3) == 3 || v >> 2 == 0 || v >> 2 > 0xFFFFFF) return 0;
    *token = CIL_TOKEN(tables[v & 3], v >> 2);
    return n;
}

void cil_write_type_token(buf_t *out, cil_token token)
{
    uint32_t tag = CIL_TABLE(token) == CIL_TYPE_DEF ? 0 : CIL_TABLE(token) == CIL_TYPE_REF ? 1 : 2;
    cil_write_compressed(out, CIL_RID(token) << 2 | tag);
}
