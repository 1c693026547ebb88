/*
 * Regular expressions without backtracking: each character of the pattern is a position, a set of positions one word
 * (Glushkov's automaton). A text is gone through once, in a time that its length and the pattern's bound.
 */
#include "base/base.h"

#include <string.h>

#define RANGES_MOST 256u
#define DEPTH_MOST  32u

typedef struct range {
    uint16_t low, high;
} range;

typedef struct position {
    uint16_t at, count; /* its ranges */
    bool negated;
} position;

struct regex {
    uint64_t first, last; /* positions that a match may begin and end at */
    uint64_t follow[REGEX_POSITIONS_MOST];
    position positions[REGEX_POSITIONS_MOST];
    uint32_t count, range_count;
    bool nullable, from_start, to_end;
    range ranges[]; /* range_count of them */
};

/* What a part of a pattern begins and ends with. */
typedef struct part {
    uint64_t first, last;
    bool nullable;
} part;

typedef struct parser {
    const uint16_t *text;
    uint32_t at, end, depth;
    regex *r; /* with room for RANGES_MOST */
    const char *wrong;
    bool chooses; /* between alternatives that stand in no parentheses */
} parser;

static bool fail(parser *p, const char *why)
{
    if (!p->wrong) p->wrong = why;
    return false;
}

static bool more(const parser *p)
{
    return p->at < p->end && !p->wrong;
}

static bool take(parser *p, char c)
{
    if (!more(p) || p->text[p->at] != (uint8_t)c) return false;
    p->at++;
    return true;
}

/* ---- characters ---- */

static bool add_range(parser *p, position *x, uint32_t low, uint32_t high)
{
    if (p->r->range_count == RANGES_MOST) return fail(p, "it has too many ranges of characters");
    if (low > high) return fail(p, "a range of characters ends before it begins");
    p->r->ranges[p->r->range_count++] = (range){(uint16_t)low, (uint16_t)high};
    x->count++;
    return true;
}

