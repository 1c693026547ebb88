/* Escapes, numbers, durations, names. */
#include "out/out.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static buf_t b;

static const char *safe(const char *s, size_t n)
{
    b.n = 0;
    out_safe(&b, s, n);
    return buf_cstr(&b);
}

static const char *json(const char *s, size_t n)
{
    b.n = 0;
    out_json_string(&b, s, n);
    return buf_cstr(&b);
}

#define SAFE(s) safe((s), sizeof(s) - 1)
#define JSON(s) json((s), sizeof(s) - 1)

static void control_characters_never_come_through(void **state)
{
    (void)state;
    assert_string_equal(SAFE("plain é 😀"), "plain é 😀");
    assert_string_equal(SAFE("a\033[31mb\a\b\177"), "a\\u001b[31mb\\u0007\\u0008\\u007f");
    assert_string_equal(SAFE("l1\nl2\r\tx\0y"), "l1\\nl2\\r\\tx\\0y");
    assert_string_equal(SAFE("\xC2\x9B"), "\\u009b"); /* CSI as one character */
    assert_string_equal(safe((const char[]){(char)0xE2, (char)0x80, (char)0xAE}, 3),
                        "\\u202e");                               /* right-to-left override */
    assert_string_equal(SAFE("\xE2\x80\xA8"), "\\u2028");         /* line separator */
    assert_string_equal(SAFE("\xF3\xA0\x80\x81"), "\\U000e0001"); /* a tag */
    for (int c = 1; c < 0x20; c++) {
        char one = (char)c;
        assert_null(strchr(safe(&one, 1), c));
    }
}

static void malformed_bytes_are_shown_as_such(void **state)
{
    (void)state;
    assert_string_equal(SAFE("a\xFFz"), "a\\xffz");
    assert_string_equal(SAFE("\xC3"), "\\xc3");
    assert_string_equal(SAFE("\xC0\xAF"), "\\xc0\\xaf");                   /* overlong */
    assert_string_equal(SAFE("\xED\xA0\x80"), "\\xed\\xa0\\x80");          /* a surrogate */
    assert_string_equal(SAFE("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"); /* above the last */
    assert_string_equal(JSON("a\xFFz"), "\"a\\ufffdz\"");
}

static void quotes_are_escaped(void **state)
{
    (void)state;
    b.n = 0;
    out_quoted(&b, '"', "say \"x\\y\"", 9, false);
    assert_string_equal(buf_cstr(&b), "\"say \\\"x\\\\y\\\"\"");
    b.n = 0;
    out_quoted(&b, '\'', "'", 1, false);
    assert_string_equal(buf_cstr(&b), "'\\''");
    b.n = 0;
    out_quoted(&b, '"', "cut", 3, true);
    assert_string_equal(buf_cstr(&b), "\"cut…\"");
}

static void json_strings_are_json(void **state)
{
    (void)state;
    assert_string_equal(JSON("a\"b\\c\nd\te\rf\0g"), "\"a\\\"b\\\\c\\nd\\te\\u000df\\u0000g\"");
    assert_string_equal(JSON("\033[1m\x7f"), "\"\\u001b[1m\\u007f\"");
    assert_string_equal(JSON("\xF3\xA0\x80\x81"), "\"\\udb40\\udc01\"");
    assert_string_equal(JSON("é😀"), "\"é😀\"");
}

static void durations_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0ns"},
        {999, "999ns"},
        {1000, "1.00us"},
        {9994, "9.99us"},
        {9999, "10.0us"},
        {99940, "99.9us"},
        {99960, "100us"},
        {999499, "999us"},
        {999500, "1.00ms"},
        {1240000, "1.24ms"},
        {999499999, "999ms"},
        {999500000, "1.00s"},
        {59900000000, "59.9s"},
        {60000000000, "1m00s"},
        {187000000000, "3m07s"},
        {3600000000000, "1h00m"},
        {UINT64_MAX, "5124095h34m"},
    };
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        b.n = 0;
        out_duration(&b, cases[i].ns);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
}

