/* Statistics by key: what is one key and what is two, what finds no place, several threads at once. */
#include "probe/hot.h"
#include "wire/element.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    probe_sink sink;
    probe p;
    probe_op key;
} fixture;

static int start(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    err_t e = {0};
    *state = f;
    if (!f || (!probe_pool && !probe_start(&e)) || !probe_sink_open(&f->sink, 8, true, &e)) return -1;
    f->p = (probe){.verb = WIRE_STAT, .id = 3, .sink = &f->sink, .event_size = sizeof(wire_event) + 24};
    f->key = (probe_op){.element = WIRE_E_I4, .how = WIRE_PRIMITIVE, .slot = sizeof(wire_event)};
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    assert_true(probe_sink_detach(&f->sink));
    probe_sink_close(&f->sink);
    free(f);
    return 0;
}

/* An event with room for what the slot refers to. */
typedef struct event {
    wire_event head;
    uint64_t slots[3];
    wire_piece piece;
    uint16_t text[512];
} event;

static bool add(fixture *f, const event *v, wire_event_kind kind, uint64_t elapsed)
{
    return probe_key_add(&f->p, &f->key, &v->head, kind, elapsed);
}

static bool add_int(fixture *f, int32_t n)
{
    event v = {.slots = {(uint32_t)n | UINT64_C(0xABCD) << 32}}; /* what is behind the number is nobody's */
    return add(f, &v, WIRE_EV_RETURN, 100);
}

static bool add_text(fixture *f, const char *text)
{
    const size_t n = strlen(text);
    event v = {.piece = {.length = (uint32_t)n, .copied = (uint32_t)n * 2}};
    assert_true(n <= RJ_COUNT(v.text));
    for (size_t i = 0; i < n; i++)
        v.text[i] = (uint8_t)text[i];
    v.slots[0] = (sizeof v.piece + n * 2) << 32 | offsetof(event, piece);
    return add(f, &v, WIRE_EV_RETURN, 100);
}

static bool add_decimal(fixture *f, uint64_t low, uint32_t high, uint32_t flags)
{
    event v = {.slots = {flags | (uint64_t)high << 32, low, PROBE_PATH_VALUE}};
    return add(f, &v, WIRE_EV_RETURN, 100);
}

/* The only key with so many calls. */
static const wire_key *with_calls(const fixture *f, uint64_t calls)
{
    const wire_key *found = NULL;
    for (uint32_t i = 0; i < WIRE_KEY_PLACES; i++) {
        const wire_key *k = &f->sink.keys[i];
        if (!k->hash || k->stat.calls != calls) continue;
        assert_null(found);
        assert_int_equal(k->ready, 1);
        found = k;
    }
    assert_non_null(found);
    return found;
}

static uint32_t used(const fixture *f)
{
    return f->sink.memory->keys_used;
}

static void equal_values_are_one_key(void **state)
{
    fixture *f = *state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(add_int(f, 5));
    assert_true(add_int(f, -5));
    assert_int_equal(used(f), 2);
    const wire_key *k = with_calls(f, 3);
    assert_int_equal(k->probe, 3);
    assert_int_equal(k->kind, WIRE_KEY_NUMBER);
    assert_int_equal(k->size, 4);
    assert_memory_equal(k->bytes, &(int32_t){5}, 4);
    assert_int_equal(k->stat.sum, 300);
    assert_int_equal(k->stat.max, 100);
    assert_int_equal(k->stat.bucket[wire_bucket(100)], 3);
    f->p.id = 4; /* another method's */
    assert_true(add_int(f, 5));
    assert_int_equal(used(f), 3);
}

static void texts_are_told_apart_by_their_beginning(void **state)
{
    fixture *f = *state;
    char longer[302];
    memset(longer, 'x', sizeof longer);
    longer[300] = 0;
    f->key.how = WIRE_OBJECT;
    f->key.element = WIRE_E_STRING;
    assert_true(add_text(f, "Bob") && add_text(f, "Bob") && add_text(f, "Bo") && add_text(f, ""));
    assert_int_equal(used(f), 3);
    assert_int_equal(with_calls(f, 2)->cut, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(add_text(f, longer));
        longer[200] = (char)('a' + i); /* too far behind */
    }
    const wire_key *k = with_calls(f, 4);
    assert_int_equal(k->size, WIRE_KEY_BYTES);
    assert_int_equal(k->cut, 1);
    event none = {.slots = {0}}, lost = {.slots = {offsetof(event, piece)}};
    for (unsigned i = 0; i < 5; i++)
        assert_true(add(f, &none, WIRE_EV_RETURN, 1));
    assert_int_equal(with_calls(f, 5)->kind, WIRE_KEY_NULL);
    for (unsigned i = 0; i < 6; i++)
        assert_true(add(f, &lost, WIRE_EV_RETURN, 1)); /* there was no room for it */
    assert_int_equal(with_calls(f, 6)->kind, WIRE_KEY_NONE);
}

