#include "client/listing.h"

#include <stdlib.h>

/* One body on its way into a listing. */
typedef struct maker {
    arena *a;
    const listing_facts *x;
    const cil_body *body;
    const cil_body *original; /* of a woven body, what it is compared with; or NULL */
    uint32_t *from;           /* of each instruction of a woven body: an offset of the original, or RJ_NONE */
    buf_t text;
    bool failed;
} maker;

static const char *keep(maker *k)
{
    const char *text = arena_strndup(k->a, buf_cstr(&k->text), k->text.n);
    k->failed |= !text || k->text.failed;
    k->text.n = 0;
    return text ? text : "";
}

static uint32_t offset_at(const cil_body *b, uint32_t index)
{
    return index < b->count ? b->insns[index].offset : b->code_size;
}

static int by_offset(const void *x, const void *y)
{
    const uint32_t a = *(const uint32_t *)x, b = ((const cil_insn *)y)->offset;
    return (a > b) - (a < b);
}

/* The instruction that begins there, or NULL. */
static const cil_insn *insn_at(const cil_body *b, uint32_t offset)
{
    return b->count ? bsearch(&offset, b->insns, b->count, sizeof *b->insns, by_offset) : NULL;
}

/* ---- which instructions are the original's ---- */

static bool read_map(maker *k)
{
    cil_blob map = k->x->map;
    k->from = arena_room(k->a, k->body->count + 1u, sizeof *k->from);
    if (!k->from) return false;
    for (uint32_t i = 0; i < k->body->count; i++)
        k->from[i] = RJ_NONE;
    for (; map.n >= 8; map.p += 8, map.n -= 8) {
        uint32_t from, to;
        memcpy(&from, map.p, sizeof from);
        memcpy(&to, map.p + 4, sizeof to);
        const cil_insn *insn = insn_at(k->body, to);
        if (insn) k->from[insn - k->body->insns] = from;
    }
    return true;
}

static bool same_target(const maker *k, uint32_t woven, uint32_t original)
{
    return woven < k->body->count && k->from[woven] == offset_at(k->original, original);
}

static bool same_switch(const maker *k, const cil_insn *x, const cil_insn *y)
{
    if (x->sw.count != y->sw.count) return false;
    for (uint32_t i = 0; i < x->sw.count; i++)
        if (!same_target(k, x->sw.targets[i], y->sw.targets[i])) return false;
    return true;
}

/* Branches may be of the other size. */
static bool is_own(const maker *k, uint32_t index)
{
    const cil_insn *x = &k->body->insns[index], *y = NULL;
    if (k->original && k->from[index] != RJ_NONE) y = insn_at(k->original, k->from[index]);
    if (!y) return false;
    const uint16_t branch = cil_branch_long(x->op);
    if (branch) return branch == cil_branch_long(y->op) && same_target(k, x->target, y->target);
    if (x->op != y->op) return false;
    return x->op == CIL_SWITCH ? same_switch(k, x, y) : x->i == y->i;
}

/*
 * A piece that stands for a call begins with code of ours, and the map leads from its beginning to the call. The call
 * itself is in it, and is the original's.
 */
static void find_calls_in_pieces(maker *k)
{
    uint32_t piece = RJ_NONE;
    for (uint32_t i = 0; i < k->body->count; i++) {
        if (k->from[i] != RJ_NONE) piece = is_own(k, i) ? RJ_NONE : k->from[i];
        const cil_insn *x = &k->body->insns[i], *y = piece != RJ_NONE ? insn_at(k->original, piece) : NULL;
        if (!y || k->from[i] != RJ_NONE || x->op != y->op || x->i != y->i) continue;
        if (x->op != CIL_CALL && x->op != CIL_CALLVIRT && x->op != CIL_CALLI) continue;
        k->from[i] = piece;
        piece = RJ_NONE;
    }
}

static uint32_t layer_at(const maker *k, uint32_t offset)
{
    uint32_t layer = RJ_NONE;
    for (size_t i = 0; i < k->x->part_count && k->x->parts[i].at <= offset; i++)
        layer = k->x->parts[i].layer;
    return layer < k->x->layer_count ? layer : RJ_NONE;
}

/* ---- what stands behind an instruction ---- */

static bool token_text(void *owner, cil_token token, buf_t *out)
{
    const listing_facts *x = owner;
    for (size_t i = 0; i < x->named_count; i++) {
        if (x->named[i].token != token) continue;
        buf_str(out, x->named[i].text);
        return true;
    }
    return false;
}

static void put_client(maker *k, uint32_t layer)
{
    if (layer < k->x->layer_count) buf_printf(&k->text, " of client %u", k->x->layers[layer].client);
}

/* A probe begins with its gate: what loads a byte there means that. */
static void put_symbol(maker *k, uint64_t address, bool is_loaded)
{
    const listing_symbol *found = NULL;
    for (size_t i = 0; i < k->x->symbol_count && !(found && is_loaded); i++)
        if (k->x->symbols[i].address == address) found = &k->x->symbols[i];
    if (!found) return;
    buf_str(&k->text, found->text);
    put_client(k, found->layer);
}

static void put_argument(maker *k, uint64_t index)
{
    if (index < k->x->argument_count) buf_str(&k->text, k->x->arguments[index]);
}

static void put_local(maker *k, uint64_t index)
{
    if (index >= k->x->local_count) return;
    const rj_il_local *l = &k->x->locals[index];
    buf_str(&k->text, *l->role ? l->role : l->type);
    put_client(k, l->layer);
}

