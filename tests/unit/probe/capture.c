/* Pictures of memory: objects, arrays, strings, values and spans, and every bound on them. */
#include "managed.h"
#include "probe/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

static uint8_t *out; /* as large as a picture may get, guarded by AddressSanitizer */
static bool cut;

static int start(void **state)
{
    (void)state;
    out = malloc(WIRE_EVENT_MOST);
    cut = false;
    return out ? 0 : -1;
}

static int end(void **state)
{
    free(out);
    return managed_end(state);
}

static picture take(uint8_t *object, unsigned depth)
{
    cut = false;
    return picture_read(out, probe_picture(out, WIRE_EVENT_MOST, object, depth, &cut));
}

static picture take_value(uint64_t type, const void *address, unsigned depth)
{
    cut = false;
    probe_typedref ref = {(uint8_t *)(uintptr_t)address, type};
    return picture_read(out, probe_picture_value(out, WIRE_EVENT_MOST, ref, depth, &cut));
}

static void null_has_no_picture(void **state)
{
    (void)state;
    assert_int_equal(probe_picture(out, WIRE_EVENT_MOST, NULL, 3, &cut), 0);
    assert_false(cut);
}

static void an_object_without_references_is_copied(void **state)
{
    (void)state;
    uint8_t *fields, *o = managed_new(managed_type(MANAGED_CLASS, 20, NULL, 0), 24, &fields);
    memset(fields, 0x5A, 20);
    picture p = take(o, 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.head[0].address, (uint64_t)o);
    assert_int_equal(p.head[0].length, 24);
    assert_int_equal(p.head[0].copied, 24);
    assert_memory_equal(p.bytes[0], fields, 24);
    assert_false(cut);
}

static void a_type_pointer_with_mark_bits_is_read_without_them(void **state)
{
    (void)state;
    uint64_t type = managed_type(MANAGED_CLASS, 8, NULL, 0);
    uint8_t *o = managed_new(type | 1, 8, NULL);
    picture p = take(o, 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.head[0].type, type);
}

/* Two runs of references with plain bytes between them that look like addresses and must not be followed. */
static void references_are_found_by_the_gc_description(void **state)
{
    (void)state;
    const managed_refs refs[] = {{8, 8}, {24, 16}};
    uint8_t *fields, *o = managed_new(managed_type(MANAGED_CLASS, 40, refs, 2), 40, &fields);
    uint8_t *a = managed_new_string("first"), *b = managed_new_string("second"), *c = managed_new_string("third");
    managed_set(fields, 0, a);
    memset(fields + 8, 0x41, 8);
    managed_set(fields, 16, b);
    managed_set(fields, 24, c);
    memset(fields + 32, 0x42, 8);
    picture p = take(o, 0);
    assert_int_equal(p.count, 4);
    assert_memory_equal(p.bytes[picture_of(&p, a)], "f\0i\0r\0s\0t\0", 10);
    assert_int_equal(p.head[picture_of(&p, b)].length, 6);
    assert_int_equal(p.head[picture_of(&p, c)].copied, 10);
    assert_false(cut);
}

static const managed_refs one_reference[] = {{8, 8}};

/* A list of nodes, each with one reference to the next and 40 bytes of its own. */
static uint8_t *chain(unsigned n, uint8_t **nodes)
{
    uint64_t type = managed_type(MANAGED_CLASS, 48, one_reference, 1);
    uint8_t *next = NULL;
    for (unsigned i = n; i-- > 0;) {
        uint8_t *fields;
        nodes[i] = managed_new(type, 48, &fields);
        managed_set(fields, 0, next);
        next = nodes[i];
    }
    return next;
}

static void depth_bounds_how_far_references_are_followed(void **state)
{
    (void)state;
    uint8_t *nodes[6];
    chain(6, nodes);
    for (unsigned depth = 0; depth < 4; depth++) {
        picture p = take(nodes[0], depth);
        assert_int_equal(p.count, depth + 2);
        for (unsigned i = 0; i <= depth; i++)
            assert_int_equal(p.head[picture_of(&p, nodes[i])].copied, 48);
        unsigned last = picture_of(&p, nodes[depth + 1]); /* named, not followed */
        assert_int_equal(p.head[last].copied, 0);
        assert_int_not_equal(p.head[last].type, 0);
        assert_false(cut);
    }
}

