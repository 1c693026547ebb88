/*
 * What the roots of a trace call: the methods that their IL names, level by level. A virtual or interface method stands
 * for those that the application's loaded modules override or implement it by.
 */
#include "engine/engine-priv.h"

enum {
    METHOD_STATIC = 0x10,
    METHOD_VIRTUAL = 0x40,
    METHOD_FINAL = 0x20,
    METHOD_ABSTRACT = 0x400,
    METHOD_SPECIAL_NAME = 0x800,
    TYPE_SEALED = 0x100,
    ACCESSOR_MOST = 16,    /* bytes of IL of an accessor that only reads or stores */
    OVERRIDES_MOST = 1000, /* that one request finds */
    ANCESTORS_MOST = 32,
};

/* A virtual method that is called. */
typedef struct slot {
    struct slot *same_name;
    const char *name;
    const cil_image *image; /* of the type that declares it */
    uint32_t type, params;
    const eng_module *only; /* where overrides are looked for; NULL: wherever the application has any */
} slot;

typedef struct finder {
    eng *g;
    eng_hits *hits;
    arena *scratch;
    map_t known; /* eng_key -> anything: in the hits */
    map_t slots; /* hash of a name -> slot: of the level */
    eng_module **modules;
    size_t module_count, most;
    const eng_module *core;
    bool failed;
    uint32_t in_core, without_il, over, overrides, overrides_over;
} finder;

static uint64_t name_hash(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash;
}

/* Explicit implementations are called Ns.IShape.Area. */
static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? dot + 1 : name; /* .ctor */
}

static size_t folder_of(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Not the application's own: what it calls is not followed further, and its overrides are not looked for. */
static bool is_framework(const finder *f, const eng_module *m)
{
    if (m == f->core || (m->path && strstr(m->path, "/shared/Microsoft."))) return true;
    size_t n = folder_of(m->path);
    bool beside = f->core && n && n == folder_of(f->core->path) && memcmp(m->path, f->core->path, n) == 0;
    return beside && (strncmp(m->assembly, "System.", 7) == 0 || strncmp(m->assembly, "Microsoft.", 10) == 0);
}

/* ---- types and members ---- */

static const cil_image *type_of(const finder *f, const cil_image *im, cil_token token, uint32_t *rid)
{
    if (CIL_TABLE(token) == CIL_TYPE_SPEC) {
        cil_type type = {0};
        cil_type_read(cil_cell_blob(im, CIL_TYPE_SPEC, CIL_RID(token), CIL_TYPE_SPEC_SIG), &type);
        token = type.token;
    }
    return eng_resolve_type(f->g, im, token, rid);
}

static bool read_sig(const finder *f, const cil_image *im, uint32_t rid, cil_method_sig *out)
{
    return cil_method_sig_read(f->scratch, cil_cell_blob(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG), out, NULL);
}

/* Parameters and result as text, which is the same in every module. */
static void put_sig(buf_t *b, const cil_image *im, const cil_method_sig *sig)
{
    cil_sig_type_name(im, sig->ret.whole, 0, 0, true, b);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        buf_u8(b, ',');
        cil_sig_type_name(im, sig->params[i].whole, 0, 0, true, b);
    }
}

static bool is_same_sig(const cil_image *x, const cil_method_sig *a, const cil_image *y, const cil_method_sig *b)
{
    buf_t left = {0}, right = {0};
    put_sig(&left, x, a);
    put_sig(&right, y, b);
    bool same = strcmp(buf_cstr(&left), buf_cstr(&right)) == 0;
    buf_free(&left);
    buf_free(&right);
    return same;
}

