/* Conditions: the trees they become, what they become bound to a method of names.dll, and what is said about those that
 * are off. */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static test_image names;

#define NUMBERS "Shop.Arguments.Numbers(sbyte,byte,short,ushort,int,uint,long,ulong,float,double,nint,nuint)"
#define OTHERS  "Shop.Arguments.Others(bool,char,string,object,int[],Item,Colour,Big,Depth,DayOfWeek)"
#define REFUSED "Shop.Arguments.Refused(int?,decimal,DateTime,out int,ref int,in Colour,ref string,int*)"
#define GENERIC "Shop.Arguments.Generic<T>(T,List<T>)"
#define STRUCTS \
    "Shop.Arguments.Structs(Corner,in Corner,out Corner,Shelf,Pair<int,string>,Corner[],DayOfWeek,Span<int>)"
#define VERBATIM "Shop.Arguments.Verbatim(int,int)"
#define NONE     "Shop.Arguments.None()"

/* ---- trees as text ----------------------------------------------------------------------------------------------- */

static void put_value(const query_node *n, buf_t *out)
{
    if (n->name) {
        buf_printf(out, "name:%s", n->name);
        return;
    }
    switch (n->value_kind) {
    case QUERY_NULL: buf_str(out, "null"); break;
    case QUERY_INT: buf_printf(out, "%s%lld", n->is_bool ? "bool:" : "", (long long)n->i); break;
    case QUERY_UINT: buf_printf(out, "%lluu", (unsigned long long)n->u); break;
    case QUERY_FLOAT: buf_printf(out, "%.17gf", n->f); break;
    case QUERY_DECIMAL:
        buf_printf(out, "%s%llx:%llx/%um", n->decimal.negative ? "-" : "", (unsigned long long)n->decimal.high,
                   (unsigned long long)n->decimal.low, n->decimal.scale);
        break;
    case QUERY_TEXT:
        buf_u8(out, '\'');
        text_utf16_to_utf8(out, n->text, n->text_units);
        buf_u8(out, '\'');
        break;
    }
}

static void put_tree(const query_node *n, bool bound, buf_t *out)
{
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    if (n->kind == QUERY_PAIR) {
        static const char *const as[] = {"numbers", "singles", "decimals", "texts"};
        buf_printf(out, "%s%s%s [%u:%02x %u:%02x %s]", n->left->argument, ops[n->op], n->right->argument,
                   n->left->index, n->left->element, n->right->index, n->right->element, as[n->pairing]);
        return;
    }
    if (n->kind == QUERY_COMPARE) {
        buf_printf(out, "%s%s", n->argument, ops[n->op]);
        put_value(n, out);
        if (bound) buf_printf(out, " [%u:%02x%s]", n->index, n->element, n->is_enum ? " enum" : "");
        return;
    }
    buf_str(out, n->kind == QUERY_AND ? "(and " : n->kind == QUERY_OR ? "(or " : "(not ");
    put_tree(n->left, bound, out);
    if (n->kind != QUERY_NOT) buf_u8(out, ' ');
    if (n->kind != QUERY_NOT) put_tree(n->right, bound, out);
    buf_u8(out, ')');
}

static void expect_tree(const char *condition, const query_node *tree, bool bound, const char *expected)
{
    buf_t text = {0};
    put_tree(tree, bound, &text);
    if (strcmp(buf_cstr(&text), expected) != 0)
        fail_msg("%s\n  gives    %s\n  expected %s", condition, buf_cstr(&text), expected);
    buf_free(&text);
}

