/* Names as C# people type them, of sample.dll and of metadata that lies. */
#include "metadata_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static buf_t sample_bytes;
static cil_image sample;

static int open_sample(void **state)
{
    (void)state;
    md_file("sample.dll", &sample_bytes);
    return cil_image_open(&sample, sample_bytes.p, sample_bytes.n, CIL_FLAT, NULL) ? 0 : -1;
}

static int close_sample(void **state)
{
    (void)state;
    buf_free(&sample_bytes);
    return 0;
}

/* Every method of sample.cs, in the order of its table. */
static const char *const expected[] = {
    "Bare.M()",
    "Bare..ctor()",
    "Sample.MarkAttribute..ctor()",
    "Sample.MarkAttribute<T>..ctor()",
    "Sample.Outer<T>..ctor(T)",
    "Sample.Outer<T>..cctor()",
    "Sample.Outer<T>.Finalize()",
    "Sample.Outer<T>.Get()",
    "Sample.Outer<T>.Map<R,S>(Func<T,R>,S,Outer<T>)",
    "Sample.Forms.Primitives(bool,char,sbyte,byte,short,ushort,int,uint,long,ulong)",
    "Sample.Forms.More(float,double,string,object,nint,nuint,decimal,nint)",
    "Sample.Forms.References(ref int,in int,out int,ref readonly int,ref int[])",
    "Sample.Forms.Arrays(int[],int[][,],int[,,],string[][],List<int>[])",
    "Sample.Forms.Pointers(int*,void*,byte**,delegate*<int,void>,delegate* unmanaged[Cdecl]<ref int,string>)",
    "Sample.Forms.Generics(List<int>,Dictionary<string,List<int>>,int?,Colour?,ValueTuple<int,string>)",
    "Sample.Forms.Nested(Outer<int>+Inner,Outer<string>+Inner+Deep<int,byte>,Dictionary<int,long>+Enumerator)",
    "Sample.Forms.Spans(Span<byte>,ReadOnlySpan<char>,View,Colour)",
    "Sample.Forms.Variable(int,__arglist)",
    "Sample.Forms.CallVariable()",
    "Sample.Forms.Referred(TypedReference)",
    "Sample.Forms.Default(int,string[])",
    "Sample.IShape.get_Area()",
    "Sample.IShape.Scale(double)",
    "Sample.Square.get_Side()",
    "Sample.Square.set_Side(double)",
    "Sample.Square.get_Item(int)",
    "Sample.Square.set_Item(int,double)",
    "Sample.Square.add_Changed(EventHandler)",
    "Sample.Square.remove_Changed(EventHandler)",
    "Sample.Square.Sample.IShape.get_Area()",
    "Sample.Square.Sample.IShape.Scale(double)",
    "Sample.Square.op_Addition(Square,Square)",
    "Sample.Square.op_Explicit(Square)",
    "Sample.Square.Parse(string)",
    "Sample.Square.Adder(int)",
    "Sample.Square..ctor()",
    "Sample.Square.<Parse>g__Twice|16_0(int)",
    "Sample.Outer<T>+Inner..ctor()",
    "Sample.Square+<>c__DisplayClass17_0..ctor()",
    "Sample.Square+<>c__DisplayClass17_0.<Adder>b__0(int)",
    "Sample.Outer<T>+Inner+Deep<U,V>.Put(T,U,V,Outer<U>+Inner+Deep<V,int>)",
    "Sample.Outer<T>+Inner+Deep<U,V>..ctor()",
};

static void methods_have_the_names_that_people_type(void **state)
{
    (void)state;
    assert_int_equal(sample.rows[CIL_METHOD_DEF], RJ_COUNT(expected));
    buf_t text = {0};
    for (uint32_t rid = 1; rid <= RJ_COUNT(expected); rid++) {
        text.n = 0;
        cil_method_name(&sample, rid, true, &text);
        assert_string_equal(buf_cstr(&text), expected[rid - 1]);
    }
    text.n = 0;
    cil_method_name(&sample, 9, false, &text);
    assert_string_equal(buf_cstr(&text), "Sample.Outer<T>.Map<R,S>");
    text.n = 0;
    cil_method_short_name(&sample, 9, &text);
    assert_string_equal(buf_cstr(&text), "Map<R,S>");
    buf_free(&text);
}

static cil_token find_type(const char *name, cil_table table)
{
    for (uint32_t rid = 1; rid <= sample.rows[table]; rid++) {
        if (cil_type_is(&sample, CIL_TOKEN(table, rid), name)) return CIL_TOKEN(table, rid);
    }
    fail_msg("no %s", name);
    return 0;
}

