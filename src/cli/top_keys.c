/* rejit top: what the keys do. */
#include "cli/top.h"
#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>

#define CTRL(c)    ((c)&0x1Fu)
#define SHIFT      20u /* columns at once */
#define SHIFT_MOST 10000u

static void say(top *t, const char *text)
{
    t->message.n = 0;
    buf_str(&t->message, text);
}

void top_failed(top *t, const rj_error *e)
{
    if (e->code == RJ_GONE) {
        t->gone = true;
        t->error = *e;
    }
    say(t, e->text);
}

/* ---- patterns ---- */

bool top_add(top *t, const char *pattern)
{
    arena a = {0};
    rj_error e = {0};
    err_t slip = {0};
    const bool right = query_pattern_parse(&a, pattern, &slip) != NULL;
    arena_free(&a);
    if (!right) {
        say(t, slip.text);
        return false;
    }
    const bool ok = top_groups_add(&t->groups, &t->model, &pattern, 1, &e);
    if (ok)
        say(t, buf_cstr(&t->groups.said));
    else
        top_failed(t, &e);
    t->groups.said.n = 0;
    return ok;
}

void top_ask_pattern(top *t, const char *begun)
{
    t->asking = TOP_PATTERN;
    t->typed.n = 0;
    buf_str(&t->typed, begun);
}

static void accept(top *t)
{
    if (t->asking == TOP_PATTERN) {
        if (t->typed.n && !top_add(t, buf_cstr(&t->typed))) return; /* it is typed again */
        t->typed.n = 0;
    }
    t->asking = TOP_NOTHING;
}

static void cancel(top *t)
{
    if (t->asking == TOP_FILTER) t->model.filter.n = 0;
    t->typed.n = 0;
    t->asking = TOP_NOTHING;
}

static void type(top *t, uint32_t key)
{
    buf_t *line = t->asking == TOP_FILTER ? &t->model.filter : &t->typed;
    t->message.n = 0;
    switch (key) {
    case TOP_KEY_ENTER: accept(t); break;
    case TOP_KEY_ESCAPE: cancel(t); break;
    case TOP_KEY_BACKSPACE: top_line_back(line); break;
    case CTRL('U'): line->n = 0; break;
    default:
        if (key >= ' ' && key < TOP_KEY_NONE) top_line_add(line, key);
        break;
    }
    top_model_arrange(&t->model);
}

/* ---- pages of text ---- */

static bool shifts(unsigned *shift, uint32_t key)
{
    if (key != '<' && key != '>') return false;
    if (key == '>')
        *shift = RJ_MIN(*shift + SHIFT, SHIFT_MOST);
    else
        *shift -= RJ_MIN(*shift, SHIFT);
    return true;
}

static bool scrolls(const top *t, size_t *at, const buf_t *page, uint32_t key)
{
    const size_t most = top_scroll_most(t, page), height = top_height(t);
    switch (key) {
    case TOP_KEY_UP:
    case 'k': *at -= *at > 0; return true;
    case TOP_KEY_DOWN:
    case 'j': *at = RJ_MIN(*at + 1, most); return true;
    case TOP_KEY_PAGE_UP: *at -= RJ_MIN(*at, height); return true;
    case TOP_KEY_PAGE_DOWN: *at = RJ_MIN(*at + height, most); return true;
    case TOP_KEY_HOME: *at = 0; return true;
    case TOP_KEY_END: *at = most; return true;
    default: return false;
    }
}

static void show_text(top *t, const char *title)
{
    t->mode = TOP_TEXT;
    t->title = title;
    t->scroll = 0;
    t->shift = 0;
}

static void show_help(top *t)
{
    t->text.n = 0;
    top_put_help(&t->text, &t->style);
    show_text(t, "rejit top: the keys");
}

static void show_refusals(top *t)
{
    t->text.n = 0;
    for (size_t i = 0; i < t->groups.refusals.n; i++) {
        out_safe_text(&t->text, t->groups.refusals.v[i]);
        buf_u8(&t->text, '\n');
    }
    if (!t->text.n) buf_str(&t->text, "Nothing was refused.\n");
    show_text(t, "rejit top: what was refused, and why");
}