/* \d \w \s and their opposites; others stand for themselves. *single: the one character; -1: it was a class. */
static bool add_escape(parser *p, position *x, int32_t *single)
{
    static const struct {
        char name;
        uint8_t count;
        range ranges[4];
    } classes[] = {{'d', 1, {{'0', '9'}}},
                   {'w', 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
                   {'s', 2, {{'\t', '\r'}, {' ', ' '}}}};
    if (!more(p)) return fail(p, "a \\ stands at its end");
    const uint16_t c = p->text[p->at++];
    *single = -1;
    for (size_t i = 0; i < RJ_COUNT(classes); i++) {
        const bool opposite = c == (uint16_t)(classes[i].name - 'a' + 'A');
        if (c != (uint8_t)classes[i].name && !opposite) continue;
        uint32_t from = 0;
        for (unsigned k = 0; k < classes[i].count; k++) {
            const range *at = &classes[i].ranges[k];
            if (!opposite && !add_range(p, x, at->low, at->high)) return false;
            if (opposite && at->low > from && !add_range(p, x, from, at->low - 1u)) return false;
            from = at->high + 1u;
        }
        return !opposite || add_range(p, x, from, UINT16_MAX);
    }
    if ((c >= '0' && c <= '9') || (c | 0x20) == 'b' || (c >= 'a' && c <= 'z' && c != 'n' && c != 't' && c != 'r'))
        return fail(p, "there is no such \\ here: \\d \\w \\s \\D \\W \\S \\n \\r \\t, or one before a sign");
    *single = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    return true;
}

/* One member of [...], where a range may begin. */
static bool add_member(parser *p, position *x, int32_t *single)
{
    const uint16_t c = p->text[p->at++];
    *single = c;
    return c != '\\' || add_escape(p, x, single);
}

static bool add_class(parser *p, position *x)
{
    x->negated = take(p, '^');
    for (bool any = false; more(p); any = true) {
        if (any && take(p, ']')) return true;
        int32_t low, high;
        if (!add_member(p, x, &low)) return false;
        if (low < 0) continue;
        high = low;
        if (p->at + 1 < p->end && p->text[p->at] == '-' && p->text[p->at + 1] != ']') {
            p->at++;
            if (!add_member(p, x, &high)) return false;
            if (high < 0) return fail(p, "a range of characters ends in a class");
        }
        if (!add_range(p, x, (uint32_t)low, (uint32_t)high)) return false;
    }
    return fail(p, "a [ is never closed");
}

static bool add_character(parser *p, part *out)
{
    regex *r = p->r;
    if (r->count == REGEX_POSITIONS_MOST) return fail(p, "it has more than 64 characters");
    position *x = &r->positions[r->count];
    *x = (position){.at = (uint16_t)r->range_count};
    const uint64_t bit = UINT64_C(1) << r->count++;
    *out = (part){bit, bit, false};
    const uint16_t c = p->text[p->at++];
    int32_t single = c;
    if (c == '[') return add_class(p, x);
    if (c == '.') {
        x->negated = true;
        single = '\n';
    }
    if (c == '\\' && !add_escape(p, x, &single)) return false;
    return single < 0 || add_range(p, x, (uint32_t)single, (uint32_t)single);
}

/* ---- the pattern ---- */

static bool parse_choice(parser *p, part *out);

static void link(parser *p, uint64_t from, uint64_t to)
{
    for (; from; from &= from - 1)
        p->r->follow[__builtin_ctzll(from)] |= to;
}

static bool parse_atom(parser *p, part *out)
{
    const uint16_t c = p->text[p->at];
    if (c == '*' || c == '+' || c == '?') return fail(p, "nothing stands before a * + or ?");
    if (c == '{' || c == '}') return fail(p, "{ and } are written \\{ and \\} here: it cannot count");
    if (c == '^' || c == '$') return fail(p, "^ stands at its beginning and $ at its end only");
    if (!take(p, '(')) return add_character(p, out);
    if (p->at + 1 < p->end && p->text[p->at] == '?') {
        if (p->text[p->at + 1] != ':') return fail(p, "(? is not known here, but for (?:");
        p->at += 2;
    }
    if (++p->depth > DEPTH_MOST) return fail(p, "its parentheses are nested too deeply");
    if (!parse_choice(p, out)) return false;
    p->depth--;
    return take(p, ')') || fail(p, "a ( is never closed");
}

static bool parse_piece(parser *p, part *out)
{
    if (!parse_atom(p, out)) return false;
    while (more(p)) {
        const uint16_t c = p->text[p->at];
        if (c != '*' && c != '+' && c != '?') return true;
        p->at++;
        if (c != '?') link(p, out->last, out->first);
        if (c != '+') out->nullable = true;
    }
    return !p->wrong;
}

static bool parse_row(parser *p, part *out)
{
    *out = (part){0, 0, true};
    while (more(p) && p->text[p->at] != '|' && p->text[p->at] != ')') {
        part next;
        if (!p->depth && p->text[p->at] == '$' && p->at + 1 == p->end) break;
        if (!parse_piece(p, &next)) return false;
        link(p, out->last, next.first);
        if (out->nullable) out->first |= next.first;
        out->last = next.last | (next.nullable ? out->last : 0);
        out->nullable = out->nullable && next.nullable;
    }
    return !p->wrong;
}

static bool parse_choice(parser *p, part *out)
{
    if (!parse_row(p, out)) return false;
    while (take(p, '|')) {
        part other;
        p->chooses |= !p->depth;
        if (!parse_row(p, &other)) return false;
        out->first |= other.first;
        out->last |= other.last;
        out->nullable |= other.nullable;
    }
    return true;
}

static bool parse(parser *p)
{
    regex *r = p->r;
    part whole;
    r->from_start = take(p, '^');
    if (!parse_choice(p, &whole)) return false;
    r->to_end = take(p, '$');
    if (p->at < p->end) return fail(p, "a ) has no (");
    if (p->chooses && (r->from_start || r->to_end))
        return fail(p, "with ^ or $ alternatives stand in parentheses: ^(a|b)$");
    r->first = whole.first;
    r->last = whole.last;
    r->nullable = whole.nullable;
    return true;
}

regex *regex_compile(arena *a, const uint16_t *text, uint32_t units, uint32_t *at, const char **wrong)
{
    regex *room = arena_room(a, 1, sizeof *room + RANGES_MOST * sizeof(range));
    *wrong = "out of memory";
    *at = 0;
    if (!room) return NULL;
    memset(room, 0, sizeof *room);
    parser p = {.text = text, .end = units, .r = room};
    const bool ok = parse(&p);
    *at = p.at;
    *wrong = p.wrong;
    return ok ? room : NULL;
}

size_t regex_size(const regex *r)
{
    return sizeof *r + r->range_count * sizeof(range);
}

static bool accepts(const regex *r, unsigned i, uint16_t c)
{
    const position *x = &r->positions[i];
    bool in = false;
    for (unsigned k = 0; k < x->count && !in; k++)
        in = c >= r->ranges[x->at + k].low && c <= r->ranges[x->at + k].high;
    return in != x->negated;
}

bool regex_matches(const regex *r, const uint16_t *text, uint32_t units)
{
    uint64_t state = 0;
    if (r->nullable && (!r->from_start || !r->to_end || !units)) return true;
    for (uint32_t i = 0; i < units; i++) {
        uint64_t may = r->from_start && i ? 0 : r->first, next = 0;
        for (uint64_t left = state; left; left &= left - 1)
            may |= r->follow[__builtin_ctzll(left)];
        for (; may; may &= may - 1) {
            const unsigned k = (unsigned)__builtin_ctzll(may);
            if (accepts(r, k, text[i])) next |= UINT64_C(1) << k;
        }
        state = next;
        if (state & r->last && !r->to_end) return true;
        if (!state && r->from_start) return false;
    }
    return (state & r->last) != 0;
}
