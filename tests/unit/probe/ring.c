/* Rings and statistics: what the consumer finds, what fits, and what a consumer that lies can do. */
#include "probe/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#define RING 4096u

/* A sink with two slots over plain memory; the ring of slot 1 lies at the end of a page, nothing behind it. */
typedef struct fixture {
    wire_slot slots[2];
    probe_thread thread;
    probe_sink sink;
    wire_memory memory;
    uint8_t *map;
} fixture;

static int start(void **state)
{
    fixture *f = aligned_alloc(64, (sizeof *f + 63) & ~(size_t)63);
    if (!f) return -1;
    memset(f, 0, sizeof *f);
    f->map = mmap(NULL, 3 * RING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->map == MAP_FAILED || mprotect(f->map + 2 * RING, RING, PROT_NONE) < 0) return -1;
    f->thread = (probe_thread){.index = 1, .tid = 7};
    f->sink = (probe_sink){.memory = &f->memory, .slot = f->slots, .slots = 2, .rings = f->map, .ring_size = RING};
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    munmap(f->map, 3 * RING);
    free(f);
    return 0;
}

static wire_slot *slot(fixture *f)
{
    return &f->slots[1];
}

static void put(fixture *f, uint32_t size, uint32_t mark)
{
    uint64_t bytes[512] = {0};
    wire_event *v = (wire_event *)(void *)bytes;
    assert_true(size <= sizeof bytes);
    for (uint32_t i = sizeof *v / 8; i < size / 8; i++)
        bytes[i] = mark;
    v->kind = WIRE_EV_RETURN;
    v->probe = mark;
    probe_ring_put(&f->thread, &f->sink, v, size, NULL, 0);
}

/* Takes the next event, past padding; asserts that it is whole. Its size is answered. */
static uint32_t take(fixture *f, uint32_t mark)
{
    wire_slot *s = slot(f);
    for (;;) {
        assert_true(s->tail < s->head);
        const wire_event *v = (const wire_event *)(const void *)(f->map + RING + s->tail % RING);
        assert_int_equal(v->size % 8, 0);
        assert_true(s->tail % RING + v->size <= RING); /* never wraps */
        s->tail += v->size;
        if (v->kind == WIRE_EV_PAD) continue;
        assert_int_equal(v->probe, mark);
        const uint64_t *words = (const uint64_t *)(const void *)v;
        for (uint32_t i = sizeof *v / 8; i < v->size / 8; i++)
            assert_int_equal(words[i], mark);
        return v->size;
    }
}

static void events_come_out_as_they_went_in(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < 20; i++)
        put(f, 48 + 8 * i, i);
    assert_int_equal(slot(f)->written, 20);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(take(f, i), 48 + 8 * i);
    assert_int_equal(slot(f)->tail, slot(f)->head);
    assert_int_equal(slot(f)->dropped, 0);
}

static void sizes_are_rounded_up_to_words(void **state)
{
    fixture *f = *state;
    struct {
        wire_event event;
        char text[8];
    } v = {{.kind = WIRE_EV_STACK, .probe = 3}, "12345"};
    const uint64_t frames[] = {0x1234, 0x5678};
    probe_ring_put(&f->thread, &f->sink, &v.event, sizeof v.event + 5, frames, 2);
    const wire_event *got = (const wire_event *)(const void *)(f->map + RING);
    assert_int_equal(got->size, 72);
    assert_memory_equal(got + 1, "12345", 5);
    const uint64_t *marked = (const uint64_t *)(const void *)(got + 1) + 1;
    for (size_t i = 0; i < RJ_COUNT(frames); i++) {
        uint64_t address = 0;
        assert_true(probe_vouched(marked[i], &address));
        assert_int_equal(address, frames[i]);
    }
    assert_int_equal(slot(f)->head, 72);
}

static void an_event_that_does_not_fit_the_end_goes_to_the_beginning(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < 40; i++)
        put(f, 96, i); /* 3,840 bytes: 256 are left */
    for (uint32_t i = 0; i < 40; i++)
        take(f, i);
    put(f, 304, 99);
    assert_int_equal(slot(f)->head, RING + 304);
    assert_int_equal(take(f, 99), 304);
    assert_int_equal(slot(f)->dropped, 0);
}

static void padding_may_be_a_single_word(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < 8; i++)
        put(f, i ? 512 : 504, i); /* 8 bytes are left */
    for (uint32_t i = 0; i < 8; i++)
        take(f, i);
    put(f, 48, 99);
    assert_int_equal(slot(f)->head, RING + 48);
    assert_int_equal(take(f, 99), 48);
}

static void a_full_ring_drops_and_counts(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < 64; i++)
        put(f, 64, i); /* to the last byte */
    assert_int_equal(slot(f)->written, 64);
    assert_int_equal(slot(f)->head, RING);
    for (uint32_t i = 0; i < 7; i++)
        put(f, 64, 1000);
    assert_int_equal(slot(f)->dropped, 7);
    assert_int_equal(slot(f)->written, 64);
    assert_int_equal(slot(f)->head, RING);
    take(f, 0);
    put(f, 72, 1000); /* one byte more than was freed would not do */
    assert_int_equal(slot(f)->dropped, 8);
    put(f, 64, 64);
    for (uint32_t i = 1; i <= 64; i++)
        take(f, i);
    assert_int_equal(slot(f)->dropped, 8);
}

