/* Shared memory whose layout is off is refused before anything of it is used. */
#include "client/memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static wire_memory sound(void)
{
    wire_memory m = {
        .magic = WIRE_MAGIC, .version = WIRE_VERSION, .slots = 2, .ring_size = 4096, .stat_size = sizeof(wire_stat)};
    m.slots_at = 4096;
    m.rings_at = 8192;
    m.stats_at = 16384;
    m.size = 65536;
    m.stats_max = 4;
    m.ns_per_tick = 1;
    return m;
}

static bool opens(const wire_memory *plan, bool seal)
{
    int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    assert_int_equal(pwrite(fd, plan, sizeof *plan, 0), sizeof *plan);
    if (seal) assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    memory_t m;
    err_t e = {0};
    bool ok = memory_open(&m, fd, &e);
    if (!ok) assert_int_equal(e.code, ERR_FORMAT);
    memory_close(&m);
    return ok;
}

static void a_sound_layout_is_mapped(void **state)
{
    (void)state;
    wire_memory m = sound();
    assert_true(opens(&m, true));
}

static void a_file_that_could_shrink_is_refused(void **state)
{
    (void)state;
    wire_memory m = sound();
    assert_false(opens(&m, false));
}

static void every_field_of_the_layout_is_checked(void **state)
{
    (void)state;
    wire_memory m;
#define BAD(field, value) \
    m = sound();          \
    m.field = (value);    \
    assert_false(opens(&m, true))
    BAD(magic, 1);
    BAD(version, 0);
    BAD(slots, 0);
    BAD(slots, UINT32_MAX);
    BAD(ring_size, 0);
    BAD(ring_size, 5000);
    BAD(ring_size, UINT64_C(1) << 40);
    BAD(slots_at, 65536);
    BAD(slots_at, 4097);
    BAD(rings_at, UINT64_MAX - 63);
    BAD(stats_at, 65536 - 64);
    BAD(stats_max, UINT32_MAX);
    BAD(stat_size, 8);
    BAD(size, 65537);
    BAD(size, 8192);
#undef BAD
}

static void a_clock_that_makes_no_sense_is_not_taken(void **state)
{
    (void)state;
    wire_memory m = sound();
    m.ns_per_tick = -1;
    m.epoch_ns = 5;
    int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, 65536), 0);
    assert_int_equal(pwrite(fd, &m, sizeof m, 0), sizeof m);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    memory_t t;
    err_t e = {0};
    assert_true(memory_open(&t, fd, &e));
    assert_int_equal(memory_ns(&t, 100), 100);
    wire_memory *w = (wire_memory *)(void *)t.base;
    w->ns_per_tick = 2;
    w->clock_seq = 1; /* being written, for ever */
    memory_clock(&t);
    assert_int_equal(memory_ns(&t, 100), 100);
    w->clock_seq = 2;
    memory_clock(&t);
    assert_int_equal(memory_ns(&t, 100), 200);
    assert_int_equal(memory_time(&t, 10), 25);
    assert_true(memory_ns(&t, UINT64_MAX) > 0); /* saturates, defined */
    memory_close(&t);
}

static void percentiles_lie_in_their_buckets(void **state)
{
    (void)state;
    wire_stat s = {.max = 5000};
    assert_true(memory_percentile(&s, 0.5) < 1);
    s.bucket[wire_bucket(10)] = 98;
    s.bucket[wire_bucket(1000)] = 1;
    s.bucket[wire_bucket(5000)] = 1;
    assert_in_range((uint64_t)memory_percentile(&s, 0.5), 10, 10);
    assert_in_range((uint64_t)memory_percentile(&s, 0.98), 10, 10);
    assert_in_range((uint64_t)memory_percentile(&s, 0.99), 960, 1087);
    assert_in_range((uint64_t)memory_percentile(&s, 1), 4600, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_layout_is_mapped),
        cmocka_unit_test(a_file_that_could_shrink_is_refused),
        cmocka_unit_test(every_field_of_the_layout_is_checked),
        cmocka_unit_test(a_clock_that_makes_no_sense_is_not_taken),
        cmocka_unit_test(percentiles_lie_in_their_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
