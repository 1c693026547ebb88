/*
 * What a type handle stands for: name, kind, fields and their offsets, so that a client can read the pictures that
 * probes take. Asked for on the agent's thread, long after the picture was taken.
 */
#include "engine/engine-priv.h"

#define ARGS_MOST   16u
#define FIELDS_MOST 256u
#define DEPTH_MOST  16u
#define BASES_MOST  64u

static bool peek(uint64_t address, eng_table *out)
{
    return eng_peek(address, out, sizeof *out);
}

typedef struct type_info {
    eng_module *module;
    uint32_t token;
    clr_class_id parent;
    uint32_t arg_count;
    clr_class_id args[ARGS_MOST];
} type_info;

static bool info_of(eng *g, clr_class_id id, type_info *t)
{
    clr_module_id module = 0;
    *t = (type_info){0};
    if (g->info->vt->GetClassIDInfo2(g->info, id, &module, &t->token, &t->parent, ARGS_MOST, &t->arg_count, t->args) <
        0)
        return false;
    t->arg_count = RJ_MIN(t->arg_count, ARGS_MOST);
    t->module = module ? eng_module_known(g, module) : NULL;
    return t->module && CIL_RID(t->token) && eng_module_open(g, t->module);
}

static bool is_core(const eng_module *m)
{
    return strcmp(m->assembly, "System.Private.CoreLib") == 0;
}

static const struct {
    const char *name, *keyword;
    cil_element element;
} simple[] = {
    {"Boolean", "bool", CIL_E_BOOLEAN},
    {"Char", "char", CIL_E_CHAR},
    {"SByte", "sbyte", CIL_E_I1},
    {"Byte", "byte", CIL_E_U1},
    {"Int16", "short", CIL_E_I2},
    {"UInt16", "ushort", CIL_E_U2},
    {"Int32", "int", CIL_E_I4},
    {"UInt32", "uint", CIL_E_U4},
    {"Int64", "long", CIL_E_I8},
    {"UInt64", "ulong", CIL_E_U8},
    {"Single", "float", CIL_E_R4},
    {"Double", "double", CIL_E_R8},
    {"IntPtr", "nint", CIL_E_I},
    {"UIntPtr", "nuint", CIL_E_U},
    {"String", "string", CIL_E_STRING},
    {"Object", "object", CIL_E_OBJECT},
    {"Decimal", "decimal", CIL_E_VALUETYPE},
};

static int simple_of(const type_info *t)
{
    if (!is_core(t->module)) return -1;
    const cil_image *im = &t->module->image;
    uint32_t rid = CIL_RID(t->token);
    if (strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAMESPACE), "System") != 0) return -1;
    const char *name = cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME);
    for (size_t i = 0; i < RJ_COUNT(simple); i++)
        if (strcmp(simple[i].name, name) == 0) return (int)i;
    return -1;
}

static bool is_simple(eng *g, clr_class_id id)
{
    type_info t;
    eng_table mt;
    return !(id & 2) && eng_is_type(g, id, &mt) && info_of(g, id, &t) && simple_of(&t) >= 0;
}

static void put_name(eng *g, clr_class_id id, bool full, buf_t *out, unsigned depth);

/* Name parts from the outermost type in; each `n takes the next n of the type arguments. */
static void put_parts(eng *g, const type_info *t, uint32_t rid, uint32_t *arg, bool full, buf_t *out, unsigned depth)
{
    const cil_image *im = &t->module->image;
    uint32_t outer = cil_enclosing(im, rid);
    if (outer && outer != rid && depth < DEPTH_MOST) {
        put_parts(g, t, outer, arg, full, out, depth + 1);
        buf_u8(out, '+');
    } else if (full) {
        const char *space = cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAMESPACE);
        if (*space) buf_printf(out, "%s.", space);
    }
    const char *name = cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME), *tick = strchr(name, '`');
    buf_put(out, name, tick ? (size_t)(tick - name) : strlen(name));
    unsigned arity = 0;
    for (const char *p = tick ? tick + 1 : ""; *p >= '0' && *p <= '9' && arity < 1000; p++)
        arity = arity * 10 + (unsigned)(*p - '0');
    for (unsigned i = 0; i < arity && *arg < t->arg_count; i++) {
        buf_str(out, i ? "," : "<");
        put_name(g, t->args[(*arg)++], false, out, depth + 1);
    }
    if (arity) buf_u8(out, '>');
}

