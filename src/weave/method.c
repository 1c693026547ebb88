#include "weave/weave-priv.h"

enum { METHOD_STATIC = 0x10, SIG_HASTHIS = 0x20, SIG_EXPLICITTHIS = 0x40 }; /* II.23.1.10, II.23.2.1 */

bool weave_subject_read(weave_subject *s, arena *scratch, const cil_image *image, uint32_t rid, err_t *e)
{
    if (!rid || rid > image->rows[CIL_METHOD_DEF]) return err_set(e, ERR_USAGE, rid, "there is no method %u", rid);
    *s = (weave_subject){.image = image, .scratch = scratch, .rid = rid};
    s->owner = cil_method_owner(image, rid);
    s->flags = cil_cell(image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_FLAGS);
    s->impl_flags = cil_cell(image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_IMPL_FLAGS);
    cil_blob sig = cil_cell_blob(image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG);
    if (!cil_method_sig_read(scratch, sig, &s->sig, e)) return err_prefix(e, "signature of method %u: ", rid);
    s->has_this = (s->sig.convention & SIG_HASTHIS) && !(s->sig.convention & SIG_EXPLICITTHIS);
    if (s->has_this && (s->flags & METHOD_STATIC))
        return err_set(e, ERR_FORMAT, rid, "method %u is static and has a `this`", rid);
    return true;
}

bool weave_is_core_type(const cil_image *image, cil_token token, const char *full_name)
{
    static const char *const CORE[] = {
        "System.Runtime",         "System.Private.CoreLib",           "netstandard", "mscorlib", "System.Memory",
        "System.Threading.Tasks", "System.Threading.Tasks.Extensions"};
    if (!cil_type_is(image, token, full_name)) return false;
    if (CIL_TABLE(token) == CIL_TYPE_DEF) return !strcmp(cil_assembly_name(image), "System.Private.CoreLib");
    cil_token scope = cil_cell_token(image, CIL_TYPE_REF, CIL_RID(token), CIL_TYPE_REF_SCOPE);
    if (CIL_TABLE(scope) != CIL_ASSEMBLY_REF) return false;
    const char *assembly = cil_cell_string(image, CIL_ASSEMBLY_REF, CIL_RID(scope), CIL_ASSEMBLY_REF_NAME);
    for (size_t i = 0; i < RJ_COUNT(CORE); i++)
        if (!strcmp(assembly, CORE[i])) return true;
    return false;
}

bool weave_is_value_type(const cil_image *image, uint32_t type_rid)
{
    cil_token base = cil_cell_token(image, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_EXTENDS);
    if (cil_type_is(image, base, "System.Enum")) return true;
    /* System.Enum derives from System.ValueType and is a class all the same. */
    return cil_type_is(image, base, "System.ValueType") &&
           !weave_is_core_type(image, CIL_TOKEN(CIL_TYPE_DEF, type_rid), "System.Enum");
}

bool weave_is_constructor(const weave_subject *s)
{
    return s->has_this && !strcmp(cil_cell_string(s->image, CIL_METHOD_DEF, s->rid, CIL_METHOD_DEF_NAME), ".ctor");
}

/* C<T0, T1 ...> within C itself? */
static bool is_own_instance(const weave_subject *s, cil_token type)
{
    cil_type t, argument;
    if (CIL_TABLE(type) != CIL_TYPE_SPEC) return false;
    cil_blob sig = cil_cell_blob(s->image, CIL_TYPE_SPEC, CIL_RID(type), CIL_TYPE_SPEC_SIG);
    if (!cil_type_read(sig, &t) || t.element != CIL_E_GENERICINST || t.token != CIL_TOKEN(CIL_TYPE_DEF, s->owner))
        return false;
    cil_blob rest = t.args;
    for (uint32_t i = 0; i < t.number; i++) {
        if (!cil_type_read(rest, &argument) || argument.element != CIL_E_VAR || argument.number != i) return false;
        rest = (cil_blob){rest.p + argument.whole.n, rest.n - argument.whole.n};
    }
    return true;
}

cil_token weave_field_token(const weave_subject *s, uint32_t field_rid)
{
    const cil_range generic = cil_generic_params(s->image, CIL_TOKEN(CIL_TYPE_DEF, s->owner));
    if (generic.first == generic.end) return CIL_TOKEN(CIL_FIELD, field_rid);
    const char *name = cil_cell_string(s->image, CIL_FIELD, field_rid, CIL_FIELD_NAME);
    for (uint32_t rid = 1; rid <= s->image->rows[CIL_MEMBER_REF]; rid++)
        if (!strcmp(cil_cell_string(s->image, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_NAME), name) &&
            is_own_instance(s, cil_cell_token(s->image, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_CLASS)))
            return CIL_TOKEN(CIL_MEMBER_REF, rid);
    return 0;
}
