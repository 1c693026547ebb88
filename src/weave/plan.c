#include "weave/weave-priv.h"

enum {
    STATIC = 0x10,
    PARAM_IN = 0x1,
    PARAM_OUT = 0x2,
    ALLOW_BYREF_LIKE = 0x20
}; /* II.23.1.13, II.23.1.7 as the runtime extends it */

static const uint8_t NATIVE_INT[] = {CIL_E_I};

/* May the generic parameter stand for a by-ref-like type? Only the metadata of its owner tells. */
static bool allows_byref_like(const weave_subject *s, const cil_type *t)
{
    bool of_method = t->element == CIL_E_MVAR;
    cil_range r =
        cil_generic_params(s->image, of_method ? CIL_TOKEN(CIL_METHOD_DEF, s->rid) : CIL_TOKEN(CIL_TYPE_DEF, s->owner));
    for (uint32_t rid = r.first; rid < r.end; rid++)
        if (cil_cell(s->image, CIL_GENERIC_PARAM, rid, CIL_GENERIC_PARAM_NUMBER) == t->number)
            return cil_cell(s->image, CIL_GENERIC_PARAM, rid, CIL_GENERIC_PARAM_FLAGS) & ALLOW_BYREF_LIKE;
    return false;
}

/* Values of which no typed reference may be made. */
static bool refuse_stack_only(const weave_subject *s, const cil_type *t, err_t *e)
{
    static const char *const NAMES[] = {"System.TypedReference", "System.ArgIterator", "System.RuntimeArgumentHandle"};
    if (t->element == CIL_E_TYPEDBYREF) return err_set(e, ERR_REFUSED, -1, "a typed reference cannot be captured");
    if (t->element == CIL_E_VALUETYPE)
        for (size_t i = 0; i < RJ_COUNT(NAMES); i++)
            if (weave_is_core_type(s->image, t->token, NAMES[i]))
                return err_set(e, ERR_REFUSED, -1, "a %s cannot be captured", NAMES[i]);
    if ((t->element == CIL_E_VAR || t->element == CIL_E_MVAR) && allows_byref_like(s, t))
        return err_set(e, ERR_REFUSED, -1, "a generic parameter that may be a ref struct cannot be captured");
    return true;
}

static bool is_span(const weave_subject *s, const cil_type *t)
{
    return t->element == CIL_E_GENERICINST && t->generic_is_value && t->number == 1 &&
           (weave_is_core_type(s->image, t->token, "System.Span`1") ||
            weave_is_core_type(s->image, t->token, "System.ReadOnlySpan`1"));
}

static bool plan_typed(const weave_subject *s, const cil_type *t, weave_capture *out, err_t *e)
{
    if (!refuse_stack_only(s, t, e)) return false;
    out->how = WEAVE_TYPED;
    out->type = t->bare;
    /* A pointer's type handle is no method table: readers get it as the native int that it is. */
    if (t->element == CIL_E_PTR || t->element == CIL_E_FNPTR) out->type = (cil_blob){NATIVE_INT, sizeof NATIVE_INT};
    if (!is_span(s, t)) return true;
    cil_type element;
    if (!cil_type_read(t->args, &element)) return err_set(e, ERR_FORMAT, -1, "malformed type argument in a signature");
    out->how = WEAVE_SPAN;
    out->span_of = element.whole;
    return true;
}

static bool plan_by_value(const weave_subject *s, const cil_type *t, weave_capture *out, err_t *e)
{
    switch (t->element) {
    case CIL_E_BOOLEAN:
    case CIL_E_CHAR:
    case CIL_E_I1:
    case CIL_E_U1:
    case CIL_E_I2:
    case CIL_E_U2:
    case CIL_E_I4:
    case CIL_E_U4:
    case CIL_E_I8:
    case CIL_E_U8:
    case CIL_E_R4:
    case CIL_E_R8:
    case CIL_E_I:
    case CIL_E_U:
    case CIL_E_PTR:
    case CIL_E_FNPTR:
        out->how = WEAVE_PRIMITIVE;
        out->element = t->element;
        return true;
    case CIL_E_STRING:
    case CIL_E_CLASS:
    case CIL_E_OBJECT:
    case CIL_E_SZARRAY:
    case CIL_E_ARRAY: out->how = WEAVE_OBJECT; return true;
    case CIL_E_GENERICINST:
        if (t->generic_is_value) return plan_typed(s, t, out, e);
        out->how = WEAVE_OBJECT;
        return true;
    case CIL_E_VALUETYPE:
    case CIL_E_VAR:
    case CIL_E_MVAR:
    case CIL_E_TYPEDBYREF: return plan_typed(s, t, out, e);
    default:
        return err_set(e, ERR_REFUSED, -1, "a value of element type 0x%02x cannot be captured", (unsigned)t->element);
    }
}

