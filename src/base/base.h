/*
 * base: what C lacks. Errors as values, arenas, growable arrays, string views, a hash map, logging.
 * Everything here depends on libc only, because it also runs inside the target.
 */
#ifndef REJIT_BASE_H
#define REJIT_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define RJ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RJ_COLD              __attribute__((cold)) /* callers lay the way to it out of line */
#define RJ_COUNT(a)          (sizeof(a) / sizeof((a)[0]))
#define RJ_MIN(a, b)         ((a) < (b) ? (a) : (b))
#define RJ_MAX(a, b)         ((a) > (b) ? (a) : (b))

/* ---- errors ------------------------------------------------------------------------------------------------ */

/* What kind of thing went wrong. The command turns these into its exit codes. */
typedef enum err_code {
    ERR_NONE = 0,
    ERR_USAGE,       /* the caller's words are off: option, pattern, expression */
    ERR_UNREACHABLE, /* the process cannot be reached or attached to */
    ERR_NO_MATCH,    /* nothing matched */
    ERR_REFUSED,     /* a method (or the whole request) was refused, with its reason */
    ERR_GONE,        /* the target went away */
    ERR_FORMAT,      /* malformed input: metadata, IL, a message */
    ERR_LIMIT,       /* a stated limit was reached */
    ERR_MEMORY,      /* an allocation failed */
    ERR_SYSTEM,      /* a system call failed; the text carries strerror */
    ERR_RUNTIME,     /* the CLR answered with a failing HRESULT; the text carries it in words */
} err_code;

/* An error with its place: a byte offset, a column or an RID, as the text says; -1 where there is none. */
typedef struct err_t {
    err_code code;
    int64_t at;
    char text[504];
} err_t;

/* Fills *e (which may be NULL) and returns false, so that `return err_set(...)` reads well. */
bool err_set(err_t *e, err_code code, int64_t at, const char *fmt, ...) RJ_PRINTF(4, 5) RJ_COLD;
/* Puts words before the text of an error that is already set: "reading Foo.dll: ...". Returns false. */
bool err_prefix(err_t *e, const char *fmt, ...) RJ_PRINTF(2, 3) RJ_COLD;
/* ERR_SYSTEM with strerror(errno) at the end of the text. Returns false. */
bool err_errno(err_t *e, const char *fmt, ...) RJ_PRINTF(2, 3) RJ_COLD;

/* The analyzer sees one file at a time and would follow paths on which these answer true. */
#ifdef __clang_analyzer__
#define err_set(...)   (err_set(__VA_ARGS__), false)
#define err_errno(...) (err_errno(__VA_ARGS__), false)
#endif

/* ---- arenas ------------------------------------------------------------------------------------------------ */

/*
 * Memory with one owner, released all at once. Not thread-safe. A zeroed arena is a valid empty one.
 * Returned memory is aligned to 16 bytes and zeroed, but for arena_room's.
 */
typedef struct arena {
    struct arena_chunk *head;
    size_t used;  /* in the head chunk */
    size_t total; /* bytes taken from malloc, for the accounts */
    size_t first; /* bytes of the first chunk, for an arena that stays small; 0: as many as an ordinary one has */
} arena;

void *arena_alloc(arena *a, size_t size);                  /* NULL where memory ran out */
void *arena_array(arena *a, size_t count, size_t size);    /* the same, overflow-checked */
void *arena_room(arena *a, size_t count, size_t size);     /* an array that the caller fills: not zeroed */
void *arena_copy(arena *a, const void *from, size_t size); /* NULL where memory ran out */
char *arena_strndup(arena *a, const char *s, size_t n);    /* NUL-terminated copy */
char *arena_strdup(arena *a, const char *s);
char *arena_printf(arena *a, const char *fmt, ...) RJ_PRINTF(2, 3);
void arena_free(arena *a);  /* leaves an empty arena */
void arena_reset(arena *a); /* the same, but memory for the next few pieces stays at hand */

/* ---- byte buffers ------------------------------------------------------------------------------------------ */

/* A growable byte array on malloc. Errors stick: after a failed growth `failed` is set and appends do nothing. */
typedef struct buf_t {
    uint8_t *p;
    size_t n, cap;
    bool failed;
} buf_t;

void buf_put(buf_t *b, const void *from, size_t n);
uint8_t *buf_extend(buf_t *b, size_t n); /* n bytes more, for the caller to fill; NULL where it failed */
void buf_u8(buf_t *b, uint8_t v);
void buf_u16(buf_t *b, uint16_t v); /* all little-endian */
void buf_u32(buf_t *b, uint32_t v);
void buf_u64(buf_t *b, uint64_t v);
void buf_str(buf_t *b, const char *s); /* without its NUL */
void buf_printf(buf_t *b, const char *fmt, ...) RJ_PRINTF(2, 3);
const char *buf_cstr(buf_t *b); /* NUL-terminates in place (not counted in n); "" where it failed */
void buf_free(buf_t *b);

