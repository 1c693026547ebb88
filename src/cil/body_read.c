/*
 * Method bodies from bytes (II.25.4): a tiny or fat header, the code, the EH section.
 *
 *      tiny    | size<<2 | 2 | code ...
 *      fat     | flags:12 header dwords:4 | max stack:2 | code size:4 | local sig:4 | code ... | pad to 4 | sections
 *      section | kind:1 | data size:1 | 0:2 | clauses of 12 |     or     | kind:1 | data size:3 | clauses of 24 |
 */
#include "cil/cil.h"
#include "cil/il-priv.h"

#define NO_ROW 0xFFu /* of cil_opinfos: no opcode */

typedef struct reader {
    arena *a;
    const uint8_t *code;
    uint32_t size;
    uint32_t *index_of; /* by IL offset: index + 1 of the instruction that starts there, or 0; [size] is one more */
    err_t *e;
} reader;

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Takes the header off: fills max stack, locals and flags of b, and where the code and what follows it lie. */
static bool read_header(cil_blob bytes, cil_body *b, cil_blob *code, bool *more, err_t *e)
{
    if (bytes.n < 1) return err_set(e, ERR_FORMAT, 0, "the method body is empty");
    if ((bytes.p[0] & 3) == 2) {
        *code = (cil_blob){bytes.p + 1, bytes.p[0] >> 2};
        if (code->n > bytes.n - 1) return err_set(e, ERR_FORMAT, 0, "the code is longer than the method body");
        b->max_stack = 8;
        return true;
    }
    if ((bytes.p[0] & 3) != 3) return err_set(e, ERR_FORMAT, 0, "bad method header 0x%02x", bytes.p[0]);
    if (bytes.n < 12) return err_set(e, ERR_FORMAT, 0, "truncated method header");
    uint32_t header = (uint32_t)(bytes.p[1] >> 4) * 4;
    if (header < 12 || header > bytes.n) return err_set(e, ERR_FORMAT, 0, "bad method header size %u", header);
    b->init_locals = (bytes.p[0] & 0x10) != 0;
    b->max_stack = (uint16_t)le16(bytes.p + 2);
    b->local_sig = le32(bytes.p + 8);
    *code = (cil_blob){bytes.p + header, le32(bytes.p + 4)};
    if (code->n > bytes.n - header) return err_set(e, ERR_FORMAT, 0, "the code is longer than the method body");
    *more = (bytes.p[0] & 8) != 0;
    return true;
}

/* The place of an opcode among cil_opinfos; that of an unknown one is a row without a name. */
static uint32_t row_of(const uint8_t *p, uint32_t left)
{
    if (p[0] != 0xFE || left < 2) return p[0];
    return p[1] < 0x20 ? 0x100u | p[1] : NO_ROW;
}

/* The length of the instruction at `at`, or 0 with the error set where its opcode is unknown or it is cut off. */
static uint32_t length_at(const reader *r, uint32_t at)
{
    const uint8_t *p = r->code + at;
    uint32_t left = r->size - at, row = row_of(p, left);
    uint64_t length = cil_opinfos[row].size;
    if (length == 0) {
        err_set(r->e, ERR_FORMAT, at, "no such opcode 0x%02x", p[0] == 0xFE && left > 1 ? 0xFE00 | p[1] : p[0]);
        return 0;
    }
    if (row == CIL_SWITCH && length <= left) length += 4 * (uint64_t)le32(p + 1);
    if (length > left) {
        err_set(r->e, ERR_FORMAT, at, "%s is cut off by the end of the code", cil_opinfos[row].name);
        return 0;
    }
    return (uint32_t)length;
}

/* First pass: where instructions start. */
static bool find_starts(reader *r, uint32_t *count)
{
    uint32_t n = 0;
    r->index_of = arena_array(r->a, (size_t)r->size + 1, sizeof *r->index_of);
    if (!r->index_of) return err_set(r->e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t at = 0; at < r->size;) {
        uint32_t length = length_at(r, at);
        if (length == 0) return false;
        r->index_of[at] = ++n;
        at += length;
    }
    r->index_of[r->size] = n + 1;
    *count = n;
    return true;
}

