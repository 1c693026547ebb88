/*
 * Metadata tables (ECMA-335 II.22, II.24.2.6; the portable PDB tables as its specification lists them): the columns of
 * each, their layout in one image, and cells.
 */
#include "cil/metadata-priv.h"

/* What a column holds. Indices into one table are TABLE(t), coded indices CODED(kind). */
enum {
    COLUMN_NONE,
    U2,
    U4,
    STR,
    GUID,
    BLOB,
    COLUMN_CODED = 0x40,
    COLUMN_TABLE = 0x80,
};
#define TABLE(t) (COLUMN_TABLE | (t))
#define CODED(k) (COLUMN_CODED | (k))

enum {
    TYPE_DEF_OR_REF,
    HAS_CONSTANT,
    HAS_CUSTOM_ATTRIBUTE,
    HAS_FIELD_MARSHAL,
    HAS_DECL_SECURITY,
    MEMBER_REF_PARENT,
    HAS_SEMANTICS,
    METHOD_DEF_OR_REF,
    MEMBER_FORWARDED,
    IMPLEMENTATION,
    CUSTOM_ATTRIBUTE_TYPE,
    RESOLUTION_SCOPE,
    TYPE_OR_METHOD_DEF,
    HAS_CUSTOM_DEBUG_INFORMATION,
};

/* Portable PDB tables, which have no name in cil.h. */
enum {
    DOCUMENT = 0x30,
    METHOD_DEBUG_INFORMATION,
    LOCAL_SCOPE,
    LOCAL_VARIABLE,
    LOCAL_CONSTANT,
    IMPORT_SCOPE,
    STATE_MACHINE_METHOD,
    CUSTOM_DEBUG_INFORMATION,
};

#define MAX_COLUMNS 10