/* ---- vectors ----------------------------------------------------------------------------------------------- */

/*
 * A typed growable array: struct { T *v; size_t n, cap; }. VEC_PUSH yields a pointer to the new zeroed element, NULL
 * where memory ran out. VEC_FREE leaves an empty one.
 */
#define VEC(T)         \
    struct {           \
        T *v;          \
        size_t n, cap; \
    }
#define VEC_PUSH(vec) \
    (vec_grow((void **)&(vec)->v, &(vec)->n, &(vec)->cap, sizeof *(vec)->v) ? &(vec)->v[(vec)->n - 1] : NULL)
#define VEC_FREE(vec) vec_free((void **)&(vec)->v, &(vec)->n, &(vec)->cap)
bool vec_grow(void **v, size_t *n, size_t *cap, size_t elem); /* adds one zeroed element */
void vec_free(void **v, size_t *n, size_t *cap);

/* ---- hash map ---------------------------------------------------------------------------------------------- */

/* uint64_t keys (0 allowed) to pointers, open addressing. Not thread-safe. A zeroed map is a valid empty one. */
typedef struct map_t {
    struct map_slot *slots;
    size_t n, cap;
} map_t;

void *map_get(const map_t *m, uint64_t key);
bool map_put(map_t *m, uint64_t key, void *value); /* replaces; value must not be NULL; false where memory ran out */
void *map_remove(map_t *m, uint64_t key);          /* the value that was there, or NULL */
bool map_next(const map_t *m, size_t *at, uint64_t *key, void **value); /* iterate: start with *at = 0 */
void map_free(map_t *m);
uint64_t map_hash(const void *p, size_t n); /* FNV-1a: a key for bytes, which others may have as well */

/* ---- clock ---- */

/* What a clock of clock_gettime says: CLOCK_MONOTONIC, CLOCK_REALTIME (since the epoch) ... */
uint64_t clock_ns(clockid_t clock);

/* ---- text -------------------------------------------------------------------------------------------------- */

/* Converts UTF-16LE (n units, at any address; unpaired surrogates become U+FFFD) to UTF-8 appended to b. */
void text_utf16_to_utf8(buf_t *b, const void *s, size_t n);
/* The same into memory with room for TEXT_UTF8_MOST(n) bytes; answers how many it took. No NUL. */
#define TEXT_UTF8_MOST(n) (3 * (n))
size_t text_utf16_write(char *out, const void *from, size_t n);
/* UTF-8 to UTF-16LE with a NUL at the end (counted in *units), in the arena; malformed bytes become U+FFFD. */
uint16_t *text_utf8_to_utf16(arena *a, const char *s, size_t *units);
/* Levenshtein distance, case-insensitive, for "did you mean". Gives up above `most` and returns most + 1. */
unsigned text_distance(const char *a, const char *b, unsigned most);

/* ---- regular expressions ------------------------------------------------------------------------------------- */

/*
 * Characters, `.` (all but a line feed), [a-z_], [^0-9], \d \w \s (of ASCII) and \D \W \S, * + ?, a|b, groups; ^ at the
 * beginning, $ at the end. What it finds may stand anywhere in the text. At most 64 characters and classes. No pointers
 * in it: a copy of its bytes, aligned to 8, is one too.
 */
#define REGEX_POSITIONS_MOST 64u
typedef struct regex regex;
/* UTF-16. NULL: *wrong says why, before which character *at. */
regex *regex_compile(arena *a, const uint16_t *text, uint32_t units, uint32_t *at, const char **wrong);
size_t regex_size(const regex *r);
/* In a time of units x 64 steps at most; no memory. */
bool regex_matches(const regex *r, const uint16_t *text, uint32_t units);

/* ---- log --------------------------------------------------------------------------------------------------- */

typedef enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* Where lines go: fd (default 2), level (default LOG_WARN; can be changed at any time). Lines are written by one
 * write(2). */
void log_to(int fd, log_level level);
void log_line(log_level level, const char *domain, const char *fmt, ...) RJ_PRINTF(3, 4);
/* One line to a file of the caller's, whatever the level. */
void log_line_to(int fd, log_level level, const char *domain, const char *fmt, ...) RJ_PRINTF(4, 5);
/* Does anybody want lines of this level? For those that cost something to make. */
bool log_wants(log_level level);

#endif
