/*
 * cil: ECMA-335 as data. PE images, metadata tables, signatures, method bodies, verification.
 *
 * Knows neither the runtime nor probes: works on the bytes of a .dll. All input is hostile: every read is bounded,
 * every function that parses answers with an error that carries its place. Nothing here keeps global state; a cil_image
 * is read-only after cil_image_open and may be used by several threads at once.
 */
#ifndef REJIT_CIL_H
#define REJIT_CIL_H

#include "base/base.h"

/* ---- tokens and tables (ECMA-335 II.22) ----------------------------------------------------------------------- */

typedef uint32_t cil_token; /* table << 24 | rid; rid counts from 1 */
#define CIL_TABLE(tok)        ((cil_table)((tok) >> 24))
#define CIL_RID(tok)          ((tok)&0xFFFFFFu)
#define CIL_TOKEN(table, rid) ((cil_token)((uint32_t)(table) << 24 | (rid)))

typedef enum cil_table {
    CIL_MODULE = 0x00,
    CIL_TYPE_REF = 0x01,
    CIL_TYPE_DEF = 0x02,
    CIL_FIELD_PTR = 0x03,
    CIL_FIELD = 0x04,
    CIL_METHOD_PTR = 0x05,
    CIL_METHOD_DEF = 0x06,
    CIL_PARAM_PTR = 0x07,
    CIL_PARAM = 0x08,
    CIL_INTERFACE_IMPL = 0x09,
    CIL_MEMBER_REF = 0x0A,
    CIL_CONSTANT = 0x0B,
    CIL_CUSTOM_ATTRIBUTE = 0x0C,
    CIL_FIELD_MARSHAL = 0x0D,
    CIL_DECL_SECURITY = 0x0E,
    CIL_CLASS_LAYOUT = 0x0F,
    CIL_FIELD_LAYOUT = 0x10,
    CIL_STAND_ALONE_SIG = 0x11,
    CIL_EVENT_MAP = 0x12,
    CIL_EVENT_PTR = 0x13,
    CIL_EVENT = 0x14,
    CIL_PROPERTY_MAP = 0x15,
    CIL_PROPERTY_PTR = 0x16,
    CIL_PROPERTY = 0x17,
    CIL_METHOD_SEMANTICS = 0x18,
    CIL_METHOD_IMPL = 0x19,
    CIL_MODULE_REF = 0x1A,
    CIL_TYPE_SPEC = 0x1B,
    CIL_IMPL_MAP = 0x1C,
    CIL_FIELD_RVA = 0x1D,
    CIL_ENC_LOG = 0x1E,
    CIL_ENC_MAP = 0x1F,
    CIL_ASSEMBLY = 0x20,
    CIL_ASSEMBLY_PROCESSOR = 0x21,
    CIL_ASSEMBLY_OS = 0x22,
    CIL_ASSEMBLY_REF = 0x23,
    CIL_ASSEMBLY_REF_PROCESSOR = 0x24,
    CIL_ASSEMBLY_REF_OS = 0x25,
    CIL_FILE = 0x26,
    CIL_EXPORTED_TYPE = 0x27,
    CIL_MANIFEST_RESOURCE = 0x28,
    CIL_NESTED_CLASS = 0x29,
    CIL_GENERIC_PARAM = 0x2A,
    CIL_METHOD_SPEC = 0x2B,
    CIL_GENERIC_PARAM_CONSTRAINT = 0x2C,
    CIL_TABLES = 0x2D,
    /* portable PDB tables (0x30..0x37) are read by the pdb room through the same reader */
    CIL_TABLE_SLOTS = 64,
    CIL_USER_STRING = 0x70, /* token kind only, not a table */
} cil_table;

