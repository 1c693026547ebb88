/* Any bytes as a message: read to the depth that real ones have, with every getter. */
#include "wire/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(arena *a, wire_reader r, unsigned depth)
{
    const uint8_t *end = r.end;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.p + f.n > end) abort();
        (void)wire_get_u32(&f);
        (void)wire_get_u64(&f);
        const char *t = wire_get_text(a, &f);
        if (t && t[f.n] != 0) abort();
        if (depth < 4) walk(a, wire_group(&f), depth + 1);
    }
    if (!r.bad && r.p != end) abort();
}

/* What was read and is written again reads the same. */
static void rewrite(wire_reader r)
{
    buf_t b = {0};
    wire_reader again = r;
    for (wire_field f; wire_next(&r, &f);) {
        size_t mark = wire_open(&b, f.tag);
        buf_put(&b, f.p, f.n);
        wire_close(&b, mark);
    }
    if (!b.n) return;
    wire_reader out = {.p = b.p, .end = b.p + b.n};
    for (wire_field f, g; wire_next(&out, &g);)
        if (!wire_next(&again, &f) || f.tag != g.tag || f.n != g.n || memcmp(f.p, g.p, f.n) != 0) abort();
    if (out.bad) abort();
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_header h;
    arena a = {0};
    err_t e;
    if (size >= sizeof h) {
        memcpy(&h, data, sizeof h);
        if (wire_header_check(&h, WIRE_REQUEST_MOST, &e) && h.size > WIRE_REQUEST_MOST) abort();
    }
    wire_reader r = {.p = data, .end = data + size};
    walk(&a, r, 0);
    rewrite(r);
    arena_free(&a);
    return 0;
}
