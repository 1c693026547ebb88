/* How many methods are handed to the runtime at a time. */
#include "engine/engine-priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static void portions_follow_the_time_that_they_take(void **state)
{
    (void)state;
    assert_int_equal(eng_pace_next(100, 1 * MS), 200);
    assert_int_equal(eng_pace_next(100, 10 * MS), 100);
    assert_int_equal(eng_pace_next(100, 30 * MS), 50);
    assert_int_equal(eng_pace_next(ENG_PORTION, 0), ENG_PORTION);
    uint32_t size = ENG_PORTION;
    for (int i = 0; i < 100; i++)
        size = eng_pace_next(size, 5000 * MS);
    assert_in_range(size, 1, 10); /* it goes on, however slow */
}

static void what_is_left_is_taken_to_the_end(void **state)
{
    (void)state;
    eng_pace p = {.rests = true};
    uint32_t left = 100000, portions = 0, count;
    for (; left; left -= count, portions++) {
        count = eng_pace_take(&p, left);
        assert_in_range(count, 1, RJ_MIN(left, ENG_PORTION));
        eng_pace_rest(&p, left > count);
    }
    assert_in_range(portions, 100000 / ENG_PORTION, 100000 / 8);
}

/* After a portion that took 20 ms and more. */
static eng_pace tired(void)
{
    eng_pace p = {.rests = true};
    eng_pace_take(&p, 100);
    nanosleep(&(struct timespec){.tv_nsec = 20 * (long)MS}, NULL);
    eng_pace_over(&p, true);
    return p;
}

static void a_rest_is_as_long_as_the_portion_was(void **state)
{
    (void)state;
    eng_pace p = tired();
    uint64_t rest = 0, cpu = 5000 * MS, piece;
    assert_in_range(p.rest_ns, 20 * MS, 200 * MS);
    uint64_t whole = p.rest_ns;
    for (; (piece = eng_pace_piece(&p, cpu)); cpu += piece / 2) /* the application uses it */
        rest += piece;
    assert_int_equal(rest, whole);
}

static void a_rest_that_nobody_uses_ends(void **state)
{
    (void)state;
    eng_pace p = tired();
    const uint64_t cpu = 5000 * MS;
    uint64_t piece = eng_pace_piece(&p, cpu);
    assert_in_range(piece, 1, 5 * MS);
    assert_int_equal(eng_pace_piece(&p, cpu + piece), piece); /* somebody has run in it */
    assert_int_equal(eng_pace_piece(&p, cpu + piece), 0);     /* and nobody in this one */
    assert_int_equal(eng_pace_piece(&p, cpu + 100 * MS), 0);
}

static void behind_the_last_portion_there_is_no_rest(void **state)
{
    (void)state;
    eng_pace p = tired();
    eng_pace_over(&p, false);
    assert_int_equal(eng_pace_next_piece(&p), 0);
    p = tired();
    p.rests = false;
    eng_pace_over(&p, true);
    assert_int_equal(eng_pace_next_piece(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portions_follow_the_time_that_they_take),  cmocka_unit_test(what_is_left_is_taken_to_the_end),
        cmocka_unit_test(a_rest_is_as_long_as_the_portion_was),     cmocka_unit_test(a_rest_that_nobody_uses_ends),
        cmocka_unit_test(behind_the_last_portion_there_is_no_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
