#include "client/value.h"
#include "wire/element.h"

#include <stdio.h>

void value_opaque(const char *type, rj_value *out)
{
    out->kind = RJ_OPAQUE;
    if (type && *type) out->type = type;
}

static bool is_high_surrogate(const uint8_t *unit)
{
    return (unit[1] & 0xFC) == 0xD8;
}

void value_utf16(decoder *d, rj_kind kind, const uint8_t *p, uint64_t units, bool cut, rj_value *out)
{
    if (cut && units && is_high_surrogate(p + 2 * (units - 1))) units--; /* not half a character */
    char *text = arena_room(d->a, units + 1, TEXT_UTF8_MOST(1));
    out->kind = kind;
    out->text = "";
    out->text_size = 0;
    out->cut = cut;
    if (!text) return;
    size_t n = text_utf16_write(text, p, units);
    text[n] = 0;
    out->text = text;
    out->text_size = n;
}

/* ---- primitives ---- */

static int64_t sign_extend(uint32_t element, uint64_t raw)
{
    switch (element) {
    case WIRE_E_I1: return (int8_t)raw;
    case WIRE_E_I2: return (int16_t)raw;
    case WIRE_E_I4: return (int32_t)raw;
    default: return (int64_t)raw;
    }
}

static const char *primitive_name(uint32_t element)
{
    static const char *const names[] = {"bool", "char", "sbyte", "byte",  "short", "ushort",
                                        "int",  "uint", "long",  "ulong", "float", "double"};
    if (element >= WIRE_E_BOOLEAN && element <= WIRE_E_R8) return names[element - WIRE_E_BOOLEAN];
    return element == WIRE_E_I ? "nint" : element == WIRE_E_U ? "nuint" : "void*";
}

/* p holds wire_element_size(element) bytes. */
static void primitive(decoder *d, uint32_t element, const uint8_t *p, rj_value *out)
{
    uint64_t raw = 0;
    float single;
    memcpy(&raw, p, wire_element_size(element));
    if (!*out->type) out->type = primitive_name(element);
    out->u = raw;
    out->i = sign_extend(element, raw);
    switch (element) {
    case WIRE_E_BOOLEAN:
        out->kind = RJ_BOOL;
        out->u = raw != 0;
        break;
    case WIRE_E_CHAR: value_utf16(d, RJ_CHAR, p, 1, false, out); break;
    case WIRE_E_U1:
    case WIRE_E_U2:
    case WIRE_E_U4:
    case WIRE_E_U8:
    case WIRE_E_U: out->kind = RJ_UINT; break;
    case WIRE_E_R4:
        memcpy(&single, p, sizeof single);
        out->kind = RJ_SINGLE;
        out->f = (double)single;
        break;
    case WIRE_E_R8:
        out->kind = RJ_FLOAT;
        memcpy(&out->f, p, sizeof out->f);
        break;
    case WIRE_E_PTR:
    case WIRE_E_FNPTR:
    case WIRE_E_BYREF: out->kind = RJ_POINTER; break;
    default: out->kind = RJ_INT; break;
    }
}

/* ---- enums ---- */

static bool put_flag(buf_t *b, const char *name)
{
    buf_printf(b, "%s%s", b->n ? " | " : "", name);
    return true;
}

/* The names of the bits, largest members first; false where bits are left that have no name. */
static bool put_flags(const type_info *t, uint64_t value, buf_t *b)
{
    const char *names[64];
    size_t n = 0;
    uint64_t left = value;
    while (left && n < RJ_COUNT(names)) {
        const type_member *best = NULL;
        for (uint32_t i = 0; i < t->member_count; i++) {
            const type_member *m = &t->members[i];
            if (m->value && (m->value & left) == m->value && (!best || m->value > best->value)) best = m;
        }
        if (!best) return false;
        names[n++] = best->name;
        left &= ~best->value;
    }
    while (n--)
        put_flag(b, names[n]);
    return !left && value;
}

static void enumeration(decoder *d, const type_info *t, const uint8_t *p, uint32_t n, rj_value *out)
{
    uint32_t size = wire_element_size(t->element);
    if (!size || size > n) {
        value_opaque(t->name, out);
        return;
    }
    uint64_t raw = 0, mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
    memcpy(&raw, p, size);
    out->kind = RJ_ENUM;
    out->type = t->name;
    out->i = sign_extend(t->element, raw);
    out->u = raw;
    const char *text = NULL;
    for (uint32_t i = 0; i < t->member_count && !text; i++)
        if ((t->members[i].value & mask) == raw) text = t->members[i].name;
    buf_t b = {0};
    if (!text && t->flags && put_flags(t, raw, &b)) text = arena_strdup(d->a, buf_cstr(&b));
    buf_free(&b);
    bool is_signed =
        t->element == WIRE_E_I1 || t->element == WIRE_E_I2 || t->element == WIRE_E_I4 || t->element == WIRE_E_I8;
    if (!text)
        text = is_signed ? arena_printf(d->a, "%lld", (long long)out->i)
                         : arena_printf(d->a, "%llu", (unsigned long long)raw);
    out->text = text ? text : "";
    out->text_size = strlen(out->text);
}