static const uint8_t schema[CIL_TABLE_SLOTS][MAX_COLUMNS] = {
    [CIL_MODULE] = {U2, STR, GUID, GUID, GUID},
    [CIL_TYPE_REF] = {CODED(RESOLUTION_SCOPE), STR, STR},
    [CIL_TYPE_DEF] = {U4, STR, STR, CODED(TYPE_DEF_OR_REF), TABLE(CIL_FIELD), TABLE(CIL_METHOD_DEF)},
    [CIL_FIELD_PTR] = {TABLE(CIL_FIELD)},
    [CIL_FIELD] = {U2, STR, BLOB},
    [CIL_METHOD_PTR] = {TABLE(CIL_METHOD_DEF)},
    [CIL_METHOD_DEF] = {U4, U2, U2, STR, BLOB, TABLE(CIL_PARAM)},
    [CIL_PARAM_PTR] = {TABLE(CIL_PARAM)},
    [CIL_PARAM] = {U2, U2, STR},
    [CIL_INTERFACE_IMPL] = {TABLE(CIL_TYPE_DEF), CODED(TYPE_DEF_OR_REF)},
    [CIL_MEMBER_REF] = {CODED(MEMBER_REF_PARENT), STR, BLOB},
    [CIL_CONSTANT] = {U2, CODED(HAS_CONSTANT), BLOB},
    [CIL_CUSTOM_ATTRIBUTE] = {CODED(HAS_CUSTOM_ATTRIBUTE), CODED(CUSTOM_ATTRIBUTE_TYPE), BLOB},
    [CIL_FIELD_MARSHAL] = {CODED(HAS_FIELD_MARSHAL), BLOB},
    [CIL_DECL_SECURITY] = {U2, CODED(HAS_DECL_SECURITY), BLOB},
    [CIL_CLASS_LAYOUT] = {U2, U4, TABLE(CIL_TYPE_DEF)},
    [CIL_FIELD_LAYOUT] = {U4, TABLE(CIL_FIELD)},
    [CIL_STAND_ALONE_SIG] = {BLOB},
    [CIL_EVENT_MAP] = {TABLE(CIL_TYPE_DEF), TABLE(CIL_EVENT)},
    [CIL_EVENT_PTR] = {TABLE(CIL_EVENT)},
    [CIL_EVENT] = {U2, STR, CODED(TYPE_DEF_OR_REF)},
    [CIL_PROPERTY_MAP] = {TABLE(CIL_TYPE_DEF), TABLE(CIL_PROPERTY)},
    [CIL_PROPERTY_PTR] = {TABLE(CIL_PROPERTY)},
    [CIL_PROPERTY] = {U2, STR, BLOB},
    [CIL_METHOD_SEMANTICS] = {U2, TABLE(CIL_METHOD_DEF), CODED(HAS_SEMANTICS)},
    [CIL_METHOD_IMPL] = {TABLE(CIL_TYPE_DEF), CODED(METHOD_DEF_OR_REF), CODED(METHOD_DEF_OR_REF)},
    [CIL_MODULE_REF] = {STR},
    [CIL_TYPE_SPEC] = {BLOB},
    [CIL_IMPL_MAP] = {U2, CODED(MEMBER_FORWARDED), STR, TABLE(CIL_MODULE_REF)},
    [CIL_FIELD_RVA] = {U4, TABLE(CIL_FIELD)},
    [CIL_ENC_LOG] = {U4, U4},
    [CIL_ENC_MAP] = {U4},
    [CIL_ASSEMBLY] = {U4, U2, U2, U2, U2, U4, BLOB, STR, STR},
    [CIL_ASSEMBLY_PROCESSOR] = {U4},
    [CIL_ASSEMBLY_OS] = {U4, U4, U4},
    [CIL_ASSEMBLY_REF] = {U2, U2, U2, U2, U4, BLOB, STR, STR, BLOB},
    [CIL_ASSEMBLY_REF_PROCESSOR] = {U4, TABLE(CIL_ASSEMBLY_REF)},
    [CIL_ASSEMBLY_REF_OS] = {U4, U4, U4, TABLE(CIL_ASSEMBLY_REF)},
    [CIL_FILE] = {U4, STR, BLOB},
    [CIL_EXPORTED_TYPE] = {U4, U4, STR, STR, CODED(IMPLEMENTATION)},
    [CIL_MANIFEST_RESOURCE] = {U4, U4, STR, CODED(IMPLEMENTATION)},
    [CIL_NESTED_CLASS] = {TABLE(CIL_TYPE_DEF), TABLE(CIL_TYPE_DEF)},
    [CIL_GENERIC_PARAM] = {U2, U2, CODED(TYPE_OR_METHOD_DEF), STR},
    [CIL_METHOD_SPEC] = {CODED(METHOD_DEF_OR_REF), BLOB},
    [CIL_GENERIC_PARAM_CONSTRAINT] = {TABLE(CIL_GENERIC_PARAM), CODED(TYPE_DEF_OR_REF)},
    [DOCUMENT] = {BLOB, GUID, BLOB, GUID},
    [METHOD_DEBUG_INFORMATION] = {TABLE(DOCUMENT), BLOB},
    [LOCAL_SCOPE] = {TABLE(CIL_METHOD_DEF), TABLE(IMPORT_SCOPE), TABLE(LOCAL_VARIABLE), TABLE(LOCAL_CONSTANT), U4, U4},
    [LOCAL_VARIABLE] = {U2, U2, STR},
    [LOCAL_CONSTANT] = {STR, BLOB},
    [IMPORT_SCOPE] = {TABLE(IMPORT_SCOPE), BLOB},
    [STATE_MACHINE_METHOD] = {TABLE(CIL_METHOD_DEF), TABLE(CIL_METHOD_DEF)},
    [CUSTOM_DEBUG_INFORMATION] = {CODED(HAS_CUSTOM_DEBUG_INFORMATION), GUID, BLOB},
};

