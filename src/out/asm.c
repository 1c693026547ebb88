/* Native code as text: each version, or a diff of two. */
#include "out/asm-priv.h"
#include "out/text-priv.h"

#include <inttypes.h>
#include <stdlib.h>

#define CONTEXT 3u

bool out_code_ready(char *why)
{
    return x86_ready(why);
}

/* ---- from bytes to instructions ---- */

static bool is_inside(const rj_native_code *code, uint64_t address)
{
    for (size_t i = 0; i < code->range_count; i++)
        if (address >= code->ranges[i].address && address - code->ranges[i].address < code->ranges[i].size) return true;
    return false;
}

static const char *symbol_at(const rj_native *m, uint64_t address)
{
    const char *text = NULL;
    for (size_t i = 0; i < m->symbol_count; i++)
        if (m->symbols[i].address == address) text = m->symbols[i].text;
    return text;
}

/* Notes the address that an instruction names, to be asked for. */
static bool want(out_code *c, const asm_piece *p, asm_insn *i)
{
    if (!i->x.target) return true;
    i->inside = !i->x.indirect && is_inside(p->code, i->x.target);
    if (i->inside) return true;
    const char *known = i->x.indirect ? NULL : symbol_at(c->method, i->x.target);
    if (known) i->comment = known;
    if (known) return true;
    rj_address *address = VEC_PUSH(&c->wanted);
    asm_insn **by = address ? VEC_PUSH(&c->wanted_by) : NULL;
    if (!by) return false;
    *address = (rj_address){i->x.target, i->x.indirect};
    *by = i;
    return true;
}

static const uint8_t *bytes_at(const rj_native_code *code, uint64_t address)
{
    for (size_t i = 0; i < code->range_count; i++) {
        const rj_code_range *r = &code->ranges[i];
        if (r->bytes && address >= r->address && address - r->address < r->size)
            return r->bytes + (address - r->address);
    }
    return NULL;
}

static bool read_piece(out_code *c, asm_piece *p)
{
    x86_insns insns = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < p->code->range_count; i++) {
        const rj_code_range *r = &p->code->ranges[i];
        p->gone |= !r->bytes;
        if (r->bytes) ok = x86_disassemble(&c->memory, r->bytes, r->size, r->address, &insns);
    }
    p->insns = ok ? arena_array(&c->memory, insns.n, sizeof *p->insns) : NULL;
    ok = ok && p->insns;
    for (size_t i = 0; ok && i < insns.n; i++) {
        asm_insn *x = &p->insns[p->count++];
        *x = (asm_insn){.x = insns.v[i], .bytes = bytes_at(p->code, insns.v[i].address), .comment = ""};
        ok = want(c, p, x);
    }
    VEC_FREE(&insns);
    return ok;
}

out_code *out_code_new(const rj_native *m)
{
    out_code *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->method = m;
    c->pieces = arena_array(&c->memory, m->code_count, sizeof *c->pieces);
    bool ok = c->pieces != NULL;
    for (size_t i = 0; ok && i < m->code_count; i++) {
        c->pieces[i].code = &m->codes[i];
        ok = read_piece(c, &c->pieces[i]);
    }
    if (ok) return c;
    out_code_free(c);
    return NULL;
}

void out_code_free(out_code *c)
{
    if (!c) return;
    VEC_FREE(&c->wanted);
    VEC_FREE(&c->wanted_by);
    arena_free(&c->memory);
    free(c);
}

const rj_address *out_code_addresses(const out_code *c, size_t *count)
{
    *count = c->wanted.n;
    return c->wanted.v;
}

bool out_code_name(out_code *c, const rj_names *names)
{
    for (size_t i = 0; i < c->wanted_by.n && i < names->count; i++) {
        if (!*names->items[i]) continue;
        const char *name = arena_strdup(&c->memory, names->items[i]);
        if (!name) return false;
        c->wanted_by.v[i]->comment = name;
    }
    return true;
}

/* ---- text ---- */

