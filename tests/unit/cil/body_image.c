#include "body_image.h"

#define SIG(b, ...) md_blob(b, (uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void add_types(md_build *b)
{
    uint32_t system = md_string(b, "System");
    md_row(b, CIL_MODULE, "22222", 0, md_string(b, "m.dll"), md_guid(b, 1), 0, 0);
    md_row(b, CIL_TYPE_REF, "222", 0, md_string(b, "ValueType"), system);
    md_row(b, CIL_TYPE_REF, "222", 0, md_string(b, "Enum"), system);
    md_row(b, CIL_TYPE_REF, "222", 0, md_string(b, "Object"), system);
    md_row(b, CIL_TYPE_REF, "222", 0, md_string(b, "Unknown"), md_string(b, "Else"));
    /* flags, name, namespace, extends (rid << 2 | 1 for a TypeRef), first field, first method */
    md_row(b, CIL_TYPE_DEF, "422222", 0, md_string(b, "<Module>"), 0, 0, 1, 1);
    md_row(b, CIL_TYPE_DEF, "422222", 1, md_string(b, "Class"), md_string(b, "N"), 3 << 2 | 1, 1, 1);
    md_row(b, CIL_TYPE_DEF, "422222", 1, md_string(b, "Struct"), md_string(b, "N"), 1 << 2 | 1, 3, 10);
    md_row(b, CIL_TYPE_DEF, "422222", 1, md_string(b, "Enum64"), md_string(b, "N"), 2 << 2 | 1, 4, 11);
    md_row(b, CIL_TYPE_DEF, "422222", 1, md_string(b, "Int32"), system, 1 << 2 | 1, 6, 11);
    md_row(b, CIL_TYPE_SPEC, "2", SIG(b, CIL_E_ARRAY, CIL_E_I4, 2, 0, 0));
    md_row(b, CIL_TYPE_SPEC, "2", SIG(b, CIL_E_VAR, 0));
}

static void add_fields(md_build *b)
{
    md_row(b, CIL_FIELD, "222", 0x06, md_string(b, "f"), SIG(b, 0x06, CIL_E_I4));
    md_row(b, CIL_FIELD, "222", 0x16, md_string(b, "s"), SIG(b, 0x06, CIL_E_OBJECT));
    md_row(b, CIL_FIELD, "222", 0x06, md_string(b, "x"), SIG(b, 0x06, CIL_E_I4));
    md_row(b, CIL_FIELD, "222", 0x56, md_string(b, "One"), SIG(b, 0x06, CIL_E_VALUETYPE, 4 << 2));
    md_row(b, CIL_FIELD, "222", 0x606, md_string(b, "value__"), SIG(b, 0x06, CIL_E_I8));
}

static void add_method(md_build *b, uint32_t flags, const char *name, uint32_t sig)
{
    md_row(b, CIL_METHOD_DEF, "422222", 0, 0, flags, md_string(b, name), sig, 1);
}

static void add_methods(md_build *b)
{
    add_method(b, 0x16, "Void", SIG(b, 0x00, 0, CIL_E_VOID));
    add_method(b, 0x16, "Int", SIG(b, 0x00, 1, CIL_E_I4, CIL_E_I4));
    add_method(b, 0x06, "Object", SIG(b, 0x20, 1, CIL_E_OBJECT, CIL_E_STRING));
    add_method(b, 0x1806, ".ctor", SIG(b, 0x20, 1, CIL_E_VOID, CIL_E_I4));
    add_method(b, 0x16, "Struct", SIG(b, 0x00, 1, CIL_E_VOID, CIL_E_VALUETYPE, 3 << 2));
    add_method(b, 0x16, "Enum", SIG(b, 0x00, 1, CIL_E_VOID, CIL_E_VALUETYPE, 4 << 2));
    add_method(b, 0x16, "Byref", SIG(b, 0x00, 0, CIL_E_BYREF, CIL_E_I4));
    add_method(b, 0x16, "Generic", SIG(b, 0x10, 1, 1, CIL_E_MVAR, 0, CIL_E_MVAR, 0));
    add_method(b, 0x16, "Double", SIG(b, 0x00, 1, CIL_E_R8, CIL_E_R4));
    add_method(b, 0x1806, ".ctor", SIG(b, 0x20, 1, CIL_E_VOID, CIL_E_I4));
}

static void add_references(md_build *b)
{
    /* the parent is rid << 3 | 1 for a TypeRef, 4 for a TypeSpec */
    md_row(b, CIL_MEMBER_REF, "222", 4 << 3 | 1, md_string(b, "Variable"),
           SIG(b, 0x05, 2, CIL_E_VOID, CIL_E_I4, CIL_E_SENTINEL, CIL_E_STRING));
    md_row(b, CIL_MEMBER_REF, "222", 1 << 3 | 4, md_string(b, ".ctor"),
           SIG(b, 0x20, 2, CIL_E_VOID, CIL_E_I4, CIL_E_I4));
    md_row(b, CIL_MEMBER_REF, "222", 4 << 3 | 1, md_string(b, "g"), SIG(b, 0x06, CIL_E_I4));
    md_row(b, CIL_MEMBER_REF, "222", 4 << 3 | 1, md_string(b, ".ctor"), SIG(b, 0x20, 0, CIL_E_VOID));
    md_row(b, CIL_METHOD_SPEC, "22", 8 << 1, SIG(b, 0x0A, 1, CIL_E_STRING));
    md_row(b, CIL_STAND_ALONE_SIG, "2",
           SIG(b, 0x07, 6, CIL_E_I4, CIL_E_OBJECT, CIL_E_R8, CIL_E_BYREF, CIL_E_I4, CIL_E_VALUETYPE, 3 << 2, CIL_E_I8));
    md_row(b, CIL_STAND_ALONE_SIG, "2", SIG(b, 0x00, 2, CIL_E_I4, CIL_E_I4, CIL_E_OBJECT));
    buf_put(&b->user_strings, (uint8_t[]){0, 7, 'a', 0, '\n', 0, 'b', 0, 0}, 9);
}

void body_image_make(buf_t *out)
{
    md_build b = {0};
    add_types(&b);
    add_fields(&b);
    add_methods(&b);
    add_references(&b);
    md_finish(&b, out);
}
