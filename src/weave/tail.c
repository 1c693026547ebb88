#include "weave/weave-priv.h"

/*
 * `tail.` calls and `jmp`: the frame is gone once they run, so that the leave must come before. Where the body stands
 * in a protected region they move out of it: values on the stack go to locals, and
 *
 *      original:   a b [constrained.] tail. call M; ret
 *      woven:      stloc y; stloc x; leave L
 *      ...
 *      L:          if (tok) tail(tok)
 *                  ldloc x; ldloc y; [constrained.] tail. call M; ret
 */

static const uint8_t A_BYREF[] = {CIL_E_BYREF, CIL_E_U1}, AN_OBJECT[] = {CIL_E_OBJECT}, A_NATIVE[] = {CIL_E_I};
#define BLOB(bytes) ((cil_blob){bytes, sizeof(bytes)})

enum { SIG_HASTHIS = 0x20, SIG_EXPLICITTHIS = 0x40, METHOD_SPEC_SIG = 0x0A }; /* II.23.2.1, II.23.2.15 */

typedef enum this_kind { THIS_NONE, THIS_OBJECT, THIS_ADDRESS, THIS_UNKNOWN } this_kind;

/* What a call site calls, as far as its arguments go. */
typedef struct callee {
    cil_method_sig sig;
    cil_blob *vars, *mvars;
    uint32_t nvars, nmvars;
    this_kind this_is;
} callee;

uint32_t weave_prefixed(const weaver *w, uint32_t i, bool *tail)
{
    for (; i < w->from.count - 1 && cil_opinfo_of(w->from.insns[i].op)->flow == CIL_F_PREFIX; i++)
        if (w->from.insns[i].op == CIL_TAIL) *tail = true;
    return i;
}

static bool in_protected_region(const cil_body *b, uint32_t i)
{
    for (uint32_t k = 0; k < b->eh_count; k++) {
        const cil_eh *eh = &b->ehs[k];
        uint32_t handler = eh->kind == CIL_EH_FILTER ? eh->filter_start : eh->handler_start;
        if ((i >= eh->try_start && i < eh->try_end) || (i >= handler && i < eh->handler_end)) return true;
    }
    return false;
}

/* Where the runtime takes the prefix for a real one: anywhere else it is a call like others. */
static bool is_real(const weaver *w, uint32_t last)
{
    uint16_t op = w->from.insns[last].op;
    return (op == CIL_CALL || op == CIL_CALLVIRT || op == CIL_CALLI) && last + 1 < w->from.count &&
           w->from.insns[last + 1].op == CIL_RET && !in_protected_region(&w->from, last);
}

static void copy_range(weaver *w, uint32_t first, uint32_t last, bool with_tail)
{
    for (uint32_t i = first; i <= last; i++)
        if (with_tail || w->from.insns[i].op != CIL_TAIL) weave_put_insn(w, w->from.insns[i]);
}

/* ---- the callee -------------------------------------------------------------------------------------------- */

static bool read_arguments(weaver *w, cil_blob b, uint32_t count, cil_blob **out, uint32_t *n)
{
    if (count > b.n) return false;
    *out = arena_array(w->scratch, count, sizeof **out);
    if (!*out) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        cil_type t;
        uint32_t used = cil_type_read(b, &t);
        if (!used) return false;
        (*out)[i] = t.whole;
        b = (cil_blob){b.p + used, b.n - used};
    }
    *n = count;
    return true;
}

/* A TypeRef does not tell classes from value types. */
static bool read_owner(weaver *w, cil_token owner, callee *c)
{
    cil_type t;
    switch (CIL_TABLE(owner)) {
    case CIL_TYPE_DEF:
        c->this_is = weave_is_value_type(w->in->image, CIL_RID(owner)) ? THIS_ADDRESS : THIS_OBJECT;
        return true;
    case CIL_TYPE_SPEC:
        if (!cil_type_read(cil_cell_blob(w->in->image, CIL_TYPE_SPEC, CIL_RID(owner), CIL_TYPE_SPEC_SIG), &t))
            return false;
        c->this_is = THIS_OBJECT;
        if (t.element == CIL_E_VALUETYPE) c->this_is = THIS_ADDRESS;
        if (t.element == CIL_E_VAR || t.element == CIL_E_MVAR) c->this_is = THIS_UNKNOWN;
        if (t.element != CIL_E_GENERICINST) return true;
        if (t.generic_is_value) c->this_is = THIS_ADDRESS;
        return read_arguments(w, t.args, t.number, &c->vars, &c->nvars);
    default: c->this_is = THIS_UNKNOWN; return true;
    }
}

