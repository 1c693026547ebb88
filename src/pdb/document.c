/* Documents: names in parts, so that folders are stored once. */
#include "pdb/pdb-priv.h"

#define NAME_MOST 4096u

bool pdb_document_name(const pdb *p, uint32_t document_rid, buf_t *out)
{
    cil_blob parts = cil_cell_blob(&p->image, PDB_DOCUMENT, document_rid, PDB_DOCUMENT_NAME);
    if (!parts.n) return false;
    uint8_t separator = parts.p[0]; /* 0: none */
    size_t begin = out->n;
    bool first = true;
    for (uint32_t at = 1, n; at < parts.n; at += n, first = false) {
        uint32_t index;
        n = cil_read_compressed((cil_blob){parts.p + at, parts.n - at}, &index);
        cil_blob part = n && index ? cil_blob_at(&p->image, index) : (cil_blob){NULL, 0};
        if (!n || out->n - begin + part.n > NAME_MOST) return false;
        if (!first && separator) buf_u8(out, separator);
        if (part.n) buf_put(out, part.p, part.n);
    }
    return !out->failed;
}
