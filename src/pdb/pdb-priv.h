/* What the files of pdb/ share: the tables of the format, and little-endian reads. */
#ifndef REJIT_PDB_PRIV_H
#define REJIT_PDB_PRIV_H

#include "pdb/pdb.h"

/* Tables that cil/ reads but does not name, and their columns. */
#define PDB_DOCUMENT          ((cil_table)0x30)
#define PDB_METHOD            ((cil_table)0x31)
#define PDB_LOCAL_SCOPE       ((cil_table)0x32)
#define PDB_LOCAL_VARIABLE    ((cil_table)0x33)
#define PDB_STATE_MACHINE     ((cil_table)0x36)
#define PDB_CUSTOM_DEBUG_INFO ((cil_table)0x37)
enum {
    PDB_DOCUMENT_NAME = 0,
    PDB_METHOD_DOCUMENT = 0,
    PDB_METHOD_POINTS,
    PDB_LOCAL_SCOPE_METHOD = 0,
    PDB_LOCAL_SCOPE_VARIABLES = 2,
    PDB_LOCAL_SCOPE_START = 4,
    PDB_LOCAL_SCOPE_LENGTH,
    PDB_LOCAL_VARIABLE_ATTRIBUTES = 0,
    PDB_LOCAL_VARIABLE_INDEX,
    PDB_LOCAL_VARIABLE_NAME,
    PDB_STATE_MACHINE_MOVE_NEXT = 0,
    PDB_STATE_MACHINE_WRITTEN,
    PDB_CUSTOM_DEBUG_INFO_PARENT = 0,
    PDB_CUSTOM_DEBUG_INFO_KIND,
    PDB_CUSTOM_DEBUG_INFO_VALUE,
};

static inline uint32_t pdb_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The first row of `table` whose column 0 holds method_rid, or 0. The format wants these tables sorted by it. */
uint32_t pdb_first_row(const pdb *p, cil_table table, uint32_t method_rid);

/* The document that a method begins in, and that the walk over its points begins in. */
bool pdb_points_walk(const pdb *p, uint32_t method_rid, bool (*each)(void *owner, const pdb_point *point), void *owner,
                     err_t *e);

/* embedded.c: what an embedded PDB holds once it is inflated; malloc. */
uint8_t *pdb_inflate(cil_blob embedded, size_t *size, err_t *e);

#endif