/* Columns, in the order of II.22, named TABLE_COLUMN: the values are indices for cil_cell. */
enum {
    CIL_MODULE_NAME = 1,
    CIL_MODULE_MVID = 2,
    CIL_TYPE_REF_SCOPE = 0,
    CIL_TYPE_REF_NAME,
    CIL_TYPE_REF_NAMESPACE,
    CIL_TYPE_DEF_FLAGS = 0,
    CIL_TYPE_DEF_NAME,
    CIL_TYPE_DEF_NAMESPACE,
    CIL_TYPE_DEF_EXTENDS,
    CIL_TYPE_DEF_FIELDS,
    CIL_TYPE_DEF_METHODS,
    CIL_FIELD_FLAGS = 0,
    CIL_FIELD_NAME,
    CIL_FIELD_SIG,
    CIL_METHOD_DEF_RVA = 0,
    CIL_METHOD_DEF_IMPL_FLAGS,
    CIL_METHOD_DEF_FLAGS,
    CIL_METHOD_DEF_NAME,
    CIL_METHOD_DEF_SIG,
    CIL_METHOD_DEF_PARAMS,
    CIL_PARAM_FLAGS = 0,
    CIL_PARAM_SEQUENCE,
    CIL_PARAM_NAME,
    CIL_INTERFACE_IMPL_CLASS = 0,
    CIL_INTERFACE_IMPL_INTERFACE,
    CIL_MEMBER_REF_CLASS = 0,
    CIL_MEMBER_REF_NAME,
    CIL_MEMBER_REF_SIG,
    CIL_CONSTANT_TYPE = 0,
    CIL_CONSTANT_PARENT,
    CIL_CONSTANT_VALUE,
    CIL_CUSTOM_ATTRIBUTE_PARENT = 0,
    CIL_CUSTOM_ATTRIBUTE_TYPE,
    CIL_CUSTOM_ATTRIBUTE_VALUE,
    CIL_STAND_ALONE_SIG_SIG = 0,
    CIL_PROPERTY_MAP_PARENT = 0,
    CIL_PROPERTY_MAP_PROPERTIES,
    CIL_PROPERTY_FLAGS = 0,
    CIL_PROPERTY_NAME,
    CIL_PROPERTY_TYPE,
    CIL_METHOD_SEMANTICS_FLAGS = 0,
    CIL_METHOD_SEMANTICS_METHOD,
    CIL_METHOD_SEMANTICS_ASSOCIATION,
    CIL_MODULE_REF_NAME = 0,
    CIL_TYPE_SPEC_SIG = 0,
    CIL_ASSEMBLY_FLAGS = 5,
    CIL_ASSEMBLY_NAME = 7,
    CIL_ASSEMBLY_REF_FLAGS = 4,
    CIL_ASSEMBLY_REF_NAME = 6,
    CIL_NESTED_CLASS_NESTED = 0,
    CIL_NESTED_CLASS_ENCLOSING,
    CIL_GENERIC_PARAM_NUMBER = 0,
    CIL_GENERIC_PARAM_FLAGS,
    CIL_GENERIC_PARAM_OWNER,
    CIL_GENERIC_PARAM_NAME,
    CIL_METHOD_SPEC_METHOD = 0,
    CIL_METHOD_SPEC_INSTANTIATION,
};
/* CIL_ASSEMBLY: HashAlgId 0, Major 1, Minor 2, Build 3, Revision 4 precede the flags; CIL_ASSEMBLY_REF: versions 0..3.
 */

/* A slice of bytes borrowed from the image (or from an arena). */
typedef struct cil_blob {
    const uint8_t *p;
    uint32_t n;
} cil_blob;

/* ---- images --------------------------------------------------------------------------------------------------- */

/* How the bytes are laid out: as in the file, or as the loader maps sections at their RVAs. */
typedef enum cil_layout { CIL_FLAT, CIL_MAPPED } cil_layout;

typedef struct cil_image {
    const uint8_t *bytes; /* borrowed */
    size_t size;
    cil_layout layout;
    cil_blob metadata; /* the metadata root; heaps below */
    cil_blob strings, user_strings, blobs, guids;
    uint32_t rows[CIL_TABLE_SLOTS];
    const uint8_t *table[CIL_TABLE_SLOTS];
    uint8_t row_size[CIL_TABLE_SLOTS];
    uint8_t cell_at[CIL_TABLE_SLOTS][10];   /* byte offset of each column in its row */
    uint8_t cell_size[CIL_TABLE_SLOTS][10]; /* 2 or 4 (1 never) */
    bool uncompressed;                      /* a #- stream */
    uint64_t sorted;                        /* a bit for each table that is sorted by its key (II.22) */
    uint32_t sections_at, section_count;    /* PE section headers; none in bare metadata */
    uint32_t debug_rva, debug_size;         /* the debug directory */
    cil_blob pdb_stream;                    /* #Pdb of a portable PDB */
} cil_image;

/* Reads PE headers and the metadata root (II.25, II.24). `bytes` must stay valid as long as the image is used. No
 * allocation. */