/* ---- parsing ------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *condition, *tree;
} trees[] = {
    {"n > 100", "n>100"},
    {"args.n>100", "n>100"},
    {"  3 < n ", "n>3"},
    {"3 <= args.n", "n>=3"},
    {"3 >= n", "n<=3"},
    {"3 > n", "n<3"},
    {"3 == n", "n==3"},
    {"order.Total > 5", "order.Total>5"},
    {"args.order?.Lines?[3]?.Price > 5", "order.Lines[3].Price>5"},
    {"this._stock == 0", "this._stock==0"},
    {"order.State == Open", "Open==name:order.State"}, /* which is which is known when it is bound */
    {"n != -5", "n!=-5"},
    {"n == +5", "n==5"},
    {"n == 1_000_000", "n==1000000"},
    {"n == 0xFF", "n==255"},
    {"n == 0xFF_FFul", "n==65535"},
    {"n == 0b1010", "n==10"},
    {"n == 10UL", "n==10"},
    {"n == 10lu", "n==10"},
    {"n == 9223372036854775807", "n==9223372036854775807"},
    {"n == 9223372036854775808", "n==9223372036854775808u"},
    {"n == -9223372036854775808", "n==-9223372036854775808"},
    {"n == 18446744073709551615", "n==18446744073709551615u"},
    {"n == 0xFFFFFFFFFFFFFFFF", "n==18446744073709551615u"},
    {"n == 1.5e3", "n==1500f"},
    {"n == 1e3", "n==1000f"},
    {"n == .5", "n==0.5f"},
    {"n == -1.5E-1", "n==-0.14999999999999999f"},
    {"n == 1_0.2_5", "n==10.25f"},
    {"n == 3f", "n==3f"},
    {"n == 0.1f", "n==0.10000000149011612f"},
    {"n == 0.1d", "n==0.10000000000000001f"},
    {"n == 2.5m", "n==2.5f"},
    {"s == 'text'", "s=='text'"},
    {"s == \"it's\"", "s=='it's'"},
    {"s == 'a\\tb\\\\\\'\\\"\\u00e9'", "s=='a\tb\\'\"é'"},
    {"s == 'größe'", "s=='größe'"},
    {"s == ''", "s==''"},
    {"s == '\\ud83d\\ude00'", "s=='😀'"},
    {"s == null", "s==null"},
    {"null != s", "s!=null"},
    {"b == true", "b==bool:1"},
    {"false == b", "b==bool:0"},
    {"b", "b==bool:1"},
    {"!b", "(not b==bool:1)"},
    {"!!args.b", "(not (not b==bool:1))"},
    {"color == Red", "color==name:Red"},
    {"color == Color.Red", "color==name:Color.Red"},
    {"Color.Red == color", "color==name:Color.Red"},
    {"Ns.Color.Red != args.color", "color!=name:Ns.Color.Red"},
    {"Red < args.color", "color>name:Red"},
    {"@class == 1", "class==1"},
    {"args.@class == 1", "class==1"},
    {"größe > 1", "größe>1"},
    {"a > 1 && b < 2", "(and a>1 b<2)"},
    {"a > 1 && b < 2 || c", "(or (and a>1 b<2) c==bool:1)"},
    {"a || b && c", "(or a==bool:1 (and b==bool:1 c==bool:1))"},
    {"(a || b) && c", "(and (or a==bool:1 b==bool:1) c==bool:1)"},
    {"a || b || c", "(or (or a==bool:1 b==bool:1) c==bool:1)"},
    {"!(a > 1 || !b)", "(not (or a>1 (not b==bool:1)))"},
    {"truey == 1", "truey==1"},
    {"nullable != nothing", "nullable!=name:nothing"},
    {"order.Map[\"a.]b\"].Price > 5", "order.Map[\"a.]b\"].Price>5"},
    {"args.map['\\u0041'] == \"x\"", "map['\\u0041']=='x'"},
    {"map[-12]?[0xFFul] > 5", "map[-12][0xFFul]>5"},
    {"args.a > args.b", "a>name:b"},
    {"a < args.b", "b>name:a"},
    {"args.a.Total >= b", "a.Total>=name:b"},
};

static void conditions_become_trees(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(trees); i++) {
        arena a = {0};
        err_t e = {0};
        query_node *n = query_condition_parse(&a, trees[i].condition, &e);
        if (!n) {
            fail_msg("%s: %s", trees[i].condition, e.text);
            return;
        }
        expect_tree(trees[i].condition, n, false, trees[i].tree);
        arena_free(&a);
    }
}

