/* IL as JSON: one object for each method. */
#include "out/json-priv.h"

static void put_client(buf_t *b, const rj_il *m, uint32_t layer)
{
    if (layer < m->layer_count) key_u64(b, "client", m->layers[layer].client);
}

static void put_insn(buf_t *b, const rj_il *m, const rj_il_insn *i, char change)
{
    buf_u8(b, '{');
    if (change) key_text(b, "change", change == '+' ? "added" : "removed");
    key_u64(b, "offset", i->offset);
    if (i->from != RJ_NONE) key_u64(b, "from", i->from);
    key_text(b, "op", i->op);
    if (*i->operand) key_text(b, "operand", i->operand);
    if (*i->comment) key_text(b, "comment", i->comment);
    if (i->woven) key_bool(b, "woven", true);
    if (i->woven) put_client(b, m, i->layer);
    buf_u8(b, '}');
}

static void put_insns(buf_t *b, const rj_il *m, const rj_il_body *body)
{
    key(b, "insns");
    buf_u8(b, '[');
    for (size_t i = 0; i < body->insn_count; i++) {
        if (i) buf_u8(b, ',');
        put_insn(b, m, &body->insns[i], 0);
    }
    buf_u8(b, ']');
}

static void put_locals(buf_t *b, const rj_il *m, const rj_il_body *body)
{
    key(b, "locals");
    buf_u8(b, '[');
    for (size_t i = 0; i < body->local_count; i++) {
        const rj_il_local *l = &body->locals[i];
        buf_str(b, i ? ",{" : "{");
        key_text(b, "type", l->type);
        if (*l->role) key_text(b, "role", l->role);
        if (l->woven) key_bool(b, "woven", true);
        put_client(b, m, l->layer);
        buf_u8(b, '}');
    }
    buf_u8(b, ']');
}

static void put_regions(buf_t *b, const rj_il_body *body)
{
    key(b, "regions");
    buf_u8(b, '[');
    for (size_t i = 0; i < body->region_count; i++) {
        const rj_il_region *r = &body->regions[i];
        buf_str(b, i ? ",{" : "{");
        key_text(b, "kind", r->kind);
        if (*r->type) key_text(b, "type", r->type);
        key_u64(b, "try_start", r->try_start);
        key_u64(b, "try_end", r->try_end);
        if (r->filter_start != RJ_NONE) key_u64(b, "filter_start", r->filter_start);
        key_u64(b, "handler_start", r->handler_start);
        key_u64(b, "handler_end", r->handler_end);
        if (r->woven) key_bool(b, "woven", true);
        buf_u8(b, '}');
    }
    buf_u8(b, ']');
}

static void put_body(buf_t *b, const char *name, const rj_il *m, const rj_il_body *body)
{
    key(b, name);
    buf_u8(b, '{');
    key_u64(b, "il_size", body->code_size);
    key_u64(b, "max_stack", body->max_stack);
    key_bool(b, "init_locals", body->init_locals);
    put_locals(b, m, body);
    put_insns(b, m, body);
    put_regions(b, body);
    buf_u8(b, '}');
}

static void put_layers(buf_t *b, const rj_il *m)
{
    key(b, "probes");
    buf_u8(b, '[');
    for (size_t i = 0; i < m->layer_count; i++) {
        buf_str(b, i ? ",{" : "{");
        key_u64(b, "client", m->layers[i].client);
        key_u64(b, "pid", (uint64_t)m->layers[i].pid);
        key_text(b, "name", m->layers[i].name);
        key_text(b, "user", m->layers[i].user);
        key_u64(b, "probe", m->layers[i].probe);
        buf_u8(b, '}');
    }
    buf_u8(b, ']');
}

static void put_diff(buf_t *b, const rj_il *m)
{
    out_il_lines lines = {0};
    bool first = true;
    if (!out_il_compare(m, &lines)) b->failed = true;
    key(b, "diff");
    buf_u8(b, '[');
    for (size_t i = 0; i < lines.n; i++) {
        if (lines.v[i].change == ' ') continue;
        if (!first) buf_u8(b, ',');
        first = false;
        put_insn(b, m, lines.v[i].insn, lines.v[i].change);
    }
    buf_u8(b, ']');
    VEC_FREE(&lines);
}

void out_json_il(buf_t *b, const rj_il *m, bool diff)
{
    const bool instrumented = m->woven.insn_count != 0;
    open_method(b, m->name, m->module, m->token);
    if (*m->reason) key_text(b, "reason", m->reason);
    key_bool(b, "instrumented", instrumented);
    if (instrumented) {
        key_text(b, "state", m->state);
        key_u64(b, "version", m->version);
        key_bool(b, "hidden_locals", m->hidden);
        if (*m->note) key_text(b, "note", m->note);
        put_layers(b, m);
    }
    if (diff) {
        put_diff(b, m);
    } else if (!*m->reason) {
        put_body(b, "original", m, &m->original);
        if (instrumented) put_body(b, "woven", m, &m->woven);
    }
    close_line(b);
}
