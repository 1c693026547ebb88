/*
 * client: from the pictures of memory that probes take to trees of values. Everything is hostile: sizes are checked
 * against the bytes that are there, and both depth and number of nodes are bounded.
 */
#ifndef REJIT_CLIENT_VALUE_H
#define REJIT_CLIENT_VALUE_H

#include "client/client-priv.h"

#define NODES_MOST 4096u
#define NEST_MOST  24u

/* One object or value in a picture. */
typedef struct piece {
    uint64_t type, address;
    uint32_t length, copied;
    const uint8_t *bytes;
} piece;

typedef struct decoder {
    rj_session *s;
    arena *a;
    const piece *pieces;
    size_t count;
    unsigned nodes, nest;
} decoder;

/* Instance data under a known type: an object's or a struct's. */
typedef struct view {
    const type_info *type;
    const uint8_t *p;
    uint32_t n;
} view;

/* ---- value.c ---- */
const piece *value_piece(const decoder *d, uint64_t address);
/* A reference that was found in the bytes. `type` is the declared name, for what was not followed. */
void value_reference(decoder *d, uint64_t address, const char *type, unsigned depth, rj_value *out);
/* A value type that lies inline. */
void value_inline(decoder *d, uint64_t type, const char *declared, const uint8_t *p, uint32_t n, unsigned depth,
                  rj_value *out);
/* A field or slot by its ECMA-335 element type. */
void value_element(decoder *d, uint32_t element, uint64_t type, const char *declared, const uint8_t *p, uint32_t n,
                   unsigned depth, rj_value *out);
bool value_field(decoder *d, const view *v, const char *name, unsigned depth, rj_value *out);
/* All fields, but those named in `without` (NULL-terminated, or NULL). */
void value_fields(decoder *d, const view *v, const char *const *without, unsigned depth, rj_value *out);
/* The integer in a field of 1 to 8 bytes, sign-extended where its type is signed. */
bool value_field_int(const view *v, const char *name, int64_t *out);
/* Items of an array or span: `length` elements, of which the bytes of the first are there. */
void value_items(decoder *d, const type_info *element, uint32_t size, uint64_t length, const uint8_t *p, uint32_t n,
                 unsigned depth, rj_value *out);
void value_opaque(const char *type, rj_value *out);
void value_utf16(decoder *d, rj_kind kind, const uint8_t *p, uint64_t units, bool cut, rj_value *out);

/* ---- known.c ---- */
/* Makes it a value that is a text; true. */
bool value_text(decoder *d, rj_kind kind, const char *text, rj_value *out);
/* Types that have a form of their own: List<T>, DateTime, Task ... False: it is none, or its fields are not what they
 * should be. */
bool known_read(decoder *d, const view *v, unsigned depth, rj_value *out);
/* The array, string or object behind a reference in a field, or NULL. */
const piece *value_array(decoder *d, const view *v, const char *field, const type_info **type);
/* System.Decimal: 96 bits, a scale of 0 to 28, a sign. */
bool known_decimal(decoder *d, uint32_t flags, uint32_t high, uint64_t low, rj_value *out);
bool known_task(decoder *d, const view *v, unsigned depth, rj_value *out);

/* ---- framework.c ---- */
/* The same for what a line of a table describes: collections, Uri, BigInteger ... */
bool framework_read(decoder *d, const view *v, unsigned depth, rj_value *out);

#endif