static const struct {
    const char *condition;
    int column;
    const char *text;
} malformed[] = {
    {"", 0, "column 1: the condition is empty; write n > 100"},
    {" \t", 0, "column 1: the condition is empty; write n > 100"},
    {"n >", 3, "column 4: an argument or a literal is missing at the end; write n > 100"},
    {"n = 3", 2, "column 3: '=' does not compare; write =="},
    {"n === 3", 4, "column 5: '=' behind an operator; write ==, !=, <, <=, >, >=, ~ or !~"},
    {"n > 3 & m", 6, "column 7: a single '&'; write &&"},
    {"n > 3 | m", 6, "column 7: a single '|'; write ||"},
    {"n > 3)", 5, "column 6: ')' has no '('"},
    {"(n > 3", 0, "column 1: '(' is never closed; write (a > 1 || b > 1)"},
    {"(n > 3 m)", 7, "column 8: 'm' where &&, || or ')' should stand"},
    {"n > 3 m", 6, "column 7: 'm' where &&, || or the end should stand"},
    {"n > (3)", 4, "column 5: parentheses hold whole comparisons; write (n > 100)"},
    {"n > 3 && ", 9, "column 10: an argument or a literal is missing at the end; write n > 100"},
    {"&& n", 0, "column 1: '&' is neither an argument nor a literal; write n > 100"},
    {"n > $", 4, "column 5: '$' is neither an argument nor a literal; write n > 100"},
    {"n > \x1b", 4, "column 5: '?' is neither an argument nor a literal; write n > 100"},
    {"3", 0, "column 1: a literal alone is no condition; compare an argument with it"},
    {"true", 0, "column 1: a literal alone is no condition; compare an argument with it"},
    {"3 == 4", 0, "column 1: two literals are compared; one side must be an argument"},
    {"order. > 5", 6, "column 7: a name is missing behind '.'"},
    {"order?.[0] > 5", 7, "column 8: a name is missing behind '.'"},
    {"order[] > 5", 5, "column 6: an index is a whole number or a text; write items[0] or map[\"key\"]"},
    {"order[1.5] > 5", 5, "column 6: an index is a whole number or a text; write items[0] or map[\"key\"]"},
    {"order[1ms] > 5", 5, "column 6: an index is a whole number or a text; write items[0] or map[\"key\"]"},
    {"order[x] > 5", 5, "column 6: an index is a whole number or a text; write items[0] or map[\"key\"]"},
    {"order['x > 5", 6, "column 7: this text is never closed; end it with '"},
    {"order[1", 5, "column 6: an index is a whole number or a text; write items[0] or map[\"key\"]"},
    {"args.", 5, "column 6: a name is missing behind '.'"},
    {"args.5 > 1", 5, "column 6: a name is missing behind '.'"},
    {"@ > 1", 1, "column 2: a name is missing behind '@'"},
    {"s == 'abc", 5, "column 6: this text is never closed; end it with '"},
    {"s == 'abc\\", 5, "column 6: this text is never closed; end it with '"},
    {"s == 'a\\qb'", 5, "column 6: an escape that is not known; write \\n \\t \\r \\0 \\\\ \\' \\\" or \\u0041"},
    {"s == '\\u12'", 5, "column 6: \\u needs four hexadecimal digits; write \\u0041"},
    {"n == 18446744073709551616", 5, "column 6: this number does not fit into 64 bits"},
    {"n == -9223372036854775809", 6, "column 7: this number does not fit into 64 bits"},
    {"n == 0x", 7, "column 8: digits are missing"},
    {"n == 0xFG", 8, "column 9: 'G' does not belong to a number; write 1000, 0xFF, 1.5e3 or 10UL"},
    {"n == 10q", 7, "column 8: 'q' does not belong to a number; write 1000, 0xFF, 1.5e3 or 10UL"},
    {"n == 1.2.3", 8, "column 9: '.' does not belong to a number; write 1000, 0xFF, 1.5e3 or 10UL"},
    {"n == 10ulu", 9, "column 10: 'u' does not belong to a number; write 1000, 0xFF, 1.5e3 or 10UL"},
};

static void malformed_conditions_are_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(malformed); i++) {
        arena a = {0};
        err_t e = {0};
        if (query_condition_parse(&a, malformed[i].condition, &e)) fail_msg("'%s' is accepted", malformed[i].condition);
        assert_int_equal(e.code, ERR_USAGE);
        assert_string_equal(e.text, malformed[i].text);
        if (e.at != malformed[i].column) fail_msg("'%s': place %d", malformed[i].condition, (int)e.at);
        arena_free(&a);
    }
}

static void size_is_limited(void **state)
{
    (void)state;
    char text[1100];
    arena a = {0};
    err_t e = {0};
    memset(text, ' ', sizeof text);
    memcpy(text, "n > 1", 5);
    text[1024] = 0;
    assert_non_null(query_condition_parse(&a, text, &e));
    text[1024] = ' ';
    text[1025] = 0;
    assert_null(query_condition_parse(&a, text, &e));
    assert_string_equal(e.text, "column 1025: the condition is longer than 1024 bytes");
    memset(text, '(', 200);
    text[200] = 0;
    assert_null(query_condition_parse(&a, text, &e));
    assert_string_equal(e.text, "column 65: the condition is nested too deeply (more than 64)");
    for (int i = 0; i < 33; i++)
        memcpy(text + (size_t)i * 3, "a&&", 3);
    text[94] = 0; /* 32 comparisons, 31 `and` */
    assert_non_null(query_condition_parse(&a, text, &e));
    text[94] = '&';
    text[97] = 0;
    assert_null(query_condition_parse(&a, text, &e));
    assert_string_equal(e.text, "column 95: the condition has more than 64 parts; make it simpler");
    arena_free(&a);
}

/* ---- binding ------------------------------------------------------------------------------------------------------
 */

/* DayOfWeek lives in another assembly: here a stand-in, the enum Depth of names.dll. */
static const cil_image *depth_instead(void *owner, const cil_image *image, cil_token token, uint32_t *type_rid)
{
    (void)owner;
    if (!cil_type_is(image, token, "System.DayOfWeek")) return NULL;
    for (uint32_t rid = 1; rid <= image->rows[CIL_TYPE_DEF]; rid++) {
        *type_rid = rid;
        if (cil_type_is(image, CIL_TOKEN(CIL_TYPE_DEF, rid), "Shop.Depth")) return image;
    }
    return NULL;
}