static void text_key(top *t, uint32_t key)
{
    if (scrolls(t, &t->scroll, &t->text, key) || shifts(&t->shift, key)) return;
    if (key == TOP_KEY_ESCAPE || key == TOP_KEY_LEFT || key == TOP_KEY_ENTER || key == 'q' || key == '?')
        t->mode = TOP_LIST;
}

/* ---- one method ---- */

static void open_view(top *t, int view)
{
    top_tab_open(&t->tab, (top_view)((view + TOP_VIEWS) % TOP_VIEWS));
    top_refresh(t);
}

static void look_into(top *t)
{
    top_row *row = top_model_selected(&t->model);
    if (!row) return;
    t->tab = (top_tab){.of = &t->groups, .style = t->style};
    t->tab.style.narrow = true;
    t->tab.method = strdup(row->method);
    t->tab.module = strdup(row->module);
    if (!t->tab.method || !t->tab.module) {
        top_tab_free(&t->tab);
        return;
    }
    t->row = row;
    t->mode = TOP_METHOD;
    open_view(t, TOP_TIMES);
}

static void method_key(top *t, uint32_t key)
{
    if (scrolls(t, &t->tab.scroll, &t->tab.page, key) || shifts(&t->tab.shift, key)) return;
    switch (key) {
    case TOP_KEY_ESCAPE:
    case TOP_KEY_LEFT:
    case 'q':
        top_tab_free(&t->tab);
        t->mode = TOP_LIST;
        break;
    case TOP_KEY_TAB:
    case TOP_KEY_RIGHT: open_view(t, (int)t->tab.view + 1); break;
    case TOP_KEY_BACK_TAB: open_view(t, (int)t->tab.view - 1); break;
    case '1':
    case '2':
    case '3':
    case '4': open_view(t, (int)(key - '1')); break;
    case 'p': t->about.paused = !t->about.paused; break;
    default: break;
    }
}

/* ---- the list ---- */

static bool moves(top *t, uint32_t key)
{
    const long height = (long)top_height(t), all = (long)t->model.view.n;
    long by;
    switch (key) {
    case TOP_KEY_UP:
    case 'k': by = -1; break;
    case TOP_KEY_DOWN:
    case 'j': by = 1; break;
    case TOP_KEY_PAGE_UP: by = -height; break;
    case TOP_KEY_PAGE_DOWN: by = height; break;
    case TOP_KEY_HOME: by = -all; break;
    case TOP_KEY_END: by = all; break;
    default: return false;
    }
    top_model_move(&t->model, by, (size_t)height);
    return true;
}

static void change(top *t, bool remove)
{
    top_row *row = top_model_selected(&t->model);
    rj_error e = {0};
    if (!row) return;
    const bool ok = remove ? top_groups_remove(&t->groups, &t->model, row, &e) : top_groups_switch(&t->groups, row, &e);
    if (!ok) top_failed(t, &e);
}

static void list_key(top *t, uint32_t key)
{
    if (moves(t, key)) return;
    switch (key) {
    case 'q': t->done = true; break;
    case '?':
    case 'h': show_help(t); break;
    case '!': show_refusals(t); break;
    case TOP_KEY_ENTER:
    case TOP_KEY_RIGHT: look_into(t); break;
    case 's':
    case '>': top_model_sort(&t->model, 1); break;
    case '<': top_model_sort(&t->model, -1); break;
    case 'r': top_model_reverse(&t->model); break;
    case '/': t->asking = TOP_FILTER; break;
    case '+': top_ask_pattern(t, ""); break;
    case '-': change(t, true); break;
    case ' ': change(t, false); break;
    case 'p': t->about.paused = !t->about.paused; break;
    case TOP_KEY_ESCAPE:
        t->model.filter.n = 0;
        top_model_arrange(&t->model);
        break;
    default: break;
    }
}

void top_key(top *t, uint32_t key)
{
    if (key == TOP_KEY_RESIZE) {
        if (t->mode == TOP_METHOD) top_refresh(t);
        return;
    }
    if (t->asking != TOP_NOTHING) {
        type(t, key);
        return;
    }
    t->message.n = 0;
    switch (t->mode) {
    case TOP_METHOD: method_key(t, key); break;
    case TOP_TEXT: text_key(t, key); break;
    case TOP_LIST:
    default: list_key(t, key); break;
    }
}