bool cil_image_open(cil_image *im, const void *bytes, size_t size, cil_layout layout, err_t *e);
/* The same for a bare metadata root, without PE (portable PDB, in-memory metadata); bodies are not reachable then. */
bool cil_metadata_open(cil_image *im, const void *bytes, size_t size, err_t *e);
/* The size of a mapped PE image (SizeOfImage) or of a flat one (end of the last section), from its headers; 0: not a
 * PE. */
size_t cil_image_extent(const void *bytes, size_t readable, cil_layout layout);

/*
 * An entry of the debug directory (PE specification, 5.1.1; PE/COFF additions of .NET): its data, and its stamp. False
 * where the image has none of that type.
 */
enum { CIL_DEBUG_CODE_VIEW = 2, CIL_DEBUG_EMBEDDED_PDB = 17 };
bool cil_debug_entry(const cil_image *im, uint32_t type, cil_blob *data, uint32_t *stamp);
/*
 * The id of the portable PDB that an assembly asks for: a GUID and a stamp. False where it names no PDB. *name: the
 * PDB's file name as the compiler wrote it, without folders, in the image; NULL where it has none.
 */
#define CIL_PDB_ID_SIZE 20u
bool cil_pdb_id(const cil_image *im, uint8_t id[CIL_PDB_ID_SIZE], const char **name);

/* One cell; 0 for a row that is not there (metadata is hostile: callers need no check of their own). Coded indices come
 * raw. */
uint32_t cil_cell(const cil_image *im, cil_table table, uint32_t rid, unsigned column);
/* A coded index (II.24.2.6) as a token; 0 where null or malformed. The kind follows from table and column. */
cil_token cil_cell_token(const cil_image *im, cil_table table, uint32_t rid, unsigned column);
/* Heap items. Strings are NUL-terminated inside the heap ("" where out of range). */
const char *cil_string(const cil_image *im, uint32_t offset);
cil_blob cil_blob_at(const cil_image *im, uint32_t offset);
const char *cil_cell_string(const cil_image *im, cil_table table, uint32_t rid, unsigned column);
cil_blob cil_cell_blob(const cil_image *im, cil_table table, uint32_t rid, unsigned column);
/* What a column holds, for walks over everything; NONE behind the last. */
typedef enum cil_column {
    CIL_COLUMN_NONE,
    CIL_COLUMN_NUMBER,
    CIL_COLUMN_STRING,
    CIL_COLUMN_GUID,
    CIL_COLUMN_BLOB,
    CIL_COLUMN_TABLE,
    CIL_COLUMN_CODED,
} cil_column;
unsigned cil_columns(cil_table table); /* how many; 0: no such table */
cil_column cil_column_of(cil_table table, unsigned column);
/* A #US item: UTF-16LE and a last byte of flags. `offset` is the low 24 bits of an ldstr token. */
cil_blob cil_user_string(const cil_image *im, uint32_t offset);
/* First and one-past-last rid of a list column (fields, methods, params, properties) of row `rid`. */
typedef struct cil_range {
    uint32_t first, end;
} cil_range;
cil_range cil_list(const cil_image *im, cil_table table, uint32_t rid, unsigned column, cil_table target);
/*
 * The rid that stands at place `at` of such a range. The same as `at`, but in a #- stream whose lists go through a Ptr
 * table (Edit and Continue); 0 where there is none.
 */
uint32_t cil_list_item(const cil_image *im, cil_table target, uint32_t at);
/* The IL body of a method as it lies in the image: header, code and EH sections; n == 0 and true where it has none (RVA
 * 0). */
bool cil_method_bytes(const cil_image *im, uint32_t method_rid, cil_blob *out, err_t *e);
/* The TypeDef rid that owns a MethodDef / Field row (binary search); 0 where none. */
uint32_t cil_method_owner(const cil_image *im, uint32_t method_rid);
uint32_t cil_field_owner(const cil_image *im, uint32_t field_rid);
/* The enclosing TypeDef rid of a nested type, 0 for a top-level one (binary search in NestedClass). */
uint32_t cil_enclosing(const cil_image *im, uint32_t type_rid);
/* The generic parameters of a TypeDef or MethodDef, as rows of GenericParam. */
cil_range cil_generic_params(const cil_image *im, cil_token owner);
/* Does `token` carry a custom attribute of this type name ("System.Runtime.CompilerServices.IntrinsicAttribute")? */
bool cil_has_attribute(const cil_image *im, cil_token token, const char *full_name);
/* Its value (II.23.3) where it carries one; no bytes where not. */
cil_blob cil_attribute(const cil_image *im, cil_token token, const char *full_name);
/* Is this TypeDef or TypeRef the type of that metadata name ("System.Span`1", "Ns.Outer`1+Inner")? Allocates nothing.
 */