/* The method of the type that a MemberRef means; 0: it has none of that name and signature. */
static uint32_t member_in(const finder *f, const cil_image *im, uint32_t type, const char *name, const cil_image *from,
                          const cil_method_sig *sig)
{
    uint32_t alike = 0;
    cil_range all = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
    for (uint32_t at = all.first; at < all.end; at++) {
        uint32_t rid = cil_list_item(im, CIL_METHOD_DEF, at);
        cil_method_sig own;
        if (strcmp(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), name) != 0) continue;
        if (!read_sig(f, im, rid, &own) || own.param_count != sig->param_count ||
            own.generic_count != sig->generic_count)
            continue;
        if (is_same_sig(im, &own, from, sig)) return rid;
        alike = rid;
    }
    return alike;
}

static const cil_image *base_of(const finder *f, const cil_image *im, uint32_t *type)
{
    cil_token base = cil_cell_token(im, CIL_TYPE_DEF, *type, CIL_TYPE_DEF_EXTENDS);
    return CIL_RID(base) ? type_of(f, im, base, type) : NULL;
}

static const cil_image *resolve_member(const finder *f, const cil_image *im, cil_token token, uint32_t *rid)
{
    cil_token parent = cil_cell_token(im, CIL_MEMBER_REF, CIL_RID(token), CIL_MEMBER_REF_CLASS);
    const char *name = cil_cell_string(im, CIL_MEMBER_REF, CIL_RID(token), CIL_MEMBER_REF_NAME);
    cil_method_sig sig;
    uint32_t type = 0;
    if (!cil_method_sig_read(f->scratch, cil_cell_blob(im, CIL_MEMBER_REF, CIL_RID(token), CIL_MEMBER_REF_SIG), &sig,
                             NULL))
        return NULL;
    const cil_image *in = type_of(f, im, parent, &type);
    for (unsigned i = 0; in && i < ANCESTORS_MOST; i++) {
        *rid = member_in(f, in, type, name, im, &sig);
        if (*rid) return in;
        in = base_of(f, in, &type);
    }
    return NULL;
}

/* Is the type `target`, or does it derive from it or implement it? */
static bool descends(const finder *f, const cil_image *im, uint32_t type, const slot *target, unsigned depth)
{
    for (unsigned i = 0; im && i < ANCESTORS_MOST; i++) {
        if (im == target->image && type == target->type) return true;
        for (uint32_t r = 1; depth && r <= im->rows[CIL_INTERFACE_IMPL]; r++) {
            uint32_t face = 0;
            if (cil_cell(im, CIL_INTERFACE_IMPL, r, CIL_INTERFACE_IMPL_CLASS) != type) continue;
            cil_token token = cil_cell_token(im, CIL_INTERFACE_IMPL, r, CIL_INTERFACE_IMPL_INTERFACE);
            const cil_image *in = type_of(f, im, token, &face);
            if (in && descends(f, in, face, target, depth - 1)) return true;
        }
        im = base_of(f, im, &type);
    }
    return false;
}

/* ---- what is found ---- */

/* Auto-properties and their like: they take no time, and are called all over. */
static bool is_plain_accessor(const cil_image *im, uint32_t rid)
{
    cil_blob il;
    const char *name = last_part(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME));
    if (!(cil_cell(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_FLAGS) & METHOD_SPECIAL_NAME)) return false;
    if (strncmp(name, "get_", 4) != 0 && strncmp(name, "set_", 4) != 0) return false;
    return cil_method_bytes(im, rid, &il, NULL) && il.n && (il.p[0] & 3) == 2 && il.p[0] >> 2 <= ACCESSOR_MOST;
}

static void add(finder *f, eng_module *m, uint32_t rid)
{
    uint64_t key = eng_key(m, CIL_TOKEN(CIL_METHOD_DEF, rid));
    if (map_get(&f->known, key)) return;
    if (!map_put(&f->known, key, m)) f->failed = true;
    if (eng_is_abstract(m, rid) || is_plain_accessor(&m->image, rid)) return;
    if (m == f->core) {
        f->in_core++;
    } else if (!eng_has_il(m, rid) || m->hooked) {
        f->without_il++;
    } else if (f->hits->found.n >= f->most) {
        f->over++;
    } else {
        eng_target *t = VEC_PUSH(&f->hits->found);
        if (t) *t = (eng_target){.module = m, .rid = rid, .callee = true};
        f->failed |= !t;
    }
}

