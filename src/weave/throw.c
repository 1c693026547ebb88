#include "weave/weave-priv.h"

/*
 * Answers 0 to every exception, so that no catch is found here and results stay as they were. It runs in the first
 * pass: the frames that threw are still there. The handler that belongs to it is never entered, and from it no way
 * leads to EXIT: the result stays out of what must survive a handler.
 */
static void put_filter(weaver *w)
{
    cil_eh eh = {.kind = CIL_EH_FILTER, .try_start = w->try_start, .try_end = w->body_end, .filter_start = w->count};
    weave_stloc(w, w->exception);
    for (uint32_t i = w->layer_count; i-- > 0;) {
        uint64_t note = w->layers[i]->calls.note;
        if (!note) continue;
        weave_owned(w, i);
        weave_ldloc(w, w->tok + i);
        uint32_t skip = weave_put_branch(w, CIL_BRFALSE);
        weave_ldloc(w, w->tok + i);
        weave_ldloc(w, w->exception);
        weave_call(w, note, WEAVE_SIG_NOTE);
        weave_aim(w, skip);
        weave_owned(w, WEAVE_SHARED);
    }
    weave_ldc_i4(w, 0);
    weave_put(w, CIL_ENDFILTER);
    eh.handler_start = w->count;
    weave_put(w, CIL_POP);
    weave_put(w, CIL_RETHROW);
    eh.handler_end = w->count;
    w->ehs[w->eh_count++] = eh;
}

static void put_fault(weaver *w)
{
    cil_eh eh = {.kind = CIL_EH_FAULT, .try_start = w->try_start, .try_end = w->count, .handler_start = w->count};
    for (uint32_t i = w->layer_count; i-- > 0;)
        weave_call_if_live(w, i, w->layers[i]->calls.thrown);
    weave_put(w, CIL_ENDFINALLY);
    eh.handler_end = w->count;
    w->ehs[w->eh_count++] = eh;
}

void weave_throw(weaver *w)
{
    uint32_t first = w->count;
    if (w->notes) put_filter(w);
    if (w->faults) put_fault(w);
    weave_sourceless(w, first);
}
