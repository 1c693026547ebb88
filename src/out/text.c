/* Values and calls as text, one line a call. */
#include "out/text-priv.h"

static void put_items(buf_t *b, const rj_value *v, bool names)
{
    for (size_t i = 0; i < v->count; i++) {
        if (i) buf_str(b, ", ");
        if (names) {
            out_safe_text(b, v->items[i].name);
            buf_str(b, ": ");
        }
        out_value(b, &v->items[i]);
    }
}

static void put_list(buf_t *b, const rj_value *v)
{
    out_short_type(b, v->type);
    buf_printf(b, "(%llu)", (unsigned long long)v->length);
    if (!v->length || !v->count) {
        if (!v->length) buf_str(b, " []");
        return;
    }
    buf_str(b, " [");
    put_items(b, v, false);
    buf_str(b, v->count < v->length ? ", ...]" : "]");
}

static void put_state(buf_t *b, const rj_value *v)
{
    out_short_type(b, v->type);
    buf_u8(b, '(');
    out_safe_text(b, v->text);
    if (v->count) {
        buf_str(b, ", ");
        put_items(b, v, false);
    }
    buf_u8(b, ')');
}

void out_value(buf_t *b, const rj_value *v)
{
    switch (v->kind) {
    case RJ_NULL: buf_str(b, "null"); break;
    case RJ_BOOL: buf_str(b, v->u ? "true" : "false"); break;
    case RJ_INT: buf_printf(b, "%lld", (long long)v->i); break;
    case RJ_UINT: buf_printf(b, "%llu", (unsigned long long)v->u); break;
    case RJ_FLOAT: out_float(b, v->f, false); break;
    case RJ_SINGLE: out_float(b, v->f, true); break;
    case RJ_CHAR: out_quoted(b, '\'', v->text, v->text_size, false); break;
    case RJ_STRING: out_quoted(b, '"', v->text, v->text_size, v->cut); break;
    case RJ_DECIMAL:
    case RJ_ENUM:
    case RJ_TIME:
    case RJ_GUID: out_safe(b, v->text, v->text_size); break;
    case RJ_POINTER: buf_printf(b, "0x%llx", (unsigned long long)v->u); break;
    case RJ_LIST: put_list(b, v); break;
    case RJ_TUPLE:
        buf_u8(b, '(');
        put_items(b, v, false);
        buf_u8(b, ')');
        break;
    case RJ_OBJECT:
        out_short_type(b, v->type);
        buf_u8(b, '{');
        put_items(b, v, true);
        buf_u8(b, '}');
        break;
    case RJ_STATE: put_state(b, v); break;
    case RJ_SECRET: buf_str(b, "***"); break;
    case RJ_OPAQUE:
    default:
        buf_u8(b, '{');
        out_short_type(b, v->type);
        buf_u8(b, '}');
        break;
    }
}

/* Where the list of parameters begins: the parenthesis that the last one closes. */
static size_t name_end(const char *method)
{
    size_t n = strlen(method), depth = 0;
    if (!n || method[n - 1] != ')') return n;
    for (size_t i = n; i-- > 0;) {
        if (method[i] == ')') depth++;
        if (method[i] == '(' && --depth == 0) return i;
    }
    return n;
}

static void put_args(buf_t *b, const rj_call *c)
{
    bool first = true;
    buf_u8(b, '(');
    if (c->self) {
        buf_str(b, "this: ");
        out_value(b, c->self);
        first = false;
    }
    for (size_t i = 0; c->args && i < c->arg_count; i++) {
        if (!first) buf_str(b, ", ");
        first = false;
        out_safe_text(b, c->args[i].name);
        buf_str(b, ": ");
        out_value(b, &c->args[i]);
    }
    buf_u8(b, ')');
}

static void put_outcome(buf_t *b, const rj_call *c, const out_style *style)
{
    if (c->outcome == RJ_THREW) {
        coloured(b, style, RED);
        buf_str(b, " ! ");
        if (*c->exception)
            out_short_type(b, c->exception);
        else
            buf_str(b, "exception");
        if (c->message) {
            buf_str(b, ": ");
            out_quoted(b, '"', c->message, strlen(c->message), false);
        }
        coloured(b, style, RESET);
    } else if (c->outcome == RJ_TAIL_CALLED) {
        buf_str(b, " -> tail call");
    } else if (c->result) {
        buf_str(b, " = ");
        out_value(b, c->result);
    }
}

void out_call(buf_t *b, const rj_call *c, const out_style *style)
{
    buf_t elapsed = {0};
    coloured(b, style, DIM);
    out_clock(b, c->time);
    coloured(b, style, RESET);
    out_duration(&elapsed, c->elapsed);
    coloured(b, style, YELLOW);
    buf_printf(b, "  %7s", buf_cstr(&elapsed));
    coloured(b, style, RESET);
    buf_free(&elapsed);
    coloured(b, style, DIM);
    if (style->pids)
        buf_printf(b, "  %d/%u  ", c->pid, c->thread);
    else
        buf_printf(b, "  %u  ", c->thread);
    coloured(b, style, RESET);
    coloured(b, style, CYAN);
    /* Without values the parameters' types tell overloads apart. */
    bool values = c->args || c->self;
    out_safe(b, c->method, values ? name_end(c->method) : strlen(c->method));
    coloured(b, style, RESET);
    if (values) put_args(b, c);
    put_outcome(b, c, style);
    buf_u8(b, '\n');
}
