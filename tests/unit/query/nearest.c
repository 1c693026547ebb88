/* The nearest names for patterns that match nothing. */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static test_image names;

static const struct {
    const char *pattern, *first; /* "": nothing is near */
} cases[] = {
    {"Shop.Pricing.Totl", "Shop.Pricing.Total"},
    {"Pricing.Totl", "Shop.Pricing.Total"},
    {"shop.pricing.total", "Shop.Pricing.Total"},
    {"Totl", "Shop.Pricing.Total"},
    {"Shop.Prcing.Rund", "Shop.Pricing.Round"},
    {"Shop.Order.Totale", "Shop.Order.get_Total"},
    {"Shop.Pricing.Total(Order)", "Shop.Pricing.Total(List<Item>,double)"},
    {"Shop.Pricing.Totl(Item)", "Shop.Pricing.Total(Item)"},
    {"Shop.Pricing.Totl()", "Shop.Pricing.Total()"},
    {"names!Shop.Pricing.Rond", "names!Shop.Pricing.Round"},
    {"Bag<int>.Add", "Shop.Bag<T>.Add"},
    {"Bag+Iner.Put", "Shop.Bag<T>+Inner.Put"},
    {"Shop.Pricing", "Shop.Pricing.*"},
    {"Bag", "Shop.Bag<T>.*"},
    {"Shop.Ba.CopyTo", "Shop.Bag<T>.System.Collections.ICollection.CopyTo"},
    {"*.Totl*", "Shop.Pricing.Total"},
    {"Entirely.Different.Thing", ""},
};

static void nearest_comes_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        arena a = {0};
        const char *list[5];
        query_pattern *p = query_pattern_parse(&a, cases[i].pattern, NULL);
        assert_non_null(p);
        query_nearest *n = query_nearest_new(&a, p, 5);
        assert_non_null(n);
        query_nearest_add(n, &names.im);
        unsigned count = query_nearest_list(n, list);
        assert_true(count <= 5);
        const char *first = count ? list[0] : "";
        if (strcmp(first, cases[i].first) != 0) fail_msg("%s: nearest is %s", cases[i].pattern, first);
        arena_free(&a);
    }
}

static void names_are_kept_once(void **state)
{
    (void)state;
    arena a = {0};
    const char *list[16];
    query_nearest *n = query_nearest_new(&a, query_pattern_parse(&a, "Totl", NULL), 16);
    query_nearest_add(n, &names.im);
    query_nearest_add(n, &names.im);
    unsigned count = query_nearest_list(n, list);
    assert_true(count >= 4);
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(list[i], list[k]);
    }
    arena_free(&a);
}

static void none_are_kept_where_none_are_wanted(void **state)
{
    (void)state;
    arena a = {0};
    const char *list[1];
    query_nearest *n = query_nearest_new(&a, query_pattern_parse(&a, "Totl", NULL), 0);
    query_nearest_add(n, &names.im);
    assert_int_equal(query_nearest_list(n, list), 0);
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
        cmocka_unit_test(nearest_comes_first),
        cmocka_unit_test(names_are_kept_once),
        cmocka_unit_test(none_are_kept_where_none_are_wanted),
    };
    return cmocka_run_group_tests(tests, open_names, close_names);
}
