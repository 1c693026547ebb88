/* Statistics that the probes have made, added up over threads. */
#include "client/client-priv.h"
#include "client/result.h"

static uint64_t ns_of(const memory_t *m, double ticks)
{
    double ns = ticks * m->ns_per_tick;
    return ns > 0 ? (uint64_t)(ns + 0.5) : 0;
}

static uint64_t bucket_start(const memory_t *m, unsigned b)
{
    return ns_of(m, (double)wire_bucket_least(b));
}

/* Where memory runs out a method has no buckets. */
static void put_buckets(arena *a, const memory_t *m, const wire_stat *sum, rj_stat *out)
{
    size_t n = 0;
    for (unsigned b = 0; b < WIRE_BUCKETS; b++)
        n += sum->bucket[b] != 0;
    rj_bucket *buckets = n ? arena_array(a, n, sizeof *buckets) : NULL;
    if (!buckets) return;
    for (unsigned b = 0; b < WIRE_BUCKETS; b++) {
        if (!sum->bucket[b]) continue;
        bool last = b + 1 == WIRE_BUCKETS; /* holds everything that takes longer */
        uint64_t to = last ? RJ_MAX(out->max + 1, bucket_start(m, b)) : bucket_start(m, b + 1);
        buckets[out->bucket_count++] = (rj_bucket){bucket_start(m, b), to, sum->bucket[b]};
    }
    out->buckets = buckets;
}

static rj_stat stat_of(rj_session *s, arena *a, const probe_info *p)
{
    wire_stat sum;
    const memory_t *m = &s->memory;
    memory_stat(m, p->id, &sum);
    rj_stat out = {.probe = p->id, .method = p->name, .module = p->module, .calls = sum.calls, .errors = sum.errors};
    out.sum = ns_of(m, (double)sum.sum);
    out.mean = sum.calls ? ns_of(m, (double)sum.sum / (double)sum.calls) : 0;
    out.p50 = ns_of(m, memory_percentile(&sum, 0.5));
    out.p90 = ns_of(m, memory_percentile(&sum, 0.9));
    out.p99 = ns_of(m, memory_percentile(&sum, 0.99));
    out.max = ns_of(m, (double)sum.max);
    put_buckets(a, m, &sum, &out);
    return out;
}

bool rj_read_stats(rj_session *s, rj_stats *out, rj_error *e)
{
    if (!s->memory.base) return err_set(ERR(e), ERR_USAGE, -1, "nothing is instrumented");
    arena *a = result_arena();
    rj_stat *items = a ? arena_array(a, s->order.n, sizeof *items) : NULL;
    if (!items) {
        rj_free(a);
        return err_set(ERR(e), ERR_MEMORY, -1, "out of memory");
    }
    memory_clock(&s->memory);
    for (size_t i = 0; i < s->order.n; i++)
        items[i] = stat_of(s, a, s->order.v[i]);
    *out = (rj_stats){.items = items, .count = s->order.n, .memory = a};
    return true;
}
