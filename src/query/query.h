/*
 * query: what people type. Method patterns and conditions, parsed with the column of every error, and checked against
 * metadata. Knows assemblies as cil_images only: the same code answers in the target, in the client, and offline in
 * tests.
 */
#ifndef REJIT_QUERY_H
#define REJIT_QUERY_H

#include "cil/cil.h"

/* ---- patterns -------------------------------------------------------------------------------------------------- */

/*
 *   [Assembly!]Name[(type,type,...)]
 *
 * Name is tried on the full name `Ns.Outer+Inner.Method`. Where it holds no dot (but for the first character of
 * `.ctor`), it is tried on the method's own name too; where it holds one, on the full name without its namespace too:
 * `List<T>.Add` needs no System.Collections.Generic.
 *
 *  - `*` matches any run of characters, dots included; `?` one character. Names are case-sensitive.
 *  - Type and method names match with or without their generic parameters: List<T>.Add, List.Add, List`1.Add, and
 *    with wildcards for them: List<*>.Add, Dictionary<,>.Add. Parameters that are named must be those of the source:
 *    List<int>.Add matches nothing, because an edit covers every instantiation.
 *  - A C# keyword in front stands for its type: int.Parse is Int32.Parse.
 *  - `.ctor` and `.cctor` by these names: Order..ctor.
 *  - The name of a property or an event matches its accessors, which are known by their SpecialName flag and prefix:
 *    Order.Total is get_Total and set_Total.
 *  - An explicit implementation (Bag.System.Collections.IEnumerable.GetEnumerator) answers to its last part as well:
 *    GetEnumerator, Bag.GetEnumerator; the same goes for explicit properties.
 *  - Angle brackets at the beginning of a name are the compiler's and literal: Program.<Main>$,
 *    Shop.<Total>g__Round|3_0, *.<>c.*
 *  - Assembly is the simple name, `.dll` behind it is ignored; wildcards work.
 *  - Parameter lists compare as cil_method_name prints them: C# keywords (Int32 and System.Int32 are int), names with
 *    or without their namespaces and enclosing types, white space ignored. ref, in, out and & all say "by reference".
 *    `()` is no parameters, no list is any; a `*` alone stands for any number of parameters: (*), (int,*).
 */
typedef struct query_pattern query_pattern;

/*
 * NULL and ERR_USAGE with the column (bytes, from 0) as place: empty, unbalanced parentheses or angle brackets, stray
 * characters, two `!`, too long (> 1,024 bytes). The text says it for people, "column N: what is wrong; what to
 * write", N from 1. The result is read-only and may be used by several threads at once; it lives as long as the arena
 * and keeps nothing of `text`.
 */
query_pattern *query_pattern_parse(arena *a, const char *text, err_t *e);
/* Can a method of this assembly match at all? */
bool query_pattern_assembly(const query_pattern *p, const char *assembly_name);
/* Does this MethodDef match? scratch is reset by the caller when it likes; none is kept. */
bool query_pattern_method(const query_pattern *p, const cil_image *image, uint32_t method_rid, buf_t *scratch);
/* Calls `found` for every MethodDef that matches, in rid order (MethodPtr's, where there is one), until it answers
   false. Builds text only for generic parts and parameter lists that the pattern asks for. */
void query_pattern_scan(const query_pattern *p, const cil_image *image, bool (*found)(void *owner, uint32_t method_rid),
                        void *owner);

/*
 * The nearest names, for "no method matches": keeps the `most` best (at most 16) over several images, by edit
 * distance on the type's part and the method's. Names carry parameters where the pattern has a list, and `Assembly!`
 * where it names one; a type's name is answered with `Type.*`. They lie in the arena; images may go.
 */
typedef struct query_nearest query_nearest;
query_nearest *query_nearest_new(arena *a, const query_pattern *p, unsigned most);
void query_nearest_add(query_nearest *n, const cil_image *image);
/* Best first; answers how many, at most `most`. */
unsigned query_nearest_list(const query_nearest *n, const char **names);

/* ---- conditions ------------------------------------------------------------------------------------------------- */

