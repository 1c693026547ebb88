/* Calls as lines, for people and for programs. */
#include "out/out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const rj_value args[] = {
    {.kind = RJ_INT, .name = "count", .type = "int", .text = "", .i = -3},
    {.kind = RJ_STRING, .name = "who", .type = "string", .text = "a\"b\n", .text_size = 4, .cut = true},
    {.kind = RJ_SECRET, .name = "password", .type = "string", .text = ""},
};
static const rj_value result = {
    .kind = RJ_DECIMAL, .name = "return", .type = "System.Decimal", .text = "12.50", .text_size = 5};
static const rj_value self = {.kind = RJ_OPAQUE, .name = "this", .type = "Shop.Cart", .text = ""};

static rj_call call(void)
{
    return (rj_call){.time = UINT64_C(1700000000123456789),
                     .elapsed = 1240000,
                     .pid = 42,
                     .thread = 43,
                     .outcome = RJ_RETURNED,
                     .method = "Shop.Pricing.Total(int,string,string)",
                     .module = "Shop.dll",
                     .exception = ""};
}

static void is_text(const rj_call *c, const out_style *style, const char *want)
{
    buf_t b = {0};
    out_call(&b, c, style);
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
}

static void is_json(const rj_call *c, const char *want)
{
    buf_t b = {0};
    out_json_call(&b, c);
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
}

static const out_style plain;

/* A call at a place: as text, as the user's own text, as JSON. */
static void a_call_at_a_place(void **state)
{
    (void)state;
    static const rj_value order[] = {{.kind = RJ_INT, .name = "Total", .type = "int", .text = "", .i = 7}};
    static const rj_value items[] = {{.kind = RJ_INT, .name = "", .type = "int", .text = "", .i = 5}};
    static const rj_value locals[] = {
        {.kind = RJ_OBJECT, .name = "order", .type = "Shop.Order", .text = "", .items = order, .count = 1},
        {.kind = RJ_LIST, .name = "items", .type = "int[]", .text = "", .items = items, .count = 1, .length = 9},
        {.kind = RJ_NULL, .name = "nobody", .type = "Shop.Order", .text = ""}};
    static const rj_point point = {
        .asked = "Pricing.cs:42", .asked_line = 42, .at = {"/src/Pricing.cs", 43}, .il_offset = 18, .source = "x();"};
    static const struct {
        const char *text, *want;
        uint32_t depth;
    } texts[] = {{"{count} and {order.Total}", "-3 and 7", 1},
                 {"{items[0]}, {items[1]}, {items.Count}, {items.Length}", "5, ?, 9, 9", 1},
                 {"{nobody.Total} {who} {none} {args.count}{locals.order.Total}", "null a\"b\\n ? -37", 2},
                 {"\\{a\\} \\t\\\\", "{a} \t\\", 0},
                 {"", "", 0}};
    buf_t b = {0};
    rj_call c = call();
    uint32_t depth;
    size_t at;
    c.outcome = RJ_REACHED;
    c.args = args;
    c.arg_count = 2;
    c.locals = locals;
    c.local_count = 2;
    c.point = &point;
    out_line(&b, &c, &plain);
    assert_string_equal(buf_cstr(&b), "22:13:20.123  43  Pricing.cs:43  count: -3  who: \"a\\\"b\\n…\"  order: "
                                      "Order{Total: 7}  items: int[](9) [5, ...]\n");
    buf_free(&b);
    out_json_line(&b, &c, "{count}");
    assert_string_equal(
        buf_cstr(&b),
        "{\"time\":1700000000123456789,\"pid\":42,\"thread\":43,\"method\":\"Shop.Pricing.Total(int,string,"
        "string)\",\"module\":\"Shop.dll\",\"event\":\"line\",\"file\":\"/src/Pricing.cs\",\"line\":43,"
        "\"il_offset\":18,\"text\":\"-3\",\"args\":{\"count\":-3,\"who\":\"a\\\"b\\n…\"},\"locals\":{"
        "\"order\":{\"$type\":\"Shop.Order\",\"Total\":7},\"items\":{\"$type\":\"int[]\",\"length\":9,"
        "\"items\":[5]}}}\n");
    buf_free(&b);
    c.local_count = 3;
    for (size_t i = 0; i < RJ_COUNT(texts); i++) {
        assert_true(out_template_check(texts[i].text, &depth, &at));
        assert_int_equal(depth, texts[i].depth);
        out_template(&b, &c, texts[i].text);
        assert_string_equal(buf_cstr(&b), texts[i].want);
        buf_free(&b);
    }
    static const char *const bad[] = {"a {", "a }", "{}", "{a{b}}"};
    static const size_t where[] = {2, 2, 0, 0};
    for (size_t i = 0; i < RJ_COUNT(bad); i++) {
        assert_false(out_template_check(bad[i], &depth, &at));
        assert_int_equal(at, where[i]);
    }
}