static const char *comment(maker *k, uint32_t index)
{
    const cil_insn *i = &k->body->insns[index];
    const bool is_loaded = index + 1 < k->body->count && i[1].op == CIL_LDIND_U1;
    switch (i->op) {
    case CIL_LDARG_0:
    case CIL_LDARG_1:
    case CIL_LDARG_2:
    case CIL_LDARG_3: put_argument(k, i->op - CIL_LDARG_0); break;
    case CIL_LDARG_S:
    case CIL_LDARGA_S:
    case CIL_STARG_S:
    case CIL_LDARG:
    case CIL_LDARGA:
    case CIL_STARG: put_argument(k, (uint64_t)i->i); break;
    case CIL_LDLOC_0:
    case CIL_LDLOC_1:
    case CIL_LDLOC_2:
    case CIL_LDLOC_3: put_local(k, i->op - CIL_LDLOC_0); break;
    case CIL_STLOC_0:
    case CIL_STLOC_1:
    case CIL_STLOC_2:
    case CIL_STLOC_3: put_local(k, i->op - CIL_STLOC_0); break;
    case CIL_LDLOC_S:
    case CIL_LDLOCA_S:
    case CIL_STLOC_S:
    case CIL_LDLOC:
    case CIL_LDLOCA:
    case CIL_STLOC: put_local(k, (uint64_t)i->i); break;
    case CIL_LDC_I8: put_symbol(k, i->bits, is_loaded); break;
    default: return "";
    }
    return keep(k);
}

static rj_il_insn make_insn(maker *k, uint32_t index)
{
    const cil_insn *i = &k->body->insns[index];
    const cil_names names = {(void *)(uintptr_t)k->x, token_text};
    rj_il_insn out = {.offset = i->offset, .from = RJ_NONE, .op = cil_opinfo_at(i->op)->name, .layer = RJ_NONE};
    cil_operand_text(k->body, &names, i, &k->text);
    out.operand = k->text.n ? keep(k) : "";
    out.comment = comment(k, index);
    if (!k->from) return out;
    out.from = k->from[index];
    out.woven = !is_own(k, index);
    if (out.woven) out.layer = layer_at(k, i->offset);
    return out;
}

static rj_il_region make_region(maker *k, const cil_eh *eh)
{
    const cil_body *b = k->body;
    const uint32_t begin = eh->kind == CIL_EH_FILTER ? eh->filter_start : eh->handler_start;
    rj_il_region r = {.kind = eh->kind == CIL_EH_CATCH     ? "catch"
                              : eh->kind == CIL_EH_FILTER  ? "filter"
                              : eh->kind == CIL_EH_FINALLY ? "finally"
                                                           : "fault",
                      .type = "",
                      .try_start = offset_at(b, eh->try_start),
                      .try_end = offset_at(b, eh->try_end),
                      .handler_start = offset_at(b, eh->handler_start),
                      .handler_end = offset_at(b, eh->handler_end),
                      .filter_start = eh->kind == CIL_EH_FILTER ? offset_at(b, begin) : RJ_NONE,
                      .woven = k->from && begin < b->count && !is_own(k, begin)};
    if (eh->kind != CIL_EH_CATCH) return r;
    if (!token_text((void *)(uintptr_t)k->x, eh->class_token, &k->text))
        buf_printf(&k->text, "0x%08x", eh->class_token);
    r.type = keep(k);
    return r;
}

static void make_body(maker *k, rj_il_body *out)
{
    const cil_body *b = k->body;
    rj_il_insn *insns = arena_array(k->a, b->count, sizeof *insns);
    rj_il_region *regions = arena_array(k->a, b->eh_count, sizeof *regions);
    k->failed |= !insns || !regions;
    for (uint32_t i = 0; i < b->count && !k->failed; i++)
        insns[i] = make_insn(k, i);
    for (uint32_t i = 0; i < b->eh_count && !k->failed; i++)
        regions[i] = make_region(k, &b->ehs[i]);
    *out = (rj_il_body){.insns = insns,
                        .insn_count = b->count,
                        .regions = regions,
                        .region_count = b->eh_count,
                        .locals = k->x->locals,
                        .local_count = k->from ? k->x->local_count : k->x->own_locals,
                        .code_size = b->code_size,
                        .max_stack = b->max_stack,
                        .init_locals = b->init_locals};
    buf_free(&k->text);
}

bool listing_make(arena *a, listing_facts *x, rj_il *m, err_t *e)
{
    cil_body original, woven;
    if (!x->original.n) return true;
    x->own_locals = RJ_MIN(x->own_locals, x->local_count);
    for (size_t i = x->own_locals; i < x->local_count; i++)
        x->locals[i].woven = true;
    if (!cil_body_read(a, x->original, &original, e)) return err_prefix(e, "the IL of %s: ", m->name);
    maker k = {.a = a, .x = x, .body = &original};
    make_body(&k, &m->original);
    if (!k.failed && x->woven.n) {
        if (!cil_body_read(a, x->woven, &woven, e)) return err_prefix(e, "the woven IL of %s: ", m->name);
        k.body = &woven;
        k.original = &original;
        k.failed = !read_map(&k);
        if (!k.failed) find_calls_in_pieces(&k);
        if (!k.failed) make_body(&k, &m->woven);
    }
    return !k.failed || err_set(e, ERR_MEMORY, -1, "out of memory");
}
