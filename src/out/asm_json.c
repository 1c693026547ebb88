/* Native code as JSON: one object for each method. */
#include "out/asm-priv.h"
#include "out/json-priv.h"

#include <inttypes.h>

static void put_address(buf_t *b, const char *name, uint64_t address)
{
    key(b, name);
    buf_printf(b, "\"0x%" PRIx64 "\"", address);
}

static void put_insn(buf_t *b, const asm_insn *i, char change)
{
    buf_u8(b, '{');
    if (change) key_text(b, "change", change == '+' ? "added" : "removed");
    put_address(b, "address", i->x.address);
    key(b, "bytes");
    buf_u8(b, '"');
    for (unsigned k = 0; i->bytes && k < i->x.size; k++)
        buf_printf(b, "%02x", i->bytes[k]);
    buf_u8(b, '"');
    key_text(b, "op", i->x.mnemonic);
    if (*i->x.operands) key_text(b, "operands", i->x.operands);
    if (*i->comment) key_text(b, "comment", i->comment);
    buf_u8(b, '}');
}

static void put_ranges(buf_t *b, const rj_native_code *c)
{
    key(b, "ranges");
    buf_u8(b, '[');
    for (size_t i = 0; i < c->range_count; i++) {
        buf_str(b, i ? ",{" : "{");
        put_address(b, "address", c->ranges[i].address);
        key_u64(b, "size", c->ranges[i].size);
        key_bool(b, "read", c->ranges[i].bytes != NULL);
        buf_u8(b, '}');
    }
    buf_u8(b, ']');
}

/* Without its end: instructions may follow. */
static void put_head(buf_t *b, const asm_piece *p)
{
    const rj_native_code *c = p->code;
    buf_u8(b, '{');
    key_text(b, "body", c->body);
    key_text(b, "tier", c->tier);
    key_u64(b, "version", c->version);
    if (*c->instantiation) key_text(b, "instantiation", c->instantiation);
    key_u64(b, "size", c->size);
    put_ranges(b, c);
}

static void put_codes(buf_t *b, const out_code *c)
{
    key(b, "codes");
    buf_u8(b, '[');
    for (size_t i = 0; i < c->method->code_count; i++) {
        const asm_piece *p = &c->pieces[i];
        if (i) buf_u8(b, ',');
        put_head(b, p);
        key(b, "insns");
        buf_u8(b, '[');
        for (size_t k = 0; k < p->count; k++) {
            if (k) buf_u8(b, ',');
            put_insn(b, &p->insns[k], 0);
        }
        buf_str(b, "]}");
    }
    buf_u8(b, ']');
}

static void put_diff(buf_t *b, const asm_piece *original, const asm_piece *woven)
{
    asm_lines lines = {0};
    bool first = true;
    if (!asm_compare(original, woven, &lines)) b->failed = true;
    key(b, "original");
    put_head(b, original);
    buf_u8(b, '}');
    key(b, "woven");
    put_head(b, woven);
    buf_u8(b, '}');
    key(b, "diff");
    buf_u8(b, '[');
    for (size_t i = 0; i < lines.n; i++) {
        if (lines.v[i].change == ' ') continue;
        if (!first) buf_u8(b, ',');
        first = false;
        put_insn(b, lines.v[i].insn, lines.v[i].change);
    }
    buf_u8(b, ']');
    VEC_FREE(&lines);
}

void out_json_asm(buf_t *b, const out_code *c, bool diff)
{
    const rj_native *m = c->method;
    const asm_piece *original, *woven;
    open_method(b, m->name, m->module, m->token);
    if (*m->reason) key_text(b, "reason", m->reason);
    if (*m->note) key_text(b, "note", m->note);
    key_u64(b, "old_versions", m->old_versions);
    if (!diff)
        put_codes(b, c);
    else if (asm_pair(c, &original, &woven))
        put_diff(b, original, woven);
    close_line(b);
}
