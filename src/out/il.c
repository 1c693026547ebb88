/* IL as text: each body, or a diff of the two. */
#include "out/text-priv.h"

#include <stdlib.h>

#define CONTEXT 3u /* instructions around what differs */

/* ---- the diff ---- */

static int by_offset(const void *x, const void *y)
{
    const uint32_t a = *(const uint32_t *)x, b = ((const rj_il_insn *)y)->offset;
    return (a > b) - (a < b);
}

/* The place of an offset among the original's instructions; SIZE_MAX: none. */
static size_t place_of(const rj_il_body *b, uint32_t offset)
{
    const rj_il_insn *i = b->insn_count ? bsearch(&offset, b->insns, b->insn_count, sizeof *b->insns, by_offset) : NULL;
    return i ? (size_t)(i - b->insns) : SIZE_MAX;
}

/* Does the original instruction that woven code at `at` begins to stand for follow in it? */
static bool comes_later(const rj_il_body *b, size_t at)
{
    const uint32_t from = b->insns[at].from;
    for (size_t i = at + 1; i < b->insn_count; i++) {
        if (b->insns[i].from == from) return !b->insns[i].woven;
        if (b->insns[i].from != RJ_NONE) break;
    }
    return false;
}

static bool put_change(out_il_lines *out, char change, const rj_il_insn *insn)
{
    out_il_line *l = VEC_PUSH(out);
    if (l) *l = (out_il_line){change, insn};
    return l != NULL;
}

static bool put_removed(out_il_lines *out, const rj_il_body *original, size_t *at, size_t end)
{
    for (; *at < end; ++*at)
        if (!put_change(out, '-', &original->insns[*at])) return false;
    return true;
}

bool out_il_compare(const rj_il *m, out_il_lines *out)
{
    const rj_il_body *was = &m->original, *is = &m->woven;
    size_t at = 0; /* how much of the original has been met */
    bool ok = true;
    for (size_t i = 0; ok && i < is->insn_count; i++) {
        const rj_il_insn *x = &is->insns[i];
        const size_t place = x->from == RJ_NONE ? SIZE_MAX : place_of(was, x->from);
        const bool ahead = place != SIZE_MAX && place >= at;
        if (ahead && !x->woven) {
            ok = put_removed(out, was, &at, place) && put_change(out, ' ', x);
            at++;
        } else {
            if (ahead && !comes_later(is, i)) ok = put_removed(out, was, &at, place + 1);
            ok = ok && put_change(out, '+', x);
        }
    }
    return ok && put_removed(out, was, &at, is->insn_count ? was->insn_count : 0);
}

/* ---- lines ---- */

static void put_offset(buf_t *b, uint32_t offset)
{
    if (offset == RJ_NONE)
        buf_str(b, "         ");
    else
        buf_printf(b, "IL_%04x  ", offset);
}

/* The client whose it is, as a column. */
static void put_owner(buf_t *b, const rj_il *m, uint32_t layer)
{
    if (layer < m->layer_count)
        buf_printf(b, "%-4u", m->layers[layer].client);
    else
        buf_str(b, "    ");
}

static void put_insn(buf_t *b, const rj_il_insn *i, const out_style *style)
{
    const size_t start = b->n;
    buf_printf(b, "%-12s ", i->op);
    out_safe_text(b, i->operand);
    if (*i->comment) put_comment(b, start, 32, i->comment, style);
    while (!b->failed && b->n > start && b->p[b->n - 1] == ' ')
        b->n--;
    buf_u8(b, '\n');
}

/* Gutter, whose it is, where it was, where it is. */
static void put_line(buf_t *b, const rj_il *m, char change, const rj_il_insn *i, const out_style *style)
{
    const char *colour = change == '+' ? GREEN : change == '-' ? RED : "";
    const bool removed = change == '-';
    coloured(b, style, colour);
    buf_printf(b, "%c ", change);
    put_owner(b, m, i->woven ? i->layer : RJ_NONE);
    put_offset(b, removed ? i->offset : i->from);
    put_offset(b, removed ? RJ_NONE : i->offset);
    if (*colour) coloured(b, style, RESET);
    put_insn(b, i, style);
}

static void put_locals(buf_t *b, const rj_il *m, const rj_il_body *body, bool is_woven, bool diff)
{
    bool any = false;
    for (size_t i = 0; i < body->local_count; i++)
        any |= !diff || body->locals[i].woven;
    if (!any) return;
    buf_printf(b, "  locals%s%s:\n", body->init_locals ? ", zeroed" : "",
               is_woven && m->hidden ? "; a debugger sees the original ones alone" : "");
    for (size_t i = 0; i < body->local_count; i++) {
        const rj_il_local *l = &body->locals[i];
        if (diff && !l->woven) continue;
        buf_printf(b, "%c ", l->woven ? '+' : ' ');
        if (is_woven) put_owner(b, m, l->layer);
        buf_printf(b, "%4zu  ", i);
        out_safe_text(b, l->type);
        if (*l->role) buf_str(b, "  // ");
        out_safe_text(b, l->role);
        buf_u8(b, '\n');
    }
}

