/*
 * A managed heap made by hand: MethodTables with their GC descriptions as the runtime lays them out, and objects of
 * them. Every block comes from malloc, so that AddressSanitizer sees a read beside it.
 */
#ifndef TESTS_PROBE_MANAGED_H
#define TESTS_PROBE_MANAGED_H

#include "wire/wire.h"

/* A run of references: where it starts from the object's type pointer (so the first field is at 8), and its bytes. */
typedef struct managed_refs {
    uint32_t start, bytes;
} managed_refs;

/* In an array of structs: references one after the other, then bytes to the next run. */
typedef struct managed_item {
    uint32_t references, skip;
} managed_item;

enum { MANAGED_CLASS = 0, MANAGED_STRUCT = 0x40000, MANAGED_PRIMITIVE = 0x60000 };

/* Type handles. `bytes`: of the fields. */
uint64_t managed_object(void); /* System.Object */
uint64_t managed_string_type(void);
uint64_t managed_type(uint32_t category, uint32_t bytes, const managed_refs *refs, unsigned count);
uint64_t managed_array(uint32_t component, bool references);
/* `first`: of the first reference in the first element. */
uint64_t managed_array_of_structs(uint32_t component, uint32_t first, const managed_item *items, unsigned count);

/* An object with its fields zeroed; `*fields` points to them. */
uint8_t *managed_new(uint64_t type, uint32_t bytes, uint8_t **fields);
uint8_t *managed_new_array(uint64_t type, uint32_t length, uint32_t component, uint8_t **data);
uint8_t *managed_new_string(const char *ascii);
void managed_set(uint8_t *fields, uint32_t offset, const uint8_t *object);
/* Frees everything that was made. A cmocka teardown. */
int managed_end(void **state);

/* The pieces of a picture. */
typedef struct picture {
    wire_piece head[64];
    const uint8_t *bytes[64];
    unsigned count;
} picture;
/* Cuts a blob up, and asserts that it is well-formed to the last byte. */
picture picture_read(const uint8_t *p, uint32_t n);
/* The index of the piece of an object; asserts that there is exactly one. */
unsigned picture_of(const picture *p, const uint8_t *object);
bool picture_has(const picture *p, const uint8_t *object);

#endif