static void put_name(eng *g, clr_class_id id, bool full, buf_t *out, unsigned depth)
{
    uint32_t element_type = 0, rank = 0, arg = 0;
    clr_class_id element = 0;
    type_info t;
    eng_table mt;
    if (depth > DEPTH_MOST || id & 2 || !eng_is_type(g, id, &mt)) {
        buf_u8(out, '?');
        return;
    }
    if (g->info->vt->IsArrayClass(g->info, id, &element_type, &element, &rank) == CLR_OK) {
        /* int[] even in full: the element is no type that a reader is chosen for */
        put_name(g, element, full && !is_simple(g, element), out, depth + 1);
        buf_u8(out, '[');
        for (uint32_t i = 1; i < rank; i++)
            buf_u8(out, ',');
        buf_u8(out, ']');
        return;
    }
    if (!info_of(g, id, &t)) {
        buf_u8(out, '?');
        return;
    }
    int s = full ? -1 : simple_of(&t);
    if (s >= 0)
        buf_str(out, simple[s].keyword);
    else if (depth && t.arg_count == 1 && cil_type_is(&t.module->image, t.token, "System.Nullable`1")) {
        put_name(g, t.args[0], full && !is_simple(g, t.args[0]), out, depth + 1);
        buf_u8(out, '?');
    } else
        put_parts(g, &t, CIL_RID(t.token), &arg, full, out, depth);
}

void eng_type_name(eng *g, clr_class_id id, bool full, buf_t *out)
{
    put_name(g, id, full, out, 0);
}

uint32_t eng_type_names(eng *g, clr_class_id id, cil_made_type *rows, uint32_t room, bool *is_value)
{
    type_info t;
    eng_table mt;
    if (id & 2 || !eng_is_type_alive(g, id) || !eng_is_type(g, id, &mt) || !info_of(g, id, &t)) return 0;
    const cil_image *im = &t.module->image;
    uint32_t chain[DEPTH_MOST], n = 0;
    for (uint32_t rid = CIL_RID(t.token); rid && n < DEPTH_MOST; rid = cil_enclosing(im, rid))
        chain[n++] = rid;
    for (uint32_t i = 0; i < n && i < room; i++) {
        uint32_t rid = chain[n - 1 - i];
        rows[i] = (cil_made_type){cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAMESPACE),
                                  cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME), t.module->assembly, i};
    }
    *is_value = (mt.flags >> 18 & 3) == 1;
    return n <= room ? n : 0;
}

/* ---- fields ---- */

clr_class_id eng_class_of_core(eng *g, const char *space, const char *name)
{
    arena a = {0};
    size_t n = 0;
    eng_module **modules = eng_modules(g, &a, &n);
    clr_class_id id = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_core(modules[i]) || !eng_module_open(g, modules[i])) continue;
        const cil_image *im = &modules[i]->image;
        for (uint32_t rid = 1; rid <= im->rows[CIL_TYPE_DEF] && !id; rid++)
            if (strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME), name) == 0 &&
                strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAMESPACE), space) == 0)
                g->info->vt->GetClassFromToken(g->info, modules[i]->id, CIL_TOKEN(CIL_TYPE_DEF, rid), &id);
    }
    arena_free(&a);
    return id;
}

/* Without the padding that a boxed one has. */
static uint32_t bytes_of_value(eng *g, clr_class_id id)
{
    type_info t;
    clr_field_offset offsets[FIELDS_MOST];
    eng_table mt;
    uint32_t n = 0, size = 0;
    int s = info_of(g, id, &t) ? simple_of(&t) : -1;
    if (s >= 0 && simple[s].element != CIL_E_VALUETYPE) return cil_element_size(simple[s].element);
    if (g->info->vt->GetClassLayout(g->info, id, offsets, FIELDS_MOST, &n, &size) >= 0 && size) return size;
    return peek(id, &mt) && mt.base_size > 16 ? mt.base_size - 16 : 8;
}

static bool is_value(clr_class_id id)
{
    eng_table mt;
    return !(id & 2) && peek(id, &mt) && (mt.flags >> 18 & 3) == 1;
}

