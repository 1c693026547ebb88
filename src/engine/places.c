/* Places in methods: what a line of a source file, or an offset, has come to be. */
#include "engine/engine-priv.h"

/* ---- names ---- */

typedef struct naming {
    const eng_module *module;
    uint32_t method_rid;
    arena *a;
    query_local *names;
    eng_named *named;
    uint32_t count;
} naming;

static bool is_parameter(const naming *n, const char *text, size_t size)
{
    const cil_image *im = &n->module->image;
    const cil_range r = cil_list(im, CIL_METHOD_DEF, n->method_rid, CIL_METHOD_DEF_PARAMS, CIL_PARAM);
    for (uint32_t at = r.first; at < r.end; at++) {
        const char *own = cil_cell_string(im, CIL_PARAM, cil_list_item(im, CIL_PARAM, at), CIL_PARAM_NAME);
        if (strlen(own) == size && memcmp(own, text, size) == 0) return true;
    }
    return false;
}

/* Of two things of one name the first counts. */
static void name(naming *n, const char *text, size_t size, cil_blob type, eng_named what)
{
    query_local l = {.name = NULL};
    for (uint32_t i = 0; i < n->count; i++)
        if (strlen(n->names[i].name) == size && memcmp(n->names[i].name, text, size) == 0) return;
    if (what.told == WEAVE_LOCAL && is_parameter(n, text, size)) what.told = WEAVE_ARGUMENT;
    if (n->count == ENG_NAMED_MOST || !type.n || !cil_type_read(type, &l.type)) return;
    if (!(l.name = arena_strndup(n->a, text, size))) return;
    n->named[n->count] = what;
    n->names[n->count++] = l;
}

/*
 * What the C# compiler makes of a method whose variables outlive its frames:
 *
 *      state machine, <Sum>d__3     n: an argument          <total>5__2: a variable
 *      closure, <>c__DisplayClass   n: either of the two
 *      both                         <>4__this: the object   others with <> or $: its own
 */
