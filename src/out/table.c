/* The table of `rejit stat`. */
#include "out/text-priv.h"

#include <stdio.h>
#include <stdlib.h>

static int by_time(const void *x, const void *y)
{
    const rj_stat *a = *(const rj_stat *const *)x, *b = *(const rj_stat *const *)y;
    if (a->sum != b->sum) return a->sum < b->sum ? 1 : -1;
    return a < b ? -1 : a > b;
}

/* Widths of the columns. A terminal of usual size gets counts as 17.1M; a file, and a wide one, every digit. */
typedef struct shape {
    unsigned calls, rate, errors, time;
    bool brief;
} shape;

#define WIDE_COLUMNS 140u
#define KEY_COLUMNS  32u
static const shape wide = {13, 11, 9, 9, false}, narrow = {8, 9, 8, 8, true};

static const shape *shape_for(unsigned columns)
{
    return columns && columns < WIDE_COLUMNS ? &narrow : &wide;
}

static void put_right(buf_t *b, buf_t *cell, unsigned width)
{
    buf_printf(b, "%*s", (int)width, buf_cstr(cell));
    cell->n = 0;
}

static void put_time(buf_t *b, uint64_t ns, unsigned width)
{
    buf_t cell = {0};
    out_duration(&cell, ns);
    put_right(b, &cell, width);
    buf_free(&cell);
}

static void all_digits(buf_t *b, double n)
{
    if (n > 0 && n < 10 && n != (double)(uint64_t)n)
        buf_printf(b, "%.1f", n);
    else
        out_count(b, (uint64_t)(n + 0.5));
}

void out_brief(buf_t *b, double n)
{
    static const char units[] = "kMGTP";
    if (n < 99999.5) {
        all_digits(b, n);
        return;
    }
    size_t u = 0;
    n /= 1000;
    while (n >= 999.5 && units[u + 1]) {
        n /= 1000;
        u++;
    }
    buf_printf(b, n < 9.995 ? "%.2f%c" : n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[u]);
}

static void put_count(buf_t *b, double n, unsigned width, bool brief)
{
    buf_t cell = {0};
    if (brief)
        out_brief(&cell, n);
    else
        all_digits(&cell, n);
    put_right(b, &cell, width);
    buf_free(&cell);
}

void out_method(buf_t *b, const char *method, size_t room)
{
    buf_t cell = {0};
    out_safe_text(&cell, method);
    size_t n = cell.n;
    if (room && out_width(buf_cstr(&cell), n) > room) {
        const char *list = strchr(buf_cstr(&cell), '(');
        if (list) n = (size_t)(list - buf_cstr(&cell));
    }
    const char *from = buf_cstr(&cell), *end = from + n;
    bool cut = room && out_width(from, n) > room;
    while (cut && out_width(from, (size_t)(end - from)) >= room)
        from++;
    while ((*from & 0xC0) == 0x80)
        from++;
    buf_printf(b, "%s%.*s", cut ? "…" : "", (int)(end - from), from);
    buf_free(&cell);
}

double out_stat_measured(const rj_stats *s, const out_rate *rate)
{
    return rj_measured_part(rate->before ? &rate->before->measure : NULL, &s->measure);
}

double out_stat_rate(const rj_stats *s, size_t index, const out_rate *rate)
{
    const rj_stat *now = &s->items[index];
    uint64_t calls = now->calls, before = 0;
    /* Rows of keys come in between; before that one it stood no further behind. */
    for (size_t i = RJ_MIN(index + 1, rate->before ? rate->before->count : 0); i-- > 0;) {
        const rj_stat *was = &rate->before->items[i];
        if (was->probe != now->probe || was->row != now->row) continue;
        before = was->calls;
        break;
    }
    const double seconds = rate->seconds * out_stat_measured(s, rate);
    return seconds > 0 && calls > before ? (double)(calls - before) / seconds : 0;
}

void out_stat_key(buf_t *b, const rj_stat *s)
{
    if (s->keyed == RJ_OTHER_KEYS)
        buf_str(b, "(other)");
    else if (s->key && s->key->kind == RJ_OPAQUE)
        buf_str(b, "(none)");
    else if (s->key)
        out_value(b, s->key);
}

static size_t key_width(const rj_stat *s)
{
    buf_t cell = {0};
    out_stat_key(&cell, s);
    const size_t width = out_width(buf_cstr(&cell), cell.n);
    buf_free(&cell);
    return width;
}

/* In so many columns; a long one loses its end. */
static void put_key(buf_t *b, const rj_stat *s, size_t width)
{
    buf_t cell = {0};
    out_stat_key(&cell, s);
    size_t n = cell.n;
    const char *text = buf_cstr(&cell);
    const bool cut = out_width(text, n) > width;
    while (cut && n && out_width(text, n) >= width)
        do
            n--;
        while (n && (text[n] & 0xC0) == 0x80);
    buf_printf(b, "%.*s%s", (int)n, text, cut ? "…" : "");
    buf_printf(b, "%*s", (int)(width - out_width(text, n) - cut + 2), "");
    buf_free(&cell);
}

