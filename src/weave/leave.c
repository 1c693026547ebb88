#include "weave/weave-priv.h"

static void leave_layer(weaver *w, uint32_t i)
{
    const weave_layer *l = w->layers[i];
    if (!l->calls.leave) return; /* nobody would complete what is stored here */
    weave_owned(w, i);
    weave_ldloc(w, w->tok + i);
    uint32_t skip = weave_put_branch(w, CIL_BRFALSE);
    weave_values(w, i, true);
    weave_ldloc(w, w->tok + i);
    weave_call(w, l->calls.leave, WEAVE_SIG_LEAVE);
    weave_aim(w, skip);
    weave_owned(w, WEAVE_SHARED);
}

void weave_leave(weaver *w)
{
    if (w->failed || w->exits == WEAVE_NONE) return;
    uint32_t first = w->count;
    for (uint32_t leave = w->exits, next; leave != WEAVE_NONE; leave = next) {
        next = w->code[leave].target;
        weave_aim(w, leave);
    }
    for (uint32_t i = w->layer_count; i-- > 0;)
        leave_layer(w, i);
    if (w->result != WEAVE_NONE) weave_ldloc(w, w->result);
    weave_put(w, CIL_RET);
    weave_sourceless(w, first);
}
