/*
 * Protected regions: that they nest, and which ways lead into and out of them (III.1.7.5 and what the JIT makes of it).
 *
 * Every try block, filter and handler becomes a range. Sorted by start, the longer first, ranges that nest can be
 * walked with one stack; the walk also tells each instruction's innermost region, so that later checks climb parents.
 */
#include <stdlib.h>

#include "cil/verify-priv.h"

#define FEW_REGIONS 16u

static const region *region_at(const verifier *v, uint32_t id)
{
    return id ? &v->regions[id - 1] : NULL;
}

static const region *region_of(const verifier *v, uint32_t insn)
{
    return v->region_of ? region_at(v, v->region_of[insn]) : NULL;
}

static bool holds(const region *r, uint32_t insn)
{
    return insn >= r->start && insn < r->end;
}

/* The innermost filter or handler of r and what is around it. */
static const region *handler_around(const verifier *v, const region *r)
{
    while (r && r->role == REGION_TRY)
        r = region_at(v, r->parent);
    return r;
}

static bool catches(const verifier *v, const region *r)
{
    cil_eh_kind kind = v->b->ehs[r->clause].kind;
    return r->role == REGION_HANDLER && (kind == CIL_EH_CATCH || kind == CIL_EH_FILTER);
}

/* Outer before inner. Of equal ranges a handler is outer to a try in it; of try blocks the later clause is the outer
 * one. */
static int by_nesting(const void *x, const void *y)
{
    const region *a = x, *b = y;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    if (a->end != b->end) return a->end > b->end ? -1 : 1;
    if (a->role != b->role) return a->role > b->role ? -1 : 1;
    return a->clause > b->clause ? -1 : 1;
}

/* Compilers write clauses nearly in order; qsort is for those who do not. */
static void sort_regions(region *r, uint32_t n)
{
    if (n > FEW_REGIONS) {
        qsort(r, n, sizeof *r, by_nesting);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        region x = r[i];
        uint32_t k = i;
        for (; k && by_nesting(&r[k - 1], &x) > 0; k--)
            r[k] = r[k - 1];
        r[k] = x;
    }
}

static bool clause_fail(verifier *v, uint32_t clause, const char *what)
{
    return err_set(v->e, ERR_REFUSED, v->b->ehs[clause].try_start, "exception clause %u %s", clause, what);
}

static bool check_filter(verifier *v, uint32_t clause)
{
    const cil_eh *c = &v->b->ehs[clause];
    for (uint32_t i = c->filter_start; i < c->handler_start; i++) {
        if (v->b->insns[i].op != CIL_ENDFILTER) continue;
        return i + 1 == c->handler_start || clause_fail(v, clause, "has an endfilter before the end of its filter");
    }
    return clause_fail(v, clause, "has a filter without endfilter");
}

static void add_region(verifier *v, uint32_t start, uint32_t end, uint32_t clause, region_role role)
{
    v->regions[v->region_count++] = (region){.start = start, .end = end, .clause = clause, .role = role};
    cil_verify_mark_target(v, start);
    if (role == REGION_TRY) v->flags[start] |= INSN_TRY;
    if (end < v->b->count) cil_verify_mark_target(v, end);
}

static bool add_clause(verifier *v, uint32_t k)
{
    const cil_eh *c = &v->b->ehs[k];
    uint32_t count = v->b->count;
    if (c->try_start >= c->try_end || c->try_end > count || c->handler_start >= c->handler_end ||
        c->handler_end > count)
        return err_set(v->e, ERR_FORMAT, -1, "exception clause %u has an empty or outlying range", k);
    add_region(v, c->try_start, c->try_end, k, REGION_TRY);
    add_region(v, c->handler_start, c->handler_end, k, REGION_HANDLER);
    if (c->kind == CIL_EH_CATCH) return c->class_token != 0 || clause_fail(v, k, "catches no type");
    if (c->kind != CIL_EH_FILTER) return true;
    if (c->filter_start >= c->handler_start) return clause_fail(v, k, "has its filter behind its handler");
    add_region(v, c->filter_start, c->handler_start, k, REGION_FILTER);
    return check_filter(v, k);
}

/* Opens the regions that start at `at`, inside `open`; answers the innermost one. False where two overlap. */
static bool open_regions(verifier *v, uint32_t at, uint32_t *next, uint32_t *open)
{
    for (; *next < v->region_count && v->regions[*next].start == at; ++*next) {
        region *r = &v->regions[*next];
        if (*open && r->end > v->regions[*open - 1].end)
            return clause_fail(v, r->clause, "overlaps another one without nesting in it");
        r->parent = *open;
        *open = *next + 1;
    }
    return true;
}

/* Gives every region its parent and every instruction its region. */
static bool nest(verifier *v)
{
    uint32_t open = 0, next = 0;
    for (uint32_t at = 0, end; at < v->b->count; at = end) {
        while (open && v->regions[open - 1].end <= at)
            open = v->regions[open - 1].parent;
        if (!open_regions(v, at, &next, &open)) return false;
        end = next < v->region_count ? v->regions[next].start : v->b->count;
        if (open) end = RJ_MIN(end, v->regions[open - 1].end);
        for (uint32_t i = at; i < end; i++)
            v->region_of[i] = open;
    }
    return true;
}

