/*
 * Searches between tables: owners, nesting, generic parameters, attributes.
 */
#include "cil/metadata-priv.h"

/* The first rid in [1, rows + 1] whose column is at least `value`, where the column ascends. */
static uint32_t lower_bound(const cil_image *im, cil_table table, unsigned column, uint32_t value)
{
    uint32_t low = 1, high = im->rows[table] + 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cil_cell(im, table, middle, column) < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

cil_range cil_rows_equal(const cil_image *im, cil_table table, unsigned column, uint32_t value)
{
    uint32_t rows = im->rows[table], first = 1;
    if (im->sorted >> table & 1)
        first = lower_bound(im, table, column, value);
    else
        while (first <= rows && cil_cell(im, table, first, column) != value)
            first++;
    uint32_t end = first;
    while (end <= rows && cil_cell(im, table, end, column) == value)
        end++;
    return (cil_range){first, end};
}

/* The row whose list in `column` holds place `at` of the target: the last that begins at or before it. */
static uint32_t list_owner(const cil_image *im, cil_table table, unsigned column, cil_table target, uint32_t at)
{
    uint32_t rid = lower_bound(im, table, column, at + 1) - 1;
    cil_range r = cil_list(im, table, rid, column, target);
    return at >= r.first && at < r.end ? rid : 0;
}

/* The place in the lists at which a row stands: its own rid, unless a Ptr table says otherwise. */
static uint32_t place_of(const cil_image *im, cil_table target, cil_table through, uint32_t rid)
{
    if (rid - 1 >= im->rows[target]) return 0;
    if (im->rows[through] == 0) return rid;
    for (uint32_t at = 1; at <= im->rows[through]; at++) {
        if (cil_cell(im, through, at, 0) == rid) return at;
    }
    return 0;
}

uint32_t cil_method_owner(const cil_image *im, uint32_t method_rid)
{
    uint32_t at = place_of(im, CIL_METHOD_DEF, CIL_METHOD_PTR, method_rid);
    return at ? list_owner(im, CIL_TYPE_DEF, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF, at) : 0;
}

uint32_t cil_field_owner(const cil_image *im, uint32_t field_rid)
{
    uint32_t at = place_of(im, CIL_FIELD, CIL_FIELD_PTR, field_rid);
    return at ? list_owner(im, CIL_TYPE_DEF, CIL_TYPE_DEF_FIELDS, CIL_FIELD, at) : 0;
}

uint32_t cil_enclosing(const cil_image *im, uint32_t type_rid)
{
    cil_range r = cil_rows_equal(im, CIL_NESTED_CLASS, CIL_NESTED_CLASS_NESTED, type_rid);
    if (type_rid == 0 || r.first == r.end) return 0;
    uint32_t outer = cil_cell(im, CIL_NESTED_CLASS, r.first, CIL_NESTED_CLASS_ENCLOSING);
    return outer <= im->rows[CIL_TYPE_DEF] ? outer : 0;
}

cil_token cil_outer_type(const cil_image *im, cil_token type)
{
    cil_token outer = 0;
    if (CIL_TABLE(type) == CIL_TYPE_DEF) {
        uint32_t rid = cil_enclosing(im, CIL_RID(type));
        outer = rid ? CIL_TOKEN(CIL_TYPE_DEF, rid) : 0;
    } else if (CIL_TABLE(type) == CIL_TYPE_REF) {
        cil_token scope = cil_cell_token(im, CIL_TYPE_REF, CIL_RID(type), CIL_TYPE_REF_SCOPE);
        outer = CIL_TABLE(scope) == CIL_TYPE_REF ? scope : 0;
    }
    return outer;
}

cil_range cil_generic_params(const cil_image *im, cil_token owner)
{
    uint32_t value = cil_encode_token(CIL_GENERIC_PARAM, CIL_GENERIC_PARAM_OWNER, owner);
    return cil_rows_equal(im, CIL_GENERIC_PARAM, CIL_GENERIC_PARAM_OWNER, value);
}

bool cil_type_is(const cil_image *im, cil_token type, const char *full_name)
{
    size_t left = strlen(full_name);
    /* Compared from the end, one nesting at a time: each step takes a '+' off the name, so a circle of types ends too.
     */
    for (;;) {
        cil_table table = CIL_TABLE(type);
        if (table != CIL_TYPE_DEF && table != CIL_TYPE_REF) return false;
        const char *name = cil_cell_string(im, table, CIL_RID(type), CIL_TYPE_DEF_NAME);
        size_t n = strlen(name);
        if (n == 0 || n > left || memcmp(full_name + left - n, name, n) != 0) return false;
        left -= n;
        cil_token outer = cil_outer_type(im, type);
        if (!outer) {
            const char *space = cil_cell_string(im, table, CIL_RID(type), CIL_TYPE_DEF_NAMESPACE);
            n = strlen(space);
            if (n == 0 || left == 0) return n == left;
            return left == n + 1 && full_name[n] == '.' && memcmp(full_name, space, n) == 0;
        }
        if (left == 0 || full_name[left - 1] != '+') return false;
        left--;
        type = outer;
    }
}

/* The type whose constructor an attribute's row names; for a generic attribute its open type. */
static cil_token attribute_type(const cil_image *im, uint32_t rid)
{
    cil_token ctor = cil_cell_token(im, CIL_CUSTOM_ATTRIBUTE, rid, CIL_CUSTOM_ATTRIBUTE_TYPE);
    if (CIL_TABLE(ctor) == CIL_METHOD_DEF) return CIL_TOKEN(CIL_TYPE_DEF, cil_method_owner(im, CIL_RID(ctor)));
    if (CIL_TABLE(ctor) != CIL_MEMBER_REF) return 0;
    cil_token type = cil_cell_token(im, CIL_MEMBER_REF, CIL_RID(ctor), CIL_MEMBER_REF_CLASS);
    if (CIL_TABLE(type) != CIL_TYPE_SPEC) return type;
    cil_type t;
    cil_blob sig = cil_cell_blob(im, CIL_TYPE_SPEC, CIL_RID(type), CIL_TYPE_SPEC_SIG);
    return cil_type_read(sig, &t) && t.element == CIL_E_GENERICINST ? t.token : 0;
}

static uint32_t find_attribute(const cil_image *im, cil_token token, const char *full_name)
{
    uint32_t parent = cil_encode_token(CIL_CUSTOM_ATTRIBUTE, CIL_CUSTOM_ATTRIBUTE_PARENT, token);
    if (parent == UINT32_MAX || CIL_RID(token) == 0) return 0;
    cil_range r = cil_rows_equal(im, CIL_CUSTOM_ATTRIBUTE, CIL_CUSTOM_ATTRIBUTE_PARENT, parent);
    for (uint32_t rid = r.first; rid < r.end; rid++) {
        if (cil_type_is(im, attribute_type(im, rid), full_name)) return rid;
    }
    return 0;
}

bool cil_has_attribute(const cil_image *im, cil_token token, const char *full_name)
{
    return find_attribute(im, token, full_name) != 0;
}

cil_blob cil_attribute(const cil_image *im, cil_token token, const char *full_name)
{
    uint32_t rid = find_attribute(im, token, full_name);
    return rid ? cil_cell_blob(im, CIL_CUSTOM_ATTRIBUTE, rid, CIL_CUSTOM_ATTRIBUTE_VALUE) : (cil_blob){0};
}