/*
 * Type handles of our own: T? as the field of something, where the runtime gives no handle. The handle of T, with its
 * lowest bit set.
 */
#define NULLABLE_OF 1u

static clr_class_id class_of_field(eng *g, const type_info *owner, cil_blob sig, unsigned depth);

static clr_class_id nullable_field(eng *g, const type_info *owner, const cil_type *t, unsigned depth)
{
    if (t->number != 1 || !cil_type_is(&owner->module->image, t->token, "System.Nullable`1")) return 0;
    clr_class_id of = class_of_field(g, owner, t->args, depth + 1);
    return of && !(of & NULLABLE_OF) && is_value(of) ? of | NULLABLE_OF : 0;
}

/*
 * The ClassID of a field's type, seen from its instantiated owner; 0 where unknown. Only for types that the runtime
 * finds without loading: the agent's thread has no managed side, and loading a type on it crashes the process. A
 * non-generic type is in the module's own table, as its owner's loading has put it there; an instantiation may be there
 * at a lower level only, and asking for it would load the rest. So generic structs within fields stay unknown, but for
 * T?.
 */
static clr_class_id class_of_field(eng *g, const type_info *owner, cil_blob sig, unsigned depth)
{
    cil_type t;
    clr_class_id id = 0;
    if (depth > DEPTH_MOST || !cil_type_read(sig, &t) || t.byref) return 0;
    for (size_t i = 0; i < RJ_COUNT(simple); i++)
        if (simple[i].element == t.element && t.element != CIL_E_VALUETYPE)
            return eng_class_of_core(g, "System", simple[i].name);
    if (t.element == CIL_E_VAR) return t.number < owner->arg_count ? owner->args[t.number] : 0;
    if (t.element == CIL_E_GENERICINST && t.generic_is_value) return nullable_field(g, owner, &t, depth);
    if (t.element != CIL_E_VALUETYPE) return 0;
    uint32_t rid = 0;
    const cil_image *im = eng_resolve_type(g, &owner->module->image, t.token, &rid);
    eng_module *m = im ? eng_module_of_image(g, im) : NULL;
    if (!m || g->info->vt->GetClassFromToken(g->info, m->id, CIL_TOKEN(CIL_TYPE_DEF, rid), &id) < 0) return 0;
    return id;
}

/* How a struct is aligned within another: as its widest field. */
static uint32_t alignment_of(eng *g, clr_class_id id, unsigned depth)
{
    type_info t;
    clr_field_offset offsets[FIELDS_MOST];
    uint32_t n = 0, size = 0, most = 1;
    if (depth > DEPTH_MOST || id & NULLABLE_OF || !info_of(g, id, &t)) return 8;
    int s = simple_of(&t);
    if (s >= 0 && simple[s].element != CIL_E_VALUETYPE) return cil_element_size(simple[s].element);
    if (g->info->vt->GetClassLayout(g->info, id, offsets, FIELDS_MOST, &n, &size) < 0) return 8;
    for (uint32_t i = 0; i < n && i < FIELDS_MOST; i++) {
        cil_blob sig = cil_cell_blob(&t.module->image, CIL_FIELD, CIL_RID(offsets[i].field), CIL_FIELD_SIG);
        cil_type f;
        if (sig.n < 2 || !cil_type_read((cil_blob){sig.p + 1, sig.n - 1}, &f)) return 8;
        clr_class_id of = f.element == CIL_E_VALUETYPE || f.element == CIL_E_VAR ? class_of_field(g, &t, f.bare, 0) : 0;
        uint32_t one = of && is_value(of) ? alignment_of(g, of, depth + 1) : cil_element_size(f.element);
        most = RJ_MAX(most, one);
    }
    return most;
}

static void put_plain_field(const char *name, uint32_t offset, uint32_t element, clr_class_id type,
                            const char *type_name, buf_t *reply)
{
    size_t group = wire_open(reply, WIRE_T_FIELD);
    wire_text(reply, WIRE_T_NAME, name);
    wire_u32(reply, WIRE_T_OFFSET, offset);
    wire_u32(reply, WIRE_T_ELEMENT, element);
    wire_u64(reply, WIRE_T_ADDRESS, type);
    wire_text(reply, WIRE_T_TYPE_NAME, type_name);
    wire_close(reply, group);
}

