/*
 * What the files that read metadata share: little-endian reads, streams, the layout of tables.
 */
#ifndef REJIT_CIL_METADATA_PRIV_H
#define REJIT_CIL_METADATA_PRIV_H

#include "cil/cil.h"

/* Nothing that is nested (types in signatures, types in types) goes deeper than this. */
#define CIL_MAX_DEPTH 64
/* The longest identifier that is printed, as the runtime's MAX_CLASSNAME_LENGTH: heaps are hostile. */
#define CIL_MAX_IDENTIFIER 1023
/* How long a name may become, and a signature with its variables replaced: a few hostile bytes must not grow without
 * bound. */
#define CIL_MAX_TEXT   (1u << 16)
#define CIL_MAX_GROWTH (1u << 20)

static inline uint16_t cil_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t cil_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t cil_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline cil_blob cil_skip(cil_blob b, uint32_t n)
{
    return n ? (cil_blob){b.p + n, b.n - n} : b; /* an empty blob may have no address */
}

/* The bytes of one type in `b`, or 0 where it is malformed; `depth` counts down. */
uint32_t cil_type_skip(cil_blob b, unsigned depth);

/* The streams that say where tables lie; heaps go straight into the image. */
typedef struct cil_table_stream {
    cil_blob tables; /* #~ or #- */
    cil_blob pdb;    /* #Pdb, empty where there is none */
    bool wide;       /* a #JTD stream: every index takes 4 bytes */
} cil_table_stream;

/* Reads the metadata root in im->metadata: heaps, then tables. */
bool cil_root_read(cil_image *im, err_t *e);
/* Reads the header of the tables' stream and lays the tables out. */
bool cil_tables_read(cil_image *im, const cil_table_stream *s, err_t *e);

/* Rows of `table` whose index column holds `value` (raw): a binary search where the table says that it is sorted. */
cil_range cil_rows_equal(const cil_image *im, cil_table table, unsigned column, uint32_t value);
/* A token as the raw value of a coded index column; UINT32_MAX where the column cannot hold it. */
uint32_t cil_encode_token(cil_table table, unsigned column, cil_token token);
/* Bytes of a column where every index takes 4 (a #JTD stream). */
unsigned cil_column_size_wide(cil_table table, unsigned column);
/* The metadata root over its streams; `wide` adds an empty #JTD stream, the mark of such tables. */
void cil_root_write(const buf_t *tables, bool wide, const buf_t *strings, const buf_t *blobs, buf_t *out);
/*
 * A name in the making. Rids of 0 leave generic parameters as !0 and !!0. What is written stays under `limit` bytes of
 * `out` by more than one identifier at most.
 */
typedef struct cil_namer {
    const cil_image *im;
    uint32_t type_rid, method_rid;
    bool namespaces;
    buf_t *out;
    size_t limit;
} cil_namer;
/* An identifier as it stands in the heap, cut at CIL_MAX_IDENTIFIER. */
void cil_put_identifier(cil_namer *n, const char *s);
/* "<T,U>" of rows of GenericParam; nothing for none. */
void cil_put_generic_params(cil_namer *n, cil_range params);
/* Outer<A>+Inner<B> of a TypeDef or TypeRef. args: the type arguments of an instance; NULL for the open type. */
bool cil_put_named_type(cil_namer *n, cil_token type, const cil_blob *args, unsigned depth);
/* One type of a signature; bytes consumed, 0 where malformed or too long. */
uint32_t cil_put_type(cil_namer *n, cil_blob sig, unsigned depth);
/* The same without "ref " in front, for a type that was read already. */
bool cil_put_bare_type(cil_namer *n, const cil_type *t, unsigned depth);
/* The TypeDef or TypeRef that encloses a TypeDef or TypeRef; 0 where none. */
cil_token cil_outer_type(const cil_image *im, cil_token type);

#endif