static const struct {
    const char *method, *condition, *tree;
} bound[] = {
    {NUMBERS, "i1 < 0", "i1<0 [0:04]"},
    {NUMBERS, "u1 == 255", "u1==255 [1:05]"},
    {NUMBERS, "i2 > 1.5", "i2>1.5f [2:06]"},
    {NUMBERS, "u2 != 1", "u2!=1 [3:07]"},
    {NUMBERS, "n > 100 && args.u4 <= 5", "(and n>100 [4:08] u4<=5 [5:09])"},
    {NUMBERS, "i8 == -1 || u8 == 18446744073709551615", "(or i8==-1 [6:0a] u8==18446744073709551615u [7:0b])"},
    {NUMBERS, "r4 > 1", "r4>1f [8:0c]"},
    {NUMBERS, "r8 < 18446744073709551615", "r8<1.8446744073709552e+19f [9:0d]"},
    {NUMBERS, "i == 0 && u == 0", "(and i==0 [10:18] u==0 [11:19])"},
    {REFUSED, "price > 1", "price>0:1/0m [1:11]"},
    {REFUSED, "price > -12.50", "price>-0:7d/1m [1:11]"},
    {REFUSED, "price > 0.1f", "price>0:1/1m [1:11]"},
    {REFUSED, "price > 1_000.000_1", "price>0:989681/4m [1:11]"},
    {REFUSED, "price > 1.5e3", "price>0:5dc/0m [1:11]"},
    {REFUSED, "price > 100.00", "price>0:64/0m [1:11]"},
    {REFUSED, "price > 0.00", "price>0:0/0m [1:11]"},
    {REFUSED, "price > 15e-28", "price>0:f/28m [1:11]"},
    {REFUSED, "price > 79228162514264337593543950335.0", "price>ffffffff:ffffffffffffffff/0m [1:11]"},
    {REFUSED, "price > 18446744073709551615", "price>0:ffffffffffffffff/0m [1:11]"},
    {REFUSED, "price > -0x10", "price>-0:10/0m [1:11]"},
    {OTHERS, "flag", "flag==bool:1 [0:02]"},
    {OTHERS, "!flag", "(not flag==bool:1 [0:02])"},
    {OTHERS, "flag != true", "flag!=bool:1 [0:02]"},
    {OTHERS, "letter == 'x'", "letter==120 [1:03]"},
    {OTHERS, "letter >= 'é'", "letter>=233 [1:03]"},
    {OTHERS, "letter == 65", "letter==65 [1:03]"},
    {OTHERS, "name == 'x'", "name=='x' [2:0e]"},
    {OTHERS, "name != null", "name!=null [2:0e]"},
    {OTHERS, "thing == null && list != null && null == item",
     "(and (and thing==null [3:1c] list!=null [4:1c]) item==null [5:1c])"},
    {OTHERS, "colour == Red", "colour==1 [6:05 enum]"},
    {OTHERS, "colour == Colour.Blue", "colour==200 [6:05 enum]"},
    {OTHERS, "Shop.Colour.Green < colour", "colour>2 [6:05 enum]"},
    {OTHERS, "Green <= colour", "colour>=2 [6:05 enum]"},
    {OTHERS, "Green < colour", "colour>2 [6:05 enum]"},
    {OTHERS, "Green >= colour", "colour<=2 [6:05 enum]"},
    {OTHERS, "Green > colour", "colour<2 [6:05 enum]"},
    {OTHERS, "colour == 7", "colour==7 [6:05 enum]"},
    {OTHERS, "big == Top", "big==9223372036854775808u [7:0b enum]"},
    {OTHERS, "big == 9223372036854775809", "big==9223372036854775809u [7:0b enum]"},
    {OTHERS, "depth == Under", "depth==-3 [8:06 enum]"},
    {OTHERS, "day == Over", "day==3 [9:06 enum]"},
    {REFUSED, "number > 1", "number>1 [4:08]"},
    {REFUSED, "colour == Green", "colour==2 [5:05 enum]"},
    {REFUSED, "pointer == null", "pointer==0 [7:19]"},
    {REFUSED, "pointer > 0x7fff", "pointer>32767 [7:19]"},
    {GENERIC, "list == null", "list==null [1:1c]"},
    {VERBATIM, "@class == 1 && größe == 2", "(and class==1 [0:08] größe==2 [1:08])"},
    {VERBATIM, "@class < größe || args.größe == args.@class",
     "(or class<größe [0:08 1:08 numbers] größe==class [1:08 0:08 numbers])"},
    {NUMBERS, "n == u4", "n==u4 [4:08 5:09 numbers]"},
    {NUMBERS, "n < args.u4", "u4>n [5:09 4:08 numbers]"},
    {NUMBERS, "args.n >= args.i8", "n>=i8 [4:08 6:0a numbers]"},
    {NUMBERS, "u8 != u2 && u != u8", "(and u8!=u2 [7:0b 3:07 numbers] u!=u8 [11:19 7:0b numbers])"},
    {NUMBERS, "i8 < r4", "i8<r4 [6:0a 8:0c singles]"},
    {NUMBERS, "r4 == r4", "r4==r4 [8:0c 8:0c singles]"},
    {NUMBERS, "r4 <= r8 && u8 > r8", "(and r4<=r8 [8:0c 9:0d numbers] u8>r8 [7:0b 9:0d numbers])"},
    {NUMBERS, "n == thread", "n==thread [4:08 0:09 numbers]"},
    {REFUSED, "price > number", "price>number [1:11 4:08 decimals]"},
    {REFUSED, "price == price", "price==price [1:11 1:11 decimals]"},
    {REFUSED, "colour == args.colour", "colour==colour [5:05 5:05 numbers]"},
    {OTHERS, "name == name", "name==name [2:0e 2:0e texts]"},
    {OTHERS, "flag != flag", "flag!=flag [0:02 0:02 numbers]"},
    {OTHERS, "letter > letter", "letter>letter [1:03 1:03 numbers]"},
    {STRUCTS, "corner.X > 3 && corner.Of == null", "(and corner.X>3 [0:08] corner.Of==null [0:1c])"},
    {STRUCTS, "corner.Depth == Over", "corner.Depth==3 [0:06 enum]"},
    {STRUCTS, "given.X != corner.X", "given.X!=corner.X [1:08 0:08 numbers]"},
    {STRUCTS, "given.Of.Price > 1", "given.Of.Price>0:1/0m [1:11]"},
    {STRUCTS, "shelf.Near.X < 7", "shelf.Near.X<7 [3:08]"},
    {STRUCTS, "pair.First == 1 && pair.Second == 'x'", "(and pair.First==1 [4:08] pair.Second=='x' [4:0e])"},
    {OTHERS, "colour < colour", "colour<colour [6:05 6:05 numbers]"},
};

