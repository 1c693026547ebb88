#include "query/query-priv.h"

typedef struct builder {
    uint32_t words;
    uint64_t *step, *loop, *inside;
} builder;

static void mark(uint64_t *set, uint32_t position)
{
    set[position / 64] |= UINT64_C(1) << (position % 64);
}

/* `?` takes one character: a first byte here, and its continuation bytes by staying behind it. */
static void any_character(const builder *b, uint32_t position)
{
    for (uint32_t c = 0; c < 256; c++) {
        if ((c & 0xC0) != 0x80) mark(b->step + (size_t)c * b->words, position);
    }
    mark(b->inside, position + 1);
}

bool glob_compile(arena *a, const char *text, size_t n, glob *out, uint32_t *places)
{
    if (n > QUERY_TEXT_MOST) return false;
    uint32_t words = (uint32_t)n / 64 + 1;
    builder b = {.words = words};
    b.step = arena_array(a, (size_t)256 * words, sizeof *b.step);
    b.loop = arena_array(a, words, sizeof *b.loop);
    b.inside = arena_array(a, words, sizeof *b.inside);
    if (!b.step || !b.loop || !b.inside) return false;
    uint32_t position = 0;
    for (size_t i = 0; i < n; i++) {
        if (places) places[i] = position;
        if (text[i] == '*') {
            mark(b.loop, position);
            mark(b.inside, position);
        } else if (text[i] == '?') {
            any_character(&b, position++);
        } else {
            mark(b.step + (size_t)(uint8_t)text[i] * words, position++);
        }
    }
    if (places) places[n] = position;
    *out = (glob){.words = words, .count = position, .step = b.step, .loop = b.loop, .inside = b.inside};
    return true;
}

void glob_begin(const glob *g, glob_state *s)
{
    memset(s->w, 0, g->words * sizeof *s->w);
    s->w[0] = 1;
}

/* Nearly every pattern is shorter than 64 tokens. */
static void run_word(const glob *g, glob_state *s, const char *text, size_t n)
{
    uint64_t w = s->w[0], loop = g->loop[0], inside = g->inside[0];
    for (size_t i = 0; i < n && w; i++) {
        uint8_t c = (uint8_t)text[i];
        w = (w & g->step[c]) << 1 | (w & ((c & 0xC0) == 0x80 ? inside : loop));
    }
    s->w[0] = w;
}

void glob_run(const glob *g, glob_state *s, const char *text, size_t n)
{
    if (g->words == 1) {
        run_word(g, s, text, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)text[i];
        const uint64_t *step = g->step + (size_t)c * g->words;
        const uint64_t *stay = (c & 0xC0) == 0x80 ? g->inside : g->loop;
        uint64_t carry = 0;
        for (uint32_t k = 0; k < g->words; k++) {
            uint64_t moved = s->w[k] & step[k];
            s->w[k] = moved << 1 | carry | (s->w[k] & stay[k]);
            carry = moved >> 63;
        }
    }
}

void glob_union(const glob *g, glob_state *into, const glob_state *other)
{
    for (uint32_t k = 0; k < g->words; k++)
        into->w[k] |= other->w[k];
}

bool glob_dead(const glob *g, const glob_state *s)
{
    for (uint32_t k = 0; k < g->words; k++) {
        if (s->w[k]) return false;
    }
    return true;
}

bool glob_accepts(const glob *g, const glob_state *s)
{
    return glob_at(s, g->count);
}

bool glob_accepts_all(const glob *g, const glob_state *s)
{
    return glob_at(s, g->count) && (g->loop[g->count / 64] >> (g->count % 64) & 1);
}

bool glob_matches(const glob *g, const char *text, size_t n)
{
    glob_state s;
    glob_begin(g, &s);
    glob_run(g, &s, text, n);
    return glob_accepts(g, &s);
}