bool cil_type_is(const cil_image *im, cil_token type, const char *full_name);
const char *cil_assembly_name(const cil_image *im); /* "" for a netmodule */
void cil_mvid(const cil_image *im, uint8_t out[16]);

/* ---- names ---------------------------------------------------------------------------------------------------- */

/*
 * Names as C# people type them. Types: Ns.Outer+Inner<T>, with `1 arity replaced by the names of the generic
 * parameters. Methods: Ns.Type.Method<T>(int,string) with C# keywords for primitives, short `List<int>`-style names
 * (without namespaces) for other parameter types, `ref`/`in`/`out` as "ref int" etc., arrays "int[]", pointers "int*",
 * nullable "int?".
 */
void cil_type_name(const cil_image *im, cil_token type_def_or_ref_or_spec, buf_t *out);       /* with namespaces */
void cil_method_name(const cil_image *im, uint32_t method_rid, bool with_params, buf_t *out); /* full */
void cil_method_short_name(const cil_image *im, uint32_t method_rid, buf_t *out);             /* name only, with <T> */
/* One type in a signature as C# text; type_rid/method_rid name generic parameters (0: !0, !!0). Returns bytes consumed,
 * 0 on error. */
uint32_t cil_sig_type_name(const cil_image *im, cil_blob sig, uint32_t type_rid, uint32_t method_rid, bool namespaces,
                           buf_t *out);

/* ---- signatures (II.23.2) ------------------------------------------------------------------------------------- */

typedef enum cil_element {
    CIL_E_END = 0x00,
    CIL_E_VOID = 0x01,
    CIL_E_BOOLEAN,
    CIL_E_CHAR,
    CIL_E_I1,
    CIL_E_U1,
    CIL_E_I2,
    CIL_E_U2,
    CIL_E_I4,
    CIL_E_U4,
    CIL_E_I8,
    CIL_E_U8,
    CIL_E_R4,
    CIL_E_R8,
    CIL_E_STRING,
    CIL_E_PTR = 0x0F,
    CIL_E_BYREF = 0x10,
    CIL_E_VALUETYPE = 0x11,
    CIL_E_CLASS = 0x12,
    CIL_E_VAR = 0x13,
    CIL_E_ARRAY = 0x14,
    CIL_E_GENERICINST = 0x15,
    CIL_E_TYPEDBYREF = 0x16,
    CIL_E_I = 0x18,
    CIL_E_U = 0x19,
    CIL_E_FNPTR = 0x1B,
    CIL_E_OBJECT = 0x1C,
    CIL_E_SZARRAY = 0x1D,
    CIL_E_MVAR = 0x1E,
    CIL_E_CMOD_REQD = 0x1F,
    CIL_E_CMOD_OPT = 0x20,
    CIL_E_INTERNAL = 0x21,
    CIL_E_SENTINEL = 0x41,
    CIL_E_PINNED = 0x45,
} cil_element;

/* Compressed integers (II.23.2). Return bytes consumed, 0 where malformed. cil_write_* append. */
uint32_t cil_read_compressed(cil_blob b, uint32_t *value);
uint32_t cil_read_compressed_signed(cil_blob b, int32_t *value);
void cil_write_compressed(buf_t *out, uint32_t value);
void cil_write_compressed_signed(buf_t *out, int32_t value);
/* TypeDefOrRefOrSpecEncoded (II.23.2.8). */
uint32_t cil_read_type_token(cil_blob b, cil_token *token);
void cil_write_type_token(buf_t *out, cil_token token);

/*
 * One type inside a signature, looked at from outside. `whole` spans the type with its modifiers, `bare` the same
 * without custom modifiers, pinned and byref in front (for BYREF the type referred to). For GENERICINST `token` is the
 * open type and `generic_is_value` tells which; `args` span the type arguments. For PTR/SZARRAY/ARRAY `inner` is the
 * element type.
 */