static const query_resolver resolver = {.type = depth_instead};

static void conditions_are_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(bound); i++) {
        arena a = {0};
        err_t e = {0};
        query_node *parsed = query_condition_parse(&a, bound[i].condition, &e);
        if (!parsed) {
            fail_msg("%s: %s", bound[i].condition, e.text);
            return;
        }
        uint32_t rid = test_method(&names.im, bound[i].method);
        const query_node *n = query_condition_check(&a, parsed, &names.im, rid, &resolver, &e);
        if (!n) {
            fail_msg("%s: %s", bound[i].condition, e.text);
            return;
        }
        expect_tree(bound[i].condition, n, true, bound[i].tree);
        arena_free(&a);
    }
}

#define KINDS "only primitive types, decimals, strings, enums and null can be compared"

static const struct {
    const char *method, *condition;
    int column;
    const char *text;
} unbound[] = {
    {NUMBERS, "n > 1 && count > 1", 9,
     "column 10: no argument 'count'; Shop.Arguments.Numbers has i1, u1, i2, u2, n, u4, i8, u8, r4, r8, i, u"},
    {NONE, "n > 1", 0, "column 1: no argument 'n'; Shop.Arguments.None has none"},
    {NUMBERS, "N > 1", 0,
     "column 1: no argument 'N'; Shop.Arguments.Numbers has i1, u1, i2, u2, n, u4, i8, u8, r4, r8, i, u"},
    {NUMBERS, "n", 0, "column 1: 'n' is int; only a bool stands alone; write a comparison"},
    {NUMBERS, "n == true", 5, "column 6: 'n' is int; compare it with a number"},
    {NUMBERS, "n == 'x'", 5, "column 6: 'n' is int; compare it with a number"},
    {NUMBERS, "n == null", 5, "column 6: 'n' is int; it is never null"},
    {NUMBERS, "n == Red", 5,
     "column 6: 'Red' is neither a literal nor an argument; 'n' is int (text stands in quotes)"},
    {NUMBERS, "args.m > args.n", 0,
     "column 1: no argument 'm'; Shop.Arguments.Numbers has i1, u1, i2, u2, n, u4, i8, u8, r4, r8, i, u"},
    {NUMBERS, "args.n > args.m", 9,
     "column 10: no argument 'm'; Shop.Arguments.Numbers has i1, u1, i2, u2, n, u4, i8, u8, r4, r8, i, u"},
    {NUMBERS, "n == u8", 5,
     "column 6: 'n' and 'u8' cannot be compared: ulong (or nuint) and a signed number have no type in common"},
    {NUMBERS, "u > i1", 4,
     "column 5: 'u' and 'i1' cannot be compared: ulong (or nuint) and a signed number have no type in common"},
    {OTHERS, "name == colour", 8,
     "column 9: 'name' and 'colour' cannot be compared: one is an enum, the other is none"},
    {OTHERS, "colour == big", 10, "column 11: 'colour' and 'big' cannot be compared: they are different enums"},
    {OTHERS, "flag == letter", 8, "column 9: 'flag' and 'letter' cannot be compared: one is a bool, the other is none"},
    {OTHERS, "flag < flag", 7, "column 8: 'flag' and 'flag' cannot be compared: bools compare with == or != only"},
    {OTHERS, "name == letter", 8,
     "column 9: 'name' and 'letter' cannot be compared: one is a string, the other is none"},
    {OTHERS, "name > name", 7, "column 8: 'name' and 'name' cannot be compared: strings compare with == or != only"},
    {OTHERS, "name ~ name", 7, "column 8: ~ takes a pattern in quotes: ~ \"^Bo.*\""},
    {OTHERS, "name == item", 8,
     "column 9: 'item' is Item: two sides can be numbers, strings, enums and bools; name such a member"},
    {REFUSED, "number == pointer", 10,
     "column 11: 'pointer' is int*: two sides can be numbers, strings, enums and bools; name such a member"},
    {REFUSED, "number > result", 9,
     "column 10: 'result' is an out parameter: it has no value yet when the call begins"},
    {REFUSED, "text == text", 0,
     "column 1: 'text' is ref string: two sides can be numbers, strings, enums and bools; name such a member"},
    {NUMBERS, "n == elapsed", 5, "column 6: 'elapsed' can be compared with literals only"},
    {OTHERS, "flag == 1", 8, "column 9: 'flag' is bool; compare it with true or false"},
    {OTHERS, "flag < true", 7, "column 8: 'flag' is bool; compare it with == or !="},
    {OTHERS, "letter == 'xy'", 10, "column 11: 'letter' is char; compare it with one character, such as 'x'"},
    {OTHERS, "letter == ''", 10, "column 11: 'letter' is char; compare it with one character, such as 'x'"},
    {OTHERS, "name == 5", 8, "column 9: 'name' is string; compare it with \"text\" or null"},
    {OTHERS, "name", 0, "column 1: 'name' is string; compare it with \"text\" or null"},
    {OTHERS, "name < 'x'", 7, "column 8: 'name' is string; compare it with == or !="},
    {OTHERS, "name == bob", 8,
     "column 9: 'bob' is neither a literal nor an argument; 'name' is string (text stands in quotes)"},
    {OTHERS, "item == 5", 8, "column 9: 'item' is Item; it can only be compared with null"},
    {OTHERS, "list < null", 7, "column 8: 'list' is int[]; compare it with == or !="},
    {OTHERS, "colour == Pink", 10, "column 11: 'Pink' is no member of Shop.Colour; it has Red, Green, Blue"},
    {OTHERS, "colour == Big.Red", 10, "column 11: 'Big.Red' is no member of Shop.Colour; it has Red, Green, Blue"},
    {OTHERS, "colour == lour.Red", 10, "column 11: 'lour.Red' is no member of Shop.Colour; it has Red, Green, Blue"},
    {OTHERS, "colour == 'Red'", 10, "column 11: 'colour' is Colour; compare it with one of its members or a number"},
    {OTHERS, "colour == null", 10, "column 11: 'colour' is Colour; compare it with one of its members or a number"},
    {OTHERS, "colour == 1.5", 10, "column 11: 'colour' is Colour; compare it with one of its members or a number"},
    {OTHERS, "colour", 0, "column 1: 'colour' is Colour; compare it with one of its members or a number"},
    {REFUSED, "maybe == null", 0,
     "column 1: the type int? has no fields that could be looked at, or is not loaded yet"},
    {REFUSED, "price == null", 9, "column 10: 'price' is decimal; it is never null"},
    {REFUSED, "price", 0, "column 1: 'price' is decimal; only a bool stands alone; write a comparison"},
    {REFUSED, "price == 'x'", 9, "column 10: 'price' is decimal; compare it with a number"},
    {REFUSED, "price > 79228162514264337593543950336.0", 8,
     "column 9: 'price' is decimal; this number has more digits than it can have"},
    {REFUSED, "price > 1e-29", 8, "column 9: 'price' is decimal; this number has more digits than it can have"},
    {REFUSED, "result == 0", 0, "column 1: 'result' is an out parameter: it has no value yet when the call begins"},
    {REFUSED, "text == 'x'", 8, "column 9: 'text' is ref string; a reference to a reference cannot be compared"},
    {REFUSED, "pointer == 'x'", 11, "column 12: 'pointer' is int*; compare it with a number"},
    {STRUCTS, "corner == null", 10, "column 11: 'corner' is Corner; " KINDS},
    {STRUCTS, "corner.Y == 1", 7, "column 8: 'Y' is no field or automatic property of Corner; it has X, Of, Depth"},
    {STRUCTS, "corner.Sum == 1", 7,
     "column 8: 'Sum' is computed by code, which a condition does not run, in Corner; it has X, Of, Depth"},
    {STRUCTS, "corner.X.Y == 1", 8, "column 9: int is no object: it has no members that could be compared"},
    {STRUCTS, "corner[0] == 1", 6, "column 7: Corner is no array, List or Dictionary"},
    {STRUCTS, "corners[-1] == null", 7, "column 8: an index is a number of up to nine digits; write items[0]"},
    {STRUCTS, "corners['x'] == null", 7, "column 8: an index is a number of up to nine digits; write items[0]"},
    {STRUCTS, "made.X == 1", 0, "column 1: 'made' is an out parameter: it has no value yet when the call begins"},
    {STRUCTS, "shelf.Age.Ticks == 1", 9, "column 10: TimeSpan is no object: it has no members that could be compared"},
    {STRUCTS, "shelf.Depth.X == 1", 11, "column 12: Depth is no object: it has no members that could be compared"},
    {STRUCTS, "day.X == 1", 3, "column 4: DayOfWeek is no object: it has no members that could be compared"},
    {STRUCTS, "shelf.Both.First == 1", 10,
     "column 11: Pair<int,int> lies within another type: where a generic struct keeps its fields there is not known"},
    {STRUCTS, "corners[0].X == 1", 10, "column 11: Corner is a struct in a collection: its members cannot be compared"},
    {STRUCTS, "span.Length == 1", 5,
     "column 6: the type Span<int> has no fields that could be looked at, or is not loaded yet"},
    {GENERIC, "any == null", 7, "column 8: 'any' is T; " KINDS},
};