/* ---- fields ---- */

static void one_field(decoder *d, const view *v, const type_field *f, unsigned depth, rj_value *item)
{
    bool there = f->offset < v->n;
    *item = (rj_value){.name = f->shown, .type = f->type_name, .text = ""};
    if (!d->s->wanted.reveal && f->secret)
        item->kind = RJ_SECRET;
    else
        value_element(d, f->element, f->type, f->type_name, there ? v->p + f->offset : v->p,
                      there ? v->n - f->offset : 0, depth, item);
}

void value_fields(decoder *d, const view *v, const char *const *without, unsigned depth, rj_value *out)
{
    rj_value *items = arena_array(d->a, v->type->field_count, sizeof *items);
    if (!items) return;
    out->kind = RJ_OBJECT;
    out->items = items;
    for (uint32_t i = 0; i < v->type->field_count; i++) {
        bool left_out = false;
        for (size_t k = 0; without && without[k]; k++)
            left_out |= strcmp(without[k], v->type->fields[i].name) == 0;
        if (left_out) continue;
        one_field(d, v, &v->type->fields[i], depth, &items[out->count]);
        if (items[out->count++].cut) out->cut = true;
    }
}

bool value_field(decoder *d, const view *v, const char *name, unsigned depth, rj_value *out)
{
    const type_field *f = type_field_of(v->type, name);
    if (!f || f->offset >= v->n) return false;
    *out = (rj_value){.name = "", .type = f->type_name, .text = ""};
    value_element(d, f->element, f->type, f->type_name, v->p + f->offset, v->n - f->offset, depth, out);
    return true;
}

bool value_field_int(const view *v, const char *name, int64_t *out)
{
    const type_field *f = type_field_of(v->type, name);
    uint32_t size = f ? wire_element_size(f->element) : 0;
    if (!size || f->offset > v->n || size > v->n - f->offset) return false;
    uint64_t raw = 0;
    memcpy(&raw, v->p + f->offset, size);
    *out = sign_extend(f->element, raw);
    return true;
}

/* ---- objects and structs ---- */

static void structure(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    out->type = v->type->name;
    if (known_read(d, v, depth, out)) return;
    if (depth && v->type->field_count)
        value_fields(d, v, NULL, depth - 1, out);
    else
        value_opaque(v->type->name, out);
}

static bool is_reference(const type_info *t)
{
    return t->kind == WIRE_CLASS || t->kind == WIRE_STRING || t->kind == WIRE_ARRAY;
}

/* Bounds the work on one call; false: no more. */
static bool enter(decoder *d, const char *type, rj_value *out)
{
    if (d->nodes >= NODES_MOST || d->nest >= NEST_MOST) {
        value_opaque(type, out);
        out->cut = true;
        return false;
    }
    d->nodes++;
    d->nest++;
    return true;
}

void value_inline(decoder *d, uint64_t type, const char *declared, const uint8_t *p, uint32_t n, unsigned depth,
                  rj_value *out)
{
    const type_info *t = types_get(d->s, type);
    if (!t || !enter(d, declared, out)) {
        value_opaque(t ? t->name : declared, out);
        return;
    }
    uint32_t size = wire_element_size(t->element);
    if (t->kind == WIRE_ENUM) {
        enumeration(d, t, p, n, out);
    } else if (t->kind == WIRE_SIMPLE && size && size <= n) {
        primitive(d, t->element, p, out);
    } else if (t->kind == WIRE_STRUCT) {
        /* A field's bytes end with the field, not with the object around it. */
        structure(d, &(view){t, p, t->bytes ? RJ_MIN(n, t->bytes) : n}, depth, out);
        if (n < t->bytes) out->cut = true;
    } else if (is_reference(t) && n >= 8) {
        uint64_t address;
        memcpy(&address, p, 8);
        value_reference(d, address, t->name, depth, out);
    } else {
        value_opaque(t->name, out);
    }
    d->nest--;
}

