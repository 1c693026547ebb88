/* What the agent tells of IL, as a listing: names, whose the parts are; garbage; an agent that does not know the
 * question. */
#include "cil/cil.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const pattern = "Shop.Total";

/* ---- one method: ldarg.0; call M; ret, and in front of them the probe of a client ---- */

#define CALLEE 0x0A000001u
static const uint64_t GATE = 0x7F0012345678;

static void write_body(buf_t *b, cil_insn *insns, uint32_t count, cil_eh *ehs, uint32_t eh_count)
{
    const cil_body body = {.max_stack = 8, .insns = insns, .count = count, .ehs = ehs, .eh_count = eh_count};
    assert_true(cil_body_write(&body, b, NULL, NULL));
}

static void put_original(buf_t *fields)
{
    buf_t il = {0};
    cil_insn insns[] = {{.op = CIL_LDARG_0}, {.op = CIL_CALL, .token = CALLEE}, {.op = CIL_RET}};
    write_body(&il, insns, RJ_COUNT(insns), NULL, 0);
    wire_bytes(fields, WIRE_T_IL, il.p, il.n);
    buf_free(&il);
}

static void put_pair(buf_t *map, uint32_t from, uint32_t to)
{
    buf_u32(map, from);
    buf_u32(map, to);
}

/* 0 ldc.i8 gate; 9 ldind.u1; a brfalse 12; c ldc.i8 gate; 15 pop; 16 ldarg.0; 17 call; 1c stloc.0; 1d leave; 1f ret */
static void put_woven(buf_t *fields)
{
    buf_t il = {0}, map = {0};
    cil_insn insns[] = {{.op = CIL_LDC_I8, .bits = GATE},
                        {.op = CIL_LDIND_U1},
                        {.op = CIL_BRFALSE, .target = 5},
                        {.op = CIL_LDC_I8, .bits = GATE},
                        {.op = CIL_POP},
                        {.op = CIL_LDARG_0},
                        {.op = CIL_CALL, .token = CALLEE},
                        {.op = CIL_STLOC_0},
                        {.op = CIL_LEAVE, .target = 10},
                        {.op = CIL_ENDFINALLY},
                        {.op = CIL_RET}};
    cil_eh eh = {.kind = CIL_EH_FAULT, .try_start = 5, .try_end = 9, .handler_start = 9, .handler_end = 10};
    write_body(&il, insns, RJ_COUNT(insns), &eh, 1);
    put_pair(&map, 0, 0x16);
    put_pair(&map, 1, 0x17);
    put_pair(&map, 6, 0x1C);
    put_pair(&map, UINT32_MAX, 0x1F);
    wire_bytes(fields, WIRE_T_WOVEN, il.p, il.n);
    wire_bytes(fields, WIRE_T_MAP, map.p, map.n);
    buf_free(&il);
    buf_free(&map);
}

static void put_part(buf_t *b, uint32_t at, uint32_t layer)
{
    size_t group = wire_open(b, WIRE_T_PART);
    wire_u32(b, WIRE_T_OFFSET, at);
    if (layer != RJ_NONE) wire_u32(b, WIRE_T_LAYER_INDEX, layer);
    wire_close(b, group);
}

static void put_symbol(buf_t *b, const char *text)
{
    size_t group = wire_open(b, WIRE_T_SYMBOL);
    wire_u64(b, WIRE_T_ADDRESS, GATE);
    wire_text(b, WIRE_T_TEXT, text);
    wire_u32(b, WIRE_T_LAYER_INDEX, 0);
    wire_close(b, group);
}

