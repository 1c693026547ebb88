/* Listings: what stands there can be read back, for every opcode; operands with names. */
#include "cil/cil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INSNS_MOST 300u
#define LINE_MOST  160u

typedef struct text {
    char lines[INSNS_MOST][LINE_MOST]; /* "IL_0012 br.s IL_0014" */
    uint32_t count;
} text;

/* ---- a body of one instruction of each opcode ---- */

static void fill(cil_insn *insns, cil_body *b, uint64_t operand, uint32_t *targets)
{
    for (unsigned op = 0; op < 0x10000; op++) {
        const cil_opinfo *info = cil_opinfo_of((uint16_t)op);
        if (!info) continue;
        cil_insn *i = &insns[b->count++];
        i->op = (uint16_t)op;
        switch ((cil_operand)info->operand) {
        case CIL_O_NONE: break;
        case CIL_O_U1_VAR: i->i = (uint8_t)operand; break;
        case CIL_O_U2_VAR: i->i = (uint16_t)operand; break;
        case CIL_O_I1: i->i = (int8_t)operand; break;
        case CIL_O_I4: i->i = (int32_t)operand; break;
        case CIL_O_I8:
        case CIL_O_R8: i->bits = operand; break;
        case CIL_O_R4: i->bits = (uint32_t)(operand >> 32); break;
        case CIL_O_TOKEN: i->i = (uint32_t)operand; break;
        case CIL_O_BR1:
        case CIL_O_BR4: i->target = b->count; break;
        case CIL_O_SWITCH:
            targets[0] = b->count;
            targets[1] = 0;
            targets[2] = b->count - 1;
            i->sw.count = 3;
            i->sw.targets = targets;
        }
    }
    insns[b->count++].op = CIL_RET;
}

static void disassemble(const cil_body *b, text *out)
{
    buf_t operand = {0};
    for (uint32_t i = 0; i < b->count; i++) {
        operand.n = 0;
        cil_operand_text(b, NULL, &b->insns[i], &operand);
        int n = snprintf(out->lines[i], LINE_MOST, "IL_%04x %s %s", b->insns[i].offset,
                         cil_opinfo_of(b->insns[i].op)->name, buf_cstr(&operand));
        assert_true(n > 0 && (unsigned)n < LINE_MOST);
    }
    out->count = b->count;
    buf_free(&operand);
}

/* ---- and back ---- */

static uint16_t op_named(const char *name)
{
    for (unsigned op = 0; op < 0x10000; op++) {
        const cil_opinfo *info = cil_opinfo_of((uint16_t)op);
        if (info && strcmp(info->name, name) == 0) return (uint16_t)op;
    }
    fail_msg("no opcode '%s'", name);
    return 0;
}

static uint32_t line_labelled(const text *t, const char *label)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (strncmp(t->lines[i], label, 7) == 0) return i;
    fail_msg("no line %.7s", label);
    return 0;
}

static uint64_t float_bits(const char *s, bool single)
{
    uint64_t bits = 0;
    float f = strtof(s, NULL);
    double d = strtod(s, NULL);
    if (*s == '(') return strtoull(s + 1, NULL, 16);
    if (single)
        memcpy(&bits, &f, sizeof f);
    else
        memcpy(&bits, &d, sizeof d);
    return bits;
}

static void assemble_switch(arena *a, const text *t, const char *s, cil_insn *i)
{
    i->sw.targets = arena_array(a, 16, sizeof *i->sw.targets);
    assert_non_null(i->sw.targets);
    for (s = strstr(s, "IL_"); s; s = strstr(s + 3, "IL_"))
        i->sw.targets[i->sw.count++] = line_labelled(t, s);
}

