/* Calls, constructions and fields: what the signature behind a token takes and gives. */
#include <stdio.h>

#include "cil/verify-priv.h"

/* The signature blob of a method or field token, and the token of the type that owns it (0: a type of the image's own
 * table). */
static cil_blob member_sig(const verifier *v, cil_token token)
{
    const cil_image *im = v->im;
    cil_blob made = {0};
    if (CIL_TABLE(token) == CIL_METHOD_SPEC || CIL_TABLE(token) == CIL_MEMBER_REF) made = cil_verify_extra(v, token);
    if (made.n) return made;
    if (CIL_TABLE(token) == CIL_METHOD_SPEC)
        token = cil_cell_token(im, CIL_METHOD_SPEC, CIL_RID(token), CIL_METHOD_SPEC_METHOD);
    switch (CIL_TABLE(token)) {
    case CIL_METHOD_DEF: return cil_cell_blob(im, CIL_METHOD_DEF, CIL_RID(token), CIL_METHOD_DEF_SIG);
    case CIL_MEMBER_REF: return cil_cell_blob(im, CIL_MEMBER_REF, CIL_RID(token), CIL_MEMBER_REF_SIG);
    case CIL_FIELD: return cil_cell_blob(im, CIL_FIELD, CIL_RID(token), CIL_FIELD_SIG);
    default: return (cil_blob){0};
    }
}

/* DEFAULT, the unmanaged ones, VARARG; not FIELD, LOCAL, PROPERTY (II.23.2.3). */
static bool is_method_sig(cil_blob sig)
{
    unsigned convention = sig.n >= 3 ? sig.p[0] & 0xFu : 0x6;
    return convention <= 0x5 || convention == 0x9;
}

bool cil_verify_is_method(const verifier *v, cil_token token)
{
    cil_blob sig = member_sig(v, token);
    return CIL_TABLE(token) != CIL_FIELD && is_method_sig(sig);
}

enum { A_THIS = KIND_O | KIND_B | KIND_L };

typedef struct call_sig {
    uint8_t convention;
    uint32_t count;
    cil_blob types; /* the return type, then the parameters */
} call_sig;

static bool read_call_sig(cil_blob sig, call_sig *s)
{
    uint32_t ignored, n;
    if (!is_method_sig(sig)) return false;
    s->convention = sig.p[0];
    sig = (cil_blob){sig.p + 1, sig.n - 1};
    if (s->convention & 0x10) {
        n = cil_read_compressed(sig, &ignored);
        if (n == 0) return false;
        sig = (cil_blob){sig.p + n, sig.n - n};
    }
    n = cil_read_compressed(sig, &s->count);
    if (n == 0 || s->count > sig.n - n) return false;
    s->types = (cil_blob){sig.p + n, sig.n - n};
    return true;
}

static bool malformed(verifier *v)
{
    return cil_verify_fail(v, "the signature of the method called is malformed");
}

static RJ_COLD bool wrong_argument(verifier *v, uint32_t n, kinds have, kinds want)
{
    char before[32];
    snprintf(before, sizeof before, "argument %u is ", n);
    return cil_verify_mismatch(v, before, have, ", the method called takes ", want, "");
}

static kinds take_parameter(verifier *v, cil_blob *rest, bool *ok)
{
    if (rest->n && rest->p[0] == CIL_E_SENTINEL) *rest = (cil_blob){rest->p + 1, rest->n - 1};
    return cil_verify_take_type(v, rest, ok);
}

/* Compares what lies on top of the stack with the parameters, first to last; `rest` stands at the first. */
static bool check_arguments(verifier *v, uint32_t count, cil_blob rest)
{
    bool ok = true;
    const kinds *at = v->stack + v->depth - count;
    for (uint32_t i = 0; i < count; i++) {
        kinds want = take_parameter(v, &rest, &ok);
        if (!ok) return malformed(v);
        if (!cil_verify_fits(at[i], want)) return wrong_argument(v, i, at[i], want);
    }
    return true;
}

/* The type whose constructor newobj calls, as a value on the stack. */
static kinds constructed_kind(verifier *v, cil_token method)
{
    cil_token owner = CIL_TOKEN(CIL_TYPE_DEF, cil_method_owner(v->im, CIL_RID(method)));
    if (CIL_TABLE(method) == CIL_MEMBER_REF)
        owner = cil_cell_token(v->im, CIL_MEMBER_REF, CIL_RID(method), CIL_MEMBER_REF_CLASS);
    kinds k = cil_verify_type_token(v, owner);
    return k ? k : ANY_TYPE;
}

static bool read_call(const verifier *v, const cil_insn *i, call_sig *s, bool *has_this)
{
    cil_blob blob = i->op == CIL_CALLI ? cil_verify_sig(v, i->token) : member_sig(v, i->token);
    if (!read_call_sig(blob, s)) return false;
    *has_this = i->op != CIL_NEWOBJ && (s->convention & 0x60) == 0x20;
    return true;
}

