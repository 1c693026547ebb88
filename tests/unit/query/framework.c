/*
 * Patterns over assemblies of the shared framework, checked against a matcher that is slow and plain: it writes out
 * every name that a method answers to and tries the pattern on each as text.
 *
 *     test_query_framework ASSEMBLY...
 */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static test_image image;

/* ---- the plain matcher ------------------------------------------------------------------------------------------- */

typedef struct answers {
    const char *full[8], *own[8]; /* `Ns.Type.Method` forms, `Method` forms */
    unsigned full_count, own_count;
    const char *params; /* "(int,string)" */
} answers;

static answers *methods;
static arena memory;

static bool glob_text(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* Drops <...> wherever it follows a name. */
static const char *without_generics(const char *text)
{
    char *out = arena_strdup(&memory, text);
    size_t n = 0;
    unsigned literal = 0, dropped = 0;
    for (size_t i = 0; text[i]; i++) {
        bool behind_name = i && !strchr(".+", text[i - 1]);
        if (text[i] == '<' && (dropped || (behind_name && !literal)))
            dropped++;
        else if (text[i] == '<')
            literal++;
        if (!dropped) out[n++] = text[i];
        if (text[i] == '>' && dropped)
            dropped--;
        else if (text[i] == '>' && literal)
            literal--;
    }
    out[n] = 0;
    return out;
}

static void add_name(answers *m, const char *type, const char *bare_type, const char *name)
{
    m->own[m->own_count++] = name;
    m->full[m->full_count++] = arena_printf(&memory, "%s.%s", type, name);
    if (*bare_type) m->full[m->full_count++] = arena_printf(&memory, "\x01%s.%s", bare_type, name);
}

static const char *last_dot(const char *name)
{
    unsigned depth = 0;
    const char *last = name;
    for (const char *c = name; *c; c++) {
        depth += *c == '<';
        depth -= *c == '>' && depth;
        if (*c == '.' && !depth && c != name) last = c + 1;
    }
    return last;
}

static void write_answers(answers *m, uint32_t rid)
{
    const cil_image *im = &image.im;
    buf_t type = {0}, all = {0};
    uint32_t owner = cil_method_owner(im, rid), outermost = owner;
    for (uint32_t t = owner; t; t = cil_enclosing(im, t))
        outermost = t;
    cil_type_name(im, CIL_TOKEN(CIL_TYPE_DEF, owner), &type);
    const char *full = without_generics(buf_cstr(&type));
    size_t ns = strlen(cil_cell_string(im, CIL_TYPE_DEF, outermost, CIL_TYPE_DEF_NAMESPACE));
    const char *bare = ns ? full + ns + 1 : "";
    const char *name = cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), *last = last_dot(name);
    add_name(m, full, bare, without_generics(name));
    if (last != name) add_name(m, full, bare, without_generics(last));
    static const char *const prefixes[] = {"get_", "set_", "add_", "remove_", "raise_"};
    for (size_t i = 0; i < RJ_COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(last, prefixes[i], n) != 0 || !last[n]) continue;
        if (!(cil_cell(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_FLAGS) & 0x0800)) continue;
        add_name(m, full, bare, without_generics(last + n));
        if (last != name) {
            add_name(m, full, bare,
                     without_generics(arena_printf(&memory, "%.*s%s", (int)(last - name), name, last + n)));
        }
    }
    cil_method_name(im, rid, true, &all);
    m->params = arena_strdup(&memory, strrchr(buf_cstr(&all), '('));
    buf_free(&type);
    buf_free(&all);
}

/* The pattern has no generic parts; its list is compared as printed. */
static bool plainly_matches(const answers *m, const char *pattern)
{
    char name[256];
    const char *list = strchr(pattern, '(');
    snprintf(name, sizeof name, "%.*s", list ? (int)(list - pattern) : 255, pattern);
    const char *dot = strchr(name, '.');
    if (dot == name) dot = strchr(name + 1, '.');
    bool matches = false;
    for (unsigned i = 0; i < m->full_count; i++) {
        const char *full = m->full[i];
        if (*full == 1 && !dot) continue; /* without the namespace */
        matches |= glob_text(name, full + (*full == 1));
    }
    for (unsigned i = 0; i < m->own_count && !dot; i++)
        matches |= glob_text(name, m->own[i]);
    return matches && (!list || strcmp(list, "(*)") == 0 || strcmp(list, m->params) == 0);
}

/* ---- the tests ----------------------------------------------------------------------------------------------------
 */

