#include "weave/weave-priv.h"

/* Written into the chain of exits: EXIT is aimed at when it stands. */
static void rewrite_ret(weaver *w, uint32_t i)
{
    uint32_t first = w->count;
    if (w->result != WEAVE_NONE) weave_stloc(w, w->result);
    uint32_t leave = weave_put_branch(w, CIL_LEAVE);
    if (w->failed) return;
    w->code[leave].target = w->exits;
    w->exits = leave;
    w->code[first].offset = w->from.insns[i].offset;
}

/* Copies instruction i, or the prefixes at i with their instruction; answers the last one consumed. */
static uint32_t rewrite_insn(weaver *w, uint32_t i)
{
    const cil_insn *insn = &w->from.insns[i];
    bool tail = false;
    const uint32_t last = weave_prefixed(w, i, &tail);
    if (tail) {
        weave_tail_call(w, i, last);
        return last;
    }
    switch (insn->op) {
    case CIL_RET: rewrite_ret(w, i); return i;
    case CIL_JMP: weave_jump(w, i); return i;
    case CIL_CALL:
        if (w->async && weave_async_site(w, insn)) return i;
        break;
    default: break;
    }
    weave_put_insn(w, *insn);
    return i;
}

static void retarget_switch(weaver *w, cil_insn *insn)
{
    uint32_t *targets = arena_array(w->scratch, insn->sw.count, sizeof *targets);
    if (!targets) {
        weave_fail(w, ERR_MEMORY, -1, "out of memory");
        return;
    }
    for (uint32_t k = 0; k < insn->sw.count; k++)
        targets[k] = w->at[insn->sw.targets[k]];
    insn->sw.targets = targets;
}

/* Branches of the original were copied with their old targets. An instruction that was replaced is never a branch. */
static void retarget(weaver *w)
{
    for (uint32_t k = 0; k < w->jump_count && !w->failed; k++) {
        uint32_t i = w->jumps[k];
        cil_insn *insn = &w->code[w->own[i]];
        if (insn->op != CIL_SWITCH) {
            insn->target = w->at[w->from.insns[i].target];
        } else if (insn->sw.count) {
            retarget_switch(w, insn);
        }
    }
}

static void rewrite_ehs(weaver *w)
{
    for (uint32_t i = 0; i < w->from.eh_count; i++) {
        cil_eh eh = w->from.ehs[i];
        eh.try_start = w->at[eh.try_start];
        eh.try_end = w->at[eh.try_end];
        eh.handler_start = w->at[eh.handler_start];
        eh.handler_end = w->at[eh.handler_end];
        if (eh.kind == CIL_EH_FILTER) eh.filter_start = w->at[eh.filter_start];
        w->ehs[w->eh_count++] = eh;
    }
}

/* The original as it is. Like the rewritten one it leaves in w->at where its instructions went. */
void weave_plain(weaver *w)
{
    for (uint32_t i = 0; i < w->from.count && !w->failed; i++) {
        w->at[i] = w->own[i] = w->count;
        weave_put_insn(w, w->from.insns[i]);
    }
    if (w->failed) return;
    w->at[w->from.count] = w->count;
    retarget(w);
    rewrite_ehs(w);
}

/* A branch of the original to its first instruction lands behind the prologue: a loop there does not enter again. */
void weave_rewrite(weaver *w)
{
    w->try_start = w->count;
    for (uint32_t i = 0; i < w->from.count && !w->failed; i++) {
        const uint32_t label = w->count;
        if (w->sites) weave_sites(w, i);
        uint32_t start = w->count, last = rewrite_insn(w, i);
        /* A prefix that was dropped leaves its place to its instruction: a line may begin there. */
        if (start < w->count && w->code[start].offset < WEAVE_SOURCELESS)
            w->code[start].offset = w->from.insns[i].offset;
        w->own[i] = start;
        for (w->at[i] = label; i < last;) {
            w->at[++i] = label;
            w->own[i] = start;
        }
    }
    if (w->sites) weave_fail(w, ERR_REFUSED, -1, "the instruction belongs to a tail call: nothing can stand before it");
    if (w->failed) return;
    w->body_end = w->at[w->from.count] = w->count;
    retarget(w);
    rewrite_ehs(w);
}
