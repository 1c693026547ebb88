/*
 * Signatures, read and written again: with their generic parameters replaced, or as they are. Nothing is copied as
 * bytes but the arguments that are put in, so that writing is proved by reading.
 */
#include "cil/metadata-priv.h"

typedef struct copier {
    cil_blob rest;
    const cil_blob *vars, *mvars; /* NULL: left as they are */
    uint32_t nvars, nmvars;
    const cil_handles *handles; /* NULL: type handles are malformed, tokens stay */
    buf_t *out;
    size_t limit; /* of out->n */
} copier;

static bool copy_type(copier *c, unsigned depth);

static bool copy_byte(copier *c, uint8_t *v)
{
    if (c->rest.n == 0 || c->out->n > c->limit) return false;
    *v = c->rest.p[0];
    c->rest = cil_skip(c->rest, 1);
    buf_u8(c->out, *v);
    return true;
}

static bool read_number(copier *c, uint32_t *v)
{
    uint32_t n = cil_read_compressed(c->rest, v);
    c->rest = cil_skip(c->rest, n);
    return n != 0;
}

static bool copy_number(copier *c, uint32_t *v)
{
    if (!read_number(c, v)) return false;
    cil_write_compressed(c->out, *v);
    return true;
}

static bool copy_signed(copier *c)
{
    int32_t v;
    uint32_t n = cil_read_compressed_signed(c->rest, &v);
    c->rest = cil_skip(c->rest, n);
    cil_write_compressed_signed(c->out, v);
    return n != 0;
}

static bool copy_token(copier *c)
{
    cil_token token;
    uint32_t n = cil_read_type_token(c->rest, &token);
    c->rest = cil_skip(c->rest, n);
    if (n) cil_write_type_token(c->out, token);
    return n != 0;
}

/* A type handle (ELEMENT_TYPE_INTERNAL, which is read already) becomes the token that stands for it, or stays. */
static bool name_handle(copier *c)
{
    uint64_t handle;
    bool is_value = false;
    if (!c->handles || c->rest.n < sizeof handle) return false;
    memcpy(&handle, c->rest.p, sizeof handle);
    c->rest = cil_skip(c->rest, sizeof handle);
    if (!c->handles->token) {
        buf_u8(c->out, CIL_E_INTERNAL);
        buf_u64(c->out, handle);
        return true;
    }
    cil_token token = c->handles->token(c->handles->owner, handle, &is_value);
    buf_u8(c->out, is_value ? CIL_E_VALUETYPE : CIL_E_CLASS);
    if (token) cil_write_type_token(c->out, token);
    return token != 0;
}

/* The other way round; the element byte is read and not yet written. */
static bool copy_named(copier *c, uint8_t element)
{
    cil_token token;
    bool by_handle = c->handles && c->handles->handle;
    buf_u8(c->out, by_handle ? CIL_E_INTERNAL : element);
    if (!by_handle) return copy_token(c);
    uint32_t n = cil_read_type_token(c->rest, &token);
    c->rest = cil_skip(c->rest, n);
    uint64_t handle = n ? c->handles->handle(c->handles->owner, token) : 0;
    buf_u64(c->out, handle);
    return handle != 0;
}

static bool copy_types(copier *c, uint32_t count, unsigned depth)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!copy_type(c, depth)) return false;
    }
    return true;
}

static bool copy_shape(copier *c)
{
    uint32_t rank, sizes, bounds, size;
    if (!copy_number(c, &rank) || rank == 0 || !copy_number(c, &sizes)) return false;
    for (; sizes; sizes--) {
        if (!copy_number(c, &size)) return false;
    }
    if (!copy_number(c, &bounds)) return false;
    for (; bounds; bounds--) {
        if (!copy_signed(c)) return false;
    }
    return true;
}

static bool copy_variable(copier *c, uint8_t element)
{
    const cil_blob *with = element == CIL_E_VAR ? c->vars : c->mvars;
    uint32_t count = element == CIL_E_VAR ? c->nvars : c->nmvars, number;
    if (!read_number(c, &number)) return false;
    if (!with) {
        buf_u8(c->out, element);
        cil_write_compressed(c->out, number);
        return true;
    }
    if (number >= count) return false;
    buf_put(c->out, with[number].p, with[number].n);
    return c->out->n <= c->limit;
}

static bool copy_method(copier *c, unsigned depth)
{
    uint8_t convention, sentinel = 0;
    uint32_t number, params;
    if (!copy_byte(c, &convention) || convention >= 0x80) return false;
    uint8_t kind = convention & 0x0F;
    if (kind > 5 && kind != 9 && kind != 0xB) return false;
    if (convention & 0x10 && !copy_number(c, &number)) return false;
    if (!copy_number(c, &params) || !copy_type(c, depth)) return false;
    for (uint32_t i = 0; i < params; i++) {
        if (!sentinel && c->rest.n && c->rest.p[0] == CIL_E_SENTINEL) copy_byte(c, &sentinel);
        if (!copy_type(c, depth)) return false;
    }
    return true;
}

static bool copy_generic(copier *c, unsigned depth)
{
    uint8_t kind = c->rest.n ? c->rest.p[0] : CIL_E_END;
    uint32_t count;
    c->rest = cil_skip(c->rest, c->rest.n ? 1 : 0);
    if (kind == CIL_E_INTERNAL ? !name_handle(c) : (kind != CIL_E_CLASS && kind != CIL_E_VALUETYPE)) return false;
    if (kind != CIL_E_INTERNAL && !copy_named(c, kind)) return false;
    return copy_number(c, &count) && count && copy_types(c, count, depth);
}