/*
 * What the core library declares, such as Equals, Dispose and MoveNext, is overridden all over: of that only the
 * caller's own module counts.
 */
static void add_slot(finder *f, const eng_module *caller, const eng_module *m, uint32_t rid)
{
    const cil_image *im = &m->image;
    const eng_module *only = m == f->core ? caller : NULL;
    uint32_t type = cil_method_owner(im, rid);
    uint32_t flags = cil_cell(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_FLAGS);
    bool is_sealed = cil_cell(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_FLAGS) & TYPE_SEALED;
    cil_method_sig sig;
    if (!(flags & METHOD_VIRTUAL) || flags & METHOD_FINAL || is_sealed || !read_sig(f, im, rid, &sig)) return;
    const char *name = last_part(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME));
    uint64_t hash = name_hash(name);
    slot *first = map_get(&f->slots, hash);
    for (const slot *s = first; s; s = s->same_name)
        if (s->image == im && s->type == type && s->params == sig.param_count && s->only == only) return;
    slot *s = arena_alloc(f->scratch, sizeof *s);
    if (s) *s = (slot){first, name, im, type, sig.param_count, only};
    f->failed |= !s || !map_put(&f->slots, hash, s);
}

static void look_at_method(finder *f, eng_module *m, uint32_t rid)
{
    const slot *s =
        map_get(&f->slots, name_hash(last_part(cil_cell_string(&m->image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME))));
    cil_method_sig sig;
    for (; s; s = s->same_name) {
        if (s->only && s->only != m) continue;
        if (!read_sig(f, &m->image, rid, &sig) || sig.param_count != s->params) continue;
        uint32_t type = cil_method_owner(&m->image, rid);
        if (!descends(f, &m->image, type, s, 4)) continue;
        if (f->overrides++ < OVERRIDES_MOST)
            add(f, m, rid);
        else
            f->overrides_over++;
        return;
    }
}

/* Implementations of the level's virtual methods. */
static void add_overrides(finder *f)
{
    for (size_t i = 0; i < f->module_count && f->slots.n; i++) {
        eng_module *m = f->modules[i];
        if (is_framework(f, m) || m->hooked || !eng_module_open(f->g, m)) continue;
        for (uint32_t rid = 1; rid <= m->image.rows[CIL_METHOD_DEF]; rid++) {
            uint32_t flags = cil_cell(&m->image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_FLAGS);
            /* What implements a static member is not virtual itself. */
            if (flags & (METHOD_VIRTUAL | METHOD_STATIC) && !(flags & METHOD_ABSTRACT)) look_at_method(f, m, rid);
        }
    }
    map_free(&f->slots);
    f->slots = (map_t){0};
}

static void add_called(finder *f, const eng_module *caller, uint16_t op, cil_token token)
{
    const cil_image *im = &caller->image;
    uint32_t rid = CIL_RID(token);
    if (CIL_TABLE(token) == CIL_METHOD_SPEC) {
        token = cil_cell_token(im, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_METHOD);
        rid = CIL_RID(token);
    }
    const cil_image *in = im;
    if (CIL_TABLE(token) == CIL_MEMBER_REF)
        in = resolve_member(f, im, token, &rid);
    else if (CIL_TABLE(token) != CIL_METHOD_DEF)
        return;
    eng_module *m = in ? eng_module_of_image(f->g, in) : NULL;
    if (!m) return; /* not loaded: it has not been called yet */
    add(f, m, rid);
    bool of_instance = !(cil_cell(in, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_FLAGS) & METHOD_STATIC);
    /* Static virtual methods are called by `call`, of a type argument; others so mean the method itself. */
    if (op == CIL_CALLVIRT || op == CIL_LDVIRTFTN || !of_instance) add_slot(f, caller, m, rid);
}