static void name_field(naming *n, uint32_t rid, uint32_t of, bool is_machine)
{
    enum { STATIC = 0x10 };
    const cil_image *im = &n->module->image;
    const char *field = cil_cell_string(im, CIL_FIELD, rid, CIL_FIELD_NAME), *end;
    cil_blob sig = cil_cell_blob(im, CIL_FIELD, rid, CIL_FIELD_SIG);
    if (sig.n < 2 || cil_cell(im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & STATIC) return;
    const cil_blob type = {sig.p + 1, sig.n - 1};
    if (strcmp(field, "<>4__this") == 0) {
        if (!of) name(n, "this", 4, type, (eng_named){WEAVE_FIELD, rid, of, WEAVE_THIS});
    } else if (field[0] == '<' && (end = strchr(field, '>')) && end > field + 1) {
        name(n, field + 1, (size_t)(end - field - 1), type, (eng_named){WEAVE_FIELD, rid, of, WEAVE_LOCAL});
    } else if (!strpbrk(field, "<>$")) {
        name(n, field, strlen(field), type,
             (eng_named){WEAVE_FIELD, rid, of, is_machine ? WEAVE_ARGUMENT : WEAVE_LOCAL});
    }
}

static bool is_made(const cil_image *im, uint32_t type_rid)
{
    return *cil_cell_string(im, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_NAME) == '<' && cil_enclosing(im, type_rid);
}

bool eng_is_lifted(const eng_module *m, uint32_t method_rid)
{
    return is_made(&m->image, cil_method_owner(&m->image, method_rid));
}

/* of: as in weave_value */
static void name_fields(naming *n, uint32_t type_rid, uint32_t of)
{
    const cil_image *im = &n->module->image;
    if (!type_rid || !is_made(im, type_rid)) return;
    const char *type = cil_cell_string(im, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_NAME);
    const cil_range r = cil_list(im, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = r.first; at < r.end; at++)
        name_field(n, cil_list_item(im, CIL_FIELD, at), of, type[1] != '>');
}

/* A local that people wrote, or one that holds what lambdas share with the method. */
static void name_variable(naming *n, const eng_variable *v, cil_blob type)
{
    cil_type t;
    if (!type.n || !cil_type_read(type, &t)) return;
    if (!strpbrk(v->name, "<>$"))
        name(n, v->name, strlen(v->name), type, (eng_named){WEAVE_LOCAL, v->slot, 0, WEAVE_LOCAL});
    else if ((t.element == CIL_E_CLASS || t.element == CIL_E_VALUETYPE) && CIL_TABLE(t.token) == CIL_TYPE_DEF)
        name_fields(n, CIL_RID(t.token), v->slot + 1u);
}

uint32_t eng_place_names(const eng_module *m, uint32_t method_rid, cil_blob body, const eng_place *place,
                         arena *scratch, arena *a, query_local *names, eng_named *named)
{
    naming n = {.module = m, .method_rid = method_rid, .a = a, .names = names, .named = named};
    for (uint32_t i = 0; i < place->variable_count; i++) {
        const eng_variable *v = &place->variables[i];
        name_variable(&n, v, weave_local_type(scratch, &m->image, body, v->slot));
    }
    name_fields(&n, cil_method_owner(&m->image, method_rid), 0);
    return n.count;
}

/* ---- methods ---- */

typedef struct placing {
    eng *g;
    const eng_request *r;
    eng_hits *h;
} placing;

static bool add(const placing *p, eng_module *m, uint32_t rid, const eng_place *place, err_t *e)
{
    eng_hits *h = p->h;
    eng_target *t = VEC_PUSH(&h->found);
    if (!t) return err_set(e, ERR_MEMORY, -1, "out of memory");
    *t = (eng_target){.module = m, .rid = rid, .place = place, .place_index = (uint32_t)(place - p->r->places)};
    return true;
}

/* What describes a dynamic method goes with the search; it is compiled once, without anybody's asking. */
static bool refuse_dynamic(const eng_target *t, eng_result *out, err_t *e)
{
    buf_t name = {0};
    eng_refusal *r = VEC_PUSH(&out->refusals);
    if (!r) return err_set(e, ERR_MEMORY, -1, "out of memory");
    cil_method_name(&t->module->image, t->rid, true, &name);
    *r = (eng_refusal){arena_strdup(&out->memory, buf_cstr(&name)),
                       arena_strdup(&out->memory, t->module->file ? t->module->file : ""),
                       "a dynamic method has no lines: watch it instead"};
    buf_free(&name);
    return (r->name && r->module) || err_set(e, ERR_MEMORY, -1, "out of memory");
}

static bool add_matching(const placing *p, const eng_place *place, eng_result *out, err_t *e)
{
    eng *g = p->g;
    const size_t before = p->h->found.n;
    eng_found_targets s = {.module_count = 0};
    bool ok = eng_search(g, &place->pattern, 1, &s, e);
    for (size_t i = 0; ok && i < s.hits.found.n; i++) {
        const eng_target *t = &s.hits.found.v[i];
        ok = t->module->dynamic ? refuse_dynamic(t, out, e) : add(p, t->module, t->rid, place, e);
    }
    if (ok && p->h->found.n == before && !out->nearest_count && !out->refusals.n)
        out->nearest_count = eng_search_nearest(g, &s, &out->memory, out->nearest);
    eng_search_free(g, &s);
    return ok;
}

static bool has_pdb(const eng_module *m, const char *id)
{
    char own[ENG_PDB_ID_TEXT];
    const char *name;
    return eng_pdb_id(m, own, &name) && strcmp(own, id) == 0;
}

static bool add_method(const placing *p, const eng_place *place, err_t *e)
{
    eng *g = p->g;
    arena a = {0};
    size_t n = 0;
    bool ok = true;
    eng_module **modules = eng_modules(g, &a, &n);
    for (size_t i = 0; modules && ok && i < n; i++) {
        eng_module *m = modules[i];
        if (strcmp(m->path, place->path) != 0 || !eng_module_open(g, m) || !has_pdb(m, place->pdb_id)) continue;
        const uint32_t rid = CIL_RID(place->token);
        if (rid && rid <= m->image.rows[CIL_METHOD_DEF]) ok = add(p, m, rid, place, e);
    }
    arena_free(&a);
    return ok;
}

bool eng_scan_places(eng *g, const eng_request *r, eng_hits *h, eng_result *out, err_t *e)
{
    const placing p = {g, r, h};
    bool ok = true;
    for (uint32_t i = 0; ok && i < r->place_count; i++) {
        const eng_place *place = &r->places[i];
        ok = place->pattern ? add_matching(&p, place, out, e) : add_method(&p, place, e);
    }
    out->total = (uint32_t)h->found.n;
    if (ok && h->found.n > r->most)
        return err_set(e, ERR_LIMIT, -1,
                       "%zu places match, more than the %u that one command may instrument: narrow the pattern, or say "
                       "--max-methods %zu",
                       h->found.n, r->most, h->found.n);
    return ok;
}

void eng_describe_modules(eng *g, buf_t *reply)
{
    arena a = {0};
    size_t n = 0;
    pthread_mutex_lock(&g->transaction);
    eng_module **modules = eng_modules(g, &a, &n);
    for (size_t i = 0; modules && i < n; i++) {
        if (modules[i]->flags & CLR_MODULE_DYNAMIC || !eng_module_open(g, modules[i])) continue;
        size_t group = wire_open(reply, WIRE_T_FRAME);
        wire_text(reply, WIRE_T_MODULE, modules[i]->file);
        eng_put_source(modules[i], 0, reply);
        wire_close(reply, group);
    }
    pthread_mutex_unlock(&g->transaction);
    arena_free(&a);
}