typedef struct cil_type {
    cil_element element; /* of bare: never CMOD, PINNED or BYREF */
    bool byref, pinned, generic_is_value;
    cil_token token; /* CLASS, VALUETYPE, GENERICINST */
    uint32_t number; /* VAR, MVAR; number of args of GENERICINST; rank of ARRAY */
    cil_blob whole, bare, inner, args;
} cil_type;
/* Reads one type at the start of b; returns bytes consumed (== whole.n), 0 where malformed. Depth-bounded. */
uint32_t cil_type_read(cil_blob b, cil_type *out);
/* Bytes of a primitive; 8 of what is as large as a reference, and of everything else. */
uint32_t cil_element_size(cil_element e);
/* bool, char, the numbers, native integers (ECMA-335 I.8.2.2). */
static inline bool cil_is_primitive(cil_element e)
{
    return (e >= CIL_E_BOOLEAN && e <= CIL_E_R8) || e == CIL_E_I || e == CIL_E_U;
}
/* An integer with a sign. */
static inline bool cil_is_signed(cil_element e)
{
    return e == CIL_E_I1 || e == CIL_E_I2 || e == CIL_E_I4 || e == CIL_E_I8 || e == CIL_E_I;
}
/* An integer whose values a signed one of 64 bits does not hold. */
static inline bool cil_is_wide_unsigned(cil_element e)
{
    return e == CIL_E_U8 || e == CIL_E_U;
}

/* MethodDefSig, MethodRefSig, StandAloneMethodSig (II.23.2.1-3). */
typedef struct cil_method_sig {
    uint8_t convention; /* the first byte: HASTHIS 0x20, EXPLICITTHIS 0x40, GENERIC 0x10, low nibble: DEFAULT 0, C 1,
                           ... VARARG 5 */
    uint32_t generic_count, param_count;
    uint32_t sentinel; /* index of the first vararg, or param_count */
    cil_type ret;
    cil_type *params; /* in the arena */
} cil_method_sig;
bool cil_method_sig_read(arena *a, cil_blob sig, cil_method_sig *out, err_t *e);
/* LocalVarSig (II.23.2.6). */
typedef struct cil_locals {
    uint32_t count;
    cil_type *types;
} cil_locals;
bool cil_locals_read(arena *a, cil_blob sig, cil_locals *out, err_t *e);
/* Writes types back: LocalVarSig from an array of `whole` slices. */
void cil_locals_write(buf_t *out, const cil_blob *types, uint32_t count);
/* Parses any signature (method, field, property, local, type spec, method spec) and writes it back; equal bytes are the
 * test. */
bool cil_sig_roundtrip(cil_blob sig, buf_t *out, err_t *e);
/*
 * Writes `type` with its VAR/MVAR replaced by the given argument types (each a blob of one type; NULL: leave as they
 * are). For a callee's signature seen from a caller: the owner's TypeSpec arguments and the MethodSpec's.
 */
bool cil_type_substitute(cil_blob type, const cil_blob *vars, uint32_t nvars, const cil_blob *mvars, uint32_t nmvars,
                         buf_t *out);

/*
 * Code that is made at run time has no metadata: its signatures name types by the runtime's own handles, in elements
 * CIL_E_INTERNAL of 8 bytes. cil_sig_translate writes such a signature (of a method, of locals; or one type) with
 * tokens in their place (`token`), or one with tokens with handles (`handle`): the other of the two is NULL. False
 * where the signature is malformed, and where either answers 0.
 */
typedef struct cil_handles {
    void *owner;
    cil_token (*token)(void *owner, uint64_t handle, bool *is_value);
    uint64_t (*handle)(void *owner, cil_token token);
} cil_handles;
bool cil_sig_translate(cil_blob sig, bool is_type, const cil_handles *handles, buf_t *out);

/* ---- metadata for what has none --------------------------------------------------------------------------------- */

/* A named type that is referred to: TypeRef number i + 1 in the metadata that is made. */
typedef struct cil_made_type {
    const char *space, *name, *assembly;
    uint32_t enclosing; /* TypeRef of the type around it (lower than its own), or 0 */
} cil_made_type;

/*
 * Writes bare metadata that describes one static method, MethodDef 1 of type `type_name` of no namespace, for those who
 * know methods by their metadata only. `locals` becomes StandAloneSig 1 where it has bytes. False: memory ran out, or
 * something is longer than the format allows.
 */
