/* rejit top: rows, filter, order, selection. Nothing here knows a screen or a session. */
#include "cli/top.h"

#include <stdlib.h>

static void row_free(top_row *r)
{
    free(r->method);
    free(r->module);
    free(r);
}

void top_model_free(top_model *m)
{
    for (size_t i = 0; i < m->rows.n; i++)
        row_free(m->rows.v[i]);
    VEC_FREE(&m->rows);
    VEC_FREE(&m->view);
    map_free(&m->by_probe);
    buf_free(&m->filter);
}

static uint64_t key_of(uint32_t group, uint32_t probe)
{
    return (uint64_t)group << 32 | probe;
}

static top_row *row_new(top_model *m, uint32_t group, const rj_stat *s)
{
    top_row *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->group = group;
    r->probe = s->probe;
    r->method = strdup(s->method);
    r->module = strdup(s->module);
    top_row **place = r->method && r->module ? VEC_PUSH(&m->rows) : NULL;
    if (place && map_put(&m->by_probe, key_of(group, s->probe), r)) {
        *place = r;
        return r;
    }
    if (place) m->rows.n--;
    row_free(r);
    return NULL;
}

static void take_one(top_row *r, const rj_stat *s, double seconds)
{
    const bool grown = seconds > 0 && s->calls > r->calls;
    r->rate = grown ? (double)(s->calls - r->calls) / seconds : 0;
    r->share = grown && s->sum > r->sum ? (double)(s->sum - r->sum) / 1e9 / seconds : 0;
    r->calls = s->calls;
    r->errors = s->errors;
    r->sum = s->sum;
    r->mean = s->mean;
    r->p50 = s->p50;
    r->p99 = s->p99;
    r->max = s->max;
}

bool top_model_take(top_model *m, uint32_t group, const rj_stats *s, double seconds)
{
    for (size_t i = 0; i < s->count; i++) {
        top_row *r = map_get(&m->by_probe, key_of(group, s->items[i].probe));
        if (!r) r = row_new(m, group, &s->items[i]);
        if (!r) return false;
        take_one(r, &s->items[i], seconds);
    }
    return true;
}

/* ---- order ---- */

static double figure(const top_row *r, top_sort by)
{
    switch (by) {
    case TOP_BY_RATE: return r->rate;
    case TOP_BY_ERRORS: return (double)r->errors;
    case TOP_BY_MEAN: return (double)r->mean;
    case TOP_BY_P50: return (double)r->p50;
    case TOP_BY_P99: return (double)r->p99;
    case TOP_BY_MAX: return (double)r->max;
    case TOP_BY_SHARE: return r->share;
    case TOP_BY_METHOD:
    case TOP_SORTS:
    default: return 0;
    }
}

/* The largest first, names from A; what is equal in that by all the time that it took, then by name. */
static int compare(const void *x, const void *y, void *model)
{
    const top_row *a = *(top_row *const *)x, *b = *(top_row *const *)y;
    const top_model *m = model;
    const double fa = figure(a, m->sort), fb = figure(b, m->sort);
    const int names = strcmp(a->method, b->method);
    int order = fa > fb ? -1 : fa < fb;
    if (m->sort == TOP_BY_METHOD) order = names;
    if (m->reversed) order = -order;
    if (!order && a->sum != b->sum) order = a->sum > b->sum ? -1 : 1;
    if (!order) order = names;
    return order ? order : (a->group > b->group) - (a->group < b->group);
}

static bool passes(top_model *m, const top_row *r)
{
    return !r->removed && (!m->filter.n || strcasestr(r->method, buf_cstr(&m->filter)));
}

void top_model_arrange(top_model *m)
{
    const top_row *was = m->chosen ? top_model_selected(m) : NULL;
    m->view.n = 0;
    for (size_t i = 0; i < m->rows.n; i++) {
        if (!passes(m, m->rows.v[i])) continue;
        top_row **place = VEC_PUSH(&m->view);
        if (!place) break;
        *place = m->rows.v[i];
    }
    size_t at = m->chosen ? m->selected : 0;
    m->selected = 0;
    if (!m->view.v || !m->view.n) return;
    qsort_r(m->view.v, m->view.n, sizeof(top_row *), compare, m);
    for (size_t i = 0; was && i < m->view.n; i++)
        if (m->view.v[i] == was) at = i;
    m->selected = RJ_MIN(at, m->view.n - 1);
}

void top_model_sort(top_model *m, int step)
{
    m->sort = (top_sort)(((int)m->sort + step + TOP_SORTS) % TOP_SORTS);
    m->reversed = false;
    top_model_arrange(m);
}

void top_model_reverse(top_model *m)
{
    m->reversed = !m->reversed;
    top_model_arrange(m);
}

const char *top_sort_name(top_sort by)
{
    static const char *const names[TOP_SORTS] = {"calls/s", "errors", "mean", "p50", "p99", "max", "time", "method"};
    return names[by];
}

/* ---- selection ---- */

void top_model_move(top_model *m, long by, size_t height)
{
    if (!m->view.n) return;
    const long at = (long)m->selected + by, last = (long)m->view.n - 1;
    m->selected = (size_t)RJ_MAX(0, RJ_MIN(at, last));
    m->chosen = true;
    top_model_scroll(m, height);
}

void top_model_scroll(top_model *m, size_t height)
{
    if (!height) return;
    if (m->selected < m->first) m->first = m->selected;
    if (m->selected >= m->first + height) m->first = m->selected - height + 1;
    /* no empty lines below while there are rows above */
    const size_t most = m->view.n > height ? m->view.n - height : 0;
    m->first = RJ_MIN(m->first, most);
}

top_row *top_model_selected(const top_model *m)
{
    return m->selected < m->view.n ? m->view.v[m->selected] : NULL;
}

void top_model_remove(top_model *m, top_row *row)
{
    row->removed = true;
    top_model_arrange(m);
}

top_row *top_model_same(const top_model *m, const top_row *row)
{
    for (size_t i = 0; i < m->rows.n; i++) {
        top_row *r = m->rows.v[i];
        if (r->group != row->group && !r->removed && strcmp(r->method, row->method) == 0 &&
            strcmp(r->module, row->module) == 0)
            return r;
    }
    return NULL;
}

size_t top_model_count(const top_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->rows.n; i++)
        n += !m->rows.v[i]->removed;
    return n;
}

/* ---- a line that is typed ---- */

void top_line_add(buf_t *line, uint32_t c)
{
    if (c < 0x80) {
        buf_u8(line, (uint8_t)c);
        return;
    }
    if (c >= 0x10000) buf_u8(line, (uint8_t)(0xF0 | c >> 18));
    if (c >= 0x10000)
        buf_u8(line, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
    else if (c >= 0x800)
        buf_u8(line, (uint8_t)(0xE0 | c >> 12));
    if (c >= 0x800)
        buf_u8(line, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
    else
        buf_u8(line, (uint8_t)(0xC0 | c >> 6));
    buf_u8(line, (uint8_t)(0x80 | (c & 0x3F)));
}

void top_line_back(buf_t *line)
{
    while (line->n && (line->p[line->n - 1] & 0xC0) == 0x80)
        line->n--;
    if (line->n) line->n--;
}