static void put_names(buf_t *b)
{
    size_t group = wire_open(b, WIRE_T_NAMED);
    wire_u32(b, WIRE_T_TOKEN, CALLEE);
    wire_text(b, WIRE_T_TEXT, "int Shop.Cart::Sum(int)");
    wire_close(b, group);
    group = wire_open(b, WIRE_T_LAYER);
    wire_u32(b, WIRE_T_CLIENT_ID, 7);
    wire_text(b, WIRE_T_NAME, "rejit watch");
    wire_u32(b, WIRE_T_PID, 42);
    wire_text(b, WIRE_T_USER, "me");
    wire_u32(b, WIRE_T_ID, 3);
    wire_close(b, group);
    group = wire_open(b, WIRE_T_LOCAL);
    wire_text(b, WIRE_T_TYPE_NAME, "int");
    wire_text(b, WIRE_T_ROLE, "the result");
    wire_close(b, group);
}

static bool tell(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_IL) return false;
    buf_t b = {0};
    size_t group = wire_open(&b, WIRE_T_BODY);
    wire_text(&b, WIRE_T_NAME, "Shop.Total(int)");
    wire_text(&b, WIRE_T_MODULE, "Shop.dll");
    wire_u32(&b, WIRE_T_TOKEN, 0x06000001);
    wire_text(&b, WIRE_T_ARGUMENT, "count");
    wire_text(&b, WIRE_T_TEXT, "active");
    wire_u32(&b, WIRE_T_VERSION, 2);
    wire_u32(&b, WIRE_T_HIDDEN, 1);
    put_original(&b);
    put_woven(&b);
    put_names(&b);
    put_symbol(&b, "gate");
    put_symbol(&b, "probe");
    put_part(&b, 0, 0);
    put_part(&b, 0x16, RJ_NONE);
    put_part(&b, 0x1F, 99); /* a layer that is not there */
    wire_close(&b, group);
    group = wire_open(&b, WIRE_T_BODY);
    wire_text(&b, WIRE_T_NAME, "Shop.Get()");
    wire_text(&b, WIRE_T_REASON, "abstract");
    wire_close(&b, group);
    wire_u32(&b, WIRE_T_TOTAL, 5);
    fake_send(f, WIRE_BODIES, h->request, &b);
    buf_free(&b);
    return true;
}

static void check_original(const rj_il *m)
{
    assert_int_equal(m->original.insn_count, 3);
    assert_string_equal(m->original.insns[0].comment, "count");
    assert_string_equal(m->original.insns[1].op, "call");
    assert_string_equal(m->original.insns[1].operand, "int Shop.Cart::Sum(int)");
    assert_int_equal(m->original.insns[1].from, RJ_NONE);
    assert_false(m->original.insns[1].woven);
    assert_int_equal(m->original.local_count, 0);
}

static void check_woven(const rj_il *m)
{
    static const struct {
        uint32_t offset, from, layer;
        bool woven;
        const char *op, *comment;
    } want[] = {
        {0x00, RJ_NONE, 0, true, "ldc.i8", "gate of client 7"},
        {0x09, RJ_NONE, 0, true, "ldind.u1", ""},
        {0x0A, RJ_NONE, 0, true, "brfalse.s", ""},
        {0x0C, RJ_NONE, 0, true, "ldc.i8", "probe of client 7"},
        {0x15, RJ_NONE, 0, true, "pop", ""},
        {0x16, 0, RJ_NONE, false, "ldarg.0", "count"},
        {0x17, 1, RJ_NONE, false, "call", ""},
        {0x1C, 6, RJ_NONE, true, "stloc.0", "the result"}, /* stands for the ret */
        {0x1D, RJ_NONE, RJ_NONE, true, "leave.s", ""},
        {0x1F, RJ_NONE, RJ_NONE, true, "endfinally", ""},
        {0x20, RJ_NONE, RJ_NONE, true, "ret", ""},
    };
    assert_int_equal(m->woven.insn_count, RJ_COUNT(want));
    for (size_t i = 0; i < RJ_COUNT(want); i++) {
        const rj_il_insn *x = &m->woven.insns[i];
        assert_int_equal(x->offset, want[i].offset);
        assert_int_equal(x->from, want[i].from);
        assert_int_equal(x->layer, want[i].layer);
        assert_int_equal(x->woven, want[i].woven);
        assert_string_equal(x->op, want[i].op);
        assert_string_equal(x->comment, want[i].comment);
    }
    assert_string_equal(m->woven.insns[2].operand, "IL_0016");
    assert_int_equal(m->woven.region_count, 1);
    assert_string_equal(m->woven.regions[0].kind, "fault");
    assert_int_equal(m->woven.regions[0].try_start, 0x16);
    assert_int_equal(m->woven.regions[0].handler_end, 0x20);
    assert_true(m->woven.regions[0].woven);
    assert_int_equal(m->woven.local_count, 1);
    assert_true(m->woven.locals[0].woven);
}

