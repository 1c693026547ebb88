#include "weave/weave-priv.h"

/* Its fields are written where it stays: a copy would wait for them. */
static uint32_t put_i(weaver *w, uint16_t op, int64_t i)
{
    if (!weave_has_room(w)) return 0;
    cil_insn *n = &w->code[w->count];
    n->op = op;
    n->offset = CIL_NEW;
    n->i = i;
    return w->count++;
}

uint32_t weave_put(weaver *w, uint16_t op)
{
    return put_i(w, op, 0);
}

uint32_t weave_put_token(weaver *w, uint16_t op, cil_token token)
{
    return put_i(w, op, token);
}

uint32_t weave_put_branch(weaver *w, uint16_t op)
{
    return put_i(w, op, WEAVE_NONE);
}

void weave_sourceless(weaver *w, uint32_t first)
{
    if (!w->failed && first < w->count) w->code[first].offset = WEAVE_SOURCELESS;
}

void weave_aim(weaver *w, uint32_t branch)
{
    if (!w->failed) w->code[branch].target = w->count;
}

/* Variables have forms for 0..3 (none for addresses), for a byte and for two. `zero` of 0: no such forms. */
static uint32_t put_var(weaver *w, uint32_t index, uint16_t zero, uint16_t byte_form, uint16_t word_form)
{
    if (zero && index < 4) return weave_put(w, (uint16_t)(zero + index));
    return put_i(w, index < 256 ? byte_form : word_form, index);
}

uint32_t weave_ldarg(weaver *w, uint32_t index)
{
    return put_var(w, index, CIL_LDARG_0, CIL_LDARG_S, CIL_LDARG);
}

uint32_t weave_ldarga(weaver *w, uint32_t index)
{
    return put_var(w, index, 0, CIL_LDARGA_S, CIL_LDARGA);
}

uint32_t weave_ldloc(weaver *w, uint32_t local)
{
    return put_var(w, local, CIL_LDLOC_0, CIL_LDLOC_S, CIL_LDLOC);
}

uint32_t weave_stloc(weaver *w, uint32_t local)
{
    return put_var(w, local, CIL_STLOC_0, CIL_STLOC_S, CIL_STLOC);
}

uint32_t weave_ldloca(weaver *w, uint32_t local)
{
    return put_var(w, local, 0, CIL_LDLOCA_S, CIL_LDLOCA);
}

uint32_t weave_ldc_i4(weaver *w, int32_t value)
{
    if (value >= 0 && value <= 8) return weave_put(w, (uint16_t)(CIL_LDC_I4_0 + value));
    return put_i(w, value >= INT8_MIN && value <= INT8_MAX ? CIL_LDC_I4_S : CIL_LDC_I4, value);
}

/* As an int64: on the 64-bit machines that this runs on the JIT makes no difference, and a conversion would be one more
 * step. */
uint32_t weave_ldc_address(weaver *w, uint64_t address)
{
    return put_i(w, CIL_LDC_I8, (int64_t)address);
}

uint32_t weave_ldc_i8(weaver *w, int64_t value)
{
    return put_i(w, CIL_LDC_I8, value);
}

uint32_t weave_ldc_r8(weaver *w, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_i(w, CIL_LDC_R8, bits);
}

void weave_call(weaver *w, uint64_t address, weave_sig sig)
{
    if (!w->sigs[sig]) w->sigs[sig] = weave_stand_alone(w, weave_sig_blob(sig));
    weave_ldc_address(w, address);
    weave_put_token(w, CIL_CALLI, w->sigs[sig]);
}

void weave_call_if_live(weaver *w, uint32_t layer, uint64_t address)
{
    if (!address) return;
    weave_owned(w, layer);
    weave_ldloc(w, w->tok + layer);
    uint32_t skip = weave_put_branch(w, CIL_BRFALSE);
    weave_ldloc(w, w->tok + layer);
    weave_call(w, address, WEAVE_SIG_LEAVE);
    weave_aim(w, skip);
    weave_owned(w, WEAVE_SHARED);
}
