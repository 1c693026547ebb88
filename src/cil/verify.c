/*
 * The walk. First every instruction is looked at once, reached or not: branches, placement, falling off the end. Then
 * the stack is followed from the entry, depth first; where ways join, what they bring is compared and united.
 */
#include <stdio.h>

#include "cil/il-priv.h"
#include "cil/verify-priv.h"

bool cil_verify_fail(verifier *v, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(v->e, ERR_REFUSED, v->at, "%s: %s", cil_opinfo_of(v->b->insns[v->at].op)->name, text);
}

/* "int32 or object", into a buffer that the caller holds. */
typedef struct kinds_text {
    char s[80];
} kinds_text;

static const char *text_of(kinds k, kinds_text *t)
{
    static const char *const names[] = {"int32", "int64", "float", "byref", "object", "value"};
    size_t n = 0;
    t->s[0] = '\0';
    for (unsigned i = 0; i < RJ_COUNT(names); i++) {
        if (!(k >> i & 1)) continue;
        n += (size_t)snprintf(t->s + n, sizeof t->s - n, "%s%s", n ? " or " : "", names[i]);
    }
    return t->s;
}

bool cil_verify_mismatch(verifier *v, const char *before, kinds one, const char *between, kinds other,
                         const char *after)
{
    kinds_text first, second;
    return cil_verify_fail(v, "%s%s%s%s%s", before, text_of(one, &first), between, text_of(other, &second), after);
}

bool cil_verify_pop_failed(verifier *v, kinds want, const char *what)
{
    kinds_text wanted, found;
    if (v->depth == 0) return cil_verify_fail(v, "needs %s, the stack is empty", what);
    return cil_verify_fail(v, "needs %s (%s), finds %s", what, text_of(want, &wanted),
                           text_of(v->stack[v->depth - 1], &found));
}

bool cil_verify_no_memory(verifier *v)
{
    return err_set(v->e, ERR_MEMORY, -1, "out of memory");
}

/* What two ways into one place may bring: the JIT widens int32, native int and byref to each other, nothing else. */
static bool may_join(kinds a, kinds b)
{
    if (a & (KIND_I4 | KIND_L | KIND_B)) a |= KIND_I4 | KIND_L | KIND_B;
    return (a & b) != 0;
}

static void queue(verifier *v, uint32_t to)
{
    if (v->flags[to] & INSN_PENDING) return;
    v->flags[to] |= INSN_PENDING;
    v->work[v->work_count++] = to;
}

/* First arrival at `to`. */
static bool enter(verifier *v, uint32_t to)
{
    if (v->depth && (v->flags[to] & INSN_TRY))
        return cil_verify_fail(v, "a try block begins with %u values on the stack", v->depth);
    state *s = v->depth ? arena_room(v->a, 1, sizeof *s + v->depth) : v->empty;
    if (!s) return cil_verify_no_memory(v);
    s->depth = v->depth;
    if (v->depth) memcpy(s->k, v->stack, v->depth);
    v->entry[to] = s;
    v->flags[to] |= INSN_ENTERED;
    queue(v, to);
    return true;
}

static RJ_COLD bool join_failed(verifier *v, uint32_t to, kinds one, kinds other)
{
    kinds_text first, second;
    return cil_verify_fail(v, "instruction %u is entered with %s on the stack and with %s", to, text_of(one, &first),
                           text_of(other, &second));
}

/* Control goes to `to` with the present stack. */
static bool arrive(verifier *v, uint32_t to)
{
    if (!(v->flags[to] & INSN_ENTERED)) return enter(v, to);
    state *s = v->entry[to];
    if (s->depth != v->depth)
        return cil_verify_fail(v, "instruction %u is entered with %u values on the stack and with %u", to, s->depth,
                               v->depth);
    bool grown = false;
    for (uint32_t n = 0; n < v->depth; n++) {
        if (!may_join(s->k[n], v->stack[n])) return join_failed(v, to, s->k[n], v->stack[n]);
        grown = grown || (v->stack[n] & ~s->k[n]);
        s->k[n] |= v->stack[n];
    }
    if (grown) queue(v, to);
    return true;
}

