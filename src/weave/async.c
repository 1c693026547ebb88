#include "weave/weave-priv.h"

/*
 * The state machine's part of async layers: edits at the calls of the builder, in MoveNext. The builder's address is
 * taken anew from `this`: what stands on the stack for the call stays there.
 */

static const uint8_t NATIVE[] = {CIL_E_I}, OBJECT[] = {CIL_E_OBJECT};
#define DEEPER 6u /* on top of the builder: probe, tok, builder, function; or what a capture needs */

typedef enum site { NO_SITE, SUSPENDS, SETS_RESULT, SETS_EXCEPTION } site;

/* ---- the fields, by the body's own tokens ---- */

static bool is_own_field(const weaver *w, cil_token field)
{
    const cil_image *im = w->in->image;
    if (CIL_TABLE(field) == CIL_FIELD) return cil_field_owner(im, CIL_RID(field)) == w->subject.owner;
    if (CIL_TABLE(field) != CIL_MEMBER_REF) return false;
    cil_token type = cil_cell_token(im, CIL_MEMBER_REF, CIL_RID(field), CIL_MEMBER_REF_CLASS);
    cil_type t;
    return CIL_TABLE(type) == CIL_TYPE_SPEC &&
           cil_type_read(cil_cell_blob(im, CIL_TYPE_SPEC, CIL_RID(type), CIL_TYPE_SPEC_SIG), &t) &&
           t.element == CIL_E_GENERICINST && t.token == CIL_TOKEN(CIL_TYPE_DEF, w->subject.owner);
}

static const char *name_of(const weaver *w, cil_token member)
{
    switch (CIL_TABLE(member)) {
    case CIL_FIELD: return cil_cell_string(w->in->image, CIL_FIELD, CIL_RID(member), CIL_FIELD_NAME);
    case CIL_MEMBER_REF: return cil_cell_string(w->in->image, CIL_MEMBER_REF, CIL_RID(member), CIL_MEMBER_REF_NAME);
    case CIL_METHOD_DEF: return cil_cell_string(w->in->image, CIL_METHOD_DEF, CIL_RID(member), CIL_METHOD_DEF_NAME);
    default: return "";
    }
}

static void find_fields(weaver *w)
{
    for (uint32_t i = 0; i < w->from.count; i++) {
        uint16_t op = w->from.insns[i].op;
        if (op != CIL_LDFLD && op != CIL_LDFLDA && op != CIL_STFLD) continue;
        cil_token field = w->from.insns[i].token;
        const char *name = name_of(w, field);
        bool builder = weave_is_builder_field(name), state = weave_is_state_field(name);
        if ((!builder && !state) || !is_own_field(w, field)) continue;
        if (builder) w->builder_field = field;
        if (state) w->state_field = field;
    }
}

/* ---- calls of the builder ---- */

/* The method that a call names, without its instantiation, and the type that the method is of. */
static cil_token callee_of(const weaver *w, cil_token method, cil_token *type)
{
    const cil_image *im = w->in->image;
    if (CIL_TABLE(method) == CIL_METHOD_SPEC)
        method = cil_cell_token(im, CIL_METHOD_SPEC, CIL_RID(method), CIL_METHOD_SPEC_METHOD);
    *type = 0;
    if (CIL_TABLE(method) == CIL_METHOD_DEF) *type = CIL_TOKEN(CIL_TYPE_DEF, cil_method_owner(im, CIL_RID(method)));
    if (CIL_TABLE(method) == CIL_MEMBER_REF)
        *type = cil_cell_token(im, CIL_MEMBER_REF, CIL_RID(method), CIL_MEMBER_REF_CLASS);
    return method;
}

static bool is_builder(const weaver *w, cil_token type)
{
    const cil_image *im = w->in->image;
    cil_type t;
    if (CIL_TABLE(type) == CIL_TYPE_SPEC) {
        if (!cil_type_read(cil_cell_blob(im, CIL_TYPE_SPEC, CIL_RID(type), CIL_TYPE_SPEC_SIG), &t)) return false;
        return t.element == CIL_E_GENERICINST && weave_is_core_type(im, t.token, w->builder.name);
    }
    return weave_is_core_type(im, type, w->builder.name);
}

static site site_of(const weaver *w, cil_token method)
{
    cil_token type;
    const char *name = name_of(w, callee_of(w, method, &type));
    site s = !strcmp(name, "SetResult")                                                     ? SETS_RESULT
             : !strcmp(name, "SetException")                                                ? SETS_EXCEPTION
             : !strcmp(name, "AwaitUnsafeOnCompleted") || !strcmp(name, "AwaitOnCompleted") ? SUSPENDS
                                                                                            : NO_SITE;
    return s != NO_SITE && is_builder(w, type) ? s : NO_SITE;
}

