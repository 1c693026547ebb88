/* The table of stat, and trees of callers. */
#include "out/out.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const rj_stat items[] = {
    {.method = "Shop.Cart.Add(int)",
     .module = "Shop.dll",
     .calls = 1234567,
     .errors = 3,
     .sum = 500,
     .mean = 850,
     .p50 = 700,
     .p90 = 1500,
     .p99 = 2500000,
     .max = 3000000000},
    {.method = "Shop.Cart.Idle()", .module = "Shop.dll"},
    {.method = "Shop.Orders.Place(Order)",
     .module = "Shop.dll",
     .calls = 7,
     .sum = 9000,
     .mean = 1000,
     .p50 = 1000,
     .p90 = 1000,
     .p99 = 1000,
     .max = 1000},
};
static const rj_stats stats = {.items = items, .count = 3};
static const out_style plain;

static void most_time_comes_first(void **state)
{
    (void)state;
    buf_t b = {0};
    rj_stat old[] = {{.calls = 1234467}, {.calls = 0}, {.calls = 6}};
    rj_stats before = {.items = old, .count = 3};
    assert_int_equal(out_stat_table(&b, &stats, &(out_rate){.seconds = 2, .before = &before}, 0, 0, &plain), 4);
    assert_string_equal(
        buf_cstr(&b),
        "        CALLS    CALLS/S   ERRORS     MEAN      P50      P90      P99      MAX  METHOD\n"
        "            7        0.5        0   1.00us   1.00us   1.00us   1.00us   1.00us  Shop.Orders.Place(Order)\n"
        "    1,234,567         50        3    850ns    700ns   1.50us   2.50ms    3.00s  Shop.Cart.Add(int)\n"
        "            1 method was not called\n");
    buf_free(&b);
}

static void a_histogram_has_a_line_for_each_step(void **state)
{
    (void)state;
    buf_t b = {0};
    static const rj_bucket buckets[] = {{1000, 1125, 30}, {1250, 1375, 9}, {1375, 1500, 1}};
    const rj_stat s = {.method = "Shop.Cart.Add(int)", .buckets = buckets, .bucket_count = 3};
    out_histogram(&b, &s, 0, &plain);
    assert_string_equal(buf_cstr(&b),
                        "\nShop.Cart.Add(int)\n"
                        "     1.00us ..   1.11us |########################################|            30   75.0 %\n"
                        "     1.11us ..   1.22us |                                        |             0    0.0 %\n"
                        "     1.22us ..   1.35us |############                            |             9   22.5 %\n"
                        "     1.35us ..   1.50us |##                                      |             1    2.5 %\n");
    buf_free(&b);
}

/* From nanoseconds to hours, and into a narrow terminal. */
static void a_histogram_stays_small(void **state)
{
    (void)state;
    buf_t b = {0};
    rj_bucket buckets[40];
    for (unsigned i = 0; i < 40; i++)
        buckets[i] = (rj_bucket){i ? 1ull << i : 0, 1ull << (i + 1), i + 1ull};
    const rj_stat s = {.method = "M", .buckets = buckets, .bucket_count = 40};
    out_histogram(&b, &s, 70, &plain);
    unsigned lines = 0;
    for (const char *line = buf_cstr(&b), *next; (next = strchr(line, '\n')); line = next + 1, lines++)
        assert_true(out_width(line, (size_t)(next - line)) <= 70);
    assert_int_equal(lines, 2 + OUT_BARS_MOST);
    b.n = 0;
    out_histogram(&b, &(rj_stat){.method = "M"}, 70, &plain);
    assert_string_equal(buf_cstr(&b), "\nM\n");
    buf_free(&b);
}

