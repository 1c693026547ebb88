/*
 * What edits need and a module's metadata lacks, made at any time. Each item is known by its content: made once for a
 * module, so that an edit made again adds nothing, and never taken back, as the runtime has no way to.
 */
#include "engine/metadata.h"

#include <stdio.h>
#include <stdlib.h>

/* An item's content: the kind of its token, parent, name and blob, one behind the other. */
typedef struct item {
    cil_table kind;
    cil_token parent;
    const char *space, *name; /* "" where there is none */
    cil_blob blob;
} item;

static bool item_key(const item *x, buf_t *key)
{
    buf_u8(key, (uint8_t)x->kind);
    buf_u32(key, x->parent);
    buf_put(key, x->space, strlen(x->space) + 1);
    buf_put(key, x->name, strlen(x->name) + 1);
    buf_put(key, x->blob.p, x->blob.n);
    return !key->failed;
}

/* The entry of a key; *at becomes where it is, or where it belongs: equal hashes take the next number. */
static const eng_made *known(const eng_module *m, const buf_t *key, uint64_t *at)
{
    for (*at = map_hash(key->p, key->n);; ++*at) {
        uintptr_t i = (uintptr_t)map_get(&m->made_of, *at);
        if (!i) return NULL;
        const eng_made *x = &m->made.v[i - 1];
        if (x->size == key->n && memcmp(x->key, key->p, key->n) == 0) return x;
    }
}

/* Takes the key's memory over. */
static bool remember(eng_module *m, buf_t *key, uint64_t at, cil_token token)
{
    eng_made *x = VEC_PUSH(&m->made);
    if (!x || !map_put(&m->made_of, at, (void *)m->made.n)) {
        if (x) m->made.n--;
        return false;
    }
    *x = (eng_made){token, (uint32_t)key->n, key->p};
    m->kept_bytes += sizeof *x + key->cap;
    *key = (buf_t){0};
    return true;
}

/* ---- the runtime's side ---- */

static bool open_for_writing(eng *g, eng_module *m, err_t *e)
{
    if (m->emit) return true;
    void *emit = NULL;
    if (!eng_standstill_begin(g))
        return err_set(e, ERR_RUNTIME, -1, "%s: the runtime is too busy for new metadata; try again later", m->file);
    clr_hresult hr =
        g->info->vt->GetModuleMetaData(g->info, m->id, CLR_OPEN_READ | CLR_OPEN_WRITE, &clr_iid_emit, &emit);
    eng_standstill_end(g);
    if (hr < 0 || !emit)
        return err_set(e, ERR_RUNTIME, -1, "%s: the runtime does not open its metadata for writing (%08x)", m->file,
                       (unsigned)hr);
    m->emit = emit;
    m->emitted_bytes += m->image.metadata.n; /* the runtime copies it, to change the copy */
    return true;
}

static const uint16_t *wide(arena *a, const item *x)
{
    size_t units;
    const char *full = *x->space ? arena_printf(a, "%s.%s", x->space, x->name) : x->name;
    return full ? text_utf8_to_utf16(a, full, &units) : NULL;
}

/*
 * Version and key of the assembly as it is loaded. Where that cannot be looked into the name alone is said, which the
 * runtime binds to whatever it has of that name.
 */
static clr_hresult define_assembly_ref(eng *g, eng_module *m, const uint16_t *name, const item *x, cil_token *token)
{
    enum { HAS_PUBLIC_KEY = 1, PUBLIC_KEY = 6 };
    void *unknown = NULL;
    clr_hresult hr = m->emit->vt->unknown.QueryInterface(m->emit, &clr_iid_assembly_emit, &unknown);
    if (hr < 0) return hr;
    clr_assembly_emit *emit = unknown;
    const eng_module *of = eng_module_of_assembly(g, x->name);
    clr_assembly_props props = {.version = {0}};
    cil_blob key = {0};
    if (of) {
        for (unsigned i = 0; i < RJ_COUNT(props.version); i++)
            props.version[i] = (uint16_t)cil_cell(&of->image, CIL_ASSEMBLY, 1, i + 1);
        key = cil_cell_blob(&of->image, CIL_ASSEMBLY, 1, PUBLIC_KEY);
    }
    hr = emit->vt->DefineAssemblyRef(emit, key.p, key.n, name, &props, NULL, 0, key.n ? HAS_PUBLIC_KEY : 0, token);
    emit->vt->unknown.Release(emit);
    return hr;
}