static void types_have_their_metadata_names(void **state)
{
    (void)state;
    cil_token inner = find_type("Sample.Outer`1+Inner", CIL_TYPE_DEF);
    assert_false(cil_type_is(&sample, inner, "Outer`1+Inner"));
    assert_false(cil_type_is(&sample, inner, "Inner"));
    assert_false(cil_type_is(&sample, inner, "Sample.Outer`1.Inner"));
    assert_false(cil_type_is(&sample, inner, ""));
    cil_token bare = find_type("Bare", CIL_TYPE_DEF);
    assert_false(cil_type_is(&sample, bare, ".Bare"));
    assert_false(cil_type_is(&sample, bare, "Sample.Bare"));
    assert_false(cil_type_is(&sample, find_type("Sample.View", CIL_TYPE_DEF), "View"));
    find_type("System.Collections.Generic.Dictionary`2+Enumerator", CIL_TYPE_REF);
    assert_false(cil_type_is(&sample, 0x1B000001, "System.Object"));
}

static void check_type(cil_token type, const char *name)
{
    buf_t text = {0};
    cil_type_name(&sample, type, &text);
    assert_string_equal(buf_cstr(&text), name);
    buf_free(&text);
}

static void types_have_the_names_that_people_type(void **state)
{
    (void)state;
    check_type(find_type("Sample.Outer`1+Inner+Deep`2", CIL_TYPE_DEF), "Sample.Outer<T>+Inner+Deep<U,V>");
    /* of a type of another assembly only the number of its parameters is known */
    check_type(find_type("System.Collections.Generic.Dictionary`2+Enumerator", CIL_TYPE_REF),
               "System.Collections.Generic.Dictionary<,>+Enumerator");
    check_type(find_type("System.Object", CIL_TYPE_REF), "System.Object");
    check_type(0x02000000, "?");
    check_type(0x06000001, "?");
    check_type(0x1B00FFFF, "?");
}

static void signatures_name_types_with_or_without_namespaces(void **state)
{
    (void)state;
    uint32_t token = find_type("System.Collections.Generic.List`1", CIL_TYPE_REF);
    buf_t sig = {0}, text = {0};
    buf_put(&sig, "\x15\x12", 2);
    cil_write_type_token(&sig, token);
    buf_put(&sig, "\x01\x13\x00\x08", 4);
    cil_blob b = {sig.p, (uint32_t)sig.n};
    uint32_t outer = CIL_RID(find_type("Sample.Outer`1", CIL_TYPE_DEF));
    assert_int_equal(cil_sig_type_name(&sample, b, outer, 0, true, &text), sig.n - 1);
    assert_string_equal(buf_cstr(&text), "System.Collections.Generic.List<T>");
    text.n = 0;
    assert_int_equal(cil_sig_type_name(&sample, b, 0, 0, false, &text), sig.n - 1);
    assert_string_equal(buf_cstr(&text), "List<!0>");
    text.n = 0;
    assert_int_equal(cil_sig_type_name(&sample, (cil_blob){(const uint8_t *)"\x1D\x1E\x05", 3}, 0, 9, false, &text), 3);
    assert_string_equal(buf_cstr(&text), "!!5[]"); /* the method has two parameters */
    text.n = 0;
    assert_int_equal(
        cil_sig_type_name(&sample, (cil_blob){(const uint8_t *)"\x14\x08\x01\x00\x00", 5}, 0, 0, true, &text), 5);
    assert_string_equal(buf_cstr(&text), "int[*]");
    assert_int_equal(
        cil_sig_type_name(&sample, (cil_blob){(const uint8_t *)"\x14\x08\x21\x00\x00", 5}, 0, 0, true, &text), 0);
    assert_int_equal(cil_sig_type_name(&sample, (cil_blob){(const uint8_t *)"\x1D", 1}, 0, 0, true, &text), 0);
    buf_free(&sig);
    buf_free(&text);
}

static uint32_t find_method(const char *name)
{
    for (uint32_t rid = 1; rid <= RJ_COUNT(expected); rid++) {
        if (strcmp(expected[rid - 1], name) == 0) return CIL_TOKEN(CIL_METHOD_DEF, rid);
    }
    fail_msg("no %s", name);
    return 0;
}