/* The description of T? behind a handle of our own. */
static void put_nullable(eng *g, clr_class_id of, buf_t *reply)
{
    buf_t name = {0}, inner = {0};
    put_name(g, of, false, &inner, 0);
    buf_printf(&name, "System.Nullable<%s>", buf_cstr(&inner));
    uint32_t at = alignment_of(g, of, 0), size = bytes_of_value(g, of);
    wire_text(reply, WIRE_T_NAME, buf_cstr(&name));
    wire_u32(reply, WIRE_T_BYTES, at + size);
    wire_u32(reply, WIRE_T_TYPE_KIND, WIRE_STRUCT);
    wire_u64(reply, WIRE_T_ELEMENT_TYPE, of);
    wire_u32(reply, WIRE_T_ELEMENT_SIZE, size);
    put_plain_field("hasValue", 0, CIL_E_BOOLEAN, 0, "bool", reply);
    put_plain_field("value", at, CIL_E_VALUETYPE, of, buf_cstr(&inner), reply);
    buf_free(&name);
    buf_free(&inner);
}

static bool field_offset(eng *g, clr_class_id type, uint32_t field, uint32_t *offset)
{
    clr_field_offset offsets[FIELDS_MOST];
    uint32_t n = 0, size = 0;
    if (g->info->vt->GetClassLayout(g->info, type, offsets, FIELDS_MOST, &n, &size) < 0) return false;
    for (uint32_t i = 0; i < n && i < FIELDS_MOST; i++) {
        if (offsets[i].field != field) continue;
        *offset = offsets[i].offset;
        return true;
    }
    return false;
}

/* Does the step name fields of this type? Where it names none, a collection's own are looked for. */
static bool names_fields(const probe_step *s, const type_info *t, uint32_t *field, uint32_t *other)
{
    *field = s->field;
    *other = s->other;
    if (s->module) return t->module->id == s->module && t->token == s->type;
    uint32_t rid = 0, other_rid = 0;
    if (!query_collection(&t->module->image, CIL_RID(t->token), s->kind == PROBE_STEP_LIST_ELEMENT, &rid, &other_rid))
        return false;
    *field = CIL_TOKEN(CIL_FIELD, rid);
    *other = other_rid ? CIL_TOKEN(CIL_FIELD, other_rid) : 0;
    return true;
}

/* The type, or the base of it, that has the fields of the step; its ClassID, 0: none has. */
static clr_class_id owner_of(eng *g, const probe_step *s, clr_class_id id, type_info *t, uint32_t *field,
                             uint32_t *other)
{
    if (!info_of(g, id, t)) return 0;
    for (unsigned i = 0; !names_fields(s, t, field, other); i++) {
        id = t->parent;
        if (i == BASES_MOST || !id || !info_of(g, id, t)) return 0;
    }
    return id;
}

/* The struct that a step leads to from an object of the type, or (VALUE) from a struct of it; 0 where unknown. */
static clr_class_id struct_at(eng *g, const probe_step *s, clr_class_id type)
{
    type_info t;
    uint32_t field = s->field, other;
    if (s->kind == PROBE_STEP_FIELD) {
        if (!owner_of(g, s, type, &t, &field, &other)) return 0;
    } else {
        const clr_class_id within = s->kind == PROBE_STEP_INNER ? struct_at(g, s - 1, type) : type;
        if (within & NULLABLE_OF) return s->other ? within & ~(clr_class_id)NULLABLE_OF : 0;
        if ((s->kind != PROBE_STEP_INNER && s->kind != PROBE_STEP_VALUE) || !within || !info_of(g, within, &t))
            return 0;
    }
    cil_blob sig = cil_cell_blob(&t.module->image, CIL_FIELD, CIL_RID(field), CIL_FIELD_SIG);
    return sig.n < 2 ? 0 : class_of_field(g, &t, (cil_blob){sig.p + 1, sig.n - 1}, 0);
}