/*
 *   expr    := and ('||' and)*          and := not ('&&' not)*          not := '!' not | '(' expr ')' | compare
 *   compare := operand [op operand]      op  := == != < <= > >= ~ !~      (at least one side a path)
 *   operand := path | literal
 *   path    := root (['?'] '.' NAME | '[' number | text ']')*
 *   root    := 'this' | 'thread' | 'return' | 'exception' | 'elapsed' | ['args.' | 'locals.'] NAME
 *   literal := number (1_000, 0xFF, 1.5e3, suffixes as in C#) | time (5ms: a number with ns, us, ms or s)
 *            | 'text' | "text" (both are strings; a one-character one also a char) | true | false | null
 *            | enum member name (Red, Color.Red)
 *
 * Members are fields, private ones too, and automatic properties, of objects and of structs; a Nullable<T> compares as
 * what it holds, and has HasValue and Value; Length of strings and arrays, Count and [index] of
 * the runtime's collections. What a member of null is compared with: nothing is equal to it but null. A bare bool is a
 * comparison with true. Numbers compare as C# would (int with long, signed with unsigned
 * exactly, int with double). Two paths compare where C# lets their types: numbers but for ulong with a signed one and
 * decimal with a floating one, bool with bool, enums of one type, strings by their characters; null equals null. A name
 * that could be both is the enum's member, unless `args.` stands in front. Text escapes: \n \t \r \0 \\ \' \" \uXXXX.
 * At most 1,024 bytes and QUERY_NODES_MOST nodes.
 */
#define QUERY_NODES_MOST 64u

typedef enum query_op { QUERY_EQ, QUERY_NE, QUERY_LT, QUERY_LE, QUERY_GT, QUERY_GE, QUERY_LIKE, QUERY_UNLIKE } query_op;
/* PAIR: two paths, a KEY each; only in bound trees. KEY: a path alone, a side of a PAIR or of query_key_parse. */
typedef enum query_node_kind { QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_COMPARE, QUERY_PAIR, QUERY_KEY } query_node_kind;
/* What both sides of a PAIR are made before they are compared, by C#'s rules. */
typedef enum query_pairing { QUERY_AS_NUMBERS, QUERY_AS_SINGLES, QUERY_AS_DECIMALS, QUERY_AS_TEXTS } query_pairing;
/* bool, char and enum: INT or UINT */
typedef enum query_value_kind {
    QUERY_NULL,
    QUERY_INT,
    QUERY_UINT,
    QUERY_FLOAT,
    QUERY_TEXT,
    QUERY_DECIMAL
} query_value_kind;

#define QUERY_DECIMAL_SIZE 16u
/* A number as System.Decimal has it: 96 bits, divided by ten so many times. */
typedef struct query_decimal {
    uint64_t low;
    uint32_t high;
    uint8_t scale; /* up to 28 */
    bool negative;
    bool fits; /* false: it has too many digits for one */
} query_decimal;

/*
 * One step from an object to what it refers to. FIELD: of a type that is the object's own or a base of it; INNER: of a
 * struct, which the member before leads to or the path begins with; with other_rid (hasValue) nothing is there where
 * that is false. COUNT: such
 * a field less the one in other_rid, if any, or the length of an array. LENGTH: of a string or an array. ELEMENT: of an
 * array. LIST_ELEMENT: of an array, or of the one in field_rid, which is in use up to other_rid. ENTRIES: the array of
 * a dictionary, in field_rid, in use up to other_rid; LOOKUP: what lies there (field_rid) beside the key (other_rid),
 * in entries that are in use (next_rid). Where COUNT and LIST_ELEMENT have no image, the declared type is an interface:
 * the object's own type tells (query_collection).
 */
typedef enum query_member_kind {
    QUERY_FIELD,
    QUERY_INNER,
    QUERY_COUNT,
    QUERY_LENGTH,
    QUERY_ELEMENT,
    QUERY_LIST_ELEMENT,
    QUERY_ENTRIES,
    QUERY_LOOKUP
} query_member_kind;
#define QUERY_MEMBERS_MOST 8u
typedef struct query_member {
    query_member_kind kind;
    uint8_t size;           /* bytes of what it leads to */
    const cil_image *image; /* of type_rid; NULL for LENGTH and ELEMENT */
    uint32_t type_rid, field_rid, other_rid, next_rid;
    uint32_t index;
    cil_element key_element; /* LOOKUP: STRING, or an integer */
    uint32_t key_units;
    const uint16_t *key_text; /* of a string */
    uint64_t key_bits;        /* of an integer, as it lies in memory */
} query_member;

/* What a path begins with. The last three are known at the end of a call only. */
typedef enum query_root {
    QUERY_ARGUMENT,
    QUERY_THIS,
    QUERY_LOCAL,
    QUERY_THREAD, /* the number that the kernel gives it */
    QUERY_RESULT,
    QUERY_EXCEPTION,
    QUERY_ELAPSED
} query_root;