static void a_call_with_values(void **state)
{
    (void)state;
    rj_call c = call();
    c.args = args;
    c.arg_count = 3;
    c.result = &result;
    c.self = &self;
    c.truncated = true;
    is_text(&c, &plain,
            "22:13:20.123   1.24ms  43  Shop.Pricing.Total(this: {Cart}, count: -3, who: \"a\\\"b\\n…\", password: "
            "***) = 12.50\n");
    is_json(
        &c,
        "{\"time\":1700000000123456789,\"pid\":42,\"thread\":43,\"method\":\"Shop.Pricing.Total(int,string,string)\","
        "\"module\":\"Shop.dll\",\"event\":\"return\",\"elapsed_ns\":1240000,\"this\":{\"$type\":\"Shop.Cart\"},"
        "\"args\":{"
        "\"count\":-3,"
        "\"who\":\"a\\\"b\\n…\",\"password\":\"***\"},\"return\":\"12.50\",\"truncated\":true}\n");
}

static void a_call_without_values(void **state)
{
    (void)state;
    rj_call c = call();
    is_text(&c, &plain, "22:13:20.123   1.24ms  43  Shop.Pricing.Total(int,string,string)\n");
    is_json(
        &c,
        "{\"time\":1700000000123456789,\"pid\":42,\"thread\":43,\"method\":\"Shop.Pricing.Total(int,string,string)\","
        "\"module\":\"Shop.dll\",\"event\":\"return\",\"elapsed_ns\":1240000}\n");
    c.args = args; /* asked for, and there are none */
    is_text(&c, &plain, "22:13:20.123   1.24ms  43  Shop.Pricing.Total()\n");
    is_text(&c, &(out_style){.pids = true}, "22:13:20.123   1.24ms  42/43  Shop.Pricing.Total()\n");
}

static void a_call_that_throws(void **state)
{
    (void)state;
    rj_call c = call();
    c.outcome = RJ_THREW;
    c.exception = "System.InvalidOperationException";
    c.message = "out of \"stock\"\033[0m";
    is_text(&c, &plain,
            "22:13:20.123   1.24ms  43  Shop.Pricing.Total(int,string,string) ! InvalidOperationException: \"out of "
            "\\\"stock\\\"\\u001b[0m\"\n");
    is_json(
        &c,
        "{\"time\":1700000000123456789,\"pid\":42,\"thread\":43,\"method\":\"Shop.Pricing.Total(int,string,string)\","
        "\"module\":\"Shop.dll\",\"event\":\"throw\",\"elapsed_ns\":1240000,\"exception\":{\"type\":\"System."
        "InvalidOperationException\",\"message\":\"out of \\\"stock\\\"\\u001b[0m\"}}\n");
    c.message = NULL;
    is_text(&c, &plain,
            "22:13:20.123   1.24ms  43  Shop.Pricing.Total(int,string,string) ! InvalidOperationException\n");
    c.exception = "";
    is_text(&c, &plain, "22:13:20.123   1.24ms  43  Shop.Pricing.Total(int,string,string) ! exception\n");
    is_text(&c, &(out_style){.colour = true},
            "\033[2m22:13:20.123\033[0m\033[33m   1.24ms\033[0m\033[2m  43  "
            "\033[0m\033[36mShop.Pricing.Total(int,string,string)\033[0m"
            "\033[31m ! exception\033[0m\n");
}

static void a_tail_call(void **state)
{
    (void)state;
    rj_call c = call();
    c.outcome = RJ_TAIL_CALLED;
    is_text(&c, &plain, "22:13:20.123   1.24ms  43  Shop.Pricing.Total(int,string,string) -> tail call\n");
    buf_t b = {0};
    out_json_call(&b, &c);
    assert_non_null(strstr(buf_cstr(&b), "\"event\":\"return\""));
    assert_non_null(strstr(buf_cstr(&b), "\"tail\":true"));
    buf_free(&b);
}

static void odd_names_keep_their_parentheses(void **state)
{
    (void)state;
    rj_call c = call();
    c.args = args;
    c.method = "M.(|Even|Odd|)((int,string),int)";
    is_text(&c, &plain, "22:13:20.123   1.24ms  43  M.(|Even|Odd|)()\n");
    c.method = "M.\033Evil\n()";
    is_text(&c, &plain, "22:13:20.123   1.24ms  43  M.\\u001bEvil\\n()\n");
}

