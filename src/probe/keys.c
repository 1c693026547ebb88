/*
 * Statistics by key: which customer, which route. The table is shared by all threads and lies in the memory of the
 * connection; nothing in it is waited for or given back, and who finds it full counts the call as any other.
 */
#include "probe/probe-priv.h"
#include "wire/element.h"

#define STEPS_MOST 64u /* places that are looked at */

typedef struct value {
    wire_key_kind kind;
    bool cut;
    uint16_t size;
    uint8_t bytes[WIRE_KEY_BYTES];
} value;

static void set(value *v, wire_key_kind kind, const void *bytes, uint32_t size)
{
    v->kind = kind;
    v->size = (uint16_t)size;
    memcpy(v->bytes, bytes, size);
}

/* 1.50 is 1.5: decimals that are equal have one key. */
static void set_decimal(value *v, const void *bytes)
{
    enum { SCALE = 16, ONE = 1 << SCALE, SCALE_MASK = 0xFF << SCALE };
    probe_decimal d;
    memcpy(&d, bytes, sizeof d);
    while (d.flags & SCALE_MASK) {
        const uint64_t high = d.high / 10u, middle = ((uint64_t)(d.high % 10u) << 32) + (d.low >> 32);
        const uint64_t low = (middle % 10u << 32) + (uint32_t)d.low;
        if (low % 10u) break;
        d.high = (uint32_t)high;
        d.low = (middle / 10u) << 32 | low / 10u;
        d.flags -= ONE;
    }
    if (!d.high && !d.low) d.flags = 0; /* there is a negative zero */
    set(v, WIRE_KEY_DECIMAL, &d, sizeof d);
}

/* At least 16 bytes, or those of the primitive. */
static void set_number(value *v, uint8_t element, const uint8_t *from)
{
    const uint32_t size = wire_element_size(element);
    if (element == WIRE_E_VALUETYPE)
        set_decimal(v, from);
    else
        set(v, size ? WIRE_KEY_NUMBER : WIRE_KEY_NONE, from, size);
}

static void set_text(value *v, const wire_piece *p)
{
    const uint32_t size = RJ_MIN(p->copied, WIRE_KEY_BYTES) & ~1u;
    set(v, WIRE_KEY_TEXT, p + 1, size);
    v->cut = (uint64_t)p->length * 2 > size;
}

static void read_value(value *v, const probe_op *key, const wire_event *event, wire_event_kind kind)
{
    const uint8_t *slot = (const uint8_t *)event + key->slot;
    const uint32_t size = key->element == WIRE_E_VALUETYPE ? sizeof(probe_decimal) : wire_element_size(key->element);
    *v = (value){.kind = WIRE_KEY_NONE};
    if (key->when == PROBE_RETURNED && kind != WIRE_EV_RETURN) return;
    if (key->path && slot[probe_path_room(key->element)] != PROBE_PATH_VALUE) {
        if (slot[probe_path_room(key->element)] == PROBE_PATH_NONE) v->kind = WIRE_KEY_NULL;
        return;
    }
    if (key->how == WIRE_PRIMITIVE) {
        set_number(v, key->element, slot);
        return;
    }
    const wire_piece *p = probe_piece_at(event, key->slot);
    if (!p)
        v->kind = WIRE_KEY_NULL;
    else if (p->length == UINT32_MAX)
        return;
    else if (key->how == WIRE_OBJECT)
        set_text(v, p);
    else if (p->copied >= size)
        set_number(v, key->element, (const uint8_t *)(p + 1));
}

/* Never 0. */
static uint64_t hash_of(uint32_t id, const value *v)
{
    uint64_t h = (uint64_t)id << 32 | (uint32_t)v->kind << 16 | v->size;
    for (uint32_t i = 0; i < v->size; i += 8) {
        uint64_t word;
        memcpy(&word, v->bytes + i, 8); /* what is behind the end is 0 */
        const unsigned __int128 product = (unsigned __int128)(h ^ word) * 0x9E3779B97F4A7C15u;
        h = (uint64_t)product ^ (uint64_t)(product >> 64) ^ i;
    }
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return (h ^ h >> 32) | 1;
}

/* Takes a place that was free; whose it is now is what lies there. */
static uint64_t take(const probe_sink *s, wire_key *k, uint64_t hash, uint32_t id, const value *v)
{
    uint64_t seen = 0;
    if (__atomic_load_n(&s->memory->keys_used, __ATOMIC_RELAXED) >= WIRE_KEYS_MOST) return 0;
    if (!__atomic_compare_exchange_n(&k->hash, &seen, hash, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return seen;
    __atomic_fetch_add(&s->memory->keys_used, 1, __ATOMIC_RELAXED);
    k->probe = id;
    k->kind = (uint8_t)v->kind;
    k->cut = v->cut;
    k->size = v->size;
    memcpy(k->bytes, v->bytes, v->size);
    __atomic_store_n(&k->ready, 1, __ATOMIC_RELEASE);
    return hash;
}

static wire_key *place_of(const probe_sink *s, uint64_t hash, uint32_t id, const value *v)
{
    for (uint32_t i = 0; i < STEPS_MOST; i++) {
        wire_key *k = &s->keys[(hash + i) % WIRE_KEY_PLACES];
        uint64_t seen = __atomic_load_n(&k->hash, __ATOMIC_ACQUIRE);
        if (!seen) seen = take(s, k, hash, id, v);
        if (seen == hash) return k;
        if (!seen) return NULL; /* there are as many keys as there may be */
    }
    return NULL;
}

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

bool probe_key_add(const probe *p, const probe_op *key, const wire_event *event, wire_event_kind kind, uint64_t elapsed)
{
    value v;
    if (!p->sink->keys) return false;
    read_value(&v, key, event, kind);
    wire_key *k = place_of(p->sink, hash_of(p->id, &v), p->id, &v);
    if (!k) return false;
    wire_stat *stat = &k->stat;
    add(&stat->calls, 1);
    if (kind == WIRE_EV_THROW) add(&stat->errors, 1);
    add(&stat->sum, elapsed);
    add(&stat->bucket[wire_bucket(elapsed)], 1);
    uint64_t seen = __atomic_load_n(&stat->max, __ATOMIC_RELAXED);
    while (elapsed > seen &&
           !__atomic_compare_exchange_n(&stat->max, &seen, elapsed, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return true;
}
