/* Reading messages. All of it is hostile: the other side may be of another version, or not ours at all. */
#include "wire/wire.h"

bool wire_next(wire_reader *r, wire_field *f)
{
    if (r->bad || r->p == r->end) return false;
    size_t left = (size_t)(r->end - r->p);
    uint16_t tag;
    uint32_t size;
    if (left < 8) {
        r->bad = true;
        return false;
    }
    memcpy(&tag, r->p, sizeof tag);
    memcpy(&size, r->p + 4, sizeof size);
    if (size > left - 8) {
        r->bad = true;
        return false;
    }
    *f = (wire_field){.tag = (wire_tag)tag, .p = r->p + 8, .n = size};
    r->p += 8 + (size_t)size;
    return true;
}

uint32_t wire_get_u32(const wire_field *f)
{
    uint32_t v = 0;
    if (f->n == sizeof v) memcpy(&v, f->p, sizeof v);
    return v;
}

uint64_t wire_get_u64(const wire_field *f)
{
    uint64_t v = 0;
    if (f->n == sizeof v) memcpy(&v, f->p, sizeof v);
    return v;
}

char *wire_get_text(arena *a, const wire_field *f)
{
    return arena_strndup(a, (const char *)f->p, f->n);
}

wire_reader wire_group(const wire_field *f)
{
    return (wire_reader){.p = f->p, .end = f->p + f->n};
}

bool wire_get_budget(const wire_field *f, wire_budget *out)
{
    wire_reader r = wire_group(f);
    *out = (wire_budget){0};
    for (wire_field w; wire_next(&r, &w);) {
        if (w.tag == WIRE_T_SHARE) out->share = wire_get_u32(&w);
        if (w.tag == WIRE_T_EVENTS) out->events = wire_get_u64(&w);
        if (w.tag == WIRE_T_BYTES) out->bytes = wire_get_u64(&w);
    }
    return !r.bad;
}

bool wire_header_check(const wire_header *h, uint32_t most, err_t *e)
{
    if (h->version < WIRE_VERSION_LEAST)
        return err_set(e, ERR_FORMAT, 6, "protocol version %u is too old: at least %u is spoken here", h->version,
                       WIRE_VERSION_LEAST);
    if (h->kind == 0 || h->zero != 0) return err_set(e, ERR_FORMAT, 0, "this is not a message of rejit");
    if (h->size > most) return err_set(e, ERR_LIMIT, 0, "a message of %u bytes is over the limit of %u", h->size, most);
    return true;
}