/* Where a struct keeps the fields of the step: one more than the offsets in it, 0 where it has none. */
static void answer_inside(eng *g, const probe_step *s, clr_class_id type, uint32_t *offset, uint32_t *other)
{
    type_info t;
    const clr_class_id of = s->kind == PROBE_STEP_INNER ? struct_at(g, s - 1, type) : type;
    uint32_t at = 0, second = 0;
    if (!of) return;
    if (of & NULLABLE_OF)
        at = s->other ? alignment_of(g, of & ~(clr_class_id)NULLABLE_OF, 0) : 0;
    else if (!info_of(g, of, &t) || t.module->id != s->module || t.token != s->type ||
             !field_offset(g, of, s->field, &at) || (s->other && !field_offset(g, of, s->other, &second)))
        return;
    *offset = at + 1;
    *other = s->other ? second + 1 : 0;
}

/* Is the key of a dictionary's entry what the step takes it for? */
static bool has_key(eng *g, const probe_step *s, const type_info *entry)
{
    type_info t;
    if (!entry->arg_count || !info_of(g, entry->args[0], &t)) return false;
    if (s->key_element == CIL_E_STRING) return simple_of(&t) >= 0 && simple[simple_of(&t)].element == CIL_E_STRING;
    return is_value(entry->args[0]) &&
           bytes_of_value(g, entry->args[0]) == cil_element_size((cil_element)s->key_element);
}

/* Where the entries in an array of the type keep what is asked for; see probe_known. */
static void answer_entry(eng *g, const probe_step *s, clr_class_id type, uint32_t *offset, uint32_t *other)
{
    type_info t;
    uint32_t element_type = 0, rank = 0, value = 0, key = 0, next = 0;
    clr_class_id entry = 0;
    if (g->info->vt->IsArrayClass(g->info, type, &element_type, &entry, &rank) != CLR_OK || !info_of(g, entry, &t) ||
        t.module->id != s->module || t.token != s->type || !has_key(g, s, &t) ||
        !field_offset(g, entry, s->field, &value) || !field_offset(g, entry, s->other, &key) ||
        !field_offset(g, entry, s->next, &next) || key > UINT16_MAX || next > UINT16_MAX)
        return;
    *offset = value + 1;
    *other = key | next << 16;
}

/* In the type itself or a base of it. */
void eng_answer(void *owner, const probe_step *s, uint64_t type, uint32_t *offset, uint32_t *other)
{
    eng *g = owner;
    type_info t;
    eng_table mt;
    uint32_t field = 0, second = 0;
    clr_class_id id = type;
    if (!eng_is_type(g, type, &mt)) return;
    if (s->kind == PROBE_STEP_EXACT) {
        *offset = info_of(g, id, &t) && t.module->id == s->module && t.token == s->type;
        return;
    }
    if (s->kind == PROBE_STEP_INNER || s->kind == PROBE_STEP_VALUE) {
        answer_inside(g, s, type, offset, other);
        return;
    }
    if (s->kind == PROBE_STEP_LOOKUP) {
        answer_entry(g, s, type, offset, other);
        return;
    }
    id = owner_of(g, s, id, &t, &field, &second);
    if (!id) return;
    if (!field_offset(g, id, field, offset) || (second && !field_offset(g, id, second, other))) *offset = *other = 0;
}

static void put_field(eng *g, const type_info *t, bool value_type, clr_field_offset at, buf_t *reply)
{
    const cil_image *im = &t->module->image;
    uint32_t rid = CIL_RID(at.field);
    cil_blob sig = cil_cell_blob(im, CIL_FIELD, rid, CIL_FIELD_SIG);
    cil_type type;
    if (sig.n < 2 || !cil_type_read((cil_blob){sig.p + 1, sig.n - 1}, &type)) return;
    buf_t text = {0};
    cil_sig_type_name(im, type.whole, CIL_RID(t->token), 0, false, &text);
    clr_class_id id = 0;
    uint32_t element = type.element;
    if (type.element == CIL_E_VALUETYPE || type.element == CIL_E_VAR ||
        (type.element == CIL_E_GENERICINST && type.generic_is_value)) {
        id = class_of_field(g, t, type.bare, 0);
        bool value = id && (id & NULLABLE_OF || is_value(id));
        element = value ? CIL_E_VALUETYPE : type.element == CIL_E_VAR ? CIL_E_CLASS : CIL_E_VALUETYPE;
    } else if (type.element == CIL_E_GENERICINST) {
        element = CIL_E_CLASS;
    }
    put_plain_field(cil_cell_string(im, CIL_FIELD, rid, CIL_FIELD_NAME), value_type ? at.offset : at.offset - 8,
                    type.byref ? (uint32_t)CIL_E_BYREF : element, id, buf_cstr(&text), reply);
    buf_free(&text);
}

