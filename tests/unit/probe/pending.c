/* The table of pending calls: what is put in comes out once, whoever takes it, until it is full. */
#include "probe/hot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static probe some[3]; /* their sink is NULL: forgotten by that */

static int start(void **state)
{
    (void)state;
    err_t e = {0};
    return probe_pending_start(&e) ? 0 : -1;
}

static probe_pending *make(uint32_t id, probe *p, probe_pending_kind kind, uint32_t bytes)
{
    probe_pending *x = probe_pending_new(bytes);
    if (!x) return NULL;
    x->id = id;
    x->kind = (uint8_t)kind;
    x->probe = p;
    x->turn = p->turn;
    x->size = bytes;
    memset(&x->event, (int)(id & 0xFF), bytes);
    return x;
}

static uint32_t in_use(void)
{
    uint64_t bytes;
    return probe_async_pending(&bytes);
}

static void what_is_put_comes_out_once(void **state)
{
    (void)state;
    probe_pending *x = make(77, &some[0], PROBE_PENDING_CALL, 100);
    assert_true(probe_pending_put(x));
    assert_ptr_equal(probe_pending_find(77, &some[0], PROBE_PENDING_CALL), x);
    assert_null(probe_pending_find(78, &some[0], PROBE_PENDING_CALL));
    assert_null(probe_pending_find(77, &some[1], PROBE_PENDING_CALL));
    assert_null(probe_pending_find(77, &some[0], PROBE_PENDING_OUTCOME));
    assert_ptr_equal(probe_pending_take(77, &some[0], PROBE_PENDING_CALL), x);
    assert_null(probe_pending_take(77, &some[0], PROBE_PENDING_CALL));
    assert_false(probe_pending_remove(x));
    assert_int_equal(in_use(), 1);
    probe_pending_free(x);
    assert_int_equal(in_use(), 0);
}

static void probes_and_kinds_of_one_task_are_kept_apart(void **state)
{
    (void)state;
    probe_pending *x[4];
    for (unsigned i = 0; i < 3; i++)
        assert_true(probe_pending_put(x[i] = make(5, &some[i], PROBE_PENDING_CALL, 60)));
    assert_true(probe_pending_put(x[3] = make(5, &some[1], PROBE_PENDING_OUTCOME, 60)));
    assert_ptr_equal(probe_pending_take(5, &some[1], PROBE_PENDING_CALL), x[1]);
    assert_true(probe_pending_remove(x[0]));
    assert_ptr_equal(probe_pending_take(5, &some[2], PROBE_PENDING_CALL), x[2]);
    assert_ptr_equal(probe_pending_take(5, &some[1], PROBE_PENDING_OUTCOME), x[3]);
    for (unsigned i = 0; i < 4; i++)
        probe_pending_free(x[i]);
    assert_int_equal(in_use(), 0);
}

/* Everything fits that has its share of a bucket; then a put is refused, and nothing that was there is lost. */
static void a_full_table_refuses(void **state)
{
    (void)state;
    enum { MOST = 1 << 18 };
    probe_pending **all = calloc(MOST, sizeof(probe_pending *));
    assert_non_null(all);
    for (uint32_t i = 0; i < MOST; i++)
        if (!(all[i] = make(i + 1, &some[0], PROBE_PENDING_CALL, 64)) || !probe_pending_put(all[i]))
            fail_msg("%u of %u have found a place", i, (unsigned)MOST);
    probe_pending *more = make(MOST + 1, &some[0], PROBE_PENDING_CALL, 64); /* of the next size */
    assert_non_null(more);
    assert_false(probe_pending_put(more));
    probe_pending_free(more);
    for (uint32_t i = 0; i < MOST; i++) {
        assert_ptr_equal(probe_pending_take(i + 1, &some[0], PROBE_PENDING_CALL), all[i]);
        assert_int_equal(((const uint8_t *)&all[i]->event)[63], (i + 1) & 0xFF);
        probe_pending_free(all[i]);
    }
    free(all);
    uint64_t bytes;
    assert_int_equal(probe_async_pending(&bytes), 0);
    assert_true(bytes > 0);
    assert_int_equal(probe_async_forget(NULL), 0);
    probe_async_pending(&bytes);
    assert_int_equal(bytes, 0); /* and the memory has been given back */
}

