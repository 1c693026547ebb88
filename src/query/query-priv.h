/*
 * Inside query. A glob is matched by simulating its automaton with one bit for each position, so that
 *  - time is linear in the text whatever the pattern (patterns are typed by people, names come from hostile metadata);
 *  - the state after `Namespace.Type.` is computed once and carried on for every method of the type;
 *  - "either of several beginnings" is the union of two states.
 */
#ifndef REJIT_QUERY_PRIV_H
#define REJIT_QUERY_PRIV_H

#include "query/query.h"

#define QUERY_TEXT_MOST  1024u /* bytes of a pattern, of a condition */
#define QUERY_DEPTH_MOST 64u   /* nesting of angle brackets, of parentheses */

/* ---- globs ------------------------------------------------------------------------------------------------------ */

#define GLOB_WORDS_MOST (QUERY_TEXT_MOST / 64 + 1)

/* Position i is "i tokens were consumed"; stars are no tokens: they let a position stay where it is. */
typedef struct glob {
    uint32_t words;         /* 64-bit words of a state */
    uint32_t count;         /* tokens == the accepting position */
    const uint64_t *step;   /* [256][words]: positions from which a byte goes on */
    const uint64_t *loop;   /* [words]: positions that stay on any byte: a star stands there */
    const uint64_t *inside; /* [words]: positions that stay on a UTF-8 continuation byte as well: behind a `?` */
} glob;

typedef struct glob_state {
    uint64_t w[GLOB_WORDS_MOST];
} glob_state;

/* text: n bytes, at most QUERY_TEXT_MOST; `*` and `?` are special. places (may be NULL, n + 1 entries): position before
 * each byte. */
bool glob_compile(arena *a, const char *text, size_t n, glob *out, uint32_t *places);
void glob_begin(const glob *g, glob_state *s);                           /* nothing consumed */
void glob_run(const glob *g, glob_state *s, const char *text, size_t n); /* consumes n bytes */
void glob_union(const glob *g, glob_state *into, const glob_state *other);
bool glob_dead(const glob *g, const glob_state *s); /* nothing can match any more */
bool glob_accepts(const glob *g, const glob_state *s);
bool glob_accepts_all(const glob *g, const glob_state *s); /* accepts, whatever follows */
bool glob_matches(const glob *g, const char *text, size_t n);

static inline bool glob_at(const glob_state *s, uint32_t position)
{
    return s->w[position / 64] >> (position % 64) & 1;
}
static inline void glob_set(glob_state *s, uint32_t position)
{
    s->w[position / 64] |= UINT64_C(1) << (position % 64);
}

/* ---- types in patterns ------------------------------------------------------------------------------------------- */

/* One type as typed: in a parameter list, or an argument in angle brackets. */
typedef struct query_type {
    glob text;  /* normalised as cil_sig_type_name prints it */
    bool byref; /* ref, in, out, & */
    bool star;  /* a `*` alone: any number of parameters */
} query_type;

/* A place in the text that is being parsed. */
typedef struct query_source {
    arena *a;
    const char *text;
    uint32_t at, end;
    err_t *e;
} query_source;

/* Sets ERR_USAGE: "column N: ..." with N counted from 1; the place counts from 0. Returns false. */
bool query_error(err_t *e, uint32_t at, const char *fmt, ...) RJ_PRINTF(3, 4);

/* A character for a message: what is not printable ASCII becomes `?`. */
static inline char query_shown(char c)
{
    return c > ' ' && c < 0x7F ? c : '?';
}

/* Which spelling primitives get: `int` as in signatures, or `Int32` as in the metadata names of explicit
 * implementations. */
typedef enum query_spelling { QUERY_KEYWORDS, QUERY_CLR_NAMES } query_spelling;
/* "Int32" of "int"; NULL where it is no keyword of a primitive type. */
const char *query_clr_name(const char *keyword, size_t n);
/* Parses types separated by commas up to `close` (which is consumed). An empty argument is a star where spelling is
 * QUERY_CLR_NAMES. */
bool query_types_parse(query_source *s, char close, query_spelling spelling, query_type **types, uint32_t *count);
/* Does the type, printed with namespaces, match? A name in the pattern may leave out namespaces and enclosing types. */
bool query_type_matches(const query_type *t, const char *text, size_t n);
/* `int,List<T>` split at its outer commas: the end of the part that starts at `from`. */
size_t query_part_end(const char *text, size_t n, size_t from);
/* One past the `>` that closes the `<` at `from`; 0 where none does. */
size_t query_angle_end(const char *text, size_t n, size_t from);

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

/* `<T>` or `1 in the name: matches the generic parameters of a type or method as a whole. */
typedef struct query_group {
    uint32_t at, after; /* positions in the glob */
    uint32_t count;     /* how many parameters */
    query_type *types;  /* NULL: any names */
    bool any;           /* <*>: any number of them */
} query_group;

struct query_pattern {
    bool has_assembly, has_params;
    glob assembly;
    glob name;
    uint64_t *opens; /* positions where a group begins */
    query_group *groups;
    uint32_t group_count;
    bool dotted; /* holds a dot: not tried on the method's own name, but without the namespace */
    query_type *params;
    uint32_t param_count;
    /* For nearest names: the name without wildcards and generic parts, whole and split at its last dot ("": no such
     * part). */
    const char *plain, *plain_type, *plain_method;
    bool type_open; /* the type's part may lack its namespace */
};

/* The text of the method's own name after the last dot that is no part of its type arguments. */
const char *query_last_part(const char *name, size_t n);
/* The property or event that an accessor's name (without dots) serves; NULL where it is none. */
const char *query_accessor(const char *part);
/* Does the pattern's parameter list, if it has one, match this method's? */
bool query_params_match(const query_pattern *p, const cil_image *image, uint32_t method_rid, buf_t *scratch);
#define QUERY_SPECIAL_NAME 0x0800u /* MethodAttributes.SpecialName, II.23.1.10 */

/* ---- conditions -------------------------------------------------------------------------------------------------- */

/* Is there a literal at s->at (a number, quoted text)? */
bool query_literal_begins(const query_source *s);
/* Parses it into value_kind and the value. */
bool query_literal_parse(query_source *s, query_node *node);

/* A type as it is used: its signature, where that was read, and what its type parameters stand for. */
typedef struct query_place {
    const cil_image *im;
    cil_type type;
    uint32_t owner;                     /* TypeDef that names its type parameters; 0 */
    const struct query_place *instance; /* GENERICINST that they are the parameters of; NULL: not known */
} query_place;

/* `order.Customer.Name`: an argument's name and what is behind it, with the column of each byte. */
typedef struct query_path_text {
    const char *text;
    const uint32_t *columns;
    uint32_t from; /* where the name ends */
} query_path_text;

/* The type that an enum's values lie in memory as; CIL_E_END where the TypeDef is no enum. */
cil_element query_enum_element(const cil_image *image, uint32_t type_rid);
/* A Nullable<T>: what it holds is looked at, with no member behind it either. */
bool query_is_nullable(const query_place *p);
/* Fills members and member_count of the node, and is_nullable. out: the type of the last one. ERR_USAGE with the
 * column. */
bool query_path_bind(arena *a, const query_resolver *resolver, const query_path_text *text, const query_place *root,
                     query_node *n, query_place *out, err_t *e);

/* May two bound KEYs be compared by C#'s rules? *why (where not): in words that stand behind "cannot be compared". */
bool query_pair_fits(const query_node *left, const query_node *right, query_op op, query_pairing *pairing,
                     const char **why);

static inline bool query_name_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || (c & 0x80);
}

#endif