static const char *const patterns[] = {
    "*",
    "*.*",
    "System.*",
    "*Foo.Bar*",
    "*.Count",
    "Count",
    "Get*",
    "*.get_*",
    "*Async*",
    "System.*.ToString",
    "ToString",
    "ToString()",
    "*.ToString()",
    "*.Equals(object)",
    "*.Dispose(bool)",
    "List.*",
    "*Dictionary.TryGetValue",
    "System.Collections.Generic.*.MoveNext",
    "*+*",
    "*+Enumerator.MoveNext",
    "*+*.Dispose()",
    ".ctor",
    "*..ctor",
    ".cctor",
    "*..cctor()",
    "*.op_*",
    "*b__*",
    "*g__*|*",
    "*<>c.*",
    "GetEnumerator",
    "*IEnumerable.GetEnumerator",
    "*.Current",
    "Current",
    "Length",
    "?dd",
    "*.?dd",
    "*e*e*e*e*e*",
    "*a.*b*",
    "S*.S*",
    "*.IList.*",
    "*.System.Collections.*",
    "Clear(*)",
    "*.CopyTo(Array,int)",
    "System.Collections.Generic.List.Add",
    "List.Add",
    "Queue.Enqueue",
    "Item",
    "*.Item",
    "set_*",
    "*.set_Item",
    "remove_*",
    "*Changed",
    "x",
    "*Z",
};

static bool mark(void *owner, uint32_t rid)
{
    ((uint8_t *)owner)[rid] = 1;
    return true;
}

static void scan_agrees_with_plain_matcher(void **state)
{
    (void)state;
    uint32_t rows = image.im.rows[CIL_METHOD_DEF];
    uint32_t in_all = 0;
    for (size_t i = 0; i < RJ_COUNT(patterns); i++) {
        arena a = {0};
        uint8_t *found = arena_alloc(&a, rows + 1);
        err_t e = {0};
        query_pattern *p = query_pattern_parse(&a, patterns[i], &e);
        if (!p) fail_msg("%s: %s", patterns[i], e.text);
        query_pattern_scan(p, &image.im, mark, found);
        for (uint32_t rid = 1; rid <= rows; rid++) {
            in_all += found[rid];
            if (found[rid] == plainly_matches(&methods[rid], patterns[i])) continue;
            fail_msg("%s: %s%s is %sselected", patterns[i], methods[rid].full[0], methods[rid].params,
                     found[rid] ? "" : "not ");
        }
        arena_free(&a);
    }
    assert_true(in_all > rows * 2); /* `*`, `*.*` and more */
}

/* int.Parse is Int32.Parse, and a type that is called so elsewhere stays what it is. */
static void keywords_stand_for_types(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"int.*", "Int32.*"},
                                           {"string.Concat", "String.Concat"},
                                           {"bool.TryParse", "Boolean.TryParse"},
                                           {"nint.*", "IntPtr.*"}};
    for (size_t i = 0; i < RJ_COUNT(pairs); i++) {
        uint8_t *found[2];
        arena a = {0};
        for (int k = 0; k < 2; k++) {
            found[k] = arena_alloc(&a, image.im.rows[CIL_METHOD_DEF] + 1);
            query_pattern *p = query_pattern_parse(&a, pairs[i][k], NULL);
            assert_non_null(p);
            query_pattern_scan(p, &image.im, mark, found[k]);
        }
        assert_memory_equal(found[0], found[1], image.im.rows[CIL_METHOD_DEF] + 1);
        bool corelib = strcmp(cil_assembly_name(&image.im), "System.Private.CoreLib") == 0;
        assert_true(!corelib || memchr(found[0], 1, image.im.rows[CIL_METHOD_DEF] + 1));
        arena_free(&a);
    }
}

/* Every method is selected by its own name as it is printed. */
static void every_name_selects_its_method(void **state)
{
    (void)state;
    buf_t name = {0}, scratch = {0};
    for (uint32_t rid = 1; rid <= image.im.rows[CIL_METHOD_DEF]; rid++) {
        for (int with_params = 0; with_params < 2; with_params++) {
            arena a = {0};
            err_t e = {0};
            name.n = 0;
            cil_method_name(&image.im, rid, with_params, &name);
            query_pattern *p = query_pattern_parse(&a, buf_cstr(&name), &e);
            if (!p) fail_msg("%s: %s", buf_cstr(&name), e.text);
            if (!query_pattern_method(p, &image.im, rid, &scratch))
                fail_msg("%s does not select itself", buf_cstr(&name));
            arena_free(&a);
        }
    }
    buf_free(&name);
    buf_free(&scratch);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_agrees_with_plain_matcher),
        cmocka_unit_test(keywords_stand_for_types),
        cmocka_unit_test(every_name_selects_its_method),
    };
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        test_image_open(&image, argv[i]);
        uint32_t rows = image.im.rows[CIL_METHOD_DEF];
        methods = arena_array(&memory, rows + 1, sizeof *methods);
        for (uint32_t rid = 1; rid <= rows; rid++)
            write_answers(&methods[rid], rid);
        failed += cmocka_run_group_tests_name(argv[i], tests, NULL, NULL);
        arena_free(&memory);
        test_image_close(&image);
    }
    return failed;
}