static void both_bodies_are_listed(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    rj_ils m;
    fake_start(&f);
    f.answer = tell;
    rj_session *s = fake_connect(&f, &e);
    if (!rj_read_il(s, &pattern, 1, 0, &m, &e)) fail_msg("%s", e.text);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.total, 5);
    assert_string_equal(m.items[0].state, "active");
    assert_int_equal(m.items[0].version, 2);
    assert_true(m.items[0].hidden);
    assert_int_equal(m.items[0].layer_count, 1);
    assert_int_equal(m.items[0].layers[0].client, 7);
    check_original(&m.items[0]);
    check_woven(&m.items[0]);
    assert_string_equal(m.items[1].reason, "abstract");
    assert_int_equal(m.items[1].original.insn_count, 0);
    rj_free(m.memory);
    rj_close(s);
    fake_stop(&f);
}

/* ---- what makes no sense ---- */

static unsigned turn;

/* The fields of `tell` with one byte changed, another one each time. */
static bool garble(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_IL) return false;
    buf_t b = {0};
    size_t group = wire_open(&b, WIRE_T_BODY);
    put_original(&b);
    put_woven(&b);
    put_names(&b);
    put_part(&b, 0, 0);
    wire_close(&b, group);
    b.p[turn % b.n] ^= (uint8_t)(1u << turn / b.n % 8);
    fake_send(f, WIRE_BODIES, h->request, &b);
    buf_free(&b);
    return true;
}

static void garbage_is_an_error_or_a_listing(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    unsigned errors = 0, listings = 0;
    fake_start(&f);
    f.answer = garble;
    rj_session *s = fake_connect(&f, &e);
    for (turn = 0; turn < 4000; turn++) {
        rj_ils m = {0};
        e = (rj_error){0};
        if (rj_read_il(s, &pattern, 1, 0, &m, &e)) {
            listings++;
            rj_free(m.memory);
        } else {
            errors++;
            assert_int_equal(e.code, RJ_FORMAT);
            assert_true(*e.text);
        }
    }
    assert_true(errors > 50 && listings > 50);
    rj_close(s);
    fake_stop(&f);
}

/* ---- an agent of a version before ---- */

static bool unknown(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_IL) return false;
    buf_t b = {0};
    wire_u32(&b, WIRE_T_CODE, ERR_USAGE);
    wire_text(&b, WIRE_T_TEXT, "the agent in the process (version 0.0.9) does not know request 23");
    wire_u64(&b, WIRE_T_AT, UINT64_MAX);
    fake_send(f, WIRE_ERROR, h->request, &b);
    buf_free(&b);
    return true;
}

static void an_older_agent_says_that_it_cannot(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    rj_ils m;
    fake_start(&f);
    f.answer = unknown;
    rj_session *s = fake_connect(&f, &e);
    assert_false(rj_read_il(s, &pattern, 1, 0, &m, &e));
    assert_int_equal(e.code, RJ_USAGE);
    assert_non_null(strstr(e.text, "does not know"));
    assert_true(rj_gate(s, false, &e)); /* and the session goes on */
    rj_close(s);
    fake_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_bodies_are_listed),
        cmocka_unit_test(garbage_is_an_error_or_a_listing),
        cmocka_unit_test(an_older_agent_says_that_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
