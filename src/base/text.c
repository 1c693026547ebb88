#include "base/base.h"

#include <ctype.h>

/* Writes a code point above 0x7F; answers where it ends. */
static char *put_rune(char *out, uint32_t c)
{
    if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (char)(0xE0 | c >> 12);
        } else {
            *out++ = (char)(0xF0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (c & 0x3F));
    return out;
}

#define NOT_ASCII UINT64_C(0xFF80FF80FF80FF80) /* in any of four units */

static uint32_t unit_at(const uint8_t *s, size_t i)
{
    uint16_t u;
    memcpy(&u, s + 2 * i, sizeof u);
    return u;
}

size_t text_utf16_write(char *out, const void *from, size_t n)
{
    const uint8_t *s = from;
    char *p = out;
    for (size_t i = 0; i < n; i++) {
        while (n - i >= 4) {
            uint64_t four;
            memcpy(&four, s + 2 * i, sizeof four);
            if (four & NOT_ASCII) break;
            four = (four | four >> 8) & UINT64_C(0x0000FFFF0000FFFF);
            uint32_t packed = (uint32_t)(four | four >> 16);
            memcpy(p, &packed, sizeof packed);
            i += 4;
            p += 4;
        }
        if (i == n) break;
        uint32_t c = unit_at(s, i);
        if (c < 0x80) {
            *p++ = (char)c;
            continue;
        }
        uint32_t low = c >= 0xD800 && c < 0xDC00 && i + 1 < n ? unit_at(s, i + 1) : 0;
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00u);
            i++;
        } else if (c >= 0xD800 && c < 0xE000) {
            c = 0xFFFD;
        }
        p = put_rune(p, c);
    }
    return (size_t)(p - out);
}

void text_utf16_to_utf8(buf_t *b, const void *s, size_t n)
{
    size_t before = b->n, most;
    bool fits = !__builtin_mul_overflow(n, (size_t)TEXT_UTF8_MOST(1), &most);
    uint8_t *p = buf_extend(b, fits ? most : SIZE_MAX);
    if (p) b->n = before + text_utf16_write((char *)p, s, n);
}

/* Reads one UTF-8 sequence; malformed bytes are taken one by one as U+FFFD. */
static uint32_t next_rune(const uint8_t **s)
{
    const uint8_t *p = *s;
    uint32_t c = *p++;
    unsigned more = c < 0x80 ? 0 : c >= 0xF0 && c < 0xF5 ? 3 : c >= 0xE0 ? 2 : c >= 0xC2 ? 1 : 9;
    if (c >= 0xF5 || more == 9) {
        *s = p;
        return 0xFFFD;
    }
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    c &= more ? 0x3Fu >> more : 0x7Fu;
    for (unsigned i = 0; i < more; i++) {
        if ((*p & 0xC0) != 0x80) {
            *s = *s + 1;
            return 0xFFFD;
        }
        c = c << 6 | (*p++ & 0x3Fu);
    }
    *s = p;
    return c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0xFFFD : c;
}

uint16_t *text_utf8_to_utf16(arena *a, const char *s, size_t *units)
{
    uint16_t *out = arena_array(a, strlen(s) + 1, sizeof *out);
    if (!out) return NULL;
    size_t n = 0;
    for (const uint8_t *p = (const uint8_t *)s; *p;) {
        uint32_t c = next_rune(&p);
        if (c >= 0x10000) {
            out[n++] = (uint16_t)(0xD800 + ((c - 0x10000) >> 10));
            c = 0xDC00 + ((c - 0x10000) & 0x3FF);
        }
        out[n++] = (uint16_t)c;
    }
    out[n++] = 0;
    if (units) *units = n;
    return out;
}

unsigned text_distance(const char *a, const char *b, unsigned most)
{
    enum { LONGEST = 255 };
    size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST) return most + 1;
    unsigned row[LONGEST + 1];
    for (unsigned j = 0; j <= nb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= na; i++) {
        unsigned diagonal = row[0], least = i;
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            unsigned up = row[j];
            unsigned change = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            row[j] = RJ_MIN(diagonal + change, RJ_MIN(up, row[j - 1]) + 1);
            diagonal = up;
            least = RJ_MIN(least, row[j]);
        }
        if (least > most) return most + 1;
    }
    return RJ_MIN(row[nb], most + 1);
}
