/* What kind of stack slot a type makes. */
#include "cil/verify-priv.h"

static bool is_named(const cil_image *im, cil_token type, const char *name)
{
    cil_table table = CIL_TABLE(type);
    if (table != CIL_TYPE_DEF && table != CIL_TYPE_REF) return false;
    /* Name and namespace are the same columns in both tables. */
    return strcmp(cil_cell_string(im, table, CIL_RID(type), CIL_TYPE_DEF_NAME), name) == 0 &&
           strcmp(cil_cell_string(im, table, CIL_RID(type), CIL_TYPE_DEF_NAMESPACE), "System") == 0;
}

/* An element type that stands for itself in one byte; 0 for any other (and for void). */
static kinds simple_kind(uint8_t element)
{
    static const kinds kind[0x1D] = {
        [CIL_E_BOOLEAN... CIL_E_U4] = KIND_I4,
        [CIL_E_I8] = KIND_L,
        [CIL_E_U8] = KIND_L,
        [CIL_E_R4] = KIND_F,
        [CIL_E_R8] = KIND_F,
        [CIL_E_STRING] = KIND_O,
        [CIL_E_I] = KIND_L,
        [CIL_E_U] = KIND_L,
        [CIL_E_OBJECT] = KIND_O,
        [CIL_E_TYPEDBYREF] = KIND_V,
    };
    return element < sizeof kind ? kind[element] : 0;
}

/* CoreLib's own definitions of the primitives, where they are named by token. */
static kinds primitive_kind(const char *name)
{
    static const struct {
        const char *name;
        kinds k;
    } primitives[] = {
        {"Boolean", KIND_I4}, {"Char", KIND_I4},   {"SByte", KIND_I4},  {"Byte", KIND_I4},  {"Int16", KIND_I4},
        {"UInt16", KIND_I4},  {"Int32", KIND_I4},  {"UInt32", KIND_I4}, {"Int64", KIND_L},  {"UInt64", KIND_L},
        {"IntPtr", KIND_L},   {"UIntPtr", KIND_L}, {"Single", KIND_F},  {"Double", KIND_F},
    };
    for (size_t i = 0; i < RJ_COUNT(primitives); i++) {
        if (strcmp(primitives[i].name, name) == 0) return primitives[i].k;
    }
    return KIND_V;
}

/* An enum is its one instance field (II.14.3). */
static kinds enum_kind(const cil_image *im, uint32_t rid)
{
    cil_range fields = cil_list(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = fields.first; at < fields.end; at++) {
        uint32_t field = cil_list_item(im, CIL_FIELD, at);
        if (cil_cell(im, CIL_FIELD, field, CIL_FIELD_FLAGS) & 0x10) continue;
        cil_blob sig = cil_cell_blob(im, CIL_FIELD, field, CIL_FIELD_SIG);
        kinds k = sig.n == 2 && sig.p[0] == 0x06 ? simple_kind(sig.p[1]) : 0;
        return k ? k : ANY_VALUE;
    }
    return ANY_VALUE;
}

static kinds type_def_kind(const cil_image *im, uint32_t rid)
{
    cil_token extends = cil_cell_token(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_EXTENDS);
    if (is_named(im, extends, "Enum")) return enum_kind(im, rid);
    if (!is_named(im, extends, "ValueType") || is_named(im, CIL_TOKEN(CIL_TYPE_DEF, rid), "Enum")) return KIND_O;
    if (strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAMESPACE), "System") != 0) return KIND_V;
    return primitive_kind(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME));
}

static kinds cached_type_def(verifier *v, cil_token token)
{
    type_cache *c = &v->types[CIL_RID(token) % TYPE_CACHE];
    if (c->token != token) *c = (type_cache){token, type_def_kind(v->im, CIL_RID(token))};
    return c->k;
}

static kinds value_type_kind(verifier *v, cil_token token)
{
    return CIL_TABLE(token) == CIL_TYPE_DEF ? cached_type_def(v, token) : ANY_VALUE;
}

static kinds read_kind(verifier *v, const cil_type *t)
{
    if (t->byref) return KIND_B;
    switch (t->element) {
    case CIL_E_VOID: return 0;
    case CIL_E_VALUETYPE: return value_type_kind(v, t->token);
    case CIL_E_GENERICINST: return t->generic_is_value ? value_type_kind(v, t->token) : KIND_O;
    case CIL_E_VAR:
    case CIL_E_MVAR: return ANY_TYPE;
    case CIL_E_PTR:
    case CIL_E_FNPTR: return KIND_L;
    case CIL_E_CLASS:
    case CIL_E_ARRAY:
    case CIL_E_SZARRAY: return KIND_O;
    default: return simple_kind((uint8_t)t->element);
    }
}

/* Most types are a byte, or a byte and a token. The bytes of such a one, its kinds in *k; 0: it takes the whole reader.
 */