static void mismatches_are_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(unbound); i++) {
        arena a = {0};
        err_t e = {0};
        query_node *parsed = query_condition_parse(&a, unbound[i].condition, &e);
        if (!parsed) {
            fail_msg("%s: %s", unbound[i].condition, e.text);
            return;
        }
        uint32_t rid = test_method(&names.im, unbound[i].method);
        if (query_condition_check(&a, parsed, &names.im, rid, &resolver, &e))
            fail_msg("'%s' is accepted", unbound[i].condition);
        assert_int_equal(e.code, ERR_USAGE);
        assert_string_equal(e.text, unbound[i].text);
        if (e.at != unbound[i].column) fail_msg("'%s': place %d", unbound[i].condition, (int)e.at);
        arena_free(&a);
    }
}

static void enums_elsewhere_need_a_resolver(void **state)
{
    (void)state;
    arena a = {0};
    err_t e = {0};
    query_node *parsed = query_condition_parse(&a, "day == Monday", &e);
    assert_non_null(parsed);
    uint32_t rid = test_method(&names.im, OTHERS);
    assert_null(query_condition_check(&a, parsed, &names.im, rid, NULL, &e));
    assert_string_equal(e.text,
                        "column 1: the type DayOfWeek of 'day' is not loaded yet; its values cannot be compared");
    arena_free(&a);
}

