/* client: a method's IL from bytes to instructions with names. */
#ifndef REJIT_CLIENT_LISTING_H
#define REJIT_CLIENT_LISTING_H

#include "cil/cil.h"
#include "client/client-priv.h"

typedef struct listing_named {
    cil_token token;
    const char *text;
} listing_named;

typedef struct listing_symbol {
    uint64_t address;
    const char *text;
    uint32_t layer;
} listing_symbol;

/* Whose the woven code is from `at` on. */
typedef struct listing_part {
    uint32_t at, layer;
} listing_part;

/* What the agent has told of one method; it may be anything. */
typedef struct listing_facts {
    cil_blob original, woven, map;
    listing_named *named;
    size_t named_count;
    listing_symbol *symbols;
    size_t symbol_count;
    listing_part *parts;
    size_t part_count;
    const char **arguments;
    size_t argument_count;
    rj_il_local *locals; /* the first own_locals are the original's */
    size_t local_count, own_locals;
    const rj_il_layer *layers;
    size_t layer_count;
} listing_facts;

/* Fills both bodies of m. ERR_FORMAT where one of them cannot be decoded. */
bool listing_make(arena *a, listing_facts *x, rj_il *m, err_t *e);

#endif