/* Base classes first. */
static void put_fields(eng *g, clr_class_id id, bool value_type, buf_t *reply, unsigned depth)
{
    type_info t;
    clr_field_offset offsets[FIELDS_MOST];
    uint32_t n = 0, size = 0;
    if (depth > 64 || !info_of(g, id, &t)) return;
    if (!value_type && t.parent) put_fields(g, t.parent, false, reply, depth + 1);
    if (g->info->vt->GetClassLayout(g->info, id, offsets, FIELDS_MOST, &n, &size) < 0) return;
    for (uint32_t i = 0; i < n && i < FIELDS_MOST; i++)
        put_field(g, &t, value_type, offsets[i], reply);
}

static bool name_is(eng *g, clr_class_id id, const char *full)
{
    buf_t b = {0};
    if (id) put_name(g, id, true, &b, 0);
    bool same = strcmp(buf_cstr(&b), full) == 0;
    buf_free(&b);
    return same;
}

static uint64_t literal_of(cil_blob b)
{
    uint64_t v = 0;
    memcpy(&v, b.p, RJ_MIN(b.n, 8u));
    return v;
}

static cil_element put_members(const type_info *t, buf_t *reply)
{
    const cil_image *im = &t->module->image;
    cil_range fields = cil_list(im, CIL_TYPE_DEF, CIL_RID(t->token), CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    cil_element underlying = CIL_E_I4;
    for (uint32_t f = fields.first; f < fields.end; f++) {
        cil_blob sig = cil_cell_blob(im, CIL_FIELD, f, CIL_FIELD_SIG);
        bool literal = (cil_cell(im, CIL_FIELD, f, CIL_FIELD_FLAGS) & 0x40) != 0;
        if (!literal && sig.n >= 2) underlying = (cil_element)sig.p[1];
    }
    for (uint32_t c = 1; c <= im->rows[CIL_CONSTANT]; c++) {
        cil_token parent = cil_cell_token(im, CIL_CONSTANT, c, CIL_CONSTANT_PARENT);
        if (CIL_TABLE(parent) != CIL_FIELD || CIL_RID(parent) < fields.first || CIL_RID(parent) >= fields.end) continue;
        size_t group = wire_open(reply, WIRE_T_MEMBER);
        wire_text(reply, WIRE_T_NAME, cil_cell_string(im, CIL_FIELD, CIL_RID(parent), CIL_FIELD_NAME));
        wire_u64(reply, WIRE_T_COUNT, literal_of(cil_cell_blob(im, CIL_CONSTANT, c, CIL_CONSTANT_VALUE)));
        wire_close(reply, group);
    }
    return underlying;
}

static void put_array(eng *g, clr_class_id element, uint32_t rank, const eng_table *mt, buf_t *reply)
{
    (void)g;
    wire_u32(reply, WIRE_T_TYPE_KIND, WIRE_ARRAY);
    wire_u64(reply, WIRE_T_ELEMENT_TYPE, element);
    wire_u32(reply, WIRE_T_ELEMENT_SIZE, mt->flags & 0xFFFF);
    wire_u32(reply, WIRE_T_RANK, rank);
}

static void put_parents(eng *g, clr_class_id parent, buf_t *reply)
{
    type_info t;
    for (unsigned i = 0; parent && i < 32; i++) {
        buf_t name = {0};
        put_name(g, parent, true, &name, 0);
        wire_text(reply, WIRE_T_PARENT_NAME, buf_cstr(&name));
        buf_free(&name);
        if (!info_of(g, parent, &t)) return;
        parent = t.parent;
    }
}

static void put_class(eng *g, clr_class_id id, const type_info *t, buf_t *reply)
{
    int s = simple_of(t);
    bool value = is_value(id);
    if (s >= 0 && simple[s].element == CIL_E_STRING) {
        wire_u32(reply, WIRE_T_TYPE_KIND, WIRE_STRING);
    } else if (s >= 0 && simple[s].element != CIL_E_OBJECT && simple[s].element != CIL_E_VALUETYPE) {
        wire_u32(reply, WIRE_T_TYPE_KIND, WIRE_SIMPLE);
        wire_u32(reply, WIRE_T_ELEMENT, simple[s].element);
    } else if (value && name_is(g, t->parent, "System.Enum")) {
        wire_u32(reply, WIRE_T_TYPE_KIND, WIRE_ENUM);
        wire_u32(reply, WIRE_T_ELEMENT, put_members(t, reply));
        wire_u32(reply, WIRE_T_FLAGS, cil_has_attribute(&t->module->image, t->token, "System.FlagsAttribute"));
    } else {
        wire_u32(reply, WIRE_T_TYPE_KIND, value ? WIRE_STRUCT : WIRE_CLASS);
        if (t->arg_count) {
            wire_u64(reply, WIRE_T_ELEMENT_TYPE, t->args[0]);
            wire_u32(reply, WIRE_T_ELEMENT_SIZE, is_value(t->args[0]) ? bytes_of_value(g, t->args[0]) : 8);
        }
        put_fields(g, id, value, reply, 0);
    }
    put_parents(g, t->parent, reply);
}

/* A state machine as compilers make them: nested, with a MoveNext. */
static void put_move_next(const type_info *t, buf_t *reply)
{
    const cil_image *im = &t->module->image;
    uint32_t type = CIL_RID(t->token);
    if (!cil_enclosing(im, type)) return;
    cil_range methods = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
    for (uint32_t rid = methods.first; rid < methods.end; rid++) {
        if (strcmp(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), "MoveNext") != 0) continue;
        buf_t name = {0};
        cil_method_name(im, rid, true, &name);
        size_t group = wire_open(reply, WIRE_T_FRAME);
        wire_text(reply, WIRE_T_NAME, buf_cstr(&name));
        wire_text(reply, WIRE_T_MODULE, t->module->file);
        eng_put_source(t->module, CIL_TOKEN(CIL_METHOD_DEF, rid), reply);
        wire_close(reply, group);
        buf_free(&name);
        return;
    }
}