static void assemble(arena *a, const text *t, cil_insn *insns)
{
    for (uint32_t n = 0; n < t->count; n++) {
        char name[32];
        int at = 0;
        cil_insn *i = &insns[n];
        assert_int_equal(sscanf(t->lines[n], "%*s %31s %n", name, &at), 1);
        const char *operand = t->lines[n] + at;
        *i = (cil_insn){.op = op_named(name)};
        switch ((cil_operand)cil_opinfo_of(i->op)->operand) {
        case CIL_O_NONE: assert_string_equal(operand, ""); break;
        case CIL_O_R4: i->bits = float_bits(operand, true); break;
        case CIL_O_R8: i->bits = float_bits(operand, false); break;
        case CIL_O_BR1:
        case CIL_O_BR4: i->target = line_labelled(t, operand); break;
        case CIL_O_SWITCH: assemble_switch(a, t, operand, i); break;
        case CIL_O_U1_VAR:
        case CIL_O_U2_VAR:
        case CIL_O_I1:
        case CIL_O_I4:
        case CIL_O_I8:
        case CIL_O_TOKEN: i->bits = *operand == '-' ? (uint64_t)strtoll(operand, NULL, 0) : strtoull(operand, NULL, 0);
        }
    }
}

static void round_trip(uint64_t operand)
{
    static text t;
    arena a = {0};
    buf_t first = {0}, second = {0};
    uint32_t targets[3];
    cil_insn insns[INSNS_MOST] = {0}, again[INSNS_MOST] = {0};
    cil_body b = {.max_stack = 9, .insns = insns}, read;
    fill(insns, &b, operand, targets);
    assert_true(cil_body_write(&b, &first, NULL, NULL));
    assert_true(cil_body_read(&a, (cil_blob){first.p, (uint32_t)first.n}, &read, NULL));
    assert_int_equal(read.count, 219 + 1);
    disassemble(&read, &t);
    assemble(&a, &t, again);
    b.insns = again;
    assert_true(cil_body_write(&b, &second, NULL, NULL));
    assert_int_equal(second.n, first.n);
    assert_memory_equal(second.p, first.p, first.n);
    buf_free(&first);
    buf_free(&second);
    arena_free(&a);
}

static void every_opcode_reads_back(void **state)
{
    (void)state;
    static const uint64_t operands[] = {
        0,
        1,
        UINT64_MAX,
        0x7FFFFFFFFFFFFFFF,
        0x8000000000000000,
        0x7FF0000000000000, /* infinity */
        0x7FF8000000000001, /* no number, with something in it */
        0x7FC000017F800001,
        0x3FB999999999999A, /* 0.1 */
        0x3DCCCCCD12345678,
        0x0000000000000001, /* the smallest */
        0x70000012ABCD8081,
        0x80000000FFFFFFFF,
        0x00000001000000FF,
    };
    for (size_t i = 0; i < RJ_COUNT(operands); i++)
        round_trip(operands[i]);
}

static bool name_one(void *owner, cil_token token, buf_t *out)
{
    if (token != 0x0A000001) return false;
    buf_str(out, owner);
    return true;
}

static void tokens_get_names(void **state)
{
    (void)state;
    static char known[] = "void Some::Method()";
    const cil_names names = {known, name_one};
    const cil_body none = {0};
    buf_t b = {0};
    cil_operand_text(&none, &names, &(cil_insn){.op = CIL_CALL, .token = 0x0A000001}, &b);
    assert_string_equal(buf_cstr(&b), known);
    b.n = 0;
    cil_operand_text(&none, &names, &(cil_insn){.op = CIL_CALL, .token = 0x0A000002}, &b);
    assert_string_equal(buf_cstr(&b), "0x0a000002");
    buf_free(&b);
}

static void branches_know_their_pair(void **state)
{
    (void)state;
    assert_int_equal(cil_branch_long(CIL_BR_S), CIL_BR);
    assert_int_equal(cil_branch_long(CIL_BLT_UN), CIL_BLT_UN);
    assert_int_equal(cil_branch_long(CIL_LEAVE_S), CIL_LEAVE);
    assert_int_equal(cil_branch_long(CIL_SWITCH), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_opcode_reads_back),
        cmocka_unit_test(tokens_get_names),
        cmocka_unit_test(branches_know_their_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
