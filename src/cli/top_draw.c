/* rejit top: what stands where on the screen. */
#include "cli/top.h"

#include <stdio.h>

#define LIST_FROM 3u /* the program, the state, the heads */
#define PAGE_FROM 3u /* the method, the tabs, how it goes; of help its title and a gap */

size_t top_height(const top *t)
{
    unsigned columns, rows;
    (void)t;
    top_screen_size(&columns, &rows);
    return rows > LIST_FROM + 1 ? rows - LIST_FROM - 1 : 1;
}

static size_t count_lines(const buf_t *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += b->p[i] == '\n';
    return n;
}

size_t top_scroll_most(const top *t, const buf_t *page)
{
    const size_t lines = count_lines(page), height = top_height(t);
    return lines > height ? lines - height : 0;
}

static void put_line(unsigned row, buf_t *b, bool highlight)
{
    const char *text = buf_cstr(b);
    top_screen_line(row, text, b->n, 0, highlight);
    b->n = 0;
}

static void put_page(const buf_t *page, size_t skip, unsigned shift, size_t height)
{
    const char *at = (const char *)page->p, *end = at + page->n;
    unsigned row = PAGE_FROM;
    for (size_t line = 0; page->n && at < end && line < skip + height; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if (line >= skip) top_screen_line(row++, at, (size_t)(stop - at), shift, false);
        at = stop + 1;
    }
}

/* ---- the parts ---- */

static void draw_list(top *t, buf_t *b, unsigned columns)
{
    const size_t height = top_height(t);
    top_put_program(b, &t->about, &t->style);
    put_line(0, b, false);
    top_put_state(b, &t->about, &t->model, &t->style);
    put_line(1, b, false);
    top_put_heads(b, &t->model, columns, &t->style);
    put_line(2, b, true);
    top_model_scroll(&t->model, height);
    for (size_t i = 0; i < height && t->model.first + i < t->model.view.n; i++) {
        const size_t at = t->model.first + i;
        top_put_row(b, t->model.view.v[at], columns, &t->style);
        put_line(LIST_FROM + (unsigned)i, b, at == t->model.selected);
    }
    if (t->model.view.n) return;
    buf_str(b, top_model_count(&t->model) ? "  no method's name has this in it: / changes it"
                                          : "  no methods: + adds those of a pattern");
    put_line(LIST_FROM + 1, b, false);
}

static void draw_method(top *t, buf_t *b, unsigned columns)
{
    if (t->about.paused) buf_str(b, "PAUSED  ");
    out_method(b, t->tab.method, columns - (unsigned)b->n);
    put_line(0, b, true);
    top_tab_put_head(b, &t->tab);
    put_line(1, b, false);
    if (t->tab.state.n)
        out_safe(b, (const char *)t->tab.state.p, t->tab.state.n);
    else
        buf_str(b, t->tab.s ? "waits for the next call" : "");
    put_line(2, b, false);
    t->tab.scroll = RJ_MIN(t->tab.scroll, top_scroll_most(t, &t->tab.page));
    put_page(&t->tab.page, t->tab.scroll, t->tab.shift, top_height(t));
}

static void draw_text(top *t, buf_t *b)
{
    buf_str(b, t->title);
    put_line(0, b, true);
    t->scroll = RJ_MIN(t->scroll, top_scroll_most(t, &t->text));
    put_page(&t->text, t->scroll, t->shift, top_height(t));
}

static const char *keys_of(const top *t)
{
    switch (t->mode) {
    case TOP_METHOD: return "Esc back  Tab next  1-4 choose  p pause  Up Down < > scroll";
    case TOP_TEXT: return "Esc back  Up Down < > scroll";
    case TOP_LIST:
    default: return "q quit  ? help  Enter more  / filter  < > sort  Space off  + add  - remove";
    }
}

/* The line at the bottom, and above what is typed there what came of it. Answers where the cursor stands. */
static unsigned draw_bottom(top *t, buf_t *b, unsigned row)
{
    const buf_t *typed = t->asking == TOP_FILTER ? &t->model.filter : &t->typed;
    unsigned cursor = UINT32_MAX;
    if (t->asking != TOP_NOTHING) {
        buf_str(b, t->asking == TOP_FILTER ? "names with: " : "pattern to add: ");
        out_safe(b, (const char *)typed->p, typed->n);
        cursor = (unsigned)out_width(buf_cstr(b), b->n);
        put_line(row--, b, false);
    }
    if (t->message.n)
        out_safe(b, (const char *)t->message.p, t->message.n);
    else if (t->asking == TOP_NOTHING)
        buf_str(b, keys_of(t));
    if (b->n) put_line(row, b, t->asking != TOP_NOTHING);
    return cursor;
}

static void tell_age(top *t)
{
    const uint64_t s = clock_ns(CLOCK_REALTIME) / 1000000000u, began = t->started_ns / 1000000000u;
    t->about.up_s = !began ? -1 : s > began ? (int64_t)(s - began) : 0;
}

void top_draw(top *t)
{
    unsigned columns, rows, cursor = UINT32_MAX;
    buf_t b = {0};
    top_screen_size(&columns, &rows);
    top_screen_clear();
    if (columns < TOP_COLUMNS_LEAST || rows < TOP_ROWS_LEAST) {
        buf_printf(&b, "%ux%u is too small: %ux%u", columns, rows, TOP_COLUMNS_LEAST, TOP_ROWS_LEAST);
        put_line(0, &b, false);
    } else {
        tell_age(t);
        if (t->mode == TOP_LIST) draw_list(t, &b, columns);
        if (t->mode == TOP_METHOD) draw_method(t, &b, columns);
        if (t->mode == TOP_TEXT) draw_text(t, &b);
        cursor = draw_bottom(t, &b, rows - 1);
    }
    top_screen_show(rows - 1, cursor);
    buf_free(&b);
}

void top_draw_progress(void *owner, const char *text)
{
    unsigned columns, rows;
    buf_t b = {0};
    (void)owner;
    top_screen_size(&columns, &rows);
    out_safe_text(&b, text);
    buf_str(&b, " ...");
    put_line(rows - 1, &b, false);
    top_screen_show(rows - 1, UINT32_MAX);
    buf_free(&b);
}
