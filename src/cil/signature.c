/*
 * Signatures, read (ECMA-335 II.23.2): one type at a time, whole method signatures, local variables.
 */
#include "cil/metadata-priv.h"

/* A cursor that goes bad once and stays so: callers check at the end. */
typedef struct cursor {
    cil_blob rest;
    bool bad;
} cursor;

static void advance(cursor *c, uint32_t n)
{
    if (n == 0 || c->bad || n > c->rest.n)
        c->bad = true;
    else
        c->rest = cil_skip(c->rest, n);
}

static uint8_t take_byte(cursor *c)
{
    uint8_t v = c->rest.n && !c->bad ? c->rest.p[0] : 0;
    advance(c, 1);
    return v;
}

static uint32_t take_number(cursor *c)
{
    uint32_t v;
    advance(c, cil_read_compressed(c->rest, &v));
    return v;
}

static cil_token take_token(cursor *c)
{
    cil_token token;
    advance(c, cil_read_type_token(c->rest, &token));
    return token;
}

static void take_type(cursor *c, unsigned depth)
{
    if (!c->bad) advance(c, cil_type_skip(c->rest, depth));
}

/* Custom modifiers, pinned and byref, which may stand in front of a type in any order. */
static void take_prefix(cursor *c, bool *byref, bool *pinned)
{
    *byref = *pinned = false;
    while (!c->bad && c->rest.n) {
        switch (c->rest.p[0]) {
        case CIL_E_CMOD_REQD:
        case CIL_E_CMOD_OPT:
            advance(c, 1);
            take_token(c);
            break;
        case CIL_E_PINNED:
            if (*pinned) c->bad = true;
            *pinned = true;
            advance(c, 1);
            break;
        case CIL_E_BYREF:
            if (*byref) c->bad = true;
            *byref = true;
            advance(c, 1);
            break;
        default: return;
        }
    }
}

/* ArrayShape (II.23.2.13), behind the element type. */
static uint32_t take_shape(cursor *c)
{
    uint32_t rank = take_number(c);
    if (rank == 0) c->bad = true;
    for (uint32_t sizes = take_number(c); sizes && !c->bad; sizes--)
        take_number(c);
    for (uint32_t bounds = take_number(c); bounds && !c->bad; bounds--)
        take_number(c);
    return rank;
}

static bool is_method_convention(uint8_t convention)
{
    uint8_t kind = convention & 0x0F;
    return (kind <= 5 || kind == 9 || kind == 0xB) && convention < 0x80;
}

/* A method signature inside another one (FNPTR). */
static void take_method(cursor *c, unsigned depth)
{
    uint8_t convention = take_byte(c);
    if (!is_method_convention(convention)) c->bad = true;
    if (convention & 0x10) take_number(c);
    uint32_t params = take_number(c);
    take_type(c, depth);
    bool sentinel = false;
    for (uint32_t i = 0; i < params && !c->bad; i++) {
        if (!sentinel && c->rest.n && c->rest.p[0] == CIL_E_SENTINEL) {
            sentinel = true;
            advance(c, 1);
        }
        take_type(c, depth);
    }
}

static cil_blob between(cil_blob from, const cursor *to)
{
    return (cil_blob){from.p, (uint32_t)(to->rest.p - from.p)};
}

static void take_generic(cursor *c, cil_type *t, unsigned depth)
{
    uint8_t kind = take_byte(c);
    if (kind != CIL_E_CLASS && kind != CIL_E_VALUETYPE) c->bad = true;
    t->generic_is_value = kind == CIL_E_VALUETYPE;
    t->token = take_token(c);
    t->number = take_number(c);
    if (t->number == 0) c->bad = true;
    cil_blob from = c->rest;
    for (uint32_t i = 0; i < t->number && !c->bad; i++)
        take_type(c, depth);
    t->args = between(from, c);
}

/* What follows the element byte. */
static void take_rest(cursor *c, cil_type *t, unsigned depth)
{
    cil_blob from = c->rest;
    switch (t->element) {
    case CIL_E_VALUETYPE:
    case CIL_E_CLASS: t->token = take_token(c); break;
    case CIL_E_VAR:
    case CIL_E_MVAR: t->number = take_number(c); break;
    case CIL_E_GENERICINST: take_generic(c, t, depth); break;
    case CIL_E_PTR:
    case CIL_E_SZARRAY:
        take_type(c, depth);
        t->inner = between(from, c);
        break;
    case CIL_E_ARRAY:
        take_type(c, depth);
        t->inner = between(from, c);
        t->number = take_shape(c);
        break;
    case CIL_E_FNPTR: take_method(c, depth); break;
    default:
        if (!(t->element >= CIL_E_VOID && t->element <= CIL_E_STRING) && t->element != CIL_E_TYPEDBYREF &&
            t->element != CIL_E_I && t->element != CIL_E_U && t->element != CIL_E_OBJECT)
            c->bad = true;
    }
}

