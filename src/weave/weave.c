#include "weave/weave-priv.h"

#include <stdio.h>

enum { /* II.23.1.10, II.23.1.11 */
       METHOD_ABSTRACT = 0x400,
       METHOD_PINVOKE = 0x2000,
       IMPL_CODE_TYPE = 0x3,
       IMPL_INTERNAL_CALL = 0x1000,
       MOST_STACK = UINT16_MAX,
};

bool weave_fail(weaver *w, err_code code, int64_t at, const char *fmt, ...)
{
    if (w->failed) return false;
    w->failed = true;
    char text[sizeof w->e->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(w->e, code, at, "%s", text);
}

bool weave_room(weaver *w, void **v, uint32_t n, uint32_t *capacity, size_t size)
{
    if (w->failed) return false;
    if (n < *capacity) return true;
    uint32_t more = *capacity ? *capacity * 2 : 16;
    void *grown = more > *capacity ? arena_room(w->scratch, more, size) : NULL;
    if (!grown) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    if (n) memcpy(grown, *v, n * size);
    *v = grown;
    *capacity = more;
    return true;
}

bool weave_same(cil_blob a, cil_blob b)
{
    return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

/* Why there is nothing to weave into. */
static bool refuse_without_body(const weave_subject *s, cil_blob body, err_t *e)
{
    const char *why = NULL;
    if (s->flags & METHOD_ABSTRACT) {
        why = "it is abstract: it has no body";
    } else if (s->flags & METHOD_PINVOKE) {
        why = "it is a P/Invoke: its code is native";
    } else if (s->impl_flags & IMPL_INTERNAL_CALL) {
        why = "the runtime itself implements it (internal call)";
    } else if (s->impl_flags & IMPL_CODE_TYPE) {
        why = "the runtime itself implements it";
    } else if (!body.n) {
        why = "it has no IL body";
    }
    return !why || err_set(e, ERR_REFUSED, s->rid, "%s", why);
}

static bool collect_layers(weaver *w)
{
    w->layers = arena_room(w->scratch, w->in->layer_count, sizeof *w->layers);
    if (!w->layers) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < w->in->layer_count; i++) {
        const weave_layer *l = &w->in->layers[i];
        if (!l->calls.enter && !l->calls.first) continue; /* without a tok nothing else of it can run */
        w->layers[w->layer_count++] = l;
        w->notes |= l->calls.note != 0;
        w->faults |= l->calls.thrown != 0;
        w->async |= l->calls.first != 0;
        w->sites += l->site != 0;
    }
    return true;
}

/* What the parts need to know of the original, in one pass over it. */
static void survey(weaver *w)
{
    const cil_insn *insns = w->from.insns;
    uint32_t *jumps = w->jumps, found = 0, count = w->from.count;
    for (uint32_t i = 0; i < count; i++) {
        cil_operand operand = (cil_operand)cil_opinfo_at(insns[i].op)->operand;
        jumps[found] = i;
        found += operand == CIL_O_BR1 || operand == CIL_O_BR4 || operand == CIL_O_SWITCH;
        w->returns |= insns[i].op == CIL_RET;
        w->has_localloc |= insns[i].op == CIL_LOCALLOC;
    }
    w->jump_count = found;
}

static bool make_locals(weaver *w)
{
    static const uint8_t NATIVE_INT[] = {CIL_E_I}, OBJECT[] = {CIL_E_OBJECT};
    const cil_type *ret = &w->subject.sig.ret;
    if (!weave_locals_begin(w)) return false;
    w->tok = w->from_local_count;
    for (uint32_t i = 0; i < w->layer_count; i++)
        weave_local_new(w, (cil_blob){NATIVE_INT, sizeof NATIVE_INT});
    if (w->notes) w->exception = weave_local_new(w, (cil_blob){OBJECT, sizeof OBJECT});
    if ((ret->element == CIL_E_VOID && !ret->byref) || !w->returns) return !w->failed;
    cil_blob type = ret->bare;
    if (ret->byref) {
        uint8_t *bytes = arena_alloc(w->scratch, type.n + 1u);
        if (!bytes) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
        bytes[0] = CIL_E_BYREF;
        memcpy(bytes + 1, type.p, type.n);
        type = (cil_blob){bytes, type.n + 1u};
    }
    w->result = weave_local_new(w, type);
    return !w->failed;
}

static bool begin_body(weaver *w)
{
    const weave_input *in = w->in;
    if (!weave_subject_read(&w->subject, w->scratch, in->image, in->method_rid, w->e)) return false;
    if (!refuse_without_body(&w->subject, in->body, w->e)) return false;
    if (!cil_body_read(w->scratch, in->body, &w->from, w->e)) return err_prefix(w->e, "body: ");
    if (!w->from.count) return weave_fail(w, ERR_FORMAT, -1, "the body has no instructions");
    w->subject.local_sig = w->from.local_sig;
    w->at = w->own = arena_room(w->scratch, w->from.count + 1u, sizeof *w->at);
    w->jumps = arena_room(w->scratch, w->from.count, sizeof *w->jumps);
    w->ehs = arena_room(w->scratch, w->from.eh_count * 2u + 2u, sizeof *w->ehs); /* plain, woven, and our own */
    bool may_be_twice = w->from.code_size <= in->plain_most;
    w->capacity = (may_be_twice ? 2 : 1) * w->from.count + 48 * in->layer_count + 16;
    w->code = arena_room(w->scratch, w->capacity, sizeof *w->code);
    if (!w->at || !w->jumps || !w->ehs || !w->code) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    survey(w);
    return true;
}

static bool begin(weaver *w)
{
    return begin_body(w) && collect_layers(w) && make_locals(w) && (!w->async || weave_async_begin(w)) &&
           (!w->sites || weave_sites_begin(w));
}

/*
 * init_locals zeroes what localloc gives too, so that the flag stays as it was. Where the original had neither locals
 * nor localloc it meant nothing, and new locals need it not: the JIT zeroes references by itself.
 */
static bool finish_body(weaver *w, cil_body *out, cil_token *header)
{
    cil_token local_sig = weave_locals_end(w, header);
    uint32_t depth = RJ_MAX(w->from.max_stack + w->extra_stack, (uint32_t)WEAVE_OWN_STACK);
    *out = (cil_body){
        .max_stack = (uint16_t)RJ_MIN(depth, (uint32_t)MOST_STACK),
        .init_locals = w->from.init_locals && (w->from.local_sig || w->has_localloc),
        .local_sig = local_sig,
        .insns = w->code,
        .count = w->count,
        .ehs = w->ehs,
        .eh_count = w->eh_count,
    };
    return !w->failed;
}

static bool prove(weaver *w, const cil_body *body)
{
    cil_verify_input v = {
        .image = w->in->image,
        .body = body,
        .method_sig = cil_cell_blob(w->in->image, CIL_METHOD_DEF, w->in->method_rid, CIL_METHOD_DEF_SIG),
        .extras = w->extras,
        .extra_count = w->extra_count,
    };
    err_t why;
    if (cil_verify(w->scratch, &v, &why)) return true;
    if (why.code == ERR_MEMORY) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    return weave_fail(w, ERR_REFUSED, why.at, "the woven body does not verify: %s", why.text);
}

static bool encode(weaver *w, const cil_body *body, weave_output *out)
{
    uint32_t *offsets = arena_room(w->scratch, body->count + 1u, sizeof *offsets);
    if (!offsets) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    if (!cil_body_write(body, &out->body, offsets, w->e)) return false;
    if (out->body.failed || !weave_map(w, offsets, out) || !weave_explain(w, offsets, out))
        return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    out->code_size = offsets[body->count];
    return true;
}

static bool finish(weaver *w, weave_output *out)
{
    cil_body body;
    cil_token header = 0;
    if (!finish_body(w, &body, &header) || !(w->in->unproved || prove(w, &body))) return false;
    body.local_sig = header;
    return encode(w, &body, out);
}

static bool weave(weaver *w, const weave_switch *s, weave_output *out)
{
    if (s) return begin_body(w) && weave_dispatch(w, s) && finish(w, out);
    if (!begin(w)) return false;
    weave_bypass(w);
    weave_enter(w);
    weave_rewrite(w);
    weave_throw(w);
    weave_leave(w);
    weave_transfers(w);
    weave_filters(w);
    return finish(w, out);
}

static bool run(arena *scratch, const weave_input *in, const weave_switch *s, weave_output *out, err_t *e)
{
    err_t own = {0};
    weaver w = {
        .scratch = scratch,
        .in = in,
        .exits = WEAVE_NONE,
        .result = WEAVE_NONE,
        .exception = WEAVE_NONE,
        .frame = WEAVE_NONE,
        .e = &own,
    };
    *out = (weave_output){0};
    if (weave(&w, s, out)) return true;
    weave_output_free(out);
    if (e) *e = own;
    return false;
}

bool weave_method(arena *scratch, const weave_input *in, weave_output *out, err_t *e)
{
    return run(scratch, in, NULL, out, e);
}

bool weave_switched(arena *scratch, const weave_input *in, const weave_switch *s, weave_output *out, err_t *e)
{
    return run(scratch, in, s, out, e);
}

void weave_output_free(weave_output *out)
{
    buf_free(&out->body);
    VEC_FREE(&out->map);
    VEC_FREE(&out->parts);
    VEC_FREE(&out->locals);
    *out = (weave_output){0};
}