static void a_small_terminal_gets_what_fits(void **state)
{
    (void)state;
    buf_t b = {0};
    assert_int_equal(out_stat_table(&b, &stats, &(out_rate){.seconds = 1}, 80, 4, &plain), 4);
    assert_non_null(strstr(buf_cstr(&b), "…Orders.Place\n"));
    assert_non_null(strstr(buf_cstr(&b), "... and 1 more\n"));
    assert_non_null(strstr(buf_cstr(&b), "1 method was not called\n"));
    for (const char *line = buf_cstr(&b), *next; (next = strchr(line, '\n')); line = next + 1)
        assert_true(out_width(line, (size_t)(next - line)) <= 80);
    buf_free(&b);
}

static void add(out_tree *t, const char *const *frames, size_t n, unsigned times)
{
    rj_call c = {.outcome = RJ_CALLED, .method = "T.M()", .module = "T.dll", .frames = frames, .frame_count = n};
    while (times--)
        assert_true(out_tree_add(t, &c));
}

static void stacks_merge(void **state)
{
    (void)state;
    out_tree *t = out_tree_new(false);
    buf_t b = {0};
    static const char *const one[] = {"A()", "Main()"}, *const two[] = {"B()", "Main()"}, *const three[] = {"A()"};
    add(t, one, 2, 6);
    add(t, two, 2, 3);
    add(t, three, 1, 1);
    out_tree_text(&b, t, &plain);
    assert_string_equal(buf_cstr(&b), "T.M()  10 calls, called by\n"
                                      "           7  70.0%   A()\n"
                                      "           6  60.0%     Main()\n"
                                      "           3  30.0%   B()\n"
                                      "                      Main()\n");
    b.n = 0;
    out_tree_json(&b, t, 42);
    assert_string_equal(
        buf_cstr(&b),
        "{\"event\":\"stack\",\"pid\":42,\"method\":\"T.M()\",\"count\":1,\"frames\":[\"A()\"]}\n"
        "{\"event\":\"stack\",\"pid\":42,\"method\":\"T.M()\",\"count\":6,\"frames\":[\"A()\",\"Main()\"]}\n"
        "{\"event\":\"stack\",\"pid\":42,\"method\":\"T.M()\",\"count\":3,\"frames\":[\"B()\",\"Main()\"]}\n");
    buf_free(&b);
    out_tree_free(t);
}

static void add_placed(out_tree *t, const rj_place *places, unsigned times)
{
    static const char *const frames[] = {"A()", "B()"};
    rj_call c = {.method = "T.M()", .frames = frames, .frame_count = 2, .places = places};
    while (times--)
        assert_true(out_tree_add(t, &c));
}

static void stacks_merge_by_line(void **state)
{
    (void)state;
    out_tree *t = out_tree_new(false);
    buf_t b = {0};
    static const rj_place one[] = {{"/src/shop/src/a.cs", 7}, {"/src/shop/b.cs", 1}},
                          two[] = {{"/src/shop/src/a.cs", 9}, {"", 0}},
                          three[] = {{"/src/shop/src/a.cs", 7}, {"/src/shop/b.cs", 2}};
    add_placed(t, one, 2);
    add_placed(t, two, 4);
    add_placed(t, three, 1);
    out_tree_text(&b, t, &plain);
    assert_string_equal(buf_cstr(&b), "T.M()  7 calls, called by\n"
                                      "           4  57.1%   A()  /src/shop/src/a.cs:9\n"
                                      "                      B()\n"
                                      "           3  42.9%   A()  /src/shop/src/a.cs:7\n"
                                      "           2  28.6%     B()  /src/shop/b.cs:1\n"
                                      "           1  14.3%     B()  /src/shop/b.cs:2\n");
    b.n = 0;
    out_tree_text(&b, t, &(out_style){.narrow = true});
    assert_non_null(strstr(buf_cstr(&b), "A()  src/a.cs:9\n"));
    assert_non_null(strstr(buf_cstr(&b), "B()  b.cs:2\n"));
    b.n = 0;
    out_tree_json(&b, t, 42);
    assert_string_equal(
        buf_cstr(&b),
        "{\"event\":\"stack\",\"pid\":42,\"method\":\"T.M()\",\"count\":4,\"frames\":[\"A()\",\"B()\"],"
        "\"places\":[{\"file\":\"/src/shop/src/a.cs\",\"line\":9},{}]}\n"
        "{\"event\":\"stack\",\"pid\":42,\"method\":\"T.M()\",\"count\":2,\"frames\":[\"A()\",\"B()\"],"
        "\"places\":[{\"file\":\"/src/shop/src/a.cs\",\"line\":7},{\"file\":\"/src/shop/b.cs\",\"line\":1}]}\n"
        "{\"event\":\"stack\",\"pid\":42,\"method\":\"T.M()\",\"count\":1,\"frames\":[\"A()\",\"B()\"],"
        "\"places\":[{\"file\":\"/src/shop/src/a.cs\",\"line\":7},{\"file\":\"/src/shop/b.cs\",\"line\":2}]}\n");
    buf_free(&b);
    out_tree_free(t);
}

