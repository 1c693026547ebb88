/* Names of local variables, by scope. */
#include "pdb/pdb-priv.h"

#define DEBUGGER_HIDDEN 1u

static uint32_t end_of(uint32_t start, uint32_t length)
{
    return length > UINT32_MAX - start ? UINT32_MAX : start + length;
}

bool pdb_locals_read(arena *a, const pdb *p, uint32_t method_rid, pdb_locals *out, err_t *e)
{
    const cil_image *im = &p->image;
    uint32_t first = pdb_first_row(p, PDB_LOCAL_SCOPE, method_rid), end = first, count = 0;
    *out = (pdb_locals){0};
    if (!first) return true;
    for (; cil_cell(im, PDB_LOCAL_SCOPE, end, PDB_LOCAL_SCOPE_METHOD) == method_rid; end++) {
        cil_range r = cil_list(im, PDB_LOCAL_SCOPE, end, PDB_LOCAL_SCOPE_VARIABLES, PDB_LOCAL_VARIABLE);
        if (r.end - r.first > im->rows[PDB_LOCAL_VARIABLE] - count)
            return err_set(e, ERR_FORMAT, end, "the local scopes of method 0x06%06X overlap", method_rid);
        count += r.end - r.first;
    }
    out->v = arena_array(a, count + 1u, sizeof *out->v);
    if (!out->v) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t scope = first; scope < end; scope++) {
        uint32_t start = cil_cell(im, PDB_LOCAL_SCOPE, scope, PDB_LOCAL_SCOPE_START);
        uint32_t length = cil_cell(im, PDB_LOCAL_SCOPE, scope, PDB_LOCAL_SCOPE_LENGTH);
        cil_range r = cil_list(im, PDB_LOCAL_SCOPE, scope, PDB_LOCAL_SCOPE_VARIABLES, PDB_LOCAL_VARIABLE);
        for (uint32_t rid = r.first; rid < r.end; rid++)
            out->v[out->count++] = (pdb_local){
                .name = cil_cell_string(im, PDB_LOCAL_VARIABLE, rid, PDB_LOCAL_VARIABLE_NAME),
                .slot = cil_cell(im, PDB_LOCAL_VARIABLE, rid, PDB_LOCAL_VARIABLE_INDEX),
                .start = start,
                .end = end_of(start, length),
                .hidden = cil_cell(im, PDB_LOCAL_VARIABLE, rid, PDB_LOCAL_VARIABLE_ATTRIBUTES) & DEBUGGER_HIDDEN,
            };
    }
    return true;
}
