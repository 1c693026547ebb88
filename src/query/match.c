#include "query/query-priv.h"

#define NESTING_MOST 32u /* of types; hostile metadata may make a ring */

/* ---- names ------------------------------------------------------------------------------------------------------ */

const char *query_last_part(const char *name, size_t n)
{
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (name[i] == '<') {
            size_t end = query_angle_end(name, n, i);
            if (!end) break;
            i = end - 1;
        } else if (name[i] == '.' && i > 0) {
            last = i + 1;
        }
    }
    return name + last;
}

static const char *behind(const char *text, const char *prefix, size_t n)
{
    return strncmp(text, prefix, n) == 0 && text[n] ? text + n : NULL;
}

const char *query_accessor(const char *part)
{
    switch (part[0]) { /* asked for every method of an assembly */
    case 'g': return behind(part, "get_", 4);
    case 's': return behind(part, "set_", 4);
    case 'a': return behind(part, "add_", 4);
    case 'r': return part[1] == 'e' ? behind(part, "remove_", 7) : behind(part, "raise_", 6);
    default: return NULL;
    }
}

/* ---- generic parts ---------------------------------------------------------------------------------------------- */

static bool wants_group(const query_pattern *p, const glob_state *s)
{
    for (uint32_t k = 0; k < p->name.words; k++) {
        if (s->w[k] & p->opens[k]) return true;
    }
    return false;
}

static bool group_matches(const query_group *g, const char *inner, size_t n)
{
    if (g->any) return true;
    uint32_t count = 0;
    for (size_t from = 0, end; from <= n; from = end + 1) {
        end = query_part_end(inner, n, from);
        if (count == g->count) return false;
        if (g->types && !query_type_matches(&g->types[count], inner + from, end - from)) return false;
        count++;
    }
    return count == g->count;
}

/* Generic parameters in the text, without their brackets: a group of the pattern takes them, anything else passes over.
 */
static void take_group(const query_pattern *p, glob_state *s, const char *inner, size_t n)
{
    glob_state after = {0};
    for (uint32_t i = 0; i < p->group_count; i++) {
        const query_group *g = &p->groups[i];
        if (glob_at(s, g->at) && group_matches(g, inner, n)) glob_set(&after, g->after);
    }
    for (uint32_t k = 0; k < p->name.words; k++)
        s->w[k] = (s->w[k] & (p->name.loop[k] | ~p->opens[k])) | after.w[k];
}

/* A name from metadata. Angle brackets at its start are the compiler's (<Main>b__0); behind a name they hold type
 * arguments. */
static void run_name(const query_pattern *p, glob_state *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const char *open = memchr(text + i, '<', n - i);
        size_t at = open ? (size_t)(open - text) : n;
        glob_run(&p->name, s, text + i, at - i);
        if (at == n) return;
        size_t end = query_angle_end(text, n, at);
        bool arguments = end && at > 0 && text[at - 1] != '.' && text[at - 1] != '+';
        if (!end) end = at + 1;
        if (!arguments) {
            glob_run(&p->name, s, text + at, end - at);
        } else if (wants_group(p, s)) {
            take_group(p, s, text + at + 1, end - at - 2);
        }
        i = end;
    }
}

/* The generic parameters at the end of a printed name: "List<T>" -> "T". */
static const char *last_group(const char *text, size_t n, size_t *length)
{
    uint32_t depth = 0;
    if (!n || text[n - 1] != '>') return NULL;
    for (size_t i = n; i-- > 0;) {
        if (text[i] == '>') depth++;
        if (text[i] == '<' && --depth == 0) {
            *length = n - i - 2;
            return text + i + 1;
        }
    }
    return NULL;
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static void run_type_name(const query_pattern *p, const cil_image *im, uint32_t rid, glob_state *s, buf_t *scratch)
{
    const char *name = cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME);
    size_t n = strlen(name), digits = n;
    while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    bool generic = digits && digits < n && name[digits - 1] == '`';
    run_name(p, s, name, generic ? digits - 1 : n);
    if (!generic || !wants_group(p, s)) return;
    size_t length;
    scratch->n = 0;
    cil_type_name(im, CIL_TOKEN(CIL_TYPE_DEF, rid), scratch);
    const char *printed = buf_cstr(scratch), *inner = last_group(printed, strlen(printed), &length);
    if (inner) take_group(p, s, inner, length);
}

