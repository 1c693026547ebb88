/* Layers that stand before one instruction. */
#include "weave/weave-priv.h"

static uint32_t index_at(const weaver *w, uint32_t offset)
{
    uint32_t low = 0, high = w->from.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (w->from.insns[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->from.count && w->from.insns[low].offset == offset ? low : WEAVE_NONE;
}

/* What must stay together: a prefix and its instruction, what makes a delegate (III.4.21). */
static bool is_bound(const weaver *w, uint32_t i)
{
    const cil_insn *before = i ? &w->from.insns[i - 1] : NULL;
    if (!before) return false;
    if (cil_opinfo_of(before->op)->flow == CIL_F_PREFIX || before->op == CIL_LDFTN || before->op == CIL_LDVIRTFTN)
        return true;
    return before->op == CIL_DUP && w->from.insns[i].op == CIL_LDVIRTFTN;
}

bool weave_sites_begin(weaver *w)
{
    for (uint32_t i = 0; i < w->layer_count; i++) {
        if (!w->layers[i]->site) continue;
        const uint32_t offset = w->layers[i]->site - 1, at = index_at(w, offset);
        if (at == WEAVE_NONE) return weave_fail(w, ERR_REFUSED, offset, "no instruction begins at IL_%04x", offset);
        if (is_bound(w, at))
            return weave_fail(w, ERR_REFUSED, offset,
                              "the instruction at IL_%04x belongs to the one before it: nothing can stand between them",
                              offset);
    }
    w->own = arena_room(w->scratch, w->from.count + 1u, sizeof *w->own);
    if (!w->own) return weave_fail(w, ERR_MEMORY, -1, "out of memory");
    w->extra_stack += WEAVE_OWN_STACK; /* there may be something on the stack */
    return true;
}

void weave_sites(weaver *w, uint32_t i)
{
    const uint32_t first = w->count;
    for (uint32_t k = 0; k < w->layer_count && !w->failed; k++) {
        if (w->layers[k]->site != w->from.insns[i].offset + 1) continue;
        weave_owned(w, k);
        weave_enter_layer(w, k);
        w->sites--;
    }
    if (w->count == first) return;
    weave_owned(w, WEAVE_SHARED);
    if (i) weave_sourceless(w, first); /* else it is the prologue's */
}
