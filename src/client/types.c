#include "client/client-priv.h"

#define FIELDS_MOST 4096u

static const type_info unknown;

const char *type_base_name(arena *a, const char *name)
{
    char *out = arena_strdup(a, name);
    if (!out) return "";
    size_t n = 0;
    unsigned depth = 0;
    for (const char *p = name; *p; p++) {
        if (*p == '<') depth++;
        if (!depth && *p == '`') {
            while (p[1] >= '0' && p[1] <= '9')
                p++;
            continue;
        }
        if (!depth) out[n++] = *p;
        if (*p == '>' && depth) depth--;
    }
    out[n] = 0;
    return out;
}

static size_t count_of(wire_reader r, wire_tag tag)
{
    size_t n = 0;
    for (wire_field f; wire_next(&r, &f);)
        n += f.tag == tag;
    return RJ_MIN(n, FIELDS_MOST);
}

static const char *text(arena *a, const wire_field *f)
{
    const char *s = wire_get_text(a, f);
    return s ? s : "";
}

/* What the compiler calls <Total>k__BackingField, <Total>i__Field or <total>P is Total to its author. */
static const char *shown_name(arena *a, const char *name)
{
    const char *end = strchr(name, '>');
    if (name[0] != '<' || !end || end == name + 1) return name;
    const char *inner = arena_strndup(a, name + 1, (size_t)(end - name - 1));
    return inner ? inner : name;
}

static type_field read_field(arena *a, wire_reader r)
{
    type_field out = {.name = "", .type_name = ""};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_NAME: out.name = text(a, &f); break;
        case WIRE_T_TYPE_NAME: out.type_name = text(a, &f); break;
        case WIRE_T_OFFSET: out.offset = wire_get_u32(&f); break;
        case WIRE_T_ELEMENT: out.element = wire_get_u32(&f); break;
        case WIRE_T_ADDRESS: out.type = wire_get_u64(&f); break;
        default: break;
        }
    }
    out.shown = shown_name(a, out.name);
    out.secret = secret_name(out.shown, out.type_name);
    return out;
}

type_member type_member_read(arena *a, wire_reader r)
{
    type_member out = {.name = ""};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_NAME) out.name = text(a, &f);
        if (f.tag == WIRE_T_COUNT) out.value = wire_get_u64(&f);
    }
    return out;
}

/* The lists of a type: fields, members, names of its bases. */
static bool read_lists(arena *a, wire_reader r, type_info *t)
{
    type_field *fields = arena_array(a, count_of(r, WIRE_T_FIELD), sizeof *fields);
    type_member *members = arena_array(a, count_of(r, WIRE_T_MEMBER), sizeof *members);
    const char **parents = arena_array(a, count_of(r, WIRE_T_PARENT_NAME), sizeof *parents);
    if (!fields || !members || !parents) return false;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_FIELD && t->field_count < FIELDS_MOST)
            fields[t->field_count++] = read_field(a, wire_group(&f));
        if (f.tag == WIRE_T_MEMBER && t->member_count < FIELDS_MOST)
            members[t->member_count++] = type_member_read(a, wire_group(&f));
        if (f.tag == WIRE_T_PARENT_NAME && t->parent_count < FIELDS_MOST) parents[t->parent_count++] = text(a, &f);
    }
    t->fields = fields;
    t->members = members;
    t->parents = parents;
    return true;
}

static const type_move_next *read_move_next(arena *a, wire_reader r)
{
    type_move_next *m = arena_alloc(a, sizeof *m);
    if (m) frame_read(a, r, &m->name, &m->code);
    return m;
}

static type_info *read_type(arena *a, wire_reader r)
{
    type_info *t = arena_alloc(a, sizeof *t);
    if (!t) return NULL;
    t->name = "";
    wire_reader lists = r;
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_ADDRESS: t->address = wire_get_u64(&f); break;
        case WIRE_T_NAME: t->name = text(a, &f); break;
        case WIRE_T_TYPE_KIND: t->kind = wire_get_u32(&f); break;
        case WIRE_T_BYTES: t->bytes = f.n == 8 ? (uint32_t)wire_get_u64(&f) : wire_get_u32(&f); break;
        case WIRE_T_ELEMENT: t->element = wire_get_u32(&f); break;
        case WIRE_T_ELEMENT_TYPE: t->element_type = wire_get_u64(&f); break;
        case WIRE_T_ELEMENT_SIZE: t->element_size = wire_get_u32(&f); break;
        case WIRE_T_RANK: t->rank = wire_get_u32(&f); break;
        case WIRE_T_FLAGS: t->flags = wire_get_u32(&f) & 1; break;
        case WIRE_T_FRAME: t->move_next = read_move_next(a, wire_group(&f)); break;
        default: break;
        }
    }
    t->base = type_base_name(a, t->name);
    return read_lists(a, lists, t) ? t : NULL;
}

void types_read(types_t *t, wire_reader r)
{
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag != WIRE_T_TYPE) continue;
        type_info *one = read_type(&t->a, wire_group(&f));
        const type_info *known = one ? map_get(&t->map, one->address) : NULL;
        if (one && one->address && (!known || known == &unknown)) map_put(&t->map, one->address, one);
    }
}

void types_want(rj_session *s, const uint64_t *addresses, size_t n)
{
    buf_t b = {0};
    wire_reader r;
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (!addresses[i] || map_get(&s->types.map, addresses[i])) continue;
        if (!any) session_begin(s, &b, WIRE_TYPES);
        any = true;
        wire_u64(&b, WIRE_T_ADDRESS, addresses[i]);
    }
    if (!any) return;
    if (!session_ask(s, &b, WIRE_TYPES_REPLY, &r, NULL)) return; /* it may have been told unasked */
    types_read(&s->types, r);
    for (size_t i = 0; i < n; i++)
        if (addresses[i] && !map_get(&s->types.map, addresses[i]))
            map_put(&s->types.map, addresses[i], (void *)(uintptr_t)&unknown);
}

const type_info *types_get(rj_session *s, uint64_t address)
{
    types_want(s, &address, 1);
    const type_info *known = address ? map_get(&s->types.map, address) : NULL;
    return known == &unknown ? NULL : known;
}

void types_free(types_t *t)
{
    map_free(&t->map);
    arena_free(&t->a);
}

const type_field *type_field_of(const type_info *t, const char *name)
{
    for (uint32_t i = 0; i < t->field_count; i++)
        if (strcmp(t->fields[i].name, name) == 0) return &t->fields[i];
    return NULL;
}

bool type_is(const type_info *t, const char *full_name)
{
    if (strcmp(t->base, full_name) == 0) return true;
    for (uint32_t i = 0; i < t->parent_count; i++)
        if (strcmp(t->parents[i], full_name) == 0) return true;
    return false;
}
