#include "fixture.h"

#include "../cil/metadata_build.h"

/* ---- the assembly: every index takes two bytes --------------------------------------------------------------- */

#define SIG(m, ...) md_blob(m, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Tags of coded indices (II.24.2.6). */
enum {
    SCOPE_ASSEMBLY = 2,
    TYPE_DEF = 0,
    TYPE_REF = 1,
    PARENT_REF = 1,
    PARENT_SPEC = 4,
    SPEC_MEMBER = 1,
    OWNER_METHOD = 1
};
#define TYPE(tag, rid) ((uint8_t)((rid) << 2 | (tag)))

static void type_ref(md_build *m, const char *name_space, const char *name)
{
    md_row(m, CIL_TYPE_REF, "222", 1 << 2 | SCOPE_ASSEMBLY, md_string(m, name), md_string(m, name_space));
}

static void type_def(md_build *m, const char *name, uint16_t extends, uint16_t first_method)
{
    md_row(m, CIL_TYPE_DEF, "422222", 0, md_string(m, name), md_string(m, ""), extends, 1, first_method);
}

static void method(md_build *m, const char *name, uint16_t flags, uint16_t impl, uint32_t sig)
{
    md_row(m, CIL_METHOD_DEF, "422222", 0, impl, flags, md_string(m, name), sig, m->count[CIL_PARAM] + 1);
}

enum {
    STATIC = 0x10,
    ABSTRACT = 0x400,
    PINVOKE = 0x2000,
    RUNTIME = 3,
    INTERNAL_CALL = 0x1000,
    HAS_THIS = 0x20,
    GENERIC = 0x10
};

static void put_types(md_build *m)
{
    md_row(m, CIL_MODULE, "22222", 0, md_string(m, "fixture.dll"), 0, 0, 0);
    md_row(m, CIL_ASSEMBLY_REF, "222242222", 8, 0, 0, 0, 0, 0, md_string(m, "System.Runtime"), 0, 0);
    md_row(m, CIL_ASSEMBLY_REF, "222242222", 1, 0, 0, 0, 0, 0, md_string(m, "Elsewhere"), 0, 0);
    type_ref(m, "System", "Object");
    type_ref(m, "System", "ValueType");
    type_ref(m, "System", "Span`1");
    type_ref(m, "System", "ReadOnlySpan`1");
    type_ref(m, "System", "DateTime");
    type_ref(m, "System", "ArgIterator");
    md_row(m, CIL_TYPE_REF, "222", 2 << 2 | SCOPE_ASSEMBLY, md_string(m, "Elsewhere"), md_string(m, ""));
    md_row(m, CIL_TYPE_REF, "222", 2 << 2 | SCOPE_ASSEMBLY, md_string(m, "Span`1"), md_string(m, "System"));
    type_def(m, "<Module>", 0, 1);
    type_def(m, "Class", TYPE(TYPE_REF, REF_OBJECT), M_VOID);
    type_def(m, "Struct", TYPE(TYPE_REF, REF_VALUETYPE), M_STRUCT_GET);
    type_def(m, "Pair`2", TYPE(TYPE_REF, REF_VALUETYPE), M_PAIR);
    type_def(m, "Generic`1", TYPE(TYPE_REF, REF_OBJECT), M_ITEM);
    /* GenericParam is sorted by its owner: TypeDefs and MethodDefs interleave. */
    md_row(m, CIL_GENERIC_PARAM, "2222", 0, 0, DEF_GENERIC_STRUCT << 1, md_string(m, "T"));
    md_row(m, CIL_GENERIC_PARAM, "2222", 1, 0, DEF_GENERIC_STRUCT << 1, md_string(m, "U"));
    md_row(m, CIL_GENERIC_PARAM, "2222", 0, 0, DEF_GENERIC << 1, md_string(m, "T"));
    md_row(m, CIL_GENERIC_PARAM, "2222", 0, 0, M_FIRST << 1 | OWNER_METHOD, md_string(m, "T"));
    md_row(m, CIL_GENERIC_PARAM, "2222", 0, 0, M_SPANS << 1 | OWNER_METHOD, md_string(m, "T"));
    md_row(m, CIL_GENERIC_PARAM, "2222", 0, 0x20, M_REFUSED << 1 | OWNER_METHOD, md_string(m, "T"));
}

