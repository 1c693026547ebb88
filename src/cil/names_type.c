/*
 * Types as C# text: definitions, references, and every form that stands in a signature.
 */
#include "cil/metadata-priv.h"

#include <stdlib.h>

void cil_put_identifier(cil_namer *n, const char *s)
{
    buf_put(n->out, s, strnlen(s, CIL_MAX_IDENTIFIER));
}

void cil_put_generic_params(cil_namer *n, cil_range params)
{
    for (uint32_t rid = params.first; rid < params.end && n->out->n < n->limit; rid++) {
        buf_u8(n->out, rid == params.first ? '<' : ',');
        cil_put_identifier(n, cil_cell_string(n->im, CIL_GENERIC_PARAM, rid, CIL_GENERIC_PARAM_NAME));
    }
    if (params.first < params.end) buf_u8(n->out, '>');
}

/* The arity at the end of a metadata name: "List`1" has 1 and 4 characters of name. */
static uint32_t split_arity(const char *name, size_t *length)
{
    *length = strnlen(name, CIL_MAX_IDENTIFIER);
    const char *tick = memrchr(name, '`', *length);
    if (!tick || tick == name || tick[1] < '1' || tick[1] > '9') return 0;
    char *end;
    unsigned long arity = strtoul(tick + 1, &end, 10);
    if (*end || arity > 0xFFFF) return 0;
    *length = (size_t)(tick - name);
    return (uint32_t)arity;
}

/* `count` types from *args on, which is moved behind them. */
static bool put_arguments(cil_namer *n, cil_blob *args, uint32_t count, unsigned depth)
{
    for (uint32_t i = 0; i < count; i++) {
        buf_u8(n->out, i == 0 ? '<' : ',');
        uint32_t used = cil_put_type(n, *args, depth);
        if (used == 0) return false;
        *args = cil_skip(*args, used);
    }
    if (count) buf_u8(n->out, '>');
    return true;
}

static uint32_t count_types(cil_blob b)
{
    uint32_t count = 0;
    for (uint32_t used; b.n && (used = cil_type_skip(b, CIL_MAX_DEPTH)); count++)
        b = cil_skip(b, used);
    return count;
}

/* The generic parameters that a TypeDef adds to those of its enclosing type, whose own it repeats. */
static cil_range own_params(const cil_image *im, cil_token type)
{
    cil_range all = cil_generic_params(im, type);
    uint32_t outer = cil_enclosing(im, CIL_RID(type));
    if (outer) {
        cil_range r = cil_generic_params(im, CIL_TOKEN(CIL_TYPE_DEF, outer));
        all.first = RJ_MIN(all.first + (r.end - r.first), all.end);
    }
    return all;
}

static void put_open_arity(cil_namer *n, uint32_t arity)
{
    for (uint32_t i = 0; i < arity && n->out->n < n->limit; i++)
        buf_u8(n->out, i == 0 ? '<' : ',');
    if (arity) buf_u8(n->out, '>');
}

/* One level of a nested name. *left: arguments that no level took yet; the last level takes what there is. */
static bool put_level(cil_namer *n, cil_token type, bool last, cil_blob *args, uint32_t *left, unsigned depth)
{
    size_t length;
    const char *name = cil_cell_string(n->im, CIL_TABLE(type), CIL_RID(type), CIL_TYPE_DEF_NAME);
    uint32_t arity = split_arity(name, &length);
    buf_put(n->out, name, length);
    if (args) {
        uint32_t count = last ? *left : RJ_MIN(arity, *left);
        *left -= count;
        return put_arguments(n, args, count, depth);
    }
    if (CIL_TABLE(type) == CIL_TYPE_DEF)
        cil_put_generic_params(n, own_params(n->im, type));
    else
        put_open_arity(n, arity); /* the parameters' names are in another assembly */
    return true;
}

