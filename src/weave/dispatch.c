#include "weave/weave-priv.h"

enum { SIG_KIND = 0x0F, SIG_VARARG = 0x05, SIG_GENERIC = 0x10 }; /* II.23.2.1 */

static bool can_pass_on(weaver *w)
{
    const weave_subject *s = &w->subject;
    cil_range generic = cil_generic_params(s->image, CIL_TOKEN(CIL_TYPE_DEF, s->owner));
    if (s->sig.convention & SIG_GENERIC || generic.end > generic.first)
        return weave_fail(w, ERR_REFUSED, s->rid, "a call of generic code cannot be passed on");
    if ((s->sig.convention & SIG_KIND) == SIG_VARARG)
        return weave_fail(w, ERR_REFUSED, s->rid, "a call with variable arguments cannot be passed on");
    return true;
}

bool weave_dispatch(weaver *w, const weave_switch *s)
{
    if (!can_pass_on(w)) return false;
    cil_blob sig = cil_cell_blob(w->in->image, CIL_METHOD_DEF, w->in->method_rid, CIL_METHOD_DEF_SIG);
    uint32_t count = w->subject.sig.param_count + w->subject.has_this;
    cil_token token = weave_stand_alone(w, sig);
    w->extra_stack = count + 1;
    weave_ldc_address(w, s->on);
    weave_put(w, CIL_LDIND_U1);
    uint32_t off = weave_put_branch(w, CIL_BRFALSE);
    for (uint32_t i = 0; i < count; i++)
        weave_ldarg(w, i);
    weave_ldc_address(w, s->target);
    weave_put_token(w, CIL_CALLI, token);
    weave_put(w, CIL_RET);
    weave_aim(w, off);
    weave_plain(w);
    return !w->failed;
}