static uint32_t take_short_type(verifier *v, cil_blob b, kinds *k)
{
    cil_token token;
    if (b.n == 0) return 0;
    uint8_t element = b.p[0];
    *k = simple_kind(element);
    if (*k) return 1;
    if (element != CIL_E_CLASS && element != CIL_E_VALUETYPE) return 0;
    uint32_t n = cil_read_type_token((cil_blob){b.p + 1, b.n - 1}, &token);
    if (n == 0) return 0;
    *k = element == CIL_E_CLASS ? KIND_O : value_type_kind(v, token);
    return n + 1;
}

kinds cil_verify_take_type(verifier *v, cil_blob *b, bool *ok)
{
    kinds k;
    uint32_t n = take_short_type(v, *b, &k);
    if (!n) {
        cil_type t;
        n = cil_type_read(*b, &t);
        if (n == 0) {
            *ok = false;
            return 0;
        }
        k = read_kind(v, &t);
    }
    *b = (cil_blob){b->p + n, b->n - n};
    return k;
}

cil_blob cil_verify_extra(const verifier *v, cil_token token)
{
    for (uint32_t i = 0; i < v->in->extra_count; i++) {
        if (v->in->extras[i].token == token) return v->in->extras[i].sig;
    }
    return (cil_blob){0};
}

cil_blob cil_verify_sig(const verifier *v, cil_token token)
{
    cil_blob made = cil_verify_extra(v, token);
    if (made.n) return made;
    /* The signature is the first column of both. */
    cil_table table = CIL_TABLE(token);
    if (table != CIL_STAND_ALONE_SIG && table != CIL_TYPE_SPEC) return (cil_blob){0};
    return cil_cell_blob(v->im, table, CIL_RID(token), 0);
}

kinds cil_verify_type_token(verifier *v, cil_token token)
{
    bool ok = true;
    cil_blob sig;
    switch (CIL_TABLE(token)) {
    case CIL_TYPE_DEF:
        if (CIL_RID(token) == 0 || CIL_RID(token) > v->im->rows[CIL_TYPE_DEF]) return 0;
        return cached_type_def(v, token);
    case CIL_TYPE_REF:
        if (cil_verify_extra(v, token).n) return ANY_TYPE;
        return CIL_RID(token) && CIL_RID(token) <= v->im->rows[CIL_TYPE_REF] ? ANY_TYPE : 0;
    case CIL_TYPE_SPEC: sig = cil_verify_sig(v, token); return cil_verify_take_type(v, &sig, &ok);
    default: return 0;
    }
}

static bool read_locals(verifier *v)
{
    if (v->b->local_sig == 0) return true;
    cil_blob sig = cil_verify_sig(v, v->b->local_sig);
    if (sig.n < 2 || sig.p[0] != 0x07)
        return err_set(v->e, ERR_FORMAT, -1, "token %08x is no signature of locals", v->b->local_sig);
    sig = (cil_blob){sig.p + 1, sig.n - 1};
    uint32_t n = cil_read_compressed(sig, &v->local_count);
    bool ok = n != 0 && v->local_count <= sig.n - n;
    if (ok) v->locals = arena_room(v->a, v->local_count, 1);
    if (ok && !v->locals) return cil_verify_no_memory(v);
    sig = (cil_blob){sig.p + n, sig.n - n};
    for (uint32_t i = 0; ok && i < v->local_count; i++) {
        v->locals[i] = cil_verify_take_type(v, &sig, &ok);
        if (v->locals[i] == 0) ok = false;
    }
    return ok || err_set(v->e, ERR_FORMAT, -1, "the signature of the locals is malformed");
}

static bool read_arguments(verifier *v, cil_blob sig)
{
    bool ok = true;
    uint32_t this_count = (v->convention & 0x60) == 0x20;
    v->arg_count = v->sig_params + this_count;
    v->args = arena_room(v->a, v->arg_count, 1);
    if (!v->args) return cil_verify_no_memory(v);
    /* Whether `this` is a class or a struct would take the owner; the JIT's checks of it are the same for both. */
    if (this_count) v->args[0] = KIND_O | KIND_B;
    v->ret = cil_verify_take_type(v, &sig, &ok);
    for (uint32_t i = this_count; ok && i < v->arg_count; i++) {
        v->args[i] = cil_verify_take_type(v, &sig, &ok);
        if (v->args[i] == 0) ok = false;
    }
    return ok || err_set(v->e, ERR_FORMAT, -1, "the method's signature is malformed");
}

bool cil_verify_read_frame(verifier *v)
{
    cil_blob sig = v->in->method_sig;
    uint32_t generics, n = 1;
    bool ok = sig.n >= 3;
    if (ok) {
        v->convention = sig.p[0];
        sig = (cil_blob){sig.p + 1, sig.n - 1};
        if (v->convention & 0x10) {
            n = cil_read_compressed(sig, &generics);
            ok = n != 0;
            sig = (cil_blob){sig.p + n, sig.n - n};
        }
    }
    n = ok ? cil_read_compressed(sig, &v->sig_params) : 0;
    if (n == 0 || v->sig_params > sig.n - n)
        return err_set(v->e, ERR_FORMAT, -1, "the method's signature is malformed");
    return read_arguments(v, (cil_blob){sig.p + n, sig.n - n}) && read_locals(v);
}
