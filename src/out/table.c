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

static void put_count(buf_t *b, double n, unsigned width, bool brief)
{
    static const char units[] = "kMGTP";
    buf_t cell = {0};
    if (!brief || n < 99999.5) {
        if (n > 0 && n < 10 && n != (double)(uint64_t)n)
            buf_printf(&cell, "%.1f", n);
        else
            out_count(&cell, (uint64_t)(n + 0.5));
    } else {
        size_t u = 0;
        n /= 1000;
        while (n >= 999.5 && units[u + 1]) {
            n /= 1000;
            u++;
        }
        buf_printf(&cell, n < 9.995 ? "%.2f%c" : n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[u]);
    }
    put_right(b, &cell, width);
    buf_free(&cell);
}

/* A name that is too long loses its parameters, then its beginning: its end tells which method it is. room 0: no bound.
 */
static void put_method(buf_t *b, const char *method, size_t room)
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
    buf_printf(b, "%s%.*s\n", cut ? "…" : "", (int)(end - from), from);
    buf_free(&cell);
}

double out_stat_rate(const rj_stats *s, size_t index, const out_rate *rate)
{
    uint64_t calls = s->items[index].calls;
    uint64_t before = rate->before && index < rate->before->count ? rate->before->items[index].calls : 0;
    return rate->seconds > 0 && calls > before ? (double)(calls - before) / rate->seconds : 0;
}

static void put_row(buf_t *b, const rj_stat *s, double per_second, unsigned columns)
{
    const shape *w = shape_for(columns);
    unsigned used = w->calls + w->rate + w->errors + 5 * w->time + 2;
    put_count(b, (double)s->calls, w->calls, w->brief);
    put_count(b, per_second, w->rate, w->brief);
    put_count(b, (double)s->errors, w->errors, w->brief);
    put_time(b, s->mean, w->time);
    put_time(b, s->p50, w->time);
    put_time(b, s->p90, w->time);
    put_time(b, s->p99, w->time);
    put_time(b, s->max, w->time);
    buf_str(b, "  ");
    put_method(b, s->method, columns ? (columns > used + 8 ? columns - used : 8) : 0);
}

static void put_head(buf_t *b, unsigned columns, const out_style *style)
{
    static const char *const times[] = {"MEAN", "P50", "P90", "P99", "MAX"};
    const shape *w = shape_for(columns);
    buf_printf(b, "%s%*s%*s%*s", style->colour ? BOLD : "", (int)w->calls, "CALLS", (int)w->rate, "CALLS/S",
               (int)w->errors, "ERRORS");
    for (size_t i = 0; i < RJ_COUNT(times); i++)
        buf_printf(b, "%*s", (int)w->time, times[i]);
    buf_printf(b, "  METHOD%s\n", style->colour ? RESET : "");
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

size_t out_stat_table(buf_t *b, const rj_stats *s, const out_rate *rate, unsigned columns, unsigned rows,
                      const out_style *style)
{
    const rj_stat **order = out_stat_order(s);
    if (!order) return 0;
    size_t called = 0, lines = 1;
    while (order[called])
        called++;
    put_head(b, columns, style);
    /* A line stays free for the cursor: a table that scrolls could not be refreshed in place. */
    size_t room = rows > 5 ? rows - 4 : 1, shown = rows && called + 3 > rows ? RJ_MIN(room, called) : called;
    for (size_t i = 0; i < shown; i++, lines++)
        put_row(b, order[i], out_stat_rate(s, (size_t)(order[i] - s->items), rate), columns);
    if (shown < called) {
        buf_printf(b, "%*s and %zu more\n", (int)shape_for(columns)->calls, "...", called - shown);
        lines++;
    }
    if (called < s->count) {
        size_t quiet = s->count - called;
        buf_printf(b, "%*zu %s not called\n", (int)shape_for(columns)->calls, quiet,
                   quiet == 1 ? "method was" : "methods were");
        lines++;
    }
    free(order);
    return lines;
}