bool cil_put_named_type(cil_namer *n, cil_token type, const cil_blob *args, unsigned depth)
{
    cil_token levels[CIL_MAX_DEPTH];
    unsigned count = 0;
    cil_token t = type;
    do {
        levels[count++] = t;
        t = cil_outer_type(n->im, t);
    } while (t && count < CIL_MAX_DEPTH);
    cil_token outermost = levels[count - 1];
    const char *space = cil_cell_string(n->im, CIL_TABLE(outermost), CIL_RID(outermost), CIL_TYPE_DEF_NAMESPACE);
    if (n->namespaces && *space) {
        cil_put_identifier(n, space);
        buf_u8(n->out, '.');
    }
    cil_blob rest = args ? *args : (cil_blob){NULL, 0};
    uint32_t left = args ? count_types(rest) : 0;
    while (count) {
        count--;
        if (n->out->n > n->limit) return false;
        if (!put_level(n, levels[count], count == 0, args ? &rest : NULL, &left, depth)) return false;
        if (count) buf_u8(n->out, '+');
    }
    return true;
}

static void put_variable(cil_namer *n, const cil_type *t)
{
    bool of_type = t->element == CIL_E_VAR;
    uint32_t rid = of_type ? n->type_rid : n->method_rid;
    if (rid) {
        cil_range r = cil_generic_params(n->im, CIL_TOKEN(of_type ? CIL_TYPE_DEF : CIL_METHOD_DEF, rid));
        if (t->number < r.end - r.first) {
            cil_put_identifier(n,
                               cil_cell_string(n->im, CIL_GENERIC_PARAM, r.first + t->number, CIL_GENERIC_PARAM_NAME));
            return;
        }
    }
    buf_printf(n->out, "%s%u", of_type ? "!" : "!!", t->number);
}

static void put_rank(cil_namer *n, uint32_t rank)
{
    buf_u8(n->out, '[');
    if (rank == 1) buf_u8(n->out, '*'); /* an array of one dimension that is no vector */
    for (uint32_t d = 1; d < rank; d++)
        buf_u8(n->out, ',');
    buf_u8(n->out, ']');
}

/* Arrays of arrays read from the outside in, as in C#: int[][,] is an array of int[,]. */
static bool put_array(cil_namer *n, const cil_type *t, unsigned depth)
{
    uint8_t ranks[CIL_MAX_DEPTH]; /* 0 for a vector */
    unsigned count = 0;
    cil_type inner = *t;
    cil_blob element;
    do {
        if (count == CIL_MAX_DEPTH || inner.number > 32) return false; /* 32: the runtime's own limit of a rank */
        ranks[count++] = (uint8_t)inner.number;
        element = inner.inner;
        if (!cil_type_read(element, &inner)) return false;
    } while ((inner.element == CIL_E_SZARRAY || inner.element == CIL_E_ARRAY) && !inner.byref);
    if (!cil_put_type(n, element, depth)) return false;
    for (unsigned i = 0; i < count; i++)
        put_rank(n, ranks[i]);
    return true;
}

/* delegate* unmanaged[Cdecl]<int,void>: the parameters and, last, the result. */
static bool put_function(cil_namer *n, const cil_type *t, unsigned depth)
{
    static const char *const conventions[16] = {
        [1] = " unmanaged[Cdecl]",    [2] = " unmanaged[Stdcall]", [3] = " unmanaged[Thiscall]",
        [4] = " unmanaged[Fastcall]", [9] = " unmanaged",          [5] = " vararg",
        [0xB] = " unmanaged vararg"};
    arena scratch = {0};
    cil_method_sig sig;
    bool ok = cil_method_sig_read(&scratch, cil_skip(t->bare, 1), &sig, NULL);
    if (ok) {
        const char *convention = conventions[sig.convention & 0x0F];
        buf_printf(n->out, "delegate*%s<", convention ? convention : "");
        for (uint32_t i = 0; ok && i < sig.param_count; i++) {
            ok = cil_put_type(n, sig.params[i].whole, depth) != 0;
            buf_u8(n->out, ',');
        }
        ok = ok && cil_put_type(n, sig.ret.whole, depth);
        buf_u8(n->out, '>');
    }
    arena_free(&scratch);
    return ok;
}