static void the_other_lines(void **state)
{
    (void)state;
    buf_t b = {0};
    rj_refusal refused[] = {{"A.B()", "A.dll", "it is \"abstract\""}, {"A.C()", "A.dll", "no"}};
    out_json_start(&b, &(rj_probes){.methods = 3, .refused = refused, .refused_count = 2});
    assert_string_equal(
        buf_cstr(&b),
        "{\"event\":\"start\",\"methods\":3,\"refused\":[{\"method\":\"A.B()\",\"reason\":\"it is \\\"abstract\\\"\"},"
        "{\"method\":\"A.C()\",\"reason\":\"no\"}]}\n");
    b.n = 0;
    out_json_start(&b, &(rj_probes){0});
    assert_string_equal(buf_cstr(&b), "{\"event\":\"start\",\"methods\":0,\"refused\":[]}\n");
    b.n = 0;
    out_json_refused(&b, &refused[1]);
    assert_string_equal(buf_cstr(&b),
                        "{\"event\":\"refused\",\"method\":\"A.C()\",\"module\":\"A.dll\",\"reason\":\"no\"}\n");
    b.n = 0;
    rj_totals totals = {.calls = 5, .dropped = 2, .in_flight = 1};
    out_json_end(&b, &totals, "duration");
    assert_string_equal(buf_cstr(&b),
                        "{\"event\":\"end\",\"calls\":5,\"dropped\":2,\"in_flight\":1,\"reason\":\"duration\"}\n");
    b.n = 0;
    totals.measure = (rj_measure){.open_ns = 1000, .shut_ns = 3000, .last_reached = RJ_REACHED_EVENTS};
    out_json_end(&b, &totals, "count");
    assert_string_equal(buf_cstr(&b),
                        "{\"event\":\"end\",\"calls\":5,\"dropped\":2,\"in_flight\":1,\"measured\":0.2500,"
                        "\"budget\":\"events\",\"reason\":\"count\"}\n");
    b.n = 0;
    rj_stat row = {.method = "A.B()",
                   .module = "A.dll",
                   .calls = 10,
                   .errors = 1,
                   .mean = 5,
                   .p50 = 4,
                   .p90 = 6,
                   .p99 = 7,
                   .max = 8};
    rj_stats all = {.items = &row, .count = 1, .measure = {.open_ns = 10}};
    const out_rate rate = {.seconds = 3.1};
    out_json_stat(&b, &all, 0, &rate, 42, 1000, false);
    assert_string_equal(
        buf_cstr(&b),
        "{\"event\":\"stat\",\"time\":1000,\"pid\":42,\"method\":\"A.B()\",\"module\":\"A.dll\",\"calls\":10,"
        "\"calls_per_s\":3.2,\"errors\":1,\"mean_ns\":5,\"p50_ns\":4,\"p90_ns\":6,\"p99_ns\":7,\"max_ns\":8}\n");
    b.n = 0;
    static const rj_bucket buckets[] = {{16, 18, 3}, {64, 72, 1}};
    row = (rj_stat){.method = "", .module = "", .buckets = buckets, .bucket_count = 2};
    out_json_stat(&b, &all, 0, &rate, 42, 1000, true);
    assert_non_null(strstr(buf_cstr(&b), ",\"max_ns\":0,\"histogram\":[[16,18,3],[64,72,1]]}\n"));
    b.n = 0;
    row = (rj_stat){.method = "", .module = "", .calls = 10};
    all.measure.shut_ns = 30; /* a quarter of the time: calls a second are those of that quarter */
    out_json_stat(&b, &all, 0, &rate, 42, 1000, true);
    assert_non_null(strstr(buf_cstr(&b), ",\"calls_per_s\":12.9,"));
    assert_non_null(strstr(buf_cstr(&b), ",\"measured\":0.2500,\"histogram\":[]}\n"));
    b.n = 0;
    out_json_news(&b, &(rj_news){.kind = RJ_NOTICE_GATES, .text = "too many", .open = false});
    out_json_news(&b, &(rj_news){.kind = RJ_NOTICE_PROBES, .text = "", .count = 2});
    out_json_news(&b, &(rj_news){.kind = RJ_NOTICE_END, .text = "x"});
    assert_string_equal(
        buf_cstr(&b),
        "{\"event\":\"gates\",\"open\":false,\"reason\":\"too many\"}\n{\"event\":\"probes\",\"methods\":2}\n");
    buf_free(&b);
}

static int in_utc(void **state)
{
    (void)state;
    return setenv("TZ", "UTC0", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_at_a_place),     cmocka_unit_test(a_call_with_values),
        cmocka_unit_test(a_call_without_values), cmocka_unit_test(a_call_that_throws),
        cmocka_unit_test(a_tail_call),           cmocka_unit_test(odd_names_keep_their_parentheses),
        cmocka_unit_test(the_other_lines),
    };
    return cmocka_run_group_tests(tests, in_utc, NULL);
}