static void put_row(buf_t *b, const rj_stat *s, double per_second, unsigned columns, size_t keys)
{
    const shape *w = shape_for(columns);
    unsigned used = w->calls + w->rate + w->errors + 5 * w->time + 2 + (unsigned)(keys ? keys + 2 : 0);
    put_count(b, (double)s->calls, w->calls, w->brief);
    put_count(b, per_second, w->rate, w->brief);
    put_count(b, (double)s->errors, w->errors, w->brief);
    put_time(b, s->mean, w->time);
    put_time(b, s->p50, w->time);
    put_time(b, s->p90, w->time);
    put_time(b, s->p99, w->time);
    put_time(b, s->max, w->time);
    buf_str(b, "  ");
    if (keys) put_key(b, s, keys);
    out_method(b, s->method, columns ? (columns > used + 8 ? columns - used : 8) : 0);
    buf_u8(b, '\n');
}

static void put_head(buf_t *b, unsigned columns, size_t keys, const out_style *style)
{
    static const char *const times[] = {"MEAN", "P50", "P90", "P99", "MAX"};
    const shape *w = shape_for(columns);
    buf_printf(b, "%s%*s%*s%*s", style->colour ? BOLD : "", (int)w->calls, "CALLS", (int)w->rate, "CALLS/S",
               (int)w->errors, "ERRORS");
    for (size_t i = 0; i < RJ_COUNT(times); i++)
        buf_printf(b, "%*s", (int)w->time, times[i]);
    buf_str(b, "  ");
    if (keys) buf_printf(b, "%-*s  ", (int)keys, "KEY");
    buf_printf(b, "METHOD%s\n", style->colour ? RESET : "");
}

/* Above the table, on one line: how much of the time it is about. */
static void put_unmeasured(buf_t *b, double part, unsigned reached, const rj_budget *budget, unsigned columns,
                           const out_style *style)
{
    buf_t cell = {0};
    out_measured(&cell, part, reached, budget);
    const size_t n = columns ? RJ_MIN(cell.n, (size_t)columns) : cell.n;
    buf_printf(b, "%s%.*s%s\n", style->colour ? YELLOW : "", (int)n, buf_cstr(&cell), style->colour ? RESET : "");
    buf_free(&cell);
}

const rj_stat **out_stat_order(const rj_stats *s)
{
    const rj_stat **order = calloc(s->count + 1, sizeof *order);
    size_t n = 0;
    for (size_t i = 0; order && i < s->count; i++)
        if (s->items[i].calls) order[n++] = &s->items[i];
    if (order) qsort(order, n, sizeof *order, by_time);
    return order;
}

/* Methods, whatever their keys. */
static size_t not_called(const rj_stats *s)
{
    size_t quiet = 0;
    for (size_t i = 0; i < s->count && s->items[i].keyed != RJ_ONE_KEY; i++) {
        bool called = s->items[i].calls;
        for (size_t k = i + 1; !called && s->items[i].keyed == RJ_OTHER_KEYS && k < s->count; k++)
            called = s->items[k].keyed == RJ_ONE_KEY && s->items[k].probe == s->items[i].probe;
        quiet += !called;
    }
    return quiet;
}

size_t out_stat_table(buf_t *b, const rj_stats *s, const out_rate *rate, unsigned columns, unsigned rows,
                      const out_style *style)
{
    const rj_stat **order = out_stat_order(s);
    if (!order) return 0;
    const double measured = out_stat_measured(s, rate);
    size_t called = 0, lines = 1, keys = 0;
    for (; order[called]; called++)
        if (order[called]->keyed != RJ_ALL_CALLS) keys = RJ_MAX(keys, RJ_MAX(key_width(order[called]), sizeof "KEY"));
    keys = RJ_MIN(keys, (size_t)KEY_COLUMNS);
    if (measured < 1) {
        put_unmeasured(b, measured, s->measure.last_reached, rate->budget, columns, style);
        lines++;
        rows -= rows > 0;
    }
    put_head(b, columns, keys, style);
    /* A line stays free for the cursor: a table that scrolls could not be refreshed in place. */
    size_t room = rows > 5 ? rows - 4 : 1, shown = rows && called + 3 > rows ? RJ_MIN(room, called) : called;
    for (size_t i = 0; i < shown; i++, lines++)
        put_row(b, order[i], out_stat_rate(s, (size_t)(order[i] - s->items), rate), columns, keys);
    if (shown < called) {
        buf_printf(b, "%*s and %zu more\n", (int)shape_for(columns)->calls, "...", called - shown);
        lines++;
    }
    const size_t quiet = not_called(s);
    if (quiet) {
        buf_printf(b, "%*zu %s not called\n", (int)shape_for(columns)->calls, quiet,
                   quiet == 1 ? "method was" : "methods were");
        lines++;
    }
    free(order);
    return lines;
}
