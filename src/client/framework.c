/*
 * Types of the frameworks, a line each: collections by the fields that hold their items, and types that are to people
 * what one of their fields holds. A type whose fields have other names than these prints as any other.
 */
#include "client/value.h"

#include <arpa/inet.h>
#include <stdio.h>

/* ---- collections ---- */

/*
 * The number of items is `count` less `less`. `array` holds them, from `head` on, as a ring; items are its elements, or
 * in these `key` and `value`, or `value` alone. `next`: elements where it is below -1 are free. A picture has the first
 * WIRE_ELEMENTS_MOST elements of an array: what lies behind them is only counted. NULL: there is none.
 */
typedef struct collection {
    const char *type, *count, *less, *array, *head, *key, *value, *next;
    bool backward; /* the last element is the first item */
} collection;

static const collection collections[] = {
    {.type = "System.Collections.Generic.List", .count = "_size", .array = "_items"},
    {.type = "System.Collections.Generic.Queue", .count = "_size", .array = "_array", .head = "_head"},
    {.type = "System.Collections.Generic.Stack", .count = "_size", .array = "_array", .backward = true},
    {.type = "System.Collections.Generic.Dictionary",
     .count = "_count",
     .less = "_freeCount",
     .array = "_entries",
     .key = "key",
     .value = "value",
     .next = "next"},
    {.type = "System.Collections.Generic.HashSet",
     .count = "_count",
     .less = "_freeCount",
     .array = "_entries",
     .value = "Value",
     .next = "Next"},
    {.type = "System.Collections.Generic.OrderedDictionary",
     .count = "_count",
     .array = "_entries",
     .key = "Key",
     .value = "Value"},
    {.type = "System.Collections.Generic.PriorityQueue", .count = "_size", .array = "_nodes"},
    {.type = "System.Collections.Generic.LinkedList", .count = "count"},
    {.type = "System.Collections.Generic.SortedSet", .count = "count"},
    {.type = "System.Collections.Generic.SortedList", .count = "_size"},
    {.type = "System.Collections.Immutable.ImmutableDictionary", .count = "_count"},
    {.type = "System.Collections.Immutable.ImmutableHashSet", .count = "_count"},
    {.type = "System.Collections.Immutable.ImmutableSortedSet", .count = "_count"},
    {.type = "System.Collections.ArrayList", .count = "_size", .array = "_items"},
};

/* A value whose key tells that it is a secret. */
static void hide(const decoder *d, const rj_value *key, rj_value *value)
{
    if (d->s->wanted.reveal || key->kind != RJ_STRING || value->kind == RJ_NULL) return;
    if (secret_name(key->text, value->type))
        *value = (rj_value){.name = value->name, .type = value->type, .text = "", .kind = RJ_SECRET};
}

static bool read_entry(decoder *d, const collection *c, const view *entry, unsigned depth, rj_value *out)
{
    if (!c->key) return value_field(d, entry, c->value, depth, out);
    rj_value *pair = arena_array(d->a, 2, sizeof *pair);
    if (!pair || !value_field(d, entry, c->key, depth, &pair[0]) || !value_field(d, entry, c->value, depth, &pair[1]))
        return false;
    hide(d, &pair[0], &pair[1]);
    *out = (rj_value){.name = "", .type = "", .text = "", .kind = RJ_TUPLE, .items = pair, .count = 2};
    out->cut = pair[0].cut || pair[1].cut;
    return true;
}

static bool is_free(const collection *c, const view *entry)
{
    int64_t next;
    return c->next && value_field_int(entry, c->next, &next) && next < -1;
}

/* The array's own elements, the first item at `head`; as far as they are there without a gap. */
static void put_elements(decoder *d, const collection *c, const type_info *array, const piece *x, uint64_t head,
                         unsigned depth, rj_value *out)
{
    const type_info *element = types_get(d->s, array->element_type);
    const uint32_t size = array->element_size;
    const uint64_t there = size ? x->copied / size : 0;
    rj_value *items = element && there ? arena_array(d->a, there, sizeof *items) : NULL;
    out->items = items;
    for (uint64_t n = 0; items && n < out->length && out->count < there; n++) {
        const uint64_t i = c->backward ? out->length - 1 - n : x->length ? (head + n) % x->length : 0;
        if (i >= there) return;
        const view entry = {element, x->bytes + i * size, size};
        rj_value *item = &items[out->count];
        if (c->value) {
            if (!is_free(c, &entry) && read_entry(d, c, &entry, depth, item)) out->count++;
        } else {
            *item = (rj_value){.name = "", .type = element->name, .text = ""};
            value_inline(d, element->address, element->name, entry.p, size, depth, item);
            out->count++;
        }
        if (out->count) out->cut |= items[out->count - 1].cut;
    }
}

static bool read_collection(decoder *d, const view *v, const collection *c, unsigned depth, rj_value *out)
{
    int64_t count, less = 0, head = 0;
    const type_info *t = NULL;
    if (!value_field_int(v, c->count, &count)) return false;
    if (c->less && !value_field_int(v, c->less, &less)) return false;
    if (c->head && !value_field_int(v, c->head, &head)) return false;
    if (count < less || less < 0 || head < 0) return false;
    out->kind = RJ_LIST;
    out->length = (uint64_t)(count - less);
    const piece *x = c->array ? value_array(d, v, c->array, &t) : NULL;
    if (!x || t->kind != WIRE_ARRAY) return true;
    /* Free elements stand among the others: as many elements as were ever used may be looked at. */
    const uint64_t items = out->length;
    if (c->next) out->length = (uint64_t)count;
    put_elements(d, c, t, x, (uint64_t)head, depth, out);
    out->length = items;
    out->count = RJ_MIN(out->count, (size_t)items);
    return true;
}