/* The region around a try block, other than try blocks of the very same range. */
static uint32_t around_try(const verifier *v, const region *r)
{
    uint32_t id = r->parent;
    for (const region *p; (p = region_at(v, id)) && p->role == REGION_TRY && p->start == r->start && p->end == r->end;)
        id = p->parent;
    return id;
}

/* Each clause's filter and handler must lie where its try block lies. */
static bool check_siblings(verifier *v)
{
    uint32_t *around = arena_array(v->a, v->b->eh_count, sizeof *around);
    if (!around) return cil_verify_no_memory(v);
    for (uint32_t i = 0; i < v->region_count; i++) {
        const region *r = &v->regions[i];
        if (r->role == REGION_TRY) around[r->clause] = around_try(v, r);
    }
    for (uint32_t i = 0; i < v->region_count; i++) {
        const region *r = &v->regions[i];
        if (r->role != REGION_TRY && r->parent != around[r->clause])
            return clause_fail(v, r->clause, "has its handler nested otherwise than its try block");
    }
    return true;
}

bool cil_verify_regions(verifier *v)
{
    uint32_t n = v->b->eh_count;
    if (n == 0) return true;
    v->regions = arena_room(v->a, (size_t)n * 3, sizeof *v->regions);
    v->region_of = arena_room(v->a, v->b->count, sizeof *v->region_of);
    v->clause_seen = arena_array(v->a, n, sizeof *v->clause_seen);
    if (!v->regions || !v->region_of || !v->clause_seen) return cil_verify_no_memory(v);
    for (uint32_t k = 0; k < n; k++) {
        if (!add_clause(v, k)) return false;
    }
    sort_regions(v->regions, v->region_count);
    return nest(v) && check_siblings(v);
}

/* The rules for handlers, whatever try blocks say. */
static bool check_handlers(verifier *v, const region *from, const region *to, uint32_t target, bool leave)
{
    if (to && !from) return cil_verify_fail(v, "control flows into a handler");
    if (from == to) return true;
    if (!leave) return cil_verify_fail(v, "control flows out of a handler without leave");
    if (to && !(from->start >= to->start && from->end <= to->end)) return cil_verify_fail(v, "leaves into a handler");
    for (const region *r = from; r && !holds(r, target); r = handler_around(v, region_at(v, r->parent))) {
        if (!catches(v, r)) return cil_verify_fail(v, "leaves a finally, fault or filter");
    }
    return true;
}

/* May a leave in a catch handler go back into the middle of this try block? Into the one that the handler belongs to.
 */
static bool is_own_try(const verifier *v, const region *try_block, const region *handler)
{
    for (; handler; handler = handler_around(v, region_at(v, handler->parent))) {
        const cil_eh *c = &v->b->ehs[handler->clause];
        if (catches(v, handler) && c->try_start == try_block->start && c->try_end == try_block->end) return true;
    }
    return false;
}

bool cil_verify_crossing(verifier *v, uint32_t from, uint32_t to, bool leave)
{
    const region *source = region_of(v, from), *target = region_of(v, to);
    const region *handler = handler_around(v, source);
    if (!check_handlers(v, handler, handler_around(v, target), to, leave)) return false;
    for (const region *r = source; r && !leave; r = region_at(v, r->parent)) {
        if (r->role == REGION_TRY && !holds(r, to))
            return cil_verify_fail(v, "control flows out of a try block without leave");
    }
    for (const region *r = target; r; r = region_at(v, r->parent)) {
        if (r->role != REGION_TRY || holds(r, from) || r->start == to) continue;
        if (!leave || !is_own_try(v, r, handler))
            return cil_verify_fail(v, "control flows into the middle of a try block");
    }
    return true;
}

bool cil_verify_placement(verifier *v)
{
    const region *r = region_of(v, v->at), *handler = handler_around(v, r);
    switch (v->b->insns[v->at].op) {
    case CIL_RET:
    case CIL_JMP:
    case CIL_TAIL:
        if (r) return cil_verify_fail(v, "stands in a protected region");
        break;
    case CIL_ENDFILTER:
        if (!r || r->role != REGION_FILTER) return cil_verify_fail(v, "stands outside of a filter");
        break;
    case CIL_ENDFINALLY:
        if (!r || r->role != REGION_HANDLER || catches(v, r))
            return cil_verify_fail(v, "stands outside of a finally or fault handler");
        break;
    case CIL_LOCALLOC:
        if (handler) return cil_verify_fail(v, "stands in a handler");
        break;
    case CIL_RETHROW:
        while (handler && !catches(v, handler))
            handler = handler_around(v, region_at(v, handler->parent));
        if (!handler) return cil_verify_fail(v, "stands outside of a catch handler");
        break;
    default: break;
    }
    return true;
}
