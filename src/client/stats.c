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

static rj_stat stat_of(rj_session *s, arena *a, const probe_info *p, const wire_stat *sum)
{
    const memory_t *m = &s->memory;
    rj_stat out = {.probe = p->id, .method = p->name, .module = p->module, .calls = sum->calls, .errors = sum->errors};
    out.sum = ns_of(m, (double)sum->sum);
    out.mean = sum->calls ? ns_of(m, (double)sum->sum / (double)sum->calls) : 0;
    out.p50 = ns_of(m, memory_percentile(sum, 0.5));
    out.p90 = ns_of(m, memory_percentile(sum, 0.9));
    out.p99 = ns_of(m, memory_percentile(sum, 0.99));
    out.max = ns_of(m, (double)sum->max);
    put_buckets(a, m, sum, &out);
    return out;
}

/* Of all calls of a method, or of those whose keys found no place. */
static rj_stat whole(rj_session *s, arena *a, const probe_info *p)
{
    wire_stat sum;
    memory_stat(&s->memory, p->id, &sum);
    rj_stat out = stat_of(s, a, p, &sum);
    out.keyed = p->key.name ? RJ_OTHER_KEYS : RJ_ALL_CALLS;
    return out;
}

/* False: memory ran out. */
static bool put_keys(rj_session *s, arena *a, rj_stats *out, rj_stat *items, size_t room)
{
    wire_key k;
    for (uint32_t at = 0; out->count < room && memory_key(&s->memory, &at, &k);) {
        const probe_info *p = map_get(&s->probes, k.probe);
        if (!p || !p->key.name) continue;
        rj_value *key = arena_alloc(a, sizeof *key);
        if (!key) return false;
        value_key(s, a, &p->key, &k, key);
        rj_stat *item = &items[out->count++];
        *item = stat_of(s, a, p, &k.stat);
        item->keyed = RJ_ONE_KEY;
        item->key = key;
        item->row = at;
    }
    return true;
}

bool rj_read_stats(rj_session *s, rj_stats *out, rj_error *e)
{
    if (!s->memory.base) return err_set(ERR(e), ERR_USAGE, -1, "nothing is instrumented");
    arena *a = result_arena();
    const size_t room = s->order.n + s->memory.plan.key_places;
    rj_stat *items = a ? arena_array(a, room, sizeof *items) : NULL;
    *out = (rj_stats){.items = items,
                      .dropped = memory_count(&s->memory).dropped + s->dropped,
                      .measure = rj_measured(s),
                      .memory = a};
    if (items) memory_clock(&s->memory);
    for (size_t i = 0; items && i < s->order.n; i++)
        items[out->count++] = whole(s, a, s->order.v[i]);
    if (items && put_keys(s, a, out, items, room)) return true;
    rj_free(a);
    return err_set(ERR(e), ERR_MEMORY, -1, "out of memory");
}
