/* client: results that the caller owns: an arena on the heap, which is the `memory` that rj_free releases. */
#ifndef REJIT_CLIENT_RESULT_H
#define REJIT_CLIENT_RESULT_H

#include "base/base.h"
#include "wire/wire.h"

/* An empty arena to be handed out as `memory`; NULL where memory ran out. */
arena *result_arena(void);
/* A text out of a field, never NULL. */
const char *result_text(arena *a, const wire_field *f);
/* How many fields have this tag. */
size_t result_count(wire_reader r, wire_tag tag);

#endif