static clr_hresult define_string(const eng_module *m, const uint16_t *text, cil_token *token)
{
    uint32_t units = 0;
    while (text[units])
        units++;
    return m->emit->vt->DefineUserString(m->emit, text, units, token);
}

#define STATIC_CLASS  0x100181u /* public abstract sealed beforefieldinit */
#define STATIC_METHOD 0x0096u   /* public static hidebysig */

static clr_hresult define(eng *g, eng_module *m, const item *x, const uint16_t *name, cil_token *token)
{
    clr_emit *emit = m->emit;
    const uint8_t *p = x->blob.p;
    uint32_t n = x->blob.n;
    switch ((unsigned)x->kind) {
    case CIL_ASSEMBLY_REF: return define_assembly_ref(g, m, name, x, token);
    case CIL_MODULE_REF: return emit->vt->DefineModuleRef(emit, name, token);
    case CIL_TYPE_REF: return emit->vt->DefineTypeRefByName(emit, x->parent, name, token);
    case CIL_MEMBER_REF: return emit->vt->DefineMemberRef(emit, x->parent, name, p, n, token);
    case CIL_METHOD_SPEC: return emit->vt->DefineMethodSpec(emit, x->parent, p, n, token);
    case CIL_USER_STRING: return define_string(m, name, token);
    case CIL_STAND_ALONE_SIG: return emit->vt->GetTokenFromSig(emit, p, n, token);
    case CIL_TYPE_SPEC: return emit->vt->GetTokenFromTypeSpec(emit, p, n, token);
    case CIL_TYPE_DEF: return emit->vt->DefineTypeDef(emit, name, STATIC_CLASS, x->parent, NULL, token);
    case CIL_METHOD_DEF: return emit->vt->DefineMethod(emit, x->parent, name, STATIC_METHOD, p, n, 0, 0, token);
    default: return CLR_FAIL;
    }
}

/* A row, and what it adds to the heaps. */
static size_t size_of(const eng_module *m, const item *x)
{
    size_t names = *x->name ? strlen(x->space) + strlen(x->name) + 2 : 0;
    if (x->kind == CIL_USER_STRING) return names * sizeof(uint16_t);
    return m->image.row_size[x->kind] + names + x->blob.n;
}

static cil_token emit(eng *g, eng_module *m, const item *x, err_t *e)
{
    arena a = {0};
    cil_token token = 0;
    const uint16_t *name = wide(&a, x);
    bool ok = name || err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = ok && open_for_writing(g, m, e);
    clr_hresult hr = ok ? define(g, m, x, name, &token) : CLR_OK;
    arena_free(&a);
    if (ok && (hr < 0 || !token)) {
        err_set(e, ERR_RUNTIME, -1, "%s: the runtime does not take new metadata (kind %02x '%s': %08x)", m->file,
                (unsigned)x->kind, x->name, (unsigned)hr);
        return 0;
    }
    if (!ok) return 0;
    m->emitted_bytes += size_of(m, x);
    m->applied = false;
    return token;
}

/* ---- what the module has of its own ---- */

static bool same(cil_blob x, cil_blob y)
{
    return x.n == y.n && memcmp(x.p, y.p, x.n) == 0;
}

static bool is_type_ref(const cil_image *im, uint32_t rid, const item *x)
{
    return cil_cell_token(im, CIL_TYPE_REF, rid, CIL_TYPE_REF_SCOPE) == x->parent &&
           strcmp(cil_cell_string(im, CIL_TYPE_REF, rid, CIL_TYPE_REF_NAME), x->name) == 0 &&
           strcmp(cil_cell_string(im, CIL_TYPE_REF, rid, CIL_TYPE_REF_NAMESPACE), x->space) == 0;
}

static bool is_member_ref(const cil_image *im, uint32_t rid, const item *x)
{
    return cil_cell_token(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_CLASS) == x->parent &&
           strcmp(cil_cell_string(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_NAME), x->name) == 0 &&
           same(cil_cell_blob(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_SIG), x->blob);
}