/* The tables of a coded index in the order of their tags; UNUSED tags are malformed. */
#define UNUSED 0xFF
#define HAS_CUSTOM_ATTRIBUTE_TABLES                                                                                   \
    CIL_METHOD_DEF, CIL_FIELD, CIL_TYPE_REF, CIL_TYPE_DEF, CIL_PARAM, CIL_INTERFACE_IMPL, CIL_MEMBER_REF, CIL_MODULE, \
        CIL_DECL_SECURITY, CIL_PROPERTY, CIL_EVENT, CIL_STAND_ALONE_SIG, CIL_MODULE_REF, CIL_TYPE_SPEC, CIL_ASSEMBLY, \
        CIL_ASSEMBLY_REF, CIL_FILE, CIL_EXPORTED_TYPE, CIL_MANIFEST_RESOURCE, CIL_GENERIC_PARAM,                      \
        CIL_GENERIC_PARAM_CONSTRAINT, CIL_METHOD_SPEC

static const struct coded {
    uint8_t bits, count;
    uint8_t tables[27];
} coded[] = {
    [TYPE_DEF_OR_REF] = {2, 3, {CIL_TYPE_DEF, CIL_TYPE_REF, CIL_TYPE_SPEC}},
    [HAS_CONSTANT] = {2, 3, {CIL_FIELD, CIL_PARAM, CIL_PROPERTY}},
    [HAS_CUSTOM_ATTRIBUTE] = {5, 22, {HAS_CUSTOM_ATTRIBUTE_TABLES}},
    [HAS_FIELD_MARSHAL] = {1, 2, {CIL_FIELD, CIL_PARAM}},
    [HAS_DECL_SECURITY] = {2, 3, {CIL_TYPE_DEF, CIL_METHOD_DEF, CIL_ASSEMBLY}},
    [MEMBER_REF_PARENT] = {3, 5, {CIL_TYPE_DEF, CIL_TYPE_REF, CIL_MODULE_REF, CIL_METHOD_DEF, CIL_TYPE_SPEC}},
    [HAS_SEMANTICS] = {1, 2, {CIL_EVENT, CIL_PROPERTY}},
    [METHOD_DEF_OR_REF] = {1, 2, {CIL_METHOD_DEF, CIL_MEMBER_REF}},
    [MEMBER_FORWARDED] = {1, 2, {CIL_FIELD, CIL_METHOD_DEF}},
    [IMPLEMENTATION] = {2, 3, {CIL_FILE, CIL_ASSEMBLY_REF, CIL_EXPORTED_TYPE}},
    [CUSTOM_ATTRIBUTE_TYPE] = {3, 5, {UNUSED, UNUSED, CIL_METHOD_DEF, CIL_MEMBER_REF, UNUSED}},
    [RESOLUTION_SCOPE] = {2, 4, {CIL_MODULE, CIL_MODULE_REF, CIL_ASSEMBLY_REF, CIL_TYPE_REF}},
    [TYPE_OR_METHOD_DEF] = {1, 2, {CIL_TYPE_DEF, CIL_METHOD_DEF}},
    [HAS_CUSTOM_DEBUG_INFORMATION] =
        {5, 27, {HAS_CUSTOM_ATTRIBUTE_TABLES, DOCUMENT, LOCAL_SCOPE, LOCAL_VARIABLE, LOCAL_CONSTANT, IMPORT_SCOPE}},
};

/* What column widths depend on. */
typedef struct sizes {
    uint32_t rows[CIL_TABLE_SLOTS]; /* of this image, and for a PDB also of the image it belongs to */
    uint8_t heaps;                  /* HeapSizes (II.24.2.6): 1 strings, 2 GUIDs, 4 blobs take 4 bytes */
    bool wide;
} sizes;

/* In a #- stream a list goes through its Ptr table, which then sets the width of the index. */
static cil_table pointer_table(cil_table t)
{
    switch (t) {
    case CIL_FIELD: return CIL_FIELD_PTR;
    case CIL_METHOD_DEF: return CIL_METHOD_PTR;
    case CIL_PARAM: return CIL_PARAM_PTR;
    case CIL_EVENT: return CIL_EVENT_PTR;
    case CIL_PROPERTY: return CIL_PROPERTY_PTR;
    default: return CIL_TABLE_SLOTS;
    }
}

static uint8_t coded_size(const struct coded *c, const sizes *s)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (c->tables[i] != UNUSED && s->rows[c->tables[i]] >= 1u << (16 - c->bits)) return 4;
    }
    return 2;
}

