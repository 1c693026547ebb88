/* Regular expressions: what they find, what is refused, and that they say what the C library's say. */
#include "base/base.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t widen(const char *text, uint16_t *out)
{
    uint32_t n = 0;
    for (; text[n]; n++)
        out[n] = (uint8_t)text[n];
    return n;
}

static regex *compiled(arena *a, const char *pattern, uint32_t *at, const char **wrong)
{
    uint16_t units[256];
    return regex_compile(a, units, widen(pattern, units), at, wrong);
}

static bool finds(const regex *r, const char *text)
{
    uint16_t units[256];
    return regex_matches(r, units, widen(text, units));
}

static void patterns_find(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *in[4], *out[4];
    } cases[] = {
        {"Bo.*", {"Bob", "Mr Bo", "Bo"}, {"bob", "B o", ""}},
        {"^Bo", {"Bob"}, {"Mr Bob", ""}},
        {"ob$", {"Bob", "ob"}, {"Bobs", "o"}},
        {"^$", {""}, {"a"}},
        {"", {"", "a"}, {NULL}},
        {"^a*$", {"", "aaa"}, {"aab", "b"}},
        {"a+b?c", {"ac", "xaabcx"}, {"bc", "abbc"}},
        {"^(ab|cd)+$", {"abcdab", "cd"}, {"abc", "", "abxcd"}},
        {"(?:time|timed) ?out", {"timeout", "a timed out b"}, {"time  out"}},
        {"^[a-c_]+$", {"abc_", "c"}, {"d", "a-c", ""}},
        {"^[^0-9]+$", {"abc"}, {"a1", ""}},
        {"[]x]", {"]", "x"}, {"[", ""}},
        {"[a-]", {"-", "a"}, {"b"}},
        {"^\\d\\d\\d\\d-\\d\\d$", {"2026-11"}, {"2026-1", "x2026-11"}},
        {"^\\w+\\s\\W$", {"a_9\t!", "b ."}, {"a b", "!"}},
        {"^[\\d.]+$", {"1.2.3"}, {"1,2"}},
        {"\\.\\*\\(\\\\", {"a.*(\\"}, {"a*(\\"}},
        {"a.c", {"abc", "a c"}, {"a\nc", "ac"}},
        {"^(a|(b|c)*d)$", {"a", "d", "bcbd"}, {"ad", "b", "bc"}},
        {"x|", {"", "y"}, {NULL}},
        {"\\n", {"a\nb"}, {"n"}},
    };
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        uint32_t at;
        const char *wrong;
        const regex *r = compiled(&a, cases[i].pattern, &at, &wrong);
        if (!r) fail_msg("'%s' is refused at %u: %s", cases[i].pattern, at, wrong);
        for (size_t k = 0; k < 4 && cases[i].in[k]; k++)
            if (!finds(r, cases[i].in[k])) fail_msg("'%s' finds nothing in '%s'", cases[i].pattern, cases[i].in[k]);
        for (size_t k = 0; k < 4 && cases[i].out[k]; k++)
            if (finds(r, cases[i].out[k])) fail_msg("'%s' finds something in '%s'", cases[i].pattern, cases[i].out[k]);
        arena_free(&a);
    }
}

static void what_is_no_pattern_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        uint32_t at;
        const char *wrong;
    } cases[] = {
        {"*a", 0, "nothing stands before"},
        {"a(", 2, "( is never closed"},
        {"a)", 1, "has no ("},
        {"[a", 2, "[ is never closed"},
        {"[", 1, "[ is never closed"},
        {"a\\", 2, "stands at its end"},
        {"\\q", 2, "no such \\"},
        {"\\1", 2, "no such \\"},
        {"a{2}", 1, "{ and }"},
        {"a^b", 1, "^ stands at its beginning"},
        {"a$b", 1, "^ stands at its beginning"},
        {"(a$)", 2, "^ stands at its beginning"},
        {"(?=a)", 1, "not known here"},
        {"[b-a]", 4, "ends before it begins"},
        {"[a-\\d]", 5, "ends in a class"},
        {"^a|b$", 5, "in parentheses"},
        {"a|*", 2, "nothing stands before"},
    };
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        uint32_t at = 99;
        const char *wrong = "";
        if (compiled(&a, cases[i].pattern, &at, &wrong)) fail_msg("'%s' is accepted", cases[i].pattern);
        if (!strstr(wrong, cases[i].wrong)) fail_msg("'%s': %s", cases[i].pattern, wrong);
        if (at != cases[i].at) fail_msg("'%s': at %u", cases[i].pattern, at);
        arena_free(&a);
    }
}

