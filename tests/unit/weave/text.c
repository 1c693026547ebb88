#include "text.h"

bool case_weave(case_t *c, uint32_t method_rid)
{
    buf_t bytes = {0};
    weave_output_free(&c->out);
    c->e = (err_t){0};
    if (c->body.count && !cil_body_write(&c->body, &bytes, NULL, &c->e)) return false;
    uint8_t *kept = arena_copy(&c->a, bytes.p, bytes.n);
    weave_input in = {
        .image = fixture_image(),
        .method_rid = method_rid,
        .body = {kept, (uint32_t)bytes.n},
        .layers = c->layers,
        .layer_count = c->layer_count,
        .plain_most = c->plain_most,
        .catch_by_filter = c->catch_by_filter,
        .explained = c->explained,
        .tokens = fixture_tokens(&c->maker),
    };
    in.tokens.keep_locals = c->keep_locals;
    buf_free(&bytes);
    if (c->on) return weave_switched(&c->a, &in, &(weave_switch){c->on, TARGET}, &c->out, &c->e);
    return weave_method(&c->a, &in, &c->out, &c->e);
}

static const char *callee(int64_t address)
{
    switch (address) {
    case ENTER: return "enter";
    case READY: return "ready";
    case LEAVE: return "leave";
    case TAIL: return "tail";
    case NOTE: return "note";
    case THROWN: return "thrown";
    case OBJECT: return "object";
    case TYPED: return "typed";
    case SPAN: return "span";
    case HOLDER: return "holder";
    case TARGET: return "target";
    default: return NULL;
    }
}

static void put_blob(buf_t *b, const fixture_maker *m, cil_token token)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->made[i].token != token) continue;
        for (uint32_t k = 0; k < m->made[i].sig.n; k++)
            buf_printf(b, "%s%02x", k ? " " : "<", m->made[i].sig.p[k]);
        buf_str(b, ">");
        return;
    }
    buf_printf(b, "%08x", token);
}

static void put_operand(buf_t *b, const fixture_maker *m, const cil_insn *insn)
{
    switch (cil_opinfo_of(insn->op)->operand) {
    case CIL_O_NONE: break;
    case CIL_O_TOKEN:
        buf_str(b, " ");
        put_blob(b, m, insn->token);
        break;
    case CIL_O_BR1:
    case CIL_O_BR4: buf_printf(b, " %u", insn->target); break;
    case CIL_O_SWITCH:
        for (uint32_t k = 0; k < insn->sw.count; k++)
            buf_printf(b, "%s%u", k ? "," : " ", insn->sw.targets[k]);
        break;
    default: buf_printf(b, " %lld", (long long)insn->i); break;
    }
}

static bool is_target(const cil_body *body, uint32_t at)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const cil_insn *insn = &body->insns[i];
        uint8_t operand = cil_opinfo_of(insn->op)->operand;
        if ((operand == CIL_O_BR1 || operand == CIL_O_BR4) && insn->target == at) return true;
        for (uint32_t k = 0; operand == CIL_O_SWITCH && k < insn->sw.count; k++)
            if (insn->sw.targets[k] == at) return true;
    }
    return false;
}

static void put_clauses(buf_t *b, const cil_body *body)
{
    static const char *const KINDS[] = {"catch", "filter", "finally", "?", "fault"};
    for (uint32_t i = 0; i < body->eh_count; i++) {
        const cil_eh *eh = &body->ehs[i];
        buf_printf(b, "try %u-%u %s ", eh->try_start, eh->try_end, KINDS[eh->kind]);
        if (eh->kind == CIL_EH_FILTER) buf_printf(b, "%u-", eh->filter_start);
        buf_printf(b, "%u-%u\n", eh->handler_start, eh->handler_end);
    }
}

const char *case_text(case_t *c)
{
    cil_body body;
    buf_t *b = &c->text;
    b->n = 0;
    if (!cil_body_read(&c->a, (cil_blob){c->out.body.p, (uint32_t)c->out.body.n}, &body, &c->e)) return c->e.text;
    if (body.local_sig) {
        buf_str(b, "locals ");
        put_blob(b, &c->maker, body.local_sig);
        buf_printf(b, "%s\n", body.init_locals ? " init" : "");
    }
    for (uint32_t i = 0; i < body.count; i++) {
        const cil_insn *insn = &body.insns[i];
        const char *name = insn->op == CIL_LDC_I8 && i + 1 < body.count ? callee(insn->i) : NULL;
        if (is_target(&body, i)) buf_printf(b, "%u: ", i);
        if (name && body.insns[i + 1].op == CIL_CALLI) {
            buf_printf(b, "call %s", name);
            i++;
        } else {
            buf_str(b, cil_opinfo_of(insn->op)->name);
            put_operand(b, &c->maker, insn);
        }
        buf_str(b, i + 1 < body.count ? "; " : "\n");
    }
    put_clauses(b, &body);
    return buf_cstr(b);
}

void case_free(case_t *c)
{
    weave_output_free(&c->out);
    buf_free(&c->text);
    arena_free(&c->maker.a);
    arena_free(&c->a);
}
