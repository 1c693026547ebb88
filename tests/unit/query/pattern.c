/* Patterns: what each selects in names.dll, and what is said about malformed ones. */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static test_image names;

/* ---- what matches ----------------------------------------------------------------------------------------------- */

/* `methods`: the names as printed, one a line, in rid order. */
static const struct {
    const char *pattern, *methods;
} selections[] = {
    {"Shop.Pricing.Total", "Shop.Pricing.Total(List<Item>,double)\nShop.Pricing.Total(Item)\nShop.Pricing.Total()\n"},
    {"  Shop.Pricing.Total  ",
     "Shop.Pricing.Total(List<Item>,double)\nShop.Pricing.Total(Item)\nShop.Pricing.Total()\n"},
    {"Shop.Pricing.Total()", "Shop.Pricing.Total()\n"},
    {"Shop.Pricing.Total ( )", "Shop.Pricing.Total()\n"},
    {"Shop.Pricing.Total(*)",
     "Shop.Pricing.Total(List<Item>,double)\nShop.Pricing.Total(Item)\nShop.Pricing.Total()\n"},
    {"Shop.Pricing.Total(Item)", "Shop.Pricing.Total(Item)\n"},
    {"Shop.Pricing.Total(It*)", "Shop.Pricing.Total(Item)\n"},
    {"Shop.Pricing.Total(Shop.Item)", "Shop.Pricing.Total(Item)\n"},
    {"Shop.Pricing.Total(hop.Item)", ""},
    {"Lines()", "Shop.Order.Lines()\n"},
    {"Shop.Pricing.Total(*,double)", "Shop.Pricing.Total(List<Item>,double)\n"},
    {"Shop.Pricing.Total(*,*,*)",
     "Shop.Pricing.Total(List<Item>,double)\nShop.Pricing.Total(Item)\nShop.Pricing.Total()\n"},
    {"Shop.Pricing.Total(List<Shop.Item>, System.Double)", "Shop.Pricing.Total(List<Item>,double)\n"},
    {"Shop.Pricing.Total(System.Collections.Generic.List<>,*)", "Shop.Pricing.Total(List<Item>,double)\n"},
    {"Shop.Pricing.Total(List<int>,double)", ""},
    /* without the namespace; never by a part of the namespace or of a type's name */
    {"Pricing.Total(int)", "Shop.Internal.Pricing.Total(int)\n"},
    {"Internal.Pricing.Total", ""},
    {"ricing.Total", ""},
    {"shop.pricing.total", ""},
    /* a name without a dot: the method's own, too */
    {"Total",
     "Shop.Pricing.Total(List<Item>,double)\nShop.Pricing.Total(Item)\nShop.Pricing.Total()\nShop.Order.get_Total()\n"
     "Shop.Order.set_Total(int)\nShop.Internal.Pricing.Total(int)\n"},
    {"T?tal(Item)", "Shop.Pricing.Total(Item)\n"},
    {"Tota", ""},
    {"*ound", "Shop.Pricing.Round(double)\n"},
    {"Shop.*.Total(int)", "Shop.Order.set_Total(int)\nShop.Internal.Pricing.Total(int)\n"},
    {"*Internal*", "Shop.Internal.Pricing.Total(int)\n"},
    {"names!Round", "Shop.Pricing.Round(double)\n"},
    /* generic parts: with, without, by number, by wildcard */
    {"Bag<T>.Add", "Shop.Bag<T>.Add(T)\n"},
    {"Bag.Add", "Shop.Bag<T>.Add(T)\n"},
    {"Bag`1.Add", "Shop.Bag<T>.Add(T)\n"},
    {"Bag`2.Add", ""},
    {"Bag<>.Add", "Shop.Bag<T>.Add(T)\n"},
    {"Bag< * >.Add(T)", "Shop.Bag<T>.Add(T)\n"},
    {"Bag<,>.Add", ""},
    {"Bag<U>.Add", ""},
    {"Bag<int>.Add", ""},
    {"B*<T>.Add", "Shop.Bag<T>.Add(T)\n"},
    {"Bag+Inner.Put", "Shop.Bag<T>+Inner.Put(T)\n"},
    {"Bag<T>+Inner.Put", "Shop.Bag<T>+Inner.Put(T)\n"},
    {"Shop.Bag<T>+Inner+Deep<U>.Put", "Shop.Bag<T>+Inner+Deep<U>.Put(T,U)\n"},
    {"Shop.Bag+Inner+Deep<U>.Put(T,U)", "Shop.Bag<T>+Inner+Deep<U>.Put(T,U)\n"},
    {"Bag+Inner+Deep<T>.Put", ""},
    {"Inner.Put", ""},
    {"*+Inner.Put", "Shop.Bag<T>+Inner.Put(T)\n"},
    {"Pricing.Pick", "Shop.Pricing.Pick<T>(T,T)\nShop.Pricing.Pick<K,V>(Dictionary<K,V>)\nShop.Pricing.Pick(int)\n"},
    {"Pricing.Pick<T>", "Shop.Pricing.Pick<T>(T,T)\n"},
    {"Pricing.Pick<K, V>", "Shop.Pricing.Pick<K,V>(Dictionary<K,V>)\n"},
    {"Pricing.Pick<,>", "Shop.Pricing.Pick<K,V>(Dictionary<K,V>)\n"},
    {"Pricing.Pick<*>", "Shop.Pricing.Pick<T>(T,T)\nShop.Pricing.Pick<K,V>(Dictionary<K,V>)\n"},
    {"Pricing.Pick``1", "Shop.Pricing.Pick<T>(T,T)\n"},
    {"Pricing.Pick(int)", "Shop.Pricing.Pick(int)\n"},
    /* constructors, operators */
    {"Shop.Order..ctor", "Shop.Order..ctor()\nShop.Order..ctor(int)\n"},
    {"Order..ctor(int)", "Shop.Order..ctor(int)\n"},
    {".cctor", "Shop.Order..cctor()\nShop.Pricing+<>c..cctor()\n"},
    {"Order.op_Addition(Order,Order)", "Shop.Order.op_Addition(Order,Order)\n"},
    /* properties and events by their names; a method that is merely called get_Fake is none */
    {"Order.Total", "Shop.Order.get_Total()\nShop.Order.set_Total(int)\n"},
    {"Order.get_Total", "Shop.Order.get_Total()\n"},
    {"Order.Item", "Shop.Order.get_Item(int)\n"},
    {"Changed", "Shop.Order.add_Changed(EventHandler)\nShop.Order.remove_Changed(EventHandler)\n"},
    {"Order.Fake", ""},
    {"Order.get_Fake", "Shop.Order.get_Fake()\n"},
    {"Order.To*l", "Shop.Order.get_Total()\nShop.Order.set_Total(int)\n"},
    /* explicit implementations: in full, and by their last part */
    {"Shop.Bag<T>.System.Collections.IEnumerable.GetEnumerator",
     "Shop.Bag<T>.System.Collections.IEnumerable.GetEnumerator()\n"},
    {"Shop.Bag.System.Collections.Generic.IEnumerable.GetEnumerator",
     "Shop.Bag<T>.System.Collections.Generic.IEnumerable<T>.GetEnumerator()\n"},
    {"Bag.GetEnumerator", "Shop.Bag<T>.System.Collections.Generic.IEnumerable<T>.GetEnumerator()\n"
                          "Shop.Bag<T>.System.Collections.IEnumerable.GetEnumerator()\n"},
    {"CopyTo", "Shop.Bag<T>.System.Collections.ICollection.CopyTo(Array,int)\n"},
    {"Count", "Shop.Bag<T>.System.Collections.ICollection.get_Count()\n"},
    {"*.ICollection.Count", "Shop.Bag<T>.System.Collections.ICollection.get_Count()\n"},
    {"*IEnumerator<int>.Current",
     "Shop.Order+<Lines>d__14.System.Collections.Generic.IEnumerator<System.Int32>.get_Current()\n"},
    {"*IEnumerator<string>.Current", ""},
    /* the compiler's names */
    {"Program.<Main>$", "Program.<Main>$(string[])\n"},
    {"<Main>$", "Program.<Main>$(string[])\n"},
    {"Program.<<Main>$>g__Helper|0_0", "Program.<<Main>$>g__Helper|0_0(int)\n"},
    {"*g__Up|*", "Shop.Pricing.<Round>g__Up|3_0(double)\n"},
    {"Pricing.<Round>g__Wrap|3_1<T>", "Shop.Pricing.<Round>g__Wrap|3_1<T>(T)\n"},
    {"Pricing.<Round>g__*", "Shop.Pricing.<Round>g__Up|3_0(double)\nShop.Pricing.<Round>g__Wrap|3_1<T>(T)\n"},
    {"Shop.Pricing+<>c.<Twice>b__5_0", "Shop.Pricing+<>c.<Twice>b__5_0(int)\n"},
    {"*<>c__DisplayClass4_0.<*>b__0", "Shop.Pricing+<>c__DisplayClass4_0.<Adder>b__0(int)\n"},
    {"*.MoveNext", "Shop.Order+<Lines>d__14.MoveNext()\n"},
    {"<Lines>d__14.MoveNext", ""},
    {"Order+<Lines>d__14.MoveNext", "Shop.Order+<Lines>d__14.MoveNext()\n"},
    /* parameter lists */
    {"Refused(int?,decimal,DateTime,out int,ref int,in Colour,ref string,int*)",
     "Shop.Arguments.Refused(int?,decimal,DateTime,out int,ref int,in Colour,ref string,int*)\n"},
    {"Refused(Nullable<System.Int32>,Decimal,*,int&,*)",
     "Shop.Arguments.Refused(int?,decimal,DateTime,out int,ref int,in Colour,ref string,int*)\n"},
    {"Refused(int?,decimal,DateTime,int,*)", ""},
    {"Arrays(int[],int[,],int[][],List<int?>[],Dictionary<string,Item>,*)",
     "Shop.Arguments.Arrays(int[],int[,],int[][],List<int?>[],Dictionary<string,Item>,ValueTuple<int,string>)\n"},
    {"Arrays(int[],int[],*)", ""},
    {"Arrays(*, System.Collections.Generic.Dictionary< string , Shop.Item >, ValueTuple<int,string>)",
     "Shop.Arguments.Arrays(int[],int[,],int[][],List<int?>[],Dictionary<string,Item>,ValueTuple<int,string>)\n"},
    {"Generic<T>(T,List<T>)", "Shop.Arguments.Generic<T>(T,List<T>)\n"},
};