static bool is_row(const cil_image *im, uint32_t rid, const item *x)
{
    switch ((unsigned)x->kind) {
    case CIL_ASSEMBLY_REF:
        return strcmp(cil_cell_string(im, CIL_ASSEMBLY_REF, rid, CIL_ASSEMBLY_REF_NAME), x->name) == 0;
    case CIL_MODULE_REF: return strcmp(cil_cell_string(im, CIL_MODULE_REF, rid, CIL_MODULE_REF_NAME), x->name) == 0;
    case CIL_TYPE_REF: return is_type_ref(im, rid, x);
    case CIL_MEMBER_REF: return is_member_ref(im, rid, x);
    case CIL_METHOD_SPEC:
        return cil_cell_token(im, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_METHOD) == x->parent &&
               same(cil_cell_blob(im, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_INSTANTIATION), x->blob);
    default: return false;
    }
}

/* The runtime looks for equal signatures and strings itself, in heaps that it has indexed. */
static bool is_looked_for(cil_table kind)
{
    return kind == CIL_ASSEMBLY_REF || kind == CIL_MODULE_REF || kind == CIL_TYPE_REF || kind == CIL_MEMBER_REF ||
           kind == CIL_METHOD_SPEC;
}

static cil_token own(const eng_module *m, const item *x)
{
    uint32_t rows = is_looked_for(x->kind) ? m->image.rows[x->kind] : 0;
    for (uint32_t rid = 1; rid <= rows; rid++)
        if (is_row(&m->image, rid, x)) return CIL_TOKEN(x->kind, rid);
    return 0;
}

/* ---- */

static const eng_made *make(eng *g, eng_module *m, const item *x, err_t *e)
{
    buf_t key = {0};
    uint64_t at;
    if (!item_key(x, &key)) {
        err_set(e, ERR_MEMORY, -1, "out of memory");
        buf_free(&key);
        return NULL;
    }
    const eng_made *made = known(m, &key, &at);
    cil_token token = made ? made->token : own(m, x);
    if (!token) token = emit(g, m, x, e);
    if (token && !made) {
        if (remember(m, &key, at, token))
            made = &m->made.v[m->made.n - 1];
        else
            err_set(e, ERR_MEMORY, -1, "out of memory");
    }
    buf_free(&key);
    return made;
}

static cil_token token_of(eng *g, eng_module *m, item x, err_t *e)
{
    if (!x.space) x.space = "";
    if (!x.name) x.name = "";
    const eng_made *made = make(g, m, &x, e);
    return made ? made->token : 0;
}

cil_token eng_meta_assembly_ref(eng *g, eng_module *m, const char *assembly, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_ASSEMBLY_REF, .name = assembly}, e);
}

cil_token eng_meta_module_ref(eng *g, eng_module *m, const char *file, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_MODULE_REF, .name = file}, e);
}

cil_token eng_meta_type_ref(eng *g, eng_module *m, const char *assembly, const char *space, const char *name, err_t *e)
{
    if (strcmp(assembly, m->assembly) == 0) {
        uint32_t rid = eng_type_named(&m->image, space, name);
        if (rid) return CIL_TOKEN(CIL_TYPE_DEF, rid);
        err_set(e, ERR_REFUSED, -1, "%s has no type %s.%s", m->file, space, name);
        return 0;
    }
    cil_token scope = eng_meta_assembly_ref(g, m, assembly, e);
    return scope ? token_of(g, m, (item){.kind = CIL_TYPE_REF, .parent = scope, .space = space, .name = name}, e) : 0;
}

cil_token eng_meta_member_ref(eng *g, eng_module *m, cil_token parent, const char *name, cil_blob sig, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_MEMBER_REF, .parent = parent, .name = name, .blob = sig}, e);
}

cil_token eng_meta_method_spec(eng *g, eng_module *m, cil_token method, cil_blob instantiation, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_METHOD_SPEC, .parent = method, .blob = instantiation}, e);
}

cil_token eng_meta_user_string(eng *g, eng_module *m, const char *text, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_USER_STRING, .name = text}, e);
}

cil_token eng_meta_stand_alone_sig(eng *g, eng_module *m, cil_blob sig, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_STAND_ALONE_SIG, .blob = sig}, e);
}

_Static_assert(CIL_STAND_ALONE_SIG_SIG == CIL_TYPE_SPEC_SIG, "both have one column");