/* The instruction that a branch at `at` goes to, `distance` from `next`. */
static bool read_target(const reader *r, uint32_t at, uint32_t next, int32_t distance, uint32_t *target)
{
    int64_t to = (int64_t)next + distance;
    if (to < 0 || to >= (int64_t)r->size || r->index_of[to] == 0)
        return err_set(r->e, ERR_FORMAT, at, "branch by %+d bytes, to no instruction", distance);
    *target = r->index_of[to] - 1;
    return true;
}

static bool read_switch(const reader *r, uint32_t at, uint32_t next, const uint8_t *p, cil_insn *i)
{
    i->sw.count = le32(p);
    i->sw.targets = arena_room(r->a, i->sw.count, sizeof *i->sw.targets);
    if (!i->sw.targets) return err_set(r->e, ERR_MEMORY, at, "out of memory");
    for (uint32_t k = 0; k < i->sw.count; k++) {
        if (!read_target(r, at, next, (int32_t)le32(p + 4 + 4 * (size_t)k), &i->sw.targets[k])) return false;
    }
    return true;
}

/*
 * The operand as a number, from 8 bytes at its place, of which `left` are code: no step depends on its size, which
 * nobody could predict.
 */
static int64_t read_number(const uint8_t *p, uint32_t left, cil_operand kind)
{
    static const struct {
        uint64_t mask, sign;
    } FORMS[] = {
        [CIL_O_NONE] = {0, 0},
        [CIL_O_U1_VAR] = {UINT8_MAX, 0},
        [CIL_O_U2_VAR] = {UINT16_MAX, 0},
        [CIL_O_I1] = {UINT8_MAX, 0x80},
        [CIL_O_I4] = {UINT32_MAX, 0x80000000},
        [CIL_O_I8] = {UINT64_MAX, 0},
        [CIL_O_R4] = {UINT32_MAX, 0},
        [CIL_O_R8] = {UINT64_MAX, 0},
        [CIL_O_BR1] = {UINT8_MAX, 0x80},
        [CIL_O_BR4] = {UINT32_MAX, 0x80000000},
        [CIL_O_TOKEN] = {UINT32_MAX, 0},
        [CIL_O_SWITCH] = {UINT32_MAX, 0},
    };
    uint64_t raw = 0;
    if (left >= sizeof raw)
        raw = le64(p);
    else
        memcpy(&raw, p, left);
    return (int64_t)(((raw & FORMS[kind].mask) ^ FORMS[kind].sign) - FORMS[kind].sign);
}

/* Second pass: the first one has proved that every instruction is whole. */
static bool read_code(reader *r, cil_body *b)
{
    if (!find_starts(r, &b->count)) return false;
    b->insns = arena_room(r->a, b->count, sizeof *b->insns);
    if (!b->insns) return err_set(r->e, ERR_MEMORY, -1, "out of memory");
    uint32_t at = 0;
    for (uint32_t n = 0; n < b->count; n++) {
        cil_insn *i = &b->insns[n];
        const uint8_t *p = r->code + at;
        const cil_opinfo *info = &cil_opinfos[p[0] == 0xFE ? 0x100u | p[1] : p[0]];
        i->op = (uint16_t)(p[0] == 0xFE ? 0xFE00 | p[1] : p[0]);
        i->offset = at;
        at += info->size;
        if (i->op == CIL_SWITCH) at += 4 * le32(p + 1);
        p += i->op >= 0xFE00 ? 2 : 1;
        cil_operand operand = (cil_operand)info->operand;
        i->i = read_number(p, r->size - (uint32_t)(p - r->code), operand);
        bool branch = operand == CIL_O_BR1 || operand == CIL_O_BR4;
        if (branch && !read_target(r, i->offset, at, (int32_t)i->i, &i->target)) return false;
        if (operand == CIL_O_SWITCH && !read_switch(r, i->offset, at, p, i)) return false;
    }
    return true;
}