static bool append(void *owner, uint32_t rid)
{
    buf_t *b = owner;
    cil_method_name(&names.im, rid, true, b);
    buf_u8(b, '\n');
    return true;
}

/* The same by asking for each method alone. */
static void append_one_by_one(const query_pattern *p, buf_t *b)
{
    buf_t scratch = {0};
    for (uint32_t rid = 1; rid <= names.im.rows[CIL_METHOD_DEF]; rid++) {
        if (query_pattern_method(p, &names.im, rid, &scratch)) append(b, rid);
    }
    buf_free(&scratch);
}

static void patterns_select(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(selections); i++) {
        arena a = {0};
        buf_t scanned = {0}, asked = {0};
        err_t e = {0};
        query_pattern *p = query_pattern_parse(&a, selections[i].pattern, &e);
        if (!p) fail_msg("%s: %s", selections[i].pattern, e.text);
        query_pattern_scan(p, &names.im, append, &scanned);
        append_one_by_one(p, &asked);
        if (strcmp(buf_cstr(&scanned), selections[i].methods) != 0) {
            fail_msg("%s selects:\n%sexpected:\n%s", selections[i].pattern, buf_cstr(&scanned), selections[i].methods);
        }
        assert_string_equal(buf_cstr(&asked), buf_cstr(&scanned));
        buf_free(&scanned);
        buf_free(&asked);
        arena_free(&a);
    }
}