/* Who awaits is not the same as who calls. */
static void awaiters_are_told_apart(void **state)
{
    (void)state;
    out_tree *t = out_tree_new(false);
    buf_t b = {0};
    static const char *const frames[] = {"A()", "B()", "B()"};
    rj_call c = {.method = "T.M()", .frames = frames, .frame_count = 2, .awaiting = 1};
    assert_true(out_tree_add(t, &c));
    c.awaiting = 0;
    assert_true(out_tree_add(t, &c));
    c.frame_count = 3;
    c.awaiting = 2;
    assert_true(out_tree_add(t, &c));
    out_tree_text(&b, t, &plain);
    assert_string_equal(buf_cstr(&b), "T.M()  3 calls, called by\n"
                                      "           3 100.0% A()\n"
                                      "           2  66.7%   await B()\n"
                                      "           1  33.3%     await B()\n"
                                      "           1  33.3%   B()\n");
    b.n = 0;
    out_tree_json(&b, t, 42);
    assert_non_null(strstr(buf_cstr(&b), "\"count\":1,\"frames\":[\"A()\",\"B()\"],\"awaiting\":1}\n"));
    assert_non_null(strstr(buf_cstr(&b), "\"count\":1,\"frames\":[\"A()\",\"B()\",\"B()\"],\"awaiting\":2}\n"));
    assert_non_null(strstr(buf_cstr(&b), "\"count\":1,\"frames\":[\"A()\",\"B()\"]}\n"));
    buf_free(&b);
    out_tree_free(t);
}

/* The root of the file system is nothing to have in common; a Windows path has other separators. */
static void paths_with_nothing_in_common_stay_whole(void **state)
{
    (void)state;
    out_tree *t = out_tree_new(false);
    buf_t b = {0};
    static const rj_place apart[] = {{"/_/one/a.cs", 7}, {"/other/b.cs", 1}};
    add_placed(t, apart, 1);
    out_tree_text(&b, t, &(out_style){.narrow = true});
    assert_non_null(strstr(buf_cstr(&b), "A()  /_/one/a.cs:7\n"));
    out_tree_free(t);
    t = out_tree_new(false);
    b.n = 0;
    static const rj_place windows[] = {{"C:\\shop\\src\\a.cs", 7}, {"C:\\shop\\b.cs", 1}};
    add_placed(t, windows, 1);
    out_tree_text(&b, t, &(out_style){.narrow = true});
    assert_non_null(strstr(buf_cstr(&b), "A()  src\\a.cs:7\n"));
    buf_free(&b);
    out_tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_histogram_has_a_line_for_each_step),
        cmocka_unit_test(a_histogram_stays_small),
        cmocka_unit_test(most_time_comes_first),
        cmocka_unit_test(a_small_terminal_gets_what_fits),
        cmocka_unit_test(stacks_merge),
        cmocka_unit_test(stacks_merge_by_line),
        cmocka_unit_test(awaiters_are_told_apart),
        cmocka_unit_test(paths_with_nothing_in_common_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