static void read_calls(finder *f, const eng_module *m, uint32_t rid)
{
    cil_blob il;
    cil_body body;
    if (!cil_method_bytes(&m->image, rid, &il, NULL) || !il.n) return;
    if (!cil_body_read(f->scratch, il, &body, NULL)) return;
    for (uint32_t i = 0; i < body.count; i++) {
        uint16_t op = body.insns[i].op;
        if (op == CIL_CALL || op == CIL_CALLVIRT || op == CIL_NEWOBJ || op == CIL_LDFTN || op == CIL_LDVIRTFTN)
            add_called(f, m, op, body.insns[i].token);
    }
}

static void look_into(finder *f, eng_target t)
{
    weave_async async;
    if (t.module->hooked || (t.callee && is_framework(f, t.module))) return;
    read_calls(f, t.module, t.rid);
    if (weave_async_read(f->scratch, &t.module->image, t.rid, &async, NULL) && async.move_next)
        read_calls(f, t.module, async.move_next);
}

static eng_target *target_of(eng_hits *h, const eng_target *t)
{
    for (size_t i = 0; h->found.v && i < h->found.n; i++)
        if (h->found.v[i].module == t->module && h->found.v[i].rid == t->rid) return &h->found.v[i];
    return NULL;
}

static void add_into(finder *f, const eng_wish *w)
{
    eng_hits extra = {.module = NULL};
    for (size_t i = 0; w->into_count && i < f->module_count; i++)
        eng_scan(f->g, w->into, w->into_count, f->modules[i], &extra);
    for (size_t i = 0; i < extra.found.n; i++) {
        eng_target t = extra.found.v[i], *known = target_of(f->hits, &t);
        if (known) known->into = true;
        if (known || eng_is_abstract(t.module, t.rid)) continue;
        t.callee = t.into = true;
        eng_target *place = f->hits->found.n < f->most ? VEC_PUSH(&f->hits->found) : NULL;
        if (place) *place = t;
        f->over += !place;
    }
    f->failed |= extra.failed;
    VEC_FREE(&extra.found);
}

static void note(arena *a, const char **text, uint32_t count, const char *what)
{
    if (count) *text = eng_note_more(a, *text, arena_printf(a, "%u %s", count, what));
}

static const char *left_out(const finder *f, arena *a)
{
    const char *text = NULL;
    note(a, &text, f->in_core, "methods of the core library that are called are not followed (--into does)");
    note(a, &text, f->without_il, "have no code that can be instrumented");
    note(a, &text, f->over, "are more than --max-methods allows");
    note(a, &text, f->overrides_over, "overrides are more than are looked for");
    return text;
}

bool eng_add_callees(eng *g, const eng_wish *w, eng_hits *h, eng_result *out, err_t *e)
{
    arena scratch = {0};
    finder f = {.g = g, .hits = h, .scratch = &scratch, .most = w->request.most};
    f.modules = eng_modules(g, &scratch, &f.module_count);
    f.core = eng_module_of_assembly(g, "System.Private.CoreLib");
    f.failed = !f.modules;
    for (size_t i = 0; i < h->found.n && !f.failed; i++)
        f.failed = !map_put(&f.known, eng_key(h->found.v[i].module, CIL_TOKEN(CIL_METHOD_DEF, h->found.v[i].rid)),
                            h->found.v[i].module);
    size_t from = 0, to = h->found.n;
    for (uint32_t level = 0; level < w->request.levels && !f.failed; level++) {
        for (size_t i = from; i < to && !f.failed; i++)
            look_into(&f, h->found.v[i]);
        if (!f.failed) add_overrides(&f);
        from = to;
        to = h->found.n;
    }
    if (!f.failed) add_into(&f, w);
    if (!f.failed) out->side_note = left_out(&f, &out->memory);
    map_free(&f.known);
    map_free(&f.slots);
    arena_free(&scratch);
    return !f.failed || err_set(e, ERR_MEMORY, -1, "out of memory");
}
