/* Call trees, as text and as JSON: one tree a call. */
#include "out/json-priv.h"
#include "out/text-priv.h"

/* ---- text ---- */

typedef struct text {
    buf_t *b;
    const rj_call *c;
    const out_style *style;
    buf_t bars; /* what stands before the branches of this level */
} text;

static void put_share(text *x, uint64_t ns, bool slowest)
{
    buf_t time = {0};
    out_duration(&time, ns);
    coloured(x->b, x->style, slowest ? BOLD YELLOW : DIM);
    buf_printf(x->b, "%13.1f%% %7s", x->c->elapsed ? 100.0 * (double)ns / (double)x->c->elapsed : 0.0, buf_cstr(&time));
    coloured(x->b, x->style, RESET);
    buf_str(x->b, "  ");
    buf_free(&time);
}

static void put_branch(text *x, bool last)
{
    coloured(x->b, x->style, DIM);
    buf_str(x->b, buf_cstr(&x->bars));
    buf_str(x->b, last ? "└─ " : "├─ ");
    coloured(x->b, x->style, RESET);
}

static void put_figures(const text *x, const rj_node *n)
{
    buf_t *b = x->b;
    if (n->count != 1) {
        coloured(b, x->style, DIM);
        buf_str(b, "  ");
        out_count(b, n->count);
        buf_str(b, " calls");
        if (n->count) {
            buf_str(b, ", ");
            out_duration(b, n->least);
            buf_str(b, " to ");
            out_duration(b, n->most);
        }
        coloured(b, x->style, RESET);
    }
    if (n->is_async) buf_str(b, "  async, up to its first await");
    if (!n->errors) return;
    coloured(b, x->style, RED);
    if (n->count == 1)
        buf_str(b, " ! threw");
    else
        buf_printf(b, " ! %u threw", n->errors);
    coloured(b, x->style, RESET);
}

static uint32_t next_child(const rj_call *c, uint32_t parent, size_t from)
{
    while (from < c->node_count && c->nodes[from].parent != parent)
        from++;
    return (uint32_t)from;
}

static uint32_t slowest_child(const rj_call *c, uint32_t parent)
{
    uint32_t most = RJ_ROOT;
    for (uint32_t i = next_child(c, parent, 0); i < c->node_count; i = next_child(c, parent, i + 1u))
        if (most == RJ_ROOT || c->nodes[i].total > c->nodes[most].total) most = i;
    return most;
}

static void put_itself(text *x, uint64_t below)
{
    put_share(x, x->c->elapsed > below ? x->c->elapsed - below : 0, false);
    put_branch(x, true);
    coloured(x->b, x->style, DIM);
    buf_str(x->b, "itself");
    coloured(x->b, x->style, RESET);
    buf_u8(x->b, '\n');
}

/* slow: what leads here is the slowest of its level. */
static void put_calls(text *x, uint32_t parent, bool slow)
{
    const rj_call *c = x->c;
    const uint32_t slowest = slow ? slowest_child(c, parent) : RJ_ROOT;
    uint64_t below = 0;
    uint32_t i = next_child(c, parent, 0);
    if (i >= c->node_count) return;
    while (i < c->node_count) {
        const rj_node *n = &c->nodes[i];
        const uint32_t next = next_child(c, parent, i + 1u);
        const bool last = next >= c->node_count && parent != RJ_ROOT;
        put_share(x, n->total, i == slowest);
        put_branch(x, last);
        if (i == slowest) coloured(x->b, x->style, BOLD);
        out_safe_text(x->b, n->method);
        if (i == slowest) coloured(x->b, x->style, RESET);
        put_figures(x, n);
        buf_u8(x->b, '\n');
        const size_t mark = x->bars.n;
        buf_str(&x->bars, last ? "   " : "│  ");
        put_calls(x, i, i == slowest);
        x->bars.n = mark;
        below += n->total;
        i = next;
    }
    if (parent == RJ_ROOT) put_itself(x, below);
}

static void put_missing(buf_t *b, const rj_call *c)
{
    if (!c->partial && !c->missing) return;
    buf_printf(b, "%22s  incomplete: ", "");
    if (c->missing) {
        out_count(b, c->missing);
        buf_printf(b, " call%s not shown, for want of room\n", c->missing == 1 ? " is" : "s are");
    } else {
        buf_str(b, "calls may be missing\n");
    }
}

void out_trace(buf_t *b, const rj_call *c, const out_style *style)
{
    out_call(b, c, style);
    if (c->is_async) buf_printf(b, "%22s  async, up to its first await\n", "");
    text x = {.b = b, .c = c, .style = style};
    put_calls(&x, RJ_ROOT, true);
    buf_free(&x.bars);
    put_missing(b, c);
}

/* ---- JSON ---- */

static void json_calls(buf_t *b, const rj_call *c, uint32_t parent)
{
    key(b, "calls");
    buf_u8(b, '[');
    bool first = true;
    for (uint32_t i = next_child(c, parent, 0); i < c->node_count; i = next_child(c, parent, i + 1u)) {
        const rj_node *n = &c->nodes[i];
        buf_str(b, first ? "{" : ",{");
        first = false;
        key_text(b, "method", n->method);
        key_text(b, "module", n->module);
        key_u64(b, "count", n->count);
        key_u64(b, "total_ns", n->total);
        key_u64(b, "min_ns", n->least);
        key_u64(b, "max_ns", n->most);
        key_u64(b, "errors", n->errors);
        if (n->is_async) key_bool(b, "async", true);
        json_calls(b, c, i);
        buf_u8(b, '}');
    }
    buf_u8(b, ']');
}

void out_json_trace(buf_t *b, const rj_call *c)
{
    open_call(b, c, "trace");
    if (c->is_async) key_bool(b, "async", true);
    if (c->outcome == RJ_THREW) out_json_exception(b, c);
    if (c->missing) key_u64(b, "missing", c->missing);
    if (c->partial || c->missing) key_bool(b, "incomplete", true);
    json_calls(b, c, RJ_ROOT);
    close_line(b);
}