static bool count_to_three(void *owner, uint32_t rid)
{
    (void)rid;
    return ++*(int *)owner < 3;
}

static void scan_stops_when_told(void **state)
{
    (void)state;
    arena a = {0};
    query_pattern *p = query_pattern_parse(&a, "*", NULL);
    assert_non_null(p);
    int count = 0;
    query_pattern_scan(p, &names.im, count_to_three, &count);
    assert_int_equal(count, 3);
    arena_free(&a);
}

static bool count_all(void *owner, uint32_t rid)
{
    (void)rid;
    ++*(uint32_t *)owner;
    return true;
}

static void star_selects_every_method(void **state)
{
    (void)state;
    static const char *const stars[] = {"*", "**", "*!*", "*(*)", "?*"};
    for (size_t i = 0; i < RJ_COUNT(stars); i++) {
        arena a = {0};
        query_pattern *p = query_pattern_parse(&a, stars[i], NULL);
        assert_non_null(p);
        uint32_t count = 0;
        query_pattern_scan(p, &names.im, count_all, &count);
        assert_int_equal(count, names.im.rows[CIL_METHOD_DEF]);
        arena_free(&a);
    }
}

static void assemblies_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *assembly;
        bool matches;
    } cases[] = {{"*", "Shop", true},
                 {"Shop!*", "Shop", true},
                 {"Shop.dll!*", "Shop", true},
                 {"Shop.exe!*", "Shop", true},
                 {"Shop!*", "Shop.Web", false},
                 {"Shop*!*", "Shop.Web", true},
                 {"shop!*", "Shop", false},
                 {" Shop ! * ", "Shop", true},
                 {"Sh?p!X.Y", "Shop", true},
                 {"Shop.Web!*", "Shop", false},
                 {"*!*", "", true},
                 {"Größe!*", "Größe", true},
                 {"Gr??e!*", "Größe", true},
                 {"Gr?e!*", "Größe", false}};
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        query_pattern *p = query_pattern_parse(&a, cases[i].pattern, NULL);
        assert_non_null(p);
        if (query_pattern_assembly(p, cases[i].assembly) != cases[i].matches) {
            fail_msg("%s on %s", cases[i].pattern, cases[i].assembly);
        }
        arena_free(&a);
    }
}