static const char *number(double f, bool single)
{
    b.n = 0;
    out_float(&b, f, single);
    return buf_cstr(&b);
}

static void floats_are_short_and_exact(void **state)
{
    (void)state;
    assert_string_equal(number(0.1, false), "0.1");
    assert_string_equal(number(0.30000000000000004, false), "0.30000000000000004");
    assert_string_equal(number(1e300, false), "1e+300");
    assert_string_equal(number(-0.0, false), "-0");
    assert_string_equal(number(12.5, false), "12.5");
    assert_string_equal(number((double)0.1f, true), "0.1");
    assert_string_equal(number((double)16777216.0f, true), "16777216");
    assert_string_equal(number((double)NAN, false), "NaN");
    assert_string_equal(number((double)-INFINITY, true), "-Infinity");
}

static void counts_and_bytes_are_readable(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *count, *bytes;
    } cases[] = {{0, "0", "0B"},
                 {999, "999", "999B"},
                 {1000, "1,000", "1.0KB"},
                 {1234567, "1,234,567", "1.2MB"},
                 {52428800, "52,428,800", "50MB"}};
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        b.n = 0;
        out_count(&b, cases[i].n);
        assert_string_equal(buf_cstr(&b), cases[i].count);
        b.n = 0;
        out_bytes(&b, cases[i].n);
        assert_string_equal(buf_cstr(&b), cases[i].bytes);
    }
}

static void types_lose_their_namespaces(void **state)
{
    (void)state;
    static const struct {
        const char *type, *text;
    } cases[] = {
        {"System.Collections.Generic.List<Shop.Item>", "List<Item>"},
        {"System.Int32[]", "int[]"},
        {"System.Int32", "int"},
        {"My.Int32", "Int32"},
        {"System.Guid", "Guid"},
        {"Shop.Outer+Inner<A.B,C.D>[,]", "Outer+Inner<B,D>[,]"},
        {"<>f__AnonymousType0<int,string>", "<>f__AnonymousType0<int,string>"},
        {"", ""},
        {"A.\033B", "\\u001bB"},
    };
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        b.n = 0;
        out_short_type(&b, cases[i].type);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
}

static int free_buffer(void **state)
{
    (void)state;
    buf_free(&b);
    return 0;
}

static void brief_counts_and_methods_fit_their_columns(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *text;
    } counts[] = {{0, "0"}, {0.5, "0.5"}, {99999, "99,999"}, {100000, "100k"}, {17100000, "17.1M"}, {1.5e9, "1.50G"}};
    for (size_t i = 0; i < RJ_COUNT(counts); i++) {
        b.n = 0;
        out_brief(&b, counts[i].n);
        assert_string_equal(buf_cstr(&b), counts[i].text);
    }
    static const struct {
        size_t room;
        const char *text;
    } methods[] = {{0, "Shop.Größe.Add(int)"}, {19, "Shop.Größe.Add(int)"}, {18, "Shop.Größe.Add"}, {9, "…röße.Add"}};
    for (size_t i = 0; i < RJ_COUNT(methods); i++) {
        b.n = 0;
        out_method(&b, "Shop.Größe.Add(int)", methods[i].room);
        assert_string_equal(buf_cstr(&b), methods[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brief_counts_and_methods_fit_their_columns),
        cmocka_unit_test(control_characters_never_come_through),
        cmocka_unit_test(malformed_bytes_are_shown_as_such),
        cmocka_unit_test(quotes_are_escaped),
        cmocka_unit_test(json_strings_are_json),
        cmocka_unit_test(durations_have_three_digits),
        cmocka_unit_test(floats_are_short_and_exact),
        cmocka_unit_test(counts_and_bytes_are_readable),
        cmocka_unit_test(types_lose_their_namespaces),
    };
    return cmocka_run_group_tests(tests, NULL, free_buffer);
}
