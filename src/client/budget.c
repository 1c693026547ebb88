/* Budgets, and what the agent's governor has made of them (wire_memory). */
#include "client/client-priv.h"

#include <math.h>

/* From a thousandth on, as the agent counts: a share that is asked for does not become any. */
static uint32_t thousandths(double share)
{
    if (!(share > 0)) return 0;
    const double n = ceil(share * 1000 - 1e-9);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void rj_session_budget(rj_session *s, const rj_budget *budget)
{
    s->budget = (wire_budget){.share = thousandths(budget->share), .events = budget->events, .bytes = budget->bytes};
}

rj_budget budget_read(const wire_field *f)
{
    wire_budget b;
    if (!wire_get_budget(f, &b)) return (rj_budget){0};
    return (rj_budget){.share = b.share / 1000.0, .events = b.events, .bytes = b.bytes};
}

rj_measure rj_measured(const rj_session *s)
{
    const wire_memory *w = (const wire_memory *)(const void *)s->memory.base;
    if (!w) return (rj_measure){0};
    return (rj_measure){.kept = __atomic_load_n(&w->governed, __ATOMIC_RELAXED) != 0,
                        .open_ns = __atomic_load_n(&w->open_ns, __ATOMIC_RELAXED),
                        .shut_ns = __atomic_load_n(&w->shut_ns, __ATOMIC_RELAXED),
                        .reached = __atomic_load_n(&w->reached, __ATOMIC_ACQUIRE),
                        .last_reached = __atomic_load_n(&w->last_reached, __ATOMIC_RELAXED),
                        .share = __atomic_load_n(&w->share, __ATOMIC_RELAXED) / 1000.0};
}

double rj_measured_part(const rj_measure *from, const rj_measure *to)
{
    const uint64_t open = to->open_ns - (from ? from->open_ns : 0), shut = to->shut_ns - (from ? from->shut_ns : 0);
    return shut ? (double)open / ((double)open + (double)shut) : 1;
}