static bool read_method_spec(weaver *w, cil_token *method, callee *c)
{
    uint32_t rid = CIL_RID(*method), count;
    cil_blob b = cil_cell_blob(w->in->image, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_INSTANTIATION);
    *method = cil_cell_token(w->in->image, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_METHOD);
    if (!b.n || b.p[0] != METHOD_SPEC_SIG) return false;
    b = (cil_blob){b.p + 1, b.n - 1};
    uint32_t used = cil_read_compressed(b, &count);
    return used && read_arguments(w, (cil_blob){b.p + used, b.n - used}, count, &c->mvars, &c->nmvars);
}

static bool read_callee(weaver *w, const cil_insn *call, callee *c)
{
    const cil_image *im = w->in->image;
    cil_token method = call->token;
    cil_blob sig = {0};
    if (CIL_TABLE(method) == CIL_METHOD_SPEC && !read_method_spec(w, &method, c)) return false;
    uint32_t rid = CIL_RID(method);
    switch (CIL_TABLE(method)) {
    case CIL_METHOD_DEF:
        sig = cil_cell_blob(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG);
        if (!read_owner(w, CIL_TOKEN(CIL_TYPE_DEF, cil_method_owner(im, rid)), c)) return false;
        break;
    case CIL_MEMBER_REF:
        sig = cil_cell_blob(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_SIG);
        if (!read_owner(w, cil_cell_token(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_CLASS), c)) return false;
        break;
    case CIL_STAND_ALONE_SIG:
        sig = cil_cell_blob(im, CIL_STAND_ALONE_SIG, rid, CIL_STAND_ALONE_SIG_SIG);
        c->this_is = THIS_UNKNOWN;
        break;
    default: return false;
    }
    if (!cil_method_sig_read(w->scratch, sig, &c->sig, NULL)) return false;
    if (!(c->sig.convention & SIG_HASTHIS) || (c->sig.convention & SIG_EXPLICITTHIS)) c->this_is = THIS_NONE;
    return true;
}

/* ---- spilling ---------------------------------------------------------------------------------------------- */

/* The type of the local for one argument: exact for values only, because the JIT looks no closer at references and
 * addresses. */
static bool spill_type(weaver *w, const callee *c, const cil_type *t, cil_blob *out)
{
    switch (t->byref ? CIL_E_BYREF : t->element) {
    case CIL_E_BYREF: *out = BLOB(A_BYREF); return true;
    case CIL_E_PTR:
    case CIL_E_FNPTR: *out = BLOB(A_NATIVE); return true;
    case CIL_E_STRING:
    case CIL_E_CLASS:
    case CIL_E_OBJECT:
    case CIL_E_SZARRAY:
    case CIL_E_ARRAY: *out = BLOB(AN_OBJECT); return true;
    default: break;
    }
    if (t->element == CIL_E_GENERICINST && !t->generic_is_value) {
        *out = BLOB(AN_OBJECT);
        return true;
    }
    *out = t->bare;
    if (!c->nvars && !c->nmvars) return true;
    buf_t b = {0};
    cil_type exact;
    bool ok = cil_type_substitute(t->bare, c->vars, c->nvars, c->mvars, c->nmvars, &b) && !b.failed;
    if (ok) *out = (cil_blob){arena_copy(w->scratch, b.p, b.n), (uint32_t)b.n};
    buf_free(&b);
    if (!ok || !out->p || !cil_type_read(*out, &exact)) return false;
    return exact.element == t->element || spill_type(w, &(callee){0}, &exact, out);
}

static bool spill_types(weaver *w, const callee *c, uint16_t op, cil_blob *types, uint32_t *n)
{
    if (c->this_is == THIS_ADDRESS) types[(*n)++] = BLOB(A_BYREF);
    if (c->this_is == THIS_OBJECT) types[(*n)++] = BLOB(AN_OBJECT);
    for (uint32_t i = 0; i < c->sig.param_count; i++)
        if (!spill_type(w, c, &c->sig.params[i], &types[(*n)++])) return false;
    if (op == CIL_CALLI) types[(*n)++] = BLOB(A_NATIVE);
    return true;
}