static void sizes_up_to_the_largest_event(void **state)
{
    (void)state;
    static const uint32_t bytes[] = {56, 128, 400, 900, 2500, 9000, WIRE_EVENT_MOST};
    probe_pending *x[RJ_COUNT(bytes)];
    for (unsigned i = 0; i < RJ_COUNT(bytes); i++)
        assert_non_null(x[i] = make(i + 1, &some[0], PROBE_PENDING_CALL, bytes[i]));
    for (unsigned i = 0; i < RJ_COUNT(bytes); i++)
        for (uint32_t at = 0; at < bytes[i]; at++)
            assert_int_equal(((const uint8_t *)&x[i]->event)[at], i + 1);
    for (unsigned i = 0; i < RJ_COUNT(bytes); i++)
        probe_pending_free(x[i]);
    assert_null(probe_pending_new(WIRE_EVENT_MOST * 2));
}

static void what_a_gone_client_left_is_forgotten(void **state)
{
    (void)state;
    probe_sink sink = {0};
    probe his = {.sink = &sink};
    for (uint32_t i = 1; i <= 100; i++)
        assert_true(probe_pending_put(make(i, i % 2 ? &his : &some[0], PROBE_PENDING_CALL, 64)));
    assert_int_equal(probe_async_forget(&sink), 50);
    assert_int_equal(in_use(), 50);
    assert_null(probe_pending_find(1, &his, PROBE_PENDING_CALL));
    for (uint32_t i = 2; i <= 100; i += 2)
        probe_pending_free(probe_pending_take(i, &some[0], PROBE_PENDING_CALL));
    assert_int_equal(in_use(), 0);
}

/* An outcome waits as long as somebody may come for it, and a little longer. */
static void an_outcome_that_nobody_comes_for_is_forgotten(void **state)
{
    (void)state;
    probe p = {.suspending = 1};
    assert_true(probe_pending_put(make(9, &p, PROBE_PENDING_OUTCOME, 64)));
    assert_true(probe_pending_put(make(10, &p, PROBE_PENDING_CALL, 64)));
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(probe_async_forget(NULL), 0);
    p.suspending = 0;
    assert_int_equal(probe_async_forget(NULL), 1);
    probe_pending *call = probe_pending_take(10, &p, PROBE_PENDING_CALL);
    assert_non_null(call); /* a call waits for ever */
    probe_pending_free(call);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 200000 };

static struct race {
    _Atomic uint32_t taken, at;
} race;

/* Everyone puts what is theirs, and takes whatever they find of the others. */
static void *put_and_take(void *own)
{
    uint32_t number = (uint32_t)(uintptr_t)own, mine = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t id = 1 + i * THREADS + number;
        probe_pending *x = make(id, &some[0], PROBE_PENDING_CALL, 64 + i % 1000);
        if (!x || !probe_pending_put(x)) abort();
        for (uint32_t k = 0; k < THREADS; k++) {
            probe_pending *y = probe_pending_take(1 + i * THREADS + k, &some[0], PROBE_PENDING_CALL);
            if (!y) continue;
            uint8_t byte = (uint8_t)y->id;
            for (uint32_t b = 0; b < y->size; b += 63)
                if (((const uint8_t *)&y->event)[b] != byte) abort();
            probe_pending_free(y);
            mine++;
        }
    }
    atomic_fetch_add(&race.taken, mine);
    return NULL;
}

static void threads_take_each_exactly_once(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, put_and_take, (void *)(uintptr_t)i), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    uint32_t left = 0;
    for (uint32_t id = 1; id <= ROUNDS * THREADS; id++) {
        probe_pending *x = probe_pending_take(id, &some[0], PROBE_PENDING_CALL);
        if (!x) continue;
        probe_pending_free(x);
        left++;
    }
    assert_int_equal(race.taken + left, ROUNDS * THREADS);
    assert_int_equal(in_use(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_out_once),
        cmocka_unit_test(probes_and_kinds_of_one_task_are_kept_apart),
        cmocka_unit_test(a_full_table_refuses),
        cmocka_unit_test(sizes_up_to_the_largest_event),
        cmocka_unit_test(what_a_gone_client_left_is_forgotten),
        cmocka_unit_test(an_outcome_that_nobody_comes_for_is_forgotten),
        cmocka_unit_test(threads_take_each_exactly_once),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
