/* Conditions: what `.Customer.Name` or `[0]` behind an argument means, by the metadata of the types on the way. */
#include "query/query-priv.h"

#define FIELD_STATIC  0x10u /* FieldAttributes, II.23.1.5 */
#define FIELD_LITERAL 0x40u
#define FIELD_SIG     0x06u /* II.23.2.4 */
#define INTERFACE     0x20u /* TypeAttributes, II.23.1.15 */
#define BASES_MOST    32u

typedef struct walker {
    arena *a;
    const query_resolver *resolver;
    err_t *e;
    uint32_t column; /* of the part that is looked at */
} walker;

typedef struct name {
    const char *p;
    size_t n;
} name;

/* A type that was found in the metadata, as it is used. */
typedef struct found_type {
    const cil_image *im;
    uint32_t rid;
    const query_place *place;
} found_type;

/* What collections of the runtime call the fields behind their members. other: subtracted, or the count of an indexer.
 */
static const struct {
    const char *type, *member, *field, *other;
    query_member_kind kind;
} known[] = {
    {"System.Collections.Generic.List`1", "Count", "_size", NULL, QUERY_COUNT},
    {"System.Collections.Generic.List`1", "[]", "_items", "_size", QUERY_LIST_ELEMENT},
    {"System.Collections.Generic.Queue`1", "Count", "_size", NULL, QUERY_COUNT},
    {"System.Collections.Generic.Stack`1", "Count", "_size", NULL, QUERY_COUNT},
    {"System.Collections.Generic.Dictionary`2", "Count", "_count", "_freeCount", QUERY_COUNT},
    {"System.Collections.Generic.HashSet`1", "Count", "_count", "_freeCount", QUERY_COUNT},
};

/* A dictionary's array of entries, and what these are made of. */
static const struct {
    const char *type, *entries, *used, *key, *value, *next;
} dictionary = {"System.Collections.Generic.Dictionary`2", "_entries", "_count", "key", "value", "next"};

/* Interfaces behind which such collections, and arrays, are passed on. */
static const struct {
    const char *type;
    bool has_elements;
} interfaces[] = {
    {"System.Collections.Generic.IList`1", true},
    {"System.Collections.Generic.IReadOnlyList`1", true},
    {"System.Collections.Generic.ICollection`1", false},
    {"System.Collections.Generic.IReadOnlyCollection`1", false},
};

static name name_of(const char *text)
{
    return (name){text, strlen(text)};
}

static bool is_name(name x, const char *text)
{
    return strlen(text) == x.n && memcmp(text, x.p, x.n) == 0;
}

/* Structs that are values as a whole. */
static const char *const closed[] = {"System.Decimal", "System.DateTime", "System.TimeSpan", "System.Guid",
                                     "System.DateTimeOffset"};

/* ---- types ------------------------------------------------------------------------------------------------------ */

static bool find_type(const walker *w, const query_place *p, found_type *out)
{
    *out = (found_type){.place = p};
    if (p->type.element == CIL_E_STRING || p->type.element == CIL_E_OBJECT) return false;
    if (CIL_TABLE(p->type.token) == CIL_TYPE_DEF) {
        out->im = p->im;
        out->rid = CIL_RID(p->type.token);
    } else if (w->resolver && p->type.token) {
        out->im = w->resolver->type(w->resolver->owner, p->im, p->type.token, &out->rid);
    }
    return out->im != NULL;
}

/* The type that a type parameter stands for, as far as the declaration tells. */
static bool substitute(const query_place *p, query_place *out)
{
    *out = *p;
    for (unsigned i = 0; out->type.element == CIL_E_VAR && i < BASES_MOST; i++) {
        const query_place *of = out->instance;
        cil_type arg;
        if (!of || out->type.number >= of->type.number) return false;
        cil_blob args = of->type.args;
        for (uint32_t k = 0; k <= out->type.number; k++) {
            uint32_t n = cil_type_read(args, &arg);
            if (!n) return false;
            args.p += n;
            args.n -= n;
        }
        *out = (query_place){of->im, arg, of->owner, of->instance};
    }
    return out->type.element != CIL_E_VAR && out->type.element != CIL_E_MVAR;
}

