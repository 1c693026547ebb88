/* Method bodies to bytes: branch sizes by relaxation, then header, code, EH section (the shapes are drawn in
 * body_read.c). */
#include <stdlib.h>

#include "cil/cil.h"
#include "cil/il-priv.h"

#define MOST_CODE 0x10000000u /* far below 2 GB */
#define SPILL     8u          /* bytes behind the code that writing it may touch */

enum { SHORT_BRANCH = 2, LONG_BRANCH = 5 }; /* bytes */

typedef struct writer {
    const cil_body *b;
    uint32_t *offsets; /* count + 1; what lies between two of them is the instruction's size */
    uint32_t *jumps;   /* branches and switches, in order */
    uint32_t jump_count;
    uint32_t *grown; /* branches that became long in the present round */
    err_t *e;
} writer;

/* Does the number of the operand fit into its bytes? */
static bool fits(const cil_insn *i, cil_operand operand)
{
#define ANYTHING      \
    {                 \
        0, UINT64_MAX \
    }
    static const struct {
        int64_t least;
        uint64_t span;
    } RANGES[] = {
        [CIL_O_NONE] = ANYTHING,
        [CIL_O_U1_VAR] = {0, UINT8_MAX},
        [CIL_O_U2_VAR] = {0, UINT16_MAX},
        [CIL_O_I1] = {INT8_MIN, UINT8_MAX},
        [CIL_O_I4] = {INT32_MIN, UINT32_MAX},
        [CIL_O_I8] = ANYTHING,
        [CIL_O_R4] = ANYTHING,
        [CIL_O_R8] = ANYTHING,
        [CIL_O_BR1] = ANYTHING,
        [CIL_O_BR4] = ANYTHING,
        [CIL_O_TOKEN] = ANYTHING,
        [CIL_O_SWITCH] = ANYTHING,
    };
#undef ANYTHING
    return (uint64_t)i->i - (uint64_t)RANGES[operand].least <= RANGES[operand].span;
}

/* Fills offsets as if every branch were short, and finds the jumps. */
static bool lay_out_short(writer *w)
{
    const cil_insn *insns = w->b->insns;
    uint32_t *offsets = w->offsets, *jumps = w->jumps;
    uint32_t found = 0, count = w->b->count;
    uint64_t at = 0; /* no number of instructions overflows it */
    for (uint32_t n = 0; n < count; n++) {
        const cil_opinfo *info = cil_opinfo_of(insns[n].op);
        if (!info) return err_set(w->e, ERR_FORMAT, n, "no such opcode 0x%04x", insns[n].op);
        cil_operand operand = (cil_operand)info->operand;
        offsets[n] = (uint32_t)at;
        jumps[found] = n;
        found += operand == CIL_O_BR1 || operand == CIL_O_BR4 || operand == CIL_O_SWITCH;
        at += operand == CIL_O_BR4 ? SHORT_BRANCH : info->size;
        if (operand == CIL_O_SWITCH) at += UINT64_C(4) * insns[n].sw.count;
        if (!fits(&insns[n], operand))
            return err_set(w->e, ERR_FORMAT, n, "operand %lld does not fit into %s", (long long)insns[n].i, info->name);
    }
    if (at > MOST_CODE) return err_set(w->e, ERR_LIMIT, -1, "the code grew over %u bytes", MOST_CODE);
    offsets[count] = (uint32_t)at;
    w->jump_count = found;
    return true;
}

static bool check_targets(const writer *w)
{
    for (uint32_t j = 0; j < w->jump_count; j++) {
        uint32_t n = w->jumps[j], count = w->b->count;
        const cil_insn *i = &w->b->insns[n];
        if (i->op != CIL_SWITCH && i->target >= count)
            return err_set(w->e, ERR_FORMAT, n, "branch to instruction %u of %u", i->target, count);
        for (uint32_t k = 0; i->op == CIL_SWITCH && k < i->sw.count; k++) {
            if (i->sw.targets[k] >= count)
                return err_set(w->e, ERR_FORMAT, n, "switch to instruction %u of %u", i->sw.targets[k], count);
        }
    }
    return true;
}

static bool is_long(const writer *w, uint32_t branch)
{
    return w->offsets[branch + 1] - w->offsets[branch] == LONG_BRANCH;
}

