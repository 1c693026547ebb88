/*
 * Metadata for a method that has none: a root with a handful of rows, written as a compiler would.
 */
#include "cil/metadata-priv.h"

enum {
    METHOD_PUBLIC_STATIC = 0x16,
    HEAPS_WIDE = 0x01 | 0x04,
};

typedef struct maker {
    buf_t strings, blobs, rows;
    bool too_long;
} maker;

static void put_string(maker *m, const char *s)
{
    buf_u32(&m->rows, (uint32_t)m->strings.n);
    buf_put(&m->strings, s, strlen(s) + 1);
}

static void put_blob(maker *m, cil_blob b)
{
    buf_u32(&m->rows, (uint32_t)m->blobs.n);
    if (b.n > 0x1FFFFFFF) m->too_long = true;
    cil_write_compressed(&m->blobs, b.n);
    buf_put(&m->blobs, b.p, b.n);
}

static void put_type_refs(maker *m, const cil_made_type *types, uint32_t count)
{
    enum { SCOPE_ASSEMBLY_REF = 2, SCOPE_TYPE_REF = 3 };
    for (uint32_t i = 0; i < count; i++) {
        uint32_t outer = types[i].enclosing;
        buf_u16(&m->rows, (uint16_t)(outer ? outer << 2 | SCOPE_TYPE_REF : (i + 1) << 2 | SCOPE_ASSEMBLY_REF));
        put_string(m, types[i].name);
        put_string(m, types[i].space);
    }
}

/* One for each TypeRef: nobody minds that some are the same. */
static void put_assembly_refs(maker *m, const cil_made_type *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        buf_u64(&m->rows, 0); /* version */
        buf_u32(&m->rows, 0); /* flags */
        buf_u32(&m->rows, 0); /* key */
        put_string(m, types[i].assembly);
        buf_u32(&m->rows, 0); /* culture */
        buf_u32(&m->rows, 0); /* hash */
    }
}

static void put_rows(maker *m, const char *type_name, const char *name, cil_blob sig, cil_blob locals,
                     const cil_made_type *types, uint32_t count)
{
    put_type_refs(m, types, count);
    buf_u32(&m->rows, 0); /* TypeDef */
    put_string(m, type_name);
    buf_u32(&m->rows, 0);
    buf_u16(&m->rows, 0);
    buf_u16(&m->rows, 1);
    buf_u16(&m->rows, 1);
    buf_u32(&m->rows, 0); /* MethodDef */
    buf_u16(&m->rows, 0);
    buf_u16(&m->rows, METHOD_PUBLIC_STATIC);
    put_string(m, name);
    put_blob(m, sig);
    buf_u16(&m->rows, 1);
    if (locals.n) put_blob(m, locals);
    put_assembly_refs(m, types, count);
}

static void put_tables(const maker *m, uint32_t refs, bool locals, buf_t *out)
{
    uint64_t valid = 1ull << CIL_TYPE_DEF | 1ull << CIL_METHOD_DEF;
    if (refs) valid |= 1ull << CIL_TYPE_REF | 1ull << CIL_ASSEMBLY_REF;
    if (locals) valid |= 1ull << CIL_STAND_ALONE_SIG;
    buf_u32(out, 0);
    buf_put(out, (uint8_t[]){2, 0, HEAPS_WIDE, 1}, 4);
    buf_u64(out, valid);
    buf_u64(out, 0);
    if (refs) buf_u32(out, refs);
    buf_u32(out, 1);
    buf_u32(out, 1);
    if (locals) buf_u32(out, 1);
    if (refs) buf_u32(out, refs);
    buf_put(out, m->rows.p, m->rows.n);
}

void cil_root_write(const buf_t *tables, bool wide, const buf_t *strings, const buf_t *blobs, buf_t *out)
{
    static const buf_t nothing;
    const struct {
        const char *name;
        uint32_t name_size;
        const buf_t *bytes;
    } streams[] = {{wide ? "#-\0\0" : "#~\0\0", 4, tables},
                   {"#Strings\0\0\0\0", 12, strings},
                   {"#Blob\0\0\0", 8, blobs},
                   {"#JTD\0\0\0\0", 8, &nothing}};
    uint16_t count = wide ? 4 : 3;
    uint32_t at = 20 + 12;
    for (unsigned i = 0; i < count; i++)
        at += 8u + streams[i].name_size;
    buf_u32(out, 0x424A5342);
    buf_u32(out, 0x00010001);
    buf_u32(out, 0);
    buf_u32(out, 12);
    buf_put(out, "v4.0.30319\0", 12);
    buf_u16(out, 0);
    buf_u16(out, count);
    for (unsigned i = 0; i < count; i++) {
        buf_u32(out, at);
        buf_u32(out, (uint32_t)streams[i].bytes->n);
        buf_put(out, streams[i].name, streams[i].name_size);
        at += (uint32_t)streams[i].bytes->n;
    }
    for (unsigned i = 0; i < count; i++)
        buf_put(out, streams[i].bytes->p, streams[i].bytes->n);
}

bool cil_make_method(const char *type_name, const char *name, cil_blob sig, cil_blob locals, const cil_made_type *types,
                     uint32_t type_count, buf_t *out)
{
    maker m = {.too_long = type_count > 0x1FFF};
    buf_t tables = {0};
    buf_u8(&m.strings, 0);
    buf_u8(&m.blobs, 0);
    if (!m.too_long) put_rows(&m, type_name, name, sig, locals, types, type_count);
    put_tables(&m, type_count, locals.n != 0, &tables);
    cil_root_write(&tables, false, &m.strings, &m.blobs, out);
    bool ok = !m.too_long && !m.strings.failed && !m.blobs.failed && !m.rows.failed && !tables.failed && !out->failed;
    buf_free(&m.strings);
    buf_free(&m.blobs);
    buf_free(&m.rows);
    buf_free(&tables);
    return ok;
}