static void small_values_are_copied_below_the_depth_too(void **state)
{
    (void)state;
    uint8_t *fields, *o = managed_new(managed_type(MANAGED_CLASS, 8, one_reference, 1), 8, &fields);
    uint8_t *number, *boxed = managed_new(managed_type(MANAGED_PRIMITIVE, 4, NULL, 0), 8, &number);
    number[0] = 42;
    managed_set(fields, 0, boxed);
    picture p = take(o, 0);
    unsigned i = picture_of(&p, boxed);
    assert_int_equal(p.head[i].copied, 8);
    assert_int_equal(p.bytes[i][0], 42);
}

static void cycles_end(void **state)
{
    (void)state;
    const managed_refs two[] = {{8, 16}};
    uint64_t type = managed_type(MANAGED_CLASS, 16, two, 1);
    uint8_t *fa, *fb, *a = managed_new(type, 16, &fa), *b = managed_new(type, 16, &fb);
    managed_set(fa, 0, b);
    managed_set(fa, 8, a);
    managed_set(fb, 0, a);
    managed_set(fb, 8, b);
    picture p = take(a, 200);
    assert_int_equal(p.count, 2);
    picture_of(&p, a);
    picture_of(&p, b);
    assert_false(cut);
}

static void strings_are_cut_at_256_characters(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'x', sizeof text);
    for (size_t n = 255; n <= 257; n++) {
        text[n] = 0;
        picture p = take(managed_new_string(text), 0);
        assert_int_equal(p.head[0].length, n);
        assert_int_equal(p.head[0].copied, RJ_MIN(n, 256u) * 2);
        assert_int_equal(cut, n > 256);
        text[n] = 'x';
    }
    picture p = take(managed_new_string(""), 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.head[0].length + p.head[0].copied, 0);
}

static void arrays_show_their_length_and_first_eight(void **state)
{
    (void)state;
    uint8_t *data, *a = managed_new_array(managed_array(4, false), 20, 4, &data);
    for (uint32_t i = 0; i < 80; i++)
        data[i] = (uint8_t)i;
    picture p = take(a, 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.head[0].length, 20);
    assert_int_equal(p.head[0].copied, 32);
    assert_memory_equal(p.bytes[0], data, 32);
    uint8_t *none = managed_new_array(managed_array(4, false), 0, 4, NULL);
    p = take(none, 0);
    assert_int_equal(p.head[0].length + p.head[0].copied, 0);
}

static void elements_of_arrays_of_references_are_named(void **state)
{
    (void)state;
    uint8_t *data, *a = managed_new_array(managed_array(8, true), 10, 8, &data), *items[10];
    for (uint32_t i = 0; i < 10; i++) {
        items[i] = i == 3 ? NULL : managed_new_string("item");
        managed_set(data, i * 8, items[i]);
    }
    picture p = take(a, 0);
    assert_int_equal(p.count, 1 + 7); /* the first eight, one of which is null */
    for (uint32_t i = 0; i < 8; i++)
        if (items[i]) picture_of(&p, items[i]);
    assert_false(picture_has(&p, items[8]));
}

/* { int, string, string, long, object }: references at 8, 16 and 32 of 40 bytes. */
static void references_in_structs_in_arrays_are_found(void **state)
{
    (void)state;
    const managed_item items[] = {{2, 8}, {1, 8}};
    uint8_t *data, *a = managed_new_array(managed_array_of_structs(40, 8, items, 2), 3, 40, &data), *found[9];
    memset(data, 0x7E, 120);
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t at[] = {8, 16, 32};
        for (uint32_t k = 0; k < 3; k++)
            managed_set(data, i * 40 + at[k], found[i * 3 + k] = managed_new_string("x"));
    }
    picture p = take(a, 0);
    assert_int_equal(p.count, 10);
    for (uint32_t i = 0; i < 9; i++)
        picture_of(&p, found[i]);
}

/* Only references in the bytes that were copied count: the ninth element is not looked at, nor a half-copied one. */
static void references_beyond_what_was_copied_are_left(void **state)
{
    (void)state;
    const managed_item items[] = {{1, 192}};
    uint8_t *data, *a = managed_new_array(managed_array_of_structs(200, 0, items, 1), 8, 200, &data);
    uint8_t *found[8];
    for (uint32_t i = 0; i < 8; i++)
        managed_set(data, i * 200, found[i] = managed_new_string("x"));
    picture p = take(a, 0);
    assert_int_equal(p.head[0].copied, 512);
    assert_true(cut);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(picture_has(&p, found[i]));
    assert_false(picture_has(&p, found[3]));
}