/* The base type, seen from the derived one; false where there is none, or none that can be found. */
static bool base_of(const walker *w, const found_type *t, query_place *out)
{
    cil_token base = cil_cell_token(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_EXTENDS);
    if (!CIL_RID(base)) return false;
    query_place *self = arena_copy(w->a, t->place, sizeof *self);
    *out = (query_place){.im = t->im, .owner = t->rid, .instance = self};
    out->type = (cil_type){.element = CIL_E_CLASS, .token = base};
    if (CIL_TABLE(base) != CIL_TYPE_SPEC) return self != NULL;
    cil_blob spec = cil_cell_blob(t->im, CIL_TYPE_SPEC, CIL_RID(base), CIL_TYPE_SPEC_SIG);
    return self && cil_type_read(spec, &out->type) != 0;
}

static const char *text_of(const walker *w, const query_place *p)
{
    buf_t out = {0};
    if (p->type.whole.n)
        cil_sig_type_name(p->im, p->type.whole, p->owner, 0, false, &out);
    else
        cil_type_name(p->im, p->type.token, &out);
    const char *text = arena_strdup(w->a, buf_cstr(&out));
    buf_free(&out);
    return text ? text : "";
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

/* What the source calls a field: the property's name of one that the compiler made for it; NULL: nothing. */
static name source_name(const cil_image *im, uint32_t rid)
{
    static const char behind[] = ">k__BackingField";
    const char *text = cil_cell_string(im, CIL_FIELD, rid, CIL_FIELD_NAME);
    size_t n = strlen(text), tail = sizeof behind - 1;
    if (text[0] != '<') return (name){text, n};
    if (n <= tail + 1 || strcmp(text + n - tail, behind) != 0) return (name){NULL, 0};
    return (name){text + 1, n - tail - 1};
}

/* What properties of System.Exception and Nullable<T> answer with, which are code. */
static name kept_as(const found_type *t, name wanted)
{
    static const char *const fields[][2] = {
        {"Message", "_message"}, {"InnerException", "_innerException"}, {"HResult", "_HResult"}, {"Source", "_source"}};
    const cil_token type = CIL_TOKEN(CIL_TYPE_DEF, t->rid);
    if (cil_type_is(t->im, type, "System.Nullable`1") && is_name(wanted, "HasValue")) return name_of("hasValue");
    if (cil_type_is(t->im, type, "System.Nullable`1") && is_name(wanted, "Value")) return name_of("value");
    if (!cil_type_is(t->im, type, "System.Exception")) return wanted;
    for (size_t i = 0; i < RJ_COUNT(fields); i++)
        if (is_name(wanted, fields[i][0])) return name_of(fields[i][1]);
    return wanted;
}

static uint32_t field_named(const found_type *t, name wanted)
{
    cil_range r = cil_list(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(t->im, CIL_FIELD, at);
        if (cil_cell(t->im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & (FIELD_STATIC | FIELD_LITERAL)) continue;
        name x = source_name(t->im, rid);
        if (x.p && x.n == wanted.n && memcmp(x.p, wanted.p, x.n) == 0) return rid;
    }
    return 0;
}

static bool has_getter(const found_type *t, name wanted)
{
    cil_range r = cil_list(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
    for (uint32_t at = r.first; at < r.end; at++) {
        const char *text =
            cil_cell_string(t->im, CIL_METHOD_DEF, cil_list_item(t->im, CIL_METHOD_DEF, at), CIL_METHOD_DEF_NAME);
        if (strncmp(text, "get_", 4) == 0 && is_name(wanted, text + 4)) return true;
    }
    return false;
}

/* A member of a collection whose fields are known; -1: it is none. */
static int known_member(const found_type *t, name wanted)
{
    for (size_t i = 0; i < RJ_COUNT(known); i++)
        if (is_name(wanted, known[i].member) && cil_type_is(t->im, CIL_TOKEN(CIL_TYPE_DEF, t->rid), known[i].type))
            return (int)i;
    return -1;
}

static void list_fields(const found_type *t, buf_t *out, unsigned *shown)
{
    if (known_member(t, (name){"Count", 5}) >= 0) buf_printf(out, "%sCount", (*shown)++ ? ", " : "");
    cil_range r = cil_list(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = r.first; at < r.end && *shown < 16; at++) {
        uint32_t rid = cil_list_item(t->im, CIL_FIELD, at);
        name x = source_name(t->im, rid);
        if (!x.p || cil_cell(t->im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & (FIELD_STATIC | FIELD_LITERAL)) continue;
        buf_printf(out, "%s%.*s", (*shown)++ ? ", " : "", (int)x.n, x.p);
    }
}

/* "column N: 'X' is no field ..." with what there is, in the type and in its bases. */
static bool no_such_field(const walker *w, const query_place *p, name wanted)
{
    buf_t names = {0};
    unsigned shown = 0;
    bool computed = false;
    query_place at = *p;
    found_type t;
    for (unsigned i = 0; i < BASES_MOST && find_type(w, &at, &t); i++) {
        list_fields(&t, &names, &shown);
        computed |= has_getter(&t, wanted);
        query_place base;
        if (!base_of(w, &t, &base)) break;
        at = base;
    }
    query_error(w->e, w->column, "'%.*s' %s %s; it has %s", (int)wanted.n, wanted.p,
                computed ? "is computed by code, which a condition does not run, in"
                         : "is no field or automatic property of",
                text_of(w, p), shown ? buf_cstr(&names) : "none");
    buf_free(&names);
    return false;
}

/* ---- one part ---------------------------------------------------------------------------------------------------- */

static bool type_of_field(const walker *w, const found_type *t, uint32_t rid, query_place *out)
{
    cil_blob sig = cil_cell_blob(t->im, CIL_FIELD, rid, CIL_FIELD_SIG);
    query_place p = {.im = t->im, .owner = t->rid};
    p.instance = t->place->type.element == CIL_E_GENERICINST ? arena_copy(w->a, t->place, sizeof *t->place) : NULL;
    if (sig.n < 2 || sig.p[0] != FIELD_SIG || !cil_type_read((cil_blob){sig.p + 1, sig.n - 1}, &p.type))
        return query_error(w->e, w->column, "the metadata of this field is damaged");
    return substitute(&p, out) ||
           query_error(w->e, w->column, "its type is a type parameter: what it is differs from object to object");
}

static bool take_known(const walker *w, const found_type *t, int which, query_member *m, query_place *out)
{
    m->kind = known[which].kind;
    m->image = t->im;
    m->type_rid = t->rid;
    if (!query_collection(t->im, t->rid, m->kind == QUERY_LIST_ELEMENT, &m->field_rid, &m->other_rid))
        return query_error(w->e, w->column, "this runtime keeps it otherwise than those that are known");
    return type_of_field(w, t, m->field_rid, out);
}

bool query_collection(const cil_image *image, uint32_t type_rid, bool elements, uint32_t *field_rid,
                      uint32_t *other_rid)
{
    const found_type t = {.im = image, .rid = type_rid};
    const int which = known_member(&t, name_of(elements ? "[]" : "Count"));
    if (which < 0) return false;
    *field_rid = field_named(&t, name_of(known[which].field));
    *other_rid = known[which].other ? field_named(&t, name_of(known[which].other)) : 0;
    return *field_rid && (*other_rid || !known[which].other);
}

static const uint8_t int32[] = {CIL_E_I4};

static bool int_place(const query_place *p, query_place *out)
{
    *out = (query_place){.im = p->im};
    return cil_type_read((cil_blob){int32, 1}, &out->type) != 0;
}

/* Count or [] of an interface; false: it is none of those that are known to have it. */
static bool is_collection(const found_type *t, bool elements)
{
    for (size_t i = 0; i < RJ_COUNT(interfaces); i++)
        if ((interfaces[i].has_elements || !elements) &&
            cil_type_is(t->im, CIL_TOKEN(CIL_TYPE_DEF, t->rid), interfaces[i].type))
            return true;
    return false;
}

static bool element_of(const walker *w, query_place *array)
{
    if (array->type.element != CIL_E_SZARRAY)
        return query_error(w->e, w->column, "%s is no array, List or Dictionary", text_of(w, array));
    query_place p = *array;
    return (cil_type_read(array->type.inner, &p.type) && substitute(&p, array)) ||
           query_error(w->e, w->column, "its type is a type parameter: what it is differs from object to object");
}

static bool is_struct(const cil_type *t)
{
    return t->element == CIL_E_VALUETYPE || (t->element == CIL_E_GENERICINST && t->generic_is_value);
}

bool query_is_nullable(const query_place *p)
{
    return p->type.element == CIL_E_GENERICINST && p->type.generic_is_value &&
           cil_type_is(p->im, p->type.token, "System.Nullable`1");
}

/* One with fields that mean something; where it lies in something else, whose place in there can be found out. */
static bool is_open(const walker *w, const query_place *p, const query_member *before)
{
    found_type t;
    bool is_closed = !is_struct(&p->type) || p->type.element == CIL_E_TYPEDBYREF;
    for (size_t i = 0; i < RJ_COUNT(closed); i++)
        is_closed = is_closed || cil_type_is(p->im, p->type.token, closed[i]);
    if (!is_closed && find_type(w, p, &t))
        is_closed = cil_type_is(t.im, cil_cell_token(t.im, CIL_TYPE_DEF, t.rid, CIL_TYPE_DEF_EXTENDS), "System.Enum");
    if (is_closed)
        return query_error(w->e, w->column, "%s is no object: it has no members that could be compared", text_of(w, p));
    if (!before) return true;
    if (before->kind != QUERY_FIELD && before->kind != QUERY_INNER)
        return query_error(w->e, w->column, "%s is a struct in a collection: its members cannot be compared",
                           text_of(w, p));
    cil_type arg;
    const bool placed = p->type.element != CIL_E_GENERICINST ||
                        (query_is_nullable(p) && cil_type_read(p->type.args, &arg) && arg.element != CIL_E_GENERICINST);
    return placed ||
           query_error(w->e, w->column,
                       "%s lies within another type: where a generic struct keeps its fields there is not known",
                       text_of(w, p));
}

/* In the type itself, then in its bases. */
static bool look_up(const walker *w, const query_place *p, name wanted, query_member *m, query_place *out)
{
    query_place at = *p, base;
    found_type t;
    if (!find_type(w, &at, &t))
        return query_error(w->e, w->column, "the type %s has no fields that could be looked at, or is not loaded yet",
                           text_of(w, p));
    if (is_name(wanted, "Count") && is_collection(&t, false)) {
        m->kind = QUERY_COUNT;
        return int_place(p, out);
    }
    if (cil_cell(t.im, CIL_TYPE_DEF, t.rid, CIL_TYPE_DEF_FLAGS) & INTERFACE)
        return query_error(w->e, w->column, "%s is an interface: its members are code, which a condition does not run",
                           text_of(w, p));
    for (unsigned i = 0; i < BASES_MOST; i++) {
        int which = known_member(&t, wanted);
        if (which >= 0) return take_known(w, &t, which, m, out);
        m->field_rid = field_named(&t, kept_as(&t, wanted));
        if (m->field_rid) {
            m->kind = is_struct(&p->type) ? QUERY_INNER : QUERY_FIELD;
            m->image = t.im;
            m->type_rid = t.rid;
            if (query_is_nullable(p) &&
                is_name(name_of(cil_cell_string(t.im, CIL_FIELD, m->field_rid, CIL_FIELD_NAME)), "value"))
                m->other_rid = field_named(&t, name_of("hasValue"));
            return type_of_field(w, &t, m->field_rid, out);
        }
        if (!base_of(w, &t, &base)) break;
        at = base;
        if (!find_type(w, &at, &t)) break;
    }
    return no_such_field(w, p, wanted);
}

static bool is_reference(const cil_type *t)
{
    return t->element == CIL_E_CLASS || t->element == CIL_E_STRING || t->element == CIL_E_SZARRAY ||
           t->element == CIL_E_ARRAY || t->element == CIL_E_OBJECT ||
           (t->element == CIL_E_GENERICINST && !t->generic_is_value);
}

/* `.name` */
static bool bind_name(const walker *w, const query_place *p, name wanted, query_member *m, query_place *out)
{
    const cil_element e = p->type.element;
    if ((e == CIL_E_STRING || e == CIL_E_SZARRAY) && is_name(wanted, "Length")) {
        m->kind = QUERY_LENGTH;
        return int_place(p, out);
    }
    if (e == CIL_E_STRING || e == CIL_E_SZARRAY)
        return query_error(w->e, w->column, "'%.*s' is no member of %s that can be read; it has Length", (int)wanted.n,
                           wanted.p, text_of(w, p));
    return look_up(w, p, wanted, m, out);
}

/* The element type is what the interface was instantiated with. */
static bool element_of_interface(const walker *w, const query_place *p, query_member *m, query_place *out)
{
    query_place arg = *p;
    m->kind = QUERY_LIST_ELEMENT;
    return (p->type.element == CIL_E_GENERICINST && cil_type_read(p->type.args, &arg.type) && substitute(&arg, out)) ||
           query_error(w->e, w->column, "its type is a type parameter: what it is differs from object to object");
}

/* Where the elements are numbered. */
static bool take_number(const walker *w, const query_node *index, query_member *m)
{
    enum { MOST = 999999999 };
    m->index = (uint32_t)index->i;
    return (index->value_kind == QUERY_INT && index->i >= 0 && index->i <= MOST) ||
           query_error(w->e, w->column, "an index is a number of up to nine digits; write items[0]");
}

/* The bits of the key as they lie in memory; false: it is no integer of that type. */
static bool key_fits(const query_node *index, query_member *m)
{
    const uint32_t size = cil_element_size(m->key_element), bits = 8 * size;
    const bool is_signed = cil_is_signed(m->key_element);
    if (index->value_kind == QUERY_TEXT) {
        m->key_bits = m->key_element == CIL_E_CHAR && index->text_units == 1 ? index->text[0] : 0;
        return m->key_element == CIL_E_CHAR && index->text_units == 1;
    }
    m->key_bits = index->value_kind == QUERY_UINT ? index->u : (uint64_t)index->i;
    if (index->value_kind == QUERY_UINT) return !is_signed && bits == 64;
    if (is_signed) return bits == 64 || (index->i >= -(1LL << (bits - 1)) && index->i < 1LL << (bits - 1));
    return index->i >= 0 && (bits == 64 || index->i < 1LL << bits);
}

static bool take_key(const walker *w, const query_place *key, const query_node *index, query_member *m)
{
    found_type t;
    const cil_type *k = &key->type;
    m->key_element = k->element;
    if (k->element == CIL_E_STRING) {
        m->key_text = index->text;
        m->key_units = index->text_units;
        return index->value_kind == QUERY_TEXT ||
               query_error(w->e, w->column, "its keys are strings; write map[\"key\"]");
    }
    if (k->element == CIL_E_VALUETYPE && find_type(w, key, &t)) m->key_element = query_enum_element(t.im, t.rid);
    const bool is_integer = (m->key_element >= CIL_E_CHAR && m->key_element <= CIL_E_U8) || m->key_element == CIL_E_I ||
                            m->key_element == CIL_E_U;
    if (!is_integer)
        return query_error(w->e, w->column,
                           "its keys are %s; only strings, integers, chars and enums can be looked for",
                           text_of(w, key));
    return key_fits(index, m) || query_error(w->e, w->column, "its keys are %s; this is none", text_of(w, key));
}

/* m: two of them. */
static bool take_entry(const walker *w, const found_type *t, const query_node *index, query_member *m, query_place *out)
{
    query_place entry = {.im = NULL}, key = {.im = NULL};
    found_type e;
    m[0].kind = QUERY_ENTRIES;
    m[0].image = t->im;
    m[0].type_rid = t->rid;
    m[0].field_rid = field_named(t, name_of(dictionary.entries));
    m[0].other_rid = field_named(t, name_of(dictionary.used));
    m[1] = (query_member){.kind = QUERY_LOOKUP, .size = 8};
    if (!m[0].field_rid || !m[0].other_rid || !type_of_field(w, t, m[0].field_rid, &entry) ||
        entry.type.element != CIL_E_SZARRAY || !cil_type_read(entry.type.inner, &entry.type) ||
        !find_type(w, &entry, &e))
        return query_error(w->e, w->column, "this runtime keeps it otherwise than those that are known");
    m[1].image = e.im;
    m[1].type_rid = e.rid;
    m[1].field_rid = field_named(&e, name_of(dictionary.value));
    m[1].other_rid = field_named(&e, name_of(dictionary.key));
    m[1].next_rid = field_named(&e, name_of(dictionary.next));
    if (!m[1].field_rid || !m[1].other_rid || !m[1].next_rid)
        return query_error(w->e, w->column, "this runtime keeps it otherwise than those that are known");
    return type_of_field(w, &e, m[1].other_rid, &key) && take_key(w, &key, index, &m[1]) &&
           type_of_field(w, &e, m[1].field_rid, out);
}

/* `[index]`; m: one, or two where *more is set. */
static bool bind_index(const walker *w, const query_place *p, const query_node *index, query_member *m, bool *more,
                       query_place *out)
{
    if (p->type.element == CIL_E_SZARRAY) {
        m->kind = QUERY_ELEMENT;
        *out = *p;
        return take_number(w, index, m) && element_of(w, out);
    }
    query_place at = *p, base;
    found_type t;
    for (unsigned i = 0; i < BASES_MOST && find_type(w, &at, &t); i++) {
        int which = known_member(&t, name_of("[]"));
        if (which >= 0) return take_number(w, index, m) && take_known(w, &t, which, m, out) && element_of(w, out);
        if (cil_type_is(t.im, CIL_TOKEN(CIL_TYPE_DEF, t.rid), dictionary.type)) {
            *more = true;
            return take_entry(w, &t, index, m, out);
        }
        if (is_collection(&t, true)) return take_number(w, index, m) && element_of_interface(w, &at, m, out);
        if (!base_of(w, &t, &base)) break;
        at = base;
    }
    return query_error(w->e, w->column, "%s is no array, List or Dictionary", text_of(w, p));
}

/* An ImmutableArray is an array in a struct, whose Length and elements are those of the array. */
static bool is_wrapped_array(const query_place *p, const char *part)
{
    static const char length[] = ".Length";
    const size_t n = sizeof length - 1;
    return is_struct(&p->type) && cil_type_is(p->im, p->type.token, "System.Collections.Immutable.ImmutableArray`1") &&
           (part[0] == '[' || (strncmp(part, length, n) == 0 && !query_name_char(part[n])));
}

/* The part at text[*at], which is `.name` or `[index]`; consumed. m: has room for two, *more: both were needed. */
static bool bind_part(walker *w, const query_path_text *path, uint32_t *at, const query_place *p,
                      const query_member *before, query_member *m, bool *more, query_place *out)
{
    const char *text = path->text;
    w->column = path->columns[*at];
    if (!is_reference(&p->type) && !is_open(w, p, before)) return false;
    query_place array;
    if (is_wrapped_array(p, text + *at)) {
        if (!look_up(w, p, name_of("array"), m, &array)) return false;
        p = &array;
        *++m = (query_member){.size = 8};
        *more = true;
    }
    if (text[*at] == '[') {
        query_node index = {.kind = QUERY_COMPARE};
        query_source inside = {.a = w->a, .text = text, .at = *at + 1, .end = (uint32_t)strlen(text), .e = w->e};
        if (!query_literal_parse(&inside, &index)) return false;
        *at = inside.at + 1; /* the bracket */
        if (!bind_index(w, p, &index, m, more, out)) return false;
    } else {
        uint32_t from = ++*at;
        w->column = path->columns[from];
        while (query_name_char(text[*at]))
            ++*at;
        if (!bind_name(w, p, (name){text + from, *at - from}, m, out)) return false;
    }
    return true;
}

bool query_path_bind(arena *a, const query_resolver *resolver, const query_path_text *text, const query_place *root,
                     query_node *n, query_place *out, err_t *e)
{
    walker w = {.a = a, .resolver = resolver, .e = e};
    query_member members[QUERY_MEMBERS_MOST + 1];
    uint32_t count = 0;
    *out = *root;
    for (uint32_t at = text->from; text->text[at];) {
        if (count == QUERY_MEMBERS_MOST)
            return query_error(e, text->columns[at], "more than %u members one behind the other", QUERY_MEMBERS_MOST);
        query_place from = *out;
        members[count] = (query_member){.size = 8}; /* a reference, where it is not the last */
        const query_member *before = count ? &members[count - 1] : NULL;
        bool more = false;
        if (!bind_part(&w, text, &at, &from, before, &members[count++], &more, out)) return false;
        if (more && count++ == QUERY_MEMBERS_MOST)
            return query_error(e, w.column, "more than %u members one behind the other", QUERY_MEMBERS_MOST);
    }
    if (query_is_nullable(out)) {
        const query_place from = *out;
        w.column = n->column;
        if (count == QUERY_MEMBERS_MOST)
            return query_error(e, w.column, "more than %u members one behind the other", QUERY_MEMBERS_MOST);
        members[count] = (query_member){.size = 8};
        if (!is_open(&w, &from, count ? &members[count - 1] : NULL) ||
            !look_up(&w, &from, name_of("Value"), &members[count++], out))
            return false;
        n->is_nullable = true;
    }
    n->members = arena_copy(a, members, count * sizeof *members);
    n->member_count = count;
    return n->members || err_set(e, ERR_MEMORY, -1, "out of memory");
}
