/* Conditions: the tree bound to the parameters of one method. */
#include "query/query-priv.h"

#define FIELD_LITERAL 0x40u /* FieldAttributes, II.23.1.5 */
#define FIELD_STATIC  0x10u
#define PARAM_IN      0x1u /* ParamAttributes, II.23.1.13 */
#define PARAM_OUT     0x2u
#define FIELD_SIG     0x06u /* II.23.2.4 */

typedef struct binder {
    arena *a;
    const cil_image *im;
    uint32_t method, owner;
    cil_method_sig sig;
    const query_resolver *resolver;
    bool pair; /* a side of a PAIR is bound, not a key */
    err_t *e;
} binder;

/* An enum's TypeDef. */
typedef struct enum_type {
    const cil_image *im;
    uint32_t rid;
    cil_element underlying;
} enum_type;

/* ---- parameters ------------------------------------------------------------------------------------------------- */

/* The Param row of a parameter; 0 where it has none. */
static uint32_t param_row(const cil_image *im, uint32_t method_rid, uint16_t index)
{
    cil_range r = cil_list(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_PARAMS, CIL_PARAM);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(im, CIL_PARAM, at);
        if (cil_cell(im, CIL_PARAM, rid, CIL_PARAM_SEQUENCE) == index + 1u) return rid;
    }
    return 0;
}

const char *query_parameter_name(arena *a, const cil_image *image, uint32_t method_rid, uint16_t index)
{
    uint32_t rid = param_row(image, method_rid, index);
    const char *name = rid ? cil_cell_string(image, CIL_PARAM, rid, CIL_PARAM_NAME) : "";
    const char *out = *name ? arena_strdup(a, name) : arena_printf(a, "arg%u", index);
    return out ? out : "";
}

/* How much of the text is the argument's own name. */
static size_t head_of(const char *text)
{
    return strcspn(text, ".[");
}

static bool find_param(const binder *b, const char *text, uint16_t *index)
{
    size_t n = head_of(text);
    for (uint32_t i = 0; i < b->sig.param_count && i <= UINT16_MAX; i++) {
        const char *name = query_parameter_name(b->a, b->im, b->method, (uint16_t)i);
        if (strlen(name) == n && memcmp(name, text, n) == 0) {
            *index = (uint16_t)i;
            return true;
        }
    }
    return false;
}

static const query_local *find_local(const binder *b, const char *text)
{
    const size_t n = head_of(text);
    for (uint32_t i = 0; b->resolver && i < b->resolver->local_count; i++) {
        const query_local *l = &b->resolver->locals[i];
        if (strlen(l->name) == n && memcmp(l->name, text, n) == 0) return l;
    }
    return NULL;
}

static bool is_this(const binder *b, const char *text)
{
    return head_of(text) == 4 && memcmp(text, "this", 4) == 0 && b->sig.convention & 0x20; /* HASTHIS, II.23.2.1 */
}

/* Does the text name what a path may begin with? */
static bool find_root(const binder *b, const char *text, query_node *n)
{
    static const struct {
        const char *name;
        query_root root;
    } ends[] = {
        {"thread", QUERY_THREAD}, {"return", QUERY_RESULT}, {"exception", QUERY_EXCEPTION}, {"elapsed", QUERY_ELAPSED}};
    const query_local *l = find_local(b, text);
    /* Variables first: a parameter that a lambda looks at lives on in a field, as `this` does where a compiler has made
     * a class of the method. */
    n->root = l ? QUERY_LOCAL : is_this(b, text) ? QUERY_THIS : QUERY_ARGUMENT;
    if (l) n->index = (uint16_t)(l - b->resolver->locals);
    if (l || n->root == QUERY_THIS || find_param(b, text, &n->index)) return true;
    for (size_t i = 0; i < RJ_COUNT(ends); i++) {
        if (strlen(ends[i].name) != head_of(text) || memcmp(ends[i].name, text, head_of(text)) != 0) continue;
        n->root = ends[i].root;
        return true;
    }
    return false;
}