static void put_regions(buf_t *b, const rj_il_body *body, bool diff)
{
    bool any = false;
    for (size_t i = 0; i < body->region_count; i++)
        any |= !diff || body->regions[i].woven;
    if (any) buf_str(b, "  exception regions:\n");
    for (size_t i = 0; i < body->region_count; i++) {
        const rj_il_region *r = &body->regions[i];
        if (diff && !r->woven) continue;
        buf_printf(b, "%c   try IL_%04x to IL_%04x, %s ", r->woven ? '+' : ' ', r->try_start, r->try_end, r->kind);
        out_safe_text(b, r->type);
        if (*r->type) buf_u8(b, ' ');
        if (r->filter_start != RJ_NONE) buf_printf(b, "at IL_%04x, handler ", r->filter_start);
        buf_printf(b, "IL_%04x to IL_%04x\n", r->handler_start, r->handler_end);
    }
}

static void put_title(buf_t *b, const char *title, const rj_il_body *body)
{
    buf_printf(b, "%s: %u byte%s of IL, stack %u\n", title, body->code_size, body->code_size == 1 ? "" : "s",
               body->max_stack);
}

static void put_original(buf_t *b, const rj_il *m, const out_style *style)
{
    put_title(b, "original", &m->original);
    put_locals(b, m, &m->original, false, false);
    for (size_t i = 0; i < m->original.insn_count; i++) {
        buf_str(b, "  ");
        put_offset(b, m->original.insns[i].offset);
        put_insn(b, &m->original.insns[i], style);
    }
    put_regions(b, &m->original, false);
}

static void put_layers(buf_t *b, const rj_il *m)
{
    for (size_t i = 0; i < m->layer_count; i++) {
        const rj_il_layer *l = &m->layers[i];
        buf_printf(b, "  client %u: ", l->client);
        out_safe_text(b, l->name);
        buf_printf(b, " (pid %d, user ", l->pid);
        out_safe_text(b, l->user);
        buf_printf(b, "), probe %u\n", l->probe);
    }
    if (!*m->note) return;
    buf_str(b, "  ");
    out_safe_text(b, m->note);
    buf_u8(b, '\n');
}

static void put_woven(buf_t *b, const rj_il *m, const out_style *style)
{
    buf_t title = {0};
    buf_printf(&title, "woven (%s", m->state);
    if (m->version) buf_printf(&title, ", version %u", m->version);
    buf_u8(&title, ')');
    put_title(b, buf_cstr(&title), &m->woven);
    buf_free(&title);
    put_layers(b, m);
    put_locals(b, m, &m->woven, true, false);
    for (size_t i = 0; i < m->woven.insn_count; i++)
        put_line(b, m, m->woven.insns[i].woven ? '+' : ' ', &m->woven.insns[i], style);
    put_regions(b, &m->woven, false);
}

/* Is something that differs near enough to line i? */
static bool is_near(const out_il_lines *lines, size_t i)
{
    const size_t first = i > CONTEXT ? i - CONTEXT : 0, end = RJ_MIN(i + CONTEXT + 1, lines->n);
    for (size_t k = first; k < end; k++)
        if (lines->v[k].change != ' ') return true;
    return false;
}

static void put_diff(buf_t *b, const rj_il *m, const out_style *style)
{
    out_il_lines lines = {0};
    if (!out_il_compare(m, &lines)) b->failed = true;
    buf_printf(b, "--- original, %u bytes\n+++ woven, %u bytes, %s\n", m->original.code_size, m->woven.code_size,
               m->state);
    put_layers(b, m);
    put_locals(b, m, &m->woven, true, true);
    bool gap = false;
    for (size_t i = 0; i < lines.n; i++) {
        const bool shown = is_near(&lines, i);
        if (shown && gap) buf_str(b, "  ...\n");
        gap = !shown;
        if (shown) put_line(b, m, lines.v[i].change, lines.v[i].insn, style);
    }
    VEC_FREE(&lines);
    put_regions(b, &m->woven, true);
}

void out_il(buf_t *b, const rj_il *m, bool diff, const out_style *style)
{
    put_method_line(b, m->name, m->module, m->token, style);
    if (*m->reason) {
        buf_str(b, "no IL: ");
        out_safe_text(b, m->reason);
        buf_u8(b, '\n');
    } else if (!diff) {
        put_original(b, m, style);
        if (m->woven.insn_count) put_woven(b, m, style);
    } else if (m->woven.insn_count) {
        put_diff(b, m, style);
    } else {
        buf_str(b, "it is not instrumented: nothing differs\n");
    }
}
