/* Any bytes as a portable PDB: all of it is read. */
#include "../unit/pdb/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pdb p;
    if (pdb_open(&p, data, size, NULL)) walk_pdb(&p);
    return 0;
}
