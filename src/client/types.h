/* client: the types of the target, asked for once each and kept for the session. */
#ifndef REJIT_CLIENT_TYPES_H
#define REJIT_CLIENT_TYPES_H

#include "base/base.h"
#include "wire/wire.h"

typedef struct type_field {
    const char *name, *type_name;
    const char *shown; /* its name as its author wrote it */
    bool secret;       /* as its name looks */
    uint32_t offset, element;
    uint64_t type; /* of a value-type field; 0: unknown */
} type_field;

typedef struct type_member {
    const char *name;
    uint64_t value;
} type_member;

/* What the agent says of the code of a method. */
typedef struct frame_code {
    const char *module, *path;     /* of the assembly, as the process names it */
    const char *pdb_id, *pdb_name; /* "": the assembly names no PDB, or none with a name */
    uint32_t token, offset;        /* offset: UINT32_MAX where it is not told */
} frame_code;

typedef struct type_move_next {
    const char *name;
    frame_code code;
} type_move_next;

typedef struct type_info {
    uint64_t address;
    const char *name; /* full */
    const char *base; /* the same without generic arguments: "System.Collections.Generic.List" */
    uint32_t kind, bytes, element, element_size, rank;
    uint64_t element_type;
    bool flags; /* [Flags] */
    const type_field *fields;
    uint32_t field_count;
    const type_member *members;
    uint32_t member_count;
    const char *const *parents;
    uint32_t parent_count;
    const type_move_next *move_next; /* of a state machine; else NULL */
} type_info;

typedef struct types_t {
    arena a;
    map_t map;
} types_t;

struct rj_session;
/* Reads a MEMBER group; its name is in the arena. */
type_member type_member_read(arena *a, wire_reader r);
/* Reads a FRAME group; the texts are in the arena. Answers its address. */
uint64_t frame_read(arena *a, wire_reader r, const char **name, frame_code *c);
/* Asks the agent for those that are not known, all at once: a process that is ending has no time for several questions.
 */
void types_want(struct rj_session *s, const uint64_t *addresses, size_t n);
/* NULL where the agent does not know it. May ask the agent, once for each address. */
const type_info *types_get(struct rj_session *s, uint64_t address);
/* Takes in the types of a TYPES_REPLY; those known already stay as they are. */
void types_read(types_t *t, wire_reader r);
void types_free(types_t *t);
const type_field *type_field_of(const type_info *t, const char *name);
bool type_is(const type_info *t, const char *full_name); /* itself or a base type */
/* "System.Collections.Generic.List<Shop.Item>+Enumerator" -> "System.Collections.Generic.List+Enumerator"; `1 goes too.
 */
const char *type_base_name(arena *a, const char *name);

#endif