static bool plan_type(const weave_subject *s, const cil_type *t, weave_capture *out, err_t *e)
{
    out->is_address = t->byref;
    return t->byref ? plan_typed(s, t, out, e) : plan_by_value(s, t, out, e);
}

/* The type of `this` behind its byref: the TypeDef, or its instantiation over its own parameters. */
static bool own_type(const weave_subject *s, cil_blob *out, err_t *e)
{
    cil_token def = CIL_TOKEN(CIL_TYPE_DEF, s->owner);
    cil_range r = cil_generic_params(s->image, def);
    buf_t b = {0};
    if (r.end > r.first) buf_u8(&b, CIL_E_GENERICINST);
    buf_u8(&b, CIL_E_VALUETYPE);
    cil_write_type_token(&b, def);
    if (r.end > r.first) cil_write_compressed(&b, r.end - r.first);
    for (uint32_t i = 0; i < r.end - r.first; i++) {
        buf_u8(&b, CIL_E_VAR);
        cil_write_compressed(&b, i);
    }
    *out = (cil_blob){b.failed ? NULL : arena_copy(s->scratch, b.p, b.n), (uint32_t)b.n};
    buf_free(&b);
    return out->p || err_set(e, ERR_MEMORY, -1, "out of memory");
}

static bool plan_this(const weave_subject *s, weave_capture *out, err_t *e)
{
    if (!s->has_this) return err_set(e, ERR_REFUSED, -1, "a static method has no `this`");
    /* Until the base constructor was called the object is not to be looked at; a struct may be uninitialised stack. */
    out->at_leave = weave_is_constructor(s);
    out->how = WEAVE_OBJECT;
    if (!weave_is_value_type(s->image, s->owner)) return true;
    out->how = WEAVE_TYPED;
    out->is_address = true;
    return own_type(s, &out->type, e);
}

static bool is_out(const weave_subject *s, uint32_t index)
{
    cil_range r = cil_list(s->image, CIL_METHOD_DEF, s->rid, CIL_METHOD_DEF_PARAMS, CIL_PARAM);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(s->image, CIL_PARAM, at);
        if (cil_cell(s->image, CIL_PARAM, rid, CIL_PARAM_SEQUENCE) != index + 1u) continue;
        return (cil_cell(s->image, CIL_PARAM, rid, CIL_PARAM_FLAGS) & (PARAM_IN | PARAM_OUT)) == PARAM_OUT;
    }
    return false;
}

static bool plan_argument(const weave_subject *s, uint32_t index, weave_capture *out, err_t *e)
{
    if (index >= s->sig.param_count)
        return err_set(e, ERR_USAGE, index, "parameter %u of a method that has %u", index, s->sig.param_count);
    const cil_type *t = &s->sig.params[index];
    out->at_leave = t->byref && is_out(s, index);
    return plan_type(s, t, out, e);
}

static bool plan_result(const weave_subject *s, weave_capture *out, err_t *e)
{
    if (s->sig.ret.element == CIL_E_VOID && !s->sig.ret.byref)
        return err_set(e, ERR_REFUSED, -1, "the method returns nothing");
    out->at_leave = true;
    return plan_type(s, &s->sig.ret, out, e);
}

static bool plan_completion(const weave_subject *s, weave_capture *out, err_t *e)
{
    weave_builder b;
    cil_type t;
    if (!weave_builder_read(s->image, s->owner, &b, e)) return false;
    if (!b.has_result) return err_set(e, ERR_REFUSED, -1, "the call has no result");
    if (!cil_type_read(b.result, &t)) return err_set(e, ERR_FORMAT, -1, "malformed type of the builder");
    out->at_leave = true;
    return plan_type(s, &t, out, e);
}

bool weave_local_read(const weave_subject *s, uint32_t index, cil_type *out)
{
    cil_blob sig = {0};
    cil_locals locals = {0};
    if (CIL_TABLE(s->local_sig) == CIL_STAND_ALONE_SIG)
        sig = cil_cell_blob(s->image, CIL_STAND_ALONE_SIG, CIL_RID(s->local_sig), CIL_STAND_ALONE_SIG_SIG);
    if (!sig.n || !cil_locals_read(s->scratch, sig, &locals, NULL) || index >= locals.count) return false;
    *out = locals.types[index];
    return true;
}

