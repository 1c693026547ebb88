/* Arenas, byte buffers and vectors. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void arena_memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    arena a = {0};
    for (size_t size = 0; size < 3000; size += 7) {
        uint8_t *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xA5, size); /* a neighbour that overlaps would be seen by the next one's check */
    }
    arena_free(&a);
}

static void arena_pieces_do_not_overlap(void **state)
{
    (void)state;
    arena a = {0};
    uint8_t *p[500];
    for (size_t i = 0; i < 500; i++) {
        p[i] = arena_alloc(&a, 100 + i);
        assert_non_null(p[i]);
        memset(p[i], (int)i, 100 + i);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < 100 + i; k++)
            assert_int_equal(p[i][k], (uint8_t)i);
    arena_free(&a);
}

static void a_big_piece_gets_a_chunk_of_its_own(void **state)
{
    (void)state;
    arena a = {0};
    assert_non_null(arena_alloc(&a, 10));
    size_t before = a.total;
    uint8_t *big = arena_alloc(&a, 1 << 20);
    assert_non_null(big);
    assert_true(a.total >= before + (1 << 20));
    big[(1 << 20) - 1] = 1;
    arena_free(&a);
    assert_int_equal(a.total, 0);
    assert_null(a.head);
    assert_non_null(arena_alloc(&a, 1)); /* empty, and good for use again */
    arena_free(&a);
}

static void arena_room_lies_among_the_rest(void **state)
{
    (void)state;
    arena a = {0};
    uint8_t *first = arena_room(&a, 20000, 1); /* a chunk of its own, before there is any other */
    uint8_t *zeroed = arena_alloc(&a, 64), *small = arena_room(&a, 16, 4), *large = arena_room(&a, 5000, 4);
    uint8_t *after = arena_alloc(&a, 64);
    assert_true(first && zeroed && small && large && after);
    memset(first, 1, 20000);
    memset(small, 1, 64);
    memset(large, 1, 20000);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(zeroed[i] | after[i], 0);
    assert_ptr_equal(small, zeroed + 64);
    assert_ptr_equal(after, small + 64); /* a large piece does not end the chunk that is being filled */
    assert_null(arena_room(&a, SIZE_MAX / 2, 3));
    arena_free(&a);
}