static void equal_decimals_are_one_key(void **state)
{
    enum { SCALE = 1 << 16 };
    fixture *f = *state;
    f->key.element = WIRE_E_VALUETYPE;
    f->key.path = 1;
    assert_true(add_decimal(f, 15, 0, 1 * SCALE) && add_decimal(f, 1500, 0, 3 * SCALE)); /* 1.5 1.500 */
    assert_int_equal(used(f), 1);
    assert_memory_equal(with_calls(f, 2)->bytes, (&(probe_decimal){.flags = SCALE, .low = 15}), 16);
    assert_true(add_decimal(f, 15, 0, 1 * SCALE | UINT32_C(1) << 31));
    assert_int_equal(used(f), 2);
    assert_true(add_decimal(f, 0, 0, 0) && add_decimal(f, 0, 0, 5 * SCALE | UINT32_C(1) << 31)); /* 0 -0.00000 */
    assert_int_equal(used(f), 3);
    /* 2^64 * 100 / 100: every digit is carried */
    assert_true(add_decimal(f, 0, 100, 2 * SCALE) && add_decimal(f, 0, 1, 0) && add_decimal(f, 0, 10, SCALE));
    assert_int_equal(used(f), 4);
    const wire_key *k = with_calls(f, 3);
    assert_memory_equal(k->bytes, (&(probe_decimal){.high = 1}), 16);
}

static void a_call_without_a_value_has_none(void **state)
{
    fixture *f = *state;
    f->key.when = PROBE_RETURNED;
    event v = {.slots = {7}};
    for (unsigned i = 0; i < 2; i++)
        assert_true(add(f, &v, WIRE_EV_THROW, 5));
    const wire_key *k = with_calls(f, 2);
    assert_int_equal(k->kind, WIRE_KEY_NONE);
    assert_int_equal(k->stat.errors, 2);
    f->key.when = PROBE_ALWAYS;
    f->key.path = 1; /* something on the way is null */
    v.slots[1] = PROBE_PATH_NONE;
    for (unsigned i = 0; i < 3; i++)
        assert_true(add(f, &v, WIRE_EV_RETURN, 5));
    assert_int_equal(with_calls(f, 3)->kind, WIRE_KEY_NULL);
    v.slots[1] = PROBE_PATH_UNDECIDED;
    assert_true(add(f, &v, WIRE_EV_RETURN, 5));
    assert_int_equal(used(f), 2);
}

static void keys_are_bounded(void **state)
{
    fixture *f = *state;
    for (int32_t i = 0; i < (int32_t)WIRE_KEYS_MOST; i++)
        assert_true(add_int(f, i));
    assert_int_equal(used(f), WIRE_KEYS_MOST);
    assert_false(add_int(f, -1));
    assert_false(add_int(f, -2));
    assert_true(add_int(f, 77)); /* that one is there */
    assert_int_equal(used(f), WIRE_KEYS_MOST);
}

/* The counter lies in memory that the consumer can write: more keys than places find their end. */
static void a_counter_that_lies_does_no_harm(void **state)
{
    fixture *f = *state;
    uint32_t placed = 0;
    for (int32_t i = 0; i < 3 * (int32_t)WIRE_KEY_PLACES; i++) {
        f->sink.memory->keys_used = 0;
        placed += add_int(f, i);
    }
    assert_in_range(placed, WIRE_KEYS_MOST, WIRE_KEY_PLACES);
}

static void a_whole_call_is_counted_by_its_key(void **state)
{
    fixture *f = *state;
    f->p.key = &f->key;
    f->p.extra = PROBE_BY_KEY;
    for (uint64_t i = 0; i < 10; i++) {
        wire_event *tok = (wire_event *)probe_enter(&f->p);
        ((uint64_t *)(void *)(tok + 1))[0] = i % 3;
        probe_leave_stat(tok);
    }
    assert_int_equal(used(f), 3);
    assert_memory_equal(with_calls(f, 4)->bytes, &(int32_t){0}, 4);
    const wire_stat *whole = (const wire_stat *)(const void *)f->sink.stats;
    assert_int_equal(whole[probe_self()->index * 8 + 3].calls, 0);
}

/* ---- several threads ---- */

enum { THREADS = 4, ROUNDS = 20000, VALUES = 1200 };

static void *count(void *owner)
{
    fixture *f = owner;
    uintptr_t placed = 0;
    for (int32_t i = 0; i < ROUNDS; i++)
        placed += add_int(f, i % VALUES);
    return (void *)placed;
}

static void threads_lose_nothing(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    uint64_t placed = 0, calls = 0;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, f), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        placed += (uintptr_t)result;
    }
    uint32_t there = 0;
    for (uint32_t i = 0; i < WIRE_KEY_PLACES; i++) {
        const wire_key *k = &f->sink.keys[i];
        there += k->ready;
        calls += k->stat.calls;
        assert_int_equal(k->stat.calls, k->stat.bucket[wire_bucket(100)]);
    }
    assert_int_equal(calls, placed);
    assert_int_equal(there, used(f));
    assert_in_range(there, WIRE_KEYS_MOST, WIRE_KEYS_MOST + THREADS); /* who looked at the same time */
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(equal_values_are_one_key),
        T(texts_are_told_apart_by_their_beginning),
        T(equal_decimals_are_one_key),
        T(a_call_without_a_value_has_none),
        T(keys_are_bounded),
        T(a_counter_that_lies_does_no_harm),
        T(a_whole_call_is_counted_by_its_key),
        T(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