static uint32_t read_type(cil_blob b, cil_type *out, unsigned depth)
{
    if (depth == 0) return 0;
    *out = (cil_type){0};
    cursor c = {.rest = b};
    take_prefix(&c, &out->byref, &out->pinned);
    cil_blob from = c.rest;
    uint8_t element = take_byte(&c);
    out->element = (cil_element)element;
    if (c.bad) return 0;
    take_rest(&c, out, depth - 1);
    if (c.bad) return 0;
    out->bare = between(from, &c);
    out->whole = between(b, &c);
    return out->whole.n;
}

uint32_t cil_type_skip(cil_blob b, unsigned depth)
{
    cil_type t;
    return read_type(b, &t, depth);
}

uint32_t cil_element_size(cil_element e)
{
    switch (e) {
    case CIL_E_BOOLEAN:
    case CIL_E_I1:
    case CIL_E_U1: return 1;
    case CIL_E_CHAR:
    case CIL_E_I2:
    case CIL_E_U2: return 2;
    case CIL_E_I4:
    case CIL_E_U4:
    case CIL_E_R4: return 4;
    default: return 8;
    }
}

uint32_t cil_type_read(cil_blob b, cil_type *out)
{
    uint32_t n = read_type(b, out, CIL_MAX_DEPTH);
    if (n == 0) *out = (cil_type){0};
    return n;
}

static bool is_void(const cil_type *t)
{
    return t->element == CIL_E_VOID && !t->byref;
}

bool cil_method_sig_read(arena *a, cil_blob sig, cil_method_sig *out, err_t *e)
{
    *out = (cil_method_sig){0};
    cursor c = {.rest = sig};
    out->convention = take_byte(&c);
    if (c.bad || !is_method_convention(out->convention))
        return err_set(e, ERR_FORMAT, 0, "not a method signature: it begins with 0x%02X", out->convention);
    if (out->convention & 0x10) out->generic_count = take_number(&c);
    uint32_t count = take_number(&c);
    advance(&c, cil_type_read(c.rest, &out->ret));
    if (c.bad || count > c.rest.n) /* a parameter takes a byte at least */
        return err_set(e, ERR_FORMAT, sig.n - c.rest.n, "a method signature is malformed in its first part");
    out->params = arena_room(a, count, sizeof *out->params);
    if (!out->params) return err_set(e, ERR_MEMORY, -1, "out of memory for a signature");
    out->param_count = out->sentinel = count;
    for (uint32_t i = 0; i < count; i++) {
        if (out->sentinel == count && c.rest.n && c.rest.p[0] == CIL_E_SENTINEL) {
            out->sentinel = i;
            advance(&c, 1);
        }
        advance(&c, cil_type_read(c.rest, &out->params[i]));
        if (c.bad || is_void(&out->params[i]))
            return err_set(e, ERR_FORMAT, sig.n - c.rest.n, "parameter %u of a method signature is malformed", i);
    }
    return true;
}

bool cil_locals_read(arena *a, cil_blob sig, cil_locals *out, err_t *e)
{
    *out = (cil_locals){0};
    cursor c = {.rest = sig};
    if (take_byte(&c) != 0x07 || c.bad) return err_set(e, ERR_FORMAT, 0, "not a signature of local variables");
    uint32_t count = take_number(&c);
    if (c.bad || count > c.rest.n)
        return err_set(e, ERR_FORMAT, 1, "a signature of local variables is malformed in its count");
    out->types = arena_room(a, count, sizeof *out->types);
    if (!out->types) return err_set(e, ERR_MEMORY, -1, "out of memory for a signature");
    for (uint32_t i = 0; i < count; i++) {
        advance(&c, cil_type_read(c.rest, &out->types[i]));
        if (c.bad || is_void(&out->types[i]))
            return err_set(e, ERR_FORMAT, sig.n - c.rest.n, "local variable %u of a signature is malformed", i);
    }
    out->count = count;
    return true;
}

void cil_locals_write(buf_t *out, const cil_blob *types, uint32_t count)
{
    buf_u8(out, 0x07);
    cil_write_compressed(out, count);
    for (uint32_t i = 0; i < count; i++)
        buf_put(out, types[i].p, types[i].n);
}