static void put_type(eng *g, clr_class_id id, const eng_table *mt, buf_t *reply)
{
    uint32_t element_type = 0, rank = 0;
    clr_class_id element = 0;
    type_info t;
    buf_t name = {0};
    put_name(g, id, true, &name, 0);
    wire_text(reply, WIRE_T_NAME, buf_cstr(&name));
    buf_free(&name);
    wire_u32(reply, WIRE_T_BYTES, mt->base_size > 16 ? mt->base_size - 16 : 0);
    if (g->info->vt->IsArrayClass(g->info, id, &element_type, &element, &rank) == CLR_OK)
        put_array(g, element, rank, mt, reply);
    else if (info_of(g, id, &t)) {
        put_class(g, id, &t, reply);
        put_move_next(&t, reply);
    }
}

void eng_describe_types(eng *g, const uint64_t *handles, uint32_t count, buf_t *reply)
{
    pthread_mutex_lock(&g->transaction);
    for (uint32_t i = 0; i < count; i++) {
        eng_table mt;
        clr_class_id of = handles[i] & ~(clr_class_id)NULLABLE_OF;
        if (!eng_is_type(g, of, &mt) || (handles[i] & NULLABLE_OF && !is_value(of))) continue;
        size_t group = wire_open(reply, WIRE_T_TYPE);
        wire_u64(reply, WIRE_T_ADDRESS, handles[i]);
        if (handles[i] & NULLABLE_OF)
            put_nullable(g, of, reply);
        else
            put_type(g, of, &mt, reply);
        wire_close(reply, group);
    }
    pthread_mutex_unlock(&g->transaction);
}

bool eng_describe_thrown(eng *g, bool all, buf_t *reply)
{
    uint64_t types[PROBE_TYPES_MOST + 1];
    unsigned n = probe_types_told(types, all);
    if (!n) return false;
    types[n++] = eng_class_of_core(g, "System", "String"); /* its message */
    eng_describe_types(g, types, n, reply);
    return true;
}