typedef struct query_node {
    query_node_kind kind;
    query_op op;                           /* COMPARE: argument OP value (the parser turns `3 < n` round) */
    const struct query_node *left, *right; /* AND OR PAIR; NOT: left */
    uint32_t column;                       /* of the argument, of the operator */
    uint32_t value_column;                 /* COMPARE: of the literal; the same as `column` where a bool stands alone */
    const char *argument;                  /* the name typed, and what is behind it */
    const uint32_t *columns, *name_columns; /* of each byte of `argument`, and of `name` */
    query_value_kind value_kind;
    bool is_bool;     /* INT that was typed as true or false */
    bool is_time;     /* UINT that was typed with a unit: ns */
    bool is_enum;     /* filled below */
    bool is_nullable; /* bound: the last member is what a Nullable<T> holds, which was not named */
    int64_t i;
    uint64_t u;
    double f;
    query_decimal decimal; /* of every number */
    const uint16_t *text;  /* TEXT: UTF-16, text_units long */
    const regex *like;     /* LIKE, UNLIKE: bound: the text as a regular expression */
    const char *name;      /* an identifier: a member of an enum or the other path; NULL once it is bound */
    bool argument_is_path, name_is_path; /* typed with `args.` or `locals.` in front */
    query_pairing pairing;               /* PAIR */
    uint32_t text_units;
    /* Filled by query_condition_check, which also turns the value into what the argument compares with: FLOAT for R4
       and R8; INT (or UINT above INT64_MAX) for bool, char and enums; INT, UINT or FLOAT for other integers; TEXT or
       NULL for strings; NULL for OBJECT; DECIMAL for VALUETYPE, which is System.Decimal. */
    query_root root;
    query_member *members; /* from the argument to what is compared; those on the way are objects */
    uint32_t member_count;
    cil_element element; /* primitive, STRING, the enum's underlying type; OBJECT for null checks; U for pointers */
    const cil_image *enum_image; /* KEY: where the enum is; NULL: it is none */
    uint32_t enum_rid;
    uint16_t index; /* of the parameter in the signature, of the local in query_resolver.locals */
} query_node;

/* NULL and ERR_USAGE with the column (bytes, from 0) as place, the text as for patterns. */
query_node *query_condition_parse(arena *a, const char *text, err_t *e);
/*
 * What calls are told apart by: one path to a primitive, an enum, a decimal or a string. What is known at the end of a
 * call may be its beginning, but for the exception and the time.
 */
query_node *query_key_parse(arena *a, const char *text, err_t *e);
/* The members of an enum, in order, until `each` answers false. Values as they lie in memory, sign-extended. */
void query_enum_members(const cil_image *image, uint32_t type_rid,
                        bool (*each)(void *owner, const char *name, int64_t value), void *owner);

/* A local variable that may be named. */
typedef struct query_local {
    const char *name;
    cil_type type;
} query_local;

/*
 * What the method's own rows do not tell. type: finds the TypeDef that a token of `image` names; NULL where unknown.
 * For enums that live in other assemblies.
 */
typedef struct query_resolver {
    void *owner;
    const cil_image *(*type)(void *owner, const cil_image *image, cil_token token, uint32_t *type_rid);
    const query_local *locals;
    uint32_t local_count;
    const struct query_end *end; /* what is known when a call ends; NULL: nothing is asked then */
} query_resolver;

typedef struct query_end {
    cil_type result;
    bool has_result;
    bool has_members;      /* of the result and the exception: false for calls that end elsewhere than they began */
    const cil_image *core; /* where System.Exception is */
    uint32_t exception_rid;
} query_end;
/* Does the condition, bound, need the end of a call? */
bool query_is_late(const query_node *bound);
/*
 * Binds the names to the parameters of one method and checks the types: a copy of the tree in the arena, bound.
 * ERR_USAGE with the column; the text lists the arguments (or the members of the enum) that are there. ref and in
 * parameters of primitive types and structs are read at the call's begin; out parameters, structs as a whole and
 * generic parameters are refused. `resolver` may be NULL (then only enums of the same image work).
 */
const query_node *query_condition_check(arena *a, const query_node *parsed, const cil_image *image, uint32_t method_rid,
                                        const query_resolver *resolver, err_t *e);
/*
 * What a collection of the runtime calls the fields that its Count, or its elements, are kept in; other: 0 where there
 * is none. False: it is none that is known.
 */
bool query_collection(const cil_image *image, uint32_t type_rid, bool elements, uint32_t *field_rid,
                      uint32_t *other_rid);
/* The name of parameter `index` (from 0) as in the Param table; "arg3" where it has none. */
const char *query_parameter_name(arena *a, const cil_image *image, uint32_t method_rid, uint16_t index);

#endif
