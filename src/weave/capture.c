#include "weave/weave-priv.h"

static uint16_t store_of(cil_element element)
{
    switch (element) {
    case CIL_E_BOOLEAN:
    case CIL_E_I1:
    case CIL_E_U1: return CIL_STIND_I1;
    case CIL_E_CHAR:
    case CIL_E_I2:
    case CIL_E_U2: return CIL_STIND_I2;
    case CIL_E_I4:
    case CIL_E_U4: return CIL_STIND_I4;
    case CIL_E_I8:
    case CIL_E_U8: return CIL_STIND_I8;
    case CIL_E_R4: return CIL_STIND_R4;
    case CIL_E_R8: return CIL_STIND_R8;
    default: return CIL_STIND_I;
    }
}

static void load_frame(weaver *w, uint32_t layer)
{
    weave_ldloc(w, w->frame != WEAVE_NONE ? w->frame : w->tok + layer);
}

static void load(weaver *w, const weave_value *v)
{
    switch (v->what) {
    case WEAVE_ARGUMENT: weave_ldarg(w, v->index + (w->subject.has_this ? 1u : 0u)); break;
    case WEAVE_THIS:
    case WEAVE_MADE: weave_ldarg(w, 0); break;
    case WEAVE_RESULT: weave_ldloc(w, w->result); break;
    case WEAVE_COMPLETION: weave_ldloc(w, w->completion); break;
    case WEAVE_LOCAL: weave_ldloc(w, v->index); break;
    case WEAVE_FIELD:
        if (v->of)
            weave_ldloc(w, v->of - 1);
        else
            weave_ldarg(w, 0);
        weave_put_token(w, CIL_LDFLD,
                        v->of ? CIL_TOKEN(CIL_FIELD, v->index) : weave_field_token(&w->subject, v->index));
        break;
    }
}

/* Bytes of one element of a span: known, or asked of the JIT; negative where the elements are references. */
static void push_element_size(weaver *w, cil_blob type)
{
    cil_type t;
    if (!cil_type_read(type, &t)) {
        weave_fail(w, ERR_FORMAT, -1, "malformed type argument in a signature");
        return;
    }
    switch (t.element) {
    case CIL_E_BOOLEAN:
    case CIL_E_I1:
    case CIL_E_U1: weave_ldc_i4(w, 1); return;
    case CIL_E_CHAR:
    case CIL_E_I2:
    case CIL_E_U2: weave_ldc_i4(w, 2); return;
    case CIL_E_I4:
    case CIL_E_U4:
    case CIL_E_R4: weave_ldc_i4(w, 4); return;
    case CIL_E_VALUETYPE:
    case CIL_E_VAR:
    case CIL_E_MVAR: break;
    case CIL_E_GENERICINST:
        if (t.generic_is_value) break;
        weave_ldc_i4(w, -8);
        return;
    case CIL_E_STRING:
    case CIL_E_CLASS:
    case CIL_E_OBJECT:
    case CIL_E_ARRAY:
    case CIL_E_SZARRAY: weave_ldc_i4(w, -8); return;
    default: weave_ldc_i4(w, 8); return;
    }
    weave_put_token(w, CIL_SIZEOF, weave_type_token(w, t.bare));
}

static void capture_primitive(weaver *w, uint32_t layer, const weave_value *v)
{
    load_frame(w, layer);
    weave_ldc_i4(w, v->slot);
    weave_put(w, CIL_ADD);
    load(w, v);
    weave_put(w, store_of(v->element));
}

static void capture_object(weaver *w, uint32_t layer, const weave_value *v)
{
    load_frame(w, layer);
    weave_ldc_i4(w, v->slot);
    load(w, v);
    weave_call(w, w->layers[layer]->calls.object, WEAVE_SIG_OBJECT);
}

/* A copy is made where the value itself is at hand: taking the argument's own address would deoptimise it on every
 * path. */
static void capture_typed(weaver *w, uint32_t layer, const weave_value *v, const weave_capture *c)
{
    const weave_calls *calls = &w->layers[layer]->calls;
    uint32_t copy = 0;
    if (!c->is_address) {
        load(w, v);
        weave_stloc(w, copy = weave_local_borrow(w, c->type));
    }
    load_frame(w, layer);
    weave_ldc_i4(w, v->slot);
    if (c->is_address) {
        load(w, v);
    } else {
        weave_ldloca(w, copy);
    }
    weave_put_token(w, CIL_MKREFANY, weave_type_token(w, c->type));
    if (c->how == WEAVE_SPAN) {
        push_element_size(w, c->span_of);
        weave_call(w, calls->span, WEAVE_SIG_SPAN);
    } else {
        weave_call(w, calls->typed, WEAVE_SIG_TYPED);
    }
    weave_locals_release(w);
}

static bool is_reference(const weaver *w, uint32_t local)
{
    cil_type t;
    return !weave_local_read(&w->subject, local, &t) || t.element != CIL_E_VALUETYPE;
}

static void capture(weaver *w, uint32_t layer, const weave_value *v)
{
    const weave_calls *calls = &w->layers[layer]->calls;
    weave_capture c;
    err_t why;
    if (!weave_capture_plan(&w->subject, v, &c, &why)) {
        weave_fail(w, why.code, why.at, "%s", why.text);
        return;
    }
    if (c.how != v->how || c.element != v->element || (c.at_leave && !v->at_leave)) {
        weave_fail(w, ERR_USAGE, v->index, "value %u is not captured as it was planned", v->index);
        return;
    }
    const bool guarded = v->what == WEAVE_FIELD && v->of && is_reference(w, v->of - 1);
    uint32_t null = WEAVE_NONE;
    if (guarded) {
        weave_ldloc(w, v->of - 1); /* it is made behind the place where its scope begins */
        null = weave_put_branch(w, CIL_BRFALSE);
    }
    switch (v->how) {
    case WEAVE_PRIMITIVE: capture_primitive(w, layer, v); break;
    case WEAVE_OBJECT:
        if (calls->object) capture_object(w, layer, v);
        break;
    case WEAVE_TYPED:
        if (calls->typed) capture_typed(w, layer, v, &c);
        break;
    case WEAVE_SPAN:
        if (calls->span) capture_typed(w, layer, v, &c);
        break;
    }
    if (guarded) weave_aim(w, null);
}

void weave_values(weaver *w, uint32_t layer, bool at_leave)
{
    const weave_layer *l = w->layers[layer];
    for (uint32_t i = 0; i < l->value_count && !w->failed; i++)
        if (l->values[i].at_leave == at_leave) capture(w, layer, &l->values[i]);
}