/* Finds the short branches that don't reach at the present offsets; answers how many. */
static uint32_t find_grown(writer *w)
{
    uint32_t count = 0;
    for (uint32_t j = 0; j < w->jump_count; j++) {
        uint32_t n = w->jumps[j];
        const cil_insn *i = &w->b->insns[n];
        if (is_long(w, n) || i->op == CIL_SWITCH) continue;
        int64_t distance = (int64_t)w->offsets[i->target] - w->offsets[n + 1];
        w->grown[count] = n;
        count += distance < INT8_MIN || distance > INT8_MAX;
    }
    return count;
}

/* Moves what lies behind the branches that grew. */
static void shift(writer *w, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        uint32_t last = k + 1 < count ? w->grown[k + 1] : w->b->count;
        for (uint32_t n = w->grown[k] + 1; n <= last; n++)
            w->offsets[n] += (k + 1) * (LONG_BRANCH - SHORT_BRANCH);
    }
}

/*
 * Branches start short and only ever grow, so this ends; lengths of long ones are final, so what is short at the end
 * reaches. Most bodies are done after the first look.
 */
static bool relax(writer *w)
{
    if (!lay_out_short(w) || !check_targets(w)) return false;
    if (w->offsets[w->b->count] <= INT8_MAX) return true;
    for (uint32_t count; (count = find_grown(w));)
        shift(w, count);
    return true;
}

/* The machine is little-endian, as IL is. */
static void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static void put_branch(const writer *w, uint32_t n, uint8_t *p)
{
    const cil_insn *i = &w->b->insns[n];
    uint16_t op = cil_branch_long(i->op);
    uint32_t distance = w->offsets[i->target] - w->offsets[n + 1];
    if (is_long(w, n)) {
        p[0] = (uint8_t)op;
        put32(p + 1, distance);
    } else {
        p[0] = (uint8_t)cil_branch_short(op);
        p[1] = (uint8_t)distance;
    }
}

static void put_switch(const writer *w, uint32_t n, uint8_t *p)
{
    const cil_insn *i = &w->b->insns[n];
    p[0] = (uint8_t)i->op;
    put32(p + 1, i->sw.count);
    for (uint32_t k = 0; k < i->sw.count; k++)
        put32(p + 5 + 4 * (size_t)k, w->offsets[i->sw.targets[k]] - w->offsets[n + 1]);
}

/*
 * Room for the whole code is taken at once: every instruction knows its place. Each is written with an operand of 8
 * bytes; what that is too long is overwritten by the next one. So no step depends on the operand's size, which nobody
 * could predict; jumps, whose operands are not what is written, come behind.
 */
static bool put_code(const writer *w, buf_t *out)
{
    const cil_insn *i = w->b->insns;
    const uint32_t *offsets = w->offsets;
    uint32_t count = w->b->count;
    uint8_t *code = buf_extend(out, offsets[count] + SPILL);
    if (!code) return err_set(w->e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t n = 0; n < count; n++, i++) {
        uint8_t *p = code + offsets[n];
        bool wide = i->op >= 0xFE00;
        p[0] = wide ? 0xFE : (uint8_t)i->op;
        p[wide] = (uint8_t)i->op;
        memcpy(p + 1 + wide, &i->bits, sizeof i->bits);
    }
    for (uint32_t j = 0; j < w->jump_count; j++) {
        uint32_t n = w->jumps[j];
        if (w->b->insns[n].op == CIL_SWITCH)
            put_switch(w, n, code + offsets[n]);
        else
            put_branch(w, n, code + offsets[n]);
    }
    out->n -= SPILL;
    return true;
}

static void put_header(const writer *w, buf_t *out)
{
    const cil_body *b = w->b;
    uint32_t size = w->offsets[b->count];
    if (size < 64 && b->max_stack <= 8 && b->local_sig == 0 && !b->init_locals && b->eh_count == 0) {
        buf_u8(out, (uint8_t)(size << 2 | 2));
        return;
    }
    buf_u16(out, (uint16_t)(0x3003 | (b->init_locals ? 0x10 : 0) | (b->eh_count ? 8 : 0)));
    buf_u16(out, b->max_stack);
    buf_u32(out, size);
    buf_u32(out, b->local_sig);
}