cil_blob eng_meta_sig(const eng_module *m, cil_token token)
{
    enum { BLOB_AT = 7 }; /* behind kind, parent, and two empty names */
    const cil_table kind = CIL_TABLE(token);
    if (kind != CIL_STAND_ALONE_SIG && kind != CIL_TYPE_SPEC) return (cil_blob){0};
    if (CIL_RID(token) <= m->image.rows[kind])
        return cil_cell_blob(&m->image, kind, CIL_RID(token), CIL_STAND_ALONE_SIG_SIG);
    for (size_t i = m->made.n; i-- > 0;)
        if (m->made.v[i].token == token) return (cil_blob){m->made.v[i].key + BLOB_AT, m->made.v[i].size - BLOB_AT};
    return (cil_blob){0};
}

cil_token eng_meta_type_spec(eng *g, eng_module *m, cil_blob type, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_TYPE_SPEC, .blob = type}, e);
}

cil_token eng_meta_type_def(eng *g, eng_module *m, const char *space, const char *name, cil_token base, err_t *e)
{
    return token_of(g, m, (item){.kind = CIL_TYPE_DEF, .parent = base, .space = space, .name = name}, e);
}

static bool set_body(eng *g, const eng_module *m, cil_token method, cil_blob body, err_t *e)
{
    clr_il_memory *memory = NULL;
    clr_hresult hr = g->info->vt->GetILFunctionBodyAllocator(g->info, m->id, &memory);
    uint8_t *il = hr >= 0 ? memory->vt->Alloc(memory, body.n) : NULL;
    if (hr >= 0) memory->vt->unknown.Release(memory);
    if (hr >= 0 && !il) return err_set(e, ERR_MEMORY, -1, "out of memory");
    if (il) {
        memcpy(il, body.p, body.n);
        hr = g->info->vt->SetILFunctionBody(g->info, m->id, method, il);
    }
    return hr >= 0 ||
           err_set(e, ERR_RUNTIME, -1, "%s: the runtime takes no body for a new method (%08x)", m->file, (unsigned)hr);
}

cil_token eng_meta_method_def(eng *g, eng_module *m, const eng_new_method *method, err_t *e)
{
    size_t before = m->made.n;
    cil_token token = token_of(
        g, m, (item){.kind = CIL_METHOD_DEF, .parent = method->type, .name = method->name, .blob = method->sig}, e);
    if (!token || m->made.n == before) return token;
    m->emitted_bytes += method->body.n;
    return eng_meta_apply(g, m, e) && set_body(g, m, token, method->body, e) ? token : 0;
}

bool eng_meta_attribute(eng *g, eng_module *m, cil_token owner, cil_token constructor, cil_blob value, err_t *e)
{
    cil_token token = 0;
    if (!open_for_writing(g, m, e)) return false;
    clr_hresult hr = m->emit->vt->DefineCustomAttribute(m->emit, owner, constructor, value.p, value.n, &token);
    if (hr < 0)
        return err_set(e, ERR_RUNTIME, -1, "%s: the runtime takes no new attribute (%08x)", m->file, (unsigned)hr);
    m->emitted_bytes += m->image.row_size[CIL_CUSTOM_ATTRIBUTE] + value.n;
    m->applied = false;
    return true;
}

bool eng_meta_apply(eng *g, eng_module *m, err_t *e)
{
    if (!m->emit || m->applied) return true;
    clr_hresult hr = g->info->vt->ApplyMetaData(g->info, m->id);
    if (hr < 0)
        return err_set(e, ERR_RUNTIME, -1, "%s: the runtime does not apply new metadata (%08x)", m->file, (unsigned)hr);
    m->applied = true;
    return true;
}

/* ---- for weave ---- */

static cil_token stand_alone_sig(void *owner, cil_blob sig, err_t *e)
{
    const eng_tokens *t = owner;
    return eng_meta_stand_alone_sig(t->g, t->module, sig, e);
}

static cil_token type_spec(void *owner, cil_blob type, err_t *e)
{
    const eng_tokens *t = owner;
    return eng_meta_type_spec(t->g, t->module, type, e);
}

weave_tokens eng_tokens_for(eng_tokens *t)
{
    return (weave_tokens){.owner = t, .stand_alone_sig = stand_alone_sig, .type_spec = type_spec};
}
