#include "client/result.h"
#include "rejit-version.h"
#include "rejit/rejit.h"

#include <stdlib.h>

arena *result_arena(void)
{
    return calloc(1, sizeof(arena));
}

void rj_free(void *memory)
{
    if (!memory) return;
    arena_free(memory);
    free(memory);
}

const char *rj_version(void)
{
    return REJIT_VERSION;
}

const char *result_text(arena *a, const wire_field *f)
{
    const char *t = wire_get_text(a, f);
    return t ? t : "";
}

size_t result_count(wire_reader r, wire_tag tag)
{
    size_t n = 0;
    for (wire_field f; wire_next(&r, &f);)
        n += f.tag == tag;
    return n;
}