/* An IL range as instruction indices. */
static bool read_range(const reader *r, uint32_t start, uint32_t length, const char *what, uint32_t *from, uint32_t *to)
{
    uint64_t end = (uint64_t)start + length;
    if (length == 0 || end > r->size || r->index_of[start] == 0 || r->index_of[end] == 0)
        return err_set(r->e, ERR_FORMAT, start, "bad range of a %s: IL_%04x, %u bytes", what, start, length);
    *from = r->index_of[start] - 1;
    *to = r->index_of[end] - 1;
    return true;
}

/* One clause, small or fat. */
static bool read_clause(const reader *r, const uint8_t *p, bool fat, cil_eh *c)
{
    uint32_t flags = fat ? le32(p) : le16(p);
    uint32_t try_at = fat ? le32(p + 4) : le16(p + 2), try_size = fat ? le32(p + 8) : p[4];
    uint32_t handler_at = fat ? le32(p + 12) : le16(p + 5), handler_size = fat ? le32(p + 16) : p[7];
    uint32_t last = le32(p + (fat ? 20 : 8));
    uint32_t kind = flags & 7;
    if (kind != CIL_EH_CATCH && kind != CIL_EH_FILTER && kind != CIL_EH_FINALLY && kind != CIL_EH_FAULT)
        return err_set(r->e, ERR_FORMAT, try_at, "bad kind of an exception clause: 0x%x", flags);
    c->kind = (cil_eh_kind)kind;
    if (!read_range(r, try_at, try_size, "try block", &c->try_start, &c->try_end)) return false;
    if (!read_range(r, handler_at, handler_size, "handler", &c->handler_start, &c->handler_end)) return false;
    if (kind == CIL_EH_CATCH) c->class_token = last;
    if (kind == CIL_EH_FILTER) {
        if (last >= r->size || r->index_of[last] == 0 || r->index_of[last] > c->handler_start)
            return err_set(r->e, ERR_FORMAT, last, "bad start of a filter: IL_%04x", last);
        c->filter_start = r->index_of[last] - 1;
    }
    return true;
}

/*
 * The section after the code. The runtime looks at the first section only and takes clauses from it if it is an EH
 * table, so later sections are nothing here either. A data size that is no multiple of the clauses' is rounded down, as
 * there.
 */
static bool read_sections(reader *r, cil_blob rest, cil_body *b)
{
    if (rest.n < 4) return err_set(r->e, ERR_FORMAT, r->size, "truncated exception section");
    if ((rest.p[0] & 0x3F) != 1) return true;
    bool fat = (rest.p[0] & 0x40) != 0;
    uint32_t size = fat ? le32(rest.p) >> 8 : rest.p[1], clause = fat ? 24 : 12;
    b->eh_count = size / clause;
    if (b->eh_count > (rest.n - 4) / clause)
        return err_set(r->e, ERR_FORMAT, r->size, "the exception section of %u clauses is cut off", b->eh_count);
    if (b->eh_count == 0) return true;
    b->ehs = arena_array(r->a, b->eh_count, sizeof *b->ehs);
    if (!b->ehs) return err_set(r->e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t k = 0; k < b->eh_count; k++) {
        if (!read_clause(r, rest.p + 4 + (size_t)k * clause, fat, &b->ehs[k])) return false;
    }
    return true;
}

bool cil_body_read(arena *a, cil_blob bytes, cil_body *out, err_t *e)
{
    cil_blob code = {0};
    bool more = false;
    *out = (cil_body){0};
    if (!read_header(bytes, out, &code, &more, e)) return false;
    if (code.n == 0) return err_set(e, ERR_FORMAT, 0, "the method has no code");
    reader r = {.a = a, .code = code.p, .size = code.n, .e = e};
    out->code_size = code.n;
    if (!read_code(&r, out)) return false;
    if (!more) return true;
    /* The header of a fat body is aligned to 4 wherever it lies, so the section's alignment counts from there. */
    size_t at = ((size_t)(code.p - bytes.p) + code.n + 3) & ~(size_t)3;
    if (at > bytes.n) return err_set(e, ERR_FORMAT, code.n, "truncated exception section");
    return read_sections(&r, (cil_blob){bytes.p + at, bytes.n - (uint32_t)at}, out);
}
