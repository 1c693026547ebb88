#include "weave/weave-priv.h"

/* Where what stood at an old index begins now, and where what ended there ends: a filter may lie between the two. */
typedef struct moved {
    uint32_t *starts, *ends;
} moved;

static const cil_eh *caught_at(const weaver *w, uint32_t at)
{
    for (uint32_t i = 0; i < w->eh_count; i++)
        if (w->ehs[i].kind == CIL_EH_CATCH && w->ehs[i].handler_start == at) return &w->ehs[i];
    return NULL;
}

/* The exception lies on the stack: is it one of these? */
static void put_filter(weaver *w, cil_token type)
{
    weave_put_token(w, CIL_ISINST, type);
    weave_put(w, CIL_LDNULL);
    weave_put(w, CIL_CGT_UN);
    weave_put(w, CIL_ENDFILTER);
}

static void move_targets(weaver *w, const moved *m)
{
    for (uint32_t i = 0; i < w->count; i++) {
        cil_insn *insn = &w->code[i];
        const uint8_t operand = cil_opinfo_at(insn->op)->operand;
        if (operand == CIL_O_BR1 || operand == CIL_O_BR4) insn->target = m->starts[insn->target];
        if (operand != CIL_O_SWITCH || !insn->sw.count) continue;
        uint32_t *targets = arena_array(w->scratch, insn->sw.count, sizeof *targets);
        if (!targets) {
            weave_fail(w, ERR_MEMORY, -1, "out of memory");
            return;
        }
        for (uint32_t k = 0; k < insn->sw.count; k++)
            targets[k] = m->starts[insn->sw.targets[k]];
        insn->sw.targets = targets;
    }
}

static void move_regions(weaver *w, const moved *m)
{
    for (uint32_t i = 0; i < w->eh_count; i++) {
        cil_eh *eh = &w->ehs[i];
        if (eh->kind == CIL_EH_FILTER) eh->filter_start = m->starts[eh->filter_start];
        if (eh->kind == CIL_EH_CATCH) {
            eh->kind = CIL_EH_FILTER;
            eh->filter_start = m->ends[eh->handler_start];
        }
        eh->try_start = m->starts[eh->try_start];
        eh->try_end = m->ends[eh->try_end];
        eh->handler_start = m->starts[eh->handler_start];
        eh->handler_end = m->ends[eh->handler_end];
    }
}

static bool has_catch(const weaver *w)
{
    for (uint32_t i = 0; i < w->eh_count; i++)
        if (w->ehs[i].kind == CIL_EH_CATCH) return true;
    return false;
}

void weave_filters(weaver *w)
{
    if (w->failed || !w->in->catch_by_filter || !has_catch(w)) return;
    const cil_insn *from = w->code;
    uint32_t count = w->count;
    moved m = {arena_array(w->scratch, count + 1u, sizeof *m.starts),
               arena_array(w->scratch, count + 1u, sizeof *m.ends)};
    w->capacity = count + 4 * w->eh_count;
    w->code = arena_array(w->scratch, w->capacity, sizeof *w->code);
    w->count = 0;
    if (!m.starts || !m.ends || !w->code) {
        weave_fail(w, ERR_MEMORY, -1, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const cil_eh *eh = caught_at(w, i);
        m.ends[i] = w->count;
        if (eh) put_filter(w, eh->class_token);
        m.starts[i] = w->count;
        weave_put_insn(w, from[i]);
    }
    m.starts[count] = m.ends[count] = w->count;
    for (uint32_t i = 0; i < w->part_count; i++)
        w->parts[i].at = m.starts[w->parts[i].at];
    move_targets(w, &m);
    move_regions(w, &m);
}
