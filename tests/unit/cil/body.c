/* Method bodies: headers, branches of every size, switch, exception sections, text; and every way to be malformed. */
#include "body_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES(...) ((cil_blob){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static void read_ok(arena *a, cil_blob bytes, cil_body *b)
{
    err_t e = {0};
    if (!cil_body_read(a, bytes, b, &e)) fail_msg("at %lld: %s", (long long)e.at, e.text);
}

static void write_ok(const cil_body *b, buf_t *out, uint32_t *offsets)
{
    err_t e = {0};
    out->n = 0;
    if (!cil_body_write(b, out, offsets, &e)) fail_msg("at %lld: %s", (long long)e.at, e.text);
}

/* Reads, writes, and wants the same bytes. */
static void same_bytes(cil_blob bytes)
{
    arena a = {0};
    cil_body b;
    buf_t out = {0};
    read_ok(&a, bytes, &b);
    write_ok(&b, &out, NULL);
    assert_int_equal(out.n, bytes.n);
    assert_memory_equal(out.p, bytes.p, bytes.n);
    buf_free(&out);
    arena_free(&a);
}

static void malformed(cil_blob bytes, int64_t at, const char *text)
{
    arena a = {0};
    cil_body b;
    err_t e = {0};
    /* In its own allocation, so that a sanitizer sees a read behind the end. */
    uint8_t *copy = malloc(bytes.n + !bytes.n);
    assert_non_null(copy);
    memcpy(copy, bytes.p, bytes.n);
    assert_false(cil_body_read(&a, (cil_blob){copy, bytes.n}, &b, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    assert_int_equal(e.at, at);
    if (!strstr(e.text, text)) fail_msg("'%s' does not say '%s'", e.text, text);
    free(copy);
    arena_free(&a);
}

static void headers(void **state)
{
    (void)state;
    arena a = {0};
    cil_body b;
    same_bytes(BYTES(0x06, 0x2A));
    read_ok(&a, BYTES(0x06, 0x2A), &b);
    assert_int_equal(b.max_stack, 8);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.code_size, 1);
    assert_false(b.init_locals);
    /* Fat: locals initialised, 9 deep, one byte of code. */
    same_bytes(BYTES(0x13, 0x30, 9, 0, 1, 0, 0, 0, 5, 0, 0, 0x11, 0x2A));
    read_ok(&a, BYTES(0x13, 0x30, 9, 0, 1, 0, 0, 0, 5, 0, 0, 0x11, 0x2A), &b);
    assert_int_equal(b.max_stack, 9);
    assert_int_equal(b.local_sig, 0x11000005);
    assert_true(b.init_locals);
    /* A longer fat header is read over. */
    read_ok(&a, BYTES(0x03, 0x40, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 0x2A), &b);
    assert_int_equal(b.insns[0].op, CIL_RET);
    arena_free(&a);
}

static void malformed_headers(void **state)
{
    (void)state;
    malformed((cil_blob){(const uint8_t *)"", 0}, 0, "empty");
    malformed(BYTES(0x00, 0x2A), 0, "bad method header 0x00");
    malformed(BYTES(0x0A, 0x2A), 0, "longer than the method body");
    malformed(BYTES(0x02), 0, "no code");
    malformed(BYTES(0x03, 0x30, 1, 0, 1, 0, 0, 0, 0, 0, 0), 0, "truncated method header");
    malformed(BYTES(0x03, 0x20, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x2A), 0, "bad method header size 8");
    malformed(BYTES(0x03, 0xF0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x2A), 0, "bad method header size 60");
    malformed(BYTES(0x03, 0x30, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x2A), 0, "longer than the method body");
    malformed(BYTES(0x03, 0x30, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0x2A), 0, "longer than the method body");
}

/* One instruction of each opcode, branches going to the next one, comes back. */
static void every_opcode(void **state)
{
    (void)state;
    arena a = {0};
    buf_t out = {0};
    cil_body again;
    cil_insn insns[300] = {0};
    cil_body b = {.max_stack = 9, .insns = insns};
    uint32_t targets[2];
    for (unsigned op = 0; op < 0x10000; op++) {
        const cil_opinfo *info = cil_opinfo_of((uint16_t)op);
        if (!info) continue;
        cil_insn *i = &insns[b.count++];
        i->op = (uint16_t)op;
        if (info->operand == CIL_O_BR1 || info->operand == CIL_O_BR4) i->target = b.count;
        if (info->operand == CIL_O_SWITCH) {
            targets[0] = targets[1] = b.count;
            i->sw.count = 2;
            i->sw.targets = targets;
        }
        if (info->operand == CIL_O_I1 || info->operand == CIL_O_I4 || info->operand == CIL_O_I8) i->i = -7;
        if (info->operand == CIL_O_U1_VAR || info->operand == CIL_O_U2_VAR) i->i = 250;
        if (info->operand == CIL_O_R4 || info->operand == CIL_O_R8 || info->operand == CIL_O_TOKEN)
            i->bits = 0x70000012;
    }
    insns[b.count++].op = CIL_RET;
    assert_int_equal(b.count, 219 + 1);
    write_ok(&b, &out, NULL);
    read_ok(&a, (cil_blob){out.p, (uint32_t)out.n}, &again);
    assert_int_equal(again.count, b.count);
    for (uint32_t n = 0; n < b.count; n++) {
        const cil_opinfo *info = cil_opinfo_of(insns[n].op);
        bool branch = info->operand == CIL_O_BR1 || info->operand == CIL_O_BR4;
        if (!branch) assert_int_equal(again.insns[n].op, insns[n].op);
        if (branch) assert_int_equal(again.insns[n].target, insns[n].target);
        if (info->operand == CIL_O_SWITCH)
            assert_memory_equal(again.insns[n].sw.targets, targets, sizeof targets);
        else if (info->operand != CIL_O_NONE && !branch)
            assert_int_equal(again.insns[n].i, insns[n].i);
    }
    buf_free(&out);
    arena_free(&a);
}

static void malformed_code(void **state)
{
    (void)state;
    malformed(BYTES(0x06, 0x24), 0, "no such opcode 0x24");
    malformed(BYTES(0x0A, 0xFE, 0x08), 0, "no such opcode 0xfe08");
    malformed(BYTES(0x0A, 0x00, 0xFE), 1, "no such opcode 0xfe");
    malformed(BYTES(0x0E, 0x00, 0x20, 0x00), 1, "ldc.i4 is cut off");
    malformed(BYTES(0x0A, 0x00, 0x2B), 1, "br.s is cut off");
    malformed(BYTES(0x1A, 0x45, 1, 0, 0, 0, 0), 0, "switch is cut off");
    malformed(BYTES(0x16, 0x45, 0xFF, 0xFF, 0xFF, 0xFF), 0, "switch is cut off");
    malformed(BYTES(0x0E, 0x2B, 0x01, 0x2A), 0, "branch by +1 bytes");
    malformed(BYTES(0x0E, 0x2B, 0xFD, 0x2A), 0, "branch by -3 bytes");
    malformed(BYTES(0x0E, 0x2B, 0xFF, 0x2A), 0, "branch by -1 bytes, to no instruction");
    malformed(BYTES(0x2A, 0x45, 1, 0, 0, 0, 1, 0, 0, 0, 0x2A), 0, "branch by +1 bytes");
}

/* A body of `before` nops, a branch over `between` nops to a ret, and one back to the start. */
static uint32_t branch_size(uint32_t between, bool back)
{
    cil_insn *insns = calloc(between + 3, sizeof *insns);
    assert_non_null(insns);
    cil_body b = {.max_stack = 8, .insns = insns, .count = between + 3};
    uint32_t *offsets = calloc(b.count + 1, sizeof *offsets);
    assert_non_null(offsets);
    buf_t out = {0};
    uint32_t at = back ? between + 1 : 0;
    insns[b.count - 1].op = CIL_RET;
    insns[at].op = CIL_BR;
    insns[at].target = back ? 0 : between + 2;
    if (!back) insns[between + 1].op = CIL_NOP;
    write_ok(&b, &out, offsets);
    uint32_t size = offsets[at + 1] - offsets[at];
    assert_int_equal(out.p[out.n - 1], CIL_RET);
    buf_free(&out);
    free(offsets);
    free(insns);
    return size;
}

static void branches_are_as_short_as_they_reach(void **state)
{
    (void)state;
    assert_int_equal(branch_size(126, false), 2); /* 127 bytes */
    assert_int_equal(branch_size(127, false), 5);
    assert_int_equal(branch_size(125, true), 2); /* 126 nops, then the branch itself: -128 */
    assert_int_equal(branch_size(126, true), 5);
}

/* A long branch pushes another one out of reach, and that one the next: only the fixpoint is right. */
static void long_branches_grow_others(void **state)
{
    (void)state;
    enum { LINKS = 40, GAP = 62 };
    static cil_insn insns[LINKS * (GAP + 1) + 200];
    cil_body b = {.max_stack = 8, .insns = insns};
    memset(insns, 0, sizeof insns);
    /* Branch k goes over branch k+1 to just behind it, at 127 bytes while that is short; the last goes too far. */
    uint32_t heads[LINKS];
    for (uint32_t k = 0; k < LINKS; k++) {
        heads[k] = b.count;
        insns[b.count].op = CIL_BR_S;
        b.count += GAP + 1;
    }
    for (uint32_t k = 0; k + 2 < LINKS; k++)
        insns[heads[k]].target = heads[k + 2];
    insns[heads[LINKS - 2]].target = heads[LINKS - 1];
    b.count += 190;
    insns[b.count].op = CIL_RET;
    insns[heads[LINKS - 1]].target = b.count++;
    buf_t out = {0};
    static uint32_t offsets[RJ_COUNT(insns) + 1];
    write_ok(&b, &out, offsets);
    for (uint32_t k = 0; k < LINKS; k++) {
        const cil_insn *i = &insns[heads[k]];
        int64_t distance = (int64_t)offsets[i->target] - (offsets[heads[k]] + 2);
        assert_int_equal(offsets[heads[k] + 1] - offsets[heads[k]], distance > 127 ? 5 : 2);
    }
    arena a = {0};
    cil_body again;
    read_ok(&a, (cil_blob){out.p, (uint32_t)out.n}, &again);
    for (uint32_t k = 0; k < LINKS; k++)
        assert_int_equal(again.insns[heads[k]].target, insns[heads[k]].target);
    arena_free(&a);
    buf_free(&out);
}

static void bodies_that_cannot_be_written(void **state)
{
    (void)state;
    static const cil_insn bad_target[] = {{.op = CIL_BR, .target = 2}, {.op = CIL_RET}};
    static const cil_insn bad_local[] = {{.op = CIL_LDLOC_S, .i = 256}, {.op = CIL_RET}};
    static const cil_insn bad_constant[] = {{.op = CIL_LDC_I4_S, .i = -129}, {.op = CIL_RET}};
    static const cil_insn bad_opcode[] = {{.op = 0x24}, {.op = CIL_RET}};
    static const struct {
        const cil_insn *insns;
        const char *text;
    } cases[] = {
        {bad_target, "branch to instruction 2 of 2"},
        {bad_local, "does not fit into ldloc.s"},
        {bad_constant, "does not fit into ldc.i4.s"},
        {bad_opcode, "no such opcode 0x0024"},
    };
    for (size_t k = 0; k < RJ_COUNT(cases); k++) {
        cil_insn insns[2];
        memcpy(insns, cases[k].insns, sizeof insns);
        cil_body b = {.max_stack = 8, .insns = insns, .count = 2};
        buf_t out = {0};
        err_t e = {0};
        assert_false(cil_body_write(&b, &out, NULL, &e));
        assert_non_null(strstr(e.text, cases[k].text));
        buf_free(&out);
    }
    cil_insn ret = {.op = CIL_RET};
    cil_eh outside = {.try_start = 0, .try_end = 1, .handler_start = 1, .handler_end = 2};
    cil_body b = {.max_stack = 8, .insns = &ret, .count = 1, .ehs = &outside, .eh_count = 1};
    buf_t out = {0};
    err_t e = {0};
    assert_false(cil_body_write(&b, &out, NULL, &e));
    assert_non_null(strstr(e.text, "outlying range"));
    b.count = 0;
    assert_false(cil_body_write(&b, &out, NULL, &e));
    buf_free(&out);
}

/* leave.s; pop, leave.s (catch); ret. Header, 6 bytes of code, 2 of padding, the section. */
#define CATCH_HEAD 0x0B, 0x30, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0
#define CATCH_CODE 0xDE, 3, 0x26, 0xDE, 0, 0x2A

static void small_sections(void **state)
{
    (void)state;
    cil_blob bytes = BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 0x01, 16, 0, 0, /* one clause */
                           0, 0, 0, 0, 2, 2, 0, 3, 0x03, 0, 0, 0x01);
    arena a = {0};
    cil_body b;
    same_bytes(bytes);
    read_ok(&a, bytes, &b);
    assert_int_equal(b.eh_count, 1);
    assert_int_equal(b.ehs[0].kind, CIL_EH_CATCH);
    assert_int_equal(b.ehs[0].try_end, 1);
    assert_int_equal(b.ehs[0].handler_start, 1);
    assert_int_equal(b.ehs[0].handler_end, 3);
    assert_int_equal(b.ehs[0].class_token, 0x01000003);
    /* Some writers leave the section's head out of its size. */
    read_ok(&a, BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 0x01, 12, 0, 0, 0, 0, 0, 0, 2, 2, 0, 3, 3, 0, 0, 1), &b);
    assert_int_equal(b.eh_count, 1);
    /* A first section of another kind hides all clauses, as it does for the runtime. */
    read_ok(&a, BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 0x02, 16, 0, 0, 0, 0, 0, 0, 2, 2, 0, 3, 3, 0, 0, 1), &b);
    assert_int_equal(b.eh_count, 0);
    arena_free(&a);
}