bool cil_make_method(const char *type_name, const char *name, cil_blob sig, cil_blob locals, const cil_made_type *types,
                     uint32_t type_count, buf_t *out);

/*
 * Metadata that somebody else holds in memory and may still be adding to, asked for cell by cell. A string or blob is
 * given as it stands in its heap at `at`; indices into tables, plain or coded, as tokens. Functions answer false (NULL)
 * where there is no such thing.
 */
typedef struct cil_source {
    void *owner;
    uint32_t (*rows)(void *owner, cil_table table);
    bool (*cell)(void *owner, cil_table table, uint32_t rid, unsigned column, uint32_t *value);
    const char *(*string)(void *owner, uint32_t at);
    bool (*blob)(void *owner, uint32_t at, cil_blob *out);
} cil_source;
/* Writes it as bare metadata, for cil_metadata_open. User strings, GUIDs and the marks of editing are left out. */
bool cil_rebuild(const cil_source *s, buf_t *out, err_t *e);

/* ---- method bodies (II.25.4, III) ------------------------------------------------------------------------------ */

/* Opcodes: one-byte ones as they are, two-byte ones as 0xFE00 | second byte: CIL_ADD == 0x58, CIL_CEQ == 0xFE01.
 * Generated by cil/opcodes.h */
#include "cil/opcodes.h"

typedef enum cil_operand {
    CIL_O_NONE,
    CIL_O_U1_VAR,
    CIL_O_U2_VAR,
    CIL_O_I1,
    CIL_O_I4,
    CIL_O_I8,
    CIL_O_R4,
    CIL_O_R8,
    CIL_O_BR1,
    CIL_O_BR4,
    CIL_O_TOKEN,
    CIL_O_SWITCH,
} cil_operand;
typedef enum cil_flow {
    CIL_F_NEXT,
    CIL_F_BRANCH,
    CIL_F_COND,
    CIL_F_SWITCH,
    CIL_F_RETURN,
    CIL_F_THROW,
    CIL_F_CALL,
    CIL_F_PREFIX
} cil_flow;
typedef struct cil_opinfo {
    const char *name; /* "ldarg.0"; NULL: no such opcode */
    uint8_t operand;  /* cil_operand */
    uint8_t flow;     /* cil_flow */
    int8_t pop, push; /* -1: depends on the operand (calls, ret, ...) */
    uint8_t size;     /* bytes with the operand; of a switch without its targets */
    bool turns;       /* flow is neither NEXT nor CALL */
} cil_opinfo;
extern const cil_opinfo cil_opinfos[0x120]; /* one-byte opcodes, then the two-byte ones from 0x100 on */
/* Of an opcode that is known to be one. Inline because every pass over a body asks it for every instruction. */
static inline const cil_opinfo *cil_opinfo_at(uint16_t op)
{
    return &cil_opinfos[op < 0x100 ? op : 0x100u | (op & 0x1Fu)];
}
/* NULL: no such opcode. */
static inline const cil_opinfo *cil_opinfo_of(uint16_t op)
{
    unsigned at = op < 0x100 ? op : op >= 0xFE00 && op < 0xFE20 ? 0x100u | (op & 0xFFu) : 0xFFu;
    return cil_opinfos[at].name ? &cil_opinfos[at] : NULL;
}

/*
 * One instruction. Branch operands are indices into cil_body.insns, so that a body can be edited and written again: the
 * writer chooses sizes. `offset` is where it stood in the body it was read from (CIL_NEW for one that was added).
 */
#define CIL_NEW UINT32_MAX
typedef struct cil_insn {
    uint16_t op;
    uint32_t offset;
    union {
        int64_t i;     /* I1 I4 I8 (sign-extended), U1_VAR U2_VAR */
        uint64_t bits; /* R4 (low 32) and R8 as they stand */
        cil_token token;
        uint32_t target; /* BR1 BR4: index of an instruction; == count is "the end" and malformed */
        struct {
            uint32_t count;
            uint32_t *targets;
        } sw;
    };
} cil_insn;

typedef enum cil_eh_kind { CIL_EH_CATCH = 0, CIL_EH_FILTER = 1, CIL_EH_FINALLY = 2, CIL_EH_FAULT = 4 } cil_eh_kind;
/* Instruction indices, end exclusive (may equal the instruction count). */
typedef struct cil_eh {
    cil_eh_kind kind;
    uint32_t try_start, try_end, handler_start, handler_end;
    uint32_t filter_start; /* FILTER: up to handler_start */
    cil_token class_token; /* CATCH */
} cil_eh;