void value_items(decoder *d, const type_info *element, uint32_t size, uint64_t length, const uint8_t *p, uint32_t n,
                 unsigned depth, rj_value *out)
{
    out->kind = RJ_LIST;
    out->length = length;
    uint64_t most = size ? n / size : 0;
    most = RJ_MIN(RJ_MIN(most, length), (uint64_t)WIRE_ELEMENTS_MOST);
    rj_value *items = element ? arena_array(d->a, most, sizeof *items) : NULL;
    if (!items) return;
    out->items = items;
    for (uint64_t i = 0; i < most; i++) {
        rj_value *item = &items[out->count++];
        *item = (rj_value){.name = "", .type = element->name, .text = ""};
        value_inline(d, element->address, element->name, p + i * size, size, depth, item);
        if (item->cut) out->cut = true;
    }
}

static void object(decoder *d, const type_info *t, const piece *x, unsigned depth, rj_value *out)
{
    out->type = t->name;
    switch (t->kind) {
    case WIRE_STRING: {
        uint64_t units = RJ_MIN(x->copied / 2, x->length);
        value_utf16(d, RJ_STRING, x->bytes, units, units < x->length, out);
        return;
    }
    case WIRE_ARRAY:
        value_items(d, types_get(d->s, t->element_type), t->element_size, x->length, x->bytes, x->copied, depth, out);
        return;
    case WIRE_CLASS:
        /* The picture stops at objects that were not asked for: only their type is known. */
        if (!x->copied && t->field_count)
            value_opaque(t->name, out);
        else
            structure(d, &(view){t, x->bytes, x->copied}, depth, out);
        if (x->copied < x->length && x->copied) out->cut = true;
        return;
    default: value_inline(d, t->address, t->name, x->bytes, x->copied, depth, out); return; /* boxed */
    }
}

const piece *value_piece(const decoder *d, uint64_t address)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->pieces[i].address == address) return &d->pieces[i];
    return NULL;
}

void value_reference(decoder *d, uint64_t address, const char *type, unsigned depth, rj_value *out)
{
    if (!address) {
        out->kind = RJ_NULL;
        return;
    }
    const piece *x = value_piece(d, address);
    const type_info *t = x ? types_get(d->s, x->type) : NULL;
    if (!t) {
        value_opaque(type, out);
        return;
    }
    if (!enter(d, t->name, out)) return;
    object(d, t, x, depth, out);
    d->nest--;
}

void value_element(decoder *d, uint32_t element, uint64_t type, const char *declared, const uint8_t *p, uint32_t n,
                   unsigned depth, rj_value *out)
{
    uint32_t size = wire_element_size(element);
    if (size && size <= n) {
        primitive(d, element, p, out);
        return;
    }
    uint64_t address;
    switch (element) {
    case WIRE_E_VALUETYPE: value_inline(d, type, declared, p, n, depth, out); return;
    case WIRE_E_STRING:
    case WIRE_E_CLASS:
    case WIRE_E_VAR:
    case WIRE_E_MVAR:
    case WIRE_E_ARRAY:
    case WIRE_E_GENERICINST:
    case WIRE_E_OBJECT:
    case WIRE_E_SZARRAY:
        if (type) {
            value_inline(d, type, declared, p, n, depth, out);
        } else if (n >= 8) {
            memcpy(&address, p, 8);
            value_reference(d, address, declared, depth, out);
        } else {
            break;
        }
        return;
    default: break;
    }
    value_opaque(declared, out);
    if (!n) out->cut = true; /* lies beyond what was copied */
}

/* ---- slots ---- */

/* Cuts a blob into its pieces; stops at the first that makes no sense. */
static void read_pieces(decoder *d, const uint8_t *p, uint32_t n)
{
    piece *pieces = arena_room(d->a, n / sizeof(wire_piece), sizeof *pieces);
    if (!pieces) return;
    d->pieces = pieces;
    while (n >= sizeof(wire_piece)) {
        wire_piece w;
        memcpy(&w, p, sizeof w);
        if (w.copied > n - sizeof w) break;
        pieces[d->count++] = (piece){w.type, w.address, w.length, w.copied, p + sizeof w};
        uint64_t whole = sizeof w + ((w.copied + UINT64_C(7)) & ~UINT64_C(7));
        if (whole > n) break;
        p += whole;
        n -= (uint32_t)whole;
    }
}

/* What an event shows first is asked for in one question. */
static void want_types(decoder *d)
{
    enum { MOST = 64 };
    uint64_t types[MOST];
    size_t n = 0;
    for (size_t i = 0; i < d->count && n < MOST; i++)
        types[n++] = d->pieces[i].type;
    types_want(d->s, types, n);
}

/* The blob that a slot names, cut into pieces. False: null, or out of bounds. */
static bool blob_of(decoder *d, uint64_t slot, const uint8_t *event, uint32_t size)
{
    uint32_t at = (uint32_t)slot, n = (uint32_t)(slot >> 32);
    if (!slot || at < sizeof(wire_event) || at > size || n > size - at) return false;
    read_pieces(d, event + at, n);
    want_types(d);
    return d->count > 0;
}