bool weave_async_begin(weaver *w)
{
    if (!weave_builder_read(w->in->image, w->subject.owner, &w->builder, w->e)) {
        w->failed = true;
        return false;
    }
    find_fields(w);
    bool ends = false;
    for (uint32_t i = 0; i < w->from.count; i++)
        ends |= w->from.insns[i].op == CIL_CALL && site_of(w, w->from.insns[i].token) >= SETS_RESULT;
    if (!w->builder_field || !w->state_field || !ends)
        return weave_fail(w, ERR_REFUSED, -1, "its state machine is not made as compilers make them");
    w->completing = weave_local_new(w, (cil_blob){NATIVE, sizeof NATIVE});
    w->failure = weave_local_new(w, (cil_blob){OBJECT, sizeof OBJECT});
    if (w->builder.has_result) w->completion = weave_local_new(w, w->builder.result);
    w->extra_stack = DEEPER;
    return !w->failed;
}

/* ---- writing ---- */

static void load_builder(weaver *w)
{
    weave_ldarg(w, 0);
    weave_put_token(w, CIL_LDFLDA, w->builder_field);
}

static uint32_t if_armed(weaver *w, const weave_layer *l)
{
    weave_ldc_address(w, l->gate);
    weave_put(w, CIL_LDIND_U1);
    return weave_put_branch(w, CIL_BRFALSE);
}

void weave_async_enter(weaver *w, uint32_t layer)
{
    const weave_layer *l = w->layers[layer];
    uint32_t closed = if_armed(w, l);
    weave_ldarg(w, 0);
    weave_put_token(w, CIL_LDFLD, w->state_field);
    weave_ldc_i4(w, -1);
    uint32_t later = weave_put_branch(w, CIL_BNE_UN);
    weave_ldc_address(w, l->probe);
    weave_call(w, l->calls.first, WEAVE_SIG_ENTER);
    weave_stloc(w, w->tok + layer);
    weave_aim(w, closed);
    weave_aim(w, later);
}

static void put_suspension(weaver *w, const cil_insn *insn)
{
    for (uint32_t i = w->layer_count; i-- > 0;)
        weave_call_if_live(w, i, w->layers[i]->calls.suspending);
    weave_put_insn(w, *insn);
    for (uint32_t i = 0; i < w->layer_count; i++) {
        if (!w->layers[i]->calls.suspended) continue;
        weave_owned(w, i);
        weave_ldloc(w, w->tok + i);
        uint32_t skip = weave_put_branch(w, CIL_BRFALSE);
        weave_ldloc(w, w->tok + i);
        load_builder(w);
        weave_call(w, w->layers[i]->calls.suspended, WEAVE_SIG_SUSPENDED);
        weave_aim(w, skip);
        weave_owned(w, WEAVE_SHARED);
    }
}

static void complete_layer(weaver *w, uint32_t layer, bool failed)
{
    const weave_layer *l = w->layers[layer];
    weave_owned(w, layer);
    uint32_t closed = if_armed(w, l);
    weave_ldc_address(w, l->probe);
    weave_ldloc(w, w->tok + layer);
    load_builder(w);
    weave_call(w, l->calls.completing, WEAVE_SIG_COMPLETING);
    weave_stloc(w, w->completing);
    weave_ldloc(w, w->completing);
    uint32_t nothing = weave_put_branch(w, CIL_BRFALSE);
    w->frame = w->completing;
    if (!failed) weave_values(w, layer, true);
    w->frame = WEAVE_NONE;
    weave_ldloc(w, w->completing);
    if (failed) weave_ldloc(w, w->failure);
    weave_call(w, failed ? l->calls.failed : l->calls.completed, failed ? WEAVE_SIG_NOTE : WEAVE_SIG_LEAVE);
    weave_aim(w, closed);
    weave_aim(w, nothing);
    weave_owned(w, WEAVE_SHARED);
}

/* Everything is told before the builder hears of it: what waits for the task may run inside of its call. */
static void put_completion(weaver *w, const cil_insn *insn, bool failed)
{
    bool has_value = failed || w->builder.has_result;
    uint32_t value = failed ? w->failure : w->completion;
    if (has_value) weave_stloc(w, value);
    for (uint32_t i = w->layer_count; i-- > 0;)
        if (w->layers[i]->calls.first) complete_layer(w, i, failed);
    if (has_value) weave_ldloc(w, value);
    weave_put_insn(w, *insn);
}

bool weave_async_site(weaver *w, const cil_insn *insn)
{
    site s = site_of(w, insn->token);
    uint32_t start = w->count;
    if (s == NO_SITE) return false;
    if (s == SUSPENDS)
        put_suspension(w, insn);
    else
        put_completion(w, insn, s == SETS_EXCEPTION);
    if (w->failed) return true;
    /* The whole piece stands for the call; the call itself is not where a debugger would look for it. */
    for (uint32_t i = start + 1; i < w->count; i++)
        if (w->code[i].offset == insn->offset) w->code[i].offset = CIL_NEW;
    w->code[start].offset = insn->offset;
    return true;
}
