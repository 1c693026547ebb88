/* UTF-16 and UTF-8, and the distance of names. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void to_utf8(const uint16_t *s, size_t n, const char *want)
{
    buf_t b = {0};
    text_utf16_to_utf8(&b, s, n);
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
}
#define TO_UTF8(want, ...) to_utf8((const uint16_t[]){__VA_ARGS__}, sizeof((uint16_t[]){__VA_ARGS__}) / 2, want)

static void utf16_becomes_utf8(void **state)
{
    (void)state;
    to_utf8(NULL, 0, "");
    TO_UTF8("a\x7F", 'a', 0x7F);
    TO_UTF8("\xC2\x80\xDF\xBF", 0x80, 0x7FF);
    TO_UTF8("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", 0x800, 0xD7FF, 0xE000, 0xFFFF);
    TO_UTF8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 0xD800, 0xDC00, 0xDBFF, 0xDFFF);
}

#define BAD "\xEF\xBF\xBD"

static void lone_surrogates_become_the_replacement(void **state)
{
    (void)state;
    TO_UTF8(BAD, 0xD800);
    TO_UTF8(BAD, 0xDC00);
    TO_UTF8(BAD "x", 0xD800, 'x');
    TO_UTF8(BAD BAD, 0xDC00, 0xD800);
    TO_UTF8(BAD "\xF0\x90\x80\x80", 0xD800, 0xD800, 0xDC00);
}

static void to_utf16(const char *s, const uint16_t *want, size_t n)
{
    arena a = {0};
    size_t units = 99;
    uint16_t *got = text_utf8_to_utf16(&a, s, &units);
    assert_non_null(got);
    assert_int_equal(units, n + 1);
    if (n) assert_memory_equal(got, want, n * 2);
    assert_int_equal(got[n], 0);
    arena_free(&a);
}
#define TO_UTF16(s, ...) to_utf16(s, (const uint16_t[]){__VA_ARGS__}, sizeof((uint16_t[]){__VA_ARGS__}) / 2)

static void utf8_becomes_utf16(void **state)
{
    (void)state;
    to_utf16("", NULL, 0);
    TO_UTF16("a\x7F", 'a', 0x7F);
    TO_UTF16("\xC2\x80\xDF\xBF", 0x80, 0x7FF);
    TO_UTF16("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", 0x800, 0xD7FF, 0xE000, 0xFFFF);
    TO_UTF16("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 0xD800, 0xDC00, 0xDBFF, 0xDFFF);
}

static void malformed_utf8_becomes_the_replacement(void **state)
{
    (void)state;
    TO_UTF16("\x80", 0xFFFD);
    TO_UTF16("\xFF\xFE", 0xFFFD, 0xFFFD);
    TO_UTF16("\xC3", 0xFFFD); /* cut */
    TO_UTF16("\xC3x", 0xFFFD, 'x');
    TO_UTF16("\xE2\x82", 0xFFFD, 0xFFFD); /* cut */
    TO_UTF16("\xC0\xAF", 0xFFFD, 0xFFFD); /* overlong */
    TO_UTF16("\xED\xA0\x80", 0xFFFD);     /* a surrogate */
    TO_UTF16("\xE0\x80\xAF", 0xFFFD);     /* overlong */
    TO_UTF16("\xF4\x90\x80\x80", 0xFFFD); /* above U+10FFFF */
    TO_UTF16("\xF5\x80\x80\x80", 0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD);
}

static void every_rune_survives_the_way_there_and_back(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c += c < 0x10000 ? 1 : 251) {
        if (c >= 0xD800 && c < 0xE000) continue;
        uint16_t s[2] = {(uint16_t)c};
        size_t n = 1, units;
        if (c >= 0x10000) {
            s[0] = (uint16_t)(0xD800 + ((c - 0x10000) >> 10));
            s[1] = (uint16_t)(0xDC00 + ((c - 0x10000) & 0x3FF));
            n = 2;
        }
        buf_t b = {0};
        arena a = {0};
        text_utf16_to_utf8(&b, s, n);
        uint16_t *back = text_utf8_to_utf16(&a, buf_cstr(&b), &units);
        assert_int_equal(units, n + 1);
        assert_memory_equal(back, s, n * 2);
        arena_free(&a);
        buf_free(&b);
    }
}

/* ASCII goes four units at a time: something else may stand at any place of them. */
static void runs_of_ascii_end_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < 12; n++)
        for (size_t odd = 0; odd <= n; odd++) {
            uint16_t s[12];
            char want[32];
            size_t at = 0;
            for (size_t i = 0; i < n; i++) {
                s[i] = i == odd ? 0xE9 : (uint16_t)('a' + i);
                if (i == odd) want[at++] = '\xC3';
                want[at++] = i == odd ? '\xA9' : (char)('a' + i);
            }
            want[at] = 0;
            to_utf8(s, n, want);
        }
}

static void distances_are_those_of_levenshtein(void **state)
{
    (void)state;
    assert_int_equal(text_distance("", "", 5), 0);
    assert_int_equal(text_distance("abc", "", 5), 3);
    assert_int_equal(text_distance("", "abc", 5), 3);
    assert_int_equal(text_distance("kitten", "sitting", 5), 3);
    assert_int_equal(text_distance("Order", "oRDER", 5), 0); /* case does not count */
    assert_int_equal(text_distance("flaw", "lawn", 5), 2);
    assert_int_equal(text_distance("abcdef", "abdcef", 5), 2);
}

static void distances_above_the_limit_are_given_up(void **state)
{
    (void)state;
    assert_int_equal(text_distance("kitten", "sitting", 2), 3);
    assert_int_equal(text_distance("aaaaaaaaaa", "bbbbbbbbbb", 4), 5);
    assert_int_equal(text_distance("abc", "abd", 0), 1);
    assert_int_equal(text_distance("abc", "abc", 0), 0);
    char longest[257];
    memset(longest, 'x', 256);
    longest[256] = 0;
    assert_int_equal(text_distance(longest, "x", 3), 4);
    longest[255] = 0; /* 255 is still compared */
    assert_int_equal(text_distance(longest, longest, 3), 0);
    assert_int_equal(text_distance(longest, longest + 1, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf16_becomes_utf8),
        cmocka_unit_test(lone_surrogates_become_the_replacement),
        cmocka_unit_test(utf8_becomes_utf16),
        cmocka_unit_test(malformed_utf8_becomes_the_replacement),
        cmocka_unit_test(every_rune_survives_the_way_there_and_back),
        cmocka_unit_test(runs_of_ascii_end_anywhere),
        cmocka_unit_test(distances_are_those_of_levenshtein),
        cmocka_unit_test(distances_above_the_limit_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