static bool no_such_param(const binder *b, const query_node *n)
{
    buf_t names = {0}, method = {0};
    for (uint32_t i = 0; i < b->sig.param_count && i < 32; i++) {
        buf_printf(&names, "%s%s", i ? ", " : "", query_parameter_name(b->a, b->im, b->method, (uint16_t)i));
    }
    for (uint32_t i = 0; b->resolver && i < b->resolver->local_count && i < 32; i++)
        buf_printf(&names, "%s%s", names.n ? ", " : "", b->resolver->locals[i].name);
    cil_method_name(b->im, b->method, false, &method);
    if (names.n) {
        query_error(b->e, n->column, "no argument '%.*s'; %s has %s", (int)head_of(n->argument), n->argument,
                    buf_cstr(&method), buf_cstr(&names));
    } else {
        query_error(b->e, n->column, "no argument '%.*s'; %s has none", (int)head_of(n->argument), n->argument,
                    buf_cstr(&method));
    }
    buf_free(&names);
    buf_free(&method);
    return false;
}

/* ---- enums ------------------------------------------------------------------------------------------------------ */

static bool find_type(const binder *b, cil_token token, enum_type *out)
{
    out->im = NULL;
    if (CIL_TABLE(token) == CIL_TYPE_DEF) {
        out->im = b->im;
        out->rid = CIL_RID(token);
    } else if (b->resolver) {
        out->im = b->resolver->type(b->resolver->owner, b->im, token, &out->rid);
    }
    return out->im != NULL;
}

static bool is_enum(const enum_type *t)
{
    cil_token base = cil_cell_token(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_EXTENDS);
    return cil_type_is(t->im, base, "System.Enum");
}

