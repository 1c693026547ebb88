/* rejit top: its lines of text. */
#include "cli/top.h"

#include <stdio.h>

static void turn(buf_t *b, const out_style *style, const char *code)
{
    if (style->colour) buf_printf(b, "\033[%sm", code);
}

/* ---- the list ---- */

/* In a narrow terminal those are left out that ask for a wider one; what they leave is the method's. */
typedef struct column {
    const char *title;
    top_sort sort;
    unsigned width, from; /* from: so many columns of the terminal */
} column;

static const column table[] = {
    {"CALLS/S", TOP_BY_RATE, 9, 0}, {"ERRORS", TOP_BY_ERRORS, 8, 72}, {"MEAN", TOP_BY_MEAN, 8, 52},
    {"P50", TOP_BY_P50, 8, 80},     {"P99", TOP_BY_P99, 8, 0},        {"MAX", TOP_BY_MAX, 8, 64},
    {"TIME%", TOP_BY_SHARE, 7, 0},
};

#define GAP 2u /* before the method */

static void put_title(buf_t *b, const top_model *m, const char *title, top_sort by, int width)
{
    char text[32];
    const bool here = m->sort == by;
    /* names ascend where numbers descend */
    const bool down = m->reversed == (by == TOP_BY_METHOD);
    snprintf(text, sizeof text, "%s%s", title, !here ? "" : down ? "▾" : "▴");
    const int used = (int)out_width(text, strlen(text));
    buf_printf(b, "%*s%s", width > used ? width - used : 0, "", text);
}

void top_put_heads(buf_t *b, const top_model *m, unsigned columns, const out_style *style)
{
    turn(b, style, "1");
    for (size_t i = 0; i < RJ_COUNT(table); i++)
        if (columns >= table[i].from) put_title(b, m, table[i].title, table[i].sort, (int)table[i].width);
    buf_printf(b, "%*s", (int)GAP, "");
    put_title(b, m, "METHOD", TOP_BY_METHOD, 0);
    turn(b, style, "0");
}

static void put_share(buf_t *b, double share)
{
    const double percent = 100 * share;
    buf_printf(b, percent < 999.95 ? "%.1f" : "%.0f", percent);
}

static void put_cell(buf_t *b, const top_row *r, top_sort of)
{
    switch (of) {
    case TOP_BY_RATE:
        if (r->off)
            buf_str(b, "off");
        else
            out_brief(b, r->rate);
        return;
    case TOP_BY_ERRORS: out_brief(b, (double)r->errors); return;
    case TOP_BY_SHARE: put_share(b, r->share); return;
    case TOP_BY_MEAN:
    case TOP_BY_P50:
    case TOP_BY_P99:
    case TOP_BY_MAX:
    case TOP_BY_METHOD:
    case TOP_SORTS:
    default: break;
    }
    const uint64_t ns = of == TOP_BY_MEAN ? r->mean : of == TOP_BY_P50 ? r->p50 : of == TOP_BY_P99 ? r->p99 : r->max;
    if (r->calls)
        out_duration(b, ns);
    else
        buf_u8(b, '-');
}

void top_put_row(buf_t *b, const top_row *r, unsigned columns, const out_style *style)
{
    unsigned used = GAP;
    if (r->off || !r->calls) turn(b, style, "2");
    for (size_t i = 0; i < RJ_COUNT(table); i++) {
        if (columns < table[i].from) continue;
        buf_t cell = {0};
        const bool threw = table[i].sort == TOP_BY_ERRORS && r->errors && !r->off;
        put_cell(&cell, r, table[i].sort);
        if (threw) turn(b, style, "31");
        buf_printf(b, "%*s", (int)table[i].width, buf_cstr(&cell));
        if (threw) turn(b, style, "0");
        buf_free(&cell);
        used += table[i].width;
    }
    buf_printf(b, "%*s", (int)GAP, "");
    if (!r->off && r->calls) turn(b, style, "36");
    out_method(b, r->method, columns > used + 8 ? columns - used : 8);
    turn(b, style, "0");
}

/* ---- the top ---- */

void top_put_program(buf_t *b, const top_about *a, const out_style *style)
{
    turn(b, style, "1");
    out_safe_text(b, *a->program ? a->program : "?");
    turn(b, style, "0");
    buf_printf(b, "  pid %d", a->pid);
    if (a->up_s >= 0) {
        buf_str(b, "  up ");
        if (a->up_s < 60)
            buf_printf(b, "%us", (unsigned)a->up_s);
        else
            out_duration(b, (uint64_t)a->up_s * 1000000000u);
    }
    buf_str(b, "  .NET ");
    out_safe_text(b, a->runtime);
}

static void put_dropped(buf_t *b, uint64_t dropped, const out_style *style)
{
    if (dropped) turn(b, style, "33");
    out_count(b, dropped);
    buf_str(b, " dropped");
    if (dropped) turn(b, style, "0");
}

void top_put_state(buf_t *b, const top_about *a, const top_model *m, const out_style *style)
{
    const size_t methods = top_model_count(m);
    if (a->paused) {
        turn(b, style, "33");
        buf_str(b, "PAUSED  ");
        turn(b, style, "0");
    }
    buf_printf(b, "%zu method%s, %llu refused, ", methods, methods == 1 ? "" : "s", (unsigned long long)a->refused);
    put_dropped(b, a->dropped, style);
    if (a->measured < 1) {
        turn(b, style, "33");
        buf_printf(b, ", measured %.0f %%", 100 * a->measured);
        turn(b, style, "0");
    }
    buf_printf(b, "  by %s%s", top_sort_name(m->sort), m->reversed ? ", reversed" : "");
    if (!m->filter.n) return;
    buf_str(b, "  filter: ");
    out_safe(b, (const char *)m->filter.p, m->filter.n);
    buf_printf(b, " (%zu)", m->view.n);
}

/* ---- help ---- */

void top_put_help(buf_t *b, const out_style *style)
{
    static const char *const keys[][2] = {
        {"Up Down j k", "the method above, below"},
        {"PgUp PgDn", "a screen up, down"},
        {"Home End", "the first, the last"},
        {"Enter", "times, callers, callees, calls"},
        {"s  < >", "sort by another column"},
        {"r", "the other way round"},
        {"/", "only names with this text; Esc: all"},
        {"Space", "switch its probe off, and on"},
        {"+", "add the methods of a pattern"},
        {"-", "remove the method"},
        {"p", "pause the screen, go on"},
        {"!", "what was refused, and why"},
        {"q  Ctrl-C", "end, and take everything away"},
    };
    for (size_t i = 0; i < RJ_COUNT(keys); i++) {
        turn(b, style, "36");
        buf_printf(b, " %-12s", keys[i][0]);
        turn(b, style, "0");
        buf_printf(b, " %s\n", keys[i][1]);
    }
    buf_str(b, "\n"
               " CALLS/S and TIME% are of the last interval:\n"
               " 100% is one thread all the time. The other\n"
               " columns count since the method was added.\n"
               " Times include what the method calls.\n");
}
