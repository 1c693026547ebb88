/* Any bytes as an assembly, as one that is mapped, and as bare metadata: all of it is read. */
#include "../unit/cil/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cil_image im;
    if (cil_image_open(&im, data, size, CIL_FLAT, NULL)) walk_image(&im);
    if (cil_image_open(&im, data, size, CIL_MAPPED, NULL)) walk_image(&im);
    if (cil_metadata_open(&im, data, size, NULL)) walk_image(&im);
    cil_image_extent(data, size, CIL_FLAT);
    return 0;
}