/* More than 64 positions need several words of state. */
static void long_patterns_match(void **state)
{
    (void)state;
    arena a = {0};
    char text[600];
    size_t n = (size_t)snprintf(text, sizeof text, "%s",
                                "Shop.Bag<T>.System.Collections.Generic.IEnumerable<T>.GetEnumerator*");
    for (int i = 0; i < 50; i++)
        memcpy(text + n + (size_t)i * 3, "?**", 4);
    assert_true(strlen(text) > 128);
    query_pattern *p = query_pattern_parse(&a, text, NULL);
    assert_non_null(p);
    uint32_t count = 0;
    query_pattern_scan(p, &names.im, count_all, &count);
    assert_int_equal(count, 0); /* 50 characters more than the name has */
    p = query_pattern_parse(
        &a,
        "*S*h*o*p*.*B*a*g*<T>*.*S*y*s*t*e*m*.*C*o*l*l*e*c*t*i*o*n*s*.*G*e*n*e*r*i*c*.*I*E*n*u*m*e*r*a*b*l*e*<T>*.*"
        "G*e*t*E*n*u*m*e*r*a*t*o*r*",
        NULL);
    assert_non_null(p);
    query_pattern_scan(p, &names.im, count_all, &count);
    assert_int_equal(count, 1);
    arena_free(&a);
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static const struct {
    const char *pattern;
    int column;
    const char *text;
} refusals[] = {
    {"", 0, "column 1: the pattern is empty; write Namespace.Type.Method, or * for every method"},
    {"   ", 0, "column 1: the pattern is empty; write Namespace.Type.Method, or * for every method"},
    {"A.B(int", 3, "column 4: '(' is never closed; write Type.Method(int,string)"},
    {"A.B(int,", 3, "column 4: '(' is never closed; write Type.Method(int,string)"},
    {"A.B(int,)", 8, "column 9: a type is missing here; write Type.Method(int,string)"},
    {"A.B(,int)", 4, "column 5: a type is missing here; write Type.Method(int,string)"},
    {"A.B(int)x", 8, "column 9: 'x' behind ')'; the pattern ends with its parameter list"},
    {"A.B(int))", 8, "column 9: ')' behind ')'; the pattern ends with its parameter list"},
    {"A.B)", 3, "column 4: ')' has no '('; write Type.Method(int,string)"},
    {"A.B(List<int)", 12, "column 13: ')' does not belong into type arguments; write List<int>"},
    {"A.B(List<int", 8, "column 9: '<' is never closed; write List<int>"},
    {"A.B(int[)", 7, "column 8: '[' is not closed by ']'; write int[] or int[,]"},
    {"A.B((int,string))", 4, "column 5: write a tuple as ValueTuple<int,string>"},
    {"A.B(int count)", 8, "column 9: leave out the parameter's name: only types stand here"},
    {"A.B(int;string)", 7, "column 8: ';' does not belong here; write Type.Method(int,string)"},
    {"List<T.Add", 4, "column 5: '<' is never closed; write List<T>.Add"},
    {"List<T(int)", 4, "column 5: '<' is never closed; write List<T>.Add"},
    {"ListT>.Add", 5, "column 6: '>' has no '<'; write List<T>.Add"},
    {"A!B!C", 3, "column 4: a second '!'; write Assembly!Type.Method"},
    {"!A.B", 0, "column 1: the assembly's name is missing before '!'; write Assembly!Type.Method"},
    {"Shop!", 5, "column 6: nothing follows '!'; write Shop!* for all of its methods"},
    {"Shop.", 4, "column 5: nothing follows '.'; write Shop.* for everything in it"},
    {"A.Outer+", 7, "column 8: nothing follows '+'; write A.Outer+* for everything in it"},
    {"(int)", 0, "column 1: a method's name is missing; write Namespace.Type.Method"},
    {"A. B", 2, "column 3: a space in a name; remove it, or write ? where the name really has one"},
    {"A/B.C", 1, "column 2: '/' in a name; write a nested type as Outer+Inner"},
    {"A::B", 1, "column 2: ':' in a name; write Namespace.Type.Method"},
    {"A.B,A.C", 3, "column 4: ',' outside of a list; give each pattern as an argument of its own"},
    {"A[].B", 1, "column 2: '[' in a name; arrays stand in the parameter list: Type.Method(int[])"},
    {"A\tB", 1, "column 2: a control character (0x09); remove it"},
    {"A.B\x1b[31m", 3, "column 4: a control character (0x1b); remove it"},
    {"A.B\"", 3, "column 4: '\"' cannot stand in a name; write Namespace.Type.Method"},
    {"A.B(\x01)", 4, "column 5: a type is missing here; write Type.Method(int,string)"},
    {"A.B(int) \xc3\xa9", 9, "column 10: '?' behind ')'; the pattern ends with its parameter list"},
};

static void malformed_patterns_are_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(refusals); i++) {
        arena a = {0};
        err_t e = {0};
        if (query_pattern_parse(&a, refusals[i].pattern, &e)) fail_msg("'%s' is accepted", refusals[i].pattern);
        assert_int_equal(e.code, ERR_USAGE);
        assert_string_equal(e.text, refusals[i].text);
        if (e.at != refusals[i].column) fail_msg("'%s': place %d", refusals[i].pattern, (int)e.at);
        arena_free(&a);
    }
}

