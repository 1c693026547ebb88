/* Sequence points: a blob of deltas for each method. */
#include "pdb/pdb-priv.h"

typedef struct reader {
    cil_blob rest;
    const uint8_t *begin;
    bool bad;
} reader;

static uint32_t take(reader *r)
{
    uint32_t v = 0, n = r->bad ? 0 : cil_read_compressed(r->rest, &v);
    if (!n) {
        r->bad = true;
        return 0;
    }
    r->rest = (cil_blob){r->rest.p + n, r->rest.n - n};
    return v;
}

static int32_t take_signed(reader *r)
{
    int32_t v = 0;
    uint32_t n = r->bad ? 0 : cil_read_compressed_signed(r->rest, &v);
    if (!n) {
        r->bad = true;
        return 0;
    }
    r->rest = (cil_blob){r->rest.p + n, r->rest.n - n};
    return v;
}

/* The lines of one point; `last` is the last one that was not hidden, line 0 before the first. */
static void take_lines(reader *r, pdb_point *point, pdb_point *last)
{
    uint32_t lines = take(r);
    int64_t columns = lines ? take_signed(r) : (int64_t)take(r);
    if (!lines && !columns) {
        point->line = point->end_line = PDB_HIDDEN;
        point->column = point->end_column = 0;
        return;
    }
    int64_t line = last->line ? (int64_t)last->line + take_signed(r) : (int64_t)take(r);
    int64_t column = last->line ? (int64_t)last->column + take_signed(r) : (int64_t)take(r);
    int64_t end_column = column + columns;
    if (line <= 0 || line >= PDB_HIDDEN || column < 0 || column > UINT16_MAX || end_column < 0 ||
        end_column > UINT16_MAX || lines > PDB_HIDDEN - line)
        r->bad = true;
    if (r->bad) return;
    point->line = (uint32_t)line;
    point->column = (uint32_t)column;
    point->end_line = point->line + lines;
    point->end_column = (uint32_t)end_column;
    *last = *point;
}

static bool malformed(const reader *r, uint32_t method_rid, err_t *e)
{
    return err_set(e, ERR_FORMAT, r->rest.p ? r->rest.p - r->begin : 0,
                   "the sequence points of method 0x06%06X are malformed", method_rid);
}

bool pdb_points_walk(const pdb *p, uint32_t method_rid, bool (*each)(void *owner, const pdb_point *point), void *owner,
                     err_t *e)
{
    cil_blob blob = cil_cell_blob(&p->image, PDB_METHOD, method_rid, PDB_METHOD_POINTS);
    if (!blob.n) return true;
    reader r = {.rest = blob, .begin = blob.p};
    pdb_point point = {.document = cil_cell(&p->image, PDB_METHOD, method_rid, PDB_METHOD_DOCUMENT)}, last = {0};
    take(&r); /* the local signature */
    if (!point.document) point.document = take(&r);
    for (bool first = true; !r.bad && r.rest.n; first = false) {
        uint32_t delta = take(&r);
        if (!first && !delta) {
            point.document = take(&r);
            continue;
        }
        if (delta > UINT32_MAX - point.offset) r.bad = true;
        point.offset += delta;
        if (!r.bad) take_lines(&r, &point, &last);
        if (!r.bad && !each(owner, &point)) return true;
    }
    return !r.bad || malformed(&r, method_rid, e);
}

typedef struct collected {
    arena *a;
    pdb_points *out;
    uint32_t cap;
    bool failed;
} collected;

static bool collect(void *owner, const pdb_point *point)
{
    collected *c = owner;
    if (c->out->count == c->cap) {
        uint32_t more = c->cap ? c->cap * 2 : 16;
        pdb_point *v = arena_array(c->a, more, sizeof *v);
        c->failed = !v;
        if (!v) return false;
        if (c->cap) memcpy(v, c->out->v, c->cap * sizeof *v);
        c->out->v = v;
        c->cap = more;
    }
    c->out->v[c->out->count++] = *point;
    return true;
}

bool pdb_points_read(arena *a, const pdb *p, uint32_t method_rid, pdb_points *out, err_t *e)
{
    *out = (pdb_points){0};
    collected c = {.a = a, .out = out};
    if (!pdb_points_walk(p, method_rid, collect, &c, e)) return false;
    return !c.failed || err_set(e, ERR_MEMORY, -1, "out of memory");
}

const pdb_point *pdb_point_at(const pdb_points *points, uint32_t offset)
{
    uint32_t low = 0, high = points->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (points->v[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &points->v[low - 1] : NULL;
}