static uint8_t index_size(uint8_t column, const sizes *s)
{
    if (s->wide) return 4;
    if (!(column & COLUMN_TABLE)) return coded_size(&coded[column & ~COLUMN_CODED], s);
    cil_table t = (cil_table)(column & ~COLUMN_TABLE);
    cil_table through = pointer_table(t);
    uint32_t rows = s->rows[t];
    if (through != CIL_TABLE_SLOTS) rows = RJ_MAX(rows, s->rows[through]);
    return rows > 0xFFFF ? 4 : 2;
}

static uint8_t column_size(uint8_t column, const sizes *s)
{
    switch (column) {
    case U2: return 2;
    case U4: return 4;
    case STR: return s->wide || s->heaps & 1 ? 4 : 2;
    case GUID: return s->wide || s->heaps & 2 ? 4 : 2;
    case BLOB: return s->wide || s->heaps & 4 ? 4 : 2;
    default: return index_size(column, s);
    }
}

static void table_layout(cil_image *im, unsigned t, const sizes *s)
{
    uint8_t at = 0;
    for (unsigned c = 0; c < MAX_COLUMNS && schema[t][c] != COLUMN_NONE; c++) {
        uint8_t n = column_size(schema[t][c], s);
        im->cell_at[t][c] = at;
        im->cell_size[t][c] = n;
        at = (uint8_t)(at + n);
    }
    im->row_size[t] = at;
}

/* Row counts that a portable PDB's #Pdb stream gives of the tables of its assembly. */
static bool referenced_rows(cil_blob pdb, sizes *s, err_t *e)
{
    if (pdb.n == 0) return true;
    if (pdb.n < 32) return err_set(e, ERR_FORMAT, 0, "the #Pdb stream is cut short: %u bytes", pdb.n);
    uint64_t mask = cil_u64(pdb.p + 24);
    uint32_t at = 32;
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        if (!(mask >> t & 1)) continue;
        if (pdb.n - at < 4) return err_set(e, ERR_FORMAT, at, "the #Pdb stream is cut short in its row counts");
        s->rows[t] = cil_u32(pdb.p + at);
        at += 4;
    }
    return true;
}

/* The header of the stream; *at is left behind it. */
static bool tables_header(cil_image *im, const cil_table_stream *in, sizes *s, uint32_t *at, err_t *e)
{
    cil_blob b = in->tables;
    if (b.n < 24) return err_set(e, ERR_FORMAT, 0, "the tables' stream is cut short: %u bytes", b.n);
    s->heaps = b.p[6];
    s->wide = in->wide;
    uint64_t valid = cil_u64(b.p + 8);
    im->sorted = cil_u64(b.p + 16);
    *at = 24;
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        if (!(valid >> t & 1)) continue;
        if (schema[t][0] == COLUMN_NONE) return err_set(e, ERR_FORMAT, 8, "table 0x%02X is not known", t);
        if (b.n - *at < 4) return err_set(e, ERR_FORMAT, *at, "the tables' stream is cut short in its row counts");
        uint32_t rows = cil_u32(b.p + *at);
        if (rows > 0xFFFFFF) return err_set(e, ERR_FORMAT, *at, "table 0x%02X cannot have %u rows", t, rows);
        im->rows[t] = s->rows[t] = rows;
        *at += 4;
    }
    if (s->heaps & 0x40) { /* 4 bytes of extra data, which nothing reads */
        if (b.n - *at < 4) return err_set(e, ERR_FORMAT, *at, "the tables' stream is cut short in its header");
        *at += 4;
    }
    return true;
}

bool cil_tables_read(cil_image *im, const cil_table_stream *in, err_t *e)
{
    sizes s = {0};
    uint32_t at = 0;
    if (!referenced_rows(in->pdb, &s, e) || !tables_header(im, in, &s, &at, e)) return false;
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        table_layout(im, t, &s);
        uint64_t size = (uint64_t)im->rows[t] * im->row_size[t];
        if (size > in->tables.n - at)
            return err_set(e, ERR_FORMAT, at, "table 0x%02X with %u rows goes beyond its stream", t, im->rows[t]);
        im->table[t] = in->tables.p + at;
        at += (uint32_t)size;
    }
    return true;
}

