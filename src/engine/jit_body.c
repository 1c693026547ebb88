/* Bodies between the IL format and the pieces that the JIT takes them in. */
#include "engine/jit-priv.h"

/* II.25.4 */
enum {
    FORMAT_MASK = 3,
    TINY = 2,
    FAT = 3,
    MORE_SECTIONS = 0x8,
    INIT_LOCALS = 0x10,
    FAT_HEADER = 12,
    FAT_FLAGS = 0x3000 | FAT, /* the upper four bits: size of the header in words */
    SECTION_EH = 1,
    SECTION_FAT = 0x40,
    SECTION_MORE = 0x80,
    SMALL_CLAUSE = 12,
    FAT_CLAUSE = 24,
};

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static clr_jit_eh read_small(const uint8_t *p)
{
    return (clr_jit_eh){u16(p), u16(p + 2), p[4], u16(p + 5), p[7], u32(p + 8)};
}

static clr_jit_eh read_fat(const uint8_t *p)
{
    return (clr_jit_eh){u32(p), u32(p + 4), u32(p + 8), u32(p + 12), u32(p + 16), u32(p + 20)};
}

/* The one EH section that compilers write; others that follow are not looked for. */
static bool parse_section(arena *a, cil_blob rest, eng_jit_parts *out, err_t *e)
{
    uint32_t size = rest.n >= 4 ? (rest.p[0] & SECTION_FAT ? u32(rest.p) >> 8 : rest.p[1]) : 0;
    if (!(rest.n >= 4 && rest.p[0] & SECTION_EH) || size < 4 || size > rest.n)
        return err_set(e, ERR_FORMAT, -1, "malformed EH section");
    if (rest.p[0] & SECTION_MORE) return err_set(e, ERR_REFUSED, -1, "it has more than one EH section");
    uint32_t each = rest.p[0] & SECTION_FAT ? FAT_CLAUSE : SMALL_CLAUSE;
    out->eh_count = (size - 4) / each;
    clr_jit_eh *eh = arena_array(a, out->eh_count + 1u, sizeof *eh);
    if (!eh) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < out->eh_count; i++) {
        const uint8_t *at = rest.p + 4 + (size_t)i * each;
        eh[i] = each == FAT_CLAUSE ? read_fat(at) : read_small(at);
    }
    out->eh = eh;
    return true;
}

bool eng_jit_parse(arena *a, cil_blob body, eng_jit_parts *out, err_t *e)
{
    *out = (eng_jit_parts){0};
    if (body.n && (body.p[0] & FORMAT_MASK) == TINY) {
        out->il = body.p + 1;
        out->il_size = body.p[0] >> 2;
        out->max_stack = 8;
        return out->il_size < body.n || err_set(e, ERR_FORMAT, -1, "the body is cut short");
    }
    if (body.n < FAT_HEADER || (body.p[0] & FORMAT_MASK) != FAT)
        return err_set(e, ERR_FORMAT, -1, "malformed body header");
    out->init_locals = body.p[0] & INIT_LOCALS;
    out->max_stack = u16(body.p + 2);
    out->il_size = u32(body.p + 4);
    out->locals_token = u32(body.p + 8);
    out->il = body.p + FAT_HEADER;
    if (out->il_size > body.n - FAT_HEADER) return err_set(e, ERR_FORMAT, -1, "the body is cut short");
    if (!(body.p[0] & MORE_SECTIONS)) return true;
    uint32_t at = (FAT_HEADER + out->il_size + 3) & ~3u;
    return parse_section(a, (cil_blob){body.p + at, at < body.n ? body.n - at : 0}, out, e);
}

static void put_clauses(const eng_compile *c, buf_t *out)
{
    clr_jit_get_eh *get = (clr_jit_get_eh *)eng_jit_real(c, CLR_JIT_GET_EH_INFO);
    while (out->n & 3)
        buf_u8(out, 0);
    buf_u32(out, SECTION_EH | SECTION_FAT | (4 + FAT_CLAUSE * c->original->eh_count) << 8);
    for (uint32_t i = 0; i < c->original->eh_count; i++) {
        clr_jit_eh eh = {0};
        get(c->ee, c->original->method, i, &eh);
        const uint32_t words[] = {eh.flags, eh.try_at, eh.try_size, eh.handler_at, eh.handler_size, eh.token_or_filter};
        for (size_t k = 0; k < RJ_COUNT(words); k++)
            buf_u32(out, words[k]);
    }
}

bool eng_jit_compose(const eng_compile *c, cil_token locals_token, buf_t *out)
{
    const clr_jit_method *m = c->original;
    uint16_t flags =
        FAT_FLAGS | (m->eh_count ? MORE_SECTIONS : 0) | (m->options & CLR_JIT_INIT_LOCALS ? INIT_LOCALS : 0);
    buf_u16(out, flags);
    buf_u16(out, (uint16_t)m->max_stack);
    buf_u32(out, m->il_size);
    buf_u32(out, locals_token);
    buf_put(out, m->il, m->il_size);
    if (m->eh_count) put_clauses(c, out);
    return !out->failed;
}

/* The instantiation in which the locals' types are read is the method's own. */
static void give_locals(eng_compile *c, cil_blob sig)
{
    clr_jit_sig *l = &c->info.locals;
    uint32_t count = 0, n = cil_read_compressed((cil_blob){sig.p + 1, sig.n - 1}, &count);
    if (!l->blob) {
        *l = (clr_jit_sig){.class_args = c->info.sig.class_args,
                           .class_arg = c->info.sig.class_arg,
                           .method_args = c->info.sig.method_args,
                           .method_arg = c->info.sig.method_arg};
    }
    l->convention = sig.p[0];
    l->return_type = 1; /* void */
    l->scope = c->info.scope;
    l->arg_count = (uint16_t)count;
    l->args = sig.p + 1 + n;
    l->blob = sig.p;
    l->blob_size = sig.n;
}

void eng_jit_give(eng_compile *c, const eng_jit_parts *p)
{
    c->info.il = p->il;
    c->info.il_size = p->il_size;
    c->info.max_stack = p->max_stack;
    c->info.options &= ~CLR_JIT_INIT_LOCALS;
    if (p->init_locals) c->info.options |= CLR_JIT_INIT_LOCALS;
    if (p->locals.n > 1) give_locals(c, p->locals);
    c->eh = p->eh;
    c->info.eh_count = p->eh_count;
}
