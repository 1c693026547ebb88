/* The nearest names when nothing matched: edit distance on the type's part and on the method's, the best few kept. */
#include "query/query-priv.h"

#define NEAREST_MOST 16u
#define NESTING_MOST 8u

typedef struct candidate {
    const char *name;
    unsigned distance;
} candidate;

struct query_nearest {
    arena *a;
    const query_pattern *p;
    candidate *best; /* ascending by distance; one place more than is kept */
    unsigned most, count;
    unsigned limit; /* what is farther than this is no help */
};

query_nearest *query_nearest_new(arena *a, const query_pattern *p, unsigned most)
{
    query_nearest *n = arena_alloc(a, sizeof *n);
    most = *p->plain ? RJ_MIN(most, NEAREST_MOST) : 0; /* nothing is near to wildcards alone */
    candidate *best = arena_array(a, most + 1, sizeof *best);
    if (!n || !best) return NULL;
    size_t length = strlen(p->plain_type) + strlen(p->plain_method);
    *n = (query_nearest){.a = a, .p = p, .best = best, .most = most, .limit = 2 + (unsigned)RJ_MIN(length, 96) / 3};
    return n;
}

/* Only what is nearer than the worst that is kept can still enter: the largest distance of use; false where nothing
 * can. */
static bool room_left(const query_nearest *n, unsigned *most)
{
    if (!n->most) return false;
    bool full = n->count == n->most;
    if (full && n->best[n->count - 1].distance == 0) return false;
    *most = full ? RJ_MIN(n->limit, n->best[n->count - 1].distance - 1) : n->limit;
    return true;
}

static unsigned distance(const char *a, const char *b, unsigned most)
{
    size_t na = strlen(a), nb = strlen(b);
    size_t gap = na > nb ? na - nb : nb - na;
    return gap > most ? most + 1 : text_distance(a, b, most);
}

/* The text in the arena, after the assembly where the pattern names one. Frees it. */
static const char *finish_name(const query_nearest *n, const cil_image *im, buf_t *text)
{
    const char *name = NULL;
    if (!text->failed && n->p->has_assembly) {
        name = arena_printf(n->a, "%s!%s", cil_assembly_name(im), buf_cstr(text));
    } else if (!text->failed) {
        name = arena_strdup(n->a, buf_cstr(text));
    }
    buf_free(text);
    return name;
}

static void keep(query_nearest *n, const char *name, unsigned d)
{
    if (!*name) return; /* hostile metadata */
    unsigned from = 0;
    while (from < n->count && strcmp(n->best[from].name, name) != 0)
        from++;
    if (from < n->count && n->best[from].distance <= d) return; /* another overload is there */
    if (from == n->count && n->count < n->most) n->count++;
    /* `from` is the place that becomes free: its own, a new one, or the one behind the last. */
    unsigned at = from;
    for (; at && n->best[at - 1].distance > d; at--)
        n->best[at] = n->best[at - 1];
    n->best[at] = (candidate){name, d};
}

/* `Outer+Inner` without arities; *space is where its namespace ends and it begins in the text. */
static bool type_text(const cil_image *im, uint32_t type, buf_t *out, size_t *space)
{
    uint32_t chain[NESTING_MOST], depth = 0;
    for (uint32_t t = type; t && depth < NESTING_MOST; t = cil_enclosing(im, t))
        chain[depth++] = t;
    const char *ns = cil_cell_string(im, CIL_TYPE_DEF, chain[depth - 1], CIL_TYPE_DEF_NAMESPACE);
    out->n = 0;
    if (*ns) buf_printf(out, "%s.", ns);
    *space = out->n;
    while (depth--) {
        const char *name = cil_cell_string(im, CIL_TYPE_DEF, chain[depth], CIL_TYPE_DEF_NAME);
        buf_put(out, name, strcspn(name, "`"));
        if (depth) buf_u8(out, '+');
    }
    return !out->failed;
}

/* How far the method's own name is, or its property's, from the one that was typed. */
static unsigned method_distance(const query_nearest *n, const char *name, unsigned most)
{
    const char *wanted = n->p->plain_method;
    const char *part = query_last_part(name, strlen(name)), *property = query_accessor(part);
    unsigned d = distance(wanted, part, most);
    if (property && d) d = RJ_MIN(d, distance(wanted, property, most));
    if (name[0] == '<' && wanted[0] != '<') d += 2; /* the compiler's names come after people's */
    return d;
}

/* A type's name where a method's should be: `Shop.Order` is answered with `Shop.Order.*`. */
static void offer_type(query_nearest *n, const cil_image *im, uint32_t type, const char *full, const char *own)
{
    unsigned most;
    if (!room_left(n, &most)) return;
    unsigned d = distance(n->p->plain, full, most);
    if (d) d = RJ_MIN(d, distance(n->p->plain, own, most));
    bool compilers = strchr(own, '<') && !strchr(n->p->plain, '<');
    if (++d > most || compilers) return;
    buf_t text = {0};
    cil_type_name(im, CIL_TOKEN(CIL_TYPE_DEF, type), &text);
    buf_str(&text, ".*");
    const char *name = finish_name(n, im, &text);
    if (name) keep(n, name, d);
}

static void add_type(query_nearest *n, const cil_image *im, uint32_t type, cil_range methods, buf_t *scratch,
                     buf_t *params)
{
    unsigned most, outer = 0;
    size_t space;
    if (!room_left(n, &most) || !type_text(im, type, scratch, &space)) return;
    const char *full = buf_cstr(scratch), *wanted = n->p->plain_type;
    offer_type(n, im, type, full, full + space);
    if (*wanted) outer = distance(wanted, full, most);
    if (outer && n->p->type_open) outer = RJ_MIN(outer, distance(wanted, full + space, most));
    for (uint32_t at = methods.first; at < methods.end && room_left(n, &most) && outer <= most; at++) {
        uint32_t rid = cil_list_item(im, CIL_METHOD_DEF, at);
        const char *name = cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME);
        unsigned d = outer + method_distance(n, name, most - outer);
        if (d <= most && !query_params_match(n->p, im, rid, params)) d++; /* of the overloads, the one that was meant */
        if (d > most) continue;
        buf_t text = {0};
        cil_method_name(im, rid, n->p->has_params, &text);
        const char *shown = finish_name(n, im, &text);
        if (shown) keep(n, shown, d);
    }
}

void query_nearest_add(query_nearest *n, const cil_image *image)
{
    buf_t scratch = {0}, params = {0};
    uint32_t next = 1; /* hostile lists may overlap: each method is looked at once */
    for (uint32_t type = 1; type <= image->rows[CIL_TYPE_DEF]; type++) {
        cil_range r = cil_list(image, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        r.first = RJ_MAX(r.first, next);
        if (r.first >= r.end) continue;
        next = r.end;
        add_type(n, image, type, r, &scratch, &params);
    }
    buf_free(&scratch);
    buf_free(&params);
}

unsigned query_nearest_list(const query_nearest *n, const char **names)
{
    for (unsigned i = 0; i < n->count; i++)
        names[i] = n->best[i].name;
    return n->count;
}