/* The handlers of the try blocks around an instruction are reached as soon as it is. */
static bool reach_handlers(verifier *v, uint32_t insn)
{
    uint32_t id = v->region_of ? v->region_of[insn] : 0, depth = v->depth;
    kinds top = v->stack[0];
    for (const region *r; id; id = r->parent) {
        r = &v->regions[id - 1];
        if (r->role != REGION_TRY) continue;
        if (v->clause_seen[r->clause]) continue;
        v->clause_seen[r->clause] = true;
        const cil_eh *c = &v->b->ehs[r->clause];
        v->depth = c->kind == CIL_EH_CATCH || c->kind == CIL_EH_FILTER;
        if (v->depth > v->limit) return cil_verify_fail(v, "max_stack has no room for the exception object");
        if (v->depth > v->deepest) v->deepest = v->depth;
        v->stack[0] = KIND_O;
        if (!arrive(v, c->handler_start) || (c->kind == CIL_EH_FILTER && !arrive(v, c->filter_start))) return false;
    }
    v->stack[0] = top;
    v->depth = depth;
    return true;
}

static bool arrive_switch(verifier *v, const cil_insn *i)
{
    for (uint32_t k = 0; k < i->sw.count; k++) {
        if (!arrive(v, i->sw.targets[k])) return false;
    }
    return true;
}

/* Goes where the present instruction may go but to the next. */
static bool turn(verifier *v, const cil_insn *i, cil_flow flow)
{
    switch (flow) {
    case CIL_F_BRANCH:
    case CIL_F_COND: return arrive(v, i->target);
    case CIL_F_SWITCH: return arrive_switch(v, i);
    default: return true;
    }
}

/* Walks from one place of the work list until control leaves the line or meets what was walked. */
static bool walk_from(verifier *v, uint32_t start)
{
    v->depth = v->entry[start]->depth;
    if (v->depth) memcpy(v->stack, v->entry[start]->k, v->depth);
    v->flags[start] &= (uint8_t)~INSN_PENDING;
    v->at = start;
    if (!reach_handlers(v, start)) return false;
    for (uint32_t next = start;; next = v->at + 1) {
        if (!cil_verify_steps(v, next)) return false;
        if (v->flags[v->at] & INSN_TURN) {
            const cil_insn *i = &v->b->insns[v->at];
            cil_flow flow = (cil_flow)cil_opinfo_at(i->op)->flow;
            if (!turn(v, i, flow)) return false;
            if (flow == CIL_F_BRANCH || flow == CIL_F_RETURN || flow == CIL_F_THROW) return true;
        }
        if (v->flags[v->at + 1] & INSN_TARGET) return arrive(v, v->at + 1);
    }
}

static bool walk(verifier *v)
{
    v->at = 0;
    v->depth = 0;
    if (!arrive(v, 0)) return false;
    while (v->work_count) {
        if (!walk_from(v, v->work[--v->work_count])) return false;
    }
    return true;
}

/* ---- before the walk */

static bool check_target(verifier *v, uint32_t to)
{
    if (to >= v->b->count) return cil_verify_fail(v, "goes to instruction %u of %u", to, v->b->count);
    cil_verify_mark_target(v, to);
    return true;
}

/* Finds the turns, and begins the flags. */
static bool find_turns(verifier *v)
{
    const cil_insn *insns = v->b->insns;
    uint32_t *turns = v->turns, found = 0, count = v->b->count;
    uint8_t *flags = v->flags;
    for (uint32_t n = 0; n < count; n++) {
        const cil_opinfo *info = cil_opinfo_of(insns[n].op);
        if (!info) return err_set(v->e, ERR_FORMAT, n, "no such opcode 0x%04x", insns[n].op);
        turns[found] = n;
        found += info->turns;
        flags[n] = info->turns ? INSN_TURN | INSN_STOP : 0;
    }
    v->turn_count = found;
    return true;
}

/* Marks where branches go. */
static bool mark_targets(verifier *v)
{
    for (uint32_t t = 0; t < v->turn_count; t++) {
        v->at = v->turns[t];
        const cil_insn *i = &v->b->insns[v->at];
        if (cil_branch_long(i->op) && !check_target(v, i->target)) return false;
        for (uint32_t k = 0; i->op == CIL_SWITCH && k < i->sw.count; k++) {
            if (!check_target(v, i->sw.targets[k])) return false;
        }
    }
    return true;
}

/* May control fall from this instruction to the next? */
static bool fall(verifier *v, uint32_t from)
{
    v->at = from;
    if (from + 1 == v->b->count) return cil_verify_fail(v, "control falls off the end of the code");
    return cil_verify_transfer(v, from, from + 1, false);
}