static void length_and_depth_are_bounded(void **state)
{
    (void)state;
    arena a = {0};
    uint32_t at;
    const char *wrong;
    char text[200];
    memset(text, 'a', sizeof text);
    text[64] = 0;
    const regex *r = compiled(&a, text, &at, &wrong);
    assert_non_null(r);
    assert_true(finds(r, text));
    assert_false(finds(r, text + 1));
    assert_true(regex_size(r) < 4096);
    text[64] = 'a';
    text[65] = 0;
    assert_null(compiled(&a, text, &at, &wrong));
    memset(text, '(', sizeof text);
    text[100] = 0;
    assert_null(compiled(&a, text, &at, &wrong));
    assert_non_null(strstr(wrong, "too deeply"));
    arena_free(&a);
}

static void a_copy_is_one_too(void **state)
{
    (void)state;
    arena a = {0};
    uint32_t at;
    const char *wrong;
    const regex *r = compiled(&a, "^[a-c]x?$", &at, &wrong);
    assert_non_null(r);
    regex *copy = malloc(regex_size(r));
    assert_non_null(copy);
    memcpy(copy, r, regex_size(r));
    arena_free(&a);
    assert_true(finds(copy, "bx"));
    assert_false(finds(copy, "dx"));
    free(copy);
}

/* ---- the C library's ---- */

static uint32_t seed = 1;

static uint32_t roll(uint32_t sides)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % sides;
}

/* A pattern that both sides understand alike. */
static void write_pattern(buf_t *b, unsigned depth)
{
    static const char *const atoms[] = {"a", "b", "c", ".", "[ab]", "[^a]", "[b-c]"};
    const unsigned pieces = 1 + roll(3);
    for (unsigned i = 0; i < pieces; i++) {
        const bool group = depth && roll(4) == 0;
        if (group) {
            buf_u8(b, '(');
            write_pattern(b, depth - 1);
            if (roll(2)) {
                buf_u8(b, '|');
                write_pattern(b, depth - 1);
            }
            buf_u8(b, ')');
        } else {
            buf_str(b, atoms[roll(RJ_COUNT(atoms))]);
        }
        if (roll(3) == 0) buf_u8(b, (uint8_t) "*+?"[roll(3)]);
    }
}

static void random_patterns_agree(void **state)
{
    (void)state;
    unsigned found = 0, all = 0;
    for (unsigned i = 0; i < 4000; i++) {
        buf_t b = {0};
        arena a = {0};
        regex_t theirs;
        uint32_t at;
        const char *wrong;
        if (roll(3) == 0) buf_u8(&b, '^');
        write_pattern(&b, 2);
        if (roll(3) == 0) buf_u8(&b, '$');
        const regex *ours = compiled(&a, buf_cstr(&b), &at, &wrong);
        assert_int_equal(regcomp(&theirs, buf_cstr(&b), REG_EXTENDED | REG_NOSUB), 0);
        for (unsigned k = 0; ours && k < 20; k++, all++) {
            char text[9] = "";
            for (unsigned n = roll(9), c = 0; c < n; c++)
                text[c] = (char)('a' + roll(4));
            const bool is = finds(ours, text);
            if (is != (regexec(&theirs, text, 0, NULL, 0) == 0)) fail_msg("'%s' in '%s'", buf_cstr(&b), text);
            found += is;
        }
        regfree(&theirs);
        arena_free(&a);
        buf_free(&b);
    }
    assert_in_range(found, all / 5, all - all / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_find),
        cmocka_unit_test(what_is_no_pattern_is_refused),
        cmocka_unit_test(length_and_depth_are_bounded),
        cmocka_unit_test(a_copy_is_one_too),
        cmocka_unit_test(random_patterns_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
