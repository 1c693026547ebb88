/* Literals of conditions, as C# writes them. */
#include "query/query-priv.h"

#include <stdlib.h>

static char char_at(const query_source *s, uint32_t at)
{
    return at < s->end ? s->text[at] : 0;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

bool query_literal_begins(const query_source *s)
{
    char c = char_at(s, s->at), next = char_at(s, s->at + 1);
    if (c == '-' || c == '+') return digit(next) || (next == '.' && digit(char_at(s, s->at + 2)));
    return c == '\'' || c == '"' || digit(c) || (c == '.' && digit(next));
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static unsigned digit_value(char c)
{
    if (digit(c)) return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;
}

/* Digits of one base with `_` between them; false where the number has more than 64 bits. */
static bool whole_number(query_source *s, unsigned base, uint64_t *v)
{
    uint32_t from = s->at;
    *v = 0;
    for (; digit_value(char_at(s, s->at)) < base || (s->at > from && char_at(s, s->at) == '_'); s->at++) {
        if (char_at(s, s->at) == '_') continue;
        if (__builtin_mul_overflow(*v, (uint64_t)base, v) ||
            __builtin_add_overflow(*v, digit_value(char_at(s, s->at)), v)) {
            return query_error(s->e, from, "this number does not fit into 64 bits");
        }
    }
    if (s->at == from) return query_error(s->e, from, "digits are missing");
    return true;
}

/* Where a number with a fraction, an exponent or a float suffix ends (before the suffix); 0: it is a whole number. */
static uint32_t float_end(const query_source *s)
{
    uint32_t i = s->at;
    bool is_float = false;
    while (digit(char_at(s, i)) || char_at(s, i) == '_')
        i++;
    if (char_at(s, i) == '.' && digit(char_at(s, i + 1))) {
        is_float = true;
        for (i++; digit(char_at(s, i)) || char_at(s, i) == '_';)
            i++;
    }
    if ((char_at(s, i) | 0x20) == 'e') {
        uint32_t k = i + 1;
        if (char_at(s, k) == '+' || char_at(s, k) == '-') k++;
        if (digit(char_at(s, k))) {
            is_float = true;
            while (digit(char_at(s, k)))
                k++;
            i = k;
        }
    }
    return is_float || (char_at(s, i) && strchr("fFdDmM", char_at(s, i))) ? i : 0;
}

static bool float_number(query_source *s, uint32_t end, bool negative, query_node *node)
{
    char digits[128];
    size_t n = 0;
    for (; s->at < end; s->at++) {
        if (s->text[s->at] == '_') continue;
        if (n == sizeof digits - 1) return query_error(s->e, s->at, "this number has too many digits");
        digits[n++] = s->text[s->at];
    }
    digits[n] = 0;
    char suffix = char_at(s, s->at) | 0x20;
    node->value_kind = QUERY_FLOAT;
    node->f = strtod(digits, NULL);
    if (suffix == 'f') node->f = (double)strtof(digits, NULL); /* 0.1f is not 0.1 */
    if (suffix == 'f' || suffix == 'd' || suffix == 'm') s->at++;
    if (negative) node->f = -node->f;
    return true;
}

static bool integer_suffix(query_source *s)
{
    bool has_u = false, has_l = false;
    for (;; s->at++) {
        char c = char_at(s, s->at) | 0x20;
        bool *seen = c == 'u' ? &has_u : c == 'l' ? &has_l : NULL;
        if (!seen || *seen) return true;
        *seen = true;
    }
}

static bool integer_number(query_source *s, bool negative, query_node *node)
{
    uint32_t from = s->at;
    unsigned base = 10;
    char kind = char_at(s, s->at + 1) | 0x20;
    if (char_at(s, s->at) == '0' && (kind == 'x' || kind == 'b')) {
        base = kind == 'x' ? 16 : 2;
        s->at += 2;
    }
    uint64_t v;
    if (!whole_number(s, base, &v) || !integer_suffix(s)) return false;
    if (negative && v > (uint64_t)INT64_MAX + 1)
        return query_error(s->e, from, "this number does not fit into 64 bits");
    if (negative || v <= INT64_MAX) {
        node->value_kind = QUERY_INT;
        node->i = (int64_t)(negative ? 0 - v : v);
    } else {
        node->value_kind = QUERY_UINT;
        node->u = v;
    }
    return true;
}

/* ---- decimals --------------------------------------------------------------------------------------------------- */

#define SCALE_MOST 28

/* v * 10 + digit, in 96 bits. */
static bool shift_in(query_decimal *d, unsigned digit_of)
{
    const unsigned __int128 v = ((unsigned __int128)d->high << 64 | d->low) * 10 + digit_of;
    if (v >> 96) return false;
    d->low = (uint64_t)v;
    d->high = (uint32_t)(v >> 64);
    return true;
}

/* Digits up to `end`, with a fraction and an exponent. Zeros at the end of a fraction are left out. */
static query_decimal decimal_of(const query_source *s, uint32_t end, bool negative)
{
    query_decimal d = {.negative = negative, .fits = true};
    long scale = 0, zeros = 0;
    bool fraction = false;
    uint32_t i = s->at;
    for (; i < end && d.fits; i++) {
        const char c = s->text[i];
        if (c == '_') continue;
        if ((c | 0x20) == 'e') break;
        if (c == '.') {
            fraction = true;
            continue;
        }
        zeros++;
        scale += fraction;
        if (c == '0' && fraction) continue;
        for (; zeros > 1 && d.fits; zeros--)
            d.fits = shift_in(&d, 0);
        zeros = 0;
        d.fits = d.fits && shift_in(&d, (unsigned)(c - '0'));
    }
    scale -= zeros;
    if (i < end) scale -= strtol(s->text + i + 1, NULL, 10);
    for (; scale < 0 && d.fits && (d.low || d.high); scale++)
        d.fits = shift_in(&d, 0);
    d.fits = d.fits && scale <= SCALE_MOST;
    d.scale = d.fits && scale > 0 ? (uint8_t)scale : 0;
    return d;
}

/* A number with a unit, and nothing behind it; false: it is none. */
static bool take_time(query_source *s, query_node *node)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    char digits[32];
    uint32_t i = s->at;
    while (digit(char_at(s, i)) || char_at(s, i) == '.')
        i++;
    const uint32_t n = i - s->at;
    if (!n || n >= sizeof digits) return false;
    memcpy(digits, s->text + s->at, n);
    digits[n] = 0;
    for (size_t k = 0; k < RJ_COUNT(units); k++) {
        const uint32_t size = (uint32_t)strlen(units[k].unit);
        if (s->end - i < size || memcmp(s->text + i, units[k].unit, size) != 0) continue;
        if (query_name_char(char_at(s, i + size))) continue;
        const double ns = strtod(digits, NULL) * units[k].ns;
        if (ns >= 1e18) return false;
        node->value_kind = QUERY_UINT;
        node->u = (uint64_t)(ns + 0.5);
        node->is_time = true;
        s->at = i + size;
        return true;
    }
    return false;
}

static bool number(query_source *s, query_node *node)
{
    if (take_time(s, node)) return true;
    bool negative = char_at(s, s->at) == '-';
    if (negative || char_at(s, s->at) == '+') s->at++;
    bool based = char_at(s, s->at) == '0' && strchr("xXbB", char_at(s, s->at + 1)) && char_at(s, s->at + 1);
    uint32_t end = based ? 0 : float_end(s);
    const query_decimal decimal = decimal_of(s, end, negative);
    bool ok = end ? float_number(s, end, negative, node) : integer_number(s, negative, node);
    if (!ok) return false;
    const uint64_t whole = node->value_kind == QUERY_INT ? (uint64_t)node->i : node->u;
    node->decimal =
        end ? decimal : (query_decimal){.low = negative ? 0 - whole : whole, .negative = negative, .fits = true};
    char c = char_at(s, s->at);
    if (query_name_char(c) || c == '.') {
        return query_error(s->e, s->at, "'%c' does not belong to a number; write 1000, 0xFF, 1.5e3 or 10UL",
                           query_shown(c));
    }
    return true;
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

static const char escapes[][2] = {{'n', '\n'},  {'t', '\t'},  {'r', '\r'}, {'0', 0},
                                  {'\\', '\\'}, {'\'', '\''}, {'"', '"'}};

/* One escape, which begins at *from behind its backslash, as a UTF-16 unit; the place in the source is `at`. */
static bool escape(query_source *s, uint32_t at, const uint16_t *text, size_t n, size_t *from, uint16_t *unit)
{
    uint16_t c = *from < n ? text[*from] : 0;
    ++*from;
    for (size_t i = 0; i < RJ_COUNT(escapes); i++) {
        if (c == (uint16_t)escapes[i][0]) {
            *unit = (uint16_t)escapes[i][1];
            return true;
        }
    }
    if (c != 'u')
        return query_error(s->e, at, "an escape that is not known; write \\n \\t \\r \\0 \\\\ \\' \\\" or \\u0041");
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, ++*from) {
        unsigned d = *from < n && text[*from] < 0x80 ? digit_value((char)text[*from]) : 99;
        if (d > 15) return query_error(s->e, at, "\\u needs four hexadecimal digits; write \\u0041");
        v = v * 16 + d;
    }
    *unit = (uint16_t)v;
    return true;
}

static bool quoted(query_source *s, query_node *node)
{
    uint32_t open = s->at++;
    char quote = s->text[open];
    uint32_t end = s->at;
    while (end < s->end && s->text[end] != quote)
        end += s->text[end] == '\\' ? 2 : 1;
    if (end >= s->end) return query_error(s->e, open, "this text is never closed; end it with %c", quote);
    const char *raw = arena_strndup(s->a, s->text + s->at, end - s->at);
    size_t n = 0, units = 0;
    uint16_t *text = raw ? text_utf8_to_utf16(s->a, raw, &n) : NULL;
    if (!text) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    for (size_t i = 0; i + 1 < n;) { /* n counts the NUL */
        uint16_t unit = text[i++];
        if (unit == '\\' && !escape(s, open, text, n - 1, &i, &unit)) return false;
        text[units++] = unit;
    }
    node->value_kind = QUERY_TEXT;
    node->text = text;
    node->text_units = (uint32_t)units;
    s->at = end + 1;
    return true;
}

bool query_literal_parse(query_source *s, query_node *node)
{
    char c = char_at(s, s->at);
    return c == '\'' || c == '"' ? quoted(s, node) : number(s, node);
}