/* Where may control go from the present instruction, by its own doing and by falling? */
static bool check_transfers(verifier *v, const cil_insn *i, cil_flow flow)
{
    bool leave = i->op == CIL_LEAVE || i->op == CIL_LEAVE_S;
    if (flow == CIL_F_BRANCH || flow == CIL_F_COND) {
        if (!cil_verify_transfer(v, v->at, i->target, leave)) return false;
    }
    for (uint32_t k = 0; flow == CIL_F_SWITCH && k < i->sw.count; k++) {
        if (!cil_verify_transfer(v, v->at, i->sw.targets[k], false)) return false;
    }
    if (flow == CIL_F_BRANCH || flow == CIL_F_RETURN || flow == CIL_F_THROW) return true;
    return fall(v, v->at);
}

/* tail. must be followed by its call and that by ret. */
static bool check_tail(verifier *v)
{
    uint32_t n = v->at + 1;
    while (n < v->b->count && cil_opinfo_of(v->b->insns[n].op)->flow == CIL_F_PREFIX)
        n++;
    if (n + 1 < v->b->count && v->b->insns[n + 1].op == CIL_RET) return true;
    return cil_verify_fail(v, "the call is not followed by ret");
}

static bool check_turn(verifier *v)
{
    const cil_insn *i = &v->b->insns[v->at];
    cil_flow flow = (cil_flow)cil_opinfo_at(i->op)->flow;
    if (!check_transfers(v, i, flow)) return false;
    if (flow == CIL_F_PREFIX && (v->flags[v->at + 1] & INSN_TARGET))
        return cil_verify_fail(v, "control goes to between the prefix and its instruction");
    if (i->op == CIL_TAIL && !check_tail(v)) return false;
    bool placed = (flow == CIL_F_RETURN && i->op != CIL_RETHROW) || i->op == CIL_TAIL;
    return !placed || cil_verify_placement(v);
}

/* An instruction behind which a region begins or ends, or the code. That of a turn is checked with the turn. */
static bool check_edge(verifier *v, uint32_t at)
{
    return (v->flags[at] & INSN_TURN) || fall(v, at);
}

/* The checks that the JIT makes of all code, reached or not. */
static bool check_flow(verifier *v)
{
    for (uint32_t t = 0; t < v->turn_count; t++) {
        v->at = v->turns[t];
        if (!check_turn(v)) return false;
    }
    for (uint32_t r = 0; r < v->region_count; r++) {
        if (v->regions[r].start && !check_edge(v, v->regions[r].start - 1)) return false;
        if (!check_edge(v, v->regions[r].end - 1)) return false;
    }
    return check_edge(v, v->b->count - 1);
}

static bool start(verifier *v, arena *scratch, const cil_verify_input *in, uint32_t limit, err_t *e)
{
    const cil_body *b = in->body;
    *v = (verifier){.a = scratch, .in = in, .im = in->image, .b = b, .e = e};
    if (b->count == 0) return err_set(e, ERR_FORMAT, 0, "the body has no instructions");
    /* No path is deeper than one value more for each instruction: dup is the worst. */
    v->limit = limit;
    v->stack = arena_room(scratch, STACK_BELOW + RJ_MIN((size_t)limit, (size_t)b->count + 1) + 1, 1);
    v->flags = arena_room(scratch, b->count, 1);
    v->entry = arena_room(scratch, b->count, sizeof *v->entry);
    v->work = arena_room(scratch, b->count, sizeof *v->work);
    v->turns = arena_room(scratch, b->count, sizeof *v->turns);
    v->empty = arena_alloc(scratch, sizeof *v->empty);
    if (!v->stack || !v->flags || !v->entry || !v->work || !v->turns || !v->empty) return cil_verify_no_memory(v);
    memset(v->stack, ANY_KIND, STACK_BELOW + 1);
    v->stack += STACK_BELOW;
    return cil_verify_read_frame(v) && find_turns(v) && mark_targets(v) && cil_verify_regions(v) && check_flow(v);
}

bool cil_verify(arena *scratch, const cil_verify_input *in, err_t *e)
{
    verifier v;
    return start(&v, scratch, in, in->body->max_stack, e) && walk(&v);
}

uint32_t cil_max_stack(arena *scratch, const cil_verify_input *in)
{
    verifier v;
    return start(&v, scratch, in, UINT16_MAX, NULL) && walk(&v) ? v.deepest : UINT32_MAX;
}