static void put_insn(buf_t *b, const asm_insn *i, char change, const out_style *style)
{
    const char *colour = change == '+' ? GREEN : change == '-' ? RED : "";
    coloured(b, style, colour);
    buf_printf(b, "%c %" PRIx64 "  ", change, i->x.address);
    if (*colour) coloured(b, style, RESET);
    const size_t start = b->n;
    if (*i->x.operands)
        buf_printf(b, "%-8s %s", i->x.mnemonic, i->x.operands);
    else
        buf_str(b, i->x.mnemonic);
    if (*i->comment) put_comment(b, start, 40, i->comment, style);
    buf_u8(b, '\n');
}

static void put_title(buf_t *b, const asm_piece *p, const out_style *style)
{
    const rj_native_code *c = p->code;
    coloured(b, style, BOLD);
    buf_str(b, c->body);
    if (c->version) buf_printf(b, " (version %u)", c->version);
    buf_printf(b, ", %s", c->tier);
    coloured(b, style, RESET);
    buf_printf(b, ": %" PRIu64 " bytes", c->size);
    for (size_t i = 0; i < c->range_count; i++)
        buf_printf(b, "%s 0x%" PRIx64, i ? " and" : " at", c->ranges[i].address);
    if (*c->instantiation) buf_str(b, ", for ");
    out_safe_text(b, c->instantiation);
    buf_u8(b, '\n');
}

static void put_gone(buf_t *b, const asm_piece *p)
{
    if (p->gone) buf_str(b, "  some of it has been freed meanwhile, or cannot be read\n");
}

static bool is_near(const asm_lines *lines, size_t i)
{
    const size_t first = i > CONTEXT ? i - CONTEXT : 0, end = RJ_MIN(i + CONTEXT + 1, lines->n);
    for (size_t k = first; k < end; k++)
        if (lines->v[k].change != ' ') return true;
    return false;
}

static void put_diff(buf_t *b, const asm_piece *original, const asm_piece *woven, const out_style *style)
{
    asm_lines lines = {0};
    if (!asm_compare(original, woven, &lines)) b->failed = true;
    buf_str(b, "--- ");
    put_title(b, original, style);
    put_gone(b, original);
    buf_str(b, "+++ ");
    put_title(b, woven, style);
    put_gone(b, woven);
    bool gap = false;
    for (size_t i = 0; i < lines.n; i++) {
        const bool shown = is_near(&lines, i);
        if (shown && gap) buf_str(b, "  ...\n");
        gap = !shown;
        if (shown) put_insn(b, lines.v[i].insn, lines.v[i].change, style);
    }
    VEC_FREE(&lines);
}

static void put_all(buf_t *b, const out_code *c, const out_style *style)
{
    for (size_t i = 0; i < c->method->code_count; i++) {
        const asm_piece *p = &c->pieces[i];
        put_title(b, p, style);
        put_gone(b, p);
        for (size_t k = 0; k < p->count; k++)
            put_insn(b, &p->insns[k], ' ', style);
    }
}

static void put_remark(buf_t *b, const char *text)
{
    out_safe_text(b, text);
    buf_u8(b, '\n');
}

void out_asm(buf_t *b, const out_code *c, bool diff, const out_style *style)
{
    const rj_native *m = c->method;
    const asm_piece *original, *woven;
    put_method_line(b, m->name, m->module, m->token, style);
    if (*m->reason) {
        buf_str(b, "no code: ");
        put_remark(b, m->reason);
        return;
    }
    if (!m->code_count) buf_str(b, "not compiled yet\n");
    if (diff && m->code_count && asm_pair(c, &original, &woven))
        put_diff(b, original, woven, style);
    else if (diff && m->code_count)
        buf_str(b, "there is no woven code beside the original's: nothing can be compared\n");
    else
        put_all(b, c, style);
    if (m->old_versions)
        buf_printf(b, "%u earlier version%s, which the runtime keeps, %s not shown\n", m->old_versions,
                   m->old_versions == 1 ? "" : "s", m->old_versions == 1 ? "is" : "are");
    if (*m->note) put_remark(b, m->note);
}
