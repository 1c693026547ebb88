#include "base/base.h"

#include <stdlib.h>

/* Linear probing; a removal shifts the rest of its run back, so that no tombstones collect. */
struct map_slot {
    uint64_t key;
    void *value; /* NULL: empty */
};

static size_t home(uint64_t key, size_t cap)
{
    key ^= key >> 32;
    key *= 0x9E3779B97F4A7C15u;
    return (size_t)(key >> 20) & (cap - 1);
}

static struct map_slot *find(const map_t *m, uint64_t key)
{
    if (!m->cap) return NULL;
    for (size_t i = home(key, m->cap);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->value || s->key == key) return s;
    }
}

static bool grow(map_t *m)
{
    map_t big = {.cap = m->cap ? m->cap * 2 : 16};
    big.slots = calloc(big.cap, sizeof *big.slots);
    if (!big.slots) return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value) *find(&big, m->slots[i].key) = m->slots[i];
    big.n = m->n;
    free(m->slots);
    *m = big;
    return true;
}

void *map_get(const map_t *m, uint64_t key)
{
    struct map_slot *s = find(m, key);
    return s ? s->value : NULL;
}

bool map_put(map_t *m, uint64_t key, void *value)
{
    if (m->n * 4 >= m->cap * 3 && !grow(m)) return false;
    struct map_slot *s = find(m, key);
    if (!s->value) m->n++;
    *s = (struct map_slot){key, value};
    return true;
}

void *map_remove(map_t *m, uint64_t key)
{
    struct map_slot *s = find(m, key);
    if (!s || !s->value) return NULL;
    void *value = s->value;
    size_t hole = (size_t)(s - m->slots), mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        if (((i - home(m->slots[i].key, m->cap)) & mask) < ((i - hole) & mask)) continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole].value = NULL;
    m->n--;
    return value;
}

bool map_next(const map_t *m, size_t *at, uint64_t *key, void **value)
{
    for (; *at < m->cap; ++*at) {
        struct map_slot *s = &m->slots[*at];
        if (!s->value) continue;
        *key = s->key;
        *value = s->value;
        ++*at;
        return true;
    }
    return false;
}

void map_free(map_t *m)
{
    free(m->slots);
    *m = (map_t){0};
}

uint64_t map_hash(const void *p, size_t n)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (const uint8_t *b = p; n; n--)
        h = (h ^ *b++) * 0x100000001B3u;
    return h;
}
