/* Building messages: header, fields, groups. */
#include "wire/wire.h"

enum { FIELD_HEAD = 8, SIZE_IN_FIELD = 4, SIZE_IN_HEADER = 0 };

static void patch_u32(buf_t *b, size_t at, size_t value)
{
    if (b->failed || at + 4 > b->n) return;
    uint32_t v = (uint32_t)value;
    memcpy(b->p + at, &v, sizeof v);
}

static void field_head(buf_t *b, wire_tag tag, uint32_t size)
{
    buf_u16(b, (uint16_t)tag);
    buf_u16(b, 0);
    buf_u32(b, size);
}

void wire_begin(buf_t *b, wire_kind kind, uint32_t request)
{
    buf_u32(b, 0);
    buf_u16(b, (uint16_t)kind);
    buf_u16(b, WIRE_VERSION);
    buf_u32(b, request);
    buf_u32(b, 0);
}

void wire_end(buf_t *b, size_t begin_at)
{
    if (b->failed || b->n < begin_at + sizeof(wire_header)) return;
    patch_u32(b, begin_at + SIZE_IN_HEADER, b->n - begin_at - sizeof(wire_header));
}

void wire_u32(buf_t *b, wire_tag tag, uint32_t v)
{
    field_head(b, tag, sizeof v);
    buf_u32(b, v);
}

void wire_u64(buf_t *b, wire_tag tag, uint64_t v)
{
    field_head(b, tag, sizeof v);
    buf_u64(b, v);
}

void wire_text(buf_t *b, wire_tag tag, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    field_head(b, tag, (uint32_t)n);
    buf_put(b, text, n);
}

void wire_bytes(buf_t *b, wire_tag tag, const void *p, size_t n)
{
    field_head(b, tag, (uint32_t)n);
    buf_put(b, p, n);
}

size_t wire_open(buf_t *b, wire_tag tag)
{
    field_head(b, tag, 0);
    return b->n;
}

void wire_close(buf_t *b, size_t mark)
{
    if (b->failed || mark < FIELD_HEAD || mark > b->n) return;
    patch_u32(b, mark - FIELD_HEAD + SIZE_IN_FIELD, b->n - mark);
}

void wire_put_budget(buf_t *b, const wire_budget *budget)
{
    const size_t group = wire_open(b, WIRE_T_BUDGET);
    wire_u32(b, WIRE_T_SHARE, budget->share);
    wire_u64(b, WIRE_T_EVENTS, budget->events);
    wire_u64(b, WIRE_T_BYTES, budget->bytes);
    wire_close(b, group);
}
