#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK 16384u

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

static struct arena_chunk *new_chunk(arena *a, size_t size, bool zeroed)
{
    struct arena_chunk *c = zeroed ? calloc(1, sizeof *c + size) : malloc(sizeof *c + size);
    if (!c) return NULL;
    c->size = size;
    a->total += sizeof *c + size;
    return c;
}

/* What no ordinary chunk holds gets one of its own, behind the head, which goes on being filled. */
static void *take_large(arena *a, size_t size, bool zeroed)
{
    struct arena_chunk *c = size > SIZE_MAX / 2 ? NULL : new_chunk(a, size, zeroed);
    if (!c) return NULL;
    if (a->head) {
        c->next = a->head->next;
        a->head->next = c;
    } else {
        c->next = NULL;
        a->head = c;
        a->used = size; /* nothing fits behind it */
    }
    return c->bytes;
}

static void *take(arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!a->head || a->used + size > a->head->size) {
        size_t next = RJ_MIN(a->head ? a->head->size * 2 : a->first, (size_t)CHUNK);
        struct arena_chunk *c = new_chunk(a, a->first ? RJ_MAX(next, size) : CHUNK, false);
        if (!c) return NULL;
        c->next = a->head;
        a->head = c;
        a->used = 0;
    }
    void *p = a->head->bytes + a->used;
    a->used += size;
    return p;
}

/* A large chunk comes zeroed, its pages untouched; of an ordinary one only what is used is worth zeroing. */
void *arena_alloc(arena *a, size_t size)
{
    if (size > CHUNK) return take_large(a, size, true);
    void *p = take(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void *arena_array(arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return arena_alloc(a, bytes);
}

void *arena_room(arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return bytes > CHUNK ? take_large(a, bytes, false) : take(a, bytes);
}

void *arena_copy(arena *a, const void *from, size_t size)
{
    void *p = arena_room(a, size, 1);
    if (p && size) memcpy(p, from, size);
    return p;
}

char *arena_strndup(arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    if (p) memcpy(p, s, n);
    return p;
}

char *arena_strdup(arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void arena_free(arena *a)
{
    for (struct arena_chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *a = (arena){.first = a->first};
}

void arena_reset(arena *a)
{
    struct arena_chunk *kept = a->head;
    if (!kept || kept->size != CHUNK) {
        arena_free(a);
        return;
    }
    a->head = kept->next;
    arena_free(a);
    kept->next = NULL;
    *a = (arena){.head = kept, .total = sizeof *kept + kept->size, .first = a->first};
}