uint32_t cil_cell(const cil_image *im, cil_table table, uint32_t rid, unsigned column)
{
    if ((unsigned)table >= CIL_TABLE_SLOTS || rid - 1 >= im->rows[table] || column >= MAX_COLUMNS) return 0;
    const uint8_t *p = im->table[table] + (size_t)(rid - 1) * im->row_size[table] + im->cell_at[table][column];
    switch (im->cell_size[table][column]) {
    case 2: return cil_u16(p);
    case 4: return cil_u32(p);
    default: return 0;
    }
}

cil_token cil_cell_token(const cil_image *im, cil_table table, uint32_t rid, unsigned column)
{
    uint32_t v = cil_cell(im, table, rid, column);
    if (v == 0) return 0;
    uint8_t kind = schema[table][column];
    if (kind & COLUMN_TABLE) return v > 0xFFFFFF ? 0 : CIL_TOKEN(kind & ~COLUMN_TABLE, v);
    if (!(kind & COLUMN_CODED)) return 0;
    const struct coded *c = &coded[kind & ~COLUMN_CODED];
    uint32_t tag = v & ((1u << c->bits) - 1), row = v >> c->bits;
    if (tag >= c->count || c->tables[tag] == UNUSED || row == 0 || row > 0xFFFFFF) return 0;
    return CIL_TOKEN(c->tables[tag], row);
}

uint32_t cil_encode_token(cil_table table, unsigned column, cil_token token)
{
    const struct coded *c = &coded[schema[table][column] & ~COLUMN_CODED];
    for (uint32_t tag = 0; tag < c->count; tag++) {
        if (c->tables[tag] == token >> 24) return CIL_RID(token) << c->bits | tag;
    }
    return UINT32_MAX;
}

unsigned cil_columns(cil_table table)
{
    unsigned n = 0;
    if ((unsigned)table < CIL_TABLE_SLOTS) {
        while (n < MAX_COLUMNS && schema[table][n] != COLUMN_NONE)
            n++;
    }
    return n;
}

cil_column cil_column_of(cil_table table, unsigned column)
{
    if (column >= cil_columns(table)) return CIL_COLUMN_NONE;
    uint8_t kind = schema[table][column];
    if (kind & COLUMN_TABLE) return CIL_COLUMN_TABLE;
    if (kind & COLUMN_CODED) return CIL_COLUMN_CODED;
    switch (kind) {
    case STR: return CIL_COLUMN_STRING;
    case GUID: return CIL_COLUMN_GUID;
    case BLOB: return CIL_COLUMN_BLOB;
    default: return CIL_COLUMN_NUMBER;
    }
}

cil_range cil_list(const cil_image *im, cil_table table, uint32_t rid, unsigned column, cil_table target)
{
    cil_range none = {1, 1};
    if ((unsigned)table >= CIL_TABLE_SLOTS || (unsigned)target >= CIL_TABLE_SLOTS || rid - 1 >= im->rows[table])
        return none;
    cil_table through = pointer_table(target);
    uint32_t rows = through != CIL_TABLE_SLOTS && im->rows[through] ? im->rows[through] : im->rows[target];
    uint32_t first = cil_cell(im, table, rid, column);
    uint32_t end = rid < im->rows[table] ? cil_cell(im, table, rid + 1, column) : rows + 1;
    end = RJ_MIN(end, rows + 1);
    if (first == 0 || first >= end) return none;
    return (cil_range){first, end};
}

uint32_t cil_list_item(const cil_image *im, cil_table target, uint32_t at)
{
    cil_table through = pointer_table(target);
    if (through == CIL_TABLE_SLOTS || im->rows[through] == 0) return at;
    return cil_cell(im, through, at, 0);
}

unsigned cil_column_size_wide(cil_table table, unsigned column)
{
    return schema[table][column] == U2 ? 2 : 4;
}