static void a_reset_arena_keeps_one_chunk(void **state)
{
    (void)state;
    arena a = {0};
    arena_reset(&a); /* of nothing is nothing */
    assert_null(a.head);
    uint8_t *first = arena_alloc(&a, 100);
    size_t one = a.total;
    memset(first, 1, 100);
    for (size_t i = 0; i < 10; i++)
        assert_non_null(arena_alloc(&a, 10000));
    assert_non_null(arena_alloc(&a, 100000));
    arena_reset(&a);
    assert_int_equal(a.total, one);
    uint8_t *again = arena_alloc(&a, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    assert_int_equal(a.total, one);
    arena_free(&a);
    assert_non_null(arena_alloc(&a, 100000)); /* one that is larger than a chunk is not kept */
    arena_reset(&a);
    assert_int_equal(a.total, 0);
    arena_free(&a);
}

/* Its chunks double until they are ordinary ones. */
static void a_small_arena_grows_by_and_by(void **state)
{
    (void)state;
    arena a = {.first = 1024};
    uint8_t *p[40];
    assert_non_null(arena_alloc(&a, 100));
    assert_true(a.total < 1200);
    for (size_t i = 0; i < RJ_COUNT(p); i++) {
        p[i] = arena_alloc(&a, 1000);
        memset(p[i], (int)i, 1000);
    }
    for (size_t i = 0; i < RJ_COUNT(p); i++)
        assert_true(p[i][0] == i && p[i][999] == i);
    assert_true(a.total < 70000);
    assert_non_null(arena_alloc(&a, 100000));
    arena_free(&a);
    assert_int_equal(a.total, 0);
    assert_int_equal(a.first, 1024);
}

static void arena_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    arena a = {0};
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    assert_null(arena_array(&a, SIZE_MAX, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
    assert_int_equal(a.total, 0);
    arena_free(&a);
}

static void arena_texts_are_copies(void **state)
{
    (void)state;
    arena a = {0};
    char from[] = "abcdef";
    char *whole = arena_strdup(&a, from), *part = arena_strndup(&a, from, 3), *copy = arena_copy(&a, from, 2);
    from[0] = from[1] = 'X';
    assert_string_equal(whole, "abcdef");
    assert_string_equal(part, "abc");
    assert_memory_equal(copy, "ab", 2);
    assert_non_null(arena_copy(&a, NULL, 0));
    assert_string_equal(arena_printf(&a, "%s-%d", "n", 42), "n-42");
    char *wide = arena_printf(&a, "%50000s", "");
    assert_int_equal(strlen(wide), 50000);
    arena_free(&a);
}

static void buffers_hold_what_is_put_in(void **state)
{
    (void)state;
    buf_t b = {0};
    buf_u8(&b, 0x01);
    buf_u16(&b, 0x0203);
    buf_u32(&b, 0x04050607);
    buf_u64(&b, 0x08090A0B0C0D0E0F);
    static const uint8_t want[] = {1, 3, 2, 7, 6, 5, 4, 0x0F, 0x0E, 0x0D, 0x0C, 0x0B, 0x0A, 9, 8};
    assert_int_equal(b.n, sizeof want);
    assert_memory_equal(b.p, want, sizeof want);
    buf_free(&b);
    assert_null(b.p);

    buf_str(&b, "one ");
    buf_printf(&b, "%d %s", 2, "three");
    buf_put(&b, NULL, 0);
    assert_string_equal(buf_cstr(&b), "one 2 three");
    assert_int_equal(b.n, strlen("one 2 three"));
    buf_str(&b, "!"); /* the NUL of buf_cstr does not count */
    assert_string_equal(buf_cstr(&b), "one 2 three!");
    buf_free(&b);
    assert_string_equal(buf_cstr(&b), "");
    buf_free(&b);
}

static void buffers_grow_over_every_border(void **state)
{
    (void)state;
    buf_t b = {0};
    for (uint32_t i = 0; i < 100000; i++)
        buf_u8(&b, (uint8_t)(i * 7));
    assert_int_equal(b.n, 100000);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], (uint8_t)(i * 7));
    for (int i = 0; i < 2000; i++)
        buf_printf(&b, "%d", i % 10);
    assert_int_equal(b.n, 102000);
    assert_int_equal(strlen(buf_cstr(&b) + 100000), 2000);
    buf_free(&b);
}

static void a_buffer_that_failed_stays_failed(void **state)
{
    (void)state;
    buf_t b = {0};
    buf_str(&b, "before");
    buf_put(&b, "x", SIZE_MAX / 2);
    assert_true(b.failed);
    buf_str(&b, "after");
    assert_int_equal(b.n, strlen("before"));
    assert_string_equal(buf_cstr(&b), "");
    buf_free(&b);
    assert_false(b.failed);
}

typedef struct pair {
    uint32_t a;
    void *p;
} pair;

static void vectors_grow_with_zeroed_elements(void **state)
{
    (void)state;
    VEC(pair) v = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        pair *p = VEC_PUSH(&v);
        assert_non_null(p);
        assert_int_equal(p->a, 0);
        assert_null(p->p);
        *p = (pair){i, &v};
    }
    assert_int_equal(v.n, 1000);
    assert_true(v.cap >= 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(v.v[i].a, i);
    v.n = 10; /* shrunk: the next one is zeroed all the same */
    assert_null(VEC_PUSH(&v)->p);
    assert_int_equal(v.n, 11);
    VEC_FREE(&v);
    assert_null(v.v);
    assert_int_equal(v.n + v.cap, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_and_aligned),    cmocka_unit_test(arena_pieces_do_not_overlap),
        cmocka_unit_test(a_big_piece_gets_a_chunk_of_its_own),   cmocka_unit_test(arena_room_lies_among_the_rest),
        cmocka_unit_test(a_reset_arena_keeps_one_chunk),         cmocka_unit_test(a_small_arena_grows_by_and_by),
        cmocka_unit_test(arena_sizes_that_overflow_are_refused), cmocka_unit_test(arena_texts_are_copies),
        cmocka_unit_test(buffers_hold_what_is_put_in),           cmocka_unit_test(buffers_grow_over_every_border),
        cmocka_unit_test(a_buffer_that_failed_stays_failed),     cmocka_unit_test(vectors_grow_with_zeroed_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