/* Room is counted with the padding: an event that fits only across the end does not fit. */
static void padding_counts_as_room(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < 40; i++)
        put(f, 96, i);
    take(f, 0);
    take(f, 1); /* 256 at the end, 192 at the beginning */
    put(f, 264, 99);
    assert_int_equal(slot(f)->dropped, 1);
    put(f, 256, 99);
    assert_int_equal(slot(f)->dropped, 1);
    put(f, 192, 99);
    assert_int_equal(slot(f)->dropped, 1);
    put(f, 48, 99);
    assert_int_equal(slot(f)->dropped, 2);
}

static void every_byte_is_accounted_for(void **state)
{
    fixture *f = *state;
    uint64_t random = 88172645463325252u, put_count = 0, taken = 0;
    uint32_t sizes[64], first = 0, last = 0;
    for (unsigned step = 0; step < 20000; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t size = 48 + (uint32_t)(random >> 20) % 40 * 8;
        uint64_t dropped = slot(f)->dropped;
        if (random % 2 && last - first < RJ_COUNT(sizes)) {
            put(f, size, last);
            put_count++;
            if (slot(f)->dropped == dropped) sizes[last++ % RJ_COUNT(sizes)] = size;
        } else if (first != last) {
            assert_int_equal(take(f, first), sizes[first % RJ_COUNT(sizes)]);
            first++;
            taken++;
        }
        assert_true(slot(f)->head - slot(f)->tail <= RING);
        assert_int_equal(slot(f)->written + slot(f)->dropped, put_count);
        assert_int_equal(slot(f)->written, taken + (last - first));
    }
    assert_true(slot(f)->dropped > 0 && slot(f)->head > 100u * RING);
}

/* The page behind the ring is not mapped, the ring before it is another thread's. */
static void indices_that_lie_do_no_harm(void **state)
{
    fixture *f = *state;
    static const uint64_t lies[] = {1,       7,         8,          RING - 8,       RING,          RING + 1,
                                    1 << 20, INT64_MAX, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 2};
    memset(f->map, 0xAB, RING);
    for (size_t h = 0; h < RJ_COUNT(lies); h++) {
        for (size_t t = 0; t < RJ_COUNT(lies); t++) {
            slot(f)->head = lies[h];
            slot(f)->tail = lies[t];
            for (uint32_t i = 0; i < 100; i++)
                put(f, 48 + i % 30 * 8, i);
        }
    }
    for (uint32_t i = 0; i < RING; i++)
        assert_int_equal(f->map[i], 0xAB);
}

/* ---- statistics ---- */

static void add(fixture *f, uint32_t id, uint64_t ticks, bool error)
{
    probe p = {.id = id, .sink = &f->sink};
    probe_stat_add(&f->thread, &p, ticks, error);
}

static void statistics_add_up(void **state)
{
    fixture *f = *state;
    wire_stat stats[2][3];
    memset(stats, 0, sizeof stats);
    f->sink.stats = (uint8_t *)stats;
    f->sink.stats_max = 3;
    add(f, 2, 5, false);
    add(f, 2, 1000, true);
    add(f, 2, 1001, false);
    add(f, 2, UINT64_C(1) << 60, false);
    const wire_stat *s = &stats[1][2];
    assert_int_equal(s->calls, 4);
    assert_int_equal(s->errors, 1);
    assert_int_equal(s->sum, 2006 + (UINT64_C(1) << 60));
    assert_int_equal(s->max, UINT64_C(1) << 60);
    assert_int_equal(s->bucket[5], 1);
    assert_int_equal(s->bucket[wire_bucket(1000)], 2);
    assert_int_equal(s->bucket[WIRE_BUCKETS - 1], 1);
    assert_int_equal(stats[0][2].calls + stats[1][0].calls + stats[1][1].calls, 0); /* nobody else's */
}

static void a_probe_without_statistics_writes_nowhere(void **state)
{
    fixture *f = *state;
    wire_stat stats[2][1];
    memset(stats, 0, sizeof stats);
    f->sink.stats = (uint8_t *)stats;
    f->sink.stats_max = 1;
    add(f, 1, 5, false);
    add(f, UINT32_MAX, 5, false);
    static const wire_stat none[2];
    assert_memory_equal(stats, none, sizeof none);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(events_come_out_as_they_went_in),
        T(sizes_are_rounded_up_to_words),
        T(an_event_that_does_not_fit_the_end_goes_to_the_beginning),
        T(padding_may_be_a_single_word),
        T(a_full_ring_drops_and_counts),
        T(padding_counts_as_room),
        T(every_byte_is_accounted_for),
        T(indices_that_lie_do_no_harm),
        T(statistics_add_up),
        T(a_probe_without_statistics_writes_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