/* What is known at the end of a call. */
static void ends_can_be_named(void **state)
{
    (void)state;
    static const uint8_t INT[] = {CIL_E_I4}, STRING[] = {CIL_E_STRING};
    query_end number = {.has_result = true}, text = {.has_result = true}, nothing = {.has_members = true};
    assert_true(cil_type_read((cil_blob){INT, 1}, &number.result) &&
                cil_type_read((cil_blob){STRING, 1}, &text.result));
    text.has_members = true;
    static const struct {
        const char *text;
        char end; /* n: a number, t: a text, v: nothing, -: calls have no end */
        bool late;
        const char *error;
    } cases[] = {
        {"return > 5", 'n', true, NULL},
        {"u1 > 5", 'n', false, NULL},
        {"u1 > 5 && !(5 < return)", 'n', true, NULL},
        {"return == \"x\" || return.Length > 2", 't', true, NULL},
        {"elapsed >= 1.5ms", 'v', true, NULL},
        {"exception != null", 'v', true, NULL},
        {"null == exception", 'v', true, NULL},
        {"return > n", 'n', true, NULL},
        {"i8 == return", 'n', true, NULL},
        {"return != name", 't', true,
         "column 11: 'name' is neither a literal nor an argument; 'return' is string (text stands in quotes)"},
        {"elapsed > n", 'n', true, "column 1: 'elapsed' can be compared with literals only"},
        {"n == exception.HResult", 'n', true, "column 6: 'exception' can be compared with literals only"},
        {"return.Length > 2", 'n', true, "column 1: members of 'return' cannot be compared for async methods"},
        {"return > 5", 'v', true, "column 1: 'return' cannot be compared: the method returns nothing"},
        {"return > 5", '-', true, "column 1: 'return' is known when a call ends: watch and stat can ask for it"},
        {"return > 5ms", 'n', true, "column 10: 'return' is int; a time can be compared with 'elapsed' only"},
        {"elapsed > 5", 'n', true, "column 11: 'elapsed' is a time; compare it with 5ms, 20us or 1.5s"},
        {"elapsed.Days > 5ms", 'n', true, "column 1: 'elapsed' has no members"},
        {"exception == 5", 'n', true,
         "column 14: 'exception' can be compared with null (== or !=), and its members: exception.Message == "
         "\"...\""}};
    const uint32_t rid = test_method(&names.im, NUMBERS);
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        err_t e = {0};
        const query_resolver with = {.type = depth_instead,
                                     .end = cases[i].end == 'n'   ? &number
                                            : cases[i].end == 't' ? &text
                                            : cases[i].end == 'v' ? &nothing
                                                                  : NULL};
        const query_node *parsed = query_condition_parse(&a, cases[i].text, &e), *n = NULL;
        if (parsed) n = query_condition_check(&a, parsed, &names.im, rid, &with, &e);
        if (cases[i].error) {
            assert_null(n);
            assert_string_equal(e.text, cases[i].error);
        } else if (!n) {
            fail_msg("%s: %s", cases[i].text, e.text);
        } else {
            assert_int_equal(query_is_late(n), cases[i].late);
        }
        arena_free(&a);
    }
}