static void large_objects_are_cut(void **state)
{
    (void)state;
    const managed_refs refs[] = {{8, 8}, {2008, 8}};
    uint8_t *fields, *o = managed_new(managed_type(MANAGED_CLASS, 4000, refs, 2), 4000, &fields);
    uint8_t *near = managed_new_string("near"), *far = managed_new_string("far");
    managed_set(fields, 0, near);
    managed_set(fields, 2000, far);
    picture p = take(o, 0);
    assert_int_equal(p.head[0].length, 4000);
    assert_int_equal(p.head[0].copied, 512);
    assert_true(cut);
    picture_of(&p, near);
    assert_false(picture_has(&p, far));
}

static void a_picture_stays_within_its_room(void **state)
{
    (void)state;
    uint8_t *nodes[60];
    chain(60, nodes);
    for (uint32_t room = 0; room < 600; room++) {
        memset(out, 0xEE, 700);
        bool shortened = false;
        uint32_t n = probe_picture(out, room, nodes[0], 100, &shortened);
        assert_true(n <= room);
        assert_true(shortened);
        for (uint32_t i = n; i < 700; i++)
            assert_int_equal(out[i], 0xEE);
        picture p = picture_read(out, n);
        assert_int_equal(p.count, n / 72);
    }
}

static void a_picture_is_at_most_4096_bytes_and_64_pieces(void **state)
{
    (void)state;
    uint8_t *nodes[100];
    chain(100, nodes);
    picture p = take(nodes[0], 200);
    assert_int_equal(p.count, 4096 / 72);
    assert_true(cut);
    const managed_refs refs[] = {{8, 100 * 8}};
    uint8_t *fields, *o = managed_new(managed_type(MANAGED_CLASS, 800, refs, 1), 800, &fields);
    for (uint32_t i = 0; i < 100; i++)
        managed_set(fields, i * 8, managed_new(managed_object(), 8, NULL));
    p = take(o, 0);
    assert_int_equal(p.count, 64);
    assert_true(cut);
}

static void value_types_are_copied_from_their_address(void **state)
{
    (void)state;
    const managed_refs refs[] = {{16, 8}}; /* as if boxed: the second word of the value */
    uint64_t type = managed_type(MANAGED_STRUCT, 24, refs, 1);
    uint8_t value[24], *s = managed_new_string("inside");
    memset(value, 0x33, sizeof value);
    managed_set(value, 8, s);
    picture p = take_value(type, value, 0);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.head[0].type, type);
    assert_int_equal(p.head[0].address, 0);
    assert_int_equal(p.head[0].length, 24);
    assert_memory_equal(p.bytes[0], value, 24);
    picture_of(&p, s);
}

static void references_behind_typed_references_are_followed(void **state)
{
    (void)state;
    uint8_t *s = managed_new_string("text"), *none = NULL;
    picture p = take_value(managed_string_type(), &s, 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.head[0].address, (uint64_t)s);
    assert_int_equal(p.head[0].length, 4);
    assert_int_equal(take_value(managed_string_type(), &none, 0).count, 0);
}

static void byrefs_to_nothing_have_no_picture(void **state)
{
    (void)state;
    uint64_t value = managed_type(MANAGED_STRUCT, 8, NULL, 0);
    assert_int_equal(take_value(value, NULL, 0).count, 0);
    assert_int_equal(take_value(value, (void *)1, 0).count, 0);
    assert_int_equal(take_value(managed_string_type(), NULL, 0).count, 0);
    uint64_t x = 5;
    assert_int_equal(take_value(value | 2, &x, 0).count, 0); /* a pointer's type: nothing to look into */
}