static void attributes_are_found_by_name(void **state)
{
    (void)state;
    cil_token parse = find_method("Sample.Square.Parse(string)");
    assert_true(cil_has_attribute(&sample, parse, "Sample.MarkAttribute"));
    assert_false(cil_has_attribute(&sample, parse, "MarkAttribute"));
    assert_false(cil_has_attribute(&sample, parse, "Sample.MarkAttribute`1"));
    assert_false(cil_has_attribute(&sample, find_method("Sample.Square.Adder(int)"), "Sample.MarkAttribute"));
    /* a generic one, through its TypeSpec; one of another assembly, through a TypeRef */
    cil_token square = find_type("Sample.Square", CIL_TYPE_DEF);
    assert_true(cil_has_attribute(&sample, square, "Sample.MarkAttribute`1"));
    assert_false(cil_has_attribute(&sample, square, "Sample.MarkAttribute"));
    cil_token view = find_type("Sample.View", CIL_TYPE_DEF);
    assert_true(cil_has_attribute(&sample, view, "System.Runtime.CompilerServices.IsByRefLikeAttribute"));
    assert_true(cil_has_attribute(&sample, CIL_TOKEN(CIL_ASSEMBLY, 1),
                                  "System.Runtime.CompilerServices.CompilationRelaxationsAttribute"));
    assert_false(cil_has_attribute(&sample, 0, "Sample.MarkAttribute"));
    assert_false(cil_has_attribute(&sample, CIL_TOKEN(CIL_USER_STRING, 1), "Sample.MarkAttribute"));
}

/* Types that enclose one another, references that scope one another, a heap that is one long name. */
static void lies_come_to_an_end(void **state)
{
    (void)state;
    md_build b = {0};
    char *name = calloc(1, 60001);
    assert_non_null(name);
    memset(name, 'x', 60000);
    uint32_t at = md_string(&b, name);
    free(name);
    md_row(&b, CIL_TYPE_REF, "222", 2 << 2 | 3, at, at);
    md_row(&b, CIL_TYPE_REF, "222", 1 << 2 | 3, at, at);
    md_row(&b, CIL_TYPE_DEF, "422222", 0, at, at, 0, 1, 1);
    md_row(&b, CIL_TYPE_DEF, "422222", 0, at, at, 0, 1, 1);
    md_row(&b, CIL_NESTED_CLASS, "22", 1, 2);
    md_row(&b, CIL_NESTED_CLASS, "22", 2, 1);
    uint8_t args[2000] = {0x00, 0x83, 0xE5, 0x01}; /* 997 parameters */
    for (size_t i = 4; i + 1 < sizeof args; i += 2) {
        args[i] = 0x12;
        args[i + 1] = 1 << 2 | 1;
    }
    md_row(&b, CIL_METHOD_DEF, "422222", 0, 0, 0, at, md_blob(&b, args, sizeof args), 1);
    buf_t bytes = {0}, text = {0};
    md_finish(&b, &bytes);
    cil_image im;
    assert_true(cil_metadata_open(&im, bytes.p, bytes.n, NULL));
    cil_type_name(&im, 0x02000001, &text);
    cil_type_name(&im, 0x01000002, &text);
    assert_false(cil_type_is(&im, 0x02000001, "x+x+x"));
    cil_method_name(&im, 1, true, &text);
    assert_true(text.n > 3 * 1023 && text.n < 400000);
    assert_string_equal(buf_cstr(&text) + text.n - 3, "(?)"); /* too long to be written */
    buf_free(&text);
    buf_free(&bytes);
}

static void what_cannot_be_named_says_so(void **state)
{
    (void)state;
    md_build b = {0};
    md_row(&b, CIL_TYPE_SPEC, "2", md_blob(&b, "\x1D", 1));
    md_row(&b, CIL_METHOD_DEF, "422222", 0, 0, 0, md_string(&b, "Lost"), md_blob(&b, "\x00\x01\x01", 3), 1);
    buf_t bytes = {0}, text = {0};
    md_finish(&b, &bytes);
    cil_image im;
    assert_true(cil_metadata_open(&im, bytes.p, bytes.n, NULL));
    cil_method_name(&im, 1, true, &text); /* no type owns it, and its signature is cut short */
    assert_string_equal(buf_cstr(&text), "Lost(?)");
    text.n = 0;
    cil_type_name(&im, 0x1B000001, &text);
    assert_string_equal(buf_cstr(&text), "?");
    text.n = 0;
    cil_method_name(&im, 2, true, &text);
    assert_string_equal(buf_cstr(&text), "(?)");
    buf_free(&text);
    buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_have_the_names_that_people_type),
        cmocka_unit_test(types_have_their_metadata_names),
        cmocka_unit_test(types_have_the_names_that_people_type),
        cmocka_unit_test(signatures_name_types_with_or_without_namespaces),
        cmocka_unit_test(attributes_are_found_by_name),
        cmocka_unit_test(lies_come_to_an_end),
        cmocka_unit_test(what_cannot_be_named_says_so),
    };
    return cmocka_run_group_tests(tests, open_sample, close_sample);
}