static void times_are_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {{"5ns", 5}, {"1.5us", 1500}, {"20ms", 20000000}, {"0.5s", 500000000}, {"3s", 3000000000}};
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        err_t e = {0};
        const query_node *n = query_condition_parse(&a, arena_printf(&a, "elapsed > %s", cases[i].text), &e);
        assert_non_null(n);
        assert_true(n->is_time);
        assert_int_equal(n->u, cases[i].ns);
        arena_free(&a);
    }
    arena a = {0};
    err_t e = {0};
    assert_null(query_condition_parse(&a, "elapsed > 5msx", &e));
    assert_null(query_condition_parse(&a, "elapsed > 5h", &e));
    arena_free(&a);
}

/* Variables stand in front of parameters; `locals.` and `args.` both mean any of them. */
static void variables_can_be_named(void **state)
{
    (void)state;
    static const uint8_t INT[] = {CIL_E_I4}, STRING[] = {CIL_E_STRING};
    query_local locals[] = {{.name = "text"}, {.name = "n"}};
    assert_true(cil_type_read((cil_blob){STRING, 1}, &locals[0].type) &&
                cil_type_read((cil_blob){INT, 1}, &locals[1].type));
    const query_resolver with = {.type = depth_instead, .locals = locals, .local_count = 2};
    static const struct {
        const char *text;
        uint16_t index;
        query_root root;
        cil_element element;
    } cases[] = {{"text == \"x\"", 0, QUERY_LOCAL, CIL_E_STRING},
                 {"locals.n > 1", 1, QUERY_LOCAL, CIL_E_I4},
                 {"args.n > 1", 1, QUERY_LOCAL, CIL_E_I4},
                 {"u1 > 1", 1, QUERY_ARGUMENT, CIL_E_U1}};
    const uint32_t rid = test_method(&names.im, NUMBERS);
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        err_t e = {0};
        const query_node *parsed = query_condition_parse(&a, cases[i].text, &e), *n = NULL;
        if (parsed) n = query_condition_check(&a, parsed, &names.im, rid, &with, &e);
        if (!n) {
            fail_msg("%s: %s", cases[i].text, e.text);
            return;
        }
        assert_int_equal(n->index, cases[i].index);
        assert_int_equal(n->root, cases[i].root);
        assert_int_equal(n->element, cases[i].element);
        arena_free(&a);
    }
}

static void parameters_have_names(void **state)
{
    (void)state;
    arena a = {0};
    uint32_t rid = test_method(&names.im, VERBATIM);
    assert_string_equal(query_parameter_name(&a, &names.im, rid, 0), "class");
    assert_string_equal(query_parameter_name(&a, &names.im, rid, 1), "größe");
    assert_string_equal(query_parameter_name(&a, &names.im, rid, 2), "arg2");
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
        cmocka_unit_test(conditions_become_trees),  cmocka_unit_test(malformed_conditions_are_explained),
        cmocka_unit_test(size_is_limited),          cmocka_unit_test(conditions_are_bound),
        cmocka_unit_test(mismatches_are_explained), cmocka_unit_test(enums_elsewhere_need_a_resolver),
        cmocka_unit_test(ends_can_be_named),        cmocka_unit_test(times_are_nanoseconds),
        cmocka_unit_test(variables_can_be_named),   cmocka_unit_test(parameters_have_names),
    };
    return cmocka_run_group_tests(tests, open_names, close_names);
}