/* A byref may point one past the end of an object, there to nothing at all, or to what only looks like a reference. */
static void byrefs_into_the_heap_are_read_with_care(void **state)
{
    (void)state;
    uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    munmap(pages + 4096, 4096);
    uint64_t value = managed_type(MANAGED_STRUCT, 8, NULL, 0), wide = managed_type(MANAGED_STRUCT, 16, NULL, 0);
    assert_int_equal(take_value(value, pages + 4096, 0).count, 0);
    assert_int_equal(take_value(wide, pages + 4088, 0).count, 0);
    assert_int_equal(take_value(managed_string_type(), pages + 4096, 0).count, 0);
    memset(pages, 0x11, 4096);
    picture p = take_value(value, pages + 4088, 0);
    assert_int_equal(p.count, 1);
    assert_memory_equal(p.bytes[0], "\x11\x11\x11\x11\x11\x11\x11\x11", 8);
    uint64_t junk[] = {0x1111111111111111, 3, (uint64_t)pages, 0xFFFFFFFFFFFFFFF8};
    for (size_t i = 0; i < RJ_COUNT(junk); i++) {
        memcpy(pages + 64, &junk[i], 8);
        assert_int_equal(take_value(managed_string_type(), pages + 64, 0).count, 0);
    }
    uint8_t *s = managed_new_string("real");
    memcpy(pages + 64, &s, 8);
    assert_int_equal(take_value(managed_string_type(), pages + 64, 0).count, 1);
    munmap(pages, 4096);
}

static void large_values_are_cut(void **state)
{
    (void)state;
    uint64_t type = managed_type(MANAGED_STRUCT, 3000, NULL, 0);
    uint8_t *value = calloc(1, 3000);
    picture p = take_value(type, value, 0);
    assert_int_equal(p.head[0].length, 3000);
    assert_int_equal(p.head[0].copied, 512);
    assert_true(cut);
    free(value);
}

typedef struct span {
    const void *data;
    int32_t length;
} span;

static picture take_span(span *s, int32_t element)
{
    cut = false;
    probe_typedref ref = {(uint8_t *)s, 0x1000};
    return picture_read(out, probe_picture_span(out, WIRE_EVENT_MOST, ref, element, 0, &cut));
}

static void spans_show_their_length_and_first_eight(void **state)
{
    (void)state;
    uint16_t chars[20];
    for (uint16_t i = 0; i < 20; i++)
        chars[i] = (uint16_t)('a' + i);
    picture p = take_span(&(span){chars, 20}, 2);
    assert_int_equal(p.head[0].type, 0x1000);
    assert_int_equal(p.head[0].length, 20);
    assert_true(p.head[0].copied >= 16);
    assert_memory_equal(p.bytes[0], chars, p.head[0].copied);
    p = take_span(&(span){chars, 3}, 2);
    assert_int_equal(p.head[0].copied, 6);
    p = take_span(&(span){NULL, 0}, 2);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.head[0].copied, 0);
    p = take_span(&(span){(void *)1, 0}, 2); /* how the library writes an empty one */
    assert_int_equal(p.head[0].copied, 0);
    assert_int_equal(probe_picture_span(out, WIRE_EVENT_MOST, (probe_typedref){NULL, 8}, 2, 0, &cut), 0);
}

static void spans_of_references_are_followed(void **state)
{
    (void)state;
    uint8_t *items[3] = {managed_new_string("a"), NULL, managed_new_string("b")};
    picture p = take_span(&(span){items, 3}, -8);
    assert_int_equal(p.count, 3);
    picture_of(&p, items[0]);
    picture_of(&p, items[2]);
    p = take_span(&(span){items, 3}, 8); /* words, not references */
    assert_int_equal(p.count, 1);
}

static void spans_of_large_structs_are_cut(void **state)
{
    (void)state;
    uint8_t *data = calloc(8, 300);
    picture p = take_span(&(span){data, 8}, 300);
    assert_int_equal(p.head[0].length, 8);
    assert_int_equal(p.head[0].copied, 512);
    assert_true(cut);
    free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(null_has_no_picture),
        T(an_object_without_references_is_copied),
        T(a_type_pointer_with_mark_bits_is_read_without_them),
        T(references_are_found_by_the_gc_description),
        T(depth_bounds_how_far_references_are_followed),
        T(small_values_are_copied_below_the_depth_too),
        T(cycles_end),
        T(strings_are_cut_at_256_characters),
        T(arrays_show_their_length_and_first_eight),
        T(elements_of_arrays_of_references_are_named),
        T(references_in_structs_in_arrays_are_found),
        T(references_beyond_what_was_copied_are_left),
        T(large_objects_are_cut),
        T(a_picture_stays_within_its_room),
        T(a_picture_is_at_most_4096_bytes_and_64_pieces),
        T(value_types_are_copied_from_their_address),
        T(references_behind_typed_references_are_followed),
        T(byrefs_to_nothing_have_no_picture),
        T(byrefs_into_the_heap_are_read_with_care),
        T(large_values_are_cut),
        T(spans_show_their_length_and_first_eight),
        T(spans_of_references_are_followed),
        T(spans_of_large_structs_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