static void length_and_depth_are_limited(void **state)
{
    (void)state;
    char text[1100];
    arena a = {0};
    err_t e = {0};
    memset(text, 'a', sizeof text);
    text[1024] = 0;
    assert_non_null(query_pattern_parse(&a, text, &e));
    text[1024] = 'a';
    text[1025] = 0;
    assert_null(query_pattern_parse(&a, text, &e));
    assert_string_equal(e.text, "column 1025: the pattern is longer than 1024 bytes; write * in place of a part of it");
    memcpy(text, "int.", 4); /* one more as Int32. */
    text[1024] = 0;
    assert_null(query_pattern_parse(&a, text, &e));
    assert_string_equal(e.text, "column 1025: the pattern is longer than 1024 bytes; write * in place of a part of it");
    memset(text, '<', 200);
    memset(text + 200, '>', 200);
    text[400] = 0;
    assert_null(query_pattern_parse(&a, text, &e));
    assert_string_equal(e.text, "column 65: more than 64 angle brackets are open");
    memcpy(text, "A(", 2);
    for (size_t i = 2; i < 400; i += 2)
        memcpy(text + i, "B<", 3);
    assert_null(query_pattern_parse(&a, text, &e));
    assert_string_equal(e.text, "column 133: types are nested too deeply (more than 64)");
    arena_free(&a);
}

static int open_names(void **state)
{
    (void)state;
    test_image_open(&names, NAMES_DLL);
    return 0;
}

static int close_names(void **state)
{
    (void)state;
    test_image_close(&names);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_select),
        cmocka_unit_test(scan_stops_when_told),
        cmocka_unit_test(star_selects_every_method),
        cmocka_unit_test(assemblies_match),
        cmocka_unit_test(long_patterns_match),
        cmocka_unit_test(malformed_patterns_are_explained),
        cmocka_unit_test(length_and_depth_are_limited),
    };
    return cmocka_run_group_tests(tests, open_names, close_names);
}