/* The state in front of the method's name: behind `Ns.Outer+Inner.`, joined with the shorter beginnings that are
 * allowed. */
static void type_state(const query_pattern *p, const cil_image *im, uint32_t type_rid, glob_state *s, buf_t *scratch)
{
    uint32_t chain[NESTING_MOST], depth = 0;
    for (uint32_t t = type_rid; t && depth < NESTING_MOST; t = cil_enclosing(im, t))
        chain[depth++] = t;
    glob_state begin;
    glob_begin(&p->name, &begin);
    *s = begin;
    const char *ns = depth ? cil_cell_string(im, CIL_TYPE_DEF, chain[depth - 1], CIL_TYPE_DEF_NAMESPACE) : "";
    if (*ns) {
        glob_run(&p->name, s, ns, strlen(ns));
        glob_run(&p->name, s, ".", 1);
    }
    if (p->dotted) glob_union(&p->name, s, &begin);
    while (depth-- && !glob_dead(&p->name, s)) {
        run_type_name(p, im, chain[depth], s, scratch);
        glob_run(&p->name, s, depth ? "+" : ".", 1);
    }
    if (!p->dotted) glob_union(&p->name, s, &begin);
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

typedef struct method_context {
    const query_pattern *p;
    const cil_image *im;
    uint32_t rid;
    buf_t *scratch;
} method_context;

/* Does the name, in one or two pieces, end the match? The method's own generic parameters come last. */
static bool name_matches(const method_context *c, const glob_state *type, const char *first, size_t n, const char *rest)
{
    glob_state s;
    memcpy(s.w, type->w, c->p->name.words * sizeof *s.w);
    run_name(c->p, &s, first, n);
    if (rest) run_name(c->p, &s, rest, strlen(rest));
    if (glob_accepts(&c->p->name, &s)) return true;
    if (!wants_group(c->p, &s)) return false;
    cil_blob sig = cil_cell_blob(c->im, CIL_METHOD_DEF, c->rid, CIL_METHOD_DEF_SIG);
    if (!sig.n || !(sig.p[0] & 0x10)) return false; /* GENERIC, II.23.2.1 */
    size_t length;
    c->scratch->n = 0;
    cil_method_short_name(c->im, c->rid, c->scratch);
    const char *printed = buf_cstr(c->scratch), *inner = last_group(printed, strlen(printed), &length);
    if (inner) take_group(c->p, &s, inner, length);
    return glob_accepts(&c->p->name, &s);
}

/* The names that a method answers to: its own, its last part, and the property's where it is an accessor. */
static bool any_name_matches(const method_context *c, const glob_state *type)
{
    const char *name = cil_cell_string(c->im, CIL_METHOD_DEF, c->rid, CIL_METHOD_DEF_NAME);
    size_t n = strlen(name);
    if (name_matches(c, type, name, n, NULL)) return true;
    const char *part = memchr(name, '.', n) ? query_last_part(name, n) : name;
    if (part != name && name_matches(c, type, part, strlen(part), NULL)) return true;
    const char *property = query_accessor(part);
    if (!property) return false;
    if (!(cil_cell(c->im, CIL_METHOD_DEF, c->rid, CIL_METHOD_DEF_FLAGS) & QUERY_SPECIAL_NAME)) return false;
    if (name_matches(c, type, property, strlen(property), NULL)) return true;
    return part != name && name_matches(c, type, name, (size_t)(part - name), property);
}

static bool param_matches(const method_context *c, const query_type *want, const cil_type *have, uint32_t owner)
{
    if (want->byref != have->byref) return false;
    c->scratch->n = 0;
    if (!cil_sig_type_name(c->im, have->bare, owner, c->rid, true, c->scratch)) return false;
    return !c->scratch->failed && query_type_matches(want, (const char *)c->scratch->p, c->scratch->n);
}

/* Reads the next parameter; false at the end and where the signature is malformed (then *bad). */
static bool next_param(cil_blob *rest, uint32_t *left, cil_type *t, bool *bad)
{
    if (!*left) return false;
    uint32_t used = cil_type_read(*rest, t);
    if (!used) {
        *bad = true;
        return false;
    }
    rest->p += used;
    rest->n -= used;
    --*left;
    return true;
}

/* Skips convention, generic count and return type; *left is the number of parameters (MethodDefSig, II.23.2.1). */
static bool open_params(cil_blob *sig, uint32_t *left)
{
    uint32_t used;
    if (!sig->n) return false;
    bool generic = sig->p[0] & 0x10;
    *sig = (cil_blob){sig->p + 1, sig->n - 1};
    for (int i = 0; i < 1 + generic; i++) {
        if (!(used = cil_read_compressed(*sig, left))) return false;
        *sig = (cil_blob){sig->p + used, sig->n - used};
    }
    cil_type ret;
    if (!(used = cil_type_read(*sig, &ret))) return false;
    *sig = (cil_blob){sig->p + used, sig->n - used};
    return true;
}

/* A list of globs against a list of types; a star takes any number, and the last star passed is where a mismatch goes
 * on. */
static bool params_match(const method_context *c, uint32_t owner)
{
    const query_pattern *p = c->p;
    cil_blob rest = cil_cell_blob(c->im, CIL_METHOD_DEF, c->rid, CIL_METHOD_DEF_SIG), retry = {0};
    uint32_t left, want = 0, star = UINT32_MAX, retry_left = 0;
    bool bad = false;
    if (!open_params(&rest, &left)) return false;
    for (;;) {
        cil_type t;
        if (want < p->param_count && p->params[want].star) {
            star = ++want;
            retry = rest;
            retry_left = left;
            continue;
        }
        if (!left && want == p->param_count) return true;
        if (want < p->param_count && next_param(&rest, &left, &t, &bad) &&
            param_matches(c, &p->params[want], &t, owner)) {
            want++;
            continue;
        }
        if (bad || star == UINT32_MAX || !next_param(&retry, &retry_left, &t, &bad)) return false;
        rest = retry;
        left = retry_left;
        want = star;
    }
}

static bool method_matches(const method_context *c, const glob_state *type, bool all, uint32_t owner)
{
    if (!all && !any_name_matches(c, type)) return false;
    return !c->p->has_params || params_match(c, owner);
}

bool query_params_match(const query_pattern *p, const cil_image *image, uint32_t method_rid, buf_t *scratch)
{
    method_context c = {p, image, method_rid, scratch};
    return !p->has_params || params_match(&c, cil_method_owner(image, method_rid));
}

bool query_pattern_method(const query_pattern *p, const cil_image *image, uint32_t method_rid, buf_t *scratch)
{
    uint32_t owner = cil_method_owner(image, method_rid);
    if (!owner) return false;
    glob_state type;
    type_state(p, image, owner, &type, scratch);
    method_context c = {p, image, method_rid, scratch};
    return method_matches(&c, &type, glob_accepts_all(&p->name, &type), owner);
}

/* False when `found` wants no more. */
static bool scan_type(method_context *c, uint32_t type, cil_range range,
                      bool (*found)(void *owner, uint32_t method_rid), void *owner)
{
    glob_state state;
    type_state(c->p, c->im, type, &state, c->scratch);
    if (glob_dead(&c->p->name, &state)) return true;
    bool all = glob_accepts_all(&c->p->name, &state);
    for (uint32_t at = range.first; at < range.end; at++) {
        c->rid = cil_list_item(c->im, CIL_METHOD_DEF, at);
        if (method_matches(c, &state, all, type) && !found(owner, c->rid)) return false;
    }
    return true;
}

void query_pattern_scan(const query_pattern *p, const cil_image *image, bool (*found)(void *owner, uint32_t method_rid),
                        void *owner)
{
    buf_t scratch = {0};
    method_context c = {.p = p, .im = image, .scratch = &scratch};
    uint32_t next = 1; /* hostile lists may overlap: each method is looked at once */
    for (uint32_t type = 1; type <= image->rows[CIL_TYPE_DEF]; type++) {
        cil_range r = cil_list(image, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        r.first = RJ_MAX(r.first, next);
        if (r.first >= r.end) continue;
        next = r.end;
        if (!scan_type(&c, type, r, found, owner)) break;
    }
    buf_free(&scratch);
}