#define SPAN_OF(rid, ...) CIL_E_GENERICINST, CIL_E_VALUETYPE, TYPE(TYPE_REF, rid), 1, __VA_ARGS__
#define DATE              CIL_E_VALUETYPE, TYPE(TYPE_REF, REF_DATETIME)

static void put_class_methods(md_build *m)
{
    method(m, "Void", STATIC, 0, SIG(m, 0, 0, CIL_E_VOID));
    method(m, "Add", STATIC, 0, SIG(m, 0, 2, CIL_E_I4, CIL_E_I4, CIL_E_I4));
    method(m, "Text", 0, 0, SIG(m, HAS_THIS, 4, CIL_E_STRING, CIL_E_STRING, CIL_E_U1, CIL_E_R8, CIL_E_PTR, CIL_E_VOID));
    method(m, ".ctor", 0, 0, SIG(m, HAS_THIS, 1, CIL_E_VOID, CIL_E_I4));
    method(m, "First", STATIC, 0, SIG(m, GENERIC, 1, 1, CIL_E_MVAR, 0, CIL_E_MVAR, 0));
    method(m, "Ref", STATIC, 0,
           SIG(m, 0, 3, CIL_E_CMOD_REQD, TYPE(TYPE_REF, REF_OBJECT), CIL_E_BYREF, CIL_E_I4, CIL_E_BYREF, CIL_E_I4,
               CIL_E_BYREF, CIL_E_I4, CIL_E_BYREF, CIL_E_CMOD_REQD, TYPE(TYPE_REF, REF_OBJECT), DATE));
    md_row(m, CIL_PARAM, "222", 0, 1, md_string(m, "ref"));
    md_row(m, CIL_PARAM, "222", 2, 2, md_string(m, "out"));
    md_row(m, CIL_PARAM, "222", 1, 3, md_string(m, "in"));
    method(m, "Spans", STATIC, 0,
           SIG(m, GENERIC, 1, 5, CIL_E_VOID, SPAN_OF(REF_SPAN, CIL_E_CHAR), SPAN_OF(REF_ROSPAN, CIL_E_MVAR, 0),
               SPAN_OF(REF_SPAN, CIL_E_OBJECT), SPAN_OF(REF_SPAN, DATE), SPAN_OF(REF_FAKE_SPAN, CIL_E_CHAR)));
    method(m, "Refused", STATIC, 0,
           SIG(m, GENERIC, 1, 5, CIL_E_TYPEDBYREF, CIL_E_TYPEDBYREF, CIL_E_VALUETYPE, TYPE(TYPE_REF, REF_ARGITERATOR),
               CIL_E_MVAR, 0, CIL_E_BYREF, CIL_E_MVAR, 0, CIL_E_BYREF, CIL_E_TYPEDBYREF));
    method(m, "Abstract", ABSTRACT, 0, SIG(m, HAS_THIS, 0, CIL_E_VOID));
    method(m, "PInvoke", STATIC | PINVOKE, 0, SIG(m, 0, 0, CIL_E_VOID));
    method(m, "Runtime", 0, RUNTIME, SIG(m, HAS_THIS, 0, CIL_E_VOID));
    method(m, "Internal", STATIC, INTERNAL_CALL, SIG(m, 0, 0, CIL_E_VOID));
    method(m, "Enumish", STATIC, 0,
           SIG(m, 0, 5, DATE, DATE, CIL_E_SZARRAY, CIL_E_OBJECT, CIL_E_GENERICINST, CIL_E_CLASS,
               TYPE(TYPE_DEF, DEF_GENERIC), 1, CIL_E_I4, CIL_E_BYREF, CIL_E_STRING, CIL_E_BYREF, CIL_E_PTR,
               CIL_E_VOID));
    method(m, "Long", STATIC, 0, SIG(m, 0, 1, CIL_E_I8, CIL_E_I8));
}