static const char *keyword(cil_element element)
{
    static const char *const keywords[] = {
        [CIL_E_VOID] = "void",     [CIL_E_BOOLEAN] = "bool",  [CIL_E_CHAR] = "char", [CIL_E_I1] = "sbyte",
        [CIL_E_U1] = "byte",       [CIL_E_I2] = "short",      [CIL_E_U2] = "ushort", [CIL_E_I4] = "int",
        [CIL_E_U4] = "uint",       [CIL_E_I8] = "long",       [CIL_E_U8] = "ulong",  [CIL_E_R4] = "float",
        [CIL_E_R8] = "double",     [CIL_E_STRING] = "string", [CIL_E_I] = "nint",    [CIL_E_U] = "nuint",
        [CIL_E_OBJECT] = "object",
    };
    return (unsigned)element < RJ_COUNT(keywords) ? keywords[element] : NULL;
}

/* Nullable<int> is int?; the argument may itself be anything but a Nullable. */
static bool put_generic(cil_namer *n, const cil_type *t, unsigned depth)
{
    if (CIL_TABLE(t->token) == CIL_TYPE_SPEC) return false;
    if (t->generic_is_value && t->number == 1 && cil_type_is(n->im, t->token, "System.Nullable`1")) {
        if (!cil_put_type(n, t->args, depth)) return false;
        buf_u8(n->out, '?');
        return true;
    }
    return cil_put_named_type(n, t->token, &t->args, depth);
}

static bool put_class(cil_namer *n, const cil_type *t, unsigned depth)
{
    if (CIL_TABLE(t->token) == CIL_TYPE_SPEC) {
        /* Legal only in modifiers. Followed, a few bytes could name one another without end. */
        buf_printf(n->out, "typespec %u", CIL_RID(t->token));
        return true;
    }
    if (t->element == CIL_E_VALUETYPE && cil_type_is(n->im, t->token, "System.Decimal")) {
        buf_str(n->out, "decimal");
        return true;
    }
    return cil_put_named_type(n, t->token, NULL, depth);
}

bool cil_put_bare_type(cil_namer *n, const cil_type *t, unsigned depth)
{
    if (depth == 0 || n->out->n > n->limit) return false;
    switch (t->element) {
    case CIL_E_CLASS:
    case CIL_E_VALUETYPE: return put_class(n, t, depth - 1);
    case CIL_E_GENERICINST: return put_generic(n, t, depth - 1);
    case CIL_E_VAR:
    case CIL_E_MVAR: put_variable(n, t); return true;
    case CIL_E_ARRAY:
    case CIL_E_SZARRAY: return put_array(n, t, depth - 1);
    case CIL_E_FNPTR: return put_function(n, t, depth - 1);
    case CIL_E_TYPEDBYREF: buf_str(n->out, n->namespaces ? "System.TypedReference" : "TypedReference"); return true;
    case CIL_E_PTR:
        if (!cil_put_type(n, t->inner, depth - 1)) return false;
        buf_u8(n->out, '*');
        return true;
    default: {
        const char *word = keyword(t->element);
        if (word) buf_str(n->out, word);
        return word != NULL;
    }
    }
}

uint32_t cil_put_type(cil_namer *n, cil_blob sig, unsigned depth)
{
    cil_type t;
    uint32_t used = cil_type_read(sig, &t);
    if (used == 0) return 0;
    if (t.byref) buf_str(n->out, "ref ");
    return cil_put_bare_type(n, &t, depth) ? used : 0;
}

uint32_t cil_sig_type_name(const cil_image *im, cil_blob sig, uint32_t type_rid, uint32_t method_rid, bool namespaces,
                           buf_t *out)
{
    cil_namer n = {im, type_rid, method_rid, namespaces, out, out->n + CIL_MAX_TEXT};
    return cil_put_type(&n, sig, CIL_MAX_DEPTH);
}
