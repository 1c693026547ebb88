/* A PDB that is embedded in its assembly: "MPDB", the size, and a raw deflate stream. */
#include "pdb/pdb-priv.h"

#include <stdlib.h>
#include <zlib.h>

#define MPDB          0x4244504Du
#define HEADER_SIZE   8u
#define INFLATED_MOST (1u << 28)

uint8_t *pdb_inflate(cil_blob embedded, size_t *size, err_t *e)
{
    if (embedded.n < HEADER_SIZE || pdb_u32(embedded.p) != MPDB) {
        err_set(e, ERR_FORMAT, 0, "the embedded PDB has no header");
        return NULL;
    }
    *size = pdb_u32(embedded.p + 4);
    uint8_t *out = *size && *size <= INFLATED_MOST ? malloc(*size) : NULL;
    if (!out) {
        err_set(e, ERR_FORMAT, 4, "the embedded PDB says that it has %zu bytes", *size);
        return NULL;
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)(embedded.p + HEADER_SIZE),
                  .avail_in = embedded.n - HEADER_SIZE,
                  .next_out = out,
                  .avail_out = (uInt)*size};
    bool whole = inflateInit2(&z, -MAX_WBITS) == Z_OK;
    if (whole) {
        whole = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == *size;
        inflateEnd(&z);
    }
    if (whole) return out;
    free(out);
    err_set(e, ERR_FORMAT, HEADER_SIZE, "the embedded PDB is damaged");
    return NULL;
}