static void put_other_methods(md_build *m)
{
    method(m, "Get", 0, 0, SIG(m, HAS_THIS, 0, CIL_E_I4));
    method(m, ".ctor", 0, 0, SIG(m, HAS_THIS, 0, CIL_E_VOID));
    method(m, "M", 0, 0, SIG(m, HAS_THIS, 1, CIL_E_VOID, CIL_E_VAR, 0));
    method(m, "Item", 0, 0, SIG(m, HAS_THIS, 1, CIL_E_VAR, 0, CIL_E_I4));
}

static void put_references(md_build *m)
{
    uint16_t elsewhere = REF_ELSEWHERE << 3 | PARENT_REF;
    md_row(m, CIL_TYPE_SPEC, "2", SIG(m, CIL_E_GENERICINST, CIL_E_CLASS, TYPE(TYPE_DEF, DEF_GENERIC), 1, DATE));
    md_row(m, CIL_TYPE_SPEC, "2", SIG(m, CIL_E_MVAR, 0));
    md_row(m, CIL_MEMBER_REF, "222", elsewhere, md_string(m, "Two"), SIG(m, 0, 2, CIL_E_I4, CIL_E_I4, CIL_E_STRING));
    md_row(m, CIL_MEMBER_REF, "222", SPEC_GENERIC_DATE << 3 | PARENT_SPEC, md_string(m, "Put"),
           SIG(m, HAS_THIS, 1, CIL_E_VAR, 0, CIL_E_VAR, 0));
    md_row(m, CIL_MEMBER_REF, "222", elsewhere, md_string(m, "Instance"), SIG(m, HAS_THIS, 0, CIL_E_I4));
    md_row(m, CIL_MEMBER_REF, "222", elsewhere, md_string(m, "Generic"),
           SIG(m, GENERIC, 1, 2, CIL_E_MVAR, 0, CIL_E_MVAR, 0, CIL_E_SZARRAY, CIL_E_MVAR, 0));
    md_row(m, CIL_METHOD_SPEC, "22", CALL_GENERIC << 1 | SPEC_MEMBER, SIG(m, 0x0A, 1, DATE));
    md_row(m, CIL_METHOD_SPEC, "22", CALL_GENERIC << 1 | SPEC_MEMBER, SIG(m, 0x0A, 1, CIL_E_STRING));
    md_row(m, CIL_STAND_ALONE_SIG, "2", SIG(m, 0x07, 1, CIL_E_I4));
    md_row(m, CIL_STAND_ALONE_SIG, "2", SIG(m, 0, 1, CIL_E_I4, CIL_E_I4));
}

const cil_image *fixture_image(void)
{
    static cil_image image;
    static buf_t root; /* as long as the process */
    if (root.n) return &image;
    md_build m = {.sorted = UINT64_C(1) << CIL_GENERIC_PARAM};
    put_types(&m);
    put_class_methods(&m);
    put_other_methods(&m);
    put_references(&m);
    md_finish(&m, &root);
    err_t e;
    return cil_metadata_open(&image, root.p, root.n, &e) ? &image : NULL;
}

/* ---- tokens -------------------------------------------------------------------------------------------------- */

static cil_token make(void *owner, cil_table table, cil_blob sig, err_t *e)
{
    fixture_maker *m = owner;
    for (uint32_t i = 0; i < m->count; i++)
        if (CIL_TABLE(m->made[i].token) == table && m->made[i].sig.n == sig.n &&
            !memcmp(m->made[i].sig.p, sig.p, sig.n))
            return m->made[i].token;
    if (m->refuse || m->count == RJ_COUNT(m->made)) {
        err_set(e, ERR_RUNTIME, -1, "no more tokens");
        return 0;
    }
    cil_extra *x = &m->made[m->count++];
    *x = (cil_extra){CIL_TOKEN(table, 0x100 + m->count), {arena_copy(&m->a, sig.p, sig.n), sig.n}};
    return x->token;
}

static cil_token make_sig(void *owner, cil_blob sig, err_t *e)
{
    return make(owner, CIL_STAND_ALONE_SIG, sig, e);
}

static cil_token make_type(void *owner, cil_blob type, err_t *e)
{
    return make(owner, CIL_TYPE_SPEC, type, e);
}

weave_tokens fixture_tokens(fixture_maker *m)
{
    return (weave_tokens){.owner = m, .stand_alone_sig = make_sig, .type_spec = make_type};
}