/* Reads what a call takes and gives into c. False where it is malformed or takes too much. */
static bool learn(verifier *v, const cil_insn *i, call_cache *c)
{
    call_sig s;
    bool has_this, ok = true;
    uint32_t n = 0;
    c->token = 0;
    if (!read_call(v, i, &s, &has_this) || s.count > CALL_POPS - 2) return false;
    c->out = cil_verify_take_type(v, &s.types, &ok);
    if (i->op == CIL_NEWOBJ) c->out = constructed_kind(v, i->token);
    if (has_this) c->in[n++] = A_THIS;
    for (uint32_t k = 0; ok && k < s.count; k++)
        c->in[n++] = cil_verify_taken(take_parameter(v, &s.types, &ok));
    if (!ok) return false;
    if (i->op == CIL_CALLI) c->in[n++] = KIND_L;
    c->pops = (uint8_t)n;
    c->op = (uint8_t)i->op;
    c->token = i->token;
    return true;
}

/* Is the stack as the call wants it? Then the call is made. */
static bool make_call(verifier *v, const call_cache *c)
{
    if (v->depth < c->pops) return false;
    uint32_t depth = v->depth - c->pops, after = depth + (c->out != 0);
    bool ok = after <= v->limit;
    for (uint32_t n = 0; n < c->pops; n++)
        ok &= (v->stack[depth + n] & c->in[n]) != 0;
    if (!ok) return false;
    v->stack[depth] = c->out;
    v->depth = after;
    v->deepest = RJ_MAX(v->deepest, after);
    return true;
}

/* One step after the other: calls that take much, and those that are wrong, of which it says why. */
static bool call_in_steps(verifier *v, const cil_insn *i)
{
    call_sig s;
    bool ok = true, has_this;
    if (!read_call(v, i, &s, &has_this)) return cil_verify_fail(v, "token %08x has no signature of a method", i->token);
    if (i->op == CIL_CALLI && !cil_verify_pop(v, KIND_L, "an address", NULL)) return false;
    kinds out = cil_verify_take_type(v, &s.types, &ok);
    if (!ok) return malformed(v);
    if (v->depth < s.count + has_this)
        return cil_verify_fail(v, "needs %u arguments, the stack holds %u values", s.count + has_this, v->depth);
    if (!check_arguments(v, s.count, s.types)) return false;
    v->depth -= s.count;
    if (has_this && !cil_verify_pop(v, A_THIS, "an object or its address", NULL)) return false;
    if (i->op == CIL_NEWOBJ) out = constructed_kind(v, i->token);
    return !out || cil_verify_push(v, out);
}

bool cil_verify_call(verifier *v, const cil_insn *i)
{
    call_cache *c = &v->calls[(i->token ^ i->token >> 24) % CALL_CACHE];
    bool known = (c->token == i->token && c->op == (uint8_t)i->op) || learn(v, i, c);
    return (known && make_call(v, c)) || call_in_steps(v, i);
}

bool cil_verify_field(verifier *v, const cil_insn *i)
{
    cil_blob sig = CIL_TABLE(i->token) == CIL_METHOD_SPEC ? (cil_blob){0} : member_sig(v, i->token);
    if (sig.n < 2 || sig.p[0] != 0x06) return cil_verify_fail(v, "token %08x is no field", i->token);
    bool ok = true, is_static = i->op == CIL_LDSFLD || i->op == CIL_LDSFLDA || i->op == CIL_STSFLD;
    if (is_static && CIL_TABLE(i->token) == CIL_FIELD &&
        !(cil_cell(v->im, CIL_FIELD, CIL_RID(i->token), CIL_FIELD_FLAGS) & 0x10))
        return cil_verify_fail(v, "the field is not static");
    sig = (cil_blob){sig.p + 1, sig.n - 1};
    kinds k = cil_verify_take_type(v, &sig, &ok);
    if (!ok || k == 0) return cil_verify_fail(v, "the field's signature is malformed");
    bool stores = i->op == CIL_STFLD || i->op == CIL_STSFLD, address = i->op == CIL_LDFLDA || i->op == CIL_LDSFLDA;
    kinds value = 0;
    if (stores && !cil_verify_pop(v, ANY_KIND, "a value", &value)) return false;
    if (stores && !cil_verify_fits(value, k))
        return cil_verify_mismatch(v, "stores ", value, " where ", k, " is declared");
    /* Only ldfld takes a struct by value. */
    kinds objects = A_THIS | (i->op == CIL_LDFLD ? KIND_V : 0);
    if (!is_static && !cil_verify_pop(v, objects, "an object or its address", NULL)) return false;
    return stores || cil_verify_push(v, address ? KIND_B : k);
}
