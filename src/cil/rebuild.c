/*
 * Metadata written anew from its cells: every index takes 4 bytes, nothing is said to be sorted, so that rows may come
 * in any order and in any number.
 */
#include "cil/metadata-priv.h"

#define ROWS_MOST 0xFFFFFFu

typedef struct rebuilder {
    const cil_source *s;
    buf_t rows, strings, blobs;
    uint32_t count[CIL_TABLES];
    err_t *e;
} rebuilder;

static bool is_kept(cil_table t)
{
    return cil_columns(t) && t != CIL_ENC_LOG && t != CIL_ENC_MAP;
}

static bool missing(const rebuilder *r, cil_table table, uint32_t rid, const char *what)
{
    return err_set(r->e, ERR_FORMAT, rid, "table 0x%02X, row %u: %s is not there", (unsigned)table, rid, what);
}

static bool put_string(rebuilder *r, cil_table table, uint32_t rid, uint32_t at)
{
    const char *text = at ? r->s->string(r->s->owner, at) : "";
    if (!text) return missing(r, table, rid, "a string");
    buf_u32(&r->rows, *text ? (uint32_t)r->strings.n : 0);
    if (*text) buf_put(&r->strings, text, strlen(text) + 1);
    return true;
}

static bool put_blob(rebuilder *r, cil_table table, uint32_t rid, uint32_t at)
{
    cil_blob b = {0};
    if (at && !r->s->blob(r->s->owner, at, &b)) return missing(r, table, rid, "a blob");
    buf_u32(&r->rows, b.n ? (uint32_t)r->blobs.n : 0);
    if (!b.n) return true;
    cil_write_compressed(&r->blobs, b.n);
    buf_put(&r->blobs, b.p, b.n);
    return true;
}

static bool put_cell(rebuilder *r, cil_table table, uint32_t rid, unsigned column)
{
    uint32_t v = 0;
    if (!r->s->cell(r->s->owner, table, rid, column, &v)) return missing(r, table, rid, "a cell");
    switch (cil_column_of(table, column)) {
    case CIL_COLUMN_STRING: return put_string(r, table, rid, v);
    case CIL_COLUMN_BLOB: return put_blob(r, table, rid, v);
    case CIL_COLUMN_GUID: v = 0; break;
    case CIL_COLUMN_TABLE: v = CIL_RID(v); break;
    case CIL_COLUMN_CODED:
        v = CIL_RID(v) ? cil_encode_token(table, column, v) : 0;
        if (v == UINT32_MAX) return missing(r, table, rid, "what an index names");
        break;
    case CIL_COLUMN_NUMBER:
    case CIL_COLUMN_NONE: break;
    }
    if (cil_column_size_wide(table, column) == 2)
        buf_u16(&r->rows, (uint16_t)v);
    else
        buf_u32(&r->rows, v);
    return true;
}

static bool put_table(rebuilder *r, cil_table table)
{
    unsigned columns = cil_columns(table);
    uint32_t n = r->s->rows(r->s->owner, table);
    if (n > ROWS_MOST) return err_set(r->e, ERR_FORMAT, -1, "table 0x%02X has too many rows", (unsigned)table);
    r->count[table] = n;
    for (uint32_t rid = 1; rid <= n; rid++)
        for (unsigned c = 0; c < columns; c++)
            if (!put_cell(r, table, rid, c)) return false;
    return true;
}

static void put_header(const rebuilder *r, buf_t *out)
{
    uint64_t valid = 0;
    for (unsigned t = 0; t < CIL_TABLES; t++)
        valid |= (uint64_t)(r->count[t] != 0) << t;
    buf_u32(out, 0);
    buf_put(out, (uint8_t[]){2, 0, 0, 1}, 4);
    buf_u64(out, valid);
    buf_u64(out, 0); /* sorted */
    for (unsigned t = 0; t < CIL_TABLES; t++)
        if (r->count[t]) buf_u32(out, r->count[t]);
}

bool cil_rebuild(const cil_source *s, buf_t *out, err_t *e)
{
    rebuilder r = {.s = s, .e = e};
    buf_t tables = {0};
    bool ok = true;
    buf_u8(&r.strings, 0);
    buf_u8(&r.blobs, 0);
    for (unsigned t = 0; ok && t < CIL_TABLES; t++)
        ok = !is_kept((cil_table)t) || put_table(&r, (cil_table)t);
    put_header(&r, &tables);
    buf_put(&tables, r.rows.p, r.rows.n);
    if (ok) cil_root_write(&tables, true, &r.strings, &r.blobs, out);
    bool room = !r.rows.failed && !r.strings.failed && !r.blobs.failed && !tables.failed && !out->failed;
    buf_free(&r.rows);
    buf_free(&r.strings);
    buf_free(&r.blobs);
    buf_free(&tables);
    return ok && (room || err_set(e, ERR_MEMORY, -1, "out of memory"));
}
