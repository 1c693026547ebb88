#include "query/query-priv.h"

#include <stdio.h>

/* C# keywords and the CLR's names of the same types. */
static const struct {
    const char *keyword, *clr;
} primitives[] = {
    {"bool", "Boolean"},  {"byte", "Byte"},     {"sbyte", "SByte"},  {"char", "Char"},   {"decimal", "Decimal"},
    {"double", "Double"}, {"float", "Single"},  {"int", "Int32"},    {"uint", "UInt32"}, {"nint", "IntPtr"},
    {"nuint", "UIntPtr"}, {"long", "Int64"},    {"ulong", "UInt64"}, {"short", "Int16"}, {"ushort", "UInt16"},
    {"object", "Object"}, {"string", "String"}, {"void", "Void"},
};

bool query_error(err_t *e, uint32_t at, const char *fmt, ...)
{
    char words[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    for (char *p = words; *p; p++) {
        if ((uint8_t)*p < ' ' || *p == 0x7F)
            *p = '?'; /* names come from metadata: nothing in them may reach a terminal raw */
    }
    return err_set(e, ERR_USAGE, at, "column %u: %s", at + 1, words);
}

static char peek(const query_source *s)
{
    return s->at < s->end ? s->text[s->at] : 0;
}

static void skip_space(query_source *s)
{
    while (peek(s) == ' ' || peek(s) == '\t')
        s->at++;
}

/* What may stand in the name of a type inside a list; wildcards included. */
static bool name_char(char c)
{
    return (uint8_t)c > ' ' && c != 0x7F && !strchr("<>()[],&!:;/\"\\", c);
}

static bool slice_is(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(s, word, n) == 0;
}

const char *query_clr_name(const char *keyword, size_t n)
{
    for (size_t i = 0; i < RJ_COUNT(primitives); i++) {
        if (slice_is(keyword, n, primitives[i].keyword)) return primitives[i].clr;
    }
    return NULL;
}

static void put_name(buf_t *out, const char *name, size_t n, query_spelling spelling)
{
    size_t base = n;
    while (base && (name[base - 1] == '*' || name[base - 1] == '?'))
        base--;
    size_t skip = base > 7 && memcmp(name, "System.", 7) == 0 ? 7 : 0;
    for (size_t i = 0; i < RJ_COUNT(primitives); i++) {
        const char *keyword = primitives[i].keyword, *clr = primitives[i].clr;
        bool is_keyword = slice_is(name, base, keyword);
        if (!is_keyword && !slice_is(name + skip, base - skip, clr)) continue;
        if (spelling == QUERY_CLR_NAMES && keyword[0] == 'n') break; /* nint stays nint in the compiler's names */
        buf_str(out, spelling == QUERY_KEYWORDS ? keyword : clr);
        buf_put(out, name + base, n - base);
        return;
    }
    buf_put(out, name, n);
}

/* Consumes `ref`, `in`, `out`, `ref readonly`, `params` ...; true where one of them makes the parameter a reference. */
static bool parse_modifiers(query_source *s)
{
    static const struct {
        const char *word;
        bool byref;
    } modifiers[] = {{"ref", true},     {"in", true},      {"out", true},  {"readonly", false},
                     {"params", false}, {"scoped", false}, {"this", false}};
    bool byref = false;
    for (size_t i = 0; i < RJ_COUNT(modifiers); i++) {
        skip_space(s);
        size_t n = strlen(modifiers[i].word);
        if (s->at + n >= s->end || memcmp(s->text + s->at, modifiers[i].word, n) != 0) continue;
        char next = s->text[s->at + n];
        if (next != ' ' && next != '\t') continue;
        s->at += (uint32_t)n;
        byref |= modifiers[i].byref;
        i = SIZE_MAX; /* from the first again: they come in several orders */
    }
    return byref;
}

/* Behind `delegate*`: "unmanaged[Cdecl]", "vararg"; white space is printed in front of each word. */
static void put_convention(query_source *s, buf_t *out)
{
    static const char *const words[] = {"unmanaged", "vararg"};
    for (size_t i = 0; i < RJ_COUNT(words); i++) {
        skip_space(s);
        size_t n = strlen(words[i]);
        if (s->end - s->at < n || memcmp(s->text + s->at, words[i], n) != 0) continue;
        s->at += (uint32_t)n;
        buf_printf(out, " %s", words[i]);
    }
    const char *close = peek(s) == '[' ? memchr(s->text + s->at, ']', s->end - s->at) : NULL;
    if (!close) return;
    buf_put(out, s->text + s->at, (size_t)(close + 1 - s->text) - s->at);
    s->at = (uint32_t)(close + 1 - s->text);
}

static bool parse_type(query_source *s, buf_t *out, query_spelling spelling, uint32_t depth);

/* Behind `<`, up to and with `>`. */
static bool parse_arguments(query_source *s, buf_t *out, query_spelling spelling, uint32_t depth)
{
    uint32_t open = s->at++;
    buf_u8(out, '<');
    for (;;) {
        if (spelling == QUERY_KEYWORDS && parse_modifiers(s)) buf_str(out, "ref ");
        skip_space(s);
        if (peek(s) == ',' || peek(s) == '>') {
            buf_u8(out, '*'); /* List<>, Dictionary<,> */
        } else if (!peek(s)) {
            return query_error(s->e, open, "'<' is never closed; write List<int>");
        } else if (!parse_type(s, out, spelling, depth + 1)) {
            return false;
        }
        skip_space(s);
        char c = peek(s);
        if (c == ',' || c == '>') {
            s->at++;
            buf_u8(out, (uint8_t)c);
            if (c == '>') return true;
        } else if (c) {
            return query_error(s->e, s->at, "'%c' does not belong into type arguments; write List<int>",
                               query_shown(c));
        }
    }
}

/* [] [,] and, behind `>` or `]`, `?` and `*`. */
static bool parse_suffixes(query_source *s, buf_t *out)
{
    for (;;) {
        char c = peek(s);
        if (c == '?' || c == '*') {
            buf_u8(out, (uint8_t)c);
            s->at++;
            continue;
        }
        if (c != '[') return true;
        uint32_t open = s->at;
        do {
            if (peek(s) != ' ') buf_u8(out, (uint8_t)peek(s));
            s->at++;
        } while (peek(s) == ',' || peek(s) == ' ');
        if (peek(s) != ']') return query_error(s->e, open, "'[' is not closed by ']'; write int[] or int[,]");
        buf_u8(out, ']');
        s->at++;
    }
}

/* Nullable<X>, which stands in `out` from `mark` on, becomes X? as signatures are printed. */
static void shorten_nullable(buf_t *out, size_t mark, size_t name)
{
    if (out->failed) return;
    size_t inner = out->n - mark - name - 2; /* between the angle brackets */
    memmove(out->p + mark, out->p + mark + name + 1, inner);
    out->n = mark + inner;
    buf_u8(out, '?');
}

/* The name at the place in the text, consumed; its length. Brackets that begin a part of it are the compiler's:
 * Outer+<>c. */
static size_t type_name(query_source *s)
{
    uint32_t from = s->at;
    while (s->at < s->end) {
        bool begins = s->at == from || strchr(".+", s->text[s->at - 1]);
        size_t end = begins && peek(s) == '<' ? query_angle_end(s->text, s->end, s->at) : 0;
        if (!end && !name_char(peek(s))) break;
        s->at = end ? (uint32_t)end : s->at + 1;
    }
    return s->at - from;
}

static bool parse_type(query_source *s, buf_t *out, query_spelling spelling, uint32_t depth)
{
    if (depth > QUERY_DEPTH_MOST)
        return query_error(s->e, s->at, "types are nested too deeply (more than %u)", QUERY_DEPTH_MOST);
    skip_space(s);
    const char *name = s->text + s->at;
    size_t mark = out->n, n = type_name(s);
    if (!n && peek(s) == '(') return query_error(s->e, s->at, "write a tuple as ValueTuple<int,string>");
    if (!n) return query_error(s->e, s->at, "a type is missing here; write Type.Method(int,string)");
    put_name(out, name, n, spelling);
    if (slice_is(name, n, "delegate*")) put_convention(s, out);
    uint32_t behind = s->at;
    skip_space(s);
    if (peek(s) != '<') {
        s->at = behind;
        return parse_suffixes(s, out);
    }
    if (!parse_arguments(s, out, spelling, depth)) return false;
    bool nullable = slice_is(name, n, "Nullable") || slice_is(name, n, "System.Nullable");
    if (nullable && spelling == QUERY_KEYWORDS) shorten_nullable(out, mark, n);
    if (peek(s) == '+' || peek(s) == '.') return parse_type(s, out, spelling, depth + 1); /* List<T>+Enumerator */
    return parse_suffixes(s, out);
}

static bool finish_type(query_source *s, query_type *t, buf_t *out)
{
    t->star = out->n == 1 && out->p[0] == '*';
    if (out->failed) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    if (out->n > QUERY_TEXT_MOST)
        return query_error(s->e, s->at, "this type is too long; write * in place of a part of it");
    if (!glob_compile(s->a, (const char *)out->p, out->n, &t->text, NULL)) {
        return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    }
    return true;
}

static bool parse_element(query_source *s, query_spelling spelling, char close, query_type *t)
{
    buf_t out = {0};
    bool ok = true;
    skip_space(s);
    if (spelling == QUERY_KEYWORDS) t->byref = parse_modifiers(s);
    if (spelling == QUERY_CLR_NAMES && (peek(s) == ',' || peek(s) == close)) {
        buf_u8(&out, '*');
    } else {
        ok = parse_type(s, &out, spelling, 0);
    }
    if (ok && peek(s) == '&') {
        t->byref = true;
        s->at++;
    }
    ok = ok && finish_type(s, t, &out);
    buf_free(&out);
    return ok;
}

bool query_types_parse(query_source *s, char close, query_spelling spelling, query_type **types, uint32_t *count)
{
    uint32_t open = s->at - 1, most = 1;
    for (uint32_t i = s->at; i < s->end; i++)
        most += s->text[i] == ',';
    *count = 0;
    *types = arena_array(s->a, most, sizeof **types);
    if (!*types) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    skip_space(s);
    if (close == ')' && peek(s) == close) {
        s->at++;
        return true;
    }
    for (;;) {
        skip_space(s);
        if (!peek(s)) break;
        if (!parse_element(s, spelling, close, &(*types)[(*count)++])) return false;
        skip_space(s);
        char c = peek(s);
        if (!c) break;
        if (c != ',' && c != close) {
            if (name_char(c)) return query_error(s->e, s->at, "leave out the parameter's name: only types stand here");
            return query_error(s->e, s->at, "'%c' does not belong here; write Type.Method(int,string)", query_shown(c));
        }
        s->at++;
        if (c == close) return true;
    }
    return query_error(s->e, open, "'%c' is never closed; write Type.Method(int,string)", s->text[open]);
}

bool query_type_matches(const query_type *t, const char *text, size_t n)
{
    glob_state s, run;
    glob_begin(&t->text, &s);
    run = s;
    for (size_t i = 0; i < n; i++) {
        glob_run(&t->text, &s, text + i, 1);
        if (text[i] == '.' || text[i] == '+') {
            glob_union(&t->text, &s, &run);
        } else if (strchr("<,([ ", text[i])) {
            run = s;
        }
    }
    return glob_accepts(&t->text, &s);
}

size_t query_part_end(const char *text, size_t n, size_t from)
{
    uint32_t depth = 0;
    size_t i = from;
    for (; i < n; i++) {
        if (text[i] == '<' || text[i] == '[' || text[i] == '(') depth++;
        if ((text[i] == '>' || text[i] == ']' || text[i] == ')') && depth) depth--;
        if (text[i] == ',' && !depth) break;
    }
    return i;
}

size_t query_angle_end(const char *text, size_t n, size_t from)
{
    uint32_t depth = 0;
    for (size_t i = from; i < n; i++) {
        if (text[i] == '<') depth++;
        if (text[i] == '>' && --depth == 0) return i + 1;
    }
    return 0;
}
