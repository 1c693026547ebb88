#include "weave/weave-priv.h"

void weave_enter_layer(weaver *w, uint32_t i)
{
    const weave_layer *l = w->layers[i];
    uint32_t closed = WEAVE_NONE, fails = WEAVE_NONE;
    if (l->gate) {
        weave_ldc_address(w, l->gate);
        weave_put(w, CIL_LDIND_U1);
        closed = weave_put_branch(w, CIL_BRFALSE);
    }
    if (l->test_count) {
        weave_tests(w, l);
        fails = weave_put_branch(w, CIL_BRFALSE);
    }
    weave_ldc_address(w, l->probe);
    weave_call(w, l->calls.enter, WEAVE_SIG_ENTER);
    weave_stloc(w, w->tok + i);
    uint32_t before = w->count;
    weave_ldloc(w, w->tok + i);
    uint32_t dead = weave_put_branch(w, CIL_BRFALSE);
    uint32_t stores = w->count;
    weave_values(w, i, false);
    if (l->site) weave_values(w, i, true); /* by then an `out` parameter may have its value */
    if (l->calls.holder) {
        weave_ldloc(w, w->tok + i);
        weave_ldarga(w, 0);
        weave_call(w, l->calls.holder, WEAVE_SIG_SUSPENDED);
    }
    if (l->calls.ready) {
        weave_ldloc(w, w->tok + i);
        weave_call(w, l->calls.ready, WEAVE_SIG_ENTER);
        weave_stloc(w, w->tok + i);
    }
    if (w->count == stores) {
        w->count = before; /* nothing depends on the answer */
    } else {
        weave_aim(w, dead);
    }
    if (fails != WEAVE_NONE) weave_aim(w, fails);
    if (closed != WEAVE_NONE) weave_aim(w, closed);
}

/* Is a second copy of the body worth its code? Without a protected region closed gates cost next to nothing anyway. */
static bool wants_bypass(const weaver *w)
{
    if (w->from.code_size > w->in->plain_most || !(w->notes || w->faults) || w->sites) return false;
    for (uint32_t i = 0; i < w->layer_count; i++)
        if (!w->layers[i]->gate) return false;
    return true;
}

/*
 * While every gate is closed a call runs the original as it was: no tok on the stack, no result to keep for later.
 *
 *      if (*gate_0 || *gate_1 ...) goto OPEN;  original;  OPEN: ...
 */
void weave_bypass(weaver *w)
{
    if (!wants_bypass(w)) return;
    uint32_t *open = arena_array(w->scratch, w->layer_count, sizeof *open);
    if (!open) {
        weave_fail(w, ERR_MEMORY, -1, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < w->layer_count; i++) {
        weave_owned(w, i);
        weave_ldc_address(w, w->layers[i]->gate);
        weave_put(w, CIL_LDIND_U1);
        open[i] = weave_put_branch(w, CIL_BRTRUE);
    }
    weave_owned(w, WEAVE_SHARED);
    weave_plain(w);
    for (uint32_t i = 0; i < w->layer_count; i++)
        weave_aim(w, open[i]);
}

/*
 * The toks are zeroed here and not by init_locals: that flag belongs to the original. All of them before the first
 * gate, and all before the protected region, so that whatever runs in it knows which layers are live.
 */
void weave_enter(weaver *w)
{
    uint32_t first = w->count;
    for (uint32_t i = 0; i < w->layer_count; i++) {
        if (w->layers[i]->site) continue;
        weave_owned(w, i);
        weave_ldc_i4(w, 0); /* widened by the store */
        weave_stloc(w, w->tok + i);
    }
    for (uint32_t i = 0; i < w->layer_count && !w->failed; i++) {
        if (w->layers[i]->site) continue;
        weave_owned(w, i);
        if (w->layers[i]->calls.first)
            weave_async_enter(w, i);
        else
            weave_enter_layer(w, i);
    }
    weave_owned(w, WEAVE_SHARED);
    if (first) weave_sourceless(w, first); /* behind a plain copy; else it is the prologue */
}
