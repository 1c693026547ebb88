#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

/* Makes room for n more bytes and one NUL, so that buf_cstr never has to allocate after a successful append. */
static bool reserve(buf_t *b, size_t n)
{
    if (b->failed) return false;
    if (n < SIZE_MAX / 4 && b->cap - b->n > n) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (n < SIZE_MAX / 4 && cap - b->n <= n)
        cap *= 2;
    uint8_t *p = n < SIZE_MAX / 4 ? realloc(b->p, cap) : NULL;
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_put(buf_t *b, const void *from, size_t n)
{
    if (!reserve(b, n)) return;
    if (n) memcpy(b->p + b->n, from, n);
    b->n += n;
}

uint8_t *buf_extend(buf_t *b, size_t n)
{
    if (!reserve(b, n)) return NULL;
    b->n += n;
    return b->p + b->n - n;
}

void buf_u8(buf_t *b, uint8_t v)
{
    buf_put(b, &v, 1);
}

void buf_u16(buf_t *b, uint16_t v)
{
    buf_put(b, &v, sizeof v);
}

void buf_u32(buf_t *b, uint32_t v)
{
    buf_put(b, &v, sizeof v);
}

void buf_u64(buf_t *b, uint64_t v)
{
    buf_put(b, &v, sizeof v);
}

void buf_str(buf_t *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_printf(buf_t *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

const char *buf_cstr(buf_t *b)
{
    if (!reserve(b, 0)) return "";
    b->p[b->n] = 0;
    return (const char *)b->p;
}

void buf_free(buf_t *b)
{
    free(b->p);
    *b = (buf_t){0};
}

bool vec_grow(void **v, size_t *n, size_t *cap, size_t elem)
{
    if (*n == *cap) {
        size_t more = *cap ? *cap * 2 : 8;
        size_t bytes;
        if (__builtin_mul_overflow(more, elem, &bytes)) return false;
        void *p = realloc(*v, bytes);
        if (!p) return false;
        *v = p;
        *cap = more;
    }
    memset((uint8_t *)*v + *n * elem, 0, elem);
    ++*n;
    return true;
}

void vec_free(void **v, size_t *n, size_t *cap)
{
    free(*v);
    *v = NULL;
    *n = *cap = 0;
}