static bool plan_local(const weave_subject *s, uint32_t index, weave_capture *out, err_t *e)
{
    cil_type t;
    if (!weave_local_read(s, index, &t)) return err_set(e, ERR_USAGE, index, "there is no local variable %u", index);
    return plan_type(s, &t, out, e);
}

/* The TypeDef that the field is to be looked for in; 0 where that is not in this module, or generic. */
static uint32_t holder_of(const weave_subject *s, uint32_t of)
{
    cil_type t;
    if (!of) return s->has_this ? s->owner : 0;
    if (!weave_local_read(s, of - 1, &t)) return 0;
    const bool plain = (t.element == CIL_E_CLASS || t.element == CIL_E_VALUETYPE) && !t.byref;
    return plain && CIL_TABLE(t.token) == CIL_TYPE_DEF ? CIL_RID(t.token) : 0;
}

static bool plan_field(const weave_subject *s, const weave_value *v, weave_capture *out, err_t *e)
{
    cil_type t;
    const cil_image *im = s->image;
    const uint32_t rid = v->index, holder = holder_of(s, v->of);
    cil_range own = cil_list(im, CIL_TYPE_DEF, holder, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    cil_blob sig = cil_cell_blob(im, CIL_FIELD, rid, CIL_FIELD_SIG);
    if (!holder || rid < own.first || rid >= own.end || cil_cell(im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & STATIC)
        return err_set(e, ERR_USAGE, rid, "there is no field %u", rid);
    if (sig.n < 2 || !cil_type_read((cil_blob){sig.p + 1, sig.n - 1}, &t))
        return err_set(e, ERR_FORMAT, rid, "malformed signature of a field");
    if (!v->of && !weave_field_token(s, rid))
        return err_set(e, ERR_REFUSED, rid, "the method itself never looks at it");
    return plan_type(s, &t, out, e);
}

bool weave_capture_plan(const weave_subject *s, const weave_value *v, weave_capture *out, err_t *e)
{
    *out = (weave_capture){0};
    switch (v->what) {
    case WEAVE_ARGUMENT: return plan_argument(s, v->index, out, e);
    case WEAVE_THIS: return plan_this(s, out, e);
    case WEAVE_RESULT: return plan_result(s, out, e);
    case WEAVE_COMPLETION: return plan_completion(s, out, e);
    case WEAVE_LOCAL: return plan_local(s, v->index, out, e);
    case WEAVE_FIELD: return plan_field(s, v, out, e);
    case WEAVE_MADE:
        out->how = WEAVE_OBJECT;
        if (weave_is_constructor(s) && !weave_is_value_type(s->image, s->owner)) return true;
        return err_set(e, ERR_REFUSED, -1, "no object comes from it");
    }
    return err_set(e, ERR_USAGE, v->what, "no such kind of value: %d", (int)v->what);
}

static bool plan_value(const weave_subject *s, weave_value *out, err_t *e)
{
    weave_capture c;
    if (!weave_capture_plan(s, out, &c, e)) return false;
    out->how = c.how;
    out->element = c.element;
    out->at_leave = c.at_leave;
    return true;
}

bool weave_plan_value(arena *scratch, const cil_image *image, uint32_t method_rid, weave_what what, uint32_t index,
                      weave_value *out, err_t *e)
{
    weave_subject s;
    out->what = what;
    out->index = index;
    out->of = 0;
    return weave_subject_read(&s, scratch, image, method_rid, e) && plan_value(&s, out, e);
}

bool weave_plan_inner(arena *scratch, const cil_image *image, uint32_t method_rid, cil_blob body, weave_value *value,
                      err_t *e)
{
    weave_subject s;
    cil_body b;
    if (!weave_subject_read(&s, scratch, image, method_rid, e) || !cil_body_read(scratch, body, &b, e)) return false;
    s.local_sig = b.local_sig;
    return plan_value(&s, value, e);
}

cil_blob weave_local_type(arena *scratch, const cil_image *image, cil_blob body, uint32_t index)
{
    weave_subject s = {.image = image, .scratch = scratch};
    cil_body b;
    cil_type t;
    if (!cil_body_read(scratch, body, &b, NULL)) return (cil_blob){0};
    s.local_sig = b.local_sig;
    return weave_local_read(&s, index, &t) ? t.whole : (cil_blob){0};
}
