#include "weave/weave-priv.h"

/* II.23.2.1: convention, number of parameters, return type, parameters. */
static const uint8_t ENTER[] = {0x00, 1, CIL_E_I, CIL_E_I};
static const uint8_t LEAVE[] = {0x00, 1, CIL_E_VOID, CIL_E_I};
static const uint8_t NOTE[] = {0x00, 2, CIL_E_VOID, CIL_E_I, CIL_E_OBJECT};
static const uint8_t OBJECT[] = {0x00, 3, CIL_E_VOID, CIL_E_I, CIL_E_I4, CIL_E_OBJECT};
static const uint8_t TYPED[] = {0x00, 3, CIL_E_VOID, CIL_E_I, CIL_E_I4, CIL_E_TYPEDBYREF};
static const uint8_t SPAN[] = {0x00, 4, CIL_E_VOID, CIL_E_I, CIL_E_I4, CIL_E_TYPEDBYREF, CIL_E_I4};
static const uint8_t SUSPENDED[] = {0x00, 2, CIL_E_VOID, CIL_E_I, CIL_E_BYREF, CIL_E_U1};
static const uint8_t COMPLETING[] = {0x00, 3, CIL_E_I, CIL_E_I, CIL_E_I, CIL_E_BYREF, CIL_E_U1};

cil_blob weave_sig_blob(weave_sig sig)
{
    switch (sig) {
    case WEAVE_SIG_ENTER: return (cil_blob){ENTER, sizeof ENTER};
    case WEAVE_SIG_LEAVE: return (cil_blob){LEAVE, sizeof LEAVE};
    case WEAVE_SIG_NOTE: return (cil_blob){NOTE, sizeof NOTE};
    case WEAVE_SIG_OBJECT: return (cil_blob){OBJECT, sizeof OBJECT};
    case WEAVE_SIG_TYPED: return (cil_blob){TYPED, sizeof TYPED};
    case WEAVE_SIG_SPAN: return (cil_blob){SPAN, sizeof SPAN};
    case WEAVE_SIG_SUSPENDED: return (cil_blob){SUSPENDED, sizeof SUSPENDED};
    case WEAVE_SIG_COMPLETING: return (cil_blob){COMPLETING, sizeof COMPLETING};
    case WEAVE_SIGS: break;
    }
    return (cil_blob){0};
}

/* The verifier reads the image as it was: what was asked for in this weave is handed to it beside. */
cil_token weave_remember(weaver *w, cil_token token, cil_blob sig)
{
    if (!token) {
        if (w->e->code == ERR_NONE) return weave_fail(w, ERR_RUNTIME, -1, "no token could be made for a signature");
        w->failed = true;
        return 0;
    }
    if (!weave_room(w, (void **)&w->extras, w->extra_count, &w->extra_capacity, sizeof *w->extras)) return 0;
    uint8_t *copy = arena_copy(w->scratch, sig.p, sig.n);
    if (!copy) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    w->extras[w->extra_count++] = (cil_extra){token, {copy, sig.n}};
    return token;
}

cil_token weave_stand_alone(weaver *w, cil_blob sig)
{
    if (w->failed) return 0;
    return weave_remember(w, w->in->tokens.stand_alone_sig(w->in->tokens.owner, sig, w->e), sig);
}

cil_token weave_type_token(weaver *w, cil_blob type)
{
    cil_type t;
    if (w->failed) return 0;
    if (cil_type_read(type, &t) != type.n || !type.n)
        return weave_fail(w, ERR_FORMAT, -1, "malformed type in a signature");
    if (t.element == CIL_E_VALUETYPE || t.element == CIL_E_CLASS) return t.token;
    for (uint32_t i = 0; i < w->extra_count; i++)
        if (CIL_TABLE(w->extras[i].token) == CIL_TYPE_SPEC && weave_same(w->extras[i].sig, type))
            return w->extras[i].token;
    return weave_remember(w, w->in->tokens.type_spec(w->in->tokens.owner, type, w->e), type);
}