/* Indices in order and inside the body? */
static bool check_clause(const writer *w, uint32_t k)
{
    const cil_eh *c = &w->b->ehs[k];
    if (c->try_start < c->try_end && c->try_end <= w->b->count && c->handler_start < c->handler_end &&
        c->handler_end <= w->b->count && (c->kind != CIL_EH_FILTER || c->filter_start < c->handler_start))
        return true;
    return err_set(w->e, ERR_FORMAT, c->try_start, "exception clause %u has an empty or outlying range", k);
}

static bool is_small(const writer *w)
{
    const cil_body *b = w->b;
    if (4 + 12 * (uint64_t)b->eh_count > UINT8_MAX) return false;
    for (uint32_t k = 0; k < b->eh_count; k++) {
        const cil_eh *c = &b->ehs[k];
        uint32_t try_at = w->offsets[c->try_start], handler_at = w->offsets[c->handler_start];
        if (try_at > UINT16_MAX || handler_at > UINT16_MAX || w->offsets[c->try_end] - try_at > UINT8_MAX ||
            w->offsets[c->handler_end] - handler_at > UINT8_MAX)
            return false;
    }
    return true;
}

static void put_clause(const writer *w, const cil_eh *c, bool fat, buf_t *out)
{
    uint32_t try_at = w->offsets[c->try_start], try_size = w->offsets[c->try_end] - try_at;
    uint32_t handler_at = w->offsets[c->handler_start], handler_size = w->offsets[c->handler_end] - handler_at;
    if (fat) {
        buf_u32(out, (uint32_t)c->kind);
        buf_u32(out, try_at);
        buf_u32(out, try_size);
        buf_u32(out, handler_at);
        buf_u32(out, handler_size);
    } else {
        buf_u16(out, (uint16_t)c->kind);
        buf_u16(out, (uint16_t)try_at);
        buf_u8(out, (uint8_t)try_size);
        buf_u16(out, (uint16_t)handler_at);
        buf_u8(out, (uint8_t)handler_size);
    }
    buf_u32(out, c->kind == CIL_EH_FILTER ? w->offsets[c->filter_start] : c->class_token);
}

static bool put_clauses(const writer *w, size_t start, buf_t *out)
{
    const cil_body *b = w->b;
    if (b->eh_count == 0) return true;
    if (4 + 24 * (uint64_t)b->eh_count > 0xFFFFFF)
        return err_set(w->e, ERR_LIMIT, -1, "%u exception clauses", b->eh_count);
    for (uint32_t k = 0; k < b->eh_count; k++) {
        if (!check_clause(w, k)) return false;
    }
    while ((out->n - start) % 4 && !out->failed)
        buf_u8(out, 0);
    bool fat = !is_small(w);
    buf_u32(out, fat ? 0x41 | (4 + 24 * b->eh_count) << 8 : 0x01 | (4 + 12 * b->eh_count) << 8);
    for (uint32_t k = 0; k < b->eh_count; k++)
        put_clause(w, &b->ehs[k], fat, out);
    return true;
}

static bool write_body(writer *w, buf_t *out)
{
    size_t start = out->n;
    if (!relax(w)) return false;
    /* Room for all of it at once: header, code, sections. */
    size_t most = 12 + w->offsets[w->b->count] + SPILL + 8 + 24 * (size_t)w->b->eh_count;
    if (!buf_extend(out, most)) return err_set(w->e, ERR_MEMORY, -1, "out of memory");
    out->n = start;
    put_header(w, out);
    if (!put_code(w, out)) return false;
    if (!put_clauses(w, start, out)) return false;
    return !out->failed || err_set(w->e, ERR_MEMORY, -1, "out of memory");
}

bool cil_body_write(const cil_body *body, buf_t *out, uint32_t *offsets, err_t *e)
{
    if (body->count == 0) return err_set(e, ERR_FORMAT, 0, "the body has no instructions");
    size_t count = (size_t)body->count + 1;
    uint32_t *room = malloc(count * 3 * sizeof *room);
    if (!room) return err_set(e, ERR_MEMORY, -1, "out of memory");
    writer w = {
        .b = body, .offsets = offsets ? offsets : room, .jumps = room + count, .grown = room + 2 * count, .e = e};
    bool ok = write_body(&w, out);
    free(room);
    return ok;
}