static void fat_sections(void **state)
{
    (void)state;
    cil_blob fat = BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 0x41, 28, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0,
                         3, 0, 0, 0, 0, 0, 0, 0);
    arena a = {0};
    cil_body b;
    buf_t out = {0};
    read_ok(&a, fat, &b);
    assert_int_equal(b.ehs[0].kind, CIL_EH_FINALLY);
    write_ok(&b, &out, NULL);
    assert_int_equal(out.p[20], 0x01); /* it fits into a small one */
    arena_free(&a);

    /* A try block over 255 bytes, and one clause more than 20, each need a fat one. */
    static cil_insn insns[400];
    static cil_eh ehs[21];
    for (uint32_t k = 0; k < RJ_COUNT(ehs); k++)
        ehs[k] = (cil_eh){CIL_EH_CATCH, 0, 10, 10, 20, 0, 0x01000001};
    for (int wide = 0; wide < 3; wide++) {
        b = (cil_body){.max_stack = 8, .insns = insns, .count = 400, .ehs = ehs, .eh_count = wide == 1 ? 21 : 20};
        ehs[0].try_end = wide == 2 ? 256 : 255;
        ehs[0].handler_start = 300;
        ehs[0].handler_end = 301;
        write_ok(&b, &out, NULL);
        assert_int_equal(out.p[412], wide ? 0x41 : 0x01);
        cil_body again;
        read_ok(&a, (cil_blob){out.p, (uint32_t)out.n}, &again);
        assert_int_equal(again.eh_count, b.eh_count);
        assert_memory_equal(again.ehs, ehs, b.eh_count * sizeof *ehs);
        arena_free(&a);
    }
    buf_free(&out);
}