typedef struct cil_body {
    uint16_t max_stack;
    bool init_locals;
    cil_token local_sig; /* 0: none */
    cil_insn *insns;
    uint32_t count;
    cil_eh *ehs;
    uint32_t eh_count;
    uint32_t code_size; /* as read */
} cil_body;

/* Decodes a body, tiny or fat, with its EH sections (II.25.4). Place in errors: the IL offset. Everything lies in the
 * arena. */
bool cil_body_read(arena *a, cil_blob bytes, cil_body *out, err_t *e);
/*
 * Encodes: shortest branches that reach, tiny or fat header, small or fat EH sections. offsets (may be NULL): an array
 * of count + 1 that receives each instruction's new IL offset and the code size.
 */
bool cil_body_write(const cil_body *body, buf_t *out, uint32_t *offsets, err_t *e);
/*
 * One instruction as text, without its label: "call  void Foo::Bar(int)", "br.s  @12" (the index of its target). Tokens
 * of an image that is NULL, or that it does not have, stay numbers. For messages.
 */
void cil_insn_text(const cil_image *im, const cil_insn *insn, buf_t *out);
/* What a token of the image means, as it stands behind an opcode. False, and nothing written, where it is not there. */
bool cil_token_text(const cil_image *im, cil_token token, buf_t *out);
/* The same of a signature that a `calli` would name. */
bool cil_call_text(const cil_image *im, cil_blob sig, buf_t *out);
/*
 * The operand of an instruction of a listing, "" where it has none: targets as IL_0012, by their offsets in the body; a
 * token as `text` names it, 0x06000012 where that answers false. Numbers, names apart, read back as what they were.
 */
typedef struct cil_names {
    void *owner;
    bool (*text)(void *owner, cil_token token, buf_t *out);
} cil_names;
void cil_operand_text(const cil_body *body, const cil_names *names, const cil_insn *insn, buf_t *out);
/*
 * Branches come in pairs, short and long: br.s and br, ... leave.s and leave. The long one of either; 0: no branch.
 */
static inline uint16_t cil_branch_long(uint16_t op)
{
    if (op >= CIL_BR_S && op <= CIL_BLT_UN_S) return (uint16_t)(op + (CIL_BR - CIL_BR_S));
    if (op >= CIL_BR && op <= CIL_BLT_UN) return op;
    return op == CIL_LEAVE || op == CIL_LEAVE_S ? CIL_LEAVE : 0;
}

/* ---- verification ---------------------------------------------------------------------------------------------- */

/*
 * Proves of a body what the JIT's importer checks (not type safety): stack depth and stack kinds agree at every join,
 * branch targets are instructions and don't enter or leave protected regions wrongly, handlers nest,
 * leave/endfinally/endfilter/rethrow stand where they may, locals and arguments exist, tokens resolve to signatures,
 * max_stack suffices. What the JIT accepts is never refused.
 */
typedef enum cil_kind { CIL_K_I4 = 1, CIL_K_I8, CIL_K_I, CIL_K_F, CIL_K_BYREF, CIL_K_OBJECT, CIL_K_VALUE } cil_kind;

/*
 * Tokens that the metadata does not have yet, made for the body. The blob of a StandAloneSig or TypeSpec; for a
 * MemberRef or MethodSpec the signature of the method or field that is meant; for a TypeRef anything that is not empty.
 */
typedef struct cil_extra {
    cil_token token;
    cil_blob sig;
} cil_extra;

typedef struct cil_verify_input {
    const cil_image *image;
    const cil_body *body;
    cil_blob method_sig;     /* of the method itself */
    const cil_extra *extras; /* looked up before the image */
    uint32_t extra_count;
} cil_verify_input;
/* True where proved. The error's place is the index of the instruction; the text names its opcode and what is wrong.
 * scratch: freed by the caller. */
bool cil_verify(arena *scratch, const cil_verify_input *in, err_t *e);
/* The deepest stack of a body by the same walk; for the writer's max_stack. UINT32_MAX where it does not verify. */
uint32_t cil_max_stack(arena *scratch, const cil_verify_input *in);

#endif
