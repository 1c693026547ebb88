/* Reads everything of an image that can be read: what hostile metadata must survive. */
#ifndef REJIT_TEST_WALK_H
#define REJIT_TEST_WALK_H

#include "cil/cil.h"

/* A hash of all that was read, the same for the same metadata wherever it lies. */
uint64_t walk_image(const cil_image *im);

#endif