#define SPAN_CUT 512u /* bytes after which a probe stops copying */

static void span(decoder *d, unsigned depth, rj_value *out)
{
    const piece *root = &d->pieces[0];
    const type_info *t = types_get(d->s, root->type);
    const type_info *element = t ? types_get(d->s, t->element_type) : NULL;
    if (t) out->type = t->name;
    if (element && element->kind == WIRE_SIMPLE && element->element == WIRE_E_CHAR) {
        uint64_t units = RJ_MIN(root->copied / 2, root->length);
        value_utf16(d, RJ_STRING, root->bytes, units, units < root->length, out);
        return;
    }
    /* What was copied tells the size of an element exactly, unless there was too much of it. */
    uint64_t items = RJ_MIN((uint64_t)root->length, (uint64_t)WIRE_ELEMENTS_MOST);
    uint32_t size = t ? t->element_size : 0;
    if (items && root->copied < SPAN_CUT && root->copied % items == 0) size = (uint32_t)(root->copied / items);
    value_items(d, element, size, root->length, root->bytes, root->copied, depth, out);
}

static void from_blob(decoder *d, const probe_value *v, rj_value *out)
{
    unsigned depth = d->s->wanted.depth;
    const piece *root = &d->pieces[0];
    const type_info *t = types_get(d->s, root->type);
    if (v->how == WIRE_SPAN)
        span(d, depth, out);
    else if (!t)
        value_opaque(v->type, out);
    else
        object(d, t, root, depth, out);
}

void value_read(rj_session *s, arena *a, const probe_value *v, const uint8_t *event, uint32_t size, rj_value *out)
{
    decoder d = {.s = s, .a = a};
    *out = (rj_value){.name = v->name, .type = v->type, .text = ""};
    uint64_t slot = 0;
    if (v->cannot || v->slot < sizeof(wire_event) || v->slot > size || size - v->slot < 8) {
        value_opaque(v->type, out);
        return;
    }
    if (!s->wanted.reveal && v->secret) {
        out->kind = RJ_SECRET;
        return;
    }
    memcpy(&slot, event + v->slot, sizeof slot);
    if (v->how == WIRE_PRIMITIVE) {
        value_element(&d, v->element, 0, v->type, event + v->slot, 8, 0, out);
        return;
    }
    if (!slot)
        out->kind = RJ_NULL;
    else if (blob_of(&d, slot, event, size))
        from_blob(&d, v, out);
    else
        value_opaque(v->type, out);
}

void value_key(rj_session *s, arena *a, const probe_key *key, const wire_key *k, rj_value *out)
{
    decoder d = {.s = s, .a = a};
    const type_info *t = &key->type;
    const uint32_t size = RJ_MIN((uint32_t)k->size, WIRE_KEY_BYTES);
    uint32_t words[4];
    memcpy(words, k->bytes, sizeof words);
    *out = (rj_value){.name = key->name, .type = t->name, .text = "", .kind = RJ_OPAQUE};
    if (key->secret && !s->wanted.reveal)
        out->kind = RJ_SECRET;
    else if (k->kind == WIRE_KEY_NULL)
        out->kind = RJ_NULL;
    else if (k->kind == WIRE_KEY_TEXT)
        value_utf16(&d, RJ_STRING, k->bytes, size / 2, k->cut, out);
    else if (k->kind == WIRE_KEY_DECIMAL && size == sizeof words)
        known_decimal(&d, words[0], words[1], words[2] | (uint64_t)words[3] << 32, out);
    else if (k->kind == WIRE_KEY_NUMBER && t->kind == WIRE_ENUM)
        enumeration(&d, t, k->bytes, size, out);
    else if (k->kind == WIRE_KEY_NUMBER && size >= wire_element_size(t->element))
        primitive(&d, t->element, k->bytes, out);
}

void value_exception(rj_session *s, arena *a, const uint8_t *event, uint32_t size, rj_call *out)
{
    decoder d = {.s = s, .a = a};
    wire_event v;
    rj_value message;
    memcpy(&v, event, sizeof v);
    out->exception = "";
    out->message = NULL;
    if (!blob_of(&d, v.exception, event, size)) return;
    const piece *root = &d.pieces[0];
    const type_info *t = types_get(s, root->type);
    if (!t) return;
    out->exception = t->name;
    if (value_field(&d, &(view){t, root->bytes, root->copied}, "_message", 0, &message) && message.kind == RJ_STRING) {
        out->message = message.text;
        out->truncated |= message.cut;
    }
}
