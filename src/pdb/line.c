/* From a line of a source file to instructions, and from an instruction to the line that is shown for it. */
#include "pdb/pdb-priv.h"

#include <stdlib.h>

typedef struct search {
    const uint8_t *documents; /* a bit for each document that is meant */
    uint32_t document_count;
    uint32_t line, method_rid;
    pdb_place *out;
    uint32_t most, count;
} search;

static bool is_meant(const search *s, uint32_t document)
{
    return document <= s->document_count && s->documents[document / 8] & (1u << document % 8);
}

static bool look(void *owner, const pdb_point *point)
{
    search *s = owner;
    if (point->line != s->line || !is_meant(s, point->document)) return true;
    if (s->count < s->most) s->out[s->count] = (pdb_place){s->method_rid, point->offset, point->line, point->column};
    s->count++;
    return false; /* the first of its line in this method */
}

/* Is `file` the path, or its end from a separator on? */
static bool ends_with(const char *path, const char *file)
{
    size_t n = strlen(path), m = strlen(file);
    if (m > n || strcmp(path + n - m, file) != 0) return false;
    return m == n || path[n - m - 1] == '/' || path[n - m - 1] == '\\';
}

static uint8_t *documents_of(const pdb *p, const char *file)
{
    uint32_t rows = p->image.rows[PDB_DOCUMENT];
    uint8_t *bits = calloc(1, rows / 8 + 1);
    for (uint32_t rid = 1; bits && rid <= rows; rid++) {
        buf_t name = {0};
        if (pdb_document_name(p, rid, &name) && ends_with(buf_cstr(&name), file))
            bits[rid / 8] |= (uint8_t)(1u << rid % 8);
        buf_free(&name);
    }
    return bits;
}

uint32_t pdb_find_line(const pdb *p, const char *file, uint32_t line, pdb_place *out, uint32_t most, err_t *e)
{
    uint8_t *documents = documents_of(p, file);
    if (!documents) {
        err_set(e, ERR_MEMORY, -1, "out of memory");
        return UINT32_MAX;
    }
    search s = {
        .documents = documents, .document_count = p->image.rows[PDB_DOCUMENT], .line = line, .out = out, .most = most};
    bool ok = true;
    for (s.method_rid = 1; ok && s.method_rid <= p->image.rows[PDB_METHOD]; s.method_rid++)
        ok = pdb_points_walk(p, s.method_rid, look, &s, e);
    free(documents);
    return ok ? s.count : UINT32_MAX;
}

typedef struct near {
    search s;
    uint32_t next, before;
} near;

static bool look_near(void *owner, const pdb_point *point)
{
    near *n = owner;
    if (point->line == PDB_HIDDEN || !is_meant(&n->s, point->document)) return true;
    if (point->line < n->s.line)
        n->before = RJ_MAX(n->before, point->line);
    else if (!n->next || point->line < n->next)
        n->next = point->line;
    return true;
}

uint32_t pdb_near_line(const pdb *p, const char *file, uint32_t line, uint32_t *before)
{
    uint8_t *documents = documents_of(p, file);
    near n = {.s = {.documents = documents, .document_count = p->image.rows[PDB_DOCUMENT], .line = line}};
    bool ok = documents != NULL;
    for (uint32_t rid = 1; ok && rid <= p->image.rows[PDB_METHOD]; rid++)
        ok = pdb_points_walk(p, rid, look_near, &n, NULL);
    free(documents);
    *before = n.before;
    return n.next;
}

typedef struct before {
    uint32_t offset;
    pdb_point *out;
    bool found;
} before;

static bool take_shown(void *owner, const pdb_point *point)
{
    before *b = owner;
    if (point->offset > b->offset) return false;
    if (point->line == PDB_HIDDEN) return true;
    *b->out = *point;
    b->found = true;
    return true;
}

bool pdb_shown_point(const pdb *p, uint32_t method_rid, uint32_t offset, pdb_point *out, err_t *e)
{
    before b = {.offset = offset, .out = out};
    return pdb_points_walk(p, method_rid, take_shown, &b, e) && b.found;
}