static void malformed_sections(void **state)
{
    (void)state;
    malformed(BYTES(CATCH_HEAD, CATCH_CODE), 6, "truncated exception section");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0), 6, "truncated exception section");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 0, 0, 0), 6, "of 1 clauses is cut off");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 0x41, 0xFF, 0xFF, 0xFF, 0, 0, 0), 6, "is cut off");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 3, 0, 0, 0, 2, 2, 0, 3, 3, 0, 0, 1), 0, "bad kind");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 0, 0, 1, 0, 1, 2, 0, 3, 3, 0, 0, 1), 1,
              "of a try block");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 3, 0, 0, 1), 0,
              "of a try block");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 0, 0, 0, 0, 2, 2, 0, 9, 3, 0, 0, 1), 2, "of a handler");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 1, 0, 0, 0, 2, 2, 0, 3, 4, 0, 0, 0), 4, "of a filter");
    malformed(BYTES(CATCH_HEAD, CATCH_CODE, 0, 0, 1, 16, 0, 0, 1, 0, 0, 0, 2, 2, 0, 3, 0xFF, 0, 0, 0), 255,
              "of a filter");
}

static void texts(void **state)
{
    (void)state;
    static uint32_t targets[20] = {3, 4};
    static const struct {
        cil_insn insn;
        const char *text;
    } cases[] = {
        {{.op = CIL_LDARG_0}, "ldarg.0"},
        {{.op = CIL_LDC_I4_S, .i = -7}, "ldc.i4.s  -7"},
        {{.op = CIL_LDC_R4, .bits = 0x3FC00000}, "ldc.r4  1.5"},
        {{.op = CIL_LDC_R8, .bits = 0x3FF8000000000000}, "ldc.r8  1.5"},
        {{.op = CIL_BR_S, .target = 12}, "br.s  @12"},
        {{.op = CIL_SWITCH, .sw = {2, targets}}, "switch  (@3,@4)"},
        {{.op = CIL_SWITCH, .sw = {17, targets}}, "switch  (@3,@4,@0,@0,@0,@0,@0,@0,@0,@0,@0,@0,@0,@0,@0,@0,…)"},
        {{.op = CIL_LDSTR, .token = U_STRING}, "ldstr  \"a b\""},
        {{.op = CIL_CALL, .token = M_INT}, "call  int N.Class::Int(int)"},
        {{.op = CIL_NEWOBJ, .token = M_SCTOR}, "newobj  void N.Struct::.ctor(int)"},
        {{.op = CIL_CALL, .token = S_GENERIC}, "call  !!0 N.Class::Generic<string>(!!0)"},
        {{.op = CIL_CALL, .token = R_VARARG}, "call  void Else.Unknown::Variable(int,...,string)"},
        {{.op = CIL_NEWOBJ, .token = R_ARRAY}, "newobj  void int[,]::.ctor(int,int)"},
        {{.op = CIL_LDFLD, .token = F_INT}, "ldfld  int N.Class::f"},
        {{.op = CIL_LDFLD, .token = R_FIELD}, "ldfld  int Else.Unknown::g"},
        {{.op = CIL_CALLI, .token = L_CALLI}, "calli  int (int,object)"},
        {{.op = CIL_BOX, .token = T_STRUCT}, "box  N.Struct"},
        {{.op = CIL_BOX, .token = CIL_TOKEN(CIL_TYPE_DEF, 99)}, "box  02000063"},
        {{.op = CIL_CALL, .token = 0x06FFFFFF}, "call  06ffffff"},
        {{.op = 0x24}, "?? 0024"},
    };
    buf_t metadata = {0}, text = {0};
    cil_image im;
    body_image_make(&metadata);
    assert_true(cil_metadata_open(&im, metadata.p, metadata.n, NULL));
    for (size_t k = 0; k < RJ_COUNT(cases); k++) {
        text.n = 0;
        cil_insn_text(&im, &cases[k].insn, &text);
        assert_string_equal(buf_cstr(&text), cases[k].text);
    }
    text.n = 0;
    cil_insn_text(NULL, &(cil_insn){.op = CIL_CALL, .token = M_INT}, &text);
    assert_string_equal(buf_cstr(&text), "call  06000002");
    buf_free(&text);
    buf_free(&metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(every_opcode),
        cmocka_unit_test(malformed_code),
        cmocka_unit_test(branches_are_as_short_as_they_reach),
        cmocka_unit_test(long_branches_grow_others),
        cmocka_unit_test(bodies_that_cannot_be_written),
        cmocka_unit_test(small_sections),
        cmocka_unit_test(fat_sections),
        cmocka_unit_test(malformed_sections),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
