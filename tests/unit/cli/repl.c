/* The prompt's lines: their words, and what a word may become. */
#include "cli/repl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The words of the line, with bars between them; a & at the end where it runs behind the prompt. */
static void assert_words(const char *line, const char *expected)
{
    arena a = {0};
    repl_line l;
    const char *why = NULL;
    buf_t got = {0};
    if (!repl_split(&a, line, &l, &why)) fail_msg("'%s': %s", line, why);
    for (size_t i = 0; i < l.count; i++)
        buf_printf(&got, "%s%s", i ? "|" : "", l.words[i]);
    if (l.background) buf_str(&got, " &");
    assert_string_equal(buf_cstr(&got), expected);
    assert_null(l.words[l.count]);
    buf_free(&got);
    arena_free(&a);
}

static void words(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words("  \t ", "");
    assert_words("watch  Shop.*\tList<T>.Add", "watch|Shop.*|List<T>.Add");
    assert_words("a 'b c' \"d e\"", "a|b c|d e");
    assert_words("--if 'a > 1 && b == \"x y\"'", "--if|a > 1 && b == \"x y\"");
    assert_words("--if=\"a == \\\"x\\\" \\\\ \\n\"", "--if=a == \"x\" \\ \\n");
    assert_words("a\\ b 'c\\' d''", "a b|c\\|d");
    assert_words("'' \"\"", "|");
    assert_words("watch a &", "watch|a &");
    assert_words("watch a&  ", "watch|a &");
    assert_words("watch a & b", "watch|a|&|b");
    assert_words("watch 'a &'", "watch|a &");
    assert_words("watch \\>", "watch|>");
}

static void slips(void **state)
{
    static const char *const all[] = {"a > b", "a >b", "a | b", "'a", "a \"b"};
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(all); i++) {
        arena a = {0};
        repl_line l;
        const char *why = NULL;
        assert_false(repl_split(&a, all[i], &l, &why));
        assert_non_null(why);
        arena_free(&a);
    }
    char many[2 * REPL_WORDS_MOST + 3];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? ' ' : 'x';
    many[sizeof many - 1] = 0;
    arena a = {0};
    repl_line l;
    const char *why = NULL;
    assert_false(repl_split(&a, many, &l, &why));
    arena_free(&a);
}

static void assert_last(const char *line, size_t start, size_t index)
{
    size_t i;
    assert_int_equal(repl_last_word(line, strlen(line), &i), start);
    assert_int_equal(i, index);
}

static void last_words(void **state)
{
    (void)state;
    assert_last("", 0, 0);
    assert_last("wat", 0, 0);
    assert_last("watch ", 6, 1);
    assert_last("watch  Sh", 7, 1);
    assert_last("watch 'a b", 6, 1);
    assert_last("watch 'a b' c", 12, 2);
    assert_last("a\\ b", 0, 0);
}

/* Without names: verbs and options. */
static void assert_choice(const char *line, const char *expected)
{
    arena a = {0};
    repl_names none = {.s = NULL};
    repl_choice c;
    buf_t got = {0};
    repl_choose(&none, &a, line, strlen(line), &c);
    for (size_t i = 0; i < c.words.n; i++)
        buf_printf(&got, "%s%s", i ? " " : "", c.words.v[i]);
    assert_string_equal(buf_cstr(&got), expected);
    assert_false(c.more);
    buf_free(&got);
    VEC_FREE(&c.words);
    arena_free(&a);
}

static void choices(void **state)
{
    (void)state;
    assert_choice("wa", "watch");
    assert_choice("l", "line list");
    assert_choice("r", "revert"); /* not run, nor repl */
    assert_choice("j", "jobs");
    assert_choice("x", "");
    assert_choice("help l", "line list");
    assert_choice("help j", "");
    assert_choice("watch --re", "--return --reveal");
    assert_choice("watch x --s", "--slow --sync");
    assert_choice("list --", "--help --json");
    assert_choice("nothing --", "");
    assert_choice("list x", "");
    assert_choice("'wa", "watch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(slips),
        cmocka_unit_test(last_words),
        cmocka_unit_test(choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