/* ---- what one field holds ---- */

static const struct {
    const char *type, *field;
} wrappers[] = {
    {"System.Uri", "_string"},
    {"System.Collections.Immutable.ImmutableArray", "array"},
    {"System.Collections.ObjectModel.Collection", "items"},
    {"System.Collections.ObjectModel.ReadOnlyCollection", "list"},
    {"Microsoft.Extensions.Primitives.StringValues", "_values"},
    {"Microsoft.AspNetCore.Http.PathString", "<Value>k__BackingField"},
    {"Microsoft.AspNetCore.Http.QueryString", "<Value>k__BackingField"},
    {"Microsoft.AspNetCore.Http.HostString", "_value"},
};

/* ---- types of their own ---- */

/* The bits of a BigInteger, the lowest first, are divided by ten until nothing is left. */
static bool read_big(decoder *d, const view *v, rj_value *out)
{
    int64_t sign;
    const type_info *t = NULL;
    char text[WIRE_ELEMENTS_MOST * 10 + 2], *p = text + sizeof text - 1;
    if (!value_field_int(v, "_sign", &sign)) return false;
    const piece *x = value_array(d, v, "_bits", &t);
    *p = 0;
    if (!x) {
        snprintf(text, sizeof text, "%lld", (long long)sign);
        return value_text(d, RJ_DECIMAL, text, out);
    }
    uint32_t bits[WIRE_ELEMENTS_MOST], n = x->length;
    if (t->kind != WIRE_ARRAY || t->element_size != 4 || !n || n > WIRE_ELEMENTS_MOST || x->copied < n * 4)
        return false;
    memcpy(bits, x->bytes, (size_t)n * 4);
    while (n) {
        uint64_t rest = 0;
        for (uint32_t i = n; i-- > 0;) {
            rest = rest << 32 | bits[i];
            bits[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        *--p = (char)('0' + (int)rest);
        while (n && !bits[n - 1])
            n--;
    }
    if (sign < 0) *--p = '-';
    return value_text(d, RJ_DECIMAL, p, out);
}

static bool read_version(decoder *d, const view *v, rj_value *out)
{
    static const char *const parts[] = {"_Major", "_Minor", "_Build", "_Revision"};
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < RJ_COUNT(parts); i++) {
        int64_t part;
        if (!value_field_int(v, parts[i], &part)) return false;
        if (part >= 0) n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", i ? "." : "", (int)part);
    }
    return n && value_text(d, RJ_STRING, text, out);
}

static bool read_address(decoder *d, const view *v, rj_value *out)
{
    int64_t four;
    const type_info *t = NULL;
    char text[INET6_ADDRSTRLEN];
    if (!value_field_int(v, "_addressOrScopeId", &four)) return false;
    const uint32_t in_order = (uint32_t)four;
    const piece *x = value_array(d, v, "_numbers", &t);
    if (!x) return inet_ntop(AF_INET, &in_order, text, sizeof text) && value_text(d, RJ_STRING, text, out);
    uint16_t six[8];
    if (t->kind != WIRE_ARRAY || t->element_size != 2 || x->length != RJ_COUNT(six) || x->copied < sizeof six)
        return false;
    memcpy(six, x->bytes, sizeof six);
    for (size_t i = 0; i < RJ_COUNT(six); i++)
        six[i] = htons(six[i]);
    return inet_ntop(AF_INET6, six, text, sizeof text) && value_text(d, RJ_STRING, text, out);
}

/* Text that a query has: what it is to people, and the type that they know. */
static bool read_command(decoder *d, const view *v, rj_value *out)
{
    static const char *const fields[] = {"_commandText", "m_commandText"};
    rj_value *text = arena_alloc(d->a, sizeof *text);
    for (size_t i = 0; text && i < RJ_COUNT(fields); i++) {
        if (!value_field(d, v, fields[i], 0, text)) continue;
        text->name = "CommandText";
        out->kind = RJ_OBJECT;
        out->items = text;
        out->count = 1;
        out->cut = text->cut;
        return true;
    }
    return false;
}

static const struct {
    const char *type;
    bool (*read)(decoder *d, const view *v, rj_value *out);
} others[] = {
    {"System.Numerics.BigInteger", read_big},
    {"System.Version", read_version},
    {"System.Net.IPAddress", read_address},
};

bool framework_read(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    const char *name = v->type->base;
    for (size_t i = 0; i < RJ_COUNT(collections); i++)
        if (strcmp(collections[i].type, name) == 0) return read_collection(d, v, &collections[i], depth, out);
    for (size_t i = 0; i < RJ_COUNT(wrappers); i++) {
        if (strcmp(wrappers[i].type, name) != 0) continue;
        const char *own = out->name, *type = out->type;
        if (!value_field(d, v, wrappers[i].field, depth, out)) return false;
        out->name = own;
        if (out->kind == RJ_LIST) out->type = type;
        return true;
    }
    for (size_t i = 0; i < RJ_COUNT(others); i++)
        if (strcmp(others[i].type, name) == 0) return others[i].read(d, v, out);
    return v->type->kind == WIRE_CLASS && type_is(v->type, "System.Data.Common.DbCommand") && read_command(d, v, out);
}
