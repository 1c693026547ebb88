/* What --budget may be. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_budget(const char *text, double share, uint64_t events, uint64_t bytes)
{
    rj_budget b;
    budget_default(&b);
    if (!budget_parse(text, &b)) fail_msg("'%s' is refused", text);
    assert_true(b.share > share - 1e-9 && b.share < share + 1e-9);
    assert_int_equal(b.events, events);
    assert_int_equal(b.bytes, bytes);
}

static void budgets(void **state)
{
    (void)state;
    const uint64_t events = 1000000, bytes = 256u << 20;
    assert_budget("10%", 0.1, events, bytes);
    assert_budget("10", 0.1, events, bytes);
    assert_budget("0.5%", 0.005, events, bytes);
    assert_budget("time=100%", 1, events, bytes);
    assert_budget("off", 0, 0, 0);
    assert_budget("any", 0, 0, 0);
    assert_budget("time=off", 0, events, bytes);
    assert_budget("events=off,memory=1G", 0.25, 0, 1u << 30);
    assert_budget("time=5%,events=50k,memory=64M", 0.05, 50000, 64u << 20);
    assert_budget("events=7", 0.25, 7, bytes);
    assert_budget("events=3M,2%", 0.02, 3000000, bytes);
    assert_budget("memory=4k", 0.25, events, 4096);
}

static void slips(void **state)
{
    (void)state;
    static const char *const all[] = {"",
                                      "%",
                                      "0",
                                      "-1%",
                                      "101%",
                                      "0.05%",
                                      "1e400%",
                                      "10%%",
                                      "time",
                                      "time=",
                                      "time=x",
                                      "speed=3",
                                      "events=",
                                      "events=0",
                                      "events=1x",
                                      "events=1kk",
                                      "memory=-5",
                                      "10%,,20%",
                                      "10%,",
                                      ",10%",
                                      "nan%",
                                      "inf%",
                                      "events=99999999999999999999",
                                      "memory=99999999999G"};
    for (size_t i = 0; i < RJ_COUNT(all); i++) {
        rj_budget b;
        budget_default(&b);
        if (budget_parse(all[i], &b)) fail_msg("'%s' is taken", all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(budgets), cmocka_unit_test(slips)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
