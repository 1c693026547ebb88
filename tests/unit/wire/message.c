/* Messages: what is built is read back; what is malformed stops the reader. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static wire_header header_of(const buf_t *b, size_t at)
{
    wire_header h;
    memcpy(&h, b->p + at, sizeof h);
    return h;
}

static wire_reader payload_of(const buf_t *b)
{
    return (wire_reader){.p = b->p + sizeof(wire_header), .end = b->p + b->n};
}

static void fields_come_back(void **state)
{
    (void)state;
    buf_t b = {0};
    arena a = {0};
    wire_begin(&b, WIRE_FIND, 7);
    wire_text(&b, WIRE_T_PATTERN, "Shop.*");
    wire_u32(&b, WIRE_T_MAX, 12);
    wire_u64(&b, WIRE_T_TIME, UINT64_C(0x1122334455667788));
    wire_text(&b, WIRE_T_NAME, "");
    wire_end(&b, 0);

    wire_header h = header_of(&b, 0);
    err_t e;
    assert_true(wire_header_check(&h, WIRE_REQUEST_MOST, &e));
    assert_int_equal(h.kind, WIRE_FIND);
    assert_int_equal(h.request, 7);
    assert_int_equal(h.version, WIRE_VERSION);
    assert_int_equal(h.size, b.n - sizeof h);

    wire_reader r = payload_of(&b);
    wire_field f;
    assert_true(wire_next(&r, &f));
    assert_int_equal(f.tag, WIRE_T_PATTERN);
    assert_string_equal(wire_get_text(&a, &f), "Shop.*");
    assert_int_equal(wire_get_u32(&f), 0); /* its size is not 4 */
    assert_true(wire_next(&r, &f));
    assert_int_equal(wire_get_u32(&f), 12);
    assert_int_equal(wire_get_u64(&f), 0);
    assert_true(wire_next(&r, &f));
    assert_true(wire_get_u64(&f) == UINT64_C(0x1122334455667788));
    assert_true(wire_next(&r, &f));
    assert_string_equal(wire_get_text(&a, &f), "");
    assert_false(wire_next(&r, &f));
    assert_false(r.bad);
    arena_free(&a);
    buf_free(&b);
}

static void groups_nest(void **state)
{
    (void)state;
    buf_t b = {0};
    wire_begin(&b, WIRE_PROBES, 1);
    size_t probe = wire_open(&b, WIRE_T_PROBE);
    wire_u32(&b, WIRE_T_ID, 3);
    size_t value = wire_open(&b, WIRE_T_VALUE);
    wire_text(&b, WIRE_T_NAME, "items");
    wire_close(&b, value);
    wire_close(&b, probe);
    wire_u32(&b, WIRE_T_TOTAL, 1);
    wire_end(&b, 0);

    wire_reader r = payload_of(&b);
    wire_field f, g;
    assert_true(wire_next(&r, &f));
    assert_int_equal(f.tag, WIRE_T_PROBE);
    wire_reader in = wire_group(&f);
    assert_true(wire_next(&in, &g));
    assert_int_equal(wire_get_u32(&g), 3);
    assert_true(wire_next(&in, &g));
    assert_int_equal(g.tag, WIRE_T_VALUE);
    wire_reader deep = wire_group(&g);
    assert_true(wire_next(&deep, &g));
    assert_int_equal(g.tag, WIRE_T_NAME);
    assert_int_equal(g.n, 5);
    assert_false(wire_next(&deep, &g));
    assert_false(wire_next(&in, &g));
    assert_true(wire_next(&r, &f));
    assert_int_equal(f.tag, WIRE_T_TOTAL);
    assert_false(wire_next(&r, &f));
    assert_false(r.bad || in.bad || deep.bad);
    buf_free(&b);
}

static void messages_follow_one_another_in_a_buffer(void **state)
{
    (void)state;
    buf_t b = {0};
    wire_begin(&b, WIRE_LIST, 1);
    wire_end(&b, 0);
    size_t second = b.n;
    wire_begin(&b, WIRE_GATE, 2);
    wire_u32(&b, WIRE_T_OPEN, 1);
    wire_end(&b, second);
    assert_int_equal(header_of(&b, 0).size, 0);
    assert_int_equal(header_of(&b, second).size, 12);
    assert_int_equal(header_of(&b, second).kind, WIRE_GATE);
    buf_free(&b);
}

static void truncated_fields_stop_the_reader(void **state)
{
    (void)state;
    buf_t b = {0};
    wire_begin(&b, WIRE_FIND, 1);
    wire_text(&b, WIRE_T_PATTERN, "abc");
    wire_end(&b, 0);
    for (size_t cut = 1; cut < b.n - sizeof(wire_header); cut++) {
        wire_reader r = payload_of(&b);
        r.end -= cut;
        wire_field f;
        assert_false(wire_next(&r, &f));
        assert_true(r.bad);
        assert_false(wire_next(&r, &f)); /* for good */
    }
    buf_free(&b);
}

static void a_field_larger_than_its_message_is_bad(void **state)
{
    (void)state;
    uint8_t raw[12] = {2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4};
    wire_reader r = {.p = raw, .end = raw + sizeof raw};
    wire_field f;
    assert_false(wire_next(&r, &f));
    assert_true(r.bad);
}

static void headers_are_checked(void **state)
{
    (void)state;
    err_t e;
    wire_header h = {.size = 10, .kind = WIRE_OK, .version = WIRE_VERSION + 1, .request = 1};
    assert_true(wire_header_check(&h, 10, &e)); /* newer: unknown tags are skipped */
    h.size = 11;
    assert_false(wire_header_check(&h, 10, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    h.size = 10;
    h.version = 0;
    assert_false(wire_header_check(&h, 10, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    h.version = WIRE_VERSION;
    h.kind = 0;
    assert_false(wire_header_check(&h, 10, &e));
    h.kind = WIRE_OK;
    h.zero = 1;
    assert_false(wire_header_check(&h, 10, &e));
    assert_int_equal(e.code, ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(groups_nest),
        cmocka_unit_test(messages_follow_one_another_in_a_buffer),
        cmocka_unit_test(truncated_fields_stop_the_reader),
        cmocka_unit_test(a_field_larger_than_its_message_is_bad),
        cmocka_unit_test(headers_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
