/* Pieces of text: escapes, numbers, durations, names. */
#include "out/out.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One character of UTF-8 at p: its code point, and its length in *n; -1 and 1 where malformed. */
static int32_t decode(const uint8_t *p, size_t left, size_t *n)
{
    *n = 1;
    if (p[0] < 0x80) return p[0];
    size_t want = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || want > left) return -1;
    int32_t c = p[0] & (0xFF >> (want + 1));
    for (size_t i = 1; i < want; i++) {
        if ((p[i] & 0xC0) != 0x80) return -1;
        c = c << 6 | (p[i] & 0x3F);
    }
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[want] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return -1;
    *n = want;
    return c;
}

/* Characters that change what stands around them on a terminal. */
static bool is_unsafe(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
           (c >= 0xE0000 && c <= 0xE007F);
}

static void put_unsafe(buf_t *b, int32_t c)
{
    switch (c) {
    case '\n': buf_str(b, "\\n"); return;
    case '\r': buf_str(b, "\\r"); return;
    case '\t': buf_str(b, "\\t"); return;
    case 0: buf_str(b, "\\0"); return;
    default: buf_printf(b, c > 0xFFFF ? "\\U%08x" : "\\u%04x", (unsigned)c); return;
    }
}

static void put_escaped(buf_t *b, const char *s, size_t n, char quote)
{
    const uint8_t *p = (const uint8_t *)s;
    for (size_t i = 0, used; i < n; i += used) {
        int32_t c = decode(p + i, n - i, &used);
        if (c < 0)
            buf_printf(b, "\\x%02x", p[i]);
        else if (is_unsafe(c))
            put_unsafe(b, c);
        else if (quote && (c == quote || c == '\\'))
            buf_printf(b, "\\%c", (char)c);
        else
            buf_put(b, p + i, used);
    }
}

void out_safe(buf_t *b, const char *s, size_t n)
{
    put_escaped(b, s, n, 0);
}

void out_safe_text(buf_t *b, const char *s)
{
    out_safe(b, s, strlen(s));
}

void out_quoted(buf_t *b, char quote, const char *s, size_t n, bool cut)
{
    buf_u8(b, (uint8_t)quote);
    put_escaped(b, s, n, quote);
    if (cut) buf_str(b, "…");
    buf_u8(b, (uint8_t)quote);
}

void out_json_string(buf_t *b, const char *s, size_t n)
{
    const uint8_t *p = (const uint8_t *)s;
    buf_u8(b, '"');
    for (size_t i = 0, used; i < n; i += used) {
        int32_t c = decode(p + i, n - i, &used);
        if (c < 0)
            buf_str(b, "\\ufffd");
        else if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", (char)c);
        else if (c == '\n')
            buf_str(b, "\\n");
        else if (c == '\t')
            buf_str(b, "\\t");
        else if (c > 0xFFFF && is_unsafe(c))
            buf_printf(b, "\\u%04x\\u%04x", (unsigned)(0xD800 + ((c - 0x10000) >> 10)),
                       (unsigned)(0xDC00 + (c & 0x3FF)));
        else if (is_unsafe(c))
            buf_printf(b, "\\u%04x", (unsigned)c);
        else
            buf_put(b, p + i, used);
    }
    buf_u8(b, '"');
}

void out_json_text(buf_t *b, const char *s)
{
    out_json_string(b, s, strlen(s));
}

static void three_digits(buf_t *b, double v, const char *unit)
{
    buf_printf(b, v < 9.995 ? "%.2f%s" : v < 99.95 ? "%.1f%s" : "%.0f%s", v, unit);
}

void out_duration(buf_t *b, uint64_t ns)
{
    if (ns < 1000)
        buf_printf(b, "%uns", (unsigned)ns);
    else if (ns < 999500)
        three_digits(b, (double)ns / 1e3, "us");
    else if (ns < 999500000)
        three_digits(b, (double)ns / 1e6, "ms");
    else if (ns < 60000000000u)
        three_digits(b, (double)ns / 1e9, "s");
    else if (ns < 3600000000000u)
        buf_printf(b, "%um%02us", (unsigned)(ns / 60000000000u), (unsigned)(ns / 1000000000u % 60));
    else
        buf_printf(b, "%lluh%02um", (unsigned long long)(ns / 3600000000000u), (unsigned)(ns / 60000000000u % 60));
}

void out_count(buf_t *b, uint64_t n)
{
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0) buf_u8(b, ',');
        buf_u8(b, (uint8_t)digits[i]);
    }
}

void out_bytes(buf_t *b, uint64_t n)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < RJ_COUNT(units); u++)
        v /= 1024;
    buf_printf(b, u && v < 10 ? "%.1f%s" : "%.0f%s", v, units[u]);
}

void out_clock(buf_t *b, uint64_t epoch_ns)
{
    time_t s = (time_t)(epoch_ns / 1000000000u);
    struct tm t;
    if (!localtime_r(&s, &t)) t = (struct tm){0};
    buf_printf(b, "%02d:%02d:%02d.%03u", t.tm_hour, t.tm_min, t.tm_sec, (unsigned)(epoch_ns / 1000000u % 1000));
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '`' || (c & 0x80);
}

/* The C# keyword of a type of namespace System, or NULL. */
static const char *keyword(const char *name, size_t n)
{
    static const char *const words[][2] = {
        {"Boolean", "bool"},  {"Char", "char"},     {"SByte", "sbyte"},   {"Byte", "byte"},     {"Int16", "short"},
        {"UInt16", "ushort"}, {"Int32", "int"},     {"UInt32", "uint"},   {"Int64", "long"},    {"UInt64", "ulong"},
        {"Single", "float"},  {"Double", "double"}, {"String", "string"}, {"Object", "object"}, {"Decimal", "decimal"},
        {"IntPtr", "nint"},   {"UIntPtr", "nuint"},
    };
    for (size_t i = 0; i < RJ_COUNT(words); i++)
        if (strlen(words[i][0]) == n && strncmp(words[i][0], name, n) == 0) return words[i][1];
    return NULL;
}

void out_short_type(buf_t *b, const char *type)
{
    bool is_system = false;
    while (*type) {
        const char *end = type;
        while (is_name(*end))
            end++;
        if (end > type && *end == '.') {
            is_system = end - type == 6 && strncmp(type, "System", 6) == 0;
            type = end + 1; /* a namespace */
            continue;
        }
        const char *word = is_system ? keyword(type, (size_t)(end - type)) : NULL;
        is_system = false;
        if (end == type) end++;
        if (word)
            buf_str(b, word);
        else
            out_safe(b, type, (size_t)(end - type));
        type = end;
    }
}

void out_float(buf_t *b, double f, bool single)
{
    char text[40];
    if (isnan(f)) {
        buf_str(b, "NaN");
        return;
    }
    if (isinf(f)) {
        buf_str(b, f < 0 ? "-Infinity" : "Infinity");
        return;
    }
    int most = single ? 9 : 17, least = single ? 6 : 15;
    if (fabs(f) < (single ? (double)FLT_MIN : DBL_MIN)) least = 1; /* these have fewer */
    for (int digits = least; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, f);
        if (single ? strtof(text, NULL) == (float)f : strtod(text, NULL) == f) break;
    }
    buf_str(b, text);
}

size_t out_width(const char *s, size_t n)
{
    size_t width = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\033') {
            while (i < n && s[i] != 'm')
                i++;
            continue;
        }
        width += (s[i] & 0xC0) != 0x80;
    }
    return width;
}