/* The type of the only instance field (II.14.3). */
static bool find_underlying(enum_type *t)
{
    cil_range r = cil_list(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(t->im, CIL_FIELD, at);
        if (cil_cell(t->im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & FIELD_STATIC) continue;
        cil_blob sig = cil_cell_blob(t->im, CIL_FIELD, rid, CIL_FIELD_SIG);
        if (sig.n < 2 || sig.p[0] != FIELD_SIG) return false;
        t->underlying = (cil_element)sig.p[1];
        return (t->underlying >= CIL_E_BOOLEAN && t->underlying <= CIL_E_U8) || t->underlying == CIL_E_I ||
               t->underlying == CIL_E_U;
    }
    return false;
}

/* The Constant row of a field; the table is sorted by its parent, here HasConstant with tag 0 (II.22.9, II.24.2.6). */
static uint32_t constant_row(const cil_image *im, uint32_t field_rid)
{
    uint32_t low = 1, high = im->rows[CIL_CONSTANT] + 1, parent = field_rid << 2;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cil_cell(im, CIL_CONSTANT, middle, CIL_CONSTANT_PARENT) < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return cil_cell(im, CIL_CONSTANT, low, CIL_CONSTANT_PARENT) == parent ? low : 0;
}

static bool member_value(const enum_type *t, uint32_t field_rid, query_node *n)
{
    uint32_t row = constant_row(t->im, field_rid);
    cil_blob blob = cil_cell_blob(t->im, CIL_CONSTANT, row, CIL_CONSTANT_VALUE);
    if (!row || !blob.n || blob.n > 8) return false;
    uint64_t v = 0;
    memcpy(&v, blob.p, blob.n);
    unsigned unused = 64 - 8 * blob.n;
    n->i = cil_is_signed(t->underlying) ? (int64_t)(v << unused) >> unused : (int64_t)v;
    n->u = v;
    n->value_kind = !cil_is_signed(t->underlying) && v > INT64_MAX ? QUERY_UINT : QUERY_INT;
    return true;
}

cil_element query_enum_element(const cil_image *image, uint32_t type_rid)
{
    enum_type t = {.im = image, .rid = type_rid};
    return is_enum(&t) && find_underlying(&t) ? t.underlying : CIL_E_END;
}

void query_enum_members(const cil_image *image, uint32_t type_rid,
                        bool (*each)(void *owner, const char *name, int64_t value), void *owner)
{
    enum_type t = {.im = image, .rid = type_rid};
    if (!find_underlying(&t)) return;
    cil_range fields = cil_list(image, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = fields.first; at < fields.end; at++) {
        const uint32_t rid = cil_list_item(image, CIL_FIELD, at);
        query_node n;
        if (!(cil_cell(image, CIL_FIELD, rid, CIL_FIELD_FLAGS) & FIELD_LITERAL) || !member_value(&t, rid, &n)) continue;
        if (!each(owner, cil_cell_string(image, CIL_FIELD, rid, CIL_FIELD_NAME), n.i)) return;
    }
}

static bool no_such_member(const binder *b, const query_node *n, const enum_type *t, cil_range fields)
{
    buf_t names = {0}, type = {0};
    unsigned shown = 0;
    for (uint32_t at = fields.first; at < fields.end && shown < 16; at++) {
        uint32_t rid = cil_list_item(t->im, CIL_FIELD, at);
        if (!(cil_cell(t->im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & FIELD_LITERAL)) continue;
        buf_printf(&names, "%s%s", shown++ ? ", " : "", cil_cell_string(t->im, CIL_FIELD, rid, CIL_FIELD_NAME));
    }
    cil_type_name(t->im, CIL_TOKEN(CIL_TYPE_DEF, t->rid), &type);
    query_error(b->e, n->value_column, "'%s' is no member of %s; it has %s", n->name, buf_cstr(&type),
                buf_cstr(&names));
    buf_free(&names);
    buf_free(&type);
    return false;
}

/* Red, Color.Red, Ns.Color.Red */
static bool bind_member(const binder *b, query_node *n, const enum_type *t)
{
    const char *dot = strrchr(n->name, '.'), *member = dot ? dot + 1 : n->name;
    cil_range fields = cil_list(t->im, CIL_TYPE_DEF, t->rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    bool type_fits = true;
    if (dot) {
        buf_t type = {0};
        cil_type_name(t->im, CIL_TOKEN(CIL_TYPE_DEF, t->rid), &type);
        const char *full = buf_cstr(&type);
        size_t n_full = strlen(full), n_typed = (size_t)(dot - n->name);
        type_fits = n_typed <= n_full && memcmp(full + n_full - n_typed, n->name, n_typed) == 0 &&
                    (n_typed == n_full || strchr(".+", full[n_full - n_typed - 1]));
        buf_free(&type);
    }
    for (uint32_t at = fields.first; type_fits && at < fields.end; at++) {
        uint32_t rid = cil_list_item(t->im, CIL_FIELD, at);
        if (!(cil_cell(t->im, CIL_FIELD, rid, CIL_FIELD_FLAGS) & FIELD_LITERAL)) continue;
        if (strcmp(cil_cell_string(t->im, CIL_FIELD, rid, CIL_FIELD_NAME), member) != 0) continue;
        if (member_value(t, rid, n)) {
            n->name = NULL;
            return true;
        }
        return query_error(b->e, n->value_column,
                           "the value of '%s' cannot be read from the metadata; write it as a number", n->name);
    }
    return no_such_member(b, n, t, fields);
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static const char *type_text(const binder *b, const cil_type *t)
{
    buf_t out = {0};
    cil_sig_type_name(b->im, t->whole, b->owner, b->method, false, &out);
    const char *text = arena_strdup(b->a, buf_cstr(&out));
    buf_free(&out);
    return text ? text : "";
}

/* "column N: 'n' is int; ..." at the value. */
static bool mismatch(const binder *b, const query_node *n, const cil_type *t, const char *remedy)
{
    return query_error(b->e, n->value_column, "'%s' is %s; %s", n->argument, type_text(b, t), remedy);
}

static bool only_equality(const binder *b, const query_node *n, const cil_type *t)
{
    if (n->op == QUERY_EQ || n->op == QUERY_NE) return true;
    return mismatch(b, n, t, "compare it with == or !=");
}

/* An identifier that is neither a member of an enum nor a path. */
static bool stray_name(const binder *b, const query_node *n, const cil_type *t)
{
    return query_error(b->e, n->value_column,
                       "'%s' is neither a literal nor an argument; '%s' is %s (text stands in quotes)", n->name,
                       n->argument, type_text(b, t));
}

static void widen_to_float(query_node *n)
{
    if (n->value_kind == QUERY_INT) n->f = (double)n->i;
    if (n->value_kind == QUERY_UINT) n->f = (double)n->u;
    n->value_kind = QUERY_FLOAT;
}

/* A one-character text is a char. */
static bool text_to_char(const binder *b, query_node *n, const cil_type *t)
{
    if (n->text_units != 1) return mismatch(b, n, t, "compare it with one character, such as 'x'");
    n->i = n->text[0];
    n->value_kind = QUERY_INT;
    return true;
}

static bool bind_number(const binder *b, query_node *n, const cil_type *t)
{
    if (n->name) return stray_name(b, n, t);
    if (n->element == CIL_E_BOOLEAN) {
        if (!n->is_bool) return mismatch(b, n, t, "compare it with true or false");
        return only_equality(b, n, t);
    }
    if (n->is_bool)
        return mismatch(b, n, t,
                        n->value_column == n->column ? "only a bool stands alone; write a comparison"
                                                     : "compare it with a number");
    if (n->element == CIL_E_CHAR && n->value_kind == QUERY_TEXT) return text_to_char(b, n, t);
    if (n->value_kind == QUERY_NULL) return mismatch(b, n, t, "it is never null");
    if (n->value_kind == QUERY_TEXT) return mismatch(b, n, t, "compare it with a number");
    if (n->element == CIL_E_R4 || n->element == CIL_E_R8) widen_to_float(n);
    return true;
}

static bool bind_like(const binder *b, query_node *n, const cil_type *t)
{
    uint32_t at;
    const char *wrong;
    if (n->value_kind != QUERY_TEXT) return mismatch(b, n, t, "~ takes a pattern in quotes: ~ \"^Bo.*\"");
    n->like = regex_compile(b->a, n->text, n->text_units, &at, &wrong);
    return n->like || query_error(b->e, n->value_column, "the pattern, at its character %u: %s", at + 1, wrong);
}

static bool bind_string(const binder *b, query_node *n, const cil_type *t)
{
    if (n->name) return stray_name(b, n, t);
    if (n->op == QUERY_LIKE || n->op == QUERY_UNLIKE) return bind_like(b, n, t);
    if (n->value_kind != QUERY_TEXT && n->value_kind != QUERY_NULL)
        return mismatch(b, n, t, "compare it with \"text\" or null");
    return only_equality(b, n, t);
}

static bool bind_reference(const binder *b, query_node *n, const cil_type *t)
{
    n->element = CIL_E_OBJECT;
    if (n->name) return stray_name(b, n, t);
    if (n->value_kind != QUERY_NULL) return mismatch(b, n, t, "it can only be compared with null");
    return only_equality(b, n, t);
}

static bool bind_pointer(const binder *b, query_node *n, const cil_type *t)
{
    n->element = CIL_E_U;
    if (n->value_kind == QUERY_NULL && !n->name) {
        n->value_kind = QUERY_INT;
        n->i = 0;
    }
    return bind_number(b, n, t);
}

static bool bind_decimal(const binder *b, query_node *n, const cil_type *t)
{
    if (n->name) return stray_name(b, n, t);
    if (n->value_kind == QUERY_NULL) return mismatch(b, n, t, "it is never null");
    if (n->value_kind == QUERY_TEXT || n->is_bool)
        return mismatch(b, n, t,
                        n->value_column == n->column ? "only a bool stands alone; write a comparison"
                                                     : "compare it with a number");
    if (!n->decimal.fits) return mismatch(b, n, t, "this number has more digits than it can have");
    n->value_kind = QUERY_DECIMAL;
    return true;
}

/* No number, string, enum or bool. */
static bool no_key(const binder *b, const query_node *n, const cil_type *t)
{
    return query_error(b->e, n->column, "'%s' is %s: %s numbers, strings, enums and bools; name such a member",
                       n->argument, type_text(b, t), b->pair ? "two sides can be" : "calls are told apart by");
}

/* Without a literal: can it tell calls apart, or be compared with another of its kind? */
static bool bind_key(const binder *b, query_node *n, const cil_type *t)
{
    enum_type type = {0};
    if (cil_is_primitive(t->element) || (t->element == CIL_E_STRING && !t->byref)) return true;
    if (t->element == CIL_E_VALUETYPE && cil_type_is(b->im, t->token, "System.Decimal")) return true;
    if (t->element != CIL_E_VALUETYPE || (find_type(b, t->token, &type) && !is_enum(&type))) return no_key(b, n, t);
    if (!type.im)
        return query_error(b->e, n->column, "the type %s of '%s' is not loaded yet", type_text(b, t), n->argument);
    if (!find_underlying(&type)) return mismatch(b, n, t, "its metadata is damaged: no underlying type");
    n->is_enum = true;
    n->element = type.underlying;
    n->enum_image = type.im;
    n->enum_rid = type.rid;
    return true;
}

static bool bind_enum(const binder *b, query_node *n, const cil_type *t)
{
    enum_type type = {0};
    if (!find_type(b, t->token, &type)) {
        return query_error(b->e, n->column, "the type %s of '%s' is not loaded yet; its values cannot be compared",
                           type_text(b, t), n->argument);
    }
    if (!is_enum(&type))
        return mismatch(b, n, t, "only primitive types, decimals, strings, enums and null can be compared");
    if (!find_underlying(&type)) return mismatch(b, n, t, "its metadata is damaged: no underlying type");
    n->is_enum = true;
    n->element = type.underlying;
    if (n->name) return bind_member(b, n, &type);
    if (n->value_kind == QUERY_INT && !n->is_bool) return true;
    if (n->value_kind == QUERY_UINT) return true;
    return mismatch(b, n, t, "compare it with one of its members or a number");
}

/* By the kind of the parameter's type. */
static bool bind_value(const binder *b, query_node *n, const cil_type *t)
{
    n->element = t->element;
    if (n->kind == QUERY_KEY) return bind_key(b, n, t);
    if (n->is_time) return mismatch(b, n, t, "a time can be compared with 'elapsed' only");
    if ((n->op == QUERY_LIKE || n->op == QUERY_UNLIKE) && t->element != CIL_E_STRING)
        return mismatch(b, n, t, "~ is for strings");
    if (cil_is_primitive(t->element)) return bind_number(b, n, t);
    if (t->element == CIL_E_VALUETYPE && cil_type_is(b->im, t->token, "System.Decimal")) return bind_decimal(b, n, t);
    if (t->element == CIL_E_VALUETYPE) return bind_enum(b, n, t);
    bool is_struct = t->element == CIL_E_GENERICINST && t->generic_is_value;
    if (is_struct || t->element == CIL_E_VAR || t->element == CIL_E_MVAR || t->element == CIL_E_TYPEDBYREF) {
        return mismatch(b, n, t, "only primitive types, decimals, strings, enums and null can be compared");
    }
    if (t->byref) return mismatch(b, n, t, "a reference to a reference cannot be compared");
    if (t->element == CIL_E_STRING) return bind_string(b, n, t);
    if (t->element == CIL_E_PTR || t->element == CIL_E_FNPTR) return bind_pointer(b, n, t);
    return bind_reference(b, n, t);
}

/* Red == color: the parser could not know which is which. */
static void turn(query_node *n)
{
    const query_node was = *n;
    n->name = was.argument;
    n->name_is_path = was.argument_is_path;
    n->argument_is_path = was.name_is_path;
    n->name_columns = was.columns;
    n->value_column = was.column;
    n->argument = was.name;
    n->columns = was.name_columns;
    n->column = was.value_column;
    n->op = was.op == QUERY_LT   ? QUERY_GT
            : was.op == QUERY_GT ? QUERY_LT
            : was.op == QUERY_LE ? QUERY_GE
            : was.op == QUERY_GE ? QUERY_LE
                                 : was.op;
}

static const cil_type *root_type(const binder *b, const query_node *n)
{
    return n->root == QUERY_LOCAL    ? &b->resolver->locals[n->index].type
           : n->root == QUERY_RESULT ? &b->resolver->end->result
                                     : &b->sig.params[n->index];
}

/* What the path begins with: an argument or variable, or the object that the method is called on. */
static bool bind_root(const binder *b, query_node *n, query_place *root)
{
    root->im = b->im;
    root->owner = b->owner;
    if (n->root >= QUERY_RESULT && !b->resolver->end->has_members)
        return query_error(b->e, n->column, "members of '%.*s' cannot be compared for async methods",
                           (int)head_of(n->argument), n->argument);
    if (n->root == QUERY_EXCEPTION) {
        const query_end *end = b->resolver->end;
        *root = (query_place){.im = end->core, .owner = end->exception_rid};
        root->type = (cil_type){.element = CIL_E_CLASS, .token = CIL_TOKEN(CIL_TYPE_DEF, end->exception_rid)};
        return true;
    }
    if (n->root == QUERY_THIS) {
        cil_token base = cil_cell_token(b->im, CIL_TYPE_DEF, b->owner, CIL_TYPE_DEF_EXTENDS);
        bool is_struct = cil_type_is(b->im, base, "System.ValueType");
        root->type = (cil_type){.element = is_struct ? CIL_E_VALUETYPE : CIL_E_CLASS,
                                .token = CIL_TOKEN(CIL_TYPE_DEF, b->owner)};
        return true;
    }
    root->type = *root_type(b, n);
    const bool is_struct = root->type.element == CIL_E_VALUETYPE ||
                           (root->type.element == CIL_E_GENERICINST && root->type.generic_is_value);
    return !root->type.byref || is_struct ||
           query_error(b->e, n->column, "'%.*s' is passed by reference: its members cannot be compared",
                       (int)head_of(n->argument), n->argument);
}

static bool is_null_test(const query_node *n)
{
    return n->kind == QUERY_COMPARE && n->value_kind == QUERY_NULL && !n->name;
}

/* A Nullable<T> beside null: whether there is a value tells; which one it is nobody asks. */
static bool bind_has_value(const binder *b, query_node *n, const cil_type *t)
{
    n->element = CIL_E_U1;
    return only_equality(b, n, t);
}

static bool bind_path(const binder *b, query_node *n, size_t head)
{
    query_place root = {.im = NULL}, end;
    const query_path_text text = {n->argument, n->columns, (uint32_t)head};
    if (!bind_root(b, n, &root) || !query_path_bind(b->a, b->resolver, &text, &root, n, &end, b->e)) return false;
    binder there = *b; /* names and types are those of where the last member comes from */
    there.im = end.im;
    there.owner = end.owner;
    there.method = 0;
    there.sig = (cil_method_sig){.param_count = 0};
    if (!(n->is_nullable && is_null_test(n) ? bind_has_value(&there, n, &end.type) : bind_value(&there, n, &end.type)))
        return false;
    n->members[n->member_count - 1].size =
        n->element == CIL_E_VALUETYPE ? QUERY_DECIMAL_SIZE : (uint8_t)cil_element_size(n->element);
    return true;
}

/* Can be asked for what is known at the end of a call? */
static bool has_end(const binder *b, const query_node *n)
{
    const query_end *end = b->resolver ? b->resolver->end : NULL;
    if (!end)
        return query_error(b->e, n->column, "'%.*s' is known when a call ends: watch and stat can ask for it",
                           (int)head_of(n->argument), n->argument);
    return n->root != QUERY_RESULT || end->has_result ||
           query_error(b->e, n->column, "'return' cannot be compared: the method returns nothing");
}

static bool bind_elapsed(const binder *b, query_node *n)
{
    if (n->argument[head_of(n->argument)]) return query_error(b->e, n->column, "'elapsed' has no members");
    if (!n->is_time)
        return query_error(b->e, n->value_column, "'elapsed' is a time; compare it with 5ms, 20us or 1.5s");
    n->element = CIL_E_U8;
    return true;
}

static bool bind_thread(const binder *b, query_node *n)
{
    static const uint8_t sig[] = {CIL_E_U4};
    const cil_type number = {.element = CIL_E_U4, .whole = {sig, sizeof sig}};
    if (n->argument[head_of(n->argument)])
        return query_error(b->e, n->column, "'thread' is the number of a thread: it has no members");
    return bind_value(b, n, &number);
}

static bool bind_exception(const binder *b, query_node *n)
{
    n->element = CIL_E_OBJECT;
    if (n->value_kind == QUERY_NULL && !n->name && (n->op == QUERY_EQ || n->op == QUERY_NE)) return true;
    return query_error(
        b->e, n->value_column,
        "'exception' can be compared with null (== or !=), and its members: exception.Message == \"...\"");
}

static bool is_out(const binder *b, const query_node *n)
{
    uint32_t row = param_row(b->im, b->method, n->index);
    uint32_t flags = row ? cil_cell(b->im, CIL_PARAM, row, CIL_PARAM_FLAGS) : 0;
    return root_type(b, n)->byref && (flags & (PARAM_IN | PARAM_OUT)) == PARAM_OUT;
}

static bool is_nullable_root(const binder *b, const query_node *n)
{
    if (n->root == QUERY_THIS || n->root == QUERY_EXCEPTION) return false;
    const query_place root = {.im = b->im, .type = *root_type(b, n)};
    return query_is_nullable(&root);
}

/* By the root that was found. */
static bool bind_rooted(const binder *b, query_node *n)
{
    const size_t head = head_of(n->argument);
    if (n->kind == QUERY_KEY && (n->root == QUERY_ELAPSED || n->root == QUERY_EXCEPTION))
        return query_error(b->e, n->column,
                           b->pair ? "'%.*s' can be compared with literals only"
                                   : "calls cannot be told apart by '%.*s'",
                           (int)head, n->argument);
    if (n->root >= QUERY_RESULT && !has_end(b, n)) return false;
    if (n->root == QUERY_ELAPSED) return bind_elapsed(b, n);
    if (n->root == QUERY_THREAD) return bind_thread(b, n);
    if (n->root == QUERY_ARGUMENT && is_out(b, n))
        return query_error(b->e, n->column, "'%.*s' is an out parameter: it has no value yet when the call begins",
                           (int)head, n->argument);
    if (n->argument[head] || is_nullable_root(b, n)) return bind_path(b, n, head);
    if (n->root == QUERY_EXCEPTION) return bind_exception(b, n);
    if (n->root == QUERY_RESULT) return bind_value(b, n, root_type(b, n));
    if (n->root == QUERY_THIS)
        return n->kind == QUERY_KEY
                   ? query_error(b->e, n->column, "'this' is an object; name one of its members: this.Name")
                   : query_error(b->e, n->column, "'this' is never null; compare one of its members: this.Name");
    return bind_value(b, n, root_type(b, n));
}

/* ---- two paths --------------------------------------------------------------------------------------------------- */

/* One side of a comparison as a node of its own; the other one where `named`. */
static bool bind_side(const binder *b, const query_node *n, bool named, query_node *side)
{
    binder alone = *b;
    alone.pair = true;
    *side = (query_node){.kind = QUERY_KEY,
                         .argument = named ? n->name : n->argument,
                         .columns = named ? n->name_columns : n->columns,
                         .column = named ? n->value_column : n->column};
    side->value_column = side->column;
    return (find_root(b, side->argument, side) || no_such_param(b, side)) && bind_rooted(&alone, side);
}

/* color == Red, where there is an argument Red as well. */
static bool is_enum_member(const binder *b, const query_node *n)
{
    err_t unseen = {0};
    binder quiet = *b;
    query_node side, as = *n;
    quiet.e = &unseen;
    if (n->name_is_path || !bind_side(&quiet, n, false, &side) || !side.is_enum) return false;
    const enum_type t = {.im = side.enum_image, .rid = side.enum_rid, .underlying = side.element};
    return bind_member(&quiet, &as, &t);
}

static bool bind_pair(const binder *b, query_node *n)
{
    query_node sides[2];
    const char *why;
    if (!bind_side(b, n, false, &sides[0]) || !bind_side(b, n, true, &sides[1])) return false;
    if (n->op == QUERY_LIKE || n->op == QUERY_UNLIKE)
        return query_error(b->e, n->value_column, "~ takes a pattern in quotes: ~ \"^Bo.*\"");
    if (!query_pair_fits(&sides[0], &sides[1], n->op, &n->pairing, &why))
        return query_error(b->e, n->value_column, "'%s' and '%s' cannot be compared: %s", n->argument, n->name, why);
    query_node *kept = arena_copy(b->a, sides, sizeof sides);
    if (!kept) return err_set(b->e, ERR_MEMORY, -1, "out of memory");
    n->kind = QUERY_PAIR;
    n->name = NULL;
    n->left = &kept[0];
    n->right = &kept[1];
    return true;
}

static bool bind_compare(const binder *b, query_node *n)
{
    query_node other;
    const bool found = find_root(b, n->argument, n), other_found = n->name && find_root(b, n->name, &other);
    if (!found && (!other_found || n->argument_is_path)) return no_such_param(b, n);
    if (!found) {
        turn(n);
        n->root = other.root;
        n->index = other.index;
    } else if (n->name && (other_found || n->name_is_path) && !is_enum_member(b, n)) {
        return bind_pair(b, n);
    }
    return bind_rooted(b, n);
}

static query_node *bind_node(const binder *b, const query_node *parsed)
{
    query_node *n = arena_copy(b->a, parsed, sizeof *parsed);
    if (!n) {
        err_set(b->e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    if (n->kind == QUERY_COMPARE || n->kind == QUERY_KEY) return bind_compare(b, n) ? n : NULL;
    if (!(n->left = bind_node(b, parsed->left))) return NULL;
    if (n->kind != QUERY_NOT && !(n->right = bind_node(b, parsed->right))) return NULL;
    return n;
}

const query_node *query_condition_check(arena *a, const query_node *parsed, const cil_image *image, uint32_t method_rid,
                                        const query_resolver *resolver, err_t *e)
{
    binder b = {.a = a, .im = image, .method = method_rid, .resolver = resolver, .e = e};
    b.owner = cil_method_owner(image, method_rid);
    cil_blob sig = cil_cell_blob(image, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_SIG);
    if (!cil_method_sig_read(a, sig, &b.sig, e)) return NULL;
    return bind_node(&b, parsed);
}

bool query_is_late(const query_node *bound)
{
    if (bound->kind == QUERY_COMPARE || bound->kind == QUERY_KEY) return bound->root >= QUERY_RESULT;
    return query_is_late(bound->left) || (bound->right && query_is_late(bound->right));
}