static bool is_constrained(const weaver *w, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++)
        if (w->from.insns[i].op == CIL_CONSTRAINED) return true;
    return false;
}

/* False where the values on the stack cannot be typed: the call then stays where it is, without its prefix. */
static bool plan_spill(weaver *w, uint32_t first, uint32_t last, weave_transfer *t)
{
    const cil_insn *call = &w->from.insns[last];
    callee c = {0};
    if (!read_callee(w, call, &c)) return false;
    if (c.this_is != THIS_NONE && is_constrained(w, first, last)) {
        c.this_is = THIS_ADDRESS;
    } else if (c.this_is == THIS_UNKNOWN && call->op == CIL_CALLVIRT) {
        c.this_is = THIS_OBJECT;
    }
    if (c.this_is == THIS_UNKNOWN) return false;
    cil_blob *types = arena_array(w->scratch, c.sig.param_count + 2u, sizeof *types);
    t->locals = arena_array(w->scratch, c.sig.param_count + 2u, sizeof *t->locals);
    if (!types || !t->locals) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    if (!spill_types(w, &c, call->op, types, &t->spilled)) return false;
    for (uint32_t i = 0; i < t->spilled; i++)
        t->locals[i] = weave_local_borrow(w, types[i]);
    weave_locals_release(w);
    return true;
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

static void tell_layers(weaver *w)
{
    for (uint32_t i = w->layer_count; i-- > 0;)
        weave_call_if_live(w, i, w->layers[i]->calls.tail);
}

static void move_out(weaver *w, weave_transfer *t)
{
    uint32_t start = w->count;
    for (uint32_t i = t->spilled; i-- > 0;)
        weave_stloc(w, t->locals[i]);
    t->leave = weave_put_branch(w, CIL_LEAVE);
    if (!w->failed) w->code[start].offset = w->from.insns[t->first].offset;
    t->next = w->transfers;
    w->transfers = t;
}

static weave_transfer *new_transfer(weaver *w, uint32_t first, uint32_t last)
{
    weave_transfer *t = arena_alloc(w->scratch, sizeof *t);
    if (!t) {
        weave_fail(w, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    t->first = first;
    t->last = last;
    return t;
}

void weave_tail_call(weaver *w, uint32_t first, uint32_t last)
{
    if (!is_real(w, last)) {
        copy_range(w, first, last, false);
    } else if (!w->notes && !w->faults) {
        uint32_t start = w->count;
        tell_layers(w); /* on top of the arguments */
        w->extra_stack = RJ_MAX(w->extra_stack, 2u);
        copy_range(w, first, last + 1, true); /* the ret as well: it must follow at once */
        if (!w->failed) w->code[start].offset = w->from.insns[first].offset;
    } else if (w->in->unproved) {
        weave_fail(w, ERR_REFUSED, w->from.insns[first].offset,
                   "it makes a tail call, whose arguments only the runtime knows");
    } else {
        weave_transfer *t = new_transfer(w, first, last);
        if (t && plan_spill(w, first, last, t)) {
            move_out(w, t);
        } else {
            copy_range(w, first, last, false);
        }
    }
}

void weave_jump(weaver *w, uint32_t i)
{
    if (w->notes || w->faults) {
        weave_transfer *t = new_transfer(w, i, i);
        if (t) move_out(w, t);
        return;
    }
    uint32_t start = w->count;
    tell_layers(w);
    weave_put_insn(w, w->from.insns[i]);
    if (!w->failed) w->code[start].offset = w->from.insns[i].offset;
}

void weave_transfers(weaver *w)
{
    for (const weave_transfer *t = w->transfers; t && !w->failed; t = t->next) {
        uint32_t start = w->count;
        weave_aim(w, t->leave);
        tell_layers(w);
        for (uint32_t i = 0; i < t->spilled; i++)
            weave_ldloc(w, t->locals[i]);
        copy_range(w, t->first, t->last + (w->from.insns[t->last].op == CIL_JMP ? 0 : 1), true);
        if (!w->failed) w->code[start].offset = w->from.insns[t->first].offset;
    }
}
