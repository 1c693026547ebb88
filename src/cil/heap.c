/*
 * Heap items (ECMA-335 II.24.2.3-5). The string heap was cut behind its last NUL when it was opened, so that a string
 * that begins inside it also ends inside it.
 */
#include "cil/metadata-priv.h"

const char *cil_string(const cil_image *im, uint32_t offset)
{
    return offset < im->strings.n ? (const char *)im->strings.p + offset : "";
}

static cil_blob heap_item(cil_blob heap, uint32_t offset)
{
    cil_blob none = {NULL, 0};
    if (offset >= heap.n) return none;
    cil_blob rest = cil_skip(heap, offset);
    uint32_t size, n = cil_read_compressed(rest, &size);
    if (n == 0 || size > rest.n - n) return none;
    return (cil_blob){rest.p + n, size};
}

cil_blob cil_blob_at(const cil_image *im, uint32_t offset)
{
    return heap_item(im->blobs, offset);
}

cil_blob cil_user_string(const cil_image *im, uint32_t offset)
{
    return heap_item(im->user_strings, offset);
}

const char *cil_cell_string(const cil_image *im, cil_table table, uint32_t rid, unsigned column)
{
    return cil_string(im, cil_cell(im, table, rid, column));
}

cil_blob cil_cell_blob(const cil_image *im, cil_table table, uint32_t rid, unsigned column)
{
    return cil_blob_at(im, cil_cell(im, table, rid, column));
}

const char *cil_assembly_name(const cil_image *im)
{
    return cil_cell_string(im, CIL_ASSEMBLY, 1, CIL_ASSEMBLY_NAME);
}

void cil_mvid(const cil_image *im, uint8_t out[16])
{
    uint32_t index = cil_cell(im, CIL_MODULE, 1, CIL_MODULE_MVID); /* counts GUIDs, from 1 */
    if (index == 0 || index > im->guids.n / 16)
        memset(out, 0, 16);
    else
        memcpy(out, im->guids.p + (size_t)(index - 1) * 16, 16);
}
