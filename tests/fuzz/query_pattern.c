/*
 * A pattern, a NUL, and metadata to ask. Errors must name a place in the text; a scan must select what asking for each
 * method alone selects; nearest names must stand any metadata.
 */
#include "query/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct selection {
    const query_pattern *p;
    const cil_image *im;
    buf_t scratch;
    uint32_t count, last;
} selection;

static bool found(void *owner, uint32_t rid)
{
    selection *s = owner;
    if (rid <= s->last && !s->im->rows[CIL_METHOD_PTR]) abort(); /* not in order */
    s->last = rid;
    if (cil_method_owner(s->im, rid)) s->count += query_pattern_method(s->p, s->im, rid, &s->scratch);
    return s->count < 1000;
}

static void ask(arena *a, const query_pattern *p, const uint8_t *metadata, size_t size)
{
    cil_image im;
    err_t e;
    if (!cil_metadata_open(&im, metadata, size, &e)) return;
    selection s = {.p = p, .im = &im};
    query_pattern_assembly(p, cil_assembly_name(&im));
    query_pattern_scan(p, &im, found, &s);
    buf_free(&s.scratch);
    const char *names[4];
    query_nearest *n = query_nearest_new(a, p, RJ_COUNT(names));
    if (!n) return;
    query_nearest_add(n, &im);
    unsigned count = query_nearest_list(n, names);
    for (unsigned i = 0; i < count; i++) {
        if (!names[i][0]) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a = {0};
    err_t e = {.at = -2};
    const uint8_t *nul = memchr(data, 0, size);
    size_t length = nul ? (size_t)(nul - data) : size;
    char *text = arena_strndup(&a, (const char *)data, length);
    query_pattern *p = query_pattern_parse(&a, text, &e);
    if (!p && (e.code != ERR_USAGE || e.at < 0 || (size_t)e.at > length || strncmp(e.text, "column ", 7) != 0)) abort();
    if (p && nul) {
        /* A copy of its own, so that reads behind the end are seen. */
        size_t rest = size - length - 1;
        uint8_t *metadata = malloc(rest ? rest : 1);
        if (metadata) {
            memcpy(metadata, nul + 1, rest);
            ask(&a, p, metadata, rest);
            free(metadata);
        }
    }
    arena_free(&a);
    return 0;
}