/* What follows the element byte, which is written already. */
static bool copy_rest(copier *c, uint8_t element, unsigned depth)
{
    switch (element) {
    case CIL_E_PTR:
    case CIL_E_SZARRAY: return copy_type(c, depth);
    case CIL_E_ARRAY: return copy_type(c, depth) && copy_shape(c);
    case CIL_E_GENERICINST: return copy_generic(c, depth);
    case CIL_E_FNPTR: return copy_method(c, depth);
    case CIL_E_TYPEDBYREF:
    case CIL_E_I:
    case CIL_E_U:
    case CIL_E_OBJECT: return true;
    default: return element >= CIL_E_VOID && element <= CIL_E_STRING;
    }
}

static bool copy_type(copier *c, unsigned depth)
{
    bool byref = false, pinned = false;
    if (depth == 0) return false;
    for (;;) {
        uint8_t element = c->rest.n ? c->rest.p[0] : CIL_E_END;
        if (element == CIL_E_VAR || element == CIL_E_MVAR) {
            c->rest = cil_skip(c->rest, 1);
            return copy_variable(c, element);
        }
        if (element == CIL_E_INTERNAL || element == CIL_E_CLASS || element == CIL_E_VALUETYPE) {
            c->rest = cil_skip(c->rest, 1);
            return c->out->n <= c->limit && (element == CIL_E_INTERNAL ? name_handle(c) : copy_named(c, element));
        }
        if (!copy_byte(c, &element)) return false;
        if (element == CIL_E_CMOD_REQD || element == CIL_E_CMOD_OPT) {
            if (!copy_token(c)) return false;
        } else if (element == CIL_E_BYREF && !byref) {
            byref = true;
        } else if (element == CIL_E_PINNED && !pinned) {
            pinned = true;
        } else {
            return copy_rest(c, element, depth - 1);
        }
    }
}

bool cil_type_substitute(cil_blob type, const cil_blob *vars, uint32_t nvars, const cil_blob *mvars, uint32_t nmvars,
                         buf_t *out)
{
    size_t start = out->n;
    copier c = {type, vars, mvars, nvars, nmvars, NULL, out, start + CIL_MAX_GROWTH};
    if (copy_type(&c, CIL_MAX_DEPTH) && c.rest.n == 0 && !out->failed) return true;
    out->n = RJ_MIN(start, out->n);
    return false;
}

/* The forms that begin with a calling convention (II.23.2.1-6, II.23.2.15). */
static bool copy_by_convention(copier *c)
{
    uint8_t first = c->rest.n ? c->rest.p[0] : 0xFF, byte;
    uint32_t count;
    switch (first & 0x0F) {
    case 0x06: return first == 0x06 && copy_byte(c, &byte) && copy_type(c, CIL_MAX_DEPTH);
    case 0x07:
    case 0x0A: /* locals and the arguments of a MethodSpec */
        return first == (first & 0x0F) && copy_byte(c, &byte) && copy_number(c, &count) &&
               copy_types(c, count, CIL_MAX_DEPTH);
    case 0x08: /* a property: its type, then the parameters of its indexer */
        return (first & ~0x20) == 0x08 && copy_byte(c, &byte) && copy_number(c, &count) &&
               copy_type(c, CIL_MAX_DEPTH) && copy_types(c, count, CIL_MAX_DEPTH);
    default: return copy_method(c, CIL_MAX_DEPTH);
    }
}

bool cil_sig_roundtrip(cil_blob sig, buf_t *out, err_t *e)
{
    size_t start = out->n;
    /* The first bytes of a TypeSpec and of the other forms overlap: the form is the one that fits to the last byte. */
    copier c = {.rest = sig, .out = out, .limit = SIZE_MAX}; /* never longer than it was */
    if (copy_by_convention(&c) && c.rest.n == 0 && !out->failed) return true;
    int64_t reached = sig.n - c.rest.n;
    out->n = RJ_MIN(start, out->n);
    c.rest = sig;
    if (copy_type(&c, CIL_MAX_DEPTH) && c.rest.n == 0 && !out->failed) return true;
    out->n = RJ_MIN(start, out->n);
    if (out->failed) return err_set(e, ERR_MEMORY, -1, "out of memory for a signature");
    reached = RJ_MAX(reached, (int64_t)sig.n - c.rest.n);
    return err_set(e, ERR_FORMAT, reached, "a signature of %u bytes is malformed at byte %lld", sig.n,
                   (long long)reached);
}

bool cil_sig_translate(cil_blob sig, bool is_type, const cil_handles *handles, buf_t *out)
{
    size_t start = out->n;
    copier c = {.rest = sig, .handles = handles, .out = out, .limit = start + CIL_MAX_GROWTH};
    bool ok = is_type ? copy_type(&c, CIL_MAX_DEPTH) : copy_by_convention(&c);
    if (ok && c.rest.n == 1 && c.rest.p[0] == CIL_E_END) c.rest.n = 0;
    if (ok && c.rest.n == 0 && !out->failed) return true;
    out->n = RJ_MIN(start, out->n);
    return false;
}
